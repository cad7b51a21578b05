//! A reader: a pinned snapshot.
//!
//! The order of its first steps keeps the snapshot whole; `readers` says why.

#![expect(unsafe_code, reason = "mints the pin that a reader slot stands for")]

use std::ops::Deref;
use std::sync::Arc;

use crate::error::Result;
use crate::store::open::Store;
use crate::store::readers::SlotNumber;
use crate::store::troika::{Head, head};
use crate::sys::map::SnapshotPin;

/// A store that outlives `'s`, either because somebody holds it or because this does.
#[derive(Debug)]
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

/// A reader: a slot in the table, and the snapshot that the slot protects.
#[derive(Debug)]
pub(crate) struct Reader<'s> {
    pub(crate) store: StoreRef<'s>,
    slot: SlotNumber,
    pin: SnapshotPin,
    head: Head,
}

impl<'s> Reader<'s> {
    /// Begins to read the newest snapshot.
    ///
    /// # Errors
    ///
    /// [`Error::ReadersFull`], and [`Error::Corrupted`] if the newest meta is not valid.
    pub(crate) fn begin(store: StoreRef<'s>) -> Result<Reader<'s>> {
        let slot = store.readers.claim()?;
        let head = match head(&store.map, store.page_size, &store.file_pages) {
            Ok(head) => head,
            Err(error) => {
                store.readers.release(&slot);
                return Err(error);
            }
        };
        store.readers.pin(&slot, head.meta.txnid);
        let limit = head.meta.geometry.first_unallocated.offset(store.page_size);
        // SAFETY:
        // - Present: the meta was checked against the length of the file, and while this environment has it open
        //   alone, which its lock sees to, the file is never shortened.
        // - Frozen: the slot, released only when this reader and so the pin is dropped, keeps the pages of this
        //   snapshot from being used again. That the file is a sound database, whose free pages are not also in use,
        //   is what opening it states.
        let pin = unsafe { store.map.pin(usize::try_from(limit).unwrap_or(usize::MAX)) };
        Ok(Reader {
            store,
            slot,
            pin,
            head,
        })
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

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.store.readers.release(&self.slot);
    }
}
