//! The two kinds of transaction.
//!
//! Rows are borrowed from `&self`, and a write takes `&mut self`. So a row that borrows from a page cannot be held
//! across a write that might change the page.

use std::fmt;
use std::ops::RangeBounds;
use std::sync::Arc;

use mdbx_core as core;
use mdbx_core::{TableRef, Txnid};

use super::{Held, Inner};
use crate::changes::log::Log;
use crate::changes::{Journal, Mark, Noting, Ticket};
use crate::dynamic::{self, DynamicTable, TableInfo};
use crate::error::{Error, Result};
use crate::key::{self, Key, KeyRange, PrefixOf};
use crate::query::{Query, RowOf};
use crate::schema::handles::{Outcome, Source, Target};
#[cfg(feature = "export")]
use crate::schema::row;
use crate::schema::{
    AutoTable, Index, KeyRef, OrderedIndex, OwnedTable, Record, Table, UniqueIndex, ViewOf,
};
use crate::table::{self, Drain, Scratch, Statement};

/// The database a transaction belongs to.
pub(super) enum Shared<'db> {
    Borrowed(&'db Inner),
    Owned(Arc<Inner>),
}

/// A snapshot of the database: what it holds was committed before the transaction began, and does not change.
///
/// It keeps the pages of its snapshot from being reused, so a transaction that is kept for long makes the file grow.
pub struct ReadTxn<'db> {
    core: core::ReadTxn<'db>,
    shared: Shared<'db>,
}

/// A write transaction: reads see its own changes, others see them after [`commit`](WriteTxn::commit).
///
/// A statement that fails changes nothing, and the transaction can go on. Dropping the transaction rolls back.
///
/// Where the file is so full that a statement can neither be finished nor taken back, the transaction can only be dropped:
/// all that follows is [`TxnFailed`](mdbx_core::Error::TxnFailed). In a [nested](WriteTxn::nested) transaction that ends
/// with it, and the outer one goes on.
pub struct WriteTxn<'db> {
    core: Writer<'db>,
    inner: &'db Inner,
    scratch: Scratch,
    /// Set when a statement failed and could not be undone.
    is_broken: bool,
    /// Set when the tables were found to be those the database was opened with.
    is_checked: bool,
    /// What it changed, if somebody listens.
    journal: Option<Box<Journal>>,
}

/// The engine's write transaction.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, and a box would cost every transaction an allocation"
)]
enum Writer<'db> {
    /// To be committed here.
    Own(core::WriteTxn<'db>),
    /// To be committed by who lends it.
    Lent(&'db mut dyn Target),
}

impl Writer<'_> {
    #[inline]
    fn source(&self) -> &dyn Source {
        match self {
            Writer::Own(txn) => txn,
            Writer::Lent(txn) => *txn,
        }
    }

    #[inline]
    fn target(&mut self) -> &mut dyn Target {
        match self {
            Writer::Own(txn) => txn,
            Writer::Lent(txn) => *txn,
        }
    }
}

impl Source for Writer<'_> {
    fn open_table(&self, name: &str) -> core::Result<core::Table> {
        self.source().open_table(name)
    }

    #[inline]
    fn table(&self, table: core::Table) -> core::Result<TableRef<'_>> {
        self.source().table(table)
    }

    fn id(&self) -> Txnid {
        self.source().id()
    }
}

impl<'db> ReadTxn<'db> {
    pub(super) fn new(core: core::ReadTxn<'db>, shared: Shared<'db>) -> Self {
        ReadTxn { core, shared }
    }

    /// Calls `f` with every row of a table, in the order of the primary key.
    #[cfg(feature = "export")]
    pub(super) fn each<T: Table>(
        &self,
        mut f: impl FnMut(&T::Row<'_>) -> Result<()>,
    ) -> Result<()> {
        let handles = self.inner().require::<T>()?;
        let mut cursor = Source::table(&self.core, handles.rows.table)?.cursor();
        let mut next = cursor.first()?;
        while let Some((key, bytes)) = next {
            f(&row::decode::<T>(handles, key, bytes)?)?;
            next = cursor.next()?;
        }
        Ok(())
    }

    #[inline]
    fn inner(&self) -> &Inner {
        match &self.shared {
            Shared::Borrowed(inner) => inner,
            Shared::Owned(inner) => inner,
        }
    }

    /// Returns the engine's transaction, and the database it belongs to.
    pub(super) fn parts(&self) -> (&dyn Source, &Inner) {
        (&self.core, self.inner())
    }
}

impl<'db> ReadTxn<'db> {
    /// Returns the engine's transaction of the same snapshot: for tables beside the typed ones, and for whatever the typed
    /// layer does not have. How rows, keys and the catalog are stored is for the typed layer to know.
    #[must_use]
    pub fn raw(&self) -> &core::ReadTxn<'db> {
        &self.core
    }
}

impl ReadTxn<'static> {
    /// Takes hold of a row of this snapshot, so that it can outlive the function: `tx.hold(&event)`. Returns `None` if
    /// the row is not in the snapshot.
    ///
    /// All that is held of one transaction shares its snapshot.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn hold<R: Record>(self: &Arc<Self>, row: &R) -> Result<Option<Held<R::Table>>> {
        Held::new(self, key::encode::<<R::Table as Table>::Key>(row.key()))
    }

    /// Returns the row with these bytes of a primary key.
    pub(super) fn get_by_bytes<T: Table>(&self, key: &[u8]) -> Result<Option<T::Row<'_>>> {
        table::get_by_bytes::<T>(&self.core, self.inner().require::<T>()?, key)
    }
}

impl<'db> WriteTxn<'db> {
    pub(super) fn new(core: core::WriteTxn<'db>, inner: &'db Inner) -> Self {
        WriteTxn::with(Writer::Own(core), inner)
    }

    /// A transaction in that of a caller who commits it.
    pub(super) fn lent(core: &'db mut dyn Target, inner: &'db Inner) -> Self {
        WriteTxn::with(Writer::Lent(core), inner)
    }

    /// Ends a transaction that is lent: once the lender has committed, the ticket is to say so.
    pub(super) fn finish(mut self) -> Result<Option<Ticket>> {
        self.line_up()
    }

    fn with(core: Writer<'db>, inner: &'db Inner) -> Self {
        WriteTxn {
            core,
            inner,
            scratch: Scratch::default(),
            is_broken: false,
            is_checked: false,
            journal: inner.hub.journal(), // whoever makes it has the turn
        }
    }

    #[inline]
    fn inner(&self) -> &Inner {
        self.inner
    }
}

/// The reads, which both kinds of transaction have.
macro_rules! reads {
    ($txn:ident) => {
        impl $txn<'_> {
            /// Returns the id of the transaction.
            ///
            /// A snapshot holds the changes of all transactions with ids up to its own. A write transaction has the id
            /// that its [`ChangeSet`](crate::ChangeSet) carries; a snapshot with its changes has that one or a higher.
            #[must_use]
            pub fn id(&self) -> Txnid {
                Source::id(&self.core)
            }

            /// Returns the row with this primary key, borrowed from the transaction where the struct borrows.
            ///
            /// # Errors
            ///
            /// [`Error::Codec`] or [`Error::NewerRow`] for a row that cannot be read; [`Error::NotInSchema`];
            /// [`Error::Engine`].
            pub fn get<T: Table>(&self, key: KeyRef<'_, T>) -> Result<Option<T::Row<'_>>> {
                table::get::<T>(&self.core, self.inner().require::<T>()?, key)
            }

            /// Returns the row with this key in a unique index: `tx.get_by(user::by_email, "ann@x.org")`.
            ///
            /// # Errors
            ///
            /// [`Error::DanglingIndex`]; otherwise as [`get`](Self::get).
            pub fn get_by<I: UniqueIndex>(
                &self,
                index: I,
                key: <I::Key as Key>::Ref<'_>,
            ) -> Result<Option<RowOf<'_, I>>> {
                if I::Key::IS_HASHED {
                    return self.by(index).eq(key).first();
                }
                table::get_by::<I>(&self.core, self.inner().require::<I::Table>()?, key)
            }

            /// Returns a view of the row with this primary key: `tx.get_view::<User, UserRef<'_>>(7)`.
            ///
            /// # Errors
            ///
            /// As [`get`](Self::get).
            pub fn get_view<'t, T: Table, V: ViewOf<'t, T>>(
                &'t self,
                key: KeyRef<'_, T>,
            ) -> Result<Option<V>> {
                table::get_view::<T, V>(&self.core, self.inner().require::<T>()?, key)
            }

            /// Returns whether there is a row with this primary key, without reading it.
            ///
            /// # Errors
            ///
            /// [`Error::NotInSchema`] or [`Error::Engine`].
            pub fn contains<T: Table>(&self, key: KeyRef<'_, T>) -> Result<bool> {
                table::contains::<T>(&self.core, self.inner().require::<T>()?, key)
            }

            /// Returns a query of an index, or of the primary key: `tx.by(user::primary)`.
            pub fn by<I: Index>(&self, index: I) -> Query<'_, I> {
                let _ = index;
                Query::new(&self.core, self.inner().tables())
            }

            /// Returns how many rows a table has, without reading them.
            ///
            /// # Errors
            ///
            /// [`Error::NotInSchema`] or [`Error::Engine`].
            pub fn count<T: Table>(&self) -> Result<u64> {
                let handles = self.inner().require::<T>()?;
                Ok(Source::table(&self.core, handles.rows.table)?.len())
            }

            /// Returns a table of the file by its stored name, to be read without its struct.
            ///
            /// The table need not be in the schema. What is not known of its fields is in [`DynamicRow::hidden`].
            ///
            /// [`DynamicRow::hidden`]: crate::DynamicRow::hidden
            ///
            /// # Errors
            ///
            /// [`Error::NoSuchTable`]; [`Error::Open`] for a catalog that cannot be read; [`Error::Engine`].
            pub fn dynamic(&self, table: &str) -> Result<DynamicTable<'_>> {
                dynamic::table::open(&self.core, table)
            }

            /// Returns what the file says about all its tables, by name, whether or not they are in the schema.
            ///
            /// # Errors
            ///
            /// [`Error::Open`] for a catalog that cannot be read; [`Error::Engine`].
            pub fn tables(&self) -> Result<Vec<TableInfo>> {
                dynamic::table::list(&self.core)
            }
        }

        impl fmt::Debug for $txn<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($txn))
                    .field("id", &self.id())
                    .finish_non_exhaustive()
            }
        }
    };
}

reads!(ReadTxn);
reads!(WriteTxn);

/// What a transaction lends to one inside it. Unless the inner one is kept, also if it panics, its changes are not noted.
struct Outer<'o> {
    scratch: &'o mut Scratch,
    is_checked: &'o mut bool,
    journal: &'o mut Option<Box<Journal>>,
    /// Where the notes of the inner transaction begin.
    mark: Option<Mark>,
    is_kept: bool,
}

impl Drop for Outer<'_> {
    fn drop(&mut self) {
        match (self.mark, self.journal.as_deref_mut()) {
            _ if self.is_kept => {}
            (Some(mark), Some(journal)) => journal.undo_to(mark),
            _ => *self.journal = None,
        }
    }
}

/// A transaction inside another, which gives back what it was lent when it ends, also by a panic.
struct Child<'c, 'o> {
    txn: WriteTxn<'c>,
    outer: &'c mut Outer<'o>,
}

impl<'c, 'o> Child<'c, 'o> {
    fn new(target: &'c mut dyn Target, inner: &'c Inner, outer: &'c mut Outer<'o>) -> Self {
        let mut txn = WriteTxn::lent(target, inner);
        txn.scratch = std::mem::take(outer.scratch);
        txn.is_checked = *outer.is_checked;
        txn.journal = outer.journal.take();
        Child { txn, outer }
    }
}

impl Drop for Child<'_, '_> {
    fn drop(&mut self) {
        *self.outer.scratch = std::mem::take(&mut self.txn.scratch);
        *self.outer.is_checked = self.txn.is_checked;
        *self.outer.journal = self.txn.journal.take();
    }
}

impl WriteTxn<'_> {
    /// Adds a row.
    ///
    /// # Errors
    ///
    /// [`Error::KeyExists`] if its primary key is taken; [`Error::UniqueViolation`]; [`Error::KeyTooLong`];
    /// [`Error::Codec`] if it cannot be encoded; [`Error::NotInSchema`]; [`Error::Engine`].
    pub fn insert<R: Record>(&mut self, row: &R) -> Result<()> {
        self.statement::<R::Table>()?.insert(row)
    }

    /// Adds the row that `make` makes with the next automatic key, and returns it. For `#[key(auto)]` only.
    ///
    /// Keys count from 1. One that was given out is never given out again, also if its row is deleted, unless the
    /// transaction rolls back.
    ///
    /// # Errors
    ///
    /// [`Error::KeyChanged`] if the row has another key; [`Error::KeysUsedUp`] after the largest one; otherwise as
    /// [`insert`](WriteTxn::insert).
    pub fn insert_new<R: Record>(
        &mut self,
        make: impl FnOnce(<R::Table as Table>::Key) -> R,
    ) -> Result<R>
    where
        R::Table: AutoTable,
    {
        self.statement::<R::Table>()?.insert_new(make)
    }

    /// Adds a row, or replaces the one with its primary key. Only index entries that differ are written.
    ///
    /// # Errors
    ///
    /// [`Error::UniqueViolation`]; [`Error::KeyTooLong`]; [`Error::Codec`] if it cannot be encoded, or if there is
    /// an old row that cannot be decoded; [`Error::NotInSchema`]; [`Error::Engine`].
    pub fn put<R: Record>(&mut self, row: &R) -> Result<()> {
        self.statement::<R::Table>()?.put(row)
    }

    /// As [`put`](WriteTxn::put), and returns the row that was replaced.
    ///
    /// # Errors
    ///
    /// As [`put`](WriteTxn::put).
    pub fn replace<T: OwnedTable>(&mut self, row: &T) -> Result<Option<T>> {
        self.statement::<T>()?.replace(row)
    }

    /// Changes the row with this primary key, and returns whether there is one.
    ///
    /// # Errors
    ///
    /// [`Error::KeyChanged`] if the closure changes the primary key; otherwise as [`put`](WriteTxn::put).
    pub fn update<T: OwnedTable>(
        &mut self,
        key: KeyRef<'_, T>,
        change: impl FnOnce(&mut T),
    ) -> Result<bool> {
        self.statement::<T>()?.update(key, change)
    }

    /// Stores what `make` makes of the row with this primary key, or of `None` if there is no such row.
    ///
    /// # Errors
    ///
    /// As [`update`](WriteTxn::update).
    pub fn upsert<T: OwnedTable>(
        &mut self,
        key: KeyRef<'_, T>,
        make: impl FnOnce(Option<T>) -> T,
    ) -> Result<()> {
        self.statement::<T>()?.upsert(key, make)
    }

    /// Removes the row with this primary key, and returns whether there was one.
    ///
    /// # Errors
    ///
    /// [`Error::Codec`] or [`Error::NewerRow`] if the row cannot be read, so that its index entries are not known;
    /// [`Error::NotInSchema`]; [`Error::Engine`].
    pub fn delete<T: Table>(&mut self, key: KeyRef<'_, T>) -> Result<bool> {
        self.statement::<T>()?.delete(key)
    }

    /// Removes the row with this primary key, and returns it.
    ///
    /// # Errors
    ///
    /// As [`delete`](WriteTxn::delete).
    pub fn take<T: OwnedTable>(&mut self, key: KeyRef<'_, T>) -> Result<Option<T>> {
        self.statement::<T>()?.take(key)
    }

    /// Removes all rows of a table. The next automatic key stays what it was.
    ///
    /// # Errors
    ///
    /// [`Error::NotInSchema`] or [`Error::Engine`].
    pub fn clear<T: Table>(&mut self) -> Result<()> {
        self.statement::<T>()?.clear()
    }

    /// Removes the rows with a key in a range of an index, or of the primary key, and returns how many there were.
    ///
    /// Rows of a table without indexes go without being read. Otherwise what is read of them are the keys that they
    /// have in the indexes; successive entries of `index` go together.
    ///
    /// ```
    /// # use mdbx_typed::prelude::*;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Table, Serialize, Deserialize)] struct Session { #[key] id: u64, #[index] expires: u64 }
    /// fn purge(db: &Database, now: u64) -> mdbx_typed::Result<u64> {
    ///     db.write(|tx| tx.delete_range(session::by_expires, ..now))
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::DanglingIndex`]; otherwise as [`delete`](WriteTxn::delete). Nothing was removed then.
    pub fn delete_range<'q, I: OrderedIndex>(
        &mut self,
        index: I,
        range: impl RangeBounds<<I::Key as Key>::Ref<'q>>,
    ) -> Result<u64> {
        let _ = index;
        let range = KeyRange::between::<I::Key>(&range);
        self.statement::<I::Table>()?.delete_range::<I>(&range)
    }

    /// Removes the rows whose key in an index, or composite primary key, has these leading components, and returns how many
    /// there were: `tx.delete_prefix(item::primary, (order,))`.
    ///
    /// # Errors
    ///
    /// As [`delete_range`](WriteTxn::delete_range).
    pub fn delete_prefix<I: OrderedIndex, P: PrefixOf<I::Key>>(
        &mut self,
        index: I,
        prefix: P,
    ) -> Result<u64> {
        let _ = index;
        let range = KeyRange::prefixed(prefix);
        self.statement::<I::Table>()?.delete_range::<I>(&range)
    }

    /// Removes the rows for which `keep` returns `false`, and returns how many there were. It reads the whole table,
    /// in the order of the primary key.
    ///
    /// ```
    /// # use mdbx_typed::prelude::*;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Table, Serialize, Deserialize)] struct User { #[key] id: u64, deleted: bool }
    /// fn sweep(db: &Database) -> mdbx_typed::Result<u64> {
    ///     db.write(|tx| tx.retain::<User>(|user| !user.deleted))
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`delete`](WriteTxn::delete). Nothing was removed then.
    pub fn retain<T: Table>(&mut self, keep: impl FnMut(&T::Row<'_>) -> bool) -> Result<u64> {
        self.statement::<T>()?.retain(keep)
    }

    /// Removes the rows with a key in a range of an index, or of the primary key, and returns them one by one.
    ///
    /// A row is removed when it is asked for, so the transaction can be left with some of them:
    ///
    /// ```
    /// # use mdbx_typed::prelude::*;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Table, Serialize, Deserialize)] struct Job { #[key] id: u64, #[index] due: u64 }
    /// fn next_jobs(db: &Database, now: u64) -> mdbx_typed::Result<Vec<Job>> {
    ///     db.write(|tx| tx.drain(job::by_due, ..=now)?.take(10).collect())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotInSchema`] or [`Error::Engine`]. A row is an error as in [`take`](WriteTxn::take), or
    /// [`Error::DanglingIndex`], and is the last one then.
    pub fn drain<'q, I: OrderedIndex>(
        &mut self,
        index: I,
        range: impl RangeBounds<<I::Key as Key>::Ref<'q>>,
    ) -> Result<Drain<'_, I>>
    where
        I::Table: OwnedTable,
    {
        let _ = index;
        let range = KeyRange::between::<I::Key>(&range);
        Ok(Drain::new(self.statement::<I::Table>()?, range))
    }

    /// Adds rows that come in the order of their primary keys, and returns how many there were. It is the fastest way to
    /// fill a table.
    ///
    /// Rows behind the last one of the table are appended to its pages. Others may come between rows that are there, for
    /// the price of an [`insert`](WriteTxn::insert). Index entries are gathered in memory and written in the order of
    /// their index; when there are more than the [memory](crate::Builder::sort_memory) set aside for it holds, they are written
    /// in several such runs. What is read and encoded is one row at a time, so the rows may come from anywhere.
    ///
    /// ```
    /// # use mdbx_typed::prelude::*;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Table, Serialize, Deserialize)] struct Reading { #[key] at: u64, #[index] sensor: u16, value: i32 }
    /// # fn main() -> mdbx_typed::Result<()> {
    /// # let db = Database::in_memory(schema![Reading])?;
    /// let readings = (0..1000).map(|at| Reading { at, sensor: 7, value: 20 });
    /// let loaded = db.write(|tx| tx.load_sorted(readings))?;
    /// assert_eq!(loaded, 1000);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotSorted`] if a row is smaller than the one before; [`Error::KeyExists`] if a primary key comes twice, or
    /// is taken; [`Error::UniqueViolation`] for a row of the table or of the load; otherwise as
    /// [`insert`](WriteTxn::insert). No row of the load is there then, also if the iterator panics.
    pub fn load_sorted<R: Record>(&mut self, rows: impl IntoIterator<Item = R>) -> Result<u64> {
        let memory = self.inner.sort_memory;
        self.statement::<R::Table>()?.load_sorted(rows, memory)
    }

    /// Adds rows in any order, and returns how many there were.
    ///
    /// They are sorted in memory, with their index entries, and then stored as by [`load_sorted`](WriteTxn::load_sorted).
    /// When there is more than the [memory](crate::Builder::sort_memory) set aside for it holds, they are stored in several
    /// sorted runs.
    ///
    /// ```
    /// # use mdbx_typed::prelude::*;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Table, Serialize, Deserialize)] struct Word { #[key] text: String, #[index] len: u32 }
    /// # fn main() -> mdbx_typed::Result<()> {
    /// # let db = Database::in_memory(schema![Word])?;
    /// let words = ["pear", "fig", "apple"].map(|text| Word { text: text.into(), len: text.len() as u32 });
    /// assert_eq!(db.write(|tx| tx.load(&words))?, 3);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`load_sorted`](WriteTxn::load_sorted), but for the order.
    pub fn load<R: Record>(&mut self, rows: impl IntoIterator<Item = R>) -> Result<u64> {
        let memory = self.inner.sort_memory;
        self.statement::<R::Table>()?.load(rows, memory)
    }

    /// Runs `f` in a transaction inside this one: what it does is kept if it returns `Ok`. An error or a panic undoes all of
    /// that and nothing else, and this transaction goes on. They nest to any depth, also in a [`batch`](crate::Database::batch).
    ///
    /// ```
    /// # use mdbx_typed::prelude::*;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Table, Serialize, Deserialize)] struct Order { #[key] id: u64 }
    /// # #[derive(Table, Serialize, Deserialize)] struct Item { #[key] order: u64, #[key] number: u32 }
    /// /// Imports the orders that are sound, and returns how many were not.
    /// fn import(db: &Database, orders: &[(Order, Vec<Item>)]) -> mdbx_typed::Result<usize> {
    ///     db.write(|tx| {
    ///         let mut refused = 0;
    ///         for (order, items) in orders {
    ///             let imported = tx.nested(|tx| {
    ///                 tx.insert(order)?;
    ///                 items.iter().try_for_each(|item| tx.insert(item))
    ///             });
    ///             match imported {
    ///                 Err(error) if error.is_conflict() => refused += 1,
    ///                 result => result?,
    ///             }
    ///         }
    ///         Ok(refused)
    ///     })
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// What `f` returns, or [`Error::Engine`]: [`TxnFailed`](mdbx_core::Error::TxnFailed) among others if an error left the
    /// changes half done, those of `f`, which are undone then, or those of this transaction before.
    pub fn nested<R>(&mut self, f: impl FnOnce(&mut WriteTxn<'_>) -> Result<R>) -> Result<R> {
        self.try_nested(f)
    }

    /// As [`nested`](WriteTxn::nested), for closures with an error type of their own.
    ///
    /// # Errors
    ///
    /// As [`nested`](WriteTxn::nested).
    pub fn try_nested<R, E: From<Error>>(
        &mut self,
        f: impl FnOnce(&mut WriteTxn<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        self.refuse_if_broken()?;
        let mark = self.journal.as_deref().map(Journal::mark);
        let WriteTxn {
            core,
            inner,
            scratch,
            is_checked,
            journal,
            ..
        } = self;
        let mut outer = Outer {
            scratch,
            is_checked,
            journal,
            mark,
            is_kept: false,
        };
        let mut f = Some(f);
        let mut result = None;
        let level = core.target().level(&mut |target| {
            let Some(f) = f.take() else {
                return Outcome::Undo;
            };
            let mut child = Child::new(target, inner, &mut outer);
            let value = f(&mut child.txn).and_then(|value| {
                child.txn.refuse_if_broken()?;
                Ok(value)
            });
            let outcome = Outcome::of(&value);
            result = Some(value);
            outcome
        });
        level.map_err(Error::from)?;
        outer.is_kept = matches!(result, Some(Ok(_)));
        result.unwrap_or_else(|| Err(Error::from(core::Error::TxnFailed).into()))
    }

    /// Hands the transaction of the engine, [`mdbx_core`], to `f`, and returns what it returns: for tables of your own
    /// beside the typed ones, and for whatever the typed layer does not have. In a [`batch`](crate::Database::batch) and in
    /// a [`nested`](WriteTxn::nested) one it is that of the closure: what is done is undone with the rest of it.
    ///
    /// **Nothing that the typed layer promises is kept here**: who writes to a typed table, to one of its indexes or to
    /// the catalog answers for it that they still fit. What else the engine takes for safe stays safe;
    /// [`Database::verify`](crate::Database::verify) tells whether indexes and rows are equal. What was changed by statements
    /// is told to [subscribers](crate::Database::subscribe) when this transaction commits, also if `f` has
    /// [rolled it back](mdbx_core::WriteTxn::rollback), and only then if `f` has made it a
    /// [checkpoint](mdbx_core::WriteTxn::checkpoint).
    ///
    /// ```
    /// # use mdbx_typed::prelude::*;
    /// # #[derive(Table, serde::Serialize, serde::Deserialize)] struct User { #[key] id: u64 }
    /// use mdbx_core::TableFlags;
    ///
    /// # fn main() -> mdbx_typed::Result<()> {
    /// # let db = Database::in_memory(schema![User])?;
    /// db.write(|tx| {
    ///     tx.insert(&User { id: 1 })?;
    ///     tx.raw(|engine| -> mdbx_core::Result<()> {
    ///         let marks = engine.create_table("marks", TableFlags::empty())?;
    ///         engine.put(marks, b"imported", b"yes")
    ///     })?;
    ///     Ok(())
    /// })?;
    /// let tx = db.read()?;
    /// let marks = tx.raw().open_table("marks")?;
    /// assert_eq!(tx.raw().get(marks, b"imported")?, Some(&b"yes"[..]));
    /// # Ok(())
    /// # }
    /// ```
    pub fn raw<R>(&mut self, f: impl FnOnce(&mut core::WriteTxn<'_>) -> R) -> R {
        // The catalog may be another one afterwards.
        self.is_checked = false;
        let mut f = Some(f);
        let mut value = None;
        self.core.target().raw(&mut |txn| {
            value = f.take().map(|f| f(txn));
        });
        value.unwrap_or_else(|| unreachable!("the transaction is handed out once"))
    }

    /// Makes all changes durable and visible to transactions that begin from now on.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`]; nothing was changed then, unless the engine's error says otherwise.
    pub fn commit(mut self) -> Result<()> {
        let ticket = self.line_up()?;
        if let Writer::Own(txn) = self.core {
            txn.commit()?; // else the ticket is dropped, and says so
        }
        if let Some(ticket) = ticket {
            ticket.committed();
        }
        Ok(())
    }

    /// Drops all changes.
    pub fn abort(self) {}

    /// Writes what was changed into the logs, and puts it in line for those who listen; `None` if there is nothing to tell
    /// them.
    fn line_up(&mut self) -> Result<Option<Ticket>> {
        self.refuse_if_broken()?;
        let Some(journal) = self.journal.take() else {
            return Ok(None);
        };
        let id = self.core.id();
        for (logged, set) in journal.logs(id) {
            if let Some(log) = self.inner.log(logged.slot) {
                log.append(self.core.target(), &set, logged.rows_changed)?;
            }
        }
        Ok(self.inner.hub.line_up(&journal, id))
    }

    fn refuse_if_broken(&self) -> Result<()> {
        if self.is_broken {
            Err(Error::Engine(core::Error::TxnFailed))
        } else {
            Ok(())
        }
    }

    /// Checks that no other program has changed the tables: it would not find its indexes kept.
    fn check_schema(&mut self) -> Result<()> {
        if !self.is_checked {
            self.inner.check_schema(self.core.source())?;
            self.is_checked = true;
        }
        Ok(())
    }

    /// Has the changes of a table noted for its log.
    fn keep_log(&mut self, slot: usize, log: Log) -> Result<()> {
        let journal = self.journal.get_or_insert_default();
        journal.keep_log(slot, || log.rows_changed(self.core.source()))
    }

    /// Returns what changes the rows of a table without its type, and where that is noted.
    #[cfg(feature = "export")]
    pub(super) fn untyped(&mut self, slot: usize) -> Result<(&mut dyn Target, Noting<'_>)> {
        self.check_schema()?;
        if let Some(log) = self.inner.log(slot) {
            self.keep_log(slot, log)?;
        }
        let noting = Noting::new(self.journal.as_deref_mut(), slot);
        Ok((self.core.target(), noting))
    }

    pub(super) fn statement<T: Table>(&mut self) -> Result<Statement<'_, T>> {
        self.refuse_if_broken()?;
        let handles = self.inner.require::<T>()?;
        if let Some(reason) = &handles.read_only {
            return Err(Error::ReadOnly {
                table: T::SCHEMA.name,
                reason: reason.clone(),
            });
        }
        self.check_schema()?;
        if let Some(log) = Log::of(T::SCHEMA.name, handles) {
            self.keep_log(T::slot(), log)?;
        }
        Ok(Statement::new(
            self.core.target(),
            handles,
            &mut self.scratch,
            &mut self.is_broken,
            Noting::new(self.journal.as_deref_mut(), T::slot()),
        ))
    }
}
