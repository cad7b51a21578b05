//! Where things are in a data file: for tests that damage one at a chosen place.
//!
//! The offsets are written down here a second time, from the format document alone, so that they are not wrong in
//! the same way as those of the engine. Files are taken to be sound.

#![allow(dead_code, reason = "no test file needs all of it")]

use std::path::Path;

/// Where fields are in a page header.
pub(crate) mod header {
    pub(crate) const TXNID: usize = 0;
    pub(crate) const DUPFIX_KSIZE: usize = 8;
    pub(crate) const FLAGS: usize = 10;
    pub(crate) const LOWER: usize = 12;
    pub(crate) const UPPER: usize = 14;
    pub(crate) const LARGE_PAGES: usize = 12;
    pub(crate) const PGNO: usize = 16;
    pub(crate) const LEN: usize = 20;
}

/// Where fields are in a node.
pub(crate) mod node {
    pub(crate) const WORD: usize = 0;
    pub(crate) const FLAGS: usize = 4;
    pub(crate) const EXTRA: usize = 5;
    pub(crate) const KSIZE: usize = 6;
    pub(crate) const KEY: usize = 8;
}

/// Where fields are in a tree record.
pub(crate) mod record {
    pub(crate) const FLAGS: usize = 0;
    pub(crate) const HEIGHT: usize = 2;
    pub(crate) const DUPFIX_SIZE: usize = 4;
    pub(crate) const ROOT: usize = 8;
    pub(crate) const BRANCH_PAGES: usize = 12;
    pub(crate) const LEAF_PAGES: usize = 16;
    pub(crate) const LARGE_PAGES: usize = 20;
    pub(crate) const SEQUENCE: usize = 24;
    pub(crate) const ITEMS: usize = 32;
    pub(crate) const MOD_TXNID: usize = 40;
    pub(crate) const LEN: usize = 48;
}

/// Where fields are in a meta page.
pub(crate) mod meta {
    pub(crate) const MAGIC: usize = 20;
    pub(crate) const TXNID_A: usize = 28;
    pub(crate) const LOWER: usize = 44;
    pub(crate) const UPPER: usize = 48;
    pub(crate) const NOW: usize = 52;
    pub(crate) const FIRST_UNALLOCATED: usize = 56;
    pub(crate) const GC: usize = 60;
    pub(crate) const PAGE_SIZE: usize = 64;
    pub(crate) const MAIN: usize = 108;
    pub(crate) const SIGN: usize = 188;
    pub(crate) const TXNID_B: usize = 196;
    pub(crate) const BOOT_ID: usize = 212;
    pub(crate) const END: usize = 244;
}

/// The bytes of a data file. Places are byte offsets from its start.
#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) bytes: Vec<u8>,
    pub(crate) page_size: usize,
}

impl Image {
    pub(crate) fn read(path: &Path) -> Image {
        let bytes = std::fs::read(path).unwrap();
        let mut image = Image {
            bytes,
            page_size: 0,
        };
        image.page_size = image.u32(meta::PAGE_SIZE) as usize;
        image
    }

    pub(crate) fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.bytes[at..at + 2].try_into().unwrap())
    }

    pub(crate) fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.bytes[at..at + 4].try_into().unwrap())
    }

    pub(crate) fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.bytes[at..at + 8].try_into().unwrap())
    }

    pub(crate) fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    pub(crate) fn put_u16(&mut self, at: usize, value: u16) {
        self.put(at, &value.to_le_bytes());
    }

    pub(crate) fn put_u32(&mut self, at: usize, value: u32) {
        self.put(at, &value.to_le_bytes());
    }

    pub(crate) fn put_u64(&mut self, at: usize, value: u64) {
        self.put(at, &value.to_le_bytes());
    }

    /// Returns where page `pgno` starts.
    pub(crate) fn page(&self, pgno: u32) -> usize {
        pgno as usize * self.page_size
    }

    /// Returns the number of the newest meta.
    pub(crate) fn newest_meta(&self) -> u32 {
        (0..3)
            .max_by_key(|&number| self.u64(self.page(number) + meta::TXNID_A))
            .unwrap()
    }

    /// Returns where the newest meta starts.
    pub(crate) fn head(&self) -> usize {
        self.page(self.newest_meta())
    }

    /// Returns the first page that was never used.
    pub(crate) fn end(&self) -> u32 {
        self.u32(self.head() + meta::FIRST_UNALLOCATED)
    }

    /// Returns where the record of the table of free pages is.
    pub(crate) fn gc(&self) -> usize {
        self.head() + meta::GC
    }

    /// Returns where the record of the main table is.
    pub(crate) fn main(&self) -> usize {
        self.head() + meta::MAIN
    }

    /// Returns where the record of the table `name` is.
    pub(crate) fn table(&self, name: &str) -> usize {
        let (leaf, index) = self.find(self.main(), name.as_bytes());
        self.data(self.nodes(leaf)[index])
    }

    /// Returns where the nodes of the page `pgno` are, in the order of its entries.
    pub(crate) fn nodes(&self, pgno: u32) -> Vec<usize> {
        self.nodes_at(self.page(pgno))
    }

    /// Returns where the nodes of the page or sub-page at `page` are.
    pub(crate) fn nodes_at(&self, page: usize) -> Vec<usize> {
        let body = page + header::LEN;
        (0..usize::from(self.u16(page + header::LOWER)) / 2)
            .map(|index| body + usize::from(self.u16(body + 2 * index)))
            .collect()
    }

    /// Returns the key of a node.
    pub(crate) fn key(&self, at: usize) -> &[u8] {
        &self.bytes[at + node::KEY..self.data(at)]
    }

    /// Returns where the data of a leaf node is.
    pub(crate) fn data(&self, at: usize) -> usize {
        at + node::KEY + usize::from(self.u16(at + node::KSIZE))
    }

    /// Returns the pages of the tree whose record is at `tree`: each before those below it, in the order of keys.
    pub(crate) fn pages(&self, tree: usize) -> Vec<u32> {
        let mut pages = Vec::new();
        if self.u32(tree + record::ROOT) != u32::MAX {
            self.add_pages(self.u32(tree + record::ROOT), &mut pages);
        }
        pages
    }

    fn add_pages(&self, pgno: u32, pages: &mut Vec<u32>) {
        pages.push(pgno);
        if self.is_branch(pgno) {
            for at in self.nodes(pgno) {
                self.add_pages(self.u32(at + node::WORD), pages);
            }
        }
    }

    /// Returns whether the page is a branch page.
    pub(crate) fn is_branch(&self, pgno: u32) -> bool {
        self.u16(self.page(pgno) + header::FLAGS) == 1
    }

    /// Returns the leaves of a tree, in order.
    pub(crate) fn leaves(&self, tree: usize) -> Vec<u32> {
        let pages = self.pages(tree).into_iter();
        pages.filter(|&pgno| !self.is_branch(pgno)).collect()
    }

    /// Returns the branch pages of a tree, the root first.
    pub(crate) fn branches(&self, tree: usize) -> Vec<u32> {
        let pages = self.pages(tree).into_iter();
        pages.filter(|&pgno| self.is_branch(pgno)).collect()
    }

    /// Returns the leaf and the index of the entry with `key`.
    pub(crate) fn find(&self, tree: usize, key: &[u8]) -> (u32, usize) {
        let found = self.leaves(tree).into_iter().find_map(|leaf| {
            let nodes = self.nodes(leaf);
            let index = nodes.iter().position(|&at| self.key(at) == key);
            index.map(|index| (leaf, index))
        });
        found.expect("the table has the key")
    }

    /// Returns where the node with `key` is.
    pub(crate) fn node_of(&self, tree: usize, key: &[u8]) -> usize {
        let (leaf, index) = self.find(tree, key);
        self.nodes(leaf)[index]
    }
}
