//! The page sizes at which a trace is replayed besides its own.
//!
//! What is in a table does not depend on how its pages are laid out, so traces about that are good for any page size
//! that takes their keys. The smallest one splits and merges soonest; the largest has the longest sub-pages.

use std::path::Path;

use mdbx_core::{PageSize, max_key_len_dup_sort};

use crate::trace::{Header, open};

/// Returns the other page sizes that a trace is good for.
pub(crate) fn others(header: &Header, path: &Path) -> Vec<PageSize> {
    if !matches!(header.class.as_str(), "random" | "data") {
        return Vec::new();
    }
    let Some(longest) = longest_key(path) else {
        return Vec::new();
    };
    let mut sizes = (8..=16).filter_map(|power| PageSize::new(1 << power));
    let smallest = sizes.find(|size| longest <= max_key_len_dup_sort(*size));
    smallest.into_iter().chain([PageSize::MAX]).collect()
}

/// Returns the length of the longest string that is, or could be, a key; `None` if the trace is about sizes.
fn longest_key(path: &Path) -> Option<usize> {
    let (_, steps) = open(path);
    let mut longest = 0;
    let mut has_dups = false;
    for step in steps {
        if step.op() == "limits" {
            return None;
        }
        has_dups |= step.words("kind").iter().any(|kind| kind == "dup_sort");
        // The values of a key that has many are the keys of a tree.
        let members: &[&str] = if has_dups { &["k", "v"] } else { &["k"] };
        for member in members {
            longest = longest.max(step.bytes(member).map_or(0, |bytes| bytes.len()));
        }
    }
    Some(longest)
}
