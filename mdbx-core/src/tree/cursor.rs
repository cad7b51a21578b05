//! Positions and moves over items, duplicates included.
//!
//! A [`LeafCursor`] stands on an entry of one tree. A [`Cursor`] adds the second level that a table with duplicates
//! has: it stands on an entry, and on one of the values in it.

use crate::error::{Error, PageFault, Result};
use crate::format::node::Value;
use crate::format::page::Page;
use crate::format::root::TreeRoot;
use crate::pager::snapshot::Pages;
use crate::tree::order::Order;
use crate::tree::search::{Target, bisect, check_kind, descend, prefetch_entry};
use crate::tree::stack::{Level, Stack};

/// How many entries ahead of a cursor the memory is asked for the next node: nodes lie in no order, so it cannot guess.
const AHEAD: usize = 4;

/// One end of a row of entries, and the direction that leads away from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    First,
    Last,
}

impl End {
    fn index(self, len: usize) -> usize {
        match self {
            End::First => 0,
            End::Last => len - 1,
        }
    }

    /// Returns the entry after `index`, coming from this end; `None` if there is none.
    fn step(self, index: usize, len: usize) -> Option<usize> {
        match self {
            End::First => (index + 1 < len).then_some(index + 1),
            End::Last => index.checked_sub(1),
        }
    }
}

/// A position in one tree: on an entry of a leaf, or nowhere.
#[derive(Clone, Debug)]
struct LeafCursor<'p> {
    pages: Pages<'p>,
    root: TreeRoot,
    order: Order,
    /// Empty when the cursor stands nowhere.
    stack: Stack<'p>,
}

impl<'p> LeafCursor<'p> {
    fn new(pages: Pages<'p>, root: TreeRoot, order: Order) -> LeafCursor<'p> {
        LeafCursor {
            pages,
            root,
            order,
            stack: Stack::default(),
        }
    }

    /// Goes to an end of the tree; `false` if the tree is empty.
    fn go_to(&mut self, end: End) -> Result<bool> {
        let target = match end {
            End::First => Target::First,
            End::Last => Target::Last,
        };
        self.descend(target).map(|found| found.is_some())
    }

    /// Goes to the first entry with `key` or a greater one. Tells whether it has the key itself; `None` if there is
    /// no such entry, and then the cursor stands on the last one, if any.
    fn seek(&mut self, key: &[u8]) -> Result<Option<bool>> {
        let Some((index, exact)) = self.descend(Target::Key(key))? else {
            return Ok(None);
        };
        let Some(leaf) = self.stack.levels.last_mut() else {
            return Ok(None);
        };
        if index < leaf.page.len() {
            return Ok(Some(exact));
        }
        leaf.index = index - 1;
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
    fn step(&mut self, end: End) -> Result<bool> {
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

    /// Returns the key of the entry and what it holds; `None` if the cursor stands nowhere.
    #[inline]
    fn entry(&self) -> Result<Option<(&'p [u8], Value<'p>)>> {
        let Some(Level { page, index }) = self.stack.leaf() else {
            return Ok(None);
        };
        let node = page.node(index).map_err(|fault| fault.at(page.pgno()))?;
        match node.value() {
            Some(value) => Ok(Some((node.key(), value))),
            None => Err(PageFault::BadNode { index }.at(page.pgno())),
        }
    }

    fn fault(&self, fault: PageFault) -> Error {
        fault.at(self
            .stack
            .leaf()
            .map_or(self.root.root, |leaf| leaf.page.pgno()))
    }
}

/// A key and one of its values.
pub(crate) type Item<'p> = Option<(&'p [u8], &'p [u8])>;

/// Where a cursor stands, and therefore what a move from it does.
#[derive(Clone, Debug)]
enum Position<'p> {
    /// Not placed yet: moves go to the first or last item.
    Unset,
    /// Looked for something that is not there: moves lead nowhere.
    Missed,
    /// On an item.
    On(Values<'p>),
    /// Behind the last item: a move back goes to it.
    PastEnd,
}

/// The values of the entry a cursor stands on, and the one among them.
#[derive(Clone, Debug)]
enum Values<'p> {
    One(&'p [u8]),
    SubPage(Page<'p>, usize),
    Nested(Box<LeafCursor<'p>>),
}

/// A position on an item of a table.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'p> {
    keys: LeafCursor<'p>,
    dups: Order,
    position: Position<'p>,
}

impl<'p> Cursor<'p> {
    /// A cursor over the tree `root`, not placed yet.
    pub(crate) fn new(pages: Pages<'p>, root: TreeRoot) -> Cursor<'p> {
        let (keys, dups) = (Order::of_keys(root.flags), Order::of_dups(root.flags));
        Cursor {
            keys: LeafCursor::new(pages, root, keys),
            dups,
            position: Position::Unset,
        }
    }

    /// Goes to the first or last item of the table.
    pub(crate) fn go_to(&mut self, end: End) -> Result<Item<'p>> {
        if self.keys.go_to(end)? {
            return self.enter(end);
        }
        self.position = Position::Unset;
        Ok(None)
    }

    /// Goes to the next item away from `end`, or stays if there is none.
    #[inline]
    pub(crate) fn step(&mut self, end: End) -> Result<Item<'p>> {
        let Position::On(values) = &mut self.position else {
            return self.step_key(end);
        };
        if step_values(values, end)? {
            return self.item();
        }
        if !self.keys.step(end)? {
            return Ok(None);
        }
        // From one plain entry to the next, the way of most scans.
        if let (Values::One(held), Some((key, Value::Inline(value)))) = (values, self.keys.entry()?)
        {
            *held = value;
            return Ok(Some((key, value)));
        }
        self.enter(end)
    }

    /// Goes to the next key away from `end`, and there to the value nearest to where it comes from; or stays.
    #[inline]
    pub(crate) fn step_key(&mut self, end: End) -> Result<Item<'p>> {
        match self.position {
            Position::Unset => self.go_to(end),
            Position::PastEnd if end == End::Last => self.go_to(end),
            Position::PastEnd | Position::Missed => Ok(None),
            Position::On(_) => {
                if self.keys.step(end)? {
                    return self.enter(end);
                }
                Ok(None)
            }
        }
    }

    /// Goes to the next value of the same key away from `end`, or stays if there is none.
    pub(crate) fn step_dup(&mut self, end: End) -> Result<Item<'p>> {
        match &mut self.position {
            Position::On(values) => {
                if step_values(values, end)? {
                    self.item()
                } else {
                    Ok(None)
                }
            }
            Position::Unset => self.go_to(end),
            _ => Ok(None),
        }
    }

    /// Goes to the first or last value of the same key.
    pub(crate) fn go_to_dup(&mut self, end: End) -> Result<Item<'p>> {
        match self.position {
            Position::On(_) => self.enter(end),
            _ => Ok(None),
        }
    }

    /// Goes to the first value of `key`, or of the first key after it.
    pub(crate) fn seek(&mut self, key: &[u8]) -> Result<Item<'p>> {
        match self.keys.seek(key)? {
            Some(_) => self.enter(End::First),
            None => Ok(self.lost(Position::PastEnd)),
        }
    }

    /// Goes to the first or last value of `key`. If there is no such key, the cursor stands nowhere.
    pub(crate) fn seek_exact(&mut self, key: &[u8], end: End) -> Result<Item<'p>> {
        match self.keys.seek(key)? {
            Some(true) => self.enter(end),
            _ => Ok(self.lost(Position::Missed)),
        }
    }

    /// Goes to the first item at or after `key` with `value`.
    pub(crate) fn seek_dup(&mut self, key: &[u8], value: &[u8]) -> Result<Item<'p>> {
        match self.keys.seek(key)? {
            Some(true) => {
                if self.seek_value(value)? {
                    return self.item();
                }
                if self.keys.step(End::First)? {
                    self.enter(End::First)
                } else {
                    Ok(self.lost(Position::PastEnd))
                }
            }
            Some(false) => self.enter(End::First),
            None => Ok(self.lost(Position::PastEnd)),
        }
    }

    /// Goes to the first value of the present entry that is not less than `value`; `false` if there is none.
    fn seek_value(&mut self, value: &[u8]) -> Result<bool> {
        self.enter(End::First)?;
        let Position::On(values) = &mut self.position else {
            return Ok(false);
        };
        match values {
            Values::One(only) => Ok(self.dups.compare(only, value).is_ge()),
            Values::SubPage(page, index) => {
                let (found, _) =
                    bisect(*page, 0, self.dups, value).map_err(|fault| self.keys.fault(fault))?;
                *index = found.min(page.len() - 1);
                Ok(found < page.len())
            }
            Values::Nested(cursor) => Ok(cursor.seek(value)?.is_some()),
        }
    }

    /// Forgets the place, whatever comes of it, and answers "nothing there".
    fn lost(&mut self, position: Position<'p>) -> Item<'p> {
        self.position = position;
        None
    }

    /// Returns whether the entry the cursor stands on is the record of a named table.
    pub(crate) fn is_on_table(&self) -> Result<bool> {
        Ok(self
            .keys
            .entry()?
            .is_some_and(|(_, value)| matches!(value, Value::Table(_))))
    }

    /// Returns the item the cursor stands on.
    pub(crate) fn current(&self) -> Result<Item<'p>> {
        self.item()
    }

    /// Returns the number of values of the key the cursor stands on; 0 if it stands on none.
    pub(crate) fn count(&self) -> u64 {
        match &self.position {
            Position::On(Values::One(_)) => 1,
            Position::On(Values::SubPage(page, _)) => page.len() as u64,
            Position::On(Values::Nested(cursor)) => cursor.root.items,
            _ => 0,
        }
    }

    /// Stands on the first or last value of the entry that the keys' cursor stands on.
    #[inline]
    fn enter(&mut self, end: End) -> Result<Item<'p>> {
        self.position = Position::Unset;
        let Some((key, value)) = self.keys.entry()? else {
            return Ok(None);
        };
        let pages = self.keys.pages;
        let values = match value {
            Value::Inline(bytes) | Value::Table(bytes) => Values::One(bytes),
            Value::Large { pgno, len } => Values::One(pages.large_value(pgno, len)?),
            Value::SubPage(page) => Values::SubPage(page, end.index(page.len())),
            Value::Nested(root) => {
                root.check(pages.end)
                    .map_err(|fault| self.keys.fault(fault))?;
                let mut cursor = LeafCursor::new(pages, root, self.dups);
                if !cursor.go_to(end)? {
                    return Err(self.keys.fault(PageFault::BadTreeRecord));
                }
                Values::Nested(Box::new(cursor))
            }
        };
        let item = value_of(&values, &self.keys)?.map(|value| (key, value));
        self.position = Position::On(values);
        Ok(item)
    }

    #[inline]
    fn item(&self) -> Result<Item<'p>> {
        let (Position::On(values), Some((key, _))) = (&self.position, self.keys.entry()?) else {
            return Ok(None);
        };
        Ok(value_of(values, &self.keys)?.map(|value| (key, value)))
    }
}

#[inline]
fn step_values(values: &mut Values<'_>, end: End) -> Result<bool> {
    match values {
        Values::One(_) => Ok(false),
        Values::SubPage(page, index) => {
            let next = end.step(*index, page.len());
            *index = next.unwrap_or(*index);
            Ok(next.is_some())
        }
        Values::Nested(cursor) => cursor.step(end),
    }
}

#[inline]
fn value_of<'p>(values: &Values<'p>, keys: &LeafCursor<'p>) -> Result<Option<&'p [u8]>> {
    match values {
        Values::One(value) => Ok(Some(value)),
        Values::SubPage(page, index) => page
            .key(*index)
            .map(Some)
            .map_err(|fault| keys.fault(fault)),
        Values::Nested(cursor) => Ok(cursor.entry()?.map(|(value, _)| value)),
    }
}
