//! `#[table(log)]`: changes that are kept in the file, and what becomes of them in the course of its life.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]
#![expect(
    clippy::redundant_closure_for_method_calls,
    reason = "a method is not general enough over the lifetime of its transaction"
)]

mod typed_support;

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use mdbx_typed::prelude::*;
use mdbx_typed::{ChangeSet, Error, LoggedTable, Result, Txnid};
use serde::{Deserialize, Serialize};
use typed_support::{Rng, TempDb};

#[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[table(name = "orders", log)]
struct Order {
    #[key]
    id: u32,
    #[index]
    total: u32,
}

/// The same table as a program has it that knows no log.
#[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[table(name = "orders", module = unlogged)]
struct Unlogged {
    #[key]
    id: u32,
    #[index]
    total: u32,
}

fn order(id: u32, total: u32) -> Order {
    Order { id, total }
}

fn since<T: LoggedTable>(db: &Database, txn: Txnid) -> Result<Vec<ChangeSet<T>>> {
    db.read()?.changes_since::<T>(txn)?.collect()
}

/// Returns the transaction after which the log is complete, which a request for all is told.
fn start(db: &Database) -> Txnid {
    match since::<Order>(db, Txnid(0)) {
        Err(Error::NotInLog { start, .. }) => start,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_log_tells_what_a_subscription_tells_also_after_a_restart() -> Result<()> {
    let seed = 0x10C5;
    let mut rng = Rng(seed);
    let db = TempDb::open(schema![Order])?;
    let begin = db.read()?.id();
    let changes = db.subscribe::<Order>()?;
    let mut snapshots = vec![begin];
    for _ in 0..100 {
        db.write(|tx| {
            for _ in 0..rng.below(5) {
                let id = rng.below(15);
                match rng.below(10) {
                    0..=5 => tx.put(&order(id, rng.below(5)))?,
                    6 => tx.update::<Order>(id, |order| order.total += 1).map(drop)?,
                    7 => tx.delete::<Order>(id).map(drop)?,
                    8 => tx.delete_range(order::by_total, ..rng.below(3)).map(drop)?,
                    _ => {
                        let _ = tx.insert(&order(id, 0));
                    }
                }
            }
            Ok(())
        })?;
        snapshots.push(db.read()?.id());
    }
    db.write(|tx| tx.clear::<Order>())?;
    let told: Vec<_> = std::iter::from_fn(|| changes.try_recv().unwrap()).collect();
    assert!(told.len() > 50);
    let db = db.reopen(schema![Order]).unwrap();
    for txn in snapshots {
        let expected = told.iter().filter(|set| set.txn > txn);
        let logged = since::<Order>(&db, txn)?;
        assert!(logged.iter().eq(expected), "seed {seed:#x}, after {txn}");
    }
    Ok(())
}

#[test]
fn what_is_rolled_back_is_not_in_the_log() -> Result<()> {
    let db = TempDb::open(schema![Order])?;
    let begin = db.read()?.id();
    let failed = db.write(|tx| {
        tx.insert(&order(1, 1))?;
        tx.insert(&order(1, 1))
    });
    assert!(failed.is_err());
    let mut tx = db.begin_write()?;
    tx.insert(&order(1, 1))?;
    tx.abort();
    assert_eq!(since::<Order>(&db, begin)?, []);
    // A transaction that only asks writes nothing.
    let before = db.read()?.id();
    db.write(|tx| {
        tx.delete::<Order>(7)?;
        assert!(!tx.update::<Order>(7, |_| ())?);
        tx.clear::<Order>()
    })?;
    assert_eq!(db.read()?.id(), before);
    // One that comes to nothing is in no change set, and nothing is missing afterwards.
    db.write(|tx| {
        tx.insert(&order(1, 1))?;
        tx.delete::<Order>(1)
    })?;
    assert_eq!(since::<Order>(&db, begin)?, []);
    db.write(|tx| tx.insert(&order(2, 1)))?;
    assert_eq!(since::<Order>(&db, begin)?.len(), 1);
    Ok(())
}

#[test]
fn a_batch_is_one_transaction_in_the_log() -> Result<()> {
    let db = TempDb::open(schema![Order])?;
    let begin = db.read()?.id();
    let database: &Database = &db;
    thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || {
                for round in 0..20 {
                    let work = |tx: &mut WriteTxn<'_>| {
                        tx.insert(&order(100 + thread * 100 + round, 0))?;
                        let shared = tx.get::<Order>(1)?.map_or(0, |order| order.total);
                        tx.put(&order(1, shared + 1))
                    };
                    database.batch(work).unwrap();
                }
            });
        }
    });
    let sets = since::<Order>(&db, begin)?;
    assert!(sets.windows(2).all(|pair| pair[0].txn < pair[1].txn));
    let inserted: usize = sets.iter().map(|set| set.inserted.len()).sum();
    assert_eq!(inserted, 161);
    assert_eq!(sets[0].inserted[1], 1);
    assert!(sets[1..].iter().all(|set| set.updated == [1]));
    assert_eq!(db.read()?.get::<Order>(1)?, Some(order(1, 160)));
    Ok(())
}

#[test]
fn what_was_trimmed_is_not_there_and_who_asks_is_told() -> Result<()> {
    let db = TempDb::open(schema![Order])?;
    let mut ids = Vec::new();
    for id in 0..10 {
        ids.push(db.write(|tx| {
            tx.insert(&order(id, id))?;
            Ok(tx.id())
        })?);
    }
    assert_eq!(db.write(|tx| tx.trim_log::<Order>(ids[4]))?, 5);
    assert_eq!(start(&db), ids[4]);
    assert!(matches!(
        since::<Order>(&db, ids[3]),
        Err(Error::NotInLog { table: "orders", since, start }) if since == ids[3] && start == ids[4]
    ));
    let left = since::<Order>(&db, ids[4])?;
    assert!(left.iter().map(|set| set.txn).eq(ids[5..].iter().copied()));
    // Once more, and further than there is: what this transaction does stays.
    assert_eq!(db.write(|tx| tx.trim_log::<Order>(ids[2]))?, 0);
    let own = db.write(|tx| {
        tx.insert(&order(77, 0))?;
        assert_eq!(tx.trim_log::<Order>(Txnid::MAX)?, 5);
        Ok(tx.id())
    })?;
    let left = since::<Order>(&db, ids[9])?;
    assert!(left.iter().map(|set| set.txn).eq([own]));
    assert!(matches!(
        since::<Order>(&db, ids[8]),
        Err(Error::NotInLog { .. })
    ));
    // What has not been yet cannot be asked for either.
    assert!(matches!(
        since::<Order>(&db, Txnid(own.0 + 9)),
        Err(Error::NotInLog { .. })
    ));
    assert_eq!(since::<Order>(&db, own)?, []);
    Ok(())
}

#[test]
fn a_table_that_has_rows_begins_its_log_when_it_is_opened_with_one() -> Result<()> {
    let db = TempDb::open(schema![Unlogged])?;
    db.write(|tx| tx.insert(&Unlogged { id: 1, total: 1 }))?;
    let before = db.read()?.id();
    assert_eq!(
        db.schema_diff(schema![Order])?.to_string(),
        "opening makes the tables in the file those of this program\n\
         table `orders`:\n  \
           its changes are logged from now on"
    );
    let db = db.reopen(schema![Order]).unwrap();
    let begin = db.read()?.id();
    assert_eq!(start(&db), begin);
    assert!(before < begin);
    db.write(|tx| tx.delete::<Order>(1))?;
    assert_eq!(since::<Order>(&db, begin)?[0].deleted, [1]);
    let db = db.reopen(schema![Order]).unwrap();
    assert_eq!(since::<Order>(&db, begin)?.len(), 1);
    assert!(db.verify()?.is_clean());
    Ok(())
}

#[test]
fn changes_by_a_program_without_the_log_are_told_to_be_missing() -> Result<()> {
    let db = TempDb::open(schema![Order])?;
    let begin = db.read()?.id();
    db.write(|tx| tx.insert(&order(1, 1)))?;
    let db = db.reopen(schema![Unlogged]).unwrap();
    assert!(db.verify()?.is_clean());
    // One that only reads does no harm.
    let db = db.reopen(schema![Order]).unwrap();
    assert_eq!(since::<Order>(&db, begin)?.len(), 1);
    let logged = db.read()?.id();

    let db = db.reopen(schema![Unlogged]).unwrap();
    db.write(|tx| tx.insert(&Unlogged { id: 2, total: 2 }))?;
    let missed = db.read()?.id();
    let db = db.reopen(schema![Order]).unwrap();
    for txn in [begin, logged] {
        assert!(
            matches!(since::<Order>(&db, txn), Err(Error::NotInLog { start, .. }) if start == missed)
        );
    }
    assert_eq!(since::<Order>(&db, missed)?, []);
    // Nor do later changes, or trimming, hide what is missing.
    db.write(|tx| tx.trim_log::<Order>(begin))?;
    assert_eq!(start(&db), missed);
    db.write(|tx| tx.insert(&order(3, 3)))?;
    assert_eq!(start(&db), missed);
    assert!(since::<Order>(&db, logged).is_err());
    assert_eq!(since::<Order>(&db, missed)?[0].inserted, [3]);
    Ok(())
}

/// Returns a file in which a program that does not know the log has deleted a row, and what was read before that.
fn with_a_gap() -> Result<(TempDb, Txnid)> {
    let db = TempDb::open(schema![Order])?;
    db.write(|tx| tx.load([order(1, 1), order(2, 2)]))?;
    let seen = db.read()?.id();
    let db = db.reopen(schema![Unlogged])?;
    db.write(|tx| tx.delete::<Unlogged>(1))?;
    Ok((db, seen))
}

#[test]
fn clearing_the_table_does_not_hide_that_changes_are_missing() -> Result<()> {
    let (db, seen) = with_a_gap()?;
    let db = db.reopen(schema![Order])?;
    let missed = db.read()?.id();
    db.write(|tx| {
        tx.clear::<Order>()?;
        tx.trim_log::<Order>(Txnid(0)).map(drop)
    })?;
    assert!(matches!(
        since::<Order>(&db, seen),
        Err(Error::NotInLog { start, .. }) if start == missed
    ));
    assert_eq!(since::<Order>(&db, missed)?[0].deleted, [2]);
    Ok(())
}

#[test]
fn renaming_the_table_does_not_hide_that_changes_are_missing() -> Result<()> {
    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "bills", was = "orders", log)]
    struct Bill {
        #[key]
        id: u32,
        #[index]
        total: u32,
    }

    let (db, seen) = with_a_gap()?;
    let missed = db.read()?.id();
    let db = db.reopen(schema![Bill])?;
    assert!(matches!(
        since::<Bill>(&db, seen),
        Err(Error::NotInLog { start, .. }) if start == missed
    ));
    assert_eq!(since::<Bill>(&db, missed)?, []);
    db.write(|tx| tx.delete::<Bill>(2))?;
    assert_eq!(since::<Bill>(&db, missed)?[0].deleted, [2]);
    Ok(())
}

#[test]
fn a_closure_that_trims_keeps_what_the_others_of_its_batch_have_changed() -> Result<()> {
    let (db, _) = with_a_gap()?;
    let db = db.reopen(schema![Order])?;
    let missed = db.read()?.id();
    let turn = db.begin_write()?;
    thread::scope(|scope| {
        for id in 10..14 {
            let database: &Database = &db;
            scope.spawn(move || {
                let work = |tx: &mut WriteTxn<'_>| {
                    tx.trim_log::<Order>(Txnid(0))?;
                    tx.insert(&order(id, 1))
                };
                database.batch(work).unwrap();
            });
        }
        thread::sleep(Duration::from_millis(50)); // most likely they wait together then
        drop(turn);
    });
    let sets = since::<Order>(&db, missed)?;
    let inserted: usize = sets.iter().map(|set| set.inserted.len()).sum();
    assert_eq!(inserted, 4);
    Ok(())
}

#[test]
fn a_migration_changes_nothing_that_a_log_tells() -> Result<()> {
    mod v1 {
        use super::*;

        #[derive(Table, Serialize, Deserialize)]
        #[table(name = "notes", log)]
        pub(super) struct Note {
            #[key]
            pub(super) id: u32,
        }
    }

    #[derive(Table, Serialize, Deserialize)]
    #[table(name = "remarks", was = "notes", log)]
    struct Remark {
        #[key]
        id: u32,
        #[serde(default)]
        stars: u32,
    }

    let db = TempDb::open(schema![v1::Note])?;
    let begin = db.read()?.id();
    db.write(|tx| (0..10).try_for_each(|id| tx.insert(&v1::Note { id })))?;
    let db = db.reopen(schema![Remark]).unwrap(); // the log is renamed with its table
    assert_eq!(since::<Remark>(&db, begin)?.len(), 1);
    assert_eq!(db.migrate()?, 10);
    db.write(|tx| tx.delete::<Remark>(3))?;
    let sets = since::<Remark>(&db, begin)?;
    assert_eq!(sets.len(), 2);
    assert_eq!(sets[1].deleted, [3]);
    let db = db.reopen(schema![]).unwrap();
    assert!(db.drop_table("remarks")?);
    let db = db.reopen(schema![Remark]).unwrap(); // nothing is left in the way
    let now = db.read()?.id();
    assert_eq!(since::<Remark>(&db, now)?, []);
    Ok(())
}

#[test]
fn replaying_the_log_gives_the_table() -> Result<()> {
    let db = TempDb::open(schema![Order])?;
    let mut copy: BTreeMap<u32, Order> = BTreeMap::new();
    let mut rng = Rng(0xFEED);
    let mut seen = db.read()?.id();
    for _ in 0..50 {
        for _ in 0..rng.below(4) {
            let id = rng.below(20);
            db.write(|tx| {
                if !tx.delete::<Order>(id)? {
                    tx.insert(&order(id, rng.below(100)))?;
                }
                tx.retain::<Order>(|order| order.total % 7 != 0).map(drop)
            })?;
        }
        let tx = db.read()?;
        for set in tx.changes_since::<Order>(seen)? {
            let set = set?;
            for id in set.changed().chain(&set.deleted) {
                match tx.get::<Order>(*id)? {
                    Some(order) => copy.insert(*id, order),
                    None => copy.remove(id),
                };
            }
        }
        seen = tx.id();
        let rows: Vec<Order> = tx.by(order::primary).rows().collect::<Result<_>>()?;
        assert!(rows.iter().eq(copy.values()));
        db.write(|tx| tx.trim_log::<Order>(seen))?;
    }
    Ok(())
}

/// Does some random statements on the table, as `$row` has it, in one transaction.
macro_rules! write_randomly {
    ($db:expr, $rng:expr, $row:ident) => {
        $db.batch(|tx| {
            for _ in 0..$rng.below(4) {
                let (id, total) = ($rng.below(20), $rng.below(9));
                match $rng.below(8) {
                    0 => tx.clear::<$row>()?,
                    1 => tx.retain::<$row>(|row| row.id % 3 != 0).map(drop)?,
                    2 => tx.delete::<$row>(id).map(drop)?,
                    3 => {
                        let _ = tx.load((id..id + 3).map(|id| $row { id, total })); // some may be there
                    }
                    4 => {
                        let _ = tx.nested(|tx| {
                            tx.clear::<$row>()?;
                            tx.insert(&$row { id, total })?;
                            tx.load((total..5).map(|id| $row { id, total }))
                        });
                    }
                    _ => tx.put(&$row { id, total })?,
                }
            }
            Ok(())
        })
    };
}

/// Returns the keys of the table as one finds them who had `keys` after `txn`, and followed the log since; `None` if the log
/// does not have it all.
fn follow(tx: &ReadTxn<'_>, txn: Txnid, keys: &BTreeSet<u32>) -> Result<Option<BTreeSet<u32>>> {
    let sets = match tx.changes_since::<Order>(txn) {
        Err(Error::NotInLog { .. }) => return Ok(None),
        sets => sets?,
    };
    let mut keys = keys.clone();
    for set in sets {
        let set = set?;
        assert!(set.inserted.iter().all(|id| keys.insert(*id)));
        assert!(set.updated.iter().all(|id| keys.contains(id)));
        assert!(set.deleted.iter().all(|id| keys.remove(id)));
    }
    Ok(Some(keys))
}

#[test]
fn who_follows_the_log_misses_nothing_whatever_programs_write() -> Result<()> {
    let seed = 0x60A9;
    let mut rng = Rng(seed);
    let (mut followed, mut missed) = (0, 0);
    for round in 0..20 {
        let mut db = TempDb::open(schema![Order])?;
        let mut history: Vec<(Txnid, BTreeSet<u32>)> = Vec::new();
        for _ in 0..15 {
            if rng.below(4) == 0 {
                db = db.reopen(schema![Unlogged])?;
                write_randomly!(db, rng, Unlogged)?;
                db = db.reopen(schema![Order])?;
            } else {
                write_randomly!(db, rng, Order)?;
            }
            if rng.below(4) == 0 {
                let upto = db.read()?.id().0.saturating_sub(u64::from(rng.below(8)));
                db.write(|tx| tx.trim_log::<Order>(Txnid(upto)))?;
            }
            let tx = db.read()?;
            let now: BTreeSet<u32> = tx.by(order::primary).ids().collect::<Result<_>>()?;
            history.push((tx.id(), now.clone()));
            for (txn, keys) in &history {
                match follow(&tx, *txn, keys)? {
                    None => missed += 1,
                    Some(keys) => {
                        followed += 1;
                        assert_eq!(keys, now, "seed {seed:#x}, round {round}, since {txn}");
                    }
                }
            }
        }
    }
    assert!(followed > 400 && missed > 400, "{followed}, {missed}");
    Ok(())
}

#[test]
fn a_damaged_log_is_an_error() -> Result<()> {
    let db = TempDb::open(schema![Order])?;
    let begin = db.read()?.id();
    db.write(|tx| tx.insert(&order(1, 1)))?;
    for (key, value) in [
        (&[9; 12][..], &[77][..]), // no such kind
        (&[9; 12], &[]),
        (&[9; 12], &[1, 1]), // no such key
        (&[9; 3], &[1]),
    ] {
        let db = TempDb::open(schema![Order])?.meddle(schema![Order], |txn| {
            let log = txn.open_table("orders.@log").unwrap();
            txn.put(log, key, value).unwrap();
        })?;
        let now = db.read()?.id();
        assert!(matches!(
            since::<Order>(&db, now),
            Err(Error::Key { index: "@log", .. })
        ));
    }
    assert_eq!(since::<Order>(&db, begin)?.len(), 1);
    let db = db.meddle(schema![Order], |txn| {
        let log = txn.open_table("orders.@log").unwrap();
        txn.put(log, &[0; 12], b"start").unwrap();
    })?;
    assert!(matches!(since::<Order>(&db, begin), Err(Error::Key { .. })));
    let next = db.read()?.id().0 + 2;
    let db = db.meddle(schema![Order], |txn| {
        let log = txn.open_table("orders.@log").unwrap();
        let key = [&next.to_be_bytes()[..], &[0xFF; 4]].concat(); // the last number of the next transaction
        txn.put(log, &key, &[1, 0, 0, 0, 9]).unwrap();
    })?;
    let mut tx = db.begin_write()?;
    assert_eq!(tx.id(), Txnid(next));
    tx.insert(&order(2, 2))?;
    assert!(matches!(tx.commit(), Err(Error::Key { .. })));
    assert!(!db.read()?.contains::<Order>(2)?);
    Ok(())
}

#[test]
fn loads_and_nested_transactions_are_in_the_log() -> Result<()> {
    let db = TempDb::open(schema![Order])?;
    let begin = db.read()?.id();
    db.write(|tx| tx.load((0..5).map(|id| order(id, id))))?;
    db.write(|tx| {
        tx.nested(|tx| tx.delete::<Order>(2))?;
        let failed = tx.nested(|tx| {
            tx.delete::<Order>(3)?;
            tx.insert(&order(4, 4))
        });
        assert!(failed.is_err());
        Ok(())
    })?;
    let sets = since::<Order>(&db, begin)?;
    assert_eq!(sets.len(), 2);
    assert_eq!(sets[0].inserted, [0, 1, 2, 3, 4]);
    assert_eq!(sets[1].deleted, [2]);
    assert_eq!(sets[1].len(), 1);
    Ok(())
}

#[test]
fn a_file_that_is_only_read_and_has_no_log_is_read() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.mdbx");
    let db = Database::open(&path, schema![Unlogged])?;
    db.write(|tx| tx.insert(&Unlogged { id: 1, total: 1 }))?;
    drop(db);
    let db = Database::builder().read_only(true);
    let db = db.open(&path, schema![Order])?;
    let now = db.read()?.id();
    assert_eq!(db.read()?.get::<Order>(1)?, Some(order(1, 1)));
    assert_eq!(start(&db), now);
    assert!(db.changed_since(Txnid(0))?.has::<Order>());
    let changes = db.subscribe::<Order>()?; // nothing will come
    assert_eq!(changes.try_recv(), Ok(None));
    Ok(())
}
