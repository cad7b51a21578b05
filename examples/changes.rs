//! A cache that a subscription keeps fresh, and a second process that polls for what changed.
//!
//! ```text
//! cargo run --example changes
//! ```

use std::collections::HashMap;
use std::env;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use mdbx_typed::prelude::*;
use mdbx_typed::{ChangeSet, RecvError, Result};
use serde::{Deserialize, Serialize};

#[derive(Table, Serialize, Deserialize)]
struct User {
    #[key]
    id: u64,
    name: String,
    #[index]
    age: u32,
}

#[derive(Table, Serialize, Deserialize)]
struct Setting {
    #[key]
    name: String,
    value: String,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Some(path) = env::args().nth(1) {
        return Ok(poll(Path::new(&path))?);
    }
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("app.mdbx");
    let db = Database::open(&path, schema![User, Setting])?;
    let mut other = Command::new(env::current_exe()?).arg(&path).spawn()?;

    let changes = db.subscribe::<User>()?;
    let adults = db.subscription().on(user::by_age, 18..).start()?;
    let cache = {
        let db = db.clone(); // the subscriber has a handle of its own, so that it can read
        thread::spawn(move || keep_fresh(&db, changes.take(3)))
    };

    let user = |id, name: &str, age| User {
        id,
        name: name.into(),
        age,
    };
    db.write(|tx| {
        tx.insert(&user(1, "Ann", 17))?;
        tx.insert(&user(2, "Bob", 45))
    })?;
    db.write(|tx| tx.update::<User>(1, |ann| ann.age += 1))?;
    db.write(|tx| tx.delete::<User>(2))?;
    println!("cache: {:?}", cache.join().expect("it does not panic")?);
    for _ in 0..3 {
        let ChangeSet {
            inserted, deleted, ..
        } = adults.recv()?;
        println!("adults: {inserted:?} came, {deleted:?} went");
    }

    thread::sleep(Duration::from_millis(300)); // the other process sees users and this apart
    db.write(|tx| {
        tx.put(&Setting {
            name: "stop".into(),
            value: "now".into(),
        })
    })?;
    other.wait()?;
    Ok(())
}

/// Reads those rows again that change sets name, and returns what the cache holds in the end.
fn keep_fresh(
    db: &Database,
    changes: impl Iterator<Item = Result<ChangeSet<User>, RecvError>>,
) -> Result<HashMap<u64, String>> {
    let mut names = HashMap::new();
    for set in changes {
        let set =
            set.expect("the queue has room for all of them; else the table would be read anew");
        let tx = db.read()?;
        for id in set.changed().chain(&set.deleted) {
            match tx.get::<User>(*id)? {
                Some(user) => names.insert(*id, user.name),
                None => names.remove(id),
            };
        }
        println!("transaction {}: {} users changed", set.txn, set.len());
    }
    Ok(names)
}

/// The second process: asks now and then which tables changed, until there are settings.
fn poll(path: &Path) -> Result<()> {
    let db = Database::open(path, schema![User, Setting])?;
    let mut seen = db.read()?.id();
    loop {
        let changed = db.changed_since(seen)?;
        for table in changed.names() {
            println!(
                "other process: `{table}` changed by transaction {}",
                changed.txn()
            );
        }
        if changed.has::<Setting>() {
            return Ok(());
        }
        seen = changed.txn();
        thread::sleep(Duration::from_millis(20));
    }
}
