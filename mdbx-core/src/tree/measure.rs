//! Comparing the places of cursors, counting the items between them, and moving by a number of items.
//!
//! Leaves, and the values of keys that are passed as a whole, are counted without looking at them.

use std::cmp::Ordering;

use crate::error::{PageFault, Result};
use crate::tree::cursor::{Cursor, Item};
use crate::tree::leaf_cursor::End;
use crate::tree::state::State;
use crate::tree::values::count_of;

impl<'p> Cursor<'p> {
    /// Returns the order of the keys that the two cursors stand on; `None` if one stands on none.
    pub(crate) fn compare_keys(&self, other: &Cursor<'_>) -> Result<Option<Ordering>> {
        let (Some((key, _)), Some((other, _))) = (self.current()?, other.current()?) else {
            return Ok(None);
        };
        Ok(Some(self.keys.order.compare(key, other)))
    }

    /// Returns the order of the items that the two cursors stand on; `None` if one stands on none.
    pub(crate) fn compare(&self, other: &Cursor<'_>) -> Result<Option<Ordering>> {
        let (Some((key, value)), Some((other_key, other_value))) =
            (self.current()?, other.current()?)
        else {
            return Ok(None);
        };
        let order = self.keys.order.compare(key, other_key);
        // Where a key has one value, equal keys are the same item.
        Ok(Some(order.then_with(|| {
            if self.has_dups() {
                self.dups.compare(value, other_value)
            } else {
                Ordering::Equal
            }
        })))
    }

    /// Returns how many items `other` stands after this one, or, as a negative number, before it; `None` if one of
    /// them stands on no item, or they are not cursors of the same tree.
    pub(crate) fn distance(&self, other: &Cursor<'p>) -> Result<Option<i64>> {
        if self.keys.root != other.keys.root {
            return Ok(None);
        }
        let Some(order) = self.compare(other)? else {
            return Ok(None);
        };
        let (first, second) = match order {
            Ordering::Greater => (other, self),
            Ordering::Less | Ordering::Equal => (self, other),
        };
        let count = first.on_current()?.items_to(&second.on_current()?)?;
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        Ok(Some(if order.is_gt() { -count } else { count }))
    }

    /// Returns a cursor on the item that `current` gives.
    fn on_current(&self) -> Result<Cursor<'p>> {
        let mut cursor = self.clone();
        if matches!(cursor.state, State::GapAfter(..)) {
            cursor.step(End::First)?;
        }
        Ok(cursor)
    }

    /// Returns how many items `later` stands after this one; neither stands behind its item.
    fn items_to(&self, later: &Cursor<'p>) -> Result<u64> {
        let (Some(from), Some(to)) = (self.state.values(), later.state.values()) else {
            return Ok(0);
        };
        if !self.has_dups() {
            return self.keys.entries_to(&later.keys);
        }
        let mut at = self.keys.clone();
        if at.is_beside(&later.keys) {
            return from.distance_to(to);
        }
        let mut count = from.left_to(End::Last)?;
        loop {
            if !at.step(End::First)? || count > at.root.items {
                return Err(at.fault(PageFault::BadTreeRecord));
            }
            if at.is_beside(&later.keys) {
                return Ok(count + to.left_to(End::First)? - 1);
            }
            count += at.entry()?.map_or(0, |(_, value)| count_of(&value));
        }
    }

    /// Goes `count` items away from `end`; `None`, and no move, if there are not so many, or the cursor is not placed.
    pub(crate) fn skip(&mut self, end: End, count: u64) -> Result<Item<'p>> {
        if count == 0 {
            return self.current();
        }
        if matches!(self.state, State::Unset) {
            return Ok(None);
        }
        let before = self.clone();
        if self.step(end)?.is_some() && self.skip_from_item(end, count - 1)? {
            return self.item();
        }
        *self = before;
        Ok(None)
    }

    /// Goes `left` items away from `end`; tells whether there were so many.
    fn skip_from_item(&mut self, end: End, mut left: u64) -> Result<bool> {
        if left == 0 {
            return Ok(true);
        }
        if !self.has_dups() {
            let done = self.keys.skip(end, left)?;
            self.enter(end)?;
            return Ok(done == left);
        }
        if let Some(values) = self.state.values_mut() {
            left -= values.skip(end, left)?;
        }
        while left > 0 {
            if !self.keys.step(end)? {
                return Ok(false);
            }
            let count = self.keys.entry()?.map_or(0, |(_, value)| count_of(&value));
            if left <= count {
                self.enter(end)?;
                let values = self.state.values_mut();
                let steps = values.map_or(Ok(0), |values| values.skip(end, left - 1))?;
                return Ok(steps == left - 1);
            }
            left -= count;
        }
        Ok(true)
    }
}
