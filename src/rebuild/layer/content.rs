//! Bytes of members: those that are taken out are collected, those that are blanked or locked are changed.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::io::{BufRead as _, Read};

use super::unreadable;
use crate::error::{Error, Result};
use crate::pass::tar::TarReader;
use crate::rebuild::excised::{Excised, LONGEST};
use crate::rebuild::{Edit, Member, Span};
use crate::size::ByteSize;

/// Bytes of one layer that are held to prove them gone.
pub const MOST_EXCISED: u64 = 64 * 1024 * 1024;

/// Spans of one member.
const MOST_SPANS: usize = 10_000;

/// Collects runs of a member's content while it passes.
pub struct Collector {
    runs: Vec<(Span, Excised)>,
}

impl Collector {
    /// For these spans of a content of `size` bytes, of which `room` may be held.
    pub fn new(spans: &[Span], size: u64, room: &mut u64) -> Result<Self> {
        if spans.len() > MOST_SPANS {
            return Err(Error::malformed(format!("more than {MOST_SPANS} places of one file are to be taken out")));
        }
        let mut runs = Vec::with_capacity(spans.len());
        for span in spans {
            if span.offset.checked_add(span.length).is_none_or(|end| end > size) {
                let what = format!("bytes to be taken out lie behind the end of a file of {}", ByteSize(size));
                return Err(Error::malformed(what));
            }
            let held = span.length.min(LONGEST as u64);
            *room = room.checked_sub(held).ok_or_else(|| {
                Error::limit(format!("more than {} of one layer are to be taken out", ByteSize(MOST_EXCISED)))
            })?;
            if held > 0 {
                runs.push((*span, Excised::with_room(held)));
            }
        }
        Ok(Self { runs })
    }

    /// Where the last run ends.
    fn end(&self) -> u64 {
        self.runs.iter().map(|(span, _)| end_of(*span)).max().unwrap_or_default()
    }

    /// Looks at content from `at` on, which comes in order.
    pub(super) fn see(&mut self, at: u64, bytes: &[u8]) {
        for (span, excised) in &mut self.runs {
            if let Some(part) = overlap(*span, at, bytes.len()).and_then(|range| bytes.get(range)) {
                excised.push(part);
            }
        }
    }

    /// What was collected, in the order of the spans; those without bytes are left out.
    pub fn into_excised(self) -> impl Iterator<Item = Excised> {
        self.runs.into_iter().map(|(_, excised)| excised)
    }

    /// Reads content of the current member as far as there are runs in it, holes passed over.
    pub fn read<R: Read>(&mut self, members: &mut TarReader<R>) -> Result<()> {
        let (mut at, end) = (0_u64, self.end());
        while at < end {
            let hole = members.skip_hole();
            if hole > 0 {
                let after = at.saturating_add(hole);
                if self.runs.iter().any(|(span, _)| span.offset < after && end_of(*span) > at) {
                    return Err(Error::malformed("bytes to be taken out lie in a hole of a sparse file"));
                }
                at = after;
                continue;
            }
            let bytes = members.fill_buf().map_err(unreadable)?;
            let count = bytes.len();
            if count == 0 {
                return Err(Error::malformed("a file ends before the bytes that are to be taken out"));
            }
            self.see(at, bytes);
            members.consume(count);
            at = at.saturating_add(count as u64);
        }
        Ok(())
    }
}

/// Puts `*` where a span lies on content that begins at `at`.
pub(super) fn blank(spans: &[Span], at: u64, bytes: &mut [u8]) {
    for span in spans {
        if let Some(part) = overlap(*span, at, bytes.len()).and_then(|range| bytes.get_mut(range)) {
            part.fill(b'*');
        }
    }
}

/// Makes of a whole content what the edits of its member make of it in its own layer, so that no copy has what goes there.
/// Passwords are left: an edit of the copy says whose are locked.
pub fn mend(content: &mut Vec<u8>, member: &Member, edits: &[&Edit]) {
    let is_own = |other: &Member| (other.layer, other.member) == (member.layer, member.member);
    for edit in edits {
        match edit {
            Edit::BlankBytes { member, spans } if is_own(member) => blank(spans, 0, content),
            Edit::Truncate { member } if is_own(member) => content.clear(),
            _ => {}
        }
    }
}

/// The part of `length` bytes from `at` on that a span covers.
fn overlap(span: Span, at: u64, length: usize) -> Option<std::ops::Range<usize>> {
    let start = span.offset.saturating_sub(at);
    let end = end_of(span).saturating_sub(at).min(length as u64);
    (start < end).then(|| Some(usize::try_from(start).ok()?..usize::try_from(end).ok()?))?
}

fn end_of(span: Span) -> u64 {
    span.offset.saturating_add(span.length)
}

/// `passwd` or `shadow` with `!` in the second field of the lines of `user`, where it is empty (passwd(5), shadow(5)).
/// `None` if there is no such line.
pub fn lock_password(content: &[u8], user: &str) -> Option<Vec<u8>> {
    let mut locked = Vec::with_capacity(content.len().saturating_add(1));
    let mut is_changed = false;
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        let rest = line.strip_prefix(user.as_bytes()).and_then(|rest| rest.strip_prefix(b":"));
        match rest {
            Some(rest) if !user.is_empty() && rest.starts_with(b":") => {
                is_changed = true;
                locked.extend_from_slice(user.as_bytes());
                locked.extend_from_slice(b":!");
                locked.extend_from_slice(rest);
            }
            _ => locked.extend_from_slice(line),
        }
    }
    is_changed.then_some(locked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_empty_passwords_of_the_user_are_locked() {
        let cases = [
            ("root::0:0::/root:/bin/sh\n", "root", Some("root:!:0:0::/root:/bin/sh\n")),
            ("a:x:\nroot::19000::\nrooty::\n", "root", Some("a:x:\nroot:!:19000::\nrooty::\n")),
            ("root::1", "root", Some("root:!:1")),
            ("root::1\nroot::2\n", "root", Some("root:!:1\nroot:!:2\n")),
            ("root:*:1\n", "root", None),
            ("root:x:1\n", "roo", None),
            ("::1\n", "", None),
            ("", "root", None),
            (" root::1\n", "root", None),
        ];
        for (before, user, after) in cases {
            let locked = lock_password(before.as_bytes(), user);
            assert_eq!(locked.as_deref(), after.map(str::as_bytes), "{before}");
        }
    }

    #[test]
    fn runs_are_collected_across_pieces() {
        let spans = [(0, 2), (1, 4), (7, 3), (9, 0)].map(|(offset, length)| Span { offset, length });
        let mut room = 100;
        let mut collector = Collector::new(&spans, 10, &mut room).expect("within");
        let content = b"0123456789";
        for (index, piece) in content.chunks(3).enumerate() {
            collector.see(index as u64 * 3, piece);
        }
        let texts: Vec<Vec<u8>> = collector.into_excised().map(|excised| excised.with(<[u8]>::to_vec)).collect();
        assert_eq!(texts, [&b"01"[..], b"1234", b"789"]);
        assert_eq!(room, 91);
        let mut blanked = content.to_vec();
        for (index, piece) in blanked.chunks_mut(4).enumerate() {
            blank(&spans[1..3], index as u64 * 4, piece);
        }
        assert_eq!(blanked, b"0****56***");
        for (offset, length) in [(8, 3), (u64::MAX, 2), (11, 0)] {
            assert!(Collector::new(&[Span { offset, length }], 10, &mut room).is_err());
        }
        assert!(Collector::new(&[Span { offset: 0, length: 10 }], 10, &mut 9).is_err());
    }
}
