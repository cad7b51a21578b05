//! Transactions.
//!
//! | file | its job |
//! | --- | --- |
//! | `engine` | what the transactions of one environment share |
//! | `table` | table handles and flags; the records of tables as one transaction sees them |
//! | `sizes` | which lengths of keys and values a table takes |
//! | `view` | one table inside one transaction: every read operation |
//! | `cursor` | moves over the items of a table |
//! | `range` | iterators over ranges and duplicates |
//! | `reads` | the reads that both kinds of transactions have |
//! | `read` | `ReadTxn`: a snapshot and its pin |
//! | `write` | `WriteTxn`: reserve first, then change |
//! | `table_mut` | one table inside a write transaction: every change |
//! | `delete_range` | the deletion of many items at once |
//! | `cursor_mut` | a cursor that changes the table it stands in |
//! | `put` | the conditions under which a value is stored |
//! | `nested` | a write transaction inside another |
//! | `canary` | three numbers of the user's that every commit carries along |
//! | `relocate` | pages moved nearer to the start of the file, contents unchanged |
//! | `seal` | the seal of a commit: which commits can have one, and what it says |
//! | `commit` | the order of writes and syncs that makes a commit atomic |

pub(crate) mod canary;
pub(crate) mod commit;
pub(crate) mod cursor;
pub(crate) mod cursor_mut;
pub(crate) mod delete_range;
pub(crate) mod engine;
pub(crate) mod nested;
pub(crate) mod put;
pub(crate) mod range;
pub(crate) mod read;
pub(crate) mod reads;
pub(crate) mod relocate;
pub(crate) mod seal;
pub(crate) mod sizes;
pub(crate) mod table;
pub(crate) mod table_mut;
pub(crate) mod view;
pub(crate) mod write;
