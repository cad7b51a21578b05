//! libmdbx behind an interface that is safe to use, as far as the tests and the benchmark need it.
//!
//! An environment, a transaction and a cursor are values that end themselves when they go, and a borrow keeps each from
//! outliving the one it needs. What is read points into the file or into a changed page: it borrows the transaction,
//! and changing anything takes the transaction mutably. None of the values can leave its thread.
#![expect(unsafe_code, reason = "it calls C")]

use std::ffi::{CStr, CString, c_char, c_int, c_uint};
use std::fmt;
use std::marker::PhantomData;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::{NonNull, null_mut};

use mdbx_sys as sys;

pub use sys::{
    MDBX_ENV_DEFAULTS as DURABLE, MDBX_EXCLUSIVE as EXCLUSIVE, MDBX_LIFORECLAIM as LIFO,
    MDBX_NOMETASYNC as NO_META_SYNC, MDBX_NOSTICKYTHREADS as UNBOUND, MDBX_RDONLY as READ_ONLY,
    MDBX_SAFE_NOSYNC as SAFE_NO_SYNC, MDBX_UTTERLY_NOSYNC as UTTERLY_NO_SYNC,
    MDBX_WRITEMAP as WRITE_MAP,
};

pub use sys::{
    MDBX_BUSY as BUSY, MDBX_EBADSIGN as BAD_SIGNATURE, MDBX_INCOMPATIBLE as INCOMPATIBLE,
    MDBX_OUSTED as OUSTED, MDBX_READERS_FULL as READERS_FULL,
    MDBX_UNABLE_EXTEND_MAPSIZE as UNABLE_EXTEND_MAPSIZE, MDBX_VERSION_MISMATCH as VERSION_MISMATCH,
    MDBX_WANNA_RECOVERY as WANNA_RECOVERY,
};

pub use sys::{
    MDBX_DUPFIXED as DUP_FIXED, MDBX_DUPSORT as DUP_SORT, MDBX_INTEGERDUP as INTEGER_DUP,
    MDBX_INTEGERKEY as INTEGER_KEY,
};

/// The answer when another process has the database for itself: `EAGAIN`.
pub const AGAIN: c_int = 11;

/// Named tables that one environment can have open.
const MAX_TABLES: u64 = 256;

/// Findings of a check that are kept.
const MOST_FINDINGS: usize = 50;

/// What libmdbx answered instead of success.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Error(pub c_int);

/// The result of a call.
pub type Result<T> = std::result::Result<T, Error>;

/// A key and one of its values.
pub type Item<'t> = Option<(&'t [u8], &'t [u8])>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text: [c_char; 256] = [0; 256];
        // SAFETY: the buffer is as long as is said.
        let message = unsafe { sys::mdbx_strerror_r(self.0, text.as_mut_ptr(), text.len()) };
        // SAFETY: the answer is a constant of libmdbx or the buffer, and ends with a zero in either case.
        let message = unsafe { CStr::from_ptr(message) };
        write!(f, "libmdbx: {}", message.to_string_lossy())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::error::Error for Error {}

fn done(code: c_int) -> Result<()> {
    if code == sys::MDBX_SUCCESS {
        Ok(())
    } else {
        Err(Error(code))
    }
}

/// Tells a success from "there is no such thing".
fn found(code: c_int) -> Result<bool> {
    if code == sys::MDBX_NOTFOUND {
        return Ok(false);
    }
    done(code).map(|()| true)
}

/// Returns the bytes for a call that only reads them.
fn lend(bytes: &[u8]) -> sys::MDBX_val {
    sys::MDBX_val {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    }
}

const NOTHING: sys::MDBX_val = sys::MDBX_val {
    iov_base: null_mut(),
    iov_len: 0,
};

/// Returns the bytes that libmdbx has handed out.
///
/// # Safety
///
/// They must stay as they are for the lifetime chosen.
unsafe fn bytes<'t>(val: &sys::MDBX_val) -> &'t [u8] {
    if val.iov_len == 0 {
        return &[];
    }
    // SAFETY: libmdbx hands out initialised bytes, and the caller vouches for the lifetime.
    unsafe { std::slice::from_raw_parts(val.iov_base.cast::<u8>(), val.iov_len) }
}

/// How long the data file is and may become, in bytes; `None` leaves the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Geometry {
    /// The size of all pages.
    pub page_size: Option<usize>,
    /// The length below which the file never is.
    pub lower: Option<usize>,
    /// The length the file never exceeds.
    pub upper: Option<usize>,
    /// The step by which it grows.
    pub growth_step: Option<usize>,
    /// The unused room at its end that lets it shrink.
    pub shrink_threshold: Option<usize>,
}

/// The state of an environment. Sizes are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// The pages that are in use or free for reuse.
    pub allocated_pages: u64,
    /// The newest snapshot.
    pub last_txnid: u64,
    /// The length below which the file never is.
    pub lower: u64,
    /// The length it never exceeds.
    pub upper: u64,
    /// The step by which it grows.
    pub growth_step: u64,
    /// The unused room at its end that lets it shrink.
    pub shrink_threshold: u64,
}

/// How many entries and pages a table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Pairs of key and value.
    pub items: u64,
    /// Levels from the root to the leaves.
    pub height: u32,
    /// Branch pages.
    pub branch_pages: u64,
    /// Leaf pages.
    pub leaf_pages: u64,
    /// Pages of large values.
    pub large_pages: u64,
    /// The transaction that changed the table last.
    pub last_change: u64,
}

/// What the checker found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How many problems there are.
    pub problems: usize,
    /// The first of them, in words.
    pub findings: Vec<String>,
    /// Pages that are free for reuse.
    pub reclaimable_pages: usize,
}

/// An open environment.
pub struct Env {
    env: NonNull<sys::MDBX_env>,
    /// Whether closing leaves the last commit as weak as it is.
    close_weak: bool,
}

impl Env {
    /// Opens the data file `path`. Without a geometry a new file gets the default one, an existing one keeps its own.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    ///
    /// # Panics
    ///
    /// If the path has a zero byte in it, or a size of the geometry does not fit an `isize`.
    pub fn open(path: &Path, flags: u32, geometry: Option<&Geometry>) -> Result<Env> {
        // SAFETY: a level, and nothing that would be called.
        unsafe { sys::mdbx_setup_debug(sys::MDBX_LOG_ERROR, sys::MDBX_DBG_DONTCHANGE, None) };
        let mut env = null_mut();
        // SAFETY: `env` is where the pointer goes.
        done(unsafe { sys::mdbx_env_create(&raw mut env) })?;
        let env = Env {
            env: NonNull::new(env).ok_or(Error(sys::MDBX_PROBLEM))?,
            close_weak: false,
        };
        // SAFETY: the environment is new.
        done(unsafe {
            sys::mdbx_env_set_option(env.env.as_ptr(), sys::MDBX_opt_max_db, MAX_TABLES)
        })?;
        if let Some(geometry) = geometry {
            env.set_geometry(geometry)?;
        }
        let path = CString::new(path.as_os_str().as_bytes()).expect("a path has no zero byte");
        // SAFETY: the environment is not open yet, and the path ends with a zero.
        done(unsafe {
            sys::mdbx_env_open(
                env.env.as_ptr(),
                path.as_ptr(),
                flags | sys::MDBX_NOSUBDIR,
                0o600,
            )
        })?;
        Ok(env)
    }

    /// Changes how long the data file is and may become; what is `None` stays.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    ///
    /// # Panics
    ///
    /// If a size does not fit an `isize`.
    pub fn set_geometry(&self, geometry: &Geometry) -> Result<()> {
        let size = |size: Option<usize>| {
            size.map_or(-1, |size| {
                isize::try_from(size).expect("a size fits an isize")
            })
        };
        // SAFETY: the environment is live; sizes that make no sense are refused.
        done(unsafe {
            sys::mdbx_env_set_geometry(
                self.env.as_ptr(),
                size(geometry.lower),
                -1,
                size(geometry.upper),
                size(geometry.growth_step),
                size(geometry.shrink_threshold),
                size(geometry.page_size),
            )
        })
    }

    /// Makes closing leave a weak last commit as it is.
    pub fn close_weak(&mut self) {
        self.close_weak = true;
    }

    /// Closes the environment, as dropping it does, and tells whether the last sync succeeded.
    ///
    /// # Errors
    ///
    /// What libmdbx answers; it is closed all the same.
    pub fn close(self) -> Result<()> {
        let (env, close_weak) = (self.env, self.close_weak);
        std::mem::forget(self);
        // SAFETY: the environment is live, ends here, and transactions, which borrow it, are gone.
        done(unsafe { sys::mdbx_env_close_ex(env.as_ptr(), close_weak) })
    }

    /// Makes the last commit durable; tells whether it was not.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn sync(&self) -> Result<bool> {
        // SAFETY: the environment is open.
        match unsafe { sys::mdbx_env_sync_ex(self.env.as_ptr(), true, false) } {
            sys::MDBX_RESULT_TRUE => Ok(false),
            code => done(code).map(|()| true),
        }
    }

    /// Sets after how many unsynced bytes a commit becomes durable by itself, for all processes; 0: never.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn set_sync_bytes(&self, bytes: u64) -> Result<()> {
        // SAFETY: the environment is open.
        done(unsafe {
            sys::mdbx_env_set_option(self.env.as_ptr(), sys::MDBX_opt_sync_bytes, bytes)
        })
    }

    /// Sets how many changed pages a write transaction keeps in memory, before it writes some early.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn set_dirty_limit(&self, pages: usize) -> Result<()> {
        // SAFETY: the environment is open.
        done(unsafe {
            sys::mdbx_env_set_option(self.env.as_ptr(), sys::MDBX_opt_txn_dp_limit, pages as u64)
        })
    }

    /// Frees the reader slots of dead processes, and returns how many there were.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn clear_dead_readers(&self) -> Result<usize> {
        let mut dead = 0;
        // SAFETY: the environment is open, and `dead` is where the number goes.
        match unsafe { sys::mdbx_reader_check(self.env.as_ptr(), &raw mut dead) } {
            sys::MDBX_RESULT_TRUE => {}
            code => done(code)?,
        }
        Ok(usize::try_from(dead).unwrap_or(0))
    }

    /// Begins a read transaction.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn read(&self) -> Result<Txn<'_>> {
        Txn::begin(self, sys::MDBX_TXN_RDONLY)
    }

    /// Begins the write transaction if no other one runs.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn try_write(&self) -> Result<Txn<'_>> {
        Txn::begin(self, sys::MDBX_TXN_TRY)
    }

    /// Begins the write transaction.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn write(&self) -> Result<Txn<'_>> {
        Txn::begin(self, sys::MDBX_TXN_READWRITE)
    }

    /// Returns the size of all pages.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn page_size(&self) -> Result<usize> {
        self.state().map(|state| state.mi_dxb_pagesize as usize)
    }

    /// Returns the state of the environment.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn info(&self) -> Result<Info> {
        let info = self.state()?;
        Ok(Info {
            allocated_pages: info.mi_last_pgno + 1,
            last_txnid: info.mi_recent_txnid,
            lower: info.mi_geo.lower,
            upper: info.mi_geo.upper,
            growth_step: info.mi_geo.grow,
            shrink_threshold: info.mi_geo.shrink,
        })
    }

    fn state(&self) -> Result<sys::MDBX_envinfo> {
        // SAFETY: numbers, for which all zeros are a value.
        let mut info: sys::MDBX_envinfo = unsafe { std::mem::zeroed() };
        let size = size_of_val(&info);
        // SAFETY: the environment is open, no transaction is needed, and `info` is as long as is said.
        done(unsafe { sys::mdbx_env_info_ex(self.env.as_ptr(), null_mut(), &raw mut info, size) })?;
        Ok(info)
    }

    /// Copies the newest snapshot to the data file `path`: as it is, or only what is in use.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    ///
    /// # Panics
    ///
    /// If the path has a zero byte in it.
    pub fn copy(&self, path: &Path, compact: bool) -> Result<()> {
        let flags = if compact {
            sys::MDBX_CP_COMPACT
        } else {
            sys::MDBX_CP_DEFAULTS
        };
        let path = CString::new(path.as_os_str().as_bytes()).expect("a path has no zero byte");
        // SAFETY: the environment is open, and the path ends with a zero.
        done(unsafe { sys::mdbx_env_copy(self.env.as_ptr(), path.as_ptr(), flags) })
    }

    /// Has libmdbx check everything in the file: all that its tool `mdbx_chk` checks.
    ///
    /// # Errors
    ///
    /// What libmdbx answers when it cannot check.
    pub fn check(&self) -> Result<Report> {
        // SAFETY: pointers and numbers, for which all zeros are a value.
        let context: sys::MDBX_chk_context = unsafe { std::mem::zeroed() };
        let mut checker = Checker {
            context,
            findings: Vec::new(),
        };
        // SAFETY: optional functions, for which all zeros are a value.
        let mut callbacks: sys::MDBX_chk_callbacks = unsafe { std::mem::zeroed() };
        callbacks.issue = Some(issue);
        let context = (&raw mut checker).cast::<sys::MDBX_chk_context>();
        // SAFETY: the environment is open; the context is zeroed, as it must be, and its pointer reaches the whole
        // `Checker`, as `issue` needs it; both live until the call returns.
        let code = unsafe {
            sys::mdbx_env_chk(
                self.env.as_ptr(),
                &raw const callbacks,
                context,
                sys::MDBX_CHK_DEFAULTS,
                sys::MDBX_chk_result,
                0,
            )
        };
        let result = &checker.context.result;
        let mut report = Report {
            problems: result.total_problems,
            findings: checker.findings,
            reclaimable_pages: result.reclaimable_pages,
        };
        if code != sys::MDBX_SUCCESS {
            report.problems += 1;
            report
                .findings
                .push(format!("the check ended with {}", Error(code)));
        }
        Ok(report)
    }
}

impl Drop for Env {
    fn drop(&mut self) {
        // SAFETY: the environment is live, and transactions, which borrow it, are gone.
        let code = unsafe { sys::mdbx_env_close_ex(self.env.as_ptr(), self.close_weak) };
        if !std::thread::panicking() {
            assert_eq!(done(code), Ok(()), "closing the environment");
        }
    }
}

/// The context of a check, and what is found; [`issue`] goes from the one to the other.
#[repr(C)]
struct Checker {
    context: sys::MDBX_chk_context,
    findings: Vec<String>,
}

unsafe extern "C" {
    fn vsnprintf(
        buffer: *mut c_char,
        len: usize,
        format: *const c_char,
        arguments: *mut sys::__va_list_tag,
    ) -> c_int;
}

/// Takes down what the check has found.
unsafe extern "C" fn issue(
    context: *mut sys::MDBX_chk_context,
    object: *const c_char,
    entry: u64,
    issue: *const c_char,
    format: *const c_char,
    arguments: *mut sys::__va_list_tag,
) {
    // SAFETY: `Env::check` gave libmdbx the pointer of a whole `Checker`, and does not use it meanwhile.
    let checker = unsafe { &mut *context.cast::<Checker>() };
    if checker.findings.len() >= MOST_FINDINGS {
        return;
    }
    let text = |text: *const c_char| {
        // SAFETY: libmdbx passes strings that end with a zero, or none.
        let text = (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) });
        text.map(|text| text.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let mut details: [c_char; 512] = [0; 512];
    if !format.is_null() {
        // SAFETY: the buffer is as long as is said, and the arguments are those of the format.
        unsafe { vsnprintf(details.as_mut_ptr(), details.len(), format, arguments) };
    }
    let details = text(details.as_ptr());
    checker.findings.push(format!(
        "{} {entry}: {} {details}",
        text(object),
        text(issue)
    ));
}

/// The handle of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dbi(c_uint);

/// A transaction, which is aborted when it goes.
pub struct Txn<'env> {
    txn: NonNull<sys::MDBX_txn>,
    env: PhantomData<&'env Env>,
}

impl<'env> Txn<'env> {
    fn begin(env: &'env Env, flags: sys::MDBX_txn_flags) -> Result<Txn<'env>> {
        let mut txn = null_mut();
        // SAFETY: the environment is open, and the transaction borrows it.
        done(unsafe {
            sys::mdbx_txn_begin_ex(
                env.env.as_ptr(),
                null_mut(),
                flags,
                &raw mut txn,
                null_mut(),
            )
        })?;
        Ok(Txn {
            txn: NonNull::new(txn).ok_or(Error(sys::MDBX_PROBLEM))?,
            env: PhantomData,
        })
    }

    /// Returns the id of the snapshot that is read or made.
    #[must_use]
    pub fn id(&self) -> u64 {
        // SAFETY: the transaction is live.
        unsafe { sys::mdbx_txn_id(self.txn.as_ptr()) }
    }

    /// Gives the snapshot of a read transaction up, and begins again on the newest one.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn renew(&mut self) -> Result<()> {
        // SAFETY: the transaction is live, and nothing that was handed out is borrowed any more.
        done(unsafe { sys::mdbx_txn_reset(self.txn.as_ptr()) })?;
        // SAFETY: the transaction is live, and reset.
        done(unsafe { sys::mdbx_txn_renew(self.txn.as_ptr()) })
    }

    /// Stops reading, in the hope to go on with the same snapshot later: a writer that needs room takes it away.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn park(&mut self) -> Result<()> {
        // SAFETY: the transaction is live, and nothing that was handed out is borrowed any more.
        done(unsafe { sys::mdbx_txn_park(self.txn.as_ptr(), false) })
    }

    /// Goes on reading after [`park`](Txn::park).
    ///
    /// # Errors
    ///
    /// What libmdbx answers: `MDBX_OUSTED` if a writer took the snapshot away.
    pub fn unpark(&mut self) -> Result<()> {
        // SAFETY: the transaction is live.
        done(unsafe { sys::mdbx_txn_unpark(self.txn.as_ptr(), false) })
    }

    /// Opens the table `name`, the main one if there is no name; `None` if there is none.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn open_table(&self, name: Option<&str>) -> Result<Option<Dbi>> {
        let opened = self.table(name, sys::MDBX_DB_ACCEDE);
        // A table that is newer than the snapshot may be opened, but not used.
        match opened.and_then(|dbi| self.stat(dbi).map(|_| dbi)) {
            Err(Error(sys::MDBX_NOTFOUND | sys::MDBX_BAD_DBI)) => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// Opens the main table.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn main(&self) -> Result<Dbi> {
        self.table(None, sys::MDBX_DB_ACCEDE)
    }

    /// Opens the table `name` of the kind `flags`, which is created if there is none.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn create_table(&mut self, name: Option<&str>, flags: u32) -> Result<Dbi> {
        self.table(name, flags | sys::MDBX_CREATE)
    }

    fn table(&self, name: Option<&str>, flags: u32) -> Result<Dbi> {
        let mut dbi = 0;
        let name = name.map(|name| CString::new(name).expect("a name has no zero byte"));
        let name = name.as_ref().map_or(std::ptr::null(), |name| name.as_ptr());
        // SAFETY: the transaction is live; the name ends with a zero, or there is none.
        done(unsafe { sys::mdbx_dbi_open(self.txn.as_ptr(), name, flags, &raw mut dbi) })?;
        Ok(Dbi(dbi))
    }

    /// Returns the kind of a table.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn flags(&self, dbi: Dbi) -> Result<u32> {
        let (mut flags, mut state) = (0, 0);
        // SAFETY: the transaction is live, and a handle that is not is refused.
        done(unsafe {
            sys::mdbx_dbi_flags_ex(self.txn.as_ptr(), dbi.0, &raw mut flags, &raw mut state)
        })?;
        Ok(flags)
    }

    /// Returns how many entries and pages a table has.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn stat(&self, dbi: Dbi) -> Result<Stat> {
        // SAFETY: numbers, for which all zeros are a value.
        let mut stat: sys::MDBX_stat = unsafe { std::mem::zeroed() };
        let size = size_of_val(&stat);
        // SAFETY: the transaction is live, a handle that is not is refused, and `stat` is as long as is said.
        done(unsafe { sys::mdbx_dbi_stat(self.txn.as_ptr(), dbi.0, &raw mut stat, size) })?;
        Ok(Stat {
            items: stat.ms_entries,
            height: stat.ms_depth,
            branch_pages: stat.ms_branch_pages,
            leaf_pages: stat.ms_leaf_pages,
            large_pages: stat.ms_overflow_pages,
            last_change: stat.ms_mod_txnid,
        })
    }

    /// Returns the sequence of a table.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn sequence(&self, dbi: Dbi) -> Result<u64> {
        let mut sequence = 0;
        // SAFETY: the transaction is live, a handle that is not is refused, and an increment of 0 only reads.
        done(unsafe { sys::mdbx_dbi_sequence(self.txn.as_ptr(), dbi.0, &raw mut sequence, 0) })?;
        Ok(sequence)
    }

    /// Adds to the sequence of a table, and returns what it was before.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn add_to_sequence(&mut self, dbi: Dbi, increment: u64) -> Result<u64> {
        let mut sequence = 0;
        // SAFETY: the transaction is live, and a handle that is not is refused.
        done(unsafe {
            sys::mdbx_dbi_sequence(self.txn.as_ptr(), dbi.0, &raw mut sequence, increment)
        })?;
        Ok(sequence)
    }

    /// Returns the three numbers of the canary, and the transaction that set them.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn canary(&self) -> Result<[u64; 4]> {
        let mut canary = sys::MDBX_canary {
            x: 0,
            y: 0,
            z: 0,
            v: 0,
        };
        // SAFETY: the transaction is live.
        done(unsafe { sys::mdbx_canary_get(self.txn.as_ptr(), &raw mut canary) })?;
        Ok([canary.x, canary.y, canary.z, canary.v])
    }

    /// Sets the three numbers of the canary.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn set_canary(&mut self, [x, y, z]: [u64; 3]) -> Result<()> {
        let canary = sys::MDBX_canary { x, y, z, v: 0 };
        // SAFETY: the transaction is live, and the numbers are only read.
        done(unsafe { sys::mdbx_canary_put(self.txn.as_ptr(), &raw const canary) })
    }

    /// Returns the value of `key`, the first one if it has several.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    #[inline]
    pub fn get(&self, dbi: Dbi, key: &[u8]) -> Result<Option<&[u8]>> {
        let (key, mut value) = (lend(key), NOTHING);
        // SAFETY: the transaction is live, a handle that is not is refused, and the key is only read.
        let code =
            unsafe { sys::mdbx_get(self.txn.as_ptr(), dbi.0, &raw const key, &raw mut value) };
        // SAFETY: a value stays as it is until the transaction changes something, which takes it mutably, or ends.
        Ok(found(code)?.then(|| unsafe { bytes(&value) }))
    }

    /// Returns the first value of `key`, and how many it has.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn get_with_count(&self, dbi: Dbi, key: &[u8]) -> Result<Option<(&[u8], usize)>> {
        let (mut key, mut value, mut count) = (lend(key), NOTHING, 0);
        // SAFETY: the transaction is live, a handle that is not is refused, and of the key only the pointer is changed.
        let code = unsafe {
            sys::mdbx_get_ex(
                self.txn.as_ptr(),
                dbi.0,
                &raw mut key,
                &raw mut value,
                &raw mut count,
            )
        };
        // SAFETY: a value stays as it is until the transaction changes something, which takes it mutably, or ends.
        Ok(found(code)?.then(|| (unsafe { bytes(&value) }, count)))
    }

    /// Opens a cursor.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn cursor(&self, dbi: Dbi) -> Result<Cursor<'_>> {
        let mut cursor = null_mut();
        // SAFETY: the transaction is live, and a handle that is not is refused; the cursor borrows the transaction.
        done(unsafe { sys::mdbx_cursor_open(self.txn.as_ptr(), dbi.0, &raw mut cursor) })?;
        Ok(Cursor {
            cursor: NonNull::new(cursor).ok_or(Error(sys::MDBX_PROBLEM))?,
            txn: PhantomData,
        })
    }

    /// Stores `value` under `key`: replaces the present one, or joins those that are there.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    #[inline]
    pub fn put(&mut self, dbi: Dbi, key: &[u8], value: &[u8]) -> Result<()> {
        done(self.put_with(dbi, key, value, sys::MDBX_UPSERT))
    }

    /// Stores `value` under `key`, which is the last one.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn append(&mut self, dbi: Dbi, key: &[u8], value: &[u8]) -> Result<()> {
        done(self.put_with(dbi, key, value, sys::MDBX_APPEND))
    }

    /// Stores `value` under `key` if there is no such key; tells whether it did.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn insert(&mut self, dbi: Dbi, key: &[u8], value: &[u8]) -> Result<bool> {
        match self.put_with(dbi, key, value, sys::MDBX_NOOVERWRITE) {
            sys::MDBX_KEYEXIST => Ok(false),
            code => done(code).map(|()| true),
        }
    }

    #[inline]
    fn put_with(&mut self, dbi: Dbi, key: &[u8], value: &[u8], flags: u32) -> c_int {
        let (key, mut value) = (lend(key), lend(value));
        // SAFETY: the transaction is live, a handle that is not is refused; key and value are only read, since the
        // flags do not ask for room to be reserved, and nothing that was handed out is borrowed any more.
        unsafe {
            sys::mdbx_put(
                self.txn.as_ptr(),
                dbi.0,
                &raw const key,
                &raw mut value,
                flags,
            )
        }
    }

    /// Deletes `key` with all its values; tells whether it was there.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn delete(&mut self, dbi: Dbi, key: &[u8]) -> Result<bool> {
        let key = lend(key);
        // SAFETY: the transaction is live, a handle that is not is refused, and the key is only read.
        found(unsafe { sys::mdbx_del(self.txn.as_ptr(), dbi.0, &raw const key, std::ptr::null()) })
    }

    /// Deletes one value of `key`; tells whether it was there.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn delete_dup(&mut self, dbi: Dbi, key: &[u8], value: &[u8]) -> Result<bool> {
        let (key, value) = (lend(key), lend(value));
        // SAFETY: the transaction is live, a handle that is not is refused, and key and value are only read.
        found(unsafe { sys::mdbx_del(self.txn.as_ptr(), dbi.0, &raw const key, &raw const value) })
    }

    /// Deletes all items of a table.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn clear(&mut self, dbi: Dbi) -> Result<()> {
        // SAFETY: the transaction is live, and a handle that is not is refused.
        done(unsafe { sys::mdbx_drop(self.txn.as_ptr(), dbi.0, false) })
    }

    /// Deletes a table.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    pub fn drop_table(&mut self, dbi: Dbi) -> Result<()> {
        // SAFETY: the transaction is live, and a handle that is not is refused.
        done(unsafe { sys::mdbx_drop(self.txn.as_ptr(), dbi.0, true) })
    }

    /// Makes the changes durable and visible.
    ///
    /// # Errors
    ///
    /// What libmdbx answers; the transaction has ended all the same.
    pub fn commit(self) -> Result<()> {
        let txn = self.txn;
        std::mem::forget(self);
        // SAFETY: the transaction is live, ends here, and its cursors, which borrow it, are gone.
        done(unsafe { sys::mdbx_txn_commit_ex(txn.as_ptr(), null_mut()) })
    }
}

impl Drop for Txn<'_> {
    fn drop(&mut self) {
        // SAFETY: the transaction is live, ends here, and its cursors, which borrow it, are gone.
        let code = unsafe { sys::mdbx_txn_abort_ex(self.txn.as_ptr(), null_mut()) };
        if !std::thread::panicking() {
            assert_eq!(done(code), Ok(()), "ending the transaction");
        }
    }
}

/// A position in a table, and moves from it.
pub struct Cursor<'t> {
    cursor: NonNull<sys::MDBX_cursor>,
    txn: PhantomData<&'t Txn<'t>>,
}

impl<'t> Cursor<'t> {
    /// Goes to the next item; a new cursor goes to the first.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    #[expect(
        clippy::should_implement_trait,
        reason = "a cursor that moves both ways is no iterator"
    )]
    #[inline]
    pub fn next(&mut self) -> Result<Item<'t>> {
        self.step(sys::MDBX_NEXT, NOTHING)
    }

    /// Goes to the previous item; a new cursor goes to the last.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    #[inline]
    pub fn prev(&mut self) -> Result<Item<'t>> {
        self.step(sys::MDBX_PREV, NOTHING)
    }

    /// Goes to the first item whose key is `key` or comes after it.
    ///
    /// # Errors
    ///
    /// What libmdbx answers.
    #[inline]
    pub fn seek(&mut self, key: &[u8]) -> Result<Item<'t>> {
        self.step(sys::MDBX_SET_RANGE, lend(key))
    }

    #[inline]
    fn step(&mut self, operation: sys::MDBX_cursor_op, mut key: sys::MDBX_val) -> Result<Item<'t>> {
        let mut value = NOTHING;
        // SAFETY: the cursor is live; what the key points to is only read.
        let code = unsafe {
            sys::mdbx_cursor_get(
                self.cursor.as_ptr(),
                &raw mut key,
                &raw mut value,
                operation,
            )
        };
        if !found(code)? {
            return Ok(None);
        }
        // SAFETY: the transaction is borrowed, so that nothing changes; a key that was found is libmdbx's own.
        let key = unsafe { bytes(&key) };
        // SAFETY: as above.
        let value = unsafe { bytes(&value) };
        Ok(Some((key, value)))
    }
}

impl Drop for Cursor<'_> {
    fn drop(&mut self) {
        // SAFETY: the cursor is live and ends here, before its transaction.
        unsafe { sys::mdbx_cursor_close(self.cursor.as_ptr()) };
    }
}
