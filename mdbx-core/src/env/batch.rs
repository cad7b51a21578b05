//! Changes of many threads in one commit.
//!
//! What a commit costs is its sync, nearly whatever it holds. So threads that have changes at the same time put them
//! in a queue, as closures, and the first of them, the *leader*, makes one commit for all. Nobody waits for others to
//! come: who finds no leader leads at once, and those who come while its commit syncs are the next batch. The more
//! threads there are, the longer the batches.
//!
//! # Who does what
//!
//! ```text
//!   caller   pushes its closure ──┬── nobody leads ───► leads
//!                                 └── else waits ──┬──► is called to lead
//!                                                  └──► is told what became of its closure
//!
//!   leader   takes its own closure from the front, and the writer's turn
//!            runs it and those behind it, each in a nested transaction of its own
//!            commits
//!            tells everyone in the batch
//!            calls the one now in front to lead, or leaves the queue without leader
//! ```
//!
//! - **Led**: while the queue is not empty, it has a leader: the thread that leads or was called to. The lock of the
//!   queue is held wherever either changes.
//! - **Front**: who is called to lead has the closure in front. So it always takes its own, and only leaders take.
//! - **Told**: each closure that is taken is told of exactly once: [`Ticket`] does so when it is dropped, if not before.
//! - **Handed on**: leading ends by calling the next leader, also when it ends by a panic: [`Leadership`] does that
//!   when it is dropped.
//!
//! Therefore nobody waits for ever: a caller's closure is in the queue, and then there is a leader that will reach it or
//! hand on; or it was taken, and then it is told of.
//!
//! # Failures
//!
//! A closure that fails or panics is undone by its nested transaction, and the panic goes on in the thread whose
//! closure it is. What a closure answers is told after the commit, an error too: it may come from changes of others
//! that a failing commit takes back. So a failing commit is the answer to all, but for those that panicked.

use std::any::Any;
use std::collections::VecDeque;
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use log::trace;

use crate::error::{Error, Result};
use crate::store::turn::Turn;
use crate::sys::job::{Job, Subject, lend};
use crate::txn::engine::Engine;
use crate::txn::write::WriteTxn;

/// The most closures that one commit holds: they divide the cost of a sync by enough, and a leader, who works for
/// the others, gets to its own work again.
const BATCH_MAX: usize = 256;

/// What became of a closure.
enum Outcome<T, E> {
    Returned {
        result: Result<T, E>,
        /// Whether its changes became part of the batch. There is nothing to keep of one that failed.
        kept: Result<()>,
    },
    Panicked(Box<dyn Any + Send>),
}

/// Runs `work` in a transaction of its own, and keeps its changes if it succeeds. `None` if it cannot begin.
fn attempt<T, E>(
    txn: &mut WriteTxn<'_>,
    work: impl FnOnce(&mut WriteTxn<'_>) -> Result<T, E>,
) -> Option<Outcome<T, E>> {
    let mut nested = txn.nested().ok()?; // else the transaction has failed, which its commit tells
    // Whatever was left half changed by a panic is either undone here or belongs to the thread in which it goes on.
    match catch_unwind(AssertUnwindSafe(|| work(&mut nested))) {
        Ok(result) => {
            let kept = result.as_ref().map_or(Ok(()), |_| nested.commit());
            Some(Outcome::Returned { result, kept })
        }
        Err(panic) => Some(Outcome::Panicked(panic)),
    }
}

/// What the closures in a queue work on.
#[derive(Debug)]
struct Txn;

impl Subject for Txn {
    type On<'env> = WriteTxn<'env>;
}

/// The closures that wait for a commit.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    line: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<Entry>,
    is_led: bool,
}

#[derive(Debug)]
struct Entry {
    job: Job<Txn>,
    ticket: Ticket,
}

impl Queue {
    /// Does what [`Env::batch`](crate::Env::batch) documents.
    pub(crate) fn run<T, E, W>(&self, engine: &Engine, work: W) -> Result<T, E>
    where
        W: FnOnce(&mut WriteTxn<'_>) -> Result<T, E> + Send,
        T: Send,
        E: From<Error> + Send,
    {
        Turn::check_may_wait(&engine.store)?;
        // Both stay here, so that whatever is the caller's is dropped in its own thread.
        let (mut work, mut outcome) = (Some(work), None);
        let committed = lend::<Txn, _, _>(
            |txn| outcome = work.take().and_then(|work| attempt(txn, work)),
            |job| self.pass(engine, job),
        );
        match (outcome, committed) {
            (Some(Outcome::Panicked(panic)), _) => resume_unwind(panic),
            (_, Err(error)) => Err(error.into()),
            (Some(Outcome::Returned { result, kept }), Ok(())) => {
                kept?;
                result
            }
            (None, Ok(())) => Err(Error::TxnFailed.into()),
        }
    }

    /// Queues `job`, leads if that is due, and returns what became of the commit that `job` was a part of.
    fn pass(&self, engine: &Engine, job: Job<Txn>) -> Result<()> {
        let seat = Arc::new(Seat::default());
        self.push(Entry {
            job,
            ticket: Ticket {
                seat: Arc::clone(&seat),
                committed: Err(Error::TxnFailed),
            },
        });
        loop {
            match seat.wait() {
                Call::Lead => self.lead(engine),
                Call::Told(committed) => return committed,
            }
        }
    }

    fn push(&self, entry: Entry) {
        let mut line = self.lock();
        if !mem::replace(&mut line.is_led, true) {
            entry.ticket.seat.call(Call::Lead); // the queue was empty, so it will be in front
        }
        line.waiting.push_back(entry);
    }

    /// Commits one batch, which begins with the closure of this thread.
    fn lead(&self, engine: &Engine) {
        let _leadership = Leadership(self); // handed on when the batch has been told
        let Some(own) = self.next() else { return };
        match Turn::wait(&engine.store).and_then(|turn| WriteTxn::begin(engine, turn)) {
            Ok(txn) => self.commit(txn, own),
            Err(error) => own.ticket.tell(Err(error)), // the others will see for themselves
        }
    }

    fn commit(&self, mut txn: WriteTxn<'_>, own: Entry) {
        let mut tickets = Vec::new();
        let mut next = Some(own);
        while let Some(Entry { job, ticket }) = next {
            tickets.push(ticket);
            job.run(&mut txn);
            let takes_more = tickets.len() < BATCH_MAX && txn.takes_more();
            next = takes_more.then(|| self.next()).flatten();
        }
        trace!("commits a batch: closures={}", tickets.len());
        let committed = txn.commit();
        for ticket in tickets {
            ticket.tell(committed.as_ref().map(|_| ()).map_err(same));
        }
    }

    fn next(&self) -> Option<Entry> {
        self.lock().waiting.pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner) // nothing under it panics
    }
}

/// The duty to call the next leader, which is done when this is dropped.
struct Leadership<'q>(&'q Queue);

impl Drop for Leadership<'_> {
    fn drop(&mut self) {
        let mut line = self.0.lock();
        match line.waiting.front() {
            Some(first) => first.ticket.seat.call(Call::Lead),
            None => line.is_led = false,
        }
    }
}

/// What became of a closure's commit, which its caller is told when this is dropped.
#[derive(Debug)]
struct Ticket {
    seat: Arc<Seat>,
    /// [`Error::TxnFailed`] until it is known, for if a panic ends the batch it never will be.
    committed: Result<()>,
}

impl Ticket {
    fn tell(mut self, committed: Result<()>) {
        self.committed = committed;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let committed = mem::replace(&mut self.committed, Ok(()));
        self.seat.call(Call::Told(committed));
    }
}

/// Where a caller waits.
#[derive(Debug, Default)]
struct Seat {
    call: Mutex<Option<Call>>,
    called: Condvar,
}

/// What a waiting caller is called for.
#[derive(Debug)]
enum Call {
    /// To lead the queue, of which it has the front.
    Lead,
    /// Its closure was taken, and this became of the commit.
    Told(Result<()>),
}

impl Seat {
    fn call(&self, call: Call) {
        *self.call.lock().unwrap_or_else(PoisonError::into_inner) = Some(call);
        self.called.notify_one();
    }

    /// Waits to be called.
    fn wait(&self) -> Call {
        let mut call = self.call.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(call) = call.take() {
                return call;
            }
            call = self
                .called
                .wait(call)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Returns the error of a commit once more, for another caller.
fn same(error: &Error) -> Error {
    match error {
        Error::TxnFailed => Error::TxnFailed,
        Error::EnvFailed => Error::EnvFailed,
        &Error::MapFull { upper } => Error::MapFull { upper },
        &Error::Corrupted { pgno, source } => Error::Corrupted { pgno, source },
        Error::Io { action, source } => Error::Io {
            action,
            source: match source.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::new(source.kind(), source.to_string()),
            },
        },
        other => Error::Io {
            action: "commit the batch",
            source: io::Error::other(other.to_string()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::handle::Env;
    use crate::error::PageFault;
    use crate::ids::Pgno;
    use crate::txn::table::Table;
    use std::sync::atomic::Ordering;
    use std::thread;
    use tempfile::TempDir;

    fn temporary() -> (TempDir, Env) {
        let directory = tempfile::tempdir().unwrap();
        let env = Env::open(directory.path().join("db")).unwrap();
        (directory, env)
    }

    fn snapshot(env: &Env) -> u64 {
        env.read().unwrap().id().0
    }

    fn is_idle(queue: &Queue) -> bool {
        let line = queue.lock();
        line.waiting.is_empty() && !line.is_led
    }

    /// Has `callers` threads wait in the queue, then does `release`, and returns what each was answered.
    fn answers(env: &Env, callers: usize, release: impl FnOnce()) -> Vec<Result<()>> {
        thread::scope(|scope| {
            let mut threads = Vec::new();
            for caller in 0..callers {
                let key = caller.to_string();
                threads.push(
                    scope.spawn(move || env.batch(|txn| txn.put(Table::MAIN, key.as_bytes(), b""))),
                );
                // The first one leads: it has taken its own closure, and waits for the turn.
                let is_waiting = |line: &Line| line.is_led && line.waiting.len() == caller;
                while !is_waiting(&env.batches.lock()) {
                    thread::yield_now();
                }
            }
            release();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        })
    }

    #[test]
    fn all_who_wait_share_one_commit() {
        let (_directory, env) = temporary();
        for callers in [1, 2, 3, 50] {
            let before = snapshot(&env);
            let turn = env.write().unwrap();
            let answers = answers(&env, callers, || drop(turn));
            assert!(answers.iter().all(Result::is_ok), "{answers:?}");
            assert_eq!(snapshot(&env), before + 1);
            assert_eq!(
                env.read().unwrap().table(Table::MAIN).unwrap().len(),
                callers as u64
            );
            assert!(is_idle(&env.batches));
        }
    }

    #[test]
    fn a_leader_commits_no_more_than_one_batch_and_hands_on() {
        let (_directory, env) = temporary();
        let before = snapshot(&env);
        let turn = env.write().unwrap();
        let answers = answers(&env, 2 * BATCH_MAX + 1, || drop(turn));
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        assert_eq!(snapshot(&env), before + 3);
        assert!(is_idle(&env.batches));
    }

    #[test]
    fn a_batch_ends_when_it_has_more_pages_than_are_kept_in_memory() {
        let directory = tempfile::tempdir().unwrap();
        let options = Env::options().dirty_limit(1);
        let env = options.open(directory.path().join("db")).unwrap();
        let before = snapshot(&env);
        let turn = env.write().unwrap();
        let answers = answers(&env, 4, || drop(turn));
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        assert_eq!(snapshot(&env), before + 4);
    }

    #[test]
    fn everyone_is_told_that_no_transaction_can_begin() {
        let (_directory, env) = temporary();
        let turn = env.write().unwrap();
        let answers = answers(&env, 20, || {
            env.engine.store.failed.store(true, Ordering::Release);
            drop(turn);
        });
        for answer in answers {
            assert!(matches!(answer, Err(Error::EnvFailed)), "{answer:?}");
        }
        assert!(is_idle(&env.batches));
    }

    #[test]
    fn a_leader_that_panics_tells_its_batch_and_hands_on() {
        let queue = Queue::default();
        let seats: [Arc<Seat>; 3] = Default::default();
        let entry = |job, number: usize| Entry {
            job,
            ticket: Ticket {
                seat: Arc::clone(&seats[number]),
                committed: Err(Error::TxnFailed),
            },
        };
        lend::<Txn, _, _>(
            |_| (),
            |first| {
                queue.push(entry(first, 0));
                assert!(matches!(seats[0].wait(), Call::Lead));
                lend::<Txn, _, _>(
                    |_| (),
                    |second| {
                        queue.push(entry(second, 1));
                        let led = catch_unwind(AssertUnwindSafe(|| {
                            let _leadership = Leadership(&queue);
                            let _own = queue.next();
                            panic!("the leader panics");
                        }));
                        assert!(led.is_err());
                        assert!(matches!(seats[0].wait(), Call::Told(Err(Error::TxnFailed))));
                        assert!(matches!(seats[1].wait(), Call::Lead));
                        let leadership = Leadership(&queue);
                        queue.next().unwrap().ticket.tell(Ok(()));
                        drop(leadership);
                        assert!(matches!(seats[1].wait(), Call::Told(Ok(()))));
                    },
                );
            },
        );
        assert!(is_idle(&queue));
    }

    #[test]
    fn an_error_of_the_commit_is_the_same_for_everyone() {
        let refused = io::Error::from_raw_os_error(5);
        let ended = io::Error::new(io::ErrorKind::UnexpectedEof, "it ends early");
        let io = |source| Error::Io {
            action: "sync",
            source,
        };
        let errors = [
            Error::TxnFailed,
            Error::EnvFailed,
            Error::MapFull { upper: 7 },
            PageFault::LooseHeap.at(Pgno(7)),
            io(refused),
            io(ended),
        ];
        for error in errors {
            assert_eq!(same(&error).to_string(), error.to_string());
            let source = |error: &dyn std::error::Error| error.source().map(ToString::to_string);
            assert_eq!(source(&same(&error)), source(&error));
        }
        let other = same(&Error::TablesFull { max: 7 });
        let Error::Io { source, .. } = other else {
            panic!("{other:?}");
        };
        assert_eq!(source.to_string(), Error::TablesFull { max: 7 }.to_string());
    }
}
