//! Who we are, and since which boot of the machine.
//!
//! Commits that were not synced survive the end of a process but not the end of the machine. A meta therefore carries
//! the id of the boot it was written in: the same id again means that everything written is still there.
//!
//! A child process has a copy of its parent's memory, and with it of environments that are not its own. Counting the
//! forks on the way to a process tells, at the price of one load.
#![expect(
    unsafe_code,
    reason = "std tells neither the id of a thread nor of forks"
)]

use std::cell::Cell;
use std::fs;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Once, OnceLock};

/// Returns the process id.
///
/// It is asked for anew each time, so a child process gets its own.
pub(crate) fn pid() -> u32 {
    std::process::id()
}

/// How many forks, since [`watch_forks`], lie between this process and the one that began to count.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Returns a number that differs between this process and those it was forked from, from [`watch_forks`] on.
#[inline]
pub(crate) fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// Makes [`generation`] tell child processes from their parents.
pub(crate) fn watch_forks() {
    extern "C" fn in_child() {
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        // SAFETY: the handler is a function that stays, and does nothing that a child process must not do. Without
        // memory for it, forks are not noticed, as they were not before.
        let _ = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    });
}

/// Returns the id of this thread, as the tools of the operating system show it.
pub(crate) fn thread_id() -> u64 {
    // SAFETY: the call has no arguments, and cannot fail.
    let id = unsafe { libc::gettid() };
    u64::from(id.unsigned_abs())
}

/// Returns a number that differs between the threads of this process, counted from 0, and the thread's id.
#[inline]
pub(crate) fn this_thread() -> (usize, u64) {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static THREAD: Cell<(usize, u64)> =
            Cell::new((THREADS.fetch_add(1, Ordering::Relaxed), thread_id()));
    }
    THREAD.get()
}

/// Returns whether this is the first thread of its process.
pub(crate) fn is_main_thread() -> bool {
    thread_id() == u64::from(pid())
}

/// Returns the id of the current boot of the machine; zero when there is none to be had.
///
/// Source: format document, "Boot id".
pub(crate) fn boot_id() -> [u8; 16] {
    static BOOT_ID: OnceLock<[u8; 16]> = OnceLock::new();
    #[cfg(feature = "sim")]
    if let Some(boot_id) = SIMULATED_BOOT.get() {
        return boot_id;
    }
    *BOOT_ID.get_or_init(|| kernel_uuid("boot_id"))
}

#[cfg(feature = "sim")]
thread_local! {
    /// What this thread takes for the id of the boot, if not the real one.
    static SIMULATED_BOOT: std::cell::Cell<Option<[u8; 16]>> = const { std::cell::Cell::new(None) };
}

/// Lets this thread take `boot_id` for the id of the current boot, as if the machine had been restarted; with `None`
/// the real one again.
#[cfg(feature = "sim")]
pub fn set_boot_id(boot_id: Option<[u8; 16]>) {
    SIMULATED_BOOT.set(boot_id);
}

/// Returns 16 random bytes that name a new database; zero when there are none to be had, which is legal.
///
/// Source: format document, "dxbid".
pub(crate) fn random_id() -> [u8; 16] {
    kernel_uuid("uuid")
}

/// Returns the UUID that the kernel shows as `/proc/sys/kernel/random/<name>`, last byte first; zero if it shows none.
fn kernel_uuid(name: &str) -> [u8; 16] {
    let text = fs::read_to_string(format!("/proc/sys/kernel/random/{name}"));
    text.ok()
        .and_then(|text| reversed_uuid(&text))
        .unwrap_or_default()
}

/// Returns the bytes that `text` spells as hexadecimal digits, last byte first; `None` unless they are sixteen.
fn reversed_uuid(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.trim().chars().filter(|&c| c != '-').collect();
    let number = u128::from_str_radix(&digits, 16).ok()?;
    (digits.len() == 32).then(|| number.to_le_bytes())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Runs `check` in a child process that has a copy of this one's memory, and returns what it returns there; `false`
    /// if it panics.
    pub(crate) fn in_child(check: impl FnOnce() -> bool) -> bool {
        // SAFETY: in the child there is this thread alone. It calls `check`, which allocates, what the C library prepares
        // for, and takes no lock that another thread could have had but those of this crate, of which `check` sees to it
        // that none is held. Then it ends without running anything that the parent left behind.
        let child = unsafe { libc::fork() };
        assert!(child >= 0, "there is room for a process");
        if child == 0 {
            let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check));
            let status = i32::from(!checked.unwrap_or(false));
            // SAFETY: it ends the process at once.
            unsafe { libc::_exit(status) };
        }
        let mut status = 0;
        // SAFETY: `status` is where the answer goes, and the child is ours.
        let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
        waited == child && status == 0
    }

    #[test]
    fn a_child_process_is_another_generation() {
        watch_forks();
        let before = generation();
        assert!(in_child(|| generation() == before + 1));
        assert_eq!(generation(), before);
    }

    #[test]
    fn the_boot_id_is_stored_last_byte_first() {
        let stored = reversed_uuid("7af0bb5e-0a17-4064-a2dc-addf4a684d83\n");
        let expected = [
            0x83, 0x4d, 0x68, 0x4a, 0xdf, 0xad, 0xdc, 0xa2, 0x64, 0x40, 0x17, 0x0a, 0x5e, 0xbb,
            0xf0, 0x7a,
        ];
        assert_eq!(stored, Some(expected));
    }

    #[test]
    fn text_that_is_no_uuid_is_refused() {
        assert_eq!(reversed_uuid(""), None);
        assert_eq!(reversed_uuid("7af0bb5e-0a17"), None);
        assert_eq!(reversed_uuid("not a uuid, but 32 characters ..."), None);
        assert_eq!(
            reversed_uuid("7af0bb5e-0a17-4064-a2dc-addf4a684d8300"),
            None
        );
    }

    #[test]
    fn each_thread_has_an_id_of_its_own_that_the_system_knows() {
        let other = std::thread::spawn(thread_id).join().unwrap();
        assert_eq!(thread_id(), thread_id());
        assert_ne!(thread_id(), other);
        let task = format!("/proc/{}/task/{}", pid(), thread_id());
        assert!(fs::exists(task).unwrap());
    }

    #[test]
    fn the_boot_id_stays_and_random_ids_differ() {
        assert_eq!(boot_id(), boot_id());
        assert_ne!(random_id(), random_id());
    }
}
