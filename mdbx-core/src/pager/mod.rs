//! The pages of one transaction: those of the snapshot it stands on, and those it has written itself.
//!
//! A reader needs [`snapshot`] only. A writer copies a page before it changes it, takes numbers for its copies from
//! a reserve that was filled beforehand, and lists the numbers it gave up.
//!
//! | file | its job |
//! | --- | --- |
//! | `list` | sorted page numbers: merge, take one, take a run |
//! | `buffers` | page buffers that go round |
//! | `memory` | buffers and lists of pages, kept from one transaction to the next |
//! | `dirty` | the pages of one table that this transaction owns, by page number |
//! | `reserve` | numbers set aside before a change: loose, then reclaimed, then the end of the file |
//! | `supply` | what all tables of a transaction share: page numbers and memory |
//! | `snapshot` | read a page of a pinned snapshot, or of the transaction itself |
//! | `spill` | write dirty pages early when there are too many |
//! | `writer` | touch (copy on write), allocate and retire pages |

pub(crate) mod buffers;
pub(crate) mod dirty;
pub(crate) mod list;
pub(crate) mod memory;
pub(crate) mod reserve;
pub(crate) mod snapshot;
pub(crate) mod spill;
pub(crate) mod supply;
pub(crate) mod writer;
