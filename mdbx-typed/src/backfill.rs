//! Builds indexes from the rows of a table.
//!
//! Their entries are collected in engine tables of their own, so that what the file has stays in use until they are
//! complete. A transaction reads a bounded number of rows, writes their entries in sorted order, and notes in the catalog
//! how far it came: a build that is interrupted goes on from there. When the rows were changed meanwhile, it starts over.

use mdbx_core as core;
use mdbx_core::TableFlags;

use crate::error::{CodecError, OpenError};
use crate::fill::{Fill, Obstacle};
use crate::pairs::Pairs;
use crate::schema::catalog::{self, BuildRecord, Catalog, IndexKind};
use crate::schema::handles::{KeyLimits, Revisions, find_table};
use crate::schema::{IndexKeys, TableSchema, fingerprint, row};

/// The indexes of one table that are to be built.
pub(crate) struct Build<'a> {
    pub(crate) schema: &'static TableSchema,
    /// The name of the table in the file.
    pub(crate) stored_name: &'a str,
    pub(crate) revisions: &'a Revisions,
    /// The positions of the indexes.
    pub(crate) positions: &'a [usize],
    pub(crate) limits: KeyLimits,
}

/// How far a build came.
pub(crate) struct Advance {
    pub(crate) is_complete: bool,
    /// Whether what was built before was of no use.
    pub(crate) is_restart: bool,
    /// How many rows were read so far.
    pub(crate) done: u64,
}

/// How much one transaction does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Portion {
    /// How many rows it reads at most.
    pub(crate) rows: usize,
    /// How many bytes of entries it collects, at most about.
    pub(crate) bytes: usize,
}

impl Build<'_> {
    /// Reads some more rows, and adds their entries.
    pub(crate) fn advance(
        &self,
        txn: &mut core::WriteTxn<'_>,
        stored: &Catalog,
        portion: Portion,
    ) -> Result<Advance, OpenError> {
        let source = txn.open_table(self.stored_name)?;
        let changed = txn.table(source)?.stat().last_change;
        let old = stored.build(self.stored_name)?;
        let is_good =
            |build: &BuildRecord| build.target == self.target() && build.rows == changed.0;
        let is_restart = old.as_ref().is_some_and(|build| !is_good(build));
        let mut build = match old {
            Some(build) if is_good(&build) => build,
            old => self.start(txn, old, changed.0)?,
        };
        if !build.is_complete {
            let entries = self.collect(txn, source, portion, &mut build)?;
            for (&position, mut entries) in self.positions.iter().zip(entries) {
                self.add(txn, source, position, &mut entries)?;
            }
            let catalog = txn.create_table(catalog::TABLE, TableFlags::empty())?;
            txn.put(
                catalog,
                &catalog::build_key(self.stored_name),
                &build.encode(),
            )?;
        }
        Ok(Advance {
            is_complete: build.is_complete,
            is_restart,
            done: build.done,
        })
    }

    /// Returns how many rows the table has.
    pub(crate) fn rows(&self, txn: &core::WriteTxn<'_>) -> core::Result<u64> {
        Ok(txn.table(txn.open_table(self.stored_name)?)?.len())
    }

    /// Returns the fingerprint of what is built: the indexes, and the layout that their keys are made from.
    fn target(&self) -> u64 {
        let indexes = self.positions.iter().map(|&position| {
            let index = &self.schema.indexes[position];
            format!("{} {index}\n", index.name)
        });
        let row = self.schema.fingerprint();
        let current = self.revisions.current;
        fingerprint(&format_args!(
            "{row} {current}\n{}",
            indexes.collect::<String>()
        ))
    }

    /// Begins a build with empty indexes.
    fn start(
        &self,
        txn: &mut core::WriteTxn<'_>,
        old: Option<BuildRecord>,
        rows: u64,
    ) -> Result<BuildRecord, OpenError> {
        if let Some(old) = old {
            discard(txn, self.stored_name, &old)?;
        }
        let mut indexes = Vec::new();
        for index in self.positions.iter().map(|&at| &self.schema.indexes[at]) {
            let name = catalog::unfinished_table(self.stored_name, index.name);
            txn.create_table(name, IndexKind::of(index).flags(self.schema.key.width))?;
            indexes.push(index.name.to_owned());
        }
        Ok(BuildRecord {
            target: self.target(),
            rows,
            done: 0,
            indexes,
            is_complete: false,
            position: Vec::new(),
        })
    }

    /// Returns the entries of the next rows, and moves the build behind them.
    fn collect(
        &self,
        txn: &core::WriteTxn<'_>,
        source: core::Table,
        portion: Portion,
        build: &mut BuildRecord,
    ) -> Result<Vec<Pairs>, OpenError> {
        let mut found = Vec::new();
        found.resize_with(self.positions.len(), Pairs::default);
        let mut cursor = txn.table(source)?.cursor();
        let mut next = if build.done == 0 {
            cursor.first()?
        } else {
            cursor.seek_after(&build.position)?
        };
        let (mut read, mut bytes) = (0, 0);
        let mut last = None;
        let mut keys = IndexKeys::default();
        while let Some((key, value)) = next {
            if read == portion.rows || bytes > portion.bytes {
                break;
            }
            self.keys_of(key, value, &mut keys)?;
            for (position, index_key) in keys.iter() {
                if let Some(at) = self.positions.iter().position(|&own| own == position) {
                    self.check_len(position, index_key)?;
                    bytes += Pairs::cost(index_key, key);
                    found[at].push(index_key, key);
                }
            }
            read += 1;
            last = Some(key);
            next = cursor.next()?;
        }
        build.is_complete = next.is_none();
        build.done = build.done.saturating_add(read as u64); // it is only told
        if let Some(key) = last {
            build.position = key.to_vec();
        }
        Ok(found)
    }

    /// Puts the keys of a stored row into `keys`.
    fn keys_of(&self, key: &[u8], value: &[u8], keys: &mut IndexKeys) -> Result<(), OpenError> {
        row::stored_keys(self.schema, self.revisions, value, keys)
            .map_err(|source| self.unusable(key, source))
    }

    fn unusable(&self, key: &[u8], source: CodecError) -> OpenError {
        OpenError::Row {
            table: self.schema.name,
            key: key.into(),
            source,
        }
    }

    fn check_len(&self, position: usize, key: &[u8]) -> Result<(), OpenError> {
        let index = &self.schema.indexes[position];
        let (len, max) = (key.len(), self.limits.index(index));
        if len <= max {
            return Ok(());
        }
        Err(OpenError::KeyTooLong {
            table: self.schema.name,
            index: Some(index.name),
            len,
            max,
        })
    }

    /// Adds entries to an index, in their order.
    fn add(
        &self,
        txn: &mut core::WriteTxn<'_>,
        source: core::Table,
        position: usize,
        entries: &mut Pairs,
    ) -> Result<(), OpenError> {
        let index = &self.schema.indexes[position];
        let fill = Fill {
            schema: self.schema,
            position,
            revisions: self.revisions,
            rows: source,
            table: txn.open_table(catalog::unfinished_table(self.stored_name, index.name))?,
        };
        fill.write(txn, entries).map_err(|obstacle| match obstacle {
            Obstacle::Conflict { key, existing, row } => OpenError::BackfillConflict {
                table: self.schema.name,
                index: index.name,
                key: (&*key).into(),
                first: (&*existing).into(),
                second: (&*row).into(),
            },
            Obstacle::Row { key, source } => self.unusable(&key, source),
            Obstacle::Dangling { key } => {
                let reason = "an index that is built leads to a row that is not there";
                self.unusable(&key, CodecError::decode(self.schema.codec, reason))
            }
            Obstacle::Engine(error) => error.into(),
        })
    }
}

/// Forgets a build.
pub(crate) fn discard(
    txn: &mut core::WriteTxn<'_>,
    table: &str,
    build: &BuildRecord,
) -> core::Result<()> {
    for index in &build.indexes {
        if let Some(entries) = find_table(txn, &catalog::unfinished_table(table, index))? {
            txn.drop_table(entries)?;
        }
    }
    if let Some(catalog) = find_table(txn, catalog::TABLE)? {
        txn.delete(catalog, &catalog::build_key(table))?;
    }
    Ok(())
}
