use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
#[table(view)]
struct User {
    #[key]
    id: u64,
    email: String,
}

#[derive(Table, Serialize, Deserialize)]
struct Group {
    #[key]
    id: u64,
}

fn find(tx: &ReadTxn<'_>) {
    let _ = tx.by(group::primary).views::<UserRef<'_>>();
}

fn main() {}
