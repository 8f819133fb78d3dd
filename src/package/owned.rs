//! What belongs to whom, once all packages are known: one entry per package, and its owner.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use crate::collect::{Collector, Delivery, Facts, File, PackageFact, Select, View};
use crate::inventory::{Inventory, OwnedPaths, Package, Proof, Rights, State};
use crate::path::ImagePath;
use crate::rule::Confidence;
use crate::size::ByteSize;
use crate::tree::Tree;

use super::dependency;
use super::purl::folded;

/// Reads no file: it merges and sorts the packages and marks those that a system package brought.
/// Registered after all other package collectors.
pub(super) struct Owners;

impl Collector for Owners {
    fn id(&self) -> &'static str {
        "owners"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[]
    }

    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize::mib(0))
    }

    fn collect(&self, _: &File<'_>, _: &mut Facts) {}

    fn assemble(&self, _: &View<'_>, inventory: &mut Inventory) {
        let (packages, places) = merge(std::mem::take(&mut inventory.packages), Some(&inventory.owned));
        inventory.packages = packages;
        inventory.owned.renumber(&places);
        inventory.claims.sort();
        for package in inventory.packages.iter_mut().filter(|package| !package.ecosystem.is_system) {
            package.owner = owner(package, &inventory.owned);
        }
        dependency::resolve(&mut inventory.packages);
    }
}

/// What records in a folder give.
type Records = HashMap<ImagePath, Vec<Record>>;

/// Name and version of a package that has a record, and whether the record is of all programs below its folder,
/// whatever they call themselves.
struct Record {
    name: String,
    version: String,
    is_of_all: bool,
}

/// Ecosystems whose records stand above programs of many names.
const OF_ALL: &[&str] = &["jvm", "bitnami", "otp"];

/// Folders above a file that are looked at for a record of it.
const ABOVE: usize = 8;

/// The records of packages that are told by their own files, by the folders of these.
fn records(packages: &[Package]) -> Records {
    let mut records = Records::new();
    let told = |package: &&Package| {
        package.proof == Proof::Record && package.state == State::Installed && !package.ecosystem.is_system
    };
    for package in packages.iter().filter(told) {
        for location in &package.locations {
            let record = Record {
                name: package.name.clone(),
                version: package.version.clone(),
                is_of_all: OF_ALL.contains(&package.ecosystem.id),
            };
            records.entry(location.path.parent()).or_default().push(record);
        }
    }
    records
}

/// Whether a record in a folder above the file says what a version string in it says: a Java's `release` above its
/// `libjvm.so`, or what stands beside a component of Bitnami. Of the same name, one may say less of the version.
fn is_recorded(package: &Package, records: &Records) -> bool {
    let begins = |long: &str, short: &str| {
        let rest = long.strip_prefix(short);
        rest.is_some_and(|rest| !rest.starts_with(|sign: char| sign.is_ascii_digit()))
    };
    let says_it = |record: &Record| {
        let (said, version) = (&package.version, &record.version);
        let is_same = version == said || version.split('-').next() == Some(said);
        let is_like = begins(version, said) || begins(said, version);
        (record.name == package.name && is_like) || (record.is_of_all && is_same)
    };
    package.locations.iter().all(|location| {
        let mut folder = location.path.parent();
        (0..ABOVE).any(|_| {
            let is_said = records.get(&folder).is_some_and(|records| records.iter().any(says_it));
            folder = folder.parent();
            is_said
        })
    })
}

/// Whether the system's packages are in these folders, and a program there is one of theirs if one of them has its name
/// and version: images made without a package manager keep the records of packages, and not always their lists of files.
fn is_of_system(package: &Package, packages: &[Package]) -> bool {
    let is_systems_place = |path: &ImagePath| {
        let mut parts = path.components();
        match parts.next() {
            Some(b"usr") => parts.next() != Some(b"local"),
            Some(b"bin" | b"sbin") => true,
            Some(folder) => folder.starts_with(b"lib"),
            None => false,
        }
    };
    let is_version = |version: &str| {
        let upstream = version.split_once(':').map_or(version, |(_, upstream)| upstream);
        let rest = upstream.strip_prefix(package.version.as_str());
        rest.is_some_and(|rest| !rest.starts_with(|sign: char| sign.is_ascii_digit() || sign == '.'))
    };
    let is_it = |system: &Package| {
        let source = system.source.as_ref().map(|(name, version)| (name.as_str(), version.as_str()));
        let names = [Some((system.name.as_str(), system.version.as_str())), source];
        names.into_iter().flatten().any(|(name, version)| name == package.name && is_version(version))
    };
    package.locations.iter().all(|location| is_systems_place(&location.path))
        && packages.iter().filter(|system| system.ecosystem.is_system).any(is_it)
}

/// Sorts packages and makes those that are equal one, with all their locations. Leaves out what is only declared and
/// also installed, and what is only guessed and belongs to a package or is recorded.
///
/// A tree of Node packages holds the same one dozens of times. The second value gives the new index of each old one.
///
/// `owned` is `None` for packages that were settled before: nothing is left out of them but what is twice there.
pub(super) fn merge(packages: Vec<Package>, owned: Option<&OwnedPaths>) -> (Vec<Package>, Vec<u32>) {
    let mut places = vec![0; packages.len()];
    let is_guess = |package: &Package| matches!(package.proof, Proof::VersionString(_));
    let records = if packages.iter().any(is_guess) { records(&packages) } else { Records::new() };
    let is_told = |package: &Package| {
        let Some(owned) = owned.filter(|_| is_guess(package)) else { return false };
        owner(package, owned).is_some() || is_recorded(package, &records) || is_of_system(package, &packages)
    };
    let told: Vec<bool> = packages.iter().map(is_told).collect();
    let packages = packages.into_iter().enumerate().zip(told);
    let mut sorted: Vec<(usize, Package)> =
        packages.filter(|(_, is_told)| !is_told).map(|(package, _)| package).collect();
    sorted.sort_by(|(_, a), (_, b)| key(a).cmp(&key(b)).then_with(|| a.locations.cmp(&b.locations)));
    let mut merged: Vec<Package> = Vec::new();
    // files of declarations of which something is installed
    let mut carried_out: HashSet<ImagePath> = HashSet::new();
    for (old, package) in sorted {
        match merged.last_mut() {
            Some(last) if identity(last) == identity(&package) => {
                match (last.state, package.state) {
                    (State::Installed, State::Declared) => {
                        carried_out.extend(package.locations.into_iter().map(|location| location.path));
                    }
                    _ => last.locations.extend(package.locations),
                }
                last.needs.extend(package.needs);
            }
            _ => merged.push(package),
        }
        if let Some(place) = places.get_mut(old) {
            *place = u32::try_from(merged.len().saturating_sub(1)).unwrap_or(u32::MAX);
        }
    }
    for package in &mut merged {
        package.locations.sort();
        package.locations.dedup();
        package.is_counted = package.state == State::Installed
            || package.locations.iter().any(|location| !carried_out.contains(&location.path));
    }
    (merged, places)
}

/// Names of which there is one spelling in a purl are one: a lock file's `flask` is the installed `Flask`.
fn identity(package: &Package) -> (&str, &str, Cow<'_, str>, &str) {
    (&package.purl, package.ecosystem.id, folded(package.ecosystem, &package.name), &package.version)
}

/// What is installed stands before what is declared, and what is surer before what is less so.
fn key(package: &Package) -> (&str, &str, Cow<'_, str>, &str, State, Reverse<Confidence>) {
    let (purl, ecosystem, name, version) = identity(package);
    (purl, ecosystem, name, version, package.state, Reverse(package.confidence))
}

/// The system package that owns the file which proves `package`. A package that is also somewhere
/// on its own has no owner: an update of the system would leave that copy as it is.
fn owner(package: &Package, owned: &OwnedPaths) -> Option<u32> {
    let mut owners = package.locations.iter().map(|location| owned.owner(&location.path));
    let first = owners.next()??;
    owners.all(|owner| owner.is_some()).then_some(first)
}

/// Finds where the paths of a package's list are in the merged image: `/bin/sh` is at
/// `/usr/bin/sh` where `/bin` is a link.
pub(super) struct Resolver<'a> {
    tree: &'a Tree,
    folders: HashMap<Vec<u8>, Option<ImagePath>>,
}

impl<'a> Resolver<'a> {
    /// Knows no folder yet.
    pub(super) fn new(tree: &'a Tree) -> Self {
        Self { tree, folders: HashMap::new() }
    }

    /// Records that a package owns those of these paths where something is.
    pub(super) fn own<'p>(
        &mut self,
        paths: impl IntoIterator<Item = &'p ImagePath>,
        package: u32,
        owned: &mut OwnedPaths,
    ) {
        for path in paths {
            if let Some(path) = self.real(path) {
                owned.insert(path, package);
            }
        }
    }

    /// Records what a package says of owners and bits of its files.
    pub(super) fn note_rights(&mut self, package: &PackageFact, rights: &mut Rights) {
        rights.foreign.extend(package.foreign.iter().filter_map(|path| self.real(path)));
        rights.privileged.extend(package.privileged.iter().filter_map(|path| self.real(path)));
    }

    /// The live name of `path`; the last component is not followed. `None` if nothing is there.
    pub(super) fn real(&mut self, path: &ImagePath) -> Option<ImagePath> {
        if self.tree.get(path).is_some() {
            return Some(path.clone());
        }
        let folder = path.parent_bytes();
        if !self.folders.contains_key(folder) {
            let real = self.tree.resolve_folder(&path.parent());
            self.folders.insert(folder.to_vec(), real);
        }
        let real = self.folders.get(folder)?.as_ref()?.join(path.file_name());
        self.tree.get(&real).map(|_| real)
    }
}

#[cfg(test)]
mod tests {
    use crate::format::testing::Elf;
    use crate::inventory::{Package, State};
    use crate::package::rpm::testing;
    use crate::package::testing::{Image, assemble, packages};

    const STATUS: &str = "Package: six\nStatus: install ok installed\nVersion: 1.16.0-4\nArchitecture: all\n\n\
        Package: node-clone\nStatus: install ok installed\nVersion: 2.1.2-4\nArchitecture: all\n";

    fn image() -> Image {
        Image::new()
            .file("var/lib/dpkg/status", STATUS)
            .file("var/lib/dpkg/info/six.list", "/.\n/lib\n/lib/six.dist-info\n/lib/six.dist-info/METADATA\n/gone\n")
            .file("var/lib/dpkg/info/node-clone.list", "/usr/share/nodejs/clone/package.json\n")
            .file("var/lib/dpkg/info/removed.list", "/opt/x\n")
            .file("opt/x", "")
            .link("lib", "usr/lib")
            .file("usr/lib/six.dist-info/METADATA", "Name: six\nVersion: 1.16.0\n")
            .file("usr/share/nodejs/clone/package.json", r#"{"name":"clone","version":"2.1.2"}"#)
    }

    #[test]
    fn what_a_system_package_brought_has_an_owner() {
        let inventory =
            assemble(&image().layer().file("srv/node_modules/app/package.json", r#"{"name":"app","version":"1"}"#));
        let owners: Vec<_> = inventory
            .packages
            .iter()
            .map(|package| {
                let owner = package.owner.map(|owner| inventory.packages[owner as usize].name.as_str());
                (package.ecosystem.id, package.name.as_str(), owner)
            })
            .collect();
        assert_eq!(
            owners,
            [
                ("deb", "node-clone", None),
                ("deb", "six", None),
                ("npm", "app", None),
                ("npm", "clone", Some("node-clone")),
                ("pypi", "six", Some("six")),
            ]
        );
    }

    /// Each kind of system lists the files by the names they had before `/usr` was merged.
    #[test]
    fn every_system_owns_what_its_package_brought_also_through_links() {
        let library = "lib/python3/six.dist-info/METADATA";
        let rpm = testing::ndb(&[testing::blob(&[
            (1000, testing::text("a")),
            (1001, testing::text("1")),
            (1002, testing::text("1")),
            (1117, testing::texts(&["node", "METADATA"])),
            (1116, testing::numbers(&[0, 1])),
            (1118, testing::texts(&["/bin/", "/lib/python3/six.dist-info/"])),
        ])]);
        let apk = "P:a\nV:1-r0\nF:bin\nR:node\nF:lib/python3/six.dist-info\nR:METADATA\n\n";
        let files = format!("/bin/node\n/{library}\n");
        let stanza = "Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n";
        let pacman = format!("%FILES%\nbin/node\n{library}\n");
        let portage = format!("obj /bin/node 0123 1\nobj /{library} 0123 1\n");
        let databases: &[&[(&str, &[u8])]] = &[
            &[("lib/apk/db/installed", apk.as_bytes())],
            &[("var/lib/dpkg/status", stanza.as_bytes()), ("var/lib/dpkg/info/a.list", files.as_bytes())],
            &[("usr/lib/opkg/status", stanza.as_bytes()), ("usr/lib/opkg/info/a.list", files.as_bytes())],
            &[
                ("var/lib/pacman/local/a-1-1/desc", b"%NAME%\na\n\n%VERSION%\n1-1\n"),
                ("var/lib/pacman/local/a-1-1/files", pacman.as_bytes()),
            ],
            &[("var/db/pkg/dev-lang/a-1/CONTENTS", portage.as_bytes())],
            &[("usr/lib/sysimage/rpm/Packages.db", &rpm)],
        ];
        for database in databases {
            let node = Elf::new().section(".rodata", "\0node.js/v20.9.0\0").build();
            let image = Image::new()
                .link("bin", "usr/bin")
                .link("lib", "usr/lib")
                .file("usr/bin/node", &node)
                .file(&format!("usr/{library}"), "Name: six\nVersion: 1.16.0\n");
            let image = database.iter().fold(image, |image, (path, content)| image.file(path, content));
            let inventory = assemble(&image);
            // the binary is the package's, and six is told as its part
            let owner = |package: &Package| Some(&inventory.packages[package.owner? as usize].ecosystem.is_system);
            let owners: Vec<_> = inventory.packages.iter().map(|p| (p.name == "six", owner(p).is_some())).collect();
            let seen = packages(&inventory);
            assert!(owners.len() == 2 && owners.iter().all(|(is_six, is_owned)| is_six == is_owned), "{seen:?}");
            let alone = assemble(&Image::new().file("opt/bin/node", &node));
            assert_eq!(packages(&alone), ["node 20.9.0 /opt/bin/node"]);
        }
    }

    #[test]
    fn a_copy_of_its_own_has_no_owner() {
        let own = r#"{"name":"clone","version":"2.1.2"}"#;
        let inventory = assemble(&image().layer().file("srv/node_modules/clone/package.json", own));
        let clone = inventory.packages.iter().find(|package| package.name == "clone").expect("it is there");
        assert_eq!((clone.owner, clone.locations.len()), (None, 2));
    }

    #[test]
    fn paths_are_owned_by_their_live_name() {
        let inventory = assemble(&image());
        let cases = [
            ("usr/lib/six.dist-info/METADATA", Some("six")),
            ("lib/six.dist-info/METADATA", None),
            ("lib", Some("six")),
            ("gone", None),
            ("opt/x", None),
            ("usr/share/nodejs/clone/package.json", Some("node-clone")),
        ];
        for (path, owner) in cases {
            let found = inventory.owned.owner(&path.into());
            assert_eq!(found.map(|index| inventory.packages[index as usize].name.as_str()), owner, "{path}");
        }
    }

    #[test]
    fn what_a_lock_file_asks_for_does_not_count_beside_what_was_installed() {
        let requirements = "flask==2.0\nzope-interface==5\ngone==1\n";
        let image = Image::new()
            .file("app/requirements.txt", requirements)
            .file("other/requirements.txt", "elsewhere==1\n")
            .file("lib/Flask-2.0.dist-info/METADATA", "Name: Flask\nVersion: 2.0\n")
            .file("lib/z.dist-info/METADATA", "Name: zope.interface\nVersion: 4\n");
        let inventory = assemble(&image);
        let shown: Vec<_> = inventory
            .packages
            .iter()
            .map(|package| (package.name.as_str(), package.version.as_str(), package.state, package.is_counted))
            .collect();
        assert_eq!(
            shown,
            [
                ("elsewhere", "1", State::Declared, true),
                ("Flask", "2.0", State::Installed, true),
                ("gone", "1", State::Declared, false),
                ("zope-interface", "5", State::Declared, false),
                ("zope.interface", "4", State::Installed, true),
            ]
        );
    }

    #[test]
    fn equal_packages_are_one_with_all_places() {
        let clone = r#"{"name":"clone","version":"1.0.0"}"#;
        let image = Image::new()
            .file("z/node_modules/clone/package.json", clone)
            .file("a/node_modules/clone/package.json", clone)
            .file("a/node_modules/b/package.json", r#"{"name":"b","version":"1.0.0"}"#);
        let expected = [
            "b 1.0.0 /a/node_modules/b/package.json",
            "clone 1.0.0 /a/node_modules/clone/package.json,/z/node_modules/clone/package.json",
        ];
        assert_eq!(packages(&assemble(&image)), expected);
    }

    #[test]
    fn what_a_later_layer_took_away_is_told_with_that_layer() {
        let stanza = |name: &str, version: &str| {
            format!("Package: {name}\nStatus: install ok installed\nVersion: {version}\nArchitecture: all\n\n")
        };
        let manifest = |version: &str| format!(r#"{{"name":"a","version":"{version}"}}"#);
        let image = Image::new()
            .file("var/lib/dpkg/status", [stanza("kept", "1"), stanza("old", "1"), stanza("gone", "1")].concat())
            .file("app/node_modules/a/package.json", manifest("1"))
            .file("app/node_modules/a/test/package.json", manifest("7"))
            .layer()
            .file("var/lib/dpkg/status", [stanza("kept", "1"), stanza("old", "2"), stanza("gone", "1")].concat())
            .layer()
            .file("var/lib/dpkg/status", [stanza("kept", "1"), stanza("old", "2")].concat())
            .file("app/.wh.node_modules", "");
        let inventory = assemble(&image);
        assert_eq!(inventory.packages.len(), 2, "{:?}", packages(&inventory));
        let removed: Vec<String> = inventory
            .removed
            .iter()
            .map(|package| {
                let [location] = &package.locations[..] else { panic!("{package:?}") };
                let layers = (location.added_by, location.node.layer, package.removed_in_layer);
                format!("{} {} {layers:?}", package.purl, location.path)
            })
            .collect();
        assert_eq!(
            removed,
            [
                "pkg:deb/debian/gone@1?arch=all /var/lib/dpkg/status (0, 1, Some(2))",
                "pkg:deb/debian/old@1?arch=all /var/lib/dpkg/status (0, 0, Some(1))",
                "pkg:npm/a@1 /app/node_modules/a/package.json (0, 0, Some(2))",
            ]
        );
    }
}
