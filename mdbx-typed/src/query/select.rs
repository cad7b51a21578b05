//! Rows that several queries choose together.
//!
//! A selection is a tree of queries under `and` and `or`; asking for results turns it into a tree of streams. Where
//! an index does not have its entries in the order of primary keys, they are either collected, without reading a row,
//! or, on the larger side of an `and`, each row of the smaller side is asked whether it has a key in the range.

use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;

use mdbx_core::TableRef;

use super::fetch::Fetch;
use super::merge::{List, Or, Order, Sorted, Stream};
use super::scan::{Check, Direction, End, Plan, Scan};
use super::{Page, Query, Token, check};
use crate::error::{Error, Result};
use crate::key::{self, Key};
use crate::schema::handles::{self, Source, TableHandles};
use crate::schema::{Index, IndexKeys, Table, ViewOf, row};
use crate::table::{PRIMARY, malformed_key};

/// How many entries are collected in the time one row is looked up and decoded.
const ENTRIES_PER_ROW: u64 = 8;

/// Rows of one table that two or more queries choose together: those that both find, by [`and`](Query::and), or
/// those that either finds, by [`or`](Query::or).
///
/// Each row comes once, in the order of the primary key. Nothing is read before results are asked for. Where the
/// queries are of one key each, or of the primary key, nothing is collected either: the primary keys of two such
/// queries are merged as they are read.
///
/// ```
/// # use mdbx_typed::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Table, Serialize, Deserialize)]
/// # struct User { #[key] id: u64, #[index(each)] tags: Vec<String>, #[index] country: String, #[index] age: u32 }
/// fn find(tx: &ReadTxn<'_>) -> mdbx_typed::Result<Vec<User>> {
///     let tagged = tx.by(user::by_tags).eq("red").and(tx.by(user::by_tags).eq("round"));
///     let old = tx.by(user::by_country).eq("DE").and(tx.by(user::by_age).range(65..));
///     tagged.or(old).limit(20).rows().collect()
/// }
/// ```
#[must_use = "a selection does nothing until its results are asked for"]
pub struct Selection<'t, T: Table> {
    source: &'t dyn Source,
    tables: &'t [Option<TableHandles>],
    /// Why a query could not be opened is the first result.
    choice: Result<Choice<'t>>,
    direction: Direction,
    limit: usize,
    after: Option<Token>,
    table: PhantomData<T>,
}

/// Which rows.
enum Choice<'t> {
    One(Box<Side<'t>>),
    And(Box<[Choice<'t>; 2]>),
    Or(Box<[Choice<'t>; 2]>),
    /// The first ones in a direction.
    First(Box<Choice<'t>>, First),
}

/// Which ones of some rows in order.
struct First {
    direction: Direction,
    /// Those after this primary key.
    after: Option<Vec<u8>>,
    /// At most so many.
    limit: usize,
}

/// One query, which has forgotten the type of its index.
struct Side<'t> {
    table: TableRef<'t>,
    /// The name of its index.
    index: &'static str,
    has_duplicates: bool,
    is_primary: bool,
    plan: Plan,
    end: Option<End>,
    check: Option<Check<'t>>,
    /// Whether the row with a primary key has an entry in the range.
    has_row: Check<'t>,
}

impl<'t, I: Index> From<Query<'t, I>> for Selection<'t, I::Table> {
    fn from(query: Query<'t, I>) -> Self {
        Selection {
            source: query.source,
            tables: query.tables,
            choice: Side::new(query).map(|side| Choice::One(Box::new(side))),
            direction: Direction::Forward,
            limit: usize::MAX,
            after: None,
            table: PhantomData,
        }
    }
}

impl<'t, T: Table> Selection<'t, T> {
    /// Returns the rows that are also among the others.
    ///
    /// # Panics
    ///
    /// If the two are of different transactions.
    pub fn and(self, other: impl Into<Selection<'t, T>>) -> Selection<'t, T> {
        self.merged(other.into(), Choice::And)
    }

    /// Returns the rows with those of the other queries.
    ///
    /// # Panics
    ///
    /// If the two are of different transactions.
    pub fn or(self, other: impl Into<Selection<'t, T>>) -> Selection<'t, T> {
        self.merged(other.into(), Choice::Or)
    }

    /// Turns the order around; a second call turns it back.
    pub fn rev(mut self) -> Self {
        self.direction = self.direction.turned();
        self
    }

    /// Gives at most this many results.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Leaves out everything up to where a page of a selection ended, in the direction of this one.
    pub fn after(mut self, token: Token) -> Self {
        self.after = Some(token);
        self
    }

    /// Returns the rows.
    #[must_use = "an iterator does nothing until it is asked for items"]
    pub fn rows(self) -> impl FusedIterator<Item = Result<T::Row<'t>>> + use<'t, T> {
        self.fetched(|handles, key, bytes| row::decode::<T>(handles, key, bytes))
    }

    /// Returns the rows as views.
    #[must_use = "an iterator does nothing until it is asked for items"]
    pub fn views<V: ViewOf<'t, T>>(self) -> impl FusedIterator<Item = Result<V>> + use<'t, T, V> {
        self.fetched(|handles, key, bytes| row::decode_view::<T, V>(handles, key, bytes))
    }

    /// Returns primary keys. Rows are read only to find out whether they are in a range of keys.
    #[must_use = "an iterator does nothing until it is asked for items"]
    pub fn ids(self) -> impl FusedIterator<Item = Result<<T::Key as Key>::Out<'t>>> + use<'t, T> {
        let mut members = self.members();
        std::iter::from_fn(move || {
            Some(members.next()?.and_then(|(_, key)| {
                let wrong = |source| malformed_key::<T>(PRIMARY, source);
                key::decode::<T::Key>(key).map_err(wrong)
            }))
        })
        .fuse()
    }

    /// Returns the first row.
    ///
    /// # Errors
    ///
    /// As [`Query::first`].
    pub fn first(self) -> Result<Option<T::Row<'t>>> {
        self.rows().next().transpose()
    }

    /// Returns the last row: of all of them, or of those that [`limit`](Selection::limit) leaves.
    ///
    /// # Errors
    ///
    /// As [`Query::first`].
    pub fn last(self) -> Result<Option<T::Row<'t>>> {
        if self.limit == usize::MAX && self.after.is_none() {
            return self.rev().first();
        }
        let source = self.source;
        let tables = self.tables;
        let mut members = self.members();
        let mut last = None;
        while let Some(member) = members.next().transpose()? {
            last = Some(member);
        }
        let Some((index, key)) = last else {
            return Ok(None);
        };
        let handles = handles::require::<T>(tables)?;
        let bytes = source.table(handles.rows.table)?.get(key)?;
        let bytes = bytes.ok_or_else(|| row::dangling(T::SCHEMA.name, index, key))?;
        row::decode::<T>(handles, key, bytes).map(Some)
    }

    /// Returns the only row, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::NotOne`] if there are more; otherwise as [`Query::first`].
    pub fn one(self) -> Result<Option<T::Row<'t>>> {
        let limit = self.limit.min(2);
        let mut rows = self.limit(limit).rows();
        let row = rows.next().transpose()?;
        if rows.next().transpose()?.is_some() {
            return Err(Error::NotOne {
                table: T::SCHEMA.name,
                index: PRIMARY,
            });
        }
        Ok(row)
    }

    /// Returns up to `len` rows after the token, and a token for the page after them: as [`Query::page`], in the order of
    /// the primary key.
    ///
    /// # Errors
    ///
    /// [`Error::BadToken`] if the token is from a query of an index, or from another direction or schema; otherwise as
    /// [`Query::first`].
    pub fn page(mut self, len: usize, token: Option<Token>) -> Result<Page<T::Row<'t>>> {
        self.after = token.or(self.after);
        let len = len.min(self.limit);
        let fingerprint = handles::require::<T>(self.tables)?.rows.fingerprint;
        let is_backward = self.direction == Direction::Backward;
        let most = self.limit.min(len.saturating_add(1));
        let rows = self.limit(most);
        let mut rows = rows.fetched(|handles, key, bytes| Ok((key, handles, bytes)));
        let mut items = Vec::new();
        let mut end = None;
        for found in rows.by_ref().take(len) {
            let (key, handles, bytes) = found?;
            items.push(row::decode::<T>(handles, key, bytes)?);
            end = Some(key);
        }
        let has_more = len > 0 && rows.next().transpose()?.is_some();
        let token = |key| Token::new(fingerprint, is_backward, key, b"");
        Ok(Page {
            items,
            next: end.filter(|_| has_more).map(token),
        })
    }

    /// Returns whether there is any row.
    ///
    /// # Errors
    ///
    /// As [`Query::exists`], and as [`Query::first`] if rows have to be read to find that out.
    pub fn exists(self) -> Result<bool> {
        Ok(self.members().next().transpose()?.is_some())
    }

    /// Returns how many rows there are.
    ///
    /// # Errors
    ///
    /// As [`exists`](Selection::exists).
    pub fn count(self) -> Result<u64> {
        let mut members = self.members();
        let mut count = 0;
        while members.next().transpose()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    fn merged(
        self,
        other: Self,
        merge: impl FnOnce(Box<[Choice<'t>; 2]>) -> Choice<'t>,
    ) -> Selection<'t, T> {
        assert!(
            std::ptr::addr_eq(self.source, other.source),
            "the queries are of different transactions"
        );
        let (source, tables) = (self.source, self.tables);
        let both = |one| Ok(merge(Box::new([one, other.into_choice()?])));
        Selection {
            source,
            tables,
            choice: self.into_choice().and_then(both),
            direction: Direction::Forward,
            limit: usize::MAX,
            after: None,
            table: PhantomData,
        }
    }

    fn into_choice(self) -> Result<Choice<'t>> {
        let after = self.end()?;
        let choice = self.choice?;
        if self.limit == usize::MAX && after.is_none() {
            return Ok(choice);
        }
        let first = First {
            direction: self.direction,
            after,
            limit: self.limit,
        };
        Ok(Choice::First(Box::new(choice), first))
    }

    /// Returns the primary key it goes on after, if it has a token.
    fn end(&self) -> Result<Option<Vec<u8>>> {
        let Some(token) = &self.after else {
            return Ok(None);
        };
        let fingerprint = handles::require::<T>(self.tables)?.rows.fingerprint;
        let is_backward = self.direction == Direction::Backward;
        let end = token.position(fingerprint, is_backward);
        end.map(|end| Some(end.key)).ok_or(Error::BadToken {
            table: T::SCHEMA.name,
            index: PRIMARY,
        })
    }

    fn members(self) -> Members<'t> {
        let direction = self.direction;
        let opened = self.end().and_then(|after| {
            let choice = self.choice?;
            Ok((choice.stream(direction)?, after))
        });
        let (stream, after, error) = match opened {
            Ok((stream, after)) => (Some(stream), after, None),
            Err(error) => (None, None, Some(error)),
        };
        Members {
            stream,
            error,
            direction,
            after,
            left: self.limit,
        }
    }

    /// Returns what `make` makes of each row.
    fn fetched<R>(
        self,
        make: impl Fn(&'t TableHandles, &'t [u8], &'t [u8]) -> Result<R>,
    ) -> impl FusedIterator<Item = Result<R>> {
        let mut opened = handles::require::<T>(self.tables)
            .and_then(|handles| Ok((handles, self.source.table(handles.rows.table)?)))
            .map_err(Some);
        let mut members = self.members();
        let mut fetch = Fetch::new();
        std::iter::from_fn(move || {
            let (handles, rows) = match &mut opened {
                Ok(opened) => *opened,
                Err(error) => return error.take().map(Err),
            };
            let next = fetch.next(&rows, || members.next())?;
            Some(next.and_then(|(index, key, bytes)| match bytes? {
                Some(bytes) => make(handles, key, bytes),
                None => Err(row::dangling(T::SCHEMA.name, index, key)),
            }))
        })
        .fuse()
    }
}

impl<T: Table> fmt::Debug for Selection<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selection")
            .field("table", &T::SCHEMA.name)
            .finish_non_exhaustive()
    }
}

/// The primary keys of a selection, or why there are none.
struct Members<'t> {
    stream: Option<Stream<'t>>,
    error: Option<Error>,
    direction: Direction,
    /// Where they begin, before the first one was asked for.
    after: Option<Vec<u8>>,
    left: usize,
}

impl<'t> Members<'t> {
    /// Returns the next primary key, with the name of an index that has it.
    fn next(&mut self) -> Option<Result<(&'static str, &'t [u8])>> {
        let Some(stream) = &mut self.stream else {
            return self.error.take().map(Err);
        };
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let next = match self.after.take() {
            Some(end) => stream.next_after(&end, self.direction),
            None => stream.next(self.direction),
        };
        match next {
            Ok(Some(key)) => Some(Ok((stream.index(), key))),
            last => {
                self.stream = None;
                last.map(|_| None).transpose()
            }
        }
    }
}

impl<'t> Choice<'t> {
    /// Returns its primary keys, in order.
    fn stream(self, direction: Direction) -> Result<Stream<'t>> {
        match self {
            Choice::One(side) => side.stream(direction),
            Choice::First(choice, first) => {
                let mut members = Members {
                    stream: Some(choice.stream(first.direction)?),
                    error: None,
                    direction: first.direction,
                    after: first.after,
                    left: first.limit,
                };
                let mut keys = Vec::new();
                while let Some((index, key)) = members.next().transpose()? {
                    keys.push((key, index));
                }
                Ok(Stream::List(List::new(keys, direction)))
            }
            Choice::Or(both) => {
                let [one, other] = *both;
                let streams = [one.stream(direction)?, other.stream(direction)?];
                Ok(Stream::Or(Box::new(Or::new(streams))))
            }
            Choice::And(both) => {
                let [one, other] = *both;
                let (one_size, other_size) = (one.estimate()?, other.estimate()?);
                let (small, large, small_size, large_size) = if one_size <= other_size {
                    (one, other, one_size, other_size)
                } else {
                    (other, one, other_size, one_size)
                };
                let small = small.stream(direction)?;
                match large {
                    Choice::One(large)
                        if large.asks_rows() && small_size <= large_size / ENTRIES_PER_ROW =>
                    {
                        Ok(Stream::Checked(Box::new(small), large.has_row))
                    }
                    large => {
                        let large = large.stream(direction)?;
                        Ok(Stream::And(Box::new([small, large])))
                    }
                }
            }
        }
    }

    /// Returns about how many rows it has, at most.
    fn estimate(&self) -> Result<u64> {
        match self {
            Choice::One(side) => side.estimate(),
            Choice::First(choice, first) => Ok(choice.estimate()?.min(first.limit as u64)),
            Choice::And(both) => Ok(both[0].estimate()?.min(both[1].estimate()?)),
            Choice::Or(both) => Ok(both[0].estimate()?.saturating_add(both[1].estimate()?)),
        }
    }
}

impl<'t> Side<'t> {
    fn new<I: Index>(query: Query<'t, I>) -> Result<Self> {
        let handles = handles::require::<I::Table>(query.tables)?;
        let rows = query.source.table(handles.rows.table)?;
        let index = handles.readable::<I>()?;
        let range = query.plan.range.clone();
        let has_row: Check<'t> = Box::new(move |key| {
            let Some(position) = I::POSITION else {
                return Ok(range.contains(key));
            };
            let bytes = rows
                .get(key)?
                .ok_or_else(|| row::dangling(I::Table::SCHEMA.name, I::NAME, key))?;
            let row = row::decode::<I::Table>(handles, key, bytes)?;
            Ok(IndexKeys::has_within(&row, position, &range))
        });
        Ok(Side {
            table: query.source.table(index.table)?,
            index: I::NAME,
            has_duplicates: index.has_duplicates,
            is_primary: I::POSITION.is_none(),
            end: query.end()?,
            check: match (query.exact, I::POSITION) {
                (Some(exact), Some(position)) => Some(check::<I>(handles, rows, position, exact)),
                _ => None,
            },
            plan: query.plan,
            has_row,
        })
    }

    /// Returns whether its entries are all those of a range.
    fn is_range(&self) -> bool {
        let is_distinct = self.plan.is_distinct && self.has_duplicates;
        self.plan.limit == usize::MAX && self.end.is_none() && !is_distinct
    }

    /// Returns the order of its entries, if that is the order of primary keys.
    fn order(&self) -> Option<Order> {
        if !self.is_range() {
            None
        } else if self.is_primary {
            Some(Order::Rows)
        } else if self.plan.range.only_key().is_none() {
            None
        } else if self.has_duplicates {
            Some(Order::Duplicates)
        } else {
            Some(Order::Single)
        }
    }

    /// Returns whether a row can be asked, and is better asked, whether it is among its entries.
    fn asks_rows(&self) -> bool {
        self.is_range() && self.order().is_none()
    }

    fn estimate(&self) -> Result<u64> {
        let entries = self.table.estimate_range(self.plan.range.as_bounds())?;
        Ok(entries.min(self.plan.limit as u64))
    }

    /// Returns its primary keys, in order; they are collected if the index has them in another one.
    fn stream(self, direction: Direction) -> Result<Stream<'t>> {
        if let Some(order) = self.order() {
            let cursor = (self.table.cursor(), self.index);
            let sorted = Sorted::new(cursor, self.plan.range, order, direction, self.check);
            return Ok(Stream::Sorted(Box::new(sorted)));
        }
        let mut scan = Scan::new(
            self.table,
            self.has_duplicates,
            self.plan,
            self.end,
            self.check,
        )?;
        let mut keys = Vec::new();
        while let Some((key, value)) = scan.next()? {
            let key = if self.is_primary { key } else { value };
            keys.push((key, self.index));
        }
        Ok(Stream::List(List::new(keys, direction)))
    }
}
