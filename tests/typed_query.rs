//! Queries: what they visit, in which order, and what they do not read.

mod typed_support;

use std::collections::BTreeSet;
use std::ops::{Bound, RangeBounds};

use mdbx_typed::prelude::*;
use mdbx_typed::{Error, Result, Token};
use serde::{Deserialize, Serialize};
use typed_support::TempDb;

#[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[index(by_city, on(country, city))]
#[index(by_code, on(code), unique)]
struct Place {
    #[key]
    id: u16,
    #[index]
    group: u8,
    code: u32,
    country: String,
    city: String,
}

/// Sixty places: ids 0, 2, .. 118; six in each of ten groups; codes 1000 - id.
fn sixty() -> Result<TempDb> {
    const CITIES: [&str; 6] = ["Mainz", "Mün", "Mün\0", "München", "N", ""];
    let db = TempDb::open(schema![Place])?;
    db.write(|tx| {
        for n in 0..60u16 {
            let country = if n % 2 == 0 { "DE" } else { "D" };
            tx.insert(&Place {
                id: n * 2,
                group: u8::try_from(n % 10).expect("a digit") * 3,
                code: 1000 - u32::from(n * 2),
                country: country.into(),
                city: CITIES[usize::from(n % 6)].into(),
            })?;
        }
        Ok(())
    })?;
    Ok(db)
}

/// All pairs of bounds at and between the given values, some of them reversed.
fn all_bounds(values: &[u16]) -> Vec<(Bound<u16>, Bound<u16>)> {
    let mut one = vec![Bound::Unbounded];
    one.extend(
        values
            .iter()
            .flat_map(|&value| [Bound::Included(value), Bound::Excluded(value)]),
    );
    one.iter()
        .flat_map(|&lower| one.iter().map(move |&upper| (lower, upper)))
        .collect()
}

#[test]
fn all_shapes_of_range_agree_with_a_set() -> Result<()> {
    let db = sixty()?;
    let tx = db.read()?;
    let places: Vec<Place> = tx.by(place::primary).rows().collect::<Result<_>>()?;
    for bounds in all_bounds(&[0, 1, 2, 3, 12, 13, 27, 28, 117, 118, 119]) {
        let ids: Vec<u16> = places
            .iter()
            .map(|place| place.id)
            .filter(|id| bounds.contains(id))
            .collect();
        check(
            tx.by(place::primary).range(bounds),
            &ids,
            &format!("primary {bounds:?}"),
        )?;

        let group = |bound: Bound<u16>| bound.map(|value| u8::try_from(value).unwrap());
        let bytes = (group(bounds.0), group(bounds.1));
        let within = places.iter().filter(|place| bytes.contains(&place.group));
        let expected: BTreeSet<(u8, u16)> = within.map(|place| (place.group, place.id)).collect();
        let ids: Vec<u16> = expected.into_iter().map(|(_, id)| id).collect();
        check(
            tx.by(place::by_group).range(bytes),
            &ids,
            &format!("by_group {bytes:?}"),
        )?;

        let code = |bound: Bound<u16>| bound.map(|value| 1000 - u32::from(value));
        let codes = (code(bounds.1), code(bounds.0));
        let ids: Vec<u16> = places
            .iter()
            .rev()
            .filter(|place| codes.contains(&place.code))
            .map(|place| place.id)
            .collect();
        check(
            tx.by(place::by_code).range(codes),
            &ids,
            &format!("by_code {codes:?}"),
        )?;
    }
    Ok(())
}

/// Asserts that a query finds these ids in this order.
fn check<I: Index<Table = Place>>(
    query: mdbx_typed::Query<'_, I>,
    ids: &[u16],
    what: &str,
) -> Result<()> {
    let found: Vec<u16> = query
        .rows()
        .map(|place| Ok(place?.id))
        .collect::<Result<_>>()?;
    assert_eq!(found, ids, "{what}");
    Ok(())
}

#[test]
fn a_reversed_or_empty_range_has_no_entries() -> Result<()> {
    let db = sixty()?;
    let tx = db.read()?;
    #[expect(clippy::reversed_empty_ranges, reason = "it is the point")]
    let reversed = 20..10;
    assert_eq!(tx.by(place::primary).range(reversed.clone()).count()?, 0);
    assert_eq!(tx.by(place::primary).range(reversed).rev().count()?, 0);
    assert_eq!(tx.by(place::primary).range(10..10).count()?, 0);
    assert_eq!(
        tx.by(place::primary)
            .range((Bound::Excluded(10), Bound::Excluded(10)))
            .rev()
            .count()?,
        0
    );
    assert_eq!(tx.by(place::primary).range(10..=10).count()?, 1);
    Ok(())
}

#[test]
fn every_way_to_ask_gives_the_same_answer() -> Result<()> {
    let db = sixty()?;
    let tx = db.read()?;
    for bounds in all_bounds(&[0, 3, 4, 27]) {
        let group = |bound: Bound<u16>| bound.map(|value| u8::try_from(value).unwrap());
        let bytes = (group(bounds.0), group(bounds.1));
        let query = || tx.by(place::by_group).range(bytes);
        let rows: Vec<Place> = query().rows().collect::<Result<_>>()?;
        let ids: Vec<u16> = rows.iter().map(|place| place.id).collect();
        let entries: Vec<(u8, u16)> = rows.iter().map(|place| (place.group, place.id)).collect();
        let mut keys: Vec<u8> = rows.iter().map(|place| place.group).collect();
        keys.dedup();
        assert_eq!(query().ids().collect::<Result<Vec<_>>>()?, ids);
        assert_eq!(query().entries().collect::<Result<Vec<_>>>()?, entries);
        assert_eq!(query().keys().collect::<Result<Vec<_>>>()?, keys);
        assert_eq!(query().count()?, rows.len() as u64);
        assert_eq!(query().skip_keys().count()?, keys.len() as u64);
        assert_eq!(query().exists()?, !rows.is_empty());
        assert_eq!(query().first()?, rows.first().cloned());
        assert_eq!(query().last()?, rows.last().cloned());
        let mut reversed = rows.clone();
        reversed.reverse();
        assert_eq!(query().rev().rows().collect::<Result<Vec<_>>>()?, reversed);
        assert_eq!(
            query().rev().rev().rows().collect::<Result<Vec<_>>>()?,
            rows
        );
        keys.reverse();
        assert_eq!(query().rev().keys().collect::<Result<Vec<_>>>()?, keys);
        for limit in [0, 1, 5, 7, 100] {
            let limited: Vec<Place> = query().limit(limit).rows().collect::<Result<_>>()?;
            assert_eq!(limited, rows[..limit.min(rows.len())]);
            assert_eq!(query().limit(limit).count()?, limited.len() as u64);
            assert_eq!(query().rev().limit(limit).count()?, limited.len() as u64);
            assert_eq!(query().limit(limit).first()?, limited.first().cloned());
        }
    }
    Ok(())
}

#[test]
fn skip_keys_yields_the_first_entry_of_each_key() -> Result<()> {
    let db = sixty()?;
    let tx = db.read()?;
    let forward = tx
        .by(place::by_group)
        .skip_keys()
        .ids()
        .collect::<Result<Vec<_>>>()?;
    assert_eq!(forward, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
    let backward = tx
        .by(place::by_group)
        .range(..=6)
        .rev()
        .skip_keys()
        .ids()
        .collect::<Result<Vec<_>>>()?;
    assert_eq!(
        backward,
        [104, 102, 100],
        "in reverse the one with the largest primary key"
    );
    Ok(())
}

#[test]
fn a_prefix_is_of_whole_components() -> Result<()> {
    let db = sixty()?;
    let tx = db.read()?;
    let places: Vec<Place> = tx.by(place::primary).rows().collect::<Result<_>>()?;
    for country in ["D", "DE", "", "E"] {
        let expected = places
            .iter()
            .filter(|place| place.country == country)
            .count() as u64;
        assert_eq!(
            tx.by(place::by_city).prefix((country,)).count()?,
            expected,
            "{country}"
        );
        assert_eq!(
            tx.by(place::by_city)
                .prefix((country,))
                .rev()
                .rows()
                .count() as u64,
            expected
        );
    }
    Ok(())
}

#[test]
fn starts_with_is_of_the_last_component() -> Result<()> {
    let db = sixty()?;
    let tx = db.read()?;
    let places: Vec<Place> = tx.by(place::primary).rows().collect::<Result<_>>()?;
    for (country, start) in [
        ("D", "M"),
        ("DE", "Mün"),
        ("DE", "Mün\0"),
        ("DE", ""),
        ("", "M"),
    ] {
        let matches = |place: &&Place| place.country == country && place.city.starts_with(start);
        let expected = places.iter().filter(matches).count() as u64;
        assert_eq!(
            tx.by(place::by_city)
                .starts_with((country, start))
                .count()?,
            expected,
            "{country} {start:?}"
        );
    }
    Ok(())
}

#[test]
fn the_last_choice_of_keys_counts() -> Result<()> {
    let db = sixty()?;
    let tx = db.read()?;
    assert_eq!(
        tx.by(place::by_city)
            .prefix(("DE",))
            .eq(("D", ""))
            .range(..)
            .count()?,
        60
    );
    assert_eq!(tx.by(place::by_group).range(..).eq(3).count()?, 6);
    Ok(())
}

#[test]
fn one_refuses_a_second_match() -> Result<()> {
    let db = sixty()?;
    let tx = db.read()?;
    assert_eq!(
        tx.by(place::by_code).eq(1000).one()?.map(|place| place.id),
        Some(0)
    );
    assert_eq!(tx.by(place::by_group).eq(1).one()?, None);
    let error = tx.by(place::by_group).eq(3).one().unwrap_err();
    assert!(matches!(
        error,
        Error::NotOne {
            table: "place",
            index: "by_group"
        }
    ));
    Ok(())
}

/// Collects all pages of a query.
fn pages<I: Index<Table = Place>>(
    tx: &ReadTxn<'_>,
    len: usize,
    query: impl for<'t> Fn(&'t ReadTxn<'_>) -> mdbx_typed::Query<'t, I>,
) -> Result<(Vec<u16>, usize)> {
    let (mut ids, mut count, mut next) = (Vec::new(), 0, None);
    loop {
        let page = query(tx).page(len, next)?;
        assert!(page.items.len() <= len);
        ids.extend(page.items.iter().map(|place| place.id));
        count += 1;
        next = page.next;
        if next.is_none() {
            return Ok((ids, count));
        }
    }
}

#[test]
fn pages_together_are_the_whole_query() -> Result<()> {
    let db = sixty()?;
    let tx = &db.read()?;
    for len in [1, 2, 5, 6, 59, 60, 61] {
        let whole = tx.by(place::by_group).ids().collect::<Result<Vec<_>>>()?;
        assert_eq!(
            pages(tx, len, |tx| tx.by(place::by_group))?,
            (whole.clone(), 60usize.div_ceil(len)),
            "pages of {len}"
        );
        let backward: Vec<u16> = whole.into_iter().rev().collect();
        assert_eq!(
            pages(tx, len, |tx| tx.by(place::by_group).rev())?.0,
            backward
        );
        let whole = tx
            .by(place::by_code)
            .range(900..)
            .ids()
            .collect::<Result<Vec<_>>>()?;
        assert_eq!(
            pages(tx, len, |tx| tx.by(place::by_code).range(900..))?.0,
            whole
        );
        let whole = tx
            .by(place::primary)
            .rev()
            .ids()
            .collect::<Result<Vec<_>>>()?;
        assert_eq!(pages(tx, len, |tx| tx.by(place::primary).rev())?.0, whole);
        let whole = tx
            .by(place::by_group)
            .skip_keys()
            .ids()
            .collect::<Result<Vec<_>>>()?;
        assert_eq!(
            pages(tx, len, |tx| tx.by(place::by_group).skip_keys())?.0,
            whole
        );
    }
    let page = tx.by(place::by_group).page(0, None)?;
    assert!(page.items.is_empty() && page.next.is_none());
    Ok(())
}

#[test]
fn a_page_goes_on_where_the_last_one_ended_although_rows_came_and_went() -> Result<()> {
    let db = sixty()?;
    let first = db.read()?.by(place::by_group).page(8, None)?;
    let token: Token = first.next.unwrap().to_string().parse().unwrap();
    let end = first.items.last().unwrap().clone();
    db.write(|tx| {
        tx.delete::<Place>(end.id)?;
        tx.insert(&Place {
            id: end.id + 1,
            code: 1,
            ..end.clone()
        })
    })?;
    let tx = db.read()?;
    let second = tx.by(place::by_group).page(1, Some(token.clone()))?;
    assert_eq!(second.items[0].id, end.id + 1);
    let rest = tx
        .by(place::by_group)
        .after(token.clone())
        .ids()
        .collect::<Result<Vec<_>>>()?;
    assert_eq!(rest.len(), 52 + 1);
    assert_eq!(tx.by(place::by_group).after(token.clone()).count()?, 53);
    Ok(())
}

#[test]
fn a_token_of_another_query_is_refused() -> Result<()> {
    let db = sixty()?;
    let tx = db.read()?;
    let token = tx.by(place::by_group).page(8, None)?.next.unwrap();
    let bad = |error: Error| matches!(error, Error::BadToken { table: "place", .. });
    assert!(
        bad(tx
            .by(place::by_code)
            .page(8, Some(token.clone()))
            .unwrap_err()),
        "another index"
    );
    assert!(
        bad(tx
            .by(place::by_group)
            .rev()
            .page(8, Some(token.clone()))
            .unwrap_err()),
        "another direction"
    );
    assert!(bad(tx
        .by(place::by_group)
        .after(Token::from_bytes(b"junk"))
        .count()
        .unwrap_err()));
    Ok(())
}

#[test]
fn counts_keys_and_entries_read_no_rows() -> Result<()> {
    let db = sixty()?.meddle(schema![Place], |txn| {
        let rows = txn.open_table("place").unwrap();
        for id in 0..60u16 {
            txn.put(rows, &(id * 2).to_be_bytes(), b"garbage").unwrap();
        }
    })?;
    let tx = db.read()?;
    assert!(
        tx.by(place::by_group).first().is_err(),
        "the rows cannot be read"
    );
    assert_eq!(tx.count::<Place>()?, 60);
    assert_eq!(tx.by(place::by_group).range(3..10).count()?, 18);
    assert_eq!(tx.by(place::by_group).eq(3).count()?, 6);
    assert_eq!(tx.by(place::by_city).starts_with(("DE", "M")).count()?, 20);
    assert!(tx.by(place::by_group).eq(3).exists()?);
    assert_eq!(
        tx.by(place::by_group)
            .ids()
            .collect::<Result<Vec<_>>>()?
            .len(),
        60
    );
    assert_eq!(
        tx.by(place::by_group)
            .keys()
            .collect::<Result<Vec<_>>>()?
            .len(),
        10
    );
    assert_eq!(
        tx.by(place::by_city)
            .entries()
            .collect::<Result<Vec<_>>>()?
            .len(),
        60
    );
    assert_eq!(
        tx.by(place::primary)
            .ids()
            .collect::<Result<Vec<_>>>()?
            .len(),
        60
    );
    assert!(tx.contains::<Place>(0)?);
    Ok(())
}

#[test]
fn rows_outlive_their_iterator() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    struct Event<'a> {
        #[key]
        id: u8,
        #[index]
        kind: &'a str,
    }
    let db = TempDb::open(schema![Event])?;
    db.write(|tx| {
        tx.insert(&Event { id: 1, kind: "a" })?;
        let first = tx.by(event::by_kind).rows().next().unwrap()?;
        assert_eq!(
            (first.id, first.kind),
            (1, "a"),
            "in a write transaction too"
        );
        Ok(())
    })?;
    let tx = db.read()?;
    let (first, key) = {
        let mut rows = tx.by(event::by_kind).rows();
        let key = tx.by(event::by_kind).keys().next().unwrap()?;
        (rows.next().unwrap()?, key)
    };
    assert_eq!((first.kind, key.as_ref()), ("a", "a"));
    Ok(())
}

#[test]
fn queries_of_empty_tables_are_empty() -> Result<()> {
    let db = TempDb::open(schema![Place])?;
    let tx = db.read()?;
    assert_eq!(tx.by(place::by_group).count()?, 0);
    assert_eq!(tx.by(place::by_group).rev().rows().count(), 0);
    assert_eq!(tx.by(place::by_group).eq(3).rev().rows().count(), 0);
    assert!(tx.by(place::by_code).range(..5).last()?.is_none());
    assert!(tx.by(place::primary).page(5, None)?.items.is_empty());
    Ok(())
}
