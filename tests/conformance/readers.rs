//! Readers: they live in the world, under their names, in one of the states of their life.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use mdbx_core::{Error, ParkedTxn, ReadTxn, ResetTxn, SlowReader, SlowReaderAction};

use crate::answers::{Answer, Outcome, Stop, refused};
use crate::trace::Step;
use crate::world::{Stage, World};

/// A read transaction.
pub(crate) struct Reader {
    /// Tells it from others of the same name, before or after it, and from itself on another snapshot.
    pub(crate) number: u64,
    pub(crate) state: State,
}

/// What a read transaction is at.
pub(crate) enum State {
    /// It reads.
    Running(ReadTxn<'static>),
    /// It has no snapshot.
    Reset(ResetTxn<'static>),
    /// A writer may take its snapshot away.
    Parked {
        txn: ParkedTxn<'static>,
        /// Whether the next use takes it up again.
        auto: bool,
    },
    /// The handler of slow readers has it, or the trace takes it for failed.
    OutOfUse,
}

/// A reader in the hands of the handler of slow readers, until that ends it.
type Victim = Arc<Mutex<Option<ReadTxn<'static>>>>;

impl World {
    /// Returns the running read transaction of that name.
    pub(crate) fn reader(&self, name: &str) -> Outcome<&ReadTxn<'static>> {
        match self.readers.get(name) {
            Some(Reader {
                state: State::Running(txn),
                ..
            }) => Ok(txn),
            _ => refused("bad_txn"),
        }
    }

    /// Takes a reader out to change its state, and gives it a new number.
    fn take_reader(&mut self, name: &str) -> Outcome<State> {
        match self.readers.remove(name) {
            Some(reader) => Ok(reader.state),
            None => refused("bad_txn"),
        }
    }

    /// Puts a reader in a state.
    pub(crate) fn put_reader(&mut self, name: &str, state: State) -> Answer {
        let number = self.next_number();
        let reader = Reader { number, state };
        self.readers.insert(name.to_owned(), reader);
        Answer::ok()
    }
}

/// Performs an operation on readers.
pub(crate) fn perform(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let (world, name) = (&mut *stage.world, step.name("t"));
    match step.op() {
        "begin" => begin(world, step),
        "commit" | "abort" => end(world, step),
        "reset" => reset(world, name),
        "renew" | "rollback" => renew(world, name),
        "refresh" => refresh(world, name),
        "park" => park(world, step),
        "unpark" => unpark(world, step),
        "clone" => {
            let copy = match stage.writer_named(name)? {
                // What it builds on is the newest snapshot.
                Some(writer) if writer.is_dirty() => return refused("bad_txn"),
                Some(_) => stage.world.env()?.read_owned()?,
                None => stage.world.reader(name)?.try_clone()?,
            };
            Ok(stage
                .world
                .put_reader(step.name("to"), State::Running(copy)))
        }
        "lag" => Ok(Answer::ok().with("n", world.reader(name)?.lag()?)),
        "list_readers" => {
            let readers = world.env()?.readers()?;
            let mut lags: Vec<u64> = readers.iter().map(|reader| reader.lag).collect();
            lags.sort_unstable();
            Ok(Answer::ok().with("list", lags))
        }
        "exhaust_readers" => {
            for _ in 0..step.number("max").unwrap_or_default() {
                let txn = world.env()?.read_owned()?;
                world.anonymous.push(txn);
            }
            Ok(Answer::ok())
        }
        "release_readers" => {
            world.anonymous.clear();
            Ok(Answer::ok())
        }
        "set_slow_reader_handler" => set_handler(world, step),
        "slow_reader_calls" => {
            let called = world.handler_called.load(Ordering::Relaxed);
            Ok(Answer::ok().with("called", called))
        }
        op => panic!("{op} is no operation on readers"),
    }
}

fn begin(world: &mut World, step: &Step) -> Outcome {
    if step.text("parent").is_some() {
        return refused("bad_txn"); // the parent has a child, or is a reader
    }
    let env = world.env()?;
    let state = if step.words("f").iter().any(|flag| flag == "prepare") {
        State::Reset(env.prepare_read_owned()?)
    } else {
        State::Running(env.read_owned()?)
    };
    Ok(world.put_reader(step.name("t"), state))
}

fn end(world: &mut World, step: &Step) -> Outcome {
    let state = world.take_reader(step.name("t"))?;
    let is_done = step.op() == "abort" || matches!(state, State::Running(_));
    Ok(Answer::done(is_done))
}

pub(crate) fn reset(world: &mut World, name: &str) -> Outcome {
    let state = match world.take_reader(name)? {
        State::Running(txn) => State::Reset(txn.reset()),
        State::Parked { txn, .. } => {
            drop(txn);
            State::Reset(world.env()?.prepare_read_owned()?)
        }
        state => state,
    };
    Ok(world.put_reader(name, state))
}

/// Goes on with the newest snapshot.
fn renew(world: &mut World, name: &str) -> Outcome {
    let txn = match world.take_reader(name)? {
        State::Running(mut txn) => {
            txn.refresh()?;
            txn
        }
        State::Reset(txn) => txn.renew()?,
        State::Parked { txn, .. } => txn.unpark_or_renew()?,
        State::OutOfUse => world.env()?.read_owned()?,
    };
    Ok(world.put_reader(name, State::Running(txn)))
}

fn refresh(world: &mut World, name: &str) -> Outcome {
    if let Some(Reader {
        state: State::Running(txn),
        ..
    }) = world.readers.get_mut(name)
    {
        return Ok(Answer::done(txn.refresh()?));
    }
    renew(world, name)
}

fn park(world: &mut World, step: &Step) -> Outcome {
    let name = step.name("t");
    world.reader(name)?;
    let State::Running(txn) = world.take_reader(name)? else {
        return refused("bad_txn");
    };
    let (txn, auto) = (txn.park(), step.flag("auto", false));
    Ok(world.put_reader(name, State::Parked { txn, auto }))
}

fn unpark(world: &mut World, step: &Step) -> Outcome {
    let name = step.name("t");
    let (txn, auto) = match world.take_reader(name)? {
        State::Parked { txn, auto } => (txn, auto),
        state @ State::Running(_) => return Ok(world.put_reader(name, state)),
        state => {
            world.put_reader(name, state);
            return refused("bad_txn");
        }
    };
    let before = txn.id();
    let taken_up = if auto || step.flag("restart", false) {
        txn.unpark_or_renew()
    } else {
        txn.unpark()
    };
    match taken_up {
        Ok(txn) => {
            let is_same = txn.id() == before;
            world.put_reader(name, State::Running(txn));
            Ok(Answer::done(is_same))
        }
        Err(error @ Error::Ousted { .. }) => {
            let reset = world.env()?.prepare_read_owned()?;
            world.put_reader(name, State::Reset(reset));
            Err(error.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Takes a parked reader up again if the next use is to do that.
pub(crate) fn wake(world: &mut World, name: &str) -> Outcome<()> {
    let is_asleep = |reader: &Reader| matches!(reader.state, State::Parked { auto: true, .. });
    if !world.readers.get(name).is_some_and(is_asleep) {
        return Ok(());
    }
    if let State::Parked { txn, .. } = world.take_reader(name)? {
        let txn = txn.unpark()?;
        world.put_reader(name, State::Running(txn));
    }
    Ok(())
}

/// Installs a handler that counts its calls, and gives up or resets the victim.
fn set_handler(world: &mut World, step: &Step) -> Outcome {
    let called = Arc::new(AtomicBool::new(false));
    world.handler_called = Arc::clone(&called);
    let victim = match (step.name("policy"), step.text("victim")) {
        ("none", _) => {
            world
                .env()?
                .set_slow_reader_handler(None::<fn(&SlowReader) -> SlowReaderAction>);
            return Ok(Answer::ok());
        }
        ("release", Some(name)) => release_by_handler(world, name)?,
        _ => Victim::default(),
    };
    world
        .env()?
        .set_slow_reader_handler(Some(move |_: &SlowReader| {
            called.store(true, Ordering::Relaxed);
            match victim.lock().unwrap().take() {
                Some(_ended) => SlowReaderAction::Retry,
                None => SlowReaderAction::GiveUp,
            }
        }));
    Ok(Answer::ok())
}

/// Gives a reader into the hands of the handler.
fn release_by_handler(world: &mut World, name: &str) -> Outcome<Victim> {
    let State::Running(txn) = world.take_reader(name)? else {
        return Err(Stop::Refused("no victim".to_owned()));
    };
    world.put_reader(name, State::OutOfUse);
    Ok(Arc::new(Mutex::new(Some(txn))))
}
