//! Being the only user of a database: its file names, and the locks between processes.
//!
//! Every program that opens a database derives the same lock file name from the data file's ([`Paths`]) and takes
//! locks on ranges of both files, which end with their holder. [`ExclusiveLock`] takes them so that every other
//! opener, libmdbx included, is refused at once:
//!
//! | file | range | lock | tells an opener |
//! | --- | --- | --- | --- |
//! | lock file | byte 0 | write, for a moment; then read | another process is initialising; is attached |
//! | data file | all | write; read, if it only reads | that process shares the database with nobody |
//!
//! Where no lock file can be made, because nothing can be written there, the lock of the data file has to do.
//!
//! The locks belong to the open file (`F_OFD_SETLK`), not to the process: closing another descriptor of the file does
//! not drop them, and two openers in one process would refuse each other too. [`OpenGuard`] finds such a second
//! opening first and names it.
//!
//! A child process shares the open files of its parent, and so the locks. It must not give them up, so what it
//! inherits is only closed there.
#![expect(unsafe_code, reason = "std has no byte-range locks")]

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};
use crate::sys::file::{Access, identity};
use crate::sys::process;

/// The data file's name in directory mode.
const DATA_NAME: &str = "mdbx.dat";
/// The lock file's name in directory mode.
const LOCK_NAME: &str = "mdbx.lck";
/// What follows the data file's name in the lock file's, in single-file mode.
const LOCK_SUFFIX: &str = "-lck";
/// The extension of the alternative lock name in single-file mode.
const ALTERNATIVE_EXTENSION: &str = "lck";

/// The length of the lock file while we are attached, in bytes.
///
/// An opener that finds byte 0 locked but no room for a header waits for one, for good.
///
/// Source: locking document, "How much of this is needed".
const LOCK_FILE_LEN: u64 = 4096;

/// The names of the files of one database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Paths {
    /// The data file.
    pub data: PathBuf,
    /// The lock file.
    pub lock: PathBuf,
    /// The lock file of a program that follows the other naming rule; it should not exist.
    pub alternative_lock: PathBuf,
}

impl Paths {
    /// Returns the files of the database at `path`, which is a directory or the data file itself.
    ///
    /// What exists decides; `sub_directory` says whether a path where nothing is yet names a directory. A data file
    /// called `mdbx.dat` is the one of its directory.
    ///
    /// Source: format document, "File names".
    pub(crate) fn resolve(path: &Path, sub_directory: bool) -> Paths {
        let is_directory = fs::metadata(path).map_or(sub_directory, |found| found.is_dir());
        if is_directory {
            Paths::in_directory(path)
        } else if path.file_name().is_some_and(|name| name == DATA_NAME) {
            Paths::in_directory(path.parent().unwrap_or(Path::new("")))
        } else {
            Paths {
                data: path.to_owned(),
                lock: with_lock_suffix(path),
                alternative_lock: path.with_extension(ALTERNATIVE_EXTENSION),
            }
        }
    }

    /// Returns the files of the database in `directory`.
    fn in_directory(directory: &Path) -> Paths {
        let data = directory.join(DATA_NAME);
        Paths {
            lock: directory.join(LOCK_NAME),
            alternative_lock: with_lock_suffix(&data),
            data,
        }
    }
}

/// Returns `path` with the suffix of lock files added to its last name.
fn with_lock_suffix(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(LOCK_SUFFIX);
    PathBuf::from(name)
}

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
        let failed = |source| open_error(path, source);
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

/// The proof that no other process has the database open. Dropping it lets others in.
#[derive(Debug)]
pub(crate) struct ExclusiveLock {
    /// The whole data file, locked for writing, or for reading if nothing else is done. A field before `lock_file`, so
    /// that it is given up first: whoever gets byte 0 of the lock file finds the data file free.
    _data: Locked,
    /// Byte 0 of the lock file, locked for reading; `None` where there can be no lock file.
    lock_file: Option<Locked>,
}

impl ExclusiveLock {
    /// Takes the locks that keep everyone else out. It never waits.
    ///
    /// The caller holds the [`OpenGuard`] of `data`, which was opened at `paths.data` for `access`. It writes the metas
    /// of a new file soon: an opener that finds less than 768 bytes of data looks again and again. A reader that is
    /// `exclusive` by its own wish does without a lock file that it may not write.
    ///
    /// # Errors
    ///
    /// Nothing stays locked then, but an empty lock file may have been created.
    ///
    /// - [`Error::Busy`] when another process has the database open, or is opening or closing it.
    /// - [`Error::DuplicatedLock`] when the alternative lock file exists.
    /// - [`Error::Open`] when the lock file cannot be opened or sized, or one of the files is not a regular file or
    ///   was deleted meanwhile.
    ///
    /// Source: locking document, "How much of this is needed", level 1, and "Files".
    pub(crate) fn acquire(
        data: &File,
        paths: &Paths,
        access: Access,
        exclusive: bool,
    ) -> Result<ExclusiveLock> {
        if fs::symlink_metadata(&paths.alternative_lock).is_ok() {
            return Err(Error::DuplicatedLock {
                path: paths.alternative_lock.clone(),
            });
        }
        let busy = || Error::Busy {
            path: paths.data.clone(),
        };
        let lock_failed = |source| open_error(&paths.lock, source);
        let data_failed = |source| open_error(&paths.data, source);

        let lock_file = match open_lock_file(data, &paths.lock) {
            Ok(file) => Some(
                Locked::new(file, FIRST_BYTE, Claim::Write)
                    .map_err(lock_failed)?
                    .ok_or_else(busy)?,
            ),
            Err(error) if does_without_lock_file(&error, access, exclusive) => None,
            Err(error) => return Err(lock_failed(error)),
        };
        let own_data = data.try_clone().map_err(data_failed)?;
        let claim = match access {
            Access::ReadWrite => Claim::Write,
            Access::ReadOnly => Claim::Read, // a file not open for writing takes no other
        };
        let own_data = Locked::new(own_data, WHOLE, claim)
            .map_err(data_failed)?
            .ok_or_else(busy)?;

        // Only now: before, someone else could still have deleted the files and made new ones.
        check_in_place(&own_data.file).map_err(data_failed)?;
        if let Some(lock_file) = &lock_file {
            finish(&lock_file.file).map_err(lock_failed)?;
        }
        Ok(ExclusiveLock {
            _data: own_data,
            lock_file,
        })
    }
}

/// Makes the lock file such that other openers are refused at once.
fn finish(lock_file: &File) -> io::Result<()> {
    check_in_place(lock_file)?;
    lock_file.set_len(LOCK_FILE_LEN)?;
    // As long as byte 0 is locked for writing, openers of libmdbx sleep instead of failing.
    try_set(lock_file, FIRST_BYTE, Claim::Read)?;
    Ok(())
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

impl Drop for ExclusiveLock {
    /// Empties the lock file, as the last user of a database does, and gives up the locks.
    ///
    /// A lock file that is not emptied is harmless, the next opener initialises it; so no failure matters here.
    fn drop(&mut self) {
        // Refused while an opener looks at byte 0, just to find out that we are here.
        if let Some(lock_file) = &self.lock_file
            && lock_file.is_ours()
            && matches!(try_set(&lock_file.file, WHOLE, Claim::Write), Ok(true))
        {
            let _ = lock_file.file.set_len(0);
        }
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

/// Returns the error that says `path` could not be opened or prepared.
fn open_error(path: &Path, source: io::Error) -> Error {
    Error::Open {
        path: path.to_owned(),
        source,
    }
}

/// A file of which this process has locked a range. All locks of the file are given up on drop.
#[derive(Debug)]
struct Locked {
    /// The file.
    file: File,
    /// The process that took the lock.
    owner: u32,
}

impl Locked {
    /// Locks `range` of `file` as `claim` says; `None` when someone else holds a lock there that does not go with it.
    fn new(file: File, range: Range, claim: Claim) -> io::Result<Option<Locked>> {
        let is_free = try_set(&file, range, claim)?;
        Ok(is_free.then(|| Locked {
            file,
            owner: process::pid(),
        }))
    }

    /// Returns whether this process took the lock, instead of inheriting it.
    fn is_ours(&self) -> bool {
        self.owner == process::pid()
    }
}

impl Drop for Locked {
    /// Closing the file is not enough: the lock lasts while any duplicate of the descriptor is open, and the caller
    /// of [`ExclusiveLock::acquire`] and every child process have one.
    fn drop(&mut self) {
        if self.is_ours() {
            let _ = try_set(&self.file, WHOLE, Claim::None);
        }
    }
}

/// A range of bytes of a file, which need not exist.
#[derive(Clone, Copy)]
struct Range {
    /// The first byte.
    start: libc::off_t,
    /// How many bytes.
    len: libc::off_t,
}

/// Byte 0.
const FIRST_BYTE: Range = Range { start: 0, len: 1 };

/// The whole file. This very length, since libmdbx splits a lock at such ends.
///
/// Source: locking document, "fcntl locks".
const WHOLE: Range = Range {
    start: 0,
    len: 0x7FFF_FFFF_FFF0_0000,
};

/// What to hold on a range.
#[derive(Clone, Copy)]
enum Claim {
    /// Nothing: gives up what is held.
    None,
    /// A lock that others can share, but nobody can have for writing.
    Read,
    /// A lock that nobody shares.
    Write,
}

/// Changes what `file` holds on `range` to `claim`, without waiting; returns whether nobody else was in the way.
fn try_set(file: &File, range: Range, claim: Claim) -> io::Result<bool> {
    let kind = match claim {
        Claim::None => libc::F_UNLCK,
        Claim::Read => libc::F_RDLCK,
        Claim::Write => libc::F_WRLCK,
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "small constants, which the struct is made for"
    )]
    let request = libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: range.start,
        l_len: range.len,
        l_pid: 0, // locks of open files require it
    };
    // SAFETY:
    // - The descriptor is open: `file` is borrowed.
    // - The command reads one `flock`, which `request` is, and keeps no pointer to it.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const request) };
    if result == 0 {
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EAGAIN | libc::EACCES | libc::EBUSY | libc::EDEADLK) => Ok(false),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with an empty database.
    struct Fixture {
        directory: tempfile::TempDir,
        paths: Paths,
    }

    impl Fixture {
        fn new() -> Fixture {
            let directory = tempfile::tempdir().unwrap();
            let paths = Paths::resolve(directory.path(), true);
            File::create(&paths.data).unwrap();
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

        fn acquire(&self) -> Result<ExclusiveLock> {
            ExclusiveLock::acquire(&self.open_data(), &self.paths, Access::ReadWrite, false)
        }

        fn lock_file_len(&self) -> u64 {
            fs::metadata(&self.paths.lock).unwrap().len()
        }
    }

    #[test]
    fn a_second_opener_is_refused_until_the_first_closes() {
        let fixture = Fixture::new();
        let first = fixture.acquire().unwrap();
        assert!(
            matches!(fixture.acquire(), Err(Error::Busy { path }) if path == fixture.paths.data)
        );
        assert!(
            matches!(fixture.acquire(), Err(Error::Busy { .. })),
            "a refusal leaves the lock in place"
        );
        drop(first);
        fixture.acquire().unwrap();
    }

    #[test]
    fn of_racing_openers_one_at_most_gets_in_and_none_waits() {
        let fixture = Fixture::new();
        let held = Mutex::new(());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        match fixture.acquire() {
                            Ok(_lock) => drop(held.try_lock().unwrap()),
                            Err(error) => assert!(matches!(error, Error::Busy { .. }), "{error}"),
                        }
                    }
                });
            }
        });
        fixture.acquire().unwrap();
    }

    #[test]
    fn the_lock_file_has_a_page_while_open_and_is_empty_after_close() {
        let fixture = Fixture::new();
        fs::write(&fixture.paths.lock, [0xA5; 10_000]).unwrap(); // left by a crash
        let lock = fixture.acquire().unwrap();
        assert_eq!(fixture.lock_file_len(), LOCK_FILE_LEN);
        drop(lock);
        assert_eq!(fixture.lock_file_len(), 0);
    }

    #[test]
    fn while_open_others_can_lock_nothing_but_byte_0_for_reading() {
        let fixture = Fixture::new();
        let _lock = fixture.acquire().unwrap();
        let data = fixture.open_data();
        let lock_file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&fixture.paths.lock)
            .unwrap();
        let one_pid = Range {
            start: 4711,
            len: 1,
        };
        assert!(
            !try_set(&data, one_pid, Claim::Read).unwrap(),
            "an opener that wants to join is refused"
        );
        assert!(!try_set(&lock_file, FIRST_BYTE, Claim::Write).unwrap());
        assert!(
            try_set(&lock_file, FIRST_BYTE, Claim::Read).unwrap(),
            "and does not sleep before it is"
        );
    }

    #[test]
    fn a_lock_file_someone_looks_at_is_not_emptied() {
        let fixture = Fixture::new();
        let lock = fixture.acquire().unwrap();
        let lock_file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&fixture.paths.lock)
            .unwrap();
        assert!(try_set(&lock_file, FIRST_BYTE, Claim::Read).unwrap());
        drop(lock);
        assert_eq!(fixture.lock_file_len(), LOCK_FILE_LEN);
    }

    #[test]
    #[expect(
        clippy::used_underscore_binding,
        reason = "plays the child, field by field"
    )]
    fn a_lock_outlives_its_drop_in_a_child_process() {
        let fixture = Fixture::new();
        let mut lock = fixture.acquire().unwrap();
        let owner = process::pid() + 1; // as a child would see it
        lock._data.owner = owner;
        let lock_file = lock.lock_file.as_mut().unwrap();
        lock_file.owner = owner;
        let shared_with_parent = (
            lock._data.file.try_clone().unwrap(),
            lock_file.file.try_clone().unwrap(),
        );
        drop(lock);
        assert_eq!(fixture.lock_file_len(), LOCK_FILE_LEN);
        assert!(matches!(fixture.acquire(), Err(Error::Busy { .. })));
        drop(shared_with_parent);
        fixture.acquire().unwrap();
    }

    #[test]
    fn the_other_naming_rule_is_noticed_before_anything_is_touched() {
        let fixture = Fixture::new();
        File::create(&fixture.paths.alternative_lock).unwrap();
        let error = fixture.acquire().unwrap_err();
        assert!(
            matches!(error, Error::DuplicatedLock { path } if path == fixture.paths.alternative_lock)
        );
        assert!(!fixture.paths.lock.exists());
    }

    #[test]
    fn a_lock_file_that_cannot_be_prepared_is_named_and_nothing_stays_locked() {
        let fixture = Fixture::new();
        fs::create_dir(&fixture.paths.lock).unwrap();
        let data = fixture.open_data();
        let error =
            ExclusiveLock::acquire(&data, &fixture.paths, Access::ReadWrite, false).unwrap_err();
        assert!(matches!(error, Error::Open { path, .. } if path == fixture.paths.lock));
        fs::remove_dir(&fixture.paths.lock).unwrap();
        fixture.acquire().unwrap();
    }

    #[test]
    fn a_data_file_deleted_meanwhile_is_refused() {
        let fixture = Fixture::new();
        let data = fixture.open_data();
        fs::remove_file(&fixture.paths.data).unwrap();
        let error =
            ExclusiveLock::acquire(&data, &fixture.paths, Access::ReadWrite, false).unwrap_err();
        assert!(matches!(error, Error::Open { path, .. } if path == fixture.paths.data));
    }

    #[test]
    fn a_reader_locks_a_file_that_it_cannot_write() {
        let fixture = Fixture::new();
        let data = File::open(&fixture.paths.data).unwrap();
        let acquire = || ExclusiveLock::acquire(&data, &fixture.paths, Access::ReadOnly, false);
        let lock = acquire().unwrap();
        assert!(matches!(fixture.acquire(), Err(Error::Busy { .. })));
        drop(lock);
        let lock = fixture.acquire().unwrap();
        assert!(matches!(acquire(), Err(Error::Busy { .. })));
        drop(lock);
        acquire().unwrap();
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
    fn what_exists_decides_the_naming_rule() {
        let fixture = Fixture::new();
        let directory = fixture.directory.path();
        let in_directory = Paths {
            data: directory.join("mdbx.dat"),
            lock: directory.join("mdbx.lck"),
            alternative_lock: directory.join("mdbx.dat-lck"),
        };
        assert_eq!(Paths::resolve(directory, false), in_directory);
        assert_eq!(
            Paths::resolve(&directory.join("mdbx.dat"), true),
            in_directory,
            "the file of a directory"
        );

        let file = directory.join("foo.mdbx");
        File::create(&file).unwrap();
        let single = Paths {
            data: file.clone(),
            lock: directory.join("foo.mdbx-lck"),
            alternative_lock: directory.join("foo.lck"),
        };
        assert_eq!(Paths::resolve(&file, true), single);
    }

    #[test]
    fn where_nothing_is_yet_the_caller_decides_the_naming_rule() {
        let fixture = Fixture::new();
        let path = fixture.directory.path().join("new");
        assert_eq!(Paths::resolve(&path, true).data, path.join("mdbx.dat"));
        let single = Paths::resolve(&path, false);
        assert_eq!(single.data, path);
        assert_eq!(single.lock, fixture.directory.path().join("new-lck"));
        assert_eq!(
            single.alternative_lock,
            fixture.directory.path().join("new.lck")
        );
    }

    #[test]
    fn a_bare_data_file_name_is_the_one_of_this_directory() {
        let paths = Paths::resolve(Path::new("mdbx.dat"), false);
        assert_eq!(paths.data, Path::new("mdbx.dat"));
        assert_eq!(paths.lock, Path::new("mdbx.lck"));
        assert_eq!(paths.alternative_lock, Path::new("mdbx.dat-lck"));
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
