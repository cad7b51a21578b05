//! What hurts users of other typed stores when they listen for changes, one test each.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod typed_support;

use std::sync::mpsc;
use std::thread;

use mdbx_typed::prelude::*;
use mdbx_typed::{RecvError, Result};
use serde::{Deserialize, Serialize};
use typed_support::TempDb;

#[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
struct Message {
    #[key]
    id: u32,
    text: String,
}

fn message(id: u32) -> Message {
    Message {
        id,
        text: "x".repeat(100),
    }
}

/// Events arrive in the reverse of the order they happened in.
#[test]
fn pain_13_changes_arrive_in_the_order_they_were_written() -> Result<()> {
    let db = TempDb::open(schema![Message])?;
    let changes = db.subscribe::<Message>()?;
    db.write(|tx| {
        [5, 3, 9, 1]
            .iter()
            .try_for_each(|id| tx.insert(&message(*id)))
    })?;
    for id in 10..20 {
        db.write(|tx| tx.insert(&message(id)))?;
    }
    assert_eq!(changes.recv().unwrap().inserted, [5, 3, 9, 1]);
    for id in 10..20 {
        assert_eq!(changes.recv().unwrap().inserted, [id]);
    }
    Ok(())
}

/// Events arrive before the commit, so that a listener that reads does not find what it was told of, or hears of what
/// is then rolled back.
#[test]
fn pain_13_who_is_told_of_a_change_can_read_it() -> Result<()> {
    let db = TempDb::open(schema![Message])?;
    let changes = db.subscribe::<Message>()?;
    let database: &Database = &db;
    thread::scope(|scope| {
        let listener = scope.spawn(|| {
            for id in 0..50 {
                let set = changes.recv().unwrap();
                let tx = database.read().unwrap();
                assert!(set.txn <= tx.id());
                assert_eq!(set.inserted, [id]);
                assert_eq!(tx.get::<Message>(id).unwrap(), Some(message(id)));
            }
        });
        for id in 0..50 {
            let rolled_back = database.write(|tx| {
                tx.insert(&message(1000 + id))?;
                tx.insert(&message(1000 + id))
            });
            assert!(rolled_back.is_err());
            if id % 2 == 0 {
                database.write(|tx| tx.insert(&message(id)))?;
            } else {
                database.batch(|tx| tx.insert(&message(id)))?;
            }
        }
        listener.join().unwrap();
        Ok(())
    })
}

/// One transaction that writes a row many times gives many events, each with a clone of the row.
#[test]
fn pain_13_a_row_that_is_written_many_times_is_told_of_once() -> Result<()> {
    let db = TempDb::open(schema![Message])?;
    let changes = db.subscribe::<Message>()?;
    db.write(|tx| {
        for _ in 0..100 {
            tx.put(&message(1))?;
            tx.put(&message(2))?;
            tx.delete::<Message>(2)?;
        }
        Ok(())
    })?;
    let set = changes.recv().unwrap();
    assert_eq!((set.len(), set.inserted), (1, vec![1]));
    assert_eq!(changes.try_recv(), Ok(None));
    Ok(())
}

/// A listener that does not keep up stops the writer, or fills the memory.
#[test]
fn pain_13_a_listener_that_does_not_read_stops_nobody() -> Result<()> {
    let db = TempDb::open(schema![Message])?;
    let changes = db.subscription::<Message>().capacity(10).start()?;
    for id in 0..100 {
        db.write(|tx| tx.insert(&message(id)))?;
    }
    assert_eq!(changes.recv(), Err(RecvError::Lagged(90)));
    assert_eq!(changes.recv().unwrap().inserted, [90]);
    Ok(())
}

/// A listener runs in the writer's transaction, and one that writes itself waits for ever.
#[test]
fn pain_13_a_listener_can_write() -> Result<()> {
    let db = TempDb::open(schema![Message])?;
    let changes = db.subscribe::<Message>()?;
    let database: &Database = &db;
    let (done, is_done) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            for set in changes.take(5) {
                let id = set.unwrap().inserted[0];
                if id < 4 {
                    database.write(|tx| tx.insert(&message(id + 1))).unwrap();
                }
            }
            done.send(()).unwrap();
        });
        database.write(|tx| tx.insert(&message(0)))?;
        is_done.recv().unwrap();
        assert_eq!(database.read()?.count::<Message>()?, 5);
        Ok(())
    })
}
