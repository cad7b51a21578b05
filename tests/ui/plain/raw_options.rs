use mdbx_typed::prelude::*;

#[derive(Table, Plain, Clone, Copy)]
#[table(raw, view, codec = mdbx_typed::Bincode, upgrade_from = Old)]
#[repr(C)]
struct Tick {
    #[key]
    at: le::U64,
}

#[derive(Table, Plain, Clone, Copy)]
#[table(raw)]
#[repr(C)]
struct Old {
    #[key]
    at: le::U32,
}

fn main() {}
