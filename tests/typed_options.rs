//! How a database is opened otherwise than usual, what it tells of its size, and how it is copied, synced and closed.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use std::path::Path;
use std::time::Duration;

use mdbx_typed::prelude::*;
use mdbx_typed::{
    Builder, Durability, Error, Geometry, OnExtraIndex, OnLayoutChange, OnMissingIndex, OpenError,
    Result,
};
use serde::{Deserialize, Serialize};

mod old {
    use super::*;

    #[derive(Table, Serialize, Deserialize)]
    pub(super) struct User {
        #[key(auto)]
        pub(super) id: u64,
        pub(super) name: String,
        #[index]
        pub(super) age: u8,
    }
}

/// With another index and another field.
#[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
struct User {
    #[key(auto)]
    id: u64,
    #[index]
    name: String,
    age: u8,
    #[serde(default)]
    bio: String,
}

#[derive(Table, Serialize, Deserialize)]
struct Other {
    #[key]
    id: u64,
}

mod renamed {
    use super::*;

    #[derive(Table, Serialize, Deserialize)]
    #[table(was = "user")]
    pub(super) struct Person {
        #[key(auto)]
        id: u64,
        name: String,
        #[index]
        age: u8,
    }
}

/// Makes a file with three users of the old kind, and runs `test` on its path.
fn with_file<R>(test: impl FnOnce(&Path) -> R) -> R {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    let db = Database::open(&path, schema![old::User]).unwrap();
    db.write(|tx| {
        for age in [30, 20, 40] {
            let name = format!("aged {age}");
            tx.insert_new(|id| old::User { id, name, age })?;
        }
        Ok(())
    })
    .unwrap();
    db.close().unwrap();
    test(&path)
}

fn read_only() -> Builder {
    Database::builder().read_only(true)
}

fn is_read_only<R>(result: &Result<R>) -> bool {
    matches!(result, Err(Error::Engine(mdbx_core::Error::ReadOnly)))
}

#[test]
fn a_file_that_is_only_read_gives_rows_and_takes_none() -> Result<()> {
    with_file(|path| {
        let before = std::fs::read(path).unwrap();
        let db = read_only().open(path, schema![old::User])?;
        let tx = db.read()?;
        let oldest = tx.by(old::user::by_age).last()?;
        assert_eq!(oldest.map(|user| user.id), Some(3));
        drop(tx);
        assert!(is_read_only(&db.write(|tx| tx.delete::<old::User>(1))));
        assert!(is_read_only(&db.begin_write().map(drop)));
        assert!(is_read_only(&db.sync()));
        assert!(db.verify()?.is_clean());
        db.close()?;
        assert_eq!(std::fs::read(path).unwrap(), before);
        Ok(())
    })
}

#[test]
fn a_file_that_is_only_read_goes_without_the_tables_and_indexes_it_does_not_have() -> Result<()> {
    with_file(|path| {
        let before = std::fs::read(path).unwrap();
        let db = read_only().open(path, schema![User, Other])?;
        let tx = db.read()?;
        let user = tx.get::<User>(1)?.unwrap();
        assert_eq!((&*user.name, user.age, &*user.bio), ("aged 30", 30, ""));
        assert_eq!(tx.count::<User>()?, 3);
        assert!(matches!(
            tx.by(user::by_name).first(),
            Err(Error::IndexMissing {
                table: "user",
                index: "by_name"
            })
        ));
        assert!(matches!(
            tx.get::<Other>(1),
            Err(Error::NotInSchema { table: "other" })
        ));
        assert!(matches!(
            tx.by(other::primary).count(),
            Err(Error::NotInSchema { .. })
        ));
        assert!(db.verify()?.is_clean());
        assert_eq!(db.stats()?.tables.len(), 1);
        drop(tx);
        drop(db);
        assert_eq!(std::fs::read(path).unwrap(), before);
        Ok(())
    })
}

#[test]
fn policies_hold_for_files_that_are_only_read() {
    with_file(|path| {
        let refuse = read_only().on_missing_index(OnMissingIndex::Refuse);
        let refused = refuse.open(path, schema![User]);
        assert!(matches!(refused, Err(OpenError::Schema(_))), "{refused:?}");
        let refuse = read_only().on_layout_change(OnLayoutChange::Refuse);
        let refused = refuse.open(path, schema![User]);
        assert!(matches!(refused, Err(OpenError::Schema(_))), "{refused:?}");
        let ignore = read_only().on_missing_index(OnMissingIndex::Ignore);
        let ignore = ignore.on_extra_index(OnExtraIndex::Drop);
        assert!(ignore.open(path, schema![User]).is_ok());
    });
}

#[test]
fn a_table_with_another_name_in_a_file_that_is_only_read_is_told() {
    with_file(|path| {
        let refused = read_only()
            .open(path, schema![renamed::Person])
            .unwrap_err();
        assert!(matches!(refused, OpenError::ReadOnly(_)), "{refused:?}");
        let text = refused.to_string();
        assert!(text.contains("it can only be read"), "{text}");
        assert!(text.contains("`user`"), "{text}");
        let missing = read_only().open(path.with_extension("none"), schema![User]);
        assert!(matches!(
            missing,
            Err(OpenError::Engine(mdbx_core::Error::Open { .. }))
        ));
    });
}

#[test]
fn what_the_engine_offers_is_set_when_a_database_is_opened() -> Result<()> {
    with_file(|path| {
        let db = Database::builder()
            .durability(Durability::SafeNoSync)
            .engine(|options| {
                let options = options.write_map(true).exclusive(true).dirty_limit(1 << 20);
                options
                    .sync_bytes(1 << 24)
                    .sync_period(Duration::from_secs(9))
            })
            .open(path, schema![old::User])?;
        let info = db.raw().info()?;
        assert_eq!(info.durability, Durability::SafeNoSync);
        assert_eq!(
            (info.sync_bytes, info.sync_period),
            (1 << 24, Duration::from_secs(9))
        );
        db.write(|tx| tx.delete::<old::User>(1))?;
        assert!(db.raw().info()?.unsynced_bytes > 0);
        assert!(db.sync()?, "there was something to sync");
        assert_eq!(db.raw().info()?.unsynced_bytes, 0);
        assert!(!db.sync()?, "there is nothing left");
        db.write(|tx| tx.delete::<old::User>(2))?;
        db.clone().close()?;
        assert_eq!(db.raw().info()?.unsynced_bytes, 0);
        assert_eq!(
            db.read()?.count::<old::User>()?,
            1,
            "the other handle is open"
        );
        Ok(())
    })
}

#[test]
fn a_copy_has_what_was_committed_and_replaces_nothing() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("copy.mdbx");
    let db = Database::builder()
        .geometry(Geometry::default().upper(64 << 20))
        .open_in_memory(schema![old::User])?;
    let users = (1..=1000).map(|id| old::User {
        id,
        name: format!("u{id}"),
        age: 20,
    });
    db.write(|tx| tx.load_sorted(users))?;
    let len = db.copy_to(&path)?;
    assert_eq!(std::fs::metadata(&path).unwrap().len(), len);
    assert!(db.copy_to(&path).is_err());
    let copy = Database::open(&path, schema![old::User])?;
    assert!(copy.verify()?.is_clean());
    assert_eq!(copy.read()?.by(old::user::by_age).eq(20).count()?, 1000);
    Ok(())
}

#[test]
fn stats_tell_the_sizes_of_tables_and_the_oldest_reader() -> Result<()> {
    with_file(|path| {
        let db = Database::open(path, schema![old::User])?;
        let stats = db.stats()?;
        assert_eq!((stats.readers, &stats.oldest_reader), (0, &None));
        let reader = db.read()?;
        db.write(|tx| tx.delete::<old::User>(2))?;
        db.write(|tx| tx.delete::<old::User>(3))?;
        let stats = db.stats()?;
        assert_eq!(stats.file_bytes, std::fs::metadata(path).unwrap().len());
        assert!(stats.free_bytes > 0 && stats.free_bytes < stats.file_bytes);
        let table = &stats.tables[0];
        assert_eq!((table.table, table.next_auto_key), ("user", Some(4)));
        assert_eq!(
            (table.rows.index, table.rows.entries, table.rows.pages),
            ("primary", 1, 1)
        );
        assert_eq!(
            (table.indexes[0].index, table.indexes[0].entries),
            ("by_age", 1)
        );
        assert_eq!(table.indexes[0].bytes, 4096);
        let oldest = stats.oldest_reader.as_ref().unwrap();
        assert_eq!(
            (stats.readers, oldest.process, oldest.lag),
            (1, std::process::id(), 2)
        );
        let text = stats.to_string();
        assert!(text.contains("2 commits behind"), "{text}");
        assert!(
            text.contains("table `user`: the next key is 4\n  primary"),
            "{text}"
        );
        drop(reader);
        assert_eq!(db.stats()?.readers, 0);
        Ok(())
    })
}

#[test]
fn an_index_that_no_struct_has_is_dropped_by_its_name() -> Result<()> {
    with_file(|path| {
        // The file has an index of the age, which this struct has not.
        let db = Database::open(path, schema![User])?;
        let new = || User {
            id: 9,
            name: "new".into(),
            age: 1,
            bio: String::new(),
        };
        assert!(matches!(
            db.write(|tx| tx.insert(&new())),
            Err(Error::ReadOnly { .. })
        ));
        assert!(!db.drop_index("user", "by_nothing")?);
        assert!(!db.drop_index("nobody", "by_age")?);
        assert!(matches!(
            db.drop_index("user", "by_name"),
            Err(Error::InUse { .. })
        ));
        assert!(db.drop_index("user", "by_age")?);
        assert!(!db.drop_index("user", "by_age")?);
        drop(db);
        let db = Database::open(path, schema![User])?;
        db.write(|tx| tx.insert(&new()))?;
        assert!(db.verify()?.is_clean());
        assert_eq!(db.read()?.by(user::by_name).count()?, 4);
        Ok(())
    })
}
