//! Runs of text in a binary file: the only parts of it that hold tokens and keys.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::ops::Range;

use regex_syntax::hir::{Class, Hir, HirKind};

/// Every run of so many characters is told; of shorter ones those that fill a block.
pub(super) const LONGEST_MISSED: usize = 2 * BLOCK - 2;

/// Bytes that are looked at together.
const BLOCK: usize = 8;

/// Parts of the bytes that are text, each as long as it can be, in order.
pub(super) fn of(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0_usize;
    std::iter::from_fn(move || {
        loop {
            let block = bytes.get(at..)?.first_chunk::<BLOCK>()?;
            if is_text(*block) {
                break;
            }
            at = at.saturating_add(BLOCK);
        }
        let before = bytes.get(at.saturating_sub(BLOCK)..at).unwrap_or_default();
        let start = at.saturating_sub(before.iter().rev().take_while(|byte| is_character(**byte)).count());
        let mut end = at.saturating_add(BLOCK);
        while let Some(block) = bytes.get(end..).and_then(<[u8]>::first_chunk::<BLOCK>)
            && is_text(*block)
        {
            end = end.saturating_add(BLOCK);
        }
        let rest = bytes.get(end..).unwrap_or_default();
        end = end.saturating_add(rest.iter().take_while(|byte| is_character(**byte)).count());
        // the byte behind a run is none of text, so no block with it is
        at = end.saturating_sub(end % BLOCK).saturating_add(BLOCK);
        Some(start..end)
    })
}

/// Whether a pattern asks for characters alone; what may be anything but some of them is meant for text as well.
pub(super) fn has_only_text(pattern: &Hir) -> bool {
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(Class::Unicode(_)) => true,
        HirKind::Literal(literal) => literal.0.iter().all(|byte| is_character(*byte)),
        HirKind::Class(Class::Bytes(class)) => {
            class.ranges().iter().any(|range| range.start() < 0x80 && range.end() >= FIRST)
        }
        HirKind::Repetition(repetition) => has_only_text(&repetition.sub),
        HirKind::Capture(capture) => has_only_text(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().all(has_only_text),
    }
}

/// ASCII but the first control characters and DEL, by which nothing is told apart here.
const FIRST: u8 = b'\t';

fn is_character(byte: u8) -> bool {
    (FIRST..0x80).contains(&byte)
}

/// Whether all bytes of a block are characters: with their high bits set, none borrows from its neighbour.
#[inline]
fn is_text(block: [u8; BLOCK]) -> bool {
    const HIGH: u64 = u64::from_ne_bytes([0x80; BLOCK]);
    const LEAST: u64 = u64::from_ne_bytes([FIRST; BLOCK]);
    let block = u64::from_le_bytes(block);
    (block | HIGH).wrapping_sub(LEAST) & !block & HIGH == HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_runs_are_told_wherever_they_begin_and_end() {
        for before in 0..20 {
            for after in 0..20 {
                for length in [0, 1, 7, 8, 14, 15, 16, 23, 40, 100] {
                    let bytes = [vec![0; before], vec![b'a'; length], vec![0x80; after]].concat();
                    let found: Vec<_> = of(&bytes).collect();
                    let is_told = length > LONGEST_MISSED || !found.is_empty();
                    let expected: Vec<_> = is_told.then_some(before..before + length).into_iter().collect();
                    assert_eq!(found, expected, "{before} {length} {after}");
                }
            }
        }
    }

    #[test]
    fn same_as_a_search_byte_by_byte() {
        let mut state = 1_u32;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if state >> 27 == 0 { (state >> 8 & 0xff) as u8 } else { b' ' + (state >> 20 & 0x3f) as u8 }
        })
        .take(20_000)
        .collect();
        let mut expected = Vec::new();
        let mut start = 0;
        for (end, byte) in bytes.iter().chain(&[0]).enumerate() {
            if !is_character(*byte) {
                if end > start + LONGEST_MISSED {
                    expected.push(start..end);
                }
                start = end + 1;
            }
        }
        let found: Vec<_> = of(&bytes).filter(|run| run.len() > LONGEST_MISSED).collect();
        assert!(expected.len() > 50);
        assert_eq!(found, expected);
    }
}
