use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct Event<'a> {
    #[key]
    id: u64,
    #[index]
    kind: &'a str,
}

fn change(db: &Database) -> mdbx_typed::Result<()> {
    let event = db.write(|tx| Ok(tx.get::<Event>(1)?.unwrap()))?;
    println!("{}", event.kind);
    Ok(())
}

fn main() {}
