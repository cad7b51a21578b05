//! Text without regard to ASCII case: `#[index(fold = ascii)]`.
//!
//! `A` to `Z` become `a` to `z`, and nothing else changes. So the bytes of a text stay the same for ever; the case
//! tables of Unicode grow with every version, and an index made with one of them could not be read with the next.

use std::borrow::Cow;

use super::{Key, KeyBuf, Place, TextTail};
use crate::error::KeyError;
use crate::shape::Shape;

/// The key of a text in lower case, as far as ASCII goes.
///
/// Callers pass the text as it is: `eq("Ann@X.org")` finds what `eq("ann@x.org")` finds. A scan yields the lower case.
#[derive(Debug, Clone, Copy)]
pub struct AsciiFold(());

impl Key for AsciiFold {
    type Ref<'a> = &'a str;
    type Out<'a> = Cow<'a, str>;
    type Owned = String;
    const WIDTH: Option<usize> = None;
    const SHAPE: Shape = Shape::AsciiFold(&String::SHAPE);

    #[inline]
    fn encode(key: &str, place: Place, out: &mut KeyBuf) {
        let start = out.len();
        String::encode(key, place, out);
        // Neither an escape nor the terminator is a letter.
        out.as_mut_slice()[start..].make_ascii_lowercase();
    }

    fn decode<'a>(bytes: &mut &'a [u8], place: Place) -> Result<Cow<'a, str>, KeyError> {
        String::decode(bytes, place)
    }

    fn into_owned(out: Cow<'_, str>) -> String {
        out.into_owned()
    }
}

#[diagnostic::do_not_recommend]
impl TextTail for AsciiFold {}

/// A key that can be folded: text, or an `Option` of it.
#[diagnostic::on_unimplemented(
    message = "`fold = ascii` needs text, and `{Self}` is not",
    label = "not text",
    note = "for other values compute the key: #[index(name, with = Self::function, key = Type)]"
)]
pub trait Fold: Key {
    /// The same key without regard to case.
    type Folded: Key;
}

#[diagnostic::do_not_recommend]
impl Fold for String {
    type Folded = AsciiFold;
}

#[diagnostic::do_not_recommend]
impl<K: Fold> Fold for Option<K> {
    type Folded = Option<K::Folded>;
}
