//! What packages ship: test keys, examples in manuals, sample settings. Whoever has the package has these too.
//!
//! Only rules that say `ships_in_packages` are judged here. A file counts as shipped when a package's own
//! list states its path *and* its content; an edited file is none, nor is a configuration file that dpkg
//! leaves to the administrator, since it is not listed. Such lists are part of the image and can be made up:
//!
//! | whose list | what becomes of the finding |
//! |---|---|
//! | a package of the distribution, by its maintainer or origin | info: the package's own, listed on demand |
//! | a Python package from an index, its name known to the advisory data | info, too ([`settle`]) |
//! | another Python package from an index | low at most: a private index leaves no trace |
//! | a package for the system that somebody else built | one step less grave |
//! | a folder of `node_modules`: no list, no digest | one step less grave; anybody can take a known name |

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use crate::digest::ContentDigests;
use crate::inventory::{Claimant, Inventory, Secret, SecretPlace};
use crate::path::ImagePath;
use crate::rule::{Confidence, Severity};
use crate::tree::{Node, Tree};

/// What a note on a secret of an unchanged package begins with; the package's name follows.
pub(super) const UNCHANGED: &str = "part of the unchanged package ";

/// What a note on a secret of a package from an index begins with.
const INSTALLED: &str = "part of the installed package ";

/// A secret before it is known whether a package brought it.
pub(super) struct Candidate<'a> {
    pub(super) secret: Secret,
    pub(super) node: Node,
    /// Of the file; set only where the rule says that packages ship such things.
    pub(super) content: Option<&'a ContentDigests>,
}

/// Lowers what packages shipped, and says who did.
pub(super) fn mark(candidates: &mut [Candidate<'_>], tree: &Tree, inventory: &Inventory) {
    let shippers = Shippers { tree, inventory, npm: OnceLock::new() };
    let mut last: Option<(Node, Option<Shipper>)> = None;
    let mut sources: BTreeMap<(ImagePath, &str, String), Shipper> = BTreeMap::new();
    for candidate in candidates.iter_mut() {
        let Some(content) = candidate.content else { continue };
        let shipper = match &last {
            Some((node, shipper)) if *node == candidate.node => shipper.clone(),
            _ => shippers.of(candidate.node, content),
        };
        if let Some(shipper) = &shipper {
            if let Some(source) = path_of(&candidate.secret) {
                let key = (source.clone(), candidate.secret.rule.id, candidate.secret.id.clone());
                sources.insert(key, shipper.clone());
            }
            shipper.mark(&mut candidate.secret);
            candidate.content = None;
        }
        last = Some((candidate.node, shipper));
    }
    // What the interpreter compiled from a shipped file is in no list, nor is what the package's own archive holds.
    // Both are known by the very values of the shipped file.
    for candidate in candidates.iter_mut().filter(|candidate| candidate.content.is_some()) {
        let Some(source) = path_of(&candidate.secret).and_then(|path| source_of(path).or_else(|| installed_from(path)))
        else {
            continue;
        };
        let key = (source, candidate.secret.rule.id, candidate.secret.id.clone());
        if let Some(shipper) = sources.get(&key) {
            shipper.mark(&mut candidate.secret);
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Shipper {
    claimant: Claimant,
    package: String,
}

impl Shipper {
    fn mark(&self, secret: &mut Secret) {
        match self.claimant {
            Claimant::Distribution => {
                secret.severity = Severity::Info;
                secret.notes.push(format!("{UNCHANGED}{}", self.package));
            }
            Claimant::Index => {
                secret.confidence = Confidence::Low;
                secret.severity = secret.severity.min(Severity::Low);
                secret.notes.push(format!("{INSTALLED}{}", self.package));
            }
            Claimant::Package => {
                secret.confidence = Confidence::Low;
                secret.severity = match secret.severity {
                    Severity::Info => Severity::Info,
                    graver => less_grave(graver).max(Severity::Low),
                };
                secret.notes.push(format!("shipped by package {}", self.package));
            }
        }
    }
}

/// The next less grave; `info` stays.
pub(super) fn less_grave(severity: Severity) -> Severity {
    match severity {
        Severity::Critical => Severity::High,
        Severity::High => Severity::Medium,
        Severity::Medium => Severity::Low,
        Severity::Low | Severity::Info => Severity::Info,
    }
}

/// Takes the weight off secrets of Python packages whose name `is_public` knows.
pub fn settle(secrets: &mut [Secret], mut is_public: impl FnMut(&str) -> bool) {
    for secret in secrets {
        let Some(note) = secret.notes.iter_mut().find(|note| note.starts_with(INSTALLED)) else { continue };
        let package = note.get(INSTALLED.len()..).unwrap_or_default().to_owned();
        if is_public(&package) {
            *note = format!("{UNCHANGED}{package}");
            secret.severity = Severity::Info;
        }
    }
}

struct Shippers<'a> {
    tree: &'a Tree,
    inventory: &'a Inventory,
    /// Folders of installed Node packages, with their names.
    npm: OnceLock<HashMap<&'a [u8], &'a str>>,
}

impl<'a> Shippers<'a> {
    /// Who shipped the file of `node`, under the name of its member or any that it has now.
    fn of(&self, node: Node, content: &ContentDigests) -> Option<Shipper> {
        let names = || std::iter::once(&self.tree.entry(node).path).chain(self.tree.names_of(node));
        let claimed = names()
            .filter_map(|path| {
                let folder = self.tree.real_folder(&path.parent());
                self.inventory.claims.package(&folder, path.file_name(), content)
            })
            .min();
        let claimed = claimed.or_else(|| names().find_map(|path| self.npm_package(path)));
        claimed.map(|(claimant, package)| Shipper { claimant, package: package.to_owned() })
    }

    /// The installed Node package whose folder holds `path`. npm keeps no digests of single files.
    fn npm_package(&self, path: &ImagePath) -> Option<(Claimant, &'a str)> {
        let folders = self.npm.get_or_init(|| {
            let packages = self.inventory.packages.iter().filter(|package| package.ecosystem.id == "npm");
            packages
                .flat_map(|package| {
                    package.locations.iter().map(|place| (place.path.parent_bytes(), package.name.as_str()))
                })
                .collect()
        });
        let mut folder = path.parent_bytes();
        while !folder.is_empty() {
            if let Some(package) = folders.get(folder) {
                return Some((Claimant::Package, package));
            }
            folder = folder
                .iter()
                .rposition(|b| *b == b'/')
                .map_or(&[][..], |slash| folder.get(..slash).unwrap_or_default());
        }
        None
    }
}

fn path_of(secret: &Secret) -> Option<&ImagePath> {
    match &secret.place {
        SecretPlace::File { path, .. } => Some(path),
        SecretPlace::Config { .. } | SecretPlace::History { .. } => None,
    }
}

/// `a/b.py` for `a/__pycache__/b.cpython-311.pyc` (PEP 3147).
fn source_of(path: &ImagePath) -> Option<ImagePath> {
    let cache = path.parent();
    let stem = path.file_name().strip_suffix(b".pyc")?.split(|b| *b == b'.').next()?;
    (cache.file_name() == b"__pycache__").then(|| cache.parent().join(&[stem, b".py"].concat()))
}

/// `usr/a!b` for `var/x.deb!data.tar.xz!usr/a!b`: where the file of a package's archive is installed.
fn installed_from(path: &ImagePath) -> Option<ImagePath> {
    let bytes = path.as_bytes();
    let data = memchr::memmem::find(bytes, b".deb!data.tar")?;
    let rest = bytes.get(data + ".deb!data.tar".len()..)?;
    let member = memchr::memchr(b'!', rest)?;
    Some(ImagePath::new(rest.get(member + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_listed_is_known_by_where_it_comes_from() {
        let cases = [
            ("a/__pycache__/b.cpython-311.pyc", Some("a/b.py")),
            ("a/b.pyc", None),
            ("var/x_1_all.deb!data.tar.xz!usr/share/a.gz!a", Some("usr/share/a.gz!a")),
            ("var/x_1_all.deb!control.tar.xz!postinst", None),
        ];
        for (path, expected) in cases {
            let path = ImagePath::from(path);
            assert_eq!(source_of(&path).or_else(|| installed_from(&path)), expected.map(ImagePath::from), "{path}");
        }
    }
}
