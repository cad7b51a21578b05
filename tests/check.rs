//! The check finds each kind of damage, and says where it is; in sound files it finds nothing.
//!
//! Each test plants damage into a small sound file, at the places the format document gives. The rules are those that
//! the document lists under "What `mdbx_chk` verifies".

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

#[path = "common/anatomy.rs"]
mod anatomy;
mod common;

use std::path::Path;

use anatomy::{Image, header, meta, node, record};
use common::TempEnv;
use mdbx_core::tools::check::{Report, check};
use mdbx_core::{Env, Geometry, PageSize, ReadTxn, Result, Table, TableFlags};

/// A file of pages of 256 bytes with everything in it: branches, a large value, a sub-page, a nested tree of two
/// levels, several records of free pages; and tables that the last commits did not change.
fn sound_file() -> Image {
    let env = TempEnv::with_page_size(PageSize::MIN);
    fill(&env).unwrap();
    let image = Image::read(env.path());
    assert!(report_on(&image).is_sound());
    image
}

fn fill(env: &Env) -> Result<()> {
    let mut txn = env.write()?;
    let plain = txn.create_table("plain", TableFlags::empty())?;
    for n in 0..80_u32 {
        txn.put(plain, &n.to_be_bytes(), b"value")?;
    }
    txn.put(plain, &[b'k'; 80], b"long key")?;
    txn.put(plain, b"large", &[7; 700])?;
    txn.put(plain, b"record", &[0; record::LEN])?;
    let dups = txn.create_table("dups", TableFlags::DUP_SORT)?;
    for n in 0..60_u32 {
        txn.put(dups, b"many", &n.to_be_bytes())?;
    }
    for value in [b"one", b"two", b"six"] {
        txn.put(dups, b"few", value)?;
    }
    txn.create_table("empty", TableFlags::empty())?;
    txn.commit()?;
    let _pin = env.read()?; // so that no record of free pages is used
    for n in 0..3_u8 {
        let mut txn = env.write()?;
        txn.put(Table::MAIN, b"item", &[n; 20])?;
        let changed = txn.create_table("changed", TableFlags::empty())?;
        txn.put(changed, &[n], b"value")?;
        txn.commit()?;
    }
    Ok(())
}

/// Writes the image to a file and checks that.
fn report_on(image: &Image) -> Report {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    std::fs::write(&path, &image.bytes).unwrap();
    let geometry = Geometry::default().upper(1 << 24);
    let options = Env::options().create(false).geometry(geometry);
    let env = options.open(&path).unwrap();
    let txn = env.read().unwrap();
    check(&txn)
}

/// Where a finding is and what it says in part.
type Expected<'e> = (Option<u32>, Option<&'e str>, &'e str);

fn assert_reports(report: &Report, rule: &str, (page, table, says): Expected<'_>) {
    let found = report.findings.iter().any(|finding| {
        finding.page.map(|page| page.0) == page
            && finding.table.as_deref() == table
            && finding.expected.contains(says)
    });
    assert!(
        found,
        "{rule}: expected `{says}` in {table:?}, page {page:?}:\n{report}"
    );
}

/// Asserts that the check finds what `plant` does to a copy of `sound`.
fn assert_finds(sound: &Image, rule: &str, expected: Expected<'_>, plant: impl FnOnce(&mut Image)) {
    let mut image = sound.clone();
    plant(&mut image);
    assert!(image.bytes != sound.bytes, "{rule}: nothing was damaged");
    assert_reports(&report_on(&image), rule, expected);
}

#[test]
fn nothing_is_found_in_sound_files() -> Result<()> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut checked = 0;
    for entry in std::fs::read_dir(golden).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "mdbx")
        {
            let report = check(&TempEnv::copy_of(&path)?.read()?);
            assert!(report.is_sound(), "{}: {report}", path.display());
            checked += 1;
        }
    }
    assert!(checked >= 19);
    Ok(())
}

#[test]
fn a_page_header_that_is_damaged_is_found() {
    let sound = sound_file();
    let leaf = sound.leaves(sound.table("plain"))[1];
    let at = sound.page(leaf);
    let upper = sound.u16(at + header::UPPER);
    let finds = |rule, says, field, value: u16| {
        assert_finds(&sound, rule, (Some(leaf), Some("plain"), says), |image| {
            image.put_u16(at + field, value);
        });
    };
    finds("own number", "carries the number 77", header::PGNO, 77);
    finds("kind", "flags are 0x0004", header::FLAGS, 4);
    finds("unknown bits", "flags are 0x0402", header::FLAGS, 0x402);
    finds("legacy dirty bit", "flags are 0x0012", header::FLAGS, 0x12);
    finds("lower is odd", "bounds are lower 3", header::LOWER, 3);
    finds("lower below upper", "bounds are", header::LOWER, upper + 2);
    finds("upper in the page", "upper 238", header::UPPER, 238);
    finds("entries", "holds 0 entries", header::LOWER, 0);
    finds("hole in the heap", "well-formed", header::UPPER, upper - 2);
    finds("later than all", "transaction 999", header::TXNID, 999);
    let newest = sound.u16(sound.head() + meta::TXNID_A);
    finds(
        "later than above",
        "what leads to it is of",
        header::TXNID,
        newest,
    );
}

#[test]
fn a_branch_page_that_is_damaged_is_found() {
    let sound = sound_file();
    let root = sound.branches(sound.table("plain"))[0];
    let nodes = sound.nodes(root);
    let children: Vec<u32> = nodes.iter().map(|&at| sound.u32(at)).collect();
    let finds = |rule, page, says, plant: &dyn Fn(&mut Image)| {
        assert_finds(&sound, rule, (Some(page), Some("plain"), says), plant);
    };
    finds("one entry", root, "holds 1 entries", &|image| {
        image.put_u16(image.page(root) + header::LOWER, 2);
    });
    finds("a key in entry 0", root, "well-formed", &|image| {
        image.put_u16(nodes[0] + node::KSIZE, 2);
    });
    finds("node flags", root, "node 1 is malformed", &|image| {
        image.bytes[nodes[1] + node::FLAGS] = 1;
    });
    finds("child range", sound.end(), "must be below", &|image| {
        image.put_u32(nodes[1], image.end());
    });
    finds("child is a meta", 2, "must be below", &|image| {
        image.put_u32(nodes[1], 2);
    });
    finds("used twice", children[0], "must be used once", &|image| {
        image.put_u32(nodes[1], children[0]);
    });
    finds("loop", root, "must be used once", &|image| {
        image.put_u32(nodes[1], root);
    });
    finds("order of separators", root, "keys must ascend", &|image| {
        let entries = image.page(root) + header::LEN;
        let (one, two) = (image.u16(entries + 2), image.u16(entries + 4));
        image.put_u16(entries + 2, two);
        image.put_u16(entries + 4, one);
    });
    finds(
        "separators bound their pages",
        children[1],
        "between its separators",
        &|image| {
            let last = image.data(nodes[1]) - 1;
            image.bytes[last] += 1;
        },
    );
}

#[test]
fn a_leaf_that_is_damaged_is_found() {
    let sound = sound_file();
    let plain = sound.table("plain");
    let leaf = sound.leaves(plain)[1];
    let nodes = sound.nodes(leaf);
    let finds = |rule, page, says, plant: &dyn Fn(&mut Image)| {
        assert_finds(&sound, rule, (Some(page), Some("plain"), says), plant);
    };
    finds("node flags", leaf, "node 1 is malformed", &|image| {
        image.bytes[nodes[1] + node::FLAGS] = 8;
    });
    finds("node in bounds", leaf, "well-formed", &|image| {
        image.put_u32(nodes[1] + node::WORD, 5000);
    });
    finds("order of keys", leaf, "keys must ascend", &|image| {
        let entries = image.page(leaf) + header::LEN;
        let (one, two) = (image.u16(entries), image.u16(entries + 2));
        image.put_u16(entries, two);
        image.put_u16(entries + 2, one);
    });
    finds("equal keys", leaf, "keys must ascend", &|image| {
        let key = image.key(nodes[0]).to_vec();
        image.put(nodes[1] + node::KEY, &key);
    });
    let (page, index) = sound.find(plain, b"record");
    let at = sound.nodes(page)[index];
    finds(
        "a table in a named table",
        page,
        "must not hold such a value",
        &|image| {
            image.bytes[at + node::FLAGS] = 2;
        },
    );
    finds(
        "duplicates in a plain table",
        page,
        "must not hold such a value",
        &|image| {
            image.bytes[at + node::FLAGS] = 6;
        },
    );
    let (page, _) = sound.find(plain, &[b'k'; 80]);
    finds(
        "length of a key",
        page,
        "exceed 60 bytes, but one has 80",
        &|image| {
            image.put_u16(plain + record::FLAGS, 4);
        },
    );
}

#[test]
fn a_large_value_that_is_damaged_is_found() {
    let sound = sound_file();
    let plain = sound.table("plain");
    let (leaf, index) = sound.find(plain, b"large");
    let at = sound.nodes(leaf)[index];
    let first = sound.u32(sound.data(at));
    let head = sound.page(first);
    let finds = |rule, says, plant: &dyn Fn(&mut Image)| {
        assert_finds(&sound, rule, (Some(first), Some("plain"), says), plant);
    };
    finds("kind", "flags are 0x0002", &|image| {
        image.put_u16(head + header::FLAGS, 2);
    });
    finds("own number", "carries the number 9999", &|image| {
        image.put_u32(head + header::PGNO, 9999);
    });
    finds("no pages", "a large value must start here", &|image| {
        image.put_u32(head + header::LARGE_PAGES, 0);
    });
    finds(
        "too few pages",
        "its 2 pages must hold the whole value",
        &|image| {
            image.put_u32(head + header::LARGE_PAGES, 2);
        },
    );
    finds(
        "beyond the end",
        "a large value must start here",
        &|image| {
            image.put_u32(head + header::LARGE_PAGES, 9999);
        },
    );
    finds("longer than its pages", "hold the whole value", &|image| {
        image.put_u32(at + node::WORD, 5000);
    });
    finds("later than the leaf", "what leads to it is of", &|image| {
        image.put_u64(head, image.u64(image.head() + meta::TXNID_A));
    });
    let other = sound.leaves(plain)[0];
    let expected = (Some(other), Some("plain"), "a large value must start here");
    assert_finds(&sound, "number", expected, |image| {
        image.put_u32(image.data(at), other);
    });
}

#[test]
fn a_sub_page_that_is_damaged_is_found() {
    let sound = sound_file();
    let dups = sound.table("dups");
    let (leaf, index) = sound.find(dups, b"few");
    let at = sound.nodes(leaf)[index];
    let sub_page = sound.data(at);
    let nodes = sound.nodes_at(sub_page);
    assert_eq!((sound.bytes[at + node::FLAGS], nodes.len()), (4, 3));
    let finds = |rule, says, plant: &dyn Fn(&mut Image)| {
        assert_finds(&sound, rule, (Some(leaf), Some("dups"), says), plant);
    };
    finds("flags", "malformed", &|image| {
        image.put_u16(sub_page + header::FLAGS, 2);
    });
    finds("bounds", "malformed", &|image| {
        image.put_u16(sub_page + header::LOWER, 999);
    });
    finds("too little room", "malformed", &|image| {
        let upper = image.u16(sub_page + header::UPPER);
        image.put_u16(sub_page + header::UPPER, upper - 2);
    });
    finds("size", "must be well-formed", &|image| {
        let size = image.u32(at + node::WORD);
        image.put_u32(at + node::WORD, size - 1);
    });
    finds(
        "flags of a value",
        "values of a key must be well-formed",
        &|image| {
            image.bytes[nodes[1] + node::FLAGS] = 4;
        },
    );
    finds(
        "data of a value",
        "values of a key must be well-formed",
        &|image| {
            image.put_u16(nodes[1] + node::KSIZE, 1);
            image.put_u32(nodes[1] + node::WORD, 2);
        },
    );
    finds("order of values", "values of a key must ascend", &|image| {
        image.put(nodes[1] + node::KEY, b"zzz");
    });
    finds("equal values", "values of a key must ascend", &|image| {
        image.put(nodes[1] + node::KEY, b"one");
    });
}

#[test]
fn a_nested_tree_that_is_damaged_is_found() {
    let sound = sound_file();
    let (leaf, index) = sound.find(sound.table("dups"), b"many");
    let nested = sound.data(sound.nodes(leaf)[index]);
    let (root, pages) = (sound.branches(nested)[0], sound.leaves(nested));
    let finds = |rule, page, says, plant: &dyn Fn(&mut Image)| {
        assert_finds(&sound, rule, (page, Some("dups"), says), plant);
    };
    finds("flags", Some(leaf), "a nested tree must have", &|image| {
        image.put_u16(nested + record::FLAGS, 4);
    });
    finds("empty", Some(leaf), "a nested tree must have", &|image| {
        image.put_u32(nested + record::ROOT, u32::MAX);
    });
    finds(
        "too high",
        Some(pages[0]),
        "at its level it must be",
        &|image| {
            image.put_u16(nested + record::HEIGHT, 3);
        },
    );
    finds("too low", Some(root), "at its level it must be", &|image| {
        image.put_u16(nested + record::HEIGHT, 1);
    });
    finds(
        "later than its leaf",
        Some(leaf),
        "as old as its record",
        &|image| {
            image.put_u64(nested + record::MOD_TXNID, 999);
        },
    );
    finds("items", None, "its record must count", &|image| {
        image.put_u64(nested + record::ITEMS, 61);
    });
    finds(
        "order of values",
        Some(pages[1]),
        "keys must ascend",
        &|image| {
            let at = image.nodes(pages[1])[1];
            image.put(at + node::KEY, &[0; 4]);
        },
    );
    finds(
        "data of a value",
        Some(pages[1]),
        "must not hold such a value",
        &|image| {
            let at = image.nodes(pages[1])[1];
            image.put_u16(at + node::KSIZE, 2);
            image.put_u32(at + node::WORD, 2);
        },
    );
}

#[test]
fn counters_that_are_wrong_are_found() {
    let sound = sound_file();
    let trees = [
        ("free pages", sound.gc()),
        ("main", sound.main()),
        ("plain", sound.table("plain")),
        ("dups", sound.table("dups")),
    ];
    for (table, at) in trees {
        for field in [
            record::BRANCH_PAGES,
            record::LEAF_PAGES,
            record::LARGE_PAGES,
            record::ITEMS,
        ] {
            let expected = (None, Some(table), "its record must count");
            assert_finds(&sound, "counter", expected, |image| {
                image.put_u32(at + field, image.u32(at + field) + 1);
            });
        }
    }
}

#[test]
fn a_table_record_that_is_damaged_is_found() {
    let sound = sound_file();
    let plain = sound.table("plain");
    let (leaf, index) = sound.find(sound.main(), b"plain");
    let at = sound.nodes(leaf)[index];
    let finds = |rule, page, table, says, plant: &dyn Fn(&mut Image)| {
        assert_finds(&sound, rule, (page, Some(table), says), plant);
    };
    finds(
        "flags",
        None,
        "plain",
        "have the flags of a table",
        &|image| {
            image.put_u16(plain + record::FLAGS, 0x50);
        },
    );
    finds("length", Some(leaf), "main", "malformed", &|image| {
        image.put_u16(at + node::KSIZE, 6);
        image.put_u32(at + node::WORD, 47);
    });
    finds(
        "falsely empty",
        None,
        "plain",
        "describe a tree",
        &|image| {
            image.put_u32(plain + record::ROOT, u32::MAX);
        },
    );
    finds("root", None, "plain", "describe a tree", &|image| {
        image.put_u32(plain + record::ROOT, image.end());
    });
    finds("height", None, "plain", "describe a tree", &|image| {
        image.put_u16(plain + record::HEIGHT, 43);
    });
    finds(
        "later than its leaf",
        Some(leaf),
        "plain",
        "as old as its record",
        &|image| {
            image.put_u64(plain + record::MOD_TXNID, 999);
        },
    );
    let root = Some(sound.u32(plain + record::ROOT));
    finds(
        "root later",
        root,
        "plain",
        "what leads to it is of",
        &|image| {
            image.put_u64(plain + record::MOD_TXNID, 1);
        },
    );
    let main = sound.main();
    let root = Some(sound.u32(main + record::ROOT));
    finds(
        "main root as old as its record",
        root,
        "main",
        "as old as its record",
        &|image| {
            image.put_u64(main + record::MOD_TXNID, 1);
        },
    );
    let gc = sound.gc();
    let root = Some(sound.u32(gc + record::ROOT));
    finds(
        "root of free pages",
        root,
        "free pages",
        "as old as its record",
        &|image| {
            image.put_u64(gc + record::MOD_TXNID, 1);
        },
    );
}

#[test]
fn a_record_of_free_pages_that_is_damaged_is_found() {
    let sound = sound_file();
    let leaf = sound.leaves(sound.gc())[0];
    let nodes = sound.nodes(leaf);
    assert!(nodes.len() > 1);
    let count_of = |node: usize| sound.u32(sound.data(node));
    let at = nodes
        .iter()
        .copied()
        .max_by_key(|&node| count_of(node))
        .unwrap();
    let list = sound.data(at);
    let count = sound.u32(list);
    let last = list + 4 * count as usize;
    assert!(count > 2);
    let finds = |rule, page, says, plant: &dyn Fn(&mut Image)| {
        assert_finds(&sound, rule, (page, Some("free pages"), says), plant);
    };
    let in_leaf = Some(leaf);
    finds("length of the key", in_leaf, "must be integers", &|image| {
        image.put_u16(at + node::KSIZE, 4);
        image.put_u32(at + node::WORD, image.u32(at + node::WORD) + 4);
    });
    finds("no transaction", in_leaf, "but is of 0", &|image| {
        image.put_u64(at + node::KEY, 0);
    });
    finds(
        "later than the snapshot",
        in_leaf,
        "but is of 999",
        &|image| {
            image.put_u64(nodes[nodes.len() - 1] + node::KEY, 999);
        },
    );
    finds("count", in_leaf, "must be sound", &|image| {
        image.put_u32(list, 999);
    });
    finds("length of the list", in_leaf, "must be sound", &|image| {
        image.put_u16(at + node::KSIZE, 7);
        image.put_u32(at + node::WORD, image.u32(at + node::WORD) + 1);
    });
    finds("order", in_leaf, "must be sound", &|image| {
        let (first, second) = (image.u32(list + 4), image.u32(list + 8));
        image.put_u32(list + 4, second);
        image.put_u32(list + 8, first);
    });
    finds("a meta", in_leaf, "must be sound", &|image| {
        image.put_u32(last, 2);
    });
    finds("not allocated", in_leaf, "must be sound", &|image| {
        image.put_u32(list + 4, image.end());
    });
    let another = nodes.iter().find(|&&node| node != at).unwrap();
    let free = sound.u32(sound.data(*another) + 4);
    finds(
        "listed twice",
        Some(free),
        "is listed as free and also listed as free",
        &|image| {
            image.put_u32(list, 1);
            image.put_u32(list + 4, free);
        },
    );
    let used = sound.leaves(sound.table("plain"))[0];
    let expected = (
        Some(used),
        Some("plain"),
        "is listed as free and also a page of a tree",
    );
    assert_finds(&sound, "listed and used", expected, |image| {
        image.put_u32(list, 1);
        image.put_u32(list + 4, used);
    });
    finds("alignment", in_leaf, "aligned to 4 bytes", &|image| {
        let (page, lowest) = (image.page(leaf), *nodes.iter().min().unwrap());
        let entry = nodes.iter().position(|&node| node == lowest).unwrap();
        let end = nodes.iter().copied().filter(|&node| node > lowest).min();
        let end = end.unwrap_or(page + image.page_size);
        image.bytes.copy_within(lowest..end, lowest - 2);
        let entry = page + header::LEN + 2 * entry;
        image.put_u16(entry, image.u16(entry) - 2);
        image.put_u16(page + header::UPPER, image.u16(page + header::UPPER) - 2);
    });
}

#[test]
fn pages_that_are_lost_are_found() {
    let sound = sound_file();
    let leaf = sound.leaves(sound.gc())[0];
    let list = sound.data(sound.nodes(leaf)[0]);
    let count = sound.u32(list);
    let lost = sound.u32(list + 4 * count as usize);
    let expected = (Some(lost), None, "must be used or listed as free");
    assert_finds(&sound, "one page", expected, |image| {
        image.put_u32(list, count - 1);
    });
    let expected = (
        Some(sound.end()),
        None,
        "it and the 2 pages after it must be used or listed as free",
    );
    assert_finds(&sound, "several pages", expected, |image| {
        image.put_u32(image.head() + meta::FIRST_UNALLOCATED, image.end() + 3);
    });
}

/// Asserts that the check finds what `plant` does to the file while it is open: such a file could not be opened.
fn assert_finds_in_open_file(rule: &str, expected: Expected<'_>, plant: impl FnOnce(&mut Image)) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    let sound = sound_file();
    std::fs::write(&path, &sound.bytes).unwrap();
    let env = Env::options().create(false).open(&path).unwrap();
    let txn: ReadTxn<'_> = env.read().unwrap();
    assert!(check(&txn).is_sound());
    let mut image = sound.clone();
    plant(&mut image);
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    let changed = image.bytes.len().min(3 * image.page_size);
    std::os::unix::fs::FileExt::write_all_at(&file, &image.bytes[..changed], 0).unwrap();
    file.set_len(image.bytes.len() as u64).unwrap();
    assert_reports(&check(&txn), rule, expected);
}

#[test]
fn metas_that_are_damaged_are_found() {
    let sound = sound_file();
    let (number, head) = (sound.newest_meta(), sound.head());
    let other = (number + 1) % 3;
    let magic = sound.page(other) + meta::MAGIC;
    let finds = |rule, page, says, plant: &dyn Fn(&mut Image)| {
        assert_finds_in_open_file(rule, (page, None, says), plant);
    };
    finds("number", Some(other), "must have the number", &|image| {
        image.put_u32(image.page(other) + header::PGNO, 7);
    });
    finds("kind", Some(other), "must have the number", &|image| {
        image.put_u16(image.page(other) + header::FLAGS, 2);
    });
    finds("magic", Some(other), "meta of this format", &|image| {
        image.bytes[magic + 3] ^= 1;
    });
    finds("version", Some(other), "meta of this format", &|image| {
        image.bytes[magic] = 2;
    });
    finds(
        "page size",
        Some(other),
        "its page size must be 256, but is 512",
        &|image| {
            image.put_u32(image.page(other) + meta::PAGE_SIZE, 512);
        },
    );
    finds(
        "equal numbers",
        None,
        "not be of the same transaction",
        &|image| {
            let txnid = image.u64(head + meta::TXNID_A);
            image.put_u64(image.page(other) + meta::TXNID_A, txnid);
            image.put_u64(image.page(other) + meta::TXNID_B, txnid);
        },
    );
    finds(
        "newest",
        Some((number + 2) % 3),
        "must not be older than",
        &|image| {
            image.put_u64(head + meta::TXNID_A, 0);
        },
    );
    finds("weak", Some(number), "must be known durable", &|image| {
        image.put_u64(head + meta::SIGN, 1);
        image.put(head + meta::BOOT_ID, &[0; 16]);
    });
    finds("sign", Some(number), "its sign is unknown", &|image| {
        image.put_u64(head + meta::SIGN, 2);
    });
    finds("bounds", Some(other), "bounds of its geometry", &|image| {
        image.put_u32(image.page(other) + meta::LOWER, 2);
    });
    finds(
        "upper bound",
        Some(number),
        "bounds of its geometry",
        &|image| {
            image.put_u32(head + meta::UPPER, 3);
        },
    );
    finds(
        "pages in use",
        Some(number),
        "the file is too short",
        &|image| {
            image.put_u32(head + meta::FIRST_UNALLOCATED, 1 << 20);
        },
    );
    finds(
        "flags of free pages",
        Some(number),
        "flags of the table of free pages",
        &|image| {
            image.put_u16(head + meta::GC, 0);
        },
    );
    finds(
        "flags of the main table",
        Some(number),
        "flags of the main table",
        &|image| {
            image.put_u16(head + meta::MAIN, 0x10);
        },
    );
    finds("root", Some(number), "a tree record in it", &|image| {
        image.put_u32(head + meta::MAIN + record::ROOT, 1);
    });
    finds(
        "later tree",
        Some(number),
        "changed by a later transaction",
        &|image| {
            image.put_u64(head + meta::MAIN + record::MOD_TXNID, 999);
        },
    );
}

#[test]
fn a_file_of_a_wrong_length_is_found() {
    let finds = |rule, says, plant: &dyn Fn(&mut Image)| {
        assert_finds_in_open_file(rule, (None, None, says), plant);
    };
    finds("too short", "the file must have", &|image| {
        let end = image.page(image.end());
        image.bytes.truncate(end - 1);
    });
    finds("a part of a page", "must be a multiple of 4096", &|image| {
        image.bytes.push(0);
    });
}

#[test]
fn metas_that_a_stopped_machine_leaves_are_not_damage() {
    let sound = sound_file();
    let other = sound.page((sound.newest_meta() + 1) % 3);
    for (a, b) in [(0, 0), (999, 998), (999, 0)] {
        let mut image = sound.clone();
        image.put_u64(other + meta::TXNID_A, a);
        image.put_u64(other + meta::TXNID_B, b);
        let report = report_on(&image);
        assert!(report.is_sound(), "{report}");
    }
}
