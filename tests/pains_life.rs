//! What hurts users of other typed stores in the course of a database's life, one test each.

mod typed_support;

use mdbx_typed::prelude::*;
use mdbx_typed::{Error, OpenError, Result};
use serde::{Deserialize, Serialize};
use typed_support::TempDb;

/// The table as version 1 of a program has it.
mod v1 {
    use super::*;

    #[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
    #[table(name = "notes")]
    pub(super) struct Note {
        #[key]
        pub(super) id: u64,
        pub(super) title: String,
    }

    #[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
    pub(super) struct Tag {
        #[key]
        pub(super) name: String,
    }
}

fn note(id: u64, title: &str) -> v1::Note {
    v1::Note {
        id,
        title: title.into(),
    }
}

fn written() -> Result<TempDb> {
    let db = TempDb::open(schema![v1::Note, v1::Tag])?;
    db.write(|tx| {
        tx.insert(&note(1, "one"))?;
        tx.insert(&note(2, "two"))?;
        tx.insert(&v1::Tag { name: "red".into() })
    })?;
    Ok(db)
}

/// Opening a file with a shorter list of tables deletes those that are not on it: a branch switch or a helper script
/// destroys data.
#[test]
fn pain_01_a_program_with_fewer_tables_deletes_nothing() -> Result<()> {
    let db = written()?.reopen(schema![v1::Tag])?;
    db.write(|tx| {
        tx.insert(&v1::Tag {
            name: "blue".into(),
        })
    })?;
    assert_eq!(db.migrate()?, 0);
    let db = db.reopen(schema![])?;
    assert_eq!(db.schema_diff(schema![])?.unknown, ["notes", "tag"]);
    let db = db.reopen(schema![v1::Note, v1::Tag])?;
    assert_eq!(db.read()?.count::<v1::Note>()?, 2);
    assert_eq!(db.read()?.count::<v1::Tag>()?, 2);
    // Dropping takes a call with the name, in a program that does not use the table.
    assert!(matches!(db.drop_table("tag"), Err(Error::InUse { .. })));
    let db = db.reopen(schema![v1::Note])?;
    assert!(db.drop_table("tag")?);
    let db = db.reopen(schema![v1::Note, v1::Tag])?;
    assert_eq!(db.read()?.count::<v1::Tag>()?, 0);
    Ok(())
}

/// An index that is added to a struct opens empty over old rows, which then cannot be found by it, and not be removed
/// either.
#[test]
fn pain_02_a_new_index_has_the_old_rows() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "notes")]
    struct Note {
        #[key]
        id: u64,
        #[index(unique)]
        title: String,
    }
    let db = written()?.reopen(schema![Note])?;
    assert_eq!(db.read()?.get_by(note::by_title, "two")?.unwrap().id, 2);
    db.write(|tx| {
        assert!(tx.delete::<Note>(2)?);
        Ok(())
    })?;
    assert!(db.read()?.get_by(note::by_title, "two")?.is_none());
    let report = db.verify()?;
    assert!(report.is_clean(), "{report}");
    Ok(())
}

/// A field whose type was changed reads garbage without any error: a stored text comes back as the number 1.
#[test]
fn pain_03_a_changed_type_is_named_and_never_read_as_garbage() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "notes")]
    struct Note {
        #[key]
        id: u64,
        title: u64,
    }
    let error = written()?.reopen(schema![Note]).err().expect("it opened");
    assert!(matches!(error, OpenError::Schema(_)));
    assert!(
        error
            .to_string()
            .contains("table `notes`:\n  field `title` was `str`, now it is `u64`"),
        "{error}"
    );
    Ok(())
}

/// bincode ignores `#[serde(default)]`, so one new field makes every old row unreadable.
#[test]
fn pain_08_a_new_field_with_a_default_leaves_old_rows_readable() -> Result<()> {
    #[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
    #[table(name = "notes")]
    struct Note {
        #[key]
        id: u64,
        title: String,
        #[serde(default)]
        pinned: bool,
        #[serde(default)]
        labels: Vec<String>,
    }
    let db = written()?.reopen(schema![Note])?;
    let old = db.read()?.get::<Note>(1)?.expect("it is there");
    assert_eq!(
        (old.title.as_str(), old.pinned, old.labels.len()),
        ("one", false, 0)
    );
    db.write(|tx| tx.update::<Note>(1, |note| note.pinned = true).map(drop))?;
    let db = db.reopen(schema![Note])?;
    assert!(db.read()?.get::<Note>(1)?.is_some_and(|note| note.pinned));
    assert!(db.read()?.get::<Note>(2)?.is_some_and(|note| !note.pinned));
    Ok(())
}

/// The default codec is unmaintained, and files do not say which codec wrote them: a swap would decode nonsense.
#[test]
fn pain_10_the_codec_is_in_the_file_and_can_be_left() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "notes", module = swapped, codec = mdbx_typed::Postcard)]
    struct Swapped {
        #[key]
        id: u64,
        title: String,
    }
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "notes", codec = mdbx_typed::Postcard, upgrade_from = v1::Note)]
    struct Note {
        #[key]
        id: u64,
        title: String,
    }
    impl From<v1::Note> for Note {
        fn from(old: v1::Note) -> Self {
            Note {
                id: old.id,
                title: old.title,
            }
        }
    }
    let error = written()?
        .reopen(schema![Swapped])
        .err()
        .expect("it opened");
    assert!(
        error
            .to_string()
            .contains("the codec was `bincode-2-standard`, now it is `postcard-1`"),
        "{error}"
    );
    let db = written()?.reopen(schema![Note])?;
    assert_eq!(db.migrate()?, 2);
    let db = db.reopen(schema![Swapped])?;
    assert_eq!(db.read()?.get::<Swapped>(2)?.unwrap().title, "two");
    Ok(())
}

/// Renamed types and new major versions strand users: what is stored is found by the name of a type, or through a side
/// file that gets lost.
#[test]
fn pain_24_types_are_renamed_and_reshaped_without_a_dump() -> Result<()> {
    mod v2 {
        use super::*;

        #[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
        #[table(name = "documents", was = "notes", upgrade_from = v1::Note)]
        pub(super) struct Document {
            #[key]
            #[field(was = "id")]
            pub(super) number: u64,
            #[index(each)]
            pub(super) words: Vec<String>,
        }

        impl From<v1::Note> for Document {
            fn from(old: v1::Note) -> Self {
                Document {
                    number: old.id,
                    words: old.title.split(' ').map(str::to_owned).collect(),
                }
            }
        }
    }
    let db = written()?;
    db.write(|tx| tx.put(&note(3, "three words here")))?;
    let db = db.reopen(schema![v2::Document])?;
    let words = db
        .read()?
        .get::<v2::Document>(3)?
        .map(|row| row.words.len());
    assert_eq!(words, Some(3));
    assert_eq!(db.migrate()?, 3);
    let report = db.verify()?;
    assert!(report.is_clean(), "{report}");
    Ok(())
}
