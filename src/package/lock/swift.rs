//! `Package.resolved`, versions 1 to 3 (Swift Package Manager "Resolving and updating dependencies").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde::Deserialize;

use crate::collect::{About, Select};
use crate::package::ecosystem::SWIFT;
use crate::package::text::PACKAGES_PER_FILE;
use crate::size::ByteSize;

use super::declared::{Declared, Entry};
use super::read::{self, List, Text};
use super::{FOREIGN_UNSEEN, LockFile};

/// What Swift's package manager locks.
pub(in crate::package) static SWIFT_LOCK: LockFile = LockFile {
    id: "swift-lock",
    ecosystem: &SWIFT,
    select: &[Select::Name("Package.resolved")],
    limit: ByteSize::mib(8),
    read,
    about: &About {
        title: "Lock files of Swift",
        ecosystems: &[&SWIFT],
        reads: "Repository and version of all packages that a project asks for.",
        not_seen: &[
            "packages pinned to a branch or a revision alone, and those in folders",
            "which package needs which: the file does not tell",
            FOREIGN_UNSEEN,
        ],
        references: &["https://docs.swift.org/package-manager/PackageDescription/PackageDescription.html"],
    },
};

#[derive(Deserialize)]
struct Lock {
    /// Since version 2.
    pins: Option<List<Pin, PACKAGES_PER_FILE>>,
    /// Version 1.
    object: Option<Pins>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Pins {
    pins: List<Pin, PACKAGES_PER_FILE>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Pin {
    /// `scope.name` of a package from a registry.
    identity: Text,
    location: Text,
    #[serde(rename = "repositoryURL")]
    repository: Text,
    state: State,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct State {
    version: Text,
}

fn read(bytes: &[u8], declared: &mut Declared) -> Result<(), String> {
    let lock: Lock = read::json(bytes)?;
    let pins = lock.pins.unwrap_or_else(|| lock.object.unwrap_or_default().pins);
    if pins.is_cut {
        declared.cut();
    }
    for pin in &pins.list {
        let Some(version) = pin.state.version.as_str() else { continue };
        let address = pin.location.as_str().or(pin.repository.as_str()).unwrap_or_default();
        let scope = || pin.identity.as_str().and_then(|identity| identity.split_once('.'));
        match repository(address).or_else(|| scope().map(|(scope, name)| format!("{scope}/{name}"))) {
            Some(name) => declared.add(Entry::new(&name, version)),
            None if address.starts_with(['/', '.']) => {}
            None => declared.complain("a pin names no repository".to_owned()),
        }
    }
    Ok(())
}

/// `host/owner/name` of `https://user@host/owner/name.git` and `git@host:owner/name`.
fn repository(address: &str) -> Option<String> {
    let (host, path) = match address.split_once("://") {
        Some(("file", _)) => return None,
        Some((_, rest)) => rest.split_once('/')?,
        None => address.split_once(':')?,
    };
    let host = host.rsplit('@').next()?;
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    (!host.is_empty() && !path.is_empty()).then(|| format!("{host}/{path}"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{shown, torment};
    use super::*;

    const V1: &str = r#"{"object": {"pins": [
        {"package": "Nimble", "repositoryURL": "https://user:token@example.com/Quick/Nimble.git",
         "state": {"branch": null, "revision": "c9", "version": "9.2.1"}},
        {"package": "B", "repositoryURL": "git@example.com:x/B.git", "state": {"version": "1.0.0"}},
        {"package": "C", "repositoryURL": "https://example.com/x/C", "state": {"branch": "main", "version": null}}
        ]}, "version": 1}"#;

    const V3: &str = r#"{"originHash": "00", "pins": [
        {"identity": "nimble", "kind": "remoteSourceControl", "location": "https://example.com/Quick/Nimble",
         "state": {"revision": "c9", "version": "9.2.1"}},
        {"identity": "mona.LinkedList", "kind": "registry", "location": "", "state": {"version": "1.2.0"}},
        {"identity": "local", "kind": "localSourceControl", "location": "/src/local", "state": {"version": "1.0.0"}},
        {"identity": "c", "kind": "remoteSourceControl", "location": "https://example.com/x/C",
         "state": {"branch": "0.0.1", "revision": "e9"}}], "version": 3}"#;

    #[test]
    fn packages_are_declared_by_their_repository() {
        assert_eq!(
            shown("Package.resolved", V1),
            ["swift/example.com/Quick/Nimble@9.2.1", "swift/example.com/x/B@1.0.0"]
        );
        assert_eq!(
            shown("Package.resolved", V3),
            ["swift/example.com/Quick/Nimble@9.2.1", "swift/mona/LinkedList@1.2.0"]
        );
        assert!(shown("Package.resolved", "{}").is_empty());
    }

    #[test]
    fn broken_files_are_told() {
        for text in ["{", "[]", r#"{"pins": 1}"#, r#"{"pins": [{"state": {"version": "1"}}]}"#] {
            let shown = shown("Package.resolved", text);
            assert!(shown.len() == 1 && shown[0].starts_with('!'), "{text} {shown:?}");
        }
        torment(read, V1.as_bytes());
        torment(read, V3.as_bytes());
    }
}
