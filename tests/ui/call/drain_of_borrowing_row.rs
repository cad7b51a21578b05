use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct Event<'a> {
    #[key]
    id: u64,
    #[index]
    kind: &'a str,
}

fn empty(tx: &mut WriteTxn<'_>) -> mdbx_typed::Result<()> {
    tx.drain(event::by_kind, ..)?;
    Ok(())
}

fn main() {}
