//! What a file says about its tables: the engine table `@catalog`.
//!
//! It is written in the same transactions as the tables it describes, and independent of any row codec. A key is a
//! kind and a name, a value is a record:
//!
//! ```text
//! key            value
//! "a"            app:    01 | created by: text | user version: number
//! "tusers"       table:  01 | id: number | key format: text | key: text | revisions: count, then each
//!                        revision: number | codec id: number | codec: text | fingerprint: u64 | fields: count, then each
//!                        name: text | shape: text
//! "iusers.by_x"  index:  01 | id: number | kind: byte | definition: text | fingerprint: u64 | state: byte
//! ```
//!
//! A number or count is a varint, a text its length as a number and then UTF-8, a `u64` 8 bytes little endian. `01`
//! is the version of the record. The kind of an index is 0 for key to primary key, one row each; 1 for the same with
//! duplicates; 2 is kept for duplicates of fixed size. The state is 0 for complete; 1 is kept for an index that is
//! being built. Ids come from the sequence of `@catalog` and count from 0.
//!
//! Every stored row starts with the number of its revision, the first being 1. The last revision is the one that
//! rows are written in.

use std::collections::BTreeMap;

use mdbx_core::{TableFlags, TableRef};

use super::describe::fingerprint;
use super::{IndexSchema, TableSchema};
use crate::codec::varint;
use crate::error::OpenError;
use crate::key;

/// The name of the engine table.
pub(crate) const TABLE: &str = "@catalog";

/// The revision that the rows of a new table have.
pub(crate) const FIRST_REVISION: u32 = 1;

const VERSION: u8 = 1;
const READY: u8 = 0;

/// The entries of a file, as bytes: those of tables that the program does not know are never looked into.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Catalog {
    /// Returns the entries of the catalog table.
    pub(crate) fn load(table: TableRef<'_>) -> Result<Catalog, OpenError> {
        let mut entries = BTreeMap::new();
        let mut cursor = table.cursor();
        let mut next = cursor.first()?;
        while let Some((key, value)) = next {
            entries.insert(key.to_vec(), value.to_vec());
            next = cursor.next()?;
        }
        Ok(Catalog { entries })
    }

    /// Returns the record of a table.
    pub(crate) fn table(&self, name: &str) -> Result<Option<TableRecord>, OpenError> {
        self.entries
            .get(&table_key(name))
            .map(|value| TableRecord::decode(name, value))
            .transpose()
    }

    /// Returns the record of an index.
    pub(crate) fn index(&self, table: &str, name: &str) -> Result<Option<IndexRecord>, OpenError> {
        let full = index_table(table, name);
        self.entries
            .get(&index_key(table, name))
            .map(|value| IndexRecord::decode(&full, value))
            .transpose()
    }

    /// Returns the names of all indexes of a table.
    pub(crate) fn index_names(&self, table: &str) -> Vec<String> {
        let start = index_key(table, "");
        let own = self
            .entries
            .range(start.clone()..)
            .map_while(|(key, _)| key.strip_prefix(start.as_slice()));
        own.map(|name| String::from_utf8_lossy(name).into_owned())
            .collect()
    }
}

/// Returns the name of the engine table of an index.
pub(crate) fn index_table(table: &str, index: &str) -> String {
    format!("{table}.{index}")
}

/// Returns the key of the app entry.
pub(crate) fn app_key() -> Vec<u8> {
    b"a".to_vec()
}

/// Returns the key of a table's entry.
pub(crate) fn table_key(name: &str) -> Vec<u8> {
    [b"t", name.as_bytes()].concat()
}

/// Returns the key of an index's entry.
pub(crate) fn index_key(table: &str, index: &str) -> Vec<u8> {
    [b"i", index_table(table, index).as_bytes()].concat()
}

/// Returns the app record of a file that is being created.
pub(crate) fn app_record() -> Vec<u8> {
    let mut out = vec![VERSION];
    put_text(concat!("mdbx-typed ", env!("CARGO_PKG_VERSION")), &mut out);
    varint::encode(0, &mut out);
    out
}

/// What the file says about one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableRecord {
    id: u64,
    key_format: String,
    /// The canonical text of the primary key.
    pub(crate) key: String,
    revisions: Vec<Revision>,
}

/// One layout that rows of a table have or had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Revision {
    pub(crate) number: u32,
    pub(crate) codec_id: u8,
    pub(crate) codec: String,
    pub(crate) fingerprint: u64,
    pub(crate) fields: Vec<StoredField>,
}

/// A field as the catalog stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredField {
    pub(crate) name: String,
    pub(crate) shape: String,
}

impl TableRecord {
    /// Returns the record of a new table.
    pub(crate) fn new(id: u64, schema: &TableSchema) -> Self {
        let field = |field: &super::FieldSchema| StoredField {
            name: field.name.into(),
            shape: field.shape.to_string(),
        };
        let revision = Revision {
            number: FIRST_REVISION,
            codec_id: schema.codec_id,
            codec: schema.codec.into(),
            fingerprint: schema.fingerprint(),
            fields: schema.fields.iter().map(field).collect(),
        };
        TableRecord {
            id,
            key_format: key::FORMAT.into(),
            key: schema.key.to_string(),
            revisions: vec![revision],
        }
    }

    /// Returns the record with the names of the struct, whose layout is that of the newest revision.
    pub(crate) fn renamed(&self, schema: &TableSchema) -> Self {
        let mut record = TableRecord::new(self.id, schema);
        let newest = record.revisions.pop();
        record.revisions.clone_from(&self.revisions);
        if let (Some(now), Some(stored)) = (newest, record.revisions.last_mut()) {
            *stored = Revision {
                number: stored.number,
                ..now
            };
        }
        record
    }

    /// Returns the revision that rows are written in. A record always has one.
    pub(crate) fn current(&self) -> &Revision {
        &self.revisions[self.revisions.len() - 1]
    }

    /// Returns the bytes of the record.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        varint::encode(self.id, &mut out);
        put_text(&self.key_format, &mut out);
        put_text(&self.key, &mut out);
        varint::encode(self.revisions.len() as u64, &mut out);
        for revision in &self.revisions {
            varint::encode(revision.number.into(), &mut out);
            varint::encode(revision.codec_id.into(), &mut out);
            put_text(&revision.codec, &mut out);
            out.extend_from_slice(&revision.fingerprint.to_le_bytes());
            varint::encode(revision.fields.len() as u64, &mut out);
            for field in &revision.fields {
                put_text(&field.name, &mut out);
                put_text(&field.shape, &mut out);
            }
        }
        out
    }

    fn decode(name: &str, bytes: &[u8]) -> Result<Self, OpenError> {
        let mut input = Input::of(name, bytes)?;
        let id = input.number()?;
        let key_format = input.text()?;
        let key = input.text()?;
        let revisions = input.list(|input| {
            Ok(Revision {
                number: u32::try_from(input.number()?).map_err(|_| input.malformed())?,
                codec_id: u8::try_from(input.number()?).map_err(|_| input.malformed())?,
                codec: input.text()?,
                fingerprint: input.fixed()?,
                fields: input.list(|input| {
                    Ok(StoredField {
                        name: input.text()?,
                        shape: input.text()?,
                    })
                })?,
            })
        })?;
        input.end()?;
        if revisions.is_empty() {
            return Err(input.fault("it has no revision"));
        }
        if key_format != key::FORMAT {
            return Err(input.fault("its keys are in a format this version does not know"));
        }
        Ok(TableRecord {
            id,
            key_format,
            key,
            revisions,
        })
    }
}

/// How an index is laid out in the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IndexKind {
    /// Key to primary key, one each.
    Unique,
    /// Key to primary keys, as duplicates.
    Duplicates,
}

impl IndexKind {
    pub(crate) fn of(schema: &IndexSchema) -> Self {
        // Rows with other values may share a hash, so that a hash alone is never unique.
        if schema.unique && !schema.hashed {
            IndexKind::Unique
        } else {
            IndexKind::Duplicates
        }
    }

    /// Returns the flags of the engine table.
    pub(crate) fn flags(self) -> TableFlags {
        match self {
            IndexKind::Unique => TableFlags::empty(),
            IndexKind::Duplicates => TableFlags::DUP_SORT,
        }
    }

    fn byte(self) -> u8 {
        match self {
            IndexKind::Unique => 0,
            IndexKind::Duplicates => 1,
        }
    }
}

/// What the file says about one index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexRecord {
    id: u64,
    pub(crate) kind: IndexKind,
    /// The canonical text.
    pub(crate) definition: String,
    pub(crate) fingerprint: u64,
}

impl IndexRecord {
    /// Returns the record of a new index.
    pub(crate) fn new(id: u64, schema: &IndexSchema) -> Self {
        IndexRecord {
            id,
            kind: IndexKind::of(schema),
            definition: schema.to_string(),
            fingerprint: fingerprint(schema),
        }
    }

    /// Returns the record with the definition that the struct has for the same entries.
    pub(crate) fn renamed(&self, schema: &IndexSchema) -> Self {
        IndexRecord::new(self.id, schema)
    }

    /// Returns the bytes of the record.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        varint::encode(self.id, &mut out);
        out.push(self.kind.byte());
        put_text(&self.definition, &mut out);
        out.extend_from_slice(&self.fingerprint.to_le_bytes());
        out.push(READY);
        out
    }

    fn decode(name: &str, bytes: &[u8]) -> Result<Self, OpenError> {
        let mut input = Input::of(name, bytes)?;
        let id = input.number()?;
        let kind = match input.byte()? {
            0 => IndexKind::Unique,
            1 => IndexKind::Duplicates,
            _ => return Err(input.fault("it is of a kind this version does not know")),
        };
        let definition = input.text()?;
        let fingerprint = input.fixed()?;
        if input.byte()? != READY {
            return Err(input.fault("it is not complete"));
        }
        input.end()?;
        Ok(IndexRecord {
            id,
            kind,
            definition,
            fingerprint,
        })
    }
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    varint::encode(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

/// The rest of a record that is being read, and whose record it is.
struct Input<'a> {
    name: &'a str,
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    /// Returns the record after its version byte.
    fn of(name: &'a str, bytes: &'a [u8]) -> Result<Self, OpenError> {
        let mut input = Input { name, bytes };
        match input.byte()? {
            VERSION => Ok(input),
            _ => Err(input.fault("it was written by a newer version")),
        }
    }

    fn fault(&self, reason: &'static str) -> OpenError {
        OpenError::Catalog {
            name: self.name.into(),
            reason,
        }
    }

    fn malformed(&self) -> OpenError {
        self.fault("it is malformed")
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], OpenError> {
        let (head, rest) = self
            .bytes
            .split_at_checked(len)
            .ok_or_else(|| self.malformed())?;
        self.bytes = rest;
        Ok(head)
    }

    fn byte(&mut self) -> Result<u8, OpenError> {
        Ok(self.take(1)?[0])
    }

    fn fixed(&mut self) -> Result<u64, OpenError> {
        let (head, rest) = self
            .bytes
            .split_first_chunk()
            .ok_or_else(|| self.malformed())?;
        self.bytes = rest;
        Ok(u64::from_le_bytes(*head))
    }

    fn number(&mut self) -> Result<u64, OpenError> {
        varint::decode(&mut self.bytes).ok_or_else(|| self.malformed())
    }

    fn text(&mut self) -> Result<String, OpenError> {
        let len = usize::try_from(self.number()?).map_err(|_| self.malformed())?;
        let bytes = self.take(len)?;
        std::str::from_utf8(bytes)
            .map(str::to_owned)
            .map_err(|_| self.malformed())
    }

    /// Reads a count and then that many items. A wrong count ends at the end of the bytes, as each item has some.
    fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, OpenError>,
    ) -> Result<Vec<T>, OpenError> {
        let mut items = Vec::new();
        for _ in 0..self.number()? {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn end(&self) -> Result<(), OpenError> {
        if self.bytes.is_empty() {
            Ok(())
        } else {
            Err(self.malformed())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FieldSchema, IndexSource, KeySchema, RowEntries};
    use super::*;
    use crate::shape::Shape;

    fn table() -> TableRecord {
        let schema = TableSchema {
            name: "u",
            was: &[],
            key: KeySchema {
                fields: &["id"],
                shape: Shape::Name("u8"),
                width: Some(1),
            },
            codec_id: 1,
            codec: "c",
            fields: &[FieldSchema {
                name: "id",
                was: &[],
                shape: Shape::Name("u8"),
            }],
            indexes: &[],
            previous: None,
            slot: || 0,
            index_keys: |_, _, _| Ok(()),
        };
        TableRecord::new(3, &schema)
    }

    fn index() -> IndexRecord {
        let schema = IndexSchema {
            name: "by_x",
            was: &[],
            unique: false,
            entries: RowEntries::One,
            partial: false,
            source: IndexSource::Fields(&["x"]),
            version: 1,
            hashed: false,
            shape: Shape::Name("u8"),
            width: Some(1),
        };
        IndexRecord::new(300, &schema)
    }

    #[test]
    fn records_never_change() {
        let record = table();
        let mut bytes = b"\x01\x03\x06okey-1\x06id: u8\x01\x01\x01\x01c".to_vec();
        bytes.extend_from_slice(&record.current().fingerprint.to_le_bytes());
        bytes.extend_from_slice(b"\x01\x02id\x02u8");
        assert_eq!(record.encode(), bytes);
        let record = index();
        let mut bytes = b"\x01\xAC\x02\x01\x08on x: u8".to_vec();
        bytes.extend_from_slice(&record.fingerprint.to_le_bytes());
        bytes.push(0);
        assert_eq!(record.encode(), bytes);
    }

    #[test]
    fn records_come_back() {
        assert_eq!(
            TableRecord::decode("u", &table().encode()).unwrap(),
            table()
        );
        assert_eq!(
            IndexRecord::decode("u.by_x", &index().encode()).unwrap(),
            index()
        );
    }

    #[test]
    fn damaged_records_are_an_error() {
        let whole = table().encode();
        for len in 0..whole.len() {
            assert!(
                TableRecord::decode("u", &whole[..len]).is_err(),
                "cut to {len}"
            );
        }
        assert!(
            TableRecord::decode("u", &[whole.clone(), vec![0]].concat()).is_err(),
            "a byte too many"
        );
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] = 0xFF;
            let _ = TableRecord::decode("u", &bytes);
        }
        let newer = TableRecord::decode("u", &[2]).unwrap_err();
        assert_eq!(
            newer.to_string(),
            "the catalog entry of `u` is unreadable: it was written by a newer version"
        );
    }
}
