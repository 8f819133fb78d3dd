//! Julia packages: the project file of each package in a depot, and manifests (Julia "Pkg", "Project.toml and
//! Manifest.toml").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde::Deserialize;

use crate::collect::{About, Collector, Delivery, Fact, Facts, File, PackageFact, Select};
use crate::inventory::{Ecosystem, Need, State};
use crate::path::ImagePath;
use crate::size::ByteSize;

use super::purl;
use super::text::{Complaints, PACKAGES_PER_FILE, complain, field};

/// Packages of Julia's registries.
static JULIA: Ecosystem = Ecosystem { id: "julia", purl_type: "julia", is_system: false };

/// Reads `Project.toml` of installed packages and every `Manifest.toml`.
pub(super) struct Julia;

static ABOUT: About = About {
    title: "Julia packages",
    ecosystems: &[&JULIA],
    reads: "Name, version, identifier and needs of each package in a depot and in Julia's own library; what \
                manifests name besides is marked as declared.",
    not_seen: &[
        "packages compiled into a system image without their sources",
        "packages of the library without a version of their own, which have Julia's",
        "licences, which stand in the packages' texts only",
    ],
    references: &["https://pkgdocs.julialang.org/v1/toml-files/"],
};

impl Collector for Julia {
    fn id(&self) -> &'static str {
        "julia"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[
            Select::Name("Project.toml"),
            Select::Name("JuliaProject.toml"),
            Select::Name("Manifest.toml"),
            Select::Name("JuliaManifest.toml"),
        ]
    }

    fn delivery(&self) -> Delivery {
        Delivery::WholeOrNothing(ByteSize::mib(8))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        if file.bytes.trim_ascii().is_empty() || !self.accepts(file.path) {
            return;
        }
        let text = String::from_utf8_lossy(file.bytes);
        if file.path.file_name().ends_with(b"Project.toml") {
            match toml::from_str::<Project>(&text) {
                Ok(project) => project.fact().into_iter().for_each(|package| facts.package(package)),
                Err(error) => complain(facts, format!("it is no project: {}", error.message())),
            }
            return;
        }
        match toml::from_str::<toml::Table>(&text) {
            Ok(table) => manifest(&table, facts),
            // a declaration hides nothing that is installed, and the file may be of another program
            Err(error) => facts.push(Fact::Oddity(format!("it is no TOML: {}", error.message()).into())),
        }
    }

    /// `packages/NAME/SLUG/Project.toml` of a depot, `stdlib/vX.Y/NAME/Project.toml` of Julia, and manifests that are
    /// not part of such a package.
    fn accepts(&self, path: &ImagePath) -> bool {
        let folders: Vec<&[u8]> = path.components().collect();
        let is_slug = |slug: &[u8]| matches!(slug.len(), 4 | 5) && slug.iter().all(u8::is_ascii_alphanumeric);
        if path.file_name().ends_with(b"Project.toml") {
            return match folders.as_slice() {
                [.., b"packages", _, slug, _] => is_slug(slug),
                [.., b"stdlib", version, _, _] => version.starts_with(b"v"),
                _ => false,
            };
        }
        !folders.windows(3).any(|three| matches!(three, [b"packages", _, slug] if is_slug(slug)))
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

/// What is wanted of a project.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Project {
    name: Option<String>,
    uuid: Option<String>,
    version: Option<String>,
    deps: Option<toml::Table>,
}

impl Project {
    /// The package, if it has a version; some of the library's have none.
    fn fact(self) -> Option<PackageFact> {
        let needs = self.deps.iter().flat_map(toml::Table::keys).map(|name| Need { name: name.clone(), version: None });
        let needs = needs.collect();
        Some(PackageFact { needs, ..named(&self.name?, &self.version?, &self.uuid?)? })
    }
}

fn named(name: &str, version: &str, uuid: &str) -> Option<PackageFact> {
    let text = |text: &str| field(text.as_bytes());
    purl::qualified(&JULIA, &text(name)?, &text(version)?, &[("uuid", &text(uuid)?)])
}

/// Packages by name: at the top (format 1), or below `deps` (format 2). Of one name there may be several.
fn manifest(table: &toml::Table, facts: &mut Facts) {
    let mut complaints = Complaints::default();
    // a file of this name may be of another program
    let Some(list) = table.get("deps").and_then(toml::Value::as_table).or_else(|| {
        let is_list =
            |value: &toml::Value| value.as_array().is_some_and(|list| list.iter().all(|one| one.get("uuid").is_some()));
        (!table.is_empty() && table.values().all(is_list)).then_some(table)
    }) else {
        return;
    };
    let julia = table.get("julia_version").and_then(toml::Value::as_str);
    let packages = list
        .iter()
        .flat_map(|(name, entries)| entries.as_array().into_iter().flatten().map(move |entry| (name, entry)));
    for (index, (name, entry)) in packages.enumerate() {
        if index == PACKAGES_PER_FILE {
            complaints.add(format!("it names more than {PACKAGES_PER_FILE} packages; the rest is not read"));
            break;
        }
        let text = |key: &str| entry.get(key).and_then(toml::Value::as_str);
        // what has no version is of the library, which has Julia's, or a folder
        let is_folder = text("path").is_some();
        let version = text("version").or(julia.filter(|_| !is_folder));
        let (Some(version), Some(uuid)) = (version, text("uuid")) else {
            if text("uuid").is_none() {
                complaints.add(format!("`{name}` has no identifier"));
            }
            continue;
        };
        let needs = match entry.get("deps") {
            Some(toml::Value::Array(names)) => {
                names.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect()
            }
            Some(toml::Value::Table(names)) => names.keys().cloned().collect(),
            _ => Vec::new(),
        };
        let needs = needs.into_iter().map(|name| Need { name, version: None }).collect();
        match named(name, version, uuid) {
            Some(fact) => facts.package(PackageFact { state: State::Declared, needs, ..fact }),
            None => complaints.add(format!("`{}` is no name of a package", name.escape_debug())),
        }
    }
    complaints.push(facts);
}

#[cfg(test)]
mod tests {
    use crate::package::testing::{Image, assemble};

    #[test]
    fn depots_hold_packages_and_manifests_declare_them() {
        let json = "name = \"JSON\"\nuuid = \"682c06a0\"\nversion = \"0.21.4\"\n\n[deps]\nDates = \"ade2ca70\"\n";
        let dates = "name = \"Dates\"\nuuid = \"ade2ca70\"\nversion = \"1.11.0\"\n";
        let first = "[[Dates]]\nuuid = \"ade2ca70\"\n\n[[JSON]]\ndeps = [\"Dates\"]\nuuid = \"682c06a0\"\nversion = \"0.21.4\"\n";
        let second = "julia_version = \"1.10.0\"\nmanifest_format = \"2.0\"\n\n[[deps.Dates]]\nuuid = \"ade2ca70\"\n\n\
            [[deps.JSON]]\nuuid = \"682c06a0\"\nversion = \"0.21.4\"\n[deps.JSON.deps]\nDates = \"ade2ca70\"\n\n\
            [[deps.Mine]]\npath = \".\"\nuuid = \"0\"\n\n[[deps.Bad]]\nversion = \"1\"\n";
        let installed = "pkg:julia/JSON@0.21.4?uuid=682c06a0 Installed";
        let cases: &[(Image, &[&str], usize)] = &[
            (
                Image::new()
                    .file("root/.julia/packages/JSON/93Ea8/Project.toml", json)
                    .file("root/.julia/packages/JSON/93Ea8/docs/Manifest.toml", second)
                    .file("opt/julia/share/julia/stdlib/v1.11/Dates/Project.toml", dates)
                    .file("root/.julia/environments/v1.11/Manifest.toml", first),
                &["pkg:julia/Dates@1.11.0?uuid=ade2ca70 Installed 0", &format!("{installed} 1")],
                0,
            ),
            (
                Image::new().file("app/Manifest.toml", second),
                &["pkg:julia/Dates@1.10.0?uuid=ade2ca70 Declared 0", "pkg:julia/JSON@0.21.4?uuid=682c06a0 Declared 1"],
                1,
            ),
            (Image::new().file("app/Project.toml", json), &[], 0),
            (Image::new().file("app/Manifest.toml", "[package]\nname = \"x\"\n"), &[], 0),
            (Image::new().file("app/Manifest.toml", "["), &[], 1),
            (Image::new().file("d/packages/A/93Ea8/Project.toml", "name = 1"), &[], 1),
            (Image::new().file("d/packages/A/93Ea8/Project.toml", ""), &[], 0),
        ];
        for (image, expected, told) in cases {
            let inventory = assemble(image);
            let seen: Vec<_> = inventory
                .packages
                .iter()
                .map(|p| format!("{} {:?} {}", p.purl, p.state, p.dependencies.len()))
                .collect();
            assert_eq!(seen, *expected);
            assert_eq!(inventory.limitations.len(), *told, "{:?}", inventory.limitations);
        }
    }
}
