//! Why a database cannot be opened, and how its tables differ from the program's.

use std::fmt;

use super::{CodecError, KeyBytes, ReadOnly};
use crate::count::Count;

/// Why a database could not be opened. The file is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The tables in the file are not those of the program.
    #[error("{0}")]
    Schema(SchemaDiff),
    /// The file can only be read, but would have to be changed first: tables or indexes have other names in it.
    #[error("the file would have to be changed, and it can only be read: {0}")]
    ReadOnly(SchemaDiff),
    /// Two structs of the schema have the same table name.
    #[error(
        "two structs are stored as table `{table}`: give one of them another #[table(name = \"..\")]"
    )]
    DuplicateTable {
        /// The name.
        table: &'static str,
    },
    /// Two structs in a chain of `upgrade_from` have the same fields, so that a stored row does not tell whose it is.
    #[error(
        "table `{table}`: two revisions of the struct have the same fields: rename one field in the newer struct"
    )]
    SameRevision {
        /// The table.
        table: &'static str,
    },
    /// A unique index cannot be built: rows of the table have the same key. No index was built.
    #[error(
        "table `{table}`: the unique index `{index}` cannot be built: the rows {first} and {second} have the same key {key}"
    )]
    BackfillConflict {
        /// The table.
        table: &'static str,
        /// The index.
        index: &'static str,
        /// The key that both rows have.
        key: KeyBytes,
        /// The primary key of a row.
        first: KeyBytes,
        /// The primary key of another row.
        second: KeyBytes,
    },
    /// An index cannot be built because a row cannot be read. No index was built.
    #[error("table `{table}`: the row {key} is unusable")]
    Row {
        /// The table.
        table: &'static str,
        /// Its primary key.
        key: KeyBytes,
        /// What the codec said.
        source: CodecError,
    },
    /// A key is too long for the page size: one of fixed size, or that of a row in an index that is built.
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

/// How the tables in a file differ from the structs of the program, and what opening does about it. Tables without a
/// difference are left out.
///
/// It prints as a list, one line for each change, and says what to do about those that are refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SchemaDiff {
    /// The tables that differ.
    pub tables: Vec<TableDiff>,
    /// The tables of the file that the program does not have. They are kept.
    pub unknown: Vec<String>,
}

impl SchemaDiff {
    /// Returns whether the file can be opened.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.tables.iter().all(|table| table.changes.is_empty())
    }

    /// Returns whether opening would change nothing and leave nothing out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }
}

/// How one table differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDiff {
    /// The stored name.
    pub table: String,
    /// The differences that are refused, fields first.
    pub changes: Vec<Change>,
    /// What opening does about the others.
    pub steps: Vec<Step>,
}

/// What opening does to make the tables of a file those of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// The table is created.
    CreateTable,
    /// The table is renamed.
    RenameTable {
        /// Its name in the file.
        from: String,
    },
    /// Names of fields are written anew.
    RenameFields,
    /// The rows get a new revision, with fields that older rows have at their default.
    AppendFields {
        /// The number of the new revision.
        revision: u32,
        /// The names of the fields.
        fields: Vec<String>,
    },
    /// The rows get a new revision, in which enums have variants that older rows do not know.
    AppendVariants {
        /// The number of the new revision.
        revision: u32,
        /// The names of the fields.
        fields: Vec<String>,
    },
    /// The rows get a new revision; older ones are converted when they are read.
    Upgrade {
        /// The number of the new revision.
        revision: u32,
    },
    /// An index is renamed.
    RenameIndex {
        /// Its name in the file.
        from: String,
        /// Its name in the program.
        index: String,
    },
    /// An index is built from the rows.
    BuildIndex {
        /// Its name.
        index: String,
        /// How many rows there are.
        rows: u64,
        /// Why, where the file has an index of this name.
        why: Rebuild,
    },
    /// An index that the program has is left out: it cannot be read.
    IgnoreIndex {
        /// Its name.
        index: String,
    },
    /// An index that the program does not have is dropped.
    DropIndex {
        /// Its name.
        index: String,
    },
    /// An index that the program does not have is left as it is, for a later program to build anew.
    MarkStale {
        /// Its name.
        index: String,
    },
    /// The table keeps a log of its changes from now on.
    StartLog,
    /// The rows can be read only.
    ReadOnly {
        /// Why.
        reason: ReadOnly,
    },
}

/// Why an index is built.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rebuild {
    /// The file does not have it.
    New,
    /// It is defined differently.
    Changed {
        /// Its definition in the file.
        stored: String,
        /// Its definition in the program.
        now: String,
    },
    /// Rows were written by a program that does not have it.
    Stale,
    /// The rows are converted by `upgrade_from`, which may give them other keys.
    Upgraded,
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
    /// There may be rows of an old revision that the program has no struct for.
    RevisionForgotten {
        /// The number of the revision.
        revision: u32,
        /// The names of its fields.
        fields: Vec<String>,
    },
    /// The file has a table that the program does not have, and it was told to refuse that.
    UnknownTable,
    /// The struct has an index that the file does not have, and it is not to be built.
    IndexAdded {
        /// Its name.
        index: String,
    },
    /// The index is defined differently, and it is not to be built anew.
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
        f.write_str(match (self.is_accepted(), self.is_empty()) {
            (false, _) => "the tables in the file are not those of this program",
            (true, false) => "opening makes the tables in the file those of this program",
            (true, true) => "the tables in the file are those of this program",
        })?;
        for table in &self.tables {
            write!(f, "\ntable `{}`:", table.table)?;
            for change in &table.changes {
                write!(f, "\n  {change}")?;
            }
            // One change that is refused, and nothing is done.
            for step in table.steps.iter().filter(|_| self.is_accepted()) {
                write!(f, "\n  {step}")?;
            }
        }
        for table in &self.unknown {
            write!(f, "\ntable `{table}` is not in this program: it is kept")?;
        }
        let mut helps: Vec<&str> = Vec::new();
        for change in self.tables.iter().flat_map(|table| &table.changes) {
            if !helps.contains(&change.help()) {
                helps.push(change.help());
            }
        }
        helps
            .iter()
            .try_for_each(|help| write!(f, "\nhelp: {help}"))
    }
}

impl Change {
    /// Returns what to do about it.
    fn help(&self) -> &'static str {
        match self {
            Change::Uncatalogued { .. } => {
                "store the rows under another name with #[table(name = \"..\")]"
            }
            Change::Codec { .. } => {
                "write the stored codec with #[table(codec = ..)], or keep the old struct with it and write \
                 #[table(upgrade_from = OldStruct)] above the new one"
            }
            Change::Key { .. } => {
                "rows are stored by their key: copy them to a table with another #[table(name = \"..\")]"
            }
            Change::FieldAdded { .. } => {
                "append new fields at the end, with #[serde(default)], or keep the old struct and write \
                 #[table(upgrade_from = OldStruct)]"
            }
            Change::FieldRemoved { .. }
            | Change::FieldRetyped { .. }
            | Change::FieldsReordered { .. } => {
                "keep the struct the rows were written with and write #[table(upgrade_from = OldStruct)] above the new one; \
                 a field that was renamed says #[field(was = \"..\")]"
            }
            Change::RevisionForgotten { .. } => {
                "call `migrate` with a program that has the struct for it, which leaves no such rows"
            }
            Change::UnknownTable => "open it with `OnUnknownTable::Keep`",
            Change::IndexAdded { .. } | Change::IndexChanged { .. } => {
                "open it with `OnMissingIndex::Build`"
            }
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::CreateTable => f.write_str("it is created"),
            Step::RenameTable { from } => write!(f, "it was `{from}` and is renamed"),
            Step::RenameFields => f.write_str("the new names of its fields are noted"),
            Step::AppendFields { revision, fields } => write!(
                f,
                "revision {revision}: {} appended, and older rows have the default",
                fields.join(", ")
            ),
            Step::AppendVariants { revision, fields } => {
                write!(
                    f,
                    "revision {revision}: more variants of {}",
                    fields.join(", ")
                )
            }
            Step::Upgrade { revision } => write!(
                f,
                "revision {revision}: older rows are converted when they are read"
            ),
            Step::RenameIndex { from, index } => {
                write!(f, "index `{index}` was `{from}` and is renamed")
            }
            Step::BuildIndex { index, rows: 0, .. } => write!(f, "index `{index}` is created"),
            Step::BuildIndex { index, rows, why } => {
                let rows = Count::rows(*rows);
                write!(f, "index `{index}` is built from {rows}{why}")
            }
            Step::IgnoreIndex { index } => write!(f, "index `{index}` is left out"),
            Step::DropIndex { index } => {
                write!(f, "index `{index}` is not in this program: it is dropped")
            }
            Step::MarkStale { index } => write!(
                f,
                "index `{index}` is not in this program: it is marked stale"
            ),
            Step::StartLog => f.write_str("its changes are logged from now on"),
            Step::ReadOnly { reason } => write!(f, "it is opened for reading only: {reason}"),
        }
    }
}

impl fmt::Display for Rebuild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rebuild::New => Ok(()),
            Rebuild::Changed { stored, now } => write!(f, ": it was `{stored}`, now it is `{now}`"),
            Rebuild::Stale => f.write_str(": rows were written without it"),
            Rebuild::Upgraded => f.write_str(": the rows are converted"),
        }
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
            Change::RevisionForgotten { revision, fields } => {
                write!(
                    f,
                    "no struct is known for rows of revision {revision}: {}",
                    fields.join(", ")
                )
            }
            Change::UnknownTable => f.write_str("it is not in this program"),
            Change::IndexAdded { index } => {
                write!(
                    f,
                    "index `{index}` is new, and the table has rows that are not in it"
                )
            }
            Change::IndexChanged { index, stored, now } => {
                write!(f, "index `{index}` was `{stored}`, now it is `{now}`")
            }
        }
    }
}
