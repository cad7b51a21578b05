//! Keeping the place of a cursor: as plain data that survives changes, or as page numbers while nothing changes.

use crate::error::{PageFault, Result};
use crate::format::root::TreeRoot;
use crate::pager::snapshot::Pages;
use crate::tree::cursor::Cursor;
use crate::tree::leaf_cursor::{End, LeafCursor};
use crate::tree::order::Order;
use crate::tree::position::{Anchor, Position};
use crate::tree::stack::Path;
use crate::tree::state::State;
use crate::tree::values::Values;

/// What there is now at the place of an anchor, and what the keys' cursor stands on.
enum Around<'p> {
    /// The item itself.
    Itself(Values<'p>),
    /// The item that follows the place.
    Next(Values<'p>),
    /// The last value of the anchor's key, which comes before the place.
    Previous(Values<'p>),
    /// Nothing: the table ends before the place.
    Nothing,
}

impl<'p> Around<'p> {
    /// Returns the state of a cursor in the gap at the anchor.
    fn gap(self, anchor: &Anchor) -> State<Values<'p>> {
        let anchor = Box::new(anchor.clone());
        match self {
            Around::Itself(values) | Around::Next(values) => State::GapBefore(values, anchor),
            Around::Previous(values) => State::GapAfter(values, anchor),
            Around::Nothing => State::GapAtEnd(anchor),
        }
    }
}

impl<'p> Cursor<'p> {
    /// Returns the place as plain data.
    pub(crate) fn save(&self) -> Result<Position> {
        Ok(match &self.state {
            State::Unset => Position::Unset,
            State::Missed => Position::Missed,
            State::PastEnd => Position::PastEnd,
            State::On(_) => self.anchor()?.map_or(Position::Missed, Position::On),
            State::AtEnd(_) => self.anchor()?.map_or(Position::Missed, Position::AtEnd),
            State::GapBefore(_, anchor) | State::GapAfter(_, anchor) | State::GapAtEnd(anchor) => {
                Position::Gap(Anchor::clone(anchor))
            }
        })
    }

    /// Returns what ties a position to the item the cursor stands on.
    fn anchor(&self) -> Result<Option<Anchor>> {
        Ok(self.item()?.map(|(key, value)| Anchor {
            key: key.to_vec(),
            value: self.has_dups().then(|| value.to_vec()),
        }))
    }

    /// Goes to a place saved before.
    pub(crate) fn resume(&mut self, position: &Position) -> Result<()> {
        self.state = match position {
            Position::Unset => State::Unset,
            Position::Missed => State::Missed,
            Position::PastEnd => State::PastEnd,
            Position::Gap(anchor) => self.look_around(anchor)?.gap(anchor),
            Position::On(anchor) => match self.look_around(anchor)? {
                Around::Itself(values) => State::On(values),
                gone => gone.gap(anchor),
            },
            Position::AtEnd(anchor) => match self.look_around(anchor)? {
                Around::Itself(values) if self.keys.is_at(End::Last) => State::AtEnd(values),
                Around::Itself(values) => State::On(values),
                gone => gone.gap(anchor),
            },
        };
        Ok(())
    }

    /// Has the keys' cursor look for the item of the anchor.
    fn look_around(&mut self, anchor: &Anchor) -> Result<Around<'p>> {
        let has_key = self.keys.seek(&anchor.key)?;
        let (Some(has_key), Some((_, value))) = (has_key, self.keys.entry()?) else {
            return Ok(Around::Nothing);
        };
        let mut values = Values::of(&self.keys, value, self.dups, End::First)?;
        if !has_key {
            return Ok(Around::Next(values));
        }
        let Some(sought) = anchor.value.as_ref().filter(|_| self.has_dups()) else {
            return Ok(Around::Itself(values));
        };
        Ok(match values.seek(self.dups, sought)? {
            Some(true) => Around::Itself(values),
            Some(false) => Around::Next(values),
            None => Around::Previous(values),
        })
    }

    /// Turns the cursor into its page numbers.
    pub(crate) fn park(self) -> Result<Parked> {
        Ok(Parked {
            path: self.keys.path(),
            state: self.state.try_map(|values| Ok(ParkedValues::of(&values)))?,
        })
    }
}

/// A cursor as page numbers and indexes: it borrows nothing, and comes back without a search.
///
/// It is good for as long as the tree is not changed. After that it leads to a wrong place or to an error.
#[derive(Debug)]
pub(crate) struct Parked {
    path: Path,
    state: State<ParkedValues>,
}

/// Where a parked cursor stands among the values of its entry.
#[derive(Debug)]
enum ParkedValues {
    One,
    SubPage(usize),
    Nested(Box<Path>),
}

impl Parked {
    /// Returns the cursor in the tree `root`, which must be as it was when the cursor was parked.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`](crate::Error::Corrupted) if there is no such place.
    pub(crate) fn revive(self, pages: Pages<'_>, root: TreeRoot) -> Result<Cursor<'_>> {
        let (order, dups) = (Order::of_keys(root.flags), Order::of_dups(root.flags));
        let keys = LeafCursor::at_path(pages, root, order, &self.path)?;
        let state = self.state.try_map(|parked| parked.revive(&keys, dups))?;
        Ok(Cursor { keys, dups, state })
    }
}

impl ParkedValues {
    fn of(values: &Values<'_>) -> ParkedValues {
        match values {
            Values::One(_) => ParkedValues::One,
            Values::SubPage { index, .. } => ParkedValues::SubPage(*index),
            Values::Nested(cursor) => ParkedValues::Nested(Box::new(cursor.path())),
        }
    }

    fn revive<'p>(self, keys: &LeafCursor<'p>, dups: Order) -> Result<Values<'p>> {
        let Some((_, value)) = keys.entry()? else {
            return Err(keys.fault(PageFault::WrongLevel));
        };
        let mut values = Values::of(keys, value, dups, End::First)?;
        match (&mut values, self) {
            (Values::SubPage { page, index, .. }, ParkedValues::SubPage(parked)) => {
                if parked >= page.len() {
                    return Err(keys.fault(PageFault::BadNode { index: parked }));
                }
                *index = parked;
            }
            (Values::Nested(cursor), ParkedValues::Nested(path)) => {
                **cursor = LeafCursor::at_path(keys.pages, cursor.root, dups, &path)?;
            }
            (_, ParkedValues::One | ParkedValues::SubPage(_) | ParkedValues::Nested(_)) => {}
        }
        Ok(values)
    }
}
