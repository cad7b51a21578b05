//! Random operations against ordered maps of the standard library.
//!
//! The pages are the smallest, so that splits and merges come early. A failure prints its seed, and the shortest list
//! of operations found that fails. `MDBX_SEED` sets the seed, `MDBX_MODEL_OPS` how many operations each test has.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{Rng, TempEnv, assert_sound, items, number_from_env};
use mdbx_core::{
    Durability, Env, EnvOptions, Geometry, PageSize, ReadTxn, Result, Table, TableFlags, WriteTxn,
};

/// How often a failing list is tried with something left out.
const MOST_TRIALS: usize = 400;

/// Keys and values are numbers here; [`key`] and [`value`] make bytes of them.
#[derive(Clone, Debug)]
enum Op {
    Put(u16, u32),
    Insert(u16, u32),
    Delete(u16),
    PutDup(u16, u32),
    DeleteDup(u16, u32),
    DeleteDups(u16),
    Clear(bool),
    /// Begin a nested transaction.
    Nest,
    /// End it, and keep what it did or not.
    Unnest(bool),
    Commit,
    Abort,
    Reopen,
    /// Hold the newest snapshot until the next one is held.
    Hold,
}

fn random_op(rng: &mut Rng) -> Op {
    let number = |rng: &mut Rng, end: usize| u16::try_from(rng.below(end)).unwrap();
    let wide = |rng: &mut Rng| u32::try_from(rng.below(1 << 20)).unwrap();
    match rng.below(200) {
        0..50 => Op::Put(number(rng, 600), wide(rng)),
        50..60 => Op::Insert(number(rng, 600), wide(rng)),
        60..90 => Op::Delete(number(rng, 600)),
        90..150 => Op::PutDup(number(rng, 12), u32::from(number(rng, 400))),
        150..185 => Op::DeleteDup(number(rng, 12), u32::from(number(rng, 400))),
        185 => Op::DeleteDups(number(rng, 12)),
        186 if rng.once_in(8) => Op::Clear(rng.once_in(2)),
        187..194 => Op::Commit,
        194 => Op::Abort,
        195 if rng.once_in(3) => Op::Reopen,
        197 => Op::Nest,
        198 => Op::Unnest(rng.once_in(2)),
        196 => Op::Hold,
        _ => Op::Put(number(rng, 20), wide(rng)),
    }
}

/// Returns a key of some length up to the limit of 256-byte pages; few keys are long.
fn key(n: u16) -> Vec<u8> {
    let mut key = format!("{n:03}").into_bytes();
    let len = [3, 3, 4, 7, 3, 20, 3, 57][usize::from(n) % 8];
    key.resize(len, b'k');
    key
}

/// Returns a value that `n` alone determines: mostly short, sometimes on pages of its own.
fn value(n: u32) -> Vec<u8> {
    let len = match n % 16 {
        0 => n / 16 % 1500,
        1..4 => n / 16 % 110,
        _ => n / 16 % 20,
    };
    let mut value = n.to_be_bytes().to_vec();
    value.resize(4 + len as usize, n.to_le_bytes()[0]);
    value
}

/// Returns a value for a table with several of each key.
fn dup(n: u32) -> Vec<u8> {
    let mut value = format!("{n:03}").into_bytes();
    value.resize([3, 8, 3, 30, 3, 99][n as usize % 6], b'v');
    value
}

/// What the two tables hold.
#[derive(Clone, Default)]
struct Model {
    plain: BTreeMap<Vec<u8>, Vec<u8>>,
    dups: BTreeSet<(Vec<u8>, Vec<u8>)>,
}

impl Model {
    fn assert_is(&self, plain: &common::Items, dups: &common::Items) {
        assert!(
            self.plain.iter().eq(plain.iter().map(|(k, v)| (k, v))),
            "the plain table differs"
        );
        assert!(
            self.dups.iter().eq(dups.iter()),
            "the table with several values differs"
        );
    }

    fn assert_is_snapshot(&self, txn: &ReadTxn<'_>) -> Result<()> {
        let (plain, dups) = (txn.open_table("plain")?, txn.open_table("dups")?);
        self.assert_is(&items(&txn.table(plain)?)?, &items(&txn.table(dups)?)?);
        assert_sound(txn);
        Ok(())
    }

    /// Does to both what `op` says, and compares the answers.
    fn apply(&mut self, op: &Op, txn: &mut WriteTxn<'_>, plain: Table, dups: Table) -> Result<()> {
        match *op {
            Op::Put(k, v) => {
                txn.put(plain, &key(k), &value(v))?;
                self.plain.insert(key(k), value(v));
            }
            Op::Insert(k, v) => {
                let is_new = !self.plain.contains_key(&key(k));
                assert_eq!(txn.insert(plain, &key(k), &value(v)).is_ok(), is_new);
                self.plain.entry(key(k)).or_insert(value(v));
            }
            Op::Delete(k) => assert_eq!(
                txn.delete(plain, &key(k))?,
                self.plain.remove(&key(k)).is_some()
            ),
            Op::PutDup(k, v) => {
                txn.put(dups, &key(k), &dup(v))?;
                self.dups.insert((key(k), dup(v)));
            }
            Op::DeleteDup(k, v) => {
                let was_there = self.dups.remove(&(key(k), dup(v)));
                assert_eq!(txn.delete_dup(dups, &key(k), &dup(v))?, was_there);
            }
            Op::DeleteDups(k) => {
                let before = self.dups.len();
                self.dups.retain(|(other, _)| *other != key(k));
                assert_eq!(txn.delete(dups, &key(k))?, self.dups.len() < before);
            }
            Op::Clear(true) => {
                txn.clear(plain)?;
                self.plain.clear();
            }
            Op::Clear(false) => {
                txn.clear(dups)?;
                self.dups.clear();
            }
            Op::Nest | Op::Unnest(_) | Op::Commit | Op::Abort | Op::Reopen | Op::Hold => {}
        }
        Ok(())
    }
}

/// Does the operations of a transaction and of those nested in it; returns the one that ends it.
fn transact<'o>(
    txn: &mut WriteTxn<'_>,
    model: &mut Model,
    ops: &mut std::slice::Iter<'o, Op>,
) -> Result<&'o Op> {
    let (plain, dups) = (txn.open_table("plain")?, txn.open_table("dups")?);
    let end = loop {
        match ops.next() {
            Some(Op::Nest) => {
                let (mut nested, mut changed) = (txn.nested()?, model.clone());
                let end = transact(&mut nested, &mut changed, ops)?;
                if matches!(end, Op::Unnest(false) | Op::Abort) {
                    nested.abort();
                } else {
                    nested.commit()?;
                    *model = changed;
                }
                model.assert_is(&items(&txn.table(plain)?)?, &items(&txn.table(dups)?)?);
                if !matches!(end, Op::Unnest(_)) {
                    break end;
                }
            }
            Some(end @ (Op::Unnest(_) | Op::Commit | Op::Abort | Op::Reopen | Op::Hold)) => {
                break end;
            }
            Some(op) => model.apply(op, txn, plain, dups)?,
            None => break &Op::Commit,
        }
    };
    model.assert_is(&items(&txn.table(plain)?)?, &items(&txn.table(dups)?)?);
    Ok(end)
}

/// Does all the operations. Panics where the database and the model differ.
fn run(options: &EnvOptions, ops: &[Op]) -> Result<()> {
    let mut env = TempEnv::with(options.clone());
    env.create_table("plain", TableFlags::empty())?;
    env.create_table("dups", TableFlags::DUP_SORT)?;
    let mut model = Model::default();
    let mut held: Option<(ReadTxn<'static>, Model)> = None;
    let mut ops = ops.iter();
    while !ops.as_slice().is_empty() {
        let mut txn = env.write()?;
        let mut changed = model.clone();
        let end = transact(&mut txn, &mut changed, &mut ops)?;
        if matches!(end, Op::Abort) {
            txn.abort();
        } else {
            txn.commit()?;
            model = changed;
        }
        model.assert_is_snapshot(&env.read()?)?;
        if let Some((txn, seen)) = &held {
            seen.assert_is_snapshot(txn)?;
        }
        match end {
            Op::Hold => held = Some((env.read_owned()?, model.clone())),
            Op::Reopen => {
                held = None;
                env.reopen()?;
                model.assert_is_snapshot(&env.read()?)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn fails(options: &EnvOptions, ops: &[Op]) -> bool {
    !matches!(
        catch_unwind(AssertUnwindSafe(|| run(options, ops))),
        Ok(Ok(()))
    )
}

/// Leaves out whatever a failing list does not need to fail, as far as a bounded number of trials goes.
fn shortest_failing(options: &EnvOptions, mut ops: Vec<Op>) -> Vec<Op> {
    let (mut chunk, mut trials) = (ops.len() / 2, 0);
    while chunk > 0 && trials < MOST_TRIALS {
        let mut at = 0;
        while at < ops.len() && trials < MOST_TRIALS {
            let mut fewer = ops.clone();
            fewer.drain(at..(at + chunk).min(ops.len()));
            trials += 1;
            if fails(options, &fewer) {
                ops = fewer;
            } else {
                at += chunk;
            }
        }
        chunk /= 2;
    }
    ops
}

fn with_page_size(page_size: PageSize) -> EnvOptions {
    let geometry = Geometry::default().page_size(page_size);
    Env::options().geometry(geometry.growth_step(1 << 16))
}

/// Returns how many operations there are, if nobody says otherwise `default`.
fn ops_count(default: u64) -> u64 {
    number_from_env("MDBX_MODEL_OPS", default)
}

fn check_against_model(options: &EnvOptions, default_seed: u64, count: u64) {
    let mut rng = Rng::new(default_seed);
    let ops: Vec<Op> = (0..count).map(|_| random_op(&mut rng)).collect();
    if fails(options, &ops) {
        let ops = shortest_failing(options, ops);
        panic!("{} operations fail: {ops:?}", ops.len());
    }
}

#[test]
fn random_operations_on_the_smallest_pages_do_what_a_map_does() {
    check_against_model(&with_page_size(PageSize::MIN), 1, ops_count(6000));
}

#[test]
fn other_random_operations_on_the_smallest_pages_do_what_a_map_does() {
    check_against_model(&with_page_size(PageSize::MIN), 2, ops_count(6000));
}

#[test]
fn random_operations_on_common_pages_do_what_a_map_does() {
    check_against_model(&with_page_size(PageSize::DEFAULT), 3, ops_count(4000));
}

#[test]
fn random_operations_in_every_mode_with_pages_stored_or_written_do_what_a_map_does() {
    let modes = [
        Durability::Durable,
        Durability::SingleSync,
        Durability::NoMetaSync,
        Durability::SafeNoSync,
        Durability::UtterlyNoSync,
    ];
    let count = ops_count(15_000) / 10; // of each combination, as there are ten
    for (seed, durability) in (4..).zip(modes) {
        for write_map in [false, true] {
            let options = with_page_size(PageSize::MIN).durability(durability);
            check_against_model(&options.write_map(write_map), seed, count);
        }
    }
}
