//! A row read by the fields of its revision.

use std::fmt;
use std::sync::Arc;

use super::coding::Coding;
use super::form::Form;
use super::info::RevisionInfo;
use super::stored::{Reader, Stop};
use super::value::{Value, object};
use crate::codec::varint;

/// A row without its struct: named values.
///
/// It prints as a JSON object.
#[derive(Debug, Clone, PartialEq)]
pub struct DynamicRow {
    layout: Arc<Layout>,
    key: Value,
    /// Those of the first fields.
    values: Vec<Value>,
}

/// The fields of one revision.
#[derive(Debug, PartialEq)]
pub(crate) struct Layout {
    pub(crate) revision: u32,
    /// `None` for a codec that is not of this crate.
    pub(crate) coding: Option<Coding>,
    pub(crate) codec: String,
    pub(crate) fields: Vec<(String, Form)>,
}

impl Layout {
    pub(super) fn new(revision: &RevisionInfo) -> Layout {
        let fields = revision.fields.iter();
        Layout {
            revision: revision.number,
            coding: revision.coding(),
            codec: revision.codec.clone(),
            fields: fields
                .map(|field| (field.name.clone(), Form::parse(&field.shape)))
                .collect(),
        }
    }

    pub(crate) fn is_raw(&self) -> bool {
        self.coding == Some(Coding::Raw)
    }

    /// Returns the values of the fields, in order; fewer if one of them is of a type that is not known, which then
    /// holds all bytes that are left.
    fn read(&self, bytes: &[u8]) -> Result<Vec<Value>, String> {
        let Some(coding) = self.coding else {
            return Ok(vec![Value::Opaque(bytes.to_vec())]);
        };
        let mut reader = Reader::new(coding, bytes);
        let mut values = Vec::with_capacity(self.fields.len());
        for (name, form) in &self.fields {
            let rest = reader.rest();
            match reader.value(form) {
                Ok(value) => values.push(value),
                Err(Stop::Opaque) => {
                    values.push(Value::Opaque(rest.to_vec()));
                    return Ok(values);
                }
                Err(Stop::Malformed(what)) => {
                    return Err(format!("`{name}` is no {}", what.0));
                }
            }
        }
        match reader.rest() {
            [] => Ok(values),
            rest => Err(format!("{} bytes are left over", rest.len())),
        }
    }
}

/// Returns the row that is stored as `bytes` under `key`, in one of these layouts; or what is wrong with it.
pub(super) fn read(
    layouts: &[Arc<Layout>],
    key: Value,
    mut bytes: &[u8],
) -> Result<DynamicRow, String> {
    let raw = layouts.first().filter(|layout| layout.is_raw());
    let layout = if let Some(raw) = raw {
        raw
    } else {
        let number = varint::decode(&mut bytes).ok_or("it has no revision")?;
        let own = |layout: &&Arc<Layout>| u64::from(layout.revision) == number;
        layouts
            .iter()
            .find(own)
            .ok_or_else(|| format!("its revision {number} is not in the catalog"))?
    };
    Ok(DynamicRow {
        values: layout.read(bytes)?,
        layout: Arc::clone(layout),
        key,
    })
}

impl DynamicRow {
    /// Returns the value of a field; `None` if the row has no such field, or if it is [hidden](Self::hidden).
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.iter()
            .find(|(name, _)| *name == field)
            .map(|(_, value)| value)
    }

    /// Returns the fields by name, in the order they are stored.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        let names = self.layout.fields.iter().map(|(name, _)| name.as_str());
        names.zip(&self.values)
    }

    /// Returns the primary key: a tuple if it is made of several fields.
    #[must_use]
    pub fn key(&self) -> &Value {
        &self.key
    }

    /// Returns the number of the revision it was written in; 1 for raw rows.
    #[must_use]
    pub fn revision(&self) -> u32 {
        self.layout.revision
    }

    /// Returns why fields are missing, and which: they follow one whose type the catalog knows by name only, so that
    /// nobody can tell where it ends. `None` if all fields are there.
    #[must_use]
    pub fn hidden(&self) -> Option<String> {
        let (read, hidden) = self.layout.fields.split_at(self.values.len());
        if hidden.is_empty() && self.layout.coding.is_some() {
            return None;
        }
        let names: Vec<&str> = hidden.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join("`, `");
        if self.layout.coding.is_none() {
            return Some(format!(
                "the codec `{}` is not known: `{names}`",
                self.layout.codec
            ));
        }
        let last = read.last().map_or("", |(name, _)| name);
        Some(format!(
            "behind `{last}`, whose type is not known: `{names}`"
        ))
    }
}

impl fmt::Display for DynamicRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        object(self.iter(), f)
    }
}
