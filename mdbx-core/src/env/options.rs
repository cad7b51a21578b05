//! How to open an environment: geometry and limits.

use std::path::Path;

use crate::env::handle::Env;
use crate::error::Result;
use crate::ids::PageSize;
use crate::store::open::{OpenOptions, Store};
use crate::store::orders::TableOrder;
use crate::txn::engine::Engine;

/// How long the data file is and may become. All sizes are in bytes and rounded up to whole pages.
///
/// What is not set takes its default in a new database, and stays as it is in an existing one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Geometry {
    page_size: Option<PageSize>,
    lower: Option<u64>,
    upper: Option<u64>,
    growth_step: Option<u64>,
    shrink_threshold: Option<u64>,
}

impl Geometry {
    /// Sets the size of all pages; 4096 by default. An existing database keeps the one it has.
    #[must_use]
    pub fn page_size(self, page_size: PageSize) -> Self {
        Geometry {
            page_size: Some(page_size),
            ..self
        }
    }

    /// Sets the length below which the file never is; 64 KiB by default.
    #[must_use]
    pub fn lower(self, bytes: u64) -> Self {
        Geometry {
            lower: Some(bytes),
            ..self
        }
    }

    /// Sets the length the file never exceeds; 1 TiB by default. It takes that much address space, not disk.
    #[must_use]
    pub fn upper(self, bytes: u64) -> Self {
        Geometry {
            upper: Some(bytes),
            ..self
        }
    }

    /// Sets the step by which the file grows; 4 MiB by default. With 0 it does not grow.
    #[must_use]
    pub fn growth_step(self, bytes: u64) -> Self {
        Geometry {
            growth_step: Some(bytes),
            ..self
        }
    }

    /// Sets how much unused room at its end lets the file shrink; 8 MiB by default. With 0 it does not shrink.
    ///
    /// This library does not shrink files yet; libmdbx, opening the same file, does.
    #[must_use]
    pub fn shrink_threshold(self, bytes: u64) -> Self {
        Geometry {
            shrink_threshold: Some(bytes),
            ..self
        }
    }
}

/// How to open an environment. Made by [`Env::options`].
#[derive(Debug, Clone)]
pub struct EnvOptions {
    options: OpenOptions,
}

impl Env {
    /// Returns options to open an environment with other than the defaults.
    #[must_use]
    pub fn options() -> EnvOptions {
        EnvOptions::new()
    }

    /// Opens the database file `path`, which is created if there is none.
    ///
    /// # Errors
    ///
    /// As [`EnvOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Env> {
        Env::options().open(path)
    }
}

impl EnvOptions {
    pub(crate) fn new() -> EnvOptions {
        let options = OpenOptions {
            create: true,
            max_readers: 126,
            max_tables: 256,
            dirty_limit: 256 << 20,
            ..OpenOptions::default()
        };
        EnvOptions { options }
    }

    /// Sets how long the data file is and may become.
    #[must_use]
    pub fn geometry(mut self, geometry: Geometry) -> Self {
        self.options.page_size = geometry.page_size;
        self.options.lower = geometry.lower;
        self.options.upper = geometry.upper;
        self.options.growth_step = geometry.growth_step;
        self.options.shrink_threshold = geometry.shrink_threshold;
        self
    }

    /// Sets how many different names of tables can be used while the environment is open; 256 by default.
    #[must_use]
    pub fn max_tables(mut self, max: usize) -> Self {
        self.options.max_tables = max;
        self
    }

    /// Sets how many bytes of changed pages a write transaction keeps in memory; 256 MiB by default. Beyond that it
    /// writes pages to the file before it commits, which costs time but lets it change more than memory holds. A
    /// nested transaction keeps all its pages in memory.
    #[must_use]
    #[doc(alias = "MDBX_opt_txn_dp_limit")]
    pub fn dirty_limit(mut self, bytes: usize) -> Self {
        self.options.dirty_limit = bytes;
        self
    }

    /// Sets how many read transactions can run at a time; 126 by default.
    #[must_use]
    pub fn max_readers(mut self, max: usize) -> Self {
        self.options.max_readers = max;
        self
    }

    /// Gives the order of the table `name`, whether or not there is such a table yet.
    ///
    /// The file does not tell this order, so it is given here each time, and before any transaction can use the table:
    /// see [`TableOrder`]. A renamed table takes the order of its new name, which must be the same.
    #[must_use]
    #[doc(alias = "mdbx_dbi_open_ex")]
    #[doc(alias = "mdbx_set_compare")]
    #[doc(alias = "mdbx_set_dupsort")]
    pub fn table_order(mut self, name: impl AsRef<[u8]>, order: TableOrder) -> Self {
        self.options.orders.insert(name.as_ref(), order);
        self
    }

    /// Gives the order of the main table, as [`table_order`](EnvOptions::table_order) does of a named one. The names
    /// of tables are keys of the main table, but a table is only found by its very name.
    #[must_use]
    pub fn main_order(mut self, order: TableOrder) -> Self {
        self.options.orders.main = order;
        self
    }

    /// Sets whether a path where nothing is yet names a directory, to hold `mdbx.dat` and `mdbx.lck`, or the data file
    /// itself, which is the default. What exists already decides by itself.
    #[doc(alias = "MDBX_NOSUBDIR")]
    #[must_use]
    pub fn sub_directory(mut self, sub_directory: bool) -> Self {
        self.options.sub_directory = sub_directory;
        self
    }

    /// Sets whether a database is created where there is none, which is the default.
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.options.create = create;
        self
    }

    /// Opens the database at `path`.
    ///
    /// The file must be a database that no program writes to but those that take its locks, as this library and
    /// libmdbx do: what is read from it points into the file itself.
    ///
    /// # Errors
    ///
    /// - [`Error::Open`](crate::Error::Open) if a file cannot be opened, created, sized or mapped.
    /// - [`Error::Busy`](crate::Error::Busy) if another process has it open, and
    ///   [`Error::AlreadyOpen`](crate::Error::AlreadyOpen) if this one has.
    /// - [`Error::DuplicatedLock`](crate::Error::DuplicatedLock) if a program may use it under other names.
    /// - [`Error::NotADatabase`](crate::Error::NotADatabase), [`Error::VersionMismatch`](crate::Error::VersionMismatch)
    ///   and [`Error::Corrupted`](crate::Error::Corrupted) about what is in the file.
    /// - [`Error::Geometry`](crate::Error::Geometry) if the geometry asked for is impossible.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Env> {
        let store = Store::open(path.as_ref(), &self.options)?;
        Ok(Env::new(Engine::new(store)))
    }
}
