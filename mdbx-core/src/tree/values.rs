//! The values of one entry of a table, and the one among them that a cursor stands on.

use crate::error::{PageFault, Result};
use crate::format::node::Value;
use crate::format::page::Page;
use crate::ids::Pgno;
use crate::tree::leaf_cursor::{End, LeafCursor};
use crate::tree::order::Order;
use crate::tree::search::bisect;

/// A position among the values of an entry.
#[derive(Clone, Debug)]
pub(crate) enum Values<'p> {
    /// The only value.
    One(&'p [u8]),
    /// A value of several in the node, which lies on page `holder`.
    SubPage {
        page: Page<'p>,
        index: usize,
        holder: Pgno,
    },
    /// A value in a tree of its own, whose keys are the values.
    Nested(Box<LeafCursor<'p>>),
}

impl<'p> Values<'p> {
    /// Stands on the first or last value of the entry with `value` that `keys` stands on.
    #[inline]
    pub(super) fn of(
        keys: &LeafCursor<'p>,
        value: Value<'p>,
        dups: Order,
        end: End,
    ) -> Result<Values<'p>> {
        match value {
            Value::Inline(bytes) | Value::Table(bytes) => Ok(Values::One(bytes)),
            Value::Large { pgno, len } => keys.pages.large_value(pgno, len).map(Values::One),
            Value::SubPage(page) => Ok(Values::SubPage {
                page,
                index: end.index(page.len()),
                holder: keys.pgno(),
            }),
            Value::Nested(root) => {
                root.check(keys.pages.end)
                    .map_err(|fault| keys.fault(fault))?;
                let mut cursor = LeafCursor::new(keys.pages, root, dups);
                if !cursor.go_to(end)? {
                    return Err(keys.fault(PageFault::BadTreeRecord));
                }
                Ok(Values::Nested(Box::new(cursor)))
            }
        }
    }

    /// Returns the value stood on.
    #[inline]
    pub(super) fn value(&self) -> Result<&'p [u8]> {
        match self {
            Values::One(value) => Ok(value),
            Values::SubPage {
                page,
                index,
                holder,
            } => page.key(*index).map_err(|fault| fault.at(*holder)),
            Values::Nested(cursor) => Ok(cursor.key()?.unwrap_or_default()),
        }
    }

    /// Returns how many values there are.
    pub(super) fn count(&self) -> u64 {
        match self {
            Values::One(_) => 1,
            Values::SubPage { page, .. } => page.len() as u64,
            Values::Nested(cursor) => cursor.root.items,
        }
    }

    /// Returns whether this is the value at that end.
    pub(super) fn is_at(&self, end: End) -> bool {
        match self {
            Values::One(_) => true,
            Values::SubPage { page, index, .. } => *index == end.index(page.len()),
            Values::Nested(cursor) => cursor.is_at(end),
        }
    }

    /// Goes to the next value away from `end`; `false`, and no move, if there is none.
    #[inline]
    pub(super) fn step(&mut self, end: End) -> Result<bool> {
        match self {
            Values::One(_) => Ok(false),
            Values::SubPage { page, index, .. } => {
                let next = end.step(*index, page.len());
                *index = next.unwrap_or(*index);
                Ok(next.is_some())
            }
            Values::Nested(cursor) => cursor.step(end),
        }
    }

    /// Goes `most` values away from `end`, or as many as there are; returns how many.
    pub(super) fn skip(&mut self, end: End, most: u64) -> Result<u64> {
        match self {
            Values::One(_) => Ok(0),
            Values::SubPage { page, index, .. } => {
                let (to, steps) = end.skip(*index, page.len(), most);
                *index = to;
                Ok(steps)
            }
            Values::Nested(cursor) => cursor.skip(end, most),
        }
    }

    /// Goes to the first value that is not less than `value`. Tells whether it equals it; `None` if there is none,
    /// and then the last value is stood on.
    pub(super) fn seek(&mut self, dups: Order, value: &[u8]) -> Result<Option<bool>> {
        match self {
            Values::One(only) => {
                let order = dups.compare(only, value);
                Ok(order.is_ge().then_some(order.is_eq()))
            }
            Values::SubPage {
                page,
                index,
                holder,
            } => {
                let (found, exact) =
                    bisect(*page, 0, dups, value).map_err(|fault| fault.at(*holder))?;
                *index = found.min(page.len() - 1);
                Ok((found < page.len()).then_some(exact))
            }
            Values::Nested(cursor) => cursor.seek(value),
        }
    }

    /// Returns how many values `later`, a position in the same entry, stands after this one.
    pub(super) fn distance_to(&self, later: &Values<'p>) -> Result<u64> {
        match (self, later) {
            (Values::SubPage { index, .. }, Values::SubPage { index: later, .. }) => {
                Ok(later.saturating_sub(*index) as u64)
            }
            (Values::Nested(cursor), Values::Nested(later)) => cursor.entries_to(later),
            _ => Ok(0),
        }
    }

    /// Returns how many values there are from this one, which counts, to that end.
    pub(super) fn left_to(&self, end: End) -> Result<u64> {
        let mut at = self.clone();
        let away_from = match end {
            End::First => End::Last,
            End::Last => End::First,
        };
        Ok(at.skip(away_from, self.count())? + 1)
    }
}

/// Returns how many values an entry holds, without looking at them: one at least, whatever a damaged record says.
pub(super) fn count_of(value: &Value<'_>) -> u64 {
    match value {
        Value::Inline(_) | Value::Large { .. } | Value::Table(_) => 1,
        Value::SubPage(page) => page.len() as u64,
        Value::Nested(root) => root.items.max(1),
    }
}
