//! The two engines behind one interface: changing tables, and looking at all that can be read.

use std::error::Error;
use std::path::{Path, PathBuf};

use mdbx_core::{Env, Geometry, PutFlags, ReadTxn, Table, TableMut, WriteTxn};
use mdbx_oracle::c;
use tempfile::TempDir;

use crate::common::{Items, items};
use crate::content::{Spec, flags_in_c};
use crate::plan::{Plan, Sizes};

/// A result of either engine, or a difference between them, in words.
pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// Fails, and says what differs, unless both are the same.
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    found: &T,
    expected: &T,
) -> Outcome<()> {
    if found == expected {
        return Ok(());
    }
    let text = |value: &T| {
        let mut text = format!("{value:?}");
        text.truncate(2000);
        text
    };
    Err(format!("{what}: found {}, expected {}", text(found), text(expected)).into())
}

pub(crate) fn file_in(directory: &TempDir) -> PathBuf {
    directory.path().join("oracle.mdbx")
}

/// Opens the file here; without sizes they stay as they are.
pub(crate) fn open_here(path: &Path, plan: &Plan, sizes: Option<&Sizes>) -> Outcome<Env> {
    let mut options = Env::options().reclaim_order(plan.reclaim_order);
    if let Some(sizes) = sizes {
        let geometry = Geometry::default()
            .page_size(plan.page_size)
            .lower(sizes.lower as u64)
            .upper(sizes.upper as u64)
            .growth_step(sizes.growth_step as u64)
            .shrink_threshold(sizes.shrink_threshold as u64);
        options = options.geometry(geometry);
    }
    if let Some(bytes) = plan.dirty_limit {
        options = options.dirty_limit(bytes);
    }
    Ok(options.open(path)?)
}

/// Opens the file with libmdbx.
pub(crate) fn open_there(path: &Path, plan: &Plan, sizes: &Sizes, flags: u32) -> Outcome<c::Env> {
    let geometry = c::Geometry {
        page_size: Some(plan.page_size.bytes()),
        lower: Some(sizes.lower),
        upper: Some(sizes.upper),
        growth_step: Some(sizes.growth_step),
        shrink_threshold: Some(sizes.shrink_threshold),
    };
    Ok(c::Env::open(path, flags, Some(&geometry))?)
}

/// Returns the name of a table; the first one is the main table.
pub(crate) fn name(table: usize) -> Option<String> {
    let padding = if table.is_multiple_of(3) { 40 } else { 0 };
    (table > 0).then(|| format!("t{table}{}", "-".repeat(padding)))
}

/// A key and one of its values.
type Pair = (Vec<u8>, Vec<u8>);

/// A write transaction of either engine. Tables are numbers, and are created when they are used.
///
/// What has a body here is what libmdbx does; this library has a way of its own, with the same result.
pub(crate) trait Writer {
    fn put(&mut self, table: usize, key: &[u8], value: &[u8]) -> Outcome<()>;
    fn append(&mut self, table: usize, key: &[u8], value: &[u8]) -> Outcome<()>;
    fn insert(&mut self, table: usize, key: &[u8], value: &[u8]) -> Outcome<bool>;
    fn delete(&mut self, table: usize, key: &[u8]) -> Outcome<bool>;
    fn delete_dup(&mut self, table: usize, key: &[u8], value: &[u8]) -> Outcome<bool>;
    fn clear(&mut self, table: usize) -> Outcome<()>;
    fn drop_table(&mut self, table: usize) -> Outcome<()>;
    fn sequence(&mut self, table: usize, increment: u64) -> Outcome<u64>;
    fn set_canary(&mut self, marks: [u64; 3]) -> Outcome<()>;

    fn update(&mut self, table: usize, key: &[u8], value: &[u8]) -> Outcome<bool> {
        let was_there = self.delete(table, key)?;
        if was_there {
            self.put(table, key, value)?;
        }
        Ok(was_there)
    }

    fn reserve(&mut self, table: usize, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.put(table, key, value)
    }

    fn put_many(&mut self, table: usize, key: &[u8], values: &[Vec<u8>]) -> Outcome<()> {
        values
            .iter()
            .try_for_each(|value| self.put(table, key, value))
    }

    /// Deletes the items, which are all there are from `key` up to the last one.
    fn sweep(&mut self, table: usize, _key: &[u8], items: &Items) -> Outcome<()> {
        self.delete_each(table, items)
    }

    /// Deletes the items, which are all there are between the two, both included.
    fn delete_pairs(&mut self, table: usize, _: &Pair, _: &Pair, items: &Items) -> Outcome<()> {
        self.delete_each(table, items)
    }

    fn delete_each(&mut self, table: usize, items: &Items) -> Outcome<()> {
        for (key, value) in items {
            same("deleted", &self.delete_dup(table, key, value)?, &true)?;
        }
        Ok(())
    }

    fn rename_and_back(&mut self, _table: usize) -> Outcome<()> {
        Ok(())
    }
}

/// A write transaction of this library.
pub(crate) struct Ours<'a, 'env> {
    pub(crate) txn: &'a mut WriteTxn<'env>,
    pub(crate) specs: &'a [Spec],
}

impl Ours<'_, '_> {
    fn table(&mut self, table: usize) -> Outcome<TableMut<'_>> {
        let handle = self.handle(table)?;
        Ok(self.txn.table_mut(handle)?)
    }

    fn handle(&mut self, table: usize) -> Outcome<Table> {
        let Some(name) = name(table) else {
            return Ok(Table::MAIN);
        };
        match self.txn.open_table(&name) {
            Err(mdbx_core::Error::NoSuchTable { .. }) => {
                Ok(self.txn.create_table(&name, self.specs[table].flags)?)
            }
            opened => Ok(opened?),
        }
    }
}

impl Writer for Ours<'_, '_> {
    fn put(&mut self, table: usize, key: &[u8], value: &[u8]) -> Outcome<()> {
        Ok(self.table(table)?.put(key, value)?)
    }

    fn append(&mut self, table: usize, key: &[u8], value: &[u8]) -> Outcome<()> {
        Ok(self.table(table)?.append(key, value)?)
    }

    fn insert(&mut self, table: usize, key: &[u8], value: &[u8]) -> Outcome<bool> {
        match self.table(table)?.insert(key, value) {
            Err(mdbx_core::Error::KeyExists) => Ok(false),
            inserted => Ok(inserted.map(|()| true)?),
        }
    }

    fn delete(&mut self, table: usize, key: &[u8]) -> Outcome<bool> {
        Ok(self.table(table)?.delete(key)?)
    }

    fn delete_dup(&mut self, table: usize, key: &[u8], value: &[u8]) -> Outcome<bool> {
        Ok(self.table(table)?.delete_dup(key, value)?)
    }

    fn clear(&mut self, table: usize) -> Outcome<()> {
        Ok(self.table(table)?.clear()?)
    }

    fn drop_table(&mut self, table: usize) -> Outcome<()> {
        let table = self.handle(table)?;
        Ok(self.txn.drop_table(table)?)
    }

    fn sequence(&mut self, table: usize, increment: u64) -> Outcome<u64> {
        Ok(self.table(table)?.sequence(increment)?)
    }

    fn set_canary(&mut self, marks: [u64; 3]) -> Outcome<()> {
        Ok(self.txn.set_canary(marks)?)
    }

    fn update(&mut self, table: usize, key: &[u8], value: &[u8]) -> Outcome<bool> {
        match self.table(table)?.update(key, value) {
            Err(mdbx_core::Error::NotFound) => Ok(false),
            updated => Ok(updated.map(|()| true)?),
        }
    }

    fn reserve(&mut self, table: usize, key: &[u8], value: &[u8]) -> Outcome<()> {
        let mut table = self.table(table)?;
        Ok(table.reserve(key, value.len(), |room| room.copy_from_slice(value))?)
    }

    fn put_many(&mut self, table: usize, key: &[u8], values: &[Vec<u8>]) -> Outcome<()> {
        let values_of_one_size = values.iter().map(Vec::as_slice);
        self.table(table)?
            .put_many(key, values_of_one_size, PutFlags::empty())?;
        Ok(())
    }

    fn sweep(&mut self, table: usize, key: &[u8], items: &Items) -> Outcome<()> {
        let mut cursor = self.table(table)?.into_cursor_mut();
        cursor.go(|cursor| cursor.seek(key).map(drop))?;
        for (key, value) in items {
            let found = cursor.current()?;
            same("swept", &found, &Some((&key[..], &value[..])))?;
            same("swept away", &cursor.delete()?, &true)?;
        }
        Ok(())
    }

    fn delete_pairs(
        &mut self,
        table: usize,
        first: &Pair,
        last: &Pair,
        items: &Items,
    ) -> Outcome<()> {
        let (first, last) = ((&first.0[..], &first.1[..]), (&last.0[..], &last.1[..]));
        let deleted = self.table(table)?.delete_pairs(first..=last)?;
        same("delete_pairs", &deleted, &(items.len() as u64))
    }

    fn rename_and_back(&mut self, table: usize) -> Outcome<()> {
        let Some(name) = name(table) else {
            return Ok(());
        };
        let handle = self.handle(table)?;
        let renamed = self.txn.rename_table(handle, "another name")?;
        self.txn.rename_table(renamed, name)?;
        Ok(())
    }
}

/// A write transaction of libmdbx.
pub(crate) struct Theirs<'a, 'env> {
    pub(crate) txn: &'a mut c::Txn<'env>,
    pub(crate) specs: &'a [Spec],
}

impl Theirs<'_, '_> {
    fn table(&mut self, table: usize) -> Outcome<c::Dbi> {
        let flags = flags_in_c(self.specs[table].flags);
        Ok(self.txn.create_table(name(table).as_deref(), flags)?)
    }
}

impl Writer for Theirs<'_, '_> {
    fn put(&mut self, table: usize, key: &[u8], value: &[u8]) -> Outcome<()> {
        let table = self.table(table)?;
        Ok(self.txn.put(table, key, value)?)
    }

    fn append(&mut self, table: usize, key: &[u8], value: &[u8]) -> Outcome<()> {
        let table = self.table(table)?;
        Ok(self.txn.append(table, key, value)?)
    }

    fn insert(&mut self, table: usize, key: &[u8], value: &[u8]) -> Outcome<bool> {
        let table = self.table(table)?;
        Ok(self.txn.insert(table, key, value)?)
    }

    fn delete(&mut self, table: usize, key: &[u8]) -> Outcome<bool> {
        let table = self.table(table)?;
        Ok(self.txn.delete(table, key)?)
    }

    fn delete_dup(&mut self, table: usize, key: &[u8], value: &[u8]) -> Outcome<bool> {
        let table = self.table(table)?;
        Ok(self.txn.delete_dup(table, key, value)?)
    }

    fn clear(&mut self, table: usize) -> Outcome<()> {
        let table = self.table(table)?;
        Ok(self.txn.clear(table)?)
    }

    fn drop_table(&mut self, table: usize) -> Outcome<()> {
        let table = self.table(table)?;
        Ok(self.txn.drop_table(table)?)
    }

    fn sequence(&mut self, table: usize, increment: u64) -> Outcome<u64> {
        let table = self.table(table)?;
        Ok(self.txn.add_to_sequence(table, increment)?)
    }

    fn set_canary(&mut self, marks: [u64; 3]) -> Outcome<()> {
        Ok(self.txn.set_canary(marks)?)
    }
}

/// All that can be read of a table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) flags: u32,
    pub(crate) sequence: u64,
    pub(crate) stat: c::Stat,
    pub(crate) items: Items,
    /// The same from the last one to the first.
    pub(crate) backwards: Items,
    /// For each probe the first value and their number.
    pub(crate) gets: Vec<Option<(Vec<u8>, u64)>>,
    /// For each probe the first item at or after it.
    pub(crate) seeks: Vec<Option<(Vec<u8>, Vec<u8>)>>,
}

/// Returns what this library sees of a table; `None` if there is none.
pub(crate) fn look_here(
    txn: &ReadTxn<'_>,
    table: usize,
    probes: &[Vec<u8>],
) -> Outcome<Option<Seen>> {
    let handle = match name(table).map_or(Ok(Table::MAIN), |name| txn.open_table(&name)) {
        Err(mdbx_core::Error::NoSuchTable { .. }) => return Ok(None),
        opened => opened?,
    };
    let view = txn.table(handle)?;
    let stat = view.stat();
    let mut backwards = Items::new();
    let mut cursor = view.cursor();
    while let Some((key, value)) = cursor.prev()? {
        backwards.push((key.to_vec(), value.to_vec()));
    }
    let mut gets = Vec::new();
    let mut seeks = Vec::new();
    for probe in probes {
        gets.push(
            view.get_with_count(probe)?
                .map(|(value, count)| (value.to_vec(), count)),
        );
        let found = view.cursor().seek(probe)?;
        seeks.push(found.map(|(key, value)| (key.to_vec(), value.to_vec())));
    }
    Ok(Some(Seen {
        flags: flags_in_c(view.flags()),
        sequence: view.sequence(),
        stat: c::Stat {
            items: stat.items,
            height: u32::try_from(stat.height)?,
            branch_pages: stat.branch_pages.into(),
            leaf_pages: stat.leaf_pages.into(),
            large_pages: stat.large_pages.into(),
            last_change: stat.last_change.0,
        },
        items: items(&view)?,
        backwards,
        gets,
        seeks,
    }))
}

/// Returns what libmdbx sees of a table; `None` if there is none.
pub(crate) fn look_there(
    txn: &c::Txn<'_>,
    table: usize,
    probes: &[Vec<u8>],
) -> Outcome<Option<Seen>> {
    let Some(handle) = txn.open_table(name(table).as_deref())? else {
        return Ok(None);
    };
    let mut items = Items::new();
    let mut backwards = Items::new();
    let mut cursor = txn.cursor(handle)?;
    while let Some((key, value)) = cursor.next()? {
        items.push((key.to_vec(), value.to_vec()));
    }
    let mut cursor = txn.cursor(handle)?;
    while let Some((key, value)) = cursor.prev()? {
        backwards.push((key.to_vec(), value.to_vec()));
    }
    let mut gets = Vec::new();
    let mut seeks = Vec::new();
    for probe in probes {
        let found = txn.get_with_count(handle, probe)?;
        gets.push(found.map(|(value, count)| (value.to_vec(), count as u64)));
        let found = txn.cursor(handle)?.seek(probe)?;
        seeks.push(found.map(|(key, value)| (key.to_vec(), value.to_vec())));
    }
    Ok(Some(Seen {
        flags: txn.flags(handle)?,
        sequence: txn.sequence(handle)?,
        stat: txn.stat(handle)?,
        items,
        backwards,
        gets,
        seeks,
    }))
}
