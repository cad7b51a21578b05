//! Held rows: they outlive the function that read them, and see their snapshot whatever is written meanwhile.

mod typed_support;

use std::sync::Arc;
use std::thread;

use mdbx_typed::prelude::*;
use mdbx_typed::{Error, Held, Result};
use serde::{Deserialize, Serialize};
use typed_support::TempDb;

#[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
struct Event<'a> {
    #[key]
    seq: u64,
    #[index]
    kind: &'a str,
    body: &'a [u8],
}

#[derive(Table, Plain, Clone, Copy, Debug, PartialEq)]
#[table(raw)]
#[repr(C)]
struct Tick {
    #[key]
    at: le::U64,
    price: le::I64,
}

#[derive(Table, Serialize, Deserialize, Debug, PartialEq)]
struct User {
    #[key]
    name: String,
    age: u8,
}

fn filled() -> Result<TempDb> {
    let db = TempDb::open(schema![Event, Tick, User])?;
    db.write(|tx| {
        for seq in 0..20 {
            tx.insert(&Event {
                seq,
                kind: if seq % 2 == 0 { "even" } else { "odd" },
                body: &[7; 100],
            })?;
        }
        tx.insert(&Tick {
            at: 1.into(),
            price: (-5).into(),
        })?;
        tx.insert(&User {
            name: "ann".into(),
            age: 30,
        })
    })?;
    Ok(db)
}

/// What a program does that answers later: the transaction is gone, the row is not.
fn find_later(db: &Database, kind: &str) -> Result<Vec<Held<Event<'static>>>> {
    let tx = Arc::new(db.read_owned()?);
    let mut found = Vec::new();
    for event in tx.by(event::by_kind).eq(kind).rows() {
        found.extend(tx.hold(&event?)?);
    }
    Ok(found)
}

#[test]
fn a_row_can_leave_the_function_that_found_it() -> Result<()> {
    let db = filled()?;
    let held = find_later(&db, "odd")?;
    assert_eq!(held.len(), 10);
    for (held, seq) in held.iter().zip((1..).step_by(2)) {
        let event: Event<'_> = held.row()?;
        assert_eq!((event.seq, event.kind, event.body.len()), (seq, "odd", 100));
        assert_eq!(
            event.body.as_ptr(),
            held.row()?.body.as_ptr(),
            "a pointer into the file, each time the same"
        );
    }
    Ok(())
}

#[test]
fn a_held_row_stays_as_it_was() -> Result<()> {
    let db = filled()?;
    let held = db.hold::<Event>(3)?.expect("it is there");
    let tick = db.hold::<Tick>(1)?.expect("it is there");
    let user = db.hold::<User>("ann")?.expect("it is there");
    for round in 0..50 {
        db.write(|tx| {
            tx.put(&Event {
                seq: 3,
                kind: "new",
                body: &[round; 200],
            })?;
            tx.delete::<Event>(u64::from(round))?;
            tx.clear::<Tick>()?;
            tx.clear::<User>()
        })?;
    }
    assert_eq!(held.row()?.kind, "odd");
    assert_eq!(held.row()?.body, [7; 100]);
    assert_eq!(tick.row()?.price, -5);
    assert_eq!(user.row()?.age, 30);
    assert!(db.hold::<Tick>(1)?.is_none());
    Ok(())
}

#[test]
fn held_rows_go_to_other_threads_and_outlive_the_database() -> Result<()> {
    fn is_send_and_sync<T: Send + Sync + 'static>(_: &T) {}
    let db = filled()?;
    let held = find_later(&db, "even")?;
    let tick = db.hold::<Tick>(1)?.unwrap();
    is_send_and_sync(&held);
    is_send_and_sync(&tick);
    drop(db);
    let threads: Vec<_> = held
        .into_iter()
        .map(|held| thread::spawn(move || held.row().map(|event| event.seq)))
        .collect();
    let mut seqs: Vec<u64> = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect::<Result<_>>()?;
    seqs.sort_unstable();
    assert_eq!(seqs, (0..20).step_by(2).collect::<Vec<_>>());
    assert_eq!(tick.row()?.price, -5);
    Ok(())
}

#[test]
fn rows_held_by_one_transaction_share_its_snapshot() -> Result<()> {
    let db = filled()?;
    let tx = Arc::new(db.read_owned()?);
    let event = tx.get::<Event>(1)?.unwrap();
    let first = tx.hold(&event)?.unwrap();
    let second = first.clone();
    assert!(Arc::ptr_eq(first.txn(), &tx) && Arc::ptr_eq(second.txn(), &tx));
    drop(first);
    assert_eq!(second.row()?, event);
    let same = second.txn().get::<Event>(2)?.unwrap();
    assert_eq!(same.seq, 2, "and can be asked for more");
    Ok(())
}

#[test]
fn a_row_that_is_not_in_the_snapshot_is_not_held() -> Result<()> {
    let db = filled()?;
    let tx = Arc::new(db.read_owned()?);
    let made_up = Event {
        seq: 99,
        kind: "x",
        body: b"",
    };
    assert!(tx.hold(&made_up)?.is_none());
    assert!(db.hold::<User>("bob")?.is_none());
    Ok(())
}

#[test]
fn a_table_that_is_not_in_the_schema_is_an_error() -> Result<()> {
    let db = TempDb::open(schema![User])?;
    assert!(matches!(
        db.hold::<Tick>(1),
        Err(Error::NotInSchema { table: "tick" })
    ));
    Ok(())
}
