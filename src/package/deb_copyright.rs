//! Licences of Debian packages, from the copyright file that each one brings (Debian Policy 12.5, machine-readable
//! form 1.0).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::collect::{Collector, Delivery, Fact, Facts, File, Select, View};
use crate::inventory::{Inventory, Licence};
use crate::path::ImagePath;
use crate::size::ByteSize;

use super::dpkg::DEB;
use super::text::{field, header, lines};

/// Reads `usr/share/doc/NAME/copyright`. Registered after [`super::dpkg::Dpkg`], whose packages it completes.
pub(super) struct DebCopyright;

/// Licences taken of one file; the longest real ones name some sixty.
const LICENCES: usize = 100;

const KEY: &str = "licence";

/// Folder of the texts that many packages share (package base-files).
const COMMON: &[u8] = b"/usr/share/common-licenses/";

impl Collector for DebCopyright {
    fn id(&self) -> &'static str {
        "deb-copyright"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Suffix("/copyright")]
    }

    /// What is larger says no more: the licences of a package are told in its first pages.
    fn delivery(&self) -> Delivery {
        Delivery::WholeOrWindows(ByteSize::mib(4))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        if file.offset == 0 {
            for name in parse(file.bytes) {
                facts.push(Fact::Text { key: KEY, text: name.into() });
            }
        }
    }

    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        let folder = ImagePath::from("usr/share/doc");
        for package in &mut inventory.packages {
            if *package.ecosystem != DEB || package.licence.is_some() {
                continue;
            }
            // the folder of one package may be a link to that of another
            let path = folder.join(package.name.as_bytes()).join(b"copyright");
            let Some((_, node)) = view.tree.resolve(&path) else { continue };
            let names: Vec<&str> = view
                .facts_of(node)
                .filter_map(|fact| match fact {
                    Fact::Text { key: KEY, text } => Some(&**text),
                    _ => None,
                })
                .collect();
            if !names.is_empty() {
                package.licence = Some(Licence::of_debian(&names));
            }
        }
    }
}

/// The names of licences, in order, each once: of the `License` fields, or where the file has no such form, of the
/// texts in `/usr/share/common-licenses` that it points to.
fn parse(bytes: &[u8]) -> Vec<String> {
    let is_formatted =
        lines(bytes).find(|(_, line)| !line.trim_ascii().is_empty()).and_then(|(_, line)| header(line)).is_some_and(
            |(key, _)| key.eq_ignore_ascii_case(b"format") || key.eq_ignore_ascii_case(b"format-specification"),
        );
    let mut names: Vec<String> = Vec::new();
    let mut add = |name: String| {
        if names.len() < LICENCES && !names.contains(&name) {
            names.push(name);
        }
    };
    if is_formatted {
        for (_, line) in lines(bytes).filter(|(_, line)| !line.starts_with(b" ") && !line.starts_with(b"\t")) {
            if let Some((key, value)) = header(line)
                && key.eq_ignore_ascii_case(b"license")
                && let Some(name) = field(value)
            {
                add(name);
            }
        }
        return names;
    }
    for found in memchr::memmem::find_iter(bytes, COMMON) {
        let rest = bytes.get(found.saturating_add(COMMON.len())..).unwrap_or_default();
        let end = rest.iter().position(|b| !(b.is_ascii_alphanumeric() || b"-.+".contains(b))).unwrap_or(rest.len());
        let name = rest.get(..end).and_then(field);
        if let Some(name) = name.map(|name| name.trim_end_matches('.').to_owned()).filter(|name| !name.is_empty()) {
            add(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::testing::{Image, assemble};

    #[test]
    fn licences_are_named_in_fields_or_by_the_files_pointed_to() {
        let cases: &[(&str, &[&str])] = &[
            (
                "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: GPL-2+\n text\n\n\
                Files: debian/*\nLicense: Expat\n\nLicense: GPL-2+\n License: BSD\n",
                &["GPL-2+", "Expat"],
            ),
            (
                "This is x.\nSee `/usr/share/common-licenses/GPL-3'.\nor /usr/share/common-licenses/LGPL-2.1.\n",
                &["GPL-3", "LGPL-2.1"],
            ),
            ("License: GPL\n", &[]),
            ("", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text.as_bytes()), *expected, "{text}");
        }
    }

    #[test]
    fn packages_may_share_a_folder() {
        let stanza = |name: &str| format!("Package: {name}\nStatus: install ok installed\nVersion: 1\n\n");
        let image = Image::new()
            .file("var/lib/dpkg/status", [stanza("a"), stanza("b"), stanza("c")].concat())
            .file("usr/share/doc/a/copyright", "Format: x\nLicense: GPL-2+ or Artistic-2.0\n\nLicense: Expat\n")
            .link("usr/share/doc/b", "a");
        let inventory = assemble(&image);
        let licences: Vec<_> = inventory.packages.iter().map(|package| package.licence.as_ref()).collect();
        let [Some(a), Some(b), None] = licences[..] else { panic!("{licences:?}") };
        assert_eq!((a, &*a.declared), (b, "GPL-2+ or Artistic-2.0, Expat"));
        assert_eq!(a.expression.as_deref(), Some("(GPL-2.0-or-later OR Artistic-2.0) AND MIT"));
    }
}
