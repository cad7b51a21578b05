//! Where the pages of a file are: free, held back by a reader, used by which table.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use common::TempEnv;
use mdbx_core::tools::account::account;
use mdbx_core::tools::check::check;
use mdbx_core::tools::gc::gc_info;
use mdbx_core::tools::stat::stat;
use mdbx_core::{PageSize, Result, Table, TableFlags, Txnid};

#[test]
fn an_empty_database_has_no_free_page() -> Result<()> {
    let env = TempEnv::new();
    let free = gc_info(&env.read()?)?;
    assert_eq!((free.records, free.pages, free.largest_run), (0, 0, 0));
    Ok(())
}

#[test]
fn what_a_reader_may_read_is_held_back_until_it_ends() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    env.put(Table::MAIN, b"large", &[1; 5000])?;
    let reader = env.read()?;
    env.put(Table::MAIN, b"large", &[2; 5000])?;
    env.put(Table::MAIN, b"large", &[3; 5000])?;

    let free = gc_info(&env.read()?)?;
    assert_eq!(free.oldest, reader.id());
    assert!(free.held_back >= 40, "the pages of two large values");
    assert!(free.largest_run < 20);
    drop(reader);
    let later = gc_info(&env.read()?)?;
    assert_eq!((later.held_back, later.records), (0, free.records));
    assert_eq!((later.reclaimable, later.pages), (free.pages, free.pages));
    assert!(later.largest_run >= 20);
    Ok(())
}

#[test]
fn the_pages_that_can_be_used_are_used() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    env.put(Table::MAIN, b"large", &[1; 5000])?;
    env.put(Table::MAIN, b"large", b"")?;
    let run = usize::try_from(gc_info(&env.read()?)?.largest_run).unwrap();
    let before = env.info()?.allocated_pages;
    // Some pages of the run go to the copies of the pages above.
    env.put(Table::MAIN, b"large", &vec![2; 256 * (run - 5)])?;
    assert_eq!(env.info()?.allocated_pages, before);
    Ok(())
}

#[test]
fn all_ways_to_count_the_pages_agree() -> Result<()> {
    let env = TempEnv::with_page_size(PageSize::MIN);
    for round in 0..3_u32 {
        let mut txn = env.write()?;
        let plain = txn.create_table("plain", TableFlags::empty())?;
        let dups = txn.create_table("dups", TableFlags::DUP_SORT)?;
        for n in 0..100_u32 {
            txn.put(plain, &n.to_be_bytes(), &round.to_be_bytes())?;
            txn.put(dups, b"many", &n.to_be_bytes())?;
        }
        txn.put(Table::MAIN, b"large", &[7; 1000])?;
        txn.commit()?;
    }
    let txn = env.read()?;
    let (sizes, accounting, report) = (stat(&txn)?, account(&txn)?, check(&txn));
    assert_eq!(sizes.used_pages, accounting.used);
    assert_eq!(sizes.gc.pages, accounting.free);
    assert_eq!(sizes.gc.pages, report.free_pages);
    assert_eq!(sizes.gc.records, report.free_records);
    assert_eq!(sizes.allocated_pages, u64::from(report.allocated_pages));
    assert_eq!(sizes.file_len, env.info()?.file_len);
    assert_eq!(sizes.page_size, PageSize::MIN);

    let names: Vec<(&[u8], TableFlags)> = sizes
        .tables
        .iter()
        .map(|table| (&table.name[..], table.flags))
        .collect();
    let expected = [
        (&b"dups"[..], TableFlags::DUP_SORT),
        (&b"plain"[..], TableFlags::empty()),
    ];
    assert_eq!(names, expected);
    assert!(sizes.tables.iter().all(|table| table.stat.items == 100));
    assert_eq!((sizes.main.items, sizes.main.large_pages), (3, 4));
    assert!(sizes.main.last_change > Txnid(3));
    Ok(())
}
