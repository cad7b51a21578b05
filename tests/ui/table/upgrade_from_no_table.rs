use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

struct UserV1;

#[derive(Table, Serialize, Deserialize)]
#[table(upgrade_from = UserV1)]
struct User {
    #[key]
    id: u64,
}

impl From<UserV1> for User {
    fn from(_: UserV1) -> User {
        User { id: 1 }
    }
}

fn main() {}
