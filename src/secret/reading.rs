//! What coded bytes say: the values that must be sought where a secret stood in base64, with escapes, or in wide characters.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::rule::Severity;

use super::container::text;
use super::engine;
use super::kind::Kind;
use super::value::wipe;

/// Bytes of a neighbour that a group of three of base64 may bring along.
const SLACK: usize = 2;

/// Lends each value that these bytes say in a coding; nothing of bytes that are a value as they stand.
pub fn with_readings(bytes: &[u8], take: &mut dyn FnMut(&[u8])) {
    for mut reading in text::readings(bytes) {
        let found = engine::scan(&reading, Kind::Settings).found;
        let mut is_any = false;
        for one in found.iter().filter(|one| one.severity > Severity::Info) {
            take(reading.get(one.span.clone()).unwrap_or_default());
            is_any = true;
        }
        if !is_any {
            let value = trimmed(&reading);
            take(value);
            // `user:password` of HTTP, and of registries
            if let Some((_, password)) = halves(value) {
                take(password);
            }
        }
        wipe(&mut reading);
    }
}

/// Without what belongs to a neighbour: the end of a name or a quote before the value, and what follows it.
fn trimmed(text: &[u8]) -> &[u8] {
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"\"'=:,;{}".contains(byte);
    let head = text.get(..SLACK).unwrap_or_default();
    let start = head.iter().rposition(ends).map_or(0, |at| at.saturating_add(1));
    let text = text.get(start..).unwrap_or_default();
    let tail = text.len().saturating_sub(SLACK);
    let end =
        text.get(tail..).unwrap_or_default().iter().position(ends).map_or(text.len(), |at| tail.saturating_add(at));
    text.get(..end).unwrap_or_default()
}

fn halves(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_line = !text.iter().any(u8::is_ascii_whitespace);
    let colon = memchr::memchr(b':', text).filter(|_| is_line)?;
    Some((text.get(..colon)?, text.get(colon.saturating_add(1)..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(bytes: &[u8]) -> Vec<String> {
        let mut all = Vec::new();
        with_readings(bytes, &mut |value| all.push(String::from_utf8_lossy(value).into_owned()));
        all
    }

    #[test]
    fn coded_values_are_read() {
        let value = ["kQ7vT2xw", "Zm9Lp4sR"].concat();
        let wide: Vec<u8> = value.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let url: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let json: String = value.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
        // of `kQ7vT2xwZm9Lp4sR`, of `=` and the same, of `"` behind it, of `deploy:` and the same
        let cases: [(&[u8], &[&str]); 8] = [
            (b"a1E3dlQyeHdabTlMcDRzUg==", &[&value]),
            (b"PWtRN3ZUMnh3Wm05THA0c1I", &[&value]),
            (b"a1E3dlQyeHdabTlMcDRzUiI", &[&value]),
            (b"ZGVwbG95OmtRN3ZUMnh3Wm05THA0c1I=", &[&format!("deploy:{value}"), &value]),
            (&wide, &[&value]),
            (url.as_bytes(), &[&value]),
            (json.as_bytes(), &[&value]),
            (value.as_bytes(), &[]),
        ];
        for (bytes, expected) in cases {
            assert_eq!(readings(bytes), expected, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
