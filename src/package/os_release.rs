//! Which distribution an image is built on: `os-release` (freedesktop os-release(5)).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::collect::{Collector, Delivery, Fact, Facts, File, Select, View};
use crate::inventory::{Distro, Inventory};
use crate::limitation::Limitation;
use crate::path::ImagePath;
use crate::size::ByteSize;

use super::text::lines;

/// Reads `etc/os-release` and `usr/lib/os-release`; the first counts where both are there.
pub(super) struct OsRelease;

/// Package databases that belong to a distribution.
const DATABASES: &[&str] = &[
    "var/lib/dpkg/status",
    "var/lib/dpkg/status.d",
    "lib/apk/db/installed",
    "usr/lib/apk/db/installed",
    "var/lib/rpm",
    "usr/lib/sysimage/rpm",
];

/// The id of a file that gives none: the default of the specification.
const UNNAMED: &str = "linux";

const ETC: &str = "etc/os-release";
const USR_LIB: &str = "usr/lib/os-release";

impl Collector for OsRelease {
    fn id(&self) -> &'static str {
        "os-release"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Path(ETC), Select::Path(USR_LIB)]
    }

    /// Real ones have 300 to 1,000 bytes.
    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize::mib(1))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        if let Some(distro) = parse(file.bytes) {
            facts.push(Fact::Distro(Box::new(distro)));
        }
    }

    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        inventory.distro = [ETC, USR_LIB].into_iter().find_map(|wanted| {
            let (path, node) = view.tree.resolve(&wanted.into())?;
            view.facts_of(node).find_map(|fact| match fact {
                Fact::Distro(distro) => Some(Distro { path: path.clone(), layer: node.layer, ..Distro::clone(distro) }),
                _ => None,
            })
        });
        let is_unknown = inventory.distro.as_ref().is_none_or(|distro| distro.id == UNNAMED);
        let has = |path: &&str| view.tree.resolve(&(*path).into()).is_some();
        if is_unknown && view.tree.get(&ETC.into()).is_some() && DATABASES.iter().any(has) {
            let what = "it does not name the distribution, so packages have no distribution in their purls";
            inventory.limitations.push(Limitation::note("distro-unknown", ImagePath::from(ETC).to_string(), what));
        }
    }
}

/// What the file says; `None` if it says nothing.
fn parse(bytes: &[u8]) -> Option<Distro> {
    let mut distro = Distro::default();
    let (mut name, mut version, mut is_empty) = (String::new(), String::new(), true);
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    for (_, line) in lines(bytes) {
        let Some((key, value)) = assignment(line) else { continue };
        is_empty = false;
        match key {
            b"ID" => distro.id = identifier(&value),
            b"ID_LIKE" => distro.id_like = value.split_ascii_whitespace().map(identifier).collect(),
            b"VERSION_ID" => distro.version_id = value,
            b"VERSION_CODENAME" => distro.codename = value,
            b"VERSION" => version = value,
            b"PRETTY_NAME" => distro.name = value,
            b"NAME" => name = value,
            _ => {}
        }
    }
    if is_empty {
        return None;
    }
    if distro.id.is_empty() {
        distro.id = UNNAMED.into();
    }
    if distro.name.is_empty() {
        format!("{name} {version}").trim().clone_into(&mut distro.name);
    }
    Some(distro)
}

/// `KEY=value` of a shell: the value unquoted, at most 256 characters of it.
fn assignment(line: &[u8]) -> Option<(&[u8], String)> {
    let line = line.trim_ascii();
    let equals = line.iter().position(|b| *b == b'=')?;
    let (key, raw) = line.split_at_checked(equals)?;
    if key.is_empty() || !key.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_') {
        return None;
    }
    let raw = String::from_utf8_lossy(raw.strip_prefix(b"=")?);
    let raw = raw.trim_ascii();
    let quote = raw.chars().next().filter(|c| matches!(c, '"' | '\''));
    let mut value = String::new();
    let mut rest = raw.chars().skip(usize::from(quote.is_some()));
    while let Some(mut c) = rest.next() {
        if Some(c) == quote || value.len() >= 256 {
            break;
        }
        if c == '\\' && quote != Some('\'') {
            c = rest.next().unwrap_or('\\');
        }
        if !c.is_control() {
            value.push(c);
        }
    }
    Some((key, value))
}

/// Lower case, and only the characters that the specification allows: it becomes part of purls.
fn identifier(raw: &str) -> String {
    let lower = raw.chars().map(|c| c.to_ascii_lowercase());
    lower.filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::testing::{Image, assemble};

    #[test]
    fn assignments_are_unquoted_like_a_shell_does() {
        let cases: &[(&str, Option<(&str, &str)>)] = &[
            ("ID=debian", Some(("ID", "debian"))),
            ("NAME=\"Alpine Linux\"", Some(("NAME", "Alpine Linux"))),
            ("NAME='a b' # c", Some(("NAME", "a b"))),
            ("NAME=\"a \\\"b\\\" \\$c\"", Some(("NAME", "a \"b\" $c"))),
            ("NAME=\"open", Some(("NAME", "open"))),
            ("NAME=\\", Some(("NAME", "\\"))),
            ("NAME=", Some(("NAME", ""))),
            ("# ID=x", None),
            ("=x", None),
            ("", None),
        ];
        for (line, expected) in cases {
            let read =
                assignment(line.as_bytes()).map(|(key, value)| (String::from_utf8_lossy(key).into_owned(), value));
            assert_eq!(read, expected.map(|(key, value)| (key.to_owned(), value.to_owned())), "{line}");
        }
    }

    #[test]
    fn a_distribution_that_is_not_named_is_told() {
        let status = "var/lib/dpkg/status";
        let stanza = "Package: a\nVersion: 1\n";
        let cases = [
            (Image::new().file(ETC, "\u{feff}ID=debian\n").file(status, stanza), 0),
            (Image::new().file(ETC, b"\xff\xfeI\0D\0=\0").file(status, stanza), 1),
            (Image::new().file(ETC, "").file(status, stanza), 1),
            (Image::new().file(ETC, "NAME=x\n").file(status, stanza), 1),
            (Image::new().link(ETC, "nowhere").file(status, stanza), 1),
            (Image::new().link(ETC, "nowhere").file(USR_LIB, "ID=debian\n").file(status, stanza), 0),
            (Image::new().file(ETC, ""), 0),
            (Image::new().file(status, stanza), 0),
        ];
        for (image, told) in cases {
            let limitations = assemble(&image).limitations;
            let codes: Vec<_> = limitations.iter().map(|told| (told.code, told.is_gap)).collect();
            assert_eq!(codes, vec![("distro-unknown", false); told], "{image:?}");
        }
    }

    #[test]
    fn the_first_of_the_two_places_counts() {
        type Expected = Option<(&'static str, &'static str, &'static str, u32)>;
        let debian =
            "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=Debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n";
        let alpine = "NAME=Alpine\nVERSION=3\nID=alpine\nID_LIKE=\"busybox x\"\n";
        let cases: &[(Image, Expected)] = &[
            (
                Image::new().file(USR_LIB, debian).link(ETC, "../usr/lib/os-release"),
                Some(("debian", "12", "/usr/lib/os-release", 0)),
            ),
            (Image::new().file(USR_LIB, debian).layer().file(ETC, alpine), Some(("alpine", "", "/etc/os-release", 1))),
            (Image::new().file(USR_LIB, debian).link(ETC, "nowhere"), Some(("debian", "12", "/usr/lib/os-release", 0))),
            (Image::new().file(USR_LIB, debian).file(ETC, ""), Some(("debian", "12", "/usr/lib/os-release", 0))),
            (Image::new().file(ETC, "VARIANT=x\r\n"), Some(("linux", "", "/etc/os-release", 0))),
            (Image::new().file("etc/debian_version", "12"), None),
        ];
        for (image, expected) in cases {
            let distro = assemble(image).distro;
            let read = distro.as_ref().map(|d| (&*d.id, &*d.version_id, d.path.to_string(), d.layer));
            assert_eq!(read, expected.map(|(id, version, path, layer)| (id, version, path.to_owned(), layer)));
        }
        let distro = parse(alpine.as_bytes()).expect("it says something");
        assert_eq!(
            (distro.name.as_str(), distro.id_like.as_slice()),
            ("Alpine 3", &["busybox".to_owned(), "x".to_owned()][..])
        );
    }
}
