//! The lock file of an open database: made by the first one who opens it, joined by the others, emptied by the last.
//!
//! ```text
//!   seize --alone---> initialise --> recover the data file --> settle --+
//!         --shared--> join ---------------------------------------------+--> in use --> drop: leave
//! ```
//!
//! Where nobody can be met, because the lock file cannot be written, memory of this process takes its place, so that
//! whatever is built on it has one way to go.
//!
//! That what is in a lock file was put there by programs that follow its protocol is, as with the data file, what
//! opening a database states.
//!
//! Source: locking document, "Opening and closing".

use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use log::{debug, info};

use crate::error::{Error, Result};
use crate::format::lck::{
    FORMAT, Layout, LockFault, LockVersion, MAGIC, MODES, WRITER_LOCK, modes,
};
use crate::sys::clock::{nanoseconds, since_boot};
use crate::sys::lock::{Locks, OpenGuard};
use crate::sys::mutex::SharedMutex;
use crate::sys::process;
use crate::sys::region::Region;

/// What a process that opens a database wants of those that have it open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    /// The modes it wants, as bits of the lock file.
    pub(crate) modes: u32,
    /// Whether it takes what modes are in use.
    pub(crate) accede: bool,
}

/// The lock file, attached to.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) region: Region,
    pub(crate) layout: Layout,
    /// How many reader slots there are.
    pub(crate) slots: usize,
    pub(crate) pid: u32,
    /// The thread of this process that has the writer's turn, as a number; 0 when none has.
    pub(crate) turn_thread: AtomicU64,
    /// Whether no other process can change the file.
    is_alone: bool,
    /// The process, as `process::generation` counts.
    generation: u32,
    // Given up last, in this order.
    pub(crate) locks: Locks,
    _guard: OpenGuard,
}

impl Attached {
    /// Makes the lock file anew, for a database that was seized alone and stays so if `is_alone`. Nobody else can open
    /// it before [`settle`](Attached::settle).
    ///
    /// # Errors
    ///
    /// [`Error::Open`].
    ///
    /// Source: locking document, "EXCLUSIVE result".
    pub(crate) fn initialise(
        locks: Locks,
        guard: OpenGuard,
        path: &Path,
        version: LockVersion,
        max_readers: usize,
        is_alone: bool,
    ) -> Result<Attached> {
        let layout = Layout::new(version);
        let len = layout.file_len(max_readers);
        let region = make_region(&locks, len).map_err(Error::opening(path))?;
        let slots = layout.slot_count(len).unwrap_or_default();
        let is_alone = is_alone || locks.lock_file().is_none();
        let attached = Attached::new(region, layout, slots, is_alone, locks, guard);
        attached
            .region
            .u32(FORMAT)
            .store(layout.format(), Ordering::Relaxed);
        for mutex in [attached.readers_mutex(), attached.writer_mutex()] {
            mutex.initialise().map_err(Error::opening(path))?;
        }
        attached
            .region
            .u64(MAGIC)
            .store(layout.magic(), Ordering::Release);
        debug!(
            "made the lock file {}: version={}",
            path.display(),
            version.number()
        );
        Ok(attached)
    }

    /// Lets others in, after the data file was found or made sound, and the counters say what of it is on the disk.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub(crate) fn settle(&self, modes: u32) -> io::Result<()> {
        let told = if modes & modes::READ_ONLY != 0 {
            modes::READ_ONLY // alone, so that the first one who writes sets its own
        } else {
            modes & modes::TOLD
        };
        self.region.u32(MODES).store(told, Ordering::Release);
        self.readers_checked();
        self.locks.settle(self.is_alone)
    }

    /// Joins those who have the database open. Returns the modes to use, as bits: those wished for, or, if that is wished,
    /// those in use. Nothing is written, but the modes if this is the first process that writes.
    ///
    /// # Errors
    ///
    /// - [`Error::LockVersion`], [`Error::LockFile`] and [`Error::IncompatibleModes`] about what is in use.
    /// - [`Error::Open`].
    ///
    /// Source: locking document, "SHARED result".
    pub(crate) fn join(
        locks: Locks,
        guard: OpenGuard,
        (data, path): (&Path, &Path),
        wish: Wish,
    ) -> Result<(Attached, u32)> {
        let failed = Error::opening(path);
        let Some(file) = locks.lock_file() else {
            return Err(failed(io::ErrorKind::NotFound.into()));
        };
        let damaged = |reason| Error::LockFile {
            path: path.to_owned(),
            reason,
        };
        let len = file.metadata().map_err(failed)?.len();
        let len = usize::try_from(len).map_err(|_| damaged("it is too long"))?;
        // The header is the same for all versions, as far as it is looked at here.
        let shortest = Layout::new(LockVersion::default());
        if shortest.slot_count(len).is_none() {
            return Err(damaged("its length is impossible"));
        }
        let region = Region::of_file(file, len).map_err(failed)?;
        let magic = region.u64(MAGIC).load(Ordering::Acquire);
        let format = region.u32(FORMAT).load(Ordering::Relaxed);
        let layout = Layout::of(magic, format).map_err(|fault| match fault {
            LockFault::NotALockFile => damaged("it does not start like one"),
            LockFault::Format(_) => damaged("it was built for another platform"),
            LockFault::Version(found) => Error::LockVersion {
                path: path.to_owned(),
                found,
            },
        })?;
        let slots = layout.slot_count(len);
        let slots = slots.ok_or_else(|| damaged("its length is impossible"))?;
        let attached = Attached::new(region, layout, slots, false, locks, guard);
        let modes = attached.agree(wish, data)?;
        let version = layout.version.number();
        info!(
            "joined the users of {}: lock_version={version}",
            data.display()
        );
        Ok((attached, modes))
    }

    fn new(
        region: Region,
        layout: Layout,
        slots: usize,
        is_alone: bool,
        locks: Locks,
        guard: OpenGuard,
    ) -> Attached {
        process::watch_forks();
        Attached {
            region,
            layout,
            slots,
            pid: process::pid(),
            turn_thread: AtomicU64::new(0),
            is_alone,
            generation: process::generation(),
            locks,
            _guard: guard,
        }
    }

    /// Returns the modes that go with those in use.
    fn agree(&self, wish: Wish, data: &Path) -> Result<u32> {
        let field = self.region.u32(MODES);
        let own = wish.modes & modes::TOLD;
        if own & modes::READ_ONLY != 0 {
            return Ok(own);
        }
        let first =
            field.compare_exchange(modes::READ_ONLY, own, Ordering::AcqRel, Ordering::Acquire);
        match first {
            Ok(_) => Ok(own),
            Err(in_use) if wish.accede => Ok(in_use),
            Err(in_use) if do_agree(own, in_use) => Ok(own),
            Err(in_use) => Err(Error::IncompatibleModes {
                path: data.to_owned(),
                in_use: describe(in_use),
            }),
        }
    }

    /// Checks that this process attached itself, and is no child of that one.
    ///
    /// # Errors
    ///
    /// [`Error::Forked`].
    #[inline]
    pub(crate) fn check_process(&self) -> Result<()> {
        if self.is_here() {
            Ok(())
        } else {
            Err(Error::Forked)
        }
    }

    /// Returns whether this process attached itself.
    #[inline]
    pub(crate) fn is_here(&self) -> bool {
        self.generation == process::generation()
    }

    /// Returns whether no other process can change the data file.
    pub(crate) fn is_alone(&self) -> bool {
        self.is_alone
    }

    /// Returns the mutex that the one writer holds.
    pub(crate) fn writer_mutex(&self) -> SharedMutex<'_> {
        SharedMutex::at(&self.region, WRITER_LOCK)
    }

    /// Returns the mutex that is held while slots are bound and swept. Who wants both takes the writer's first.
    pub(crate) fn readers_mutex(&self) -> SharedMutex<'_> {
        SharedMutex::at(&self.region, self.layout.readers_lock)
    }

    /// Returns how many pages may not be on the disk.
    pub(crate) fn unsynced_pages(&self) -> &AtomicU64 {
        self.region.u64(self.layout.unsynced_pages)
    }

    /// Notes that dead readers were looked for just now.
    pub(crate) fn readers_checked(&self) {
        let at = self.layout.readers_check_timestamp;
        self.region
            .u64(at)
            .store(nanoseconds(since_boot()), Ordering::Relaxed);
    }

    /// Leaves the lock file: it is emptied if nobody else has it.
    ///
    /// A lock file that is not emptied is harmless, the next opener initialises it; so no failure matters here.
    fn leave(&self) {
        let is_synced = self.unsynced_pages().load(Ordering::Acquire) == 0;
        if !matches!(self.locks.leave(), Ok(true)) {
            return;
        }
        self.readers_mutex().destroy();
        self.writer_mutex().destroy();
        if let Some(file) = self.locks.lock_file()
            && is_synced
        {
            let _ = file.set_len(0);
        }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        if self.is_here() && self.locks.are_ours() {
            self.leave();
        }
    }
}

/// Makes the memory of a new lock file, all zero.
fn make_region(locks: &Locks, len: usize) -> io::Result<Region> {
    let Some(file) = locks.lock_file() else {
        return Region::private(len);
    };
    // Written, not just made longer, so that a full disk is an error here and does not end the process later. It need
    // not be durable: after a crash the file means nothing.
    file.set_len(len as u64)?;
    file.write_all_at(&vec![0; len], 0)?;
    Region::of_file(file, len)
}

/// Returns whether a process with the modes `own` may join others with the modes `in_use`: without mapping the file for
/// writing, it could not sync what they wrote that way.
fn do_agree(own: u32, in_use: u32) -> bool {
    let lazy = modes::LAZY & in_use != 0;
    let mut alike = modes::UTTERLY_NO_SYNC;
    if lazy {
        alike |= modes::WRITE_MAP;
    }
    (own ^ in_use) & alike == 0
}

/// Returns the modes that others must agree to, in words.
fn describe(in_use: u32) -> &'static str {
    let map = in_use & modes::WRITE_MAP != 0;
    match (in_use & modes::UTTERLY_NO_SYNC, map) {
        (0, false) => "commits are synced",
        (0, true) => "commits are synced, the file is written through its mapping",
        (modes::SAFE_NO_SYNC, false) => "commits are not synced, but kept in order",
        (modes::SAFE_NO_SYNC, true) => {
            "commits are not synced, but kept in order; the file is written through its mapping"
        }
        (_, false) => "commits are not synced at all",
        (_, true) => "commits are not synced at all; the file is written through its mapping",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs::File;
    use std::sync::Arc;

    use super::*;
    use crate::sys::file::Access;
    use crate::sys::lock::Seized;
    use crate::sys::paths::Paths;

    /// Attaches to the lock file of a database that nobody else knows of.
    pub(crate) fn attached(version: LockVersion) -> Arc<Attached> {
        let directory = tempfile::tempdir().unwrap();
        let paths = Paths::resolve(directory.path(), true);
        let file = File::create(&paths.data).unwrap();
        let guard = OpenGuard::register(&file, &paths.data).unwrap();
        let seized = Locks::seize(&file, &paths, Access::ReadWrite, false, 0).unwrap();
        let Seized::Alone(locks) = seized else {
            panic!("nobody else knows of it");
        };
        let attached = Attached::initialise(locks, guard, &paths.lock, version, 1, false).unwrap();
        attached.settle(0).unwrap();
        Arc::new(attached)
    }

    #[test]
    fn only_modes_that_leave_something_unsynced_have_to_be_alike() {
        let lazy = modes::SAFE_NO_SYNC;
        assert!(do_agree(0, 0));
        assert!(do_agree(0, modes::WRITE_MAP));
        assert!(do_agree(0, modes::NO_META_SYNC | modes::LIFO_RECLAIM));
        assert!(do_agree(lazy, lazy));
        assert!(!do_agree(0, lazy));
        assert!(!do_agree(lazy, 0));
        assert!(!do_agree(lazy, modes::UTTERLY_NO_SYNC));
        assert!(!do_agree(lazy, lazy | modes::WRITE_MAP));
        assert!(!do_agree(0, modes::NO_META_SYNC | modes::WRITE_MAP));
        let all = [modes::WRITE_MAP, 0].map(|map| describe(modes::UTTERLY_NO_SYNC | map));
        assert_ne!(all[0], all[1]);
    }
}
