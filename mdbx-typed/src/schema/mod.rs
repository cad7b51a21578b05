//! What a table is: to the compiler, to the program and to the file.
//!
//! - `record`: the traits that `#[derive(Table)]` implements.
//! - `entries`: the index keys of one row.
//! - `describe`: a table as data, and the canonical text that fingerprints are made of.
//! - `slot`: the process-wide number of a table type.
//! - `catalog`: what the file says about its tables.
//! - `diff`: where the two disagree.
//! - `handles`: the engine tables behind a table type.

pub(crate) mod catalog;
mod describe;
pub(crate) mod diff;
mod entries;
pub(crate) mod handles;
mod record;
mod slot;

pub use describe::{
    FieldSchema, IndexSchema, IndexSource, KeySchema, RowEntries, Schema, TableSchema,
};
pub use entries::IndexKeys;
pub use record::{AutoTable, FromRow, Index, KeyRef, OwnedTable, Record, Table, UniqueIndex};
pub use slot::Slot;
