//! `pnpm-lock.yaml`, versions 5 to 9 (pnpm `pnpm-lock.yaml`; its keys: `@pnpm/dependency-path`).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::HashMap;

use serde::Deserialize;

use crate::collect::{About, Select};
use crate::inventory::Need;
use crate::package::npm::NPM;
use crate::package::text::PACKAGES_PER_FILE;
use crate::size::ByteSize;

use super::declared::{Declared, Entry, NEEDS, is_exact};
use super::read::{self, Entries};
use super::{FOREIGN_UNSEEN, LockFile};

/// What pnpm locks.
pub(in crate::package) static PNPM_LOCK: LockFile = LockFile {
    id: "pnpm-lock",
    ecosystem: &NPM,
    select: &[Select::Name("pnpm-lock.yaml")],
    limit: ByteSize::mib(16),
    read,
    about: &About {
        title: "Lock files of pnpm",
        ecosystems: &[&NPM],
        reads: "Real names and versions of all packages that a project asks for, those for development too, and which \
            of them needs which.",
        not_seen: &[
            "the project itself and its workspaces, of which the file tells no version",
            "packages from Git, an archive or a folder whose version the file does not tell",
            "pnpm itself and its plugins, which newer versions lock in a document before the project's",
            FOREIGN_UNSEEN,
        ],
        references: &["https://pnpm.io/git#lockfiles"],
    },
};

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Lock {
    lockfile_version: Option<String>,
    packages: Entries<Resolved, PACKAGES_PER_FILE>,
    /// Since version 9: what each package needs, once for each set of its peers.
    snapshots: Entries<Resolved, PACKAGES_PER_FILE>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Resolved {
    name: Option<String>,
    version: Option<String>,
    dependencies: Entries<String, NEEDS>,
    optional_dependencies: Entries<String, NEEDS>,
}

fn read(bytes: &[u8], declared: &mut Declared) -> Result<(), String> {
    let mut documents: Vec<Lock> = read::yaml(bytes)?;
    let Some(lock) = documents.pop() else { return Ok(()) };
    let Some(major) = lock.lockfile_version.as_deref().and_then(|version| version.split('.').next()) else {
        return Err("it has no `lockfileVersion`".to_owned());
    };
    let major: u32 = major.parse().map_err(|_| "its `lockfileVersion` is no number".to_owned())?;
    if lock.packages.is_cut || lock.snapshots.is_cut {
        declared.cut();
    }
    // by key: name, version, and what it needs
    let mut packages: Vec<(String, String)> = Vec::new();
    let mut keys: HashMap<&str, usize> = HashMap::new();
    for (key, package) in &lock.packages.list {
        let (name, version) = parts(key, major).unwrap_or_default();
        let name = package.name.as_deref().unwrap_or(name);
        let version = package.version.as_deref().unwrap_or(version);
        if name.is_empty() || !is_exact(version) {
            continue;
        }
        keys.insert(without_peers(key), packages.len());
        packages.push((name.to_owned(), version.to_owned()));
    }
    for (name, version) in &packages {
        declared.add(Entry::new(name, version));
    }
    for (key, package) in lock.packages.list.iter().chain(&lock.snapshots.list) {
        let Some((name, version)) = keys.get(without_peers(key)).and_then(|index| packages.get(*index)) else {
            continue;
        };
        let needs = package.dependencies.list.iter().chain(&package.optional_dependencies.list).take(NEEDS);
        let needs = needs.map(|(name, reference)| {
            let known = keys.get(without_peers(reference)).and_then(|index| packages.get(*index));
            known.map_or_else(
                || meant(name, reference, major),
                |(name, version)| Need { name: name.clone(), version: Some(version.clone()) },
            )
        });
        declared.add(Entry { needs: needs.collect(), ..Entry::new(name, version) });
    }
    Ok(())
}

/// What a need's reference means: a version, or for an alias a key.
fn meant(name: &str, reference: &str, major: u32) -> Need {
    let (name, version) = if is_exact(reference) {
        (name, Some(version_of(reference, major)))
    } else {
        parts(reference, major).map_or((name, None), |(name, version)| (name, Some(version)))
    };
    Need { name: name.to_owned(), version: version.filter(|version| is_exact(version)).map(str::to_owned) }
}

/// Name and version of a key: `/a/1.0.0_peer@1` up to version 5, `/a@1.0.0(peer@1)` in version 6, `a@1.0.0` later;
/// with `registry.example/` before it for a registry that is not the default.
fn parts(key: &str, major: u32) -> Option<(&str, &str)> {
    let key = without_peers(key);
    if major >= 6 {
        let key = key.strip_prefix('/').unwrap_or(key);
        let at = key.char_indices().skip(1).find(|(_, sign)| *sign == '@').map(|(at, _)| at)?;
        let (name, version) = key.split_at_checked(at)?;
        let version = version.strip_prefix('@')?;
        let name = if name.starts_with('@') { name } else { name.rsplit('/').next()? };
        return Some((name, version));
    }
    // what stands before the first slash is a registry's host, or nothing
    let (_, rest) = key.split_once('/')?;
    let end = match rest.strip_prefix('@') {
        Some(_) => rest.match_indices('/').nth(1)?.0,
        None => rest.find('/')?,
    };
    let (name, version) = rest.split_at_checked(end)?;
    // the oldest put the peers behind one more slash
    let version = version.strip_prefix('/')?.split('/').next()?;
    Some((name, version_of(version, major)))
}

fn version_of(reference: &str, major: u32) -> &str {
    let reference = without_peers(reference);
    if major >= 6 { reference } else { reference.split('_').next().unwrap_or(reference) }
}

/// Without `(peer@1)(other@2)`.
fn without_peers(key: &str) -> &str {
    key.split('(').next().unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{shown, torment};
    use super::*;

    const V5: &str = "lockfileVersion: 5.4
specifiers: {a: ^1.0.0}
dependencies:
  a: 1.0.0_b@1.0.0
packages:
  /@s/real/3.0.0:
    resolution: {integrity: sha512-x}
  /a/1.0.0_b@1.0.0:
    resolution: {integrity: sha512-x}
    peerDependencies: {b: '*'}
    dependencies:
      b: 1.0.0
      alias: /@s/real/3.0.0
    dev: false
  /b/1.0.0:
    resolution: {integrity: sha512-x}
  /b/2.0.0/a@1.0.0:
    resolution: {integrity: sha512-x}
    dev: true
  registry.example/c/1.10:
    resolution: {integrity: sha512-x}
  github.com/x/y/0123456:
    resolution: {tarball: 'https://example.com/y.tgz'}
    name: y
    version: 0.1.0
";

    const V6: &str = "lockfileVersion: '6.0'
packages:
  /@s/real@3.0.0:
    resolution: {integrity: sha512-x}
  /a@1.0.0(b@1.0.0)(c@1.10):
    resolution: {integrity: sha512-x}
    dependencies:
      b: 1.0.0(c@1.10)
      alias: /@s/real@3.0.0
  /b@1.0.0(c@1.10):
    resolution: {integrity: sha512-x}
  /b@2.0.0:
    resolution: {integrity: sha512-x}
  registry.example/c@1.10:
    resolution: {integrity: sha512-x}
  '@github.com/x/y/0123456':
    resolution: {tarball: 'https://example.com/y.tgz'}
    name: y
    version: 0.1.0
  file:local:
    resolution: {directory: local, type: directory}
    name: local
";

    const V9: &str = "---
lockfileVersion: '9.0'
importers: {.: {packageManagerDependencies: {pnpm: {specifier: ^11.7.0, version: 11.9.0}}}}
packages:
  pnpm@11.9.0: {}
---
lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      a: {specifier: ^1.0.0, version: 1.0.0(b@1.0.0)}
packages:
  '@s/real@3.0.0':
    resolution: {integrity: sha512-x}
  a@1.0.0:
    resolution: {integrity: sha512-x}
    peerDependencies: {b: '*'}
  b@1.0.0: {}
  b@2.0.0: {}
  c@1.10: {}
  y@https://example.com/y.tgz:
    resolution: {tarball: 'https://example.com/y.tgz'}
    version: 0.1.0
  local@file:local:
    resolution: {directory: local, type: directory}
snapshots:
  '@s/real@3.0.0': {}
  a@1.0.0(b@1.0.0):
    dependencies:
      alias: '@s/real@3.0.0'
      b: 1.0.0
  a@1.0.0(b@2.0.0):
    dependencies:
      b: 2.0.0
      y: https://example.com/y.tgz
";

    #[test]
    fn packages_are_declared_with_what_they_need() {
        let expected = [
            "npm/%40s/real@3.0.0",
            "npm/a@1.0.0: real@3.0.0 b@1.0.0",
            "npm/b@1.0.0",
            "npm/b@2.0.0",
            "npm/c@1.10",
            "npm/y@0.1.0",
        ];
        assert_eq!(shown("pnpm-lock.yaml", V5), expected);
        assert_eq!(shown("pnpm-lock.yaml", V6), expected);
        let expected = [
            "npm/%40s/real@3.0.0",
            "npm/a@1.0.0: real@3.0.0 b@1.0.0 b@2.0.0 y@0.1.0",
            "npm/b@1.0.0",
            "npm/b@2.0.0",
            "npm/c@1.10",
            "npm/y@0.1.0",
        ];
        assert_eq!(shown("pnpm-lock.yaml", V9), expected);
    }

    #[test]
    fn broken_files_are_told() {
        for text in ["packages: {", "packages: {}", "lockfileVersion: x", "lockfileVersion: 6\npackages: 7\n", "- a"] {
            let shown = shown("pnpm-lock.yaml", text);
            assert!(shown.len() == 1 && shown[0].starts_with('!'), "{text} {shown:?}");
        }
        torment(read, V5.get(..400).unwrap().as_bytes());
    }
}
