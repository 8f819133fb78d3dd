//! Gentoo packages: portage's database, a folder for each package (Package Manager Specification, appendix on the
//! VDB of portage; dependencies as in its section 8.2).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::HashMap;

use crate::collect::{About, Collector, Delivery, Fact, Facts, File, PackageFact, Select, View};
use crate::inventory::{Ecosystem, Inventory, Need};
use crate::path::ImagePath;
use crate::size::ByteSize;
use crate::tree::Node;

use super::owned::Resolver;
use super::purl;
use super::text::{PATH, complain, field, lines, push_owned};

/// Packages of Gentoo and its kin. The type of their purls is a candidate of purl-spec, and what other programs write.
static EBUILD: Ecosystem = Ecosystem { id: "ebuild", purl_type: "ebuild", is_system: true };

/// Reads `CONTENTS` and `RDEPEND` of each package.
pub(super) struct Portage;

const DATABASE: &[u8] = b"var/db/pkg";

/// Words taken of one field of dependencies; the longest of a real package has about 1,000.
const WORDS: usize = 10_000;

static ABOUT: About = About {
    title: "Gentoo packages",
    ecosystems: &[&EBUILD],
    reads: "Category, name, version and needs of every package, and which paths it owns.",
    not_seen: &[
        "slots, use flags and the repository a package came from",
        "licences: they stand in files `LICENSE`, of which an image has thousands that are not portage's",
    ],
    references: &["https://projects.gentoo.org/pms/8/pms.html", "https://wiki.gentoo.org/wiki//var/db/pkg"],
};

impl Collector for Portage {
    fn id(&self) -> &'static str {
        "portage"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Name("CONTENTS"), Select::Name("RDEPEND")]
    }

    /// That of the kernel's sources has 12 MiB.
    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize::mib(64))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        // whether links put it into the database is known when all files are
        let Some((category, name_and_version)) = folders(file.path) else { return };
        if file.path.file_name() == b"CONTENTS" {
            return contents(category, name_and_version, file.bytes, facts);
        }
        let text = String::from_utf8_lossy(file.bytes.get(..LONGEST).unwrap_or(file.bytes));
        let words: Vec<&str> = text.split_whitespace().collect();
        facts.push(Fact::Text { key: "needs", text: words.join(" ").into() });
    }

    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        let selected = selected(view);
        let view = &View { selected: &selected, ..*view };
        let taken = view.take_packages(self, inventory);
        let folders: HashMap<ImagePath, u32> = taken.iter().map(|taken| (taken.path.parent(), taken.index)).collect();
        let mut resolver = Resolver::new(view.tree);
        for (path, _, fact) in view.live() {
            let Some(index) = folders.get(path.parent_bytes()) else { continue };
            let Some(package) = inventory.packages.get_mut(*index as usize) else { continue };
            match fact {
                Fact::Owns { paths, .. } => {
                    resolver.own(paths, *index, &mut inventory.owned);
                }
                Fact::Text { text, .. } => package.needs = needs(text),
                _ => {}
            }
        }
    }

    fn accepts(&self, path: &ImagePath) -> bool {
        path.strip_folder(DATABASE).is_some_and(|rest| rest.split(|b| *b == b'/').count() == 3)
            && folders(path).is_some()
    }

    fn purl(&self, package: &PackageFact, inventory: &Inventory) -> Option<String> {
        let distro = inventory.distro.as_ref().map(|distro| ("distro", distro.id.as_str()));
        purl::qualified(&EBUILD, &package.name, &package.version, distro.as_slice())?.purl
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

/// What is selected; where the database is a link, what lies where it leads has its names in the database.
fn selected(view: &View<'_>) -> Vec<(ImagePath, Node)> {
    let real = view.tree.resolve_folder(&ImagePath::new(DATABASE)).filter(|real| real.as_bytes() != DATABASE);
    let named = |path: &ImagePath| {
        let inside = path.strip_folder(real.as_ref()?.as_bytes())?;
        Some(ImagePath::new(&[DATABASE, b"/", inside].concat()))
    };
    view.selected.iter().map(|(path, node)| (named(path).unwrap_or_else(|| path.clone()), *node)).collect()
}

/// Category, and name with version, of the package whose folder holds the file at `path`: the names of two folders.
fn folders(path: &ImagePath) -> Option<(&[u8], &[u8])> {
    let mut parts = path.components().rev().skip(1);
    let (name_and_version, category) = (parts.next()?, parts.next()?);
    // a name that begins so is of a package that is being merged right now
    (!name_and_version.starts_with(b"-MERGING-")).then_some((category, name_and_version))
}

/// The package that the folder tells, and its paths: `obj PATH MD5 TIME`, `sym PATH -> TARGET TIME`, `dir PATH`.
fn contents(category: &[u8], name_and_version: &[u8], bytes: &[u8], facts: &mut Facts) {
    let (Some(category), Some(folder)) = (field(category), field(name_and_version)) else {
        return complain(facts, "its folder has no name of a package");
    };
    let Some((name, version)) = split_version(&folder) else {
        return complain(facts, format!("`{category}/{folder}` has no version"));
    };
    let paths = lines(bytes).filter_map(|(_, line)| {
        let (kind, rest) = line.split_at_checked(4)?;
        let path = match kind {
            // blanks may be in the path, not in what follows
            b"obj " => rest.rsplitn(3, |b| *b == b' ').nth(2)?,
            b"sym " => memchr::memmem::find(rest, b" -> ").and_then(|at| rest.get(..at))?,
            b"dir " | b"fif " | b"dev " => rest,
            _ => return None,
        };
        (path.len() <= PATH).then(|| ImagePath::new(path))
    });
    facts.package(PackageFact {
        ecosystem: Some(&EBUILD),
        name: format!("{category}/{name}"),
        version: version.to_owned(),
        ..PackageFact::default()
    });
    push_owned(paths, facts);
}

/// Bytes taken of a field; those of real ones are below 20 KiB.
const LONGEST: usize = 64 << 10;

/// `NAME-VERSION[-rN]` parted. A version is a hyphen, digits with dots, a letter, suffixes (PMS 3.2).
fn split_version(folder: &str) -> Option<(&str, &str)> {
    let without_revision = match folder.rsplit_once('-') {
        Some((before, revision)) if is_number(revision.strip_prefix('r').unwrap_or_default()) => before,
        _ => folder,
    };
    let (name, version) = without_revision.rsplit_once('-')?;
    let version_starts = name.len().checked_add(1)?;
    let is_version = version.starts_with(|c: char| c.is_ascii_digit());
    (is_version && !name.is_empty()).then_some((name, folder.get(version_starts..)?))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// The packages that a field of dependencies names, in whatever groups and conditions: `>=dev-libs/openssl-3:0=[-a]`.
fn needs(text: &str) -> Vec<Need> {
    let words = text.split(' ').take(WORDS).filter(|word| word.contains('/') && !word.starts_with('!'));
    let atoms = words.filter_map(|word| {
        let bare = word.trim_start_matches(['<', '>', '=', '~']);
        let atom = bare.split([':', '[']).next()?.trim_end_matches('*');
        let name = if bare.len() == word.len() { atom } else { split_version(atom)?.0 };
        Some(Need { name: name.to_owned(), version: None })
    });
    let mut needs: Vec<Need> = atoms.collect();
    needs.sort();
    needs.dedup();
    needs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::testing::{Image, assemble, packages};

    #[test]
    fn versions_are_parted_from_names() {
        let cases = [
            ("openssl-3.0.13-r1", Some(("openssl", "3.0.13-r1"))),
            ("gtk+-2.24.33_p1", Some(("gtk+", "2.24.33_p1"))),
            ("font-adobe-100dpi-1.0.3", Some(("font-adobe-100dpi", "1.0.3"))),
            ("libstdc++-v3-3.3.6", Some(("libstdc++-v3", "3.3.6"))),
            ("linux-firmware-20240115", Some(("linux-firmware", "20240115"))),
            ("name", None),
            ("name-r1", None),
            ("-1", None),
        ];
        for (folder, expected) in cases {
            assert_eq!(split_version(folder), expected, "{folder}");
        }
    }

    #[test]
    fn folders_of_the_database_are_packages() {
        let skopeo = "var/db/pkg/app-containers/skopeo-1.5.1-r1";
        let image = Image::new()
            .file("etc/os-release", "ID=gentoo\n")
            .file(&format!("{skopeo}/CONTENTS"), "dir /usr\nobj /usr/bin/a b 0123 1\nsym /usr/bin/l -> a b 1\nodd\n")
            .file(&format!("{skopeo}/RDEPEND"), "gpg? ( >=app-crypt/gpgme-1.5.5:1=[a] ) || ( !x/y dev-libs/b )\n")
            .file("var/db/pkg/app-crypt/gpgme-1.18.0/CONTENTS", "")
            .file("var/db/pkg/dev-libs/b-2/CONTENTS", "")
            .file("var/db/pkg/dev-libs/-MERGING-c-2/CONTENTS", "")
            .file("usr/bin/a b", "")
            .link("usr/bin/l", "a b");
        let inventory = assemble(&image);
        let purls: Vec<_> = inventory.packages.iter().map(|package| &*package.purl).collect();
        let expected = [
            "pkg:ebuild/app-containers/skopeo@1.5.1-r1?distro=gentoo",
            "pkg:ebuild/app-crypt/gpgme@1.18.0?distro=gentoo",
            "pkg:ebuild/dev-libs/b@2?distro=gentoo",
        ];
        assert_eq!(purls, expected);
        let skopeo = &inventory.packages[0];
        assert_eq!(skopeo.dependencies, [1, 2]);
        let owner = |path: &str| inventory.owned.owner(&path.into());
        assert_eq!([owner("usr/bin/a b"), owner("usr/bin/l")], [Some(0); 2]);
        assert_eq!(inventory.limitations, []);
    }

    #[test]
    fn the_database_may_be_a_link() {
        let files = |folder: &str| {
            Image::new()
                .file(&format!("{folder}/dev-libs/a-1/CONTENTS"), "obj /usr/bin/a 0 1\n")
                .file(&format!("{folder}/dev-libs/a-1/RDEPEND"), "dev-libs/b")
                .file(&format!("{folder}/dev-libs/b-2/CONTENTS"), "")
        };
        let cases = [
            (files("srv/packages").link("var/db/pkg", "/srv/packages"), 2),
            (files("srv/db/pkg").link("var/db", "../srv/db"), 2),
            (files("srv/packages"), 0),
            (files("var/db/pkg/x"), 0),
        ];
        for (image, count) in cases {
            let inventory = assemble(&image);
            assert_eq!(packages(&inventory).len(), count, "{image:?}");
            let needs = inventory.packages.first().map(|package| &*package.dependencies);
            assert_eq!(needs, Some(&[1][..]).filter(|_| count > 0), "{image:?}");
            assert_eq!(inventory.limitations, []);
        }
    }

    #[test]
    fn a_folder_without_a_version_is_a_gap() {
        let inventory = assemble(&Image::new().file("var/db/pkg/a/b/CONTENTS", "obj /a 0 0\n"));
        assert_eq!((packages(&inventory).len(), inventory.limitations.len()), (0, 1));
    }
}
