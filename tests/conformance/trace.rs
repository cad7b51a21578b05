//! A recorded trace: a header, and operations with the answers they are to get.
//!
//! The file is gzip-compressed JSON, one object a line. Traces belong to the tests, so one that is malformed panics.

use std::fs::File;
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;

use flate2::read::GzDecoder;
use serde_json::{Map, Value};

use crate::bytes;

/// The first line.
pub(crate) struct Header {
    pub(crate) class: String,
    /// What the engine or this runner must be able to do for the trace to mean anything.
    pub(crate) needs: Vec<String>,
}

/// The operations of a trace, in order.
pub(crate) struct Steps {
    lines: Lines<BufReader<GzDecoder<File>>>,
    line: usize,
    put_back: Option<Step>,
}

/// One operation.
pub(crate) struct Step {
    /// Where it stands in the file, counted from 1.
    pub(crate) line: usize,
    object: Map<String, Value>,
}

/// Opens a trace.
pub(crate) fn open(path: &Path) -> (Header, Steps) {
    let file = File::open(path).unwrap();
    let lines = BufReader::new(GzDecoder::new(file)).lines();
    let mut steps = Steps {
        lines,
        line: 0,
        put_back: None,
    };
    let first = steps.next().expect("a header");
    assert_eq!(first.number("trace"), Some(1), "another version of traces");
    let header = Header {
        class: first.text("class").unwrap_or_default().to_owned(),
        needs: first.words("needs"),
    };
    (header, steps)
}

impl Steps {
    /// Gives a step back, to be the next one again.
    pub(crate) fn put_back(&mut self, step: Step) {
        self.put_back = Some(step);
    }
}

impl Iterator for Steps {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        if let Some(step) = self.put_back.take() {
            return Some(step);
        }
        let line = self.lines.next()?.unwrap();
        self.line += 1;
        Some(Step {
            line: self.line,
            object: serde_json::from_str(&line).unwrap(),
        })
    }
}

impl Step {
    /// Returns the name of the operation.
    pub(crate) fn op(&self) -> &str {
        self.text("op").unwrap_or_default()
    }

    pub(crate) fn text(&self, member: &str) -> Option<&str> {
        self.object.get(member)?.as_str()
    }

    /// Returns an operand that names something.
    pub(crate) fn name(&self, member: &str) -> &str {
        self.text(member).unwrap_or_default()
    }

    pub(crate) fn number(&self, member: &str) -> Option<u64> {
        self.object.get(member)?.as_u64()
    }

    pub(crate) fn signed(&self, member: &str) -> Option<i64> {
        self.object.get(member)?.as_i64()
    }

    /// Returns a flag, or `default` if it is absent.
    pub(crate) fn flag(&self, member: &str, default: bool) -> bool {
        self.object
            .get(member)
            .and_then(Value::as_bool)
            .unwrap_or(default)
    }

    /// Returns a string of bytes; `None` if it is absent or null.
    pub(crate) fn bytes(&self, member: &str) -> Option<Vec<u8>> {
        bytes::parse(self.object.get(member)?)
    }

    /// Returns a key or value that must be there.
    pub(crate) fn operand(&self, member: &str) -> Vec<u8> {
        self.bytes(member)
            .unwrap_or_else(|| panic!("line {}: no operand {member}", self.line))
    }

    /// Returns a list of words, which is empty if absent.
    pub(crate) fn words(&self, member: &str) -> Vec<String> {
        let list = self.object.get(member).and_then(Value::as_array);
        let words = list.into_iter().flatten().filter_map(Value::as_str);
        words.map(str::to_owned).collect()
    }

    /// Returns any operand as it stands.
    pub(crate) fn value(&self, member: &str) -> Option<&Value> {
        self.object.get(member)
    }

    /// Returns the answer that was recorded, if it is more than success.
    pub(crate) fn expected(&self) -> Option<&Map<String, Value>> {
        self.object.get("x")?.as_object()
    }

    /// Returns whether the recorded answer has this member.
    pub(crate) fn wants(&self, member: &str) -> bool {
        self.expected()
            .is_some_and(|expected| expected.contains_key(member))
    }

    /// Returns the operation as it stands in the file, cut if it is long.
    pub(crate) fn shown(&self) -> String {
        const SHOWN: usize = 400;
        let mut object = self.object.clone();
        object.remove("x");
        let mut text = Value::Object(object).to_string();
        if text.len() > SHOWN {
            text.truncate(SHOWN);
            text.push_str("...");
        }
        text
    }
}
