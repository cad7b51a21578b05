//! Where a cursor stands: the states, with names, and what is true in each.
//!
//! | state | how it comes about | what moves do |
//! | --- | --- | --- |
//! | `Unset` | a new cursor | `next` goes to the first item, `prev` to the last |
//! | `Missed` | an exact search found nothing | lead nowhere |
//! | `On` | every move that succeeds | lead to the neighbours |
//! | `AtEnd` | a move onwards found nothing | as `On` |
//! | `PastEnd` | a search found nothing from there on | `prev` goes to the last item |
//! | `GapBefore` | the item was deleted, another follows it | `next` gives that one, `prev` the one before |
//! | `GapAfter` | the last value of a key was deleted | `prev` gives the one before, `next` the next key's first |
//! | `GapAtEnd` | the last key was deleted | as `PastEnd`, but after `next` it is `AtEnd` on the last item there is |

use crate::error::Result;
use crate::tree::position::Anchor;

/// The state of a cursor; `V` says where among the values of an entry it is.
#[derive(Clone, Debug)]
pub(crate) enum State<V> {
    /// Not placed yet.
    Unset,
    /// Looked for something that is not there.
    Missed,
    /// On an item.
    On(V),
    /// On an item of the last key, and known to be at the end.
    AtEnd(V),
    /// Behind the last item.
    PastEnd,
    /// Before this item, where another one was.
    GapBefore(V, Box<Anchor>),
    /// Behind this item, the last value of its key, where another one was.
    GapAfter(V, Box<Anchor>),
    /// Behind the last item, where another one was.
    GapAtEnd(Box<Anchor>),
}

impl<V> State<V> {
    /// Returns the item on which or beside which the cursor stands.
    #[inline]
    pub(super) fn values(&self) -> Option<&V> {
        match self {
            State::On(values)
            | State::AtEnd(values)
            | State::GapBefore(values, _)
            | State::GapAfter(values, _) => Some(values),
            State::Unset | State::Missed | State::PastEnd | State::GapAtEnd(_) => None,
        }
    }

    /// As [`values`](State::values), to be moved.
    #[inline]
    pub(super) fn values_mut(&mut self) -> Option<&mut V> {
        match self {
            State::On(values)
            | State::AtEnd(values)
            | State::GapBefore(values, _)
            | State::GapAfter(values, _) => Some(values),
            State::Unset | State::Missed | State::PastEnd | State::GapAtEnd(_) => None,
        }
    }

    /// Returns the state on the item beside which the cursor stands.
    pub(super) fn settled(self) -> State<V> {
        match self {
            State::On(values)
            | State::AtEnd(values)
            | State::GapBefore(values, _)
            | State::GapAfter(values, _) => State::On(values),
            nowhere => nowhere,
        }
    }

    /// Returns the same state with the place in another form.
    ///
    /// # Errors
    ///
    /// Those of `change`.
    pub(super) fn try_map<W>(self, change: impl FnOnce(V) -> Result<W>) -> Result<State<W>> {
        Ok(match self {
            State::Unset => State::Unset,
            State::Missed => State::Missed,
            State::On(values) => State::On(change(values)?),
            State::AtEnd(values) => State::AtEnd(change(values)?),
            State::PastEnd => State::PastEnd,
            State::GapBefore(values, anchor) => State::GapBefore(change(values)?, anchor),
            State::GapAfter(values, anchor) => State::GapAfter(change(values)?, anchor),
            State::GapAtEnd(anchor) => State::GapAtEnd(anchor),
        })
    }
}
