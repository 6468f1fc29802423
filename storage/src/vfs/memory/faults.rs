//! Which operation fails, and how.

use std::io;

use super::random::Random;

/// A way for an operation to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An I/O error. A change may have happened in part or in whole. A failed sync of a file
    /// drops its unsynced changes: they are seen until the power goes, and never become durable.
    Io,
    /// The disk is full: a write may have happened in part, a sync fails as above.
    DiskFull,
    /// A write takes only a part of its bytes and succeeds.
    ShortWrite,
    /// The process stops: the operation may have happened in part or in whole, and every later
    /// one fails.
    Crash,
}

/// What an operation does, as far as faults are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Read,
    /// Takes disk space for bytes.
    Write,
    /// Changes names, and may take disk space for them.
    AddName,
    RemoveName,
    Sync,
    SyncDirectory,
}

impl Fault {
    fn hits(self, operation: Operation) -> bool {
        match self {
            Self::Io | Self::Crash => true,
            Self::ShortWrite => operation == Operation::Write,
            Self::DiskFull => matches!(
                operation,
                Operation::Write | Operation::AddName | Operation::Sync
            ),
        }
    }

    pub(super) fn error(self) -> io::Error {
        match self {
            Self::DiskFull => io::ErrorKind::StorageFull.into(),
            Self::Io | Self::ShortWrite => io::Error::other("injected I/O error"),
            Self::Crash => io::Error::other("the simulated process has stopped"),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Plan {
    at: u64,
    fault: Fault,
    sticky: bool,
}

#[derive(Debug)]
pub(super) struct Faults {
    pub(super) operations: u64,
    pub(super) trace: u64,
    pub(super) crashed: bool,
    pub(super) fired: u64,
    pub(super) random: Random,
    plan: Option<Plan>,
}

impl Faults {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            operations: 0,
            trace: 0xcbf2_9ce4_8422_2325,
            crashed: false,
            fired: 0,
            random: Random::new(seed),
            plan: None,
        }
    }

    pub(super) fn plan(&mut self, at: u64, fault: Fault, sticky: bool) {
        self.plan = Some(Plan { at, fault, sticky });
    }

    pub(super) fn clear(&mut self) {
        self.plan = None;
    }

    /// Counts an operation and says whether it fails.
    pub(super) fn meet(
        &mut self,
        operation: Operation,
        detail: u64,
    ) -> Result<Option<Fault>, io::Error> {
        if self.crashed {
            return Err(Fault::Crash.error());
        }
        let number = self.operations;
        self.operations += 1;
        for word in [operation as u64, detail] {
            self.trace = (self.trace ^ word).wrapping_mul(0x100_0000_01b3);
        }
        let Some(plan) = self.plan else {
            return Ok(None);
        };
        if number < plan.at || !plan.fault.hits(operation) {
            return Ok(None);
        }
        self.fired += 1;
        if !plan.sticky {
            self.plan = None;
        }
        self.crashed = plan.fault == Fault::Crash;
        Ok(Some(plan.fault))
    }
}
