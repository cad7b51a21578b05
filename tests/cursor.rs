//! Moves of cursors, and iterators over ranges from both ends.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::collections::BTreeSet;
use std::ops::Bound;

use common::{Items, Rng, TempEnv, owned};
use mdbx_core::{Cursor, Item, PageSize, Result, Table, TableFlags, TableRef};

/// A table with one value for each key, and one in which 20 and 40 have three.
fn fixture() -> Result<(TempEnv, Table, Table)> {
    let env = TempEnv::new();
    let mut txn = env.write()?;
    let plain = txn.create_table("plain", TableFlags::empty())?;
    let dups = txn.create_table("dups", TableFlags::DUP_SORT)?;
    for (key, value) in [(b"10", b"1"), (b"20", b"3"), (b"30", b"2"), (b"40", b"4")] {
        txn.put(plain, key, value)?;
    }
    for (key, value) in [("10", "1"), ("20", "135"), ("30", "2"), ("40", "135")] {
        for value in value.as_bytes().chunks(1) {
            txn.put(dups, key.as_bytes(), value)?;
        }
    }
    txn.commit()?;
    Ok((env, plain, dups))
}

/// Writes an item as `key/value`, or nothing as `-`.
fn show(item: Result<Item<'_>>) -> String {
    match item.unwrap() {
        Some((key, value)) => format!(
            "{}/{}",
            String::from_utf8_lossy(key),
            String::from_utf8_lossy(value)
        ),
        None => "-".to_owned(),
    }
}

/// The columns of the tables below: what each move from a state answers.
const MOVES: [&str; 9] = [
    "current",
    "next",
    "prev",
    "next_key",
    "prev_key",
    "next_dup",
    "prev_dup",
    "first_dup",
    "last_dup",
];

fn go(cursor: &mut Cursor<'_>, name: &str) -> String {
    show(match name {
        "first" => cursor.first(),
        "last" => cursor.last(),
        "current" => cursor.current(),
        "next" => cursor.next(),
        "prev" => cursor.prev(),
        "next_key" => cursor.next_key(),
        "prev_key" => cursor.prev_key(),
        "next_dup" => cursor.next_dup(),
        "prev_dup" => cursor.prev_dup(),
        "first_dup" => cursor.first_dup(),
        "last_dup" => cursor.last_dup(),
        seek => {
            let (kind, key) = seek.split_once(' ').unwrap();
            match (kind, key.split_once('/')) {
                ("seek", None) => cursor.seek(key.as_bytes()),
                ("seek_exact", None) => cursor.seek_exact(key.as_bytes()),
                ("seek_dup", Some((key, value))) => {
                    cursor.seek_dup(key.as_bytes(), value.as_bytes())
                }
                other => panic!("no move {other:?}"),
            }
        }
    })
}

/// Holds what every move answers after `way` against `expected`, in which `·` is anything.
fn check_moves(table: &TableRef<'_>, way: &str, count: u64, expected: &str) {
    let mut at_start = table.cursor();
    for step in way.split(", ").filter(|step| !step.is_empty()) {
        go(&mut at_start, step);
    }
    assert_eq!(at_start.count(), count, "count after {way}");
    for (step, expected) in MOVES.into_iter().zip(expected.split(' ')) {
        let answer = go(&mut at_start.clone(), step);
        assert!(
            expected == "·" || answer == expected,
            "{step} after {way}: {answer}, not {expected}"
        );
    }
}

#[test]
fn moves_in_a_table_with_one_value_for_each_key_lead_where_the_reference_says() -> Result<()> {
    let (env, plain, _) = fixture()?;
    let txn = env.read()?;
    let table = txn.table(plain)?;
    let rows = [
        ("", 0, "- 10/1 40/4 10/1 40/4 10/1 40/4 - -"),
        ("first", 1, "10/1 20/3 - 20/3 - - - 10/1 10/1"),
        ("seek 30", 1, "30/2 40/4 20/3 40/4 20/3 - - 30/2 30/2"),
        ("last", 1, "40/4 - 30/2 - 30/2 - - 40/4 40/4"),
        ("last, next", 1, "40/4 - 30/2 - 30/2 · · · ·"),
        ("first, prev", 1, "10/1 20/3 - 20/3 - · · · ·"),
        ("seek_exact 25", 0, "- - - - - - - - -"),
        ("first, seek_exact 25", 0, "- - - - - - - - -"),
        ("seek 25", 1, "30/2 40/4 20/3 40/4 20/3 - - 30/2 30/2"),
        ("first, seek 99", 0, "· - 40/4 - 40/4 · · - -"),
    ];
    for (way, count, expected) in rows {
        check_moves(&table, way, count, expected);
    }
    Ok(())
}

#[test]
fn moves_among_several_values_of_a_key_lead_where_the_reference_says() -> Result<()> {
    let (env, _, dups) = fixture()?;
    let txn = env.read()?;
    let table = txn.table(dups)?;
    let rows = [
        ("", 0, "- 10/1 40/5 10/1 40/5 10/1 40/5 - -"),
        ("first", 1, "10/1 20/1 - 20/1 - - - 10/1 10/1"),
        ("seek 30", 1, "30/2 40/1 20/5 40/1 20/5 - - 30/2 30/2"),
        ("last", 3, "40/5 - 40/3 - 30/2 - 40/3 40/1 40/5"),
        ("last, next", 3, "40/5 - · - 30/2 · · 40/1 40/5"),
        ("first, prev", 1, "10/1 20/1 - 20/1 - - - 10/1 10/1"),
        ("seek_exact 25", 0, "- - - - - - - - -"),
        ("first, seek 99", 0, "· - 40/5 - 40/5 · · - -"),
        ("seek 20", 3, "20/1 20/3 10/1 30/2 10/1 20/3 - 20/1 20/5"),
        (
            "seek 20, next",
            3,
            "20/3 20/5 20/1 30/2 10/1 20/5 20/1 20/1 20/5",
        ),
        (
            "seek 20, last_dup",
            3,
            "20/5 30/2 20/3 30/2 10/1 - 20/3 20/1 20/5",
        ),
        (
            "last, first_dup",
            3,
            "40/1 40/3 30/2 - 30/2 40/3 - 40/1 40/5",
        ),
        (
            "seek 20, last_dup, next_dup",
            3,
            "20/5 30/2 20/3 30/2 10/1 - 20/3 20/1 20/5",
        ),
        (
            "seek 20, prev_dup",
            3,
            "20/1 20/3 10/1 30/2 10/1 20/3 - 20/1 20/5",
        ),
        (
            "seek_dup 20/2",
            3,
            "20/3 20/5 20/1 30/2 10/1 20/5 20/1 20/1 20/5",
        ),
        ("seek_dup 20/9", 1, "30/2 40/1 20/5 40/1 20/5 - - 30/2 30/2"),
        ("seek_dup 25/0", 1, "30/2 40/1 20/5 40/1 20/5 - - 30/2 30/2"),
        ("seek_dup 40/9", 0, "· - 40/5 - 40/5 · · - -"),
    ];
    for (way, count, expected) in rows {
        check_moves(&table, way, count, expected);
    }
    Ok(())
}

#[test]
fn no_move_leads_anywhere_in_an_empty_table() -> Result<()> {
    let env = TempEnv::new();
    for flags in [TableFlags::empty(), TableFlags::DUP_SORT] {
        let table = env.create_table(&format!("{flags:?}"), flags)?;
        let txn = env.read()?;
        let table = txn.table(table)?;
        for way in [
            "",
            "first",
            "last",
            "seek x",
            "seek_exact x",
            "seek_dup x/y",
        ] {
            check_moves(&table, way, 0, "- - - - - - - - -");
        }
        assert_eq!((table.first()?, table.last()?), (None, None));
        assert_eq!(
            table.iter().count() + table.iter().rev().count() + table.dups(b"x")?.count(),
            0
        );
    }
    Ok(())
}

#[test]
fn the_ends_of_a_table_are_had_directly() -> Result<()> {
    let (env, plain, dups) = fixture()?;
    let txn = env.read()?;
    assert_eq!(show(txn.table(plain)?.first()), "10/1");
    assert_eq!(show(txn.table(plain)?.last()), "40/4");
    assert_eq!(show(txn.table(dups)?.last()), "40/5");
    Ok(())
}

/// A table over many small pages, with keys that have one, few and very many values.
fn tall_table(flags: TableFlags) -> Result<(TempEnv, Table, Items)> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    let mut rng = Rng::new(23);
    let mut model = BTreeSet::new();
    let mut txn = env.write()?;
    let table = txn.create_table("t", flags)?;
    for n in 0..400_u32 {
        let key = format!("{:03}", 2 * n).into_bytes();
        let values = match (flags == TableFlags::DUP_SORT, n % 20) {
            (true, 7) => 60,
            (true, 3 | 9 | 13) => 4,
            _ => 1,
        };
        for _ in 0..values {
            let value = format!("{:05}", rng.below(99_999)).into_bytes();
            txn.put(table, &key, &value)?;
            if flags != TableFlags::DUP_SORT {
                model.retain(|(other, _)| *other != key);
            }
            model.insert((key.clone(), value));
        }
    }
    assert!(txn.table(table)?.stat().height > 2);
    txn.commit()?;
    Ok((env, table, model.into_iter().collect()))
}

#[test]
fn steps_to_and_fro_lead_over_the_same_items() -> Result<()> {
    for flags in [TableFlags::empty(), TableFlags::DUP_SORT] {
        let (env, table, model) = tall_table(flags)?;
        let txn = env.read()?;
        let mut cursor = txn.table(table)?.cursor();
        let mut rng = Rng::new(29);
        let mut at = 0;
        let item = |at: usize| Some((&model[at].0[..], &model[at].1[..]));
        assert_eq!(cursor.first()?, item(0));
        for _ in 0..300 {
            let forward = rng.once_in(2);
            for _ in 0..rng.below(80) {
                let expected = if forward {
                    (at + 1 < model.len()).then_some(at + 1)
                } else {
                    at.checked_sub(1)
                };
                let found = if forward {
                    cursor.next()?
                } else {
                    cursor.prev()?
                };
                assert_eq!(found, expected.and_then(item));
                at = expected.unwrap_or(at);
                assert_eq!(cursor.current()?, item(at));
            }
        }
    }
    Ok(())
}

#[test]
fn next_key_and_prev_key_skip_the_other_values() -> Result<()> {
    let (env, table, model) = tall_table(TableFlags::DUP_SORT)?;
    let txn = env.read()?;
    let mut cursor = txn.table(table)?.cursor();
    let mut firsts = model.clone();
    firsts.dedup_by(|later, kept| later.0 == kept.0);
    for (key, value) in &firsts {
        assert_eq!(cursor.next_key()?, Some((&key[..], &value[..])));
        assert_eq!(
            cursor.count(),
            model.iter().filter(|(other, _)| other == key).count() as u64
        );
    }
    assert_eq!(cursor.next_key()?, None);

    let mut lasts: Items = model.iter().rev().cloned().collect();
    lasts.dedup_by(|later, kept| later.0 == kept.0);
    let mut cursor = txn.table(table)?.cursor();
    for (key, value) in &lasts {
        assert_eq!(cursor.prev_key()?, Some((&key[..], &value[..])));
    }
    assert_eq!(cursor.prev_key()?, None);
    Ok(())
}

#[test]
fn seeks_find_the_first_item_that_is_not_before() -> Result<()> {
    for flags in [TableFlags::empty(), TableFlags::DUP_SORT] {
        let (env, table, model) = tall_table(flags)?;
        let txn = env.read()?;
        let table = txn.table(table)?;
        let mut cursor = table.cursor();
        let mut rng = Rng::new(31);
        for _ in 0..2000 {
            let key = random_key(&mut rng);
            let not_before = model.iter().position(|(other, _)| *other >= key);
            let item = |at: usize| (&model[at].0[..], &model[at].1[..]);
            assert_eq!(cursor.seek(&key)?, not_before.map(item));
            if not_before.is_some() && rng.once_in(2) {
                assert_eq!(
                    cursor.prev()?,
                    not_before.and_then(|at| at.checked_sub(1)).map(item)
                );
            }
            let exact = not_before.filter(|&at| model[at].0 == key);
            assert_eq!(cursor.seek_exact(&key)?, exact.map(item));
            assert_eq!(table.contains(&key)?, exact.is_some());
            if flags == TableFlags::DUP_SORT {
                let wanted = (key, format!("{:05}", rng.below(99_999)).into_bytes());
                let not_before = model.iter().position(|item| *item >= wanted);
                assert_eq!(cursor.seek_dup(&wanted.0, &wanted.1)?, not_before.map(item));
            }
        }
    }
    Ok(())
}

/// Returns a key that may be in the tall table, between two of its keys, or beyond them.
fn random_key(rng: &mut Rng) -> Vec<u8> {
    match rng.below(12) {
        0 => Vec::new(),
        1 => b"zzz".to_vec(),
        2 => format!("{:02}", rng.below(90)).into_bytes(),
        _ => format!("{:03}", rng.below(800)).into_bytes(),
    }
}

/// Returns whether the bounds enclose `key`.
fn encloses(lower: &Bound<Vec<u8>>, upper: &Bound<Vec<u8>>, key: &[u8]) -> bool {
    let above = match lower {
        Bound::Unbounded => true,
        Bound::Included(lower) => key >= &lower[..],
        Bound::Excluded(lower) => key > &lower[..],
    };
    above
        && match upper {
            Bound::Unbounded => true,
            Bound::Included(upper) => key <= &upper[..],
            Bound::Excluded(upper) => key < &upper[..],
        }
}

fn bound(shape: usize, key: Vec<u8>) -> Bound<Vec<u8>> {
    match shape {
        0 => Bound::Unbounded,
        1 => Bound::Included(key),
        _ => Bound::Excluded(key),
    }
}

/// Calls `test` with every shape of bounds, around random keys, and the items they enclose.
fn for_all_bounds(
    table: &TableRef<'_>,
    model: &Items,
    mut test: impl FnMut(mdbx_core::Range<'_>, &[(Vec<u8>, Vec<u8>)]) -> Result<()>,
) -> Result<()> {
    let mut rng = Rng::new(37);
    for round in 0..270 {
        let lower = bound(round % 3, random_key(&mut rng));
        let upper = bound(round / 3 % 3, random_key(&mut rng));
        let expected: Items = model
            .iter()
            .filter(|(key, _)| encloses(&lower, &upper, key))
            .cloned()
            .collect();
        let bounds = (
            lower.as_ref().map(Vec::as_slice),
            upper.as_ref().map(Vec::as_slice),
        );
        test(table.range(bounds), &expected)?;
    }
    Ok(())
}

#[test]
fn ranges_of_all_shapes_hold_what_lies_between_their_bounds_from_either_end() -> Result<()> {
    for flags in [TableFlags::empty(), TableFlags::DUP_SORT] {
        let (env, table, model) = tall_table(flags)?;
        let txn = env.read()?;
        for_all_bounds(&txn.table(table)?, &model, |range, expected| {
            let forward: Items = range
                .clone()
                .map(|i| i.map(|(k, v)| (k.to_vec(), v.to_vec())))
                .collect::<Result<_>>()?;
            assert_eq!(forward, expected);
            let mut back: Items = range
                .rev()
                .map(|i| i.map(|(k, v)| (k.to_vec(), v.to_vec())))
                .collect::<Result<_>>()?;
            back.reverse();
            assert_eq!(back, expected);
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn the_two_ends_of_a_range_meet_without_giving_an_item_twice() -> Result<()> {
    for flags in [TableFlags::empty(), TableFlags::DUP_SORT] {
        let (env, table, model) = tall_table(flags)?;
        let txn = env.read()?;
        let mut rng = Rng::new(41);
        for_all_bounds(&txn.table(table)?, &model, |mut range, mut expected| {
            while let [first, middle @ ..] = expected {
                let (item, wanted) = if rng.once_in(2) {
                    expected = middle;
                    (range.next(), first)
                } else {
                    let (last, rest) = expected.split_last().unwrap();
                    expected = rest;
                    (range.next_back(), last)
                };
                assert_eq!(item.unwrap()?, (&wanted.0[..], &wanted.1[..]));
            }
            for _ in 0..3 {
                assert!(
                    range.next().is_none() && range.next_back().is_none(),
                    "an ended range stays at its end"
                );
            }
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_cursor_of_a_write_transaction_sees_its_changes() -> Result<()> {
    let (env, plain, _) = fixture()?;
    let mut txn = env.write()?;
    txn.put(plain, b"25", b"new")?;
    txn.delete(plain, b"10")?;
    assert_eq!(show(txn.table(plain)?.cursor().first()), "20/3");
    let all = common::items(&txn.table(plain)?)?;
    assert_eq!(
        all,
        owned(&[(b"20", b"3"), (b"25", b"new"), (b"30", b"2"), (b"40", b"4")])
    );
    Ok(())
}
