//! The same without the typed layer: the engine, bincode, and index entries written in place.
//!
//! A row is stored as the number of its revision, one byte here, and what bincode makes of it; an index entry is a key
//! and the row's primary key. The keys are built into buffers that are reused. An update and a delete read the old row
//! for its keys. Nothing is checked but that a new row's primary key is free, and nothing is undone: a program that
//! meets an error would have to give the transaction up.
//!
//! Rows are decoded with the bound that the typed layer sets to how much memory the lengths in a row may ask for, which
//! are not to be trusted in a file. It takes 50 to 80 ns of a row.

use bincode::config::{Configuration, Limit, LittleEndian, Varint, standard};
use mdbx_core::{ReadTxn, Table, WriteTxn};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::Result;
use crate::rows::{Indexed, Three};

const BOUNDED: Configuration<LittleEndian, Varint, Limit<0x7FFF_FFFF>> = standard().with_limit();

/// The revision of all rows here.
const REVISION: u8 = 1;

pub(crate) fn price_of(bytes: &[u8]) -> u64 {
    bytes[8..]
        .first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

pub(crate) fn get<'t, R: Deserialize<'t>>(
    txn: &'t ReadTxn<'_>,
    table: Table,
    id: u64,
) -> Result<Option<R>> {
    match txn.get(table, &id.to_be_bytes())? {
        Some(bytes) => decode(bytes).map(Some),
        None => Ok(None),
    }
}

pub(crate) fn get_by<R: DeserializeOwned>(
    txn: &ReadTxn<'_>,
    index: Table,
    rows: Table,
    key: &str,
) -> Result<Option<R>> {
    let Some(id) = txn.get(index, key.as_bytes())? else {
        return Ok(None);
    };
    match txn.get(rows, id)? {
        Some(bytes) => decode(bytes).map(Some),
        None => Ok(None),
    }
}

fn decode<'t, R: Deserialize<'t>>(bytes: &'t [u8]) -> Result<R> {
    let row = bytes.strip_prefix(&[REVISION]).ok_or("another revision")?;
    Ok(bincode::serde::borrow_decode_from_slice(row, BOUNDED)?.0)
}

/// The tables of one type of row.
pub(crate) struct Tables {
    rows: Table,
    indexes: Vec<Table>,
    are_unique: bool,
}

impl Tables {
    pub(crate) fn open<R: Indexed>(txn: &WriteTxn<'_>) -> Result<Self> {
        let indexes: std::result::Result<Vec<_>, _> = R::INDEXES
            .iter()
            .map(|name| txn.open_table(*name))
            .collect();
        Ok(Tables {
            rows: txn.open_table(R::NAME)?,
            indexes: indexes?,
            are_unique: R::NAME == "unique",
        })
    }
}

/// What is kept from one statement to the next.
#[derive(Default)]
pub(crate) struct Hand {
    row: Vec<u8>,
    keys: [Vec<u8>; 5],
    old: [Vec<u8>; 5],
}

impl Hand {
    pub(crate) fn insert(
        &mut self,
        txn: &mut WriteTxn<'_>,
        tables: &Tables,
        row: &impl Indexed,
    ) -> Result<()> {
        self.encode(row)?;
        row.keys(&mut self.keys);
        let id = row.id().to_be_bytes();
        for (&table, key) in tables.indexes.iter().zip(&self.keys) {
            if tables.are_unique {
                txn.insert(table, key, &id)?;
            } else {
                txn.put(table, key, &id)?;
            }
        }
        txn.insert(tables.rows, &id, &self.row)?;
        Ok(())
    }

    pub(crate) fn update(
        &mut self,
        txn: &mut WriteTxn<'_>,
        tables: &Tables,
        id: u64,
        change: impl Fn(&mut Three),
    ) -> Result<bool> {
        let id = id.to_be_bytes();
        let Some(bytes) = txn.get(tables.rows, &id)? else {
            return Ok(false);
        };
        let mut row: Three = decode(bytes)?;
        row.keys(&mut self.old);
        change(&mut row);
        self.encode(&row)?;
        row.keys(&mut self.keys);
        for ((&table, old), key) in tables.indexes.iter().zip(&self.old).zip(&self.keys) {
            if old != key {
                txn.delete_dup(table, old, &id)?;
                txn.put(table, key, &id)?;
            }
        }
        txn.put(tables.rows, &id, &self.row)?;
        Ok(true)
    }

    pub(crate) fn delete<R: Indexed + DeserializeOwned>(
        &mut self,
        txn: &mut WriteTxn<'_>,
        tables: &Tables,
        id: u64,
    ) -> Result<bool> {
        let id = id.to_be_bytes();
        let Some(bytes) = txn.get(tables.rows, &id)? else {
            return Ok(false);
        };
        let row: R = decode(bytes)?;
        row.keys(&mut self.old);
        for (&table, old) in tables.indexes.iter().zip(&self.old) {
            txn.delete_dup(table, old, &id)?;
        }
        Ok(txn.delete(tables.rows, &id)?)
    }

    fn encode(&mut self, row: &impl Indexed) -> Result<()> {
        self.row.clear();
        self.row.push(REVISION);
        bincode::serde::encode_into_std_write(row, &mut self.row, standard())?;
        Ok(())
    }
}
