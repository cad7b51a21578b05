use mdbx_typed::prelude::*;

#[derive(Table, Clone, Copy)]
#[table(raw)]
#[repr(C)]
struct Tick {
    #[key]
    at: le::U64,
}

fn main() {}
