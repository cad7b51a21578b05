//! The lock file, attached to by the only process there is.

use std::io;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::format::lck::{Layout, LockVersion};
use crate::shims::region::Region;

/// The lock file, attached to. Fields are named as in the engine.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) region: Arc<Region>,
    pub(crate) layout: Layout,
    pub(crate) slots: usize,
    pub(crate) pid: u32,
    pub(crate) locks: Locks,
}

/// Locks that nobody else wants.
#[derive(Debug)]
pub(crate) struct Locks;

impl Locks {
    #[expect(clippy::unnecessary_wraps, reason = "as in the engine")]
    pub(crate) fn show_alive(&self) -> io::Result<bool> {
        Ok(true)
    }
}

impl Attached {
    pub(crate) fn new(slots: usize) -> Attached {
        let layout = Layout::new(LockVersion::V7);
        Attached {
            region: Arc::new(Region::new(&layout, slots)),
            layout,
            slots,
            pid: 1,
            locks: Locks,
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "as in the engine")]
    pub(crate) fn check_process(&self) -> Result<()> {
        Ok(())
    }

    pub(crate) fn is_alone(&self) -> bool {
        true
    }

    pub(crate) fn is_here(&self) -> bool {
        true
    }

    /// Slots are bound before threads run.
    #[expect(clippy::unnecessary_wraps, reason = "as in the engine")]
    pub(crate) fn lock_slots(&self) -> Result<()> {
        Ok(())
    }

    /// Nobody is dead.
    #[expect(clippy::unnecessary_wraps, reason = "as in the engine")]
    pub(crate) fn sweep_locked(&self) -> Result<usize> {
        Ok(0)
    }
}

pub(crate) fn readers_error(source: io::Error) -> Error {
    Error::Io {
        action: "use the reader table",
        source,
    }
}
