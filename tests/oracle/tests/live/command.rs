//! What a worker can be told to do, as a line of words.

use std::fmt;
use std::str::FromStr;

use crate::chain::{Fault, Load};
use crate::engine::Engine;
use crate::opening::Opening;

/// Something to do. A worker answers each one with a line of its own, when it has done it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Open the database. It must be open for all others but `Storm`.
    Open(Engine, Opening),
    /// Close it.
    Close,
    /// Open and close it again and again, and do a little each time.
    Storm(Engine, Opening, Run),
    /// Commit so often, and tell of each commit.
    Write(Run, Load),
    /// Look at so many snapshots, each of them several times.
    Read(Run),
    /// Stop writing, reading or storming.
    Stop,
    /// Begin to read.
    Begin,
    /// Look at the snapshot begun; answers with its id and the state.
    Look,
    /// Park the snapshot begun.
    Park,
    /// Go on with the parked snapshot.
    Unpark,
    /// End reading.
    End,
    /// Check the whole file, and look at the newest snapshot; answers with its id and the state.
    Check,
    /// Begin to read so often at the same time, and end all of it when told to stop; answers with how often it could.
    Crowd(usize),
    /// Change the upper bound of the file, in bytes.
    Resize(u64),
    /// Copy the newest snapshot to the path of the database with a suffix; compact, or as it is.
    Copy(bool),
    /// Begin a write transaction if no other one runs, and abort it.
    TryWrite,
    /// Make the last commit durable.
    Sync,
    /// Set the volume after which a commit becomes durable, for all processes.
    SyncBytes(u64),
    /// Tell how many pages are in use or free.
    Pages,
    /// Free what dead readers hold; answers with how many there were.
    ClearDeadReaders,
    /// Begin a write transaction, change something, and wait to be killed.
    Hang(Run, Load),
    /// Commit a link that deletes all entries.
    Empty,
    /// Commit a fault.
    Spoil(Fault),
}

/// How often something is done, from which random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// 0: until told to stop.
    pub(crate) count: usize,
    pub(crate) seed: u64,
    /// The most milliseconds for which a snapshot is held, or between two goes.
    pub(crate) pause: usize,
}

impl Run {
    /// Goes on until told to stop.
    pub(crate) fn endless(seed: u64) -> Run {
        Run {
            count: 0,
            seed,
            pause: 0,
        }
    }

    pub(crate) fn of(count: usize, seed: u64) -> Run {
        Run {
            count,
            ..Run::endless(seed)
        }
    }

    pub(crate) fn pause(self, pause: usize) -> Run {
        Run { pause, ..self }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.count, self.seed, self.pause)
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let load = |load: &Load| format!("{} {}", load.changes, load.bulk_every);
        match self {
            Command::Open(engine, opening) => write!(f, "Open {engine:?} {opening}"),
            Command::Storm(engine, opening, run) => write!(f, "Storm {engine:?} {run} {opening}"),
            Command::Write(run, changes) => write!(f, "Write {run} {}", load(changes)),
            Command::Hang(run, changes) => write!(f, "Hang {run} {}", load(changes)),
            Command::Read(run) => write!(f, "Read {run}"),
            Command::Crowd(size) => write!(f, "Crowd {size}"),
            Command::Resize(upper) => write!(f, "Resize {upper}"),
            Command::Copy(compact) => write!(f, "Copy {}", u8::from(*compact)),
            Command::SyncBytes(bytes) => write!(f, "SyncBytes {bytes}"),
            Command::Spoil(fault) => write!(f, "Spoil {fault:?}"),
            simple => write!(f, "{simple:?}"),
        }
    }
}

/// The commands without anything more to say.
const SIMPLE: [Command; 13] = [
    Command::Close,
    Command::Stop,
    Command::Begin,
    Command::Look,
    Command::Park,
    Command::Unpark,
    Command::End,
    Command::Check,
    Command::Sync,
    Command::Pages,
    Command::ClearDeadReaders,
    Command::Empty,
    Command::TryWrite,
];

/// Takes words off a line.
struct Words<'l>(std::str::SplitWhitespace<'l>);

impl Words<'_> {
    fn number<T: FromStr>(&mut self) -> Result<T, String> {
        let word = self.0.next().ok_or("a number is missing")?;
        word.parse().map_err(|_| format!("{word} is no number"))
    }

    fn engine(&mut self) -> Result<Engine, String> {
        match self.0.next() {
            Some("Ours") => Ok(Engine::Ours),
            Some("Theirs") => Ok(Engine::Theirs),
            other => Err(format!("{other:?} is no engine")),
        }
    }

    fn run(&mut self) -> Result<Run, String> {
        Ok(Run {
            count: self.number()?,
            seed: self.number()?,
            pause: self.number()?,
        })
    }

    fn load(&mut self) -> Result<Load, String> {
        Ok(Load {
            changes: self.number()?,
            bulk_every: self.number()?,
        })
    }

    fn opening(&mut self) -> Result<Opening, String> {
        let words: Vec<&str> = self.0.by_ref().collect();
        words.join(" ").parse()
    }
}

impl FromStr for Command {
    type Err = String;

    fn from_str(line: &str) -> Result<Command, String> {
        let mut words = Words(line.split_whitespace());
        Ok(match words.0.next().unwrap_or_default() {
            "Open" => Command::Open(words.engine()?, words.opening()?),
            "Storm" => {
                let (engine, run) = (words.engine()?, words.run()?);
                Command::Storm(engine, words.opening()?, run)
            }
            "Write" => Command::Write(words.run()?, words.load()?),
            "Hang" => Command::Hang(words.run()?, words.load()?),
            "Read" => Command::Read(words.run()?),
            "Crowd" => Command::Crowd(words.number()?),
            "Resize" => Command::Resize(words.number()?),
            "Copy" => Command::Copy(words.number::<u8>()? == 1),
            "SyncBytes" => Command::SyncBytes(words.number()?),
            "Spoil" => Command::Spoil(match words.0.next() {
                Some("Overlap") => Fault::Overlap,
                _ => Fault::Unnoticed,
            }),
            word => *SIMPLE
                .iter()
                .find(|command| command.to_string() == word)
                .ok_or_else(|| format!("{word} is no command"))?,
        })
    }
}
