//! The canary: three numbers of the user's that every commit carries along.

use crate::ids::Txnid;

/// Three numbers that belong to the database as a whole, and the transaction that set them last.
///
/// Programs keep there what tells them whether other files belong to this state of the database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[doc(alias = "MDBX_canary")]
pub struct Canary {
    /// The numbers.
    pub marks: [u64; 3],
    /// The transaction that set them last; 0 if none did.
    pub set_by: Txnid,
}

impl Canary {
    pub(crate) fn from_meta([x, y, z, v]: [u64; 4]) -> Canary {
        Canary {
            marks: [x, y, z],
            set_by: Txnid(v),
        }
    }

    pub(crate) fn to_meta(self) -> [u64; 4] {
        let [x, y, z] = self.marks;
        [x, y, z, self.set_by.0]
    }
}
