//! Make a database, so that whatever happens meanwhile leaves one or none.
//!
//! The first meta tells where all else is, so it is written last, when everything else is durable. The second one comes
//! first, and alone; then comes the rest. Each of the two is so short that a disk writes it as a whole or not at all.
//!
//! So a file in which there is nothing but the second and maybe the third meta is one whose creation did not end, and so
//! is an empty one that ends where the second meta does. It is begun anew. Nobody can have used it, since every change
//! writes a page behind the metas, and pages are not cleared.
//!
//! Source: format document, "Creating a file".

use std::fs::{self, File};
use std::io;
use std::path::Path;

use log::info;

use crate::error::{Error, Result};
use crate::format::meta::{META_BODY, Meta};
use crate::ids::{PageSize, Pgno, Txnid};
use crate::store::geometry::Geometry;
use crate::sys::file::DataFile;
use crate::sys::paths::Paths;
use crate::sys::process::{boot_id, random_id};
use crate::sys::witness::Watch;

/// The newest of the three metas of a new database.
const FRESH: Txnid = Txnid(3);
/// A meta fits in this many bytes from the start of its page, whatever the size of that is.
const META_LEN: usize = PageSize::MIN.bytes();
/// How many bytes are read at once.
const CHUNK: usize = 1 << 16;

/// Returns whether the file is to become a database: it is empty, or its creation did not end.
///
/// # Errors
///
/// What the operating system says.
pub(crate) fn is_unfinished(file: &dyn DataFile) -> io::Result<bool> {
    let len = file.len()?;
    let mut chunk = vec![0; META_LEN];
    let mut written = Vec::new(); // where something is, in blocks of the length of a meta
    let mut at = 0;
    while at < len {
        chunk.truncate(usize::try_from(len - at).unwrap_or(CHUNK));
        file.read_exact_at(&mut chunk, at)?;
        let blocks = chunk.chunks(META_LEN).zip((at..).step_by(META_LEN));
        written.extend(
            blocks
                .filter(|(block, _)| is_written(block))
                .map(|(_, at)| at),
        );
        if written.first() == Some(&0) || written.len() > 2 {
            return Ok(false); // as all databases but unfinished ones, already at the first block
        }
        at += chunk.len() as u64;
        chunk.resize(CHUNK, 0);
    }
    let is_page_size = |at: u64| (8..=16).any(|power| at == 1 << power);
    Ok(match written[..] {
        [] => {
            len == 0
                || len
                    .checked_sub(META_BODY.end as u64)
                    .is_some_and(is_page_size)
        }
        [second] => is_page_size(second),
        [second, third, ..] => is_page_size(second) && third == 2 * second,
    })
}

fn is_written(block: &[u8]) -> bool {
    block.iter().any(|&byte| byte != 0)
}

/// Makes the file a new database, which is durable when this returns; its name is not yet.
///
/// # Errors
///
/// [`Error::Geometry`]; [`Error::Open`] if the operating system refuses. The file is unfinished then, or whole.
pub(crate) fn create(file: &dyn DataFile, path: &Path, geometry: &Geometry) -> Result<()> {
    let (page_size, counts) = geometry.for_new_file()?;
    let (boot_id, dxbid) = (boot_id(), random_id());
    let mut pages = vec![0; 3 * page_size.bytes()];
    for (page, number) in pages.chunks_exact_mut(page_size.bytes()).zip(0..) {
        let txnid = Txnid(u64::from(number) + 1);
        Meta::fresh(page_size, counts, txnid, boot_id, dxbid).write_page(number, page);
    }
    let offset = |number| Pgno(number).offset(page_size);
    let meta = |number: usize| &pages[number * page_size.bytes()..][..META_BODY.end];
    let written = file
        .set_len(0) // what an earlier attempt has left, which must not come back
        .and_then(|()| file.sync_all())
        .and_then(|()| file.write_durable_at(meta(1), offset(1)))
        .and_then(|()| file.write_at(&[io::IoSlice::new(meta(2))], offset(2)))
        .and_then(|()| file.set_len(offset(counts.now)))
        .and_then(|()| file.sync_all())
        .and_then(|()| file.write_durable_at(meta(0), 0));
    written.map_err(Error::opening(path))?;
    let (path, page_size) = (path.display(), page_size.bytes());
    info!("created {path}: page_size={page_size}");
    Ok(())
}

/// Makes a database durable that nothing was committed to yet, and its name. Whoever created it may have stopped just
/// before that.
///
/// # Errors
///
/// What the operating system says.
pub(crate) fn finish_creation(
    file: &dyn DataFile,
    paths: &Paths,
    meta: &Meta,
    watch: &Watch,
) -> io::Result<()> {
    if meta.txnid > FRESH {
        return Ok(());
    }
    file.sync_all()?;
    watch.sync_name(|| sync_directory_of(&paths.data))
}

/// Creates the directory at `path` and those on the way to it, and makes their names durable.
///
/// # Errors
///
/// What the operating system says.
pub(crate) fn create_directory(path: &Path) -> io::Result<()> {
    let missing = path
        .ancestors()
        .take_while(|path| !path.as_os_str().is_empty() && !path.exists());
    let missing: Vec<&Path> = missing.collect();
    for path in missing.into_iter().rev() {
        match fs::create_dir(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => sync_directory_of(path)?,
        }
    }
    Ok(())
}

/// Makes the name of a new file or directory durable.
///
/// # Errors
///
/// What the operating system says.
pub(crate) fn sync_directory_of(path: &Path) -> io::Result<()> {
    let directory = path
        .parent()
        .filter(|directory| !directory.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::file::OsFile;
    use std::io::IoSlice;

    /// Returns whether a file with these bytes at these places is unfinished.
    fn with(len: u64, written: &[u64]) -> bool {
        let directory = tempfile::tempdir().unwrap();
        let file = OsFile::open(&directory.path().join("data"), true).unwrap();
        file.set_len(len).unwrap();
        for &at in written {
            file.write_at(&[IoSlice::new(&[7])], at).unwrap();
        }
        is_unfinished(&file).unwrap()
    }

    #[test]
    fn a_file_with_nothing_but_its_second_and_third_meta_is_unfinished() {
        assert!(with(0, &[]));
        assert!(with(4096 + META_BODY.end as u64, &[]));
        assert!(with(4096 + META_BODY.end as u64, &[4096]));
        assert!(with(65536, &[4096 + 30]));
        assert!(with(65536, &[4096, 8192]));
        assert!(with(768, &[256, 512]));
    }

    #[test]
    fn a_file_that_holds_anything_else_is_not() {
        assert!(!with(65536, &[]));
        assert!(!with(65536, &[0]));
        assert!(!with(65536, &[255, 4096]));
        assert!(!with(65536, &[4096 + 256]));
        assert!(!with(65536, &[3 * 4096]));
        assert!(!with(65536, &[4096, 2 * 8192]));
        assert!(!with(300_000, &[299_999]));
        assert!(!with(100, &[0]));
    }
}
