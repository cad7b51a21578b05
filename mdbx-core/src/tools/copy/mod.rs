//! Copy a snapshot to a new file, or to anything that takes bytes, while writers go on.
//!
//! | mode | what the copy holds |
//! | --- | --- |
//! | plain | the pages of the snapshot where they are, free ones included |
//! | compact | only the pages in use, with new numbers: first to last is the order of a scan |
//!
//! Either copy is written from its first byte to its last, never going back, so a pipe is served as a file is. But
//! the metas come first, and name the root of the main table and where the pages end. A plain copy leaves both as
//! they are. A compact one gives each page the next number after all pages it leads to, so the root of the main
//! table is the last page of all; and how many pages there are, the records of the tables say. In the end they are
//! held against what was written, so a false record is an error and not a false copy.
//!
//! | file | its job |
//! | --- | --- |
//! | `compact` | the pages in use, with new numbers |
//! | `output` | bytes out, progress back |
//! | `target` | a file that appears whole or not at all |

mod compact;
mod output;
mod target;

pub use output::Progress;

use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use crate::error::{Error, Result};
use crate::format::geometry::{PageCounts, pages_per_unit};
use crate::format::meta::{Meta, Sign};
use crate::ids::{PageSize, Pgno, Txnid};
use crate::sys::process::{boot_id, random_id};
use crate::txn::read::ReadTxn;
use compact::Compact;
use output::{Listener, Output};
use target::Target;

/// The bytes read at a time for a plain copy.
const CHUNK: usize = 1 << 20;

/// How to copy a snapshot.
///
/// The copy is a whole database that opens at once: of the same contents, sequences, marks, kinds of tables and
/// geometry, with an identity of its own. Writers go on meanwhile, but as under any long read, no page of the snapshot
/// is used again until its transaction ends.
///
/// ```
/// use mdbx_core::tools::copy::CopyOptions;
/// use mdbx_core::{Env, Table};
///
/// # let dir = tempfile::tempdir()?;
/// let env = Env::open(dir.path().join("app.mdbx"))?;
/// # let mut txn = env.write()?;
/// # txn.put(Table::MAIN, b"key", b"value")?;
/// # txn.commit()?;
/// let backup = dir.path().join("backup.mdbx");
/// CopyOptions::new().compact(true).to_path(&env.read()?, &backup)?;
///
/// let copy = Env::open(&backup)?;
/// assert_eq!(copy.read()?.get(Table::MAIN, b"key")?, Some(&b"value"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct CopyOptions<'c> {
    compact: bool,
    overwrite: bool,
    progress: Option<Listener<'c>>,
}

impl<'c> CopyOptions<'c> {
    /// Returns the options of a plain copy to a path where nothing is.
    #[must_use]
    pub fn new() -> Self {
        CopyOptions::default()
    }

    /// Sets whether only pages in use are copied, in the order of a scan, instead of all as they are. It takes longer,
    /// and looks at every page on the way, so damage is found.
    #[doc(alias = "MDBX_CP_COMPACT")]
    #[must_use]
    pub fn compact(self, compact: bool) -> Self {
        CopyOptions { compact, ..self }
    }

    /// Sets whether a file at the path of the copy is replaced. No program must have it open.
    #[doc(alias = "MDBX_CP_OVERWRITE")]
    #[must_use]
    pub fn overwrite(self, overwrite: bool) -> Self {
        CopyOptions { overwrite, ..self }
    }

    /// Sets what is told how far the copy is: before the first page, now and then, and after the last one. If it answers
    /// [`ControlFlow::Break`], the copy ends with [`Error::Stopped`].
    ///
    /// ```
    /// # use mdbx_core::tools::copy::CopyOptions;
    /// # let dir = tempfile::tempdir()?;
    /// # let env = mdbx_core::Env::open(dir.path().join("db"))?;
    /// use std::ops::ControlFlow;
    ///
    /// let mut percent = 0;
    /// let copy = CopyOptions::new().progress(|progress| {
    ///     percent = 100 * progress.done / progress.all;
    ///     ControlFlow::Continue(())
    /// });
    /// copy.to_writer(&env.read()?, std::io::sink())?;
    /// assert_eq!(percent, 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn progress(self, progress: impl FnMut(Progress) -> ControlFlow<()> + 'c) -> Self {
        CopyOptions {
            progress: Some(Box::new(progress)),
            ..self
        }
    }

    /// Copies the snapshot of `txn` to the data file `path`, and returns its length in bytes.
    ///
    /// The copy is written beside `path` under another name, synced, and then given its name. So at `path` there is
    /// never a part of a copy, whatever fails, and when this returns the copy is on the disk. Who may read and write the
    /// file is as with the data file itself; the copy of a database in memory is for its owner alone.
    ///
    /// # Errors
    ///
    /// - [`Error::Open`] if the file cannot be created. If there is one and it was not asked to
    ///   [overwrite](CopyOptions::overwrite) it, the cause is [`AlreadyExists`](io::ErrorKind::AlreadyExists).
    /// - [`Error::AlreadyOpen`] if `path` is the data file itself.
    /// - [`Error::Io`] if a page cannot be read or written.
    /// - [`Error::Stopped`] if the progress callback said so.
    /// - [`Error::Corrupted`] if a page that a compact copy met is damaged.
    #[doc(alias = "mdbx_env_copy")]
    #[doc(alias = "mdbx_txn_copy2pathname")]
    pub fn to_path(self, txn: &ReadTxn<'_>, path: impl AsRef<Path>) -> Result<u64> {
        let target = Target::create(path.as_ref(), self.overwrite, &txn.store().path)?;
        let image = Image::plan(txn, self.compact)?;
        let mut output = Output::new(
            target.file(),
            image.meta.page_size,
            image.end(),
            self.progress,
        );
        image.write(txn, &mut output)?;
        output.finish()?;
        target.install(image.len())?;
        Ok(image.len())
    }

    /// Writes a copy of the snapshot of `txn` to `out`, and returns its length in bytes: a data file, from its first
    /// byte to its last. To make it durable is the caller's part.
    ///
    /// # Errors
    ///
    /// In each case `out` has taken a part of the copy, which is of no use.
    ///
    /// - [`Error::Io`] if a page cannot be read, or `out` does not take it.
    /// - [`Error::Stopped`] if the progress callback said so.
    /// - [`Error::Corrupted`] if a page that a compact copy met is damaged.
    #[doc(alias = "mdbx_env_copy2fd")]
    #[doc(alias = "mdbx_txn_copy2fd")]
    pub fn to_writer(self, txn: &ReadTxn<'_>, out: impl io::Write) -> Result<u64> {
        let image = Image::plan(txn, self.compact)?;
        let mut output = Output::new(out, image.meta.page_size, image.end(), self.progress);
        image.write(txn, &mut output)?;
        output.pad(image.len())?;
        output.finish()?;
        Ok(image.len())
    }
}

impl fmt::Debug for CopyOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyOptions")
            .field("compact", &self.compact)
            .field("overwrite", &self.overwrite)
            .finish_non_exhaustive()
    }
}

/// A copy, as it will be.
#[derive(Debug)]
struct Image {
    /// The newest of its metas.
    meta: Meta,
    compact: bool,
}

impl Image {
    /// Returns what a copy of the snapshot of `txn` will be.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`] if the tables of a compact one cannot be had, or claim more pages than there are.
    fn plan(txn: &ReadTxn<'_>, compact: bool) -> Result<Image> {
        let source = txn.meta();
        let mut meta = Meta {
            // Below are the two metas of an empty database, which must be older.
            txnid: source.txnid.max(Txnid(3)),
            sign: Sign::Steady,
            boot_id: boot_id(),
            dxbid: random_id(),
            ..source.clone()
        };
        if compact {
            compact::plan(txn.pages(), &mut meta)?;
        }
        meta.geometry.now = pages_of_file(&meta.geometry, meta.page_size);
        Ok(Image { meta, compact })
    }

    /// Returns where the pages of the copy end.
    fn end(&self) -> Pgno {
        self.meta.geometry.first_unallocated
    }

    /// Returns the length of the copy in bytes.
    fn len(&self) -> u64 {
        Pgno(self.meta.geometry.now).offset(self.meta.page_size)
    }

    /// Writes the metas and all pages.
    fn write(&self, txn: &ReadTxn<'_>, output: &mut Output<'_, impl io::Write>) -> Result<()> {
        output.write(&self.metas())?;
        if self.compact {
            Compact::new(txn.pages(), output, self.end()).write(&txn.meta().main)
        } else {
            copy_pages(txn, self.end(), output)
        }
    }

    /// Returns the three metas, as pages: two of an empty database, and then that of the copy.
    ///
    /// All three are steady and valid, as those of a new file are, so the next commit finds one to overwrite.
    ///
    /// Source: format document, "Creating a file".
    fn metas(&self) -> Vec<u8> {
        let Meta {
            page_size,
            geometry,
            boot_id,
            dxbid,
            ..
        } = self.meta;
        let empty = |txnid| Meta::fresh(page_size, geometry, Txnid(txnid), boot_id, dxbid);
        let metas = [empty(1), empty(2), self.meta.clone()];
        let mut pages = vec![0; 3 * page_size.bytes()];
        for ((page, meta), number) in pages
            .chunks_exact_mut(page_size.bytes())
            .zip(metas)
            .zip(0..)
        {
            meta.write_page(number, page);
        }
        pages
    }
}

/// Copies the pages of the snapshot up to `end` as they are.
///
/// They are read from the file and not through the mapping: a writer may be changing those that the snapshot lists as
/// free, and what such a page holds does not matter.
fn copy_pages(txn: &ReadTxn<'_>, end: Pgno, output: &mut Output<'_, impl io::Write>) -> Result<()> {
    let page_size = txn.meta().page_size;
    let (mut at, end) = (Pgno::FIRST_DATA.offset(page_size), end.offset(page_size));
    let mut chunk = vec![0; CHUNK];
    while at < end {
        let len = usize::try_from(end - at).map_or(CHUNK, |rest| rest.min(CHUNK));
        let file = &txn.store().file;
        file.read_exact_at(&mut chunk[..len], at)
            .map_err(|source| Error::Io {
                action: "read pages",
                source,
            })?;
        output.write(&chunk[..len])?;
        at += len as u64;
    }
    Ok(())
}

/// Returns how many pages the file of a copy has: those in use, in whole pages of the operating system, and not fewer
/// than its geometry says.
fn pages_of_file(counts: &PageCounts, page_size: PageSize) -> u32 {
    let end = counts.first_unallocated.0;
    let unit = u32::try_from(pages_per_unit(page_size)).unwrap_or(1);
    let whole = end.checked_next_multiple_of(unit).unwrap_or(end);
    whole.clamp(counts.lower, counts.upper).max(end)
}
