//! Borrow from or merge with a neighbour; collapse the root.
//!
//! A page that a deletion leaves less than a third full is merged with a neighbour if both fit one page, else the
//! two share what they have. The lower bound is well below half, so that a page just split does not merge again.

use crate::error::{PageFault, Result};
use crate::format::limits::PAGE_HEADER;
use crate::format::node::NewNode;
use crate::format::page::Page;
use crate::ids::Pgno;
use crate::tree::edit::TreeMut;
use crate::tree::split::{Nodes, balanced_cut};
use crate::tree::stack::Path;

/// A page is short when it is emptier than one part in this many.
const SHORT: usize = 3;

/// Two pages side by side below one parent.
struct Neighbours {
    left: Pgno,
    right: Pgno,
    /// The parent's entry that leads to the right one.
    right_index: usize,
}

impl TreeMut<'_, '_> {
    /// Mends the tree after entries were removed from the page that `path` ends with. All pages of the path were
    /// touched.
    pub(crate) fn rebalance(&mut self, path: &Path) -> Result<()> {
        for level in (1..path.len()).rev() {
            let page = self.pager.own_page(path.step(level).pgno);
            let least = if page.is_branch() { 2 } else { 1 };
            if page.len() >= least && page.used() * SHORT >= body(page) {
                return Ok(());
            }
            let merged = self.merge(path, level)?;
            if !merged {
                return self.share(path, level);
            }
        }
        self.collapse_root()
    }

    /// Merges the page at `level` with a neighbour, if there is one to fit; tells whether it did.
    fn merge(&mut self, path: &Path, level: usize) -> Result<bool> {
        let (ours, parent) = (path.step(level).pgno, path.step(level - 1));
        for pair in self.neighbours(path, level)?.into_iter().flatten() {
            let other = if pair.left == ours {
                pair.right
            } else {
                pair.left
            };
            let (left, separator, right) = self.copies(&pair, parent.pgno)?;
            let nodes = Nodes::of_pages(Page::trusted(&left), &separator, Page::trusted(&right));
            if nodes.room() > body(Page::trusted(&left)) {
                continue;
            }
            self.fill(ours, &nodes, 0, nodes.len());
            let count = if Page::trusted(&left).is_branch() {
                &mut self.root.branch_pages
            } else {
                &mut self.root.leaf_pages
            };
            *count = count
                .checked_sub(1)
                .ok_or_else(|| PageFault::BadTreeRecord.at(ours))?;
            self.pager.free(other, 1);
            let mut page = self.pager.page_mut(parent.pgno);
            page.remove(pair.right_index);
            page.set_child(pair.right_index - 1, ours);
            return Ok(true);
        }
        Ok(false)
    }

    /// Deals the entries of the page at `level` and of a neighbour out to both in equal parts.
    fn share(&mut self, path: &Path, level: usize) -> Result<()> {
        let (ours, parent) = (path.step(level).pgno, path.step(level - 1));
        let Some(mut pair) = self.neighbours(path, level)?.into_iter().flatten().next() else {
            return Err(PageFault::TooFewEntries { entries: 1 }.at(parent.pgno));
        };
        let (other, other_index) = if pair.left == ours {
            (&mut pair.right, pair.right_index)
        } else {
            (&mut pair.left, pair.right_index - 1)
        };
        *other = self.pager.touch(*other)?;
        self.pager
            .page_mut(parent.pgno)
            .set_child(other_index, *other);

        let (left, separator, right) = self.copies(&pair, parent.pgno)?;
        let nodes = Nodes::of_pages(Page::trusted(&left), &separator, Page::trusted(&right));
        let Some(cut) = balanced_cut(&nodes) else {
            return Err(PageFault::LooseHeap.at(ours));
        };
        self.fill(pair.left, &nodes, 0, cut);
        self.fill(pair.right, &nodes, cut, nodes.len());

        let node = NewNode::branch(nodes.separator(cut, self.order), pair.right);
        let mut page = self.pager.page_mut(parent.pgno);
        page.remove(pair.right_index);
        if page.page().has_room_for(node) {
            page.insert(pair.right_index, node);
            return Ok(());
        }
        self.split(path, level - 1, pair.right_index, node)
    }

    /// Returns the pairs that the page at `level` forms with its left and its right neighbour.
    fn neighbours(&self, path: &Path, level: usize) -> Result<[Option<Neighbours>; 2]> {
        let (ours, parent) = (path.step(level).pgno, path.step(level - 1));
        let page = self.pager.own_page(parent.pgno);
        let child = |index| page.child(index).map_err(|fault| fault.at(parent.pgno));
        let before = match parent.index.checked_sub(1) {
            None => None,
            Some(index) => Some(Neighbours {
                left: child(index)?,
                right: ours,
                right_index: parent.index,
            }),
        };
        let behind = match parent.index + 1 {
            index if index == page.len() => None,
            index => Some(Neighbours {
                left: ours,
                right: child(index)?,
                right_index: index,
            }),
        };
        Ok([before, behind])
    }

    /// Returns copies of both neighbours and of the separator between them.
    fn copies(&self, pair: &Neighbours, parent: Pgno) -> Result<(Vec<u8>, Vec<u8>, Vec<u8>)> {
        let pages = self.pager.pages();
        let (left, right) = (pages.page(pair.left)?, pages.page(pair.right)?);
        if left.is_branch() != right.is_branch() || pair.left == pair.right {
            return Err(PageFault::WrongLevel.at(pair.right));
        }
        if !packs_alike(left, right) {
            let len = right.item_len();
            return Err(PageFault::BadItemLen { len }.at(pair.right));
        }
        for (pgno, page) in [(pair.left, left), (pair.right, right)] {
            self.pager.check_whole(pgno, page)?;
        }
        let separator = self
            .pager
            .own_page(parent)
            .key(pair.right_index)
            .map_err(|fault| fault.at(parent))?;
        Ok((
            left.bytes().to_vec(),
            separator.to_vec(),
            right.bytes().to_vec(),
        ))
    }

    /// Drops a root that has become needless: an empty page, or a branch with one child.
    fn collapse_root(&mut self) -> Result<()> {
        let root = self.root.root;
        let page = self.pager.own_page(root);
        if page.is_branch() && page.len() == 1 {
            let child = page.child(0).map_err(|fault| fault.at(root))?;
            // The root carries the transaction that last changed the tree, so the child must be written anew.
            self.root.root = self.pager.touch(child)?;
            self.root.height -= 1;
            self.root.branch_pages = self
                .root
                .branch_pages
                .checked_sub(1)
                .ok_or_else(|| PageFault::BadTreeRecord.at(root))?;
            self.pager.free(root, 1);
        } else if page.len() == 0 {
            self.root.root = Pgno::NONE;
            self.root.height = 0;
            (self.root.branch_pages, self.root.leaf_pages) = (0, 0);
            self.pager.free(root, 1);
        }
        Ok(())
    }
}

/// Returns whether nodes of the one page can move to the other as they are.
fn packs_alike(a: Page<'_>, b: Page<'_>) -> bool {
    a.is_packed() == b.is_packed() && (!a.is_packed() || a.item_len() == b.item_len())
}

fn body(page: Page<'_>) -> usize {
    page.bytes().len() - PAGE_HEADER
}
