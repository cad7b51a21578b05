//! A memory-mapped, copy-on-write B+ tree store in pure Rust, byte-compatible with libmdbx.
//!
//! One file holds any number of ordered tables of byte strings. Readers see a snapshot and read straight from the
//! mapped file; one writer at a time changes pages by copying them, and a commit makes its changes durable and
//! visible all at once. There is no log, no cache and no background thread.
//!
//! ```
//! use mdbx_core::{Env, TableFlags};
//!
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("app.mdbx");
//! let env = Env::open(&path)?; // created if there is none
//!
//! let mut txn = env.write()?; // the one writer
//! let accounts = txn.create_table("accounts", TableFlags::empty())?;
//! let by_city = txn.create_table("accounts.by_city", TableFlags::DUP_SORT)?;
//! txn.put(accounts, b"ann", b"100")?; // insert or replace
//! txn.insert(accounts, b"bob", b"7")?; // an error if it is there
//! txn.put(by_city, b"Oslo", b"ann")?;
//! txn.put(by_city, b"Oslo", b"bob")?; // a second value of the same key
//! txn.commit()?; // durable; dropping the transaction would undo it
//!
//! let txn = env.read()?; // a snapshot; never waits
//! let balance: Option<&[u8]> = txn.get(accounts, b"ann")?; // points into the file
//! assert_eq!(balance, Some(&b"100"[..]));
//! for item in txn.table(accounts)?.range(&b"a"[..]..&b"c"[..]) {
//!     let (name, balance) = item?;
//!     println!("{name:?} has {balance:?}");
//! }
//! let in_oslo: Vec<&[u8]> = txn.table(by_city)?.dups(b"Oslo")?.collect::<Result<_, _>>()?;
//! assert_eq!(in_oslo, [b"ann", b"bob"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Threads that each make a small change share a commit, and the wait for the disk, through [`Env::batch`]:
//!
//! ```
//! # use mdbx_core::{Env, Table};
//! # let dir = tempfile::tempdir()?;
//! # let env = Env::open(dir.path().join("app.mdbx"))?;
//! std::thread::scope(|scope| {
//!     for name in ["ann", "bob", "cleo"] {
//!         let env = &env;
//!         scope.spawn(move || env.batch(|txn| txn.put(Table::MAIN, name.as_bytes(), b"was here")));
//!     }
//! });
//! assert_eq!(env.read()?.table(Table::MAIN)?.len(), 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is promised
//!
//! - A commit that returned is on the disk, unless a weaker [`Durability`] was asked for. One that did not return,
//!   because the process or the machine stopped, is there as a whole or not at all.
//! - A failed call changes nothing, unless its documentation says that the transaction can only be aborted.
//! - A read transaction sees one state, whatever is committed meanwhile, and never waits.
//! - A damaged file is an [`Error::Corrupted`] where the damage is met, not a panic. Each page is checked as it is
//!   read. The exception that no program can mend: if another program truncates the file while it is open, reading
//!   the missing part ends the process.
//! - Files are those of libmdbx (data format 3): either library opens what the other wrote.
//! - Any number of processes have a file open at a time, with this library or with libmdbx of the same
//!   [lock version](LockVersion). One that dies holds nobody up: its readers are removed, and its unfinished transaction
//!   never was.
//!
//! What is there after a crash depends on the [`Durability`] that [`EnvOptions::durability`] sets:
//!
//! | mode | a commit waits for | after the process died | after a power cut |
//! | --- | --- | --- | --- |
//! | [`Durable`](Durability::Durable) | the disk, twice | every commit | every commit |
//! | [`SingleSync`](Durability::SingleSync) | the disk, once | every commit | every commit, if this engine opens the file next |
//! | [`NoMetaSync`](Durability::NoMetaSync) | the disk, once | every commit | every commit but maybe the last |
//! | [`SafeNoSync`](Durability::SafeNoSync) | nothing | every commit | every commit before the last sync |
//! | [`UtterlyNoSync`](Durability::UtterlyNoSync) | nothing | every commit | the same, or an error that all is lost |
//!
//! [`Env::sync`] syncs, [`Env::close`] does, and so do commits that pass [`EnvOptions::sync_bytes`] or
//! [`EnvOptions::sync_period`]. [`EnvOptions::write_map`] changes how pages are written in any mode, and no promise.
//!
//! # Logging
//!
//! What happens to a database is told to the `log` crate, under targets that begin with `mdbx_core`. It is silent until
//! the application installs a logger, and a logger and `log::set_max_level` decide at run time what becomes of it. No
//! read tells anything.
//!
//! | level | what is told |
//! | --- | --- |
//! | error | a failed sync, after which the environment takes no more writes |
//! | warn | a commit that was lost when the machine stopped; a writer that died; all reader slots in use |
//! | info | a database created, joined, or opened, maybe with a commit that is not durable yet; readers of dead processes removed |
//! | debug | each commit, a change of the file's length, pages written before a commit |
//! | trace | the steps of a commit, and where free pages come from |
//!
//! # Reading the source
//!
//! The layers import downwards only, so one can stop at any of them.
//!
//! | layer | what it is about |
//! | --- | --- |
//! | `sys` | the operating system, and all code that needs `unsafe` but for two lines |
//! | `format` | the bytes of a file, as typed views |
//! | `store` | one opened file: metas, readers, the writer's turn |
//! | `pager` | the pages of one transaction |
//! | `tree` | the B+ tree |
//! | `gc` | the table of freed pages |
//! | `txn` | transactions |
//! | `env` | the handle applications hold |
//! | [`attr`] | a number with each value, on top of the layers |
//! | [`key`] | numbers as keys, beside the layers |
//! | [`tools`] | checking, copying and dumping whole files |

pub mod attr;
mod env;
mod error;
mod format;
mod gc;
mod ids;
pub mod key;
mod pager;
#[cfg(feature = "sim")]
#[doc(hidden)]
pub mod sim;
mod store;
mod sys;
pub mod tools;
mod tree;
mod txn;

pub use env::handle::Env;
pub use env::info::{FileGeometry, FileInfo, Info, MetaInfo};
pub use env::options::EnvOptions;
pub use error::{Error, ExpectedLen, PageFault, Result};
pub use format::lck::LockVersion;
pub use format::limits::{
    max_key_len, max_key_len_dup_sort, max_table_name_len, max_value_len_dup_sort,
};
pub use ids::{PageSize, Pgno, Txnid};
pub use store::durability::Durability;
pub use store::geometry::Geometry;
pub use store::open::ReclaimOrder;
pub use store::orders::{Compare, TableOrder};
pub use store::slow::{ReaderInfo, SlowReader, SlowReaderAction};
pub use tree::position::{Anchor, Position};
pub use tree::seek::Relation;
pub use txn::canary::Canary;
pub use txn::cursor::{Cursor, Item};
pub use txn::cursor_mut::CursorMut;
pub use txn::delete_range::Around;
pub use txn::nested::NestedTxn;
pub use txn::put::PutFlags;
pub use txn::range::{Dups, Range};
pub use txn::read::{ParkedTxn, ReadTxn, ResetTxn};
pub use txn::table::{Table, TableFlags};
pub use txn::table_mut::TableMut;
pub use txn::view::{Stat, TableRef};
pub use txn::write::WriteTxn;
