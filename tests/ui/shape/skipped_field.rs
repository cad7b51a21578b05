use mdbx_typed::Shaped;
use serde::{Deserialize, Serialize};

#[derive(Shaped, Serialize, Deserialize)]
struct Contact {
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
}

fn main() {}
