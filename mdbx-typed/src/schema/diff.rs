//! Where a stored table and its struct disagree, field by field.

use super::catalog::{IndexKind, IndexRecord, Revision, StoredField, TableRecord};
use super::describe::{Names, fingerprint};
use super::{IndexSchema, IndexSource, TableSchema};
use crate::error::Change;
use crate::shape;

/// Returns the differences in the primary key and in the row layout. `names` are those of the file.
pub(crate) fn table(schema: &TableSchema, stored: &TableRecord, names: &Names<'_>) -> Vec<Change> {
    let mut changes = Vec::new();
    if !shape::covers(&schema.key.text(names), &stored.key) {
        changes.push(Change::Key {
            stored: stored.key.clone(),
            now: schema.key.to_string(),
        });
    }
    let revision = stored.current();
    if revision.fingerprint != schema.fingerprint_as(names) {
        row(schema, revision, names, &mut changes);
    }
    changes
}

/// Returns the difference between an index of the struct and the stored one of the same name, if there is one.
pub(crate) fn index(
    schema: &IndexSchema,
    stored: &IndexRecord,
    names: &Names<'_>,
) -> Option<Change> {
    let now = schema.text(names);
    // A function whose keys got more variants may give one of them to a row that is there.
    let is_kept = || match schema.source {
        IndexSource::Fields(_) => shape::covers(&now, &stored.definition),
        IndexSource::Computed => false,
    };
    let same = stored.kind == IndexKind::of(schema)
        && (stored.fingerprint == fingerprint(&now) || is_kept());
    (!same).then(|| Change::IndexChanged {
        index: schema.name.into(),
        stored: stored.definition.clone(),
        now: schema.to_string(),
    })
}

fn row(schema: &TableSchema, stored: &Revision, names: &Names<'_>, changes: &mut Vec<Change>) {
    if (stored.codec_id, stored.codec.as_str()) != (schema.codec_id, schema.codec) {
        changes.push(Change::Codec {
            stored: stored.codec.clone(),
            now: schema.codec.into(),
        });
    }
    for field in schema.fields {
        let now = field.shape.to_string();
        let stored_name = names.stored(field.name);
        match stored.fields.iter().find(|old| old.name == stored_name) {
            None => changes.push(Change::FieldAdded {
                field: field.name.into(),
                shape: now,
            }),
            Some(old) if old.shape != now => {
                changes.push(Change::FieldRetyped {
                    field: field.name.into(),
                    stored: old.shape.clone(),
                    now,
                });
            }
            Some(_) => {}
        }
    }
    let is_kept = |old: &&StoredField| {
        let mut fields = schema.fields.iter();
        fields.any(|field| names.stored(field.name) == old.name)
    };
    for old in stored.fields.iter().filter(|old| !is_kept(old)) {
        changes.push(Change::FieldRemoved {
            field: old.name.clone(),
            shape: old.shape.clone(),
        });
    }
    // Fields that came or went were named above; the others may have changed places.
    let before: Vec<&str> = stored
        .fields
        .iter()
        .filter(is_kept)
        .map(|old| old.name.as_str())
        .collect();
    let after: Vec<&str> = schema
        .fields
        .iter()
        .map(|field| names.stored(field.name))
        .filter(|name| before.contains(name))
        .collect();
    if before != after {
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        changes.push(Change::FieldsReordered {
            stored: owned(before),
            now: owned(after),
        });
    }
}
