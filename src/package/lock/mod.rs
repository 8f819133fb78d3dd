//! Lock files: packages that a project asks for, whether or not they were installed.
//!
//! Each format is one file here, a static [`LockFile`], and its line in [`super::COLLECTORS`]. A format's reader gives
//! names, versions and needs to [`Declared`]; limits, text that is no name, repetitions, and which version a need
//! means are told in one place.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub(super) mod bun;
mod bun_binary;
pub(super) mod bundler;
pub(super) mod cargo;
pub(super) mod cocoapods;
pub(super) mod composer;
pub(super) mod conan;
pub(super) mod dart;
mod declared;
pub(super) mod environment;
pub(super) mod golang;
pub(super) mod gradle;
pub(super) mod mix;
pub(super) mod npm;
pub(super) mod pdm;
pub(super) mod pipenv;
pub(super) mod pnpm;
pub(super) mod poetry;
pub(super) mod pylock;
mod read;
pub(super) mod requirements;
pub(super) mod sbt;
pub(super) mod swift;
#[cfg(test)]
mod testing;
pub(super) mod uv;
pub(super) mod yarn;

use std::borrow::Cow;

use crate::collect::{About, Collector, Delivery, Facts, File, Select};
use crate::inventory::Ecosystem;
use crate::path::ImagePath;
use crate::size::ByteSize;

use declared::Declared;

/// One format of lock files.
pub(super) struct LockFile {
    /// Unique name of the collector.
    id: &'static str,
    /// What kind its packages are.
    ecosystem: &'static Ecosystem,
    /// Names of such files.
    select: &'static [Select],
    /// Largest one that is read.
    limit: ByteSize,
    /// Reads one. What it has declared before an error is kept.
    read: fn(&[u8], &mut Declared) -> Result<(), String>,
    /// Its page of documentation.
    about: &'static About,
}

impl Collector for LockFile {
    fn id(&self) -> &'static str {
        self.id
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        self.select
    }

    fn delivery(&self) -> Delivery {
        Delivery::Whole(self.limit)
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        collect(file, self.ecosystem, self.read, facts);
    }

    fn accepts(&self, path: &ImagePath) -> bool {
        is_own(path)
    }

    fn about(&self) -> Option<&'static About> {
        Some(self.about)
    }
}

/// Makes facts of what `read` declares. An empty file says nothing: it is how a later layer takes one away.
fn collect(
    file: &File<'_>,
    ecosystem: &'static Ecosystem,
    read: fn(&[u8], &mut Declared) -> Result<(), String>,
    facts: &mut Facts,
) {
    if file.bytes.trim_ascii().is_empty() {
        return;
    }
    let mut declared = Declared::default();
    if is_example(file.path) {
        declared.hides_nothing();
    }
    let text = plain(file.bytes);
    if matches!(text, Cow::Owned(_)) {
        declared.note("it holds bytes that are no UTF-8; they are read as U+FFFD".to_owned());
    }
    if let Err(what) = read(&text, &mut declared) {
        declared.complain(what);
    }
    declared.push(ecosystem, facts);
}

/// The bytes as UTF-8: a stray byte costs the name it is in, not the file. What is no text at all, or marked as
/// UTF-16, is left to the reader.
fn plain(bytes: &[u8]) -> Cow<'_, [u8]> {
    let is_other = matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) || memchr::memchr(0, bytes).is_some();
    match String::from_utf8_lossy(bytes) {
        Cow::Owned(text) if !is_other => Cow::Owned(text.into_bytes()),
        _ => Cow::Borrowed(bytes),
    }
}

/// Folders of tests and examples. What is installed by a lock file there is found as what it is; a broken one, as
/// tests have them, hides nothing of the image.
const EXAMPLES: &[&[u8]] =
    &[b"test", b"tests", b"__tests__", b"spec", b"example", b"examples", b"samples", b"doc", b"docs"];

fn is_example(path: &ImagePath) -> bool {
    let folder = path.parent();
    // a folder at the top is nobody's test, and one in `home` is a person
    let own = if folder.components().next() == Some(b"home") { 2 } else { 1 };
    folder.components().skip(own).any(|folder| EXAMPLES.contains(&folder))
}

/// Folders of packages that others have made, whose own lock files, shipped along, say nothing of this image; and of
/// examples for tests.
const FOREIGN: &[&[u8]] = &[
    b"node_modules",
    b"bower_components",
    b"site-packages",
    b"dist-packages",
    b"vendor",
    b"gems",
    b"Pods",
    b"Carthage",
    b".cargo",
    b".pub-cache",
    b"testdata",
    b"fixtures",
    b"__fixtures__",
];

/// Whether a lock file of this name belongs to a project of the image, and not to a package that was installed or
/// copied into it.
fn is_own(path: &ImagePath) -> bool {
    let mut before: &[u8] = b"";
    let mut last_but_one: &[u8] = b"";
    for folder in path.parent().components() {
        let is_pair = |first: &[u8], second: &[u8]| before == first && folder == second;
        let is_foreign = FOREIGN.contains(&folder)
            // Go's cache of modules, sources of crates, documentation, Debian's Node packages, dependencies of Elixir
            || is_pair(b"pkg", b"mod")
            || is_pair(b"cargo", b"registry")
            || is_pair(b"cargo", b"git")
            || is_pair(b"share", b"doc")
            || is_pair(b"share", b"nodejs")
            || (last_but_one == b"usr" && before == b"lib" && folder == b"nodejs");
        if is_foreign {
            return false;
        }
        last_but_one = before;
        before = folder;
    }
    true
}

/// What no reader of lock files sees, for [`About::not_seen`].
const FOREIGN_UNSEEN: &str =
    "lock files below `node_modules`, `site-packages`, `vendor`, `gems` and the like, which came with a dependency";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_files_of_dependencies_are_not_the_images_own() {
        let cases = [
            ("package-lock.json", true),
            ("srv/app/yarn.lock", true),
            ("usr/lib/app/Gemfile.lock", true),
            ("usr/local/lib/node_modules/npm/package-lock.json", false),
            ("app/vendor/bundle/ruby/3.2.0/gems/a-1/Gemfile.lock", false),
            ("usr/lib/python3/dist-packages/a/requirements.txt", false),
            ("root/go/pkg/mod/example.com/a@v1.0.0/go.mod", false),
            ("usr/local/cargo/registry/src/index-1/a-1.0.0/Cargo.lock", false),
            ("root/.cargo/registry/src/a/Cargo.lock", false),
            ("usr/share/doc/a/examples/go.mod", false),
            ("usr/share/nodejs/a/yarn.lock", false),
            ("usr/local/go/src/cmd/testdata/go.mod", false),
            ("app/registry/Cargo.lock", true),
            ("app/mod/go.mod", true),
            ("app/vendor", true),
        ];
        for (path, expected) in cases {
            assert_eq!(is_own(&path.into()), expected, "{path}");
        }
    }

    #[test]
    fn a_stray_byte_costs_one_name() {
        let text =
            b"[[package]]\nname = \"a\xff\"\nversion = \"1.0.0\"\n[[package]]\nname = \"b\"\nversion = \"2.0.0\"\n";
        let shown = testing::shown("srv/Cargo.lock", text);
        assert_eq!(shown.get(1).map(String::as_str), Some("cargo/b@2.0.0"), "{shown:?}");
        assert!(shown.last().is_some_and(|told| told.starts_with("? ")) && shown.len() == 3, "{shown:?}");
    }

    #[test]
    fn broken_lock_files_of_tests_hide_nothing() {
        let cases = [
            ("srv/composer.lock", "! "),
            ("srv/tests/composer.lock", "? "),
            ("home/joe/test/yarn.lock", "? "),
            ("home/test/app/yarn.lock", "! "),
            ("test/yarn.lock", "! "),
        ];
        for (path, mark) in cases {
            let shown = testing::shown(path, "broken");
            assert!(shown.len() == 1 && shown.iter().all(|told| told.starts_with(mark)), "{path} {shown:?}");
        }
    }
}
