//! Snapshots: what readers see while one writer works, and what becomes of pages nobody sees any more.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{TempEnv, assert_sound, items, owned};
use mdbx_core::{Env, Error, Geometry, PageSize, ReadTxn, Result, Table, TableFlags, Txnid};

const PLAIN: TableFlags = TableFlags::empty();

#[test]
fn a_snapshot_stays_as_it_was_whatever_is_committed() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let table = env.create_table("t", PLAIN)?;
    let mut held: Vec<(ReadTxn<'static>, common::Items)> = Vec::new();
    for round in 0..40_u32 {
        let mut txn = env.write()?;
        for n in 0..60_u32 {
            txn.put(
                table,
                &(n * 7 % 60).to_be_bytes(),
                &(n * round).to_be_bytes(),
            )?;
        }
        txn.put(table, b"large", &vec![round.to_le_bytes()[0]; 700])?;
        txn.delete(table, &(round % 60).to_be_bytes())?;
        txn.commit()?;
        let txn = env.read_owned()?;
        let seen = items(&txn.table(table)?)?;
        held.push((txn, seen));
        if round % 3 == 0 {
            held.remove(held.len() / 2); // one from the middle: its pages are not all free, those of its like are
        }
        for (txn, seen) in &held {
            assert_eq!(items(&txn.table(table)?)?, *seen, "snapshot {}", txn.id());
            assert_sound(txn);
        }
    }
    Ok(())
}

#[test]
fn many_threads_read_whole_snapshots_while_one_writes() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let table = env.create_table("t", PLAIN)?;
    let put_all = |round: u32| -> Result<Txnid> {
        let mut txn = env.write()?;
        for n in 0..40_u32 {
            let value = vec![round.to_le_bytes()[0]; if n % 13 == 0 { 600 } else { 20 }];
            txn.put(table, &n.to_be_bytes(), &value)?;
        }
        txn.commit()
    };
    put_all(0)?;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| -> Result<()> {
        let readers: Vec<_> = (0..6)
            .map(|_| {
                scope.spawn(|| -> Result<usize> {
                    let (mut snapshots, mut last) = (0, Txnid(0));
                    while !done.load(Ordering::Relaxed) || snapshots == 0 {
                        let txn = env.read()?;
                        assert!(txn.id() >= last, "time does not go back");
                        last = txn.id();
                        let all = items(&txn.table(table)?)?;
                        assert_eq!(all.len(), 40);
                        let round = all[0].1[0];
                        assert!(
                            all.iter()
                                .all(|(_, value)| value.iter().all(|&byte| byte == round)),
                            "a torn snapshot"
                        );
                        snapshots += 1;
                    }
                    Ok(snapshots)
                })
            })
            .collect();
        for round in 1..150 {
            put_all(round)?;
        }
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            assert!(reader.join().unwrap()? > 0);
        }
        Ok(())
    })
}

#[test]
fn values_outlive_the_table_and_the_cursor_they_came_from() -> Result<()> {
    let env = TempEnv::new();
    env.put(Table::MAIN, b"key", b"value")?;
    let txn = env.read()?;
    let value = txn.table(Table::MAIN)?.get(b"key")?;
    let first = txn.table(Table::MAIN)?.cursor().first()?;
    let last = txn.table(Table::MAIN)?.iter().next_back().transpose()?;
    env.put(Table::MAIN, b"key", b"other")?;
    assert_eq!(value, Some(&b"value"[..]));
    assert_eq!((first, last), (Some((&b"key"[..], &b"value"[..])), first));
    Ok(())
}

#[test]
fn an_owned_reader_travels_to_another_thread_and_outlives_the_handle() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    let env = Env::open(&path)?;
    let mut txn = env.write()?;
    txn.put(Table::MAIN, b"key", b"value")?;
    txn.commit()?;
    let txn = env.read_owned()?;
    drop(env);
    assert!(
        matches!(Env::open(&path), Err(Error::AlreadyOpen { .. })),
        "the reader keeps it open"
    );
    std::thread::spawn(move || {
        assert_eq!(txn.get(Table::MAIN, b"key").unwrap(), Some(&b"value"[..]));
    })
    .join()
    .unwrap();
    assert!(Env::open(&path).is_ok());
    Ok(())
}

#[test]
fn more_readers_than_slots_are_refused_until_one_ends() -> Result<()> {
    let env = TempEnv::with(Env::options().max_readers(3));
    assert_eq!(env.info()?.max_readers, 110, "what fills a page");
    let mut readers: Vec<_> = (0..110).map(|_| env.read()).collect::<Result<_>>()?;
    let full = env.read().unwrap_err();
    assert!(matches!(full, Error::ReadersFull { max: 110 }), "{full}");
    let full = env.read_owned().unwrap_err();
    assert!(matches!(full, Error::ReadersFull { max: 110 }), "{full}");
    assert_eq!(env.info()?.readers, 110);
    env.put(Table::MAIN, b"key", b"a writer needs no slot")?;
    readers.pop();
    assert!(env.read().is_ok());
    drop(readers);
    assert_eq!(env.info()?.readers, 0);
    Ok(())
}

#[test]
fn the_oldest_reader_is_told() -> Result<()> {
    let env = TempEnv::new();
    assert_eq!(env.info()?.oldest_reader, None);
    let old = env.read()?;
    env.put(Table::MAIN, b"key", b"")?;
    let new = env.read()?;
    let info = env.info()?;
    assert_eq!(
        (info.oldest_reader, info.last_txnid, info.readers),
        (Some(old.id()), new.id(), 2)
    );
    drop(old);
    assert_eq!(env.info()?.oldest_reader, Some(new.id()));
    Ok(())
}

/// Replaces the values of the same keys once in every round; returns how many pages are allocated after each.
fn churn(env: &TempEnv, table: Table, rounds: Range<u32>) -> Result<Vec<u32>> {
    let mut pages = Vec::new();
    for round in rounds {
        let mut txn = env.write()?;
        for n in 0..100_u32 {
            let (key, value) = (n * 37 % 100, n + round);
            txn.put(table, &key.to_be_bytes(), &value.to_be_bytes())?;
        }
        txn.commit()?;
        pages.push(env.info()?.allocated_pages);
    }
    Ok(pages)
}

#[test]
fn a_steady_load_of_updates_does_not_make_the_file_grow() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let table = env.create_table("t", PLAIN)?;
    churn(&env, table, 0..10)?;
    let settled = env.info()?;
    let most = churn(&env, table, 10..200)?.into_iter().max().unwrap();
    assert!(
        most <= settled.allocated_pages + 5,
        "{} and then {most}",
        settled.allocated_pages
    );
    assert_eq!(env.info()?.file_len, settled.file_len);
    Ok(())
}

#[test]
fn the_pages_that_an_old_reader_kept_are_used_again_once_it_is_gone() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let table = env.create_table("t", PLAIN)?;
    let before = churn(&env, table, 0..10)?[9];
    let reader = env.read_owned()?;
    let seen = items(&reader.table(table)?)?;
    let kept = churn(&env, table, 10..60)?[49];
    assert!(
        kept > before + 500,
        "nothing can be used again: {before}, {kept}"
    );
    assert_eq!(items(&reader.table(table)?)?, seen);
    drop(reader);
    let after = churn(&env, table, 60..160)?;
    assert!(
        after.iter().all(|&pages| pages <= kept + 30),
        "{kept}, {after:?}"
    );
    Ok(())
}

#[test]
fn pages_are_not_used_again_while_a_reader_in_the_middle_needs_them() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let table = env.create_table("t", PLAIN)?;
    churn(&env, table, 0..1)?;
    let first = env.read_owned()?;
    churn(&env, table, 1..2)?;
    let second = env.read_owned()?;
    let seen = items(&second.table(table)?)?;
    churn(&env, table, 2..3)?;
    drop(first);
    for round in 3..30 {
        churn(&env, table, round..round + 1)?;
        assert_eq!(items(&second.table(table)?)?, seen);
    }
    assert_sound(&second);
    Ok(())
}

#[test]
fn a_reader_may_begin_inside_a_write_transaction_and_does_not_see_it() -> Result<()> {
    let env = TempEnv::with_geometry(Geometry::default().growth_step(1 << 16));
    env.put(Table::MAIN, b"key", b"value")?;
    let mut txn = env.write()?;
    txn.put(Table::MAIN, b"key", b"other")?;
    assert_eq!(
        items(&env.read()?.table(Table::MAIN)?)?,
        owned(&[(b"key", b"value")])
    );
    txn.commit()?;
    assert_eq!(
        items(&env.read()?.table(Table::MAIN)?)?,
        owned(&[(b"key", b"other")])
    );
    Ok(())
}
