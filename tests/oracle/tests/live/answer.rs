//! What a worker says: a line of words for each command, and one for each commit it has made.

use std::error::Error;
use std::fmt;
use std::io::Write as _;

use mdbx_oracle::c;

use crate::engine::Outcome;

/// Every line of a worker begins so, which tells it from what the test harness prints.
const MARK: &str = "@ ";

/// What stands in the way, as far as both engines tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Another process has the database, or the writer lock.
    Busy,
    /// The lock file is of another version.
    VersionMismatch,
    /// It is open with other modes.
    Incompatible,
    ReadersFull,
    WannaRecovery,
    Ousted,
    /// The file has outgrown what this process has mapped.
    AddressSpace,
    /// Anything else, also what is wrong with a snapshot.
    Other,
}

const CLASSES: [Class; 8] = [
    Class::Busy,
    Class::VersionMismatch,
    Class::Incompatible,
    Class::ReadersFull,
    Class::WannaRecovery,
    Class::Ousted,
    Class::AddressSpace,
    Class::Other,
];

impl Class {
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Class {
        if let Some(c::Error(code)) = error.downcast_ref() {
            return Class::of_code(*code);
        }
        match error.downcast_ref() {
            Some(mdbx_core::Error::Busy { .. } | mdbx_core::Error::WriterBusy) => Class::Busy,
            Some(mdbx_core::Error::LockVersion { .. } | mdbx_core::Error::LockFile { .. }) => {
                Class::VersionMismatch
            }
            Some(mdbx_core::Error::IncompatibleModes { .. }) => Class::Incompatible,
            Some(mdbx_core::Error::ReadersFull { .. }) => Class::ReadersFull,
            Some(mdbx_core::Error::WannaRecovery { .. }) => Class::WannaRecovery,
            Some(mdbx_core::Error::AddressSpace { .. }) => Class::AddressSpace,
            Some(mdbx_core::Error::Ousted { .. }) => Class::Ousted,
            _ => Class::Other,
        }
    }

    fn of_code(code: i32) -> Class {
        match code {
            c::BUSY | c::AGAIN => Class::Busy,
            c::VERSION_MISMATCH => Class::VersionMismatch,
            c::INCOMPATIBLE => Class::Incompatible,
            c::READERS_FULL => Class::ReadersFull,
            c::WANNA_RECOVERY => Class::WannaRecovery,
            c::OUSTED => Class::Ousted,
            c::UNABLE_EXTEND_MAPSIZE => Class::AddressSpace,
            _ => Class::Other,
        }
    }
}

/// What was refused, or went wrong.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) class: Class,
    pub(crate) text: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.class, self.text)
    }
}

/// A link of the chain, as its writer told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) number: u64,
    pub(crate) digest: u64,
}

/// A line of a worker.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    /// It has made a commit, and goes on.
    Commit(Commit),
    /// It has done what it was told.
    Done(Vec<u64>),
    /// It could not.
    Refused(Refusal),
}

impl Said {
    pub(crate) fn of(outcome: Outcome<Vec<u64>>) -> Said {
        match outcome {
            Ok(numbers) => Said::Done(numbers),
            Err(error) => Said::Refused(Refusal {
                class: Class::of(&*error),
                text: with_sources(&*error),
            }),
        }
    }

    /// Prints the line, for the one who has told what to do.
    pub(crate) fn print(&self) {
        let text = match self {
            Said::Commit(commit) => format!("commit {} {}", commit.number, commit.digest),
            Said::Done(numbers) => {
                let words: Vec<String> = numbers.iter().map(u64::to_string).collect();
                format!("done {}", words.join(" "))
            }
            Said::Refused(refusal) => {
                format!(
                    "refused {:?} {}",
                    refusal.class,
                    refusal.text.replace('\n', "; ")
                )
            }
        };
        let mut out = std::io::stdout().lock();
        let printed = writeln!(out, "{MARK}{text}").and_then(|()| out.flush());
        if printed.is_err() {
            std::process::abort(); // nobody listens any more
        }
    }

    /// Reads a line; `None` if it is something else.
    pub(crate) fn parse(line: &str) -> Option<Said> {
        let mut words = line.strip_prefix(MARK)?.split_whitespace();
        let kind = words.next()?;
        if kind == "refused" {
            let name = words.next()?;
            let class = CLASSES.iter().find(|class| format!("{class:?}") == name)?;
            return Some(Said::Refused(Refusal {
                class: *class,
                text: words.collect::<Vec<_>>().join(" "),
            }));
        }
        let numbers = words
            .map(str::parse)
            .collect::<Result<Vec<u64>, _>>()
            .ok()?;
        match (kind, &numbers[..]) {
            ("commit", [number, digest]) => Some(Said::Commit(Commit {
                number: *number,
                digest: *digest,
            })),
            ("done", _) => Some(Said::Done(numbers)),
            _ => None,
        }
    }
}

/// Returns what an error says, and what the errors behind it say.
fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
