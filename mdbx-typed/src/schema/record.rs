//! The traits that `#[derive(Table)]` implements.
//!
//! `Table` and `Record` are two traits because a borrowing row has many types: `Event<'static>` is the table,
//! `Event<'a>` for any `'a` is a record of it. `insert(&row)` goes from the record to its table.

use super::{IndexKeys, TableSchema};
use crate::error::{CodecError, Error};
use crate::key::{AutoKey, Key, KeyBuf, Place};

/// What callers pass as the primary key of `T`.
pub type KeyRef<'a, T> = <<T as Table>::Key as Key>::Ref<'a>;

/// A struct whose values are rows of one table. Implemented by `#[derive(Table)]`.
///
/// For a struct that borrows, `Self` is the struct with its lifetime set to `'static`; write `get::<Event>(7)` and
/// let the compiler fill it in.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a table",
    label = "not a table",
    note = "add `#[derive(Table)]` to the struct"
)]
pub trait Table: 'static {
    /// The kind of its primary key.
    type Key: Key;
    /// A row seen in a transaction that is borrowed for `'t`: the struct itself, or `Event<'t>`.
    type Row<'t>: FromRow<'t> + Record<Table = Self>;
    /// The table as data.
    const SCHEMA: &'static TableSchema;

    /// Returns the number of this table type in this process.
    #[doc(hidden)]
    fn slot() -> usize;

    /// Adds the index keys of the row that `bytes` are, without its revision; `None` for one of this struct.
    #[doc(hidden)]
    fn stored_index_keys(
        bytes: &[u8],
        origin: Option<Origin>,
        keys: &mut IndexKeys,
    ) -> Result<(), CodecError> {
        row_of::<Self>(bytes, origin)?.index_keys(keys);
        Ok(())
    }

    /// Appends to `out` what the row that `bytes` are would be stored as now, and puts its primary key into `key`.
    #[doc(hidden)]
    fn rewrite(
        bytes: &[u8],
        origin: Option<Origin>,
        key: &mut KeyBuf,
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        let row = row_of::<Self>(bytes, origin)?;
        Self::Key::encode(row.key(), Place::Last, key);
        row.encode_row(out)
    }
}

/// A value that can be stored. Implemented by `#[derive(Table)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a stored record",
    label = "not a row of a table",
    note = "add `#[derive(Table)]` to the struct"
)]
pub trait Record {
    /// The table it belongs to.
    type Table: Table;

    /// Returns its primary key.
    fn key(&self) -> KeyRef<'_, Self::Table>;

    /// Appends the bytes of the row to `out`.
    ///
    /// # Errors
    ///
    /// [`CodecError`] when the value cannot be stored.
    fn encode_row(&self, out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// Adds its key in each index to `keys`.
    fn index_keys(&self, keys: &mut IndexKeys);
}

impl<R: Record> Record for &R {
    type Table = R::Table;

    fn key(&self) -> KeyRef<'_, Self::Table> {
        (**self).key()
    }

    fn encode_row(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        (**self).encode_row(out)
    }

    fn index_keys(&self, keys: &mut IndexKeys) {
        (**self).index_keys(keys);
    }
}

/// A value that is made from the bytes of a stored row, and may borrow them. Implemented by `#[derive(Table)]` and
/// `#[derive(View)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not made from stored rows",
    label = "neither a row nor a view",
    note = "add `#[derive(Table)]` to the struct"
)]
pub trait FromRow<'t>: Sized {
    /// Returns the row that `bytes` are, all of them.
    ///
    /// # Errors
    ///
    /// [`CodecError`] when they are no such row.
    fn from_row(bytes: &'t [u8]) -> Result<Self, CodecError>;

    /// Returns the row that `bytes` are, which was written before the struct was what it is now.
    ///
    /// # Errors
    ///
    /// [`CodecError`] when they are no such row, or when there is no such struct.
    fn from_older(bytes: &'t [u8], origin: Origin) -> Result<Self, CodecError> {
        let _ = (bytes, origin);
        Err(too_old())
    }
}

/// Which struct wrote a stored row that is not of the newest revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// How many steps of `#[table(upgrade_from = ..)]` back it is, 0 being the struct that is asked.
    pub generation: usize,
    /// How many stored fields it had then. Those that were appended since are at their `#[serde(default)]`.
    pub fields: usize,
}

impl Origin {
    /// Returns the same struct as seen from the one before; `None` if it is this one.
    #[must_use]
    pub fn before(self) -> Option<Origin> {
        let generation = self.generation.checked_sub(1)?;
        Some(Origin { generation, ..self })
    }
}

/// Returns the error that says a row was written by a struct that this one is not made from.
#[doc(hidden)]
#[cold]
#[must_use]
pub fn too_old() -> CodecError {
    CodecError::decode(
        "the program",
        "it was written by an older struct, which this one cannot be made from",
    )
}

/// Returns the row that `bytes` are.
fn row_of<T: Table + ?Sized>(
    bytes: &[u8],
    origin: Option<Origin>,
) -> Result<T::Row<'_>, CodecError> {
    match origin {
        None => T::Row::from_row(bytes),
        Some(origin) => T::Row::from_older(bytes, origin),
    }
}

/// A table whose rows do not borrow, so that they can be read, changed and written back.
#[diagnostic::on_unimplemented(
    message = "rows of `{Self}` borrow from the transaction",
    label = "a row that borrows cannot be held across a write",
    note = "read the row with `get`, copy what you need of it, and write a new one with `put`"
)]
pub trait OwnedTable: for<'t> Table<Row<'t> = Self> + Record<Table = Self> {}

/// A table with `#[key(auto)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no automatic key",
    label = "its key is not `#[key(auto)]`",
    note = "write `#[key(auto)]` at the key field, or use `insert`"
)]
pub trait AutoTable: Table<Key: AutoKey> {}

/// A table that keeps a log of its changes: `#[table(log)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` keeps no log of its changes",
    label = "not a table with `#[table(log)]`",
    note = "add `#[table(log)]` to the struct; changes from then on are kept, until `trim_log` removes them",
    note = "to hear of changes in this process subscribe to them: `db.subscribe::<{Self}>()`"
)]
pub trait LoggedTable: Table {}

/// One index of a table, as a marker value: `user::by_email`, or `user::primary` for the primary key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an index",
    note = "indexes are the items of the module that `#[derive(Table)]` generates, such as `user::by_email`"
)]
pub trait Index: Copy + 'static {
    /// The table.
    type Table: Table;
    /// The kind of its key.
    type Key: Key;
    /// Its position among the table's indexes; `None` for the primary key.
    const POSITION: Option<usize>;
    /// Its name; `primary` for the primary key.
    const NAME: &'static str;
}

/// An index whose entries are in the order of its keys: every index but those with `#[index(hash)]`.
#[diagnostic::on_unimplemented(
    message = "a range needs an index in order, and `{Self}` is not known to be one",
    label = "a hash index finds equal keys only",
    note = "of an index with `hash` ask for one key with `eq`; in generic code ask for an `OrderedIndex`"
)]
pub trait OrderedIndex: Index {}

/// An index with at most one row for each key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a unique index",
    label = "more than one row may have this key",
    note = "read all rows of a key with `tx.by(index).eq(key).rows()`, or make the index `#[index(unique)]`"
)]
pub trait UniqueIndex: Index {}

impl Error {
    /// Returns the primary key of the row in the way, if this is a [`UniqueViolation`](Error::UniqueViolation) in
    /// `T`.
    #[must_use]
    pub fn existing_as<T: Table>(&self) -> Option<<T::Key as Key>::Owned> {
        match self {
            Error::UniqueViolation {
                table, existing, ..
            } if *table == T::SCHEMA.name => {
                existing.decode::<T::Key>().ok().map(T::Key::into_owned)
            }
            _ => None,
        }
    }
}
