//! A stored row: the number of its revision, as a varint, and then what the codec wrote. A raw row is its bytes alone.

use super::handles::TableHandles;
use super::{FromRow, IndexKeys, Record, Table, ViewOf};
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
        Ok((0, row)) => T::Row::from_row(row),
        Ok((generation, row)) => T::Row::from_generation(row, generation),
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
        Ok((generation, row)) => V::from_generation(row, generation),
        Err(revision) => return Err(wrong_revision::<T>(handles, key, revision)),
    };
    view.map_err(|source| unusable::<T>(key, source))
}

/// Returns how many structs back a row was written, and its bytes without the revision; or the revision, if there is
/// one, that the program cannot read.
#[inline]
fn split<'t>(
    is_raw: bool,
    handles: &TableHandles,
    bytes: &'t [u8],
) -> Result<(usize, &'t [u8]), Option<u64>> {
    if is_raw {
        return Ok((0, bytes));
    }
    let mut row = bytes;
    let revision = varint::decode(&mut row).ok_or(None)?;
    if revision == u64::from(handles.revision) {
        return Ok((0, row));
    }
    let mut older = handles.older.iter();
    let known = older.find(|(number, _)| u64::from(*number) == revision);
    known
        .map(|&(_, generation)| (generation, row))
        .ok_or(Some(revision))
}

/// Appends the bytes of a row with its revision to `out`.
pub(crate) fn encode<T: Table>(
    handles: &TableHandles,
    key: &[u8],
    row: &impl Record<Table = T>,
    out: &mut Vec<u8>,
) -> Result<()> {
    if !T::SCHEMA.is_raw() {
        varint::encode(handles.revision.into(), out);
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
        Some(Ok(rev)) if rev > handles.revision => Error::NewerRow {
            table: T::SCHEMA.name,
            rev,
            known: handles.revision,
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
