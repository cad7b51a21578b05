//! The pages of one transaction: those of the snapshot it stands on, and those it has written itself.
//!
//! A reader needs [`snapshot`] only. A writer copies a page before it changes it, takes numbers for its copies from
//! a reserve that was filled beforehand, and lists the numbers it gave up.
//!
//! | file | its job |
//! | --- | --- |
//! | `list` | sorted page numbers: merge, take one, take a run |
//! | `dirty` | the pages this transaction owns, by page number |
//! | `reserve` | numbers set aside before a change: loose, then reclaimed, then the end of the file |
//! | `snapshot` | read a page of a pinned snapshot, or of the transaction itself |
//! | `writer` | touch (copy on write), allocate and retire pages |

pub(crate) mod dirty;
pub(crate) mod list;
pub(crate) mod reserve;
pub(crate) mod snapshot;
pub(crate) mod writer;
