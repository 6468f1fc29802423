//! Writing a batch.

use std::sync::Arc;

use crate::batch::WriteSet;
use crate::engine::apply::{apply_catalog, apply_sections};
use crate::engine::batch::{Batch, Idempotency, Outcome};
use crate::engine::maintenance::memory_bytes;
use crate::engine::root::DbState;
use crate::engine::sequence::Sequence;
use crate::engine::{Engine, Sequencer};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::Lsn;
use crate::limits::IDEMPOTENCY_KEY_BYTES_MAX;
use crate::manifest::RecordedWrite;

/// How a write is made.
#[derive(Clone, Debug)]
pub struct WriteOptions {
    /// Whether to wait until it is on disk.
    pub durable: bool,
    /// The write's name.
    pub idempotency: Option<Idempotency>,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self {
            durable: true,
            idempotency: None,
        }
    }
}

/// The answer to a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The batch.
    pub lsn: Lsn,
    /// For reading at least this state.
    pub token: String,
    /// What was done.
    pub outcome: Outcome,
    /// Whether it is on disk.
    pub durable: bool,
    /// Whether it was done before, by a write of the same name.
    pub replayed: bool,
    /// The first write's own detail.
    pub detail: Vec<u8>,
}

impl Engine {
    /// Writes a batch. `prepare` says what, on the pending root: all batches before this one are
    /// in it, and none comes between. Returns once the batch is durable, unless told not to wait.
    ///
    /// # Errors
    /// What `prepare` returns, or why the batch is refused: nothing has happened then. After
    /// `write_unknown` the batch may or may not be there after a restart.
    pub fn write<E: From<Error>>(
        &self,
        options: &WriteOptions,
        prepare: impl FnOnce(&DbState) -> Result<WriteSet, E>,
    ) -> Result<Receipt, E> {
        self.throttle()?;
        if let Some(idempotency) = &options.idempotency {
            check_key(&idempotency.key)?;
        }
        let mut sequencer = self.sequencer.lock();
        if let Some(error) = self.poisoned() {
            return Err(error.into());
        }
        if let Some(receipt) = self.repeated(&sequencer, options)? {
            drop(sequencer);
            self.commit(receipt.lsn)?;
            return Ok(receipt);
        }
        let write = prepare(&sequencer.pending)?;
        let empty = write.changes.is_empty() && write.schema.is_none();
        if empty && options.idempotency.is_none() {
            let lsn = sequencer.pending.lsn;
            drop(sequencer);
            self.commit(lsn)?;
            let matched = write.matched.unwrap_or(0);
            let outcome = Outcome {
                matched,
                ..Outcome::default()
            };
            return Ok(self.receipt(lsn, outcome, true));
        }
        let (lsn, outcome) = self.sequence(&mut sequencer, write, options)?;
        drop(sequencer);
        self.wake_if_due();
        if options.durable {
            self.commit(lsn)?;
        } else {
            self.roots.publish(lsn);
            self.maintenance.request_sync();
        }
        Ok(self.receipt(lsn, outcome, options.durable))
    }

    /// The write of a name, if it was made and is durable.
    ///
    /// # Errors
    /// It was made, but cannot be made durable.
    pub fn recorded(&self, key: &str) -> Result<Option<Receipt>> {
        let write = self.remembered(&self.sequencer.lock(), key).cloned();
        let Some(write) = write else { return Ok(None) };
        self.commit(write.lsn)?;
        Ok(Some(self.replay(&write)))
    }

    /// The write that these options name, if it was made and is durable. Whoever asks before he
    /// prepares the write can answer a repeat even if the write could not be prepared any more.
    ///
    /// # Errors
    /// `idempotency_key_reused` if the name is that of another write; it was made, but cannot be
    /// made durable.
    pub fn repeat_of(&self, options: &WriteOptions) -> Result<Option<Receipt>> {
        if options.idempotency.is_none() {
            return Ok(None);
        }
        let receipt = self.repeated(&self.sequencer.lock(), options)?;
        if let Some(receipt) = &receipt {
            self.commit(receipt.lsn)?;
        }
        Ok(receipt)
    }

    /// The write of a name that has not run out.
    fn remembered<'a>(
        &self,
        sequencer: &'a Sequencer,
        key: &str,
    ) -> Option<&'a Arc<RecordedWrite>> {
        let oldest = self
            .clock
            .now_micros()
            .saturating_sub(self.settings.idempotency_micros);
        let write = sequencer.writes.get(key);
        write.filter(|write| write.commit_time >= oldest)
    }

    /// Waits until a batch is durable, and visible.
    pub(super) fn commit(&self, lsn: Lsn) -> Result<()> {
        Ok(self.log.commit(lsn.0)?)
    }

    fn sequence(
        &self,
        sequencer: &mut Sequencer,
        write: WriteSet,
        options: &WriteOptions,
    ) -> Result<(Lsn, Outcome)> {
        let mut state = DbState::clone(&sequencer.pending);
        let lsn = Lsn(state.lsn.0 + 1);
        if let Some(change) = &write.schema {
            let catalog = state.catalog.apply(change)?;
            apply_catalog(&mut state, catalog);
        }
        let deletes = write.deletes_only();
        let now = self.clock.now_micros();
        let sequence = Sequence::new(&state, self.settings.vocabulary, &sequencer.replacing);
        let mut batch = sequence.run(write, lsn, now)?;
        batch.idempotency.clone_from(&options.idempotency);
        let payload = batch.encode()?;
        let reserved = match deletes {
            true => self.log.reserve_to_delete(payload.len()),
            false => self
                .log
                .reserve(payload.len(), &|| memory_bytes(&sequencer.pending) as u64),
        };
        if let Err(error) = reserved {
            let error = Error::from(error);
            if error.kind() == ErrorKind::DiskFull {
                // What was dropped and what the log no longer needs is let go by a flush only.
                self.maintenance.request_flush();
            }
            return Err(error);
        }
        apply_sections(&mut state, &batch, sequencer.barrier)?;
        // The root waits before the log can make its batch durable.
        sequencer.push(state, &self.roots);
        self.log.append(lsn.0, &payload);
        if let Some(idempotency) = batch.idempotency.take() {
            self.record(sequencer, idempotency, &batch);
        }
        Ok((lsn, batch.outcome))
    }

    pub(super) fn record(&self, sequencer: &mut Sequencer, name: Idempotency, batch: &Batch) {
        let (lsn, commit_time, outcome) = (batch.lsn, batch.commit_time, batch.outcome);
        let write = RecordedWrite {
            idempotency: name,
            lsn,
            commit_time,
            outcome,
        };
        let oldest = batch
            .commit_time
            .saturating_sub(self.settings.idempotency_micros);
        sequencer
            .writes
            .push(write, oldest, self.settings.recorded_max());
    }

    pub(super) fn repeated(
        &self,
        sequencer: &Sequencer,
        options: &WriteOptions,
    ) -> Result<Option<Receipt>> {
        let Some(given) = &options.idempotency else {
            return Ok(None);
        };
        let Some(write) = self.remembered(sequencer, &given.key) else {
            return Ok(None);
        };
        if write.idempotency.fingerprint != given.fingerprint {
            let detail = format!("idempotency key {:?} was used for another write", given.key);
            return Err(Error::new(
                ErrorKind::Conflict,
                "idempotency_key_reused",
                detail,
            ));
        }
        Ok(Some(self.replay(write)))
    }

    fn replay(&self, write: &RecordedWrite) -> Receipt {
        let detail = write.idempotency.detail.clone();
        Receipt {
            replayed: true,
            detail,
            ..self.receipt(write.lsn, write.outcome, true)
        }
    }

    pub(super) fn receipt(&self, lsn: Lsn, outcome: Outcome, durable: bool) -> Receipt {
        let token = self.token(lsn);
        Receipt {
            lsn,
            token,
            outcome,
            durable,
            replayed: false,
            detail: Vec::new(),
        }
    }
}

impl Sequencer {
    /// Makes a state the pending root, to be published once it is durable.
    pub(super) fn push(&mut self, state: DbState, roots: &super::Roots) {
        let state = Arc::new(state);
        roots.waiting.lock().push_back(state.clone());
        self.pending = state;
    }
}

fn check_key(key: &str) -> Result<()> {
    let fits = (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len());
    if fits && key.bytes().all(|byte| (0x20..0x7F).contains(&byte)) {
        return Ok(());
    }
    let detail = "an idempotency key has 1 to 128 printable ASCII characters";
    Err(Error::new(ErrorKind::Invalid, "bad_parameter", detail))
}
