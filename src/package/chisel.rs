//! Chiselled images: the manifest of slices of Debian packages (Chisel, `internal/manifest`; a file of JSON lines,
//! compressed with zstd).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use crate::collect::{About, Collector, Delivery, Fact, Facts, File, PackageFact, Select, View};
use crate::format::decompress::{Compressed, inflate};
use crate::inventory::Inventory;
use crate::path::ImagePath;
use crate::size::ByteSize;

use super::dpkg::DEB;
use super::lenient::Text;
use super::owned::Resolver;
use super::purl;
use super::text::{Complaints, PACKAGES_PER_FILE, PATH, PATHS_PER_FILE, complain, lines};

/// Reads `manifest.wall`.
pub(super) struct Chisel;

/// Bytes the manifest may expand to; that of a large image has 2 MiB.
const EXPANDED: usize = 64 << 20;

static ABOUT: About = About {
    title: "Chiselled packages",
    ecosystems: &[&DEB],
    reads: "Name, version and architecture of every Debian package of which slices are there, and which paths they own.",
    not_seen: &[
        "which slices of a package are there",
        "source packages and licences, which the manifest does not give",
    ],
    references: &["https://documentation.ubuntu.com/chisel/en/latest/reference/manifest/"],
};

impl Collector for Chisel {
    fn id(&self) -> &'static str {
        "chisel"
    }

    fn version(&self) -> u32 {
        1
    }

    /// Which folder it is in is up to the definition of a slice; all of Ubuntu's have this one.
    fn select(&self) -> &'static [Select] {
        &[Select::Path("var/lib/chisel/manifest.wall")]
    }

    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize::mib(16))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        if file.bytes.is_empty() {
            return;
        }
        match inflate(Compressed::Zstd, file.bytes, EXPANDED) {
            Ok(text) => parse(&text, facts),
            Err(error) => complain(facts, format!("its packages are not listed: {error}")),
        }
    }

    /// What dpkg's own database lists, too, is left to that: it knows more of it.
    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        let start = inventory.packages.len();
        let taken = view.take_packages(self, inventory);
        let sliced = inventory.packages.split_off(start);
        let key = |name: &str, version: &str, architecture: Option<&str>| {
            (name.to_owned(), version.to_owned(), architecture.map(str::to_owned))
        };
        let mut known: HashMap<_, usize> = HashMap::new();
        for (index, package) in inventory.packages.iter().enumerate().filter(|(_, package)| *package.ecosystem == DEB) {
            known.insert(key(&package.name, &package.version, package.architecture.as_deref()), index);
        }
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (package, taken) in sliced.into_iter().zip(&taken) {
            let key = key(&package.name, &package.version, package.architecture.as_deref());
            let place = known.get(&key).copied().unwrap_or_else(|| {
                inventory.packages.push(package);
                inventory.packages.len().saturating_sub(1)
            });
            places.insert(&taken.fact.name, place);
        }
        let mut resolver = Resolver::new(view.tree);
        let mut read = HashSet::new();
        for (_, node, fact) in view.live() {
            let Fact::Owns { package: Some(name), paths } = fact else { continue };
            let Some(index) = places.get(name.as_str()).and_then(|place| u32::try_from(*place).ok()) else { continue };
            if read.insert((node, name)) {
                resolver.own(paths, index, &mut inventory.owned);
            }
        }
    }

    fn purl(&self, package: &PackageFact, inventory: &Inventory) -> Option<String> {
        purl::of_system("ubuntu", inventory.distro.as_ref(), package)
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

/// A line of the manifest. There are others of kind `slice` and `path`, and one without a kind.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Line {
    kind: Text,
    name: Text,
    version: Text,
    arch: Text,
    slice: Text,
    path: Option<String>,
}

fn parse(text: &[u8], facts: &mut Facts) {
    let mut complaints = Complaints::default();
    // by package, in order of first mention
    let mut owned: Vec<(String, Vec<ImagePath>)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let (mut packages, mut paths) = (0_usize, 0_usize);
    for (number, line) in lines(text).filter(|(_, line)| !line.is_empty()) {
        let Ok(line) = serde_json::from_slice::<Line>(line) else {
            complaints.add(format!("line {number} is no object in JSON"));
            continue;
        };
        match (line.kind.0.as_deref(), line.name.0, line.version.0, line.slice.0, line.path) {
            (Some("package"), Some(name), Some(version), ..) => {
                packages = packages.saturating_add(1);
                if packages > PACKAGES_PER_FILE {
                    complaints.add(format!("it lists more than {PACKAGES_PER_FILE} packages; `{name}` is not read"));
                    continue;
                }
                let architecture = line.arch.0;
                facts.package(PackageFact {
                    ecosystem: Some(&DEB),
                    name,
                    version,
                    architecture,
                    ..PackageFact::default()
                });
            }
            (Some("package"), ..) => complaints.add(format!("the package at line {number} has no name or no version")),
            (Some("content"), _, _, Some(slice), Some(path)) if path.len() <= PATH => {
                paths = paths.saturating_add(1);
                // a slice is called PACKAGE_SLICE, and names of Debian packages have no underscore
                let Some((package, _)) = slice.split_once('_').filter(|_| paths <= PATHS_PER_FILE) else { continue };
                let place = *places.entry(package.to_owned()).or_insert_with(|| {
                    owned.push((package.to_owned(), Vec::new()));
                    owned.len().saturating_sub(1)
                });
                if let Some((_, list)) = owned.get_mut(place) {
                    list.push(ImagePath::from(path.as_str()));
                }
            }
            _ => {}
        }
    }
    if paths > PATHS_PER_FILE {
        complaints.add(format!("it lists more than {PATHS_PER_FILE} paths; the rest is not read"));
    }
    complaints.push(facts);
    for (package, paths) in owned {
        facts.push(Fact::Owns { package: Some(package), paths });
    }
}

#[cfg(test)]
mod tests {
    use crate::package::testing::{Image, assemble, packages};

    const AT: &str = "var/lib/chisel/manifest.wall";

    const LINES: &str = "{\"jsonwall\":\"1.0\",\"schema\":\"1.0\",\"count\":6}\n\
        {\"kind\":\"content\",\"slice\":\"libc6_libs\",\"path\":\"/lib/libc.so.6\"}\n\
        {\"kind\":\"content\",\"slice\":\"libssl3_libs\",\"path\":\"/lib/libssl.so.3\"}\n\
        {\"kind\":\"package\",\"name\":\"libc6\",\"version\":\"2.35-0ubuntu3\",\"sha256\":\"00\",\"arch\":\"amd64\"}\n\
        {\"kind\":\"package\",\"name\":\"libssl3\",\"version\":\"3.0.2-0ubuntu1\",\"sha256\":\"00\",\"arch\":\"amd64\"}\n\
        {\"kind\":\"path\",\"path\":\"/lib/libc.so.6\",\"mode\":\"0755\",\"slices\":[\"libc6_libs\"]}\n\
        {\"kind\":\"slice\",\"name\":\"libc6_libs\"}\n";

    /// A zstd frame of one raw block (RFC 8878, 3.1.1): single segment, content size in four bytes.
    fn frame(content: &str) -> Vec<u8> {
        let size = u32::try_from(content.len()).expect("small");
        let block = (size << 3) | 1;
        let parts: [&[u8]; 5] =
            [&[0x28, 0xb5, 0x2f, 0xfd], &[0xa0], &size.to_le_bytes(), &block.to_le_bytes()[..3], content.as_bytes()];
        parts.concat()
    }

    #[test]
    fn slices_are_of_debian_packages() {
        let image = Image::new()
            .file("etc/os-release", "ID=ubuntu\nVERSION_ID=22.04\n")
            .file(AT, frame(LINES))
            .file("lib/libc.so.6", "")
            .file("lib/libssl.so.3", "");
        let inventory = assemble(&image);
        let purls: Vec<_> = inventory.packages.iter().map(|package| &*package.purl).collect();
        let expected = [
            "pkg:deb/ubuntu/libc6@2.35-0ubuntu3?arch=amd64&distro=ubuntu-22.04",
            "pkg:deb/ubuntu/libssl3@3.0.2-0ubuntu1?arch=amd64&distro=ubuntu-22.04",
        ];
        assert_eq!(purls, expected);
        let owner = |path: &str| inventory.owned.owner(&path.into());
        assert_eq!([owner("lib/libc.so.6"), owner("lib/libssl.so.3")], [Some(0), Some(1)]);
        assert_eq!(inventory.limitations, []);
    }

    #[test]
    fn what_dpkg_lists_is_not_counted_twice() {
        let status = "Package: libc6\nStatus: install ok installed\nSource: glibc\nVersion: 2.35-0ubuntu3\nArchitecture: amd64\n";
        let image = Image::new().file(AT, frame(LINES)).file("var/lib/dpkg/status", status).file("lib/libc.so.6", "");
        let inventory = assemble(&image);
        let expected =
            ["libc6 2.35-0ubuntu3 /var/lib/dpkg/status", "libssl3 3.0.2-0ubuntu1 /var/lib/chisel/manifest.wall"];
        assert_eq!(packages(&inventory).iter().collect::<std::collections::BTreeSet<_>>().len(), 2);
        assert!(expected.iter().all(|line| packages(&inventory).iter().any(|found| found == line)));
        let owner = inventory.owned.owner(&"lib/libc.so.6".into()).expect("it is owned");
        assert_eq!(inventory.packages[owner as usize].name, "libc6");
    }

    #[test]
    fn what_is_broken_is_told() {
        let cases = [
            (
                frame(
                    "{\"kind\":\"package\",\"name\":\"a\"}\nx\n{\"kind\":\"package\",\"name\":\"b\",\"version\":\"1\"}\n",
                ),
                1,
                2,
            ),
            (frame(LINES)[..40].to_vec(), 0, 1),
            (b"text".to_vec(), 0, 1),
            (Vec::new(), 0, 0),
        ];
        for (bytes, found, told) in cases {
            let inventory = assemble(&Image::new().file(AT, &bytes));
            assert_eq!((inventory.packages.len(), inventory.limitations.len()), (found, told), "{bytes:?}");
        }
    }
}
