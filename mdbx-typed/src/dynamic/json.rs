//! JSON text to [`Value`]s.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::value::Value;

/// Text that is no [`Value`].
#[derive(Debug, thiserror::Error)]
#[error("it is no JSON: {}", without_line(.0))]
pub struct ParseValueError(#[from] serde_json::Error);

/// Returns what an error says, with the column and without the line: a value is on one line, whose number the caller knows.
fn without_line(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((message, _)) => format!("{message}, column {}", error.column()),
        None => text,
    }
}

impl FromStr for Value {
    type Err = ParseValueError;

    /// Returns the value that JSON text stands for.
    ///
    /// Text is text, whatever it spells; it becomes bytes, a number or a variant where a field or a key asks for that.
    ///
    /// ```
    /// use mdbx_typed::Value;
    ///
    /// let key: Value = r#"["DE", 18]"#.parse()?;
    /// assert_eq!(key, Value::List(vec!["DE".into(), 18u8.into()]));
    /// # Ok::<_, mdbx_typed::ParseValueError>(())
    /// ```
    fn from_str(text: &str) -> Result<Value, ParseValueError> {
        Ok(serde_json::from_str::<Json>(text)?.0)
    }
}

/// A value as JSON has it.
struct Json(Value);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(JsonVisitor).map(Json)
    }
}

struct JsonVisitor;

macro_rules! visit {
    ($($name:ident: $type:ty;)*) => {$(
        fn $name<E>(self, value: $type) -> Result<Value, E> {
            Ok(value.into())
        }
    )*};
}

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    visit! {
        visit_bool: bool;
        visit_u64: u64;
        visit_i64: i64;
        visit_f64: f64;
        visit_str: &str;
        visit_string: String;
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Option(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Json(item)) = list.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields: Vec<(String, Value)> = Vec::new();
        let mut names = std::collections::HashSet::new();
        while let Some((name, Json(value))) = map.next_entry::<String, Json>()? {
            if !names.insert(name.clone()) {
                return Err(A::Error::custom(format_args!("`{name}` is there twice")));
            }
            fields.push((name, value));
        }
        Ok(Value::Struct(fields))
    }
}
