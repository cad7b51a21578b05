//! Databases in the directory for temporary files.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fs, io, process};

use crate::db::Database;
use crate::error::OpenError;
use crate::schema::Schema;

/// A database whose directory is removed when it goes.
#[derive(Debug)]
pub struct TempDb {
    // It is closed before its directory is removed: fields go in this order.
    db: Database,
    directory: Directory,
}

/// Opens a new database in a directory of its own, which is removed when the result is dropped.
///
/// Tests that never open it twice are faster with [`Database::in_memory`].
///
/// ```
/// use mdbx_typed::prelude::*;
/// use mdbx_typed::testing::temp_db;
/// # #[derive(Table, serde::Serialize, serde::Deserialize)] struct User { #[key] id: u64 }
/// # mod next {
/// #   use mdbx_typed::prelude::*;
/// #   #[derive(Table, serde::Serialize, serde::Deserialize)]
/// #   pub struct User { #[key] pub id: u64, #[serde(default)] pub name: String }
/// # }
///
/// let db = temp_db(schema![User])?;
/// db.write(|tx| tx.insert(&User { id: 7 }))?;
/// let db = db.reopen(schema![next::User])?; // as the next version of the program does
/// assert_eq!(db.read()?.get::<next::User>(7)?.map(|user| user.name), Some(String::new()));
/// # Ok::<_, mdbx_typed::Error>(())
/// ```
///
/// # Errors
///
/// As [`Database::open`]; [`OpenError::Engine`] if there can be no directory.
pub fn temp_db(schema: &Schema) -> Result<TempDb, OpenError> {
    let directory = Directory::new().map_err(|source| mdbx_core::Error::Io {
        action: "create a temporary directory",
        source,
    })?;
    TempDb::open(directory, schema)
}

impl TempDb {
    fn open(directory: Directory, schema: &Schema) -> Result<TempDb, OpenError> {
        let db = Database::open(directory.path().join("test.mdbx"), schema)?;
        Ok(TempDb { db, directory })
    }

    /// Closes the database and opens the file again, with this schema. Clones of the handle must be gone by then.
    ///
    /// If that fails, the directory is removed.
    ///
    /// # Errors
    ///
    /// As [`Database::open`].
    pub fn reopen(self, schema: &Schema) -> Result<TempDb, OpenError> {
        let TempDb { db, directory } = self;
        drop(db);
        TempDb::open(directory, schema)
    }

    /// Returns the directory, which has nothing else in it.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

impl Deref for TempDb {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.db
    }
}

/// A directory that is removed when this goes.
#[derive(Debug)]
struct Directory(PathBuf);

impl Directory {
    fn new() -> io::Result<Directory> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("mdbx-test-{}-{number}", process::id());
            let path = std::env::temp_dir().join(name);
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Directory(path)),
                // A process that had this number before was killed and left it behind: the next name, then.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // It is no use to panic while a test may be failing, and the system clears this place, too.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Table, schema};

    #[derive(Table, serde::Serialize, serde::Deserialize)]
    struct Row {
        #[key]
        id: u8,
    }

    #[test]
    fn the_directory_lives_as_long_as_the_database() {
        let db = temp_db(schema![Row]).unwrap();
        let other = temp_db(schema![Row]).unwrap();
        assert_ne!(db.directory(), other.directory());
        db.write(|tx| tx.insert(&Row { id: 1 })).unwrap();
        let directory = db.directory().to_path_buf();
        let db = db.reopen(schema![Row]).unwrap();
        assert!(db.read().unwrap().contains::<Row>(1).unwrap());
        assert!(!other.read().unwrap().contains::<Row>(1).unwrap());
        assert_eq!(db.directory(), directory);
        drop(db);
        assert!(!directory.exists());
        assert!(other.directory().exists());
    }
}
