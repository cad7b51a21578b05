//! Floats in their total order.
//!
//! IEEE bits of positive numbers sort as integers, those of negative ones the other way round. So the sign bit is
//! flipped for the former and every bit for the latter.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use super::{Key, KeyBuf, KeyField, Place, take_array};
use crate::error::KeyError;
use crate::shape::{Shape, Shaped};

macro_rules! total_floats {
    ($($(#[$doc:meta])* $total:ident($float:ident as $bits:ident);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $total(pub $float);

        impl $total {
            const SIGN: $bits = 1 << ($bits::BITS - 1);

            /// Returns bits that sort as the value does. `-0.0` becomes `0.0`, so that equal floats are equal keys.
            fn sortable(self) -> $bits {
                let value = if self.0 == 0.0 { 0.0 } else { self.0 };
                let bits = value.to_bits();
                if bits & Self::SIGN == 0 { bits ^ Self::SIGN } else { !bits }
            }

            fn from_sortable(bits: $bits) -> $float {
                $float::from_bits(if bits & Self::SIGN == 0 { !bits } else { bits ^ Self::SIGN })
            }
        }

        impl From<$float> for $total {
            fn from(value: $float) -> Self {
                $total(value)
            }
        }

        impl PartialEq for $total {
            fn eq(&self, other: &Self) -> bool {
                self.sortable() == other.sortable()
            }
        }

        impl Eq for $total {}

        impl PartialOrd for $total {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $total {
            fn cmp(&self, other: &Self) -> Ordering {
                self.sortable().cmp(&other.sortable())
            }
        }

        impl Hash for $total {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.sortable().hash(state);
            }
        }

        impl Shaped for $total {
            const SHAPE: Shape = $float::SHAPE;
        }

        impl Key for $total {
            type Ref<'a> = $float;
            type Out<'a> = $float;
            type Owned = $float;
            const WIDTH: Option<usize> = Some(size_of::<$bits>());
            const SHAPE: Shape = Shape::Name(stringify!($float));

            #[inline]
            fn encode(key: $float, _: Place, out: &mut KeyBuf) {
                out.extend_from_slice(&$total(key).sortable().to_be_bytes());
            }

            fn decode(bytes: &mut &[u8], _: Place) -> Result<$float, KeyError> {
                let bits = take_array(bytes, stringify!($float))?;
                Ok($total::from_sortable($bits::from_be_bytes(*bits)))
            }

            fn into_owned(out: $float) -> $float {
                out
            }
        }

        #[diagnostic::do_not_recommend]
        impl KeyField for $total {
            type Key = $total;

            #[inline]
            fn key_ref(&self) -> $float {
                self.0
            }
        }
    )*};
}

total_floats! {
    /// An `f64` that can be a key, ordered by [`f64::total_cmp`], except that `-0.0` equals `0.0`.
    ///
    /// Callers pass and get plain `f64`: `tx.by(city::by_temperature).range(..0.0)`.
    TotalF64(f64 as u64);
    /// An `f32` that can be a key, ordered by [`f32::total_cmp`], except that `-0.0` equals `0.0`.
    TotalF32(f32 as u32);
}
