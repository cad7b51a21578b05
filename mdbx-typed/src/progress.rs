//! How far a long task has come.

/// How far a task over the rows of the tables has come: building indexes, [`Database::migrate_with`] or
/// [`Database::verify_with`].
///
/// [`Database::migrate_with`]: crate::Database::migrate_with
/// [`Database::verify_with`]: crate::Database::verify_with
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The table.
    pub table: &'a str,
    /// How many of its rows are done.
    pub done: u64,
    /// How many rows it has.
    pub total: u64,
}
