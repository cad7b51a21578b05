//! Many clerks take orders at once, each order durably: with a commit for each, and with commits that they share.
//!
//! ```text
//! cargo run --release --example group_commit -- [--orders N] [--database FILE]
//! ```

use std::error::Error;
use std::path::PathBuf;
use std::thread::{self, ScopedJoinHandle};
use std::time::Instant;

use mdbx_core::{Env, Result, Table, TableFlags, WriteTxn};

/// Files an order under the next number, which it returns.
fn file_order(txn: &mut WriteTxn<'_>, orders: Table, customer: &str) -> Result<u64> {
    let number = txn.sequence(orders, 1)?;
    txn.insert(orders, &number.to_be_bytes(), customer.as_bytes())?;
    Ok(number)
}

/// Waits for the disk for this order alone.
fn take_alone(env: &Env, orders: Table, customer: &str) -> Result<u64> {
    let mut txn = env.write()?;
    let number = file_order(&mut txn, orders, customer)?;
    txn.commit()?;
    Ok(number)
}

/// Waits for the disk together with all who came while the commit before was on its way there.
fn take_together(env: &Env, orders: Table, customer: &str) -> Result<u64> {
    env.batch(|txn| file_order(txn, orders, customer))
}

fn main() -> Result<(), Box<dyn Error>> {
    let (count, path) = arguments()?;
    let temporary = tempfile::tempdir()?;
    let env = Env::open(path.unwrap_or_else(|| temporary.path().join("orders.mdbx")))?;
    let mut txn = env.write()?;
    let orders = txn.create_table("orders", TableFlags::empty())?;
    txn.commit()?;

    println!("clerks            orders  commits  commits an order  orders a second");
    for clerks in [1, 4, 16, 64] {
        let orders_each = count.div_ceil(clerks);
        measure("alone", &env, clerks, orders_each, |customer| {
            take_alone(&env, orders, customer)
        })?;
        measure("together", &env, clerks, orders_each, |customer| {
            take_together(&env, orders, customer)
        })?;
    }
    Ok(())
}

/// Has that many clerks take orders by `take`, and prints what it cost.
fn measure(
    name: &str,
    env: &Env,
    clerks: u32,
    orders_each: u32,
    take: impl Fn(&str) -> Result<u64> + Sync,
) -> Result<()> {
    let (first, start, take) = (env.read()?.id(), Instant::now(), &take);
    thread::scope(|scope| {
        let work = |clerk| {
            let customer = format!("customer of clerk {clerk}");
            move || (0..orders_each).try_for_each(|_| take(&customer).map(drop))
        };
        let clerks: Vec<_> = (0..clerks).map(|clerk| scope.spawn(work(clerk))).collect();
        let mut ended = clerks.into_iter().map(ScopedJoinHandle::join);
        ended.try_for_each(|result| result.expect("no clerk panics"))
    })?;
    let (seconds, orders) = (start.elapsed().as_secs_f64(), clerks * orders_each);
    let commits = u32::try_from(env.read()?.id().0 - first.0).expect("none has no order");
    let share = f64::from(commits) / f64::from(orders);
    let rate = f64::from(orders) / seconds;
    println!("{clerks:6}  {name:9} {orders:6} {commits:8} {share:17.3} {rate:16.0}");
    Ok(())
}

fn arguments() -> Result<(u32, Option<PathBuf>), Box<dyn Error>> {
    let (mut orders, mut path) = (2000, None);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words
            .next()
            .ok_or_else(|| format!("{word} needs a value"))?;
        match &*word {
            "--orders" => orders = value.parse()?,
            "--database" => path = Some(PathBuf::from(value)),
            _ => return Err("usage: group_commit [--orders N] [--database FILE]".into()),
        }
    }
    Ok((orders, path))
}
