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
use crate::index::Changes;
use crate::key::KeyBuf;
use crate::schema::catalog::{Revision, StoredField};
use crate::schema::handles::{TableHandles, Target};
use crate::schema::{IndexKeys, Origin, TableSchema, layout};

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
        handles.rows.check_len(table, None, key.as_slice())?;
        if txn.table(handles.rows.table)?.contains(key.as_slice())? {
            return Err(Error::KeyExists { table });
        }
        let changes = Changes {
            schema,
            handles,
            primary_key: &key,
            old: &IndexKeys::default(),
            new: &self.keys,
        };
        changes.check(txn)?;
        let mut is_broken = false; // either way the transaction ends with the first failure
        changes.insert(txn, &mut is_broken, &out)?;
        noting.note(key.as_slice(), None, Some(&self.keys));
        Ok(())
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
