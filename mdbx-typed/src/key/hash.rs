//! Keys of long values: `#[index(hash)]` stores 8 bytes of hash in place of the value.
//!
//! The hash is XXH64 with seed 0, of the bytes that the key has as a last component. It is part of the file format:
//! the catalog names it, and the vectors below freeze it. Two values may share a hash, so whatever is found by one is
//! compared with the row.
//!
//! Source: "XXH64 algorithm description" in the specification of xxHash, version 0.1.1.

use std::marker::PhantomData;

use super::{Key, KeyBuf, Place, take_array};
use crate::error::KeyError;
use crate::shape::Shape;

/// The key of a hash index: 8 bytes of hash of a `K`, big endian.
///
/// Callers pass the value, as for `K` itself; a scan yields the hash. Hashes have no order that means anything, so a
/// hash index finds equal values only.
#[derive(Debug, Clone, Copy)]
pub struct Hashed<K>(PhantomData<K>);

impl<K: Key> Key for Hashed<K> {
    type Ref<'a> = K::Ref<'a>;
    type Out<'a> = u64;
    type Owned = u64;
    const WIDTH: Option<usize> = Some(size_of::<u64>());
    const SHAPE: Shape = Shape::Hashed(&K::SHAPE);
    const IS_HASHED: bool = true;

    #[inline]
    fn encode(key: K::Ref<'_>, _: Place, out: &mut KeyBuf) {
        let exact = super::encode::<K>(key);
        out.extend_from_slice(&xxh64(exact.as_slice()).to_be_bytes());
    }

    #[inline]
    fn encode_exact(key: K::Ref<'_>, out: &mut KeyBuf) {
        K::encode(key, Place::Last, out);
    }

    fn decode(bytes: &mut &[u8], _: Place) -> Result<u64, KeyError> {
        Ok(u64::from_be_bytes(*take_array(bytes, "hash")?))
    }

    fn into_owned(out: u64) -> u64 {
        out
    }
}

const PRIME_1: u64 = 0x9E37_79B1_85EB_CA87;
const PRIME_2: u64 = 0xC2B2_AE3D_27D4_EB4F;
const PRIME_3: u64 = 0x1656_67B1_9E37_79F9;
const PRIME_4: u64 = 0x85EB_CA77_C2B2_AE63;
const PRIME_5: u64 = 0x27D4_EB2F_1656_67C5;

/// Returns the XXH64 hash of `bytes`, with seed 0.
fn xxh64(bytes: &[u8]) -> u64 {
    let (stripes, rest) = bytes.as_chunks::<32>();
    let mut hash = if stripes.is_empty() {
        PRIME_5
    } else {
        hash_stripes(stripes)
    };
    hash = hash.wrapping_add(bytes.len() as u64);
    let (lanes, rest) = rest.as_chunks::<8>();
    for lane in lanes {
        hash ^= round(0, u64::from_le_bytes(*lane));
        hash = hash
            .rotate_left(27)
            .wrapping_mul(PRIME_1)
            .wrapping_add(PRIME_4);
    }
    let (words, rest) = rest.as_chunks::<4>();
    for word in words {
        hash ^= u64::from(u32::from_le_bytes(*word)).wrapping_mul(PRIME_1);
        hash = hash
            .rotate_left(23)
            .wrapping_mul(PRIME_2)
            .wrapping_add(PRIME_3);
    }
    for &byte in rest {
        hash ^= u64::from(byte).wrapping_mul(PRIME_5);
        hash = hash.rotate_left(11).wrapping_mul(PRIME_1);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(PRIME_2);
    hash = (hash ^ (hash >> 29)).wrapping_mul(PRIME_3);
    hash ^ (hash >> 32)
}

/// Returns what four lanes make of the 32-byte stripes.
fn hash_stripes(stripes: &[[u8; 32]]) -> u64 {
    let mut lanes = [
        PRIME_1.wrapping_add(PRIME_2),
        PRIME_2,
        0,
        PRIME_1.wrapping_neg(),
    ];
    for stripe in stripes {
        let (words, _) = stripe.as_chunks::<8>();
        for (lane, word) in lanes.iter_mut().zip(words) {
            *lane = round(*lane, u64::from_le_bytes(*word));
        }
    }
    let turned = [
        lanes[0].rotate_left(1),
        lanes[1].rotate_left(7),
        lanes[2].rotate_left(12),
        lanes[3].rotate_left(18),
    ];
    let hash = turned.into_iter().fold(0, u64::wrapping_add);
    lanes.into_iter().fold(hash, |hash, lane| {
        (hash ^ round(0, lane))
            .wrapping_mul(PRIME_1)
            .wrapping_add(PRIME_4)
    })
}

fn round(lane: u64, word: u64) -> u64 {
    lane.wrapping_add(word.wrapping_mul(PRIME_2))
        .rotate_left(31)
        .wrapping_mul(PRIME_1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_xxh64_and_never_changes() {
        let vectors: [(&[u8], u64); 9] = [
            (b"", 0xEF46_DB37_51D8_E999),
            (b"a", 0xD24E_C4F1_A98C_6E5B),
            (b"abc", 0x44BC_2CF5_AD77_0999),
            (
                b"Nobody inspects the spammish repetition",
                0xFBCE_A83C_8A37_8BF1,
            ),
            (b"1234", 0xD831_6E61_D84F_6BA4),
            (b"12345678", 0xD2D0_2F08_CF7C_FD4A),
            (b"0123456789abcdef0123456789abcdef", 0x642A_9495_8E71_E6C5),
            (&[0xFF; 63], 0xE8E0_9AA1_7C7E_47D6),
            (&[7; 100], 0xB488_8A1C_DD9B_8345),
        ];
        for (bytes, hash) in vectors {
            assert_eq!(xxh64(bytes), hash, "{bytes:?}");
        }
    }
}
