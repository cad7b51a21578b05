//! Pairs of rows: each row of a query with those that another index has under its key.
//!
//! There is one cursor on each side. The rows of either side are looked up several at a time, and a row on the left
//! is decoded once more for each further row that it goes with, so that rows need not be copied.

use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;

use mdbx_core::TableRef;

use super::fetch::Fetch;
use super::iter::FoundRows;
use super::scan::{Check, Plan, Scan};
use super::{Query, RowOf, check};
use crate::error::{Error, Result};
use crate::key::{self, Key, KeyBuf, KeyRange};
use crate::schema::handles::{self, Source, TableHandles};
use crate::schema::{Index, Table, row};

/// The pairs of rows of two tables, or of one with itself. From [`Query::join`].
///
/// A row or an entry that cannot be read is one failed result among the others.
#[must_use = "an iterator does nothing until it is asked for items"]
pub struct Join<'t, I: Index, J: Index, F> {
    found: FoundRows<'t, I>,
    right: Result<Right<'t, I>, Option<Error>>,
    key: F,
    index: PhantomData<J>,
}

/// A row on the left.
struct Left<'t, I: Index> {
    /// What it was decoded to, until the first pair takes it.
    row: Option<RowOf<'t, I>>,
    handles: &'t TableHandles,
    primary_key: &'t [u8],
    bytes: &'t [u8],
}

/// The table on the right.
struct Right<'t, I: Index> {
    rows: TableRef<'t>,
    handles: &'t TableHandles,
    partners: Partners<'t, I>,
}

/// How the rows of a key are found.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one, and it is not moved about"
)]
enum Partners<'t, I: Index> {
    /// By the primary key: there is at most one.
    Direct(Fetch<'t, Left<'t, I>, KeyBuf>),
    /// By the entries of an index.
    Indexed(Entries<'t, I>, Fetch<'t, Left<'t, I>, &'t [u8]>),
}

/// The entries of the index on the right, for one row on the left after the other.
struct Entries<'t, I: Index> {
    scan: Scan<'t>,
    /// The row whose entries the scan goes through.
    left: Option<Left<'t, I>>,
}

impl<'t, I: Index, J: Index, F> Join<'t, I, J, F> {
    pub(super) fn new(query: Query<'t, I>, key: F) -> Self {
        Join {
            right: Right::open::<J>(query.source, query.tables).map_err(Some),
            found: FoundRows::new(query.pairs()),
            key,
            index: PhantomData,
        }
    }
}

impl<'t, I: Index> Right<'t, I> {
    fn open<J: Index>(source: &'t dyn Source, tables: &'t [Option<TableHandles>]) -> Result<Self> {
        let handles = handles::require::<J::Table>(tables)?;
        let partners = if J::POSITION.is_none() {
            Partners::Direct(Fetch::new())
        } else {
            let index = handles.readable::<J>()?;
            let table = source.table(index.table)?;
            let scan = Scan::idle(table, index.has_duplicates, Plan::everything(), None);
            Partners::Indexed(Entries { scan, left: None }, Fetch::new())
        };
        Ok(Right {
            rows: source.table(handles.rows.table)?,
            handles,
            partners,
        })
    }
}

impl<'t, I: Index> Left<'t, I> {
    /// Returns the row for one more pair.
    fn share(&mut self) -> Self {
        Left {
            row: self.row.take(),
            ..*self
        }
    }

    fn into_row(self) -> Result<RowOf<'t, I>> {
        match self.row {
            Some(row) => Ok(row),
            None => row::decode::<I::Table>(self.handles, self.primary_key, self.bytes),
        }
    }
}

/// Returns the next row on the left, and what `key` makes of it.
fn next_left<'t, I: Index, K>(
    found: &mut FoundRows<'t, I>,
    key: impl FnOnce(&RowOf<'t, I>) -> K,
) -> Option<Result<(Left<'t, I>, K)>> {
    Some(found.next()?.and_then(|found| {
        let (handles, primary_key, bytes) = (found.handles, found.primary_key, found.bytes?);
        let row = row::decode::<I::Table>(handles, primary_key, bytes)?;
        let key = key(&row);
        let left = Left {
            row: Some(row),
            handles,
            primary_key,
            bytes,
        };
        Ok((left, key))
    }))
}

impl<'t, I: Index> Entries<'t, I> {
    /// Returns the next row on the left that has an entry on the right, and the primary key of that.
    fn next(
        &mut self,
        found: &mut FoundRows<'t, I>,
        range_of: &mut impl FnMut(&RowOf<'t, I>) -> (KeyRange, Option<Check<'t>>),
    ) -> Option<Result<(Left<'t, I>, &'t [u8])>> {
        loop {
            if let Some(left) = &mut self.left {
                match self.scan.next() {
                    Ok(Some((_, primary_key))) => return Some(Ok((left.share(), primary_key))),
                    Ok(None) => self.left = None,
                    Err(error) => {
                        self.left = None;
                        return Some(Err(error));
                    }
                }
            }
            let started = next_left(found, &mut *range_of)?.and_then(|(left, (range, check))| {
                self.scan.restart(range, check)?;
                Ok(left)
            });
            match started {
                Ok(left) => self.left = Some(left),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// Returns the entries of a key in `J`, and what tells them from those that share its hash.
fn entries_of<'t, J: Index>(
    handles: &'t TableHandles,
    rows: TableRef<'t>,
    key: <J::Key as Key>::Ref<'_>,
) -> (KeyRange, Option<Check<'t>>) {
    let position = J::POSITION.filter(|_| J::Key::IS_HASHED);
    let check = position.map(|position| {
        let mut exact = KeyBuf::new();
        J::Key::encode_exact(key, &mut exact);
        check::<J>(handles, rows, position, exact)
    });
    (KeyRange::exactly::<J::Key>(key), check)
}

impl<'t, I, J, F> Iterator for Join<'t, I, J, F>
where
    I: Index,
    J: Index,
    F: for<'r> FnMut(&'r RowOf<'t, I>) -> <J::Key as Key>::Ref<'r>,
{
    type Item = Result<(RowOf<'t, I>, RowOf<'t, J>)>;

    fn next(&mut self) -> Option<Self::Item> {
        let (found, key_of) = (&mut self.found, &mut self.key);
        let right = match &mut self.right {
            Ok(right) => right,
            Err(error) => return error.take().map(Err),
        };
        let (rows, handles) = (right.rows, right.handles);
        let pair = |left: Left<'t, I>, key: &[u8], bytes: &'t [u8]| {
            Ok((
                left.into_row()?,
                row::decode::<J::Table>(handles, key, bytes)?,
            ))
        };
        match &mut right.partners {
            Partners::Direct(fetch) => loop {
                let next = fetch.next(&rows, || {
                    next_left(found, |row| key::encode::<J::Key>(key_of(row)))
                })?;
                match next {
                    Err(error) => return Some(Err(error)),
                    Ok((_, _, Err(error))) => return Some(Err(error.into())),
                    Ok((_, _, Ok(None))) => {} // no partner
                    Ok((left, key, Ok(Some(bytes)))) => {
                        return Some(pair(left, key.as_slice(), bytes));
                    }
                }
            },
            Partners::Indexed(entries, fetch) => {
                let mut range_of = |row: &_| entries_of::<J>(handles, rows, key_of(row));
                let next = fetch.next(&rows, || entries.next(found, &mut range_of))?;
                Some(next.and_then(|(left, key, bytes)| match bytes? {
                    Some(bytes) => pair(left, key, bytes),
                    None => Err(row::dangling(J::Table::SCHEMA.name, J::NAME, key)),
                }))
            }
        }
    }
}

impl<'t, I, J, F> FusedIterator for Join<'t, I, J, F>
where
    I: Index,
    J: Index,
    F: for<'r> FnMut(&'r RowOf<'t, I>) -> <J::Key as Key>::Ref<'r>,
{
}

impl<I: Index, J: Index, F> fmt::Debug for Join<'_, I, J, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Join")
            .field("left", &I::NAME)
            .field("right", &J::NAME)
            .finish_non_exhaustive()
    }
}
