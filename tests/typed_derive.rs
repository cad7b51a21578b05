//! What `#[derive(Table)]` generates fits wherever a struct can stand.

#![deny(missing_docs, unreachable_pub, dead_code, unused)]

mod typed_support;

use std::borrow::Cow;
use std::fmt::Debug;

use mdbx_typed::prelude::*;
use mdbx_typed::{Error, Origin, Query, Result};
use serde::{Deserialize, Serialize};
use typed_support::TempDb;

/// The crate under another name and path.
mod facade {
    pub(crate) mod inner {
        pub(crate) use ::mdbx_typed as store;
    }
}

mod deep {
    pub(super) mod deeper {
        use mdbx_typed::prelude::*;
        use serde::{Deserialize, Serialize};

        #[derive(Table, Serialize, Deserialize)]
        pub(in super::super) struct Visible {
            #[key]
            pub(crate) id: u8,
            #[index]
            pub(crate) size: u8,
        }

        #[derive(Table, Serialize, Deserialize)]
        pub(super) struct Outer {
            #[key]
            pub(super) id: u8,
            #[index]
            pub(super) size: u8,
        }

        #[derive(Table, Serialize, Deserialize)]
        pub(in crate::deep) struct Absolute {
            #[key]
            pub(crate) id: u8,
        }

        #[derive(Table, Serialize, Deserialize)]
        struct Inner {
            #[key]
            id: u8,
            #[index]
            size: u8,
        }

        pub(crate) fn private_ones(tx: &mut WriteTxn<'_>) -> mdbx_typed::Result<()> {
            tx.insert(&Inner { id: 1, size: 2 })?;
            assert!(tx.by(inner::by_size).eq(2).exists()?);
            tx.insert(&Absolute { id: 1 })
        }

        pub(crate) const INNER: &mdbx_typed::Schema = schema![Inner, Absolute];
    }

    pub(super) fn use_outer(tx: &mut mdbx_typed::WriteTxn<'_>) -> mdbx_typed::Result<u64> {
        tx.insert(&deeper::Outer { id: 1, size: 3 })?;
        tx.by(deeper::outer::by_size).eq(3).count()
    }

    pub(super) const OUTER: &mdbx_typed::Schema = mdbx_typed::schema![deeper::Outer];
}

#[test]
fn structs_of_any_visibility_are_tables() -> Result<()> {
    use deep::deeper::{Visible, visible};
    let db = TempDb::open(schema![Visible])?;
    db.write(|tx| tx.insert(&Visible { id: 1, size: 2 }))?;
    assert!(db.read()?.by(visible::by_size).eq(2).exists()?);
    TempDb::open(deep::OUTER)?.write(|tx| deep::use_outer(tx).map(|count| assert_eq!(count, 1)))?;
    TempDb::open(deep::deeper::INNER)?.write(deep::deeper::private_ones)
}

#[test]
fn structs_in_function_bodies_are_tables() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    struct Local {
        #[key]
        a: u8,
        #[key]
        b: String,
        #[index]
        c: Kind,
    }
    #[derive(Key, Serialize, Deserialize)]
    enum Kind {
        One,
        Two,
    }
    let db = TempDb::open(schema![Local])?;
    db.write(|tx| {
        tx.insert(&Local {
            a: 1,
            b: "z".into(),
            c: Kind::Two,
        })?;
        tx.insert(&Local {
            a: 1,
            b: "y".into(),
            c: Kind::One,
        })
    })?;
    let tx = db.read()?;
    assert!(tx.get::<Local>((1, "z"))?.is_some());
    assert_eq!(tx.by(local::by_c).eq(&Kind::Two).count()?, 1);
    Ok(())
}

#[test]
fn the_crate_can_be_reexported() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[table(crate = facade::inner::store)]
    #[index(by_both, on(id, size))]
    struct There {
        #[key(auto)]
        id: u32,
        #[index(sparse)]
        size: Option<u8>,
    }
    let db = TempDb::open(schema![There])?;
    db.write(|tx| tx.insert_new(|id| There { id, size: Some(3) }))?;
    assert_eq!(db.read()?.by(there::by_both).eq((1, Some(3))).count()?, 1);
    assert_eq!(db.read()?.by(there::by_size).eq(3).count()?, 1);
    Ok(())
}

#[test]
fn raw_identifiers_lose_their_mark() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[index(by_both, on(r#where, r#type))]
    struct Match {
        #[key]
        r#type: u8,
        #[index]
        r#where: String,
    }
    let names: Vec<_> = Match::SCHEMA
        .fields
        .iter()
        .map(|field| field.name)
        .collect();
    assert_eq!(names, ["type", "where"]);
    assert_eq!(Match::SCHEMA.name, "match");
    let db = TempDb::open(schema![Match])?;
    db.write(|tx| {
        tx.insert(&Match {
            r#type: 1,
            r#where: "x".into(),
        })
    })?;
    assert_eq!(db.read()?.by(r#match::primary).count()?, 1);
    Ok(())
}

#[test]
fn nothing_in_scope_gets_in_between() -> Result<()> {
    #[allow(
        dead_code,
        non_camel_case_types,
        reason = "they are there to be in the way"
    )]
    mod clash {
        pub(super) struct Vec;
        pub(super) struct Option;
        pub(super) struct Result;
        pub(super) trait Table {}
        pub(super) trait Clone {}
    }
    #[allow(unused_imports, reason = "they are there to be in the way")]
    use clash::{Clone, Option, Table as OtherTable, Vec};
    #[derive(mdbx_typed::Table, Serialize, Deserialize)]
    struct Clashing {
        #[key]
        id: u8,
        #[index(each)]
        list: std::vec::Vec<u8>,
        #[index(sparse)]
        maybe: std::option::Option<u8>,
    }
    #[allow(
        dead_code,
        clippy::unused_self,
        reason = "they are there to be in the way"
    )]
    impl Clashing {
        fn key(&self) {}
        fn key_ref(&self) {}
        fn index_keys(&self) {}
        fn encode_row(&self) {}
        fn slot() {}
        fn decode() {}
    }
    let db = TempDb::open(schema![Clashing])?;
    db.write(|tx| {
        tx.insert(&Clashing {
            id: 1,
            list: vec![1, 2],
            maybe: Some(3),
        })
    })?;
    assert_eq!(db.read()?.by(clashing::by_list).count()?, 2);
    Ok(())
}

#[test]
fn aliases_are_looked_through() -> Result<()> {
    type Maybe = Option<u8>;
    type Many = Vec<String>;
    type Text<'a> = Cow<'a, str>;
    #[derive(Table, Serialize, Deserialize)]
    struct Aliased<'a> {
        #[key]
        #[serde(borrow)]
        id: Text<'a>,
        #[index(sparse)]
        maybe: Maybe,
        #[index(each)]
        many: Many,
    }
    let shapes: Vec<String> = Aliased::SCHEMA
        .fields
        .iter()
        .map(|field| field.shape.to_string())
        .collect();
    assert_eq!(shapes, ["str", "option<u8>", "list<str>"]);
    let db = TempDb::open(schema![Aliased])?;
    db.write(|tx| {
        tx.insert(&Aliased {
            id: "x".into(),
            maybe: Some(1),
            many: vec!["a".into()],
        })
    })?;
    let tx = db.read()?;
    assert_eq!(
        tx.by(aliased::by_maybe).eq(1).count()? + tx.by(aliased::by_many).eq("a").count()?,
        2
    );
    Ok(())
}

#[test]
fn skipped_fields_are_not_stored_and_foreign_types_are_opaque() -> Result<()> {
    #[derive(Serialize, Deserialize, PartialEq, Debug, Default)]
    struct Address {
        city: String,
    }
    #[derive(Table, Serialize, Deserialize, PartialEq, Debug)]
    struct Person {
        #[key]
        id: u8,
        #[serde(skip)]
        cached: Option<String>,
        home: Address,
        others: Vec<Address>,
    }
    let fields: Vec<String> = Person::SCHEMA
        .fields
        .iter()
        .map(|field| format!("{}: {}", field.name, field.shape))
        .collect();
    assert_eq!(
        fields,
        ["id: u8", "home: type Address", "others: type Vec<Address>"]
    );
    let home = || Address { city: "Ulm".into() };
    let db = TempDb::open(schema![Person])?;
    db.write(|tx| {
        tx.insert(&Person {
            id: 1,
            cached: Some("x".into()),
            home: home(),
            others: vec![home()],
        })
    })?;
    let stored = db.read()?.get::<Person>(1)?;
    assert_eq!(
        stored,
        Some(Person {
            id: 1,
            cached: None,
            home: home(),
            others: vec![home()]
        })
    );
    Ok(())
}

#[test]
fn the_schema_describes_the_table() {
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "log")]
    #[index(by_size, on(size, at), unique, when = Self::yes)]
    #[index(by_first, with = Self::first, key = Vec<char>, each)]
    struct HTTPLogEntry {
        #[key]
        host: String,
        #[key]
        at: i64,
        size: u32,
    }
    impl HTTPLogEntry {
        fn yes(&self) -> bool {
            self.size > 0
        }
        fn first(&self) -> Vec<char> {
            self.host.chars().collect()
        }
    }
    let schema = HTTPLogEntry::SCHEMA;
    assert_eq!(schema.name, "log");
    assert_eq!(schema.key.to_string(), "host, at: (str, i64)");
    assert_eq!(
        (schema.key.width, schema.indexes[0].width),
        (None, Some(12))
    );
    assert_eq!(
        schema.indexes[0].to_string(),
        "unique partial on size, at: (u32, i64)"
    );
    assert_eq!(schema.indexes[1].to_string(), "each computed: char");
    let _ = http_log_entry::primary;
}

#[derive(Table, Serialize, Deserialize, Debug, Clone)]
struct A {
    #[key]
    id: u32,
    #[index]
    n: u16,
}

#[derive(Table, Serialize, Deserialize, Debug)]
struct B<'a> {
    #[key]
    id: u32,
    #[index]
    s: &'a str,
}

/// Shapes of helpers that programs write around the typed layer.
mod helpers {
    use super::*;

    type Row<'t, I> = <<I as Index>::Table as Table>::Row<'t>;

    pub(super) fn dump<'t, I>(tx: &'t ReadTxn<'_>, index: I) -> Result<Vec<String>>
    where
        I: Index,
        Row<'t, I>: Debug,
    {
        tx.by(index)
            .rows()
            .map(|row| Ok(format!("{:?}", row?)))
            .collect()
    }

    pub(super) fn newest<T>(db: &Database, key: mdbx_typed::KeyRef<'_, T>) -> Result<Option<String>>
    where
        T: Table,
        for<'t> T::Row<'t>: Debug,
    {
        let tx = db.read()?;
        let row = tx.get::<T>(key)?;
        Ok(row.map(|row| format!("{row:?}")))
    }

    pub(super) fn boxed<'t, I: Index>(
        query: Query<'t, I>,
    ) -> Box<dyn Iterator<Item = Result<Row<'t, I>>> + 't> {
        Box::new(query.rows())
    }

    pub(super) fn put_all<R: Record>(db: &Database, rows: &[R]) -> Result<()> {
        db.write(|tx| rows.iter().try_for_each(|row| tx.put(row)))
    }

    /// Copies every row of one table into another database, whatever the row type is.
    pub(super) fn copy_all<I: Index>(from: &ReadTxn<'_>, index: I, to: &Database) -> Result<usize> {
        to.write(|tx| {
            let mut count = 0;
            for row in from.by(index).rows() {
                tx.put(&row?)?;
                count += 1;
            }
            Ok(count)
        })
    }
}

#[test]
fn generic_code_over_tables_compiles_and_runs() -> Result<()> {
    fn is_send_and_sync<T: Send + Sync + Clone + 'static>() {}
    fn is_send<T: Send>() {}
    is_send_and_sync::<Database>();
    is_send::<ReadTxn<'static>>();
    is_send_and_sync::<std::sync::Arc<Error>>();

    let db = TempDb::open(schema![A, B])?;
    helpers::put_all(&db, &[A { id: 1, n: 3 }, A { id: 2, n: 1 }])?;
    helpers::put_all(&db, &[B { id: 9, s: "x" }])?;
    let tx = db.read()?;
    assert_eq!(
        helpers::dump(&tx, a::by_n)?,
        ["A { id: 2, n: 1 }", "A { id: 1, n: 3 }"]
    );
    assert_eq!(helpers::dump(&tx, b::primary)?, ["B { id: 9, s: \"x\" }"]);
    assert_eq!(helpers::newest::<A>(&db, 1)?.unwrap(), "A { id: 1, n: 3 }");
    assert_eq!(
        helpers::newest::<B>(&db, 9)?.unwrap(),
        "B { id: 9, s: \"x\" }"
    );
    assert_eq!(helpers::boxed(tx.by(a::by_n).rev()).next().unwrap()?.id, 1);
    let other = TempDb::open(schema![A, B])?;
    assert_eq!(helpers::copy_all(&tx, b::by_s, &other)?, 1);
    assert_eq!(helpers::copy_all(&tx, a::by_n, &other)?, 2);
    assert_eq!(other.read()?.count::<A>()?, 2);
    Ok(())
}

#[test]
fn rows_of_older_structs_become_rows_of_this_one() {
    use mdbx_typed::FromRow;

    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "event", module = event_v1)]
    struct EventV1<'a> {
        #[key]
        id: u8,
        text: &'a str,
    }
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "event", module = event_v2, upgrade_from = EventV1<'a>)]
    struct EventV2<'a> {
        #[key]
        id: u16,
        kind: &'a str,
        text: &'a str,
    }
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "event", upgrade_from = EventV2<'a>)]
    #[index(by_kind, on(kind))]
    struct Event<'a> {
        #[key]
        id: u32,
        kind: &'a str,
        body: &'a str,
    }
    impl<'a> From<EventV1<'a>> for EventV2<'a> {
        fn from(old: EventV1<'a>) -> Self {
            let (kind, text) = old.text.split_once(' ').unwrap_or(("", old.text));
            EventV2 {
                id: old.id.into(),
                kind,
                text,
            }
        }
    }
    impl<'a> From<EventV2<'a>> for Event<'a> {
        fn from(old: EventV2<'a>) -> Self {
            Event {
                id: old.id.into(),
                kind: old.kind,
                body: old.text,
            }
        }
    }
    fn stored(row: &impl Record) -> Vec<u8> {
        let mut bytes = Vec::new();
        row.encode_row(&mut bytes).unwrap();
        bytes
    }
    let from = |generation, fields| Origin { generation, fields };
    let first = stored(&EventV1 {
        id: 7,
        text: "log in",
    });
    let second = stored(&EventV2 {
        id: 300,
        kind: "log",
        text: "out",
    });
    let event = Event::from_older(&first, from(2, 2)).unwrap();
    assert_eq!((event.id, event.kind, event.body), (7, "log", "in"));
    assert!(
        first.as_ptr_range().contains(&event.body.as_ptr()),
        "borrowed"
    );
    let event = Event::from_older(&second, from(1, 3)).unwrap();
    assert_eq!((event.id, event.kind, event.body), (300, "log", "out"));
    let third = stored(&event);
    let event = Event::from_row(&third).unwrap();
    assert_eq!(event.id, 300);
    assert!(
        Event::from_older(&first, from(3, 2)).is_err(),
        "there was none"
    );
    let names = |generation| {
        let schema = Event::SCHEMA.generation(generation)?;
        Some(
            schema
                .fields
                .iter()
                .map(|field| field.name)
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(names(0).unwrap(), ["id", "kind", "body"]);
    assert_eq!(names(1).unwrap(), ["id", "kind", "text"]);
    assert_eq!(names(2).unwrap(), ["id", "text"]);
    assert_eq!(names(3), None);
    let _ = (event::by_kind, event_v1::primary, event_v2::primary);
}

#[test]
fn every_derive_works_through_a_reexport() -> Result<()> {
    #[derive(mdbx_typed::Key, mdbx_typed::Plain, Clone, Copy, Debug, PartialEq)]
    #[key(crate = facade::inner::store)]
    #[plain(crate = facade::inner::store)]
    #[repr(transparent)]
    struct Id([u8; 2]);
    #[derive(mdbx_typed::Table, mdbx_typed::Plain, Clone, Copy, Debug)]
    #[table(raw, crate = facade::inner::store)]
    #[plain(crate = facade::inner::store)]
    #[repr(C)]
    struct Flat {
        #[key]
        id: Id,
        #[index(hash)]
        n: u8,
    }
    #[derive(mdbx_typed::Table, Serialize, Deserialize)]
    #[table(view(Debug), crate = facade::inner::store)]
    #[index(by_name_id, on(name, id), desc(id))]
    struct Named {
        #[key]
        id: u8,
        #[index(fold = ascii)]
        name: String,
    }
    #[derive(mdbx_typed::View)]
    #[view(of = Named, crate = facade::inner::store)]
    struct Head {
        id: u8,
    }
    let db = TempDb::open(schema![Flat, Named])?;
    db.write(|tx| {
        tx.insert(&Flat {
            id: Id(*b"ab"),
            n: 3,
        })?;
        tx.insert(&Named {
            id: 1,
            name: "Ann".into(),
        })
    })?;
    let tx = db.read()?;
    assert_eq!(tx.by(flat::by_n).eq(3).ids().next().unwrap()?, Id(*b"ab"));
    let named = tx.by(named::by_name).eq("ANN").views::<NamedRef<'_>>();
    assert_eq!(
        named.map(|row| Ok(row?.name)).collect::<Result<Vec<_>>>()?,
        ["Ann"]
    );
    assert_eq!(tx.get_view::<Named, Head>(1)?.unwrap().id, 1);
    assert_eq!(tx.by(named::by_name_id).count()?, 1);
    Ok(())
}

/// Tables that a macro writes of what it is given: types, functions and whole attributes.
macro_rules! table_of {
    ($name:ident, $key:ty, $value:ty, $with:path, $computed:ty, $(#[$attribute:meta])*) => {
        #[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
        #[index(by_both, on(value, part), desc(part))]
        #[index(by_each, with = $with, key = $computed, each, when = Self::is_wanted)]
        $(#[$attribute])*
        struct $name {
            #[key]
            id: $key,
            #[key]
            part: u8,
            #[index]
            value: $value,
            #[index(sparse)]
            maybe: Option<$value>,
            #[index(each, name = by_many)]
            many: Vec<$value>,
        }
    };
}

table_of! { Given, i32, String, Given::words, Vec<String>,
    #[index(by_sum, with = Self::sum, key = i64, when = Self::is_wanted)]
    #[index(by_value_hash, on(value), hash)]
}

impl Given {
    fn words(&self) -> Vec<String> {
        self.value.split(' ').map(str::to_owned).collect()
    }

    fn sum(&self) -> i64 {
        i64::from(self.id) + i64::from(self.part)
    }

    fn is_wanted(&self) -> bool {
        self.id > 0
    }
}

#[test]
fn a_macro_can_write_a_table_of_what_it_is_given() -> Result<()> {
    let db = Database::in_memory(schema![Given])?;
    let row = Given {
        id: 1,
        part: 2,
        value: "two words".into(),
        maybe: Some("maybe".into()),
        many: vec!["a".into(), "b".into()],
    };
    db.write(|tx| tx.insert(&row))?;
    let tx = db.read()?;
    assert_eq!(tx.by(given::by_sum).eq(3).one()?, Some(row.clone()));
    assert_eq!(tx.by(given::by_each).eq("words").one()?, Some(row));
    assert_eq!(tx.by(given::by_many).eq("b").count()?, 1);
    Ok(())
}
