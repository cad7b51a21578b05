//! The process-wide number of a table type.
//!
//! A `Database` keeps its engine handles in a `Vec` that this number indexes. So finding the handle of `User` takes
//! two loads; no name is compared and no map is searched.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The number after the largest one given out; none is zero, which marks a slot that has no number yet.
static NEXT: AtomicUsize = AtomicUsize::new(1);

/// The number of one table type, given out on first use. The derive puts one into each `Table` impl.
#[derive(Debug)]
pub struct Slot(AtomicUsize);

impl Slot {
    /// Returns a slot without a number.
    #[expect(
        clippy::new_without_default,
        reason = "a slot is a static; nobody makes a default one"
    )]
    #[must_use]
    pub const fn new() -> Self {
        Slot(AtomicUsize::new(0))
    }

    /// Returns the number.
    #[inline]
    pub fn get(&self) -> usize {
        match self.0.load(Ordering::Relaxed) {
            0 => self.assign(),
            number => number,
        }
    }

    /// Takes the next number, unless another thread gave this slot one just now. The order of loads does not
    /// matter: nothing else is published through the number.
    #[cold]
    fn assign(&self) -> usize {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        self.0
            .compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed)
            .err()
            .unwrap_or(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_slot_keeps_its_own_number() {
        static A: Slot = Slot::new();
        static B: Slot = Slot::new();
        let seen: Vec<usize> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| A.get())).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert!(seen.iter().all(|&number| number == A.get() && number != 0));
        assert_ne!(A.get(), B.get());
    }
}
