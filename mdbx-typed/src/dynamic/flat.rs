//! Values as the fields of a CSV file, which are text and nothing else.
//!
//! Nothing is an empty field. So an optional text that is empty cannot be written: it would be read as nothing.

use super::form::Form;
use super::value::Value;

/// Returns the text of a value, or says why it has none.
pub(crate) fn write(value: &Value, form: &Form) -> Result<String, String> {
    let is_optional = matches!(form, Form::Option(_)) || form.has_opaque();
    let text = match value {
        Value::Option(None) if is_optional => return Ok(String::new()),
        Value::Option(Some(value)) => scalar(value),
        value => scalar(value),
    };
    let text = text.ok_or_else(|| {
        format!(
            "it is {}, and CSV has flat rows only; JSON Lines has all",
            value.kind()
        )
    })?;
    if text.is_empty() && is_optional {
        return Err("empty text cannot be told from none in CSV; JSON Lines can".into());
    }
    Ok(text)
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Enum(text, None) => Some(text.clone()),
        Value::Char(c) => Some(c.to_string()),
        Value::Bool(_)
        | Value::UInt(_)
        | Value::Int(_)
        | Value::F32(_)
        | Value::F64(_)
        | Value::Bytes(_)
        | Value::Opaque(_) => Some(value.to_string().trim_matches('"').to_owned()),
        _ => None,
    }
}

/// Returns the value that text stands for, before it is made one of the form.
pub(crate) fn read(text: &str, form: &Form) -> Value {
    if text.is_empty() && (matches!(form, Form::Option(_)) || form.has_opaque()) {
        return Value::Option(None);
    }
    Value::Text(text.to_owned())
}
