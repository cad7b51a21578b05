//! The link that each commit adds to the chain.

use std::hash::{DefaultHasher, Hasher};

/// What a commit says of itself. It is stored under its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Link {
    /// One more than that of the commit before; 0 for the state before the first.
    pub(crate) number: u64,
    /// Who made it.
    pub(crate) writer: u64,
    /// How many commits that writer had made, this one included.
    pub(crate) count: u64,
    /// The sum over the contents of all tables after it: see [`item_digest`].
    pub(crate) sum: u64,
    /// The digest of the link before.
    pub(crate) previous: u64,
}

impl Link {
    pub(crate) fn to_bytes(self) -> [u8; 40] {
        let mut bytes = [0; 40];
        let fields = [
            self.number,
            self.writer,
            self.count,
            self.sum,
            self.previous,
        ];
        for (place, field) in bytes.chunks_exact_mut(8).zip(fields) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        bytes
    }

    /// Returns `None` if that is no link.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Link> {
        let bytes: &[u8; 40] = bytes.try_into().ok()?;
        let (fields, _) = bytes.as_chunks::<8>();
        let [number, writer, count, sum, previous] =
            [0, 1, 2, 3, 4].map(|n: usize| u64::from_le_bytes(fields[n]));
        Some(Link {
            number,
            writer,
            count,
            sum,
            previous,
        })
    }

    pub(crate) fn digest(self) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.to_bytes());
        hasher.finish()
    }
}

/// Returns what one item adds to the sum of all.
pub(crate) fn item_digest(table: usize, key: &[u8], value: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_usize(table);
    hasher.write_usize(key.len());
    hasher.write(key);
    hasher.write(value);
    hasher.finish()
}
