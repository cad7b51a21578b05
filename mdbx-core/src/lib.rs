//! wip
mod env;
mod error;
mod format;
mod gc;
mod ids;
mod pager;
mod store;
mod sys;
mod tree;
mod txn;

pub use env::handle::Env;
pub use env::info::Info;
pub use env::options::{EnvOptions, Geometry};
pub use error::{Error, PageFault, Result};
pub use format::limits::{max_key_len, max_key_len_dup_sort, max_table_name_len, max_value_len_dup_sort};
pub use ids::{PageSize, Pgno, Txnid};
pub use txn::cursor::{Cursor, Item};
pub use txn::range::{Dups, Range};
pub use txn::read::ReadTxn;
pub use txn::table::{Table, TableFlags};
pub use txn::view::{Stat, TableRef};
pub use txn::write::WriteTxn;
