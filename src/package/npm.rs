//! Installed Node packages: the `package.json` of each folder that `require` can reach (npm `package.json(5)`, Node.js "Modules").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::collect::{Collector, Delivery, Fact, Facts, File, PackageFact, Select, View};
use crate::inventory::{Ecosystem, Inventory, PackageLocation};
use crate::limitation::Limitation;
use crate::path::ImagePath;
use crate::size::ByteSize;

use super::purl;
use super::text::{CODE, complain, field, tell_note};

/// Packages of npm's registry.
pub(super) static NPM: Ecosystem = Ecosystem { id: "npm", purl_type: "npm", is_system: false };

/// Reads every `package.json`; which of them are installed packages is told by their live names.
pub(super) struct Npm;

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
        Delivery::Whole(ByteSize::mib(4))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        match parse(file.bytes) {
            Ok(Read::Package(package)) => facts.package(*package),
            Ok(Read::Unnamed) => {}
            Ok(Read::Unusable) => {
                facts.push(Fact::Text { key: UNUSABLE, text: "its name or version is no text".into() });
            }
            Err(error) => complain(facts, format!("it is no JSON object: {error}")),
        }
    }

    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        let first_layers = view.first_layers();
        for (path, node, fact) in view.live().filter(|(path, ..)| is_package_root(path)) {
            // Node.js refuses to load a package whose manifest is broken
            tell_note(inventory, path, fact);
            if let Fact::Text { key: UNUSABLE, text } = fact {
                // it loads such a one by the name of its folder
                let limitation = Limitation::gap(CODE, path.to_string(), text.to_string())
                    .help("a package may be missing from this report; look at the file");
                inventory.limitations.push(limitation);
            }
            let Fact::Package(package) = fact else { continue };
            let Some(purl) = purl::of_language(&NPM, &package.name, &package.version) else { continue };
            let added_by = first_layers.of(path, node, package);
            let location = PackageLocation { path: path.clone(), node, added_by };
            inventory.packages.push(PackageFact::clone(package).into_package(&NPM, purl, location));
        }
    }
}

/// Whether `path` is the `package.json` of an installed package: `node_modules/NAME/package.json`
/// or `node_modules/@SCOPE/NAME/package.json`, or the same in a folder `nodejs` of the system,
/// where Debian puts its own.
///
/// Others are parts of packages, their tests, or the application itself.
fn is_package_root(path: &ImagePath) -> bool {
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

/// Key of what is told of a manifest that names no package but would.
const UNUSABLE: &str = "unusable";

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
    let licence = text(manifest.licence);
    Ok(match (text(manifest.name), text(manifest.version)) {
        (Some(name), Some(version)) => {
            Read::Package(Box::new(PackageFact { name, version, licence, ..PackageFact::default() }))
        }
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
                    let wanted = match key.as_str() {
                        "name" => &mut manifest.name,
                        "version" => &mut manifest.version,
                        "license" => &mut manifest.licence,
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
            (br#"{"name":"a","version":"1","license":["MIT"]}"#, Some(Some("a 1 "))),
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
