//! A hint to the CPU: these bytes are needed soon.
//!
//! A binary search knows its next probes before it needs them. Asking early lets the memory work during the
//! comparison at hand.
#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "the prefetch instruction takes a raw pointer")
)]

/// Asks the CPU to bring the cache line at `bytes[at]` close.
///
/// Does nothing when `at` is outside `bytes`, and nothing on other CPUs than x86-64.
#[inline]
pub(crate) fn prefetch(bytes: &[u8], at: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(byte) = bytes.get(at) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the instruction changes no memory and faults on no address; it is part of every x86-64.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(byte).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (bytes, at);
}

#[cfg(test)]
mod tests {
    use super::prefetch;

    #[test]
    fn any_place_is_allowed() {
        prefetch(b"bytes", 2);
        prefetch(b"bytes", 5);
        prefetch(&[], usize::MAX);
    }
}
