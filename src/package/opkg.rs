//! Packages of `OpenWrt` and Yocto: opkg's database (opkg `libopkg/pkg_parse.c`, paragraphs as in deb-control(5)).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::HashMap;

use crate::collect::{About, Collector, Delivery, Fact, Facts, File, PackageFact, Select, View};
use crate::inventory::{Ecosystem, Inventory, Licence, Need};
use crate::path::ImagePath;
use crate::size::ByteSize;

use super::owned::Resolver;
use super::purl;
use super::text::{Complaints, PACKAGES_PER_FILE, PATH, field, header, lines, push_owned};

/// Packages of `OpenWrt`, Yocto and their kin. No type of purls is registered for them: `pkg:generic/opkg/NAME`.
static OPKG: Ecosystem = Ecosystem { id: "opkg", purl_type: "generic", is_system: true };

/// Reads `status`, and of each package `info/NAME.list` and `info/NAME.control`.
pub(super) struct Opkg;

/// Needs and provisions taken of one package; real ones have below 100.
const VALUES: usize = 2_000;

static ABOUT: About = About {
    title: "OpenWrt and Yocto packages",
    ecosystems: &[&OPKG],
    reads: "Name, version, architecture, licence, needs and provisions of every package whose files are there, \
                and which paths it owns. Package URLs begin with `pkg:generic/opkg/`.",
    not_seen: &["packages on other `dest`inations than the root"],
    references: &["https://openwrt.org/docs/guide-user/additional-software/opkg"],
};

impl Collector for Opkg {
    fn id(&self) -> &'static str {
        "opkg"
    }

    fn version(&self) -> u32 {
        1
    }

    /// `OpenWrt` has its database below `/usr/lib`, Yocto below `/var/lib`.
    fn select(&self) -> &'static [Select] {
        &[
            Select::Path("usr/lib/opkg/status"),
            Select::Path("var/lib/opkg/status"),
            Select::Under("usr/lib/opkg/info", LIST),
            Select::Under("var/lib/opkg/info", LIST),
            Select::Under("usr/lib/opkg/info", CONTROL),
            Select::Under("var/lib/opkg/info", CONTROL),
        ]
    }

    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize::mib(64))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        let name = file.path.file_name();
        if name.ends_with(LIST.as_bytes()) {
            // a path, and in some versions a tab and its mode
            let paths = lines(file.bytes)
                .map(|(_, line)| line.split(|b| *b == b'\t').next().unwrap_or_default())
                .filter(|path| !path.is_empty() && path.len() <= PATH)
                .map(ImagePath::new);
            push_owned(paths, facts);
        } else if name.ends_with(CONTROL.as_bytes()) {
            // of a package that the status lists; what the status leaves out stands here
            let mut headers = lines(file.bytes).filter_map(|(_, line)| header(line));
            if let Some(licence) = headers.find(|(key, _)| *key == b"License").and_then(|(_, value)| field(value)) {
                facts.push(Fact::Text { key: "licence", text: licence.into() });
            }
        } else {
            let mut complaints = Complaints::default();
            parse(file.bytes, facts, &mut complaints);
            complaints.push(facts);
        }
    }

    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        let taken = view.take_packages(self, inventory);
        let names: HashMap<&[u8], u32> = taken.iter().map(|taken| (taken.fact.name.as_bytes(), taken.index)).collect();
        let mut resolver = Resolver::new(view.tree);
        for (path, _, fact) in view.live() {
            let name = path.file_name();
            let name = name.strip_suffix(LIST.as_bytes()).or_else(|| name.strip_suffix(CONTROL.as_bytes()));
            let Some(index) = name.and_then(|name| names.get(name)) else { continue };
            match fact {
                Fact::Owns { paths, .. } => {
                    resolver.own(paths, *index, &mut inventory.owned);
                }
                Fact::Text { text, .. } => {
                    if let Some(package) = inventory.packages.get_mut(*index as usize) {
                        package.licence.get_or_insert_with(|| Licence::new(&**text));
                    }
                }
                _ => {}
            }
        }
    }

    fn purl(&self, package: &PackageFact, inventory: &Inventory) -> Option<String> {
        purl::of_system("openwrt", inventory.distro.as_ref(), package)
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

const LIST: &str = ".list";
const CONTROL: &str = ".control";

/// The installed packages: paragraphs of `Name: value` lines with an empty line after each.
fn parse(bytes: &[u8], facts: &mut Facts, complaints: &mut Complaints) {
    let mut fields: HashMap<&[u8], &[u8]> = HashMap::new();
    let (mut start, mut count) = (0, 0_usize);
    // one more empty line, for the last paragraph
    for (number, line) in lines(bytes).chain([(0, &b""[..])]) {
        if !line.trim_ascii().is_empty() {
            start = if fields.is_empty() { number } else { start };
            // a line that begins with a blank goes on with the field before
            match header(line).filter(|_| !line.starts_with(b" ") && !line.starts_with(b"\t")) {
                Some((key, value)) => {
                    fields.entry(key).or_insert(value);
                }
                None if fields.is_empty() => {
                    fields.insert(b"", b"");
                }
                None => {}
            }
            continue;
        }
        let fields = std::mem::take(&mut fields);
        match fact(&fields, start) {
            Ok(Some(package)) => {
                count = count.saturating_add(1);
                if count <= PACKAGES_PER_FILE {
                    facts.package(package);
                } else {
                    complaints.add(format!(
                        "it lists more than {PACKAGES_PER_FILE} packages; `{}` is not read",
                        package.name
                    ));
                }
            }
            Ok(None) => {}
            Err(what) => complaints.add(what),
        }
    }
}

fn fact(fields: &HashMap<&[u8], &[u8]>, line: u64) -> Result<Option<PackageFact>, String> {
    if fields.is_empty() {
        return Ok(None);
    }
    let value = |key: &[u8]| fields.get(key).copied();
    // want, flags, state; `unpacked` and `half-installed` have files on disk, too
    let state = value(b"Status").and_then(|status| status.split(u8::is_ascii_whitespace).nth(2));
    if matches!(state, Some(b"not-installed" | b"config-files")) {
        return Ok(None);
    }
    let name =
        value(b"Package").and_then(field).ok_or_else(|| format!("the paragraph at line {line} names no package"))?;
    let version =
        value(b"Version").and_then(field).ok_or_else(|| format!("`{name}`, at line {line}, has no version"))?;
    Ok(Some(PackageFact {
        ecosystem: Some(&OPKG),
        architecture: value(b"Architecture").and_then(field),
        licence: value(b"License").and_then(field),
        needs: names(value(b"Depends")).map(|name| Need { name, version: None }).collect(),
        provides: names(value(b"Provides")).collect(),
        name,
        version,
        ..PackageFact::default()
    }))
}

/// `a (>= 1), b | c` without versions.
fn names(value: Option<&[u8]>) -> impl Iterator<Item = String> {
    let parts = value.unwrap_or_default().split(|b| matches!(b, b',' | b'|')).take(VALUES);
    parts.filter_map(|part| field(part.split(|b| matches!(b, b'(' | b'=')).next()?))
}

#[cfg(test)]
mod tests {
    use crate::package::testing::{Image, assemble, packages};

    const STATUS: &str = "usr/lib/opkg/status";

    #[test]
    fn paragraphs_yield_what_is_on_disk() {
        let cases: &[(&str, &[&str], usize)] = &[
            (
                "Package: libc\nVersion: 1.2.4-4\nStatus: install hold installed\nArchitecture: x86_64\n\n\
                 Package: gone\nVersion: 1\nStatus: deinstall ok not-installed\n\n\n\
                 Package: zlib\nVersion: 1.3\nStatus: install user unpacked\n",
                &["libc 1.2.4-4 /usr/lib/opkg/status", "zlib 1.3 /usr/lib/opkg/status"],
                0,
            ),
            ("Package: a\r\nVersion: 1\r\n\r\n", &["a 1 /usr/lib/opkg/status"], 0),
            ("nonsense\n\nPackage: a\n\nVersion: 1\n\nPackage: b\nVersion: 2\n", &["b 2 /usr/lib/opkg/status"], 3),
            ("Package: a\nConffiles:\n Version: 9\nVersion: 1\n", &["a 1 /usr/lib/opkg/status"], 0),
            ("", &[], 0),
        ];
        for (text, expected, told) in cases {
            let inventory = assemble(&Image::new().file(STATUS, text));
            assert_eq!(packages(&inventory), *expected, "{text}");
            assert_eq!(inventory.limitations.len(), *told, "{:?}", inventory.limitations);
        }
    }

    #[test]
    fn lists_and_controls_add_what_the_status_leaves_out() {
        let image = Image::new()
            .file("etc/os-release", "ID=openwrt\nVERSION_ID=\"23.05.2\"\n")
            .file(
                STATUS,
                "Package: dropbear\nVersion: 2022.83-1\nArchitecture: x86_64\nDepends: libc, libssl (>= 3)\n\n\
                 Package: libssl3\nVersion: 3.0\nProvides: libssl\nLicense: Apache-2.0\n",
            )
            .file("usr/lib/opkg/info/dropbear.list", "/usr/sbin/dropbear\n/usr/lib/x\t0100644\n")
            .file("usr/lib/opkg/info/dropbear.control", "Package: dropbear\nLicense: MIT\n")
            .file("usr/lib/opkg/info/libssl3.control", "Package: libssl3\nLicense: other\n")
            .file("usr/sbin/dropbear", "")
            .file("usr/lib/x", "");
        let inventory = assemble(&image);
        let seen: Vec<_> = inventory
            .packages
            .iter()
            .map(|package| (&*package.purl, &*package.licence.as_ref().unwrap().declared, &*package.dependencies))
            .collect();
        let expected = [
            ("pkg:generic/opkg/dropbear@2022.83-1?arch=x86_64&distro=openwrt-23.05.2", "MIT", &[1][..]),
            ("pkg:generic/opkg/libssl3@3.0?distro=openwrt-23.05.2", "Apache-2.0", &[]),
        ];
        assert_eq!(seen, expected);
        let owner = |path: &str| inventory.owned.owner(&path.into());
        assert_eq!([owner("usr/sbin/dropbear"), owner("usr/lib/x")], [Some(0); 2]);
    }
}
