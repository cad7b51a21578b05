//! What users of other typed stores ran into with their rows, and what happens here instead; numbered as in `pains.rs`.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod typed_support;

use std::sync::Arc;
use std::thread;

use mdbx_typed::prelude::*;
use mdbx_typed::{Error, Result};
use serde::{Deserialize, Serialize};
use typed_support::TempDb;

#[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[table(name = "users")]
#[index(by_country_phone, on(country, phone), unique)]
struct User {
    #[key]
    id: u64,
    #[index(unique)]
    email: String,
    country: String,
    phone: u32,
    #[index(each)]
    tags: Vec<String>,
}

fn user(id: u64, email: &str, phone: u32) -> User {
    User {
        id,
        email: email.into(),
        country: "DE".into(),
        phone,
        tags: vec!["new".into(), email.into()],
    }
}

/// Pain 4: an insert that fails because another row has the same unique key leaves half a row: the row is there, but in
/// no index, and it cannot be removed any more.
#[test]
fn pain_04_a_failed_insert_leaves_half_a_row() -> Result<()> {
    let db = TempDb::open(schema![User])?;
    db.write(|tx| tx.insert(&user(1, "ann@x.org", 100)))?;
    db.write(|tx| {
        // The first index would take this row, the second one does not.
        assert!(tx.insert(&user(2, "bob@x.org", 100)).is_err());
        assert!(tx.get::<User>(2)?.is_none());
        assert!(tx.get_by(user::by_email, "bob@x.org")?.is_none());
        assert!(!tx.delete::<User>(2)?);
        tx.insert(&user(3, "cid@x.org", 300))?;
        // A change that fails leaves the row, and where it is found, as they were.
        assert!(
            tx.update::<User>(3, |user| user.email = "ann@x.org".into())
                .is_err()
        );
        assert_eq!(
            tx.get_by(user::by_email, "cid@x.org")?,
            Some(user(3, "cid@x.org", 300))
        );
        assert_eq!(tx.by(user::by_tags).eq("new").count()?, 2);
        Ok(())
    })?; // The transaction goes on and is committed.
    let report = db.verify()?;
    assert!(report.is_clean(), "{report}");
    db.write(|tx| {
        tx.insert(&user(2, "bob@x.org", 200))?;
        assert!(tx.delete::<User>(3)?);
        Ok(())
    })?;
    let tx = db.read()?;
    assert_eq!(
        tx.by(user::by_email).ids().collect::<Result<Vec<u64>>>()?,
        [1, 2]
    );
    Ok(())
}

/// Pain 12: the database borrows its builder or its models, so it cannot become part of the state of an application.
#[test]
fn pain_12_the_database_borrows_its_models() -> Result<()> {
    fn is_state<T: Clone + Send + Sync + 'static>(_: &T) {}

    /// What a web framework hands to every request.
    #[derive(Clone)]
    struct State {
        db: Database,
    }

    fn open() -> Result<(State, TempDb)> {
        let db = TempDb::open(schema![User])?;
        let state = State { db: db.db.clone() };
        Ok((state, db))
    }
    let (state, _file) = open()?;
    is_state(&state);
    let threads: Vec<_> = (0..4u32)
        .map(|n| {
            let state = state.clone();
            thread::spawn(move || {
                let row = user(n.into(), &format!("{n}@x.org"), n);
                state.db.write(|tx| tx.insert(&row))
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("no panic")?;
    }
    // A snapshot can be part of the state, too, and go to another thread.
    let snapshot = Arc::new(state.db.read_owned()?);
    is_state(&state.db);
    drop(state);
    let count = thread::spawn(move || snapshot.count::<User>());
    assert_eq!(count.join().expect("no panic")?, 4);
    Ok(())
}

/// Pain 21: "UNIQUE constraint failed": which one, and which row is in the way?
#[test]
fn pain_21_which_constraint_failed() -> Result<()> {
    let db = TempDb::open(schema![User])?;
    db.write(|tx| {
        tx.insert(&user(7, "ann@x.org", 100))?;
        tx.insert(&user(9, "bob@x.org", 200))?;
        let error = tx.insert(&user(8, "ann@x.org", 300)).unwrap_err();
        let index = match &error {
            Error::UniqueViolation {
                table: "users",
                index,
                ..
            } => *index,
            other => panic!("{other}"),
        };
        assert_eq!(index, "by_email");
        assert_eq!(
            error.existing_as::<User>(),
            Some(7),
            "the row in the way, by its key"
        );
        assert!(error.is_conflict());
        assert_eq!(
            error.to_string(),
            "table `users`: another row has the same key in the unique index `by_email`"
        );
        let error = tx.put(&user(8, "cid@x.org", 200)).unwrap_err();
        assert!(matches!(
            error,
            Error::UniqueViolation {
                index: "by_country_phone",
                ..
            }
        ));
        assert_eq!(error.existing_as::<User>(), Some(9));
        // The primary key is another error.
        let error = tx.insert(&user(7, "cid@x.org", 300)).unwrap_err();
        assert!(matches!(error, Error::KeyExists { table: "users" }) && error.is_conflict());
        Ok(())
    })
}
