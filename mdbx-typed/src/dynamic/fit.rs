//! Values as somebody wrote them, made those of a field: JSON has fewer kinds of values than rows have.

use super::form::Form;
use super::value::Value;

/// Returns `value` as a value of this form, or says why it is none.
pub(crate) fn fit(value: &Value, form: &Form) -> Result<Value, String> {
    let value = if matches!(form, Form::Option(_) | Form::Unit) {
        value
    } else {
        value.some()
    };
    let fitted = match (form, value) {
        (_, Value::Opaque(bytes)) if form.has_opaque() => Some(Value::Opaque(bytes.clone())),
        (_, Value::Text(text)) if form.has_opaque() => from_hex(text).map(Value::Opaque),
        (Form::Bool, Value::Bool(value)) => Some(Value::Bool(*value)),
        (Form::Bool, Value::Text(text)) => text.parse().ok().map(Value::Bool),
        (Form::UInt(size), _) => unsigned(value)
            .filter(|number| *size == 16 || number >> (size * 8) == 0)
            .map(Value::UInt),
        (Form::Int(size), _) => signed(value)
            .filter(|number| {
                let shift = 128 - u32::from(*size) * 8;
                *number << shift >> shift == *number
            })
            .map(Value::Int),
        (Form::F32, _) => float(value).map(to_f32).map(Value::F32),
        (Form::F64, _) => float(value).map(Value::F64),
        (Form::Char, Value::Char(value)) => Some(Value::Char(*value)),
        (Form::Char, Value::Text(text)) => text.parse().ok().map(Value::Char),
        (Form::Text, Value::Text(text)) => Some(Value::Text(text.clone())),
        (Form::Text, Value::Char(c)) => Some(Value::Text(c.to_string())),
        (Form::Unit, Value::Unit | Value::Option(None)) => Some(Value::Unit),
        (Form::Bytes, _) => bytes(value).map(Value::Bytes),
        (Form::Array(item, len), _) if item.is_byte() => bytes(value)
            .filter(|bytes| bytes.len() == *len)
            .map(Value::Bytes),
        (Form::List(item), _) => return list(value, item, None),
        (Form::Array(item, len), _) => return list(value, item, Some(*len)),
        (Form::Option(inner), _) => return option(value, inner),
        (Form::Map(key, of), _) => return map(value, key, of),
        (Form::Tuple(forms), _) => return tuple(value, forms),
        (Form::Desc(inner) | Form::Fold(inner) | Form::Hashed(inner), _) => {
            return fit(value, inner);
        }
        (Form::Enum(variants), Value::Text(name) | Value::Enum(name, None)) => variants
            .iter()
            .any(|(variant, _)| variant == name)
            .then(|| Value::Enum(name.clone(), None)),
        _ => None,
    };
    fitted.ok_or_else(|| format!("{} is not {}", short(value), describe(form)))
}

/// Returns what a form takes, for a message.
fn describe(form: &Form) -> String {
    match form {
        Form::Bool => "a bool".into(),
        Form::Char => "one character".into(),
        Form::Text => "text".into(),
        Form::Unit => "null".into(),
        Form::F32 => "an `f32`".into(),
        Form::F64 => "an `f64`".into(),
        Form::UInt(size) => format!("a `u{}`", size * 8),
        Form::Int(size) => format!("an `i{}`", size * 8),
        Form::Bytes => "bytes as \"0x..\"".into(),
        Form::Array(item, len) if item.is_byte() => format!("{len} bytes as \"0x..\""),
        Form::Array(_, len) => format!("a list of {len}"),
        Form::List(_) => "a list".into(),
        Form::Option(_) => "an option".into(),
        Form::Map(..) => "an object or a list of pairs".into(),
        Form::Tuple(items) => format!("a list of {}", items.len()),
        Form::Desc(inner) | Form::Fold(inner) | Form::Hashed(inner) => describe(inner),
        Form::Enum(variants) => {
            let names: Vec<&str> = variants.iter().map(|(name, _)| name.as_str()).collect();
            format!("one of {}", names.join(", "))
        }
        Form::Opaque(tokens) => format!("stored bytes of `{tokens}` as \"0x..\""),
    }
}

/// Returns the text of a value, or what it is if the text is long.
fn short(value: &Value) -> String {
    const MOST: usize = 40;
    match value {
        Value::List(_) | Value::Tuple(_) | Value::Map(_) | Value::Struct(_) => value.kind().into(),
        _ => {
            let text = value.to_string();
            if text.len() > MOST {
                value.kind().into()
            } else {
                text
            }
        }
    }
}

fn unsigned(value: &Value) -> Option<u128> {
    match value {
        Value::UInt(number) => Some(*number),
        Value::Int(number) => u128::try_from(*number).ok(),
        Value::Text(digits) => digits.parse().ok(),
        _ => None,
    }
}

fn signed(value: &Value) -> Option<i128> {
    match value {
        Value::UInt(number) => i128::try_from(*number).ok(),
        Value::Int(number) => Some(*number),
        Value::Text(digits) => digits.parse().ok(),
        _ => None,
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::F32(number) => Some(f64::from(*number)),
        Value::F64(number) => Some(*number),
        Value::UInt(number) => exact(i128::try_from(*number).ok()?),
        Value::Int(number) => exact(*number),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}

/// Returns an integer as a float, if the float has as many digits.
fn exact(number: i128) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "53 bits lose nothing")]
    let float = number as f64;
    (number.unsigned_abs() <= 1 << 53).then_some(float)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the nearest `f32` is what was meant"
)]
fn to_f32(number: f64) -> f32 {
    number as f32
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Bytes(bytes) => Some(bytes.clone()),
        Value::Text(text) => from_hex(text),
        Value::List(items) | Value::Tuple(items) => items
            .iter()
            .map(|item| unsigned(item).and_then(|number| u8::try_from(number).ok()))
            .collect(),
        _ => None,
    }
}

/// Returns the bytes that `0x` and digits spell.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x")?.as_bytes();
    let digit = |c: u8| char::from(c).to_digit(16);
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    let byte = |&[high, low]: &[u8; 2]| u8::try_from(digit(high)? * 16 + digit(low)?).ok();
    pairs.iter().map(byte).collect()
}

fn list(value: &Value, item: &Form, len: Option<usize>) -> Result<Value, String> {
    match value {
        Value::List(items) | Value::Tuple(items) if len.is_none_or(|len| len == items.len()) => {
            let items = items.iter().map(|value| fit(value, item));
            items.collect::<Result<_, _>>().map(Value::List)
        }
        _ => Err(match len {
            None => format!("{} is not a list", short(value)),
            Some(len) => format!("{} is not a list of {len}", short(value)),
        }),
    }
}

fn tuple(value: &Value, forms: &[Form]) -> Result<Value, String> {
    match value {
        Value::List(items) | Value::Tuple(items) if items.len() == forms.len() => {
            let items = items.iter().zip(forms);
            items
                .map(|(value, form)| fit(value, form))
                .collect::<Result<_, _>>()
                .map(Value::Tuple)
        }
        _ => Err(format!("{} is not a list of {}", short(value), forms.len())),
    }
}

fn option(value: &Value, inner: &Form) -> Result<Value, String> {
    let is_nested = matches!(inner, Form::Option(_) | Form::Unit);
    let some = match value {
        Value::Option(None) => return Ok(Value::Option(None)),
        Value::Option(Some(value)) => value,
        Value::List(items) if is_nested && items.len() == 1 => &items[0],
        other => other,
    };
    Ok(Value::Option(Some(Box::new(fit(some, inner)?))))
}

fn map(value: &Value, key: &Form, of: &Form) -> Result<Value, String> {
    let pair = |name: &Value, value: &Value| Ok((fit(name, key)?, fit(value, of)?));
    let pairs: Result<_, String> = match value {
        Value::Map(pairs) => pairs.iter().map(|(key, value)| pair(key, value)).collect(),
        Value::Struct(fields) => fields
            .iter()
            .map(|(name, value)| pair(&Value::Text(name.clone()), value))
            .collect(),
        Value::List(items) => items
            .iter()
            .map(|item| match item.items() {
                Some([key, value]) => pair(key, value),
                _ => Err(format!("{} is not a pair", short(item))),
            })
            .collect(),
        _ => Err(format!("{} is not an object", short(value))),
    };
    pairs.map(Value::Map)
}
