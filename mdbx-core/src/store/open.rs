//! Open or create a database.
//!
//! Who opens it first has it alone for that moment, so it can choose the meta to start from and put the length of the
//! file right. Whoever comes later takes the file as those have it who use it.
//!
//! Source: format document, "Creating a file", "Choosing a snapshot" and "Geometry and file size".

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use log::info;

use crate::error::{Error, Result};
use crate::format::geometry::{PageCounts, pages_per_unit};
use crate::format::lck::{LockVersion, modes, shortest_file};
use crate::format::meta::{Meta, Sign};
use crate::ids::{PageSize, Pgno};
use crate::store::attach::{Attached, Wish};
use crate::store::compaction::CompactionDue;
use crate::store::create::{create, create_directory, finish_creation, is_unfinished};
use crate::store::durability::{Durability, Mode};
use crate::store::geometry::Geometry;
use crate::store::names::Names;
use crate::store::orders::GivenOrders;
use crate::store::readers::Readers;
use crate::store::recover::{Start, newest, recover};
use crate::store::slow::SlowReaderHandler;
use crate::store::unsynced::Unsynced;
use crate::sys::file::{Access, DataFile, OsFile};
use crate::sys::lock::{Locks, OpenGuard, Seized};
use crate::sys::map::Map;
use crate::sys::mapped_file::MappedFile;
use crate::sys::paths::Paths;
use crate::sys::witness::Watch;

/// The number of the next environment.
static NUMBERS: AtomicU32 = AtomicU32::new(1);

/// How often the metas of a file are read while others write them, before it is taken for damaged.
const MOST_READS: usize = 1000;

/// How to open a database.
#[derive(Debug, Clone)]
pub(crate) struct OpenOptions {
    pub(crate) access: Access,
    pub(crate) sharing: Sharing,
    /// The version of the lock file that is made, if nobody has made one.
    pub(crate) lock_version: LockVersion,
    pub(crate) sub_directory: bool,
    pub(crate) create: bool,
    pub(crate) max_readers: usize,
    pub(crate) max_tables: usize,
    pub(crate) dirty_limit: usize,
    pub(crate) reclaim: ReclaimOrder,
    pub(crate) writing: Writing,
    pub(crate) geometry: Geometry,
    pub(crate) slow_reader: Option<SlowReaderHandler>,
    pub(crate) orders: GivenOrders,
    /// Who is told what happens to the data file.
    pub(crate) watch: Watch,
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions {
            access: Access::ReadWrite,
            sharing: Sharing::default(),
            lock_version: LockVersion::default(),
            sub_directory: false,
            create: true,
            max_readers: 110,
            max_tables: 256,
            dirty_limit: 256 << 20,
            reclaim: ReclaimOrder::default(),
            writing: Writing::default(),
            geometry: Geometry::default(),
            slow_reader: None,
            orders: GivenOrders::default(),
            watch: Watch::default(),
        }
    }
}

/// With whom a database is shared.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sharing {
    /// Whether with nobody.
    pub(crate) exclusive: bool,
    /// Whether to take what modes others use.
    pub(crate) accede: bool,
}

/// How commits reach the disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Writing {
    pub(crate) durability: Durability,
    /// Whether pages are written through a mapping.
    pub(crate) through_map: bool,
    /// After how many bytes a commit is durable; `None` leaves what is set.
    pub(crate) sync_bytes: Option<u64>,
    /// After what time a commit is durable; `None` leaves what is set.
    pub(crate) sync_period: Option<Duration>,
}

/// Which free pages are used again first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ReclaimOrder {
    /// Those that were freed last. Under a steady load the same few pages are written over and over: they stay in
    /// memory, and the rest of the file is left in peace.
    #[default]
    #[doc(alias = "MDBX_LIFORECLAIM")]
    NewestFirst,
    /// Those that were freed first. All free pages go round.
    OldestFirst,
}

/// One opened database.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) path: PathBuf,
    /// A number, never 0, that tells the environments of this process apart.
    pub(crate) number: u32,
    pub(crate) access: Access,
    pub(crate) page_size: PageSize,
    pub(crate) map: Map,
    pub(crate) file: Box<dyn DataFile>,
    /// The length of the file in pages, when it was last measured. A writer changes it, maybe of another process.
    pub(crate) file_pages: AtomicU64,
    /// The newest snapshot when the holder of the writer's turn last knew the length.
    pub(crate) measured_at: AtomicU64,
    /// Held while the file is measured.
    pub(crate) measuring: Mutex<()>,
    /// When to move what is written towards the start of the file.
    pub(crate) compaction_due: CompactionDue,
    pub(crate) readers: Readers,
    /// Asked when a reader holds pages back that the writer needs.
    pub(crate) slow_reader: Mutex<Option<SlowReaderHandler>>,
    pub(crate) names: Names,
    pub(crate) orders: GivenOrders,
    /// How many bytes of changed pages a transaction keeps in memory.
    pub(crate) dirty_limit: usize,
    pub(crate) reclaim: ReclaimOrder,
    /// What commits promise.
    pub(crate) mode: Mode,
    /// What may not be on the disk.
    pub(crate) unsynced: Unsynced,
    /// Whether what is not on the disk at the end is left so.
    pub(crate) leaves_unsynced: AtomicBool,
    /// Whether a sync failed, so that what is on the disk is not known.
    pub(crate) failed: AtomicBool,
    /// Whether a thread ended with a write transaction.
    pub(crate) writer_lost: AtomicBool,
    /// The lock file, and all locks. Given up last.
    pub(crate) attached: Arc<Attached>,
}

/// A data file that is locked, and that there is something in.
struct Found {
    attached: Arc<Attached>,
    unsynced: Unsynced,
    /// The newest meta, or one that was it just before.
    meta: Meta,
    /// What commits promise.
    durability: Durability,
    /// Whether pages are written through a mapping.
    writes_through_map: bool,
    /// Whether the geometry that was asked for is still to be set.
    is_to_be_resized: bool,
}

impl Store {
    /// Opens the database at `path`.
    ///
    /// # Errors
    ///
    /// As [`EnvOptions::open`](crate::EnvOptions::open) documents them.
    pub(crate) fn open(path: &Path, options: &OpenOptions) -> Result<Store> {
        let paths = Paths::resolve(path, options.sub_directory);
        let failed = Error::opening(&paths.data);
        let file = open_file(&paths, options).map_err(failed)?;
        let guard = OpenGuard::register(file.file(), &paths.data)?;
        let (access, exclusive) = (options.access, options.sharing.exclusive);
        let seized = Locks::seize(file.file(), &paths, access, exclusive, shortest_file())?;
        let found = match seized {
            Seized::Alone(locks) => {
                let watched = options.watch.over(Box::new(&file));
                open_alone(&*watched, locks, guard, &paths, options)?
            }
            Seized::Shared(locks) => open_shared(&file, locks, guard, &paths, options)?,
        };
        Store::of_found(paths, file, found, options)
    }

    /// Makes a database that is in memory only.
    ///
    /// # Errors
    ///
    /// As [`EnvOptions::open_in_memory`](crate::EnvOptions::open_in_memory) documents them.
    pub(crate) fn open_in_memory(options: &OpenOptions) -> Result<Store> {
        let paths = Paths::nowhere();
        let failed = Error::opening(&paths.data);
        let file = OsFile::in_memory().map_err(failed)?;
        let guard = OpenGuard::register(file.file(), &paths.data)?;
        let locks = Locks::of_nameless(file.file()).map_err(failed)?;
        let found = {
            let watched = options.watch.over(Box::new(&file));
            open_alone(&*watched, locks, guard, &paths, options)?
        };
        Store::of_found(paths, file, found, options)
    }

    /// Maps the file of a database that was found or made.
    fn of_found(paths: Paths, file: OsFile, found: Found, options: &OpenOptions) -> Result<Store> {
        let failed = Error::opening(&paths.data);
        let meta = &found.meta;
        let page_size = meta.page_size;
        let len = file.len().map_err(failed)?;
        let choose = |present: &PageCounts| options.geometry.for_opened_file(present, page_size);
        let counts = if found.is_to_be_resized {
            choose(&meta.geometry)?
        } else {
            meta.geometry
        };
        let reserve = Pgno(counts.upper.max(meta.geometry.now)).offset(page_size);
        let map = usize::try_from(reserve).map_err(|_| io::ErrorKind::OutOfMemory.into());
        let map = map
            .and_then(|reserve| Map::new(file.file(), reserve))
            .map_err(failed)?;
        set_thresholds(&found.unsynced, options, page_size);
        let file = writable(file, found.writes_through_map, page_size, &map).map_err(failed)?;
        let (data, snapshot) = (paths.data.display(), meta.txnid);
        let (bytes, file_pages) = (page_size.bytes(), len / page_size.bytes() as u64);
        info!("opened {data}: page_size={bytes} snapshot={snapshot} file_pages={file_pages}");
        let attached = found.attached;
        let store = Store {
            path: paths.data,
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            access: options.access,
            page_size,
            map,
            file: options.watch.over(file),
            file_pages: AtomicU64::new(file_pages),
            measured_at: AtomicU64::new(0),
            measuring: Mutex::new(()),
            compaction_due: CompactionDue::new(meta.txnid),
            readers: Readers::new(Arc::clone(&attached)),
            slow_reader: Mutex::new(options.slow_reader.clone()),
            names: Names::new(options.max_tables),
            orders: options.orders.clone(),
            dirty_limit: options.dirty_limit,
            reclaim: options.reclaim,
            mode: Mode::new(found.durability),
            unsynced: found.unsynced,
            leaves_unsynced: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            writer_lost: AtomicBool::new(false),
            attached,
        };
        if found.is_to_be_resized {
            store.set_geometry(choose)?;
        }
        Ok(store)
    }
}

/// Sets when a commit is to be durable, as far as it was asked for: for all processes.
fn set_thresholds(unsynced: &Unsynced, options: &OpenOptions, page_size: PageSize) {
    if let Some(bytes) = options.writing.sync_bytes {
        unsynced.set_bytes(bytes, page_size);
    }
    if let Some(period) = options.writing.sync_period {
        unsynced.set_period(period);
    }
}

/// Makes or finds a database that nobody else has open, and lets others in.
fn open_alone(
    file: &dyn DataFile,
    locks: Locks,
    guard: OpenGuard,
    paths: &Paths,
    options: &OpenOptions,
) -> Result<Found> {
    let failed = Error::opening(&paths.data);
    let attached = Attached::initialise(
        locks,
        guard,
        &paths.lock,
        options.lock_version,
        options.max_readers,
        options.sharing.exclusive,
    )?;
    let may_write = options.access == Access::ReadWrite;
    let is_new = may_write && options.create && is_unfinished(file).map_err(failed)?;
    if is_new {
        create(file, &paths.data, &options.geometry)?;
    }
    let Start {
        meta,
        steady,
        is_steady_on_disk,
    } = recover(file, &paths.data, may_write)?;
    let attached = Arc::new(attached);
    let unsynced = Unsynced::new(Arc::clone(&attached));
    if is_new || is_steady_on_disk {
        unsynced.set_meta_durable(steady);
    } else {
        unsynced.forget_meta(steady);
    }
    if meta.sign != Sign::Steady {
        // How many pages they are is not known.
        unsynced.raise(u64::from(meta.geometry.first_unallocated.0));
    }
    if may_write {
        if !paths.are_nowhere() {
            finish_creation(file, paths, &meta, &options.watch).map_err(failed)?;
        }
        prepare_length(file, &meta).map_err(failed)?;
    }
    attached.settle(modes_of(options)).map_err(failed)?;
    Ok(Found {
        attached,
        unsynced,
        meta,
        durability: options.writing.durability,
        writes_through_map: writes_through_map(options),
        is_to_be_resized: may_write && !is_new && options.geometry.is_given(),
    })
}

/// Joins those who have the database open, and leaves its geometry as they have it.
fn open_shared(
    file: &OsFile,
    locks: Locks,
    guard: OpenGuard,
    paths: &Paths,
    options: &OpenOptions,
) -> Result<Found> {
    if options.sharing.exclusive {
        return Err(Error::Busy {
            path: paths.data.clone(),
        });
    }
    let wish = Wish {
        modes: modes_of(options),
        accede: options.sharing.accede,
    };
    let (attached, modes) = Attached::join(locks, guard, (&paths.data, &paths.lock), wish)?;
    let attached = Arc::new(attached);
    attached.sweep()?;
    let mut meta = newest(file, &paths.data);
    for _ in 1..MOST_READS {
        if meta.is_ok() {
            break;
        }
        thread::yield_now(); // somebody may just be writing it
        meta = newest(file, &paths.data);
    }
    let (durability, writes_through_map) = if options.sharing.accede {
        // Where nobody is lazy, everybody may write as he likes.
        let is_lazy = modes & modes::LAZY != 0;
        let through_map = options.access == Access::ReadWrite && modes & modes::WRITE_MAP != 0;
        (durability_of(modes), is_lazy && through_map)
    } else {
        (options.writing.durability, writes_through_map(options))
    };
    Ok(Found {
        unsynced: Unsynced::new(Arc::clone(&attached)),
        attached,
        meta: meta?,
        durability,
        writes_through_map,
        is_to_be_resized: false,
    })
}

/// Returns whether this process is to write pages through a mapping.
fn writes_through_map(options: &OpenOptions) -> bool {
    options.access == Access::ReadWrite && options.writing.through_map
}

/// Returns what the lock file tells others about how this process uses the database.
fn modes_of(options: &OpenOptions) -> u32 {
    let reclaim = match options.reclaim {
        ReclaimOrder::NewestFirst => modes::LIFO_RECLAIM,
        ReclaimOrder::OldestFirst => 0,
    };
    let durability = match options.writing.durability {
        Durability::Durable | Durability::SingleSync => 0, // beside others both wait twice
        Durability::NoMetaSync => modes::NO_META_SYNC,
        Durability::SafeNoSync => modes::SAFE_NO_SYNC,
        Durability::UtterlyNoSync => modes::UTTERLY_NO_SYNC,
    };
    let access = match options.access {
        Access::ReadWrite => 0,
        Access::ReadOnly => modes::READ_ONLY,
    };
    let writing = if writes_through_map(options) {
        modes::WRITE_MAP
    } else {
        0
    };
    reclaim | durability | access | writing
}

/// Returns what commits promise in processes that tell others such modes.
fn durability_of(told: u32) -> Durability {
    match told & modes::UTTERLY_NO_SYNC {
        modes::UTTERLY_NO_SYNC => Durability::UtterlyNoSync,
        modes::SAFE_NO_SYNC => Durability::SafeNoSync,
        _ if told & modes::NO_META_SYNC != 0 => Durability::NoMetaSync,
        _ => Durability::Durable,
    }
}

/// Returns the data file, mapped once more if pages are to be written that way.
fn writable(
    file: OsFile,
    through_map: bool,
    page_size: PageSize,
    map: &Map,
) -> io::Result<Box<dyn DataFile>> {
    if !through_map {
        return Ok(Box::new(file));
    }
    let metas_end = Pgno::FIRST_DATA.offset(page_size);
    Ok(Box::new(MappedFile::new(file, metas_end, map.len())?))
}

/// Returns the newest meta of the database at `path`, which is not opened.
///
/// # Errors
///
/// As [`Env::peek`](crate::Env::peek) documents them.
pub(crate) fn peek(path: &Path) -> Result<Meta> {
    let Paths { data, .. } = Paths::resolve(path, false);
    let file = OsFile::open_read_only(&data).map_err(Error::opening(&data))?;
    newest(&file, &data)
}

/// Opens the data file, which is created if that is wanted, and with it the directory for it.
fn open_file(paths: &Paths, options: &OpenOptions) -> io::Result<OsFile> {
    if options.access == Access::ReadOnly {
        return OsFile::open_read_only(&paths.data);
    }
    if let Some(directory) = paths.data.parent()
        && options.create
        && options.sub_directory
    {
        create_directory(directory)?;
    }
    if options.create {
        options.watch.before_create(&paths.data)?;
    }
    OsFile::open(&paths.data, options.create)
}

/// Makes the file as long as its meta says, and a whole number of pages, its own and the operating system's.
fn prepare_length(file: &dyn DataFile, meta: &Meta) -> io::Result<()> {
    let unit = pages_per_unit(meta.page_size) * meta.page_size.bytes() as u64;
    let len = file.len()?;
    let wanted = Pgno(meta.geometry.now)
        .offset(meta.page_size)
        .max(len.next_multiple_of(unit));
    if len < wanted {
        file.set_len(wanted)?;
    }
    Ok(())
}
