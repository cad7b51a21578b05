//! What errors say: in words, with the numbers and names it takes to act on them.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::error::Error as _;

use common::TempEnv;
use mdbx_core::{Env, Error, Geometry, PageSize, PutFlags, Result, Table, TableFlags};

#[track_caller]
fn assert_says<T>(result: Result<T>, expected: &str) {
    let said = result.err().expect("it fails").to_string();
    assert_eq!(said, expected);
}

#[test]
fn errors_say_in_words_what_was_asked_and_what_is_possible() -> Result<()> {
    let env = TempEnv::with(Env::options().max_tables(3));
    let mut txn = env.write()?;
    let numbers = txn.create_table("numbers", TableFlags::INTEGER_KEY)?;
    let several = txn.create_table("several", TableFlags::DUP_SORT)?;
    assert_says(
        txn.put(Table::MAIN, &[0; 2023], b""),
        "key is 2023 bytes, this table takes at most 2022",
    );
    assert_says(
        txn.put(numbers, b"abc", b""),
        "key is 3 bytes, this table takes 4 or 8 bytes",
    );
    txn.put(numbers, &[0; 8], b"")?;
    assert_says(
        txn.put(numbers, &[0; 4], b""),
        "key is 4 bytes, this table takes 8 bytes",
    );
    assert_says(txn.insert(numbers, &[0; 8], b""), "the key exists already");
    assert_says(
        txn.put_with(numbers, &[1; 8], b"", PutFlags::CURRENT),
        "there is no such key",
    );
    for value in [b"1", b"2"] {
        txn.put(several, b"key", value)?;
    }
    assert_says(
        txn.table_mut(several)?.take(b"key"),
        "the key has several values",
    );
    assert_says(
        txn.create_table("several", TableFlags::empty()),
        "table `several`: it exists with other flags",
    );
    assert_says(txn.open_table("none"), "there is no table `none`");
    assert_says(
        txn.open_table("yet another"),
        "all 3 table handles are in use: raise max_tables",
    );
    assert_says(env.try_write(), "another write transaction is running");
    Ok(())
}

#[test]
fn an_error_of_the_operating_system_is_the_source_of_ours() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("no such directory/db");
    let error = Env::open(&path).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot open {}", path.display()));
    let source = error.source().expect("it has one");
    assert!(source.is::<std::io::Error>(), "{source}");
}

#[test]
fn a_full_database_tells_its_upper_bound() -> Result<()> {
    let geometry = Geometry::default()
        .page_size(PageSize::MIN)
        .lower(64 << 10)
        .upper(64 << 10);
    let env = TempEnv::with_geometry(geometry);
    let mut txn = env.write()?;
    let full = txn.put(Table::MAIN, b"key", &vec![0; 100_000]);
    assert!(matches!(full, Err(Error::MapFull { .. })));
    assert_says(full, "the database is full: its upper bound is 65536 bytes");
    Ok(())
}
