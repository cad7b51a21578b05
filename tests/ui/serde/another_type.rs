use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    id: u64,
}

#[derive(Table, Clone, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
struct User {
    #[key]
    id: u64,
}

impl From<Stored> for User {
    fn from(stored: Stored) -> Self {
        User { id: stored.id }
    }
}

impl From<User> for Stored {
    fn from(user: User) -> Self {
        Stored { id: user.id }
    }
}

fn main() {}
