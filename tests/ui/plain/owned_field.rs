use mdbx_typed::prelude::*;

#[derive(Table, Plain, Clone)]
#[table(raw)]
#[repr(C)]
struct Note {
    #[key]
    id: le::U64,
    text: String,
}

fn main() {}
