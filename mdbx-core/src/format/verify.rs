//! Is this one page well-formed?
//!
//! Reading checks a page as far as it looks at it. Before a page may be changed, and in a check of the whole file,
//! the page is verified here as a whole: afterwards every node, its lengths and its place can be relied on.
//! The order of the keys is not looked at, since it needs to know the table.
//!
//! Source: format document, "lower and upper", "Nodes", "What `mdbx_chk` verifies".

use crate::error::PageFault;
use crate::format::bytes::even;
use crate::format::limits::{PAGE_HEADER, branch_node_max, leaf_node_max, max_value_len_dup_sort};
use crate::format::node::{BIG, DUP, ENTRY, NODE_HEADER, Node, TREE, Value};
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
    verify_heap(page, leaf, span_max)?;
    for index in 0..page.len() {
        let node = page.node(index)?;
        let sound = if leaf {
            leaf_node_is_sound(node)
        } else {
            branch_node_is_sound(node, index)
        };
        if !sound {
            return Err(PageFault::BadNode { index });
        }
    }
    Ok(())
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

fn leaf_node_is_sound(node: Node<'_>) -> bool {
    match node.value() {
        None => false,
        Some(_) => node.flags() & !(BIG | TREE | DUP) == 0,
    }
}

/// Checks that the nodes of a sub-page are sound and tile its heap exactly.
///
/// The header must have been checked before, by [`Page::of_node`].
pub(crate) fn verify_sub_page(page: Page<'_>) -> Result<(), PageFault> {
    if page.is_packed() {
        return Ok(()); // its header vouches for the items
    }
    verify_heap(page, true, usize::MAX)?;
    for index in 0..page.len() {
        let node = page.node(index)?;
        if !matches!(node.value(), Some(Value::Inline(b""))) {
            return Err(PageFault::BadNode { index });
        }
    }
    Ok(())
}

/// Checks that the nodes tile the heap.
fn verify_heap(page: Page<'_>, leaf: bool, span_max: usize) -> Result<(), PageFault> {
    if page.bytes().len() <= 4096 {
        walk_heap(page, leaf, span_max, &mut Starts::<{ 4096 / 128 }>::new())
    } else {
        walk_heap(page, leaf, span_max, &mut Starts::<{ 65536 / 128 }>::new())
    }
}

/// Walks the heap from its start, node by node, and finds each to be one of the entries.
fn walk_heap<const N: usize>(
    page: Page<'_>,
    leaf: bool,
    span_max: usize,
    starts: &mut Starts<N>,
) -> Result<(), PageFault> {
    for index in 0..page.len() {
        let offset = page.node_offset(index) - PAGE_HEADER;
        if !offset.is_multiple_of(2) || offset < page.upper() || !starts.insert(offset) {
            return Err(PageFault::BadNode { index });
        }
    }
    let (end, mut at, mut nodes) = (page.bytes().len() - PAGE_HEADER, page.upper(), 0);
    while at < end {
        let node = page
            .node_at(PAGE_HEADER + at)
            .filter(|_| starts.contains(at));
        let payload = node.and_then(|node| node.payload(leaf));
        let (Some(node), Some(payload)) = (node, payload) else {
            return Err(PageFault::LooseHeap);
        };
        let span = NODE_HEADER + even(node.key().len() + payload.len());
        if span > span_max {
            return Err(PageFault::LooseHeap);
        }
        at += span;
        nodes += 1;
    }
    if at != end || nodes != page.len() || page.lower() != nodes * ENTRY {
        return Err(PageFault::LooseHeap);
    }
    Ok(())
}

/// A set of even offsets inside a page body, one bit each. Offsets outside it are never members.
struct Starts<const N: usize>([u64; N]);

impl<const N: usize> Starts<N> {
    fn new() -> Self {
        Starts([0; N])
    }

    /// Adds `offset`; `false` if it was there, or cannot be.
    fn insert(&mut self, offset: usize) -> bool {
        let (word, bit) = (offset / 128, 1 << (offset / 2 % 64));
        let Some(word) = self.0.get_mut(word) else {
            return false;
        };
        let fresh = *word & bit == 0;
        *word |= bit;
        fresh
    }

    fn contains(&self, offset: usize) -> bool {
        self.0
            .get(offset / 128)
            .is_some_and(|word| word & (1 << (offset / 2 % 64)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::bytes::{put_u16, u16_at};
    use crate::format::node::NewNode;
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

    #[test]
    fn random_damage_never_panics() {
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
                let len = page.len();
                let mut page = PageMut::new(&mut bytes);
                page.remove(len / 2);
                page.append(NewNode::branch(b"x", Pgno(1)));
            }
        }
    }
}
