//! `build.sbt.lock`, written by the plugin sbt-dependency-lock (its `lockVersion` 1).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde::Deserialize;

use crate::collect::{About, Select};
use crate::package::ecosystem::MAVEN;
use crate::package::text::PACKAGES_PER_FILE;
use crate::size::ByteSize;

use super::declared::{Declared, Entry};
use super::read::{self, List};
use super::{FOREIGN_UNSEEN, LockFile};

/// What sbt locks.
pub(in crate::package) static SBT_LOCK: LockFile = LockFile {
    id: "sbt-lock",
    ecosystem: &MAVEN,
    select: &[Select::Name("build.sbt.lock")],
    limit: ByteSize::mib(32),
    read,
    about: &About {
        title: "Lock files of sbt",
        ecosystems: &[&MAVEN],
        reads: "Group, name and version of all modules that a build asks for, those of all configurations.",
        not_seen: &["which module needs which: the file does not tell", FOREIGN_UNSEEN],
        references: &["https://stringbean.github.io/sbt-dependency-lock/"],
    },
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lock {
    lock_version: u64,
    #[serde(default)]
    dependencies: List<Module, PACKAGES_PER_FILE>,
}

#[derive(Deserialize)]
struct Module {
    org: String,
    name: String,
    version: String,
}

fn read(bytes: &[u8], declared: &mut Declared) -> Result<(), String> {
    let lock: Lock = read::json(bytes)?;
    if lock.lock_version != 1 {
        return Err("its `lockVersion` is not 1".to_owned());
    }
    if lock.dependencies.is_cut {
        declared.cut();
    }
    for Module { org, name, version } in &lock.dependencies.list {
        declared.add(Entry::new(&format!("{org}:{name}"), version));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{shown, torment};
    use super::*;

    const LOCK: &str = r#"{"lockVersion": 1, "timestamp": "2024-06-06T11:03:09.964557Z",
        "configurations": ["compile", "test"],
        "dependencies": [{"org": "org.scala-lang", "name": "scala-library", "version": "2.12.19",
            "artifacts": [{"name": "scala-library.jar", "hash": "sha1:00"}], "configurations": ["compile"]}]}"#;

    #[test]
    fn modules_are_declared() {
        assert_eq!(shown("srv/build.sbt.lock", LOCK), ["maven/org.scala-lang/scala-library@2.12.19"]);
    }

    #[test]
    fn broken_files_are_told() {
        for text in ["{", "{}", r#"{"lockVersion": 2}"#, r#"{"lockVersion": 1, "dependencies": [{}]}"#] {
            let shown = shown("build.sbt.lock", text);
            assert!(shown.len() == 1 && shown[0].starts_with('!'), "{text} {shown:?}");
        }
        torment(read, LOCK.as_bytes());
    }
}
