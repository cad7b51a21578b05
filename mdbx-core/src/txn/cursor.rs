//! Moves over the items of a table.

use std::cmp::Ordering;

use crate::error::{Error, Result};
use crate::format::root::TreeRoot;
use crate::pager::snapshot::Pages;
use crate::tree::cursor;
use crate::tree::leaf_cursor::End;
use crate::tree::order::Orders;
use crate::tree::position::Position;
use crate::tree::resume::Parked;
use crate::tree::seek::Relation;

/// A key and one of its values.
pub type Item<'t> = Option<(&'t [u8], &'t [u8])>;

/// A position on an item of a table, and moves from it.
///
/// Each move returns the item it leads to; `None` means that there is none. A relative move that fails leaves the cursor
/// where it is. A search that fails leaves it nowhere: an exact one, or one for what comes before, so that no relative
/// move leads anywhere; one for what is at or after, behind the last item, so that `prev` goes to that. A new cursor
/// stands nowhere either: `next` goes to the first item, `prev` to the last. All states are listed at [`Position`].
///
/// ```
/// # use mdbx_core::{Env, TableFlags};
/// # let dir = tempfile::tempdir()?;
/// # let env = Env::open(dir.path().join("db"))?;
/// # let mut txn = env.write()?;
/// let cities = txn.create_table("cities", TableFlags::DUP_SORT)?;
/// txn.put(cities, b"NO", b"Bergen")?;
/// txn.put(cities, b"NO", b"Oslo")?;
/// txn.put(cities, b"SE", b"Lund")?;
///
/// let mut cursor = txn.cursor(cities)?;
/// assert_eq!(cursor.seek(b"NO")?, Some((&b"NO"[..], &b"Bergen"[..])));
/// assert_eq!(cursor.count(), 2);
/// assert_eq!(cursor.next_dup()?, Some((&b"NO"[..], &b"Oslo"[..])));
/// assert_eq!(cursor.next_dup()?, None);
/// assert_eq!(cursor.next_key()?, Some((&b"SE"[..], &b"Lund"[..])));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Every move: [`Error::Corrupted`] if a page on the way is damaged. The cursor then stands nowhere, as after an exact
/// search that failed.
#[derive(Clone, Debug)]
pub struct Cursor<'t> {
    cursor: cursor::Cursor<'t>,
}

#[expect(
    clippy::missing_errors_doc,
    reason = "stated once, for every move, at the type"
)]
impl<'t> Cursor<'t> {
    pub(crate) fn new(pages: Pages<'t>, root: TreeRoot, orders: Orders) -> Cursor<'t> {
        Cursor {
            cursor: cursor::Cursor::new(pages, root, orders),
        }
    }

    /// The cursor in the table as it was when it was parked.
    pub(super) fn revive(
        parked: Parked,
        pages: Pages<'t>,
        root: TreeRoot,
        orders: Orders,
    ) -> Result<Cursor<'t>> {
        Ok(Cursor {
            cursor: parked.revive(pages, root, orders)?,
        })
    }

    /// Turns the cursor into its page numbers.
    pub(super) fn park(self) -> Result<Parked> {
        self.cursor.park()
    }

    /// Returns what a move answered. After an error the cursor stands nowhere.
    #[inline]
    fn moved<T>(&mut self, answer: Result<T>) -> Result<T> {
        if answer.is_err() {
            self.cursor.miss();
        }
        answer
    }

    /// Goes to the first item.
    #[doc(alias = "MDBX_FIRST")]
    pub fn first(&mut self) -> Result<Item<'t>> {
        let item = self.cursor.go_to(End::First);
        self.moved(item)
    }

    /// Goes to the last item.
    #[doc(alias = "MDBX_LAST")]
    pub fn last(&mut self) -> Result<Item<'t>> {
        let item = self.cursor.go_to(End::Last);
        self.moved(item)
    }

    /// Goes to the next item: the next value of this key, or the first one of the next key.
    #[inline]
    #[expect(
        clippy::should_implement_trait,
        reason = "the field's name; a cursor that moves both ways is no iterator"
    )]
    #[doc(alias = "MDBX_NEXT")]
    pub fn next(&mut self) -> Result<Item<'t>> {
        let item = self.cursor.step(End::First);
        self.moved(item)
    }

    /// Goes to the previous item: the previous value of this key, or the last one of the previous key.
    #[inline]
    #[doc(alias = "MDBX_PREV")]
    pub fn prev(&mut self) -> Result<Item<'t>> {
        let item = self.cursor.step(End::Last);
        self.moved(item)
    }

    /// Goes to the first value of the next key.
    #[doc(alias = "MDBX_NEXT_NODUP")]
    pub fn next_key(&mut self) -> Result<Item<'t>> {
        let item = self.cursor.step_key(End::First);
        self.moved(item)
    }

    /// Goes to the last value of the previous key.
    #[doc(alias = "MDBX_PREV_NODUP")]
    pub fn prev_key(&mut self) -> Result<Item<'t>> {
        let item = self.cursor.step_key(End::Last);
        self.moved(item)
    }

    /// Goes to the next value of this key.
    #[doc(alias = "MDBX_NEXT_DUP")]
    pub fn next_dup(&mut self) -> Result<Item<'t>> {
        let item = self.cursor.step_dup(End::First);
        self.moved(item)
    }

    /// Goes to the previous value of this key.
    #[doc(alias = "MDBX_PREV_DUP")]
    pub fn prev_dup(&mut self) -> Result<Item<'t>> {
        let item = self.cursor.step_dup(End::Last);
        self.moved(item)
    }

    /// Goes to the first value of this key.
    #[doc(alias = "MDBX_FIRST_DUP")]
    pub fn first_dup(&mut self) -> Result<Item<'t>> {
        let item = self.cursor.go_to_dup(End::First);
        self.moved(item)
    }

    /// Goes to the last value of this key.
    #[doc(alias = "MDBX_LAST_DUP")]
    pub fn last_dup(&mut self) -> Result<Item<'t>> {
        let item = self.cursor.go_to_dup(End::Last);
        self.moved(item)
    }

    /// Goes `count` items on, or back if it is negative; `None`, and no move, if there are not so many in that direction
    /// or the cursor stands nowhere. Leaves and values are passed without being looked at, so it costs far less than
    /// as many steps.
    #[doc(alias = "mdbx_cursor_scroll")]
    pub fn skip(&mut self, count: i64) -> Result<Item<'t>> {
        let end = if count < 0 { End::Last } else { End::First };
        let item = self.cursor.skip(end, count.unsigned_abs());
        self.moved(item)
    }

    /// Goes to the first item whose key is `key` or comes after it.
    #[doc(alias = "MDBX_SET_RANGE", alias = "MDBX_TO_KEY_GREATER_OR_EQUAL")]
    pub fn seek(&mut self, key: &[u8]) -> Result<Item<'t>> {
        self.seek_by(Relation::GreaterOrEqual, key)
    }

    /// Goes to the first value of `key`.
    #[doc(
        alias = "MDBX_SET",
        alias = "MDBX_SET_KEY",
        alias = "MDBX_TO_KEY_EQUAL"
    )]
    pub fn seek_exact(&mut self, key: &[u8]) -> Result<Item<'t>> {
        let item = self.cursor.seek_exact(key, End::First);
        self.moved(item)
    }

    /// Goes to the first item whose key comes after `key`.
    #[doc(alias = "MDBX_TO_KEY_GREATER_THAN")]
    pub fn seek_after(&mut self, key: &[u8]) -> Result<Item<'t>> {
        self.seek_by(Relation::Greater, key)
    }

    /// Goes to the last value of the last key before `key`.
    #[doc(alias = "MDBX_TO_KEY_LESSER_THAN")]
    pub fn seek_before(&mut self, key: &[u8]) -> Result<Item<'t>> {
        self.seek_by(Relation::Less, key)
    }

    /// Goes to the first value of `key`, or, if there is no such key, to the last value of the last key before it.
    #[doc(alias = "MDBX_TO_KEY_LESSER_OR_EQUAL")]
    pub fn seek_at_or_before(&mut self, key: &[u8]) -> Result<Item<'t>> {
        self.seek_by(Relation::LessOrEqual, key)
    }

    /// Goes to the nearest key in that relation to `key`: to its first value, or, if the key is less, to its last one.
    pub fn seek_by(&mut self, relation: Relation, key: &[u8]) -> Result<Item<'t>> {
        let item = self.cursor.seek_by(relation, key);
        self.moved(item)
    }

    /// Goes to the first item that is `(key, value)` or comes after it. In a table with one value for each key, the value
    /// makes no difference.
    #[doc(alias = "MDBX_SET_LOWERBOUND")]
    pub fn seek_dup(&mut self, key: &[u8], value: &[u8]) -> Result<Item<'t>> {
        self.seek_dup_by(Relation::GreaterOrEqual, key, value)
    }

    /// Goes to the first item that comes after `(key, value)`. In a table with one value for each key, that is the first
    /// one whose key comes after `key`.
    #[doc(alias = "MDBX_SET_UPPERBOUND")]
    pub fn seek_dup_after(&mut self, key: &[u8], value: &[u8]) -> Result<Item<'t>> {
        self.seek_dup_by(Relation::Greater, key, value)
    }

    fn seek_dup_by(&mut self, relation: Relation, key: &[u8], value: &[u8]) -> Result<Item<'t>> {
        if self.cursor.has_dups() {
            self.seek_pair_by(relation, key, value)
        } else {
            self.seek_by(relation, key)
        }
    }

    /// Goes to the item `(key, value)`.
    ///
    /// # Errors
    ///
    /// [`Error::NotDupSort`] in a table with one value for each key; the cursor stays.
    #[doc(alias = "MDBX_GET_BOTH")]
    pub fn seek_pair(&mut self, key: &[u8], value: &[u8]) -> Result<Item<'t>> {
        self.check_dups()?;
        self.seek_value_by(Relation::Equal, key, value)
    }

    /// Goes to the first value of `key` that is `value` or comes after it.
    ///
    /// # Errors
    ///
    /// [`Error::NotDupSort`] in a table with one value for each key; the cursor stays.
    #[doc(alias = "MDBX_GET_BOTH_RANGE")]
    pub fn seek_value(&mut self, key: &[u8], value: &[u8]) -> Result<Item<'t>> {
        self.check_dups()?;
        self.seek_value_by(Relation::GreaterOrEqual, key, value)
    }

    /// Goes to the nearest value of `key` in that relation to `value`. If there is none, the cursor stands nowhere.
    #[doc(
        alias = "MDBX_TO_EXACT_KEY_VALUE_LESSER_THAN",
        alias = "MDBX_TO_EXACT_KEY_VALUE_LESSER_OR_EQUAL",
        alias = "MDBX_TO_EXACT_KEY_VALUE_EQUAL",
        alias = "MDBX_TO_EXACT_KEY_VALUE_GREATER_OR_EQUAL",
        alias = "MDBX_TO_EXACT_KEY_VALUE_GREATER_THAN"
    )]
    pub fn seek_value_by(
        &mut self,
        relation: Relation,
        key: &[u8],
        value: &[u8],
    ) -> Result<Item<'t>> {
        let item = self.cursor.seek_value_by(relation, key, value);
        self.moved(item)
    }

    /// Goes to the nearest item in that relation to `(key, value)`. The values of equal keys are compared in every table,
    /// also in one with one value for each key.
    #[doc(
        alias = "MDBX_TO_PAIR_LESSER_THAN",
        alias = "MDBX_TO_PAIR_LESSER_OR_EQUAL",
        alias = "MDBX_TO_PAIR_EQUAL",
        alias = "MDBX_TO_PAIR_GREATER_OR_EQUAL",
        alias = "MDBX_TO_PAIR_GREATER_THAN"
    )]
    pub fn seek_pair_by(
        &mut self,
        relation: Relation,
        key: &[u8],
        value: &[u8],
    ) -> Result<Item<'t>> {
        let item = self.cursor.seek_pair_by(relation, key, value);
        self.moved(item)
    }

    fn check_dups(&self) -> Result<()> {
        if self.cursor.has_dups() {
            Ok(())
        } else {
            Err(Error::NotDupSort)
        }
    }

    /// Forgets the place, so that the cursor is as a new one.
    #[doc(alias = "mdbx_cursor_reset")]
    pub fn reset(&mut self) {
        self.cursor.reset();
    }

    /// Returns the item the cursor stands on, or, in a gap that a deleted item left, the one that followed it.
    #[doc(alias = "MDBX_GET_CURRENT")]
    pub fn current(&self) -> Result<Item<'t>> {
        self.cursor.current()
    }

    /// Returns how many values the present key has; 0 when the cursor stands nowhere.
    #[must_use]
    #[doc(alias = "mdbx_cursor_count")]
    pub fn count(&self) -> u64 {
        self.cursor.count()
    }

    /// Returns whether the cursor is known to be at the end: it stands nowhere, or a move onwards found nothing, or
    /// `last` led to a key with one value. It can be `false` on the last item: only a move onwards finds that out.
    #[must_use]
    #[doc(alias = "mdbx_cursor_eof")]
    pub fn is_at_end(&self) -> bool {
        self.cursor.is_at_end()
    }

    /// Returns whether the cursor stands on the first key, on whichever of its values; also `true` of a cursor that was
    /// not placed yet, and of any cursor in an empty table.
    #[must_use]
    #[doc(alias = "mdbx_cursor_on_first")]
    pub fn on_first(&self) -> bool {
        self.cursor.is_on_key_at(End::First)
    }

    /// Returns whether the cursor stands on the last key, on whichever of its values; also `true` of a cursor that was
    /// not placed yet, and of any cursor in an empty table.
    #[must_use]
    #[doc(alias = "mdbx_cursor_on_last")]
    pub fn on_last(&self) -> bool {
        self.cursor.is_on_key_at(End::Last)
    }

    /// Returns whether the cursor stands on the first value of its key; also `true` of a cursor that stands nowhere.
    #[must_use]
    #[doc(alias = "mdbx_cursor_on_first_dup")]
    pub fn on_first_dup(&self) -> bool {
        self.cursor.is_on_dup_at(End::First)
    }

    /// Returns whether the cursor stands on the last value of its key; also `true` of a cursor that stands nowhere.
    #[must_use]
    #[doc(alias = "mdbx_cursor_on_last_dup")]
    pub fn on_last_dup(&self) -> bool {
        self.cursor.is_on_dup_at(End::Last)
    }

    /// Returns the order of the items that two cursors of one table stand on; `None` if one of them stands on none.
    #[doc(alias = "mdbx_cursor_compare")]
    pub fn compare(&self, other: &Cursor<'_>) -> Result<Option<Ordering>> {
        self.cursor.compare(&other.cursor)
    }

    /// Returns the order of the keys that two cursors of one table stand on; `None` if one of them stands on none.
    #[doc(alias = "mdbx_cursor_compare")]
    pub fn compare_keys(&self, other: &Cursor<'_>) -> Result<Option<Ordering>> {
        self.cursor.compare_keys(&other.cursor)
    }

    /// Returns how many items `other` stands after this cursor, or, as a negative number, before it; `None` if one of
    /// them stands on no item, or they are not cursors of one table in one transaction. It costs a look at every leaf
    /// between them.
    #[doc(alias = "mdbx_cursor_distance")]
    pub fn distance(&self, other: &Cursor<'t>) -> Result<Option<i64>> {
        self.cursor.distance(&other.cursor)
    }

    /// Returns the place as plain data, which survives any change of the table.
    pub fn save(&self) -> Result<Position> {
        self.cursor.save()
    }

    /// Goes to a place that was saved before, by this cursor or any other: to the same item, or into the gap that it
    /// left, or to where the cursor stood nowhere in the same way.
    pub fn resume(&mut self, position: &Position) -> Result<()> {
        let done = self.cursor.resume(position);
        self.moved(done)
    }
}
