//! What the tests of the typed layer share.

#![allow(dead_code, reason = "no test file needs all of it")]

pub(crate) mod items;

use std::path::PathBuf;

use mdbx_typed::{Database, OpenError, Result, Schema};
use tempfile::TempDir;

/// A database in a directory that goes away with it.
pub(crate) struct TempDb {
    pub(crate) db: Database,
    directory: TempDir,
}

impl TempDb {
    pub(crate) fn open(schema: &Schema) -> Result<TempDb> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let db = Database::open(path(&directory), schema)?;
        Ok(TempDb { db, directory })
    }

    /// Closes the file and opens it with another schema.
    pub(crate) fn reopen(self, schema: &Schema) -> Result<TempDb, OpenError> {
        let TempDb { db, directory } = self;
        drop(db);
        let db = Database::open(path(&directory), schema)?;
        Ok(TempDb { db, directory })
    }

    /// Closes the file, changes it past the typed layer, and opens it again.
    pub(crate) fn meddle(
        self,
        schema: &Schema,
        change: impl FnOnce(&mut mdbx_core::WriteTxn<'_>),
    ) -> Result<TempDb> {
        let TempDb { db, directory } = self;
        drop(db);
        let env = mdbx_core::Env::open(path(&directory))?;
        let mut txn = env.write()?;
        change(&mut txn);
        txn.commit()?;
        drop(env);
        let db = Database::open(path(&directory), schema)?;
        Ok(TempDb { db, directory })
    }
}

impl std::ops::Deref for TempDb {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.db
    }
}

fn path(directory: &TempDir) -> PathBuf {
    directory.path().join("test.mdbx")
}

/// A tiny generator (xorshift64), so that a failure repeats.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, end: u32) -> u32 {
        u32::try_from(self.next() % u64::from(end)).expect("less than `end`")
    }
}
