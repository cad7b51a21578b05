//! Structs that change: appended fields, conversions, older programs, and rewriting all rows.

mod typed_support;

use mdbx_typed::prelude::*;
use mdbx_typed::{Error, OnLayoutChange, OpenError, ReadOnly, Result, Step};
use serde::{Deserialize, Serialize};
use typed_support::TempDb;

/// The table as it was first written.
mod v1 {
    use super::*;

    #[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
    #[table(name = "users")]
    pub(super) struct User {
        #[key]
        pub(super) id: u32,
        #[index(unique)]
        pub(super) email: String,
    }
}

/// With appended fields.
mod v2 {
    use super::*;

    #[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
    #[table(name = "users", view)]
    pub(super) struct User {
        #[key]
        pub(super) id: u32,
        #[index(unique)]
        pub(super) email: String,
        #[serde(default)]
        pub(super) bio: String,
        #[serde(default = "none_yet")]
        #[index]
        pub(super) karma: i32,
        #[serde(default)]
        pub(super) nick: Option<String>,
    }

    fn none_yet() -> i32 {
        7
    }
}

/// With another type, made from the one before.
mod v3 {
    use super::*;

    #[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
    #[table(name = "users", upgrade_from = v2::User)]
    pub(super) struct User {
        #[key]
        pub(super) id: u32,
        #[index(unique)]
        pub(super) email: String,
        #[index]
        pub(super) karma: i64,
    }

    impl From<v2::User> for User {
        fn from(old: v2::User) -> Self {
            User {
                id: old.id,
                email: old.email.to_lowercase(),
                karma: i64::from(old.karma) * 100,
            }
        }
    }
}

/// A file with two rows that the first program wrote.
fn written() -> Result<TempDb> {
    let db = TempDb::open(schema![v1::User])?;
    db.write(|tx| {
        for (id, email) in [(1, "Ann"), (2, "Bob")] {
            tx.insert(&v1::User {
                id,
                email: email.into(),
            })?;
        }
        Ok(())
    })?;
    Ok(db)
}

fn grown(id: u32, email: &str) -> v2::User {
    v2::User {
        id,
        email: email.into(),
        bio: String::new(),
        karma: 7,
        nick: None,
    }
}

fn assert_clean(db: &Database) -> Result<()> {
    let report = db.verify()?;
    assert!(report.is_clean(), "{report}");
    Ok(())
}

#[test]
fn appended_fields_read_as_their_defaults() -> Result<()> {
    let db = written()?.reopen(schema![v2::User])?;
    let tx = db.read()?;
    assert_eq!(tx.get::<v2::User>(1)?, Some(grown(1, "Ann")));
    assert_eq!(tx.get_by(v2::user::by_email, "Bob")?, Some(grown(2, "Bob")));
    assert_eq!(
        tx.by(v2::user::by_karma).eq(7).count()?,
        2,
        "the new index has them"
    );
    let view = tx.get_view::<v2::User, v2::UserRef<'_>>(1)?;
    assert!(view.is_some_and(|user| user.email == "Ann" && user.karma == 7));
    drop(tx);
    assert_clean(&db)
}

#[test]
fn a_put_writes_the_new_revision_and_a_read_writes_nothing() -> Result<()> {
    let db = written()?.reopen(schema![v2::User])?;
    db.write(|tx| {
        tx.update::<v2::User>(1, |user| user.bio = "hi".into())
            .map(drop)
    })?;
    let mut revisions = Vec::new();
    let db = db.meddle(schema![v2::User], |txn| {
        let table = txn.open_table("users").unwrap();
        for id in [1u32, 2] {
            revisions.push(txn.get(table, &id.to_be_bytes()).unwrap().unwrap()[0]);
        }
    })?;
    assert_eq!(revisions, [2, 1]);
    assert_eq!(db.read()?.get::<v2::User>(1)?.unwrap().bio, "hi");
    assert_clean(&db)
}

#[test]
fn appending_twice_keeps_both_older_revisions_readable() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "users", module = third)]
    struct Third {
        #[key]
        id: u32,
        #[index(unique)]
        email: String,
        #[serde(default)]
        bio: String,
        #[serde(default)]
        #[index]
        karma: i32,
        #[serde(default)]
        nick: Option<String>,
        #[serde(default)]
        late: u8,
    }
    let db = written()?.reopen(schema![v2::User])?;
    db.write(|tx| tx.put(&grown(3, "cid")))?;
    let db = db.reopen(schema![Third])?;
    let karma = |id| {
        Ok::<_, Error>(
            db.read()?
                .get::<Third>(id)?
                .map(|row| (row.karma, row.late)),
        )
    };
    assert_eq!(karma(3)?, Some((7, 0)));
    assert_eq!(
        karma(1)?,
        Some((0, 0)),
        "the default is that of the newest struct"
    );
    Ok(())
}

#[test]
fn an_appended_field_without_a_default_is_refused_with_the_way_out() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "users", module = more)]
    struct More {
        #[key]
        id: u32,
        #[index(unique)]
        email: String,
        bio: String,
    }
    let error = written()?.reopen(schema![More]).err().expect("it opened");
    assert_eq!(
        error.to_string(),
        "the tables in the file are not those of this program\n\
         table `users`:\n  field `bio` is new: `str`\n\
         help: append new fields at the end, with #[serde(default)], or keep the old struct and write \
         #[table(upgrade_from = OldStruct)]"
    );
    Ok(())
}

#[test]
fn a_changed_type_is_refused_with_the_field_and_both_types() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "users", module = retyped)]
    struct Retyped {
        #[key]
        id: u32,
        email: u64,
    }
    let error = written()?
        .reopen(schema![Retyped])
        .err()
        .expect("it opened");
    assert!(
        error
            .to_string()
            .contains("field `email` was `str`, now it is `u64`"),
        "{error}"
    );
    Ok(())
}

#[test]
fn rows_are_converted_through_a_chain_of_structs() -> Result<()> {
    let db = written()?.reopen(schema![v3::User])?;
    let ann = v3::User {
        id: 1,
        email: "ann".into(),
        karma: 700,
    };
    let tx = db.read()?;
    assert_eq!(tx.get::<v3::User>(1)?, Some(ann.clone()));
    assert_eq!(
        tx.get_by(v3::user::by_email, "ann")?,
        Some(ann),
        "indexes are of the converted rows"
    );
    assert_eq!(tx.get_by(v3::user::by_email, "Ann")?, None);
    assert_eq!(tx.by(v3::user::by_karma).eq(700).count()?, 2);
    drop(tx);
    db.write(|tx| {
        assert!(tx.delete::<v3::User>(2)?);
        tx.update::<v3::User>(1, |user| user.karma += 1).map(drop)
    })?;
    assert_eq!(
        db.read()?
            .by(v3::user::by_karma)
            .keys()
            .collect::<Result<Vec<_>>>()?,
        [701]
    );
    assert_clean(&db)
}

#[test]
fn converted_rows_borrow_from_the_page() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "event", module = old_event)]
    struct OldEvent<'a> {
        #[key]
        id: u32,
        text: &'a str,
    }
    #[derive(Table, Serialize, Deserialize)]
    #[table(upgrade_from = OldEvent<'a>)]
    struct Event<'a> {
        #[key]
        id: u32,
        #[index]
        kind: &'a str,
        body: &'a str,
    }
    impl<'a> From<OldEvent<'a>> for Event<'a> {
        fn from(old: OldEvent<'a>) -> Self {
            let (kind, body) = old.text.split_once(' ').unwrap_or(("", old.text));
            Event {
                id: old.id,
                kind,
                body,
            }
        }
    }
    let db = TempDb::open(schema![OldEvent])?;
    db.write(|tx| {
        tx.insert(&OldEvent {
            id: 1,
            text: "log in",
        })
    })?;
    let db = db.reopen(schema![Event])?;
    let tx = db.read()?;
    let row = tx.by(event::by_kind).eq("log").first()?.expect("converted");
    assert_eq!((row.id, row.body), (1, "in"));
    assert_eq!(
        row.kind.as_ptr().wrapping_add(4),
        row.body.as_ptr(),
        "in one piece"
    );
    Ok(())
}

#[test]
fn an_older_program_reads_what_it_knows_and_writes_nothing() -> Result<()> {
    let db = written()?.reopen(schema![v2::User])?;
    db.write(|tx| tx.put(&grown(3, "cid")))?;
    let db = db.reopen(schema![v1::User])?;
    let tx = db.read()?;
    assert_eq!(tx.get::<v1::User>(1)?.unwrap().email, "Ann");
    let error = tx.get::<v1::User>(3).unwrap_err();
    assert!(
        matches!(
            error,
            Error::NewerRow {
                table: "users",
                rev: 2,
                known: 1
            }
        ),
        "{error}"
    );
    drop(tx);
    let error = db.write(|tx| tx.delete::<v1::User>(1)).unwrap_err();
    assert!(
        matches!(
            error,
            Error::ReadOnly {
                table: "users",
                reason: ReadOnly::NewerRevision {
                    revision: 2,
                    known: 1
                }
            }
        ),
        "{error}"
    );
    let db = db.reopen(schema![v2::User])?;
    assert_eq!(db.read()?.count::<v2::User>()?, 3);
    assert_clean(&db)
}

#[test]
fn migrate_rewrites_all_rows_and_makes_old_structs_superfluous() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "users", module = alone)]
    struct Alone {
        #[key]
        id: u32,
        #[index(unique)]
        email: String,
        #[index]
        karma: i64,
    }
    let db = written()?;
    db.write(|tx| {
        (10..30_000).try_for_each(|id| {
            tx.insert(&v1::User {
                id,
                email: format!("Mail{id}"),
            })
        })
    })?;
    let db = db.reopen(schema![v2::User])?;
    db.write(|tx| tx.put(&grown(3, "cid")))?;
    let db = db.reopen(schema![v3::User])?;
    let mut told = Vec::new();
    let rewritten = db.migrate_with(|progress| told.push((progress.done, progress.total)))?;
    assert_eq!(rewritten, 29_993);
    assert_eq!(told, [(20_000, 29_993), (29_993, 29_993)]);
    assert_clean(&db)?;
    let db = db.reopen(schema![Alone])?;
    assert_eq!(db.read()?.get::<Alone>(1)?.unwrap().karma, 700);
    assert_eq!(db.migrate()?, 0);
    let db = db.reopen(schema![v1::User])?;
    assert!(matches!(
        db.read()?.get::<v1::User>(1),
        Err(Error::NewerRow { .. })
    ));
    Ok(())
}

#[test]
fn forgetting_a_struct_before_migrating_is_refused() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "users", module = alone)]
    struct Alone {
        #[key]
        id: u32,
        #[index(unique)]
        email: String,
        #[index]
        karma: i64,
    }
    let db = written()?.reopen(schema![v3::User])?;
    let error = db.reopen(schema![Alone]).err().expect("it opened");
    assert_eq!(
        error.to_string(),
        "the tables in the file are not those of this program\n\
         table `users`:\n  no struct is known for rows of revision 1: id, email\n\
         help: call `migrate` with a program that has the struct for it, which leaves no such rows"
    );
    Ok(())
}

#[test]
fn a_conversion_that_changes_the_primary_key_is_not_carried_out() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "users", module = moved, upgrade_from = v1::User)]
    struct Moved {
        #[key]
        id: u32,
        email: String,
        more: u8,
    }
    impl From<v1::User> for Moved {
        fn from(old: v1::User) -> Self {
            Moved {
                id: old.id + 1,
                email: old.email,
                more: 0,
            }
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    drop(Database::open(&path, schema![v1::User])?);
    let db = Database::builder()
        .on_extra_index(mdbx_typed::OnExtraIndex::Drop)
        .open(&path, schema![v1::User])?;
    db.write(|tx| {
        tx.insert(&v1::User {
            id: 1,
            email: "e".into(),
        })
    })?;
    drop(db);
    let db = Database::builder()
        .on_extra_index(mdbx_typed::OnExtraIndex::Drop)
        .open(&path, schema![Moved])?;
    assert!(matches!(
        db.migrate(),
        Err(Error::KeyChanged { table: "users" })
    ));
    assert!(!db.verify()?.is_clean());
    Ok(())
}

#[test]
fn two_structs_of_a_chain_cannot_have_the_same_fields() {
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "users", module = same, upgrade_from = v1::User)]
    struct Same {
        #[key]
        id: u32,
        email: String,
    }
    impl From<v1::User> for Same {
        fn from(old: v1::User) -> Self {
            Same {
                id: old.id,
                email: old.email,
            }
        }
    }
    let error = TempDb::open(schema![Same]).err().expect("it opened");
    assert_eq!(
        error.to_string(),
        "table `users`: two revisions of the struct have the same fields: rename one field in the newer struct"
    );
}

#[test]
fn policies_refuse_what_they_are_told_to() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    drop(Database::open(&path, schema![v1::User])?);
    let with = |policy| Database::builder().on_layout_change(policy);
    let refused = with(OnLayoutChange::Refuse).open(&path, schema![v2::User]);
    assert!(matches!(refused, Err(OpenError::Schema(_))));
    let refused = with(OnLayoutChange::AppendOnly).open(&path, schema![v3::User]);
    assert!(matches!(refused, Err(OpenError::Schema(_))));
    drop(with(OnLayoutChange::AppendOnly).open(&path, schema![v2::User])?);
    drop(with(OnLayoutChange::UpgradeFrom).open(&path, schema![v3::User])?);
    Ok(())
}

#[test]
fn a_diff_says_what_opening_would_do_and_does_nothing() -> Result<()> {
    let db = written()?;
    let diff = db.schema_diff(schema![v3::User])?;
    assert!(diff.is_accepted());
    assert_eq!(
        diff.to_string(),
        "opening makes the tables in the file those of this program\n\
         table `users`:\n  \
           revision 2: older rows are converted when they are read\n  \
           index `by_email` is built from 2 rows: the rows are converted\n  \
           index `by_karma` is built from 2 rows"
    );
    assert_eq!(diff.tables[0].steps[0], Step::Upgrade { revision: 2 });
    let diff = db.schema_diff(schema![])?;
    assert_eq!(diff.unknown, ["users"]);
    let db = db.reopen(schema![v1::User])?;
    assert!(db.schema_diff(schema![v1::User])?.is_empty());
    db.write(|tx| tx.delete::<v1::User>(1).map(drop))
}

#[test]
fn a_program_that_can_only_read_does_not_lock_out_the_one_that_writes() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "users", module = other)]
    struct Other {
        #[key]
        id: u32,
        #[index(unique)]
        #[index(name = by_email_hash, hash)]
        email: String,
    }
    let insert = |db: &TempDb, id| {
        db.write(|tx| {
            tx.insert(&Other {
                id,
                email: format!("Mail{id}"),
            })
        })
    };
    let mut db = written()?.reopen(schema![Other])?;
    insert(&db, 3)?;
    for (round, schema) in [schema![v2::User], schema![v3::User]]
        .into_iter()
        .enumerate()
    {
        db = db.reopen(schema)?;
        if round == 0 {
            assert_eq!(db.read()?.get::<v2::User>(1)?, Some(grown(1, "Ann")));
            assert!(matches!(
                db.write(|tx| tx.put(&grown(9, "x"))),
                Err(Error::ReadOnly { .. })
            ));
        } else {
            let tx = db.read()?;
            assert_eq!(tx.get::<v3::User>(1)?.unwrap().email, "ann");
            assert!(matches!(
                tx.get_by(v3::user::by_email, "ann"),
                Err(Error::IndexMissing { .. })
            ));
        }
        assert_clean(&db)?;
        db = db.reopen(schema![Other])?;
        insert(&db, 10 + u32::try_from(round).unwrap())?;
        assert_clean(&db)?;
    }
    Ok(())
}
