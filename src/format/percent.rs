//! Percent-encoding (RFC 3986, section 2.1), undone.

use std::borrow::Cow;

/// The text without its encoding; `None` where a sign is cut short or the bytes are no UTF-8.
pub fn decode(text: &str) -> Option<String> {
    let (bytes, is_sound) = bytes(text);
    String::from_utf8(bytes.into_owned()).ok().filter(|_| is_sound)
}

/// The text without its encoding; what is no sign stays, and bytes that are no UTF-8 are replaced.
pub fn decode_lossy(text: &str) -> String {
    String::from_utf8_lossy(&bytes(text).0).into_owned()
}

/// The bytes, and whether each `%` begins a sign.
fn bytes(text: &str) -> (Cow<'_, [u8]>, bool) {
    if !text.contains('%') {
        return (Cow::Borrowed(text.as_bytes()), true);
    }
    let mut is_sound = true;
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let sign = if *first == b'%' { sign(after) } else { None };
        is_sound &= *first != b'%' || sign.is_some();
        bytes.push(sign.unwrap_or(*first));
        rest = if sign.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    (Cow::Owned(bytes), is_sound)
}

fn sign(after: &[u8]) -> Option<u8> {
    let digit = |place: usize| char::from(*after.get(place)?).to_digit(16);
    u8::try_from(digit(0)? << 4 | digit(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_decoded_or_refused() {
        let cases = [
            ("a b", Some("a b"), "a b"),
            ("a%2Fb%20", Some("a/b "), "a/b "),
            ("%C3%A9", Some("é"), "é"),
            ("%2f%2F", Some("//"), "//"),
            ("%2525", Some("%25"), "%25"),
            ("%", None, "%"),
            ("%a", None, "%a"),
            ("%gg%20", None, "%gg "),
            ("%+f", None, "%+f"),
            ("%ff", None, "\u{fffd}"),
            ("é%2", None, "é%2"),
        ];
        for (text, expected, lossy) in cases {
            assert_eq!(decode(text).as_deref(), expected, "{text}");
            assert_eq!(decode_lossy(text), lossy, "{text}");
        }
    }
}
