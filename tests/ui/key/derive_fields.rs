use mdbx_typed::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Key, Serialize, Deserialize)]
struct Point {
    x: i32,
    y: i32,
}

#[derive(Key, Serialize, Deserialize)]
enum Shape {
    Circle(u8),
    Square,
}

fn main() {}
