//! The hash by which cached blobs are found: the same in every process, so that what the cache
//! gives up, and with it every operation on files, follows from what was asked alone.
//!
//! Its keys are numbers that the cache gives out and offsets, which nobody outside can choose.

use std::hash::{BuildHasherDefault, Hasher};

/// Makes hashers of places.
pub(super) type PlaceHash = BuildHasherDefault<PlaceHasher>;

/// Mixes the words of a key (the finalizer of MurmurHash3 after each).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PlaceHasher(u64);

impl Hasher for PlaceHasher {
    fn write_u64(&mut self, word: u64) {
        let mut bits = self.0.rotate_left(23) ^ word;
        bits = (bits ^ (bits >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
        bits = (bits ^ (bits >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
        self.0 = bits ^ (bits >> 33);
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
