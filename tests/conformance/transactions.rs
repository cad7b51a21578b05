//! Transactions: readers live in the world, under their names; a writer lives in a function that goes on with the
//! trace until it ends, since it borrows its environment, and a child its parent.

use std::collections::HashMap;

use mdbx_core::{Env, Table, WriteTxn};

use crate::answers::{Answer, Outcome, Stop, refused};
use crate::cursors::Placed;
use crate::modes;
use crate::quirks;
use crate::readers::{self, State};
use crate::replay::{Halt, perform as perform_step, settle};
use crate::trace::{Step, Steps};
use crate::world::{Stage, World, Writer};

/// How a write transaction ended.
enum End {
    /// By this step, which is still to be answered.
    By(Step),
    /// With the trace.
    WithTrace,
}

/// What an aborted write transaction leaves as it was.
struct Before {
    tables: HashMap<String, Table>,
    cursors: HashMap<String, Placed>,
}

/// Returns whether a step wants a write transaction.
pub(crate) fn begins_writer(step: &Step) -> bool {
    step.op() == "amend" || (step.op() == "begin" && step.text("mode") == Some("rw"))
}

/// Begins a write transaction and goes on with the trace until it has ended.
pub(crate) fn run_writer(world: &mut World, steps: &mut Steps, begin: &Step) -> Result<(), Halt> {
    let env = match world.env() {
        Ok(env) => env.clone(),
        Err(stop) => return settle(begin, Err(stop)),
    };
    let begun = if begin.op() == "amend" {
        amend(world, &env, begin)
    } else {
        begin_writer(&env, begin)
    };
    let (mut txn, name) = match begun {
        Ok(Some(txn)) => (txn, begin.text("w").unwrap_or(begin.name("t"))),
        Ok(None) => return settle(begin, Ok(Answer::done(false))),
        Err(stop) => return settle(begin, Err(stop)),
    };
    settle(begin, Ok(Answer::ok()))?;

    let before = Before::of(world);
    let (mut failed, number) = (false, world.next_number());
    let end = serve(
        world,
        steps,
        &mut Writer {
            name,
            number,
            txn: &mut txn,
            failed: &mut failed,
            is_read_only: false,
        },
    )?;
    let End::By(step) = end else {
        return Ok(());
    };
    let outcome = match step.op() {
        "abort" => {
            txn.abort();
            before.restore_tables(world);
            Ok(Answer::ok())
        }
        _ if failed => {
            txn.abort();
            before.restore_tables(world);
            Ok(Answer::done(false))
        }
        "commit" => txn.commit().map(|_| Answer::ok()).map_err(Stop::from),
        _ => commit_and_read(world, &env, txn, &step),
    };
    settle(&step, outcome)
}

fn begin_writer<'env>(env: &'env Env, begin: &Step) -> Outcome<Option<WriteTxn<'env>>> {
    if begin.text("parent").is_some() {
        return refused("bad_txn"); // the parent is no writer
    }
    let flags = begin.words("f");
    let mut txn = if flags.iter().any(|flag| flag == "try") {
        env.try_write()?
    } else {
        env.write()?
    };
    for durability in flags.iter().filter_map(|flag| modes::weaker(flag)) {
        txn.weaken(durability);
    }
    Ok(Some(txn))
}

/// Turns a reader into a writer; `None` if its snapshot is not the newest any more.
fn amend<'env>(world: &mut World, env: &'env Env, step: &Step) -> Outcome<Option<WriteTxn<'env>>> {
    let name = step.name("t");
    let snapshot = world.reader(name)?.id();
    let txn = env.write()?;
    if !quirks::builds_on(&txn, snapshot) {
        return Ok(None);
    }
    if step.words("f").iter().any(|flag| flag == "prepare") {
        readers::reset(world, name)?;
    } else {
        world.readers.remove(name);
    }
    Ok(Some(txn))
}

/// Commits and keeps the reader that comes of it under the name of the writer.
fn commit_and_read(world: &mut World, env: &Env, txn: WriteTxn<'_>, step: &Step) -> Outcome {
    let reader = txn.commit_and_read()?;
    // It borrows the environment, which the world cannot know to outlive it; so it makes way for one on the same
    // snapshot that holds the environment.
    let owned = env.read_owned()?;
    assert_eq!(owned.id(), reader.id(), "no other writer had its turn");
    Ok(world.put_reader(step.name("t"), State::Running(owned)))
}

/// Begins a transaction inside another and goes on with the trace until it has ended.
fn run_child(
    world: &mut World,
    steps: &mut Steps,
    parent: &mut Writer<'_, '_>,
    begin: &Step,
) -> Result<(), Halt> {
    if *parent.failed || parent.is_read_only {
        return settle(begin, refused("bad_txn"));
    }
    let mut child = match parent.txn.nested() {
        Ok(child) => child,
        Err(error) => return settle(begin, Err(error.into())),
    };
    settle(begin, Ok(Answer::ok()))?;

    let before = Before::of(world);
    world.parents.push(parent.name.to_owned());
    let mut failed = false;
    let end = serve(
        world,
        steps,
        &mut Writer {
            name: begin.name("t"),
            number: parent.number,
            txn: &mut child,
            failed: &mut failed,
            is_read_only: begin.text("mode") == Some("ro"),
        },
    )?;
    world.parents.pop();
    let End::By(step) = end else {
        return Ok(());
    };
    let commits = step.op() == "commit" && !failed;
    let outcome = if commits {
        child.commit().map(|()| Answer::ok()).map_err(Stop::from)
    } else {
        child.abort();
        before.restore_tables(world);
        before.restore_cursors(world);
        Ok(Answer::done(step.op() == "abort"))
    };
    if step.text("t") == Some(begin.name("t")) {
        return settle(&step, outcome);
    }
    steps.put_back(step); // it ends a parent, and this one only on the way
    Ok(())
}

/// Performs steps until one ends the write transaction.
fn serve(world: &mut World, steps: &mut Steps, writer: &mut Writer<'_, '_>) -> Result<End, Halt> {
    while let Some(step) = steps.next() {
        let txn = step.name("t");
        let ends = matches!(step.op(), "commit" | "abort" | "commit_then_read");
        if ends && (txn == writer.name || world.parents.iter().any(|parent| parent == txn)) {
            return Ok(End::By(step));
        }
        if step.op() == "begin" && step.text("parent") == Some(writer.name) {
            run_child(world, steps, writer, &step)?;
            continue;
        }
        let mut stage = Stage {
            world,
            writer: Some(Writer {
                txn: &mut *writer.txn,
                failed: &mut *writer.failed,
                ..*writer
            }),
        };
        let outcome = perform_step(&mut stage, &step);
        settle(&step, outcome)?;
    }
    Ok(End::WithTrace)
}

impl Before {
    fn of(world: &World) -> Before {
        Before {
            tables: world.tables.clone(),
            cursors: world.cursors.clone(),
        }
    }

    /// Lets the handles that there were mean again what they meant.
    fn restore_tables(&self, world: &mut World) {
        for (name, table) in &self.tables {
            world.tables.insert(name.clone(), *table);
        }
    }

    /// Puts the cursors that there were and still are back to where they stood.
    fn restore_cursors(&self, world: &mut World) {
        for (name, placed) in &mut world.cursors {
            if let Some(before) = self.cursors.get(name) {
                *placed = before.clone();
            }
        }
    }
}

/// Performs an operation on transactions that does not begin or end a writer.
pub(crate) fn perform(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let name = step.name("t");
    let is_writer = stage
        .writer
        .as_ref()
        .is_some_and(|writer| writer.name == name);
    match step.op() {
        "begin" | "amend" if begins_writer(step) => second_writer(stage.world, step),
        "reset" | "renew" | "refresh" if is_writer => refused("invalid"),
        "break" => quirks::break_off(stage, name),
        "rollback" if is_writer => {
            stage.writer_mut(name)?.rollback()?;
            Ok(Answer::ok())
        }
        "checkpoint" => {
            let committed = stage.writer_mut(name)?.checkpoint()?;
            Ok(Answer::done(committed.is_some()))
        }
        _ => readers::perform(stage, step),
    }
}

/// Asks for a second writer, which the engine refuses.
fn second_writer(world: &World, step: &Step) -> Outcome {
    if step.text("parent").is_some() {
        return refused("bad_txn"); // the parent has a child, or is a reader
    }
    let env = world.env()?;
    if step.words("f").iter().any(|flag| flag == "try") {
        env.try_write()?;
    } else {
        env.write()?;
    }
    Ok(Answer::ok())
}
