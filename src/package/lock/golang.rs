//! `go.mod` and `go.sum` (Go Modules Reference, "go.mod files" and "go.sum files").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, HashMap};

use crate::collect::{About, Collector, Delivery, Fact, Facts, File, Select, View};
use crate::inventory::Inventory;
use crate::package::ecosystem::GOLANG;
use crate::package::text::PACKAGES_PER_FILE;
use crate::path::ImagePath;
use crate::size::ByteSize;

use super::declared::{Declared, Entry};
use super::{FOREIGN_UNSEEN, collect, is_own, read};

/// Reads what Go modules require, and where that is not all, what their checksums are of.
pub(in crate::package) struct GoModules;

/// Key of the fact that a `go.mod` does not list all modules.
const INCOMPLETE: &str = "go-mod-incomplete";

static ABOUT: About = About {
    title: "Go modules that are required",
    ecosystems: &[&GOLANG],
    reads: "Modules and versions that `go.mod` requires, replacements followed, and the toolchain it names. Where \
                there is no `go.mod`, or one from before Go 1.17, which names direct requirements only, also the \
                highest version of each module of whose code `go.sum` has the checksum.",
    not_seen: &[
        "modules replaced by a folder, which have no version",
        "which of the modules are compiled into a program: a program tells that itself",
        "the version of Go where only the `go` line gives one, which is the least that will do",
        FOREIGN_UNSEEN,
    ],
    references: &["https://go.dev/ref/mod"],
};

impl Collector for GoModules {
    fn id(&self) -> &'static str {
        "go-mod"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Name("go.mod"), Select::Name("go.sum")]
    }

    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize::mib(16))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        if is_sum(file.path) {
            return collect(file, &GOLANG, read_sum, facts);
        }
        collect(file, &GOLANG, read_mod, facts);
        if !lists_all(file.bytes) {
            facts.push(Fact::Text { key: INCOMPLETE, text: "".into() });
        }
    }

    /// Sums count only where there is no `go.mod` beside them that lists all modules: they are also of modules that
    /// were looked at and not chosen.
    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        let counts = |path: &ImagePath| {
            let beside = path.parent().join(b"go.mod");
            let found = view.selected.binary_search_by(|(path, _)| path.cmp(&beside));
            let Some((_, node)) = found.ok().and_then(|index| view.selected.get(index)) else { return true };
            view.facts_of(*node).any(|fact| matches!(fact, Fact::Text { key: INCOMPLETE, .. }))
        };
        let selected: Vec<_> =
            view.selected.iter().filter(|(path, _)| !is_sum(path) || counts(path)).cloned().collect();
        View { selected: &selected, ..*view }.take_packages(self, inventory);
    }

    fn accepts(&self, path: &ImagePath) -> bool {
        is_own(path)
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

fn is_sum(path: &ImagePath) -> bool {
    path.file_name() == b"go.sum"
}

/// Directives one by one, as words: those in blocks are written out, comments left out.
fn directives(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let mut block: Option<&str> = None;
    text.lines().filter_map(move |line| {
        let line = line.split("//").next().unwrap_or(line);
        let mut words: Vec<&str> = line.split_whitespace().map(|word| word.trim_matches(['"', '`'])).take(8).collect();
        match (block, words.as_slice()) {
            (_, []) => None,
            (Some(_), [")"]) => {
                block = None;
                None
            }
            (Some(verb), _) => {
                words.insert(0, verb);
                Some(words)
            }
            (None, [verb, "("]) => {
                block = Some(*verb);
                None
            }
            (None, _) => Some(words),
        }
    })
}

/// From Go 1.17 on all modules are listed that the packages of the project need.
fn lists_all(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let version = directives(&text).find_map(|words| match *words.as_slice() {
        ["go", version] => Some(version.to_owned()),
        _ => None,
    });
    // without the line it is Go 1.16
    let version = version.unwrap_or_default();
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or_default());
    (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default()) >= (1, 17)
}

/// Path and version of a module.
type Version<'a> = (&'a str, &'a str);

fn read_mod(bytes: &[u8], declared: &mut Declared) -> Result<(), String> {
    let text = read::text(bytes)?;
    let mut required: Vec<Version<'_>> = Vec::new();
    // by path and version, or by path alone; what replaces it, or `None` for a folder
    let mut replaced: HashMap<(&str, Option<&str>), Option<Version<'_>>> = HashMap::new();
    for words in directives(text) {
        match *words.as_slice() {
            ["require", path, version, ..] if version.starts_with('v') => required.push((path, version)),
            ["toolchain", toolchain] => {
                // `go1.22.5-custom` is Go 1.22.5 with changes of someone's own
                let version = toolchain.strip_prefix("go").and_then(|version| version.split('-').next());
                if let Some(version) = version.filter(|version| version.starts_with(|sign: char| sign.is_ascii_digit()))
                {
                    declared.add(Entry::new("stdlib", version));
                }
            }
            ["replace", path, "=>", ref by @ ..] => {
                replaced.insert((path, None), replacement(by));
            }
            ["replace", path, version, "=>", ref by @ ..] => {
                replaced.insert((path, Some(version)), replacement(by));
            }
            ["require" | "replace", ..] => {
                declared.complain(format!("`{}` is not understood", shortened(&words.join(" "))));
            }
            _ => {}
        }
    }
    if required.len() > PACKAGES_PER_FILE {
        declared.cut();
    }
    for (path, version) in required {
        let by = replaced.get(&(path, Some(version))).or_else(|| replaced.get(&(path, None)));
        if let Some((path, version)) = by.copied().unwrap_or(Some((path, version))) {
            declared.add(Entry::new(path, version));
        }
    }
    Ok(())
}

/// A folder has no version.
fn replacement<'a>(words: &[&'a str]) -> Option<Version<'a>> {
    match *words {
        [path, version] => Some((path, version)),
        _ => None,
    }
}

/// `module version hash` for the module's code, `module version/go.mod hash` for its `go.mod` alone. Versions of one
/// module are sorted.
fn read_sum(bytes: &[u8], declared: &mut Declared) -> Result<(), String> {
    let text = read::text(bytes)?;
    let mut highest: BTreeMap<&str, &str> = BTreeMap::new();
    for (number, line) in (1_u64..).zip(text.lines()) {
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (None, ..) => {}
            (Some(path), Some(version), Some(_)) => {
                if version.starts_with('v') && !version.ends_with("/go.mod") {
                    highest.insert(path, version);
                }
            }
            _ => declared.complain(format!("line {number} is no checksum of a module")),
        }
    }
    for (path, version) in highest {
        declared.add(Entry::new(path, version));
    }
    Ok(())
}

fn shortened(text: &str) -> String {
    text.chars().filter(|sign| !sign.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{shown, torment};
    use super::*;
    use crate::package::testing::{Image, assemble, packages};

    const MOD: &str = "module example.com/app // comment

go 1.22.0
toolchain go1.22.5

require example.com/A v1.0.0
require (
\texample.com/b/v2 v2.0.0 // indirect
\t\"example.com/c\" v0.0.0-20200804184101-5ec99f83aff1
\texample.com/d v1.0.0+incompatible
\texample.com/e v1.0.0
)

exclude example.com/x v1.0.0
replace example.com/c => ./c
replace (
\texample.com/d v1.0.0+incompatible => example.com/fork v1.1.0
\texample.com/e v9.9.9 => ./e
)
retract [v1.0.0, v1.9.9]
";

    const SUM: &str = "example.com/b v1.0.0 h1:00=
example.com/b v1.0.0/go.mod h1:00=
example.com/b v1.2.0 h1:00=
example.com/b v1.3.0/go.mod h1:00=
example.com/z v1.0.0/go.mod h1:00=

";

    #[test]
    fn required_modules_are_declared() {
        let expected = [
            "golang/example.com/A@v1.0.0",
            "golang/example.com/b/v2@v2.0.0",
            "golang/example.com/e@v1.0.0",
            "golang/example.com/fork@v1.1.0",
            "golang/stdlib@1.22.5",
        ];
        assert_eq!(shown("srv/go.mod", MOD), expected);
    }

    #[test]
    fn sums_count_where_the_requirements_are_not_all() {
        let sum = "srv/go.sum";
        let only = "example.com/b v1.2.0 /srv/go.sum";
        let direct = "example.com/a v1.0.0 /srv/go.mod";
        let text = |version: &str| format!("module m\n{version}\nrequire example.com/a v1.0.0\n");
        let cases: &[(Option<String>, &[&str])] = &[
            (None, &[only]),
            (Some(text("")), &[direct, only]),
            (Some(text("go 1.16")), &[direct, only]),
            (Some(text("go 1.17")), &[direct]),
            (Some(text("go 2")), &[direct]),
        ];
        for (module, expected) in cases {
            let image = Image::new().file(sum, SUM);
            let image = match module {
                Some(module) => image.file("srv/go.mod", module),
                None => image,
            };
            assert_eq!(packages(&assemble(&image)), *expected, "{module:?}");
        }
    }

    #[test]
    fn broken_files_are_told() {
        for (path, text) in [
            ("go.mod", "module m\ngo 1.22\nrequire example.com/a\n"),
            ("go.mod", "\u{0}\nreplace a\n"),
            ("go.sum", "x y\n"),
        ] {
            let shown = shown(path, text);
            assert!(shown.len() == 1 && shown[0].starts_with('!'), "{text} {shown:?}");
        }
        // a stray byte is told, and costs no other line
        assert_eq!(shown("go.mod", b"module m\nrequire a v1\xff\n").len(), 2);
        torment(read_mod, MOD.as_bytes());
        torment(read_sum, SUM.as_bytes());
    }
}
