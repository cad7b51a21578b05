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
    match (form, value) {
        (Form::Bool, Value::Bool(value)) => out.push((*value).into()),
        (Form::Char, Value::Char(value)) => coding.put_char(*value, out),
        (Form::Text, Value::Text(text)) => {
            coding.put_len(text.len(), out);
            out.extend_from_slice(text.as_bytes());
        }
        (Form::Unit, Value::Unit) => {}
        (Form::F32, Value::F32(value)) => out.extend_from_slice(&value.to_le_bytes()),
        (Form::F64, Value::F64(value)) => out.extend_from_slice(&value.to_le_bytes()),
        (Form::UInt(size), Value::UInt(value)) => coding.put_uint(*value, *size, out),
        (Form::Int(size), Value::Int(value)) => coding.put_int(*value, *size, out),
        (Form::Bytes, Value::Bytes(bytes)) => {
            coding.put_len(bytes.len(), out);
            out.extend_from_slice(bytes);
        }
        (Form::Array(..), Value::Bytes(bytes)) | (_, Value::Opaque(bytes)) => {
            out.extend_from_slice(bytes);
        }
        (Form::List(item), Value::List(items)) => {
            coding.put_len(items.len(), out);
            items
                .iter()
                .try_for_each(|value| put(value, item, coding, out))?;
        }
        (Form::Array(item, _), Value::List(items)) => items
            .iter()
            .try_for_each(|value| put(value, item, coding, out))?,
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
            let number = variants.iter().position(|(variant, _)| variant == name);
            let number = number.ok_or(Malformed("an enum: it has no such variant"))?;
            coding.put_uint(number as u128, 4, out);
        }
        _ => return Err(Malformed("a value of another type")),
    }
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
