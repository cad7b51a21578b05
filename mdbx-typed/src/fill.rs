//! Writes the entries of many rows to an index, in its order.
//!
//! Entries that come behind all others of the index fill its pages one after the other, and nothing has to be looked up
//! for them. The rows must be in their table already: rows that share a hash are compared there.

use mdbx_core as core;
use mdbx_core::TableMut;

use crate::error::CodecError;
use crate::pairs::Pairs;
use crate::schema::handles::{Revisions, Target};
use crate::schema::{IndexKeys, TableSchema, row};

/// An index that gets entries.
pub(crate) struct Fill<'a> {
    pub(crate) schema: &'static TableSchema,
    /// Which of its indexes.
    pub(crate) position: usize,
    pub(crate) revisions: &'a Revisions,
    /// The rows.
    pub(crate) rows: core::Table,
    /// The index.
    pub(crate) table: core::Table,
}

/// Why entries were not written. Some of them may have been.
pub(crate) enum Obstacle {
    /// Two rows have the same key in a unique index.
    Conflict {
        key: Box<[u8]>,
        existing: Box<[u8]>,
        row: Box<[u8]>,
    },
    /// A row that shares a hash with another one cannot be read.
    Row {
        key: Box<[u8]>,
        source: CodecError,
    },
    /// An entry of the index leads to a row that is not there.
    Dangling {
        key: Box<[u8]>,
    },
    Engine(core::Error),
}

impl From<core::Error> for Obstacle {
    fn from(error: core::Error) -> Self {
        Obstacle::Engine(error)
    }
}

impl Fill<'_> {
    /// Sorts entries, pairs of a key and a primary key, and writes them.
    pub(crate) fn write(&self, txn: &mut dyn Target, entries: &mut Pairs) -> Result<(), Obstacle> {
        entries.sort();
        let index = &self.schema.indexes[self.position];
        if index.unique && index.hashed {
            return self.write_hashed(txn, entries);
        }
        let mut table = txn.table_mut(self.table)?;
        let mut end = End::of(&table)?;
        let mut before: Option<(&[u8], &[u8])> = None;
        for (key, row) in entries.iter() {
            if index.unique {
                if let Some((last, existing)) = before.replace((key, row))
                    && last == key
                {
                    return Err(conflict(key, existing, row));
                }
                if !end.is_before(key) {
                    insert_unique(&mut table, key, row)?;
                    continue;
                }
            }
            table.put(key, row)?;
        }
        Ok(())
    }

    /// As [`write`](Self::write), for a unique hash index: it has duplicates, and rows that share a hash are compared.
    fn write_hashed(&self, txn: &mut dyn Target, entries: &Pairs) -> Result<(), Obstacle> {
        let mut end = End::of(&txn.table_mut(self.table)?)?;
        let mut before: Option<&[u8]> = None;
        for (hash, row) in entries.iter() {
            let is_new = before.replace(hash) != Some(hash) && end.is_before(hash);
            if !is_new {
                self.check_hash(txn, hash, row)?;
            }
            txn.put(self.table, hash, row)?;
        }
        Ok(())
    }

    /// Checks that no other row with the same hash has the same value.
    fn check_hash(&self, txn: &dyn Target, hash: &[u8], row: &[u8]) -> Result<(), Obstacle> {
        let mut values: Option<IndexKeys> = None;
        for existing in txn.table(self.table)?.dups(hash)? {
            let existing = existing?;
            let own = match &values {
                Some(own) => own,
                None => values.insert(self.keys_of(txn, row)?),
            };
            let other = self.keys_of(txn, existing)?;
            let mut same = other
                .hashed()
                .filter(|(position, ..)| *position == self.position);
            if existing != row && same.any(|value| own.hashed().any(|own| own == value)) {
                return Err(conflict(hash, existing, row));
            }
        }
        Ok(())
    }

    /// Returns the keys of a row in all indexes.
    fn keys_of(&self, txn: &dyn Target, key: &[u8]) -> Result<IndexKeys, Obstacle> {
        let bytes = txn.table(self.rows)?.get(key)?;
        let bytes = bytes.ok_or_else(|| Obstacle::Dangling { key: key.into() })?;
        let mut keys = IndexKeys::default();
        match row::stored_keys(self.schema, self.revisions, bytes, &mut keys) {
            Ok(()) => Ok(keys),
            Err(source) => Err(Obstacle::Row {
                key: key.into(),
                source,
            }),
        }
    }
}

/// The last key of a table before anything is written, to tell whether keys that are written in order come behind it.
pub(crate) struct End {
    /// `None` if there is nothing before what comes next.
    last: Option<Box<[u8]>>,
}

impl End {
    pub(crate) fn of(table: &TableMut<'_>) -> core::Result<End> {
        let last = table.as_ref().last()?;
        Ok(End {
            last: last.map(|(key, _)| key.into()),
        })
    }

    /// Returns whether `key`, and all that come after it, are behind the end.
    #[inline]
    pub(crate) fn is_before(&mut self, key: &[u8]) -> bool {
        if self.last.as_deref().is_some_and(|last| last < key) {
            self.last = None;
        }
        self.last.is_none()
    }
}

fn insert_unique(table: &mut TableMut<'_>, key: &[u8], row: &[u8]) -> Result<(), Obstacle> {
    match table.insert(key, row) {
        Err(core::Error::KeyExists) => Err(match table.get(key)? {
            Some(existing) => conflict(key, existing, row),
            None => Obstacle::Engine(core::Error::KeyExists),
        }),
        result => Ok(result?),
    }
}

#[cold]
fn conflict(key: &[u8], existing: &[u8], row: &[u8]) -> Obstacle {
    Obstacle::Conflict {
        key: key.into(),
        existing: existing.into(),
        row: row.into(),
    }
}
