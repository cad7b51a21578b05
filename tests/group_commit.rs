//! `Env::batch`: many threads share a commit, and none of them notices but by the time it takes.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use common::{Rng, TempEnv, items, with_patience};
use mdbx_core::{
    Env, Error, Geometry, PageSize, Result, Table, TableFlags, TableOrder, Txnid, WriteTxn,
};

const COUNTER: &[u8] = b"counter";

/// Adds one to the counter and returns what it is now.
fn count(txn: &mut WriteTxn<'_>) -> Result<u64> {
    let before = txn.get(Table::MAIN, COUNTER)?;
    let now = before.map_or(0, number) + 1;
    txn.put(Table::MAIN, COUNTER, &now.to_be_bytes())?;
    Ok(now)
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(bytes.try_into().unwrap())
}

fn counter(env: &Env) -> Result<u64> {
    Ok(env.read()?.get(Table::MAIN, COUNTER)?.map_or(0, number))
}

/// Returns the id of the newest snapshot.
fn snapshot(env: &Env) -> Result<Txnid> {
    Ok(env.read()?.id())
}

/// Panics without a word, so that the output of the tests stays readable.
fn panic_with(payload: &'static str) -> ! {
    resume_unwind(Box::new(payload))
}

/// Runs `act` in `threads` threads at once, each with its number, and returns what they return.
fn in_threads<T: Send>(threads: usize, act: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let (act, start) = (&act, &Barrier::new(threads));
    with_patience("a thread waits for ever", || {
        thread::scope(|scope| {
            let running: Vec<_> = (0..threads)
                .map(|thread| {
                    scope.spawn(move || {
                        start.wait();
                        act(thread)
                    })
                })
                .collect();
            running
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        })
    })
}

#[test]
fn each_of_many_threads_gets_its_own_result_and_every_change_is_there() -> Result<()> {
    for threads in [1, 2, 16] {
        let mut env = TempEnv::new();
        let per_thread = 64;
        let given = in_threads(threads, |thread| {
            let each = (0..per_thread).map(|turn| {
                let key = format!("{thread}/{turn}");
                env.batch(|txn| -> Result<u64> {
                    txn.put(Table::MAIN, key.as_bytes(), b"there")?;
                    count(txn)
                })
            });
            each.collect::<Result<Vec<u64>>>()
        });
        let mut seen = BTreeSet::new();
        for numbers in given {
            let numbers = numbers?;
            assert!(numbers.is_sorted(), "a thread's own changes are in order");
            seen.extend(numbers);
        }
        let total = (threads * per_thread) as u64;
        assert_eq!(seen, (1..=total).collect(), "as if one after the other");
        env.reopen()?;
        assert_eq!(counter(&env)?, total);
        assert_eq!(env.read()?.table(Table::MAIN)?.len(), total + 1);
    }
    Ok(())
}

#[test]
fn a_thread_that_is_alone_has_a_commit_of_its_own_for_each_call() -> Result<()> {
    let env = TempEnv::new();
    for _ in 0..10 {
        let before = snapshot(&env)?;
        env.batch(count)?;
        assert_eq!(snapshot(&env)?, Txnid(before.0 + 1));
    }
    let before = snapshot(&env)?;
    assert_eq!(
        env.batch(|txn| txn.get(Table::MAIN, COUNTER).map(|found| found.map(number)))?,
        Some(10)
    );
    assert_eq!(snapshot(&env)?, before, "nothing was changed");
    Ok(())
}

#[test]
fn threads_that_come_while_others_commit_share_the_next_commit() -> Result<()> {
    let env = TempEnv::new();
    let (threads, per_thread) = (32, 16);
    let (before, coming) = (snapshot(&env)?, AtomicUsize::new(0));
    in_threads(threads, |_| {
        for _ in 0..per_thread {
            coming.fetch_add(1, Ordering::SeqCst);
            let counted = env.batch(|txn| -> Result<u64> {
                // Whoever is first waits for all others to be on their way, as it would for a slow disk.
                let all = usize::try_from(counter(&env)?).unwrap() + threads;
                while coming.load(Ordering::SeqCst) < all.min(threads * per_thread) {
                    thread::yield_now();
                }
                count(txn)
            });
            counted.unwrap();
        }
    });
    let (commits, closures) = (snapshot(&env)?.0 - before.0, threads * per_thread);
    assert_eq!(counter(&env)?, closures as u64);
    assert!(
        commits * 2 < closures as u64,
        "{commits} commits for {closures} closures"
    );
    Ok(())
}

#[test]
fn what_is_returned_is_committed() {
    let env = TempEnv::new();
    in_threads(8, |_| {
        for _ in 0..50 {
            let counted = env.batch(count).unwrap();
            assert!(counter(&env).unwrap() >= counted);
        }
    });
}

#[test]
fn an_error_of_any_type_is_returned_and_its_changes_are_undone() -> Result<()> {
    #[derive(Debug)]
    enum Refused {
        TooFew(u64),
        Database(Error),
    }

    impl From<Error> for Refused {
        fn from(error: Error) -> Refused {
            Refused::Database(error)
        }
    }

    let env = TempEnv::new();
    env.batch(count)?;
    let before = snapshot(&env)?;
    let refused = env.batch(|txn| match count(txn)? {
        few @ 0..5 => Err(Refused::TooFew(few)),
        enough => Ok(enough),
    });
    assert!(matches!(refused, Err(Refused::TooFew(2))), "{refused:?}");
    let missing = env.batch(|txn| -> Result<u64, Refused> {
        txn.insert(Table::MAIN, COUNTER, b"")?;
        Ok(0)
    });
    assert!(
        matches!(missing, Err(Refused::Database(Error::KeyExists))),
        "{missing:?}"
    );
    assert_eq!(snapshot(&env)?, before);
    assert_eq!(counter(&env)?, 1);
    Ok(())
}

#[test]
fn a_panic_goes_on_in_its_own_thread_and_its_changes_are_undone() -> Result<()> {
    let env = TempEnv::new();
    let results = in_threads(16, |thread| {
        let name = format!("thread {thread}");
        let result = catch_unwind(AssertUnwindSafe(|| {
            env.batch(|txn| -> Result<u64> {
                let counted = count(txn)?;
                if thread % 2 == 1 {
                    resume_unwind(Box::new(name.clone()));
                }
                Ok(counted)
            })
        }));
        result.map_err(|payload| *payload.downcast::<String>().unwrap() == name)
    });
    for (thread, result) in results.into_iter().enumerate() {
        match result {
            Ok(counted) => assert!(thread % 2 == 0 && counted? <= 8),
            Err(is_own) => assert!(thread % 2 == 1 && is_own),
        }
    }
    assert_eq!(counter(&env)?, 8);
    Ok(())
}

/// How a closure of the random test ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Kept,
    Failed,
    Panicked,
}

/// Makes random changes to the keys of one thread, in the database and in `model`.
fn change(
    txn: &mut WriteTxn<'_>,
    table: Table,
    thread: usize,
    rng: &mut Rng,
    model: &mut BTreeMap<Vec<u8>, Vec<u8>>,
) -> Result<()> {
    for _ in 0..rng.below(12) {
        let key = format!("{:02}/{thread}", rng.below(40)).into_bytes();
        if rng.once_in(3) {
            assert_eq!(txn.delete(table, &key)?, model.remove(&key).is_some());
        } else {
            let longest = if rng.once_in(10) { 2000 } else { 60 };
            let len = rng.below(longest);
            let value = rng.bytes(len);
            txn.put(table, &key, &value)?;
            model.insert(key, value);
        }
    }
    Ok(())
}

#[test]
fn random_closures_that_fail_and_panic_leave_what_the_others_did() -> Result<()> {
    let mut seeds = Rng::new(61);
    for _ in 0..4 {
        let mut env = TempEnv::with_page_size(PageSize::MIN);
        let table = env.create_table("t", TableFlags::empty())?;
        let seed = seeds.next();
        let models = in_threads(8, |thread| {
            let mut rng = Rng::with_seed(seed + thread as u64);
            let mut model = BTreeMap::new();
            for _ in 0..60 {
                let end = *rng.pick(&[End::Kept, End::Kept, End::Failed, End::Panicked]);
                let mut attempt = model.clone();
                let result = catch_unwind(AssertUnwindSafe(|| {
                    env.batch(|txn| {
                        change(txn, table, thread, &mut rng, &mut attempt)?;
                        match end {
                            End::Kept => Ok(()),
                            End::Failed => Err(Error::Stopped),
                            End::Panicked => panic_with("planned"),
                        }
                    })
                }));
                let ended = match result {
                    Ok(Ok(())) => End::Kept,
                    Ok(Err(Error::Stopped)) => End::Failed,
                    Ok(Err(error)) => panic!("{error}"),
                    Err(payload) => match payload.downcast_ref() {
                        Some(&"planned") => End::Panicked,
                        _ => resume_unwind(payload),
                    },
                };
                assert_eq!(ended, end);
                if end == End::Kept {
                    model = attempt;
                }
            }
            model
        });
        env.reopen()?;
        let expected: BTreeMap<_, _> = models.into_iter().flatten().collect();
        let txn = env.read()?;
        let table = txn.open_table("t")?;
        assert_eq!(items(&txn.table(table)?)?, Vec::from_iter(expected));
    }
    Ok(())
}

#[test]
fn a_closure_that_finds_no_room_fails_alone() -> Result<()> {
    let upper = 1 << 18;
    let env = TempEnv::with_geometry(Geometry::default().upper(upper));
    let results = in_threads(12, |thread| {
        env.batch(|txn| {
            if thread % 4 == 0 {
                for large in 0_u32.. {
                    txn.put(Table::MAIN, &large.to_be_bytes(), &[7; 9000])?;
                }
            }
            count(txn)
        })
    });
    for (thread, result) in results.iter().enumerate() {
        match result {
            Err(Error::MapFull { .. }) => assert_eq!(thread % 4, 0),
            Ok(_) => assert_ne!(thread % 4, 0),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(env.read()?.table(Table::MAIN)?.len(), 1);
    assert_eq!(counter(&env)?, 9);
    Ok(())
}

#[test]
fn an_error_that_a_closure_keeps_to_itself_undoes_it() -> Result<()> {
    static PANICS: AtomicBool = AtomicBool::new(false);
    let order = TableOrder::new().keys(|a, b| {
        if PANICS.load(Ordering::SeqCst) {
            panic_with("the order fails");
        }
        a.cmp(b)
    });
    let env = TempEnv::with(Env::options().main_order(order));
    env.put(Table::MAIN, b"a", b"")?;
    let kept = env.batch(|txn| -> Result<u64> {
        txn.put(Table::MAIN, b"b", b"")?;
        PANICS.store(true, Ordering::SeqCst);
        let put = catch_unwind(AssertUnwindSafe(|| txn.put(Table::MAIN, b"c", b"")));
        PANICS.store(false, Ordering::SeqCst);
        assert!(put.is_err());
        Ok(1)
    });
    match kept {
        // The change was left half done, or the panic came before it began.
        Err(Error::TxnFailed) => assert_eq!(env.read()?.table(Table::MAIN)?.len(), 1),
        kept => assert_eq!(kept?, 1),
    }
    assert_eq!(env.batch(count)?, 1);
    Ok(())
}

#[test]
fn a_panic_in_the_commit_leaves_nobody_waiting() -> Result<()> {
    static PANICS: AtomicBool = AtomicBool::new(false);
    let order = TableOrder::new().keys(|a, b| {
        if PANICS.load(Ordering::SeqCst) {
            panic_with("the order fails");
        }
        a.cmp(b)
    });
    let env = TempEnv::with(Env::options().main_order(order));
    let tables = [
        env.create_table("a", TableFlags::empty())?,
        env.create_table("b", TableFlags::empty())?,
    ];
    let before = snapshot(&env)?;
    let results = in_threads(8, |thread| {
        catch_unwind(AssertUnwindSafe(|| {
            env.batch(|txn| -> Result<()> {
                txn.put(tables[thread % 2], b"key", b"value")?;
                PANICS.store(true, Ordering::SeqCst); // the commit looks for the records of the tables
                Ok(())
            })
        }))
    });
    PANICS.store(false, Ordering::SeqCst);
    assert!(results.iter().any(Result::is_err), "the leader's");
    for result in results.into_iter().flatten() {
        assert!(matches!(result, Err(Error::TxnFailed)), "{result:?}");
    }
    assert_eq!(snapshot(&env)?, before);
    env.batch(|txn| txn.put(tables[0], b"key", b"value"))?;
    assert_eq!(env.read()?.table(tables[0])?.len(), 1);
    Ok(())
}

#[test]
fn a_failing_commit_is_the_answer_to_all_but_panics() -> Result<()> {
    let env = TempEnv::new();
    let before = snapshot(&env)?;
    // A nested transaction that never ends makes the whole one fail.
    let leak = |txn: &mut WriteTxn<'_>| -> Result<()> {
        count(txn)?;
        std::mem::forget(txn.nested()?);
        Ok(())
    };
    assert!(matches!(env.batch(leak), Err(Error::TxnFailed)));
    let failed = env.batch(|txn| leak(txn).and(Err::<(), _>(Error::Stopped)));
    assert!(matches!(failed, Err(Error::TxnFailed)), "{failed:?}");
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        env.batch(|txn| -> Result<()> { leak(txn).and_then(|()| panic_with("planned")) })
    }));
    assert!(panicked.is_err());
    assert_eq!(snapshot(&env)?, before);
    assert_eq!(env.batch(count)?, 1);
    Ok(())
}

#[test]
fn a_thread_that_writes_already_is_told_instead_of_waiting_for_itself() -> Result<()> {
    let env = TempEnv::new();
    with_patience("a thread waits for itself", || -> Result<()> {
        let txn = env.write()?;
        assert!(matches!(env.batch(count), Err(Error::WriterBusy)));
        drop(txn);
        env.batch(|txn| -> Result<u64> {
            assert!(matches!(env.batch(count), Err(Error::WriterBusy)));
            assert!(matches!(env.write(), Err(Error::WriterBusy)));
            assert!(matches!(env.try_write(), Err(Error::WriterBusy)));
            assert!(matches!(txn.checkpoint(), Err(Error::Nested)));
            assert!(matches!(txn.rollback(), Err(Error::Nested)));
            count(txn)
        })?;
        Ok(())
    })?;
    in_threads(8, |_| {
        let inner = env.batch(|txn| count(txn).map(|_| env.batch(count).is_err()));
        assert!(inner.unwrap(), "also in the thread of another caller");
    });
    assert_eq!(counter(&env)?, 9);
    Ok(())
}

#[test]
fn an_environment_for_reading_takes_no_batch() -> Result<()> {
    let mut env = TempEnv::new();
    env.batch(count)?;
    env.reopen_with(Env::options().read_only(true))?;
    assert!(matches!(env.batch(count), Err(Error::ReadOnly)));
    Ok(())
}

#[test]
fn batches_and_write_transactions_take_turns() -> Result<()> {
    let env = TempEnv::new();
    in_threads(8, |thread| {
        for _ in 0..40 {
            if thread % 2 == 0 {
                env.batch(count).unwrap();
            } else {
                let mut txn = env.write().unwrap();
                count(&mut txn).unwrap();
                txn.commit().unwrap();
            }
        }
    });
    assert_eq!(counter(&env)?, 320);
    Ok(())
}

#[test]
fn what_a_closure_holds_is_dropped_before_its_result_is_there() {
    let env = TempEnv::new();
    let held = Arc::new(Mutex::new(Vec::new()));
    in_threads(8, |thread| {
        for turn in 0..20 {
            let own = Arc::new(());
            let (inside, held) = (Arc::clone(&own), Arc::clone(&held));
            let result = catch_unwind(AssertUnwindSafe(|| {
                env.batch(move |txn| -> Result<u64> {
                    held.lock().unwrap().push(thread);
                    let counted = count(txn)? + Arc::strong_count(&inside) as u64;
                    match turn % 3 {
                        0 => Err(Error::Stopped),
                        1 => panic_with("planned"),
                        _ => Ok(counted),
                    }
                })
            }));
            drop(result);
            assert_eq!(Arc::strong_count(&own), 1);
        }
    });
    assert_eq!(held.lock().unwrap().len(), 160);
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn the_file_is_closed_when_the_last_of_many_handles_is_gone() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    for round in 1..=3 {
        let env = Env::open(&path)?;
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let env = env.clone();
                thread::spawn(move || env.batch(count))
            })
            .collect();
        drop(env);
        for thread in threads {
            thread.join().unwrap()?;
        }
        assert_eq!(counter(&Env::open(&path)?)?, round * 4);
    }
    Ok(())
}
