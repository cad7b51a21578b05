//! Typed views over bytes: the only layer that knows an offset.
//!
//! Pure: it imports [`error`](crate::error) and [`ids`](crate::ids) only, a hash function for seals, and touches no file. Someone who holds
//! the format document finds each of its facts in one file here.
//!
//! | file | what it lays out |
//! | --- | --- |
//! | `bytes` | little-endian fields at constant offsets |
//! | `limits` | the longest key, value, node and name for a page size |
//! | `page` | the 20-byte page header |
//! | `node` | slotted branch and leaf pages: the entry table and the nodes |
//! | `dupfix` | leaf pages of packed items, which have no nodes |
//! | `verify` | whether one page is well-formed, before it may be changed |
//! | `root` | the 48-byte record of one tree |
//! | `geometry` | lower, upper and present size of the file, and the packed steps |
//! | `meta` | the three meta pages, and how they rank |
//! | `seal` | what a meta says about the pages of its commit, so that one flush is enough |
//! | `pnl` | the list of page numbers in a record of free pages |
//! | `lck` | the lock file: its header and the slots of readers |

pub(crate) mod bytes;
pub(crate) mod dupfix;
pub(crate) mod geometry;
pub(crate) mod lck;
pub(crate) mod limits;
pub(crate) mod meta;
pub(crate) mod node;
pub(crate) mod page;
pub(crate) mod pnl;
pub(crate) mod root;
pub(crate) mod seal;
pub(crate) mod verify;
