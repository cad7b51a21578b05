//! A table as data.
//!
//! The derive writes it down as constants. The catalog stores the canonical text of its parts, and fingerprints are
//! hashes of that text: never of type names, which compilers may print differently, nor of tokens, which aliases hide.

use std::fmt;

use crate::shape::Shape;

/// The tables of a program: `schema![User, Event]`.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    tables: &'static [&'static TableSchema],
}

impl Schema {
    /// Returns the schema of these tables.
    #[must_use]
    pub const fn new(tables: &'static [&'static TableSchema]) -> Self {
        Schema { tables }
    }

    /// Returns the tables, in the order they were named.
    #[must_use]
    pub const fn tables(&self) -> &'static [&'static TableSchema] {
        self.tables
    }
}

/// Returns the [`Schema`] of the tables it names, as a `&'static Schema`.
///
/// ```
/// # use mdbx_typed::{Table, schema};
/// # #[derive(Table, serde::Serialize, serde::Deserialize)] struct User { #[key] id: u64 }
/// # #[derive(Table, serde::Serialize, serde::Deserialize)] struct Event<'a> { #[key] id: u64, kind: &'a str }
/// let names: Vec<_> = schema![User, Event].tables().iter().map(|table| table.name).collect();
/// assert_eq!(names, ["user", "event"]);
/// ```
#[macro_export]
macro_rules! schema {
    ($($table:ty),* $(,)?) => {
        const { &$crate::Schema::new(&[$(<$table as $crate::Table>::SCHEMA),*]) }
    };
}

/// One table.
#[derive(Debug, Clone, Copy)]
pub struct TableSchema {
    /// The stored name.
    pub name: &'static str,
    /// The primary key.
    pub key: KeySchema,
    /// The number of the row codec.
    pub codec_id: u8,
    /// The name of the row codec.
    pub codec: &'static str,
    /// The stored fields, in order.
    pub fields: &'static [FieldSchema],
    /// The indexes, in order.
    pub indexes: &'static [IndexSchema],
    /// [`Table::slot`](crate::Table).
    #[doc(hidden)]
    pub slot: fn() -> usize,
}

/// The primary key of a table.
#[derive(Debug, Clone, Copy)]
pub struct KeySchema {
    /// The fields it is made of.
    pub fields: &'static [&'static str],
    /// Its shape.
    pub shape: Shape,
    /// Its length in bytes, if it is always the same.
    pub width: Option<usize>,
}

/// One stored field.
#[derive(Debug, Clone, Copy)]
pub struct FieldSchema {
    /// Its name.
    pub name: &'static str,
    /// Its shape.
    pub shape: Shape,
}

/// One index.
#[derive(Debug, Clone, Copy)]
pub struct IndexSchema {
    /// Its name.
    pub name: &'static str,
    /// Whether at most one row may have each key.
    pub unique: bool,
    /// How many entries a row has.
    pub entries: RowEntries,
    /// Whether a condition leaves rows out.
    pub partial: bool,
    /// Where its keys come from.
    pub source: IndexSource,
    /// The shape of its keys.
    pub shape: Shape,
    /// The length of its keys in bytes, if it is always the same.
    pub width: Option<usize>,
}

/// How many entries of an index a row has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowEntries {
    /// Exactly one.
    One,
    /// One, or none where a field is `None`.
    Sparse,
    /// One for each distinct element.
    Each,
}

/// Where the keys of an index come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexSource {
    /// Fields, in this order.
    Fields(&'static [&'static str]),
    /// A function of the row.
    Computed,
}

impl TableSchema {
    /// Returns the fingerprint of the row layout: of the codec and of the fields with their shapes.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        fingerprint(&RowText(self))
    }
}

impl fmt::Display for KeySchema {
    /// Writes the canonical text: `country, city: (str, str)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.fields.join(", "), self.shape)
    }
}

impl fmt::Display for IndexSchema {
    /// Writes the canonical text, without the name: `unique sparse on phone: str`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.unique { "unique " } else { "" })?;
        f.write_str(match self.entries {
            RowEntries::One => "",
            RowEntries::Sparse => "sparse ",
            RowEntries::Each => "each ",
        })?;
        f.write_str(if self.partial { "partial " } else { "" })?;
        match self.source {
            IndexSource::Fields(fields) => write!(f, "on {}", fields.join(", "))?,
            IndexSource::Computed => f.write_str("computed")?,
        }
        write!(f, ": {}", self.shape)
    }
}

/// The canonical text of a row layout: a line for the codec and one for each field.
struct RowText<'a>(&'a TableSchema);

impl fmt::Display for RowText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "codec {} {}", self.0.codec_id, self.0.codec)?;
        self.0
            .fields
            .iter()
            .try_for_each(|field| writeln!(f, "{}: {}", field.name, field.shape))
    }
}

/// Returns the 64-bit FNV-1a hash of what `text` prints.
pub(crate) fn fingerprint(text: &impl fmt::Display) -> u64 {
    struct Fnv(u64);

    impl fmt::Write for Fnv {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for byte in text.bytes() {
                self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
            }
            Ok(())
        }
    }

    let mut hash = Fnv(0xCBF2_9CE4_8422_2325);
    // Neither the hash nor the texts above ever fail.
    let _ = fmt::write(&mut hash, format_args!("{text}"));
    hash.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: TableSchema = TableSchema {
        name: "users",
        key: KeySchema {
            fields: &["id"],
            shape: Shape::Name("u64"),
            width: Some(8),
        },
        codec_id: 1,
        codec: "bincode-2-standard",
        fields: &[
            FieldSchema {
                name: "id",
                shape: Shape::Name("u64"),
            },
            FieldSchema {
                name: "phone",
                shape: Shape::Option(&Shape::Name("str")),
            },
        ],
        indexes: &[IndexSchema {
            name: "by_phone",
            unique: true,
            entries: RowEntries::Sparse,
            partial: false,
            source: IndexSource::Fields(&["phone"]),
            shape: Shape::Name("str"),
            width: None,
        }],
        slot: || 0,
    };

    #[test]
    fn canonical_texts_never_change() {
        assert_eq!(
            RowText(&TABLE).to_string(),
            "codec 1 bincode-2-standard\nid: u64\nphone: option<str>\n"
        );
        assert_eq!(TABLE.key.to_string(), "id: u64");
        assert_eq!(TABLE.indexes[0].to_string(), "unique sparse on phone: str");
        let computed = IndexSchema {
            unique: false,
            entries: RowEntries::Each,
            partial: true,
            source: IndexSource::Computed,
            ..TABLE.indexes[0]
        };
        assert_eq!(computed.to_string(), "each partial computed: str");
    }

    #[test]
    fn the_fingerprint_is_fnv_1a() {
        assert_eq!(fingerprint(&""), 0xCBF2_9CE4_8422_2325);
        assert_eq!(fingerprint(&"a"), 0xAF63_DC4C_8601_EC8C);
        assert_eq!(fingerprint(&"foobar"), 0x8594_4171_F739_67E8);
    }
}
