//! One index at a time: which keys, in which direction, how many, and what to make of them.
//!
//! - `scan`: the entries of a query, one after the other, with a cursor of the engine.
//! - `fetch`: rows for entries, looked up several at a time.
//! - `iter`: entries as rows, keys or both.
//! - `join`: pairs of rows.
//! - `select`: rows that several queries choose together, by `merge`.
//! - `token`: where a page ended.

mod fetch;
mod iter;
mod join;
mod merge;
pub(crate) mod scan;
mod select;
mod token;

pub use iter::{Entries, Ids, Keys, Rows, Views};
pub use join::Join;
pub use select::Selection;
pub use token::{ParseTokenError, Token};

use std::marker::PhantomData;
use std::ops::RangeBounds;

use mdbx_core::TableRef;

use crate::error::{Error, Result};
use crate::key::{Key, KeyBuf, KeyRange, PrefixOf, TextTail};
use crate::schema::handles::{self, Source, TableHandles};
use crate::schema::{Index, OrderedIndex, Table, ViewOf, row};
use iter::Pairs;
use scan::{Check, Direction, End, Plan, Scan};

/// The kind of primary key that the rows of an index have.
pub(crate) type PrimaryKey<I> = <<I as Index>::Table as Table>::Key;

/// A row found by an index, borrowed for `'t`.
pub(crate) type RowOf<'t, I> = <<I as Index>::Table as Table>::Row<'t>;

/// A question to one index, from `tx.by(index)`.
///
/// The calls that choose keys ([`eq`](Query::eq), [`range`](Query::range), [`prefix`](Query::prefix),
/// [`starts_with`](Query::starts_with)) replace each other: the last one counts. Nothing is read before one of the
/// calls that give results, and then only as much as is asked for.
///
/// Entries come in the order of the index, those of the same key in the order of the primary key.
///
/// ```
/// # use mdbx_typed::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Table, Serialize, Deserialize)]
/// # #[index(by_country_age, on(country, age))]
/// # struct User { #[key] id: u64, country: String, age: u32 }
/// fn adults(tx: &ReadTxn<'_>, country: &str) -> mdbx_typed::Result<Vec<User>> {
///     tx.by(user::by_country_age).range((country, 18)..=(country, u32::MAX)).rev().limit(10).rows().collect()
/// }
/// ```
#[must_use = "a query does nothing until its results are asked for"]
pub struct Query<'t, I: Index> {
    source: &'t dyn Source,
    /// The tables of the schema, by slot.
    tables: &'t [Option<TableHandles>],
    plan: Plan,
    after: Option<Token>,
    /// What was hashed, if one key of a hash index is wanted: rows with other values may share the hash.
    exact: Option<KeyBuf>,
    index: PhantomData<I>,
}

impl<'t, I: Index> Query<'t, I> {
    pub(crate) fn new(source: &'t dyn Source, tables: &'t [Option<TableHandles>]) -> Self {
        Query {
            source,
            tables,
            plan: Plan::everything(),
            after: None,
            exact: None,
            index: PhantomData,
        }
    }

    /// Chooses one key.
    pub fn eq(mut self, key: <I::Key as Key>::Ref<'_>) -> Self {
        self.plan.range = KeyRange::exactly::<I::Key>(key);
        self.exact = I::Key::IS_HASHED.then(|| {
            let mut exact = KeyBuf::new();
            I::Key::encode_exact(key, &mut exact);
            exact
        });
        self
    }

    /// Chooses the keys in a range: `..`, `a..b`, `a..=b`, `a..` and so on, or a pair of
    /// [`Bound`](std::ops::Bound)s. A range that ends before it starts is empty.
    pub fn range<'q>(mut self, range: impl RangeBounds<<I::Key as Key>::Ref<'q>>) -> Self
    where
        I: OrderedIndex,
    {
        self.plan.range = KeyRange::between::<I::Key>(&range);
        self.exact = None;
        self
    }

    /// Chooses the composite keys with these leading components: `prefix(("DE",))`.
    pub fn prefix<P: PrefixOf<I::Key>>(mut self, prefix: P) -> Self {
        self.plan.range = KeyRange::prefixed(prefix);
        self.exact = None;
        self
    }

    /// Chooses the keys that begin like this one: `starts_with("Mü")`. In a composite key the leading components
    /// are equal and the last one begins like this: `starts_with(("DE", "Mü"))`.
    pub fn starts_with(mut self, key: <I::Key as Key>::Ref<'_>) -> Self
    where
        I::Key: TextTail,
    {
        self.plan.range = KeyRange::starting_with::<I::Key>(key);
        self.exact = None;
        self
    }

    /// Leaves out everything up to where a page ended, in the direction of this query.
    pub fn after(mut self, token: Token) -> Self {
        self.after = Some(token);
        self
    }

    /// Turns the order around; a second call turns it back.
    pub fn rev(mut self) -> Self {
        self.plan.direction = self.plan.direction.turned();
        self
    }

    /// Gives at most this many results.
    pub fn limit(mut self, limit: usize) -> Self {
        self.plan.limit = limit;
        self
    }

    /// Gives one entry for each distinct key: the one with the smallest primary key, or in reverse the largest.
    pub fn skip_keys(mut self) -> Self {
        self.plan.is_distinct = true;
        self
    }

    /// Returns the rows.
    pub fn rows(self) -> Rows<'t, I> {
        Rows::new(self.pairs())
    }

    /// Returns the rows as views: only their leading fields, borrowed from the page.
    ///
    /// ```
    /// # use mdbx_typed::prelude::*;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Table, Serialize, Deserialize)] struct User { #[key] id: u64, email: String, bio: String }
    /// #[derive(View)]
    /// #[view(of = User)]
    /// struct Head<'t> {
    ///     id: u64,
    ///     email: &'t str,
    /// }
    ///
    /// fn addresses<'t>(tx: &'t ReadTxn<'_>) -> mdbx_typed::Result<Vec<&'t str>> {
    ///     let heads = tx.by(user::primary).views::<Head<'_>>();
    ///     heads.map(|head| Ok(head?.email)).collect()
    /// }
    /// ```
    pub fn views<V: ViewOf<'t, I::Table>>(self) -> Views<'t, I, V> {
        Views::new(self.pairs())
    }

    /// Returns keys and primary keys, without reading a row.
    pub fn entries(self) -> Entries<'t, I> {
        Entries::new(self.pairs())
    }

    /// Returns primary keys, without reading a row.
    pub fn ids(self) -> Ids<'t, I> {
        Ids::new(self.pairs())
    }

    /// Returns the distinct keys, without reading a row.
    pub fn keys(self) -> Keys<'t, I> {
        Keys::new(self.skip_keys().pairs())
    }

    /// Returns the first row.
    ///
    /// # Errors
    ///
    /// [`Error::Codec`], [`Error::DanglingIndex`], [`Error::NewerRow`] for a row that cannot be read;
    /// [`Error::NotInSchema`]; [`Error::BadToken`]; [`Error::Engine`].
    pub fn first(self) -> Result<Option<RowOf<'t, I>>> {
        self.limit_to(1).rows().next().transpose()
    }

    /// Returns the last row: of all of them, or of those that [`limit`](Query::limit) leaves.
    ///
    /// # Errors
    ///
    /// As [`first`](Query::first).
    pub fn last(self) -> Result<Option<RowOf<'t, I>>> {
        let is_end_of_range =
            self.plan.limit == usize::MAX && !self.plan.is_distinct && self.after.is_none();
        if is_end_of_range {
            return self.rev().first();
        }
        let last = iter::FoundRows::new(self.pairs()).last()?;
        last.map(iter::Found::decode::<I::Table>).transpose()
    }

    /// Returns the only row, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::NotOne`] if there are more; otherwise as [`first`](Query::first).
    pub fn one(self) -> Result<Option<RowOf<'t, I>>> {
        let mut rows = self.limit_to(2).rows();
        let row = rows.next().transpose()?;
        if rows.skip_one()? {
            return Err(Error::NotOne {
                table: I::Table::SCHEMA.name,
                index: I::NAME,
            });
        }
        Ok(row)
    }

    /// Returns whether there is any entry, without reading a row.
    ///
    /// # Errors
    ///
    /// [`Error::NotInSchema`], [`Error::BadToken`] or [`Error::Engine`].
    pub fn exists(self) -> Result<bool> {
        Ok(self.limit_to(1).scan()?.1.next()?.is_some())
    }

    /// Returns the rows that another query of the table finds too: see [`Selection`].
    ///
    /// What both find comes in the order of the primary key, and that of the queries themselves makes no difference.
    ///
    /// ```
    /// # use mdbx_typed::prelude::*;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Table, Serialize, Deserialize)]
    /// # struct Book { #[key] isbn: u64, #[index(each)] tags: Vec<String>, #[index] year: u16 }
    /// fn recent(tx: &ReadTxn<'_>, tag: &str) -> mdbx_typed::Result<Vec<Book>> {
    ///     tx.by(book::by_tags).eq(tag).and(tx.by(book::by_year).range(2020..)).rows().collect()
    /// }
    /// ```
    ///
    /// # Panics
    ///
    /// If the two are of different transactions.
    pub fn and(self, other: impl Into<Selection<'t, I::Table>>) -> Selection<'t, I::Table> {
        Selection::from(self).and(other)
    }

    /// Returns the rows of this query with those of another one of the table, each once: see [`Selection`].
    ///
    /// # Panics
    ///
    /// If the two are of different transactions.
    pub fn or(self, other: impl Into<Selection<'t, I::Table>>) -> Selection<'t, I::Table> {
        Selection::from(self).or(other)
    }

    /// Returns each row with the rows that `index` has under the key that `key` makes of it. A row without such rows is
    /// left out.
    ///
    /// Rows come in the order of this query, those that go with one of them in the order of `index`. There is one
    /// cursor for each side, and rows are looked up many at a time.
    ///
    /// ```
    /// # use mdbx_typed::prelude::*;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Table, Serialize, Deserialize)] struct User { #[key] id: u64, #[index] country: String }
    /// # #[derive(Table, Serialize, Deserialize)] struct Order { #[key] id: u64, #[index] user: u64, total: u32 }
    /// fn total(tx: &ReadTxn<'_>, country: &str) -> mdbx_typed::Result<u32> {
    ///     let users = tx.by(user::by_country).eq(country);
    ///     users.join(order::by_user, |user| user.id).map(|pair| Ok(pair?.1.total)).sum()
    /// }
    ///
    /// /// Text is borrowed from the row.
    /// #[derive(Table, Serialize, Deserialize)]
    /// struct Country { #[key] code: String, name: String }
    ///
    /// fn names<'t>(tx: &'t ReadTxn<'_>) -> impl Iterator<Item = mdbx_typed::Result<(User, Country)>> + 't {
    ///     tx.by(user::primary).join(country::primary, |user| user.country.as_str())
    /// }
    /// ```
    pub fn join<J, F>(self, index: J, key: F) -> Join<'t, I, J, F>
    where
        J: Index,
        F: for<'r> FnMut(&'r RowOf<'t, I>) -> <J::Key as Key>::Ref<'r>,
    {
        let _ = index;
        Join::new(self, key)
    }

    /// Returns how many results there are, without reading a row; for one key of a hash index it reads them.
    ///
    /// All of an index, or all entries of a key, are counted at once. In a range the entries of the pages between its
    /// ends are; only distinct keys are counted one by one.
    ///
    /// # Errors
    ///
    /// As [`exists`](Query::exists).
    pub fn count(self) -> Result<u64> {
        self.scan()?.1.count()
    }

    /// Returns up to `len` rows after the token, and a token for the page after them.
    ///
    /// ```
    /// # use mdbx_typed::prelude::*;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Table, Serialize, Deserialize)] struct User { #[key] id: u64, #[index] age: u32 }
    /// fn visit_all(tx: &ReadTxn<'_>, mut visit: impl FnMut(Vec<User>)) -> mdbx_typed::Result<()> {
    ///     let mut next = None;
    ///     loop {
    ///         let page = tx.by(user::by_age).page(50, next)?;
    ///         visit(page.items);
    ///         next = page.next;
    ///         if next.is_none() {
    ///             return Ok(());
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// Pages may come from different transactions. A page goes on right after the last row of the one before, also
    /// when rows were added or removed since.
    ///
    /// # Errors
    ///
    /// [`Error::BadToken`] if the token is from another index, direction or schema; otherwise as
    /// [`first`](Query::first).
    pub fn page(mut self, len: usize, token: Option<Token>) -> Result<Page<RowOf<'t, I>>> {
        self.after = token.or(self.after);
        let len = len.min(self.plan.limit);
        let mut rows = self.limit_to(len.saturating_add(1)).rows();
        let items = rows.by_ref().take(len).collect::<Result<Vec<_>>>()?;
        let end = rows.token();
        let has_more = len > 0 && rows.skip_one()?;
        Ok(Page {
            items,
            next: end.filter(|_| has_more),
        })
    }

    fn limit_to(self, limit: usize) -> Self {
        let limit = limit.min(self.plan.limit);
        self.limit(limit)
    }

    /// Returns the entry the query goes on after, if it has a token.
    fn end(&self) -> Result<Option<End>> {
        let Some(token) = &self.after else {
            return Ok(None);
        };
        let handles = handles::require::<I::Table>(self.tables)?;
        let fingerprint = handles.readable::<I>()?.fingerprint;
        let is_backward = self.plan.direction == Direction::Backward;
        let end = token.position(fingerprint, is_backward);
        end.map(Some).ok_or(Error::BadToken {
            table: I::Table::SCHEMA.name,
            index: I::NAME,
        })
    }

    /// Opens the tables and returns the entries.
    fn scan(self) -> Result<(&'t TableHandles, Scan<'t>)> {
        let handles = handles::require::<I::Table>(self.tables)?;
        let index = handles.readable::<I>()?;
        let after = self.end()?;
        let check = match (self.exact, I::POSITION) {
            (Some(exact), Some(position)) => {
                let rows = self.source.table(handles.rows.table)?;
                Some(check::<I>(handles, rows, position, exact))
            }
            _ => None,
        };
        let scan = Scan::new(
            self.source.table(index.table)?,
            index.has_duplicates,
            self.plan,
            after,
            check,
        )?;
        Ok((handles, scan))
    }

    fn pairs(self) -> Pairs<'t, I> {
        let source = self.source;
        let is_backward = self.plan.direction == Direction::Backward;
        Pairs::new(self.scan().and_then(|(handles, scan)| {
            Ok(iter::Opened {
                scan,
                rows: source.table(handles.rows.table)?,
                handles,
                is_backward,
            })
        }))
    }
}

/// Returns what tells whether the row of an entry of a hash index has the value that was hashed.
fn check<'t, I: Index>(
    handles: &'t TableHandles,
    rows: TableRef<'t>,
    position: usize,
    exact: KeyBuf,
) -> Check<'t> {
    Box::new(move |key| {
        let bytes = rows
            .get(key)?
            .ok_or_else(|| row::dangling(I::Table::SCHEMA.name, I::NAME, key))?;
        row::has_exactly::<I::Table>(handles, key, bytes, position, exact.as_slice())
    })
}

impl<I: Index> std::fmt::Debug for Query<'_, I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Query")
            .field("index", &I::NAME)
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

/// Some of the rows of a query, and where the next ones begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<R> {
    /// The rows.
    pub items: Vec<R>,
    /// What to pass for the next page; `None` if this is the last one.
    pub next: Option<Token>,
}
