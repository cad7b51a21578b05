//! One table inside one transaction: every read operation.

use std::cmp::Ordering;
use std::ops::{Bound, RangeBounds};

use crate::error::{PageFault, Result};
use crate::format::node::Value;
use crate::format::root::{DUP_SORT, INTEGER_KEY, TreeRoot};
use crate::ids::Txnid;
use crate::pager::snapshot::Pages;
use crate::tree;
use crate::tree::batch::{GROUP, descend_together};
use crate::tree::estimate::estimate;
use crate::tree::interval::Interval;
use crate::tree::leaf_cursor::End;
use crate::tree::order::{Order, Orders};
use crate::tree::resume::Parked;
use crate::tree::search::{Found, Target, bisect, descend};
use crate::tree::seek::Relation;
use crate::tree::stack::Step;
use crate::txn::cursor::{Cursor, Item};
use crate::txn::range::{Dups, Range};
use crate::txn::sizes::check_key_on;
use crate::txn::table::{TableFlags, named_root};

/// One table inside one transaction, for reading.
///
/// What it hands out points into the database file, or into the pages the write transaction has changed, and lives as
/// long as the transaction is borrowed: longer than the `TableRef` itself.
#[derive(Clone, Copy, Debug)]
pub struct TableRef<'t> {
    pages: Pages<'t>,
    root: TreeRoot,
    orders: Orders,
}

/// How many entries and pages a table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stat {
    /// Pairs of key and value; each of several values counts.
    pub items: u64,
    /// Levels from the root to the leaves; 0 when empty.
    pub height: usize,
    /// Branch pages, those of nested trees of duplicates included.
    pub branch_pages: u32,
    /// Leaf pages, those of nested trees of duplicates included.
    pub leaf_pages: u32,
    /// Pages of large values.
    pub large_pages: u32,
    /// The transaction that changed the table last.
    pub last_change: Txnid,
}

impl<'t> TableRef<'t> {
    pub(crate) fn new(pages: Pages<'t>, root: TreeRoot, orders: Orders) -> TableRef<'t> {
        TableRef {
            pages,
            root,
            orders,
        }
    }

    /// Returns the value of `key`, the first one if it has several; `None` if there is no such key.
    ///
    /// # Errors
    ///
    /// - [`Error::Corrupted`](crate::Error::Corrupted) if a page on the way is damaged.
    /// - [`Error::KeyLen`](crate::Error::KeyLen) if the keys of the table are integers, and this is none of their
    ///   length. The same holds for the other methods that ask for one key.
    #[inline]
    pub fn get(&self, key: &[u8]) -> Result<Option<&'t [u8]>> {
        match self.find(key)? {
            Some(found) => self.first_value(found).map(|(value, _)| Some(value)),
            None => Ok(None),
        }
    }

    /// Returns what [`get`](TableRef::get) returns for each of the keys, in their order.
    ///
    /// It looks for several keys at a time, so that the searches wait for the memory together: in a table that does
    /// not fit the caches of the processor, that takes a fraction of the time of one `get` after the other.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let env = mdbx_core::Env::open(dir.path().join("db"))?;
    /// # let mut txn = env.write()?;
    /// # let table = txn.create_table("t", mdbx_core::TableFlags::empty())?;
    /// txn.put(table, b"one", b"1")?;
    /// txn.put(table, b"two", b"2")?;
    /// let values = txn.table(table)?.get_many(&["two", "three", "one"])?;
    /// assert_eq!(values, [Some(&b"2"[..]), None, Some(&b"1"[..])]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`get`](TableRef::get).
    pub fn get_many<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<Vec<Option<&'t [u8]>>> {
        let mut values = vec![None; keys.len()];
        for (keys, values) in keys.chunks(GROUP).zip(values.chunks_mut(GROUP)) {
            self.get_group(keys, values)?;
        }
        Ok(values)
    }

    /// As [`get_many`](TableRef::get_many), of one group of keys.
    fn get_group<K: AsRef<[u8]>>(&self, keys: &[K], values: &mut [Option<&'t [u8]>]) -> Result<()> {
        let is_integer = self.root.flags & INTEGER_KEY != 0;
        if is_integer && self.root.is_empty() {
            keys.iter()
                .try_for_each(|key| check_key_on(None, key.as_ref()))?;
        }
        descend_together(
            self.pages,
            &self.root,
            self.orders.keys,
            keys,
            |number, found| {
                if is_integer {
                    check_key_on(Some(found.leaf), keys[number].as_ref())?;
                }
                if found.exact {
                    values[number] = Some(self.first_value(found)?.0);
                }
                Ok(())
            },
        )
    }

    /// Returns the first value of `key` and how many it has; `None` if there is no such key.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`](crate::Error::Corrupted) if a page on the way is damaged.
    #[doc(alias = "mdbx_get_ex")]
    pub fn get_with_count(&self, key: &[u8]) -> Result<Option<(&'t [u8], u64)>> {
        self.find(key)?
            .map(|found| self.first_value(found))
            .transpose()
    }

    /// Returns the first item whose key is `key` or comes after it; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`](crate::Error::Corrupted) if a page on the way is damaged.
    #[doc(alias = "mdbx_get_equal_or_great")]
    pub fn get_at_or_after(&self, key: &[u8]) -> Result<Item<'t>> {
        self.cursor().seek(key)
    }

    /// Returns the first item that is `(key, value)` or comes after it; `None` if there is none. In a table with one
    /// value for each key, the value makes no difference.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`](crate::Error::Corrupted) if a page on the way is damaged.
    pub fn get_pair_at_or_after(&self, key: &[u8], value: &[u8]) -> Result<Item<'t>> {
        self.cursor().seek_dup(key, value)
    }

    /// Returns whether there is such a key.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`](crate::Error::Corrupted) if a page on the way is damaged.
    pub fn contains(&self, key: &[u8]) -> Result<bool> {
        Ok(self.find(key)?.is_some())
    }

    /// Returns whether `key` has that value.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`](crate::Error::Corrupted) if a page on the way is damaged.
    pub fn contains_dup(&self, key: &[u8], value: &[u8]) -> Result<bool> {
        let Some(found) = self.find(key)? else {
            return Ok(false);
        };
        let pgno = found.leaf.pgno();
        let dups = self.orders.dups;
        match found
            .leaf
            .value(found.index)
            .map_err(|fault| fault.at(pgno))?
        {
            Value::SubPage(page) => Ok(bisect(page, 0, dups, value)
                .map_err(|fault| fault.at(pgno))?
                .1),
            Value::Nested(root) => {
                root.check(self.pages.end).map_err(|fault| fault.at(pgno))?;
                let found = descend(self.pages, &root, dups, Target::Key(value), |_, _, _| {})?;
                Ok(found.is_some_and(|found| found.exact))
            }
            Value::Inline(only) if self.root.flags & DUP_SORT != 0 => {
                Ok(dups.compare(only, value).is_eq())
            }
            _ => Ok(self.first_value(found)?.0 == value),
        }
    }

    /// Returns the values of `key`, in order, from either end; none if there is no such key.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`](crate::Error::Corrupted) if a page on the way is damaged.
    pub fn dups(&self, key: &[u8]) -> Result<Dups<'t>> {
        Dups::new(self.pages, self.root, self.orders, key)
    }

    /// Returns the items whose keys lie in `bounds`, in order, from either end. Each value of a key is an item.
    ///
    /// Bounds that are out of order enclose nothing.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let env = mdbx_core::Env::open(dir.path().join("db"))?;
    /// # let mut txn = env.write()?;
    /// # let fruit = txn.create_table("fruit", mdbx_core::TableFlags::empty())?;
    /// for name in ["apple", "banana", "cherry"] {
    ///     txn.put(fruit, name.as_bytes(), b"")?;
    /// }
    /// let until_c = txn.table(fruit)?.range(..&b"c"[..]);
    /// let last = until_c.rev().next().unwrap()?;
    /// assert_eq!(last.0, b"banana");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// An item can be [`Error::Corrupted`](crate::Error::Corrupted), and is the last one then.
    #[must_use]
    pub fn range<'k>(&self, bounds: impl RangeBounds<&'k [u8]>) -> Range<'t> {
        Range::new(self.pages, self.root, self.orders, &bounds)
    }

    /// Returns all items, in order, from either end, as [`range`](TableRef::range) does.
    #[must_use]
    pub fn iter(&self) -> Range<'t> {
        self.range(..)
    }

    /// Returns a cursor that stands nowhere yet.
    #[must_use]
    pub fn cursor(&self) -> Cursor<'t> {
        Cursor::new(self.pages, self.root, self.orders)
    }

    /// Returns the cursor that was parked in this table, which was not changed since.
    pub(super) fn revive(&self, parked: Parked) -> Result<Cursor<'t>> {
        Cursor::revive(parked, self.pages, self.root, self.orders)
    }

    /// Returns the first item.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`](crate::Error::Corrupted) if a page on the way is damaged.
    pub fn first(&self) -> Result<Item<'t>> {
        self.cursor().first()
    }

    /// Returns the last item.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`](crate::Error::Corrupted) if a page on the way is damaged.
    pub fn last(&self) -> Result<Item<'t>> {
        self.cursor().last()
    }

    /// Returns about how many items have keys in `bounds`, judged from the pages on the way to the bounds.
    ///
    /// It is exact where the bounds fall into the same leaf, above all where they enclose a single key, and where there
    /// are none. Elsewhere it assumes that sibling pages lead to equally many items.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`](crate::Error::Corrupted) if a page on the way is damaged.
    #[doc(alias = "mdbx_estimate_range")]
    pub fn estimate_range<'k>(&self, bounds: impl RangeBounds<&'k [u8]>) -> Result<u64> {
        let (lower, upper) = (bounds.start_bound(), bounds.end_bound());
        if (lower, upper) == (Bound::Unbounded, Bound::Unbounded) {
            return Ok(self.len());
        }
        let (lower, upper) = (lower.map(|key| *key), upper.map(|key| *key));
        estimate(self.pages, &self.root, self.orders.keys, lower, upper)
    }

    /// Returns the order of two keys in this table.
    ///
    /// ```
    /// # use std::cmp::Ordering;
    /// # use mdbx_core::{Env, TableFlags};
    /// # let dir = tempfile::tempdir()?;
    /// # let env = Env::open(dir.path().join("db"))?;
    /// # let mut txn = env.write()?;
    /// let names = txn.create_table("host names", TableFlags::REVERSE_KEY)?;
    /// let order = txn.table(names)?.compare_keys(b"b.example.com", b"a.example.org");
    /// assert_eq!(order, Ordering::Greater); // `m` comes after `g`, as the last letters are the first to be compared
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    #[doc(alias = "mdbx_cmp")]
    pub fn compare_keys(&self, one: &[u8], other: &[u8]) -> Ordering {
        self.orders.keys.compare(one, other)
    }

    /// Returns the order of two values of one key in this table.
    #[must_use]
    #[doc(alias = "mdbx_dcmp")]
    pub fn compare_values(&self, one: &[u8], other: &[u8]) -> Ordering {
        self.orders.dups.compare(one, other)
    }

    /// Returns whether the first value of `key` lies in a page that this transaction has changed, so that its next
    /// change may overwrite it; `false` if there is no such key.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`](crate::Error::Corrupted) if a page on the way is damaged.
    #[doc(alias = "mdbx_is_dirty")]
    pub fn is_dirty(&self, key: &[u8]) -> Result<bool> {
        let Some(found) = self.find(key)? else {
            return Ok(false);
        };
        let at = found.leaf.pgno();
        let pgno = match found
            .leaf
            .value(found.index)
            .map_err(|fault| fault.at(at))?
        {
            Value::Inline(_) | Value::Table(_) | Value::SubPage(_) => at,
            Value::Large { pgno, .. } => pgno,
            Value::Nested(root) => {
                root.check(self.pages.end).map_err(|fault| fault.at(at))?;
                let first = descend(self.pages, &root, Order::Bytes, Target::First, |_, _, _| {})?;
                first.map_or(at, |first| first.leaf.pgno())
            }
        };
        let dirty = self.pages.dirty;
        Ok(dirty.is_some_and(|dirty| dirty.owns(pgno)))
    }

    /// Returns the number of items. Each value of a key counts.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.root.items
    }

    /// Returns whether there is no item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.root.items == 0
    }

    /// Returns the kind of the table.
    #[must_use]
    pub fn flags(&self) -> TableFlags {
        TableFlags::from_bits(self.root.flags)
    }

    /// Returns the table's sequence: the next number that [`WriteTxn::sequence`](crate::WriteTxn::sequence) gives.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.root.sequence
    }

    /// Returns how many entries and pages the table has.
    #[must_use]
    #[doc(alias = "mdbx_dbi_stat")]
    pub fn stat(&self) -> Stat {
        Stat {
            items: self.root.items,
            height: usize::from(self.root.height),
            branch_pages: self.root.branch_pages,
            leaf_pages: self.root.leaf_pages,
            large_pages: self.root.large_pages,
            last_change: self.root.mod_txnid,
        }
    }

    /// Returns the names and records of the tables that this one, the main table, names.
    pub(crate) fn named_tables(&self) -> Result<Vec<(Vec<u8>, TreeRoot)>> {
        let mut cursor = tree::cursor::Cursor::new(self.pages, self.root, self.orders);
        let mut tables = Vec::new();
        let mut left = self.root.items.min(self.pages.most_items());
        while let Some((name, record)) = cursor.step(End::First)? {
            // Pages that lead to one another would never end.
            left = left
                .checked_sub(1)
                .ok_or_else(|| PageFault::BadTreeRecord.at(self.root.root))?;
            if cursor.is_on_table()? {
                let root =
                    named_root(self.pages, record).map_err(|fault| fault.at(self.root.root))?;
                tables.push((name.to_vec(), root));
            }
        }
        Ok(tables)
    }

    /// Returns the first name in an interval that a table has, of those that this one, the main table, names.
    pub(super) fn named_table_in(&self, keys: Interval<'_>) -> Result<Option<&'t [u8]>> {
        let order = self.orders.keys;
        let mut cursor = tree::cursor::Cursor::new(self.pages, self.root, self.orders);
        let mut item = match keys.lower {
            Bound::Unbounded => cursor.go_to(End::First),
            Bound::Included(key) => cursor.seek_by(Relation::GreaterOrEqual, key),
            Bound::Excluded(key) => cursor.seek_by(Relation::Greater, key),
        }?;
        while let Some((name, _)) = item
            && keys.is_above(order, name)
        {
            if cursor.is_on_table()? {
                return Ok(Some(name));
            }
            item = cursor.step(End::First)?;
        }
        Ok(None)
    }

    #[inline]
    fn find(&self, key: &[u8]) -> Result<Option<Found<'t>>> {
        let found = descend(
            self.pages,
            &self.root,
            self.orders.keys,
            Target::Key(key),
            |_, _, _| {},
        )?;
        if self.root.flags & INTEGER_KEY != 0 {
            check_key_on(found.map(|found| found.leaf), key)?;
        }
        Ok(found.filter(|found| found.exact))
    }

    /// Returns the first value of the entry that `step` leads to.
    pub(super) fn first_value_at(&self, step: Step) -> Result<&'t [u8]> {
        let found = Found {
            leaf: self.pages.page(step.pgno)?,
            index: step.index,
            exact: true,
        };
        self.first_value(found).map(|(value, _)| value)
    }

    #[inline]
    fn first_value(&self, found: Found<'t>) -> Result<(&'t [u8], u64)> {
        let pgno = found.leaf.pgno();
        match found
            .leaf
            .value(found.index)
            .map_err(|fault| fault.at(pgno))?
        {
            Value::Inline(value) | Value::Table(value) => Ok((value, 1)),
            Value::Large { pgno, len } => Ok((self.pages.large_value(pgno, len)?, 1)),
            Value::SubPage(page) => Ok((
                page.key(0).map_err(|fault| fault.at(pgno))?,
                page.len() as u64,
            )),
            Value::Nested(root) => {
                root.check(self.pages.end).map_err(|fault| fault.at(pgno))?;
                let first = descend(self.pages, &root, Order::Bytes, Target::First, |_, _, _| {})?;
                let value = first.map_or(Ok(&b""[..]), |first| first.leaf.key(0));
                Ok((value.map_err(|fault| fault.at(root.root))?, root.items))
            }
        }
    }
}

impl<'t> IntoIterator for &TableRef<'t> {
    type Item = Result<(&'t [u8], &'t [u8])>;
    type IntoIter = Range<'t>;

    fn into_iter(self) -> Range<'t> {
        self.iter()
    }
}
