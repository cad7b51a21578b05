//! Move pages from the end of the file to free places nearer to its start, so that the file gets shorter.
//!
//! It goes in cycles, each of which is a commit of its own. A cycle takes all pages that nobody needs, and copies the
//! last pages in use to them, lowest first. The next cycle finds the old places free, and where they are at the end,
//! the commit returns them. What leads to a page that is moved is copied too and leaves a hole somewhere, so the
//! next cycle has fewer holes to fill, but some; the last few are not worth a commit and stay.
//!
//! ```text
//!   |##.#..#.#.##.#.##|     in use and free; three pages move
//!   |#########.##.....|     and their old places are returned
//! ```
//!
//! Source: behaviour document, "Defragmentation".

use std::fmt;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::env::handle::Env;
use crate::error::Result;
use crate::txn::relocate::Moves;
use crate::txn::write::WriteTxn;

/// So few free pages are not worth a cycle: each leaves some behind, one for every level of the trees it goes through.
const FEW_PAGES: u64 = 32;
/// Commits after the last cycle until no meta needs the end of the file any more.
const MOST_RESTS: u32 = 2;
/// Cycles in a row that win little: they may make runs of free pages for large values. After each pair of them the next
/// one moves pages from twice as far before the end.
const MOST_IDLE: u32 = 10;
/// Cycles have won little if the file has not become shorter by this part of what is free, or of what
/// one cycle moves.
const LITTLE: u64 = 16;
/// Bytes that a cycle moves unless told otherwise.
const DEFAULT_BATCH: u64 = 64 << 20;

/// How to defragment a database.
///
/// Its contents never change, and everybody goes on reading meanwhile; other writers take their turns between the
/// cycles. When pages at the end came free, the file is cut as its [`Geometry`](crate::Geometry) says: if more is
/// unused than its shrink threshold.
///
/// ```
/// use mdbx_core::tools::defrag::{DefragOptions, Why};
/// use mdbx_core::{Env, Table};
///
/// # let dir = tempfile::tempdir()?;
/// let env = Env::open(dir.path().join("app.mdbx"))?;
/// let mut txn = env.write()?;
/// for n in 0..20_000_u32 {
///     txn.put(Table::MAIN, &n.to_be_bytes(), &[0; 100])?;
/// }
/// txn.commit()?;
/// let mut txn = env.write()?;
/// txn.delete_range(Table::MAIN, ..&19_000_u32.to_be_bytes()[..])?;
/// txn.commit()?;
///
/// let done = DefragOptions::new().run(&env)?;
/// assert_eq!(done.stopped, Why::Done);
/// assert!(done.pages_after < done.pages_before / 4);
/// assert_eq!(env.read()?.table(Table::MAIN)?.len(), 1000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "mdbx_env_defrag")]
#[must_use = "it does nothing until it is run"]
pub struct DefragOptions<'c> {
    most_cycles: u64,
    most_time: Option<Duration>,
    batch_bytes: u64,
    progress: Option<Listener<'c>>,
}

/// What is told how far it is, and says whether it goes on.
type Listener<'c> = Box<dyn FnMut(Progress) -> ControlFlow<()> + 'c>;

/// How far a defragmentation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Cycles done so far.
    pub cycles: u64,
    /// Pages moved so far.
    pub pages_moved: u64,
    /// Where the pages end now, in pages from the start of the file.
    pub allocated_pages: u64,
    /// Pages before that end that are free and that nobody needs.
    pub free_pages: u64,
}

/// Why a defragmentation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// No more can be won, or the last cycles have won little. Where there are many large values of different lengths,
    /// some free pages remain between them, and another run may win a few of these.
    Done,
    /// Readers of old snapshots keep pages from being free. Once they have ended, another run goes on. (`MDBX_LAGGARD_READER`)
    HeldUp,
    /// It was to make no more cycles.
    MostCycles,
    /// It was to take no more time.
    MostTime,
    /// The progress callback said so.
    ByCaller,
}

/// What a defragmentation came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Defragmented {
    /// Cycles done, each of which was a commit.
    pub cycles: u64,
    /// Pages moved, those above them in their trees not counted.
    pub pages_moved: u64,
    /// Where the pages ended before it, in pages from the start of the file.
    pub pages_before: u64,
    /// Where they end now.
    pub pages_after: u64,
    /// Why it ended.
    pub stopped: Why,
}

impl<'c> DefragOptions<'c> {
    /// Returns the options of a defragmentation that goes on until no more can be won.
    pub fn new() -> Self {
        DefragOptions {
            most_cycles: u64::MAX,
            most_time: None,
            batch_bytes: DEFAULT_BATCH,
            progress: None,
        }
    }

    /// Sets how many cycles it makes at most.
    pub fn most_cycles(self, most_cycles: u64) -> Self {
        DefragOptions {
            most_cycles,
            ..self
        }
    }

    /// Sets after what time it begins no more cycles. One that was begun is finished.
    pub fn most_time(self, most_time: Duration) -> Self {
        DefragOptions {
            most_time: Some(most_time),
            ..self
        }
    }

    /// Sets how many bytes of pages a cycle moves at most, 64 MiB if it is not set: about as much memory it takes. A
    /// large value is moved as a whole, whatever its size.
    pub fn batch_bytes(self, batch_bytes: u64) -> Self {
        DefragOptions {
            batch_bytes,
            ..self
        }
    }

    /// Sets what is told how far it is, before each cycle. If it answers [`ControlFlow::Break`], there is none.
    ///
    /// ```
    /// # use mdbx_core::tools::defrag::DefragOptions;
    /// # let dir = tempfile::tempdir()?;
    /// # let env = mdbx_core::Env::open(dir.path().join("db"))?;
    /// use std::ops::ControlFlow;
    ///
    /// let defrag = DefragOptions::new().progress(|progress| {
    ///     println!("{} of {} pages free", progress.free_pages, progress.allocated_pages);
    ///     ControlFlow::Continue(())
    /// });
    /// defrag.run(&env)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn progress(self, progress: impl FnMut(Progress) -> ControlFlow<()> + 'c) -> Self {
        DefragOptions {
            progress: Some(Box::new(progress)),
            ..self
        }
    }

    /// Defragments the database, and returns what that came to. Readers of old snapshots prevent it, for the most part:
    /// with one there is at most one cycle.
    ///
    /// # Errors
    ///
    /// The cycles before the one that failed are done; that one has changed nothing.
    ///
    /// - [`Error::ReadOnly`](crate::Error::ReadOnly), [`Error::WriterBusy`](crate::Error::WriterBusy) and
    ///   [`Error::EnvFailed`](crate::Error::EnvFailed), as for [`Env::write`].
    /// - [`Error::MapFull`](crate::Error::MapFull) if there is no room even for a list of free pages.
    /// - [`Error::Corrupted`](crate::Error::Corrupted) if a page that had to be read is damaged.
    /// - [`Error::TxnidsUsedUp`](crate::Error::TxnidsUsedUp) and [`Error::Io`](crate::Error::Io), as for
    ///   [`WriteTxn::commit`].
    pub fn run(self, env: &Env) -> Result<Defragmented> {
        let info = env.info()?;
        let batch = self.batch_bytes / info.page_size.bytes() as u64;
        let mut run = Run {
            options: self,
            batch: usize::try_from(batch).unwrap_or(usize::MAX).max(1),
            begun: Instant::now(),
            cycles: 0,
            pages_moved: 0,
            lowest_end: u64::MAX,
            idle: 0,
            rests: 0,
        };
        let stopped = loop {
            if let ControlFlow::Break(why) = run.cycle(env.write()?)? {
                break why;
            }
        };
        Ok(Defragmented {
            cycles: run.cycles,
            pages_moved: run.pages_moved,
            pages_before: info.allocated_pages.into(),
            pages_after: env.info()?.allocated_pages.into(),
            stopped,
        })
    }
}

impl Default for DefragOptions<'_> {
    fn default() -> Self {
        DefragOptions::new()
    }
}

impl fmt::Debug for DefragOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DefragOptions")
            .field("most_cycles", &self.most_cycles)
            .field("most_time", &self.most_time)
            .field("batch_bytes", &self.batch_bytes)
            .finish_non_exhaustive()
    }
}

/// A defragmentation that is running.
struct Run<'c> {
    options: DefragOptions<'c>,
    /// How many pages a cycle moves at most.
    batch: usize,
    begun: Instant,
    cycles: u64,
    pages_moved: u64,
    /// The lowest end of the pages that a cycle began with.
    lowest_end: u64,
    /// How many cycles in a row found no much lower one.
    idle: u32,
    /// How many commits were made only to have the file cut.
    rests: u32,
}

impl Run<'_> {
    /// Makes one cycle of `txn`, unless there is a reason to stop before it.
    fn cycle(&mut self, mut txn: WriteTxn<'_>) -> Result<ControlFlow<Why>> {
        let prepared = txn.prepare_moves()?;
        let nothing_to_win = ControlFlow::Break(if prepared.is_held_back {
            Why::HeldUp
        } else {
            Why::Done
        });
        if prepared.is_held_back && self.cycles > 0 {
            return Ok(nothing_to_win);
        }
        let is_much_free = prepared.free > FEW_PAGES && self.is_getting_on(prepared);
        let is_to_be_cut = self.rests < MOST_RESTS && txn.is_file_too_long();
        if !is_much_free && !is_to_be_cut {
            return Ok(nothing_to_win);
        }
        if let Some(why) = self.limit_reached(prepared) {
            return Ok(ControlFlow::Break(why));
        }
        let moves = if is_much_free {
            txn.move_pages(prepared, self.batch, self.idle / 2)?
        } else {
            prepared
        };
        if moves.moved.max(moves.won()) <= FEW_PAGES {
            if !is_to_be_cut {
                return Ok(nothing_to_win);
            }
            self.rests += 1;
        }
        txn.commit_moves()?;
        self.cycles += 1;
        self.pages_moved += moves.moved;
        Ok(ControlFlow::Continue(()))
    }

    /// Notes where the pages end; returns whether the last few cycles have won something.
    fn is_getting_on(&mut self, prepared: Moves) -> bool {
        let end = u64::from(prepared.end_before.0);
        let won = self.lowest_end.saturating_sub(end);
        self.idle = if won > prepared.free.min(self.batch as u64) / LITTLE {
            0
        } else {
            self.idle + 1
        };
        self.lowest_end = self.lowest_end.min(end);
        self.idle < MOST_IDLE
    }

    /// Returns why there may be no other cycle, if that is so.
    fn limit_reached(&mut self, prepared: Moves) -> Option<Why> {
        let options = &mut self.options;
        if self.cycles >= options.most_cycles {
            return Some(Why::MostCycles);
        }
        if options
            .most_time
            .is_some_and(|most_time| self.begun.elapsed() >= most_time)
        {
            return Some(Why::MostTime);
        }
        let progress = Progress {
            cycles: self.cycles,
            pages_moved: self.pages_moved,
            allocated_pages: prepared.end_before.0.into(),
            free_pages: prepared.free,
        };
        let is_stopped = options
            .progress
            .as_mut()
            .is_some_and(|tell| tell(progress).is_break());
        is_stopped.then_some(Why::ByCaller)
    }
}
