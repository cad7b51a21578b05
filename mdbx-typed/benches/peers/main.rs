//! The typed layer beside other embedded stores: the same table, the same work, the same durability.
//!
//! `cargo bench -p mdbx-typed --bench peers [ROWS] [STORE...]` prints microseconds for each row, the best of several
//! rounds in which the stores take turns, and in brackets what ours takes for one of theirs: below 1 ours is ahead.
//!
//! The table has 8 fields of about 120 bytes together, an integer key, a unique index of a text and an index of an
//! integer that is not unique. Every transaction that changes something is durable when its commit returns:
//!
//! - `ours`: the defaults of `mdbx-typed`; a statement that is refused changes nothing.
//! - `native_db`: its defaults; it is built on an older redb, and stores rows with bincode, too.
//! - `redb`: its defaults, `Durability::Immediate`; rows with bincode, indexes by hand.
//! - `heed`: the defaults of LMDB, which syncs at each commit; rows with bincode, indexes by hand.
//! - `rusqlite`: `journal_mode = WAL` with `synchronous = FULL`; prepared statements, indexes of its own.
//!
//! By hand means: a table for each index, changed in the transaction that changes the rows; a key that is taken is
//! noticed by what the put returns, and is an error that drops the transaction. All stores return whole rows of the
//! same struct, and their sums must be equal.

mod by_heed;
mod by_native_db;
mod by_redb;
mod by_rusqlite;
mod ours;

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use mdbx_typed::Table;
use serde::{Deserialize, Serialize};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const ROUNDS: usize = 3;

/// How many rows a transaction changes.
const BATCH: usize = 1000;

/// How many rows are read in a round, and how many transactions change one row.
const READS: u64 = 20_000;
const SINGLE: u64 = 200;

/// How many values of `age` a range spans, and about how many rows have each.
const SPAN: u32 = 10;
const ROWS_OF_AGE: u64 = 10;

/// A row of the table.
#[derive(Table, Serialize, Deserialize, Clone, PartialEq, Debug)]
struct User {
    #[key]
    id: u64,
    #[index(unique)]
    email: String,
    name: String,
    country: String,
    #[index]
    age: u32,
    score: f64,
    note: Vec<u8>,
    serial: u64,
}

/// A store with the table of users. Each call is one transaction; a row that is not there is an error.
trait Peer {
    fn insert(&mut self, rows: &[User]) -> Result<()>;
    /// Returns the sum of the rows with these keys.
    fn get(&mut self, ids: &[u64]) -> Result<u64>;
    /// Returns the sum of the rows with these e-mail addresses.
    fn get_by_email(&mut self, emails: &[String]) -> Result<u64>;
    /// Returns the sum of the rows with ages in the ranges of `SPAN` from each of these on.
    fn range_by_age(&mut self, starts: &[u32]) -> Result<u64>;
    /// Gives the rows new ages.
    fn update_age(&mut self, changes: &[(u64, u32)]) -> Result<()>;
    fn delete(&mut self, ids: &[u64]) -> Result<()>;
}

type Open = fn(&Path) -> Result<Box<dyn Peer>>;

const STORES: [(&str, Open); 5] = [
    ("ours", ours::open),
    ("native_db", by_native_db::open),
    ("redb", by_redb::open),
    ("heed", by_heed::open),
    ("rusqlite", by_rusqlite::open),
];

const WORK: [&str; 9] = [
    "insert, keys in no order",
    "insert, keys in order",
    "get by key",
    "get by unique index",
    "range by index, a row of 100",
    "update of an indexed field",
    "update, one row a commit",
    "delete",
    "insert, one row a commit",
];

impl User {
    fn sample(id: u64) -> Self {
        let random = scatter(id);
        User {
            id,
            email: format!("{:011x}@mail.org", random >> 20),
            name: format!("Person {:x}", random >> 44),
            country: ["DE", "FR", "IT", "PL"][low(random, 4) as usize].into(),
            age: 0,
            score: f64::from(low(random >> 16, 1000)),
            note: vec![b'.'; 50 + low(random >> 24, 20) as usize],
            serial: scatter(random) >> 2,
        }
    }

    /// Returns a number that all fields have a part in.
    fn sum(&self) -> u64 {
        let lens = self.email.len() + self.name.len() + self.country.len() + self.note.len();
        self.id ^ self.serial ^ u64::from(self.age) ^ lens as u64 ^ self.score.to_bits()
    }
}

/// Returns a number that looks random (splitmix64); different ones for different `n`.
fn scatter(n: u64) -> u64 {
    let mut z = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn low(n: u64, end: u32) -> u32 {
    u32::try_from(n % u64::from(end)).unwrap_or_else(|_| unreachable!("it is below `end`"))
}

/// What is done in a round, prepared beforehand.
struct Plan {
    /// In no order.
    rows: Vec<User>,
    sorted: Vec<User>,
    ids: Vec<u64>,
    emails: Vec<String>,
    starts: Vec<u32>,
    changes: Vec<(u64, u32)>,
    single_changes: Vec<(u64, u32)>,
    single_rows: Vec<User>,
}

impl Plan {
    fn new(rows: u64) -> Self {
        let ages = u32::try_from(rows / ROWS_OF_AGE).unwrap_or(u32::MAX).max(1);
        let id = |n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 2;
        let user = |n| User {
            age: low(scatter(n), ages),
            ..User::sample(id(n))
        };
        let some = |salt: u64| (0..READS).map(move |n| scatter(n ^ salt << 32) % rows);
        let change = |n| (id(n), low(scatter(n) >> 32, ages));
        let all: Vec<User> = (0..rows).map(user).collect();
        let mut sorted = all.clone();
        sorted.sort_unstable_by_key(|user| user.id);
        let emails = some(2).map(|n| User::sample(id(n)).email);
        Plan {
            rows: all,
            sorted,
            ids: some(1).map(id).collect(),
            emails: emails.collect(),
            starts: some(3).take(200).map(|n| low(n, ages)).collect(),
            changes: (0..rows / 5).map(change).collect(),
            single_changes: (0..SINGLE).map(|n| change(rows / 2 + n)).collect(),
            single_rows: (rows..rows + SINGLE).map(user).collect(),
        }
    }
}

/// The best times of a store, in microseconds a row, in the order of `WORK`, and the sums of its last round.
struct Times {
    best: [f64; WORK.len()],
    sums: Vec<u64>,
}

impl Default for Times {
    fn default() -> Self {
        Times {
            best: [f64::INFINITY; WORK.len()],
            sums: Vec::new(),
        }
    }
}

impl Times {
    /// Does `work` on so many rows.
    fn take(&mut self, name: &str, rows: usize, work: impl FnOnce() -> Result<u64>) -> Result<()> {
        let start = Instant::now();
        let sum = black_box(work()?);
        #[expect(clippy::cast_precision_loss, reason = "a count of rows is small")]
        let time = start.elapsed().as_secs_f64() * 1e6 / rows.max(1) as f64;
        let at = WORK.iter().position(|work| *work == name);
        let best = &mut self.best[at.expect("all work has a line")];
        *best = best.min(time);
        self.sums.push(sum);
        Ok(())
    }

    /// Does one round of all work in two new files.
    fn round(&mut self, open: Open, plan: &Plan) -> Result<()> {
        self.sums.clear();
        let directory = tempfile::tempdir()?;
        let mut peer = open(&directory.path().join("sorted"))?;
        self.take("insert, keys in order", plan.sorted.len(), || {
            in_batches(&plan.sorted, |rows| peer.insert(rows))
        })?;
        let mut peer = open(&directory.path().join("scattered"))?;
        self.take("insert, keys in no order", plan.rows.len(), || {
            in_batches(&plan.rows, |rows| peer.insert(rows))
        })?;
        for _ in 0..ROUNDS {
            self.reads(peer.as_mut(), plan)?;
        }
        self.take("update of an indexed field", plan.changes.len(), || {
            in_batches(&plan.changes, |changes| peer.update_age(changes))
        })?;
        self.take(
            "update, one row a commit",
            plan.single_changes.len(),
            || one_by_one(&plan.single_changes, |change| peer.update_age(change)),
        )?;
        self.reads(peer.as_mut(), plan)?;
        self.take("insert, one row a commit", plan.single_rows.len(), || {
            one_by_one(&plan.single_rows, |row| peer.insert(row))
        })?;
        let gone: Vec<u64> = plan.changes.iter().map(|(id, _)| *id).collect();
        self.take("delete", gone.len(), || {
            in_batches(&gone, |ids| peer.delete(ids))
        })?;
        let ages: Vec<u32> = (0..100).map(|age| age * SPAN).collect();
        self.sums.push(peer.range_by_age(&ages)?);
        Ok(())
    }

    fn reads(&mut self, peer: &mut dyn Peer, plan: &Plan) -> Result<()> {
        self.take("get by key", plan.ids.len(), || peer.get(&plan.ids))?;
        self.take("get by unique index", plan.emails.len(), || {
            peer.get_by_email(&plan.emails)
        })?;
        self.take(
            "range by index, a row of 100",
            plan.starts.len() * 100,
            || peer.range_by_age(&plan.starts),
        )
    }
}

fn in_batches<T>(items: &[T], mut work: impl FnMut(&[T]) -> Result<()>) -> Result<u64> {
    items.chunks(BATCH).try_for_each(&mut work).map(|()| 0)
}

fn one_by_one<T>(items: &[T], mut work: impl FnMut(&[T]) -> Result<()>) -> Result<u64> {
    items.chunks(1).try_for_each(&mut work).map(|()| 0)
}

/// Returns whether a store takes part: ours, and those that the program was called with, or all.
fn is_asked_for(store: &str) -> bool {
    let is_store = |name: &String| STORES.iter().any(|(store, _)| store == name);
    let names: Vec<String> = std::env::args().filter(is_store).collect();
    store == "ours" || names.is_empty() || names.iter().any(|name| name == store)
}

fn main() -> Result<()> {
    let rows = std::env::args().find_map(|arg| arg.parse().ok());
    let rows: u64 = rows.unwrap_or(100_000);
    let plan = Plan::new(rows);
    let mut stores: Vec<(&str, Open, Times)> = STORES
        .into_iter()
        .filter(|(name, _)| is_asked_for(name))
        .map(|(name, open)| (name, open, Times::default()))
        .collect();
    for _ in 0..ROUNDS {
        for (name, open, times) in &mut stores {
            times
                .round(*open, &plan)
                .map_err(|error| format!("{name}: {error}"))?;
        }
        for (name, _, times) in &stores {
            assert_eq!(times.sums, stores[0].2.sums, "{name} returned other rows");
        }
    }
    println!(
        "{rows} rows, {BATCH} a transaction, {ROUNDS} rounds; microseconds for each row (ours / theirs)"
    );
    print!("{:<30}", "");
    for (name, ..) in &stores {
        print!("{name:>17}");
    }
    println!();
    for (at, work) in WORK.iter().enumerate() {
        let ours = stores[0].2.best[at];
        print!("{work:<30}{ours:>17.2}");
        for (.., times) in &stores[1..] {
            let theirs = times.best[at];
            print!("{:>17}", format!("{theirs:.2} ({:.2})", ours / theirs));
        }
        println!();
    }
    Ok(())
}
