//! Entries as rows, keys or both.
//!
//! A query cannot fail before its results are asked for, so an error from opening it is the first result. After an
//! error of the engine there are no more results; a row that cannot be read is one failed result among the others.

use std::iter::FusedIterator;
use std::marker::PhantomData;

use mdbx_core::TableRef;

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
    state: State<'t>,
    index: PhantomData<I>,
}

#[expect(
    clippy::large_enum_variant,
    reason = "running is the usual state, and it is not moved about"
)]
enum State<'t> {
    Running(Opened<'t>),
    Failed(Error),
    Done,
}

impl<'t, I: Index> Pairs<'t, I> {
    pub(super) fn new(opened: Result<Opened<'t>>) -> Self {
        Pairs {
            state: opened.map_or_else(State::Failed, State::Running),
            index: PhantomData,
        }
    }

    /// Returns what `make` makes of the next entry.
    fn next_as<R>(
        &mut self,
        make: impl FnOnce(&Opened<'t>, Pair<'t>) -> Result<R>,
    ) -> Option<Result<R>> {
        if let State::Running(opened) = &mut self.state {
            match opened.scan.next() {
                Ok(Some(pair)) => return Some(make(opened, pair)),
                Ok(None) => self.state = State::Done,
                Err(error) => self.state = State::Failed(error),
            }
        }
        match std::mem::replace(&mut self.state, State::Done) {
            State::Failed(error) => Some(Err(error)),
            _ => None,
        }
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

/// Returns the primary key of an entry and the bytes of its row: its value among the rows, looked up for an index.
fn row_of<'t, I: Index>(opened: &Opened<'t>, pair: Pair<'t>) -> Result<Pair<'t>> {
    let key = primary_bytes::<I>(pair);
    if I::POSITION.is_none() {
        return Ok(pair);
    }
    match opened.rows.get(key)? {
        Some(bytes) => Ok((key, bytes)),
        None => Err(row::dangling(I::Table::SCHEMA.name, I::NAME, key)),
    }
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
    pairs: Pairs<'t, I>,
    /// The entry of the last row that was yielded.
    last: Option<Pair<'t>>,
}

impl<'t, I: Index> Rows<'t, I> {
    pub(super) fn new(pairs: Pairs<'t, I>) -> Self {
        Rows { pairs, last: None }
    }

    /// Returns where the rows yielded so far end.
    pub(super) fn token(&self) -> Option<Token> {
        let State::Running(opened) = &self.pairs.state else {
            return None;
        };
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
}

impl<'t, I: Index> Iterator for Rows<'t, I> {
    type Item = Result<RowOf<'t, I>>;

    fn next(&mut self) -> Option<Self::Item> {
        let last = &mut self.last;
        self.pairs.next_as(|opened, pair| {
            *last = Some(pair);
            let (key, bytes) = row_of::<I>(opened, pair)?;
            row::decode::<I::Table>(opened.handles, key, bytes)
        })
    }
}

/// The rows of a query as views. From [`Query::views`](super::Query::views).
///
/// A view lives as long as the transaction is borrowed; the iterator may be gone by then.
#[must_use = "an iterator does nothing until it is asked for items"]
pub struct Views<'t, I: Index, V> {
    pairs: Pairs<'t, I>,
    view: PhantomData<fn() -> V>,
}

impl<'t, I: Index, V> Views<'t, I, V> {
    pub(super) fn new(pairs: Pairs<'t, I>) -> Self {
        Views {
            pairs,
            view: PhantomData,
        }
    }
}

impl<'t, I: Index, V: ViewOf<'t, I::Table>> Iterator for Views<'t, I, V> {
    type Item = Result<V>;

    fn next(&mut self) -> Option<Self::Item> {
        self.pairs.next_as(|opened, pair| {
            let (key, bytes) = row_of::<I>(opened, pair)?;
            row::decode_view::<I::Table, V>(opened.handles, key, bytes)
        })
    }
}

impl<'t, I: Index> Iterator for Entries<'t, I> {
    type Item = Result<(<I::Key as Key>::Out<'t>, <PrimaryKey<I> as Key>::Out<'t>)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.pairs
            .next_as(|_, pair| Ok((key_of::<I>(pair)?, primary_of::<I>(pair)?)))
    }
}

impl<'t, I: Index> Iterator for Ids<'t, I> {
    type Item = Result<<PrimaryKey<I> as Key>::Out<'t>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.pairs.next_as(|_, pair| primary_of::<I>(pair))
    }
}

impl<'t, I: Index> Iterator for Keys<'t, I> {
    type Item = Result<<I::Key as Key>::Out<'t>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.pairs.next_as(|_, pair| key_of::<I>(pair))
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
