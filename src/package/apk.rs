//! Alpine packages: apk's database of what is installed (apk-tools, `apk_database(5)`).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::collect::{About, Collector, Delivery, Fact, Facts, File, PackageFact, Select, View};
use crate::inventory::{Claimant, Distro, Ecosystem, FileClaims, Inventory, Need};
use crate::path::ImagePath;
use crate::size::ByteSize;

use super::owned::Resolver;
use super::purl;
use super::text::{Complaints, PACKAGES_PER_FILE, PATH, PATHS_PER_FILE, digest_in_base64, field, lines, mail_domain};

/// Packages of Alpine, Wolfi and their kin.
pub(super) static APK: Ecosystem = Ecosystem { id: "apk", purl_type: "apk", is_system: true };

/// Reads `installed`, where apk 2 has it and where apk 3 puts it on a merged `/usr`.
pub(super) struct Apk;

static ABOUT: About = About {
    title: "Alpine packages",
    ecosystems: &[&APK],
    reads: "Name, version, architecture, origin, licence and needs of every package, and which paths it owns with which content.",
    not_seen: &["virtual packages that `apk add --virtual` made: they have no files"],
    references: &["https://wiki.alpinelinux.org/wiki/Apk_spec"],
};

impl Collector for Apk {
    fn id(&self) -> &'static str {
        "apk"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Path("lib/apk/db/installed"), Select::Path("usr/lib/apk/db/installed")]
    }

    /// A desktop's has about 15 MiB.
    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize::mib(64))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        let mut complaints = Complaints::default();
        for package in parse(file.bytes, &mut complaints) {
            facts.package(package);
        }
        complaints.push(facts);
    }

    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        let distro = inventory.distro.clone();
        let mut resolver = Resolver::new(view.tree);
        // also those of databases that a later layer replaced: what was there then still ships
        for fact in view.facts.iter().filter(|fact| fact.collector == view.collector) {
            let Fact::Package(package) = &*fact.fact else { continue };
            if !package.claims.is_empty() {
                let claimant = claimant(package, distro.as_ref());
                let resolve = |folder: &ImagePath| view.tree.real_folder(folder);
                inventory.claims.add(claimant, &package.name, &package.claims, &ImagePath::root(), resolve);
            }
        }
        for taken in view.take_packages(self, inventory) {
            resolver.own(&taken.fact.owns, taken.index, &mut inventory.owned);
            resolver.note_rights(taken.fact, &mut inventory.rights);
        }
    }

    fn purl(&self, package: &PackageFact, inventory: &Inventory) -> Option<String> {
        purl::of_system("alpine", inventory.distro.as_ref(), package)
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

/// Whose a package's claims are, by the domain of its maintainer.
fn claimant(package: &PackageFact, distro: Option<&Distro>) -> Claimant {
    let is_own = distro.is_some_and(|distro| distro.id == "alpine");
    match package.packager.as_deref() {
        Some("alpinelinux.org") if is_own => Claimant::Distribution,
        _ => Claimant::Package,
    }
}

/// Bytes of paths taken from one database: a few that name one long folder make many. Real ones have below 20 MiB.
const PATH_BYTES_PER_FILE: usize = 64 << 20;

/// What is left of the caps on paths.
struct Budget {
    paths: usize,
    bytes: usize,
}

impl Budget {
    /// Takes a path of so many bytes; refuses for good once one was too much.
    fn take(&mut self, bytes: usize) -> bool {
        match (self.paths.checked_sub(1), self.bytes.checked_sub(bytes)) {
            (Some(paths), Some(bytes)) => *self = Self { paths, bytes },
            _ => self.paths = 0,
        }
        !self.is_spent()
    }

    fn is_spent(&self) -> bool {
        self.paths == 0
    }
}

/// One block while it is read.
#[derive(Default)]
struct Block<'a> {
    line: u64,
    package: Option<&'a [u8]>,
    version: Option<&'a [u8]>,
    architecture: Option<&'a [u8]>,
    origin: Option<&'a [u8]>,
    licence: Option<&'a [u8]>,
    maintainer: Option<&'a [u8]>,
    needs: Option<&'a [u8]>,
    provides: Option<&'a [u8]>,
    folder: ImagePath,
    owns: Vec<ImagePath>,
    claims: FileClaims,
    foreign: Vec<ImagePath>,
    privileged: Vec<ImagePath>,
    /// Name or version stands there again with another value.
    is_ambiguous: bool,
}

/// The packages of a database: blocks of `letter:value` lines with an empty line after each.
fn parse(bytes: &[u8], complaints: &mut Complaints) -> Vec<PackageFact> {
    let mut packages = Vec::new();
    let mut block = Block::default();
    let mut budget = Budget { paths: PATHS_PER_FILE, bytes: PATH_BYTES_PER_FILE };
    let mut end = |block: Block<'_>, complaints: &mut Complaints| {
        if block.is_ambiguous {
            complaints.add(format!("the block at line {} gives one field twice; the first is taken", block.line));
        }
        match block.finish() {
            Ok(Some(package)) if packages.len() < PACKAGES_PER_FILE => packages.push(package),
            Ok(Some(package)) => {
                let name = package.name;
                complaints.add(format!("it lists more than {PACKAGES_PER_FILE} packages; `{name}` is not read"));
            }
            Ok(None) => {}
            Err(what) => complaints.add(what),
        }
    };
    for (number, line) in lines(bytes) {
        // apk ends a block at any line too short for a letter and a colon
        if line.len() < 2 || line.trim_ascii().is_empty() {
            end(std::mem::take(&mut block), complaints);
            continue;
        }
        block.read(number, line, &mut budget);
    }
    end(block, complaints);
    if budget.is_spent() {
        complaints.add("it lists more paths than any real one; the rest is not read".to_owned());
    }
    packages
}

impl<'a> Block<'a> {
    fn read(&mut self, number: u64, line: &'a [u8], budget: &mut Budget) {
        if self.line == 0 {
            self.line = number;
        }
        let Some((letter, value)) = line.split_at_checked(2) else { return };
        match letter {
            b"P:" => self.is_ambiguous |= *self.package.get_or_insert(value) != value,
            b"V:" => self.is_ambiguous |= *self.version.get_or_insert(value) != value,
            b"A:" => self.architecture = Some(value),
            b"o:" => self.origin = Some(value),
            b"L:" => self.licence = Some(value),
            b"m:" => self.maintainer = Some(value),
            b"D:" => self.needs = Some(value),
            b"p:" => self.provides = Some(value),
            b"F:" if value.len() <= PATH => {
                self.folder = ImagePath::new(value);
                if !self.folder.is_root() && budget.take(value.len()) {
                    self.owns.push(self.folder.clone());
                }
            }
            b"R:"
                if value.len() <= PATH
                    && budget.take(self.folder.as_bytes().len().saturating_add(value.len()).saturating_add(1)) =>
            {
                self.owns.push(self.folder.join(value));
            }
            // owner, group and mode of the file or folder named last; what is not said is root's, 644 and 755
            b"a:" | b"M:" => {
                let mut numbers = value.split(|byte| *byte == b':').map(|number| str::from_utf8(number).unwrap_or("?"));
                let (uid, mode) = (numbers.next(), numbers.nth(1));
                let path = if letter == b"M:" { Some(&self.folder) } else { self.owns.last() };
                let Some(path) = path else { return };
                if uid != Some("0") {
                    self.foreign.push(path.clone());
                }
                if mode.and_then(|mode| u32::from_str_radix(mode, 8).ok()).is_none_or(|mode| mode & 0o6000 != 0) {
                    self.privileged.push(path.clone());
                }
            }
            // of the file named last: a digest without Q1 before it is no SHA-1
            b"Z:" => {
                let digest = value.strip_prefix(b"Q1").and_then(digest_in_base64::<20>);
                if let (Some(digest), Some(path)) = (digest, self.owns.last()) {
                    self.claims.add(path.as_bytes(), &digest);
                }
            }
            _ => {}
        }
    }

    /// The package; nothing if the block is empty or a virtual package (`apk add --virtual
    /// .build-deps`), which is but a name for a list of others.
    fn finish(self) -> Result<Option<PackageFact>, String> {
        if self.line == 0 {
            return Ok(None);
        }
        let Some(name) = self.package.and_then(field) else {
            return Err(format!("the block at line {} names no package", self.line));
        };
        if name.starts_with('.') {
            return Ok(None);
        }
        let Some(version) = self.version.and_then(field) else {
            return Err(format!("`{name}`, at line {}, has no version", self.line));
        };
        let origin = self.origin.and_then(field).unwrap_or_else(|| name.clone());
        Ok(Some(PackageFact {
            ecosystem: Some(&APK),
            source: Some((origin, version.clone())),
            architecture: self.architecture.and_then(field),
            licence: self.licence.and_then(field),
            packager: self.maintainer.and_then(mail_domain),
            // `!name` is a conflict
            needs: self.needs.map_or_else(Vec::new, |words| {
                capabilities(words).filter(|name| !name.starts_with('!')).map(Need::of).collect()
            }),
            provides: self.provides.map_or_else(Vec::new, |words| capabilities(words).collect()),
            owns: self.owns,
            claims: self.claims,
            foreign: self.foreign,
            privileged: self.privileged,
            name,
            version,
            ..PackageFact::default()
        }))
    }
}

/// The names in a list of words that may have versions: `so:libc.musl-x86_64.so.1=1`, `busybox>=1.36`.
fn capabilities(words: &[u8]) -> impl Iterator<Item = String> {
    let words = words.split(u8::is_ascii_whitespace).take(CAPABILITIES);
    words.filter_map(|word| field(word.split(|b| matches!(b, b'=' | b'<' | b'>' | b'~')).next()?))
}

/// Words taken of one list; the longest real ones have some hundreds.
const CAPABILITIES: usize = 2_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::testing::{Image, assemble, packages};

    #[test]
    fn owners_and_bits_are_those_of_the_record() {
        let database = "P:a\nV:1\nF:etc\nM:7:0:755\nR:x\na:0:0:4755\nR:y\na:9:0:640\nR:z\nF:bin\nR:odd\na:x\n\n";
        let facts = parse(database.as_bytes(), &mut Complaints::default());
        assert_eq!(facts[0].foreign, ["etc", "etc/y", "bin/odd"].map(ImagePath::from));
        assert_eq!(facts[0].privileged, ["etc/x", "bin/odd"].map(ImagePath::from));
    }

    const DATABASE: &str = "C:Q1abc=\nP:musl\nV:1.2.3-r0\nA:x86_64\nL:MIT\no:musl\nF:lib\nR:ld-musl.so.1\na:0:0:755\nZ:Q1x=\n\n\
        P:libssl1.1\nV:1.1.1q-r0\nA:x86_64\no:openssl\nF:\nR:top\nF:usr/bin\nR:tool\n\n\
        P:.build-deps\nV:20240101\n\n";

    #[test]
    fn blocks_yield_packages() {
        let mut complaints = Complaints::default();
        let packages = parse(DATABASE.as_bytes(), &mut complaints);
        let [musl, ssl] = &packages[..] else { panic!("{packages:?}") };
        assert_eq!((&*musl.name, &*musl.version, musl.licence.as_deref()), ("musl", "1.2.3-r0", Some("MIT")));
        assert_eq!(ssl.source, Some(("openssl".into(), "1.1.1q-r0".into())));
        assert_eq!(ssl.owns, ["top", "usr/bin", "usr/bin/tool"].map(ImagePath::from));
    }

    #[test]
    fn the_merged_database_counts() {
        let old = "lib/apk/db/installed";
        let new = "usr/lib/apk/db/installed";
        let one = "P:a\nV:1-r0\n";
        let cases: &[(Image, &[&str], usize)] = &[
            (Image::new().file(old, one), &["a 1-r0 /lib/apk/db/installed"], 0),
            (Image::new().file(new, one), &["a 1-r0 /usr/lib/apk/db/installed"], 0),
            // the same file by two names is one database
            (Image::new().file(new, one).link("lib", "usr/lib"), &["a 1-r0 /lib/apk/db/installed"], 0),
            (Image::new().file(old, one).layer().file(old, ""), &[], 0),
            (
                Image::new().file(old, "P:a\r\nV:1\r\n\r\nP:b\r\nV:2"),
                &["a 1 /lib/apk/db/installed", "b 2 /lib/apk/db/installed"],
                0,
            ),
            (
                Image::new().file(old, "P:a\nV:1\nP:b\nV:2\n \t\nP:c\nV:3\n"),
                &["a 1 /lib/apk/db/installed", "c 3 /lib/apk/db/installed"],
                1,
            ),
            (Image::new().file(old, "V:1\n\nP:b\n\nP:c\nV:3\n"), &["c 3 /lib/apk/db/installed"], 2),
        ];
        for (image, expected, told) in cases {
            let inventory = assemble(image);
            assert_eq!(packages(&inventory), *expected, "{image:?}");
            assert_eq!(inventory.limitations.len(), *told, "{:?}", inventory.limitations);
        }
    }

    #[test]
    fn many_files_in_a_long_folder_do_not_fill_memory() {
        let text = format!("P:a\nV:1\nF:{}\n{}", "f".repeat(4_000), "R:x\n".repeat(100_000));
        let mut complaints = Complaints::default();
        let packages = parse(text.as_bytes(), &mut complaints);
        let bytes: usize = packages[0].owns.iter().map(|path| path.as_bytes().len()).sum();
        assert!(bytes <= PATH_BYTES_PER_FILE && packages[0].owns.len() < 20_000);
        let mut facts = Facts::default();
        facts.begin(crate::tree::Node { layer: 0, member: 0 }, 0);
        complaints.push(&mut facts);
        assert_eq!(facts.facts().len(), 1);
    }

    #[test]
    fn files_are_owned() {
        let image =
            Image::new().file("lib/apk/db/installed", DATABASE).file("lib/ld-musl.so.1", "").file("usr/bin/tool", "");
        let inventory = assemble(&image);
        let owner =
            |path: &str| inventory.owned.owner(&path.into()).map(|i| inventory.packages[i as usize].name.as_str());
        assert_eq!(owner("lib/ld-musl.so.1"), Some("musl"));
        assert_eq!(owner("usr/bin/tool"), Some("libssl1.1"));
        assert_eq!(owner("top"), None);
    }
}
