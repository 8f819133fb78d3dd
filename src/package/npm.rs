//! Installed Node packages: the `package.json` of each folder that `require` can reach (npm `package.json(5)`, Node.js "Modules").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::collect::{About, Collector, Delivery, Fact, Facts, File, PackageFact, Select};
use crate::inventory::{Ecosystem, Need};
use crate::path::ImagePath;
use crate::size::ByteSize;

use super::purl;
use super::text::{complain, field};

/// Packages of npm's registry.
pub(super) static NPM: Ecosystem = Ecosystem { id: "npm", purl_type: "npm", is_system: false };

/// Reads every `package.json`; which of them are installed packages is told by their live names.
pub(super) struct Npm;

static ABOUT: About = About {
    title: "Node packages",
    ecosystems: &[&NPM],
    reads: "Name, version and licence of each package that `require` can reach, from its own manifest: in `node_modules`, and where Debian puts its own (`/usr/share/nodejs`, `/usr/lib/nodejs`).",
    not_seen: &[
        "packages that a bundler has merged into one file",
        "the application itself, and packages outside of `node_modules` and of the system's folders `nodejs`",
    ],
    references: &[
        "https://github.com/npm/cli/blob/latest/docs/lib/content/configuring-npm/package-json.md",
        "https://nodejs.org/api/modules.html#loading-from-node_modules-folders",
    ],
};

impl Collector for Npm {
    fn id(&self) -> &'static str {
        "npm"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Name("package.json")]
    }

    /// The largest seen in practice are under 100 KiB.
    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize(MANIFEST as u64))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        if let Some(package) = package(file.bytes, facts) {
            facts.package(package);
        }
    }

    fn accepts(&self, path: &ImagePath) -> bool {
        is_package_root(path)
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

/// Largest manifest read, in bytes.
pub(super) const MANIFEST: usize = 4 << 20;

/// The package that a manifest describes; what is wrong with it is told.
pub(super) fn package(bytes: &[u8], facts: &mut Facts) -> Option<PackageFact> {
    match parse(bytes) {
        Ok(Read::Package(package)) => return Some(*package),
        Ok(Read::Unnamed) => {}
        // Node.js loads such a one by the name of its folder
        Ok(Read::Unusable) => complain(facts, "its name or version is no text"),
        // and refuses to load one whose manifest is broken, but its code may be reached by its path
        Err(error)
            if bytes.trim_ascii_start().starts_with(b"{") && memchr::memmem::find(bytes, b"\"name\"").is_some() =>
        {
            complain(facts, format!("it is cut short or broken: {error}"));
        }
        Err(error) => facts.push(Fact::Oddity(format!("it is no JSON object: {error}").into())),
    }
    None
}

/// Whether `path` is the `package.json` of an installed package: `node_modules/NAME/package.json`
/// or `node_modules/@SCOPE/NAME/package.json`, or the same in a folder `nodejs` of the system,
/// where Debian puts its own.
///
/// Others are parts of packages, their tests, or the application itself.
pub(super) fn is_package_root(path: &ImagePath) -> bool {
    let mut above = path.components().rev().skip(2).peekable();
    if above.peek().is_some_and(|folder| folder.starts_with(b"@")) {
        above.next();
    }
    match above.next() {
        Some(b"node_modules") => true,
        // usr/share/nodejs, usr/lib/nodejs, usr/lib/x86_64-linux-gnu/nodejs
        Some(b"nodejs") => {
            let rest: Vec<&[u8]> = above.collect();
            matches!(*rest, [b"share" | b"lib", b"usr"] | [_, b"lib", b"usr"])
        }
        _ => false,
    }
}

/// What a manifest says.
#[derive(Debug)]
enum Read {
    /// Name and version are there.
    Package(Box<PackageFact>),
    /// One of them is missing or empty.
    Unnamed,
    /// One of them is of a wrong type, holds control characters, or is too long.
    Unusable,
}

/// Name and version, if both are there. An empty file says nothing: it is how a later layer takes a package away.
fn parse(bytes: &[u8]) -> Result<Read, serde_json::Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.trim_ascii().is_empty() {
        return Ok(Read::Unnamed);
    }
    let manifest: Manifest = match std::str::from_utf8(bytes) {
        Ok(text) => serde_json::from_str(text)?,
        // Node.js replaces what is no UTF-8 too
        Err(_) => serde_json::from_str(&String::from_utf8_lossy(bytes))?,
    };
    let text = |text: Option<String>| text.as_deref().map(str::as_bytes).and_then(field);
    let is_blank = |text: &Option<String>| text.as_ref().is_some_and(|text| text.trim_ascii().is_empty());
    let is_missing =
        !manifest.has_name || !manifest.has_version || is_blank(&manifest.name) || is_blank(&manifest.version);
    let was_unusable =
        (manifest.has_name && manifest.name.is_none()) || (manifest.has_version && manifest.version.is_none());
    let licence = text(manifest.licence).or_else(|| text(manifest.licences));
    Ok(match (text(manifest.name), text(manifest.version)) {
        (Some(name), Some(version)) => match purl::fact(&NPM, &name, &version) {
            Some(fact) => Read::Package(Box::new(PackageFact { licence, needs: manifest.needs, ..fact })),
            None => Read::Unusable,
        },
        _ if is_missing && !was_unusable => Read::Unnamed,
        _ => Read::Unusable,
    })
}

/// The fields wanted of a manifest. As for Node.js, the last of a name counts; a value of another
/// type than wanted is as good as none.
#[derive(Debug, Default)]
struct Manifest {
    name: Option<String>,
    version: Option<String>,
    licence: Option<String>,
    /// What npm's first packages had instead: a choice of several.
    licences: Option<String>,
    needs: Vec<Need>,
    /// Whether there is a name of any type.
    has_name: bool,
    /// Whether there is a version of any type.
    has_version: bool,
}

impl<'de> Deserialize<'de> for Manifest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Manifest;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Manifest, A::Error> {
                let mut manifest = Manifest::default();
                while let Some(key) = map.next_key::<String>()? {
                    manifest.has_name |= key == "name";
                    manifest.has_version |= key == "version";
                    if matches!(key.as_str(), "dependencies" | "optionalDependencies" | "peerDependencies") {
                        let value: &RawValue = map.next_value()?;
                        // what is no object names nothing
                        let names: Names = serde_json::from_str(value.get()).unwrap_or_default();
                        manifest.needs.extend(names.0.into_iter().map(Need::of));
                        continue;
                    }
                    if key == "license" || key == "licenses" {
                        let licence = choice_of(map.next_value()?);
                        *(if key == "license" { &mut manifest.licence } else { &mut manifest.licences }) = licence;
                        continue;
                    }
                    let wanted = match key.as_str() {
                        "name" => &mut manifest.name,
                        "version" => &mut manifest.version,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    *wanted = text_of(map.next_value()?);
                }
                Ok(manifest)
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

/// The keys of an object.
#[derive(Debug, Default)]
struct Names(Vec<String>);

/// Names taken of one object; real ones have below 200.
const NAMES: usize = 2_000;

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some((name, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
                    if names.len() < NAMES {
                        names.push(name);
                    }
                }
                Ok(Names(names))
            }
        }

        deserializer.deserialize_map(Keys)
    }
}

/// A string, or the string at `type` of an object, which is how licences were once written.
fn text_of(value: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Text {
        Plain(String),
        Typed { r#type: String },
    }
    match serde_json::from_str(value.get()).ok()? {
        Text::Plain(text) | Text::Typed { r#type: text } => Some(text),
    }
}

/// Licences taken of one list; real ones have below 5.
const LICENCES: usize = 20;

/// A list of what [`text_of`] reads, of which any may be chosen, as an expression (SPDX, annex D); one alone need not be in a
/// list.
fn choice_of(value: &RawValue) -> Option<String> {
    let Ok(list) = serde_json::from_str::<Vec<&RawValue>>(value.get()) else { return text_of(value) };
    let texts: Vec<String> = list.into_iter().take(LICENCES).filter_map(text_of).collect();
    (!texts.is_empty()).then(|| texts.join(" OR "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::testing::{Image, assemble, packages};

    #[test]
    fn manifests_are_read_as_node_reads_them() {
        let deep = format!(r#"{{"name":"a","x":{}{},"version":"1"}}"#, "[".repeat(5000), "]".repeat(5000));
        let cases: &[(&[u8], Option<Option<&str>>)] = &[
            (br#"{"name":"a","version":"1.0.0","license":"MIT"}"#, Some(Some("a 1.0.0 MIT"))),
            (b"\xef\xbb\xbf{\"name\":\"a\",\"version\":\"1\"}\n", Some(Some("a 1 "))),
            (br#"{"name":"a","name":"b","version":"1"}"#, Some(Some("b 1 "))),
            (br#"{"n\u0061me":"a","version":"1","license":{"url":"u","type":"BSD"}}"#, Some(Some("a 1 BSD"))),
            (br#"{"name":"a","version":"1","license":["MIT"]}"#, Some(Some("a 1 MIT"))),
            (br#"{"name":"a","version":"1","license":["GPL-3.0",{"type":"ISC"}]}"#, Some(Some("a 1 GPL-3.0 OR ISC"))),
            (
                br#"{"name":"a","version":"1","licenses":[{"type":"MIT","url":"u"},{"x":1},"Apache-2.0"]}"#,
                Some(Some("a 1 MIT OR Apache-2.0")),
            ),
            (br#"{"name":"a","version":"1","licenses":[{"type":"MIT"}],"license":"ISC"}"#, Some(Some("a 1 ISC"))),
            (br#"{"name":"a","version":"1","licenses":{"type":"MIT"}}"#, Some(Some("a 1 MIT"))),
            (br#"{"name":"a","version":"1","licenses":[]}"#, Some(Some("a 1 "))),
            (b"{\"name\":\"a\",\"author\":\"\xff\",\"version\":\"1\"}", Some(Some("a 1 "))),
            (deep.as_bytes(), Some(Some("a 1 "))),
            (br#"{"name":"a"}"#, Some(None)),
            (br#"{"name":"a","version":1}"#, Some(None)),
            (br#"{"name":null,"version":"1"}"#, Some(None)),
            (br#"{"name":"","version":"1"}"#, Some(None)),
            (b"", Some(None)),
            (b" \n", Some(None)),
            (b"[]", None),
            (br#"{"name":"a","version":"1""#, None),
        ];
        for (bytes, expected) in cases {
            let read = parse(bytes).ok().map(|read| match read {
                Read::Package(p) => Some(format!("{} {} {}", p.name, p.version, p.licence.unwrap_or_default())),
                Read::Unnamed | Read::Unusable => None,
            });
            assert_eq!(read, expected.map(|e| e.map(str::to_owned)), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_package_with_an_unusable_name_or_version_is_a_gap() {
        let root = "app/node_modules/a/package.json";
        let cases = [
            (root, r#"{"name":"a","version":1}"#, 1),
            (root, r#"{"name":"a","version":null}"#, 1),
            (root, r#"{"name":["a"],"version":"1"}"#, 1),
            (root, r#"{"name":"a\u0000","version":"1"}"#, 1),
            (root, r#"{"name":"","version":1}"#, 1),
            (root, r#"{"type":"module"}"#, 0),
            (root, r#"{"name":"a","version":""}"#, 0),
            ("app/package.json", r#"{"name":"a","version":1}"#, 0),
        ];
        for (path, text, gaps) in cases {
            let inventory = assemble(&Image::new().file(path, text));
            assert_eq!(inventory.limitations.iter().filter(|told| told.is_gap).count(), gaps, "{path} {text}");
        }
    }

    #[test]
    fn roots_are_what_require_finds() {
        let cases = [
            ("app/node_modules/a/package.json", true),
            ("node_modules/@s/a/package.json", true),
            ("app/node_modules/.pnpm/a@1/node_modules/a/package.json", true),
            ("usr/share/nodejs/a/package.json", true),
            ("usr/share/nodejs/@s/a/package.json", true),
            ("usr/lib/x86_64-linux-gnu/nodejs/a/package.json", true),
            ("usr/share/nodejs/a/lib/package.json", false),
            ("srv/nodejs/a/package.json", false),
            ("app/package.json", false),
            ("package.json", false),
            ("node_modules/package.json", false),
            ("app/node_modules/a/test/package.json", false),
            ("app/node_modules/@s/a/esm/package.json", false),
        ];
        for (path, expected) in cases {
            assert_eq!(is_package_root(&path.into()), expected, "{path}");
        }
    }

    #[test]
    fn packages_are_found_where_a_live_name_leads() {
        let manifest = r#"{"name":"a","version":"1"}"#;
        let root = "app/node_modules/a/package.json";
        let cases: &[(Image, &[&str], usize)] = &[
            (Image::new().file(root, manifest), &["a 1 /app/node_modules/a/package.json"], 0),
            (Image::new().file(root, manifest).layer().file(root, ""), &[], 0),
            (Image::new().file(root, manifest).layer().link("app", "srv"), &[], 0),
            // pnpm: the store comes first in the archive, under names that say nothing
            (
                Image::new().file("root/store/00/ab", manifest).hard_link(root, "root/store/00/ab"),
                &["a 1 /app/node_modules/a/package.json"],
                0,
            ),
            (
                Image::new().file("root/store/00/ab", manifest).layer().hard_link(root, "root/store/00/ab"),
                &["a 1 /app/node_modules/a/package.json"],
                0,
            ),
            // a package, or the whole folder, that only a link puts where `require` finds it
            (
                Image::new().file("src/a/package.json", manifest).link("app/node_modules/a", "/src/a"),
                &["a 1 /app/node_modules/a/package.json"],
                0,
            ),
            (
                Image::new().file("deps/a/package.json", manifest).layer().link("app/node_modules", "/deps"),
                &["a 1 /app/node_modules/a/package.json"],
                0,
            ),
            // pnpm's own links lead to where the package is known
            (
                Image::new()
                    .file("app/node_modules/.pnpm/a@1/node_modules/a/package.json", manifest)
                    .link("app/node_modules/a", ".pnpm/a@1/node_modules/a"),
                &["a 1 /app/node_modules/.pnpm/a@1/node_modules/a/package.json"],
                0,
            ),
            (Image::new().file(root, "{"), &[], 1),
            (Image::new().file("app/node_modules/a/test/broken/package.json", "{"), &[], 0),
        ];
        for (image, expected, told) in cases {
            let inventory = assemble(image);
            assert_eq!(packages(&inventory), *expected, "{image:?}");
            assert_eq!(inventory.limitations.len(), *told, "{:?}", inventory.limitations);
        }
    }
}
