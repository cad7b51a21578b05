//! The statements that remove many rows: those in a range of an index, and those that a closure does not want.
//!
//! Rows are gathered some at a time, with all their index entries; then these go, and the next ones are gathered. So
//! nothing is read while something is removed, and memory is bounded. All of it happens one level down in the
//! transaction, so that a statement that fails changes nothing.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Bound, Range};

use mdbx_core as core;

use super::{Scratch, Statement, note_removal};
use crate::changes::{Attempt, Noting};
use crate::error::Result;
use crate::key::{KeyBuf, KeyRange};
use crate::schema::handles::{Source, TableHandles, Target};
use crate::schema::row::{self, dangling};
use crate::schema::{Index, IndexKeys, OwnedTable, Record, Table};

/// How many rows are gathered at a time.
const CHUNK: usize = 1024;

impl<T: Table> Statement<'_, T> {
    /// Removes the rows with entries of `I` in a range; returns how many there were.
    pub(crate) fn delete_range<I: Index<Table = T>>(&mut self, range: &KeyRange) -> Result<u64> {
        let rows = self.handles.rows.table;
        if I::POSITION.is_none() && self.handles.indexes.is_empty() {
            let mut noting = self.noting.attempt();
            note_removal::<T>(&mut noting, self.txn, self.handles, range)?;
            let count = self.txn.delete_range(rows, range.as_bounds())?;
            noting.keep();
            return Ok(count);
        }
        if I::POSITION.is_none() && range.is_full() {
            let count = self.txn.table(rows)?.len();
            self.clear()?;
            return Ok(count);
        }
        let handles = self.handles;
        let mut doomed = Doomed::new(self.noting.attempt());
        let count = self.txn.as_a_whole(&mut |txn| {
            let mut count = 0;
            loop {
                doomed.clear();
                doomed.gather_range::<I>(txn, handles, range)?;
                if doomed.rows.is_empty() {
                    return Ok(count);
                }
                count += doomed.rows.len() as u64;
                doomed.delete(txn, handles)?;
            }
        })?;
        doomed.noting.keep();
        Ok(count)
    }

    /// Removes the rows that `keep` does not want; returns how many there were.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&T::Row<'_>) -> bool) -> Result<u64> {
        let handles = self.handles;
        let mut doomed = Doomed::new(self.noting.attempt());
        let count = self.txn.as_a_whole(&mut |txn| {
            let mut count = 0;
            let mut from: Option<Vec<u8>> = Some(Vec::new());
            while let Some(start) = from {
                doomed.clear();
                from = doomed.gather_unwanted::<T>(txn, handles, &start, &mut keep)?;
                count += doomed.rows.len() as u64;
                doomed.delete(txn, handles)?;
            }
            Ok(count)
        })?;
        doomed.noting.keep();
        Ok(count)
    }
}

/// Rows to be removed, and their index entries.
struct Doomed<'s> {
    /// The bytes of all keys, one after the other.
    bytes: Vec<u8>,
    /// The primary keys, sorted.
    rows: Vec<Range<usize>>,
    entries: Vec<Entry>,
    /// What goes at once: the first and the last pair of the table that the rows were gathered from.
    run: Option<Run>,
    /// The keys of one row.
    keys: IndexKeys,
    /// The removals, which are kept once all rows are gone.
    noting: Attempt<'s>,
}

/// An entry of an index.
#[derive(Clone)]
struct Entry {
    index: usize,
    key: Range<usize>,
    primary_key: Range<usize>,
}

/// Successive items of one table.
struct Run {
    /// The index; `None` for the rows.
    index: Option<usize>,
    first: (Vec<u8>, Vec<u8>),
    last: (Vec<u8>, Vec<u8>),
}

impl Run {
    /// Returns whether an entry of an index is one of the items.
    fn holds(&self, index: usize, key: &[u8], primary_key: &[u8]) -> bool {
        let (first, last) = (
            (&self.first.0[..], &self.first.1[..]),
            (&self.last.0[..], &self.last.1[..]),
        );
        self.index == Some(index) && (first..=last).contains(&(key, primary_key))
    }
}

impl<'s> Doomed<'s> {
    fn new(noting: Attempt<'s>) -> Self {
        Doomed {
            bytes: Vec::new(),
            rows: Vec::new(),
            entries: Vec::new(),
            run: None,
            keys: IndexKeys::default(),
            noting,
        }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.rows.clear();
        self.entries.clear();
        self.run = None;
    }

    /// Gathers the first rows with entries of `I` in a range.
    fn gather_range<I: Index>(
        &mut self,
        txn: &dyn Source,
        handles: &TableHandles,
        range: &KeyRange,
    ) -> Result<()> {
        let table = txn.table(handles.readable::<I>()?.table)?;
        let pairs = table.range(range.as_bounds()).take(CHUNK);
        let pairs: Vec<(&[u8], &[u8])> = pairs.collect::<core::Result<_>>()?;
        let (Some(first), Some(last)) = (pairs.first(), pairs.last()) else {
            return Ok(());
        };
        let owned = |&(key, value): &(&[u8], &[u8])| match I::POSITION {
            None => (key.to_vec(), Vec::new()),
            Some(_) => (key.to_vec(), value.to_vec()),
        };
        self.run = Some(Run {
            index: I::POSITION,
            first: owned(first),
            last: owned(last),
        });
        if I::POSITION.is_none() {
            return pairs
                .into_iter()
                .try_for_each(|(key, bytes)| self.add::<I::Table>(handles, key, bytes));
        }
        // A row may have several entries in the range.
        let mut keys: Vec<&[u8]> = pairs.into_iter().map(|(_, key)| key).collect();
        keys.sort_unstable();
        keys.dedup();
        let found = txn.table(handles.rows.table)?.get_many(&keys)?;
        keys.into_iter().zip(found).try_for_each(|(key, bytes)| {
            let bytes = bytes.ok_or_else(|| dangling(I::Table::SCHEMA.name, I::NAME, key))?;
            self.add::<I::Table>(handles, key, bytes)
        })
    }

    /// Looks at some rows from a primary key on and gathers those that `keep` does not want; returns where the next
    /// ones begin.
    fn gather_unwanted<T: Table>(
        &mut self,
        txn: &dyn Source,
        handles: &TableHandles,
        from: &[u8],
        keep: &mut impl FnMut(&T::Row<'_>) -> bool,
    ) -> Result<Option<Vec<u8>>> {
        let rows = txn.table(handles.rows.table)?;
        let mut pairs = rows.range((Bound::Included(from), Bound::Unbounded));
        for pair in pairs.by_ref().take(CHUNK) {
            let (key, bytes) = pair?;
            let row = row::decode::<T>(handles, key, bytes)?;
            if !keep(&row) {
                self.add_row(key, &row);
            }
        }
        let next = pairs.next().transpose()?;
        Ok(next.map(|(key, _)| key.to_vec()))
    }

    fn add<T: Table>(&mut self, handles: &TableHandles, key: &[u8], bytes: &[u8]) -> Result<()> {
        self.add_row(key, &row::decode::<T>(handles, key, bytes)?);
        Ok(())
    }

    fn add_row(&mut self, key: &[u8], row: &impl Record) {
        let primary_key = push(&mut self.bytes, key);
        self.keys.clear();
        row.index_keys(&mut self.keys);
        self.keys.settle();
        self.noting.note(key, Some(&self.keys), None);
        for (index, key) in self.keys.iter() {
            let key = push(&mut self.bytes, key);
            let primary_key = primary_key.clone();
            self.entries.push(Entry {
                index,
                key,
                primary_key,
            });
        }
        self.rows.push(primary_key);
    }

    /// Removes the rows and their entries, those of each table in its order.
    fn delete(&mut self, txn: &mut dyn Target, handles: &TableHandles) -> Result<()> {
        let bytes = &self.bytes;
        let of = |part: &Range<usize>| &bytes[part.clone()];
        if let Some(Run { index, first, last }) = &self.run {
            let table = handles.index(*index).table;
            txn.delete_pairs(table, (&first.0, &first.1)..=(&last.0, &last.1))?;
        }
        self.entries.sort_unstable_by(|a, b| {
            let part = |entry: &Entry| (entry.index, of(&entry.key), of(&entry.primary_key));
            part(a).cmp(&part(b))
        });
        for entry in &self.entries {
            let index = &handles.indexes[entry.index];
            let (key, primary_key) = (of(&entry.key), of(&entry.primary_key));
            let run = self.run.as_ref();
            let is_done = run.is_some_and(|run| run.holds(entry.index, key, primary_key));
            if is_done || index.is_missing {
                continue;
            }
            if index.has_duplicates {
                txn.delete_dup(index.table, key, primary_key)?;
            } else {
                txn.delete(index.table, key)?;
            }
        }
        let are_rows_gone = self.run.as_ref().is_some_and(|run| run.index.is_none());
        if !are_rows_gone {
            for key in &self.rows {
                txn.delete(handles.rows.table, of(key))?;
            }
        }
        Ok(())
    }
}

/// Appends bytes, and returns where they are.
fn push(bytes: &mut Vec<u8>, part: &[u8]) -> Range<usize> {
    let start = bytes.len();
    bytes.extend_from_slice(part);
    start..bytes.len()
}

/// Takes the rows with entries of `I` in a range out of the table, one by one. From
/// [`WriteTxn::drain`](crate::WriteTxn::drain).
///
/// A row is removed when it is asked for; those that are not asked for stay.
#[must_use = "rows are removed as they are asked for"]
pub struct Drain<'x, I: Index> {
    txn: &'x mut dyn Target,
    handles: &'x TableHandles,
    scratch: &'x mut Scratch,
    is_broken: &'x mut bool,
    noting: Noting<'x>,
    range: KeyRange,
    is_done: bool,
    index: PhantomData<I>,
}

impl<'x, I: Index> Drain<'x, I> {
    pub(crate) fn new(statement: Statement<'x, I::Table>, range: KeyRange) -> Self {
        let Statement {
            txn,
            handles,
            scratch,
            is_broken,
            noting,
            ..
        } = statement;
        Drain {
            txn,
            handles,
            scratch,
            is_broken,
            noting,
            range,
            is_done: false,
            index: PhantomData,
        }
    }

    /// Returns the primary key of the next row.
    fn next_key(&self) -> Result<Option<KeyBuf>> {
        let table = self.txn.table(self.handles.readable::<I>()?.table)?;
        let first = table.range(self.range.as_bounds()).next().transpose()?;
        Ok(first.map(|(key, value)| {
            let mut primary_key = KeyBuf::new();
            primary_key.extend_from_slice(if I::POSITION.is_none() { key } else { value });
            primary_key
        }))
    }

    fn take_next(&mut self) -> Result<Option<I::Table>>
    where
        I::Table: OwnedTable,
    {
        let Some(key) = self.next_key()? else {
            return Ok(None);
        };
        let mut statement = Statement::<I::Table>::new(
            &mut *self.txn,
            self.handles,
            self.scratch,
            self.is_broken,
            self.noting.reborrow(),
        );
        match statement.take_by_bytes(&key)? {
            Some(row) => Ok(Some(row)),
            None => Err(dangling(I::Table::SCHEMA.name, I::NAME, key.as_slice())),
        }
    }
}

impl<I: Index<Table: OwnedTable>> Iterator for Drain<'_, I> {
    type Item = Result<I::Table>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let next = self.take_next().transpose();
        // An entry whose row cannot be removed would be next for ever.
        self.is_done = !matches!(next, Some(Ok(_)));
        next
    }
}

impl<I: Index<Table: OwnedTable>> std::iter::FusedIterator for Drain<'_, I> {}

impl<I: Index> fmt::Debug for Drain<'_, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain")
            .field("index", &I::NAME)
            .finish_non_exhaustive()
    }
}
