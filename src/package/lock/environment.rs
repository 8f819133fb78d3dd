//! `environment.yml` of conda and `conda.yaml` of `MLflow`, as far as they name exact versions (conda "Creating an
//! environment file manually", "Package match specifications").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::collect::{About, Collector, Delivery, Facts, File, Select, View};
use crate::inventory::{Ecosystem, Inventory, State};
use crate::package::python::PYPI;
use crate::package::text::{PACKAGES_PER_FILE, is_version, lines};
use crate::path::ImagePath;
use crate::size::ByteSize;

use super::declared::{Declared, Entry, encoded};
use super::read::{self, Entries, List, Text};
use super::requirements::pin;
use super::{FOREIGN_UNSEEN, is_own};

/// What conda is asked for: such packages own no files.
static CONDA: Ecosystem = Ecosystem { id: "conda", purl_type: "conda", is_system: false };

/// What an environment of conda is made from.
pub(in crate::package) struct CondaEnvironment;

static ABOUT: About = About {
    title: "Environment files of conda",
    ecosystems: &[&CONDA, &PYPI],
    reads: "Names and versions of packages that are asked for in an exact version: with `==`, with a build, or with \
                three numbers or more behind `=`, as `conda env export --no-builds` writes them; and what is pinned for pip.",
    not_seen: &[
        "packages in any version, in a range, or with fewer numbers: `python=3.9` means any 3.9",
        "channels, and which package needs which",
        FOREIGN_UNSEEN,
    ],
    references: &[
        "https://docs.conda.io/projects/conda/en/stable/user-guide/tasks/manage-environments.html",
        "https://docs.conda.io/projects/conda/en/stable/user-guide/concepts/pkg-specs.html",
    ],
};

impl Collector for CondaEnvironment {
    fn id(&self) -> &'static str {
        "conda-environment"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[
            Select::Name("environment.yml"),
            Select::Name("environment.yaml"),
            Select::Name("conda.yml"),
            Select::Name("conda.yaml"),
        ]
    }

    fn delivery(&self) -> Delivery {
        Delivery::WholeOrNothing(ByteSize::mib(8))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        // other programs have environments, too
        if lines(file.bytes).any(|(_, line)| line.starts_with(b"dependencies:")) {
            super::collect(file, &CONDA, read_conda, facts);
            super::collect(file, &PYPI, read_pip, facts);
        }
    }

    /// What is installed has a build and a channel in its purl; what is asked for means that very package.
    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        let taken = view.take_packages(self, inventory);
        let installed: HashMap<(String, String), String> = inventory
            .packages
            .iter()
            .filter(|package| package.ecosystem.id == CONDA.id && package.state == State::Installed)
            .map(|package| ((package.name.clone(), package.version.clone()), package.purl.clone()))
            .collect();
        for taken in taken.iter().filter(|taken| taken.fact.ecosystem == Some(&CONDA)) {
            let key = (taken.fact.name.clone(), taken.fact.version.clone());
            let package = inventory.packages.get_mut(usize::try_from(taken.index).unwrap_or(usize::MAX));
            if let (Some(purl), Some(package)) = (installed.get(&key), package) {
                package.purl.clone_from(purl);
            }
        }
    }

    fn accepts(&self, path: &ImagePath) -> bool {
        is_own(path)
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

#[derive(Deserialize)]
struct Environment {
    #[serde(default)]
    dependencies: List<Item, PACKAGES_PER_FILE>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    /// `channel::name=version=build`
    Spec(String),
    /// `pip:` with a list of requirements.
    Groups(Entries<List<Text, PACKAGES_PER_FILE>, 8>),
    Other(IgnoredAny),
}

fn read_conda(bytes: &[u8], declared: &mut Declared) -> Result<(), String> {
    for environment in read::yaml::<Environment>(bytes)? {
        if environment.dependencies.is_cut {
            declared.cut();
        }
        for item in &environment.dependencies.list {
            let Item::Spec(spec) = item else { continue };
            if let Some((name, version, build)) = exact(spec) {
                let purl_tail = build.map(|build| format!("?build={}", encoded(build))).unwrap_or_default();
                declared.add(Entry { purl_tail, ..Entry::new(&name.to_ascii_lowercase(), version) });
            }
        }
    }
    Ok(())
}

/// What is wrong with the file was told of its packages of conda.
#[expect(clippy::unnecessary_wraps, reason = "readers of lock files are of this form")]
fn read_pip(bytes: &[u8], declared: &mut Declared) -> Result<(), String> {
    for environment in read::yaml::<Environment>(bytes).unwrap_or_default() {
        for item in environment.dependencies.list {
            let Item::Groups(groups) = item else { continue };
            for (_, requirements) in groups.list.into_iter().filter(|(name, _)| name == "pip") {
                if requirements.is_cut {
                    declared.cut();
                }
                for (name, version) in requirements.list.iter().filter_map(|text| pin(text.as_str()?)) {
                    declared.add(Entry::new(name, version));
                }
            }
        }
    }
    Ok(())
}

/// Name, version and build of a specification that means one version alone.
fn exact(spec: &str) -> Option<(&str, &str, Option<&str>)> {
    let spec = spec.rsplit("::").next()?.trim();
    let is_part = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '.' | '-' | '_');
    let (name, rest) = spec.split_at_checked(spec.find(|sign| !is_part(sign))?)?;
    let rest = rest.trim_start();
    let (is_fuzzy, rest) = match (rest.strip_prefix("=="), rest.strip_prefix('=')) {
        (Some(rest), _) => (false, rest),
        (None, Some(rest)) => (true, rest),
        (None, None) => (false, rest),
    };
    let mut parts = rest.split(['=', ' ']).map(str::trim).filter(|part| !part.is_empty());
    let (version, build) = (parts.next()?, parts.next());
    let is_whole = build.is_some() || !is_fuzzy || version.split('.').count() > 2;
    let is_one = !name.is_empty() && is_version(version, ".-_+!~") && parts.next().is_none();
    // a build may be a pattern, which any of several may fit
    let build = build.filter(|build| !build.contains('*'));
    (is_one && is_whole).then_some((name, version, build))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{shown, torment};
    use super::*;
    use crate::package::testing::{Image, assemble};

    const FILE: &str = "name: x\nchannels:\n  - defaults\ndependencies:\n  - python=3.9\n  - numpy=1.21.2=py39h20f2e39_0\n\
        \x20 - conda-forge::scipy==1.7\n  - openssl=1.1.1k\n  - pip\n  - 7\n  - pip:\n    - Flask==2.0\n    - x>=1\n";

    #[test]
    fn specifications_of_one_version_are_exact() {
        let cases = [
            ("numpy=1.21.2=py39_0", Some(("numpy", "1.21.2", Some("py39_0")))),
            ("numpy=1.21=py39_0", Some(("numpy", "1.21", Some("py39_0")))),
            ("numpy=1.21=py39*", Some(("numpy", "1.21", None))),
            ("numpy==1.21", Some(("numpy", "1.21", None))),
            ("numpy ==1.21", Some(("numpy", "1.21", None))),
            ("numpy 1.21.2 py39_0", Some(("numpy", "1.21.2", Some("py39_0")))),
            ("conda-forge/linux-64::_libgcc_mutex=0.1=main", Some(("_libgcc_mutex", "0.1", Some("main")))),
            ("ca-certificates=2021.10.26", Some(("ca-certificates", "2021.10.26", None))),
            ("numpy=1.21", None),
            ("numpy=1.21.*", None),
            ("numpy>=1.21.2", None),
            ("numpy==1.21|1.22", None),
            ("numpy=1.21.2,<2", None),
            ("numpy[version='1.2.3']", None),
            ("numpy", None),
            ("=1.2.3", None),
            ("", None),
        ];
        for (spec, expected) in cases {
            assert_eq!(exact(spec), expected, "{spec}");
        }
    }

    #[test]
    fn exact_versions_are_declared() {
        let expected =
            ["conda/numpy@1.21.2?build=py39h20f2e39_0", "conda/openssl@1.1.1k", "conda/scipy@1.7", "pypi/flask@2.0"];
        assert_eq!(shown("srv/environment.yml", FILE), expected);
        assert_eq!(shown("srv/environment.yml", "dependencies:\n  other: 1\nname: {}\n").len(), 1);
        for other in ["", "production: {}\n", "key: [", "dependencies: 7\n"] {
            let shown = shown("srv/environment.yaml", other);
            assert!(shown.iter().all(|told| told.starts_with("! ")) && shown.len() < 2, "{other} {shown:?}");
        }
        assert!(shown("srv/conda.yaml", "dependencies: [").first().is_some_and(|told| told.starts_with("! ")));
        torment(read_conda, FILE.as_bytes());
        torment(read_pip, FILE.as_bytes());
    }

    #[test]
    fn what_is_installed_is_not_declared_besides() {
        let record =
            r#"{"name":"numpy","version":"1.21.2","build":"py39_1","channel":"conda-forge","subdir":"linux-64"}"#;
        let image =
            Image::new().file("opt/conda/conda-meta/numpy-1.21.2-py39_1.json", record).file("environment.yml", FILE);
        let inventory = assemble(&image);
        let seen: Vec<_> = inventory.packages.iter().map(|p| (&*p.name, p.state, p.is_counted)).collect();
        assert_eq!(seen.iter().filter(|(name, ..)| *name == "numpy").count(), 1, "{seen:?}");
        let is_as_it_should_be = |(name, state, is_counted): &(&str, State, bool)| match *name {
            "numpy" => (*state, *is_counted) == (State::Installed, true),
            _ => (*state, *is_counted) == (State::Declared, false),
        };
        assert!(seen.iter().all(is_as_it_should_be), "{seen:?}");
    }
}
