//! A file on a disk that forgets: each sector has one of the contents it had since it was last made durable.
//!
//! | | |
//! | --- | --- |
//! | sector | 512 bytes, which the disk writes as a whole or not at all |
//! | a write | gives its sectors new contents, any of which may reach the disk at any time, in any order |
//! | a durable write | the same while it runs; afterwards its sectors are durable, and no others |
//! | a change of length | may reach the disk at any time; of several, any one may be the last that did |
//! | a sync of data | all sectors are durable, and every length that would cut off what was written is out |
//! | a sync of everything | the length is durable too |
//! | a new file | is gone, unless its name was made durable |
//!
//! So what a power cut leaves is one content for each pending sector, and one of the pending lengths. Losing,
//! reordering and tearing writes are choices of this kind.

use std::collections::BTreeMap;

use crate::log::Step;

/// The bytes that a disk writes as a whole.
pub const SECTOR: usize = 512;

/// A file, and what may be left of it.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    /// What a running system sees, in whole sectors.
    now: Vec<u8>,
    /// How long it is.
    len: usize,
    /// What is durable, in whole sectors; as long as the longest pending length.
    durable: Vec<u8>,
    /// The contents of each sector since it was durable, oldest first.
    pending: BTreeMap<usize, Vec<Version>>,
    /// The lengths since one was durable, that one included, oldest first.
    lens: Vec<usize>,
    /// How many writes there were.
    writes: u32,
    /// Whether the name of the file is durable.
    is_named: bool,
}

/// A content of a sector.
#[derive(Debug, Clone)]
struct Version {
    /// The write it is from, by number.
    write: u32,
    bytes: Box<[u8; SECTOR]>,
}

/// What is left of the pending sectors and lengths. Writes and sectors are numbered from 0 among the pending ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// There is no file.
    NoFile,
    /// Nothing that is pending has reached the disk.
    AllLost,
    /// Everything has.
    AllKept,
    /// Everything but one write.
    WriteLost(usize),
    /// One write and nothing else.
    WriteKept(usize),
    /// The writes before this one.
    Before(usize),
    /// The writes from this one on.
    From(usize),
    /// Everything but one sector.
    SectorLost(usize),
    /// One sector and nothing else.
    SectorKept(usize),
    /// The sectors before this one.
    SectorsBefore(usize),
    /// The sectors from this one on.
    SectorsFrom(usize),
    /// For each sector one of its contents, drawn with this seed.
    Random(u64),
}

impl Disk {
    /// A disk on which `bytes` are durable.
    #[must_use]
    pub fn holding(bytes: Vec<u8>) -> Disk {
        let len = bytes.len();
        let mut sectors = bytes;
        sectors.resize(len.next_multiple_of(SECTOR), 0);
        Disk {
            lens: vec![len],
            durable: sectors.clone(),
            now: sectors,
            len,
            is_named: true,
            ..Disk::default()
        }
    }

    /// Returns what a running system sees.
    #[must_use]
    pub fn now(&self) -> &[u8] {
        &self.now[..self.len]
    }

    /// Begins a step: from now on it may have reached the disk.
    pub fn begin(&mut self, step: &Step) {
        match step {
            Step::Write { offset, bytes, .. } => self.write(index(*offset), bytes),
            Step::SetLen(len) => self.set_len(index(*len)),
            _ => {}
        }
    }

    /// Ends a step: from now on it is as durable as it promised to be.
    pub fn end(&mut self, step: &Step) {
        match step {
            Step::Write {
                offset,
                bytes,
                durable: true,
            } => self.settle_sectors(index(*offset), bytes.len()),
            Step::SyncData => self.settle(false),
            Step::SyncAll => self.settle(true),
            Step::SyncName => self.is_named = true,
            _ => {}
        }
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if end > self.len {
            self.set_len(end);
        }
        self.now[offset..end].copy_from_slice(bytes);
        self.renew(offset / SECTOR..end.div_ceil(SECTOR));
    }

    fn set_len(&mut self, len: usize) {
        if len == self.len {
            return;
        }
        self.now.truncate(len);
        self.len = len;
        self.lens.push(len);
        let (before, len) = (self.now.len(), len.next_multiple_of(SECTOR));
        self.now.resize(len, 0);
        if self.durable.len() < len {
            self.durable.resize(len, 0);
        }
        // What was cut off before is zero when the file is longer again, though the disk may still have the old bytes.
        let stale = (before / SECTOR..len / SECTOR).filter(|&sector| {
            let bytes = &self.durable[sector * SECTOR..][..SECTOR];
            self.pending.contains_key(&sector) || bytes.iter().any(|&byte| byte != 0)
        });
        for sector in stale.collect::<Vec<_>>() {
            self.renew(sector..sector + 1);
        }
    }

    /// Notes that sectors have the contents they have now.
    fn renew(&mut self, sectors: std::ops::Range<usize>) {
        let write = self.writes;
        self.writes += 1;
        for sector in sectors {
            let at = sector * SECTOR;
            let version = |bytes: &[u8], write| Version {
                write,
                bytes: Box::new(bytes[at..at + SECTOR].try_into().unwrap_or([0; SECTOR])),
            };
            let versions = self
                .pending
                .entry(sector)
                .or_insert_with(|| vec![version(&self.durable, 0)]);
            versions.push(version(&self.now, write));
        }
    }

    fn settle_sectors(&mut self, offset: usize, len: usize) {
        for sector in offset / SECTOR..(offset + len).div_ceil(SECTOR) {
            let at = sector * SECTOR;
            self.pending.remove(&sector);
            self.durable[at..at + SECTOR].copy_from_slice(&self.now[at..at + SECTOR]);
        }
        self.settle_len(offset + len);
    }

    fn settle(&mut self, with_len: bool) {
        let pending = std::mem::take(&mut self.pending);
        let written = pending.keys().map(|sector| (sector + 1) * SECTOR);
        let needed = written.filter(|&end| end <= self.now.len()).max();
        for at in pending.keys().map(|sector| sector * SECTOR) {
            if at < self.now.len() {
                self.durable[at..at + SECTOR].copy_from_slice(&self.now[at..at + SECTOR]);
            }
        }
        if with_len {
            self.lens = vec![self.len];
            self.durable.resize(self.now.len(), 0);
        } else {
            self.settle_len(needed.unwrap_or(0));
        }
    }

    /// Rules out the lengths that would cut off bytes before `needed`.
    fn settle_len(&mut self, needed: usize) {
        self.lens.retain(|&len| len >= needed);
        let longest = self.lens.iter().copied().max().unwrap_or(0);
        self.durable.resize(longest.next_multiple_of(SECTOR), 0);
    }

    /// Returns how many lengths are possible.
    #[must_use]
    pub fn lens(&self) -> usize {
        self.lens.len()
    }

    /// Returns whether there is only one thing that a power cut can leave.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.pending.is_empty() && self.lens.len() <= 1 && self.is_named
    }

    /// Returns the choices that are not random: those of which there are only so many.
    #[must_use]
    pub fn choices(&self) -> Vec<Choice> {
        let (writes, sectors) = (self.pending_writes().len(), self.pending.len());
        let mut choices = vec![Choice::AllLost, Choice::AllKept];
        if !self.is_named {
            choices.push(Choice::NoFile);
        }
        for write in 0..writes {
            choices.extend([
                Choice::WriteLost(write),
                Choice::WriteKept(write),
                Choice::Before(write),
                Choice::From(write),
            ]);
        }
        for sector in 0..sectors {
            choices.extend([
                Choice::SectorLost(sector),
                Choice::SectorKept(sector),
                Choice::SectorsBefore(sector),
                Choice::SectorsFrom(sector),
            ]);
        }
        choices
    }

    /// Returns the numbers of the writes that are pending.
    fn pending_writes(&self) -> Vec<u32> {
        let versions = self.pending.values().flat_map(|versions| &versions[1..]);
        let mut writes: Vec<u32> = versions.map(|version| version.write).collect();
        writes.sort_unstable();
        writes.dedup();
        writes
    }

    /// Puts into `image` what a power cut leaves, with the length of that number.
    pub fn leave(&self, choice: Choice, len: usize, image: &mut Vec<u8>) {
        image.clear();
        if choice == Choice::NoFile {
            return; // an empty one is as good as none
        }
        let len = self.lens.get(len).copied().unwrap_or(self.len);
        image.extend_from_slice(&self.durable[..len.min(self.durable.len())]);
        image.resize(len, 0);
        let writes = self.pending_writes();
        let mut rng = crate::rng::Rng::new(match choice {
            Choice::Random(seed) => seed,
            _ => 0,
        });
        let odds = 1 + rng.below(8);
        for (number, (&sector, versions)) in self.pending.iter().enumerate() {
            let picked = pick(choice, number, versions, &writes, odds, &mut rng);
            let at = sector * SECTOR;
            if at < len {
                let end = len.min(at + SECTOR);
                image[at..end].copy_from_slice(&versions[picked].bytes[..end - at]);
            }
        }
    }
}

/// Returns which content a sector has: the number of one of `versions`.
fn pick(
    choice: Choice,
    number: usize,
    versions: &[Version],
    writes: &[u32],
    odds: usize,
    rng: &mut crate::rng::Rng,
) -> usize {
    let last = versions.len() - 1;
    // The newest content of a write that `keeps` tells to be there.
    let newest = |keeps: &dyn Fn(u32) -> bool| {
        (1..=last)
            .rev()
            .find(|&version| keeps(versions[version].write))
            .unwrap_or(0)
    };
    let kept = |is_kept: bool| if is_kept { last } else { 0 };
    match choice {
        Choice::AllLost | Choice::NoFile => 0,
        Choice::AllKept => last,
        Choice::WriteLost(write) => newest(&|other| other != writes[write]),
        Choice::WriteKept(write) => newest(&|other| other == writes[write]),
        Choice::Before(write) => newest(&|other| other < writes[write]),
        Choice::From(write) => newest(&|other| other >= writes[write]),
        Choice::SectorLost(lost) => kept(number != lost),
        Choice::SectorKept(only) => kept(number == only),
        Choice::SectorsBefore(end) => kept(number < end),
        Choice::SectorsFrom(start) => kept(number >= start),
        Choice::Random(_) if rng.below(9) < odds => rng.below(last + 1),
        Choice::Random(_) => kept(rng.below(2) == 0),
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
