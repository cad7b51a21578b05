use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct User {
    #[key]
    id: u64,
    country: String,
}

#[derive(Table, Serialize, Deserialize)]
struct Country {
    #[key]
    code: String,
}

fn find(tx: &ReadTxn<'_>) {
    let _ = tx.by(user::primary).join(country::primary, |user| user.id);
}

fn main() {}
