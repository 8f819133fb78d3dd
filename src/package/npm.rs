//! Installed Node packages: the `package.json` of each folder that `require` can reach (npm `package.json(5)`, Node.js "Modules").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::collect::{Collector, Delivery, Fact, Facts, File, PackageFact, Select, View};
use crate::inventory::{Ecosystem, Inventory, PackageLocation};
use crate::path::ImagePath;
use crate::size::ByteSize;

use super::purl;
use super::text::{complain, field, tell};

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
            Ok(Some(package)) => facts.package(package),
            Ok(None) => {}
            Err(error) => complain(facts, format!("it is no JSON object: {error}")),
        }
    }

    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        let first_layers = view.first_layers();
        for (path, node, fact) in view.live().filter(|(path, ..)| is_package_root(path)) {
            tell(inventory, path, fact);
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

/// Name and version, if both are there. An empty file says nothing: it is how a later layer takes a package away.
fn parse(bytes: &[u8]) -> Result<Option<PackageFact>, serde_json::Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.trim_ascii().is_empty() {
        return Ok(None);
    }
    let manifest: Manifest = match std::str::from_utf8(bytes) {
        Ok(text) => serde_json::from_str(text)?,
        // Node.js replaces what is no UTF-8 too
        Err(_) => serde_json::from_str(&String::from_utf8_lossy(bytes))?,
    };
    let text = |text: Option<String>| text.as_deref().map(str::as_bytes).and_then(field);
    let (Some(name), Some(version)) = (text(manifest.name), text(manifest.version)) else { return Ok(None) };
    Ok(Some(PackageFact { name, version, licence: text(manifest.licence), ..PackageFact::default() }))
}

/// The fields wanted of a manifest. As for Node.js, the last of a name counts; a value of another
/// type than wanted is as good as none.
#[derive(Debug, Default)]
struct Manifest {
    name: Option<String>,
    version: Option<String>,
    licence: Option<String>,
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
