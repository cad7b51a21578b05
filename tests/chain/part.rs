//! What another process is told to play, as a line of text.

use std::path::PathBuf;

use mdbx_core::{Env, EnvOptions, LockVersion, PageSize, Result};

use crate::chain::database::Plan;
use crate::chain::modes::MODES;

/// A part.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Which of those that the test program knows.
    pub(crate) role: String,
    pub(crate) plan: Plan,
    /// Which of the modes.
    pub(crate) mode: usize,
    /// The name of the process in the links, and the seed of what it does by the way.
    pub(crate) id: u64,
    /// The database.
    pub(crate) path: PathBuf,
}

impl Part {
    pub(crate) fn to_text(&self) -> String {
        let Plan {
            seed,
            window,
            page_size,
        } = self.plan;
        let (role, mode, id, path) = (&self.role, self.mode, self.id, self.path.display());
        let page_size = page_size.bytes();
        format!("{role} {seed} {window} {page_size} {mode} {id} {path}")
    }

    /// Returns `None` if `text` is no part.
    pub(crate) fn from_text(text: &str) -> Option<Part> {
        let mut words = text.splitn(7, ' ');
        Some(Part {
            role: words.next()?.to_owned(),
            plan: Plan {
                seed: words.next()?.parse().ok()?,
                window: words.next()?.parse().ok()?,
                page_size: PageSize::new(words.next()?.parse().ok()?)?,
            },
            mode: words.next()?.parse().ok()?,
            id: words.next()?.parse().ok()?,
            path: words.next()?.into(),
        })
    }

    /// Returns options to open the database with. Whoever opens it first chooses the version of the lock file.
    pub(crate) fn options(&self) -> EnvOptions {
        let (_, options) = MODES[self.mode];
        let versions = [LockVersion::V7, LockVersion::V6];
        let version = versions[usize::from(self.id % 3 == 2)];
        options(self.plan.options()).lock_version(version)
    }

    /// Opens the database.
    pub(crate) fn open(&self) -> Result<Env> {
        self.options().open(&self.path)
    }
}
