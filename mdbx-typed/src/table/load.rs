//! The statements that add many rows.
//!
//! Rows are gathered in memory, or stored at once if they come sorted, and their index entries are gathered in any case.
//! When there is as much of both as memory is set aside for, or nothing is left, it is written: the rows, and then the
//! entries of one index after the other, each in the order of its table. All of it happens one level down in the
//! transaction, so that a load that fails changes nothing.

use mdbx_core::TableMut;

use super::Statement;
use crate::changes::Attempt;
use crate::error::{Error, Result};
use crate::fill::{End, Fill, Obstacle};
use crate::key::KeyBuf;
use crate::pairs::Pairs;
use crate::schema::handles::{TableHandles, Target};
use crate::schema::row::{self, dangling};
use crate::schema::{IndexKeys, Record, Table};

impl<T: Table> Statement<'_, T> {
    /// Adds rows that come in the order of their primary keys; returns how many.
    pub(crate) fn load_sorted<R: Record<Table = T>>(
        &mut self,
        rows: impl IntoIterator<Item = R>,
        most_bytes: usize,
    ) -> Result<u64> {
        let mut rows = rows.into_iter();
        let mut load = Load::new(self.handles, most_bytes, self.noting.attempt());
        let count = self.txn.as_a_whole(&mut |txn| {
            while !load.store_some::<T, R>(txn, &mut rows)? {
                load.write_entries::<T>(txn)?;
            }
            load.write_entries::<T>(txn)?;
            Ok(load.count)
        })?;
        load.noting.keep();
        Ok(count)
    }

    /// Adds rows in any order; returns how many.
    pub(crate) fn load<R: Record<Table = T>>(
        &mut self,
        rows: impl IntoIterator<Item = R>,
        most_bytes: usize,
    ) -> Result<u64> {
        let mut rows = rows.into_iter();
        let mut load = Load::new(self.handles, most_bytes, self.noting.attempt());
        let count = self.txn.as_a_whole(&mut |txn| {
            for row in rows.by_ref() {
                load.gather(&row)?;
                if load.is_full() {
                    load.write_rows::<T>(txn)?;
                    load.write_entries::<T>(txn)?;
                }
            }
            load.write_rows::<T>(txn)?;
            load.write_entries::<T>(txn)?;
            Ok(load.count)
        })?;
        load.noting.keep();
        Ok(count)
    }
}

/// What is gathered of a load.
struct Load<'a> {
    handles: &'a TableHandles,
    /// Primary keys and the bytes of rows; those of sorted rows are stored at once.
    rows: Pairs,
    /// The entries of each index, by position.
    entries: Box<[Pairs]>,
    /// How much memory all of that takes, in bytes.
    bytes: usize,
    most_bytes: usize,
    /// How many rows there were.
    count: u64,
    /// The primary key of the last row that came sorted.
    last: Option<KeyBuf>,
    /// The bytes and the index keys of one row.
    row: Vec<u8>,
    keys: IndexKeys,
    /// The rows, which are kept once all of them are stored.
    noting: Attempt<'a>,
}

impl<'a> Load<'a> {
    fn new(handles: &'a TableHandles, most_bytes: usize, noting: Attempt<'a>) -> Self {
        Load {
            handles,
            rows: Pairs::default(),
            entries: handles.indexes.iter().map(|_| Pairs::default()).collect(),
            bytes: 0,
            // Otherwise there would be no room for the first row.
            most_bytes: most_bytes.max(1),
            count: 0,
            last: None,
            row: Vec::new(),
            keys: IndexKeys::default(),
            noting,
        }
    }

    fn is_full(&self) -> bool {
        self.bytes >= self.most_bytes
    }

    /// Stores sorted rows until memory is full of their index entries; returns whether there are no more rows.
    fn store_some<T: Table, R: Record<Table = T>>(
        &mut self,
        txn: &mut dyn Target,
        rows: &mut impl Iterator<Item = R>,
    ) -> Result<bool> {
        let mut writer = RowWriter::new(txn, self.handles)?;
        while !self.is_full() {
            let Some(row) = rows.next() else {
                return Ok(true);
            };
            let key = self.prepare(&row)?;
            if let Some(last) = &self.last {
                match key.as_slice().cmp(last.as_slice()) {
                    std::cmp::Ordering::Greater => {}
                    std::cmp::Ordering::Equal => return Err(key_exists::<T>()),
                    std::cmp::Ordering::Less => {
                        return Err(Error::NotSorted {
                            table: T::SCHEMA.name,
                            row: self.count - 1,
                        });
                    }
                }
            }
            writer.add::<T>(key.as_slice(), &self.row)?;
            self.last = Some(key);
        }
        Ok(false)
    }

    /// Gathers a row with its index entries.
    fn gather<T: Table>(&mut self, row: &impl Record<Table = T>) -> Result<()> {
        let key = self.prepare(row)?;
        self.rows.push(key.as_slice(), &self.row);
        self.bytes += Pairs::cost(key.as_slice(), &self.row);
        Ok(())
    }

    /// Encodes a row, gathers its index entries, and returns its primary key. Every row of a load comes by here.
    fn prepare<T: Table>(&mut self, row: &impl Record<Table = T>) -> Result<KeyBuf> {
        self.count += 1;
        let key = super::primary_key::<T>(self.handles, row.key())?;
        self.row.clear();
        row::encode::<T>(self.handles, key.as_slice(), row, &mut self.row)?;
        self.keys.clear();
        row.index_keys(&mut self.keys);
        self.keys.settle();
        self.noting.note(key.as_slice(), None, Some(&self.keys));
        for (position, index_key) in self.keys.iter() {
            let handle = &self.handles.indexes[position];
            if handle.is_missing {
                continue;
            }
            let index = T::SCHEMA.indexes[position].name;
            handle.check_len(T::SCHEMA.name, Some(index), index_key)?;
            self.entries[position].push(index_key, key.as_slice());
            self.bytes += Pairs::cost(index_key, key.as_slice());
        }
        Ok(key)
    }

    /// Stores the rows that were gathered.
    fn write_rows<T: Table>(&mut self, txn: &mut dyn Target) -> Result<()> {
        self.rows.sort();
        let mut writer = RowWriter::new(txn, self.handles)?;
        let mut last: Option<&[u8]> = None;
        for (key, row) in self.rows.iter() {
            if last.replace(key) == Some(key) {
                return Err(key_exists::<T>());
            }
            writer.add::<T>(key, row)?;
        }
        self.rows.clear();
        Ok(())
    }

    /// Writes the index entries that were gathered. Their rows must be stored.
    fn write_entries<T: Table>(&mut self, txn: &mut dyn Target) -> Result<()> {
        for (position, entries) in self.entries.iter_mut().enumerate() {
            if entries.is_empty() {
                continue;
            }
            let fill = Fill {
                schema: T::SCHEMA,
                position,
                revisions: &self.handles.revisions,
                rows: self.handles.rows.table,
                table: self.handles.indexes[position].table,
            };
            fill.write(txn, entries)
                .map_err(|obstacle| refusal::<T>(position, obstacle))?;
            entries.clear();
        }
        self.bytes = 0;
        Ok(())
    }
}

/// Stores new rows, in the order of their primary keys.
struct RowWriter<'t> {
    table: TableMut<'t>,
    end: End,
}

impl<'t> RowWriter<'t> {
    fn new(txn: &'t mut dyn Target, handles: &TableHandles) -> Result<Self> {
        let table = txn.table_mut(handles.rows.table)?;
        let end = End::of(&table)?;
        Ok(RowWriter { table, end })
    }

    /// Stores a row.
    fn add<T: Table>(&mut self, key: &[u8], row: &[u8]) -> Result<()> {
        if self.end.is_before(key) {
            return Ok(self.table.put(key, row)?);
        }
        match self.table.insert(key, row) {
            Err(mdbx_core::Error::KeyExists) => Err(key_exists::<T>()),
            result => Ok(result?),
        }
    }
}

#[cold]
fn key_exists<T: Table>() -> Error {
    Error::KeyExists {
        table: T::SCHEMA.name,
    }
}

/// Returns the error for what stands in the way of an index entry.
#[cold]
fn refusal<T: Table>(position: usize, obstacle: Obstacle) -> Error {
    let (table, index) = (T::SCHEMA.name, T::SCHEMA.indexes[position].name);
    match obstacle {
        Obstacle::Conflict { existing, .. } => Error::UniqueViolation {
            table,
            index,
            existing: (&*existing).into(),
        },
        Obstacle::Row { key, source } => Error::Codec {
            table,
            key: (&*key).into(),
            source,
        },
        Obstacle::Dangling { key } => dangling(table, index, &key),
        Obstacle::Engine(error) => error.into(),
    }
}
