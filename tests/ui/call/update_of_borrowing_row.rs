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

fn change(tx: &mut WriteTxn<'_>) {
    let _ = tx.update::<Event>(1, |event| event.id += 1);
}

fn main() {}
