//! Subscriptions: what transactions changed, told after their commit, in order, once.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]
#![expect(
    clippy::redundant_closure_for_method_calls,
    reason = "a method is not general enough over the lifetime of its transaction"
)]

mod typed_support;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use mdbx_typed::prelude::*;
use mdbx_typed::{ChangeSet, Changes, Error, RecvError, Result, Txnid};
use serde::{Deserialize, Serialize};
use typed_support::items::{Item, Model, item, random_items};
use typed_support::{Rng, TempDb};

#[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[index(by_country_age, on(country, age))]
struct User {
    #[key]
    id: u64,
    #[index(unique)]
    name: String,
    country: String,
    age: u32,
}

/// A table without indexes.
#[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Plain {
    #[key]
    id: u32,
    value: u32,
}

#[derive(Table, Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Visit {
    #[key(auto)]
    id: u64,
    #[index]
    page: u32,
}

fn user(id: u64, age: u32) -> User {
    User {
        id,
        name: format!("user {id}"),
        country: "DE".into(),
        age,
    }
}

fn plain(id: u32) -> Plain {
    Plain { id, value: 0 }
}

/// What a change set lists: inserted, updated, deleted.
type Lists<K> = [Vec<K>; 3];

/// Returns what has come so far.
fn received<T: Table>(changes: &Changes<T>) -> Vec<Lists<<T::Key as Key>::Owned>> {
    let sets = std::iter::from_fn(|| changes.try_recv().unwrap());
    sets.map(|set| [set.inserted, set.updated, set.deleted])
        .collect()
}

#[test]
fn each_statement_tells_what_it_changed() -> Result<()> {
    let db = TempDb::open(schema![User, Visit])?;
    let changes = db.subscribe::<User>()?;
    let expect = |lists: Lists<u64>| assert_eq!(received(&changes), [lists]);
    db.write(|tx| tx.insert(&user(1, 20)))?;
    expect([vec![1], vec![], vec![]]);
    db.write(|tx| tx.put(&user(2, 20)))?;
    expect([vec![2], vec![], vec![]]);
    db.write(|tx| tx.put(&user(2, 21)))?;
    expect([vec![], vec![2], vec![]]);
    db.write(|tx| tx.replace(&user(2, 22)))?;
    expect([vec![], vec![2], vec![]]);
    db.write(|tx| tx.replace(&user(3, 22)))?;
    expect([vec![3], vec![], vec![]]);
    db.write(|tx| tx.update::<User>(3, |user| user.age += 1))?;
    expect([vec![], vec![3], vec![]]);
    db.write(|tx| tx.upsert::<User>(3, |old| old.unwrap()))?;
    expect([vec![], vec![3], vec![]]);
    db.write(|tx| tx.upsert::<User>(4, |_| user(4, 40)))?;
    expect([vec![4], vec![], vec![]]);
    db.write(|tx| tx.delete::<User>(4))?;
    expect([vec![], vec![], vec![4]]);
    db.write(|tx| tx.take::<User>(3))?;
    expect([vec![], vec![], vec![3]]);
    db.batch(|tx| (10..20).try_for_each(|id| tx.insert(&user(id, 30))))?;
    expect([(10..20).collect(), vec![], vec![]]);
    db.write(|tx| tx.delete_range(user::primary, 10..12))?;
    expect([vec![], vec![], vec![10, 11]]);
    db.write(|tx| tx.delete_range(user::by_name, "user 12"..="user 13"))?;
    expect([vec![], vec![], vec![12, 13]]);
    db.write(|tx| tx.retain::<User>(|user| user.id != 14))?;
    expect([vec![], vec![], vec![14]]);
    db.write(|tx| {
        tx.drain(user::primary, 15..)?
            .take(2)
            .collect::<Result<Vec<_>>>()
    })?;
    expect([vec![], vec![], vec![15, 16]]);
    db.write(|tx| tx.clear::<User>())?;
    expect([vec![], vec![], vec![1, 2, 17, 18, 19]]);

    let visits = db.subscribe::<Visit>()?;
    db.write(|tx| tx.insert_new(|id| Visit { id, page: 1 }))?;
    assert_eq!(received(&visits), [[vec![1], vec![], vec![]]]);
    assert!(received(&changes).is_empty());
    Ok(())
}

#[test]
fn rows_that_are_removed_without_being_read_are_told_of() -> Result<()> {
    let db = TempDb::open(schema![Plain])?;
    let changes = db.subscribe::<Plain>()?;
    let high = db.subscription().on(plain::primary, 7..).start()?;
    db.write(|tx| (0..10).try_for_each(|id| tx.put(&plain(id))))?;
    db.write(|tx| tx.put(&plain(3)))?;
    db.write(|tx| tx.delete::<Plain>(77))?;
    db.write(|tx| tx.delete_range(plain::primary, 2..4))?;
    db.write(|tx| tx.delete_range(plain::primary, 6..8))?;
    db.write(|tx| tx.delete_range(plain::primary, ..))?;
    db.write(|tx| tx.clear::<Plain>())?;
    let none = Vec::new;
    assert_eq!(
        received(&changes),
        [
            [(0..10).collect(), none(), none()],
            [none(), vec![3], none()],
            [none(), none(), vec![2, 3]],
            [none(), none(), vec![6, 7]],
            [none(), none(), vec![0, 1, 4, 5, 8, 9]],
        ]
    );
    assert_eq!(
        received(&high),
        [
            [vec![7, 8, 9], none(), none()],
            [none(), none(), vec![7]],
            [none(), none(), vec![8, 9]],
        ]
    );
    Ok(())
}

#[test]
fn a_transaction_gives_one_change_set_with_its_net_effect() -> Result<()> {
    let db = TempDb::open(schema![User, Plain])?;
    db.write(|tx| (1..=3).try_for_each(|id| tx.insert(&user(id, 20))))?;
    let changes = db.subscribe::<User>()?;
    let id = db.write(|tx| {
        tx.insert(&user(5, 1))?;
        tx.delete::<User>(1)?;
        tx.insert(&user(4, 1))?;
        tx.insert(&user(6, 1))?;
        tx.delete::<User>(6)?; // was not there before
        tx.insert(&user(1, 99))?; // was there before
        tx.put(&user(5, 2))?;
        tx.put(&user(2, 2))?;
        tx.delete::<User>(2)?;
        tx.insert(&plain(1))?;
        Ok(tx.id())
    })?;
    let set = changes.recv().unwrap();
    let expected = ChangeSet {
        txn: id,
        inserted: vec![5, 4],
        updated: vec![1],
        deleted: vec![2],
    };
    assert_eq!(set, expected);
    assert_eq!((set.len(), set.is_empty()), (4, false));
    assert!(set.changed().eq(&[5, 4, 1]));
    assert_eq!(db.read()?.id(), id);
    // What comes to nothing is not told of.
    db.write(|tx| {
        tx.insert(&user(6, 1))?;
        tx.delete::<User>(6)?;
        tx.insert(&plain(2))
    })?;
    assert_eq!(changes.try_recv(), Ok(None));
    Ok(())
}

#[test]
fn what_is_not_committed_is_not_told_of() -> Result<()> {
    let db = TempDb::open(schema![User])?;
    db.write(|tx| tx.insert(&user(1, 20)))?;
    let changes = db.subscribe::<User>()?;
    let failed = db.write(|tx| {
        tx.insert(&user(2, 20))?;
        tx.insert(&user(2, 20))
    });
    assert!(matches!(failed, Err(Error::KeyExists { .. })));
    let failed = db.batch(|tx| {
        tx.insert(&user(2, 20))?;
        tx.insert(&user(2, 20))
    });
    assert!(failed.is_err());
    let panic = || -> Result<()> {
        db.write(|tx| {
            tx.insert(&user(2, 20))?;
            panic!("in a test")
        })
    };
    assert!(catch_unwind(AssertUnwindSafe(panic)).is_err());
    let panic = || -> Result<()> {
        db.batch(|tx| {
            tx.insert(&user(2, 20))?;
            panic!("in a test")
        })
    };
    assert!(catch_unwind(AssertUnwindSafe(panic)).is_err());
    let mut tx = db.begin_write()?;
    tx.insert(&user(2, 20))?;
    tx.abort();
    let mut tx = db.begin_write()?;
    tx.insert(&user(2, 20))?;
    drop(tx);
    assert_eq!(changes.try_recv(), Ok(None));
    db.write(|tx| tx.insert(&user(2, 20)))?;
    assert_eq!(received(&changes), [[vec![2], vec![], vec![]]]);
    Ok(())
}

#[test]
fn a_statement_that_fails_adds_nothing_to_the_change_set() -> Result<()> {
    let db = TempDb::open(schema![User])?;
    db.write(|tx| (1..=5).try_for_each(|id| tx.insert(&user(id, 20))))?;
    let changes = db.subscribe::<User>()?;
    db.write(|tx| {
        tx.put(&user(1, 21))?;
        assert!(tx.insert(&user(2, 0)).is_err());
        let taken = User {
            name: "user 1".into(),
            ..user(9, 0)
        };
        assert!(tx.put(&taken).is_err()); // not unique
        assert!(tx.update::<User>(3, |user| user.id = 7).is_err());
        let mut seen = 0;
        let retain = AssertUnwindSafe(|| {
            tx.retain::<User>(|_| {
                seen += 1;
                assert!(seen < 4, "in a test");
                false
            })
        });
        assert!(catch_unwind(retain).is_err());
        Ok(())
    })?;
    assert_eq!(received(&changes), [[vec![], vec![1], vec![]]]);
    assert_eq!(db.read()?.count::<User>()?, 5);
    Ok(())
}

#[test]
fn a_filter_tells_of_rows_that_enter_and_leave_its_range() -> Result<()> {
    let db = TempDb::open(schema![User])?;
    let adults = db
        .subscription::<User>()
        .on(user::by_country_age, ("DE", 18)..("DF", 0))
        .start()?;
    db.write(|tx| tx.insert(&user(1, 17)))?;
    assert!(received(&adults).is_empty());
    db.write(|tx| tx.update::<User>(1, |user| user.age = 18))?;
    db.write(|tx| tx.update::<User>(1, |user| user.age = 19))?;
    db.write(|tx| tx.update::<User>(1, |user| user.name = "Ann".into()))?;
    db.write(|tx| tx.update::<User>(1, |user| user.country = "FR".into()))?;
    db.write(|tx| tx.delete::<User>(1))?;
    assert_eq!(
        received(&adults),
        [
            [vec![1], vec![], vec![]],
            [vec![], vec![1], vec![]],
            [vec![], vec![1], vec![]],
            [vec![], vec![], vec![1]],
        ]
    );
    // In and out again is nothing, out and in again an update.
    db.write(|tx| tx.insert(&user(2, 20)))?;
    db.write(|tx| tx.insert(&user(3, 30)))?;
    received(&adults);
    db.write(|tx| {
        tx.update::<User>(2, |user| user.age = 10)?;
        tx.update::<User>(3, |user| user.age = 10)?;
        tx.update::<User>(3, |user| user.age = 30)?;
        tx.insert(&user(4, 20))?;
        tx.update::<User>(4, |user| user.age = 10).map(drop)
    })?;
    assert_eq!(received(&adults), [[vec![], vec![3], vec![2]]]);
    db.write(|tx| tx.delete_range(user::by_country_age, ..))?;
    assert_eq!(received(&adults), [[vec![], vec![], vec![3]]]);
    Ok(())
}

/// What a subscriber with a filter should hear: the difference of the keys in range before and after.
fn assert_difference(
    set: Option<ChangeSet<Item>>,
    (before, after): (&Model, &Model),
    is_seen: impl Fn(&Item) -> bool,
    touched: &BTreeSet<u16>,
    what: &str,
) {
    let ids = |model: &Model| -> BTreeSet<u16> {
        let seen = model.values().filter(|item| is_seen(item));
        seen.map(|item| item.id).collect()
    };
    let (old, new) = (ids(before), ids(after));
    let sorted = |list: Option<Vec<u16>>| {
        let list = list.unwrap_or_default();
        let set: BTreeSet<u16> = list.iter().copied().collect();
        assert_eq!(set.len(), list.len(), "each key once, {what}");
        set
    };
    let (inserted, updated, deleted) = match set {
        Some(set) => (Some(set.inserted), Some(set.updated), Some(set.deleted)),
        None => (None, None, None),
    };
    assert_eq!(sorted(inserted), &new - &old, "{what}");
    assert_eq!(sorted(updated), &(&new & &old) & touched, "{what}");
    assert_eq!(sorted(deleted), &old - &new, "{what}");
}

/// Does one random statement to a database and its model; notes the keys that it wrote.
fn random_statement(
    tx: &mut WriteTxn<'_>,
    model: &mut Model,
    touched: &mut BTreeSet<u16>,
    rng: &mut Rng,
) -> Result<()> {
    let id = u16::try_from(rng.below(40)).unwrap();
    let group = u8::try_from(rng.below(5)).unwrap();
    let removed = |model: &mut Model, is_gone: &dyn Fn(&Item) -> bool| {
        model.retain(|_, item| !is_gone(item));
    };
    match rng.below(12) {
        0..=5 => {
            let item = Item::random(id, rng);
            tx.put(&item)?;
            touched.insert(id);
            model.insert(id, item);
        }
        6 | 7 => {
            let rank = i16::try_from(rng.below(21)).unwrap() - 10;
            if tx.update::<Item>(id, |item| item.rank = rank)? {
                touched.insert(id);
                model.get_mut(&id).unwrap().rank = rank;
            }
        }
        8 => {
            tx.delete::<Item>(id)?;
            removed(model, &|item| item.id == id);
        }
        9 => {
            tx.delete_range(item::by_group, group..=group)?;
            removed(model, &|item| item.group == group);
        }
        10 => {
            tx.retain::<Item>(|item| item.rank != 3)?;
            removed(model, &|item| item.rank == 3);
        }
        _ => {
            tx.drain(item::by_tags, group..=group)?
                .try_for_each(|item| item.map(drop))?;
            removed(model, &|item| item.tags.contains(&group));
        }
    }
    Ok(())
}

#[test]
fn filters_of_every_kind_of_index_agree_with_a_model() -> Result<()> {
    let seed = 0x00C0_FFEE;
    let mut rng = Rng(seed);
    let (db, mut model) = random_items(20, &mut rng)?;
    let all = db.subscribe::<Item>()?;
    let by_id = db.subscription().on(item::primary, 10..20).start()?;
    let by_tags = db.subscription().on(item::by_tags, 2..=3).start()?;
    let by_note = db.subscription().on(item::by_note, 4..).start()?;
    let by_mark = db.subscription().on(item::by_mark, ..=None).start()?;
    let by_odd = db.subscription().on(item::by_odd_rank, ..0).start()?;
    let by_sum = db.subscription().on(item::by_sum, 1..5).start()?;
    let by_pair = db.subscription().on(item::by_group_rank, (1, 0)..(3, 0));
    let by_pair = by_pair.start()?;
    let by_name = db.subscription().on(item::by_name, "ANN"..="ann").start()?;
    for round in 0..300 {
        let before = model.clone();
        let mut touched = BTreeSet::new();
        db.write(|tx| {
            (0..=rng.below(6))
                .try_for_each(|_| random_statement(tx, &mut model, &mut touched, &mut rng))
        })?;
        let what = format!("seed {seed:#x}, round {round}");
        let check = |changes: &Changes<Item>, is_seen: &dyn Fn(&Item) -> bool| {
            let set = changes.try_recv().unwrap();
            assert_eq!(changes.try_recv(), Ok(None), "{what}");
            assert_difference(set, (&before, &model), is_seen, &touched, &what);
        };
        check(&all, &|_| true);
        check(&by_id, &|item| (10..20).contains(&item.id));
        check(&by_tags, &|item| {
            item.tags.iter().any(|tag| (2..=3).contains(tag))
        });
        check(&by_note, &|item| item.note >= Some(4));
        check(&by_mark, &|item| item.mark.is_none());
        check(&by_odd, &|item| item.is_odd() && item.rank < 0);
        check(&by_sum, &|item| (1..5).contains(&item.sum()));
        let pair = |item: &Item| (item.group, item.rank);
        check(&by_pair, &|item| ((1, 0)..(3, 0)).contains(&pair(item)));
        check(&by_name, &|item| item.name.eq_ignore_ascii_case("ann"));
    }
    Ok(())
}

#[test]
fn a_slow_subscriber_is_told_how_many_change_sets_it_missed() -> Result<()> {
    let db = TempDb::open(schema![Plain])?;
    let slow = db.subscription::<Plain>().capacity(3).start()?;
    let fast = db.subscribe::<Plain>()?;
    for id in 0..10 {
        db.write(|tx| tx.insert(&plain(id)))?;
        assert_eq!(fast.recv().unwrap().inserted, [id]);
    }
    assert_eq!(slow.recv(), Err(RecvError::Lagged(7)));
    for id in 7..10 {
        assert_eq!(slow.recv().unwrap().inserted, [id]);
    }
    assert_eq!(slow.try_recv(), Ok(None));
    db.write(|tx| tx.insert(&plain(10)))?;
    assert_eq!(slow.recv().unwrap().inserted, [10]);
    assert_eq!(slow.recv_timeout(Duration::from_millis(1)), Ok(None));
    Ok(())
}

#[test]
#[should_panic(expected = "at least one change set")]
fn a_queue_without_room_is_refused() {
    let db = Database::in_memory(schema![Plain]).unwrap();
    let _ = db.subscription::<Plain>().capacity(0);
}

#[test]
fn a_subscription_neither_holds_the_database_nor_outlives_it() -> Result<()> {
    let db = TempDb::open(schema![Plain])?;
    let changes = db.subscribe::<Plain>()?;
    let waiting = db.subscribe::<Plain>()?;
    db.write(|tx| tx.insert(&plain(1)))?;
    let receiver = thread::spawn(move || waiting.collect::<Vec<_>>());
    let db = db.reopen(schema![Plain]).unwrap(); // refused if the file were still open
    let sets = receiver.join().unwrap();
    assert_eq!(sets.len(), 1);
    db.write(|tx| tx.insert(&plain(2)))?;
    assert_eq!(changes.recv().unwrap().inserted, [1]);
    assert_eq!(changes.recv(), Err(RecvError::Closed));
    assert_eq!(changes.try_recv(), Err(RecvError::Closed));
    Ok(())
}

#[test]
fn dropping_a_subscription_ends_it_alone() -> Result<()> {
    let db = TempDb::open(schema![Plain])?;
    let (one, other) = (db.subscribe::<Plain>()?, db.subscribe::<Plain>()?);
    db.write(|tx| tx.insert(&plain(1)))?;
    drop(one);
    db.write(|tx| tx.insert(&plain(2)))?;
    assert_eq!(received(&other).len(), 2);
    let mut tx = db.begin_write()?;
    tx.insert(&plain(3))?;
    drop(other); // while something is noted for it
    tx.commit()?;
    assert_eq!(db.read()?.count::<Plain>()?, 3);
    Ok(())
}

#[test]
fn subscribing_waits_for_the_write_transaction_that_runs() -> Result<()> {
    let db = TempDb::open(schema![Plain])?;
    let database: &Database = &db;
    thread::scope(|scope| {
        let (begun, is_begun) = mpsc::channel();
        let (go, goes) = mpsc::channel();
        let writer = scope.spawn(move || {
            database.write(|tx| {
                tx.insert(&plain(1))?;
                begun.send(()).unwrap();
                goes.recv().unwrap();
                tx.insert(&plain(2))
            })
        });
        is_begun.recv().unwrap();
        let subscriber = scope.spawn(|| {
            let changes = database.subscribe::<Plain>()?;
            Ok::<_, Error>((changes, database.read()?))
        });
        thread::sleep(Duration::from_millis(20));
        assert!(!subscriber.is_finished());
        go.send(()).unwrap();
        writer.join().unwrap()?;
        // The transaction is not told of, and is in the snapshot that is read then.
        let (changes, snapshot) = subscriber.join().unwrap()?;
        assert_eq!(snapshot.count::<Plain>()?, 2);
        assert_eq!(changes.try_recv(), Ok(None));
        Ok(())
    })
}

#[test]
fn subscribing_in_a_write_transaction_of_the_thread_is_an_error() -> Result<()> {
    let db = TempDb::open(schema![Plain])?;
    let tx = db.begin_write()?;
    assert!(matches!(db.subscribe::<Plain>(), Err(Error::Engine(_))));
    drop(tx);
    assert!(matches!(
        db.subscribe::<User>(),
        Err(Error::NotInSchema { .. })
    ));
    db.subscribe::<Plain>().map(drop)
}

#[test]
fn what_only_rewrites_or_builds_is_not_told_of() -> Result<()> {
    mod v1 {
        use super::*;

        #[derive(Table, Serialize, Deserialize)]
        #[table(name = "note")]
        pub(super) struct Note {
            #[key]
            pub(super) id: u32,
        }
    }

    #[derive(Table, Serialize, Deserialize)]
    struct Note {
        #[key]
        id: u32,
        #[serde(default)]
        #[index]
        stars: u32,
    }

    let db = TempDb::open(schema![v1::Note])?;
    db.write(|tx| (0..10).try_for_each(|id| tx.insert(&v1::Note { id })))?;
    let db = db.reopen(schema![Note]).unwrap();
    let changes = db.subscribe::<Note>()?;
    assert_eq!(db.migrate()?, 10);
    assert_eq!(changes.try_recv(), Ok(None));
    Ok(())
}

/// Has a subscriber keep a copy of the table while many threads write, and compares it with the table.
#[test]
fn applying_the_change_sets_of_many_writers_gives_the_table() -> Result<()> {
    const THREADS: u32 = 8;
    const ROUNDS: u32 = 40;
    let db = TempDb::open(schema![Plain])?;
    let changes = db.subscription::<Plain>().capacity(100_000).start()?;
    let database: &Database = &db;
    let mut told: Vec<ChangeSet<Plain>> = Vec::new();
    thread::scope(|scope| {
        let receiver = scope.spawn(|| {
            let is_last = |set: &ChangeSet<Plain>| set.inserted == [u32::MAX];
            let mut sets = Vec::new();
            while !sets.last().is_some_and(is_last) {
                sets.push(changes.recv().unwrap());
            }
            sets
        });
        let writers: Vec<_> = (0..THREADS)
            .map(|thread| scope.spawn(move || write_randomly(database, thread, ROUNDS)))
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        database.write(|tx| tx.insert(&plain(u32::MAX))).unwrap();
        told = receiver.join().unwrap();
    });
    assert!(told.iter().map(|set| set.txn).is_sorted());
    let mut copy = BTreeSet::new();
    for set in &told {
        for id in &set.inserted {
            assert!(copy.insert(*id), "{id} was there at {}", set.txn);
        }
        assert!(set.updated.iter().all(|id| copy.contains(id)));
        for id in &set.deleted {
            assert!(copy.remove(id), "{id} was not there at {}", set.txn);
        }
    }
    let tx = db.read()?;
    let stored: Vec<u32> = tx.by(plain::primary).ids().collect::<Result<_>>()?;
    assert!(copy.into_iter().eq(stored));
    assert_eq!(changes.try_recv(), Ok(None));
    // Each transaction that succeeded put a row of its own: every one of them is told of once.
    let rounds = told.iter().flat_map(ChangeSet::changed);
    let rounds: Vec<u32> = rounds.copied().filter(|id| *id >= 1000).collect();
    let expected = tx.by(plain::primary).range(1000..).count()?;
    assert_eq!(rounds.len() as u64, expected);
    Ok(())
}

/// Changes rows that all threads share, in transactions of either kind, and some of them fail.
fn write_randomly(db: &Database, thread: u32, rounds: u32) {
    let mut rng = Rng(0x9E37_79B9 + u64::from(thread));
    for round in 0..rounds {
        let mut seed = Rng(rng.next() | 1);
        let fails = seed.below(5) == 0;
        let work = move |tx: &mut WriteTxn<'_>| {
            for _ in 0..seed.below(5) {
                let id = seed.below(20);
                if !tx.delete::<Plain>(id)? {
                    tx.insert(&plain(id))?;
                }
            }
            tx.insert(&plain(1000 + thread * 1000 + round))?;
            if fails {
                tx.insert(&plain(1000 + thread * 1000 + round))?;
            }
            Ok(())
        };
        let result = if thread.is_multiple_of(2) {
            db.batch(work)
        } else {
            db.write(work)
        };
        assert_eq!(result.is_err(), fails);
    }
}

#[test]
fn each_closure_of_a_batch_has_a_change_set_and_all_the_same_transaction() -> Result<()> {
    let db = TempDb::open(schema![Plain])?;
    let changes = db.subscribe::<Plain>()?;
    let database: &Database = &db;
    thread::scope(|scope| {
        let turn = database.begin_write().unwrap();
        for id in 0..6 {
            scope.spawn(move || {
                let result = database.batch(|tx| {
                    tx.insert(&plain(id))?;
                    tx.insert(&plain(if id == 3 { id } else { id + 10 }))
                });
                assert_eq!(result.is_err(), id == 3);
            });
        }
        thread::sleep(Duration::from_millis(20)); // so that most of them share a commit
        drop(turn);
    });
    let sets: Vec<ChangeSet<Plain>> = std::iter::from_fn(|| changes.try_recv().unwrap()).collect();
    assert_eq!(sets.len(), 5);
    assert!(sets.iter().all(|set| set.inserted.len() == 2));
    assert!(sets.iter().map(|set| set.txn).is_sorted());
    let snapshot = db.read()?.id();
    assert!(sets.iter().all(|set| set.txn <= snapshot));
    Ok(())
}

/// Subscribes while others write, reads a snapshot, and skips what the snapshot has.
#[test]
fn a_copy_that_begins_with_a_snapshot_has_no_gap_and_no_overlap() -> Result<()> {
    let db = TempDb::open(schema![Plain])?;
    let database: &Database = &db;
    thread::scope(|scope| {
        let writer = scope.spawn(|| write_randomly(database, 1, 300));
        for _ in 0..20 {
            let changes = database.subscribe::<Plain>()?;
            let tx = database.read()?;
            let mut copy: BTreeMap<u32, Txnid> = BTreeMap::new();
            for id in tx.by(plain::primary).ids() {
                copy.insert(id?, tx.id());
            }
            for _ in 0..5 {
                let Some(set) = changes.recv_timeout(Duration::from_millis(50)).unwrap() else {
                    break;
                };
                if set.txn <= tx.id() {
                    continue;
                }
                for id in set.inserted {
                    assert_eq!(copy.insert(id, set.txn), None);
                }
                for id in set.deleted {
                    assert!(copy.remove(&id).is_some());
                }
            }
        }
        writer.join().unwrap();
        Ok(())
    })
}

#[test]
fn changed_since_names_the_tables_that_changed() -> Result<()> {
    let db = TempDb::open(schema![User, Plain, Visit])?;
    let start = db.read()?.id();
    assert!(db.changed_since(start)?.is_empty());
    db.write(|tx| tx.insert(&plain(1)))?;
    let old = db.read_owned()?;
    let changed = db.changed_since(start)?;
    assert!(changed.has::<Plain>() && !changed.has::<User>());
    assert_eq!(changed.txn(), old.id());
    db.write(|tx| tx.insert(&user(1, 1)))?;
    db.batch(|tx| tx.insert_new(|id| Visit { id, page: 1 }))?;
    let next = db.changed_since(changed.txn())?;
    assert_eq!(next.names().collect::<Vec<_>>(), ["user", "visit"]);
    assert!(db.changed_since(next.txn())?.is_empty());
    // A snapshot answers for itself.
    assert!(old.changed_since(changed.txn())?.is_empty());
    assert_eq!(old.changed_since(start)?, changed);
    // What is rolled back or changes nothing is none.
    db.write(|tx| tx.delete::<Plain>(77))?;
    let _ = db.write(|tx| {
        tx.clear::<Plain>()?;
        tx.insert(&user(1, 1))
    });
    assert!(db.changed_since(next.txn())?.is_empty());
    db.write(|tx| tx.clear::<Plain>())?;
    assert!(db.changed_since(next.txn())?.has::<Plain>());
    // An id that the file has not come to is of another file.
    let later = Txnid(db.read()?.id().0 + 100);
    let all = db.changed_since(later)?;
    assert_eq!(all.names().count(), 3);
    drop(old);
    let db = db.reopen(schema![User, Plain, Visit]).unwrap();
    assert!(db.changed_since(all.txn())?.is_empty());
    assert_eq!(db.changed_since(Txnid(0))?.names().count(), 3);
    Ok(())
}

#[test]
fn loads_tell_their_rows_and_refused_ones_nothing() -> Result<()> {
    let db = TempDb::open(schema![User, Plain])?;
    let users = db.subscribe::<User>()?;
    let plains = db.subscribe::<Plain>()?;
    db.write(|tx| {
        tx.load((1..=3).rev().map(|id| user(id, 20)))?;
        assert!(tx.load([user(4, 20), user(2, 20)]).is_err());
        assert!(tx.load_sorted([user(5, 20), user(5, 20)]).is_err());
        tx.load_sorted((1..=2).map(plain))?;
        tx.delete::<User>(3)?;
        Ok(())
    })?;
    assert_eq!(received(&users), [[vec![2, 1], vec![], vec![]]]);
    assert_eq!(received(&plains), [[vec![1, 2], vec![], vec![]]]);
    Ok(())
}

#[test]
fn what_a_nested_transaction_undoes_is_not_told() -> Result<()> {
    let db = TempDb::open(schema![Plain])?;
    let changes = db.subscribe::<Plain>()?;
    let refuse = |tx: &mut WriteTxn<'_>, id: u32| {
        let refused = tx.nested(|tx| {
            tx.insert(&plain(id))?;
            tx.nested(|tx| tx.insert(&plain(id + 1)))?;
            Err::<(), _>(Error::KeyExists { table: "a test" })
        });
        assert!(refused.is_err());
    };
    let work = |tx: &mut WriteTxn<'_>, first: u32| -> Result<()> {
        refuse(tx, first + 100);
        tx.insert(&plain(first))?;
        refuse(tx, first + 200);
        tx.nested(|tx| tx.insert(&plain(first + 1)))?;
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            tx.nested(|tx| -> Result<()> {
                tx.insert(&plain(first + 300))?;
                panic!("half way")
            })
        }));
        assert!(panicked.is_err());
        tx.insert(&plain(first + 2))
    };
    db.write(|tx| work(tx, 1))?;
    db.batch(|tx| work(tx, 11))?;
    let inserted = |ids: [u32; 3]| [ids.to_vec(), vec![], vec![]];
    assert_eq!(
        received(&changes),
        [inserted([1, 2, 3]), inserted([11, 12, 13])]
    );
    Ok(())
}
