//! What a workload did to the disk, in order, and between that what it was promised.

use std::io::IoSlice;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mdbx_core::sim::{Disk, Effect, Fate};

/// One step of a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The file was created, empty.
    Create,
    /// The name of the file was made durable.
    SyncName,
    /// Bytes were written.
    Write {
        /// Where, in bytes from the start of the file.
        offset: u64,
        /// What.
        bytes: Vec<u8>,
        /// Whether they were durable when the call returned.
        durable: bool,
    },
    /// The file was given this length in bytes.
    SetLen(u64),
    /// What was written was made durable.
    SyncData,
    /// What was written was made durable, and the length.
    SyncAll,
    /// A commit began, or an opening, which may commit.
    Begin,
    /// It returned.
    Done(Promise),
    /// It returned, and promises nothing about a power cut that was not promised before.
    DoneWeakly(u64),
    /// From now on a power cut may destroy everything.
    Risk,
    /// A database that a crash had left was opened, and this is its newest commit.
    Opened(u64),
}

/// What holds from some moment on. Transactions are told by their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promise {
    /// The newest commit that returned.
    pub newest: u64,
    /// The oldest state to which a power cut may lead back; `None` if it may destroy everything.
    pub after_power_cut: Option<u64>,
}

/// Records what happens to a disk.
#[derive(Debug, Default)]
pub struct Recorder {
    steps: Mutex<Vec<Step>>,
    lies: Lies,
}

/// How a disk is worse than it says, so that a simulation has something to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lies {
    /// It is not.
    #[default]
    None,
    /// Syncs do nothing.
    NoSync,
    /// Durable writes are not.
    NoDurableWrite,
}

impl Recorder {
    /// Records a disk that is worse than it says.
    #[must_use]
    pub fn lying(lies: Lies) -> Recorder {
        Recorder {
            steps: Mutex::default(),
            lies,
        }
    }

    /// Adds a step that is no effect.
    pub fn note(&self, step: Step) {
        self.lock().push(step);
    }

    /// Takes the steps recorded so far.
    #[must_use]
    pub fn take(&self) -> Vec<Step> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Step>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for Recorder {
    fn before(&self, effect: &Effect<'_>) -> Fate {
        let step = match effect {
            Effect::Create => Step::Create,
            Effect::SyncName => Step::SyncName,
            Effect::Write { offset, parts } => Step::Write {
                offset: *offset,
                bytes: joined(parts),
                durable: false,
            },
            Effect::WriteDurable { offset, bytes } => Step::Write {
                offset: *offset,
                bytes: bytes.to_vec(),
                durable: self.lies != Lies::NoDurableWrite,
            },
            Effect::SetLen { len } => Step::SetLen(*len),
            Effect::SyncData | Effect::SyncAll if self.lies == Lies::NoSync => return Fate::Pass,
            Effect::SyncData => Step::SyncData,
            Effect::SyncAll => Step::SyncAll,
            other => panic!("the simulator does not know {other:?}"),
        };
        self.note(step);
        Fate::Pass
    }
}

fn joined(parts: &[IoSlice<'_>]) -> Vec<u8> {
    parts.iter().flat_map(|part| part.iter().copied()).collect()
}
