use mdbx_typed::prelude::*;

#[derive(Plain, Clone, Copy)]
#[repr(C)]
struct Switch {
    is_on: bool,
    label: [char; 2],
}

fn main() {}
