//! Every search of a cursor against a sorted list.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::cmp::Ordering;

use common::tall::{item, random_key, random_value, tall_table};
use common::{Items, Rng};
use mdbx_core::{Cursor, Item, Relation, Result, TableFlags};

const RELATIONS: [Relation; 5] = [
    Relation::Less,
    Relation::LessOrEqual,
    Relation::Equal,
    Relation::GreaterOrEqual,
    Relation::Greater,
];

/// Returns the nearest item of those of the list that relate to something so, as `order` says.
fn nearest(
    model: &Items,
    relation: Relation,
    order: impl Fn(&(Vec<u8>, Vec<u8>)) -> Ordering,
) -> Option<usize> {
    let first = |wanted: Ordering| model.iter().position(|item| order(item) == wanted);
    let equal = || first(Ordering::Equal);
    let less = || model.iter().rposition(|item| order(item).is_lt());
    match relation {
        Relation::Less => less(),
        Relation::LessOrEqual => equal().or_else(less),
        Relation::Equal => equal(),
        Relation::GreaterOrEqual => equal().or_else(|| first(Ordering::Greater)),
        Relation::Greater => first(Ordering::Greater),
    }
}

/// Holds a search against the list, and the place it leaves the cursor in, by a step to either side.
fn check(
    cursor: &Cursor<'_>,
    model: &Items,
    (relation, is_exact): (Relation, bool),
    expected: Option<usize>,
    seek: impl Fn(&mut Cursor<'_>) -> Result<()>,
    answer: Item<'_>,
) -> Result<()> {
    assert_eq!(answer, expected.map(|at| item(model, at)));
    let (mut forward, mut back) = (cursor.clone(), cursor.clone());
    seek(&mut forward)?;
    seek(&mut back)?;
    let is_onward = matches!(relation, Relation::GreaterOrEqual | Relation::Greater);
    let (after, before) = match expected {
        Some(at) => ((at + 1 < model.len()).then_some(at + 1), at.checked_sub(1)),
        None if is_onward && !is_exact => (None, Some(model.len() - 1)),
        None => (None, None),
    };
    assert_eq!(forward.next()?, after.map(|at| item(model, at)));
    assert_eq!(back.prev()?, before.map(|at| item(model, at)));
    Ok(())
}

#[test]
fn a_search_for_a_key_finds_the_nearest_one_in_the_relation() -> Result<()> {
    for flags in [TableFlags::empty(), TableFlags::DUP_SORT] {
        let (env, table, model) = tall_table(flags)?;
        let txn = env.read()?;
        let mut cursor = txn.cursor(table)?;
        let mut rng = Rng::new(31);
        for round in 0..2000 {
            let relation = RELATIONS[round % 5];
            let key = random_key(&mut rng);
            let expected = nearest(&model, relation, |(other, _)| other.cmp(&key));
            let answer = match relation {
                Relation::Less => cursor.seek_before(&key)?,
                Relation::LessOrEqual => cursor.seek_at_or_before(&key)?,
                Relation::Equal => cursor.seek_exact(&key)?,
                Relation::GreaterOrEqual => cursor.seek(&key)?,
                Relation::Greater => cursor.seek_after(&key)?,
            };
            let seek = |cursor: &mut Cursor<'_>| cursor.seek_by(relation, &key).map(|_| ());
            check(&cursor, &model, (relation, false), expected, seek, answer)?;
            let table = txn.table(table)?;
            if relation == Relation::GreaterOrEqual {
                assert_eq!(table.get_at_or_after(&key)?, answer);
            }
            if relation == Relation::Equal {
                assert_eq!(table.contains(&key)?, answer.is_some());
            }
        }
    }
    Ok(())
}

#[test]
fn a_search_for_an_item_finds_the_nearest_one_in_the_relation() -> Result<()> {
    for flags in [TableFlags::empty(), TableFlags::DUP_SORT] {
        let (env, table, model) = tall_table(flags)?;
        let txn = env.read()?;
        let mut cursor = txn.cursor(table)?;
        let mut rng = Rng::new(37);
        for round in 0..2000 {
            let relation = RELATIONS[round % 5];
            let wanted = random_item(&mut rng, &model);
            let (key, value) = (&wanted.0[..], &wanted.1[..]);
            let expected = nearest(&model, relation, |other| other.cmp(&wanted));
            let answer = cursor.seek_pair_by(relation, key, value)?;
            let seek =
                |cursor: &mut Cursor<'_>| cursor.seek_pair_by(relation, key, value).map(|_| ());
            check(&cursor, &model, (relation, false), expected, seek, answer)?;
        }
    }
    Ok(())
}

/// Returns an item of the list, or one that mostly is not in it.
fn random_item(rng: &mut Rng, model: &Items) -> (Vec<u8>, Vec<u8>) {
    if rng.once_in(3) {
        return rng.pick(model).clone();
    }
    let key = if rng.once_in(2) {
        rng.pick(model).0.clone()
    } else {
        random_key(rng)
    };
    (key, random_value(rng))
}

#[test]
fn a_search_among_the_values_of_a_key_does_not_leave_the_key() -> Result<()> {
    for flags in [TableFlags::empty(), TableFlags::DUP_SORT] {
        let (env, table, model) = tall_table(flags)?;
        let txn = env.read()?;
        let mut cursor = txn.cursor(table)?;
        let mut rng = Rng::new(41);
        for round in 0..2000 {
            let relation = RELATIONS[round % 5];
            let (key, value) = random_item(&mut rng, &model);
            let from = model.partition_point(|(other, _)| *other < key);
            let to = model.partition_point(|(other, _)| *other <= key);
            let values = model[from..to].to_vec();
            let expected = nearest(&values, relation, |(_, other)| other.cmp(&value));
            let answer = cursor.seek_value_by(relation, &key, &value)?;
            let seek =
                |cursor: &mut Cursor<'_>| cursor.seek_value_by(relation, &key, &value).map(|_| ());
            let expected = expected.map(|at| from + at);
            check(&cursor, &model, (relation, true), expected, seek, answer)?;
            if flags == TableFlags::DUP_SORT && relation == Relation::GreaterOrEqual {
                assert_eq!(cursor.seek_value(&key, &value)?, answer);
            }
            if flags == TableFlags::DUP_SORT && relation == Relation::Equal {
                assert_eq!(cursor.seek_pair(&key, &value)?, answer);
                assert_eq!(
                    txn.table(table)?.contains_dup(&key, &value)?,
                    answer.is_some()
                );
            }
        }
    }
    Ok(())
}

#[test]
fn bounds_of_items_ignore_the_value_where_a_key_has_one() -> Result<()> {
    for flags in [TableFlags::empty(), TableFlags::DUP_SORT] {
        let (env, table, model) = tall_table(flags)?;
        let txn = env.read()?;
        let mut cursor = txn.cursor(table)?;
        let mut rng = Rng::new(43);
        for _ in 0..1000 {
            let wanted = random_item(&mut rng, &model);
            let order = |other: &(Vec<u8>, Vec<u8>)| match flags {
                TableFlags::DUP_SORT => other.cmp(&wanted),
                _ => other.0.cmp(&wanted.0),
            };
            let lower = nearest(&model, Relation::GreaterOrEqual, order);
            let upper = nearest(&model, Relation::Greater, order);
            let (key, value) = (&wanted.0, &wanted.1);
            let found = cursor.seek_dup(key, value)?;
            assert_eq!(found, lower.map(|at| item(&model, at)));
            assert_eq!(txn.table(table)?.get_pair_at_or_after(key, value)?, found);
            let found = cursor.seek_dup_after(key, value)?;
            assert_eq!(found, upper.map(|at| item(&model, at)));
        }
    }
    Ok(())
}
