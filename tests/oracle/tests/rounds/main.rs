//! Random files: written by this library and by libmdbx, in turn, and after each turn read and checked by both.
//!
//! `MDBX_ORACLE_ROUNDS` says how many rounds there are (500), `MDBX_SEED` what they are made from, and
//! `MDBX_ORACLE_ONLY` the number of a single one to run. A round that fails is shortened and printed.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

#[path = "../../../common/mod.rs"]
mod common;
mod compare;
mod content;
mod engines;
mod plan;
mod round;

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{Rng, number_from_env};
use compare::Tally;
use content::{Spec, all_kinds, flags_in_c};
use engines::{Outcome, file_in};
use mdbx_core::{Env, PageSize, Table};
use mdbx_oracle::c;
use plan::{Kinds, Plan, Shape, shortest_failing};
use round::run;

/// Does a round; returns what is wrong as text, also when it is a panic.
fn attempt(plan: &Plan, label: &str) -> Result<Tally, String> {
    let outcome = catch_unwind(AssertUnwindSafe(|| run(plan, label)));
    match outcome {
        Ok(outcome) => outcome.map_err(|error| error.to_string()),
        Err(_) => Err("a panic, which has said why".to_owned()),
    }
}

/// Returns the kinds of tables that this library can create, and those it can change when they are the main table.
fn usable_kinds() -> Outcome<Kinds> {
    let mut kinds = Kinds {
        named: Vec::new(),
        main: Vec::new(),
    };
    for flags in all_kinds() {
        let mut rng = Rng::with_seed(1);
        let spec = Spec::random(&mut rng, flags, PageSize::DEFAULT, 50);
        let (key, value) = (spec.key(1), spec.value(1));
        let works = |result: mdbx_core::Result<()>| match result {
            Err(mdbx_core::Error::Incompatible { .. }) => Ok(false),
            result => result.map(|()| true),
        };
        let directory = tempfile::tempdir()?;
        let env = Env::open(file_in(&directory))?;
        let mut txn = env.write()?;
        let named = txn.create_table("table", flags);
        if works(named.and_then(|table| txn.put(table, &key, &value)))? {
            kinds.named.push(flags);
        }
        let directory = tempfile::tempdir()?;
        {
            let env = c::Env::open(&file_in(&directory), c::DURABLE, None)?;
            let mut txn = env.write()?;
            let main = txn.create_table(None, flags_in_c(flags))?;
            txn.put(main, &key, &value)?;
            txn.commit()?;
        }
        let env = Env::open(file_in(&directory))?;
        if works(env.write()?.put(Table::MAIN, &key, &value))? {
            kinds.main.push(flags);
        }
    }
    Ok(kinds)
}

/// Runs rounds of one shape. Panics with the shortest plan found that fails.
fn run_rounds(shape: Shape, share: u64) {
    let kinds = usable_kinds().unwrap();
    let seed = number_from_env("MDBX_SEED", 1);
    let rounds = number_from_env("MDBX_ORACLE_ROUNDS", 500) * share / 100;
    let only = number_from_env("MDBX_ORACLE_ONLY", u64::MAX);
    let (mut tally, mut ran) = (Tally::default(), 0);
    for round in (0..rounds).filter(|round| only == u64::MAX || *round == only) {
        let label = format!("{shape:?}-seed-{seed}-round-{round}");
        let plan = {
            let mut rng = Rng::with_seed(Rng::with_seed(seed).next() ^ round);
            Plan::random(&mut rng, shape, &kinds)
        };
        match attempt(&plan, &label) {
            Ok(compared) => tally.add(compared),
            Err(error) => {
                eprintln!("{label} fails: {error}");
                let plan = shortest_failing(plan, |plan| attempt(plan, &label).is_err());
                let error = attempt(&plan, &label);
                panic!("{label} fails; shortened: {error:?} {plan:?}");
            }
        }
        ran += 1;
    }
    println!(
        "{shape:?}: {ran} rounds with seed {seed}, {} kinds of tables, {tally:?}",
        kinds.named.len()
    );
}

#[test]
fn libmdbx_finds_no_fault_in_files_written_here_and_reads_the_same() {
    run_rounds(Shape::Ours, 40);
}

#[test]
fn both_engines_change_one_file_in_turn_and_agree_on_it() {
    run_rounds(Shape::InTurn, 60);
}
