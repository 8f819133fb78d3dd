//! The grammar of image references, part by part (distribution's references; distribution-spec 1.1, "Pulling manifests").

/// Longest path of a repository, in bytes.
pub const LONGEST_PATH: usize = 255;

/// Longest tag, in bytes.
pub const LONGEST_TAG: usize = 128;

/// A host, and its port: labels between dots, or an IPv6 address in brackets.
pub fn is_host(text: &str) -> bool {
    if let Some(rest) = text.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_number);
        return is_port && address.chars().all(|c| c.is_ascii_hexdigit() || c == ':') && !address.is_empty();
    }
    let (name, port) = text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    name.split('.').all(is_label) && port.is_none_or(is_number)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A part of a repository's path: words of lower-case letters and digits, between which stand a dot, one or two `_`, or any
/// number of `-`.
pub fn is_component(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_separator =
        |text: &str| matches!(text, "." | "_" | "__") || !text.is_empty() && text.chars().all(|c| c == '-');
    let mut rest = text;
    loop {
        let length = rest.find(|c: char| !is_plain(c)).unwrap_or(rest.len());
        let Some((word, behind)) = rest.split_at_checked(length) else { return false };
        if word.is_empty() {
            return false;
        }
        if behind.is_empty() {
            return true;
        }
        let length = behind.find(is_plain).unwrap_or(behind.len());
        let Some((separator, behind)) = behind.split_at_checked(length) else { return false };
        if !is_separator(separator) {
            return false;
        }
        rest = behind;
    }
}

/// What can stand behind a colon.
pub fn is_tag(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.starts_with(is_word) && text.len() <= LONGEST_TAG && text.chars().all(|c| is_word(c) || matches!(c, '.' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_from_what_is_none() {
        for (is_part, good, bad) in [
            (
                is_host as fn(&str) -> bool,
                &["localhost", "a-1.B-2.example", "host:5000", "[::1]", "[::1]:5000", "127.0.0.1"][..],
                &["", "-a", "a-", "a..b", "a:", "a:x", "a:1:2", "[]", "[::1", "[::1]x", "h\u{e9}st", "a_b", "a/b"][..],
            ),
            (
                is_component,
                &["a", "0", "a.b", "a_b", "a__b", "a-b", "a----b", "a.b_c-d"],
                &["", ".", "A", "-a", "a_", "a..b", "a___b", "a.-b", "a b", "\u{e9}", "a/b"],
            ),
            (is_tag, &["latest", "1.0", "_", "A-b_c.D"], &["", ".a", "-a", "a b", "a:b", "a@b", "\u{e9}", "a/b"]),
        ] {
            for text in good {
                assert!(is_part(text), "{text}");
            }
            for text in bad {
                assert!(!is_part(text), "{text}");
            }
        }
        assert!(is_tag(&"a".repeat(LONGEST_TAG)));
        assert!(!is_tag(&"a".repeat(LONGEST_TAG + 1)));
    }
}
