//! What a table is: to the compiler, to the program and to the file.
//!
//! - `record`: the traits that `#[derive(Table)]` implements.
//! - `entries`: the index keys of one row.
//! - `describe`: a table as data, and the canonical text that fingerprints are made of.
//! - `slot`: the process-wide number of a table type.
//! - `view`: the leading fields of a row.
//! - `row`: a stored row, with its revision.
//! - `catalog`: what the file says about its tables.
//! - `layout`: which struct wrote which rows.
//! - `rename`: what the file calls by another name.
//! - `diff`: where the two disagree.
//! - `handles`: the engine tables behind a table type.

pub(crate) mod catalog;
mod describe;
pub(crate) mod diff;
mod entries;
pub(crate) mod handles;
pub(crate) mod layout;
mod record;
pub(crate) mod rename;
pub(crate) mod row;
mod slot;
pub(crate) mod view;

pub use describe::{
    FieldSchema, IndexSchema, IndexSource, KeySchema, RowEntries, Schema, TableSchema,
};
pub(crate) use describe::{Names, fingerprint};
pub use entries::IndexKeys;
pub use record::{
    AutoTable, FromRow, Index, KeyRef, LoggedTable, OrderedIndex, Origin, OwnedTable, Record,
    Table, UniqueIndex, too_old,
};
pub use slot::Slot;
pub use view::{EncodedTable, ViewOf};
