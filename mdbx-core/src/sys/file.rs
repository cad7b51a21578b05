//! Positioned reads and writes, length, and the sync flavours of one data file, as one small trait.
//!
//! Every byte the engine puts on disk passes through [`DataFile`], in the order the calls are made. So a test can
//! put a simulated disk in its place, cut the power after any call, and see what a later opening finds.
//!
//! Nothing here has a file position: two threads never disturb each other.
#![expect(
    unsafe_code,
    reason = "pwritev and memfd_create have no stable counterpart in std"
)]

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// The most parts one system call takes.
///
/// Source: `limits.h` of Linux, `IOV_MAX`.
const IOV_MAX: usize = 1024;

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reading; every write is refused.
    ReadOnly,
    /// Reading and writing.
    ReadWrite,
}

/// The data file of a database, as far as the engine needs it.
///
/// What was written is visible to later reads and through the mapping at once, and is durable after the next sync.
pub(crate) trait DataFile: Send + Sync + fmt::Debug {
    /// Fills `buf` with the bytes from `offset` on.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` when the file ends earlier; otherwise what the operating system says.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all of `parts`, one after the other, from `offset` on.
    ///
    /// # Errors
    ///
    /// What the operating system says. Then any part of the bytes may have been written.
    fn write_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<()>;

    /// Writes `bytes` at `offset` and returns when they are durable.
    ///
    /// Metas are written this way: one short write, one wait, and no other dirty page is waited for.
    ///
    /// # Errors
    ///
    /// What the operating system says. Then the bytes may be written, durable, neither, or in part.
    fn write_durable_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Returns the length of the file in bytes.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    fn len(&self) -> io::Result<u64>;

    /// Makes the file `len` bytes long. New bytes are zero.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Makes all written bytes durable, and the length where it is needed to read them back.
    ///
    /// # Errors
    ///
    /// What the operating system says. Then it is not known what is durable, and calling again does not tell.
    fn sync_data(&self) -> io::Result<()>;

    /// Makes all written bytes and the file's metadata durable.
    ///
    /// # Errors
    ///
    /// As for [`sync_data`](DataFile::sync_data).
    fn sync_all(&self) -> io::Result<()>;
}

/// What is lent for a while is as good as the file itself.
impl<F: DataFile + ?Sized> DataFile for &F {
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        (**self).read_exact_at(buf, offset)
    }

    fn write_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<()> {
        (**self).write_at(parts, offset)
    }

    fn write_durable_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        (**self).write_durable_at(bytes, offset)
    }

    fn len(&self) -> io::Result<u64> {
        (**self).len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        (**self).set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        (**self).sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        (**self).sync_all()
    }
}

/// A data file of the operating system.
#[derive(Debug)]
pub(crate) struct OsFile {
    /// For everything but metas.
    plain: File,
    /// The same file opened with `O_DSYNC`: each write to it returns when its bytes are durable. `None` if the file is
    /// only read.
    durable: Option<File>,
}

impl OsFile {
    /// Opens the file at `path` for reading and writing; with `create`, makes an empty one if there is none.
    ///
    /// # Errors
    ///
    /// What the operating system says; `NotFound` also when the path leads to another file between two steps.
    pub(crate) fn open(path: &Path, create: bool) -> io::Result<OsFile> {
        let plain = OpenOptions::new()
            .read(true)
            .write(true)
            .create(create)
            .truncate(false)
            .open(path)?;
        let durable = OpenOptions::new()
            .write(true)
            .custom_flags(libc::O_DSYNC)
            .open(path)?;
        if identity(&plain)? != identity(&durable)? {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the file was replaced while it was being opened",
            ));
        }
        Ok(OsFile {
            plain,
            durable: Some(durable),
        })
    }

    /// Opens the file at `path` for reading. Writes to it fail.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub(crate) fn open_read_only(path: &Path) -> io::Result<OsFile> {
        Ok(OsFile {
            plain: File::open(path)?,
            durable: None,
        })
    }

    /// Makes a file that is in memory only, has no name, and is gone when it is closed.
    ///
    /// # Errors
    ///
    /// What the operating system says; `Unsupported` where it has no such files.
    pub(crate) fn in_memory() -> io::Result<OsFile> {
        let plain = memory_file()?;
        let durable = plain.try_clone()?; // nothing in memory is more durable than anything else
        Ok(OsFile {
            plain,
            durable: Some(durable),
        })
    }

    /// Returns the file itself, for mapping and locking it.
    pub(crate) fn file(&self) -> &File {
        &self.plain
    }
}

impl DataFile for OsFile {
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.plain.read_exact_at(buf, offset)
    }

    fn write_at(&self, parts: &[IoSlice<'_>], mut offset: u64) -> io::Result<()> {
        let mut parts = parts.to_vec();
        let mut rest = parts.as_mut_slice();
        loop {
            IoSlice::advance_slices(&mut rest, 0); // drops empty parts, which would look like a full disk below
            if rest.is_empty() {
                return Ok(());
            }
            match write_some_at(&self.plain, rest, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    IoSlice::advance_slices(&mut rest, written);
                    offset += written as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn write_durable_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let durable = self.durable.as_ref();
        durable
            .ok_or(io::ErrorKind::PermissionDenied)?
            .write_all_at(bytes, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.plain.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.plain.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.plain.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.plain.sync_all()
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn memory_file() -> io::Result<File> {
    use std::os::fd::{FromRawFd, OwnedFd};

    // SAFETY: the name is a C string, and the call takes nothing else by address.
    let descriptor = unsafe { libc::memfd_create(c"mdbx".as_ptr(), libc::MFD_CLOEXEC) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was made just now, is open, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) }.into())
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn memory_file() -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Returns what tells an open file from every other one: its device and inode numbers.
pub(super) fn identity(file: &File) -> io::Result<(u64, u64)> {
    let metadata = file.metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Writes a prefix of `parts` at `offset` with one system call; returns its length in bytes.
fn write_some_at(file: &File, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
    let offset = libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
    let parts = &parts[..parts.len().min(IOV_MAX)];
    let count = libc::c_int::try_from(parts.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY:
    // - The descriptor is open: `file` is borrowed.
    // - The array is `count` long, and `IoSlice` has the layout of `iovec`, as its documentation guarantees.
    // - Each part can be read for its length: it is a borrowed slice. The call keeps none of these pointers.
    let written = unsafe { libc::pwritev(file.as_raw_fd(), parts.as_ptr().cast(), count, offset) };
    usize::try_from(written).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a new, empty data file in a directory that lives as long as the first value.
    fn new_file() -> (tempfile::TempDir, OsFile) {
        let directory = tempfile::tempdir().unwrap();
        let file = OsFile::open(&directory.path().join("data"), true).unwrap();
        (directory, file)
    }

    #[test]
    fn a_write_takes_more_parts_than_one_system_call_does() {
        let (_directory, file) = new_file();
        let bytes: Vec<u8> = (0..3 * IOV_MAX + 7).map(|i| i.to_le_bytes()[0]).collect();
        let mut parts: Vec<IoSlice<'_>> = bytes.chunks(1).map(IoSlice::new).collect();
        parts.insert(IOV_MAX, IoSlice::new(&[])); // an empty part begins the second call
        file.write_at(&parts, 5).unwrap();

        let mut found = vec![0; bytes.len()];
        file.read_exact_at(&mut found, 5).unwrap();
        assert_eq!(found, bytes);
        assert_eq!(file.len().unwrap(), 5 + bytes.len() as u64);
    }

    #[test]
    fn writing_nothing_succeeds() {
        let (_directory, file) = new_file();
        file.write_at(&[], 100).unwrap();
        file.write_at(&[IoSlice::new(&[]), IoSlice::new(&[])], 100)
            .unwrap();
        assert_eq!(file.len().unwrap(), 0);
    }

    #[test]
    fn durable_and_plain_writes_reach_the_same_file() {
        let (_directory, file) = new_file();
        file.write_at(&[IoSlice::new(b"plain, "), IoSlice::new(b"......")], 0)
            .unwrap();
        file.write_durable_at(b"durable", 7).unwrap();
        file.sync_data().unwrap();
        file.sync_all().unwrap();

        let mut found = [0; 14];
        file.read_exact_at(&mut found, 0).unwrap();
        assert_eq!(&found, b"plain, durable");
    }

    #[test]
    fn a_file_opened_for_reading_refuses_every_write() {
        let (directory, file) = new_file();
        file.write_at(&[IoSlice::new(b"as it was")], 0).unwrap();
        let file = OsFile::open_read_only(&directory.path().join("data")).unwrap();
        assert!(file.write_at(&[IoSlice::new(b"other")], 0).is_err());
        assert!(file.write_durable_at(b"other", 0).is_err());
        assert!(file.set_len(0).is_err());
        let mut found = [0; 9];
        file.read_exact_at(&mut found, 0).unwrap();
        assert_eq!(&found, b"as it was");
    }

    #[test]
    fn reading_past_the_end_is_an_error() {
        let (_directory, file) = new_file();
        file.set_len(10).unwrap();
        let error = file.read_exact_at(&mut [0; 4], 7).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn opening_keeps_what_is_there_and_creates_only_when_asked() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data");
        assert_eq!(
            OsFile::open(&path, false).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
        OsFile::open(&path, true).unwrap().set_len(3).unwrap();
        assert_eq!(OsFile::open(&path, true).unwrap().len().unwrap(), 3);
    }
}
