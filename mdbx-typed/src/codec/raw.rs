//! The layout of raw tables: the row is the bytes of the struct, with nothing before or after them.

use crate::error::CodecError;
use crate::plain::{self, Plain};

/// The number that stands for it in the catalog.
pub const ID: u8 = 0;

/// The name of the byte format.
pub const NAME: &str = "raw";

/// Appends the bytes of a row to `out`.
pub fn encode<T: Plain>(row: &T, out: &mut Vec<u8>) {
    out.extend_from_slice(plain::as_bytes(row));
}

/// Returns the row that `bytes` are.
///
/// # Errors
///
/// [`CodecError`] when they are more or fewer than a `T` has.
#[inline]
pub fn decode<T: Plain>(bytes: &[u8]) -> Result<&T, CodecError> {
    plain::from_bytes(bytes).ok_or_else(|| wrong_length(bytes.len(), size_of::<T>()))
}

#[cold]
fn wrong_length(found: usize, expected: usize) -> CodecError {
    CodecError::decode(
        NAME,
        format_args!("it has {found} bytes, the struct has {expected}"),
    )
}
