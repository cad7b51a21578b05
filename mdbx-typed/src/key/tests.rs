//! Order and round trips of `okey-1`.

use std::borrow::Cow;
use std::fmt::Debug;

use super::*;

/// A tiny generator (xorshift64), so that a failure repeats.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.next().to_be_bytes()[0])
    }

    /// Short texts over an alphabet that provokes the escapes.
    fn text(&mut self) -> String {
        const LETTERS: [char; 7] = ['\0', '\u{1}', '\u{2}', 'a', 'b', 'é', '\u{10ffff}'];
        (0..self.below(5))
            .map(|_| LETTERS[self.below(LETTERS.len())])
            .collect()
    }

    fn bytes(&mut self) -> Vec<u8> {
        const LETTERS: [u8; 6] = [0, 1, 2, 0x7F, 0xFE, 0xFF];
        (0..self.below(5))
            .map(|_| LETTERS[self.below(LETTERS.len())])
            .collect()
    }
}

fn many<T>(mut make: impl FnMut(&mut Rng) -> T) -> Vec<T> {
    let mut rng = Rng(0x9E37_79B9_7F4A_7C15);
    (0..300).map(|_| make(&mut rng)).collect()
}

/// Asserts that byte order is value order and that every value comes back, alone and with a component after it.
fn assert_ordered<T: KeyField + Ord + Debug>(values: &[T])
where
    <T::Key as Key>::Owned: PartialEq + Debug,
{
    for place in [Place::Last, Place::Inner] {
        let encode = |value: &T| {
            let mut out = KeyBuf::new();
            T::Key::encode(value.key_ref(), place, &mut out);
            out
        };
        let keys: Vec<KeyBuf> = values.iter().map(encode).collect();
        for (a, x) in keys.iter().zip(values) {
            let mut rest = a.as_slice();
            let back = T::Key::into_owned(T::Key::decode(&mut rest, place).unwrap());
            assert!(rest.is_empty(), "{x:?} leaves {rest:?}");
            let mut again = KeyBuf::new();
            T::Key::encode(x.key_ref(), place, &mut again);
            assert_eq!(again.as_slice(), a.as_slice(), "{back:?}");
            if let Some(width) = T::Key::WIDTH {
                assert_eq!(a.len(), width, "{x:?}");
            }
            for (b, y) in keys.iter().zip(values) {
                assert_eq!(
                    a.as_slice().cmp(b.as_slice()),
                    x.cmp(y),
                    "{x:?} and {y:?}, {place:?}"
                );
            }
        }
    }
}

/// As [`assert_ordered`], and the decoded values are the values themselves.
fn assert_keys<T>(values: &[T])
where
    T: KeyField<Key: Key<Owned = T>> + Ord + Debug,
{
    assert_ordered(values);
    for value in values {
        let key = encode::<T::Key>(value.key_ref());
        let back = decode::<T::Key>(key.as_slice()).unwrap();
        assert_eq!(&T::Key::into_owned(back), value);
    }
}

#[test]
fn integers_sort_by_value() {
    macro_rules! check {
        ($($type:ident)*) => {$({
            let edges = [$type::MIN, $type::MIN + 1, $type::MAX / 2, $type::MAX - 1, $type::MAX, 0, 1];
            let mut values = many(|rng| $type::from_be_bytes(rng.array()));
            values.extend(edges);
            assert_keys(&values);
        })*};
    }
    check! { u16 u32 u64 i8 i16 i32 i64 i128 }
    assert_keys(&(0..=u8::MAX).collect::<Vec<_>>());
    assert_keys(&[0, 1, u128::from(u64::MAX), u128::MAX - 1, u128::MAX]);
}

#[test]
fn bools_and_chars_sort_by_value() {
    assert_keys(&[true, false]);
    assert_keys(&[
        '\0',
        'a',
        'ÿ',
        '\u{d7ff}',
        '\u{e000}',
        '\u{ffff}',
        '\u{10000}',
        char::MAX,
    ]);
}

#[test]
fn floats_sort_by_total_order() {
    const EDGES: [f64; 9] = [
        0.0,
        -1.0,
        1.5,
        f64::MIN,
        f64::MAX,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        1e-310,
    ];
    let mut wide = many(|rng| TotalF64(f64::from_bits(rng.next())));
    wide.extend(EDGES.map(TotalF64));
    assert_ordered_float(&wide, |x| x.0.to_bits());
    let mut narrow = many(|rng| TotalF32(f32::from_be_bytes(rng.array())));
    narrow.extend([0.0, -1.0, f32::MIN, f32::INFINITY, f32::NAN].map(TotalF32));
    assert_ordered_float(&narrow, |x| u64::from(x.0.to_bits()));
    assert_eq!(
        encode::<TotalF64>(-0.0).as_slice(),
        encode::<TotalF64>(0.0).as_slice()
    );
    assert_eq!(TotalF64(-0.0), TotalF64(0.0));
}

/// As [`assert_keys`], comparing bits because `NaN` differs from itself.
fn assert_ordered_float<T: KeyField + Ord + Debug + From<<T::Key as Key>::Owned>>(
    values: &[T],
    bits: impl Fn(&T) -> u64,
) {
    for x in values {
        let a = encode::<T::Key>(x.key_ref());
        let back = T::from(T::Key::into_owned(decode::<T::Key>(a.as_slice()).unwrap()));
        assert_eq!(bits(&back), bits(x), "{x:?}");
        for y in values {
            assert_eq!(
                a.as_slice().cmp(encode::<T::Key>(y.key_ref()).as_slice()),
                x.cmp(y),
                "{x:?} and {y:?}"
            );
        }
    }
}

#[test]
fn strings_sort_by_value_anywhere() {
    assert_keys(&many(Rng::text));
    assert_keys(&many(Rng::bytes));
    assert_keys(&many(|rng| {
        [rng.next().to_be_bytes()[0], rng.next().to_be_bytes()[0], 0]
    }));
}

#[test]
fn options_put_none_first() {
    assert_keys(&many(|rng| (rng.below(3) > 0).then(|| rng.text())));
    assert_keys(&many(|rng| {
        (rng.below(3) > 0).then(|| (rng.below(2) > 0).then(|| rng.bytes()))
    }));
}

#[test]
fn tuples_sort_by_component() {
    assert_keys(&many(|rng| {
        (
            rng.text(),
            (rng.below(3) > 0).then(|| rng.next().to_be_bytes()[0]),
            rng.text(),
        )
    }));
    assert_keys(&many(|rng| {
        (rng.bytes(), (rng.text(), rng.text()), rng.below(2) > 0)
    }));
    assert_keys(&many(|rng| {
        (
            rng.text(),
            'c',
            rng.text(),
            [rng.bytes().len().to_be_bytes()[7]],
            rng.bytes(),
            -1i8,
        )
    }));
}

#[test]
fn descending_components_sort_the_other_way() {
    assert_ordered(&many(|rng| Desc(rng.text())));
    assert_ordered(&many(|rng| {
        (Desc(rng.text()), rng.text(), Desc(rng.next()))
    }));
    assert_ordered(&many(|rng| {
        Desc((rng.text(), (rng.below(2) > 0).then(|| rng.bytes())))
    }));
    let key = encode::<(Desc<String>, u8)>(("a\0b", 7));
    assert_eq!(
        decode::<(Desc<String>, u8)>(key.as_slice()).unwrap(),
        ("a\0b".to_owned(), 7)
    );
}

#[test]
fn folded_texts_sort_by_their_lower_case() {
    let texts: Vec<String> = many(|rng| {
        let letters = ['A', 'a', 'B', 'z', 'É', 'é', '[', '\0'];
        (0..rng.below(4)).map(|_| letters[rng.below(8)]).collect()
    });
    for a in &texts {
        let key = encode::<AsciiFold>(a);
        let back = decode::<AsciiFold>(key.as_slice()).unwrap();
        assert_eq!(back, a.to_ascii_lowercase());
        for b in &texts {
            let (x, y) = (
                encode::<(AsciiFold, u8)>((a, 1)),
                encode::<(AsciiFold, u8)>((b, 1)),
            );
            let order = a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase());
            assert_eq!(key.as_slice().cmp(encode::<AsciiFold>(b).as_slice()), order);
            assert_eq!(x.as_slice().cmp(y.as_slice()), order);
        }
    }
}

#[test]
fn a_hash_comes_back_as_a_number() {
    let key = encode::<(Hashed<String>, u8)>(("abc", 7));
    let back = decode::<(Hashed<String>, u8)>(key.as_slice()).unwrap();
    assert_eq!(back, (0x44BC_2CF5_AD77_0999, 7));
    assert!(decode::<Hashed<String>>(&[1, 2, 3]).is_err());
}

#[test]
fn all_string_fields_make_the_same_key() {
    let expected = encode::<String>("key");
    let key = |bytes: KeyBuf| assert_eq!(bytes.as_slice(), expected.as_slice());
    key(encode::<<&str as KeyField>::Key>("key".key_ref()));
    key(encode::<String>(Cow::Borrowed("key").key_ref()));
    key(encode::<String>(Box::<str>::from("key").key_ref()));
    key(encode::<Vec<u8>>(b"key".as_slice().key_ref()));
    key(encode::<[u8; 3]>(b"key".key_ref()));
}

#[test]
fn decoding_borrows_where_nothing_is_escaped() {
    let key = encode::<(String, String)>(("plain", "la\0st"));
    let (first, last) = decode::<(String, String)>(key.as_slice()).unwrap();
    assert!(matches!(
        (first, last),
        (Cow::Borrowed("plain"), Cow::Borrowed("la\0st"))
    ));
}

#[test]
fn damaged_bytes_are_an_error() {
    assert!(decode::<u32>(&[1, 2, 3]).is_err(), "too short");
    assert!(decode::<u32>(&[1, 2, 3, 4, 5]).is_err(), "too long");
    assert!(decode::<bool>(&[2]).is_err());
    assert!(decode::<char>(&[0, 0xD8, 0]).is_err(), "a surrogate");
    assert!(decode::<String>(&[0xFF]).is_err(), "not UTF-8");
    assert!(decode::<(String, u8)>(b"abc").is_err(), "no terminator");
    assert!(
        decode::<(String, u8)>(&[1, 3, 0, 9]).is_err(),
        "an unknown escape"
    );
    assert!(
        decode::<(String, u8)>(&[1, 0, 9]).is_err(),
        "an escape cut off"
    );
    assert!(decode::<Option<u8>>(&[2, 0]).is_err());
    assert!(decode::<Desc<String>>(&[]).is_err());
    let mut rng = Rng(7);
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..rng.below(12))
            .map(|_| rng.next().to_be_bytes()[0] & 3)
            .collect();
        let _ = decode::<(String, Option<Desc<(u8, Vec<u8>)>>, [u8; 2], char)>(&bytes);
    }
}

#[test]
fn prefixes_cover_exactly_the_keys_that_have_them() {
    type K = (String, String, u8);
    let values = many(|rng| (rng.text(), rng.text(), rng.next().to_be_bytes()[0]));
    for (first, second, _) in &values {
        let one = KeyRange::prefixed::<K>((first.as_str(),));
        let two = KeyRange::prefixed::<K>((first.as_str(), second.as_str()));
        for value in &values {
            let key = encode::<K>(value.key_ref());
            let within = |range: &KeyRange| {
                range.is_past_lower(key.as_slice()) && range.is_before_upper(key.as_slice())
            };
            assert_eq!(within(&one), value.0 == *first);
            assert_eq!(within(&two), value.0 == *first && value.1 == *second);
        }
    }
}

#[test]
fn starts_with_covers_exactly_the_keys_that_continue_it() {
    let values = many(|rng| (rng.text(), rng.text()));
    for (first, start) in &values {
        let alone = KeyRange::starting_with::<String>(start);
        let after = KeyRange::starting_with::<(String, String)>((first, start));
        for value in &values {
            let short = encode::<String>(&value.1);
            let long = encode::<(String, String)>(value.key_ref());
            let within = |range: &KeyRange, key: &KeyBuf| {
                range.is_past_lower(key.as_slice()) && range.is_before_upper(key.as_slice())
            };
            assert_eq!(within(&alone, &short), value.1.starts_with(start.as_str()));
            assert_eq!(
                within(&after, &long),
                value.0 == *first && value.1.starts_with(start.as_str())
            );
        }
    }
}
