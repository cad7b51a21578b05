//! `WriteTxn`: reserve first, then change.
//!
//! Every change goes the same way: check the arguments, find the place, set aside the pages it may take, change the
//! tree. Only the last step changes anything, and it cannot run out of pages; if it fails all the same, the file is
//! damaged, and the transaction can only be aborted.

use std::fmt;
use std::sync::PoisonError;

use crate::error::{Error, Result};
use crate::format::limits::{MAX_VALUE_LEN, max_value_len_dup_sort};
use crate::format::node::{NewNode, TREE, Value};
use crate::format::root;
use crate::format::root::TreeRoot;
use crate::gc::reclaim::Gc;
use crate::ids::{Pgno, Txnid};
use crate::pager::reserve::Reserve;
use crate::pager::snapshot::Pages;
use crate::pager::writer::{Writer, large_page_count};
use crate::store::open::Store;
use crate::store::turn::Turn;
use crate::tree::edit::{Place, TreeMut, most_pages_for_delete, most_pages_for_put};
use crate::tree::large::is_large;
use crate::tree::order::Order;
use crate::tree::remove::free_tree;
use crate::txn::engine::Engine;
use crate::txn::table::{OpenTable, Table, TableFlags, Tables, handle, name_of};
use crate::txn::view::TableRef;

/// What to do when the key is there already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum OnPresent {
    /// Replace its value; where a key has several values, add this one to them.
    Upsert,
    /// Refuse.
    Refuse,
}

/// The one write transaction. It sees its own changes; nobody else does before [`commit`](WriteTxn::commit).
///
/// Dropping it undoes everything. It belongs to the thread that began it.
pub struct WriteTxn<'env> {
    pub(super) engine: &'env Engine,
    pub(super) pager: Writer<'env>,
    pub(super) gc: Gc,
    pub(super) tables: Tables,
    /// Whether an error left a change half done.
    failed: bool,
}

impl<'env> WriteTxn<'env> {
    pub(crate) fn begin(engine: &'env Engine, turn: Turn<'env>) -> Result<WriteTxn<'env>> {
        let store: &Store = &engine.store;
        let head = turn.head();
        let base = &head.meta;
        let txnid = base
            .txnid
            .checked_add(1)
            .ok_or(Error::TxnidsUsedUp { last: base.txnid })?;
        let oldest = store.readers.oldest(head.steady);
        let reserve = Reserve::new(base.geometry.first_unallocated, Pgno(base.geometry.upper));
        let (gc, tables) = (
            Gc::new(base.gc, oldest, store.compaction_due.is_due(oldest)),
            Tables::new(base.main),
        );
        // The lists are empty between transactions, so a panic elsewhere cannot have left them half changed.
        let memory =
            std::mem::take(&mut *engine.memory.lock().unwrap_or_else(PoisonError::into_inner));
        let pager = Writer::new(turn, txnid, reserve, memory);
        Ok(WriteTxn {
            engine,
            pager,
            gc,
            tables,
            failed: false,
        })
    }

    /// Returns the id of the transaction. If it frees very many pages, the snapshot it commits has a higher one.
    #[must_use]
    pub fn id(&self) -> Txnid {
        self.pager.txnid()
    }

    /// Returns the table behind a handle, with all its read operations.
    ///
    /// # Errors
    ///
    /// - [`Error::NoSuchTable`] if this transaction sees no such table.
    /// - [`Error::ForeignTable`] if the handle belongs to another environment.
    /// - [`Error::Incompatible`] if tables of its kind cannot be used yet.
    /// - [`Error::TxnFailed`] if an earlier error left this transaction half changed.
    #[inline]
    pub fn table(&self, table: Table) -> Result<TableRef<'_>> {
        self.check_sound()?;
        let pages = self.pages();
        let open = self.tables.get(self.store(), pages, table)?;
        Ok(TableRef::new(pages, open.root))
    }

    /// Opens the table `name`, which is created if there is none.
    ///
    /// # Errors
    ///
    /// - [`Error::Incompatible`] if the table exists with other flags, or such flags cannot be had yet.
    /// - [`Error::TableName`] and [`Error::TablesFull`] about the name.
    /// - [`Error::MapFull`], [`Error::Corrupted`], [`Error::TxnFailed`].
    #[doc(alias = "MDBX_CREATE")]
    pub fn create_table(&mut self, name: &str, flags: TableFlags) -> Result<Table> {
        self.check_sound()?;
        let incompatible = |reason| Error::Incompatible {
            name: name.to_owned(),
            reason,
        };
        if !TableFlags::DUP_SORT.contains(flags) {
            return Err(incompatible("tables of this kind cannot be created yet"));
        }
        if self.tables.main.root.flags & root::DUP_SORT != 0 {
            return Err(incompatible(
                "a main table with duplicates cannot hold named tables",
            ));
        }
        let table = handle(self.store(), name)?;
        match self.table(table) {
            Ok(found) if found.flags() == flags => return Ok(table),
            Ok(_) => return Err(incompatible("it exists with other flags")),
            Err(Error::NoSuchTable { .. }) => {}
            Err(error) => return Err(error),
        }
        let root = TreeRoot {
            mod_txnid: self.pager.txnid(),
            ..TreeRoot::empty(flags.bits())
        };
        self.write_record(name, &root)?;
        self.tables.set(&self.engine.store, table, root)?;
        Ok(table)
    }

    /// Stores `value` under `key`. In a table with one value for each key it replaces the present value; in a
    /// [`DUP_SORT`](TableFlags::DUP_SORT) table it joins the values of the key.
    ///
    /// # Errors
    ///
    /// - [`Error::KeyTooLong`] and [`Error::ValueTooLong`].
    /// - [`Error::Incompatible`] if the key is the name of a table in the main table, or the table is of a kind that
    ///   cannot be changed yet.
    /// - [`Error::MapFull`] if the database has no room left. The transaction goes on.
    /// - [`Error::Corrupted`], [`Error::TxnFailed`], and those of [`table`](WriteTxn::table).
    #[doc(alias = "mdbx_put")]
    pub fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        self.put_with(table, key, value, OnPresent::Upsert)
    }

    /// Stores `value` under `key`, which must not be there yet.
    ///
    /// # Errors
    ///
    /// [`Error::KeyExists`], and those of [`put`](WriteTxn::put).
    #[doc(alias = "MDBX_NOOVERWRITE")]
    pub fn insert(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        self.put_with(table, key, value, OnPresent::Refuse)
    }

    fn put_with(
        &mut self,
        table: Table,
        key: &[u8],
        value: &[u8],
        on_present: OnPresent,
    ) -> Result<()> {
        let flags = self.check_writable(table)?;
        let page_size = self.store().page_size;
        let is_dup = flags.contains(TableFlags::DUP_SORT);
        let max = flags.max_key_len(page_size);
        if key.len() > max {
            return Err(Error::KeyTooLong {
                len: key.len(),
                max,
            });
        }
        let max = if is_dup {
            max_value_len_dup_sort(page_size)
        } else {
            MAX_VALUE_LEN
        };
        if value.len() > max {
            return Err(Error::ValueTooLong {
                len: value.len(),
                max,
            });
        }
        let place = self.find(table, key)?;
        if place.exact && on_present == OnPresent::Refuse {
            return Err(Error::KeyExists);
        }
        let singles = self.pages_for_change(table, &place, is_dup)?;
        if !is_dup && is_large(key.len(), value.len(), page_size) {
            self.gc.reserve_run(
                &mut self.pager,
                large_page_count(value.len(), page_size),
                singles,
            )?;
        } else {
            self.gc.reserve(&mut self.pager, singles)?;
        }
        self.change(table, |mut tree| {
            if is_dup {
                let dups = Order::of_dups(tree.root.flags);
                tree.put_dup(place, key, value, dups)
            } else {
                tree.put(place, key, value).map(|()| true)
            }
        })?;
        Ok(())
    }

    /// Deletes `key` with all its values; tells whether it was there.
    ///
    /// # Errors
    ///
    /// [`Error::Incompatible`], [`Error::MapFull`], [`Error::Corrupted`], [`Error::TxnFailed`], and those of
    /// [`table`](WriteTxn::table).
    #[doc(alias = "mdbx_del")]
    pub fn delete(&mut self, table: Table, key: &[u8]) -> Result<bool> {
        self.check_writable(table)?;
        let place = self.find(table, key)?;
        if !place.exact {
            return Ok(false);
        }
        let singles = self.pages_for_change(table, &place, false)?;
        self.gc.reserve(&mut self.pager, singles)?;
        self.change(table, |mut tree| tree.delete(place).map(|()| true))
    }

    /// Deletes one value of `key`; tells whether it was there. In a table with one value for each key, the value must
    /// be the present one.
    ///
    /// # Errors
    ///
    /// As [`delete`](WriteTxn::delete).
    pub fn delete_dup(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<bool> {
        let flags = self.check_writable(table)?;
        if !flags.contains(TableFlags::DUP_SORT) {
            return if self.get(table, key)? == Some(value) {
                self.delete(table, key)
            } else {
                Ok(false)
            };
        }
        let place = self.find(table, key)?;
        let singles = self.pages_for_change(table, &place, true)?;
        self.gc.reserve(&mut self.pager, singles)?;
        self.change(table, |mut tree| {
            let dups = Order::of_dups(tree.root.flags);
            tree.delete_dup(place, key, value, dups)
        })
    }

    /// Deletes all items of a table. Its sequence goes on.
    ///
    /// # Errors
    ///
    /// [`Error::Incompatible`] if the main table names other tables; [`Error::Corrupted`], [`Error::TxnFailed`], and
    /// those of [`table`](WriteTxn::table).
    #[doc(alias = "mdbx_drop")]
    pub fn clear(&mut self, table: Table) -> Result<()> {
        self.check_writable(table)?;
        if table == Table::MAIN && !self.main().named_tables()?.is_empty() {
            return Err(Error::Incompatible {
                name: "main".to_owned(),
                reason: "it names other tables",
            });
        }
        self.change(table, |tree| {
            free_tree(tree.pager, tree.root)?;
            let TreeRoot {
                flags, sequence, ..
            } = *tree.root;
            *tree.root = TreeRoot {
                sequence,
                ..TreeRoot::empty(flags)
            };
            Ok(true)
        })?;
        Ok(())
    }

    /// Deletes a named table with all its items. Its handle means nothing until a table of that name is created again.
    ///
    /// # Errors
    ///
    /// [`Error::Incompatible`] for the main table; [`Error::MapFull`], [`Error::Corrupted`], [`Error::TxnFailed`], and
    /// those of [`table`](WriteTxn::table).
    #[doc(alias = "mdbx_drop")]
    pub fn drop_table(&mut self, table: Table) -> Result<()> {
        if table == Table::MAIN {
            return Err(Error::Incompatible {
                name: "main".to_owned(),
                reason: "it cannot be dropped",
            });
        }
        self.clear(table)?;
        let name = name_of(&self.engine.store, table)?.to_owned();
        self.gc.reserve(
            &mut self.pager,
            most_pages_for_delete(self.tables.main.root.height),
        )?;
        self.change(Table::MAIN, |mut tree| {
            let place = tree.find(name.as_bytes())?;
            tree.delete(place).map(|()| true)
        })?;
        self.tables.forget(&self.engine.store, table)
    }

    /// Adds `increment` to the table's sequence and returns what it was before: the first of `increment` numbers that
    /// no other transaction gets.
    ///
    /// # Errors
    ///
    /// [`Error::SequenceUsedUp`] if the sequence would exceed 64 bits; [`Error::TxnFailed`], and those of
    /// [`table`](WriteTxn::table).
    #[doc(alias = "mdbx_dbi_sequence")]
    pub fn sequence(&mut self, table: Table, increment: u64) -> Result<u64> {
        let before = self.table(table)?.sequence();
        let after = before.checked_add(increment).ok_or(Error::SequenceUsedUp)?;
        if after != before {
            let open = self.tables.get_mut(&self.engine.store, table)?;
            open.root.sequence = after;
            open.changed = true;
        }
        Ok(before)
    }

    /// Undoes everything. Dropping the transaction does the same.
    pub fn abort(self) {}

    /// Writes the record of a named table into the main table.
    pub(super) fn write_record(&mut self, name: &str, root: &TreeRoot) -> Result<()> {
        let main = self.tables.main.root.height;
        self.gc.reserve(&mut self.pager, most_pages_for_put(main))?;
        let mut record = [0; TreeRoot::LEN];
        root.write(&mut record);
        self.change(Table::MAIN, |mut tree| {
            let mut place = tree.find(name.as_bytes())?;
            tree.root.items += u64::from(!place.exact);
            tree.set(&mut place, NewNode::leaf(name.as_bytes(), TREE, &record))
                .map(|()| true)
        })?;
        Ok(())
    }

    /// Changes a table by `edit`, which tells whether it did. If it fails, the transaction can only be aborted.
    fn change(
        &mut self,
        table: Table,
        edit: impl FnOnce(TreeMut<'_, 'env>) -> Result<bool>,
    ) -> Result<bool> {
        let OpenTable { root, changed } = self.tables.get_mut(&self.engine.store, table)?;
        let order = Order::of_keys(root.flags);
        let edited = edit(TreeMut::new(&mut self.pager, root, order));
        *changed |= matches!(edited, Ok(true));
        self.failed |= edited.is_err();
        edited
    }

    /// Returns the place of `key`, which must not be the name of a table.
    fn find(&mut self, table: Table, key: &[u8]) -> Result<Place> {
        let OpenTable { root, .. } = self.tables.get_mut(&self.engine.store, table)?;
        let order = Order::of_keys(root.flags);
        let tree = TreeMut::new(&mut self.pager, root, order);
        let place = tree.find(key)?;
        if table == Table::MAIN && place.exact && matches!(tree.value_at(&place)?, Value::Table(_))
        {
            let name = String::from_utf8_lossy(key).into_owned();
            return Err(Error::Incompatible {
                name,
                reason: "the key is the name of a table",
            });
        }
        Ok(place)
    }

    /// Returns the most pages that putting or deleting at `place` takes, but for those of a large value.
    fn pages_for_change(&mut self, table: Table, place: &Place, is_dup: bool) -> Result<usize> {
        let OpenTable { root, .. } = self.tables.get_mut(&self.engine.store, table)?;
        let order = Order::of_keys(root.flags);
        let tree = TreeMut::new(&mut self.pager, root, order);
        if is_dup {
            return tree.most_pages_for_dup(place);
        }
        Ok(most_pages_for_put(tree.root.height).max(most_pages_for_delete(tree.root.height)))
    }

    /// Checks that the table can be changed, and returns its kind.
    #[inline]
    fn check_writable(&self, table: Table) -> Result<TableFlags> {
        let flags = self.table(table)?.flags();
        if TableFlags::DUP_SORT.contains(flags) {
            return Ok(flags);
        }
        let name = name_of(self.store(), table).unwrap_or("main").to_owned();
        Err(Error::Incompatible {
            name,
            reason: "tables of this kind cannot be changed yet",
        })
    }

    pub(super) fn check_sound(&self) -> Result<()> {
        if self.failed {
            Err(Error::TxnFailed)
        } else {
            Ok(())
        }
    }

    fn main(&self) -> TableRef<'_> {
        TableRef::new(self.pages(), self.tables.main.root)
    }

    fn store(&self) -> &Store {
        &self.engine.store
    }

    #[inline]
    pub(crate) fn pages(&self) -> Pages<'_> {
        self.pager.pages()
    }
}

crate::txn::reads::read_methods!(WriteTxn<'_>);

impl Drop for WriteTxn<'_> {
    fn drop(&mut self) {
        let memory = self.pager.take_memory();
        *self
            .engine
            .memory
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = memory;
    }
}

impl fmt::Debug for WriteTxn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteTxn")
            .field("id", &self.id())
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
