//! What queries do not do: read rows that are not asked for.

mod typed_support;

use std::cell::Cell;

use mdbx_typed::prelude::*;
use mdbx_typed::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize};
use typed_support::TempDb;

thread_local! {
    /// How many rows were decoded.
    static DECODED: Cell<u32> = const { Cell::new(0) };
}

/// A field that counts how often it is decoded.
#[derive(Serialize, Debug, Clone, Copy, PartialEq)]
struct Counted(u32);

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        DECODED.set(DECODED.get() + 1);
        u32::deserialize(deserializer).map(Counted)
    }
}

#[derive(Table, Serialize, Deserialize)]
struct Row {
    #[key]
    id: u32,
    field: Counted,
    #[index]
    group: u32,
    #[index]
    kind: u32,
    #[index(each)]
    tags: Vec<u32>,
}

/// Its leading fields.
#[derive(View)]
#[view(of = Row)]
struct Head {
    #[expect(dead_code, reason = "a view begins with the first field")]
    id: u32,
    #[expect(dead_code, reason = "it is decoded, and counted")]
    field: Counted,
}

/// A thousand rows: ten groups, seven kinds.
fn thousand() -> Result<TempDb> {
    let db = TempDb::open(schema![Row])?;
    db.write(|tx| {
        (0..1000).try_for_each(|id| {
            tx.insert(&Row {
                id,
                field: Counted(id),
                group: id % 10,
                kind: id % 7,
                tags: vec![id % 3, id % 5],
            })
        })
    })?;
    Ok(db)
}

/// Returns how many rows a call decodes.
fn decoded<R>(call: impl FnOnce() -> Result<R>) -> Result<u32> {
    DECODED.set(0);
    call()?;
    Ok(DECODED.get())
}

#[test]
fn a_row_is_decoded_when_it_is_asked_for() -> Result<()> {
    let db = thousand()?;
    let tx = db.read()?;
    let group = || tx.by(row::by_group).range(2..5);
    assert_eq!(decoded(|| Ok(group().rows()))?, 0);
    assert_eq!(decoded(|| group().rows().next().transpose())?, 1);
    assert_eq!(
        decoded(|| group().rows().take(70).collect::<Result<Vec<_>>>())?,
        70
    );
    assert_eq!(
        decoded(|| group().views::<Head>().take(7).collect::<Result<Vec<_>>>())?,
        7
    );
    assert_eq!(decoded(|| group().first())?, 1);
    assert_eq!(decoded(|| group().last())?, 1);
    assert_eq!(decoded(|| group().limit(90).last())?, 1);
    assert_eq!(decoded(|| group().page(20, None))?, 20);
    assert_eq!(
        decoded(|| group().limit(5).rows().collect::<Result<Vec<_>>>())?,
        5
    );
    assert!(matches!(group().one(), Err(Error::NotOne { .. })));
    Ok(())
}

#[test]
fn counts_keys_entries_and_merges_of_single_keys_decode_nothing() -> Result<()> {
    let db = thousand()?;
    let tx = db.read()?;
    let group = || tx.by(row::by_group).range(2..5);
    assert_eq!(decoded(|| group().count())?, 0);
    assert_eq!(decoded(|| group().exists())?, 0);
    assert_eq!(decoded(|| group().ids().collect::<Result<Vec<_>>>())?, 0);
    assert_eq!(
        decoded(|| group().entries().collect::<Result<Vec<_>>>())?,
        0
    );
    assert_eq!(decoded(|| group().keys().collect::<Result<Vec<_>>>())?, 0);
    let both = || tx.by(row::by_group).eq(3).and(tx.by(row::by_kind).eq(5));
    let either = || {
        tx.by(row::by_tags)
            .eq(1)
            .or(tx.by(row::by_kind).range(2..4))
    };
    assert_eq!(decoded(|| both().count())?, 0);
    assert_eq!(decoded(|| either().ids().collect::<Result<Vec<_>>>())?, 0);
    assert_eq!(decoded(|| either().and(both()).exists())?, 0);
    assert_eq!(
        decoded(|| both().rows().take(3).collect::<Result<Vec<_>>>())?,
        3
    );
    assert_eq!(decoded(|| either().first())?, 1);
    Ok(())
}

#[test]
fn an_and_with_a_much_larger_range_reads_the_rows_of_the_smaller_side_one_by_one() -> Result<()> {
    let db = thousand()?;
    let tx = db.read()?;
    let few = || tx.by(row::primary).range(100..130);
    let both = || few().and(tx.by(row::by_kind).range(3..));
    let decoded_ids = decoded(|| both().ids().collect::<Result<Vec<_>>>())?;
    assert_eq!(decoded_ids, 30, "each is asked for its kind");
    assert!(
        decoded(|| both().ids().next().transpose())? <= 7,
        "and stops early"
    );
    Ok(())
}

#[test]
fn a_join_decodes_a_pair_when_it_is_asked_for_and_one_batch_at_most_ahead() -> Result<()> {
    let db = thousand()?;
    let tx = db.read()?;
    let pairs = || tx.by(row::primary).join(row::by_group, |row| row.id % 10);
    assert_eq!(decoded(|| Ok(pairs()))?, 0);
    assert_eq!(decoded(|| pairs().next().transpose())?, 2);
    let pairs = || tx.by(row::by_group).join(row::primary, |row| row.id);
    let first_ten = decoded(|| pairs().take(10).collect::<Result<Vec<_>>>())?;
    assert!((20..20 + 64).contains(&first_ten), "{first_ten}");
    Ok(())
}

#[test]
fn removals_decode_only_what_has_index_entries() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    struct Bare {
        #[key]
        id: u32,
        field: Counted,
    }
    let db = TempDb::open(schema![Bare])?;
    db.write(|tx| {
        for id in 0..100 {
            tx.insert(&Bare {
                id,
                field: Counted(id),
            })?;
        }
        assert_eq!(decoded(|| tx.delete_range(bare::primary, 10..50))?, 0);
        assert_eq!(decoded(|| tx.retain::<Bare>(|row| row.id > 60))?, 60);
        assert_eq!(tx.count::<Bare>()?, 39);
        Ok(())
    })?;
    let db = thousand()?;
    db.write(|tx| {
        assert_eq!(decoded(|| tx.delete_range(row::by_group, 3..=3))?, 100);
        assert_eq!(
            decoded(|| tx
                .drain(row::by_group, 4..=4)?
                .take(3)
                .collect::<Result<Vec<_>>>())?,
            3
        );
        assert_eq!(
            decoded(|| tx.delete_range(row::primary, ..))?,
            0,
            "all of it"
        );
        assert_eq!(tx.by(row::by_tags).count()?, 0);
        Ok(())
    })
}
