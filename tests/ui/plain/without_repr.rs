use mdbx_typed::prelude::*;

#[derive(Plain, Clone, Copy)]
struct Size {
    width: le::U16,
    height: le::U16,
}

fn main() {}
