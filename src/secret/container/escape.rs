//! Escapes inside values: `%2B` of URLs (RFC 3986), `\u002d`, `\x2d` and `\/` of JSON and source code (RFC 8259).

use std::ops::Range;

/// Bytes that are looked at before the first and behind the last escape.
const ROUND: usize = 300;

/// A part of the bytes with its escapes undone.
pub(super) struct Plain {
    pub(super) span: Range<usize>,
    pub(super) bytes: Vec<u8>,
}

/// The parts of `bytes` where an escape stands for a character that values have, in order.
pub(super) fn parts(bytes: &[u8]) -> Vec<Plain> {
    let mut spans: Vec<Range<usize>> = Vec::new();
    for at in memchr::memchr2_iter(b'%', b'\\', bytes) {
        let rest = bytes.get(at..).unwrap_or_default();
        // of all the escaped slashes only those of a URL count: patterns in programs are full of them
        let counts = rest.starts_with(br"\/\/")
            || escape(rest).is_some_and(|(byte, length)| {
                length > 2 && matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_' | b':' | b'@' | b'.')
            });
        if !counts {
            continue;
        }
        let part = at.saturating_sub(ROUND)..at.saturating_add(ROUND).min(bytes.len());
        match spans.last_mut() {
            Some(last) if part.start <= last.end => last.end = part.end,
            _ => spans.push(part),
        }
    }
    let plain = |span: Range<usize>| Plain { bytes: undo(bytes.get(span.clone()).unwrap_or_default()), span };
    spans.into_iter().map(plain).collect()
}

/// The bytes with all escapes undone.
pub(super) fn undo(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    while let Some((byte, rest)) = first(bytes) {
        out.push(byte);
        bytes = rest;
    }
    out
}

/// Where in `bytes` the byte at `at` of what they are when undone begins.
pub(super) fn position(bytes: &[u8], at: usize) -> usize {
    let mut rest = bytes;
    for _ in 0..at {
        let Some((_, after)) = first(rest) else { break };
        rest = after;
    }
    bytes.len().saturating_sub(rest.len())
}

/// The first byte when undone, and what follows it.
fn first(bytes: &[u8]) -> Option<(u8, &[u8])> {
    match escape(bytes) {
        Some((byte, length)) => Some((byte, bytes.get(length..).unwrap_or_default())),
        None => bytes.split_first().map(|(first, rest)| (*first, rest)),
    }
}

/// The character of ASCII that an escape stands for, and the escape's length.
fn escape(rest: &[u8]) -> Option<(u8, usize)> {
    let (digits, length) = match rest {
        [b'\\', b'/', ..] => return Some((b'/', 2)),
        [b'\\', b'u', b'0', b'0', digits @ ..] => (digits, 6),
        [b'\\', b'x', digits @ ..] => (digits, 4),
        [b'%', digits @ ..] => (digits, 3),
        _ => return None,
    };
    let digit = |index: usize| digits.get(index).and_then(|digit| char::from(*digit).to_digit(16));
    let byte = u8::try_from(digit(0)?.saturating_mul(16).saturating_add(digit(1)?)).ok()?;
    byte.is_ascii_graphic().then_some((byte, length))
}
