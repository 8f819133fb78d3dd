//! Passwords in URLs: `scheme://user:password@host` (RFC 3986, section 3.2.1).
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::ops::Range;

/// Most bytes of an authority that are looked at.
pub(super) const LONGEST: usize = 512;

/// Scheme (lower case), whole URL up to the host's end, and password of the URL whose `://` is at `colon`.
pub(super) fn password(bytes: &[u8], colon: usize) -> Option<(String, Range<usize>, Range<usize>)> {
    let authority_start = colon.checked_add(3)?;
    let rest = bytes.get(authority_start..authority_start.saturating_add(LONGEST).min(bytes.len()))?;
    let length = rest.iter().position(|b| ends_authority(*b)).unwrap_or(rest.len());
    let authority = rest.get(..length)?;
    let at = authority.iter().rposition(|b| *b == b'@')?;
    let separator = authority.get(..at)?.iter().position(|b| *b == b':')?;
    let first = separator.checked_add(1)?;
    let host = authority.get(at.checked_add(1)?..)?;
    if first >= at || host.len() < 2 || !host.iter().all(|b| b.is_ascii_alphanumeric() || b".-_:[],$(){}".contains(b)) {
        return None;
    }
    let start = bytes.get(..colon)?.iter().rposition(|b| !is_scheme(*b)).map_or(0, |before| before.saturating_add(1));
    let scheme = bytes.get(start..colon)?;
    if scheme.len() < 2 || scheme.len() > 24 {
        return None;
    }
    // The sample account of Oracle's manuals, in any spelling.
    let is_sample = authority.get(..separator)?.eq_ignore_ascii_case(b"scott")
        && authority.get(first..at)?.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"tiger"));
    if is_sample {
        return None;
    }
    let scheme = String::from_utf8_lossy(scheme).to_ascii_lowercase();
    let from = authority_start;
    Some((scheme, start..from.saturating_add(length), from.saturating_add(first)..from.saturating_add(at)))
}

fn is_scheme(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-')
}

fn ends_authority(byte: u8) -> bool {
    byte <= b' '
        || byte >= 0x7f
        || matches!(byte, b'/' | b'?' | b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\' | b'|' | b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_found_in_urls() {
        let cases = [
            ("postgres://app:s3cr@db/x", Some(("postgres", "s3cr"))),
            ("x=redis://:pw@h1:6379", Some(("redis", "pw"))),
            ("MONGODB+SRV://a:b@c.d", Some(("mongodb+srv", "b"))),
            ("https://u:p@ss@host/", Some(("https", "p@ss"))),
            ("https://host:80/a@b", None),
            ("https://user@host/", None),
            ("https://u:@host", None),
            ("://u:p@host", None),
            ("oracle://scott:tiger^5@host", None),
            ("oracle://scott:lion^5@host", Some(("oracle", "lion^5"))),
        ];
        for (text, expected) in cases {
            let colon = text.find("://").expect("has one");
            let found = password(text.as_bytes(), colon).map(|(scheme, _, span)| (scheme, text[span].to_owned()));
            assert_eq!(found, expected.map(|(scheme, value)| (scheme.to_owned(), value.to_owned())), "{text}");
        }
    }
}
