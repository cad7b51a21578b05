//! The entries of a query, one after the other.
//!
//! In an index with duplicates an entry is a key and one of its primary keys; the engine keeps them sorted as pairs.
//! Everywhere else it is a key and its value.

use mdbx_core::{Cursor, TableRef};
use std::ops::Bound;

use crate::error::Result;
use crate::key::KeyRange;

/// An entry: a key and a value, as stored.
pub(crate) type Pair<'t> = (&'t [u8], &'t [u8]);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Forward,
    Backward,
}

impl Direction {
    pub(crate) fn turned(self) -> Self {
        match self {
            Direction::Forward => Direction::Backward,
            Direction::Backward => Direction::Forward,
        }
    }
}

/// Which entries, in which order.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) range: KeyRange,
    pub(crate) direction: Direction,
    pub(crate) limit: usize,
    /// Whether only one entry of each key counts.
    pub(crate) is_distinct: bool,
}

impl Plan {
    pub(crate) const fn everything() -> Self {
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
pub(crate) struct End {
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

/// Tells whether the row with a primary key is one of the results: an entry of a hash index may belong to another key.
pub(crate) type Check<'t> = Box<dyn Fn(&'t [u8]) -> Result<bool> + 't>;

/// A running query over one engine table.
pub(crate) struct Scan<'t> {
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
    pub(crate) fn new(
        table: TableRef<'t>,
        has_duplicates: bool,
        plan: Plan,
        end: Option<End>,
        check: Option<Check<'t>>,
    ) -> Result<Self> {
        let mut scan = Scan::idle(table, has_duplicates, plan, check);
        let first = match end {
            None => scan.find_first()?,
            Some(end) => {
                scan.is_whole = false;
                scan.find_after(&end)?
            }
        };
        scan.position = first.map_or(Position::End, Position::Before);
        Ok(scan)
    }

    /// Returns a query that has no entries until it is started with [`restart`](Scan::restart).
    pub(super) fn idle(
        table: TableRef<'t>,
        has_duplicates: bool,
        plan: Plan,
        check: Option<Check<'t>>,
    ) -> Self {
        Scan {
            table,
            cursor: table.cursor(),
            has_duplicates,
            left: plan.limit,
            plan,
            position: Position::End,
            is_whole: true,
            check,
        }
    }

    /// Starts again with another range, by the same cursor.
    pub(super) fn restart(&mut self, range: KeyRange, check: Option<Check<'t>>) -> Result<()> {
        self.plan.range = range;
        self.check = check;
        self.left = self.plan.limit;
        self.position = self.find_first()?.map_or(Position::End, Position::Before);
        Ok(())
    }

    /// Returns the next entry.
    pub(crate) fn next(&mut self) -> Result<Option<Pair<'t>>> {
        if self.left == 0 {
            return Ok(None);
        }
        let mut next = match self.position {
            Position::Before(pair) => Some(pair),
            Position::On => self.step()?,
            Position::End => None,
        };
        while let (Some(pair), Some(check)) = (next, &self.check) {
            if !self.is_within(pair.0) || check(pair.1)? {
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

    /// Returns how many entries are left, by the counters of the engine where it keeps them.
    pub(crate) fn count(mut self) -> Result<u64> {
        let limit = self.left as u64;
        let is_grouped = self.plan.is_distinct && self.has_duplicates;
        if self.check.is_some() || is_grouped {
            let mut count = 0;
            while self.next()?.is_some() {
                count += 1;
            }
            return Ok(count);
        }
        if self.is_whole && self.plan.range.is_full() {
            return Ok(self.table.len().min(limit));
        }
        match self.position {
            Position::Before(first) if limit > 0 && self.is_within(first.0) => {
                self.count_from(first, limit)
            }
            _ => Ok(0),
        }
    }

    /// Returns how many entries there are from `first`, on which the cursor stands; at most `limit`.
    fn count_from(&self, first: Pair<'t>, limit: u64) -> Result<u64> {
        if self.left != usize::MAX {
            let steps = i64::try_from(limit - 1).unwrap_or(i64::MAX);
            let steps = match self.plan.direction {
                Direction::Forward => steps,
                Direction::Backward => -steps,
            };
            let entry = self.cursor.clone().skip(steps)?;
            if entry.is_some_and(|(key, _)| self.is_within(key)) {
                return Ok(limit);
            }
        }
        let mut end = self.table.cursor();
        let turned = self.plan.direction.turned();
        let last = edge(&mut end, &self.plan.range, turned, self.has_duplicates)?;
        if self.is_whole && last.is_some_and(|(key, _)| key == first.0) {
            return Ok(end.count());
        }
        let between = self.cursor.distance(&end)?;
        Ok(between.map_or(0, |steps| steps.unsigned_abs() + 1))
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
        let Plan {
            range, direction, ..
        } = &self.plan;
        edge(&mut self.cursor, range, *direction, self.has_duplicates)
    }

    /// Moves to the entry after `end` in the direction of the plan, whether or not `end` is still there.
    fn find_after(&mut self, end: &End) -> Result<Option<Pair<'t>>> {
        let is_before_range = match self.plan.direction {
            Direction::Forward => !self.plan.range.is_past_lower(&end.key),
            Direction::Backward => !self.plan.range.is_before_upper(&end.key),
        };
        if is_before_range {
            return self.find_first();
        }
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

/// Moves to the first entry in a direction that a range does not begin after. It may lie after the end of the range.
pub(super) fn edge<'t>(
    cursor: &mut Cursor<'t>,
    range: &KeyRange,
    direction: Direction,
    has_duplicates: bool,
) -> Result<Option<Pair<'t>>> {
    let entry = match (direction, &range.lower, &range.upper) {
        (Direction::Forward, Bound::Unbounded, _) => cursor.first()?,
        (Direction::Forward, Bound::Included(lower), _) => cursor.seek(lower.as_slice())?,
        (Direction::Forward, Bound::Excluded(lower), _) => cursor.seek_after(lower.as_slice())?,
        (Direction::Backward, _, Bound::Unbounded) => cursor.last()?,
        (Direction::Backward, _, Bound::Excluded(upper)) => cursor.seek_before(upper.as_slice())?,
        (Direction::Backward, _, Bound::Included(upper)) => {
            match cursor.seek_at_or_before(upper.as_slice())? {
                Some((key, _)) if key == upper.as_slice() && has_duplicates => cursor.last_dup()?,
                found => found,
            }
        }
    };
    Ok(entry)
}
