//! The B+ tree: ordered keys on pages, changed by copying the path to the root.
//!
//! Readers walk it through [`cursor`]; a writer changes it through [`TreeMut`](edit::TreeMut), whose methods are
//! spread over the files below by what they do to the tree. All of them draw pages from the pager's reserve, and
//! none knows where the reserve is filled from.
//!
//! | file | its job |
//! | --- | --- |
//! | `order` | key orders: bytes, reversed bytes, integers |
//! | `stack` | the pages and entries from the root down to a leaf entry |
//! | `search` | descend to a key; binary search in one page |
//! | `cursor` | positions and moves over items, duplicates included |
//! | `edit` | a tree to be changed: where it is, and its record |
//! | `insert` | put: replace in place or insert |
//! | `split` | where to split a full page, and the two halves |
//! | `remove` | delete an item, or a whole tree |
//! | `balance` | borrow from or merge with a neighbour; collapse the root |
//! | `dup` | duplicates: sub-page, nested tree, and the steps between |
//! | `sub_page` | the few values of one key inside its node |
//! | `large` | values on their own run of pages |
//! | `walk` | visit every page of a tree exactly once |

pub(crate) mod balance;
pub(crate) mod cursor;
pub(crate) mod dup;
pub(crate) mod edit;
pub(crate) mod insert;
pub(crate) mod large;
pub(crate) mod order;
pub(crate) mod remove;
pub(crate) mod search;
pub(crate) mod split;
pub(crate) mod stack;
pub(crate) mod sub_page;
pub(crate) mod walk;
