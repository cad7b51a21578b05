//! What a file says about its tables: the engine table `@catalog`.
//!
//! It is written in the same transactions as the tables it describes, and independent of any row codec. A key is a
//! kind and a name, a value is a record:
//!
//! ```text
//! key            value
//! "a"            app:    01 | created by: text | changes: number
//! "tusers"       table:  01 | id: number | key format: text | key: text | oldest: number | revisions: count, then each
//!                        revision: number | codec id: number | codec: text | fingerprint: u64 | fields: count, then each
//!                        name: text | shape: text
//! "iusers.by_x"  index:  01 | id: number | kind: byte | definition: text | fingerprint: u64 | state: byte
//! "busers"       build:  01 | target: u64 | rows: u64 | done: number | indexes: count, then each
//!                        text | complete: byte | position: bytes
//! ```
//!
//! A number or count is a varint, a text its length as a number and then UTF-8, a `u64` 8 bytes little endian. `01`
//! is the version of the record. The kind of an index is 0 for key to primary key, one row each; 1 for the same with
//! duplicates; 2 is kept for duplicates of fixed size. The state is 0 for complete, and 1 for stale: rows were written by
//! a program that does not have the index. Changes counts how often the tables were changed, so that whoever has the file
//! open notices. Ids come from the sequence of `@catalog` and count from 0.
//!
//! Every stored row starts with the number of its revision, the first being 1. The last revision is the one that
//! rows are written in; the oldest is the first that there may still be rows of.
//!
//! A table may have a log of its changes in an engine table like `users.@log`, of which the catalog says nothing: it is there
//! or it is not, and tells itself whether it is complete.
//!
//! A build is that of indexes which are not in use yet: their entries are in engine tables like `users.by_x~`. It has
//! come to the row at the position, and is good for as long as the rows are those of the transaction `rows` and the target
//! is what the program wants.

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
const STALE: u8 = 1;

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

    /// Returns the record of the build of a table's indexes.
    pub(crate) fn build(&self, table: &str) -> Result<Option<BuildRecord>, OpenError> {
        self.entries
            .get(&build_key(table))
            .map(|value| BuildRecord::decode(table, value))
            .transpose()
    }

    /// Returns the app record.
    pub(crate) fn app(&self) -> Option<&[u8]> {
        self.entries.get(&app_key()).map(Vec::as_slice)
    }

    /// Returns how many tables and indexes there are: how many ids are in use.
    pub(crate) fn ids(&self) -> u64 {
        let mut ids = 0;
        for key in self.entries.keys() {
            ids += u64::from(key.starts_with(b"t") || key.starts_with(b"i"));
        }
        ids
    }

    /// Returns the names of all tables.
    pub(crate) fn table_names(&self) -> Vec<String> {
        let own = self
            .entries
            .range(b"t".to_vec()..)
            .map_while(|(key, _)| key.strip_prefix(b"t"));
        own.map(|name| String::from_utf8_lossy(name).into_owned())
            .collect()
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

/// Returns the name of the engine table of a table's log. No index is called so.
pub(crate) fn log_table(table: &str) -> String {
    index_table(table, "@log")
}

/// Returns the name of the engine table of an index that is being built.
pub(crate) fn unfinished_table(table: &str, index: &str) -> String {
    format!("{table}.{index}~")
}

/// Returns the key of a build's entry.
pub(crate) fn build_key(table: &str) -> Vec<u8> {
    [b"b", table.as_bytes()].concat()
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

/// Returns the app record after one more change; `before` is `None` for a file that is being created.
pub(crate) fn app_record(before: Option<&[u8]>) -> Result<Vec<u8>, OpenError> {
    let (created_by, changes) = match before {
        None => (
            concat!("mdbx-typed ", env!("CARGO_PKG_VERSION")).to_owned(),
            0,
        ),
        Some(bytes) => {
            let mut input = Input::of(TABLE, bytes)?;
            let created_by = input.text()?;
            let changes = input.number()?;
            input.end()?;
            (created_by, changes.wrapping_add(1))
        }
    };
    let mut out = vec![VERSION];
    put_text(&created_by, &mut out);
    varint::encode(changes, &mut out);
    Ok(out)
}

/// What the file says about one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableRecord {
    id: u64,
    key_format: String,
    /// The canonical text of the primary key.
    pub(crate) key: String,
    /// The first revision that there may be rows of.
    pub(crate) oldest: u32,
    /// By number.
    pub(crate) revisions: Vec<Revision>,
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
        let revision = Revision::new(FIRST_REVISION, schema);
        TableRecord {
            id,
            key_format: key::FORMAT.into(),
            key: schema.key.to_string(),
            oldest: FIRST_REVISION,
            revisions: vec![revision],
        }
    }

    /// Returns the record with one more revision: the layout of the struct.
    pub(crate) fn grown(&self, schema: &TableSchema) -> Self {
        let number = self.current().number + 1;
        let mut record = self.clone();
        record.key = schema.key.to_string();
        record.revisions.push(Revision::new(number, schema));
        record
    }

    /// Returns the record when all rows have the newest revision.
    pub(crate) fn migrated(&self) -> Self {
        TableRecord {
            oldest: self.current().number,
            ..self.clone()
        }
    }

    /// Returns the revisions that there may be rows of.
    pub(crate) fn in_use(&self) -> impl Iterator<Item = &Revision> {
        let revisions = self.revisions.iter();
        revisions.filter(|revision| revision.number >= self.oldest)
    }

    /// Returns the record with the names of the struct, whose layout is that of the newest revision.
    pub(crate) fn renamed(&self, schema: &TableSchema) -> Self {
        let mut record = TableRecord::new(self.id, schema);
        let newest = record.revisions.pop();
        record.oldest = self.oldest;
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
        varint::encode(self.oldest.into(), &mut out);
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

    pub(crate) fn decode(name: &str, bytes: &[u8]) -> Result<Self, OpenError> {
        let mut input = Input::of(name, bytes)?;
        let id = input.number()?;
        let key_format = input.text()?;
        let key = input.text()?;
        let oldest = input.revision()?;
        let revisions = input.list(|input| {
            Ok(Revision {
                number: input.revision()?,
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
            oldest,
            revisions,
        })
    }
}

impl Revision {
    fn new(number: u32, schema: &TableSchema) -> Self {
        let field = |field: &super::FieldSchema| StoredField {
            name: field.name.into(),
            shape: field.shape.to_string(),
        };
        Revision {
            number,
            codec_id: schema.codec_id,
            codec: schema.codec.into(),
            fingerprint: schema.fingerprint(),
            fields: schema.fields.iter().map(field).collect(),
        }
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

    /// Returns the flags of a new engine table, with primary keys of such a width: those of one width are packed, if they
    /// have the two bytes that the format asks of packed values.
    pub(crate) fn flags(self, width: Option<usize>) -> TableFlags {
        match (self, width) {
            (IndexKind::Unique, _) => TableFlags::empty(),
            (IndexKind::Duplicates, None | Some(0 | 1)) => TableFlags::DUP_SORT,
            (IndexKind::Duplicates, Some(_)) => TableFlags::DUP_SORT | TableFlags::DUP_FIXED,
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
    /// Whether rows were written without it.
    pub(crate) is_stale: bool,
}

impl IndexRecord {
    /// Returns the record of a new index.
    pub(crate) fn new(id: u64, schema: &IndexSchema) -> Self {
        IndexRecord {
            id,
            kind: IndexKind::of(schema),
            definition: schema.to_string(),
            fingerprint: fingerprint(schema),
            is_stale: false,
        }
    }

    /// Returns the record with the definition that the struct has for the same entries.
    pub(crate) fn renamed(&self, schema: &IndexSchema) -> Self {
        IndexRecord {
            is_stale: self.is_stale,
            ..IndexRecord::new(self.id, schema)
        }
    }

    /// Returns the record of the index when rows are written without it.
    pub(crate) fn stale(&self) -> Self {
        IndexRecord {
            is_stale: true,
            ..self.clone()
        }
    }

    /// Returns the bytes of the record.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        varint::encode(self.id, &mut out);
        out.push(self.kind.byte());
        put_text(&self.definition, &mut out);
        out.extend_from_slice(&self.fingerprint.to_le_bytes());
        out.push(if self.is_stale { STALE } else { READY });
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
        let is_stale = match input.byte()? {
            READY => false,
            STALE => true,
            _ => return Err(input.fault("it is in a state this version does not know")),
        };
        input.end()?;
        Ok(IndexRecord {
            id,
            kind,
            definition,
            fingerprint,
            is_stale,
        })
    }
}

/// Indexes of one table that are being built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BuildRecord {
    /// The fingerprint of what is wanted.
    pub(crate) target: u64,
    /// The transaction that changed the rows last.
    pub(crate) rows: u64,
    /// How many rows were read.
    pub(crate) done: u64,
    pub(crate) indexes: Vec<String>,
    pub(crate) is_complete: bool,
    /// The primary key of the last row that was read; empty before the first.
    pub(crate) position: Vec<u8>,
}

impl BuildRecord {
    /// Returns the bytes of the record.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.target.to_le_bytes());
        out.extend_from_slice(&self.rows.to_le_bytes());
        varint::encode(self.done, &mut out);
        varint::encode(self.indexes.len() as u64, &mut out);
        for index in &self.indexes {
            put_text(index, &mut out);
        }
        out.push(self.is_complete.into());
        out.extend_from_slice(&self.position);
        out
    }

    fn decode(name: &str, bytes: &[u8]) -> Result<Self, OpenError> {
        let mut input = Input::of(name, bytes)?;
        Ok(BuildRecord {
            target: input.fixed()?,
            rows: input.fixed()?,
            done: input.number()?,
            indexes: input.list(Input::text)?,
            is_complete: input.byte()? != 0,
            position: input.bytes.to_vec(),
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

    /// Reads the number of a revision, which another one can follow.
    fn revision(&mut self) -> Result<u32, OpenError> {
        let number = u32::try_from(self.number()?).ok();
        number
            .filter(|&number| number < u32::MAX)
            .ok_or_else(|| self.malformed())
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
                has_default: false,
            }],
            indexes: &[],
            logged: false,
            previous: None,
            slot: || 0,
            index_keys: |_, _, _| Ok(()),
            rewrite: |_, _, _, _| Ok(()),
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
        let mut bytes = b"\x01\x03\x06okey-1\x06id: u8\x01\x01\x01\x01\x01c".to_vec();
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
        let stale = index().stale();
        assert_eq!(
            IndexRecord::decode("u.by_x", &stale.encode()).unwrap(),
            stale
        );
        let build = BuildRecord {
            target: 7,
            rows: 300,
            done: 12,
            indexes: vec!["by_x".into(), "by_y".into()],
            is_complete: false,
            position: b"pos".to_vec(),
        };
        assert_eq!(BuildRecord::decode("u", &build.encode()).unwrap(), build);
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
        let mut last = table();
        last.revisions[0].number = u32::MAX;
        assert!(
            TableRecord::decode("u", &last.encode()).is_err(),
            "no revision can follow"
        );
        let newer = TableRecord::decode("u", &[2]).unwrap_err();
        assert_eq!(
            newer.to_string(),
            "the catalog entry of `u` is unreadable: it was written by a newer version"
        );
    }
}
