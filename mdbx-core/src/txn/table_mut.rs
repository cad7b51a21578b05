//! One table inside a write transaction: every change.
//!
//! Every change goes the same way: check the arguments, find the place, set aside the pages it may take, change the
//! tree. Only the last step changes anything, and it cannot run out of pages; if it fails all the same, the file is
//! damaged, and the transaction can only be aborted.

use std::cell::{Cell, RefCell};

use crate::error::{Error, Result};
use crate::format::node::Value;
use crate::format::root::{DUP_SORT, INTEGER_KEY, TreeRoot};
use crate::gc::reclaim::Gc;
use crate::pager::writer::{Base, Writer, large_page_count};
use crate::tree::edit::{Place, TreeMut, most_pages_for_delete, most_pages_for_put};
use crate::tree::large::is_large;
use crate::tree::remove::free_tree;
use crate::txn::put::{KeyPlace, PutFlags, Verdict};
use crate::txn::sizes::{check_fixed_value, check_key_on, check_lens, check_value_len};
use crate::txn::table::{OpenTable, Table, TableFlags, name_of, show};
use crate::txn::view::TableRef;

/// One table inside a write transaction, for reading and writing.
///
/// Several tables of one transaction can be used at once: see [`WriteTxn::tables_mut`](crate::WriteTxn::tables_mut).
/// What is read from the table lives until the table is changed, whatever happens to the others.
#[derive(Debug)]
pub struct TableMut<'t> {
    pub(super) table: Table,
    pub(super) base: Base<'t>,
    pub(super) gc: &'t RefCell<Gc>,
    pub(super) failed: &'t Cell<bool>,
    pub(super) open: &'t mut OpenTable,
}

impl<'t> TableMut<'t> {
    /// Returns the value of `key` as [`get`](TableMut::get) does, and notes its place for the next change of it.
    pub(super) fn into_value_to_change(mut self, key: &[u8]) -> Result<Option<&'t [u8]>> {
        let place = self.find(key)?;
        let entry = place.exact.then(|| place.path.leaf());
        self.open.note_place(key, place);
        let end = self.gc.borrow().supply.reserve.first_unallocated();
        let open = self.open;
        let pages = self.base.pages(end, open.dirty.as_deref());
        entry
            .map(|entry| TableRef::new(pages, open.root, open.orders()).first_value_at(entry))
            .transpose()
    }
}

impl TableMut<'_> {
    /// Returns the table with all its read operations.
    #[must_use]
    pub fn as_ref(&self) -> TableRef<'_> {
        let end = self.gc.borrow().supply.reserve.first_unallocated();
        let dirty = self.open.dirty.as_deref();
        TableRef::new(
            self.base.pages(end, dirty),
            self.open.root,
            self.open.orders(),
        )
    }

    /// Returns the value of `key`, the first one if it has several; `None` if there is no such key.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`] if a page on the way is damaged.
    #[inline]
    pub fn get(&self, key: &[u8]) -> Result<Option<&[u8]>> {
        self.as_ref().get(key)
    }

    /// Stores `value` under `key`. In a table with one value for each key it replaces the present value; in a
    /// [`DUP_SORT`](TableFlags::DUP_SORT) table it joins the values of the key.
    ///
    /// # Errors
    ///
    /// - [`Error::KeyTooLong`] and [`Error::ValueTooLong`].
    /// - [`Error::KeyLen`] in a table of integer keys, and [`Error::ValueLen`] in one of fixed-size values, if the
    ///   length is not the one that the first entry has fixed.
    /// - [`Error::Incompatible`] if the key is the name of a table in the main table.
    /// - [`Error::MapFull`] if the database has no room left. The transaction goes on.
    /// - [`Error::Corrupted`], [`Error::TxnFailed`].
    #[doc(alias = "mdbx_put")]
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.put_with(key, value, PutFlags::empty())
    }

    /// Stores `value` under `key`, which must not be there yet.
    ///
    /// # Errors
    ///
    /// [`Error::KeyExists`], and those of [`put`](TableMut::put).
    #[doc(alias = "MDBX_NOOVERWRITE")]
    pub fn insert(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.put_with(key, value, PutFlags::NO_OVERWRITE)
    }

    /// Makes `value` the only value of `key`, which must be there.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], and those of [`put`](TableMut::put).
    #[doc(alias = "MDBX_CURRENT")]
    pub fn update(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.put_with(key, value, PutFlags::CURRENT)
    }

    /// Stores `value` under `key`, which must not be below the last key of the table: the way to load sorted items.
    ///
    /// # Errors
    ///
    /// [`Error::KeyMismatch`] if it is, and those of [`put`](TableMut::put).
    #[doc(alias = "MDBX_APPEND")]
    pub fn append(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.put_with(key, value, PutFlags::APPEND)
    }

    /// Adds `value` to the values of `key`, all of which must be below it.
    ///
    /// # Errors
    ///
    /// [`Error::KeyMismatch`] if one is not, and those of [`put`](TableMut::put).
    #[doc(alias = "MDBX_APPENDDUP")]
    pub fn append_dup(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.put_with(key, value, PutFlags::APPEND_DUP)
    }

    /// Stores `value` under `key` under the conditions that `flags` state.
    ///
    /// # Errors
    ///
    /// - [`Error::KeyExists`], [`Error::NotFound`], [`Error::KeyMismatch`], [`Error::MultiVal`] if a condition does not
    ///   hold.
    /// - [`Error::InvalidFlags`] if the flags contradict each other.
    /// - Those of [`put`](TableMut::put).
    #[doc(alias = "mdbx_put")]
    pub fn put_with(&mut self, key: &[u8], value: &[u8], flags: PutFlags) -> Result<()> {
        let place = self.find_for(key, value)?;
        if flags == PutFlags::empty() {
            return self.put_at(place, key, value);
        }
        let there = KeyPlace {
            is_present: place.exact,
            is_last: flags.contains(PutFlags::APPEND) && self.is_last(&place)?,
        };
        match flags.decide(&self.as_ref(), there, key, value)? {
            Verdict::AsItIs => Ok(()),
            Verdict::Put => self.put_at(place, key, value),
            Verdict::ReplaceAll => self.replace_all(place, key, value),
        }
    }

    /// Stores many values of one size under `key`, one after the other, and returns how many they were.
    ///
    /// Of `flags`, [`NO_DUP_DATA`](PutFlags::NO_DUP_DATA) and [`APPEND_DUP`](PutFlags::APPEND_DUP) are conditions for
    /// each of them, [`NO_OVERWRITE`](PutFlags::NO_OVERWRITE) and [`APPEND`](PutFlags::APPEND) are some for the key
    /// beforehand, and [`CURRENT`](PutFlags::CURRENT) lets them replace all values that the key has.
    ///
    /// # Errors
    ///
    /// - [`Error::Incompatible`] if the table is not a [`DUP_FIXED`](TableFlags::DUP_FIXED) one.
    /// - Those of [`put_with`](TableMut::put_with). The values before the one that failed are stored then.
    #[doc(alias = "MDBX_MULTIPLE")]
    pub fn put_many<'v>(
        &mut self,
        key: &[u8],
        values: impl IntoIterator<Item = &'v [u8]>,
        flags: PutFlags,
    ) -> Result<usize> {
        if !self.flags().contains(TableFlags::DUP_FIXED) {
            return Err(self.incompatible("its values have no fixed size"));
        }
        flags.check()?;
        let place = self.find(key)?;
        if place.exact && flags.contains(PutFlags::NO_OVERWRITE) {
            return Err(Error::KeyExists);
        }
        if flags.contains(PutFlags::APPEND) && !self.is_last(&place)? {
            return Err(Error::KeyMismatch);
        }
        if flags.contains(PutFlags::CURRENT) && !self.delete(key)? {
            return Err(Error::NotFound);
        }
        let for_each = flags.only(PutFlags::NO_DUP_DATA | PutFlags::APPEND_DUP);
        let mut count = 0;
        for value in values {
            self.put_with(key, value, for_each)?;
            count += 1;
        }
        Ok(count)
    }

    /// Stores `value` under `key` and returns what was there before: the first value, if the key has several, and then
    /// only that one is replaced.
    ///
    /// # Errors
    ///
    /// As [`put`](TableMut::put).
    #[doc(alias = "mdbx_replace")]
    pub fn replace(&mut self, key: &[u8], value: &[u8]) -> Result<Option<Vec<u8>>> {
        self.find_for(key, value)?; // an error if the value cannot be stored
        let before = self.get(key)?.map(<[u8]>::to_vec);
        match &before {
            Some(before) if self.is_dup_sort() => self.exchange(key, before, value)?,
            _ => self.put(key, value)?,
        }
        Ok(before)
    }

    /// Puts `value` in the place of `old` among the values of `key`; tells whether `old` was there.
    ///
    /// # Errors
    ///
    /// As [`put`](TableMut::put).
    pub fn replace_dup(&mut self, key: &[u8], old: &[u8], value: &[u8]) -> Result<bool> {
        self.find_for(key, value)?; // an error if the value cannot be stored
        if !self.as_ref().contains_dup(key, old)? {
            return Ok(false);
        }
        if self.is_dup_sort() {
            self.exchange(key, old, value)?;
        } else {
            self.put(key, value)?;
        }
        Ok(true)
    }

    /// Deletes `key`, which has one value, and returns that; `None` if there is no such key.
    ///
    /// # Errors
    ///
    /// [`Error::MultiVal`] if the key has several values, and those of [`delete`](TableMut::delete).
    pub fn take(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let value = match self.as_ref().get_with_count(key)? {
            None => return Ok(None),
            Some((value, 1)) => value.to_vec(),
            Some(_) => return Err(Error::MultiVal),
        };
        self.delete(key)?;
        Ok(Some(value))
    }

    /// Stores under `key` a value of `len` bytes that `fill` writes in place.
    ///
    /// # Errors
    ///
    /// [`Error::Incompatible`] if a key can have several values, and those of [`put`](TableMut::put).
    #[doc(alias = "MDBX_RESERVE")]
    pub fn reserve(&mut self, key: &[u8], len: usize, fill: impl FnOnce(&mut [u8])) -> Result<()> {
        if self.is_dup_sort() {
            return Err(
                self.incompatible("its values are sorted, so they must be known beforehand")
            );
        }
        check_value_len(self.flags(), self.base.page_size, len)?;
        check_lens(self.flags(), self.base.page_size, key, b"")?;
        let place = self.find(key)?;
        if !is_large(key.len(), len, self.base.page_size) {
            let mut value = vec![0; len];
            fill(&mut value);
            return self.put_at(place, key, &value);
        }
        self.reserve_pages(&place, key.len(), len, false)?;
        self.edit(|mut tree| tree.put_large(place, key, len, fill).map(|()| true))
            .map(drop)
    }

    /// Deletes `key` with all its values; tells whether it was there.
    ///
    /// # Errors
    ///
    /// [`Error::Incompatible`] if the key is the name of a table in the main table; [`Error::MapFull`],
    /// [`Error::Corrupted`], [`Error::TxnFailed`].
    #[doc(alias = "mdbx_del")]
    pub fn delete(&mut self, key: &[u8]) -> Result<bool> {
        let place = self.find(key)?;
        if !place.exact {
            return Ok(false);
        }
        let root = &self.open.root;
        let pages = most_pages_for_delete(root.height);
        self.gc.borrow_mut().reserve(self.base, pages)?;
        self.edit(|mut tree| tree.delete(place).map(|()| true))
    }

    /// Deletes one value of `key`; tells whether it was there. In a table with one value for each key, the value must
    /// be the present one.
    ///
    /// # Errors
    ///
    /// As [`delete`](TableMut::delete).
    pub fn delete_dup(&mut self, key: &[u8], value: &[u8]) -> Result<bool> {
        if !self.is_dup_sort() {
            return if self.get(key)? == Some(value) {
                self.delete(key)
            } else {
                Ok(false)
            };
        }
        let place = self.find(key)?;
        let pages = self.with_tree(|tree| tree.most_pages_for_dup(&place))?;
        self.gc.borrow_mut().reserve(self.base, pages)?;
        self.edit(|mut tree| tree.delete_dup(place, key, value))
    }

    /// Deletes all items, and sets the sequence back to 0, unless there are none.
    ///
    /// # Errors
    ///
    /// [`Error::Incompatible`] if the main table names other tables; [`Error::Corrupted`], [`Error::TxnFailed`].
    #[doc(alias = "mdbx_drop")]
    pub fn clear(&mut self) -> Result<()> {
        self.check_sound()?;
        if self.table == Table::MAIN && !self.as_ref().named_tables()?.is_empty() {
            return Err(self.incompatible("it names other tables"));
        }
        self.edit(|tree| {
            free_tree(tree.pager, tree.root)?;
            let had_items = !tree.root.is_empty();
            if had_items {
                *tree.root = TreeRoot::empty(tree.root.flags);
            }
            Ok(had_items)
        })
        .map(drop)
    }

    /// Adds `increment` to the table's sequence and returns what it was before: the first of `increment` numbers that
    /// no other transaction gets.
    ///
    /// # Errors
    ///
    /// [`Error::SequenceUsedUp`] if the sequence would exceed 64 bits; [`Error::TxnFailed`].
    #[doc(alias = "mdbx_dbi_sequence")]
    pub fn sequence(&mut self, increment: u64) -> Result<u64> {
        self.check_sound()?;
        let before = self.open.root.sequence;
        let after = before.checked_add(increment).ok_or(Error::SequenceUsedUp)?;
        self.open.changed |= after != before;
        self.open.root.sequence = after;
        Ok(before)
    }

    /// Returns the same table for a shorter time.
    pub(super) fn reborrow(&mut self) -> TableMut<'_> {
        TableMut {
            open: &mut *self.open,
            ..*self
        }
    }

    /// Stores `value` at `place`: as the value of the key, or as one more.
    fn put_at(&mut self, place: Place, key: &[u8], value: &[u8]) -> Result<()> {
        let is_dup = self.is_dup_sort();
        self.reserve_pages(&place, key.len(), value.len(), is_dup)?;
        self.edit(|mut tree| {
            if is_dup {
                tree.put_dup(place, key, value)
            } else {
                tree.put(place, key, value).map(|()| true)
            }
        })
        .map(drop)
    }

    /// Makes `value` the only value of `key`, which has several.
    fn replace_all(&mut self, place: Place, key: &[u8], value: &[u8]) -> Result<()> {
        let height = self.open.root.height;
        let pages = most_pages_for_delete(height) + most_pages_for_put(height + 1);
        self.gc.borrow_mut().reserve(self.base, pages)?;
        self.edit(|mut tree| {
            tree.delete(place)?;
            let place = tree.find(key)?;
            tree.put_dup(place, key, value)
        })
        .map(drop)
    }

    /// Puts `value` in the place of `old`, which is one of the values of `key`.
    fn exchange(&mut self, key: &[u8], old: &[u8], value: &[u8]) -> Result<()> {
        if old == value {
            return Ok(());
        }
        let place = self.find(key)?;
        let pages = self.with_tree(|tree| tree.most_pages_for_dup(&place))?;
        // One value more, and then one less: each may change the height.
        self.gc.borrow_mut().reserve(self.base, 2 * pages + 8)?;
        self.edit(|mut tree| {
            tree.delete_dup(place, key, old)?;
            let place = tree.find(key)?;
            tree.put_dup(place, key, value).map(|_| true)
        })
        .map(drop)
    }

    /// Sets aside the pages that storing a value at `place` may take.
    fn reserve_pages(
        &mut self,
        place: &Place,
        key_len: usize,
        value_len: usize,
        is_dup: bool,
    ) -> Result<()> {
        let height = self.open.root.height;
        let singles = if is_dup {
            self.with_tree(|tree| tree.most_pages_for_dup(place))?
        } else {
            most_pages_for_put(height).max(most_pages_for_delete(height))
        };
        let (base, mut gc) = (self.base, self.gc.borrow_mut());
        if !is_dup && is_large(key_len, value_len, base.page_size) {
            gc.reserve_run(base, large_page_count(value_len, base.page_size), singles)
        } else {
            gc.reserve(base, singles)
        }
    }

    /// Changes the tree by `edit`, which tells whether it did. If it fails, the transaction can only be aborted.
    pub(super) fn edit(
        &mut self,
        edit: impl FnOnce(TreeMut<'_, '_>) -> Result<bool>,
    ) -> Result<bool> {
        self.failed.set(true); // until the change is whole
        self.open.forget_place();
        let changed = self.with_tree(edit)?;
        self.failed.set(false);
        self.open.changed |= changed;
        Ok(changed)
    }

    #[inline]
    pub(super) fn with_tree<T>(
        &mut self,
        act: impl FnOnce(TreeMut<'_, '_>) -> Result<T>,
    ) -> Result<T> {
        let supply = &mut self.gc.borrow_mut().supply;
        let orders = self.open.orders();
        let OpenTable { root, dirty, .. } = &mut *self.open;
        let dirty = dirty.get_or_insert_with(|| supply.memory.list());
        let mut pager = Writer::new(self.base, dirty, supply);
        act(TreeMut::new(&mut pager, root, orders))
    }

    /// Returns the place of `key`, which must not be the name of a table.
    pub(super) fn find(&mut self, key: &[u8]) -> Result<Place> {
        self.find_and(key, |_, _| Ok(()))
    }

    /// Returns the place of `key`, which must not be the name of a table, unless `check` refuses it.
    #[inline]
    fn find_and(
        &mut self,
        key: &[u8],
        check: impl FnOnce(&TreeMut<'_, '_>, &Place) -> Result<()>,
    ) -> Result<Place> {
        self.check_sound()?;
        self.make_room()?;
        let is_main = self.table == Table::MAIN;
        let noted = self.open.take_noted_place(key);
        let (place, is_table) = self.with_tree(|tree| {
            let place = match noted {
                Some(place) => place,
                None => tree.find(key)?,
            };
            if tree.root.flags & INTEGER_KEY != 0 {
                check_key_on(tree.leaf_of(&place)?, key)?;
            }
            let is_table =
                is_main && place.exact && matches!(tree.value_at(&place)?, Value::Table(_));
            if !is_table {
                check(&tree, &place)?;
            }
            Ok((place, is_table))
        })?;
        if is_table {
            let name = show(key);
            let reason = "the key is the name of a table";
            return Err(Error::Incompatible { name, reason });
        }
        Ok(place)
    }

    /// Returns whether no entry of the table comes after `place`.
    pub(super) fn is_last(&mut self, place: &Place) -> Result<bool> {
        self.with_tree(|tree| tree.is_last(place))
    }

    /// Returns the place of `key`, which may be stored there with `value`.
    fn find_for(&mut self, key: &[u8], value: &[u8]) -> Result<Place> {
        let flags = self.flags();
        check_lens(flags, self.base.page_size, key, value)?;
        self.find_and(key, |tree, place| {
            if flags.contains(TableFlags::DUP_FIXED) {
                check_fixed_value(tree.root, tree.leaf_of(place)?, value)?;
            }
            Ok(())
        })
    }

    fn flags(&self) -> TableFlags {
        TableFlags::from_bits(self.open.root.flags)
    }

    pub(super) fn is_dup_sort(&self) -> bool {
        self.open.root.flags & DUP_SORT != 0
    }

    /// Writes the table's pages to the file early if there are too many in memory, and this table has most of them.
    #[inline]
    pub(super) fn make_room(&mut self) -> Result<()> {
        let supply = &mut self.gc.borrow_mut().supply;
        match &mut self.open.dirty {
            Some(dirty)
                if supply.is_overfull() && dirty.bytes() > supply.memory.buffers.in_use() / 2 =>
            {
                supply.spill(self.base, dirty)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn check_sound(&self) -> Result<()> {
        if self.failed.get() {
            Err(Error::TxnFailed)
        } else {
            Ok(())
        }
    }

    pub(super) fn incompatible(&self, reason: &'static str) -> Error {
        let name = name_of(self.base.store, self.table).map_or("main".to_owned(), show);
        Error::Incompatible { name, reason }
    }
}
