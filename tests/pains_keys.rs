//! What users of other typed stores ran into with their keys, and what happens here instead; numbered as in `pains.rs`.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod typed_support;

use mdbx_typed::prelude::*;
use mdbx_typed::testing::assert_order;
use mdbx_typed::{Error, OpenError, Result};
use serde::{Deserialize, Serialize};
use typed_support::TempDb;

/// Pain 5: the bytes of composite keys are ambiguous, so that `("ab", "c")` and `("a", "bc")` are one key.
#[test]
fn pain_05_bytes_of_composite_keys_are_ambiguous() -> Result<()> {
    #[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
    #[index(by_city_street, on(city, street), unique)]
    struct House {
        #[key]
        owner: String,
        #[key]
        name: Vec<u8>,
        city: Option<String>,
        street: String,
    }
    // All ways to cut the same letters in two, and those with what peers put between or after components.
    let mut keys: Vec<(String, String)> = (0..=3)
        .map(|at| ("abc"[..at].into(), "abc"[at..].into()))
        .collect();
    for (first, second) in [
        ("", "\0"),
        ("\0", ""),
        ("\0", "\0"),
        ("a\0", "b"),
        ("a", "\0b"),
        ("a\u{1}", "b"),
        ("a", "\u{1}b"),
    ] {
        keys.push((first.into(), second.into()));
    }
    assert_order(&keys);
    let db = TempDb::open(schema![House])?;
    db.write(|tx| {
        for (first, second) in &keys {
            tx.insert(&House {
                owner: first.clone(),
                name: second.clone().into_bytes(),
                city: Some(first.clone()),
                street: second.clone(),
            })?;
        }
        Ok(())
    })?;
    let tx = db.read()?;
    assert_eq!(
        tx.count::<House>()?,
        keys.len() as u64,
        "none replaced another"
    );
    for (first, second) in &keys {
        let house = tx.get::<House>((first, second.as_bytes()))?;
        assert_eq!(house.as_ref().map(|house| &house.street), Some(second));
        let found = tx.get_by(house::by_city_street, (Some(first), second))?;
        assert_eq!(found, house);
    }
    let mut sorted = keys.clone();
    sorted.sort();
    let stored = tx.by(house::by_city_street).rows();
    let stored: Vec<_> = stored
        .map(|house| house.map(|house| (house.owner, house.street)))
        .collect::<Result<_>>()?;
    assert_eq!(stored, sorted);
    Ok(())
}

/// Pain 6: negative numbers come after positive ones, and floats in no order at all.
#[test]
fn pain_06_negative_numbers_and_floats_are_in_the_wrong_order() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    struct Reading {
        #[key]
        at: i64,
        // A plain `f64` is refused by the derive, which names the wrapper: tests/ui/index/float.rs.
        #[index]
        celsius: TotalF64,
        #[index]
        offset: i8,
    }
    let values = [
        f64::NEG_INFINITY,
        -40.5,
        -1e-300,
        0.0,
        1e-300,
        21.25,
        f64::INFINITY,
        f64::NAN,
    ];
    let db = TempDb::open(schema![Reading])?;
    db.write(|tx| {
        // Not in the order they will be found in.
        for (i, celsius) in (0..8i8).zip(values).rev() {
            tx.insert(&Reading {
                at: i64::from(i) - 4,
                celsius: celsius.into(),
                offset: (i - 4) * 30,
            })?;
        }
        Ok(())
    })?;
    let tx = db.read()?;
    let ids = tx.by(reading::primary).ids();
    assert_eq!(
        ids.collect::<Result<Vec<i64>>>()?,
        [-4, -3, -2, -1, 0, 1, 2, 3]
    );
    let by_celsius = tx.by(reading::by_celsius);
    let found = by_celsius.keys().collect::<Result<Vec<f64>>>()?;
    assert!(
        found
            .iter()
            .zip(values)
            .all(|(a, b)| a.to_bits() == b.to_bits()),
        "{found:?}"
    );
    let frost = tx.by(reading::by_celsius).range(..0.0).ids();
    assert_eq!(frost.collect::<Result<Vec<i64>>>()?, [-4, -3, -2]);
    assert_eq!(
        tx.by(reading::by_celsius).range(-0.0..=0.0).count()?,
        1,
        "the zeros are equal"
    );
    let negative = tx.by(reading::by_offset).range(-100..0).keys();
    assert_eq!(negative.collect::<Result<Vec<i8>>>()?, [-90, -60, -30]);
    Ok(())
}

/// A table with a key of fixed size that is longer than every key can be.
#[derive(Table, Serialize, Deserialize)]
struct Wide {
    #[key]
    id: Wider,
}
#[derive(Key, Serialize, Deserialize)]
#[key(as = ([u8; 2000], [u8; 23]))]
struct Wider;

impl From<&Wider> for ([u8; 2000], [u8; 23]) {
    fn from(_: &Wider) -> Self {
        ([0; 2000], [0; 23])
    }
}
impl From<([u8; 2000], [u8; 23])> for Wider {
    fn from(_: ([u8; 2000], [u8; 23])) -> Self {
        Wider
    }
}

/// Pain 18: that a key is too long is found late, off by one, and the message does not say which one.
#[test]
fn pain_18_too_long_keys_fail_late_and_cryptically() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "pages")]
    struct Page {
        #[key]
        url: String,
        #[index]
        title: String,
        #[index(hash)]
        text: String,
    }
    let page = |url: usize, title: usize| Page {
        url: "u".repeat(url),
        title: "t".repeat(title),
        text: "any length ".repeat(10_000),
    };
    let db = TempDb::open(schema![Page])?;
    // The limits are known from the page size: half a page, less what stands beside the key.
    let (longest, longest_shared) = (2022, 1980);
    db.write(|tx| {
        tx.insert(&page(longest, longest_shared))?;
        let error = tx.insert(&page(longest + 1, 1)).unwrap_err();
        assert!(matches!(
            error,
            Error::KeyTooLong {
                table: "pages",
                index: None,
                len: 2023,
                max: 2022
            }
        ));
        let error = tx.insert(&page(1, longest_shared + 1)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "table `pages`: the key in index `by_title` is 1981 bytes, at most 1980 fit"
        );
        // Nothing was written, and the transaction goes on.
        assert_eq!(tx.count::<Page>()?, 1);
        tx.insert(&page(1, 1))?;
        // What is longer is found by its hash, and compared.
        let text = "any length ".repeat(10_000);
        assert_eq!(tx.by(page::by_text).eq(&text).count()?, 2);
        assert_eq!(tx.by(page::by_text).eq("another text").count()?, 0);
        Ok(())
    })?;
    // A key of fixed size needs no row to be found too long: the file is not opened.
    let error = Database::in_memory(schema![Wide]).expect_err("it opened");
    assert!(
        matches!(
            error,
            OpenError::KeyTooLong {
                table: "wide",
                index: None,
                len: 2023,
                max: 2022
            }
        ),
        "{error}"
    );
    Ok(())
}
