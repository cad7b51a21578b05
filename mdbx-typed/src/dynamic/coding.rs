//! How the codecs of this crate write numbers, lengths and text: what their formats have not in common.

use crate::codec::{raw, varint};

/// The byte format of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// Fields of fixed size, little endian: `#[table(raw)]`.
    Raw,
    /// `bincode-2-standard`.
    Bincode,
    /// `postcard-1`.
    Postcard,
}

/// The bytes are not what the format writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

impl Coding {
    /// Returns the format that the catalog calls by this number and name; `None` for a codec of somebody else.
    pub(crate) fn of(id: u8, name: &str) -> Option<Coding> {
        match (id, name) {
            (raw::ID, raw::NAME) => Some(Coding::Raw),
            (1, "bincode-2-standard") => Some(Coding::Bincode),
            (2, "postcard-1") => Some(Coding::Postcard),
            _ => None,
        }
    }

    /// Takes an unsigned integer of `size` bytes off the front.
    pub(crate) fn take_uint(self, size: u8, input: &mut &[u8]) -> Result<u128, Malformed> {
        if size == 1 || self == Coding::Raw {
            return take_le(size, input);
        }
        let number = match self {
            Coding::Postcard => take_varint(size, input)?,
            _ => match take_le(1, input)? {
                small @ 0..=250 => small,
                mark => {
                    let wide = match mark {
                        0xFB => 2,
                        0xFC => 4,
                        0xFD => 8,
                        0xFE => 16,
                        _ => return Err(Malformed("no size of a number")),
                    };
                    if wide > size {
                        return Err(Malformed("a number too large for its type"));
                    }
                    take_le(wide, input)?
                }
            },
        };
        Ok(number)
    }

    /// Takes a signed integer of `size` bytes off the front.
    pub(crate) fn take_int(self, size: u8, input: &mut &[u8]) -> Result<i128, Malformed> {
        let number = self.take_uint(size, input)?;
        if size == 1 || self == Coding::Raw {
            let shift = 128 - u32::from(size) * 8;
            return Ok((number << shift).cast_signed() >> shift);
        }
        // Zigzag: 0, -1, 1, -2 are 0, 1, 2, 3.
        Ok((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }

    /// Takes the number of elements of a list, a map or text off the front.
    pub(crate) fn take_len(self, input: &mut &[u8]) -> Result<usize, Malformed> {
        if self == Coding::Raw {
            return Err(Malformed("raw rows have no lists"));
        }
        let len = self.take_uint(8, input)?;
        usize::try_from(len).map_err(|_| Malformed("a length"))
    }

    /// Takes a char off the front.
    pub(crate) fn take_char(self, input: &mut &[u8]) -> Result<char, Malformed> {
        const MALFORMED: Malformed = Malformed("a char");
        let len = match self {
            Coding::Raw => return Err(MALFORMED),
            Coding::Postcard => self.take_len(input)?,
            Coding::Bincode => match input.first().ok_or(MALFORMED)? {
                0..0x80 => 1,
                0xC2..0xE0 => 2,
                0xE0..0xF0 => 3,
                0xF0..0xF5 => 4,
                _ => return Err(MALFORMED),
            },
        };
        let text = std::str::from_utf8(take(len, input)?).map_err(|_| MALFORMED)?;
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) => Ok(c),
            _ => Err(MALFORMED),
        }
    }
}

/// Takes bytes off the front.
pub(crate) fn take<'a>(len: usize, input: &mut &'a [u8]) -> Result<&'a [u8], Malformed> {
    let (head, tail) = input
        .split_at_checked(len)
        .ok_or(Malformed("bytes: the row ends before them"))?;
    *input = tail;
    Ok(head)
}

/// Takes a little endian number off the front.
fn take_le(size: u8, input: &mut &[u8]) -> Result<u128, Malformed> {
    let bytes = take(usize::from(size), input)?;
    let mut wide = [0; 16];
    wide[..bytes.len()].copy_from_slice(bytes);
    Ok(u128::from_le_bytes(wide))
}

/// Takes seven bits a byte, low ones first, off the front.
fn take_varint(size: u8, input: &mut &[u8]) -> Result<u128, Malformed> {
    const MALFORMED: Malformed = Malformed("a number");
    if size <= 8 {
        let number = varint::decode(input).ok_or(MALFORMED)?;
        let bits = u32::from(size) * 8;
        if bits < 64 && number >> bits != 0 {
            return Err(MALFORMED);
        }
        return Ok(number.into());
    }
    let mut number = 0u128;
    for shift in (0..u128::BITS).step_by(7) {
        let byte = take(1, input)?[0];
        let bits = u128::from(byte & 0x7F);
        if bits << shift >> shift != bits {
            return Err(MALFORMED);
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(MALFORMED)
}
