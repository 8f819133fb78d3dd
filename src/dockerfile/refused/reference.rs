//! Names of images and digests, by the grammar of distribution/reference.

use crate::reference::{LONGEST_PATH, LONGEST_TAG, is_component, is_host, is_tag};

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
    let is_meant = |first: &str| {
        first.contains(['.', ':']) || first == "localhost" || first.chars().any(|c| c.is_ascii_uppercase())
    };
    let host = first.filter(|first| is_meant(first));
    let rest = match host {
        Some(host) => named.get(host.len().saturating_add(1)..).unwrap_or_default(),
        None => named,
    };
    let (path, tag) = match rest.split_once(':') {
        Some((path, tag)) => (path, Some(tag)),
        None => (rest, None),
    };
    if let Some(host) = host.filter(|host| !is_host(host)) {
        return Some(format!("`{}` is no host", super::quoted(host)));
    }
    if path.chars().any(|c| c.is_ascii_uppercase()) {
        return Some("it must be in lower case".into());
    }
    if path.is_empty() {
        return Some("nothing stands before the tag".into());
    }
    if path.len() > LONGEST_PATH {
        return Some(format!("it is longer than {LONGEST_PATH} bytes"));
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
