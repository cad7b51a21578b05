//! Where a page ended.

use std::fmt;
use std::str::FromStr;

use super::scan::End;
use crate::codec::varint;

/// The first byte of every token.
const VERSION: u8 = 1;

/// Where a page of a query ended, for [`Query::page`](super::Query::page) and [`Query::after`](super::Query::after).
///
/// It prints as hexadecimal digits and parses from them, so it can travel in a URL. It holds the key and the primary
/// key of a row as plain bytes: whoever gets it can read them.
///
/// The bytes are `01`, the fingerprint of the index as 8 bytes little endian, `00` or `01` for backward, the length
/// of the key as a varint, the key, and in an index with duplicates the primary key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Token(Box<[u8]>);

impl Token {
    pub(super) fn new(fingerprint: u64, is_backward: bool, key: &[u8], value: &[u8]) -> Self {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&fingerprint.to_le_bytes());
        bytes.push(is_backward.into());
        varint::encode(key.len() as u64, &mut bytes);
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(value);
        Token(bytes.into())
    }

    /// Returns the entry it stands for, if it was made for this index and direction.
    pub(super) fn position(&self, fingerprint: u64, is_backward: bool) -> Option<End> {
        let rest = self.0.strip_prefix(&[VERSION])?;
        let rest = rest.strip_prefix(&fingerprint.to_le_bytes())?;
        let mut rest = rest.strip_prefix(&[is_backward.into()])?;
        let len = usize::try_from(varint::decode(&mut rest)?).ok()?;
        let (key, value) = rest.split_at_checked(len)?;
        Some(End {
            key: key.into(),
            value: value.into(),
        })
    }

    /// Returns the bytes, to be stored or sent.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the token that these bytes are. Whether they fit a query is checked when it is used.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Token(bytes.into())
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({self})")
    }
}

/// Text that is no token: it is not pairs of hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a page token")]
pub struct ParseTokenError;

impl FromStr for Token {
    type Err = ParseTokenError;

    fn from_str(text: &str) -> Result<Self, ParseTokenError> {
        let digit = |byte: u8| {
            char::from(byte)
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        };
        let (pairs, rest) = text.as_bytes().as_chunks();
        if !rest.is_empty() {
            return Err(ParseTokenError);
        }
        let bytes: Option<Box<[u8]>> = pairs
            .iter()
            .map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?))
            .collect();
        bytes.map(Token).ok_or(ParseTokenError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive_text_and_name_their_index_and_direction() {
        let token = Token::new(77, true, b"key", b"value");
        let back: Token = token.to_string().parse().unwrap();
        assert_eq!(back, token);
        let end = back.position(77, true).unwrap();
        assert_eq!(
            (end.key.as_slice(), end.value.as_slice()),
            (b"key".as_slice(), b"value".as_slice())
        );
        assert!(token.position(78, true).is_none(), "another index");
        assert!(token.position(77, false).is_none(), "another direction");
    }

    #[test]
    fn other_bytes_are_no_position() {
        let whole = Token::new(77, false, b"key", b"");
        for len in 0..whole.as_bytes().len() {
            assert!(
                Token::from_bytes(&whole.as_bytes()[..len])
                    .position(77, false)
                    .is_none()
            );
        }
        assert_eq!("0".parse::<Token>(), Err(ParseTokenError));
        assert_eq!("0g".parse::<Token>(), Err(ParseTokenError));
        assert_eq!("é".parse::<Token>(), Err(ParseTokenError));
    }
}
