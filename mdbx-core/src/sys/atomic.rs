//! The atomics that readers and writers of all processes meet at.
//!
//! They are named here so that a test can put others in their place, which try every order in which threads may come.

pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

/// Keeps what is read after a sequentially consistent swap from being read before it.
#[inline]
pub(crate) fn full_barrier_after_swap() {
    // There, the instruction that swaps does that by itself, and a fence would double the cost.
    if cfg!(not(target_arch = "x86_64")) {
        fence(Ordering::SeqCst);
    }
}
