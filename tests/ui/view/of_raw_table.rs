use mdbx_typed::prelude::*;

#[derive(Table, Plain, Clone, Copy)]
#[table(raw)]
#[repr(C)]
struct Tick {
    #[key]
    at: le::U64,
    price: le::I64,
}

#[derive(View)]
#[view(of = Tick)]
struct Head {
    at: u64,
}

fn main() {}
