//! Rows read without their structs: every shape, both codecs, raw rows, older layouts, every kind of key, damage.

mod typed_support;

use std::collections::{BTreeMap, BTreeSet};

use mdbx_typed::prelude::*;
use mdbx_typed::{Error, Postcard, Result, Value};
use serde::{Deserialize, Serialize};
use typed_support::items::random_items;
use typed_support::{Rng, TempDb};

#[derive(Key, Serialize, Deserialize, Debug, Clone, Copy, PartialEq)]
enum Colour {
    Red,
    Blue = 7,
    Grey = 400,
}

/// Declares a struct with a field of every shape, stored by a codec.
macro_rules! wide {
    ($name:ident, $codec:ident) => {
        #[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
        #[table(codec = $codec)]
        struct $name {
            #[key]
            id: u32,
            yes: bool,
            a: (u8, i8),
            b: (u16, i16),
            c: (u32, i32),
            d: (u64, i64),
            e: (u128, i128),
            single: f32,
            double: f64,
            letter: char,
            text: String,
            bytes: Vec<u8>,
            list: Vec<String>,
            set: BTreeSet<i64>,
            array: [u16; 3],
            digest: [u8; 4],
            maybe: Option<i32>,
            twice: Option<Option<u8>>,
            names: BTreeMap<String, u64>,
            numbers: BTreeMap<i8, Vec<bool>>,
            colour: Colour,
            nothing: (),
            nothings: Vec<()>,
        }

        impl $name {
            fn random(id: u32, rng: &mut Rng) -> $name {
                let mut bits = || rng.next() >> (rng.next() % 64);
                let wide = u128::from(bits()) << 64 | u128::from(bits());
                let wide = wide >> (bits() % 128);
                let text = |n: u64| {
                    "\0\"\\\u{1}\n,é\u{10FFFF}x"
                        .chars()
                        .cycle()
                        .skip(n as usize % 9)
                        .take(n as usize % 20)
                        .collect::<String>()
                };
                $name {
                    id,
                    yes: bits() % 2 == 0,
                    a: (bits() as u8, bits() as i8),
                    b: (bits() as u16, bits() as i16),
                    c: (bits() as u32, bits() as i32),
                    d: (bits(), bits() as i64),
                    e: (wide, -(wide as i128 >> 1)),
                    single: f32::from_bits(bits() as u32),
                    double: f64::from_bits(rng.next()),
                    letter: text(rng.next()).chars().next().unwrap_or('q'),
                    text: text(rng.next()),
                    bytes: rng.next().to_le_bytes()[..rng.below(9) as usize].to_vec(),
                    list: (0..rng.below(4)).map(|_| text(rng.next())).collect(),
                    set: (0..rng.below(4)).map(|_| rng.next() as i64).collect(),
                    array: [rng.next() as u16, 250, 251],
                    digest: (rng.next() as u32).to_le_bytes(),
                    maybe: (rng.below(2) == 0).then(|| rng.next() as i32),
                    twice: [None, Some(None), Some(Some(5))][rng.below(3) as usize],
                    names: (0..rng.below(3))
                        .map(|n| (text(u64::from(n)), rng.next()))
                        .collect(),
                    numbers: (0..rng.below(3))
                        .map(|n| (-(n as i8), vec![true; n as usize]))
                        .collect(),
                    colour: [Colour::Red, Colour::Blue, Colour::Grey][rng.below(3) as usize],
                    nothing: (),
                    nothings: vec![(); rng.below(3) as usize],
                }
            }
        }
    };
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "any bits will do"
)]
mod wide {
    use super::*;
    use mdbx_typed::Bincode;

    wide!(InBincode, Bincode);
    wide!(InPostcard, Postcard);

    #[test]
    fn values_read_by_shape_are_those_that_serde_reads() -> Result<()> {
        let seed = 0x5EED_0001;
        println!("seed {seed:#x}");
        let mut rng = Rng(seed);
        let db = TempDb::open(schema![InBincode, InPostcard])?;
        for id in 0..400 {
            db.write(|tx| {
                tx.insert(&InBincode::random(id, &mut rng))?;
                tx.insert(&InPostcard::random(id, &mut rng))
            })?;
        }
        let tx = db.read()?;
        let (mut typed, mut untyped) = (Vec::new(), Vec::new());
        db.export_jsonl::<InBincode>(&mut typed)?;
        tx.dynamic("in_bincode")?.export_jsonl(&mut untyped)?;
        assert_eq!(String::from_utf8(typed), String::from_utf8(untyped));
        let (mut typed, mut untyped) = (Vec::new(), Vec::new());
        db.export_jsonl::<InPostcard>(&mut typed)?;
        tx.dynamic("in_postcard")?.export_jsonl(&mut untyped)?;
        assert_eq!(String::from_utf8(typed), String::from_utf8(untyped));
        Ok(())
    }

    #[test]
    fn changed_bytes_are_an_error_or_other_values() -> Result<()> {
        let seed = 0x5EED_0002;
        println!("seed {seed:#x}");
        let mut rng = Rng(seed);
        let db = TempDb::open(schema![InBincode, InPostcard])?;
        db.write(|tx| {
            for id in 0..200 {
                tx.insert(&InBincode::random(id, &mut rng))?;
                tx.insert(&InPostcard::random(id, &mut rng))?;
            }
            Ok(())
        })?;
        let mut flipped = 0;
        let db = db.meddle(schema![InBincode, InPostcard], |txn| {
            for name in ["in_bincode", "in_postcard"] {
                let table = txn.open_table(name).unwrap();
                let mut rows = Vec::new();
                let mut cursor = txn.cursor(table).unwrap();
                let mut next = cursor.first().unwrap();
                while let Some((key, value)) = next {
                    rows.push((key.to_vec(), value.to_vec()));
                    next = cursor.next().unwrap();
                }
                drop(cursor);
                for (key, mut value) in rows {
                    for _ in 0..=rng.below(3) {
                        let at = rng.next() as usize % value.len();
                        value[at] ^= 1 << rng.below(8);
                    }
                    value.truncate(value.len() - rng.below(2) as usize);
                    txn.put(table, &key, &value).unwrap();
                    flipped += 1;
                }
            }
        })?;
        let tx = db.read()?;
        let (mut read, mut refused) = (0, 0);
        for name in ["in_bincode", "in_postcard"] {
            for row in tx.dynamic(name)?.rows()? {
                match row {
                    Ok(row) => {
                        assert!(row.to_string().starts_with('{'));
                        read += 1;
                    }
                    Err(error) => {
                        assert!(matches!(error, Error::Unreadable { .. }), "{error}");
                        assert!(error.is_corruption());
                        refused += 1;
                    }
                }
            }
        }
        assert_eq!(read + refused, flipped);
        assert!(read > 0 && refused > 0, "{read} read, {refused} refused");
        Ok(())
    }
}

/// Returns the rows of a table, as text.
fn rows(tx: &ReadTxn<'_>, table: &str) -> Result<Vec<String>> {
    let rows = tx.dynamic(table)?.rows()?;
    rows.map(|row| Ok(row?.to_string())).collect()
}

#[derive(Table, Serialize, Deserialize)]
#[index(by_country_age, on(country, age))]
struct User {
    #[key(auto)]
    id: u64,
    #[index(unique)]
    email: String,
    country: String,
    age: u8,
}

impl User {
    fn insert_some(db: &Database) -> Result<()> {
        db.write(|tx| {
            for (name, country, age) in [("ann", "DE", 30), ("bob", "NO", 45), ("cy", "DE", 52)] {
                let email = format!("{name}@x.org");
                tx.insert_new(|id| User {
                    id,
                    email: email.clone(),
                    country: country.into(),
                    age,
                })?;
            }
            Ok(())
        })?;
        Ok(())
    }
}

#[test]
fn a_file_is_browsed_without_any_struct() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.mdbx");
    assert!(Database::browse(&path).is_err(), "it creates nothing");
    let db = Database::open(&path, schema![User])?;
    User::insert_some(&db)?;
    drop(db);
    let before = std::fs::read(&path).unwrap();
    let db = Database::browse(&path)?;
    assert!(matches!(
        db.read()?.dynamic("nobody"),
        Err(Error::NoSuchTable { .. })
    ));
    let tx = db.read()?;
    let users = tx.dynamic("user")?;
    let info = users.info();
    assert_eq!((info.rows, info.sequence), (3, 3));
    assert_eq!(info.key, ["id"]);
    assert_eq!(
        info.to_string(),
        "user: 3 rows, bincode-2-standard\n  \
         ├ id       u64  key\n  \
         ├ email    str\n  \
         ├ country  str\n  \
         └ age      u8\n  \
         # by_country_age  on country, age: (str, u8)\n  \
         # by_email        unique on email: str"
    );
    assert_eq!(tx.tables()?, std::slice::from_ref(info));
    assert_eq!(std::fs::read(&path).unwrap(), before, "nothing was written");
    Ok(())
}

#[test]
fn keys_are_given_as_values() -> Result<()> {
    let db = TempDb::open(schema![User])?;
    User::insert_some(&db)?;
    let tx = db.read()?;
    let users = tx.dynamic("user")?;
    let bob = users.get(2u8)?.unwrap();
    assert_eq!(bob.get("email"), Some(&"bob@x.org".into()));
    assert_eq!(
        (bob.get("none"), bob.hidden(), bob.revision()),
        (None, None, 1)
    );
    assert_eq!(
        users.get("2")?,
        Some(bob.clone()),
        "digits are a number where one is asked for"
    );
    assert_eq!(users.get(9)?, None);
    assert_eq!(users.by("by_email")?.eq("bob@x.org")?.first()?, Some(bob));
    let german = users.by("by_country_age")?.prefix(("DE",))?;
    let ages = |query: &mdbx_typed::DynamicQuery<'_>| -> Result<Vec<u64>> {
        query
            .rows()?
            .map(|row| Ok(row?.get("age").unwrap().as_u64().unwrap()))
            .collect()
    };
    assert_eq!(ages(&german)?, [30, 52]);
    assert_eq!(ages(&german.clone().rev())?, [52, 30]);
    assert_eq!(ages(&german.limit(1))?, [30]);
    let range = users.by("by_country_age")?.range(("DE", 31)..)?;
    assert_eq!(range.count()?, 2);
    let entries: Vec<String> = range
        .entries()?
        .map(|entry| entry.map(|(key, id)| format!("{key} {id}")))
        .collect::<Result<_>>()?;
    assert_eq!(entries, ["[\"DE\", 52] 3", "[\"NO\", 45] 2"]);
    let text: Value = r#"["DE", 30]"#.parse().unwrap();
    assert_eq!(users.by("by_country_age")?.eq(text)?.count()?, 1);
    for (error, says) in [
        (
            users.get("x").unwrap_err(),
            "table `user`: no key of `primary`: \"x\" is not a `u64`",
        ),
        (
            users.get(-1).unwrap_err(),
            "table `user`: no key of `primary`: -1 is not a `u64`",
        ),
        (
            users.by("by_age").unwrap_err(),
            "table `user`: the file has no index `by_age` that is up to date",
        ),
        (
            users.by("by_email")?.prefix("x").unwrap_err(),
            "table `user`: no key of `by_email`: a key of one component has no prefix",
        ),
        (
            users.by("by_country_age")?.eq("DE").unwrap_err(),
            "table `user`: no key of `by_country_age`: \"DE\" is not a list of 2",
        ),
    ] {
        assert_eq!(error.to_string(), says);
    }
    Ok(())
}

#[test]
fn a_prefix_of_all_components_is_the_key() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[index(by_name, on(last, first))]
    struct Person {
        #[key]
        id: u64,
        first: String,
        last: String,
    }
    let db = TempDb::open(schema![Person])?;
    let person = |id, first: &str, last: &str| Person {
        id,
        first: first.into(),
        last: last.into(),
    };
    db.write(|tx| {
        tx.insert(&person(1, "Ann", "Lee"))?;
        tx.insert(&person(2, "Anna", "Lee"))
    })?;
    let tx = db.read()?;
    let names = || tx.dynamic("person")?.by("by_name");
    assert_eq!(names()?.prefix(("Lee", "Ann"))?.count()?, 1);
    assert_eq!(names()?.prefix(("Lee",))?.count()?, 2);
    assert!(names()?.prefix(("Lee", "Ann", 1u8)).is_err());
    Ok(())
}

#[test]
fn an_option_in_an_option_is_found_in_descending_order() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[index(by_mark, on(mark, id), desc(mark))]
    #[expect(clippy::option_option, reason = "keys have both")]
    struct Sheet {
        #[key]
        id: u64,
        mark: Option<Option<u8>>,
    }
    let marks = [None, Some(None), Some(Some(0))];
    let rows: Vec<Sheet> = (0..)
        .zip(marks)
        .map(|(id, mark)| Sheet { id, mark })
        .collect();
    let db = TempDb::open(schema![Sheet])?;
    db.write(|tx| rows.iter().try_for_each(|row| tx.insert(row)))?;
    let tx = db.read()?;
    let sheets = tx.dynamic("sheet")?;
    for entry in sheets.by("by_mark")?.entries()? {
        let (key, primary) = entry?;
        let found = sheets.by("by_mark")?.eq(key)?.first()?.unwrap();
        assert_eq!(found.key(), &primary);
    }
    Ok(())
}

#[test]
fn a_value_that_does_not_equal_itself_is_found_by_its_hash() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    struct Sample {
        #[key]
        id: u64,
        #[index(hash)]
        value: TotalF64,
    }
    let db = TempDb::open(schema![Sample])?;
    db.write(|tx| {
        let value = f64::NAN.into();
        tx.insert(&Sample { id: 1, value })
    })?;
    let tx = db.read()?;
    let samples = tx.dynamic("sample")?.by("by_value")?;
    assert_eq!(samples.clone().eq(f64::NAN)?.rows()?.count(), 1);
    assert_eq!(samples.eq(0.0)?.rows()?.count(), 0);
    Ok(())
}

#[test]
fn every_kind_of_index_can_be_listed_and_asked() -> Result<()> {
    let mut rng = Rng(77);
    let (db, model) = random_items(60, &mut rng)?;
    let tx = db.read()?;
    let items = tx.dynamic("item")?;
    assert_eq!(items.rows()?.count(), model.len());
    for index in &items.info().indexes {
        let query = items.by(&index.name)?;
        let entries: Vec<(Value, Value)> = query.entries()?.collect::<Result<_>>()?;
        assert_eq!(entries.len() as u64, query.count()?, "{}", index.name);
        let mut backward: Vec<_> = query.clone().rev().entries()?.collect::<Result<_>>()?;
        backward.reverse();
        assert_eq!(entries, backward, "{}", index.name);
        if index.shape.starts_with("xxh64") {
            continue;
        }
        for (key, id) in &entries {
            let found = items.by(&index.name)?.eq(key.clone())?;
            let mut ids = found.entries()?.map(|entry| entry.map(|(_, id)| id));
            assert!(
                ids.any(|own| own.is_ok_and(|own| own == *id)),
                "{} {key}",
                index.name
            );
        }
    }
    for item in model.values() {
        let same: Vec<_> = items
            .by("by_body")?
            .eq(item.body.as_str())?
            .rows()?
            .collect::<Result<_>>()?;
        let expected = model
            .values()
            .filter(|other| other.body == item.body)
            .count();
        assert_eq!(same.len(), expected);
        assert!(
            same.iter()
                .all(|row| row.get("body") == Some(&item.body.as_str().into()))
        );
        let key = (item.rank, item.group);
        let down: Vec<_> = tx
            .by(typed_support::items::item::by_rank_down)
            .eq(key)
            .ids()
            .collect::<Result<_>>()?;
        let found = items.by("by_rank_down")?.eq(key)?.rows()?;
        let found: Vec<_> = found
            .map(|row| Ok(row?.key().as_u64().unwrap()))
            .collect::<Result<_>>()?;
        assert!(found.into_iter().eq(down.into_iter().map(u64::from)));
    }
    assert!(
        items.by("by_body")?.range("a".."b").is_err(),
        "hashes have no order"
    );
    Ok(())
}

#[test]
fn keys_of_every_kind_are_read() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[index(by_all, with = Self::all, key = (String, Option<i16>, Desc<String>, char, TotalF64, bool))]
    #[index(by_colour, on(colour, id), desc(colour))]
    struct Thing {
        #[key]
        name: String,
        #[key]
        id: i128,
        #[key]
        tag: [u8; 2],
        colour: Colour,
    }
    impl Thing {
        fn all(&self) -> (String, Option<i16>, Desc<String>, char, TotalF64, bool) {
            let number = self.tag[0];
            (
                self.name.clone(),
                Some(-5),
                Desc("a\0b".into()),
                'é',
                TotalF64(f64::from(number) / 2.0),
                true,
            )
        }
    }
    let db = TempDb::open(schema![Thing])?;
    db.write(|tx| {
        tx.insert(&Thing {
            name: "x\0\u{1}".into(),
            id: i128::MIN,
            tag: [0, 255],
            colour: Colour::Grey,
        })?;
        tx.insert(&Thing {
            name: String::new(),
            id: 7,
            tag: [1, 2],
            colour: Colour::Red,
        })
    })?;
    let tx = db.read()?;
    let things = tx.dynamic("thing")?;
    let entries = |index: &str| -> Result<Vec<String>> {
        let entries = things.by(index)?.entries()?;
        entries
            .map(|entry| entry.map(|(key, id)| format!("{key} {id}")))
            .collect()
    };
    let first = r#"["", 7, "0x0102"]"#;
    let second = r#"["x\u0000\u0001", "-170141183460469231731687303715884105728", "0x00ff"]"#;
    assert_eq!(
        entries("primary")?,
        [format!("{first} {first}"), format!("{second} {second}")]
    );
    assert_eq!(
        entries("by_all")?,
        [
            format!(r#"["", -5, "a\u0000b", "é", 0.5, true] {first}"#),
            format!(r#"["x\u0000\u0001", -5, "a\u0000b", "é", 0.0, true] {second}"#),
        ]
    );
    assert_eq!(
        entries("by_colour")?,
        [
            format!(r#"["Grey", "-170141183460469231731687303715884105728"] {second}"#),
            format!(r#"["Red", 7] {first}"#),
        ]
    );
    let key: Value = second.parse().unwrap();
    assert_eq!(
        things.get(key)?.unwrap().get("colour"),
        Some(&Value::Enum("Grey".into(), None))
    );
    assert_eq!(things.by("by_colour")?.prefix("Red")?.count()?, 1);
    Ok(())
}

#[test]
fn raw_rows_are_read() -> Result<()> {
    #[derive(Plain, Clone, Copy)]
    #[repr(C)]
    struct Quote {
        price: le::I64,
        size: le::F32,
    }
    #[derive(Table, Plain, Clone, Copy)]
    #[table(raw)]
    #[repr(C)]
    struct Tick {
        #[key]
        symbol: [u8; 4],
        #[key]
        at: le::U64,
        quotes: [Quote; 2],
        flags: i8,
    }
    let db = TempDb::open(schema![Tick])?;
    let quote = Quote {
        price: (-3).into(),
        size: 0.5.into(),
    };
    db.write(|tx| {
        tx.insert(&Tick {
            symbol: *b"ABCD",
            at: 7.into(),
            quotes: [quote; 2],
            flags: -1,
        })
    })?;
    let tx = db.read()?;
    assert_eq!(
        rows(&tx, "tick")?,
        [r#"{"symbol": "0x41424344", "at": 7, "quotes": [[-3, 0.5], [-3, 0.5]], "flags": -1}"#]
    );
    assert!(tx.dynamic("tick")?.get((b"ABCD".as_slice(), 7))?.is_some());
    Ok(())
}

mod old {
    use super::*;

    #[derive(Table, Serialize, Deserialize)]
    pub(super) struct Person {
        #[key]
        pub(super) id: u8,
        pub(super) years: u8,
    }
}

#[test]
fn rows_of_older_layouts_are_read_by_their_own_fields() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    struct Person {
        #[key]
        id: u8,
        #[field(was = "years")]
        age: u8,
        #[serde(default)]
        note: String,
    }
    let db = TempDb::open(schema![old::Person])?;
    db.write(|tx| tx.insert(&old::Person { id: 1, years: 30 }))?;
    let db = db.reopen(schema![Person])?;
    db.write(|tx| {
        tx.insert(&Person {
            id: 2,
            age: 40,
            note: "x".into(),
        })
    })?;
    let tx = db.read()?;
    let all = rows(&tx, "person")?;
    assert_eq!(all[0], r#"{"id": 1, "years": 30}"#);
    assert_eq!(all[1], r#"{"id": 2, "age": 40, "note": "x"}"#);
    let first = tx.dynamic("person")?.get(1u8)?.unwrap();
    assert_eq!((first.revision(), first.hidden()), (1, None));
    assert_eq!(tx.dynamic("person")?.info().revisions.len(), 2);
    Ok(())
}

#[test]
fn a_type_that_is_not_known_hides_what_follows_it_and_nothing_else() -> Result<()> {
    #[derive(Serialize, Deserialize)]
    struct Address {
        street: String,
        number: u16,
    }
    #[derive(Table, Serialize, Deserialize)]
    struct Shop {
        #[key]
        id: u8,
        name: String,
        old: Option<Address>,
        address: Address,
        city: String,
    }
    let db = TempDb::open(schema![Shop])?;
    let address = || Address {
        street: "A".into(),
        number: 9,
    };
    db.write(|tx| {
        tx.insert(&Shop {
            id: 1,
            name: "x".into(),
            old: None,
            address: address(),
            city: "B".into(),
        })
    })?;
    let tx = db.read()?;
    let shop = tx.dynamic("shop")?.get(1)?.unwrap();
    assert_eq!(
        shop.to_string(),
        r#"{"id": 1, "name": "x", "old": "0x00014109"#.to_owned() + r#"0142"}"#
    );
    assert_eq!(shop.get("city"), None);
    assert_eq!(
        shop.hidden().unwrap(),
        "behind `old`, whose type is not known: `address`, `city`"
    );
    Ok(())
}

#[test]
fn a_write_transaction_browses_its_own_changes() -> Result<()> {
    let db = TempDb::open(schema![old::Person])?;
    db.write(|tx| {
        tx.insert(&old::Person { id: 5, years: 1 })?;
        assert_eq!(tx.dynamic("person")?.rows()?.count(), 1);
        assert_eq!(tx.tables()?[0].rows, 1);
        Ok(())
    })
}
