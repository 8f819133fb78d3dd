//! Private keys: found by their armour, believed only when they decode.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::ops::Range;

use crate::rule::Severity;

use super::check::{Look, Opinion};
use super::der::{self, Key};
use super::value::OwnedValue;
use crate::format::base64;

/// Most bytes from the first line of a key to its last. RSA of 16,384 bits takes 13 KB.
const LONGEST: usize = 30 << 10;

/// A PEM block (RFC 7468, RFC 1421) or OpenSSH key: the value is its first line.
pub(super) fn pem(look: &Look<'_>) -> Option<Opinion> {
    let block = Block::read(look.bytes, look.value.clone())?;
    let key = block.key()?;
    Some(opinion(&key, block.span, block.bytes))
}

/// A PEM block that was wrapped in base64 once more, as kubeconfig and Kubernetes secrets do.
pub(super) fn pem_base64(look: &Look<'_>) -> Option<Opinion> {
    let bytes = base64::decode(look.value())?;
    let start = memchr::memmem::find(&bytes, b"PRIVATE KEY-----")?;
    let first = bytes.get(..start)?.iter().rposition(|b| *b == b'\n').map_or(0, |index| index.saturating_add(1));
    let block = Block::read(&bytes, first..start.checked_add(16)?)?;
    let key = block.key()?;
    let mut opinion = opinion(&key, look.value.clone(), block.bytes);
    opinion.notes.push("wrapped in base64".into());
    Some(opinion)
}

/// The key of a Google service account: a PEM block in a JSON document that says so.
pub(super) fn gcp_service_account(look: &Look<'_>) -> Option<Opinion> {
    let around = look.around(6 << 10);
    let says = |text: &[u8]| memchr::memmem::find(around, text).is_some();
    if !says(b"service_account") || !says(b"client_email") {
        return None;
    }
    pem(look)
}

/// A PGP private key block (RFC 9580, section 6.2): its first packet is a secret key.
pub(super) fn pgp(look: &Look<'_>) -> Option<Opinion> {
    let block = Block::read(look.bytes, look.value.clone())?;
    let (tag, body) = match block.bytes.as_slice() {
        // Old form: tag in bits 5 to 2, length of one, two or four bytes.
        [head, rest @ ..] if head & 0xc0 == 0x80 => {
            ((head >> 2) & 15, rest.get(1_usize.checked_shl(u32::from(head & 3))?..)?)
        }
        [head, first, rest @ ..] if head & 0xc0 == 0xc0 => {
            let skip = match first {
                0..192 => 0,
                192..224 => 1,
                _ => 4,
            };
            (head & 63, rest.get(skip..)?)
        }
        _ => return None,
    };
    // Tag 5 is a secret key; its version is 3 to 6.
    if tag != 5 || !matches!(body, [3..=6, ..]) {
        return None;
    }
    let key = Key { algorithm: "PGP", bits: None, is_encrypted: false };
    Some(opinion(&key, block.span, block.bytes))
}

/// A key of `PuTTY`, version 2 or 3: the value is its first line.
pub(super) fn putty(look: &Look<'_>) -> Option<Opinion> {
    let end = look.value.end.saturating_add(LONGEST).min(look.bytes.len());
    let text = look.bytes.get(look.value.start..end)?;
    let private = memchr::memmem::find(text, b"Private-Lines:")?;
    let encryption = memchr::memmem::find(text, b"Encryption: ")?;
    let cipher = text.get(encryption.checked_add(12)?..)?;
    let mac = memchr::memmem::find(text, b"Private-MAC:")?;
    if private > mac || encryption > private {
        return None;
    }
    // `Private-Lines: 14`, then as many lines of base64.
    let lines = text.get(private..mac)?;
    let body = lines.get(lines.iter().position(|b| *b == b'\n')?..)?;
    if base64::decode(&digits(body)?.0)?.len() < 16 {
        return None;
    }
    let line_end =
        text.get(mac..)?.iter().position(|b| *b == b'\n' || *b == b'\r').map_or(text.len(), |n| mac.saturating_add(n));
    let key = Key { algorithm: "PuTTY", bits: None, is_encrypted: !cipher.starts_with(b"none") };
    let span = look.value.start..look.value.start.saturating_add(line_end);
    Some(opinion(&key, span, text.get(private..mac)?.to_vec()))
}

/// Shortest RSA key that anything takes, in bits. Those of 512 were broken in 1999, and stand in examples.
const LEAST_RSA: usize = 768;

fn opinion(key: &Key, span: Range<usize>, identity: Vec<u8>) -> Opinion {
    let is_short = key.algorithm == "RSA" && key.bits.is_some_and(|bits| bits < LEAST_RSA);
    let bits = key.bits.map(|bits| format!(", {bits} bits")).unwrap_or_default();
    let state = if key.is_encrypted { ", encrypted" } else { "" };
    Opinion {
        severity: (key.is_encrypted || is_short).then_some(Severity::Low),
        notes: vec![
            if key.is_encrypted {
                "encrypted with a passphrase"
            } else if is_short {
                "too short to guard anything"
            } else {
                "key decoded"
            }
            .into(),
        ],
        span: Some(span),
        masked: Some(format!("{} private key{bits}{state}", key.algorithm)),
        identity: Some(OwnedValue::new(identity)),
        ..Opinion::default()
    }
}

/// An armoured block, decoded.
struct Block {
    span: Range<usize>,
    bytes: Vec<u8>,
    /// Whether its headers say that the body is encrypted (RFC 1421).
    is_sealed: bool,
    label: Vec<u8>,
}

impl Block {
    /// Reads the block whose first line is at `header`, however it is quoted: as lines, with `\n`
    /// written out, as string literals one below the other, behind `#` or `//`.
    fn read(bytes: &[u8], header: Range<usize>) -> Option<Self> {
        let rest = bytes.get(header.end..header.end.saturating_add(LONGEST).min(bytes.len()))?;
        let length = memchr::memmem::find(rest, b"----")?;
        let body = rest.get(..length)?;
        let tail = rest.get(length..)?;
        let dashes = tail.iter().take_while(|b| **b == b'-').count();
        let end = tail.get(dashes..)?;
        let end = end.strip_prefix(b" ").unwrap_or(end);
        if !end.starts_with(b"END ") {
            return None;
        }
        let last = end.iter().take(64).skip(4).position(|b| *b == b'-').map_or(4, |index| index.saturating_add(4));
        let closing = end.get(last..)?.iter().take(5).take_while(|b| **b == b'-').count();
        let stop = bytes.len().checked_sub(header.end)?.min(rest.len()).checked_sub(end.len())?;
        let span = header.start..header.end.saturating_add(stop).saturating_add(last).saturating_add(closing);
        let (digits, is_sealed) = digits(body)?;
        let decoded = base64::decode(&digits)?;
        (decoded.len() >= 24).then(|| Self {
            span,
            bytes: decoded,
            is_sealed,
            label: bytes.get(header).unwrap_or_default().to_vec(),
        })
    }

    fn key(&self) -> Option<Key> {
        let bits = None;
        if self.is_sealed {
            let says = |text: &[u8]| memchr::memmem::find(&self.label, text).is_some();
            let algorithm = if says(b"RSA") {
                "RSA"
            } else if says(b"EC ") {
                "EC"
            } else {
                "PEM"
            };
            return self.bytes.len().is_multiple_of(8).then_some(Key { algorithm, bits, is_encrypted: true });
        }
        match self.bytes.strip_prefix(b"openssh-key-v1\0") {
            Some([0, 0, 0, length, rest @ ..]) => {
                let cipher = rest.get(..usize::from(*length))?;
                Some(Key { algorithm: "OpenSSH", bits, is_encrypted: cipher != b"none" })
            }
            Some(_) => None,
            None => der::private_key(&self.bytes),
        }
    }
}

/// The base64 of a body, without line ends, quotes and headers; and whether the headers say it is sealed.
///
/// `None` when there is anything that has no place in a key, such as `...`.
fn digits(body: &[u8]) -> Option<(Vec<u8>, bool)> {
    let mut text = Vec::with_capacity(body.len());
    let mut bytes = body.iter().copied().peekable();
    // Line ends that are written out become such; quotes and blanks go.
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => match bytes.peek() {
                Some(b'n' | b'r') => {
                    text.push(b'\n');
                    bytes.next();
                }
                Some(b't' | b'"' | b'\'') => {
                    bytes.next();
                }
                Some(b'/') => {
                    bytes.next();
                    text.push(b'/');
                }
                // `\\n`, and the `\` at a line's end.
                _ => {}
            },
            b'\r' | b'\n' => text.push(b'\n'),
            b'"' | b'\'' | b'`' | b',' => {}
            other => text.push(other),
        }
    }
    let mut digits = Vec::with_capacity(text.len());
    let mut is_sealed = false;
    for line in text.split(|b| *b == b'\n') {
        let line = line.trim_ascii();
        // What joins literals, and what makes a line a comment.
        let line = line
            .strip_prefix(b"# ")
            .or_else(|| line.strip_prefix(b"// "))
            .or_else(|| line.strip_prefix(b"* "))
            .unwrap_or(line);
        let line = line.strip_suffix(b" +").or_else(|| line.strip_suffix(b" .")).unwrap_or(line);
        let line = line.strip_prefix(b"+ ").or_else(|| line.strip_prefix(b". ")).unwrap_or(line).trim_ascii();
        if line == b"+" || line == b"." || line.is_empty() {
            continue;
        }
        if line.contains(&b':') {
            is_sealed |= line.starts_with(b"Proc-Type: 4,ENCRYPTED") || line.starts_with(b"DEK-Info:");
            continue;
        }
        // The checksum of a PGP block.
        if line.len() == 5 && line.starts_with(b"=") {
            continue;
        }
        for byte in line.split(u8::is_ascii_whitespace).flatten() {
            if !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')) {
                return None;
            }
            digits.push(*byte);
        }
    }
    Some((digits, is_sealed))
}
