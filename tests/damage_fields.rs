//! Every field of every kind of page, damaged in turn: an error or an answer, but never a panic, and never a call that
//! does not return. And what the check finds sound holds what it held before.
//!
//! `MDBX_SEED` sets the seed of the random values; `MDBX_DAMAGE_STEP` takes only every so many-th case.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

#[path = "common/anatomy.rs"]
mod anatomy;
mod common;

use std::fmt::Write as _;
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use anatomy::{Image, header, meta, node, record};
use common::{Rng, TempEnv, dump, number_from_env};
use mdbx_core::tools::account::account;
use mdbx_core::tools::check::check;
use mdbx_core::tools::copy::CopyOptions;
use mdbx_core::tools::stat::stat;
use mdbx_core::{Env, Error, Geometry, PageSize, ReadTxn, Result, Table, TableFlags, TableRef};

/// After this long without an end of a case, a call does not return any more.
const PATIENCE: Duration = Duration::from_mins(2);

/// The kinds of tables that the file has, as far as they can be created.
fn kinds() -> [(&'static str, TableFlags); 5] {
    let fixed = TableFlags::DUP_SORT | TableFlags::DUP_FIXED;
    [
        ("plain", TableFlags::empty()),
        ("dups", TableFlags::DUP_SORT),
        ("fixed", fixed),
        ("ints", TableFlags::INTEGER_KEY),
        ("intdups", fixed | TableFlags::INTEGER_DUP),
    ]
}

/// A file of pages of 256 bytes with every kind of page in it: in each tree branches and leaves, values on pages of
/// their own, sub-pages, nested trees with branches, and more records of free pages than one leaf holds.
fn sound_file() -> Result<Image> {
    let geometry = Geometry::default().page_size(PageSize::MIN);
    let env = TempEnv::with_geometry(geometry.lower(1 << 15).growth_step(1 << 12));
    let mut txn = env.write()?;
    for (name, flags) in kinds() {
        let table = match txn.create_table(name, flags) {
            Err(Error::Incompatible { .. }) => continue,
            created => created?,
        };
        for n in 0..40_u32 {
            let (key, value) = ((n * 7 % 40).to_le_bytes(), (n * n).to_le_bytes());
            txn.put(table, &key, &value)?;
            if flags.contains(TableFlags::DUP_SORT) {
                for more in 0..4 {
                    let value = (4 * n * n + more).to_le_bytes();
                    txn.put(table, &7_u32.to_le_bytes(), &value)?;
                }
                txn.put(table, &8_u32.to_le_bytes(), &[key[0] % 4, 0, 0, 0])?;
            }
        }
        if flags == TableFlags::empty() {
            txn.put(table, b"large", &[2; 600])?;
        }
    }
    txn.commit()?;
    let _pin = env.read()?; // so that no record of free pages is used
    for n in 0..8_u8 {
        env.put(Table::MAIN, &[n; 60], &[n; 30])?;
    }
    Ok(Image::read(env.path()))
}

/// A field: what it is, where it is in the file, and how many bytes it has.
#[derive(Debug)]
struct Field {
    what: String,
    at: usize,
    len: usize,
}

impl Field {
    /// Returns whether other items can be as sound as those of the file.
    ///
    /// - The length of a key or value: a pad byte can become the last one of it and the last one a pad byte, and pages of
    ///   a large value can be too many. Then nothing but the data itself is wrong.
    /// - The number of a meta: the snapshot before it is the newest then. To open it with another geometry is a commit,
    ///   which takes the number of the one that is lost.
    fn can_change_items(&self) -> bool {
        ["word", "ksize", "txnid_a", "txnid_b"]
            .iter()
            .any(|name| self.what.ends_with(name))
    }
}

/// The fields of a file.
struct Fields<'i> {
    image: &'i Image,
    fields: Vec<Field>,
}

impl Fields<'_> {
    /// Returns all fields of the metas, and those of some pages of every kind.
    fn of(image: &Image) -> Vec<Field> {
        let mut fields = Fields {
            image,
            fields: Vec::new(),
        };
        fields.add_metas();
        fields.add_tree("free pages", image.gc(), true);
        fields.add_tree("main", image.main(), false);
        for (name, flags) in kinds() {
            let is_there = |&leaf: &u32| {
                let nodes = image.nodes(leaf);
                nodes.iter().any(|&at| image.key(at) == name.as_bytes())
            };
            if image.leaves(image.main()).iter().any(is_there) {
                let has_dups = flags.contains(TableFlags::DUP_SORT);
                fields.add_table(name, image.table(name), has_dups);
            }
        }
        fields.fields
    }

    fn add(&mut self, what: &str, name: &str, at: usize, len: usize) {
        let what = format!("{what}: {name}");
        self.fields.push(Field { what, at, len });
    }

    fn add_all(&mut self, what: &str, start: usize, fields: &[(&str, usize, usize)]) {
        for &(name, at, len) in fields {
            self.add(what, name, start + at, len);
        }
    }

    fn add_metas(&mut self) {
        for number in 0..3 {
            let (what, at) = (&format!("meta {number}"), self.image.page(number));
            self.add_header(what, at);
            let fields = [
                ("magic", meta::MAGIC, 8),
                ("txnid_a", meta::TXNID_A, 8),
                ("grow and shrink", 40, 4),
                ("lower", meta::LOWER, 4),
                ("upper", meta::UPPER, 4),
                ("now", meta::NOW, 4),
                ("first_unallocated", meta::FIRST_UNALLOCATED, 4),
                ("canary", 156, 8),
                ("sign", meta::SIGN, 8),
                ("txnid_b", meta::TXNID_B, 8),
                ("pages_retired", 204, 8),
                ("boot_id", meta::BOOT_ID, 8),
                ("dxbid", 228, 8),
            ];
            self.add_all(what, at, &fields);
            self.add_record(&format!("{what}, free pages"), at + meta::GC);
            self.add_record(&format!("{what}, main"), at + meta::MAIN);
        }
    }

    fn add_header(&mut self, what: &str, at: usize) {
        let fields = [
            ("txnid", header::TXNID, 8),
            ("dupfix_ksize", header::DUPFIX_KSIZE, 2),
            ("flags", header::FLAGS, 2),
            ("lower", header::LOWER, 2),
            ("upper", header::UPPER, 2),
            ("lower and upper", header::LOWER, 4),
            ("pgno", header::PGNO, 4),
        ];
        self.add_all(&format!("{what}, header"), at, &fields);
    }

    fn add_record(&mut self, what: &str, at: usize) {
        let fields = [
            ("flags", record::FLAGS, 2),
            ("height", record::HEIGHT, 2),
            ("dupfix_size", record::DUPFIX_SIZE, 4),
            ("root", record::ROOT, 4),
            ("branch_pages", record::BRANCH_PAGES, 4),
            ("leaf_pages", record::LEAF_PAGES, 4),
            ("large_pages", record::LARGE_PAGES, 4),
            ("sequence", record::SEQUENCE, 8),
            ("items", record::ITEMS, 8),
            ("mod_txnid", record::MOD_TXNID, 8),
        ];
        self.add_all(&format!("{what}, record"), at, &fields);
    }

    fn add_table(&mut self, name: &str, tree: usize, has_dups: bool) {
        self.add_record(name, tree);
        self.add_tree(name, tree, false);
        if has_dups {
            let many = self
                .image
                .data(self.image.node_of(tree, &7_u32.to_le_bytes()));
            self.add_record(&format!("{name}, nested tree"), many);
            self.add_tree(&format!("{name}, nested tree"), many, false);
            let few = self
                .image
                .data(self.image.node_of(tree, &8_u32.to_le_bytes()));
            self.add_page(&format!("{name}, sub-page"), few);
        } else if name == "plain" {
            let large = self.image.data(self.image.node_of(tree, b"large"));
            self.add(name, "number of a large value", large, 4);
            let first = self.image.page(self.image.u32(large));
            self.add_header(&format!("{name}, large value"), first);
        }
    }

    /// Adds the root of a tree, and its first and last leaf.
    fn add_tree(&mut self, name: &str, tree: usize, has_lists: bool) {
        let (branches, leaves) = (self.image.branches(tree), self.image.leaves(tree));
        assert!(!branches.is_empty(), "{name} has branches");
        self.add_page(&format!("{name}, root"), self.image.page(branches[0]));
        for leaf in [leaves[0], leaves[leaves.len() - 1]] {
            let what = format!("{name}, leaf {leaf}");
            self.add_page(&what, self.image.page(leaf));
            if has_lists {
                let list = self.image.data(self.image.nodes(leaf)[0]);
                let fields = [("count", 0, 4), ("first page", 4, 4), ("second page", 8, 4)];
                self.add_all(&format!("{what}, list"), list, &fields);
            }
        }
    }

    /// Adds the header of a page, its first entries, and its nodes at both ends; of packed items, the first.
    fn add_page(&mut self, what: &str, at: usize) {
        self.add_header(what, at);
        self.add_all(what, at, &[("entry 0", 20, 2), ("entry 1", 22, 2)]);
        if self.image.u16(at + header::FLAGS) & 0x20 != 0 {
            return;
        }
        let nodes = self.image.nodes_at(at);
        for index in [0, nodes.len() / 2, nodes.len() - 1] {
            let fields = [
                ("word", node::WORD, 4),
                ("flags", node::FLAGS, 1),
                ("extra", node::EXTRA, 1),
                ("ksize", node::KSIZE, 2),
                ("flags to ksize", node::FLAGS, 4),
            ];
            self.add_all(&format!("{what}, node {index}"), nodes[index], &fields);
        }
    }
}

/// Returns the values to put into a field in place of `now`, as the number it is.
fn values(image: &Image, field: &Field, now: u64, rng: &mut Rng) -> Vec<u64> {
    let max = u64::MAX >> (64 - 8 * field.len);
    let mut values = vec![
        0,
        1,
        max,
        now.wrapping_add(1) & max,
        now.wrapping_sub(1) & max,
        now ^ (max ^ (max >> 1)),
        rng.next() & max,
    ];
    if field.len == 4 {
        // Pages: this one, the root of the main table, the first and the last.
        let this = (field.at / image.page_size) as u64;
        let root = u64::from(image.u32(image.main() + record::ROOT));
        values.extend([this, root, 3, u64::from(image.end()) - 1]);
    } else {
        values.extend([2, 4, now.wrapping_add(2), now.wrapping_sub(2)]);
    }
    values.retain(|&value| value != now && value <= max);
    values.sort_unstable();
    values.dedup();
    values
}

/// Reads what there is in a table, in several ways. The items are no more than the file has room for, unless a tree
/// leads to the same pages again and again; then reading stops.
fn read_table(table: &TableRef<'_>, most: usize) -> Result<()> {
    let mut keys: Vec<&[u8]> = Vec::new();
    for item in table.iter().take(most) {
        let (key, value) = item?;
        assert!(key.len() + value.len() <= most);
        keys.push(key);
    }
    for key in keys.iter().step_by(9) {
        table.get_with_count(key)?;
        table.contains_dup(key, &[0; 4])?;
        for value in table.dups(key)?.rev().take(most) {
            value?;
        }
    }
    let mut cursor = table.cursor();
    for key in keys.iter().rev().step_by(9) {
        cursor.seek(key)?;
        cursor.prev_key()?;
        cursor.next_dup()?;
        cursor.last_dup()?;
        cursor.seek_dup(key, &[0; 4])?;
    }
    for item in table.iter().rev().take(most) {
        item?;
    }
    Ok(())
}

/// Reads everything, and lets every tool look at it. Errors are as good as answers.
fn read_all(txn: &ReadTxn<'_>, most: usize) {
    let names = txn.tables().unwrap_or_default().into_iter();
    let named = names.map(|(name, _)| txn.open_table(&name));
    for table in named.chain([Ok(Table::MAIN)]) {
        let _ = table.and_then(|table| read_table(&txn.table(table)?, most));
    }
    let _ = (account(txn), stat(txn));
    for compact in [false, true] {
        let copy = CopyOptions::new().compact(compact);
        let _ = copy.to_writer(txn, std::io::sink());
    }
}

/// Changes every table a little, and then some of them as a whole. Errors are as good as answers.
fn write_all(env: &Env, case: usize) {
    let names = env.read().and_then(|txn| txn.tables()).unwrap_or_default();
    let written = env.write().and_then(|mut txn| {
        for (name, _) in &names {
            let _ = txn
                .open_table(name)
                .and_then(|table| change(&mut txn, table));
        }
        let _ = change(&mut txn, Table::MAIN);
        txn.commit()
    });
    let _ = written.and_then(|_| env.write()).and_then(|mut txn| {
        for (name, _) in names.iter().skip(case % 2).step_by(2) {
            let table = txn.open_table(name)?;
            let _ = if case.is_multiple_of(3) {
                txn.clear(table)
            } else {
                txn.drop_table(table)
            };
        }
        txn.commit()
    });
}

/// Deletes, replaces and adds items of a table.
fn change(txn: &mut mdbx_core::WriteTxn<'_>, table: Table) -> Result<()> {
    let items = txn.table(table)?.iter().take(60).step_by(8);
    let items: Vec<_> = items
        .map(|item| item.map(|(key, value)| (key.to_vec(), value.to_vec())))
        .collect::<Result<_>>()?;
    for (n, (key, value)) in items.iter().enumerate() {
        let _ = match n % 3 {
            0 => txn.delete(table, key).map(|_| ()),
            1 => txn.delete_dup(table, key, value).map(|_| ()),
            _ => txn.put(table, key, &[9; 4]),
        };
    }
    for key in [7, 8, 99_u32] {
        txn.put(table, &key.to_le_bytes(), &[key.to_le_bytes()[0]; 4])?;
    }
    Ok(())
}

/// Returns the items of all tables, without what the records say of them.
fn items(txn: &ReadTxn<'_>) -> String {
    let dump = dump(txn).unwrap();
    let lines = dump.lines().filter(|line| !line.starts_with('['));
    lines.fold(String::new(), |mut items, line| {
        writeln!(items, "{line}").unwrap();
        items
    })
}

/// Does to a file whatever can be done to it; tells whether it could be opened. If the check finds nothing in the
/// snapshot `newest`, it holds what is
/// `expected`.
fn exercise(bytes: &[u8], path: &Path, case: usize, newest: u64, expected: Option<&str>) -> bool {
    std::fs::write(path, bytes).unwrap();
    let geometry = Geometry::default().upper(1 << 24);
    let Ok(env) = Env::options().create(false).geometry(geometry).open(path) else {
        return false;
    };
    let most = 4 * bytes.len();
    if let Ok(txn) = env.read() {
        let report = check(&txn);
        if report.is_sound()
            && txn.id().0 == newest
            && let Some(expected) = expected
        {
            assert!(items(&txn) == expected, "sound, but with other items");
        }
        let _ = mdbx_core::tools::dump::dump(&txn, &mut std::io::sink());
        read_all(&txn, most);
    }
    write_all(&env, case);
    if let Ok(txn) = env.read() {
        let _ = (check(&txn), stat(&txn));
        read_all(&txn, most);
    }
    true
}

/// What is done to a file: `value` is put into a field.
struct Case<'f> {
    name: String,
    field: &'f Field,
    value: u64,
}

impl Case<'_> {
    fn damage(&self, sound: &Image) -> Vec<u8> {
        let mut bytes = sound.bytes.clone();
        let Field { at, len, .. } = *self.field;
        bytes[at..at + len].copy_from_slice(&self.value.to_le_bytes()[..len]);
        bytes
    }
}

/// Runs all cases, on all processors; ends the process if one of them does not return. Returns how many files could be
/// opened.
///
/// # Panics
///
/// If a case does, after the last one.
fn run(sound: &Image, cases: &[Case<'_>]) -> usize {
    let (next, opened) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let newest = sound.u64(sound.head() + meta::TXNID_A);
    let expected = items_of(sound);
    let running: Mutex<Vec<&str>> = Mutex::default();
    let panicked: Mutex<Vec<&str>> = Mutex::default();
    let (ended, ends) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, Into::into) {
            let ended = ended.clone();
            scope.spawn(|| {
                let ended = ended;
                let directory = tempfile::tempdir().unwrap();
                let path = directory.path().join("test.mdbx");
                while let Some((number, case)) = take(&next, cases) {
                    let name = &case.name[..];
                    running.lock().unwrap().push(name);
                    let expected = (!case.field.can_change_items()).then_some(&expected[..]);
                    let result = catch_unwind(|| {
                        exercise(&case.damage(sound), &path, number, newest, expected)
                    });
                    match result {
                        Ok(was_opened) => {
                            opened.fetch_add(usize::from(was_opened), Ordering::Relaxed);
                        }
                        Err(_) => panicked.lock().unwrap().push(name),
                    }
                    running.lock().unwrap().retain(|&other| other != name);
                    ended.send(()).unwrap();
                }
            });
        }
        drop(ended);
        loop {
            match ends.recv_timeout(PATIENCE) {
                Ok(()) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    eprintln!("one of these does not return: {:?}", running.lock());
                    std::process::abort();
                }
            }
        }
    });
    let panicked = panicked.into_inner().unwrap();
    assert!(
        panicked.is_empty(),
        "{} cases: {panicked:#?}",
        panicked.len()
    );
    opened.into_inner()
}

fn take<'c, 'f>(next: &AtomicUsize, cases: &'c [Case<'f>]) -> Option<(usize, &'c Case<'f>)> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    cases.get(number).map(|case| (number, case))
}

fn items_of(sound: &Image) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.mdbx");
    std::fs::write(&path, &sound.bytes).unwrap();
    let env = Env::options().create(false).open(&path).unwrap();
    items(&env.read().unwrap())
}

#[test]
fn a_damaged_field_gives_an_error_or_an_answer() -> Result<()> {
    let sound = sound_file()?;
    let fields = Fields::of(&sound);
    let mut rng = Rng::new(4000);
    let mut cases = Vec::new();
    for field in &fields {
        let mut now = [0; 8];
        now[..field.len].copy_from_slice(&sound.bytes[field.at..field.at + field.len]);
        let values = values(&sound, field, u64::from_le_bytes(now), &mut rng);
        cases.extend(values.into_iter().map(|value| Case {
            name: format!("{} = {value:#x}", field.what),
            field,
            value,
        }));
    }
    // Without optimisation every case takes long, so that only some of them are tried.
    let default = if cfg!(debug_assertions) { 23 } else { 1 };
    let step = usize::try_from(number_from_env("MDBX_DAMAGE_STEP", default)).unwrap();
    let cases: Vec<Case<'_>> = cases.into_iter().step_by(step).collect();
    let opened = run(&sound, &cases);
    println!(
        "{} fields, {} cases, {opened} of them could be opened",
        fields.len(),
        cases.len()
    );
    assert!(
        2 * opened > cases.len(),
        "most files can be opened, or nothing is tested: {opened} of {}",
        cases.len()
    );
    Ok(())
}
