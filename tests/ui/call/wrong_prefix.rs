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

fn find(tx: &ReadTxn<'_>) {
    let _ = tx.by(user::by_age).prefix((30,));
}

fn main() {}
