//! PHP packages: what Composer writes of a folder of packages (`installed.json`, Composer 1 and 2).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde::Deserialize;

use crate::collect::{About, Collector, Delivery, Facts, File, PackageFact, Select};
use crate::inventory::Need;
use crate::size::ByteSize;

use super::ecosystem::COMPOSER;
use super::lenient::{Entries, Items, Text, json};
use super::purl;
use super::text::{Complaints, PACKAGES_PER_FILE, complain};

/// Reads every `composer/installed.json`; the folder above is `vendor` unless the project calls it otherwise.
pub(super) struct Composer;

static ABOUT: About = About {
    title: "PHP packages of Composer",
    ecosystems: &[&COMPOSER],
    reads: "Name, version, licence, needs and replacements of each package that Composer installed.",
    not_seen: &["the application itself, which Composer calls the root package", "packages inside of a `.phar`"],
    references: &["https://getcomposer.org/doc/04-schema.md"],
};

impl Collector for Composer {
    fn id(&self) -> &'static str {
        "composer"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Suffix("/composer/installed.json")]
    }

    /// One of 300 packages has 1 MiB.
    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize::mib(32))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        if file.bytes.trim_ascii().is_empty() {
            return;
        }
        // Composer 2 writes an object, Composer 1 the list alone
        let list = match file.bytes.trim_ascii_start().first() {
            Some(b'[') => json(file.bytes),
            _ => json::<Installed>(file.bytes).map(|installed| installed.packages),
        };
        let list: Items = match list {
            Ok(list) => list,
            Err(error) => return complain(facts, format!("it is no JSON: {error}")),
        };
        if !list.is_list() {
            return complain(facts, "it holds no list of packages");
        }
        let mut complaints = Complaints::default();
        for package in list.read::<Record>() {
            let package = package.map_err(|error| format!("a package is no object: {error}"));
            if let Some(what) = package.as_ref().ok().and_then(Record::cut) {
                complaints.add(what);
            }
            match package.and_then(Record::fact) {
                Ok(package) => facts.package(package),
                Err(what) => complaints.add(what),
            }
        }
        if list.beyond() > 0 {
            complaints.add(format!("it lists more than {PACKAGES_PER_FILE} packages; the rest is not read"));
        }
        complaints.push(facts);
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

/// What Composer 2 writes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Installed {
    packages: Items,
}

/// One package.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Record {
    name: Text,
    version: Text,
    license: OneOrMore,
    require: Entries<Text>,
    replace: Entries<Text>,
    provide: Entries<Text>,
}

impl Record {
    /// What of it is not kept.
    fn cut(&self) -> Option<String> {
        let name = self.name.0.as_deref().unwrap_or("a package");
        let lists = [&self.require, &self.replace, &self.provide];
        let is_cut = lists.iter().any(|list| list.beyond() > 0);
        is_cut.then(|| format!("`{name}` names more than {PACKAGES_PER_FILE} others; the rest is not read"))
    }

    fn fact(self) -> Result<PackageFact, String> {
        let name = self.name.0.ok_or("a package has no name")?;
        let version = self.version.0.ok_or_else(|| format!("`{name}` has no version"))?;
        let fact = purl::qualified(&COMPOSER, &name, &version, &[]);
        let fact = fact.ok_or_else(|| format!("`{name}` is no name of a package: it has no vendor"))?;
        // what has no vendor is PHP itself, or an extension
        let names = |entries: Entries<Text>| entries.into_names().filter(|name| name.contains('/')).collect::<Vec<_>>();
        let needs = names(self.require).into_iter().map(|name| Need { name, version: None }).collect();
        let provides = [names(self.replace), names(self.provide)].concat();
        Ok(PackageFact { licence: self.license.any(), needs, provides, ..fact })
    }
}

/// A licence, or a list of which any may be chosen.
#[derive(Debug, Default)]
struct OneOrMore(Vec<String>);

impl OneOrMore {
    fn any(self) -> Option<String> {
        let is_one = self.0.len() == 1;
        let parts =
            self.0.into_iter().map(|part| if is_one || !part.contains(' ') { part } else { format!("({part})") });
        Some(parts.collect::<Vec<_>>().join(" OR ")).filter(|licence| !licence.is_empty())
    }
}

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<serde_json::value::RawValue>::deserialize(deserializer)?;
        let list: Vec<Text> = serde_json::from_str(raw.get())
            .or_else(|_| serde_json::from_str(raw.get()).map(|one: Text| vec![one]))
            .unwrap_or_default();
        Ok(Self(list.into_iter().filter_map(|text| text.0).take(LICENCES).collect()))
    }
}

/// Licences taken of one package.
const LICENCES: usize = 20;

#[cfg(test)]
mod tests {
    use crate::package::testing::{Image, assemble, packages};

    const AT: &str = "srv/vendor/composer/installed.json";

    #[test]
    fn both_forms_yield_packages() {
        let monolog =
            r#"{"name":"monolog/monolog","version":"2.9.1","version_normalized":"2.9.1.0","license":["MIT"]}"#;
        let cases: &[(String, &[&str], usize)] = &[
            (format!("[{monolog}]"), &["monolog/monolog 2.9.1 /srv/vendor/composer/installed.json"], 0),
            (
                format!(r#"{{"packages":[{monolog}],"dev":false}}"#),
                &["monolog/monolog 2.9.1 /srv/vendor/composer/installed.json"],
                0,
            ),
            // one that is broken costs itself
            (
                format!(
                    r#"{{"packages":[1,{{"name":"a/b"}},{{"name":"a","version":"1"}},{{"version":"1"}},{monolog}]}}"#
                ),
                &["monolog/monolog 2.9.1 /srv/vendor/composer/installed.json"],
                4,
            ),
            (r#"{"packages":[]}"#.into(), &[], 0),
            (r#"{"packages":{}}"#.into(), &[], 1),
            ("[".into(), &[], 1),
            (String::new(), &[], 0),
        ];
        for (text, expected, told) in cases {
            let inventory = assemble(&Image::new().file(AT, text));
            assert_eq!(packages(&inventory), *expected, "{text}");
            assert_eq!(inventory.limitations.len(), *told, "{:?}", inventory.limitations);
        }
        let elsewhere = Image::new().file("srv/installed.json", format!("[{monolog}]"));
        assert_eq!(packages(&assemble(&elsewhere)), [""; 0]);
    }

    #[test]
    fn needs_replacements_and_licences_are_taken() {
        let text = r#"[{"name":"A/App","version":"v1.0","license":["MIT","GPL-2.0-or-later WITH Classpath-exception-2.0"],
            "require":{"php":">=8","psr/log-implementation":"1.0"}},
            {"name":"b/b","version":"dev-main","license":"MIT","provide":{"psr/log-implementation":"1.0"}}]"#;
        let inventory = assemble(&Image::new().file(AT, text));
        let seen: Vec<_> = inventory
            .packages
            .iter()
            .map(|p| (&*p.purl, p.licence.as_ref().map(|l| &*l.declared), p.dependencies.len()))
            .collect();
        let either = "MIT OR (GPL-2.0-or-later WITH Classpath-exception-2.0)";
        let expected = [("pkg:composer/a/app@v1.0", Some(either), 1), ("pkg:composer/b/b@dev-main", Some("MIT"), 0)];
        assert_eq!(seen, expected);
    }
}
