//! Views: rows, or their leading fields, borrowed from the page of an owned table.

#![deny(missing_docs, unreachable_pub, unused)]

mod typed_support;

use std::borrow::Cow;

use mdbx_typed::prelude::*;
use mdbx_typed::{Codec, CodecError, Error, Result, ViewOf};
use serde::{Deserialize, Serialize};
use typed_support::TempDb;

mod hex {
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes every field so"
    )]
    pub(super) fn serialize<S: Serializer>(n: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{n:x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        u32::from_str_radix(text, 16).map_err(serde::de::Error::custom)
    }
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Default)]
struct Address {
    city: String,
}

#[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq, Default)]
#[table(view(Debug, Clone, PartialEq))]
struct User {
    #[key]
    id: u64,
    #[index(unique)]
    email: String,
    nick: Option<String>,
    avatar: Vec<u8>,
    #[index(each)]
    tags: Vec<String>,
    #[serde(with = "hex")]
    color: u32,
    #[serde(skip)]
    cached: Option<String>,
    home: Address,
    age: u8,
}

fn ann() -> User {
    User {
        id: 7,
        email: "ann@x.org".into(),
        nick: Some("a".into()),
        avatar: vec![1, 2, 3],
        tags: vec!["red".into(), "blue".into()],
        color: 0xFF_00_7F,
        home: Address { city: "Ulm".into() },
        age: 30,
        ..User::default()
    }
}

fn with_ann() -> Result<TempDb> {
    let db = TempDb::open(schema![User])?;
    db.write(|tx| tx.insert(&ann()))?;
    Ok(db)
}

#[test]
fn the_generated_view_has_every_stored_field_borrowed() -> Result<()> {
    let db = with_ann()?;
    let tx = db.read()?;
    let user: UserRef<'_> = tx.get_view::<User, UserRef<'_>>(7)?.unwrap();
    assert_eq!(
        user,
        UserRef {
            id: 7,
            email: "ann@x.org",
            nick: Some("a"),
            avatar: &[1, 2, 3],
            tags: vec!["red", "blue"],
            color: 0xFF_00_7F,
            home: Address { city: "Ulm".into() },
            age: 30,
        }
    );
    let again = {
        tx.by(user::by_tags)
            .eq("red")
            .views::<UserRef<'_>>()
            .next()
            .unwrap()?
    };
    assert_eq!(
        again.email.as_ptr(),
        user.email.as_ptr(),
        "of the same page"
    );
    assert_eq!(again.avatar.as_ptr(), user.avatar.as_ptr());
    assert_eq!(again.tags[1].as_ptr(), user.tags[1].as_ptr());
    assert_eq!(tx.get_view::<User, UserRef<'_>>(8)?, None);
    Ok(())
}

#[test]
fn a_view_has_the_leading_fields() -> Result<()> {
    /// With and without borrowing, and with text that may be copied.
    #[derive(View, Debug, PartialEq)]
    #[view(of = User)]
    struct Head<'t> {
        id: u64,
        email: Cow<'t, str>,
        nick: Option<&'t str>,
    }
    #[derive(View, Debug, PartialEq, Clone, Copy)]
    #[view(of = User)]
    struct Id {
        id: u64,
    }
    #[derive(View)]
    #[view(of = User)]
    struct UpToColor<'t> {
        id: u64,
        email: String,
        nick: Option<String>,
        avatar: &'t [u8],
        tags: Vec<&'t str>,
        #[serde(with = "hex")]
        color: u32,
    }
    let db = with_ann()?;
    let tx = db.read()?;
    let head: Head<'_> = tx.get_view::<User, _>(7)?.unwrap();
    assert_eq!((head.id, head.nick), (7, Some("a")));
    assert!(matches!(head.email, Cow::Borrowed("ann@x.org")));
    assert_eq!(tx.get_view::<User, Id>(7)?, Some(Id { id: 7 }));
    let ids = tx.by(user::by_email).views::<Id>();
    assert_eq!(ids.collect::<Result<Vec<_>>>()?, [Id { id: 7 }]);
    let long = tx.get_view::<User, UpToColor<'_>>(7)?.unwrap();
    assert_eq!(
        (long.id, long.email.as_str(), long.nick.as_deref()),
        (7, "ann@x.org", Some("a"))
    );
    assert_eq!(
        (long.avatar, long.tags.len(), long.color),
        (&[1u8, 2, 3][..], 2, 0xFF_00_7F)
    );
    Ok(())
}

#[test]
fn a_view_of_a_borrowing_table_is_shorter() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    struct Event<'a> {
        #[key]
        seq: u64,
        kind: &'a str,
        #[serde(borrow)]
        parts: Vec<&'a str>,
    }
    #[derive(View, Debug, PartialEq)]
    #[view(of = Event<'static>)]
    struct Kind<'t> {
        seq: u64,
        kind: &'t str,
    }
    let db = TempDb::open(schema![Event])?;
    db.write(|tx| {
        tx.insert(&Event {
            seq: 1,
            kind: "k",
            parts: vec!["a", "b"],
        })
    })?;
    let tx = db.read()?;
    assert_eq!(tx.get::<Event>(1)?.unwrap().parts, ["a", "b"]);
    assert_eq!(
        tx.get_view::<Event, Kind<'_>>(1)?,
        Some(Kind { seq: 1, kind: "k" })
    );
    Ok(())
}

#[test]
fn views_read_what_a_write_transaction_wrote() -> Result<()> {
    let db = with_ann()?;
    db.write(|tx| {
        tx.update::<User>(7, |user| user.email = "new".into())?;
        let email = tx.get_view::<User, UserRef<'_>>(7)?.unwrap().email;
        assert_eq!(email, "new");
        Ok(())
    })
}

#[test]
fn generic_code_takes_any_view() -> Result<()> {
    fn first<'t, I, V>(tx: &'t ReadTxn<'_>, index: I) -> Result<Option<V>>
    where
        I: Index,
        V: ViewOf<'t, I::Table>,
    {
        tx.by(index).limit(1).views::<V>().next().transpose()
    }
    let db = with_ann()?;
    let tx = db.read()?;
    let user: Option<UserRef<'_>> = first(&tx, user::by_email)?;
    assert_eq!(user.unwrap().age, 30);
    Ok(())
}

#[test]
fn damaged_rows_are_an_error_in_views_too() -> Result<()> {
    #[derive(View, Debug)]
    #[view(of = User)]
    #[allow(dead_code, reason = "it is only read")]
    struct Head<'t> {
        id: u64,
        email: &'t str,
    }
    for (bytes, has_head) in [
        (&b""[..], false),
        (b"\x01", false),
        (b"\x01\x07\x02a", false),
        (b"\x01\x07\x02\xFF\xFF", false),
        (b"\x01\x07\x02ab", true),
        (b"\x09\x07\x02ab", false),
    ] {
        let db = with_ann()?.meddle(schema![User], |txn| {
            let rows = txn.open_table("user").unwrap();
            txn.put(rows, &7u64.to_be_bytes(), bytes).unwrap();
        })?;
        let tx = db.read()?;
        assert!(tx.get_view::<User, UserRef<'_>>(7).is_err(), "{bytes:?}");
        assert_eq!(
            tx.get_view::<User, Head<'_>>(7).is_ok(),
            has_head,
            "{bytes:?}"
        );
    }
    Ok(())
}

#[test]
fn a_codec_without_views_says_so() -> Result<()> {
    struct Own;
    impl Codec for Own {
        const ID: u8 = 200;
        const NAME: &'static str = "own";
        fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
            mdbx_typed::Bincode::encode(value, out)
        }
        fn decode<'t, T: Deserialize<'t>>(bytes: &'t [u8]) -> Result<T, CodecError> {
            mdbx_typed::Bincode::decode(bytes)
        }
    }
    #[derive(Table, Serialize, Deserialize)]
    #[table(codec = Own, view)]
    struct Note {
        #[key]
        id: u8,
        text: String,
    }
    #[derive(View)]
    #[view(of = Note)]
    #[allow(dead_code, reason = "it is only read")]
    struct Head {
        id: u8,
    }
    let db = TempDb::open(schema![Note])?;
    db.write(|tx| {
        tx.insert(&Note {
            id: 1,
            text: "t".into(),
        })
    })?;
    let tx = db.read()?;
    let whole = tx.get_view::<Note, NoteRef<'_>>(1)?.unwrap();
    assert_eq!((whole.id, whole.text), (1, "t"));
    let Err(Error::Codec { source, .. }) = tx.get_view::<Note, Head>(1) else {
        panic!("a view without `decode_head`")
    };
    assert_eq!(
        source.to_string(),
        "own cannot decode it: this codec has no views"
    );
    Ok(())
}
