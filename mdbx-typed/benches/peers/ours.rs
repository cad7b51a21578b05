//! The table in `mdbx-typed`.

use std::path::Path;

use mdbx_typed::prelude::*;
use mdbx_typed::{Durability, Geometry};

use crate::{Peer, SPAN, User, user};

struct Ours(Database);

pub(crate) fn open(path: &Path) -> crate::Result<Box<dyn Peer>> {
    open_with(path, Durability::Durable)
}

pub(crate) fn open_single_sync(path: &Path) -> crate::Result<Box<dyn Peer>> {
    open_with(path, Durability::SingleSync)
}

fn open_with(path: &Path, durability: Durability) -> crate::Result<Box<dyn Peer>> {
    let database = Database::builder()
        .geometry(Geometry::default().upper(4 << 30))
        .durability(durability)
        .open(path, schema![User])?;
    Ok(Box::new(Ours(database)))
}

impl Peer for Ours {
    fn insert(&mut self, rows: &[User]) -> crate::Result<()> {
        Ok(self
            .0
            .write(|tx| rows.iter().try_for_each(|row| tx.insert(row)))?)
    }

    fn get(&mut self, ids: &[u64]) -> crate::Result<u64> {
        let tx = self.0.read()?;
        let mut sum = 0u64;
        for &id in ids {
            let row = tx.get::<User>(id)?.ok_or("no such row")?;
            sum = sum.wrapping_add(row.sum());
        }
        Ok(sum)
    }

    fn get_by_email(&mut self, emails: &[String]) -> crate::Result<u64> {
        let tx = self.0.read()?;
        let mut sum = 0u64;
        for email in emails {
            let row = tx.get_by(user::by_email, email)?.ok_or("no such row")?;
            sum = sum.wrapping_add(row.sum());
        }
        Ok(sum)
    }

    fn range_by_age(&mut self, starts: &[u32]) -> crate::Result<u64> {
        let tx = self.0.read()?;
        let mut sum = 0u64;
        for &start in starts {
            for row in tx.by(user::by_age).range(start..start + SPAN).rows() {
                sum = sum.wrapping_add(row?.sum());
            }
        }
        Ok(sum)
    }

    fn update_age(&mut self, changes: &[(u64, u32)]) -> crate::Result<()> {
        let is_complete = self.0.write(|tx| {
            for &(id, age) in changes {
                if !tx.update::<User>(id, |row| row.age = age)? {
                    return Ok(false);
                }
            }
            Ok(true)
        })?;
        Ok(is_complete.then_some(()).ok_or("no such row")?)
    }

    fn delete(&mut self, ids: &[u64]) -> crate::Result<()> {
        let is_complete = self.0.write(|tx| {
            for &id in ids {
                if !tx.delete::<User>(id)? {
                    return Ok(false);
                }
            }
            Ok(true)
        })?;
        Ok(is_complete.then_some(()).ok_or("no such row")?)
    }
}
