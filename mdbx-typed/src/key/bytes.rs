//! Text and byte strings.
//!
//! What comes last is stored as it is, so scans can borrow it from the page. Elsewhere the string must end before
//! all its continuations: it is followed by `00`, and `00` and `01` inside it are escaped as `01 01` and `01 02`,
//! which keeps their order and leaves no `00` but the terminator.

use std::borrow::Cow;

use super::{Key, KeyBuf, KeyField, Place, take_array};
use crate::error::KeyError;
use crate::shape::Shape;

const TERMINATOR: u8 = 0;
const ESCAPE: u8 = 1;

fn encode_string(string: &[u8], place: Place, out: &mut KeyBuf) {
    if place == Place::Last {
        out.extend_from_slice(string);
        return;
    }
    let mut rest = string;
    while let Some(at) = rest.iter().position(|&byte| byte <= ESCAPE) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(&[ESCAPE, rest[at] + 1]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(TERMINATOR);
}

fn decode_string<'a>(bytes: &mut &'a [u8], place: Place) -> Result<Cow<'a, [u8]>, KeyError> {
    const MALFORMED: KeyError = KeyError::malformed("string");
    if place == Place::Last {
        return Ok(Cow::Borrowed(std::mem::take(bytes)));
    }
    let end = bytes
        .iter()
        .position(|&byte| byte == TERMINATOR)
        .ok_or(MALFORMED)?;
    let escaped = &bytes[..end];
    *bytes = &bytes[end + 1..];
    if !escaped.contains(&ESCAPE) {
        return Ok(Cow::Borrowed(escaped));
    }
    let mut string = Vec::with_capacity(escaped.len());
    let mut rest = escaped.iter();
    while let Some(&byte) = rest.next() {
        string.push(match (byte, rest.as_slice().first()) {
            (ESCAPE, Some(&code @ 1..=2)) => {
                rest.next();
                code - 1
            }
            (ESCAPE, _) => return Err(MALFORMED),
            _ => byte,
        });
    }
    Ok(Cow::Owned(string))
}

impl Key for String {
    type Ref<'a> = &'a str;
    type Out<'a> = Cow<'a, str>;
    type Owned = String;
    const WIDTH: Option<usize> = None;
    const SHAPE: Shape = Shape::Name("str");

    #[inline]
    fn encode(key: &str, place: Place, out: &mut KeyBuf) {
        encode_string(key.as_bytes(), place, out);
    }

    fn decode<'a>(bytes: &mut &'a [u8], place: Place) -> Result<Cow<'a, str>, KeyError> {
        const NOT_TEXT: KeyError = KeyError::malformed("text: it is not UTF-8");
        match decode_string(bytes, place)? {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes)
                .map(Cow::Borrowed)
                .map_err(|_| NOT_TEXT),
            Cow::Owned(bytes) => String::from_utf8(bytes)
                .map(Cow::Owned)
                .map_err(|_| NOT_TEXT),
        }
    }

    fn into_owned(out: Cow<'_, str>) -> String {
        out.into_owned()
    }
}

impl Key for Vec<u8> {
    type Ref<'a> = &'a [u8];
    type Out<'a> = Cow<'a, [u8]>;
    type Owned = Vec<u8>;
    const WIDTH: Option<usize> = None;
    const SHAPE: Shape = Shape::List(&Shape::Name("u8"));

    #[inline]
    fn encode(key: &[u8], place: Place, out: &mut KeyBuf) {
        encode_string(key, place, out);
    }

    fn decode<'a>(bytes: &mut &'a [u8], place: Place) -> Result<Cow<'a, [u8]>, KeyError> {
        decode_string(bytes, place)
    }

    fn into_owned(out: Cow<'_, [u8]>) -> Vec<u8> {
        out.into_owned()
    }
}

impl<const N: usize> Key for [u8; N] {
    type Ref<'a> = &'a [u8; N];
    type Out<'a> = &'a [u8; N];
    type Owned = [u8; N];
    const WIDTH: Option<usize> = Some(N);
    const SHAPE: Shape = Shape::Array(&Shape::Name("u8"), N);

    #[inline]
    fn encode(key: &[u8; N], _: Place, out: &mut KeyBuf) {
        out.extend_from_slice(key);
    }

    fn decode<'a>(bytes: &mut &'a [u8], _: Place) -> Result<&'a [u8; N], KeyError> {
        take_array(bytes, "byte array")
    }

    fn into_owned(out: &[u8; N]) -> [u8; N] {
        *out
    }
}

macro_rules! strings {
    ($($($type:ty),+ => $key:ty, $slice:ty;)*) => {$($(
        #[diagnostic::do_not_recommend]
        impl KeyField for $type {
            type Key = $key;

            #[inline]
            fn key_ref(&self) -> &$slice {
                self
            }
        }
    )+)*};
}

strings! {
    String, &str, Cow<'_, str>, Box<str> => String, str;
    Vec<u8>, &[u8], Cow<'_, [u8]>, Box<[u8]> => Vec<u8>, [u8];
}

#[diagnostic::do_not_recommend]
impl<const N: usize> KeyField for [u8; N] {
    type Key = [u8; N];

    #[inline]
    fn key_ref(&self) -> &[u8; N] {
        self
    }
}

/// A key whose last component is text or a byte string, so that
/// [`starts_with`](crate::Query::starts_with) makes sense.
#[diagnostic::on_unimplemented(
    message = "`starts_with` needs a key that ends in text or a byte string, and `{Self}` does not",
    note = "for the leading components of a composite key use `prefix((a,))`"
)]
pub trait TextTail: Key {}

#[diagnostic::do_not_recommend]
impl TextTail for String {}
#[diagnostic::do_not_recommend]
impl TextTail for Vec<u8> {}
