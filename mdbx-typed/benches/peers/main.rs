//! The typed layer beside other embedded stores: the same table, the same work, the same durability.
//!
//! `cargo bench -p mdbx-typed --bench peers [ROWS] [STORE...]` prints microseconds for each row, and in brackets what
//! ours takes for one of theirs: below 1 ours is ahead. The stores take turns after each transaction, and the times are
//! medians of all transactions of one kind, so that a busy disk disturbs all of them, and little.
//!
//! The table has 8 fields of about 120 bytes together, an integer key, a unique index of a text and an index of an
//! integer that is not unique. Every transaction that changes something is durable when its commit returns:
//!
//! - `ours`: the defaults of `mdbx-typed`; a statement that is refused changes nothing. A commit waits for the disk
//!   twice, as that of LMDB does; those of the others wait once.
//! - `single-sync`: ours with `Durability::SingleSync`, which waits once.
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
use std::path::Path;
use std::time::Instant;

use mdbx_typed::Table;
use serde::{Deserialize, Serialize};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How many rows a transaction changes, or reads by their keys.
const BATCH: usize = 1000;

/// How many rows are read by their keys, how many ranges are, and how many transactions change one row.
const READS: u64 = 100_000;
const RANGES: usize = 1000;
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

const STORES: [(&str, Open); 6] = [
    ("ours", ours::open),
    ("single-sync", ours::open_single_sync),
    ("native_db", by_native_db::open),
    ("redb", by_redb::open),
    ("heed", by_heed::open),
    ("rusqlite", by_rusqlite::open),
];

const INSERT: &str = "insert, keys in no order";
const INSERT_IN_ORDER: &str = "insert, keys in order";
const GET: &str = "get by key";
const GET_BY: &str = "get by unique index";
const RANGE: &str = "range by index, of 100 rows";
const UPDATE: &str = "update of an indexed field";
const DELETE: &str = "delete";
const UPDATE_ONE: &str = "update, one row a commit";
const INSERT_ONE: &str = "insert, one row a commit";

const WORK: [&str; 9] = [
    INSERT,
    INSERT_IN_ORDER,
    GET,
    GET_BY,
    RANGE,
    UPDATE,
    DELETE,
    UPDATE_ONE,
    INSERT_ONE,
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
            starts: some(3).take(RANGES).map(|n| low(n, ages)).collect(),
            changes: (0..rows / 2).map(change).collect(),
            single_changes: (0..SINGLE).map(|n| change(rows / 2 + n)).collect(),
            single_rows: (rows..rows + SINGLE).map(user).collect(),
        }
    }
}

/// A store and how long its transactions took, in microseconds a row, in the order of `WORK`.
struct Store {
    name: &'static str,
    open: Open,
    times: [Vec<f64>; WORK.len()],
}

impl Store {
    /// Returns the median of the times.
    fn median(&self, work: usize) -> f64 {
        let mut times = self.times[work].clone();
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

/// The stores with a new file each.
struct Opened<'s> {
    stores: &'s mut [Store],
    peers: Vec<Box<dyn Peer>>,
    _directory: tempfile::TempDir,
}

impl<'s> Opened<'s> {
    fn new(stores: &'s mut [Store]) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let open = |store: &Store| (store.open)(&directory.path().join(store.name));
        let peers = stores.iter().map(open).collect::<Result<_>>()?;
        Ok(Opened {
            stores,
            peers,
            _directory: directory,
        })
    }

    /// Does a piece of work in transactions of so many items each, each of them in one store after the other.
    fn take<T>(
        &mut self,
        work: &str,
        items: &[T],
        batch: usize,
        act: impl Fn(&mut dyn Peer, &[T]) -> Result<u64>,
    ) -> Result<()> {
        let work = WORK.iter().position(|name| *name == work);
        let work = work.expect("all work has a line");
        let count = self.peers.len();
        for (turn, batch) in items.chunks(batch).enumerate() {
            let mut sums = Vec::new();
            for at in (turn..turn + count).map(|at| at % count) {
                let start = Instant::now();
                let sum = act(self.peers[at].as_mut(), batch);
                let time = start.elapsed().as_secs_f64() * 1e6;
                let store = &mut self.stores[at];
                sums.push(sum.map_err(|error| format!("{}: {error}", store.name))?);
                #[expect(clippy::cast_precision_loss, reason = "a count of rows is small")]
                store.times[work].push(time / batch.len() as f64);
            }
            assert!(
                sums.iter().all(|sum| *sum == sums[0]),
                "the stores returned different rows: {sums:?}"
            );
        }
        Ok(())
    }

    fn reads(&mut self, plan: &Plan) -> Result<()> {
        self.take(GET, &plan.ids, BATCH, |peer, ids| peer.get(ids))?;
        self.take(GET_BY, &plan.emails, BATCH, |peer, emails| {
            peer.get_by_email(emails)
        })?;
        self.take(RANGE, &plan.starts, 10, |peer, starts| {
            peer.range_by_age(starts)
        })
    }
}

fn run(stores: &mut [Store], plan: &Plan) -> Result<()> {
    let insert = |peer: &mut dyn Peer, rows: &[User]| peer.insert(rows).map(|()| 0);
    let update = |peer: &mut dyn Peer, changes: &[(u64, u32)]| peer.update_age(changes).map(|()| 0);
    Opened::new(stores)?.take(INSERT_IN_ORDER, &plan.sorted, BATCH, insert)?;
    let mut opened = Opened::new(stores)?;
    opened.take(INSERT, &plan.rows, BATCH, insert)?;
    opened.reads(plan)?;
    opened.take(UPDATE, &plan.changes, BATCH, update)?;
    opened.take(UPDATE_ONE, &plan.single_changes, 1, update)?;
    opened.take(INSERT_ONE, &plan.single_rows, 1, insert)?;
    opened.reads(plan)?;
    let gone: Vec<u64> = plan.changes.iter().map(|(id, _)| *id).collect();
    opened.take(DELETE, &gone, BATCH, |peer, ids| {
        peer.delete(ids).map(|()| 0)
    })?;
    let ages: Vec<u32> = (0..100).map(|age| age * SPAN).collect();
    opened.take(RANGE, &ages, 10, |peer, starts| peer.range_by_age(starts))
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
    let mut stores: Vec<Store> = STORES
        .into_iter()
        .filter(|(name, _)| is_asked_for(name))
        .map(|(name, open)| Store {
            name,
            open,
            times: Default::default(),
        })
        .collect();
    run(&mut stores, &plan)?;
    println!(
        "{rows} rows, {BATCH} a transaction; microseconds for each row or range (ours / theirs)"
    );
    print!("{:<30}", "");
    for store in &stores {
        print!("{:>17}", store.name);
    }
    println!();
    for (at, work) in WORK.iter().enumerate() {
        let ours = stores[0].median(at);
        print!("{work:<30}{ours:>17.2}");
        for store in &stores[1..] {
            let theirs = store.median(at);
            print!("{:>17}", format!("{theirs:.2} ({:.2})", ours / theirs));
        }
        println!();
    }
    Ok(())
}
