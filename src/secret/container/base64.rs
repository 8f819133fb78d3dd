//! Stretches of base64 in text (RFC 4648, either alphabet, also in lines as RFC 2045 has them) that are text themselves.
//!
//! A stretch is probed for, not searched byte by byte, and characters here and there are decoded at each of their four
//! phases: what gives text somewhere is decoded whole.

use std::ops::Range;

use super::super::runs;

/// Fewest characters of a stretch.
const SHORTEST: usize = 20;

/// The same where values are known to be encoded, however short: in the manifest of a Kubernetes secret.
const SHORTEST_KNOWN: usize = 8;

/// Fewest characters of a line that another follows.
const LINE: usize = 40;

/// Characters that tell whether a stretch is text.
const PROBE: usize = 16;

/// Characters from one such probe to the next: a token among other bytes has more than both together.
const APART: usize = 32;

/// A stretch of base64 and what it says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    /// Its first character to the end of its last.
    pub(super) span: Range<usize>,
    pub(super) bytes: Vec<u8>,
}

/// Every stretch that decodes to text, or to a gzip file, in order.
pub(super) fn stretches(bytes: &[u8], is_known: bool) -> Vec<Decoded> {
    let mut found = Vec::new();
    stretches_in(bytes, 0..bytes.len(), is_known, &mut found);
    found
}

/// The same in a binary file, of whose `runs` of text alone are looked at.
pub(super) fn stretches_of_binary(bytes: &[u8], runs: impl Iterator<Item = Range<usize>>) -> Vec<Decoded> {
    const { assert!(SHORTEST > runs::LONGEST_MISSED) };
    let mut found = Vec::new();
    runs.filter(|run| run.len() >= SHORTEST).for_each(|run| stretches_in(bytes, run, false, &mut found));
    found
}

/// Adds those of a part of the bytes.
fn stretches_in(bytes: &[u8], part: Range<usize>, is_known: bool, found: &mut Vec<Decoded>) {
    let shortest = if is_known { SHORTEST_KNOWN } else { SHORTEST };
    let bytes = bytes.get(..part.end).unwrap_or(bytes);
    let mut done = part.start;
    let mut at = done.saturating_add(shortest.saturating_sub(1));
    while let Some(byte) = bytes.get(at) {
        if value(*byte) == NONE || !is_known && stands_alone(bytes, at) {
            at = at.saturating_add(shortest);
            continue;
        }
        let before = bytes.get(done..at).unwrap_or_default();
        let start = before
            .iter()
            .rposition(|byte| value(*byte) == NONE)
            .map_or(done, |gap| done.saturating_add(gap).saturating_add(1));
        let mut end = run_end(bytes, at);
        if end.saturating_sub(start) >= shortest
            && let Some(shift) = phase(bytes.get(start..end).unwrap_or_default(), is_known)
        {
            let decoded = decode(bytes, start.saturating_add(shift)..end);
            end = decoded.span.end;
            found.push(decoded);
        }
        done = end;
        at = end.saturating_add(shortest);
    }
}

/// Whether nothing as long as the shortest stretch stands round the byte at `at`: of such a one there are eight bytes more
/// on one side at least. In most words these have a blank, a quote or a bracket, which eight bytes at once are looked
/// through for; what passes is looked at byte by byte.
#[inline]
fn stands_alone(bytes: &[u8], at: usize) -> bool {
    const { assert!(SHORTEST > 2 * 8) };
    let before = bytes.get(..at).and_then(<[u8]>::last_chunk::<8>);
    let after = bytes.get(at.saturating_add(1)..).and_then(<[u8]>::first_chunk::<8>);
    before.zip(after).is_some_and(|(before, after)| has_low(*before) && has_low(*after))
}

/// Whether one of the bytes is below all digits of base64.
#[inline]
fn has_low(bytes: [u8; 8]) -> bool {
    const LEAST: u64 = u64::from_ne_bytes([b'+'; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let word = u64::from_le_bytes(bytes);
    // a borrow comes from a byte below only, which is told itself (Warren, "Hacker's Delight", chapter 6-1)
    word.wrapping_sub(LEAST) & !word & HIGH != 0
}

/// Decodes a run and the lines that go on with it.
fn decode(bytes: &[u8], run: Range<usize>) -> Decoded {
    let mut out = Vec::with_capacity(run.len());
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    let mut line = run.clone();
    loop {
        for byte in bytes.get(line.clone()).unwrap_or_default() {
            buffer = (buffer << 6) | u32::from(value(*byte));
            bits = bits.saturating_add(6);
            if bits >= 8 {
                bits = bits.saturating_sub(8);
                out.push(u8::try_from((buffer >> bits) & 0xff).unwrap_or_default());
            }
        }
        let Some(next) = next_line(bytes, &line, run.len()) else { break };
        line = next;
    }
    Decoded { span: run.start..line.end, bytes: out }
}

/// The line that goes on with a stretch whose first line has `first` characters.
fn next_line(bytes: &[u8], line: &Range<usize>, first: usize) -> Option<Range<usize>> {
    if line.len() < LINE || line.len() < first {
        return None;
    }
    let rest = bytes.get(line.end..)?;
    // in a string of JSON the break is an escape
    let breaks = [&b"\r\n"[..], b"\n", b"\\r\\n", b"\\n"];
    let feed = breaks.iter().find(|feed| rest.starts_with(feed))?;
    let rest = rest.get(feed.len()..)?;
    let indent = rest.iter().position(|byte| !matches!(byte, b' ' | b'\t'))?;
    let start = line.end.checked_add(feed.len())?.checked_add(indent)?;
    let end = run_end(bytes, start);
    // a longer line is something else, and so is one with more than digits
    let goes_on = end > start && end.saturating_sub(start) <= first.max(line.len());
    let is_alone = bytes.get(end).is_none_or(|byte| matches!(byte, b'\n' | b'\r' | b'\\' | b'=' | b'"' | b'\'' | b'<'));
    (goes_on && is_alone).then_some(start..end)
}

/// Whether these are digits and nothing else.
pub(super) fn is_run(bytes: &[u8]) -> bool {
    run_end(bytes, 0) == bytes.len()
}

fn run_end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().position(|byte| value(*byte) == NONE).map_or(bytes.len(), |length| at.saturating_add(length))
}

/// How many characters to leave out in front, so that the rest decodes to text, or has some in it.
fn phase(run: &[u8], is_known: bool) -> Option<usize> {
    if run.len() < SHORTEST {
        return is_known.then_some(0).filter(|shift| is_text(run.get(*shift..).unwrap_or_default()));
    }
    let places =
        (0..run.len().saturating_sub(PROBE)).step_by(APART).flat_map(|at| (0..4).map(move |shift| (at, shift)));
    let probe = |at: usize, shift: usize| {
        let digits = run.get(at.saturating_add(shift)..).unwrap_or_default();
        is_text(digits.get(..PROBE).unwrap_or(digits))
    };
    // what is left out before text in the middle is of no moment but that it leaves whole bytes
    places.into_iter().find(|(at, shift)| probe(*at, *shift)).map(|(_, shift)| shift)
}

/// Whether these characters decode to text, in ASCII or UTF-16 (as PowerShell has its commands), or begin a gzip file.
fn is_text(digits: &[u8]) -> bool {
    if digits.starts_with(b"H4sI") {
        return true;
    }
    let (mut is_narrow, mut is_wide) = (true, true);
    let mut place = 0_usize;
    for quad in digits.chunks_exact(4) {
        let bits = quad.iter().fold(0_u32, |bits, digit| (bits << 6) | u32::from(value(*digit)));
        for byte in bits.to_be_bytes().into_iter().skip(1) {
            let is_character = matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e);
            is_narrow &= is_character;
            is_wide &= if place.is_multiple_of(2) { is_character } else { byte == 0 };
            place = place.saturating_add(1);
        }
        if !is_narrow && !is_wide {
            return false;
        }
    }
    true
}

const NONE: u8 = 0xff;

fn value(byte: u8) -> u8 {
    VALUES.get(usize::from(byte)).copied().unwrap_or(NONE)
}

static VALUES: [u8; 256] = values();

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "computed by the compiler, which checks it"
)]
const fn values() -> [u8; 256] {
    let mut values = [NONE; 256];
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut at = 0;
    while at < 64 {
        #[expect(clippy::cast_possible_truncation, reason = "below 64")]
        let value = at as u8;
        values[digits[at] as usize] = value;
        at += 1;
    }
    values[b'-' as usize] = 62;
    values[b'_' as usize] = 63;
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_stretch_is_told_wherever_it_stands() {
        let token = "c29tZSBwbGFpbiB0ZXh0";
        assert_eq!(token.len(), SHORTEST);
        for around in ["", "a", "(word)", "one, two", "long_identifiers_of_code ", "\"quoted\" text ", "\u{e4}\u{f6}"] {
            for sign in [" ", "\"", "\n", "(", "\u{ff}", ",", "{"] {
                for times in 0..30 {
                    let before = around.repeat(times) + sign;
                    let text = [&before, token, sign, &around.repeat(times)].concat();
                    let found: Vec<_> = stretches(text.as_bytes(), false).into_iter().map(|found| found.span).collect();
                    assert!(found.contains(&(before.len()..before.len() + token.len())), "{text}");
                }
            }
        }
    }
}
