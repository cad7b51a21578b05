//! Wrappers of one component: `Option` and [`Desc`].

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::{Key, KeyBuf, KeyField, Place, take};
use crate::error::KeyError;
use crate::shape::{Shape, Shaped};

impl<T: Key> Key for Option<T> {
    type Ref<'a> = Option<T::Ref<'a>>;
    type Out<'a> = Option<T::Out<'a>>;
    type Owned = Option<T::Owned>;
    const WIDTH: Option<usize> = None;
    const SHAPE: Shape = Shape::Option(&T::SHAPE);

    #[inline]
    fn encode(key: Self::Ref<'_>, place: Place, out: &mut KeyBuf) {
        match key {
            None => out.push(0),
            Some(inner) => {
                out.push(1);
                T::encode(inner, place, out);
            }
        }
    }

    fn decode<'a>(bytes: &mut &'a [u8], place: Place) -> Result<Self::Out<'a>, KeyError> {
        match take(bytes, 1, "option")? {
            [0] => Ok(None),
            [1] => T::decode(bytes, place).map(Some),
            _ => Err(KeyError::malformed("option")),
        }
    }

    fn into_owned(out: Self::Out<'_>) -> Self::Owned {
        out.map(T::into_owned)
    }
}

#[diagnostic::do_not_recommend]
impl<T: KeyField> KeyField for Option<T> {
    type Key = Option<T::Key>;

    #[inline]
    fn key_ref(&self) -> <Self::Key as Key>::Ref<'_> {
        self.as_ref().map(T::key_ref)
    }
}

/// A key component in descending order: `(String, Desc<i64>)` sorts by name, and the largest number first.
///
/// Callers pass the value itself, and scans yield it decoded and owned, because its bytes in the page are inverted.
///
/// ```
/// use mdbx_typed::{Desc, Table};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Table, Serialize, Deserialize)]
/// #[index(newest_by_author, on(author, written_at), desc(written_at))]
/// #[index(longest_by_author, with = Self::length, key = (String, Desc<u64>))]
/// struct Post {
///     #[key(auto)]
///     id: u64,
///     author: String,
///     written_at: i64,
///     text: String,
/// }
///
/// impl Post {
///     fn length(&self) -> (String, Desc<u64>) {
///         (self.author.clone(), Desc(self.text.len() as u64))
///     }
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Desc<T>(pub T);

impl<T> From<T> for Desc<T> {
    fn from(value: T) -> Self {
        Desc(value)
    }
}

impl<T: PartialOrd> PartialOrd for Desc<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Reverse(&self.0).partial_cmp(&Reverse(&other.0))
    }
}

impl<T: Ord> Ord for Desc<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        Reverse(&self.0).cmp(&Reverse(&other.0))
    }
}

impl<T: Shaped> Shaped for Desc<T> {
    const SHAPE: Shape = T::SHAPE;
}

impl<T: Key> Key for Desc<T> {
    type Ref<'a> = T::Ref<'a>;
    type Out<'a> = T::Owned;
    type Owned = T::Owned;
    const WIDTH: Option<usize> = T::WIDTH;
    const SHAPE: Shape = Shape::Desc(&T::SHAPE);

    #[inline]
    fn encode(key: T::Ref<'_>, _: Place, out: &mut KeyBuf) {
        let start = out.len();
        // As if more followed: a raw string would sort before its continuations even when inverted.
        T::encode(key, Place::Inner, out);
        for byte in &mut out.as_mut_slice()[start..] {
            *byte = !*byte;
        }
    }

    fn decode(bytes: &mut &[u8], _: Place) -> Result<T::Owned, KeyError> {
        let most = T::WIDTH.unwrap_or(bytes.len()).min(bytes.len());
        let mut plain = KeyBuf::new();
        for byte in &bytes[..most] {
            plain.push(!byte);
        }
        let mut rest = plain.as_slice();
        let key = T::into_owned(T::decode(&mut rest, Place::Inner)?);
        *bytes = &bytes[most - rest.len()..];
        Ok(key)
    }

    fn into_owned(out: T::Owned) -> T::Owned {
        out
    }
}

#[diagnostic::do_not_recommend]
impl<T: KeyField> KeyField for Desc<T> {
    type Key = Desc<T::Key>;

    #[inline]
    fn key_ref(&self) -> <T::Key as Key>::Ref<'_> {
        self.0.key_ref()
    }
}
