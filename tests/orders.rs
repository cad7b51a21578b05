//! Orders that the application gives for its tables.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::cell::Cell;
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{Items, Rng, assert_sound, items};
use mdbx_core::tools::check::Check;
use mdbx_core::{
    Env, EnvOptions, Error, Geometry, PageSize, PutFlags, Relation, Result, Table, TableFlags,
    TableOrder, WriteTxn,
};
use tempfile::TempDir;

fn descending(a: &[u8], b: &[u8]) -> Ordering {
    b.cmp(a)
}

fn without_case(a: &[u8], b: &[u8]) -> Ordering {
    a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase())
}

fn both(compare: mdbx_core::Compare) -> TableOrder {
    TableOrder::new().keys(compare).values(compare)
}

fn options() -> EnvOptions {
    Env::options().geometry(
        Geometry::default()
            .page_size(PageSize::MIN)
            .growth_step(1 << 16),
    )
}

fn open(directory: &TempDir, options: EnvOptions) -> Env {
    options.open(directory.path().join("db")).unwrap()
}

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_table_in_descending_order_keeps_it_when_it_is_opened_again() -> Result<()> {
    let (directory, mut rng) = (directory(), Rng::new(51));
    let ordered = || options().table_order("t", both(descending));
    let mut model = BTreeMap::new();
    for _ in 0..8 {
        let env = open(&directory, ordered());
        let mut txn = env.write()?;
        let table = txn.create_table("t", TableFlags::empty())?;
        for _ in 0..300 {
            let len = rng.below(12);
            let (key, value) = (rng.bytes(len), rng.bytes(3));
            if rng.once_in(4) {
                let there = model.remove(&Reverse(key.clone())).is_some();
                assert_eq!(txn.delete(table, &key)?, there);
            } else {
                txn.put(table, &key, &value)?;
                model.insert(Reverse(key), value);
            }
        }
        txn.commit()?;

        let txn = env.read()?;
        let expected: Items = model
            .iter()
            .map(|(key, value)| (key.0.clone(), value.clone()))
            .collect();
        assert_eq!(items(&txn.table(table)?)?, expected);
        let (from, to) = (Reverse(vec![200]), Reverse(vec![100]));
        let part = txn.table(table)?.range(&from.0[..]..&to.0[..]);
        let part: Result<Vec<_>> = part.map(|item| item.map(|(key, _)| key.to_vec())).collect();
        let bounds = (Bound::Included(&from), Bound::Excluded(&to));
        let expected: Vec<_> = model.range(bounds).map(|(key, _)| key.0.clone()).collect();
        assert_eq!(part?, expected);
        assert_sound(&txn);
    }
    Ok(())
}

#[test]
fn values_of_a_key_are_in_the_given_order_in_every_form_they_are_stored_in() -> Result<()> {
    for (name, flags) in [
        ("plain", TableFlags::DUP_SORT),
        ("packed", TableFlags::DUP_SORT | TableFlags::DUP_FIXED),
    ] {
        let directory = directory();
        let env = open(&directory, options().table_order(name, both(descending)));
        let mut txn = env.write()?;
        let table = txn.create_table(name, flags)?;
        let mut model = BTreeSet::new();
        for n in (0..400_u32).map(|n| n * 7919 % 400) {
            let value = n.to_be_bytes();
            txn.put(table, b"key", &value)?;
            model.insert(Reverse(value.to_vec()));
            assert!(txn.table(table)?.contains_dup(b"key", &value)?);
        }
        txn.commit()?;
        let mut txn = env.write()?;
        for n in 0..395_u32 {
            let expected: Vec<_> = model.iter().map(|value| value.0.clone()).collect();
            assert_eq!(common::dups(&txn.table(table)?, b"key")?, expected);
            let value = (n * 7919 % 395).to_be_bytes();
            assert!(txn.delete_dup(table, b"key", &value)?);
            model.remove(&Reverse(value.to_vec()));
        }
        txn.commit()?;
        assert_sound(&env.read()?);
    }
    Ok(())
}

#[test]
fn searches_go_by_the_given_order() -> Result<()> {
    let directory = directory();
    let env = open(&directory, options().table_order("t", both(descending)));
    let mut txn = env.write()?;
    let table = txn.create_table("t", TableFlags::DUP_SORT)?;
    for key in [b"a", b"c", b"e"] {
        txn.put(table, key, b"1")?;
        txn.put(table, key, b"3")?;
    }
    let view = txn.table(table)?;
    assert_eq!(view.compare_keys(b"a", b"b"), Ordering::Greater);
    assert_eq!(view.compare_values(b"a", b"b"), Ordering::Greater);
    assert_eq!(view.get(b"c")?, Some(&b"3"[..]));
    assert_eq!(view.get_at_or_after(b"d")?, Some((&b"c"[..], &b"3"[..])));
    let mut cursor = view.cursor();
    assert_eq!(cursor.seek_before(b"d")?, Some((&b"e"[..], &b"1"[..])));
    let found = cursor.seek_value_by(Relation::Greater, b"c", b"2")?;
    assert_eq!(found, Some((&b"c"[..], &b"1"[..])));
    assert_eq!(view.estimate_range(&b"e"[..]..&b"a"[..])?, 4);
    let append = txn.put_with(table, b"f", b"1", PutFlags::APPEND);
    assert!(matches!(append, Err(Error::KeyMismatch)));
    txn.put_with(table, b"Z", b"1", PutFlags::APPEND)?;
    assert_eq!(txn.table(table)?.last()?, Some((&b"Z"[..], &b"1"[..])));
    Ok(())
}

#[test]
fn keys_that_compare_equal_are_one_key() -> Result<()> {
    let directory = directory();
    let env = open(&directory, options().table_order("t", both(without_case)));
    let mut txn = env.write()?;
    let table = txn.create_table("t", TableFlags::DUP_SORT)?;
    txn.put(table, b"Oslo", b"Ann")?;
    txn.put(table, b"OSLO", b"ann")?;
    txn.put(table, b"oslo", b"BOB")?;
    assert_eq!(txn.table(table)?.len(), 2);
    assert!(txn.table(table)?.contains_dup(b"osLO", b"bob")?);
    assert!(txn.delete_dup(table, b"OSLO", b"ANN")?);
    assert!(txn.table(table)?.contains_dup(b"osLO", b"bob")?);
    assert!(!txn.table(table)?.contains_dup(b"osLO", b"ann")?);
    txn.table_mut(table)?.replace(b"oslo", b"bob")?;
    assert_eq!(txn.get(table, b"oslo")?, Some(&b"bob"[..]));
    Ok(())
}

#[test]
fn a_cursor_stands_on_the_key_that_compares_equal() -> Result<()> {
    let directory = directory();
    let env = open(&directory, options().table_order("t", both(without_case)));
    let mut txn = env.write()?;
    let table = txn.create_table("t", TableFlags::empty())?;
    txn.put(table, b"Oslo", b"1")?;
    let mut table = txn.table_mut(table)?;
    let mut cursor = table.cursor_mut();
    cursor.go(|cursor| cursor.seek_exact(b"OSLO").map(drop))?;
    cursor.put_with(b"oslo", b"2", PutFlags::CURRENT)?;
    let other = cursor.put_with(b"Rome", b"2", PutFlags::CURRENT);
    assert!(matches!(other, Err(Error::KeyMismatch)));
    assert_eq!(table.get(b"osLO")?, Some(&b"2"[..]));
    Ok(())
}

#[test]
fn the_main_table_can_have_an_order_and_hold_named_tables() -> Result<()> {
    let directory = directory();
    let ordered = || options().main_order(both(descending));
    let env = open(&directory, ordered());
    let mut txn = env.write()?;
    let mut names: Vec<_> = (0..40).map(|n| format!("table {n:02}")).collect();
    for name in &names {
        let table = txn.create_table(name, TableFlags::empty())?;
        txn.put(table, b"name", name.as_bytes())?;
    }
    txn.put(Table::MAIN, b"value", b"1")?;
    txn.commit()?;
    drop(env);

    let env = open(&directory, ordered());
    let mut txn = env.write()?;
    for name in &names {
        let table = txn.open_table(name)?;
        assert_eq!(txn.get(table, b"name")?, Some(name.as_bytes()));
        txn.put(table, b"again", b"")?;
    }
    let dropped = txn.open_table(&names[7])?;
    txn.drop_table(dropped)?;
    names.remove(7);
    txn.commit()?;
    let txn = env.read()?;
    let known: Vec<_> = txn.tables()?.into_iter().map(|(name, _)| name).collect();
    names.reverse();
    assert_eq!(
        known,
        names.iter().map(String::as_bytes).collect::<Vec<_>>()
    );
    assert_sound(&txn);
    Ok(())
}

#[test]
fn the_order_of_the_main_table_outlives_a_change_of_its_kind() -> Result<()> {
    let directory = directory();
    let env = open(&directory, options().main_order(both(descending)));
    let mut txn = env.write()?;
    let mut nested = txn.nested()?;
    nested.set_main_flags(TableFlags::DUP_SORT)?;
    nested.put(Table::MAIN, b"key", b"1")?;
    nested.put(Table::MAIN, b"key", b"2")?;
    assert_eq!(nested.get(Table::MAIN, b"key")?, Some(&b"2"[..]));
    nested.abort();
    txn.put(Table::MAIN, b"a", b"1")?;
    txn.put(Table::MAIN, b"b", b"1")?;
    assert_eq!(
        txn.table(Table::MAIN)?.first()?,
        Some((&b"b"[..], &b"1"[..]))
    );
    Ok(())
}

#[test]
fn a_table_is_found_by_its_very_name_alone() -> Result<()> {
    let directory = directory();
    let env = open(&directory, options().main_order(both(without_case)));
    let mut txn = env.write()?;
    let table = txn.create_table("Table", TableFlags::empty())?;
    txn.put(table, b"key", b"value")?;
    let alike = txn.open_table("TABLE");
    assert!(matches!(alike, Err(Error::NoSuchTable { .. })));
    let alike = txn.create_table("TABLE", TableFlags::empty());
    assert!(matches!(alike, Err(Error::Incompatible { .. })));
    let other = txn.create_table("other", TableFlags::empty())?;
    assert!(matches!(
        txn.rename_table(other, "tABLE"),
        Err(Error::KeyExists)
    ));
    txn.commit()?;
    assert_sound(&env.read()?);
    Ok(())
}

#[test]
fn a_table_is_renamed_only_to_a_name_with_the_same_order() -> Result<()> {
    let directory = directory();
    let order = TableOrder::new().keys(descending);
    let ordered = options().table_order("a", order).table_order("b", order);
    let env = open(&directory, ordered);
    let mut txn = env.write()?;
    let table = txn.create_table("a", TableFlags::empty())?;
    txn.put(table, b"1", b"")?;
    txn.put(table, b"2", b"")?;
    let plain = txn.rename_table(table, "c");
    assert!(matches!(plain, Err(Error::Incompatible { .. })));
    let table = txn.rename_table(table, "b")?;
    txn.put(table, b"3", b"")?;
    assert_eq!(txn.table(table)?.first()?, Some((&b"3"[..], &b""[..])));
    txn.commit()?;
    assert_sound(&env.read()?);
    Ok(())
}

#[test]
fn a_check_knows_the_given_orders_or_is_told_to_ignore_order() -> Result<()> {
    let directory = directory();
    let ordered = || options().table_order("t", both(descending));
    let env = open(&directory, ordered());
    let mut txn = env.write()?;
    let table = txn.create_table("t", TableFlags::DUP_SORT)?;
    for n in 0..1000_u32 {
        txn.put(table, &(n % 90).to_be_bytes(), &n.to_be_bytes())?;
    }
    txn.commit()?;
    assert_sound(&env.read()?);
    drop(env);

    let env = open(&directory, options());
    let txn = env.read()?;
    assert!(!Check::new().run(&txn).is_sound());
    let report = Check::new().ignore_order(true).run(&txn);
    assert!(report.is_sound(), "{report}");
    Ok(())
}

thread_local! {
    static DICE: Cell<u64> = const { Cell::new(0) };
    static CALLS_LEFT: Cell<u64> = const { Cell::new(u64::MAX) };
}

/// No order at all: another answer each time.
fn random(_: &[u8], _: &[u8]) -> Ordering {
    let mut rng = Rng::with_seed(DICE.get());
    DICE.set(rng.next());
    [Ordering::Less, Ordering::Equal, Ordering::Greater][rng.below(3)]
}

/// An order that contradicts itself: each byte beats the one below, and the lowest beats the highest.
fn round_about(a: &[u8], b: &[u8]) -> Ordering {
    let head = |key: &[u8]| key.first().copied().unwrap_or_default() % 3;
    match (head(a) + 3 - head(b)) % 3 {
        0 => Ordering::Equal,
        1 => Ordering::Greater,
        _ => Ordering::Less,
    }
}

/// Bytes in order, until it has been asked often enough.
fn breaking(a: &[u8], b: &[u8]) -> Ordering {
    CALLS_LEFT.set(CALLS_LEFT.get() - 1);
    assert_ne!(CALLS_LEFT.get(), 0, "the comparison gives up");
    a.cmp(b)
}

/// The errors that an order which contradicts itself may lead to.
fn is_expected(error: &Error) -> bool {
    matches!(
        error,
        Error::KeyExists
            | Error::NotFound
            | Error::KeyMismatch
            | Error::MultiVal
            | Error::NoItem
            | Error::NoSuchTable { .. }
            | Error::Incompatible { .. }
            | Error::Corrupted { .. }
            | Error::MapFull { .. }
            | Error::TxnFailed
    )
}

/// Makes one random change; whatever it answers, it must answer.
fn change(txn: &mut WriteTxn<'_>, table: Table, rng: &mut Rng) -> Result<()> {
    let flags = txn.table(table)?.flags();
    let has_dups = flags.contains(TableFlags::DUP_SORT);
    let (key_len, long) = (rng.below(20), if rng.once_in(9) { 600 } else { 20 });
    let key = rng.bytes(key_len);
    let value_len = match flags.contains(TableFlags::DUP_FIXED) {
        true => 4,
        false if has_dups => rng.below(20),
        false => rng.below(long),
    };
    let value = rng.bytes(value_len);
    let mut table = txn.table_mut(table)?;
    match rng.below(16) {
        12 => {
            let (from, to) = (rng.bytes(2), rng.bytes(2));
            table.delete_range(&from[..]..=&to[..]).map(drop)
        }
        13 => {
            let (from, to) = (rng.bytes(2), rng.bytes(2));
            let range = (
                Bound::Excluded((&from[..], &value[..])),
                Bound::Included((&to[..], &value[..])),
            );
            table.delete_pairs(range).map(drop)
        }
        14 => {
            let mut cursor = table.as_ref().cursor();
            cursor.seek(&key)?;
            let from = cursor.save()?;
            cursor.seek(&rng.bytes(2))?;
            let to = cursor.save()?;
            table.delete_between(from..to).map(drop)
        }
        0 => table.delete(&key).map(drop),
        1 => table.delete_dup(&key, &value).map(drop),
        2 => table.update(&key, &value),
        3 => table.append(&key, &value),
        4 if has_dups => table.append_dup(&key, &value),
        5 => table.replace(&key, &value).map(drop),
        6 => {
            let mut cursor = table.cursor_mut();
            cursor.go(|cursor| cursor.seek(&key).map(drop))?;
            cursor.delete().map(drop)
        }
        7 => {
            let mut cursor = table.cursor_mut();
            cursor.go(|cursor| cursor.seek(&key).map(drop))?;
            cursor.put(&key, &value)
        }
        _ => table.put(&key, &value),
    }
}

/// Reads in every way; whatever it answers, it must answer, and not forever.
fn look(txn: &WriteTxn<'_>, table: Table, rng: &mut Rng) -> Result<()> {
    let table = txn.table(table)?;
    let (one, other) = (rng.bytes(3), rng.bytes(3));
    let most = usize::try_from(table.len()).unwrap();
    let range = || table.range(&one[..]..=&other[..]);
    assert!(range().count() <= most + 1);
    assert!(range().rev().count() <= most + 1);
    let mut range = range();
    let mut turns = 0;
    while range.next().is_some() && range.next_back().is_some() {
        turns += 1;
        assert!(turns <= most);
    }
    let _ = (table.get(&one)?, table.dups(&one)?.count());
    let _ = table.estimate_range(&one[..]..&other[..])?;
    let mut cursor = table.cursor();
    cursor.seek_dup(&one, &other)?;
    let (place, first) = (cursor.save()?, cursor.clone());
    cursor.seek_after(&other)?;
    let _ = (cursor.compare(&first)?, cursor.distance(&first));
    cursor.skip(5)?;
    cursor.resume(&place)?;
    let _ = (cursor.next()?, cursor.prev_key()?, cursor.next_dup()?);
    Ok(())
}

/// Changes tables at random in an order that contradicts itself, and checks that only their order is lost.
fn survive(order: mdbx_core::Compare, seed: u64) {
    let (directory, mut rng) = (directory(), Rng::new(seed));
    DICE.set(rng.next());
    let kinds = [
        ("plain", TableFlags::empty()),
        ("dups", TableFlags::DUP_SORT),
        ("packed", TableFlags::DUP_SORT | TableFlags::DUP_FIXED),
    ];
    let mut ordered = options();
    for (name, _) in kinds {
        ordered = ordered.table_order(name, both(order));
    }
    let env = open(&directory, ordered);
    let mut committed = 0;
    for _ in 0..40 {
        let mut txn = env.write().unwrap();
        let (name, kind) = *rng.pick(&kinds);
        let table = txn.create_table(name, kind).unwrap();
        for _ in 0..rng.below(200) {
            match change(&mut txn, table, &mut rng) {
                Err(Error::TxnFailed) => break,
                Err(error) => assert!(is_expected(&error), "{error}"),
                Ok(()) => {}
            }
        }
        match look(&txn, table, &mut rng) {
            Ok(()) | Err(Error::TxnFailed) => {}
            Err(error) => panic!("{error}"),
        }
        if txn.commit().is_ok() {
            committed += 1;
            let report = Check::new().ignore_order(true).run(&env.read().unwrap());
            assert!(report.is_sound(), "{report}");
        }
    }
    assert!(committed > 30, "{committed}");
}

#[test]
fn a_comparison_that_answers_at_random_loses_nothing_but_the_order() {
    for seed in 0..6 {
        survive(random, seed);
    }
}

#[test]
fn a_comparison_that_goes_round_in_circles_loses_nothing_but_the_order() {
    for seed in 10..16 {
        survive(round_about, seed);
    }
}

#[test]
fn no_two_tables_share_pages_when_the_main_table_is_ordered_at_random() {
    let (directory, mut rng) = (directory(), Rng::new(77));
    DICE.set(rng.next());
    let env = open(&directory, options().main_order(both(random)));
    let mut committed = 0;
    for _ in 0..2000 {
        let mut txn = env.write().unwrap();
        let name = format!("table {}", rng.below(20));
        let done = match rng.below(7) {
            0 => txn
                .open_table(&name)
                .and_then(|table| txn.drop_table(table)),
            1 => {
                let renamed = format!("table {}", rng.below(20));
                txn.open_table(&name)
                    .and_then(|table| txn.rename_table(table, renamed))
                    .map(drop)
            }
            2 => txn.put(Table::MAIN, name.as_bytes(), b"value"),
            3 => {
                let (from, to) = (rng.bytes(2), rng.bytes(2));
                txn.table_mut(Table::MAIN)
                    .and_then(|mut main| main.delete_range(&from[..]..=&to[..]))
                    .map(drop)
            }
            _ => txn
                .create_table(&name, TableFlags::empty())
                .and_then(|table| txn.put(table, &rng.bytes(4), &rng.bytes(90))),
        };
        let done = done.and_then(|()| txn.commit());
        committed += u32::from(done.is_ok());
        if let Err(error) = done {
            assert!(is_expected(&error), "{error}");
        }
        let report = Check::new().ignore_order(true).run(&env.read().unwrap());
        assert!(report.is_sound(), "{report}");
    }
    assert!(committed > 100, "{committed}");
}

#[test]
fn a_comparison_that_panics_ends_the_transaction_alone() {
    let directory = directory();
    let env = open(&directory, options().table_order("t", both(breaking)));
    let mut txn = env.write().unwrap();
    let table = txn.create_table("t", TableFlags::DUP_SORT).unwrap();
    for n in 0..200_u32 {
        txn.put(table, &(n % 20).to_be_bytes(), &n.to_be_bytes())
            .unwrap();
    }
    txn.commit().unwrap();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    for calls in 1..40 {
        let mut txn = env.write().unwrap();
        CALLS_LEFT.set(calls);
        let put = catch_unwind(AssertUnwindSafe(|| txn.put(table, &[0; 4], &[7; 4])));
        CALLS_LEFT.set(u64::MAX);
        match put {
            Ok(done) => done.unwrap(),
            Err(_) => assert!(matches!(
                txn.put(table, b"key", b"value"),
                Ok(()) | Err(Error::TxnFailed)
            )),
        }
        drop(txn);
        assert_sound(&env.read().unwrap());
    }
    std::panic::set_hook(hook);
    assert_eq!(env.read().unwrap().len(table).unwrap(), 200);
}
