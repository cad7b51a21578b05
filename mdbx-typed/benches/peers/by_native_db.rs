//! The table in `native_db`, whose rows are a struct of its own.

use std::path::Path;
use std::sync::LazyLock;

use native_db::{Builder, Database, Models, ToKey, native_db};
use native_model::{Model, native_model};
use serde::{Deserialize, Serialize};

use crate::{Peer, Result, SPAN, User};

#[derive(Serialize, Deserialize, Clone)]
#[native_model(id = 1, version = 1)]
#[native_db]
struct Item {
    #[primary_key]
    id: u64,
    #[secondary_key(unique)]
    email: String,
    name: String,
    country: String,
    #[secondary_key]
    age: u32,
    score: f64,
    note: Vec<u8>,
    serial: u64,
}

impl From<&User> for Item {
    fn from(user: &User) -> Self {
        let user = user.clone();
        Item {
            id: user.id,
            email: user.email,
            name: user.name,
            country: user.country,
            age: user.age,
            score: user.score,
            note: user.note,
            serial: user.serial,
        }
    }
}

impl Item {
    fn sum(self) -> u64 {
        let user = User {
            id: self.id,
            email: self.email,
            name: self.name,
            country: self.country,
            age: self.age,
            score: self.score,
            note: self.note,
            serial: self.serial,
        };
        user.sum()
    }
}

static MODELS: LazyLock<Models> = LazyLock::new(|| {
    let mut models = Models::new();
    models.define::<Item>().expect("the model is sound");
    models
});

struct Native(Database<'static>);

pub(crate) fn open(path: &Path) -> Result<Box<dyn Peer>> {
    Ok(Box::new(Native(Builder::new().create(&MODELS, path)?)))
}

impl Peer for Native {
    fn insert(&mut self, rows: &[User]) -> Result<()> {
        let txn = self.0.rw_transaction()?;
        for row in rows {
            txn.insert(Item::from(row))?;
        }
        Ok(txn.commit()?)
    }

    fn get(&mut self, ids: &[u64]) -> Result<u64> {
        let txn = self.0.r_transaction()?;
        let mut sum = 0u64;
        for &id in ids {
            let row: Item = txn.get().primary(id)?.ok_or("no such row")?;
            sum = sum.wrapping_add(row.sum());
        }
        Ok(sum)
    }

    fn get_by_email(&mut self, emails: &[String]) -> Result<u64> {
        let txn = self.0.r_transaction()?;
        let mut sum = 0u64;
        for email in emails {
            let row: Option<Item> = txn.get().secondary(ItemKey::email, email.as_str())?;
            sum = sum.wrapping_add(row.ok_or("no such row")?.sum());
        }
        Ok(sum)
    }

    fn range_by_age(&mut self, starts: &[u32]) -> Result<u64> {
        let txn = self.0.r_transaction()?;
        let mut sum = 0u64;
        for &start in starts {
            let scan = txn.scan().secondary::<Item>(ItemKey::age)?;
            for row in scan.range(start..start + SPAN)? {
                sum = sum.wrapping_add(row?.sum());
            }
        }
        Ok(sum)
    }

    fn update_age(&mut self, changes: &[(u64, u32)]) -> Result<()> {
        let txn = self.0.rw_transaction()?;
        for &(id, age) in changes {
            let old: Item = txn.get().primary(id)?.ok_or("no such row")?;
            let new = Item { age, ..old.clone() };
            txn.update(old, new)?;
        }
        Ok(txn.commit()?)
    }

    fn delete(&mut self, ids: &[u64]) -> Result<()> {
        let txn = self.0.rw_transaction()?;
        for &id in ids {
            let row: Item = txn.get().primary(id)?.ok_or("no such row")?;
            txn.remove(row)?;
        }
        Ok(txn.commit()?)
    }
}
