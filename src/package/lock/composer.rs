//! `composer.lock` (Composer "Basic usage", "Commit your composer.lock file to version control").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde::Deserialize;

use crate::collect::{About, Select};
use crate::package::ecosystem::COMPOSER;
use crate::package::text::PACKAGES_PER_FILE;
use crate::size::ByteSize;

use super::declared::{Declared, Entry, NEEDS};
use super::read::{self, Entries, List, Text};
use super::{FOREIGN_UNSEEN, LockFile};

/// What Composer locks.
pub(in crate::package) static COMPOSER_LOCK: LockFile = LockFile {
    id: "composer-lock",
    ecosystem: &COMPOSER,
    select: &[Select::Name("composer.lock")],
    limit: ByteSize::mib(32),
    read,
    about: &About {
        title: "Lock files of Composer",
        ecosystems: &[&COMPOSER],
        reads: "Names, versions and licences of all packages that a project asks for, those for development too, and \
            which of them needs which.",
        not_seen: &["the project itself", "PHP and its extensions", FOREIGN_UNSEEN],
        references: &["https://getcomposer.org/doc/01-basic-usage.md"],
    },
};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Lock {
    #[serde(default)]
    packages: List<Package, PACKAGES_PER_FILE>,
    #[serde(default)]
    packages_dev: List<Package, PACKAGES_PER_FILE>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    /// Alternatives.
    #[serde(default)]
    license: List<Text, 32>,
    #[serde(default)]
    require: Entries<Text, NEEDS>,
}

fn read(bytes: &[u8], declared: &mut Declared) -> Result<(), String> {
    let lock: Lock = read::json(bytes)?;
    if lock.packages.is_cut || lock.packages_dev.is_cut {
        declared.cut();
    }
    for package in lock.packages.list.iter().chain(&lock.packages_dev.list) {
        let licences: Vec<&str> = package.license.list.iter().filter_map(Text::as_str).collect();
        let licence = (!licences.is_empty()).then(|| licences.join(" OR "));
        // without a slash are `php` and its extensions
        let needs = package.require.keys().filter(|name| name.contains('/'));
        declared.add(Entry { licence, ..Entry::new(&package.name, &package.version).needing(needs) });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{inventory_of, shown, torment};
    use super::*;

    const LOCK: &str = r#"{"content-hash": "00", "packages": [
        {"name": "guzzlehttp/guzzle", "version": "6.5.8", "license": ["MIT", "BSD-3-Clause"],
         "require": {"php": ">=5", "ext-json": "*", "guzzlehttp/psr7": "^1.9", "x/gone": "*"}},
        {"name": "guzzlehttp/psr7", "version": "v1.9.0", "license": "MIT", "require": []}],
        "packages-dev": [{"name": "a/b", "version": "dev-main", "license": []}],
        "aliases": [], "platform": [], "plugin-api-version": "2.3.0"}"#;

    #[test]
    fn packages_are_declared_with_what_they_need() {
        let expected = [
            "composer/a/b@dev-main",
            "composer/guzzlehttp/guzzle@6.5.8: psr7@v1.9.0",
            "composer/guzzlehttp/psr7@v1.9.0",
        ];
        assert_eq!(shown("srv/composer.lock", LOCK), expected);
        let licence = inventory_of("composer.lock", LOCK).packages[1].licence.clone();
        assert_eq!(licence.map(|licence| licence.declared), Some("MIT OR BSD-3-Clause".to_owned()));
    }

    #[test]
    fn broken_files_are_told() {
        for text in ["{", "[]", r#"{"packages": [{}]}"#, r#"{"packages": 1}"#] {
            let shown = shown("composer.lock", text);
            assert!(shown.len() == 1 && shown[0].starts_with('!'), "{text} {shown:?}");
        }
        torment(read, LOCK.as_bytes());
    }
}
