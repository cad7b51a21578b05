//! What tries the orders in which threads may come, in two forms.

#[cfg(feature = "loom")]
mod loom;
#[cfg(not(feature = "loom"))]
mod store_buffers;

use std::fmt;

#[cfg(feature = "loom")]
pub use self::loom::{check, explore};
#[cfg(not(feature = "loom"))]
pub use store_buffers::{check, explore};

#[cfg(feature = "loom")]
pub(crate) use self::loom::{
    AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Body, Held, Ordering, Page, fence,
    full_barrier_after_swap,
};
#[cfg(not(feature = "loom"))]
pub(crate) use store_buffers::{
    AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Body, Held, Ordering, Page, fence,
    full_barrier_after_swap,
};

/// Threads, and what is done after all of them have ended.
pub struct Program {
    pub(crate) threads: Vec<Body>,
    pub(crate) end: Box<dyn FnOnce()>,
}

/// How many orders were tried.
#[derive(Debug, Clone, Copy, Default)]
pub struct Explored {
    /// Those that differ.
    pub executions: usize,
    /// Those that turned out to come to the same as one before.
    pub cut_short: usize,
}

/// An order in which something is not as it should be.
#[derive(Debug)]
pub struct Violation {
    /// What should be.
    pub what: String,
    /// How many orders were tried up to this one.
    pub explored: Explored,
}

/// What is left out of the protocol, to show that it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    /// There are no full barriers.
    NoFence,
    /// Everything is relaxed but full barriers.
    Relaxed,
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} executions", self.executions)
    }
}
