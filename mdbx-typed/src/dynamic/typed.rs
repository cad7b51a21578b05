//! Rows of a struct as named values and back, through serde.
//!
//! A field whose shape is known has the same values here as in a row that is read without its struct. One whose type the
//! catalog knows by name only has what serde makes of it.

use serde::{Deserialize, Serialize};

use super::de::{FromFields, FromValue};
use super::fault::Fault;
use super::fit::fit;
use super::form::Form;
use super::ser::ToValue;
use super::value::Value;
use crate::schema::TableSchema;

/// How the rows of a struct turn into values.
pub(crate) struct RowForm {
    schema: &'static TableSchema,
    forms: Vec<Form>,
    /// By field, whether its type is not known, so that it may choose a form for people.
    are_foreign: Vec<bool>,
}

impl RowForm {
    pub(crate) fn new(schema: &'static TableSchema) -> Self {
        let fields = schema.fields.iter();
        let forms: Vec<Form> = fields
            .map(|field| Form::parse(&field.shape.to_string()))
            .collect();
        RowForm {
            schema,
            are_foreign: forms.iter().map(Form::has_opaque).collect(),
            forms,
        }
    }

    /// Returns the stored names of the fields, each with its form.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, &Form)> {
        let names = self.schema.fields.iter().map(|field| field.name);
        names.zip(&self.forms)
    }

    /// Returns the fields of a row under their stored names.
    pub(crate) fn values(&self, row: &impl Serialize) -> Result<Vec<(String, Value)>, Fault> {
        let Value::Struct(mut fields) = row.serialize(ToValue::row(&self.are_foreign))? else {
            return Err(Fault::new("only structs can be exported"));
        };
        if fields.len() != self.forms.len() {
            return Err(Fault::new("serde has other fields than are stored"));
        }
        for ((name, value), (stored, form)) in fields.iter_mut().zip(self.fields()) {
            stored.clone_into(name);
            if !form.has_opaque() {
                *value = fit(value, form).map_err(|reason| Fault::new(reason).within(stored))?;
            }
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
            let value = if form.has_opaque() {
                value.clone()
            } else {
                fit(value, form).map_err(|reason| Fault::new(reason).within(stored))?
            };
            fitted.push((position, value));
        }
        Ok(fitted)
    }

    /// Returns fitted fields as serde asks for them.
    pub(crate) fn for_serde<'v>(
        &self,
        fitted: &'v [(usize, Value)],
    ) -> Vec<(usize, FromValue<'v>)> {
        let field = |(position, value): &'v (usize, Value)| {
            let from = FromValue {
                value,
                is_human_readable: self.are_foreign[*position],
                is_in_option: false,
            };
            (*position, from)
        };
        fitted.iter().map(field).collect()
    }
}

/// Returns the row that fitted fields make.
pub(crate) fn row<'v, R: Deserialize<'v>>(
    fields: &'v [(usize, FromValue<'v>)],
) -> Result<R, Fault> {
    R::deserialize(FromFields(fields))
}
