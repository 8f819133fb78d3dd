//! What a path says of a secret in it: whether it is an example, and what of the path stays when the image is built anew.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::path::ImagePath;
use crate::rule::Severity;

use super::kind::{self, Kind};
use super::shipped;

/// A place of tests, examples or documentation. It makes a secret less grave, and never hides it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Example {
    /// How it is told: "in a folder `tests`".
    pub(super) note: String,
    /// Whether nothing there is in use. `demo` and `testing` name an installation as often.
    pub(super) is_sure: bool,
}

/// Folders of tests, examples and documentation.
const FOLDERS: &[&str] = &[
    "__fixtures__",
    "__mocks__",
    "__tests__",
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
    "tests",
];

/// Folders that may be such, or an installation for trial.
const TRIALS: &[&str] = &["demo", "demos", "testing"];

/// Last words of the names of such folders: `unit-tests`, `ssl_fixtures`.
const LAST_WORDS: &[&str] = &["examples", "fixtures", "mocks", "samples", "testdata", "tests"];

/// Words in the names of files that are examples, where other words stand beside them: `rsa_example_key.der`.
const EXAMPLES: &[&str] = &["example", "sample", "snakeoil"];

/// Words at either end of the name of a file of source that make it a test: `test_x.py`, `x_test.go`, `x.spec.ts`.
const TESTS: &[&str] = &["test", "tests", "spec", "conftest"];

/// The same where words are parted by capitals: `KeyTest.java`.
const JOINED_TESTS: &[&str] = &["Test", "Tests", "TestCase", "Spec"];

/// Endings of documentation.
const DOCUMENTS: &[&str] =
    &["adoc", "asciidoc", "markdown", "md", "mdx", "pod", "rdoc", "rst", "texi", "texinfo", "textile"];

/// Shortest run of hexadecimal digits, letters and figures both, that is taken for a digest.
const LEAST_DIGEST: usize = 8;

/// Whether a path is one of tests, examples or documentation, by its folders and its name, in archives too.
pub(super) fn of_examples(path: &ImagePath) -> Option<Example> {
    let sure = |note| Some(Example { note, is_sure: true });
    let folder = path.parent();
    let mut trial = None;
    for part in folder.as_bytes().rsplit(|b| matches!(b, b'/' | b'!')) {
        let is = |folder: &&&str| part.eq_ignore_ascii_case(folder.as_bytes());
        if let Some(folder) = FOLDERS.iter().find(is) {
            return sure(format!("in a folder `{folder}`"));
        }
        if let Some(folder) = TRIALS.iter().find(is) {
            trial = trial.or(Some(folder));
        }
        if let Some(word) = LAST_WORDS.iter().find(|word| ends_with_word(part, word)) {
            return sure(format!("in a folder of {word}"));
        }
        // the classifier of an archive of tests: `app-1.2-tests.jar`
        if part.ends_with(b".jar") && words(part).any(|word| matches!(word, b"test" | b"tests")) {
            return sure("in an archive of tests".into());
        }
    }
    let name = path.file_name();
    if is_test(path) {
        return sure("in a file of tests".into());
    }
    if words(name).count() > 1
        && words(name).any(|word| EXAMPLES.iter().any(|example| word.eq_ignore_ascii_case(example.as_bytes())))
    {
        return sure("in a file that is an example by its name".into());
    }
    let ending = name.iter().rposition(|b| *b == b'.').and_then(|dot| name.get(dot.saturating_add(1)..));
    let is_document = |ending: &[u8]| DOCUMENTS.iter().any(|known| ending.eq_ignore_ascii_case(known.as_bytes()));
    if kind::is_prose(path) || ending.is_some_and(is_document) {
        return sure("in a text for readers".into());
    }
    trial.map(|folder| Example { note: format!("in a folder `{folder}`"), is_sure: false })
}

/// What becomes of a secret in such a place: of `is_token`, one that a provider's prefix tells, and where the place may be
/// in use, it is one step less grave; else it weighs little.
pub(super) fn lowered(severity: Severity, example: &Example, is_token: bool) -> Severity {
    if severity <= Severity::Low {
        severity
    } else if example.is_sure && !is_token {
        Severity::Low
    } else {
        shipped::less_grave(severity).max(Severity::Low)
    }
}

/// Whether the name of a file of source is that of a test.
fn is_test(path: &ImagePath) -> bool {
    if kind::of(path) != Kind::Source {
        return false;
    }
    let name = path.file_name();
    let stem = name.get(..name.iter().rposition(|b| *b == b'.').unwrap_or(name.len())).unwrap_or_default();
    let is_word = |word: Option<&[u8]>| word.is_some_and(|word| TESTS.iter().any(|test| word == test.as_bytes()));
    let joined = |test: &&str| {
        let before = stem.strip_suffix(test.as_bytes()).and_then(<[u8]>::last);
        before.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    let has_more = words(stem).count() > 1 || stem == b"conftest";
    has_more && (is_word(words(stem).next()) || is_word(words(stem).last())) || JOINED_TESTS.iter().any(joined)
}

/// The words of a name.
fn words(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    name.split(|b| matches!(b, b'-' | b'_' | b'.')).filter(|word| !word.is_empty())
}

/// Whether a name of several words ends with that one.
fn ends_with_word(name: &[u8], word: &str) -> bool {
    words(name).count() > 1 && words(name).last().is_some_and(|last| last.eq_ignore_ascii_case(word.as_bytes()))
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
            ("app/tests/key.pem", Some(("in a folder `tests`", true))),
            ("app/Test/a/key.pem", Some(("in a folder `test`", true))),
            ("srv/x.jar!docs/a.txt", Some(("in a folder `docs`", true))),
            ("usr/share/doc/a/examples/x", Some(("in a folder `examples`", true))),
            ("srv/demo/app.yml", Some(("in a folder `demo`", false))),
            ("srv/demo/tests/app.yml", Some(("in a folder `tests`", true))),
            ("srv/unit-tests/app.yml", Some(("in a folder of tests", true))),
            ("srv/lib-1.2-tests.jar!a/key.pem", Some(("in an archive of tests", true))),
            ("srv/test.jar!a/key.pem", Some(("in an archive of tests", true))),
            ("app/test_keys.py", Some(("in a file of tests", true))),
            ("app/keys_test.go", Some(("in a file of tests", true))),
            ("app/keys.spec.ts", Some(("in a file of tests", true))),
            ("app/KeysTest.java", Some(("in a file of tests", true))),
            ("app/rsa_example_key.der", Some(("in a file that is an example by its name", true))),
            ("app/.env.example", Some(("in a file that is an example by its name", true))),
            ("app/README", Some(("in a text for readers", true))),
            ("app/setup.md", Some(("in a text for readers", true))),
            ("app/test.env", None),
            ("app/test.py", None),
            ("app/config.test.json", None),
            ("srv/app-test/config.yml", None),
            ("app/Latest.java", None),
            ("app/latest/x", None),
            ("app/sample", None),
            ("tests", None),
        ];
        for (path, expected) in cases {
            let place = of_examples(&path.into());
            let place = place.as_ref().map(|place| (place.note.as_str(), place.is_sure));
            assert_eq!(place, expected, "{path}");
        }
    }

    #[test]
    fn an_example_weighs_little_unless_it_is_a_token() {
        let [sure, trial] = [true, false].map(|is_sure| Example { note: String::new(), is_sure });
        assert_eq!(lowered(Severity::Critical, &sure, false), Severity::Low);
        assert_eq!(lowered(Severity::High, &sure, true), Severity::Medium);
        assert_eq!(lowered(Severity::Critical, &trial, false), Severity::High);
        assert_eq!(lowered(Severity::Medium, &trial, false), Severity::Low);
        assert_eq!(lowered(Severity::Info, &sure, false), Severity::Info);
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
