//! Positions on the items of a table, and moves from them.
//!
//! A [`LeafCursor`] stands on an entry of one tree. A [`Cursor`] adds the second level that a table with several values
//! for a key has, and the [`State`]: on an item, beside one, or nowhere. This file has the moves relative to the place;
//! `seek` has those to a key or an item, `resume` those to a place kept before.

use crate::error::Result;
use crate::format::node::Value;
use crate::format::root::{DUP_SORT, TreeRoot};
use crate::pager::snapshot::Pages;
use crate::tree::leaf_cursor::{End, LeafCursor};
use crate::tree::order::{Order, Orders};
use crate::tree::state::State;
use crate::tree::values::Values;

/// A key and one of its values.
pub(crate) type Item<'p> = Option<(&'p [u8], &'p [u8])>;

/// A position on an item of a table.
///
/// Holds: while the state has values, `keys` stands on the entry that they belong to.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'p> {
    pub(super) keys: LeafCursor<'p>,
    pub(super) dups: Order,
    pub(super) state: State<Values<'p>>,
}

impl<'p> Cursor<'p> {
    /// A cursor over the tree `root`, not placed yet.
    pub(crate) fn new(pages: Pages<'p>, root: TreeRoot, orders: Orders) -> Cursor<'p> {
        Cursor {
            keys: LeafCursor::new(pages, root, orders.keys),
            dups: orders.dups,
            state: State::Unset,
        }
    }

    /// Returns whether a key of the table can have several values.
    pub(crate) fn has_dups(&self) -> bool {
        self.keys.root.flags & DUP_SORT != 0
    }

    /// Forgets the place.
    pub(crate) fn reset(&mut self) {
        self.state = State::Unset;
    }

    /// Forgets the place: no relative move leads anywhere from here.
    pub(crate) fn miss(&mut self) {
        self.state = State::Missed;
    }

    /// Goes to the first or last item of the table.
    pub(crate) fn go_to(&mut self, end: End) -> Result<Item<'p>> {
        if !self.keys.go_to(end)? {
            return Ok(self.lost(State::Unset));
        }
        let item = self.enter(end)?;
        if end == End::Last && self.count() == 1 {
            self.stay(End::First); // nothing can follow, as if that had been tried
        }
        Ok(item)
    }

    /// Goes to the next item away from `end`, or stays if there is none.
    #[inline]
    pub(crate) fn step(&mut self, end: End) -> Result<Item<'p>> {
        let State::On(values) = &mut self.state else {
            return self.step_from_beside(end);
        };
        if !matches!(values, Values::One(_)) && values.step(end)? {
            return self.item();
        }
        if !self.keys.step(end)? {
            return Ok(self.stay(end));
        }
        // From one plain entry to the next, the way of most scans.
        if let (Values::One(held), Some((key, Value::Inline(value)))) = (values, self.keys.entry()?)
        {
            *held = value;
            return Ok(Some((key, value)));
        }
        self.enter(end)
    }

    /// As [`step`](Cursor::step), from any state.
    fn step_from_beside(&mut self, end: End) -> Result<Item<'p>> {
        match (&self.state, end) {
            (State::Unset, _) => return self.go_to(end),
            (State::PastEnd | State::GapAtEnd(_), End::Last) => return self.come_back(),
            (State::GapAtEnd(_), End::First) => return self.arrive_at_end(),
            (State::GapBefore(..), End::First) | (State::GapAfter(..), End::Last) => {
                return self.settle();
            }
            _ => {}
        }
        let Some(values) = self.state.values_mut() else {
            return Ok(None);
        };
        if values.step(end)? {
            return self.settle();
        }
        self.enter_next(end)
    }

    /// Goes to the next key away from `end`, and there to the value nearest to where it comes from; or stays.
    pub(crate) fn step_key(&mut self, end: End) -> Result<Item<'p>> {
        match (&self.state, end) {
            (State::Unset, _) => self.go_to(end),
            (State::PastEnd | State::GapAtEnd(_), End::Last) => self.come_back(),
            (State::GapAtEnd(_), End::First) => self.arrive_at_end(),
            (State::Missed | State::PastEnd, _) => Ok(None),
            (State::GapBefore(_, anchor), End::First) if !self.keys.is_on_key(&anchor.key)? => {
                self.settle()
            }
            _ => self.enter_next(end),
        }
    }

    /// Goes to the next value of the same key away from `end`, or stays if there is none.
    pub(crate) fn step_dup(&mut self, end: End) -> Result<Item<'p>> {
        match (&self.state, end) {
            (State::Unset, _) => return self.go_to(end),
            (State::GapBefore(..), End::First) | (State::GapAfter(..), End::Last) => {
                return self.settle();
            }
            _ => {}
        }
        let values = self.state.values_mut();
        if values.map_or(Ok(false), |values| values.step(end))? {
            self.settle()
        } else {
            Ok(None)
        }
    }

    /// Goes to the first or last value of the same key.
    pub(crate) fn go_to_dup(&mut self, end: End) -> Result<Item<'p>> {
        match &self.state {
            State::AtEnd(values) if values.count() == 1 => self.item(),
            state if state.values().is_some() => self.enter(end),
            _ => Ok(None),
        }
    }

    /// Returns the item the cursor stands on, or the one that follows a gap.
    pub(crate) fn current(&self) -> Result<Item<'p>> {
        match &self.state {
            State::GapAfter(..) => self.clone().step(End::First),
            _ => self.item(),
        }
    }

    /// Returns the number of values of the key the cursor stands on; 0 if it stands on none.
    pub(crate) fn count(&self) -> u64 {
        self.state.values().map_or(0, Values::count)
    }

    /// Returns whether the cursor is known to be at the end: nothing follows, or it stands nowhere.
    pub(crate) fn is_at_end(&self) -> bool {
        match self.state {
            State::On(_) | State::GapBefore(..) | State::GapAfter(..) => false,
            State::Unset
            | State::Missed
            | State::AtEnd(_)
            | State::PastEnd
            | State::GapAtEnd(_) => true,
        }
    }

    /// Returns whether the cursor stands on the first or last key; true also of one that is not placed, and of every
    /// one in an empty table.
    pub(crate) fn is_on_key_at(&self, end: End) -> bool {
        match &self.state {
            State::Unset => true,
            state if state.values().is_some() => self.keys.is_at(end),
            _ => self.keys.root.is_empty(),
        }
    }

    /// Returns whether the cursor stands on the first or last value of its key; true also of one that stands nowhere.
    pub(crate) fn is_on_dup_at(&self, end: End) -> bool {
        self.state.values().is_none_or(|values| values.is_at(end))
    }

    /// Returns whether the entry the cursor stands on is the record of a named table.
    pub(crate) fn is_on_table(&self) -> Result<bool> {
        Ok(self
            .keys
            .entry()?
            .is_some_and(|(_, value)| matches!(value, Value::Table(_))))
    }

    /// Goes from behind the last item to it.
    fn come_back(&mut self) -> Result<Item<'p>> {
        if self.keys.go_to(End::Last)? {
            self.enter(End::Last)
        } else {
            Ok(None)
        }
    }

    /// Finds nothing behind the gap that the last item left, and so is on the item that is the last one now.
    fn arrive_at_end(&mut self) -> Result<Item<'p>> {
        if self.come_back()?.is_some() {
            self.stay(End::First);
        }
        Ok(None)
    }

    /// Answers "nothing there" to a move away from `end`, which leaves the cursor in its place.
    pub(super) fn stay(&mut self, end: End) -> Item<'p> {
        if end == End::First && matches!(self.state, State::On(_)) {
            let State::On(values) = std::mem::replace(&mut self.state, State::Missed) else {
                return None;
            };
            self.state = State::AtEnd(values);
        }
        None
    }

    /// Forgets the place, whatever comes of it, and answers "nothing there".
    pub(super) fn lost(&mut self, state: State<Values<'p>>) -> Item<'p> {
        self.state = state;
        None
    }

    /// Stands on the item beside which the cursor is.
    pub(super) fn settle(&mut self) -> Result<Item<'p>> {
        self.state = std::mem::replace(&mut self.state, State::Missed).settled();
        self.item()
    }

    /// Goes to the next entry away from `end`, and there to the value nearest to where it comes from; or stays.
    fn enter_next(&mut self, end: End) -> Result<Item<'p>> {
        if self.keys.step(end)? {
            self.enter(end)
        } else {
            Ok(self.stay(end))
        }
    }

    /// Stands on the first or last value of the entry that the keys' cursor stands on.
    #[inline]
    pub(super) fn enter(&mut self, end: End) -> Result<Item<'p>> {
        self.state = State::Missed;
        let Some((key, value)) = self.keys.entry()? else {
            return Ok(None);
        };
        // The plain entry, which most are, takes no way through memory.
        if let Value::Inline(value) = value {
            self.state = State::On(Values::One(value));
            return Ok(Some((key, value)));
        }
        let values = Values::of(&self.keys, value, self.dups, end)?;
        let value = values.value()?;
        self.state = State::On(values);
        Ok(Some((key, value)))
    }

    /// Returns the item on which or beside which the cursor stands.
    #[inline]
    pub(super) fn item(&self) -> Result<Item<'p>> {
        let (Some(values), Some(key)) = (self.state.values(), self.keys.key()?) else {
            return Ok(None);
        };
        values.value().map(|value| Some((key, value)))
    }
}
