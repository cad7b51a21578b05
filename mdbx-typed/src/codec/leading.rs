//! Reads a struct of which only the first fields are stored.
//!
//! serde asks a format for as many fields as the struct has. Here the format is asked for those that are stored, and
//! then says that this was all; so the code that serde derives takes the `#[serde(default)]` of the others. It works
//! with every format that stores a struct as its fields, one after the other.

use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

/// Decodes a `T` of which the first `fields` fields are stored.
pub(super) struct Leading<T> {
    fields: usize,
    value: PhantomData<T>,
}

impl<T> Leading<T> {
    pub(super) fn new(fields: usize) -> Self {
        Leading {
            fields,
            value: PhantomData,
        }
    }
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Leading<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, format: D) -> Result<T, D::Error> {
        T::deserialize(Stored {
            format,
            fields: self.fields,
        })
    }
}

/// A format that has one struct with so many fields.
struct Stored<D> {
    format: D,
    fields: usize,
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Stored<D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.format
            .deserialize_tuple(self.fields.min(fields.len()), visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, D::Error> {
        Err(D::Error::custom(
            "only structs have defaults for fields that are not stored",
        ))
    }

    fn is_human_readable(&self) -> bool {
        self.format.is_human_readable()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
