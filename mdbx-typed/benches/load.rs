//! What filling a table costs: `load_sorted`, `load`, `insert` in a loop, and puts of the engine by hand, with no index, one
//! and three; and what building three indexes of rows that are there costs.
//!
//! `cargo bench -p mdbx-typed --bench load [ROWS]` prints nanoseconds for each row, the best of several runs, and the ratio
//! to puts by hand in the order of the rows, which keep indexes of the same keys.

use std::path::PathBuf;
use std::time::Instant;

use mdbx_core::{Env, TableFlags};
use mdbx_typed::prelude::*;
use mdbx_typed::{Geometry, Result, Schema};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

const RUNS: usize = 3;

/// Makes a table whose name and indexes are given.
macro_rules! person {
    ($module:ident, $(#[$email:meta])?, $(#[$age:meta])?, $(#[$score:meta])?) => {
        mod $module {
            use super::*;

            #[derive(Table, Serialize, Deserialize, Clone)]
            #[table(name = "person")]
            pub(super) struct Person {
                #[key]
                pub(super) id: u64,
                $(#[$email])?
                pub(super) email: String,
                $(#[$age])?
                pub(super) age: u8,
                $(#[$score])?
                pub(super) score: u32,
                pub(super) text: String,
            }

            pub(super) fn person(id: u64) -> Person {
                let random = scatter(id);
                Person {
                    id,
                    email: email(id),
                    age: u8::try_from(random % 90).unwrap_or(0),
                    score: score(id),
                    text: "what there is to say of it".repeat(3),
                }
            }
        }
    };
}

person!(none, , , );
person!(one, , , #[index]);
person!(three, #[index(unique)], #[index], #[index]);

/// A generator of numbers (splitmix64).
fn scatter(n: u64) -> u64 {
    let mut z = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn email(id: u64) -> String {
    format!("{:x}@example.org", scatter(id))
}

fn score(id: u64) -> u32 {
    u32::try_from(scatter(id) >> 32).unwrap_or(0)
}

fn geometry() -> Geometry {
    Geometry::default().upper(4 << 30)
}

fn new_file() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("bench.mdbx");
    (directory, path)
}

/// Returns the nanoseconds for each row of the best run of `fill` on a new database.
fn time(
    schema: &Schema,
    rows: u64,
    fill: impl Fn(&mut WriteTxn<'_>) -> Result<u64>,
) -> Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let (_directory, path) = new_file();
        let db = Database::builder()
            .geometry(geometry())
            .open(path, schema)?;
        let start = Instant::now();
        let filled = db.write(&fill)?;
        best = best.min(start.elapsed().as_secs_f64());
        assert_eq!(filled, rows);
    }
    Ok(per_row(best, rows))
}

fn per_row(seconds: f64, rows: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a count of rows is small")]
    let rows = rows as f64;
    seconds * 1e9 / rows
}

/// As [`time`], with puts of the engine, of the same keys and of rows as long.
fn time_by_hand(indexes: usize, rows: u64) -> mdbx_core::Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let (_directory, path) = new_file();
        let env = Env::options().geometry(geometry()).open(path)?;
        let start = Instant::now();
        let mut txn = env.write()?;
        let people = txn.create_table("person", TableFlags::empty())?;
        let multi = TableFlags::DUP_SORT | TableFlags::DUP_FIXED;
        let by_email = txn.create_table("by_email", TableFlags::empty())?;
        let by_age = txn.create_table("by_age", multi)?;
        let by_score = txn.create_table("by_score", multi)?;
        for id in 0..rows {
            let key = id.to_be_bytes();
            let (email, age) = (email(id), u8::try_from(scatter(id) % 90).unwrap_or(0));
            let mut row = vec![0; 95];
            row[..email.len()].copy_from_slice(email.as_bytes());
            txn.put(people, &key, &row)?;
            if indexes == 3 {
                txn.put(by_email, email.as_bytes(), &key)?;
                txn.put(by_age, &[age], &key)?;
            }
            if indexes > 0 {
                txn.put(by_score, &score(id).to_be_bytes(), &key)?;
            }
        }
        txn.commit()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(per_row(best, rows))
}

/// Prints the row of the table for one kind of person.
macro_rules! compare {
    ($module:ident, $indexes:expr, $rows:expr) => {{
        use $module::{Person, person};
        let rows: u64 = $rows;
        let by_hand = time_by_hand($indexes, rows)?;
        let sorted = time(schema![Person], rows, |tx| {
            tx.load_sorted((0..rows).map(person))
        })?;
        let load = time(schema![Person], rows, |tx| {
            tx.load((0..rows).map(|id| person(id ^ 0x55)))
        })?;
        let insert = time(schema![Person], rows, |tx| {
            for id in 0..rows {
                tx.insert(&person(id))?;
            }
            Ok(rows)
        })?;
        for (what, cost) in [
            ("engine puts by hand", by_hand),
            ("load_sorted", sorted),
            ("load", load),
            ("insert in a loop", insert),
        ] {
            println!(
                "{:<12}{what:<24}{cost:>10.0}{:>10.2}",
                $indexes,
                cost / by_hand
            );
        }
    }};
}

fn main() -> Result<()> {
    let rows = std::env::args().find_map(|arg| arg.parse().ok());
    // A multiple of 128, so that the shuffled numbers are the same ones.
    let rows = rows.unwrap_or(500_000_u64).next_multiple_of(128);
    println!(
        "{:<12}{:<24}{:>10}{:>10}",
        "indexes", "", "ns a row", "ratio"
    );
    compare!(none, 0, rows);
    compare!(one, 1, rows);
    compare!(three, 3, rows);
    let (_directory, path) = new_file();
    let builder = Database::builder().geometry(geometry());
    let db = builder.clone().open(&path, schema![none::Person])?;
    db.write(|tx| tx.load_sorted((0..rows).map(none::person)))?;
    drop(db);
    let start = Instant::now();
    builder.open(&path, schema![three::Person])?;
    let cost = per_row(start.elapsed().as_secs_f64(), rows);
    println!("{:<12}{:<24}{cost:>10.0}", 3, "built when opened");
    Ok(())
}
