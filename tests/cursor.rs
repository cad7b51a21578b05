//! Moves of cursors, and iterators over ranges from both ends.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::ops::Bound;

use common::tall::{random_key, tall_table};
use common::{Items, Rng, TempEnv, make_move, owned};
use mdbx_core::{Cursor, Error, Item, Position, Result, Table, TableFlags, TableRef};

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
    if let Some(moved) = make_move(cursor, name) {
        return show(moved);
    }
    show(match name {
        "reset" => {
            cursor.reset();
            Ok(None)
        }
        seek => {
            let (kind, key) = seek.split_once(' ').unwrap();
            let (key, value) = key.split_once('/').unwrap_or((key, ""));
            let (key, value) = (key.as_bytes(), value.as_bytes());
            match kind {
                "seek" => cursor.seek(key),
                "seek_exact" => cursor.seek_exact(key),
                "seek_before" => cursor.seek_before(key),
                "seek_dup" => cursor.seek_dup(key, value),
                "seek_dup_after" => cursor.seek_dup_after(key, value),
                "seek_pair" => cursor.seek_pair(key, value),
                "seek_value" => cursor.seek_value(key, value),
                other => panic!("no move {other:?}"),
            }
        }
    })
}

/// A state, the count of values and whether it is known to be the end there, and what every move answers.
type Row = (&'static str, u64, bool, &'static str);

/// Holds what a cursor answers after `way` against the row, in which `-` is nothing.
fn check_moves(table: &TableRef<'_>, (way, count, is_at_end, expected): Row) {
    let mut at_start = table.cursor();
    for step in way.split(", ").filter(|step| !step.is_empty()) {
        go(&mut at_start, step);
    }
    assert_eq!(at_start.count(), count, "count after {way}");
    assert_eq!(at_start.is_at_end(), is_at_end, "is_at_end after {way}");
    for (step, expected) in MOVES.into_iter().zip(expected.split(' ')) {
        let answer = go(&mut at_start.clone(), step);
        assert_eq!(answer, expected, "{step} after {way}");
    }
}

#[test]
fn moves_in_a_table_with_one_value_for_each_key_lead_where_the_reference_says() -> Result<()> {
    let (env, plain, _) = fixture()?;
    let txn = env.read()?;
    let rows = [
        ("", 0, true, "- 10/1 40/4 10/1 40/4 10/1 40/4 - -"),
        (
            "first, reset",
            0,
            true,
            "- 10/1 40/4 10/1 40/4 10/1 40/4 - -",
        ),
        ("first", 1, false, "10/1 20/3 - 20/3 - - - 10/1 10/1"),
        (
            "seek 30",
            1,
            false,
            "30/2 40/4 20/3 40/4 20/3 - - 30/2 30/2",
        ),
        (
            "seek 25",
            1,
            false,
            "30/2 40/4 20/3 40/4 20/3 - - 30/2 30/2",
        ),
        (
            "seek_dup 30/9",
            1,
            false,
            "30/2 40/4 20/3 40/4 20/3 - - 30/2 30/2",
        ),
        (
            "first, next",
            1,
            false,
            "20/3 30/2 10/1 30/2 10/1 - - 20/3 20/3",
        ),
        ("last", 1, true, "40/4 - 30/2 - 30/2 - - 40/4 40/4"),
        ("prev", 1, true, "40/4 - 30/2 - 30/2 - - 40/4 40/4"),
        ("seek 40", 1, false, "40/4 - 30/2 - 30/2 - - 40/4 40/4"),
        ("seek 40, next", 1, true, "40/4 - 30/2 - 30/2 - - 40/4 40/4"),
        (
            "last, next_key",
            1,
            true,
            "40/4 - 30/2 - 30/2 - - 40/4 40/4",
        ),
        (
            "last, prev",
            1,
            false,
            "30/2 40/4 20/3 40/4 20/3 - - 30/2 30/2",
        ),
        ("first, prev", 1, false, "10/1 20/3 - 20/3 - - - 10/1 10/1"),
        ("seek_exact 25", 0, true, "- - - - - - - - -"),
        ("seek_exact 05", 0, true, "- - - - - - - - -"),
        ("first, seek_exact 99", 0, true, "- - - - - - - - -"),
        ("first, seek_before 10", 0, true, "- - - - - - - - -"),
        ("first, seek 99", 0, true, "- - 40/4 - 40/4 - - - -"),
        ("seek_dup 99/0", 0, true, "- - 40/4 - 40/4 - - - -"),
        ("seek_dup_after 40/0", 0, true, "- - 40/4 - 40/4 - - - -"),
        ("seek 99, next", 0, true, "- - 40/4 - 40/4 - - - -"),
        (
            "seek 99, prev",
            1,
            false,
            "40/4 - 30/2 - 30/2 - - 40/4 40/4",
        ),
    ];
    for row in rows {
        check_moves(&txn.table(plain)?, row);
    }
    Ok(())
}

#[test]
fn moves_among_several_values_of_a_key_lead_where_the_reference_says() -> Result<()> {
    let (env, _, dups) = fixture()?;
    let txn = env.read()?;
    let second = "20/3 20/5 20/1 30/2 10/1 20/5 20/1 20/1 20/5";
    let third = "20/5 30/2 20/3 30/2 10/1 - 20/3 20/1 20/5";
    let nowhere = "- - - - - - - - -";
    let rows = [
        ("", 0, true, "- 10/1 40/5 10/1 40/5 10/1 40/5 - -"),
        ("first", 1, false, "10/1 20/1 - 20/1 - - - 10/1 10/1"),
        (
            "seek 30",
            1,
            false,
            "30/2 40/1 20/5 40/1 20/5 - - 30/2 30/2",
        ),
        (
            "seek 20",
            3,
            false,
            "20/1 20/3 10/1 30/2 10/1 20/3 - 20/1 20/5",
        ),
        (
            "seek 20, prev_dup",
            3,
            false,
            "20/1 20/3 10/1 30/2 10/1 20/3 - 20/1 20/5",
        ),
        ("seek 20, next", 3, false, second),
        ("seek_dup 20/2", 3, false, second),
        ("seek_dup_after 20/1", 3, false, second),
        ("seek_pair 20/3", 3, false, second),
        ("seek_value 20/2", 3, false, second),
        ("seek 20, last_dup", 3, false, third),
        ("seek 20, last_dup, next_dup", 3, false, third),
        ("last", 3, false, "40/5 - 40/3 - 30/2 - 40/3 40/1 40/5"),
        ("last, next", 3, true, "40/5 - 40/3 - 30/2 - 40/3 40/1 40/5"),
        (
            "last, next, last_dup",
            3,
            false,
            "40/5 - 40/3 - 30/2 - 40/3 40/1 40/5",
        ),
        (
            "last, first_dup",
            3,
            false,
            "40/1 40/3 30/2 - 30/2 40/3 - 40/1 40/5",
        ),
        (
            "seek 40, next_key",
            3,
            true,
            "40/1 40/3 30/2 - 30/2 40/3 - 40/1 40/5",
        ),
        ("first, prev", 1, false, "10/1 20/1 - 20/1 - - - 10/1 10/1"),
        (
            "seek_dup 20/9",
            1,
            false,
            "30/2 40/1 20/5 40/1 20/5 - - 30/2 30/2",
        ),
        (
            "seek_dup 25/0",
            1,
            false,
            "30/2 40/1 20/5 40/1 20/5 - - 30/2 30/2",
        ),
        ("seek_exact 25", 0, true, nowhere),
        ("first, seek_pair 20/2", 0, true, nowhere),
        ("first, seek_value 20/9", 0, true, nowhere),
        ("first, seek_value 25/0", 0, true, nowhere),
        ("first, seek 99", 0, true, "- - 40/5 - 40/5 - - - -"),
        ("seek_dup 40/9", 0, true, "- - 40/5 - 40/5 - - - -"),
        ("seek_dup_after 40/5", 0, true, "- - 40/5 - 40/5 - - - -"),
        (
            "seek 99, prev_key",
            3,
            false,
            "40/5 - 40/3 - 30/2 - 40/3 40/1 40/5",
        ),
    ];
    for row in rows {
        check_moves(&txn.table(dups)?, row);
    }
    Ok(())
}

#[test]
fn a_search_for_one_of_several_values_is_refused_where_a_key_has_one() -> Result<()> {
    let (env, plain, _) = fixture()?;
    let txn = env.read()?;
    let mut cursor = txn.cursor(plain)?;
    cursor.first()?;
    assert!(matches!(
        cursor.seek_pair(b"20", b"3"),
        Err(Error::NotDupSort)
    ));
    assert!(matches!(
        cursor.seek_value(b"20", b"3"),
        Err(Error::NotDupSort)
    ));
    assert_eq!(show(cursor.current()), "10/1");
    Ok(())
}

/// Writes the predicates as letters, upper case where they hold: first, last, first value, last value.
fn predicates(cursor: &Cursor<'_>) -> String {
    let letters = [
        (cursor.on_first(), 'f'),
        (cursor.on_last(), 'l'),
        (cursor.on_first_dup(), 'd'),
        (cursor.on_last_dup(), 'e'),
    ];
    let case = |(holds, letter): (bool, char)| {
        if holds {
            letter.to_ascii_uppercase()
        } else {
            letter
        }
    };
    letters.into_iter().map(case).collect()
}

#[test]
fn predicates_tell_keys_and_values_apart() -> Result<()> {
    let (env, plain, dups) = fixture()?;
    let empty = env.create_table("empty", TableFlags::DUP_SORT)?;
    let txn = env.read()?;
    for (table, way, expected) in [
        (plain, "", "FLDE"),
        (plain, "first", "FlDE"),
        (plain, "seek 20", "flDE"),
        (plain, "last", "fLDE"),
        (plain, "last, next", "fLDE"),
        (plain, "seek_exact 25", "flDE"),
        (plain, "seek 99", "flDE"),
        (dups, "seek 20", "flDe"),
        (dups, "seek 20, next", "flde"),
        (dups, "seek 20, last_dup", "fldE"),
        (dups, "seek 40", "fLDe"),
        (dups, "last", "fLdE"),
        (dups, "last, reset", "FLDE"),
        (empty, "", "FLDE"),
        (empty, "seek_exact 25", "FLDE"),
        (empty, "seek 25", "FLDE"),
    ] {
        let mut cursor = txn.cursor(table)?;
        for step in way.split(", ").filter(|step| !step.is_empty()) {
            go(&mut cursor, step);
        }
        assert_eq!(predicates(&cursor), expected, "after {way}");
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
            "seek_before x",
            "seek_dup x/y",
            "seek_dup_after x/y",
        ] {
            check_moves(&table, (way, 0, true, "- - - - - - - - -"));
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
fn the_only_item_is_at_the_end_once_a_move_has_found_that_out() -> Result<()> {
    let env = TempEnv::new();
    for flags in [TableFlags::empty(), TableFlags::DUP_SORT] {
        let table = env.create_table(&format!("{flags:?}"), flags)?;
        env.put(table, b"10", b"1")?;
        let txn = env.read()?;
        let on = "10/1 - - - - - - 10/1 10/1";
        check_moves(&txn.table(table)?, ("first", 1, false, on));
        check_moves(&txn.table(table)?, ("first, prev", 1, false, on));
        for way in [
            "last",
            "first, next",
            "last, prev",
            "last, first_dup",
            "last, next_dup",
        ] {
            check_moves(&txn.table(table)?, (way, 1, true, on));
        }
    }
    Ok(())
}

#[test]
fn a_transaction_has_short_cuts_to_its_tables() -> Result<()> {
    let (env, plain, dups) = fixture()?;
    let txn = env.read()?;
    let keys = txn.range(plain, &b"15"[..]..&b"35"[..])?;
    let keys: Vec<&[u8]> = keys
        .map(|item| item.map(|(key, _)| key))
        .collect::<Result<_>>()?;
    assert_eq!(keys, [b"20", b"30"]);
    let values: Vec<&[u8]> = txn.dups(dups, b"20")?.collect::<Result<_>>()?;
    assert_eq!(values, [b"1", b"3", b"5"]);
    assert_eq!((txn.len(plain)?, txn.len(dups)?), (4, 8));
    assert_eq!(show(txn.cursor(plain)?.last()), "40/4");
    Ok(())
}

#[test]
fn a_new_place_is_a_default_position() -> Result<()> {
    let (env, plain, _) = fixture()?;
    assert_eq!(env.read()?.cursor(plain)?.save()?, Position::default());
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
