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

fn add(tx: &mut WriteTxn<'_>) {
    let _ = tx.insert_new(|id| User { id, email: String::new(), age: 0 });
}

fn main() {}
