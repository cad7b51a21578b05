//! Open or create a database; choose the meta to start from; recover.
//!
//! Opening holds the file alone, so what the metas say can be judged and mended here once. Afterwards transactions
//! rely on it: the newest meta is valid and durable.
//!
//! Source: format document, "Choosing a snapshot" and "Creating a file".

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use log::{info, warn};

use crate::error::{Error, PageFault, Result};
use crate::format::geometry::{PageCounts, pack, pages_per_unit, unpack};
use crate::format::limits::PAGE_HEADER;
use crate::format::meta::{META_BODY, Meta, MetaBody, MetaFault, Rank, Sign, rank};
use crate::ids::{PageSize, Pgno, Txnid};
use crate::store::names::Names;
use crate::store::orders::GivenOrders;
use crate::store::readers::Readers;
use crate::sys::file::{DataFile, OsFile};
use crate::sys::lock::{ExclusiveLock, OpenGuard, Paths};
use crate::sys::map::Map;
use crate::sys::process::{boot_id, random_id};

/// The number of the next environment.
static NUMBERS: AtomicU32 = AtomicU32::new(1);

/// Too short to hold even the metas of the smallest pages.
const SHORTEST_FILE: u64 = 3 * 256;

/// How to open a database. Sizes are in bytes; `None` is the default for a new file, and no change for another.
#[derive(Debug, Clone, Default)]
pub(crate) struct OpenOptions {
    pub(crate) sub_directory: bool,
    pub(crate) create: bool,
    pub(crate) max_readers: usize,
    pub(crate) max_tables: usize,
    pub(crate) dirty_limit: usize,
    pub(crate) page_size: Option<PageSize>,
    pub(crate) lower: Option<u64>,
    pub(crate) upper: Option<u64>,
    pub(crate) growth_step: Option<u64>,
    pub(crate) shrink_threshold: Option<u64>,
    pub(crate) orders: GivenOrders,
}

/// One opened database.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) path: PathBuf,
    /// A number, never 0, that tells the environments of this process apart.
    pub(crate) number: u32,
    pub(crate) page_size: PageSize,
    pub(crate) map: Map,
    pub(crate) file: Box<dyn DataFile>,
    /// The length of the file in pages. Only the writer changes it.
    pub(crate) file_pages: AtomicU64,
    /// The bounds and steps that commits write: those of the file, or others that the opener asked for.
    pub(crate) bounds: PageCounts,
    pub(crate) readers: Readers,
    pub(crate) names: Names,
    pub(crate) orders: GivenOrders,
    /// How many bytes of changed pages a transaction keeps in memory.
    pub(crate) dirty_limit: usize,
    /// Held by the one write transaction.
    pub(crate) writer: Mutex<()>,
    /// The thread that holds it, as a number; 0 when nobody does.
    pub(crate) writer_thread: AtomicU64,
    /// Whether a sync failed, so that what is on the disk is not known.
    pub(crate) failed: AtomicBool,
    // Given up last, in this order.
    _lock: ExclusiveLock,
    _guard: OpenGuard,
}

impl Store {
    /// Opens the database at `path`.
    ///
    /// # Errors
    ///
    /// As [`EnvOptions::open`](crate::EnvOptions::open) documents them.
    pub(crate) fn open(path: &Path, options: &OpenOptions) -> Result<Store> {
        let paths = Paths::resolve(path, options.sub_directory);
        let failed = |source| Error::Open {
            path: paths.data.clone(),
            source,
        };
        if let Some(directory) = paths.data.parent()
            && options.create
            && options.sub_directory
        {
            std::fs::create_dir_all(directory).map_err(failed)?;
        }
        let file = OsFile::open(&paths.data, options.create).map_err(failed)?;
        let guard = OpenGuard::register(file.file(), &paths.data)?;
        let lock = ExclusiveLock::acquire(file.file(), &paths)?;

        if file.len().map_err(failed)? == 0 && options.create {
            create(&file, &paths.data, options)?;
        }
        let meta = recover(&file, &paths.data)?;
        let bounds = requested_bounds(&meta, options)?;
        let file_pages = prepare_length(&file, &meta).map_err(failed)?;
        let reserve = Pgno(bounds.upper.max(meta.geometry.now)).offset(meta.page_size);
        let map = usize::try_from(reserve).map_err(|_| io::ErrorKind::OutOfMemory.into());
        let map = map
            .and_then(|reserve| Map::new(file.file(), reserve))
            .map_err(failed)?;
        let data = paths.data.display();
        let (page_size, snapshot) = (meta.page_size.bytes(), meta.txnid);
        info!("opened {data}: page_size={page_size} snapshot={snapshot} file_pages={file_pages}");
        Ok(Store {
            path: paths.data,
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            page_size: meta.page_size,
            map,
            file: Box::new(file),
            file_pages: AtomicU64::new(file_pages),
            bounds,
            readers: Readers::new(options.max_readers),
            names: Names::new(options.max_tables),
            orders: options.orders.clone(),
            dirty_limit: options.dirty_limit,
            writer: Mutex::new(()),
            writer_thread: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            _lock: lock,
            _guard: guard,
        })
    }
}

/// Writes the metas of a new database, and makes the file and its name durable.
fn create(file: &OsFile, path: &Path, options: &OpenOptions) -> Result<()> {
    let page_size = options.page_size.unwrap_or_default();
    let bounds = new_bounds(page_size, options)?;
    let (boot_id, dxbid) = (boot_id(), random_id());
    let mut pages = vec![0; 3 * page_size.bytes()];
    for (page, number) in pages.chunks_exact_mut(page_size.bytes()).zip(0..) {
        Meta::fresh(
            page_size,
            bounds,
            Txnid(u64::from(number) + 1),
            boot_id,
            dxbid,
        )
        .write_page(number, page);
    }
    let written = file
        .set_len(Pgno(bounds.now).offset(page_size))
        .and_then(|()| file.write_at(&[io::IoSlice::new(&pages)], 0))
        .and_then(|()| file.sync_all())
        .and_then(|()| sync_directory_of(path));
    written.map_err(|source| Error::Open {
        path: path.to_owned(),
        source,
    })?;
    let (path, page_size) = (path.display(), page_size.bytes());
    info!("created {path}: page_size={page_size}");
    Ok(())
}

/// Makes the name of a new file durable.
fn sync_directory_of(path: &Path) -> io::Result<()> {
    let directory = path
        .parent()
        .filter(|directory| !directory.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

/// Returns the geometry of a new file.
fn new_bounds(page_size: PageSize, options: &OpenOptions) -> Result<PageCounts> {
    const LOWER: u64 = 64 << 10;
    const UPPER: u64 = 1 << 40;
    const STEP: u64 = 4 << 20;
    let smallest = Pgno::FIRST_DATA.offset(page_size);
    let lower = whole_pages(
        options.lower.unwrap_or(LOWER.max(smallest)).max(smallest),
        page_size,
    );
    let largest = Pgno(Pgno::MAX.0 + 1).offset(page_size);
    let upper = options.upper.unwrap_or(UPPER.min(largest));
    let upper = whole_pages(upper, page_size).max(lower);
    if upper > u64::from(Pgno::MAX.0) + 1 {
        return Err(Error::Geometry {
            reason: "the upper bound exceeds 2^31 pages: take larger pages",
        });
    }
    if options
        .upper
        .is_some_and(|upper| upper < options.lower.unwrap_or(0))
    {
        return Err(Error::Geometry {
            reason: "the upper bound is below the lower bound",
        });
    }
    let (lower, upper) = (narrow(lower), narrow(upper));
    Ok(PageCounts {
        lower,
        upper,
        now: lower,
        grow_pv: packed(options.growth_step.unwrap_or(STEP), page_size),
        shrink_pv: packed(options.shrink_threshold.unwrap_or(2 * STEP), page_size),
        first_unallocated: Pgno::FIRST_DATA,
    })
}

/// Returns the geometry of an existing file, with what the opener wants changed.
fn requested_bounds(meta: &Meta, options: &OpenOptions) -> Result<PageCounts> {
    let mut bounds = meta.geometry;
    let page_size = meta.page_size;
    if let Some(lower) = options.lower {
        bounds.lower = narrow(whole_pages(lower, page_size).max(3)).min(bounds.now);
    }
    if let Some(upper) = options.upper {
        let upper = whole_pages(upper, page_size).max(u64::from(bounds.now));
        if upper > u64::from(Pgno::MAX.0) + 1 {
            return Err(Error::Geometry {
                reason: "the upper bound exceeds 2^31 pages",
            });
        }
        bounds.upper = narrow(upper);
    }
    if let Some(step) = options.growth_step {
        bounds.grow_pv = packed(step, page_size);
    }
    if let Some(threshold) = options.shrink_threshold {
        bounds.shrink_pv = packed(threshold, page_size);
    }
    Ok(bounds)
}

/// Returns how many pages hold `bytes` bytes, so that the file ends with a whole page of the operating system.
fn whole_pages(bytes: u64, page_size: PageSize) -> u64 {
    page_size
        .pages_for(bytes)
        .next_multiple_of(pages_per_unit(page_size))
}

fn narrow(pages: u64) -> u32 {
    u32::try_from(pages).unwrap_or(Pgno::MAX.0 + 1)
}

/// Returns the packed form of `bytes`, in pages, that stands for itself.
fn packed(bytes: u64, page_size: PageSize) -> u16 {
    pack(unpack(pack(narrow(whole_pages(bytes, page_size)))))
}

/// Chooses the meta to start from and makes it durable: the newest, unless it was not durable before the machine
/// was restarted; then the newest durable one, and the newer ones are made void.
///
/// Source: format document, "Opening exclusively".
fn recover(file: &OsFile, path: &Path) -> Result<Meta> {
    let failed = |source| Error::Open {
        path: path.to_owned(),
        source,
    };
    let page_size = find_page_size(file, path)?;
    loop {
        let mut bodies = [[0; META_BODY.end - META_BODY.start]; 3];
        for (number, body) in (0..).zip(&mut bodies) {
            *body = read_body(file, path, page_size, number)?;
        }
        let ranking = rank(bodies.map(|body| Rank::read(&body)));
        let ranking = ranking.map_err(|_| clash())?;
        let file_pages = file.len().map_err(failed)? / page_size.bytes() as u64;
        let parse = |number: usize| Meta::parse_body(&bodies[number], file_pages);
        let error = |fault: MetaFault, number: usize| fault.into_error(path, narrow(number as u64));

        let steady = Rank::read(&bodies[ranking.prefer_steady]).steady;
        if steady {
            let meta = parse(ranking.prefer_steady)
                .map_err(|fault| error(fault, ranking.prefer_steady))?;
            if ranking.prefer_steady == ranking.recent {
                return Ok(meta);
            }
        }
        match parse(ranking.recent) {
            Ok(meta) if meta.boot_id == boot_id() && meta.boot_id != [0; 16] => {
                let (path, snapshot) = (path.display(), meta.txnid);
                info!("making the newest commit of {path} durable: snapshot={snapshot}");
                return make_steady(file, &meta, ranking.recent).map_err(failed);
            }
            Ok(_) if !steady => {
                return Err(PageFault::BadMeta {
                    reason: "no meta is known durable",
                }
                .at(Pgno(0)));
            }
            Err(fault) if !steady => return Err(error(fault, ranking.recent)),
            Ok(_) | Err(_) => {
                let lost = Rank::read(&bodies[ranking.recent]).txnid;
                let path = path.display();
                warn!(
                    "rolling back {path}: snapshot={lost} was not durable when the machine stopped"
                );
                void(file, page_size, ranking.recent).map_err(failed)?;
            }
        }
    }
}

/// Returns the page size that the first meta names, which tells where the others are.
fn find_page_size(file: &OsFile, path: &Path) -> Result<PageSize> {
    let failed = |source| Error::Open {
        path: path.to_owned(),
        source,
    };
    if file.len().map_err(failed)? < SHORTEST_FILE {
        return Err(Error::NotADatabase {
            path: path.to_owned(),
        });
    }
    let mut start = [0; META_BODY.end];
    file.read_exact_at(&mut start, 0).map_err(failed)?;
    let mut body = [0; META_BODY.end - META_BODY.start];
    body.copy_from_slice(&start[META_BODY]);
    Meta::page_size(&body).map_err(|fault| fault.into_error(path, 0))
}

fn read_body(file: &OsFile, path: &Path, page_size: PageSize, number: u32) -> Result<MetaBody> {
    let mut start = [0; META_BODY.end];
    file.read_exact_at(&mut start, Pgno(number).offset(page_size))
        .map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => PageFault::BadMeta {
                reason: "the file ends before it",
            }
            .at(Pgno(number)),
            _ => Error::Open {
                path: path.to_owned(),
                source,
            },
        })?;
    let mut header = [0; PAGE_HEADER];
    header.copy_from_slice(&start[..PAGE_HEADER]);
    Meta::check_header(&header, number).map_err(|fault| fault.into_error(path, number))?;
    let mut body = [0; META_BODY.end - META_BODY.start];
    body.copy_from_slice(&start[META_BODY]);
    Ok(body)
}

fn clash() -> Error {
    PageFault::BadMeta {
        reason: "two metas claim the same transaction",
    }
    .at(Pgno(0))
}

/// Makes everything that the meta `weak` describes durable, and then says so in it.
fn make_steady(file: &OsFile, weak: &Meta, number: usize) -> io::Result<Meta> {
    file.sync_all()?;
    let meta = Meta {
        sign: Sign::Steady,
        boot_id: boot_id(),
        ..weak.clone()
    };
    file.write_durable_at(&meta.write_body(), body_offset(meta.page_size, number))?;
    Ok(meta)
}

/// Makes a meta void: it then ranks below all others.
fn void(file: &OsFile, page_size: PageSize, number: usize) -> io::Result<()> {
    let mut body = [0; META_BODY.end - META_BODY.start];
    let at = body_offset(page_size, number);
    file.read_exact_at(&mut body, at)?;
    Meta::make_void(&mut body);
    file.write_durable_at(&body, at)
}

/// Returns where the body of a meta is in the file, in bytes.
pub(crate) fn body_offset(page_size: PageSize, number: usize) -> u64 {
    (number * page_size.bytes() + META_BODY.start) as u64
}

/// Makes the file as long as its meta says; returns its length in pages.
fn prepare_length(file: &OsFile, meta: &Meta) -> io::Result<u64> {
    let wanted = Pgno(meta.geometry.now).offset(meta.page_size);
    if file.len()? < wanted {
        file.set_len(wanted)?;
    }
    Ok(file.len()? / meta.page_size.bytes() as u64)
}
