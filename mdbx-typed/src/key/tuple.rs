//! Tuples: composite keys, and their prefixes.

use super::{Key, KeyBuf, KeyField, Place, TextTail};
use crate::error::KeyError;
use crate::shape::Shape;

/// Returns the sum of the widths, if all are known.
const fn sum(widths: &[Option<usize>]) -> Option<usize> {
    let mut total = 0;
    let mut i = 0;
    while i < widths.len() {
        match widths[i] {
            Some(width) => total += width,
            None => return None,
        }
        i += 1;
    }
    Some(total)
}

macro_rules! tuples {
    ($(($($item:ident.$at:tt),+), $last:ident.$last_at:tt;)*) => {$(
        impl<$($item: Key,)+ $last: Key> Key for ($($item,)+ $last) {
            type Ref<'a> = ($($item::Ref<'a>,)+ $last::Ref<'a>);
            type Out<'a> = ($($item::Out<'a>,)+ $last::Out<'a>);
            type Owned = ($($item::Owned,)+ $last::Owned);
            const WIDTH: Option<usize> = sum(&[$($item::WIDTH,)+ $last::WIDTH]);
            const SHAPE: Shape = Shape::Tuple(&[$($item::SHAPE,)+ $last::SHAPE]);

            #[inline]
            fn encode(key: Self::Ref<'_>, place: Place, out: &mut KeyBuf) {
                $($item::encode(key.$at, Place::Inner, out);)+
                $last::encode(key.$last_at, place, out);
            }

            fn decode<'a>(bytes: &mut &'a [u8], place: Place) -> Result<Self::Out<'a>, KeyError> {
                // A tuple's components are evaluated from left to right.
                Ok(($($item::decode(bytes, Place::Inner)?,)+ $last::decode(bytes, place)?))
            }

            fn into_owned(out: Self::Out<'_>) -> Self::Owned {
                ($($item::into_owned(out.$at),)+ $last::into_owned(out.$last_at))
            }
        }

        #[diagnostic::do_not_recommend]
        impl<$($item: KeyField,)+ $last: KeyField> KeyField for ($($item,)+ $last) {
            type Key = ($($item::Key,)+ $last::Key);

            #[inline]
            fn key_ref(&self) -> <Self::Key as Key>::Ref<'_> {
                ($(self.$at.key_ref(),)+ self.$last_at.key_ref())
            }
        }

        #[diagnostic::do_not_recommend]
        impl<$($item: Key,)+ $last: TextTail> TextTail for ($($item,)+ $last) {}
    )*};
}

tuples! {
    (A.0), B.1;
    (A.0, B.1), C.2;
    (A.0, B.1, C.2), D.3;
    (A.0, B.1, C.2, D.3), E.4;
    (A.0, B.1, C.2, D.3, E.4), F.5;
}

/// The leading components of the composite key `K`, as a tuple: `("DE",)` for `(String, u32)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a prefix of the key `{K}`",
    label = "not the leading components of this key",
    note = "pass a tuple of the leading components, for example `(\"DE\",)` for a key `(String, u32)`",
    note = "a key of one component has no prefix: use `eq`, `range` or `starts_with`"
)]
pub trait PrefixOf<K: Key> {
    /// Appends the bytes that all keys with this prefix start with.
    fn encode_prefix(self, out: &mut KeyBuf);
}

macro_rules! prefixes {
    ($($($item:ident.$at:tt),+ => $($rest:ident),+;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<'q, $($item: Key,)+ $($rest: Key,)+> PrefixOf<($($item,)+ $($rest,)+)> for ($($item::Ref<'q>,)+) {
            #[inline]
            fn encode_prefix(self, out: &mut KeyBuf) {
                $($item::encode(self.$at, Place::Inner, out);)+
            }
        }
    )*};
}

prefixes! {
    A.0 => B;
    A.0 => B, C;
    A.0 => B, C, D;
    A.0 => B, C, D, E;
    A.0 => B, C, D, E, F;
    A.0, B.1 => C;
    A.0, B.1 => C, D;
    A.0, B.1 => C, D, E;
    A.0, B.1 => C, D, E, F;
    A.0, B.1, C.2 => D;
    A.0, B.1, C.2 => D, E;
    A.0, B.1, C.2 => D, E, F;
    A.0, B.1, C.2, D.3 => E;
    A.0, B.1, C.2, D.3 => E, F;
    A.0, B.1, C.2, D.3, E.4 => F;
}
