//! Stretches of base64 in text (RFC 4648, either alphabet, also in lines as RFC 2045 has them) that are text themselves.
//!
//! Runs of digits are told in blocks of bytes, and characters here and there in them are decoded at each of their four
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
fn stretches_in(all: &[u8], part: Range<usize>, is_known: bool, found: &mut Vec<Decoded>) {
    let bytes = all.get(..part.end).unwrap_or(all);
    let mut done = part.start;
    let mut digits = digits_at(all, done, bytes.len());
    for base in part.step_by(BLOCK) {
        let after = digits_at(all, base.saturating_add(BLOCK), bytes.len());
        let mut starts = starts(u128::from(digits) | u128::from(after) << BLOCK, is_known);
        digits = after;
        while starts != 0 {
            let start = base.saturating_add(starts.trailing_zeros() as usize);
            if start >= done {
                let mut end = run_end(bytes, start);
                if let Some(shift) = phase(bytes.get(start..end).unwrap_or_default(), is_known) {
                    let decoded = decode(bytes, start.saturating_add(shift)..end);
                    end = decoded.span.end;
                    found.push(decoded);
                }
                done = end;
            }
            // the run that was looked at has further ones
            let known = u32::try_from(done.saturating_sub(base)).unwrap_or(u32::MAX);
            starts &= u64::MAX.checked_shl(known).unwrap_or(0);
        }
    }
}

/// Bytes that are looked at together.
const BLOCK: usize = 64;

/// Which bytes of the block at `at` are digits, a bit each; none from `end` on.
#[inline]
fn digits_at(bytes: &[u8], at: usize, end: usize) -> u64 {
    let length = end.saturating_sub(at);
    let digits = match bytes.get(at..).and_then(<[u8]>::first_chunk) {
        _ if length == 0 => 0,
        Some(block) => digits_of(block),
        None => {
            let mut block = [0; BLOCK];
            block.iter_mut().zip(bytes.get(at..).unwrap_or_default()).for_each(|(to, from)| *to = *from);
            digits_of(&block)
        }
    };
    let behind = u32::try_from(length).ok().and_then(|length| u64::MAX.checked_shl(length)).unwrap_or(0);
    digits & !behind
}

#[inline]
fn digits_of(block: &[u8; BLOCK]) -> u64 {
    // without a table or a branch, so that many are told at once
    let flags = block.map(|byte| {
        let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
        let is_number_or_slash = byte.wrapping_sub(b'/') < 11;
        let is_sign = [b'+', b'-', b'_'].map(|sign| u8::from(byte == sign));
        is_sign.into_iter().fold(u8::from(is_letter) | u8::from(is_number_or_slash), |flag, is_one| flag | is_one)
    });
    // the upper byte of the product has the lowest bits of all eight
    let eight = |flags: &[u8; 8]| u64::from_le_bytes(*flags).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    flags.as_chunks().0.iter().rev().fold(0, |bits, flags| bits << 8 | eight(flags))
}

/// Where in the lower half as many digits begin as the shortest stretch has.
#[inline]
fn starts(digits: u128, is_known: bool) -> u64 {
    const { assert!(SHORTEST_KNOWN == 8 && SHORTEST == 20) };
    let two = digits & digits >> 1;
    let four = two & two >> 2;
    let eight = four & four >> 4;
    let starts = if is_known { eight } else { eight & eight >> 8 & four >> 16 };
    #[expect(clippy::cast_possible_truncation, reason = "the upper half is meant to go")]
    let lower = starts as u64;
    lower
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
    fn a_digit_is_what_has_a_value() {
        for byte in 0..=u8::MAX {
            let mut block = [b' '; BLOCK];
            let place = usize::from(byte) % BLOCK;
            block[place] = byte;
            assert_eq!(digits_of(&block) == 1 << place, value(byte) != NONE, "{byte}");
        }
        assert_eq!(digits_of(&[b'x'; BLOCK]), u64::MAX);
    }

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
