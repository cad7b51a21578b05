//! A reader: a slot of the table, and the snapshot that it pins.
//!
//! What a reader may do follows from its type: [`Reader`] has a pin and can read; [`ReaderSlot`] and
//! [`ParkedReader`] have none, so nothing that was borrowed from the map can outlive the protection of its pages.
//! The order of the first steps keeps a snapshot whole; `readers` says why.

#![expect(unsafe_code, reason = "mints the pin that a reader slot stands for")]

use std::ops::Deref;
use std::sync::Arc;

use crate::error::Result;
use crate::ids::Txnid;
use crate::store::open::Store;
use crate::store::readers::SlotNumber;
use crate::store::slots::Announced;
use crate::store::troika::Head;
use crate::sys::map::SnapshotPin;

/// A store that outlives `'s`, either because somebody holds it or because this does.
#[derive(Debug, Clone)]
pub(crate) enum StoreRef<'s> {
    Borrowed(&'s Store),
    Owned(Arc<Store>),
}

impl Deref for StoreRef<'_> {
    type Target = Store;

    #[inline]
    fn deref(&self) -> &Store {
        match self {
            StoreRef::Borrowed(store) => store,
            StoreRef::Owned(store) => store,
        }
    }
}

/// A slot of the reader table, given back on drop.
#[derive(Debug)]
pub(crate) struct ReaderSlot<'s> {
    store: StoreRef<'s>,
    number: SlotNumber,
    /// The snapshot that a writer may be taking away at this moment.
    parked: Option<Txnid>,
}

impl<'s> ReaderSlot<'s> {
    /// Takes a slot, without a snapshot, and keeps it.
    ///
    /// # Errors
    ///
    /// [`Error::ReadersFull`](crate::Error::ReadersFull).
    pub(crate) fn take(store: StoreRef<'s>) -> Result<ReaderSlot<'s>> {
        let slot = ReaderSlot::new(store)?;
        slot.hold();
        Ok(slot)
    }

    /// Takes a slot for now.
    #[inline]
    fn new(store: StoreRef<'s>) -> Result<ReaderSlot<'s>> {
        let number = store.readers.take()?;
        Ok(ReaderSlot {
            store,
            number,
            parked: None,
        })
    }

    /// Gives the snapshot up. Nobody has a pin for it.
    fn hold(&self) {
        self.store.readers.hold(&self.number);
    }

    /// Begins to read the newest snapshot.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`](crate::Error::Corrupted) if the newest meta is not valid. The slot is then given back.
    pub(crate) fn renew(mut self) -> Result<Reader<'s>> {
        self.store.attached.check_process()?;
        if !self.store.readers.is_ours(&self.number) {
            let fresh = self.store.readers.take()?;
            let lost = std::mem::replace(&mut self.number, fresh);
            self.store.readers.release(&lost);
        }
        self.begin()
    }

    /// Begins to read the newest snapshot.
    ///
    /// # Errors
    ///
    /// As [`renew`](ReaderSlot::renew).
    #[inline]
    fn begin(self) -> Result<Reader<'s>> {
        let readers = &self.store.readers;
        let head = self.store.newest_after(|head| {
            readers.pin(&self.number, announced(head));
            true
        })?;
        if !readers.has(&self.number, head.meta.txnid) {
            return self.begin_again();
        }
        Ok(self.reader(head))
    }

    /// Begins to read after a writer found the slot with a snapshot that was not protected any more.
    #[cold]
    fn begin_again(self) -> Result<Reader<'s>> {
        let readers = &self.store.readers;
        let head = self.store.newest_after(|head| {
            readers.pin(&self.number, announced(head));
            readers.has(&self.number, head.meta.txnid)
        })?;
        Ok(self.reader(head))
    }

    /// Makes the reader of a snapshot that the slot protects.
    #[inline]
    fn reader(self, head: Head) -> Reader<'s> {
        let pin = self.mint(&head);
        Reader {
            slot: self,
            pin,
            head,
        }
    }

    /// Mints the right to read the snapshot that the slot protects. Nobody reads by it once the slot is given another
    /// state.
    #[inline]
    fn mint(&self, head: &Head) -> SnapshotPin {
        let store = &self.store;
        let limit = head.meta.geometry.first_unallocated.offset(store.page_size);
        // SAFETY:
        // - Present: the meta was checked against the length of the file. No process cuts the file below what a slot
        //   announces, or below the pages of the newest metas; the snapshot was the newest after the slot announced it,
        //   or another slot announced the same.
        // - Frozen: the slot keeps the pages of this snapshot from being used again, by any process. It is given another
        //   state only by who has the `Reader` that this pin goes to, for itself or to be changed, so that nothing is
        //   borrowed by the pin, and that drops or replaces it. That the file is a sound database, whose free pages are
        //   not also in use, and that other processes leave the slots of those that live alone, is what opening it
        //   states.
        unsafe { store.map.pin(usize::try_from(limit).unwrap_or(usize::MAX)) }
    }
}

impl Drop for ReaderSlot<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(snapshot) = self.parked
            && self.store.attached.is_here()
        {
            self.store.readers.unpark(&self.number, snapshot);
        }
        self.store.readers.release(&self.number);
    }
}

/// A reader of a snapshot, which the slot protects.
#[derive(Debug)]
pub(crate) struct Reader<'s> {
    slot: ReaderSlot<'s>,
    pin: SnapshotPin,
    head: Head,
}

impl<'s> Reader<'s> {
    /// Begins to read the newest snapshot.
    ///
    /// # Errors
    ///
    /// [`Error::ReadersFull`](crate::Error::ReadersFull), and [`Error::Corrupted`](crate::Error::Corrupted) if the
    /// newest meta is not valid.
    #[inline]
    pub(crate) fn begin(store: StoreRef<'s>) -> Result<Reader<'s>> {
        ReaderSlot::new(store)?.begin()
    }

    /// Begins to read the same snapshot once more.
    ///
    /// # Errors
    ///
    /// [`Error::ReadersFull`](crate::Error::ReadersFull).
    pub(crate) fn try_clone(&self) -> Result<Reader<'s>> {
        let head = self.head.clone();
        let store = self.slot.store.clone();
        let slot = ReaderSlot {
            number: store.readers.take_for_clone(head.meta.txnid)?,
            store,
            parked: None,
        };
        slot.store.readers.pin_clone(&slot.number, announced(&head));
        Ok(slot.reader(head))
    }

    /// Moves to the newest snapshot; returns whether that is another one.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`](crate::Error::Corrupted) if the newest meta is not valid. The reader keeps its snapshot.
    pub(crate) fn refresh(&mut self) -> Result<bool> {
        let ReaderSlot { store, number, .. } = &self.slot;
        if store.newest()?.meta.txnid == self.head.meta.txnid {
            return Ok(false);
        }
        // The present snapshot protects the pages of all newer ones from being used again, but not from being cut off.
        let newest = store.newest_after(|head| {
            store.readers.keep_pages(number, announced(head));
            true
        })?;
        store.readers.pin(number, announced(&newest));
        self.head = newest;
        self.pin = self.slot.mint(&self.head);
        Ok(true)
    }

    /// Gives the snapshot up, and keeps the slot.
    pub(crate) fn reset(self) -> ReaderSlot<'s> {
        self.slot.hold();
        self.slot
    }

    /// Stops reading, and lets the writer take the snapshot away if it needs room.
    pub(crate) fn park(self) -> ParkedReader<'s> {
        let Reader { mut slot, head, .. } = self;
        slot.parked = Some(head.meta.txnid);
        slot.store.readers.park(&slot.number);
        ParkedReader { slot, head }
    }

    /// Returns how many transactions were committed since the snapshot.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`](crate::Error::Corrupted) if the newest meta is not valid.
    pub(crate) fn lag(&self) -> Result<u64> {
        let newest = self.slot.store.newest()?.meta.txnid;
        Ok(newest.0 - self.head.meta.txnid.0)
    }

    #[inline]
    pub(crate) fn store(&self) -> &Store {
        &self.slot.store
    }

    #[inline]
    pub(crate) fn pin(&self) -> &SnapshotPin {
        &self.pin
    }

    #[inline]
    pub(crate) fn head(&self) -> &Head {
        &self.head
    }
}

/// A reader that does not read, and loses its snapshot if the writer needs room.
#[derive(Debug)]
pub(crate) struct ParkedReader<'s> {
    slot: ReaderSlot<'s>,
    head: Head,
}

impl<'s> ParkedReader<'s> {
    /// Goes on with the same snapshot; if the writer has taken it away, the error is the slot.
    pub(crate) fn unpark(self) -> Result<Reader<'s>, ReaderSlot<'s>> {
        let ParkedReader { mut slot, head } = self;
        if !slot.store.attached.is_here() {
            return Err(slot); // it is the parent's
        }
        slot.parked = None;
        if !slot.store.readers.unpark(&slot.number, head.meta.txnid) {
            return Err(slot);
        }
        let pin = slot.mint(&head);
        Ok(Reader { slot, pin, head })
    }
}

/// Returns what a reader of this snapshot announces.
#[inline]
fn announced(head: &Head) -> Announced {
    Announced {
        txnid: head.meta.txnid,
        pages_used: head.meta.geometry.first_unallocated,
        pages_retired: head.meta.pages_retired,
    }
}
