//! Integers, `bool` and `char`.

use super::{AutoKey, Key, KeyBuf, KeyField, Place, take, take_array};
use crate::error::KeyError;
use crate::shape::Shape;

/// Implements a key that is a plain value: reference, output and owned form are the type itself.
macro_rules! by_value {
    ($type:ty) => {
        #[diagnostic::do_not_recommend]
        impl KeyField for $type {
            type Key = $type;

            #[inline]
            fn key_ref(&self) -> $type {
                *self
            }
        }
    };
}

/// Implements integers as big endian bytes of `key ^ flip`, where flipping the sign bit sorts negative ones first.
macro_rules! integers {
    ($($type:ident ^ $flip:expr;)*) => {$(
        impl Key for $type {
            type Ref<'a> = $type;
            type Out<'a> = $type;
            type Owned = $type;
            const WIDTH: Option<usize> = Some(size_of::<$type>());
            const SHAPE: Shape = Shape::Name(stringify!($type));

            #[inline]
            fn encode(key: $type, _: Place, out: &mut KeyBuf) {
                out.extend_from_slice(&(key ^ $flip).to_be_bytes());
            }

            fn decode(bytes: &mut &[u8], _: Place) -> Result<$type, KeyError> {
                Ok($type::from_be_bytes(*take_array(bytes, stringify!($type))?) ^ $flip)
            }

            fn into_owned(out: $type) -> $type {
                out
            }
        }

        by_value!($type);
    )*};
}

integers! {
    u8 ^ 0;
    u16 ^ 0;
    u32 ^ 0;
    u64 ^ 0;
    u128 ^ 0;
    i8 ^ i8::MIN;
    i16 ^ i16::MIN;
    i32 ^ i32::MIN;
    i64 ^ i64::MIN;
    i128 ^ i128::MIN;
}

macro_rules! auto {
    ($($type:ident)*) => {$(
        #[diagnostic::do_not_recommend]
        impl AutoKey for $type {
            fn from_sequence(number: u64) -> Option<$type> {
                $type::try_from(number).ok()
            }

            fn to_sequence(out: $type) -> Option<u64> {
                u64::try_from(out).ok()
            }

            fn as_ref<'a>(self) -> Self::Ref<'a> {
                self
            }
        }
    )*};
}

auto! { u8 u16 u32 u64 i8 i16 i32 i64 }

impl Key for bool {
    type Ref<'a> = bool;
    type Out<'a> = bool;
    type Owned = bool;
    const WIDTH: Option<usize> = Some(1);
    const SHAPE: Shape = Shape::Name("bool");

    #[inline]
    fn encode(key: bool, _: Place, out: &mut KeyBuf) {
        out.push(u8::from(key));
    }

    fn decode(bytes: &mut &[u8], _: Place) -> Result<bool, KeyError> {
        match take(bytes, 1, "bool")? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(KeyError::malformed("bool")),
        }
    }

    fn into_owned(out: bool) -> bool {
        out
    }
}

by_value!(bool);

impl Key for char {
    type Ref<'a> = char;
    type Out<'a> = char;
    type Owned = char;
    const WIDTH: Option<usize> = Some(3);
    const SHAPE: Shape = Shape::Name("char");

    #[inline]
    fn encode(key: char, _: Place, out: &mut KeyBuf) {
        // The largest scalar value is 10FFFF, so the first of the four bytes is always zero.
        out.extend_from_slice(&u32::from(key).to_be_bytes()[1..]);
    }

    fn decode(bytes: &mut &[u8], _: Place) -> Result<char, KeyError> {
        let &[a, b, c] = take_array(bytes, "char")?;
        char::from_u32(u32::from_be_bytes([0, a, b, c])).ok_or(KeyError::malformed("char"))
    }

    fn into_owned(out: char) -> char {
        out
    }
}

by_value!(char);
