//! Entries as rows, keys or both.
//!
//! A query cannot fail before its results are asked for, so an error from opening it is the first result. After an
//! error of the engine there are no more results; a row that cannot be read is one failed result among the others.

use std::iter::FusedIterator;
use std::marker::PhantomData;

use mdbx_core::TableRef;

use super::fetch::Fetch;
use super::scan::{Pair, Scan};
use super::token::Token;
use super::{PrimaryKey, RowOf};
use crate::error::{Error, KeyError, Result};
use crate::key::{self, Key};
use crate::schema::handles::TableHandles;
use crate::schema::{Index, Table, ViewOf, row};
use crate::table::{PRIMARY, malformed_key};

/// A query that found its tables.
pub(super) struct Opened<'t> {
    pub(super) scan: Scan<'t>,
    pub(super) rows: TableRef<'t>,
    pub(super) handles: &'t TableHandles,
    pub(super) is_backward: bool,
}

/// The stored entries of a query, or why there are none.
pub(super) struct Pairs<'t, I> {
    opened: Option<Opened<'t>>,
    /// Why it was not opened, until that is told.
    error: Option<Error>,
    is_done: bool,
    index: PhantomData<I>,
}

impl<'t, I: Index> Pairs<'t, I> {
    pub(super) fn new(opened: Result<Opened<'t>>) -> Self {
        let (opened, error) = match opened {
            Ok(opened) => (Some(opened), None),
            Err(error) => (None, Some(error)),
        };
        Pairs {
            opened,
            error,
            is_done: false,
            index: PhantomData,
        }
    }

    /// Returns the next entry.
    fn next(&mut self) -> Option<Result<Pair<'t>>> {
        let Some(opened) = &mut self.opened else {
            return self.error.take().map(Err);
        };
        if self.is_done {
            return None;
        }
        let next = opened.scan.next();
        self.is_done = !matches!(next, Ok(Some(_)));
        next.transpose()
    }

    /// Returns what `make` makes of the next entry.
    fn next_as<R>(&mut self, make: impl FnOnce(Pair<'t>) -> Result<R>) -> Option<Result<R>> {
        Some(self.next()?.and_then(make))
    }
}

/// An entry with the bytes of its row, or why it has none.
pub(super) struct Found<'t> {
    pub(super) handles: &'t TableHandles,
    pub(super) pair: Pair<'t>,
    pub(super) primary_key: &'t [u8],
    pub(super) bytes: Result<&'t [u8]>,
}

impl<'t> Found<'t> {
    /// Returns the row.
    pub(super) fn decode<T: Table>(self) -> Result<T::Row<'t>> {
        row::decode::<T>(self.handles, self.primary_key, self.bytes?)
    }
}

/// The entries of a query with their rows.
pub(super) struct FoundRows<'t, I> {
    pairs: Pairs<'t, I>,
    fetch: Fetch<'t, Pair<'t>, &'t [u8]>,
}

impl<'t, I: Index> FoundRows<'t, I> {
    pub(super) fn new(pairs: Pairs<'t, I>) -> Self {
        FoundRows {
            pairs,
            fetch: Fetch::new(),
        }
    }

    /// Returns the next entry: the rows hold theirs, for an index they are looked up.
    pub(super) fn next(&mut self) -> Option<Result<Found<'t>>> {
        let Some(Opened { rows, handles, .. }) = &self.pairs.opened else {
            return self.pairs.error.take().map(Err);
        };
        let (rows, handles) = (*rows, *handles);
        if I::POSITION.is_none() {
            return self.pairs.next().map(|pair| {
                let pair = pair?;
                Ok(Found {
                    handles,
                    pair,
                    primary_key: pair.0,
                    bytes: Ok(pair.1),
                })
            });
        }
        let pairs = &mut self.pairs;
        let found = self
            .fetch
            .next(&rows, || pairs.next_as(|pair| Ok((pair, pair.1))))?;
        Some(found.map(|(pair, primary_key, found)| Found {
            handles,
            pair,
            primary_key,
            bytes: match found {
                Ok(Some(bytes)) => Ok(bytes),
                Ok(None) => Err(row::dangling(I::Table::SCHEMA.name, I::NAME, primary_key)),
                Err(error) => Err(error.into()),
            },
        }))
    }

    /// Returns the last entry that is left.
    pub(super) fn last(mut self) -> Result<Option<Found<'t>>> {
        let mut last = None;
        while let Some(pair) = self.pairs.next() {
            last = Some(pair?);
        }
        let Some((pair, opened)) = last.zip(self.pairs.opened) else {
            return self.pairs.error.map_or(Ok(None), Err);
        };
        let primary_key = primary_bytes::<I>(pair);
        let bytes = if I::POSITION.is_none() {
            pair.1
        } else {
            let found = opened.rows.get(primary_key)?;
            found.ok_or_else(|| row::dangling(I::Table::SCHEMA.name, I::NAME, primary_key))?
        };
        Ok(Some(Found {
            handles: opened.handles,
            pair,
            primary_key,
            bytes: Ok(bytes),
        }))
    }
}

/// Returns the key of an entry.
fn key_of<I: Index>(pair: Pair<'_>) -> Result<<I::Key as Key>::Out<'_>> {
    let wrong = |source: KeyError| malformed_key::<I::Table>(I::NAME, source);
    key::decode::<I::Key>(pair.0).map_err(wrong)
}

/// Returns the primary key of an entry: the key itself among the rows, the value in an index.
fn primary_bytes<I: Index>(pair: Pair<'_>) -> &[u8] {
    if I::POSITION.is_none() {
        pair.0
    } else {
        pair.1
    }
}

fn primary_of<I: Index>(pair: Pair<'_>) -> Result<<PrimaryKey<I> as Key>::Out<'_>> {
    let name = if I::POSITION.is_none() {
        PRIMARY
    } else {
        I::NAME
    };
    let wrong = |source: KeyError| malformed_key::<I::Table>(name, source);
    key::decode::<PrimaryKey<I>>(primary_bytes::<I>(pair)).map_err(wrong)
}

macro_rules! results {
    ($(#[$doc:meta] $name:ident;)*) => {$(
        #[$doc]
        #[must_use = "an iterator does nothing until it is asked for items"]
        pub struct $name<'t, I: Index> {
            pairs: Pairs<'t, I>,
        }

        impl<'t, I: Index> $name<'t, I> {
            pub(super) fn new(pairs: Pairs<'t, I>) -> Self {
                $name { pairs }
            }
        }

        impl<I: Index> std::fmt::Debug for $name<'_, I> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).field("index", &I::NAME).finish_non_exhaustive()
            }
        }
    )*};
}

/// The rows of a query. From [`Query::rows`](super::Query::rows).
///
/// A row lives as long as the transaction is borrowed; the iterator may be gone by then.
#[must_use = "an iterator does nothing until it is asked for items"]
pub struct Rows<'t, I: Index> {
    found: FoundRows<'t, I>,
    /// The entry of the last row that was yielded.
    last: Option<Pair<'t>>,
}

impl<'t, I: Index> Rows<'t, I> {
    pub(super) fn new(pairs: Pairs<'t, I>) -> Self {
        Rows {
            found: FoundRows::new(pairs),
            last: None,
        }
    }

    /// Returns where the rows yielded so far end.
    pub(super) fn token(&self) -> Option<Token> {
        let opened = self.found.pairs.opened.as_ref()?;
        let index = opened.handles.index(I::POSITION);
        let (key, value) = self.last?;
        let value = if index.has_duplicates { value } else { &[] };
        Some(Token::new(
            index.fingerprint,
            opened.is_backward,
            key,
            value,
        ))
    }

    /// Takes the next entry and returns whether there was one, without reading its row.
    pub(super) fn skip_one(&mut self) -> Result<bool> {
        Ok(self.found.next().transpose()?.is_some())
    }
}

impl<'t, I: Index> Iterator for Rows<'t, I> {
    type Item = Result<RowOf<'t, I>>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.found.next()?.and_then(|found| {
            self.last = Some(found.pair);
            found.decode::<I::Table>()
        }))
    }
}

/// The rows of a query as views. From [`Query::views`](super::Query::views).
///
/// A view lives as long as the transaction is borrowed; the iterator may be gone by then.
#[must_use = "an iterator does nothing until it is asked for items"]
pub struct Views<'t, I: Index, V> {
    found: FoundRows<'t, I>,
    view: PhantomData<fn() -> V>,
}

impl<'t, I: Index, V> Views<'t, I, V> {
    pub(super) fn new(pairs: Pairs<'t, I>) -> Self {
        Views {
            found: FoundRows::new(pairs),
            view: PhantomData,
        }
    }
}

impl<'t, I: Index, V: ViewOf<'t, I::Table>> Iterator for Views<'t, I, V> {
    type Item = Result<V>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.found.next()?.and_then(|found| {
            row::decode_view::<I::Table, V>(found.handles, found.primary_key, found.bytes?)
        }))
    }
}

impl<'t, I: Index> Iterator for Entries<'t, I> {
    type Item = Result<(<I::Key as Key>::Out<'t>, <PrimaryKey<I> as Key>::Out<'t>)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.pairs
            .next_as(|pair| Ok((key_of::<I>(pair)?, primary_of::<I>(pair)?)))
    }
}

impl<'t, I: Index> Iterator for Ids<'t, I> {
    type Item = Result<<PrimaryKey<I> as Key>::Out<'t>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.pairs.next_as(|pair| primary_of::<I>(pair))
    }
}

impl<'t, I: Index> Iterator for Keys<'t, I> {
    type Item = Result<<I::Key as Key>::Out<'t>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.pairs.next_as(|pair| key_of::<I>(pair))
    }
}

results! {
    /// The keys of a query, each with the primary key of its row. From [`Query::entries`](super::Query::entries).
    Entries;
    /// The primary keys of the rows of a query. From [`Query::ids`](super::Query::ids).
    Ids;
    /// The distinct keys of a query. From [`Query::keys`](super::Query::keys).
    Keys;
}

impl<I: Index> std::fmt::Debug for Rows<'_, I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows")
            .field("index", &I::NAME)
            .finish_non_exhaustive()
    }
}

impl<I: Index, V> std::fmt::Debug for Views<'_, I, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Views")
            .field("index", &I::NAME)
            .finish_non_exhaustive()
    }
}

impl<I: Index> FusedIterator for Rows<'_, I> {}
impl<'t, I: Index, V: ViewOf<'t, I::Table>> FusedIterator for Views<'t, I, V> {}
impl<I: Index> FusedIterator for Entries<'_, I> {}
impl<I: Index> FusedIterator for Ids<'_, I> {}
impl<I: Index> FusedIterator for Keys<'_, I> {}
