//! Rows that are the bytes of the page: `#[table(raw)]`.
//!
//! Reading one is a check of its length and a cast. This is the only file of the crate with unsafe code: the trait
//! carries the promise, its two functions use it.
//!
//! - `le`: numbers of alignment 1, little endian.

#![expect(
    unsafe_code,
    reason = "a row is read where it lies; the promise of `Plain` makes that sound"
)]

pub mod le;

use crate::shape::{Shape, Shaped};

/// A type that is nothing but its bytes, so that a `&[u8]` of its length can be read as a `&Self`.
///
/// `#[derive(Plain)]` implements it for structs with `#[repr(C)]` whose fields are all plain, and checks what it
/// promises. Plain are `u8`, `i8`, the numbers of [`le`], and arrays of plain types.
///
/// ```
/// use mdbx_typed::prelude::*;
///
/// #[derive(Table, Plain, Clone, Copy, Debug, PartialEq)]
/// #[table(raw)]
/// #[repr(C)]
/// struct Tick {
///     #[key]
///     symbol: [u8; 4],
///     #[key]
///     at: le::U64,
///     #[index]
///     price: le::I64,
/// }
///
/// # fn main() -> mdbx_typed::Result<()> {
/// # let directory = tempfile::tempdir().unwrap();
/// # let db = Database::open(directory.path().join("t"), schema![Tick])?;
/// db.write(|tx| tx.insert(&Tick { symbol: *b"ABCD", at: 7.into(), price: (-3).into() }))?;
/// let tx = db.read()?;
/// let tick: &Tick = tx.get::<Tick>((b"ABCD", 7))?.unwrap(); // a pointer into the file
/// assert_eq!(tick.price.get(), -3);
/// # Ok(())
/// # }
/// ```
///
/// # Safety
///
/// The implementor promises, of every value of the type:
///
/// - Its alignment is 1.
/// - It has no padding: each of its bytes is part of a field.
/// - Every bit pattern is a value. So no `bool`, `char`, enum or reference is in it.
/// - It is not changed through a shared reference. So no `UnsafeCell` is in it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be in a plain row",
    label = "not plain: alignment 1, no padding, every bit pattern a value",
    note = "numbers are `le::U16` to `le::U128`, `le::I16` to `le::I128`, `le::F32` and `le::F64`; u8, i8 and arrays are plain as they are",
    note = "for a struct of your own add `#[derive(Plain)]` and `#[repr(C)]`"
)]
pub unsafe trait Plain: Copy + 'static {
    /// What the catalog says about its bytes.
    const SHAPE: Shape;
}

#[diagnostic::do_not_recommend]
// SAFETY: it is one byte, without alignment, padding or a bit pattern that is not a number.
unsafe impl Plain for u8 {
    const SHAPE: Shape = Shape::Name("u8");
}

#[diagnostic::do_not_recommend]
// SAFETY: as `u8`.
unsafe impl Plain for i8 {
    const SHAPE: Shape = Shape::Name("i8");
}

#[diagnostic::do_not_recommend]
// SAFETY: an array is its elements one after the other, with their alignment and nothing in between.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {
    const SHAPE: Shape = Shape::Array(&T::SHAPE, N);
}

macro_rules! numbers {
    ($($name:ident: $number:ident),+ $(,)?) => {$(
        #[diagnostic::do_not_recommend]
        // SAFETY: it is `repr(transparent)` over an array of `u8`, and every bit pattern is a number.
        unsafe impl Plain for le::$name {
            const SHAPE: Shape = <$number as Shaped>::SHAPE;
        }
    )+};
}

numbers! {
    U16: u16, U32: u32, U64: u64, U128: u128,
    I16: i16, I32: i32, I64: i64, I128: i128,
    F32: f32, F64: f64,
}

/// Returns the value that `bytes` are; `None` if they are more or fewer than it has.
#[inline]
pub(crate) fn from_bytes<T: Plain>(bytes: &[u8]) -> Option<&T> {
    const { assert!(align_of::<T>() == 1, "a plain type has alignment 1") };
    if bytes.len() != size_of::<T>() {
        return None;
    }
    let value = bytes.as_ptr().cast::<T>();
    // SAFETY:
    // - In bounds: the slice was just compared with the size of `T`.
    // - Aligned: every address is, for an alignment of 1, which was asserted above.
    // - Initialised: the bytes of a slice are, and every bit pattern is a `T` by the promise of `Plain`.
    // - Unchanged: the slice is borrowed shared for the lifetime of the result, and a `T` does not change through a
    //   shared reference by the promise of `Plain`.
    Some(unsafe { &*value })
}

/// Returns the bytes of a value.
#[inline]
pub(crate) fn as_bytes<T: Plain>(value: &T) -> &[u8] {
    let start = std::ptr::from_ref(value).cast::<u8>();
    // SAFETY:
    // - In bounds: a `T` has this many bytes.
    // - Initialised: none of them is padding, by the promise of `Plain`.
    // - Unchanged: the value is borrowed shared for the lifetime of the result, and does not change through that, by
    //   the promise of `Plain`.
    unsafe { std::slice::from_raw_parts(start, size_of::<T>()) }
}

/// Returns the sum of these sizes, at compile time.
#[must_use]
pub const fn sum(mut sizes: &[usize]) -> usize {
    let mut sum = 0;
    while let [first, rest @ ..] = sizes {
        sum += *first;
        sizes = rest;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_the_right_length_are_a_value_at_any_address() {
        let bytes = [9, 1, 0, 2, 0, 7];
        for start in 0..2 {
            let pair: &[le::U16; 2] = from_bytes(&bytes[start..start + 4]).unwrap();
            assert_eq!(
                as_bytes(pair).as_ptr(),
                bytes[start..].as_ptr(),
                "not a copy"
            );
            assert_eq!(as_bytes(pair), &bytes[start..start + 4]);
        }
        assert_eq!(
            from_bytes::<[le::U16; 2]>(&bytes[1..5])
                .unwrap()
                .map(le::U16::get),
            [1, 2]
        );
        assert!(from_bytes::<[le::U16; 2]>(&bytes[..3]).is_none());
        assert!(from_bytes::<[le::U16; 2]>(&bytes).is_none());
        assert!(from_bytes::<u8>(&[]).is_none());
    }
}
