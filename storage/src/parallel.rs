//! Work on all cores, within a call.

use std::sync::OnceLock;
use std::thread::available_parallelism;

use parking_lot::Mutex;

use crate::error::Result;

/// Calls `work` with each item, on all cores. After an error no further items are begun.
///
/// # Errors
/// The first that `work` returns.
pub(crate) fn for_each<T>(
    items: impl ExactSizeIterator<Item = T> + Send,
    work: impl Fn(T) -> Result<()> + Sync,
) -> Result<()> {
    // Asking reads files.
    static CORES: OnceLock<usize> = OnceLock::new();
    let cores = *CORES.get_or_init(|| available_parallelism().map_or(1, usize::from));
    // Threads of its own would be none of the scheduler's.
    let threads = if cfg!(feature = "shuttle") {
        1
    } else {
        cores.min(items.len())
    };
    let items = Mutex::new(items);
    let failed = Mutex::new(None);
    let next = || {
        let is_failed = failed.lock().is_some();
        if is_failed { None } else { items.lock().next() }
    };
    let work = || {
        while let Some(item) = next() {
            if let Err(error) = work(item) {
                failed.lock().get_or_insert(error);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            // Without another thread this one does all of it.
            let _ = std::thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    failed.into_inner().map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::error::Error;

    #[test]
    fn each_item_is_worked_on_once() {
        for count in [0, 1, 2, 1_000] {
            let sum = AtomicU64::new(0);
            let add = |item: u64| {
                sum.fetch_add(item, Ordering::Relaxed);
                Ok(())
            };
            for_each((0..count).collect::<Vec<_>>().into_iter(), add).unwrap();
            assert_eq!(sum.into_inner(), (0..count).sum::<u64>());
        }
    }

    #[test]
    fn an_error_is_returned() {
        let odd = |item: u32| match item {
            500 => Err(Error::internal("five hundred")),
            _ => Ok(()),
        };
        let error = for_each((0..1_000).collect::<Vec<_>>().into_iter(), odd).unwrap_err();
        assert!(error.to_string().contains("five hundred"));
    }
}
