//! Work that one thread lends to another, with all that it borrows.
//!
//! A closure that borrows from its thread's stack cannot be given to another thread, unless the first one waits. So
//! [`lend`] forgets what a closure borrows, gives it away as a [`Job`], and does not return before that job is gone:
//!
//! - **Waits**: [`lend`] neither returns nor unwinds while the job exists. A job that is forgotten is waited for for
//!   ever.
//! - **Once**: running a job takes it, so it runs at most once.
//! - **Gone means gone**: the job says so only after its work, and all that the work borrows, has been dropped, be it
//!   because it ran, because it panicked, or because nobody ran it.
#![expect(
    unsafe_code,
    reason = "gives a closure to another thread without what it borrows in its type"
)]

use std::fmt;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// What work is done on: a type with a lifetime that is another one each time.
pub(crate) trait Subject: 'static {
    /// The type.
    type On<'s>;
}

type Work<'w, S> = Box<dyn for<'s> FnOnce(&mut <S as Subject>::On<'s>) + Send + 'w>;

/// Work that another thread has lent, and waits for.
pub(crate) struct Job<S: Subject> {
    /// It borrows what lives as long as the job does, whatever its type says.
    work: Work<'static, S>,
    /// Dropped after the work.
    gone: Opener,
}

/// Lends `work` as a job, which `give` can pass on, and returns what `give` returns, once the job is gone.
///
/// `give` had better not return before that: it knows what it waits for. The wait here is what safety needs.
pub(crate) fn lend<S: Subject, W, R>(work: W, give: impl FnOnce(Job<S>) -> R) -> R
where
    W: for<'s> FnOnce(&mut S::On<'s>) + Send,
{
    let latch = Arc::new(Latch::default());
    let _waits = Waits(&latch); // to be dropped when this function ends, however it ends
    let work: Work<'_, S> = Box::new(work);
    // SAFETY:
    // - Layout: the two types differ in a lifetime alone.
    // - Lifetime: what the work borrows outlives this call, and the work is dropped before the latch opens, which
    //   `_waits` waits for before this call ends. Nothing between here and there can skip that drop.
    // - Escape: the work is called with a subject of any lifetime, so it can leave nothing it borrows there; and it
    //   returns nothing.
    // - Threads: the work is `Send`.
    let work = unsafe { mem::transmute::<Work<'_, S>, Work<'static, S>>(work) };
    give(Job {
        work,
        gone: Opener(Arc::clone(&latch)),
    })
}

impl<S: Subject> Job<S> {
    /// Does the work.
    ///
    /// # Panics
    ///
    /// If the work does.
    pub(crate) fn run(self, on: &mut S::On<'_>) {
        let Job { work, gone } = self;
        work(on); // the call drops the work
        drop(gone);
    }
}

impl<S: Subject> fmt::Debug for Job<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").finish_non_exhaustive()
    }
}

/// Shut until it is opened, once.
#[derive(Debug, Default)]
struct Latch {
    is_open: Mutex<bool>,
    opened: Condvar,
}

/// Opens its latch when it is dropped.
#[derive(Debug)]
struct Opener(Arc<Latch>);

impl Drop for Opener {
    fn drop(&mut self) {
        *self
            .0
            .is_open
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = true;
        self.0.opened.notify_all();
    }
}

/// Waits for its latch to be open when it is dropped.
struct Waits<'l>(&'l Latch);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        let mut is_open = self
            .0
            .is_open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while !*is_open {
            is_open = self
                .0
                .opened
                .wait(is_open)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::mpsc;
    use std::thread;

    struct Numbers;

    impl Subject for Numbers {
        type On<'s> = Vec<&'s str>;
    }

    /// Runs `test` with a sender of jobs to a thread that does with each what `serve` does.
    fn with_server(
        serve: impl Fn(Job<Numbers>) + Send,
        test: impl FnOnce(&mpsc::Sender<Job<Numbers>>),
    ) {
        let (sender, receiver) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(move || receiver.into_iter().for_each(serve));
            test(&sender);
            drop(sender);
        });
    }

    #[test]
    fn work_that_borrows_is_done_by_another_thread_before_it_is_back() {
        with_server(
            |job| job.run(&mut vec!["one", "two"]),
            |sender| {
                let suffix = String::from("!");
                let mut seen = Vec::new();
                lend::<Numbers, _, _>(
                    |on| seen.extend(on.iter().map(|text| format!("{text}{suffix}"))),
                    |job| sender.send(job).unwrap(),
                );
                assert_eq!(seen, ["one!", "two!"]);
            },
        );
    }

    #[test]
    fn work_that_nobody_does_is_dropped_before_it_is_back() {
        with_server(drop, |sender| {
            let (mut done, witness) = (false, Arc::new(()));
            let held = Arc::clone(&witness);
            lend::<Numbers, _, _>(
                |_| {
                    done = Arc::strong_count(&held) > 0;
                    drop(held);
                },
                |job| sender.send(job).unwrap(),
            );
            assert!(!done);
            assert_eq!(Arc::strong_count(&witness), 1);
        });
    }

    #[test]
    fn a_lender_that_panics_waits_for_its_work_all_the_same() {
        with_server(
            |job| {
                thread::yield_now();
                job.run(&mut Vec::new());
            },
            |sender| {
                let mut done = false;
                let lent = catch_unwind(AssertUnwindSafe(|| {
                    lend::<Numbers, _, _>(
                        |_| done = true,
                        |job| {
                            sender.send(job).unwrap();
                            panic!("the lender panics");
                        },
                    );
                }));
                assert!(lent.is_err());
                assert!(done);
            },
        );
    }

    #[test]
    fn work_that_panics_is_gone_too() {
        with_server(
            |job| {
                let ran = catch_unwind(AssertUnwindSafe(|| job.run(&mut Vec::new())));
                assert!(ran.is_err());
            },
            |sender| {
                let witness = Arc::new(());
                let held = Arc::clone(&witness);
                lend::<Numbers, _, _>(
                    move |_| panic!("the work panics, holding {}", Arc::strong_count(&held)),
                    |job| sender.send(job).unwrap(),
                );
                assert_eq!(Arc::strong_count(&witness), 1);
            },
        );
    }
}
