//! Threads, which all count as the same one: where they meet is what is looked at.

/// The number and the id of any thread. They prefer the same slot.
pub(crate) fn this_thread() -> (usize, u64) {
    (0, 7)
}
