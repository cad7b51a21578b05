//! What users of other typed stores ran into when their data had to leave the file, or had to be looked at without the
//! program that wrote it. The numbers are those of `pains.rs`.

mod typed_support;

use mdbx_typed::prelude::*;
use mdbx_typed::{Geometry, PageSize, Postcard, Result};
use serde::{Deserialize, Serialize};
use typed_support::TempDb;

mod old {
    use super::*;

    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "users")]
    pub(super) struct User {
        #[key(auto)]
        pub(super) id: u64,
        pub(super) name: String,
    }
}

mod new {
    use super::*;

    /// Of another name, in other pages, with another codec, one more field and an index.
    #[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
    #[table(name = "people", was = "users", codec = Postcard)]
    pub(super) struct Person {
        #[key(auto)]
        pub(super) id: u64,
        #[field(was = "name")]
        #[index]
        pub(super) full_name: String,
        #[serde(default)]
        pub(super) age: u8,
    }
}

/// Pain 24: a new file format strands the users of the old one: there is no dump in a form that both understand.
#[test]
fn pain_24_file_format_upgrades_strand_users() -> Result<()> {
    let db = TempDb::open(schema![old::User])?;
    db.write(|tx| {
        for name in ["Ann", "Bob"] {
            tx.insert_new(|id| old::User {
                id,
                name: name.into(),
            })?;
        }
        tx.delete::<old::User>(2)
    })?;
    let mut dump = Vec::new();
    db.dump(&mut dump)?;
    assert!(dump.is_ascii(), "text that every program reads");

    let directory = tempfile::tempdir().unwrap();
    let geometry = Geometry::default().page_size(PageSize::MAX);
    let next = Database::builder()
        .geometry(geometry)
        .open(directory.path().join("next"), schema![new::Person])?;
    let restored = next.restore(dump.as_slice())?;
    assert_eq!((restored.rows(), restored.skipped().len()), (1, 0));
    assert!(next.verify()?.is_clean());
    next.write(|tx| {
        let ann = tx.by(new::person::by_full_name).eq("Ann").one()?;
        let expected = new::Person {
            id: 1,
            full_name: "Ann".into(),
            age: 0,
        };
        assert_eq!(ann, Some(expected));
        let cy = tx.insert_new(|id| new::Person {
            id,
            full_name: "Cy".into(),
            age: 0,
        })?;
        assert_eq!(cy.id, 3, "a key that was used once is not used again");
        Ok(())
    })
}

/// The inspector needs the schema: a file cannot be looked at without the program that wrote it.
#[test]
fn pain_the_inspector_needs_the_schema() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    struct Order {
        #[key]
        id: u64,
        #[index]
        customer: Option<String>,
        items: Vec<(String, u32)>,
        paid: bool,
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop");
    let order = Order {
        id: 7,
        customer: Some("ann".into()),
        items: vec![("pen".into(), 2), ("ink".into(), 300)],
        paid: true,
    };
    let expected = serde_json::to_value(&order).unwrap();
    let db = Database::open(&path, schema![Order])?;
    db.write(|tx| tx.insert(&order))?;
    drop(db);

    let db = Database::browse(&path)?;
    let tx = db.read()?;
    let [table] = tx.tables()?.try_into().unwrap();
    assert_eq!((table.name.as_str(), table.rows), ("order", 1));
    let orders = tx.dynamic(&table.name)?;
    let found = orders.by("by_customer")?.eq("ann")?.first()?.unwrap();
    let json: serde_json::Value = serde_json::from_str(&found.to_string()).unwrap();
    assert_eq!(json, expected);
    Ok(())
}
