//! Which struct wrote the rows of a stored revision, and what a program may do with a table that has such rows.

use super::catalog::{Revision, TableRecord};
use super::{FieldSchema, Origin, TableSchema};
use crate::shape;

/// How the rows of a file and a struct fit together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fit {
    /// Rows are written as the newest revision says.
    Same,
    /// They are written as an older revision says: a newer program has changed the layout.
    Older(u32),
    /// All rows can be read, and need a new revision to be written.
    Newer(Origin),
    /// The newest revision cannot be read.
    Unreadable,
}

/// Returns how the struct fits the newest revision.
pub(crate) fn fit(schema: &TableSchema, record: &TableRecord) -> Fit {
    let is_own = |revision: &Revision| is_written_by(schema, revision);
    match origin(schema, record.current()) {
        _ if is_own(record.current()) => Fit::Same,
        newest => {
            let mut older = record.revisions.iter().rev();
            match (older.find(|revision| is_own(revision)), newest) {
                (Some(revision), _) if !schema.is_raw() => Fit::Older(revision.number),
                (_, Some(origin)) if !schema.is_raw() => Fit::Newer(origin),
                _ => Fit::Unreadable,
            }
        }
    }
}

/// Returns which struct of the program wrote the rows of a revision.
///
/// One that has exactly its fields is preferred, and then the newest that has them first. Enums may have more variants
/// now.
pub(crate) fn origin(schema: &TableSchema, revision: &Revision) -> Option<Origin> {
    let stored = revision.fields.len();
    let generations = (0..).map_while(|generation| schema.generation(generation));
    let fitting: Vec<(usize, &TableSchema)> = generations
        .enumerate()
        .filter(|(_, schema)| begins_with(schema, revision, shape::covers))
        .collect();
    let is_grown = |schema: &TableSchema| {
        let appended = schema.fields.iter().skip(stored);
        !schema.is_raw() && appended.into_iter().all(|field| field.has_default)
    };
    let mut candidates = fitting.iter();
    let exact = candidates.find(|(_, schema)| is_written_by(schema, revision));
    let found = exact.or_else(|| fitting.iter().find(|(_, schema)| is_grown(schema)));
    found.map(|&(generation, _)| Origin {
        generation,
        fields: stored,
    })
}

/// Returns whether the struct has the layout of the revision.
fn is_written_by(schema: &TableSchema, revision: &Revision) -> bool {
    schema.fields.len() == revision.fields.len()
        && begins_with(schema, revision, |now, stored| now == stored)
}

/// Returns whether two structs of a chain have the same layout, so that a stored revision does not tell which wrote it.
pub(crate) fn is_ambiguous(schema: &TableSchema) -> bool {
    let mut seen = Vec::new();
    let mut generations = (0..).map_while(|generation| schema.generation(generation));
    generations.any(|schema| {
        let fingerprint = schema.fingerprint();
        let is_known = seen.contains(&fingerprint);
        seen.push(fingerprint);
        is_known
    })
}

/// Returns whether the stored fields are the first ones of the struct, in shapes that `fits` says are fine.
fn begins_with(
    schema: &TableSchema,
    revision: &Revision,
    fits: impl Fn(&str, &str) -> bool,
) -> bool {
    let same_codec =
        (revision.codec_id, revision.codec.as_str()) == (schema.codec_id, schema.codec);
    let mut pairs = revision.fields.iter().zip(schema.fields);
    same_codec
        && revision.fields.len() <= schema.fields.len()
        && pairs.all(|(stored, field)| {
            is_called(schema, field, &stored.name) && fits(&field.shape.to_string(), &stored.shape)
        })
}

/// Returns whether a field has this name, or had it when no other field has it now.
fn is_called(schema: &TableSchema, field: &FieldSchema, name: &str) -> bool {
    let is_free = schema.fields.iter().all(|other| other.name != name);
    field.name == name || (is_free && field.was.contains(&name))
}
