//! Renamed tables and fields: the file keeps its rows, and is found again under the new names.

mod typed_support;

use mdbx_typed::prelude::*;
use mdbx_typed::{OpenError, Result};
use serde::{Deserialize, Serialize};
use typed_support::TempDb;

mod first {
    use super::*;

    #[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
    #[table(name = "people")]
    #[index(by_years_mail, on(years, mail))]
    pub(super) struct Person {
        #[key(auto)]
        pub(super) number: u64,
        #[index(unique)]
        pub(super) mail: String,
        #[index]
        pub(super) years: u8,
        pub(super) note: String,
    }
}

mod second {
    use super::*;

    #[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
    #[table(name = "users", was = "people")]
    #[index(by_years_mail, on(age, email))]
    pub(super) struct User {
        #[key(auto)]
        #[field(was = "number")]
        pub(super) id: u64,
        #[index(unique)]
        #[field(was = "mail")]
        pub(super) email: String,
        #[index]
        #[field(was = "years")]
        pub(super) age: u8,
        pub(super) note: String,
    }
}

mod third {
    use super::*;

    #[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
    #[table(name = "accounts", was = "users", was = "people")]
    #[index(by_years_mail, on(age, address))]
    pub(super) struct Account {
        #[key(auto)]
        #[field(was = "number")]
        pub(super) id: u64,
        #[index(unique)]
        #[field(was = "email", was = "mail")]
        pub(super) address: String,
        #[index]
        #[field(was = "years")]
        pub(super) age: u8,
        pub(super) note: String,
    }
}

use first::Person;
use second::{User, user};
use third::{Account, account};

fn written() -> Result<TempDb> {
    let db = TempDb::open(schema![Person])?;
    db.write(|tx| {
        for (mail, years) in [("ann", 30), ("bob", 20)] {
            tx.insert_new(|number| Person {
                number,
                mail: mail.into(),
                years,
                note: "n".into(),
            })?;
        }
        Ok(())
    })?;
    Ok(db)
}

/// Returns the names of the engine tables.
fn stored_tables(db: TempDb, schema: &mdbx_typed::Schema) -> Result<(TempDb, Vec<String>)> {
    let mut names = Vec::new();
    let db = db.meddle(schema, |txn| {
        let main = txn.table(mdbx_core::Table::MAIN).expect("the main table");
        let mut cursor = main.cursor();
        let mut next = cursor.first().expect("readable");
        while let Some((name, _)) = next {
            names.push(String::from_utf8_lossy(name).into_owned());
            next = cursor.next().expect("readable");
        }
    })?;
    Ok((db, names))
}

#[test]
fn a_renamed_table_keeps_its_rows_indexes_and_numbers() -> Result<()> {
    let db = written()?.reopen(schema![User])?;
    db.write(|tx| {
        let ann = tx.get_by(user::by_email, "ann")?.unwrap();
        assert_eq!((ann.id, ann.age, ann.note.as_str()), (1, 30, "n"));
        assert_eq!(
            tx.by(user::by_age).keys().collect::<Result<Vec<_>>>()?,
            [20, 30]
        );
        assert_eq!(tx.by(user::by_years_mail).prefix((20,)).count()?, 1);
        let new = tx.insert_new(|id| User {
            id,
            email: "cid".into(),
            age: 40,
            note: String::new(),
        })?;
        assert_eq!(new.id, 3, "the sequence goes on");
        tx.update::<User>(1, |user| user.age = 31)?;
        Ok(())
    })?;
    let (db, names) = stored_tables(db, schema![User])?;
    assert_eq!(
        names,
        [
            "@catalog",
            "users",
            "users.by_age",
            "users.by_email",
            "users.by_years_mail"
        ]
    );
    let db = db.reopen(schema![User])?;
    assert_eq!(db.read()?.by(user::by_age).count()?, 3);
    Ok(())
}

#[test]
fn opening_after_the_rename_writes_nothing() -> Result<()> {
    let db = written()?.reopen(schema![User])?;
    let before = format!("{:?}", db.read()?);
    let db = db.reopen(schema![User])?;
    assert_eq!(format!("{:?}", db.read()?), before);
    Ok(())
}

#[test]
fn renames_may_be_skipped() -> Result<()> {
    let twice = written()?.reopen(schema![User])?.reopen(schema![Account])?;
    let at_once = written()?.reopen(schema![Account])?;
    for db in [twice, at_once] {
        let tx = db.read()?;
        let ann = tx.get_by(account::by_address, "ann")?.unwrap();
        assert_eq!((ann.id, ann.age), (1, 30));
        assert_eq!(tx.by(account::by_age).count()?, 2);
        assert_eq!(tx.by(account::by_years_mail).eq((20, "bob")).count()?, 1);
    }
    Ok(())
}

#[test]
fn an_old_program_begins_a_table_of_its_own_and_harms_nothing() -> Result<()> {
    let db = written()?.reopen(schema![User])?;
    let db = db.reopen(schema![Person])?;
    assert_eq!(db.read()?.count::<Person>()?, 0);
    // Now the file has both, and the newer name counts.
    let db = db.reopen(schema![User])?;
    assert_eq!(db.read()?.count::<User>()?, 2);
    Ok(())
}

#[test]
fn a_table_that_is_still_in_the_program_is_not_taken_for_a_renamed_one() -> Result<()> {
    let db = written()?.reopen(schema![Person, User])?;
    let tx = db.read()?;
    assert_eq!((tx.count::<Person>()?, tx.count::<User>()?), (2, 0));
    Ok(())
}

#[test]
fn a_field_without_was_is_not_guessed() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "people", module = other)]
    #[index(by_years_mail, on(age, mail))]
    struct Other {
        #[key(auto)]
        number: u64,
        #[index(unique)]
        mail: String,
        #[index(name = by_years)]
        age: u8,
        note: String,
    }
    let error = written()?.reopen(schema![Other]).err().expect("it opened");
    let OpenError::Schema(diff) = error else {
        panic!("{error}")
    };
    let text = diff.to_string();
    for line in [
        "field `age` is new: `u8`",
        "field `years` is gone: it was `u8`",
    ] {
        assert!(text.contains(line), "{text}");
    }
    Ok(())
}

#[test]
fn a_renamed_field_of_another_type_is_refused() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "people", module = other)]
    #[index(by_years_mail, on(age, mail))]
    struct Other {
        #[key(auto)]
        number: u64,
        #[index(unique)]
        mail: String,
        #[index]
        #[field(was = "years")]
        age: u16,
        note: String,
    }
    let error = written()?.reopen(schema![Other]).err().expect("it opened");
    assert!(
        error
            .to_string()
            .contains("field `age` was `u8`, now it is `u16`"),
        "{error}"
    );
    Ok(())
}
