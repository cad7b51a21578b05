//! Free pages are used again, in the order that was asked for.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use common::TempEnv;
use mdbx_core::{Env, Geometry, PageSize, ReclaimOrder, Result, Table};

const PAGE: usize = 256;

/// An environment with about a thousand free pages, listed by many transactions.
fn with_free_pages(order: ReclaimOrder) -> Result<TempEnv> {
    let geometry = Geometry::default()
        .page_size(PageSize::MIN)
        .growth_step(1 << 16)
        .shrink_threshold(0); // else what is written would move towards the start, for the file to shrink
    let env = TempEnv::with(Env::options().geometry(geometry).reclaim_order(order));
    let mut txn = env.write()?;
    for n in 0..3000_u32 {
        txn.put(Table::MAIN, &n.to_be_bytes(), &[1; 80])?;
    }
    txn.commit()?;
    for n in 0..100_u32 {
        let mut txn = env.write()?;
        for n in n * 29..(n + 1) * 29 {
            txn.delete(Table::MAIN, &n.to_be_bytes())?;
        }
        txn.commit()?;
    }
    Ok(env)
}

/// Updates one item again and again; returns how many pages of the file have changed by that.
fn pages_changed_by_updates(env: &TempEnv, updates: u32) -> Result<usize> {
    let before = std::fs::read(env.path()).unwrap();
    let allocated = env.info()?.allocated_pages;
    for n in 0..updates {
        let mut txn = env.write()?;
        txn.put(Table::MAIN, &2950_u32.to_be_bytes(), &n.to_be_bytes())?;
        txn.commit()?;
        let now = env.info()?.allocated_pages;
        assert!(now <= allocated + allocated / 10, "{now} from {allocated}");
    }
    let after = std::fs::read(env.path()).unwrap();
    let pages = before.chunks(PAGE).zip(after.chunks(PAGE));
    Ok(pages.filter(|(before, after)| before != after).count())
}

#[test]
fn newest_first_writes_the_same_few_pages_over_and_over() -> Result<()> {
    let env = with_free_pages(ReclaimOrder::NewestFirst)?;
    let changed = pages_changed_by_updates(&env, 600)?;
    assert!(changed < 60, "{changed} pages");
    Ok(())
}

#[test]
fn oldest_first_lets_all_free_pages_go_round() -> Result<()> {
    let env = with_free_pages(ReclaimOrder::OldestFirst)?;
    let changed = pages_changed_by_updates(&env, 600)?;
    assert!(changed > 500, "{changed} pages");
    Ok(())
}

#[test]
fn newest_first_returns_to_a_few_pages_after_an_old_reader_has_ended() -> Result<()> {
    let env = with_free_pages(ReclaimOrder::NewestFirst)?;
    let update = |n: u32| env.put(Table::MAIN, &2950_u32.to_be_bytes(), &n.to_be_bytes());
    let reader = env.read_owned()?;
    let before = env.info()?.allocated_pages;
    (1000..1220).try_for_each(update)?;
    let after = env.info()?.allocated_pages;
    assert!(after > before + 100, "many are new: {before}, {after}");
    drop(reader);
    (1220..1270).try_for_each(update)?;
    let changed = pages_changed_by_updates(&env, 200)?;
    assert!(changed < 60, "{changed} pages");
    Ok(())
}

#[test]
fn both_orders_account_for_every_page_while_readers_come_and_go() -> Result<()> {
    for order in [ReclaimOrder::NewestFirst, ReclaimOrder::OldestFirst] {
        let env = with_free_pages(order)?;
        let mut readers = Vec::new();
        for n in 0..100_u32 {
            let mut txn = env.write()?;
            for m in 0..20 {
                let key = (n * 21 + m * 151) % 3000;
                txn.put(Table::MAIN, &key.to_be_bytes(), &[2; 100])?;
                txn.delete(Table::MAIN, &(key + 1).to_be_bytes())?;
            }
            txn.commit()?;
            if n % 10 == 0 {
                readers.push(env.read_owned()?);
            }
            if n % 35 == 0 {
                readers.clear();
            }
            common::assert_sound(&env.read()?);
        }
    }
    Ok(())
}
