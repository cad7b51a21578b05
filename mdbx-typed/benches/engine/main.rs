//! What the typed layer costs over its own engine: every statement next to the same work by hand.
//!
//! `cargo bench -p mdbx-typed --bench engine [ROWS] [NAME]` prints nanoseconds for each statement, of both sides, their
//! difference and their ratio. The two sides take turns, the one that begins changing; the times are the best of
//! all turns, and the ratio is the median of those of the turns, so that a busy machine disturbs little.
//!
//! Both sides work on copies of one file. `by_hand` is what a program would write with `mdbx-core`, bincode and
//! buffers that it reuses, and nothing else: it checks no key length and no unique value but that of the primary key.
//! In the end both files are compared, entry by entry.

mod by_hand;
mod rows;

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use mdbx_core::{Env, EnvOptions};
use mdbx_typed::prelude::*;
use mdbx_typed::{Geometry, OwnedTable, Schema};

use by_hand::{Hand, Tables};
use rows::{Borrowing, Five, Indexed, One, Three, Tick, Two, Unique, Zero, scatter, unique};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const TURNS: usize = 15;

/// How many statements a turn has.
const STATEMENTS: u64 = 10_000;

/// How long one turn took, and a number that both sides must come to.
type Turn = (Duration, u64);

fn main() -> Result<()> {
    let rows = std::env::args().find_map(|arg| arg.parse().ok());
    let rows: u64 = rows.unwrap_or(100_000);
    let directory = tempfile::tempdir()?;
    let (ours, copy) = (
        directory.path().join("typed"),
        directory.path().join("by-hand"),
    );
    let schema = schema![Tick, Borrowing, Zero, One, Two, Three, Five, Unique];
    let db = open(&ours, schema)?;
    fill(&db, rows)?;
    drop(db);
    std::fs::copy(&ours, &copy)?;

    let (db, env) = (open(&ours, schema)?, options().open(&copy)?);
    println!(
        "{rows} rows in each table, {STATEMENTS} statements a turn, {TURNS} turns; nanoseconds for each statement"
    );
    println!(
        "{:<44} {:>8} {:>8} {:>8} {:>7}",
        "", "typed", "by hand", "more", "ratio"
    );
    reads(&db, &env, rows)?;
    inserts(&db, &env, rows)?;
    changes(&db, &env, rows)?;
    leave_the_same(&db, &env, rows)?;
    drop((db, env));
    assert_same_entries(&options().open(&ours)?, &options().open(&copy)?)
}

fn geometry() -> Geometry {
    Geometry::default().upper(4 << 30)
}

fn open(path: &Path, schema: &Schema) -> Result<Database> {
    Ok(Database::builder()
        .geometry(geometry())
        .open(path, schema)?)
}

fn options() -> EnvOptions {
    Env::options().geometry(geometry())
}

fn fill(db: &Database, rows: u64) -> Result<()> {
    db.try_write(|tx| {
        for n in 0..rows {
            tx.insert(&Tick::sample(n))?;
            let zero = Zero::sample(unique(n));
            tx.insert(&Borrowing::of(&zero))?;
            tx.insert(&zero)?;
            tx.insert(&One::sample(unique(n)))?;
            tx.insert(&Two::sample(unique(n)))?;
            tx.insert(&Three::sample(unique(n)))?;
            tx.insert(&Five::sample(unique(n)))?;
            tx.insert(&Unique::sample(unique(n)))?;
        }
        Ok(())
    })
}

/// Times what `work` makes of `STATEMENTS` numbers, which it adds up.
fn timed(mut work: impl FnMut(u64) -> Result<u64>) -> Result<Turn> {
    let start = Instant::now();
    let mut sum = 0u64;
    for n in 0..STATEMENTS {
        sum = sum.wrapping_add(work(n)?);
    }
    Ok((start.elapsed(), sum))
}

/// Prints what both sides take.
///
/// It is left out if the program was called for statements of another name.
fn compare(
    name: &str,
    mut typed: impl FnMut() -> Result<Turn>,
    mut by_hand: impl FnMut() -> Result<Turn>,
) -> Result<()> {
    if !is_asked_for(name) {
        return Ok(());
    }
    let (mut best, mut best_by_hand) = (f64::INFINITY, f64::INFINITY);
    let mut ratios = Vec::new();
    for turn in 0..TURNS {
        let ((one, sum), (other, same)) = if turn % 2 == 0 {
            let first = typed()?;
            (first, by_hand()?)
        } else {
            let first = by_hand()?;
            (typed()?, first)
        };
        assert_eq!(sum, same, "{name}");
        best = best.min(each(one));
        best_by_hand = best_by_hand.min(each(other));
        ratios.push(each(one) / each(other));
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "{name:<44} {best:>8.1} {best_by_hand:>8.1} {:>8.1} {:>7.2}",
        best - best_by_hand,
        ratios[TURNS / 2]
    );
    Ok(())
}

fn is_asked_for(name: &str) -> bool {
    let mut names = std::env::args()
        .skip(1)
        .filter(|arg| arg.starts_with(char::is_alphabetic));
    names.next().is_none_or(|part| name.contains(&part))
}

#[expect(clippy::cast_precision_loss, reason = "a count of statements is small")]
fn each(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9 / STATEMENTS as f64
}

fn reads(db: &Database, env: &Env, rows: u64) -> Result<()> {
    let (tx, txn) = (db.read()?, env.read()?);
    for (name, few) in [("get, plain row, few keys", 1000), ("get, plain row", rows)] {
        let ticks = txn.open_table("tick")?;
        compare(
            name,
            || {
                timed(|n| {
                    let tick = tx.get::<Tick>(scatter(n) % few)?;
                    Ok(tick.map_or(0, |tick| black_box(tick).price.get()))
                })
            },
            || {
                timed(|n| {
                    let key = (scatter(n) % few).to_be_bytes();
                    let bytes = txn.get(ticks, black_box(&key))?;
                    Ok(bytes.map_or(0, |bytes| by_hand::price_of(black_box(bytes))))
                })
            },
        )?;
    }
    let borrowing = txn.open_table("borrowing")?;
    compare(
        "get, borrowed row",
        || {
            timed(|n| {
                let row = tx.get::<Borrowing<'_>>(unique(scatter(n) % rows))?;
                Ok(row.map_or(0, |row| black_box(row).sum()))
            })
        },
        || {
            timed(|n| {
                let row =
                    by_hand::get::<Borrowing<'_>>(&txn, borrowing, unique(scatter(n) % rows))?;
                Ok(row.map_or(0, |row| black_box(row).sum()))
            })
        },
    )?;
    let zero = txn.open_table("zero")?;
    compare(
        "get, owned row",
        || {
            timed(|n| {
                let row = tx.get::<Zero>(unique(scatter(n) % rows))?;
                Ok(row.map_or(0, |row| black_box(row).sum()))
            })
        },
        || {
            timed(|n| {
                let row = by_hand::get::<Zero>(&txn, zero, unique(scatter(n) % rows))?;
                Ok(row.map_or(0, |row| black_box(row).sum()))
            })
        },
    )?;
    let unique_rows = txn.open_table("unique")?;
    let by_email = txn.open_table("unique.by_email")?;
    let emails: Vec<String> = (0..STATEMENTS)
        .map(|n| rows::email(unique(scatter(n) % rows)))
        .collect();
    compare(
        "get_by, unique index, owned row",
        || {
            let mut emails = emails.iter();
            timed(|_| {
                let row = tx.get_by(unique::by_email, emails.next().map_or("", |e| e))?;
                Ok(row.map_or(0, |row| black_box(row).sum()))
            })
        },
        || {
            let mut emails = emails.iter();
            timed(|_| {
                let email = emails.next().map_or("", |e| e);
                let row = by_hand::get_by::<Unique>(&txn, by_email, unique_rows, email)?;
                Ok(row.map_or(0, |row| black_box(row).sum()))
            })
        },
    )
}

/// Adds rows in a transaction that is dropped then, so that no turn meets the rows of the one before.
fn insert<R: Indexed + OwnedTable>(
    name: &str,
    db: &Database,
    env: &Env,
    ids: impl Fn(u64) -> u64,
) -> Result<()> {
    let rows: Vec<R> = (0..STATEMENTS).map(|n| R::sample(ids(n))).collect();
    compare(
        name,
        || {
            let mut tx = db.begin_write()?;
            let mut rows = rows.iter();
            timed(|n| {
                rows.next().map_or(Ok(()), |row| tx.insert(row))?;
                Ok(n)
            })
        },
        || {
            let mut txn = env.write()?;
            let tables = Tables::open::<R>(&txn)?;
            let (mut rows, mut hand) = (rows.iter(), Hand::default());
            timed(|n| {
                rows.next()
                    .map_or(Ok(()), |row| hand.insert(&mut txn, &tables, row))?;
                Ok(n)
            })
        },
    )
}

fn inserts(db: &Database, env: &Env, rows: u64) -> Result<()> {
    let scattered = |n| unique(n + rows);
    insert::<Zero>("insert, no index", db, env, scattered)?;
    insert::<One>("insert, 1 index", db, env, scattered)?;
    insert::<Two>("insert, 2 indexes", db, env, scattered)?;
    insert::<Three>("insert, 3 indexes", db, env, scattered)?;
    insert::<Five>("insert, 5 indexes", db, env, scattered)?;
    insert::<Unique>("insert, 1 unique index", db, env, scattered)?;
    let last = |n| u64::MAX / 2 + n;
    insert::<Zero>("insert after the last key, no index", db, env, last)?;
    insert::<Three>("insert after the last key, 3 indexes", db, env, last)
}

fn changes(db: &Database, env: &Env, rows: u64) -> Result<()> {
    let id = |n| unique(scatter(n) % rows);
    update(
        "update of no indexed field, 3 indexes",
        db,
        env,
        id,
        |row| row.note.swap(0, 1),
    )?;
    update(
        "update of one indexed field, 3 indexes",
        db,
        env,
        id,
        |row| row.age ^= 1,
    )?;
    compare(
        "delete, 3 indexes",
        || {
            let mut tx = db.begin_write()?;
            timed(|n| Ok(tx.delete::<Three>(unique(n))?.into()))
        },
        || {
            let mut txn = env.write()?;
            let tables = Tables::open::<Three>(&txn)?;
            let mut hand = Hand::default();
            timed(|n| Ok(hand.delete::<Three>(&mut txn, &tables, unique(n))?.into()))
        },
    )
}

fn update(
    name: &str,
    db: &Database,
    env: &Env,
    id: impl Fn(u64) -> u64,
    change: impl Fn(&mut Three),
) -> Result<()> {
    compare(
        name,
        || {
            let mut tx = db.begin_write()?;
            timed(|n| Ok(tx.update::<Three>(id(n), &change)?.into()))
        },
        || {
            let mut txn = env.write()?;
            let tables = Tables::open::<Three>(&txn)?;
            let mut hand = Hand::default();
            timed(|n| Ok(hand.update(&mut txn, &tables, id(n), &change)?.into()))
        },
    )
}

/// Does on both sides the same, and keeps it.
fn leave_the_same(db: &Database, env: &Env, rows: u64) -> Result<()> {
    let change = |row: &mut Three| row.age = 7;
    let mut tx = db.begin_write()?;
    let mut txn = env.write()?;
    let mut hand = Hand::default();
    let (three, five) = (Tables::open::<Three>(&txn)?, Tables::open::<Five>(&txn)?);
    for n in rows..rows + 1000 {
        tx.insert(&Five::sample(unique(n)))?;
        hand.insert(&mut txn, &five, &Five::sample(unique(n)))?;
        tx.update::<Three>(unique(n - rows), change)?;
        hand.update(&mut txn, &three, unique(n - rows), change)?;
        tx.delete::<Three>(unique(n - rows / 2))?;
        hand.delete::<Three>(&mut txn, &three, unique(n - rows / 2))?;
    }
    tx.commit()?;
    txn.commit()?;
    Ok(())
}

fn assert_same_entries(one: &Env, other: &Env) -> Result<()> {
    let (one, other) = (one.read()?, other.read()?);
    let tables = one.tables()?;
    assert_eq!(tables, other.tables()?);
    for (name, _) in tables {
        let mut entries = one.table(one.open_table(&name)?)?.iter();
        let mut others = other.table(other.open_table(&name)?)?.iter();
        loop {
            let (entry, same) = (entries.next().transpose()?, others.next().transpose()?);
            assert_eq!(entry, same, "{}", String::from_utf8_lossy(&name));
            if entry.is_none() {
                break;
            }
        }
    }
    Ok(())
}
