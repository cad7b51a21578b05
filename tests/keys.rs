//! Numbers as keys of integer tables: the keys are ordered as the numbers are.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::cmp::Ordering;

use common::{Rng, TempEnv};
use mdbx_core::{Result, TableFlags, TableRef, key};

/// Numbers of every magnitude and either sign, and all that are special.
fn bits(rng: &mut Rng) -> u64 {
    let special = [
        0,
        1,
        u64::MAX,
        1 << 63,
        (1 << 63) - 1,
        1 << 53,
        (1 << 53) + 1,
        f64::INFINITY.to_bits(),
        f64::NEG_INFINITY.to_bits(),
        f64::NAN.to_bits(),
        (-f64::NAN).to_bits(),
        f64::MIN_POSITIVE.to_bits(),
        (-1.5_f64).to_bits(),
    ];
    match rng.below(4) {
        0 => *rng.pick(&special),
        1 => (rng.next() >> rng.below(64)).wrapping_neg(),
        2 => rng.next() >> rng.below(64),
        _ => rng.next(),
    }
}

fn low(bits: u64) -> u32 {
    let [a, b, c, d, ..] = bits.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// Checks that the table orders the keys of pairs of numbers as `compare` orders the numbers.
fn agree<T: Copy + std::fmt::Debug, K: AsRef<[u8]>>(
    table: &TableRef<'_>,
    number: impl Fn(u64) -> T,
    key: impl Fn(T) -> K,
    compare: impl Fn(T, T) -> Ordering,
) {
    let mut rng = Rng::new(61);
    for _ in 0..20_000 {
        let (a, b) = (number(bits(&mut rng)), number(bits(&mut rng)));
        let order = table.compare_keys(key(a).as_ref(), key(b).as_ref());
        assert_eq!(order, compare(a, b), "{a:?} {b:?}");
    }
}

#[test]
fn the_order_of_keys_is_the_order_of_the_numbers() -> Result<()> {
    let env = TempEnv::new();
    let table = env.create_table("t", TableFlags::INTEGER_KEY)?;
    let txn = env.read()?;
    let table = txn.table(table)?;
    agree(&table, low, key::u32, |a, b| a.cmp(&b));
    agree(&table, |bits| bits, key::u64, |a, b| a.cmp(&b));
    agree(
        &table,
        |bits| low(bits).cast_signed(),
        key::i32,
        |a, b| a.cmp(&b),
    );
    agree(&table, u64::cast_signed, key::i64, |a, b| a.cmp(&b));
    agree(
        &table,
        |bits| f32::from_bits(low(bits)),
        key::f32,
        |a, b| a.total_cmp(&b),
    );
    agree(&table, f64::from_bits, key::f64, |a, b| a.total_cmp(&b));
    agree(
        &table,
        |bits| bits.cast_signed() >> 10,
        key::json,
        |a, b| a.cmp(&b),
    );
    Ok(())
}

#[test]
fn beyond_53_bits_json_integers_are_still_in_order_but_may_share_a_key() -> Result<()> {
    let env = TempEnv::new();
    let table = env.create_table("t", TableFlags::INTEGER_KEY)?;
    let txn = env.read()?;
    let (table, mut rng) = (txn.table(table)?, Rng::new(62));
    for _ in 0..20_000 {
        let (a, b) = (bits(&mut rng).cast_signed(), bits(&mut rng).cast_signed());
        let order = table.compare_keys(&key::json(a), &key::json(b));
        assert!(order == a.cmp(&b) || order.is_eq(), "{a} {b}");
    }
    Ok(())
}

#[test]
fn numbers_come_back_from_their_keys() {
    let mut rng = Rng::new(63);
    for _ in 0..20_000 {
        let bits = bits(&mut rng);
        let (long, short) = (bits.cast_signed(), low(bits).cast_signed());
        assert_eq!(key::to_u64(&key::u64(bits)), Some(bits));
        assert_eq!(key::to_u32(&key::u32(low(bits))), Some(low(bits)));
        assert_eq!(key::to_i64(&key::i64(long)), Some(long));
        assert_eq!(key::to_i32(&key::i32(short)), Some(short));
        let double = key::to_f64(&key::f64(f64::from_bits(bits)));
        assert_eq!(double.map(f64::to_bits), Some(bits));
        let float = key::to_f32(&key::f32(f32::from_bits(low(bits))));
        assert_eq!(float.map(f32::to_bits), Some(low(bits)));
        assert_eq!(key::to_json(&key::json(long >> 10)), Some(long >> 10));
    }
}

#[test]
fn integers_and_fractions_are_keys_of_one_table() -> Result<()> {
    let env = TempEnv::new();
    let table = env.create_table("t", TableFlags::INTEGER_KEY)?;
    for (key, value) in [
        (key::json(2), "2"),
        (key::f64(1.5), "1.5"),
        (key::json(-3), "-3"),
        (key::f64(-3.25), "-3.25"),
    ] {
        env.put(table, &key, value.as_bytes())?;
    }
    let values: Vec<_> = env
        .items(table)?
        .into_iter()
        .map(|(_, value)| value)
        .collect();
    assert_eq!(values, [&b"-3.25"[..], b"-3", b"1.5", b"2"]);
    assert_eq!(env.read()?.get(table, &key::f64(2.0))?, Some(&b"2"[..]));
    Ok(())
}
