//! The rows of a dump, stored in the tables of a program.
//!
//! A row is written in the layout that the dump says it had, by the codec of the struct of the program that has this
//! layout; that struct then reads it, and what it makes of it is stored.

use super::coding::Coding;
use super::dump::Section;
use super::encode;
use super::fault::Fault;
use super::fit::fit;
use super::form::Form;
use super::info::RevisionInfo;
use super::row::Layout;
use super::value::Value;
use crate::changes::Noting;
use crate::codec::varint;
use crate::error::{Error, Result};
use crate::key::KeyBuf;
use crate::schema::catalog::{IndexKind, Revision, StoredField};
use crate::schema::handles::{TableHandles, Target};
use crate::schema::{IndexKeys, Origin, TableSchema, layout, row};

/// A table that rows of a dump are stored in.
pub(crate) struct Restorer<'a> {
    schema: &'static TableSchema,
    handles: &'a TableHandles,
    /// By number; the newest last.
    layouts: Vec<Source>,
    keys: IndexKeys,
}

/// A layout of rows in the dump.
struct Source {
    layout: Layout,
    /// The struct of the program that has it; `None` for the newest.
    origin: Option<Origin>,
}

impl<'a> Restorer<'a> {
    /// Returns the table of the program for rows of a section; or why they cannot be stored there.
    pub(crate) fn new(
        schema: &'static TableSchema,
        handles: &'a TableHandles,
        section: &Section,
    ) -> Result<Self, String> {
        let layouts = section.revisions.iter().map(|stored| {
            let dumped = Layout::new(stored);
            let (codec_id, codec, origin) = find_struct(schema, stored)?;
            let coding = Coding::of(codec_id, codec);
            let is_same_codec = dumped.codec == codec;
            let mut fields = dumped.fields.iter();
            if !is_same_codec && let Some((name, _)) = fields.find(|(_, form)| form.has_opaque()) {
                return Err(format!(
                    "the type of field `{name}` is not known, so its bytes are those of the codec `{}`, and the \
                     program has `{codec}`",
                    dumped.codec
                ));
            }
            if !is_same_codec && (coding.is_none() || dumped.coding.is_none()) {
                return Err(format!(
                    "the rows are those of the codec `{}`, and the program has `{codec}`",
                    dumped.codec
                ));
            }
            let layout = Layout { coding, ..dumped };
            Ok(Source { layout, origin })
        });
        Ok(Restorer {
            schema,
            handles,
            layouts: layouts.collect::<Result<_, _>>()?,
            keys: IndexKeys::default(),
        })
    }

    /// Returns the bytes of a row, without a revision, and the struct they are of.
    pub(crate) fn encode(
        &self,
        fields: &[(String, Value)],
        revision: Option<u32>,
    ) -> Result<(Vec<u8>, Option<Origin>), Fault> {
        let own = |source: &&Source| revision.is_none_or(|own| source.layout.revision == own);
        let source = self.layouts.iter().rev().find(own);
        let source = source.ok_or_else(|| Fault::new("the table has no such revision"))?;
        let known = &source.layout.fields;
        if let Some((name, _)) = fields
            .iter()
            .find(|(name, _)| known.iter().all(|(own, _)| own != name))
        {
            return Err(Fault::new("the table has no such field").within(name));
        }
        let mut out = Vec::new();
        let mut is_cut = false;
        for (name, form) in known {
            let value = fields.iter().find(|(own, _)| own == name);
            let appended = match value {
                None if is_cut => continue,
                Some(_) if is_cut => Err(Fault::new("it stands behind bytes of an unknown type")),
                None => Err(Fault::new("it is missing")),
                Some((_, value)) => append(value, form, source.layout.coding, &mut out),
            };
            is_cut = appended.map_err(|fault| fault.within(name))?;
        }
        Ok((out, source.origin))
    }

    /// Returns the number of the table in this process.
    pub(crate) fn slot(&self) -> usize {
        (self.schema.slot)()
    }

    /// Adds a row with its index entries. If it fails, some of that may be done.
    pub(crate) fn insert(
        &mut self,
        (txn, mut noting): (&mut dyn Target, Noting<'_>),
        bytes: &[u8],
        origin: Option<Origin>,
    ) -> Result<()> {
        let (schema, handles) = (self.schema, self.handles);
        let table = schema.name;
        let (mut key, mut out) = (KeyBuf::new(), Vec::new());
        if !schema.is_raw() {
            varint::encode(handles.revisions.current.into(), &mut out);
        }
        let envelope = out.len();
        let mut convert = || {
            (schema.rewrite)(bytes, origin, &mut key, &mut out)?;
            self.keys.clear();
            (schema.index_keys)(&out[envelope..], None, &mut self.keys)
        };
        let converted = convert();
        converted.map_err(|source| Error::Codec {
            table,
            key: key.as_slice().into(),
            source,
        })?;
        self.keys.settle();
        let (len, max) = (key.len(), handles.rows.max_key_len);
        if len > max {
            return Err(Error::KeyTooLong {
                table,
                index: None,
                len,
                max,
            });
        }
        if txn.table(handles.rows.table)?.contains(key.as_slice())? {
            return Err(Error::KeyExists { table });
        }
        self.check_entries(txn)?;
        for (position, own) in self.keys.iter() {
            let index = &handles.indexes[position];
            if !index.is_missing {
                txn.put(index.table, own, key.as_slice())?;
            }
        }
        txn.put(handles.rows.table, key.as_slice(), &out)?;
        noting.note(key.as_slice(), None, Some(&self.keys));
        Ok(())
    }

    /// Checks that the index keys fit, and that no row has one of them in a unique index.
    fn check_entries(&self, txn: &dyn Target) -> Result<()> {
        let (schema, handles) = (self.schema, self.handles);
        let table = schema.name;
        for (position, own) in self.keys.iter() {
            let (index, handle) = (&schema.indexes[position], &handles.indexes[position]);
            if handle.is_missing {
                continue;
            }
            let (len, max) = (own.len(), handle.max_key_len);
            if len > max {
                return Err(Error::KeyTooLong {
                    table,
                    index: Some(index.name),
                    len,
                    max,
                });
            }
            if !index.unique {
                continue;
            }
            let rows = txn.table(handles.rows.table)?;
            for existing in txn.table(handle.table)?.dups(own)? {
                let existing = existing?;
                let is_other = IndexKind::of(index) == IndexKind::Duplicates
                    && !self.shares_value(position, rows.get(existing)?)?;
                if !is_other {
                    return Err(Error::UniqueViolation {
                        table,
                        index: index.name,
                        existing: existing.into(),
                    });
                }
            }
        }
        Ok(())
    }

    /// Returns whether a stored row has one of the hashed values of the new one.
    fn shares_value(&self, position: usize, bytes: Option<&[u8]>) -> Result<bool> {
        let mut keys = IndexKeys::default();
        if let Some(bytes) = bytes {
            let read = row::stored_keys(self.schema, &self.handles.revisions, bytes, &mut keys);
            read.map_err(|source| Error::Codec {
                table: self.schema.name,
                key: [].as_slice().into(),
                source,
            })?;
        }
        let mut own = self.keys.hashed().filter(|own| own.0 == position);
        Ok(own.any(|own| keys.hashed().any(|other| other == own)))
    }

    /// Raises the sequence of automatic keys to what it was.
    pub(crate) fn raise_sequence(&self, txn: &mut dyn Target, sequence: u64) -> Result<()> {
        let rows = self.handles.rows.table;
        let used = txn.table(rows)?.sequence();
        if sequence > used {
            txn.sequence(rows, sequence - used)?;
        }
        Ok(())
    }
}

/// Appends the bytes of a field; returns whether they are all that the row has.
fn append(
    value: &Value,
    form: &Form,
    coding: Option<Coding>,
    out: &mut Vec<u8>,
) -> Result<bool, Fault> {
    let Some(coding) = coding else {
        // Of a codec of somebody else, the first field is the whole row.
        let value = fit(value, &Form::Opaque("row".into()))?;
        out.extend_from_slice(value.as_bytes().unwrap_or_default());
        return Ok(true);
    };
    let value = fit(value, form)?;
    encode::put(&value, form, coding, out)
        .map_err(|what| Fault::new(format_args!("no {}", what.0)))?;
    Ok(matches!(value, Value::Opaque(_)))
}

/// Returns the codec of the struct of the program that has a layout, and which struct it is; `None` for the newest.
fn find_struct(
    schema: &TableSchema,
    dumped: &RevisionInfo,
) -> Result<(u8, &'static str, Option<Origin>), String> {
    let own = Origin {
        generation: 0,
        fields: schema.fields.len(),
    };
    let generations = (0..).map_while(|generation| schema.generation(generation));
    for writer in generations {
        let fields = dumped.fields.iter().map(|field| StoredField {
            name: field.name.clone(),
            shape: field.shape.clone(),
        });
        let revision = Revision {
            number: dumped.number,
            codec_id: writer.codec_id,
            codec: writer.codec.into(),
            fingerprint: 0,
            fields: fields.collect(),
        };
        if let Some(origin) = layout::origin(schema, &revision) {
            let origin = (origin != own).then_some(origin);
            return Ok((writer.codec_id, writer.codec, origin));
        }
    }
    let names: Vec<&str> = dumped
        .fields
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    Err(format!(
        "no struct of the program has the fields of its revision {}: {}",
        dumped.number,
        names.join(", ")
    ))
}
