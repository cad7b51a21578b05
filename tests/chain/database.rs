//! The chain in a database: making the next commit, and proving a snapshot.

use std::borrow::Cow;
use std::collections::HashMap;

use mdbx_core::{
    Env, EnvOptions, Geometry, PageSize, ReadTxn, Result, Table, TableFlags, TableMut, TableRef,
    Txnid, WriteTxn,
};

use crate::chain::change::{Change, KINDS, Kind, changes};
use crate::chain::content::Content;
use crate::chain::link::{Link, item_digest};
use crate::common::Rng;

/// The table of links.
const LINKS: &str = "links";

/// What all who use one database have to agree on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// What the changes depend on.
    pub(crate) seed: u64,
    /// How many links are kept.
    pub(crate) window: u64,
    pub(crate) page_size: PageSize,
}

/// The handles of the tables.
#[derive(Clone, Copy)]
pub(crate) struct Tables {
    links: Table,
    kinds: [Table; KINDS.len()],
}

/// What a snapshot has proved.
pub(crate) struct Proof {
    /// The links that are kept, oldest first.
    pub(crate) links: Vec<Link>,
    /// The last of them; that of number 0 if there is none.
    pub(crate) last: Link,
}

impl Plan {
    /// Returns options to open the database with, so that its file grows and shrinks now and then.
    pub(crate) fn options(&self) -> EnvOptions {
        Env::options().geometry(
            Geometry::default()
                .page_size(self.page_size)
                .upper(1 << 26)
                .growth_step(1 << 16)
                .shrink_threshold(1 << 17),
        )
    }
}

impl Kind {
    /// Turns a key from the form it has in the model to that in the file, or back.
    fn key<'a>(&self, key: &'a [u8]) -> Cow<'a, [u8]> {
        turned(key, self.has(TableFlags::INTEGER_KEY))
    }

    /// Turns a value likewise.
    fn value<'a>(&self, value: &'a [u8]) -> Cow<'a, [u8]> {
        turned(value, self.has(TableFlags::INTEGER_DUP))
    }
}

fn turned(bytes: &[u8], is_integer: bool) -> Cow<'_, [u8]> {
    if is_integer {
        Cow::Owned(bytes.iter().rev().copied().collect())
    } else {
        Cow::Borrowed(bytes)
    }
}

impl Tables {
    /// Creates those tables that are not there.
    pub(crate) fn create(env: &Env) -> Result<Tables> {
        if let Ok(tables) = Tables::open(&env.read()?) {
            return Ok(tables);
        }
        let mut txn = env.write()?;
        let tables = Tables {
            links: txn.create_table(LINKS, TableFlags::INTEGER_KEY)?,
            kinds: make(|kind| txn.create_table(kind.name, kind.flags()))?,
        };
        txn.commit()?;
        Ok(tables)
    }

    /// Opens the tables.
    pub(crate) fn open(txn: &ReadTxn<'_>) -> Result<Tables> {
        Ok(Tables {
            links: txn.open_table(LINKS)?,
            kinds: make(|kind| txn.open_table(kind.name))?,
        })
    }
}

fn make(mut one: impl FnMut(&Kind) -> Result<Table>) -> Result<[Table; KINDS.len()]> {
    let mut tables = [Table::MAIN; KINDS.len()];
    for (table, kind) in tables.iter_mut().zip(&KINDS) {
        *table = one(kind)?;
    }
    Ok(tables)
}

/// Makes the changes of the next commit, by `writer`, whose commit number `count` it is. Returns the link.
pub(crate) fn change_next(
    txn: &mut WriteTxn<'_>,
    tables: &Tables,
    plan: &Plan,
    (writer, count): (u64, u64),
) -> Result<Link> {
    let last = last_link(&txn.table(tables.links)?)?;
    let number = last.number + 1;
    let mut sum = last.sum;
    for change in changes(plan.seed, number) {
        sum = apply(txn, tables, &change, sum)?;
    }
    let link = Link {
        number,
        writer,
        count,
        sum,
        previous: last.digest(),
    };
    let mut links = txn.table_mut(tables.links)?;
    links.insert(&number.to_le_bytes(), &link.to_bytes())?;
    if let Some(oldest) = number.checked_sub(plan.window) {
        links.delete(&oldest.to_le_bytes())?;
    }
    txn.set_canary([number, sum, link.digest()])?;
    Ok(link)
}

/// Makes the next commit.
pub(crate) fn commit_next(
    env: &Env,
    tables: &Tables,
    plan: &Plan,
    who: (u64, u64),
) -> Result<(Link, Txnid)> {
    let mut txn = env.write()?;
    let link = change_next(&mut txn, tables, plan, who)?;
    Ok((link, txn.commit()?))
}

/// Makes one change. Returns the sum of all contents after it, given that before.
fn apply(txn: &mut WriteTxn<'_>, tables: &Tables, change: &Change, sum: u64) -> Result<u64> {
    let (&Change::Put(table, ..)
    | &Change::Delete(table, ..)
    | &Change::DeletePair(table, ..)
    | &Change::DeleteRange(table, ..)
    | &Change::Clear(table)) = change;
    let kind = &KINDS[table];
    let digest = |key: &[u8], value: &[u8]| item_digest(table, key, value);
    let mut table = txn.table_mut(tables.kinds[table])?;
    Ok(match change {
        Change::Put(_, key, value) => {
            let lost = if kind.has_dups() {
                let is_there = table
                    .as_ref()
                    .contains_dup(&kind.key(key), &kind.value(value))?;
                if is_there { digest(key, value) } else { 0 }
            } else {
                sum_of_key(&table, kind, key, digest)?
            };
            table.put(&kind.key(key), &kind.value(value))?;
            sum.wrapping_sub(lost).wrapping_add(digest(key, value))
        }
        Change::Delete(_, key) => {
            let lost = sum_of_key(&table, kind, key, digest)?;
            table.delete(&kind.key(key))?;
            sum.wrapping_sub(lost)
        }
        Change::DeletePair(_, key, value) => {
            let was_there = table.delete_dup(&kind.key(key), &kind.value(value))?;
            sum.wrapping_sub(if was_there { digest(key, value) } else { 0 })
        }
        Change::DeleteRange(_, from, to) => {
            let range = &from[..]..&to[..];
            let lost = total(table.as_ref().range(range.clone()), kind, digest)?;
            table.delete_range(range)?;
            sum.wrapping_sub(lost)
        }
        Change::Clear(_) => {
            let lost = total(table.as_ref().iter(), kind, digest)?;
            table.clear()?;
            sum.wrapping_sub(lost)
        }
    })
}

/// Returns the sum over the items of a key.
fn sum_of_key(
    table: &TableMut<'_>,
    kind: &Kind,
    key: &[u8],
    digest: impl Fn(&[u8], &[u8]) -> u64,
) -> Result<u64> {
    let mut sum = 0_u64;
    for value in table.as_ref().dups(&kind.key(key))? {
        sum = sum.wrapping_add(digest(key, &kind.value(value?)));
    }
    Ok(sum)
}

/// Returns the sum over items of a file.
fn total<'t>(
    items: impl Iterator<Item = Result<(&'t [u8], &'t [u8])>>,
    kind: &Kind,
    digest: impl Fn(&[u8], &[u8]) -> u64,
) -> Result<u64> {
    let mut sum = 0_u64;
    for item in items {
        let (key, value) = item?;
        sum = sum.wrapping_add(digest(&kind.key(key), &kind.value(value)));
    }
    Ok(sum)
}

/// Returns the last link of the table of links.
fn last_link(links: &TableRef<'_>) -> Result<Link> {
    Ok(links.last()?.map_or_else(Link::default, |(_, bytes)| {
        Link::from_bytes(bytes).expect("a link is as long as a link")
    }))
}

/// Proves that a snapshot holds what its commits made, all of them and nothing else.
pub(crate) fn prove(txn: &ReadTxn<'_>, tables: &Tables, plan: &Plan) -> Result<Proof> {
    let mut links: Vec<Link> = Vec::new();
    let mut counts: HashMap<u64, u64> = HashMap::new();
    for item in &txn.table(tables.links)? {
        let (key, bytes) = item?;
        let link = Link::from_bytes(bytes).expect("a link is as long as a link");
        assert_eq!(key, link.number.to_le_bytes(), "{link:?} is at its place");
        if let Some(before) = links.last() {
            assert_eq!(link.number, before.number + 1, "no commit is lost");
            assert_eq!(
                link.previous,
                before.digest(),
                "{link:?} follows {before:?}, and no other"
            );
        }
        if let Some(before) = counts.insert(link.writer, link.count) {
            assert_eq!(link.count, before + 1, "{link:?} is the next of its writer");
        }
        links.push(link);
    }
    let last = links.last().copied().unwrap_or_default();
    assert_eq!(links.len() as u64, last.number.min(plan.window));
    let mut sum = 0_u64;
    for (n, (kind, table)) in KINDS.iter().zip(tables.kinds).enumerate() {
        let digest = |key: &[u8], value: &[u8]| item_digest(n, key, value);
        sum = sum.wrapping_add(total(txn.table(table)?.iter(), kind, digest)?);
    }
    assert_eq!(sum, last.sum, "the contents are those of {last:?}");
    if last.number > 0 {
        let marks = [last.number, last.sum, last.digest()];
        assert_eq!(txn.canary().marks, marks, "the marks are those of {last:?}");
        assert!(txn.canary().set_by <= txn.id()); // opening the file may commit too
    }
    Ok(Proof { links, last })
}

/// Compares the snapshot to the model, item by item. The model is at the same commit.
pub(crate) fn compare(txn: &ReadTxn<'_>, tables: &Tables, content: &Content) -> Result<()> {
    for ((kind, table), expected) in KINDS.iter().zip(tables.kinds).zip(&content.tables) {
        let mut expected = expected.iter();
        for item in &txn.table(table)? {
            let (key, value) = item?;
            let found = (kind.key(key).into_owned(), kind.value(value).into_owned());
            let place = (content.number, kind.name);
            assert_eq!(Some(&found), expected.next(), "commit and table {place:?}");
        }
        assert_eq!(expected.next(), None, "a table has all its items");
    }
    Ok(())
}

/// Checks the whole file as the newest snapshot sees it, which must be that after `content` has been advanced to it.
pub(crate) fn inspect_all(env: &Env, plan: &Plan, content: &mut Content) -> Result<Proof> {
    let tables = Tables::create(env)?;
    let txn = env.read()?;
    crate::common::assert_sound(&txn);
    let proof = prove(&txn, &tables, plan)?;
    content.advance(proof.last.number);
    assert_eq!(content.sum, proof.last.sum);
    compare(&txn, &tables, content)?;
    Ok(proof)
}

/// Returns by how much the file is to grow and shrink from now on.
pub(crate) fn other_steps(rng: &mut Rng) -> Geometry {
    let step = 1 << (13 + rng.below(5));
    Geometry::default()
        .growth_step(step)
        .shrink_threshold(2 * step)
}
