//! Indexes: which entries each kind of index has for a row.

mod typed_support;

use std::collections::{BTreeSet, HashSet};

use mdbx_typed::prelude::*;
use mdbx_typed::{Error, Result};
use serde::{Deserialize, Serialize};
use typed_support::TempDb;

#[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq, Default)]
#[expect(
    clippy::duplicated_attributes,
    reason = "two indexes have a field in common"
)]
#[index(by_country_age, on(country, age))]
#[index(by_domain, with = Self::domain, key = String)]
#[index(by_words, with = Self::words, key = Vec<String>, each)]
#[index(by_referrer, with = Self::referrer, key = Option<u64>, sparse)]
#[index(adults_by_nick, on(nick), when = Self::is_adult)]
#[index(by_phone_country, on(phone, country), unique, sparse)]
#[index(oldest_by_country, with = Self::oldest, key = (String, Desc<u32>))]
struct User {
    #[key]
    id: u64,
    #[index(unique)]
    email: String,
    #[index(unique, sparse)]
    phone: Option<String>,
    #[index]
    nick: Option<String>,
    #[index(each)]
    tags: Vec<String>,
    country: String,
    age: u32,
    #[index]
    score: TotalF64,
    #[index(name = by_any_friend, each)]
    friends: BTreeSet<u64>,
}

impl User {
    fn domain(&self) -> String {
        self.email
            .rsplit('@')
            .next()
            .unwrap_or("")
            .to_ascii_lowercase()
    }

    fn words(&self) -> Vec<String> {
        self.email.split(['@', '.']).map(str::to_owned).collect()
    }

    fn referrer(&self) -> Option<u64> {
        self.friends.first().copied()
    }

    fn is_adult(&self) -> bool {
        self.age >= 18
    }

    fn oldest(&self) -> (String, Desc<u32>) {
        (self.country.clone(), Desc(self.age))
    }
}

fn user(id: u64, email: &str, country: &str, age: u32) -> User {
    User {
        id,
        email: email.into(),
        country: country.into(),
        age,
        ..User::default()
    }
}

fn ids<I: Index<Table = User>>(query: mdbx_typed::Query<'_, I>) -> Vec<u64> {
    query
        .ids()
        .collect::<Result<_>>()
        .expect("readable entries")
}

/// Three users that differ in everything that is indexed.
fn three() -> Result<TempDb> {
    let db = TempDb::open(schema![User])?;
    db.write(|tx| {
        tx.insert(&user(1, "ann@x.org", "DE", 17))?;
        tx.insert(&User {
            score: TotalF64(-2.5),
            nick: Some("b".into()),
            ..user(2, "bob@Y.org", "DE", 30)
        })?;
        tx.insert(&User {
            phone: Some("+45".into()),
            nick: Some("c".into()),
            tags: vec!["red".into(), "blue".into(), "red".into()],
            score: TotalF64(0.5),
            friends: BTreeSet::from([2, 1]),
            ..user(3, "cid@y.org", "DK", 41)
        })
    })?;
    Ok(db)
}

#[test]
fn a_plain_option_index_has_rows_with_none() -> Result<()> {
    let db = three()?;
    let tx = db.read()?;
    assert_eq!(ids(tx.by(user::by_nick).eq(None)), [1]);
    assert_eq!(ids(tx.by(user::by_nick)), [1, 2, 3], "None comes first");
    assert_eq!(ids(tx.by(user::by_nick).range(Some("b")..)), [2, 3]);
    Ok(())
}

#[test]
fn a_sparse_index_leaves_out_rows_with_none() -> Result<()> {
    let db = three()?;
    db.write(|tx| {
        assert_eq!(
            tx.by(user::by_phone)
                .entries()
                .collect::<Result<Vec<_>>>()?,
            [("+45".into(), 3)]
        );
        assert_eq!(
            tx.get_by(user::by_phone, "+45")?.map(|user| user.id),
            Some(3)
        );
        let error = tx
            .update::<User>(2, |user| user.phone = Some("+45".into()))
            .unwrap_err();
        assert!(matches!(
            error,
            Error::UniqueViolation {
                index: "by_phone" | "by_phone_country",
                ..
            }
        ));
        tx.update::<User>(3, |user| user.phone = None)?;
        assert_eq!(tx.by(user::by_phone).count()?, 0);
        tx.update::<User>(2, |user| user.phone = Some("+45".into()))?;
        assert_eq!(ids(tx.by(user::by_phone)), [2]);
        assert_eq!(ids(tx.by(user::by_phone_country).eq(("+45", "DE"))), [2]);
        assert_eq!(ids(tx.by(user::by_referrer)), [3]);
        assert_eq!(ids(tx.by(user::by_referrer).eq(1)), [3]);
        Ok(())
    })
}

#[test]
fn an_each_index_has_one_entry_for_each_distinct_element() -> Result<()> {
    let db = three()?;
    db.write(|tx| {
        assert_eq!(
            tx.by(user::by_tags).keys().collect::<Result<Vec<_>>>()?,
            ["blue", "red"]
        );
        assert_eq!(tx.by(user::by_tags).eq("red").count()?, 1);
        assert_eq!(ids(tx.by(user::by_any_friend)), [3, 3]);
        tx.update::<User>(1, |user| user.tags = vec!["red".into(), "green".into()])?;
        assert_eq!(ids(tx.by(user::by_tags).eq("red")), [1, 3]);
        tx.update::<User>(3, |user| user.tags.clear())?;
        assert_eq!(ids(tx.by(user::by_tags).eq("red")), [1]);
        assert_eq!(tx.by(user::by_tags).count()?, 2);
        Ok(())
    })
}

#[test]
fn a_computed_index_holds_what_the_function_returns() -> Result<()> {
    let db = three()?;
    let tx = db.read()?;
    assert_eq!(ids(tx.by(user::by_domain).eq("y.org")), [2, 3]);
    assert_eq!(ids(tx.by(user::by_words).eq("org")), [1, 2, 3]);
    assert_eq!(ids(tx.by(user::by_words).eq("ann")), [1]);
    Ok(())
}

#[test]
fn a_partial_index_holds_rows_that_meet_its_condition() -> Result<()> {
    let db = three()?;
    db.write(|tx| {
        assert_eq!(ids(tx.by(user::adults_by_nick)), [2, 3]);
        tx.update::<User>(1, |user| user.age = 18)?;
        tx.update::<User>(3, |user| user.age = 3)?;
        assert_eq!(ids(tx.by(user::adults_by_nick)), [1, 2]);
        Ok(())
    })
}

#[test]
fn descending_components_come_largest_first() -> Result<()> {
    let db = three()?;
    let tx = db.read()?;
    assert_eq!(ids(tx.by(user::oldest_by_country).prefix(("DE",))), [2, 1]);
    assert_eq!(ids(tx.by(user::oldest_by_country).eq(("DE", 17))), [1]);
    let first = tx.by(user::oldest_by_country).entries().next().unwrap()?;
    assert_eq!(first, (("DE".into(), 30), 2));
    Ok(())
}

#[test]
fn floats_are_indexed_in_their_order() -> Result<()> {
    let db = three()?;
    let tx = db.read()?;
    assert_eq!(ids(tx.by(user::by_score)), [2, 1, 3]);
    assert_eq!(ids(tx.by(user::by_score).range(..0.0)), [2]);
    assert_eq!(ids(tx.by(user::by_score).eq(-0.0)), [1]);
    Ok(())
}

#[test]
fn an_update_touches_only_entries_that_differ() -> Result<()> {
    let db = three()?;
    // The entry of row 3 under `red` is taken away behind the back of the typed layer. A write that leaves the tags
    // as they are does not bring it back, so it did not write it.
    let db = db.meddle(schema![User], |txn| {
        let tags = txn.open_table("user.by_tags").unwrap();
        assert!(txn.delete(tags, b"red").unwrap());
    })?;
    db.write(|tx| {
        tx.update::<User>(3, |user| user.age += 1)?;
        tx.update::<User>(3, |user| user.tags.push("new".into()))?;
        assert_eq!(
            tx.by(user::by_tags).keys().collect::<Result<Vec<_>>>()?,
            ["blue", "new"]
        );
        Ok(())
    })
}

#[test]
fn two_elements_of_one_row_may_not_collide_with_another_row() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    struct Account {
        #[key]
        id: u8,
        #[index(unique, each)]
        names: HashSet<String>,
    }
    let account = |id, names: [&str; 2]| Account {
        id,
        names: names.map(str::to_owned).into(),
    };
    let db = TempDb::open(schema![Account])?;
    db.write(|tx| {
        tx.insert(&account(1, ["a", "b"]))?;
        let error = tx.insert(&account(2, ["c", "b"])).unwrap_err();
        assert_eq!(error.existing_as::<Account>(), Some(1));
        assert_eq!(tx.by(account::by_names).count()?, 2, "not even `c`");
        assert_eq!(
            tx.get_by(account::by_names, "b")?.map(|account| account.id),
            Some(1)
        );
        tx.put(&account(1, ["b", "c"]))?;
        assert!(tx.get_by(account::by_names, "a")?.is_none());
        Ok(())
    })
}

#[test]
fn borrowing_rows_have_every_kind_of_index() -> Result<()> {
    #[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
    #[index(by_kind_at, on(kind, at), unique)]
    #[index(by_first, with = Self::first, key = &'a str)]
    #[index(loud, on(body), when = Self::is_loud)]
    struct Event<'a> {
        #[key]
        source: &'a str,
        #[key]
        seq: u32,
        kind: &'a str,
        at: i64,
        #[index(each)]
        #[serde(borrow)]
        tags: Vec<&'a str>,
        #[index(sparse)]
        user: Option<&'a str>,
        body: &'a [u8],
    }
    impl<'a> Event<'a> {
        fn copy(&self) -> Event<'a> {
            Event {
                tags: self.tags.clone(),
                ..*self
            }
        }
        fn first(&self) -> &'a str {
            self.kind.split(' ').next().unwrap_or("")
        }
        fn is_loud(&self) -> bool {
            self.body.contains(&b'!')
        }
    }
    let db = TempDb::open(schema![Event])?;
    let text = String::from("log in");
    let event = Event {
        source: "web",
        seq: 1,
        kind: &text,
        at: -5,
        tags: vec!["x", "y"],
        user: Some("ann"),
        body: b"hey!",
    };
    db.write(|tx| tx.insert(&event))?;
    db.write(|tx| {
        tx.insert(&Event {
            seq: 2,
            at: 9,
            user: None,
            tags: vec![],
            body: b"",
            ..event.copy()
        })
    })?;
    let tx = db.read()?;
    assert_eq!(tx.get::<Event>(("web", 1))?, Some(event.copy()));
    assert_eq!(
        tx.get_by(event::by_kind_at, ("log in", 9))?
            .map(|event| event.seq),
        Some(2)
    );
    assert_eq!(tx.by(event::by_first).eq("log").count()?, 2);
    assert_eq!(
        tx.by(event::by_tags).keys().collect::<Result<Vec<_>>>()?,
        ["x", "y"]
    );
    assert_eq!(
        tx.by(event::by_user)
            .entries()
            .collect::<Result<Vec<_>>>()?,
        [("ann".into(), ("web".into(), 1))]
    );
    assert_eq!(tx.by(event::loud).eq(b"hey!").count()?, 1);
    Ok(())
}

#[test]
fn own_key_types_are_keys() -> Result<()> {
    #[derive(Key, Serialize, Deserialize, Debug, Clone, Copy, PartialEq)]
    struct UserId(u64);
    #[derive(Key, Serialize, Deserialize, Debug, Clone, PartialEq)]
    struct Name {
        text: String,
    }
    #[derive(Key, Serialize, Deserialize, Debug, Clone, Copy, PartialEq)]
    enum Kind {
        Small,
        Large,
    }
    #[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
    #[index(by_kind_name, on(kind, name))]
    struct Thing {
        #[key]
        id: UserId,
        kind: Kind,
        name: Name,
        #[index]
        maybe: Option<Kind>,
    }
    let name = |text: &str| Name { text: text.into() };
    let thing = |id, kind, text| Thing {
        id: UserId(id),
        kind,
        name: name(text),
        maybe: Some(kind),
    };
    let db = TempDb::open(schema![Thing])?;
    db.write(|tx| {
        tx.insert(&thing(1, Kind::Large, "a"))?;
        tx.insert(&thing(2, Kind::Small, "z"))?;
        tx.insert(&thing(3, Kind::Small, "b"))
    })?;
    let tx = db.read()?;
    assert_eq!(
        tx.get::<Thing>(&UserId(1))?,
        Some(thing(1, Kind::Large, "a"))
    );
    let ids = tx
        .by(thing::by_kind_name)
        .ids()
        .collect::<Result<Vec<_>>>()?;
    assert_eq!(ids, [UserId(3), UserId(2), UserId(1)]);
    assert_eq!(
        tx.by(thing::by_kind_name).prefix((&Kind::Small,)).count()?,
        2
    );
    assert_eq!(
        tx.by(thing::by_kind_name)
            .eq((&Kind::Small, &name("z")))
            .count()?,
        1
    );
    assert_eq!(tx.by(thing::by_maybe).eq(Some(&Kind::Large)).count()?, 1);
    Ok(())
}
