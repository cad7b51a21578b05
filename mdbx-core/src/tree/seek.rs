//! Moves to a key, to a value of a key, or to an item.
//!
//! Every search goes to the first place that is not less than what is looked for. The relation asked for then says
//! whether that is the place, or the one after it, or the one before.

use crate::error::Result;
use crate::tree::cursor::{Cursor, Item};
use crate::tree::leaf_cursor::End;
use crate::tree::state::State;

/// How what is found shall relate to what is looked for; of all that does, the nearest is found.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Relation {
    /// The last one less than it.
    Less,
    /// It, or the last one less than it.
    LessOrEqual,
    /// It.
    Equal,
    /// It, or the first one greater than it.
    GreaterOrEqual,
    /// The first one greater than it.
    Greater,
}

/// Which way it is to what is looked for, from the first place that is not less, or from the last if all are less.
enum Way {
    Here,
    Onward,
    Back,
    /// It is not there, and nothing further is tried.
    Nowhere,
}

impl Relation {
    /// Returns the way from what was `found`: a place that is equal or not; `None` if all are less.
    #[inline]
    fn way(self, found: Option<bool>) -> Way {
        match (self, found) {
            (Relation::Less, Some(_)) | (Relation::LessOrEqual, Some(false)) => Way::Back,
            (Relation::Greater, Some(true)) => Way::Onward,
            (Relation::Equal, None | Some(false))
            | (Relation::GreaterOrEqual | Relation::Greater, None) => Way::Nowhere,
            (Relation::Less | Relation::LessOrEqual, None)
            | (Relation::LessOrEqual | Relation::Equal, Some(true))
            | (Relation::GreaterOrEqual, Some(_))
            | (Relation::Greater, Some(false)) => Way::Here,
        }
    }

    /// Returns whether what is looked for lies beyond the end when it is not there.
    fn is_onward(self) -> bool {
        matches!(self, Relation::GreaterOrEqual | Relation::Greater)
    }
}

impl<'p> Cursor<'p> {
    /// Goes to the first value of `key`, or of the first key after it.
    pub(crate) fn seek(&mut self, key: &[u8]) -> Result<Item<'p>> {
        self.seek_by(Relation::GreaterOrEqual, key)
    }

    /// Goes to the first or last value of `key`. If there is no such key, the cursor stands nowhere.
    pub(crate) fn seek_exact(&mut self, key: &[u8], end: End) -> Result<Item<'p>> {
        match self.keys.seek(key)? {
            Some(true) => self.enter(end),
            _ => Ok(self.lost(State::Missed)),
        }
    }

    /// Goes to the nearest key in that `relation` to `key`: to its first value, or, if it is less, to its last one.
    #[inline]
    pub(crate) fn seek_by(&mut self, relation: Relation, key: &[u8]) -> Result<Item<'p>> {
        let found = self.keys.seek(key)?;
        let entered_at = match relation.way(found) {
            Way::Here if found.is_some() => Some(End::First),
            Way::Here => self.keys.is_placed().then_some(End::Last),
            Way::Onward => self.keys.step(End::First)?.then_some(End::First),
            Way::Back => self.keys.step(End::Last)?.then_some(End::Last),
            Way::Nowhere => None,
        };
        match entered_at {
            Some(end) => self.enter(end),
            None => Ok(self.not_found(relation)),
        }
    }

    /// Goes to the nearest value of `key` in that `relation` to `value`.
    pub(crate) fn seek_value_by(
        &mut self,
        relation: Relation,
        key: &[u8],
        value: &[u8],
    ) -> Result<Item<'p>> {
        if self.seek_exact(key, End::First)?.is_none() {
            return Ok(None);
        }
        let dups = self.dups;
        if let Some(values) = self.state.values_mut() {
            let is_there = match relation.way(values.seek(dups, value)?) {
                Way::Here => true,
                Way::Onward => values.step(End::First)?,
                Way::Back => values.step(End::Last)?,
                Way::Nowhere => false,
            };
            if is_there {
                return self.item();
            }
        }
        Ok(self.lost(State::Missed))
    }

    /// Goes to the nearest item in that `relation` to `(key, value)`.
    pub(crate) fn seek_pair_by(
        &mut self,
        relation: Relation,
        key: &[u8],
        value: &[u8],
    ) -> Result<Item<'p>> {
        let found = self.seek_lower_bound(key, value)?;
        let item = match relation.way(found) {
            Way::Here => self.settle()?,
            Way::Onward => self.step(End::First)?,
            Way::Back => self.step(End::Last)?,
            Way::Nowhere => None,
        };
        Ok(item.or_else(|| self.not_found(relation)))
    }

    /// Goes to the first item that is not less than `(key, value)`. Tells whether it equals it; `None` if there is
    /// none, and then the cursor stands on the last item, if any.
    fn seek_lower_bound(&mut self, key: &[u8], value: &[u8]) -> Result<Option<bool>> {
        let Some(has_key) = self.keys.seek(key)? else {
            self.enter(End::Last)?;
            return Ok(None);
        };
        self.enter(End::First)?;
        let dups = self.dups;
        let Some(values) = self.state.values_mut().filter(|_| has_key) else {
            return Ok(Some(false));
        };
        if let Some(exact) = values.seek(dups, value)? {
            return Ok(Some(exact));
        }
        Ok(self.step(End::First)?.map(|_| false))
    }

    /// Takes the place behind the last item if that is where what was looked for would be; else none.
    fn not_found(&mut self, relation: Relation) -> Item<'p> {
        self.lost(if relation.is_onward() {
            State::PastEnd
        } else {
            State::Missed
        })
    }
}
