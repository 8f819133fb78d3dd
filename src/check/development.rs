//! Packages that only building and testing need, with their bytes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Check, Context, at, count, some_of};
use crate::escape::escape;
use crate::finding::{Finding, Findings};
use crate::inventory::{Inventory, Package, State};
use crate::path::ImagePath;
use crate::rule::{Confidence, Rule, Severity};
use crate::size::ByteSize;

/// The system's packages for building are shipped.
pub(super) static BUILD_PACKAGES: Rule = Rule {
    id: "image/build-packages",
    title: "The image ships the system's packages for building",
    severity: Severity::Low,
    why: "Compilers, headers and static libraries are of no use to a program that is built: they are bytes in every copy, \
          flaws in every report, and tools for whoever gets in.",
    remediation: "Build in a stage of its own and copy the result, or remove the packages in the `RUN` that installed them.",
    references: &["https://docs.docker.com/build/building/multi-stage/"],
    bad: "FROM python:3.13-slim\nRUN apt-get update && apt-get install -y gcc libpq-dev && pip install psycopg2",
    good: "FROM python:3.13 AS build\nRUN pip wheel -w /wheels psycopg2\nFROM python:3.13-slim\n\
           RUN --mount=from=build,source=/wheels,target=/wheels pip install /wheels/*",
    ..Rule::NEW
};

/// Packages for testing are shipped.
pub(super) static DEVELOPMENT_PACKAGES: Rule = Rule {
    id: "image/development-packages",
    title: "The image ships packages that only tests and development need",
    severity: Severity::Low,
    confidence: Confidence::Medium,
    why: "Test runners and linters bring many packages more, each with flaws to be judged and updated, and some with \
          servers that run what they are told.",
    remediation: "Install without them: `npm ci --omit=dev`, `pip install -r requirements.txt` without the list for tests, \
                  `bundle config set without development:test`, `composer install --no-dev`.",
    references: &["https://docs.npmjs.com/cli/v11/commands/npm-ci#omit"],
    bad: "RUN npm ci",
    good: "RUN npm ci --omit=dev",
    ..Rule::NEW
};

/// Packages that the evidence lists, the largest.
const LISTED: usize = 50;

/// Whole names of the systems' packages for building.
const BUILD: &[&str] = &[
    "autoconf",
    "automake",
    "binutils",
    "bison",
    "build-base",
    "build-essential",
    "clang",
    "cmake",
    "cpp",
    "dpkg-dev",
    "flex",
    "g++",
    "gcc",
    "gcc-c++",
    "gdb",
    "gfortran",
    "golang",
    "libc-dev-bin",
    "libtool",
    "make",
    "meson",
    "ninja-build",
    "rustc",
];

/// Names of packages for testing by ecosystem; a `*` stands for what follows.
const DEVELOPMENT: &[(&str, &[&str])] = &[
    (
        "npm",
        &[
            "@storybook/*",
            "@testing-library/*",
            "@vitest/*",
            "ava",
            "chai",
            "cypress",
            "eslint",
            "eslint-plugin-*",
            "jasmine",
            "jest",
            "jest-cli",
            "karma",
            "mocha",
            "nodemon",
            "nyc",
            "playwright",
            "prettier",
            "sinon",
            "stylelint",
            "supertest",
            "tap",
            "ts-jest",
            "vitest",
            "webpack-dev-server",
        ],
    ),
    (
        "pypi",
        &[
            "black",
            "coverage",
            "debugpy",
            "flake8",
            "hypothesis",
            "ipdb",
            "isort",
            "mypy",
            "nox",
            "pip-tools",
            "pre-commit",
            "pylint",
            "pytest",
            "pytest-*",
            "ruff",
            "sphinx",
            "tox",
        ],
    ),
    (
        "gem",
        &[
            "brakeman",
            "byebug",
            "capybara",
            "factory_bot",
            "guard",
            "pry",
            "pry-byebug",
            "rspec",
            "rspec-core",
            "rubocop",
            "rubocop-*",
            "simplecov",
        ],
    ),
    (
        "composer",
        &[
            "behat/behat",
            "friendsofphp/php-cs-fixer",
            "mockery/mockery",
            "pestphp/pest",
            "phpstan/phpstan",
            "phpunit/phpunit",
            "squizlabs/php_codesniffer",
            "vimeo/psalm",
        ],
    ),
];

/// Judges installed packages by their names.
pub(super) struct Development;

impl Check for Development {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&BUILD_PACKAGES, &DEVELOPMENT_PACKAGES] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        let installed = || (0u32..).zip(&image.packages).filter(|(_, package)| package.state == State::Installed);
        let build: BTreeMap<u32, u64> = installed()
            .filter(|(_, package)| package.ecosystem.is_system && is_for_building(package))
            .map(|(index, _)| (index, 0))
            .collect();
        findings.extend(finding(image, &BUILD_PACKAGES, "for building", owned_bytes(image, build)));
        let said: HashSet<&ImagePath> = image.npm_installs.iter().flat_map(|install| &install.development).collect();
        let development: Vec<u32> = installed()
            .filter(|(_, package)| package.owner.is_none() && is_for_development(image, &said, package))
            .map(|(index, _)| index)
            .collect();
        findings.extend(finding(
            image,
            &DEVELOPMENT_PACKAGES,
            "for tests and development",
            folder_bytes(image, &development),
        ));
    }
}

fn is_for_building(package: &Package) -> bool {
    let name = package.name.as_str();
    // gcc-12, g++-12-x86-64-linux-gnu, clang-14, golang-1.19-go; each image has gcc-12-base
    let is_versioned = ["gcc-", "g++-", "cpp-", "clang-", "gfortran-", "golang-"]
        .iter()
        .any(|start| name.strip_prefix(start).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())));
    let is_base =
        name.ends_with("-base") && name != "build-base" || name.ends_with("-doc") || name.ends_with("-locales");
    !is_base
        && (BUILD.contains(&name)
            || is_versioned
            || name.ends_with("-dev")
            || name.ends_with("-devel")
            || name.starts_with("binutils-") && name != "binutils-common")
}

/// By what npm says where it does, else by the name.
fn is_for_development(image: &Inventory, said: &HashSet<&ImagePath>, package: &Package) -> bool {
    if package.ecosystem.id == "npm" {
        let folders: Vec<ImagePath> = package.locations.iter().map(|location| location.path.parent()).collect();
        let is_listed =
            |folder: &ImagePath| image.npm_installs.iter().any(|install| folder.is_under(install.modules.as_bytes()));
        if folders.iter().any(is_listed) {
            return folders.iter().all(|folder| said.contains(folder));
        }
    }
    has_name_for_development(package)
}

fn has_name_for_development(package: &Package) -> bool {
    let names = DEVELOPMENT.iter().find(|(ecosystem, _)| *ecosystem == package.ecosystem.id).map(|(_, names)| *names);
    let name = package.name.to_ascii_lowercase();
    let fits = |pattern: &&str| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == **pattern,
    };
    names.is_some_and(|names| names.iter().any(fits))
}

/// Bytes of the live files that each of the packages owns.
fn owned_bytes(image: &Inventory, mut packages: BTreeMap<u32, u64>) -> Vec<(u32, u64)> {
    if packages.is_empty() {
        return Vec::new();
    }
    for (path, owner) in image.owned.iter() {
        if let Some(bytes) = packages.get_mut(&owner)
            && let Some(node) = image.tree.get(path)
        {
            *bytes = bytes.saturating_add(image.tree.entry(node).size);
        }
    }
    packages.into_iter().collect()
}

/// Bytes of the live files in the folders of each of the packages.
fn folder_bytes(image: &Inventory, packages: &[u32]) -> Vec<(u32, u64)> {
    let mut bytes: BTreeMap<u32, u64> = packages.iter().map(|index| (*index, 0)).collect();
    let mut folders: HashMap<Vec<u8>, u32> = HashMap::new();
    for index in packages {
        let Some(package) = image.packages.get(*index as usize) else { continue };
        for location in &package.locations {
            for folder in folders_of(package, &location.path) {
                folders.entry(folder).or_insert(*index);
            }
        }
    }
    if folders.is_empty() {
        return bytes.into_iter().collect();
    }
    for (path, node) in image.tree.names() {
        let entry = image.tree.entry(node);
        if !entry.is_file() || entry.size == 0 {
            continue;
        }
        let whole = path.as_bytes();
        let mut above =
            whole.iter().enumerate().filter(|(_, byte)| **byte == b'/').filter_map(|(slash, _)| whole.get(..slash));
        let owner = above.find_map(|folder| folders.get(folder));
        if let Some(sum) = owner.and_then(|owner| bytes.get_mut(owner)) {
            *sum = sum.saturating_add(entry.size);
        }
    }
    bytes.into_iter().collect()
}

/// The folders that belong to a package alone, by the file that proves it.
fn folders_of(package: &Package, proof: &ImagePath) -> Vec<Vec<u8>> {
    let folder = proof.parent();
    match package.ecosystem.id {
        // node_modules/NAME/package.json, vendor/NAME/composer.json
        "npm" | "composer" if folder.as_bytes().ends_with(package.name.as_bytes()) => vec![folder.as_bytes().to_vec()],
        // site-packages/NAME-1.dist-info/METADATA beside site-packages/NAME
        "pypi" => {
            let name = package.name.to_ascii_lowercase().replace('-', "_");
            let site = folder.parent();
            vec![
                folder.as_bytes().to_vec(),
                site.join(name.as_bytes()).as_bytes().to_vec(),
                site.join(format!("_{name}").as_bytes()).as_bytes().to_vec(),
            ]
        }
        // specifications/NAME-1.gemspec beside gems/NAME-1
        "gem" => {
            let name = format!("{}-{}", package.name, package.version);
            vec![folder.parent().join(b"gems").join(name.as_bytes()).as_bytes().to_vec()]
        }
        _ => Vec::new(),
    }
}

fn finding(image: &Inventory, rule: &'static Rule, what: &str, mut packages: Vec<(u32, u64)>) -> Option<Finding> {
    packages.sort_by_key(|(index, bytes)| (Reverse(*bytes), *index));
    let package = |index: u32| image.packages.get(index as usize);
    let first = package(packages.first()?.0)?;
    let location = first.locations.first()?;
    let mut names: Vec<String> = packages
        .iter()
        .filter_map(|(index, _)| package(*index))
        .map(|package| format!("`{}`", escape(&package.name)))
        .collect();
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    let bytes = packages.iter().map(|(_, bytes)| *bytes).fold(0, u64::saturating_add);
    let size = if bytes > 0 { format!(" ({})", ByteSize(bytes)) } else { String::new() };
    let message = format!("{}{size} {what}: {}", count(packages.len() as u64, "package"), some_of(&names, 5));
    let listed: Vec<_> = packages
        .iter()
        .take(LISTED)
        .filter_map(|(index, bytes)| {
            package(*index).map(|package| serde_json::json!({ "purl": package.purl, "bytes": bytes }))
        })
        .collect();
    let mut finding = Finding::new(rule, "packages", at(&location.path, location.added_by), message)
        .evidence("bytes", bytes)
        .evidence("packages", listed)
        .evidence("count", packages.len());
    for name in &names {
        finding.stands_for(name.as_bytes());
    }
    // which is the largest changes from build to build
    Some(Finding { identity: Some(what.to_owned()), ..finding })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, layered, shown};
    use super::*;
    use crate::inventory::{Ecosystem, NpmInstall, PackageLocation};
    use crate::tree::Node;

    static DEB: Ecosystem = Ecosystem { id: "deb", purl_type: "deb", is_system: true };
    static NPM: Ecosystem = Ecosystem { id: "npm", purl_type: "npm", is_system: false };
    static PYPI: Ecosystem = Ecosystem { id: "pypi", purl_type: "pypi", is_system: false };

    fn package(ecosystem: &'static Ecosystem, name: &str, path: &str) -> Package {
        let location =
            PackageLocation { path: path.into(), node: Node { layer: 0, member: 0 }, added_by: 0, inside: None };
        Package::new(ecosystem, name, "1", &format!("pkg:{}/{name}@1", ecosystem.id), location)
    }

    #[test]
    fn packages_are_told_with_their_bytes() {
        let mut image = layered(vec![vec![
            file("usr/bin/gcc-12", 5_000),
            file("usr/include/x.h", 1_000),
            file("app/node_modules/jest/package.json", 100),
            file("app/node_modules/jest/node_modules/a/x.js", 9_900),
            file("app/node_modules/express/x.js", 9_000),
            file("lib/site-packages/_pytest/x.py", 2_000),
            file("lib/site-packages/pytest-1.dist-info/METADATA", 48),
        ]]);
        image.packages = vec![
            package(&DEB, "gcc-12", "var/lib/dpkg/status"),
            package(&DEB, "gcc-12-base", "var/lib/dpkg/status"),
            package(&DEB, "libx-dev", "var/lib/dpkg/status"),
            package(&NPM, "express", "app/node_modules/express/package.json"),
            package(&NPM, "jest", "app/node_modules/jest/package.json"),
            package(&PYPI, "pytest", "lib/site-packages/pytest-1.dist-info/METADATA"),
        ];
        image.owned.insert("usr/bin/gcc-12".into(), 0);
        image.owned.insert("usr/include/x.h".into(), 2);
        assert_eq!(
            shown(&Development, &image),
            [
                "low image/build-packages /var/lib/dpkg/status@0: 2 packages (5.9 KiB) for building: `gcc-12`, `libx-dev`",
                "low image/development-packages /app/node_modules/jest/package.json@0: 2 packages (11.8 KiB) for tests and development: `jest`, `pytest`",
            ]
        );
    }

    #[test]
    fn what_npm_says_counts_before_names() {
        let mut image = layered(vec![vec![file("app/node_modules/x/a.js", 1_000)]]);
        image.packages = vec![
            package(&NPM, "jest", "app/node_modules/jest/package.json"),
            package(&NPM, "x", "app/node_modules/x/package.json"),
            package(&NPM, "mocha", "other/node_modules/mocha/package.json"),
        ];
        let development = vec!["app/node_modules/x".into()];
        image.npm_installs = vec![NpmInstall { modules: "app/node_modules".into(), development }];
        let told = "2 packages (1000 B) for tests and development: `x`, `mocha`";
        let place = "low image/development-packages /app/node_modules/x/package.json@0";
        assert_eq!(shown(&Development, &image), [format!("{place}: {told}")]);
    }

    #[test]
    fn names_are_known_by_ecosystem() {
        for (ecosystem, name, is_it) in [
            (&NPM, "eslint-plugin-react", true),
            (&NPM, "@testing-library/dom", true),
            (&NPM, "jest-worker", false),
            (&PYPI, "Sphinx", true),
            (&PYPI, "jest", false),
        ] {
            assert_eq!(has_name_for_development(&package(ecosystem, name, "x")), is_it, "{name}");
        }
        for (name, is_it) in [
            ("g++-12", true),
            ("gcc-12-base", false),
            ("libgcc-s1", false),
            ("golang-1.19-go", true),
            ("musl-dev", true),
            ("glibc-devel", true),
            ("build-base", true),
            ("binutils-x86-64-linux-gnu", true),
            ("cpp-httplib", false),
            ("device-mapper", false),
        ] {
            assert_eq!(is_for_building(&package(&DEB, name, "x")), is_it, "{name}");
        }
    }
}
