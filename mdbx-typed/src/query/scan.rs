//! The entries of a query, one after the other.
//!
//! In an index with duplicates an entry is a key and one of its primary keys; the engine keeps them sorted as pairs.
//! Everywhere else it is a key and its value.

use mdbx_core::{Cursor, TableRef};
use std::ops::Bound;

use crate::error::Result;
use crate::key::KeyRange;

/// An entry: a key and a value, as stored.
pub(super) type Pair<'t> = (&'t [u8], &'t [u8]);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Forward,
    Backward,
}

impl Direction {
    pub(super) fn turned(self) -> Self {
        match self {
            Direction::Forward => Direction::Backward,
            Direction::Backward => Direction::Forward,
        }
    }
}

/// Which entries, in which order.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) range: KeyRange,
    pub(super) direction: Direction,
    pub(super) limit: usize,
    /// Whether only one entry of each key counts.
    pub(super) is_distinct: bool,
}

impl Plan {
    pub(super) const fn everything() -> Self {
        Plan {
            range: KeyRange::full(),
            direction: Direction::Forward,
            limit: usize::MAX,
            is_distinct: false,
        }
    }
}

/// The entry a page ended with.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) key: Vec<u8>,
    /// The primary key in an index with duplicates; not used elsewhere.
    pub(super) value: Vec<u8>,
}

/// Where a scan stands.
enum Position<'t> {
    /// Before this entry, which is the next one unless the range ends before it.
    Before(Pair<'t>),
    /// On an entry that was yielded.
    On,
    /// After the last one.
    End,
}

/// Tells whether an entry is one of the results; those of a hash index may belong to another key.
pub(super) type Check<'t> = Box<dyn Fn(Pair<'t>) -> Result<bool> + 't>;

/// A running query over one engine table.
pub(super) struct Scan<'t> {
    table: TableRef<'t>,
    cursor: Cursor<'t>,
    has_duplicates: bool,
    plan: Plan,
    position: Position<'t>,
    left: usize,
    /// Whether the scan starts at the very first entry of its range.
    is_whole: bool,
    check: Option<Check<'t>>,
}

impl<'t> Scan<'t> {
    /// Starts a query, after `end` if that is given.
    pub(super) fn new(
        table: TableRef<'t>,
        has_duplicates: bool,
        plan: Plan,
        end: Option<End>,
        check: Option<Check<'t>>,
    ) -> Result<Self> {
        let cursor = table.cursor();
        let (left, is_whole) = (plan.limit, end.is_none());
        let mut scan = Scan {
            table,
            cursor,
            has_duplicates,
            plan,
            position: Position::End,
            left,
            is_whole,
            check,
        };
        let first = match end {
            None => scan.find_first()?,
            Some(end) => scan.find_after(&end)?,
        };
        scan.position = first.map_or(Position::End, Position::Before);
        Ok(scan)
    }

    /// Returns the next entry.
    pub(super) fn next(&mut self) -> Result<Option<Pair<'t>>> {
        if self.left == 0 {
            return Ok(None);
        }
        let mut next = match self.position {
            Position::Before(pair) => Some(pair),
            Position::On => self.step()?,
            Position::End => None,
        };
        while let (Some(pair), Some(check)) = (next, &self.check) {
            if !self.is_within(pair.0) || check(pair)? {
                break;
            }
            // One by one also where only one entry of each key counts: this one did not.
            next = self.step_by_entry()?;
        }
        let within = next.filter(|pair| self.is_within(pair.0));
        self.position = if within.is_some() {
            Position::On
        } else {
            Position::End
        };
        self.left -= 1;
        Ok(within)
    }

    /// Returns how many entries are left.
    pub(super) fn count(mut self) -> Result<u64> {
        let limit = self.left as u64;
        if self.check.is_some() {
            let mut count = 0;
            while self.next()?.is_some() {
                count += 1;
            }
            return Ok(count);
        }
        if self.is_whole
            && self.plan.range.is_full()
            && !(self.plan.is_distinct && self.has_duplicates)
        {
            return Ok(self.table.len().min(limit));
        }
        let mut count = 0;
        // After a page the scan may start inside a key, whose entries are then counted one by one.
        if self.has_duplicates && self.is_whole && !self.plan.is_distinct {
            self.plan.is_distinct = true;
            while count < limit && self.next()?.is_some() {
                count += self.cursor.count();
            }
        } else {
            while self.next()?.is_some() {
                count += 1;
            }
        }
        Ok(count.min(limit))
    }

    /// Moves to the next entry that counts, in the direction of the plan.
    fn step(&mut self) -> Result<Option<Pair<'t>>> {
        match (self.plan.direction, self.plan.is_distinct) {
            (_, false) => self.step_by_entry(),
            (Direction::Forward, true) => Ok(self.cursor.next_key()?),
            (Direction::Backward, true) => Ok(self.cursor.prev_key()?),
        }
    }

    fn step_by_entry(&mut self) -> Result<Option<Pair<'t>>> {
        Ok(match self.plan.direction {
            Direction::Forward => self.cursor.next()?,
            Direction::Backward => self.cursor.prev()?,
        })
    }

    /// Returns whether the range has not ended before `key`.
    fn is_within(&self, key: &[u8]) -> bool {
        match self.plan.direction {
            Direction::Forward => self.plan.range.is_before_upper(key),
            Direction::Backward => self.plan.range.is_past_lower(key),
        }
    }

    /// Moves to the first entry that the range does not begin after.
    fn find_first(&mut self) -> Result<Option<Pair<'t>>> {
        let cursor = &mut self.cursor;
        Ok(
            match (
                self.plan.direction,
                &self.plan.range.lower,
                &self.plan.range.upper,
            ) {
                (Direction::Forward, Bound::Unbounded, _) => cursor.first()?,
                (Direction::Forward, Bound::Included(lower), _) => cursor.seek(lower.as_slice())?,
                (Direction::Forward, Bound::Excluded(lower), _) => {
                    match cursor.seek(lower.as_slice())? {
                        Some((key, _)) if key == lower.as_slice() => cursor.next_key()?,
                        found => found,
                    }
                }
                (Direction::Backward, _, Bound::Unbounded) => cursor.last()?,
                (Direction::Backward, _, Bound::Excluded(upper)) => {
                    match cursor.seek(upper.as_slice())? {
                        Some(_) => cursor.prev()?,
                        None => cursor.last()?,
                    }
                }
                (Direction::Backward, _, Bound::Included(upper)) => {
                    match cursor.seek(upper.as_slice())? {
                        Some((key, _)) if key == upper.as_slice() && self.has_duplicates => {
                            cursor.last_dup()?
                        }
                        Some((key, value)) if key == upper.as_slice() => Some((key, value)),
                        Some(_) => cursor.prev()?,
                        None => cursor.last()?,
                    }
                }
            },
        )
    }

    /// Moves to the entry after `end` in the direction of the plan, whether or not `end` is still there.
    fn find_after(&mut self, end: &End) -> Result<Option<Pair<'t>>> {
        let found = if self.has_duplicates && !self.plan.is_distinct {
            self.cursor.seek_dup(&end.key, &end.value)?
        } else {
            self.cursor.seek(&end.key)?
        };
        match self.plan.direction {
            Direction::Backward if found.is_some() => Ok(self.cursor.prev()?),
            Direction::Backward => Ok(self.cursor.last()?),
            Direction::Forward if found.is_some_and(|pair| self.is_end(pair, end)) => self.step(),
            Direction::Forward => Ok(found),
        }
    }

    /// Returns whether `pair` is the entry the last page ended with.
    fn is_end(&self, pair: Pair<'_>, end: &End) -> bool {
        let same_value = !self.has_duplicates || self.plan.is_distinct || pair.1 == end.value;
        pair.0 == end.key && same_value
    }
}
