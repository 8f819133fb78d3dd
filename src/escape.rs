//! Text from an image made safe to show: nothing of it may steer a terminal, a log or a report.

use std::fmt::{self, Write as _};

/// Shows bytes with everything escaped that is no printable character.
///
/// Control characters, those that change the direction of text (U+202A to U+202E, U+2066 to
/// U+2069, U+200E, U+200F, U+061C), line separators, other invisible formats and bytes that are
/// not UTF-8 are shown as `\n`, `\x1b`, `\u{202e}`, `\xff`; a backslash as `\\`.
#[derive(Clone, Copy)]
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // nearly all text is plain, and is written as it stands
        let is_plain = |byte: &u8| matches!(byte, b' '..=b'[' | b']'..=b'~');
        let (plain, rest) = self.0.split_at(self.0.iter().take_while(|byte| is_plain(byte)).count());
        f.write_str(str::from_utf8(plain).unwrap_or_default())?;
        for chunk in rest.utf8_chunks() {
            for c in chunk.valid().chars() {
                write_escaped(f, c)?;
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// [`Escaped`] as a string.
pub fn escape(text: impl AsRef<[u8]>) -> String {
    Escaped(text.as_ref()).to_string()
}

fn write_escaped(f: &mut fmt::Formatter<'_>, c: char) -> fmt::Result {
    match c {
        '\n' => f.write_str("\\n"),
        '\r' => f.write_str("\\r"),
        '\t' => f.write_str("\\t"),
        '\\' => f.write_str("\\\\"),
        ' '..='~' => f.write_char(c),
        '\0'..='\u{7f}' => write!(f, "\\x{:02x}", u32::from(c)),
        _ if is_hidden(c) => write!(f, "\\u{{{:x}}}", u32::from(c)),
        _ => f.write_char(c),
    }
}

/// Characters outside ASCII that steer or hide: C1 controls, direction marks, separators, tags.
pub fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

/// A key as a part of a JSON pointer (RFC 6901).
pub fn pointer_part(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The key that a part of a JSON pointer names.
pub fn pointer_key(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_survives() {
        let cases: &[(&[u8], &str)] = &[
            (b"plain text", "plain text"),
            ("größe 中".as_bytes(), "größe 中"),
            (b"\x1b[2J\x07", "\\x1b[2J\\x07"),
            (b"a\nb\tc\rd\\", "a\\nb\\tc\\rd\\\\"),
            ("x\u{202e}y\u{2066}z\u{9b}".as_bytes(), "x\\u{202e}y\\u{2066}z\\u{9b}"),
            (b"\xff\xfe", "\\xff\\xfe"),
        ];
        for (raw, shown) in cases {
            assert_eq!(escape(raw), *shown);
        }
    }
}
