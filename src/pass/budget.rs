//! The bound on memory: bytes of files that are in the hands of collectors.

use std::sync::{Condvar, Mutex, PoisonError};

use crate::size::ByteSize;

/// Counts bytes taken by readers and given back by tasks.
#[derive(Debug)]
pub(super) struct Budget {
    taken: Mutex<u64>,
    freed: Condvar,
    limit: u64,
    /// Beyond this, readers run their batches themselves: the tasks are behind already.
    soft: u64,
}

impl Budget {
    pub(super) fn new(limit: ByteSize) -> Self {
        Self { taken: Mutex::new(0), freed: Condvar::new(), limit: limit.bytes(), soft: limit.bytes() / 8 }
    }

    /// Takes `bytes`, waiting until tasks have given enough back. One taker may always proceed when
    /// nothing is taken, however much it wants.
    pub(super) fn take(&self, bytes: u64) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken > 0 && taken.saturating_add(bytes) > self.limit {
            taken = self.freed.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken = taken.saturating_add(bytes);
    }

    /// Takes `bytes` that are in use already, beside others.
    pub(super) fn add(&self, bytes: u64) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        *taken = taken.saturating_add(bytes);
    }

    /// Gives `bytes` back.
    pub(super) fn give(&self, bytes: u64) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        *taken = taken.saturating_sub(bytes);
        drop(taken);
        self.freed.notify_all();
    }

    /// How many bytes of memory may wait for their next use beside what is taken: with that, half of the limit.
    pub(super) fn spare(&self) -> usize {
        let taken = *self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        usize::try_from((self.limit / 2).saturating_sub(taken)).unwrap_or(usize::MAX)
    }

    /// Whether tasks are so far behind that a reader should lend a hand.
    pub(super) fn is_strained(&self) -> bool {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) > self.soft
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takers_wait_for_what_is_given_back() {
        let budget = Budget::new(ByteSize(100));
        budget.take(80);
        assert!(budget.is_strained());
        assert_eq!(budget.spare(), 0);
        std::thread::scope(|scope| {
            scope.spawn(|| budget.take(50));
            budget.give(80);
        });
        budget.give(50);
        budget.take(1_000);
        budget.give(1_000);
        assert!(!budget.is_strained());
        assert_eq!(budget.spare(), 50);
    }
}
