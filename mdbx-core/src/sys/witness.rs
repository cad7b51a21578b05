//! A data file that tells a test what is about to happen to it.
//!
//! The test may let an effect happen, cut it short, or make it fail. So it can record what reaches the disk and in
//! which order, play a disk that fails, or end the process between two effects.
//!
//! Without the feature `sim` a [`Watch`] is empty and gives back the very file it is given.

#[cfg(feature = "sim")]
pub(crate) use simulated::Watch;
#[cfg(feature = "sim")]
pub use simulated::{Disk, Effect, Fate};

#[cfg(not(feature = "sim"))]
pub(crate) use absent::Watch;

#[cfg(not(feature = "sim"))]
mod absent {
    use std::io;
    use std::path::Path;

    use crate::sys::file::DataFile;

    /// Nobody, who is told nothing.
    #[derive(Debug, Clone, Default)]
    pub(crate) struct Watch {}

    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "with the feature `sim` there is somebody to ask, who may refuse"
    )]
    impl Watch {
        /// Returns the file itself.
        pub(crate) fn over<'f>(&self, file: Box<dyn DataFile + 'f>) -> Box<dyn DataFile + 'f> {
            file
        }

        /// Does nothing.
        pub(crate) fn before_create(&self, _path: &Path) -> io::Result<()> {
            Ok(())
        }

        /// Syncs a directory.
        pub(crate) fn sync_name(&self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
            sync()
        }
    }
}

#[cfg(feature = "sim")]
mod simulated {
    use std::fmt;
    use std::io::{self, IoSlice};
    use std::path::Path;
    use std::sync::Arc;

    use crate::sys::file::DataFile;

    /// Something about to be done to a data file or its name.
    #[derive(Debug)]
    #[non_exhaustive]
    pub enum Effect<'e> {
        /// The file is created, empty.
        Create,
        /// All parts, one after the other, are written from `offset` on.
        Write {
            /// Where, in bytes from the start of the file.
            offset: u64,
            /// What.
            parts: &'e [IoSlice<'e>],
        },
        /// The bytes are written at `offset`, and durable when that returns. Nothing else becomes durable by it.
        WriteDurable {
            /// Where, in bytes from the start of the file.
            offset: u64,
            /// What.
            bytes: &'e [u8],
        },
        /// The file becomes `len` bytes long; new bytes are zero.
        SetLen {
            /// How long, in bytes.
            len: u64,
        },
        /// What was written becomes durable, and the length where it is needed to read that.
        SyncData,
        /// What was written becomes durable, and the length.
        SyncAll,
        /// The name of the file becomes durable.
        SyncName,
    }

    /// What becomes of an effect.
    #[derive(Debug)]
    pub enum Fate {
        /// It happens.
        Pass,
        /// It fails.
        Fail {
            /// How many bytes of a write are written all the same. Any other effect happens all the same unless this
            /// is 0.
            done: usize,
            /// With which error.
            error: io::Error,
        },
        /// It is said to have happened, and has not.
        Skip,
    }

    /// Is told of every effect on the data file of an environment, and decides what becomes of it.
    pub trait Disk: Send + Sync + fmt::Debug {
        /// Decides what becomes of `effect`. It runs in the thread that causes the effect, before that happens.
        fn before(&self, effect: &Effect<'_>) -> Fate;
    }

    /// Who is told, if anybody is.
    #[derive(Debug, Clone, Default)]
    pub(crate) struct Watch(pub(crate) Option<Arc<dyn Disk>>);

    impl Watch {
        /// Returns a file that does to `file` what is done to it and tells of it before.
        pub(crate) fn over<'f>(&self, file: Box<dyn DataFile + 'f>) -> Box<dyn DataFile + 'f> {
            match &self.0 {
                None => file,
                Some(disk) => Box::new(Witness {
                    file,
                    disk: Arc::clone(disk),
                }),
            }
        }

        /// Tells that the file at `path` is about to be created, if there is none.
        ///
        /// # Errors
        ///
        /// What it is decided to fail with.
        pub(crate) fn before_create(&self, path: &Path) -> io::Result<()> {
            match &self.0 {
                Some(disk) if !path.exists() => {
                    decide(&**disk, &Effect::Create, || Ok(())) // opening it does it
                }
                _ => Ok(()),
            }
        }

        /// Makes the name of the file durable, which `sync` does.
        ///
        /// # Errors
        ///
        /// What `sync` answers, or what it is decided to fail with.
        pub(crate) fn sync_name(&self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
            match &self.0 {
                None => sync(),
                Some(disk) => decide(&**disk, &Effect::SyncName, sync),
            }
        }
    }

    /// A data file, and who is told what happens to it.
    #[derive(Debug)]
    struct Witness<'f> {
        file: Box<dyn DataFile + 'f>,
        disk: Arc<dyn Disk>,
    }

    /// Does what is decided about an effect that happens as a whole or not at all.
    fn decide(
        disk: &dyn Disk,
        effect: &Effect<'_>,
        happen: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        match disk.before(effect) {
            Fate::Pass => happen(),
            Fate::Fail { done, error } => {
                if done > 0 {
                    happen()?;
                }
                Err(error)
            }
            Fate::Skip => Ok(()),
        }
    }

    impl DataFile for Witness<'_> {
        fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
            self.file.read_exact_at(buf, offset)
        }

        fn write_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<()> {
            if parts.iter().all(|part| part.is_empty()) {
                return Ok(());
            }
            match self.disk.before(&Effect::Write { offset, parts }) {
                Fate::Pass => self.file.write_at(parts, offset),
                Fate::Fail { done, error } => {
                    let bytes: Vec<u8> =
                        parts.iter().flat_map(|part| part.iter().copied()).collect();
                    let part = &bytes[..done.min(bytes.len())];
                    self.file.write_at(&[IoSlice::new(part)], offset)?;
                    Err(error)
                }
                Fate::Skip => Ok(()),
            }
        }

        fn write_durable_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
            match self.disk.before(&Effect::WriteDurable { offset, bytes }) {
                Fate::Pass => self.file.write_durable_at(bytes, offset),
                Fate::Fail { done, error } => {
                    let part = &bytes[..done.min(bytes.len())];
                    self.file.write_durable_at(part, offset)?;
                    Err(error)
                }
                Fate::Skip => Ok(()),
            }
        }

        fn len(&self) -> io::Result<u64> {
            self.file.len()
        }

        fn set_len(&self, len: u64) -> io::Result<()> {
            decide(&*self.disk, &Effect::SetLen { len }, || {
                self.file.set_len(len)
            })
        }

        fn sync_data(&self) -> io::Result<()> {
            decide(&*self.disk, &Effect::SyncData, || self.file.sync_data())
        }

        fn sync_all(&self) -> io::Result<()> {
            decide(&*self.disk, &Effect::SyncAll, || self.file.sync_all())
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use crate::sys::file::OsFile;
        use std::sync::Mutex;

        /// Notes the effects, and decides what it was told to.
        #[derive(Debug)]
        struct Script {
            fates: Mutex<Vec<Fate>>,
            told: Mutex<Vec<String>>,
        }

        impl Disk for Script {
            fn before(&self, effect: &Effect<'_>) -> Fate {
                self.told.lock().unwrap().push(format!("{effect:?}"));
                self.fates.lock().unwrap().pop().unwrap_or(Fate::Pass)
            }
        }

        /// Returns a watched file, empty but for what `before` writes, and who watches. The last fate is the first.
        fn watched(fates: Vec<Fate>) -> (tempfile::TempDir, Box<dyn DataFile>, Arc<Script>) {
            let directory = tempfile::tempdir().unwrap();
            let file = OsFile::open(&directory.path().join("data"), true).unwrap();
            let script = Arc::new(Script {
                fates: Mutex::new(fates),
                told: Mutex::default(),
            });
            let watched = Watch(Some(script.clone())).over(Box::new(file));
            (directory, watched, script)
        }

        fn fail(done: usize) -> Fate {
            Fate::Fail {
                done,
                error: io::ErrorKind::StorageFull.into(),
            }
        }

        #[test]
        fn every_effect_is_told_before_it_happens() {
            let (_directory, file, script) = watched(Vec::new());
            file.set_len(100).unwrap();
            file.write_at(&[IoSlice::new(&[1, 2]), IoSlice::new(&[3])], 7)
                .unwrap();
            file.sync_data().unwrap();
            file.write_durable_at(&[4], 10).unwrap();
            file.sync_all().unwrap();
            let expected = [
                "SetLen { len: 100 }",
                "Write { offset: 7, parts: [[1, 2], [3]] }",
                "SyncData",
                "WriteDurable { offset: 10, bytes: [4] }",
                "SyncAll",
            ];
            assert_eq!(*script.told.lock().unwrap(), expected);
            let mut bytes = [0; 4];
            file.read_exact_at(&mut bytes, 7).unwrap();
            assert_eq!((bytes, file.len().unwrap()), ([1, 2, 3, 4], 100));
        }

        #[test]
        fn a_write_is_cut_short_where_it_was_decided() {
            let (_directory, file, _script) = watched(vec![fail(1), fail(3), fail(0)]);
            let parts = [IoSlice::new(&[1, 2]), IoSlice::new(&[3, 4])];
            file.write_at(&parts, 0).unwrap_err();
            assert_eq!(file.len().unwrap(), 0);
            file.write_at(&parts, 0).unwrap_err();
            assert_eq!(file.len().unwrap(), 3);
            file.write_durable_at(&[5, 6], 3).unwrap_err();
            assert_eq!(file.len().unwrap(), 4);
        }

        #[test]
        fn a_length_is_set_though_that_fails_or_is_not_though_it_succeeds() {
            let (_directory, file, _script) = watched(vec![fail(1), Fate::Skip]);
            file.set_len(10).unwrap();
            assert_eq!(file.len().unwrap(), 0);
            file.set_len(10).unwrap_err();
            assert_eq!(file.len().unwrap(), 10);
        }
    }
}
