//! The names of the tables that were opened, each with a number.
//!
//! A table's handle is such a number, so using it costs an array index and no comparison of names. Names are only
//! ever added; reading them takes no lock.

use std::sync::{Mutex, OnceLock, PoisonError};

use crate::error::{Error, Result};

/// The names known to one environment.
#[derive(Debug)]
pub(crate) struct Names {
    names: Box<[OnceLock<Box<[u8]>>]>,
    /// How many there are; held while one is added.
    len: Mutex<usize>,
}

impl Names {
    /// Room for `max` names.
    pub(crate) fn new(max: usize) -> Names {
        Names {
            names: (0..max).map(|_| OnceLock::new()).collect(),
            len: Mutex::new(0),
        }
    }

    /// Returns the name with that number.
    pub(crate) fn get(&self, number: usize) -> Option<&[u8]> {
        Some(self.names.get(number)?.get()?)
    }

    /// Returns how many names there is room for.
    pub(crate) fn capacity(&self) -> usize {
        self.names.len()
    }

    /// Returns the number of `name`, which gets one if it has none.
    ///
    /// # Errors
    ///
    /// [`Error::TablesFull`].
    pub(crate) fn number(&self, name: &[u8]) -> Result<usize> {
        if let Some(known) = self.find(name) {
            return Ok(known);
        }
        // The number only counts whole additions, so a panic elsewhere leaves nothing to repair.
        let mut len = self.len.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = self.find(name) {
            return Ok(known);
        }
        let number = *len;
        let place = self.names.get(number).ok_or(Error::TablesFull {
            max: self.names.len(),
        })?;
        place.get_or_init(|| name.into());
        *len += 1;
        Ok(number)
    }

    fn find(&self, name: &[u8]) -> Option<usize> {
        let known = self.names.iter().map_while(OnceLock::get);
        known
            .enumerate()
            .find(|(_, known)| &***known == name)
            .map(|(number, _)| number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_and_a_full_list_refuses_new_ones() {
        let names = Names::new(2);
        assert_eq!(
            (names.number(b"a").unwrap(), names.number(b"b").unwrap()),
            (0, 1)
        );
        assert_eq!(
            (names.number(b"a").unwrap(), names.get(1)),
            (0, Some(&b"b"[..]))
        );
        assert!(matches!(
            names.number(b"c"),
            Err(Error::TablesFull { max: 2 })
        ));
        assert_eq!(names.get(2), None);
    }
}
