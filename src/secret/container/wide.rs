//! Text in UTF-16 and UTF-32 (RFC 2781; the Unicode Standard, chapter 3.10), whichever byte comes first, with a mark or
//! without, and the stretches of UTF-16 that programs and registries of Windows hold.

use std::ops::Range;

/// Bytes by which text without a mark is told.
const PROBE: usize = 4_096;

/// Fewest bytes of text without a mark.
const SHORTEST: usize = 16;

/// Fewest characters of a stretch in a binary file.
const STRETCH: usize = 12;

/// How wide text is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wide {
    /// Bytes of a unit: 2 or 4.
    unit: usize,
    is_big: bool,
    /// Bytes of the mark at the start.
    mark: usize,
}

impl Wide {
    /// Judges by the first bytes.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let wide = |unit, is_big, mark| Some(Self { unit, is_big, mark });
        match bytes {
            [0xff, 0xfe, 0, 0, ..] => return wide(4, false, 4),
            [0, 0, 0xfe, 0xff, ..] => return wide(4, true, 4),
            [0xff, 0xfe, ..] => return wide(2, false, 2),
            [0xfe, 0xff, ..] => return wide(2, true, 2),
            _ => {}
        }
        let probe = bytes.get(..PROBE).unwrap_or(bytes);
        if let Some(is_big) = of_scripts(probe) {
            return wide(2, is_big, 0);
        }
        if probe.len() < SHORTEST || probe.iter().take(SHORTEST).filter(|byte| **byte == 0).count() < SHORTEST / 3 {
            return None;
        }
        let (pairs, _) = probe.as_chunks::<2>();
        let is_text = |byte: u8| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e);
        let most = pairs.len().saturating_mul(9) / 10;
        let little = pairs.iter().filter(|[low, high]| *high == 0 && is_text(*low)).count();
        let big = pairs.iter().filter(|[high, low]| *high == 0 && is_text(*low)).count();
        if little > most {
            wide(2, false, 0)
        } else if big > most {
            wide(2, true, 0)
        } else {
            None
        }
    }

    /// How a database of `SQLite` stores texts, by the last byte of the field for that in its header; none for UTF-8.
    pub(super) fn of_sqlite(coding: u8) -> Option<Self> {
        matches!(coding, 2 | 3).then_some(Self { unit: 2, is_big: coding == 3, mark: 0 })
    }

    /// The text in UTF-8. What is no character becomes the replacement character.
    pub(super) fn decode(self, bytes: &[u8]) -> Vec<u8> {
        let body = bytes.get(self.mark..).unwrap_or_default();
        let mut text = Vec::with_capacity(body.len() / 2);
        let mut push = |character: char| {
            let mut buffer = [0; 4];
            text.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
        };
        if self.unit == 4 {
            for chunk in body.as_chunks::<4>().0 {
                let code = if self.is_big { u32::from_be_bytes(*chunk) } else { u32::from_le_bytes(*chunk) };
                push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        } else {
            let units = body.as_chunks::<2>().0.iter();
            let units =
                units.map(|pair| if self.is_big { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) });
            for character in char::decode_utf16(units) {
                push(character.unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        }
        text
    }

    /// Where the byte of `text` at `at` begins in what it was decoded from, if `known` is one such pair before it.
    pub(super) fn position(self, text: &[u8], known: (usize, usize), at: usize) -> usize {
        let part = text.get(known.0..at).unwrap_or_default();
        let units = part.iter().fold(0_usize, |units, byte| {
            units.saturating_add(match byte {
                // beyond the first plane a character has two units of UTF-16
                0xf0..=0xff if self.unit == 2 => 2,
                0x80..=0xbf => 0,
                _ => 1,
            })
        });
        known.1.max(self.mark).saturating_add(units.saturating_mul(self.unit))
    }

    /// Line feeds in a part of the bytes.
    pub(super) fn line_feeds(self, bytes: &[u8], part: Range<usize>) -> u64 {
        let part = bytes.get(part).unwrap_or_default();
        let is_feed = |unit: &[u8]| {
            let (value, zeros) = if self.is_big { unit.split_last()? } else { unit.split_first()? };
            (*value == b'\n' && zeros.iter().all(|byte| *byte == 0)).then_some(())
        };
        part.chunks_exact(self.unit).filter_map(is_feed).count() as u64
    }
}

/// Most scripts of a text: Latin, one or two others, punctuation.
const SCRIPTS: usize = 4;

/// Whether bytes without a mark are UTF-16 in other scripts than Latin, and which byte comes first: of each pair one byte
/// is one of a few, for a sixteenth at least zero, where blanks and line feeds stand; the other varies.
fn of_scripts(probe: &[u8]) -> Option<bool> {
    if probe.len() < 256 || memchr::memchr(0, probe).is_none() {
        return None;
    }
    let mut counts = [[0_u16; 256]; 2];
    for pair in probe.as_chunks::<2>().0 {
        for (column, byte) in counts.iter_mut().zip(pair) {
            if let Some(count) = column.get_mut(usize::from(*byte)) {
                *count = count.saturating_add(1);
            }
        }
    }
    let pairs = u16::try_from(probe.len() / 2).unwrap_or(u16::MAX);
    let is_high = |column: &[u16; 256]| {
        let mut most: Vec<u16> = column.iter().copied().filter(|count| *count > 0).collect();
        most.sort_unstable_by(|a, b| b.cmp(a));
        let few: u16 = most.iter().take(SCRIPTS).sum();
        let zeros = column.first().copied().unwrap_or_default();
        few >= pairs.saturating_sub(pairs / 32) && zeros >= pairs / 16 && zeros < pairs.saturating_sub(pairs / 16)
    };
    let is_low = |column: &[u16; 256]| {
        let feeds = [b' ', b'\n'].iter().filter_map(|byte| column.get(usize::from(*byte))).sum::<u16>();
        let zeros = column.first().copied().unwrap_or_default();
        column.iter().filter(|count| **count > 0).count() >= 12 && feeds >= pairs / 64 && zeros < pairs / 64
    };
    let [first, second] = &counts;
    if is_high(second) && is_low(first) {
        Some(false)
    } else if is_high(first) && is_low(second) {
        Some(true)
    } else {
        None
    }
}

/// Whether binary files that begin so hold texts in UTF-16: programs and installers of Windows, registries.
pub(super) fn may_hold_stretches(head: &[u8]) -> bool {
    [&b"MZ"[..], b"\xd0\xcf\x11\xe0", b"regf"].iter().any(|magic| head.starts_with(magic))
}

/// Stretches of ASCII characters of two bytes each, the low one first: where they begin, and their text.
pub(super) fn stretches(bytes: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let mut found = Vec::new();
    let mut rest = bytes;
    let mut at = 0_usize;
    while let Some(zero) = memchr::memchr(0, rest) {
        // the character before the zero begins a stretch, if it is one
        let start = zero.saturating_sub(1);
        let pairs = rest.get(start..).unwrap_or_default().as_chunks::<2>().0;
        let count = pairs.iter().take_while(|[low, high]| *high == 0 && matches!(low, b'\t' | 0x20..=0x7e)).count();
        if count >= STRETCH {
            let text = pairs.iter().take(count).map(|[low, _]| *low).collect();
            found.push((at.saturating_add(start), text));
        }
        let next = if count == 0 { zero.saturating_add(1) } else { start.saturating_add(count.saturating_mul(2)) };
        at = at.saturating_add(next);
        rest = rest.get(next..).unwrap_or_default();
    }
    found
}
