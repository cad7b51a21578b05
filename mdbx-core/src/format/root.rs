//! The record of one tree: its root page, height, flags and counters.
//!
//! ```text
//!   0       2        4             8      12             16           20            24         32      40          48
//!   | flags | height | dupfix_size | root | branch_pages | leaf_pages | large_pages | sequence | items | mod_txnid |
//! ```
//!
//! A meta page holds two of them, the main table one for each named table, and a node of a table with duplicates one
//! for the nested tree of a key's values.
//!
//! Source: format document, "Tree record".

use crate::error::PageFault;
use crate::format::bytes::{put_u16, put_u32, put_u64, u16_at, u32_at, u64_at};
use crate::ids::{Pgno, Txnid};

/// The highest a tree can be. Even trees of two entries per page end before it.
pub(crate) const MAX_HEIGHT: usize = 32;

/// Keys are compared from their last byte backwards.
pub(crate) const REVERSE_KEY: u16 = 0x02;
/// A key can have several values, which are kept in order.
pub(crate) const DUP_SORT: u16 = 0x04;
/// Keys are integers of 4 or 8 bytes.
pub(crate) const INTEGER_KEY: u16 = 0x08;
/// All values have one length, so that they are stored without headers. Needs [`DUP_SORT`].
pub(crate) const DUP_FIXED: u16 = 0x10;
/// Values are integers of 4 or 8 bytes. Needs [`DUP_FIXED`].
pub(crate) const INTEGER_DUP: u16 = 0x20;
/// Values are compared from their last byte backwards, unless they are integers. Needs [`DUP_SORT`].
pub(crate) const REVERSE_DUP: u16 = 0x40;

/// Returns whether a table can have these flags.
///
/// Source: format document, "Table flags".
pub(crate) const fn are_legal(flags: u16) -> bool {
    const KNOWN: u16 = REVERSE_KEY | DUP_SORT | INTEGER_KEY | DUP_FIXED | INTEGER_DUP | REVERSE_DUP;
    const NEED_DUP_SORT: u16 = DUP_FIXED | INTEGER_DUP | REVERSE_DUP;
    let one_key_order = flags & (REVERSE_KEY | INTEGER_KEY) != REVERSE_KEY | INTEGER_KEY;
    let dups_are_sorted = flags & NEED_DUP_SORT == 0 || flags & DUP_SORT != 0;
    let integers_are_fixed = flags & INTEGER_DUP == 0 || flags & DUP_FIXED != 0;
    flags & !KNOWN == 0 && one_key_order && dups_are_sorted && integers_are_fixed
}

const FLAGS: usize = 0;
const HEIGHT: usize = 2;
const DUPFIX_SIZE: usize = 4;
const ROOT: usize = 8;
const BRANCH_PAGES: usize = 12;
const LEAF_PAGES: usize = 16;
const LARGE_PAGES: usize = 20;
const SEQUENCE: usize = 24;
const ITEMS: usize = 32;
const MOD_TXNID: usize = 40;

/// The record of one tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TreeRoot {
    /// The table's flags.
    pub flags: u16,
    /// Pages from the root to a leaf, both counted: 0 is empty, 1 a single leaf.
    pub height: u16,
    /// The length of every value, in a tree of packed values.
    pub dupfix_size: u32,
    /// The root page, or [`Pgno::NONE`] when empty.
    pub root: Pgno,
    /// How many branch pages there are.
    pub branch_pages: u32,
    /// How many leaf pages there are.
    pub leaf_pages: u32,
    /// How many pages large values take.
    pub large_pages: u32,
    /// A counter for the user of the table.
    pub sequence: u64,
    /// How many pairs of key and value there are; each of several values of a key counts.
    pub items: u64,
    /// The last transaction that changed the tree.
    pub mod_txnid: Txnid,
}

impl TreeRoot {
    /// The length of a record in bytes.
    pub(crate) const LEN: usize = 48;

    /// Returns the record of an empty tree.
    pub(crate) const fn empty(flags: u16) -> TreeRoot {
        TreeRoot {
            flags,
            height: 0,
            dupfix_size: 0,
            root: Pgno::NONE,
            branch_pages: 0,
            leaf_pages: 0,
            large_pages: 0,
            sequence: 0,
            items: 0,
            mod_txnid: Txnid::VOID,
        }
    }

    /// Returns whether the tree has no page.
    pub(crate) fn is_empty(&self) -> bool {
        self.root == Pgno::NONE
    }

    /// Returns whether the leaves of the tree are packed: it is the nested tree of a key's fixed-size values.
    #[inline]
    pub(crate) const fn is_packed(&self) -> bool {
        self.flags & (DUP_FIXED | DUP_SORT) == DUP_FIXED
    }

    /// Counts one more item, if `added`. In a damaged file there may be no higher number; then the counter stays.
    pub(crate) fn count_item(&mut self, added: bool) {
        self.items = self.items.saturating_add(u64::from(added));
    }

    /// Counts one more leaf page, as [`count_item`](TreeRoot::count_item) counts items.
    pub(crate) fn count_leaf_page(&mut self) {
        self.leaf_pages = self.leaf_pages.saturating_add(1);
    }

    /// Counts one more branch page, as [`count_item`](TreeRoot::count_item) counts items.
    pub(crate) fn count_branch_page(&mut self) {
        self.branch_pages = self.branch_pages.saturating_add(1);
    }

    /// Counts so many more pages of large values, as [`count_item`](TreeRoot::count_item) counts items.
    pub(crate) fn count_large_pages(&mut self, added: u32) {
        self.large_pages = self.large_pages.saturating_add(added);
    }

    /// Reads a record, whatever it says; `None` unless `bytes` has the length of one.
    pub(crate) fn read(bytes: &[u8]) -> Option<TreeRoot> {
        (bytes.len() == TreeRoot::LEN).then(|| TreeRoot {
            flags: u16_at(bytes, FLAGS),
            height: u16_at(bytes, HEIGHT),
            dupfix_size: u32_at(bytes, DUPFIX_SIZE),
            root: Pgno(u32_at(bytes, ROOT)),
            branch_pages: u32_at(bytes, BRANCH_PAGES),
            leaf_pages: u32_at(bytes, LEAF_PAGES),
            large_pages: u32_at(bytes, LARGE_PAGES),
            sequence: u64_at(bytes, SEQUENCE),
            items: u64_at(bytes, ITEMS),
            mod_txnid: Txnid(u64_at(bytes, MOD_TXNID)),
        })
    }

    /// Writes the record.
    ///
    /// # Panics
    ///
    /// When `bytes` is shorter than a record.
    pub(crate) fn write(&self, bytes: &mut [u8]) {
        put_u16(bytes, FLAGS, self.flags);
        put_u16(bytes, HEIGHT, self.height);
        put_u32(bytes, DUPFIX_SIZE, self.dupfix_size);
        put_u32(bytes, ROOT, self.root.0);
        put_u32(bytes, BRANCH_PAGES, self.branch_pages);
        put_u32(bytes, LEAF_PAGES, self.leaf_pages);
        put_u32(bytes, LARGE_PAGES, self.large_pages);
        put_u64(bytes, SEQUENCE, self.sequence);
        put_u64(bytes, ITEMS, self.items);
        put_u64(bytes, MOD_TXNID, self.mod_txnid.0);
    }

    /// Checks that the record can be true in a snapshot whose pages end before `end`.
    ///
    /// # Errors
    ///
    /// - [`PageFault::OutOfRange`] when the root page is not one of the snapshot.
    /// - [`PageFault::BadTreeRecord`] when an empty tree has pages or items, or the height is impossible.
    ///
    /// Source: format document, "Tree record" and "Validity of one meta".
    pub(crate) fn check(&self, end: Pgno) -> Result<(), PageFault> {
        let is_sound = if self.is_empty() {
            let pages = [self.branch_pages, self.leaf_pages, self.large_pages];
            self.height == 0 && pages == [0; 3] && self.items == 0
        } else if self.root < Pgno::FIRST_DATA || self.root >= end {
            return Err(PageFault::OutOfRange);
        } else {
            (1..=MAX_HEIGHT).contains(&usize::from(self.height))
        };
        if is_sound {
            Ok(())
        } else {
            Err(PageFault::BadTreeRecord)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: TreeRoot = TreeRoot {
        flags: DUP_SORT,
        height: 2,
        dupfix_size: 0x0101_0102,
        root: Pgno(7),
        branch_pages: 1,
        leaf_pages: 3,
        large_pages: 5,
        sequence: u64::MAX,
        items: 40,
        mod_txnid: Txnid(9),
    };

    #[test]
    fn what_was_written_is_read() {
        let mut bytes = [0xFF; TreeRoot::LEN];
        TREE.write(&mut bytes);
        assert_eq!(TreeRoot::read(&bytes), Some(TREE));
        assert_eq!(bytes[..12], [4, 0, 2, 0, 2, 1, 1, 1, 7, 0, 0, 0]);
        assert_eq!(
            bytes[32..],
            [40, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0]
        );
    }

    #[test]
    fn only_48_bytes_are_a_record() {
        assert_eq!(TreeRoot::read(&[0; 47]), None);
        assert_eq!(TreeRoot::read(&[0; 49]), None);
    }

    #[test]
    fn an_empty_tree_has_no_pages_and_no_items() {
        let empty = TreeRoot {
            sequence: 3,
            dupfix_size: 4096,
            mod_txnid: Txnid(2),
            ..TreeRoot::empty(INTEGER_KEY)
        };
        assert_eq!(empty.check(Pgno(3)), Ok(()));
        let falsely_empty = [
            TreeRoot { height: 1, ..empty },
            TreeRoot {
                branch_pages: 1,
                ..empty
            },
            TreeRoot {
                leaf_pages: 1,
                ..empty
            },
            TreeRoot {
                large_pages: 1,
                ..empty
            },
            TreeRoot { items: 1, ..empty },
        ];
        for tree in falsely_empty {
            assert_eq!(
                tree.check(Pgno(3)),
                Err(PageFault::BadTreeRecord),
                "{tree:?}"
            );
        }
    }

    #[test]
    fn a_root_is_a_page_of_the_snapshot() {
        assert_eq!(TREE.check(Pgno(8)), Ok(()));
        assert_eq!(TREE.check(Pgno(7)), Err(PageFault::OutOfRange));
        assert_eq!(
            TreeRoot {
                root: Pgno(2),
                ..TREE
            }
            .check(Pgno(8)),
            Err(PageFault::OutOfRange)
        );
    }

    #[test]
    fn a_height_is_1_to_32() {
        let at_height = |height| TreeRoot { height, ..TREE }.check(Pgno(8));
        assert_eq!(at_height(32), Ok(()));
        assert_eq!(at_height(0), Err(PageFault::BadTreeRecord));
        assert_eq!(at_height(33), Err(PageFault::BadTreeRecord));
    }

    #[test]
    fn legal_flags_are_those_of_the_document() {
        let keys = [0, REVERSE_KEY, INTEGER_KEY];
        let dups = [
            0,
            DUP_SORT,
            DUP_SORT | REVERSE_DUP,
            DUP_SORT | DUP_FIXED,
            DUP_SORT | DUP_FIXED | REVERSE_DUP,
            DUP_SORT | DUP_FIXED | INTEGER_DUP,
            DUP_SORT | DUP_FIXED | INTEGER_DUP | REVERSE_DUP,
        ];
        let mut expected: Vec<u16> = keys
            .iter()
            .flat_map(|key| dups.map(|dup| key | dup))
            .collect();
        expected.sort_unstable();
        let found: Vec<u16> = (0..=u16::MAX).filter(|&flags| are_legal(flags)).collect();
        assert_eq!(found, expected);
    }
}
