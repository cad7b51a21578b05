//! Answers: what an operation gave, and whether that is what was recorded.

use std::io::ErrorKind;

use mdbx_core::Error;
use serde_json::{Map, Value, json};

use crate::trace::Step;

/// What an operation gave: its result, `r`, and what else it handed out.
pub(crate) struct Answer(Map<String, Value>);

/// Why an operation gave no answer of its own.
pub(crate) enum Stop {
    /// The engine refused it; the answer is the name of the error.
    Refused(String),
    /// The engine, or this runner, cannot do it yet.
    Waiting(&'static str),
}

/// What came of an operation.
pub(crate) type Outcome<T = Answer> = std::result::Result<T, Stop>;

/// Returns the answer "refused, and that is why".
pub(crate) fn refused<T>(result: &str) -> Outcome<T> {
    Err(Stop::Refused(result.to_owned()))
}

impl Answer {
    pub(crate) fn ok() -> Answer {
        Answer::of("ok")
    }

    /// An answer that is an error, or a success with a special meaning.
    pub(crate) fn of(result: &str) -> Answer {
        Answer(Map::new()).with("r", result)
    }

    /// Returns `ok`, or `not_found` if the operation found nothing.
    pub(crate) fn found(is_found: bool) -> Answer {
        Answer::of(if is_found { "ok" } else { "not_found" })
    }

    /// Returns `ok`, or, if the answer is to be that nothing had to be done, `true`.
    pub(crate) fn done(is_done: bool) -> Answer {
        Answer::of(if is_done { "ok" } else { "true" })
    }

    #[must_use]
    pub(crate) fn with(mut self, member: &str, value: impl Into<Value>) -> Answer {
        self.0.insert(member.to_owned(), value.into());
        self
    }

    pub(crate) fn result(&self) -> &str {
        self.0["r"].as_str().unwrap_or_default()
    }
}

/// Compares what came of a step with what was recorded, and tells the difference.
pub(crate) fn difference(step: &Step, answer: &Answer) -> Option<String> {
    let nothing = Map::new();
    let expected = step.expected().unwrap_or(&nothing);
    let result = expected.get("r").and_then(Value::as_str).unwrap_or("ok");
    let same = |(member, value): (&String, &Value)| {
        matches!(member.as_str(), "r" | "info") || answer.0.get(member) == Some(value)
    };
    if result == "any" || (answer.result() == result && expected.iter().all(same)) {
        return None;
    }
    let mut wanted = expected.clone();
    wanted.remove("info");
    wanted.insert("r".to_owned(), json!(result));
    let (wanted, got) = (Value::Object(wanted), Value::Object(answer.0.clone()));
    Some(format!("expected {wanted}, got {got}"))
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Refused(name_of(&error))
    }
}

/// Returns the name that the traces have for an error; one that they have no name for, spelled out.
fn name_of(error: &Error) -> String {
    let name = match error {
        Error::KeyExists => "key_exists",
        Error::KeyMismatch => "key_mismatch",
        Error::MultiVal => "multi_val",
        Error::NoItem => "no_data",
        Error::KeyTooLong { .. }
        | Error::ValueTooLong { .. }
        | Error::KeyLen { .. }
        | Error::ValueLen { .. }
        | Error::TableName { .. } => "bad_val_size",
        Error::Incompatible { .. } | Error::NotDupSort => "incompatible",
        Error::NotFound | Error::NoSuchTable { .. } => "not_found",
        Error::ForeignTable => "bad_table",
        Error::TxnFailed => "bad_txn",
        Error::ReadOnly => "access",
        Error::WannaRecovery { .. } => "wanna_recovery",
        Error::Ousted { .. } => "ousted",
        Error::MapFull { .. } => "map_full",
        Error::ReadersFull { .. } => "readers_full",
        Error::TablesFull { .. } => "tables_full",
        Error::WriterBusy | Error::Busy { .. } | Error::AlreadyOpen { .. } => "busy",
        Error::Geometry { .. } | Error::InvalidFlags { .. } => "invalid",
        Error::SequenceUsedUp => "true",
        Error::Open { source, .. } if source.kind() == ErrorKind::NotFound => "no_file",
        Error::Open { source, .. } if source.kind() == ErrorKind::AlreadyExists => "file_exists",
        other => return spelled_out(other),
    };
    name.to_owned()
}

fn spelled_out(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
