//! Transactions: readers live in the world, under their names; a writer lives in a function that goes on with the
//! trace until it ends, since it borrows its environment, and a child its parent.

use mdbx_core::{Env, Error};

use crate::answers::{Answer, Outcome, refused};
use crate::replay::{Halt, perform as perform_step, settle};
use crate::trace::{Step, Steps};
use crate::world::{Reader, Stage, World, Writer};

/// How a write transaction ended.
enum End {
    /// By this step, which is still to be answered.
    By(Step),
    /// With the trace.
    WithTrace,
}

/// Returns whether a step wants a write transaction.
pub(crate) fn begins_writer(step: &Step) -> bool {
    step.op() == "begin" && step.text("mode") == Some("rw")
}

/// Begins a write transaction and goes on with the trace until it has ended.
pub(crate) fn run_writer(world: &mut World, steps: &mut Steps, begin: &Step) -> Result<(), Halt> {
    if begin.text("parent").is_some() {
        return settle(begin, refused("bad_txn")); // the parent is no writer
    }
    let env: Env = match world.env() {
        Ok(env) => env.clone(),
        Err(stop) => return settle(begin, Err(stop)),
    };
    let begun = if begin.words("f").iter().any(|flag| flag == "try") {
        env.try_write()
    } else {
        env.write()
    };
    let mut txn = match begun {
        Ok(txn) => txn,
        Err(error) => return settle(begin, Err(error.into())),
    };
    settle(begin, Ok(Answer::ok()))?;
    let mut failed = false;
    let number = world.next_number();
    let mut writer = Writer {
        name: begin.name("t"),
        number,
        txn: &mut txn,
        failed: &mut failed,
    };
    match serve(world, steps, &mut writer)? {
        End::WithTrace => Ok(()),
        End::By(step) if step.op() == "commit" => {
            let answer = if failed {
                txn.abort();
                Ok(Answer::done(false))
            } else {
                txn.commit().map(|_| Answer::ok()).map_err(Into::into)
            };
            settle(&step, answer)
        }
        End::By(step) => {
            txn.abort();
            settle(&step, Ok(Answer::ok()))
        }
    }
}

/// Performs steps until one ends the write transaction.
fn serve(world: &mut World, steps: &mut Steps, writer: &mut Writer<'_, '_>) -> Result<End, Halt> {
    for step in steps.by_ref() {
        let concerns_this = step.text("t") == Some(writer.name);
        if concerns_this && matches!(step.op(), "commit" | "abort") {
            return Ok(End::By(step));
        }
        if concerns_this && step.op() == "commit_then_read" {
            return Err(Halt::Waiting("commit_and_read"));
        }
        if step.op() == "begin" && step.text("parent") == Some(writer.name) {
            return Err(Halt::Waiting("nested transactions"));
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

/// Performs an operation on transactions that does not begin or end a writer.
pub(crate) fn perform(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let name = step.name("t");
    let is_writer = stage
        .writer
        .as_ref()
        .is_some_and(|writer| writer.name == name);
    match step.op() {
        "begin" if begins_writer(step) => second_writer(stage.world, step),
        "begin" => begin_reader(stage.world, step),
        "reset" | "renew" | "refresh" if is_writer => refused("invalid"),
        "commit" | "abort" => end_reader(stage.world, step),
        "reset" => reset(stage.world, name),
        "renew" => renew(stage.world, name),
        "refresh" => refresh(stage.world, name),
        "lag" => lag(stage.world, name),
        "exhaust_readers" => exhaust_readers(stage.world, step),
        "release_readers" => {
            stage.world.anonymous.clear();
            Ok(Answer::ok())
        }
        "break" => crate::quirks::break_off(stage, name),
        "park" | "unpark" => waiting("parked readers"),
        "rollback" => waiting("rollback"),
        "checkpoint" => waiting("checkpoint"),
        "clone" => waiting("cloned readers"),
        op => panic!("{op} is no operation on transactions"),
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

fn begin_reader(world: &mut World, step: &Step) -> Outcome {
    if step.text("parent").is_some() {
        return waiting("read-only children");
    }
    let is_prepared = step.words("f").iter().any(|flag| flag == "prepare");
    let txn = if is_prepared {
        None
    } else {
        Some(world.env()?.read_owned()?)
    };
    let number = world.next_number();
    let readers = &mut world.readers;
    readers.insert(step.name("t").to_owned(), Reader { number, txn });
    Ok(Answer::ok())
}

fn end_reader(world: &mut World, step: &Step) -> Outcome {
    match world.readers.remove(step.name("t")) {
        Some(reader) => Ok(Answer::done(step.op() == "abort" || reader.txn.is_some())),
        None => refused("bad_txn"),
    }
}

fn reset(world: &mut World, name: &str) -> Outcome {
    let reader = named(world, name)?;
    reader.txn = None;
    Ok(Answer::ok())
}

fn renew(world: &mut World, name: &str) -> Outcome {
    let (env, number) = (world.env()?.clone(), world.next_number());
    let reader = named(world, name)?;
    if reader.txn.is_none() {
        reader.number = number;
        reader.txn = Some(env.read_owned()?);
    }
    Ok(Answer::ok())
}

/// Moves a reader to the newest snapshot: a new transaction takes the place of the old one.
fn refresh(world: &mut World, name: &str) -> Outcome {
    let (env, number) = (world.env()?.clone(), world.next_number());
    let reader = named(world, name)?;
    let newest = env.info()?.last_txnid;
    if reader.txn.as_ref().is_some_and(|txn| txn.id() == newest) {
        return Ok(Answer::done(false));
    }
    reader.number = number;
    reader.txn = None; // its slot is free for the new one
    reader.txn = Some(env.read_owned()?);
    Ok(Answer::ok())
}

fn named<'w>(world: &'w mut World, name: &str) -> Outcome<&'w mut Reader> {
    match world.readers.get_mut(name) {
        Some(reader) => Ok(reader),
        None => refused("bad_txn"),
    }
}

fn lag(world: &World, name: &str) -> Outcome {
    let newest = world.env()?.info()?.last_txnid;
    let lag = newest.0 - world.reader(name)?.id().0;
    Ok(Answer::ok().with("n", lag))
}

fn exhaust_readers(world: &mut World, step: &Step) -> Outcome {
    let env = world.env()?.clone();
    for _ in 0..step.number("max").unwrap_or_default() {
        match env.read_owned() {
            Ok(txn) => world.anonymous.push(txn),
            Err(error) => return Err(Error::into(error)),
        }
    }
    Ok(Answer::ok())
}

fn waiting(feature: &'static str) -> Outcome {
    Err(crate::answers::Stop::Waiting(feature))
}
