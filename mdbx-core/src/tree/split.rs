//! Where to split a full page, and the two halves.
//!
//! ```text
//!   parent   | .. a | l .. |              | .. a | l | s .. |
//!                     |           =>               |   |
//!   page     | l m n o p q |            | l m n |     | o p q |     s: some key with  n < s <= o
//! ```
//!
//! In the middle of the tree the halves are made equal. At its edges keys usually arrive in order, and then what is
//! full stays full: the new entry alone goes to the new page.

use crate::error::{PageFault, Result};
use crate::format::bytes::even;
use crate::format::limits::PAGE_HEADER;
use crate::format::node::{ENTRY, NewNode, node_span};
use crate::format::page::Page;
use crate::ids::Pgno;
use crate::tree::edit::TreeMut;
use crate::tree::order::{Order, separator};
use crate::tree::stack::Path;

/// Where in its tree a full page gets a new entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Edge {
    /// Before every other entry of the tree.
    First,
    Inside,
    /// Behind every other entry of the tree.
    Last,
}

impl TreeMut<'_, '_> {
    /// Splits the page at `level` of `path`, which has no room for `node`, and inserts the node as its entry `index`.
    pub(crate) fn split(
        &mut self,
        path: &Path,
        level: usize,
        index: usize,
        node: NewNode<'_>,
    ) -> Result<()> {
        let left = path.step(level).pgno;
        let full = self.pager.own_page(left).bytes().to_vec();
        let full = Page::trusted(&full);
        let nodes = Nodes::of_page_with(full, index, node);
        let Some(cut) = choose_cut(&nodes, self.edge(path, level, index)) else {
            return Err(PageFault::BadNode { index }.at(left));
        };
        let right = self.sibling(full)?;
        if cut < full.len() || index < cut {
            self.fill(left, &nodes, 0, cut);
        }
        self.fill(right, &nodes, cut, nodes.len());
        let separator = nodes.separator(cut, self.order);
        self.add_child(path, level, separator, right)
    }

    /// Returns a new, empty page of the same kind as `page`, which is counted.
    fn sibling(&mut self, page: Page<'_>) -> Result<Pgno> {
        if page.is_branch() {
            self.root.count_branch_page();
            return self.pager.allocate_branch();
        }
        self.root.count_leaf_page();
        self.new_leaf(page.is_packed().then(|| page.item_len()))
    }

    /// Makes page `pgno` hold nodes `from..to`.
    pub(crate) fn fill(&mut self, pgno: Pgno, nodes: &Nodes<'_>, from: usize, to: usize) {
        let mut page = self.pager.page_mut(pgno);
        page.clear();
        page.append(nodes.first_of_page(from));
        for index in from + 1..to {
            page.append(nodes.get(index));
        }
    }

    /// Enters `right`, whose keys start with `separator`, behind the page at `level`, in the page above.
    fn add_child(
        &mut self,
        path: &Path,
        level: usize,
        separator: &[u8],
        right: Pgno,
    ) -> Result<()> {
        let node = NewNode::branch(separator, right);
        let Some(above) = level.checked_sub(1) else {
            return self.grow(path.step(0).pgno, node);
        };
        let parent = path.step(above);
        let mut page = self.pager.page_mut(parent.pgno);
        if page.page().has_room_for(node) {
            page.insert(parent.index + 1, node);
            return Ok(());
        }
        self.split(path, above, parent.index + 1, node)
    }

    /// Puts a new root above `left` and the page that `right` leads to.
    fn grow(&mut self, left: Pgno, right: NewNode<'_>) -> Result<()> {
        self.check_height()?;
        let root = self.pager.allocate_branch()?;
        let mut page = self.pager.page_mut(root);
        page.append(NewNode::branch(b"", left));
        page.append(right);
        self.root.root = root;
        self.root.height += 1;
        self.root.count_branch_page();
        Ok(())
    }

    fn edge(&self, path: &Path, level: usize, index: usize) -> Edge {
        let len = |level: usize| self.pager.own_page(path.step(level).pgno).len();
        let above = |at_edge: &dyn Fn(usize) -> bool| (0..level).all(at_edge);
        if index == len(level) && above(&|level| path.step(level).index + 1 == len(level)) {
            Edge::Last
        } else if index == 0 && above(&|level| path.step(level).index == 0) {
            Edge::First
        } else {
            Edge::Inside
        }
    }
}

/// The nodes of one or two pages in order, perhaps with one more, to be dealt out to two pages.
pub(crate) struct Nodes<'n> {
    left: Page<'n>,
    /// The page behind it, and the separator that stands for the missing key of a branch's first entry.
    right: Option<(Page<'n>, &'n [u8])>,
    extra: Option<(usize, NewNode<'n>)>,
}

impl<'n> Nodes<'n> {
    /// The nodes of `page` with `node` inserted as number `index`.
    pub(crate) fn of_page_with(page: Page<'n>, index: usize, node: NewNode<'n>) -> Nodes<'n> {
        Nodes {
            left: page,
            right: None,
            extra: Some((index, node)),
        }
    }

    /// The nodes of two neighbours; `separator` is what leads to the right one.
    pub(crate) fn of_pages(left: Page<'n>, separator: &'n [u8], right: Page<'n>) -> Nodes<'n> {
        Nodes {
            left,
            right: Some((right, separator)),
            extra: None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.left.len()
            + self.right.map_or(0, |(page, _)| page.len())
            + usize::from(self.extra.is_some())
    }

    fn is_branch(&self) -> bool {
        self.left.is_branch()
    }

    /// Returns node `index`.
    ///
    /// # Panics
    ///
    /// If it lies outside its page: only well-formed pages are dealt out.
    pub(crate) fn get(&self, mut index: usize) -> NewNode<'n> {
        match self.extra {
            Some((at, node)) if index == at => return node,
            Some((at, _)) if index > at => index -= 1,
            _ => {}
        }
        let node = |page: Page<'n>, index| {
            page.node(index)
                .expect("nodes of a well-formed page lie inside it")
                .contents(!page.is_branch())
        };
        match self.right {
            Some((right, separator)) if index == self.left.len() && self.is_branch() => {
                node(right, 0).with_key(separator)
            }
            Some((right, _)) if index >= self.left.len() => node(right, index - self.left.len()),
            _ => node(self.left, index),
        }
    }

    /// Returns node `index` as it is when it comes first on a page: in a branch without its key.
    fn first_of_page(&self, index: usize) -> NewNode<'n> {
        let node = self.get(index);
        if self.is_branch() {
            node.with_key(b"")
        } else {
            node
        }
    }

    /// Returns the room that all nodes take on one page.
    pub(crate) fn room(&self) -> usize {
        // The first node of a branch has no key: neither the one there, nor the one that may come before it.
        let extra = self.extra.map_or(0, |(index, _)| match index {
            0 => self.left.room_for(self.first_of_page(0)),
            _ => self.room_of(index),
        });
        let right = self.right.map_or(0, |(page, separator)| {
            let key_len = if self.is_branch() { separator.len() } else { 0 };
            page.used() + even(key_len)
        });
        self.left.used() + extra + right
    }

    /// Returns the room that node `index` takes on a page.
    fn room_of(&self, index: usize) -> usize {
        if self.left.is_packed() {
            self.left.item_len()
        } else {
            self.get(index).room()
        }
    }

    /// Returns a key that separates the nodes before `cut` from the others.
    pub(crate) fn separator(&self, cut: usize, order: Order) -> &'n [u8] {
        let right = self.get(cut).key();
        if self.is_branch() || self.left.is_packed() {
            right // separators of packed leaves are as long as their items
        } else {
            separator(order, self.get(cut - 1).key(), right)
        }
    }

    fn page_room(&self) -> usize {
        self.left.bytes().len() - PAGE_HEADER
    }

    /// Returns the fewest nodes that one page may have.
    fn least(&self) -> usize {
        if self.is_branch() { 2 } else { 1 }
    }
}

/// Returns how many of the nodes go to the left page, so that both halves fit; `None` if there is no such number.
pub(crate) fn balanced_cut(nodes: &Nodes<'_>) -> Option<usize> {
    choose_cut(nodes, Edge::Inside)
}

fn choose_cut(nodes: &Nodes<'_>, edge: Edge) -> Option<usize> {
    let (least, all, page_room) = (nodes.least(), nodes.room(), nodes.page_room());
    let cuts = least..=nodes.len().saturating_sub(least);
    // Returns what the nodes before `cut` leave to the other page, whose first node drops its key in a branch.
    let room_right = |cut, left| {
        let saved = if nodes.is_branch() {
            nodes.room_of(cut) - ENTRY - node_span(0, 0)
        } else {
            0
        };
        all - left - saved
    };
    if edge == Edge::Last {
        let behind = cuts.end() + 1..nodes.len();
        let mut left = all - behind.map(|index| nodes.room_of(index)).sum::<usize>();
        return cuts.rev().find(|&cut| {
            left -= nodes.room_of(cut);
            left <= page_room && room_right(cut, left) <= page_room
        });
    }
    let mut left = nodes.left.room_for(nodes.first_of_page(0));
    left += (1..least).map(|index| nodes.room_of(index)).sum::<usize>();
    let mut best: Option<(usize, usize)> = None;
    for cut in cuts {
        let right = room_right(cut, left);
        if left <= page_room && right <= page_room {
            if edge == Edge::First {
                return Some(cut);
            }
            let cost = left.abs_diff(right);
            if best.is_none_or(|(least_cost, _)| cost < least_cost) {
                best = Some((cost, cut));
            }
        }
        if left >= right && !nodes.is_branch() {
            break; // the left page only gets fuller from here on, and the right one emptier
        }
        left += nodes.room_of(cut);
    }
    best.map(|(_, cut)| cut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::page::{BRANCH, LEAF, PageMut};
    use crate::ids::Txnid;

    fn page(flags: u16, keys: &[&[u8]]) -> Vec<u8> {
        let mut bytes = vec![0; 256];
        let mut page = PageMut::init(&mut bytes, flags, Pgno(3), Txnid(4));
        for (i, key) in keys.iter().enumerate() {
            let child = Pgno(u32::try_from(i).unwrap());
            page.append(if flags == BRANCH {
                NewNode::branch(key, child)
            } else {
                NewNode::leaf(key, 0, b"")
            });
        }
        bytes
    }

    #[test]
    fn inside_the_tree_the_halves_are_equal_and_at_its_edges_the_full_page_stays_full() {
        let keys: Vec<[u8; 20]> = (b'a'..b'h').map(|c| [c; 20]).collect();
        let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
        let leaf = page(LEAF, &keys);
        let nodes = Nodes::of_page_with(
            Page::trusted(&leaf),
            7,
            NewNode::leaf(b"zzzzzzzzzzzzzzzzzzzz", 0, b""),
        );
        assert_eq!(choose_cut(&nodes, Edge::Inside), Some(4));
        assert_eq!(choose_cut(&nodes, Edge::Last), Some(7));
        assert_eq!(choose_cut(&nodes, Edge::First), Some(1));
    }

    #[test]
    fn a_branch_keeps_two_entries_on_each_side_and_drops_the_first_key() {
        let branch = page(BRANCH, &[b"", b"bbbb", b"cccc", b"dddd"]);
        let node = NewNode::branch(b"eeee", Pgno(9));
        let nodes = Nodes::of_page_with(Page::trusted(&branch), 4, node);
        assert_eq!(choose_cut(&nodes, Edge::Last), Some(3));
        assert_eq!(choose_cut(&nodes, Edge::First), Some(2));
        assert_eq!(nodes.first_of_page(3).key(), b"");
        assert_eq!(nodes.separator(3, Order::Bytes), b"dddd");
    }

    /// Returns the cheapest cut, found by adding up all nodes for each.
    fn cut_by_trial(nodes: &Nodes<'_>, edge: Edge) -> Option<usize> {
        let room = |from: usize, to: usize| {
            let first = nodes.left.room_for(nodes.first_of_page(from));
            let others = (from + 1..to).map(|index| nodes.left.room_for(nodes.get(index)));
            first + others.sum::<usize>()
        };
        let len = nodes.len();
        assert_eq!(nodes.room(), room(0, len));
        (nodes.least()..=len - nodes.least())
            .map(|cut| (cut, room(0, cut), room(cut, len)))
            .filter(|&(_, left, right)| left.max(right) <= nodes.page_room())
            .min_by_key(|&(cut, left, right)| match edge {
                Edge::First => cut,
                Edge::Inside => left.abs_diff(right),
                Edge::Last => len - cut,
            })
            .map(|(cut, _, _)| cut)
    }

    #[test]
    fn the_cut_is_the_one_that_trying_all_finds() {
        let mut state = 0x2545_F491_4F6C_DD1D_u64;
        let mut random = |end: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::from(state.to_le_bytes()[0]) % end
        };
        for _ in 0..2000 {
            let flags = [BRANCH, LEAF][random(2)];
            let keys: Vec<Vec<u8>> = (0..40_u8).map(|c| vec![c; 1 + random(60)]).collect();
            let mut keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
            let mut room = 0;
            keys.retain(|key| {
                room += ENTRY + node_span(key.len(), 0);
                room <= 236
            });
            if flags == BRANCH {
                keys[0] = b"";
            }
            let bytes = page(flags, &keys);
            let (full, key) = (Page::trusted(&bytes), [b'x'; 60]);
            let node = NewNode::branch(&key[..full.room() % 60], Pgno(1));
            let index = random(keys.len() + 1);
            for edge in [Edge::First, Edge::Inside, Edge::Last] {
                let nodes = Nodes::of_page_with(full, index, node);
                assert_eq!(choose_cut(&nodes, edge), cut_by_trial(&nodes, edge));
                if nodes.len() > 4 {
                    let nodes = Nodes::of_pages(full, &key[..random(60)], full);
                    assert_eq!(choose_cut(&nodes, edge), cut_by_trial(&nodes, edge));
                }
            }
        }
    }

    #[test]
    fn a_right_branch_gets_the_separator_of_its_parent_as_its_first_key() {
        let (left, right) = (page(BRANCH, &[b"", b"b"]), page(BRANCH, &[b"", b"y"]));
        let nodes = Nodes::of_pages(Page::trusted(&left), b"x", Page::trusted(&right));
        let keys: Vec<&[u8]> = (0..nodes.len()).map(|i| nodes.get(i).key()).collect();
        assert_eq!(keys, [&b""[..], b"b", b"x", b"y"]);
        assert_eq!(balanced_cut(&nodes), Some(2));
    }
}
