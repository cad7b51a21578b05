//! Locks on ranges of bytes of a file, which end with their holder.
//!
//! They belong to the open file (`F_OFD_SETLK`), not to the process: closing another descriptor of the file does not
//! drop them, and two openers in one process are in each other's way too.
//!
//! A child process shares the open files of its parent, and so the locks. It must not give them up, so what it
//! inherits is only closed there.
#![expect(unsafe_code, reason = "std has no byte-range locks")]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use crate::sys::process;

/// A range of bytes of a file, which need not exist.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    /// The first byte.
    start: libc::off_t,
    /// How many bytes.
    len: libc::off_t,
}

/// The end of what is locked. This very number, since libmdbx splits a lock at such ends.
///
/// Source: locking document, "fcntl locks".
const END: libc::off_t = 0x7FFF_FFFF_FFF0_0000;

impl Range {
    /// Byte 0.
    pub(super) const FIRST_BYTE: Range = Range { start: 0, len: 1 };
    /// The whole file.
    pub(super) const WHOLE: Range = Range { start: 0, len: END };

    /// The byte that stands for a process.
    pub(super) fn of_process(pid: u32) -> Range {
        Range {
            start: libc::off_t::from(pid),
            len: 1,
        }
    }

    /// Everything but the byte that stands for a process.
    pub(super) fn all_but_process(pid: u32) -> [Range; 2] {
        let pid = libc::off_t::from(pid);
        [
            Range { start: 0, len: pid },
            Range {
                start: pid + 1,
                len: END - pid - 1,
            },
        ]
    }
}

/// What to hold on a range.
#[derive(Debug, Clone, Copy)]
pub(super) enum Claim {
    /// Nothing: gives up what is held.
    None,
    /// A lock that others can share, but nobody can have for writing.
    Read,
    /// A lock that nobody shares.
    Write,
}

/// A file of which this process locks ranges. All of them are given up on drop.
#[derive(Debug)]
pub(super) struct LockedFile {
    file: File,
    /// The process that locks, instead of inheriting.
    owner: u32,
}

impl LockedFile {
    /// Locks nothing of `file` yet.
    pub(super) fn new(file: File) -> LockedFile {
        LockedFile {
            file,
            owner: process::pid(),
        }
    }

    /// Returns the file.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Returns whether this process locks it, instead of inheriting its locks.
    pub(super) fn is_ours(&self) -> bool {
        self.owner == process::pid()
    }

    /// Changes what is held on `range` to `claim`, without waiting; returns whether nobody else was in the way.
    pub(super) fn try_set(&self, range: Range, claim: Claim) -> io::Result<bool> {
        let mut request = request(range, claim);
        match self.control(libc::F_OFD_SETLK, &mut request) {
            Ok(()) => Ok(true),
            Err(error) => match error.raw_os_error() {
                Some(libc::EAGAIN | libc::EACCES | libc::EBUSY | libc::EDEADLK) => Ok(false),
                _ => Err(error),
            },
        }
    }

    /// Returns whether anybody else holds a lock on `range`.
    pub(super) fn is_locked_by_others(&self, range: Range) -> io::Result<bool> {
        let mut request = request(range, Claim::Write);
        self.control(libc::F_OFD_GETLK, &mut request)?;
        Ok(i32::from(request.l_type) != libc::F_UNLCK)
    }

    fn control(&self, command: libc::c_int, request: &mut libc::flock) -> io::Result<()> {
        // SAFETY:
        // - The descriptor is open: `self` owns it.
        // - The commands read or write one `flock`, which `request` is, and keep no pointer to it.
        let result = unsafe { libc::fcntl(self.file.as_raw_fd(), command, &raw mut *request) };
        if result == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// Plays the copy that a child process has.
    #[cfg(test)]
    pub(super) fn inherit(&mut self) {
        self.owner = process::pid() + 1;
    }
}

impl Drop for LockedFile {
    /// Closing the file is not enough: a lock lasts while any duplicate of the descriptor is open, and whoever opened
    /// the file and every child process may have one.
    fn drop(&mut self) {
        if self.is_ours() {
            let _ = self.try_set(Range::WHOLE, Claim::None);
        }
    }
}

fn request(range: Range, claim: Claim) -> libc::flock {
    let kind = match claim {
        Claim::None => libc::F_UNLCK,
        Claim::Read => libc::F_RDLCK,
        Claim::Write => libc::F_WRLCK,
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "small constants, which the struct is made for"
    )]
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: range.start,
        l_len: range.len,
        l_pid: 0, // locks of open files require it
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_keeps_others_out_of_its_range_and_shows_to_them_alone() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let [one, other] = [(); 2].map(|()| LockedFile::new(file.reopen().unwrap()));
        let range = Range::of_process(4711);
        assert!(one.try_set(range, Claim::Write).unwrap());
        assert!(!other.try_set(range, Claim::Read).unwrap());
        assert!(!other.try_set(Range::WHOLE, Claim::Write).unwrap());
        assert!(
            other
                .try_set(Range::of_process(4712), Claim::Write)
                .unwrap()
        );
        assert!(other.is_locked_by_others(range).unwrap());
        assert!(!one.is_locked_by_others(range).unwrap());
        drop(one);
        assert!(!other.is_locked_by_others(range).unwrap());
        assert!(other.try_set(Range::WHOLE, Claim::Write).unwrap());
    }

    #[test]
    fn all_but_one_byte_can_be_given_up() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let [one, other] = [(); 2].map(|()| LockedFile::new(file.reopen().unwrap()));
        assert!(one.try_set(Range::WHOLE, Claim::Write).unwrap());
        for rest in Range::all_but_process(17) {
            assert!(one.try_set(rest, Claim::None).unwrap());
            assert!(other.try_set(rest, Claim::Write).unwrap());
        }
        assert!(!other.try_set(Range::of_process(17), Claim::Read).unwrap());
    }
}
