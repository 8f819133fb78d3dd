//! Listens to an archive as it is read, and gives on what is no member of it.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use crate::collect::OVERLAP;

use super::Beside;

/// Bytes that are given on at once.
const WINDOW: usize = 1 << 20;

/// A reader, and who listens.
pub(super) struct Tap<'t, 'b> {
    reader: &'t mut dyn Read,
    beside: &'t Beside<'b>,
    /// The archive's place in the outer file.
    place: Vec<u8>,
    /// Whether a member is read.
    is_member: Rc<Cell<bool>>,
    window: Vec<u8>,
    /// Bytes at the start of the window that were given on with the last.
    given: usize,
}

impl<'t, 'b> Tap<'t, 'b> {
    pub(super) fn new(
        reader: &'t mut dyn Read,
        beside: &'t Beside<'b>,
        place: Vec<u8>,
        is_member: Rc<Cell<bool>>,
    ) -> Self {
        Self { reader, beside, place, is_member, window: Vec::new(), given: 0 }
    }

    /// Reads what is left, and gives it on.
    pub(super) fn finish(mut self) {
        // what is damaged, those who read it have told
        let _ = io::copy(&mut self, &mut io::sink());
        self.give();
    }

    fn give(&mut self) {
        if self.window.len() > self.given {
            (self.beside.borrow_mut())(&self.place, &self.window);
        }
        let done = self.window.len().saturating_sub(OVERLAP);
        self.window.drain(..done);
        self.given = self.window.len();
    }
}

impl Read for Tap<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        if self.is_member.get() {
            if !self.window.is_empty() {
                self.give();
                (self.window, self.given) = (Vec::new(), 0);
            }
            return Ok(count);
        }
        self.window.extend_from_slice(buffer.get(..count).unwrap_or_default());
        if self.window.len() >= WINDOW {
            self.give();
        }
        Ok(count)
    }
}
