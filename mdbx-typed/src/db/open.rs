//! Makes the tables of a file those of the program, or says how they differ.
//!
//! The file is compared first in a read transaction, so that opening a database that needs nothing writes nothing.
//! Otherwise it is compared again in the write transaction that creates what is missing, since another process may
//! have been faster. Nothing is ever dropped.

use mdbx_core as core;
use mdbx_core::{Env, TableFlags};

use crate::error::{Change, OpenError, SchemaDiff, TableDiff};
use crate::schema::catalog::{self, Catalog, IndexKind, IndexRecord, TableRecord};
use crate::schema::handles::{KeyLimits, Revisions, Source, TableHandles, find_table};
use crate::schema::{IndexSchema, Names, Schema, TableSchema, diff, rename};

/// Checks that no two structs have the same table.
pub(super) fn check_names(schema: &Schema) -> Result<(), OpenError> {
    let tables = schema.tables();
    for (i, table) in tables.iter().enumerate() {
        if tables[..i].iter().any(|other| other.name == table.name) {
            return Err(OpenError::DuplicateTable { table: table.name });
        }
    }
    Ok(())
}

/// Returns the handles of all tables of the schema, by slot.
pub(super) fn tables(env: &Env, schema: &Schema) -> Result<Vec<Option<TableHandles>>, OpenError> {
    let limits = KeyLimits::of(env.info()?.page_size);
    for table in schema.tables() {
        check_widths(table, limits)?;
    }
    if !Missing::find(&env.read()?, schema)?.is_empty() {
        let mut txn = env.write()?;
        let missing = Missing::find(&txn, schema)?;
        missing.create(&mut txn)?;
        txn.commit()?;
    }
    let txn = env.read()?;
    let catalog = load_catalog(&txn)?;
    let mut tables = Vec::new();
    for table in schema.tables() {
        let record = catalog.table(table.name)?;
        let current = record.map_or(catalog::FIRST_REVISION, |record| record.current().number);
        let revisions = Revisions {
            current,
            older: Box::default(),
        };
        let slot = (table.slot)();
        if tables.len() <= slot {
            tables.resize_with(slot + 1, || None);
        }
        tables[slot] = Some(TableHandles::open(&txn, table, limits, revisions)?);
    }
    Ok(tables)
}

/// Checks that keys whose length is known fit.
fn check_widths(table: &TableSchema, limits: KeyLimits) -> Result<(), OpenError> {
    let check = |index: Option<&'static str>, width: Option<usize>, max: usize| match width {
        Some(len) if len > max => Err(OpenError::KeyTooLong {
            table: table.name,
            index,
            len,
            max,
        }),
        _ => Ok(()),
    };
    check(None, table.key.width, limits.primary(table))?;
    table
        .indexes
        .iter()
        .try_for_each(|index| check(Some(index.name), index.width, limits.index(index)))
}

fn load_catalog(source: &dyn Source) -> Result<Catalog, OpenError> {
    match find_table(source, catalog::TABLE)? {
        Some(table) => Catalog::load(source.table(table)?),
        None => Ok(Catalog::default()),
    }
}

/// What a file lacks, or calls otherwise, that can be made good without touching a row.
#[derive(Default)]
struct Missing {
    tables: Vec<&'static TableSchema>,
    indexes: Vec<(&'static TableSchema, &'static IndexSchema)>,
    renamed: Vec<Renamed>,
}

/// A table or an index that is stored under another name, or with fields of other names.
struct Renamed {
    /// The engine table in the file, and what it will be called.
    from: String,
    to: String,
    /// The same for its entry in the catalog.
    from_key: Vec<u8>,
    to_key: Vec<u8>,
    record: Vec<u8>,
}

impl Missing {
    /// Compares the file with the schema. Differences that cannot be made good are an error.
    fn find(source: &dyn Source, schema: &Schema) -> Result<Missing, OpenError> {
        let catalog = load_catalog(source)?;
        let mut missing = Missing::default();
        let mut diff = SchemaDiff::default();
        for table in schema.tables() {
            let changes = match rename::find_table(&catalog, schema, table)? {
                None => missing.add_table(source, table)?,
                Some((stored_name, record)) => {
                    missing.compare_table(source, &catalog, table, stored_name, &record)?
                }
            };
            if !changes.is_empty() {
                diff.tables.push(TableDiff {
                    table: table.name.into(),
                    changes,
                });
            }
        }
        if diff.tables.is_empty() {
            Ok(missing)
        } else {
            Err(OpenError::Schema(diff))
        }
    }

    /// Notes a new table, and returns what stands in the way of creating it.
    fn add_table(
        &mut self,
        source: &dyn Source,
        table: &'static TableSchema,
    ) -> Result<Vec<Change>, OpenError> {
        self.tables.push(table);
        self.indexes
            .extend(table.indexes.iter().map(|index| (table, index)));
        let indexes = table
            .indexes
            .iter()
            .map(|index| catalog::index_table(table.name, index.name));
        let mut changes = Vec::new();
        for name in std::iter::once(table.name.to_owned()).chain(indexes) {
            if find_table(source, &name)?.is_some() {
                changes.push(Change::Uncatalogued { name });
            }
        }
        Ok(changes)
    }

    /// Compares a table with its record; `stored_name` is the one it has in the file.
    fn compare_table(
        &mut self,
        source: &dyn Source,
        catalog: &Catalog,
        table: &'static TableSchema,
        stored_name: &'static str,
        record: &TableRecord,
    ) -> Result<Vec<Change>, OpenError> {
        let names = rename::names(table, record);
        let mut changes = diff::table(table, record, &names);
        if stored_name != table.name && find_table(source, table.name)?.is_some() {
            changes.push(Change::Uncatalogued {
                name: table.name.into(),
            });
        }
        let renamed = record.renamed(table);
        if changes.is_empty() && (stored_name != table.name || renamed != *record) {
            self.renamed.push(Renamed {
                from: stored_name.into(),
                to: table.name.into(),
                from_key: catalog::table_key(stored_name),
                to_key: catalog::table_key(table.name),
                record: renamed.encode(),
            });
        }
        let stored = StoredTable {
            name: stored_name,
            names: &names,
        };
        self.compare_indexes(source, catalog, table, &stored, &mut changes)?;
        Ok(changes)
    }

    fn compare_indexes(
        &mut self,
        source: &dyn Source,
        catalog: &Catalog,
        table: &'static TableSchema,
        stored: &StoredTable<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), OpenError> {
        let mut known = Vec::new();
        for index in table.indexes {
            let full_name = catalog::index_table(table.name, index.name);
            match rename::find_index(catalog, table, stored.name, index)? {
                Some((stored_name, record)) => {
                    known.push(stored_name);
                    changes.extend(diff::index(index, &record, stored.names));
                    let from = catalog::index_table(stored.name, stored_name);
                    let renamed = record.renamed(index);
                    if from != full_name || renamed != record {
                        self.renamed.push(Renamed {
                            from,
                            to: full_name,
                            from_key: catalog::index_key(stored.name, stored_name),
                            to_key: catalog::index_key(table.name, index.name),
                            record: renamed.encode(),
                        });
                    }
                }
                None if find_table(source, &full_name)?.is_some() => {
                    changes.push(Change::Uncatalogued { name: full_name });
                }
                None if source.table(source.open_table(stored.name)?)?.is_empty() => {
                    self.indexes.push((table, index));
                }
                None => changes.push(Change::IndexAdded {
                    index: index.name.into(),
                }),
            }
        }
        for index in catalog.index_names(stored.name) {
            if !known.contains(&index.as_str()) {
                changes.push(Change::IndexRemoved { index });
            }
        }
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.indexes.is_empty() && self.renamed.is_empty()
    }

    /// Creates what is missing, and describes it in the catalog.
    fn create(&self, txn: &mut core::WriteTxn<'_>) -> Result<(), OpenError> {
        let catalog = txn.create_table(catalog::TABLE, TableFlags::empty())?;
        if txn.get(catalog, &catalog::app_key())?.is_none() {
            txn.put(catalog, &catalog::app_key(), &catalog::app_record())?;
        }
        for renamed in &self.renamed {
            renamed.apply(txn, catalog)?;
        }
        for table in &self.tables {
            txn.create_table(table.name, TableFlags::empty())?;
            let record = TableRecord::new(txn.sequence(catalog, 1)?, table);
            txn.put(catalog, &catalog::table_key(table.name), &record.encode())?;
        }
        for (table, index) in &self.indexes {
            txn.create_table(
                catalog::index_table(table.name, index.name),
                IndexKind::of(index).flags(),
            )?;
            let record = IndexRecord::new(txn.sequence(catalog, 1)?, index);
            txn.put(
                catalog,
                &catalog::index_key(table.name, index.name),
                &record.encode(),
            )?;
        }
        Ok(())
    }
}

/// A table as the file has it.
struct StoredTable<'a> {
    name: &'static str,
    names: &'a Names<'a>,
}

impl Renamed {
    fn apply(&self, txn: &mut core::WriteTxn<'_>, catalog: core::Table) -> Result<(), OpenError> {
        if self.from != self.to {
            let table = txn.open_table(&self.from)?;
            txn.rename_table(table, &self.to)?;
        }
        txn.delete(catalog, &self.from_key)?;
        txn.put(catalog, &self.to_key, &self.record)?;
        Ok(())
    }
}
