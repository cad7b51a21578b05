//! Keeping the place of a cursor: as plain data that survives changes, or as page numbers while nothing changes.

use crate::error::{PageFault, Result};
use crate::format::root::TreeRoot;
use crate::pager::snapshot::Pages;
use crate::tree::cursor::Cursor;
use crate::tree::leaf_cursor::{End, LeafCursor};
use crate::tree::order::{Order, Orders};
use crate::tree::position::{Anchor, Position};
use crate::tree::stack::Path;
use crate::tree::state::State;
use crate::tree::values::Values;

/// What there is now at the place of an anchor, and what the keys' cursor stands on.
enum Around<'p> {
    /// The item itself.
    Itself(Values<'p>),
    /// The item that follows the place.
    Next(Values<'p>),
    /// The last value of the anchor's key, which comes before the place.
    Previous(Values<'p>),
    /// Nothing: the table ends before the place.
    Nothing,
}

impl<'p> Around<'p> {
    /// Returns the state of a cursor in the gap at the anchor.
    fn gap(self, anchor: &Anchor) -> State<Values<'p>> {
        let anchor = Box::new(anchor.clone());
        match self {
            Around::Itself(values) | Around::Next(values) => State::GapBefore(values, anchor),
            Around::Previous(values) => State::GapAfter(values, anchor),
            Around::Nothing => State::GapAtEnd(anchor),
        }
    }
}

impl<'p> Cursor<'p> {
    /// Returns the place as plain data.
    pub(crate) fn save(&self) -> Result<Position> {
        Ok(match &self.state {
            State::Unset => Position::Unset,
            State::Missed => Position::Missed,
            State::PastEnd => Position::PastEnd,
            State::On(_) => self.anchor()?.map_or(Position::Missed, Position::On),
            State::AtEnd(_) => self.anchor()?.map_or(Position::Missed, Position::AtEnd),
            State::GapBefore(_, anchor) | State::GapAfter(_, anchor) | State::GapAtEnd(anchor) => {
                Position::Gap(Anchor::clone(anchor))
            }
        })
    }

    /// Returns what ties a position to the item the cursor stands on.
    fn anchor(&self) -> Result<Option<Anchor>> {
        Ok(self.item()?.map(|(key, value)| Anchor {
            key: key.to_vec(),
            value: self.has_dups().then(|| value.to_vec()),
        }))
    }

    /// Goes to a place saved before.
    pub(crate) fn resume(&mut self, position: &Position) -> Result<()> {
        self.state = match position {
            Position::Unset => State::Unset,
            Position::Missed => State::Missed,
            Position::PastEnd => State::PastEnd,
            Position::Gap(anchor) => self.look_around(anchor)?.gap(anchor),
            Position::On(anchor) => match self.look_around(anchor)? {
                Around::Itself(values) => State::On(values),
                gone => gone.gap(anchor),
            },
            Position::AtEnd(anchor) => match self.look_around(anchor)? {
                Around::Itself(values) if self.keys.is_at(End::Last) => State::AtEnd(values),
                Around::Itself(values) => State::On(values),
                gone => gone.gap(anchor),
            },
        };
        Ok(())
    }

    /// Has the keys' cursor look for the item of the anchor.
    fn look_around(&mut self, anchor: &Anchor) -> Result<Around<'p>> {
        let has_key = self.keys.seek(&anchor.key)?;
        let (Some(has_key), Some((_, value))) = (has_key, self.keys.entry()?) else {
            return Ok(Around::Nothing);
        };
        let mut values = Values::of(&self.keys, value, self.dups, End::First)?;
        if !has_key {
            return Ok(Around::Next(values));
        }
        let Some(sought) = anchor.value.as_ref().filter(|_| self.has_dups()) else {
            return Ok(Around::Itself(values));
        };
        Ok(match values.seek(self.dups, sought)? {
            Some(true) => Around::Itself(values),
            Some(false) => Around::Next(values),
            None => Around::Previous(values),
        })
    }

    /// Turns the cursor into its page numbers.
    pub(crate) fn park(self) -> Result<Parked> {
        let is_placed = self.state.values().is_some();
        Ok(Parked {
            path: if is_placed {
                self.keys.path()
            } else {
                Path::new()
            },
            state: self.state.try_map(|values| Ok(ParkedValues::of(&values)))?,
        })
    }
}

/// A cursor as page numbers and indexes: it borrows nothing, and comes back without a search.
///
/// It is good for as long as the tree is not changed. After that it leads to a wrong place or to an error.
#[derive(Debug)]
pub(crate) struct Parked {
    path: Path,
    state: State<ParkedValues>,
}

/// Where a parked cursor stands among the values of its entry.
#[derive(Debug)]
enum ParkedValues {
    One,
    SubPage(usize),
    Nested(Box<Path>),
}

impl Parked {
    /// Returns the cursor in the tree `root`, which must be as it was when the cursor was parked.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupted`](crate::Error::Corrupted) if there is no such place.
    pub(crate) fn revive(
        self,
        pages: Pages<'_>,
        root: TreeRoot,
        orders: Orders,
    ) -> Result<Cursor<'_>> {
        let Orders { keys: order, dups } = orders;
        let keys = LeafCursor::at_path(pages, root, order, &self.path)?;
        let state = self.state.try_map(|parked| parked.revive(&keys, dups))?;
        Ok(Cursor { keys, dups, state })
    }
}

impl ParkedValues {
    fn of(values: &Values<'_>) -> ParkedValues {
        match values {
            Values::One(_) => ParkedValues::One,
            Values::SubPage { index, .. } => ParkedValues::SubPage(*index),
            Values::Nested(cursor) => ParkedValues::Nested(Box::new(cursor.path())),
        }
    }

    fn revive<'p>(self, keys: &LeafCursor<'p>, dups: Order) -> Result<Values<'p>> {
        let Some((_, value)) = keys.entry()? else {
            return Err(keys.fault(PageFault::WrongLevel));
        };
        let mut values = Values::of(keys, value, dups, End::First)?;
        match (&mut values, self) {
            (Values::SubPage { page, index, .. }, ParkedValues::SubPage(parked)) => {
                if parked >= page.len() {
                    return Err(keys.fault(PageFault::BadNode { index: parked }));
                }
                *index = parked;
            }
            (Values::Nested(cursor), ParkedValues::Nested(path)) => {
                **cursor = LeafCursor::at_path(keys.pages, cursor.root, dups, &path)?;
            }
            (_, ParkedValues::One | ParkedValues::SubPage(_) | ParkedValues::Nested(_)) => {}
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::handle::Env;
    use crate::ids::PageSize;
    use crate::store::geometry::Geometry;
    use crate::txn::read::ReadTxn;
    use crate::txn::table::{Table, TableFlags};

    fn env(directory: &tempfile::TempDir) -> Env {
        let geometry = Geometry::default().page_size(PageSize::MIN);
        let path = directory.path().join("db");
        Env::options().geometry(geometry).open(path).unwrap()
    }

    /// Puts items under 300 keys, or deletes most of them.
    fn change(env: &Env, flags: TableFlags, is_put: bool) {
        let mut txn = env.write().unwrap();
        let table = txn.create_table("t", flags).unwrap();
        for n in 0..300_u32 {
            let key = format!("key {n:03}");
            let values = match (flags == TableFlags::DUP_SORT, n % 10) {
                (true, 3) => 40,
                (true, 6) => 3,
                _ => 1,
            };
            for value in 0..values {
                let value = format!("value {value}");
                if is_put {
                    txn.put(table, key.as_bytes(), value.as_bytes()).unwrap();
                } else if n % 7 != 0 {
                    txn.delete_dup(table, key.as_bytes(), value.as_bytes())
                        .unwrap();
                }
            }
        }
        txn.commit().unwrap();
    }

    fn root(txn: &ReadTxn<'_>) -> TreeRoot {
        let record = txn.get(Table::MAIN, b"t").unwrap();
        TreeRoot::read(record.unwrap()).unwrap()
    }

    /// Returns a cursor in every place of the table, and in some gaps.
    fn places(pages: Pages<'_>, root: TreeRoot) -> Vec<Cursor<'_>> {
        let mut cursor = Cursor::new(pages, root, Orders::of_flags(root.flags));
        let mut places = vec![cursor.clone()];
        for position in [Position::Missed, Position::PastEnd] {
            cursor.resume(&position).unwrap();
            places.push(cursor.clone());
        }
        cursor.reset();
        while cursor.step(End::First).unwrap().is_some() {
            places.push(cursor.clone());
            let Position::On(mut anchor) = cursor.save().unwrap() else {
                panic!("a move that succeeds leads to an item");
            };
            let mut gap = cursor.clone();
            anchor.value.get_or_insert_default().push(b'0');
            gap.resume(&Position::On(anchor.clone())).unwrap();
            places.push(gap.clone());
            anchor.key.push(b'0');
            gap.resume(&Position::On(anchor)).unwrap();
            places.push(gap);
        }
        assert!(cursor.is_at_end());
        places.push(cursor);
        places
    }

    #[test]
    fn a_parked_cursor_comes_back_to_its_place() {
        for flags in [TableFlags::empty(), TableFlags::DUP_SORT] {
            let directory = tempfile::tempdir().unwrap();
            let env = env(&directory);
            change(&env, flags, true);
            let txn = env.read().unwrap();
            let orders = Orders::of_flags(flags.bits());
            for mut cursor in places(txn.pages(), root(&txn)) {
                let parked = cursor.clone().park().unwrap();
                let height = usize::from(root(&txn).height);
                let levels = if cursor.count() == 0 { 0 } else { height };
                assert_eq!(parked.path.len(), levels);
                let mut revived = parked.revive(txn.pages(), root(&txn), orders).unwrap();
                assert_eq!(revived.save().unwrap(), cursor.save().unwrap());
                assert_eq!(revived.current().unwrap(), cursor.current().unwrap());
                assert_eq!(revived.count(), cursor.count());
                let step = cursor.step(End::First).unwrap();
                assert_eq!(revived.step(End::First).unwrap(), step);
            }
        }
    }

    #[test]
    fn a_cursor_parked_in_a_tree_that_changed_comes_back_safely_or_not_at_all() {
        for flags in [TableFlags::empty(), TableFlags::DUP_SORT] {
            let directory = tempfile::tempdir().unwrap();
            let env = env(&directory);
            change(&env, flags, true);
            let parked: Vec<Parked> = {
                let txn = env.read().unwrap();
                let places = places(txn.pages(), root(&txn)).into_iter();
                places.map(|cursor| cursor.park().unwrap()).collect()
            };
            change(&env, flags, false);
            let txn = env.read().unwrap();
            let orders = Orders::of_flags(flags.bits());
            for parked in parked {
                if let Ok(mut cursor) = parked.revive(txn.pages(), root(&txn), orders) {
                    // Whatever it answers, it must answer.
                    let _ = (cursor.current(), cursor.save(), cursor.count());
                    let _ = (cursor.step(End::First), cursor.step(End::Last));
                }
            }
        }
    }
}
