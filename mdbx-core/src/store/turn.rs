//! The writer's turn: one write transaction at a time.
//!
//! Waiting for the turn is waiting for a lock, so a thread that asks while it has it would wait for itself; it is
//! told instead. What the turn gives is the newest snapshot, to build on, and the right to write the next one.
#![expect(
    unsafe_code,
    reason = "mints the pin that the writer's turn stands for"
)]

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{MutexGuard, PoisonError, TryLockError};

use crate::error::{Error, Result};
use crate::format::meta::Sign;
use crate::ids::Txnid;
use crate::store::durability::Durability;
use crate::store::open::Store;
use crate::store::troika::{Head, head};
use crate::sys::file::Access;
use crate::sys::map::SnapshotPin;

/// The right to write, and the snapshot to build on.
#[derive(Debug)]
pub(crate) struct Turn<'s> {
    store: &'s Store,
    head: Head,
    pin: SnapshotPin,
    /// What its transactions promise.
    durability: Durability,
    /// The snapshot that a power cut is sure to leave.
    fallback: Txnid,
    /// Given up last.
    _guard: MutexGuard<'s, ()>,
}

impl<'s> Turn<'s> {
    /// Waits for the turn.
    ///
    /// # Errors
    ///
    /// - [`Error::ReadOnly`] if the database was opened for reading.
    /// - [`Error::WriterBusy`] if this thread has it already.
    /// - [`Error::EnvFailed`] if an earlier sync failed.
    /// - [`Error::Corrupted`] if the newest meta is not valid.
    /// - [`Error::Io`] if it was not known what is on the disk, and a flush that was to settle it failed. The environment
    ///   takes no more writes then.
    pub(crate) fn wait(store: &'s Store) -> Result<Turn<'s>> {
        Turn::check_may_wait(store)?;
        // The lock guards no data of this process, so a panic under it leaves none half changed.
        Turn::begin(
            store,
            store.writer.lock().unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Checks that this thread may wait for the turn, be it to take it or for one who does.
    ///
    /// # Errors
    ///
    /// - [`Error::ReadOnly`] if the database was opened for reading.
    /// - [`Error::WriterBusy`] if this thread has the turn already.
    pub(crate) fn check_may_wait(store: &Store) -> Result<()> {
        check_access(store)?;
        if store.writer_thread.load(Ordering::Relaxed) == this_thread() {
            return Err(Error::WriterBusy);
        }
        Ok(())
    }

    /// Takes the turn if nobody has it.
    ///
    /// # Errors
    ///
    /// As [`wait`](Turn::wait), with [`Error::WriterBusy`] whoever has it.
    pub(crate) fn try_take(store: &'s Store) -> Result<Turn<'s>> {
        check_access(store)?;
        match store.writer.try_lock() {
            Ok(guard) => Turn::begin(store, guard),
            Err(TryLockError::Poisoned(poisoned)) => Turn::begin(store, poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => Err(Error::WriterBusy),
        }
    }

    fn begin(store: &'s Store, guard: MutexGuard<'s, ()>) -> Result<Turn<'s>> {
        let (head, pin) = newest(store)?;
        let durability = store.mode.get();
        let fallback = store.fallback(&head, durability)?;
        store.writer_thread.store(this_thread(), Ordering::Relaxed);
        Ok(Turn {
            store,
            head,
            pin,
            durability,
            fallback,
            _guard: guard,
        })
    }

    /// Builds on the snapshot that is the newest now: the one that this turn has committed.
    ///
    /// # Errors
    ///
    /// As [`wait`](Turn::wait).
    pub(crate) fn renew(&mut self) -> Result<()> {
        (self.head, self.pin) = newest(self.store)?;
        self.durability = self.store.mode.get();
        self.fallback = self.store.fallback(&self.head, self.durability)?;
        Ok(())
    }

    #[inline]
    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    /// Returns what transactions of this turn promise, unless they are weakened.
    pub(crate) fn durability(&self) -> Durability {
        self.durability
    }

    /// Returns the snapshot that a power cut is sure to leave, whose pages are therefore kept.
    pub(crate) fn fallback(&self) -> Txnid {
        self.fallback
    }

    #[inline]
    pub(crate) fn pin(&self) -> &SnapshotPin {
        &self.pin
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.store.writer_thread.store(0, Ordering::Relaxed);
    }
}

/// Returns the newest snapshot, and the right to read it while the turn lasts.
fn newest(store: &Store) -> Result<(Head, SnapshotPin)> {
    if store.failed.load(Ordering::Acquire) {
        return Err(Error::EnvFailed);
    }
    let mut head = head_of(store)?;
    // What has waited too long for a sync does not wait for this turn to end.
    if head.meta.sign != Sign::Steady && store.unsynced.is_due(0) && store.make_steady(&head)? {
        head = head_of(store)?;
    }
    // The pages that the holder of the turn writes early come after the snapshot's own.
    let limit = store.map.len();
    // SAFETY:
    // - Present: the meta was checked against the length of the file, which only the holder of the turn changes, and
    //   never cuts below the pages of its base.
    // - Frozen: pages are written by the holder of the turn alone, and it writes only pages that its base snapshot
    //   does not reach. What it wrote itself it writes again only when nobody borrows the table they belong to. That
    //   the file is a sound database, whose free pages are not also in use, is what opening it states.
    let pin = unsafe { store.map.pin(limit) };
    Ok((head, pin))
}

fn head_of(store: &Store) -> Result<Head> {
    head(&store.map, store.page_size, &store.file_pages)
}

fn check_access(store: &Store) -> Result<()> {
    match store.access {
        Access::ReadWrite => Ok(()),
        Access::ReadOnly => Err(Error::ReadOnly),
    }
}

/// Returns a number, never 0, that differs between threads.
fn this_thread() -> u64 {
    static THREADS: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static NUMBER: Cell<u64> = Cell::new(THREADS.fetch_add(1, Ordering::Relaxed));
    }
    NUMBER.get()
}
