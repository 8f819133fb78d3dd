//! Bytes that no process of a container reads: documentation, symbols for debuggers, tests of packages.

use std::collections::BTreeMap;

use super::package_cache::is_in_cache;
use super::{Check, Context, at, count};
use crate::finding::{Finding, Findings};
use crate::inventory::Inventory;
use crate::path::ImagePath;
use crate::rule::{Confidence, Rule, Severity};
use crate::size::ByteSize;
use crate::tree::Node;

/// Manuals and translations are shipped.
pub(super) static DOCUMENTATION: Rule = Rule {
    id: "image/documentation",
    title: "The image ships documentation and translations",
    severity: Severity::Info,
    is_opt_in: true,
    why: "Nobody reads manuals in a container, and few programs in one speak to people. Packages bring both, and their \
          licences with them, which must stay, so the rule is off unless a policy names it. Told from 2 MiB on.",
    remediation: "Tell the package manager to leave them out: `path-exclude` in `/etc/dpkg/dpkg.cfg.d`, `tsflags=nodocs` \
                  in `dnf.conf`; or use the slim variant of the base.",
    references: &["https://wiki.ubuntu.com/ReducingDiskFootprint"],
    bad: "FROM debian:13",
    good: "FROM debian:13-slim",
    ..Rule::NEW
};

/// Symbols for debuggers are shipped.
pub(super) static DEBUG_SYMBOLS: Rule = Rule {
    id: "image/debug-symbols",
    title: "The image ships symbols for debuggers",
    severity: Severity::Info,
    why: "They are of use only where a debugger is, can be many times the size of the program, and show how it is built. \
          Told from 2 MiB on.",
    remediation: "Leave `-dbg`, `-dbgsym` and `-debuginfo` packages out, `strip --strip-debug` programs, and keep the \
                  symbols where dumps are looked at.",
    references: &["https://sourceware.org/gdb/current/onlinedocs/gdb.html/Separate-Debug-Files.html"],
    bad: "COPY --from=build /src/target/server /src/target/server.debug /srv/",
    good: "COPY --from=build /src/target/server /srv/",
    ..Rule::NEW
};

/// Tests of installed packages are shipped.
pub(super) static PACKAGE_TESTS: Rule = Rule {
    id: "image/package-tests",
    title: "The image ships tests of the packages it installs",
    severity: Severity::Info,
    confidence: Confidence::Medium,
    why: "Tests and their data are seldom run where a package is used, and can be most of its bytes; keys and archives \
          among them set off scanners. Told from 2 MiB on.",
    remediation: "Delete them in the step that installs, once the application is known to do without: \
                  `find /usr/local/lib/python3* -type d -name tests -prune -exec rm -rf {} +`.",
    references: &["https://docs.docker.com/build/building/best-practices/"],
    bad: "RUN pip install --no-cache-dir pandas",
    good: "RUN pip install --no-cache-dir pandas && find /usr/local/lib -type d -name tests -prune -exec rm -rf {} +",
    ..Rule::NEW
};

/// Least bytes that are reported.
const FLOOR: ByteSize = ByteSize::mib(2);

/// Folders that the evidence lists, the largest.
const LISTED: usize = 20;

/// Where documentation lies.
const DOCUMENTS: &[&[u8]] = &[
    b"usr/share/doc",
    b"usr/share/man",
    b"usr/share/info",
    b"usr/share/gtk-doc",
    b"usr/share/help",
    b"usr/share/locale",
    b"usr/local/man",
    b"usr/local/share/doc",
    b"usr/local/share/man",
    b"usr/local/share/info",
    b"usr/local/share/locale",
];

/// Beginnings of names, in lower case, of texts that must go with the software.
const LICENCES: &[&[u8]] = &[b"copyright", b"copying", b"licen", b"notice", b"authors"];

/// Folders of packages of languages.
const LIBRARIES: &[&[u8]] = &[b"node_modules", b"site-packages", b"dist-packages", b"gems"];

/// Folders of tests in them.
const TESTS: &[&[u8]] = &[b"test", b"tests", b"__tests__"];

/// Sums up what is live.
pub(super) struct Ballast;

impl Check for Ballast {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&DEBUG_SYMBOLS, &DOCUMENTATION, &PACKAGE_TESTS] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        let mut sums: [Sum<'_>; 3] = std::array::from_fn(|_| Sum::default());
        let [documents, symbols, tests] = &mut sums;
        let mut owned: BTreeMap<&[u8], bool> = BTreeMap::new();
        for (path, node) in image.tree.names() {
            let entry = image.tree.entry(node);
            if !entry.is_file() || entry.size == 0 || image.tree.names_of(node).next() != Some(path) {
                continue;
            }
            let bytes = path.as_bytes();
            if let Some(folder) = documentation_folder(path) {
                // what licences ask for stays
                if is_documentation(path) {
                    documents.add(folder, node, entry.size);
                }
            } else if is_symbols(image, path) {
                symbols.add(path.parent_bytes(), node, entry.size);
            } else if let Some(folder) = end_of_tests(bytes).and_then(|end| bytes.get(..end)) {
                // bytecode beside what a system's package brought is of no package, but the folder is
                let is_owned =
                    *owned.entry(folder).or_insert_with(|| image.owned.owner(&ImagePath::new(folder)).is_some());
                if !is_owned && image.owned.owner(path).is_none() && !is_in_cache(path) {
                    tests.add(folder, node, entry.size);
                }
            }
        }
        let told = [
            (&DEBUG_SYMBOLS, "of symbols for debuggers", &sums[1]),
            (&DOCUMENTATION, "of documentation and translations", &sums[0]),
            (&PACKAGE_TESTS, "of tests that packages bring", &sums[2]),
        ];
        for (rule, what, sum) in told {
            if sum.bytes >= FLOOR.bytes() {
                findings.extend(sum.finding(rule, what));
            }
        }
    }
}

/// Whether a file is a manual, a text or a translation, and none that licences ask for.
pub fn is_documentation(path: &ImagePath) -> bool {
    let name = path.file_name().to_ascii_lowercase();
    documentation_folder(path).is_some()
        && !LICENCES.iter().any(|start| name.starts_with(start))
        && name != b"locale.alias"
}

/// The folder of documentation that holds a file.
fn documentation_folder(path: &ImagePath) -> Option<&'static [u8]> {
    DOCUMENTS.iter().find(|folder| path.strip_folder(folder).is_some()).copied()
}

/// Files by folder.
#[derive(Default)]
struct Sum<'a> {
    files: u64,
    bytes: u64,
    /// Bytes, and the first file's layer.
    folders: BTreeMap<&'a [u8], (u64, u32)>,
}

impl<'a> Sum<'a> {
    fn add(&mut self, folder: &'a [u8], node: Node, size: u64) {
        self.files = self.files.saturating_add(1);
        self.bytes = self.bytes.saturating_add(size);
        let (bytes, _) = self.folders.entry(folder).or_insert((0, node.layer));
        *bytes = bytes.saturating_add(size);
    }

    fn finding(&self, rule: &'static Rule, what: &str) -> Option<Finding> {
        let mut folders: Vec<(&[u8], u64, u32)> =
            self.folders.iter().map(|(folder, (bytes, layer))| (*folder, *bytes, *layer)).collect();
        folders.sort_by_key(|(folder, bytes, _)| (std::cmp::Reverse(*bytes), *folder));
        let (largest, bytes, layer) = folders.first().copied()?;
        let largest = ImagePath::new(largest);
        let message = format!(
            "{} {what} in {}, most in `{largest}` ({})",
            ByteSize(self.bytes),
            count(self.files, "file"),
            ByteSize(bytes),
        );
        let listed: Vec<_> = folders
            .iter()
            .take(LISTED)
            .map(|(folder, bytes, _)| serde_json::json!({ "path": ImagePath::new(folder), "bytes": bytes }))
            .collect();
        let finding = Finding::new(rule, what, at(&largest, layer), message)
            .evidence("bytes", self.bytes)
            .evidence("files", self.files)
            .evidence("folders", listed);
        // the largest folder is another one tomorrow
        Some(Finding { identity: Some(what.to_owned()), ..finding })
    }
}

fn is_symbols(image: &Inventory, path: &ImagePath) -> bool {
    let name = path.file_name();
    if path.is_under(b"usr/lib/debug") || path.components().any(|part| part.ends_with(b".dSYM")) {
        return true;
    }
    let beside = |ending: &[u8], other: &[u8]| {
        let stem = name.strip_suffix(ending).filter(|stem| !stem.is_empty())?;
        image.tree.get(&path.parent().join(&[stem, other].concat()))
    };
    // both endings mean other things elsewhere
    beside(b".debug", b"").is_some() || beside(b".pdb", b".dll").or_else(|| beside(b".pdb", b".exe")).is_some()
}

/// Where the path of a folder of tests ends that belongs to an installed package.
fn end_of_tests(path: &[u8]) -> Option<usize> {
    let mut end = 0usize;
    let mut depth: Option<usize> = None;
    let parts = path.split(|byte| *byte == b'/');
    let last = path.split(|byte| *byte == b'/').count().saturating_sub(1);
    for (place, part) in parts.enumerate() {
        end = end.saturating_add(part.len());
        if LIBRARIES.contains(&part) {
            depth = Some(0);
        } else if let Some(below) = depth {
            // `node_modules/test` is a package of this name
            let is_inside = below > 0 && place < last;
            if is_inside && TESTS.contains(&part) {
                return Some(end);
            }
            depth = Some(if part.starts_with(b"@") { 0 } else { below.saturating_add(1) });
        }
        end = end.saturating_add(1);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, layered, shown};
    use super::*;

    #[test]
    fn tests_are_those_of_installed_packages() {
        let cases = [
            ("usr/lib/python3/dist-packages/pandas/tests/a/b.py", Some("usr/lib/python3/dist-packages/pandas/tests")),
            ("app/node_modules/a/test/x.js", Some("app/node_modules/a/test")),
            ("app/node_modules/@s/a/__tests__/x.js", Some("app/node_modules/@s/a/__tests__")),
            ("app/node_modules/test/index.js", None),
            ("app/node_modules/@s/test/index.js", None),
            ("app/node_modules/a/test", None),
            ("app/node_modules/a/testing/x.js", None),
            ("app/tests/x.py", None),
        ];
        for (path, folder) in cases {
            let found = end_of_tests(path.as_bytes()).and_then(|end| path.get(..end));
            assert_eq!(found, folder, "{path}");
        }
    }

    #[test]
    fn bytes_are_summed_up_in_one_finding_each() {
        let mib = 1 << 20;
        let image = layered(vec![vec![
            file("usr/share/doc/a/README", 3 * mib),
            file("usr/share/doc/a/copyright", 9 * mib),
            file("usr/share/man/man1/a", mib),
            file("srv/server", 1),
            file("srv/server.debug", 2 * mib),
            file("srv/notes.debug", 9 * mib),
            file("srv/protein.pdb", 9 * mib),
            file("app/node_modules/a/test/x", mib),
        ]]);
        assert_eq!(
            shown(&Ballast, &image),
            [
                "info image/debug-symbols /srv@0: 2.0 MiB of symbols for debuggers in 1 file, most in `/srv` (2.0 MiB)",
                "info image/documentation /usr/share/doc@0: 4.0 MiB of documentation and translations in 2 files, most in `/usr/share/doc` (3.0 MiB)",
            ]
        );
    }

    #[test]
    fn documentation_is_told_by_its_folder_and_licences_are_none() {
        let cases = [
            ("usr/share/man/man1/ls.1.gz", true),
            ("usr/share/locale/de/LC_MESSAGES/bash.mo", true),
            ("usr/share/doc/bash/README", true),
            ("usr/share/doc/bash/copyright", false),
            ("usr/share/doc/bash/LICENSE.gz", false),
            ("usr/share/locale/locale.alias", false),
            ("usr/lib/locale/C.utf8/LC_CTYPE", false),
            ("usr/share/document", false),
            ("app/docs/usr/share/doc/x", false),
        ];
        for (path, expected) in cases {
            assert_eq!(is_documentation(&ImagePath::from(path)), expected, "{path}");
        }
    }
}
