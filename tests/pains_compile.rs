//! What users of other typed stores ran into, where the answer here comes from the compiler; numbered as in `pains.rs`.
//!
//! The messages are in `ui`, beside the mistakes, and `derive.rs` goes through all of them.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod typed_support;

use std::sync::Arc;

use mdbx_typed::prelude::*;
use mdbx_typed::{Held, Result};
use serde::{Deserialize, Serialize};
use typed_support::TempDb;

/// Asserts that each case is refused with the message beside it.
fn refused(cases: &[&str]) {
    let tests = trybuild::TestCases::new();
    for case in cases {
        tests.compile_fail(format!("tests/ui/{case}.rs"));
    }
}

/// Pain 9: attributes of serde that leave fields out compile, and then rows cannot be read.
#[test]
fn pain_09_serde_attributes_that_compile_do_not_decode() {
    refused(&["serde/leaves_fields_out", "serde/skipped_key"]);
}

/// Pain 11: borrowed values cannot leave the function, or they can and then point into pages that are used for
/// something else.
#[test]
fn pain_11_borrowed_values_cannot_leave_the_function_or_outlive_the_snapshot() -> Result<()> {
    #[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
    struct Event<'a> {
        #[key]
        id: u64,
        #[index]
        kind: &'a str,
    }

    /// The row leaves the function, with the snapshot it lies in.
    fn newest(db: &Database, kind: &str) -> Result<Option<Held<Event<'static>>>> {
        let tx = Arc::new(db.read_owned()?);
        let event = tx.by(event::by_kind).eq(kind).last()?;
        event.map_or(Ok(None), |event| tx.hold(&event))
    }
    let db = TempDb::open(schema![Event])?;
    db.write(|tx| (0..50).try_for_each(|id| tx.insert(&Event { id, kind: "open" })))?;
    let held = newest(&db, "open")?.expect("just inserted");
    // The pages of the row would be used again by now, if its snapshot were not kept.
    for _ in 0..20 {
        db.write(|tx| {
            tx.clear::<Event>()?;
            (0..50).try_for_each(|id| tx.insert(&Event { id, kind: "shut" }))
        })?;
    }
    assert_eq!(
        held.row()?,
        Event {
            id: 49,
            kind: "open"
        }
    );
    assert!(newest(&db, "open")?.is_none());
    refused(&[
        "call/row_outlives_transaction",
        "call/row_across_write",
        "zero_copy/row_leaves_closure",
        "zero_copy/held_row_outlives_holder",
    ]);
    Ok(())
}

/// Pain 19: a page of bytes is cast to a struct that must lie at a multiple of 8, and lies anywhere.
#[test]
fn pain_19_rows_in_pages_are_not_aligned() -> Result<()> {
    #[derive(Table, Plain, Clone, Copy, Debug, PartialEq)]
    #[table(raw)]
    #[repr(C)]
    struct Trade {
        #[key]
        at: le::U64,
        price: le::I128,
        flags: u8,
    }
    assert_eq!(align_of::<Trade>(), 1);
    assert_eq!(
        size_of::<Trade>(),
        25,
        "an odd size, so that rows lie at every offset"
    );
    let trade = |at: u64| Trade {
        at: at.into(),
        price: (-i128::from(at)).into(),
        flags: 1,
    };
    let db = TempDb::open(schema![Trade])?;
    db.write(|tx| (0..500).try_for_each(|at| tx.insert(&trade(at))))?;
    let tx = db.read()?;
    let mut remainders = [0; 8];
    for row in tx.by(trade::primary).rows() {
        let row: &Trade = row?;
        assert_eq!(*row, trade(row.at.get()));
        remainders[std::ptr::from_ref(row).addr() % 8] += 1;
    }
    assert!(
        remainders.iter().filter(|&&rows| rows > 0).count() > 1,
        "{remainders:?}"
    );
    refused(&[
        "plain/aligned_number",
        "plain/over_aligned",
        "plain/not_every_bit_pattern",
    ]);
    Ok(())
}

/// Pain 25: a mistake is reported in generated code, one at a time, and each table costs much time to compile.
///
/// For the time see `cargo bench -p mdbx-typed --bench compile`, and the bound on what the derive writes in its own
/// tests.
#[test]
fn pain_25_mistakes_are_reported_one_at_a_time() {
    const CASE: &str = "table/several_mistakes";
    refused(&[CASE]);
    let path = |ending: &str| format!("tests/ui/{CASE}.{ending}");
    let messages = std::fs::read_to_string(path("stderr")).expect("the messages");
    let source = std::fs::read_to_string(path("rs")).expect("the mistakes");
    let errors: Vec<&str> = messages.split("\n\n").collect();
    assert_eq!(errors.len(), 7, "all of them at once");
    for error in errors {
        assert!(
            error.starts_with("error: "),
            "each is one message:\n{error}"
        );
        // Each points into the struct, at the words to change.
        let line = error.split(&path("rs")).nth(1).expect("a place");
        let line = line
            .trim_start_matches(':')
            .split(':')
            .next()
            .expect("a line");
        let line: usize = line.parse().expect("a number");
        let text = source.lines().nth(line - 1).expect("a line of the struct");
        assert!(
            error.contains(text.trim()),
            "{text} is not shown by\n{error}"
        );
    }
}
