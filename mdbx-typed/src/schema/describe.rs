//! A table as data.
//!
//! The derive writes it down as constants. The catalog stores the canonical text of its parts, and fingerprints are
//! hashes of that text: never of type names, which compilers may print differently, nor of tokens, which aliases hide.

use std::fmt;

use super::{IndexKeys, Origin};
use crate::codec::raw;
use crate::error::CodecError;
use crate::key::KeyBuf;
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
    /// The names it was stored under before: `#[table(was = "..")]`.
    pub was: &'static [&'static str],
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
    /// Whether it keeps a log of its changes: `#[table(log)]`.
    pub logged: bool,
    /// The revision before this one: `#[table(upgrade_from = ..)]`.
    pub previous: Option<&'static TableSchema>,
    /// [`Table::slot`](crate::Table).
    #[doc(hidden)]
    pub slot: fn() -> usize,
    /// [`Table::stored_index_keys`](crate::Table).
    #[doc(hidden)]
    pub index_keys: StoredIndexKeys,
    /// [`Table::rewrite`](crate::Table).
    #[doc(hidden)]
    pub rewrite: Rewrite,
}

/// See [`TableSchema::index_keys`].
type StoredIndexKeys = fn(&[u8], Option<Origin>, &mut IndexKeys) -> Result<(), CodecError>;

/// See [`TableSchema::rewrite`].
type Rewrite = fn(&[u8], Option<Origin>, &mut KeyBuf, &mut Vec<u8>) -> Result<(), CodecError>;

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
    /// The names it had before: `#[field(was = "..")]`.
    pub was: &'static [&'static str],
    /// Its shape.
    pub shape: Shape,
    /// Whether rows that were written before it was appended can be read: `#[serde(default)]`.
    pub has_default: bool,
}

/// One index.
#[derive(Debug, Clone, Copy)]
pub struct IndexSchema {
    /// Its name.
    pub name: &'static str,
    /// The names it had before, when it is named after a field that was renamed.
    pub was: &'static [&'static str],
    /// Whether at most one row may have each key.
    pub unique: bool,
    /// How many entries a row has.
    pub entries: RowEntries,
    /// Whether a condition leaves rows out.
    pub partial: bool,
    /// Where its keys come from.
    pub source: IndexSource,
    /// Which version of its functions made the keys, counting from 1.
    pub version: u32,
    /// Whether the keys are hashes.
    pub hashed: bool,
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
    /// Returns whether a row is the bytes of its struct: `#[table(raw)]`.
    #[must_use]
    pub const fn is_raw(&self) -> bool {
        self.codec_id == raw::ID
    }

    /// Returns the shape of the rows `generation` revisions back; `None` if there are not that many.
    #[must_use]
    pub fn generation(&self, generation: usize) -> Option<&TableSchema> {
        (0..generation).try_fold(self, |schema, _| schema.previous)
    }

    /// Returns the fingerprint of the row layout: of the codec and of the fields with their shapes.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint_as(&Names::default())
    }

    /// Returns the fingerprint that the row layout has under the names of a file.
    pub(crate) fn fingerprint_as(&self, names: &Names<'_>) -> u64 {
        fingerprint(&RowText(self, names))
    }
}

/// How a file calls fields, where it is not how the struct calls them.
#[derive(Debug, Default)]
pub(crate) struct Names<'a>(pub(crate) Vec<(&'static str, &'a str)>);

impl<'a> Names<'a> {
    /// Returns the stored name of a field.
    pub(crate) fn stored(&self, field: &'a str) -> &'a str {
        let renamed = self.0.iter().find(|(now, _)| *now == field);
        renamed.map_or(field, |&(_, stored)| stored)
    }

    fn join(&self, fields: &[&'static str]) -> String {
        let stored: Vec<&str> = fields.iter().map(|field| self.stored(field)).collect();
        stored.join(", ")
    }
}

impl KeySchema {
    /// Returns the canonical text under the names of a file.
    pub(crate) fn text(&self, names: &Names<'_>) -> String {
        format!("{}: {}", names.join(self.fields), self.shape)
    }
}

impl IndexSchema {
    /// Returns the canonical text, without the name, under the names of a file.
    pub(crate) fn text(&self, names: &Names<'_>) -> String {
        let unique = if self.unique { "unique " } else { "" };
        let entries = match self.entries {
            RowEntries::One => "",
            RowEntries::Sparse => "sparse ",
            RowEntries::Each => "each ",
        };
        let partial = if self.partial { "partial " } else { "" };
        let source = match self.source {
            IndexSource::Fields(fields) => format!("on {}", names.join(fields)),
            IndexSource::Computed => "computed".to_owned(),
        };
        let version = match self.version {
            0 | 1 => String::new(),
            version => format!(" v{version}"),
        };
        format!(
            "{unique}{entries}{partial}{source}{version}: {}",
            self.shape
        )
    }
}

impl fmt::Display for KeySchema {
    /// Writes the canonical text: `country, city: (str, str)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(&Names::default()))
    }
}

impl fmt::Display for IndexSchema {
    /// Writes the canonical text, without the name: `unique sparse on phone: str`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(&Names::default()))
    }
}

/// The canonical text of a row layout: a line for the codec and one for each field.
struct RowText<'a>(&'a TableSchema, &'a Names<'a>);

impl fmt::Display for RowText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "codec {} {}", self.0.codec_id, self.0.codec)?;
        self.0
            .fields
            .iter()
            .try_for_each(|field| writeln!(f, "{}: {}", self.1.stored(field.name), field.shape))
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
        was: &[],
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
                was: &[],
                shape: Shape::Name("u64"),
                has_default: false,
            },
            FieldSchema {
                name: "phone",
                was: &[],
                shape: Shape::Option(&Shape::Name("str")),
                has_default: false,
            },
        ],
        indexes: &[IndexSchema {
            name: "by_phone",
            was: &[],
            unique: true,
            entries: RowEntries::Sparse,
            partial: false,
            source: IndexSource::Fields(&["phone"]),
            version: 1,
            hashed: false,
            shape: Shape::Name("str"),
            width: None,
        }],
        logged: false,
        previous: None,
        slot: || 0,
        index_keys: |_, _, _| Ok(()),
        rewrite: |_, _, _, _| Ok(()),
    };

    #[test]
    fn canonical_texts_never_change() {
        assert_eq!(
            RowText(&TABLE, &Names::default()).to_string(),
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
        let second = IndexSchema {
            version: 2,
            shape: Shape::Hashed(&Shape::Name("str")),
            ..computed
        };
        assert_eq!(second.to_string(), "each partial computed v2: xxh64<str>");
    }

    #[test]
    fn texts_are_written_under_the_names_of_the_file() {
        let names = Names(vec![("phone", "telephone")]);
        assert_eq!(
            TABLE.indexes[0].text(&names),
            "unique sparse on telephone: str"
        );
        assert_eq!(
            RowText(&TABLE, &names).to_string(),
            "codec 1 bincode-2-standard\nid: u64\ntelephone: option<str>\n"
        );
        assert_ne!(TABLE.fingerprint_as(&names), TABLE.fingerprint());
    }

    #[test]
    fn the_fingerprint_is_fnv_1a() {
        assert_eq!(fingerprint(&""), 0xCBF2_9CE4_8422_2325);
        assert_eq!(fingerprint(&"a"), 0xAF63_DC4C_8601_EC8C);
        assert_eq!(fingerprint(&"foobar"), 0x8594_4171_F739_67E8);
    }
}
