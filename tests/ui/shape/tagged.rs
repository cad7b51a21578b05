use mdbx_typed::Shaped;
use serde::{Deserialize, Serialize};

#[derive(Shaped, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Shift {
    Early { hour: u8 },
}

fn main() {}
