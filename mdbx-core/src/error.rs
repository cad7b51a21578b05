//! What can go wrong, as one type.
//!
//! A variant exists because a caller can act on it, and carries the facts as fields. Absence is `None`, not an
//! error. Each variant names the libmdbx code it corresponds to, for those who come from there.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::ids::{Pgno, Txnid};

/// The result of an engine call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an engine call failed. Unless a variant says otherwise, the call changed nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be opened, created or prepared.
    #[error("cannot open {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system refused a read, a write or a sync of an open database.
    ///
    /// Inside a write transaction it can only be aborted afterwards.
    #[error("could not {action}")]
    Io {
        /// What was tried, as a verb and its object.
        action: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another process has the database open and shares it with nobody, or this one was to be opened
    /// [exclusively](crate::EnvOptions::exclusive) while others have it. Wait until they close it. (`MDBX_BUSY`, `EAGAIN`)
    #[error("{} is in use by another process", path.display())]
    Busy {
        /// The data file.
        path: PathBuf,
    },
    /// Other processes have the database open through a lock file of a version that this library does not know: that
    /// of libmdbx 0.12 or older, or of a release later than this library. Close it there first, or use a release with
    /// lock version 6 (libmdbx 0.13 to 0.14.1) or 7 (0.14.2 and later) there. Nothing was touched.
    /// (`MDBX_VERSION_MISMATCH`)
    #[error("{} is in use with lock version {found}, this library knows 6 and 7", path.display())]
    LockVersion {
        /// The lock file.
        path: PathBuf,
        /// The version in use.
        found: u8,
    },
    /// The lock file of processes that have the database open cannot be used: it was built for another platform, or is
    /// damaged. Close the database everywhere; the next one to open it makes the lock file anew. Nothing was touched.
    /// (`MDBX_VERSION_MISMATCH`, `MDBX_INVALID`, `MDBX_PROBLEM`)
    #[error("the lock file {} cannot be used: {reason}", path.display())]
    LockFile {
        /// The lock file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Other processes have the database open with another promise about when commits are on the disk. Ask for the same
    /// one, or for [whatever is in use](crate::EnvOptions::accede). (`MDBX_INCOMPATIBLE`)
    #[error("{} is in use with other modes: {in_use}", path.display())]
    IncompatibleModes {
        /// The data file.
        path: PathBuf,
        /// What is in use.
        in_use: &'static str,
    },
    /// This process was forked from the one that opened the environment, and cannot use it: open the database anew.
    /// (`MDBX_PANIC`)
    #[error("the environment belongs to the parent process: open the database anew")]
    Forked,
    /// The first thread of this process ended before the others, and with a write transaction. Reads go on; to write
    /// again, close the environment and open it anew. (`MDBX_PANIC`)
    #[error("a thread ended with a write transaction: reopen the environment to write again")]
    WriterLost,
    /// This process has the database open already: clone that [`Env`](crate::Env) instead. (`MDBX_BUSY`)
    #[error("{} is already open in this process: clone its Env instead", path.display())]
    AlreadyOpen {
        /// The data file.
        path: PathBuf,
    },
    /// A lock file with the other naming rule stands beside the data file, so another program may be using the
    /// database under that rule. Remove it when no program is. (`MDBX_DUPLICATED_CLK`)
    #[error("{} exists too: another program may use the database with other file names", path.display())]
    DuplicatedLock {
        /// The lock file that should not be there.
        path: PathBuf,
    },
    /// The file is not a database of this format. (`MDBX_INVALID`)
    #[error("{} is not a database", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is a database of another format version. (`MDBX_VERSION_MISMATCH`)
    #[error("{} has data format {found}, this library reads format 3", path.display())]
    VersionMismatch {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        found: u8,
    },
    /// The environment was opened for reading only. (`MDBX_EACCESS`)
    #[error("the environment was opened for reading only")]
    ReadOnly,
    /// The last commits may not be on the disk, which an opening for reading cannot mend: open the database for writing
    /// once, which keeps them or returns to the last durable one. (`MDBX_WANNA_RECOVERY`)
    #[error("{} was not closed properly: open it for writing first", path.display())]
    WannaRecovery {
        /// The data file.
        path: PathBuf,
    },
    /// The address space set aside when the database was opened ends below the upper bound asked for, or below what
    /// another process has raised it to. Close the database and open it anew. (`MDBX_UNABLE_EXTEND_MAPSIZE`)
    #[error(
        "the open environment can grow up to {reserved} bytes: reopen it to raise the upper bound"
    )]
    AddressSpace {
        /// The largest upper bound that the open environment can have, in bytes.
        reserved: u64,
    },
    /// The geometry asked for is impossible. (`MDBX_EINVAL`)
    #[error("impossible geometry: {reason}")]
    Geometry {
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// A page contradicts the format; the rest of this snapshot may be readable. (`MDBX_CORRUPTED`)
    #[error("page {pgno} is corrupted")]
    Corrupted {
        /// The page.
        pgno: Pgno,
        /// What is wrong with it.
        source: PageFault,
    },
    /// The data file has reached the upper bound of its geometry and no page is free. (`MDBX_MAP_FULL`)
    ///
    /// The transaction is unchanged and still usable: delete something, commit what there is, or abort. A
    /// larger [`Geometry::upper`](crate::Geometry::upper) gives more room at the next opening.
    #[error("the database is full: its upper bound is {upper} bytes")]
    MapFull {
        /// The upper bound, in bytes.
        upper: u64,
    },
    /// All reader slots are taken, by this process or others; none of the processes is dead. (`MDBX_READERS_FULL`)
    #[error("all {max} reader slots are in use: end a read transaction, or raise max_readers")]
    ReadersFull {
        /// How many there are.
        max: usize,
    },
    /// A writer needed the room that the parked reader's snapshot held. (`MDBX_OUSTED`)
    #[error("a writer took the snapshot {snapshot} from the parked reader")]
    Ousted {
        /// The snapshot that is gone.
        snapshot: Txnid,
    },
    /// As many named tables are open as this environment allows. (`MDBX_DBS_FULL`)
    #[error("all {max} table handles are in use: raise max_tables")]
    TablesFull {
        /// How many there are.
        max: usize,
    },
    /// The transaction ids are used up. (`MDBX_TXN_FULL`)
    #[error("no transaction id is left after {last}")]
    TxnidsUsedUp {
        /// The last one.
        last: Txnid,
    },
    /// A write transaction is running: in this thread, or, for `try_write`, anywhere. (`MDBX_BUSY`)
    #[error("another write transaction is running")]
    WriterBusy,
    /// An earlier error left this transaction half changed; it can only be aborted. (`MDBX_BAD_TXN`)
    #[error("the transaction failed earlier and can only be aborted")]
    TxnFailed,
    /// An earlier write or sync failed, so what reached the disk is not known. Reads go on; to write again,
    /// close the environment and open it anew. (`MDBX_PANIC`)
    #[error("an earlier write to the disk failed: reopen the environment to write again")]
    EnvFailed,
    /// The key is longer than this table takes. (`MDBX_BAD_VALSIZE`)
    #[error("key is {len} bytes, this table takes at most {max}")]
    KeyTooLong {
        /// Its length, in bytes.
        len: usize,
        /// The longest this table takes.
        max: usize,
    },
    /// The value is longer than this table takes. (`MDBX_BAD_VALSIZE`)
    #[error("value is {len} bytes, this table takes at most {max}")]
    ValueTooLong {
        /// Its length, in bytes.
        len: usize,
        /// The longest this table takes.
        max: usize,
    },
    /// The table takes keys of one length only, and this is another one. (`MDBX_BAD_VALSIZE`)
    #[error("key is {len} bytes, this table takes {expected}")]
    KeyLen {
        /// Its length, in bytes.
        len: usize,
        /// Which length the table takes.
        expected: ExpectedLen,
    },
    /// The table takes values of one length only, and this is another one. (`MDBX_BAD_VALSIZE`)
    #[error("value is {len} bytes, this table takes {expected}")]
    ValueLen {
        /// Its length, in bytes.
        len: usize,
        /// Which length the table takes.
        expected: ExpectedLen,
    },
    /// The key is there already. (`MDBX_KEYEXIST`)
    #[error("the key exists already")]
    KeyExists,
    /// There is no table of this name in this snapshot. (`MDBX_NOTFOUND`)
    #[error("there is no table `{name}`")]
    NoSuchTable {
        /// The name.
        name: String,
    },
    /// The table exists with other flags, or the flags asked for cannot be had. (`MDBX_INCOMPATIBLE`)
    #[error("table `{name}`: {reason}")]
    Incompatible {
        /// The table.
        name: String,
        /// What does not fit.
        reason: &'static str,
    },
    /// The flags contradict each other. (`MDBX_EINVAL`)
    #[error("impossible flags: {reason}")]
    InvalidFlags {
        /// Which rule they break.
        reason: &'static str,
    },
    /// What was asked for is about several values of a key, and this table has one for each. (`MDBX_INCOMPATIBLE`)
    #[error("this table has one value for each key")]
    NotDupSort,
    /// The table's name is too long for this page size. (`MDBX_BAD_VALSIZE`)
    #[error("a table name of {len} bytes: it may have {max}")]
    TableName {
        /// Its length, in bytes.
        len: usize,
        /// The longest this page size allows.
        max: usize,
    },
    /// The table's sequence cannot be raised so far. (`MDBX_RESULT_TRUE`)
    #[error("the sequence of the table would exceed 64 bits")]
    SequenceUsedUp,
    /// The table is borrowed twice at once. (`MDBX_BUSY`)
    #[error("the same table cannot be changed through two handles at once")]
    TableInUse,
    /// The key is not there, though it must be. (`MDBX_NOTFOUND`)
    #[error("there is no such key")]
    NotFound,
    /// The key or the value is not behind those that are there. (`MDBX_EKEYMISMATCH`)
    #[error("the key or value is out of order: it must come behind those that are there")]
    KeyMismatch,
    /// The cursor stands on no item. (`MDBX_ENODATA`)
    #[error("the cursor stands on no item")]
    NoItem,
    /// The key has several values, and the call needs it to have one. (`MDBX_EMULTIVAL`)
    #[error("the key has several values")]
    MultiVal,
    /// The call is for an outermost transaction, and this one is nested. (`MDBX_BAD_TXN`)
    #[error("a nested transaction cannot do this")]
    Nested,
    /// The table handle belongs to another environment. (`MDBX_BAD_DBI`)
    #[error("the table handle belongs to another environment")]
    ForeignTable,
    /// The caller's progress callback ended the work. What was done until then has left nothing behind.
    #[error("stopped by the caller")]
    Stopped,
}

/// Which length a table expects of a key or a value, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExpectedLen {
    /// The length of those it has: the first one fixed it.
    Exactly(usize),
    /// The length of an integer.
    Integer,
    /// Any length from this one on.
    AtLeast(usize),
}

impl fmt::Display for ExpectedLen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExpectedLen::Exactly(len) => write!(f, "{len} bytes"),
            ExpectedLen::Integer => f.write_str("4 or 8 bytes"),
            ExpectedLen::AtLeast(len) => write!(f, "at least {len} bytes"),
        }
    }
}

/// What is wrong with a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PageFault {
    /// A reference leads outside the pages of the snapshot.
    #[error("it lies outside the pages in use")]
    OutOfRange,
    /// The page carries another number than its place says.
    #[error("it carries the number {found}")]
    WrongPgno {
        /// The number it carries.
        found: Pgno,
    },
    /// The page kind is not what the reference promised, or unknown bits are set.
    #[error("its flags are {flags:#06x}")]
    BadFlags {
        /// The flags it carries.
        flags: u16,
    },
    /// The bounds of the free room contradict each other or the page size.
    #[error("its bounds are lower {lower}, upper {upper}")]
    BadBounds {
        /// End of the entry table.
        lower: u16,
        /// Start of the node heap.
        upper: u16,
    },
    /// The page was written by a later transaction than the one that refers to it.
    #[error("it was written by transaction {found}, after the snapshot that refers to it")]
    FromTheFuture {
        /// The transaction it carries.
        found: Txnid,
    },
    /// A node reaches outside the page, overlaps another one, or has impossible lengths or flags.
    #[error("node {index} is malformed")]
    BadNode {
        /// The node's index.
        index: usize,
    },
    /// The page holds fewer entries than its kind needs.
    #[error("it holds {entries} entries")]
    TooFewEntries {
        /// How many it holds.
        entries: usize,
    },
    /// The items of a packed page do not fit it, or are not as long as the table says.
    #[error("its items of {len} bytes contradict its bounds or its table")]
    BadItemLen {
        /// How long each item is, in bytes.
        len: usize,
    },
    /// The nodes do not fill the heap exactly.
    #[error("its nodes leave holes or overlap")]
    LooseHeap,
    /// A tree is deeper or shallower than its record says.
    #[error("it stands at a level that contradicts the height of its tree")]
    WrongLevel,
    /// A tree record contradicts itself.
    #[error("a tree record in it contradicts itself")]
    BadTreeRecord,
    /// A record of free pages is malformed.
    #[error("its list of free pages is malformed")]
    BadPageList,
    /// A meta page is not one, or is impossible.
    #[error("it is not a valid meta page: {reason}")]
    BadMeta {
        /// Which rule it breaks.
        reason: &'static str,
    },
}

impl PageFault {
    /// Returns the error that says this of page `pgno`.
    #[cold]
    pub(crate) fn at(self, pgno: Pgno) -> Error {
        Error::Corrupted { pgno, source: self }
    }
}

impl Error {
    /// Returns what makes an error of the system into the one that says `path` could not be opened or prepared.
    pub(crate) fn opening(path: &Path) -> impl Fn(io::Error) -> Error + Copy {
        |source| Error::Open {
            path: path.to_owned(),
            source,
        }
    }

    /// Returns whether the file itself is damaged.
    #[must_use]
    pub fn is_corruption(&self) -> bool {
        matches!(self, Error::Corrupted { .. })
    }
}
