use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
#[table(view)]
struct User {
    #[key]
    id: u64,
    email: String,
}

fn find(db: &Database) -> mdbx_typed::Result<Option<UserRef<'_>>> {
    let tx = db.read()?;
    let user = tx.get_view::<User, UserRef<'_>>(1)?;
    Ok(user)
}

fn main() {}
