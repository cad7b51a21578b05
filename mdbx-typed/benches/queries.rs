//! What queries cost: rows by an index, counts, two queries together, joins, and removals.
//!
//! `cargo bench -p mdbx-typed --bench queries [ROWS]` prints nanoseconds for each result, the best of several runs, and
//! the ratio to what a program would write without the query in question.

use std::hint::black_box;
use std::time::Instant;

use mdbx_typed::prelude::*;
use mdbx_typed::{Geometry, Result};
use serde::{Deserialize, Serialize};

const RUNS: usize = 5;

#[derive(Table, Serialize, Deserialize)]
struct Part {
    #[key]
    id: u64,
    /// In no relation to the key, so that its rows lie all over the file.
    #[index]
    weight: u32,
    #[index]
    color: u8,
    #[index]
    shape: u8,
    name: String,
    text: String,
}

#[derive(Table, Serialize, Deserialize)]
struct Order {
    #[key]
    id: u64,
    part: u64,
}

/// A generator of numbers (splitmix64).
fn scatter(n: u64) -> u64 {
    let mut z = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn low<T: TryFrom<u64>>(n: u64, end: u64) -> T {
    T::try_from(n % end).unwrap_or_else(|_| unreachable!("`end` fits"))
}

fn fill(db: &Database, rows: u64) -> Result<()> {
    db.write(|tx| {
        for id in 0..rows {
            let random = scatter(id);
            tx.insert(&Part {
                id,
                weight: low(random, 1 << 30),
                color: low(random >> 32, 20),
                shape: low(random >> 40, 200),
                name: format!("part {id}"),
                text: "what there is to say of it".repeat(3),
            })?;
        }
        for id in 0..rows / 10 {
            let part = scatter(id ^ 0xFFFF) % rows;
            tx.insert(&Order { id, part })?;
        }
        Ok(())
    })
}

/// Returns the nanoseconds for each result, and how many there are.
fn time(mut run: impl FnMut() -> Result<u64>) -> Result<(f64, u64)> {
    let (mut best, mut count) = (f64::INFINITY, 0);
    for _ in 0..RUNS {
        let start = Instant::now();
        count = run()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of rows is small")]
    Ok((best * 1e9 / count.max(1) as f64, count))
}

/// Prints what a query costs, and the alternative.
fn compare(
    name: &str,
    query: impl FnMut() -> Result<u64>,
    by_hand: impl FnMut() -> Result<u64>,
) -> Result<()> {
    let (one, count) = time(query)?;
    let (other, same) = time(by_hand)?;
    assert_eq!(count, same, "{name}");
    println!(
        "{name:<58} {count:>8} {one:>10.2} {other:>10.2} {:>9.2}",
        other / one
    );
    Ok(())
}

fn main() -> Result<()> {
    let rows = std::env::args().find_map(|arg| arg.parse().ok());
    let rows = rows.unwrap_or(1_000_000);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let geometry = Geometry::default().upper(4 << 30);
    let db = Database::builder().geometry(geometry);
    let db = db.open(directory.path().join("bench.mdbx"), schema![Part, Order])?;
    fill(&db, rows)?;
    let tx = db.read()?;
    println!(
        "{:<58} {:>8} {:>10} {:>10} {:>9}",
        "", "results", "ns each", "by hand", "ratio"
    );
    rows_and_counts(&tx, rows)?;
    merges_and_joins(&tx, rows)?;
    drop(tx);
    removals(&db, rows)
}

fn rows_and_counts(tx: &ReadTxn<'_>, rows: u64) -> Result<()> {
    let scanned = (rows / 5).min(200_000);
    let limit = usize::try_from(scanned).unwrap_or(usize::MAX);
    compare(
        "rows in the order of an index | ids, then get",
        || {
            tx.by(part::by_weight)
                .limit(limit)
                .rows()
                .try_fold(0, |n, row| black_box(row).map(|_| n + 1))
        },
        || {
            let mut ids = tx.by(part::by_weight).limit(limit).ids();
            ids.try_fold(0, |n, id| black_box(tx.get::<Part>(id?)).map(|_| n + 1))
        },
    )?;
    compare(
        "first row of an index, one at a time | ids, then get",
        || {
            let first = |n| {
                tx.by(part::by_weight)
                    .range(low::<u32>(scatter(n), 1 << 29)..)
                    .first()
            };
            (0..20_000).try_fold(0, |n, i| black_box(first(i)).map(|_| n + 1))
        },
        || {
            let first = |n| {
                tx.by(part::by_weight)
                    .range(low::<u32>(scatter(n), 1 << 29)..)
                    .ids()
                    .next()
            };
            (0..20_000).try_fold(0, |n, i| {
                let id = first(i).transpose()?;
                black_box(id.map(|id| tx.get::<Part>(id)).transpose()).map(|_| n + 1)
            })
        },
    )?;
    compare(
        "count of half an index | counting its entries",
        || tx.by(part::by_weight).range(..1 << 29).count(),
        || Ok(tx.by(part::by_weight).range(..1 << 29).ids().count() as u64),
    )?;
    compare(
        "count of half the rows | counting them",
        || tx.by(part::primary).range(..rows / 2).count(),
        || Ok(tx.by(part::primary).range(..rows / 2).ids().count() as u64),
    )?;
    compare(
        "count of one key | counting its entries",
        || tx.by(part::by_color).eq(3).count(),
        || Ok(tx.by(part::by_color).eq(3).ids().count() as u64),
    )
}

fn merges_and_joins(tx: &ReadTxn<'_>, rows: u64) -> Result<()> {
    use std::collections::HashSet;
    let color = |color| tx.by(part::by_color).eq(color);
    let shape = |shape| tx.by(part::by_shape).eq(shape);
    compare(
        "ids of two keys: and | a set of each",
        || Ok(color(3).and(shape(7)).ids().count() as u64),
        || {
            let one: HashSet<u64> = color(3).ids().collect::<Result<_>>()?;
            let other: HashSet<u64> = shape(7).ids().collect::<Result<_>>()?;
            Ok(one.intersection(&other).count() as u64)
        },
    )?;
    compare(
        "rows of two keys: and | rows of one, filtered",
        || {
            color(3)
                .and(shape(7))
                .rows()
                .try_fold(0, |n, row| black_box(row).map(|_| n + 1))
        },
        || {
            let rows = shape(7)
                .rows()
                .filter(|row| row.as_ref().is_ok_and(|row| row.color == 3));
            Ok(rows.count() as u64)
        },
    )?;
    compare(
        "ids of two keys: or | a set of both",
        || Ok(color(3).or(color(4)).ids().count() as u64),
        || {
            let both: HashSet<u64> = color(3)
                .ids()
                .chain(color(4).ids())
                .collect::<Result<_>>()?;
            Ok(both.len() as u64)
        },
    )?;
    compare(
        "first ten ids of two keys: and | sets",
        || Ok(color(3).and(shape(7)).limit(10).ids().count() as u64),
        || {
            let one: HashSet<u64> = color(3).ids().collect::<Result<_>>()?;
            let other: HashSet<u64> = shape(7).ids().collect::<Result<_>>()?;
            let mut both: Vec<&u64> = one.intersection(&other).collect();
            both.sort_unstable();
            Ok(both.len().min(10) as u64)
        },
    )?;
    compare(
        "join to the primary key | get for each row",
        || {
            let mut pairs = tx
                .by(order::primary)
                .join(part::primary, |order| order.part);
            pairs.try_fold(0, |n, pair| black_box(pair).map(|_| n + 1))
        },
        || {
            let mut orders = tx.by(order::primary).rows();
            orders.try_fold(0, |n, order| {
                black_box(tx.get::<Part>(order?.part)).map(|_| n + 1)
            })
        },
    )?;
    let few = usize::try_from(rows / 100).unwrap_or(usize::MAX);
    compare(
        "join to an index | a query for each row",
        || {
            let orders = tx.by(order::primary).limit(few);
            let mut pairs = orders.join(part::by_weight, |order| low(scatter(order.part), 1 << 30));
            pairs.try_fold(0, |n, pair| black_box(pair).map(|_| n + 1))
        },
        || {
            let mut count = 0;
            for order in tx.by(order::primary).limit(few).rows() {
                let weight = low(scatter(order?.part), 1 << 30);
                for part in tx.by(part::by_weight).eq(weight).rows() {
                    black_box(part?);
                    count += 1;
                }
            }
            Ok(count)
        },
    )
}

fn removals(db: &Database, rows: u64) -> Result<()> {
    let mut from = 0;
    let step = rows / 100;
    let mut next = || {
        from += step;
        from - step
    };
    let (one, count) = time(|| {
        let from = next();
        let mut tx = db.begin_write()?;
        let count = tx.delete_range(part::primary, from..from + step)?;
        tx.abort();
        Ok(count)
    })?;
    let (other, _) = time(|| {
        let from = next();
        let mut tx = db.begin_write()?;
        for id in from..from + step {
            tx.delete::<Part>(id)?;
        }
        tx.abort();
        Ok(step)
    })?;
    let name = "delete_range | delete of each key";
    println!(
        "{name:<58} {count:>8} {one:>10.2} {other:>10.2} {:>9.2}",
        other / one
    );
    Ok(())
}
