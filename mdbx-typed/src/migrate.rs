//! Rewrites the rows that older structs wrote, a bounded number in each transaction.
//!
//! Their indexes are right already: they were built from the converted rows.

use mdbx_core as core;

use crate::error::{Error, Result};
use crate::key::KeyBuf;
use crate::progress::Progress;
use crate::schema::handles::{Source, TableHandles, find_table};
use crate::schema::{TableSchema, catalog, row};

/// How many rows one transaction reads, and how many bytes it rewrites, at most about.
const MOST_ROWS: usize = 20_000;
const MOST_BYTES: usize = 16 << 20;

/// The rows of one table, as far as they were looked at.
pub(crate) struct Task<'a> {
    schema: &'static TableSchema,
    handles: &'a TableHandles,
    /// The last row that was looked at.
    position: Option<Vec<u8>>,
    is_done: bool,
    done: u64,
    total: u64,
    rewritten: u64,
}

impl<'a> Task<'a> {
    pub(crate) fn new(schema: &'static TableSchema, handles: &'a TableHandles) -> Self {
        Task {
            schema,
            handles,
            position: None,
            is_done: handles.revisions.older.is_empty(),
            done: 0,
            total: 0,
            rewritten: 0,
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.is_done
    }

    /// Returns how many rows were rewritten.
    pub(crate) fn rewritten(&self) -> u64 {
        self.rewritten
    }

    pub(crate) fn progress(&self) -> Progress<'_> {
        Progress {
            table: self.schema.name,
            done: self.done,
            total: self.total,
        }
    }

    /// Looks at more rows and rewrites the old ones. After the last, notes that there are none of older revisions.
    pub(crate) fn advance(&mut self, txn: &mut core::WriteTxn<'_>) -> Result<()> {
        for (key, value) in self.collect(txn)? {
            txn.put(self.handles.rows.table, &key, &value)?;
            self.rewritten += 1;
        }
        if self.is_done
            && let Some(catalog) = find_table(txn, catalog::TABLE)?
        {
            let key = catalog::table_key(self.schema.name);
            if let Some(bytes) = txn.get(catalog, &key)? {
                let record = catalog::TableRecord::decode(self.schema.name, bytes)?;
                txn.put(catalog, &key, &record.migrated().encode())?;
            }
        }
        Ok(())
    }

    /// Returns the old ones among the next rows, as they are to be stored.
    fn collect(&mut self, txn: &core::WriteTxn<'_>) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let rows = Source::table(txn, self.handles.rows.table)?;
        self.total = rows.len();
        let mut cursor = rows.cursor();
        let mut next = match &self.position {
            None => cursor.first()?,
            Some(position) => cursor.seek_after(position)?,
        };
        let mut found = Vec::new();
        let (mut read, mut bytes) = (0, 0);
        let (mut new_key, mut new_row) = (KeyBuf::new(), Vec::new());
        while let Some((key, value)) = next {
            if read == MOST_ROWS || bytes > MOST_BYTES {
                return Ok(found);
            }
            let revisions = &self.handles.revisions;
            let is_old = row::rewrite(self.schema, revisions, value, &mut new_key, &mut new_row)
                .map_err(|source| Error::Codec {
                    table: self.schema.name,
                    key: key.into(),
                    source,
                })?;
            if is_old {
                if new_key.as_slice() != key {
                    return Err(Error::KeyChanged {
                        table: self.schema.name,
                    });
                }
                bytes += new_row.len();
                found.push((key.to_vec(), new_row.clone()));
            }
            read += 1;
            self.done += 1;
            self.position = Some(key.to_vec());
            next = cursor.next()?;
        }
        self.is_done = true;
        Ok(found)
    }
}
