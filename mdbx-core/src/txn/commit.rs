//! The order of writes and syncs that makes a commit atomic.
//!
//! Until the meta is written, no page of the commit can be reached, so whatever is lost before that is lost as a
//! whole. The meta that is overwritten is neither the newest nor the newest durable one, so whatever becomes of that
//! write, the database before the commit is still there.
//!
//! How strong a commit is, that is, what it waits for, is decided before anything is written. Then all kinds go the same
//! way, and leave out steps.
//!
//! Source: format document, "Commit"; locking document, "Commit".

use std::sync::atomic::Ordering;

use log::{debug, trace};

use crate::error::Result;
use crate::format::geometry::PageCounts;
use crate::format::meta::Meta;
use crate::format::root::TreeRoot;
use crate::gc::reclaim::Gc;
use crate::ids::Txnid;
use crate::pager::dirty::DirtyList;
use crate::pager::spill::write_pages;
use crate::store::durability::{Durability, Strength};
use crate::store::reader::StoreRef;
use crate::sys::process::boot_id;
use crate::txn::read::{ReadTxn, ResetTxn};
use crate::txn::table::Table;
use crate::txn::write::{WriteTxn, base};

impl<'env> WriteTxn<'env> {
    /// Makes the changes visible, all at once, and durable as the [`Durability`] in force promises. Returns the id of the
    /// new snapshot, or that of the present one if nothing was changed, and then nothing is written.
    ///
    /// # Errors
    ///
    /// The database is then as it was before the transaction.
    ///
    /// - [`Error::MapFull`](crate::Error::MapFull) and [`Error::Io`](crate::Error::Io) if there is no room for the commit.
    /// - [`Error::Io`](crate::Error::Io) if a sync failed. It is not known then whether the commit is there when the database is opened
    ///   the next time; until then the environment takes no more writes.
    /// - [`Error::EnvFailed`](crate::Error::EnvFailed) if a sync failed in the middle of this transaction.
    /// - [`Error::TxnFailed`](crate::Error::TxnFailed) if an earlier error left the transaction half changed.
    /// - [`Error::Corrupted`](crate::Error::Corrupted) if the table of free pages is damaged.
    #[doc(alias = "mdbx_txn_commit")]
    pub fn commit(mut self) -> Result<Txnid> {
        let committed = self.publish()?;
        Ok(committed.unwrap_or(self.turn.head().meta.txnid))
    }

    /// Commits, and begins to read the new snapshot before another writer has its turn.
    ///
    /// # Errors
    ///
    /// - [`Error::ReadersFull`](crate::Error::ReadersFull) before anything is committed.
    /// - Those of [`commit`](WriteTxn::commit).
    #[doc(alias = "mdbx_txn_commit_embark_read")]
    pub fn commit_and_read(mut self) -> Result<ReadTxn<'env>> {
        let reader = ResetTxn::prepare(StoreRef::Borrowed(&self.engine.store))?; // it has its place
        self.publish()?;
        reader.renew()
    }

    /// Commits what was changed so far and goes on from there, while no other writer has its turn. Returns the id of
    /// the new snapshot; `None` if nothing was changed.
    ///
    /// # Errors
    ///
    /// Those of [`commit`](WriteTxn::commit), and then the transaction can only be aborted; [`Error::Nested`](crate::Error::Nested) in a
    /// nested transaction.
    #[doc(alias = "mdbx_txn_checkpoint")]
    pub fn checkpoint(&mut self) -> Result<Option<Txnid>> {
        let committed = self.publish()?;
        if committed.is_some() {
            self.failed.set(true); // until the next transaction has begun
            self.turn.renew()?;
            self.restart()?;
        }
        Ok(committed)
    }

    /// Has this commit promise less than the environment does: a weaker `durability`. A stronger one than that in force
    /// changes nothing; [`Env::sync`](crate::Env::sync) does, after the commit.
    ///
    /// Here [`Durability::UtterlyNoSync`] means what [`Durability::SafeNoSync`] does. After a
    /// [`checkpoint`](WriteTxn::checkpoint) or [`rollback`](WriteTxn::rollback) it is as if this had not been called.
    ///
    /// ```
    /// # use mdbx_core::{Durability, Env, Table};
    /// # let dir = tempfile::tempdir()?;
    /// # let env = Env::open(dir.path().join("app.mdbx"))?;
    /// let mut txn = env.write()?;
    /// txn.put(Table::MAIN, b"last seen", b"today")?; // nothing to wait for the disk for
    /// txn.weaken(Durability::SafeNoSync);
    /// txn.commit()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "MDBX_TXN_NOSYNC")]
    #[doc(alias = "MDBX_TXN_NOMETASYNC")]
    pub fn weaken(&mut self, durability: Durability) {
        let durability = durability.min(Durability::SafeNoSync);
        self.durability = self.durability.max(durability);
    }

    /// Returns whether there is anything to commit.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        let base = &self.turn.head().meta;
        let is_marked = self.canary.to_meta() != base.canary || self.geometry != base.geometry;
        is_marked || self.tables.are_changed()
    }

    /// Writes the changes and makes them the newest snapshot; returns its id, or `None` if there are none.
    fn publish(&mut self) -> Result<Option<Txnid>> {
        self.check_sound()?;
        self.check_outermost()?;
        self.turn.check_process()?;
        self.engine.store.check_writable()?;
        // Every change shows in a table, the canary or the geometry. Free pages may have been set aside for changes that were none.
        if !self.is_dirty() {
            return Ok(None);
        }
        let saved = self.save_tree_roots(); // changed tables are now described in the main tree
        self.failed.set(true); // until all is written
        saved?;
        let commit_id = self.settle_gc()?; // pages we no longer need are listed for reuse
        let mut meta = self.next_meta(commit_id);
        let (store, head) = (&self.engine.store, self.turn.head());
        store.fit(head, &mut meta.geometry)?; // the pages have a place in the file
        let strength = self.strength(&meta)?; // what is waited for below is decided
        meta.sign = strength.sign();
        if strength == Strength::Weak {
            store.settle_promised(head, self.durability)?; // the snapshot that a power cut leads back to is there
        }
        self.write_dirty_pages()?; // in page order; no meta reaches them yet
        if strength.flushes_pages() {
            store.flush()?; // every page is durable before a meta says so
        }
        // The commit point, and what was promised holds when it returns.
        if strength == Strength::Sealed {
            store.write_sealed_meta(&meta, self.seal(&meta), head)?; // it tells whether the pages are there
        } else {
            store.write_meta(&meta, head.tail, strength)?;
        }
        store.cut(&meta.geometry); // what the file no longer needs at its end is given back
        store.note_commit(commit_id); // the next writer looks at the readers anew
        self.failed.set(false);
        self.log_commit(&meta, strength);
        Ok(Some(commit_id))
    }

    /// Tells the log what the commit came to.
    fn log_commit(&self, meta: &Meta, strength: Strength) {
        let snapshot = meta.txnid;
        let end = meta.geometry.first_unallocated.0;
        let retired = meta.pages_retired - self.turn.head().meta.pages_retired;
        debug!(
            "committed: snapshot={snapshot} strength={strength:?} allocated_pages={end} retired_pages={retired}"
        );
    }

    /// Returns how strong the commit of `meta` is: as the transaction promises, or stronger if it has to be.
    fn strength(&self, meta: &Meta) -> Result<Strength> {
        let store = &self.engine.store;
        let wanted = self.durability.strength();
        let has_same_bounds = |a: &PageCounts, b: &PageCounts| {
            (a.lower, a.upper, a.grow_pv, a.shrink_pv) == (b.lower, b.upper, b.grow_pv, b.shrink_pv)
        };
        let is_resized = !has_same_bounds(&meta.geometry, &self.turn.head().meta.geometry);
        let is_cut = u64::from(meta.geometry.now) < store.file_pages.load(Ordering::Relaxed);
        let must_be_durable = is_resized
            || is_cut
            || !wanted.flushes_pages() && store.unsynced.is_due(self.unwritten_pages())
            || wanted == Strength::Sealed && !self.can_be_sealed(meta)
            // Otherwise it relies on a snapshot to return to.
            || self.durability != Durability::UtterlyNoSync && !store.has_steady()?;
        Ok(if must_be_durable {
            Strength::Durable
        } else {
            wanted
        })
    }

    /// Returns how many pages the commit has to write.
    fn unwritten_pages(&self) -> u64 {
        let bytes = self.unwritten_bytes(&self.gc.borrow());
        (bytes / self.engine.store.page_size.bytes()) as u64
    }

    /// Returns how many bytes the commit has to write, its meta not counted.
    pub(super) fn unwritten_bytes(&self, gc: &Gc) -> usize {
        self.dirty_lists(gc).map(DirtyList::bytes).sum()
    }

    /// Returns the pages of all tables that the commit has to write.
    pub(super) fn dirty_lists<'t>(&'t self, gc: &'t Gc) -> impl Iterator<Item = &'t DirtyList> {
        self.tables.dirty().chain([gc.dirty()])
    }

    fn save_tree_roots(&mut self) -> Result<()> {
        let (engine, mod_txnid) = (self.engine, self.txnid);
        for (number, root) in self.tables.take_changed() {
            if let Some(name) = engine.store.names.get(number) {
                self.write_record(name, &TreeRoot { mod_txnid, ..root })?;
            }
        }
        self.touch_main_root()
    }

    /// Makes sure that a changed record of the main table has a root page as new as it is.
    fn touch_main_root(&mut self) -> Result<()> {
        let main = &self.tables.main;
        if !main.changed || main.root.is_empty() {
            return Ok(());
        }
        let base = base(&self.engine.store, &self.turn, &self.geometry, self.txnid);
        self.gc.get_mut().reserve(base, 1)?;
        self.table_mut(Table::MAIN)?.edit(|tree| {
            tree.root.root = tree.pager.touch(tree.root.root)?;
            Ok(true)
        })?;
        Ok(())
    }

    fn settle_gc(&mut self) -> Result<Txnid> {
        let base = base(&self.engine.store, &self.turn, &self.geometry, self.txnid);
        self.gc.get_mut().settle(base)
    }

    fn next_meta(&self, commit_id: Txnid) -> Meta {
        let (txnid, gc) = (self.txnid, self.gc.borrow());
        let main = &self.tables.main;
        let main_txnid = if main.changed {
            txnid
        } else {
            main.root.mod_txnid
        };
        let base = &self.turn.head().meta;
        Meta {
            txnid: commit_id,
            geometry: PageCounts {
                first_unallocated: gc.supply.reserve.first_unallocated(),
                ..self.geometry
            },
            gc: gc.root_at_commit(txnid),
            main: TreeRoot {
                mod_txnid: main_txnid,
                ..main.root
            },
            canary: self.canary.to_meta(),
            // A statistic, which a damaged file must not let overflow.
            pages_retired: base
                .pages_retired
                .saturating_add(gc.supply.retired.len() as u64),
            boot_id: boot_id(),
            ..base.clone()
        }
    }

    /// Writes all pages that are not in the file yet.
    fn write_dirty_pages(&self) -> Result<()> {
        let gc = self.gc.borrow();
        let pages = self.dirty_lists(&gc).flat_map(DirtyList::iter);
        write_pages(&self.engine.store, pages)?;
        trace!("wrote the pages of the commit");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU32};

    use super::*;
    use crate::error::Error;
    use crate::store::open::{OpenOptions, Store, Writing};
    use crate::store::turn::Turn;
    use crate::sys::file::{DataFile, OsFile};
    use crate::txn::engine::Engine;

    /// What a file was asked to wait for, and whether that is to fail.
    #[derive(Debug, Default)]
    struct Disk {
        fails: AtomicBool,
        syncs: AtomicU32,
        durable_writes: AtomicU32,
    }

    impl Disk {
        fn set_failing(&self, fails: bool) {
            self.fails.store(fails, Ordering::Relaxed);
        }

        /// Returns how many syncs and durable writes there were since the last call.
        fn waits(&self) -> (u32, u32) {
            let take = |count: &AtomicU32| count.swap(0, Ordering::Relaxed);
            (take(&self.syncs), take(&self.durable_writes))
        }
    }

    /// A file that counts what it waits for, and whose syncs fail once it is told so.
    #[derive(Debug)]
    struct Watched {
        file: OsFile,
        disk: Arc<Disk>,
    }

    impl Watched {
        fn sync(&self, sync: impl FnOnce(&OsFile) -> io::Result<()>) -> io::Result<()> {
            self.disk.syncs.fetch_add(1, Ordering::Relaxed);
            if self.disk.fails.load(Ordering::Relaxed) {
                return Err(io::Error::other("the disk is gone"));
            }
            sync(&self.file)
        }
    }

    impl DataFile for Watched {
        fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
            self.file.read_exact_at(buf, offset)
        }

        fn write_at(&self, parts: &[io::IoSlice<'_>], offset: u64) -> io::Result<()> {
            self.file.write_at(parts, offset)
        }

        fn write_durable_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
            self.disk.durable_writes.fetch_add(1, Ordering::Relaxed);
            self.file.write_durable_at(bytes, offset)
        }

        fn len(&self) -> io::Result<u64> {
            self.file.len()
        }

        fn set_len(&self, len: u64) -> io::Result<()> {
            self.file.set_len(len)
        }

        fn sync_data(&self) -> io::Result<()> {
            self.sync(OsFile::sync_data)
        }

        fn sync_all(&self) -> io::Result<()> {
            self.sync(OsFile::sync_all)
        }
    }

    fn open(path: &Path, durability: Durability) -> Result<(Engine, Arc<Disk>)> {
        let options = OpenOptions {
            writing: Writing {
                durability,
                ..Writing::default()
            },
            ..OpenOptions::default()
        };
        let mut engine = Engine::new(Store::open(path, &options)?);
        let disk = Arc::new(Disk::default());
        let store = Arc::get_mut(&mut engine.store).unwrap();
        store.file = Box::new(Watched {
            file: OsFile::open(path, false).unwrap(),
            disk: Arc::clone(&disk),
        });
        Ok((engine, disk))
    }

    fn put(engine: &Engine, key: &[u8]) -> Result<Txnid> {
        let mut txn = WriteTxn::begin(engine, Turn::wait(&engine.store)?)?;
        txn.put(Table::MAIN, key, b"value")?;
        txn.commit()
    }

    fn count(engine: &Engine) -> u64 {
        let txn = ReadTxn::begin(StoreRef::Borrowed(&engine.store)).unwrap();
        txn.len(Table::MAIN).unwrap()
    }

    #[test]
    fn commits_wait_for_the_disk_as_often_as_their_mode_says() -> Result<()> {
        let modes = [
            (Durability::Durable, (1, 1)),
            (Durability::NoMetaSync, (1, 0)),
            (Durability::SafeNoSync, (0, 0)),
            (Durability::UtterlyNoSync, (0, 0)),
        ];
        for (durability, expected) in modes {
            let directory = tempfile::tempdir().unwrap();
            let (engine, disk) = open(&directory.path().join("db"), durability)?;
            for key in 0..20 {
                put(&engine, &[key])?;
                assert_eq!(disk.waits(), expected, "{durability:?}");
            }
            assert_eq!(engine.store.sync()?, durability != Durability::Durable);
            let expected = match durability {
                Durability::Durable => (0, 0),
                Durability::NoMetaSync => (0, 1), // its pages are durable
                _ => (1, 1),
            };
            assert_eq!(disk.waits(), expected, "{durability:?}");
        }
        Ok(())
    }

    #[test]
    fn a_weak_commit_waits_once_for_a_meta_that_was_left_to_the_next_one() -> Result<()> {
        let directory = tempfile::tempdir().unwrap();
        let (engine, disk) = open(&directory.path().join("db"), Durability::NoMetaSync)?;
        put(&engine, b"a")?;
        engine.store.mode.set(Durability::SafeNoSync);
        disk.waits();
        put(&engine, b"b")?;
        assert_eq!(disk.waits(), (0, 1));
        put(&engine, b"c")?;
        assert_eq!(disk.waits(), (0, 0));
        Ok(())
    }

    #[test]
    fn after_a_failed_sync_nothing_is_written_until_the_file_is_opened_anew() -> Result<()> {
        for durability in [Durability::Durable, Durability::NoMetaSync] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("db");
            let (engine, disk) = open(&path, durability)?;
            put(&engine, b"a")?;
            disk.set_failing(true);
            assert!(matches!(put(&engine, b"b"), Err(Error::Io { .. })));
            disk.set_failing(false);
            assert!(matches!(put(&engine, b"c"), Err(Error::EnvFailed)));
            assert!(matches!(engine.store.sync(), Err(Error::EnvFailed)));
            assert_eq!(count(&engine), 1, "reads go on");
            drop(engine);
            let (engine, _) = open(&path, durability)?;
            put(&engine, b"d")?;
            assert_eq!(count(&engine), 2);
        }
        Ok(())
    }

    #[test]
    fn weak_commits_that_could_not_be_synced_are_rolled_back_when_the_file_is_opened_anew()
    -> Result<()> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        let (engine, disk) = open(&path, Durability::SafeNoSync)?;
        put(&engine, b"a")?;
        engine.store.sync()?;
        put(&engine, b"b")?;
        put(&engine, b"c")?;
        disk.set_failing(true);
        assert!(matches!(engine.store.sync(), Err(Error::Io { .. })));
        assert!(matches!(put(&engine, b"d"), Err(Error::EnvFailed)));
        assert_eq!(count(&engine), 3, "reads go on");
        drop(engine);
        let (engine, _) = open(&path, Durability::SafeNoSync)?;
        assert_eq!(count(&engine), 1, "the last durable snapshot");
        put(&engine, b"e")?;
        Ok(())
    }
}
