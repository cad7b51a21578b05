//! Slotted branch and leaf pages: the entry table, and the nodes it leads to.
//!
//! ```text
//!   byte 20                       20 + lower       20 + upper                       size
//!   | u16 entry[0] .. entry[n-1]  |   free room    |  node heap, in any order       |
//!
//! A node: 2-byte aligned, an 8-byte header, then the key, then the payload.
//!   0               4       5       6       8          8 + ksize
//!   | dsize / child | flags | extra | ksize | key ...  | payload ...
//! ```
//!
//! The heap is compact: nodes tile it without holes. So removing a node slides the ones below it up.
//!
//! Packed pages (`dupfix.rs`) have neither entries nor nodes, but answer through the same methods.
//!
//! Source: format document, "Nodes" and "lower and upper".

use std::ops::Range;

use crate::error::PageFault;
use crate::format::bytes::{even, put_u16, put_u32, u16_at, u32_at};
use crate::format::limits::PAGE_HEADER;
use crate::format::page::{Page, PageMut, narrow};
use crate::format::root::TreeRoot;
use crate::ids::Pgno;

/// Bytes of a node before its key.
pub(crate) const NODE_HEADER: usize = 8;
/// Bytes of one entry of the entry table.
pub(crate) const ENTRY: usize = 2;

const WORD: usize = 0;
const FLAGS: usize = 4;
const EXTRA: usize = 5;
const KSIZE: usize = 6;

/// The payload is the number of a large page; `dsize` is the length of the value there.
pub(crate) const BIG: u8 = 1;
/// The payload is the record of a tree: a named table, or with [`DUP`] a nested tree.
pub(crate) const TREE: u8 = 2;
/// The payload holds several values: a sub-page, or with [`TREE`] a nested tree.
pub(crate) const DUP: u8 = 4;

/// One node of a page. Holds: header and key lie inside the page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'a> {
    word: u32,
    flags: u8,
    key: &'a [u8],
    /// From the end of the key to the end of the page.
    rest: &'a [u8],
}

/// What a leaf node holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    /// The value itself.
    Inline(&'a [u8]),
    /// A value of `len` bytes on pages of its own, from `pgno` on.
    Large { pgno: Pgno, len: usize },
    /// The record of a named table, to be read by [`TreeRoot::read`].
    Table(&'a [u8]),
    /// Several values in the node.
    SubPage(Page<'a>),
    /// Several values in a tree of their own.
    Nested(TreeRoot),
}

impl<'a> Page<'a> {
    /// Returns node `index`, which must be below [`len`](Page::len). An item of a packed page is a node with nothing
    /// but a key.
    #[inline]
    pub(crate) fn node(self, index: usize) -> Result<Node<'a>, PageFault> {
        if self.is_packed() {
            return self.item_node(index);
        }
        self.node_at(self.node_offset(index))
            .ok_or(PageFault::BadNode { index })
    }

    /// Returns item `index` of a packed page as a node. Apart from [`node`](Page::node), to keep that short.
    #[inline(never)]
    fn item_node(self, index: usize) -> Result<Node<'a>, PageFault> {
        self.item(index)
            .map(Node::of_item)
            .ok_or(PageFault::BadNode { index })
    }

    /// Returns where node `index` starts, in bytes from the start of the page; may lie outside it. Packed pages have no
    /// nodes.
    #[inline]
    pub(crate) fn node_offset(self, index: usize) -> usize {
        PAGE_HEADER + usize::from(u16_at(self.bytes(), PAGE_HEADER + ENTRY * index))
    }

    /// Returns the entry table: where each node starts, counted from the end of the header.
    #[inline]
    pub(crate) fn entries(self) -> &'a [[u8; ENTRY]] {
        let (entries, _) = self.bytes()[PAGE_HEADER..PAGE_HEADER + self.lower()].as_chunks();
        entries
    }

    /// Returns the key of the node that `entry` leads to; `None` if it leaves the page.
    #[inline]
    pub(crate) fn key_of(self, entry: [u8; ENTRY]) -> Option<&'a [u8]> {
        let bytes = self
            .bytes()
            .get(PAGE_HEADER + usize::from(u16::from_le_bytes(entry))..)?;
        let (header, rest) = bytes.split_first_chunk::<NODE_HEADER>()?;
        rest.get(..usize::from(u16_at(header, KSIZE)))
    }

    #[inline]
    pub(super) fn node_at(self, offset: usize) -> Option<Node<'a>> {
        let (header, rest) = self
            .bytes()
            .get(offset..)?
            .split_first_chunk::<NODE_HEADER>()?;
        let (key, rest) = rest.split_at_checked(usize::from(u16_at(header, KSIZE)))?;
        Some(Node {
            word: u32_at(header, WORD),
            flags: header[FLAGS],
            key,
            rest,
        })
    }

    /// Returns the key of node `index`.
    #[inline]
    pub(crate) fn key(self, index: usize) -> Result<&'a [u8], PageFault> {
        Ok(self.node(index)?.key())
    }

    /// Returns the page that entry `index` of a branch page leads to.
    #[inline]
    pub(crate) fn child(self, index: usize) -> Result<Pgno, PageFault> {
        Ok(self.node(index)?.child())
    }

    /// Returns what node `index` of a leaf page holds.
    #[inline]
    pub(crate) fn value(self, index: usize) -> Result<Value<'a>, PageFault> {
        self.node(index)?
            .value()
            .ok_or(PageFault::BadNode { index })
    }
}

impl<'a> Node<'a> {
    /// An item of a packed page.
    #[inline]
    fn of_item(item: &'a [u8]) -> Node<'a> {
        Node {
            word: 0,
            flags: 0,
            key: item,
            rest: &[],
        }
    }

    /// Returns the key. Entry 0 of a branch page has an empty one, which stands for "below every key".
    #[inline]
    pub(crate) fn key(self) -> &'a [u8] {
        self.key
    }

    /// Returns the page a branch node leads to. On a leaf these bytes are the length of the value.
    #[inline]
    pub(crate) fn child(self) -> Pgno {
        Pgno(self.word)
    }

    #[inline]
    pub(crate) fn flags(self) -> u8 {
        self.flags
    }

    #[inline]
    fn dsize(self) -> usize {
        self.word as usize
    }

    /// Returns what the leaf node holds; `None` if it contradicts itself or leaves the page.
    #[inline]
    pub(crate) fn value(self) -> Option<Value<'a>> {
        let payload = self.payload(true)?;
        if self.flags() == 0 {
            return Some(Value::Inline(payload));
        }
        match self.flags() {
            BIG => Some(Value::Large {
                pgno: Pgno(u32_at(payload, 0)),
                len: self.dsize(),
            }),
            TREE => (payload.len() == TreeRoot::LEN).then_some(Value::Table(payload)),
            DUP => Page::of_node(payload).ok().map(Value::SubPage),
            flags if flags == DUP | TREE => TreeRoot::read(payload).map(Value::Nested),
            _ => None,
        }
    }

    /// Returns the bytes after the key that belong to the node; `None` if they leave the page.
    #[inline]
    pub(super) fn payload(self, leaf: bool) -> Option<&'a [u8]> {
        self.rest.get(..self.payload_len(leaf))
    }

    /// Returns how many bytes after the key belong to the node. They may leave the page.
    #[inline]
    pub(super) fn payload_len(self, leaf: bool) -> usize {
        match (leaf, self.flags()) {
            (false, _) => 0,
            (true, BIG) => 4,
            (true, _) => self.dsize(),
        }
    }

    /// Returns the node's contents in the form that [`PageMut`] inserts.
    ///
    /// # Panics
    ///
    /// If the node leaves the page: only for nodes of well-formed pages.
    pub(crate) fn contents(self, leaf: bool) -> NewNode<'a> {
        NewNode {
            key: self.key,
            flags: self.flags,
            word: self.word,
            payload: self
                .payload(leaf)
                .expect("nodes of a well-formed page lie inside it"),
        }
    }
}

/// The contents of a node that is, or is to be, on some page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewNode<'n> {
    key: &'n [u8],
    flags: u8,
    word: u32,
    payload: &'n [u8],
}

impl<'n> NewNode<'n> {
    /// A branch node: the keys from `key` on are below `child`.
    pub(crate) fn branch(key: &'n [u8], child: Pgno) -> NewNode<'n> {
        NewNode {
            key,
            flags: 0,
            word: child.0,
            payload: &[],
        }
    }

    /// A leaf node with `payload` in it, marked with `flags`.
    ///
    /// # Panics
    ///
    /// If the payload exceeds 4 GiB, which no node does.
    pub(crate) fn leaf(key: &'n [u8], flags: u8, payload: &'n [u8]) -> NewNode<'n> {
        let word = u32::try_from(payload.len()).expect("a payload is shorter than a page");
        NewNode {
            key,
            flags,
            word,
            payload,
        }
    }

    /// A leaf node whose value of `len` bytes is on the large page with the little-endian number `pgno`.
    pub(crate) fn large(key: &'n [u8], pgno: &'n [u8; 4], len: u32) -> NewNode<'n> {
        NewNode {
            key,
            flags: BIG,
            word: len,
            payload: pgno,
        }
    }

    /// Returns the same node under another key.
    pub(crate) fn with_key(self, key: &'n [u8]) -> NewNode<'n> {
        NewNode { key, ..self }
    }

    pub(crate) fn key(self) -> &'n [u8] {
        self.key
    }

    pub(crate) fn payload(self) -> &'n [u8] {
        self.payload
    }

    /// Returns whether the two nodes differ in nothing but the bytes of their payload.
    pub(crate) fn has_shape_of(self, other: NewNode<'_>) -> bool {
        let shape = |node: NewNode<'_>| (node.flags, node.word, node.payload.len());
        shape(self) == shape(other) && self.key == other.key
    }

    /// Returns the bytes the node takes from the room of a page with an entry table, its entry included.
    pub(crate) fn room(self) -> usize {
        ENTRY + node_span(self.key.len(), self.payload.len())
    }
}

/// Returns the bytes of the heap that a node with such a key and payload takes.
pub(crate) const fn node_span(key_len: usize, payload_len: usize) -> usize {
    NODE_HEADER + even(key_len + payload_len)
}

impl Page<'_> {
    /// Returns the bytes that `node` would take from the room of this page.
    pub(crate) fn room_for(self, node: NewNode<'_>) -> usize {
        if self.is_packed() {
            node.key.len()
        } else {
            node.room()
        }
    }

    /// Returns whether `node` fits this page.
    pub(crate) fn has_room_for(self, node: NewNode<'_>) -> bool {
        self.room_for(node) <= self.room()
    }
}

impl PageMut<'_> {
    /// Inserts `node` as entry `index`.
    ///
    /// # Panics
    ///
    /// If the page [has no room for it](Page::has_room_for), or fewer than `index` entries, or is packed and takes
    /// items of another length.
    pub(crate) fn insert(&mut self, index: usize, node: NewNode<'_>) {
        if self.page().is_packed() {
            return self.insert_item(index, node.key);
        }
        let (lower, upper) = (self.page().lower(), self.page().upper());
        assert!(
            node.room() <= upper - lower,
            "the caller has made room for the node"
        );
        let start = upper - (node.room() - ENTRY);
        let entry = PAGE_HEADER + ENTRY * index;
        if entry < PAGE_HEADER + lower {
            self.bytes
                .copy_within(entry..PAGE_HEADER + lower, entry + ENTRY);
        }
        put_u16(self.bytes, entry, narrow(start));
        self.set_lower(lower + ENTRY);
        self.set_upper(start);

        let bytes = &mut self.bytes[PAGE_HEADER + start..PAGE_HEADER + upper];
        put_u32(bytes, WORD, node.word);
        bytes[FLAGS] = node.flags;
        bytes[EXTRA] = 0;
        put_u16(bytes, KSIZE, narrow(node.key.len()));
        let key_end = NODE_HEADER + node.key.len();
        bytes[NODE_HEADER..key_end].copy_from_slice(node.key);
        let (payload, pad) = bytes[key_end..].split_at_mut(node.payload.len());
        payload.copy_from_slice(node.payload);
        pad.fill(0);
    }

    /// Adds `node` behind the last entry.
    pub(crate) fn append(&mut self, node: NewNode<'_>) {
        self.insert(self.page().len(), node);
    }

    /// Removes entry `index` and its node, and closes the hole it leaves in the heap.
    pub(crate) fn remove(&mut self, index: usize) {
        if self.page().is_packed() {
            return self.remove_item(index);
        }
        let page = self.page();
        let (lower, upper) = (page.lower(), page.upper());
        let start = page.node_offset(index);
        let span = self.contents(index).room() - ENTRY;

        self.bytes
            .copy_within(PAGE_HEADER + upper..start, PAGE_HEADER + upper + span);
        let entry = PAGE_HEADER + ENTRY * index;
        self.bytes
            .copy_within(entry + ENTRY..PAGE_HEADER + lower, entry);
        let (removed, moved_by) = (narrow(start - PAGE_HEADER), narrow(span));
        let end = PAGE_HEADER + lower - ENTRY;
        let (entries, _) = self.bytes[PAGE_HEADER..end].as_chunks_mut();
        for entry in entries {
            let offset = u16::from_le_bytes(*entry);
            // Nothing wraps: the node still ends where the removed one ended, or before.
            let moved = offset.wrapping_add(if offset < removed { moved_by } else { 0 });
            *entry = moved.to_le_bytes();
        }
        self.set_lower(lower - ENTRY);
        self.set_upper(upper + span);
    }

    /// Removes the entries `run` and their nodes. The first entry that a branch page keeps has no key then.
    pub(crate) fn remove_run(&mut self, run: &Range<usize>) {
        let mut before = self.bytes.to_vec();
        let before = PageMut::new(&mut before);
        self.clear();
        for index in (0..before.page().len()).filter(|index| !run.contains(index)) {
            let node = before.contents(index);
            let is_first_of_branch = self.page().is_branch() && self.page().len() == 0;
            self.append(if is_first_of_branch {
                node.with_key(b"")
            } else {
                node
            });
        }
    }

    /// Returns the contents of entry `index`.
    pub(crate) fn contents(&self, index: usize) -> NewNode<'_> {
        let page = self.page();
        let node = page
            .node(index)
            .expect("nodes of a well-formed page lie inside it");
        node.contents(!page.is_branch())
    }

    /// Makes entry `index` of a branch page lead to `child`.
    pub(crate) fn set_child(&mut self, index: usize, child: Pgno) {
        let at = self.page().node_offset(index);
        put_u32(self.bytes, at + WORD, child.0);
    }

    /// Returns the payload of entry `index`, to be overwritten in place.
    pub(crate) fn payload_mut(&mut self, index: usize) -> &mut [u8] {
        let start = self.page().node_offset(index);
        let contents = self.contents(index);
        let (key_len, payload_len) = (contents.key.len(), contents.payload.len());
        &mut self.bytes[start + NODE_HEADER + key_len..][..payload_len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::page::{BRANCH, LEAF};
    use crate::format::verify::verify_tree_page;
    use crate::ids::{PageSize, Txnid};

    fn keys(page: &PageMut<'_>) -> Vec<Vec<u8>> {
        (0..page.page().len())
            .map(|i| page.page().key(i).unwrap().to_vec())
            .collect()
    }

    #[test]
    fn nodes_inserted_out_of_order_are_found_in_order_and_leave_no_hole() {
        let mut bytes = vec![0; 256];
        let mut page = PageMut::init(&mut bytes, LEAF, Pgno(3), Txnid(4));
        page.insert(0, NewNode::leaf(b"m", 0, b"middle"));
        page.insert(0, NewNode::leaf(b"a", 0, b""));
        page.insert(2, NewNode::leaf(b"zz", 0, b"last"));
        assert_eq!(keys(&page), [&b"a"[..], b"m", b"zz"]);
        assert!(matches!(page.page().value(1), Ok(Value::Inline(b"middle"))));
        page.remove(1);
        assert_eq!(keys(&page), [&b"a"[..], b"zz"]);
        assert_eq!(
            page.page().used(),
            2 * ENTRY + node_span(1, 0) + node_span(2, 4)
        );
        assert_eq!(verify_tree_page(&bytes, PageSize::MIN), Ok(()));
    }

    #[test]
    fn a_run_is_removed_as_a_whole_and_the_first_entry_left_in_a_branch_has_no_key() {
        let run_of = |flags, run: Range<usize>| {
            let mut bytes = vec![0; 256];
            let mut page = PageMut::init(&mut bytes, flags, Pgno(3), Txnid(4));
            for (n, key) in [&b""[..], b"bb", b"ccc", b"dd", b"e"]
                .into_iter()
                .enumerate()
            {
                page.append(if flags == LEAF {
                    NewNode::leaf(key, 0, b"value")
                } else {
                    NewNode::branch(key, Pgno(u32::try_from(n).unwrap() + 10))
                });
            }
            page.remove_run(&run);
            let keys = keys(&page);
            if keys.len() > 1 {
                assert_eq!(verify_tree_page(&bytes, PageSize::MIN), Ok(()));
            }
            keys
        };
        assert_eq!(run_of(LEAF, 1..4), [&b""[..], b"e"]);
        assert_eq!(run_of(LEAF, 0..3), [&b"dd"[..], b"e"]);
        assert_eq!(run_of(BRANCH, 1..4), [&b""[..], b"e"]);
        assert_eq!(run_of(BRANCH, 0..3), [&b""[..], b"e"]);
        assert!(run_of(LEAF, 0..5).is_empty());
    }

    #[test]
    fn random_inserts_and_removals_keep_the_page_well_formed() {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut random = move |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 33).unwrap() % below
        };
        let mut bytes = vec![0; 512];
        PageMut::init(&mut bytes, LEAF, Pgno(3), Txnid(4));
        let mut model: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for round in 0..5000_u32 {
            let mut page = PageMut::new(&mut bytes);
            let (key, value) = (
                round.to_be_bytes(),
                vec![round.to_le_bytes()[0]; random(40)],
            );
            let node = NewNode::leaf(&key, 0, &value);
            if node.room() <= page.page().room() && random(3) > 0 {
                let index = random(model.len() + 1);
                page.insert(index, node);
                model.insert(index, (key.to_vec(), value));
            } else if !model.is_empty() {
                let index = random(model.len());
                page.remove(index);
                model.remove(index);
            }
            let found = (0..model.len()).map(|i| {
                let node = page.contents(i);
                (node.key.to_vec(), node.payload.to_vec())
            });
            assert!(found.eq(model.iter().cloned()));
            if !model.is_empty() {
                assert_eq!(
                    verify_tree_page(&bytes, PageSize::new(512).unwrap()),
                    Ok(())
                );
            }
        }
    }

    #[test]
    fn a_node_that_leaves_the_page_is_a_fault() {
        let mut bytes = vec![0; 256];
        PageMut::init(&mut bytes, LEAF, Pgno(3), Txnid(4))
            .append(NewNode::leaf(b"key", 0, b"value"));
        let at = Page::trusted(&bytes).node_offset(0);
        for (field, value) in [(KSIZE, 0xFFFF), (WORD, 200)] {
            let mut damaged = bytes.clone();
            put_u16(&mut damaged, at + field, value);
            assert!(Page::trusted(&damaged).value(0).is_err());
        }
        put_u16(&mut bytes, PAGE_HEADER, 0xFFF0);
        assert!(Page::trusted(&bytes).node(0).is_err());
    }
}
