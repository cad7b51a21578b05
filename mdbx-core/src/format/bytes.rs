//! Little-endian fields at constant offsets.
//!
//! Callers have checked that the field lies inside the bytes; these functions panic otherwise. No field need be
//! aligned.

/// Returns the `u16` at byte `at`.
#[inline]
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, at))
}

/// Returns the `u32` at byte `at`.
#[inline]
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

/// Returns the `u64` at byte `at`.
#[inline]
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

/// Returns the `N` bytes at byte `at`.
#[inline]
pub(crate) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}

/// Puts a `u16` at byte `at`.
#[inline]
pub(crate) fn put_u16(bytes: &mut [u8], at: usize, value: u16) {
    put_array(bytes, at, value.to_le_bytes());
}

/// Puts a `u32` at byte `at`.
#[inline]
pub(crate) fn put_u32(bytes: &mut [u8], at: usize, value: u32) {
    put_array(bytes, at, value.to_le_bytes());
}

/// Puts a `u64` at byte `at`.
#[inline]
pub(crate) fn put_u64(bytes: &mut [u8], at: usize, value: u64) {
    put_array(bytes, at, value.to_le_bytes());
}

/// Puts `N` bytes at byte `at`.
#[inline]
pub(crate) fn put_array<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    bytes[at..at + N].copy_from_slice(&value);
}

/// Returns `x` rounded up to an even number. It is at most `usize::MAX - 1`.
#[inline]
pub(crate) const fn even(x: usize) -> usize {
    (x + 1) & !1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_little_endian_at_any_address() {
        let bytes = [0, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(u16_at(&bytes, 1), 0x0201);
        assert_eq!(u32_at(&bytes, 5), 0x0807_0605);
        assert_eq!(u64_at(&bytes, 1), 0x0807_0605_0403_0201);
    }

    #[test]
    fn what_was_put_is_found_and_the_rest_untouched() {
        let mut bytes = [0xFF; 16];
        put_u16(&mut bytes, 1, 0x1234);
        put_u32(&mut bytes, 3, 0x5678_9ABC);
        put_u64(&mut bytes, 7, 0x1122_3344_5566_7788);
        assert_eq!((bytes[0], bytes[15]), (0xFF, 0xFF));
        assert_eq!(u16_at(&bytes, 1), 0x1234);
        assert_eq!(u32_at(&bytes, 3), 0x5678_9ABC);
        assert_eq!(u64_at(&bytes, 7), 0x1122_3344_5566_7788);
    }

    #[test]
    fn even_rounds_up() {
        assert_eq!([even(0), even(1), even(2), even(65535)], [0, 2, 2, 65536]);
    }
}
