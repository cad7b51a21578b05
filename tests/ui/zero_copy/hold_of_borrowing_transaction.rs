use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct Event<'a> {
    #[key]
    id: u64,
    #[index]
    kind: &'a str,
}

fn find(db: &Database) -> mdbx_typed::Result<()> {
    let tx = std::sync::Arc::new(db.read()?);
    let event = tx.get::<Event>(1)?.unwrap();
    let held = tx.hold(&event)?;
    std::thread::spawn(move || held);
    Ok(())
}

fn main() {}
