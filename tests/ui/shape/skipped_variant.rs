use mdbx_typed::Shaped;
use serde::{Deserialize, Serialize};

#[derive(Shaped, Serialize, Deserialize)]
enum State {
    New,
    #[serde(skip)]
    Cached(u32),
    Done,
}

fn main() {}
