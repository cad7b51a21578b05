//! Three versions of a program and one file: what becomes of rows when the struct changes.

use std::path::Path;

use mdbx_typed::prelude::*;
use mdbx_typed::{OnExtraIndex, OpenError, Schema};

mod v1 {
    use mdbx_typed::Table;
    use serde::{Deserialize, Serialize};

    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "users")]
    pub(super) struct User {
        #[key(auto)]
        pub(super) id: u64,
        pub(super) name: String,
    }
}

/// Appends a field, renames one, and has an index. Nothing is rewritten.
mod v2 {
    use mdbx_typed::Table;
    use serde::{Deserialize, Serialize};

    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "users")]
    pub(super) struct User {
        #[key(auto)]
        pub(super) id: u64,
        #[index]
        #[field(was = "name")]
        pub(super) full_name: String,
        #[serde(default)]
        pub(super) newsletter: bool,
    }
}

/// Splits a field, which needs a line of code for old rows.
mod v3 {
    use mdbx_typed::Table;
    use serde::{Deserialize, Serialize};

    #[derive(Table, Serialize, Deserialize, Debug)]
    #[table(name = "users", upgrade_from = super::v2::User)]
    pub(super) struct User {
        #[key(auto)]
        pub(super) id: u64,
        pub(super) first: String,
        #[index]
        pub(super) last: String,
        pub(super) newsletter: bool,
    }

    impl From<super::v2::User> for User {
        fn from(old: super::v2::User) -> User {
            let (first, last) = old
                .full_name
                .split_once(' ')
                .unwrap_or(("", &old.full_name));
            let (first, last) = (first.into(), last.into());
            User {
                id: old.id,
                first,
                last,
                newsletter: old.newsletter,
            }
        }
    }
}

/// Opens the file for a program that is the only one: what its structs do not have is no longer needed.
fn open(path: &Path, schema: &Schema) -> Result<Database, OpenError> {
    Database::builder()
        .on_extra_index(OnExtraIndex::Drop)
        .open(path, schema)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("users.mdbx");

    let db = open(&path, schema![v1::User])?;
    db.write(|tx| {
        for name in ["Ada Lovelace", "Alan Turing", "Grace Hopper"] {
            tx.insert_new(|id| v1::User {
                id,
                name: name.into(),
            })?;
        }
        Ok(())
    })?;
    println!("Version 1 has written three users.\n");

    println!(
        "What version 2 would do:\n{}\n",
        db.schema_diff(schema![v2::User])?
    );
    drop(db);
    let db = open(&path, schema![v2::User])?;
    let tx = db.read()?;
    let alan = tx.by(v2::user::by_full_name).starts_with("Alan").first()?;
    let alan = alan.expect("the index has the rows that were there before it");
    println!(
        "Version 2 finds {} by an index that version 1 did not have.",
        alan.full_name
    );
    println!(
        "He is {}subscribed.\n",
        if alan.newsletter { "" } else { "not " }
    );
    drop(tx);

    println!(
        "What version 3 would do:\n{}\n",
        db.schema_diff(schema![v3::User])?
    );
    drop(db);
    let db = open(&path, schema![v3::User])?;
    let ada = db.read()?.by(v3::user::by_last).eq("Lovelace").one()?;
    println!("Version 3 reads old rows as new ones: {ada:?}");
    println!(
        "{} rows rewritten, so that the old structs can go.",
        db.migrate()?
    );
    println!("{}", db.verify()?);
    drop(db);

    println!("\nVersion 1 still opens the file, and can do no harm to it:");
    let db = Database::open(&path, schema![v1::User])?;
    let ada = db.read()?.get::<v1::User>(1).map(drop);
    println!("- reading: {}", ada.expect_err("it has a layout of later"));
    let gone = db.write(|tx| tx.delete::<v1::User>(1));
    println!("- writing: {}", gone.expect_err("its indexes are of later"));
    Ok(())
}
