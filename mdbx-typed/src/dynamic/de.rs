//! What serde makes a struct of, from a [`Value`]: one that JSON text stands for, or one that fits its field.

use std::collections::VecDeque;

use serde::de::value::{SeqDeserializer, U32Deserializer, U64Deserializer};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::fault::Fault;
use super::fit::{self, from_hex};
use super::form::Form;
use super::value::Value;
use crate::schema::FieldSchema;

/// A value that serde asks about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FromValue<'v> {
    value: &'v Value,
    /// What it [fits](super::fit::fit_with); `None` within a type that is not known.
    form: Option<&'v Form>,
    /// Whether it is in an option, where another option is in brackets.
    is_in_option: bool,
}

impl<'v> FromValue<'v> {
    pub(crate) fn new(value: &'v Value, form: Option<&'v Form>) -> Self {
        FromValue {
            value,
            form,
            is_in_option: false,
        }
    }

    /// Returns the part at `position`, which is `value`.
    fn of(self, value: &'v Value, position: usize) -> Self {
        FromValue::new(value, self.form.and_then(|form| form.part(position)))
    }

    /// Returns the value without the brackets and options around it.
    fn plain(self) -> &'v Value {
        self.value.some()
    }

    fn wrong(self, wanted: &str) -> Fault {
        Fault::new(format_args!("it is {}, not {wanted}", self.value.kind()))
    }

    fn no_float(self, wanted: &str) -> Fault {
        match self.plain() {
            Value::UInt(_) | Value::Int(_) | Value::F64(_) | Value::Text(_) => {
                Fault::new(format_args!("{} is not {wanted}", self.value))
            }
            _ => self.wrong(wanted),
        }
    }

    fn seq<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.plain() {
            Value::List(items) | Value::Tuple(items) => visitor.visit_seq(Items {
                from: self,
                all: items,
                at: 0,
            }),
            Value::Bytes(bytes) => visitor.visit_seq(SeqDeserializer::new(bytes.iter().copied())),
            Value::Text(text) => match from_hex(text) {
                Some(bytes) => visitor.visit_seq(SeqDeserializer::new(bytes.into_iter())),
                None => Err(self.wrong("a list")),
            },
            _ => Err(self.wrong("a list")),
        }
    }

    /// A struct of which all fields are known is told by position: serde may call them otherwise.
    fn structure<V: Visitor<'v>>(
        self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match (self.form, self.plain()) {
            (Some(Form::Struct(forms)), Value::Struct(fields)) if forms.len() == fields.len() => {
                visitor.visit_seq(Whole {
                    from: self,
                    fields,
                    at: 0,
                })
            }
            (_, Value::List(_) | Value::Tuple(_)) => self.seq(visitor),
            (_, Value::Struct(fields)) => visitor.visit_map(Fields {
                from: self,
                left: fields,
                names,
                next: None,
            }),
            _ => self.map(visitor),
        }
    }

    fn map<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.plain() {
            Value::Struct(fields) => visitor.visit_map(Fields {
                from: self,
                left: fields,
                names: &[],
                next: None,
            }),
            Value::Map(pairs) => visitor.visit_map(Pairs {
                from: self,
                left: pairs.iter().map(|(key, value)| (key, value)).collect(),
                next: None,
            }),
            Value::List(items) => {
                let pair = |item: &'v Value| match item.items() {
                    Some([key, value]) => Ok((key, value)),
                    _ => Err(self.wrong("an object or a list of pairs")),
                };
                let pairs = items.iter().map(pair).collect::<Result<_, _>>()?;
                visitor.visit_map(Pairs {
                    from: self,
                    left: pairs,
                    next: None,
                })
            }
            _ => Err(self.wrong("an object")),
        }
    }
}

macro_rules! integers {
    ($($name:ident: $visit:ident($type:ident);)*) => {$(
        fn $name<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
            let number = match self.plain() {
                Value::UInt(number) => $type::try_from(*number).ok(),
                Value::Int(number) => $type::try_from(*number).ok(),
                Value::Text(digits) => digits.parse().ok(),
                _ => return Err(self.wrong(concat!("a `", stringify!($type), "`"))),
            };
            let wrong = || Fault::new(format_args!("{} is no `{}`", self.value, stringify!($type)));
            visitor.$visit(number.ok_or_else(wrong)?)
        }
    )*};
}

impl<'v> Deserializer<'v> for FromValue<'v> {
    type Error = Fault;

    integers! {
        deserialize_u8: visit_u8(u8);
        deserialize_u16: visit_u16(u16);
        deserialize_u32: visit_u32(u32);
        deserialize_u64: visit_u64(u64);
        deserialize_u128: visit_u128(u128);
        deserialize_i8: visit_i8(i8);
        deserialize_i16: visit_i16(i16);
        deserialize_i32: visit_i32(i32);
        deserialize_i64: visit_i64(i64);
        deserialize_i128: visit_i128(i128);
    }

    fn deserialize_any<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::UInt(number) => match u64::try_from(*number) {
                Ok(number) => visitor.visit_u64(number),
                Err(_) => visitor.visit_u128(*number),
            },
            Value::Int(number) => match i64::try_from(*number) {
                Ok(number) => visitor.visit_i64(number),
                Err(_) => visitor.visit_i128(*number),
            },
            Value::F32(number) => visitor.visit_f32(*number),
            Value::F64(number) => visitor.visit_f64(*number),
            Value::Char(c) => visitor.visit_char(*c),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::Bytes(bytes) | Value::Opaque(bytes) => visitor.visit_borrowed_bytes(bytes),
            Value::List(_) | Value::Tuple(_) => self.seq(visitor),
            Value::Map(_) | Value::Struct(_) => self.map(visitor),
            Value::Option(None) => visitor.visit_none(),
            Value::Option(Some(value)) => visitor.visit_some(self.of(value, 0)),
            Value::Enum(name, None) => visitor.visit_borrowed_str(name),
            Value::Enum(..) => visitor.visit_enum(Variant { from: self }),
            Value::Unit => visitor.visit_unit(),
        }
    }

    fn deserialize_bool<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.plain() {
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Text(text) => match text.parse() {
                Ok(value) => visitor.visit_bool(value),
                Err(_) => Err(self.wrong("a bool")),
            },
            _ => Err(self.wrong("a bool")),
        }
    }

    fn deserialize_f32<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        match fit::single(self.plain()) {
            Some(number) => visitor.visit_f32(number),
            None => Err(self.no_float("an `f32`")),
        }
    }

    fn deserialize_f64<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        match fit::float(self.plain()) {
            Some(number) => visitor.visit_f64(number),
            None => Err(self.no_float("an `f64`")),
        }
    }

    fn deserialize_char<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.plain() {
            Value::Char(c) => visitor.visit_char(*c),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            _ => Err(self.wrong("a char")),
        }
    }

    fn deserialize_str<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.plain() {
            Value::Text(text) | Value::Enum(text, None) => visitor.visit_borrowed_str(text),
            Value::Char(c) => visitor.visit_char(*c),
            _ => Err(self.wrong("text")),
        }
    }

    fn deserialize_string<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.plain() {
            Value::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Value::Text(text) => match from_hex(text) {
                Some(bytes) => visitor.visit_byte_buf(bytes),
                None => Err(self.wrong("bytes as \"0x..\"")),
            },
            _ => self.seq(visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        let inside = |value| {
            let from = self.of(value, 0);
            FromValue {
                is_in_option: true,
                ..from
            }
        };
        match self.value {
            Value::Option(Some(value)) => visitor.visit_some(inside(value)),
            Value::List(items) if self.is_in_option && items.len() == 1 => {
                let inner = FromValue::new(&items[0], self.form);
                inner.deserialize_option(visitor)
            }
            Value::Option(None) | Value::Unit => visitor.visit_none(),
            value => visitor.visit_some(inside(value)),
        }
    }

    fn deserialize_unit<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Unit | Value::Option(None) => visitor.visit_unit(),
            Value::List(items) if self.is_in_option && items.len() == 1 => visitor.visit_unit(),
            _ => Err(self.wrong("null")),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'v>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'v>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.seq(visitor)
    }

    fn deserialize_tuple<V: Visitor<'v>>(self, _len: usize, visitor: V) -> Result<V::Value, Fault> {
        self.seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'v>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.seq(visitor)
    }

    fn deserialize_map<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.map(visitor)
    }

    fn deserialize_struct<V: Visitor<'v>>(
        self,
        _name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.structure(names, visitor)
    }

    fn deserialize_enum<V: Visitor<'v>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_enum(Variant { from: self })
    }

    fn is_human_readable(&self) -> bool {
        matches!(self.form, None | Some(Form::Opaque(_)))
    }

    forward_to_deserialize_any! { <V: Visitor<'v>> identifier ignored_any }
}

/// The elements of a list.
struct Items<'v> {
    from: FromValue<'v>,
    all: &'v [Value],
    at: usize,
}

impl<'v> SeqAccess<'v> for Items<'v> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'v>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some(item) = self.all.get(self.at) else {
            return Ok(None);
        };
        let value = seed.deserialize(self.from.of(item, self.at));
        let value = value.map_err(|fault| fault.within(&self.at.to_string()))?;
        self.at += 1;
        Ok(Some(value))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.all.len() - self.at)
    }
}

/// The fields of an object.
struct Fields<'v> {
    from: FromValue<'v>,
    left: &'v [(String, Value)],
    /// How serde calls the fields of a struct; none of a map.
    names: &'static [&'static str],
    next: Option<&'v (String, Value)>,
}

impl<'v> MapAccess<'v> for Fields<'v> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'v>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let Some((first, rest)) = self.left.split_first() else {
            return Ok(None);
        };
        self.left = rest;
        self.next = Some(first);
        if let Some(Form::Struct(forms)) = self.from.form
            && let Some(position) = forms.iter().position(|(own, _)| *own == first.0)
        {
            return tell_field(seed, position, forms.len(), self.names).map(Some);
        }
        seed.deserialize(Name(&first.0)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'v>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let (name, value) = self.next.ok_or(Fault::new("a value without a name"))?;
        let form = match self.from.form {
            Some(Form::Struct(fields)) => fields.iter().find(|(own, _)| own == name),
            _ => None,
        };
        seed.deserialize(FromValue::new(value, form.map(|(_, form)| form)))
            .map_err(|fault| fault.within(name))
    }
}

/// All fields of a struct, in their order.
struct Whole<'v> {
    from: FromValue<'v>,
    fields: &'v [(String, Value)],
    at: usize,
}

impl<'v> SeqAccess<'v> for Whole<'v> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'v>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some((name, value)) = self.fields.get(self.at) else {
            return Ok(None);
        };
        let value = seed.deserialize(self.from.of(value, self.at));
        self.at += 1;
        value.map(Some).map_err(|fault| fault.within(name))
    }
}

/// Tells serde which of its fields comes next, of so many.
///
/// There are more names than fields if some have an alias; then nobody can tell which are whose. Positions mean the same to
/// what serde derives, but not to everything that is written by hand.
fn tell_field<'v, K: DeserializeSeed<'v>>(
    seed: K,
    position: usize,
    fields: usize,
    names: &'static [&'static str],
) -> Result<K::Value, Fault> {
    if names.len() == fields {
        seed.deserialize(Name(names[position]))
    } else {
        seed.deserialize(U64Deserializer::<Fault>::new(position as u64))
    }
}

/// A name of a field or a key of a map, as JSON has it: text, also where a number is meant.
struct Name<'v>(&'v str);

macro_rules! names {
    ($($name:ident: $visit:ident;)*) => {$(
        fn $name<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
            match self.0.parse() {
                Ok(number) => visitor.$visit(number),
                Err(_) => visitor.visit_borrowed_str(self.0),
            }
        }
    )*};
}

impl<'v> Deserializer<'v> for Name<'v> {
    type Error = Fault;

    names! {
        deserialize_u8: visit_u8;
        deserialize_u16: visit_u16;
        deserialize_u32: visit_u32;
        deserialize_u64: visit_u64;
        deserialize_i8: visit_i8;
        deserialize_i16: visit_i16;
        deserialize_i32: visit_i32;
        deserialize_i64: visit_i64;
    }

    fn deserialize_any<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_newtype_struct<V: Visitor<'v>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'v>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_enum(IntoDeserializer::<Fault>::into_deserializer(self.0))
    }

    forward_to_deserialize_any! { <V: Visitor<'v>> bool i128 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple tuple_struct map
        struct identifier ignored_any
    }
}

/// The pairs of a map.
struct Pairs<'v> {
    from: FromValue<'v>,
    left: VecDeque<(&'v Value, &'v Value)>,
    next: Option<(&'v Value, &'v Value)>,
}

impl<'v> MapAccess<'v> for Pairs<'v> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'v>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        self.next = self.left.pop_front();
        let Some((key, _)) = self.next else {
            return Ok(None);
        };
        seed.deserialize(self.from.of(key, 0)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'v>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let (key, value) = self.next.ok_or(Fault::new("a value without a key"))?;
        seed.deserialize(self.from.of(value, 1))
            .map_err(|fault| fault.within(&key.to_string()))
    }
}

/// A variant of an enum, by name.
struct Variant<'v> {
    from: FromValue<'v>,
}

impl<'v> Variant<'v> {
    fn parts(&self) -> Option<(&'v str, Option<&'v Value>)> {
        match self.from.plain() {
            Value::Text(name) => Some((name, None)),
            Value::Enum(name, value) => Some((name, value.as_deref())),
            Value::Struct(fields) => match fields.as_slice() {
                [(name, value)] => Some((name, Some(value))),
                _ => None,
            },
            _ => None,
        }
    }
}

impl<'v> EnumAccess<'v> for Variant<'v> {
    type Error = Fault;
    type Variant = Content<'v>;

    fn variant_seed<S: DeserializeSeed<'v>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Content<'v>), Fault> {
        let wrong = || self.from.wrong("a variant, as \"Name\" or {\"Name\": ..}");
        let (name, value) = self.parts().ok_or_else(wrong)?;
        let (position, form) = match self.from.form {
            Some(Form::OneOf(variants)) => {
                let position = variants.iter().position(|(own, _)| own == name);
                (position, position.map(|position| &variants[position].1))
            }
            Some(Form::Enum(variants)) => (variants.iter().position(|(own, _)| own == name), None),
            _ => (None, None),
        };
        // A variant that is known is told by position: serde may call it otherwise.
        let position = position.and_then(|position| u32::try_from(position).ok());
        let variant = match position {
            Some(position) => seed.deserialize(U32Deserializer::<Fault>::new(position)),
            None => seed.deserialize(Name(name)),
        }?;
        Ok((variant, Content { name, value, form }))
    }
}

/// What a variant holds.
struct Content<'v> {
    name: &'v str,
    value: Option<&'v Value>,
    form: Option<&'v Form>,
}

impl<'v> Content<'v> {
    fn content(&self) -> Result<FromValue<'v>, Fault> {
        static UNIT: Value = Value::Unit;
        // A variant that holds a unit is stored, and written, as one that holds nothing.
        let unit = (self.form == Some(&Form::Unit)).then_some(&UNIT);
        let value = self
            .value
            .or(unit)
            .ok_or_else(|| Fault::new(format_args!("the variant `{}` holds a value", self.name)))?;
        Ok(FromValue::new(value, self.form))
    }
}

impl<'v> VariantAccess<'v> for Content<'v> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.value {
            None => Ok(()),
            Some(value) if value.is_none() => Ok(()),
            Some(_) => Err(Fault::new(format_args!(
                "the variant `{}` holds no value",
                self.name
            ))),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'v>>(self, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(self.content()?)
            .map_err(|fault| fault.within(self.name))
    }

    fn tuple_variant<V: Visitor<'v>>(self, _len: usize, visitor: V) -> Result<V::Value, Fault> {
        self.content()?
            .seq(visitor)
            .map_err(|fault| fault.within(self.name))
    }

    fn struct_variant<V: Visitor<'v>>(
        self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.content()?
            .structure(names, visitor)
            .map_err(|fault| fault.within(self.name))
    }
}

/// A row that serde asks about: the stored fields that are given, each with its position, in order.
pub(crate) struct FromFields<'v> {
    pub(crate) given: &'v [(usize, FromValue<'v>)],
    /// All fields.
    pub(crate) stored: &'static [FieldSchema],
}

/// The fields of a row, one after the other.
struct RowFields<'v> {
    given: std::slice::Iter<'v, (usize, FromValue<'v>)>,
    stored: &'static [FieldSchema],
    /// How serde calls the fields.
    names: &'static [&'static str],
    next: Option<&'v (usize, FromValue<'v>)>,
}

impl<'v> Deserializer<'v> for FromFields<'v> {
    type Error = Fault;

    fn deserialize_struct<V: Visitor<'v>>(
        self,
        _name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let fields = RowFields {
            given: self.given.iter(),
            stored: self.stored,
            names,
            next: None,
        };
        if self.given.len() == self.stored.len() {
            visitor.visit_seq(fields)
        } else {
            visitor.visit_map(fields)
        }
    }

    fn deserialize_any<V: Visitor<'v>>(self, _visitor: V) -> Result<V::Value, Fault> {
        Err(Fault::new("only structs can be imported"))
    }

    forward_to_deserialize_any! { <V: Visitor<'v>> bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl<'v> SeqAccess<'v> for RowFields<'v> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'v>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some((position, from)) = self.given.next() else {
            return Ok(None);
        };
        let name = self.stored[*position].name;
        let value = seed.deserialize(*from);
        value.map(Some).map_err(|fault| fault.within(name))
    }
}

impl<'v> MapAccess<'v> for RowFields<'v> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'v>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        self.next = self.given.next();
        let Some((position, _)) = self.next else {
            return Ok(None);
        };
        tell_field(seed, *position, self.stored.len(), self.names).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'v>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let (position, from) = self.next.ok_or(Fault::new("a value without a name"))?;
        let name = self.stored[*position].name;
        seed.deserialize(*from).map_err(|fault| fault.within(name))
    }
}
