//! A file that appears whole or not at all.
//!
//! It is written under a name of its own in the directory where it is to be, made durable, and renamed. Until then it
//! is removed if anything fails.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::store::create::sync_directory_of;
use crate::sys::process::random_id;

/// A file being written.
#[derive(Debug)]
pub(super) struct Target {
    file: File,
    /// What it is to be called, and whether a file of that name is replaced.
    path: PathBuf,
    overwrite: bool,
    /// What it is called until then.
    temporary: PathBuf,
}

impl Target {
    /// Begins a file that is to be `path`, with the permissions of the file `source`, which it must not be. Without such a
    /// file, as the path of a database in memory is empty, it is for its owner alone.
    ///
    /// # Errors
    ///
    /// [`Error::Open`], [`Error::AlreadyOpen`].
    pub(super) fn create(path: &Path, overwrite: bool, source: &Path) -> Result<Target> {
        let failed = Error::opening(path);
        let model = if source.as_os_str().is_empty() {
            None
        } else {
            Some(fs::metadata(source).map_err(failed)?)
        };
        match fs::symlink_metadata(path) {
            Ok(_) if !overwrite => return Err(failed(io::ErrorKind::AlreadyExists.into())),
            Ok(found) if found.is_dir() => return Err(failed(io::ErrorKind::IsADirectory.into())),
            Ok(_) => model
                .iter()
                .try_for_each(|model| check_is_another(path, model))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let temporary = temporary_beside(path);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .map_err(failed)?;
        let target = Target {
            file,
            path: path.to_owned(),
            overwrite,
            temporary,
        };
        if let Some(model) = model {
            let permitted = target.file.set_permissions(model.permissions());
            permitted.map_err(failed)?;
        }
        Ok(target)
    }

    /// Returns the file, to write to.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Makes the file `len` bytes long and durable, and gives it its name.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], and [`Error::Open`] if the file cannot get its name, for one because there is another one now.
    pub(super) fn install(self, len: u64) -> Result<()> {
        let written = self.file.set_len(len).and_then(|()| self.file.sync_all());
        written.map_err(|source| Error::Io {
            action: "sync the copy",
            source,
        })?;
        self.rename()
            .and_then(|()| sync_directory_of(&self.path))
            .map_err(Error::opening(&self.path))
    }

    fn rename(&self) -> io::Result<()> {
        if self.overwrite {
            return fs::rename(&self.temporary, &self.path);
        }
        // Unlike renaming, a link never takes the place of another file; the temporary name goes with `self`.
        match fs::hard_link(&self.temporary, &self.path) {
            Err(error) if has_no_links(&error) => fs::rename(&self.temporary, &self.path),
            done => done,
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // After the renaming there is nothing to remove, and that a failed copy stays behind changes no other file.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Returns whether the error means that the file system has no links.
fn has_no_links(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied
    )
}

/// Checks that there is another file at `path` than the one that `model` is of.
fn check_is_another(path: &Path, model: &fs::Metadata) -> Result<()> {
    let is_same = fs::metadata(path)
        .is_ok_and(|found| (found.dev(), found.ino()) == (model.dev(), model.ino()));
    if is_same {
        return Err(Error::AlreadyOpen {
            path: path.to_owned(),
        });
    }
    Ok(())
}

/// Returns a name in the directory of `path` that no other file has.
fn temporary_beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:032x}", u128::from_le_bytes(random_id())));
    path.with_file_name(name)
}
