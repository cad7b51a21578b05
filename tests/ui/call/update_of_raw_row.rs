use mdbx_typed::prelude::*;

#[derive(Table, Plain, Clone, Copy)]
#[table(raw)]
#[repr(C)]
struct Tick {
    #[key]
    at: le::U64,
    price: le::I64,
}

fn raise(tx: &mut WriteTxn<'_>) {
    let _ = tx.update::<Tick>(1, |tick| tick.price = 2.into());
}

fn main() {}
