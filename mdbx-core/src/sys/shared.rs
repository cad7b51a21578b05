//! Bytes of the mapping that a writer may be changing, read as atomics.
//!
//! Metas are overwritten while others read them. Each 4-byte word of what is read here is one that was written; words
//! of different writes can be mixed. The two transaction ids around the body of a meta show whether they were.

use std::sync::atomic::{Ordering, fence};

use crate::sys::map::Map;

/// Reads consecutive little-endian words from byte `at` on into `words`.
///
/// What a commit wrote before any of these words is seen by what the caller reads afterwards.
///
/// Returns `None` when `at` is not a multiple of 4, or the words leave the mapping or the first `file_len` bytes,
/// which the file must have.
#[inline]
pub(crate) fn load_words(map: &Map, at: usize, file_len: usize, words: &mut [u32]) -> Option<()> {
    let fields = map.atomics(at, words.len(), file_len)?;
    for (word, field) in words.iter_mut().zip(fields) {
        // Relaxed, because that is the one ordering whose loads are defined on memory that cannot be written.
        *word = u32::from_le(field.load(Ordering::Relaxed));
    }
    fence(Ordering::Acquire);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn words_follow_the_file() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&[0x11, 0x22, 0x33, 0x44, 1, 0, 0, 0], 20)
            .unwrap();
        let map = Map::new(&file, 4096).unwrap();
        let mut words = [0; 2];
        load_words(&map, 20, 28, &mut words).unwrap();
        assert_eq!(words, [0x4433_2211, 1]);

        file.write_all_at(&[2], 24).unwrap();
        load_words(&map, 20, 28, &mut words).unwrap();
        assert_eq!(words, [0x4433_2211, 2]);
    }

    #[test]
    fn words_outside_or_misaligned_are_refused() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(28).unwrap();
        let map = Map::new(&file, 4096).unwrap();
        assert!(load_words(&map, 24, 28, &mut [0; 2]).is_none());
        assert!(load_words(&map, 18, 28, &mut [0; 1]).is_none());
        assert!(load_words(&map, usize::MAX - 3, 28, &mut [0; 2]).is_none());
    }
}
