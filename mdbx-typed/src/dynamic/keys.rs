//! The keys of a file as [`Value`]s: `okey-1` by the form of a key.

use super::form::Form;
use super::value::Value;
use crate::error::KeyError;
use crate::key::{AsciiFold, Hashed, Key, KeyBuf, Place, TotalF32, TotalF64};

/// Returns the key that `bytes` are, all of them.
pub(crate) fn read(mut bytes: &[u8], form: &Form) -> Result<Value, KeyError> {
    let value = take(&mut bytes, form, Place::Last)?;
    if bytes.is_empty() {
        Ok(value)
    } else {
        Err(KeyError::malformed("key: bytes follow it"))
    }
}

/// Takes a component off the front.
fn take(bytes: &mut &[u8], form: &Form, place: Place) -> Result<Value, KeyError> {
    Ok(match form {
        Form::Bool => Value::Bool(bool::decode(bytes, place)?),
        Form::Char => Value::Char(char::decode(bytes, place)?),
        Form::F32 => Value::F32(TotalF32::decode(bytes, place)?),
        Form::F64 => Value::F64(TotalF64::decode(bytes, place)?),
        Form::UInt(1) => Value::UInt(u8::decode(bytes, place)?.into()),
        Form::UInt(2) => Value::UInt(u16::decode(bytes, place)?.into()),
        Form::UInt(4) => Value::UInt(u32::decode(bytes, place)?.into()),
        Form::UInt(8) | Form::Hashed(_) => Value::UInt(u64::decode(bytes, place)?.into()),
        Form::UInt(_) => Value::UInt(u128::decode(bytes, place)?),
        Form::Int(1) => Value::Int(i8::decode(bytes, place)?.into()),
        Form::Int(2) => Value::Int(i16::decode(bytes, place)?.into()),
        Form::Int(4) => Value::Int(i32::decode(bytes, place)?.into()),
        Form::Int(8) => Value::Int(i64::decode(bytes, place)?.into()),
        Form::Int(_) => Value::Int(i128::decode(bytes, place)?),
        Form::Text | Form::Fold(_) => Value::Text(String::decode(bytes, place)?.into_owned()),
        Form::Bytes => Value::Bytes(<Vec<u8>>::decode(bytes, place)?.into_owned()),
        Form::Array(item, len) if item.is_byte() => {
            let array = bytes.split_at_checked(*len);
            let (array, rest) = array.ok_or(KeyError::malformed("byte array"))?;
            *bytes = rest;
            Value::Bytes(array.to_vec())
        }
        Form::Option(inner) => Value::Option(if bool::decode(bytes, place)? {
            Some(Box::new(take(bytes, inner, place)?))
        } else {
            None
        }),
        Form::Tuple(forms) => {
            let last = forms.len().saturating_sub(1);
            let items = forms.iter().enumerate().map(|(i, form)| {
                let place = if i == last { place } else { Place::Inner };
                take(bytes, form, place)
            });
            Value::Tuple(items.collect::<Result<_, _>>()?)
        }
        Form::Desc(inner) => {
            let inverted: Vec<u8> = bytes.iter().map(|byte| !byte).collect();
            let mut rest = inverted.as_slice();
            let value = take(&mut rest, inner, Place::Inner)?;
            *bytes = &bytes[bytes.len() - rest.len()..];
            value
        }
        Form::Enum(variants) => {
            let number = if is_wide(variants) {
                u16::decode(bytes, place)?
            } else {
                u8::decode(bytes, place)?.into()
            };
            let variant = variants.iter().find(|(_, own)| *own == number);
            let (name, _) = variant.ok_or(KeyError::malformed("enum: it has no such variant"))?;
            Value::Enum(name.clone(), None)
        }
        _ => return Err(KeyError::malformed("key: its type is not known")),
    })
}

/// Appends the bytes of a component that [fits](super::fit::fit) its form.
pub(crate) fn put(
    value: &Value,
    form: &Form,
    place: Place,
    out: &mut KeyBuf,
) -> Result<(), KeyError> {
    match (form, value) {
        (Form::Bool, Value::Bool(value)) => bool::encode(*value, place, out),
        (Form::Char, Value::Char(value)) => char::encode(*value, place, out),
        (Form::F32, Value::F32(value)) => TotalF32::encode(*value, place, out),
        (Form::F64, Value::F64(value)) => TotalF64::encode(*value, place, out),
        (Form::UInt(size), Value::UInt(value)) => {
            let size = usize::from(*size);
            out.extend_from_slice(&value.to_be_bytes()[16 - size..]);
        }
        (Form::Int(size), Value::Int(value)) => {
            let size = usize::from(*size);
            let flipped = value ^ (1 << (size * 8 - 1));
            out.extend_from_slice(&flipped.to_be_bytes()[16 - size..]);
        }
        (Form::Text, Value::Text(text)) => String::encode(text, place, out),
        (Form::Fold(_), Value::Text(text)) => AsciiFold::encode(text, place, out),
        (Form::Bytes, Value::Bytes(bytes)) => <Vec<u8>>::encode(bytes, place, out),
        (Form::Array(..), Value::Bytes(bytes)) => out.extend_from_slice(bytes),
        (Form::Option(inner), Value::Option(value)) => {
            out.push(value.is_some().into());
            if let Some(value) = value {
                put(value, inner, place, out)?;
            }
        }
        (Form::Tuple(forms), Value::Tuple(items)) => {
            let last = forms.len().saturating_sub(1);
            for (i, (form, value)) in forms.iter().zip(items).enumerate() {
                let place = if i == last { place } else { Place::Inner };
                put(value, form, place, out)?;
            }
        }
        (Form::Desc(inner), value) => {
            let start = out.len();
            put(value, inner, Place::Inner, out)?;
            for byte in &mut out.as_mut_slice()[start..] {
                *byte = !*byte;
            }
        }
        (Form::Hashed(inner), value) => {
            let mut exact = KeyBuf::new();
            put(value, inner, Place::Last, &mut exact)?;
            // The hash is that of the bytes, whatever they are.
            <Hashed<Vec<u8>>>::encode(exact.as_slice(), place, out);
        }
        (Form::Enum(variants), Value::Enum(name, None)) => {
            let variant = variants.iter().find(|(own, _)| own == name);
            let (_, number) = variant.ok_or(KeyError::malformed("enum"))?;
            let bytes = number.to_be_bytes();
            out.extend_from_slice(&bytes[usize::from(!is_wide(variants))..]);
        }
        _ => return Err(KeyError::malformed("key: it is of another type")),
    }
    Ok(())
}

/// Returns whether the numbers of an enum take two bytes in keys.
fn is_wide(variants: &[(String, u16)]) -> bool {
    variants.iter().any(|(_, number)| *number > 255)
}
