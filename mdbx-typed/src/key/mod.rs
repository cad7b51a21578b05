//! Keys: byte order equals value order. The format is called `okey-1`.
//!
//! | type | bytes |
//! | --- | --- |
//! | `u8` to `u128` | big endian |
//! | `i8` to `i128` | big endian, sign bit flipped |
//! | `bool` | `00` or `01` |
//! | `char` | its scalar value, 3 bytes big endian |
//! | [`TotalF64`], [`TotalF32`] | big endian bits; sign bit flipped if it was clear, all bits if it was set; `-0.0` as `0.0` |
//! | text, byte strings, as the last component | as they are |
//! | text, byte strings, elsewhere | `00` as `01 01`, `01` as `01 02`, then a terminating `00` |
//! | `[u8; N]` | as they are |
//! | `Option<T>` | `00` for `None`, `01` and then `T` for `Some` |
//! | tuples, composite keys | the components one after the other; the tuple's place is that of its last component |
//! | [`Desc<T>`] | `T` as if more followed, every byte inverted |
//! | [`AsciiFold`] | text with `A` to `Z` as `a` to `z` |
//! | [`Hashed<T>`] | 8 bytes: the XXH64 hash, with seed 0, of `T` as a last component, big endian |
//! | enums without fields | the discriminant, one byte, or two big endian if one of them is above 255 |
//!
//! - `int`, `float`, `bytes`, `option`, `tuple`, `fold`, `hash`: the rows of this table; the derive writes the last.
//! - `buf`: [`KeyBuf`], which holds short keys without allocating.
//! - `range`: key ranges and prefixes as ranges of bytes.

mod buf;
mod bytes;
mod float;
mod fold;
mod hash;
mod int;
mod option;
mod range;
mod tuple;

pub use buf::KeyBuf;
pub use bytes::TextTail;
pub use float::{TotalF32, TotalF64};
pub use fold::{AsciiFold, Fold};
pub use hash::Hashed;
pub use option::Desc;
pub(crate) use range::KeyRange;
pub use tuple::PrefixOf;

use crate::error::{KeyBytes, KeyError};
use crate::shape::Shape;

/// The name of the key format in the catalog.
pub(crate) const FORMAT: &str = "okey-1";

/// Where a component stands in its key: only what comes last can go without a terminator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Nothing follows.
    Last,
    /// Another component follows.
    Inner,
}

/// A kind of key: how its values turn into bytes that sort the same way, and back.
///
/// This is implemented for key *shapes*, of which there is one for all ways to write a value: `String` is the shape
/// of `String`, `&str` and `Cow<str>` fields. Callers pass a [`Ref`](Key::Ref), scans yield an [`Out`](Key::Out).
#[diagnostic::on_unimplemented(message = "`{Self}` is not a key type")]
pub trait Key: 'static {
    /// What a caller passes: `&str` for `String`, `(&str, u32)` for `(String, u32)`.
    type Ref<'a>: Copy;
    /// What a scan yields; it borrows from the page where it can.
    type Out<'a>;
    /// The same without the borrow.
    type Owned: 'static;
    /// The number of bytes, if it is always the same.
    const WIDTH: Option<usize>;
    /// What the catalog says about it.
    const SHAPE: Shape;

    /// Whether the bytes are a hash, so that equal bytes may be different keys.
    #[doc(hidden)]
    const IS_HASHED: bool = false;

    /// Appends the bytes of `key` to `out`.
    fn encode(key: Self::Ref<'_>, place: Place, out: &mut KeyBuf);

    /// Appends bytes that no other key has: those of a whole key, or of what was hashed.
    #[doc(hidden)]
    #[inline]
    fn encode_exact(key: Self::Ref<'_>, out: &mut KeyBuf) {
        Self::encode(key, Place::Last, out);
    }

    /// Takes one key off the front of `bytes`.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when the bytes are not what [`encode`](Key::encode) writes.
    fn decode<'a>(bytes: &mut &'a [u8], place: Place) -> Result<Self::Out<'a>, KeyError>;

    /// Copies what a scan yielded, so that it can outlive the transaction.
    fn into_owned(out: Self::Out<'_>) -> Self::Owned;
}

/// A field that can be part of a key or an index.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be used in a key or an index",
    label = "this type has no order-preserving key encoding",
    note = "key types are the integers of fixed size, bool, char, text, byte strings, [u8; N], and Option and tuples of those",
    note = "for a float wrap the field in `TotalF64` or `TotalF32`; for your own newtype or fieldless enum add `#[derive(Key)]`"
)]
pub trait KeyField {
    /// The kind of key it makes.
    type Key: Key;

    /// Returns the value to encode.
    fn key_ref(&self) -> <Self::Key as Key>::Ref<'_>;
}

#[diagnostic::do_not_recommend]
impl<T: KeyField> KeyField for &T {
    type Key = T::Key;

    fn key_ref(&self) -> <T::Key as Key>::Ref<'_> {
        (**self).key_ref()
    }
}

/// An integer that `#[key(auto)]` can count with.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a `#[key(auto)]` key",
    label = "not an integer of at most 64 bits",
    note = "`#[key(auto)]` takes u8, u16, u32, u64, i8, i16, i32 or i64"
)]
pub trait AutoKey: Key + Copy {
    /// Returns the number as a key; `None` past the largest one.
    fn from_sequence(number: u64) -> Option<Self>;

    /// Returns the key as a number; `None` if it is negative.
    fn to_sequence(out: Self::Out<'_>) -> Option<u64>;

    /// Returns the key as callers pass it.
    fn as_ref<'a>(self) -> Self::Ref<'a>;
}

/// Returns the bytes of a whole key.
#[inline]
pub(crate) fn encode<K: Key>(key: K::Ref<'_>) -> KeyBuf {
    let mut out = KeyBuf::new();
    K::encode(key, Place::Last, &mut out);
    out
}

/// Returns the key that `bytes` are, all of them.
#[inline]
pub(crate) fn decode<K: Key>(mut bytes: &[u8]) -> Result<K::Out<'_>, KeyError> {
    let key = K::decode(&mut bytes, Place::Last)?;
    if bytes.is_empty() {
        Ok(key)
    } else {
        Err(KeyError::malformed("key: bytes follow it"))
    }
}

impl KeyBytes {
    /// Returns the key that these bytes are.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when they are not a `K`.
    pub fn decode<K: Key>(&self) -> Result<K::Out<'_>, KeyError> {
        decode::<K>(self.as_bytes())
    }
}

/// Takes `len` bytes off the front of `bytes`.
fn take<'a>(bytes: &mut &'a [u8], len: usize, kind: &'static str) -> Result<&'a [u8], KeyError> {
    let (head, tail) = bytes
        .split_at_checked(len)
        .ok_or(KeyError::malformed(kind))?;
    *bytes = tail;
    Ok(head)
}

/// Takes an array off the front of `bytes`.
fn take_array<'a, const N: usize>(
    bytes: &mut &'a [u8],
    kind: &'static str,
) -> Result<&'a [u8; N], KeyError> {
    let (head, tail) = bytes.split_first_chunk().ok_or(KeyError::malformed(kind))?;
    *bytes = tail;
    Ok(head)
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
