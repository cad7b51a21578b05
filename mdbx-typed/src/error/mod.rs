//! What can go wrong, with the table and the index it concerns.

mod open;

pub use open::{Change, OpenError, Rebuild, SchemaDiff, Step, TableDiff};

use std::fmt;

/// The result of a typed call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed. A failed call changed nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// `insert`, `load`: a row with this primary key is there already.
    #[error("table `{table}`: a row with this primary key exists already")]
    KeyExists {
        /// The table.
        table: &'static str,
    },
    /// `load_sorted`: a row has a smaller primary key than the one before it.
    #[error("table `{table}`: row {row} of the load comes before the one it follows: use `load`")]
    NotSorted {
        /// The table.
        table: &'static str,
        /// Which of the rows that were to be loaded, from 0.
        row: u64,
    },
    /// Another row has the same key in a unique index.
    #[error("table `{table}`: another row has the same key in the unique index `{index}`")]
    UniqueViolation {
        /// The table.
        table: &'static str,
        /// The index.
        index: &'static str,
        /// The primary key of the other row.
        existing: KeyBytes,
    },
    /// A primary key or an index key is too long for the page size.
    #[error("table `{table}`: {} is {len} bytes, at most {max} fit", key_name(*.index))]
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
    /// `one`: more than one entry matches.
    #[error("table `{table}`: more than one entry of `{index}` matches")]
    NotOne {
        /// The table.
        table: &'static str,
        /// The index; `primary` for the primary key.
        index: &'static str,
    },
    /// The closure of `update`, `upsert` or `insert_new` returned a row with another primary key than it was given.
    #[error(
        "table `{table}`: the closure changed the primary key; delete the row and insert another"
    )]
    KeyChanged {
        /// The table.
        table: &'static str,
    },
    /// `insert_new`: the largest key the type can hold is taken.
    #[error("table `{table}`: no automatic key is left")]
    KeysUsedUp {
        /// The table.
        table: &'static str,
    },
    /// A row could not be turned into bytes, or its bytes are not a row.
    #[error("table `{table}`: the row {key} is unusable")]
    Codec {
        /// The table.
        table: &'static str,
        /// Its primary key.
        key: KeyBytes,
        /// What the codec said.
        source: CodecError,
    },
    /// The stored bytes of a key are not a key.
    #[error("table `{table}`: `{index}` holds a malformed key")]
    Key {
        /// The table.
        table: &'static str,
        /// The index; `primary` for the primary key.
        index: &'static str,
        /// What is wrong with it.
        source: KeyError,
    },
    /// An index entry leads to a row that does not exist: something wrote past the typed layer, or the file is damaged.
    #[error("table `{table}`: an entry of `{index}` leads to the missing row {key}")]
    DanglingIndex {
        /// The table.
        table: &'static str,
        /// The index.
        index: &'static str,
        /// The primary key it leads to.
        key: KeyBytes,
    },
    /// The row was written by a program with a newer revision of the struct.
    #[error("table `{table}`: a row has revision {rev}, this program knows up to {known}")]
    NewerRow {
        /// The table.
        table: &'static str,
        /// The revision of the row.
        rev: u32,
        /// The newest revision the program knows.
        known: u32,
    },
    /// The rows of the table cannot be changed by this program.
    #[error("table `{table}` can only be read: {reason}")]
    ReadOnly {
        /// The table.
        table: &'static str,
        /// Why.
        reason: ReadOnly,
    },
    /// The database was opened without this index, because the file does not have it.
    #[error("table `{table}`: the file does not have the index `{index}`, and it was not built")]
    IndexMissing {
        /// The table.
        table: &'static str,
        /// The index.
        index: &'static str,
    },
    /// Another program has changed the tables of the file since it was opened. Open it again.
    #[error("the tables were changed by another program: open the database again")]
    SchemaChanged,
    /// A table or an index that is to be dropped belongs to the program.
    #[error("`{table}` is in use: only what is not in the schema can be dropped")]
    InUse {
        /// The table, or the index as `table.index`.
        table: String,
    },
    /// The page token belongs to another index, another direction or an older schema.
    #[error("table `{table}`: the page token does not belong to this query of `{index}`")]
    BadToken {
        /// The table.
        table: &'static str,
        /// The index; `primary` for the primary key.
        index: &'static str,
    },
    /// The log of a table does not have the changes that were asked for: they were trimmed, or made before there was a log or by
    /// a program that keeps none, or the file has not come to that transaction yet. Read the table anew, and ask with the
    /// [`id`](crate::ReadTxn::id) of that snapshot.
    #[error(
        "table `{table}`: the log has the changes after transaction {start}, not all after {since}"
    )]
    NotInLog {
        /// The table.
        table: &'static str,
        /// The transaction whose later changes were asked for.
        since: mdbx_core::Txnid,
        /// The transaction whose later changes there are.
        start: mdbx_core::Txnid,
    },
    /// The database was opened without this table: it is not in the schema, or not in a file that is only read.
    #[error(
        "table `{table}` is not in the schema the database was opened with, or not in a file that is only read"
    )]
    NotInSchema {
        /// The table.
        table: &'static str,
    },
    /// The file has no table of this name.
    #[error("the file has no table `{table}`")]
    NoSuchTable {
        /// The name.
        table: String,
    },
    /// The table has no index of this name, or one that rows were written without.
    #[error("table `{table}`: the file has no index `{index}` that is up to date")]
    NoSuchIndex {
        /// The table.
        table: String,
        /// The name.
        index: String,
    },
    /// A value is no key of this table or index.
    #[error("table `{table}`: no key of `{index}`: {reason}")]
    NotAKey {
        /// The table.
        table: String,
        /// The index; `primary` for the primary key.
        index: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The stored bytes of a row or of an index entry are not what the catalog says of them.
    #[error("table `{table}`: the row {key} is unreadable: {reason}")]
    Unreadable {
        /// The table.
        table: String,
        /// The primary key, or the key of an index entry.
        key: KeyBytes,
        /// Which field, and what is wrong with it.
        reason: String,
    },
    /// What was read for import is no row. Nothing of its transaction was stored.
    #[error("line {line}{}: {reason}", field_name(.field.as_deref()))]
    Import {
        /// The line, counting from 1.
        line: u64,
        /// The field, as a path: `address.street`.
        field: Option<String>,
        /// What is wrong with it.
        reason: String,
    },
    /// A row that was read for import cannot be stored. Nothing of its transaction was stored.
    #[error("line {line}: the row cannot be stored")]
    ImportRow {
        /// The line, counting from 1.
        line: u64,
        /// Why.
        source: Box<Error>,
    },
    /// A row cannot be exported in this form.
    #[error("table `{table}`: the row {key} cannot be exported{}: {reason}", field_name(.field.as_deref()))]
    Export {
        /// The table.
        table: String,
        /// The primary key of the row.
        key: KeyBytes,
        /// The field.
        field: Option<String>,
        /// Why.
        reason: String,
    },
    /// Reading what is imported, or writing what is exported, failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The database could not be opened.
    #[error(transparent)]
    Open(Box<OpenError>),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] mdbx_core::Error),
}

/// Why the rows of a table can only be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadOnly {
    /// A newer program has changed the layout of the rows.
    NewerRevision {
        /// The newest revision.
        revision: u32,
        /// The newest one that this program knows.
        known: u32,
    },
    /// The file has indexes that the program does not have: writing rows would leave them stale.
    ExtraIndexes {
        /// Their names.
        indexes: Vec<String>,
    },
    /// An index of the file is defined differently, and was not built anew.
    ChangedIndex {
        /// Its name.
        index: String,
    },
}

impl fmt::Display for ReadOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadOnly::NewerRevision { revision, known } => write!(
                f,
                "its rows have revision {revision}, this program knows up to {known}"
            ),
            ReadOnly::ExtraIndexes { indexes } => write!(
                f,
                "this program does not have the index `{}`, which would become stale",
                indexes.join("`, `")
            ),
            ReadOnly::ChangedIndex { index } => {
                write!(f, "the index `{index}` is another one in the file")
            }
        }
    }
}

/// Returns what [`Error::KeyTooLong`] calls the key.
fn key_name(index: Option<&str>) -> String {
    index.map_or_else(
        || "the primary key".to_owned(),
        |index| format!("the key in index `{index}`"),
    )
}

/// Returns what [`Error::Import`] and [`Error::Export`] say of the field.
fn field_name(field: Option<&str>) -> String {
    field.map_or_else(String::new, |field| format!(", field `{field}`"))
}

impl Error {
    /// Returns whether another row is in the way, so that the same call can succeed with other values.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        match self {
            Error::ImportRow { source, .. } => source.is_conflict(),
            Error::KeyExists { .. } | Error::UniqueViolation { .. } => true,
            _ => false,
        }
    }

    /// Returns whether the file contradicts itself.
    #[must_use]
    pub fn is_corruption(&self) -> bool {
        match self {
            Error::Codec { source, .. } => source.action == Action::Decode,
            Error::Key { .. } | Error::DanglingIndex { .. } | Error::Unreadable { .. } => true,
            Error::Engine(error) => error.is_corruption(),
            _ => false,
        }
    }
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        Error::Open(Box::new(error))
    }
}

/// The stored bytes of a key. They print as hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct KeyBytes(Box<[u8]>);

impl KeyBytes {
    /// Returns the bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for KeyBytes {
    fn from(bytes: &[u8]) -> Self {
        KeyBytes(bytes.into())
    }
}

impl fmt::Display for KeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Bytes that are not a key of the expected kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed {kind}")]
pub struct KeyError {
    kind: &'static str,
}

impl KeyError {
    /// Returns the error that says the bytes are no `kind`.
    #[must_use]
    pub const fn malformed(kind: &'static str) -> Self {
        KeyError { kind }
    }
}

/// A codec's complaint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{codec} cannot {} it: {message}", action.name())]
pub struct CodecError {
    codec: &'static str,
    action: Action,
    message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Encode,
    Decode,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Action::Encode => "encode",
            Action::Decode => "decode",
        }
    }
}

impl CodecError {
    /// Returns the error that says `codec` could not turn a value into bytes.
    pub fn encode(codec: &'static str, message: impl fmt::Display) -> Self {
        CodecError {
            codec,
            action: Action::Encode,
            message: message.to_string(),
        }
    }

    /// Returns the error that says `codec` could not turn bytes into a value.
    pub fn decode(codec: &'static str, message: impl fmt::Display) -> Self {
        CodecError {
            codec,
            action: Action::Decode,
            message: message.to_string(),
        }
    }
}
