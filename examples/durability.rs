//! Measures how many small transactions a second can be committed in each mode of durability.
//!
//! ```text
//! cargo run --release --example durability -- [DIRECTORY]
//! ```
//!
//! What counts is the disk under the directory, which is the present one if none is given. The modes take turns, so
//! that a disk that is busy for a while is so for all of them.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mdbx_core::{Durability, Env, Geometry, Table};

const MODES: [Durability; 4] = [
    Durability::Durable,
    Durability::SingleSync,
    Durability::NoMetaSync,
    Durability::SafeNoSync,
];
const ROUNDS: usize = 9;
const ROUND: Duration = Duration::from_millis(700);
const ITEMS: u64 = 100_000;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args_os()
        .nth(1)
        .map_or_else(|| PathBuf::from("."), PathBuf::from);
    let directory = tempfile::tempdir_in(directory)?;
    let environments: Vec<Env> = MODES
        .iter()
        .map(|&mode| prepare(mode, &directory.path().join(format!("{mode:?}.mdbx"))))
        .collect::<Result<_, _>>()?;
    let mut rates = vec![Vec::new(); MODES.len()];
    for round in 0..ROUNDS {
        for (env, rates) in environments.iter().zip(&mut rates) {
            rates.push(commits_per_second(env, round as u64)?);
        }
    }
    let medians: Vec<f64> = rates.into_iter().map(median).collect();
    println!("one changed item of 100 bytes a commit, {ITEMS} items, median of {ROUNDS} rounds");
    for (mode, rate) in MODES.iter().zip(&medians) {
        let ratio = rate / medians[0];
        println!(
            "{:<12} {rate:>9.0} commits/s  {ratio:>6.2} times Durable",
            format!("{mode:?}")
        );
    }
    Ok(())
}

/// Creates a database with items to change.
fn prepare(mode: Durability, path: &Path) -> Result<Env, Box<dyn Error>> {
    let geometry = Geometry::default().lower(64 << 20);
    let env = Env::options().geometry(geometry).open(path)?;
    let mut txn = env.write()?;
    for number in 0..ITEMS {
        txn.put(Table::MAIN, &number.to_be_bytes(), &[7; 100])?;
    }
    txn.commit()?;
    env.set_durability(mode)?;
    Ok(env)
}

fn commits_per_second(env: &Env, round: u64) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    let mut commits = 0_u32;
    while start.elapsed() < ROUND {
        let number =
            (u64::from(commits) + round * 1009).wrapping_mul(0x9E37_79B9_7F4A_7C15) % ITEMS;
        let mut txn = env.write()?;
        txn.put(Table::MAIN, &number.to_be_bytes(), &[8; 100])?;
        txn.commit()?;
        commits += 1;
    }
    Ok(f64::from(commits) / start.elapsed().as_secs_f64())
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
