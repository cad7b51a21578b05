//! Indexes that come, change and go under rows that are there already.

mod typed_support;

use std::panic::AssertUnwindSafe;
use std::path::Path;

use mdbx_typed::prelude::*;
use mdbx_typed::{
    Builder, Error, Geometry, OnExtraIndex, OnMissingIndex, OnUnknownTable, OpenError, PageSize,
    ReadOnly, Result, Schema,
};
use serde::{Deserialize, Serialize};
use typed_support::{Rng, TempDb};

mod bare {
    use super::*;

    #[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
    #[table(name = "users")]
    pub(super) struct User {
        #[key]
        pub(super) id: u32,
        pub(super) email: String,
        pub(super) tags: Vec<String>,
        pub(super) age: u8,
    }
}

mod indexed {
    use super::*;

    #[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
    #[table(name = "users")]
    #[index(by_domain, with = Self::domain, key = String)]
    pub(super) struct User {
        #[key]
        pub(super) id: u32,
        #[index(unique)]
        #[index(name = by_mail_hash, unique, hash)]
        pub(super) email: String,
        #[index(each)]
        pub(super) tags: Vec<String>,
        #[index]
        pub(super) age: u8,
    }

    impl User {
        fn domain(&self) -> String {
            self.email.rsplit('@').next().unwrap_or("").into()
        }
    }
}

/// The same with another domain.
mod recomputed {
    use super::*;

    #[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
    #[table(name = "users")]
    #[index(by_domain, with = Self::domain, key = String, version = 2)]
    pub(super) struct User {
        #[key]
        pub(super) id: u32,
        #[index(unique)]
        #[index(name = by_mail_hash, unique, hash)]
        pub(super) email: String,
        #[index(each)]
        pub(super) tags: Vec<String>,
        #[index]
        pub(super) age: u8,
    }

    impl User {
        fn domain(&self) -> String {
            self.email.rsplit('@').next().unwrap_or("").to_uppercase()
        }
    }
}

use indexed::user;

fn row(id: u32) -> bare::User {
    bare::User {
        id,
        email: format!("u{id}@d{}.org", id % 7),
        tags: (0..id % 3).map(|tag| format!("t{tag}")).collect(),
        age: u8::try_from(id % 90).expect("it works"),
    }
}

/// A file with so many rows without an index.
fn written(rows: u32) -> Result<TempDb> {
    let db = TempDb::open(schema![bare::User])?;
    db.write(|tx| (0..rows).try_for_each(|id| tx.insert(&row(id))))?;
    Ok(db)
}

fn assert_clean(db: &Database) -> Result<()> {
    let report = db.verify()?;
    assert!(report.is_clean(), "{report}");
    Ok(())
}

fn builder() -> Builder {
    Database::builder().geometry(Geometry::default().page_size(PageSize::MIN))
}

fn schema_of_names(path: &Path) -> Vec<String> {
    let env = mdbx_core::Env::open(path).expect("it works");
    let txn = env.read().expect("it works");
    let main = txn.table(mdbx_core::Table::MAIN).expect("it works");
    main.iter()
        .map(|item| String::from_utf8_lossy(item.expect("it works").0).into_owned())
        .collect()
}

/// Returns all items of all tables.
fn dump(path: &Path) -> String {
    let env = mdbx_core::Env::open(path).expect("it works");
    let mut text = Vec::new();
    mdbx_core::tools::dump::dump(&env.read().expect("it works"), &mut text).expect("it works");
    String::from_utf8(text).expect("it works")
}

#[test]
fn new_indexes_of_all_kinds_have_the_old_rows() -> Result<()> {
    let db = written(500)?.reopen(schema![indexed::User])?;
    let tx = db.read()?;
    assert_eq!(tx.get_by(user::by_email, "u9@d2.org")?.unwrap().id, 9);
    assert_eq!(tx.get_by(user::by_mail_hash, "u9@d2.org")?.unwrap().id, 9);
    assert_eq!(tx.by(user::by_tags).eq("t1").count()?, 166);
    assert_eq!(tx.by(user::by_domain).eq("d0.org").count()?, 72);
    assert_eq!(tx.by(user::by_age).eq(3).count()?, 6);
    drop(tx);
    assert_clean(&db)
}

#[test]
fn an_index_of_another_version_is_built_anew() -> Result<()> {
    let db = written(100)?.reopen(schema![indexed::User])?;
    let db = db.reopen(schema![recomputed::User])?;
    let tx = db.read()?;
    assert_eq!(tx.by(recomputed::user::by_domain).eq("d0.org").count()?, 0);
    assert_eq!(tx.by(recomputed::user::by_domain).eq("D0.ORG").count()?, 15);
    drop(tx);
    assert_clean(&db)
}

#[test]
fn rows_that_violate_a_new_unique_index_fail_the_open_and_change_nothing() -> Result<()> {
    for batch in [7, 1_000] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("test.mdbx");
        let db = builder().open(&path, schema![bare::User])?;
        db.write(|tx| {
            (0..100).try_for_each(|id| tx.insert(&row(id)))?;
            tx.update::<bare::User>(90, |user| user.email = "u5@d5.org".into())
        })?;
        drop(db);
        let before = dump(&path);
        let opened = builder()
            .build_batch(batch)
            .open(&path, schema![indexed::User]);
        let Err(OpenError::BackfillConflict {
            table: "users",
            index: "by_email" | "by_mail_hash",
            first,
            second,
            ..
        }) = &opened
        else {
            panic!("{opened:?}")
        };
        assert_eq!(first.as_bytes(), 5u32.to_be_bytes());
        assert_eq!(second.as_bytes(), 90u32.to_be_bytes());
        assert_eq!(schema_of_names(&path), ["@catalog", "users"]);
        assert_eq!(dump(&path), before, "batches of {batch}");
    }
    Ok(())
}

#[test]
fn a_changed_index_that_cannot_be_built_leaves_the_old_one() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "users", module = plain)]
    struct Plain {
        #[key]
        id: u32,
        #[index]
        email: String,
        tags: Vec<String>,
        age: u8,
    }
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "users", module = unique)]
    struct Unique {
        #[key]
        id: u32,
        #[index(unique)]
        email: String,
        tags: Vec<String>,
        age: u8,
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    let db = Database::open(&path, schema![Plain])?;
    db.write(|tx| {
        (0..10).try_for_each(|id| {
            tx.insert(&Plain {
                id,
                email: "same".into(),
                tags: Vec::new(),
                age: 0,
            })
        })
    })?;
    drop(db);
    for _ in 0..2 {
        let opened = Database::builder()
            .build_batch(1)
            .open(&path, schema![Unique]);
        assert!(matches!(
            opened.err(),
            Some(OpenError::BackfillConflict { .. })
        ));
    }
    let db = Database::open(&path, schema![Plain])?;
    assert_eq!(db.read()?.by(plain::by_email).eq("same").count()?, 10);
    assert_clean(&db)
}

#[test]
fn a_key_that_is_too_long_fails_the_open() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    let db = builder().open(&path, schema![bare::User])?;
    db.write(|tx| {
        tx.insert(&bare::User {
            email: "x".repeat(500),
            ..row(1)
        })
    })?;
    drop(db);
    let error = builder().open(&path, schema![indexed::User]).err().unwrap();
    assert!(
        matches!(
            error,
            OpenError::KeyTooLong {
                index: Some("by_email" | "by_domain"),
                len: 500,
                ..
            }
        ),
        "{error}"
    );
    Ok(())
}

/// Opens, and stops as a process that ends after so many transactions.
fn open_and_stop(path: &Path, schema: &Schema, batch: usize, after: u32) -> bool {
    let left = std::sync::atomic::AtomicU32::new(after);
    let opening = AssertUnwindSafe(|| {
        let builder = builder().build_batch(batch).on_progress(move |_| {
            if left.fetch_sub(1, std::sync::atomic::Ordering::Relaxed) == 1 {
                std::panic::resume_unwind(Box::new("stopped"));
            }
        });
        builder.open(path, schema).map(drop)
    });
    match std::panic::catch_unwind(opening) {
        Ok(opened) => {
            opened.expect("it opens");
            true
        }
        Err(_) => false,
    }
}

#[test]
fn a_build_that_is_stopped_anywhere_goes_on_where_it_was() -> Result<()> {
    let mut rng = Rng(11);
    let mut all_stops = 0;
    for round in 0..20 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("test.mdbx");
        let rows = 50 + rng.below(200);
        let db = builder().open(&path, schema![bare::User])?;
        db.write(|tx| (0..rows).try_for_each(|id| tx.insert(&row(id))))?;
        drop(db);
        let batch = 5 + rng.below(20);
        let mut transactions = 0;
        let mut stops = 0;
        loop {
            let after = 1 + rng.below(4);
            if open_and_stop(&path, schema![indexed::User], batch as usize, after) {
                break;
            }
            transactions += after;
            stops += 1;
            // The program before it still works, as long as it changes nothing.
            let db = builder().open(&path, schema![bare::User])?;
            assert_eq!(db.read()?.count::<bare::User>()?, u64::from(rows));
        }
        assert!(
            transactions <= rows.div_ceil(batch),
            "round {round}: nothing is done twice in {stops} stops"
        );
        all_stops += stops;
        let db = builder().open(&path, schema![indexed::User])?;
        assert_eq!(
            db.read()?.by(user::by_email).count()?,
            u64::from(rows),
            "round {round}"
        );
        assert_clean(&db)?;
        drop(db);
        assert!(
            schema_of_names(&path)
                .iter()
                .all(|name| !name.ends_with('~'))
        );
    }
    assert!(all_stops > 20);
    Ok(())
}

#[test]
fn a_build_starts_over_when_the_rows_have_changed() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    let db = builder().open(&path, schema![bare::User])?;
    db.write(|tx| (0..100).try_for_each(|id| tx.insert(&row(id))))?;
    drop(db);
    assert!(!open_and_stop(&path, schema![indexed::User], 10, 5));
    let db = builder().open(&path, schema![bare::User])?;
    db.write(|tx| {
        tx.delete::<bare::User>(3)?;
        tx.update::<bare::User>(7, |user| user.email = "other".into())
    })?;
    drop(db);
    let db = builder()
        .build_batch(10)
        .open(&path, schema![indexed::User])?;
    let tx = db.read()?;
    assert_eq!(tx.get_by(user::by_email, "other")?.unwrap().id, 7);
    assert_eq!(tx.get_by(user::by_email, "u3@d3.org")?, None);
    drop(tx);
    assert_clean(&db)
}

/// Names the file to the process that [`the_other_program`] runs in.
const OTHER_PROGRAM: &str = "MDBX_TEST_OTHER_PROGRAM";

/// Not a test by itself: what another process does that has the indexes.
#[test]
fn the_other_program() {
    if let Some(path) = std::env::var_os(OTHER_PROGRAM) {
        let db = builder()
            .build_batch(50)
            .open(path, schema![indexed::User])
            .unwrap();
        assert!(db.verify().unwrap().is_clean());
    }
}

fn start_other_program(path: &Path) -> std::process::Child {
    std::process::Command::new(std::env::current_exe().expect("it works"))
        .args(["--exact", "the_other_program"])
        .env(OTHER_PROGRAM, path)
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("a process")
}

#[test]
fn a_program_that_is_open_notices_that_another_one_has_added_indexes() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    let db = builder().open(&path, schema![bare::User])?;
    db.write(|tx| (0..100).try_for_each(|id| tx.insert(&row(id))))?;
    assert!(start_other_program(&path).wait().unwrap().success());
    assert_eq!(db.read()?.get::<bare::User>(1)?, Some(row(1)));
    let error = db.write(|tx| tx.insert(&row(1_000))).unwrap_err();
    assert!(matches!(error, Error::SchemaChanged), "{error}");
    drop(db);
    let db = builder().open(&path, schema![bare::User])?;
    let error = db.write(|tx| tx.insert(&row(1_000))).unwrap_err();
    assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
    Ok(())
}

/// Names the file to the process that [`a_program_with_another_table`] runs in.
const ANOTHER_TABLE: &str = "MDBX_TEST_ANOTHER_TABLE";

/// Not a test by itself: what another process does that has no use for the table, and then has one of the same name.
#[test]
fn a_program_with_another_table() {
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "users")]
    struct Login {
        #[key]
        name: String,
    }

    if let Some(path) = std::env::var_os(ANOTHER_TABLE) {
        let db = builder().open(&path, schema![]).unwrap();
        assert!(db.drop_table("users").unwrap());
        drop(db);
        let db = builder().open(&path, schema![Login]).unwrap();
        let name = "ann".into();
        db.write(|tx| tx.insert(&Login { name })).unwrap();
    }
}

#[test]
fn a_program_that_is_open_notices_that_its_table_was_dropped_and_is_another_one() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    let db = builder().open(&path, schema![bare::User])?;
    db.write(|tx| tx.insert(&row(1)))?;
    let other = std::process::Command::new(std::env::current_exe().expect("it works"))
        .args(["--exact", "a_program_with_another_table"])
        .env(ANOTHER_TABLE, &path)
        .stdout(std::process::Stdio::null())
        .status();
    assert!(other.expect("a process").success());
    let error = db.write(|tx| tx.insert(&row(2))).unwrap_err();
    assert!(matches!(error, Error::SchemaChanged), "{error}");
    Ok(())
}

#[test]
fn indexes_are_right_when_another_program_writes_while_they_are_built() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    let db = builder().open(&path, schema![bare::User])?;
    db.write(|tx| (0..2_000).try_for_each(|id| tx.insert(&row(id))))?;
    let mut other = start_other_program(&path);
    let mut rows = 2_000;
    loop {
        let ended = other.try_wait().unwrap();
        assert!(ended.is_none_or(|status| status.success()));
        match db.write(|tx| tx.insert(&row(rows))) {
            Ok(()) => rows += 1,
            Err(Error::SchemaChanged) => break,
            Err(error) => return Err(error),
        }
    }
    assert!(other.wait().unwrap().success());
    drop(db);
    let db = builder().open(&path, schema![indexed::User])?;
    assert_eq!(db.read()?.by(user::by_email).count()?, u64::from(rows));
    assert_clean(&db)
}

/// A build is one of several transactions or of one; here the process is killed somewhere in between.
#[test]
fn a_build_that_is_killed_goes_on() -> Result<()> {
    let mut rng = Rng(23);
    for round in 0..8 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("test.mdbx");
        let db = builder().open(&path, schema![bare::User])?;
        db.write(|tx| (0..1_000).try_for_each(|id| tx.insert(&row(id))))?;
        drop(db);
        for _ in 0..4 {
            let mut other = start_other_program(&path);
            std::thread::sleep(std::time::Duration::from_millis(rng.below(60).into()));
            let _ = other.kill(); // it may be done by now
            other.wait().unwrap();
        }
        let db = builder().open(&path, schema![indexed::User])?;
        assert_eq!(
            db.read()?.by(user::by_email).count()?,
            1_000,
            "round {round}"
        );
        assert_clean(&db)?;
    }
    Ok(())
}

#[test]
fn missing_indexes_are_refused_or_left_out_on_demand() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    let db = Database::open(&path, schema![bare::User])?;
    db.write(|tx| tx.insert(&row(1)))?;
    drop(db);
    let with = |policy| Database::builder().on_missing_index(policy);
    let error = with(OnMissingIndex::Refuse)
        .open(&path, schema![indexed::User])
        .err()
        .unwrap();
    assert!(
        error
            .to_string()
            .contains("index `by_age` is new, and the table has rows that are not in it"),
        "{error}"
    );
    let db = with(OnMissingIndex::Ignore).open(&path, schema![indexed::User])?;
    db.write(|tx| {
        tx.update::<indexed::User>(1, |user| user.age = 50)
            .map(drop)
    })?;
    let tx = db.read()?;
    let error = tx.by(user::by_age).count().unwrap_err();
    assert!(matches!(
        error,
        Error::IndexMissing {
            table: "users",
            index: "by_age"
        }
    ));
    assert!(matches!(
        tx.get_by(user::by_email, "x"),
        Err(Error::IndexMissing { .. })
    ));
    assert_eq!(tx.get::<indexed::User>(1)?.unwrap().age, 50);
    drop(tx);
    assert_clean(&db)?;
    drop(db);
    let db = Database::open(&path, schema![indexed::User])?;
    assert_eq!(db.read()?.by(user::by_age).eq(50).count()?, 1);
    assert_clean(&db)
}

#[test]
fn an_index_the_program_does_not_have_makes_its_table_read_only() -> Result<()> {
    let db = written(3)?.reopen(schema![indexed::User])?;
    let db = db.reopen(schema![bare::User])?;
    assert_eq!(db.read()?.get::<bare::User>(1)?, Some(row(1)));
    let error = db.write(|tx| tx.insert(&row(9))).unwrap_err();
    let Error::ReadOnly {
        reason: ReadOnly::ExtraIndexes { indexes },
        ..
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!(indexes.len(), 5);
    let db = db.reopen(schema![indexed::User])?;
    assert_clean(&db)
}

#[test]
fn extra_indexes_are_dropped_or_marked_stale_on_demand() -> Result<()> {
    for policy in [OnExtraIndex::Drop, OnExtraIndex::MarkStale] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("test.mdbx");
        let db = Database::open(&path, schema![indexed::User])?;
        db.write(|tx| {
            tx.insert(&indexed::User {
                id: 1,
                email: "e".into(),
                tags: Vec::new(),
                age: 1,
            })
        })?;
        drop(db);
        let db = Database::builder()
            .on_extra_index(policy)
            .open(&path, schema![bare::User])?;
        db.write(|tx| tx.update::<bare::User>(1, |user| user.age = 2).map(drop))?;
        drop(db);
        // Once marked, it is in nobody's way.
        let db = Database::open(&path, schema![bare::User])?;
        db.write(|tx| tx.update::<bare::User>(1, |user| user.age = 3).map(drop))?;
        drop(db);
        let names = schema_of_names(&path);
        let has_indexes = names.iter().any(|name| name.contains('.'));
        assert_eq!(has_indexes, policy == OnExtraIndex::MarkStale);
        let db = Database::open(&path, schema![indexed::User])?;
        assert_eq!(
            db.read()?
                .by(user::by_age)
                .keys()
                .collect::<Result<Vec<_>>>()?,
            [3]
        );
        assert_clean(&db)?;
    }
    Ok(())
}

#[test]
fn unknown_tables_are_kept_or_refused_but_dropped_only_by_name() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    struct Other {
        #[key]
        id: u8,
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    let db = Database::open(&path, schema![indexed::User])?;
    assert!(matches!(db.drop_table("users"), Err(Error::InUse { .. })));
    drop(db);
    let error = Database::builder()
        .on_unknown_table(OnUnknownTable::Refuse)
        .open(&path, schema![Other])
        .err()
        .unwrap();
    assert!(
        error
            .to_string()
            .contains("table `users`:\n  it is not in this program"),
        "{error}"
    );
    let db = Database::open(&path, schema![Other])?;
    assert!(db.drop_table("users")?);
    assert!(!db.drop_table("users")?);
    drop(db);
    assert_eq!(schema_of_names(&path), ["@catalog", "other"]);
    Ok(())
}
