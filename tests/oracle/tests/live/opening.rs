//! How a worker opens the database, as it is told in words.

use std::fmt;
use std::str::FromStr;

/// What a commit promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Durable,
    /// For libmdbx, which does not know it, this is `Durable`.
    SingleSync,
    NoMetaSync,
    SafeNoSync,
    UtterlyNoSync,
}

impl Mode {
    pub(crate) const ALL: [Mode; 5] = [
        Mode::Durable,
        Mode::SingleSync,
        Mode::NoMetaSync,
        Mode::SafeNoSync,
        Mode::UtterlyNoSync,
    ];
}

/// How the database is opened.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a word of the order to open"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opening {
    pub(crate) mode: Mode,
    pub(crate) write_map: bool,
    pub(crate) read_only: bool,
    pub(crate) exclusive: bool,
    /// Write transactions keep few pages in memory, and write the others early.
    pub(crate) spill: bool,
    /// A writer that lacks room ends the processes of slow readers. Only this library is asked to do that.
    pub(crate) ends_slow_readers: bool,
    /// The size of all pages, if the database is to be created; the file then grows and shrinks in small steps.
    pub(crate) page_size: Option<u32>,
}

impl Opening {
    pub(crate) fn new() -> Opening {
        Opening {
            mode: Mode::Durable,
            write_map: false,
            read_only: false,
            exclusive: false,
            spill: false,
            ends_slow_readers: false,
            page_size: None,
        }
    }

    pub(crate) fn create(self, page_size: u32) -> Opening {
        Opening {
            page_size: Some(page_size),
            ..self
        }
    }

    pub(crate) fn mode(self, mode: Mode) -> Opening {
        Opening { mode, ..self }
    }

    pub(crate) fn write_map(self) -> Opening {
        Opening {
            write_map: true,
            ..self
        }
    }

    pub(crate) fn read_only(self) -> Opening {
        Opening {
            read_only: true,
            ..self
        }
    }

    pub(crate) fn spill(self) -> Opening {
        Opening {
            spill: true,
            ..self
        }
    }

    pub(crate) fn ends_slow_readers(self) -> Opening {
        Opening {
            ends_slow_readers: true,
            ..self
        }
    }

    pub(crate) fn exclusive(self) -> Opening {
        Opening {
            exclusive: true,
            ..self
        }
    }
}

/// The length below which the file never is.
pub(crate) const LOWER: usize = 1 << 17;
/// The length it never exceeds.
pub(crate) const UPPER: usize = 1 << 28;
/// The step by which it grows.
pub(crate) const GROWTH_STEP: usize = 1 << 16;
/// The unused room at its end that lets it shrink.
pub(crate) const SHRINK_THRESHOLD: usize = 1 << 17;

/// How many bytes of pages a write transaction keeps in memory that is to spill.
pub(crate) const SPILL_LIMIT: usize = 1 << 19;

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.mode)?;
        let flags = [
            (self.write_map, "write-map"),
            (self.read_only, "read-only"),
            (self.exclusive, "exclusive"),
            (self.spill, "spill"),
            (self.ends_slow_readers, "ends-slow-readers"),
        ];
        for (_, word) in flags.iter().filter(|(set, _)| *set) {
            write!(f, " {word}")?;
        }
        self.page_size
            .map_or(Ok(()), |page_size| write!(f, " {page_size}"))
    }
}

impl FromStr for Opening {
    type Err = String;

    fn from_str(text: &str) -> Result<Opening, String> {
        let mut opening = Opening::new();
        for word in text.split_whitespace() {
            let mode = |mode: &&Mode| format!("{mode:?}") == word;
            match word {
                "write-map" => opening.write_map = true,
                "read-only" => opening.read_only = true,
                "exclusive" => opening.exclusive = true,
                "spill" => opening.spill = true,
                "ends-slow-readers" => opening.ends_slow_readers = true,
                word => match Mode::ALL.iter().find(mode) {
                    Some(mode) => opening.mode = *mode,
                    None => opening.page_size = Some(word.parse().map_err(|_| word.to_owned())?),
                },
            }
        }
        Ok(opening)
    }
}
