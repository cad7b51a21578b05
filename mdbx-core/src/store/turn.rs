//! The writer's turn: one write transaction at a time, of all processes.
//!
//! Waiting for the turn is waiting for a lock, so a thread that asks while it has it would wait for itself; it is
//! told instead. What the turn gives is the newest snapshot, to build on, and the right to write the next one.
//!
//! A turn that is forgotten instead of dropped lasts as long as its thread, whose mutex it is. When the thread ends, another
//! process has its turn and writes over pages that this one may still look at. So a thread that ends with a turn takes
//! the process with it.
//!
//! A process that dies while it has the turn leaves nothing to mend: the pages that it wrote belong to no snapshot, or,
//! once it has written its meta, to a whole one.
//!
//! Source: locking document, "The two mutexes" and "Writers".
#![expect(
    unsafe_code,
    reason = "mints the pin that the writer's turn stands for"
)]

use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use log::{error, warn};

use crate::error::{Error, Result};
use crate::format::meta::Sign;
use crate::ids::Txnid;
use crate::store::durability::Durability;
use crate::store::open::Store;
use crate::store::troika::Head;
use crate::sys::file::Access;
use crate::sys::map::SnapshotPin;
use crate::sys::mutex::{Locking, SharedGuard};
use crate::sys::process;

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
    lock: TurnLock<'s>,
}

thread_local! {
    static TURNS_OF_THREAD: TurnsOfThread = const { TurnsOfThread(Cell::new(0)) };
}

/// How many turns a thread has, each of another file.
struct TurnsOfThread(Cell<u32>);

impl TurnsOfThread {
    /// Notes that this thread has one more, or one less.
    fn note(change: i32) {
        // A thread that is ending, and its variables with it, looks no more.
        let _ = TURNS_OF_THREAD
            .try_with(|turns| turns.0.set(turns.0.get().saturating_add_signed(change)));
    }
}

impl Drop for TurnsOfThread {
    fn drop(&mut self) {
        // The main thread ends with its process.
        if self.0.get() > 0 && !process::is_main_thread() {
            error!("a thread ends with a write transaction that was forgotten: aborting");
            eprintln!("mdbx: a thread ends with a write transaction that was forgotten: aborting");
            std::process::abort();
        }
    }
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
    /// - [`Error::Io`] if something had to be made durable first, and that failed. The environment takes no more writes
    ///   then.
    pub(crate) fn wait(store: &'s Store) -> Result<Turn<'s>> {
        Turn::check_may_wait(store)?;
        Turn::begin(store, store.attached.writer_mutex().lock())
    }

    /// Checks that this thread may wait for the turn, be it to take it or for one who does.
    ///
    /// # Errors
    ///
    /// - [`Error::ReadOnly`] if the database was opened for reading.
    /// - [`Error::WriterBusy`] if this thread has the turn already.
    pub(crate) fn check_may_wait(store: &Store) -> Result<()> {
        check_access(store)?;
        if store.attached.turn_thread.load(Ordering::Relaxed) == this_thread() {
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
        Turn::begin(store, store.attached.writer_mutex().try_lock())
    }

    fn begin(store: &'s Store, locking: io::Result<Locking<'s>>) -> Result<Turn<'s>> {
        let lock = TurnLock::new(store, locking)?;
        let (head, pin) = newest(store)?;
        let durability = store.mode.get();
        let fallback = store.fallback(&head)?;
        Ok(Turn {
            store,
            head,
            pin,
            durability,
            fallback,
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
        self.durability = self.store.mode.get();
        self.fallback = self.store.fallback(&self.head)?;
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

    /// Makes the snapshot to build on durable if that is due, instead of leaving it to the end of a transaction.
    ///
    /// # Errors
    ///
    /// As [`wait`](Turn::wait).
    pub(crate) fn sync_if_due(&mut self) -> Result<()> {
        let is_weak = self.head.meta.sign != Sign::Steady;
        if is_weak && self.store.unsynced.is_due(0) && self.store.make_steady(&self.head)? {
            self.renew()?;
        }
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

impl<'s> TurnLock<'s> {
    /// Takes over a lock that a dead writer left, if that is how it came to us.
    fn new(store: &'s Store, locking: io::Result<Locking<'s>>) -> Result<TurnLock<'s>> {
        let attached = &store.attached;
        let guard = match locking.map_err(turn_error)? {
            Locking::Locked(guard) => guard,
            Locking::OwnerDied(guard) => {
                let lost = attached.turn_thread.swap(0, Ordering::AcqRel);
                if lost != 0 {
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
                guard.make_consistent().map_err(turn_error)?; // first, or nobody could lock it any more
                attached.note_commit(); // that it did not, if it died just before
                if let Err(error) = attached.sweep() {
                    warn!("cannot look for dead readers: {error}");
                }
                guard
            }
            Locking::WouldDeadlock | Locking::Busy => return Err(Error::WriterBusy),
            Locking::NotRecoverable => return Err(Error::WriterLost),
        };
        check_sound(store)?;
        attached.turn_thread.store(this_thread(), Ordering::Release);
        TurnsOfThread::note(1);
        Ok(TurnLock {
            store,
            _guard: guard,
        })
    }
}

impl Drop for TurnLock<'_> {
    fn drop(&mut self) {
        let attached = &self.store.attached;
        attached.turn_thread.store(0, Ordering::Release);
        TurnsOfThread::note(-1);
    }
}

/// Checks that what is on the disk is known, and that no transaction is left over.
fn check_sound(store: &Store) -> Result<()> {
    store.check_writable()?;
    if store.writer_lost.load(Ordering::Acquire) {
        return Err(Error::WriterLost);
    }
    Ok(())
}

/// Returns the newest snapshot, and the right to read it while the turn lasts.
fn newest(store: &Store) -> Result<(Head, SnapshotPin)> {
    check_sound(store)?;
    let head = store.newest_measured()?;
    // The pages that the holder of the turn writes early come after the snapshot's own.
    let limit = store.map.len();
    // SAFETY:
    // - Present: the meta was checked against the length of the file, which only the holder of the turn changes, of all
    //   processes, and never cuts below the pages of its base.
    // - Frozen: pages are written by the holder of the turn alone, and it writes only pages that its base snapshot
    //   does not reach. What it wrote itself it writes again only when nobody borrows the table they belong to. That
    //   the file is a sound database, whose free pages are not also in use, is what opening it states.
    // - The turn lasts as long as its guard, which stays in the thread; or, if that is forgotten, as long as the process:
    //   `TurnsOfThread` ends it with the thread.
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

/// Returns a number, never 0, that differs between threads.
fn this_thread() -> u64 {
    static THREADS: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static NUMBER: Cell<u64> = Cell::new(THREADS.fetch_add(1, Ordering::Relaxed));
    }
    NUMBER.get()
}
