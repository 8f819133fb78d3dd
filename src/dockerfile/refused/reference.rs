//! Names of images and digests, by the grammar of distribution/reference.

/// Longest path of a repository, in bytes.
const LONGEST_NAME: usize = 255;

/// Longest tag, in bytes.
const LONGEST_TAG: usize = 128;

/// What is wrong with the name of an image; `None` where nothing is.
pub(super) fn fault(text: &str) -> Option<String> {
    if text.len() == 64 && is_hex(text) {
        return Some("64 hexadecimal digits alone are taken for an id; name the image".into());
    }
    let (named, digest) = match text.split_once('@') {
        Some((named, digest)) => (named, Some(digest)),
        None => (text, None),
    };
    let first = named.split_once('/').map(|(first, _)| first);
    let is_host = |first: &str| {
        first.contains(['.', ':']) || first == "localhost" || first.chars().any(|c| c.is_ascii_uppercase())
    };
    let host = first.filter(|first| is_host(first));
    let rest = match host {
        Some(host) => named.get(host.len().saturating_add(1)..).unwrap_or_default(),
        None => named,
    };
    let (path, tag) = match rest.split_once(':') {
        Some((path, tag)) => (path, Some(tag)),
        None => (rest, None),
    };
    if let Some(host) = host.filter(|host| !is_domain(host)) {
        return Some(format!("`{}` is no host", super::quoted(host)));
    }
    if path.chars().any(|c| c.is_ascii_uppercase()) {
        return Some("it must be in lower case".into());
    }
    if path.is_empty() {
        return Some("nothing stands before the tag".into());
    }
    if path.len() > LONGEST_NAME {
        return Some(format!("it is longer than {LONGEST_NAME} bytes"));
    }
    if let Some(part) = path.split('/').find(|part| !is_component(part)) {
        return Some(format!(
            "in `{}`, only lower-case letters and digits can stand, and `.`, `_`, `__` or `-` between them",
            super::quoted(part)
        ));
    }
    if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
        return Some(if tag.is_empty() {
            "nothing stands behind the colon".into()
        } else {
            format!(
                "`{}` is no tag: letters, digits, `_`, `.` and `-` can stand in it, up to {LONGEST_TAG}",
                super::quoted(tag)
            )
        });
    }
    digest.and_then(digest_fault)
}

/// What is wrong with a digest; `None` where nothing is.
pub(super) fn digest_fault(text: &str) -> Option<String> {
    let Some((algorithm, hex)) = text.split_once(':') else {
        return Some("a digest is such as `sha256:` with 64 hexadecimal digits".into());
    };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return Some(format!("`{}` is no digest's algorithm; `sha256` is", super::quoted(algorithm))),
    };
    let is_digits = hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if !is_digits {
        return Some(format!("the digits of `{algorithm}` are 0 to 9 and a to f"));
    }
    (hex.len() != length).then(|| format!("`{algorithm}` has {length} digits, and here are {}", hex.len()))
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// A host and its port.
fn is_domain(text: &str) -> bool {
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

fn is_component(text: &str) -> bool {
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

fn is_tag(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.starts_with(is_word) && text.len() <= LONGEST_TAG && text.chars().all(|c| is_word(c) || matches!(c, '.' | '-'))
}
