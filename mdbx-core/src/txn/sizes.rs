//! Which lengths of keys and values a table takes.
//!
//! Some limits follow from the kind of the table and the page size. Others the first entry fixes: integer keys have
//! all one length, and so have values of a fixed size. The record of a table remembers the latter; the former shows in
//! any key.
//!
//! Source: format document, "Size limits" and "Fixed-size values".

use crate::error::{Error, ExpectedLen, PageFault, Result};
use crate::format::dupfix::MIN_ITEM_LEN;
use crate::format::limits::{MAX_VALUE_LEN, max_value_len_dup_sort};
use crate::format::node::Value;
use crate::format::page::Page;
use crate::format::root::TreeRoot;
use crate::ids::PageSize;
use crate::txn::table::TableFlags;

/// Checks a new key and a new value against the limits of tables of this kind.
///
/// # Errors
///
/// [`Error::KeyTooLong`], [`Error::ValueTooLong`], [`Error::KeyLen`] and [`Error::ValueLen`].
pub(crate) fn check_lens(
    flags: TableFlags,
    page_size: PageSize,
    key: &[u8],
    value: &[u8],
) -> Result<()> {
    let (len, max) = (key.len(), flags.max_key_len(page_size));
    if len > max {
        return Err(Error::KeyTooLong { len, max });
    }
    if flags.contains(TableFlags::INTEGER_KEY) {
        check_integer_key(key)?;
    }
    let len = value.len();
    check_value_len(flags, page_size, len)?;
    let expected = if flags.contains(TableFlags::INTEGER_DUP) && !is_integer(value) {
        ExpectedLen::Integer
    } else if flags.contains(TableFlags::DUP_FIXED) && len < MIN_ITEM_LEN {
        ExpectedLen::AtLeast(MIN_ITEM_LEN)
    } else {
        return Ok(());
    };
    Err(Error::ValueLen { len, expected })
}

/// Checks the length of a new value against the limit of tables of this kind.
///
/// # Errors
///
/// [`Error::ValueTooLong`].
pub(crate) fn check_value_len(flags: TableFlags, page_size: PageSize, len: usize) -> Result<()> {
    let max = if flags.contains(TableFlags::DUP_SORT) {
        max_value_len_dup_sort(page_size)
    } else {
        MAX_VALUE_LEN
    };
    if len > max {
        return Err(Error::ValueTooLong { len, max });
    }
    Ok(())
}

/// Checks that `key` can be a key of a table of integer keys.
fn check_integer_key(key: &[u8]) -> Result<()> {
    if is_integer(key) {
        return Ok(());
    }
    let (len, expected) = (key.len(), ExpectedLen::Integer);
    Err(Error::KeyLen { len, expected })
}

fn is_integer(bytes: &[u8]) -> bool {
    matches!(bytes.len(), 4 | 8)
}

/// Checks a key that is looked for in a table of integer keys, where the search ended on `leaf`; on no leaf if the
/// table is empty.
///
/// # Errors
///
/// [`Error::KeyLen`], and [`Error::Corrupted`] if the leaf is damaged.
pub(crate) fn check_key_on(leaf: Option<Page<'_>>, key: &[u8]) -> Result<()> {
    check_integer_key(key)?;
    let Some(leaf) = leaf else {
        return Ok(());
    };
    let there = leaf.key(0).map_err(|fault| fault.at(leaf.pgno()))?.len();
    if key.len() == there {
        return Ok(());
    }
    Err(Error::KeyLen {
        len: key.len(),
        expected: ExpectedLen::Exactly(there),
    })
}

/// Checks a value that is to go to the table of fixed-size values `root`, on one of its leaves or as its first value.
///
/// # Errors
///
/// [`Error::ValueLen`], and [`Error::Corrupted`] if the leaf is damaged.
pub(crate) fn check_fixed_value(
    root: &TreeRoot,
    leaf: Option<Page<'_>>,
    value: &[u8],
) -> Result<()> {
    let there = match (root.dupfix_size, leaf) {
        (0, None) => return Ok(()),
        (0, Some(leaf)) => fixed_len(leaf).map_err(|fault| fault.at(leaf.pgno()))?,
        (recorded, _) => recorded as usize,
    };
    if value.len() == there {
        return Ok(());
    }
    Err(Error::ValueLen {
        len: value.len(),
        expected: ExpectedLen::Exactly(there),
    })
}

/// Returns the length of the values on a leaf of a table of fixed-size values, for a table whose record does not tell.
fn fixed_len(leaf: Page<'_>) -> Result<usize, PageFault> {
    match leaf.value(0)? {
        Value::Inline(value) => Ok(value.len()),
        Value::SubPage(values) => Ok(values.item_len()),
        Value::Nested(root) => Ok(root.dupfix_size as usize),
        _ => Err(PageFault::BadNode { index: 0 }),
    }
}
