//! What opening does where the file and the program differ.

/// What happens to an index that the program has and the file has not, or has with another definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnMissingIndex {
    /// It is built from the rows before the database is open.
    #[default]
    Build,
    /// The database is not opened, unless the table is empty.
    Refuse,
    /// It is left out: what reads it is an [`Error::IndexMissing`](crate::Error::IndexMissing). Rows can be read and
    /// written.
    Ignore,
}

/// What happens to an index that the file has and the program has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnExtraIndex {
    /// It is kept as it is, so the rows of its table can only be read. Their layout is left alone, too.
    #[default]
    ReadOnly,
    /// It is marked stale: rows are written without it, and a program that has it builds it anew.
    MarkStale,
    /// It is dropped.
    Drop,
}

/// What happens to a table that the file has and the program has not. It is never dropped; for that there is
/// [`Database::drop_table`](crate::Database::drop_table).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnUnknownTable {
    /// It is left alone.
    #[default]
    Keep,
    /// The database is not opened.
    Refuse,
}

/// Which changes of the stored fields are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnLayoutChange {
    /// Appended fields with `#[serde(default)]`, and what `#[table(upgrade_from = ..)]` converts.
    #[default]
    UpgradeFrom,
    /// Only appended fields with `#[serde(default)]`.
    AppendOnly,
    /// None.
    Refuse,
}

/// All of them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Policies {
    pub(super) missing_index: OnMissingIndex,
    pub(super) extra_index: OnExtraIndex,
    pub(super) unknown_table: OnUnknownTable,
    pub(super) layout_change: OnLayoutChange,
}
