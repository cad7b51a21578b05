//! The store: what readers and the writer share.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use crate::ids::PageSize;
use crate::shims::attach::Attached;
use crate::shims::map::{Detail, Map};
use crate::store::readers::Readers;

/// One opened database. Fields are named as in the engine.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) page_size: PageSize,
    pub(crate) map: Map,
    pub(crate) file: Box<()>,
    pub(crate) file_pages: AtomicU64,
    pub(crate) measured_at: AtomicU64,
    pub(crate) measuring: Mutex<()>,
    pub(crate) attached: Arc<Attached>,
    pub(crate) readers: Readers,
}

impl Store {
    /// A database whose last three commits are 5, 6 and 7, with so many reader slots.
    pub(crate) fn new(slots: usize, detail: Detail) -> Store {
        let attached = Arc::new(Attached::new(slots));
        Store {
            page_size: PageSize::MIN,
            map: Map::new(detail),
            file: Box::new(()),
            file_pages: AtomicU64::new(1000),
            measured_at: AtomicU64::new(0),
            measuring: Mutex::new(()),
            readers: Readers::new(attached.clone()),
            attached,
        }
    }
}
