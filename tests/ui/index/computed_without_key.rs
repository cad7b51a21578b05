use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
#[index(by_domain, with = Self::domain)]
#[index(by_length, key = u32)]
#[index(by_nothing)]
#[index(on(name))]
struct User {
    #[key]
    id: u64,
    name: String,
}

impl User {
    fn domain(&self) -> String {
        self.name.clone()
    }
}

fn main() {}
