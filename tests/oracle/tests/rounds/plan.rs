//! What happens in a round, as plain data: made up at random, repeated from a seed, and shortened when it fails.

use mdbx_core::{PageSize, ReclaimOrder, TableFlags};
use mdbx_oracle::c;

use crate::common::Rng;
use crate::content::Spec;

/// A change of a table, which is created if there is none. The table is an index of [`Plan::specs`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Op {
    pub(crate) table: usize,
    pub(crate) change: Change,
}

/// What is done to a table. The numbers are those of keys and values.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    Put(u32, u32),
    /// The same, if there is no such key.
    Insert(u32, u32),
    /// Makes the value the only one of the key, if there is such a key.
    Update(u32, u32),
    /// As a put, but said to be the last key, if it is.
    Append(u32, u32),
    /// The same as a put, where room for the value is given first.
    Reserve(u32, u32),
    /// Of a key, the first of its values, and how many: values with the numbers that follow.
    PutMany(u32, u32, u8),
    /// Of a key with all its values.
    Delete(u32),
    DeleteDup(u32, u32),
    /// Of the item at this position, counted modulo the number of items.
    DeleteAt(u32),
    /// Of this many items from a key on, in order.
    Sweep(u32, u8),
    /// Of all items from this position on, up to so many, at once.
    Range(u32, u32),
    Clear,
    Drop,
    /// To another name, and back.
    Rename,
    Sequence(u32),
    /// Of the database, not of the table.
    Canary(u32),
}

/// Operations of a transaction that stay together.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Whether they are in a nested transaction, and whether it is committed.
    pub(crate) nested: Option<bool>,
    pub(crate) ops: Vec<Op>,
}

/// A write transaction.
#[derive(Clone, Debug)]
pub(crate) struct TxnPlan {
    pub(crate) parts: Vec<Part>,
    pub(crate) commit: bool,
}

/// Who writes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By {
    Us,
    /// libmdbx, opened with these flags; whether it leaves a weak commit behind.
    C(u32, bool),
}

/// The geometry an engine gives the file, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) lower: usize,
    pub(crate) upper: usize,
    pub(crate) growth_step: usize,
    pub(crate) shrink_threshold: usize,
}

/// What one engine does between opening and closing the file.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    pub(crate) by: By,
    pub(crate) sizes: Sizes,
    /// A reader begins before this transaction, and ends after the last one.
    pub(crate) hold: Option<usize>,
    pub(crate) txns: Vec<TxnPlan>,
}

/// A round: a new file, and the turns at it.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) page_size: PageSize,
    /// The bytes of changed pages that we keep in memory, if not the default.
    pub(crate) dirty_limit: Option<usize>,
    /// Which free pages we use first.
    pub(crate) reclaim_order: ReclaimOrder,
    /// The main table, and the named ones.
    pub(crate) specs: Vec<Spec>,
    pub(crate) turns: Vec<Turn>,
    /// Whether both engines copy the file in the end.
    pub(crate) copies: bool,
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
    /// As the main table.
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
        let other_main = rng.once_in(6);
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
            reclaim_order: *rng.pick(&[ReclaimOrder::NewestFirst, ReclaimOrder::OldestFirst]),
            dirty_limit: rng.once_in(3).then(|| 16 * page_size.bytes()),
            specs,
            turns,
            copies: rng.once_in(4),
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

fn random_sizes(rng: &mut Rng) -> Sizes {
    Sizes {
        lower: *rng.pick(&[1 << 18, 1 << 19, 1 << 20]),
        upper: *rng.pick(&[1 << 28, 1 << 30]),
        growth_step: *rng.pick(&[1 << 16, 3 << 16, 1 << 18]),
        shrink_threshold: *rng.pick(&[1 << 17, 1 << 19, 1 << 20]),
    }
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
            sizes: random_sizes(rng),
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
        let change = match random_change(rng, mood, keys) {
            Change::Put(_, value) if matches!(mood, Mood::Ascend) => {
                Change::Append(u32::try_from(start + at).unwrap(), value)
            }
            change => change,
        };
        Op { table, change }
    };
    let mut ops: Vec<Op> = (0..count).map(|at| op(at, rng)).collect();
    let mut parts = Vec::new();
    while !ops.is_empty() {
        let nests = rng.once_in(4);
        let rest = if rng.once_in(3) {
            ops.split_off(rng.below(ops.len()) + 1)
        } else {
            Vec::new()
        };
        parts.push(Part {
            nested: nests.then(|| rng.once_in(2)),
            ops: std::mem::replace(&mut ops, rest),
        });
    }
    TxnPlan {
        parts,
        commit: !rng.once_in(8),
    }
}

fn random_change(rng: &mut Rng, mood: Mood, keys: usize) -> Change {
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
        return match rng.below(6) {
            0 => Change::Clear,
            1 => Change::Drop,
            2 => Change::Rename,
            3 => Change::Canary(value),
            _ => Change::Sequence(value),
        };
    }
    if die < percent_rare + percent_put {
        return match rng.below(30) {
            0..3 => Change::Insert(key, value),
            3 => Change::Update(key, value),
            4 => Change::Append(key, value),
            5 => Change::Reserve(key, value),
            6 => Change::PutMany(key, value, rng.byte()),
            _ => Change::Put(key, value),
        };
    }
    match rng.below(8) {
        0..2 => Change::Delete(key),
        2..4 => Change::DeleteDup(key, value),
        4 => Change::Sweep(key, rng.byte() / 4),
        5 if rng.once_in(4) => Change::Range(value, number(rng, keys)),
        _ => Change::DeleteAt(value),
    }
}

/// Where the operations of a part are: the turn, the transaction, the part.
type At = (usize, usize, usize);

impl Plan {
    fn ops_mut(&mut self, (turn, txn, part): At) -> &mut Vec<Op> {
        &mut self.turns[turn].txns[txn].parts[part].ops
    }

    /// Returns the plan without some of the operations of a part.
    fn without_ops(&self, at: At, from: usize, count: usize) -> Plan {
        let mut shorter = self.clone();
        let ops = shorter.ops_mut(at);
        ops.drain(from..(from + count).min(ops.len()));
        shorter
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
    for turn in 0..plan.turns.len() {
        for txn in (0..plan.turns[turn].txns.len()).rev() {
            let mut shorter = plan.clone();
            shorter.turns[turn].txns.remove(txn);
            if still_fails(&shorter) {
                plan = shorter;
                continue;
            }
            for part in 0..plan.turns[turn].txns[txn].parts.len() {
                plan = with_fewest_ops(plan, (turn, txn, part), &mut still_fails);
            }
        }
    }
    plan
}

/// Leaves out operations of a part as long as the plan fails without them.
fn with_fewest_ops(mut plan: Plan, at: At, still_fails: &mut impl FnMut(&Plan) -> bool) -> Plan {
    let mut chunk = plan.ops_mut(at).len();
    while chunk > 0 {
        let mut from = 0;
        while from < plan.ops_mut(at).len() {
            let shorter = plan.without_ops(at, from, chunk);
            if still_fails(&shorter) {
                plan = shorter;
            } else {
                from += chunk;
            }
        }
        chunk /= 2;
    }
    plan
}
