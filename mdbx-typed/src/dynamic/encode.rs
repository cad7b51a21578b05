//! [`Value`]s to stored values, by their form: the opposite of `stored`.

use super::coding::{Coding, Malformed};
use super::form::Form;
use super::value::Value;

/// Appends the bytes of a value that [fits](super::fit::fit) the form.
///
/// Bytes of types that are not known are appended as they are. A value that does not fit is the error.
pub(crate) fn put(
    value: &Value,
    form: &Form,
    coding: Coding,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let put_all = |items: &[Value], item: &Form, out: &mut Vec<u8>| {
        let mut items = items.iter();
        items.try_for_each(|value| put(value, item, coding, out))
    };
    match (form, value) {
        (Form::Bool, Value::Bool(value)) => out.push((*value).into()),
        (Form::Char, Value::Char(value)) => coding.put_char(*value, out),
        (Form::Text, Value::Text(text)) => put_bytes(text.as_bytes(), coding, out),
        (Form::Unit, Value::Unit) => {}
        (Form::F32, Value::F32(value)) => out.extend_from_slice(&value.to_le_bytes()),
        (Form::F64, Value::F64(value)) => out.extend_from_slice(&value.to_le_bytes()),
        (Form::UInt(size), Value::UInt(value)) => coding.put_uint(*value, *size, out),
        (Form::Int(size), Value::Int(value)) => coding.put_int(*value, *size, out),
        (Form::Bytes, Value::Bytes(bytes)) => put_bytes(bytes, coding, out),
        (Form::Array(..), Value::Bytes(bytes)) | (_, Value::Opaque(bytes)) => {
            out.extend_from_slice(bytes);
        }
        (Form::List(item), Value::List(items)) => {
            coding.put_len(items.len(), out);
            put_all(items, item, out)?;
        }
        (Form::Array(item, _), Value::List(items)) => put_all(items, item, out)?,
        (Form::Tuple(forms), Value::Tuple(items)) => forms
            .iter()
            .zip(items)
            .try_for_each(|(form, value)| put(value, form, coding, out))?,
        (Form::Option(inner), Value::Option(value)) => {
            out.push(value.is_some().into());
            if let Some(value) = value {
                put(value, inner, coding, out)?;
            }
        }
        (Form::Map(key_form, value_form), Value::Map(pairs)) => {
            coding.put_len(pairs.len(), out);
            for (key, value) in pairs {
                put(key, key_form, coding, out)?;
                put(value, value_form, coding, out)?;
            }
        }
        (Form::Desc(inner) | Form::Fold(inner) | Form::Hashed(inner), value) => {
            put(value, inner, coding, out)?;
        }
        (Form::Enum(variants), Value::Enum(name, None)) => {
            let variant = variants.iter().position(|(own, _)| own == name);
            put_variant(variant, coding, out)?;
        }
        (Form::Struct(forms), Value::Struct(fields)) => forms
            .iter()
            .zip(fields)
            .try_for_each(|((_, form), (_, value))| put(value, form, coding, out))?,
        (Form::OneOf(variants), Value::Enum(name, value)) => {
            let variant = variants.iter().position(|(own, _)| own == name);
            put_variant(variant, coding, out)?;
            if let (Some(at), Some(value)) = (variant, value) {
                put(value, &variants[at].1, coding, out)?;
            }
        }
        _ => return Err(Malformed("a value of another type")),
    }
    Ok(())
}

/// Appends bytes with their number.
fn put_bytes(bytes: &[u8], coding: Coding, out: &mut Vec<u8>) {
    coding.put_len(bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// Appends the position of a variant, if there is such a variant.
fn put_variant(variant: Option<usize>, coding: Coding, out: &mut Vec<u8>) -> Result<(), Malformed> {
    let number = variant.ok_or(Malformed("an enum: it has no such variant"))?;
    coding.put_uint(number as u128, 4, out);
    Ok(())
}

impl Coding {
    /// Appends an unsigned integer that fits `size` bytes.
    pub(crate) fn put_uint(self, number: u128, size: u8, out: &mut Vec<u8>) {
        let bytes = number.to_le_bytes();
        if size == 1 || self == Coding::Raw {
            out.extend_from_slice(&bytes[..usize::from(size)]);
            return;
        }
        if self == Coding::Postcard {
            put_varint(number, out);
            return;
        }
        let (mark, wide) = match number {
            0..=250 => {
                out.push(bytes[0]);
                return;
            }
            251..=0xFFFF => (0xFB, 2),
            0x1_0000..=0xFFFF_FFFF => (0xFC, 4),
            0x1_0000_0000..=0xFFFF_FFFF_FFFF_FFFF => (0xFD, 8),
            _ => (0xFE, 16),
        };
        out.push(mark);
        out.extend_from_slice(&bytes[..wide]);
    }

    /// Appends a signed integer that fits `size` bytes.
    pub(crate) fn put_int(self, number: i128, size: u8, out: &mut Vec<u8>) {
        let bits = if size == 1 || self == Coding::Raw {
            number.cast_unsigned()
        } else {
            ((number << 1) ^ (number >> 127)).cast_unsigned()
        };
        self.put_uint(bits, size, out);
    }

    /// Appends the number of elements of a list, a map or text.
    pub(crate) fn put_len(self, len: usize, out: &mut Vec<u8>) {
        self.put_uint(len as u128, 8, out);
    }

    /// Appends a char.
    pub(crate) fn put_char(self, c: char, out: &mut Vec<u8>) {
        let mut buffer = [0; 4];
        let text = c.encode_utf8(&mut buffer);
        if self == Coding::Postcard {
            self.put_len(text.len(), out);
        }
        out.extend_from_slice(text.as_bytes());
    }
}

fn put_varint(mut number: u128, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use super::super::fit::fit;
    use super::super::keys;
    use super::super::stored::Reader;
    use super::*;
    use crate::error::KeyBytes;
    use crate::key::{KeyBuf, Place};

    /// Asserts that a value is stored as these bytes, which give it back.
    fn golden(shape: &str, value: impl Into<Value>, bincode: &str, postcard: &str) {
        let form = Form::parse(shape);
        let value = fit(&value.into(), &form).unwrap();
        for (coding, hex) in [(Coding::Bincode, bincode), (Coding::Postcard, postcard)] {
            let mut bytes = Vec::new();
            put(&value, &form, coding, &mut bytes).unwrap();
            let stored = KeyBytes::from(bytes.as_slice()).to_string();
            assert_eq!(stored, format!("0x{hex}"), "{shape} {value} {coding:?}");
            let mut reader = Reader::new(coding, &bytes);
            assert_eq!(reader.value(&form).unwrap(), value);
            assert!(reader.rest().is_empty());
            for len in 0..bytes.len() {
                assert!(Reader::new(coding, &bytes[..len]).value(&form).is_err());
            }
        }
    }

    #[test]
    fn values_are_stored_as_the_codecs_store_them() {
        golden("u8", 255u8, "ff", "ff");
        golden("i8", -1, "ff", "ff");
        golden("u16", 251u8, "fbfb00", "fb01");
        golden("u32", 65_536, "fc00000100", "808004");
        golden("u64", 1u64 << 32, "fd0000000001000000", "8080808010");
        golden("i32", -1, "01", "01");
        golden(
            "i64",
            i64::MIN,
            "fdffffffffffffffff",
            "ffffffffffffffffff01",
        );
        golden("i128", -2, "03", "03");
        golden("u128", 251u8, "fbfb00", "fb01");
        golden("f32", 1.5f32, "0000c03f", "0000c03f");
        golden("char", "é", "c3a9", "02c3a9");
        golden("str", "hé", "0368c3a9", "0368c3a9");
        golden("bytes", "0x0102", "020102", "020102");
        golden("array<u8, 2>", "0x0102", "0102", "0102");
        let list = vec![Value::from(1), Value::from(300)];
        golden("list<u16>", list, "0201fb2c01", "0201ac02");
        golden("option<u8>", Some(5u8), "0105", "0105");
        golden("(u8, str)", (1, "a"), "010161", "010161");
        golden("enum<Red, Blue = 7>", "Blue", "01", "01");
        let point: Value = Value::Struct(vec![("y".into(), 2.into()), ("x".into(), 1.into())]);
        golden("struct<x: u8, y: i8>", point.clone(), "0102", "0102");
        let at = Value::Enum("At".into(), Some(Box::new(point)));
        let figure = "oneof<No, At: struct<x: u8, y: i8>>";
        golden(figure, at, "010102", "010102");
        golden(figure, "No", "00", "00");
        let pair = Value::Tuple(vec![1.into(), true.into()]);
        golden("map<u8, bool>", vec![pair], "010101", "010101");
    }

    #[test]
    fn random_bytes_are_an_error_or_a_value_of_bounded_size() {
        let shapes = [
            "list<list<list<unit>>>",
            "list<()>",
            "array<array<unit, 99999999>, 99999999>",
            "array<u64, 99999999999>",
            "map<unit, array<u8, 0>>",
            "list<option<option<char>>>",
            "map<str, list<(u8, i128, f64)>>",
            "list<enum<A, B>>",
            "list<type Foo>",
            "list<oneof<A, B: struct<a: unit, b: list<struct<>>>>>",
        ];
        let mut state = 0x9E37_79B9_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        };
        for form in shapes.map(Form::parse) {
            for _ in 0..500 {
                let mut bytes: Vec<u8> = (0..4).flat_map(|_| next()).collect();
                bytes[0] = bytes[1] % 8;
                bytes.truncate(usize::from(bytes[2]) % 33);
                for coding in [Coding::Raw, Coding::Bincode, Coding::Postcard] {
                    if let Ok(value) = Reader::new(coding, &bytes).value(&form) {
                        let (mut once, mut twice) = (Vec::new(), Vec::new());
                        put(&value, &form, coding, &mut once).unwrap();
                        let again = Reader::new(coding, &once).value(&form).unwrap();
                        put(&again, &form, coding, &mut twice).unwrap();
                        assert_eq!(once, twice);
                    }
                }
            }
        }
    }

    #[test]
    fn keys_are_read_as_they_are_written() {
        let nested = (("a\0\u{1}", 5i16), "b\0");
        for (shape, value) in [
            ("((str, option<i16>), desc<str>)", Value::from(nested)),
            (
                "(desc<(u8, str)>, bytes)",
                Value::from(((7, "x"), "0x0001")),
            ),
            (
                "(enum<A, B = 300>, array<u8, 3>)",
                Value::from(("B", "0x010203")),
            ),
            (
                "(f64, f32, bool, char)",
                Value::from((-0.5, 2.0, true, 'é')),
            ),
            (
                "(i128, u128, i8, option<option<bool>>)",
                Value::from((i128::MIN, 1, -1, Some(Some(true)))),
            ),
        ] {
            let form = Form::parse(shape);
            let value = fit(&value, &form).unwrap();
            let mut key = KeyBuf::new();
            keys::put(&value, &form, Place::Last, &mut key).unwrap();
            let read = |len: usize| keys::read(&key.as_slice()[..len], &form);
            assert_eq!(read(key.len()).unwrap(), value, "{shape}");
            // What ends in a string of bytes may end anywhere, but is another key then.
            assert!((0..key.len()).all(|len| read(len).ok().is_none_or(|other| other != value)));
        }
    }
}
