//! Opening a file: what is created, what is kept, and what is refused with which words.

mod typed_support;

use mdbx_typed::prelude::*;
use mdbx_typed::{Change, Codec, CodecError, Error, OpenError, ReadOnly, Result, Schema};
use serde::{Deserialize, Serialize};
use typed_support::TempDb;

/// The table as it was first written.
mod first {
    use super::*;

    #[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
    #[table(name = "users")]
    pub(super) struct User {
        #[key]
        pub(super) id: u32,
        #[index(unique)]
        pub(super) email: String,
        pub(super) nick: Option<String>,
        #[index]
        pub(super) age: u8,
    }
}

use first::User;

fn ann() -> User {
    User {
        id: 1,
        email: "ann".into(),
        nick: None,
        age: 30,
    }
}

/// A file with a table `users` that has a row.
fn written() -> Result<TempDb> {
    let db = TempDb::open(schema![User])?;
    db.write(|tx| tx.insert(&ann()))?;
    Ok(db)
}

/// Asserts that opening with `schema` is refused with these changes of `users`, in these words.
fn assert_refused(db: TempDb, schema: &Schema, lines: &[&str]) -> Vec<Change> {
    let error = db.reopen(schema).err().expect("it opened");
    let OpenError::Schema(diff) = &error else {
        panic!("{error}")
    };
    let mut expected = vec![
        "the tables in the file are not those of this program",
        "table `users`:",
    ];
    expected.extend(lines);
    let text = error.to_string();
    let (helps, told): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with("help: "));
    assert_eq!(
        told.into_iter().map(str::trim_start).collect::<Vec<_>>(),
        expected
    );
    assert!(!helps.is_empty(), "it says what to do");
    diff.tables[0].changes.clone()
}

#[test]
fn a_file_opens_again_with_what_was_written() -> Result<()> {
    let db = written()?.reopen(schema![User])?;
    assert_eq!(db.read()?.get::<User>(1)?, Some(ann()));
    assert_eq!(
        db.read()?.get_by(first::user::by_email, "ann")?,
        Some(ann())
    );
    Ok(())
}

#[test]
fn opening_a_file_that_needs_nothing_writes_nothing() -> Result<()> {
    let db = written()?;
    let before = format!("{:?}", db.read()?);
    let db = db.reopen(schema![User])?;
    assert_eq!(
        format!("{:?}", db.read()?),
        before,
        "the same transaction id"
    );
    Ok(())
}

#[test]
fn tables_the_program_does_not_know_are_kept() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    struct Other {
        #[key]
        id: u8,
    }
    let db = written()?.reopen(schema![Other])?;
    db.write(|tx| tx.insert(&Other { id: 1 }))?;
    let db = db.reopen(schema![User, Other])?;
    assert_eq!(db.read()?.get::<User>(1)?, Some(ann()));
    assert_eq!(db.read()?.count::<Other>()?, 1);
    Ok(())
}

#[test]
fn changed_fields_are_listed_one_by_one() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "users", module = changed)]
    struct Changed {
        #[key]
        id: u32,
        #[index]
        age: u64,
        #[index(unique)]
        email: String,
        bio: Vec<String>,
    }
    let changes = assert_refused(
        written()?,
        schema![Changed],
        &[
            "field `age` was `u8`, now it is `u64`",
            "field `bio` is new: `list<str>`",
            "field `nick` is gone: it was `option<str>`",
            "the order of fields was id, email, age; now it is id, age, email",
        ],
    );
    assert!(changes.contains(&Change::FieldAdded {
        field: "bio".into(),
        shape: "list<str>".into()
    }));
    Ok(())
}

#[test]
fn another_primary_key_is_refused() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "users", module = changed)]
    struct Changed {
        id: u32,
        #[key]
        #[index(unique)]
        email: String,
        nick: Option<String>,
        #[index]
        age: u8,
    }
    assert_refused(
        written()?,
        schema![Changed],
        &["the primary key was `id: u32`, now it is `email: str`"],
    );
    Ok(())
}

#[test]
fn another_codec_is_refused() -> Result<()> {
    struct Other;

    impl Codec for Other {
        const ID: u8 = 200;
        const NAME: &'static str = "other-1";

        fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
            mdbx_typed::Bincode::encode(value, out)
        }

        fn decode<'t, T: Deserialize<'t>>(bytes: &'t [u8]) -> Result<T, CodecError> {
            mdbx_typed::Bincode::decode(bytes)
        }
    }

    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "users", module = changed, codec = Other)]
    struct Changed {
        #[key]
        id: u32,
        #[index(unique)]
        email: String,
        nick: Option<String>,
        #[index]
        age: u8,
    }
    assert_refused(
        written()?,
        schema![Changed],
        &["the codec was `bincode-2-standard`, now it is `other-1`"],
    );
    let db = TempDb::open(schema![Changed])?;
    db.write(|tx| {
        tx.insert(&Changed {
            id: 1,
            email: "e".into(),
            nick: None,
            age: 3,
        })
    })?;
    assert_eq!(db.read()?.get::<Changed>(1)?.map(|row| row.age), Some(3));
    Ok(())
}

#[test]
fn changed_indexes_are_built_anew_and_lost_ones_are_in_the_way_of_writing() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "users", module = changed)]
    #[index(by_email_age, on(email, age))]
    struct Changed {
        #[key]
        id: u32,
        #[index]
        email: String,
        nick: Option<String>,
        age: u8,
    }
    let db = written()?;
    assert_eq!(
        db.schema_diff(schema![Changed])?.to_string(),
        "opening makes the tables in the file those of this program\n\
         table `users`:\n  \
           index `by_email_age` is built from 1 row\n  \
           index `by_email` is built from 1 row: it was `unique on email: str`, now it is `on email: str`\n  \
           it is opened for reading only: this program does not have the index `by_age`, which would become stale"
    );
    let db = db.reopen(schema![Changed])?;
    assert_eq!(db.read()?.by(changed::by_email).eq("ann").count()?, 1);
    let error = db.write(|tx| tx.delete::<Changed>(1)).unwrap_err();
    assert!(matches!(
        error,
        Error::ReadOnly {
            reason: ReadOnly::ExtraIndexes { .. },
            ..
        }
    ));
    Ok(())
}

#[test]
fn a_new_index_of_an_empty_table_is_created() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "users", module = grown)]
    struct Grown {
        #[key]
        id: u32,
        #[index(unique)]
        email: String,
        #[index]
        nick: Option<String>,
        #[index]
        age: u8,
    }
    let db = TempDb::open(schema![User])?.reopen(schema![Grown])?;
    db.write(|tx| {
        tx.insert(&Grown {
            id: 1,
            email: "e".into(),
            nick: None,
            age: 3,
        })
    })?;
    assert_eq!(db.read()?.by(grown::by_nick).count()?, 1);
    let report = db.reopen(schema![Grown])?.verify()?;
    assert!(report.is_clean(), "{report}");
    Ok(())
}

#[test]
fn a_refused_file_is_as_it_was() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    struct New {
        #[key]
        id: u8,
    }
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "users", module = changed)]
    struct Changed {
        #[key]
        id: u32,
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    let db = Database::open(&path, schema![User])?;
    db.write(|tx| tx.insert(&ann()))?;
    drop(db);
    assert!(Database::open(&path, schema![New, Changed]).is_err());
    let db = Database::open(&path, schema![User])?;
    assert_eq!(db.read()?.get::<User>(1)?, Some(ann()));
    drop(db);
    let env = mdbx_core::Env::open(&path)?;
    assert!(
        env.read()?.open_table("new").is_err(),
        "nothing was created on the way"
    );
    Ok(())
}

#[test]
fn owned_and_borrowing_structs_of_the_same_shape_share_a_table() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "users", module = borrowed)]
    struct Borrowed<'a> {
        #[key]
        id: u32,
        #[index(unique)]
        email: &'a str,
        nick: Option<&'a str>,
        #[index]
        age: u8,
    }
    let db = written()?.reopen(schema![Borrowed])?;
    let tx = db.read()?;
    assert_eq!(
        tx.get_by(borrowed::by_email, "ann")?
            .map(|row| (row.id, row.nick)),
        Some((1, None))
    );
    Ok(())
}

#[test]
fn two_structs_cannot_be_the_same_table() {
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "users", module = twin)]
    struct Twin {
        #[key]
        id: u8,
    }
    let error = TempDb::open(schema![User, Twin]).err().expect("it opened");
    assert_eq!(
        error.to_string(),
        "two structs are stored as table `users`: give one of them another #[table(name = \"..\")]"
    );
}

#[test]
fn keys_of_fixed_size_are_checked_at_open() {
    #[derive(Table, Serialize, Deserialize)]
    struct Wide {
        #[key]
        id: u8,
        #[index]
        #[serde(with = "as_bytes")]
        wide: [u8; 9000],
    }
    mod as_bytes {
        use super::*;
        pub(super) fn serialize<S: serde::Serializer>(
            wide: &[u8; 9000],
            to: S,
        ) -> Result<S::Ok, S::Error> {
            to.serialize_bytes(wide)
        }
        pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
            from: D,
        ) -> Result<[u8; 9000], D::Error> {
            <&[u8]>::deserialize(from)?
                .try_into()
                .map_err(serde::de::Error::custom)
        }
    }
    let error = TempDb::open(schema![Wide])
        .err()
        .expect("it opened")
        .to_string();
    assert!(
        error.starts_with("table `wide`: the key in index `by_wide` is 9000 bytes, at most "),
        "{error}"
    );
}

#[test]
fn a_table_of_another_program_is_not_taken_over() -> Result<()> {
    let db = TempDb::open(schema![])?.meddle(schema![], |txn| {
        txn.create_table("users", mdbx_core::TableFlags::empty())
            .unwrap();
    })?;
    assert_refused(
        db,
        schema![User],
        &["the file has a table `users` that was not created by the typed layer"],
    );
    Ok(())
}

#[test]
fn a_damaged_catalog_is_an_error() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    drop(Database::open(&path, schema![User])?);
    let env = mdbx_core::Env::open(&path)?;
    let mut txn = env.write()?;
    let catalog = txn.open_table("@catalog")?;
    let record = txn.get(catalog, b"tusers")?.unwrap().to_vec();
    txn.put(catalog, b"tusers", &record[..record.len() - 1])?;
    txn.commit()?;
    drop(env);
    let error = Database::open(&path, schema![User]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the catalog entry of `users` is unreadable: it is malformed"
    );
    Ok(())
}

#[test]
fn a_missing_file_is_an_error_when_it_should_not_be_created() {
    let directory = tempfile::tempdir().unwrap();
    let result = Database::builder()
        .create(false)
        .open(directory.path().join("none.mdbx"), schema![User]);
    assert!(matches!(result, Err(OpenError::Engine(_))));
}
