//! Packages of Yarn's Plug'n'Play: zip archives that Node.js loads from as they are, and the map that leads to them
//! (Yarn, "Plug'n'Play Specification").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde::Deserialize;

use crate::collect::{About, Collector, Delivery, Facts, File, PackageFact, Select};
use crate::escape::escape;
use crate::format::zip::{Archive, Budget};
use crate::inventory::{Need, State};
use crate::path::ImagePath;
use crate::size::ByteSize;

use super::npm::{self, NPM};
use super::purl;
use super::text::{Complaints, PACKAGES_PER_FILE, complain, tell_flaws};

/// Reads each zip archive that begins as those of Yarn's cache do, and the maps.
pub(super) struct YarnPnp;

static ABOUT: About = About {
    title: "Node packages in Yarn's cache",
    ecosystems: &[&NPM],
    reads: "Name, version, licence and dependencies of each package from the manifest in its archive. What the \
                map names and no archive holds is declared.",
    not_seen: &["packages of a cache that is not in the image"],
    references: &["https://yarnpkg.com/advanced/pnp-spec"],
};

impl Collector for YarnPnp {
    fn id(&self) -> &'static str {
        "yarn-pnp"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Suffix(".zip"), Select::Name(".pnp.cjs"), Select::Name(".pnp.js"), Select::Name(".pnp.data.json")]
    }

    /// One package each: the largest have some tens of megabytes. Larger archives of this ending are something else.
    fn delivery(&self) -> Delivery {
        Delivery::WholeOrWindows(ByteSize::mib(256))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        if file.path.as_bytes().ends_with(b".zip") {
            if file.offset == 0 && is_of_cache(file.bytes) {
                if file.is_last {
                    read_archive(file.bytes, facts);
                } else {
                    complain(facts, "the archive is too large to be read");
                }
            }
        } else if !file.is_last {
            complain(facts, "the map is too large to be read");
        } else if file.offset == 0 {
            read_map(file.bytes, facts);
        }
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

/// Whether a zip archive begins with an entry below `node_modules/` (APPNOTE 4.3.7: the name is at offset 30).
fn is_of_cache(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") && bytes.get(30..).is_some_and(|name| name.starts_with(b"node_modules/"))
}

fn read_archive(bytes: &[u8], facts: &mut Facts) {
    let mut budget = Budget::for_file(bytes.len());
    let archive = match Archive::open(bytes, &mut budget) {
        Ok(archive) => archive,
        Err(error) => return complain(facts, format!("the archive cannot be read: {error}")),
    };
    tell_flaws(&archive, facts);
    for entry in archive.entries() {
        let path = ImagePath::new(entry.name);
        if path.file_name() != b"package.json" || !npm::is_package_root(&path) {
            continue;
        }
        let inside = path.to_string();
        let manifest = match archive.read(entry, npm::MANIFEST, &mut budget) {
            Ok(manifest) => manifest,
            Err(error) => {
                complain(facts, format!("{inside} cannot be read: {error}"));
                continue;
            }
        };
        if let Some(package) = npm::package(&manifest, facts) {
            facts.package(PackageFact { inside: Some(inside.trim_start_matches('/').into()), ..package });
        }
    }
}

/// The map: `.pnp.data.json`, or the same JSON within a script.
#[derive(Deserialize)]
struct Map {
    #[serde(rename = "packageRegistryData")]
    packages: Vec<(Option<String>, Vec<Version>)>,
}

/// A reference such as `npm:1.0.0`, and where its package is.
type Version = (Option<String>, Location);

#[derive(Deserialize)]
struct Location {
    #[serde(rename = "packageDependencies", default)]
    dependencies: Vec<(String, serde_json::Value)>,
}

fn read_map(bytes: &[u8], facts: &mut Facts) {
    let text = String::from_utf8_lossy(bytes);
    let map: Option<Map> = if text.trim_start().starts_with('{') {
        serde_json::from_str(&text).ok()
    } else if let Some((_, script)) = text.split_once("RAW_RUNTIME_STATE =") {
        serde_json::from_str(&literal(script)).ok()
    } else if let Some((_, script)) = text.split_once("hydrateRuntimeState({") {
        // what follows the object is script again
        let object = format!("{{{script}");
        serde_json::Deserializer::from_str(&object).into_iter().next().and_then(Result::ok)
    } else {
        None
    };
    let Some(map) = map else { return complain(facts, "the map of packages is not understood") };
    let all = map.packages.into_iter().flat_map(|(name, versions)| {
        versions.into_iter().filter_map(move |(reference, location)| Some((name.clone()?, reference?, location)))
    });
    let (mut taken, mut beyond) = (0_usize, 0_usize);
    let mut complaints = Complaints::default();
    for (name, reference, location) in all {
        // what is of no registry is the project's own, or of a place that has no version
        let Some(version_of_it) = version(&reference) else { continue };
        if taken >= PACKAGES_PER_FILE {
            beyond = beyond.saturating_add(1);
            continue;
        }
        let Some(fact) = purl::fact(&NPM, &name, version_of_it) else {
            complaints.add(format!("`{}` is no name of a package", escape(&name)));
            continue;
        };
        taken = taken.saturating_add(1);
        let needs =
            location.dependencies.iter().filter(|(needed, _)| *needed != name).filter_map(|(needed, reference)| {
                // an alias gives name and reference of what it stands for
                Some(match reference {
                    serde_json::Value::String(text) => {
                        Need { name: needed.clone(), version: version(text).map(str::to_owned) }
                    }
                    serde_json::Value::Array(real) => Need {
                        name: real.first()?.as_str()?.to_owned(),
                        version: real.get(1)?.as_str().and_then(version).map(str::to_owned),
                    },
                    _ => return None,
                })
            });
        let needs = needs.collect();
        // each peer of a package makes another virtual copy of it
        facts.package(PackageFact { state: State::Declared, needs, ..fact });
    }
    if beyond > 0 {
        complaints.add(format!("it names more than {PACKAGES_PER_FILE} packages; the rest is not read"));
    }
    complaints.push(facts);
}

/// The version in `npm:1.2.3`, `virtual:HASH#npm:1.2.3` or `npm:1.2.3::__archiveUrl=…`; none of a workspace.
fn version(reference: &str) -> Option<&str> {
    let (_, version) = reference.rsplit_once("npm:")?;
    let version = version.split("::").next()?;
    // an alias: `npm:real@1.2.3`
    let version = version.rsplit_once('@').map_or(version, |(_, version)| version);
    version.starts_with(|c: char| c.is_ascii_digit()).then_some(version)
}

/// The string literal at the start of a script, with its escapes undone.
fn literal(script: &str) -> String {
    let mut signs = script.trim_start().chars();
    let Some(quote) = signs.next() else { return String::new() };
    let mut text = String::new();
    while let Some(sign) = signs.next() {
        match sign {
            '\\' => match signs.next() {
                Some('\n') | None => {}
                Some('n') => text.push('\n'),
                Some(escaped) => text.push(escaped),
            },
            _ if sign == quote => break,
            _ => text.push(sign),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::testing::Zip;
    use crate::package::testing::{Image, assemble, packages};

    #[test]
    fn archives_of_the_cache_hold_one_package() {
        let manifest = br#"{"name":"@s/a","version":"1.0.0","license":"MIT"}"#;
        let good = Zip::default()
            .stored("node_modules/@s/a/", "")
            .file("node_modules/@s/a/package.json", manifest)
            .file("node_modules/@s/a/test/package.json", r#"{"name":"no","version":"0"}"#)
            .file("node_modules/@s/a/node_modules/b/package.json", r#"{"name":"b","version":"2.0.0"}"#)
            .build();
        let other = Zip::default().stored("a.txt", "").file("node_modules/c/package.json", manifest).build();
        let image = Image::new().file("app/.yarn/cache/a-npm-1.0.0-00.zip", &good).file("srv/x.zip", other);
        let inventory = assemble(&image);
        assert_eq!(
            packages(&inventory),
            ["@s/a 1.0.0 /app/.yarn/cache/a-npm-1.0.0-00.zip", "b 2.0.0 /app/.yarn/cache/a-npm-1.0.0-00.zip"]
        );
        assert_eq!(inventory.packages[0].locations[0].inside.as_deref(), Some("node_modules/@s/a/package.json"));
        assert!(inventory.limitations.is_empty());

        let cut = good.get(..good.len() / 2).expect("half of it");
        let inventory = assemble(&Image::new().file("a.zip", cut));
        assert!(inventory.limitations.iter().any(|told| told.is_gap), "{:?}", packages(&inventory));
    }

    #[test]
    fn maps_declare_packages() {
        let json = r#"{"__info":[],"packageRegistryData":[
            [null,[[null,{"packageLocation":"./","packageDependencies":[["a","npm:1.0.0"]]}]]],
            ["a",[["npm:1.0.0",{"packageLocation":"./.yarn/cache/a.zip/","packageDependencies":[["a","npm:1.0.0"],["b","virtual:00#npm:2.0.0"],["c",["d","npm:3.0.0"]],["e",null]]}]]],
            ["b",[["virtual:00#npm:2.0.0",{"packageLocation":"./x"}],["npm:2.0.0",{"packageLocation":"./y"}]]],
            ["d",[["npm:3.0.0",{"packageLocation":"./it's"}]]],
            ["app",[["workspace:.",{"packageLocation":"./"}]]]]}"#;
        let expected = ["a 1.0.0 /app/.pnp", "b 2.0.0 /app/.pnp", "d 3.0.0 /app/.pnp"];
        let escaped = json.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\\n");
        let cases = [
            (".data.json", json.to_owned()),
            (".cjs", format!("/* eslint-disable */\nconst RAW_RUNTIME_STATE =\n'{escaped}';\nmore('x');")),
            (".js", format!("return hydrateRuntimeState({json}, {{basePath: basePath}});")),
        ];
        for (ending, text) in cases {
            let inventory = assemble(&Image::new().file(&format!("app/.pnp{ending}"), text));
            let expected: Vec<String> = expected.iter().map(|line| format!("{line}{ending}")).collect();
            assert_eq!(packages(&inventory), expected, "{ending} {:?}", inventory.limitations);
            assert!(inventory.packages.iter().all(|package| package.state == State::Declared && package.is_counted));
            assert_eq!(inventory.packages[0].dependencies, [1, 2]);
        }
        let one = |index: usize| format!(r#"["n{index}",[["npm:1.0.0",{{"packageLocation":"./n"}}]]]"#);
        let many: Vec<String> = (0..PACKAGES_PER_FILE + 2).map(one).collect();
        let many = format!(r#"{{"packageRegistryData":[["/",[["npm:1.0.0",{{}}]]],{}]}}"#, many.join(","));
        let inventory = assemble(&Image::new().file("app/.pnp.data.json", many));
        assert_eq!(inventory.packages.len(), PACKAGES_PER_FILE);
        assert_eq!(inventory.limitations.iter().filter(|told| told.is_gap).count(), 2, "{:?}", inventory.limitations);

        let inventory = assemble(&Image::new().file("app/.pnp.cjs", "#!/usr/bin/env node\n"));
        assert_eq!(inventory.limitations.len(), 1);
    }
}
