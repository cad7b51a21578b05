//! Where a stored table and its struct disagree, field by field.

use super::catalog::{IndexKind, IndexRecord, Revision, StoredField, TableRecord};
use super::describe::fingerprint;
use super::{IndexSchema, TableSchema};
use crate::error::Change;

/// Returns the differences in the primary key and in the row layout.
pub(crate) fn table(schema: &TableSchema, stored: &TableRecord) -> Vec<Change> {
    let mut changes = Vec::new();
    let key = schema.key.to_string();
    if stored.key != key {
        changes.push(Change::Key {
            stored: stored.key.clone(),
            now: key,
        });
    }
    let revision = stored.current();
    if revision.fingerprint != schema.fingerprint() {
        row(schema, revision, &mut changes);
    }
    changes
}

/// Returns the difference between an index of the struct and the stored one of the same name, if there is one.
pub(crate) fn index(schema: &IndexSchema, stored: &IndexRecord) -> Option<Change> {
    let same = stored.fingerprint == fingerprint(schema) && stored.kind == IndexKind::of(schema);
    (!same).then(|| Change::IndexChanged {
        index: schema.name.into(),
        stored: stored.definition.clone(),
        now: schema.to_string(),
    })
}

fn row(schema: &TableSchema, stored: &Revision, changes: &mut Vec<Change>) {
    if (stored.codec_id, stored.codec.as_str()) != (schema.codec_id, schema.codec) {
        changes.push(Change::Codec {
            stored: stored.codec.clone(),
            now: schema.codec.into(),
        });
    }
    for field in schema.fields {
        let now = field.shape.to_string();
        match stored.fields.iter().find(|old| old.name == field.name) {
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
    let is_kept = |old: &&StoredField| schema.fields.iter().any(|field| field.name == old.name);
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
        .map(|field| field.name)
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
