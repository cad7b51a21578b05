//! A stored row: the number of its revision, as a varint, and then what the codec wrote. A raw row is its bytes alone.

use super::handles::{Revisions, TableHandles};
use super::{FromRow, IndexKeys, Origin, Record, Table, TableSchema, ViewOf};
use crate::codec::varint;
use crate::error::{CodecError, Error, Result};
use crate::key::KeyBuf;

/// Returns the row that `bytes` are; `key` is its primary key, for the error.
#[inline]
pub(crate) fn decode<'t, T: Table>(
    handles: &TableHandles,
    key: &[u8],
    bytes: &'t [u8],
) -> Result<T::Row<'t>> {
    let row = match split(T::SCHEMA.is_raw(), handles, bytes) {
        Ok((None, row)) => T::Row::from_row(row),
        Ok((Some(origin), row)) => T::Row::from_older(row, origin),
        Err(revision) => return Err(wrong_revision::<T>(handles, key, revision)),
    };
    row.map_err(|source| unusable::<T>(key, source))
}

/// Returns the part of a row that a view shows.
#[inline]
pub(crate) fn decode_view<'t, T: Table, V: ViewOf<'t, T>>(
    handles: &TableHandles,
    key: &[u8],
    bytes: &'t [u8],
) -> Result<V> {
    let view = match split(T::SCHEMA.is_raw(), handles, bytes) {
        Ok((None, row)) => V::from_row(row),
        Ok((Some(origin), row)) => V::from_older(row, origin),
        Err(revision) => return Err(wrong_revision::<T>(handles, key, revision)),
    };
    view.map_err(|source| unusable::<T>(key, source))
}

/// Returns which struct wrote a row, if it was not the newest, and its bytes without the revision; or the revision, if
/// there is one, that the program cannot read.
#[inline]
fn split<'t>(
    is_raw: bool,
    handles: &TableHandles,
    bytes: &'t [u8],
) -> Result<(Option<Origin>, &'t [u8]), Option<u64>> {
    if is_raw {
        return Ok((None, bytes));
    }
    handles.revisions.split(bytes)
}

impl Revisions {
    /// As [`split`], for rows that are not raw.
    #[inline]
    pub(crate) fn split<'t>(
        &self,
        bytes: &'t [u8],
    ) -> Result<(Option<Origin>, &'t [u8]), Option<u64>> {
        // Hardly any table had so many revisions that the number takes more than one byte.
        if let Some((&first, row)) = bytes.split_first()
            && first < varint::MORE
            && u32::from(first) == self.current
        {
            return Ok((None, row));
        }
        self.split_older(bytes)
    }

    /// As [`split`](Self::split), for any revision.
    #[inline(never)]
    fn split_older<'t>(&self, bytes: &'t [u8]) -> Result<(Option<Origin>, &'t [u8]), Option<u64>> {
        let mut row = bytes;
        let revision = varint::decode(&mut row).ok_or(None)?;
        if revision == u64::from(self.current) {
            return Ok((None, row));
        }
        let mut older = self.older.iter();
        let known = older.find(|(number, _)| u64::from(*number) == revision);
        known
            .map(|&(_, origin)| (Some(origin), row))
            .ok_or(Some(revision))
    }
}

/// Puts the keys of a stored row into `keys`, settled, without knowing its type.
pub(crate) fn stored_keys(
    schema: &TableSchema,
    revisions: &Revisions,
    bytes: &[u8],
    keys: &mut IndexKeys,
) -> Result<(), CodecError> {
    let (origin, row) = untyped(schema, revisions, bytes)?;
    keys.clear();
    (schema.index_keys)(row, origin, keys)?;
    keys.settle();
    Ok(())
}

/// Puts the primary key of a stored row into `key`, and what it would be stored as now, with its revision, into `out`.
/// Returns whether that is another revision.
pub(crate) fn rewrite(
    schema: &TableSchema,
    revisions: &Revisions,
    bytes: &[u8],
    key: &mut KeyBuf,
    out: &mut Vec<u8>,
) -> Result<bool, CodecError> {
    let (origin, row) = untyped(schema, revisions, bytes)?;
    key.clear();
    out.clear();
    if !schema.is_raw() {
        varint::encode(revisions.current.into(), out);
    }
    (schema.rewrite)(row, origin, key, out)?;
    Ok(origin.is_some())
}

/// Returns the revision of a stored row, if it is newer than all that the program knows.
pub(crate) fn newer_revision(
    schema: &TableSchema,
    revisions: &Revisions,
    mut bytes: &[u8],
) -> Option<u64> {
    let revision = (!schema.is_raw()).then(|| varint::decode(&mut bytes))??;
    (revision > u64::from(revisions.current)).then_some(revision)
}

fn untyped<'t>(
    schema: &TableSchema,
    revisions: &Revisions,
    bytes: &'t [u8],
) -> Result<(Option<Origin>, &'t [u8]), CodecError> {
    if schema.is_raw() {
        return Ok((None, bytes));
    }
    revisions
        .split(bytes)
        .map_err(|_| CodecError::decode(schema.codec, "its revision is not in the catalog"))
}

/// Appends the bytes of a row with its revision to `out`.
pub(crate) fn encode<T: Table>(
    handles: &TableHandles,
    key: &[u8],
    row: &impl Record<Table = T>,
    out: &mut Vec<u8>,
) -> Result<()> {
    if !T::SCHEMA.is_raw() {
        varint::encode(handles.revisions.current.into(), out);
    }
    row.encode_row(out)
        .map_err(|source| unusable::<T>(key, source))
}

/// Returns whether a stored row has a key with these exact bytes in the index at position `index`.
pub(crate) fn has_exactly<T: Table>(
    handles: &TableHandles,
    key: &[u8],
    bytes: &[u8],
    index: usize,
    exact: &[u8],
) -> Result<bool> {
    let row = decode::<T>(handles, key, bytes)?;
    let mut wanted = KeyBuf::new();
    wanted.extend_from_slice(exact);
    Ok(IndexKeys::has_exactly(&row, index, wanted))
}

#[cold]
fn unusable<T: Table>(key: &[u8], source: CodecError) -> Error {
    Error::Codec {
        table: T::SCHEMA.name,
        key: key.into(),
        source,
    }
}

#[cold]
fn wrong_revision<T: Table>(handles: &TableHandles, key: &[u8], revision: Option<u64>) -> Error {
    match revision.map(u32::try_from) {
        Some(Ok(rev)) if rev > handles.revisions.current => Error::NewerRow {
            table: T::SCHEMA.name,
            rev,
            known: handles.revisions.current,
        },
        _ => unusable::<T>(
            key,
            CodecError::decode(T::SCHEMA.codec, "its revision is not in the catalog"),
        ),
    }
}

/// Returns the error that says an index entry leads to a row that is not there.
#[cold]
pub(crate) fn dangling(table: &'static str, index: &'static str, primary_key: &[u8]) -> Error {
    Error::DanglingIndex {
        table,
        index,
        key: primary_key.into(),
    }
}
