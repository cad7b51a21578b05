//! Pairs of a key and a value, gathered in one buffer and sorted as a table has them.
//!
//! A pair takes the bytes it has and a few more, and no allocation of its own. The first bytes of its key stand beside
//! its place in the buffer, so that most comparisons need not look there.

/// Pairs that are on their way to a table.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    /// The bytes of all pairs, one after the other.
    bytes: Vec<u8>,
    places: Vec<Place>,
}

/// Where the bytes of a pair are: the key, and right after it the value.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// The first bytes of the key as a number, with zeros behind a shorter one: a smaller head is a smaller key.
    head: u64,
    start: usize,
    value: usize,
    end: usize,
}

impl Pairs {
    pub(crate) fn push(&mut self, key: &[u8], value: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        self.places.push(Place {
            head: head(key),
            start,
            value: start + key.len(),
            end: self.bytes.len(),
        });
    }

    /// Returns how much memory a pair takes, in bytes.
    pub(crate) fn cost(key: &[u8], value: &[u8]) -> usize {
        key.len() + value.len() + size_of::<Place>()
    }

    /// Sorts the pairs by key, and those of one key by value.
    pub(crate) fn sort(&mut self) {
        let bytes = &self.bytes;
        let pair = |place: &Place| {
            (
                &bytes[place.start..place.value],
                &bytes[place.value..place.end],
            )
        };
        self.places
            .sort_unstable_by(|a, b| a.head.cmp(&b.head).then_with(|| pair(a).cmp(&pair(b))));
    }

    /// Returns the pairs, in the order they were pushed in or, once they are sorted, in that order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let bytes = &self.bytes;
        let places = self.places.iter();
        places.map(|place| {
            (
                &bytes[place.start..place.value],
                &bytes[place.value..place.end],
            )
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Removes all pairs and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
    }
}

fn head(key: &[u8]) -> u64 {
    if let Some(head) = key.first_chunk() {
        return u64::from_be_bytes(*head);
    }
    let mut head = [0; 8];
    head[..key.len()].copy_from_slice(key);
    u64::from_be_bytes(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_sorted_by_key_and_then_by_value() {
        let long = b"eight by".as_slice();
        let mut expected = vec![
            (b"b".as_slice(), b"".as_slice()),
            (b"", b"z"),
            (b"eight bytes", b"1"),
            (long, b"2"),
            (long, b"10"),
            (b"eight bytez", b""),
            (b"a\0", b"x"),
            (b"a", b"y"),
            (b"a\0\0", b""),
            (b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", b""),
        ];
        let mut pairs = Pairs::default();
        for (key, value) in &expected {
            pairs.push(key, value);
        }
        assert!(pairs.iter().eq(expected.iter().copied()));
        pairs.sort();
        expected.sort_unstable();
        assert!(pairs.iter().eq(expected));
        pairs.clear();
        assert!(pairs.is_empty());
    }
}
