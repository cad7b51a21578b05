//! Attributes: a number in front of each value.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use common::TempEnv;
use mdbx_core::{Error, PutFlags, Result, TableFlags, attr};

#[test]
fn an_attribute_is_stored_with_its_value_and_changed_alone() -> Result<()> {
    let env = TempEnv::new();
    let table = env.create_table("t", TableFlags::empty())?;
    let mut txn = env.write()?;
    let mut entries = txn.table_mut(table)?;
    let large = vec![7; 20_000];
    attr::put(&mut entries, b"small", b"value", 1)?;
    attr::put(&mut entries, b"large", &large, 2)?;
    attr::put(&mut entries, b"empty", b"", 3)?;
    for (key, attr) in [(b"small", 11), (b"large", 12), (b"empty", 13)] {
        attr::set(&mut entries, key, attr)?;
    }
    let view = entries.as_ref();
    assert_eq!(attr::get(&view, b"small")?, Some((11, &b"value"[..])));
    assert_eq!(attr::get(&view, b"large")?, Some((12, &large[..])));
    assert_eq!(attr::get(&view, b"empty")?, Some((13, &b""[..])));
    assert_eq!(attr::get(&view, b"none")?, None);
    txn.commit()?;
    Ok(())
}

#[test]
fn an_attribute_needs_one_entry_that_has_one() -> Result<()> {
    let env = TempEnv::new();
    let table = env.create_table("t", TableFlags::DUP_SORT)?;
    let mut txn = env.write()?;
    let mut entries = txn.table_mut(table)?;
    let absent = attr::set(&mut entries, b"key", 1);
    assert!(matches!(absent, Err(Error::NotFound)));
    entries.put(b"short", b"1234567")?;
    let short = attr::set(&mut entries, b"short", 1);
    assert!(matches!(short, Err(Error::ValueLen { len: 7, .. })));
    attr::put(&mut entries, b"key", b"one", 1)?;
    attr::set(&mut entries, b"key", 2)?;
    assert_eq!(
        attr::get(&entries.as_ref(), b"key")?,
        Some((2, &b"one"[..]))
    );
    attr::put(&mut entries, b"key", b"two", 1)?;
    let several = attr::set(&mut entries, b"key", 3);
    assert!(matches!(several, Err(Error::MultiVal)));
    Ok(())
}

#[test]
fn cursors_put_and_get_attributes() -> Result<()> {
    let env = TempEnv::new();
    let table = env.create_table("t", TableFlags::empty())?;
    let mut txn = env.write()?;
    let mut entries = txn.table_mut(table)?;
    let mut cursor = entries.cursor_mut();
    attr::cursor_put(&mut cursor, b"a", b"1", 10, PutFlags::empty())?;
    attr::cursor_put(&mut cursor, b"b", b"2", 20, PutFlags::empty())?;
    attr::cursor_put(&mut cursor, b"b", b"3", 30, PutFlags::CURRENT)?;
    let mut cursor = entries.as_ref().cursor();
    assert_eq!(attr::cursor_get(&cursor)?, None);
    cursor.last()?;
    let found = attr::cursor_get(&cursor)?;
    assert_eq!(found, Some((30, &b"3"[..])));
    Ok(())
}
