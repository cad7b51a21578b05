//! Rows of a struct as named values and back, through serde.
//!
//! A field whose shape is known has the same values here as in a row that is read without its struct. One whose type the
//! catalog knows by name only has what serde makes of it.

use serde::{Deserialize, Serialize};

use super::de::{FromFields, FromValue};
use super::fault::Fault;
use super::fit::{Unknown, fit_with};
use super::form::Form;
use super::ser::ToValue;
use super::value::Value;
use crate::schema::TableSchema;

/// How the rows of a struct turn into values.
pub(crate) struct RowForm {
    schema: &'static TableSchema,
    forms: Vec<Form>,
}

impl RowForm {
    pub(crate) fn new(schema: &'static TableSchema) -> Self {
        let fields = schema.fields.iter();
        let forms = fields.map(|field| Form::parse(&field.shape.to_string()));
        RowForm {
            schema,
            forms: forms.collect(),
        }
    }

    /// Returns the stored names of the fields, each with its form.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, &Form)> {
        let names = self.schema.fields.iter().map(|field| field.name);
        names.zip(&self.forms)
    }

    /// Returns the fields of a row under their stored names.
    pub(crate) fn values(&self, row: &impl Serialize) -> Result<Vec<(String, Value)>, Fault> {
        let Value::Struct(mut fields) = row.serialize(ToValue::row(&self.forms))? else {
            return Err(Fault::new("only structs can be exported"));
        };
        if fields.len() != self.forms.len() {
            return Err(Fault::new("serde has other fields than are stored"));
        }
        for ((name, value), (stored, form)) in fields.iter_mut().zip(self.fields()) {
            stored.clone_into(name);
            let fitted = fit_with(value, form, Unknown::Serde);
            *value = fitted.map_err(|fault| fault.within(stored))?;
        }
        Ok(fields)
    }

    /// Returns the fields that are given, by position, as values of their forms.
    pub(crate) fn fitted(&self, given: &[(String, Value)]) -> Result<Vec<(usize, Value)>, Fault> {
        for (name, _) in given {
            if self.fields().all(|(stored, _)| stored != name) {
                return Err(Fault::new("the table has no such field").within(name));
            }
        }
        let mut fitted = Vec::with_capacity(given.len());
        for (position, (stored, form)) in self.fields().enumerate() {
            let Some((_, value)) = given.iter().find(|(name, _)| name == stored) else {
                let may_miss = self.schema.fields[position].has_default
                    || matches!(form, Form::Option(_) | Form::Opaque(_));
                if may_miss {
                    continue;
                }
                return Err(Fault::new("it is missing").within(stored));
            };
            let value = fit_with(value, form, Unknown::Serde);
            fitted.push((position, value.map_err(|fault| fault.within(stored))?));
        }
        Ok(fitted)
    }

    /// Returns fitted fields as serde asks for them.
    pub(crate) fn for_serde<'v>(
        &'v self,
        fitted: &'v [(usize, Value)],
    ) -> Vec<(usize, FromValue<'v>)> {
        let field = |(position, value): &'v (usize, Value)| {
            let form = &self.forms[*position];
            (*position, FromValue::new(value, Some(form)))
        };
        fitted.iter().map(field).collect()
    }
}

/// Returns the row that fitted fields make.
pub(crate) fn row<'v, R: Deserialize<'v>>(
    schema: &TableSchema,
    given: &'v [(usize, FromValue<'v>)],
) -> Result<R, Fault> {
    let stored = schema.fields;
    R::deserialize(FromFields { given, stored })
}
