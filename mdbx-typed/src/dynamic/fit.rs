//! Values as somebody wrote them, made those of a field: JSON has fewer kinds of values than rows have.

use std::collections::HashSet;

use super::fault::Fault;
use super::form::Form;
use super::value::Value;

/// What stands where the type is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// Its stored bytes, and those of all that follows.
    Bytes,
    /// What serde made of it, which is kept as it is. Fields that are missing are left to serde.
    #[cfg(feature = "export")]
    Serde,
}

/// Returns `value` as a value of this form, or says why it is none.
pub(crate) fn fit(value: &Value, form: &Form) -> Result<Value, Fault> {
    fit_with(value, form, Unknown::Bytes)
}

/// As [`fit`], where types that are not known are something else.
pub(crate) fn fit_with(value: &Value, form: &Form, unknown: Unknown) -> Result<Value, Fault> {
    let value = match form {
        Form::Option(_)
        | Form::Unit
        | Form::Opaque(_)
        | Form::Desc(_)
        | Form::Fold(_)
        | Form::Hashed(_) => value,
        _ => value.some(),
    };
    if unknown == Unknown::Bytes && form.has_opaque() {
        match value {
            Value::Opaque(bytes) => return Ok(Value::Opaque(bytes.clone())),
            Value::Text(text) if let Some(bytes) = from_hex(text) => {
                return Ok(Value::Opaque(bytes));
            }
            _ => {}
        }
    }
    match form {
        Form::List(item) => list(value, item, None, unknown),
        Form::Array(item, len) if !item.is_byte() => list(value, item, Some(*len), unknown),
        Form::Option(inner) => option(value, inner, unknown),
        Form::Map(key, of) => map(value, key, of, unknown),
        Form::Tuple(forms) => tuple(value, forms, unknown),
        Form::Struct(forms) => structure(value, forms, unknown),
        Form::OneOf(variants) => one_of(value, variants, unknown),
        Form::Desc(inner) | Form::Fold(inner) | Form::Hashed(inner) => {
            fit_with(value, inner, unknown)
        }
        Form::Opaque(_) if unknown != Unknown::Bytes => Ok(value.clone()),
        _ => scalar(value, form)
            .ok_or_else(|| Fault::new(format_args!("{} is not {}", short(value), describe(form)))),
    }
}

/// Returns `value` as a value without parts.
fn scalar(value: &Value, form: &Form) -> Option<Value> {
    match (form, value) {
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
        (Form::F32, _) => single(value).map(Value::F32),
        (Form::F64, _) => float(value).map(Value::F64),
        (Form::Char, Value::Char(value)) => Some(Value::Char(*value)),
        (Form::Char, Value::Text(text)) => text.parse().ok().map(Value::Char),
        (Form::Text, Value::Text(text)) => Some(Value::Text(text.clone())),
        (Form::Text, Value::Char(c)) => Some(Value::Text(c.to_string())),
        (Form::Unit, Value::Unit | Value::Option(None)) => Some(Value::Unit),
        (Form::Bytes, _) => bytes(value).map(Value::Bytes),
        (Form::Array(_, len), _) => bytes(value)
            .filter(|bytes| bytes.len() == *len)
            .map(Value::Bytes),
        (Form::Enum(variants), Value::Text(name) | Value::Enum(name, None)) => variants
            .iter()
            .any(|(variant, _)| variant == name)
            .then(|| Value::Enum(name.clone(), None)),
        _ => None,
    }
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
        Form::Struct(_) => "an object".into(),
        Form::OneOf(variants) => {
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

/// Returns the float that a value stands for; none if it is too large, or if it has too many digits.
pub(crate) fn float(value: &Value) -> Option<f64> {
    match value {
        Value::F32(number) => Some(f64::from(*number)),
        Value::F64(number) => Some(*number),
        Value::UInt(number) => exact(i128::try_from(*number).ok()?),
        Value::Int(number) => exact(*number),
        Value::Text(text) => {
            let number: f64 = text.parse().ok()?;
            is_in_range(text, number.is_finite()).then_some(number)
        }
        _ => None,
    }
}

/// As [`float`].
pub(crate) fn single(value: &Value) -> Option<f32> {
    match value {
        Value::F32(number) => Some(*number),
        Value::Text(text) => {
            let number: f32 = text.parse().ok()?;
            is_in_range(text, number.is_finite()).then_some(number)
        }
        _ => {
            let wide = float(value)?;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the nearest `f32` is what was meant"
            )]
            let number = wide as f32;
            (number.is_finite() || !wide.is_finite()).then_some(number)
        }
    }
}

/// Returns whether text is a float as it was meant: digits that became infinite were too many.
fn is_in_range(text: &str, is_finite: bool) -> bool {
    is_finite || !text.contains(|c: char| c.is_ascii_digit())
}

/// Returns an integer as a float, if that loses none of its digits.
fn exact(number: i128) -> Option<f64> {
    let size = number.unsigned_abs();
    let digits = size.checked_shr(size.trailing_zeros()).unwrap_or(0);
    #[expect(clippy::cast_precision_loss, reason = "53 bits lose nothing")]
    let float = number as f64;
    (digits < 1 << 53).then_some(float)
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

fn list(value: &Value, item: &Form, len: Option<usize>, unknown: Unknown) -> Result<Value, Fault> {
    match value {
        Value::List(items) | Value::Tuple(items) if len.is_none_or(|len| len == items.len()) => {
            let items = items.iter().enumerate().map(|(at, value)| {
                fit_with(value, item, unknown).map_err(|fault| fault.within(&at.to_string()))
            });
            items.collect::<Result<_, _>>().map(Value::List)
        }
        _ => Err(Fault::new(match len {
            None => format!("{} is not a list", short(value)),
            Some(len) => format!("{} is not a list of {len}", short(value)),
        })),
    }
}

fn tuple(value: &Value, forms: &[Form], unknown: Unknown) -> Result<Value, Fault> {
    match value {
        Value::List(items) | Value::Tuple(items) if items.len() == forms.len() => {
            let items = items.iter().zip(forms).enumerate();
            let items = items.map(|(at, (value, form))| {
                fit_with(value, form, unknown).map_err(|fault| fault.within(&at.to_string()))
            });
            items.collect::<Result<_, _>>().map(Value::Tuple)
        }
        _ => Err(Fault::new(format_args!(
            "{} is not a list of {}",
            short(value),
            forms.len()
        ))),
    }
}

fn option(value: &Value, inner: &Form, unknown: Unknown) -> Result<Value, Fault> {
    let is_nested = matches!(inner, Form::Option(_) | Form::Unit);
    let some = match value {
        Value::Option(None) => return Ok(Value::Option(None)),
        Value::Option(Some(value)) => value,
        Value::List(items) if is_nested && items.len() == 1 => &items[0],
        other => other,
    };
    let some = fit_with(some, inner, unknown)?;
    Ok(Value::Option(Some(Box::new(some))))
}

fn map(value: &Value, key: &Form, of: &Form, unknown: Unknown) -> Result<Value, Fault> {
    let pair = |name: &Value, value: &Value| {
        let own = fit_with(name, key, unknown);
        let value = fit_with(value, of, unknown);
        let within = |fault: Fault| fault.within(&name.to_string());
        Ok((own.map_err(within)?, value.map_err(within)?))
    };
    let pairs: Result<Vec<_>, Fault> = match value {
        Value::Map(pairs) => pairs.iter().map(|(key, value)| pair(key, value)).collect(),
        Value::Struct(fields) => fields
            .iter()
            .map(|(name, value)| pair(&Value::Text(name.clone()), value))
            .collect(),
        Value::List(items) => items
            .iter()
            .map(|item| match item.items() {
                Some([key, value]) => pair(key, value),
                _ => Err(Fault::new(format_args!("{} is not a pair", short(item)))),
            })
            .collect(),
        _ => Err(Fault::new(format_args!(
            "{} is not an object",
            short(value)
        ))),
    };
    let pairs = pairs?;
    if unknown != Unknown::Bytes && !matches!(value, Value::Map(_)) {
        refuse_twice(&pairs)?;
    }
    Ok(Value::Map(pairs))
}

/// Checks that no key is there twice: which of its values counted would be up to the type of the map.
fn refuse_twice(pairs: &[(Value, Value)]) -> Result<(), Fault> {
    let mut keys = HashSet::new();
    let mut texts = pairs.iter().map(|(key, _)| key.to_string());
    match texts.find(|key| !keys.insert(key.clone())) {
        Some(key) => Err(Fault::new(format_args!("the key {key} is there twice"))),
        None => Ok(()),
    }
}

fn structure(value: &Value, forms: &[(String, Form)], unknown: Unknown) -> Result<Value, Fault> {
    let Value::Struct(given) = value else {
        return Err(Fault::new(format_args!(
            "{} is not an object",
            short(value)
        )));
    };
    let is_strange = |(name, _): &&(String, Value)| forms.iter().all(|(own, _)| own != name);
    if let Some((name, _)) = given.iter().find(is_strange) {
        return Err(Fault::new("there is no such field").within(name));
    }
    let mut fields = Vec::with_capacity(forms.len());
    for (name, form) in forms {
        let value = match given.iter().find(|(own, _)| own == name) {
            Some((_, value)) => fit_with(value, form, unknown),
            None if matches!(form, Form::Option(_)) => Ok(Value::Option(None)),
            None if unknown != Unknown::Bytes => continue,
            None => Err(Fault::new("it is missing")),
        };
        fields.push((name.clone(), value.map_err(|fault| fault.within(name))?));
    }
    Ok(Value::Struct(fields))
}

fn one_of(value: &Value, variants: &[(String, Form)], unknown: Unknown) -> Result<Value, Fault> {
    let given = match value {
        Value::Text(name) => Some((name, None)),
        Value::Enum(name, value) => Some((name, value.as_deref())),
        Value::Struct(fields) => match fields.as_slice() {
            [(name, value)] => Some((name, Some(value))),
            _ => None,
        },
        _ => None,
    };
    let variant = given.and_then(|(name, value)| {
        let (_, form) = variants.iter().find(|(own, _)| own == name)?;
        Some((name, form, value))
    });
    match variant {
        Some((name, Form::Unit, None)) => Ok(Value::Enum(name.clone(), None)),
        Some((name, Form::Unit, Some(value))) if value.is_none() => {
            Ok(Value::Enum(name.clone(), None))
        }
        Some((name, form, Some(value))) if *form != Form::Unit => {
            let value = fit_with(value, form, unknown).map_err(|fault| fault.within(name))?;
            Ok(Value::Enum(name.clone(), Some(Box::new(value))))
        }
        Some((name, form, _)) => {
            let holds = match form {
                Form::Unit => "no value".into(),
                form => describe(form),
            };
            Err(Fault::new(format_args!(
                "the variant `{name}` holds {holds}"
            )))
        }
        None => {
            let form = Form::OneOf(variants.to_vec());
            Err(Fault::new(format_args!(
                "{} is not {}",
                short(value),
                describe(&form)
            )))
        }
    }
}
