//! Being one of the users of a database, or the only one: the locks between processes.
//!
//! Every program that opens a database takes locks on ranges of both files, which end with it. They tell who is alive
//! and who is alone; they guard no transaction.
//!
//! | file | range | lock | held by | tells an opener |
//! | --- | --- | --- | --- | --- |
//! | lock | byte 0 | write | one process, briefly | the lock file is being made, or given up |
//! | lock | byte 0 | read | who is attached | it must not be made anew |
//! | lock | byte *pid* | write | who has registered a reader | that process is alive |
//! | data | byte *pid* | write; read, if it only reads | who is attached | nobody can have it alone |
//! | data | all | write; read, if it only reads | who has it alone | nobody else can have it |
//!
//! Where no lock file can be made, because nothing can be written there, the lock of the data file has to do.
//!
//! Two openings in one process have the same byte *pid*, so [`OpenGuard`] finds the second one first and names it.
//!
//! Source: locking document, "fcntl locks" and "Opening and closing".

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::sys::byte_lock::{Claim, LockedFile, Range};
use crate::sys::file::{Access, identity};
use crate::sys::paths::Paths;
use crate::sys::process;

/// How long an opener waits for another one that initialises or gives up the lock file. That one may have to make the
/// whole data file durable first.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it sleeps between two looks.
const PAUSE: Duration = Duration::from_millis(1);
/// The shortest data file that can be a database, in bytes: three metas of the smallest pages.
const SHORTEST_DATA: u64 = 3 * 256;

/// The data files this process has open, by device and inode.
static OPEN_FILES: Mutex<BTreeSet<(u64, u64)>> = Mutex::new(BTreeSet::new());

/// Returns the open data files. A panic elsewhere cannot leave the set half changed, so poison means nothing.
fn open_files() -> MutexGuard<'static, BTreeSet<(u64, u64)>> {
    OPEN_FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Holds the one entry of a data file among those this process has open.
#[derive(Debug)]
pub(crate) struct OpenGuard {
    /// The device and inode of the file.
    identity: (u64, u64),
    /// The file itself: as long as it is open, no other file has its inode, even if it was deleted. Closed with the
    /// entry, while nobody can look for it.
    file: Option<File>,
}

impl OpenGuard {
    /// Enters `file`, opened at `path`, until the guard is dropped.
    ///
    /// # Errors
    ///
    /// - [`Error::AlreadyOpen`] when the file is entered already, under whatever name.
    /// - [`Error::Open`] when the file cannot be inspected.
    pub(crate) fn register(file: &File, path: &Path) -> Result<OpenGuard> {
        let failed = Error::opening(path);
        let identity = identity(file).map_err(failed)?;
        let file = Some(file.try_clone().map_err(failed)?);
        if !open_files().insert(identity) {
            return Err(Error::AlreadyOpen {
                path: path.to_owned(),
            });
        }
        Ok(OpenGuard { identity, file })
    }
}

impl Drop for OpenGuard {
    fn drop(&mut self) {
        let mut open_files = open_files();
        open_files.remove(&self.identity);
        drop(self.file.take());
    }
}

/// The locks of a process that has a database open. Dropping them lets others in.
#[derive(Debug)]
pub(crate) struct Locks {
    /// The data file. A field before `lock_file`, so that it is given up first: whoever gets byte 0 of the lock file
    /// finds the data file free.
    data: LockedFile,
    /// The lock file; `None` where there can be none.
    lock_file: Option<LockedFile>,
    /// How the data file is locked: one not open for writing takes no lock for writing.
    claim: Claim,
}

/// In which company a database was opened.
#[derive(Debug)]
pub(crate) enum Seized {
    /// Nobody else has it open, and nobody else opens it before [`Locks::settle`]: whatever the lock file says is void.
    Alone(Locks),
    /// Others have it open, and the lock file is theirs too.
    Shared(Locks),
}

impl Locks {
    /// Takes the locks of an opener. It waits only for a process that is just initialising or giving up the lock file,
    /// and not for long.
    ///
    /// The caller holds the [`OpenGuard`] of `data`, which was opened at `paths.data` for `access`. A reader that is
    /// `exclusive` by its own wish does without a lock file that it may not write. `shortest_lock` is the length that
    /// a lock file in use has at least.
    ///
    /// # Errors
    ///
    /// Nothing stays locked then, but an empty lock file may have been created.
    ///
    /// - [`Error::Busy`] when another process has the database for itself, or does not get done with opening or closing
    ///   it.
    /// - [`Error::DuplicatedLock`] when the alternative lock file exists.
    /// - [`Error::Open`] when the lock file cannot be opened, or one of the files is not a regular file or was deleted
    ///   meanwhile.
    ///
    /// Source: locking document, "Seizing" and "Files".
    pub(crate) fn seize(
        data: &File,
        paths: &Paths,
        access: Access,
        exclusive: bool,
        shortest_lock: u64,
    ) -> Result<Seized> {
        if fs::symlink_metadata(&paths.alternative_lock).is_ok() {
            return Err(Error::DuplicatedLock {
                path: paths.alternative_lock.clone(),
            });
        }
        let lock_failed = Error::opening(&paths.lock);
        let data_failed = Error::opening(&paths.data);
        let lock_file = match open_lock_file(data, &paths.lock) {
            Ok(file) => Some(LockedFile::new(file)),
            Err(error) if does_without_lock_file(&error, access, exclusive) => None,
            Err(error) => return Err(lock_failed(error)),
        };
        let locks = Locks {
            data: LockedFile::new(data.try_clone().map_err(data_failed)?),
            lock_file,
            claim: match access {
                Access::ReadWrite => Claim::Write,
                Access::ReadOnly => Claim::Read,
            },
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            match locks.round(shortest_lock).map_err(data_failed)? {
                Round::Alone => return Ok(Seized::Alone(locks)),
                Round::Shared => return Ok(Seized::Shared(locks)),
                Round::Again if Instant::now() < deadline => thread::sleep(PAUSE),
                Round::Again | Round::Refused => {
                    return Err(Error::Busy {
                        path: paths.data.clone(),
                    });
                }
            }
        }
    }

    /// Returns the locks of a database that nobody else can open, as it has no name.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub(crate) fn of_nameless(data: &File) -> io::Result<Locks> {
        Ok(Locks {
            data: LockedFile::new(data.try_clone()?),
            lock_file: None,
            claim: Claim::Write,
        })
    }

    /// Tries once. When it is to be tried again, nothing stays locked.
    fn round(&self, shortest_lock: u64) -> io::Result<Round> {
        let Some(lock_file) = &self.lock_file else {
            let is_free = self.data.try_set(Range::WHOLE, self.claim)?;
            return Ok(if is_free {
                Round::Alone
            } else {
                Round::Refused
            });
        };
        if lock_file.try_set(Range::FIRST_BYTE, Claim::Write)?
            && let Some(alone) = self.try_alone()?
        {
            return Ok(alone);
        }
        // If we have byte 0, somebody has the data file without it: on the way in or out, or a reader that could not write
        // the lock file. To read byte 0 is enough to find out.
        if !lock_file.try_set(Range::FIRST_BYTE, Claim::Read)? {
            return Ok(Round::Again); // somebody makes it, or gives it up
        }
        check_in_place(self.data.file())?;
        check_in_place(lock_file.file())?;
        let is_made = self.data.file().metadata()?.len() >= SHORTEST_DATA
            && lock_file.file().metadata()?.len() >= shortest_lock;
        // Others may be just looking at byte 0, as we do. If all of us joined, it would be a lock file that was left by
        // who knows whom. Who is attached has a lock of the data file.
        if !is_made || !self.data.is_locked_by_others(Range::WHOLE)? {
            lock_file.try_set(Range::FIRST_BYTE, Claim::None)?;
            return Ok(Round::Again);
        }
        let own = Range::of_process(process::pid());
        let is_free = self.data.try_set(own, self.claim)?;
        Ok(if is_free {
            Round::Shared
        } else {
            Round::Refused
        })
    }

    /// With byte 0 of the lock file, tries to get the data file too.
    fn try_alone(&self) -> io::Result<Option<Round>> {
        // Only now: before, someone else could still have deleted the files and made new ones.
        check_in_place(self.data.file())?;
        if let Some(lock_file) = &self.lock_file {
            check_in_place(lock_file.file())?;
        }
        let is_free = self.data.try_set(Range::WHOLE, self.claim)?;
        Ok(is_free.then_some(Round::Alone))
    }

    /// Lets others open the database too, or refuses them if we are to stay alone, after it was seized alone and the
    /// lock file was made.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub(crate) fn settle(&self, alone: bool) -> io::Result<()> {
        let Some(lock_file) = &self.lock_file else {
            return Ok(());
        };
        if !alone {
            for range in Range::all_but_process(process::pid()) {
                self.data.try_set(range, Claim::None)?;
            }
        }
        // As long as byte 0 is locked for writing, openers of libmdbx sleep.
        lock_file.try_set(Range::FIRST_BYTE, Claim::Read).map(drop)
    }

    /// Returns the lock file.
    pub(crate) fn lock_file(&self) -> Option<&File> {
        self.lock_file.as_ref().map(LockedFile::file)
    }

    /// Returns whether another process has the database open now.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub(crate) fn are_shared(&self) -> io::Result<bool> {
        self.data.is_locked_by_others(Range::WHOLE)
    }

    /// Shows others that this process is alive, for as long as it is. Returns whether it could: another process may
    /// have the same id, in another namespace.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub(crate) fn show_alive(&self) -> io::Result<bool> {
        let own = Range::of_process(process::pid());
        let Some(lock_file) = &self.lock_file else {
            return Ok(true);
        };
        lock_file.try_set(own, Claim::Write)
    }

    /// Returns whether the process `pid`, another one, is alive and shows it.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub(crate) fn is_alive(&self, pid: u32) -> io::Result<bool> {
        let Some(lock_file) = &self.lock_file else {
            return Ok(false);
        };
        lock_file.is_locked_by_others(Range::of_process(pid))
    }

    /// Gives up the sign of being alive, and returns whether nobody else has the database open. If so, nobody can open
    /// it before these locks are dropped.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    ///
    /// Source: locking document, "Closing".
    pub(crate) fn leave(&self) -> io::Result<bool> {
        let Some(lock_file) = &self.lock_file else {
            return Ok(true);
        };
        lock_file.try_set(Range::of_process(process::pid()), Claim::None)?;
        // Refused while an opener looks at byte 0, too.
        Ok(lock_file.try_set(Range::WHOLE, Claim::Write)?
            && self.data.try_set(Range::WHOLE, self.claim)?
            && lock_file.file().metadata()?.nlink() > 0)
    }

    /// Returns whether this process took the locks, instead of inheriting them.
    pub(crate) fn are_ours(&self) -> bool {
        self.data.is_ours()
    }
}

/// What came of one try.
enum Round {
    Alone,
    Shared,
    /// Somebody has the database for itself.
    Refused,
    /// Somebody is on the way in or out.
    Again,
}

/// Returns whether an opener that got `error` from the lock file goes on without it.
///
/// Source: locking document, "Files".
fn does_without_lock_file(error: &io::Error, access: Access, exclusive: bool) -> bool {
    access == Access::ReadOnly
        && match error.kind() {
            io::ErrorKind::ReadOnlyFilesystem => true,
            io::ErrorKind::PermissionDenied => exclusive,
            _ => false,
        }
}

/// Opens the lock file at `path`; creates it empty if there is none, with the mode that fits the data file's.
fn open_lock_file(data: &File, path: &Path) -> io::Result<File> {
    let mode = lock_file_mode(data.metadata()?.mode());
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(mode)
        .open(path)
}

/// Returns the mode a lock file is created with: everyone who may read the data may write here, because readers too
/// announce themselves.
///
/// Source: locking document, "Files".
fn lock_file_mode(data_mode: u32) -> u32 {
    let read_write = data_mode & 0o666;
    read_write | 0o600 | (read_write & 0o044) >> 1
}

/// Checks that `file` is a regular file that still has a name.
///
/// Source: locking document, "Seizing".
fn check_in_place(file: &File) -> io::Result<()> {
    let metadata = file.metadata()?;
    if metadata.is_file() && metadata.nlink() >= 1 {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(libc::EBADFD))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::paths::Paths;

    /// A directory with a file that is long enough for a database.
    struct Fixture {
        directory: tempfile::TempDir,
        paths: Paths,
    }

    impl Fixture {
        fn new() -> Fixture {
            let directory = tempfile::tempdir().unwrap();
            let paths = Paths::resolve(directory.path(), true);
            fs::write(&paths.data, [0; 4096]).unwrap();
            Fixture { directory, paths }
        }

        /// Opens the data file anew, as another process would.
        fn open_data(&self) -> File {
            OpenOptions::new()
                .read(true)
                .write(true)
                .open(&self.paths.data)
                .unwrap()
        }

        fn seize(&self) -> Result<Seized> {
            Locks::seize(
                &self.open_data(),
                &self.paths,
                Access::ReadWrite,
                false,
                544,
            )
        }

        /// Takes the locks alone, and makes a lock file.
        fn alone(&self, stay: bool) -> Locks {
            let Seized::Alone(locks) = self.seize().unwrap() else {
                panic!("nobody else is here");
            };
            locks.lock_file().unwrap().set_len(4096).unwrap();
            locks.settle(stay).unwrap();
            locks
        }

        fn open_lock_file(&self) -> LockedFile {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .open(&self.paths.lock);
            LockedFile::new(file.unwrap())
        }
    }

    #[test]
    fn who_stays_alone_refuses_others_at_once_until_it_closes() {
        let fixture = Fixture::new();
        let first = fixture.alone(true);
        for _ in 0..2 {
            let refused = fixture.seize();
            assert!(matches!(refused, Err(Error::Busy { path }) if path == fixture.paths.data));
        }
        let data = LockedFile::new(fixture.open_data());
        assert!(!data.try_set(Range::of_process(4711), Claim::Read).unwrap());
        assert!(first.leave().unwrap());
        drop(first);
        fixture.alone(true);
    }

    #[test]
    fn who_is_not_alone_leaves_the_bytes_of_other_processes_free() {
        let fixture = Fixture::new();
        let first = fixture.alone(false);
        let data = LockedFile::new(fixture.open_data());
        assert!(
            data.try_set(Range::of_process(process::pid() + 1), Claim::Write)
                .unwrap()
        );
        assert!(!data.try_set(Range::WHOLE, Claim::Read).unwrap());
        assert!(!first.leave().unwrap(), "the other one is there");
    }

    #[test]
    fn an_opener_waits_for_one_that_is_just_making_the_lock_file() {
        let fixture = Fixture::new();
        let Seized::Alone(first) = fixture.seize().unwrap() else {
            panic!("nobody else is here");
        };
        std::thread::scope(|scope| {
            let second = scope.spawn(|| fixture.seize());
            thread::sleep(5 * PAUSE);
            first.lock_file().unwrap().set_len(4096).unwrap();
            first.settle(false).unwrap();
            drop(first);
            assert!(matches!(second.join().unwrap().unwrap(), Seized::Alone(_)));
        });
    }

    #[test]
    fn of_racing_openers_one_at_most_is_alone_and_all_get_done() {
        let fixture = Fixture::new();
        let held = Mutex::new(());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        match fixture.seize() {
                            Ok(Seized::Alone(locks)) => {
                                let _held = held.try_lock().unwrap();
                                locks.lock_file().unwrap().set_len(4096).unwrap();
                            }
                            Ok(Seized::Shared(_)) => panic!("all have one process id"),
                            Err(error) => assert!(matches!(error, Error::Busy { .. }), "{error}"),
                        }
                    }
                });
            }
        });
        fixture.alone(true);
    }

    #[test]
    fn the_alive_are_known_until_they_leave() {
        let fixture = Fixture::new();
        let locks = fixture.alone(false);
        let other = fixture.open_lock_file();
        let own = Range::of_process(process::pid());
        assert!(!other.is_locked_by_others(own).unwrap());
        assert!(locks.show_alive().unwrap());
        assert!(other.is_locked_by_others(own).unwrap());
        assert!(!locks.is_alive(4711).unwrap());
        other
            .try_set(Range::of_process(4711), Claim::Write)
            .unwrap();
        assert!(locks.is_alive(4711).unwrap());
        assert!(!locks.leave().unwrap());
        assert!(!other.is_locked_by_others(own).unwrap());
    }

    #[test]
    fn locks_outlive_their_drop_in_a_child_process() {
        let fixture = Fixture::new();
        let mut locks = fixture.alone(true);
        let lock_file = locks.lock_file.as_mut().unwrap();
        let shared_with_parent = (
            locks.data.file().try_clone().unwrap(),
            lock_file.file().try_clone().unwrap(),
        );
        lock_file.inherit();
        locks.data.inherit();
        assert!(!locks.are_ours());
        drop(locks);
        assert!(matches!(fixture.seize(), Err(Error::Busy { .. })));
        drop(shared_with_parent);
        fixture.alone(true);
    }

    #[test]
    fn the_other_naming_rule_is_noticed_before_anything_is_touched() {
        let fixture = Fixture::new();
        File::create(&fixture.paths.alternative_lock).unwrap();
        let error = fixture.seize().unwrap_err();
        assert!(
            matches!(error, Error::DuplicatedLock { path } if path == fixture.paths.alternative_lock)
        );
        assert!(!fixture.paths.lock.exists());
    }

    #[test]
    fn a_lock_file_that_cannot_be_opened_is_named_and_nothing_stays_locked() {
        let fixture = Fixture::new();
        fs::create_dir(&fixture.paths.lock).unwrap();
        let error = fixture.seize().unwrap_err();
        assert!(matches!(error, Error::Open { path, .. } if path == fixture.paths.lock));
        fs::remove_dir(&fixture.paths.lock).unwrap();
        fixture.alone(true);
    }

    #[test]
    fn a_data_file_deleted_meanwhile_is_refused() {
        let fixture = Fixture::new();
        let data = fixture.open_data();
        fs::remove_file(&fixture.paths.data).unwrap();
        let seized = Locks::seize(&data, &fixture.paths, Access::ReadWrite, false, 544);
        assert!(matches!(seized, Err(Error::Open { path, .. }) if path == fixture.paths.data));
    }

    #[test]
    fn a_reader_locks_a_file_that_it_cannot_write() {
        let fixture = Fixture::new();
        let data = File::open(&fixture.paths.data).unwrap();
        let seize = || Locks::seize(&data, &fixture.paths, Access::ReadOnly, false, 544);
        let Seized::Alone(locks) = seize().unwrap() else {
            panic!("nobody else is here");
        };
        locks.lock_file().unwrap().set_len(4096).unwrap();
        locks.settle(true).unwrap();
        assert!(matches!(fixture.seize(), Err(Error::Busy { .. })));
        drop(locks);
        let locks = fixture.alone(true);
        assert!(matches!(seize(), Err(Error::Busy { .. })));
        drop(locks);
        seize().unwrap();
    }

    #[test]
    fn only_readers_do_without_a_lock_file_and_only_where_none_can_be() {
        let answers = |errno, access, exclusive| {
            does_without_lock_file(&io::Error::from_raw_os_error(errno), access, exclusive)
        };
        assert!(answers(libc::EROFS, Access::ReadOnly, false));
        assert!(!answers(libc::EROFS, Access::ReadWrite, true));
        assert!(!answers(libc::EACCES, Access::ReadOnly, false));
        assert!(answers(libc::EACCES, Access::ReadOnly, true));
        assert!(answers(libc::EPERM, Access::ReadOnly, true));
        assert!(!answers(libc::EISDIR, Access::ReadOnly, true));
    }

    #[test]
    fn who_may_read_the_data_may_write_the_lock_file() {
        assert_eq!(lock_file_mode(0o100_644), 0o666);
        assert_eq!(lock_file_mode(0o100_640), 0o660);
        assert_eq!(lock_file_mode(0o100_600), 0o600);
        assert_eq!(lock_file_mode(0o100_755), 0o666);
        assert_eq!(lock_file_mode(0o100_400), 0o600);
    }

    #[test]
    fn one_file_is_registered_once_under_whatever_name() {
        let fixture = Fixture::new();
        let other_name = fixture.directory.path().join("other");
        fs::hard_link(&fixture.paths.data, &other_name).unwrap();
        let first = OpenGuard::register(&fixture.open_data(), &fixture.paths.data).unwrap();
        let second = OpenGuard::register(&fixture.open_data(), &other_name);
        assert!(matches!(second, Err(Error::AlreadyOpen { path }) if path == other_name));
        drop(first);
        OpenGuard::register(&fixture.open_data(), &other_name).unwrap();
    }
}
