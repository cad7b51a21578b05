//! Why a database cannot be opened, and how its tables differ from the program's.

use std::fmt;

/// Why a database could not be opened. The file is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The tables in the file are not those of the program.
    #[error("{0}")]
    Schema(SchemaDiff),
    /// Two structs of the schema have the same table name.
    #[error(
        "two structs are stored as table `{table}`: give one of them another #[table(name = \"..\")]"
    )]
    DuplicateTable {
        /// The name.
        table: &'static str,
    },
    /// A key of fixed size is too long for the page size.
    #[error("table `{table}`: {} is {len} bytes, at most {max} fit", super::key_name(*.index))]
    KeyTooLong {
        /// The table.
        table: &'static str,
        /// The index; `None` for the primary key.
        index: Option<&'static str>,
        /// Its length, in bytes.
        len: usize,
        /// The longest that fits, in bytes.
        max: usize,
    },
    /// An entry of the catalog cannot be read.
    #[error("the catalog entry of `{name}` is unreadable: {reason}")]
    Catalog {
        /// The table or index.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] mdbx_core::Error),
}

/// How the tables in a file differ from the structs of the program. Tables without a difference are left out.
///
/// It prints as a list, one line for each change, and says what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SchemaDiff {
    /// The tables that differ.
    pub tables: Vec<TableDiff>,
}

/// How one table differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDiff {
    /// The stored name.
    pub table: String,
    /// The differences, fields first.
    pub changes: Vec<Change>,
}

/// One difference between a stored table and its struct. Shapes are given as the catalog spells them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// The file has a table of this name, but the typed layer did not create it.
    Uncatalogued {
        /// The engine table: the table itself or one of its indexes.
        name: String,
    },
    /// The primary key is another one.
    Key {
        /// Its fields and shape in the file.
        stored: String,
        /// Its fields and shape in the program.
        now: String,
    },
    /// The rows were written with another codec.
    Codec {
        /// The codec in the file.
        stored: String,
        /// The codec of the program.
        now: String,
    },
    /// The struct has a field that the stored rows do not have.
    FieldAdded {
        /// Its name.
        field: String,
        /// Its shape.
        shape: String,
    },
    /// The stored rows have a field that the struct does not have.
    FieldRemoved {
        /// Its name.
        field: String,
        /// Its shape.
        shape: String,
    },
    /// A field has another type.
    FieldRetyped {
        /// Its name.
        field: String,
        /// Its shape in the file.
        stored: String,
        /// Its shape in the program.
        now: String,
    },
    /// The fields stand in another order; rows store them by position.
    FieldsReordered {
        /// The order in the file.
        stored: Vec<String>,
        /// The order in the program.
        now: Vec<String>,
    },
    /// The struct has an index that the file does not have, and there are rows it would have to be built from.
    IndexAdded {
        /// Its name.
        index: String,
    },
    /// The file has an index that the struct does not have: writing rows would leave it stale.
    IndexRemoved {
        /// Its name.
        index: String,
    },
    /// The index is defined differently.
    IndexChanged {
        /// Its name.
        index: String,
        /// Its definition in the file.
        stored: String,
        /// Its definition in the program.
        now: String,
    },
}

impl fmt::Display for SchemaDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the tables in the file are not those of this program")?;
        for table in &self.tables {
            write!(f, "\ntable `{}`:", table.table)?;
            for change in &table.changes {
                write!(f, "\n  {change}")?;
            }
        }
        f.write_str(
            "\nhelp: give the struct the stored fields and indexes again, or store the new rows under another name \
             with #[table(name = \"..\")] and copy them over",
        )
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Uncatalogued { name } => {
                write!(
                    f,
                    "the file has a table `{name}` that was not created by the typed layer"
                )
            }
            Change::Key { stored, now } => {
                write!(f, "the primary key was `{stored}`, now it is `{now}`")
            }
            Change::Codec { stored, now } => {
                write!(f, "the codec was `{stored}`, now it is `{now}`")
            }
            Change::FieldAdded { field, shape } => write!(f, "field `{field}` is new: `{shape}`"),
            Change::FieldRemoved { field, shape } => {
                write!(f, "field `{field}` is gone: it was `{shape}`")
            }
            Change::FieldRetyped { field, stored, now } => {
                write!(f, "field `{field}` was `{stored}`, now it is `{now}`")
            }
            Change::FieldsReordered { stored, now } => {
                write!(
                    f,
                    "the order of fields was {}; now it is {}",
                    stored.join(", "),
                    now.join(", ")
                )
            }
            Change::IndexAdded { index } => {
                write!(
                    f,
                    "index `{index}` is new, and the table has rows that are not in it"
                )
            }
            Change::IndexRemoved { index } => {
                write!(
                    f,
                    "index `{index}` is gone: writing rows without it would leave the stored one stale"
                )
            }
            Change::IndexChanged { index, stored, now } => {
                write!(f, "index `{index}` was `{stored}`, now it is `{now}`")
            }
        }
    }
}
