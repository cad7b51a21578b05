//! A data file whose pages are written through a mapping.
//!
//! It saves the system calls of a commit, and a copy. The system keeps one copy of each page for mappings, reads and
//! syncs, so a store is a write like any other: reads see it at once, and the next sync makes it durable, which on Linux
//! is the same call for stores and for writes.
//!
//! A store to a page that the file system has no room for would end the process. So room is allocated when the file
//! grows, and at opening for what has none yet; a full disk shows itself there, as an error. Where the file system cannot
//! do that, pages are written by plain writes.
//!
//! Metas, which others read meanwhile, are written by plain writes too: the system stores those in one piece, so that
//! readers are as unlikely to see a half as with any other file.
#![expect(unsafe_code, reason = "stores through a mapping")]

use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::AsRawFd;
use std::sync::atomic::{Ordering, fence};
use std::sync::{PoisonError, RwLock};

use log::warn;
use memmap2::{MmapOptions, MmapRaw};

use crate::sys::file::{DataFile, OsFile};

/// A data file with a mapping to write to.
#[derive(Debug)]
pub(crate) struct MappedFile {
    file: OsFile,
    map: MmapRaw,
    /// Where the metas end and pages begin, in bytes.
    start: usize,
    /// What of the file can be stored to. It is read while that is done, and written while it changes.
    room: RwLock<Room>,
}

/// How far a file can be stored to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    /// The file has room on the disk for so many bytes from its start, and is at least as long.
    Upto(usize),
    /// The file system does not tell whether there is room.
    Unknown,
}

impl MappedFile {
    /// Maps `file` from its start, reserving `reserve` bytes of address space, and allocates room on the disk where it has
    /// none. Its metas end at `start`.
    ///
    /// # Errors
    ///
    /// What the operating system says: that there is not so much address space, or not so much room on the disk.
    pub(crate) fn new(file: OsFile, start: u64, reserve: usize) -> io::Result<MappedFile> {
        let map = MmapOptions::new().len(reserve).map_raw(file.file())?;
        let len = file.len()?;
        let is_allocated = allocate(file.file(), 0, len)?;
        let mapped = MappedFile {
            room: RwLock::new(Room::Unknown),
            start: in_memory(start),
            map,
            file,
        };
        if is_allocated {
            mapped.set_room(len);
        } else {
            warn!(
                "the file system allocates no room in advance: pages are written without the mapping"
            );
        }
        Ok(mapped)
    }

    /// Notes that the file has room for its first `len` bytes.
    fn set_room(&self, len: u64) {
        let room = Room::Upto(in_memory(len).min(self.map.len()));
        // The lock guards a number, which a panic under it leaves as it was.
        *self.room.write().unwrap_or_else(PoisonError::into_inner) = room;
    }

    fn room(&self) -> Room {
        *self.room.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores `parts` one after the other from `at` on; tells whether there is room for that.
    fn store(&self, parts: &[IoSlice<'_>], at: usize) -> bool {
        let room = self.room.read().unwrap_or_else(PoisonError::into_inner);
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let has_room = match *room {
            Room::Upto(end) => at >= self.start && at.checked_add(len).is_some_and(|to| to <= end),
            Room::Unknown => false,
        };
        if !has_room {
            return false;
        }
        let mut at = at;
        for part in parts {
            // SAFETY: `has_room` keeps the address inside the mapping, or at its end.
            let target = unsafe { self.map.as_mut_ptr().add(at) };
            // SAFETY:
            // - Inside: `has_room` keeps all of the target inside the mapping and the file, which is not shortened
            //   while `room` is held.
            // - Apart: a part is memory of this process that somebody borrows, and nobody can borrow bytes of this
            //   mapping.
            // - Race-free: nobody reads these bytes while they are stored. They are no metas. As for pages, whoever
            //   mints a pin for the mapping that is read promises that what can be borrowed with it is not written to.
            unsafe { target.copy_from_nonoverlapping(part.as_ptr(), part.len()) };
            at += part.len();
        }
        fence(Ordering::Release); // whoever sees the meta that leads here sees what was stored
        true
    }
}

impl DataFile for MappedFile {
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buf, offset)
    }

    fn write_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<()> {
        if self.store(parts, in_memory(offset)) {
            return Ok(());
        }
        self.file.write_at(parts, offset)
    }

    fn write_durable_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_durable_at(bytes, offset)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if matches!(self.room(), Room::Unknown) {
            return self.file.set_len(len);
        }
        // Other processes change the length too, and leave holes.
        if len < self.file.len()? {
            self.set_room(len); // before it is gone
            return self.file.set_len(len);
        }
        self.file.set_len(len)?;
        if !allocate(self.file.file(), 0, len)? {
            return Err(io::ErrorKind::Unsupported.into()); // it was possible at opening
        }
        self.set_room(len);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

/// Allocates room on the disk for the bytes of the file from `from` to `to`, where it has none; what has keeps it. Returns
/// `false` if the file system cannot do that.
fn allocate(file: &File, from: u64, to: u64) -> io::Result<bool> {
    if from >= to {
        return Ok(true);
    }
    let offset = |at| libc::off_t::try_from(at).map_err(|_| io::ErrorKind::InvalidInput);
    let (start, len) = (offset(from)?, offset(to - from)?);
    loop {
        // SAFETY: the descriptor is open, as `file` is borrowed, and the call takes no pointers.
        let failed = unsafe { libc::fallocate(file.as_raw_fd(), 0, start, len) };
        if failed == 0 {
            return Ok(true);
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::EOPNOTSUPP | libc::ENOSYS) => return Ok(false),
            _ => return Err(error),
        }
    }
}

fn in_memory(len: u64) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    /// Returns a file of 64 KiB, all holes, and its directory.
    fn mapped() -> (tempfile::TempDir, MappedFile) {
        let directory = tempfile::tempdir().unwrap();
        let file = OsFile::open(&directory.path().join("data"), true).unwrap();
        file.set_len(1 << 16).unwrap();
        (directory, MappedFile::new(file, 12_288, 1 << 20).unwrap())
    }

    fn read(file: &MappedFile, at: u64) -> [u8; 6] {
        let mut bytes = [0; 6];
        file.read_exact_at(&mut bytes, at).unwrap();
        bytes
    }

    #[test]
    fn what_is_stored_is_in_the_file() {
        let (_directory, file) = mapped();
        let parts = [IoSlice::new(b"one"), IoSlice::new(b"two")];
        assert!(file.store(&parts, 12_288));
        assert!(file.store(&parts, (1 << 16) - 6), "up to the end");
        file.sync_data().unwrap();
        assert_eq!(read(&file, 12_288), *b"onetwo");
        assert_eq!(read(&file, (1 << 16) - 6), *b"onetwo");
    }

    #[test]
    fn metas_and_what_is_outside_the_file_are_not_stored_to() {
        let (_directory, file) = mapped();
        let parts = [IoSlice::new(b"onetwo")];
        for at in [
            0,
            12_287,
            (1 << 16) - 5,
            1 << 20,
            usize::MAX - 5,
            usize::MAX,
        ] {
            assert!(!file.store(&parts, at), "{at}");
        }
        file.write_at(&parts, 100).unwrap();
        file.write_at(&parts, (1 << 16) - 5).unwrap();
        assert_eq!(read(&file, 100), *b"onetwo");
        assert_eq!(file.len().unwrap(), (1 << 16) + 1);
    }

    #[test]
    fn there_is_room_on_the_disk_for_all_that_is_stored_to() {
        let (_directory, file) = mapped();
        let allocated = || file.file.file().metadata().unwrap().blocks() * 512;
        assert!(allocated() >= 1 << 16);
        file.set_len(1 << 17).unwrap();
        assert!(allocated() >= 1 << 17);
        let parts = [IoSlice::new(b"onetwo")];
        assert!(file.store(&parts, 100_000));
        file.set_len(1 << 16).unwrap();
        assert!(!file.store(&parts, 100_000), "it would be outside the file");
        file.set_len(1 << 21).unwrap();
        assert!(file.store(&parts, 100_000));
        assert!(
            !file.store(&parts, (1 << 20) - 1),
            "it would be outside the mapping"
        );
        file.write_at(&parts, (1 << 20) - 1).unwrap();
        assert_eq!(read(&file, (1 << 20) - 1), *b"onetwo");
    }

    #[test]
    fn without_room_in_advance_pages_are_written_plainly() {
        let (_directory, mut file) = mapped();
        file.room = RwLock::new(Room::Unknown);
        let parts = [IoSlice::new(b"onetwo")];
        assert!(!file.store(&parts, 20_000));
        file.write_at(&parts, 20_000).unwrap();
        file.set_len(1 << 17).unwrap();
        assert_eq!(read(&file, 20_000), *b"onetwo");
        assert_eq!(file.room(), Room::Unknown);
    }
}
