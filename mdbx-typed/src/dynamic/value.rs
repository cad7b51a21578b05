//! A value without its type, and the text it prints as.

use std::fmt;

/// A value of a row or of a key, read without the struct it belongs to.
///
/// It prints as JSON, and [`parse`](str::parse) reads that back (with the feature `export`):
///
/// | value | text |
/// | --- | --- |
/// | integers | digits; those that 64 bits do not hold as text, because few programs read such numbers |
/// | floats | digits; `"NaN"`, `"-NaN"`, `"inf"`, `"-inf"`, which JSON has no numbers for |
/// | bytes, and types that are not known | `"0x01ff"` |
/// | `None`, unit | `null` |
/// | `Some(value)` | the value; in brackets where it is itself an option or a unit |
/// | maps | an object if all keys are text, and a list of pairs otherwise |
/// | enums | `"Variant"`, or `{"Variant": ...}` |
///
/// JSON text alone does not tell all of these apart; where the shape of a field is known, it decides.
///
/// ```
/// use mdbx_typed::Value;
///
/// let value = Value::List(vec![Value::from(7u8), Value::from("a\"b"), Value::Bytes(vec![1, 255])]);
/// assert_eq!(value.to_string(), r#"[7, "a\"b", "0x01ff"]"#);
/// assert_eq!(value.items().and_then(|items| items[0].as_u64()), Some(7));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A `bool`.
    Bool(bool),
    /// An unsigned integer of any size.
    UInt(u128),
    /// A signed integer of any size.
    Int(i128),
    /// An `f32`.
    F32(f32),
    /// An `f64`.
    F64(f64),
    /// A `char`.
    Char(char),
    /// Text.
    Text(String),
    /// A string of bytes.
    Bytes(Vec<u8>),
    /// Any number of values of one kind.
    List(Vec<Value>),
    /// One value of each kind.
    Tuple(Vec<Value>),
    /// Keys with values.
    Map(Vec<(Value, Value)>),
    /// A value or nothing.
    Option(Option<Box<Value>>),
    /// A variant of an enum by name, with what it holds.
    Enum(String, Option<Box<Value>>),
    /// Named values: a struct within a row, or what was read from a JSON object.
    Struct(Vec<(String, Value)>),
    /// Nothing.
    Unit,
    /// The stored bytes of a type that the catalog knows by name only.
    Opaque(Vec<u8>),
}

impl Value {
    /// Returns the `bool` it is.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self.some() {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// Returns the integer it is, if that is a `u64`. An option counts as what is in it.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self.some() {
            Value::UInt(value) => u64::try_from(*value).ok(),
            Value::Int(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    /// Returns the integer it is, if that is an `i64`. An option counts as what is in it.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self.some() {
            Value::UInt(value) => i64::try_from(*value).ok(),
            Value::Int(value) => i64::try_from(*value).ok(),
            _ => None,
        }
    }

    /// Returns the float it is. An option counts as what is in it.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self.some() {
            Value::F32(value) => Some(f64::from(*value)),
            Value::F64(value) => Some(*value),
            _ => None,
        }
    }

    /// Returns the text it is, or the name of a variant. An option counts as what is in it.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self.some() {
            Value::Text(text) | Value::Enum(text, None) => Some(text),
            _ => None,
        }
    }

    /// Returns the bytes it is, also those of a type that is not known. An option counts as what is in it.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self.some() {
            Value::Bytes(bytes) | Value::Opaque(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Returns the values of a list or a tuple. An option counts as what is in it.
    #[must_use]
    pub fn items(&self) -> Option<&[Value]> {
        match self.some() {
            Value::List(items) | Value::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// Returns whether it is `None` or a unit.
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self, Value::Option(None) | Value::Unit)
    }

    /// Returns what is in an option, and the value itself if it is none.
    pub(crate) fn some(&self) -> &Value {
        match self {
            Value::Option(Some(value)) => value.some(),
            other => other,
        }
    }

    /// Returns what it is, for a message.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Bool(_) => "a bool",
            Value::UInt(_) | Value::Int(_) => "an integer",
            Value::F32(_) | Value::F64(_) => "a float",
            Value::Char(_) => "a char",
            Value::Text(_) => "text",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "a list",
            Value::Tuple(_) => "a tuple",
            Value::Map(_) => "a map",
            Value::Option(None) | Value::Unit => "null",
            Value::Option(Some(value)) => value.kind(),
            Value::Enum(..) => "an enum",
            Value::Struct(_) => "an object",
            Value::Opaque(_) => "bytes of an unknown type",
        }
    }
}

macro_rules! from {
    ($($variant:ident: $($type:ty),+;)*) => {$($(
        impl From<$type> for Value {
            fn from(value: $type) -> Value {
                Value::$variant(value.into())
            }
        }
    )+)*};
}

from! {
    Bool: bool;
    UInt: u8, u16, u32, u64, u128;
    Int: i8, i16, i32, i64, i128;
    F32: f32;
    F64: f64;
    Char: char;
    Text: String, &str;
    Bytes: Vec<u8>, &[u8];
    List: Vec<Value>;
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        Value::Option(value.map(|value| Box::new(value.into())))
    }
}

macro_rules! from_tuples {
    ($($($item:ident)+;)*) => {$(
        impl<$($item: Into<Value>),+> From<($($item,)+)> for Value {
            #[expect(non_snake_case, reason = "each component is called as its type")]
            fn from(($($item,)+): ($($item,)+)) -> Value {
                Value::Tuple(vec![$($item.into()),+])
            }
        }
    )*};
}

from_tuples! { A; A B; A B C; A B C D; A B C D E; A B C D E F; }

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(value) => write!(f, "{value}"),
            Value::UInt(value) if u64::try_from(*value).is_ok() => write!(f, "{value}"),
            Value::Int(value) if i64::try_from(*value).is_ok() => write!(f, "{value}"),
            Value::UInt(value) => write!(f, "\"{value}\""),
            Value::Int(value) => write!(f, "\"{value}\""),
            // `{:?}` has a point or an exponent, and as few digits as bring the same value back.
            Value::F32(value) if value.is_finite() => single(*value, f),
            Value::F64(value) if value.is_finite() => write!(f, "{value:?}"),
            // A NaN has a sign, by which keys are sorted.
            Value::F32(value) if value.is_nan() => nan(value.is_sign_negative(), f),
            Value::F64(value) if value.is_nan() => nan(value.is_sign_negative(), f),
            Value::F32(value) => write!(f, "\"{value}\""),
            Value::F64(value) => write!(f, "\"{value}\""),
            Value::Char(value) => text(value.encode_utf8(&mut [0; 4]), f),
            Value::Text(value) => text(value, f),
            Value::Bytes(bytes) | Value::Opaque(bytes) => {
                f.write_str("\"0x")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str("\"")
            }
            Value::List(items) | Value::Tuple(items) => list(items, f),
            Value::Map(pairs) => map(pairs, f),
            Value::Option(None) | Value::Unit => f.write_str("null"),
            Value::Option(Some(value)) => match &**value {
                inner @ (Value::Option(_) | Value::Unit) => write!(f, "[{inner}]"),
                inner => write!(f, "{inner}"),
            },
            Value::Enum(name, None) => text(name, f),
            Value::Enum(name, Some(value)) => object([(name.as_str(), &**value)], f),
            Value::Struct(fields) => {
                object(fields.iter().map(|(name, value)| (name.as_str(), value)), f)
            }
        }
    }
}

/// Writes an `f32` for who reads an `f64` and rounds it. Where few digits lead to a neighbour that way, all are written.
fn single(value: f32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    #[expect(clippy::cast_possible_truncation, reason = "the nearest is meant")]
    let rounded = |wide: f64| wide as f32;
    let digits = format!("{value:?}");
    if digits.parse().map(rounded) == Ok(value) {
        f.write_str(&digits)
    } else {
        write!(f, "{:?}", f64::from(value))
    }
}

fn nan(is_negative: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(if is_negative { "\"-NaN\"" } else { "\"NaN\"" })
}

fn list(items: &[Value], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("[")?;
    for (i, item) in items.iter().enumerate() {
        write!(f, "{}{item}", if i == 0 { "" } else { ", " })?;
    }
    f.write_str("]")
}

fn map(pairs: &[(Value, Value)], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let name = |key: &Value| match key {
        Value::Text(name) => Some(name.clone()),
        Value::Char(name) => Some(name.to_string()),
        _ => None,
    };
    let names: Option<Vec<String>> = pairs.iter().map(|(key, _)| name(key)).collect();
    if let Some(names) = names {
        let values = pairs.iter().map(|(_, value)| value);
        return object(names.iter().map(String::as_str).zip(values), f);
    }
    f.write_str("[")?;
    for (i, (key, value)) in pairs.iter().enumerate() {
        write!(f, "{}[{key}, {value}]", if i == 0 { "" } else { ", " })?;
    }
    f.write_str("]")
}

/// Writes named values as a JSON object.
pub(crate) fn object<'v>(
    fields: impl IntoIterator<Item = (&'v str, &'v Value)>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    f.write_str("{")?;
    for (i, (name, value)) in fields.into_iter().enumerate() {
        f.write_str(if i == 0 { "" } else { ", " })?;
        text(name, f)?;
        write!(f, ": {value}")?;
    }
    f.write_str("}")
}

/// Writes text in quotes.
fn text(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
            c => fmt::Write::write_char(f, c)?,
        }
    }
    f.write_str("\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_print_as_json() {
        let some = |value| Value::Option(Some(Box::new(value)));
        let pair = |key: Value, value: Value| Value::Map(vec![(key, value)]);
        for (value, text) in [
            (Value::from(u64::MAX), "18446744073709551615"),
            (Value::from(i64::MIN), "-9223372036854775808"),
            (Value::from(1u128 << 64), "\"18446744073709551616\""),
            (Value::from(0.1f32), "0.1"),
            (Value::from(1.0), "1.0"),
            (Value::from(-0.0), "-0.0"),
            (Value::from(f64::NAN), "\"NaN\""),
            (Value::from(-f32::NAN), "\"-NaN\""),
            (Value::from(f32::NEG_INFINITY), "\"-inf\""),
            (
                Value::from("\0\n\"\\\u{7f}é"),
                "\"\\u0000\\n\\\"\\\\\\u007fé\"",
            ),
            (Value::from(Some(5u8)), "5"),
            (Value::from(None::<u8>), "null"),
            (some(Value::from(None::<u8>)), "[null]"),
            (some(Value::Unit), "[null]"),
            (pair("a".into(), true.into()), "{\"a\": true}"),
            (pair(1u8.into(), true.into()), "[[1, true]]"),
            (Value::Map(vec![]), "{}"),
            (Value::Enum("Red".into(), None), "\"Red\""),
            (
                Value::Enum("Rgb".into(), Some(Box::new(7u8.into()))),
                "{\"Rgb\": 7}",
            ),
            (Value::from((1u8, "a")), "[1, \"a\"]"),
        ] {
            assert_eq!(value.to_string(), text);
        }
    }
}
