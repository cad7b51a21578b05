//! One record type in one table: reading a row, and the statements that change rows. Those that remove many are in
//! `range`, those that add many in `load`.
//!
//! Every statement works in the same order: the new row's bytes, its keys, all checks, then the changes. So what can
//! be refused is refused before anything is touched.

mod load;
mod range;

pub use range::Drain;

use std::marker::PhantomData;

use mdbx_core::Txnid;

use crate::changes::Noting;
use crate::changes::log::Log;
use crate::error::{Error, KeyError, Result};
use crate::index::Changes;
use crate::key::{self, AutoKey, Key, KeyBuf, KeyRange};
use crate::schema::handles::{Source, TableHandles, Target};
use crate::schema::row::{self, dangling};
use crate::schema::{AutoTable, IndexKeys, KeyRef, OwnedTable, Record, Table, UniqueIndex, ViewOf};

/// What stands for the primary key where an index is named.
pub(crate) const PRIMARY: &str = "primary";

/// Returns the row with this primary key.
pub(crate) fn get<'t, T: Table>(
    source: &'t impl Source,
    handles: &TableHandles,
    key: KeyRef<'_, T>,
) -> Result<Option<T::Row<'t>>> {
    get_by_bytes::<T>(source, handles, key::encode::<T::Key>(key).as_slice())
}

/// Returns the row with these bytes of a primary key.
pub(crate) fn get_by_bytes<'t, T: Table>(
    source: &'t impl Source,
    handles: &TableHandles,
    key: &[u8],
) -> Result<Option<T::Row<'t>>> {
    match source.table(handles.rows.table)?.get(key)? {
        Some(bytes) => row::decode::<T>(handles, key, bytes).map(Some),
        None => Ok(None),
    }
}

/// Returns a view of the row with this primary key.
pub(crate) fn get_view<'t, T: Table, V: ViewOf<'t, T>>(
    source: &'t impl Source,
    handles: &TableHandles,
    key: KeyRef<'_, T>,
) -> Result<Option<V>> {
    let key = key::encode::<T::Key>(key);
    match source.table(handles.rows.table)?.get(key.as_slice())? {
        Some(bytes) => row::decode_view::<T, V>(handles, key.as_slice(), bytes).map(Some),
        None => Ok(None),
    }
}

/// Returns the row with this key in a unique index that is no hash index.
pub(crate) fn get_by<'t, I: UniqueIndex>(
    source: &'t impl Source,
    handles: &TableHandles,
    key: <I::Key as Key>::Ref<'_>,
) -> Result<Option<<I::Table as Table>::Row<'t>>> {
    let key = key::encode::<I::Key>(key);
    let Some(found) = source
        .table(handles.readable::<I>()?.table)?
        .get(key.as_slice())?
    else {
        return Ok(None);
    };
    if I::POSITION.is_none() {
        return row::decode::<I::Table>(handles, key.as_slice(), found).map(Some);
    }
    match source.table(handles.rows.table)?.get(found)? {
        Some(bytes) => row::decode::<I::Table>(handles, found, bytes).map(Some),
        None => Err(dangling(I::Table::SCHEMA.name, I::NAME, found)),
    }
}

/// Returns whether there is a row with this primary key.
pub(crate) fn contains<T: Table>(
    source: &impl Source,
    handles: &TableHandles,
    key: KeyRef<'_, T>,
) -> Result<bool> {
    let key = key::encode::<T::Key>(key);
    Ok(source.table(handles.rows.table)?.contains(key.as_slice())?)
}

/// Returns the error that says an index, or `primary`, holds bytes that are no key.
#[cold]
pub(crate) fn malformed_key<T: Table>(index: &'static str, source: KeyError) -> Error {
    Error::Key {
        table: T::SCHEMA.name,
        index,
        source,
    }
}

/// The buffers of a write transaction, kept from one statement to the next.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    row: Vec<u8>,
    /// What the row had in the indexes before.
    old: IndexKeys,
    /// What it has after.
    new: IndexKeys,
}

/// One statement on the rows of `T` in a write transaction.
pub(crate) struct Statement<'s, T> {
    txn: &'s mut dyn Target,
    handles: &'s TableHandles,
    scratch: &'s mut Scratch,
    /// Set when a statement was left half done.
    is_broken: &'s mut bool,
    /// Where changes are noted for those who listen.
    noting: Noting<'s>,
    table: PhantomData<T>,
}

impl<'s, T: Table> Statement<'s, T> {
    pub(crate) fn new(
        txn: &'s mut dyn Target,
        handles: &'s TableHandles,
        scratch: &'s mut Scratch,
        is_broken: &'s mut bool,
        noting: Noting<'s>,
    ) -> Self {
        scratch.old.clear();
        scratch.new.clear();
        Statement {
            txn,
            handles,
            scratch,
            is_broken,
            noting,
            table: PhantomData,
        }
    }

    /// Adds a row whose key must be free.
    pub(crate) fn insert(&mut self, row: &impl Record<Table = T>) -> Result<()> {
        let key = self.primary_key(row.key())?;
        self.store(row, &key, false, insert_row).or_else(|error| {
            // Whether the key is free comes out last, and is told first.
            if !*self.is_broken {
                self.refuse_existing(&key)?;
            }
            Err(error)
        })
    }

    /// Adds a row under the next number of the table's sequence.
    pub(crate) fn insert_new<R: Record<Table = T>>(
        &mut self,
        make: impl FnOnce(T::Key) -> R,
    ) -> Result<R>
    where
        T: AutoTable,
    {
        let (id, drawn) = self.next_id()?;
        let row = make(id);
        let key = key::encode::<T::Key>(id.as_ref());
        Self::require_key(&row, &key)?;
        // Drawing comes last, so that a row that is refused or finds no room leaves the sequence as it was. It cannot
        // fail then: it takes no room, and the number is one the sequence can have.
        self.store(&row, &key, false, |changes, txn, is_broken, bytes| {
            let rows = changes.handles.rows.table;
            changes.apply(txn, is_broken, |txn| {
                txn.insert(rows, key.as_slice(), bytes)?;
                txn.sequence(rows, drawn).map(drop)
            })
        })?;
        Ok(row)
    }

    /// Adds a row or replaces the one with its key.
    pub(crate) fn put(&mut self, row: &impl Record<Table = T>) -> Result<()> {
        let key = self.primary_key(row.key())?;
        let replaces = self.note_old_keys(&key)?;
        self.store(row, &key, replaces, put_row)
    }

    /// As [`put`](Self::put), and returns the row that was replaced.
    pub(crate) fn replace(&mut self, row: &T) -> Result<Option<T>>
    where
        T: OwnedTable,
    {
        let key = self.primary_key(row.key())?;
        let old = self.read_old(&key)?;
        self.store(row, &key, old.is_some(), put_row)?;
        Ok(old)
    }

    /// Changes the row with this key, if there is one; returns whether there is.
    pub(crate) fn update(&mut self, key: KeyRef<'_, T>, change: impl FnOnce(&mut T)) -> Result<bool>
    where
        T: OwnedTable,
    {
        let key = key::encode::<T::Key>(key);
        let Some(mut row) = self.read_old(&key)? else {
            return Ok(false);
        };
        change(&mut row);
        Self::require_key(&row, &key)?;
        self.store(&row, &key, true, put_row)?;
        Ok(true)
    }

    /// Stores what `make` makes of the row with this key, or of `None`.
    pub(crate) fn upsert(
        &mut self,
        key: KeyRef<'_, T>,
        make: impl FnOnce(Option<T>) -> T,
    ) -> Result<()>
    where
        T: OwnedTable,
    {
        let key = self.primary_key(key)?;
        let old = self.read_old(&key)?;
        let replaces = old.is_some();
        let row = make(old);
        Self::require_key(&row, &key)?;
        self.store(&row, &key, replaces, put_row)
    }

    /// Removes the row with this key, if there is one; returns whether there was.
    pub(crate) fn delete(&mut self, key: KeyRef<'_, T>) -> Result<bool> {
        let key = key::encode::<T::Key>(key);
        Ok(self.note_old_keys(&key)? && self.remove(&key)?)
    }

    /// Removes and returns the row with this key, if there is one.
    pub(crate) fn take(&mut self, key: KeyRef<'_, T>) -> Result<Option<T>>
    where
        T: OwnedTable,
    {
        self.take_by_bytes(&key::encode::<T::Key>(key))
    }

    /// As [`take`](Self::take), with the bytes of a primary key.
    fn take_by_bytes(&mut self, key: &KeyBuf) -> Result<Option<T>>
    where
        T: OwnedTable,
    {
        let old = self.read_old(key)?;
        if old.is_some() {
            self.remove(key)?;
        }
        Ok(old)
    }

    /// Removes all rows and index entries.
    pub(crate) fn clear(&mut self) -> Result<()> {
        let rows = self.handles.rows.table;
        let mut noting = self.noting.attempt();
        note_removal::<T>(&mut noting, self.txn, self.handles, &KeyRange::full())?;
        let used = self.txn.table(rows)?.sequence();
        self.txn.clear(rows)?;
        let left = self.txn.table(rows)?.sequence();
        // Numbers that were given out are not given out again.
        self.txn.sequence(rows, used - left)?;
        for index in self
            .handles
            .indexes
            .iter()
            .filter(|index| !index.is_missing)
        {
            // The rows are gone, so from here on the entries have to go too.
            self.txn
                .clear(index.table)
                .inspect_err(|_| *self.is_broken = true)?;
        }
        noting.keep();
        Ok(())
    }

    /// Removes from the log the changes of transactions up to `upto`; returns how many there were.
    pub(crate) fn trim_log(&mut self, upto: Txnid) -> Result<u64> {
        let log = Log::of(T::SCHEMA.name, self.handles);
        let Some((log, rows_changed)) = log.zip(self.noting.rows_changed()) else {
            return Ok(0);
        };
        self.txn
            .as_a_whole(&mut |txn| log.trim(txn, upto, rows_changed))
    }

    /// Returns the bytes of a primary key that is about to be stored.
    fn primary_key(&self, key: KeyRef<'_, T>) -> Result<KeyBuf> {
        primary_key::<T>(self.handles, key)
    }

    fn refuse_existing(&self, key: &KeyBuf) -> Result<()> {
        if self
            .txn
            .table(self.handles.rows.table)?
            .contains(key.as_slice())?
        {
            return Err(Error::KeyExists {
                table: T::SCHEMA.name,
            });
        }
        Ok(())
    }

    /// Checks that a closure kept the primary key.
    fn require_key(row: &impl Record<Table = T>, key: &KeyBuf) -> Result<()> {
        if key::encode::<T::Key>(row.key()).as_slice() == key.as_slice() {
            Ok(())
        } else {
            Err(Error::KeyChanged {
                table: T::SCHEMA.name,
            })
        }
    }

    /// Notes what the stored row has in the indexes; returns whether there may be a row, and if somebody listens, whether
    /// there is one.
    ///
    /// The row is decoded in its borrowed form, and only if there are indexes.
    fn note_old_keys(&mut self, key: &KeyBuf) -> Result<bool> {
        let rows = self.handles.rows.table;
        if self.handles.indexes.is_empty() {
            return Ok(!self.noting.is_on() || self.txn.table(rows)?.contains(key.as_slice())?);
        }
        let Some(bytes) = self.txn.get_to_change(rows, key.as_slice())? else {
            return Ok(false);
        };
        row::decode::<T>(self.handles, key.as_slice(), bytes)?.index_keys(&mut self.scratch.old);
        Ok(true)
    }

    /// Returns the stored row, and notes what it has in the indexes.
    fn read_old(&mut self, key: &KeyBuf) -> Result<Option<T>>
    where
        T: OwnedTable,
    {
        let rows = self.handles.rows.table;
        let Some(bytes) = self.txn.get_to_change(rows, key.as_slice())? else {
            return Ok(None);
        };
        let row: T = row::decode::<T>(self.handles, key.as_slice(), bytes)?;
        row.index_keys(&mut self.scratch.old);
        Ok(Some(row))
    }

    /// Returns the next automatic key, and by how much the sequence moves when it is taken.
    ///
    /// Keys count from 1. Should the next one be taken by a row that was inserted under a key of its own, the key
    /// after the largest one is next.
    fn next_id(&self) -> Result<(T::Key, u64)>
    where
        T: AutoTable,
    {
        let rows = self.txn.table(self.handles.rows.table)?;
        let used = rows.sequence();
        let id = |number: Option<u64>| {
            let id = number
                .and_then(T::Key::from_sequence)
                .ok_or(Error::KeysUsedUp {
                    table: T::SCHEMA.name,
                })?;
            Ok::<_, Error>((id, key::encode::<T::Key>(id.as_ref())))
        };
        let (next, key) = id(used.checked_add(1))?;
        if !rows.contains(key.as_slice())? {
            return Ok((next, 1));
        }
        let largest = match rows.last()? {
            Some((key, _)) => {
                let key = key::decode::<T::Key>(key)
                    .map_err(|source| malformed_key::<T>(PRIMARY, source))?;
                T::Key::to_sequence(key).unwrap_or(used)
            }
            None => used,
        };
        let number = largest.checked_add(1);
        Ok((
            id(number)?.0,
            number.map_or(0, |number| number.saturating_sub(used)),
        ))
    }

    /// Stores a row and its index entries by `write`; what the row that it replaces had there is in the scratch.
    fn store(
        &mut self,
        row: &impl Record<Table = T>,
        key: &KeyBuf,
        replaces: bool,
        write: impl FnOnce(&Changes<'_>, &mut dyn Target, &mut bool, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let Scratch {
            row: bytes,
            old,
            new,
        } = &mut *self.scratch;
        bytes.clear();
        row::encode::<T>(self.handles, key.as_slice(), row, bytes)?;
        row.index_keys(new);
        old.settle();
        new.settle();
        let changes = Changes {
            schema: T::SCHEMA,
            handles: self.handles,
            primary_key: key,
            old,
            new,
        };
        changes.check(self.txn)?;
        write(&changes, self.txn, self.is_broken, bytes)?;
        let old = replaces.then_some(&*old);
        self.noting.note(key.as_slice(), old, Some(new));
        Ok(())
    }

    /// Removes a row and the index entries noted in the scratch; returns whether there was one.
    fn remove(&mut self, key: &KeyBuf) -> Result<bool> {
        let Scratch { old, new, .. } = &mut *self.scratch;
        old.settle();
        let changes = Changes {
            schema: T::SCHEMA,
            handles: self.handles,
            primary_key: key,
            old,
            new,
        };
        let is_removed = changes.apply(self.txn, self.is_broken, |txn| {
            txn.delete(self.handles.rows.table, key.as_slice())
        })?;
        if is_removed {
            self.noting.note(key.as_slice(), Some(old), None);
        }
        Ok(is_removed)
    }
}

/// Returns the bytes of a primary key that is about to be stored.
fn primary_key<T: Table>(handles: &TableHandles, key: KeyRef<'_, T>) -> Result<KeyBuf> {
    let key = key::encode::<T::Key>(key);
    let rows = &handles.rows;
    rows.check_len(T::SCHEMA.name, None, key.as_slice())?;
    Ok(key)
}

/// Notes that the rows with primary keys in a range are about to be removed. Where nobody listens, none is looked at.
fn note_removal<T: Table>(
    noting: &mut Noting<'_>,
    txn: &dyn Source,
    handles: &TableHandles,
    range: &KeyRange,
) -> Result<()> {
    if !noting.is_on() {
        return Ok(());
    }
    let needs_index_keys = noting.needs_index_keys();
    let mut keys = IndexKeys::default();
    for pair in txn.table(handles.rows.table)?.range(range.as_bounds()) {
        let (key, bytes) = pair?;
        if needs_index_keys {
            keys.clear();
            row::decode::<T>(handles, key, bytes)?.index_keys(&mut keys);
        }
        noting.note(key, Some(&keys), None);
    }
    Ok(())
}

fn insert_row(
    changes: &Changes<'_>,
    txn: &mut dyn Target,
    is_broken: &mut bool,
    bytes: &[u8],
) -> Result<()> {
    changes.insert(txn, is_broken, bytes)
}

fn put_row(
    changes: &Changes<'_>,
    txn: &mut dyn Target,
    is_broken: &mut bool,
    bytes: &[u8],
) -> Result<()> {
    changes.put(txn, is_broken, bytes)
}
