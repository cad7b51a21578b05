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

#[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[expect(
    clippy::duplicated_attributes,
    reason = "two indexes have a field in common"
)]
#[index(by_author_at, on(author, at), desc(at))]
#[index(by_at_author, on(at, author), desc(at, author), unique)]
#[index(by_tag_desc, on(tags), each, desc(tags))]
#[index(by_rank_desc, on(rank, author), sparse, desc(rank))]
struct Post {
    #[key]
    id: u64,
    author: String,
    at: i64,
    tags: Vec<String>,
    rank: Option<u8>,
}

fn posts() -> Result<TempDb> {
    let post = |id, author: &str, at, tags: &[&str], rank| Post {
        id,
        author: author.into(),
        at,
        tags: tags.iter().map(|&tag| tag.into()).collect(),
        rank,
    };
    let db = TempDb::open(schema![Post])?;
    db.write(|tx| {
        tx.insert(&post(1, "ann", -5, &["a", "ab"], None))?;
        tx.insert(&post(2, "ann", 9, &["b"], Some(1)))?;
        tx.insert(&post(3, "ann\0", 3, &[], Some(7)))?;
        tx.insert(&post(4, "an", 9, &["ab", "\0"], Some(7)))
    })?;
    Ok(db)
}

#[test]
fn desc_turns_one_component_around() -> Result<()> {
    let db = posts()?;
    let tx = db.read()?;
    let ids = |query: mdbx_typed::Query<'_, post::by_author_at>| {
        query.ids().collect::<Result<Vec<u64>>>()
    };
    assert_eq!(ids(tx.by(post::by_author_at))?, [4, 2, 1, 3]);
    assert_eq!(ids(tx.by(post::by_author_at).prefix(("ann",)))?, [2, 1]);
    assert_eq!(ids(tx.by(post::by_author_at).eq(("ann", -5)))?, [1]);
    // In the order of the index the larger number comes first, so a range begins with it.
    let range = tx.by(post::by_author_at).range(("ann", 9)..("ann", -5));
    assert_eq!(ids(range)?, [2]);
    let range = tx.by(post::by_author_at).range(("ann", -5)..("ann", 9));
    assert_eq!(ids(range)?, [0; 0], "it ends before it starts");
    let key = tx.by(post::by_author_at).keys().next().unwrap()?;
    assert_eq!(key, ("an".into(), 9));
    Ok(())
}

#[test]
fn desc_goes_together_with_the_other_options() -> Result<()> {
    let db = posts()?;
    db.write(|tx| {
        let newest = tx
            .by(post::by_at_author)
            .ids()
            .collect::<Result<Vec<_>>>()?;
        assert_eq!(
            newest,
            [2, 4, 3, 1],
            "the last text first, and its beginnings last"
        );
        assert_eq!(
            tx.get_by(post::by_at_author, (9, "an"))?
                .map(|post| post.id),
            Some(4)
        );
        let taken = tx.update::<Post>(4, |post| post.author = "ann".into());
        assert!(matches!(taken, Err(Error::UniqueViolation { .. })));
        let tags = tx
            .by(post::by_tag_desc)
            .keys()
            .collect::<Result<Vec<_>>>()?;
        assert_eq!(tags, ["b", "ab", "a", "\0"]);
        let ranks = tx
            .by(post::by_rank_desc)
            .keys()
            .collect::<Result<Vec<_>>>()?;
        assert_eq!(
            ranks,
            [(7, "an".into()), (7, "ann\0".into()), (1, "ann".into())]
        );
        assert_eq!(tx.by(post::by_rank_desc).prefix((7,)).count()?, 2);
        Ok(())
    })?;
    assert_eq!(
        Post::SCHEMA.indexes[1].to_string(),
        "unique on at, author: (desc<i64>, desc<str>)"
    );
    Ok(())
}

#[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[index(by_code, with = Self::code, key = Option<String>, fold = ascii, sparse, unique)]
struct Word {
    #[key]
    id: u64,
    #[index(fold = ascii)]
    text: String,
    #[index(name = by_mail, unique, fold = ascii)]
    email: String,
    #[index(fold = ascii)]
    nick: Option<String>,
    #[index(each, fold = ascii)]
    forms: Vec<String>,
}

impl Word {
    fn code(&self) -> Option<String> {
        self.nick.clone().filter(|nick| nick.len() > 2)
    }
}

fn word(id: u64, text: &str) -> Word {
    Word {
        id,
        text: text.into(),
        email: format!("{id}@X.org"),
        nick: None,
        forms: vec![text.into(), text.to_uppercase(), text.to_lowercase()],
    }
}

#[test]
fn a_folded_index_ignores_the_case_of_ascii_alone() -> Result<()> {
    let db = TempDb::open(schema![Word])?;
    db.write(|tx| {
        tx.insert(&word(1, "Ann"))?;
        tx.insert(&word(2, "aNN"))?;
        tx.insert(&word(3, "ÉCOLE"))?;
        tx.insert(&word(4, "Éa"))
    })?;
    let tx = db.read()?;
    let of = |text: &str| -> Result<Vec<u64>> { tx.by(word::by_text).eq(text).ids().collect() };
    assert_eq!(of("ANN")?, [1, 2]);
    assert_eq!(of("Ann")?, [1, 2]);
    assert_eq!(of("École")?, [3], "the letters of ASCII");
    assert_eq!(of("école")?, [0; 0], "and no others");
    let starts = tx.by(word::by_text).starts_with("A");
    assert_eq!(starts.count()?, 2);
    let range = tx.by(word::by_text).range("A".."B");
    assert_eq!(range.count()?, 2);
    let keys = tx.by(word::by_text).keys().collect::<Result<Vec<_>>>()?;
    assert_eq!(keys, ["ann", "Éa", "École"]);
    assert_eq!(
        tx.get::<Word>(1)?.unwrap().text,
        "Ann",
        "the row keeps its case"
    );
    Ok(())
}

#[test]
fn folds_go_together_with_the_other_options() -> Result<()> {
    let db = TempDb::open(schema![Word])?;
    db.write(|tx| {
        tx.insert(&word(1, "Ann"))?;
        let twin = Word {
            email: "1@x.ORG".into(),
            ..word(2, "Bob")
        };
        let error = tx.insert(&twin).unwrap_err();
        assert!(matches!(
            error,
            Error::UniqueViolation {
                index: "by_mail",
                ..
            }
        ));
        assert_eq!(error.existing_as::<Word>(), Some(1));
        assert!(tx.get_by(word::by_mail, "1@X.ORG")?.is_some());
        assert_eq!(tx.by(word::by_nick).eq(None).count()?, 1);
        tx.update::<Word>(1, |word| word.nick = Some("ANNIE".into()))?;
        assert_eq!(tx.by(word::by_nick).eq(Some("annie")).count()?, 1);
        assert!(tx.get_by(word::by_code, "Annie")?.is_some());
        assert_eq!(
            tx.by(word::by_forms).count()?,
            1,
            "three spellings, one key"
        );
        // Only the case changes, so no entry does.
        tx.update::<Word>(1, |word| word.text = "ANN".into())?;
        assert_eq!(tx.by(word::by_text).eq("ann").count()?, 1);
        Ok(())
    })?;
    let texts: Vec<_> = Word::SCHEMA
        .indexes
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        texts,
        [
            "unique sparse computed: ascii_fold<str>",
            "on text: ascii_fold<str>",
            "unique on email: ascii_fold<str>",
            "on nick: option<ascii_fold<str>>",
            "each on forms: ascii_fold<str>",
        ]
    );
    Ok(())
}

#[test]
fn another_version_of_a_function_is_another_index() -> Result<()> {
    mod first {
        use super::*;
        #[derive(Table, Serialize, Deserialize)]
        #[table(name = "texts")]
        #[index(by_len, with = Self::len, key = u64)]
        #[index(long, on(text), when = Self::is_long)]
        pub(super) struct Text {
            #[key]
            pub(super) id: u8,
            pub(super) text: String,
        }
        impl Text {
            fn len(&self) -> u64 {
                self.text.len() as u64
            }
            fn is_long(&self) -> bool {
                self.text.len() > 3
            }
        }
    }
    mod second {
        use super::*;
        #[derive(Table, Serialize, Deserialize)]
        #[table(name = "texts")]
        #[index(by_len, with = Self::len, key = u64, version = 2)]
        #[index(long, on(text), when = Self::is_long, version = 3)]
        pub(super) struct Text {
            #[key]
            pub(super) id: u8,
            pub(super) text: String,
        }
        impl Text {
            fn len(&self) -> u64 {
                self.text.chars().count() as u64
            }
            fn is_long(&self) -> bool {
                self.text.len() > 5
            }
        }
    }
    let db = TempDb::open(schema![first::Text])?;
    db.write(|tx| {
        tx.insert(&first::Text {
            id: 1,
            text: "é".into(),
        })
    })?;
    let text = db.schema_diff(schema![second::Text])?.to_string();
    for line in [
        "index `by_len` is built from 1 row: it was `computed: u64`, now it is `computed v2: u64`",
        "index `long` is built from 1 row: it was `partial on text: str`, now it is `partial on text v3: str`",
    ] {
        assert!(text.contains(line), "{text}");
    }
    let db = db.reopen(schema![second::Text])?;
    assert_eq!(
        db.read()?
            .by(second::text::by_len)
            .keys()
            .collect::<Result<Vec<_>>>()?,
        [1]
    );
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
