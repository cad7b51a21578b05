//! The deletion of many items at once, by bounds.
//!
//! The tree deletes them in steps, each of which takes pages before it gives any up. How many steps there will be, and
//! how many pages they take in all, shows only as they are made. So they are made as a level, like a nested
//! transaction: each step sets aside its own pages, and if the database has no room left for one of them, or a page
//! turns out to be damaged, the level is undone. Then nothing was changed, and the transaction goes on.
//!
//! A single step needs no level: it is a change like any other.

use std::cmp::Ordering;
use std::ops::{Bound, RangeBounds};

use crate::error::{Error, Result};
use crate::tree::cut::{Part, Reach};
use crate::tree::interval::Interval;
use crate::tree::position::Position;
use crate::txn::table::Table;
use crate::txn::table_mut::TableMut;

/// Which items around the one that a cursor stands on, for [`CursorMut::delete_around`](crate::CursorMut::delete_around).
///
/// ```text
///   keys     ann       bob                   cid
///   values   1   2     1   2 < 3 > 4   5     1   2
///                      |-----|                        DupsBefore
///                      |---------|                    DupsThrough
///                            |-----------|            DupsFrom
///                                |-------|            DupsAfter
///                      |-----------------|            Dups
///            |---------------|                        Before
///            |-------------------|                    Through
///                            |--------------------|   From
///                                |----------------|   After
///            |------------------------------------|   All
/// ```
///
/// Where a key has one value, `DupsBefore` and `DupsAfter` mean nothing, and the others that begin with `Dups` that item.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[doc(alias = "MDBX_bunch_action_t")]
pub enum Around {
    /// The values of the key that come before the item.
    #[doc(alias = "MDBX_DELETE_CURRENT_MULTIVAL_BEFORE_EXCLUDING")]
    DupsBefore,
    /// The item and the values of the key that come before it.
    #[doc(alias = "MDBX_DELETE_CURRENT_MULTIVAL_BEFORE_INCLUDING")]
    DupsThrough,
    /// The item and the values of the key that come after it.
    #[doc(alias = "MDBX_DELETE_CURRENT_MULTIVAL_AFTER_INCLUDING")]
    DupsFrom,
    /// The values of the key that come after the item.
    #[doc(alias = "MDBX_DELETE_CURRENT_MULTIVAL_AFTER_EXCLUDING")]
    DupsAfter,
    /// All values of the key.
    #[doc(alias = "MDBX_DELETE_CURRENT_MULTIVAL_ALL")]
    Dups,
    /// All items of the table that come before the item.
    #[doc(alias = "MDBX_DELETE_BEFORE_EXCLUDING")]
    Before,
    /// The item and all that come before it.
    #[doc(alias = "MDBX_DELETE_BEFORE_INCLUDING")]
    Through,
    /// The item and all that come after it.
    #[doc(alias = "MDBX_DELETE_AFTER_INCLUDING")]
    From,
    /// All items of the table that come after the item.
    #[doc(alias = "MDBX_DELETE_AFTER_EXCLUDING")]
    After,
    /// All items of the table.
    #[doc(alias = "MDBX_DELETE_WHOLE")]
    All,
}

/// A key and one of its values.
type Pair<'k> = (&'k [u8], &'k [u8]);

/// A key and one of its values, copied.
type OwnedPair = (Vec<u8>, Vec<u8>);

impl TableMut<'_> {
    /// Deletes all items whose keys lie in `bounds`, with all their values; returns how many items there were, each
    /// value of a key counted. The sequence goes on.
    ///
    /// It takes as long as it takes to give up the pages that they fill, not to delete them one by one. Bounds that
    /// are out of order enclose nothing.
    ///
    /// ```
    /// # use mdbx_core::{Env, TableFlags};
    /// # let dir = tempfile::tempdir()?;
    /// # let env = Env::open(dir.path().join("db"))?;
    /// let mut txn = env.write()?;
    /// let log = txn.create_table("log", TableFlags::empty())?;
    /// for day in ["2024-02-28", "2024-02-29", "2024-03-01"] {
    ///     txn.put(log, day.as_bytes(), b"nothing happened")?;
    /// }
    /// let deleted = txn.table_mut(log)?.delete_range(..&b"2024-03"[..])?;
    /// assert_eq!(deleted, 2);
    /// assert_eq!(txn.table(log)?.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Error::Incompatible`] if one of the keys is the name of a table in the main table; or any is, if the
    ///   application [gives](crate::EnvOptions::main_order) the order of that.
    /// - [`Error::MapFull`] if the database has no room left: deletions need some for a while. Nothing was changed.
    /// - [`Error::Corrupted`], [`Error::TxnFailed`].
    #[doc(alias = "mdbx_cursor_delete_range")]
    pub fn delete_range<'k>(&mut self, bounds: impl RangeBounds<&'k [u8]>) -> Result<u64> {
        self.delete_parts(&[Part::Keys(Interval {
            lower: bounds.start_bound().map(|key| *key),
            upper: bounds.end_bound().map(|key| *key),
        })])
    }

    /// Deletes all items that lie in `bounds`, which are pairs of a key and a value; returns how many there were.
    ///
    /// In a table with one value for each key, the keys alone decide. Else as
    /// [`delete_range`](TableMut::delete_range).
    ///
    /// ```
    /// # use mdbx_core::{Env, TableFlags};
    /// # let dir = tempfile::tempdir()?;
    /// # let env = Env::open(dir.path().join("db"))?;
    /// let mut txn = env.write()?;
    /// let by_city = txn.create_table("by city", TableFlags::DUP_SORT)?;
    /// for (city, name) in [("Oslo", "ann"), ("Oslo", "bob"), ("Rome", "cid"), ("Rome", "dan")] {
    ///     txn.put(by_city, city.as_bytes(), name.as_bytes())?;
    /// }
    /// let (from, to) = ((&b"Oslo"[..], &b"bob"[..]), (&b"Rome"[..], &b"cid"[..]));
    /// assert_eq!(txn.table_mut(by_city)?.delete_pairs(from..=to)?, 2);
    /// assert_eq!(txn.table(by_city)?.first()?, Some((&b"Oslo"[..], &b"ann"[..])));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`delete_range`](TableMut::delete_range).
    pub fn delete_pairs<'k>(
        &mut self,
        bounds: impl RangeBounds<(&'k [u8], &'k [u8])>,
    ) -> Result<u64> {
        let lower = bounds.start_bound().map(|pair| *pair);
        let upper = bounds.end_bound().map(|pair| *pair);
        let parts = self.parts_between(lower, upper);
        self.delete_parts(&parts)
    }

    /// Deletes the items between two places of cursors; returns how many there were. A place stands for the item that
    /// [`Cursor::current`](crate::Cursor::current) gives there; `a..b` spares the item at `b`, `a..=b` does not.
    ///
    /// # Errors
    ///
    /// [`Error::NoItem`] if there is no item at one of the places, or the second comes before the first; and those of
    /// [`delete_range`](TableMut::delete_range).
    #[doc(alias = "mdbx_cursor_delete_range")]
    pub fn delete_between(&mut self, bounds: impl RangeBounds<Position>) -> Result<u64> {
        let lower = self.pair_at(bounds.start_bound())?;
        let upper = self.pair_at(bounds.end_bound())?;
        let (lower, upper) = (borrowed(&lower), borrowed(&upper));
        if self.compare_bounds(lower, upper).is_gt() {
            return Err(Error::NoItem);
        }
        let parts = self.parts_between(lower, upper);
        self.delete_parts(&parts)
    }

    /// Deletes items around `pair`, which is one of the table; returns how many there were.
    pub(super) fn delete_around(&mut self, around: Around, pair: Pair<'_>) -> Result<u64> {
        use Bound::{Excluded, Included, Unbounded};

        let (key, value) = pair;
        let parts = match around {
            Around::DupsBefore => self.parts_of_key(key, Unbounded, Excluded(value)),
            Around::DupsThrough => self.parts_of_key(key, Unbounded, Included(value)),
            Around::DupsFrom => self.parts_of_key(key, Included(value), Unbounded),
            Around::DupsAfter => self.parts_of_key(key, Excluded(value), Unbounded),
            Around::Dups => vec![Part::Keys(Interval::only(key))],
            Around::Before => self.parts_between(Unbounded, Excluded(pair)),
            Around::Through => self.parts_between(Unbounded, Included(pair)),
            Around::From => self.parts_between(Included(pair), Unbounded),
            Around::After => self.parts_between(Excluded(pair), Unbounded),
            Around::All => return self.delete_range(..),
        };
        self.delete_parts(&parts)
    }

    /// Returns the values of a key on one side of one of them.
    fn parts_of_key<'k>(
        &self,
        key: &'k [u8],
        lower: Bound<&'k [u8]>,
        upper: Bound<&'k [u8]>,
    ) -> Vec<Part<'k>> {
        let spares_value =
            matches!(lower, Bound::Excluded(_)) || matches!(upper, Bound::Excluded(_));
        if self.is_dup_sort() {
            vec![Part::Values(key, Interval { lower, upper })]
        } else if spares_value {
            Vec::new()
        } else {
            vec![Part::Keys(Interval::only(key))]
        }
    }

    /// Returns the items at the place that a bound says.
    fn pair_at(&self, bound: Bound<&Position>) -> Result<Bound<OwnedPair>> {
        let pair = |position| {
            let mut cursor = self.as_ref().cursor();
            cursor.resume(position)?;
            let (key, value) = cursor.current()?.ok_or(Error::NoItem)?;
            Ok((key.to_vec(), value.to_vec()))
        };
        Ok(match bound {
            Bound::Unbounded => Bound::Unbounded,
            Bound::Included(position) => Bound::Included(pair(position)?),
            Bound::Excluded(position) => Bound::Excluded(pair(position)?),
        })
    }

    /// Returns the order of the pairs that two bounds name; `Less` if one is open.
    fn compare_bounds(&self, lower: Bound<Pair<'_>>, upper: Bound<Pair<'_>>) -> Ordering {
        let (Some((key, value)), Some((upper_key, upper_value))) = (pair_of(lower), pair_of(upper))
        else {
            return Ordering::Less;
        };
        let table = self.as_ref();
        table.compare_keys(key, upper_key).then_with(|| {
            if self.is_dup_sort() {
                table.compare_values(value, upper_value)
            } else {
                Ordering::Equal
            }
        })
    }

    /// Returns the items between two pairs: the later values of the lower key, whole keys, and the earlier values of
    /// the upper key.
    fn parts_between<'k>(&self, lower: Bound<Pair<'k>>, upper: Bound<Pair<'k>>) -> Vec<Part<'k>> {
        let keys = |lower, upper| Part::Keys(Interval { lower, upper });
        if !self.is_dup_sort() {
            return vec![keys(lower.map(|(key, _)| key), upper.map(|(key, _)| key))];
        }
        let values = |key, lower: Bound<Pair<'k>>, upper: Bound<Pair<'k>>| {
            let (lower, upper) = (lower.map(|(_, value)| value), upper.map(|(_, value)| value));
            Part::Values(key, Interval { lower, upper })
        };
        let (first, last) = (pair_of(lower), pair_of(upper));
        if let (Some((first, _)), Some((last, _))) = (first, last) {
            match self.as_ref().compare_keys(first, last) {
                Ordering::Less => {}
                Ordering::Equal => return vec![values(first, lower, upper)],
                Ordering::Greater => return Vec::new(),
            }
        }
        let mut parts = Vec::with_capacity(3);
        parts.extend(first.map(|(key, _)| values(key, lower, Bound::Unbounded)));
        let behind =
            |pair: Option<Pair<'k>>| pair.map_or(Bound::Unbounded, |(key, _)| Bound::Excluded(key));
        parts.push(keys(behind(first), behind(last)));
        parts.extend(last.map(|(key, _)| values(key, Bound::Unbounded, upper)));
        parts
    }

    /// Deletes the items of all `parts`, or nothing; returns how many there were.
    fn delete_parts(&mut self, parts: &[Part<'_>]) -> Result<u64> {
        self.check_sound()?;
        self.make_room()?;
        self.check_no_names(parts)?;
        if let &[part] = parts {
            match self.with_tree(|tree| tree.reach(part))? {
                None => return Ok(0),
                Some(Reach::All) => return self.delete_step(part),
                Some(Reach::Some) => {}
            }
        }
        self.as_a_whole(|table| parts.iter().map(|&part| table.delete_part(part)).sum())
    }

    /// Deletes the items of a part step by step; returns how many there were.
    fn delete_part(&mut self, part: Part<'_>) -> Result<u64> {
        let mut items = 0;
        while let Some(reach) = self.with_tree(|tree| tree.reach(part))? {
            let step = self.delete_step(part)?;
            items += step;
            // An order that contradicts itself can promise items that are not found.
            if reach == Reach::All || step == 0 {
                break;
            }
        }
        Ok(items)
    }

    /// Deletes as many items of a part as go in one step; returns how many.
    fn delete_step(&mut self, part: Part<'_>) -> Result<u64> {
        let pages = self.with_tree(|tree| tree.most_pages_for_cut(part))?;
        self.gc.borrow_mut().reserve(self.base, pages)?;
        let mut items = 0;
        self.edit(|mut tree| {
            items = tree.cut(part)?;
            Ok(items > 0)
        })?;
        Ok(items)
    }

    /// Checks that no key of `parts` is the name of a table.
    fn check_no_names(&self, parts: &[Part<'_>]) -> Result<()> {
        if self.table != Table::MAIN || self.is_dup_sort() {
            return Ok(());
        }
        let order = self.open.orders().keys;
        // A given order that contradicts itself would not tell which names lie in a range.
        if order.is_given() && !self.as_ref().named_tables()?.is_empty() {
            return Err(self.incompatible("it names tables, in an order that is given"));
        }
        for part in parts {
            if let Part::Keys(keys) = part
                && !keys.is_empty(order)
                && self.as_ref().named_table_in(*keys)?.is_some()
            {
                return Err(self.incompatible("one of the keys is the name of a table"));
            }
        }
        Ok(())
    }

    /// Makes several changes as one: if `change` fails, all of them are undone.
    fn as_a_whole<T>(&mut self, change: impl FnOnce(&mut TableMut<'_>) -> Result<T>) -> Result<T> {
        let (root, changed) = (self.open.root, self.open.changed);
        let mark = self.gc.borrow_mut().begin_level();
        let done = change(&mut self.reborrow());
        let gc = &mut *self.gc.borrow_mut();
        let (level, memory) = (gc.supply.level, &mut gc.supply.memory.buffers);
        let dirty = self.open.dirty.as_deref_mut();
        if done.is_ok() {
            if let Some(dirty) = dirty {
                dirty.merge_level(level, memory);
            }
            gc.merge_level();
        } else {
            if let Some(dirty) = dirty {
                dirty.undo_level(level, memory);
            }
            gc.undo_level(mark);
            (self.open.root, self.open.changed) = (root, changed);
            self.open.forget_place();
            self.failed.set(false);
        }
        done
    }
}

fn pair_of(bound: Bound<Pair<'_>>) -> Option<Pair<'_>> {
    match bound {
        Bound::Included(pair) | Bound::Excluded(pair) => Some(pair),
        Bound::Unbounded => None,
    }
}

fn borrowed(bound: &Bound<OwnedPair>) -> Bound<Pair<'_>> {
    bound.as_ref().map(|(key, value)| (&key[..], &value[..]))
}
