use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct Event<'a> {
    #[key]
    id: u64,
    #[index]
    kind: &'a str,
}

fn change(tx: &mut WriteTxn<'_>) -> mdbx_typed::Result<()> {
    for event in tx.by(event::primary).rows() {
        tx.delete::<Event>(event?.id)?;
    }
    Ok(())
}

fn main() {}
