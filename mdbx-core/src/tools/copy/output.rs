//! Bytes out, progress back.

use std::io::{self, BufWriter, Read as _, Write as _};
use std::ops::ControlFlow;

use crate::error::{Error, Result};
use crate::ids::{PageSize, Pgno};

/// The bytes written between two reports of progress, and in one system call.
const STEP: usize = 1 << 20;

/// How far a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Pages written so far, the metas among them.
    pub done: u64,
    /// Pages to be written in all.
    pub all: u64,
}

/// What is told how far a copy is, and says whether it goes on.
pub(super) type Listener<'c> = Box<dyn FnMut(Progress) -> ControlFlow<()> + 'c>;

/// Where a copy goes.
pub(super) struct Output<'c, W: io::Write> {
    out: BufWriter<W>,
    progress: Option<Listener<'c>>,
    page_size: u64,
    all_pages: u64,
    /// Bytes written so far.
    at: u64,
    /// Progress is told again when that many bytes are written.
    next_report: u64,
}

impl<'c, W: io::Write> Output<'c, W> {
    /// The output of the pages before `end` to `out`.
    pub(super) fn new(
        out: W,
        page_size: PageSize,
        end: Pgno,
        progress: Option<Listener<'c>>,
    ) -> Output<'c, W> {
        Output {
            out: BufWriter::with_capacity(STEP, out),
            progress,
            page_size: page_size.bytes() as u64,
            all_pages: end.0.into(),
            at: 0,
            next_report: 0,
        }
    }

    /// Writes some of the pages.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Stopped`].
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        for part in bytes.chunks(STEP) {
            if self.at >= self.next_report {
                self.report()?;
                self.next_report = self.at + STEP as u64;
            }
            self.out.write_all(part).map_err(failed)?;
            self.at += part.len() as u64;
        }
        Ok(())
    }

    /// Writes zeros until `len` bytes are written.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub(super) fn pad(&mut self, len: u64) -> Result<()> {
        let mut zeros = io::repeat(0).take(len.saturating_sub(self.at));
        io::copy(&mut zeros, &mut self.out).map_err(failed)?;
        Ok(())
    }

    /// Hands over what was held back, and tells that all is done.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Stopped`].
    pub(super) fn finish(mut self) -> Result<()> {
        self.out.flush().map_err(failed)?;
        self.report()
    }

    fn report(&mut self) -> Result<()> {
        let progress = Progress {
            done: self.at / self.page_size,
            all: self.all_pages,
        };
        match &mut self.progress {
            Some(tell) => match tell(progress) {
                ControlFlow::Continue(()) => Ok(()),
                ControlFlow::Break(()) => Err(Error::Stopped),
            },
            None => Ok(()),
        }
    }
}

fn failed(source: io::Error) -> Error {
    Error::Io {
        action: "write the copy",
        source,
    }
}
