//! `package-lock.json` and `npm-shrinkwrap.json`, versions 1 to 3 (npm "package-lock.json").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::HashMap;

use serde::Deserialize;

use crate::collect::{About, Select};
use crate::inventory::Need;
use crate::package::npm::NPM;
use crate::package::text::PACKAGES_PER_FILE;
use crate::size::ByteSize;

use super::declared::{Declared, Entry, NEEDS, is_exact};
use super::read::{self, Entries, Text};
use super::{FOREIGN_UNSEEN, LockFile};

/// What npm locks.
pub(in crate::package) static NPM_LOCK: LockFile = LockFile {
    id: "npm-lock",
    ecosystem: &NPM,
    select: &[Select::Name("package-lock.json"), Select::Name("npm-shrinkwrap.json")],
    limit: ByteSize::mib(32),
    read,
    about: &About {
        title: "Lock files of npm",
        ecosystems: &[&NPM],
        reads: "Real names, versions and licences of all packages that a project asks for, those for development \
            too, its workspaces, and which of them needs which.",
        not_seen: &[
            "the project itself",
            "packages from Git or a folder whose version the file does not tell",
            FOREIGN_UNSEEN,
        ],
        references: &["https://github.com/npm/cli/blob/latest/docs/lib/content/configuring-npm/package-lock-json.md"],
    },
};

/// Look-ups of one file for needs of which it has several versions; beyond, such a need names no version.
const LOOKUPS: usize = 500_000;

/// Longest place of a package that is looked up, in bytes; those of deep trees have 300.
const PLACE: usize = 1_024;

#[derive(Deserialize)]
struct Lock {
    /// Since version 2: packages by their place.
    #[serde(default)]
    packages: Entries<Placed, PACKAGES_PER_FILE>,
    /// In version 1: packages by name, with those below them.
    #[serde(default)]
    dependencies: Entries<Nested, PACKAGES_PER_FILE>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Placed {
    name: Text,
    version: Text,
    resolved: Text,
    license: Text,
    link: bool,
    dependencies: Entries<Text, NEEDS>,
    optional_dependencies: Entries<Text, NEEDS>,
    peer_dependencies: Entries<Text, NEEDS>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Nested {
    version: Text,
    /// A map; `true` in the oldest files.
    requires: Entries<Text, NEEDS>,
    dependencies: Entries<Nested, PACKAGES_PER_FILE>,
}

/// A package at its place: `node_modules/a/node_modules/b`, or `packages/x` for a workspace.
struct Found {
    place: String,
    name: String,
    version: String,
    licence: Option<String>,
    needs: Vec<String>,
}

fn read(bytes: &[u8], declared: &mut Declared) -> Result<(), String> {
    let lock: Lock = read::json(bytes)?;
    if lock.packages.is_cut || lock.dependencies.is_cut {
        declared.cut();
    }
    let mut found = Vec::new();
    if lock.packages.list.is_empty() {
        flatten(lock.dependencies, "", &mut found, declared);
    } else {
        placed(lock.packages, &mut found);
    }
    let places: HashMap<&str, (&str, &str)> =
        found.iter().map(|found| (found.place.as_str(), (found.name.as_str(), found.version.as_str()))).collect();
    let mut lookups = LOOKUPS;
    for package in &found {
        let needs = package.needs.iter().take(NEEDS);
        let needs = needs.map(|need| nearest(&places, &package.place, need, &mut lookups)).collect();
        let entry = Entry::new(&package.name, &package.version);
        declared.add(Entry { licence: package.licence.clone(), needs, ..entry });
    }
    Ok(())
}

/// Packages by place. The project itself (the place is empty) is none; a workspace has the name of the link to it.
fn placed(packages: Entries<Placed, PACKAGES_PER_FILE>, found: &mut Vec<Found>) {
    let mut linked: HashMap<String, String> = HashMap::new();
    for (place, package) in packages.list.iter().filter(|(_, package)| package.link) {
        if let (Some(target), Some(name)) = (package.resolved.as_str(), name_of(place)) {
            linked.insert(target.to_owned(), name.to_owned());
        }
    }
    for (place, package) in packages.list {
        if place.is_empty() || package.link {
            continue;
        }
        let name =
            package.name.0.or_else(|| name_of(&place).map(str::to_owned)).or_else(|| linked.get(&place).cloned());
        let (Some(name), Some(version)) = (name, package.version.0) else { continue };
        if !is_exact(&version) {
            continue;
        }
        let needs = [package.dependencies, package.optional_dependencies, package.peer_dependencies];
        let needs = needs.into_iter().flat_map(|needs| needs.list).map(|(name, _)| name).collect();
        found.push(Found { place, name, version, licence: package.license.0, needs });
    }
}

/// What follows the last `node_modules/`.
fn name_of(place: &str) -> Option<&str> {
    let (before, name) = place.rsplit_once("node_modules/")?;
    (before.is_empty() || before.ends_with('/')).then_some(name)
}

/// Packages of version 1 at the places they would have. As deep as JSON may nest.
fn flatten(nested: Entries<Nested, PACKAGES_PER_FILE>, above: &str, found: &mut Vec<Found>, declared: &mut Declared) {
    for (name, package) in nested.list {
        if found.len() >= PACKAGES_PER_FILE {
            return declared.cut();
        }
        let place = if above.len() > PLACE {
            above.to_owned()
        } else if above.is_empty() {
            format!("node_modules/{name}")
        } else {
            format!("{above}/node_modules/{name}")
        };
        let needs = package.requires.list.into_iter().map(|(name, _)| name).collect();
        // an alias: `npm:real@1.0.0`
        let version = package.version.0.unwrap_or_default();
        let alias = version.strip_prefix("npm:").and_then(|real| real.rsplit_once('@'));
        let (name, version) = alias.unwrap_or((&name, &version));
        if is_exact(version) {
            let (name, version) = (name.to_owned(), version.to_owned());
            found.push(Found { place: place.clone(), name, version, licence: None, needs });
        }
        flatten(package.dependencies, &place, found, declared);
    }
}

/// The package that `require(need)` would find from `place`: below it, then below each folder above.
fn nearest(places: &HashMap<&str, (&str, &str)>, place: &str, need: &str, lookups: &mut usize) -> Need {
    let mut above = Some(place);
    while let Some(folder) = above.filter(|folder| folder.len() <= PLACE && need.len() <= PLACE) {
        let Some(left) = lookups.checked_sub(1) else { break };
        *lookups = left;
        let candidate =
            if folder.is_empty() { format!("node_modules/{need}") } else { format!("{folder}/node_modules/{need}") };
        if let Some((name, version)) = places.get(candidate.as_str()) {
            return Need { name: (*name).to_owned(), version: Some((*version).to_owned()) };
        }
        above = match folder.rfind("node_modules/") {
            Some(start) => folder.get(..start).map(|folder| folder.trim_end_matches('/')),
            // a workspace: the project is above it
            None => (!folder.is_empty()).then_some(""),
        };
    }
    Need { name: need.to_owned(), version: None }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{inventory_of, shown, torment};
    use super::*;

    const V3: &str = r#"{"name":"app","version":"9.0.0","lockfileVersion":3,"packages":{
        "":{"name":"app","version":"9.0.0","dependencies":{"a":"^1.0.0"}},
        "node_modules/a":{"version":"1.0.0","license":"MIT","dependencies":{"b":"^2.0.0","gone":"1"}},
        "node_modules/a/node_modules/b":{"version":"2.0.0","dev":true},
        "node_modules/b":{"version":"1.0.0"},
        "node_modules/alias":{"name":"@s/real","version":"3.0.0"},
        "node_modules/w":{"resolved":"packages/w","link":true},
        "node_modules/git":{"resolved":"git+ssh://git@example.com/git.git#12"},
        "packages/w":{"version":"0.1.0","dependencies":{"b":"1"}},
        "packages/unlinked":{"version":"0.1.0"}}}"#;

    const V1: &str = r#"{"lockfileVersion":1,"requires":true,"dependencies":{
        "a":{"version":"1.0.0","requires":{"b":"^2.0.0"},"dependencies":{"b":{"version":"2.0.0"}}},
        "b":{"version":"1.0.0","requires":{"alias":"1"}},
        "alias":{"version":"npm:@s/real@3.0.0"},
        "old":{"version":"1.2.3","requires":true},
        "git":{"version":"git+https://example.com/x.git#1234"}}}"#;

    #[test]
    fn packages_are_declared_with_what_they_need() {
        let expected =
            ["npm/%40s/real@3.0.0", "npm/a@1.0.0: b@2.0.0", "npm/b@1.0.0", "npm/b@2.0.0", "npm/w@0.1.0: b@1.0.0"];
        assert_eq!(shown("app/package-lock.json", V3), expected);
        assert_eq!(shown("npm-shrinkwrap.json", V3), expected);
        let expected =
            ["npm/%40s/real@3.0.0", "npm/a@1.0.0: b@2.0.0", "npm/b@1.0.0: real@3.0.0", "npm/b@2.0.0", "npm/old@1.2.3"];
        assert_eq!(shown("app/package-lock.json", V1), expected);
        let licence = inventory_of("package-lock.json", V3).packages[1].licence.clone();
        assert_eq!(licence.map(|licence| licence.declared), Some("MIT".to_owned()));
    }

    #[test]
    fn broken_files_are_told() {
        for (text, told) in [
            ("{", 1),
            ("[]", 1),
            (&format!("{}{}", r#"{"dependencies":{"a":"#.repeat(3_000), "}".repeat(6_000)), 1),
            (r#"{"packages":7}"#, 1),
            (r#"{"packages":{"node_modules/a\u0007":{"version":"1"}}}"#, 1),
            (r#"{"packages":{"node_modules/":{"version":"1"}}}"#, 1),
            ("{}", 0),
            ("", 0),
            ("\n", 0),
        ] {
            let shown = shown("package-lock.json", text);
            assert_eq!(shown.iter().filter(|line| line.starts_with('!')).count(), told, "{text} {shown:?}");
            assert_eq!(shown.len(), told, "{text} {shown:?}");
        }
        torment(read, V1.as_bytes());
        torment(read, V3.as_bytes());
    }

    #[test]
    fn needs_of_a_hostile_file_are_looked_up_so_often_and_no_more() {
        let deep = "node_modules/a/".repeat(60);
        let needs: Vec<String> = (0..60_000).map(|number| format!("\"n{number}\":\"1\"")).collect();
        let text = format!(
            r#"{{"packages":{{"{deep}node_modules/a":{{"version":"1","dependencies":{{{}}}}}}}}}"#,
            needs.join(",")
        );
        assert_eq!(shown("package-lock.json", text), ["npm/a@1"]);
    }
}
