//! What traces need that not everybody has, and what becomes of those that need what is not here.

/// Why a trace is left out.
#[derive(Clone, Copy)]
pub(crate) enum Verdict {
    /// Its subject does not exist here, for this reason.
    NotApplicable(&'static str),
    /// Its subject is still to come.
    Waiting(&'static str),
}

/// The needs that are not met, by the names they have in headers.
const UNMET: [(&str, Verdict); 1] = [(
    "bound",
    Verdict::NotApplicable(
        "a transaction belongs to whoever holds it, and the compiler sees to that: no mode ties it to a thread",
    ),
)];

/// The traces whose subject is not here, though their headers name no need.
const WITHOUT_SUBJECT: [(&str, &str); 2] = [
    (
        "tables-limit",
        "a handle is the number of a name, which is never freed: the limit is on the names used, and `tables` tests it",
    ),
    (
        "txn-nested-writemap",
        "pages are never changed in the mapping, so no mode refuses nested transactions",
    ),
];

/// Returns why a trace with this name and these needs is left out; `None` if it is not.
pub(crate) fn left_out(name: &str, needs: &[String]) -> Option<Verdict> {
    let mut unmet = UNMET.iter();
    let unmet = unmet.find(|(need, _)| needs.iter().any(|needed| needed == need));
    let mut without_subject = WITHOUT_SUBJECT.iter();
    let without_subject = without_subject.find(|(trace, _)| *trace == name);
    unmet
        .map(|(_, verdict)| *verdict)
        .or(without_subject.map(|(_, reason)| Verdict::NotApplicable(reason)))
}
