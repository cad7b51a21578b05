//! What a check finds out.

use std::fmt;

use crate::ids::{PageSize, Pgno, Txnid};

/// Findings that a report holds; of more, only their number is kept.
const MOST_FINDINGS: usize = 1000;

/// What a check found out about a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The snapshot.
    pub snapshot: Txnid,
    /// The size of its pages.
    pub page_size: PageSize,
    /// All its pages: the three metas, those in use and the free ones.
    pub allocated_pages: u32,
    /// Branch pages.
    pub branch_pages: u64,
    /// Leaf pages.
    pub leaf_pages: u64,
    /// Pages of large values.
    pub large_pages: u64,
    /// Pages listed as free.
    pub free_pages: u64,
    /// Pages that are neither used nor listed as free, each of them lost to the database.
    pub lost_pages: u64,
    /// Named tables.
    pub tables: u64,
    /// Pairs of key and value in all tables; each of several values counts, and so do the records of named tables.
    pub items: u64,
    /// Records of free pages.
    pub free_records: u64,
    /// What is wrong, in the order it was met; the first thousand.
    pub findings: Vec<Finding>,
    /// How many findings there are beyond those.
    pub more_findings: u64,
}

/// Something in a file that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The page it is about, if it is about one.
    pub page: Option<Pgno>,
    /// The table that leads there, if one does: its name, or `main`, or `free pages`.
    pub table: Option<String>,
    /// What was expected, and what there is.
    pub expected: String,
}

impl Report {
    /// A report on a snapshot that nothing is known about yet.
    pub(super) fn new(snapshot: Txnid, page_size: PageSize, end: Pgno) -> Report {
        Report {
            snapshot,
            page_size,
            allocated_pages: end.0,
            branch_pages: 0,
            leaf_pages: 0,
            large_pages: 0,
            free_pages: 0,
            lost_pages: 0,
            tables: 0,
            items: 0,
            free_records: 0,
            findings: Vec::new(),
            more_findings: 0,
        }
    }

    /// Returns whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    /// Adds a finding.
    pub(super) fn add(&mut self, page: Option<Pgno>, table: Option<&str>, expected: String) {
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(Finding {
                page,
                table: table.map(str::to_owned),
                expected,
            });
        } else {
            self.more_findings += 1;
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "snapshot {}: {} pages of {} bytes",
            self.snapshot, self.allocated_pages, self.page_size
        )?;
        writeln!(
            f,
            "  {} branch, {} leaf, {} large",
            self.branch_pages, self.leaf_pages, self.large_pages
        )?;
        writeln!(
            f,
            "  {} free in {} records, {} lost",
            self.free_pages, self.free_records, self.lost_pages
        )?;
        writeln!(
            f,
            "  {} items in the main table and {} named ones",
            self.items, self.tables
        )?;
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        match (self.findings.len(), self.more_findings) {
            (0, _) => f.write_str("sound"),
            (found, 0) => write!(f, "damaged: {found} findings"),
            (found, more) => write!(f, "damaged: {found} findings, and {more} more"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.table, self.page) {
            (Some(table), Some(page)) => write!(f, "{table}, page {page}: ")?,
            (Some(table), None) => write!(f, "{table}: ")?,
            (None, Some(page)) => write!(f, "page {page}: ")?,
            (None, None) => {}
        }
        f.write_str(&self.expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_beyond_a_thousand_are_only_counted() {
        let mut report = Report::new(Txnid(4), PageSize::MIN, Pgno(9));
        assert!(report.is_sound());
        for page in 0..1002 {
            report.add(
                Some(Pgno(page)),
                Some("main"),
                "it must be there".to_owned(),
            );
        }
        assert_eq!((report.findings.len(), report.more_findings), (1000, 2));
        let text = report.to_string();
        assert!(text.contains("main, page 7: it must be there\n"), "{text}");
        assert!(
            text.ends_with("damaged: 1000 findings, and 2 more"),
            "{text}"
        );
    }
}
