//! How far a long task has come.

/// After how many rows of a table progress is told.
const ROWS_PER_PROGRESS: u64 = 10_000;

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

impl<'a> Progress<'a> {
    /// Returns what is to be told once so many rows of a table are done; `None` where it is not time for that.
    pub(crate) fn due(table: &'a str, done: u64, total: u64) -> Option<Self> {
        let is_due = done.is_multiple_of(ROWS_PER_PROGRESS) || done == total;
        is_due.then_some(Progress { table, done, total })
    }
}
