use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
enum Event {
    Login { id: u64 },
    Logout,
}

fn main() {}
