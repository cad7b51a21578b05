//! What happens in a round, as plain data: made up at random, repeated from a seed, and shortened when it fails.

use mdbx_core::{PageSize, TableFlags};
use mdbx_oracle::c;

use crate::common::Rng;
use crate::content::Spec;

/// A change of a table, which is created if there is none. Tables are indices of [`Plan::specs`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    /// Of a key and a value.
    Put(usize, u32, u32),
    /// The same, if there is no such key.
    Insert(usize, u32, u32),
    /// Of a key with all its values.
    Delete(usize, u32),
    /// Of a key and one value.
    DeleteDup(usize, u32, u32),
    /// Of the item at this position, counted modulo the number of items.
    DeleteAt(usize, u32),
    Clear(usize),
    Drop(usize),
    Sequence(usize, u32),
}

/// A write transaction.
#[derive(Clone, Debug)]
pub(crate) struct TxnPlan {
    pub(crate) ops: Vec<Op>,
    pub(crate) commit: bool,
}

/// Who writes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By {
    Us,
    /// libmdbx, opened with these flags; whether it leaves a weak commit behind.
    C(u32, bool),
}

/// What one engine does between opening and closing the file.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    pub(crate) by: By,
    /// A reader begins before this transaction, and ends after the last one.
    pub(crate) hold: Option<usize>,
    pub(crate) txns: Vec<TxnPlan>,
}

/// A round: a new file, and the turns at it.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) page_size: PageSize,
    pub(crate) growth_step: usize,
    pub(crate) shrink_threshold: usize,
    /// The main table, and the named ones.
    pub(crate) specs: Vec<Spec>,
    pub(crate) turns: Vec<Turn>,
    /// What the lookups are made from.
    pub(crate) seed: u64,
}

/// What a round is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Only we write.
    Ours,
    /// Both write, and now and then a reader holds pages back.
    InTurn,
}

/// The kinds of tables that rounds can use.
pub(crate) struct Kinds {
    /// As a named table.
    pub(crate) named: Vec<TableFlags>,
    /// As the main table, when libmdbx made it so.
    pub(crate) main: Vec<TableFlags>,
}

/// The part of the longest keys and duplicates that rounds use in which libmdbx deletes, in percent: its own
/// rebalancing fails near the limits.
const PERCENT_FOR_C: usize = 50;

impl Plan {
    pub(crate) fn random(rng: &mut Rng, shape: Shape, kinds: &Kinds) -> Plan {
        // Half of them small, so that trees grow high.
        let powers = *rng.pick(&[3, 9]);
        let page_size = PageSize::new(1 << (8 + rng.below(powers))).unwrap();
        let percent = if shape == Shape::Ours {
            100
        } else {
            PERCENT_FOR_C
        };
        let first = match shape {
            Shape::Ours => By::Us,
            Shape::InTurn if rng.once_in(4) => By::Us,
            Shape::InTurn => random_c(rng),
        };
        let other_main = matches!(first, By::C(..)) && rng.once_in(6);
        let (main, tables) = if other_main {
            (*rng.pick(&kinds.main), 0)
        } else {
            (TableFlags::empty(), *rng.pick(&[0, 1, 2, 3, 6, 40]))
        };
        let mut flags = vec![main];
        flags.extend((0..tables).map(|_| *rng.pick(&kinds.named)));
        let specs = flags
            .into_iter()
            .map(|flags| Spec::random(rng, flags, page_size, percent))
            .collect::<Vec<_>>();
        let turns = random_turns(rng, shape, first, &specs);
        Plan {
            page_size,
            growth_step: *rng.pick(&[1 << 16, 1 << 18]),
            shrink_threshold: *rng.pick(&[1 << 17, 1 << 20]),
            specs,
            turns,
            seed: rng.next(),
        }
    }
}

fn random_c(rng: &mut Rng) -> By {
    let mode = *rng.pick(&[c::DURABLE, c::SAFE_NO_SYNC]);
    let map = *rng.pick(&[0, 0, c::WRITE_MAP]);
    let order = *rng.pick(&[0, c::LIFO]);
    By::C(mode | map | order | c::UNBOUND, rng.once_in(3))
}

fn random_turns(rng: &mut Rng, shape: Shape, first: By, specs: &[Spec]) -> Vec<Turn> {
    let mut by = first;
    let count = 1 + rng.below(if shape == Shape::Ours { 3 } else { 5 });
    let turns = (0..count).map(|_| {
        let this = by;
        by = match (shape, by) {
            (Shape::Ours, _) | (_, By::C(..)) => By::Us,
            (Shape::InTurn, By::Us) => random_c(rng),
        };
        let txns: Vec<_> = (0..=rng.below(5)).map(|_| random_txn(rng, specs)).collect();
        Turn {
            by: this,
            hold: rng.once_in(3).then(|| rng.below(txns.len())),
            txns,
        }
    });
    turns.collect()
}

/// What a transaction is mostly about.
#[derive(Clone, Copy)]
enum Mood {
    Grow,
    Mix,
    Shrink,
    /// Many values of few keys.
    Dups,
    /// Keys in ascending order, where the table has such.
    Ascend,
    Rare,
}

fn random_txn(rng: &mut Rng, specs: &[Spec]) -> TxnPlan {
    let mood = *rng.pick(&[
        Mood::Grow,
        Mood::Grow,
        Mood::Mix,
        Mood::Shrink,
        Mood::Dups,
        Mood::Ascend,
        Mood::Rare,
    ]);
    let count = 1 + match rng.below(12) {
        0 => rng.below(3000),
        1..4 => rng.below(400),
        _ => rng.below(50),
    };
    let focus = rng.below(specs.len());
    let anywhere = rng.once_in(3);
    let keys = *rng.pick(&[3, 30, 300, 3000]);
    let start = rng.below(3000);
    let op = |at: usize, rng: &mut Rng| {
        let table = if anywhere {
            rng.below(specs.len())
        } else {
            focus
        };
        match random_op(rng, mood, table, keys) {
            Op::Put(_, _, value) if matches!(mood, Mood::Ascend) => {
                Op::Put(table, u32::try_from(start + at).unwrap(), value)
            }
            op => op,
        }
    };
    TxnPlan {
        ops: (0..count).map(|at| op(at, rng)).collect(),
        commit: !rng.once_in(8),
    }
}

fn random_op(rng: &mut Rng, mood: Mood, table: usize, keys: usize) -> Op {
    let number = |rng: &mut Rng, end: usize| u32::try_from(rng.below(end)).unwrap();
    let (percent_put, percent_rare) = match mood {
        Mood::Grow => (90, 0),
        Mood::Mix => (50, 0),
        Mood::Shrink => (10, 0),
        Mood::Dups => (95, 0),
        Mood::Ascend => (97, 0),
        Mood::Rare => (60, 5),
    };
    let keys = if matches!(mood, Mood::Dups) { 2 } else { keys };
    let (key, value) = (number(rng, keys), number(rng, 3000));
    let die = rng.below(100);
    if die < percent_rare {
        return match rng.below(4) {
            0 => Op::Clear(table),
            1 => Op::Drop(table),
            _ => Op::Sequence(table, value),
        };
    }
    if die < percent_rare + percent_put {
        return if rng.once_in(10) {
            Op::Insert(table, key, value)
        } else {
            Op::Put(table, key, value)
        };
    }
    match rng.below(4) {
        0 => Op::Delete(table, key),
        1 => Op::DeleteDup(table, key, value),
        _ => Op::DeleteAt(table, value),
    }
}

/// Returns a shorter plan that still fails, or the plan itself if none is found.
pub(crate) fn shortest_failing(mut plan: Plan, fails: impl Fn(&Plan) -> bool) -> Plan {
    const MOST_TRIALS: usize = 1500;
    let mut trials = 0;
    let mut still_fails = |plan: &Plan| {
        trials += 1;
        trials <= MOST_TRIALS && fails(plan)
    };
    for turn in (0..plan.turns.len()).rev() {
        let mut shorter = plan.clone();
        shorter.turns.remove(turn);
        if still_fails(&shorter) {
            plan = shorter;
        }
    }
    for turn in (0..plan.turns.len()).rev() {
        for txn in (0..plan.turns[turn].txns.len()).rev() {
            let mut shorter = plan.clone();
            shorter.turns[turn].txns.remove(txn);
            if still_fails(&shorter) {
                plan = shorter;
                continue;
            }
            let mut chunk = plan.turns[turn].txns[txn].ops.len().div_ceil(2);
            while chunk > 0 {
                let mut at = 0;
                while at < plan.turns[turn].txns[txn].ops.len() {
                    let mut shorter = plan.clone();
                    let ops = &mut shorter.turns[turn].txns[txn].ops;
                    ops.drain(at..(at + chunk).min(ops.len()));
                    if still_fails(&shorter) {
                        plan = shorter;
                    } else {
                        at += chunk;
                    }
                }
                chunk /= 2;
            }
        }
    }
    plan
}
