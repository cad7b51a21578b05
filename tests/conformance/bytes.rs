//! The forms that strings of bytes have in a trace.
//!
//! Operands are hexadecimal digits, the start of a random stream, or a repeated pattern. Answers give short strings
//! in hexadecimal digits, and of longer ones the length and a hash.

use serde_json::{Value, json};

/// The longest string that an answer spells out.
const SPELLED_OUT: usize = 40;

/// Returns the bytes an operand stands for; `None` for JSON's null, which is no string at all.
pub(crate) fn parse(form: &Value) -> Option<Vec<u8>> {
    match form {
        Value::Null => None,
        Value::String(digits) => Some(from_hex(digits)),
        Value::Object(form) => {
            if let Some(stream) = form.get("gen") {
                let (len, seed) = (number(&stream[0]), number(&stream[1]));
                return Some(generate(usize::try_from(len).expect("a length"), seed));
            }
            let repeated = form.get("rep").expect("a form of strings");
            let pattern = from_hex(repeated[0].as_str().expect("a pattern"));
            let len = usize::try_from(number(&repeated[1])).expect("a length");
            Some(pattern.iter().copied().cycle().take(len).collect())
        }
        other => panic!("{other} is no string of bytes"),
    }
}

/// Returns the form that an answer has.
pub(crate) fn answer(bytes: &[u8]) -> Value {
    if bytes.len() <= SPELLED_OUT {
        return Value::String(hex(bytes));
    }
    let mut hash = Fnv::default();
    hash.add(bytes);
    json!({ "n": bytes.len(), "fnv": hash.digits() })
}

/// Returns the first `len` bytes of the `SplitMix64` stream of `seed`.
pub(crate) fn generate(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bytes.extend_from_slice(&(z ^ (z >> 31)).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Returns the bytes that pairs of hexadecimal digits stand for.
pub(crate) fn from_hex(digits: &str) -> Vec<u8> {
    let digit = |at: u8| {
        (at as char)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
            .expect("a hexadecimal digit")
    };
    let pairs = digits.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

/// Returns two hexadecimal digits for each byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let pairs = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    pairs
        .map(|digit| DIGITS[usize::from(digit)] as char)
        .collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

/// The FNV-1a hash of 64 bits.
pub(crate) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// Adds a pair as a digest does: each string after its length.
    pub(crate) fn add_pair(&mut self, key: &[u8], value: &[u8]) {
        for part in [key, value] {
            let len = u32::try_from(part.len()).expect("less than 4 GiB");
            self.add(&len.to_le_bytes());
            self.add(part);
        }
    }

    /// Returns the hash as 16 hexadecimal digits.
    pub(crate) fn digits(&self) -> String {
        format!("{:016x}", self.0)
    }
}

/// Checks the forms against known values, before a trace is blamed on the engine.
pub(crate) fn self_check() {
    let spelled = |len, seed| hex(&generate(len, seed));
    assert_eq!(spelled(20, 1), "c15c0289ec2d0a9167ec8e65a18debbe5e5532fb");
    assert_eq!(spelled(5, 42), "956eeb2f26");
    assert_eq!(Fnv::default().digits(), "cbf29ce484222325");
    let mut hash = Fnv::default();
    hash.add(b"a");
    assert_eq!(hash.digits(), "af63dc4c8601ec8c");
    let long = answer(&generate(1000, 7));
    assert_eq!(long, json!({ "n": 1000, "fnv": "bac5b7f22df668eb" }));
    let mut digest = Fnv::default();
    digest.add_pair(b"a", b"1");
    digest.add_pair(b"b", b"");
    assert_eq!(digest.digits(), "a1747867ae8b4bfa");
}
