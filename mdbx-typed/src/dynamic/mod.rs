//! Tables without their structs: what a program sees that has a file and nothing else.
//!
//! The catalog of a file has the names and shapes of all fields, so rows can be read by those alone.
//!
//! - `value`: a value without its type, and the text it prints as.
//! - `form`: shapes, read back from the texts of the catalog.
//! - `coding`: what the byte formats of rows have not in common.
//! - `stored`: stored values to `Value`s and back.
//! - `keys`: the same for keys.
//! - `fault`: what is wrong with a value, and where.
//! - `fit`: values as somebody wrote them, made those of a field.
//! - `info`: what the catalog says about a table.
//! - `row`: a row read by the fields of its revision.
//! - `table`: a table, and queries of it.
//!
//! With the feature `export`:
//!
//! - `json`: JSON text to values; `value` does the opposite.
//! - `ser`, `de`: values as a format of serde.
//! - `typed`: rows of a struct as named values.
//! - `flat`: values as the fields of a CSV file.
//! - `encode`: values to stored values, the opposite of `stored`.
//! - `dump`: the lines of a dump.
//! - `restore`: rows of a dump, stored.

mod coding;
#[cfg(feature = "export")]
mod de;
#[cfg(feature = "export")]
pub(crate) mod dump;
#[cfg(feature = "export")]
mod encode;
pub(crate) mod fault;
mod fit;
#[cfg(feature = "export")]
pub(crate) mod flat;
mod form;
mod info;
#[cfg(feature = "export")]
mod json;
mod keys;
#[cfg(feature = "export")]
pub(crate) mod restore;
mod row;
#[cfg(feature = "export")]
mod ser;
mod stored;
pub(crate) mod table;
#[cfg(feature = "export")]
pub(crate) mod typed;
mod value;

pub use info::{FieldInfo, IndexInfo, RevisionInfo, TableInfo};
#[cfg(feature = "export")]
pub use json::ParseValueError;
pub use row::DynamicRow;
pub use table::{DynamicEntries, DynamicQuery, DynamicRows, DynamicTable};
pub use value::Value;
