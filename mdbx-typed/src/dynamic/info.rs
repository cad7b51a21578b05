//! What the catalog of a file says about its tables, for programs that do not have their structs.

use std::fmt;

use super::coding::Coding;
use super::form::Form;
use crate::count::Count;
use crate::error::{Error, Result};
use crate::schema::catalog::{Catalog, IndexRecord, Revision, TableRecord};
use crate::schema::handles::{Source, find_table};

/// A table of a file, as its catalog describes it.
///
/// It prints as a picture of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableInfo {
    /// The stored name.
    pub name: String,
    /// The fields of the primary key.
    pub key: Vec<String>,
    /// The shape of the primary key, as [`Shape`](crate::Shape) prints.
    pub key_shape: String,
    /// The name of the codec that rows are written with.
    pub codec: String,
    /// The fields of the newest revision, in order.
    pub fields: Vec<FieldInfo>,
    /// The indexes, by name.
    pub indexes: Vec<IndexInfo>,
    /// The layouts that there may be rows of, the newest last.
    pub revisions: Vec<RevisionInfo>,
    /// How many rows there are.
    pub rows: u64,
    /// The last automatic key that was given out; 0 if there was none.
    pub sequence: u64,
}

/// A field of a stored row.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldInfo {
    /// Its stored name.
    pub name: String,
    /// Its shape, as [`Shape`](crate::Shape) prints.
    pub shape: String,
}

/// An index of a stored table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexInfo {
    /// Its name.
    pub name: String,
    /// Its definition: `unique sparse on phone: str`.
    pub definition: String,
    /// The fields it is made of; none if its keys are computed.
    pub fields: Vec<String>,
    /// The shape of its keys.
    pub shape: String,
    /// Whether at most one row has each key.
    pub is_unique: bool,
    /// Whether rows were written by a program that does not have it. Such an index is not read.
    pub is_stale: bool,
}

/// A layout that rows of a table have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RevisionInfo {
    /// Its number.
    pub number: u32,
    /// The name of the codec.
    pub codec: String,
    /// The number of the codec.
    pub codec_id: u8,
    /// The fields, in order.
    pub fields: Vec<FieldInfo>,
}

impl TableInfo {
    /// Returns what the file says about a table.
    pub(super) fn load(source: &dyn Source, catalog: &Catalog, name: &str) -> Result<TableInfo> {
        let unknown = || Error::NoSuchTable { table: name.into() };
        let record: TableRecord = catalog.table(name)?.ok_or_else(unknown)?;
        let rows = source.table(find_table(source, name)?.ok_or_else(unknown)?)?;
        let (key, key_shape) = split_definition(&record.key);
        let mut indexes = Vec::new();
        for index in catalog.index_names(name) {
            if let Some(record) = catalog.index(name, &index)? {
                indexes.push(IndexInfo::new(index, &record));
            }
        }
        let revisions: Vec<RevisionInfo> = record.in_use().map(RevisionInfo::new).collect();
        let current = RevisionInfo::new(record.current());
        Ok(TableInfo {
            name: name.into(),
            key: fields_of(key),
            key_shape: key_shape.into(),
            codec: current.codec,
            fields: current.fields,
            indexes,
            revisions,
            rows: rows.len(),
            sequence: rows.sequence(),
        })
    }

    /// Returns an index by name.
    #[must_use]
    pub fn index(&self, name: &str) -> Option<&IndexInfo> {
        self.indexes.iter().find(|index| index.name == name)
    }
}

impl IndexInfo {
    fn new(name: String, record: &IndexRecord) -> Self {
        let (source, shape) = split_definition(&record.definition);
        let (flags, fields) = source.split_once("on ").unwrap_or((source, ""));
        IndexInfo {
            fields: fields_of(fields),
            shape: shape.into(),
            is_unique: flags.starts_with("unique "),
            is_stale: record.is_stale,
            definition: record.definition.clone(),
            name,
        }
    }

    /// Returns whether its keys are hashes.
    pub(super) fn is_hashed(&self) -> bool {
        matches!(Form::parse(&self.shape), Form::Hashed(_))
    }
}

impl RevisionInfo {
    fn new(revision: &Revision) -> Self {
        let fields = revision.fields.iter();
        RevisionInfo {
            number: revision.number,
            codec: revision.codec.clone(),
            codec_id: revision.codec_id,
            fields: fields
                .map(|field| FieldInfo {
                    name: field.name.clone(),
                    shape: field.shape.clone(),
                })
                .collect(),
        }
    }

    /// Returns the byte format of its rows, if it is one of this crate.
    pub(super) fn coding(&self) -> Option<Coding> {
        Coding::of(self.codec_id, &self.codec)
    }
}

/// Splits the canonical text of a key or an index into what it is made of and its shape.
fn split_definition(text: &str) -> (&str, &str) {
    text.split_once(": ").unwrap_or((text, ""))
}

/// Returns the names in a list of fields. The version of a definition follows them.
fn fields_of(list: &str) -> Vec<String> {
    let names = list.split(", ").filter(|name| !name.is_empty());
    names
        .map(|name| name.split(' ').next().unwrap_or(name).to_owned())
        .collect()
}

impl fmt::Display for TableInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = Count::rows(self.rows);
        write!(f, "{}: {rows}, {}", self.name, self.codec)?;
        if let [older @ .., newest] = self.revisions.as_slice()
            && !older.is_empty()
        {
            write!(f, ", revision {}", newest.number)?;
        }
        let widest = |names: &mut dyn Iterator<Item = &String>| {
            names.map(|name| name.chars().count()).max().unwrap_or(0)
        };
        let names = widest(&mut self.fields.iter().map(|field| &field.name));
        let shapes = widest(&mut self.fields.iter().map(|field| &field.shape));
        for (i, field) in self.fields.iter().enumerate() {
            let branch = if i + 1 == self.fields.len() {
                "└"
            } else {
                "├"
            };
            let (name, shape) = (&field.name, &field.shape);
            if self.key.contains(name) {
                write!(f, "\n  {branch} {name:names$}  {shape:shapes$}  key")?;
            } else {
                write!(f, "\n  {branch} {name:names$}  {shape}")?;
            }
        }
        let names = widest(&mut self.indexes.iter().map(|index| &index.name));
        for index in &self.indexes {
            let stale = if index.is_stale { " (stale)" } else { "" };
            write!(
                f,
                "\n  # {:names$}  {}{stale}",
                index.name, index.definition
            )?;
        }
        Ok(())
    }
}
