//! Is this one page well-formed?
//!
//! Reading checks a page as far as it looks at it. Before a page may be changed, and in a check of the whole file,
//! the page is verified here as a whole: afterwards every node, its lengths and its place can be relied on.
//! The order of the keys is not looked at, since it needs to know the table.
//!
//! Source: format document, "lower and upper", "Nodes", "What `mdbx_chk` verifies".

use crate::error::PageFault;
use crate::format::limits::{PAGE_HEADER, branch_node_max, leaf_node_max, max_value_len_dup_sort};
use crate::format::node::{BIG, DUP, Node, TREE, Value, node_span};
use crate::format::page::Page;
use crate::ids::PageSize;

/// Checks that the nodes of a branch or leaf page are sound and tile its heap exactly, or that the items of a packed
/// page are not too long.
///
/// The header must have been checked before, by [`Page::of_tree`]. Sub-pages are not looked into: they are rebuilt,
/// not changed in place, so only [`verify_sub_page`] does.
pub(crate) fn verify_tree_page(bytes: &[u8], page_size: PageSize) -> Result<(), PageFault> {
    let page = Page::trusted(bytes);
    if page.is_packed() {
        return verify_items(page, page_size);
    }
    let leaf = !page.is_branch();
    let span_max = if leaf {
        leaf_node_max(page_size)
    } else {
        branch_node_max(page_size)
    };
    verify_heap(page, leaf, span_max, |node, index| {
        if leaf {
            leaf_node_is_sound(node)
        } else {
            branch_node_is_sound(node, index)
        }
    })
}

/// Checks that the items are no longer than separators can be. Where they lie, the header says.
fn verify_items(page: Page<'_>, page_size: PageSize) -> Result<(), PageFault> {
    let len = page.item_len();
    if len <= max_value_len_dup_sort(page_size) {
        Ok(())
    } else {
        Err(PageFault::BadItemLen { len })
    }
}

fn branch_node_is_sound(node: Node<'_>, index: usize) -> bool {
    node.flags() == 0 && (index > 0 || node.key().is_empty())
}

/// The node must lie inside its page.
fn leaf_node_is_sound(node: Node<'_>) -> bool {
    node.flags() == 0 || (node.value().is_some() && node.flags() & !(BIG | TREE | DUP) == 0)
}

/// Checks that the nodes of a sub-page are sound and tile its heap exactly.
///
/// The header must have been checked before, by [`Page::of_node`].
pub(crate) fn verify_sub_page(page: Page<'_>) -> Result<(), PageFault> {
    if page.is_packed() {
        return Ok(()); // its header vouches for the items
    }
    verify_heap(page, true, usize::MAX, |node, _| {
        matches!(node.value(), Some(Value::Inline(b"")))
    })
}

/// Checks that the nodes tile the heap, and that each is sound.
fn verify_heap(
    page: Page<'_>,
    leaf: bool,
    span_max: usize,
    is_sound: impl Fn(Node<'_>, usize) -> bool,
) -> Result<(), PageFault> {
    if page.bytes().len() <= 4096 {
        let mut marks = Marks::<{ 4096 / 128 }>::new();
        visit_nodes(page, leaf, span_max, is_sound, &mut marks)
    } else {
        let mut marks = Marks::<{ 65536 / 128 }>::new();
        visit_nodes(page, leaf, span_max, is_sound, &mut marks)
    }
}

/// Looks at every node once, in the order of the entries, which is not that of the heap.
///
/// Why that shows whether the nodes tile the heap: take the offsets in it for the points of a graph, and each node for
/// a line from its start to its end. A point is marked if an odd number of lines meet there. If the start of the heap
/// and its end are the only such points, lines lead from the one to the other, and what lines there are besides close
/// circles. So if all lines together are no longer than the heap, they are one way through it, without a step back.
#[inline]
fn visit_nodes<const N: usize>(
    page: Page<'_>,
    leaf: bool,
    span_max: usize,
    is_sound: impl Fn(Node<'_>, usize) -> bool,
    marks: &mut Marks<N>,
) -> Result<(), PageFault> {
    let (start, end) = (page.upper(), page.bytes().len() - PAGE_HEADER);
    let mut sum = 0;
    for (index, &entry) in page.entries().iter().enumerate() {
        let offset = usize::from(u16::from_le_bytes(entry));
        let bad_node = PageFault::BadNode { index };
        if !offset.is_multiple_of(2) || offset < start {
            return Err(bad_node);
        }
        let node = page.node_at(PAGE_HEADER + offset).ok_or(bad_node)?;
        let span = node_span(node.key().len(), node.payload_len(leaf));
        if span > span_max || span > end - offset || !is_sound(node, index) {
            return Err(bad_node);
        }
        marks.flip(offset);
        marks.flip(offset + span);
        sum += span;
    }
    marks.flip(start);
    marks.flip(end);
    if sum == end - start && marks.are_none() {
        Ok(())
    } else {
        Err(PageFault::LooseHeap)
    }
}

/// Marks at even offsets of a page body, one bit each.
struct Marks<const N: usize>([u64; N]);

impl<const N: usize> Marks<N> {
    fn new() -> Self {
        Marks([0; N])
    }

    /// Sets or takes away the mark at `offset`.
    ///
    /// # Panics
    ///
    /// If it lies outside the body.
    #[inline]
    fn flip(&mut self, offset: usize) {
        self.0[offset / 128] ^= 1 << (offset / 2 % 64);
    }

    fn are_none(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::bytes::{put_u16, u16_at};
    use crate::format::node::{ENTRY, NewNode};
    use crate::format::page::{BRANCH, LEAF, PageMut};
    use crate::ids::{Pgno, Txnid};

    fn leaf() -> Vec<u8> {
        let mut bytes = vec![0; 256];
        let mut page = PageMut::init(&mut bytes, LEAF, Pgno(3), Txnid(4));
        for key in [&b"one"[..], b"three", b"two"] {
            page.append(NewNode::leaf(key, 0, b"value"));
        }
        bytes
    }

    #[test]
    fn holes_overlaps_and_shared_nodes_are_found() {
        assert_eq!(verify_tree_page(&leaf(), PageSize::MIN), Ok(()));
        let entry = |bytes: &[u8], i: usize| u16_at(bytes, PAGE_HEADER + ENTRY * i);
        let with_entry = |i: usize, offset: u16| {
            let mut bytes = leaf();
            put_u16(&mut bytes, PAGE_HEADER + ENTRY * i, offset);
            verify_tree_page(&bytes, PageSize::MIN)
        };
        let bytes = leaf();
        assert!(
            with_entry(1, entry(&bytes, 0)).is_err(),
            "two entries, one node"
        );
        assert!(with_entry(1, entry(&bytes, 1) + 1).is_err(), "odd");
        assert!(
            with_entry(1, entry(&bytes, 1) + 2).is_err(),
            "inside a node"
        );
        assert!(with_entry(1, 0).is_err(), "in the entry table");
        let mut hole = leaf();
        let upper = u16_at(&hole, 14);
        put_u16(&mut hole, 14, upper - 2);
        assert_eq!(
            verify_tree_page(&hole, PageSize::MIN),
            Err(PageFault::LooseHeap)
        );
    }

    #[test]
    fn the_first_entry_of_a_branch_has_no_key() {
        let mut bytes = vec![0; 256];
        let mut page = PageMut::init(&mut bytes, BRANCH, Pgno(3), Txnid(4));
        page.append(NewNode::branch(b"", Pgno(4)));
        page.append(NewNode::branch(b"k", Pgno(5)));
        assert_eq!(verify_tree_page(&bytes, PageSize::MIN), Ok(()));
        let mut page = PageMut::new(&mut bytes);
        page.insert(0, NewNode::branch(b"a", Pgno(6)));
        assert_eq!(
            verify_tree_page(&bytes, PageSize::MIN),
            Err(PageFault::BadNode { index: 0 })
        );
    }

    /// Returns whether each node of a leaf starts where the one before it in the heap ends.
    fn is_tiled(page: Page<'_>) -> bool {
        let span = |index| {
            let node = page.node(index).unwrap();
            let start = page.node_offset(index) - PAGE_HEADER;
            (start, start + node.contents(true).room() - ENTRY)
        };
        let mut spans: Vec<_> = (0..page.len()).map(span).collect();
        spans.sort_unstable();
        let end = spans.iter().try_fold(page.upper(), |at, &(start, end)| {
            (start == at && end > at).then_some(end)
        });
        end == Some(page.bytes().len() - PAGE_HEADER)
    }

    #[test]
    fn random_damage_is_found_or_leaves_the_nodes_tiled() {
        let mut state = 0x2545_F491_4F6C_DD1D_u64;
        for _ in 0..200_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let mut bytes = leaf();
            let [at, value, ..] = state.to_le_bytes();
            bytes[usize::from(at)] = value;
            if let Ok(page) = Page::of_tree(&bytes, Pgno(3), Txnid(4))
                && verify_tree_page(&bytes, PageSize::MIN).is_ok()
            {
                assert!(is_tiled(page));
                let len = page.len();
                let mut page = PageMut::new(&mut bytes);
                page.remove(len / 2);
                page.append(NewNode::branch(b"x", Pgno(1)));
            }
        }
    }
}
