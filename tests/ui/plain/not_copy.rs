use mdbx_typed::prelude::*;

#[derive(Plain)]
#[repr(C)]
struct Size {
    width: le::U16,
}

fn main() {}
