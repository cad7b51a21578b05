//! Distances, moves by a number of items, and estimates, against a sorted list.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::ops::Bound;

use common::tall::{item, random_key, tall_table};
use common::{Rng, TempEnv};
use mdbx_core::{Cursor, Position, Result, TableFlags, TableRef};

/// Returns a cursor on item `at` of the list.
fn cursor_on<'t>(table: &TableRef<'t>, item: (&[u8], &[u8])) -> Result<Cursor<'t>> {
    let mut cursor = table.cursor();
    assert_eq!(cursor.seek_dup(item.0, item.1)?, Some(item));
    Ok(cursor)
}

#[test]
fn a_distance_is_the_number_of_items_between() -> Result<()> {
    for flags in [TableFlags::empty(), TableFlags::DUP_SORT] {
        let (env, table, model) = tall_table(flags)?;
        let txn = env.read()?;
        let table = txn.table(table)?;
        let mut rng = Rng::new(47);
        for round in 0..600 {
            let from = rng.below(model.len());
            let to = if round % 2 == 0 {
                rng.below(model.len())
            } else {
                (from + rng.below(100)).min(model.len() - 1)
            };
            let (a, b) = (
                cursor_on(&table, item(&model, from))?,
                cursor_on(&table, item(&model, to))?,
            );
            let distance = i64::try_from(to).unwrap() - i64::try_from(from).unwrap();
            assert_eq!(a.distance(&b)?, Some(distance), "{from} to {to}");
            assert_eq!(a.compare(&b)?, Some(from.cmp(&to)));
            assert_eq!(a.compare_keys(&b)?, Some(model[from].0.cmp(&model[to].0)));
        }
    }
    Ok(())
}

#[test]
fn a_skip_leads_as_far_as_so_many_steps_or_stays() -> Result<()> {
    for flags in [TableFlags::empty(), TableFlags::DUP_SORT] {
        let (env, table, model) = tall_table(flags)?;
        let txn = env.read()?;
        let mut cursor = txn.cursor(table)?;
        let mut rng = Rng::new(53);
        let mut at = 0;
        cursor.first()?;
        for round in 0..1000 {
            let range = if round % 2 == 0 { 20 } else { model.len() };
            let count = i64::try_from(rng.below(range)).unwrap();
            let count = if rng.once_in(2) { count } else { -count };
            let to = usize::try_from(i64::try_from(at).unwrap() + count);
            let to = to.ok().filter(|&to| to < model.len());
            let expected = to.map(|to| item(&model, to));
            assert_eq!(cursor.skip(count)?, expected, "{count} from {at}");
            at = to.unwrap_or(at);
            assert_eq!(cursor.current()?, Some(item(&model, at)));
        }
        for count in [i64::MAX, i64::MIN] {
            assert_eq!(cursor.skip(count)?, None);
            assert_eq!(cursor.current()?, Some(item(&model, at)));
        }
    }
    Ok(())
}

#[test]
fn a_cursor_that_stands_nowhere_is_at_no_distance() -> Result<()> {
    let (env, table, model) = tall_table(TableFlags::DUP_SORT)?;
    let other = env.create_table("other", TableFlags::empty())?;
    env.put(other, b"000", b"")?;
    let txn = env.read()?;
    let mut placed = txn.cursor(table)?;
    placed.first()?;
    for position in [Position::Unset, Position::Missed, Position::PastEnd] {
        let mut cursor = txn.cursor(table)?;
        cursor.resume(&position)?;
        assert_eq!(cursor.distance(&placed)?, None);
        assert_eq!(placed.distance(&cursor)?, None);
        assert_eq!(cursor.compare(&placed)?, None);
        assert_eq!(cursor.compare_keys(&placed)?, None);
        assert_eq!(cursor.skip(1)?, None);
        assert_eq!(cursor.skip(0)?, None);
    }
    let mut behind = txn.cursor(table)?;
    behind.resume(&Position::PastEnd)?;
    assert_eq!(behind.skip(-2)?, Some(item(&model, model.len() - 2)));
    let mut foreign = txn.cursor(other)?;
    foreign.last()?;
    assert_eq!(placed.distance(&foreign)?, None);
    Ok(())
}

#[test]
fn a_place_in_a_gap_is_measured_from_the_item_that_followed() -> Result<()> {
    let env = TempEnv::new();
    let table = env.create_table("t", TableFlags::DUP_SORT)?;
    let mut txn = env.write()?;
    for value in [b"1", b"2", b"3"] {
        txn.put(table, b"a", value)?;
        txn.put(table, b"b", value)?;
    }
    for (value, distance, step_on, step_back) in [
        (b"1", 1, b"2", None),
        (b"2", 1, b"3", Some(b"1")),
        (b"3", 1, b"1", Some(b"2")),
    ] {
        let mut cursor = txn.cursor(table)?;
        cursor.seek_pair(b"a", value)?;
        let position = cursor.save()?;
        txn.delete_dup(table, b"a", value)?;
        let mut cursor = txn.cursor(table)?;
        cursor.resume(&position)?;
        let mut next = cursor.clone();
        assert_eq!(next.next()?.map(|(_, value)| value), Some(&step_on[..]));
        assert_eq!(cursor.compare(&next)?, Some(std::cmp::Ordering::Equal));
        assert_eq!(cursor.distance(&next)?, Some(0));
        next.next()?;
        assert_eq!(cursor.distance(&next)?, Some(distance));
        assert_eq!(next.distance(&cursor)?, Some(-distance));
        assert_eq!(cursor.clone().skip(2)?, next.current()?);
        let back = cursor.clone().skip(-1)?.map(|(_, value)| value);
        assert_eq!(back, step_back.map(|value| &value[..]));
        drop((cursor, next));
        txn.put(table, b"a", value)?;
    }
    Ok(())
}

#[test]
fn estimates_are_exact_for_single_keys_and_whole_tables() -> Result<()> {
    for flags in [TableFlags::empty(), TableFlags::DUP_SORT] {
        let (env, table, model) = tall_table(flags)?;
        let empty = env.create_table("empty", flags)?;
        let txn = env.read()?;
        let table = txn.table(table)?;
        assert_eq!(table.estimate_range(..)?, model.len() as u64);
        let mut rng = Rng::new(59);
        for _ in 0..300 {
            let key = random_key(&mut rng);
            let count = model.iter().filter(|(other, _)| *other == key).count();
            let key = &key[..];
            assert_eq!(table.estimate_range(key..=key)?, count as u64);
            assert_eq!(table.estimate_range(key..key)?, 0);
            assert_eq!(txn.table(empty)?.estimate_range(key..)?, 0);
        }
        assert_eq!(txn.table(empty)?.estimate_range(..)?, 0);
    }
    Ok(())
}

#[test]
fn estimates_of_ranges_are_near_the_truth_and_grow_with_the_range() -> Result<()> {
    let (env, table, model) = tall_table(TableFlags::empty())?;
    let txn = env.read()?;
    let table = txn.table(table)?;
    let mut rng = Rng::new(61);
    for _ in 0..300 {
        let (a, b) = (random_key(&mut rng), random_key(&mut rng));
        let bounds = (Bound::Included(&a[..]), Bound::Excluded(&b[..]));
        let truth = model
            .iter()
            .filter(|(key, _)| *key >= a && *key < b)
            .count() as u64;
        let estimate = table.estimate_range(bounds)?;
        let slack = 20 + model.len() as u64 / 8;
        assert!(
            estimate.abs_diff(truth) <= slack,
            "{estimate} instead of {truth}"
        );
        assert!(estimate <= table.estimate_range(&a[..]..)?);
        assert!(estimate <= table.estimate_range(..&b[..])?);
    }
    Ok(())
}

#[test]
fn a_value_is_dirty_if_this_transaction_changed_its_page() -> Result<()> {
    let env = TempEnv::new();
    let table = env.create_table("t", TableFlags::empty())?;
    let dups = env.create_table("dups", TableFlags::DUP_SORT)?;
    let mut txn = env.write()?;
    let large = vec![7; 20_000];
    txn.put(table, b"large", &large)?;
    for n in 0..2000_u32 {
        txn.put(table, format!("{n:04}").as_bytes(), b"some value")?;
        txn.put(dups, b"many", format!("{n:04}").as_bytes())?;
    }
    assert!(txn.table(table)?.is_dirty(b"large")?);
    txn.commit()?;

    let mut txn = env.write()?;
    assert!(!txn.table(table)?.is_dirty(b"large")?);
    txn.put(table, b"0000", b"other")?;
    txn.put(dups, b"many", b"9999")?;
    let in_table = txn.table(table)?;
    assert!(in_table.is_dirty(b"0000")?);
    assert!(!in_table.is_dirty(b"1999")? && !in_table.is_dirty(b"large")?);
    assert!(!in_table.is_dirty(b"absent")?);
    assert!(
        !txn.table(dups)?.is_dirty(b"many")?,
        "the first of many values lies elsewhere"
    );
    txn.put(dups, b"many", b"0000a")?;
    assert!(txn.table(dups)?.is_dirty(b"many")?);
    assert!(!env.read()?.table(table)?.is_dirty(b"0000")?);
    Ok(())
}
