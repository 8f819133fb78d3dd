//! Bytes that were taken out of an image and must be nowhere in its output.
//!
//! As with a secret's value, the type that holds them cannot be printed, compared, copied or written
//! out; it lends them to the search that proves them gone. A constant below fails to compile if that
//! changes.

use crate::secret::{never, wipe};

/// Bytes kept of one run at most: where these are not, the whole run is not.
pub(super) const LONGEST: usize = 1024 * 1024;

/// Bytes that must be nowhere in the output. Zeroed when dropped.
pub struct Excised(Vec<u8>);

impl Excised {
    /// Takes the bytes over, the first mebibyte of them.
    pub fn new(mut bytes: Vec<u8>) -> Self {
        if let Some(rest) = bytes.get_mut(LONGEST..) {
            wipe(rest);
            bytes.truncate(LONGEST);
        }
        Self(bytes)
    }

    /// Room for a run of so many bytes, which [`push`](Self::push) fills without moving them.
    pub(super) fn with_room(length: u64) -> Self {
        Self(Vec::with_capacity(usize::try_from(length).unwrap_or(LONGEST).min(LONGEST)))
    }

    /// Adds bytes as far as there is room.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let room = self.0.capacity().min(LONGEST).saturating_sub(self.0.len());
        self.0.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    /// Lends the bytes to a search.
    pub fn with<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        look(&self.0)
    }

    /// How many bytes.
    pub fn length(&self) -> usize {
        self.0.len()
    }
}

impl Drop for Excised {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

never!(
    Excised: std::fmt::Debug, std::fmt::Display, std::fmt::LowerHex, serde::Serialize, Clone, PartialEq,
    std::hash::Hash, AsRef<[u8]>, AsRef<str>, std::ops::Deref, Into<Vec<u8>>, Into<String>, std::error::Error
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_lent_and_long_runs_are_cut() {
        let excised = Excised::new(b"abc".to_vec());
        assert_eq!((excised.length(), excised.with(|bytes| bytes == b"abc")), (3, true));
        assert_eq!(Excised::new(vec![1; LONGEST + 5]).length(), LONGEST);
    }
}
