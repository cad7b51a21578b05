//! Tools for whole files: built on everything else, needed by none of it.
//!
//! | module | its job |
//! | --- | --- |
//! | [`account`](mod@account) | is every page used exactly once? Only that, and quickly |
//! | [`check`](mod@check) | is every page of a snapshot sound, and used exactly once? |
//! | [`copy`](mod@copy) | copy a snapshot to a new file, or to anything that takes bytes |
//! | [`defrag`](mod@defrag) | move pages to the start of the file, so that it gets shorter |
//! | [`dump`](mod@dump) | write the contents of a snapshot as text |
//! | [`gc`] | what the table of free pages holds, and what readers hold back |
//! | [`stat`](mod@stat) | how many pages each table has, and the file as a whole |

pub mod account;
pub mod check;
pub mod copy;
pub mod defrag;
pub mod dump;
pub mod gc;
pub mod stat;
