//! What each page of a snapshot is used for: one byte a page.

use crate::ids::Pgno;

/// What a page is used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Use {
    /// For nothing that was met yet.
    Unseen,
    /// As a branch or leaf page.
    Tree,
    /// For a large value.
    Large,
    /// For nothing, and a record of free pages says so.
    Free,
}

impl Use {
    /// Returns how a sentence names a page that is used so.
    pub(super) fn name(self) -> &'static str {
        match self {
            Use::Unseen => "unused",
            Use::Tree => "a page of a tree",
            Use::Large => "a page of a large value",
            Use::Free => "listed as free",
        }
    }
}

/// The uses of all pages of a snapshot.
#[derive(Debug)]
pub(super) struct Uses {
    /// By page number. The metas, which no tree leads to, stay unseen.
    pages: Vec<Use>,
}

impl Uses {
    /// A snapshot whose pages end before `end`, none of them seen.
    pub(super) fn new(end: Pgno) -> Uses {
        Uses {
            pages: vec![Use::Unseen; end.0 as usize],
        }
    }

    /// Notes that `pgno` is used so and returns its use before; `None` if the snapshot has no such page.
    pub(super) fn replace(&mut self, pgno: Pgno, now: Use) -> Option<Use> {
        if pgno < Pgno::FIRST_DATA {
            return None;
        }
        let before = self.pages.get_mut(pgno.0 as usize)?;
        Some(std::mem::replace(before, now))
    }

    /// Returns the pages that nothing uses, as runs: the first and the last page of each.
    pub(super) fn unseen(&self) -> Vec<(Pgno, Pgno)> {
        let mut runs: Vec<(Pgno, Pgno)> = Vec::new();
        for (pgno, _) in (0..)
            .zip(&self.pages)
            .skip(3)
            .filter(|&(_, &used)| used == Use::Unseen)
        {
            match runs.last_mut() {
                Some((_, last)) if last.0 + 1 == pgno => last.0 = pgno,
                _ => runs.push((Pgno(pgno), Pgno(pgno))),
            }
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_use_before_is_told_and_metas_are_no_such_pages() {
        let mut uses = Uses::new(Pgno(6));
        assert_eq!(uses.replace(Pgno(4), Use::Free), Some(Use::Unseen));
        assert_eq!(uses.replace(Pgno(4), Use::Tree), Some(Use::Free));
        assert_eq!(
            [
                uses.replace(Pgno(2), Use::Tree),
                uses.replace(Pgno(6), Use::Tree)
            ],
            [None; 2]
        );
    }

    #[test]
    fn unseen_pages_come_in_runs() {
        let mut uses = Uses::new(Pgno(9));
        uses.replace(Pgno(5), Use::Tree);
        assert_eq!(uses.unseen(), [(Pgno(3), Pgno(4)), (Pgno(6), Pgno(8))]);
    }
}
