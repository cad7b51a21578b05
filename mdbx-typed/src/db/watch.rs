//! Listening for changes: subscriptions in this process, and a question to ask from time to time in others.

use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeBounds;
use std::sync::Arc;

use mdbx_core as core;
use mdbx_core::Txnid;

use super::{Database, Inner, ReadTxn, WriteTxn};
use crate::changes::log::{self, Log};
use crate::changes::{ChangedTables, Changes, Filter, LoggedChanges, Queue, Watch};
use crate::error::Result;
use crate::key::{Key, KeyRange};
use crate::schema::handles::Source;
use crate::schema::{LoggedTable, OrderedIndex, Table};

/// How many change sets wait for a subscriber before the oldest goes: plenty for one that reads them at all.
const CAPACITY: usize = 1024;

impl Database {
    /// Tells of all changes of the table of `T` that are committed from now on through this database and its clones.
    ///
    /// It waits for a write transaction that is running to end. So every transaction is either in each snapshot that is
    /// read from now on, or its changes come, all of them: [`Changes`] shows how a copy of the table is kept.
    ///
    /// Other processes ask [`changed_since`](Database::changed_since).
    ///
    /// ```
    /// # use mdbx_typed::prelude::*;
    /// # #[derive(Table, serde::Serialize, serde::Deserialize)] struct User { #[key] id: u64, name: String }
    /// # let db = Database::in_memory(schema![User])?;
    /// let changes = db.subscribe::<User>()?;
    /// db.write(|tx| {
    ///     tx.insert(&User { id: 1, name: "Ann".into() })?;
    ///     tx.insert(&User { id: 2, name: "Bob".into() })?;
    ///     tx.delete::<User>(1)
    /// })?;
    /// let set = changes.recv()?;
    /// assert_eq!(set.inserted, [2]); // what the transaction came to
    /// assert!(set.updated.is_empty() && set.deleted.is_empty());
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotInSchema`](crate::Error::NotInSchema); [`Error::Engine`](crate::Error::Engine), among others when this
    /// thread has a write transaction, which would never end.
    pub fn subscribe<T: Table>(&self) -> Result<Changes<T>> {
        self.subscription().start()
    }

    /// Returns a subscription to be set up before it starts: which changes, and how many may wait.
    ///
    /// ```
    /// # use mdbx_typed::prelude::*;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Table, Serialize, Deserialize)]
    /// # #[index(by_country_age, on(country, age))]
    /// # struct User { #[key] id: u64, country: String, age: u32 }
    /// # let db = Database::in_memory(schema![User])?;
    /// let adults = db.subscription::<User>().on(user::by_country_age, ("DE", 18)..=("DE", u32::MAX)).start()?;
    /// db.write(|tx| tx.insert(&User { id: 1, country: "DE".into(), age: 17 }))?;
    /// db.write(|tx| tx.update::<User>(1, |user| user.age += 1))?;
    /// assert_eq!(adults.recv()?.inserted, [1]); // an update for the table, and new in the range
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn subscription<T: Table>(&self) -> Subscription<'_, T> {
        Subscription {
            inner: &self.inner,
            filter: None,
            capacity: CAPACITY,
            table: PhantomData,
        }
    }

    /// Returns which tables of the schema were changed after transaction `txn`, by whatever process, and what to ask with
    /// the next time.
    ///
    /// It looks at a few bytes for each table, so that it can be asked often. For the first time ask with the
    /// [`id`](ReadTxn::id) of the snapshot that was read.
    ///
    /// ```
    /// # use mdbx_typed::prelude::*;
    /// # use mdbx_typed::{Result, Txnid};
    /// # #[derive(Table, serde::Serialize, serde::Deserialize)] struct User { #[key] id: u64, name: String }
    /// # #[derive(Table, serde::Serialize, serde::Deserialize)] struct Setting { #[key] name: String, value: String }
    /// /// Called once a second; `seen` begins as the id of the snapshot that the caches were filled from.
    /// fn poll(db: &Database, seen: &mut Txnid) -> Result<()> {
    ///     let tx = db.read()?;
    ///     let changed = tx.changed_since(*seen)?;
    ///     if changed.has::<Setting>() {
    ///         // read the settings anew, from `tx`
    ///     }
    ///     *seen = changed.txn();
    ///     Ok(())
    /// }
    /// # let db = Database::in_memory(schema![User, Setting])?;
    /// # let mut seen = db.read()?.id();
    /// # db.write(|tx| tx.insert(&User { id: 1, name: "Ann".into() }))?;
    /// # let changed = db.changed_since(seen)?;
    /// # assert!(changed.has::<User>() && !changed.has::<Setting>());
    /// # poll(&db, &mut seen)?;
    /// # assert!(db.changed_since(seen)?.is_empty());
    /// # Ok::<_, mdbx_typed::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`ReadTxn::changed_since`], and as [`read`](Database::read).
    pub fn changed_since(&self, txn: Txnid) -> Result<ChangedTables> {
        self.read()?.changed_since(txn)
    }
}

impl ReadTxn<'_> {
    /// Returns which tables of the schema differ between the snapshot of transaction `txn` and this one, and the id of this
    /// one.
    ///
    /// Rewriting rows counts, also with the same content, as [`migrate`](Database::migrate) does. If the file has not come to
    /// `txn` yet, it is not the file it was, as after restoring a backup; then all tables count as changed.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`](crate::Error::Engine) if the file is damaged.
    pub fn changed_since(&self, txn: Txnid) -> Result<ChangedTables> {
        let (core, inner) = self.parts();
        changed_since(core, inner, txn)
    }

    /// Returns the changes that transactions after `txn` made to a table with `#[table(log)]`, one change set for each, in
    /// their order: by whatever process, and also before a restart.
    ///
    /// Closures that [`batch`](Database::batch) committed together are one transaction.
    ///
    /// ```
    /// # use mdbx_typed::prelude::*;
    /// # use mdbx_typed::{Error, Result, Txnid};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Table, Serialize, Deserialize)]
    /// #[table(log)]
    /// struct User {
    ///     #[key]
    ///     id: u64,
    ///     name: String,
    /// }
    ///
    /// /// Sends what changed since the last time, and returns what to ask with the next time.
    /// fn replicate(db: &Database, sent: Txnid) -> Result<Txnid> {
    ///     let tx = db.read()?;
    ///     match tx.changes_since::<User>(sent) {
    ///         Ok(changes) => {
    ///             for set in changes {
    ///                 let set = set?;
    ///                 println!("{:?} changed, {:?} went", set.changed().collect::<Vec<_>>(), set.deleted);
    ///             }
    ///         }
    ///         Err(Error::NotInLog { .. }) => println!("send the whole table"),
    ///         Err(error) => return Err(error),
    ///     }
    ///     Ok(tx.id())
    /// }
    /// # let db = Database::in_memory(schema![User])?;
    /// # let start = db.read()?.id();
    /// # db.write(|tx| tx.insert(&User { id: 1, name: "Ann".into() }))?;
    /// # assert_eq!(db.read()?.changes_since::<User>(start)?.next().unwrap()?.inserted, [1]);
    /// # replicate(&db, start)?;
    /// # Ok::<_, Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotInLog`](crate::Error::NotInLog) if the log does not have all of them, so that none is missed silently;
    /// [`Error::Key`](crate::Error::Key) for a damaged log; [`Error::NotInSchema`](crate::Error::NotInSchema);
    /// [`Error::Engine`](crate::Error::Engine).
    pub fn changes_since<T: LoggedTable>(&self, txn: Txnid) -> Result<LoggedChanges<'_, T>> {
        let (core, inner) = self.parts();
        let handles = inner.require::<T>()?;
        let log =
            Log::of(T::SCHEMA.name, handles).ok_or_else(|| log::no_log::<T>(txn, core.id()))?;
        log.since(core, txn)
    }
}

impl WriteTxn<'_> {
    /// Removes from the log of a table the changes of all transactions up to `upto`, and returns how many there were. This
    /// transaction's own stay.
    ///
    /// A log grows with every change; a program that keeps one has to trim it. To keep the last thousand transactions:
    ///
    /// ```
    /// # use mdbx_typed::prelude::*;
    /// # use mdbx_typed::{Result, Txnid};
    /// # #[derive(Table, serde::Serialize, serde::Deserialize)] #[table(log)] struct User { #[key] id: u64 }
    /// fn trim(db: &Database) -> Result<u64> {
    ///     db.write(|tx| tx.trim_log::<User>(Txnid(tx.id().0.saturating_sub(1000))))
    /// }
    /// # trim(&Database::in_memory(schema![User])?)?;
    /// # Ok::<_, mdbx_typed::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Key`](crate::Error::Key) for a damaged log; [`Error::NotInSchema`](crate::Error::NotInSchema);
    /// [`Error::ReadOnly`](crate::Error::ReadOnly); [`Error::Engine`](crate::Error::Engine).
    pub fn trim_log<T: LoggedTable>(&mut self, upto: Txnid) -> Result<u64> {
        self.statement::<T>()?.trim_log(upto)
    }
}

fn changed_since(source: &dyn Source, inner: &Inner, txn: Txnid) -> Result<ChangedTables> {
    let now = source.id();
    let mut names = Vec::new();
    if now != txn {
        for (schema, handles) in inner.all() {
            let last_change = source.table(handles.rows.table)?.stat().last_change;
            if now < txn || last_change > txn {
                names.push(schema.name);
            }
        }
    }
    Ok(ChangedTables::new(now, names))
}

/// A subscription that has not started: from [`Database::subscription`].
#[must_use = "it begins with `start`"]
pub struct Subscription<'db, T> {
    inner: &'db Inner,
    filter: Option<Filter>,
    capacity: usize,
    table: PhantomData<fn() -> T>,
}

impl<T: Table> Subscription<'_, T> {
    /// Listens only to rows with a key in a range of an index, or of the primary key: `.on(user::primary, 100..)`. The
    /// last call counts.
    ///
    /// The subscription sees the table as if it held only these rows. So an update that moves a row into the range comes
    /// as `inserted`, and one that moves it out as `deleted`. A row with several keys in the index is in the range with one
    /// of them.
    pub fn on<'q, I: OrderedIndex<Table = T>>(
        self,
        index: I,
        range: impl RangeBounds<<I::Key as Key>::Ref<'q>>,
    ) -> Self {
        let _ = index;
        let range = KeyRange::between::<I::Key>(&range);
        Subscription {
            filter: Some(Filter {
                index: I::POSITION,
                range,
            }),
            ..self
        }
    }

    /// Sets how many change sets may wait to be received, 1024 by default. When one more comes, the oldest goes.
    ///
    /// A change set has the keys that its transaction changed, however many they are.
    ///
    /// # Panics
    ///
    /// If it is 0.
    pub fn capacity(self, sets: usize) -> Self {
        assert!(sets > 0, "a queue has room for at least one change set");
        Subscription {
            capacity: sets,
            ..self
        }
    }

    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// As [`Database::subscribe`].
    pub fn start(self) -> Result<Changes<T>> {
        self.inner.require::<T>()?;
        let watch = Arc::new(Watch {
            slot: T::slot(),
            filter: self.filter,
            queue: Queue::new(self.capacity),
        });
        let hub = &self.inner.hub;
        let turn = match self.inner.env.write() {
            Err(core::Error::ReadOnly) => None, // nothing is ever written here
            turn => Some(turn?),
        };
        hub.subscribe(Arc::clone(&watch));
        drop(turn);
        Ok(Changes::new(watch, hub))
    }
}

impl<T: Table> fmt::Debug for Subscription<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("table", &T::SCHEMA.name)
            .field("filter", &self.filter)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}
