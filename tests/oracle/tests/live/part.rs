//! The tables of the live database: one of each kind, with keys and values for it.

use mdbx_core::TableFlags;

use crate::common::Rng;

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// One entry: where the chain of commits has come to.
    State,
    /// The last commits, by number.
    Log,
    /// Keys and values of many lengths.
    Plain,
    /// Integer keys.
    Integer,
    /// Several values of a key.
    Dup,
    /// Several values of one length.
    Fixed,
    /// Several integers of an integer key.
    IntegerDup,
    /// Values that take several pages.
    Large,
}

impl Part {
    pub(crate) const ALL: [Part; 8] = [
        Part::State,
        Part::Log,
        Part::Plain,
        Part::Integer,
        Part::Dup,
        Part::Fixed,
        Part::IntegerDup,
        Part::Large,
    ];

    /// The tables whose entries are changed at random, and counted in the sum of the state.
    pub(crate) const CONTENT: [Part; 6] = [
        Part::Plain,
        Part::Integer,
        Part::Dup,
        Part::Fixed,
        Part::IntegerDup,
        Part::Large,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Part::State => "state",
            Part::Log => "log",
            Part::Plain => "plain",
            Part::Integer => "integer",
            Part::Dup => "dup",
            Part::Fixed => "fixed",
            Part::IntegerDup => "integer dup",
            Part::Large => "large",
        }
    }

    pub(crate) fn flags(self) -> TableFlags {
        let fixed = TableFlags::DUP_SORT | TableFlags::DUP_FIXED;
        match self {
            Part::State | Part::Plain | Part::Large => TableFlags::empty(),
            Part::Log | Part::Integer => TableFlags::INTEGER_KEY,
            Part::Dup => TableFlags::DUP_SORT,
            Part::Fixed => fixed,
            Part::IntegerDup => TableFlags::INTEGER_KEY | fixed | TableFlags::INTEGER_DUP,
        }
    }

    pub(crate) fn has_dups(self) -> bool {
        self.flags().contains(TableFlags::DUP_SORT)
    }

    /// Returns one of the keys that the table may have; `wide` is for more of them.
    pub(crate) fn key(self, rng: &mut Rng, wide: bool) -> Vec<u8> {
        match self {
            Part::State => b"state".to_vec(),
            Part::Plain => {
                let n = rng.below(80);
                format!("{n}{}", "-".repeat(n % 30)).into_bytes()
            }
            Part::Log | Part::Integer => number(rng.below(300)),
            Part::Dup => format!("key {}", rng.below(12)).into_bytes(),
            Part::Fixed => format!("key {}", rng.below(4)).into_bytes(),
            Part::IntegerDup => number(rng.below(5)),
            Part::Large => {
                let keys = if wide { 200 } else { 8 };
                format!("large {}", rng.below(keys)).into_bytes()
            }
        }
    }

    /// Returns a value that the table takes; of those of one key, some are likely to be there already.
    pub(crate) fn value(self, rng: &mut Rng) -> Vec<u8> {
        match self {
            Part::State | Part::Log | Part::Plain | Part::Integer => {
                let len = rng.below(100);
                rng.bytes(len)
            }
            Part::Dup => {
                let n = rng.below(60);
                format!("{n}{}", "+".repeat(n % 40)).into_bytes()
            }
            Part::Fixed => rng.below(300).to_be_bytes().to_vec(),
            Part::IntegerDup => number(rng.below(300)),
            Part::Large => {
                let len = 3000 + rng.below(20_000);
                let filling = rng.bytes(16);
                filling.iter().copied().cycle().take(len).collect()
            }
        }
    }
}

/// Returns an integer key or value.
pub(crate) fn number(number: usize) -> Vec<u8> {
    mdbx_core::key::u64(number as u64).to_vec()
}
