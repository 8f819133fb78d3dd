//! rpm's packages: its databases of three kinds, the list that stands for one in images without rpm, and Red Hat's
//! lists of repositories (rpm(8), `lib/backend` of rpm).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod header;
mod log;
mod ndb;
mod record;
#[cfg(test)]
pub(super) mod testing;

use std::collections::{BTreeSet, HashSet};

use serde::Deserialize;

use crate::collect::{About, Collector, Delivery, Fact, Facts, File, PackageFact, Select, View};
use crate::format::berkeley_db;
use crate::format::sqlite::{self, Cell, TreePage, Value};
use crate::inventory::{Claimant, Distro, Ecosystem, Inventory};
use crate::limitation::Limitation;
use crate::path::ImagePath;
use crate::size::ByteSize;

use super::owned::Resolver;
use super::purl;
use super::text::{Complaints, PACKAGES_PER_FILE, field, lines};
use log::{Holds, Page, Place, Shape};
use record::Budget;

/// Packages of Red Hat, SUSE, Amazon, Azure Linux and their kin.
pub(super) static RPM: Ecosystem = Ecosystem { id: "rpm", purl_type: "rpm", is_system: true };

/// Reads rpm's databases.
pub(super) struct Rpm;

static ABOUT: About = About {
    title: "rpm packages",
    ecosystems: &[&RPM],
    reads: "Name, version, epoch, architecture, source package, vendor, licence and module of every package; which paths it owns with which content; what it needs and provides. Databases of SQLite, NDB and Berkeley DB, the list of packages of Azure Linux images without rpm, and Red Hat's lists of repositories.",
    not_seen: &[
        "digests of files other than MD5, SHA-1 and SHA-256, so that edited files of such packages are not told from shipped ones",
        "databases of rpm 4.0 and older, or in other folders than those above",
    ],
    references: &[
        "https://rpm-software-management.github.io/rpm/manual/format_header.html",
        "https://www.sqlite.org/fileformat2.html",
    ],
};

impl Collector for Rpm {
    fn id(&self) -> &'static str {
        "rpm"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[
            Select::Path("var/lib/rpm/Packages"),
            Select::Path("var/lib/rpm/Packages.db"),
            Select::Path("var/lib/rpm/rpmdb.sqlite"),
            Select::Path("var/lib/rpm/rpmdb.sqlite-wal"),
            Select::Path("usr/share/rpm/Packages"),
            Select::Path("usr/share/rpm/Packages.db"),
            Select::Path("usr/share/rpm/rpmdb.sqlite"),
            Select::Path("usr/share/rpm/rpmdb.sqlite-wal"),
            Select::Path("usr/lib/sysimage/rpm/Packages"),
            Select::Path("usr/lib/sysimage/rpm/Packages.db"),
            Select::Path("usr/lib/sysimage/rpm/rpmdb.sqlite"),
            Select::Path("usr/lib/sysimage/rpm/rpmdb.sqlite-wal"),
            Select::Under("var/lib/rpmmanifest", MANIFEST),
            Select::Under("root/buildinfo/content_manifests", ".json"),
            Select::Path("usr/share/buildinfo/content-sets.json"),
        ]
    }

    /// That of a base image has 5 to 30 MiB, that of a desktop 200.
    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize::mib(256))
    }

    /// What a file is tells its content, so that links may give it any name.
    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        let mut reading =
            Reading { facts, complaints: Complaints::default(), budget: Budget::new(), packages: 0, rows: 0 };
        let name = file.path.file_name();
        if file.bytes.is_empty() {
            // a database in which nothing was ever written
        } else if file.bytes.starts_with(sqlite::MAGIC) {
            reading.sqlite(file.bytes);
        } else if file.bytes.starts_with(ndb::MAGIC) {
            ndb::each(file.bytes, |blob| match blob {
                Ok((package, blob)) => {
                    reading.header(package.into(), blob);
                }
                Err(what) => reading.complaints.add(what),
            });
        } else if berkeley_db::is_hash(file.bytes) {
            reading.berkeley_db(file.bytes);
        } else if name.ends_with(log::SUFFIX.as_bytes()) {
            reading.log(file.bytes);
        } else if name.ends_with(MANIFEST.as_bytes()) {
            reading.manifest(file.bytes);
        } else if name.ends_with(b".json") {
            reading.content_sets(file.bytes);
        } else {
            reading.complaints.add("it is a package database of no known kind".to_owned());
        }
        reading.finish();
    }

    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        let distro = inventory.distro.clone();
        // also those of databases that a later layer replaced: what was there then still ships
        for fact in view.facts.iter().filter(|fact| fact.collector == view.collector) {
            let Fact::Package(package) = &*fact.fact else { continue };
            if !package.claims.is_empty() {
                let claimant = claimant(package, distro.as_ref());
                let resolve = |folder: &ImagePath| view.tree.real_folder(folder);
                inventory.claims.add(claimant, &package.name, &package.claims, &ImagePath::root(), resolve);
            }
        }
        let overruled = log::overruled(view, |path, lost| {
            let what = match lost {
                Some(lost) => {
                    format!("it changes pages of the database, and {lost} of these pages or their rows cannot be read")
                }
                None => "it does not fit the database, which is listed as it is without the log".to_owned(),
            };
            inventory.limitations.push(Limitation::gap("rpm-log-unmerged", path.to_string(), what).help(
                "packages may be missing from this report; run `rpm -qa` in the image once, which merges the log",
            ));
        });
        let mut resolver = Resolver::new(view.tree);
        let start = inventory.packages.len();
        let taken = view.take_packages(self, inventory);
        let packages = inventory.packages.split_off(start);
        for (package, taken) in packages.into_iter().zip(taken) {
            let Ok(index) = u32::try_from(inventory.packages.len()) else { break };
            if overruled.contains(&std::ptr::from_ref(taken.fact)) {
                continue;
            }
            resolver.own(&taken.fact.owns, index, &mut inventory.owned);
            resolver.note_rights(taken.fact, &mut inventory.rights);
            inventory.packages.push(package);
        }
        for (_, _, fact) in view.live() {
            if let Fact::Text { key: CONTENT_SET, text } = fact {
                inventory.content_sets.insert(text.to_string());
            }
        }
    }

    fn purl(&self, package: &PackageFact, inventory: &Inventory) -> Option<String> {
        // the specification has the epoch among the qualifiers, where the file of the source package is too
        let spelt = PackageFact {
            ecosystem: package.ecosystem,
            name: package.name.clone(),
            version: record::without_epoch(&package.version).to_owned(),
            architecture: package.architecture.clone(),
            qualifiers: package.qualifiers.clone(),
            ..PackageFact::default()
        };
        purl::of_system("redhat", inventory.distro.as_ref(), &spelt)
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

const MANIFEST: &str = "container-manifest-2";

/// Key of the facts that name a repository.
const CONTENT_SET: &str = "content-set";
/// Repositories taken of one list; real ones have below 10.
const CONTENT_SETS: usize = 1_000;

/// Red Hat's list of the repositories an image was built from.
#[derive(Deserialize)]
struct ContentSets {
    #[serde(default)]
    content_sets: Vec<String>,
}

/// Rows and links between pages that are read of one file: many more than packages are of no package.
const ROWS: usize = 4 * PACKAGES_PER_FILE;

/// One file while it is read.
struct Reading<'f> {
    facts: &'f mut Facts,
    complaints: Complaints,
    budget: Budget,
    /// Packages told.
    packages: usize,
    /// Rows and links between pages that were read of a tree.
    rows: usize,
}

impl Reading<'_> {
    fn sqlite(&mut self, bytes: &[u8]) {
        let database = match sqlite::Database::new(bytes) {
            Ok(database) => database,
            Err(what) => return self.complaints.add(what),
        };
        let root = match database.table("Packages") {
            Ok(Some(root)) => root,
            Ok(None) => return self.complaints.add("it has no table `Packages`".to_owned()),
            Err(what) => return self.complaints.add(what),
        };
        let mut shape =
            Shape { sizes: (database.page_size(), database.reserved()), root: Some(root), ..Shape::default() };
        let mut chains = HashSet::new();
        for page in database.tree(root) {
            let (number, page) = match page {
                Ok(page) => page,
                Err(what) => {
                    self.complaints.add(what);
                    continue;
                }
            };
            if !self.take_rows(&page) {
                self.complaints.add(format!("it has more than {ROWS} rows; the rest is not read"));
                break;
            }
            let page = match page {
                TreePage::Inner(below) => Page::Inner(below),
                TreePage::Leaf(cells) => Page::Leaf(
                    cells.iter().map(|cell| self.cell(&database, number, cell.as_ref(), &mut chains)).collect(),
                ),
            };
            shape.pages.insert(number, page);
        }
        self.facts.push(Fact::Text { key: log::SHAPE, text: shape.render().into() });
    }

    fn cell(
        &mut self,
        database: &sqlite::Database<'_>,
        page: u32,
        cell: Option<&Cell<'_>>,
        chains: &mut HashSet<u32>,
    ) -> Place {
        let Some((cell, row)) = cell.and_then(|cell| Some((cell, database.row(cell, chains)?))) else {
            self.complaints.add(format!("a row on page {page} of the database is broken"));
            return Place { id: 0, overflow: 0, holds: Holds::Broken };
        };
        // number of the package, which is the key, and its header
        let holds = if let [_, Value::Blob(blob), ..] = row.columns()[..] {
            self.header(cell.id, blob)
        } else {
            self.complaints.add(format!("package {} of the database has no header", cell.id));
            Holds::Broken
        };
        Place { id: cell.id, overflow: cell.overflow.unwrap_or_default(), holds }
    }

    /// A log holds pages of all tables; which are of packages is known when the database is.
    fn log(&mut self, bytes: &[u8]) {
        let Some(database) = sqlite::Database::of_log(bytes) else { return };
        let root = database.table("Packages").ok().flatten();
        let mut shape = Shape { sizes: (database.page_size(), database.reserved()), root, ..Shape::default() };
        // pages that left the tree may lead to what others lead to now
        let mut left = bytes.len().saturating_mul(4);
        for number in database.pages_in_log().collect::<BTreeSet<_>>() {
            let page = match database.tree_page(number) {
                Ok(page) if !self.take_rows(&page) => {
                    // no database has pages of no size, so that nothing of the two is put together
                    shape = Shape::default();
                    break;
                }
                Ok(TreePage::Inner(below)) => Page::Inner(below),
                Ok(TreePage::Leaf(cells)) => {
                    let mut chains = HashSet::new();
                    let place = |cell: &Option<Cell<'_>>| match cell {
                        Some(cell) => self.cell_of_log(&database, cell, &mut chains, &mut left),
                        None => Some(Place { id: 0, overflow: 0, holds: Holds::Broken }),
                    };
                    cells.iter().map(place).collect::<Option<_>>().map_or(Page::Other, Page::Leaf)
                }
                Err(_) => Page::Other,
            };
            shape.pages.insert(number, page);
        }
        self.facts.push(Fact::Text { key: log::SHAPE, text: shape.render().into() });
    }

    /// The row of a cell; nothing if it is of another table.
    fn cell_of_log(
        &mut self,
        database: &sqlite::Database<'_>,
        cell: &Cell<'_>,
        chains: &mut HashSet<u32>,
        left: &mut usize,
    ) -> Option<Place> {
        let holds = match database.row(cell, chains).map(|row| (left.checked_sub(row.len()), row)) {
            None => Holds::Elsewhere,
            Some((None, _)) => Holds::Broken,
            Some((Some(rest), row)) => {
                *left = rest;
                let [Value::Null, Value::Blob(blob)] = row.columns()[..] else { return None };
                match record::of_header(blob, &mut self.budget, &mut Complaints::default()) {
                    Ok(package) => self.package(package),
                    Err(_) => Holds::Broken,
                }
            }
        };
        Some(Place { id: cell.id, overflow: cell.overflow.unwrap_or_default(), holds })
    }

    fn take_rows(&mut self, page: &TreePage<'_>) -> bool {
        let rows = match page {
            TreePage::Inner(below) => below.len(),
            TreePage::Leaf(cells) => cells.len(),
        };
        self.rows = self.rows.saturating_add(rows);
        self.rows <= ROWS
    }

    fn berkeley_db(&mut self, bytes: &[u8]) {
        let database = match berkeley_db::Database::new(bytes) {
            Ok(database) => database,
            Err(what) => return self.complaints.add(what),
        };
        database.each(|value| match value {
            Ok((key, blob)) => {
                // in the byte order of whoever wrote it; 0 is where the next number is kept
                if key != [0; 4] {
                    let number = key.first_chunk().map_or(0, |key| i64::from(u32::from_le_bytes(*key)));
                    self.header(number, &blob);
                }
            }
            Err(what) => self.complaints.add(what),
        });
    }

    fn manifest(&mut self, bytes: &[u8]) {
        for (number, line) in lines(bytes).filter(|(_, line)| !line.trim_ascii().is_empty()) {
            match record::of_line(line) {
                Ok(package) => {
                    self.package(package);
                }
                Err(what) => self.complaints.add(format!("line {number} {what}")),
            }
        }
    }

    fn content_sets(&mut self, bytes: &[u8]) {
        let Ok(list) = serde_json::from_slice::<ContentSets>(bytes) else {
            return self.facts.push(Fact::Oddity("it is no list of repositories".into()));
        };
        for name in list.content_sets.iter().take(CONTENT_SETS).filter_map(|name| field(name.as_bytes())) {
            self.facts.push(Fact::Text { key: CONTENT_SET, text: name.into() });
        }
    }

    /// The header of the package of this number in the database.
    fn header(&mut self, number: i64, blob: &[u8]) -> Holds {
        match record::of_header(blob, &mut self.budget, &mut self.complaints) {
            Ok(package) => self.package(package),
            Err(what) => {
                self.complaints.add(format!("the header of package {number} is broken: {what}"));
                Holds::Broken
            }
        }
    }

    fn package(&mut self, package: Option<PackageFact>) -> Holds {
        let Some(package) = package else { return Holds::Nothing };
        let place = self.packages;
        if place >= PACKAGES_PER_FILE {
            let name = package.name;
            self.complaints.add(format!("it lists more than {PACKAGES_PER_FILE} packages; `{name}` is not read"));
            return Holds::Broken;
        }
        self.packages = place.saturating_add(1);
        self.facts.package(package);
        Holds::Package(place)
    }

    fn finish(mut self) {
        if self.budget.is_spent() {
            self.complaints.add("it lists more paths than any real one; the rest is not read".to_owned());
        }
        if self.budget.lacks_capabilities() {
            let what = "it says more of what packages need than any real one; some dependencies are not known";
            self.facts.push(Fact::Oddity(what.into()));
        }
        self.complaints.push(self.facts);
    }
}

/// Whose a package's claims are, by its vendor: everyone can have the distribution's own from its archive.
fn claimant(package: &PackageFact, distro: Option<&Distro>) -> Claimant {
    let is_own = package.packager.as_deref().is_some_and(|vendor| distro.is_some_and(|distro| distro.is_own(vendor)));
    if is_own { Claimant::Distribution } else { Claimant::Package }
}

#[cfg(test)]
mod tests {
    use super::testing::{ndb, package};
    use super::*;
    use crate::package::testing::{Image, assemble, packages};

    /// Made by rpm and its libraries: see `fixtures/rpm/make.sh`.
    const SQLITE: &[u8] = include_bytes!("../../../fixtures/rpm/rpmdb.sqlite");
    const LOG: &[u8] = include_bytes!("../../../fixtures/rpm/rpmdb.sqlite-wal");
    const BERKELEY_DB: &[u8] = include_bytes!("../../../fixtures/rpm/Packages");

    #[test]
    fn databases_of_all_kinds_are_read() {
        let sqlite = "usr/lib/sysimage/rpm/rpmdb.sqlite";
        let log = &format!("{sqlite}-wal");
        let ndb = ndb(&[package("a", "1-1"), package("gpg-pubkey", "1-1"), package("b", "2~rc-3")]);
        let manifest = "bash\t5.1-1.cm2\t1\t1\tMicrosoft Corporation\t(none)\t1\tx86_64\t0\tbash-5.1-1.cm2.src.rpm\n";
        let cases: &[(Image, &[&str])] = &[
            (Image::new().file(sqlite, SQLITE), &["alpha 1-1 /usr/lib/sysimage/rpm/rpmdb.sqlite"]),
            (
                Image::new().file(sqlite, SQLITE).file(log, LOG),
                &[
                    "alpha 2-1 /usr/lib/sysimage/rpm/rpmdb.sqlite-wal",
                    "beta 3-1 /usr/lib/sysimage/rpm/rpmdb.sqlite-wal",
                    "gamma 5:4-1 /usr/lib/sysimage/rpm/rpmdb.sqlite-wal",
                ],
            ),
            // as rpm leaves it
            (Image::new().file(sqlite, SQLITE).file(log, ""), &["alpha 1-1 /usr/lib/sysimage/rpm/rpmdb.sqlite"]),
            (Image::new().file(log, LOG), &[]),
            (Image::new().file(sqlite, "").file(log, LOG), &[]),
            (
                Image::new().file("var/lib/rpm/Packages", BERKELEY_DB),
                &[
                    "alpha 2-1 /var/lib/rpm/Packages",
                    "beta 3-1 /var/lib/rpm/Packages",
                    "gamma 5:4-1 /var/lib/rpm/Packages",
                ],
            ),
            (
                Image::new().file("usr/share/rpm/Packages.db", &ndb),
                &["a 1-1 /usr/share/rpm/Packages.db", "b 2~rc-3 /usr/share/rpm/Packages.db"],
            ),
            (
                Image::new().file("var/lib/rpmmanifest/container-manifest-2", manifest),
                &["bash 5.1-1.cm2 /var/lib/rpmmanifest/container-manifest-2"],
            ),
            // one database by two names, one of them a link to a folder, the other to a file nobody wanted
            (
                Image::new()
                    .file("srv/db", &ndb)
                    .link("var/lib/rpm", "../../usr/share/rpm")
                    .link("usr/share/rpm/Packages.db", "/srv/db"),
                &["a 1-1 /usr/share/rpm/Packages.db", "b 2~rc-3 /usr/share/rpm/Packages.db"],
            ),
            (Image::new().file("srv/rpmdb.sqlite", SQLITE).file("var/lib/rpm/Packages", ""), &[]),
        ];
        for (image, expected) in cases {
            let inventory = assemble(image);
            assert_eq!(
                (packages(&inventory), &inventory.limitations),
                (expected.iter().map(|p| (*p).to_owned()).collect(), &Vec::new()),
                "{image:?}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_a_gap() {
        let cut = &SQLITE[..8_192];
        let lost = "the header of package 1 of the database is not where slot 0 says";
        let mut slot = ndb(&[package("a", "1-1"), package("b", "1-1")]);
        slot[40] ^= 1;
        let cases: &[(&str, &[u8], &[&str])] = &[
            ("var/lib/rpm/Packages", b"nothing known", &["it is a package database of no known kind"]),
            ("var/lib/rpm/rpmdb.sqlite", &SQLITE[..512], &["page 6 of the database is not there"]),
            ("var/lib/rpm/Packages.db", &slot, &[lost]),
            (
                "var/lib/rpm/Packages.db",
                &ndb(&[b"short".to_vec()]),
                &["the header of package 1 is broken: it is too short"],
            ),
            ("var/lib/rpmmanifest/container-manifest-2", b"a\t1\n", &["line 1 has 2 columns, not 10"]),
        ];
        for (path, content, expected) in cases {
            let told = assemble(&Image::new().file(path, content)).limitations;
            let told: Vec<_> = told.iter().map(|told| (&*told.what, told.is_gap)).collect();
            assert_eq!(told, expected.iter().map(|what| (*what, true)).collect::<Vec<_>>(), "{path}");
        }
        let told = assemble(&Image::new().file("var/lib/rpm/rpmdb.sqlite", cut)).limitations;
        assert!(!told.is_empty() && told.iter().all(|told| told.is_gap));
        // the log changes the database it is of, not another one
        let image = Image::new().file("var/lib/rpm/rpmdb.sqlite", &SQLITE[..SQLITE.len() / 2]);
        let told = assemble(&image.file("var/lib/rpm/rpmdb.sqlite-wal", LOG)).limitations;
        assert!(told.iter().all(|told| told.is_gap), "{told:?}");
    }

    /// A log of one page of 512 bytes, which is not that of the fixtures (file format of `SQLite`, section 4).
    fn log_of_other_pages() -> Vec<u8> {
        let words = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<u8>>();
        let sum = |bytes: &[u8], sums: [u32; 2]| {
            bytes.chunks_exact(8).fold(sums, |[first, second], pair| {
                let (left, right) = pair.split_at(4);
                let word = |word: &[u8]| u32::from_be_bytes(word.try_into().expect("four bytes"));
                let first = first.wrapping_add(word(left)).wrapping_add(second);
                [first, second.wrapping_add(word(right)).wrapping_add(first)]
            })
        };
        let mut log = words(&[0x377f_0683, 3_007_000, 512, 0, 1, 2]);
        let sums = sum(&log, [0, 0]);
        let frame = words(&[2, 2]);
        let page = [0; 512];
        let sums_of_frame = sum(&page, sum(&frame, sums));
        log.extend([words(&sums), frame, words(&[1, 2]), words(&sums_of_frame), page.to_vec()].concat());
        log
    }

    #[test]
    fn a_log_that_does_not_fit_takes_nothing_away() {
        let path = "var/lib/rpm/rpmdb.sqlite";
        let inventory = assemble(&Image::new().file(path, SQLITE).file(&format!("{path}-wal"), log_of_other_pages()));
        assert_eq!(packages(&inventory), ["alpha 1-1 /var/lib/rpm/rpmdb.sqlite"]);
        let told: Vec<_> = inventory.limitations.iter().map(|told| (told.code, told.is_gap)).collect();
        assert_eq!(told, [("rpm-log-unmerged", true)]);
    }

    #[test]
    fn purls_have_the_epoch_beside_the_version() {
        let release = "ID=fedora\nVERSION_ID=40\n";
        let image = Image::new().file("etc/os-release", release).file("var/lib/rpm/Packages", BERKELEY_DB);
        let inventory = assemble(&image);
        let purls: Vec<_> = inventory.packages.iter().map(|package| &*package.purl).collect();
        assert_eq!(
            purls,
            [
                "pkg:rpm/fedora/alpha@2-1?arch=noarch&distro=fedora-40&upstream=alpha-2-1.src.rpm",
                "pkg:rpm/fedora/beta@3-1?arch=noarch&distro=fedora-40&upstream=beta-3-1.src.rpm",
                "pkg:rpm/fedora/gamma@4-1?arch=noarch&distro=fedora-40&epoch=5&upstream=gamma-4-1.src.rpm",
            ]
        );
    }

    #[test]
    fn files_have_owners_and_the_distributions_claims_count_most() {
        let image = |id: &str| {
            Image::new()
                .file("etc/os-release", format!("ID={id}\n"))
                .file("var/lib/rpm/Packages", BERKELEY_DB)
                .file("usr/share/beta/data", "beta\n")
                .file("var/log/beta.log", "")
        };
        for (id, claimant) in [("fedora", Claimant::Distribution), ("rhel", Claimant::Package)] {
            let inventory = assemble(&image(id));
            let owner = |path: &str| {
                let owner = inventory.owned.owner(&path.into());
                owner.map(|owner| &*inventory.packages[owner as usize].name)
            };
            assert_eq!((owner("usr/share/beta/data"), owner("var/log/beta.log")), (Some("beta"), None));
            let content = crate::digest::ContentDigests::of(b"beta\n");
            let claim = inventory.claims.package(&"usr/share/beta".into(), b"data", &content);
            assert_eq!(claim, Some((claimant, "beta")), "{id}");
        }
    }

    #[test]
    fn what_an_upgrade_left_in_a_layer_is_removed() {
        let path = "var/lib/rpm/Packages.db";
        let old = ndb(&[package("a", "1-1"), package("b", "1-1")]);
        let inventory = assemble(
            &Image::new().file(path, old).layer().file(path, ndb(&[package("a", "2-1"), package("b", "1-1")])),
        );
        assert_eq!(packages(&inventory), ["a 2-1 /var/lib/rpm/Packages.db", "b 1-1 /var/lib/rpm/Packages.db"]);
        let layers: Vec<_> = inventory.packages.iter().map(|package| package.locations[0].added_by).collect();
        assert_eq!(layers, [1, 0]);
        let removed: Vec<_> =
            inventory.removed.iter().map(|package| (&*package.version, package.removed_in_layer)).collect();
        assert_eq!(removed, [("1-1", Some(1))]);
    }

    #[test]
    fn content_sets_are_kept() {
        let list = r#"{"metadata":{"icm_version":1},"content_sets":["rhel-8-for-x86_64-baseos-rpms","b\u0007"],"image_contents":[]}"#;
        let image = Image::new()
            .file("root/buildinfo/content_manifests/ubi8.json", list)
            .file("usr/share/buildinfo/content-sets.json", r#"{"content_sets":["rhel-9-for-x86_64-baseos-rpms"]}"#)
            .file("root/buildinfo/content_manifests/other.json", "[");
        let inventory = assemble(&image);
        let sets: Vec<_> = inventory.content_sets.iter().map(|name| &**name).collect();
        assert_eq!(sets, ["rhel-8-for-x86_64-baseos-rpms", "rhel-9-for-x86_64-baseos-rpms"]);
        assert_eq!(inventory.limitations.iter().map(|told| told.is_gap).collect::<Vec<_>>(), [false]);
    }
}
