//! Enums that get more variants under rows that are there.

mod typed_support;

use mdbx_typed::prelude::*;
use mdbx_typed::{Error, OnLayoutChange, OpenError, Result, Schema};
use serde::{Deserialize, Serialize};
use typed_support::TempDb;

/// Declares the module of a program in which `Kind` has these variants.
macro_rules! program {
    ($name:ident: $($variants:tt)*) => {
        mod $name {
            use mdbx_typed::{Key, Table};
            use serde::{Deserialize, Serialize};

            #[derive(Key, Serialize, Deserialize, Debug, Clone, Copy, PartialEq)]
            pub(super) enum Kind {
                $($variants)*
            }

            /// The enum is in the key, in an index, and in rows.
            #[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
            #[index(by_kind_age, on(kind, age))]
            pub(super) struct Animal {
                #[key]
                pub(super) kind: Kind,
                #[key]
                pub(super) name: String,
                pub(super) age: u8,
                pub(super) likes: Option<Kind>,
            }
        }
    };
}

program!(old: Cat, Dog,);
program!(new: Cat, Dog, Owl,);
program!(inserted: Cat, Emu, Dog,);
program!(removed: Cat,);
program!(wide: Cat, Dog, Owl = 300,);

/// A program that appends a field, too.
mod newest {
    use super::*;
    use new::Kind;

    #[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
    #[index(by_kind_age, on(kind, age))]
    pub(super) struct Animal {
        #[key]
        pub(super) kind: Kind,
        #[key]
        pub(super) name: String,
        pub(super) age: u8,
        pub(super) likes: Option<Kind>,
        #[serde(default)]
        pub(super) weight: u32,
    }
}

fn cat() -> old::Animal {
    old::Animal {
        kind: old::Kind::Cat,
        name: "Tom".into(),
        age: 3,
        likes: Some(old::Kind::Dog),
    }
}

fn owl() -> new::Animal {
    new::Animal {
        kind: new::Kind::Owl,
        name: "Hedwig".into(),
        age: 9,
        likes: None,
    }
}

fn written() -> Result<TempDb> {
    let db = TempDb::open(schema![old::Animal])?;
    db.write(|tx| tx.insert(&cat()))?;
    Ok(db)
}

#[test]
fn a_variant_can_be_appended_without_anything_being_rewritten() -> Result<()> {
    let db = written()?;
    assert_eq!(
        db.schema_diff(schema![new::Animal])?.to_string(),
        "opening makes the tables in the file those of this program\n\
         table `animal`:\n  revision 2: more variants of kind, likes"
    );
    let db = db.reopen(schema![new::Animal])?;
    db.write(|tx| tx.insert(&owl()))?;
    let tx = db.read()?;
    let tom = tx.get::<new::Animal>((&new::Kind::Cat, "Tom"))?;
    assert_eq!(tom.and_then(|tom| tom.likes), Some(new::Kind::Dog));
    let owls = tx.by(new::animal::by_kind_age).prefix((&new::Kind::Owl,));
    assert_eq!(owls.one()?, Some(owl()));
    assert_eq!(tx.by(new::animal::by_kind_age).count()?, 2);
    drop(tx);
    assert!(db.verify()?.is_clean());
    assert!(db.schema_diff(schema![new::Animal])?.is_empty());
    assert_eq!(db.migrate()?, 1);
    assert!(db.verify()?.is_clean());
    Ok(())
}

/// Declares the module of a program that computes an enum with these variants, of which rows hold nothing.
macro_rules! computing {
    ($name:ident: $size:expr; $($variants:tt)*) => {
        mod $name {
            use mdbx_typed::{Key, Table};
            use serde::{Deserialize, Serialize};

            #[derive(Key, Serialize, Deserialize, Debug, Clone, Copy, PartialEq)]
            pub(super) enum Size {
                $($variants)*
            }

            #[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
            #[index(by_size, with = Self::size, key = Size)]
            pub(super) struct Chest {
                #[key]
                pub(super) id: u32,
                pub(super) liters: u32,
            }

            impl Chest {
                fn size(&self) -> Size {
                    let size: fn(u32) -> Size = $size;
                    size(self.liters)
                }
            }
        }
    };
}

computing!(coarse: |_| Size::Small; Small,);
computing!(fine: |liters| if liters < 100 { Size::Small } else { Size::Large }; Small, Large,);

#[test]
fn a_computed_index_with_more_variants_is_built_anew() -> Result<()> {
    let db = TempDb::open(schema![coarse::Chest])?;
    db.write(|tx| tx.load([1, 500].map(|liters| coarse::Chest { id: liters, liters })))?;
    let db = db.reopen(schema![fine::Chest])?;
    assert!(db.verify()?.is_clean());
    let large = db.write(|tx| tx.delete_range(fine::chest::by_size, &fine::Size::Large..))?;
    assert_eq!(large, 1);
    assert!(db.verify()?.is_clean());
    Ok(())
}

#[test]
fn a_field_and_a_variant_can_be_appended_at_once() -> Result<()> {
    let db = written()?;
    assert_eq!(
        db.schema_diff(schema![newest::Animal])?.to_string(),
        "opening makes the tables in the file those of this program\n\
         table `animal`:\n  revision 2: more variants of kind, likes\n  \
         revision 2: weight appended, and older rows have the default"
    );
    let db = db.reopen(schema![newest::Animal])?;
    let tom = db.read()?.by(newest::animal::primary).one()?;
    assert_eq!(tom.map(|tom| tom.weight), Some(0));
    Ok(())
}

#[test]
fn a_program_with_fewer_variants_reads_what_it_knows_and_writes_nothing() -> Result<()> {
    let db = written()?.reopen(schema![new::Animal])?;
    db.write(|tx| tx.insert(&owl()))?;
    let db = db.reopen(schema![old::Animal])?;
    let refused = db.write(|tx| tx.put(&cat()));
    assert!(matches!(refused, Err(Error::ReadOnly { .. })));
    let tx = db.read()?;
    assert_eq!(
        tx.get::<old::Animal>((&old::Kind::Cat, "Tom"))?,
        Some(cat())
    );
    let by_kind = tx.by(old::animal::by_kind_age);
    assert_eq!(by_kind.prefix((&old::Kind::Cat,)).one()?, Some(cat()));
    let all: Vec<_> = tx.by(old::animal::primary).rows().collect();
    assert!(matches!(
        all[..],
        [
            Ok(_),
            Err(Error::NewerRow {
                rev: 2,
                known: 1,
                ..
            })
        ]
    ));
    drop(tx);
    // It has left everything as it was for the newer one.
    let db = db.reopen(schema![new::Animal])?;
    assert!(db.schema_diff(schema![new::Animal])?.is_empty());
    assert!(db.verify()?.is_clean());
    Ok(())
}

#[test]
fn a_table_that_is_left_to_another_program_keeps_the_variants_of_that_one() -> Result<()> {
    /// As [`old::Animal`], with one more index.
    #[derive(Table, Serialize, Deserialize)]
    #[index(by_kind_age, on(kind, age))]
    struct Animal {
        #[key]
        kind: old::Kind,
        #[key]
        name: String,
        #[index]
        age: u8,
        likes: Option<old::Kind>,
    }

    let db = TempDb::open(schema![Animal])?;
    let db = db.reopen(schema![new::Animal])?;
    let refused = db.write(|tx| tx.insert(&owl()));
    assert!(matches!(refused, Err(Error::ReadOnly { .. })));
    assert!(db.schema_diff(schema![Animal])?.is_empty());
    Ok(())
}

#[test]
fn what_changes_the_bytes_of_variants_is_refused() -> Result<()> {
    let others: [(&Schema, &str); 3] = [
        (schema![inserted::Animal], "enum<Cat, Emu, Dog>"),
        (schema![removed::Animal], "enum<Cat>"),
        (schema![wide::Animal], "enum<Cat, Dog, Owl = 300>"),
    ];
    for (schema, shape) in others {
        let Err(error) = written()?.reopen(schema) else {
            panic!("opened with {shape}");
        };
        let line = format!("field `kind` was `enum<Cat, Dog>`, now it is `{shape}`");
        assert!(error.to_string().contains(&line), "{error}");
    }
    Ok(())
}

#[test]
fn a_program_that_accepts_no_other_layout_accepts_no_more_variants() -> Result<()> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("test.mdbx");
    drop(Database::open(&path, schema![old::Animal])?);
    let strict = Database::builder().on_layout_change(OnLayoutChange::Refuse);
    let refused = strict.open(&path, schema![new::Animal]);
    assert!(matches!(refused, Err(OpenError::Schema(_))));
    Ok(())
}
