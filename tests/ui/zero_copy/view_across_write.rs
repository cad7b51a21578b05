use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
#[table(view)]
struct User {
    #[key]
    id: u64,
    email: String,
}

fn change(tx: &mut WriteTxn<'_>) -> mdbx_typed::Result<()> {
    let user = tx.get_view::<User, UserRef<'_>>(1)?.unwrap();
    tx.delete::<User>(1)?;
    println!("{}", user.email);
    Ok(())
}

fn main() {}
