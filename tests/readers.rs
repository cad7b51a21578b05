//! Snapshots: what readers see while one writer works, and what becomes of pages nobody sees any more.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use common::{Rng, TempEnv, assert_sound, items, owned};
use mdbx_core::{
    Env, Error, Geometry, PageSize, ReadTxn, ResetTxn, Result, SlowReader, SlowReaderAction, Table,
    TableFlags, Txnid,
};

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

#[test]
fn the_lag_of_a_reader_is_the_number_of_commits_since_it_began() -> Result<()> {
    let env = TempEnv::new();
    let first = env.read()?;
    for lag in 0..5 {
        assert_eq!(first.lag()?, lag);
        let later = env.read()?;
        env.put(Table::MAIN, b"key", &lag.to_le_bytes())?;
        assert_eq!((first.lag()?, later.lag()?), (lag + 1, 1));
        env.write()?.put(Table::MAIN, b"key", b"not committed")?;
        assert_eq!(first.lag()?, lag + 1);
    }
    Ok(())
}

#[test]
fn what_is_deleted_stays_for_readers_that_began_before_and_for_no_others() -> Result<()> {
    let env = TempEnv::new();
    env.put(Table::MAIN, b"key", b"value")?;
    let mut writer = env.write()?;
    let second = env.read()?;
    assert!(writer.delete(Table::MAIN, b"key")?);
    assert_eq!(second.get(Table::MAIN, b"key")?, Some(&b"value"[..]));
    writer.commit()?;
    let third = env.read()?;
    assert_eq!(third.get(Table::MAIN, b"key")?, None);
    assert_eq!(second.get(Table::MAIN, b"key")?, Some(&b"value"[..]));
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

/// Commits `count` times, each time another value under the same key.
fn commit_values(env: &TempEnv, values: Range<u8>) -> Result<()> {
    values
        .into_iter()
        .try_for_each(|value| env.put(Table::MAIN, b"key", &[value]))
}

fn value_in(txn: &ReadTxn<'_>) -> Result<Option<u8>> {
    Ok(txn.get(Table::MAIN, b"key")?.map(|value| value[0]))
}

#[test]
fn a_renewed_reader_sees_the_newest_snapshot() -> Result<()> {
    let env = TempEnv::new();
    commit_values(&env, 0..1)?;
    let mut txn = env.read()?;
    for value in 1..5 {
        let id = txn.id();
        let reset = txn.reset();
        commit_values(&env, value..value + 1)?;
        txn = reset.renew()?;
        assert_eq!((value_in(&txn)?, txn.lag()?), (Some(value), 0));
        assert_eq!(txn.id(), Txnid(id.0 + 1));
    }
    Ok(())
}

#[test]
fn a_reset_reader_keeps_its_place_and_holds_nothing_back() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let table = env.create_table("t", PLAIN)?;
    let before = churn(&env, table, 0..10)?[9];
    let reset = env.read()?.reset();
    let info = env.info()?;
    assert_eq!(
        (info.readers, info.reader_slots, info.oldest_reader),
        (0, 1, None)
    );
    assert_eq!(env.readers()?, []);
    let after = churn(&env, table, 10..60)?[49];
    assert!(after <= before + 5, "{before} and then {after}");
    let _others: Vec<_> = (1..110).map(|_| env.read()).collect::<Result<_>>()?;
    assert!(matches!(env.read(), Err(Error::ReadersFull { .. })));
    let txn = reset.renew()?;
    assert_eq!(txn.table(table)?.len(), 100);
    drop(txn);
    assert!(env.read().is_ok(), "and gives it up with the transaction");
    Ok(())
}

#[test]
fn a_prepared_reader_has_a_place_before_it_reads() -> Result<()> {
    let env = TempEnv::new();
    let prepared: Vec<ResetTxn<'_>> = (0..110)
        .map(|_| env.prepare_read())
        .collect::<Result<_>>()?;
    let full = env.prepare_read_owned().unwrap_err();
    assert!(matches!(full, Error::ReadersFull { .. }), "{full}");
    assert_eq!((env.info()?.readers, env.info()?.reader_slots), (0, 110));
    commit_values(&env, 7..8)?;
    for prepared in prepared {
        assert_eq!(value_in(&prepared.renew()?)?, Some(7));
    }
    assert_eq!(env.info()?.reader_slots, 0);
    let prepared = env.prepare_read_owned()?;
    let seen = std::thread::spawn(move || value_in(&prepared.renew().unwrap()).unwrap());
    assert_eq!(seen.join().unwrap(), Some(7));
    Ok(())
}

#[test]
fn a_refreshed_reader_moves_to_the_newest_snapshot_and_tells_whether_it_was_there() -> Result<()> {
    let env = TempEnv::new();
    let mut txn = env.read()?;
    assert!(!txn.refresh()?);
    let table = env.create_table("t", PLAIN)?;
    let unseen = txn.table(table).unwrap_err();
    assert!(matches!(unseen, Error::NoSuchTable { .. }), "{unseen}");
    assert!(txn.refresh()?);
    assert_eq!(txn.get(table, b"key")?, None);
    env.put(table, b"key", b"value")?;
    assert_eq!((txn.get(table, b"key")?, txn.lag()?), (None, 1));
    assert!(txn.refresh()?);
    assert_eq!(txn.get(table, b"key")?, Some(&b"value"[..]));
    assert_eq!((txn.refresh()?, txn.lag()?), (false, 0));
    assert_eq!(env.info()?.oldest_reader, Some(txn.id()));
    Ok(())
}

#[test]
fn a_second_reader_of_an_old_snapshot_outlives_the_first() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let table = env.create_table("t", PLAIN)?;
    churn(&env, table, 0..3)?;
    let first = env.read()?;
    let seen = items(&first.table(table)?)?;
    churn(&env, table, 3..10)?;
    let second = first.try_clone()?;
    assert_eq!((second.id(), second.lag()?), (first.id(), 7));
    drop(first);
    churn(&env, table, 10..20)?;
    assert_eq!(items(&second.table(table)?)?, seen);
    assert_sound(&second);
    Ok(())
}

#[test]
fn the_list_of_readers_tells_who_holds_how_much_back() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let table = env.create_table("t", PLAIN)?;
    churn(&env, table, 0..1)?;
    assert_eq!(env.readers()?, []);
    let old = env.read()?;
    churn(&env, table, 1..4)?;
    let parked = std::thread::scope(|scope| scope.spawn(|| env.read().unwrap().park()).join());
    churn(&env, table, 4..5)?;
    let mut readers = env.readers()?;
    readers.sort_by_key(|reader| reader.lag);
    let [newer, older] = readers[..] else {
        panic!("two are listed: {readers:?}");
    };
    assert_eq!((older.lag, newer.lag), (4, 1));
    assert_eq!(older.snapshot, old.id());
    assert_eq!(newer.snapshot, parked.unwrap().id());
    assert_eq!(older.process, std::process::id());
    assert!(older.thread.is_some() && newer.thread.is_none());
    assert!(older.bytes_retained > newer.bytes_retained && newer.bytes_retained > 0);
    assert!(older.bytes_used <= newer.bytes_used);
    assert!(newer.bytes_used <= env.info()?.file_len);
    Ok(())
}

/// A database of 1 MiB at most, in which a reader that stays soon holds up the writer, and its table.
fn small() -> Result<(TempEnv, Table)> {
    let geometry = Geometry::default()
        .lower(256 << 10)
        .upper(1 << 20)
        .growth_step(64 << 10);
    let env = TempEnv::with_geometry(geometry);
    let table = env.create_table("t", PLAIN)?;
    fill(&env, table, 0..3)?;
    Ok((env, table))
}

/// Replaces twenty values of 1000 bytes in every round.
fn fill(env: &Env, table: Table, rounds: Range<u8>) -> Result<()> {
    for round in rounds {
        let mut txn = env.write()?;
        for n in 0..20_u8 {
            txn.put(table, &[n], &[n ^ round; 1000])?;
        }
        txn.commit()?;
    }
    Ok(())
}

/// Returns the round that a snapshot is of, which it must be as a whole.
fn round_in(txn: &ReadTxn<'_>, table: Table) -> Result<u8> {
    let all = items(&txn.table(table)?)?;
    let round = all[0].1[0] ^ all[0].0[0];
    assert_eq!(all.len(), 20);
    for (key, value) in all {
        assert!(value.len() == 1000 && value.iter().all(|byte| byte ^ key[0] == round));
    }
    Ok(round)
}

#[test]
fn a_parked_reader_goes_on_with_its_snapshot_if_nobody_needed_the_room() -> Result<()> {
    let (env, table) = small()?;
    let txn = env.read()?;
    let id = txn.id();
    let mut parked = txn.park();
    fill(&env, table, 3..6)?;
    assert_eq!(parked.read(|txn| round_in(txn, table))??, 2);
    let txn = parked.unpark()?;
    assert_eq!((txn.id(), round_in(&txn, table)?), (id, 2));
    let txn = txn.park().unpark_or_renew()?;
    assert_eq!((txn.id(), round_in(&txn, table)?), (id, 2));
    drop(txn.park());
    assert_eq!(env.info()?.reader_slots, 0);
    Ok(())
}

#[test]
fn parked_readers_lose_their_snapshots_before_the_file_grows() -> Result<()> {
    let (env, table) = small()?;
    let len = env.info()?.file_len;
    let mut parked: Vec<_> = (0..4)
        .map(|_| Ok(env.read()?.park()))
        .collect::<Result<_>>()?;
    let id = parked[0].id();
    fill(&env, table, 3..200)?;
    assert_eq!(env.info()?.file_len, len);
    assert_eq!((env.info()?.readers, env.info()?.reader_slots), (0, 4));
    let ousted = |error: &Error| matches!(error, Error::Ousted { snapshot } if *snapshot == id);
    assert!(parked.pop().unwrap().unpark().is_err_and(|e| ousted(&e)));
    let renewed = parked.pop().unwrap().unpark_or_renew()?;
    assert_eq!(round_in(&renewed, table)?, 199);
    let mut third = parked.pop().unwrap();
    for _ in 0..2 {
        let read = third.read(|_| panic!("there is nothing to read"));
        assert!(read.is_err_and(|e: Error| ousted(&e)));
    }
    assert_eq!(round_in(&third.unpark_or_renew()?, table)?, 199);
    drop((parked, renewed));
    assert_eq!(env.info()?.reader_slots, 0);
    Ok(())
}

#[test]
fn a_reader_that_reads_is_never_ousted_even_if_the_database_is_full() -> Result<()> {
    let (env, table) = small()?;
    let txn = env.read()?;
    let full = fill(&env, table, 3..200).unwrap_err();
    assert!(matches!(full, Error::MapFull { .. }), "{full}");
    assert_eq!(round_in(&txn, table)?, 2);
    let parked = txn.park();
    fill(&env, table, 3..200)?;
    assert!(matches!(parked.unpark(), Err(Error::Ousted { .. })));
    Ok(())
}

#[test]
fn a_reader_that_stays_fills_the_database_until_it_ends() -> Result<()> {
    let (env, table) = small()?;
    let reader = env.read()?;
    let full = fill(&env, table, 3..200).unwrap_err();
    assert!(matches!(full, Error::MapFull { .. }), "{full}");
    let full = fill(&env, table, 3..200).unwrap_err();
    assert!(matches!(full, Error::MapFull { .. }), "still: {full}");
    drop(reader);
    fill(&env, table, 3..200)?;
    assert_eq!(round_in(&env.read()?, table)?, 199);
    Ok(())
}

#[test]
fn a_slow_reader_handler_is_asked_before_the_file_grows_and_may_let_it() -> Result<()> {
    let (env, table) = small()?;
    let txn = env.read()?;
    let asked: Arc<Mutex<Vec<SlowReader>>> = Arc::default();
    let log = Arc::clone(&asked);
    env.set_slow_reader_handler(Some(move |slow: &SlowReader| {
        log.lock().unwrap().push(*slow);
        SlowReaderAction::GiveUp
    }));
    let full = fill(&env, table, 3..200).unwrap_err();
    assert!(matches!(full, Error::MapFull { .. }), "{full}");
    assert_eq!(env.info()?.geometry.now, 1 << 20);
    let asked = asked.lock().unwrap();
    assert!(asked.len() > 2, "at each step of growth, and at the end");
    for slow in &*asked {
        assert_eq!(slow.reader.snapshot, txn.id());
        assert_eq!(slow.reader.process, std::process::id());
        assert!(slow.reader.bytes_retained > 0 && slow.gap > 0);
        assert_eq!((slow.retries, slow.is_over), (0, false));
    }
    assert_eq!(round_in(&txn, table)?, 2);
    Ok(())
}

#[test]
fn a_slow_reader_that_the_handler_ends_frees_the_writer() -> Result<()> {
    let (env, table) = small()?;
    let len = env.info()?.file_len;
    let victim = Arc::new(Mutex::new(Some(env.read_owned()?)));
    let (slot, calls) = (Arc::clone(&victim), Arc::new(AtomicU32::new(0)));
    let count = Arc::clone(&calls);
    env.set_slow_reader_handler(Some(move |slow: &SlowReader| {
        let call = count.fetch_add(1, Ordering::Relaxed);
        assert_eq!((slow.retries, slow.is_over), (call.min(2), call == 3));
        if call == 2 {
            *slot.lock().unwrap() = None;
        }
        SlowReaderAction::Retry
    }));
    fill(&env, table, 3..200)?;
    assert_eq!(
        calls.load(Ordering::Relaxed),
        4,
        "three, and that it is over"
    );
    assert_eq!(env.info()?.file_len, len);
    assert!(victim.lock().unwrap().is_none());
    env.set_slow_reader_handler(None::<fn(&SlowReader) -> SlowReaderAction>);
    fill(&env, table, 3..5)
}

#[test]
fn a_reader_that_is_ended_for_a_large_value_makes_room_for_it() -> Result<()> {
    let (env, table) = small()?;
    let parked = env.read()?.park();
    let mut txn = env.write()?;
    txn.clear(table)?;
    txn.put(table, b"large", &vec![1; 300_000])?;
    txn.commit()?;
    env.put(table, b"large", &vec![2; 300_000])?;
    env.put(table, b"large", &vec![3; 300_000])?;
    env.put(table, b"large", &vec![4; 300_000])?;
    assert!(matches!(parked.unpark(), Err(Error::Ousted { .. })));
    assert_eq!(
        env.read()?.get(table, b"large")?,
        Some(&vec![4; 300_000][..])
    );
    Ok(())
}

#[test]
fn readers_that_park_and_come_back_under_a_pressed_writer_see_whole_snapshots() -> Result<()> {
    let (env, table) = small()?;
    let done = AtomicBool::new(false);
    let (kept, lost) = (AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| -> Result<()> {
        for thread in 0..4 {
            let (env, done, kept, lost) = (&env, &done, &kept, &lost);
            scope.spawn(move || {
                let mut rng = Rng::with_seed(thread);
                while !done.load(Ordering::Relaxed) {
                    let txn = env.read().unwrap();
                    let (id, round) = (txn.id(), round_in(&txn, table).unwrap());
                    let parked = txn.park();
                    if rng.once_in(2) {
                        std::thread::sleep(std::time::Duration::from_micros(rng.next() % 3000));
                    }
                    let txn = parked.unpark_or_renew().unwrap();
                    let now = round_in(&txn, table).unwrap();
                    let is_kept = txn.id() == id;
                    assert!(!is_kept || now == round);
                    let count = if is_kept { kept } else { lost };
                    count.fetch_add(1, Ordering::Relaxed);
                    drop(if rng.once_in(3) {
                        txn.reset().renew().unwrap()
                    } else {
                        txn
                    });
                }
            });
        }
        for _ in 0..4 {
            let filled = fill(&env, table, 0..150);
            assert!(
                matches!(filled, Ok(()) | Err(Error::MapFull { .. })),
                "{filled:?}"
            );
        }
        done.store(true, Ordering::Relaxed);
        Ok(())
    })?;
    assert!(kept.into_inner() > 0);
    Ok(())
}
