use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct Doc {
    #[key]
    id: u64,
    #[index(hash)]
    body: String,
}

fn empty(tx: &mut WriteTxn<'_>) -> mdbx_typed::Result<()> {
    tx.delete_range(doc::by_body, "a".."b")?;
    Ok(())
}

fn main() {}
