use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct User {
    #[key]
    id: u64,
    #[index(when = Self::size)]
    name: String,
}

impl User {
    fn size(&self) -> usize {
        self.name.len()
    }
}

fn main() {}
