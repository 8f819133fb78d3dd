//! `bun.lock`, Bun's lock file in JSON with comments, and the older binary `bun.lockb` (Bun "Lockfile").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::collect::{About, Select};
use crate::inventory::Need;
use crate::package::npm::NPM;
use crate::package::text::PACKAGES_PER_FILE;
use crate::size::ByteSize;

use super::declared::{Declared, Entry, NEEDS, is_exact};
use super::read::{self, Entries, List, Text};
use super::{FOREIGN_UNSEEN, LockFile, bun_binary};

/// What Bun locks.
pub(in crate::package) static BUN_LOCK: LockFile = LockFile {
    id: "bun-lock",
    ecosystem: &NPM,
    select: &[Select::Name("bun.lock"), Select::Name("bun.lockb")],
    limit: ByteSize::mib(32),
    read,
    about: &About {
        title: "Lock files of Bun",
        ecosystems: &[&NPM],
        reads: "Real names and versions of all packages that a project asks for, those for development too, its \
            workspaces, and which of them needs which.",
        not_seen: &[
            "workspaces of the binary `bun.lockb`",
            "packages from Git, an archive or a folder, of which the file tells no version",
            FOREIGN_UNSEEN,
        ],
        references: &["https://bun.sh/docs/install/lockfile"],
    },
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lock {
    lockfile_version: u64,
    #[serde(default)]
    workspaces: Entries<Workspace, PACKAGES_PER_FILE>,
    /// `"place": ["name@version", "registry", {"dependencies": {}}, "digest"]`, of which any may be left out.
    #[serde(default)]
    packages: Entries<List<Box<RawValue>, 8>, PACKAGES_PER_FILE>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Workspace {
    name: Text,
    version: Text,
    #[serde(flatten)]
    details: Details,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Details {
    dependencies: Entries<Text, NEEDS>,
    optional_dependencies: Entries<Text, NEEDS>,
    peer_dependencies: Entries<Text, NEEDS>,
}

impl Details {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.dependencies.keys().chain(self.optional_dependencies.keys()).chain(self.peer_dependencies.keys())
    }
}

fn read(bytes: &[u8], declared: &mut Declared) -> Result<(), String> {
    if bytes.starts_with(bun_binary::HEADER) {
        return bun_binary::read(bytes, declared);
    }
    let lock: Lock = read::json(&read::plain_json(bytes))?;
    if lock.lockfile_version > 1 {
        declared.note(format!("version {} of the lock file is newer than careen knows", lock.lockfile_version));
    }
    if lock.packages.is_cut || lock.workspaces.is_cut {
        declared.cut();
    }
    let mut places: HashMap<&str, (String, String, Details)> = HashMap::new();
    for (place, items) in &lock.packages.list {
        let mut items = items.list.iter().map(|item| item.get());
        let Some(identity) = items.next().and_then(|item| serde_json::from_str::<String>(item).ok()) else {
            declared.complain(format!("`{}` is not understood", shortened(place)));
            continue;
        };
        // the name may begin with the `@` of a scope
        let Some((name, version)) =
            identity.char_indices().skip(1).find(|(_, sign)| *sign == '@').and_then(|(at, _)| {
                let (name, version) = identity.split_at_checked(at)?;
                Some((name, version.strip_prefix('@')?))
            })
        else {
            declared.complain(format!("`{}` is not understood", shortened(place)));
            continue;
        };
        if is_exact(version) {
            let details = items.find(|item| item.starts_with('{'));
            let details = details.and_then(|details| serde_json::from_str(details).ok()).unwrap_or_default();
            places.insert(place, (name.to_owned(), version.to_owned(), details));
        }
    }
    let need = |place: &str, name: &str| {
        let below = places.get(format!("{place}/{name}").as_str());
        let (name, version) = below
            .or_else(|| places.get(name))
            .map_or((name, None), |(name, version, _)| (name.as_str(), Some(version.clone())));
        Need { name: name.to_owned(), version }
    };
    for (_, workspace) in lock.workspaces.list.iter().filter(|(folder, _)| !folder.is_empty()) {
        if let (Some(name), Some(version)) = (workspace.name.as_str(), workspace.version.as_str()) {
            let needs = workspace.details.names().take(NEEDS).map(|wanted| need(name, wanted)).collect();
            declared.add(Entry { needs, ..Entry::new(name, version) });
        }
    }
    for (place, _) in &lock.packages.list {
        let Some((name, version, details)) = places.get(place.as_str()) else { continue };
        let needs = details.names().take(NEEDS).map(|wanted| need(place, wanted)).collect();
        declared.add(Entry { needs, ..Entry::new(name, version) });
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

    const LOCK: &str = r#"{
      // a comment
      "lockfileVersion": 1,
      "workspaces": {
        "": { "name": "app", "dependencies": { "a": "1" } },
        "packages/w": { "name": "w", "version": "0.1.0", "dependencies": { "b": "2" } },
        "packages/v": { "name": "v" },
      },
      "packages": {
        "a": ["a@1.0.0", "", { "dependencies": { "b": "^2.0.0", "gone": "1" } }, "sha512-x=="],
        "a/b": ["b@2.0.0", { "bin": "b" }, "sha512-x=="],
        "alias": ["@s/real@3.0.0"],
        "b": ["b@1.0.0", "", {}, "sha512-x=="],
        "git": ["git@github:x/y#1234567", {}, "x-y-1234567"],
        "w": ["w@workspace:packages/w"],
      },
    }"#;

    #[test]
    fn packages_are_declared_with_what_they_need() {
        let expected =
            ["npm/%40s/real@3.0.0", "npm/a@1.0.0: b@2.0.0", "npm/b@1.0.0", "npm/b@2.0.0", "npm/w@0.1.0: b@1.0.0"];
        assert_eq!(shown("bun.lock", LOCK), expected);
    }

    #[test]
    fn broken_files_are_told() {
        for (path, text, told) in [
            ("bun.lock", &b"{}"[..], '!'),
            ("bun.lock", br#"{"lockfileVersion": "x"}"#, '!'),
            ("bun.lock", br#"{"lockfileVersion": 1, "packages": {"a": []}}"#, '!'),
            ("bun.lock", br#"{"lockfileVersion": 1, "packages": {"a": ["a"]}}"#, '!'),
            ("bun.lock", br#"{"lockfileVersion": 7}"#, '?'),
        ] {
            let shown = shown(path, text);
            assert!(shown.len() == 1 && shown[0].starts_with(told), "{shown:?}");
        }
        torment(read, LOCK.as_bytes());
    }
}
