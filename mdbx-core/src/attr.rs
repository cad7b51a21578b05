//! Attributes: a 64-bit number with each value, such as a version or a time of expiry.
//!
//! ```text
//!   0               8
//!   | attribute     | value ...
//! ```
//!
//! An attribute lies in front of its value, in little-endian order, as a part of what the table holds: this module
//! joins the two and splits them, and the engine knows nothing of it. So all entries of a table should have one, and
//! where a key has several values, they are ordered by what is stored, the attribute included.
//!
//! ```
//! use mdbx_core::{Env, TableFlags, attr};
//!
//! # let dir = tempfile::tempdir()?;
//! # let env = Env::open(dir.path().join("db"))?;
//! let mut txn = env.write()?;
//! let pages = txn.create_table("pages", TableFlags::empty())?;
//! let mut pages = txn.table_mut(pages)?;
//! attr::put(&mut pages, b"index", b"<html>", 1)?;
//! attr::set(&mut pages, b"index", 2)?;
//! assert_eq!(attr::get(&pages.as_ref(), b"index")?, Some((2, &b"<html>"[..])));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Source: behaviour document, "Tables", attributes.

use crate::error::{Error, ExpectedLen, Result};
use crate::txn::cursor::Cursor;
use crate::txn::cursor_mut::CursorMut;
use crate::txn::put::PutFlags;
use crate::txn::table_mut::TableMut;
use crate::txn::view::TableRef;

/// The length of an attribute, in bytes.
const LEN: usize = 8;

/// Returns the attribute and the value of `key`, the first ones if it has several; `None` if there is no such key.
///
/// # Errors
///
/// [`Error::ValueLen`] if what is stored is too short to have an attribute, and those of [`TableRef::get`].
#[doc(alias = "mdbx_get_attr")]
pub fn get<'t>(table: &TableRef<'t>, key: &[u8]) -> Result<Option<(u64, &'t [u8])>> {
    table.get(key)?.map(split).transpose()
}

/// Stores `value` under `key` with the attribute `attr`.
///
/// # Errors
///
/// Those of [`TableMut::put`]. The attribute counts for the length of the value.
#[doc(alias = "mdbx_put_attr")]
pub fn put(table: &mut TableMut<'_>, key: &[u8], value: &[u8], attr: u64) -> Result<()> {
    table.put(key, &join(attr, value))
}

/// Changes the attribute of the value of `key`, and leaves the value.
///
/// # Errors
///
/// - [`Error::NotFound`] if there is no such key.
/// - [`Error::MultiVal`] if it has several values.
/// - [`Error::ValueLen`] if what is stored is too short to have an attribute.
/// - Those of [`TableMut::update`].
#[doc(alias = "mdbx_set_attr")]
pub fn set(table: &mut TableMut<'_>, key: &[u8], attr: u64) -> Result<()> {
    let stored = match table.as_ref().get_with_count(key)? {
        None => return Err(Error::NotFound),
        Some((stored, 1)) => stored,
        Some(_) => return Err(Error::MultiVal),
    };
    let (before, value) = split(stored)?;
    if before == attr {
        return Ok(());
    }
    let stored = join(attr, value);
    table.update(key, &stored)
}

/// Returns the attribute and the value that the cursor stands on; `None` if it stands on none.
///
/// # Errors
///
/// [`Error::ValueLen`] if what is stored is too short to have an attribute, and those of [`Cursor::current`].
#[doc(alias = "mdbx_cursor_get_attr")]
pub fn cursor_get<'t>(cursor: &Cursor<'t>) -> Result<Option<(u64, &'t [u8])>> {
    let current = cursor.current()?;
    current.map(|(_, stored)| split(stored)).transpose()
}

/// Stores `value` under `key` with the attribute `attr`, and goes there.
///
/// # Errors
///
/// Those of [`CursorMut::put_with`].
#[doc(alias = "mdbx_cursor_put_attr")]
pub fn cursor_put(
    cursor: &mut CursorMut<'_>,
    key: &[u8],
    value: &[u8],
    attr: u64,
    flags: PutFlags,
) -> Result<()> {
    cursor.put_with(key, &join(attr, value), flags)
}

/// Returns the attribute and the value in what is stored: for values that were read in other ways.
///
/// # Errors
///
/// [`Error::ValueLen`] if it is too short to have an attribute.
pub fn split(stored: &[u8]) -> Result<(u64, &[u8])> {
    let (attr, value) = stored.split_first_chunk().ok_or(Error::ValueLen {
        len: stored.len(),
        expected: ExpectedLen::AtLeast(LEN),
    })?;
    Ok((u64::from_le_bytes(*attr), value))
}

/// Returns what is stored for a value with an attribute: for values that are put in other ways.
#[must_use]
pub fn join(attr: u64, value: &[u8]) -> Vec<u8> {
    [&attr.to_le_bytes(), value].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attribute_lies_in_front_of_the_value() -> Result<()> {
        let stored = join(258, b"value");
        assert_eq!(stored, b"\x02\x01\0\0\0\0\0\0value");
        assert_eq!(split(&stored)?, (258, &b"value"[..]));
        assert_eq!(split(&join(u64::MAX, b""))?, (u64::MAX, &b""[..]));
        assert!(matches!(
            split(b"1234567"),
            Err(Error::ValueLen { len: 7, .. })
        ));
        Ok(())
    }
}
