//! The same with loom: the memory model of C11, in which loads may also return older values than the newest.
//!
//! What loom does not do: sequentially consistent loads, stores and exchanges are taken for acquiring and releasing
//! ones, which are weaker, so that it may show what cannot be but hides nothing; a load never returns a value of a
//! later store, so orders of relaxed accesses are left out in which a load is done after a store that follows it
//! ("load buffering"); and full fences are ordered as they are run, with all that this implies.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize as Counter;

use loom::cell::UnsafeCell;
use loom::model::Builder;
use loom::thread;

use crate::backend::{Explored, Program, Violation, Weakness};

pub(crate) use loom::sync::atomic::AtomicBool;
pub(crate) use loom::sync::atomic::AtomicUsize;
pub(crate) use std::sync::atomic::Ordering;

/// What a thread does. All threads of a run are one to the system, so nothing has to be `Send`.
pub(crate) type Body = Box<dyn FnOnce()>;

/// What it may hold.
pub(crate) trait Held {}
impl<T> Held for T {}

/// How often a thread may be interrupted, over all of a run, where it does not wait.
const INTERRUPTIONS: usize = 2;

thread_local! {
    static WEAKNESS: Cell<Option<Weakness>> = const { Cell::new(None) };
}

/// Runs `program` in every order in which threads are interrupted a few times, and returns how many were tried, or the
/// first in which something was [violated](check).
///
/// # Errors
///
/// What was violated, and after how many runs.
pub fn explore(
    weakness: Option<Weakness>,
    program: impl Fn() -> Program + Send + Sync + 'static,
) -> Result<Explored, Violation> {
    let executions = Arc::new(Counter::new(0));
    let mut builder = Builder::new();
    builder.preemption_bound = Some(INTERRUPTIONS);
    builder.max_branches = 100_000;
    let count = executions.clone();
    WEAKNESS.set(weakness);
    let explored = catch_unwind(AssertUnwindSafe(|| {
        builder.check(move || {
            count.fetch_add(1, Ordering::Relaxed);
            let Program { threads, end } = program();
            let threads: Vec<_> = threads.into_iter().map(thread::spawn).collect();
            for thread in threads {
                check(thread.join().is_ok(), "a thread panicked");
            }
            end();
        });
    }));
    WEAKNESS.set(None);
    let executions = executions.load(Ordering::Relaxed);
    let counted = Explored {
        executions,
        cut_short: 0,
    };
    explored.map(|()| counted).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
        Violation {
            what: text.unwrap_or_default(),
            explored: counted,
        }
    })
}

/// Ends this order, which breaks what is promised, unless `holds`.
///
/// # Panics
///
/// Then.
pub fn check(holds: bool, what: &str) {
    assert!(holds, "{what}");
}

fn is_weak(weakness: Weakness) -> bool {
    WEAKNESS.get() == Some(weakness)
}

fn weakened(ordering: Ordering) -> Ordering {
    if is_weak(Weakness::Relaxed) {
        return Ordering::Relaxed;
    }
    ordering
}

pub(crate) fn fence(ordering: Ordering) {
    let is_dropped = match ordering {
        Ordering::SeqCst => is_weak(Weakness::NoFence),
        _ => is_weak(Weakness::Relaxed),
    };
    if !is_dropped {
        loom::sync::atomic::fence(ordering);
    }
}

/// As on a processor whose exchanges are no full barriers.
pub(crate) fn full_barrier_after_swap() {
    fence(Ordering::SeqCst);
}

macro_rules! atomics {
    ($($name:ident $type:ty;)*) => {$(
        /// An atomic of loom, which can be made weaker than it is told to be.
        #[derive(Debug)]
        pub(crate) struct $name(loom::sync::atomic::$name);

        #[allow(dead_code, reason = "not all are used of each type")]
        impl $name {
            pub(crate) fn new(value: $type) -> $name {
                $name(loom::sync::atomic::$name::new(value))
            }

            pub(crate) fn load(&self, ordering: Ordering) -> $type {
                self.0.load(weakened(ordering))
            }

            pub(crate) fn store(&self, value: $type, ordering: Ordering) {
                self.0.store(value, weakened(ordering));
            }

            pub(crate) fn swap(&self, value: $type, ordering: Ordering) -> $type {
                self.0.swap(value, weakened(ordering))
            }

            pub(crate) fn fetch_max(&self, value: $type, ordering: Ordering) -> $type {
                self.0.fetch_max(value, weakened(ordering))
            }

            pub(crate) fn compare_exchange(
                &self,
                expected: $type,
                new: $type,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$type, $type> {
                let (success, failure) = (weakened(success), weakened(failure));
                self.0.compare_exchange(expected, new, success, failure)
            }
        }
    )*};
}

atomics! {
    AtomicU32 u32;
    AtomicU64 u64;
}

/// A page of the data file. It is no atomic: that nobody writes it while another reads is what the protocol is for.
#[derive(Debug)]
pub(crate) struct Page {
    bytes: UnsafeCell<u32>,
    is_overwritten: std::sync::atomic::AtomicBool,
}

impl Page {
    pub(crate) fn new() -> Page {
        Page {
            bytes: UnsafeCell::new(0),
            is_overwritten: false.into(),
        }
    }

    /// Reads the page as it was when its snapshot was made.
    pub(crate) fn read(&self) {
        let is_same = !self.is_overwritten.load(Ordering::Relaxed);
        check(is_same, "a page that a reader has pinned was used again");
        self.bytes.with(|_| ());
    }

    /// Uses the page for something else.
    pub(crate) fn overwrite(&self) {
        self.is_overwritten.store(true, Ordering::Relaxed);
        self.bytes.with_mut(|_| ());
    }
}
