//! What serde makes of a struct, as a [`Value`].

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::fault::Fault;
use super::form::Form;
use super::value::Value;

/// Makes a [`Value`] of what serde tells about a value.
///
/// Where its form is known, fields and variants get the names of the form: serde may call them otherwise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ToValue<'f> {
    /// `None` within a type that is not known.
    form: Option<&'f Form>,
    /// The forms of the fields, of a row.
    row: Option<&'f [Form]>,
}

impl<'f> ToValue<'f> {
    /// Of a row with fields of these forms.
    pub(crate) fn row(fields: &'f [Form]) -> Self {
        ToValue {
            form: None,
            row: Some(fields),
        }
    }

    fn with(form: Option<&'f Form>) -> Self {
        ToValue { form, row: None }
    }

    /// Of the part at `position`.
    fn part(self, position: usize) -> Self {
        if let Some(fields) = self.row {
            return ToValue::with(fields.get(position));
        }
        ToValue::with(self.form.and_then(|form| form.part(position)))
    }

    /// Returns the name of a variant, and what makes a value of what it holds.
    fn variant(self, index: u32, name: &'static str) -> (String, Self) {
        let at = usize::try_from(index).unwrap_or(usize::MAX);
        match self.form {
            Some(Form::OneOf(variants)) if at < variants.len() => {
                (variants[at].0.clone(), ToValue::with(Some(&variants[at].1)))
            }
            Some(Form::Enum(variants)) if at < variants.len() => {
                (variants[at].0.clone(), ToValue::with(None))
            }
            _ => (name.to_owned(), ToValue::with(None)),
        }
    }

    /// Returns the name of the field at `position`.
    fn field(self, position: usize, name: &'static str) -> String {
        let own = match self.form {
            Some(Form::Struct(fields)) => fields.get(position).map(|(own, _)| own.as_str()),
            _ => None,
        };
        own.unwrap_or(name).to_owned()
    }
}

/// A list, tuple, map or struct as far as it is told, and the enum variant that holds it.
pub(crate) struct Parts<'f, I> {
    to: ToValue<'f>,
    variant: Option<String>,
    items: Vec<I>,
    /// The key whose value comes next.
    key: Option<Value>,
}

impl<'f> ToValue<'f> {
    fn parts<I>(self, variant: Option<String>) -> Parts<'f, I> {
        Parts {
            to: self,
            variant,
            items: Vec::new(),
            key: None,
        }
    }
}

impl<I> Parts<'_, I> {
    fn end(self, value: impl FnOnce(Vec<I>) -> Value) -> Value {
        let value = value(self.items);
        match self.variant {
            Some(variant) => Value::Enum(variant, Some(Box::new(value))),
            None => value,
        }
    }
}

macro_rules! scalars {
    ($($name:ident: $type:ty;)*) => {$(
        fn $name(self, value: $type) -> Result<Value, Fault> {
            Ok(value.into())
        }
    )*};
}

impl<'f> Serializer for ToValue<'f> {
    type Ok = Value;
    type Error = Fault;
    type SerializeSeq = Parts<'f, Value>;
    type SerializeTuple = Parts<'f, Value>;
    type SerializeTupleStruct = Parts<'f, Value>;
    type SerializeTupleVariant = Parts<'f, Value>;
    type SerializeMap = Parts<'f, (Value, Value)>;
    type SerializeStruct = Parts<'f, (String, Value)>;
    type SerializeStructVariant = Parts<'f, (String, Value)>;

    scalars! {
        serialize_bool: bool;
        serialize_u8: u8;
        serialize_u16: u16;
        serialize_u32: u32;
        serialize_u64: u64;
        serialize_u128: u128;
        serialize_i8: i8;
        serialize_i16: i16;
        serialize_i32: i32;
        serialize_i64: i64;
        serialize_i128: i128;
        serialize_f32: f32;
        serialize_f64: f64;
        serialize_char: char;
        serialize_str: &str;
        serialize_bytes: &[u8];
    }

    fn serialize_none(self) -> Result<Value, Fault> {
        Ok(Value::Option(None))
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Fault> {
        Ok(Value::Option(Some(Box::new(
            value.serialize(self.part(0))?,
        ))))
    }

    fn serialize_unit(self) -> Result<Value, Fault> {
        Ok(Value::Unit)
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<Value, Fault> {
        Ok(Value::Unit)
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<Value, Fault> {
        Ok(Value::Enum(self.variant(index, variant).0, None))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<Value, Fault> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, Fault> {
        let (variant, to) = self.variant(index, variant);
        let value = value
            .serialize(to)
            .map_err(|fault| fault.within(&variant))?;
        Ok(Value::Enum(variant, Some(Box::new(value))))
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Self::SerializeSeq, Fault> {
        Ok(self.parts(None))
    }

    fn serialize_tuple(self, _len: usize) -> Result<Self::SerializeTuple, Fault> {
        Ok(self.parts(None))
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeTupleStruct, Fault> {
        Ok(self.parts(None))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeTupleVariant, Fault> {
        let (variant, to) = self.variant(index, variant);
        Ok(to.parts(Some(variant)))
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Self::SerializeMap, Fault> {
        Ok(self.parts(None))
    }

    fn serialize_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeStruct, Fault> {
        Ok(self.parts(None))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeStructVariant, Fault> {
        let (variant, to) = self.variant(index, variant);
        Ok(to.parts(Some(variant)))
    }

    fn is_human_readable(&self) -> bool {
        self.row.is_none() && matches!(self.form, None | Some(Form::Opaque(_)))
    }
}

/// Implements what is told element by element.
macro_rules! elements {
    ($($trait:ident::$add:ident => $variant:ident;)*) => {$(
        impl $trait for Parts<'_, Value> {
            type Ok = Value;
            type Error = Fault;

            fn $add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
                let at = self.items.len();
                let item = value.serialize(self.to.part(at));
                self.items.push(item.map_err(|fault| fault.within(&at.to_string()))?);
                Ok(())
            }

            fn end(self) -> Result<Value, Fault> {
                Ok(Parts::end(self, Value::$variant))
            }
        }
    )*};
}

elements! {
    SerializeSeq::serialize_element => List;
    SerializeTuple::serialize_element => Tuple;
    SerializeTupleStruct::serialize_field => Tuple;
    SerializeTupleVariant::serialize_field => Tuple;
}

/// Implements what is told field by field.
macro_rules! fields {
    ($($trait:ident)*) => {$(
        impl $trait for Parts<'_, (String, Value)> {
            type Ok = Value;
            type Error = Fault;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Fault> {
                let at = self.items.len();
                let name = self.to.field(at, name);
                let value = value.serialize(self.to.part(at));
                let value = value.map_err(|fault| fault.within(&name))?;
                self.items.push((name, value));
                Ok(())
            }

            fn end(self) -> Result<Value, Fault> {
                Ok(Parts::end(self, Value::Struct))
            }
        }
    )*};
}

fields! { SerializeStruct SerializeStructVariant }

impl SerializeMap for Parts<'_, (Value, Value)> {
    type Ok = Value;
    type Error = Fault;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Fault> {
        self.key = Some(key.serialize(self.to.part(0))?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        let key = self.key.take().ok_or(Fault::new("a value without a key"))?;
        let value = value.serialize(self.to.part(1));
        let value = value.map_err(|fault| fault.within(&key.to_string()))?;
        self.items.push((key, value));
        Ok(())
    }

    fn end(self) -> Result<Value, Fault> {
        Ok(Parts::end(self, Value::Map))
    }
}
