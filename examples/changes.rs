//! A cache that a subscription keeps fresh, and a second process that polls for what changed.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use mdbx_typed::prelude::*;
use mdbx_typed::{ChangeSet, RecvError, Result, Txnid};
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct User {
    #[key]
    id: u64,
    name: String,
}

#[derive(Table, Serialize, Deserialize)]
struct Setting {
    #[key]
    name: String,
    value: String,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, path, seen] = &arguments[..] {
        return Ok(poll(Path::new(path), Txnid(seen.parse()?))?);
    }
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("app.mdbx");
    let db = Database::open(&path, schema![User, Setting])?;
    let program = std::env::current_exe()?;
    let seen = db.read()?.id().to_string();
    let mut other = Command::new(program).arg(&path).arg(seen).spawn()?;

    let changes = db.subscribe::<User>()?;
    let reader = db.clone();
    let cache = thread::spawn(move || keep_fresh(&reader, changes.take(3)));

    db.write(|tx| {
        for (id, name) in [(1, "Ann"), (2, "Bob"), (3, "Cy")] {
            let name = name.into();
            tx.insert(&User { id, name })?;
        }
        Ok(())
    })?;
    db.write(|tx| tx.update::<User>(1, |user| user.name = "Anna".into()))?;
    db.write(|tx| tx.delete::<User>(2))?;
    println!("cache: {:?}", cache.join().expect("no panic")?);

    let (name, value) = ("theme".into(), "dark".into());
    db.write(|tx| tx.insert(&Setting { name, value }))?;
    other.wait()?;
    Ok(())
}

/// Reads the rows again that change sets name, and returns what the cache holds in the end.
fn keep_fresh(
    db: &Database,
    changes: impl Iterator<Item = Result<ChangeSet<User>, RecvError>>,
) -> Result<HashMap<u64, String>> {
    let mut names = HashMap::new();
    for set in changes {
        let set = set.expect("few changes"); // else they would be `Lagged`: read the whole table
        let tx = db.read()?;
        for id in set.changed().chain(&set.deleted) {
            match tx.get::<User>(*id)? {
                Some(user) => names.insert(*id, user.name),
                None => names.remove(id),
            };
        }
        println!("transaction {} changed {} users", set.txn, set.len());
    }
    Ok(names)
}

/// The second process: asks now and then which tables changed after a snapshot, until there is a setting.
fn poll(path: &Path, mut seen: Txnid) -> Result<()> {
    let db = Database::open(path, schema![User, Setting])?;
    loop {
        let changed = db.changed_since(seen)?;
        for table in changed.names() {
            println!("other process: `{table}` changed after transaction {seen}");
        }
        if changed.has::<Setting>() {
            return Ok(());
        }
        seen = changed.txn();
        thread::sleep(Duration::from_millis(20));
    }
}
