//! One opened database, shared by its transactions.
//!
//! | file | its job |
//! | --- | --- |
//! | `open` | open or create; choose the meta to start from; recover |
//! | `troika` | the three metas: recent, last steady, next to overwrite |
//! | `readers` | the reader table: take a slot, oldest snapshot in use |
//! | `reader` | a reader: a slot, and the snapshot that it pins |
//! | `names` | the names of the tables that were opened |
//! | `orders` | the orders that an application gives for its tables |
//! | `turn` | the writer's turn: one write transaction at a time |
//! | `resize` | grow the data file within its geometry |
//!
//! For now one process at a time has a database open, and the reader table is private to it; the lock that sees to
//! that is taken in `open`.

pub(crate) mod names;
pub(crate) mod open;
pub(crate) mod orders;
pub(crate) mod reader;
pub(crate) mod readers;
pub(crate) mod resize;
pub(crate) mod troika;
pub(crate) mod turn;
