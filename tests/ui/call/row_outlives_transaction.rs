use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct User {
    #[key]
    id: u64,
    #[index(unique)]
    email: String,
    #[index]
    age: u32,
}

#[derive(Table, Serialize, Deserialize)]
struct Event<'a> {
    #[key]
    id: u64,
    kind: &'a str,
}

fn find(db: &Database) -> mdbx_typed::Result<Event<'_>> {
    let tx = db.read()?;
    let event = tx.get::<Event>(1)?.unwrap();
    Ok(event)
}

fn main() {}
