//! Views: the leading fields of a row, borrowed from the page.

use super::{FromRow, Table, TableSchema};
use crate::codec::Codec;
use crate::error::CodecError;
use crate::shape::Shape;

/// A table whose rows a [`Codec`] wrote: all but those with `#[table(raw)]`. Implemented by `#[derive(Table)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a table that can be viewed",
    label = "not encoded by a codec",
    note = "a view is of a struct with `#[derive(Table)]`; raw rows need none, as they are never decoded"
)]
pub trait EncodedTable: Table {
    /// What its rows are written with.
    type Codec: Codec;
}

/// A borrowed part of the rows of `T`: its leading fields. Implemented by `#[derive(View)]`, and for `UserRef` by
/// `#[table(view)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a view of the table `{T}`",
    label = "not a view of this table",
    note = "write `#[derive(View)] #[view(of = {T})]` above it, or add `#[table(view)]` to the table"
)]
pub trait ViewOf<'t, T: Table>: FromRow<'t> {}

/// Returns the view that a row of `T` begins with. If the row has fewer fields than the view, `fields` says how many.
///
/// # Errors
///
/// As [`Codec::decode_head`] and [`Codec::decode_leading`].
pub fn decode_head<'t, T: EncodedTable, V: serde::Deserialize<'t>>(
    bytes: &'t [u8],
    fields: Option<usize>,
) -> Result<V, CodecError> {
    match fields {
        None => T::Codec::decode_head(bytes),
        Some(fields) => T::Codec::decode_leading(bytes, fields),
    }
}

/// Returns what a view is checked against.
#[must_use]
pub const fn schema_of<T: Table>() -> &'static TableSchema {
    T::SCHEMA
}

/// Returns whether the field at `position` has this name and shape, at compile time.
#[must_use]
pub const fn is_field(table: &TableSchema, position: usize, name: &str, shape: &Shape) -> bool {
    position < table.fields.len()
        && same_text(table.fields[position].name, name)
        && same_shape(&table.fields[position].shape, shape)
}

const fn same_text(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

const fn same_shape(a: &Shape, b: &Shape) -> bool {
    match (a, b) {
        (Shape::Name(a), Shape::Name(b)) | (Shape::Opaque(a), Shape::Opaque(b)) => same_text(a, b),
        (Shape::List(a), Shape::List(b))
        | (Shape::Option(a), Shape::Option(b))
        | (Shape::Desc(a), Shape::Desc(b))
        | (Shape::AsciiFold(a), Shape::AsciiFold(b))
        | (Shape::Hashed(a), Shape::Hashed(b)) => same_shape(a, b),
        (Shape::Array(a, m), Shape::Array(b, n)) => *m == *n && same_shape(a, b),
        (Shape::Map(a, x), Shape::Map(b, y)) => same_shape(a, b) && same_shape(x, y),
        (Shape::Tuple(a), Shape::Tuple(b)) => {
            let mut i = 0;
            while i < a.len() && i < b.len() && same_shape(&a[i], &b[i]) {
                i += 1;
            }
            i == a.len() && i == b.len()
        }
        (Shape::Struct(a), Shape::Struct(b)) | (Shape::OneOf(a), Shape::OneOf(b)) => {
            let mut i = 0;
            while i < a.len()
                && i < b.len()
                && same_text(a[i].0, b[i].0)
                && same_shape(&a[i].1, &b[i].1)
            {
                i += 1;
            }
            i == a.len() && i == b.len()
        }
        (Shape::Enum(a), Shape::Enum(b)) => {
            let mut i = 0;
            while i < a.len() && i < b.len() && same_text(a[i].0, b[i].0) && a[i].1 == b[i].1 {
                i += 1;
            }
            i == a.len() && i == b.len()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Shaped;

    #[test]
    fn shapes_are_the_same_when_they_print_the_same() {
        let shapes = [
            u8::SHAPE,
            String::SHAPE,
            Vec::<u8>::SHAPE,
            Vec::<String>::SHAPE,
            <[u8; 3]>::SHAPE,
            <[u8; 4]>::SHAPE,
            Option::<u8>::SHAPE,
            <(u8, String)>::SHAPE,
            <(u8, String, u8)>::SHAPE,
            std::collections::BTreeMap::<u8, bool>::SHAPE,
            Shape::Enum(&[("A", 0)]),
            Shape::Enum(&[("A", 1)]),
            Shape::Enum(&[("B", 0)]),
            Shape::Struct(&[("a", u8::SHAPE)]),
            Shape::Struct(&[("b", u8::SHAPE)]),
            Shape::Struct(&[("a", u16::SHAPE)]),
            Shape::OneOf(&[("a", u8::SHAPE)]),
            Shape::OneOf(&[("a", <()>::SHAPE)]),
            Shape::Opaque("A"),
            Shape::Desc(&Shape::Name("u8")),
            Shape::Hashed(&Shape::Name("u8")),
            Shape::AsciiFold(&Shape::Name("str")),
        ];
        for a in &shapes {
            for b in &shapes {
                assert_eq!(
                    same_shape(a, b),
                    a.to_string() == b.to_string(),
                    "{a} and {b}"
                );
            }
        }
    }
}
