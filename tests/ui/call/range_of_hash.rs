use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct Doc {
    #[key]
    id: u64,
    #[index(hash)]
    body: String,
}

fn find(tx: &ReadTxn<'_>) {
    let _ = tx.by(doc::by_body).range("a".."b");
}

fn main() {}
