//! One round: a new file, and the turns of both engines at it, each followed by an inspection.

use std::path::Path;

use mdbx_core::tools::copy::CopyOptions;
use mdbx_core::{Env, TableFlags};
use mdbx_oracle::c;

use crate::compare::{Tally, compare, inspect, see_here, see_there};
use crate::content::{Model, ModelTable, Spec, flags_in_c};
use crate::engines::{Ours, Outcome, Theirs, Writer, file_in, open_here, open_there, same};
use crate::plan::{By, Change, Op, Part, Plan, Turn, TxnPlan};

/// Does to both what `op` says, and compares the answers.
fn apply(op: Op, plan: &Plan, model: &mut Model, writer: &mut impl Writer) -> Outcome<()> {
    let Op { table, change } = op;
    let spec = &plan.specs[table];
    let holds_records = table == 0 && plan.specs.len() > 1;
    if matches!(change, Change::Clear | Change::Drop) && holds_records {
        return Ok(()); // that would be the end of all tables
    }
    writer.sequence(table, 0)?; // the table is there from now on
    let contents = model.entry(table).or_insert_with(|| ModelTable::new(*spec));
    match change {
        Change::Put(..)
        | Change::Insert(..)
        | Change::Update(..)
        | Change::Append(..)
        | Change::Reserve(..)
        | Change::PutMany(..) => store(op, spec, contents, writer),
        Change::Delete(..)
        | Change::DeleteDup(..)
        | Change::DeleteAt(_)
        | Change::Sweep(..)
        | Change::Range(..) => delete(op, spec, contents, writer),
        Change::Drop if table > 0 => {
            model.remove(&table);
            writer.drop_table(table)
        }
        Change::Clear | Change::Drop => {
            contents.clear();
            writer.clear(table)
        }
        Change::Rename => writer.rename_and_back(table),
        Change::Sequence(increment) => writer.sequence(table, increment.into()).map(drop),
        Change::Canary(mark) => writer.set_canary([mark.into(), 1, u64::MAX]),
    }
}

/// Does to both what puts something into the table.
fn store(op: Op, spec: &Spec, contents: &mut ModelTable, writer: &mut impl Writer) -> Outcome<()> {
    let table = op.table;
    let (Change::Put(key, number)
    | Change::Insert(key, number)
    | Change::Update(key, number)
    | Change::Append(key, number)
    | Change::Reserve(key, number)
    | Change::PutMany(key, number, _)) = op.change
    else {
        return Ok(());
    };
    let (key, value) = (spec.key(key), spec.value(number));
    match op.change {
        Change::Insert(..) | Change::Update(..) => {
            let was_there = contents.contains(&key);
            let is_update = matches!(op.change, Change::Update(..));
            if is_update == was_there {
                contents.delete(&key);
                contents.put(&key, &value);
            }
            if is_update {
                return same("update", &writer.update(table, &key, &value)?, &was_there);
            }
            return same("insert", &writer.insert(table, &key, &value)?, &!was_there);
        }
        // The records in a main table come behind the empty key.
        Change::Append(..) if contents.is_last(&key) && !(table == 0 && key.is_empty()) => {
            writer.append(table, &key, &value)?;
        }
        Change::Reserve(..) if !spec.is_dup_sort() => writer.reserve(table, &key, &value)?,
        Change::PutMany(_, _, count) if spec.is_dup_fixed() => {
            let values: Vec<_> = (0..u32::from(count))
                .map(|n| spec.value(number + n))
                .collect();
            for value in &values {
                contents.put(&key, value);
            }
            return writer.put_many(table, &key, &values);
        }
        _ => writer.put(table, &key, &value)?,
    }
    contents.put(&key, &value);
    Ok(())
}

/// Does to both what deletes something from the table.
fn delete(op: Op, spec: &Spec, contents: &mut ModelTable, writer: &mut impl Writer) -> Outcome<()> {
    let table = op.table;
    match op.change {
        Change::Delete(key) => {
            let key = spec.key(key);
            let was_there = contents.delete(&key);
            same("delete", &writer.delete(table, &key)?, &was_there)
        }
        Change::DeleteDup(key, value) => {
            let (key, value) = (spec.key(key), spec.value(value));
            let was_there = contents.delete_dup(&key, &value);
            same(
                "delete_dup",
                &writer.delete_dup(table, &key, &value)?,
                &was_there,
            )
        }
        Change::DeleteAt(at) => {
            let items = contents.items_at(at, 1);
            contents.delete_all(&items);
            writer.delete_each(table, &items)
        }
        Change::Range(at, count) => {
            let items = contents.items_at(at, count);
            let (Some(first), Some(last)) = (items.first(), items.last()) else {
                return Ok(());
            };
            contents.delete_all(&items);
            if table == 0 && first.0.is_empty() {
                return writer.delete_each(table, &items); // the records of tables are among them
            }
            writer.delete_pairs(table, first, last, &items)
        }
        Change::Sweep(key, count) => {
            let key = spec.key(key);
            let items = contents.items_from(&key, count);
            contents.delete_all(&items);
            if table == 0 && key.is_empty() {
                return writer.delete_each(table, &items); // the records of tables are among them
            }
            writer.sweep(table, &key, &items)
        }
        _ => Ok(()),
    }
}

fn apply_all(ops: &[Op], plan: &Plan, model: &mut Model, mut writer: impl Writer) -> Outcome<()> {
    for (number, op) in ops.iter().enumerate() {
        apply(*op, plan, model, &mut writer)
            .map_err(|error| format!("operation {number}, {op:?}: {error}"))?;
    }
    Ok(())
}

/// Does one transaction of ours, and commits it if it is to be.
fn write_here(env: &Env, txn_plan: &TxnPlan, plan: &Plan, model: &mut Model) -> Outcome<()> {
    let specs = &plan.specs;
    let mut changed = model.clone();
    let mut txn = env.write()?;
    for Part { nested, ops } in &txn_plan.parts {
        let Some(commit) = *nested else {
            let txn = &mut txn;
            apply_all(ops, plan, &mut changed, Ours { txn, specs })?;
            continue;
        };
        let mut in_nested = changed.clone();
        let mut nested = txn.nested()?;
        let txn = &mut nested;
        apply_all(ops, plan, &mut in_nested, Ours { txn, specs })?;
        if commit {
            nested.commit()?;
            changed = in_nested;
        }
    }
    if txn_plan.commit {
        txn.commit()?;
        *model = changed;
    }
    Ok(())
}

/// Does one transaction of libmdbx, without nested ones, and commits it if it is to be.
fn write_there(env: &c::Env, txn_plan: &TxnPlan, plan: &Plan, model: &mut Model) -> Outcome<()> {
    let specs = &plan.specs;
    let mut changed = model.clone();
    let mut txn = env.write()?;
    for Part { nested, ops } in &txn_plan.parts {
        if *nested != Some(false) {
            let txn = &mut txn;
            apply_all(ops, plan, &mut changed, Theirs { txn, specs })?;
        }
    }
    if txn_plan.commit {
        txn.commit()?;
        *model = changed;
    }
    Ok(())
}

fn turn_of_ours(turn: &Turn, plan: &Plan, path: &Path, model: &mut Model) -> Outcome<Tally> {
    let env = open_here(path, plan, Some(&turn.sizes))?;
    let mut held = None;
    for (number, txn) in turn.txns.iter().enumerate() {
        if turn.hold == Some(number) {
            held = Some((env.read()?, model.clone()));
        }
        write_here(&env, txn, plan, model)
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
    let mut env = open_there(path, plan, &turn.sizes, flags)?;
    if close_weak {
        env.close_weak();
    }
    let mut held = None;
    for (number, txn) in turn.txns.iter().enumerate() {
        if turn.hold == Some(number) {
            held = Some((env.read()?, model.clone()));
        }
        write_there(&env, txn, plan, model)
            .map_err(|error| format!("transaction {number}: {error}"))?;
    }
    let Some((txn, model)) = held else {
        return Ok(Tally::default());
    };
    compare(&see_there(&txn, plan, &[])?, plan, &model)
}

/// Makes a file whose main table is of another kind than the usual one.
fn make_main(turn: &Turn, path: &Path, plan: &Plan) -> Outcome<()> {
    let flags = plan.specs[0].flags;
    if matches!(turn.by, By::Us) {
        let env = open_here(path, plan, Some(&turn.sizes))?;
        let mut txn = env.write()?;
        txn.set_main_flags(flags)?;
        txn.commit()?;
    } else {
        let env = open_there(path, plan, &turn.sizes, c::DURABLE)?;
        let mut txn = env.write()?;
        txn.create_table(None, flags_in_c(flags))?;
        txn.commit()?;
    }
    Ok(())
}

/// Has both engines copy the file, as it is and compact, and inspects the copies.
fn copy_and_inspect(path: &Path, plan: &Plan, model: &Model) -> Outcome<Tally> {
    let mut tally = Tally::default();
    for compact in [false, true] {
        let to = path.with_extension(format!("copy-{compact}"));
        CopyOptions::new()
            .compact(compact)
            .to_path(&open_here(path, plan, None)?.read()?, &to)?;
        let inspected = inspect(&to, plan, model);
        tally.add(inspected.map_err(|error| format!("our copy, compact {compact}: {error}"))?);
        let to = path.with_extension(format!("copy-there-{compact}"));
        c::Env::open(path, c::DURABLE, None)?.copy(&to, compact)?;
        let inspected = inspect(&to, plan, model);
        tally.add(inspected.map_err(|error| format!("their copy, compact {compact}: {error}"))?);
    }
    Ok(tally)
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
    if let Some(turn) = plan.turns.first()
        && plan.specs[0].flags != TableFlags::empty()
    {
        make_main(turn, &path, plan)?;
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
    if plan.copies && !plan.turns.is_empty() {
        tally.add(copy_and_inspect(&path, plan, &model)?);
    }
    Ok(tally)
}
