//! Which packages npm installed for development alone: the list it leaves in `node_modules` (npm
//! `package-lock.json(5)`, "Hidden Lockfiles").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::collect::{Collector, Delivery, Fact, Facts, File, Select, View};
use crate::inventory::{Inventory, NpmInstall};
use crate::limitation::Limitation;
use crate::size::ByteSize;

/// Reads `node_modules/.package-lock.json`.
pub(super) struct NpmInstalls;

/// Folders taken of one list. Large applications install some ten thousand packages.
const FOLDERS: usize = 100_000;

const KEY: &str = "npm-development";

impl Collector for NpmInstalls {
    fn id(&self) -> &'static str {
        "npm-install"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Suffix("/node_modules/.package-lock.json")]
    }

    /// Those of large applications are below 2 MiB.
    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize::mib(32))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        match serde_json::from_slice::<List>(file.bytes) {
            Ok(list) => {
                for folder in list.packages.0 {
                    facts.push(Fact::Text { key: KEY, text: folder });
                }
                // also where all of it is needed to run
                facts.push(Fact::Text { key: KEY, text: "".into() });
            }
            Err(error) => {
                let what = format!("it does not tell which packages are for development: {error}");
                facts.limitation(Limitation::note("npm-install-unread", file.path.to_string(), what));
            }
        }
    }

    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        for (path, node) in view.selected {
            let texts = view.facts_of(*node).filter_map(|fact| match fact {
                Fact::Text { key: KEY, text } => Some(text),
                _ => None,
            });
            let mut texts = texts.peekable();
            if texts.peek().is_none() {
                continue;
            }
            // paths in the list are of the project, whose folder holds `node_modules`
            let project = path.parent().parent();
            let development = texts.filter(|text| !text.is_empty()).map(|text| project.join(text.as_bytes())).collect();
            inventory.npm_installs.push(NpmInstall { modules: path.parent(), development });
        }
    }
}

#[derive(Deserialize)]
struct List {
    packages: Folders,
}

/// The folders of packages marked as for development.
struct Folders(Vec<Box<str>>);

#[derive(Deserialize)]
struct Package {
    #[serde(default)]
    dev: bool,
}

impl<'de> Deserialize<'de> for Folders {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Folders;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("packages by folder")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Folders, A::Error> {
                let mut folders = Vec::new();
                while let Some((folder, package)) = map.next_entry::<String, Package>()? {
                    if package.dev && folders.len() < FOLDERS {
                        folders.push(folder.into());
                    }
                }
                Ok(Folders(folders))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests {
    use crate::package::testing::{Image, assemble};

    #[test]
    fn folders_for_development_are_listed_by_project() {
        let list = r#"{"lockfileVersion":3,"packages":{"node_modules/a":{"version":"1"},
            "node_modules/jest":{"version":"1","dev":true},"node_modules/a/node_modules/../../../b":{"dev":true}}}"#;
        let image = Image::new()
            .file("srv/app/node_modules/.package-lock.json", list)
            .file("srv/run/node_modules/.package-lock.json", r#"{"packages":{"node_modules/a":{}}}"#)
            .file("srv/old/node_modules/.package-lock.json", "{")
            .file("srv/app/.package-lock.json", list);
        let inventory = assemble(&image);
        let shown: Vec<String> = inventory
            .npm_installs
            .iter()
            .map(|install| format!("{} {:?}", install.modules, install.development))
            .collect();
        assert_eq!(
            shown,
            ["/srv/app/node_modules [/srv/app/node_modules/jest, /srv/app/b]", "/srv/run/node_modules []"]
        );
        assert!(inventory.limitations.iter().any(|limitation| limitation.code == "npm-install-unread"));
    }
}
