//! What files are good for that a container could do without: caches, leftovers, documentation.

use serde::Serialize;

use crate::check::{is_in_cache, is_leftover};
use crate::inventory::Inventory;
use crate::path::ImagePath;
use crate::tree::Node;

/// A kind of files that a container runs without. A file is of the first that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A package manager's cache, as `layer/package-cache` knows them; not what is in use under another name.
    PackageCache,
    /// What `layer/leftover` reports.
    Leftover,
    /// Manuals, texts and translations; licences are not counted.
    Documentation,
    /// The same bytes as a file whose path comes first, and no hard link to it.
    Duplicate,
}

impl Kind {
    /// What reports call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::PackageCache => "package caches",
            Self::Leftover => "leftovers of the build",
            Self::Documentation => "documentation and translations",
            Self::Duplicate => "second copies of files",
        }
    }
}

/// Folders of documentation.
const DOCUMENTATION: &[&[u8]] = &[
    b"usr/share/doc",
    b"usr/share/man",
    b"usr/share/info",
    b"usr/share/gtk-doc",
    b"usr/share/help",
    b"usr/share/locale",
    b"usr/local/man",
    b"usr/local/share/doc",
    b"usr/local/share/man",
    b"usr/local/share/info",
    b"usr/local/share/locale",
];

/// Beginnings of names, in lower case, of texts that must go with the software.
const LICENCES: &[&[u8]] = &[b"copyright", b"copying", b"licen", b"notice", b"authors"];

/// The kind of a file that is live under `names`, or was under its own path.
pub(super) fn of(inventory: &Inventory, node: Node, names: &[&ImagePath]) -> Option<Kind> {
    let entry = inventory.tree.entry(node);
    let own = [&entry.path];
    let names = if names.is_empty() { &own } else { names };
    let is_owned = names.iter().any(|name| inventory.owned.owner(name).is_some());
    if !is_owned && names.iter().all(|name| is_in_cache(name)) {
        return Some(Kind::PackageCache);
    }
    if !is_owned && is_leftover(entry) {
        return Some(Kind::Leftover);
    }
    names.iter().all(|name| is_documentation(name)).then_some(Kind::Documentation)
}

fn is_documentation(path: &ImagePath) -> bool {
    let name = path.file_name().to_ascii_lowercase();
    DOCUMENTATION.iter().any(|folder| path.strip_folder(folder).is_some())
        && !LICENCES.iter().any(|start| name.starts_with(start))
        && name != b"locale.alias"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documentation_is_told_by_its_folder_and_licences_are_none() {
        let cases = [
            ("usr/share/man/man1/ls.1.gz", true),
            ("usr/share/locale/de/LC_MESSAGES/bash.mo", true),
            ("usr/share/doc/bash/README", true),
            ("usr/share/doc/bash/copyright", false),
            ("usr/share/doc/bash/LICENSE.gz", false),
            ("usr/share/locale/locale.alias", false),
            ("usr/lib/locale/C.utf8/LC_CTYPE", false),
            ("usr/share/document", false),
            ("app/docs/usr/share/doc/x", false),
        ];
        for (path, expected) in cases {
            assert_eq!(is_documentation(&ImagePath::from(path)), expected, "{path}");
        }
    }
}
