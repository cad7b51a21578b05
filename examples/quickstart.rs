//! The code of the README.

use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize, Debug)]
#[table(name = "users")]
#[index(by_country_age, on(country, age))]
struct User {
    #[key(auto)]
    id: u64,
    #[index(unique)]
    email: String,
    country: String,
    age: u32,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("app.mdbx");

    let db = Database::open(path, schema![User])?;
    db.write(|tx| {
        for (name, country, age) in [("ann", "DE", 30), ("bob", "NO", 45), ("cy", "DE", 52)] {
            let email = format!("{name}@x.org");
            tx.insert_new(|id| User {
                id,
                email,
                country: country.into(),
                age,
            })?;
        }
        Ok(())
    })?; // one durable commit; an error would undo all of it

    let tx = db.read()?; // a snapshot; never waits
    let bob = tx.get_by(user::by_email, "bob@x.org")?;
    println!("by email: {bob:?}");
    for user in tx
        .by(user::by_country_age)
        .range(("DE", 18)..("DE", 65))
        .rev()
        .rows()
    {
        println!("in DE, oldest first: {:?}", user?);
    }
    Ok(())
}
