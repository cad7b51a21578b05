//! Every form of query of every kind of index, against what a sorted map says.

mod typed_support;

use std::cmp::Reverse;
use std::fmt::Debug;
use std::ops::{Bound, RangeBounds};

use mdbx_typed::prelude::*;
use mdbx_typed::{Error, Query, Result, Token};
use serde::{Deserialize, Serialize};
use typed_support::items::{Item, Model, entries, item, random_items};
use typed_support::{Rng, TempDb};

/// Returns all pairs of bounds at some of the values and next to them: all nine shapes, and reversed ones.
fn all_bounds<K: Copy>(values: &[K]) -> Vec<(Bound<K>, Bound<K>)> {
    let at = values
        .iter()
        .flat_map(|&value| [Bound::Included(value), Bound::Excluded(value)]);
    let ends: Vec<Bound<K>> = at.chain([Bound::Unbounded]).collect();
    ends.iter()
        .flat_map(|&lower| ends.iter().map(move |&upper| (lower, upper)))
        .collect()
}

/// Asserts that a query finds these entries, in whichever way it is asked.
fn check<'t, I: Index<Table = Item>, K: Ord + Debug>(
    query: impl Fn() -> Query<'t, I>,
    expected: &[(K, u16)],
    what: &str,
) -> Result<()> {
    let list = |query: Query<'t, I>| query.ids().collect::<Result<Vec<u16>>>();
    let what = format!("{} {what}", I::NAME);
    let ids: Vec<u16> = expected.iter().map(|(_, id)| *id).collect();
    let backward: Vec<u16> = ids.iter().rev().copied().collect();
    let mut one_each: Vec<&(K, u16)> = expected.iter().collect();
    one_each.dedup_by(|a, b| a.0 == b.0);
    let keys = one_each.len() as u64;
    let one_each: Vec<u16> = one_each.iter().map(|(_, id)| *id).collect();

    assert_eq!(list(query())?, ids, "{what}");
    assert_eq!(list(query().rev())?, backward, "{what} backward");
    assert_eq!(
        list(query().skip_keys())?,
        one_each,
        "{what} one for each key"
    );
    let rows: Vec<Item> = query().rows().collect::<Result<_>>()?;
    assert!(
        rows.iter().map(|row| row.id).eq(ids.iter().copied()),
        "{what} rows"
    );
    let rows: Vec<Item> = query().rev().rows().collect::<Result<_>>()?;
    assert!(
        rows.iter().map(|row| row.id).eq(backward.iter().copied()),
        "{what} rows backward"
    );
    assert_eq!(query().entries().count(), ids.len(), "{what} entries");
    assert_eq!(query().count()?, ids.len() as u64, "{what} count");
    assert_eq!(
        query().rev().count()?,
        ids.len() as u64,
        "{what} count backward"
    );
    assert_eq!(query().skip_keys().count()?, keys, "{what} count of keys");
    assert_eq!(query().keys().count() as u64, keys, "{what} keys");
    assert_eq!(query().exists()?, !ids.is_empty(), "{what} exists");
    let id = |row: Option<Item>| row.map(|row| row.id);
    assert_eq!(id(query().first()?), ids.first().copied(), "{what} first");
    assert_eq!(id(query().last()?), ids.last().copied(), "{what} last");
    assert_eq!(
        id(query().skip_keys().last()?),
        one_each.last().copied(),
        "{what} last key"
    );
    match query().one() {
        Ok(row) => assert!(
            ids.len() < 2 && id(row) == ids.first().copied(),
            "{what} one"
        ),
        Err(error) => assert!(
            ids.len() > 1 && matches!(error, Error::NotOne { .. }),
            "{what}"
        ),
    }
    for limit in [0, 1, 3, 1000] {
        let some = &ids[..limit.min(ids.len())];
        assert_eq!(list(query().limit(limit))?, some, "{what} limit {limit}");
        assert_eq!(
            query().limit(limit).count()?,
            some.len() as u64,
            "{what} limit {limit}"
        );
        assert_eq!(
            query().rev().limit(limit).count()?,
            some.len() as u64,
            "{what} {limit}"
        );
        assert_eq!(
            id(query().limit(limit).last()?),
            some.last().copied(),
            "{what} {limit}"
        );
    }
    Ok(())
}

/// As [`check`], for ranges between some values.
fn check_ranges<'t, I: Index<Table = Item>, K: Ord + Debug + Copy>(
    query: impl Fn((Bound<K>, Bound<K>)) -> Query<'t, I>,
    model: &Model,
    keys: impl Fn(&Item) -> Vec<K>,
    values: &[K],
) -> Result<()> {
    let entries = entries(model, keys);
    for bounds in all_bounds(values) {
        let within = entries
            .iter()
            .copied()
            .filter(|(key, _)| bounds.contains(key));
        let within: Vec<(K, u16)> = within.collect();
        check(|| query(bounds), &within, &format!("{bounds:?}"))?;
    }
    Ok(())
}

#[test]
fn every_shape_of_range_of_every_kind_of_index_finds_what_a_map_finds() -> Result<()> {
    let seed = 0x9A11_5EED;
    println!("seed {seed:#x}");
    let (db, model) = random_items(150, &mut Rng(seed))?;
    let tx = &db.read()?;
    check_ranges(
        |range| tx.by(item::primary).range(range),
        &model,
        |item| vec![item.id],
        &[0, 7, 100, 298, 999],
    )?;
    check_ranges(
        |range| tx.by(item::by_group).range(range),
        &model,
        |item| vec![item.group],
        &[0, 2, 3, 9],
    )?;
    check_ranges(
        |range| tx.by(item::by_code).range(range),
        &model,
        |item| vec![item.code],
        &[0, 99_700, 99_703, 100_000],
    )?;
    check_ranges(
        |range| tx.by(item::by_tags).range(range),
        &model,
        |item| item.tags.clone(),
        &[0, 3, 5],
    )?;
    check_ranges(
        |range| tx.by(item::by_note).range(range),
        &model,
        |item| Vec::from_iter(item.note),
        &[0, 3, 4],
    )?;
    check_ranges(
        |range| tx.by(item::by_mark).range(range),
        &model,
        |item| vec![item.mark],
        &[None, Some(0), Some(2)],
    )
}

#[test]
fn composite_descending_partial_and_computed_indexes_find_what_a_map_finds() -> Result<()> {
    let seed = 0x5EED_C0DE;
    println!("seed {seed:#x}");
    let (db, model) = random_items(150, &mut Rng(seed))?;
    let tx = &db.read()?;
    check_ranges(
        |range| tx.by(item::by_group_rank).range(range),
        &model,
        |item| vec![(item.group, item.rank)],
        &[(0, 0), (2, -3), (2, 3), (9, 0)],
    )?;
    let down = |(Reverse(rank), group): (Reverse<i16>, u8)| (rank, group);
    check_ranges(
        |(lower, upper)| {
            tx.by(item::by_rank_down)
                .range((lower.map(down), upper.map(down)))
        },
        &model,
        |item| vec![(Reverse(item.rank), item.group)],
        &[(Reverse(5), 0), (Reverse(0), 3), (Reverse(-10), 2)],
    )?;
    check_ranges(
        |range| tx.by(item::by_odd_rank).range(range),
        &model,
        |item| Vec::from_iter(item.is_odd().then_some(item.rank)),
        &[-3, 0, 5],
    )?;
    check_ranges(
        |range| tx.by(item::by_sum).range(range),
        &model,
        |item| vec![item.sum()],
        &[-3, 0, 5],
    )
}

#[test]
fn one_key_a_prefix_and_the_start_of_a_text_find_what_a_map_finds() -> Result<()> {
    let seed = 0x0123_4567;
    println!("seed {seed:#x}");
    let (db, model) = random_items(150, &mut Rng(seed))?;
    let tx = &db.read()?;
    let names = entries(&model, |item| vec![item.name.to_ascii_lowercase()]);
    for start in ["", "a", "ANN", "anna", "bOb", "c"] {
        let is_it = |name: &str| name.starts_with(&start.to_ascii_lowercase());
        let expected: Vec<_> = names
            .iter()
            .filter(|(name, _)| is_it(name))
            .cloned()
            .collect();
        check(|| tx.by(item::by_name).starts_with(start), &expected, start)?;
        let is_it = |name: &str| name == start.to_ascii_lowercase();
        let expected: Vec<_> = names
            .iter()
            .filter(|(name, _)| is_it(name))
            .cloned()
            .collect();
        check(|| tx.by(item::by_name).eq(start), &expected, start)?;
    }
    let pairs = entries(&model, |item| vec![(item.group, item.rank)]);
    for group in 0..6 {
        let expected: Vec<_> = pairs
            .iter()
            .filter(|(pair, _)| pair.0 == group)
            .copied()
            .collect();
        check(
            || tx.by(item::by_group_rank).prefix((group,)),
            &expected,
            "prefix",
        )?;
        let groups: Vec<_> = expected.iter().map(|(pair, id)| (pair.0, *id)).collect();
        let mut groups = groups;
        groups.sort_unstable();
        check(|| tx.by(item::by_group).eq(group), &groups, "one key")?;
    }
    let bodies = entries(&model, |item| vec![item.body.clone()]);
    for n in 0..6 {
        let body = "long ".repeat(n * 40);
        let expected: Vec<_> = bodies
            .iter()
            .filter(|(key, _)| *key == body)
            .cloned()
            .collect();
        check(|| tx.by(item::by_body).eq(&body), &expected, "one hash")?;
    }
    Ok(())
}

/// Visits a query page by page, while rows with odd ids come and go; returns the ids that were visited.
fn visit_while_it_changes<I: Index<Table = Item>>(
    db: &Database,
    rng: &mut Rng,
    query: impl for<'t> Fn(&'t ReadTxn<'_>) -> Query<'t, I>,
) -> Result<Vec<u16>> {
    let (mut ids, mut next) = (Vec::new(), None::<Token>);
    loop {
        let len = 1 + rng.below(9) as usize;
        let page = query(&db.read()?).page(len, next)?;
        ids.extend(page.items.iter().map(|item| item.id));
        let Some(token) = page.next else {
            return Ok(ids);
        };
        next = Some(token.to_string().parse().expect("a token"));
        db.write(|tx| {
            for _ in 0..4 {
                let id = u16::try_from(rng.below(150)).expect("small") * 2 + 1;
                if !tx.delete::<Item>(id)? {
                    tx.insert(&Item::random(id, rng))?;
                }
            }
            // The row a page ended with may go too, if it is one of those.
            match page.items.last() {
                Some(last) if last.id % 2 == 1 => tx.delete::<Item>(last.id).map(drop),
                _ => Ok(()),
            }
        })?;
    }
}

/// Asserts that a walk passed each entry of the rows that stayed once, in order.
fn check_walk<I: Index<Table = Item>>(
    db: &Database,
    rng: &mut Rng,
    query: impl for<'t> Fn(&'t ReadTxn<'_>) -> Query<'t, I>,
) -> Result<()> {
    let stayed = |ids: Vec<u16>| ids.into_iter().filter(|id| id % 2 == 0).collect::<Vec<_>>();
    let whole = query(&db.read()?).ids().collect::<Result<Vec<u16>>>()?;
    let walk = visit_while_it_changes(db, rng, &query)?;
    assert_eq!(stayed(walk), stayed(whole), "{}", I::NAME);
    let whole = query(&db.read()?)
        .rev()
        .ids()
        .collect::<Result<Vec<u16>>>()?;
    let walk = visit_while_it_changes(db, rng, |tx| query(tx).rev())?;
    assert_eq!(stayed(walk), stayed(whole), "{} backward", I::NAME);
    Ok(())
}

#[test]
fn pages_pass_each_entry_that_stays_once_while_others_come_and_go() -> Result<()> {
    let seed = 0xFACE_B00C;
    println!("seed {seed:#x}");
    let mut rng = Rng(seed);
    let (db, _) = random_items(100, &mut rng)?;
    check_walk(&db, &mut rng, |tx| tx.by(item::primary))?;
    check_walk(&db, &mut rng, |tx| tx.by(item::primary).range(20..=150))?;
    check_walk(&db, &mut rng, |tx| tx.by(item::by_group))?;
    check_walk(&db, &mut rng, |tx| tx.by(item::by_group).eq(2))?;
    check_walk(&db, &mut rng, |tx| tx.by(item::by_code).range(99_750..))?;
    check_walk(&db, &mut rng, |tx| tx.by(item::by_tags))?;
    check_walk(&db, &mut rng, |tx| tx.by(item::by_mark).eq(None))?;
    check_walk(&db, &mut rng, |tx| tx.by(item::by_rank_down))?;
    check_walk(&db, &mut rng, |tx| tx.by(item::by_name).starts_with("A"))?;
    check_walk(&db, &mut rng, |tx| tx.by(item::by_body).eq(""))?;
    check_walk(&db, &mut rng, |tx| tx.by(item::by_odd_rank))
}

#[test]
fn a_token_does_not_lead_out_of_a_range() -> Result<()> {
    let (db, model) = random_items(50, &mut Rng(7))?;
    let tx = db.read()?;
    let token = tx.by(item::primary).page(5, None)?.next.expect("more");
    let ids = |query: Query<'_, item::primary>| query.ids().collect::<Result<Vec<u16>>>();
    let expected: Vec<u16> = model.range(20..40).map(|(id, _)| *id).collect();
    let range = || tx.by(item::primary).range(20..40);
    assert_eq!(
        ids(range().after(token.clone()))?,
        expected,
        "it ended before"
    );
    assert_eq!(range().after(token).count()?, 10);
    let token = tx
        .by(item::primary)
        .rev()
        .page(5, None)?
        .next
        .expect("more");
    let backward: Vec<u16> = expected.into_iter().rev().collect();
    assert_eq!(ids(range().rev().after(token.clone()))?, backward);
    assert!(matches!(
        range().after(token).count(),
        Err(Error::BadToken { .. })
    ));
    Ok(())
}

#[test]
fn the_last_row_after_a_token_is_the_last_of_the_query() -> Result<()> {
    let (db, _) = random_items(50, &mut Rng(11))?;
    let tx = db.read()?;
    let token = tx.by(item::primary).page(5, None)?.next.expect("more");
    let last = tx.by(item::primary).after(token.clone()).last()?;
    assert_eq!(last.map(|item| item.id), Some(98));
    let last = tx.by(item::primary).after(token).limit(3).last()?;
    assert_eq!(last.map(|item| item.id), Some(14));
    Ok(())
}

#[test]
fn a_token_of_another_definition_of_an_index_is_refused() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "things", module = old)]
    struct Old {
        #[key]
        id: u32,
        #[index]
        size: u32,
    }
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "things", module = unsigned)]
    struct OtherKey {
        #[key]
        id: u64,
        #[index]
        size: u32,
    }
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "things", module = signed)]
    struct OtherIndex {
        #[key]
        id: u32,
        #[index]
        size: i32,
    }
    let (one, two, three) = (
        TempDb::open(schema![Old])?,
        TempDb::open(schema![OtherKey])?,
        TempDb::open(schema![OtherIndex])?,
    );
    one.write(|tx| (0..9).try_for_each(|id| tx.insert(&Old { id, size: 7 })))?;
    two.write(|tx| (0..9).try_for_each(|id| tx.insert(&OtherKey { id, size: 7 })))?;
    three.write(|tx| (0..9).try_for_each(|id| tx.insert(&OtherIndex { id, size: 7 })))?;
    let token = one.read()?.by(old::by_size).page(3, None)?.next;
    let same = one.read()?.by(old::by_size).page(9, token.clone())?;
    assert_eq!(same.items.len(), 6);
    let refused = |error: Error| {
        matches!(
            error,
            Error::BadToken {
                index: "by_size",
                ..
            }
        )
    };
    let page = two.read()?.by(unsigned::by_size).page(3, token.clone());
    assert!(page.is_err_and(refused), "another primary key");
    let page = three.read()?.by(signed::by_size).page(3, token);
    assert!(page.is_err_and(refused), "another key");
    Ok(())
}
