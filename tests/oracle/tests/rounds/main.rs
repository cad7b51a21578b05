//! Random files: written by this library and by libmdbx, in turn, and after each turn read and checked by both.
//!
//! `MDBX_ORACLE_ROUNDS` says how many rounds there are (500), `MDBX_SEED` what they are made from, and
//! `MDBX_ORACLE_ONLY` the number of a single one to run. A round that fails is shortened and printed.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

#[path = "../../../common/mod.rs"]
mod common;
mod content;
mod engines;
mod plan;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use common::{Items, Rng, number_from_env};
use content::{ModelTable, Spec, all_kinds, flags_in_c};
use engines::{Ours, Outcome, Seen, Theirs, Writer, look_here, look_there, same};
use mdbx_core::tools::check::check;
use mdbx_core::{Env, Geometry, PageSize, ReadTxn, Table, TableFlags};
use mdbx_oracle::c;
use plan::{By, Kinds, Op, Plan, Shape, Turn, shortest_failing};
use tempfile::TempDir;

/// The length that no file exceeds.
const UPPER: usize = 1 << 30;

/// What the tables must hold, by their numbers; a table that is not there is not in it.
type Model = BTreeMap<usize, ModelTable>;

fn file_in(directory: &TempDir) -> std::path::PathBuf {
    directory.path().join("oracle.mdbx")
}

fn open_here(path: &Path, plan: &Plan) -> Outcome<Env> {
    let geometry = Geometry::default()
        .page_size(plan.page_size)
        .upper(UPPER as u64)
        .growth_step(plan.growth_step as u64)
        .shrink_threshold(plan.shrink_threshold as u64);
    Ok(Env::options().geometry(geometry).open(path)?)
}

fn open_there(path: &Path, plan: &Plan, flags: u32) -> Outcome<c::Env> {
    let geometry = c::Geometry {
        page_size: Some(plan.page_size.bytes()),
        upper: Some(UPPER),
        growth_step: Some(plan.growth_step),
        shrink_threshold: Some(plan.shrink_threshold),
    };
    Ok(c::Env::open(path, flags, Some(&geometry))?)
}

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

fn turn_of_ours(turn: &Turn, plan: &Plan, path: &Path, model: &mut Model) -> Outcome<usize> {
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
        return Ok(0);
    };
    compare(&see_here(&txn, plan, &[])?, plan, &model)
}

fn turn_of_theirs(
    turn: &Turn,
    (flags, close_weak): (u32, bool),
    plan: &Plan,
    path: &Path,
    model: &mut Model,
) -> Outcome<usize> {
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
        return Ok(0);
    };
    compare(&see_there(&txn, plan, &[])?, plan, &model)
}

/// What is seen of each table that is there.
type View = BTreeMap<usize, Seen>;

fn see_here(txn: &ReadTxn<'_>, plan: &Plan, probes: &[Vec<Vec<u8>>]) -> Outcome<View> {
    let mut view = View::new();
    for table in 0..plan.specs.len() {
        let probes = probes.get(table).map_or(&[][..], |probes| probes);
        view.extend(look_here(txn, table, probes)?.map(|seen| (table, seen)));
    }
    Ok(view)
}

fn see_there(txn: &c::Txn<'_>, plan: &Plan, probes: &[Vec<Vec<u8>>]) -> Outcome<View> {
    let mut view = View::new();
    for table in 0..plan.specs.len() {
        let probes = probes.get(table).map_or(&[][..], |probes| probes);
        view.extend(look_there(txn, table, probes)?.map(|seen| (table, seen)));
    }
    Ok(view)
}

/// Compares what is seen with what must be there; returns how many items it is.
fn compare(view: &View, plan: &Plan, model: &Model) -> Outcome<usize> {
    let mut compared = 0;
    for table in 0..plan.specs.len() {
        let what = |what: &str| format!("{what} of table {table}");
        let Some(seen) = view.get(&table) else {
            same(&what("presence"), &false, &model.contains_key(&table))?;
            continue;
        };
        let empty = ModelTable::new(plan.specs[table]);
        let expected = match model.get(&table) {
            None if table > 0 => return Err(what("unexpected presence").into()),
            expected => expected.unwrap_or(&empty).items(),
        };
        // No key of ours in a main table that holds the records of others begins as their names do.
        let is_record =
            |key: &[u8]| table == 0 && plan.specs.len() > 1 && key.first() == Some(&b't');
        let only_items = |items: &Items| -> Items {
            let items = items.iter().filter(|(key, _)| !is_record(key));
            items.cloned().collect()
        };
        let mut backwards = only_items(&seen.backwards);
        backwards.reverse();
        same(&what("items"), &only_items(&seen.items), &expected)?;
        same(&what("items backwards"), &backwards, &expected)?;
        same(
            &what("number of items"),
            &seen.stat.items,
            &(seen.items.len() as u64),
        )?;
        same(
            &what("flags"),
            &seen.flags,
            &flags_in_c(plan.specs[table].flags),
        )?;
        compared += expected.len();
    }
    Ok(compared)
}

/// Compares what was found for each probe with what must be found.
fn compare_probes(view: &View, probes: &[Vec<Vec<u8>>], model: &Model) -> Outcome<()> {
    for (table, contents) in model.iter().filter(|(table, _)| **table > 0) {
        let what = |what: &str| format!("{what} in table {table}");
        let seen = &view[table];
        for (number, probe) in probes[*table].iter().enumerate() {
            same(
                &what("get"),
                &seen.gets[number],
                &contents.first_value(probe),
            )?;
            same(
                &what("seek"),
                &seen.seeks[number],
                &contents.at_or_after(probe),
            )?;
        }
    }
    Ok(())
}

/// Has both engines check and read the file, and compares what they see; returns how many items were compared.
fn inspect(path: &Path, plan: &Plan, model: &Model) -> Outcome<usize> {
    let mut rng = Rng::with_seed(plan.seed);
    let mut keys = |spec: &Spec| -> Vec<Vec<u8>> {
        let numbers = (0..40).map(|_| u32::try_from(rng.below(400)).unwrap());
        numbers.map(|number| spec.key(number)).collect()
    };
    let probes: Vec<_> = plan.specs.iter().map(&mut keys).collect();
    let (here, info) = {
        let env = open_here(path, plan)?;
        let txn = env.read()?;
        let report = check(&txn);
        if !report.is_sound() {
            return Err(format!("our check: {report}").into());
        }
        let info = env.info()?;
        let info = c::Info {
            allocated_pages: info.allocated_pages.into(),
            last_txnid: info.last_txnid.0,
        };
        (see_here(&txn, plan, &probes)?, info)
    };
    let compared = compare(&here, plan, model).map_err(|error| format!("here: {error}"))?;
    compare_probes(&here, &probes, model).map_err(|error| format!("here: {error}"))?;
    let env = c::Env::open(path, c::READ_ONLY, None)?;
    let report = env.check()?;
    if report.problems > 0 {
        return Err(format!("libmdbx's check: {:#?}", report.findings).into());
    }
    let there = see_there(&env.read()?, plan, &probes)?;
    same("info", &info, &env.info()?)?;
    for table in 0..plan.specs.len() {
        same(
            &format!("table {table}, here and there"),
            &here.get(&table),
            &there.get(&table),
        )?;
    }
    Ok(2 * compared)
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

/// Does a round; returns how many items were compared.
fn run(plan: &Plan, label: &str) -> Outcome<usize> {
    // If libmdbx ends the process, the directory that is left tells the round.
    let directory = tempfile::Builder::new()
        .prefix(&format!("mdbx-oracle-{label}-"))
        .tempdir()?;
    let path = file_in(&directory);
    let mut model = Model::new();
    let mut compared = 0;
    if plan.specs[0].flags != TableFlags::empty() {
        make_main(&path, plan)?;
    }
    for (number, turn) in plan.turns.iter().enumerate() {
        let written = match turn.by {
            By::Us => turn_of_ours(turn, plan, &path, &mut model),
            By::C(flags, weak) => turn_of_theirs(turn, (flags, weak), plan, &path, &mut model),
        };
        compared += written.map_err(|error| format!("turn {number}: {error}"))?;
        compared += inspect(&path, plan, &model)
            .map_err(|error| format!("after turn {number}: {error}"))?;
    }
    Ok(compared)
}

/// Runs a plan; returns what is wrong.
fn failure(plan: &Plan, label: &str) -> Option<String> {
    match catch_unwind(AssertUnwindSafe(|| {
        run(plan, label).map_err(|error| error.to_string())
    })) {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(error),
        Err(_) => Some("a panic".to_owned()),
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
    let (mut compared, mut ran) = (0, 0);
    for round in (0..rounds).filter(|round| only == u64::MAX || *round == only) {
        let label = format!("{shape:?}-seed-{seed}-round-{round}");
        let plan = {
            let mut rng = Rng::with_seed(Rng::with_seed(seed).next() ^ round);
            Plan::random(&mut rng, shape, &kinds)
        };
        match run(&plan, &label) {
            Ok(items) => compared += items,
            Err(error) => {
                eprintln!("{label} fails: {error}");
                let plan = shortest_failing(plan, |plan| failure(plan, &label).is_some());
                let failure = failure(&plan, &label);
                panic!("{label} fails; shortened: {failure:?} {plan:#?}");
            }
        }
        ran += 1;
    }
    println!(
        "{shape:?}: {ran} rounds with seed {seed}, {compared} items compared, kinds {:?}",
        kinds.named
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
