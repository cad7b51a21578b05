//! The names of the files of a database.
//!
//! Every program that opens a database derives the same lock file name from the data file's. There are two rules, for a
//! database in a directory of its own and for one in a single file.
//!
//! Source: format document, "File names".

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// The data file's name in directory mode.
const DATA_NAME: &str = "mdbx.dat";
/// The lock file's name in directory mode.
const LOCK_NAME: &str = "mdbx.lck";
/// What follows the data file's name in the lock file's, in single-file mode.
const LOCK_SUFFIX: &str = "-lck";
/// The extension of the alternative lock name in single-file mode.
const ALTERNATIVE_EXTENSION: &str = "lck";

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

    /// Returns the empty names of a database that is in no file system.
    pub(crate) fn nowhere() -> Paths {
        Paths {
            data: PathBuf::new(),
            lock: PathBuf::new(),
            alternative_lock: PathBuf::new(),
        }
    }

    /// Returns whether the database is in no file system.
    pub(crate) fn are_nowhere(&self) -> bool {
        self.data.as_os_str().is_empty()
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn what_exists_decides_the_naming_rule() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        File::create(directory.join(DATA_NAME)).unwrap();
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
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new");
        assert_eq!(Paths::resolve(&path, true).data, path.join("mdbx.dat"));
        let single = Paths::resolve(&path, false);
        assert_eq!(single.data, path);
        assert_eq!(single.lock, directory.path().join("new-lck"));
        assert_eq!(single.alternative_lock, directory.path().join("new.lck"));
    }

    #[test]
    fn a_bare_data_file_name_is_the_one_of_this_directory() {
        let paths = Paths::resolve(Path::new("mdbx.dat"), false);
        assert_eq!(paths.data, Path::new("mdbx.dat"));
        assert_eq!(paths.lock, Path::new("mdbx.lck"));
        assert_eq!(paths.alternative_lock, Path::new("mdbx.dat-lck"));
    }
}
