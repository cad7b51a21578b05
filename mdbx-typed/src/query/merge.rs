//! Streams of primary keys in their order, and what `and` and `or` make of two of them.
//!
//! The entries of one key of an index are in the order of their primary keys, and so are the rows. Two such streams
//! meet by each seeking what the other one found, so that keys between are passed without being looked at.

use std::cmp::Ordering;

use mdbx_core::{Cursor, Relation};

use super::scan::{Check, Direction, edge};
use crate::error::Result;
use crate::key::{KeyBuf, KeyRange};
use crate::table::PRIMARY;

/// Primary keys in order, each once.
pub(super) enum Stream<'t> {
    Sorted(Box<Sorted<'t>>),
    List(List<'t>),
    /// Those that pass a check.
    Checked(Box<Stream<'t>>, Check<'t>),
    And(Box<[Stream<'t>; 2]>),
    Or(Box<Or<'t>>),
}

impl<'t> Stream<'t> {
    /// Returns the first key, or the one after that which was returned last.
    pub(super) fn next(&mut self, direction: Direction) -> Result<Option<&'t [u8]>> {
        self.advance(None, direction)
    }

    /// Returns the first key that comes after `end`. Nothing was asked for before.
    pub(super) fn next_after(
        &mut self,
        end: &[u8],
        direction: Direction,
    ) -> Result<Option<&'t [u8]>> {
        match self.advance(Some(end), direction)? {
            Some(key) if key == end => self.next(direction),
            found => Ok(found),
        }
    }

    /// Returns the name of an index that has the key that was returned last.
    pub(super) fn index(&self) -> &'static str {
        match self {
            Stream::Sorted(sorted) => sorted.index,
            Stream::List(list) => list.index(),
            Stream::Checked(stream, _) => stream.index(),
            Stream::And(both) => both[0].index(),
            Stream::Or(or) => {
                let [one, other] = &or.streams;
                let is_one = or.heads[0] == or.head;
                if is_one { one } else { other }.index()
            }
        }
    }

    /// Returns the first key that does not come before `target`, nor before the one that was returned last; without a
    /// target the one after that.
    fn advance(&mut self, target: Option<&[u8]>, direction: Direction) -> Result<Option<&'t [u8]>> {
        match self {
            Stream::Sorted(sorted) => sorted.advance(target),
            Stream::List(list) => Ok(list.advance(target, direction)),
            Stream::Or(or) => or.advance(target, direction),
            Stream::Checked(stream, check) => {
                let mut found = stream.advance(target, direction)?;
                while let Some(key) = found {
                    if check(key)? {
                        break;
                    }
                    found = stream.advance(None, direction)?;
                }
                Ok(found)
            }
            Stream::And(both) => {
                let [one, other] = &mut **both;
                let mut found = one.advance(target, direction)?;
                // Each turn, one side seeks what the other found, until they agree.
                while let Some(key) = found {
                    let Some(next) = other.advance(Some(key), direction)? else {
                        return Ok(None);
                    };
                    if next == key {
                        break;
                    }
                    found = one.advance(Some(next), direction)?;
                    if found == Some(next) {
                        break;
                    }
                }
                Ok(found)
            }
        }
    }
}

/// Where one stream stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Head<'t> {
    /// Nothing was asked for yet.
    Before,
    On(&'t [u8]),
    End,
}

impl<'t> Head<'t> {
    fn of(key: Option<&'t [u8]>) -> Self {
        key.map_or(Head::End, Head::On)
    }

    /// Returns the key it stands on.
    fn key(self) -> Option<&'t [u8]> {
        match self {
            Head::On(key) => Some(key),
            Head::Before | Head::End => None,
        }
    }

    /// Returns whether the stream need not move to be at or after `target`.
    fn is_there(self, target: Option<&[u8]>, direction: Direction) -> bool {
        match (self, target) {
            (Head::End, _) => true,
            (Head::On(key), Some(target)) => !direction.is_before(key, target),
            _ => false,
        }
    }
}

/// The keys of either stream.
pub(super) struct Or<'t> {
    streams: [Stream<'t>; 2],
    heads: [Head<'t>; 2],
    /// What was returned last.
    head: Head<'t>,
}

impl<'t> Or<'t> {
    pub(super) fn new(streams: [Stream<'t>; 2]) -> Self {
        Or {
            streams,
            heads: [Head::Before; 2],
            head: Head::Before,
        }
    }

    fn advance(&mut self, target: Option<&[u8]>, direction: Direction) -> Result<Option<&'t [u8]>> {
        if self.head.is_there(target, direction) {
            return Ok(self.head.key());
        }
        for (stream, head) in self.streams.iter_mut().zip(&mut self.heads) {
            let is_used = *head == Head::Before || *head == self.head;
            let goes_on = match target {
                Some(_) => !head.is_there(target, direction),
                None => is_used && *head != Head::End,
            };
            if goes_on {
                *head = Head::of(stream.advance(target, direction)?);
            }
        }
        self.head = match self.heads {
            [Head::On(one), Head::On(other)] if direction.is_before(other, one) => Head::On(other),
            [Head::On(one), _] => Head::On(one),
            [_, other] => other,
        };
        Ok(self.head.key())
    }
}

/// Keys that were collected, because their index has them in another order.
pub(super) struct List<'t> {
    /// Each with the name of the index that has it.
    keys: Vec<(&'t [u8], &'static str)>,
    /// How many were passed, the one that was returned last among them.
    passed: usize,
}

impl<'t> List<'t> {
    pub(super) fn new(mut keys: Vec<(&'t [u8], &'static str)>, direction: Direction) -> Self {
        keys.sort_unstable_by(|one, other| direction.compare(one.0, other.0));
        keys.dedup_by_key(|(key, _)| *key);
        List { keys, passed: 0 }
    }

    /// Returns the index that has the key that was returned last.
    fn index(&self) -> &'static str {
        let last = self.keys.get(self.passed.saturating_sub(1));
        last.map_or(PRIMARY, |(_, index)| index)
    }

    fn advance(&mut self, target: Option<&[u8]>, direction: Direction) -> Option<&'t [u8]> {
        if let Some(target) = target {
            let from = self.passed.saturating_sub(1);
            let before = |pair: &(&[u8], _)| direction.is_before(pair.0, target);
            self.passed = from + self.keys[from..].partition_point(before);
        }
        let key = self.keys.get(self.passed).map(|(key, _)| *key);
        self.passed += usize::from(key.is_some());
        key
    }
}

/// The entries of one key of an index, or the rows in a range.
pub(super) struct Sorted<'t> {
    cursor: Cursor<'t>,
    /// The name of the index.
    index: &'static str,
    /// The keys of the engine's table: one key of an index, or primary keys.
    range: KeyRange,
    order: Order,
    direction: Direction,
    check: Option<Check<'t>>,
    head: Head<'t>,
}

/// Which entries are in the order of primary keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// All of a table whose keys they are.
    Rows,
    /// The only entry of a key.
    Single,
    /// The values of a key.
    Duplicates,
}

impl<'t> Sorted<'t> {
    pub(super) fn new(
        (cursor, index): (Cursor<'t>, &'static str),
        range: KeyRange,
        order: Order,
        direction: Direction,
        check: Option<Check<'t>>,
    ) -> Self {
        Sorted {
            cursor,
            index,
            range,
            order,
            direction,
            check,
            head: Head::Before,
        }
    }

    fn advance(&mut self, target: Option<&[u8]>) -> Result<Option<&'t [u8]>> {
        if self.head.is_there(target, self.direction) {
            return Ok(self.head.key());
        }
        let mut found = match (self.head, target) {
            (Head::Before, None) => self.first()?,
            (Head::Before, Some(target)) => self.seek_from_start(target)?,
            (_, None) => self.step()?,
            // Often the next one will do, and it is on the same page.
            (_, Some(target)) => match self.step()? {
                Some(key) if self.direction.is_before(key, target) => self.seek(target)?,
                found => found,
            },
        };
        while let (Some(key), Some(check)) = (found, &self.check) {
            if check(key)? {
                break;
            }
            found = self.step()?;
        }
        self.head = Head::of(found);
        Ok(found)
    }

    fn first(&mut self) -> Result<Option<&'t [u8]>> {
        let has_duplicates = self.order == Order::Duplicates;
        let found = edge(
            &mut self.cursor,
            &self.range,
            self.direction,
            has_duplicates,
        )?;
        Ok(self.within(found))
    }

    /// As [`seek`](Self::seek) of a stream that has not begun, so that `target` may come before all of it.
    fn seek_from_start(&mut self, target: &[u8]) -> Result<Option<&'t [u8]>> {
        match self.first()? {
            Some(key) if self.direction.is_before(key, target) => self.seek(target),
            found => Ok(found),
        }
    }

    fn seek(&mut self, target: &[u8]) -> Result<Option<&'t [u8]>> {
        let relation = match self.direction {
            Direction::Forward => Relation::GreaterOrEqual,
            Direction::Backward => Relation::LessOrEqual,
        };
        let found = match (self.order, self.range.only_key()) {
            (Order::Rows, _) => self.cursor.seek_by(relation, target)?,
            (Order::Duplicates, Some(key)) => {
                self.cursor
                    .seek_value_by(relation, KeyBuf::as_slice(key), target)?
            }
            _ => None,
        };
        Ok(self.within(found))
    }

    fn step(&mut self) -> Result<Option<&'t [u8]>> {
        let found = match (self.order, self.direction) {
            (Order::Single, _) => None,
            (Order::Rows, Direction::Forward) => self.cursor.next()?,
            (Order::Rows, Direction::Backward) => self.cursor.prev()?,
            (Order::Duplicates, Direction::Forward) => self.cursor.next_dup()?,
            (Order::Duplicates, Direction::Backward) => self.cursor.prev_dup()?,
        };
        Ok(self.within(found))
    }

    /// Returns the primary key of an entry that is in the range.
    fn within(&self, pair: Option<(&'t [u8], &'t [u8])>) -> Option<&'t [u8]> {
        let (key, value) = pair.filter(|pair| self.range.contains(pair.0))?;
        Some(if self.order == Order::Rows {
            key
        } else {
            value
        })
    }
}

impl Direction {
    /// Returns the order of two keys in this direction.
    fn compare(self, one: &[u8], other: &[u8]) -> Ordering {
        match self {
            Direction::Forward => one.cmp(other),
            Direction::Backward => other.cmp(one),
        }
    }

    fn is_before(self, one: &[u8], other: &[u8]) -> bool {
        self.compare(one, other).is_lt()
    }
}
