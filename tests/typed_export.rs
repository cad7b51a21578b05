//! Tables to JSON Lines and CSV and back, and dumps of everything.

mod typed_support;

use std::collections::BTreeMap;
use std::fmt::Debug;

use mdbx_typed::prelude::*;
use mdbx_typed::{Bincode, Error, Geometry, ImportOptions, PageSize, Postcard, Result};
use serde::{Deserialize, Serialize};
use typed_support::items::{Item, random_items};
use typed_support::{Rng, TempDb};

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
enum Contact {
    None,
    Mail(String),
    Post { street: String, number: u16 },
    Pair(u8, Option<Box<Contact>>),
}

#[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[expect(clippy::option_option, reason = "JSON has one null")]
struct Record {
    #[key]
    id: i64,
    text: String,
    bytes: Vec<u8>,
    small: u128,
    large: i128,
    float: f64,
    single: f32,
    letter: char,
    twice: Option<Option<u8>>,
    unit: Option<()>,
    numbers: BTreeMap<u16, String>,
    names: BTreeMap<String, Option<i8>>,
    contact: Contact,
    address: std::net::IpAddr,
    raw: BTreeMap<String, Vec<Contact>>,
}

fn record(id: i64) -> Record {
    Record {
        id,
        text: "\0\r\n\t\"\\,\u{1}é\u{10FFFF}0x12".into(),
        bytes: vec![0, 255],
        small: u128::MAX,
        large: i128::MIN,
        float: 0.1,
        single: -0.1,
        letter: '"',
        twice: Some(None),
        unit: Some(()),
        numbers: BTreeMap::from([(7, "x".into()), (8, String::new())]),
        names: BTreeMap::from([("\n".into(), None), (String::new(), Some(-1))]),
        contact: Contact::Post {
            street: "A".into(),
            number: 1,
        },
        address: [127, 0, 0, 1].into(),
        raw: BTreeMap::from([("k".into(), vec![Contact::None, Contact::Mail("m".into())])]),
    }
}

fn records() -> Vec<Record> {
    let other = Record {
        text: String::new(),
        bytes: vec![],
        small: 0,
        large: i128::MAX,
        float: f64::INFINITY,
        single: f32::MIN_POSITIVE / 8.0,
        twice: None,
        unit: None,
        numbers: BTreeMap::new(),
        names: BTreeMap::new(),
        contact: Contact::Pair(1, Some(Box::new(Contact::Pair(2, None)))),
        address: std::net::Ipv6Addr::LOCALHOST.into(),
        raw: BTreeMap::new(),
        ..record(i64::MAX)
    };
    let third = Record {
        twice: Some(Some(0)),
        float: f64::NEG_INFINITY,
        contact: Contact::None,
        ..record(0)
    };
    vec![record(i64::MIN), third, other]
}

/// Returns all rows of a table.
fn all<I: Index>(db: &Database, index: I) -> Result<Vec<I::Table>>
where
    I::Table: mdbx_typed::OwnedTable,
{
    db.read()?.by(index).rows().collect()
}

fn with<R: mdbx_typed::Record>(schema: &mdbx_typed::Schema, rows: &[R]) -> Result<TempDb> {
    let db = TempDb::open(schema)?;
    db.write(|tx| rows.iter().try_for_each(|row| tx.insert(row)))?;
    Ok(db)
}

#[test]
fn json_lines_bring_equal_rows_back() -> Result<()> {
    let db = with(schema![Record], &records())?;
    let mut lines = Vec::new();
    assert_eq!(db.export_jsonl::<Record>(&mut lines)?, 3);
    let text = String::from_utf8(lines).unwrap();
    assert_eq!(text.lines().count(), 3);
    for line in text.lines() {
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            json["address"].as_str().map(|text| text.contains('1')),
            Some(true)
        );
    }
    let other = TempDb::open(schema![Record])?;
    assert_eq!(other.import_jsonl::<Record>(text.as_bytes())?, 3);
    assert_eq!(all(&other, record::primary)?, records());
    Ok(())
}

#[test]
fn floats_that_are_no_numbers_come_back_as_such() -> Result<()> {
    let db = with(
        schema![Record],
        &[Record {
            float: f64::NAN,
            single: f32::NEG_INFINITY,
            ..record(1)
        }],
    )?;
    let mut lines = Vec::new();
    db.export_jsonl::<Record>(&mut lines)?;
    let other = TempDb::open(schema![Record])?;
    other.import_jsonl::<Record>(lines.as_slice())?;
    let row = other.read()?.get::<Record>(1)?.unwrap();
    assert!(row.float.is_nan());
    assert!(row.single == f32::NEG_INFINITY);
    Ok(())
}

#[test]
fn floats_come_back_to_the_bit() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    struct Sample {
        #[key]
        id: u64,
        wide: f64,
        single: f32,
    }
    let seed = 0x5EED_0004;
    println!("seed {seed:#x}");
    let mut rng = Rng(seed);
    let mut bits = || u64::from(rng.below(u32::MAX)) << 32 | u64::from(rng.below(u32::MAX));
    let mut rows = vec![Sample {
        id: 0,
        wide: -0.0,
        // Its shortest digits are nearest to an `f64` half way to its neighbour.
        single: 7.038_531e-26,
    }];
    for id in 1..2000 {
        let bits = bits();
        rows.push(Sample {
            id,
            wide: f64::from_bits(bits),
            single: f32::from_bits(u32::try_from(bits >> 32).unwrap()),
        });
    }
    rows.retain(|row| row.wide.is_finite() && row.single.is_finite());
    let db = with(schema![Sample], &rows)?;
    let (mut lines, mut csv, mut dump) = (Vec::new(), Vec::new(), Vec::new());
    db.export_jsonl::<Sample>(&mut lines)?;
    db.export_csv::<Sample>(&mut csv)?;
    db.dump(&mut dump)?;
    let others = [(); 3].map(|()| TempDb::open(schema![Sample]));
    let [imported, flat, restored] = others.map(Result::unwrap);
    imported.import_jsonl::<Sample>(lines.as_slice())?;
    flat.import_csv::<Sample>(csv.as_slice())?;
    restored.restore(dump.as_slice())?;
    for other in [imported, flat, restored] {
        let tx = other.read()?;
        for row in &rows {
            let back = tx.get::<Sample>(row.id)?.unwrap();
            assert_eq!(back.wide.to_bits(), row.wide.to_bits(), "{}", row.wide);
            assert_eq!(
                back.single.to_bits(),
                row.single.to_bits(),
                "{}",
                row.single
            );
        }
    }
    Ok(())
}

#[test]
fn a_float_that_is_too_large_is_refused_and_a_whole_number_is_a_float() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    struct Sample {
        #[key]
        id: u64,
        single: f32,
    }

    #[derive(Serialize, Deserialize)]
    struct Foreign {
        single: f32,
    }
    #[derive(Table, Serialize, Deserialize)]
    struct Wrapped {
        #[key]
        id: u64,
        foreign: Foreign,
    }
    let db = TempDb::open(schema![Sample])?;
    for text in ["1e39", "-1e300", "\"1e39\""] {
        let line = format!("{{\"id\": 1, \"single\": {text}}}");
        let error = db.import_jsonl::<Sample>(line.as_bytes()).unwrap_err();
        let says = format!("field `single`: {text} is not an `f32`");
        assert!(error.to_string().ends_with(&says), "{error}");
    }
    let wrapped = TempDb::open(schema![Wrapped])?;
    let line = "{\"id\": 1, \"foreign\": {\"single\": 1e39}}";
    let error = wrapped
        .import_jsonl::<Wrapped>(line.as_bytes())
        .unwrap_err();
    let says = "line 1, field `foreign.single`: 1e39 is not an `f32`";
    assert_eq!(error.to_string(), says);
    let lines = "{\"id\": 1, \"single\": 1000000000000}\n{\"id\": 2, \"single\": \"inf\"}";
    db.import_jsonl::<Sample>(lines.as_bytes())?;
    let tx = db.read()?;
    let bits = |id| {
        tx.get::<Sample>(id)
            .map(|row| row.unwrap().single.to_bits())
    };
    assert_eq!(bits(1)?, 1e12f32.to_bits());
    assert_eq!(bits(2)?, f32::INFINITY.to_bits());
    Ok(())
}

#[test]
fn keys_that_are_no_numbers_keep_their_sign() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    struct Sample {
        #[key]
        at: TotalF64,
        #[index]
        single: TotalF32,
    }
    let rows = [f32::NAN, -f32::NAN].map(|nan| Sample {
        at: f64::from(nan).into(),
        single: nan.into(),
    });
    let db = with(schema![Sample], &rows)?;
    let (mut lines, mut csv, mut dump) = (Vec::new(), Vec::new(), Vec::new());
    db.export_jsonl::<Sample>(&mut lines)?;
    db.export_csv::<Sample>(&mut csv)?;
    db.dump(&mut dump)?;
    let others = [(); 3].map(|()| TempDb::open(schema![Sample]));
    let [imported, flat, restored] = others.map(Result::unwrap);
    imported.import_jsonl::<Sample>(lines.as_slice())?;
    flat.import_csv::<Sample>(csv.as_slice())?;
    restored.restore(dump.as_slice())?;
    for other in [imported, flat, restored] {
        let mut again = Vec::new();
        other.dump(&mut again)?;
        assert_eq!(again, dump);
        assert_eq!(other.read()?.by(sample::by_single).range(..0.0).count()?, 1);
    }
    Ok(())
}

#[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
struct Event<'a> {
    #[key]
    seq: u64,
    kind: &'a str,
    body: &'a [u8],
}

#[test]
fn rows_that_borrow_are_exported_and_imported() -> Result<()> {
    let rows = [
        Event {
            seq: u64::MAX,
            kind: "a\nb",
            body: &[1, 2],
        },
        Event {
            seq: 1,
            kind: "",
            body: &[],
        },
    ];
    let db = with(schema![Event], &rows)?;
    for is_csv in [false, true] {
        let mut out = Vec::new();
        let other = TempDb::open(schema![Event])?;
        if is_csv {
            db.export_csv::<Event>(&mut out)?;
            other.import_csv::<Event>(out.as_slice())?;
        } else {
            db.export_jsonl::<Event>(&mut out)?;
            other.import_jsonl::<Event>(out.as_slice())?;
        }
        let tx = other.read()?;
        assert_eq!(tx.get::<Event>(u64::MAX)?.as_ref(), Some(&rows[0]));
        assert_eq!(tx.get::<Event>(1)?.as_ref(), Some(&rows[1]));
    }
    Ok(())
}

#[derive(Table, Serialize, Deserialize, Debug, PartialEq, Clone)]
struct User {
    #[key]
    id: u64,
    #[index(unique)]
    email: String,
    age: Option<u8>,
    phone: Option<String>,
    active: bool,
    score: f64,
    #[serde(default)]
    avatar: Vec<u8>,
}

fn user(id: u64, email: &str) -> User {
    User {
        id,
        email: email.into(),
        age: None,
        phone: None,
        active: true,
        score: -0.5,
        avatar: vec![],
    }
}

#[test]
fn csv_brings_equal_rows_back() -> Result<()> {
    let rows = [
        user(i64::MIN.unsigned_abs(), "a,\"b\"\r\nc\0é "),
        User {
            age: Some(0),
            phone: Some("0x1".into()),
            active: false,
            score: f64::INFINITY,
            avatar: vec![0, 10],
            ..user(u64::MAX, "")
        },
    ];
    let db = with(schema![User], &rows)?;
    let mut csv = Vec::new();
    assert_eq!(db.export_csv::<User>(&mut csv)?, 2);
    let other = TempDb::open(schema![User])?;
    assert_eq!(other.import_csv::<User>(csv.as_slice())?, 2);
    assert_eq!(all(&other, user::primary)?, rows);
    // Columns come in any order, and those with a default may be missing.
    let other = TempDb::open(schema![User])?;
    other.import_csv::<User>("email,id,active,score\nx,1,true,1e3\n".as_bytes())?;
    let expected = User {
        score: 1000.0,
        ..user(1, "x")
    };
    assert_eq!(all(&other, user::primary)?, [expected]);
    Ok(())
}

#[test]
fn what_csv_cannot_hold_is_refused_by_name() -> Result<()> {
    let db = with(
        schema![User],
        &[User {
            phone: Some(String::new()),
            ..user(5, "x")
        }],
    )?;
    let error = db.export_csv::<User>(Vec::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "table `user`: the row 0x0000000000000005 cannot be exported, field `phone`: empty text cannot be told from none in \
         CSV; JSON Lines can"
    );
    let db = with(schema![Record], &[record(1)])?;
    let error = db.export_csv::<Record>(Vec::new()).unwrap_err().to_string();
    assert!(
        error.contains("field `twice`: it is null, and CSV has flat rows only"),
        "{error}"
    );
    let flatter = Record {
        twice: None,
        unit: None,
        ..record(1)
    };
    let db = with(schema![Record], &[flatter])?;
    let error = db.export_csv::<Record>(Vec::new()).unwrap_err().to_string();
    assert!(error.contains("field `numbers`: it is a map"), "{error}");
    Ok(())
}

#[test]
fn an_error_of_an_import_names_the_line_and_the_field_and_changes_nothing() -> Result<()> {
    let db = with(schema![User], &[user(1, "taken")])?;
    let good = r#"{"id": 2, "email": "b", "active": true, "score": 1.5}"#;
    for (bad, says) in [
        (
            "{",
            "line 3: it is no JSON: EOF while parsing an object, column 1",
        ),
        ("[1]", "line 3: it is no object"),
        (
            r#"{"id": 3, "id": 4}"#,
            "line 3: it is no JSON: `id` is there twice, column 18",
        ),
        (r#"{"id": 3}"#, "line 3, field `email`: it is missing"),
        (
            r#"{"id": -3, "email": "x", "active": true, "score": 1}"#,
            "line 3, field `id`: -3 is not a `u64`",
        ),
        (
            r#"{"id": 18446744073709551616, "email": "x", "active": true, "score": 1}"#,
            "line 3, field `id`: 1.8446744073709552e19 is not a `u64`",
        ),
        (
            r#"{"id": 3, "email": 7, "active": true, "score": 1}"#,
            "line 3, field `email`: 7 is not text",
        ),
        (
            r#"{"id": 3, "email": "x", "age": 256, "active": true, "score": 1}"#,
            "line 3, field `age`: 256 is not a `u8`",
        ),
        (
            r#"{"id": 3, "email": "x", "active": true, "score": 9007199254740993}"#,
            "line 3, field `score`: 9007199254740993 is not an `f64`",
        ),
        (
            r#"{"id": 3, "email": "x", "active": true, "score": 1, "extra": 0}"#,
            "line 3, field `extra`: the table has no such field",
        ),
        (
            r#"{"id": 3, "email": "taken", "active": true, "score": 1}"#,
            "line 3: the row cannot be stored",
        ),
        (
            r#"{"id": 2, "email": "c", "active": true, "score": 1}"#,
            "line 3: the row cannot be stored",
        ),
    ] {
        let lines = format!("{good}\n\n{bad}\n");
        let error = db.import_jsonl::<User>(lines.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), says);
        assert_eq!(error.is_conflict(), says.ends_with("stored"));
        assert_eq!(db.read()?.count::<User>()?, 1, "{bad}");
    }
    for (csv, says) in [
        (
            "id,email,active,score\n2,b,true,1\n3,c,maybe,1\n",
            "line 3, field `active`: \"maybe\" is not a bool",
        ),
        (
            "id,email,active,score\n2,b,true,1e309\n",
            "line 2, field `score`: \"1e309\" is not an `f64`",
        ),
        (
            "id,email,active,score\n2,b,true\n",
            "line 2: it has 3 fields, the first line has 4",
        ),
        ("id,id\n", "line 1, field `id`: it is there twice"),
        (
            "id,mail\n1,x\n",
            "line 2, field `mail`: the table has no such field",
        ),
    ] {
        let error = db.import_csv::<User>(csv.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), says);
        assert_eq!(db.read()?.count::<User>()?, 1);
    }
    let nested = serde_json::to_string(&serde_json::json!({
        "id": 1, "text": "", "bytes": "0x", "small": "1", "large": 1, "float": 1, "single": 1, "letter": "a",
        "numbers": [], "names": {}, "contact": {"Post": {"street": "A", "number": "many"}}, "address": "::1", "raw": {},
    }));
    let db = TempDb::open(schema![Record])?;
    let error = db
        .import_jsonl::<Record>(nested.unwrap().as_bytes())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 1, field `contact.Post.number`: \"many\" is no `u16`"
    );
    Ok(())
}

#[test]
fn a_map_whose_key_is_there_twice_is_refused() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    struct Counts {
        #[key]
        id: u64,
        counts: BTreeMap<u32, u32>,
    }
    let counts = TempDb::open(schema![Counts])?;
    for twice in ["[[1, 2], [1, 3]]", r#"{"1": 2, "01": 3}"#] {
        let line = format!("{{\"id\": 1, \"counts\": {twice}}}");
        let error = counts.import_jsonl::<Counts>(line.as_bytes()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 1, field `counts`: the key 1 is there twice"
        );
    }
    Ok(())
}

#[test]
fn an_error_of_a_csv_import_names_the_line_whatever_lines_end_with() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    struct Note {
        #[key]
        id: u8,
        text: String,
    }
    for (csv, line) in [
        ("id,text\nx,a\n", 2),
        ("id,text\r\nx,a\r\n", 2),
        ("id,text\r\n1,a\r\nx,a", 3),
        ("id,text\n1,a\n\n\r\n\nx,a\n", 6),
        ("\r\n\r\nid,text\r\nx,a\r\n", 4),
        ("id,text\r\n1,\"a\r\n\r\n,\"\"\r\nx\"\r\nx,a\r\n", 6),
        ("id,text\r\n1,\"a\r\nb\"\r\nx,\"a\r\nb\"\r\n2,b\r\n", 4),
        ("id,text\r\n1,a\r\n2\r\n", 3),
        ("id,text\r\n1,a\r\n1,a\r\n2,b\r\n", 3),
        ("\u{feff}id,text\r\n1,\r\n2,\r\n3,\r\nx,\r\n", 5),
        ("\n\nid,text,id\r\n1,\r\n", 3),
        ("id,text\n300,\n", 2),
    ] {
        let db = TempDb::open(schema![Note])?;
        let error = db.import_csv::<Note>(csv.as_bytes()).unwrap_err();
        let found = match error {
            Error::Import { line, .. } | Error::ImportRow { line, .. } => line,
            other => return Err(other),
        };
        assert_eq!(found, line, "{csv:?}");
    }
    let rows = (0..3000u32).map(|row| format!("{},{row}\r\n", row % 256));
    let many = "id,text\r\n".to_owned() + &rows.collect::<String>() + "x,\r\n";
    let db = TempDb::open(schema![Note])?;
    let options = ImportOptions::default().replace(true);
    let result = db.import_csv_with::<Note>(many.as_bytes(), options, |_| {});
    assert!(matches!(result, Err(Error::Import { line: 3002, .. })));
    Ok(())
}

#[test]
fn of_many_rows_the_one_that_cannot_be_stored_is_named() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    struct Note {
        #[key]
        id: u64,
        #[index(unique)]
        text: String,
    }
    const ROWS: u64 = 15_000;
    let line = |id: u64, text: u64| format!("{{\"id\": {id}, \"text\": \"{text}\"}}\n");
    // In descending order, so that they are sorted on their way.
    let lines: Vec<String> = (0..ROWS).rev().map(|id| line(id, id)).collect();
    for (at, bad, refused) in [
        (14_000, line(ROWS - 1, ROWS), 14_001),
        (14_000, line(ROWS, 0), 15_000),
        (5000, line(6, ROWS), 14_994),
        (5000, line(ROWS, 10_000), 5001),
        (5000, "{}\n".to_owned(), 5001),
        (5000, line(ROWS, ROWS) + "{}\n", 5002),
    ] {
        let mut lines = lines.clone();
        lines[at] = bad;
        let text = lines.concat();
        let db = TempDb::open(schema![Note])?;
        let error = db.import_jsonl::<Note>(text.as_bytes()).unwrap_err();
        let (Error::Import { line, .. } | Error::ImportRow { line, .. }) = error else {
            return Err(error);
        };
        assert_eq!(line, refused);
        assert_eq!(db.read()?.count::<Note>()?, 0);
    }
    let db = TempDb::open(schema![Note])?;
    let mut told = Vec::new();
    let options = ImportOptions::default();
    let count = db.import_jsonl_with::<Note>(lines.concat().as_bytes(), options, |progress| {
        told.push(progress.done);
    })?;
    assert_eq!((count, told), (ROWS, vec![10_000, ROWS]));
    assert!(db.verify()?.is_clean());
    Ok(())
}

#[test]
fn an_import_in_batches_keeps_those_before_an_error_and_tells_how_far_it_is() -> Result<()> {
    let db = TempDb::open(schema![User])?;
    let line = |id: u64| {
        format!("{{\"id\": {id}, \"email\": \"{id}\", \"active\": true, \"score\": 1}}\n")
    };
    let lines: String = (0..25).map(line).chain(["nonsense".into()]).collect();
    let mut told = Vec::new();
    let options = ImportOptions::default().batch(10);
    let result = db.import_jsonl_with::<User>(lines.as_bytes(), options, |progress| {
        told.push(progress.done);
    });
    assert!(matches!(result, Err(Error::Import { line: 26, .. })));
    assert_eq!((told, db.read()?.count::<User>()?), (vec![10, 20], 20));
    // Rows that are there can be replaced.
    let lines: String = (0..25).map(line).collect();
    assert!(db.import_jsonl::<User>(lines.as_bytes()).is_err());
    let options = ImportOptions::default().replace(true);
    assert_eq!(
        db.import_jsonl_with::<User>(lines.as_bytes(), options, |_| {})?,
        25
    );
    let mut told = Vec::new();
    db.export_jsonl_with::<User>(Vec::new(), |progress| {
        told.push((progress.done, progress.total));
    })?;
    assert_eq!(told, [(25, 25)]);
    Ok(())
}

fn open_with(page_size: PageSize, schema: &mdbx_typed::Schema) -> (tempfile::TempDir, Database) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("app.mdbx");
    let geometry = Geometry::default().page_size(page_size);
    let db = Database::builder()
        .geometry(geometry)
        .open(path, schema)
        .expect("a new database");
    (directory, db)
}

#[test]
fn a_dump_is_restored_into_other_pages_with_all_indexes() -> Result<()> {
    let (db, model) = random_items(300, &mut Rng(9))?;
    let mut dump = Vec::new();
    assert_eq!(db.dump(&mut dump)?, 300);
    let (_directory, other) = open_with(PageSize::new(16 << 10).unwrap(), schema![Item]);
    let mut told = Vec::new();
    let restored = other.restore_with(dump.as_slice(), |progress| told.push(progress.done))?;
    assert_eq!((restored.rows(), told), (300, vec![300]));
    let report = other.verify()?;
    assert!(report.is_clean(), "{report}");
    typed_support::items::assert_indexes_equal_rows(&other.read()?, &model, "restored")?;
    let mut again = Vec::new();
    other.dump(&mut again)?;
    assert_eq!(dump, again);
    let error = other.restore(dump.as_slice()).unwrap_err();
    assert!(error.is_conflict(), "{error}: the rows are there");
    Ok(())
}

/// Declares the same table stored by a codec.
macro_rules! account {
    ($module:ident, $codec:ident) => {
        mod $module {
            use super::*;

            #[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
            #[table(codec = $codec)]
            pub(super) struct Account {
                #[key(auto)]
                pub(super) id: u64,
                #[index(hash, unique)]
                pub(super) name: String,
                pub(super) cents: i128,
                pub(super) marks: Vec<Option<char>>,
            }
        }
    };
}

account!(one, Bincode);
account!(two, Postcard);

#[test]
fn a_dump_is_restored_into_another_codec_and_keeps_used_keys() -> Result<()> {
    let db = TempDb::open(schema![one::Account])?;
    let row = |id, name: &str| one::Account {
        id,
        name: name.into(),
        cents: i128::MIN,
        marks: vec![None, Some('é')],
    };
    db.write(|tx| {
        tx.insert_new(|id| row(id, "ann"))?;
        tx.insert_new(|id| row(id, "bob"))?;
        tx.delete::<one::Account>(2)
    })?;
    let mut dump = Vec::new();
    db.dump(&mut dump)?;
    let other = TempDb::open(schema![two::Account])?;
    assert_eq!(other.restore(dump.as_slice())?.rows(), 1);
    assert!(other.verify()?.is_clean());
    other.write(|tx| {
        let ann = tx.get_by(two::account::by_name, "ann")?.unwrap();
        assert_eq!(
            (ann.id, ann.cents, ann.marks),
            (1, i128::MIN, vec![None, Some('é')])
        );
        let new = tx.insert_new(|id| two::Account {
            id,
            name: "cy".into(),
            cents: 0,
            marks: vec![],
        })?;
        assert_eq!(new.id, 3, "2 was given out once");
        let same = tx.insert(&two::Account { id: 9, ..new });
        assert!(matches!(same, Err(Error::UniqueViolation { .. })));
        Ok(())
    })
}

mod v1 {
    use super::*;

    #[derive(Table, Serialize, Deserialize, Debug)]
    #[table(name = "people")]
    pub(super) struct Person {
        #[key]
        pub(super) id: u8,
        pub(super) name: String,
    }
}

mod v2 {
    use super::*;

    #[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
    #[table(name = "persons", was = "people")]
    pub(super) struct Person {
        #[key]
        pub(super) id: u8,
        #[field(was = "name")]
        #[index]
        pub(super) full_name: String,
        #[serde(default)]
        pub(super) age: u8,
    }
}

#[test]
fn a_dump_of_an_older_program_is_converted() -> Result<()> {
    let db = TempDb::open(schema![v1::Person])?;
    db.write(|tx| {
        tx.insert(&v1::Person {
            id: 1,
            name: "Ann".into(),
        })
    })?;
    let (mut before, mut mixed) = (Vec::new(), Vec::new());
    db.dump(&mut before)?;
    let db = db.reopen(schema![v2::Person])?;
    db.write(|tx| {
        tx.insert(&v2::Person {
            id: 2,
            full_name: "Bob".into(),
            age: 9,
        })
    })?;
    db.dump(&mut mixed)?;
    for (dump, rows) in [(before, 1), (mixed, 2)] {
        let other = TempDb::open(schema![v2::Person])?;
        assert_eq!(other.restore(dump.as_slice())?.rows(), rows);
        assert!(other.verify()?.is_clean());
        let ann = other.read()?.by(v2::person::by_full_name).eq("Ann").one()?;
        assert_eq!(
            ann,
            Some(v2::Person {
                id: 1,
                full_name: "Ann".into(),
                age: 0
            })
        );
    }
    Ok(())
}

#[test]
fn a_table_that_the_program_does_not_have_is_left_out_and_named() -> Result<()> {
    let db = TempDb::open(schema![User, Item])?;
    db.write(|tx| {
        tx.insert(&user(1, "x"))?;
        tx.insert(&Item::random(3, &mut Rng(1)))
    })?;
    let mut dump = Vec::new();
    let db = db.reopen(schema![User])?;
    assert_eq!(db.dump(&mut dump)?, 2, "also what is not in the schema");
    let other = TempDb::open(schema![User])?;
    let restored = other.restore(dump.as_slice())?;
    assert_eq!((restored.rows(), restored.skipped()), (1, vec!["item"]));
    assert_eq!(
        restored.to_string(),
        "1 row restored\ntable `item`: 1 row, left out, the program does not have it\ntable `user`: 1 row, restored"
    );
    Ok(())
}

mod foreign {
    use super::*;

    #[derive(Table, Serialize, Deserialize, Debug, PartialEq, Clone)]
    #[table(name = "shops", codec = Bincode)]
    pub(super) struct Shop {
        #[key]
        pub(super) id: u8,
        pub(super) contact: Contact,
        #[index]
        pub(super) city: String,
    }

    pub(super) mod other {
        use super::*;

        #[derive(Table, Serialize, Deserialize)]
        #[table(name = "shops", codec = Postcard)]
        pub(in super::super) struct Shop {
            #[key]
            id: u8,
            contact: Contact,
            #[index]
            city: String,
        }
    }
}

#[test]
fn types_that_are_not_known_are_restored_into_the_same_codec_only() -> Result<()> {
    let shop = foreign::Shop {
        id: 1,
        contact: Contact::Mail("m".into()),
        city: "Oslo".into(),
    };
    let db = with(schema![foreign::Shop], std::slice::from_ref(&shop))?;
    let mut dump = Vec::new();
    db.dump(&mut dump)?;
    let same = TempDb::open(schema![foreign::Shop])?;
    same.restore(dump.as_slice())?;
    assert_eq!(
        same.read()?.by(foreign::shop::by_city).eq("Oslo").one()?,
        Some(shop)
    );
    assert!(same.verify()?.is_clean());
    let other = TempDb::open(schema![foreign::other::Shop])?;
    assert_eq!(
        other.restore(dump.as_slice()).unwrap_err().to_string(),
        "line 2: table `shops`: the type of field `contact` is not known, so its bytes are those of the codec \
         `bincode-2-standard`, and the program has `postcard-1`"
    );
    Ok(())
}

#[test]
fn a_dump_that_is_damaged_or_cut_off_changes_nothing() -> Result<()> {
    let rows: Vec<User> = (0..5).map(|id| user(id, &id.to_string())).collect();
    let db = with(schema![User], &rows)?;
    let mut dump = Vec::new();
    db.dump(&mut dump)?;
    let text = String::from_utf8(dump).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let other = TempDb::open(schema![User])?;
    for left in 0..lines.len() {
        assert!(
            other.restore(lines[..left].join("\n").as_bytes()).is_err(),
            "{left} lines"
        );
        let mut fewer = lines.clone();
        fewer.remove(left);
        assert!(
            other.restore(fewer.join("\n").as_bytes()).is_err(),
            "without line {left}"
        );
    }
    assert_eq!(
        other
            .restore(lines[..4].join("\n").as_bytes())
            .unwrap_err()
            .to_string(),
        "line 5: the dump was cut off"
    );
    let newer = text.replacen("\"version\": 1", "\"version\": 2", 1);
    assert_eq!(
        other.restore(newer.as_bytes()).unwrap_err().to_string(),
        "line 1: the dump has version 2, this program reads 1"
    );
    let retyped = text.replacen("\"age\": \"option<u8>\"", "\"age\": \"u8\"", 1);
    assert_eq!(
        other.restore(retyped.as_bytes()).unwrap_err().to_string(),
        "line 2: table `user`: no struct of the program has the fields of its revision 1: id, email, age, phone, active, \
         score, avatar"
    );
    let wrong = text.replacen("\"id\": 3", "\"id\": \"x\"", 1);
    assert_eq!(
        other.restore(wrong.as_bytes()).unwrap_err().to_string(),
        "line 6, field `id`: \"x\" is not a `u64`"
    );
    assert_eq!(other.read()?.count::<User>()?, 0);
    let seed = 0x5EED_0003;
    println!("seed {seed:#x}");
    let mut rng = Rng(seed);
    for _ in 0..300 {
        let mut bytes = text.clone().into_bytes();
        let at = usize::try_from(rng.below(u32::try_from(bytes.len()).unwrap())).unwrap();
        bytes[at] ^= 1 << rng.below(7);
        let other = Database::in_memory(schema![User])?;
        let is_restored = other.restore(bytes.as_slice()).is_ok();
        assert!(is_restored || other.read()?.count::<User>()? == 0);
        assert!(other.verify()?.is_clean());
    }
    Ok(())
}

#[test]
fn a_dump_that_lacks_an_empty_table_is_refused() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    struct Ticket {
        #[key(auto)]
        id: u64,
    }
    let db = with(schema![User, Ticket], &[user(1, "x")])?;
    db.write(|tx| {
        let used = tx.insert_new(|id| Ticket { id })?;
        tx.delete::<Ticket>(used.id)
    })?;
    let mut dump = Vec::new();
    db.dump(&mut dump)?;
    let text = String::from_utf8(dump).unwrap();
    let lines = text.lines().filter(|line| !line.contains("\"ticket\""));
    let lines: Vec<&str> = lines.collect();
    let other = TempDb::open(schema![User, Ticket])?;
    assert_eq!(
        other
            .restore(lines.join("\n").as_bytes())
            .unwrap_err()
            .to_string(),
        "line 4: it says 2 tables, there are 1"
    );
    Ok(())
}

#[test]
fn two_tables_of_a_dump_never_become_one() -> Result<()> {
    mod old {
        use super::*;

        #[derive(Table, Serialize, Deserialize)]
        pub(super) struct Users {
            #[key]
            pub(super) id: u64,
        }

        #[derive(Table, Serialize, Deserialize)]
        pub(super) struct People {
            #[key]
            pub(super) id: u64,
        }
    }

    #[derive(Table, Serialize, Deserialize)]
    #[table(was = "users")]
    struct People {
        #[key]
        id: u64,
    }
    let db = TempDb::open(schema![old::Users, old::People])?;
    db.write(|tx| {
        tx.insert(&old::Users { id: 1 })?;
        tx.insert(&old::People { id: 2 })
    })?;
    let mut dump = Vec::new();
    db.dump(&mut dump)?;
    let other = TempDb::open(schema![People])?;
    assert_eq!(
        other.restore(dump.as_slice()).unwrap_err().to_string(),
        "line 4: the tables `people` and `users` of the dump are both `people` here"
    );
    assert_eq!(other.read()?.count::<People>()?, 0);
    Ok(())
}

#[test]
fn raw_rows_are_dumped_and_restored() -> Result<()> {
    #[derive(Table, Plain, Clone, Copy)]
    #[table(raw)]
    #[repr(C)]
    struct Tick {
        #[key]
        at: le::U64,
        #[index]
        price: le::I64,
        marks: [le::U16; 3],
        name: [u8; 3],
    }
    let db = TempDb::open(schema![Tick])?;
    let tick = Tick {
        at: u64::MAX.into(),
        price: i64::MIN.into(),
        marks: [1.into(), 2.into(), 3.into()],
        name: *b"abc",
    };
    db.write(|tx| tx.insert(&tick))?;
    let mut dump = Vec::new();
    db.dump(&mut dump)?;
    let other = TempDb::open(schema![Tick])?;
    other.restore(dump.as_slice())?;
    let tx = other.read()?;
    let found = tx.by(tick::by_price).eq(i64::MIN).first()?.unwrap();
    assert_eq!(
        (found.at, found.marks, found.name),
        (tick.at, tick.marks, tick.name)
    );
    Ok(())
}

/// Declares a table with types of its own within its rows, which serde calls otherwise.
macro_rules! customer {
    ($module:ident, $codec:ident) => {
        mod $module {
            use super::*;

            #[derive(Shaped, Serialize, Deserialize, Debug, Clone, PartialEq)]
            #[serde(rename_all = "camelCase")]
            pub(super) struct Address {
                #[serde(alias = "road")]
                pub(super) street_name: String,
                pub(super) stamp: Vec<u8>,
                pub(super) near: Vec<Option<Place>>,
            }

            #[derive(Shaped, Serialize, Deserialize, Debug, Clone, PartialEq)]
            #[serde(rename_all = "lowercase")]
            pub(super) enum Place {
                Nowhere,
                Number(u16),
                Point(i8, Option<i8>),
                Named { first_name: String },
            }

            #[derive(Key, Serialize, Deserialize, Debug, Clone, Copy, PartialEq)]
            #[serde(rename_all = "UPPERCASE")]
            pub(super) enum Rank {
                Low,
                High = 9,
            }

            #[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
            #[table(codec = $codec, name = "customers")]
            #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
            pub(super) struct Customer {
                #[key]
                pub(super) id: u64,
                #[index]
                pub(super) rank: Rank,
                pub(super) home: Address,
                pub(super) last: Place,
                #[serde(default)]
                pub(super) note: String,
            }

            pub(super) fn customer(id: u64) -> Customer {
                let named = Place::Named {
                    first_name: "x".into(),
                };
                let near = vec![
                    Some(Place::Nowhere),
                    None,
                    Some(Place::Number(7)),
                    Some(Place::Point(-1, None)),
                ];
                Customer {
                    id,
                    rank: Rank::High,
                    home: Address {
                        street_name: "A".into(),
                        stamp: vec![1, 2],
                        near,
                    },
                    last: named,
                    note: "n".into(),
                }
            }
        }
    };
}

customer!(in_bincode, Bincode);
customer!(in_postcard, Postcard);

#[test]
fn types_within_rows_whose_shape_is_known_go_everywhere() -> Result<()> {
    let rows = [in_bincode::customer(1), in_bincode::customer(2)];
    let db = with(schema![in_bincode::Customer], &rows)?;
    let (mut typed, mut untyped, mut dump) = (Vec::new(), Vec::new(), Vec::new());
    db.export_jsonl::<in_bincode::Customer>(&mut typed)?;
    db.read()?
        .dynamic("customers")?
        .export_jsonl(&mut untyped)?;
    db.dump(&mut dump)?;
    let text = String::from_utf8(typed).unwrap();
    assert_eq!(text, String::from_utf8(untyped).unwrap());
    let line = text.lines().next().unwrap();
    assert!(
        line.contains(
            r#""home": {"street_name": "A", "stamp": "0x0102", "near": ["Nowhere", null,"#
        ),
        "{line}"
    );
    assert!(
        line.contains(r#""last": {"Named": {"first_name": "x"}}"#),
        "{line}"
    );
    assert!(line.contains(r#""rank": "High""#), "{line}");

    let other = TempDb::open(schema![in_postcard::Customer])?;
    assert_eq!(other.restore(dump.as_slice())?.rows(), 2);
    assert!(other.verify()?.is_clean());
    let restored = other.read()?.get::<in_postcard::Customer>(2)?;
    assert_eq!(restored, Some(in_postcard::customer(2)));

    let third = TempDb::open(schema![in_postcard::Customer])?;
    third.import_jsonl::<in_postcard::Customer>(text.as_bytes())?;
    assert_eq!(
        third.read()?.get::<in_postcard::Customer>(1)?,
        Some(in_postcard::customer(1))
    );
    // What has a default may be missing.
    let without_note = line
        .replace(", \"note\": \"n\"", "")
        .replace("\"id\": 1", "\"id\": 5");
    third.import_jsonl::<in_postcard::Customer>(without_note.as_bytes())?;
    let expected = in_postcard::Customer {
        note: String::new(),
        ..in_postcard::customer(5)
    };
    assert_eq!(
        third.read()?.get::<in_postcard::Customer>(5)?,
        Some(expected)
    );
    for (from, to, says) in [
        (
            "\"Number\": 7",
            "\"Number\": 70000",
            "line 1, field `home.near.2.Number`: 70000 is not a `u16`",
        ),
        (
            "\"Nowhere\"",
            "\"Somewhere\"",
            "line 1, field `home.near.0`: \"Somewhere\" is not one of Nowhere, Number, Point, Named",
        ),
        (
            "\"street_name\"",
            "\"street\"",
            "line 1, field `home.street`: there is no such field",
        ),
    ] {
        let wrong = line.replace(from, to).replace("\"id\": 1", "\"id\": 9");
        let error = third.import_jsonl::<in_postcard::Customer>(wrong.as_bytes());
        assert_eq!(error.unwrap_err().to_string(), says);
    }
    Ok(())
}

#[test]
fn what_is_given_is_kept_where_something_else_is_left_to_its_default() -> Result<()> {
    #[derive(Shaped, Serialize, Deserialize, Debug, PartialEq)]
    #[serde(rename_all = "camelCase", default)]
    #[derive(Default)]
    struct Address {
        street_name: String,
        #[serde(alias = "zip")]
        zip_code: String,
    }
    #[derive(Shaped, Serialize, Deserialize, Debug, PartialEq)]
    #[serde(rename_all = "camelCase")]
    enum Place {
        #[serde(rename_all = "camelCase")]
        At {
            #[serde(default)]
            street_name: String,
            #[serde(default)]
            zip_code: String,
        },
    }
    #[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
    struct Person {
        #[key]
        id: u64,
        #[serde(default, rename = "mail", alias = "e_mail")]
        email: String,
        home: Address,
        place: Place,
        #[serde(default)]
        note: String,
    }
    let db = TempDb::open(schema![Person])?;
    let line = r#"{"id": 1, "email": "x", "home": {"street_name": "A"}, "place": {"At": {"zip_code": "7"}}}"#;
    db.import_jsonl::<Person>(line.as_bytes())?;
    let expected = Person {
        id: 1,
        email: "x".into(),
        home: Address {
            street_name: "A".into(),
            zip_code: String::new(),
        },
        place: Place::At {
            street_name: String::new(),
            zip_code: "7".into(),
        },
        note: String::new(),
    };
    assert_eq!(db.read()?.get::<Person>(1)?, Some(expected));
    Ok(())
}

#[test]
fn a_map_of_an_unknown_type_keeps_its_order() -> Result<()> {
    #[derive(Debug, Clone, PartialEq)]
    struct Pairs(Vec<(u32, u32)>);

    impl Serialize for Pairs {
        fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            to.collect_map(self.0.iter().copied())
        }
    }

    impl<'de> Deserialize<'de> for Pairs {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl<'de> serde::de::Visitor<'de> for Visitor {
                type Value = Pairs;

                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("a map")
                }

                fn visit_map<A: serde::de::MapAccess<'de>>(
                    self,
                    mut map: A,
                ) -> Result<Pairs, A::Error> {
                    let mut pairs = Vec::new();
                    while let Some(pair) = map.next_entry()? {
                        pairs.push(pair);
                    }
                    Ok(Pairs(pairs))
                }
            }
            from.deserialize_map(Visitor)
        }
    }

    #[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
    struct Sheet {
        #[key]
        id: u64,
        cells: Pairs,
    }
    let row = Sheet {
        id: 1,
        cells: Pairs(vec![(3, 1), (1, 2), (2, 3)]),
    };
    let db = with(schema![Sheet], std::slice::from_ref(&row))?;
    let mut lines = Vec::new();
    db.export_jsonl::<Sheet>(&mut lines)?;
    let other = TempDb::open(schema![Sheet])?;
    other.import_jsonl::<Sheet>(lines.as_slice())?;
    assert_eq!(other.read()?.get::<Sheet>(1)?, Some(row));
    Ok(())
}

#[test]
fn variants_that_hold_units_and_options_come_back() -> Result<()> {
    #[derive(Shaped, Serialize, Deserialize, Debug, Clone, PartialEq)]
    #[expect(clippy::option_option, reason = "JSON has one null")]
    enum Mark {
        Bare,
        Unit(()),
        Maybe(Option<()>),
        Twice(Option<Option<u8>>),
        Empty {},
    }
    #[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
    struct Sheet {
        #[key]
        id: u64,
        mark: Mark,
        maybe: Option<Mark>,
    }
    let marks = [
        Mark::Bare,
        Mark::Unit(()),
        Mark::Maybe(None),
        Mark::Maybe(Some(())),
        Mark::Twice(None),
        Mark::Twice(Some(None)),
        Mark::Twice(Some(Some(0))),
        Mark::Empty {},
    ];
    let rows = (0..).zip(marks).map(|(id, mark)| Sheet {
        id,
        mark: mark.clone(),
        maybe: Some(mark),
    });
    let rows: Vec<Sheet> = rows.collect();
    let db = with(schema![Sheet], &rows)?;
    let (mut lines, mut dump) = (Vec::new(), Vec::new());
    db.export_jsonl::<Sheet>(&mut lines)?;
    db.dump(&mut dump)?;
    let other = TempDb::open(schema![Sheet])?;
    other.import_jsonl::<Sheet>(lines.as_slice())?;
    assert_eq!(all(&other, sheet::primary)?, rows);
    let other = TempDb::open(schema![Sheet])?;
    other.restore(dump.as_slice())?;
    assert_eq!(all(&other, sheet::primary)?, rows);
    Ok(())
}

#[test]
fn who_listens_is_told_of_rows_that_are_imported_or_restored() -> Result<()> {
    let db = with(schema![User], &[user(1, "x"), user(2, "y")])?;
    let (mut lines, mut dump) = (Vec::new(), Vec::new());
    db.export_jsonl::<User>(&mut lines)?;
    db.dump(&mut dump)?;
    for is_restored in [false, true] {
        let other = TempDb::open(schema![User])?;
        let changes = other.subscribe::<User>()?;
        if is_restored {
            other.restore(dump.as_slice())?;
        } else {
            other.import_jsonl::<User>(lines.as_slice())?;
        }
        let set = changes.try_recv().unwrap().unwrap();
        assert_eq!(set.inserted, [1, 2]);
    }
    Ok(())
}
