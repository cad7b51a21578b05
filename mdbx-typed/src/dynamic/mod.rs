//! Tables without their structs: what a program sees that has a file and nothing else.
//!
//! The catalog of a file has the names and shapes of all fields, so rows can be read by those alone.
//!
//! - `value`: a value without its type, and the text it prints as.
//! - `form`: shapes, read back from the texts of the catalog.
//! - `coding`: what the byte formats of rows have not in common.
//! - `stored`: stored values to `Value`s and back.
//! - `keys`: the same for keys.
//! - `fit`: values as somebody wrote them, made those of a field.
//! - `info`: what the catalog says about a table.
//! - `row`: a row read by the fields of its revision.
//! - `table`: a table, and queries of it.

mod coding;
mod fit;
mod form;
mod info;
mod keys;
mod row;
mod stored;
pub(crate) mod table;
mod value;

pub use info::{FieldInfo, IndexInfo, RevisionInfo, TableInfo};
pub use row::DynamicRow;
pub use table::{DynamicEntries, DynamicQuery, DynamicRows, DynamicTable};
pub use value::Value;
