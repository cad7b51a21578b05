//! Hash indexes: they find equal values, and of values that share a hash only the one that was asked for.

mod typed_support;

use std::collections::BTreeMap;

use mdbx_typed::prelude::*;
use mdbx_typed::{Error, Query, Result};
use serde::{Deserialize, Serialize};
use typed_support::{Rng, TempDb};

#[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq, Default)]
#[index(by_both, on(title, body), hash)]
#[index(by_loud_body, with = Self::loud, key = String, hash, when = Self::is_loud)]
struct Doc {
    #[key]
    id: u32,
    #[index(hash)]
    body: String,
    #[index(hash, unique, sparse)]
    slug: Option<String>,
    #[index(hash, each)]
    lines: Vec<String>,
    #[index(hash, fold = ascii)]
    title: String,
    #[index(hash)]
    note: Option<String>,
}

impl Doc {
    fn loud(&self) -> String {
        self.body.to_uppercase()
    }

    fn is_loud(&self) -> bool {
        self.body.ends_with('!')
    }
}

fn doc(id: u32, body: &str) -> Doc {
    Doc {
        id,
        body: body.into(),
        ..Doc::default()
    }
}

fn ids<I: Index<Table = Doc>>(query: Query<'_, I>) -> Vec<u32> {
    query.ids().collect::<Result<_>>().expect("readable")
}

/// Returns `count` texts of 64 letters that share their XXH64 hash.
///
/// A lane takes one word of each stripe of 32 bytes: it adds the word times a prime, turns and multiplies. So whatever
/// the first word was, there is a second one that makes the lane what it would have been.
fn colliding_texts(count: usize) -> Vec<String> {
    const PRIME_1: u64 = 0x9E37_79B1_85EB_CA87;
    const PRIME_2: u64 = 0xC2B2_AE3D_27D4_EB4F;
    // Newton's iteration doubles the number of right bits.
    let inverse = (0..6).fold(1u64, |x, _| {
        x.wrapping_mul(2u64.wrapping_sub(PRIME_2.wrapping_mul(x)))
    });
    let lane = |word: u64| {
        let lane = PRIME_1
            .wrapping_add(PRIME_2)
            .wrapping_add(word.wrapping_mul(PRIME_2));
        lane.rotate_left(31).wrapping_mul(PRIME_1)
    };
    let [first, second] = [*b"the same", *b" hash :)"].map(u64::from_le_bytes);
    let mut texts = Vec::new();
    let mut rng = Rng(0xC011_1DE5);
    while texts.len() < count {
        let other = rng.next() & 0x3F3F_3F3F_3F3F_3F3F | 0x4040_4040_4040_4040;
        let word = second.wrapping_add(lane(first).wrapping_sub(lane(other)).wrapping_mul(inverse));
        let mut bytes = [b'.'; 64];
        bytes[..8].copy_from_slice(&other.to_le_bytes());
        bytes[32..40].copy_from_slice(&word.to_le_bytes());
        if bytes.is_ascii() {
            texts.push(String::from_utf8(bytes.into()).expect("ASCII"));
        }
    }
    texts
}

/// A database with two rows that share the hash of their body, and one that does not.
fn colliding() -> Result<(TempDb, String, String)> {
    let mut texts = colliding_texts(2).into_iter();
    let mut text = || texts.next().expect("one of two");
    let (x, y) = (text(), text());
    let db = TempDb::open(schema![Doc])?;
    db.write(|tx| {
        tx.insert(&doc(1, &x))?;
        tx.insert(&doc(2, &y))?;
        tx.insert(&doc(3, "another"))?;
        tx.insert(&doc(4, &y))
    })?;
    Ok((db, x, y))
}

#[test]
fn the_texts_of_these_tests_share_a_hash() -> Result<()> {
    let (db, x, y) = colliding()?;
    assert_ne!(x, y);
    let tx = db.read()?;
    let entries: Vec<(u64, u32)> = tx.by(doc::by_body).entries().collect::<Result<_>>()?;
    let hash_of = |id| entries.iter().find(|entry| entry.1 == id).unwrap().0;
    assert_eq!(hash_of(1), hash_of(2));
    assert_ne!(hash_of(1), hash_of(3));
    assert_eq!(entries.len(), 4);
    Ok(())
}

#[test]
fn each_way_to_ask_for_one_value_leaves_out_the_others_with_its_hash() -> Result<()> {
    let (db, x, y) = colliding()?;
    let tx = db.read()?;
    let of = |text: &str| tx.by(doc::by_body).eq(text);
    assert_eq!(ids(of(&x)), [1]);
    assert_eq!(ids(of(&y)), [2, 4]);
    assert_eq!(ids(of(&y).rev()), [4, 2]);
    assert_eq!(ids(of(&x).rev()), [1]);
    assert_eq!((of(&x).count()?, of(&y).count()?), (1, 2));
    assert_eq!(of(&y).limit(1).count()?, 1);
    assert_eq!(ids(of(&y).limit(1)), [2], "the limit counts results");
    assert_eq!(ids(of(&y).skip_keys()), [2]);
    assert_eq!(ids(of(&y).skip_keys().rev()), [4]);
    assert_eq!(of(&y).first()?.map(|doc| doc.id), Some(2));
    assert_eq!(of(&y).last()?.map(|doc| doc.id), Some(4));
    assert_eq!(of(&x).one()?.map(|doc| doc.id), Some(1));
    assert!(matches!(of(&y).one(), Err(Error::NotOne { .. })));
    assert!(of(&x).exists()?);
    assert_eq!(of(&y).rows().count(), 2);
    assert_eq!(of(&y).entries().count(), 2);
    assert_eq!(of(&y).keys().count(), 1);
    let page = of(&y).page(1, None)?;
    assert_eq!(page.items[0].id, 2);
    let page = of(&y).page(1, page.next)?;
    assert_eq!((page.items[0].id, page.next), (4, None));
    Ok(())
}

#[test]
fn a_value_no_row_has_is_not_found_although_its_hash_is_there() -> Result<()> {
    let texts = colliding_texts(3);
    let db = TempDb::open(schema![Doc])?;
    db.write(|tx| {
        tx.insert(&doc(1, &texts[0]))?;
        tx.insert(&doc(2, &texts[1]))
    })?;
    let tx = db.read()?;
    let absent = || tx.by(doc::by_body).eq(&texts[2]);
    assert!(!absent().exists()?);
    assert_eq!(absent().count()?, 0);
    assert_eq!(absent().first()?, None);
    assert_eq!(absent().last()?, None);
    Ok(())
}

#[test]
fn an_index_without_a_key_visits_every_row() -> Result<()> {
    let (db, ..) = colliding()?;
    let tx = db.read()?;
    let mut all = ids(tx.by(doc::by_body));
    all.sort_unstable();
    assert_eq!(all, [1, 2, 3, 4]);
    assert_eq!(tx.by(doc::by_body).count()?, 4);
    assert_eq!(tx.by(doc::by_body).keys().count(), 2);
    Ok(())
}

#[test]
fn rows_that_share_a_hash_change_and_go_one_by_one() -> Result<()> {
    let (db, x, y) = colliding()?;
    db.write(|tx| {
        tx.update::<Doc>(1, |doc| doc.body.clone_from(&y))?;
        assert_eq!(ids(tx.by(doc::by_body).eq(&x)), [0; 0]);
        assert_eq!(ids(tx.by(doc::by_body).eq(&y)), [1, 2, 4]);
        tx.delete::<Doc>(2)?;
        assert_eq!(ids(tx.by(doc::by_body).eq(&y)), [1, 4]);
        tx.update::<Doc>(1, |doc| doc.body.clone_from(&x))?;
        assert_eq!(ids(tx.by(doc::by_body).eq(&x)), [1]);
        assert_eq!(ids(tx.by(doc::by_body).eq(&y)), [4]);
        assert_eq!(tx.by(doc::by_body).count()?, 3);
        Ok(())
    })
}

#[test]
fn a_unique_hash_index_compares_values_and_not_hashes() -> Result<()> {
    let texts = colliding_texts(3);
    let slugged = |id, slug: Option<&str>| Doc {
        slug: slug.map(str::to_owned),
        ..doc(id, "")
    };
    let db = TempDb::open(schema![Doc])?;
    db.write(|tx| {
        tx.insert(&slugged(1, Some(&texts[0])))?;
        tx.insert(&slugged(2, Some(&texts[1])))?;
        tx.insert(&slugged(3, None))?;
        tx.insert(&slugged(4, Some("")))?;
        let error = tx.insert(&slugged(9, Some(&texts[1]))).unwrap_err();
        assert!(matches!(
            error,
            Error::UniqueViolation {
                index: "by_slug",
                ..
            }
        ));
        assert_eq!(error.existing_as::<Doc>(), Some(2));
        let error = tx.insert(&slugged(9, Some(""))).unwrap_err();
        assert_eq!(error.existing_as::<Doc>(), Some(4), "an empty value too");
        assert!(!tx.contains::<Doc>(9)?);
        let by_slug = |tx: &WriteTxn<'_>, slug: &str| {
            let doc = tx.get_by(doc::by_slug, slug)?;
            Ok::<_, Error>(doc.map(|doc| doc.id))
        };
        assert_eq!(by_slug(tx, &texts[0])?, Some(1));
        assert_eq!(by_slug(tx, &texts[1])?, Some(2));
        assert_eq!(by_slug(tx, &texts[2])?, None);
        tx.put(&slugged(2, Some(&texts[1])))?;
        tx.put(&slugged(2, Some(&texts[2])))?;
        tx.put(&slugged(1, Some(&texts[1])))?;
        assert_eq!(by_slug(tx, &texts[0])?, None);
        assert_eq!(by_slug(tx, &texts[1])?, Some(1));
        Ok(())
    })
}

#[test]
fn two_elements_of_a_row_may_share_a_hash() -> Result<()> {
    let texts = colliding_texts(3);
    let lines = |id, lines: &[&String]| Doc {
        lines: lines.iter().map(|&line| line.clone()).collect(),
        ..doc(id, "")
    };
    let (x, y, z) = (&texts[0], &texts[1], &texts[2]);
    let db = TempDb::open(schema![Doc])?;
    db.write(|tx| {
        tx.insert(&lines(1, &[x, y, x]))?;
        tx.insert(&lines(2, &[y, z]))?;
        assert_eq!(tx.by(doc::by_lines).count()?, 2, "an entry for each hash");
        let of = |tx: &WriteTxn<'_>, line: &String| ids(tx.by(doc::by_lines).eq(line));
        assert_eq!(of(tx, x), [1]);
        assert_eq!(of(tx, y), [1, 2]);
        tx.put(&lines(1, &[x]))?;
        assert_eq!(of(tx, x), [1], "what is left of the hash keeps its entry");
        assert_eq!(of(tx, y), [2]);
        tx.put(&lines(1, &[z]))?;
        assert_eq!((of(tx, x), of(tx, z)), (vec![], vec![1, 2]));
        tx.put(&lines(1, &[]))?;
        assert_eq!(tx.by(doc::by_lines).count()?, 1);
        Ok(())
    })
}

#[test]
fn values_longer_than_any_key_are_found() -> Result<()> {
    let long = "long ".repeat(20_000);
    let db = TempDb::open(schema![Doc])?;
    db.write(|tx| {
        tx.insert(&Doc {
            title: "T".into(),
            slug: Some(long.clone()),
            ..doc(1, &long)
        })?;
        tx.insert(&doc(2, &long[1..]))?;
        assert_eq!(ids(tx.by(doc::by_body).eq(&long)), [1]);
        assert_eq!(ids(tx.by(doc::by_body).eq(&long[1..])), [2]);
        assert_eq!(ids(tx.by(doc::by_both).eq(("T", &long))), [1]);
        assert!(tx.get_by(doc::by_slug, &long)?.is_some());
        Ok(())
    })
}

#[test]
fn hashes_go_together_with_the_other_options() -> Result<()> {
    let db = TempDb::open(schema![Doc])?;
    db.write(|tx| {
        tx.insert(&Doc {
            title: "Hello".into(),
            note: Some("n".into()),
            ..doc(1, "loud!")
        })?;
        tx.insert(&Doc {
            title: "HELLO".into(),
            ..doc(2, "quiet")
        })
    })?;
    let tx = db.read()?;
    assert_eq!(ids(tx.by(doc::by_title).eq("hellO")), [1, 2]);
    assert_eq!(ids(tx.by(doc::by_note).eq(None)), [2]);
    assert_eq!(ids(tx.by(doc::by_note).eq(Some("n"))), [1]);
    assert_eq!(ids(tx.by(doc::by_loud_body).eq("LOUD!")), [1]);
    assert_eq!(tx.by(doc::by_loud_body).count()?, 1);
    assert_eq!(ids(tx.by(doc::by_both).eq(("HELLO", "quiet"))), [2]);
    assert_eq!(
        Doc::SCHEMA
            .indexes
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        [
            "on title, body: xxh64<(str, str)>",
            "partial computed: xxh64<str>",
            "on body: xxh64<str>",
            "unique sparse on slug: xxh64<str>",
            "each on lines: xxh64<str>",
            "on title: xxh64<ascii_fold<str>>",
            "on note: xxh64<option<str>>",
        ]
    );
    Ok(())
}

#[test]
fn an_entry_without_its_row_is_an_error() -> Result<()> {
    let (db, x, _) = colliding()?;
    let db = db.meddle(schema![Doc], |txn| {
        let rows = txn.open_table("doc").unwrap();
        assert!(txn.delete(rows, &1u32.to_be_bytes()).unwrap());
    })?;
    db.write(|tx| {
        let error = tx.by(doc::by_body).eq(&x).count().unwrap_err();
        assert!(matches!(
            error,
            Error::DanglingIndex {
                table: "doc",
                index: "by_body",
                ..
            }
        ));
        Ok(())
    })
}

#[test]
fn random_statements_on_colliding_values_agree_with_a_map() -> Result<()> {
    let seed = 0x5EED_0BAD;
    let mut texts = colliding_texts(4);
    texts.push("alone".into());
    let mut rng = Rng(seed);
    let db = TempDb::open(schema![Doc])?;
    let mut rows: BTreeMap<u32, Doc> = BTreeMap::new();
    for _ in 0..60 {
        db.write(|tx| {
            for _ in 0..8 {
                let id = rng.below(12);
                if rng.below(4) == 0 {
                    assert_eq!(tx.delete::<Doc>(id)?, rows.remove(&id).is_some());
                    continue;
                }
                let mut pick = || texts[rng.below(5) as usize].clone();
                let new = Doc {
                    slug: Some(pick()),
                    lines: vec![pick(), pick()],
                    ..doc(id, &pick())
                };
                let mut others = rows.values().filter(|row| row.id != id);
                let is_taken = others.any(|row| row.slug == new.slug);
                assert_eq!(tx.put(&new).is_err(), is_taken, "seed {seed:#x}");
                if !is_taken {
                    rows.insert(id, new);
                }
            }
            Ok(())
        })?;
        let tx = db.read()?;
        for text in &texts {
            let expect = |has: &dyn Fn(&Doc) -> bool| {
                let rows = rows.values().filter(|row| has(row));
                rows.map(|row| row.id).collect::<Vec<_>>()
            };
            let expected = expect(&|row| row.body == *text);
            assert_eq!(
                ids(tx.by(doc::by_body).eq(text)),
                expected,
                "seed {seed:#x}"
            );
            let expected = expect(&|row| row.lines.contains(text));
            assert_eq!(
                ids(tx.by(doc::by_lines).eq(text)),
                expected,
                "seed {seed:#x}"
            );
            let found = tx.get_by(doc::by_slug, text)?.map(|row| row.id);
            let expected = expect(&|row| row.slug.as_ref() == Some(text));
            assert_eq!(found, expected.first().copied(), "seed {seed:#x}");
        }
        assert_eq!(tx.by(doc::by_body).count()?, rows.len() as u64);
    }
    Ok(())
}

#[test]
fn rows_that_share_a_hash_are_loaded_unless_they_share_the_value() -> Result<()> {
    let texts = colliding_texts(3);
    let slugs = |ids: [u32; 3]| {
        let rows = ids.into_iter().zip(&texts);
        let rows = rows.map(|(id, text)| Doc {
            slug: Some(text.clone()),
            ..doc(id, text)
        });
        rows.collect::<Vec<Doc>>()
    };
    let assert_found = |db: &Database, expected: [u32; 3]| -> Result<()> {
        let tx = db.read()?;
        for (id, text) in expected.into_iter().zip(&texts) {
            assert_eq!(ids(tx.by(doc::by_body).eq(text.as_str())), [id]);
            let found = tx.get_by(doc::by_slug, text.as_str())?;
            assert_eq!(found.map(|doc| doc.id), Some(id));
        }
        assert!(db.verify()?.is_clean());
        Ok(())
    };
    let db = TempDb::open(schema![Doc])?;
    db.write(|tx| tx.load(slugs([5, 3, 4])))?;
    assert_found(&db, [5, 3, 4])?;

    // Around rows that have it, and within one load.
    db.write(|tx| tx.delete::<Doc>(3))?;
    let same = slugs([5, 9, 4]).remove(1);
    let taken = Doc {
        slug: Some(texts[0].clone()),
        ..doc(10, "ten")
    };
    let refuse = |rows: &[Doc]| {
        let refused = db.write(|tx| tx.load_sorted(rows));
        assert!(matches!(
            refused,
            Err(Error::UniqueViolation {
                index: "by_slug",
                ..
            })
        ));
    };
    refuse(&[same.clone(), taken]);
    let twice = Doc {
        id: 11,
        ..same.clone()
    };
    refuse(&[same.clone(), twice]);
    db.write(|tx| tx.load_sorted([same]))?;
    assert_found(&db, [5, 9, 4])
}
