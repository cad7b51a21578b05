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

fn change(tx: &mut WriteTxn<'_>) -> mdbx_typed::Result<()> {
    let event = tx.get::<Event>(1)?.unwrap();
    tx.delete::<User>(1)?;
    println!("{}", event.kind);
    Ok(())
}

fn main() {}
