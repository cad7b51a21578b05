//! Unsigned numbers in as few bytes as they need: seven bits a byte, low ones first, the high bit says that more
//! follow. Used by the row envelope and by the catalog.

/// The bit of a byte that says that more follow.
pub(crate) const MORE: u8 = 0x80;

/// Appends `number` to `out`.
#[inline]
pub(crate) fn encode(mut number: u64, out: &mut Vec<u8>) {
    while number >= MORE.into() {
        out.push(number.to_le_bytes()[0] | MORE);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Takes a number off the front of `bytes`; `None` if there is none, or one of more than 64 bits.
#[inline]
pub(crate) fn decode(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..u64::BITS).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & !MORE);
        if bits << shift >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if byte & MORE == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for number in [
            0,
            1,
            127,
            128,
            300,
            16_383,
            16_384,
            u64::from(u32::MAX),
            u64::MAX - 1,
            u64::MAX,
        ] {
            let mut bytes = Vec::new();
            encode(number, &mut bytes);
            bytes.push(9);
            let mut rest = bytes.as_slice();
            assert_eq!(decode(&mut rest), Some(number));
            assert_eq!(rest, [9]);
        }
    }

    #[test]
    fn bytes_that_are_no_number_are_refused() {
        assert_eq!(decode(&mut [].as_slice()), None);
        assert_eq!(decode(&mut [0x80].as_slice()), None);
        assert_eq!(decode(&mut [0xFF; 11].as_slice()), None);
        assert_eq!(
            decode(&mut [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2].as_slice()),
            None,
            "65 bits"
        );
    }
}
