//! Keeps the indexes of a table equal to its rows.
//!
//! A write compares the keys the row had with those it gets: what both have is not touched. It first checks
//! everything that can be refused, and then changes the indexes and the row. Whether a new row's key is free is found
//! out by the first of these changes, which does nothing if it is not. If the engine fails in between, what was
//! changed is changed back.

use mdbx_core as core;

use crate::error::{Error, Result};
use crate::key::KeyBuf;
use crate::schema::handles::{IndexHandle, Source, TableHandles, Target};
use crate::schema::{IndexKeys, TableSchema, row};

/// The index entries that one statement removes and adds.
pub(crate) struct Changes<'a> {
    pub(crate) schema: &'static TableSchema,
    pub(crate) handles: &'a TableHandles,
    pub(crate) primary_key: &'a KeyBuf,
    /// What the row has in the indexes now; settled.
    pub(crate) old: &'a IndexKeys,
    /// What it will have; settled.
    pub(crate) new: &'a IndexKeys,
}

/// One change of one index.
#[derive(Clone, Copy)]
enum Step<'a> {
    Remove(&'a IndexHandle, &'a [u8]),
    Add(&'a IndexHandle, &'a [u8]),
}

impl Changes<'_> {
    /// Checks that the new keys fit and that no other row has one of them in a unique index.
    pub(crate) fn check(&self, txn: &mut dyn Target) -> Result<()> {
        for (position, key) in self.new.missing_from(self.old) {
            let schema = &self.schema.indexes[position];
            let handle = &self.handles.indexes[position];
            if handle.is_missing {
                continue;
            }
            let (table, index) = (self.schema.name, schema.name);
            handle.check_len(table, Some(index), key)?;
            if !schema.unique || schema.hashed {
                continue;
            }
            match txn.get_to_change(handle.table, key)? {
                Some(existing) if existing != self.primary_key.as_slice() => {
                    return Err(Error::UniqueViolation {
                        table,
                        index,
                        existing: existing.into(),
                    });
                }
                _ => {}
            }
        }
        self.check_hashed(txn)
    }

    /// Checks that no other row has one of the new values in a unique hash index. Rows that share the hash are
    /// compared.
    fn check_hashed(&self, txn: &dyn Source) -> Result<()> {
        for entry in self.new.hashed() {
            let (position, hash, _) = entry;
            let schema = &self.schema.indexes[position];
            let is_missing = self.handles.indexes[position].is_missing;
            if is_missing || !schema.unique || self.old.hashed().any(|old| old == entry) {
                continue;
            }
            let (table, index) = (self.schema.name, schema.name);
            let rows = txn.table(self.handles.rows.table)?;
            let mut cursor = txn.table(self.handles.indexes[position].table)?.cursor();
            let mut next = cursor.seek_exact(hash)?.map(|(_, existing)| existing);
            while let Some(existing) = next {
                next = cursor.next_dup()?.map(|(_, existing)| existing);
                if existing == self.primary_key.as_slice() {
                    continue;
                }
                let bytes = rows
                    .get(existing)?
                    .ok_or_else(|| row::dangling(table, index, existing))?;
                let revisions = &self.handles.revisions;
                let mut keys = IndexKeys::default();
                let read = row::stored_keys(self.schema, revisions, bytes, &mut keys);
                read.map_err(|source| Error::Codec {
                    table,
                    key: existing.into(),
                    source,
                })?;
                if keys.hashed().any(|other| other == entry) {
                    return Err(Error::UniqueViolation {
                        table,
                        index,
                        existing: existing.into(),
                    });
                }
            }
        }
        Ok(())
    }

    /// Adds a row and its index entries. If its key is taken, the engine says so, and nothing is touched.
    pub(crate) fn insert(
        &self,
        txn: &mut dyn Target,
        is_broken: &mut bool,
        bytes: &[u8],
    ) -> Result<()> {
        let (rows, key) = (self.handles.rows.table, self.primary_key.as_slice());
        txn.insert(rows, key, bytes)?;
        self.apply(txn, is_broken, |_| Ok(())).inspect_err(|_| {
            *is_broken |= txn.delete(rows, key).is_err();
        })
    }

    /// Changes the indexes, then stores the row.
    pub(crate) fn put(
        &self,
        txn: &mut dyn Target,
        is_broken: &mut bool,
        bytes: &[u8],
    ) -> Result<()> {
        let (rows, key) = (self.handles.rows.table, self.primary_key.as_slice());
        self.apply(txn, is_broken, |txn| txn.put(rows, key, bytes))
    }

    /// Changes the indexes, then the row by `write_row`.
    ///
    /// When a step fails, those before it are undone. If even that fails, `is_broken` is set and the transaction
    /// must not be committed.
    pub(crate) fn apply<R>(
        &self,
        txn: &mut dyn Target,
        is_broken: &mut bool,
        write_row: impl FnOnce(&mut dyn Target) -> core::Result<R>,
    ) -> Result<R> {
        let mut done = 0;
        let result = self.steps().try_for_each(|step| {
            self.run(txn, step)?;
            done += 1;
            Ok(())
        });
        match result.and_then(|()| write_row(txn)) {
            Ok(value) => Ok(value),
            Err(error) => {
                // Any order will do: no two steps concern the same entry.
                let undo = self
                    .steps()
                    .take(done)
                    .try_for_each(|step| self.run(txn, step.inverse()));
                *is_broken |= undo.is_err();
                Err(error.into())
            }
        }
    }

    /// Returns what is to be done, removals first.
    fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        let handle = |position: usize| {
            let index = &self.handles.indexes[position];
            (!index.is_missing).then_some(index)
        };
        let removed = self
            .old
            .missing_from(self.new)
            .filter_map(move |(at, key)| Some(Step::Remove(handle(at)?, key)));
        let added = self
            .new
            .missing_from(self.old)
            .filter_map(move |(at, key)| Some(Step::Add(handle(at)?, key)));
        removed.chain(added)
    }

    fn run(&self, txn: &mut dyn Target, step: Step<'_>) -> core::Result<()> {
        let primary_key = self.primary_key.as_slice();
        match step {
            Step::Add(index, key) => txn.put(index.table, key, primary_key),
            Step::Remove(index, key) if index.has_duplicates => {
                txn.delete_dup(index.table, key, primary_key).map(drop)
            }
            Step::Remove(index, key) => txn.delete(index.table, key).map(drop),
        }
    }
}

impl Step<'_> {
    fn inverse(self) -> Self {
        match self {
            Step::Remove(index, key) => Step::Add(index, key),
            Step::Add(index, key) => Step::Remove(index, key),
        }
    }
}
