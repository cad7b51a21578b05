//! Stored values to [`Value`]s, by their form.
//!
//! Reading trusts nothing: lengths are compared with what is left, and what takes no bytes is counted, so that damaged
//! bytes cost no more than a bounded multiple of their number.

use super::coding::{Coding, Malformed, take};
use super::form::Form;
use super::value::Value;

/// How many values without bytes, such as units in a list, one row may have.
const MOST_EMPTY: usize = 1 << 16;

/// Why a value cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A type that is not known begins here.
    Opaque,
    /// The bytes are no such value.
    Malformed(Malformed),
}

impl From<Malformed> for Stop {
    fn from(malformed: Malformed) -> Self {
        Stop::Malformed(malformed)
    }
}

/// The bytes of a row, as far as they are not read.
pub(crate) struct Reader<'a> {
    coding: Coding,
    rest: &'a [u8],
    empty: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(coding: Coding, bytes: &'a [u8]) -> Self {
        Reader {
            coding,
            rest: bytes,
            empty: 0,
        }
    }

    /// Returns the bytes that are not read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes a value off the front. If it stops, some of the bytes may be gone.
    pub(crate) fn value(&mut self, form: &Form) -> Result<Value, Stop> {
        let Reader { coding, .. } = *self;
        Ok(match form {
            Form::Bool => Value::Bool(self.flag("a bool")?),
            Form::Char => Value::Char(coding.take_char(&mut self.rest)?),
            Form::Text => {
                let bytes = self.bytes()?;
                let text =
                    std::str::from_utf8(bytes).map_err(|_| Malformed("text: it is not UTF-8"))?;
                Value::Text(text.to_owned())
            }
            Form::Unit => Value::Unit,
            Form::F32 => Value::F32(f32::from_bits(self.bits()?)),
            Form::F64 => Value::F64(f64::from_bits(self.bits()?)),
            Form::UInt(size) => Value::UInt(coding.take_uint(*size, &mut self.rest)?),
            Form::Int(size) => Value::Int(coding.take_int(*size, &mut self.rest)?),
            Form::Bytes => Value::Bytes(self.bytes()?.to_vec()),
            Form::List(item) => {
                let len = coding.take_len(&mut self.rest)?;
                Value::List(self.items(item, len)?)
            }
            Form::Array(item, len) if item.is_byte() => {
                Value::Bytes(take(*len, &mut self.rest)?.to_vec())
            }
            Form::Array(item, len) => Value::List(self.items(item, *len)?),
            Form::Option(inner) => {
                let is_some = self.flag("an option")?;
                let value = is_some.then(|| self.value(inner).map(Box::new));
                Value::Option(value.transpose()?)
            }
            Form::Map(key, value) => self.map(key, value)?,
            Form::Tuple(items) => Value::Tuple(
                items
                    .iter()
                    .map(|item| self.value(item))
                    .collect::<Result<_, _>>()?,
            ),
            Form::Desc(inner) | Form::Fold(inner) | Form::Hashed(inner) => self.value(inner)?,
            Form::Enum(variants) => {
                let number = coding.take_uint(4, &mut self.rest)?;
                let variant = usize::try_from(number).ok().and_then(|at| variants.get(at));
                let (name, _) = variant.ok_or(Malformed("an enum: it has no such variant"))?;
                Value::Enum(name.clone(), None)
            }
            Form::Struct(fields) => {
                let field = |(name, form): &(String, Form)| Ok((name.clone(), self.value(form)?));
                Value::Struct(fields.iter().map(field).collect::<Result<_, Stop>>()?)
            }
            Form::OneOf(variants) => self.variant(variants)?,
            Form::Opaque(_) => return Err(Stop::Opaque),
        })
    }

    fn variant(&mut self, variants: &[(String, Form)]) -> Result<Value, Stop> {
        let number = self.coding.take_uint(4, &mut self.rest)?;
        let variant = usize::try_from(number).ok().and_then(|at| variants.get(at));
        let (name, form) = variant.ok_or(Malformed("an enum: it has no such variant"))?;
        let value = match form {
            Form::Unit => None,
            form => Some(Box::new(self.value(form)?)),
        };
        Ok(Value::Enum(name.clone(), value))
    }

    fn flag(&mut self, what: &'static str) -> Result<bool, Malformed> {
        match (self.coding, take(1, &mut self.rest)?) {
            (Coding::Bincode | Coding::Postcard, [0]) => Ok(false),
            (Coding::Bincode | Coding::Postcard, [1]) => Ok(true),
            _ => Err(Malformed(what)),
        }
    }

    /// Takes the bits of a float off the front.
    fn bits<B: FromLe>(&mut self) -> Result<B, Malformed> {
        B::take(&mut self.rest)
    }

    fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.coding.take_len(&mut self.rest)?;
        take(len, &mut self.rest)
    }

    fn items(&mut self, item: &Form, len: usize) -> Result<Vec<Value>, Stop> {
        if len > 0 && item.has_opaque() {
            return Err(Stop::Opaque);
        }
        self.refuse_too_many(len, item.is_empty())?;
        (0..len).map(|_| self.value(item)).collect()
    }

    fn map(&mut self, key: &Form, value: &Form) -> Result<Value, Stop> {
        let len = self.coding.take_len(&mut self.rest)?;
        if len > 0 && (key.has_opaque() || value.has_opaque()) {
            return Err(Stop::Opaque);
        }
        self.refuse_too_many(len, key.is_empty() && value.is_empty())?;
        let pairs = (0..len).map(|_| Ok((self.value(key)?, self.value(value)?)));
        pairs.collect::<Result<_, _>>().map(Value::Map)
    }

    /// Checks that there can be as many elements.
    fn refuse_too_many(&mut self, len: usize, are_empty: bool) -> Result<(), Malformed> {
        let is_possible = if are_empty {
            self.empty = self.empty.saturating_add(len);
            self.empty <= MOST_EMPTY
        } else {
            len <= self.rest.len()
        };
        if is_possible {
            Ok(())
        } else {
            Err(Malformed("a length: the row ends before that"))
        }
    }
}

/// An integer of fixed size.
trait FromLe: Sized {
    fn take(input: &mut &[u8]) -> Result<Self, Malformed>;
}

macro_rules! from_le {
    ($($type:ident)*) => {$(
        impl FromLe for $type {
            fn take(input: &mut &[u8]) -> Result<Self, Malformed> {
                let (head, tail) = input.split_first_chunk().ok_or(Malformed("a float"))?;
                *input = tail;
                Ok($type::from_le_bytes(*head))
            }
        }
    )*};
}

from_le! { u32 u64 }
