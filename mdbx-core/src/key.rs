//! Numbers as keys of [`INTEGER_KEY`](crate::TableFlags::INTEGER_KEY) tables, and as values of
//! [`INTEGER_DUP`](crate::TableFlags::INTEGER_DUP) tables.
//!
//! Such a table orders its keys as unsigned integers. Each function here takes a number to such a key, so that the
//! keys are ordered as the numbers are, and one beginning with `to_` takes it back. All keys of one table should come
//! from the same function.
//!
//! | numbers | become the unsigned integer |
//! | --- | --- |
//! | [`u32`](u32()), [`u64`](u64()) | that they are |
//! | [`i32`](i32()), [`i64`](i64()) | with the sign bit inverted |
//! | [`f32`](f32()), [`f64`](f64()) | of their bits: the sign bit set if it is clear, else all bits inverted |
//! | [`json`] | that they become as an `f64` |
//!
//! ```
//! use mdbx_core::{Env, TableFlags, key};
//!
//! # let dir = tempfile::tempdir()?;
//! # let env = Env::open(dir.path().join("db"))?;
//! let mut txn = env.write()?;
//! let depths = txn.create_table("depths", TableFlags::INTEGER_KEY)?;
//! for (depth, name) in [(0.5, "roots"), (-3.0, "tower"), (-0.25, "step")] {
//!     txn.put(depths, &key::f64(depth), name.as_bytes())?;
//! }
//! let (lowest, name) = txn.table(depths)?.first()?.unwrap();
//! assert_eq!((key::to_f64(lowest), name), (Some(-3.0), &b"tower"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Source: behaviour document, "Kinds of tables"; the keys are stored in little-endian order.

/// Returns the key of an unsigned integer of 32 bits.
#[must_use]
pub const fn u32(n: u32) -> [u8; 4] {
    n.to_le_bytes()
}

/// Returns the key of an unsigned integer of 64 bits.
#[must_use]
pub const fn u64(n: u64) -> [u8; 8] {
    n.to_le_bytes()
}

/// Returns the key of a signed integer of 32 bits.
#[must_use]
#[doc(alias = "mdbx_key_from_int32")]
pub const fn i32(n: i32) -> [u8; 4] {
    u32(n.cast_unsigned() ^ SIGN_32)
}

/// Returns the key of a signed integer of 64 bits.
#[must_use]
#[doc(alias = "mdbx_key_from_int64")]
pub const fn i64(n: i64) -> [u8; 8] {
    u64(n.cast_unsigned() ^ SIGN_64)
}

/// Returns the key of a number of 32 bits.
///
/// The order is that of [`f32::total_cmp`](core::primitive::f32::total_cmp): `-0.0` comes before `0.0`, and the values
/// that are not numbers at either end.
#[must_use]
#[doc(alias = "mdbx_key_from_float")]
pub const fn f32(n: f32) -> [u8; 4] {
    let bits = n.to_bits();
    u32(if bits & SIGN_32 == 0 {
        bits | SIGN_32
    } else {
        !bits
    })
}

/// Returns the key of a number of 64 bits, in the order that [`f32`](f32()) states.
#[must_use]
#[doc(alias = "mdbx_key_from_double")]
pub const fn f64(n: f64) -> [u8; 8] {
    let bits = n.to_bits();
    u64(if bits & SIGN_64 == 0 {
        bits | SIGN_64
    } else {
        !bits
    })
}

/// Returns the key of an integer that stands where other numbers may have fractions, as in JSON: the key that
/// [`f64`](f64()) gives for it, so that both can be keys of one table.
///
/// Beyond 2^53 on either side of zero not every integer is an `f64`. Such a one has the key of the nearest that is.
#[must_use]
#[doc(alias = "mdbx_key_from_jsonInteger")]
#[expect(
    clippy::cast_precision_loss,
    reason = "the nearest number is what is wanted"
)]
pub const fn json(n: i64) -> [u8; 8] {
    f64(n as f64)
}

/// Returns the integer that has this key; `None` if a key of 32 bits is not that long.
#[must_use]
pub fn to_u32(key: &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(key.try_into().ok()?))
}

/// Returns the integer that has this key; `None` if a key of 64 bits is not that long.
#[must_use]
pub fn to_u64(key: &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(key.try_into().ok()?))
}

/// Returns the integer that has this key; `None` if a key of 32 bits is not that long.
#[must_use]
#[doc(alias = "mdbx_int32_from_key")]
pub fn to_i32(key: &[u8]) -> Option<i32> {
    Some((to_u32(key)? ^ SIGN_32).cast_signed())
}

/// Returns the integer that has this key; `None` if a key of 64 bits is not that long.
#[must_use]
#[doc(alias = "mdbx_int64_from_key")]
pub fn to_i64(key: &[u8]) -> Option<i64> {
    Some((to_u64(key)? ^ SIGN_64).cast_signed())
}

/// Returns the number that has this key; `None` if a key of 32 bits is not that long.
#[must_use]
#[doc(alias = "mdbx_float_from_key")]
pub fn to_f32(key: &[u8]) -> Option<f32> {
    let bits = to_u32(key)?;
    Some(f32::from_bits(if bits & SIGN_32 == 0 {
        !bits
    } else {
        bits ^ SIGN_32
    }))
}

/// Returns the number that has this key; `None` if a key of 64 bits is not that long.
#[must_use]
#[doc(alias = "mdbx_double_from_key")]
pub fn to_f64(key: &[u8]) -> Option<f64> {
    let bits = to_u64(key)?;
    Some(f64::from_bits(if bits & SIGN_64 == 0 {
        !bits
    } else {
        bits ^ SIGN_64
    }))
}

/// Returns the integer that the number with this key is; `None` if it is none, or more than 64 bits hold, or the key
/// is not as long as one.
///
/// ```
/// use mdbx_core::key;
///
/// assert_eq!(key::to_json(&key::json(-7)), Some(-7));
/// assert_eq!(key::to_json(&key::f64(2.5)), None);
/// assert_eq!(key::to_json(&key::json((1 << 53) + 1)), Some(1 << 53)); // the nearest `f64`
/// ```
#[must_use]
#[doc(alias = "mdbx_jsonInteger_from_key")]
pub fn to_json(key: &[u8]) -> Option<i64> {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0; // 2^63
    let number = to_f64(key)?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is an integer, and within the bounds"
    )]
    let integer =
        (number.fract() == 0.0 && (-BEYOND..BEYOND).contains(&number)).then_some(number as i64);
    integer
}

const SIGN_32: u32 = 1 << 31;
const SIGN_64: u64 = 1 << 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_reference() {
        assert_eq!(f64(0.0), [0, 0, 0, 0, 0, 0, 0, 0x80]);
        assert_eq!(f64(-0.0), [255, 255, 255, 255, 255, 255, 255, 0x7F]);
        assert_eq!(f64(1.0), [0, 0, 0, 0, 0, 0, 0xF0, 0xBF]);
        assert_eq!(f64(-1.0), [255, 255, 255, 255, 255, 255, 0x0F, 0x40]);
        assert_eq!(f32(1.0), [0, 0, 0x80, 0xBF]);
        assert_eq!(f32(-1.0), [255, 255, 0x7F, 0x40]);
        assert_eq!(json(-1000), [255, 255, 255, 255, 255, 0xBF, 0x70, 0x3F]);
        assert_eq!(json(i64::MAX), [0, 0, 0, 0, 0, 0, 0xE0, 0xC3]);
        assert_eq!(json(i64::MIN), [255, 255, 255, 255, 255, 255, 0x1F, 0x3C]);
        assert_eq!(i32(-1), [255, 255, 255, 0x7F]);
        assert_eq!(i64(i64::MIN), [0; 8]);
    }

    #[test]
    fn keys_of_another_length_are_no_numbers() {
        assert_eq!(
            (to_u32(&[0; 8]), to_u64(&[0; 4]), to_f64(b"")),
            (None, None, None)
        );
        assert_eq!(
            (to_i32(&[0; 5]), to_i64(&[0; 9]), to_f32(&[0; 8])),
            (None, None, None)
        );
        assert_eq!(to_json(&[0; 4]), None);
    }

    #[test]
    fn only_whole_numbers_within_64_bits_are_json_integers() {
        let whole = [0, 1, -1, i64::MIN, 1 << 53, -(1 << 60)];
        for n in whole {
            assert_eq!(to_json(&json(n)), Some(n));
        }
        for other in [0.5, -1e-9, 1e19, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(to_json(&f64(other)), None, "{other}");
        }
        assert_eq!(to_json(&json(i64::MAX)), None, "2^63 is the nearest");
        assert_eq!(to_json(&f64(-0.0)), Some(0));
    }
}
