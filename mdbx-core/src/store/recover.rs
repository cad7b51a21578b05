//! Choose the meta to start from, and recover.
//!
//! Whoever opens a file alone can judge what its metas say, and mend it, here and once. Afterwards transactions rely
//! on it: the newest meta is valid, and all that it leads to is there to be read.
//!
//! Mending is to make metas void, the newest first, each durably before the next is looked at. If it is cut short, what is
//! left is again a file whose newest meta is to be made void, and the next opening goes on.
//!
//! Source: format document, "Choosing a snapshot".

use std::io;
use std::path::Path;

use log::{info, warn};

use crate::error::{Error, PageFault, Result};
use crate::format::limits::PAGE_HEADER;
use crate::format::meta::{META_BODY, Meta, MetaBody, MetaFault, Rank, Ranking, rank};
use crate::format::seal::without_seal;
use crate::ids::{PageSize, Pgno, Txnid};
use crate::store::seal;
use crate::store::troika::body_offset;
use crate::sys::file::DataFile;
use crate::sys::process::boot_id;

/// Too short to hold even the metas of the smallest pages.
const SHORTEST_FILE: u64 = 3 * 256;

/// The metas of a file that nobody writes to, or that were read between two writes.
struct Metas<'f> {
    path: &'f Path,
    page_size: PageSize,
    bodies: [MetaBody; 3],
    ranking: Ranking,
    file_pages: u64,
}

/// What a file that was just opened begins with.
pub(crate) struct Start {
    /// The newest meta.
    pub(crate) meta: Meta,
    /// The newest durable transaction; the newest of all if none is.
    pub(crate) steady: Txnid,
    /// Whether the meta of that is known to be on the disk. If another process wrote it since the machine was
    /// started, it may not be.
    pub(crate) is_steady_on_disk: bool,
}

/// Chooses the meta to start from: the newest, unless it was not durable before the machine was restarted; then the
/// newest durable one, and the newer ones are made void. A weak one is durable if its seal holds.
///
/// A weak meta of this boot stays as it is: nobody lost what it leads to.
///
/// # Errors
///
/// [`Error::WannaRecovery`] if the newest is not durable and `may_write` is not set; as
/// [`EnvOptions::open`](crate::EnvOptions::open) documents them, about what is in the file.
///
/// Source: format document, "Opening exclusively".
pub(crate) fn recover(file: &dyn DataFile, path: &Path, may_write: bool) -> Result<Start> {
    let boot = boot_id();
    let is_known = |id: [u8; 16]| id != [0; 16];
    let wanna_recovery = || Error::WannaRecovery {
        path: path.to_owned(),
    };
    loop {
        let metas = Metas::read(file, path)?;
        let Ranking {
            recent,
            prefer_steady,
            ..
        } = metas.ranking;
        let Rank { txnid, steady } = Rank::read(&metas.bodies[prefer_steady]);
        // An older meta would do, but that the newest durable one is damaged must not go unnoticed.
        let durable = steady.then(|| metas.meta(prefer_steady)).transpose()?;
        // What another boot wrote and this one reads came from the disk.
        let is_steady_on_disk = durable
            .as_ref()
            .is_some_and(|meta| is_known(meta.boot_id) && is_known(boot) && meta.boot_id != boot);
        let start = |meta| Start {
            meta,
            steady: txnid,
            is_steady_on_disk,
        };
        if let Some(meta) = durable
            && prefer_steady == recent
        {
            return Ok(start(meta));
        }
        let shown = path.display();
        let newest = Rank::read(&metas.bodies[recent]).txnid;
        if let Ok(meta) = metas.parse(recent)
            && is_known(boot)
            && meta.boot_id == boot
        {
            if !may_write {
                return Err(wanna_recovery());
            }
            info!("the newest commit of {shown} may not be on the disk: snapshot={newest}");
            return Ok(start(meta));
        }
        if !steady {
            return Err(metas.nothing_durable());
        }
        if !may_write {
            return Err(wanna_recovery());
        }
        if metas.is_sealed(recent, file)? {
            info!("the newest commit of {shown} is on the disk as a whole: snapshot={newest}");
            make_steady(file, metas.page_size, recent).map_err(Error::opening(path))?;
            continue;
        }
        warn!("rolling back {shown}: snapshot={newest} was lost when the machine stopped");
        void(file, metas.page_size, recent).map_err(Error::opening(path))?;
    }
}

/// Returns what the newest meta of a file says, whether or not it is durable. Nothing is written.
///
/// # Errors
///
/// As [`Env::peek`](crate::Env::peek) documents them.
pub(crate) fn newest(file: &dyn DataFile, path: &Path) -> Result<Meta> {
    let metas = Metas::read(file, path)?;
    metas.meta(metas.ranking.recent)
}

impl<'f> Metas<'f> {
    fn read(file: &dyn DataFile, path: &'f Path) -> Result<Metas<'f>> {
        let page_size = find_page_size(file, path)?;
        let mut bodies = [[0; META_BODY.end - META_BODY.start]; 3];
        for (number, body) in (0..).zip(&mut bodies) {
            *body = read_body(file, path, page_size, number)?;
        }
        let ranking = rank(bodies.map(|body| Rank::read(&body)));
        let ranking = ranking.map_err(|_| bad_meta(0, "two metas claim the same transaction"))?;
        let len = file.len().map_err(Error::opening(path))?;
        Ok(Metas {
            path,
            page_size,
            bodies,
            ranking,
            file_pages: len / page_size.bytes() as u64,
        })
    }

    fn parse(&self, number: usize) -> Result<Meta, MetaFault> {
        Meta::parse_body(&self.bodies[number], self.file_pages)
    }

    fn meta(&self, number: usize) -> Result<Meta> {
        let [low, ..] = number.to_le_bytes();
        self.parse(number)
            .map_err(|fault| fault.into_error(self.path, u32::from(low)))
    }

    /// Returns whether the commit of a valid meta is in the file as a whole, as its seal tells.
    ///
    /// Only a file with a steady meta may ask: in another one, pages of what the commit builds on were used again.
    fn is_sealed(&self, number: usize, file: &dyn DataFile) -> Result<bool> {
        let Ok(meta) = self.parse(number) else {
            return Ok(false);
        };
        let [low, ..] = number.to_le_bytes();
        seal::holds(Pgno(low.into()), &self.bodies[number], &meta, file)
            .map_err(Error::opening(self.path))
    }

    /// Returns what is wrong with a file in which no meta is known durable.
    fn nothing_durable(&self) -> Error {
        let newest = self.meta(self.ranking.recent).err();
        newest.unwrap_or_else(|| bad_meta(0, "no meta is known durable"))
    }
}

/// Returns the page size that the first meta names, which tells where the others are.
fn find_page_size(file: &dyn DataFile, path: &Path) -> Result<PageSize> {
    let failed = Error::opening(path);
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

fn read_body(
    file: &dyn DataFile,
    path: &Path,
    page_size: PageSize,
    number: u32,
) -> Result<MetaBody> {
    let mut start = [0; META_BODY.end];
    file.read_exact_at(&mut start, Pgno(number).offset(page_size))
        .map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => bad_meta(number, "the file ends before it"),
            _ => Error::opening(path)(source),
        })?;
    let mut header = [0; PAGE_HEADER];
    header.copy_from_slice(&start[..PAGE_HEADER]);
    Meta::check_header(&header, number).map_err(|fault| fault.into_error(path, number))?;
    let mut body = [0; META_BODY.end - META_BODY.start];
    body.copy_from_slice(&start[META_BODY]);
    Ok(body)
}

/// Makes everything in the file durable, and has a meta say so of its commit.
fn make_steady(file: &dyn DataFile, page_size: PageSize, number: usize) -> io::Result<()> {
    file.sync_all()?;
    let mut body = [0; META_BODY.end - META_BODY.start];
    let at = body_offset(page_size, number);
    file.read_exact_at(&mut body, at)?;
    Meta::make_steady(&mut body, boot_id());
    file.write_durable_at(&without_seal(&body), at)
}

/// Makes a meta void: it then ranks below all others.
fn void(file: &dyn DataFile, page_size: PageSize, number: usize) -> io::Result<()> {
    let mut body = [0; META_BODY.end - META_BODY.start];
    let at = body_offset(page_size, number);
    file.read_exact_at(&mut body, at)?;
    Meta::make_void(&mut body);
    file.write_durable_at(&without_seal(&body), at)
}

fn bad_meta(number: u32, reason: &'static str) -> Error {
    PageFault::BadMeta { reason }.at(Pgno(number))
}
