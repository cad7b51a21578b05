//! The conditions under which a value is stored.
//!
//! Source: behaviour document, "put, plain tables" and "put, `dup_sort` tables".

use std::ops::BitOr;

use crate::error::{Error, Result};
use crate::txn::table::TableFlags;
use crate::txn::view::TableRef;

const CONTRADICTION: &str = "CURRENT wants the key present, NO_OVERWRITE and APPEND want it absent";

/// Conditions for [`TableMut::put_with`](crate::TableMut::put_with). Without any, a value replaces the present one, or joins the values of its
/// key.
///
/// | flags | one value for each key | several |
/// | --- | --- | --- |
/// | `NO_OVERWRITE` | the key must be absent | the key must be absent |
/// | `NO_DUP_DATA` | | the pair must be absent |
/// | `CURRENT` | the key must be present | the key must be present; all its values are replaced |
/// | `ALL_DUPS` | | all values of the key are replaced |
/// | `APPEND` | no key may be greater | no key may be greater |
/// | `APPEND_DUP` | | no value of the key may be as great; a single one may be the same |
///
/// ```
/// use mdbx_core::PutFlags;
///
/// let flags = PutFlags::APPEND | PutFlags::NO_OVERWRITE;
/// assert!(flags.contains(PutFlags::APPEND));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[doc(alias = "MDBX_put_flags_t")]
pub struct PutFlags(u8);

impl PutFlags {
    /// The key must be absent: else [`Error::KeyExists`].
    #[doc(alias = "MDBX_NOOVERWRITE")]
    pub const NO_OVERWRITE: PutFlags = PutFlags(1);
    /// The pair of key and value must be absent: else [`Error::KeyExists`].
    #[doc(alias = "MDBX_NODUPDATA")]
    pub const NO_DUP_DATA: PutFlags = PutFlags(2);
    /// The key must be present, else [`Error::NotFound`]; its values are replaced by the new one.
    #[doc(alias = "MDBX_CURRENT")]
    pub const CURRENT: PutFlags = PutFlags(4);
    /// All values of the key are replaced by the new one.
    #[doc(alias = "MDBX_ALLDUPS")]
    pub const ALL_DUPS: PutFlags = PutFlags(8);
    /// No key of the table may be greater: else [`Error::KeyMismatch`].
    #[doc(alias = "MDBX_APPEND")]
    pub const APPEND: PutFlags = PutFlags(16);
    /// No value of the key may be as great: else [`Error::KeyMismatch`].
    #[doc(alias = "MDBX_APPENDDUP")]
    pub const APPEND_DUP: PutFlags = PutFlags(32);

    /// No condition.
    #[must_use]
    pub const fn empty() -> PutFlags {
        PutFlags(0)
    }

    /// Returns whether all of `others` are among these.
    #[must_use]
    pub const fn contains(self, others: PutFlags) -> bool {
        self.0 & others.0 == others.0
    }

    /// Returns those flags that are among `others` too.
    pub(super) fn only(self, others: PutFlags) -> PutFlags {
        PutFlags(self.0 & others.0)
    }

    /// Checks that the flags do not contradict each other, whatever the table holds.
    pub(super) fn check(self) -> Result<()> {
        let wants_absent = self.contains(PutFlags::NO_OVERWRITE) || self.contains(PutFlags::APPEND);
        if self.contains(PutFlags::CURRENT) && wants_absent {
            return Err(Error::InvalidFlags {
                reason: CONTRADICTION,
            });
        }
        Ok(())
    }

    /// Decides what storing `value` under `key` comes to, whose place in the table is `place`.
    pub(super) fn decide(
        self,
        table: &TableRef<'_>,
        place: KeyPlace,
        key: &[u8],
        value: &[u8],
    ) -> Result<Verdict> {
        if self.contains(PutFlags::CURRENT) {
            return self.decide_current(table, place, key, value);
        }
        if self.contains(PutFlags::APPEND) && !place.is_last {
            return Err(Error::KeyMismatch);
        }
        if !place.is_present {
            return Ok(Verdict::Put);
        }
        if self.contains(PutFlags::NO_OVERWRITE) {
            return Err(Error::KeyExists);
        }
        if !table.flags().contains(TableFlags::DUP_SORT) {
            return Ok(Verdict::Put);
        }
        if self.contains(PutFlags::ALL_DUPS) {
            return only_if_new(table, key, value, Verdict::ReplaceAll);
        }
        if self.contains(PutFlags::NO_DUP_DATA) && table.contains_dup(key, value)? {
            return Err(Error::KeyExists);
        }
        if self.contains(PutFlags::APPEND_DUP) {
            return decide_append_dup(table, key, value);
        }
        Ok(Verdict::Put)
    }

    fn decide_current(
        self,
        table: &TableRef<'_>,
        place: KeyPlace,
        key: &[u8],
        value: &[u8],
    ) -> Result<Verdict> {
        if !place.is_present {
            return Err(Error::NotFound);
        }
        let wants_one = self.contains(PutFlags::NO_OVERWRITE) && !self.contains(PutFlags::APPEND);
        if wants_one && count(table, key)? > 1 {
            return Err(Error::MultiVal);
        }
        self.check()?;
        if table.flags().contains(TableFlags::DUP_SORT) {
            only_if_new(table, key, value, Verdict::ReplaceAll)
        } else {
            Ok(Verdict::Put)
        }
    }
}

impl BitOr for PutFlags {
    type Output = PutFlags;

    fn bitor(self, other: PutFlags) -> PutFlags {
        PutFlags(self.0 | other.0)
    }
}

/// What there is where a key is in its table, or would be.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyPlace {
    /// Whether the key is there.
    pub(super) is_present: bool,
    /// Whether no other key comes after it.
    pub(super) is_last: bool,
}

/// What storing a value comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Nothing is to be changed.
    AsItIs,
    /// The value is put in the place of the present one, or joins the values of its key.
    Put,
    /// The value is put in the place of all values of its key.
    ReplaceAll,
}

fn decide_append_dup(table: &TableRef<'_>, key: &[u8], value: &[u8]) -> Result<Verdict> {
    let Some(last) = table.dups(key)?.next_back().transpose()? else {
        return Ok(Verdict::Put);
    };
    match table.compare_values(last, value) {
        std::cmp::Ordering::Less => Ok(Verdict::Put),
        std::cmp::Ordering::Equal if table.dups(key)?.count() == 1 => Ok(Verdict::AsItIs),
        _ => Err(Error::KeyMismatch),
    }
}

/// Returns `verdict`, unless `value` is the only value of `key` already.
fn only_if_new(
    table: &TableRef<'_>,
    key: &[u8],
    value: &[u8],
    verdict: Verdict,
) -> Result<Verdict> {
    match table.get_with_count(key)? {
        Some((only, 1)) if only == value => Ok(Verdict::AsItIs),
        _ => Ok(verdict),
    }
}

fn count(table: &TableRef<'_>, key: &[u8]) -> Result<u64> {
    Ok(table.get_with_count(key)?.map_or(0, |(_, count)| count))
}
