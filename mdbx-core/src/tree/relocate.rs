//! Move pages nearer to the start of the file, so that its end comes free.
//!
//! Every page at or behind a limit is copied to the lowest free page, and what leads to it is copied too, up to the
//! root: the same copy on write as any change, without a change. A large value goes to the lowest run of free pages
//! that holds it, or stays.
//!
//! Named tables and nested trees are entered from the leaf that holds their record, so the order of the keys does not
//! matter. A page is moved only while enough free pages are left for all those above it, so no move can run out of them
//! half done.

use std::collections::BTreeMap;

use crate::error::{PageFault, Result};
use crate::format::bytes::put_u32;
use crate::format::node::Value;
use crate::format::root::TreeRoot;
use crate::ids::Pgno;
use crate::pager::writer::Writer;
use crate::tree::edit::TreeMut;
use crate::tree::search::check_kind;
use crate::tree::walk::Leaves;

/// What a tree is for, and so what its leaves may lead to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    Main,
    Named,
    /// The values of one key.
    Nested,
}

/// Where in the trees a page is.
#[derive(Clone, Copy)]
struct Level<'t> {
    tree: &'t TreeRoot,
    role: Role,
    /// The levels of the tree from this page down, its own included.
    height: u16,
    /// How many pages lead to this one, those of outer trees included.
    above: usize,
}

impl Level<'_> {
    /// Returns whether these are leaves that lead nowhere.
    fn is_last(self) -> bool {
        let leads = self.role == Role::Main || Leaves::of(self.tree) == Leaves::Leading;
        self.height == 1 && (self.role == Role::Nested || !leads)
    }
}

impl TreeMut<'_, '_> {
    /// Moves the pages of this tree, which is the main table, and of all trees that it leads to, that lie at or behind
    /// `limit`, some `most` of them, as far as there are free pages before them; returns how many were moved, the pages above them not counted.
    /// Nothing else has changed these trees in this transaction.
    ///
    /// It takes no page but spare ones, and leaves `kept` of these.
    pub(crate) fn relocate(&mut self, limit: Pgno, most: usize, kept: usize) -> Result<u64> {
        let left = self.pager.pages().end.0;
        let mut relocation = Relocation {
            pager: &mut *self.pager,
            limit,
            most: most as u64,
            kept,
            moved: 0,
            searched: BTreeMap::new(),
            left,
        };
        relocation.tree(self.root, Role::Main, 0)?;
        Ok(relocation.moved)
    }
}

/// Trees whose pages are being moved.
struct Relocation<'p, 'w> {
    pager: &'p mut Writer<'w>,
    limit: Pgno,
    /// How many pages are moved at most, but that a large value is moved as a whole.
    most: u64,
    /// How many spare pages are not to be taken.
    kept: usize,
    moved: u64,
    /// For some lengths, a page before which there is no run of so many free pages. None comes free meanwhile.
    searched: BTreeMap<u32, Pgno>,
    /// How many more pages can be met, so that pages that lead back to others cannot make it endless.
    left: u32,
}

impl Relocation<'_, '_> {
    /// Moves the pages of the tree `root`, which `above` pages lead to; tells whether its record changed.
    fn tree(&mut self, root: &mut TreeRoot, role: Role, above: usize) -> Result<bool> {
        let end = self.pager.pages().end;
        root.check(end).map_err(|fault| fault.at(root.root))?;
        if root.is_empty() {
            return Ok(false);
        }
        let level = Level {
            tree: root,
            role,
            height: root.height,
            above,
        };
        let now = self.page(root.root, level)?;
        let is_moved = now != root.root;
        if is_moved {
            root.root = now;
            root.mod_txnid = self.pager.txnid();
        }
        Ok(is_moved)
    }

    /// Moves the page `pgno` and those that it leads to; returns the number that it has now.
    fn page(&mut self, pgno: Pgno, level: Level<'_>) -> Result<Pgno> {
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| PageFault::BadTreeRecord.at(pgno))?;
        if level.is_last() && pgno < self.limit {
            return Ok(pgno);
        }
        let page = self.pager.pages().page(pgno)?;
        let is_leaf = level.height == 1;
        check_kind(page, level.tree, is_leaf).map_err(|fault| fault.at(pgno))?;
        let (entries, is_packed) = (page.len(), page.is_packed());
        let mut own = self.lowered(pgno, level.above)?;
        if level.is_last() || is_packed {
            return Ok(own);
        }
        for index in 0..entries {
            own = if is_leaf {
                self.entry(own, index, level)?
            } else {
                self.child(own, index, level)?
            };
        }
        Ok(own)
    }

    /// Copies the page `pgno` to a lower place if it is behind the limit; returns the number that it has now.
    fn lowered(&mut self, pgno: Pgno, above: usize) -> Result<Pgno> {
        if pgno < self.limit {
            return Ok(pgno);
        }
        let is_lower = self.pager.lowest_spare().is_some_and(|free| free < pgno);
        if is_lower && self.pager.spare() > above + self.kept && self.moved < self.most {
            self.moved += 1;
            return self.pager.touch(pgno);
        }
        Ok(pgno)
    }

    /// Moves what child `index` of the branch page `own` holds; returns the number that the branch page has now.
    fn child(&mut self, own: Pgno, index: usize, level: Level<'_>) -> Result<Pgno> {
        let page = self.pager.pages().page(own)?;
        let child = page.child(index).map_err(|fault| fault.at(own))?;
        let below = Level {
            height: level.height - 1,
            above: level.above + 1,
            ..level
        };
        let now = self.page(child, below)?;
        if now == child {
            return Ok(own);
        }
        let own = self.pager.touch(own)?;
        self.pager.page_mut(own).set_child(index, now);
        Ok(own)
    }

    /// Moves what entry `index` of the leaf `own` leads to; returns the number that the leaf has now.
    fn entry(&mut self, own: Pgno, index: usize, level: Level<'_>) -> Result<Pgno> {
        let fault = |fault: PageFault| fault.at(own);
        let page = self.pager.pages().page(own)?;
        let (mut tree, role) = match page.value(index).map_err(fault)? {
            Value::Inline(_) | Value::SubPage(_) => return Ok(own),
            Value::Large { pgno, .. } => {
                return self.large_entry(own, index, pgno, level.above + 1);
            }
            Value::Nested(tree) => (tree, Role::Nested),
            Value::Table(record) if level.role == Role::Main => {
                let tree = TreeRoot::read(record).ok_or(fault(PageFault::BadNode { index }))?;
                (tree, Role::Named)
            }
            Value::Table(_) => return Err(fault(PageFault::BadNode { index })),
        };
        if !self.tree(&mut tree, role, level.above + 1)? {
            return Ok(own);
        }
        let own = self.pager.touch(own)?;
        tree.write(self.pager.page_mut(own).payload_mut(index));
        Ok(own)
    }

    /// Moves the large value from `first` on, which entry `index` of the leaf `own` leads to, if some of it is behind
    /// the limit; returns the number that the leaf has now.
    fn large_entry(&mut self, own: Pgno, index: usize, first: Pgno, above: usize) -> Result<Pgno> {
        let run = self.pager.pages().large_run(first)?.len() / self.pager.page_size().bytes();
        let pages = u32::try_from(run).unwrap_or(u32::MAX);
        let end = first.checked_add(pages);
        let end = end.filter(|&end| end <= self.pager.pages().end);
        let end = end.ok_or_else(|| PageFault::OutOfRange.at(first))?;
        if end <= self.limit {
            return Ok(own);
        }
        let has_room = self.pager.spare() >= above + run + self.kept && self.moved < self.most;
        if !has_room || self.pager.owns(first) {
            return Ok(own);
        }
        let Some(target) = self.run_before(first, pages) else {
            return Ok(own);
        };
        self.pager.copy_large(first, pages, target)?;
        self.moved += u64::from(pages);
        let own = self.pager.touch(own)?;
        put_u32(self.pager.page_mut(own).payload_mut(index), 0, target.0);
        Ok(own)
    }

    /// Returns where the lowest run of `count` free pages starts, if that is before `first`.
    fn run_before(&mut self, first: Pgno, count: u32) -> Option<Pgno> {
        let shorter = self.searched.range(..=count).map(|(_, &page)| page);
        let from = shorter.max().unwrap_or(Pgno(0));
        let lowest = self.pager.lowest_run(count, from);
        self.searched.insert(count, lowest.unwrap_or(Pgno::MAX));
        lowest.filter(|&lowest| lowest < first)
    }
}
