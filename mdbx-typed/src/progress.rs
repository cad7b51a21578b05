//! How far a long task has come.

/// How far a task over the rows of the tables has come: building indexes, [`Database::migrate_with`],
/// [`Database::verify_with`], or one that exports or imports.
///
/// [`Database::migrate_with`]: crate::Database::migrate_with
/// [`Database::verify_with`]: crate::Database::verify_with
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The table.
    pub table: &'a str,
    /// How many of its rows are done.
    pub done: u64,
    /// How many rows it has. An import does not know that before it ends, and says how many are done.
    pub total: u64,
}
