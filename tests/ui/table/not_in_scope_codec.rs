use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
#[table(codec = Postcrad)]
struct User {
    #[key]
    id: u64,
}

fn main() {}
