use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct User {
    #[key]
    id: u64,
}

fn main() -> mdbx_typed::Result<()> {
    let db = Database::open("app.mdbx", schema![User])?;
    let tx = db.read()?;
    drop(db);
    println!("{}", tx.count::<User>()?);
    Ok(())
}
