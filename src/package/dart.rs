//! Dart packages: the `pubspec.yaml` of each package in a cache of `pub` (Dart "The pubspec file", "Package cache").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::collect::{About, Collector, Delivery, Facts, File, PackageFact, Select};
use crate::inventory::Need;
use crate::path::ImagePath;
use crate::size::ByteSize;

use super::ecosystem::PUB;
use super::purl;
use super::text::{complain, field, header, lines};

/// Reads `pubspec.yaml` of packages in a cache.
pub(super) struct Dart;

/// Needs taken of one package; real ones have below 100.
const NEEDS: usize = 1_000;

static ABOUT: About = About {
    title: "Dart packages",
    ecosystems: &[&PUB],
    reads: "Name, version and needs of each package in a cache of `pub`.",
    not_seen: &[
        "programs compiled ahead of time, which do not name their packages",
        "a cache whose folder is not called `.pub-cache` or `pub-cache`",
        "licences, which stand in the packages' texts only",
    ],
    references: &["https://dart.dev/tools/pub/pubspec", "https://dart.dev/tools/pub/cmd/pub-cache"],
};

impl Collector for Dart {
    fn id(&self) -> &'static str {
        "dart"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Name("pubspec.yaml")]
    }

    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize::mib(1))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        if file.bytes.trim_ascii().is_empty() {
            return;
        }
        match parse(file.bytes) {
            Ok(package) => facts.package(package),
            Err(what) => complain(facts, what),
        }
    }

    /// `.pub-cache/hosted/HOST/NAME-VERSION/pubspec.yaml` and `.pub-cache/git/NAME-COMMIT/pubspec.yaml`.
    fn accepts(&self, path: &ImagePath) -> bool {
        let mut above = path.components().rev().skip(1);
        match (above.next(), above.next(), above.next(), above.next()) {
            (Some(name), Some(b"git"), Some(cache), _) | (Some(name), Some(_), Some(b"hosted"), Some(cache)) => {
                is_cache(cache) && name.contains(&b'-')
            }
            _ => false,
        }
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

fn is_cache(folder: &[u8]) -> bool {
    matches!(folder, b".pub-cache" | b"pub-cache")
}

/// Name, version and dependencies are plain scalars at fixed depths, whatever else the YAML holds.
fn parse(bytes: &[u8]) -> Result<PackageFact, String> {
    let (mut name, mut version) = (None, None);
    let mut needs: Vec<Need> = Vec::new();
    let (mut in_needs, mut depth) = (false, None);
    for (_, line) in lines(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)) {
        let text = line.trim_ascii_start();
        if text.is_empty() || text.starts_with(b"#") {
            continue;
        }
        let Some((key, value)) = header(line) else { continue };
        let indent = line.len().saturating_sub(text.len());
        if indent == 0 {
            in_needs = key == b"dependencies";
            match key {
                b"name" => name = name.or_else(|| scalar(value)),
                b"version" => version = version.or_else(|| scalar(value)),
                _ => {}
            }
        } else if in_needs && *depth.get_or_insert(indent) == indent && needs.len() < NEEDS {
            needs.extend(field(key).map(|name| Need { name, version: None }));
        }
    }
    let name = name.ok_or("it gives no name")?;
    let version = version.ok_or_else(|| format!("it gives no version of `{name}`"))?;
    let fact = purl::fact(&PUB, &name, &version).ok_or_else(|| format!("`{name}` is no name of a package"))?;
    Ok(PackageFact { needs, ..fact })
}

/// A scalar without its quotes and the comment behind it.
fn scalar(value: &[u8]) -> Option<String> {
    let text = match value.first()? {
        quote @ (b'"' | b'\'') => value.get(1..)?.split(|b| b == quote).next()?,
        _ => memchr::memmem::find(value, b" #").and_then(|at| value.get(..at)).unwrap_or(value),
    };
    field(text)
}

#[cfg(test)]
mod tests {
    use crate::package::testing::{Image, assemble};

    #[test]
    fn packages_in_a_cache_are_installed() {
        let http = "# x\nname: http\nversion: '1.2.0' # y\ndescription: >\n  version: 9\nenvironment:\n  sdk: ^3.2.0\n\
            dependencies:\n  async: ^2.5.0\n  meta:\n    version: 1\ndev_dependencies:\n  lints: ^2.0.0\n";
        let meta = "name: meta\nversion: 1.11.0\n";
        let cases: &[(Image, &[&str], usize)] = &[
            (
                Image::new()
                    .file("root/.pub-cache/hosted/pub.example/http-1.2.0/pubspec.yaml", http)
                    .file("root/.pub-cache/git/meta-0123/pubspec.yaml", meta),
                &["pkg:pub/http@1.2.0 1", "pkg:pub/meta@1.11.0 0"],
                0,
            ),
            (Image::new().file("root/.pub-cache/hosted/pub.example/http-1.2.0/example/pubspec.yaml", http), &[], 0),
            (Image::new().file("app/pubspec.yaml", http), &[], 0),
            (Image::new().file("root/.pub-cache/git/a-1/pubspec.yaml", "name: a\n"), &[], 1),
            (Image::new().file("root/.pub-cache/git/a-1/pubspec.yaml", ""), &[], 0),
        ];
        for (image, expected, told) in cases {
            let inventory = assemble(image);
            let seen: Vec<_> =
                inventory.packages.iter().map(|p| format!("{} {}", p.purl, p.dependencies.len())).collect();
            assert_eq!(seen, *expected);
            assert_eq!(inventory.limitations.len(), *told, "{:?}", inventory.limitations);
        }
    }
}
