//! `uv.lock` (uv "Structure and files", "The lockfile").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde::Deserialize;

use crate::collect::{About, Select};
use crate::inventory::Need;
use crate::package::python::PYPI;
use crate::size::ByteSize;

use super::declared::{Declared, Entry, NEEDS};
use super::read::{self, Entries, List};
use super::{FOREIGN_UNSEEN, LockFile};

/// What uv locks.
pub(in crate::package) static UV_LOCK: LockFile = LockFile {
    id: "uv-lock",
    ecosystem: &PYPI,
    select: &[Select::Name("uv.lock")],
    limit: ByteSize::mib(32),
    read,
    about: &About {
        title: "Lock files of uv",
        ecosystems: &[&PYPI],
        reads: "Names and versions of all packages that a project asks for, of all extras, groups and platforms, the \
            project itself and the members of its workspace, and which of them needs which.",
        not_seen: &["projects whose version is dynamic, of which the file tells none", FOREIGN_UNSEEN],
        references: &["https://docs.astral.sh/uv/concepts/projects/layout/#the-lockfile"],
    },
};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Package {
    name: String,
    version: Option<String>,
    #[serde(default)]
    dependencies: List<Dependency, NEEDS>,
    #[serde(default)]
    optional_dependencies: Entries<List<Dependency, NEEDS>, NEEDS>,
    #[serde(default)]
    dev_dependencies: Entries<List<Dependency, NEEDS>, NEEDS>,
}

/// The version stands there only where the file has several.
#[derive(Deserialize)]
struct Dependency {
    name: String,
    version: Option<String>,
}

fn read(bytes: &[u8], declared: &mut Declared) -> Result<(), String> {
    read::toml_packages(bytes, declared, |package: Package, declared| {
        let Some(version) = package.version else { return };
        let groups = package.optional_dependencies.list.into_iter().chain(package.dev_dependencies.list);
        let needs = package.dependencies.list.into_iter().chain(groups.flat_map(|(_, group)| group.list));
        let needs = needs.take(NEEDS).map(|need| Need { name: need.name, version: need.version }).collect();
        declared.add(Entry { needs, ..Entry::new(&package.name, &version) });
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{shown, torment};
    use super::*;

    const LOCK: &str = r#"version = 1
requires-python = ">=3.11"

[[package]]
name = "app"
version = "0.1.0"
source = { virtual = "." }
dependencies = [{ name = "numpy", version = "2.0", marker = "python_version > '3'" }, { name = "b" }]
[package.optional-dependencies]
fast = [{ name = "c" }]
[package.dev-dependencies]
dev = [{ name = "d" }]

[[package]]
name = "b"
version = "1"
[[package]]
name = "c"
version = "1"
[[package]]
name = "d"
version = "1"
[[package]]
name = "dynamic"
source = { editable = "dynamic" }
[[package]]
name = "numpy"
version = "1.0"
source = { registry = "https://index.example/simple" }
[[package]]
name = "numpy"
version = "2.0"
"#;

    #[test]
    fn packages_are_declared_with_what_they_need() {
        let expected = [
            "pypi/app@0.1.0: b@1 c@1 d@1 numpy@2.0",
            "pypi/b@1",
            "pypi/c@1",
            "pypi/d@1",
            "pypi/numpy@1.0",
            "pypi/numpy@2.0",
        ];
        assert_eq!(shown("srv/uv.lock", LOCK), expected);
    }

    #[test]
    fn broken_files_are_told() {
        for text in ["[[package]]\nversion = \"1\"\n", "[[package]\n", "package = 1\n"] {
            let shown = shown("uv.lock", text);
            assert!(shown.len() == 1 && shown[0].starts_with('!'), "{text} {shown:?}");
        }
        torment(read, LOCK.as_bytes());
    }
}
