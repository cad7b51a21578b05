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
//! | `commit` | the order of writes and syncs that makes a commit atomic |

pub(crate) mod commit;
pub(crate) mod cursor;
pub(crate) mod engine;
pub(crate) mod range;
pub(crate) mod read;
pub(crate) mod reads;
pub(crate) mod sizes;
pub(crate) mod table;
pub(crate) mod view;
pub(crate) mod write;
