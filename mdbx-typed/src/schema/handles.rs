//! The engine tables behind a table type, and what is asked of a transaction to read and change them.

use std::ops::{Bound, RangeInclusive};

use mdbx_core as core;
use mdbx_core::{PageSize, TableMut, TableRef, Txnid};

use super::catalog::{self, Catalog, IndexKind, index_table, log_table};
use super::describe::fingerprint;
use super::{Index, IndexSchema, Origin, Table, TableSchema};
use crate::error::{Error, OpenError, ReadOnly, Result};

/// A transaction of the engine that can read.
pub(crate) trait Source {
    /// Returns the handle of a named table.
    fn open_table(&self, name: &str) -> core::Result<core::Table>;

    /// Returns one table, to be read for as long as the transaction is borrowed.
    fn table(&self, table: core::Table) -> core::Result<TableRef<'_>>;

    /// Returns the id of the transaction.
    fn id(&self) -> Txnid;
}

/// A transaction of the engine that can write: one of our own, or one that is lent.
pub(crate) trait Target: Source {
    /// Returns the value of a key that may be changed next, which then is no second search.
    fn get_to_change(&mut self, table: core::Table, key: &[u8]) -> core::Result<Option<&[u8]>>;

    fn put(&mut self, table: core::Table, key: &[u8], value: &[u8]) -> core::Result<()>;

    /// As [`put`](Self::put), of a key that must not be there yet.
    fn insert(&mut self, table: core::Table, key: &[u8], value: &[u8]) -> core::Result<()>;

    /// Deletes a key with all its values; tells whether it was there.
    fn delete(&mut self, table: core::Table, key: &[u8]) -> core::Result<bool>;

    /// Deletes one value of a key; tells whether it was there.
    fn delete_dup(&mut self, table: core::Table, key: &[u8], value: &[u8]) -> core::Result<bool>;

    /// Deletes all items with keys in a range; returns how many.
    fn delete_range(&mut self, table: core::Table, range: KeyBounds<'_>) -> core::Result<u64>;

    /// Deletes all items from one pair of a key and a value to another, both included; returns how many.
    fn delete_pairs(&mut self, table: core::Table, pairs: PairRange<'_>) -> core::Result<u64>;

    /// Deletes all items of a table.
    fn clear(&mut self, table: core::Table) -> core::Result<()>;

    /// Adds to the sequence of a table, and returns what it was.
    fn sequence(&mut self, table: core::Table, increment: u64) -> core::Result<u64>;

    /// Returns one table, to change many of its items.
    fn table_mut(&mut self, table: core::Table) -> core::Result<TableMut<'_>>;

    /// Runs `work` one level down, and keeps what it changes if it says so. Otherwise, and if it panics, all of that is
    /// undone.
    fn level(&mut self, work: &mut dyn FnMut(&mut dyn Target) -> Outcome) -> core::Result<()>;

    /// Hands out the transaction itself.
    fn raw(&mut self, work: &mut dyn FnMut(&mut core::WriteTxn<'_>));

    /// Makes several changes as one: if `change` fails, all of them are undone.
    fn as_a_whole(
        &mut self,
        change: &mut dyn FnMut(&mut dyn Target) -> Result<u64>,
    ) -> Result<u64> {
        let mut result = Ok(0);
        self.level(&mut |txn| {
            result = change(txn);
            Outcome::of(&result)
        })?;
        result
    }
}

/// What becomes of the changes of one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Keep,
    Undo,
}

impl Outcome {
    /// Returns what a result stands for.
    pub(crate) fn of<R, E>(result: &Result<R, E>) -> Self {
        match result {
            Ok(_) => Outcome::Keep,
            Err(_) => Outcome::Undo,
        }
    }
}

/// The bounds of a range of keys.
pub(crate) type KeyBounds<'k> = (Bound<&'k [u8]>, Bound<&'k [u8]>);

/// The first and the last of some items of a table.
pub(crate) type PairRange<'k> = RangeInclusive<(&'k [u8], &'k [u8])>;

impl Source for core::ReadTxn<'_> {
    fn open_table(&self, name: &str) -> core::Result<core::Table> {
        self.open_table(name)
    }

    #[inline]
    fn table(&self, table: core::Table) -> core::Result<TableRef<'_>> {
        self.table(table)
    }

    fn id(&self) -> Txnid {
        self.id()
    }
}

impl Source for core::WriteTxn<'_> {
    fn open_table(&self, name: &str) -> core::Result<core::Table> {
        self.open_table(name)
    }

    #[inline]
    fn table(&self, table: core::Table) -> core::Result<TableRef<'_>> {
        self.table(table)
    }

    fn id(&self) -> Txnid {
        self.id()
    }
}

impl Target for core::WriteTxn<'_> {
    fn get_to_change(&mut self, table: core::Table, key: &[u8]) -> core::Result<Option<&[u8]>> {
        self.get_to_change(table, key)
    }

    fn put(&mut self, table: core::Table, key: &[u8], value: &[u8]) -> core::Result<()> {
        self.put(table, key, value)
    }

    fn insert(&mut self, table: core::Table, key: &[u8], value: &[u8]) -> core::Result<()> {
        self.insert(table, key, value)
    }

    fn delete(&mut self, table: core::Table, key: &[u8]) -> core::Result<bool> {
        self.delete(table, key)
    }

    fn delete_dup(&mut self, table: core::Table, key: &[u8], value: &[u8]) -> core::Result<bool> {
        self.delete_dup(table, key, value)
    }

    fn delete_range(&mut self, table: core::Table, range: KeyBounds<'_>) -> core::Result<u64> {
        self.delete_range(table, range)
    }

    fn delete_pairs(&mut self, table: core::Table, pairs: PairRange<'_>) -> core::Result<u64> {
        self.table_mut(table)?.delete_pairs(pairs)
    }

    fn clear(&mut self, table: core::Table) -> core::Result<()> {
        self.clear(table)
    }

    fn sequence(&mut self, table: core::Table, increment: u64) -> core::Result<u64> {
        self.sequence(table, increment)
    }

    fn table_mut(&mut self, table: core::Table) -> core::Result<TableMut<'_>> {
        self.table_mut(table)
    }

    fn level(&mut self, work: &mut dyn FnMut(&mut dyn Target) -> Outcome) -> core::Result<()> {
        let mut nested = self.nested()?;
        match work(&mut *nested) {
            Outcome::Keep => nested.commit(),
            Outcome::Undo => {
                nested.abort();
                Ok(())
            }
        }
    }

    fn raw(&mut self, work: &mut dyn FnMut(&mut core::WriteTxn<'_>)) {
        work(self);
    }
}

/// Returns the handle of a table, or `None` if there is no such table.
pub(crate) fn find_table(source: &dyn Source, name: &str) -> core::Result<Option<core::Table>> {
    match source.open_table(name) {
        Ok(table) => Ok(Some(table)),
        Err(core::Error::NoSuchTable { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the catalog of a file; an empty one if it has none.
pub(crate) fn load_catalog(source: &dyn Source) -> Result<Catalog, OpenError> {
    match find_table(source, catalog::TABLE)? {
        Some(table) => Catalog::load(source.table(table)?),
        None => Ok(Catalog::default()),
    }
}

/// The longest keys that the pages of a database take, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyLimits {
    /// A key in a table with one value for each key.
    plain: usize,
    /// A key in a table with duplicates.
    with_duplicates: usize,
    /// One of the duplicates.
    duplicate: usize,
}

impl KeyLimits {
    pub(crate) fn of(page_size: PageSize) -> Self {
        KeyLimits {
            plain: core::max_key_len(page_size),
            with_duplicates: core::max_key_len_dup_sort(page_size),
            duplicate: core::max_value_len_dup_sort(page_size),
        }
    }

    /// Returns the longest primary key: it is a key of the rows and a duplicate in most indexes.
    pub(crate) fn primary(self, schema: &TableSchema) -> usize {
        let is_duplicate = schema
            .indexes
            .iter()
            .any(|index| IndexKind::of(index) == IndexKind::Duplicates);
        if is_duplicate {
            self.plain.min(self.duplicate)
        } else {
            self.plain
        }
    }

    /// Returns the longest key of an index.
    pub(crate) fn index(self, schema: &IndexSchema) -> usize {
        match IndexKind::of(schema) {
            IndexKind::Unique => self.plain,
            IndexKind::Duplicates => self.with_duplicates,
        }
    }
}

/// Which revisions the rows of a table have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Revisions {
    /// The one that rows are written in.
    pub(crate) current: u32,
    /// The older ones that rows may have, each with the struct that wrote them.
    pub(crate) older: Box<[(u32, Origin)]>,
}

/// What a database keeps for each table of its schema.
#[derive(Debug)]
pub(crate) struct TableHandles {
    /// The rows, by primary key.
    pub(crate) rows: IndexHandle,
    /// The indexes, by position.
    pub(crate) indexes: Box<[IndexHandle]>,
    pub(crate) revisions: Revisions,
    /// The log of its changes, if it keeps one.
    pub(crate) log: Option<core::Table>,
    /// Why its rows cannot be changed, if they cannot.
    pub(crate) read_only: Option<ReadOnly>,
}

/// Returns the handles of `T` among the tables, which are sorted by slot: two loads, no search.
#[inline]
pub(crate) fn require<T: Table>(tables: &[Option<TableHandles>]) -> Result<&TableHandles> {
    let handles = tables.get(T::slot()).and_then(Option::as_ref);
    handles.ok_or(Error::NotInSchema {
        table: T::SCHEMA.name,
    })
}

/// One engine table, and what must be known to use it.
#[derive(Debug)]
pub(crate) struct IndexHandle {
    pub(crate) table: core::Table,
    pub(crate) has_duplicates: bool,
    pub(crate) max_key_len: usize,
    /// Whether the file does not have it; the table is that of the rows then, and not to be used.
    pub(crate) is_missing: bool,
    /// Of its name, its definition and the primary key: what page tokens carry.
    pub(crate) fingerprint: u64,
}

impl IndexHandle {
    /// Checks that a key fits; `index` is what it is called, and `None` for the primary key.
    #[inline]
    pub(crate) fn check_len(
        &self,
        table: &'static str,
        index: Option<&'static str>,
        key: &[u8],
    ) -> Result<()> {
        let (len, max) = (key.len(), self.max_key_len);
        if len > max {
            return Err(Error::KeyTooLong {
                table,
                index,
                len,
                max,
            });
        }
        Ok(())
    }
}

impl TableHandles {
    /// Opens the engine tables of `schema`, which must exist.
    pub(crate) fn open(
        source: &dyn Source,
        schema: &TableSchema,
        limits: KeyLimits,
        revisions: Revisions,
        read_only: Option<ReadOnly>,
        missing: &[&str],
    ) -> core::Result<Self> {
        let rows = IndexHandle {
            table: source.open_table(schema.name)?,
            has_duplicates: false,
            max_key_len: limits.primary(schema),
            is_missing: false,
            fingerprint: fingerprint(&format_args!("{} {}", schema.name, schema.key)),
        };
        let open_index = |index: &IndexSchema| {
            let name = index_table(schema.name, index.name);
            let is_missing = missing.contains(&index.name);
            Ok(IndexHandle {
                table: if is_missing {
                    rows.table
                } else {
                    source.open_table(&name)?
                },
                is_missing,
                has_duplicates: IndexKind::of(index) == IndexKind::Duplicates,
                max_key_len: limits.index(index),
                fingerprint: fingerprint(&format_args!("{name} {index} {}", schema.key)),
            })
        };
        let indexes = schema
            .indexes
            .iter()
            .map(open_index)
            .collect::<core::Result<_>>()?;
        let log = if schema.logged {
            find_table(source, &log_table(schema.name))?
        } else {
            None
        };
        Ok(TableHandles {
            rows,
            indexes,
            revisions,
            log,
            read_only,
        })
    }

    /// Returns the index at a position, or the rows for the primary key.
    #[inline]
    pub(crate) fn index(&self, position: Option<usize>) -> &IndexHandle {
        position.map_or(&self.rows, |position| &self.indexes[position])
    }

    /// As [`index`](Self::index), to read it: an error if the file does not have it.
    #[inline]
    pub(crate) fn readable<I: Index>(&self) -> Result<&IndexHandle, Error> {
        let index = self.index(I::POSITION);
        if index.is_missing {
            return Err(Error::IndexMissing {
                table: I::Table::SCHEMA.name,
                index: I::NAME,
            });
        }
        Ok(index)
    }
}
