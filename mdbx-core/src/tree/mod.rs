//! The B+ tree: ordered keys on pages, changed by copying the path to the root.
//!
//! Readers walk it through [`cursor`]; a writer changes it through [`TreeMut`](edit::TreeMut), whose methods are
//! spread over the files below by what they do to the tree. All of them draw pages from the pager's reserve, and
//! none knows where the reserve is filled from.
//!
//! | file | its job |
//! | --- | --- |
//! | `order` | key orders: bytes, reversed bytes, integers, given ones |
//! | `stack` | the pages and entries from the root down to a leaf entry |
//! | `search` | descend to a key; binary search in one page |
//! | `batch` | look for several keys at once |
//! | `leaf_cursor` | a position in one tree |
//! | `values` | a position among the values of an entry |
//! | `position`, `state` | where a cursor stands, as plain data and as it is held |
//! | `cursor` | positions on items, duplicates included, and moves from them |
//! | `seek` | moves to a key or an item |
//! | `resume` | keep the place of a cursor and come back to it |
//! | `measure` | compare places, count between them, move by a number of items |
//! | `estimate` | how many items lie between two keys, more or less |
//! | `edit` | a tree to be changed: where it is, and its record |
//! | `insert` | put: replace in place or insert |
//! | `split` | where to split a full page, and the two halves |
//! | `remove` | delete an item, or a whole tree |
//! | `interval` | the keys between two bounds, and which entries of a page they are |
//! | `cut` | delete all keys between two bounds, subtrees at once |
//! | `balance` | borrow from or merge with a neighbour; collapse the root |
//! | `dup` | duplicates: sub-page, nested tree, and the steps between |
//! | `sub_page` | the few values of one key inside its node |
//! | `large` | values on their own run of pages |
//! | `relocate` | move pages nearer to the start of the file |
//! | `walk` | visit every page of a tree exactly once |

pub(crate) mod balance;
pub(crate) mod batch;
pub(crate) mod cursor;
pub(crate) mod cut;
pub(crate) mod dup;
pub(crate) mod edit;
pub(crate) mod estimate;
pub(crate) mod insert;
pub(crate) mod interval;
pub(crate) mod large;
pub(crate) mod leaf_cursor;
pub(crate) mod measure;
pub(crate) mod order;
pub(crate) mod position;
pub(crate) mod relocate;
pub(crate) mod remove;
pub(crate) mod resume;
pub(crate) mod search;
pub(crate) mod seek;
pub(crate) mod split;
pub(crate) mod stack;
pub(crate) mod state;
pub(crate) mod sub_page;
pub(crate) mod values;
pub(crate) mod walk;
