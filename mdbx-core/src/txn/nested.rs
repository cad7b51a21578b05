//! A write transaction inside another.
//!
//! It works on the state of the outer one, one level up, and notes what it would take to undo that: see `pager/dirty`.

use std::ops::{Deref, DerefMut};

use crate::error::Result;
use crate::gc::reclaim::GcMark;
use crate::txn::canary::Canary;
use crate::txn::table::TablesMark;
use crate::txn::write::WriteTxn;

/// A write transaction inside another, which waits until it ends. Everything that a [`WriteTxn`] does, it does too.
///
/// [`commit`](NestedTxn::commit) makes its changes changes of the outer transaction. Dropping it undoes them, also
/// after an error that makes it fail: the outer transaction goes on as if the nested one had never begun.
///
/// ```
/// # use mdbx_core::{Env, Table};
/// # let dir = tempfile::tempdir()?;
/// # let env = Env::open(dir.path().join("db"))?;
/// let mut txn = env.write()?;
/// txn.put(Table::MAIN, b"kept", b"")?;
/// let mut attempt = txn.nested()?;
/// attempt.put(Table::MAIN, b"tried", b"")?;
/// attempt.abort();
/// txn.commit()?;
/// assert_eq!(env.read()?.get(Table::MAIN, b"tried")?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct NestedTxn<'t, 'env> {
    txn: &'t mut WriteTxn<'env>,
    /// The state before; `None` once the transaction has ended.
    before: Option<Before>,
    level: usize,
}

/// The state of the outer transaction, but for its pages.
#[derive(Debug)]
struct Before {
    gc: GcMark,
    tables: TablesMark,
    canary: Canary,
}

impl<'env> WriteTxn<'env> {
    /// Begins a transaction inside this one, which can be used again when it has ended. They nest to any depth.
    ///
    /// # Errors
    ///
    /// [`Error::TxnFailed`](crate::Error::TxnFailed) if an earlier error left this transaction half changed.
    #[doc(alias = "mdbx_txn_begin")]
    pub fn nested(&mut self) -> Result<NestedTxn<'_, 'env>> {
        self.check_sound()?;
        let before = self.begin_level();
        let level = self.level();
        Ok(NestedTxn {
            txn: self,
            before: Some(before),
            level,
        })
    }

    fn begin_level(&mut self) -> Before {
        Before {
            gc: self.gc.get_mut().begin_level(),
            tables: self.tables.mark(),
            canary: self.canary,
        }
    }

    fn undo_level(&mut self, before: Before) {
        let gc = self.gc.get_mut();
        let level = gc.supply.level;
        for dirty in self.tables.dirty_mut() {
            dirty.undo_level(level, &mut gc.supply.memory.buffers);
        }
        self.tables.undo_to(&before.tables, &mut gc.supply.memory);
        gc.undo_level(before.gc);
        self.canary = before.canary;
        self.failed.set(false);
    }

    fn merge_level(&mut self) {
        let gc = self.gc.get_mut();
        let level = gc.supply.level;
        for dirty in self.tables.dirty_mut() {
            dirty.merge_level(level, &mut gc.supply.memory.buffers);
        }
        gc.merge_level();
    }
}

impl NestedTxn<'_, '_> {
    /// Makes the changes part of the outer transaction.
    ///
    /// # Errors
    ///
    /// [`Error::TxnFailed`](crate::Error::TxnFailed) if an earlier error left the changes half done. They are undone then.
    #[doc(alias = "mdbx_txn_commit")]
    pub fn commit(mut self) -> Result<()> {
        self.txn.check_sound()?; // dropping it undoes the changes
        if self.is_intact() {
            self.before = None;
            self.txn.merge_level();
        }
        Ok(())
    }

    /// Undoes the changes. Dropping the transaction does the same.
    #[doc(alias = "mdbx_txn_abort")]
    pub fn abort(self) {}

    /// Undoes the changes and goes on.
    pub fn rollback(&mut self) {
        if self.is_intact()
            && let Some(before) = self.before.take()
        {
            self.txn.undo_level(before);
            self.before = Some(self.txn.begin_level());
        }
    }

    /// Returns whether the outer transaction is still the one that this one began in. Another one can have been
    /// swapped for it, and then neither can go on.
    fn is_intact(&self) -> bool {
        let intact = self.txn.level() == self.level;
        if !intact {
            self.txn.failed.set(true);
        }
        intact
    }
}

impl Drop for NestedTxn<'_, '_> {
    fn drop(&mut self) {
        if let Some(before) = self.before.take()
            && self.is_intact()
        {
            self.txn.undo_level(before);
        }
    }
}

impl<'env> Deref for NestedTxn<'_, 'env> {
    type Target = WriteTxn<'env>;

    fn deref(&self) -> &WriteTxn<'env> {
        self.txn
    }
}

impl<'env> DerefMut for NestedTxn<'_, 'env> {
    fn deref_mut(&mut self) -> &mut WriteTxn<'env> {
        self.txn
    }
}
