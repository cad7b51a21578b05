use mdbx_typed::prelude::*;

#[derive(Table, Plain, Clone, Copy)]
#[table(raw)]
#[repr(C)]
struct Tick {
    #[key]
    at: le::U64,
    price: le::I64,
}

fn change(tx: &mut WriteTxn<'_>) -> mdbx_typed::Result<()> {
    let tick = tx.get::<Tick>(1)?.unwrap();
    tx.clear::<Tick>()?;
    println!("{}", tick.price);
    Ok(())
}

fn main() {}
