//! The longest key, value, node and name for a page size, each derived where it is stated.
//!
//! All lengths are in bytes. A node length counts the node's header, not its entry in the page's table.
//!
//! Source: format document, "Size limits".

use crate::ids::PageSize;

/// The length of the header of every page.
pub(crate) const PAGE_HEADER: usize = 20;

/// The length of the header of a node.
const NODE_HEADER: usize = 8;

/// The length of a node's entry in the table of its page.
const NODE_ENTRY: usize = 2;

/// The length of a tree record, which a node of a named table or of a nested tree carries.
const TREE_RECORD: usize = 48;

/// The longest value of an ordinary table, for every page size.
pub(crate) const MAX_VALUE_LEN: usize = 0x7FF0_0000;

/// Returns the room that a page has after its header.
const fn space(page_size: PageSize) -> usize {
    page_size.bytes() - PAGE_HEADER
}

/// Returns `x` rounded down to an even number: the heap of a page is 2-byte aligned.
const fn even_floor(x: usize) -> usize {
    x & !1
}

/// Returns the longest node of a branch page: 2030 for 4 KiB pages.
///
/// A branch page has room for three such nodes, the first of which has no key. So splitting a full one leaves two
/// valid halves.
pub(crate) const fn branch_node_max(page_size: PageSize) -> usize {
    let first = NODE_ENTRY + NODE_HEADER;
    even_floor((space(page_size) - first) / 2 - NODE_ENTRY)
}

/// Returns the longest node of a leaf page: 2036 for 4 KiB pages. Longer ones keep their value on pages of its own.
///
/// A leaf page has room for two such nodes.
pub(crate) const fn leaf_node_max(page_size: PageSize) -> usize {
    even_floor(space(page_size) / 2) - NODE_ENTRY
}

/// Returns the longest key of an ordinary table: 2022 for 4 KiB pages.
///
/// Every key can become a separator in a branch page.
#[must_use]
pub const fn max_key_len(page_size: PageSize) -> usize {
    branch_node_max(page_size) - NODE_HEADER
}

/// Returns the longest key of a table with duplicates: 1980 for 4 KiB pages.
///
/// Besides being a separator, it can share a leaf node with the record of the nested tree of its values.
#[must_use]
pub const fn max_key_len_dup_sort(page_size: PageSize) -> usize {
    let beside_a_record = leaf_node_max(page_size) - NODE_HEADER - TREE_RECORD;
    let as_separator = max_key_len(page_size);
    if beside_a_record < as_separator {
        beside_a_record
    } else {
        as_separator
    }
}

/// Returns the longest value of a table with duplicates: 2022 for 4 KiB pages.
///
/// Such values are the keys of a nested tree.
#[must_use]
pub const fn max_value_len_dup_sort(page_size: PageSize) -> usize {
    max_key_len(page_size)
}

/// Returns the longest name of a table: 1980 for 4 KiB pages.
///
/// A name shares a leaf node of the main table with the record of the named table.
#[must_use]
pub const fn max_table_name_len(page_size: PageSize) -> usize {
    leaf_node_max(page_size) - NODE_HEADER - TREE_RECORD
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Page size, branch node, leaf node, key, key with duplicates or name, value with duplicates.
    ///
    /// Source: format document, "Size limits", the table.
    const TABLE: [[usize; 6]; 9] = [
        [256, 110, 116, 102, 60, 102],
        [512, 238, 244, 230, 188, 230],
        [1024, 494, 500, 486, 444, 486],
        [2048, 1006, 1012, 998, 956, 998],
        [4096, 2030, 2036, 2022, 1980, 2022],
        [8192, 4078, 4084, 4070, 4028, 4070],
        [16384, 8174, 8180, 8166, 8124, 8166],
        [32768, 16366, 16372, 16358, 16316, 16358],
        [65536, 32750, 32756, 32742, 32700, 32742],
    ];

    /// Returns all page sizes, smallest first.
    fn page_sizes() -> impl Iterator<Item = PageSize> {
        (8..=16).map(|power| PageSize::new(1 << power).unwrap())
    }

    #[test]
    fn limits_are_those_of_the_table() {
        for (size, row) in page_sizes().zip(TABLE) {
            assert_eq!(size.bytes(), row[0]);
            assert_eq!(branch_node_max(size), row[1], "branch node, {size}");
            assert_eq!(leaf_node_max(size), row[2], "leaf node, {size}");
            assert_eq!(max_key_len(size), row[3], "key, {size}");
            assert_eq!(
                max_key_len_dup_sort(size),
                row[4],
                "key with duplicates, {size}"
            );
            assert_eq!(max_table_name_len(size), row[4], "name, {size}");
            assert_eq!(
                max_value_len_dup_sort(size),
                row[5],
                "value with duplicates, {size}"
            );
        }
    }

    #[test]
    fn the_longest_nodes_fit_their_pages_as_often_as_promised() {
        for size in page_sizes() {
            let branch = NODE_ENTRY + branch_node_max(size);
            assert!(
                NODE_ENTRY + NODE_HEADER + 2 * branch <= space(size),
                "{size}"
            );
            assert!(
                2 * (NODE_ENTRY + leaf_node_max(size)) <= space(size),
                "{size}"
            );
        }
    }
}
