//! `conan.lock` of Conan 1 and 2 (Conan "Lockfiles").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::HashMap;

use serde::Deserialize;

use crate::collect::{About, Select};
use crate::inventory::Need;
use crate::package::ecosystem::CONAN;
use crate::package::text::PACKAGES_PER_FILE;
use crate::size::ByteSize;

use super::declared::{Declared, Entry, NEEDS, encoded};
use super::read::{self, Entries, List, Text};
use super::{FOREIGN_UNSEEN, LockFile};

/// What Conan locks.
pub(in crate::package) static CONAN_LOCK: LockFile = LockFile {
    id: "conan-lock",
    ecosystem: &CONAN,
    select: &[Select::Name("conan.lock")],
    limit: ByteSize::mib(16),
    read,
    about: &About {
        title: "Lock files of Conan",
        ecosystems: &[&CONAN],
        reads: "Names, versions, users and channels of all packages that a project asks for, tools and Python recipes \
            too; of Conan 1 also which of them needs which.",
        not_seen: &["which package needs which, for Conan 2: the file does not tell", FOREIGN_UNSEEN],
        references: &["https://docs.conan.io/2/tutorial/versioning/lockfiles.html"],
    },
};

#[derive(Deserialize)]
struct Lock {
    /// Conan 1.
    #[serde(rename = "graph_lock")]
    graph: Option<Graph>,
    /// Conan 2, as the next two.
    requires: Option<List<Text, PACKAGES_PER_FILE>>,
    build_requires: Option<List<Text, PACKAGES_PER_FILE>>,
    python_requires: Option<List<Text, PACKAGES_PER_FILE>>,
}

#[derive(Deserialize)]
struct Graph {
    #[serde(default)]
    nodes: Entries<Node, PACKAGES_PER_FILE>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Node {
    r#ref: Text,
    /// In the oldest files, with the binary's hash behind it.
    pref: Text,
    /// Numbers of nodes.
    requires: List<Text, NEEDS>,
}

fn read(bytes: &[u8], declared: &mut Declared) -> Result<(), String> {
    let lock: Lock = read::json(bytes)?;
    if let Some(graph) = lock.graph {
        if graph.nodes.is_cut {
            declared.cut();
        }
        let nodes = graph.nodes.list.iter().filter_map(|(number, node)| {
            let entry = node.r#ref.as_str().or(node.pref.as_str()).and_then(package)?;
            Some((number.as_str(), (entry, node)))
        });
        let nodes: Vec<(&str, (Entry, &Node))> = nodes.collect();
        let known: HashMap<&str, &Entry> = nodes.iter().map(|(number, (entry, _))| (*number, entry)).collect();
        for (_, (entry, node)) in &nodes {
            let needs = node.requires.list.iter().filter_map(|number| known.get(number.as_str()?));
            let needs = needs.map(|need| Need { name: need.name.clone(), version: Some(need.version.clone()) });
            declared.add(Entry { needs: needs.collect(), ..entry.clone() });
        }
        return Ok(());
    }
    let lists = [lock.requires, lock.build_requires, lock.python_requires];
    if lists.iter().all(Option::is_none) {
        return Err("it has neither a graph nor requirements".to_owned());
    }
    for list in lists.into_iter().flatten() {
        if list.is_cut {
            declared.cut();
        }
        for reference in &list.list {
            match reference.as_str().and_then(package) {
                Some(entry) => declared.add(entry),
                None => declared.complain("a requirement names no package with its version".to_owned()),
            }
        }
    }
    Ok(())
}

/// `name/version@user/channel#revision:binary#revision%time`, of which only name and version must be there. The
/// project itself is `conanfile.txt`.
fn package(reference: &str) -> Option<Entry> {
    let reference = reference.split(['#', ':', '%']).next()?;
    let (package, origin) = reference.split_once('@').unwrap_or((reference, ""));
    let (name, version) = package.split_once('/').filter(|(name, version)| !name.is_empty() && !version.is_empty())?;
    let entry = Entry::new(name, version);
    // both or none: without them a package is of nobody in particular
    Some(match origin.split_once('/') {
        Some((user, channel)) if user != "_" && !user.is_empty() => Entry {
            purl_name: Some(format!("{user}/{name}")),
            purl_tail: format!("?channel={}", encoded(channel)),
            ..entry
        },
        _ => entry,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{shown, torment};
    use super::*;

    const V1: &str = r#"{"graph_lock": {"nodes": {
        "0": {"ref": "conanfile.txt", "requires": ["1"], "path": "conanfile.txt"},
        "1": {"ref": "poco/1.9.4#rev", "options": "shared=False", "requires": ["2", "9"], "build_requires": ["3"]},
        "2": {"ref": "zlib/1.2.12@_/_"},
        "3": {"pref": "cmake/3.25@me/test#0:pkg#1"}},
        "revisions_enabled": false}, "version": "0.4", "profile_host": "[settings]"}"#;

    const V2: &str = r#"{"version": "0.5", "requires": ["zlib/1.2.12#rev%1675278126.0552447",
        "poco/1.9.4@me/test#rev"], "build_requires": ["cmake/3.25"], "python_requires": []}"#;

    #[test]
    fn packages_are_declared_with_what_they_need() {
        let expected = ["conan/me/cmake@3.25?channel=test", "conan/poco@1.9.4: zlib@1.2.12", "conan/zlib@1.2.12"];
        assert_eq!(shown("srv/conan.lock", V1), expected);
        let expected = ["conan/cmake@3.25", "conan/me/poco@1.9.4?channel=test", "conan/zlib@1.2.12"];
        assert_eq!(shown("srv/conan.lock", V2), expected);
    }

    #[test]
    fn broken_files_are_told() {
        for text in ["{", "{}", r#"{"graph_lock": 1}"#, r#"{"requires": ["zlib"]}"#, r#"{"requires": [1]}"#] {
            let shown = shown("conan.lock", text);
            assert!(shown.len() == 1 && shown[0].starts_with('!'), "{text} {shown:?}");
        }
        torment(read, V1.as_bytes());
        torment(read, V2.as_bytes());
    }
}
