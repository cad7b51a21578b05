//! What one subscriber has not received yet.
//!
//! A writer never waits for a subscriber: where there is no room left, the oldest change set goes, and is counted. So
//! what was missed is always older than what is queued, and the subscriber is told of it first.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::set::RawSet;

/// The change sets for one subscriber, at most `capacity`.
#[derive(Debug)]
pub(crate) struct Queue {
    capacity: usize,
    waiting: Mutex<Waiting>,
    /// Told when something came, or nothing will any more.
    came: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    sets: VecDeque<RawSet>,
    /// How many had to go since the subscriber was last told.
    missed: u64,
    is_closed: bool,
}

/// What there is for a subscriber.
#[derive(Debug, PartialEq)]
pub(crate) enum Next {
    Set(RawSet),
    /// So many change sets were missed.
    Missed(u64),
    /// Nothing yet.
    Nothing,
    /// Nothing, and nothing will come.
    Closed,
}

impl Queue {
    pub(crate) fn new(capacity: usize) -> Self {
        Queue {
            capacity,
            waiting: Mutex::default(),
            came: Condvar::new(),
        }
    }

    /// Adds a change set. It does not wait.
    pub(crate) fn push(&self, set: RawSet) {
        let oldest = {
            let mut waiting = self.lock();
            if waiting.is_closed {
                return;
            }
            let is_full = waiting.sets.len() >= self.capacity;
            let oldest = is_full.then(|| waiting.sets.pop_front()).flatten();
            waiting.missed += u64::from(oldest.is_some());
            waiting.sets.push_back(set);
            oldest
        };
        self.came.notify_one();
        drop(oldest); // its memory is given back while nobody waits for the lock
    }

    /// Says that nothing will come any more. What is queued stays.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.came.notify_all();
    }

    /// Takes what is next.
    pub(crate) fn take(&self) -> Next {
        self.lock().next()
    }

    /// Takes what is next; waits for it, but not longer than until `deadline`.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> Next {
        let mut waiting = self.lock();
        loop {
            let next = waiting.next();
            if next != Next::Nothing {
                return next;
            }
            let Some(deadline) = deadline else {
                waiting = self
                    .came
                    .wait(waiting)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Next::Nothing;
            }
            let woken = self.came.wait_timeout(waiting, left);
            waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner) // nothing under it panics
    }
}

impl Waiting {
    fn next(&mut self) -> Next {
        if self.missed > 0 {
            return Next::Missed(std::mem::take(&mut self.missed));
        }
        match self.sets.pop_front() {
            Some(set) => Next::Set(set),
            None if self.is_closed => Next::Closed,
            None => Next::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mdbx_core::Txnid;
    use std::time::Duration;

    fn set(txn: u64) -> RawSet {
        RawSet {
            txn: Txnid(txn),
            ..RawSet::default()
        }
    }

    #[test]
    fn a_full_queue_gives_up_its_oldest_sets_and_counts_them() {
        let queue = Queue::new(2);
        (1..=5).for_each(|txn| queue.push(set(txn)));
        assert_eq!(queue.take(), Next::Missed(3));
        assert_eq!(queue.take(), Next::Set(set(4)));
        queue.push(set(6));
        assert_eq!(queue.take(), Next::Set(set(5)));
        assert_eq!(queue.take(), Next::Set(set(6)));
        assert_eq!(queue.take(), Next::Nothing);
    }

    #[test]
    fn a_closed_queue_yields_what_it_has_and_takes_no_more() {
        let queue = Queue::new(2);
        queue.push(set(1));
        queue.close();
        queue.push(set(2));
        assert_eq!(queue.wait(None), Next::Set(set(1)));
        assert_eq!(queue.wait(None), Next::Closed);
        assert_eq!(queue.take(), Next::Closed);
    }

    #[test]
    fn waiting_ends_at_the_deadline() {
        let queue = Queue::new(1);
        let deadline = Instant::now() + Duration::from_millis(2);
        assert_eq!(queue.wait(Some(deadline)), Next::Nothing);
        assert!(Instant::now() >= deadline);
    }
}
