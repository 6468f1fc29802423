//! Flushes and compactions that are not waited for.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tagdb_wire::{JobInfo, JobState};

use super::error::{ApiError, ApiResult};

/// Jobs that are remembered; the oldest that are done go first.
const JOBS_MAX: usize = 1_000;

/// Jobs under way: each holds a thread, and most of them wait for one another.
const RUNNING_MAX: u64 = 8;

/// The jobs of a server since its start.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    made: u64,
    jobs: VecDeque<JobInfo>,
}

impl Jobs {
    /// Adds a running job.
    ///
    /// # Errors
    /// `overloaded` if there are too many.
    pub(super) fn begin(&self, kind: &str, table: Option<String>) -> ApiResult<JobInfo> {
        let mut inner = self.inner.lock();
        let running = inner.running();
        if running >= RUNNING_MAX {
            let detail =
                format!("{running} flushes and compactions are under way; try again later");
            let error = ApiError::new("overloaded", detail);
            return Err(error.limit("jobs", running + 1, RUNNING_MAX));
        }
        inner.made += 1;
        let job = JobInfo {
            id: inner.made.to_string(),
            kind: kind.to_owned(),
            table,
            state: JobState::Running,
            problem: None,
        };
        if inner.jobs.len() >= JOBS_MAX
            && let Some(done) = inner
                .jobs
                .iter()
                .position(|job| job.state != JobState::Running)
        {
            inner.jobs.remove(done);
        }
        inner.jobs.push_back(job.clone());
        Ok(job)
    }

    /// Says how a job ended.
    pub(super) fn end(&self, id: &str, failed: Option<&ApiError>, request_id: &str) {
        let mut inner = self.inner.lock();
        if let Some(job) = inner.jobs.iter_mut().find(|job| job.id == id) {
            job.problem = failed.map(|error| error.problem(request_id));
            job.state = if failed.is_some() {
                JobState::Failed
            } else {
                JobState::Done
            };
        }
    }

    /// A job by its id.
    pub(super) fn find(&self, id: &str) -> Option<JobInfo> {
        let inner = self.inner.lock();
        inner.jobs.iter().find(|job| job.id == id).cloned()
    }

    /// Jobs under way.
    pub(super) fn running(&self) -> u64 {
        self.inner.lock().running()
    }
}

impl Inner {
    fn running(&self) -> u64 {
        let running = |job: &&JobInfo| job.state == JobState::Running;
        self.jobs.iter().filter(running).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_remembered_up_to_a_bound() {
        let jobs = Jobs::default();
        let first = jobs.begin("flush", None).unwrap();
        for _ in 0..JOBS_MAX {
            let job = jobs.begin("compact", Some("users".to_owned())).unwrap();
            jobs.end(&job.id, None, "r");
        }
        assert_eq!(jobs.running(), 1);
        assert_eq!(jobs.inner.lock().jobs.len(), JOBS_MAX);
        jobs.end(&first.id, Some(&ApiError::new("disk_full", "full")), "r1");
        let found = jobs.find(&first.id).unwrap();
        assert_eq!(found.state, JobState::Failed);
        assert_eq!(found.problem.unwrap().request_id, "r1");
        assert_eq!(jobs.find("no"), None);
    }

    #[test]
    fn few_run_at_a_time() {
        let jobs = Jobs::default();
        let begun: Vec<_> = (0..RUNNING_MAX)
            .map(|_| jobs.begin("compact", None).unwrap())
            .collect();
        let error = jobs.begin("compact", None).unwrap_err();
        assert_eq!(error.code(), "overloaded");
        assert_eq!(error.problem("r").limit.as_deref(), Some("jobs"));
        jobs.end(&begun[0].id, None, "r");
        jobs.begin("flush", None).unwrap();
    }
}
