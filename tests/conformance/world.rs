//! What a trace has made so far, by the names it chose.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mdbx_core::{Env, Error, PageSize, ReadTxn, Table, TableOrder, TableRef, Txnid, WriteTxn};
use tempfile::TempDir;

use crate::answers::{Outcome, Stop, refused};
use crate::cursors::Placed;
use crate::modes::Modes;
use crate::readers::{Reader, State};

/// The environment of a trace and everything that outlives a write transaction.
pub(crate) struct World {
    /// The page size that environments get instead of the one the trace asks for.
    pub(crate) page_size: Option<PageSize>,
    /// The orders that the application gives, by the names of tables.
    pub(crate) orders: HashMap<Vec<u8>, TableOrder>,
    /// The open environment, if any.
    pub(crate) env: Option<Env>,
    /// Its flags about durability.
    pub(crate) modes: Modes,
    pub(crate) readers: HashMap<String, Reader>,
    /// Readers that have no name.
    pub(crate) anonymous: Vec<ReadTxn<'static>>,
    /// The write transactions that have a child running, outermost first.
    pub(crate) parents: Vec<String>,
    pub(crate) tables: HashMap<String, Table>,
    pub(crate) cursors: HashMap<String, Placed>,
    /// The transactions that set the canary last, as the trace remembers them.
    pub(crate) marks: HashMap<String, Txnid>,
    /// Whether the handler of slow readers was called.
    pub(crate) handler_called: Arc<AtomicBool>,
    /// How many transactions there were.
    pub(crate) txns: u64,
    /// The tables that were opened, by their own names.
    pub(crate) named: HashMap<Vec<u8>, Table>,
    /// The working directory of the trace. It goes last: nothing is open in it then.
    directory: TempDir,
}

/// The write transaction that is running.
pub(crate) struct Writer<'s, 'env> {
    pub(crate) name: &'s str,
    /// Tells it from others of the same name, before or after it. A child has that of its parent, whose cursors it
    /// can use.
    pub(crate) number: u64,
    pub(crate) txn: &'s mut WriteTxn<'env>,
    /// Whether the trace takes it for failed.
    pub(crate) failed: &'s mut bool,
    /// Whether the trace takes it for a reader.
    pub(crate) is_read_only: bool,
}

/// What one operation can reach.
pub(crate) struct Stage<'s, 'env> {
    pub(crate) world: &'s mut World,
    pub(crate) writer: Option<Writer<'s, 'env>>,
}

impl World {
    pub(crate) fn new(page_size: Option<PageSize>) -> World {
        World {
            page_size,
            orders: HashMap::new(),
            env: None,
            modes: Modes::default(),
            readers: HashMap::new(),
            anonymous: Vec::new(),
            parents: Vec::new(),
            tables: HashMap::new(),
            named: HashMap::new(),
            cursors: HashMap::new(),
            marks: HashMap::new(),
            handler_called: Arc::default(),
            txns: 0,
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// Returns the path of a database.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Returns the open environment.
    pub(crate) fn env(&self) -> Outcome<&Env> {
        self.env
            .as_ref()
            .ok_or_else(|| Stop::Refused("no environment".to_owned()))
    }

    /// Forgets everything that the environment must not outlive, and closes it.
    pub(crate) fn close(&mut self) {
        self.readers.clear();
        self.anonymous.clear();
        self.tables.clear();
        self.named.clear();
        self.cursors.clear();
        self.env = None;
    }

    /// Returns the number of a new transaction.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.txns += 1;
        self.txns
    }

    /// Returns the table behind a handle.
    pub(crate) fn table(&self, handle: &str) -> Outcome<Table> {
        self.tables
            .get(handle)
            .copied()
            .ok_or_else(|| Stop::Refused("bad_table".to_owned()))
    }
}

impl<'env> Stage<'_, 'env> {
    /// Returns the write transaction if it has that name and can be used.
    pub(crate) fn writer_named(&self, name: &str) -> Outcome<Option<&WriteTxn<'env>>> {
        match &self.writer {
            Some(writer) if writer.name == name => {
                if *writer.failed {
                    return refused("bad_txn");
                }
                Ok(Some(writer.txn))
            }
            _ => Ok(None),
        }
    }

    /// Returns the write transaction of that name, for changes.
    pub(crate) fn writer_mut(&mut self, name: &str) -> Outcome<&mut WriteTxn<'env>> {
        match &mut self.writer {
            Some(writer) if writer.name == name => {
                if *writer.failed {
                    return refused("bad_txn");
                }
                if writer.is_read_only {
                    return refused("access");
                }
                Ok(writer.txn)
            }
            _ => {
                self.world.reader(name)?;
                refused("access")
            }
        }
    }

    /// Returns the number of a running transaction.
    pub(crate) fn number_of(&self, name: &str) -> Outcome<u64> {
        match (&self.writer, self.world.readers.get(name)) {
            (Some(writer), _) if writer.name == name => Ok(writer.number),
            (_, Some(reader)) => Ok(reader.number),
            _ => refused("bad_txn"),
        }
    }

    /// Returns the table that a cursor is bound to, as its transaction sees it.
    pub(crate) fn table_of(&self, placed: &Placed) -> Outcome<TableRef<'_>> {
        let (Some(number), Some(table)) = (placed.txn, placed.table) else {
            return refused("invalid");
        };
        if let Some(writer) = self
            .writer
            .as_ref()
            .filter(|writer| writer.number == number)
        {
            return writer.txn.table(table).map_err(no_longer);
        }
        let mut readers = self.world.readers.values();
        match readers.find(|reader| reader.number == number) {
            Some(Reader {
                state: State::Running(txn),
                ..
            }) => txn.table(table).map_err(no_longer),
            _ => refused("invalid"),
        }
    }

    /// Returns a table as a transaction sees it.
    pub(crate) fn table(&self, txn: &str, handle: &str) -> Outcome<TableRef<'_>> {
        let writer = self.writer_named(txn)?;
        let table = match writer {
            Some(writer) => writer.table(self.world.table(handle)?),
            None => self.world.reader(txn)?.table(self.world.table(handle)?),
        };
        table.map_err(no_longer)
    }
}

/// Translates the error of a handle whose table is not there: data operations call that a bad handle.
pub(crate) fn no_longer(error: Error) -> Stop {
    match error {
        Error::NoSuchTable { .. } => Stop::Refused("bad_table".to_owned()),
        error => error.into(),
    }
}
