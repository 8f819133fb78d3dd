//! Memory for files on their way to collectors, used again and again: fresh pages cost as much time as hashing what fills them.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

use crate::collect::WINDOW;

use super::buffer::BUFFER_SIZE;

/// Bytes of files, one after the other.
///
/// Memory is cleared when it is first used, not for each use: what is behind [`bytes`](Self::bytes) may be of an
/// earlier file, and is never shown.
#[derive(Debug, Default)]
pub(super) struct Memory {
    room: Vec<u8>,
    filled: usize,
}

impl Memory {
    fn with_capacity(size: usize) -> Self {
        Self { room: Vec::with_capacity(size), filled: 0 }
    }

    /// What was put in.
    pub(super) fn bytes(&self) -> &[u8] {
        self.room.get(..self.filled).unwrap_or_default()
    }

    /// How many bytes were put in.
    pub(super) fn len(&self) -> usize {
        self.filled
    }

    /// How many bytes of memory were touched.
    pub(super) fn touched(&self) -> usize {
        self.room.len()
    }

    /// How many bytes fit without asking for more memory.
    pub(super) fn capacity(&self) -> usize {
        self.room.capacity()
    }

    /// Puts `bytes` behind what is there.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        let end = self.filled.saturating_add(bytes.len());
        if let Some(room) = self.room_to(end) {
            room.copy_from_slice(bytes);
            self.filled = end;
        }
    }

    /// Reads `size` bytes behind what is there, or as many as there are before the end, and tells how many.
    ///
    /// Memory is touched only as it is filled: a header may claim more than follows.
    pub(super) fn fill(&mut self, reader: &mut impl Read, size: usize) -> io::Result<usize> {
        self.room.reserve_exact(self.filled.saturating_add(size).saturating_sub(self.room.len()));
        let mut left = size;
        while left > 0 {
            // piece by piece, so that each is hashed while it is in the cache
            let end = self.filled.saturating_add(left.min(BUFFER_SIZE));
            let Some(room) = self.room_to(end) else { break };
            match reader.read(room) {
                Ok(0) => break,
                Ok(count) => {
                    let count = count.min(room.len());
                    self.filled = self.filled.saturating_add(count);
                    left = left.saturating_sub(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(size.saturating_sub(left))
    }

    /// The room behind what is there up to `end`, made where it is missing.
    fn room_to(&mut self, end: usize) -> Option<&mut [u8]> {
        if self.room.len() < end {
            self.room.resize(end, 0);
        }
        self.room.get_mut(self.filled..end)
    }
}

/// How many times as large as asked for the memory of a large file may be.
const LARGER: usize = 4;

/// Memory between two uses.
#[derive(Debug, Default)]
pub(super) struct Pool {
    kept: Mutex<VecDeque<Memory>>,
}

impl Pool {
    /// Empty memory for `size` bytes, of which not many times as many may have been touched. Of what else is kept, `most` bytes stay.
    pub(super) fn take(&self, size: usize, most: usize) -> Memory {
        // in steps, so that files of about one size can follow each other; what is not touched costs nothing
        let size = if size > WINDOW { size.next_multiple_of(size.next_power_of_two() / 4) } else { size };
        let largest = if size > WINDOW { size.saturating_mul(LARGER) } else { WINDOW.saturating_mul(2) };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = kept.iter().enumerate().filter(|(_, memory)| (size..=largest).contains(&memory.capacity()));
        // of those that fit as well, the one that was used last
        let best = fitting.rev().min_by_key(|(_, memory)| memory.capacity()).map(|(index, _)| index);
        let best = best.and_then(|index| kept.remove(index));
        let let_go = oldest_beyond(&mut kept, most);
        drop(kept);
        drop(let_go);
        best.unwrap_or_else(|| Memory::with_capacity(size))
    }

    /// Takes memory back, for the next use. Of all that is kept, `most` bytes stay.
    pub(super) fn give(&self, mut memory: Memory, most: usize) {
        memory.filled = 0;
        if memory.capacity() == 0 {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back(memory);
        let let_go = oldest_beyond(&mut kept, most);
        drop(kept);
        // the system takes its time
        drop(let_go);
    }

    /// Lets go of what is kept.
    pub(super) fn clear(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Takes out what has been unused for longest, until `most` bytes are left.
fn oldest_beyond(kept: &mut VecDeque<Memory>, most: usize) -> Vec<Memory> {
    let mut bytes: usize = kept.iter().map(Memory::touched).fold(0, usize::saturating_add);
    let mut taken = Vec::new();
    while bytes > most
        && let Some(oldest) = kept.pop_front()
    {
        bytes = bytes.saturating_sub(oldest.touched());
        taken.push(oldest);
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_left_is_not_shown_with_the_next() {
        let pool = Pool::default();
        let mut memory = pool.take(8, 99);
        assert_eq!(memory.fill(&mut &b"password"[..], 8).expect("reads memory"), 8);
        memory.extend(b" and more");
        assert_eq!(memory.bytes(), b"password and more");
        pool.give(memory, 99);
        let mut again = pool.take(8, 99);
        assert!(again.capacity() >= 17, "it is the same");
        assert_eq!((again.bytes(), again.len()), (&b""[..], 0));
        assert_eq!(again.fill(&mut &b"two"[..], 8).expect("reads memory"), 3);
        assert_eq!(again.bytes(), b"two");
    }

    #[test]
    fn a_claim_of_much_touches_little() {
        let mut memory = Memory::default();
        let mut reader = &[7; 1000][..];
        assert_eq!(memory.fill(&mut reader, 1 << 30).expect("reads memory"), 1000);
        assert_eq!(memory.bytes(), [7; 1000]);
        assert!(memory.room.len() <= BUFFER_SIZE + 1000);
    }

    #[test]
    fn an_error_keeps_what_was_read_before() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("it fails"))
            }
        }
        let mut memory = Memory::default();
        assert!(memory.fill(&mut b"one".chain(Failing), 9).is_err());
        assert_eq!(memory.bytes(), b"one");
    }

    #[test]
    fn what_is_kept_is_bounded_and_fits() {
        const MIB: usize = 1 << 20;
        const KEPT: usize = 32 * MIB;
        let pool = Pool::default();
        let used = |size| Memory { room: vec![0; size], filled: size };
        let kept = || pool.kept.lock().expect("nobody panics").iter().map(Memory::capacity).collect::<Vec<_>>();
        for _ in 0..100 {
            pool.give(used(MIB), KEPT);
        }
        assert_eq!(kept().len(), KEPT / MIB);
        pool.give(used(5 * MIB), KEPT);
        assert_eq!(kept().iter().sum::<usize>(), KEPT);
        assert_eq!(pool.take(3 * MIB, KEPT).capacity(), 5 * MIB);
        assert_eq!(pool.take(3 * MIB, KEPT).capacity(), 3 * MIB, "the others are too small");
        pool.give(used(9 * MIB), KEPT);
        assert_eq!(pool.take(2 * MIB, KEPT).capacity(), 2 * MIB, "the other is too large");
        assert_eq!(pool.take(3 * MIB, KEPT).capacity(), 9 * MIB);
        pool.give(used(5 * MIB), KEPT);
        assert_eq!(pool.take(100, KEPT).capacity(), MIB, "the other is too large");
        assert_eq!(pool.take(17 * MIB - 9, KEPT).capacity(), 24 * MIB, "in steps of a quarter");
        pool.take(100, 3 * MIB);
        assert_eq!(kept(), [5 * MIB; 0], "the rest is let go");
        pool.give(used(KEPT + 1), KEPT);
        assert!(kept().is_empty());
    }
}
