//! Who listens to a database, and the change sets whose commit has not returned yet.
//!
//! # Completeness
//!
//! A subscription is added while its thread has the writer's turn, and a transaction looks for subscriptions once, when
//! it has its turn. So each transaction of this database either ended before the subscription was there, or notes
//! everything for it from its first statement on. That is also why the number of subscriptions may be loaded in any
//! order: taking the turn orders it after the subscription.
//!
//! # Order
//!
//! Commits return in their threads in any order, and a commit that is shared by many threads returns in each of them. So
//! what a transaction changed is put in line *while it still has the turn*, which makes the line one of write order. Each
//! thread then says what became of its commit, and what is decided at the front of the line is passed on.
//!
//! ```text
//!   turn:    note, note, note ─ line up ─ commit ─┐
//!   later:                                        └─ Ok: committed   ─┐
//!                                                    else: rolled back ─┴─ pass on the front
//! ```
//!
//! A [`Ticket`] that is dropped says that the transaction was rolled back, so a panic does, too. Locks are taken in the
//! order hub, queue, and nothing that a user wrote runs under them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mdbx_core::Txnid;

use super::journal::{Journal, Watch};
use super::set::RawSet;

/// What the handles of one database share, to tell of changes.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    /// How many subscriptions there are.
    listening: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    watches: Arc<[Arc<Watch>]>,
    /// Change sets in write order.
    line: VecDeque<Pending>,
    /// The number of the first in the line.
    first: u64,
}

impl Default for State {
    fn default() -> Self {
        State {
            watches: Arc::new([]),
            line: VecDeque::new(),
            first: 0,
        }
    }
}

/// What one transaction changed.
#[derive(Debug)]
struct Pending {
    sets: Vec<(Arc<Watch>, RawSet)>,
    /// Whether it was committed, once that is known.
    is_committed: Option<bool>,
}

impl Hub {
    /// Adds a subscription. The thread must have the writer's turn, if the database can be written at all.
    pub(crate) fn subscribe(&self, watch: Arc<Watch>) {
        let mut state = self.lock();
        let watches = state.watches.iter().cloned();
        state.watches = watches.chain([watch]).collect();
        self.listening.fetch_add(1, Ordering::Relaxed);
    }

    /// Removes a subscription. What is in the line for it goes to nobody.
    pub(crate) fn unsubscribe(&self, watch: &Arc<Watch>) {
        watch.queue.close();
        let mut state = self.lock();
        let others = state.watches.iter();
        let others = others.filter(|other| !Arc::ptr_eq(other, watch));
        state.watches = others.cloned().collect();
        self.listening.fetch_sub(1, Ordering::Relaxed);
    }

    /// Returns a journal for a transaction that has just got the turn; `None` if nobody listens.
    #[inline]
    pub(crate) fn journal(&self) -> Option<Box<Journal>> {
        // Whoever subscribed had the turn before this transaction.
        if self.listening.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let watches = Arc::clone(&self.lock().watches);
        Some(Box::new(Journal::new(watches)))
    }

    /// Puts in line what a transaction changed, while it still has the turn. `None` if nobody is to be told.
    pub(crate) fn line_up(self: &Arc<Self>, journal: &Journal, txn: Txnid) -> Option<Ticket> {
        let sets = journal.sets(txn);
        if sets.is_empty() {
            return None;
        }
        let mut state = self.lock();
        state.line.push_back(Pending {
            sets,
            is_committed: None,
        });
        let number = state.first + state.line.len() as u64 - 1;
        Some(Ticket {
            hub: Arc::clone(self),
            number,
            is_committed: false,
        })
    }

    /// Says what became of a transaction, and passes on what is decided at the front of the line.
    fn decide(&self, number: u64, is_committed: bool) {
        let mut state = self.lock();
        let place = usize::try_from(number - state.first);
        if let Some(pending) = place.ok().and_then(|place| state.line.get_mut(place)) {
            pending.is_committed = Some(is_committed);
        }
        while let Some(is_committed) = state.line.front().and_then(|front| front.is_committed) {
            let sets = state.line.pop_front().map(|front| front.sets);
            state.first += 1;
            if is_committed {
                // Under the lock, so that no other thread passes on what follows before this.
                for (watch, set) in sets.into_iter().flatten() {
                    watch.queue.push(set);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner) // nothing under it panics
    }
}

impl Drop for Hub {
    /// The database closes: nothing will come any more.
    fn drop(&mut self) {
        for watch in self.lock().watches.iter() {
            watch.queue.close();
        }
    }
}

/// The place of a transaction in the line. Dropping it says that the transaction was rolled back.
#[derive(Debug)]
#[must_use = "dropping it says that the transaction was rolled back"]
pub(crate) struct Ticket {
    hub: Arc<Hub>,
    number: u64,
    is_committed: bool,
}

impl Ticket {
    /// Says that the commit has returned, and with success.
    pub(crate) fn committed(mut self) {
        self.is_committed = true;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.hub.decide(self.number, self.is_committed);
    }
}

#[cfg(test)]
mod tests {
    use super::super::journal::Noting;
    use super::super::queue::{Next, Queue};
    use super::*;
    use crate::schema::IndexKeys;

    fn watched() -> (Arc<Hub>, Arc<Watch>) {
        let hub = Arc::new(Hub::default());
        let watch = Arc::new(Watch {
            slot: 1,
            filter: None,
            queue: Queue::new(10),
        });
        hub.subscribe(Arc::clone(&watch));
        (hub, watch)
    }

    fn write(hub: &Arc<Hub>, txn: u64) -> Ticket {
        let mut journal = hub.journal().unwrap();
        Noting::new(Some(&mut journal), 1).note(b"key", None, Some(&IndexKeys::default()));
        hub.line_up(&journal, Txnid(txn)).unwrap()
    }

    fn received(watch: &Watch) -> Vec<u64> {
        let sets = std::iter::from_fn(|| match watch.queue.take() {
            Next::Set(set) => Some(set.txn.0),
            _ => None,
        });
        sets.collect()
    }

    #[test]
    fn change_sets_are_passed_on_in_write_order_whatever_commit_returns_first() {
        let (hub, watch) = watched();
        let tickets: Vec<Ticket> = (1..=4).map(|txn| write(&hub, txn)).collect();
        let [first, second, third, fourth] = tickets.try_into().unwrap();
        third.committed();
        fourth.committed();
        assert!(received(&watch).is_empty());
        first.committed();
        assert_eq!(received(&watch), [1]);
        drop(second); // rolled back
        assert_eq!(received(&watch), [3, 4]);
        write(&hub, 5).committed();
        assert_eq!(received(&watch), [5]);
    }

    #[test]
    fn a_transaction_that_changes_nothing_is_not_in_the_line() {
        let (hub, _watch) = watched();
        let journal = hub.journal().unwrap();
        assert!(hub.line_up(&journal, Txnid(1)).is_none());
    }

    #[test]
    fn without_subscriptions_nothing_is_noted() {
        let (hub, watch) = watched();
        let journal = hub.journal();
        hub.unsubscribe(&watch);
        assert!(journal.is_some() && hub.journal().is_none());
        assert_eq!(watch.queue.take(), Next::Closed);
    }

    #[test]
    fn a_hub_that_is_dropped_closes_its_queues() {
        let (hub, watch) = watched();
        write(&hub, 1).committed();
        drop(hub);
        assert_eq!(received(&watch), [1]);
        assert_eq!(watch.queue.wait(None), Next::Closed);
    }
}
