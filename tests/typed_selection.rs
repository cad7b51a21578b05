//! The results of selections that queries have too: pages, the last row, the only one; and which index is at fault.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod typed_support;

use mdbx_typed::prelude::*;
use mdbx_typed::{Error, Result, Selection, Token};
use typed_support::items::{Item, Model, item, random_items};
use typed_support::{Rng, TempDb};

/// Those with the tag 1 or of the group 2, but for some ranks.
fn select<'t>(tx: &'t ReadTxn<'_>) -> Selection<'t, Item> {
    let either = tx.by(item::by_tags).eq(1).or(tx.by(item::by_group).eq(2));
    either.and(tx.by(item::by_sum).range(-6..8))
}

fn ids(model: &Model) -> Vec<u16> {
    let is_selected =
        |item: &&Item| (item.tags.contains(&1) || item.group == 2) && (-6..8).contains(&item.sum());
    let selected = model.values().filter(is_selected);
    selected.map(|item| item.id).collect()
}

fn db() -> (TempDb, Model) {
    random_items(300, &mut Rng(0x5E1E)).unwrap()
}

/// Walks a selection in pages, and returns the ids.
fn paged<'t>(select: impl Fn() -> Selection<'t, Item>, len: usize) -> Result<Vec<u16>> {
    let mut found = Vec::new();
    let mut next: Option<Token> = None;
    loop {
        let page = select().page(len, next)?;
        assert!(page.items.len() <= len);
        assert!(page.next.is_none() || page.items.len() == len);
        found.extend(page.items.iter().map(|item| item.id));
        next = page.next;
        if next.is_none() {
            return Ok(found);
        }
    }
}

#[test]
fn pages_of_a_selection_are_all_of_it_in_either_direction() -> Result<()> {
    let (db, model) = db();
    let expected = ids(&model);
    assert!(expected.len() > 50);
    let reversed: Vec<u16> = expected.iter().rev().copied().collect();
    let tx = db.read()?;
    for len in [1, 7, expected.len() - 1, expected.len(), 1000] {
        assert_eq!(paged(|| select(&tx), len)?, expected);
        assert_eq!(paged(|| select(&tx).rev(), len)?, reversed);
        assert_eq!(paged(|| select(&tx).rev().rev(), len)?, expected);
    }
    assert_eq!(select(&tx).page(0, None)?.items, []);
    let limited = select(&tx).limit(5).page(10, None)?;
    assert_eq!((limited.items.len(), limited.next), (5, None));
    Ok(())
}

#[test]
fn a_page_goes_on_behind_a_row_that_is_gone() -> Result<()> {
    let (db, model) = db();
    let expected = ids(&model);
    let page = select(&db.read()?).page(10, None)?;
    db.write(|tx| tx.delete::<Item>(expected[9]))?;
    let tx = db.read()?;
    let rest = select(&tx).after(page.next.unwrap()).ids();
    assert_eq!(rest.collect::<Result<Vec<_>>>()?, expected[10..]);
    Ok(())
}

#[test]
fn a_selection_after_a_page_can_be_part_of_another() -> Result<()> {
    let (db, model) = db();
    let expected = ids(&model);
    let tx = db.read()?;
    let token = select(&tx).page(10, None)?.next.unwrap();
    let rest = select(&tx).after(token.clone()).limit(20);
    let even = rest.and(tx.by(item::primary).range(..expected[25]));
    assert_eq!(even.ids().collect::<Result<Vec<_>>>()?, expected[10..25]);
    assert_eq!(
        select(&tx).after(token.clone()).count()?,
        expected.len() as u64 - 10
    );
    let last = select(&tx).after(token).limit(3).last()?;
    assert_eq!(last.map(|item| item.id), Some(expected[12]));
    Ok(())
}

#[test]
fn a_token_of_something_else_is_refused() -> Result<()> {
    let (db, _) = db();
    let tx = db.read()?;
    let token = select(&tx).page(10, None)?.next.unwrap();
    let is_refused = |error: Error| matches!(error, Error::BadToken { table: "item", .. });
    assert!(is_refused(
        select(&tx).rev().page(10, Some(token.clone())).unwrap_err()
    ));
    assert!(is_refused(
        select(&tx).rev().after(token).first().unwrap_err()
    ));
    let other = tx.by(item::by_group).page(10, None)?.next.unwrap();
    assert!(is_refused(
        select(&tx).after(other.clone()).count().unwrap_err()
    ));
    assert!(is_refused(
        select(&tx).after(other.clone()).exists().unwrap_err()
    ));
    let merged = select(&tx).after(other).or(tx.by(item::primary));
    assert!(is_refused(merged.last().unwrap_err()));
    Ok(())
}

#[test]
fn the_last_row_and_the_only_one_are_those_of_a_list() -> Result<()> {
    let (db, model) = db();
    let expected = ids(&model);
    let tx = db.read()?;
    let last =
        |selection: Selection<'_, Item>| Ok::<_, Error>(selection.last()?.map(|item| item.id));
    assert_eq!(last(select(&tx))?, expected.last().copied());
    assert_eq!(last(select(&tx).rev())?, expected.first().copied());
    assert_eq!(last(select(&tx).limit(4))?, Some(expected[3]));
    assert_eq!(last(select(&tx).limit(0))?, None);
    let one = |ids: &[u16]| {
        let range = ids[0]..=ids[ids.len() - 1];
        select(&tx).and(tx.by(item::primary).range(range)).one()
    };
    assert_eq!(one(&expected[4..5])?.map(|item| item.id), Some(expected[4]));
    assert!(matches!(
        one(&expected[4..6]),
        Err(Error::NotOne { table: "item", .. })
    ));
    let none = select(&tx).and(tx.by(item::by_code).eq(1)).one()?;
    assert_eq!(none, None);
    Ok(())
}

#[test]
fn the_index_that_leads_to_a_missing_row_is_named() -> Result<()> {
    let (db, model) = db();
    let missing = |index: u8| {
        model
            .values()
            .find(|item| item.group == index && !item.tags.contains(&1))
    };
    let tagged = model
        .values()
        .find(|item| item.tags.contains(&1) && item.group == 3)
        .unwrap()
        .id;
    let grouped = missing(2).unwrap().id;
    let db = db.meddle(schema![Item], |txn| {
        let rows = txn.open_table("item").unwrap();
        assert!(txn.delete(rows, &tagged.to_be_bytes()).unwrap());
        assert!(txn.delete(rows, &grouped.to_be_bytes()).unwrap());
    })?;
    let tx = db.read()?;
    let culprits = |selection: Selection<'_, Item>| -> Vec<(&'static str, Vec<u8>)> {
        let failed = selection.rows().filter_map(|row| match row {
            Err(Error::DanglingIndex { index, key, .. }) => Some((index, key.as_bytes().to_vec())),
            _ => None,
        });
        let mut failed: Vec<_> = failed.collect();
        failed.sort_unstable();
        failed
    };
    let either = || {
        tx.by(item::by_tags)
            .eq(1)
            .or(tx.by(item::by_group).range(2..=2))
    };
    let expected = [
        ("by_group", grouped.to_be_bytes().to_vec()),
        ("by_tags", tagged.to_be_bytes().to_vec()),
    ];
    assert_eq!(culprits(either()), expected);
    assert_eq!(culprits(either().rev()), expected);
    // Collected first, since a limit comes before the rest.
    assert_eq!(
        culprits(either().limit(10_000).or(tx.by(item::primary))),
        expected
    );
    Ok(())
}
