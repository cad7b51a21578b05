//! One round: a new file, and the turns of both engines at it, each followed by an inspection.

use std::path::Path;

use mdbx_core::TableFlags;
use mdbx_oracle::c;

use crate::compare::{Tally, compare, inspect, see_here, see_there};
use crate::content::{Model, ModelTable, flags_in_c};
use crate::engines::{Ours, Outcome, Theirs, Writer, file_in, open_here, open_there, same};
use crate::plan::{By, Op, Plan, Turn};

/// Does to both what `op` says, and compares the answers.
fn apply(op: Op, plan: &Plan, model: &mut Model, writer: &mut impl Writer) -> Outcome<()> {
    let (Op::Put(table, ..)
    | Op::Insert(table, ..)
    | Op::Delete(table, ..)
    | Op::DeleteDup(table, ..)
    | Op::DeleteAt(table, _)
    | Op::Clear(table)
    | Op::Drop(table)
    | Op::Sequence(table, _)) = op;
    let spec = &plan.specs[table];
    let holds_records = table == 0 && plan.specs.len() > 1;
    if matches!(op, Op::Clear(_) | Op::Drop(_)) && holds_records {
        return Ok(()); // that would be the end of all tables
    }
    let contents = model.entry(table).or_insert_with(|| ModelTable::new(*spec));
    match op {
        Op::Put(_, key, value) => {
            let (key, value) = (spec.key(key), spec.value(value));
            contents.put(&key, &value);
            writer.put(table, &key, &value)?;
        }
        Op::Insert(_, key, value) => {
            let (key, value) = (spec.key(key), spec.value(value));
            let is_new = !contents.contains(&key);
            if is_new {
                contents.put(&key, &value);
            }
            same("insert", &writer.insert(table, &key, &value)?, &is_new)?;
        }
        Op::Delete(_, key) => {
            let key = spec.key(key);
            same(
                "delete",
                &writer.delete(table, &key)?,
                &contents.delete(&key),
            )?;
        }
        Op::DeleteDup(_, key, value) => {
            let (key, value) = (spec.key(key), spec.value(value));
            let was_there = contents.delete_dup(&key, &value);
            same(
                "delete_dup",
                &writer.delete_dup(table, &key, &value)?,
                &was_there,
            )?;
        }
        Op::DeleteAt(_, at) => {
            writer.sequence(table, 0)?; // the table is there from now on, even if it has no item
            let Some((key, value)) = contents.item_at(at) else {
                return Ok(());
            };
            contents.delete_dup(&key, &value);
            let deleted = writer.delete_dup(table, &key, &value)?;
            same("delete_dup", &deleted, &true)?;
        }
        Op::Drop(_) if table > 0 => {
            model.remove(&table);
            writer.drop_table(table)?;
        }
        Op::Clear(_) | Op::Drop(_) => {
            contents.clear();
            writer.clear(table)?;
        }
        Op::Sequence(_, increment) => {
            writer.sequence(table, increment.into())?;
        }
    }
    Ok(())
}

/// Does one transaction, and commits it if it is to be.
fn write(
    ops: &[Op],
    plan: &Plan,
    model: &mut Model,
    mut writer: impl Writer,
    commit: bool,
) -> Outcome<()> {
    let mut changed = model.clone();
    for (number, op) in ops.iter().enumerate() {
        apply(*op, plan, &mut changed, &mut writer)
            .map_err(|error| format!("operation {number}, {op:?}: {error}"))?;
    }
    if commit {
        writer.commit()?;
        *model = changed;
    }
    Ok(())
}

fn turn_of_ours(turn: &Turn, plan: &Plan, path: &Path, model: &mut Model) -> Outcome<Tally> {
    let env = open_here(path, plan)?;
    let mut held = None;
    for (number, txn) in turn.txns.iter().enumerate() {
        if turn.hold == Some(number) {
            held = Some((env.read()?, model.clone()));
        }
        let writer = Ours {
            txn: env.write()?,
            specs: &plan.specs,
        };
        write(&txn.ops, plan, model, writer, txn.commit)
            .map_err(|error| format!("transaction {number}: {error}"))?;
    }
    let Some((txn, model)) = held else {
        return Ok(Tally::default());
    };
    compare(&see_here(&txn, plan, &[])?, plan, &model)
}

fn turn_of_theirs(
    turn: &Turn,
    (flags, close_weak): (u32, bool),
    plan: &Plan,
    path: &Path,
    model: &mut Model,
) -> Outcome<Tally> {
    let mut env = open_there(path, plan, flags)?;
    if close_weak {
        env.close_weak();
    }
    let mut held = None;
    for (number, txn) in turn.txns.iter().enumerate() {
        if turn.hold == Some(number) {
            held = Some((env.read()?, model.clone()));
        }
        let writer = Theirs {
            txn: env.write()?,
            specs: &plan.specs,
        };
        write(&txn.ops, plan, model, writer, txn.commit)
            .map_err(|error| format!("transaction {number}: {error}"))?;
    }
    let Some((txn, model)) = held else {
        return Ok(Tally::default());
    };
    compare(&see_there(&txn, plan, &[])?, plan, &model)
}

/// Has libmdbx make a file whose main table is of another kind than the usual one.
fn make_main(path: &Path, plan: &Plan) -> Outcome<()> {
    let flags = flags_in_c(plan.specs[0].flags);
    let env = open_there(path, plan, c::DURABLE)?;
    let mut txn = env.write()?;
    txn.create_table(None, flags)?;
    txn.commit()?;
    Ok(())
}

/// Does a round.
pub(crate) fn run(plan: &Plan, label: &str) -> Outcome<Tally> {
    // If libmdbx ends the process, the directory that is left tells the round.
    let directory = tempfile::Builder::new()
        .prefix(&format!("mdbx-oracle-{label}-"))
        .tempdir()?;
    let path = file_in(&directory);
    let mut model = Model::new();
    let mut tally = Tally::default();
    if plan.specs[0].flags != TableFlags::empty() {
        make_main(&path, plan)?;
    }
    for (number, turn) in plan.turns.iter().enumerate() {
        let written = match turn.by {
            By::Us => turn_of_ours(turn, plan, &path, &mut model),
            By::C(flags, weak) => turn_of_theirs(turn, (flags, weak), plan, &path, &mut model),
        };
        tally.add(written.map_err(|error| format!("turn {number}: {error}"))?);
        let inspected = inspect(&path, plan, &model);
        tally.add(inspected.map_err(|error| format!("after turn {number}: {error}"))?);
    }
    Ok(tally)
}
