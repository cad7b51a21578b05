//! Two queries together: rows that both find, rows that either finds, and pairs of rows.

mod typed_support;

use std::collections::BTreeSet;

use mdbx_typed::prelude::*;
use mdbx_typed::{Error, Index, Query, Result, Selection};
use serde::{Deserialize, Serialize};
use typed_support::items::{Item, Model, entries, item, random_items};
use typed_support::{Rng, TempDb};

/// A selection, and the ids that it should find.
type Operand<'t> = (Selection<'t, Item>, BTreeSet<u16>);

/// Returns the ids of the entries that `of` wants, in the order of the index.
fn wanted<K: Ord>(
    model: &Model,
    keys: impl Fn(&Item) -> Vec<K>,
    of: impl Fn(&K) -> bool,
) -> Vec<u16> {
    let entries = entries(model, keys).into_iter();
    entries
        .filter(|(key, _)| of(key))
        .map(|(_, id)| id)
        .collect()
}

/// Returns a random query with what it should find: sorted by primary key or not, of all kinds of index.
fn operand<'t>(tx: &'t ReadTxn<'_>, model: &Model, rng: &mut Rng) -> Operand<'t> {
    fn cut<'t, I: Index<Table = Item>>(
        query: Query<'t, I>,
        ids: Vec<u16>,
        rng: &mut Rng,
    ) -> Operand<'t> {
        let limit = 1 + rng.below(30) as usize;
        match rng.below(6) {
            0 => {
                let some = ids.into_iter().take(limit).collect();
                (query.limit(limit).into(), some)
            }
            1 => {
                let some = ids.into_iter().rev().take(limit).collect();
                (query.rev().limit(limit).into(), some)
            }
            2 => (query.rev().into(), ids.into_iter().collect()),
            _ => (query.into(), ids.into_iter().collect()),
        }
    }
    let at = u8::try_from(rng.below(7)).expect("small");
    let rank = i16::from(at) - 3;
    match rng.below(13) {
        0 => {
            let ids = wanted(model, |item| vec![item.group], |group| *group == at);
            cut(tx.by(item::by_group).eq(at), ids, rng)
        }
        1 => {
            let ids = wanted(model, |item| item.tags.clone(), |tag| *tag == at);
            cut(tx.by(item::by_tags).eq(at), ids, rng)
        }
        2 => {
            let ids = wanted(model, |item| item.tags.clone(), |tag| *tag >= at);
            cut(tx.by(item::by_tags).range(at..), ids, rng)
        }
        3 => {
            let ids = wanted(model, |item| vec![item.mark], Option::is_none);
            cut(tx.by(item::by_mark).eq(None), ids, rng)
        }
        4 => {
            let ids = wanted(model, |item| Vec::from_iter(item.note), |note| *note > at);
            cut(
                tx.by(item::by_note)
                    .range((std::ops::Bound::Excluded(at), std::ops::Bound::Unbounded)),
                ids,
                rng,
            )
        }
        5 => {
            let id = u16::try_from(rng.below(300)).expect("small");
            let ids = wanted(model, |item| vec![item.id], |it| (id..id + 60).contains(it));
            cut(tx.by(item::primary).range(id..id + 60), ids, rng)
        }
        6 => {
            let body = "long ".repeat(usize::from(at) * 40);
            let ids = wanted(model, |item| vec![item.body.clone()], |it| *it == body);
            cut(tx.by(item::by_body).eq(&body), ids, rng)
        }
        7 => {
            let code = 100_000 - rng.below(900);
            let ids = wanted(model, |item| vec![item.code], |it| *it == code);
            cut(tx.by(item::by_code).eq(code), ids, rng)
        }
        8 => {
            let code = 100_000 - rng.below(900);
            let ids = wanted(model, |item| vec![item.code], |it| *it <= code);
            cut(tx.by(item::by_code).range(..=code), ids, rng)
        }
        9 => {
            let ids = wanted(model, |item| vec![(item.group, item.rank)], |it| it.0 == at);
            cut(tx.by(item::by_group_rank).prefix((at,)), ids, rng)
        }
        10 => {
            let odd = |item: &Item| Vec::from_iter(item.is_odd().then_some(item.rank));
            let ids = wanted(model, odd, |it| *it <= rank);
            cut(tx.by(item::by_odd_rank).range(..=rank), ids, rng)
        }
        11 => {
            let ids = wanted(
                model,
                |item| vec![item.name.to_ascii_lowercase()],
                |it| it.starts_with("an"),
            );
            cut(tx.by(item::by_name).starts_with("An"), ids, rng)
        }
        _ => {
            let ids = wanted(model, |item| vec![item.sum()], |it| *it < i32::from(rank));
            cut(tx.by(item::by_sum).range(..i32::from(rank)), ids, rng)
        }
    }
}

/// Returns operands put together at random, `depth` deep at most, with what they should find.
fn tree<'t>(tx: &'t ReadTxn<'_>, model: &Model, rng: &mut Rng, depth: u32) -> Operand<'t> {
    if depth == 0 {
        return operand(tx, model, rng);
    }
    let one = tree(tx, model, rng, depth - 1);
    let depth = rng.below(depth);
    let other = tree(tx, model, rng, depth);
    match rng.below(8) {
        0..4 => (one.0.and(other.0), &one.1 & &other.1),
        4..7 => (one.0.or(other.0), &one.1 | &other.1),
        _ => {
            let ids: BTreeSet<u16> = (&one.1 | &other.1).into_iter().rev().take(9).collect();
            (one.0.or(other.0).rev().limit(9), ids)
        }
    }
}

#[test]
fn and_and_or_are_the_set_operations() -> Result<()> {
    let seed = 0x5E7_0B5;
    println!("seed {seed:#x}");
    let mut rng = Rng(seed);
    let (db, model) = random_items(150, &mut rng)?;
    let tx = &db.read()?;
    for round in 0..400 {
        let depth = 1 + round % 3;
        let round_seed = rng.next();
        let made = || tree(tx, &model, &mut Rng(round_seed), depth);
        let ids: Vec<u16> = made().1.into_iter().collect();
        let what = format!("seed {seed:#x}, round {round}");
        // Inside of another selection a limit is part of what was chosen.
        let nothing = || tx.by(item::by_group).eq(77);
        let next = || made().0.or(nothing());
        assert_eq!(next().ids().collect::<Result<Vec<u16>>>()?, ids, "{what}");
        let rows: Vec<Item> = next().rows().collect::<Result<_>>()?;
        assert!(rows.iter().eq(ids.iter().map(|id| &model[id])), "{what}");
        let backward: Vec<u16> = ids.iter().rev().copied().collect();
        assert_eq!(
            next().rev().ids().collect::<Result<Vec<u16>>>()?,
            backward,
            "{what}"
        );
        let rows: Vec<Item> = next().rev().rows().collect::<Result<_>>()?;
        assert!(
            rows.iter().map(|row| row.id).eq(backward.iter().copied()),
            "{what}"
        );
        assert_eq!(next().count()?, ids.len() as u64, "{what}");
        assert_eq!(next().exists()?, !ids.is_empty(), "{what}");
        assert_eq!(
            next().first()?.map(|row| row.id),
            ids.first().copied(),
            "{what}"
        );
        let limited = next().rev().limit(3).ids().collect::<Result<Vec<u16>>>()?;
        assert_eq!(limited, backward[..backward.len().min(3)], "{what}");
    }
    Ok(())
}

#[test]
fn an_operand_can_begin_after_a_page() -> Result<()> {
    let (db, model) = random_items(100, &mut Rng(5))?;
    let tx = db.read()?;
    let page = tx.by(item::by_group).page(20, None)?;
    let rest = tx.by(item::by_group).after(page.next.expect("more"));
    let expected: BTreeSet<u16> = wanted(&model, |item| vec![item.group], |_| true)
        .into_iter()
        .skip(20)
        .filter(|id| model[id].mark.is_none())
        .collect();
    let both = rest.and(tx.by(item::by_mark).eq(None));
    assert!(
        both.ids()
            .collect::<Result<Vec<u16>>>()?
            .into_iter()
            .eq(expected)
    );
    let bad = tx.by(item::by_group).page(20, None)?.next.expect("more");
    let error = tx
        .by(item::by_mark)
        .after(bad)
        .or(tx.by(item::by_group))
        .count();
    assert!(matches!(error, Err(Error::BadToken { .. })));
    Ok(())
}

#[test]
fn a_selection_that_leads_to_a_missing_row_is_an_error() -> Result<()> {
    let (db, _) = random_items(10, &mut Rng(5))?;
    let db = db.meddle(schema![Item], |txn| {
        let rows = txn.open_table("item").unwrap();
        assert!(txn.delete(rows, &4u16.to_be_bytes()).unwrap());
    })?;
    let tx = db.read()?;
    let all = || tx.by(item::by_group).or(tx.by(item::by_code));
    assert_eq!(all().count()?, 10, "no row is read");
    let results: Vec<Result<Item>> = all().rows().collect();
    assert_eq!(results.len(), 10);
    let failed: Vec<_> = results
        .iter()
        .filter_map(|row| row.as_ref().err())
        .collect();
    assert!(matches!(
        failed[..],
        [Error::DanglingIndex { table: "item", .. }]
    ));
    Ok(())
}

#[test]
#[should_panic(expected = "the queries are of different transactions")]
fn queries_of_different_transactions_are_not_merged() {
    let (db, _) = random_items(10, &mut Rng(5)).expect("a database");
    let (one, other) = (db.read().expect("one"), db.read().expect("another"));
    let _ = one.by(item::by_group).and(other.by(item::by_code));
}

#[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Order {
    #[key]
    id: u32,
    #[index]
    item: u16,
    #[index(each)]
    labels: Vec<u8>,
    #[index(unique, sparse)]
    ticket: Option<u32>,
    #[index(hash)]
    remark: String,
}

/// Items 0, 2, .. 198, and orders of some of them, and of some that are not there.
fn shop(rng: &mut Rng) -> Result<(TempDb, Model, Vec<Order>)> {
    let db = TempDb::open(schema![Item, Order])?;
    let model: Model = (0..100)
        .map(|n| (n * 2, Item::random(n * 2, rng)))
        .collect();
    let orders: Vec<Order> = (0..150)
        .map(|id| Order {
            id,
            item: u16::try_from(rng.below(80) * 3).expect("small"),
            labels: (0..rng.below(3))
                .map(|_| u8::try_from(rng.below(5)).expect("small"))
                .collect(),
            ticket: Some(100_000 - id * 3).filter(|_| id % 4 == 0),
            remark: "long ".repeat(rng.below(6) as usize * 40),
        })
        .collect();
    db.write(|tx| {
        model.values().try_for_each(|item| tx.insert(item))?;
        orders.iter().try_for_each(|order| tx.insert(order))
    })?;
    Ok((db, model, orders))
}

/// Asserts that a join has the pairs that nested loops find.
fn check_join<L: PartialEq, R: PartialEq>(
    pairs: impl Iterator<Item = Result<(L, R)>>,
    left: &[L],
    right: &[R],
    is_pair: impl Fn(&L, &R) -> bool,
) -> Result<()> {
    let pairs: Vec<(L, R)> = pairs.collect::<Result<_>>()?;
    let mut expected = Vec::new();
    for l in left {
        expected.extend(right.iter().filter(|r| is_pair(l, r)).map(|r| (l, r)));
    }
    assert_eq!(pairs.len(), expected.len());
    assert!(pairs.iter().map(|(l, r)| (l, r)).eq(expected));
    Ok(())
}

#[test]
fn a_join_finds_the_pairs_that_nested_loops_find() -> Result<()> {
    let seed = 0x10_1A5;
    println!("seed {seed:#x}");
    let (db, model, orders) = shop(&mut Rng(seed))?;
    let tx = &db.read()?;
    let items: Vec<Item> = model.values().cloned().collect();
    let mut by_item = orders.clone();
    by_item.sort_by_key(|order| (order.item, order.id));

    // To the primary key, from an index and in reverse.
    let pairs = tx
        .by(order::by_item)
        .join(item::primary, |order| order.item);
    check_join(pairs, &by_item, &items, |order, item| order.item == item.id)?;
    let backward: Vec<Order> = orders.iter().rev().cloned().collect();
    let pairs = tx
        .by(order::primary)
        .rev()
        .join(item::primary, |order| order.item);
    check_join(pairs, &backward, &items, |order, item| {
        order.item == item.id
    })?;
    // To an index with several rows for each key, to a unique one, and to one of elements.
    let pairs = tx.by(item::primary).join(order::by_item, |item| item.id);
    check_join(pairs, &items, &orders, |item, order| order.item == item.id)?;
    let pairs = tx
        .by(item::primary)
        .join(order::by_ticket, |item| item.code);
    check_join(pairs, &items, &orders, |item, order| {
        order.ticket == Some(item.code)
    })?;
    let pairs = tx
        .by(item::primary)
        .limit(30)
        .join(order::by_labels, |item| item.group);
    check_join(pairs, &items[..30], &orders, |item, order| {
        order.labels.contains(&item.group)
    })?;
    // To a hash index, by text that is borrowed from the row.
    let pairs = tx
        .by(item::primary)
        .join(order::by_remark, |item| item.body.as_str());
    check_join(pairs, &items, &orders, |item, order| {
        item.body == order.remark
    })?;
    // With itself.
    let group: Vec<Item> = items
        .iter()
        .filter(|item| item.group == 2)
        .cloned()
        .collect();
    let pairs = tx
        .by(item::by_group)
        .eq(2)
        .join(item::by_group, |item| item.group);
    check_join(pairs, &group, &items, |one, other| one.group == other.group)
}

#[test]
fn a_join_that_leads_to_a_missing_row_is_an_error() -> Result<()> {
    let (db, _, orders) = shop(&mut Rng(3))?;
    let has_item = |order: &&Order| order.item.is_multiple_of(2) && order.item < 200;
    let missing = orders.iter().find(has_item).expect("one").clone();
    let db = db.meddle(schema![Item, Order], |txn| {
        let rows = txn.open_table("order").unwrap();
        assert!(txn.delete(rows, &missing.id.to_be_bytes()).unwrap());
    })?;
    let tx = db.read()?;
    let item = tx.by(item::primary).eq(missing.item);
    let mut pairs = item.join(order::by_item, |item| item.id);
    let is_dangling = |pair| matches!(pair, Err(Error::DanglingIndex { table: "order", .. }));
    assert!(pairs.any(is_dangling));
    let pairs = tx
        .by(order::by_item)
        .join(item::primary, |order| order.item);
    let failed = pairs.filter(|pair| matches!(pair, Err(Error::DanglingIndex { .. })));
    assert_eq!(failed.count(), 1);
    Ok(())
}
