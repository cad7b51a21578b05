use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct User {
    #[key]
    id: u64,
    #[index]
    age: u32,
}

#[derive(Table, Serialize, Deserialize)]
struct Book {
    #[key]
    id: u64,
    #[index]
    year: u32,
}

fn find(tx: &ReadTxn<'_>) {
    let _ = tx.by(user::by_age).eq(30).and(tx.by(book::by_year).eq(1999));
}

fn main() {}
