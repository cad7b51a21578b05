//! Moves over the items of a table.

use crate::error::Result;
use crate::format::root::TreeRoot;
use crate::pager::snapshot::Pages;
use crate::tree::cursor::{self, End};

/// A key and one of its values.
pub type Item<'t> = Option<(&'t [u8], &'t [u8])>;

/// A position on an item of a table, and moves from it.
///
/// Each move returns the item it leads to; `None` means there is none in that direction, and then the cursor stays. A
/// new cursor stands nowhere: `next` goes to the first item, `prev` to the last.
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
/// let mut cursor = txn.table(cities)?.cursor();
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
/// Every move: [`Error::Corrupted`](crate::Error::Corrupted) if a page on the way is damaged. The cursor then stands
/// nowhere.
#[derive(Clone, Debug)]
pub struct Cursor<'t> {
    cursor: cursor::Cursor<'t>,
}

#[expect(
    clippy::missing_errors_doc,
    reason = "stated once, for every move, at the type"
)]
impl<'t> Cursor<'t> {
    pub(crate) fn new(pages: Pages<'t>, root: TreeRoot) -> Cursor<'t> {
        Cursor {
            cursor: cursor::Cursor::new(pages, root),
        }
    }

    /// Goes to the first item.
    #[doc(alias = "MDBX_FIRST")]
    pub fn first(&mut self) -> Result<Item<'t>> {
        self.cursor.go_to(End::First)
    }

    /// Goes to the last item.
    #[doc(alias = "MDBX_LAST")]
    pub fn last(&mut self) -> Result<Item<'t>> {
        self.cursor.go_to(End::Last)
    }

    /// Goes to the next item: the next value of this key, or the first one of the next key.
    #[inline]
    #[expect(
        clippy::should_implement_trait,
        reason = "the field's name; a cursor that moves both ways is no iterator"
    )]
    #[doc(alias = "MDBX_NEXT")]
    pub fn next(&mut self) -> Result<Item<'t>> {
        self.cursor.step(End::First)
    }

    /// Goes to the previous item: the previous value of this key, or the last one of the previous key.
    #[inline]
    #[doc(alias = "MDBX_PREV")]
    pub fn prev(&mut self) -> Result<Item<'t>> {
        self.cursor.step(End::Last)
    }

    /// Goes to the first value of the next key.
    #[doc(alias = "MDBX_NEXT_NODUP")]
    pub fn next_key(&mut self) -> Result<Item<'t>> {
        self.cursor.step_key(End::First)
    }

    /// Goes to the last value of the previous key.
    #[doc(alias = "MDBX_PREV_NODUP")]
    pub fn prev_key(&mut self) -> Result<Item<'t>> {
        self.cursor.step_key(End::Last)
    }

    /// Goes to the next value of this key.
    #[doc(alias = "MDBX_NEXT_DUP")]
    pub fn next_dup(&mut self) -> Result<Item<'t>> {
        self.cursor.step_dup(End::First)
    }

    /// Goes to the previous value of this key.
    #[doc(alias = "MDBX_PREV_DUP")]
    pub fn prev_dup(&mut self) -> Result<Item<'t>> {
        self.cursor.step_dup(End::Last)
    }

    /// Goes to the first value of this key.
    #[doc(alias = "MDBX_FIRST_DUP")]
    pub fn first_dup(&mut self) -> Result<Item<'t>> {
        self.cursor.go_to_dup(End::First)
    }

    /// Goes to the last value of this key.
    #[doc(alias = "MDBX_LAST_DUP")]
    pub fn last_dup(&mut self) -> Result<Item<'t>> {
        self.cursor.go_to_dup(End::Last)
    }

    /// Goes to the first item whose key is `key` or comes after it. If there is none, `prev` goes to the last item.
    #[doc(alias = "MDBX_SET_RANGE")]
    pub fn seek(&mut self, key: &[u8]) -> Result<Item<'t>> {
        self.cursor.seek(key)
    }

    /// Goes to the first value of `key`. If there is no such key, the cursor stands nowhere and no move leads away.
    #[doc(alias = "MDBX_SET_KEY")]
    pub fn seek_exact(&mut self, key: &[u8]) -> Result<Item<'t>> {
        self.cursor.seek_exact(key, End::First)
    }

    /// Goes to the first item that is `(key, value)` or comes after it. If there is none, `prev` goes to the last item.
    #[doc(alias = "MDBX_SET_LOWERBOUND")]
    pub fn seek_dup(&mut self, key: &[u8], value: &[u8]) -> Result<Item<'t>> {
        self.cursor.seek_dup(key, value)
    }

    /// Returns the item the cursor stands on.
    #[doc(alias = "MDBX_GET_CURRENT")]
    pub fn current(&self) -> Result<Item<'t>> {
        self.cursor.current()
    }

    /// Returns how many values the present key has; 0 when the cursor stands nowhere.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.cursor.count()
    }
}
