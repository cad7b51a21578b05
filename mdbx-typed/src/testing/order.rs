//! Whether bytes of keys sort as the values do, and give the values back.

use std::any::type_name;
use std::fmt::Debug;

use crate::error::KeyBytes;
use crate::key::{Key, KeyBuf, KeyField, Place};

/// Asserts that keys of these values sort as the values do, by `Ord`.
///
/// For all pairs of values: the bytes compare as the values do, and are equal only if the values are. That holds for the
/// value as the last or only component of a key and with others after it, where in addition no key may begin with
/// another one. All of them can be decoded.
///
/// Give it the extremes, what lies next to them, and a few hundred others: all pairs are compared.
///
/// ```
/// use mdbx_typed::Key;
/// use mdbx_typed::testing::assert_order;
///
/// /// Sorted by major and minor number, and stored as text.
/// #[derive(Key, Debug, PartialEq, Eq, PartialOrd, Ord)]
/// #[key(as = String)]
/// struct Version(u16, u16);
///
/// impl From<&Version> for String {
///     fn from(version: &Version) -> String {
///         // Without the zeros in front, 10 would come before 9, and the assertion would say so.
///         format!("{:05}.{:05}", version.0, version.1)
///     }
/// }
/// # impl TryFrom<String> for Version {
/// #     type Error = Box<dyn std::error::Error>;
/// #     fn try_from(text: String) -> Result<Version, Self::Error> {
/// #         let (major, minor) = text.split_once('.').ok_or("no dot")?;
/// #         Ok(Version(major.parse()?, minor.parse()?))
/// #     }
/// # }
///
/// let versions = [Version(0, 0), Version(9, 1), Version(9, 2), Version(10, 0), Version(u16::MAX, u16::MAX)];
/// assert_order(&versions);
/// ```
///
/// # Panics
///
/// If they do not: the message has both values and their bytes.
#[track_caller]
pub fn assert_order<T: KeyField + Ord + Debug>(values: &[T]) {
    for place in [Place::Last, Place::Inner] {
        let keys: Vec<KeyBytes> = values.iter().map(|value| bytes(value, place)).collect();
        let pairs: Vec<(&KeyBytes, &T)> = keys.iter().zip(values).collect();
        for &(key, value) in &pairs {
            assert_decodes::<T>(key, value, place);
        }
        for &(a, x) in &pairs {
            for &(b, y) in &pairs {
                assert_pair::<T>((a, x), (b, y), place);
            }
        }
    }
}

/// Asserts that the bytes of each value are read as that value.
///
/// ```
/// use mdbx_typed::testing::assert_round_trip;
///
/// assert_round_trip(&["", "a\0b"].map(String::from));
/// assert_round_trip(&[Some(-1i64), None, Some(i64::MIN)]);
/// ```
///
/// # Panics
///
/// If one is not: the message has the value, its bytes, and what they were read as.
#[track_caller]
pub fn assert_round_trip<T>(values: &[T])
where
    T: KeyField + PartialEq + Debug + From<<T::Key as Key>::Owned>,
{
    for value in values {
        for place in [Place::Last, Place::Inner] {
            let key = bytes(value, place);
            let back = T::from(assert_decodes::<T>(&key, value, place));
            assert!(
                back == *value,
                "{}: the key {key} of {value:?} is read as {back:?}",
                type_name::<T>()
            );
        }
    }
}

/// Returns the bytes of a value at a place in a key.
fn bytes<T: KeyField>(value: &T, place: Place) -> KeyBytes {
    let mut out = KeyBuf::new();
    T::Key::encode(value.key_ref(), place, &mut out);
    out.as_slice().into()
}

/// Asserts that the bytes are a key, with nothing left over, and as many as the type says; returns the key.
#[track_caller]
fn assert_decodes<T: KeyField + Debug>(
    key: &KeyBytes,
    value: &T,
    place: Place,
) -> <T::Key as Key>::Owned {
    let name = type_name::<T>();
    let mut rest = key.as_bytes();
    let owned = match T::Key::decode(&mut rest, place) {
        Ok(out) => T::Key::into_owned(out),
        Err(error) => panic!("{name}: the key {key} of {value:?} cannot be read: {error}"),
    };
    assert!(
        rest.is_empty(),
        "{name}: of the key {key} of {value:?} the last {} bytes are not read",
        rest.len()
    );
    if let Some(width) = T::Key::WIDTH {
        let len = key.as_bytes().len();
        assert!(
            len == width,
            "{name}: the key {key} of {value:?} has {len} bytes, and `WIDTH` is {width}"
        );
    }
    owned
}

/// Asserts that the bytes of two values are in the order of the values.
#[track_caller]
fn assert_pair<T: Ord + Debug>((a, x): (&KeyBytes, &T), (b, y): (&KeyBytes, &T), place: Place) {
    let name = type_name::<T>();
    let (of_bytes, of_values) = (a.as_bytes().cmp(b.as_bytes()), x.cmp(y));
    assert!(
        of_bytes == of_values,
        "{name}: {x:?} and {y:?} compare as {of_values:?}, \
         and their keys {a} and {b} as {of_bytes:?} ({place:?})"
    );
    assert!(
        place == Place::Last || of_values.is_eq() || !b.as_bytes().starts_with(a.as_bytes()),
        "{name}: the key {b} of {y:?} begins with the key {a} of {x:?}, \
         so that with another component after it the order is lost"
    );
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;
    use crate::error::KeyError;
    use crate::shape::Shape;

    /// A number whose key is wrong in a way of its own.
    #[derive(Debug, PartialEq, Eq, Clone, Copy)]
    struct Wrong<const WAY: u8>(u8);

    impl<const WAY: u8> Ord for Wrong<WAY> {
        fn cmp(&self, other: &Self) -> Ordering {
            self.0.cmp(&other.0)
        }
    }

    impl<const WAY: u8> PartialOrd for Wrong<WAY> {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    impl<const WAY: u8> KeyField for Wrong<WAY> {
        type Key = Self;

        fn key_ref(&self) -> Self {
            *self
        }
    }

    impl<const WAY: u8> Key for Wrong<WAY> {
        type Ref<'a> = Self;
        type Out<'a> = Self;
        type Owned = Self;
        const WIDTH: Option<usize> = if WAY == 4 { Some(2) } else { None };
        const SHAPE: Shape = Shape::Name("Wrong");

        fn encode(key: Self, _: Place, out: &mut KeyBuf) {
            match WAY {
                0 => out.push(!key.0),
                1 => out.push(key.0 / 2),
                2 => out.extend_from_slice(&[7, 7, 7][..usize::from(key.0)]),
                3 => out.extend_from_slice(&[key.0, 0]),
                _ => out.push(key.0),
            }
        }

        fn decode(bytes: &mut &[u8], _: Place) -> Result<Self, KeyError> {
            match WAY {
                2 => *bytes = &[],
                5 => return Err(KeyError::malformed("number")),
                _ => *bytes = &bytes[1..],
            }
            Ok(Wrong(0))
        }

        fn into_owned(out: Self) -> Self {
            out
        }
    }

    fn check<const WAY: u8>() {
        assert_order(&[Wrong::<WAY>(0), Wrong(1)]);
    }

    #[test]
    #[should_panic(expected = "compare as Less, and their keys 0xff and 0xfe as Greater (Last)")]
    fn bytes_in_another_order_are_found() {
        check::<0>();
    }

    #[test]
    #[should_panic(expected = "compare as Less, and their keys 0x00 and 0x00 as Equal (Last)")]
    fn equal_bytes_of_different_values_are_found() {
        check::<1>();
    }

    #[test]
    #[should_panic(expected = "the key 0x07 of Wrong(1) begins with the key 0x of Wrong(0)")]
    fn a_key_that_another_begins_with_is_found() {
        check::<2>();
    }

    #[test]
    #[should_panic(expected = "of the key 0x0000 of Wrong(0) the last 1 bytes are not read")]
    fn bytes_left_over_are_found() {
        check::<3>();
    }

    #[test]
    #[should_panic(expected = "the key 0x00 of Wrong(0) has 1 bytes, and `WIDTH` is 2")]
    fn another_width_is_found() {
        check::<4>();
    }

    #[test]
    #[should_panic(expected = "the key 0x00 of Wrong(0) cannot be read: malformed number")]
    fn bytes_that_cannot_be_read_are_found() {
        check::<5>();
    }

    #[test]
    #[should_panic(expected = "the key 0x01 of Wrong(1) is read as Wrong(0)")]
    fn another_value_is_found() {
        assert_round_trip(&[Wrong::<6>(1)]);
    }
}
