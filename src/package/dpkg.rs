//! Debian packages: dpkg's own database and the one file per package of distroless images (dpkg(1), deb-control(5)).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::HashMap;

use crate::collect::{About, Collector, Delivery, Fact, Facts, File, PackageFact, Select, Taken, View};
use crate::inventory::{Claimant, Ecosystem, FileClaims, Inventory, Need};
use crate::path::ImagePath;
use crate::size::ByteSize;

use super::owned::Resolver;
use super::purl;
use super::text::{
    Complaints, PACKAGES_PER_FILE, PATH, PATHS_PER_FILE, digest_in_hex, field, header, lines, mail_domain, push_owned,
};

/// Packages of Debian, Ubuntu and their kin.
pub(super) static DEB: Ecosystem = Ecosystem { id: "deb", purl_type: "deb", is_system: true };

/// Reads `status`, `status.d/*` and the lists of files in `info/*.list` and `status.d/*.md5sums`.
pub(super) struct Dpkg;

static ABOUT: About = About {
    title: "Debian packages",
    ecosystems: &[&DEB],
    reads: "Name, version, architecture, source and needs of every package whose files are there, its licences from `/usr/share/doc/*/copyright`, and which paths it owns with which content.",
    not_seen: &["packages unpacked by hand, without a record in dpkg's database"],
    references: &["https://manpages.debian.org/deb-control.5", "https://wiki.debian.org/Teams/Dpkg/DatabaseLayout"],
};

impl Collector for Dpkg {
    fn id(&self) -> &'static str {
        "dpkg"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[
            Select::Path("var/lib/dpkg/status"),
            Select::Under("var/lib/dpkg/status.d", ""),
            Select::Under("var/lib/dpkg/info", LIST),
            Select::Under("var/lib/dpkg/info", MD5SUMS),
        ]
    }

    /// The largest status seen in practice is under 10 MiB, the largest list under 10 MiB.
    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize::mib(64))
    }

    /// What a file is tells its ending, so that links may lead to any folder.
    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        let mut complaints = Complaints::default();
        let name = file.path.file_name();
        if name.ends_with(LIST.as_bytes()) {
            collect_paths(lines(file.bytes).map(|(_, line)| line), facts);
        } else if name.ends_with(MD5SUMS.as_bytes()) {
            // "hash  path", the path without its leading slash
            let paths = || lines(file.bytes).filter_map(|(_, line)| line.split_at_checked(34));
            // dpkg's own database lists the paths elsewhere
            if !file.path.is_under(b"var/lib/dpkg/info") {
                collect_paths(paths().map(|(_, path)| path), facts);
            }
            let mut claims = FileClaims::default();
            for (digest, path) in paths().filter(|(_, path)| path.len() <= PATH).take(PATHS_PER_FILE) {
                if let Some(digest) = digest.get(..32).and_then(digest_in_hex::<16>) {
                    claims.add(path, &digest);
                }
            }
            if !claims.is_empty() {
                facts.push(Fact::Claims(Box::new(claims)));
            }
        } else {
            for package in parse_stanzas(file.bytes, &mut complaints) {
                facts.package(package);
            }
        }
        complaints.push(facts);
    }

    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        let mut packages = Installed::default();
        for taken in view.take_packages(self, inventory) {
            packages.add(taken);
        }

        let mut resolver = Resolver::new(view.tree);
        for (path, _, fact) in view.live() {
            let Fact::Owns { paths, .. } = fact else { continue };
            if let Some(package) = packages.owner(path) {
                resolver.own(paths, package, &mut inventory.owned);
            }
        }
        claim(view, inventory);
    }

    fn purl(&self, package: &PackageFact, inventory: &Inventory) -> Option<String> {
        purl::of_system("debian", inventory.distro.as_ref(), package)
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

/// Adds what the lists of all layers state, also those that a later layer replaced: an upgraded
/// package's old files still ship.
fn claim(view: &View<'_>, inventory: &mut Inventory) {
    let own = || view.facts.iter().filter(|fact| fact.collector == view.collector);
    // by the names a list may have: the package's, and whether every record of it says the distribution built it
    let mut packages: HashMap<Vec<u8>, (&str, Claimant)> = HashMap::new();
    for fact in own() {
        let Fact::Package(package) = &*fact.fact else { continue };
        let claimant = if package
            .packager
            .as_deref()
            .is_some_and(|domain| inventory.distro.as_ref().is_some_and(|distro| distro.is_own(domain)))
        {
            Claimant::Distribution
        } else {
            Claimant::Package
        };
        let mut add = |name: Vec<u8>| {
            let known = packages.entry(name).or_insert((&package.name, claimant));
            known.1 = known.1.max(claimant);
        };
        add(package.name.clone().into());
        if let Some(architecture) = &package.architecture {
            add(format!("{}:{architecture}", package.name).into());
        }
        // in distroless images the record's file names the list
        let path = &view.tree.entry(fact.node).path;
        if path.file_name() != b"status" {
            add(path.as_bytes().to_vec());
        }
    }
    for fact in own() {
        let Fact::Package(package) = &*fact.fact else { continue };
        if let Some((name, claimant)) = packages.get(package.name.as_bytes()).filter(|_| !package.claims.is_empty()) {
            let folder = |folder: &ImagePath| view.tree.real_folder(folder);
            inventory.claims.add(*claimant, name, &package.claims, &ImagePath::root(), folder);
        }
    }
    for fact in own() {
        let Fact::Claims(list) = &*fact.fact else { continue };
        let path = &view.tree.entry(fact.node).path;
        let stem = |name: &[u8]| name.strip_suffix(MD5SUMS.as_bytes()).map(<[u8]>::to_vec);
        let names = [stem(path.as_bytes()), stem(path.file_name())];
        let Some((name, claimant)) = names.iter().flatten().find_map(|name| packages.get(name)) else { continue };
        inventory.claims.add(*claimant, name, list, &ImagePath::root(), |folder| view.tree.real_folder(folder));
    }
}

const LIST: &str = ".list";
const MD5SUMS: &str = ".md5sums";

/// Indices of the installed packages by what names a list of their files.
#[derive(Default)]
struct Installed {
    /// `name` and `name:architecture`, as in `info/NAME.list`.
    by_name: HashMap<Vec<u8>, u32>,
    /// `var/lib/dpkg/status.d/FILE`; its list is `FILE.md5sums`, where FILE may be encoded in base64.
    by_path: HashMap<ImagePath, u32>,
}

impl Installed {
    fn add(&mut self, taken: Taken<'_>) {
        let Taken { path, fact: package, index } = taken;
        if let Some(architecture) = &package.architecture {
            self.by_name.insert(format!("{}:{architecture}", package.name).into(), index);
        }
        self.by_name.entry(package.name.clone().into()).or_insert(index);
        self.by_path.insert(path.clone(), index);
    }

    fn owner(&self, list: &ImagePath) -> Option<u32> {
        let name = list.file_name();
        if let Some(package) = name.strip_suffix(LIST.as_bytes()) {
            return self.by_name.get(package).copied();
        }
        self.by_path.get(list.as_bytes().strip_suffix(MD5SUMS.as_bytes())?).copied()
    }
}

fn collect_paths<'a>(paths: impl Iterator<Item = &'a [u8]>, facts: &mut Facts) {
    let paths = paths.filter(|path| path.len() <= PATH).map(ImagePath::new);
    push_owned(paths.filter(|path| !path.is_root()), facts);
}

/// One paragraph while it is read.
#[derive(Default)]
struct Stanza<'a> {
    line: u64,
    package: Option<&'a [u8]>,
    version: Option<&'a [u8]>,
    source: Option<&'a [u8]>,
    architecture: Option<&'a [u8]>,
    status: Option<&'a [u8]>,
    maintainer: Option<&'a [u8]>,
    origin: Option<&'a [u8]>,
    vendor: Option<&'a [u8]>,
    depends: Option<&'a [u8]>,
    pre_depends: Option<&'a [u8]>,
    provides: Option<&'a [u8]>,
    /// Whether the lines that go on belong to `Conffiles`.
    is_in_conffiles: bool,
    /// What the package's configuration files held when it was installed.
    claims: FileClaims,
    /// Name, version or status stands there again with another value, which dpkg refuses.
    is_ambiguous: bool,
}

/// The installed packages of a status file. Of two stanzas for one name and architecture the last counts, as for dpkg.
fn parse_stanzas(bytes: &[u8], complaints: &mut Complaints) -> Vec<PackageFact> {
    let mut packages: Vec<PackageFact> = Vec::new();
    let mut places: HashMap<(String, Option<String>), usize> = HashMap::new();
    let mut stanza = Stanza::default();
    let mut end = |stanza: Stanza<'_>, complaints: &mut Complaints| {
        if stanza.is_ambiguous {
            complaints.add(format!("the paragraph at line {} gives one field twice; the first is taken", stanza.line));
        }
        let package = match stanza.finish() {
            Ok(Some(package)) => package,
            Ok(None) => return,
            Err(what) => return complaints.add(what),
        };
        let place = *places.entry((package.name.clone(), package.architecture.clone())).or_insert(packages.len());
        if let Some(known) = packages.get_mut(place) {
            *known = package;
        } else if packages.len() < PACKAGES_PER_FILE {
            packages.push(package);
        } else {
            complaints.add(format!("it lists more than {PACKAGES_PER_FILE} packages; `{}` is not read", package.name));
        }
    };
    for (number, line) in lines(bytes) {
        if line.trim_ascii().is_empty() {
            end(std::mem::take(&mut stanza), complaints);
        } else {
            stanza.read(number, line);
        }
    }
    end(stanza, complaints);
    packages
}

impl<'a> Stanza<'a> {
    fn read(&mut self, number: u64, line: &'a [u8]) {
        if self.line == 0 {
            self.line = number;
        }
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            // goes on with the field before; of those wanted here, only the list of configuration files does
            if self.is_in_conffiles {
                self.conffile(line);
            }
            return;
        }
        let Some((name, value)) = header(line) else { return };
        self.is_in_conffiles = name.eq_ignore_ascii_case(b"conffiles");
        // longer ones are none of those wanted
        let mut folded = [0; 12];
        let Some(folded) = folded.get_mut(..name.len()) else { return };
        folded.copy_from_slice(name);
        folded.make_ascii_lowercase();
        let wanted = match &*folded {
            b"package" => &mut self.package,
            b"version" => &mut self.version,
            b"source" => &mut self.source,
            b"architecture" => &mut self.architecture,
            b"status" => &mut self.status,
            b"maintainer" => &mut self.maintainer,
            b"origin" => &mut self.origin,
            b"vendor" => &mut self.vendor,
            b"depends" => &mut self.depends,
            b"pre-depends" => &mut self.pre_depends,
            b"provides" => &mut self.provides,
            _ => return,
        };
        match *wanted {
            None => *wanted = Some(value),
            Some(first) => {
                let is_vital = matches!(&*folded, b"package" | b"version" | b"status");
                self.is_ambiguous |= is_vital && first != value;
            }
        }
    }

    /// ` /etc/bash.bashrc 89269e1298235f1b12b4c16e4065ad0d`, and at times a third word such as `obsolete`.
    fn conffile(&mut self, line: &[u8]) {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let (Some(path), Some(digest)) = (words.next(), words.next()) else { return };
        if let Some(digest) =
            digest_in_hex::<16>(digest).filter(|_| path.len() <= PATH && self.claims.len() < PATHS_PER_FILE)
        {
            self.claims.add(path.strip_prefix(b"/").unwrap_or(path), &digest);
        }
    }

    /// The package; nothing if the paragraph is empty or says that none of its files are there.
    fn finish(self) -> Result<Option<PackageFact>, String> {
        // want, flag, state: what is only half installed or configured has its files on disk
        let state = self.status.and_then(|status| status.split(u8::is_ascii_whitespace).nth(2));
        if self.line == 0 || matches!(state, Some(b"not-installed" | b"config-files")) {
            return Ok(None);
        }
        let Some(name) = self.package.and_then(field) else {
            return Err(format!("the paragraph at line {} names no package", self.line));
        };
        let Some(version) = self.version.and_then(field) else {
            return Err(format!("`{name}`, at line {}, has no version", self.line));
        };
        let source = match self.source.and_then(field) {
            Some(source) => source_and_version(&source, &version),
            None => (name.clone(), version.clone()),
        };
        let architecture = self.architecture.and_then(field);
        // the tools of other vendors set these; Debian's own packages have neither
        let is_foreign = [self.origin, self.vendor]
            .into_iter()
            .flatten()
            .any(|vendor| !vendor.eq_ignore_ascii_case(b"debian") && !vendor.eq_ignore_ascii_case(b"ubuntu"));
        let packager = self.maintainer.filter(|_| !is_foreign).and_then(mail_domain);
        let source = Some(source);
        let relations = |list: Option<&[u8]>| list.map(relations).unwrap_or_default();
        let needs = [self.pre_depends, self.depends].into_iter().flat_map(relations).map(Need::of).collect();
        Ok(Some(PackageFact {
            ecosystem: Some(&DEB),
            name,
            version,
            source,
            architecture,
            packager,
            needs,
            provides: relations(self.provides),
            claims: self.claims,
            ..PackageFact::default()
        }))
    }
}

/// The names in a list of relations: `libc6 (>= 2.34), default-mta | mail-transport-agent, python3:any`
/// (deb-control(5)). Of alternatives all are named, since those that are not there meet no need.
fn relations(list: &[u8]) -> Vec<String> {
    let names = list.split(|b| matches!(b, b',' | b'|')).take(RELATIONS);
    names.filter_map(|one| field(one.trim_ascii().split(|b| b" (:[".contains(b)).next()?)).collect()
}

/// Relations taken of one list; the longest real ones have some hundreds.
const RELATIONS: usize = 4_000;

/// `name (version)`; without a version, the source has the package's.
fn source_and_version(source: &str, version: &str) -> (String, String) {
    let (name, rest) = source.split_once('(').unwrap_or((source, ""));
    let own = rest.split(')').next().unwrap_or_default().trim();
    (name.trim().to_owned(), if own.is_empty() { version } else { own }.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Distro;
    use crate::package::testing::{Image, assemble, packages};

    const STATUS: &str = "var/lib/dpkg/status";

    fn parse(text: &str) -> (Vec<String>, Vec<String>) {
        let mut complaints = Complaints::default();
        let packages = parse_stanzas(text.as_bytes(), &mut complaints).into_iter().map(|package| {
            let (source, version) = package.source.expect("always known");
            let architecture = package.architecture.unwrap_or_default();
            format!("{} {} {architecture} {source} {version}", package.name, package.version)
        });
        let packages = packages.collect();
        let mut facts = Facts::default();
        facts.begin(crate::tree::Node { layer: 0, member: 0 }, 0);
        complaints.push(&mut facts);
        let told = facts.facts().iter().map(|fact| match &*fact.fact {
            Fact::Gap(what) => what.to_string(),
            other => panic!("{other:?}"),
        });
        (packages, told.collect())
    }

    #[test]
    fn stanzas_yield_what_is_on_disk() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            ("\n\n\n", &[]),
            ("Package: a\nVersion: 1", &["a 1  a 1"]),
            ("Package: a\r\nVersion: 1\r\n\r\nPackage: b\r\nVersion: 2\r\n", &["a 1  a 1", "b 2  b 2"]),
            (
                "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:5.2-2+b2\n",
                &["bash 1:5.2-2+b2 amd64 bash 1:5.2-2+b2"],
            ),
            ("Package: a\nSource: src\nVersion: 1\n", &["a 1  src 1"]),
            ("Package: a\nSource: src (0.9)\nVersion: 1+b1\n", &["a 1+b1  src 0.9"]),
            ("Package: a\nSource: src (\nVersion: 1\n", &["a 1  src 1"]),
            ("package: a\nVERSION: 1\n", &["a 1  a 1"]),
            // continued lines are no fields, whatever they look like
            ("Package: a\nDescription: x\n Version: 9\n .\n\tPackage: y\nVersion: 1\n", &["a 1  a 1"]),
            ("Package: a\nStatus: deinstall ok config-files\nVersion: 1\n", &[]),
            ("Package: a\nStatus: unknown ok not-installed\n", &[]),
            ("Package: a\nStatus: install ok half-configured\nVersion: 1\n", &["a 1  a 1"]),
            ("Package: a\nStatus: install ok unpacked\nVersion: 1\n", &["a 1  a 1"]),
            ("Package: a\nStatus: install ok triggers-pending\nVersion: 1\n", &["a 1  a 1"]),
            ("Package: a\nVersion: 1\n\nPackage: a\nVersion: 2\n", &["a 2  a 2"]),
            (
                "Package: a\nArchitecture: amd64\nVersion: 1\n\nPackage: a\nArchitecture: i386\nVersion: 1\n",
                &["a 1 amd64 a 1", "a 1 i386 a 1"],
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), (expected.iter().map(ToString::to_string).collect(), Vec::new()), "{text:?}");
        }
    }

    #[test]
    fn a_broken_stanza_costs_only_itself() {
        let text = "Package: a\nVersion: 1\n\nnonsense\n\nPackage: \nVersion: 1\n\nPackage: b\n\nPackage: c\nVersion: \x1b[2J\n\nPackage: d\nVersion: 1\n";
        let (packages, told) = parse(text);
        assert_eq!(packages, ["a 1  a 1", "d 1  d 1"]);
        let expected = [
            "the paragraph at line 4 names no package",
            "the paragraph at line 6 names no package",
            "`b`, at line 9, has no version",
            "`c`, at line 11, has no version",
        ];
        assert_eq!(told, expected);
        let (_, told) = parse(&"x\n\n".repeat(50));
        assert_eq!((told.len(), told.last().map(String::as_str)), (11, Some("40 more like these")));
    }

    #[test]
    fn the_merged_database_counts() {
        let bash = "Package: bash\nStatus: install ok installed\nVersion: 5\nArchitecture: amd64\n";
        let both = format!("{bash}\nPackage: curl\nStatus: install ok installed\nVersion: 8\nArchitecture: amd64\n");
        let cases: &[(Image, &[&str])] = &[
            (Image::new().file(STATUS, bash), &["bash 5 /var/lib/dpkg/status"]),
            // emptied, deleted, overwritten by something else
            (Image::new().file(STATUS, bash).layer().file(STATUS, ""), &[]),
            (Image::new().file(STATUS, bash).layer().file("var/lib/dpkg/.wh.status", ""), &[]),
            (Image::new().file(STATUS, bash).layer().file("var/lib/.wh..wh..opq", ""), &[]),
            (Image::new().file(STATUS, bash).layer().link(STATUS, "nowhere"), &[]),
            // the folder is a link
            (
                Image::new().file("opt/db/dpkg/status", bash).link("var/lib/dpkg", "/opt/db/dpkg"),
                &["bash 5 /var/lib/dpkg/status"],
            ),
            // a second name of a file that no collector wanted under its first
            (Image::new().file("a", bash).layer().hard_link(STATUS, "a"), &["bash 5 /var/lib/dpkg/status"]),
            (
                Image::new()
                    .file("var/lib/dpkg/status.d/b", &both[..bash.len()])
                    .file("var/lib/dpkg/status.d/b.md5sums", "x"),
                &["bash 5 /var/lib/dpkg/status.d/b"],
            ),
        ];
        for (image, expected) in cases {
            let inventory = assemble(image);
            assert_eq!(packages(&inventory), *expected, "{image:?}");
            assert_eq!(inventory.limitations, []);
        }

        let image = Image::new().file(STATUS, bash).layer().file(STATUS, &both);
        let inventory = assemble(&image.layer().file(STATUS, both + "\n"));
        let layers: Vec<_> =
            inventory.packages.iter().map(|p| (p.locations[0].node.layer, p.locations[0].added_by)).collect();
        assert_eq!(layers, [(2, 0), (2, 1)]);
    }

    #[test]
    fn complaints_are_told_of_live_files_only() {
        let broken = Image::new().file(STATUS, "Package: a\n");
        let told = assemble(&broken).limitations;
        assert_eq!((told.len(), told[0].code, told[0].is_gap), (1, "package-record-malformed", true));
        assert_eq!(told[0].place, "/var/lib/dpkg/status");
        let mended = Image::new().file(STATUS, "Package: a\n").layer().file(STATUS, "Package: a\nVersion: 1\n");
        assert_eq!(assemble(&mended).limitations, []);
    }

    #[test]
    fn the_maintainers_domain_tells_whose_a_package_is() {
        let distro = |id: &str, like: &[&str]| {
            let id_like = like.iter().map(ToString::to_string).collect();
            Some(Distro { id: id.into(), id_like, ..Distro::default() })
        };
        let (debian, ubuntu, kin) = (distro("debian", &[]), distro("ubuntu", &["debian"]), distro("x", &["debian"]));
        let cases = [
            ("Maintainer: A <a@debian.org>", &debian, true),
            ("Maintainer: A Team <a@Lists.Alioth.Debian.org>", &debian, true),
            ("Maintainer: A <a@alioth-lists.debian.net>", &kin, true),
            ("Maintainer: A <a@debian.org>", &ubuntu, true),
            ("Maintainer: A <a@lists.ubuntu.com>", &ubuntu, true),
            ("Maintainer: A <a@lists.ubuntu.com>", &debian, false),
            ("Maintainer: A <a@debian.org>", &distro("alpine", &[]), false),
            ("Maintainer: A <a@debian.org>", &None, false),
            ("Maintainer: A <a@notdebian.org>", &debian, false),
            ("Maintainer: A <a@debian.org.acme.io>", &debian, false),
            ("Maintainer: A", &debian, false),
            ("", &debian, false),
            ("Maintainer: A <a@debian.org>\nOrigin: Acme", &debian, false),
            ("Maintainer: A <a@debian.org>\nOrigin: Debian", &debian, true),
            ("Vendor: none\nMaintainer: A <a@debian.org>", &debian, false),
        ];
        for (fields, distro, expected) in cases {
            let stanza = format!("Package: a\nVersion: 1\n{fields}\n");
            let parsed = parse_stanzas(stanza.as_bytes(), &mut Complaints::default());
            let packager = parsed[0].packager.as_deref();
            let is_own = packager.is_some_and(|domain| distro.as_ref().is_some_and(|distro| distro.is_own(domain)));
            assert_eq!(is_own, expected, "{fields:?} {distro:?}");
        }
    }

    #[test]
    fn no_package_hides_behind_another() {
        let cases: &[(&str, &[&str], usize)] = &[
            ("Package: a\nVersion: 1\n \t\nPackage: b\nVersion: 2\n", &["a 1  a 1", "b 2  b 2"], 0),
            ("Package: a\nVersion: 1\nPackage: b\nVersion: 2\n", &["a 1  a 1"], 1),
            ("Package: a\nVersion: 1\nVersion: 2\n", &["a 1  a 1"], 1),
            ("Package: a\nVersion: 1\nVersion: 1\n", &["a 1  a 1"], 0),
            ("Package: a\nVersion: 1\nStatus: x ok installed\nStatus: x ok not-installed\n", &["a 1  a 1"], 1),
            ("Package: a\nVersion: 1\nStatus: x ok not-installed\nStatus: x ok installed\n", &[], 1),
        ];
        for (text, expected, told) in cases {
            let (packages, complaints) = parse(text);
            assert_eq!(
                (packages, complaints.len()),
                (expected.iter().map(|p| (*p).to_owned()).collect(), *told),
                "{text:?}"
            );
        }
    }

    #[test]
    fn lists_tell_who_owns_a_path() {
        let stanza = |architecture: &str| {
            format!("Package: libc6\nStatus: install ok installed\nVersion: 2\nArchitecture: {architecture}\n\n")
        };
        let image = Image::new()
            .file(STATUS, stanza("amd64") + &stanza("i386"))
            .file("var/lib/dpkg/info/libc6:amd64.list", "/usr/lib/x86_64-linux-gnu/libc.so.6\n")
            .file("var/lib/dpkg/info/libc6:i386.list", "/usr/lib/i386-linux-gnu/libc.so.6\n")
            .file("usr/lib/x86_64-linux-gnu/libc.so.6", "")
            .file("usr/lib/i386-linux-gnu/libc.so.6", "")
            // the names in distroless images may be encoded
            .file("var/lib/dpkg/status.d/dHpkYXRh", "Package: tzdata\nVersion: 2024a\nArchitecture: all\n")
            .file(
                "var/lib/dpkg/status.d/dHpkYXRh.md5sums",
                "d41d8cd98f00b204e9800998ecf8427e  usr/share/zoneinfo/UTC\nshort\n",
            )
            .file("usr/share/zoneinfo/UTC", "");
        let inventory = assemble(&image);
        let cases = [
            ("usr/lib/x86_64-linux-gnu/libc.so.6", "libc6 amd64"),
            ("usr/lib/i386-linux-gnu/libc.so.6", "libc6 i386"),
            ("usr/share/zoneinfo/UTC", "tzdata all"),
        ];
        for (path, expected) in cases {
            let owner = inventory.owned.owner(&path.into()).expect("it is owned");
            let package = &inventory.packages[owner as usize];
            assert_eq!(format!("{} {}", package.name, package.architecture.as_deref().unwrap_or_default()), expected);
        }
    }

    #[test]
    fn configuration_files_are_claimed_with_what_they_held() {
        // MD5 of "content"
        let status = "Package: a\nStatus: install ok installed\nVersion: 1\nConffiles:\n /etc/a.conf \
            9a0364b9e99bb480dd25e1f0284c8555\n /etc/old.conf 9a0364b9e99bb480dd25e1f0284c8555 obsolete\n \
            /etc/new.conf newconffile\nDescription: x\n /etc/no.conf 9a0364b9e99bb480dd25e1f0284c8555\n";
        let inventory = assemble(&Image::new().file(STATUS, status));
        let content = crate::digest::ContentDigests::of(b"content");
        let claimed = ["a.conf", "old.conf", "new.conf", "no.conf"]
            .map(|name| inventory.claims.package(&"etc".into(), name.as_bytes(), &content).is_some());
        assert_eq!(claimed, [true, true, false, false]);
    }
}
