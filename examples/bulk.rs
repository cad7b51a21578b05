//! Filling a table: many rows as one statement, sorted by whoever has them or by the database, and nothing of them when
//! one cannot be stored.

use std::time::Instant;

use mdbx_typed::prelude::*;
use mdbx_typed::{Error, Result};
use serde::{Deserialize, Serialize};

const ROWS: u64 = 200_000;

#[derive(Table, Serialize, Deserialize)]
struct Reading {
    #[key]
    at: u64,
    #[index]
    sensor: u16,
    #[index]
    value: i32,
    #[index(unique)]
    label: String,
}

fn reading(at: u64) -> Reading {
    let random = at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    Reading {
        at,
        sensor: u16::try_from(random % 500).unwrap_or_default(),
        value: i32::try_from(random % 10_000).unwrap_or_default() - 5000,
        label: format!("{random:06x}-{at}"),
    }
}

/// Tells how far an iterator of rows has come, as it goes by.
fn told(rows: impl Iterator<Item = Reading>) -> impl Iterator<Item = Reading> {
    rows.enumerate().map(|(number, row)| {
        if number % 20_000 == 0 {
            eprint!("\r{:3} %", number as u64 * 100 / ROWS);
        }
        row
    })
}

/// Fills a new database, and tells how long that took.
fn measure(what: &str, fill: impl FnOnce(&mut WriteTxn<'_>) -> Result<u64>) -> Result<Database> {
    let db = Database::in_memory(schema![Reading])?;
    let start = Instant::now();
    let rows = db.write(fill)?;
    println!(
        "\r{what:<16}{rows} rows in {} ms",
        start.elapsed().as_millis()
    );
    Ok(db)
}

fn main() -> Result<()> {
    measure("one by one:", |tx| {
        for row in told((0..ROWS).map(reading)) {
            tx.insert(&row)?;
        }
        Ok(ROWS)
    })?;
    // In any order: the rows are gathered and sorted first.
    measure("load:", |tx| tx.load(told((0..ROWS).rev().map(reading))))?;
    // In the order of the key: every row goes right to its place.
    let db = measure("load_sorted:", |tx| {
        tx.load_sorted(told((0..ROWS).map(reading)))
    })?;

    // One of these has a label that is taken, so none of them is stored, and what came before is.
    let taken = Reading {
        at: ROWS + 7,
        ..reading(7)
    };
    let mut more: Vec<Reading> = (ROWS..ROWS + 10).map(reading).collect();
    more[7] = taken;
    db.write(|tx| {
        tx.insert(&reading(ROWS + 100))?;
        match tx.load(&more) {
            Err(Error::UniqueViolation { index, .. }) => println!("not loaded, for `{index}`"),
            result => println!("loaded {}", result?),
        }
        Ok(())
    })?;
    println!("{}", db.stats()?);
    Ok(())
}
