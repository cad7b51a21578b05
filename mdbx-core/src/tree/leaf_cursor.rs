//! A position in one tree: on an entry of a leaf, or nowhere.
//!
//! The cursor holds the pages from the root down to its leaf, so a step inside a leaf is an addition, and only a step
//! to another leaf looks pages up.

use crate::error::{Error, PageFault, Result};
use crate::format::node::Value;
use crate::format::root::TreeRoot;
use crate::ids::Pgno;
use crate::pager::snapshot::Pages;
use crate::tree::order::Order;
use crate::tree::search::{Target, check_kind, descend, prefetch_entry};
use crate::tree::stack::{Level, Path, Stack};

/// How many entries ahead of a cursor the memory is asked for the next node: nodes lie in no order, so it cannot guess.
const AHEAD: usize = 4;

/// One end of a row of entries, and the direction that leads away from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    First,
    Last,
}

impl End {
    /// Returns the entry at this end of `len` entries, which must be one at least.
    pub(crate) fn index(self, len: usize) -> usize {
        match self {
            End::First => 0,
            End::Last => len - 1,
        }
    }

    /// Returns the entry after `index`, coming from this end; `None` if there is none.
    pub(crate) fn step(self, index: usize, len: usize) -> Option<usize> {
        match self {
            End::First => (index + 1 < len).then_some(index + 1),
            End::Last => index.checked_sub(1),
        }
    }

    /// Returns the entry `most` after `index`, coming from this end, or the last one there is; and how many that was.
    pub(crate) fn skip(self, index: usize, len: usize, most: u64) -> (usize, u64) {
        let left = match self {
            End::First => len - 1 - index,
            End::Last => index,
        };
        let steps = usize::try_from(most).map_or(left, |most| most.min(left));
        let index = match self {
            End::First => index + steps,
            End::Last => index - steps,
        };
        (index, steps as u64)
    }
}

/// A position in one tree.
#[derive(Clone, Debug)]
pub(crate) struct LeafCursor<'p> {
    pub(super) pages: Pages<'p>,
    pub(super) root: TreeRoot,
    pub(super) order: Order,
    /// Empty when the cursor stands nowhere.
    stack: Stack<'p>,
}

impl<'p> LeafCursor<'p> {
    /// A cursor in the tree `root`, not placed yet.
    pub(super) fn new(pages: Pages<'p>, root: TreeRoot, order: Order) -> LeafCursor<'p> {
        LeafCursor {
            pages,
            root,
            order,
            stack: Stack::default(),
        }
    }

    /// A cursor on the entry that `path` leads to, as [`path`](LeafCursor::path) gave it for this very tree.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`] if the tree has no such entry.
    pub(super) fn at_path(
        pages: Pages<'p>,
        root: TreeRoot,
        order: Order,
        path: &Path,
    ) -> Result<LeafCursor<'p>> {
        let mut cursor = LeafCursor::new(pages, root, order);
        if path.len() != 0 && path.len() != usize::from(root.height) {
            return Err(PageFault::WrongLevel.at(root.root));
        }
        for level in 0..path.len() {
            let step = path.step(level);
            let page = pages.page(step.pgno)?;
            let is_leaf_level = level + 1 == usize::from(root.height);
            check_kind(page, &root, is_leaf_level).map_err(|fault| fault.at(step.pgno))?;
            if step.index >= page.len() {
                return Err(PageFault::BadNode { index: step.index }.at(step.pgno));
            }
            let index = step.index;
            cursor.stack.levels.push(Level { page, index });
        }
        Ok(cursor)
    }

    /// Returns the page numbers and entries that lead to where the cursor stands.
    pub(super) fn path(&self) -> Path {
        let mut path = Path::new();
        for level in &self.stack.levels {
            path.push(level.page.pgno(), level.index);
        }
        path
    }

    /// Returns whether the cursor stands on an entry.
    pub(super) fn is_placed(&self) -> bool {
        !self.stack.levels.is_empty()
    }

    /// Goes to an end of the tree; `false` if the tree is empty.
    pub(super) fn go_to(&mut self, end: End) -> Result<bool> {
        let target = match end {
            End::First => Target::First,
            End::Last => Target::Last,
        };
        self.descend(target).map(|found| found.is_some())
    }

    /// Goes to the first entry with `key` or a greater one. Tells whether it has the key itself; `None` if there is
    /// no such entry, and then the cursor stands on the last one, if any.
    pub(super) fn seek(&mut self, key: &[u8]) -> Result<Option<bool>> {
        let Some((index, exact)) = self.descend(Target::Key(key))? else {
            return Ok(None);
        };
        let Some(leaf) = self.stack.levels.last_mut() else {
            return Ok(None);
        };
        if index < leaf.page.len() {
            return Ok(Some(exact));
        }
        let Some(last) = index.checked_sub(1) else {
            self.stack.levels.clear(); // no sound tree has a leaf without entries
            return Ok(None);
        };
        leaf.index = last;
        Ok(self.step(End::First)?.then_some(false))
    }

    fn descend(&mut self, target: Target<'_>) -> Result<Option<(usize, bool)>> {
        let levels = &mut self.stack.levels;
        levels.clear();
        let push = |page, _, index| levels.push(Level { page, index });
        match descend(self.pages, &self.root, self.order, target, push) {
            Ok(found) => Ok(found.map(|found| (found.index, found.exact))),
            Err(error) => {
                self.stack.levels.clear();
                Err(error)
            }
        }
    }

    /// Goes to the next entry away from `end`; `false`, and no move, if there is none.
    #[inline]
    pub(super) fn step(&mut self, end: End) -> Result<bool> {
        if let Some(leaf) = self.stack.levels.last_mut()
            && let Some(index) = end.step(leaf.index, leaf.page.len())
        {
            leaf.index = index;
            let ahead = match end {
                End::First => index + AHEAD,
                End::Last => index.wrapping_sub(AHEAD),
            };
            prefetch_entry(leaf.page, ahead);
            return Ok(true);
        }
        self.step_to_next_leaf(end)
    }

    fn step_to_next_leaf(&mut self, end: End) -> Result<bool> {
        let levels = &mut self.stack.levels;
        let turn = levels
            .iter()
            .rposition(|level| end.step(level.index, level.page.len()).is_some());
        let Some(turn) = turn else {
            return Ok(false);
        };
        levels.truncate(turn + 1);
        let level = &mut levels[turn];
        level.index = end
            .step(level.index, level.page.len())
            .unwrap_or(level.index);
        let done = self.descend_to(end);
        if done.is_err() {
            self.stack.levels.clear();
        }
        done.map(|()| true)
    }

    /// Goes down from the last level to a leaf, along the side of `end`.
    fn descend_to(&mut self, end: End) -> Result<()> {
        while let Some(level) = self.stack.leaf()
            && level.page.is_branch()
        {
            let above = level.page.pgno();
            let pgno = level
                .page
                .child(level.index)
                .map_err(|fault| fault.at(above))?;
            let page = self.pages.page(pgno)?;
            let is_leaf_level = self.stack.levels.len() + 1 == usize::from(self.root.height);
            self.prefetch_beyond(level, end);
            check_kind(page, &self.root, is_leaf_level).map_err(|fault| fault.at(pgno))?;
            self.stack.levels.push(Level {
                page,
                index: end.index(page.len()),
            });
        }
        Ok(())
    }

    /// Asks the memory for the start of the page after the one that `level` leads to.
    fn prefetch_beyond(&self, level: Level<'p>, end: End) {
        if let Some(index) = end.step(level.index, level.page.len())
            && let Ok(pgno) = level.page.child(index)
        {
            self.pages.prefetch(pgno);
        }
    }

    /// Goes `most` entries away from `end`, or as many as there are; returns how many, passing whole leaves at once.
    pub(super) fn skip(&mut self, end: End, most: u64) -> Result<u64> {
        let mut done = 0;
        while done < most
            && let Some(leaf) = self.stack.levels.last_mut()
        {
            let (index, steps) = end.skip(leaf.index, leaf.page.len(), most - done);
            leaf.index = index;
            done += steps;
            if done < most {
                if !self.step_to_next_leaf(end)? {
                    break;
                }
                done += 1;
            }
        }
        Ok(done)
    }

    /// Returns how many entries `later`, a cursor in the same tree, stands after this one.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`] if it does not, or there are more than the record of the tree says.
    pub(super) fn entries_to(&self, later: &LeafCursor<'p>) -> Result<u64> {
        let mut at = self.clone();
        let mut count = 0;
        while let (Some(here), Some(there)) = (at.stack.leaf(), later.stack.leaf())
            && here.page.pgno() != there.page.pgno()
        {
            let (_, steps) = End::First.skip(here.index, here.page.len(), u64::MAX);
            count += steps + 1;
            if at.skip(End::First, steps + 1)? <= steps || count > self.root.items {
                return Err(self.fault(PageFault::BadTreeRecord));
            }
        }
        let index = |cursor: &LeafCursor<'_>| cursor.stack.leaf().map_or(0, |leaf| leaf.index);
        match index(later).checked_sub(index(&at)) {
            Some(steps) => Ok(count + steps as u64),
            None => Err(self.fault(PageFault::BadTreeRecord)),
        }
    }

    /// Returns whether the cursor stands on the entry at this end of the tree.
    pub(super) fn is_at(&self, end: End) -> bool {
        let mut levels = self.stack.levels.iter();
        levels.all(|level| level.index == end.index(level.page.len()))
    }

    /// Returns whether both cursors, in the same tree, stand on the same entry.
    pub(super) fn is_beside(&self, other: &LeafCursor<'p>) -> bool {
        let place = |level: Level<'_>| (level.page.pgno(), level.index);
        self.stack.leaf().map(place) == other.stack.leaf().map(place)
    }

    /// Returns the key of the entry and what it holds; `None` if the cursor stands nowhere.
    #[inline]
    pub(super) fn entry(&self) -> Result<Option<(&'p [u8], Value<'p>)>> {
        let Some(Level { page, index }) = self.stack.leaf() else {
            return Ok(None);
        };
        let node = page.node(index).map_err(|fault| fault.at(page.pgno()))?;
        match node.value() {
            Some(value) => Ok(Some((node.key(), value))),
            None => Err(PageFault::BadNode { index }.at(page.pgno())),
        }
    }

    /// Returns the key of the entry; `None` if the cursor stands nowhere.
    #[inline]
    pub(super) fn key(&self) -> Result<Option<&'p [u8]>> {
        let Some(Level { page, index }) = self.stack.leaf() else {
            return Ok(None);
        };
        let key = page.key(index).map_err(|fault| fault.at(page.pgno()))?;
        Ok(Some(key))
    }

    /// Returns whether the entry has that key.
    pub(super) fn is_on_key(&self, key: &[u8]) -> Result<bool> {
        let there = self.key()?;
        Ok(there.is_some_and(|there| self.order.compare(there, key).is_eq()))
    }

    /// Returns the page the cursor stands on; the root if it stands nowhere.
    pub(super) fn pgno(&self) -> Pgno {
        let leaf = self.stack.leaf();
        leaf.map_or(self.root.root, |leaf| leaf.page.pgno())
    }

    /// Returns the error that the page the cursor stands on has this fault.
    #[cold]
    pub(super) fn fault(&self, fault: PageFault) -> Error {
        fault.at(self.pgno())
    }
}
