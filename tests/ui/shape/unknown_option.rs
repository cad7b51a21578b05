use mdbx_typed::Shaped;
use serde::{Deserialize, Serialize};

#[derive(Shaped, Serialize, Deserialize)]
#[shape(crates = mdbx_typed)]
struct Contact {
    phone: String,
}

fn main() {}
