//! Defragmentation: the file gets as short as its contents, which never change.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use common::kinds::{Kind, kinds};
use common::{Rng, TempEnv, assert_sound, dump, number_from_env, with_patience};
use mdbx_core::tools::defrag::{DefragOptions, Defragmented, Why};
use mdbx_core::tools::stat::stat;
use mdbx_core::{Env, Geometry, PageSize, Result, Table, TableFlags, TableOrder};

/// Pages that may be free when all is done, metas included.
const A_LITTLE: u64 = 64;

fn sizes() -> [PageSize; 2] {
    [PageSize::MIN, PageSize::DEFAULT]
}

/// A database that gives back what it does not need at its end.
fn shrinking(page_size: PageSize) -> TempEnv {
    let geometry = Geometry::default().page_size(page_size);
    TempEnv::with_geometry(geometry.growth_step(1 << 16).shrink_threshold(1 << 16))
}

/// Stores 2000 items of every sort, and deletes most of them here and there.
fn fill_with_holes(env: &TempEnv) -> Result<()> {
    let page = env.info()?.page_size.bytes();
    let mut rng = Rng::new(7);
    let mut txn = env.write()?;
    let plain = txn.create_table("plain", TableFlags::empty())?;
    let dups = txn.create_table("dups", TableFlags::DUP_SORT)?;
    let large = txn.create_table("large", TableFlags::empty())?;
    txn.create_table("empty", TableFlags::DUP_SORT)?;
    for n in 0..2000_u32 {
        txn.put(plain, &n.to_be_bytes(), &vec![1; page / 12])?;
        txn.put(dups, &(n / 50).to_be_bytes(), &(n * 3).to_be_bytes())?;
        txn.put(
            dups,
            b"many",
            &[&n.to_be_bytes()[..], &vec![2; page / 20]].concat(),
        )?;
        if n % 10 == 0 {
            let len = rng.below(page * 6);
            txn.put(large, &n.to_be_bytes(), &rng.bytes(len))?;
        }
    }
    txn.sequence(plain, 5)?;
    txn.put(Table::MAIN, b"item", &vec![4; page * 2])?;
    txn.commit()?;
    let mut txn = env.write()?;
    for n in 0..2000_u32 {
        if !rng.once_in(7) {
            txn.delete(plain, &n.to_be_bytes())?;
            txn.delete(large, &n.to_be_bytes())?;
        }
        if n / 200 % 2 == 0 {
            txn.delete_dup(dups, &(n / 50).to_be_bytes(), &(n * 3).to_be_bytes())?;
            txn.delete_dup(
                dups,
                b"many",
                &[&n.to_be_bytes()[..], &vec![2; page / 20]].concat(),
            )?;
        }
    }
    txn.commit()?;
    Ok(())
}

fn defrag(env: &TempEnv) -> Result<Defragmented> {
    DefragOptions::new().run(env)
}

/// Defragments the database and checks that the contents are the same, and that nothing is left to do.
fn assert_defragments(env: &TempEnv) -> Result<Defragmented> {
    let before = dump(&env.read()?)?;
    let done = defrag(env)?;
    assert_eq!(done.stopped, Why::Done);
    assert_sound(&env.read()?);
    assert!(dump(&env.read()?)? == before, "the contents differ");
    assert_is_short(env)?;
    let snapshot = env.read()?.id();
    let again = defrag(env)?;
    assert_eq!((again.stopped, again.cycles), (Why::Done, 0), "{again:?}");
    assert_eq!(env.read()?.id(), snapshot);
    Ok(done)
}

fn assert_is_short(env: &TempEnv) -> Result<()> {
    let sizes = stat(&env.read()?)?;
    let (used, allocated) = (sizes.used_pages, sizes.allocated_pages);
    assert!(allocated <= used + A_LITTLE, "{allocated} pages for {used}");
    Ok(())
}

#[test]
fn a_file_full_of_holes_gets_as_short_as_its_contents() -> Result<()> {
    for page_size in sizes() {
        let env = shrinking(page_size);
        fill_with_holes(&env)?;
        let before = env.info()?;
        let done = assert_defragments(&env)?;
        assert_eq!(done.pages_before, u64::from(before.allocated_pages));
        assert!(done.pages_after < done.pages_before / 2, "{done:?}");
        assert!(done.pages_moved > 0 && done.cycles > 1);
        let after = env.info()?;
        let most = (u64::from(after.allocated_pages) * page_size.bytes() as u64) + (3 << 16);
        assert!(after.file_len <= most, "{} bytes of {most}", after.file_len);
        assert!(after.file_len < before.file_len);
    }
    Ok(())
}

#[test]
fn tables_of_every_kind_keep_their_contents() -> Result<()> {
    for page_size in sizes() {
        let env = shrinking(page_size);
        let count = page_size.bytes() * 2;
        let kinds: Vec<Kind> = kinds(page_size).into_iter().step_by(3).collect();
        for (number, kind) in kinds.iter().enumerate() {
            let mut txn = env.write()?;
            let table = txn.create_table(format!("{number}"), kind.flags)?;
            for n in 0..count {
                let key = kind.key(if kind.has_dups() { n % 9 } else { n });
                txn.put(table, &key, &kind.value(n))?;
            }
            txn.commit()?;
        }
        for (number, kind) in kinds.iter().enumerate().step_by(2) {
            let mut txn = env.write()?;
            let table = txn.create_table(format!("{number}"), kind.flags)?;
            txn.drop_table(table)?;
            txn.commit()?;
        }
        let done = assert_defragments(&env)?;
        assert!(done.pages_after < done.pages_before * 3 / 4, "{done:?}");
    }
    Ok(())
}

#[test]
fn an_order_of_the_application_makes_no_difference() -> Result<()> {
    let order = TableOrder::new().keys(|a, b| b.cmp(a));
    let geometry = Geometry::default().page_size(PageSize::MIN);
    let env = TempEnv::with(
        Env::options()
            .geometry(geometry.growth_step(1 << 16))
            .table_order("down", order),
    );
    let table = env.create_table("down", TableFlags::empty())?;
    let mut txn = env.write()?;
    for n in 0..3000_u32 {
        txn.put(table, &n.to_be_bytes(), &[7; 20])?;
    }
    txn.commit()?;
    let mut txn = env.write()?;
    for n in 0..3000_u32 {
        if n % 40 > 3 {
            txn.delete(table, &n.to_be_bytes())?;
        }
    }
    txn.commit()?;
    assert_defragments(&env)?;
    // Other readers of the file do not know the order.
    let mut txn = env.write()?;
    txn.drop_table(table)?;
    txn.commit()?;
    Ok(())
}

#[test]
fn an_empty_database_and_a_full_one_are_left_alone() -> Result<()> {
    let env = TempEnv::new();
    assert_eq!(defrag(&env)?.cycles, 0);
    let mut txn = env.write()?;
    for n in 0..3000_u32 {
        txn.put(Table::MAIN, &n.to_be_bytes(), &[7; 20])?;
    }
    txn.commit()?;
    let done = defrag(&env)?;
    assert_eq!(
        (done.cycles, done.pages_moved, done.stopped),
        (0, 0, Why::Done)
    );
    Ok(())
}

#[test]
fn a_database_that_was_emptied_becomes_as_short_as_an_empty_one() -> Result<()> {
    let env = shrinking(PageSize::MIN);
    let mut txn = env.write()?;
    for n in 0..3000_u32 {
        txn.put(Table::MAIN, &n.to_be_bytes(), &[7; 20])?;
    }
    txn.commit()?;
    let mut txn = env.write()?;
    txn.clear(Table::MAIN)?;
    txn.commit()?;
    assert_defragments(&env)?;
    Ok(())
}

#[test]
fn small_batches_come_to_the_same_end() -> Result<()> {
    for page_size in sizes() {
        let env = shrinking(page_size);
        fill_with_holes(&env)?;
        let before = dump(&env.read()?)?;
        let mut told = Vec::new();
        let batch = 40 * page_size.bytes() as u64;
        let options = DefragOptions::new()
            .batch_bytes(batch)
            .progress(|progress| {
                told.push(progress);
                ControlFlow::Continue(())
            });
        let done = options.run(&env)?;
        assert_eq!(done.stopped, Why::Done);
        assert!(done.cycles > 5, "{done:?}");
        assert!(told.is_sorted_by_key(|progress| (progress.cycles, progress.pages_moved)));
        assert!(dump(&env.read()?)? == before, "the contents differ");
        assert_is_short(&env)?;
    }
    Ok(())
}

#[test]
fn a_reader_keeps_its_snapshot_and_holds_it_up() -> Result<()> {
    let env = shrinking(PageSize::MIN);
    fill_with_holes(&env)?;
    let reader = env.read()?;
    let before = dump(&reader)?;
    let done = defrag(&env)?;
    assert_eq!((done.stopped, done.cycles), (Why::HeldUp, 1));
    assert!(dump(&reader)? == before, "the snapshot has changed");
    assert_sound(&reader);
    assert_sound(&env.read()?);
    let again = defrag(&env)?;
    assert_eq!(again.stopped, Why::HeldUp);
    assert!(again.cycles <= 1);
    assert!(dump(&reader)? == before, "the snapshot has changed");
    drop(reader);
    assert_defragments(&env)?;
    Ok(())
}

#[test]
fn the_caller_can_stop_it_after_any_cycle() -> Result<()> {
    let env = shrinking(PageSize::MIN);
    fill_with_holes(&env)?;
    let before = dump(&env.read()?)?;
    for cycles in 0..2 {
        let options = DefragOptions::new().progress(|progress| {
            if progress.cycles == cycles {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        let done = options.run(&env)?;
        assert_eq!((done.stopped, done.cycles), (Why::ByCaller, cycles));
    }
    let done = DefragOptions::new().most_cycles(1).run(&env)?;
    assert_eq!((done.stopped, done.cycles), (Why::MostCycles, 1));
    assert!(dump(&env.read()?)? == before, "the contents differ");
    fill_with_holes(&env)?;
    let before = dump(&env.read()?)?;
    let done = DefragOptions::new().most_time(Duration::ZERO).run(&env)?;
    assert_eq!((done.stopped, done.cycles), (Why::MostTime, 0));
    assert!(dump(&env.read()?)? == before, "the contents differ");
    assert_defragments(&env)?;
    Ok(())
}

#[test]
fn others_write_between_the_cycles() -> Result<()> {
    let env = shrinking(PageSize::MIN);
    fill_with_holes(&env)?;
    let (handle, mut n) = (env.clone(), 0_u32);
    let options = DefragOptions::new().batch_bytes(1 << 14).most_cycles(200);
    let done = std::thread::scope(|scope| {
        let writer = scope.spawn(|| -> Result<()> {
            for _ in 0..50 {
                let mut txn = handle.write()?;
                txn.put(Table::MAIN, b"counter", &n.to_be_bytes())?;
                txn.commit()?;
                n += 1;
            }
            Ok(())
        });
        let done = options.run(&env);
        writer.join().unwrap()?;
        done
    })?;
    assert!(done.pages_after < done.pages_before);
    assert_eq!(
        env.read()?.get(Table::MAIN, b"counter")?,
        Some(&49_u32.to_be_bytes()[..])
    );
    assert_defragments(&env)?;
    Ok(())
}

#[test]
fn a_database_at_its_upper_bound_can_be_defragmented() -> Result<()> {
    let geometry = Geometry::default().page_size(PageSize::MIN);
    let env = TempEnv::with_geometry(geometry.upper(1 << 20).growth_step(1 << 16));
    let mut n = 0_u32;
    while env.info()?.allocated_pages < 4000 {
        let mut txn = env.write()?;
        for _ in 0..20 {
            txn.put(Table::MAIN, &n.to_be_bytes(), &[9; 80])?;
            n += 1;
        }
        txn.commit()?;
    }
    for first in (0..n).step_by(20) {
        let mut txn = env.write()?;
        for n in (first..first + 20).filter(|n| n / 2 % 5 != 0) {
            txn.delete(Table::MAIN, &n.to_be_bytes())?;
        }
        txn.commit()?;
    }
    let done = assert_defragments(&env)?;
    assert!(done.pages_after < done.pages_before / 2, "{done:?}");
    Ok(())
}

#[test]
fn files_of_the_other_engine_keep_their_contents() -> Result<()> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "mdbx")
        {
            let env = TempEnv::copy_of(&path)?;
            let before = dump(&env.read()?)?;
            assert_eq!(defrag(&env)?.stopped, Why::Done, "{}", path.display());
            assert!(dump(&env.read()?)? == before, "{}", path.display());
        }
    }
    Ok(())
}

#[test]
fn a_damaged_file_is_an_error_or_defragmented_but_never_a_panic() -> Result<()> {
    let mut env = shrinking(PageSize::MIN);
    fill_with_holes(&env)?;
    let path = env.path().to_owned();
    let used = env.info()?.allocated_pages as usize * 256;
    env.close();
    let sound = std::fs::read(&path).unwrap();
    let mut rng = Rng::new(1);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("damaged.mdbx");
    let mut failures = 0;
    for _ in 0..number_from_env("MDBX_DAMAGE_ROUNDS", 60) {
        let mut bytes = sound.clone();
        for _ in 0..=rng.below(40) {
            let (page, at) = (
                3 + rng.below(used / 256 - 3),
                *rng.pick(&[10, 12, 16, 20, 24, 60, 200]),
            );
            bytes[page * 256 + at + rng.below(4)] = rng.byte();
        }
        std::fs::write(&path, &bytes).unwrap();
        with_patience("the defragmentation of a damaged file does not end", || {
            let done = Env::options()
                .create(false)
                .open(&path)
                .and_then(|env| DefragOptions::new().run(&env));
            failures += usize::from(done.is_err());
        });
    }
    assert!(failures > 0, "no damage was met");
    Ok(())
}
