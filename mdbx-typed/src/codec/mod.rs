//! Values to bytes and back.
//!
//! The codec of each table is part of the catalog, so a file is never read with another one than it was written
//! with. [`Bincode`] is the default, and `Postcard` comes with the feature `postcard`; `bincode.rs` and `postcard.rs` are
//! the only files that know what is behind them. The rows of `#[table(raw)]` go through no codec: `raw`.

#[cfg(feature = "bincode")]
mod bincode;
#[cfg(any(feature = "bincode", feature = "postcard"))]
mod leading;
#[cfg(feature = "postcard")]
mod postcard;
pub mod raw;
pub(crate) mod varint;

#[cfg(feature = "bincode")]
pub use bincode::Bincode;
#[cfg(feature = "postcard")]
pub use postcard::Postcard;

use serde::{Deserialize, Serialize};

use crate::error::CodecError;

/// How rows turn into bytes: `#[table(codec = MyCodec)]`.
pub trait Codec: 'static {
    /// The number that stands for it in the catalog. Those below 128 are for codecs of this crate.
    const ID: u8;
    /// The name of the byte format.
    const NAME: &'static str;

    /// Appends the bytes of `value` to `out`.
    ///
    /// # Errors
    ///
    /// [`CodecError`] when the value cannot be stored.
    fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// Returns the value that `bytes` are, all of them. It may borrow from them.
    ///
    /// # Errors
    ///
    /// [`CodecError`] when they are not a `T`, or when bytes are left over.
    fn decode<'t, T: Deserialize<'t>>(bytes: &'t [u8]) -> Result<T, CodecError>;

    /// Returns the struct that `bytes` are, all of them, when only its first `fields` fields are stored. The others
    /// take their `#[serde(default)]`: they were appended after the row was written.
    ///
    /// A codec need not have it; a table of its own then cannot grow.
    ///
    /// # Errors
    ///
    /// As [`decode`](Codec::decode), and when a field that is not stored has no default.
    fn decode_leading<'t, T: Deserialize<'t>>(
        bytes: &'t [u8],
        fields: usize,
    ) -> Result<T, CodecError> {
        let _ = (bytes, fields);
        Err(CodecError::decode(
            Self::NAME,
            "this codec does not read rows with fewer fields",
        ))
    }

    /// Returns the value that `bytes` begin with: the leading fields of a struct, for views. It may borrow from them.
    ///
    /// A codec need not have it; views of its tables are then an error.
    ///
    /// # Errors
    ///
    /// [`CodecError`] when they do not begin with a `T`.
    fn decode_head<'t, T: Deserialize<'t>>(bytes: &'t [u8]) -> Result<T, CodecError> {
        let _ = bytes;
        Err(CodecError::decode(Self::NAME, "this codec has no views"))
    }
}

/// Returns the row that `bytes` are, of which all fields are stored, or the first `fields`.
///
/// The derive calls it for both, so that a struct that serde cannot read is reported once.
///
/// # Errors
///
/// As [`Codec::decode`] and [`Codec::decode_leading`].
#[inline]
pub fn decode_row<'t, C: Codec, T: Deserialize<'t>>(
    bytes: &'t [u8],
    fields: Option<usize>,
) -> Result<T, CodecError> {
    match fields {
        None => C::decode(bytes),
        Some(fields) => C::decode_leading(bytes, fields),
    }
}

/// Returns the error that says a row has more bytes than its value.
#[cfg(any(feature = "bincode", feature = "postcard"))]
#[cold]
fn left_over(codec: &'static str, bytes: usize) -> CodecError {
    CodecError::decode(codec, format_args!("{bytes} bytes are left over"))
}
