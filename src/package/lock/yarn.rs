//! `yarn.lock`: Yarn 1's own format, and the YAML of Yarn 2 and later, called Berry (Yarn "Lockfile").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::HashMap;

use serde::Deserialize;

use crate::collect::{About, Select};
use crate::inventory::Need;
use crate::package::npm::NPM;
use crate::package::text::{PACKAGES_PER_FILE, lines};
use crate::size::ByteSize;

use super::declared::{Declared, Entry, NEEDS, is_exact};
use super::read::{self, Entries};
use super::{FOREIGN_UNSEEN, LockFile};

/// What Yarn locks.
pub(in crate::package) static YARN_LOCK: LockFile = LockFile {
    id: "yarn-lock",
    ecosystem: &NPM,
    select: &[Select::Name("yarn.lock")],
    limit: ByteSize::mib(16),
    read,
    about: &About {
        title: "Lock files of Yarn",
        ecosystems: &[&NPM],
        reads: "Real names and versions of all packages that a project asks for, those for development too, and which \
            of them needs which; of Yarn 1 and of Berry.",
        not_seen: &["the project itself and its workspaces, of which the file tells no version", FOREIGN_UNSEEN],
        references: &["https://classic.yarnpkg.com/lang/en/docs/yarn-lock/", "https://yarnpkg.com/features/caching"],
    },
};

fn read(bytes: &[u8], declared: &mut Declared) -> Result<(), String> {
    let is_berry = lines(bytes).any(|(_, line)| line.starts_with(b"__metadata:"));
    let packages = if is_berry { berry(bytes, declared)? } else { classic(bytes, declared)? };
    // which package each pattern, such as `a@^1.0.0`, was resolved to
    let mut resolved: HashMap<&str, (&str, &str)> = HashMap::new();
    for package in &packages {
        for pattern in patterns(&package.patterns) {
            resolved.insert(pattern, (&package.name, &package.version));
        }
    }
    for package in &packages {
        let needs = package.needs.iter().take(NEEDS).map(|(name, range)| {
            let found = [format!("{name}@{range}"), format!("{name}@npm:{range}")];
            let found = found.iter().find_map(|pattern| resolved.get(pattern.as_str()));
            let (name, version) = found.map_or((name.as_str(), None), |(name, version)| (*name, Some(*version)));
            Need { name: name.to_owned(), version: version.map(str::to_owned) }
        });
        declared.add(Entry { needs: needs.collect(), ..Entry::new(&package.name, &package.version) });
    }
    Ok(())
}

/// One entry.
#[derive(Default)]
struct Package {
    /// `a@^1.0.0, a@^1.1.0`: what was asked for.
    patterns: String,
    name: String,
    version: String,
    /// Names and ranges.
    needs: Vec<(String, String)>,
}

/// `"a@^1", a@^2` one by one, without quotes.
fn patterns(list: &str) -> impl Iterator<Item = &str> {
    list.split(", ").map(|pattern| pattern.trim().trim_matches('"')).filter(|pattern| !pattern.is_empty())
}

/// Name and range of a pattern; the name may begin with the `@` of a scope.
fn split(pattern: &str) -> Option<(&str, &str)> {
    let at = pattern.char_indices().skip(1).find(|(_, sign)| *sign == '@').map(|(at, _)| at)?;
    let (name, range) = pattern.split_at_checked(at)?;
    Some((name, range.strip_prefix('@')?))
}

/// The name of the package itself: an alias is `alias@npm:real@^1.0.0`.
fn real_name(pattern: &str) -> Option<&str> {
    let (name, range) = split(pattern)?;
    let real = range.strip_prefix("npm:").and_then(split).map(|(real, _)| real);
    Some(real.unwrap_or(name))
}

/// Entries of lines: patterns at the margin, then fields, then in `dependencies:` names with ranges.
fn classic(bytes: &[u8], declared: &mut Declared) -> Result<Vec<Package>, String> {
    let text = read::text(bytes)?;
    let mut packages: Vec<Package> = Vec::new();
    let mut is_in_needs = false;
    for (number, line) in (1_u64..).zip(text.lines()) {
        let content = line.trim_start_matches(' ');
        if content.trim().is_empty() || content.starts_with('#') {
            continue;
        }
        let indent = line.len().saturating_sub(content.len());
        if indent == 0 {
            let Some(list) = content.trim_end().strip_suffix(':') else {
                return Err(format!("line {number} begins no entry"));
            };
            if packages.len() >= PACKAGES_PER_FILE {
                declared.cut();
                break;
            }
            let name = patterns(list).next().and_then(real_name);
            let Some(name) = name else { return Err(format!("line {number} names no package")) };
            packages.push(Package { patterns: list.to_owned(), name: name.to_owned(), ..Package::default() });
            is_in_needs = false;
            continue;
        }
        let Some(package) = packages.last_mut() else { return Err(format!("line {number} belongs to no entry")) };
        if indent == 2 {
            is_in_needs = matches!(content.trim_end(), "dependencies:" | "optionalDependencies:");
            if let Some(("version", version)) = field_of(content) {
                version.clone_into(&mut package.version);
            }
        } else if is_in_needs
            && package.needs.len() < NEEDS
            && let Some((name, range)) = field_of(content)
        {
            package.needs.push((name.to_owned(), range.to_owned()));
        }
    }
    for package in packages.iter().filter(|package| package.version.is_empty()) {
        let shown: String = package.name.chars().take(100).collect();
        declared.complain(format!("`{shown}` has no version"));
    }
    packages.retain(|package| !package.version.is_empty());
    Ok(packages)
}

/// `key "value"`, either with or without quotes.
fn field_of(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_end();
    let (key, value) = match line.strip_prefix('"') {
        Some(rest) => rest.split_once("\" ")?,
        None => line.split_once(' ')?,
    };
    Some((key, value.trim_matches('"')))
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Resolved {
    version: Option<String>,
    resolution: Option<String>,
    dependencies: Entries<String, NEEDS>,
    optional_dependencies: Entries<String, NEEDS>,
}

/// Entries of YAML. `resolution` has the real name: `real@npm:1.0.0`.
fn berry(bytes: &[u8], declared: &mut Declared) -> Result<Vec<Package>, String> {
    let mut documents: Vec<Entries<Resolved, PACKAGES_PER_FILE>> = read::yaml(bytes)?;
    let entries = documents.pop().unwrap_or_default();
    if entries.is_cut {
        declared.cut();
    }
    let mut packages = Vec::new();
    for (patterns, entry) in entries.list.into_iter().filter(|(patterns, _)| patterns != "__metadata") {
        let resolution = entry.resolution.as_deref().unwrap_or_default();
        let (Some((name, _)), Some(version)) = (split(resolution), entry.version) else {
            let shown: String = patterns.chars().filter(|sign| !sign.is_control()).take(100).collect();
            declared.complain(format!("`{shown}` has no resolution or version"));
            continue;
        };
        // a workspace has the version `0.0.0-use.local`, whatever it says of itself
        if !is_exact(&version) || version == "0.0.0-use.local" {
            continue;
        }
        let needs = entry.dependencies.list.into_iter().chain(entry.optional_dependencies.list).collect();
        packages.push(Package { name: name.to_owned(), patterns, version, needs });
    }
    Ok(packages)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{shown, torment};
    use super::*;

    const CLASSIC: &str = r#"# yarn lockfile v1


"@s/a@^1.0.0", "@s/a@^1.2.0":
  version "1.2.0"
  resolved "https://example.com/a.tgz#0"
  dependencies:
    "b" "^2.0.0"
    gone "1"

"alias@npm:@s/real@^3":
  "version" "3.0.0"

b@1:
  version "1.0.0"
  optionalDependencies:
    alias "npm:@s/real@^3"

b@^2.0.0:
  version "2.0.0"
  engines:
    node ">=4"

"c@git+https://example.com/c.git":
  version "0.5.0"
"#;

    const BERRY: &str = r#"# This file is generated

__metadata:
  version: 8
  cacheKey: 10c0

"@s/a@npm:^1.0.0, @s/a@npm:^1.2.0":
  version: 1.2.0
  resolution: "@s/a@npm:1.2.0"
  dependencies:
    b: "npm:^2.0.0"
    c: ^1
  checksum: 10c0/00
  languageName: node
  linkType: hard

"alias@npm:@s/real@^3":
  version: 3.0
  resolution: "@s/real@npm:3.0"
  linkType: hard

"app@workspace:.":
  version: 0.0.0-use.local
  resolution: "app@workspace:."
  dependencies:
    b: "npm:^2.0.0"
  linkType: soft

"b@npm:1":
  version: 1.0.0
  resolution: "b@npm:1.0.0"

"b@npm:^2.0.0":
  version: 2.0.0
  resolution: "b@npm:2.0.0"

"c@npm:^1":
  version: 1.0.0
  resolution: "c@npm:1.0.0"

"c@patch:c@npm%3A^1#./c.patch":
  version: 1.0.0
  resolution: "c@patch:c@npm%3A1.0.0#./c.patch::version=1.0.0&hash=1"
"#;

    #[test]
    fn packages_are_declared_with_what_they_need() {
        let expected = [
            "npm/%40s/a@1.2.0: b@2.0.0",
            "npm/%40s/real@3.0.0",
            "npm/b@1.0.0: real@3.0.0",
            "npm/b@2.0.0",
            "npm/c@0.5.0",
        ];
        assert_eq!(shown("app/yarn.lock", CLASSIC), expected);
        assert_eq!(shown("app/yarn.lock", CLASSIC.replace('\n', "\r\n")), expected);
        let expected =
            ["npm/%40s/a@1.2.0: b@2.0.0 c@1.0.0", "npm/%40s/real@3.0", "npm/b@1.0.0", "npm/b@2.0.0", "npm/c@1.0.0"];
        assert_eq!(shown("app/yarn.lock", BERRY), expected);
    }

    #[test]
    fn broken_files_are_told() {
        for (text, packages) in [
            ("a@1:\n  version \"1\"\n<<<<<<< HEAD\n", 0),
            ("a@1:\n  resolved \"x\"\nb@1:\n  version \"1\"\n", 1),
            ("  version \"1\"\n", 0),
            ("a:\n  version \"1\"\n", 0),
            ("__metadata:\n  version: 8\n\"a@npm:1\":\n  resolution: [\n", 0),
            (
                "__metadata:\n  version: 8\n\"a@npm:1\":\n  version: 1\n\"b@npm:1\":\n  version: 1\n  resolution: b@npm:1\n",
                1,
            ),
        ] {
            let shown = shown("yarn.lock", text);
            assert_eq!(shown.iter().filter(|line| line.starts_with('!')).count(), 1, "{text} {shown:?}");
            assert_eq!(shown.len(), packages + 1, "{text} {shown:?}");
        }
        torment(read, CLASSIC.as_bytes());
        torment(read, BERRY.get(..700).unwrap().as_bytes());
    }
}
