//! Makes the tables of a file those of the program, or says how they differ.
//!
//! The file is compared first in a read transaction, so that opening a database that needs nothing writes nothing.
//! Otherwise it is compared again in each write transaction, since another process may have been faster. Missing indexes
//! are built in as many transactions as they need; everything else is changed in the last of them.

use std::fmt;
use std::sync::Arc;

use mdbx_core::{self as core, Env, TableFlags};

use super::plan::Plan;
use super::policy::Policies;
use crate::backfill::{self, Portion};
use crate::error::OpenError;
use crate::progress::Progress;
use crate::schema::catalog;
use crate::schema::handles::{KeyLimits, TableHandles, find_table, load_catalog};
use crate::schema::{Schema, TableSchema};

/// How often rows may be changed by others while their indexes are built, before all is done in one transaction.
const MOST_RESTARTS: usize = 3;

/// How many rows a transaction reads to build indexes.
pub(super) const BATCH_ROWS: usize = 200_000;

/// How many bytes a load or a build gathers, at most about.
const SORT_MEMORY: usize = 64 << 20;

/// Who is told how far building indexes has come.
type Listener = Arc<dyn Fn(Progress<'_>) + Send + Sync>;

/// How a file is made to fit.
#[derive(Clone)]
pub(super) struct Fitting {
    pub(super) policies: Policies,
    pub(super) batch_rows: usize,
    /// How many bytes are gathered before they are sorted and written.
    pub(super) sort_memory: usize,
    pub(super) progress: Option<Listener>,
}

impl Default for Fitting {
    fn default() -> Self {
        Fitting {
            policies: Policies::default(),
            batch_rows: BATCH_ROWS,
            sort_memory: SORT_MEMORY,
            progress: None,
        }
    }
}

impl fmt::Debug for Fitting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fitting")
            .field("policies", &self.policies)
            .field("batch_rows", &self.batch_rows)
            .finish_non_exhaustive()
    }
}

/// What an open database knows of its tables.
pub(super) struct Opened {
    /// By slot.
    pub(super) tables: Vec<Option<TableHandles>>,
    /// The catalog and its app record; `None` if the file has none.
    pub(super) catalog: Option<(core::Table, Box<[u8]>)>,
}

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

/// Makes the file fit, and returns the handles of all tables of the schema.
pub(super) fn tables(env: &Env, schema: &Schema, fitting: &Fitting) -> Result<Opened, OpenError> {
    let limits = KeyLimits::of(env.info()?.page_size);
    for table in schema.tables() {
        check_widths(table, limits)?;
    }
    let plan = Plan::find(&env.read()?, schema, fitting.policies)?.accepted()?;
    let is_as_planned = plan.is_empty() || carry_out(env, schema, fitting, limits)?;
    let txn = env.read()?;
    let mut plan = Plan::find(&txn, schema, fitting.policies)?.accepted()?;
    if !is_as_planned {
        plan = plan.without_writing()?;
    }
    let mut tables = Vec::new();
    for table in plan.tables {
        let slot = (table.schema.slot)();
        if tables.len() <= slot {
            tables.resize_with(slot + 1, || None);
        }
        tables[slot] = Some(TableHandles::open(
            &txn,
            table.schema,
            limits,
            table.revisions,
            table.read_only,
            &table.missing,
        )?);
    }
    let catalog = match (find_table(&txn, catalog::TABLE)?, plan.catalog.app()) {
        (Some(table), Some(app)) => Some((table, app.into())),
        _ => None,
    };
    Ok(Opened { tables, catalog })
}

/// Builds the indexes that are missing, and changes the catalog when they are there. Returns `false` if the file can only be
/// read.
fn carry_out(
    env: &Env,
    schema: &Schema,
    fitting: &Fitting,
    limits: KeyLimits,
) -> Result<bool, OpenError> {
    let mut restarts = 0;
    loop {
        let mut txn = match env.write() {
            Err(core::Error::ReadOnly) => return Ok(false),
            txn => txn?,
        };
        let plan = Plan::find(&txn, schema, fitting.policies)?.accepted()?;
        let portion = Portion {
            rows: if restarts > MOST_RESTARTS {
                usize::MAX
            } else {
                fitting.batch_rows
            },
            bytes: fitting.sort_memory,
        };
        let mut unfinished = None;
        for build in plan.builds(limits) {
            let advance = match build.advance(&mut txn, &plan.catalog, portion) {
                Ok(advance) => advance,
                Err(error) => {
                    drop(txn);
                    return Err(give_up(env, &plan, limits, error));
                }
            };
            restarts += usize::from(advance.is_restart);
            if !advance.is_complete {
                unfinished = Some((build.schema.name, advance.done, build.rows(&txn)?));
                break;
            }
        }
        let Some((table, done, total)) = unfinished else {
            plan.apply(&mut txn)?;
            txn.commit()?;
            return Ok(true);
        };
        txn.commit()?;
        if let Some(progress) = &fitting.progress {
            progress(Progress { table, done, total });
        }
    }
}

/// Forgets all builds, if it is the rows that stand in their way. Returns the error.
fn give_up(env: &Env, plan: &Plan, limits: KeyLimits, error: OpenError) -> OpenError {
    if matches!(error, OpenError::Engine(_) | OpenError::Catalog { .. }) {
        return error;
    }
    let forget = || -> Result<(), OpenError> {
        let mut txn = env.write()?;
        let stored = load_catalog(&txn)?;
        for build in plan.builds(limits) {
            if let Some(record) = stored.build(build.stored_name)? {
                backfill::discard(&mut txn, build.stored_name, &record)?;
            }
        }
        txn.commit()?;
        Ok(())
    };
    let has_begun = plan
        .builds(limits)
        .any(|build| !matches!(plan.catalog.build(build.stored_name), Ok(None)));
    if has_begun {
        // What stands in the way is told in any case; what is left of the builds, nobody reads.
        let _ = forget();
    }
    error
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

/// Drops an index that the program does not have; tells whether the file had it.
pub(super) fn drop_index(env: &Env, table: &str, index: &str) -> Result<bool, OpenError> {
    let mut txn = env.write()?;
    let stored = load_catalog(&txn)?;
    if stored.index(table, index)?.is_none() {
        return Ok(false);
    }
    let catalog = txn.create_table(catalog::TABLE, TableFlags::empty())?;
    super::plan::drop_index(&mut txn, catalog, table, index)?;
    // Programs that have the index must not go on writing to it.
    let app = catalog::app_record(stored.app())?;
    txn.put(catalog, &catalog::app_key(), &app)?;
    txn.commit()?;
    Ok(true)
}

/// Drops a table that the program does not have, with its indexes; tells whether the file had it.
pub(super) fn drop_table(env: &Env, name: &str) -> Result<bool, OpenError> {
    let mut txn = env.write()?;
    let stored = load_catalog(&txn)?;
    if stored.table(name)?.is_none() {
        return Ok(false);
    }
    let catalog = txn.create_table(catalog::TABLE, TableFlags::empty())?;
    for index in stored.index_names(name) {
        super::plan::drop_index(&mut txn, catalog, name, &index)?;
    }
    if let Some(build) = stored.build(name)? {
        backfill::discard(&mut txn, name, &build)?;
    }
    if let Some(log) = find_table(&txn, &catalog::log_table(name))? {
        txn.drop_table(log)?;
    }
    if let Some(rows) = find_table(&txn, name)? {
        txn.drop_table(rows)?;
    }
    txn.delete(catalog, &catalog::table_key(name))?;
    txn.commit()?;
    Ok(true)
}
