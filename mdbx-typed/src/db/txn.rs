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
use crate::dynamic::{self, DynamicTable, TableInfo};
use crate::error::{Error, Result};
use crate::key::{self, Key, KeyRange};
use crate::query::{Query, RowOf};
use crate::schema::handles::{Source, Target};
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
pub struct WriteTxn<'db> {
    core: Writer<'db>,
    inner: &'db Inner,
    scratch: Scratch,
    /// Set when a statement failed and could not be undone.
    is_broken: bool,
    /// Set when the tables were found to be those the database was opened with.
    is_checked: bool,
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
    pub(super) fn lent(core: &'db mut core::WriteTxn<'_>, inner: &'db Inner) -> Self {
        WriteTxn::with(Writer::Lent(core), inner)
    }

    fn with(core: Writer<'db>, inner: &'db Inner) -> Self {
        WriteTxn {
            core,
            inner,
            scratch: Scratch::default(),
            is_broken: false,
            is_checked: false,
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
                    .field("id", &self.core.id())
                    .finish_non_exhaustive()
            }
        }
    };
}

reads!(ReadTxn);
reads!(WriteTxn);

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

    /// Makes all changes durable and visible to transactions that begin from now on.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`]; nothing was changed then, unless the engine's error says otherwise.
    pub fn commit(self) -> Result<()> {
        self.refuse_if_broken()?;
        if let Writer::Own(txn) = self.core {
            txn.commit()?;
        }
        Ok(())
    }

    /// Drops all changes.
    pub fn abort(self) {}

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

    fn statement<T: Table>(&mut self) -> Result<Statement<'_, T>> {
        self.refuse_if_broken()?;
        let handles = self.inner.require::<T>()?;
        if let Some(reason) = &handles.read_only {
            return Err(Error::ReadOnly {
                table: T::SCHEMA.name,
                reason: reason.clone(),
            });
        }
        self.check_schema()?;
        Ok(Statement::new(
            self.core.target(),
            handles,
            &mut self.scratch,
            &mut self.is_broken,
        ))
    }
}
