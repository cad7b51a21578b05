//! A worker: a process that has the database open with one of the engines, and does what it is told.
//!
//! It is the test binary itself, run for the only test in here. Each state of the worker is a function, which takes the
//! commands that this state knows: closed, open, reading, parked. If the process that gives the orders ends, so does
//! the worker.

use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

use crate::answer::{Class, Commit, Said};
use crate::chain::{Load, State, advance, empty, look, same, signature, spoil};
use crate::command::{Command, Run};
use crate::common::Rng;
use crate::engine::{Database, Engine, Outcome, Parked, Reading, Snapshot};
use crate::opening::Opening;

/// The variable that makes the process a worker, and names its database.
pub(crate) const DATABASE: &str = "MDBX_LIVE_DATABASE";

/// Where the orders come in.
struct Desk {
    path: PathBuf,
    lines: Receiver<String>,
}

impl Desk {
    fn new(path: PathBuf) -> Desk {
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines() {
                let Ok(line) = line else { break };
                if sender.send(line).is_err() {
                    break;
                }
            }
            std::process::abort(); // nobody gives orders any more, whatever this process waits for
        });
        Desk { path, lines }
    }

    fn next(&self) -> Command {
        let line = self.lines.recv().expect("the thread ends with the process");
        line.parse().expect("the orders are well-formed")
    }

    fn is_told_to_stop(&self) -> bool {
        match self.lines.try_recv() {
            Ok(line) => line == Command::Stop.to_string(),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => false,
        }
    }

    /// Counts the goes of a run, until it is over.
    fn goes_on(&self, run: &Run, done: &mut usize) -> bool {
        let over = run.count > 0 && *done == run.count;
        *done += 1;
        !over && !self.is_told_to_stop()
    }
}

fn answer(outcome: Outcome<Vec<u64>>) {
    Said::of(outcome).print();
}

fn numbers(id: u64, state: State) -> Vec<u64> {
    vec![id, state.number, state.digest, state.sum]
}

#[test]
#[ignore = "it is not a test, but what the tests run"]
fn obeys() {
    let Some(path) = std::env::var_os(DATABASE) else {
        return;
    };
    println!(); // ends the line that the test harness has begun
    let desk = Desk::new(path.into());
    loop {
        match desk.next() {
            Command::Open(engine, opening) => match engine.open(&desk.path, &opening) {
                Ok(database) => {
                    answer(Ok(Vec::new()));
                    answer(opened(&desk, database));
                }
                Err(error) => answer(Err(error)),
            },
            Command::Storm(engine, opening, run) => answer(storm(&desk, engine, &opening, &run)),
            Command::Stop => {}
            command => panic!("{command} needs an open database"),
        }
    }
}

/// Serves while the database is open; returns the answer to the order to close it.
fn opened(desk: &Desk, database: Box<dyn Database>) -> Outcome<Vec<u64>> {
    loop {
        match desk.next() {
            Command::Close => return database.close().map(|()| Vec::new()),
            Command::Begin => match database.read() {
                Ok(snapshot) => {
                    answer(Ok(vec![snapshot.id()]));
                    answer(reading(desk, &*database, snapshot));
                }
                Err(error) => answer(Err(error)),
            },
            command => serve(desk, &*database, command),
        }
    }
}

/// Serves while a snapshot is held; returns the answer to what has ended that.
fn reading<'env>(
    desk: &Desk,
    database: &'env dyn Database,
    mut snapshot: Box<dyn Reading<'env> + 'env>,
) -> Outcome<Vec<u64>> {
    loop {
        match desk.next() {
            Command::End => return Ok(Vec::new()),
            Command::Look => answer(look_at(&*snapshot)),
            Command::Park => {
                let parked = snapshot.park()?;
                answer(Ok(Vec::new()));
                snapshot = waiting(desk, database, parked)?;
                answer(Ok(Vec::new()));
            }
            command => serve(desk, database, command),
        }
    }
}

/// Serves while a snapshot is parked; returns what became of it.
fn waiting<'env>(
    desk: &Desk,
    database: &'env dyn Database,
    parked: Box<dyn Parked<'env> + 'env>,
) -> Outcome<Box<dyn Reading<'env> + 'env>> {
    loop {
        match desk.next() {
            Command::Unpark => return parked.unpark(),
            command => serve(desk, database, command),
        }
    }
}

/// Does what can be done whenever the database is open.
fn serve(desk: &Desk, database: &dyn Database, command: Command) {
    answer(match command {
        Command::Stop => return,
        Command::Write(run, load) => write(desk, database, &run, load),
        Command::Read(run) => read(desk, database, &run),
        Command::Check => check(database),
        Command::Crowd(size) => return crowd(desk, database, size),
        Command::Resize(upper) => database.resize(upper).map(|()| Vec::new()),
        Command::Copy(compact) => {
            let copied = database.copy(&copy_path(&desk.path), compact);
            copied.map(|()| Vec::new())
        }
        Command::TryWrite => database.try_write().map(|()| Vec::new()),
        Command::Sync => database.sync().map(|()| Vec::new()),
        Command::SyncBytes(bytes) => database.set_sync_bytes(bytes).map(|()| Vec::new()),
        Command::Pages => database.allocated_pages().map(|pages| vec![pages]),
        Command::ClearDeadReaders => database.clear_dead_readers().map(|dead| vec![dead]),
        Command::Hang(run, load) => hang(database, &run, load),
        Command::Empty => database.write().and_then(|mut txn| {
            let (
                id,
                State {
                    number,
                    digest,
                    sum,
                },
            ) = (txn.id(), empty(&mut *txn)?);
            txn.commit()?;
            Said::Commit(Commit { number, digest }).print();
            Ok(vec![id, number, digest, sum])
        }),
        Command::Spoil(fault) => database.write().and_then(|mut txn| {
            spoil(&mut *txn, &mut Rng::with_seed(1), fault)?;
            txn.commit().map(|()| Vec::new())
        }),
        command => panic!("{command} is not possible now"),
    });
}

/// Where copies of a database go.
pub(crate) fn copy_path(path: &Path) -> PathBuf {
    path.with_extension("copy")
}

/// Holds many snapshots until told to stop.
fn crowd(desk: &Desk, database: &dyn Database, size: usize) {
    let mut snapshots = Vec::new();
    let outcome = loop {
        if snapshots.len() == size {
            break Ok(vec![size as u64]);
        }
        match database.read() {
            Ok(snapshot) => snapshots.push(snapshot),
            Err(error) if Class::of(&*error) == Class::ReadersFull => {
                break Ok(vec![snapshots.len() as u64]);
            }
            Err(error) => break Err(error),
        }
    };
    answer(outcome);
    while !matches!(desk.next(), Command::Stop) {}
    drop(snapshots);
    answer(Ok(Vec::new()));
}

fn look_at(snapshot: &dyn Snapshot) -> Outcome<Vec<u64>> {
    Ok(numbers(snapshot.id(), look(snapshot)?))
}

fn check(database: &dyn Database) -> Outcome<Vec<u64>> {
    same("complaints", &database.check()?, &Vec::new())?;
    look_at(&*database.read()?)
}

/// Waits a random time.
fn pause(rng: &mut Rng, run: &Run) {
    if run.pause > 0 {
        let micros = rng.below(run.pause * 1000) as u64;
        std::thread::sleep(Duration::from_micros(micros));
    }
}

/// Commits links of the chain, tells of each, and aborts some.
fn write(desk: &Desk, database: &dyn Database, run: &Run, load: Load) -> Outcome<Vec<u64>> {
    let mut rng = Rng::with_seed(run.seed);
    let (mut done, mut commits, mut aborts) = (0, 0, 0);
    while desk.goes_on(run, &mut done) {
        let mut txn = database.write()?;
        let State { number, digest, .. } = advance(&mut *txn, &mut rng, signature(run.seed), load)?;
        if rng.once_in(40) {
            aborts += 1;
            continue;
        }
        txn.commit()?;
        commits += 1;
        Said::Commit(Commit { number, digest }).print();
        pause(&mut rng, run);
    }
    Ok(vec![commits, aborts])
}

/// Changes much in a transaction that never ends.
fn hang(database: &dyn Database, run: &Run, load: Load) -> Outcome<Vec<u64>> {
    let mut rng = Rng::with_seed(run.seed);
    let mut txn = database.write()?;
    let state = advance(&mut *txn, &mut rng, signature(run.seed), load)?;
    answer(Ok(numbers(txn.id(), state)));
    loop {
        std::thread::park();
    }
}

/// Looks at snapshots: none contradicts itself, changes while it is held, or goes back behind an earlier one.
fn read(desk: &Desk, database: &dyn Database, run: &Run) -> Outcome<Vec<u64>> {
    let mut rng = Rng::with_seed(run.seed);
    let mut before = None;
    let mut last = (0, State::default());
    let (mut done, mut snapshots, mut looks, mut ousted) = (0, 0, 0, 0);
    while desk.goes_on(run, &mut done) {
        let snapshot = match before.take() {
            Some(before) => Reading::renew(before)?,
            None => database.read()?,
        };
        let (id, state) = (snapshot.id(), look(&*snapshot)?);
        if id < last.0 || state.number < last.1.number {
            return Err(format!("from {last:?} back to {:?}", (id, state)).into());
        }
        if id == last.0 {
            same("the same snapshot", &state, &last.1)?;
        } else {
            snapshots += 1;
        }
        last = (id, state);
        before = Some(snapshot);
        for _ in 0..rng.below(3) {
            let Some(snapshot) = before.take() else { break };
            before = hold(snapshot, &mut rng, run)?;
            match &before {
                Some(held) => same("what is held", &(held.id(), look(&**held)?), &last)?,
                None => ousted += 1,
            }
            looks += 1;
        }
        before = before.filter(|_| rng.once_in(2));
    }
    Ok(vec![snapshots, looks, ousted])
}

/// A snapshot that is held.
type Held<'env> = Box<dyn Reading<'env> + 'env>;

/// Holds a snapshot for a while, maybe parked; `None` if it was taken away.
fn hold<'env>(snapshot: Held<'env>, rng: &mut Rng, run: &Run) -> Outcome<Option<Held<'env>>> {
    if !rng.once_in(4) {
        pause(rng, run);
        return Ok(Some(snapshot));
    }
    let parked = snapshot.park()?;
    pause(rng, run);
    match parked.unpark() {
        Err(error) if Class::of(&*error) == Class::Ousted => Ok(None),
        unparked => unparked.map(Some),
    }
}

/// Opens and closes the database, and looks at it or commits in between.
fn storm(desk: &Desk, engine: Engine, opening: &Opening, run: &Run) -> Outcome<Vec<u64>> {
    let mut rng = Rng::with_seed(run.seed);
    let (mut done, mut opened, mut busy) = (0, 0, 0);
    while desk.goes_on(run, &mut done) {
        let opening = Opening {
            exclusive: opening.exclusive && rng.once_in(2),
            ..*opening
        };
        let database = match engine.open(&desk.path, &opening) {
            Err(error) if Class::of(&*error) == Class::Busy => {
                busy += 1;
                pause(&mut rng, run);
                continue;
            }
            opened => opened?,
        };
        opened += 1;
        if rng.once_in(2) {
            look(&*database.read()?)?;
        } else if !opening.read_only {
            let mut txn = database.write()?;
            let load = Load {
                changes: 4,
                bulk_every: 0,
            };
            let State { number, digest, .. } =
                advance(&mut *txn, &mut rng, signature(run.seed), load)?;
            txn.commit()?;
            Said::Commit(Commit { number, digest }).print();
        }
        pause(&mut rng, run);
        database.close()?;
    }
    Ok(vec![opened, busy])
}

/// Returns the command line that makes this binary a worker.
pub(crate) fn command_line(database: &Path) -> std::process::Command {
    let binary = std::env::current_exe().expect("the test knows where it is");
    let mut command = std::process::Command::new(binary);
    command
        .args([
            "worker::obeys",
            "--exact",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(DATABASE, database);
    command
}
