//! Ranges of keys as ranges of bytes.

use std::ops::{Bound, RangeBounds};

use super::{Key, KeyBuf, PrefixOf, TextTail, encode};

/// Which keys a query visits. A range that ends before it starts is empty.
#[derive(Clone, Debug)]
pub(crate) struct KeyRange {
    pub(crate) lower: Bound<KeyBuf>,
    pub(crate) upper: Bound<KeyBuf>,
}

impl KeyRange {
    /// Returns the range of all keys.
    pub(crate) const fn full() -> Self {
        KeyRange {
            lower: Bound::Unbounded,
            upper: Bound::Unbounded,
        }
    }

    /// Returns the range of one key.
    pub(crate) fn exactly<K: Key>(key: K::Ref<'_>) -> Self {
        let key = encode::<K>(key);
        KeyRange {
            lower: Bound::Included(key.clone()),
            upper: Bound::Included(key),
        }
    }

    /// Returns the same range in bytes.
    pub(crate) fn between<'q, K: Key>(range: &impl RangeBounds<K::Ref<'q>>) -> Self {
        KeyRange {
            lower: range.start_bound().map(|&key| encode::<K>(key)),
            upper: range.end_bound().map(|&key| encode::<K>(key)),
        }
    }

    /// Returns the range of the keys with these leading components.
    pub(crate) fn prefixed<K: Key>(prefix: impl PrefixOf<K>) -> Self {
        let mut bytes = KeyBuf::new();
        prefix.encode_prefix(&mut bytes);
        KeyRange::beginning(bytes)
    }

    /// Returns the range of the keys that equal `key` up to their last component and continue it there.
    pub(crate) fn starting_with<K: TextTail>(key: K::Ref<'_>) -> Self {
        KeyRange::beginning(encode::<K>(key))
    }

    /// Returns the range of the keys whose bytes begin with `bytes`.
    pub(crate) fn beginning(bytes: KeyBuf) -> Self {
        let upper = bytes
            .clone()
            .into_successor()
            .map_or(Bound::Unbounded, Bound::Excluded);
        KeyRange {
            lower: Bound::Included(bytes),
            upper,
        }
    }

    /// Returns the same range, borrowed.
    pub(crate) fn as_bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        let (lower, upper) = (self.lower.as_ref(), self.upper.as_ref());
        (lower.map(KeyBuf::as_slice), upper.map(KeyBuf::as_slice))
    }

    /// Returns the only key in the range, if its bounds say so.
    pub(crate) fn only_key(&self) -> Option<&KeyBuf> {
        match (&self.lower, &self.upper) {
            (Bound::Included(lower), Bound::Included(upper))
                if lower.as_slice() == upper.as_slice() =>
            {
                Some(lower)
            }
            _ => None,
        }
    }

    /// Returns whether `key` is in the range.
    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        self.is_past_lower(key) && self.is_before_upper(key)
    }

    /// Returns whether it is the range of all keys.
    pub(crate) fn is_full(&self) -> bool {
        matches!(
            (&self.lower, &self.upper),
            (Bound::Unbounded, Bound::Unbounded)
        )
    }

    /// Returns whether `key` is not below the range.
    pub(crate) fn is_past_lower(&self, key: &[u8]) -> bool {
        match &self.lower {
            Bound::Unbounded => true,
            Bound::Included(lower) => key >= lower.as_slice(),
            Bound::Excluded(lower) => key > lower.as_slice(),
        }
    }

    /// Returns whether `key` is not above the range.
    pub(crate) fn is_before_upper(&self, key: &[u8]) -> bool {
        match &self.upper {
            Bound::Unbounded => true,
            Bound::Included(upper) => key <= upper.as_slice(),
            Bound::Excluded(upper) => key < upper.as_slice(),
        }
    }
}
