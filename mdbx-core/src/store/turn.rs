//! The writer's turn: one write transaction at a time, of all processes.
//!
//! Waiting for the turn is waiting for a lock, so a thread that asks while it has it would wait for itself; it is
//! told instead. What the turn gives is the newest snapshot, to build on, and the right to write the next one.
//!
//! A process that dies while it has the turn leaves nothing to mend: the pages that it wrote belong to no snapshot, or,
//! once it has written its meta, to a whole one.
//!
//! Source: locking document, "The two mutexes" and "Writers".
#![expect(
    unsafe_code,
    reason = "mints the pin that the writer's turn stands for"
)]

use std::io;
use std::sync::atomic::Ordering;

use log::{error, warn};

use crate::error::{Error, Result};
use crate::store::open::Store;
use crate::store::troika::Head;
use crate::sys::file::Access;
use crate::sys::map::SnapshotPin;
use crate::sys::mutex::{Locking, SharedGuard};

/// The right to write, and the snapshot to build on.
#[derive(Debug)]
pub(crate) struct Turn<'s> {
    store: &'s Store,
    head: Head,
    pin: SnapshotPin,
    lock: TurnLock<'s>,
}

/// The lock of the one writer. It stays in its thread.
#[derive(Debug)]
struct TurnLock<'s> {
    store: &'s Store,
    /// Given up last.
    _guard: SharedGuard<'s>,
}

impl<'s> Turn<'s> {
    /// Waits for the turn.
    ///
    /// # Errors
    ///
    /// - [`Error::ReadOnly`] if the database was opened for reading.
    /// - [`Error::WriterBusy`] if this thread has it already.
    /// - [`Error::EnvFailed`] if an earlier sync failed; [`Error::WriterLost`] if a thread took the turn with it.
    /// - [`Error::Corrupted`] if the newest meta is not valid.
    /// - [`Error::AddressSpace`] if the newest snapshot reaches past the mapping.
    /// - [`Error::Forked`]; [`Error::Io`] if the operating system refuses the lock, or to measure the file.
    pub(crate) fn wait(store: &'s Store) -> Result<Turn<'s>> {
        check_access(store)?;
        Turn::begin(store, store.attached.writer_mutex().lock())
    }

    /// Takes the turn if nobody has it.
    ///
    /// # Errors
    ///
    /// As [`wait`](Turn::wait), with [`Error::WriterBusy`] whoever has it.
    pub(crate) fn try_take(store: &'s Store) -> Result<Turn<'s>> {
        check_access(store)?;
        Turn::begin(store, store.attached.writer_mutex().try_lock())
    }

    fn begin(store: &'s Store, locking: io::Result<Locking<'s>>) -> Result<Turn<'s>> {
        let lock = TurnLock::new(store, locking)?;
        if !store.attached.is_alone() {
            store.measure()?; // others make the file longer and shorter
        }
        let (head, pin) = newest(store)?;
        Ok(Turn {
            store,
            head,
            pin,
            lock,
        })
    }

    /// Builds on the snapshot that is the newest now: the one that this turn has committed.
    ///
    /// # Errors
    ///
    /// As [`wait`](Turn::wait).
    pub(crate) fn renew(&mut self) -> Result<()> {
        (self.head, self.pin) = newest(self.store)?;
        Ok(())
    }

    /// Checks that the turn is this process's, and not that of its parent.
    ///
    /// # Errors
    ///
    /// [`Error::Forked`].
    pub(crate) fn check_process(&self) -> Result<()> {
        self.lock.store.attached.check_process()
    }

    #[inline]
    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    #[inline]
    pub(crate) fn pin(&self) -> &SnapshotPin {
        &self.pin
    }
}

impl<'s> TurnLock<'s> {
    /// Takes over a lock that a dead writer left, if that is how it came to us.
    fn new(store: &'s Store, locking: io::Result<Locking<'s>>) -> Result<TurnLock<'s>> {
        let attached = &store.attached;
        let guard = match locking.map_err(turn_error)? {
            Locking::Locked(guard) => guard,
            Locking::OwnerDied(guard) => {
                let is_own_loss = attached.turn_is_ours.swap(false, Ordering::AcqRel);
                if is_own_loss {
                    store.writer_lost.store(true, Ordering::Release);
                    error!(
                        "a thread ended with a write transaction of {}",
                        store.path.display()
                    );
                } else {
                    warn!(
                        "a writer of {} died: its transaction is undone",
                        store.path.display()
                    );
                }
                attached.sweep()?;
                attached.note_commit(); // that it did not, if it died just before
                guard.make_consistent().map_err(turn_error)?;
                guard
            }
            Locking::WouldDeadlock | Locking::Busy => return Err(Error::WriterBusy),
            Locking::NotRecoverable => return Err(Error::WriterLost),
        };
        check_sound(store)?;
        attached.turn_is_ours.store(true, Ordering::Release);
        Ok(TurnLock {
            store,
            _guard: guard,
        })
    }
}

impl Drop for TurnLock<'_> {
    fn drop(&mut self) {
        let attached = &self.store.attached;
        attached.turn_is_ours.store(false, Ordering::Release);
    }
}

/// Checks that what is on the disk is known, and that no transaction is left over.
fn check_sound(store: &Store) -> Result<()> {
    if store.failed.load(Ordering::Acquire) {
        return Err(Error::EnvFailed);
    }
    if store.writer_lost.load(Ordering::Acquire) {
        return Err(Error::WriterLost);
    }
    Ok(())
}

/// Returns the newest snapshot, and the right to read it while the turn lasts.
fn newest(store: &Store) -> Result<(Head, SnapshotPin)> {
    check_sound(store)?;
    let head = store.newest()?;
    // The pages that the holder of the turn writes early come after the snapshot's own.
    let limit = store.map.len();
    // SAFETY:
    // - Present: the meta was checked against the length of the file, which only the holder of the turn changes, of all
    //   processes, and never cuts below the pages of its base.
    // - Frozen: pages are written by the holder of the turn alone, and it writes only pages that its base snapshot
    //   does not reach. What it wrote itself it writes again only when nobody borrows the table they belong to. That
    //   the file is a sound database, whose free pages are not also in use, is what opening it states.
    // - The turn lasts as long as its guard, which stays in the thread; or, if that is forgotten, until the thread ends.
    //   Then nobody in this process writes any more.
    let pin = unsafe { store.map.pin(limit) };
    Ok((head, pin))
}

fn check_access(store: &Store) -> Result<()> {
    store.attached.check_process()?;
    match store.access {
        Access::ReadWrite => Ok(()),
        Access::ReadOnly => Err(Error::ReadOnly),
    }
}

fn turn_error(source: io::Error) -> Error {
    Error::Io {
        action: "take the writer's turn",
        source,
    }
}
