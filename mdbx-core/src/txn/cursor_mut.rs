//! A cursor that changes the table it stands in.
//!
//! Between two calls it keeps its place as page numbers, which hold as long as the table is not changed, or as a
//! [`Position`], which outlasts its own changes. Either way it borrows nothing, so the table is free to be changed.

use std::ops::RangeBounds;

use crate::error::{Error, Result};
use crate::tree::position::{Anchor, Position};
use crate::tree::resume::Parked;
use crate::txn::cursor::{Cursor, Item};
use crate::txn::delete_range::Around;
use crate::txn::put::PutFlags;
use crate::txn::table_mut::TableMut;

/// A position on an item of a table that is being changed. Made by [`TableMut::cursor_mut`].
///
/// It moves as a [`Cursor`] does: [`go`](CursorMut::go) takes any of its moves. What it deletes leaves a gap, from which
/// `next` leads to the item that followed.
///
/// ```
/// # use mdbx_core::{Cursor, Env, Table};
/// # let dir = tempfile::tempdir()?;
/// # let env = Env::open(dir.path().join("db"))?;
/// # let mut txn = env.write()?;
/// for name in ["ann", "bob", "cid"] {
///     txn.put(Table::MAIN, name.as_bytes(), b"")?;
/// }
/// let mut table = txn.table_mut(Table::MAIN)?;
/// let mut cursor = table.cursor_mut();
/// while let Some((name, _)) = cursor.go(Cursor::next)? {
///     if name.starts_with(b"b") {
///         cursor.delete()?;
///     }
/// }
/// assert_eq!(table.as_ref().len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct CursorMut<'t> {
    table: TableMut<'t>,
    place: Place,
}

/// Where the cursor stands between two calls.
#[derive(Debug)]
enum Place {
    /// The table is as it was.
    Parked(Parked),
    Saved(Position),
}

impl<'t> TableMut<'t> {
    /// Returns a cursor that stands nowhere yet and can change the table.
    #[must_use]
    #[doc(alias = "mdbx_cursor_open")]
    pub fn cursor_mut(&mut self) -> CursorMut<'_> {
        self.reborrow().into_cursor_mut()
    }

    /// Turns the table into a cursor that stands nowhere yet and can change it.
    #[must_use]
    pub fn into_cursor_mut(self) -> CursorMut<'t> {
        CursorMut {
            table: self,
            place: Place::Saved(Position::Unset),
        }
    }
}

impl CursorMut<'_> {
    /// Makes a move, or several: `cursor.go(Cursor::next)`, `cursor.go(|cursor| cursor.seek(key))`. Returns what it
    /// returns.
    ///
    /// # Errors
    ///
    /// Those of the move. The cursor stands nowhere then.
    pub fn go<'c, T>(&'c mut self, moves: impl FnOnce(&mut Cursor<'c>) -> Result<T>) -> Result<T> {
        let CursorMut { table, place } = self;
        let place_before = std::mem::replace(place, Place::Saved(Position::Missed));
        let mut cursor = place_before.cursor(table)?;
        let answer = moves(&mut cursor)?;
        *place = Place::Parked(cursor.park()?);
        Ok(answer)
    }

    /// Returns the item the cursor stands on, or, in a gap that a deleted item left, the one that followed it.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`] if a page on the way is damaged.
    #[doc(alias = "MDBX_GET_CURRENT")]
    pub fn current(&mut self) -> Result<Item<'_>> {
        self.go(|cursor| cursor.current())
    }

    /// Returns the place as plain data, which survives any change of the table.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`] if a page on the way is damaged.
    pub fn save(&mut self) -> Result<Position> {
        self.go(|cursor| cursor.save())
    }

    /// Goes to a place that was saved before.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`] if a page on the way is damaged.
    pub fn resume(&mut self, position: &Position) -> Result<()> {
        self.go(|cursor| cursor.resume(position))
    }

    /// Stores `value` under `key`, wherever the cursor stands, and stands on the pair.
    ///
    /// # Errors
    ///
    /// Those of [`TableMut::put`].
    #[doc(alias = "mdbx_cursor_put")]
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.put_with(key, value, PutFlags::empty())
    }

    /// Stores `value` under `key` under the conditions that `flags` state, and stands on the pair.
    ///
    /// With [`PutFlags::CURRENT`] the value replaces the one that the cursor stands on, whose key must be `key`; and all
    /// values of the key, if [`PutFlags::ALL_DUPS`] is among the flags too.
    ///
    /// # Errors
    ///
    /// - [`Error::KeyExists`]: the cursor then stands on what is in the way, which is the first value of the key under
    ///   [`PutFlags::NO_OVERWRITE`].
    /// - [`Error::KeyMismatch`] also if `key` is not the one that the cursor stands on, under [`PutFlags::CURRENT`].
    /// - [`Error::NoItem`] if the cursor stands on no item, under [`PutFlags::CURRENT`].
    /// - Those of [`TableMut::put_with`]. The cursor stays where it is.
    #[doc(alias = "mdbx_cursor_put")]
    pub fn put_with(&mut self, key: &[u8], value: &[u8], flags: PutFlags) -> Result<()> {
        let put = if flags.contains(PutFlags::CURRENT) {
            self.put_current(key, value, flags)
        } else {
            self.change(|table| table.put_with(key, value, flags))
        };
        match put {
            Ok(()) => self.stand_on(key, value),
            Err(Error::KeyExists) if flags.contains(PutFlags::NO_OVERWRITE) => {
                self.go(|cursor| cursor.seek_exact(key).map(drop))?;
                Err(Error::KeyExists)
            }
            Err(Error::KeyExists) => {
                self.stand_on(key, value)?;
                Err(Error::KeyExists)
            }
            Err(error) => Err(error),
        }
    }

    fn put_current(&mut self, key: &[u8], value: &[u8], flags: PutFlags) -> Result<()> {
        flags.check()?;
        let is_dup = self.table.is_dup_sort();
        let orders = self.table.open.orders();
        let Some((current, old)) = self.current()? else {
            return Err(Error::NoItem);
        };
        if orders.keys.compare(current, key).is_ne() {
            return Err(Error::KeyMismatch);
        }
        if !is_dup || flags.contains(PutFlags::ALL_DUPS) {
            return self.change(|table| table.put_with(key, value, flags));
        }
        let old = old.to_vec();
        self.change(|table| table.replace_dup(key, &old, value))?;
        Ok(())
    }

    /// Deletes the item the cursor stands on, or, in a gap, the one that followed; tells whether there was one. The
    /// cursor then stands in the gap that it leaves.
    ///
    /// # Errors
    ///
    /// Those of [`TableMut::delete`].
    #[doc(alias = "mdbx_cursor_del")]
    pub fn delete(&mut self) -> Result<bool> {
        let is_dup = self.table.is_dup_sort();
        let Some((key, value)) = self.current()? else {
            return Ok(false);
        };
        let (key, value) = (key.to_vec(), is_dup.then(|| value.to_vec()));
        self.change(|table| match &value {
            Some(value) => table.delete_dup(&key, value),
            None => table.delete(&key),
        })?;
        self.place = Place::Saved(Position::Gap(Anchor { key, value }));
        Ok(true)
    }

    /// Deletes all values of the key the cursor stands on; tells whether there was one. The cursor then stands in the
    /// gap that they leave.
    ///
    /// # Errors
    ///
    /// Those of [`TableMut::delete`].
    #[doc(alias = "MDBX_ALLDUPS")]
    pub fn delete_key(&mut self) -> Result<bool> {
        let is_dup = self.table.is_dup_sort();
        let Some((key, value)) = self.current()? else {
            return Ok(false);
        };
        let (key, value) = (key.to_vec(), is_dup.then(|| value.to_vec()));
        self.change(|table| table.delete(&key))?;
        self.place = Place::Saved(Position::Gap(Anchor { key, value }));
        Ok(true)
    }

    /// Deletes many items around the one the cursor stands on, or, in a gap, around the one that followed; returns how
    /// many. If that one is among them, the cursor then stands in the gap that they leave.
    ///
    /// ```
    /// # use mdbx_core::{Around, Env, Table};
    /// # let dir = tempfile::tempdir()?;
    /// # let env = Env::open(dir.path().join("db"))?;
    /// # let mut txn = env.write()?;
    /// for name in ["ann", "bob", "cid", "dan"] {
    ///     txn.put(Table::MAIN, name.as_bytes(), b"")?;
    /// }
    /// let mut table = txn.table_mut(Table::MAIN)?;
    /// let mut cursor = table.cursor_mut();
    /// cursor.go(|cursor| cursor.seek(b"cid").map(drop))?;
    /// assert_eq!(cursor.delete_around(Around::Before)?, 2);
    /// assert_eq!(cursor.current()?, Some((&b"cid"[..], &b""[..])));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NoItem`] if the cursor stands on no item, but for [`Around::All`]; and those of
    /// [`TableMut::delete_range`].
    #[doc(alias = "mdbx_cursor_bunch_delete")]
    pub fn delete_around(&mut self, around: Around) -> Result<u64> {
        let (key, value) = match self.current()? {
            Some((key, value)) => (key.to_vec(), value.to_vec()),
            None if around == Around::All => Default::default(),
            None => return Err(Error::NoItem),
        };
        self.change(|table| table.delete_around(around, (&key, &value)))
    }

    /// Deletes the items between two places, as [`TableMut::delete_between`] does; returns how many. If the one that
    /// the cursor stands on is among them, the cursor then stands in the gap that they leave.
    ///
    /// # Errors
    ///
    /// Those of [`TableMut::delete_between`].
    #[doc(alias = "mdbx_cursor_delete_range")]
    pub fn delete_between(&mut self, bounds: impl RangeBounds<Position>) -> Result<u64> {
        self.change(|table| table.delete_between(bounds))
    }

    /// Changes the table, after noting where the cursor stands in a way that outlasts the change.
    fn change<T>(&mut self, change: impl FnOnce(&mut TableMut<'_>) -> Result<T>) -> Result<T> {
        let position = self.save()?;
        self.place = Place::Saved(position);
        change(&mut self.table)
    }

    fn stand_on(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        if self.table.is_dup_sort() {
            self.go(|cursor| cursor.seek_pair(key, value).map(drop))
        } else {
            self.go(|cursor| cursor.seek_exact(key).map(drop))
        }
    }
}

impl Place {
    fn cursor<'c>(self, table: &'c TableMut<'_>) -> Result<Cursor<'c>> {
        let table = table.as_ref();
        match self {
            Place::Parked(parked) => table.revive(parked),
            Place::Saved(position) => {
                let mut cursor = table.cursor();
                cursor.resume(&position)?;
                Ok(cursor)
            }
        }
    }
}
