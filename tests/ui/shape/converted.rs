use mdbx_typed::Shaped;
use serde::Serialize;

#[derive(Shaped, Clone, Serialize)]
#[serde(into = "u8")]
struct Percent {
    value: u8,
}

impl From<Percent> for u8 {
    fn from(percent: Percent) -> u8 {
        percent.value
    }
}

fn main() {}
