//! Line-wise reading of package databases, and what was not understood of them.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::collect::{Fact, Facts};
use crate::escape::escape;
use crate::format::zip::{Archive, ZipError};
use crate::path::ImagePath;

/// Packages taken from one file. A full Debian archive has 65,000.
pub(super) const PACKAGES_PER_FILE: usize = 100_000;

/// Paths taken from one file. The longest list of Debian (texlive-fonts-extra) has 100,000.
pub(super) const PATHS_PER_FILE: usize = 400_000;

/// Longest path taken, in bytes; `PATH_MAX` of Linux.
pub(super) const PATH: usize = 4_096;

/// Longest name, version or other field, in bytes. Debian's longest are below 100.
const FIELD: usize = 512;

/// Complaints told of one file; the rest are counted.
const COMPLAINTS_PER_FILE: usize = 10;

/// Lines with their numbers, from 1, without the line feed and a carriage return before it.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    (1..).zip(bytes.split(|b| *b == b'\n')).map(|(number, line)| (number, line.strip_suffix(b"\r").unwrap_or(line)))
}

/// `Name: value` split at the colon, the value without blanks around it. `None` for other lines.
pub(super) fn header(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|b| *b == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    Some((name, value.strip_prefix(b":")?.trim_ascii()))
}

/// A field's text, blanks around it dropped and bytes that are no UTF-8 replaced. `None` if it is
/// empty, longer than any real one, or holds control characters.
pub(super) fn field(raw: &[u8]) -> Option<String> {
    let raw = raw.trim_ascii();
    if raw.is_empty() || raw.len() > FIELD {
        return None;
    }
    let text = String::from_utf8_lossy(raw);
    (!text.chars().any(char::is_control)).then(|| text.into_owned())
}

/// The domain of the mail address in `Name <name@domain>`, in lower case.
pub(super) fn mail_domain(raw: &[u8]) -> Option<String> {
    let text = field(raw)?;
    let (_, domain) = text.trim_end_matches('>').rsplit_once('@')?;
    Some(domain.trim().to_ascii_lowercase())
}

/// A digest in hexadecimal digits.
pub(super) fn digest_in_hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let digit = |sign: u8| char::from(sign).to_digit(16);
    if text.len() != N.saturating_mul(2) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = u8::try_from((digit(*high)? << 4) | digit(*low)?).ok()?;
    }
    Some(bytes)
}

/// A digest in base64, of either alphabet, with or without padding.
pub(super) fn digest_in_base64<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let end = text.iter().position(|b| *b == b'=').unwrap_or(text.len());
    let mut bytes = [0; N];
    let mut places = bytes.iter_mut();
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for sign in text.get(..end)? {
        let digit = match sign {
            b'A'..=b'Z' => sign.wrapping_sub(b'A'),
            b'a'..=b'z' => sign.wrapping_sub(b'a').wrapping_add(26),
            b'0'..=b'9' => sign.wrapping_sub(b'0').wrapping_add(52),
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        buffer = (buffer << 6) | u32::from(digit);
        bits = bits.saturating_add(6);
        if let Some(rest) = bits.checked_sub(8) {
            bits = rest;
            *places.next()? = u8::try_from((buffer >> bits) & 0xff).ok()?;
            buffer &= 0xff;
        }
    }
    places.next().is_none().then_some(bytes)
}

/// Takes what is not understood of a file of many records.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    told: Vec<String>,
    more: usize,
}

impl Complaints {
    /// Adds one.
    pub(super) fn add(&mut self, what: String) {
        if self.told.len() < COMPLAINTS_PER_FILE {
            self.told.push(what);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// Hands them over.
    pub(super) fn push(self, facts: &mut Facts) {
        for what in self.into_texts() {
            complain(facts, what);
        }
    }

    /// Those told, and how many more there are.
    pub(super) fn into_texts(mut self) -> Vec<String> {
        if self.more > 0 {
            self.told.push(format!("{} more like these", self.more));
        }
        self.told
    }
}

/// Notes what is not understood of the file at hand: told only if the file turns out to be live.
pub(super) fn complain(facts: &mut Facts, what: impl Into<Box<str>>) {
    facts.push(Fact::Gap(what.into()));
}

/// Says which paths the package of the file at hand owns, and what is beyond the cap.
pub(super) fn push_owned(mut paths: impl Iterator<Item = ImagePath>, facts: &mut Facts) {
    let mut owned: Vec<ImagePath> = paths.by_ref().take(PATHS_PER_FILE).collect();
    if paths.next().is_some() {
        complain(facts, format!("it lists more than {PATHS_PER_FILE} paths; the rest is not read"));
    }
    owned.shrink_to_fit();
    if !owned.is_empty() {
        facts.push(Fact::Owns { package: None, paths: owned });
    }
}

/// Whether a text begins as a version does: with a digit, perhaps after a `v`.
pub(super) fn begins_as_version(text: &str) -> bool {
    text.strip_prefix('v').unwrap_or(text).starts_with(|sign: char| sign.is_ascii_digit())
}

/// Whether a text [begins as a version](begins_as_version) and has no signs but ASCII letters, digits and these.
pub(super) fn is_version(text: &str, signs: &str) -> bool {
    begins_as_version(text) && text.chars().all(|sign| sign.is_ascii_alphanumeric() || signs.contains(sign))
}

/// Notes what is wrong with an archive and its entries. Of entries that are there twice none is missed.
pub(super) fn tell_flaws(archive: &Archive<'_>, facts: &mut Facts) {
    let is_double = |flaw: &ZipError| matches!(flaw, ZipError::DuplicateName | ZipError::More(_));
    if archive.flaws().iter().all(|(_, flaw)| is_double(flaw)) {
        return;
    }
    for (name, flaw) in archive.flaws() {
        let place = name.map(|name| format!("{}: ", escape(name))).unwrap_or_default();
        complain(facts, format!("the archive is damaged: {place}{flaw}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_text_of_one_line() {
        let long = vec![b'a'; FIELD + 1];
        let cases: &[(&[u8], Option<&str>)] = &[
            (b" bash ", Some("bash")),
            (b"", None),
            (b" \t", None),
            (b"a\x1b[2J", None),
            (b"caf\xff", Some("caf\u{fffd}")),
            (&long, None),
        ];
        for (raw, expected) in cases {
            assert_eq!(field(raw).as_deref(), *expected);
        }
    }

    #[test]
    fn versions_begin_with_a_digit() {
        let cases = [
            ("1.0", true),
            ("v1.0-rc1", true),
            ("20181008", true),
            ("v", false),
            ("vv1", false),
            ("", false),
            ("a1", false),
            ("1.0/a", false),
            ("1:0", false),
        ];
        for (text, expected) in cases {
            assert_eq!(is_version(text, ".-"), expected, "{text}");
        }
        assert!(is_version("1_0~a+b", "_~+") && !is_version("1_0", "."));
    }

    #[test]
    fn digests_are_read_as_managers_write_them() {
        assert_eq!(digest_in_hex::<3>(b"00fFa9"), Some([0, 255, 0xa9]));
        assert_eq!([digest_in_hex::<3>(b"00fFa"), digest_in_hex(b"00fFa9a9"), digest_in_hex(b"00fFag")], [None; 3]);
        let bytes = Some([0x14, 0xfb, 0x9c, 0x03, 0xd9]);
        assert_eq!([digest_in_base64(b"FPucA9k="), digest_in_base64(b"FPucA9k")], [bytes; 2]);
        assert_eq!(digest_in_base64::<2>(b"-_8"), digest_in_base64::<2>(b"+/8="));
        assert_eq!(
            [digest_in_base64::<5>(b"FPucA"), digest_in_base64(b"FPucA9kAAA"), digest_in_base64(b"FPuc!9k")],
            [None; 3]
        );
    }

    #[test]
    fn lines_end_in_any_way() {
        let read: Vec<_> = lines(b"a\r\n\nb").collect();
        assert_eq!(read, [(1, &b"a"[..]), (2, b""), (3, b"b")]);
        assert_eq!(header(b"Version:  1:2 "), Some((&b"Version"[..], &b"1:2"[..])));
        assert_eq!(header(b"no colon"), None);
    }
}
