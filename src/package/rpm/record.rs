//! Packages as headers and rpm's lists of packages describe them.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::BTreeSet;

use crate::collect::PackageFact;
use crate::inventory::{FileClaims, Need};
use crate::package::text::{Complaints, PATH, digest_in_hex, field};
use crate::path::ImagePath;

use super::RPM;
use super::header::{self, Header};

/// Paths taken from one database. That of a desktop has 500,000.
const PATHS: usize = 1_000_000;

/// Bytes of paths taken from one database: a few that name one long folder make many. Real ones have below 40 MiB.
const PATH_BYTES: usize = 64 << 20;

/// Bytes of the names that packages of one database need and provide, with what it takes to keep each. A desktop has
/// below 40 MiB.
const CAPABILITY_BYTES: usize = 96 << 20;
/// Bytes it takes to keep one.
const CAPABILITY: usize = 64;

/// Longest licence kept, in bytes; that of a kernel has 1,200.
const LICENCE: usize = 4_096;

/// A file that the package owns and does not bring.
const IS_GHOST: u32 = 1 << 6;
/// The state of a file that is there.
const NORMAL: u32 = 0;

/// Algorithms of digests, by their numbers in RFC 9580, section 9.5.
const MD5: u32 = 1;
const SHA1: u32 = 2;
const SHA256: u32 = 8;

/// What is left of the caps on one database.
#[derive(Debug)]
pub(super) struct Budget {
    paths: usize,
    path_bytes: usize,
    capability_bytes: usize,
}

impl Budget {
    /// The whole of it.
    pub(super) fn new() -> Self {
        Self { paths: PATHS, path_bytes: PATH_BYTES, capability_bytes: CAPABILITY_BYTES }
    }

    /// Takes a path of so many bytes; refuses for good once one was too much.
    fn take_path(&mut self, bytes: usize) -> bool {
        match (self.paths.checked_sub(1), self.path_bytes.checked_sub(bytes)) {
            (Some(paths), Some(bytes)) => (self.paths, self.path_bytes) = (paths, bytes),
            _ => self.paths = 0,
        }
        !self.is_spent()
    }

    /// Whether paths were left out.
    pub(super) fn is_spent(&self) -> bool {
        self.paths == 0
    }

    /// Takes a name that a package needs or provides; refuses for good once one was too much.
    fn take_capability(&mut self, bytes: usize) -> bool {
        let left = self.capability_bytes.checked_sub(bytes.saturating_add(CAPABILITY));
        self.capability_bytes = left.unwrap_or_default();
        left.is_some()
    }

    /// Whether names that packages need or provide were left out.
    pub(super) fn lacks_capabilities(&self) -> bool {
        self.capability_bytes == 0
    }
}

/// The package of a header; nothing for the keys that rpm files as packages. The error says what is missing.
pub(super) fn of_header(
    blob: &[u8],
    budget: &mut Budget,
    complaints: &mut Complaints,
) -> Result<Option<PackageFact>, String> {
    let header = Header::parse(blob)?;
    let Some(name) = header.text(header::NAME).and_then(field) else { return Err("it names no package".to_owned()) };
    if name == "gpg-pubkey" {
        return Ok(None);
    }
    let (version, release) =
        (header.text(header::VERSION).and_then(field), header.text(header::RELEASE).and_then(field));
    let (Some(version), Some(release)) = (version, release) else {
        return Err(format!("`{name}` has no version or no release"));
    };
    let mut fact = fact(name, &format!("{version}-{release}"), header.number(header::EPOCH).unwrap_or_default());
    set_source(&mut fact, header.text(header::SOURCE_RPM));
    fact.architecture = header.text(header::ARCH).and_then(field);
    fact.licence = header.text(header::LICENSE).and_then(licence);
    fact.packager = header.text(header::VENDOR).and_then(field);
    if let Some(label) = header.text(header::MODULARITY_LABEL).and_then(field) {
        fact.qualifiers.push(("rpmmod", label));
    }
    set_files(&mut fact, &header, budget, complaints);
    fact.provides = capabilities(&header, header::PROVIDE_NAME, budget);
    fact.provides.retain(|name| *name != fact.name);
    let needs = capabilities(&header, header::REQUIRE_NAME, budget);
    // what begins so asks for features of rpm itself
    let needs = needs.into_iter().filter(|name| !name.starts_with("rpmlib("));
    fact.needs = needs.map(|name| Need { name, version: None }).collect();
    Ok(Some(fact))
}

/// The package of a line that `rpm -qa` wrote into the manifest of an image of Mariner or Azure Linux without rpm:
/// name, version-release, times of installation and build, vendor, epoch, size, architecture, epoch as a number and
/// source package, with tabs between.
pub(super) fn of_line(line: &[u8]) -> Result<Option<PackageFact>, String> {
    let columns: Vec<&[u8]> = line.split(|b| *b == b'\t').take(11).collect();
    let [name, version, _, _, vendor, _, _, architecture, epoch, source] = columns[..] else {
        return Err(format!("has {} columns, not 10", columns.len()));
    };
    let known = |column: &[u8]| field(column).filter(|text| text != "(none)");
    let (Some(name), Some(version)) = (known(name), known(version)) else {
        return Err("names no package or no version".to_owned());
    };
    if name == "gpg-pubkey" {
        return Ok(None);
    }
    let epoch = known(epoch).and_then(|epoch| epoch.parse().ok()).unwrap_or_default();
    let mut fact = fact(name, &version, epoch);
    set_source(&mut fact, Some(source).filter(|source| *source != b"(none)"));
    fact.architecture = known(architecture);
    fact.packager = known(vendor);
    Ok(Some(fact))
}

fn fact(name: String, version: &str, epoch: u32) -> PackageFact {
    let mut fact = PackageFact { ecosystem: Some(&RPM), name, ..PackageFact::default() };
    if epoch == 0 {
        version.clone_into(&mut fact.version);
    } else {
        fact.version = format!("{epoch}:{version}");
        fact.qualifiers.push(("epoch", epoch.to_string()));
    }
    fact
}

/// Source package of a fact that has its version: `name-version-release.src.rpm`.
///
/// The name of that file says no epoch; where version and release are the package's own, so is the epoch.
fn set_source(fact: &mut PackageFact, file: Option<&[u8]>) {
    let Some(file) = file.and_then(field) else { return };
    let mut parts =
        [".src.rpm", ".nosrc.rpm"].iter().find_map(|end| file.strip_suffix(end)).unwrap_or(&file).rsplitn(3, '-');
    if let (Some(release), Some(version), Some(name)) = (parts.next(), parts.next(), parts.next()) {
        let version = format!("{version}-{release}");
        let own = without_epoch(&fact.version);
        let version = if own == version { fact.version.clone() } else { version };
        fact.source = Some((name.to_owned(), version));
    }
    fact.qualifiers.push(("upstream", file));
}

/// The text of a licence, which may be longer than other fields.
fn licence(raw: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(raw.trim_ascii());
    (!text.is_empty() && text.len() <= LICENCE && !text.chars().any(char::is_control)).then(|| text.into_owned())
}

/// `version-release` of `epoch:version-release`.
pub(super) fn without_epoch(version: &str) -> &str {
    version.split_once(':').map_or(version, |(_, version)| version)
}

/// Paths and digests of the files that are there.
fn set_files(fact: &mut PackageFact, header: &Header<'_>, budget: &mut Budget, complaints: &mut Complaints) {
    let folders: Vec<&[u8]> = header.texts(header::DIR_NAMES).take(PATHS).collect();
    let folder_of = |index: u32| usize::try_from(index).ok().and_then(|index| folders.get(index)).copied();
    let algorithm = header.number(header::FILE_DIGEST_ALGORITHM);
    let mut flags = header.numbers(header::FILE_FLAGS);
    let mut states = header.numbers(header::FILE_STATES);
    let mut digests = header.texts(header::FILE_DIGESTS);
    let mut modes = header.numbers(header::FILE_MODES);
    let mut users = header.texts(header::FILE_USER_NAMES);
    let mut folder_indexes = header.numbers(header::DIR_INDEXES);
    // before rpm 4 whole paths, later names and folders
    let is_split = header.has(header::BASE_NAMES);
    let names = header.texts(if is_split { header::BASE_NAMES } else { header::OLD_FILE_NAMES });
    let mut is_broken = false;
    for name in names {
        let (flags, state) = (flags.next().unwrap_or_default(), states.next().unwrap_or_default());
        let digest = digests.next().unwrap_or_default();
        let (mode, user) = (modes.next(), users.next());
        let folder = if is_split { folder_indexes.next().and_then(folder_of) } else { Some(&b""[..]) };
        let Some(folder) = folder else {
            is_broken = true;
            continue;
        };
        let length = folder.len().saturating_add(name.len());
        // any other state: another package's file took its place, or it was left out
        if flags & IS_GHOST != 0 || state != NORMAL || length > PATH || !budget.take_path(length) {
            continue;
        }
        let path = ImagePath::new(&[folder, name].concat());
        if path.is_root() {
            continue;
        }
        match algorithm.unwrap_or(MD5) {
            MD5 => claim::<16>(&mut fact.claims, &path, digest),
            SHA1 => claim::<20>(&mut fact.claims, &path, digest),
            SHA256 => claim::<32>(&mut fact.claims, &path, digest),
            _ => {}
        }
        if user != Some(b"root") {
            fact.foreign.push(path.clone());
        }
        if mode.is_none_or(|mode| mode & 0o6000 != 0) {
            fact.privileged.push(path.clone());
        }
        fact.owns.push(path);
    }
    if is_broken {
        complaints.add(format!("`{}` has files in folders it does not list", fact.name));
    }
    fact.owns.shrink_to_fit();
}

/// Folders and links have no digest.
fn claim<const N: usize>(claims: &mut FileClaims, path: &ImagePath, digest: &[u8]) {
    if let Some(digest) = digest_in_hex::<N>(digest) {
        claims.add(path.as_bytes(), &digest);
    }
}

/// The names under a tag, each once.
fn capabilities(header: &Header<'_>, tag: u32, budget: &mut Budget) -> Vec<String> {
    let mut names = BTreeSet::new();
    names.extend(header.texts(tag).take_while(|name| budget.take_capability(name.len())).filter_map(field));
    names.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{blob, bytes, numbers, package, text, texts};
    use super::*;
    use crate::digest::ContentDigests;
    use crate::inventory::{Claimant, Claims};

    fn read(blob: &[u8]) -> Result<Option<PackageFact>, String> {
        of_header(blob, &mut Budget::new(), &mut Complaints::default())
    }

    #[test]
    fn a_header_describes_a_package() {
        let fact = read(&blob(&[
            (header::NAME, text("openssl-libs")),
            (header::VERSION, text("1.1.1k")),
            (header::RELEASE, text("5.el8")),
            (header::EPOCH, numbers(&[1])),
            (header::ARCH, text("x86_64")),
            (header::LICENSE, text("OpenSSL")),
            (header::VENDOR, text("Red Hat, Inc.")),
            (header::SOURCE_RPM, text("openssl-1.1.1k-5.el8.src.rpm")),
            (header::MODULARITY_LABEL, text("nodejs:14:8040:522a0ee4")),
            (header::PROVIDE_NAME, texts(&["openssl-libs", "libssl.so.1.1()(64bit)"])),
            (header::REQUIRE_NAME, texts(&["rpmlib(FileDigests)", "libz.so.1()(64bit)", "libz.so.1()(64bit)"])),
        ]));
        let fact = fact.expect("it is sound").expect("it is a package");
        assert_eq!(
            (&*fact.name, &*fact.version, fact.architecture.as_deref()),
            ("openssl-libs", "1:1.1.1k-5.el8", Some("x86_64"))
        );
        assert_eq!(fact.source, Some(("openssl".into(), "1:1.1.1k-5.el8".into())));
        let qualifiers =
            [("epoch", "1"), ("upstream", "openssl-1.1.1k-5.el8.src.rpm"), ("rpmmod", "nodejs:14:8040:522a0ee4")];
        assert_eq!(fact.qualifiers, qualifiers.map(|(key, value)| (key, value.to_owned())));
        assert_eq!((fact.licence.as_deref(), fact.packager.as_deref()), (Some("OpenSSL"), Some("Red Hat, Inc.")));
        assert_eq!(fact.provides, ["libssl.so.1.1()(64bit)"]);
        assert_eq!(fact.needs.iter().map(|need| &*need.name).collect::<Vec<_>>(), ["libz.so.1()(64bit)"]);
    }

    #[test]
    fn what_is_no_package_is_none() {
        assert_eq!(read(&package("gpg-pubkey", "1-1")), Ok(None));
        let cases = [
            (blob(&[(header::VERSION, text("1"))]), "it names no package"),
            (blob(&[(header::NAME, text("a\x1b"))]), "it names no package"),
            (blob(&[(header::NAME, text("a")), (header::VERSION, text("1"))]), "`a` has no version or no release"),
        ];
        for (blob, expected) in cases {
            assert_eq!(read(&blob), Err(expected.to_owned()));
        }
    }

    #[test]
    fn the_source_has_the_version_of_its_file() {
        let cases = [
            ("a-b-2-3.src.rpm", Some(("a-b", "2-3"))),
            ("a-1-1.nosrc.rpm", Some(("a", "9:1-1"))),
            ("(none)", None),
            ("a.src.rpm", None),
        ];
        for (file, expected) in cases {
            let mut fact = fact("a".into(), "1-1", 9);
            set_source(&mut fact, Some(file.as_bytes()));
            let source = fact.source.as_ref().map(|(name, version)| (&**name, &**version));
            assert_eq!(source, expected, "{file}");
        }
    }

    #[test]
    fn files_are_owned_unless_they_are_elsewhere() {
        let sha256 = ContentDigests::of(b"x").sha256.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let files = |indexes: &[u32]| {
            blob(&[
                (header::NAME, text("a")),
                (header::VERSION, text("1")),
                (header::RELEASE, text("1")),
                (header::BASE_NAMES, texts(&["tool", "log", "left-out", "folder", "last"])),
                (header::DIR_NAMES, texts(&["/usr/bin/", "/var/log/"])),
                (header::DIR_INDEXES, numbers(indexes)),
                (header::FILE_FLAGS, numbers(&[0, IS_GHOST, 0, 0, 0])),
                (header::FILE_STATES, bytes(&[0, 0, 2, 0, 0])),
                (header::FILE_DIGESTS, texts(&[&sha256, "", &sha256, "", &sha256])),
                (header::FILE_DIGEST_ALGORITHM, numbers(&[8])),
                (header::FILE_MODES, numbers(&[0o104_755, 0, 0, 0o040_755])),
                (header::FILE_USER_NAMES, texts(&["root", "root", "root", "app", "root"])),
            ])
        };
        let fact = read(&files(&[0, 1, 1, 1, 0])).expect("it is sound").expect("it is a package");
        assert_eq!(fact.owns, ["usr/bin/tool", "var/log/folder", "usr/bin/last"].map(ImagePath::from));
        assert_eq!(fact.claims.len(), 2);
        assert_eq!(fact.foreign, [ImagePath::from("var/log/folder")]);
        assert_eq!(fact.privileged, ["usr/bin/tool", "usr/bin/last"].map(ImagePath::from), "with the bit, and unknown");
        let mut claims = Claims::default();
        claims.add(Claimant::Package, "a", &fact.claims, &ImagePath::root(), ImagePath::clone);
        claims.sort();
        let content = ContentDigests::of(b"x");
        assert_eq!(claims.package(&"usr/bin".into(), b"tool", &content), Some((Claimant::Package, "a")));

        // folders that are not listed, and too few of them
        for indexes in [&[0, 1, 1, 1, 7][..], &[0, 1, 1, 1]] {
            let mut complaints = Complaints::default();
            let fact = of_header(&files(indexes), &mut Budget::new(), &mut complaints);
            let fact = fact.expect("it is sound").expect("it is a package");
            assert_eq!(fact.owns.len(), 2);
            assert_ne!(format!("{complaints:?}"), format!("{:?}", Complaints::default()));
        }
    }

    #[test]
    fn paths_are_capped() {
        let mut budget = Budget { paths: 2, path_bytes: 10, capability_bytes: 0 };
        assert!(budget.take_path(5) && !budget.is_spent());
        assert!(!budget.take_path(6) && budget.is_spent());
        assert!(!budget.take_path(1));
    }

    #[test]
    fn names_of_what_is_needed_are_capped() {
        let blob = blob(&[
            (header::NAME, text("a")),
            (header::VERSION, text("1")),
            (header::RELEASE, text("1")),
            (header::PROVIDE_NAME, texts(&["x", "y", "z"])),
        ]);
        for (room, expected) in [(3, 3), (2, 2)] {
            let mut budget = Budget { capability_bytes: room * (CAPABILITY + 1) + 1, ..Budget::new() };
            let fact = of_header(&blob, &mut budget, &mut Complaints::default());
            let fact = fact.expect("it is sound").expect("it is a package");
            assert_eq!((fact.provides.len(), budget.lacks_capabilities()), (expected, expected < 3));
        }
    }

    #[test]
    fn lines_of_a_manifest_are_packages() {
        let line = |epoch: &str, source: &str| {
            format!("ca-certs\t2.0-7.cm2\t1\t2\tMicrosoft Corporation\t(none)\t3\tnoarch\t{epoch}\t{source}")
        };
        let fact = of_line(line("1", "ca-certificates-2.0-7.cm2.src.rpm").as_bytes())
            .expect("it is sound")
            .expect("a package");
        assert_eq!(
            (&*fact.name, &*fact.version, fact.architecture.as_deref()),
            ("ca-certs", "1:2.0-7.cm2", Some("noarch"))
        );
        assert_eq!(fact.source, Some(("ca-certificates".into(), "1:2.0-7.cm2".into())));
        let fact = of_line(line("0", "(none)").as_bytes()).expect("it is sound").expect("a package");
        assert_eq!(
            (&*fact.version, &fact.source, fact.packager.as_deref()),
            ("2.0-7.cm2", &None, Some("Microsoft Corporation"))
        );
        assert_eq!(of_line(b"a\t1-1"), Err("has 2 columns, not 10".to_owned()));
        assert_eq!(of_line(b"\t\t\t\t\t\t\t\t\t"), Err("names no package or no version".to_owned()));
    }
}
