//! Readers of processes that died: their slots are taken back, so that they hold no pages.
//!
//! A process that has readers holds a lock on a byte of the lock file, which ends with it; its id alone would not do,
//! since ids are used again.
//!
//! Source: locking document, "Dead readers".

use std::sync::atomic::Ordering;

use log::{info, warn};

use crate::error::{Error, Result};
use crate::store::attach::Attached;
use crate::sys::mutex::{Locking, SharedGuard};

impl Attached {
    /// Locks the binding of slots. If its last holder died, that is mended first.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub(crate) fn lock_slots(&self) -> Result<SharedGuard<'_>> {
        match self.readers_mutex().lock().map_err(readers_error)? {
            Locking::Locked(guard) => Ok(guard),
            Locking::OwnerDied(guard) => {
                warn!("a process died while it took a reader slot: dead readers are removed");
                guard.make_consistent().map_err(readers_error)?; // first, or nobody could lock it any more
                self.sweep_locked()?;
                Ok(guard)
            }
            // Nobody calls the library while it holds this lock, and everybody mends it.
            Locking::WouldDeadlock | Locking::Busy | Locking::NotRecoverable => {
                Err(readers_error(std::io::ErrorKind::Deadlock.into()))
            }
        }
    }

    /// Takes back the slots of dead processes; returns how many.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub(crate) fn sweep(&self) -> Result<usize> {
        let mut is_any_dead = false;
        for process in self.other_processes() {
            is_any_dead |= !self.is_alive(process)?;
        }
        if !is_any_dead {
            self.readers_checked();
            return Ok(0);
        }
        let _guard = self.lock_slots()?;
        self.sweep_locked()
    }

    /// Does the same, for who has locked the binding of slots: nobody gets a slot meanwhile.
    pub(crate) fn sweep_locked(&self) -> Result<usize> {
        let mut removed = 0;
        for process in self.other_processes() {
            if self.is_alive(process)? {
                continue;
            }
            let slots = self.used_slots().map(|number| self.slot(number));
            let count = slots
                .filter(|slot| {
                    let freed = slot.process.compare_exchange(
                        process,
                        0,
                        Ordering::AcqRel,
                        Ordering::Relaxed,
                    );
                    freed.is_ok()
                })
                .count();
            info!("removed the readers of a dead process: process={process} slots={count}");
            removed += count;
        }
        if removed > 0 {
            self.change();
        }
        self.readers_checked();
        Ok(removed)
    }

    /// Returns whether a process other than this one is alive.
    pub(crate) fn is_alive(&self, process: u32) -> Result<bool> {
        self.locks.is_alive(process).map_err(readers_error)
    }

    /// Returns the other processes that have slots, each once.
    fn other_processes(&self) -> Vec<u32> {
        let slots = self.used_slots().map(|number| self.slot(number));
        let mut processes: Vec<u32> = slots
            .map(|slot| slot.process.load(Ordering::Acquire))
            .filter(|&process| process != 0 && process != self.pid)
            .collect();
        processes.sort_unstable();
        processes.dedup();
        processes
    }
}

/// Returns the error that says that slots could not be bound or swept.
#[cold]
pub(crate) fn readers_error(source: std::io::Error) -> Error {
    Error::Io {
        action: "use the reader table",
        source,
    }
}
