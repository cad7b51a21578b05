//! What threads do, and what has to hold in whatever order they do it.
//!
//! At first the metas describe the commits 5, 6 and 7, nobody reads, and slots are bound. The page of a snapshot is one
//! that it has and the next one has not; a writer uses it again as soon as the oldest snapshot in use is a later one.

use std::sync::Arc;

use crate::backend::{Body, Held, Ordering, Program, check, fence};
use crate::format::lck::{IDLE, UNCHANGED};
use crate::ids::Txnid;
use crate::shims::map::{FIRST, pages_of};
use crate::shims::open::Store;
use crate::store::reader::{Reader, StoreRef};
use crate::store::readers::SlotNumber;
use crate::store::slots::Announced;
use crate::store::troika::Looked;

pub use crate::shims::map::Detail;

/// Makes a store with so many bound slots.
fn store(readers: usize, detail: Detail) -> Arc<Store> {
    let store = Store::new(2 * readers.next_power_of_two(), detail);
    let bound: Vec<_> = (0..readers)
        .filter_map(|_| store.readers.take().ok())
        .collect();
    check(bound.len() == readers, "a slot is bound");
    for slot in &bound {
        store.readers.release(slot);
    }
    store.attached.note_commit();
    Arc::new(store)
}

/// A program of these threads, at the end of which nothing keeps a page from being used.
fn program(store: &Arc<Store>, threads: Vec<Body>) -> Program {
    let store = store.clone();
    let end = move || {
        check(store.attached.taken() == 0, "all slots are given back");
        let mut writer = Writer::new(&store);
        let newest = writer.commit();
        check(
            writer.look() == newest,
            "what a writer missed is seen by the next one",
        );
    };
    Program {
        threads,
        end: Box::new(end),
    }
}

/// Who holds the writer's turn, for ever.
struct Writer {
    store: Arc<Store>,
    /// The first page that was not used again.
    unused: Txnid,
    kind: Engine,
}

/// Whose writer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// This engine's.
    Own,
    /// One that does what the locking document says of libmdbx: it looks at the slots only when the flag tells it to.
    Foreign,
}

impl Writer {
    fn new(store: &Arc<Store>) -> Writer {
        Writer {
            store: store.clone(),
            unused: Txnid(FIRST[0].into()),
            kind: Engine::Own,
        }
    }

    /// Looks for the oldest snapshot in use, and uses the pages that this allows to use.
    fn look(&mut self) -> Txnid {
        let Ok(head) = self.store.newest() else {
            check(false, "a writer finds the newest meta");
            return self.unused;
        };
        self.look_with(head.meta.txnid)
    }

    fn look_with(&mut self, limit: Txnid) -> Txnid {
        let attached = &self.store.attached;
        let oldest = match self.kind {
            Engine::Own => attached.oldest(0, limit),
            Engine::Foreign => self.foreign_oldest(limit),
        };
        while self.unused < oldest {
            self.store.map.page(self.unused).overwrite();
            self.unused = Txnid(self.unused.0 + 1);
        }
        oldest
    }

    /// Commits, as far as readers see it, without looking at them.
    fn publish(&self) -> Txnid {
        let Ok(head) = self.store.newest() else {
            check(false, "a writer finds the newest meta");
            return self.unused;
        };
        let txnid = Txnid(head.meta.txnid.0 + 1);
        let number = u32::try_from(txnid.0).unwrap_or_default();
        self.store.map.write_meta(head.tail, number);
        self.store.note_commit(txnid);
        txnid
    }

    fn commit(&mut self) -> Txnid {
        self.look();
        self.publish()
    }

    /// Source: locking document, "What the writer does with the table".
    fn foreign_oldest(&self, steady: Txnid) -> Txnid {
        let attached = &self.store.attached;
        let before = attached.cached_oldest().load(Ordering::Acquire);
        let mut oldest = before;
        while attached.refresh_flag().load(Ordering::Acquire) != UNCHANGED {
            attached.refresh_flag().store(UNCHANGED, Ordering::Release);
            fence(Ordering::SeqCst);
            oldest = steady.0;
            for number in attached.used_slots() {
                let slot = attached.slot(number);
                if slot.process.load(Ordering::Acquire) == 0 {
                    continue;
                }
                let txnid = slot.txnid.load(Ordering::Acquire);
                if txnid >= before {
                    oldest = oldest.min(txnid);
                } else if attached.refresh_flag().load(Ordering::Acquire) == UNCHANGED {
                    let (kick, kept) = (Ordering::AcqRel, Ordering::Acquire);
                    let _ = slot.txnid.compare_exchange(txnid, IDLE, kick, kept);
                }
            }
        }
        if oldest != before {
            attached.cached_oldest().store(oldest, Ordering::Release);
        }
        Txnid(oldest)
    }
}

/// Begins to read; `None`, and a violation, if that is refused.
fn begin(store: &Arc<Store>) -> Option<Reader<'static>> {
    let reader = Reader::begin(StoreRef::Owned(store.clone()));
    check(reader.is_ok(), "a reader begins");
    reader.ok()
}

/// Reads: the meta is one that was committed, and the page is as it was.
fn read(reader: &Reader<'_>) {
    let meta = &reader.head().meta;
    let whole = (meta.geometry.first_unallocated, meta.pages_retired);
    check(whole == pages_of(meta.txnid), "a meta is not mixed of two");
    reader.store().map.page(meta.txnid).read();
}

fn body(body: impl FnOnce() + Held + 'static) -> Body {
    Box::new(body)
}

/// A writer commits so many times.
fn commits(store: &Arc<Store>, count: usize, kind: Engine) -> Body {
    let mut writer = Writer::new(store);
    writer.kind = kind;
    body(move || {
        for _ in 0..count {
            writer.commit();
        }
        writer.look();
    })
}

/// So many readers begin, read and end, while a writer commits.
pub fn readers_and_commits(readers: usize, count: usize, kind: Engine) -> Program {
    let store = store(readers, Detail::Whole);
    let mut threads = vec![commits(&store, count, kind)];
    for _ in 0..readers {
        let store = store.clone();
        threads.push(body(move || {
            if let Some(reader) = begin(&store) {
                read(&reader);
            }
        }));
    }
    program(&store, threads)
}

/// What a reader announces of a snapshot.
fn announced(txnid: Txnid) -> Announced {
    let (pages_used, pages_retired) = pages_of(txnid);
    Announced {
        txnid,
        pages_used,
        pages_retired,
    }
}

/// The same with one reader that does not look again after it has announced its snapshot.
pub fn reader_that_does_not_look_again(count: usize) -> Program {
    let store = store(1, Detail::Whole);
    let reader = {
        let store = store.clone();
        move || {
            let looked = Looked::at(&store.map, store.page_size, &store.file_pages);
            let Some(head) = looked.ok().and_then(|looked| looked.head.ok()) else {
                return;
            };
            let Ok(slot) = store.readers.take() else {
                return;
            };
            store.readers.pin(&slot, announced(head.meta.txnid));
            store.map.page(head.meta.txnid).read();
            store.readers.release(&slot);
        }
    };
    let threads = vec![commits(&store, count, Engine::Own), body(reader)];
    program(&store, threads)
}

/// A reader is cloned and ended, and the clone, in a slot before it, reads, while a writer commits and looks. With
/// `tells` the clone is noted as the engine does, and otherwise as if it were any reader.
pub fn clone_takes_over(tells: bool) -> Program {
    let store = store(2, Detail::Whole);
    let first = begin(&store);
    let reader = begin(&store);
    drop(first);
    Writer::new(&store).publish();
    let (old, own) = (Txnid(FIRST[2].into()), store.clone());
    let clones = move || {
        let Some(reader) = reader else { return };
        if tells {
            let clone = reader.try_clone();
            drop(reader);
            if let Ok(clone) = clone {
                read(&clone);
            }
        } else if let Ok(slot) = own.readers.take() {
            own.readers.pin(&slot, announced(old));
            drop(reader);
            own.map.page(old).read();
            own.readers.release(&slot);
        }
    };
    let mut writer = Writer::new(&store);
    let looks = move || {
        writer.look();
        writer.publish();
        writer.look();
    };
    program(&store, vec![body(looks), body(clones)])
}

/// A parked reader comes back while a writer takes its snapshot away, and reads if it may; if not, it begins anew.
pub fn parked_reader_comes_back() -> Program {
    let store = store(1, Detail::Whole);
    let parked = begin(&store).map(Reader::park);
    Writer::new(&store).publish();
    let comes_back = move || {
        let Some(parked) = parked else { return };
        match parked.unpark() {
            Ok(reader) => read(&reader),
            Err(slot) => {
                if let Ok(reader) = slot.renew() {
                    read(&reader);
                }
            }
        }
    };
    program(&store, vec![ousts(&store), body(comes_back)])
}

/// The same with a reader that does not ask whether its snapshot is still there.
pub fn parked_reader_that_does_not_ask() -> Program {
    let store = store(1, Detail::Whole);
    let old = Txnid(FIRST[2].into());
    let slot: Option<SlotNumber> = store.readers.take().ok();
    if let Some(slot) = &slot {
        store.readers.pin(slot, announced(old));
        store.readers.park(slot);
    }
    Writer::new(&store).publish();
    let own = store.clone();
    let comes_back = move || {
        let Some(slot) = slot else { return };
        let _ = own.readers.unpark(&slot, old);
        own.map.page(old).read();
        own.readers.release(&slot);
    };
    program(&store, vec![ousts(&store), body(comes_back)])
}

/// A writer in need of room takes the oldest snapshot away if its reader is parked, looks, commits and looks again.
fn ousts(store: &Arc<Store>) -> Body {
    let mut writer = Writer::new(store);
    body(move || {
        let store = writer.store.clone();
        if let Some(entry) = store.attached.oldest_reader(Txnid(8)) {
            store.attached.oust(&entry);
        }
        writer.look();
        writer.publish();
        writer.look();
    })
}

/// A parked reader comes back and ends while a writer takes its snapshot away; another reader of the same snapshot is
/// cloned then, and ends; the clone reads. With `avoids` the clone takes a slot as the engine does, and otherwise any.
pub fn clone_where_a_parked_reader_was(avoids: bool) -> Program {
    let store = store(3, Detail::Whole);
    let parked = begin(&store).map(Reader::park);
    let other = begin(&store);
    Writer::new(&store).publish();
    let (old, own) = (Txnid(FIRST[2].into()), store.clone());
    let comes_back = move || {
        let ousted = parked.and_then(|parked| parked.unpark().err());
        let (Some(ousted), Some(other)) = (ousted, other) else {
            return;
        };
        drop(ousted);
        if avoids {
            let clone = other.try_clone();
            drop(other);
            if let Ok(clone) = clone {
                read(&clone);
            }
        } else if let Ok(slot) = own.readers.take() {
            own.readers.pin_clone(&slot, announced(old));
            drop(other);
            own.map.page(old).read();
            own.readers.release(&slot);
        }
    };
    let mut writer = Writer::new(&store);
    let ousts = move || {
        let store = writer.store.clone();
        if let Some(entry) = store.attached.oldest_reader(Txnid(8)) {
            store.attached.oust(&entry);
        }
        writer.look();
    };
    program(&store, vec![body(ousts), body(comes_back)])
}

/// A reader moves on to newer snapshots while a writer commits.
pub fn reader_moves_on(count: usize) -> Program {
    let store = store(1, Detail::Whole);
    let reader = begin(&store);
    let moves = move || {
        let Some(mut reader) = reader else { return };
        check(reader.refresh().is_ok(), "a reader moves on");
        read(&reader);
    };
    let threads = vec![commits(&store, count, Engine::Own), body(moves)];
    program(&store, threads)
}

/// The oldest snapshot that writers tell of is looked at while they commit and a reader comes and goes.
pub fn oldest_is_watched(count: usize, kind: Engine) -> Program {
    let store = store(1, Detail::Whole);
    let (reads, watches) = (store.clone(), store.clone());
    let reads = move || {
        if let Some(reader) = begin(&reads) {
            read(&reader);
        }
    };
    let watches = move || {
        let cached = watches.attached.cached_oldest();
        let before = cached.load(Ordering::Acquire);
        let after = cached.load(Ordering::Acquire);
        check(
            before <= after,
            "the oldest snapshot in use is never an older one than before",
        );
    };
    let threads = vec![commits(&store, count, kind), body(reads), body(watches)];
    program(&store, threads)
}

/// A reader looks for the newest meta while metas are written word by word; with `looks_again` as the engine does.
pub fn metas_are_written(count: usize, detail: Detail, looks_again: bool) -> Program {
    let store = store(1, detail);
    let writer = Writer::new(&store);
    let writes = move || {
        for _ in 0..count {
            writer.publish();
        }
    };
    let own = store.clone();
    let looks = move || {
        let head = if looks_again {
            let head = own.newest();
            check(head.is_ok(), "a reader finds the newest meta");
            head.ok()
        } else {
            let looked = Looked::at(&own.map, own.page_size, &own.file_pages);
            looked.ok().and_then(|looked| looked.head.ok())
        };
        if let Some(head) = head {
            let meta = &head.meta;
            // What had been retired, of which readers only tell, comes after the second id, and may be older.
            let (pages_used, _) = pages_of(meta.txnid);
            let is_whole = meta.geometry.first_unallocated == pages_used;
            check(is_whole, "a meta is not mixed of two");
        }
    };
    program(&store, vec![body(writes), body(looks)])
}
