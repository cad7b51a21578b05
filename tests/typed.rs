//! Statements: what each of them does to rows, and that one that fails does nothing.

mod typed_support;

use std::borrow::Cow;

use mdbx_typed::prelude::*;
use mdbx_typed::{Error, Geometry, Result};
use serde::{Deserialize, Serialize};
use typed_support::TempDb;

#[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
struct User {
    #[key]
    id: u64,
    #[index(unique)]
    email: String,
    #[index]
    age: u32,
}

#[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
struct Event<'a> {
    #[key]
    seq: u64,
    #[index]
    kind: &'a str,
    body: &'a [u8],
    #[serde(borrow)]
    note: Cow<'a, str>,
}

#[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Counted {
    #[key(auto)]
    id: u16,
    #[index(unique)]
    name: String,
}

#[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Place {
    #[key]
    country: String,
    #[key]
    number: i32,
    name: String,
}

fn user(id: u64, email: &str, age: u32) -> User {
    User {
        id,
        email: email.into(),
        age,
    }
}

fn counted(id: u16, name: &str) -> Counted {
    Counted {
        id,
        name: name.into(),
    }
}

#[test]
fn get_returns_what_was_inserted() -> Result<()> {
    let db = TempDb::open(schema![User])?;
    db.write(|tx| {
        tx.insert(&user(1, "ann", 30))?;
        assert_eq!(
            tx.get::<User>(1)?,
            Some(user(1, "ann", 30)),
            "its own writes"
        );
        Ok(())
    })?;
    let tx = db.read()?;
    assert_eq!(tx.get::<User>(1)?, Some(user(1, "ann", 30)));
    assert_eq!(tx.get::<User>(2)?, None);
    assert!(tx.contains::<User>(1)?);
    assert!(!tx.contains::<User>(2)?);
    assert_eq!(tx.count::<User>()?, 1);
    Ok(())
}

#[test]
fn get_by_finds_the_row_of_a_unique_key() -> Result<()> {
    let db = TempDb::open(schema![User])?;
    db.write(|tx| tx.insert(&user(7, "ann", 30)))?;
    let tx = db.read()?;
    assert_eq!(
        tx.get_by(user::by_email, "ann")?.map(|user| user.id),
        Some(7)
    );
    assert_eq!(tx.get_by(user::by_email, "bob")?, None);
    assert_eq!(tx.get_by(user::primary, 7)?.map(|user| user.id), Some(7));
    Ok(())
}

#[test]
fn borrowed_rows_point_into_the_file() -> Result<()> {
    let db = TempDb::open(schema![Event])?;
    db.write(|tx| {
        let kind = String::from("login");
        tx.insert(&Event {
            seq: 1,
            kind: &kind,
            body: &[1, 2],
            note: Cow::Owned("hé".into()),
        })?;
        tx.put(&Event {
            seq: 1,
            kind: "logout",
            body: &[],
            note: "".into(),
        })?;
        tx.insert(&Event {
            seq: 2,
            kind: "login",
            body: &[0; 5000],
            note: "n".into(),
        })
    })?;
    let tx = db.read()?;
    let event: Event<'_> = tx.get::<Event>(1)?.unwrap();
    assert_eq!(
        event,
        Event {
            seq: 1,
            kind: "logout",
            body: &[],
            note: "".into()
        }
    );
    let event = { tx.by(event::by_kind).eq("login").rows().next().unwrap()? };
    assert_eq!((event.seq, event.body.len()), (2, 5000));
    assert!(matches!(event.note, Cow::Borrowed("n")));
    let again = tx.get::<Event>(2)?.unwrap();
    assert_eq!(
        again.kind.as_ptr(),
        event.kind.as_ptr(),
        "the same bytes of the same page"
    );
    Ok(())
}

#[test]
fn insert_refuses_a_key_that_is_taken() -> Result<()> {
    let db = TempDb::open(schema![User])?;
    db.write(|tx| {
        tx.insert(&user(1, "ann", 30))?;
        let error = tx.insert(&user(1, "bob", 31)).unwrap_err();
        assert!(matches!(error, Error::KeyExists { table: "user" }));
        assert!(error.is_conflict());
        assert_eq!(
            error.to_string(),
            "table `user`: a row with this primary key exists already"
        );
        assert_eq!(tx.get::<User>(1)?, Some(user(1, "ann", 30)));
        assert!(!tx.by(user::by_email).eq("bob").exists()?);
        Ok(())
    })
}

#[test]
fn a_taken_key_is_told_before_anything_else() -> Result<()> {
    let db = TempDb::open(schema![User])?;
    db.write(|tx| {
        tx.insert(&user(1, "ann", 30))?;
        tx.insert(&user(2, "bob", 31))?;
        for row in [
            user(2, "ann", 40),
            user(2, "bob", 31),
            user(2, &"x".repeat(5000), 40),
        ] {
            let error = tx.insert(&row).unwrap_err();
            assert!(matches!(error, Error::KeyExists { .. }), "{error}");
        }
        let error = tx.insert(&user(3, &"x".repeat(5000), 40)).unwrap_err();
        assert!(matches!(error, Error::KeyTooLong { .. }), "{error}");
        assert_eq!(tx.get::<User>(2)?, Some(user(2, "bob", 31)));
        assert_eq!(tx.count::<User>()?, 2);
        assert_eq!(tx.by(user::by_age).ids().count(), 2);
        Ok(())
    })
}

#[test]
fn a_unique_violation_changes_nothing_and_names_the_row_in_the_way() -> Result<()> {
    let db = TempDb::open(schema![User])?;
    db.write(|tx| {
        tx.insert(&user(1, "ann", 30))?;
        tx.insert(&user(2, "bob", 31))?;
        let errors = [
            tx.insert(&user(3, "ann", 40)).unwrap_err(),
            tx.put(&user(2, "ann", 40)).unwrap_err(),
            tx.update::<User>(2, |user| user.email = "ann".into())
                .unwrap_err(),
            tx.upsert::<User>(3, |_| user(3, "ann", 40)).unwrap_err(),
            tx.replace(&user(2, "ann", 40)).unwrap_err(),
        ];
        for error in errors {
            assert!(
                matches!(
                    error,
                    Error::UniqueViolation {
                        table: "user",
                        index: "by_email",
                        ..
                    }
                ),
                "{error}"
            );
            assert_eq!(error.existing_as::<User>(), Some(1));
            assert_eq!(error.existing_as::<Place>(), None, "another table");
            assert!(error.is_conflict() && !error.is_corruption());
        }
        assert_eq!(tx.get::<User>(2)?, Some(user(2, "bob", 31)));
        assert_eq!(
            tx.by(user::by_age).keys().collect::<Result<Vec<_>>>()?,
            [30, 31]
        );
        assert_eq!(tx.count::<User>()?, 2);
        Ok(())
    })
}

#[test]
fn put_replaces_and_moves_index_entries() -> Result<()> {
    let db = TempDb::open(schema![User])?;
    db.write(|tx| {
        tx.put(&user(1, "ann", 30))?;
        tx.put(&user(1, "ann@x", 31))?;
        tx.put(&user(1, "ann@x", 31))?;
        assert_eq!(
            tx.by(user::by_email)
                .entries()
                .collect::<Result<Vec<_>>>()?,
            [("ann@x".into(), 1)]
        );
        assert_eq!(
            tx.by(user::by_age).entries().collect::<Result<Vec<_>>>()?,
            [(31, 1)]
        );
        assert_eq!(tx.replace(&user(1, "ann", 32))?, Some(user(1, "ann@x", 31)));
        assert_eq!(tx.replace(&user(2, "bob", 32))?, None);
        Ok(())
    })
}

#[test]
fn a_unique_key_can_move_from_one_row_to_another() -> Result<()> {
    let db = TempDb::open(schema![User])?;
    db.write(|tx| {
        tx.put(&user(1, "a", 1))?;
        tx.put(&user(2, "b", 2))?;
        tx.put(&user(1, "c", 1))?;
        tx.put(&user(2, "a", 2))?;
        assert_eq!(tx.get_by(user::by_email, "a")?.map(|user| user.id), Some(2));
        assert_eq!(tx.by(user::by_email).count()?, 2);
        Ok(())
    })
}

#[test]
fn update_changes_a_row_in_place() -> Result<()> {
    let db = TempDb::open(schema![User])?;
    db.write(|tx| {
        tx.insert(&user(1, "ann", 30))?;
        assert!(tx.update::<User>(1, |user| user.age += 1)?);
        assert!(!tx.update::<User>(2, |_| panic!("there is no such row"))?);
        assert_eq!(
            tx.by(user::by_age).keys().collect::<Result<Vec<_>>>()?,
            [31]
        );
        let error = tx.update::<User>(1, |user| user.id = 9).unwrap_err();
        assert!(matches!(error, Error::KeyChanged { table: "user" }));
        assert_eq!(tx.get::<User>(1)?, Some(user(1, "ann", 31)));
        Ok(())
    })
}

#[test]
fn upsert_sees_the_row_that_is_there() -> Result<()> {
    let db = TempDb::open(schema![User])?;
    db.write(|tx| {
        for _ in 0..3 {
            tx.upsert::<User>(1, |old| User {
                age: old.map_or(0, |old| old.age + 1),
                ..user(1, "ann", 0)
            })?;
        }
        assert_eq!(tx.get::<User>(1)?.map(|user| user.age), Some(2));
        let error = tx.upsert::<User>(1, |_| user(2, "bob", 0)).unwrap_err();
        assert!(matches!(error, Error::KeyChanged { .. }));
        assert_eq!(tx.count::<User>()?, 1);
        Ok(())
    })
}

#[test]
fn delete_and_take_remove_the_row_and_its_entries() -> Result<()> {
    let db = TempDb::open(schema![User, Place])?;
    db.write(|tx| {
        tx.insert(&user(1, "ann", 30))?;
        tx.insert(&user(2, "bob", 30))?;
        assert!(tx.delete::<User>(1)?);
        assert!(!tx.delete::<User>(1)?);
        assert_eq!(tx.take::<User>(2)?, Some(user(2, "bob", 30)));
        assert_eq!(tx.take::<User>(2)?, None);
        assert_eq!(
            tx.by(user::by_email).count()? + tx.by(user::by_age).count()? + tx.count::<User>()?,
            0
        );
        tx.insert(&Place {
            country: "DE".into(),
            number: 1,
            name: "Ulm".into(),
        })?;
        assert!(tx.delete::<Place>(("DE", 1))?, "a table without indexes");
        assert!(!tx.delete::<Place>(("DE", 1))?);
        Ok(())
    })
}

#[test]
fn clear_removes_all_rows_and_entries() -> Result<()> {
    let db = TempDb::open(schema![User, Counted])?;
    db.write(|tx| {
        for id in 0..100 {
            tx.insert(&user(id, &id.to_string(), 7))?;
        }
        tx.insert_new(|id| counted(id, "kept"))?;
        tx.clear::<User>()?;
        assert_eq!(
            tx.by(user::by_email).count()? + tx.by(user::by_age).count()? + tx.count::<User>()?,
            0
        );
        assert_eq!(tx.count::<Counted>()?, 1);
        Ok(())
    })
}

#[test]
fn composite_keys_sort_by_component() -> Result<()> {
    let db = TempDb::open(schema![Place])?;
    let place = |country: &str, number: i32| Place {
        country: country.into(),
        number,
        name: "x".into(),
    };
    db.write(|tx| {
        for (country, number) in [("b", 1), ("a", 5), ("ab", -1), ("a", -5), ("a\0", 0)] {
            tx.insert(&place(country, number))?;
        }
        Ok(())
    })?;
    let tx = db.read()?;
    assert_eq!(tx.get::<Place>(("a", -5))?, Some(place("a", -5)));
    let ids = tx.by(place::primary).ids().collect::<Result<Vec<_>>>()?;
    let ids: Vec<_> = ids
        .iter()
        .map(|(country, number)| (country.as_ref(), *number))
        .collect();
    assert_eq!(ids, [("a", -5), ("a", 5), ("a\0", 0), ("ab", -1), ("b", 1)]);
    assert_eq!(tx.by(place::primary).prefix(("a",)).count()?, 2);
    Ok(())
}

#[test]
fn an_empty_text_is_a_key() -> Result<()> {
    #[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
    struct Word {
        #[key]
        word: String,
        #[index(unique)]
        other: String,
    }
    let db = TempDb::open(schema![Word])?;
    db.write(|tx| {
        tx.insert(&Word {
            word: String::new(),
            other: String::new(),
        })
    })?;
    let tx = db.read()?;
    assert!(tx.get::<Word>("")?.is_some());
    assert!(tx.get_by(word::by_other, "")?.is_some());
    assert_eq!(tx.by(word::primary).starts_with("").count()?, 1);
    Ok(())
}

#[test]
fn automatic_keys_count_up_and_are_never_reused() -> Result<()> {
    let db = TempDb::open(schema![Counted])?;
    db.write(|tx| {
        assert_eq!(tx.insert_new(|id| counted(id, "a"))?.id, 1);
        assert_eq!(tx.insert_new(|id| counted(id, "b"))?.id, 2);
        tx.delete::<Counted>(2)?;
        tx.clear::<Counted>()?;
        assert_eq!(tx.insert_new(|id| counted(id, "c"))?.id, 3);
        assert_eq!(tx.count::<Counted>()?, 1);
        tx.insert(&counted(1, "a"))?;
        Ok(())
    })?;
    let refused = db.write(|tx| {
        tx.insert_new(|id| counted(id, "d"))?;
        tx.insert_new(|id| counted(id, "a"))
    });
    assert!(matches!(refused, Err(Error::UniqueViolation { .. })));
    let db = db.reopen(schema![Counted])?;
    db.write(|tx| {
        assert_eq!(
            tx.insert_new(|id| counted(id, "d"))?.id,
            4,
            "a transaction that rolled back drew nothing"
        );
        assert!(matches!(
            tx.insert_new(|id| counted(id, "a")),
            Err(Error::UniqueViolation { .. })
        ));
        assert!(matches!(
            tx.insert_new(|_| counted(900, "e")),
            Err(Error::KeyChanged { .. })
        ));
        assert_eq!(
            tx.insert_new(|id| counted(id, "e"))?.id,
            5,
            "a row that was refused drew nothing"
        );
        Ok(())
    })
}

#[test]
fn automatic_keys_go_around_rows_inserted_by_hand() -> Result<()> {
    let db = TempDb::open(schema![Counted])?;
    db.write(|tx| {
        tx.insert(&counted(1, "by hand"))?;
        tx.insert(&counted(40, "by hand too"))?;
        assert_eq!(tx.insert_new(|id| counted(id, "a"))?.id, 41);
        assert_eq!(tx.insert_new(|id| counted(id, "b"))?.id, 42);
        tx.insert(&counted(u16::MAX, "last"))?;
        tx.insert(&counted(43, "next"))?;
        assert!(matches!(
            tx.insert_new(|id| counted(id, "c")),
            Err(Error::KeysUsedUp { table: "counted" })
        ));
        Ok(())
    })
}

#[test]
fn an_error_or_a_panic_rolls_back() -> Result<()> {
    let db = TempDb::open(schema![User])?;
    let error = db.write(|tx| {
        tx.insert(&user(1, "ann", 30))?;
        tx.insert(&user(1, "ann", 30))
    });
    assert!(error.is_err());
    let clone = db.db.clone();
    let panic = std::thread::spawn(move || {
        clone.write(|tx| -> Result<()> {
            tx.insert(&user(1, "ann", 30))?;
            panic!("on purpose")
        })
    });
    assert!(panic.join().is_err());
    assert_eq!(db.read()?.count::<User>()?, 0);
    Ok(())
}

#[test]
fn try_write_returns_the_callers_own_error() -> Result<()> {
    #[derive(Debug)]
    enum Mine {
        Nope,
        Db(Error),
    }
    impl From<Error> for Mine {
        fn from(error: Error) -> Self {
            Mine::Db(error)
        }
    }
    let db = TempDb::open(schema![User])?;
    let refused = db.try_write(|tx| {
        tx.insert(&user(1, "ann", 30))?;
        if tx.count::<User>()? == 1 {
            Err(Mine::Nope)
        } else {
            Ok(())
        }
    });
    assert!(matches!(refused, Err(Mine::Nope)));
    let failed = db.try_write(|tx| {
        tx.insert(&user(1, "ann", 30))?;
        tx.insert(&user(1, "ann", 30))?;
        Ok::<_, Mine>(())
    });
    assert!(matches!(failed, Err(Mine::Db(Error::KeyExists { .. }))));
    assert_eq!(db.read()?.count::<User>()?, 0);
    Ok(())
}

#[test]
fn begin_write_commits_when_told_to() -> Result<()> {
    let db = TempDb::open(schema![User])?;
    let mut tx = db.begin_write()?;
    tx.insert(&user(1, "ann", 30))?;
    assert_eq!(db.read()?.count::<User>()?, 0, "not yet");
    tx.commit()?;
    let mut tx = db.begin_write()?;
    tx.insert(&user(2, "bob", 30))?;
    tx.abort();
    let mut tx = db.begin_write()?;
    tx.insert(&user(3, "cid", 30))?;
    drop(tx);
    assert_eq!(db.read()?.count::<User>()?, 1);
    Ok(())
}

#[test]
fn a_snapshot_does_not_change() -> Result<()> {
    let db = TempDb::open(schema![User])?;
    db.write(|tx| tx.insert(&user(1, "ann", 30)))?;
    let before = db.read()?;
    let travels = db.read_owned()?;
    db.write(|tx| {
        tx.put(&user(1, "ann", 31))?;
        tx.insert(&user(2, "bob", 31))
    })?;
    assert_eq!(before.get::<User>(1)?.unwrap().age, 30);
    assert_eq!(
        before.by(user::by_age).keys().collect::<Result<Vec<_>>>()?,
        [30]
    );
    let there = std::thread::spawn(move || travels.get::<User>(2).map(|found| found.is_some()));
    assert!(!there.join().unwrap()?);
    assert_eq!(db.read()?.count::<User>()?, 2);
    Ok(())
}

#[test]
fn keys_that_are_too_long_are_refused_before_anything_is_written() -> Result<()> {
    let db = TempDb::open(schema![User, Place])?;
    db.write(|tx| {
        tx.insert(&user(1, "ann", 30))?;
        let long = "x".repeat(10_000);
        let error = tx.put(&user(1, &long, 31)).unwrap_err();
        let Error::KeyTooLong {
            table,
            index,
            len,
            max,
        } = &error
        else {
            panic!("{error}")
        };
        assert_eq!((*table, *index, *len), ("user", Some("by_email"), 10_000));
        assert_eq!(
            error.to_string(),
            format!("table `user`: the key in index `by_email` is 10000 bytes, at most {max} fit")
        );
        assert_eq!(tx.get::<User>(1)?, Some(user(1, "ann", 30)));
        assert_eq!(
            tx.by(user::by_age).keys().collect::<Result<Vec<_>>>()?,
            [30]
        );

        let error = tx
            .insert(&Place {
                country: long.clone(),
                number: 1,
                name: String::new(),
            })
            .unwrap_err();
        assert!(
            matches!(
                error,
                Error::KeyTooLong {
                    table: "place",
                    index: None,
                    len: 10_005,
                    ..
                }
            ),
            "{error}"
        );
        let longest = "x".repeat(*max);
        tx.put(&user(1, &longest, 31))?;
        assert!(tx.get_by(user::by_email, &longest)?.is_some());
        Ok(())
    })
}

#[test]
fn a_statement_that_runs_out_of_room_is_undone() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let geometry = Geometry::default().lower(64 << 10).upper(512 << 10);
    let db = Database::builder()
        .geometry(geometry)
        .open(directory.path().join("small.mdbx"), schema![User])?;
    let mut tx = db.begin_write()?;
    let mut stored = 0;
    let error = loop {
        assert!(stored < 100_000, "it never runs out of room");
        match tx.insert(&user(stored, &format!("{stored}-{}", "x".repeat(200)), 7)) {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(error, Error::Engine(mdbx_core::Error::MapFull { .. })),
        "{error}"
    );
    assert!(stored > 100);
    assert_eq!(tx.count::<User>()?, stored);
    assert_eq!(tx.by(user::by_email).count()?, stored);
    assert_eq!(tx.by(user::by_age).eq(7).count()?, stored);
    Ok(())
}

#[test]
fn a_table_outside_the_schema_is_an_error() -> Result<()> {
    let db = TempDb::open(schema![User])?;
    let missing = |error: Error| matches!(error, Error::NotInSchema { table: "place" });
    let tx = db.read()?;
    assert!(missing(tx.get::<Place>(("DE", 1)).unwrap_err()));
    assert!(missing(tx.by(place::primary).count().unwrap_err()));
    assert!(missing(
        tx.by(place::primary).rows().next().unwrap().unwrap_err()
    ));
    assert!(missing(
        db.write(|tx| tx.delete::<Place>(("DE", 1))).unwrap_err()
    ));
    Ok(())
}

#[test]
fn damaged_rows_are_an_error_that_names_them() -> Result<()> {
    let db = TempDb::open(schema![User])?;
    db.write(|tx| {
        for id in 1..=5 {
            tx.insert(&user(id, &format!("{id}"), 30))?;
        }
        Ok(())
    })?;
    let db = db.meddle(schema![User], |txn| {
        let rows = txn.open_table("user").unwrap();
        let key = |id: u64| id.to_be_bytes();
        let row = txn.get(rows, &key(1)).unwrap().unwrap().to_vec();
        assert_eq!(row, b"\x01\x01\x011\x1e", "revision, id, email, age");
        txn.put(rows, &key(1), &row[..3]).unwrap();
        txn.put(rows, &key(2), &[row.as_slice(), &[0]].concat())
            .unwrap();
        txn.put(rows, &key(3), &[]).unwrap();
        txn.put(rows, &key(4), &[&[2], &row[1..]].concat()).unwrap();
        txn.delete(rows, &key(5)).unwrap();
    })?;
    let tx = db.read()?;
    let error = tx.get::<User>(1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "table `user`: the row 0x0000000000000001 is unusable"
    );
    assert!(error.is_corruption());
    for id in 2..=3 {
        assert!(matches!(
            tx.get::<User>(id),
            Err(Error::Codec { table: "user", .. })
        ));
    }
    assert!(matches!(
        tx.get::<User>(4),
        Err(Error::NewerRow {
            table: "user",
            rev: 2,
            known: 1
        })
    ));
    let error = tx.get_by(user::by_email, "5").unwrap_err();
    assert_eq!(
        error.to_string(),
        "table `user`: an entry of `by_email` leads to the missing row 0x0000000000000005"
    );
    let rows: Vec<_> = tx.by(user::by_age).rows().collect();
    assert!(
        rows.len() == 5 && rows.iter().all(Result::is_err),
        "one failed result for each entry"
    );
    Ok(())
}

#[test]
fn random_bytes_as_rows_never_panic() -> Result<()> {
    let db = TempDb::open(schema![Event])?;
    let mut rng = typed_support::Rng(1);
    let db = db.meddle(schema![Event], |txn| {
        let rows = txn.open_table("event").unwrap();
        for id in 0..2000u64 {
            let len = rng.below(20);
            let mut row: Vec<u8> = (0..len).map(|_| rng.next().to_be_bytes()[0]).collect();
            row.insert(0, 1);
            txn.put(rows, &id.to_be_bytes(), &row).unwrap();
        }
    })?;
    assert_eq!(db.read()?.by(event::primary).rows().count(), 2000);
    Ok(())
}
