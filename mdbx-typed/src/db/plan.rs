//! What a file needs so that its tables are those of the program.
//!
//! A plan is found by comparing, and changes nothing. It holds what is refused, too, so that it can be shown whole. What
//! it does is one change of the catalog; indexes are built before that, beside those in use.

use mdbx_core as core;
use mdbx_core::TableFlags;

use super::policy::{OnExtraIndex, OnLayoutChange, OnMissingIndex, OnUnknownTable, Policies};
use crate::backfill::{self, Build};
use crate::changes::log;
use crate::error::{Change, Error, OpenError, ReadOnly, Rebuild, SchemaDiff, Step, TableDiff};
use crate::schema::catalog::{self, Catalog, IndexKind, IndexRecord, TableRecord};
use crate::schema::handles::{KeyLimits, Revisions, Source, find_table, load_catalog};
use crate::schema::layout::{self, Fit};
use crate::schema::{IndexSchema, Names, Schema, TableSchema, diff, rename};
use crate::shape;

/// What is to be done with a file.
pub(super) struct Plan {
    pub(super) tables: Vec<TablePlan>,
    unknown: Vec<String>,
    unknown_table: OnUnknownTable,
    pub(super) catalog: Catalog,
}

/// What is to be done with one table.
pub(super) struct TablePlan {
    pub(super) schema: &'static TableSchema,
    /// Its name in the file.
    stored_name: &'static str,
    /// Its entry in the catalog, if that is written.
    record: Option<TableRecord>,
    /// Those that its rows have when all is done.
    pub(super) revisions: Revisions,
    /// Whether the rows are converted, so that all index keys may change.
    is_upgraded: bool,
    pub(super) read_only: Option<ReadOnly>,
    /// Whether the file has no log of its changes, and gets one.
    starts_log: bool,
    renamed_indexes: Vec<RenamedIndex>,
    /// The positions of the indexes to build.
    built: Vec<usize>,
    /// The names of stored indexes that are dropped, since they are built anew or the program has them not.
    dropped: Vec<String>,
    stale: Vec<(String, IndexRecord)>,
    /// The indexes that the file does not get.
    pub(super) missing: Vec<&'static str>,
    refused: Vec<Change>,
    steps: Vec<Step>,
}

/// An index that is kept under another name or definition.
struct RenamedIndex {
    from: String,
    schema: &'static IndexSchema,
    record: IndexRecord,
    /// The record it has.
    stored: IndexRecord,
    /// Whether it gets another name.
    moves: bool,
}

impl Plan {
    /// Compares the file with the schema.
    pub(super) fn find(
        source: &dyn Source,
        schema: &Schema,
        policies: Policies,
    ) -> Result<Plan, OpenError> {
        let catalog = load_catalog(source)?;
        let mut unknown = catalog.table_names();
        let mut tables = Vec::new();
        for table in schema.tables() {
            if layout::is_ambiguous(table) {
                return Err(OpenError::SameRevision { table: table.name });
            }
            let plan = match rename::find_table(&catalog, schema, table)? {
                None => TablePlan::create(source, table)?,
                Some((stored_name, record)) => {
                    unknown.retain(|name| name != stored_name);
                    let file = File {
                        source,
                        catalog: &catalog,
                        policies,
                    };
                    TablePlan::compare(&file, table, stored_name, &record)?
                }
            };
            tables.push(plan);
        }
        Ok(Plan {
            tables,
            unknown,
            unknown_table: policies.unknown_table,
            catalog,
        })
    }

    /// Returns what the plan says, as data.
    pub(super) fn diff(&self) -> SchemaDiff {
        let differs = |table: &&TablePlan| !(table.refused.is_empty() && table.steps.is_empty());
        let tables = self.tables.iter().filter(differs);
        let tables = tables.map(|table| TableDiff {
            table: table.schema.name.into(),
            changes: table.refused.clone(),
            steps: table.steps.clone(),
        });
        let tables: Vec<_> = tables.collect();
        match self.unknown_table {
            OnUnknownTable::Keep => SchemaDiff {
                tables,
                unknown: self.unknown.clone(),
            },
            OnUnknownTable::Refuse => SchemaDiff {
                tables: tables
                    .into_iter()
                    .chain(self.unknown.iter().map(|name| refuse_table(name)))
                    .collect(),
                unknown: Vec::new(),
            },
        }
    }

    /// Returns the plan if nothing in it is refused.
    pub(super) fn accepted(self) -> Result<Plan, OpenError> {
        let mut diff = self.diff();
        if diff.is_accepted() {
            Ok(self)
        } else {
            diff.unknown.clear(); // They are kept whatever happens to the others.
            diff.tables.retain(|table| !table.changes.is_empty());
            Err(OpenError::Schema(diff))
        }
    }

    /// Returns whether the file has to be written.
    pub(super) fn is_empty(&self) -> bool {
        self.tables.iter().all(TablePlan::is_empty)
    }

    /// Returns what is left of the plan where the file can only be read: tables and indexes that it does not have are left
    /// out.
    ///
    /// Rows of older layouts are read as they always are. But what has another name in the file is not found there.
    pub(super) fn without_writing(mut self) -> Result<Plan, OpenError> {
        let is_renamed =
            |step: &Step| matches!(step, Step::RenameTable { .. } | Step::RenameIndex { .. });
        let mut diff = self.diff();
        for table in &mut diff.tables {
            table.steps.retain(is_renamed);
        }
        diff.tables.retain(|table| !table.steps.is_empty());
        if !diff.tables.is_empty() {
            diff.unknown.clear();
            return Err(OpenError::ReadOnly(diff));
        }
        self.tables.retain(|table| !table.is_new());
        for table in &mut self.tables {
            let built = table.built.drain(..);
            table
                .missing
                .extend(built.map(|position| table.schema.indexes[position].name));
        }
        Ok(self)
    }

    /// Returns the indexes to build.
    pub(super) fn builds(&self, limits: KeyLimits) -> impl Iterator<Item = Build<'_>> {
        let tables = self.tables.iter();
        tables
            .filter(|table| !table.built.is_empty())
            .map(move |table| Build {
                schema: table.schema,
                stored_name: table.stored_name,
                revisions: &table.revisions,
                positions: &table.built,
                limits,
            })
    }

    /// Changes the catalog and the tables; the indexes must be built.
    pub(super) fn apply(&self, txn: &mut core::WriteTxn<'_>) -> Result<(), OpenError> {
        let catalog = txn.create_table(catalog::TABLE, TableFlags::empty())?;
        let is_new = |table: &&TablePlan| table.is_new();
        let only_new = self.tables.iter().filter(is_new).count()
            == self.tables.iter().filter(|table| !table.is_empty()).count();
        // A new table may have the name of one that was dropped, and that another program still has open.
        let was_dropped = txn.table(catalog)?.sequence() > self.catalog.ids();
        let app = self.catalog.app();
        if app.is_none() || !only_new || was_dropped {
            txn.put(catalog, &catalog::app_key(), &catalog::app_record(app)?)?;
        }
        for table in self.tables.iter().filter(|table| !table.is_empty()) {
            // Of indexes that another program wanted, and did not get done with.
            if table.built.is_empty()
                && let Some(build) = self.catalog.build(table.stored_name)?
            {
                backfill::discard(txn, table.stored_name, &build)?;
            }
            table.apply(txn, catalog)?;
        }
        Ok(())
    }
}

fn refuse_table(name: &str) -> TableDiff {
    TableDiff {
        table: name.into(),
        changes: vec![Change::UnknownTable],
        steps: Vec::new(),
    }
}

/// What a table is compared with.
struct File<'a> {
    source: &'a dyn Source,
    catalog: &'a Catalog,
    policies: Policies,
}

impl TablePlan {
    fn new(schema: &'static TableSchema, stored_name: &'static str) -> Self {
        TablePlan {
            schema,
            stored_name,
            record: None,
            revisions: Revisions::default(),
            is_upgraded: false,
            read_only: None,
            starts_log: false,
            renamed_indexes: Vec::new(),
            built: Vec::new(),
            dropped: Vec::new(),
            stale: Vec::new(),
            missing: Vec::new(),
            refused: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// Returns the plan for a table that the file does not have, and what stands in the way of creating it.
    fn create(source: &dyn Source, schema: &'static TableSchema) -> Result<Self, OpenError> {
        let mut plan = TablePlan::new(schema, schema.name);
        plan.revisions.current = catalog::FIRST_REVISION;
        plan.steps.push(Step::CreateTable);
        let indexes = schema
            .indexes
            .iter()
            .map(|index| catalog::index_table(schema.name, index.name));
        plan.starts_log = schema.logged;
        let log = schema.logged.then(|| catalog::log_table(schema.name));
        let indexes = indexes.chain(log);
        for name in std::iter::once(schema.name.to_owned()).chain(indexes) {
            if find_table(source, &name)?.is_some() {
                plan.refused.push(Change::Uncatalogued { name });
            }
        }
        Ok(plan)
    }

    /// Compares a table with its record; `stored_name` is the one it has in the file.
    fn compare(
        file: &File<'_>,
        schema: &'static TableSchema,
        stored_name: &'static str,
        record: &TableRecord,
    ) -> Result<Self, OpenError> {
        let mut plan = TablePlan::new(schema, stored_name);
        let names = rename::names(schema, record);
        if stored_name != schema.name {
            if find_table(file.source, schema.name)?.is_some() {
                plan.refused.push(Change::Uncatalogued {
                    name: schema.name.into(),
                });
            }
            plan.record = Some(record.clone());
            plan.steps.push(Step::RenameTable {
                from: stored_name.into(),
            });
        }
        plan.compare_layout(file, record, &names);
        plan.compare_indexes(file, &names)?;
        plan.judge_extra(file, record)?;
        let log = find_table(file.source, &catalog::log_table(stored_name))?;
        if schema.logged && log.is_none() && plan.read_only.is_none() {
            plan.starts_log = true;
            plan.steps.push(Step::StartLog);
        }
        if let Some(reason) = plan.read_only.clone() {
            plan.steps.push(Step::ReadOnly { reason });
        }
        Ok(plan)
    }

    fn compare_layout(&mut self, file: &File<'_>, stored: &TableRecord, names: &Names<'_>) {
        let schema = self.schema;
        let fit = layout::fit(schema, stored);
        let is_accepted = match (fit.clone(), file.policies.layout_change) {
            (Fit::Unreadable, _) | (Fit::Newer(_), OnLayoutChange::Refuse) => false,
            (Fit::Newer(origin), OnLayoutChange::AppendOnly) => origin.generation == 0,
            _ => true,
        };
        if !is_accepted {
            self.refused.extend(diff::table(schema, stored, names));
            return;
        }
        let is_older = matches!(fit, Fit::Older(_));
        if !has_same_key(schema, stored, names, is_older) {
            self.refused.push(Change::Key {
                stored: stored.key.clone(),
                now: schema.key.to_string(),
            });
        }
        self.revisions.current = stored.current().number;
        match fit {
            Fit::Older(known) => {
                self.revisions.current = known;
                self.read_only = Some(ReadOnly::NewerRevision {
                    revision: stored.current().number,
                    known,
                });
            }
            Fit::Newer(origin) => {
                let grown = stored.grown(schema);
                self.revisions.current = grown.current().number;
                self.record = Some(grown);
                self.is_upgraded = origin.generation > 0;
                self.note_revision(stored, origin.fields);
            }
            Fit::Same | Fit::Unreadable => {
                let renamed = stored.renamed(schema);
                if renamed != *stored {
                    self.record = Some(renamed);
                    self.steps.push(Step::RenameFields);
                }
            }
        }
        self.find_older(stored);
    }

    /// Notes in which way the struct has another layout than the newest revision.
    fn note_revision(&mut self, stored: &TableRecord, stored_fields: usize) {
        let revision = self.revisions.current;
        if self.is_upgraded {
            self.steps.push(Step::Upgrade { revision });
            return;
        }
        let (kept, appended) = self.schema.fields.split_at(stored_fields);
        let pairs = kept.iter().zip(&stored.current().fields);
        let grown = pairs.filter(|(field, stored)| field.shape.to_string() != stored.shape);
        let grown: Vec<_> = grown.map(|(field, _)| field.name.to_owned()).collect();
        if !grown.is_empty() {
            let fields = grown;
            self.steps.push(Step::AppendVariants { revision, fields });
        }
        if !appended.is_empty() {
            let fields = appended.iter().map(|field| field.name.to_owned()).collect();
            self.steps.push(Step::AppendFields { revision, fields });
        }
    }

    /// Notes how rows of the older revisions are read.
    fn find_older(&mut self, stored: &TableRecord) {
        let current = self.revisions.current;
        let mut older = Vec::new();
        for revision in stored.in_use().filter(|own| own.number < current) {
            match layout::origin(self.schema, revision) {
                Some(origin) => older.push((revision.number, origin)),
                None => self.refused.push(Change::RevisionForgotten {
                    revision: revision.number,
                    fields: revision
                        .fields
                        .iter()
                        .map(|field| field.name.clone())
                        .collect(),
                }),
            }
        }
        self.revisions.older = older.into();
    }

    fn compare_indexes(&mut self, file: &File<'_>, names: &Names<'_>) -> Result<(), OpenError> {
        let rows = file.source.open_table(self.stored_name)?;
        let rows = file.source.table(rows)?.len();
        for (position, index) in self.schema.indexes.iter().enumerate() {
            let found = rename::find_index(file.catalog, self.schema, self.stored_name, index)?;
            let full_name = catalog::index_table(self.schema.name, index.name);
            let Some((stored_name, record)) = found else {
                if find_table(file.source, &full_name)?.is_some() {
                    self.refused.push(Change::Uncatalogued { name: full_name });
                } else {
                    self.lack_index(file, position, rows, Rebuild::New);
                }
                continue;
            };
            if self.is_older() && has_grown(index, &record, names) {
                continue;
            }
            let changed = diff::index(index, &record, names);
            let why = match changed {
                Some(Change::IndexChanged { stored, now, .. }) => {
                    Some(Rebuild::Changed { stored, now })
                }
                _ if record.is_stale => Some(Rebuild::Stale),
                _ if self.is_upgraded => Some(Rebuild::Upgraded),
                _ => None,
            };
            if let Some(why) = why {
                if self.lack_index(file, position, rows, why.clone()) {
                    self.dropped.push(stored_name.into());
                } else if why != Rebuild::Stale {
                    self.read_only.get_or_insert(ReadOnly::ChangedIndex {
                        index: index.name.into(),
                    });
                }
            } else {
                self.keep_index(index, stored_name, &record);
            }
        }
        Ok(())
    }

    /// Returns whether a newer program has changed the layout.
    fn is_older(&self) -> bool {
        matches!(self.read_only, Some(ReadOnly::NewerRevision { .. }))
    }

    /// Notes an index that the file has.
    fn keep_index(
        &mut self,
        schema: &'static IndexSchema,
        stored_name: &'static str,
        record: &IndexRecord,
    ) {
        if stored_name != schema.name {
            self.steps.push(Step::RenameIndex {
                from: stored_name.into(),
                index: schema.name.into(),
            });
        }
        let renamed = record.renamed(schema);
        let moves = stored_name != schema.name || self.stored_name != self.schema.name;
        if moves || renamed != *record {
            self.renamed_indexes.push(RenamedIndex {
                from: stored_name.into(),
                schema,
                record: renamed,
                stored: record.clone(),
                moves,
            });
        }
    }

    /// Notes an index that the file does not have as the program has it; returns whether it is built.
    fn lack_index(&mut self, file: &File<'_>, position: usize, rows: u64, why: Rebuild) -> bool {
        let index = self.schema.indexes[position].name;
        let can_read = !self.is_older();
        match file.policies.missing_index {
            OnMissingIndex::Refuse if rows > 0 && can_read => {
                self.refused.push(match why {
                    Rebuild::Changed { stored, now } => Change::IndexChanged {
                        index: index.into(),
                        stored,
                        now,
                    },
                    _ => Change::IndexAdded {
                        index: index.into(),
                    },
                });
                false
            }
            OnMissingIndex::Build | OnMissingIndex::Refuse if can_read => {
                self.built.push(position);
                self.steps.push(Step::BuildIndex {
                    index: index.into(),
                    rows,
                    why,
                });
                true
            }
            _ => {
                self.missing.push(index);
                self.steps.push(Step::IgnoreIndex {
                    index: index.into(),
                });
                false
            }
        }
    }

    /// Decides what becomes of stored indexes that the program does not have.
    fn judge_extra(&mut self, file: &File<'_>, stored: &TableRecord) -> Result<(), OpenError> {
        let mut known = Vec::new();
        for index in self.schema.indexes {
            let found = rename::find_index(file.catalog, self.schema, self.stored_name, index)?;
            known.extend(found.map(|(name, _)| name));
        }
        let mut in_the_way = Vec::new();
        for name in file.catalog.index_names(self.stored_name) {
            if known.contains(&name.as_str()) {
                continue;
            }
            let Some(record) = file.catalog.index(self.stored_name, &name)? else {
                continue;
            };
            match file.policies.extra_index {
                OnExtraIndex::Drop => {
                    self.steps.push(Step::DropIndex {
                        index: name.clone(),
                    });
                    self.dropped.push(name);
                }
                _ if record.is_stale => {
                    if self.stored_name != self.schema.name {
                        self.stale.push((name, record));
                    }
                }
                OnExtraIndex::MarkStale => {
                    self.steps.push(Step::MarkStale {
                        index: name.clone(),
                    });
                    self.stale.push((name, record.stale()));
                }
                OnExtraIndex::ReadOnly => in_the_way.push((name, record)),
            }
        }
        if !in_the_way.is_empty() {
            let indexes = in_the_way.iter().map(|(name, _)| name.clone()).collect();
            self.read_only
                .get_or_insert(ReadOnly::ExtraIndexes { indexes });
            self.leave_layout(stored);
            if self.stored_name != self.schema.name {
                self.stale.extend(in_the_way); // They keep their state and get the new name of the table.
            }
        }
        Ok(())
    }

    /// Leaves the rows to the program that can write them: a new revision would lock it out.
    fn leave_layout(&mut self, stored: &TableRecord) {
        let is_of_layout = |step: &Step| {
            let appends = matches!(
                step,
                Step::AppendFields { .. } | Step::AppendVariants { .. }
            );
            appends || matches!(step, Step::Upgrade { .. })
        };
        if !self.steps.iter().any(is_of_layout) {
            return;
        }
        let is_renamed = self.stored_name != self.schema.name;
        self.record = is_renamed.then(|| stored.clone());
        self.renamed_indexes.retain(|index| index.moves);
        for index in &mut self.renamed_indexes {
            index.record.clone_from(&index.stored);
        }
        self.steps
            .retain(|step| !is_of_layout(step) && !matches!(step, Step::BuildIndex { .. }));
        self.dropped.clear();
        for position in self.built.drain(..) {
            let index = self.schema.indexes[position].name;
            self.missing.push(index);
            self.steps.push(Step::IgnoreIndex {
                index: index.into(),
            });
        }
    }

    fn is_new(&self) -> bool {
        self.steps.first() == Some(&Step::CreateTable)
    }

    fn is_empty(&self) -> bool {
        self.record.is_none()
            && !self.is_new()
            && !self.starts_log
            && self.renamed_indexes.is_empty()
            && self.built.is_empty()
            && self.dropped.is_empty()
            && self.stale.is_empty()
    }

    fn apply(&self, txn: &mut core::WriteTxn<'_>, catalog: core::Table) -> Result<(), OpenError> {
        let (schema, stored) = (self.schema, self.stored_name);
        if self.is_new() {
            return self.apply_new(txn, catalog);
        }
        for index in &self.dropped {
            drop_index(txn, catalog, stored, index)?;
        }
        for index in &self.renamed_indexes {
            let to = catalog::index_table(schema.name, index.schema.name);
            rename(txn, &catalog::index_table(stored, &index.from), &to)?;
            txn.delete(catalog, &catalog::index_key(stored, &index.from))?;
            let key = catalog::index_key(schema.name, index.schema.name);
            txn.put(catalog, &key, &index.record.encode())?;
        }
        for (index, record) in &self.stale {
            let to = catalog::index_table(schema.name, index);
            rename(txn, &catalog::index_table(stored, index), &to)?;
            txn.delete(catalog, &catalog::index_key(stored, index))?;
            txn.put(
                catalog,
                &catalog::index_key(schema.name, index),
                &record.encode(),
            )?;
        }
        for index in self.built.iter().map(|&position| &schema.indexes[position]) {
            let to = catalog::index_table(schema.name, index.name);
            rename(txn, &catalog::unfinished_table(stored, index.name), &to)?;
            put_index(txn, catalog, schema, index)?;
        }
        if !self.built.is_empty() {
            txn.delete(catalog, &catalog::build_key(stored))?;
        }
        self.rename_log(txn)?;
        rename(txn, stored, schema.name)?;
        if self.starts_log {
            log::create(txn, &catalog::log_table(schema.name))?;
        }
        if let Some(record) = &self.record {
            txn.delete(catalog, &catalog::table_key(stored))?;
            txn.put(catalog, &catalog::table_key(schema.name), &record.encode())?;
        }
        Ok(())
    }

    /// Gives the log, if the file has one, the new name of the table.
    fn rename_log(&self, txn: &mut core::WriteTxn<'_>) -> Result<(), OpenError> {
        if self.stored_name == self.schema.name {
            return Ok(());
        }
        let name = catalog::log_table(self.stored_name);
        let Some(entries) = find_table(txn, &name)? else {
            return Ok(());
        };
        let rows = txn.open_table(self.stored_name)?;
        log::rename(txn, self.schema, rows, entries).map_err(|error| match error {
            Error::Engine(error) => error.into(),
            _ => OpenError::Catalog {
                name,
                reason: "it is malformed",
            },
        })
    }

    fn apply_new(
        &self,
        txn: &mut core::WriteTxn<'_>,
        catalog: core::Table,
    ) -> Result<(), OpenError> {
        let schema = self.schema;
        txn.create_table(schema.name, TableFlags::empty())?;
        let record = TableRecord::new(txn.sequence(catalog, 1)?, schema);
        txn.put(catalog, &catalog::table_key(schema.name), &record.encode())?;
        if self.starts_log {
            log::create(txn, &catalog::log_table(schema.name))?;
        }
        for index in schema.indexes {
            let name = catalog::index_table(schema.name, index.name);
            txn.create_table(name, IndexKind::of(index).flags(schema.key.width))?;
            put_index(txn, catalog, schema, index)?;
        }
        Ok(())
    }
}

/// Returns whether the primary key is the stored one, under its name or under that of the struct rows are made from.
/// `is_older` says that a newer program wrote the file, whose enums may have more variants.
fn has_same_key(
    schema: &TableSchema,
    stored: &TableRecord,
    names: &Names<'_>,
    is_older: bool,
) -> bool {
    let is_stored = |schema: &TableSchema, names: &Names<'_>| {
        let now = schema.key.text(names);
        shape::covers(&now, &stored.key) || (is_older && shape::covers(&stored.key, &now))
    };
    let origin = layout::origin(schema, stored.current());
    let writer = origin.and_then(|origin| schema.generation(origin.generation));
    is_stored(schema, names)
        || writer.is_some_and(|writer| {
            shape::covers(&schema.key.shape.to_string(), &writer.key.shape.to_string())
                && is_stored(writer, &rename::names(writer, stored))
        })
}

/// Returns whether a newer program has an index with more variants of enums; it can be read all the same.
fn has_grown(schema: &IndexSchema, stored: &IndexRecord, names: &Names<'_>) -> bool {
    let now = schema.text(names);
    let is_same = stored.kind == IndexKind::of(schema) && !stored.is_stale;
    is_same && stored.definition != now && shape::covers(&stored.definition, &now)
}

/// Writes the catalog entry of a new index.
fn put_index(
    txn: &mut core::WriteTxn<'_>,
    catalog: core::Table,
    table: &TableSchema,
    index: &IndexSchema,
) -> Result<(), OpenError> {
    let record = IndexRecord::new(txn.sequence(catalog, 1)?, index);
    let key = catalog::index_key(table.name, index.name);
    txn.put(catalog, &key, &record.encode())?;
    Ok(())
}

/// Drops an index with its entry in the catalog.
pub(super) fn drop_index(
    txn: &mut core::WriteTxn<'_>,
    catalog: core::Table,
    table: &str,
    index: &str,
) -> core::Result<()> {
    if let Some(entries) = find_table(txn, &catalog::index_table(table, index))? {
        txn.drop_table(entries)?;
    }
    txn.delete(catalog, &catalog::index_key(table, index))?;
    Ok(())
}

fn rename(txn: &mut core::WriteTxn<'_>, from: &str, to: &str) -> core::Result<()> {
    if from != to {
        let table = txn.open_table(from)?;
        txn.rename_table(table, to)?;
    }
    Ok(())
}
