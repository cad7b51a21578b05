//! The default codec: bincode 2 through serde, in its standard configuration.
//!
//! The format is small, and the tests below spell it out, so that another implementation could stand in:
//! `u8`, `i8` and `bool` are one byte, floats 4 or 8 little endian ones. Larger integers below 251 are one byte;
//! others a byte that tells their size (`FB` 2, `FC` 4, `FD` 8, `FE` 16) and then the value, little endian. Signed ones are
//! made unsigned by zigzag first. Text and lists are a length and the elements, `Option` is `00`, or `01` and the value; structs and
//! tuples are their fields; an enum is the variant's number, then its fields.

use ::bincode::config::{Configuration, Limit, LittleEndian, Varint};
use ::bincode::enc::write::Writer;
use ::bincode::error::EncodeError;
use serde::{Deserialize, Serialize};

use super::leading::Leading;
use super::{Codec, left_over};
use crate::error::CodecError;

/// The default codec, `bincode-2-standard`: compact, not self-describing, borrows `&str` and `&[u8]` from the page.
#[derive(Debug, Clone, Copy)]
pub struct Bincode;

/// The most bytes one row claims to have: no value of the engine is as long. Without a bound, a damaged length
/// would make the decoder ask for that much memory.
const MOST_BYTES: usize = 0x7FFF_FFFF;

const CONFIG: Configuration<LittleEndian, Varint, Limit<MOST_BYTES>> =
    ::bincode::config::standard().with_limit();

/// Writes to the end of a `Vec`. As an `io::Write` it would be asked each time whether it failed.
struct Appending<'v>(&'v mut Vec<u8>);

impl Writer for Appending<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

impl Codec for Bincode {
    const ID: u8 = 1;
    const NAME: &'static str = "bincode-2-standard";

    fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        ::bincode::serde::encode_into_writer(value, Appending(out), CONFIG)
            .map_err(|error| CodecError::encode(Self::NAME, error))
    }

    fn decode<'t, T: Deserialize<'t>>(bytes: &'t [u8]) -> Result<T, CodecError> {
        complete(
            ::bincode::serde::borrow_decode_from_slice(bytes, CONFIG),
            bytes,
        )
    }

    fn decode_leading<'t, T: Deserialize<'t>>(
        bytes: &'t [u8],
        fields: usize,
    ) -> Result<T, CodecError> {
        let leading = Leading::<T>::new(fields);
        complete(
            ::bincode::serde::seed_decode_from_slice(leading, bytes, CONFIG),
            bytes,
        )
    }

    fn decode_head<'t, T: Deserialize<'t>>(bytes: &'t [u8]) -> Result<T, CodecError> {
        ::bincode::serde::borrow_decode_from_slice(bytes, CONFIG)
            .map(|(value, _)| value)
            .map_err(|error| CodecError::decode(Self::NAME, error))
    }
}

/// Returns a value that was decoded from the start of `bytes`, if that was all of them.
#[inline]
fn complete<T>(
    decoded: Result<(T, usize), ::bincode::error::DecodeError>,
    bytes: &[u8],
) -> Result<T, CodecError> {
    match decoded {
        Ok((value, used)) if used == bytes.len() => Ok(value),
        Ok((_, used)) => Err(left_over(Bincode::NAME, bytes.len() - used)),
        Err(error) => Err(CodecError::decode(Bincode::NAME, error)),
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::collections::BTreeMap;
    use std::fmt::Debug;

    use super::*;
    use crate::error::KeyBytes;

    /// Asserts that `value` is stored as these bytes, and that they give it back.
    fn golden<T>(value: &T, hex: &str)
    where
        T: Serialize + for<'t> Deserialize<'t> + PartialEq + Debug,
    {
        let mut bytes = Vec::new();
        Bincode::encode(value, &mut bytes).unwrap();
        let stored = KeyBytes::from(bytes.as_slice());
        assert_eq!(stored.to_string(), format!("0x{hex}"), "{value:?}");
        assert_eq!(&Bincode::decode::<T>(&bytes).unwrap(), value);
    }

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    enum Kind {
        Plain,
        One(u16),
        Pair(u8, String),
        Named { a: bool, b: Option<u8> },
    }

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Newtype(i16);

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Row {
        id: u64,
        name: String,
        score: f32,
        tags: Vec<String>,
        nothing: (),
    }

    #[test]
    fn integers() {
        golden(&0u8, "00");
        golden(&255u8, "ff");
        golden(&-1i8, "ff");
        golden(&250u16, "fa");
        golden(&251u16, "fbfb00");
        golden(&65_535u32, "fbffff");
        golden(&65_536u32, "fc00000100");
        golden(&u64::from(u32::MAX), "fcffffffff");
        golden(&(1u64 << 32), "fd0000000001000000");
        golden(&u128::MAX, "feffffffffffffffffffffffffffffffff");
        golden(&0i32, "00");
        golden(&-1i32, "01");
        golden(&1i64, "02");
        golden(&-126i16, "fbfb00");
        golden(&i64::MIN, "fdffffffffffffffff");
        golden(&i128::MIN, "feffffffffffffffffffffffffffffffff");
    }

    #[test]
    fn other_scalars() {
        golden(&true, "01");
        golden(&false, "00");
        golden(&1.5f32, "0000c03f");
        golden(&-2.0f64, "00000000000000c0");
        golden(&'a', "61");
        golden(&'é', "c3a9");
        golden(&'\u{10ffff}', "f48fbfbf");
        golden(&(), "");
    }

    #[test]
    fn compounds() {
        golden(&String::from("hé"), "0368c3a9");
        golden(&vec![1u8, 2], "020102");
        golden(&vec![1u16, 300], "0201fb2c01");
        golden(&[7u8; 3], "070707");
        golden(&(1u8, String::from("a")), "010161");
        golden(&Some(5u8), "0105");
        golden(&None::<u8>, "00");
        golden(&BTreeMap::from([(1u8, true), (2, false)]), "0201010200");
        golden(&Newtype(-3), "05");
        golden(&Kind::Plain, "00");
        golden(&Kind::One(7), "0107");
        golden(&Kind::Pair(1, "x".into()), "02010178");
        golden(
            &Kind::Named {
                a: true,
                b: Some(9),
            },
            "03010109",
        );
        let row = Row {
            id: 300,
            name: "ann".into(),
            score: 0.5,
            tags: vec!["a".into(), "b".into()],
            nothing: (),
        };
        golden(&row, "fb2c0103616e6e0000003f0201610162");
    }

    #[test]
    fn text_and_bytes_are_borrowed() {
        #[derive(Deserialize)]
        struct Borrowing<'a> {
            text: &'a str,
            bytes: &'a [u8],
            #[serde(borrow)]
            cow: Cow<'a, str>,
        }
        let stored = b"\x01t\x02\x05\x06\x01c";
        let row: Borrowing<'_> = Bincode::decode(stored).unwrap();
        assert_eq!(row.text.as_ptr(), stored[1..].as_ptr());
        assert_eq!(row.bytes.as_ptr(), stored[3..].as_ptr());
        assert!(matches!(row.cow, Cow::Borrowed("c")));
    }

    #[test]
    fn leading_fields_can_be_read_alone() {
        let stored = b"\x07\x02hi\x01\x00";
        assert_eq!(
            Bincode::decode_head::<(u8, &str)>(stored).unwrap(),
            (7, "hi")
        );
        assert!(Bincode::decode_head::<(u8, &str)>(&stored[..2]).is_err());
    }

    #[test]
    fn damaged_bytes_are_an_error() {
        assert!(Bincode::decode::<u64>(&[]).is_err(), "too short");
        assert!(Bincode::decode::<u8>(&[1, 2]).is_err(), "too long");
        assert!(Bincode::decode::<bool>(&[2]).is_err());
        assert!(Bincode::decode::<&str>(&[1, 0xFF]).is_err(), "not UTF-8");
        assert!(Bincode::decode::<Kind>(&[4]).is_err(), "no such variant");
        let huge = [0xFD, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F];
        assert!(Bincode::decode::<String>(&huge).is_err());
        assert!(Bincode::decode::<Vec<String>>(&huge).is_err());
        assert!(Bincode::decode::<BTreeMap<u8, u8>>(&huge).is_err());
    }
}
