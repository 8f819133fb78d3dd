//! `Pipfile.lock` (Pipenv "Pipfile.lock").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use crate::collect::{About, Select};
use crate::package::python::PYPI;
use crate::package::text::PACKAGES_PER_FILE;
use crate::size::ByteSize;

use super::declared::{Declared, Entry, is_exact};
use super::read::{self, Entries, Text};
use super::{FOREIGN_UNSEEN, LockFile};

/// What Pipenv locks.
pub(in crate::package) static PIPENV_LOCK: LockFile = LockFile {
    id: "pipenv-lock",
    ecosystem: &PYPI,
    select: &[Select::Name("Pipfile.lock")],
    limit: ByteSize::mib(32),
    read,
    about: &About {
        title: "Lock files of Pipenv",
        ecosystems: &[&PYPI],
        reads: "Names and versions of all packages that a project asks for, those of all categories.",
        not_seen: &[
            "packages from Git or a folder, of which the file tells no version",
            "which package needs which: the file does not tell",
            FOREIGN_UNSEEN,
        ],
        references: &["https://pipenv.pypa.io/en/latest/pipfile.html"],
    },
};

/// Categories of one file; `default`, `develop`, and those of the project's own.
const CATEGORIES: usize = 100;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Package {
    /// `==1.0.0`
    version: Text,
}

/// Every category of packages; besides them there is `_meta`.
struct Lock(Vec<Entries<Package, PACKAGES_PER_FILE>>);

impl<'de> Deserialize<'de> for Lock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Categories;

        impl<'de> Visitor<'de> for Categories {
            type Value = Lock;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of categories")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Lock, A::Error> {
                let mut lock = Lock(Vec::new());
                while let Some(key) = map.next_key::<String>()? {
                    if key == "_meta" {
                        map.next_value::<IgnoredAny>()?;
                    } else if lock.0.len() < CATEGORIES {
                        lock.0.push(map.next_value()?);
                    } else {
                        return Err(A::Error::custom("it has too many categories"));
                    }
                }
                Ok(lock)
            }
        }

        deserializer.deserialize_map(Categories)
    }
}

fn read(bytes: &[u8], declared: &mut Declared) -> Result<(), String> {
    let lock: Lock = read::json(bytes)?;
    for packages in &lock.0 {
        if packages.is_cut {
            declared.cut();
        }
        for (name, package) in &packages.list {
            let version =
                package.version.as_str().and_then(|version| version.trim_start_matches('=').split(',').next());
            if let Some(version) = version.filter(|version| is_exact(version)) {
                declared.add(Entry::new(name, version));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{shown, torment};
    use super::*;

    const LOCK: &str = r#"{
        "_meta": {"hash": {"sha256": "0"}, "pipfile-spec": 6, "requires": {}, "sources": [{"name": "x"}]},
        "default": {
            "Django": {"hashes": ["sha256:0"], "index": "x", "version": "==2.2"},
            "git": {"git": "https://example.com/x.git", "ref": "0"}},
        "develop": {"pytz": {"version": "==2019.1"}},
        "docs": {"sphinx": {"version": "==5"}}}"#;

    #[test]
    fn packages_of_all_categories_are_declared() {
        assert_eq!(shown("srv/Pipfile.lock", LOCK), ["pypi/django@2.2", "pypi/pytz@2019.1", "pypi/sphinx@5"]);
    }

    #[test]
    fn broken_files_are_told() {
        for text in ["{", "7", r#"{"default": 7}"#] {
            let shown = shown("Pipfile.lock", text);
            assert!(shown.len() == 1 && shown[0].starts_with('!'), "{text} {shown:?}");
        }
        torment(read, LOCK.as_bytes());
    }
}
