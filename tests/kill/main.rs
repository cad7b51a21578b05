//! Kills a process that commits, over and over, and looks whether the file holds what was acknowledged.
//!
//! `cargo test --test kill` does some rounds; `MDBX_KILL_ROUNDS=5000 cargo test --release --test kill` does as many as
//! that. `MDBX_SEED` sets what the changes and the moments depend on, though when exactly a process dies is up to the
//! machine.
//!
//! In a round, a process opens the file that all rounds before have left, proves it, and commits without end; it
//! reports each commit after it has returned. After a random number of them and a random while it gets a SIGKILL. Then
//! the file must hold exactly what the commits make of it up to the last one reported or, as that may be there too, the
//! one after it. Every second time, this process opens the file, checks all of it and compares each item to a model;
//! otherwise the next victim is the first to open it.
//!
//! | file | its job |
//! | --- | --- |
//! | `victim` | the process that is killed |
//! | `series` | the rounds on one file |
//! | `birth` | kills while the file is created |
#![expect(
    clippy::unwrap_used,
    reason = "it is all test; without the test harness clippy takes it for none"
)]

mod birth;
#[path = "../chain/mod.rs"]
mod chain;
#[path = "../common/mod.rs"]
mod common;
mod series;
mod victim;

use mdbx_core::PageSize;

use crate::chain::modes::MODES;
use crate::chain::process::play;
use crate::common::{Rng, number_from_env};
use crate::series::Series;

fn main() {
    play(|part, _| victim::play(part));
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--list") || !is_meant(&words) {
        return;
    }
    let rounds = number_from_env(
        "MDBX_KILL_ROUNDS",
        if cfg!(debug_assertions) { 88 } else { 440 },
    );
    let mut rng = Rng::new(41);
    println!("{rounds} rounds, MDBX_SEED={}", rng.seed());
    let page_sizes = [PageSize::MIN, PageSize::DEFAULT];
    let modes = (0..MODES.len()).map(Some).chain([None]);
    let files = ((MODES.len() + 1) * page_sizes.len()) as u64;
    for mode in modes {
        for page_size in page_sizes {
            let mut series = Series::new(rng.next(), page_size, mode);
            for _ in 0..rounds.div_ceil(files) {
                series.round(&mut rng);
            }
            println!("{}", series.end(&mut rng));
        }
    }
    println!("{}", birth::kill_while_created(&mut rng, rounds / 4));
}

/// Whether words that select tests select this one.
fn is_meant(words: &[String]) -> bool {
    let mut words = words
        .iter()
        .filter(|word| !word.starts_with('-'))
        .peekable();
    words.peek().is_none() || words.any(|word| "kill".contains(word.as_str()))
}
