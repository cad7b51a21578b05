//! The shapes of a file, made from the texts in its catalog.
//!
//! The opposite of [`Shape`](crate::Shape)'s `Display`. A text that this version cannot read is a foreign type: what cannot
//! be understood is never guessed.

/// How deep shapes may be nested, so that a damaged catalog cannot exhaust the stack.
const MOST_DEPTH: usize = 64;

/// What is stored for a field, or in a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    Bool,
    Char,
    Text,
    Unit,
    F32,
    F64,
    /// An unsigned integer of so many bytes.
    UInt(u8),
    /// A signed integer of so many bytes.
    Int(u8),
    /// Any number of bytes.
    Bytes,
    List(Box<Form>),
    Array(Box<Form>, usize),
    Option(Box<Form>),
    Map(Box<Form>, Box<Form>),
    Tuple(Vec<Form>),
    Desc(Box<Form>),
    Fold(Box<Form>),
    Hashed(Box<Form>),
    /// Names and numbers of the variants, in declaration order.
    Enum(Vec<(String, u16)>),
    /// Named values, in their order.
    Struct(Vec<(String, Form)>),
    /// Variants by name, each with what it holds.
    OneOf(Vec<(String, Form)>),
    /// A type that the catalog knows by name only.
    Opaque(String),
}

impl Form {
    /// Returns the form that a text of the catalog describes.
    pub(crate) fn parse(text: &str) -> Form {
        let mut parser = Parser { rest: text };
        match parser.form(0) {
            Some(form) if parser.rest.is_empty() => form,
            _ => Form::Opaque(text.strip_prefix("type ").unwrap_or(text).to_owned()),
        }
    }

    /// Returns whether values of it may hold a type that is not known.
    pub(crate) fn has_opaque(&self) -> bool {
        match self {
            Form::Opaque(_) => true,
            Form::List(item)
            | Form::Array(item, _)
            | Form::Option(item)
            | Form::Desc(item)
            | Form::Fold(item)
            | Form::Hashed(item) => item.has_opaque(),
            Form::Map(key, value) => key.has_opaque() || value.has_opaque(),
            Form::Tuple(items) => items.iter().any(Form::has_opaque),
            Form::Struct(parts) | Form::OneOf(parts) => {
                parts.iter().any(|(_, part)| part.has_opaque())
            }
            _ => false,
        }
    }

    /// Returns whether its values are stored as no bytes at all.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Form::Unit => true,
            Form::Array(item, len) => *len == 0 || item.is_empty(),
            Form::Tuple(items) => items.iter().all(Form::is_empty),
            Form::Struct(fields) => fields.iter().all(|(_, field)| field.is_empty()),
            _ => false,
        }
    }

    /// Returns the form of the part at `position`: of an element, a field, or of a key (0) or a value (1) of a map.
    #[cfg(feature = "export")]
    pub(crate) fn part(&self, position: usize) -> Option<&Form> {
        match self {
            Form::List(item) | Form::Array(item, _) | Form::Option(item) => Some(item),
            Form::Map(key, value) => Some(if position == 0 { key } else { value }),
            Form::Tuple(items) => items.get(position),
            Form::Struct(fields) => fields.get(position).map(|(_, field)| field),
            _ => None,
        }
    }

    /// Returns whether it is one byte, so that many of them are a string of bytes.
    pub(crate) fn is_byte(&self) -> bool {
        *self == Form::UInt(1)
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn take(&mut self, token: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(token)?;
        Some(())
    }

    fn form(&mut self, depth: usize) -> Option<Form> {
        if depth > MOST_DEPTH {
            return None;
        }
        if self.take("(").is_some() {
            return self.tuple(depth);
        }
        if self.take("type ").is_some() {
            return self.tokens().map(Form::Opaque);
        }
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.take("<")
            .map_or_else(|| scalar(name), |()| self.generic(name, depth))
    }

    /// Reads a form with parameters, behind the `<`.
    fn generic(&mut self, name: &str, depth: usize) -> Option<Form> {
        match name {
            "enum" => return self.variants().map(Form::Enum),
            "struct" => return self.parts(depth, false).map(Form::Struct),
            "oneof" => return self.parts(depth, true).map(Form::OneOf),
            _ => {}
        }
        let inner = Box::new(self.form(depth + 1)?);
        let form = match name {
            "list" => Form::List(inner),
            "option" => Form::Option(inner),
            "desc" => Form::Desc(inner),
            "ascii_fold" => Form::Fold(inner),
            "xxh64" => Form::Hashed(inner),
            "array" => {
                self.take(", ")?;
                Form::Array(inner, self.number()?)
            }
            "map" => {
                self.take(", ")?;
                Form::Map(inner, Box::new(self.form(depth + 1)?))
            }
            _ => return None,
        };
        self.take(">")?;
        Some(form)
    }

    fn tuple(&mut self, depth: usize) -> Option<Form> {
        let mut items = Vec::new();
        while self.take(")").is_none() {
            if !items.is_empty() {
                self.take(", ")?;
            }
            items.push(self.form(depth + 1)?);
        }
        Some(Form::Tuple(items))
    }

    fn variants(&mut self) -> Option<Vec<(String, u16)>> {
        let mut variants = Vec::new();
        let mut next = 0;
        while self.take(">").is_none() {
            if !variants.is_empty() {
                self.take(", ")?;
            }
            let end = self.rest.find([',', ' ', '>'])?;
            let (name, rest) = self.rest.split_at(end);
            self.rest = rest;
            if self.take(" = ").is_some() {
                next = self.number()?;
            }
            variants.push((name.to_owned(), u16::try_from(next).ok()?));
            next += 1;
        }
        Some(variants)
    }

    /// Reads named forms; where they may be bare, a name alone is a unit.
    fn parts(&mut self, depth: usize, may_be_bare: bool) -> Option<Vec<(String, Form)>> {
        let mut parts = Vec::new();
        while self.take(">").is_none() {
            if !parts.is_empty() {
                self.take(", ")?;
            }
            let end = self.rest.find([',', ':', '>'])?;
            let (name, rest) = self.rest.split_at(end);
            self.rest = rest;
            let form = match self.take(": ") {
                Some(()) => self.form(depth + 1)?,
                None if may_be_bare => Form::Unit,
                None => return None,
            };
            parts.push((name.to_owned(), form));
        }
        Some(parts)
    }

    fn number(&mut self) -> Option<usize> {
        let is_digit = |c: char| c.is_ascii_digit();
        let end = self.rest.find(|c| !is_digit(c)).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        digits.parse().ok()
    }

    /// Reads the tokens that name a foreign type, up to where the form around it goes on.
    fn tokens(&mut self) -> Option<String> {
        let mut open = 0usize;
        let end = self.rest.char_indices().find(|&(_, c)| {
            match c {
                '<' | '(' | '[' => open += 1,
                '>' | ')' | ']' if open > 0 => open -= 1,
                '>' | ')' | ',' if open == 0 => return true,
                _ => {}
            }
            false
        });
        let (tokens, rest) = self
            .rest
            .split_at(end.map_or(self.rest.len(), |(at, _)| at));
        self.rest = rest;
        (open == 0).then(|| tokens.to_owned())
    }
}

/// Returns the form of a type without parts.
fn scalar(name: &str) -> Option<Form> {
    Some(match name {
        "bool" => Form::Bool,
        "char" => Form::Char,
        "str" => Form::Text,
        "unit" => Form::Unit,
        "bytes" => Form::Bytes,
        "f32" => Form::F32,
        "f64" => Form::F64,
        "u8" => Form::UInt(1),
        "u16" => Form::UInt(2),
        "u32" => Form::UInt(4),
        "u64" => Form::UInt(8),
        "u128" => Form::UInt(16),
        "i8" => Form::Int(1),
        "i16" => Form::Int(2),
        "i32" => Form::Int(4),
        "i64" => Form::Int(8),
        "i128" => Form::Int(16),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::{Shape, Shaped};
    use std::collections::BTreeMap;

    #[test]
    fn what_a_shape_prints_is_read_back() {
        type Nested = BTreeMap<String, Vec<Option<(u8, [i64; 3])>>>;
        let inner = Form::Tuple(vec![Form::UInt(1), Form::Array(Box::new(Form::Int(8)), 3)]);
        let list = Form::List(Box::new(Form::Option(Box::new(inner))));
        assert_eq!(
            Form::parse(&Nested::SHAPE.to_string()),
            Form::Map(Box::new(Form::Text), Box::new(list))
        );
        let shape = Shape::Enum(&[("Red", 0), ("Blue", 7), ("Grey", 8), ("Black", 3)]);
        let variants = [("Red", 0), ("Blue", 7), ("Grey", 8), ("Black", 3)];
        let variants = variants.map(|(name, number)| (name.to_owned(), number));
        assert_eq!(Form::parse(&shape.to_string()), Form::Enum(variants.into()));
        let shape = Shape::Hashed(&Shape::AsciiFold(&Shape::Name("str")));
        assert_eq!(
            Form::parse(&shape.to_string()),
            Form::Hashed(Box::new(Form::Fold(Box::new(Form::Text))))
        );
        let address = Form::Struct(vec![
            ("street".into(), Form::Text),
            ("number".into(), Form::Option(Box::new(Form::UInt(4)))),
        ]);
        let text = "struct<street: str, number: option<u32>>";
        assert_eq!(Form::parse(text), address);
        let variants = vec![
            ("No".into(), Form::Unit),
            ("At".into(), address),
            ("Two".into(), Form::Tuple(vec![Form::Bool, Form::Bool])),
        ];
        assert_eq!(
            Form::parse(&format!("oneof<No, At: {text}, Two: (bool, bool)>")),
            Form::OneOf(variants)
        );
        assert_eq!(Form::parse("struct<>"), Form::Struct(vec![]));
        assert_eq!(Form::parse("()"), Form::Tuple(vec![]));
        assert_eq!(Form::parse("desc<f32>"), Form::Desc(Box::new(Form::F32)));
    }

    #[test]
    fn what_is_not_known_is_a_foreign_type() {
        let opaque = |tokens: &str| Form::Opaque(tokens.into());
        assert_eq!(Form::parse("type Foo < A , B >"), opaque("Foo < A , B >"));
        let pair = Form::parse("(type Foo < A , B >, u8)");
        assert_eq!(
            pair,
            Form::Tuple(vec![opaque("Foo < A , B >"), Form::UInt(1)])
        );
        assert!(pair.has_opaque());
        for text in [
            "",
            "u256",
            "list<",
            "list<u8",
            "set<u8>",
            "u8>",
            "enum<A = 70000>",
            "struct<a>",
            "oneof<A: >",
            "(u8",
        ] {
            assert_eq!(Form::parse(text), opaque(text), "{text}");
        }
        let deep = "option<".repeat(10_000) + "u8" + &">".repeat(10_000);
        assert_eq!(Form::parse(&deep), opaque(&deep));
    }
}
