//! A disk that fails at one effect, or from it on.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use mdbx_core::sim::{Disk, Effect, Fate};

/// How an effect fails. The numbers are those of the operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing is done.
    Nothing(i32),
    /// The first half of a write is done; of any other effect nothing.
    Half(i32),
    /// All is done, and said to have failed.
    All(i32),
    /// The process is killed before anything is done.
    Death,
}

impl Fault {
    /// Returns the number of the error.
    pub(crate) fn code(self) -> i32 {
        match self {
            Fault::Nothing(code) | Fault::Half(code) | Fault::All(code) => code,
            Fault::Death => 0,
        }
    }
}

/// Whether more than one effect fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lasting {
    /// One.
    Once,
    /// All, until the disk is mended.
    UntilMended,
}

/// What failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Create,
    Write,
    WriteDurable,
    SetLen,
    Sync,
    SyncName,
}

impl Kind {
    fn of(effect: &Effect<'_>) -> Kind {
        match effect {
            Effect::Create => Kind::Create,
            Effect::Write { .. } => Kind::Write,
            Effect::WriteDurable { .. } => Kind::WriteDurable,
            Effect::SetLen { .. } => Kind::SetLen,
            Effect::SyncData | Effect::SyncAll => Kind::Sync,
            Effect::SyncName => Kind::SyncName,
            other => panic!("the test does not know {other:?}"),
        }
    }
}

/// A disk that fails.
#[derive(Debug)]
pub(crate) struct FaultyDisk {
    /// The effect that fails, counted from 0.
    at: u64,
    fault: Fault,
    lasting: Lasting,
    effects: AtomicU64,
    is_mended: AtomicBool,
    /// The first effect that failed, until somebody has looked.
    hit: Mutex<Option<Kind>>,
}

impl FaultyDisk {
    pub(crate) fn new(at: u64, fault: Fault, lasting: Lasting) -> FaultyDisk {
        FaultyDisk {
            at,
            fault,
            lasting,
            effects: AtomicU64::new(0),
            is_mended: AtomicBool::new(false),
            hit: Mutex::new(None),
        }
    }

    /// Returns what has failed since this was asked the last time.
    pub(crate) fn take_hit(&self) -> Option<Kind> {
        self.hit.lock().unwrap().take()
    }

    /// Lets nothing fail any more.
    pub(crate) fn heal(&self) {
        self.is_mended.store(true, Ordering::Relaxed);
    }

    /// Returns whether there was an effect that failed.
    pub(crate) fn was_hit(&self) -> bool {
        self.effects.load(Ordering::Relaxed) > self.at
    }
}

impl Disk for FaultyDisk {
    fn before(&self, effect: &Effect<'_>) -> Fate {
        let number = self.effects.fetch_add(1, Ordering::Relaxed);
        let is_over = match self.lasting {
            Lasting::Once => number > self.at,
            Lasting::UntilMended => self.is_mended.load(Ordering::Relaxed),
        };
        if number < self.at || is_over {
            return Fate::Pass;
        }
        self.hit.lock().unwrap().get_or_insert(Kind::of(effect));
        let half = match effect {
            Effect::Write { parts, .. } => parts.iter().map(|part| part.len()).sum::<usize>() / 2,
            Effect::WriteDurable { bytes, .. } => bytes.len() / 2,
            _ => 0,
        };
        let done = match self.fault {
            Fault::Nothing(_) => 0,
            Fault::Half(_) => half,
            Fault::All(_) => usize::MAX,
            Fault::Death => std::process::abort(),
        };
        Fate::Fail {
            done,
            error: io::Error::from_raw_os_error(self.fault.code()),
        }
    }
}
