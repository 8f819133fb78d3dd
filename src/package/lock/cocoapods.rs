//! `Podfile.lock` (`CocoaPods` Guides, "Using `CocoaPods`", "What is `Podfile.lock`?").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde::Deserialize;

use crate::collect::{About, Select};
use crate::package::ecosystem::COCOAPODS;
use crate::package::text::PACKAGES_PER_FILE;
use crate::size::ByteSize;

use super::declared::{Declared, Entry, NEEDS, encoded};
use super::read::{self, Entries, List};
use super::{FOREIGN_UNSEEN, LockFile};

/// What `CocoaPods` locks.
pub(in crate::package) static COCOAPODS_LOCK: LockFile = LockFile {
    id: "cocoapods-lock",
    ecosystem: &COCOAPODS,
    select: &[Select::Name("Podfile.lock")],
    limit: ByteSize::mib(8),
    read,
    about: &About {
        title: "Lock files of CocoaPods",
        ecosystems: &[&COCOAPODS],
        reads: "Names and versions of all pods that a project asks for, their parts one by one, and which of them \
            needs which.",
        not_seen: &["from which repository a pod comes", FOREIGN_UNSEEN],
        references: &["https://guides.cocoapods.org/using/using-cocoapods.html#what-is-podfilelock"],
    },
};

#[derive(Deserialize)]
struct Lock {
    #[serde(rename = "PODS", default)]
    pods: List<Pod, PACKAGES_PER_FILE>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Pod {
    Alone(String),
    WithNeeds(Entries<List<String, NEEDS>, 1>),
}

fn read(bytes: &[u8], declared: &mut Declared) -> Result<(), String> {
    let documents: Vec<Lock> = read::yaml(bytes)?;
    for lock in documents {
        if lock.pods.is_cut {
            declared.cut();
        }
        for pod in &lock.pods.list {
            let (pod, needs) = match pod {
                Pod::Alone(pod) => (pod, &[][..]),
                Pod::WithNeeds(pods) => match pods.list.first() {
                    Some((pod, needs)) => (pod, needs.list.as_slice()),
                    None => continue,
                },
            };
            match named(pod) {
                Some(entry) => {
                    declared.add(entry.needing(needs.iter().filter_map(|need| need.split(" (").next())));
                }
                None => declared.complain("a pod has no version".to_owned()),
            }
        }
    }
    Ok(())
}

/// `Name/Part (1.0.0)`; the purl of a part is that of the whole, with a subpath.
fn named(pod: &str) -> Option<Entry> {
    let (name, version) = pod.split_once(" (")?;
    let version = version.strip_suffix(')')?;
    let entry = Entry::new(name, version);
    Some(match name.split_once('/') {
        Some((whole, part)) => Entry {
            purl_name: Some(whole.to_owned()),
            purl_tail: format!("#{}", part.split('/').map(encoded).collect::<Vec<_>>().join("/")),
            ..entry
        },
        None => entry,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{shown, torment};
    use super::*;

    const LOCK: &str = "PODS:
  - AppCenter (4.2.0):
    - AppCenter/Core (= 4.2.0)
    - KeychainAccess
  - AppCenter/Core (4.2.0)
  - KeychainAccess (4.2.1)

DEPENDENCIES:
  - AppCenter

SPEC CHECKSUMS:
  AppCenter: 00

COCOAPODS: 1.11.2
";

    #[test]
    fn pods_are_declared_with_what_they_need() {
        let expected = [
            "cocoapods/AppCenter@4.2.0: AppCenter@4.2.0#Core KeychainAccess@4.2.1",
            "cocoapods/AppCenter@4.2.0#Core",
            "cocoapods/KeychainAccess@4.2.1",
        ];
        assert_eq!(shown("ios/Podfile.lock", LOCK), expected);
        assert!(shown("ios/Podfile.lock", "COCOAPODS: 1.11.2").is_empty());
    }

    #[test]
    fn broken_files_are_told() {
        for text in ["PODS:\n  - AppCenter = 4.2.0\n", "PODS: 1\n", "PODS: [\n", "PODS:\n  - {a: b}\n"] {
            let shown = shown("Podfile.lock", text);
            assert!(shown.len() == 1 && shown[0].starts_with('!'), "{text} {shown:?}");
        }
        torment(read, LOCK.as_bytes());
    }
}
