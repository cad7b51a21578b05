//! `WriteTxn`: the one writer, and its tables.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::RangeBounds;
use std::sync::PoisonError;

use crate::error::{Error, Result};
use crate::format::geometry::PageCounts;
use crate::format::node::{NewNode, TREE, Value};
use crate::format::root;
use crate::format::root::TreeRoot;
use crate::gc::reclaim::Gc;
use crate::ids::{Pgno, Txnid};
use crate::pager::memory::Memory;
use crate::pager::reserve::Reserve;
use crate::pager::snapshot::Pages;
use crate::pager::supply::Supply;
use crate::pager::writer::Base;
use crate::store::durability::Durability;
use crate::store::geometry::Geometry;
use crate::store::open::Store;
use crate::store::turn::Turn;
use crate::tree::dup::record_of;
use crate::tree::edit::{Place, TreeMut, most_pages_for_delete, most_pages_for_put};
use crate::txn::canary::Canary;
use crate::txn::cursor::Cursor;
use crate::txn::engine::Engine;
use crate::txn::put::PutFlags;
use crate::txn::range::{Dups, Range};
use crate::txn::table::{OpenTable, Table, TableFlags, Tables, handle, name_of, show};
use crate::txn::table_mut::TableMut;
use crate::txn::view::TableRef;

/// The one write transaction. It sees its own changes; nobody else does before [`commit`](WriteTxn::commit).
///
/// Dropping it undoes everything. It belongs to the thread that began it.
pub struct WriteTxn<'env> {
    pub(super) engine: &'env Engine,
    /// The writer's turn, and with it the snapshot this transaction builds on.
    pub(super) turn: Turn<'env>,
    /// The id that every page written carries.
    pub(super) txnid: Txnid,
    pub(super) gc: RefCell<Gc>,
    pub(super) tables: Tables,
    /// The geometry, as the commit will store it, but for what the commit itself makes of it.
    pub(super) geometry: PageCounts,
    /// The canary, as the commit will store it.
    pub(super) canary: Canary,
    /// What the commit promises.
    pub(super) durability: Durability,
    /// Whether an error left a change half done.
    pub(super) failed: Cell<bool>,
}

impl<'env> WriteTxn<'env> {
    pub(crate) fn begin(engine: &'env Engine, mut turn: Turn<'env>) -> Result<WriteTxn<'env>> {
        turn.sync_if_due()?;
        // The memory is as good as new between transactions, so a panic elsewhere cannot have left it half changed.
        let mut memory = engine.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let (txnid, gc, tables) = first_state(&engine.store, &turn, std::mem::take(&mut *memory))?;
        Ok(WriteTxn {
            engine,
            txnid,
            gc: RefCell::new(gc),
            tables,
            geometry: turn.head().meta.geometry,
            canary: Canary::from_meta(turn.head().meta.canary),
            durability: turn.durability(),
            turn,
            failed: Cell::new(false),
        })
    }

    /// Returns the id of the transaction. If it frees very many pages, the snapshot it commits has a higher one.
    #[must_use]
    pub fn id(&self) -> Txnid {
        self.txnid
    }

    /// Returns the table behind a handle, with all its read operations.
    ///
    /// # Errors
    ///
    /// - [`Error::NoSuchTable`] if this transaction sees no such table.
    /// - [`Error::ForeignTable`] if the handle belongs to another environment.
    /// - [`Error::Incompatible`] if its name is that of a plain entry of the main table.
    /// - [`Error::TxnFailed`] if an earlier error left this transaction half changed.
    #[inline]
    pub fn table(&self, table: Table) -> Result<TableRef<'_>> {
        let open = self.look_up(table)?;
        let pages = self.base().pages(self.end(), open.dirty.as_deref());
        Ok(TableRef::new(pages, open.root, open.orders()))
    }

    /// Returns what this transaction knows of the table behind a handle.
    #[inline]
    fn look_up(&self, table: Table) -> Result<&OpenTable> {
        self.check_sound()?;
        self.tables.get(self.store(), || self.main_pages(), table)
    }

    /// Returns the table behind a handle, to be read and changed.
    ///
    /// # Errors
    ///
    /// Those of [`table`](WriteTxn::table).
    #[inline]
    pub fn table_mut(&mut self, table: Table) -> Result<TableMut<'_>> {
        self.look_up(table)?;
        self.make_room()?;
        let store = &*self.engine.store;
        Ok(TableMut {
            table,
            base: base(store, &self.turn, &self.geometry, self.txnid),
            gc: &self.gc,
            failed: &self.failed,
            open: self.tables.get_mut(store, table)?,
        })
    }

    /// Returns several tables at once, to be read and changed: to fill one while going through another, say.
    ///
    /// ```
    /// # use mdbx_core::{Env, TableFlags};
    /// # let dir = tempfile::tempdir()?;
    /// # let env = Env::open(dir.path().join("db"))?;
    /// let mut txn = env.write()?;
    /// let orders = txn.create_table("orders", TableFlags::empty())?;
    /// let by_customer = txn.create_table("orders.by_customer", TableFlags::DUP_SORT)?;
    /// txn.put(orders, b"1", b"ann")?;
    ///
    /// let [orders, mut by_customer] = txn.tables_mut([orders, by_customer])?;
    /// for order in &orders.as_ref() {
    ///     let (number, customer) = order?;
    ///     by_customer.put(customer, number)?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::TableInUse`] if one of them is there twice, and those of [`table`](WriteTxn::table).
    pub fn tables_mut<const N: usize>(&mut self, tables: [Table; N]) -> Result<[TableMut<'_>; N]> {
        for table in tables {
            self.table(table)?;
        }
        self.make_room()?;
        let store = &*self.engine.store;
        let base = base(store, &self.turn, &self.geometry, self.txnid);
        let (gc, failed) = (&self.gc, &self.failed);
        let mut number = 0;
        let open = self.tables.get_disjoint_mut(store, tables)?;
        Ok(open.map(|open| {
            let table = tables[number];
            number += 1;
            TableMut {
                table,
                base,
                gc,
                failed,
                open,
            }
        }))
    }

    /// Opens the table `name`, which is created if there is none.
    ///
    /// # Errors
    ///
    /// - [`Error::InvalidFlags`] if the flags contradict each other.
    /// - [`Error::Incompatible`] if the table exists with other flags, or the main table cannot hold others.
    /// - [`Error::TableName`] and [`Error::TablesFull`] about the name, and [`Error::KeyLen`] if the keys of the main
    ///   table are integers and the name is not as long.
    /// - [`Error::MapFull`], [`Error::Corrupted`], [`Error::TxnFailed`].
    #[doc(alias = "MDBX_CREATE")]
    pub fn create_table(&mut self, name: impl AsRef<[u8]>, flags: TableFlags) -> Result<Table> {
        let name = name.as_ref();
        self.check_sound()?;
        let incompatible = |reason| Error::Incompatible {
            name: show(name),
            reason,
        };
        flags.check()?;
        if self.tables.main.root.flags & root::DUP_SORT != 0 {
            return Err(incompatible(
                "a main table with duplicates cannot hold named tables",
            ));
        }
        let table = handle(self.store(), name)?;
        let is_taken = self.is_taken(name)?; // an error if the main table takes no such key
        match self.table(table) {
            Ok(found) if found.flags() == flags => return Ok(table),
            Ok(_) => return Err(incompatible("it exists with other flags")),
            Err(Error::NoSuchTable { .. }) if is_taken => {
                return Err(incompatible("the main table orders another entry alike"));
            }
            Err(Error::NoSuchTable { .. }) => {}
            Err(error) => return Err(error),
        }
        let root = TreeRoot {
            mod_txnid: self.txnid,
            ..TreeRoot::empty(flags.bits())
        };
        self.add_record(name, &root)?;
        self.tables.set(&self.engine.store, table, root)?;
        Ok(table)
    }

    /// Makes the main table one of another kind, while it is empty. If a key of it may then have several values, it
    /// cannot hold named tables.
    ///
    /// ```
    /// # use mdbx_core::{Env, Table, TableFlags};
    /// # let dir = tempfile::tempdir()?;
    /// # let env = Env::open(dir.path().join("db"))?;
    /// let mut txn = env.write()?;
    /// txn.set_main_flags(TableFlags::DUP_SORT)?;
    /// txn.put(Table::MAIN, b"key", b"one")?;
    /// txn.put(Table::MAIN, b"key", b"two")?;
    /// assert_eq!(txn.table(Table::MAIN)?.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Error::InvalidFlags`] if the flags contradict each other.
    /// - [`Error::Incompatible`] if the table has entries, named tables included, and other flags.
    /// - [`Error::TxnFailed`].
    pub fn set_main_flags(&mut self, flags: TableFlags) -> Result<()> {
        self.check_sound()?;
        flags.check()?;
        let main = &mut self.tables.main;
        if main.root.flags == flags.bits() {
            return Ok(());
        }
        if !main.root.is_empty() {
            return Err(Error::Incompatible {
                name: "main".to_owned(),
                reason: "it has entries and other flags",
            });
        }
        main.root = TreeRoot {
            sequence: main.root.sequence,
            ..TreeRoot::empty(flags.bits())
        };
        main.changed = true;
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
        check_named(table, "it cannot be dropped")?;
        self.table(table)?;
        let name = name_of(&self.engine.store, table)?;
        self.reserve_for_record()?; // before anything is changed
        self.table_mut(table)?.clear()?;
        self.remove_record(name)?;
        self.tables.get_mut(&self.engine.store, table)?.is_gone = true;
        Ok(())
    }

    /// Gives a named table another name, which no table may have. Returns the handle of that name; the old one means
    /// nothing until a table of the old name is created.
    ///
    /// # Errors
    ///
    /// - [`Error::KeyExists`] if the main table has an entry of that name.
    /// - [`Error::TableName`] and [`Error::TablesFull`] about the name.
    /// - [`Error::Incompatible`] for the main table, and if the application gives an order for only one of the names, or
    ///   another one: see [`EnvOptions::table_order`](crate::EnvOptions::table_order).
    /// - [`Error::MapFull`], [`Error::Corrupted`], [`Error::TxnFailed`], and those of [`table`](WriteTxn::table).
    #[doc(alias = "mdbx_dbi_rename")]
    pub fn rename_table(&mut self, table: Table, name: impl AsRef<[u8]>) -> Result<Table> {
        let name = name.as_ref();
        check_named(table, "it cannot be renamed")?;
        self.table(table)?;
        let renamed = handle(self.store(), name)?;
        if renamed == table {
            return Ok(table);
        }
        if self.is_taken(name)? {
            return Err(Error::KeyExists);
        }
        let old_name = name_of(&self.engine.store, table)?;
        let orders = &self.engine.store.orders;
        if !orders.of(old_name).is_same(orders.of(name)) {
            let (name, reason) = (show(name), "the application gives it another order");
            return Err(Error::Incompatible { name, reason });
        }
        self.reserve_for_record()?; // before anything is changed
        let root = self.tables.get_mut(&self.engine.store, table)?.root;
        self.remove_record(old_name)?;
        self.add_record(name, &root)?;
        self.tables.rename(&self.engine.store, table, renamed)?;
        Ok(renamed)
    }

    /// Returns the three numbers that the canary holds, and the transaction that set them last.
    ///
    /// The canary belongs to the database as a whole. Programs put there what tells them whether other files belong
    /// to this state of the database.
    #[must_use]
    #[doc(alias = "mdbx_canary_get")]
    pub fn canary(&self) -> Canary {
        self.canary
    }

    /// Sets the three numbers of the canary, unless it holds them already.
    ///
    /// # Errors
    ///
    /// [`Error::TxnFailed`].
    #[doc(alias = "mdbx_canary_put")]
    pub fn set_canary(&mut self, marks: [u64; 3]) -> Result<()> {
        if self.canary.marks == marks {
            return self.check_sound();
        }
        self.canary.marks = marks;
        self.touch_canary()
    }

    /// Makes this transaction the one that set the canary last.
    ///
    /// # Errors
    ///
    /// [`Error::TxnFailed`].
    pub fn touch_canary(&mut self) -> Result<()> {
        self.check_sound()?;
        self.canary.set_by = self.txnid;
        Ok(())
    }

    /// Changes how long the file is and may become, with the commit of this transaction. What is not set stays.
    ///
    /// # Errors
    ///
    /// [`Error::TxnFailed`], and those of [`Env::resize`](crate::Env::resize), which does it in a transaction of its own.
    #[doc(alias = "mdbx_env_set_geometry")]
    pub fn resize(&mut self, geometry: Geometry) -> Result<()> {
        self.check_sound()?;
        let reserve = &mut self.gc.get_mut().supply.reserve;
        let present = PageCounts {
            first_unallocated: reserve.first_unallocated(),
            ..self.geometry
        };
        self.geometry = self.engine.store.choose_geometry(geometry, &present)?;
        reserve.set_upper(Pgno(self.geometry.upper));
        Ok(())
    }

    /// Returns the value of `key`, as [`TableMut::get`] does, and notes its place: a change of the same key finds it
    /// without a search, if it is the next one of the table.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let env = mdbx_core::Env::open(dir.path().join("db"))?;
    /// # let mut txn = env.write()?;
    /// # let table = txn.create_table("t", mdbx_core::TableFlags::empty())?;
    /// txn.put(table, b"visits", &[41])?;
    /// let visits = txn.get_to_change(table, b"visits")?.map_or(0, |value| value[0]);
    /// txn.put(table, b"visits", &[visits + 1])?;
    /// assert_eq!(txn.table(table)?.get(b"visits")?, Some(&[42][..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Error::Incompatible`] if the key is the name of a table in the main table.
    /// - [`Error::Io`] if pages are written early, as before any change.
    /// - [`Error::Corrupted`], and those of [`table`](WriteTxn::table).
    pub fn get_to_change(&mut self, table: Table, key: &[u8]) -> Result<Option<&[u8]>> {
        self.table_mut(table)?.into_value_to_change(key)
    }

    /// Stores `value` under `key`, as [`TableMut::put`] does.
    ///
    /// # Errors
    ///
    /// Those of [`TableMut::put`] and of [`table`](WriteTxn::table).
    #[doc(alias = "mdbx_put")]
    pub fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        self.table_mut(table)?.put(key, value)
    }

    /// Stores `value` under `key`, which must not be there yet, as [`TableMut::insert`] does.
    ///
    /// # Errors
    ///
    /// [`Error::KeyExists`], and those of [`put`](WriteTxn::put).
    #[doc(alias = "MDBX_NOOVERWRITE")]
    pub fn insert(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        self.table_mut(table)?.insert(key, value)
    }

    /// Stores `value` under `key` under conditions, as [`TableMut::put_with`] does.
    ///
    /// # Errors
    ///
    /// Those of [`TableMut::put_with`] and of [`table`](WriteTxn::table).
    pub fn put_with(
        &mut self,
        table: Table,
        key: &[u8],
        value: &[u8],
        flags: PutFlags,
    ) -> Result<()> {
        self.table_mut(table)?.put_with(key, value, flags)
    }

    /// Stores `value` under `key` and returns what was there before, as [`TableMut::replace`] does.
    ///
    /// # Errors
    ///
    /// Those of [`put`](WriteTxn::put).
    #[doc(alias = "mdbx_replace")]
    pub fn replace(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<Option<Vec<u8>>> {
        self.table_mut(table)?.replace(key, value)
    }

    /// Deletes `key` with all its values; tells whether it was there.
    ///
    /// # Errors
    ///
    /// Those of [`TableMut::delete`] and of [`table`](WriteTxn::table).
    #[doc(alias = "mdbx_del")]
    pub fn delete(&mut self, table: Table, key: &[u8]) -> Result<bool> {
        self.table_mut(table)?.delete(key)
    }

    /// Deletes one value of `key`, as [`TableMut::delete_dup`] does; tells whether it was there.
    ///
    /// # Errors
    ///
    /// As [`delete`](WriteTxn::delete).
    pub fn delete_dup(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<bool> {
        self.table_mut(table)?.delete_dup(key, value)
    }

    /// Deletes all items whose keys lie in `bounds`, as [`TableMut::delete_range`] does; returns how many.
    ///
    /// # Errors
    ///
    /// Those of [`TableMut::delete_range`] and of [`table`](WriteTxn::table).
    pub fn delete_range<'k>(
        &mut self,
        table: Table,
        bounds: impl RangeBounds<&'k [u8]>,
    ) -> Result<u64> {
        self.table_mut(table)?.delete_range(bounds)
    }

    /// Deletes all items of a table. Its sequence goes on.
    ///
    /// # Errors
    ///
    /// Those of [`TableMut::clear`] and of [`table`](WriteTxn::table).
    #[doc(alias = "mdbx_drop")]
    pub fn clear(&mut self, table: Table) -> Result<()> {
        self.table_mut(table)?.clear()
    }

    /// Adds `increment` to the table's sequence and returns what it was before, as [`TableMut::sequence`] does.
    ///
    /// # Errors
    ///
    /// [`Error::SequenceUsedUp`]; [`Error::TxnFailed`], and those of [`table`](WriteTxn::table).
    #[doc(alias = "mdbx_dbi_sequence")]
    pub fn sequence(&mut self, table: Table, increment: u64) -> Result<u64> {
        self.table_mut(table)?.sequence(increment)
    }

    /// Undoes all changes. The transaction goes on as if it had just begun.
    ///
    /// # Errors
    ///
    /// - [`Error::Nested`] in a nested transaction, which has a rollback of its own.
    /// - [`Error::TxnidsUsedUp`]. The transaction can only be aborted then.
    pub fn rollback(&mut self) -> Result<()> {
        self.check_outermost()?;
        self.restart()
    }

    /// Starts from the snapshot of the turn.
    pub(super) fn restart(&mut self) -> Result<()> {
        self.failed.set(true); // until the first state is there
        let memory = self.take_memory();
        let (txnid, gc, tables) = first_state(&self.engine.store, &self.turn, memory)?;
        (self.txnid, self.gc, self.tables) = (txnid, RefCell::new(gc), tables);
        self.geometry = self.turn.head().meta.geometry;
        self.canary = Canary::from_meta(self.turn.head().meta.canary);
        self.durability = self.turn.durability();
        self.failed.set(false);
        Ok(())
    }

    /// Undoes everything. Dropping the transaction does the same.
    pub fn abort(self) {}

    /// Returns whether the main table has an entry of that name, or one that its order takes for the same.
    fn is_taken(&self, name: &[u8]) -> Result<bool> {
        let main = self.main();
        // An order that contradicts itself may lead elsewhere; but two records of one table would share its pages.
        let is_hidden = || -> Result<bool> {
            let is_given = self.tables.main.orders().keys.is_given();
            Ok(is_given && main.named_tables()?.iter().any(|(known, _)| known == name))
        };
        Ok(main.contains(name)? || is_hidden()?)
    }

    /// Enters a named table, whose name is not taken, in the main table.
    fn add_record(&mut self, name: &[u8], root: &TreeRoot) -> Result<()> {
        self.reserve_for_record()?;
        self.table_mut(Table::MAIN)?.edit(|mut tree| {
            let mut place = tree.find(name)?;
            if place.exact {
                return Err(misplaced(name));
            }
            tree.root.count_item(true);
            tree.set(&mut place, NewNode::leaf(name, TREE, &record_of(root)))
                .map(|()| true)
        })?;
        Ok(())
    }

    /// Writes the record of a named table anew.
    pub(super) fn write_record(&mut self, name: &[u8], root: &TreeRoot) -> Result<()> {
        self.reserve_for_record()?;
        self.table_mut(Table::MAIN)?.edit(|mut tree| {
            let mut place = find_record(&tree, name)?;
            tree.set(&mut place, NewNode::leaf(name, TREE, &record_of(root)))
                .map(|()| true)
        })?;
        Ok(())
    }

    fn remove_record(&mut self, name: &[u8]) -> Result<()> {
        self.table_mut(Table::MAIN)?.edit(|mut tree| {
            let place = find_record(&tree, name)?;
            tree.delete(place).map(|()| true)
        })?;
        Ok(())
    }

    /// Sets aside the pages that removing a record from the main table and writing another one may take.
    fn reserve_for_record(&mut self) -> Result<()> {
        let height = self.tables.main.root.height;
        let pages = most_pages_for_delete(height) + most_pages_for_put(height + 1);
        let base = base(&self.engine.store, &self.turn, &self.geometry, self.txnid);
        self.gc.get_mut().reserve(base, pages)
    }

    pub(super) fn check_sound(&self) -> Result<()> {
        if self.failed.get() {
            Err(Error::TxnFailed)
        } else {
            Ok(())
        }
    }

    pub(super) fn check_outermost(&self) -> Result<()> {
        match self.level() {
            0 => Ok(()),
            _ => Err(Error::Nested),
        }
    }

    /// Returns how many transactions are nested in this one.
    pub(super) fn level(&self) -> usize {
        self.gc.borrow().supply.level
    }

    /// Returns whether this transaction is sound, and has as many changed pages in memory as it may, or fewer.
    pub(crate) fn takes_more(&self) -> bool {
        !self.failed.get() && !self.gc.borrow().supply.is_overfull()
    }

    /// Writes pages to the file early if there are too many in memory: those of the tables that have the most.
    #[inline]
    fn make_room(&mut self) -> Result<()> {
        if self.gc.get_mut().supply.is_overfull() {
            self.spill()
        } else {
            Ok(())
        }
    }

    #[cold]
    fn spill(&mut self) -> Result<()> {
        self.turn.check_process()?;
        let supply = &mut self.gc.get_mut().supply;
        let base = base(&self.engine.store, &self.turn, &self.geometry, self.txnid);
        let mut lists: Vec<_> = self.tables.dirty_mut().collect();
        lists.sort_unstable_by_key(|dirty| std::cmp::Reverse(dirty.bytes()));
        for dirty in lists {
            if !supply.is_overfull() {
                break;
            }
            supply.spill(base, dirty)?;
        }
        Ok(())
    }

    /// Gives all pages up and returns the memory they took.
    fn take_memory(&mut self) -> Memory {
        let mut memory = self.gc.get_mut().take_memory();
        self.tables.give_back(&mut memory);
        memory
    }

    fn main(&self) -> TableRef<'_> {
        let main = &self.tables.main;
        TableRef::new(self.main_pages(), main.root, main.orders())
    }

    fn store(&self) -> &Store {
        &self.engine.store
    }

    pub(super) fn base(&self) -> Base<'_> {
        base(&self.engine.store, &self.turn, &self.geometry, self.txnid)
    }

    /// Returns where the pages of this transaction end.
    fn end(&self) -> Pgno {
        self.gc.borrow().supply.reserve.first_unallocated()
    }

    /// Returns the pages of the main table, for reading.
    fn main_pages(&self) -> Pages<'_> {
        let dirty = self.tables.main.dirty.as_deref();
        self.base().pages(self.end(), dirty)
    }
}

/// Checks that the table is not the main one.
fn check_named(table: Table, reason: &'static str) -> Result<()> {
    if table != Table::MAIN {
        return Ok(());
    }
    let name = "main".to_owned();
    Err(Error::Incompatible { name, reason })
}

/// Returns the place of the record of the table `name` in the main table.
fn find_record(main: &TreeMut<'_, '_>, name: &[u8]) -> Result<Place> {
    let place = main.find(name)?;
    let is_it = place.exact
        && main.key_at(&place)? == name
        && matches!(main.value_at(&place)?, Value::Table(_));
    if is_it {
        Ok(place)
    } else {
        Err(misplaced(name))
    }
}

/// Returns the error that the order of the main table does not lead to a record that is there.
#[cold]
fn misplaced(name: &[u8]) -> Error {
    let (name, reason) = (
        show(name),
        "the order of the main table does not lead to its record",
    );
    Error::Incompatible { name, reason }
}

/// Returns what a write transaction stands on.
#[inline]
pub(super) fn base<'t>(
    store: &'t Store,
    turn: &'t Turn<'_>,
    geometry: &'t PageCounts,
    txnid: Txnid,
) -> Base<'t> {
    Base {
        store,
        head: turn.head(),
        pin: turn.pin(),
        page_size: store.page_size,
        geometry,
        txnid,
    }
}

/// Returns the id, the free pages and the tables of a transaction that has changed nothing yet.
fn first_state(store: &Store, turn: &Turn<'_>, memory: Memory) -> Result<(Txnid, Gc, Tables)> {
    let head = turn.head();
    let last = head.meta.txnid;
    let txnid = last.checked_add(1).ok_or(Error::TxnidsUsedUp { last })?;
    let geometry = &head.meta.geometry;
    store.check_mapped(geometry)?; // another process may have raised the bound
    let reserve = Reserve::new(geometry.first_unallocated, Pgno(geometry.upper));
    let supply = Supply::new(reserve, memory, store.dirty_limit);
    let gc = Gc::new(turn, store, supply);
    Ok((txnid, gc, Tables::new(head.meta.main, store.orders.main)))
}

crate::txn::reads::read_methods!(WriteTxn<'_>);

impl Drop for WriteTxn<'_> {
    fn drop(&mut self) {
        let memory = self.take_memory();
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
            .field("failed", &self.failed.get())
            .finish_non_exhaustive()
    }
}
