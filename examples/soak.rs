//! Fills a database, deletes half of it at random and fills it again, and accounts for every page on the way.
//!
//! ```text
//! cargo run --release --example soak -- [--puts N] [--database FILE]
//! ```
//!
//! Keys have 16 bytes and values 100, a commit has 1000 changes. At every tenth commit no page may be lost or used
//! twice, and at the end the file may not have grown by more than three tenths.

use std::error::Error;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use mdbx_core::tools::account::account;
use mdbx_core::{Env, Table, TableFlags, WriteTxn};

const CHANGES_PER_COMMIT: u64 = 1000;
const COMMITS_PER_ACCOUNT: u64 = 10;
const VALUE: [u8; 100] = [7; 100];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let (puts, path) = arguments()?;
    let temporary = tempfile::tempdir()?;
    let path = path.unwrap_or_else(|| temporary.path().join("soak.mdbx"));
    let env = Env::open(path)?;
    let mut txn = env.write()?;
    let table = txn.create_table("soak", TableFlags::empty())?;
    txn.clear(table)?;
    txn.commit()?;

    let put = |txn: &mut WriteTxn<'_>, number| txn.put(table, &key(number), &VALUE).map(|()| true);
    let delete = |txn: &mut WriteTxn<'_>, number| txn.delete(table, &key(number));
    let half = puts / 2;

    let filled = phase(&env, table, "fill", 0..puts, put)?;
    // The numbers run through the keys in an order of their own, so half of them are keys at random.
    phase(&env, table, "delete half", 0..half, delete)?;
    let refilled = phase(&env, table, "fill again", 0..half, put)?;

    let ratio = f64::from(refilled) / f64::from(filled);
    println!(
        "pages in use or free: {filled} after the first fill, {refilled} at the end, {ratio:.2} times"
    );
    if ratio > 1.3 {
        return Err("the file grew by more than three tenths".into());
    }
    Ok(())
}

/// Changes the table by `change` for each of `numbers`; returns how many pages the file takes afterwards.
fn phase(
    env: &Env,
    table: Table,
    name: &str,
    numbers: std::ops::Range<u64>,
    change: impl Fn(&mut WriteTxn<'_>, u64) -> mdbx_core::Result<bool>,
) -> Result<u32, Box<dyn Error>> {
    let (start, total) = (Instant::now(), numbers.end - numbers.start);
    let (mut commits, mut accounts) = (0, 0);
    for first in numbers
        .clone()
        .step_by(usize::try_from(CHANGES_PER_COMMIT)?)
    {
        let mut txn = env.write()?;
        for number in first..numbers.end.min(first + CHANGES_PER_COMMIT) {
            change(&mut txn, number)?;
        }
        txn.commit()?;
        commits += 1;
        if commits % COMMITS_PER_ACCOUNT == 0 || first + CHANGES_PER_COMMIT >= numbers.end {
            let accounting = account(&env.read()?)?;
            if !accounting.holds() {
                return Err(format!("{name}, commit {commits}: {accounting:?}").into());
            }
            accounts += 1;
            show_progress(name, first - numbers.start, total)?;
        }
    }
    let (info, items) = (env.info()?, env.read()?.table(table)?.len());
    let rate = u128::from(total) * 1000 / start.elapsed().as_micros().max(1);
    println!(
        "{name}: {total} changes in {commits} commits, {rate} thousand a second; {items} items, {} pages; \
         every page accounted for {accounts} times",
        info.allocated_pages
    );
    Ok(info.allocated_pages)
}

/// Shows how far a phase is, where somebody watches.
fn show_progress(name: &str, done: u64, total: u64) -> std::io::Result<()> {
    let mut out = std::io::stderr();
    if out.is_terminal() {
        write!(out, "\r{name}: {} %\x1b[K\r", done * 100 / total)?;
        out.flush()?;
    }
    Ok(())
}

/// Returns a key for `number`, which differs from all others and lies anywhere among them.
fn key(number: u64) -> [u8; 16] {
    // Multiplying by an odd number and folding the upper half in are one to one.
    let mut mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^= mixed >> 32;
    mixed = mixed.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    mixed ^= mixed >> 32;
    let mut key = [0; 16];
    key[..8].copy_from_slice(&mixed.to_be_bytes());
    key[8..].copy_from_slice(&number.to_be_bytes());
    key
}

fn arguments() -> Result<(u64, Option<PathBuf>), Box<dyn Error>> {
    let (mut puts, mut path) = (1_000_000, None);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words
            .next()
            .ok_or_else(|| format!("{word} needs a value"))?;
        match &*word {
            "--puts" => puts = value.parse()?,
            "--database" => path = Some(PathBuf::from(value)),
            _ => return Err("usage: soak [--puts N] [--database FILE]".into()),
        }
    }
    Ok((puts, path))
}
