//! The codec of the feature `postcard`: postcard 1 through serde.
//!
//! Its format is written down at <https://postcard.jamesmunns.com/wire-format>: `u8`, `i8` and `bool` are one byte, floats
//! 4 or 8 little endian ones. Larger integers have seven bits a byte, low ones first, and the high bit says that more
//! follow; signed ones are made unsigned by zigzag first. Text and lists are a length and the elements, a `char` is its
//! text, `Option` is `00`, or `01` and the value; structs and tuples are their fields; an enum is the variant's number,
//! then its fields.

use std::marker::PhantomData;

use ::postcard::Deserializer;
use serde::de::DeserializeSeed;
use serde::{Deserialize, Serialize};

use super::leading::Leading;
use super::{Codec, left_over};
use crate::error::CodecError;

/// The codec `postcard-1`: compact, not self-describing, with a published format; borrows `&str` and `&[u8]` from the
/// page.
#[derive(Debug, Clone, Copy)]
pub struct Postcard;

impl Codec for Postcard {
    const ID: u8 = 2;
    const NAME: &'static str = "postcard-1";

    fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        match ::postcard::to_io(value, &mut *out) {
            Ok(_) => Ok(()),
            Err(error) => Err(CodecError::encode(Self::NAME, error)),
        }
    }

    fn decode<'t, T: Deserialize<'t>>(bytes: &'t [u8]) -> Result<T, CodecError> {
        complete(bytes, PhantomData::<T>)
    }

    fn decode_leading<'t, T: Deserialize<'t>>(
        bytes: &'t [u8],
        fields: usize,
    ) -> Result<T, CodecError> {
        complete(bytes, Leading::<T>::new(fields))
    }

    fn decode_head<'t, T: Deserialize<'t>>(bytes: &'t [u8]) -> Result<T, CodecError> {
        T::deserialize(&mut Deserializer::from_bytes(bytes)).map_err(refused)
    }
}

/// Returns what `value` decodes from all the bytes.
#[inline]
fn complete<'t, S: DeserializeSeed<'t>>(bytes: &'t [u8], value: S) -> Result<S::Value, CodecError> {
    let mut decoder = Deserializer::from_bytes(bytes);
    let value = value.deserialize(&mut decoder).map_err(refused)?;
    match decoder.finalize().map_err(refused)? {
        [] => Ok(value),
        rest => Err(left_over(Postcard::NAME, rest.len())),
    }
}

#[cold]
fn refused(error: ::postcard::Error) -> CodecError {
    CodecError::decode(Postcard::NAME, error)
}
