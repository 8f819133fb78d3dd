//! Arch packages: pacman's local database, a folder for each package (pacman `lib/libalpm/be_local.c`).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::HashMap;

use crate::collect::{About, Collector, Delivery, Fact, Facts, File, PackageFact, Select, View};
use crate::inventory::{Ecosystem, Inventory, Need};
use crate::path::ImagePath;
use crate::size::ByteSize;

use super::owned::Resolver;
use super::purl;
use super::text::{PATH, complain, field, lines, push_owned};

/// Packages of Arch Linux and its kin, also of MSYS2.
static ALPM: Ecosystem = Ecosystem { id: "alpm", purl_type: "alpm", is_system: true };

/// Reads `desc` and `files` of each package.
pub(super) struct Pacman;

/// Values taken of one field; the longest list of needs has about 200.
const VALUES: usize = 2_000;

static ABOUT: About = About {
    title: "Arch packages",
    ecosystems: &[&ALPM],
    reads: "Name, version, architecture, base, licences, needs and provisions of every package, and which paths it owns.",
    not_seen: &["what the files should hold, which stands in the compressed `mtree`"],
    references: &["https://man.archlinux.org/man/pacman.8", "https://wiki.archlinux.org/title/Pacman"],
};

impl Collector for Pacman {
    fn id(&self) -> &'static str {
        "pacman"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Suffix("/desc"), Select::Suffix("/files")]
    }

    /// The longest list of files, that of `texlive-fontsextra`, has 10 MiB.
    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize::mib(64))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        // any program may have files of these names
        if !file.bytes.trim_ascii_start().starts_with(b"%") {
            if self.accepts(file.path) && !file.bytes.trim_ascii().is_empty() {
                complain(facts, "it is no entry of pacman's database");
            }
            return;
        }
        if file.path.file_name() == b"files" {
            let paths = values(file.bytes, b"%FILES%").filter(|path| path.len() <= PATH).map(ImagePath::new);
            push_owned(paths, facts);
            return;
        }
        match parse(file.bytes) {
            Ok(package) => facts.package(package),
            Err(what) => complain(facts, what),
        }
    }

    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        let taken = view.take_packages(self, inventory);
        let folders: HashMap<ImagePath, u32> = taken.iter().map(|taken| (taken.path.parent(), taken.index)).collect();
        let mut resolver = Resolver::new(view.tree);
        for (path, _, fact) in view.live() {
            let (Fact::Owns { paths, .. }, Some(index)) = (fact, folders.get(path.parent_bytes())) else { continue };
            resolver.own(paths, *index, &mut inventory.owned);
        }
    }

    /// `…/pacman/local/NAME-VERSION-RELEASE/desc`.
    fn accepts(&self, path: &ImagePath) -> bool {
        let mut above = path.components().rev().skip(2);
        (above.next(), above.next()) == (Some(b"local"), Some(b"pacman"))
    }

    fn purl(&self, package: &PackageFact, inventory: &Inventory) -> Option<String> {
        purl::of_system("arch", inventory.distro.as_ref(), package)
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

/// The values below the heading `name`, one a line, up to an empty line.
fn values<'a>(bytes: &'a [u8], name: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
    let below = lines(bytes).map(|(_, line)| line.trim_ascii()).skip_while(move |line| *line != name).skip(1);
    below.take_while(|line| !line.is_empty())
}

fn parse(bytes: &[u8]) -> Result<PackageFact, String> {
    let first = |name| values(bytes, name).next().and_then(field);
    let list = |name| values(bytes, name).take(VALUES).filter_map(field);
    let name = first(b"%NAME%").ok_or("it gives no name")?;
    let version = first(b"%VERSION%").ok_or_else(|| format!("it gives no version of `{name}`"))?;
    let base = first(b"%BASE%").unwrap_or_else(|| name.clone());
    // each line is a licence of its own, and all of them hold
    let licences: Vec<String> = list(b"%LICENSE%").collect();
    let licences = match licences.as_slice() {
        [only] => only.clone(),
        several => several
            .iter()
            .map(|one| if one.contains(' ') { format!("({one})") } else { one.clone() })
            .collect::<Vec<_>>()
            .join(" AND "),
    };
    Ok(PackageFact {
        ecosystem: Some(&ALPM),
        source: Some((base, version.clone())),
        architecture: first(b"%ARCH%"),
        licence: Some(licences).filter(|licences| !licences.is_empty()),
        needs: list(b"%DEPENDS%").map(|need| Need { name: bare(&need).to_owned(), version: None }).collect(),
        provides: list(b"%PROVIDES%").map(|name| bare(&name).to_owned()).collect(),
        name,
        version,
        ..PackageFact::default()
    })
}

/// `glibc>=2.38` without the version.
fn bare(need: &str) -> &str {
    need.split(['<', '>', '=']).next().unwrap_or(need)
}

#[cfg(test)]
mod tests {
    use crate::package::testing::{Image, assemble, packages};

    const BASH: &str = "%NAME%\nbash\n\n%VERSION%\n5.2.037-1\n\n%BASE%\nbash\n\n%ARCH%\nx86_64\n\n%LICENSE%\nGPL-3.0-or-later\n\n\
        %DEPENDS%\nreadline>=8.2\nlibreadline.so=8-64\nglibc\n\n%PROVIDES%\nsh\n\n";
    const SSL: &str = "%NAME%\nlib32-openssl\n\n%VERSION%\n1:3.4.0-1\n\n%BASE%\nopenssl32\n\n%ARCH%\nx86_64\n\n\
        %LICENSE%\nApache-2.0\nMIT OR BSD-3-Clause\n\n%DEPENDS%\nsh\n\n";

    fn at(folder: &str, name: &str) -> String {
        format!("var/lib/pacman/local/{folder}/{name}")
    }

    #[test]
    fn entries_yield_packages_with_all_that_is_said_of_them() {
        let image = Image::new()
            .file("etc/os-release", "ID=arch\nNAME=\"Arch Linux\"\n")
            .file(&at("bash-5.2.037-1", "desc"), BASH)
            .file(
                &at("bash-5.2.037-1", "files"),
                "%FILES%\nusr/\nusr/bin/\nusr/bin/bash\nusr/bin/gone\n\n%BACKUP%\netc/bash.bashrc\tabc\n",
            )
            .file(&at("lib32-openssl-1:3.4.0-1", "desc"), SSL)
            .file("usr/bin/bash", "")
            .file("etc/bash.bashrc", "");
        let inventory = assemble(&image);
        let seen: Vec<_> = inventory
            .packages
            .iter()
            .map(|package| (&*package.purl, package.licence.as_ref().map(|l| &*l.declared), &*package.dependencies))
            .collect();
        let expected = [
            ("pkg:alpm/arch/bash@5.2.037-1?arch=x86_64&distro=arch", Some("GPL-3.0-or-later"), &[][..]),
            (
                "pkg:alpm/arch/lib32-openssl@1:3.4.0-1?arch=x86_64&distro=arch&upstream=openssl32",
                Some("Apache-2.0 AND (MIT OR BSD-3-Clause)"),
                &[0],
            ),
        ];
        assert_eq!(seen, expected);
        let owner = |path: &str| inventory.owned.owner(&path.into());
        assert_eq!([owner("usr/bin/bash"), owner("usr/bin/gone"), owner("etc/bash.bashrc")], [Some(0), None, None]);
        assert_eq!(inventory.limitations, []);
    }

    #[test]
    fn what_is_broken_is_told_of_the_database_only() {
        let cases = [
            (at("a-1-1", "desc"), "%NAME%\na\n\n", 0, 1),
            (at("a-1-1", "desc"), "%VERSION%\n1-1\n\n", 0, 1),
            (at("a-1-1", "desc"), "\u{0}\u{1}", 0, 1),
            (at("a-1-1", "desc"), "", 0, 0),
            (at("a-1-1", "desc"), "%NAME%\r\na\r\n\r\n%VERSION%\r\n1-1", 1, 0),
            ("srv/desc".into(), "%NAME%\na\n\n%VERSION%\n1-1\n", 0, 0),
            ("srv/desc".into(), "text", 0, 0),
        ];
        for (path, text, found, told) in cases {
            let inventory = assemble(&Image::new().file(&path, text));
            assert_eq!((packages(&inventory).len(), inventory.limitations.len()), (found, told), "{path} {text}");
        }
    }
}
