//! Numbers of alignment 1, little endian: what plain rows are made of.
//!
//! Each turns into the number of Rust by [`get`](U64::get) or `into()`, and comes from it by `from` or `into()`. They
//! compare, hash, print and serialise as that number, and as a key each is that number: callers pass a plain `u64` for
//! a [`U64`]. The floats compare as `f32` and `f64` do; as keys they are in their total order.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::key::{Key, KeyField, TotalF32, TotalF64};
use crate::shape::{Shape, Shaped};

/// Implements what integers and floats have in common.
macro_rules! numbers {
    ($($name:ident($number:ident, key: $key:ident);)*) => {$(
        #[doc = concat!("A `", stringify!($number), "` of alignment 1, stored little endian.")]
        #[derive(Clone, Copy, Default)]
        #[repr(transparent)]
        pub struct $name([u8; size_of::<$number>()]);

        impl $name {
            #[doc = concat!("Returns `number` as a `", stringify!($name), "`.")]
            #[must_use]
            pub const fn new(number: $number) -> Self {
                $name(number.to_le_bytes())
            }

            /// Returns the number.
            #[must_use]
            pub const fn get(self) -> $number {
                $number::from_le_bytes(self.0)
            }

            /// Sets the number.
            pub const fn set(&mut self, number: $number) {
                self.0 = number.to_le_bytes();
            }
        }

        impl From<$number> for $name {
            fn from(number: $number) -> Self {
                $name::new(number)
            }
        }

        impl From<$name> for $number {
            fn from(number: $name) -> Self {
                number.get()
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.get() == other.get()
            }
        }

        impl PartialEq<$number> for $name {
            fn eq(&self, other: &$number) -> bool {
                self.get() == *other
            }
        }

        impl PartialOrd<$number> for $name {
            fn partial_cmp(&self, other: &$number) -> Option<Ordering> {
                self.get().partial_cmp(other)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.get(), f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.get(), f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.get().serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $number::deserialize(deserializer).map($name::new)
            }
        }

        impl Shaped for $name {
            const SHAPE: Shape = <$number as Shaped>::SHAPE;
        }

        #[diagnostic::do_not_recommend]
        impl KeyField for $name {
            type Key = $key;

            #[inline]
            fn key_ref(&self) -> <$key as Key>::Ref<'_> {
                self.get()
            }
        }
    )*};
}

/// Implements what only integers have.
macro_rules! integers {
    ($($name:ident($number:ident);)*) => {
        numbers! { $($name($number, key: $number);)* }
        $(
            impl Eq for $name {}

            impl PartialOrd for $name {
                fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                    Some(self.cmp(other))
                }
            }

            impl Ord for $name {
                fn cmp(&self, other: &Self) -> Ordering {
                    self.get().cmp(&other.get())
                }
            }

            impl Hash for $name {
                fn hash<H: Hasher>(&self, state: &mut H) {
                    self.get().hash(state);
                }
            }
        )*
    };
}

integers! {
    U16(u16);
    U32(u32);
    U64(u64);
    U128(u128);
    I16(i16);
    I32(i32);
    I64(i64);
    I128(i128);
}

numbers! {
    F32(f32, key: TotalF32);
    F64(f64, key: TotalF64);
}

impl PartialOrd for F32 {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.get().partial_cmp(&other.get())
    }
}

impl PartialOrd for F64 {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.get().partial_cmp(&other.get())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{as_bytes, from_bytes};
    use super::*;
    use crate::key::encode;

    #[test]
    fn numbers_are_little_endian_bytes_without_alignment() {
        assert_eq!(as_bytes(&U32::new(0x0102_0304)), [4, 3, 2, 1]);
        assert_eq!(as_bytes(&I16::from(-2)), [0xFE, 0xFF]);
        assert_eq!(as_bytes(&F64::new(1.0)), [0, 0, 0, 0, 0, 0, 0xF0, 0x3F]);
        assert_eq!(as_bytes(&F32::new(-2.0)), [0, 0, 0, 0xC0]);
        assert_eq!(
            from_bytes::<U64>(&[1, 0, 0, 0, 0, 0, 0, 0]).unwrap().get(),
            1
        );
        assert_eq!(align_of::<(U128, I128, F64)>(), 1);
        let mut number = U16::default();
        number.set(7);
        assert_eq!(u16::from(number), 7);
    }

    #[test]
    fn numbers_compare_and_print_as_numbers() {
        assert!(U32::new(256) > U32::new(255) && U32::new(256) > 255);
        assert!(I64::new(-1) < I64::new(0));
        assert!(F64::new(f64::NAN) != F64::new(f64::NAN));
        assert_eq!(format!("{} {:?}", I32::new(-5), F32::new(0.5)), "-5 0.5");
    }

    #[test]
    fn keys_are_those_of_the_number() {
        assert_eq!(
            encode::<i64>(I64::new(-1).key_ref()).as_slice(),
            encode::<i64>(-1).as_slice()
        );
        assert_eq!(
            encode::<TotalF64>(F64::new(-0.5).key_ref()).as_slice(),
            encode::<TotalF64>(-0.5).as_slice()
        );
    }
}
