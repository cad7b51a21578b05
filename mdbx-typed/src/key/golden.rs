//! Golden bytes of `okey-1`, one list for each kind of key.
//!
//! Files hold these bytes. A vector that fails means that the format has changed: give it another name instead.

use super::*;
use crate::{Key, plain::le};

/// Asserts that each key is stored as these bytes, alone and with a `u8` after it.
fn golden<K: Key>(vectors: &[(K::Ref<'_>, &str, &str)]) {
    for &(key, last, inner) in vectors {
        let hex = |place| {
            let mut out = KeyBuf::new();
            K::encode(key, place, &mut out);
            KeyBytes::from(out.as_slice()).to_string()
        };
        assert_eq!(hex(Place::Last), format!("0x{last}"), "as the last");
        assert_eq!(hex(Place::Inner), format!("0x{inner}"), "not as the last");
    }
}

/// As [`golden`], for keys that are the same wherever they stand.
fn golden_fixed<K: Key>(vectors: &[(K::Ref<'_>, &str)]) {
    for &(key, hex) in vectors {
        golden::<K>(&[(key, hex, hex)]);
    }
}

#[test]
fn unsigned_integers() {
    golden_fixed::<u8>(&[(0, "00"), (7, "07"), (255, "ff")]);
    golden_fixed::<u16>(&[(0x0102, "0102"), (u16::MAX, "ffff")]);
    golden_fixed::<u32>(&[(1, "00000001"), (u32::MAX, "ffffffff")]);
    golden_fixed::<u64>(&[
        (0x0102_0304_0506_0708, "0102030405060708"),
        (u64::MAX, "ffffffffffffffff"),
    ]);
    golden_fixed::<u128>(&[
        (1, "00000000000000000000000000000001"),
        (1 << 127, "80000000000000000000000000000000"),
    ]);
}

#[test]
fn signed_integers() {
    golden_fixed::<i8>(&[(i8::MIN, "00"), (-1, "7f"), (0, "80"), (i8::MAX, "ff")]);
    golden_fixed::<i16>(&[(i16::MIN, "0000"), (-1, "7fff"), (1, "8001")]);
    golden_fixed::<i32>(&[(-1, "7fffffff"), (0, "80000000"), (i32::MAX, "ffffffff")]);
    golden_fixed::<i64>(&[
        (i64::MIN, "0000000000000000"),
        (-1, "7fffffffffffffff"),
        (1, "8000000000000001"),
    ]);
    golden_fixed::<i128>(&[
        (i128::MIN, "00000000000000000000000000000000"),
        (0, "80000000000000000000000000000000"),
    ]);
}

#[test]
fn bools_and_chars() {
    golden_fixed::<bool>(&[(false, "00"), (true, "01")]);
    golden_fixed::<char>(&[
        ('\0', "000000"),
        ('a', "000061"),
        ('é', "0000e9"),
        (char::MAX, "10ffff"),
    ]);
}

#[test]
fn floats() {
    golden_fixed::<TotalF64>(&[
        (f64::NEG_INFINITY, "000fffffffffffff"),
        (-1.0, "400fffffffffffff"),
        (-0.0, "8000000000000000"),
        (0.0, "8000000000000000"),
        (f64::from_bits(1), "8000000000000001"),
        (1.0, "bff0000000000000"),
        (f64::INFINITY, "fff0000000000000"),
        (f64::from_bits(0x7FF8 << 48), "fff8000000000000"),
    ]);
    golden_fixed::<TotalF32>(&[
        (f32::NEG_INFINITY, "007fffff"),
        (-1.0, "407fffff"),
        (0.0, "80000000"),
        (1.0, "bf800000"),
    ]);
}

#[test]
fn text_and_bytes() {
    golden::<String>(&[
        ("", "", "00"),
        ("a", "61", "6100"),
        ("é", "c3a9", "c3a900"),
        ("a\0\u{1}\u{2}", "61000102", "61010101020200"),
    ]);
    golden::<Vec<u8>>(&[
        (b"", "", "00"),
        (b"\0", "00", "010100"),
        (b"\x01\xFF", "01ff", "0102ff00"),
    ]);
    golden_fixed::<[u8; 0]>(&[(&[], "")]);
    golden_fixed::<[u8; 3]>(&[(&[0, 1, 2], "000102")]);
}

#[test]
fn options() {
    golden_fixed::<Option<u8>>(&[(None, "00"), (Some(0), "0100")]);
    golden_fixed::<Option<Option<u8>>>(&[
        (None, "00"),
        (Some(None), "0100"),
        (Some(Some(7)), "010107"),
    ]);
    golden::<Option<String>>(&[(None, "00", "00"), (Some("a"), "0161", "016100")]);
}

#[test]
fn tuples() {
    golden::<(String, String)>(&[
        (("a", "b"), "610062", "61006200"),
        (("", ""), "00", "0000"),
        (("ab", "c"), "61620063", "6162006300"),
        (("a", "bc"), "61006263", "6100626300"),
    ]);
    golden::<(u16, Vec<u8>)>(&[((1, b"\0"), "000100", "0001010100")]);
    golden_fixed::<(Option<String>, u8)>(&[((None, 5), "0005"), ((Some("a"), 5), "01610005")]);
    golden::<((String, u8), String)>(&[((("a", 1), "b"), "61000162", "6100016200")]);
    golden_fixed::<(u8, i8, bool, u8, [u8; 1], u8)>(&[((1, -1, true, 4, &[5], 6), "017f01040506")]);
}

#[test]
fn descending() {
    golden_fixed::<Desc<u8>>(&[(1, "fe")]);
    golden_fixed::<Desc<i64>>(&[(0, "7fffffffffffffff"), (-1, "8000000000000000")]);
    golden_fixed::<Desc<TotalF32>>(&[(1.0, "407fffff")]);
    golden_fixed::<Desc<String>>(&[("", "ff"), ("a", "9eff"), ("a\0", "9efefeff")]);
    golden_fixed::<Desc<Option<u8>>>(&[(None, "ff"), (Some(1), "fefe")]);
    golden_fixed::<Desc<(String, u8)>>(&[(("a", 1), "9efffe")]);
    golden_fixed::<Desc<Desc<u8>>>(&[(1, "01")]);
    golden::<(Desc<u8>, String)>(&[((1, "a"), "fe61", "fe6100")]);
}

#[test]
fn folded() {
    golden::<AsciiFold>(&[
        ("", "", "00"),
        ("AbZ[É", "61627a5bc389", "61627a5bc38900"),
        ("A\0", "6100", "61010100"),
    ]);
    golden::<Option<AsciiFold>>(&[(Some("A"), "0161", "016100")]);
}

#[test]
fn hashes() {
    golden_fixed::<Hashed<String>>(&[
        ("", "ef46db3751d8e999"),
        ("a", "d24ec4f1a98c6e5b"),
        ("abc", "44bc2cf5ad770999"),
        (
            "Nobody inspects the spammish repetition",
            "fbcea83c8a378bf1",
        ),
    ]);
    golden_fixed::<Hashed<Vec<u8>>>(&[(b"abc", "44bc2cf5ad770999")]);
    // The key `1234` in ASCII.
    golden_fixed::<Hashed<u32>>(&[(0x3132_3334, "d8316e61d84f6ba4")]);
    golden_fixed::<Hashed<AsciiFold>>(&[("ABC", "44bc2cf5ad770999")]);
    golden_fixed::<Hashed<(u8, String)>>(&[((b'a', "bc"), "44bc2cf5ad770999")]);
}

#[test]
fn derived_keys() {
    #[derive(Key)]
    struct Id(u16);
    #[derive(Key)]
    struct Name {
        text: String,
    }
    #[derive(Key)]
    #[key(as = i8)]
    struct Degrees(f32);
    impl From<&Degrees> for i8 {
        #[expect(clippy::cast_possible_truncation, reason = "degrees are small")]
        fn from(degrees: &Degrees) -> i8 {
            degrees.0 as i8
        }
    }
    impl From<i8> for Degrees {
        fn from(degrees: i8) -> Degrees {
            Degrees(degrees.into())
        }
    }
    #[derive(Key, Clone, Copy)]
    enum Size {
        Small,
        Medium = 5,
        Large,
    }
    #[derive(Key, Clone, Copy)]
    enum Code {
        Ok = 200,
        NotFound = 404,
    }
    golden_fixed::<Id>(&[(&Id(0x0102), "0102")]);
    let name = Name { text: "a".into() };
    golden::<Name>(&[(&name, "61", "6100")]);
    golden_fixed::<Degrees>(&[(&Degrees(-1.0), "7f")]);
    golden_fixed::<Size>(&[
        (&Size::Small, "00"),
        (&Size::Medium, "05"),
        (&Size::Large, "06"),
    ]);
    golden_fixed::<Code>(&[(&Code::Ok, "00c8"), (&Code::NotFound, "0194")]);
    golden_fixed::<(Desc<Size>, Option<Code>)>(&[((&Size::Medium, Some(&Code::Ok)), "fa0100c8")]);
}

#[test]
fn fields_that_are_no_key_type_of_their_own() {
    fn of<T: KeyField>(field: &T) -> String {
        let key = encode::<T::Key>(field.key_ref());
        KeyBytes::from(key.as_slice()).to_string()
    }
    assert_eq!(of(&"a"), "0x61");
    assert_eq!(of(&std::borrow::Cow::Borrowed("a")), "0x61");
    assert_eq!(of(&Box::<str>::from("a")), "0x61");
    assert_eq!(of(&b"a".as_slice()), "0x61");
    assert_eq!(of(&Box::<[u8]>::from(*b"a")), "0x61");
    assert_eq!(of(&le::U16::new(0x0102)), "0x0102");
    assert_eq!(of(&le::U32::new(1)), "0x00000001");
    assert_eq!(of(&le::U64::new(1)), "0x0000000000000001");
    assert_eq!(of(&le::U128::new(1)), "0x00000000000000000000000000000001");
    assert_eq!(of(&le::I16::new(-1)), "0x7fff");
    assert_eq!(of(&le::I32::new(-1)), "0x7fffffff");
    assert_eq!(of(&le::I64::new(-1)), "0x7fffffffffffffff");
    assert_eq!(of(&le::I128::new(0)), "0x80000000000000000000000000000000");
    assert_eq!(of(&le::F32::new(1.0)), "0xbf800000");
    assert_eq!(of(&le::F64::new(1.0)), "0xbff0000000000000");
}
