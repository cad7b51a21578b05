//! `Database::batch`: typed transactions of many threads in one commit.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod typed_support;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use mdbx_typed::prelude::*;
use mdbx_typed::{Error, Result};
use serde::{Deserialize, Serialize};
use typed_support::TempDb;

#[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Member {
    #[key(auto)]
    id: u64,
    #[index(unique)]
    email: String,
    #[index]
    team: u32,
}

/// Runs `act` in that many threads at once, and returns what they return.
fn in_threads<T: Send>(threads: u32, act: impl Fn(u32) -> T + Sync) -> Vec<T> {
    let act = &act;
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || act(thread)))
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}

/// Checks that each member is found by both indexes, and nobody else is.
fn assert_indexed(db: &Database) -> Result<()> {
    let tx = db.read()?;
    let members: Vec<Member> = tx.by(member::primary).rows().collect::<Result<_>>()?;
    for member in &members {
        let found = tx.get_by(member::by_email, &*member.email)?;
        assert_eq!(found.as_ref(), Some(member));
    }
    let by_team: Vec<Member> = tx.by(member::by_team).rows().collect::<Result<_>>()?;
    assert_eq!(by_team.len(), members.len());
    assert!(by_team.iter().all(|member| members.contains(member)));
    Ok(())
}

#[test]
fn rows_that_many_threads_insert_have_each_a_key_of_its_own() -> Result<()> {
    let db = TempDb::open(schema![Member])?;
    let inserted = in_threads(8, |team| {
        let each = (0..25).map(|number| {
            let email = format!("{number}@{team}");
            db.batch(|tx| tx.insert_new(|id| Member { id, email, team }))
        });
        each.collect::<Result<Vec<_>>>()
    });
    let mut inserted = inserted.into_iter().flatten().flatten().collect::<Vec<_>>();
    inserted.sort_by_key(|member| member.id);
    let ids = inserted.iter().map(|member| member.id);
    assert!(ids.eq(1..=200));
    let db = db.reopen(schema![Member]).unwrap();
    let tx = db.read()?;
    let stored: Vec<Member> = tx.by(member::primary).rows().collect::<Result<_>>()?;
    assert_eq!(stored, inserted);
    assert_indexed(&db)
}

#[test]
fn transactions_that_fail_or_panic_are_rolled_back_alone() -> Result<()> {
    #[derive(Debug)]
    enum Refused {
        Team(u32),
        Database(Error),
    }

    impl From<Error> for Refused {
        fn from(error: Error) -> Refused {
            Refused::Database(error)
        }
    }

    let db = TempDb::open(schema![Member])?;
    let results = in_threads(12, |team| {
        catch_unwind(AssertUnwindSafe(|| {
            db.try_batch(|tx| {
                let email = format!("first@{team}");
                tx.insert_new(|id| Member { id, email, team })?;
                match team % 4 {
                    0 => return Err(Refused::Team(team)),
                    1 => resume_unwind(Box::new(team)),
                    2 => {
                        let email = format!("first@{team}");
                        tx.insert_new(|id| Member { id, email, team })?;
                    }
                    _ => {}
                }
                Ok(team)
            })
        }))
    });
    for (team, result) in (0..).zip(results) {
        match result {
            Ok(Err(Refused::Team(refused))) => assert_eq!((team % 4, refused), (0, team)),
            Err(panic) => assert_eq!((team % 4, panic.downcast_ref()), (1, Some(&team))),
            Ok(Err(Refused::Database(error))) => {
                assert!(matches!(error, Error::UniqueViolation { .. }), "{error}");
                assert_eq!(team % 4, 2);
            }
            Ok(Ok(value)) => assert_eq!((team % 4, value), (3, team)),
        }
    }
    assert_eq!(db.read()?.count::<Member>()?, 3);
    assert_indexed(&db)
}
