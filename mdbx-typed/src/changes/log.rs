//! The log of a table: its changes, kept in the file, for other processes and for after a restart.
//!
//! It is an engine table beside that of the rows, `users.@log`, which is written in the same transactions:
//!
//! ```text
//! key                                       value
//! 0: u64 | 0: u32                           start: u64
//! transaction: u64 | number: u32            kind: byte | primary key
//! ```
//!
//! All numbers are big endian. The kind is 1 for inserted, 2 for updated, 3 for deleted; 0 has no key, and says that the
//! transaction changed nothing that lasts. The numbers of one transaction count from 0.
//!
//! The log has all changes of the transactions after `start`. That holds though other programs may write the table without
//! knowing of the log: the engine keeps for each table which transaction changed it last. As long as each transaction
//! that changes the rows adds an entry, too, the rows are never newer than the last entry, or than the start where there
//! is none. Where they are, something is missing; then the log starts anew after that, and who asks for earlier changes
//! is told that they are not there.
//!
//! Who clears a table takes away which transaction changed it last. So a transaction looks how old the rows are before
//! its first statement on them.

use std::iter::{FusedIterator, Peekable};
use std::marker::PhantomData;
use std::ops::Bound;

use mdbx_core as core;
use mdbx_core::Txnid;

use super::journal::net_effect;
use super::set::{ChangeSet, RawSet};
use crate::error::{Error, KeyError, Result};
use crate::schema::catalog::log_table;
use crate::schema::handles::{Source, TableHandles, Target};
use crate::schema::{Table, TableSchema};

/// Where errors say that a key of the log is malformed.
const INDEX: &str = "@log";

const NOTHING: u8 = 0;
const INSERTED: u8 = 1;
const UPDATED: u8 = 2;
const DELETED: u8 = 3;

/// The key of an entry.
type EntryKey = [u8; 12];

fn entry_key(txn: Txnid, number: u32) -> EntryKey {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&txn.0.to_be_bytes());
    key[8..].copy_from_slice(&number.to_be_bytes());
    key
}

/// Returns the transaction and the number of an entry.
fn parse_key(key: &[u8]) -> Result<(Txnid, u32), KeyError> {
    let malformed = KeyError::malformed("key of the log");
    let (txn, number) = key.split_first_chunk().ok_or(malformed)?;
    let number = number.try_into().map_err(|_| malformed)?;
    Ok((Txnid(u64::from_be_bytes(*txn)), u32::from_be_bytes(number)))
}

fn malformed<T>(table: &'static str, result: Result<T, KeyError>) -> Result<T> {
    result.map_err(|source| Error::Key {
        table,
        index: INDEX,
        source,
    })
}

/// Begins the log of a table that has none.
pub(crate) fn create(txn: &mut core::WriteTxn<'_>, name: &str) -> core::Result<()> {
    let log = txn.create_table(name, core::TableFlags::empty())?;
    let start = txn.id();
    set_start(txn, log, start)
}

fn set_start(txn: &mut dyn Target, log: core::Table, start: Txnid) -> core::Result<()> {
    txn.put(log, &entry_key(Txnid(0), 0), &start.0.to_be_bytes())
}

/// Gives a log another name, before the table `rows` gets one, too. That makes the rows newer.
pub(crate) fn rename(
    txn: &mut core::WriteTxn<'_>,
    schema: &TableSchema,
    rows: core::Table,
    entries: core::Table,
) -> Result<()> {
    let name = schema.name;
    let log = Log {
        name,
        rows,
        entries,
    };
    log.touch(txn)?;
    txn.rename_table(entries, log_table(name))?;
    Ok(())
}

/// A log and the rows it belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Log {
    name: &'static str,
    rows: core::Table,
    entries: core::Table,
}

impl Log {
    /// Returns the log of a table; `None` if it has none.
    pub(crate) fn of(name: &'static str, handles: &TableHandles) -> Option<Log> {
        Some(Log {
            name,
            rows: handles.rows.table,
            entries: handles.log?,
        })
    }

    /// Returns which transaction changed the rows last. In a write transaction that is one before it, as long as it has not
    /// cleared them.
    pub(crate) fn rows_changed(self, source: &dyn Source) -> Result<Txnid> {
        Ok(source.table(self.rows)?.stat().last_change)
    }

    /// Returns the transaction after which all changes are there.
    fn start(self, source: &dyn Source) -> Result<Txnid> {
        let changed = self.rows_changed(source)?;
        let (last, _) = self.last(source)?;
        if changed > last {
            return Ok(changed); // by a program that does not know the log
        }
        self.stored_start(source)
    }

    fn stored_start(self, source: &dyn Source) -> Result<Txnid> {
        let start = source.table(self.entries)?.get(&entry_key(Txnid(0), 0))?;
        let start = start.and_then(|start| Some(Txnid(u64::from_be_bytes(start.try_into().ok()?))));
        malformed(
            self.name,
            start.ok_or(KeyError::malformed("start of the log")),
        )
    }

    /// Returns the transaction and the number of the last entry; those of the start if there is none.
    fn last(self, source: &dyn Source) -> Result<(Txnid, u32)> {
        let last = source.table(self.entries)?.last()?;
        let last = last.map(|(key, _)| parse_key(key)).transpose();
        match malformed(self.name, last)? {
            Some((txn, number)) if txn > Txnid(0) => Ok((txn, number)),
            _ => match self.stored_start(source) {
                Err(Error::Key { .. }) => Ok((Txnid(0), 0)), // nothing is there, so that everything is missing
                start => Ok((start?, 0)),
            },
        }
    }

    /// Returns the number of the next entry of this transaction. Before the first, starts anew if something is missing.
    fn next_number(self, txn: &mut dyn Target, rows_changed: Txnid) -> Result<u32> {
        let (last, number) = self.last(txn)?;
        if last == txn.id() {
            let next = number.checked_add(1);
            return malformed(self.name, next.ok_or(KeyError::malformed("key of the log")));
        }
        self.catch_up(txn, rows_changed)?;
        Ok(0)
    }

    /// Starts the log anew if the rows were changed, in `rows_changed`, by a program that does not know it.
    fn catch_up(self, txn: &mut dyn Target, rows_changed: Txnid) -> Result<()> {
        let (last, _) = self.last(txn)?;
        if rows_changed > last {
            txn.clear(self.entries)?;
            set_start(txn, self.entries, rows_changed)?;
        }
        Ok(())
    }

    /// Adds what a transaction changed. Before it, the rows were changed in `rows_changed`.
    pub(crate) fn append(
        self,
        txn: &mut dyn Target,
        set: &RawSet,
        rows_changed: Txnid,
    ) -> Result<()> {
        let lists = [
            (INSERTED, &set.inserted),
            (UPDATED, &set.updated),
            (DELETED, &set.deleted),
        ];
        let id = txn.id();
        let mut number = self.next_number(txn, rows_changed)?;
        let mut value = Vec::new();
        let mut add = |kind: u8, key: &[u8]| {
            value.clear();
            value.push(kind);
            value.extend_from_slice(key);
            txn.put(self.entries, &entry_key(id, number), &value)?;
            let next = number.checked_add(1);
            number = malformed(self.name, next.ok_or(KeyError::malformed("key of the log")))?;
            Ok::<_, Error>(())
        };
        if set.is_empty() {
            add(NOTHING, &[])?;
        }
        for (kind, list) in lists {
            list.iter().try_for_each(|key| add(kind, key))?;
        }
        Ok(())
    }

    /// Notes that a transaction rewrites rows without changing what they say.
    pub(crate) fn touch(self, txn: &mut dyn Target) -> Result<()> {
        let rows_changed = self.rows_changed(txn)?;
        self.append(txn, &RawSet::default(), rows_changed)
    }

    /// Removes the changes of all transactions up to `upto` that are before this one; returns how many entries there were.
    pub(crate) fn trim(
        self,
        txn: &mut dyn Target,
        upto: Txnid,
        rows_changed: Txnid,
    ) -> Result<u64> {
        let upto = upto.min(Txnid(txn.id().0 - 1));
        self.catch_up(txn, rows_changed)?;
        let (first, end) = (entry_key(Txnid(0), 1), entry_key(Txnid(upto.0 + 1), 0));
        let range = (Bound::Included(&first[..]), Bound::Excluded(&end[..]));
        let last = txn
            .table(self.entries)?
            .range(range)
            .next_back()
            .transpose()?;
        let Some(last) = last.map(|(key, _)| parse_key(key)) else {
            return Ok(0);
        };
        let (start, _) = malformed(self.name, last)?;
        let count = txn.delete_range(self.entries, range)?;
        set_start(txn, self.entries, start)?;
        Ok(count)
    }

    /// Returns the changes of the transactions after `since`.
    pub(crate) fn since<T: Table>(
        self,
        source: &dyn Source,
        since: Txnid,
    ) -> Result<LoggedChanges<'_, T>> {
        let start = self.start(source)?;
        require(self.name, since, start, source.id())?;
        let from = entry_key(Txnid(since.0 + 1), 0);
        let entries = source.table(self.entries)?.range(&from[..]..);
        Ok(LoggedChanges {
            entries: entries.peekable(),
            is_done: false,
            table: PhantomData,
        })
    }
}

/// Returns the error that says a table, which can only be read, has no log.
pub(crate) fn no_log<T: Table>(since: Txnid, now: Txnid) -> Error {
    Error::NotInLog {
        table: T::SCHEMA.name,
        since,
        start: now,
    }
}

/// Checks that the log begins early enough, and that the file has come to what is asked for.
fn require(table: &'static str, since: Txnid, start: Txnid, now: Txnid) -> Result<()> {
    if since < start || since > now {
        return Err(Error::NotInLog {
            table,
            since,
            start,
        });
    }
    Ok(())
}

/// Change sets from the log of a table, in the order of their transactions: from
/// [`ReadTxn::changes_since`](crate::ReadTxn::changes_since).
///
/// They are read as they are asked for. One that cannot be read is an error, and is the last one then.
#[must_use = "nothing is read before it is asked for"]
pub struct LoggedChanges<'t, T> {
    entries: Peekable<core::Range<'t>>,
    is_done: bool,
    table: PhantomData<fn() -> T>,
}

impl<T: Table> LoggedChanges<'_, T> {
    /// Reads the entries of one transaction. What closures of one batch did to the same row comes to one change.
    fn read(&mut self) -> Result<Option<RawSet>> {
        let mut found: Option<Txnid> = None;
        let mut changes: Vec<(&[u8], bool, bool)> = Vec::new();
        while let Some(entry) = self.entries.peek() {
            let Ok((key, value)) = entry else {
                // Taken out of the iterator to be returned.
                self.entries.next().transpose()?;
                break;
            };
            let (txn, _) = malformed(T::SCHEMA.name, parse_key(key))?;
            if *found.get_or_insert(txn) != txn {
                break;
            }
            let change = match value.split_first() {
                Some((&INSERTED, key)) => Some((key, false, true)),
                Some((&UPDATED, key)) => Some((key, true, true)),
                Some((&DELETED, key)) => Some((key, true, false)),
                Some((&NOTHING, [])) => None,
                _ => {
                    return malformed(T::SCHEMA.name, Err(KeyError::malformed("entry of the log")));
                }
            };
            changes.extend(change);
            self.entries.next();
        }
        Ok(found.map(|txn| net_effect(txn, changes.into_iter())))
    }

    fn read_next(&mut self) -> Result<Option<ChangeSet<T>>> {
        while let Some(set) = self.read()? {
            if !set.is_empty() {
                return malformed(T::SCHEMA.name, set.decode()).map(Some);
            }
        }
        Ok(None)
    }
}

impl<T: Table> Iterator for LoggedChanges<'_, T> {
    type Item = Result<ChangeSet<T>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let next = self.read_next().transpose();
        self.is_done = !matches!(next, Some(Ok(_)));
        next
    }
}

impl<T: Table> FusedIterator for LoggedChanges<'_, T> {}

impl<T: Table> std::fmt::Debug for LoggedChanges<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoggedChanges")
            .field("table", &T::SCHEMA.name)
            .finish_non_exhaustive()
    }
}
