//! What a path says of a secret in it: whether it is an example, and what of the path stays when the image is built anew.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::path::ImagePath;

/// Folders of tests, examples and documentation. Such a place makes a secret less grave, and never hides it.
const FOLDERS: &[&str] = &[
    "__fixtures__",
    "__mocks__",
    "__tests__",
    "demo",
    "demos",
    "doc",
    "docs",
    "documentation",
    "example",
    "examples",
    "fixture",
    "fixtures",
    "man",
    "mock",
    "mocks",
    "sample",
    "samples",
    "spec",
    "specs",
    "test",
    "test-data",
    "test_data",
    "testdata",
    "testing",
    "tests",
];

/// Shortest run of hexadecimal digits, letters and figures both, that is taken for a digest.
const LEAST_DIGEST: usize = 8;

/// The innermost folder of tests, examples or documentation that a path goes through, in archives too.
pub(super) fn of_examples(path: &ImagePath) -> Option<&'static str> {
    let folder = path.parent();
    let mut parts = folder.as_bytes().rsplit(|b| matches!(b, b'/' | b'!'));
    parts.find_map(|part| FOLDERS.iter().copied().find(|folder| part.eq_ignore_ascii_case(folder.as_bytes())))
}

/// The path with `#` for version numbers and digests, which change from build to build.
pub(super) fn stable(path: &ImagePath) -> String {
    let text = path.to_string();
    let mut stable = String::with_capacity(text.len());
    // runs of what numbers and digests are made of, and what stands between
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '.';
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let between = rest.find(is_of_word).unwrap_or(rest.len());
        let (before, from) = rest.split_at(between);
        stable.push_str(before);
        let (word, after) = from.split_at(from.find(|c| !is_of_word(c)).unwrap_or(from.len()));
        push_word(word, &mut stable);
        rest = after;
    }
    stable
}

/// Adds a word, such as `python3.11`, `config.3f9ac01b.js`, `1.2.3` or `app.jar`.
fn push_word(word: &str, stable: &mut String) {
    // numbers with dots between, a letter or `v` before
    let mut parts: Vec<String> = Vec::new();
    for part in word.split('.') {
        let is_hex = part.len() >= LEAST_DIGEST && part.bytes().all(|b| b.is_ascii_hexdigit());
        let is_mixed = part.bytes().any(|b| b.is_ascii_digit()) && part.bytes().any(|b| b.is_ascii_alphabetic());
        parts.push(if is_hex && (is_mixed || part.len() >= 32) { "#".into() } else { part.to_owned() });
    }
    let ends_in_digit = |part: &str| part.bytes().last().is_some_and(|b| b.is_ascii_digit());
    let starts_with_digit = |part: &str| part.bytes().next().is_some_and(|b| b.is_ascii_digit());
    let mut at = 0_usize;
    while let Some(part) = parts.get(at) {
        if at > 0 {
            stable.push('.');
        }
        let next = parts.get(at.saturating_add(1)).map(String::as_str).unwrap_or_default();
        if ends_in_digit(part) && starts_with_digit(next) {
            stable.push_str(part.trim_end_matches(|c: char| c.is_ascii_digit()));
            stable.push('#');
            // the rest of the number, and what follows its last figures
            loop {
                at = at.saturating_add(1);
                let here = parts.get(at).map(String::as_str).unwrap_or_default();
                let after = parts.get(at.saturating_add(1)).map(String::as_str).unwrap_or_default();
                if !(ends_in_digit(here) && starts_with_digit(after)) {
                    stable.push_str(here.trim_start_matches(|c: char| c.is_ascii_digit()));
                    break;
                }
            }
        } else {
            stable.push_str(part);
        }
        at = at.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_known_by_whole_names_of_folders() {
        let cases = [
            ("app/tests/key.pem", Some("tests")),
            ("app/Test/a/key.pem", Some("test")),
            ("srv/x.jar!docs/a.txt", Some("docs")),
            ("usr/share/doc/a/examples/x", Some("examples")),
            ("app/test.env", None),
            ("app/latest/x", None),
            ("tests", None),
        ];
        for (path, expected) in cases {
            assert_eq!(of_examples(&path.into()), expected, "{path}");
        }
    }

    #[test]
    fn versions_and_digests_are_left_out() {
        let cases = [
            ("usr/lib/python3.11/site-packages/a-1.2.3.dist-info/x", "/usr/lib/python#/site-packages/a-#.dist-info/x"),
            ("srv/main.3f9ac01b.js", "/srv/main.#.js"),
            ("opt/app-2.10.0-rc1/conf.d/10.ini", "/opt/app-#-rc1/conf.d/10.ini"),
            ("home/u/.ssh/id_ed25519", "/home/u/.ssh/id_ed25519"),
            ("app/config2.yml", "/app/config2.yml"),
            ("a/0123456789abcdef0123456789abcdef/b", "/a/#/b"),
            ("a/v1.2/deadbeef/x.1.2b", "/a/v#/deadbeef/x.#b"),
            ("lib64/libssl.so.3", "/lib64/libssl.so.3"),
        ];
        for (path, expected) in cases {
            assert_eq!(stable(&path.into()), expected);
        }
    }
}
