//! What the transactions of one environment share: the opened database, and memory that goes from one write
//! transaction to the next.

use std::sync::{Arc, Mutex};

use crate::pager::memory::Memory;
use crate::store::open::Store;

/// An opened database with the memory of its writer.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) store: Arc<Store>,
    /// Kept so that a transaction need not ask for it anew. Only the writer takes this lock.
    pub(crate) memory: Mutex<Memory>,
}

impl Engine {
    pub(crate) fn new(store: Store) -> Engine {
        Engine {
            store: Arc::new(store),
            memory: Mutex::default(),
        }
    }
}
