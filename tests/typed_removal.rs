//! Statements that remove many rows: what goes, what stays, and that the indexes equal the rows.

mod typed_support;

use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};

use mdbx_typed::prelude::*;
use mdbx_typed::{Error, Result};
use serde::{Deserialize, Serialize};
use typed_support::items::{Item, Model, assert_indexes_equal_rows, item, random_items};
use typed_support::{Rng, TempDb};

/// Returns a bound of one of the three kinds.
fn bound<K>(value: K, rng: &mut Rng) -> Bound<K> {
    match rng.below(3) {
        0 => Bound::Included(value),
        1 => Bound::Excluded(value),
        _ => Bound::Unbounded,
    }
}

/// Removes a random range of a random index from the table and from the model; returns how many rows went from each.
fn delete_somewhere(
    tx: &mut WriteTxn<'_>,
    model: &mut Model,
    rng: &mut Rng,
) -> Result<(u64, usize)> {
    let before = model.len();
    let (a, b) = (rng.below(300), rng.below(300));
    let small = |n: u32| u8::try_from(n % 7).expect("small");
    let count = match rng.below(6) {
        0 => {
            let id = |n| u16::try_from(n).expect("small");
            let range = (bound(id(a), rng), bound(id(a + 40), rng));
            model.retain(|id, _| !range.contains(id));
            tx.delete_range(item::primary, range)?
        }
        1 => {
            let range = (bound(small(a), rng), bound(small(b), rng));
            model.retain(|_, item| !range.contains(&item.group));
            tx.delete_range(item::by_group, range)?
        }
        2 => {
            let code = |n: u32| 100_000 - n * 3;
            let range = (bound(code(a + 40), rng), bound(code(a), rng));
            model.retain(|_, item| !range.contains(&item.code));
            tx.delete_range(item::by_code, range)?
        }
        3 => {
            let range = (bound(small(a), rng), bound(small(b), rng));
            model.retain(|_, item| !item.tags.iter().any(|tag| range.contains(tag)));
            tx.delete_range(item::by_tags, range)?
        }
        4 => {
            let range = (bound(Some(small(a)), rng), bound(None, rng));
            model.retain(|_, item| !range.contains(&item.mark));
            tx.delete_range(item::by_mark, range)?
        }
        _ => {
            let pair = |n: u32| (small(n), i16::from(small(n / 7)) - 3);
            let range = (bound(pair(a), rng), bound(pair(b), rng));
            model.retain(|_, item| !range.contains(&(item.group, item.rank)));
            tx.delete_range(item::by_group_rank, range)?
        }
    };
    Ok((count, before - model.len()))
}

#[test]
fn ranges_that_are_deleted_go_from_rows_and_indexes_as_from_a_map() -> Result<()> {
    let seed = 0xDE1E_7E00;
    println!("seed {seed:#x}");
    let mut rng = Rng(seed);
    for round in 0..12 {
        let (db, mut model) = random_items(150, &mut rng)?;
        for step in 0..8 {
            let what = format!("seed {seed:#x}, round {round}, step {step}");
            let (count, expected) = db.write(|tx| delete_somewhere(tx, &mut model, &mut rng))?;
            assert_eq!(count, expected as u64, "{what}");
            assert_indexes_equal_rows(&db.read()?, &model, &what)?;
        }
    }
    Ok(())
}

#[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Entry {
    #[key]
    id: u32,
    #[index(each)]
    marks: Vec<u32>,
    #[index]
    odd: bool,
}

/// More rows than are gathered at a time, each with several entries in one index.
fn many() -> Result<TempDb> {
    let db = TempDb::open(schema![Entry])?;
    db.write(|tx| {
        (0..3000u32).try_for_each(|id| {
            tx.insert(&Entry {
                id,
                marks: vec![id, 2999 - id, id * 7 % 3000],
                odd: id % 2 == 1,
            })
        })
    })?;
    Ok(db)
}

/// Asserts that the table holds the rows that `is_left` wants, and its indexes theirs.
fn assert_left(tx: &WriteTxn<'_>, is_left: impl Fn(u32) -> bool) -> Result<()> {
    let left: Vec<u32> = (0..3000).filter(|id| is_left(*id)).collect();
    let ids: Vec<u32> = tx.by(entry::primary).ids().collect::<Result<_>>()?;
    assert_eq!(ids, left);
    let mut marks: Vec<(u32, u32)> = left
        .iter()
        .flat_map(|&id| [(id, id), (2999 - id, id), (id * 7 % 3000, id)])
        .collect();
    marks.sort_unstable();
    marks.dedup();
    assert_eq!(
        tx.by(entry::by_marks)
            .entries()
            .collect::<Result<Vec<_>>>()?,
        marks
    );
    assert_eq!(tx.by(entry::by_odd).count()?, left.len() as u64);
    Ok(())
}

#[test]
fn many_rows_go_in_one_statement() -> Result<()> {
    let db = many()?;
    db.write(|tx| {
        let is_hit = |id: u32| {
            [id, 2999 - id, id * 7 % 3000]
                .iter()
                .any(|mark| *mark < 1200)
        };
        let hit = (0..3000).filter(|id| is_hit(*id)).count() as u64;
        assert_eq!(tx.delete_range(entry::by_marks, ..1200)?, hit);
        assert_left(tx, |id| !is_hit(id))
    })?;
    let db = many()?;
    db.write(|tx| {
        assert_eq!(tx.delete_range(entry::primary, 100..2900)?, 2800);
        assert_left(tx, |id| !(100..2900).contains(&id))?;
        assert_eq!(tx.delete_range(entry::by_odd, true..)?, 100);
        assert_left(tx, |id| id % 2 == 0 && !(100..2900).contains(&id))?;
        assert_eq!(tx.delete_range(entry::primary, ..)?, 100);
        assert_left(tx, |_| false)
    })?;
    let db = many()?;
    db.write(|tx| {
        assert_eq!(tx.retain::<Entry>(|entry| entry.id % 3 == 1)?, 2000);
        assert_left(tx, |id| id % 3 == 1)?;
        assert_eq!(tx.retain::<Entry>(|_| true)?, 0);
        assert_eq!(tx.retain::<Entry>(|_| false)?, 1000);
        assert_left(tx, |_| false)
    })
}

#[test]
fn a_table_without_indexes_loses_a_range_and_keeps_its_sequence() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    struct Log {
        #[key(auto)]
        id: u64,
        text: String,
    }
    let db = TempDb::open(schema![Log])?;
    db.write(|tx| {
        for _ in 0..500 {
            let text = "text".into();
            tx.insert_new(|id| Log { id, text })?;
        }
        assert_eq!(tx.delete_range(log::primary, 101..=500)?, 400);
        assert_eq!(tx.count::<Log>()?, 100);
        assert_eq!(tx.by(log::primary).last()?.map(|log| log.id), Some(100));
        assert_eq!(
            tx.insert_new(|id| Log {
                id,
                text: String::new()
            })?
            .id,
            501
        );
        assert_eq!(tx.delete_range(log::primary, ..)?, 101);
        assert_eq!(
            tx.insert_new(|id| Log {
                id,
                text: String::new()
            })?
            .id,
            502
        );
        Ok(())
    })
}

#[test]
fn rows_that_a_closure_does_not_want_go() -> Result<()> {
    let seed = 0x4E7A_1200;
    println!("seed {seed:#x}");
    let (db, mut model) = random_items(150, &mut Rng(seed))?;
    let gone = db.write(|tx| tx.retain::<Item>(|item| item.is_odd() || item.group == 3))?;
    let before = model.len();
    model.retain(|_, item| item.is_odd() || item.group == 3);
    assert_eq!(gone, (before - model.len()) as u64);
    assert_indexes_equal_rows(&db.read()?, &model, "retain")
}

#[test]
fn retain_sees_rows_that_borrow_once_and_in_order() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    struct Event<'a> {
        #[key]
        id: u16,
        #[index]
        kind: &'a str,
    }
    let db = TempDb::open(schema![Event])?;
    db.write(|tx| {
        for id in 0..2500 {
            let kind = if id % 2 == 0 { "even" } else { "odd" };
            tx.insert(&Event { id, kind })?;
        }
        let mut seen = Vec::new();
        let gone = tx.retain::<Event>(|event| {
            seen.push(event.id);
            event.kind == "odd"
        })?;
        assert_eq!(gone, 1250);
        assert!(seen.into_iter().eq(0..2500));
        assert_eq!(tx.by(event::by_kind).eq("even").count()?, 0);
        assert_eq!(tx.by(event::by_kind).eq("odd").count()?, 1250);
        Ok(())
    })
}

#[test]
fn drained_rows_are_gone_and_the_others_stay() -> Result<()> {
    let seed = 0xD4A1_4000;
    println!("seed {seed:#x}");
    let (db, mut model) = random_items(150, &mut Rng(seed))?;
    let mut expected: Vec<(u8, u16)> = model
        .values()
        .filter(|item| (1..3).contains(&item.group))
        .map(|item| (item.group, item.id))
        .collect();
    expected.sort_unstable();
    db.write(|tx| {
        let some: Vec<Item> = tx
            .drain(item::by_group, 1..3)?
            .take(5)
            .collect::<Result<_>>()?;
        assert!(
            some.iter()
                .map(|item| (item.group, item.id))
                .eq(expected[..5].iter().copied())
        );
        for item in &some {
            assert_eq!(model.remove(&item.id).as_ref(), Some(item));
        }
        Ok(())
    })?;
    assert_indexes_equal_rows(&db.read()?, &model, "some")?;
    db.write(|tx| {
        let rest = tx.drain(item::by_group, 1..3)?.count();
        assert_eq!(rest, expected.len() - 5);
        let tagged: Vec<Item> = tx.drain(item::by_tags, ..2)?.collect::<Result<_>>()?;
        model.retain(|_, item| !(1..3).contains(&item.group));
        let before = model.len();
        model.retain(|_, item| !item.tags.iter().any(|tag| *tag < 2));
        assert_eq!(tagged.len(), before - model.len(), "each row once");
        Ok(())
    })?;
    assert_indexes_equal_rows(&db.read()?, &model, "all")
}

#[test]
fn a_statement_that_meets_a_missing_row_removes_nothing() -> Result<()> {
    let db = many()?.meddle(schema![Entry], |txn| {
        let rows = txn.open_table("entry").unwrap();
        assert!(txn.delete(rows, &2500u32.to_be_bytes()).unwrap());
    })?;
    db.write(|tx| {
        let entries = |tx: &WriteTxn<'_>| {
            let marks: BTreeMap<_, _> = tx.by(entry::by_marks).entries().collect::<Result<_>>()?;
            Ok::<_, Error>((marks, tx.by(entry::by_odd).count()?, tx.count::<Entry>()?))
        };
        let before = entries(tx)?;
        let error = tx.delete_range(entry::by_odd, ..).unwrap_err();
        assert!(matches!(
            error,
            Error::DanglingIndex {
                table: "entry",
                index: "by_odd",
                ..
            }
        ));
        assert_eq!(entries(tx)?, before);
        let drained: Vec<_> = tx.drain(entry::by_marks, 2500..=2500)?.collect();
        let (last, others) = drained.split_last().expect("some");
        assert!(others.iter().all(Result::is_ok), "the rows before it");
        assert!(
            matches!(last, Err(Error::DanglingIndex { .. })),
            "it ends there"
        );
        Ok(())
    })
}

#[test]
fn a_closure_that_panics_removes_nothing() -> Result<()> {
    let db = many()?;
    let mut tx = db.begin_write()?;
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        tx.retain::<Entry>(|entry| {
            assert!(entry.id < 2000, "enough");
            false
        })
    }));
    assert!(caught.is_err());
    assert_left(&tx, |_| true)?;
    tx.commit()
}

#[test]
fn rows_with_a_prefix_go_from_rows_and_indexes() -> Result<()> {
    let (db, mut model) = typed_support::items::random_items(200, &mut Rng(0xF1))?;
    let count = model.values().filter(|item| item.group == 3).count() as u64;
    db.write(|tx| {
        assert_eq!(tx.delete_prefix(item::by_group_rank, (3,))?, count);
        assert_eq!(tx.delete_prefix(item::by_group_rank, (3,))?, 0);
        Ok(())
    })?;
    model.retain(|_, item| item.group != 3);
    assert_indexes_equal_rows(&db.read()?, &model, "without the group 3")
}
