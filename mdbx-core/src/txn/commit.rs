//! The order of writes and syncs that makes a commit atomic.
//!
//! Until the meta is written, no page of the commit can be reached, so whatever is lost before that is lost as a
//! whole. The meta that is overwritten is neither the newest nor the newest durable one, so whatever becomes of that
//! write, the database before the commit is still there.
//!
//! Source: format document, "Commit".

use std::io::IoSlice;
use std::sync::atomic::Ordering;

use crate::error::{Error, Result};
use crate::format::geometry::PageCounts;
use crate::format::meta::{Meta, Sign};
use crate::format::root::TreeRoot;
use crate::ids::Txnid;
use crate::store::open::Store;
use crate::store::troika::body_offset;
use crate::sys::process::boot_id;
use crate::txn::write::WriteTxn;

impl WriteTxn<'_> {
    /// Makes the changes durable and then visible, all at once. Returns the id of the new snapshot, or that of the
    /// present one if nothing was changed, and then nothing is written.
    ///
    /// # Errors
    ///
    /// The database is then as it was before the transaction.
    ///
    /// - [`Error::MapFull`] and [`Error::Io`] if there is no room for the commit.
    /// - [`Error::Io`] if a sync failed. It is not known then whether the commit is there when the database is opened
    ///   the next time; until then the environment takes no more writes.
    /// - [`Error::TxnFailed`] if an earlier error left the transaction half changed.
    /// - [`Error::Corrupted`] if the table of free pages is damaged.
    #[doc(alias = "mdbx_txn_commit")]
    pub fn commit(mut self) -> Result<Txnid> {
        self.check_sound()?;
        self.save_tree_roots()?; // changed tables are now described in the main tree
        // Every change shows in the main table. Free pages may have been set aside for changes that were none.
        if !self.tables.main.changed {
            return Ok(self.pager.turn().head().meta.txnid);
        }
        let commit_id = self.gc.settle(&mut self.pager)?; // pages we no longer need are listed for reuse
        let mut meta = self.next_meta(commit_id);
        let base = self.pager.turn().head();
        let grew = self.store_ref().fit(base, &mut meta.geometry)?; // the pages have a place in the file
        self.write_dirty_pages()?; // in page order; no meta reaches them yet
        self.sync_pages(grew)?; // every page is durable before a meta names it
        self.write_meta(&meta)?; // the commit point, and durable when it returns
        self.store_ref().cut(&meta.geometry); // what the file no longer needs at its end is given back
        Ok(commit_id)
    }

    fn save_tree_roots(&mut self) -> Result<()> {
        let (engine, txnid) = (self.engine, self.pager.txnid());
        for (number, root) in self.tables.take_changed() {
            if let Some(name) = engine.store.names.get(number) {
                self.write_record(
                    name,
                    &TreeRoot {
                        mod_txnid: txnid,
                        ..root
                    },
                )?;
            }
        }
        self.touch_main_root()
    }

    /// Makes sure that a changed record of the main table has a root page as new as it is.
    fn touch_main_root(&mut self) -> Result<()> {
        let main = &mut self.tables.main;
        if main.changed && !main.root.is_empty() {
            self.gc.reserve(&mut self.pager, 1)?;
            main.root.root = self.pager.touch(main.root.root)?;
        }
        Ok(())
    }

    fn next_meta(&mut self, commit_id: Txnid) -> Meta {
        let txnid = self.pager.txnid();
        let retired = self.pager.retired().len() as u64;
        let first_unallocated = self.pager.reserve().first_unallocated();
        let main = self.tables.main;
        let main_txnid = if main.changed {
            txnid
        } else {
            main.root.mod_txnid
        };
        let base = &self.pager.turn().head().meta;
        Meta {
            txnid: commit_id,
            geometry: PageCounts {
                first_unallocated,
                ..base.geometry
            },
            gc: self.gc.root_at_commit(txnid),
            main: TreeRoot {
                mod_txnid: main_txnid,
                ..main.root
            },
            sign: Sign::Steady,
            pages_retired: base.pages_retired + retired,
            boot_id: boot_id(),
            ..base.clone()
        }
    }

    /// Writes the pages, each run of consecutive ones in one call.
    fn write_dirty_pages(&self) -> Result<()> {
        let store = self.store_ref();
        let failed = |source| Error::Io {
            action: "write pages",
            source,
        };
        let mut parts = Vec::new();
        let (mut start, mut end) = (0, 0);
        for (pgno, bytes) in self.pager.dirty().ascending() {
            let at = pgno.offset(store.page_size);
            if at != end {
                store.file.write_at(&parts, start).map_err(failed)?;
                parts.clear();
                start = at;
            }
            parts.push(IoSlice::new(bytes));
            end = at + bytes.len() as u64;
        }
        store.file.write_at(&parts, start).map_err(failed)
    }

    fn sync_pages(&self, grew: bool) -> Result<()> {
        let store = self.store_ref();
        let synced = if grew {
            store.file.sync_all()
        } else {
            store.file.sync_data()
        };
        synced.map_err(|source| {
            store.failed.store(true, Ordering::Release);
            Error::Io {
                action: "sync the data file",
                source,
            }
        })
    }

    fn write_meta(&self, meta: &Meta) -> Result<()> {
        let store = self.store_ref();
        let tail = self.pager.turn().head().tail;
        let at = body_offset(store.page_size, tail);
        store
            .file
            .write_durable_at(&meta.write_body(), at)
            .map_err(|source| {
                store.failed.store(true, Ordering::Release);
                Error::Io {
                    action: "write a meta page",
                    source,
                }
            })
    }

    fn store_ref(&self) -> &'_ Store {
        &self.engine.store
    }
}
