//! What a stored value looks like, as text for the catalog.
//!
//! Two types have the same shape when the codec writes the same bytes for the same value: `String` and `&str` are
//! both `str`, `Vec<T>` and `BTreeSet<T>` are both `list<T>`. So a table written through an owned struct opens with a
//! borrowing one. The text is part of the file format: changing what a shape prints makes existing files refuse to
//! open.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt;
use std::marker::PhantomData;

/// The shape of a field or of a key; its [`Display`](fmt::Display) text is what the catalog stores.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Shape {
    /// A type without parts, by its own name: `u64`, `str`.
    Name(&'static str),
    /// Any number of elements.
    List(&'static Shape),
    /// A fixed number of elements.
    Array(&'static Shape, usize),
    /// A value or nothing.
    Option(&'static Shape),
    /// Any number of keys, each with a value.
    Map(&'static Shape, &'static Shape),
    /// One of each, in order.
    Tuple(&'static [Shape]),
    /// A key component in descending order.
    Desc(&'static Shape),
    /// Text without regard to ASCII case, as a key.
    AsciiFold(&'static Shape),
    /// The XXH64 hash of a key.
    Hashed(&'static Shape),
    /// An enum without fields: its variants in declaration order, each with the number it has in keys.
    Enum(&'static [(&'static str, u16)]),
    /// A struct: its fields, by name, in their order.
    Struct(&'static [(&'static str, Shape)]),
    /// One of several, each with what it holds: its variants, by name, in declaration order.
    OneOf(&'static [(&'static str, Shape)]),
    /// A type this crate does not know, by the tokens that name it.
    Opaque(&'static str),
}

impl Shape {
    /// Returns the shape a [`Probe`] found, or `Opaque(tokens)` when it found none.
    #[must_use]
    pub const fn or_opaque(found: Option<Shape>, tokens: &'static str) -> Shape {
        match found {
            Some(shape) => shape,
            None => Shape::Opaque(tokens),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Shape::Name(name) => f.write_str(name),
            Shape::List(Shape::Name("u8")) => f.write_str("bytes"),
            Shape::List(item) => write!(f, "list<{item}>"),
            Shape::Array(item, len) => write!(f, "array<{item}, {len}>"),
            Shape::Option(item) => write!(f, "option<{item}>"),
            Shape::Map(key, value) => write!(f, "map<{key}, {value}>"),
            Shape::Tuple(items) => {
                f.write_str("(")?;
                for (i, item) in items.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}{item}")?;
                }
                f.write_str(")")
            }
            Shape::Desc(item) => write!(f, "desc<{item}>"),
            Shape::AsciiFold(item) => write!(f, "ascii_fold<{item}>"),
            Shape::Hashed(item) => write!(f, "xxh64<{item}>"),
            Shape::Enum(variants) => {
                f.write_str(KEY_ENUM)?;
                let mut next = 0;
                for (i, &(name, number)) in variants.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}{name}")?;
                    // As in Rust, a variant without a number has that of the one before it and one more.
                    if u32::from(number) != next {
                        write!(f, " = {number}")?;
                    }
                    next = u32::from(number) + 1;
                }
                f.write_str(">")
            }
            Shape::Struct(fields) => {
                f.write_str("struct<")?;
                for (i, (name, shape)) in fields.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}{name}: {shape}")?;
                }
                f.write_str(">")
            }
            Shape::OneOf(variants) => {
                f.write_str(ONE_OF)?;
                for (i, (name, shape)) in variants.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}{name}")?;
                    if *shape != Shape::Name("unit") {
                        write!(f, ": {shape}")?;
                    }
                }
                f.write_str(">")
            }
            Shape::Opaque(tokens) => write!(f, "type {tokens}"),
        }
    }
}

/// Returns whether everything that is stored in the shape `stored` is a value of the shape `now`, in the same bytes:
/// both are the same, but for variants that came to enums behind those they had.
///
/// Texts with more than a shape in them, such as the definition of an index, are compared in the same way.
pub(crate) fn covers(now: &str, stored: &str) -> bool {
    let openings = [KEY_ENUM, ONE_OF].into_iter().filter_map(|opening| {
        let at = stored.find(opening)?;
        Some((at + opening.len(), opening))
    });
    let Some((start, opening)) = openings.min() else {
        return now == stored;
    };
    let (before, rest) = stored.split_at(start);
    let parts = now.strip_prefix(before).and_then(split_at_end);
    let (Some((now, after)), Some((stored, rest))) = (parts, split_at_end(rest)) else {
        return false;
    };
    let (variants, known) = (items(now), items(stored));
    let mut pairs = variants.iter().zip(&known);
    variants.len() >= known.len()
        && pairs.all(|(now, stored)| covers(now, stored))
        && (opening != KEY_ENUM || is_wide(&variants) == is_wide(&known))
        && covers(after, rest)
}

const KEY_ENUM: &str = "enum<";
const ONE_OF: &str = "oneof<";

/// Splits a text behind an opening bracket where that is closed.
fn split_at_end(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    let is_end = |c| match c {
        '<' | '(' => {
            depth += 1;
            false
        }
        '>' | ')' if depth > 0 => {
            depth -= 1;
            false
        }
        c => matches!(c, '>' | ')'),
    };
    let end = text.find(is_end)?;
    Some((&text[..end], &text[end + 1..]))
}

/// Splits a list at its own commas.
fn items(list: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let is_own_comma = |c| {
        match c {
            '<' | '(' => depth += 1,
            '>' | ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    };
    list.split(is_own_comma).map(str::trim_start).collect()
}

/// Returns whether one of the variants has a number that takes two bytes.
fn is_wide(variants: &[&str]) -> bool {
    let mut next = 0_u32;
    variants.iter().any(|variant| {
        let given = variant.split_once(" = ");
        let number = given.and_then(|(_, number)| number.parse::<u16>().ok());
        let number = number.map_or(next, u32::from);
        next = number + 1;
        number > u32::from(u8::MAX)
    })
}

/// A type whose stored shape is known.
///
/// Types without it can be fields all the same; the catalog then knows them by name only, so that a change inside
/// them goes unnoticed. For types of your own write [`#[derive(Shaped)]`](macro@crate::Shaped); implement it where that
/// cannot see what serde stores:
///
/// ```
/// use mdbx_typed::{Shape, Shaped};
///
/// #[derive(Clone, serde::Serialize, serde::Deserialize)]
/// #[serde(into = "i32", from = "i32")]
/// struct Celsius {
///     degrees: i32,
/// }
/// # impl From<i32> for Celsius { fn from(degrees: i32) -> Self { Celsius { degrees } } }
/// # impl From<Celsius> for i32 { fn from(celsius: Celsius) -> i32 { celsius.degrees } }
///
/// impl Shaped for Celsius {
///     const SHAPE: Shape = i32::SHAPE;
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the shape of `{Self}` is not known",
    label = "no known shape",
    note = "add `#[derive(Shaped)]` to the type"
)]
pub trait Shaped {
    /// The shape.
    const SHAPE: Shape;
}

/// Finds the shape of `T`, if it has one: `Probe::<T>::SHAPE`.
///
/// An inherent constant wins over one of a trait, but only where its bounds hold; otherwise [`NoShape`] answers.
#[derive(Debug)]
pub struct Probe<T>(PhantomData<T>);

impl<T: Shaped> Probe<T> {
    /// The shape of `T`.
    pub const SHAPE: Option<Shape> = Some(T::SHAPE);
}

/// What [`Probe`] falls back to.
pub trait NoShape {
    /// No shape is known.
    const SHAPE: Option<Shape> = None;
}

impl<T> NoShape for Probe<T> {}

macro_rules! named {
    ($($name:literal: $($type:ty),+;)*) => {$($(
        impl Shaped for $type {
            const SHAPE: Shape = Shape::Name($name);
        }
    )+)*};
}

named! {
    "u8": u8; "u16": u16; "u32": u32; "u64": u64, usize; "u128": u128;
    "i8": i8; "i16": i16; "i32": i32; "i64": i64, isize; "i128": i128;
    "f32": f32; "f64": f64; "bool": bool; "char": char; "str": str, String; "unit": ();
}

macro_rules! like_inner {
    ($($type:ty: $inner:ident),+ $(,)?) => {$(
        impl<$inner: Shaped + ?Sized> Shaped for $type {
            const SHAPE: Shape = $inner::SHAPE;
        }
    )+};
}

like_inner! { &T: T, Box<T>: T }

impl<T: Shaped + ToOwned + ?Sized> Shaped for Cow<'_, T> {
    const SHAPE: Shape = T::SHAPE;
}

impl<T: Shaped> Shaped for [T] {
    const SHAPE: Shape = Shape::List(&T::SHAPE);
}

impl<T: Shaped> Shaped for Vec<T> {
    const SHAPE: Shape = Shape::List(&T::SHAPE);
}

impl<T: Shaped> Shaped for VecDeque<T> {
    const SHAPE: Shape = Shape::List(&T::SHAPE);
}

impl<T: Shaped> Shaped for BTreeSet<T> {
    const SHAPE: Shape = Shape::List(&T::SHAPE);
}

impl<T: Shaped, S> Shaped for HashSet<T, S> {
    const SHAPE: Shape = Shape::List(&T::SHAPE);
}

impl<T: Shaped, const N: usize> Shaped for [T; N] {
    const SHAPE: Shape = Shape::Array(&T::SHAPE, N);
}

impl<T: Shaped> Shaped for Option<T> {
    const SHAPE: Shape = Shape::Option(&T::SHAPE);
}

impl<K: Shaped, V: Shaped> Shaped for BTreeMap<K, V> {
    const SHAPE: Shape = Shape::Map(&K::SHAPE, &V::SHAPE);
}

impl<K: Shaped, V: Shaped, S> Shaped for HashMap<K, V, S> {
    const SHAPE: Shape = Shape::Map(&K::SHAPE, &V::SHAPE);
}

/// serde stores nothing of it.
impl<T: ?Sized> Shaped for PhantomData<T> {
    const SHAPE: Shape = Shape::Name("unit");
}

macro_rules! tuples {
    ($($($item:ident)+;)*) => {$(
        impl<$($item: Shaped),+> Shaped for ($($item,)+) {
            const SHAPE: Shape = Shape::Tuple(&[$($item::SHAPE),+]);
        }
    )*};
}

tuples! { A; A B; A B C; A B C D; A B C D E; A B C D E F; }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_print_as_the_catalog_stores_them() {
        type Nested = BTreeMap<String, Vec<Option<(u8, [i64; 3])>>>;
        assert_eq!(
            Nested::SHAPE.to_string(),
            "map<str, list<option<(u8, array<i64, 3>)>>>"
        );
        assert_eq!(Shape::Desc(&Shape::Name("i64")).to_string(), "desc<i64>");
        assert_eq!(
            Shape::Enum(&[("Red", 0), ("Blue", 7), ("Grey", 8), ("Black", 3)]).to_string(),
            "enum<Red, Blue = 7, Grey, Black = 3>"
        );
        assert_eq!(
            Shape::Hashed(&Shape::AsciiFold(&Shape::Name("str"))).to_string(),
            "xxh64<ascii_fold<str>>"
        );
    }

    #[test]
    fn only_variants_that_come_last_keep_what_is_stored() {
        let one = "each on kind, n: (enum<A, B = 7>, u8)";
        for (now, is_covered) in [
            (one, true),
            ("each on kind, n: (enum<A, B = 7, C>, u8)", true),
            ("each on kind, n: (enum<A, B = 7, C = 255>, u8)", true),
            ("each on kind, n: (enum<A, B = 7, C = 255, D>, u8)", false), // two bytes in keys
            ("each on kind, n: (enum<A>, u8)", false),
            ("each on kind, n: (enum<A, B = 70>, u8)", false),
            ("each on kind, n: (enum<Z, A, B = 7>, u8)", false),
            ("each on kind, n: (enum<A, B = 7, C>, u16)", false),
            ("each on kind, n: (u8, enum<A, B = 7, C>)", false),
            ("each on kind, n: (enum<A, B = 7, C>", false),
        ] {
            assert_eq!(covers(now, one), is_covered, "{now}");
        }
        assert!(covers("list<enum<A, B>>", "list<enum<A>>"));
        assert!(covers("(enum<A, B>, enum<C, D>)", "(enum<A>, enum<C>)"));
        assert!(covers("enum<A = 300, B>", "enum<A = 300>"));
        let one = "option<oneof<A, B: (u8, enum<X>), C: struct<a: str, b: u8>>>";
        for (now, is_covered) in [
            (one, true),
            (
                "option<oneof<A, B: (u8, enum<X>), C: struct<a: str, b: u8>, D>>",
                true,
            ),
            (
                "option<oneof<A, B: (u8, enum<X, Y>), C: struct<a: str, b: u8>, D: u8>>",
                true,
            ),
            (
                "option<oneof<A, B: (u8, enum<X>), C: struct<a: str, b: u8, c: u8>>>",
                false,
            ),
            (
                "option<oneof<A, B: (u8, enum<X>), D: struct<a: str, b: u8>>>",
                false,
            ),
            ("option<oneof<A, B: (u8, enum<X>)>>", false),
            (
                "option<oneof<A, B: (u8, enum<X>), C: struct<a: str, b: u8>",
                false,
            ),
        ] {
            assert_eq!(covers(now, one), is_covered, "{now}");
        }
        assert!(!covers("u16", "u8"));
    }

    #[test]
    fn owned_and_borrowed_forms_share_a_shape() {
        assert_eq!(<&str>::SHAPE, String::SHAPE);
        assert_eq!(Cow::<str>::SHAPE, Box::<str>::SHAPE);
        assert_eq!(<&[u8]>::SHAPE, Vec::<u8>::SHAPE);
        assert_eq!(Vec::<u8>::SHAPE.to_string(), "bytes");
    }

    #[test]
    fn the_probe_falls_back_for_unknown_types() {
        struct Unknown;
        assert_eq!(Probe::<Unknown>::SHAPE, None);
        assert_eq!(Probe::<Vec<Unknown>>::SHAPE, None);
        assert_eq!(
            Probe::<Vec<u16>>::SHAPE,
            Some(Shape::List(&Shape::Name("u16")))
        );
        assert_eq!(
            Shape::or_opaque(Probe::<Unknown>::SHAPE, "Unknown").to_string(),
            "type Unknown"
        );
    }
}
