use mdbx_typed::Txnid;
use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct User {
    #[key]
    id: u64,
}

fn changed(tx: &ReadTxn<'_>) -> mdbx_typed::Result<usize> {
    Ok(tx.changes_since::<User>(Txnid(7))?.count())
}

fn main() {}
