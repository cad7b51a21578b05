//! What users of other typed stores ran into, and what happens here instead. One test for each pain; the number in its
//! name is its place in our list of them, sorted by how much data or time it costs.

mod typed_support;

use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};

use mdbx_typed::prelude::*;
use mdbx_typed::{Error, Result};
use serde::{Deserialize, Serialize};
use typed_support::TempDb;

/// Pain 7: the ends of a range are off by one, or a range that ends before it starts panics.
#[test]
fn pain_07_range_ends_are_wrong_or_panic() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    struct Reading {
        #[key]
        at: i32,
        #[index]
        value: i64,
    }
    let db = TempDb::open(schema![Reading])?;
    let rows: BTreeMap<i32, i64> = (-5..6).map(|at| (at * 2, i64::from(at * at))).collect();
    db.write(|tx| {
        let mut rows = rows.iter();
        rows.try_for_each(|(&at, &value)| tx.insert(&Reading { at, value }))
    })?;
    let tx = db.read()?;
    let ends = |value: i32| {
        [
            Bound::Included(value),
            Bound::Excluded(value),
            Bound::Unbounded,
        ]
    };
    // All nine shapes, at keys and between them, in order and reversed.
    for (a, b) in (-11..12).flat_map(|a| (-11..12).map(move |b| (a, b))) {
        for (lower, upper) in ends(a)
            .into_iter()
            .flat_map(|lower| ends(b).map(|upper| (lower, upper)))
        {
            let range = (lower, upper);
            let expected: Vec<i32> = rows
                .keys()
                .copied()
                .filter(|at| range.contains(at))
                .collect();
            let found: Vec<i32> = tx
                .by(reading::primary)
                .range(range)
                .ids()
                .collect::<Result<_>>()?;
            assert_eq!(found, expected, "{range:?}");
            let backward: Vec<i32> = tx
                .by(reading::primary)
                .range(range)
                .rev()
                .ids()
                .collect::<Result<_>>()?;
            assert!(
                backward.into_iter().rev().eq(expected),
                "{range:?} backward"
            );
            let values = (lower.map(i64::from), upper.map(i64::from));
            let expected = rows.values().filter(|value| values.contains(value)).count();
            assert_eq!(
                tx.by(reading::by_value).range(values).count()?,
                expected as u64,
                "{values:?}"
            );
        }
    }
    Ok(())
}

/// Pain 14: a row cannot have several entries in one index, so tags need a table of their own.
#[test]
fn pain_14_several_index_entries_per_row_cannot_be_expressed() -> Result<()> {
    #[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
    struct Post {
        #[key]
        id: u32,
        #[index(each)]
        tags: Vec<String>,
    }
    let post = |id, tags: &[&str]| Post {
        id,
        tags: tags.iter().map(|&tag| tag.into()).collect(),
    };
    let db = TempDb::open(schema![Post])?;
    db.write(|tx| {
        tx.insert(&post(1, &["red", "round", "red"]))?;
        tx.insert(&post(2, &["round"]))?;
        tx.insert(&post(3, &[]))
    })?;
    let tx = db.read()?;
    let ids = |tag: &str| {
        tx.by(post::by_tags)
            .eq(tag)
            .ids()
            .collect::<Result<Vec<u32>>>()
    };
    assert_eq!(
        ids("red")?,
        [1],
        "what a row has twice it has once in the index"
    );
    assert_eq!(ids("round")?, [1, 2]);
    let both = tx
        .by(post::by_tags)
        .eq("red")
        .and(tx.by(post::by_tags).eq("round"));
    assert_eq!(both.ids().collect::<Result<Vec<u32>>>()?, [1]);
    let tags: Vec<_> = tx.by(post::by_tags).keys().collect::<Result<_>>()?;
    assert_eq!(tags, ["red", "round"]);
    drop(tags);
    drop(tx);
    db.write(|tx| {
        tx.update::<Post>(1, |post| post.tags.retain(|tag| tag != "round"))?;
        let left = tx.by(post::by_tags).entries().collect::<Result<Vec<_>>>()?;
        assert_eq!(left, [("red".into(), 1), ("round".into(), 2)]);
        Ok(())
    })
}

/// Pain 15: a unique index over an optional field lets only one row go without a value.
#[test]
fn pain_15_unique_and_null_allow_only_one_row_without_a_value() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    struct User {
        #[key]
        id: u32,
        // `unique` alone is refused by the derive: tests/ui/index shows the message.
        #[index(unique, sparse)]
        phone: Option<String>,
    }
    let user = |id, phone: Option<&str>| User {
        id,
        phone: phone.map(str::to_owned),
    };
    let db = TempDb::open(schema![User])?;
    db.write(|tx| {
        tx.insert(&user(1, None))?;
        tx.insert(&user(2, None))?;
        tx.insert(&user(3, Some("555")))?;
        let error = tx.insert(&user(4, Some("555"))).unwrap_err();
        assert_eq!(error.existing_as::<User>(), Some(3));
        assert_eq!(tx.count::<User>()?, 3);
        assert_eq!(tx.by(user::by_phone).count()?, 1);
        tx.put(&user(3, None))?;
        tx.insert(&user(4, Some("555")))
    })
}

/// Pain 16: no composite unique index, or only with text in the last place or fixed widths.
#[test]
fn pain_16_composite_unique_indexes_are_missing_or_limited() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[index(by_tenant_name_port, on(tenant, name, port), unique)]
    struct Service {
        #[key]
        id: u32,
        tenant: String,
        name: String,
        port: Option<i16>,
    }
    let service = |id, tenant: &str, name: &str, port| Service {
        id,
        tenant: tenant.into(),
        name: name.into(),
        port,
    };
    let db = TempDb::open(schema![Service])?;
    db.write(|tx| {
        tx.insert(&service(1, "ab", "c", Some(-1)))?;
        // The same letters, cut elsewhere, are another key; so are a nul and another port.
        tx.insert(&service(2, "a", "bc", Some(-1)))?;
        tx.insert(&service(3, "ab", "c\0", Some(-1)))?;
        tx.insert(&service(4, "ab", "c", None))?;
        tx.insert(&service(5, "ab", "c", Some(1)))?;
        let error = tx.insert(&service(6, "ab", "c", Some(1))).unwrap_err();
        assert!(matches!(
            error,
            Error::UniqueViolation {
                index: "by_tenant_name_port",
                ..
            }
        ));
        let one = tx.get_by(service::by_tenant_name_port, ("ab", "c", None))?;
        assert_eq!(one.map(|one| one.id), Some(4));
        let ids = |tx: &WriteTxn<'_>, name: &str| {
            let of_name = tx.by(service::by_tenant_name_port).prefix(("ab", name));
            of_name.ids().collect::<Result<Vec<u32>>>()
        };
        assert_eq!(ids(tx, "c")?, [4, 1, 5], "in the order of the port");
        assert_eq!(
            tx.by(service::by_tenant_name_port)
                .prefix(("ab",))
                .count()?,
            4
        );
        Ok(())
    })
}

/// Pain 17: only integers can be ids, so that users hash their UUIDs and hope.
#[test]
fn pain_17_only_integers_can_be_ids() -> Result<()> {
    #[derive(Key, Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
    struct Uuid([u8; 16]);

    #[derive(Table, Serialize, Deserialize)]
    struct Session {
        #[key]
        id: Uuid,
        #[index]
        user: u32,
    }
    #[derive(Table, Serialize, Deserialize)]
    struct Page {
        #[key]
        site: String,
        #[key]
        path: String,
        #[index]
        views: u32,
    }
    let uuid = |n: u8| Uuid([n; 16]);
    let db = TempDb::open(schema![Session, Page])?;
    db.write(|tx| {
        for n in [200, 3, 77] {
            tx.insert(&Session {
                id: uuid(n),
                user: 1,
            })?;
        }
        for path in ["/", "/b", "/a"] {
            tx.insert(&Page {
                site: "x.org".into(),
                path: path.into(),
                views: 7,
            })?;
        }
        Ok(())
    })?;
    let tx = db.read()?;
    let ids: Vec<[u8; 16]> = tx
        .by(session::by_user)
        .eq(1)
        .rows()
        .map(|session| Ok(session?.id.0))
        .collect::<Result<_>>()?;
    assert_eq!(ids, [[3; 16], [77; 16], [200; 16]]);
    assert!(tx.get::<Page>(("x.org", "/b"))?.is_some());
    let pages = tx
        .by(page::by_views)
        .eq(7)
        .ids()
        .collect::<Result<Vec<_>>>()?;
    assert_eq!(pages[1], ("x.org".into(), "/a".into()));
    assert_eq!(tx.by(page::primary).starts_with(("x.org", "/")).count()?, 3);
    Ok(())
}

/// Pain 20: the duplicates of the engine show through: `upsert` adds an entry instead of replacing one, and a search for
/// one of them returns the next one.
#[test]
fn pain_20_duplicates_of_the_engine_are_traps() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    struct Account {
        #[key]
        id: u32,
        #[index]
        owner: u32,
        balance: i64,
    }
    let account = |id, owner, balance| Account { id, owner, balance };
    let db = TempDb::open(schema![Account])?;
    db.write(|tx| {
        for id in [1, 2, 3] {
            tx.insert(&account(id, 10, 0))?;
        }
        tx.put(&account(2, 10, 5))?;
        tx.upsert::<Account>(2, |old| {
            account(2, 10, old.map_or(0, |old| old.balance) + 1)
        })?;
        tx.put(&account(3, 20, 0))?;
        let entries = tx
            .by(account::by_owner)
            .entries()
            .collect::<Result<Vec<_>>>()?;
        assert_eq!(entries, [(10, 1), (10, 2), (20, 3)], "replaced, not added");
        assert_eq!(
            tx.get::<Account>(2)?.map(|account| account.balance),
            Some(6)
        );
        assert_eq!(
            tx.by(account::by_owner)
                .eq(15)
                .first()?
                .map(|account| account.id),
            None
        );
        let none = tx
            .by(account::by_owner)
            .eq(10)
            .and(tx.by(account::primary).eq(3));
        assert_eq!(none.count()?, 0, "and not the next one");
        Ok(())
    })
}

/// Pain 22: scans of a prefix are written by hand, with an upper bound that misses keys or takes in too many.
#[test]
fn pain_22_prefix_scans_are_written_by_hand() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[index(by_country_city, on(country, city))]
    struct Place {
        #[key]
        id: u32,
        country: String,
        city: String,
        #[index]
        code: Vec<u8>,
    }
    let places = [
        ("D", "München", &[0xFF][..]),
        ("DE", "Mainz", &[0xFF, 0xFF]),
        ("DE", "Mün", &[0xFF, 0xFF, 0]),
        ("DE", "München", &[0xFE, 0xFF]),
        ("DE", "Mün\u{10FFFF}", &[0xFE]),
        ("DE\0", "München", &[]),
    ];
    let db = TempDb::open(schema![Place])?;
    db.write(|tx| {
        for (id, (country, city, code)) in (0..).zip(places) {
            let (country, city, code) = (country.into(), city.into(), code.into());
            tx.insert(&Place {
                id,
                country,
                city,
                code,
            })?;
        }
        Ok(())
    })?;
    let tx = db.read()?;
    let city = || tx.by(place::by_country_city);
    assert_eq!(city().prefix(("DE",)).count()?, 4, "of whole components");
    let start = city().starts_with(("DE", "Mün"));
    assert_eq!(start.ids().collect::<Result<Vec<u32>>>()?, [2, 3, 4]);
    assert_eq!(
        city()
            .starts_with(("DE", "Mün"))
            .rev()
            .ids()
            .next()
            .transpose()?,
        Some(4)
    );
    // The largest byte has no successor.
    assert_eq!(tx.by(place::by_code).starts_with(&[0xFF]).count()?, 3);
    assert_eq!(tx.by(place::by_code).starts_with(&[0xFE, 0xFF]).count()?, 1);
    assert_eq!(tx.by(place::by_code).starts_with(&[]).count()?, 6);
    Ok(())
}

/// Pain 23: relations are loaded row by row behind the scenes, or saved by hand.
#[test]
fn pain_23_relations_cost_a_query_for_each_row() -> Result<()> {
    #[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
    struct Author {
        #[key]
        id: u32,
        name: String,
    }
    #[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
    struct Book {
        #[key]
        id: u32,
        #[index]
        author: u32,
        title: String,
    }
    let db = TempDb::open(schema![Author, Book])?;
    db.write(|tx| {
        for (id, name) in (0..).zip(["ann", "bob", "cid"]) {
            tx.insert(&Author {
                id,
                name: name.into(),
            })?;
        }
        for id in 0..6 {
            let title = format!("book {id}");
            tx.insert(&Book {
                id,
                author: id % 2,
                title,
            })?;
        }
        Ok(())
    })?;
    let tx = db.read()?;
    let authors = tx.by(author::primary);
    let pairs = authors.join(book::by_author, |author| author.id);
    let pairs: Vec<(String, u32)> = pairs
        .map(|pair| pair.map(|(author, book)| (author.name, book.id)))
        .collect::<Result<_>>()?;
    let of = |name: &str, book| (name.to_owned(), book);
    assert_eq!(
        pairs,
        [
            of("ann", 0),
            of("ann", 2),
            of("ann", 4),
            of("bob", 1),
            of("bob", 3),
            of("bob", 5)
        ]
    );
    // How many there are is known to the index.
    assert_eq!(tx.by(book::by_author).eq(0).count()?, 3);
    assert!(!tx.by(book::by_author).eq(2).exists()?);
    Ok(())
}
