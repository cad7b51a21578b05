//! The bytes of rows, spelled out: what is stored today is read by every later version.

mod typed_support;

use std::collections::BTreeMap;
use std::fmt::Debug;

use mdbx_typed::prelude::*;
use mdbx_typed::{Bincode, Codec, CodecError, Postcard, Result};
use serde::{Deserialize, Serialize};
use typed_support::TempDb;

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
struct Unit;

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
struct Newtype(u32);

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
struct Pair(i8, String);

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
enum Kind {
    Unit,
    Newtype(u16),
    Tuple(u8, bool),
    Struct { a: i32, b: Option<u8> },
}

/// Bytes that serde sees as bytes, not as a list.
#[derive(Debug, PartialEq, Clone)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        <&[u8]>::deserialize(from).map(|bytes| Bytes(bytes.to_vec()))
    }
}

fn hex(bytes: &[u8]) -> String {
    mdbx_typed::KeyBytes::from(bytes).to_string().split_off(2)
}

/// Asserts that a codec stores `value` as these bytes, and that they and no others give it back.
fn golden<C: Codec, T>(value: &T, expected: &str)
where
    T: Serialize + for<'t> Deserialize<'t> + PartialEq + Debug,
{
    let mut bytes = Vec::new();
    C::encode(value, &mut bytes).expect("it can be stored");
    assert_eq!(hex(&bytes), expected, "{} of {value:?}", C::NAME);
    assert_eq!(C::decode::<T>(&bytes).as_ref(), Ok(value));
    bytes.push(0);
    assert!(
        C::decode::<T>(&bytes).is_err(),
        "{} of {value:?} with a byte too many",
        C::NAME
    );
    assert_eq!(C::decode_head::<T>(&bytes).as_ref(), Ok(value));
}

/// As [`golden`], for both codecs.
fn both<T>(value: &T, bincode: &str, postcard: &str)
where
    T: Serialize + for<'t> Deserialize<'t> + PartialEq + Debug,
{
    golden::<Bincode, T>(value, bincode);
    golden::<Postcard, T>(value, postcard);
}

#[test]
fn integers_are_stored_as_ever() {
    both(&0u8, "00", "00");
    both(&255u8, "ff", "ff");
    both(&-1i8, "ff", "ff");
    both(&250u16, "fa", "fa01");
    both(&251u16, "fbfb00", "fb01");
    both(&u16::MAX, "fbffff", "ffff03");
    both(&65_536u32, "fc00000100", "808004");
    both(&u32::MAX, "fcffffffff", "ffffffff0f");
    both(&u64::MAX, "fdffffffffffffffff", "ffffffffffffffffff01");
    both(
        &u128::MAX,
        "feffffffffffffffffffffffffffffffff",
        "ffffffffffffffffffffffffffffffffffff03",
    );
    both(&-1i16, "01", "01");
    both(&300i32, "fb5802", "d804");
    both(&-300i32, "fb5702", "d704");
    both(&i64::MIN, "fdffffffffffffffff", "ffffffffffffffffff01");
    both(
        &i128::MIN,
        "feffffffffffffffffffffffffffffffff",
        "ffffffffffffffffffffffffffffffffffff03",
    );
}

#[test]
fn scalars_are_stored_as_ever() {
    both(&true, "01", "01");
    both(&false, "00", "00");
    both(&1.5f32, "0000c03f", "0000c03f");
    both(&-2.0f64, "00000000000000c0", "00000000000000c0");
    both(&'a', "61", "0161");
    both(&'é', "c3a9", "02c3a9");
    both(&String::from("hé"), "0368c3a9", "0368c3a9");
    both(&String::new(), "00", "00");
    both(&Bytes(vec![1, 0xFF]), "0201ff", "0201ff");
    both(&None::<u8>, "00", "00");
    both(&Some(5u8), "0105", "0105");
    both(&Some(None::<u8>), "0100", "0100");
    both(&(), "", "");
}

#[test]
fn compounds_are_stored_as_ever() {
    both(&Unit, "", "");
    both(&Newtype(300), "fb2c01", "ac02");
    both(&Pair(-3, "x".into()), "fd0178", "fd0178");
    both(&Kind::Unit, "00", "00");
    both(&Kind::Newtype(300), "01fb2c01", "01ac02");
    both(&Kind::Tuple(7, true), "020701", "020701");
    both(&Kind::Struct { a: -1, b: None }, "030100", "030100");
    both(&Vec::<u8>::new(), "00", "00");
    both(&vec![1u16, 300], "0201fb2c01", "0201ac02");
    both(&[7u8; 3], "070707", "070707");
    both(&(1u8, "a".to_owned(), false), "01016100", "01016100");
    both(
        &BTreeMap::from([(1u8, "x".to_owned()), (2, String::new())]),
        "020101780200",
        "020101780200",
    );
}

#[derive(Table, Serialize, Deserialize, Debug, PartialEq, Clone)]
#[table(name = "row", module = row)]
struct Row {
    #[key]
    id: u64,
    name: String,
    score: f32,
    tags: Vec<String>,
    kind: Kind,
    #[serde(skip)]
    cache: u8,
    note: Option<Newtype>,
}

#[derive(Table, Serialize, Deserialize, Debug, PartialEq, Clone)]
#[table(name = "row", module = card, codec = Postcard)]
struct Card {
    #[key]
    id: u64,
    name: String,
    score: f32,
    tags: Vec<String>,
    kind: Kind,
    #[serde(skip)]
    cache: u8,
    note: Option<Newtype>,
}

fn row_of_all_kinds() -> Row {
    Row {
        id: 300,
        name: "ann".into(),
        score: 0.5,
        tags: vec!["a".into(), "b".into()],
        kind: Kind::Struct { a: 1, b: Some(9) },
        cache: 0,
        note: Some(Newtype(251)),
    }
}

fn card_of_all_kinds() -> Card {
    let Row {
        id,
        name,
        score,
        tags,
        kind,
        cache,
        note,
    } = row_of_all_kinds();
    Card {
        id,
        name,
        score,
        tags,
        kind,
        cache,
        note,
    }
}

/// Returns the stored key and row, with its revision, as they are in the engine.
fn stored(db: TempDb, schema: &mdbx_typed::Schema) -> Result<(TempDb, String)> {
    let mut found = String::new();
    let db = db.meddle(schema, |txn| {
        let table = txn.open_table("row").expect("it is there");
        let rows = txn.table(table).expect("it is there");
        let (key, value) = rows.first().expect("readable").expect("a row");
        found = format!("{} = {}", hex(key), hex(value));
    })?;
    Ok((db, found))
}

#[test]
fn whole_rows_are_stored_as_ever() -> Result<()> {
    let db = TempDb::open(schema![Row])?;
    db.write(|tx| tx.insert(&row_of_all_kinds()))?;
    let (db, bytes) = stored(db, schema![Row])?;
    assert_eq!(
        bytes,
        "000000000000012c = 01fb2c0103616e6e0000003f02016101620302010901fbfb00"
    );
    assert_eq!(db.read()?.get::<Row>(300)?, Some(row_of_all_kinds()));

    let db = TempDb::open(schema![Card])?;
    db.write(|tx| tx.insert(&card_of_all_kinds()))?;
    let (db, bytes) = stored(db, schema![Card])?;
    assert_eq!(
        bytes,
        "000000000000012c = 01ac0203616e6e0000003f02016101620302010901fb01"
    );
    assert_eq!(db.read()?.get::<Card>(300)?, Some(card_of_all_kinds()));
    Ok(())
}

#[test]
fn a_table_of_one_codec_is_not_read_with_another() -> Result<()> {
    let db = TempDb::open(schema![Row])?;
    db.write(|tx| tx.insert(&row_of_all_kinds()))?;
    let error = db.reopen(schema![Card]).err().expect("it opened");
    assert_eq!(
        error.to_string(),
        "the tables in the file are not those of this program\n\
         table `row`:\n  the codec was `bincode-2-standard`, now it is `postcard-1`\n\
         help: write the stored codec with #[table(codec = ..)], or keep the old struct with it and write \
         #[table(upgrade_from = OldStruct)] above the new one"
    );
    Ok(())
}

#[test]
fn a_row_moves_to_another_codec_by_conversion() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "row", module = moved, codec = Postcard, upgrade_from = Row)]
    struct Moved {
        #[key]
        id: u64,
        name: String,
    }
    impl From<Row> for Moved {
        fn from(old: Row) -> Self {
            Moved {
                id: old.id,
                name: old.name,
            }
        }
    }
    let db = TempDb::open(schema![Row])?;
    db.write(|tx| tx.insert(&row_of_all_kinds()))?;
    let db = db.reopen(schema![Moved])?;
    assert_eq!(db.read()?.get::<Moved>(300)?.unwrap().name, "ann");
    assert_eq!(db.migrate()?, 1);
    let (db, bytes) = stored(db, schema![Moved])?;
    assert_eq!(bytes, "000000000000012c = 02ac0203616e6e");
    assert_eq!(db.read()?.get::<Moved>(300)?.unwrap().name, "ann");
    Ok(())
}

#[test]
fn both_codecs_fill_in_appended_fields() {
    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct Two<'a> {
        a: u16,
        b: &'a str,
    }
    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct Four<'a> {
        a: u16,
        b: &'a str,
        #[serde(default)]
        c: Option<Kind>,
        #[serde(default = "eight")]
        d: u8,
    }
    fn eight() -> u8 {
        8
    }
    fn grow<C: Codec>() -> Result<(), CodecError> {
        let mut bytes = Vec::new();
        C::encode(&Two { a: 300, b: "x" }, &mut bytes)?;
        let four: Four<'_> = C::decode_leading(&bytes, 2)?;
        let expected = Four {
            a: 300,
            b: "x",
            c: None,
            d: 8,
        };
        assert_eq!(four, expected);
        assert!(bytes.as_ptr_range().contains(&four.b.as_ptr()), "borrowed");
        assert!(
            C::decode_leading::<Four<'_>>(&bytes, 1).is_err(),
            "left over, and no default"
        );
        assert!(
            C::decode_leading::<Four<'_>>(&bytes, 3).is_err(),
            "too short"
        );
        assert!(C::decode_leading::<u16>(&bytes, 1).is_err(), "not a struct");
        bytes.push(0);
        assert!(
            C::decode_leading::<Four<'_>>(&bytes, 2).is_err(),
            "a byte too many"
        );
        Ok(())
    }
    grow::<Bincode>().unwrap();
    grow::<Postcard>().unwrap();
}

#[test]
fn damaged_bytes_are_an_error_in_both_codecs() {
    fn refuses<C: Codec>() {
        assert!(C::decode::<u64>(&[]).is_err(), "too short");
        assert!(C::decode::<bool>(&[2]).is_err());
        assert!(C::decode::<&str>(&[1, 0xFF]).is_err(), "not UTF-8");
        assert!(C::decode::<Kind>(&[4]).is_err(), "no such variant");
        let huge = [0xFD, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F];
        assert!(C::decode::<String>(&huge).is_err());
        assert!(C::decode::<Vec<String>>(&huge).is_err());
        assert!(C::decode::<BTreeMap<u8, u8>>(&huge).is_err());
    }
    refuses::<Bincode>();
    refuses::<Postcard>();
}
