//! Undoes what writers do to texts, with the place that each byte had: escapes of JSON and source code (`\/`, `\u0026`, `\x26`),
//! URLs (`%26`), XML and HTML (`&amp;`, `&#38;`), quotes of shells (`\$`, `'\''`), and lines that base64 and hexadecimal digits
//! are broken into (RFC 2045, RFC 7468), whatever indents or quotes them.

use std::ops::Range;

/// Escapes with a backslash.
const BACKSLASH: u8 = 1;

/// Escapes with a percent sign.
const PERCENT: u8 = 2;

/// References to characters, and quotes of shells that are no backslash.
const REFERENCE: u8 = 4;

/// All of them.
pub(super) const ALL: u8 = BACKSLASH | PERCENT | REFERENCE;

/// Fewest digits of a line that another goes on with.
pub(super) const LINE: usize = 16;

/// Most bytes between two lines of digits.
const BREAK: usize = 48;

/// Bytes without their escapes.
#[derive(Debug, Default)]
pub(super) struct Undone {
    pub(super) bytes: Vec<u8>,
    /// What each byte was, in what this was made of.
    places: Vec<Range<usize>>,
    /// Which sorts of escapes there were.
    codings: u8,
    has_breaks: bool,
}

impl Undone {
    /// Without escapes of these sorts, and with broken lines of digits joined.
    pub(super) fn of(bytes: &[u8], codings: u8) -> Self {
        let mut undone = Self::default();
        let (mut at, mut digits) = (0_usize, 0_usize);
        while let Some((first, rest)) = bytes.get(at..).and_then(<[u8]>::split_first) {
            let whole = bytes.get(at..).unwrap_or_default();
            if digits >= LINE
                && let Some(length) = line_break(whole)
            {
                undone.has_breaks = true;
                at = at.saturating_add(length);
                continue;
            }
            let unit = unit(*first, rest).filter(|unit| codings & unit.coding != 0);
            let (text, taken) = match &unit {
                Some(unit) => (unit.bytes.as_slice(), unit.taken),
                None => (std::slice::from_ref(first), 1),
            };
            undone.codings |= unit.as_ref().map_or(0, |unit| unit.coding);
            let end = at.saturating_add(taken);
            for byte in text.iter().filter(|byte| unit.is_none() || **byte != PAD) {
                undone.bytes.push(*byte);
                undone.places.push(at..end);
                digits = if is_digit(*byte) { digits.saturating_add(1) } else { 0 };
            }
            at = end;
        }
        undone
    }

    /// All that may be meant by the bytes: all escapes undone, those of each sort alone where there are several, and each of
    /// these again as long as something changes, up to three times.
    pub(super) fn readings(bytes: &[u8], take: &mut dyn FnMut(&Self)) {
        let first = Self::of(bytes, ALL);
        let several = first.codings.count_ones() > 1;
        let sorts: Vec<u8> =
            [BACKSLASH, PERCENT, REFERENCE].into_iter().filter(|sort| several && first.codings & sort != 0).collect();
        let each = sorts.into_iter().map(|sort| (sort, Self::of(bytes, sort)));
        for (codings, mut undone) in std::iter::once((ALL, first)).chain(each) {
            for _ in 0..2 {
                if undone.is_same() {
                    break;
                }
                take(&undone);
                undone = undone.again(codings);
            }
            if !undone.is_same() {
                take(&undone);
            }
        }
    }

    /// Whether nothing was undone.
    fn is_same(&self) -> bool {
        self.codings == 0 && !self.has_breaks
    }

    /// What this is without escapes of these sorts.
    fn again(&self, codings: u8) -> Self {
        let mut next = Self::of(&self.bytes, codings);
        for place in &mut next.places {
            *place = self.place(place);
        }
        next
    }

    /// What a part of the bytes was.
    pub(super) fn place(&self, part: &Range<usize>) -> Range<usize> {
        let start = self.places.get(part.start).map_or(0, |place| place.start);
        let last = part.end.checked_sub(1).and_then(|last| self.places.get(last));
        start..last.map_or(start, |place| place.end)
    }
}

/// Stands in the bytes of a unit for none.
const PAD: u8 = 0;

/// A character that is written otherwise.
struct Unit {
    /// In UTF-8, filled up with [`PAD`].
    bytes: [u8; 4],
    taken: usize,
    coding: u8,
}

/// The first byte of what the escape stands for that begins here.
pub(super) fn escaped(bytes: &[u8]) -> Option<u8> {
    let (first, rest) = bytes.split_first()?;
    unit(*first, rest)?.bytes.first().copied()
}

/// The first four bytes without escapes.
pub(super) fn first_four(bytes: &[u8]) -> Option<[u8; 4]> {
    let mut four = [PAD; 4];
    let (mut at, mut rest) = (0_usize, bytes);
    while at < four.len() {
        let (first, after) = rest.split_first()?;
        let (own, taken) = unit(*first, after).map_or(([*first, PAD, PAD, PAD], 1), |unit| (unit.bytes, unit.taken));
        let own = own.iter().enumerate().filter(|(place, byte)| *place == 0 || **byte != PAD);
        for ((_, byte), to) in own.zip(four.iter_mut().skip(at)) {
            *to = *byte;
            at = at.saturating_add(1);
        }
        rest = rest.get(taken..)?;
    }
    Some(four)
}

fn unit(first: u8, rest: &[u8]) -> Option<Unit> {
    match first {
        b'\\' => backslash(rest),
        b'%' => percent(rest),
        b'&' => reference(rest),
        // the end of a quoted text, a quote, and a quoted text again
        b'\'' if rest.starts_with(b"\\''") => byte(b'\'', 4, REFERENCE),
        b'\'' if rest.starts_with(b"\"'\"'") => byte(b'\'', 5, REFERENCE),
        _ => None,
    }
}

fn byte(byte: u8, taken: usize, coding: u8) -> Option<Unit> {
    (byte != PAD).then_some(Unit { bytes: [byte, PAD, PAD, PAD], taken, coding })
}

fn character(code: u32, taken: usize, coding: u8) -> Option<Unit> {
    let character = char::from_u32(code).filter(|character| *character != '\0')?;
    let mut bytes = [PAD; 4];
    character.encode_utf8(&mut bytes);
    Some(Unit { bytes, taken, coding })
}

/// What follows a backslash: of letters those that JSON, JavaScript, Python and C have, of all other signs each.
fn backslash(rest: &[u8]) -> Option<Unit> {
    match *rest.first()? {
        b'u' if rest.get(1) == Some(&b'{') => {
            let length = rest.iter().take(9).position(|byte| *byte == b'}')?;
            character(hexadecimal(rest.get(2..length)?)?, length.saturating_add(2), BACKSLASH)
        }
        b'u' => {
            let code = hexadecimal(rest.get(1..5)?)?;
            // a character beyond the first plane has two (RFC 8259, section 7)
            if (0xd800..0xdc00).contains(&code) && rest.get(5..7) == Some(b"\\u") {
                let low = hexadecimal(rest.get(7..11)?)?.checked_sub(0xdc00)?;
                let high = code.checked_sub(0xd800)?.checked_mul(0x400)?;
                return character(high.checked_add(low)?.checked_add(0x1_0000)?, 12, BACKSLASH);
            }
            character(code, 6, BACKSLASH)
        }
        b'U' => character(hexadecimal(rest.get(1..9)?)?, 10, BACKSLASH),
        b'x' => byte(u8::try_from(hexadecimal(rest.get(1..3)?)?).ok()?, 4, BACKSLASH),
        b'n' => byte(b'\n', 2, BACKSLASH),
        b'r' => byte(b'\r', 2, BACKSLASH),
        b't' => byte(b'\t', 2, BACKSLASH),
        b'0'..=b'3' => {
            let digit = |at: usize| char::from(*rest.get(at)?).to_digit(8);
            let code = digit(0)?.checked_mul(64)?.checked_add(digit(1)?.checked_mul(8)?)?.checked_add(digit(2)?)?;
            byte(u8::try_from(code).ok()?, 4, BACKSLASH)
        }
        sign if sign.is_ascii_punctuation() || sign == b' ' => byte(sign, 2, BACKSLASH),
        _ => None,
    }
}

/// What follows a percent sign: digits of a URL, or another one, as configurations and crontabs have it.
fn percent(rest: &[u8]) -> Option<Unit> {
    match *rest.first()? {
        b'%' => byte(b'%', 2, PERCENT),
        b'u' => character(hexadecimal(rest.get(1..5)?)?, 6, PERCENT),
        _ => byte(u8::try_from(hexadecimal(rest.get(..2)?)?).ok()?, 3, PERCENT),
    }
}

/// What follows an ampersand (XML 1.0, section 4.1; of HTML's names those of signs that values have).
fn reference(rest: &[u8]) -> Option<Unit> {
    const NAMES: &[(&[u8], u8)] = &[
        (b"amp;", b'&'),
        (b"lt;", b'<'),
        (b"gt;", b'>'),
        (b"quot;", b'"'),
        (b"apos;", b'\''),
        (b"sol;", b'/'),
        (b"bsol;", b'\\'),
        (b"plus;", b'+'),
        (b"equals;", b'='),
        (b"commat;", b'@'),
        (b"dollar;", b'$'),
        (b"percnt;", b'%'),
        (b"excl;", b'!'),
        (b"num;", b'#'),
        (b"colon;", b':'),
        (b"grave;", b'`'),
    ];
    if rest.first() == Some(&b'#') {
        let length = rest.iter().take(12).position(|byte| *byte == b';')?;
        let code = match rest.get(1..length)? {
            [b'x' | b'X', digits @ ..] => hexadecimal(digits)?,
            digits => std::str::from_utf8(digits).ok()?.parse().ok()?,
        };
        return character(code, length.saturating_add(2), REFERENCE);
    }
    let (name, sign) = NAMES.iter().find(|(name, _)| rest.starts_with(name))?;
    byte(*sign, name.len().saturating_add(1), REFERENCE)
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    let is_any = (1..=8).contains(&digits.len());
    let digits = digits.iter().map(|digit| char::from(*digit).to_digit(16));
    let code = digits.into_iter().try_fold(0_u32, |code, digit| Some((code << 4) | digit?))?;
    is_any.then_some(code)
}

/// Digits of base64, in either alphabet, and of hexadecimal.
const DIGIT: u8 = 1;

/// What may stand between lines of digits.
const BETWEEN: u8 = 2;

static SORTS: [u8; 256] = sorts();

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "computed by the compiler, which checks it"
)]
const fn sorts() -> [u8; 256] {
    let mut sorts = [0; 256];
    let between = b"\n\r\t \"'\\,.;()#*>|=";
    let mut at = 0;
    while at < between.len() {
        sorts[between[at] as usize] = BETWEEN;
        at += 1;
    }
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_";
    at = 0;
    while at < digits.len() {
        sorts[digits[at] as usize] = DIGIT;
        at += 1;
    }
    sorts
}

/// Whether it is a digit of base64, in either alphabet, or of hexadecimal.
pub(super) fn is_digit(byte: u8) -> bool {
    SORTS.get(usize::from(byte)) == Some(&DIGIT)
}

/// Whether it may stand between lines of digits.
pub(super) fn is_between(byte: u8) -> bool {
    SORTS.get(usize::from(byte)) == Some(&BETWEEN)
}

/// The length of what stands between two lines of digits, if the bytes begin so: line feeds, as they are or escaped, and what
/// ends, joins, quotes, indents or comments lines.
pub(super) fn line_break(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut has_feed) = (0_usize, false);
    while at < BREAK {
        let rest = bytes.get(at..)?;
        let escaped = rest.split_first().and_then(|(first, rest)| unit(*first, rest));
        let blank = escaped.filter(|unit| matches!(unit.bytes, [b'\n' | b'\r' | b'\t' | b' ', PAD, ..]));
        has_feed |= rest.first() == Some(&b'\n') || blank.as_ref().is_some_and(|blank| blank.bytes.starts_with(b"\n"));
        let length = match rest {
            _ if let Some(blank) = &blank => blank.taken,
            // texts that are put together
            [b'+' | b'.', b' ' | b'\n' | b'\r', ..] if at > 0 && !has_feed => 1,
            // bytes of Python
            [b'b', b'"' | b'\'', ..] if has_feed => 2,
            [byte, ..] if is_between(*byte) => 1,
            [byte, ..] => return (has_feed && is_digit(*byte)).then_some(at),
            [] => return None,
        };
        at = at.saturating_add(length);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn undone(text: &str) -> String {
        String::from_utf8_lossy(&Undone::of(text.as_bytes(), ALL).bytes).into_owned()
    }

    #[test]
    fn each_sort_of_escape_is_undone() {
        for (text, plain) in [
            (r"a\/b\\c\$d\'e", r"a/b\c$d'e"),
            (r"\u0026\u002B\u002b\u00e4\x26\u{26}\U00000026\046", "&++\u{e4}&&&&"),
            (r"\ud83d\ude00", "\u{1f600}"),
            ("%2f%2F%%%C3%A4%u0026", "//%\u{e4}&"),
            ("&amp;&lt;&gt;&quot;&apos;&#39;&#x27;&#0038;", "&<>\"'''&"),
            (r#"it'\''s 'it'"'"'s'"#, "it's 'it's'"),
            (r"100%, \d, \q, & so, &nbsp; %zz \u12 \ud800", r"100%, \d, \q, & so, &nbsp; %zz \u12 \ud800"),
        ] {
            assert_eq!(undone(text), plain, "{text}");
        }
    }

    #[test]
    fn lines_of_digits_are_joined() {
        let (one, two) = ("QUJDREVGR0hJSktMTU5P", "UFFSU1RVVldYWVo");
        for between in [
            "\n",
            "\r\n",
            "\n    ",
            "\\n",
            "\\r\\n",
            "\"\n  \"",
            "\" +\n  \"",
            "' \\\n'",
            "\n# ",
            "\n * ",
            "=\n",
            "\",\n\"",
            "%0D%0A",
            "&#xA;",
            "\\\\n",
        ] {
            assert_eq!(undone(&[one, between, two].concat()), [one, two].concat(), "{between:?}");
        }
        for between in [" ", "\": \"", ", ", "\n--", "\n-----END"] {
            assert_ne!(undone(&[one, between, two].concat()), [one, two].concat(), "{between:?}");
        }
        assert_eq!(undone("a word\nand another"), "a word\nand another");
    }

    #[test]
    fn what_was_undone_is_known_by_its_place() {
        let text = br"x=\\u0026amp;y";
        let mut read = Vec::new();
        Undone::readings(text, &mut |undone| {
            let all = 0..undone.bytes.len();
            read.push((String::from_utf8_lossy(&undone.bytes).into_owned(), undone.place(&all), undone.place(&(2..3))));
        });
        let read: Vec<(&str, Range<usize>, Range<usize>)> =
            read.iter().map(|(text, all, third)| (text.as_str(), all.clone(), third.clone())).collect();
        assert_eq!(read, [("x=\\u0026amp;y", 0..14, 2..4), ("x=&amp;y", 0..14, 2..9), ("x=&y", 0..14, 2..13)]);
    }
}
