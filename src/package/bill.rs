//! The inventory that a bill of materials is: packages alone, without the files of an image.

use crate::format::sbom::{Bill, BillLayer, Part, Subject};
use crate::image::Target;
use crate::inventory::{Distro, Ecosystem, Inventory, LayerSummary, Licence, Origin, Package};
use crate::inventory::{PackageLocation, Proof, State};
use crate::path::ImagePath;
use crate::rule::Confidence;
use crate::tree::Node;

use super::{ecosystem, owned};

/// What a purl of any other type is.
static OTHER: Ecosystem = Ecosystem { id: "other", purl_type: "generic", is_system: false };

/// Makes the inventory; `target` says what the user asked for.
pub fn inventory(target: Target, bill: Bill) -> Inventory {
    let Bill { subject, parts, removed, limitations } = bill;
    let mut inventory = Inventory { limitations, ..Inventory::default() };
    inventory.distro = distro(&subject, &parts);
    inventory.target = Target {
        platform: subject.platform.as_ref().and_then(|text| text.parse().ok()),
        digest: subject.digest.as_ref().and_then(|text| text.parse().ok()),
        config_digest: subject.config_digest.as_ref().and_then(|text| text.parse().ok()),
        tags: subject.names,
        ..target
    };
    if subject.created.is_some() {
        inventory.created = subject.created.and_then(|text| text.parse().ok());
    }
    inventory.layers = subject.layers.into_iter().zip(0..).map(layer).collect();
    let edges: Vec<(Vec<usize>, Option<usize>, bool)> =
        parts.iter().map(|part| (part.dependencies.clone(), part.owner, part.is_uncounted)).collect();
    let packages = parts.into_iter().map(package).collect();
    let (mut packages, places) = owned::merge(packages, None);
    let new = |old: &usize| places.get(*old).copied();
    for (old, (dependencies, owner, is_uncounted)) in edges.iter().enumerate() {
        let Some(package) = new(&old).and_then(|index| packages.get_mut(index as usize)) else { continue };
        package.dependencies.extend(dependencies.iter().filter_map(new));
        package.owner = package.owner.or_else(|| owner.as_ref().and_then(new));
        package.is_counted &= !is_uncounted;
    }
    for package in &mut packages {
        package.dependencies.sort_unstable();
        package.dependencies.dedup();
    }
    inventory.packages = packages;
    let removed = removed.into_iter();
    inventory.removed = removed.map(|(part, by)| Package { removed_in_layer: Some(by), ..package(part) }).collect();
    inventory.removed.sort_by(|a, b| (&a.purl, &a.locations).cmp(&(&b.purl, &b.locations)));
    inventory
}

fn package(part: Part) -> Package {
    let purl_type = part.purl.strip_prefix("pkg:").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let stated = part.ecosystem.as_deref().and_then(|id| ecosystem::of(id, purl_type));
    let kind = stated.or_else(|| ecosystem::of_purl(&part.purl)).unwrap_or(&OTHER);
    let mut locations: Vec<PackageLocation> = part
        .places
        .into_iter()
        .map(|place| PackageLocation {
            path: place.path,
            node: Node { layer: place.live_layer, member: 0 },
            added_by: place.layer,
            inside: place.inside.map(String::into_boxed_str),
        })
        .collect();
    locations.sort();
    let first = locations.first().cloned().unwrap_or(PackageLocation {
        path: ImagePath::root(),
        node: Node { layer: 0, member: 0 },
        added_by: 0,
        inside: None,
    });
    let mut package = Package::new(kind, &part.name, &part.version, &part.purl, first);
    if !locations.is_empty() {
        package.locations = locations;
    }
    package.source = part.source_name.map(|name| (name, part.source_version.unwrap_or_default()));
    package.architecture = part.architecture;
    package.licence = part.licence.map(|declared| match part.expression {
        Some(expression) => Licence::stated(declared, &expression),
        None => Licence::new(declared),
    });
    package.sha1 = part.sha1;
    if part.is_declared {
        package.state = State::Declared;
    }
    package.confidence = match part.confidence.as_deref() {
        Some("low") => Confidence::Low,
        Some("medium") => Confidence::Medium,
        _ => Confidence::High,
    };
    package.proof = match (part.proof_name, part.proof_text) {
        (Some(text), _) => Proof::Name(text.into()),
        (None, Some(text)) => Proof::VersionString(text.into()),
        (None, None) => Proof::Record,
    };
    package
}

/// What the document says, else what the purl of a system's package says: `distro=debian-12`.
fn distro(subject: &Subject, parts: &[Part]) -> Option<Distro> {
    if let Some((id, version_id, name)) = &subject.distro {
        let name = match (name.as_str(), version_id.as_str()) {
            ("", "") => id.clone(),
            ("", version) => format!("{id} {version}"),
            (name, _) => name.to_owned(),
        };
        let (id, version_id) = (id.clone(), version_id.clone());
        let stated = stated(parts).and_then(|text| text.strip_prefix(&*id)?.strip_prefix('-'));
        let codename = stated.filter(|_| version_id.is_empty()).unwrap_or_default().to_owned();
        return Some(Distro { id, version_id, codename, name, ..Distro::default() });
    }
    let (id, release) = stated(parts).map(|text| text.rsplit_once('-').unwrap_or((text, "")))?;
    // what has no number yet goes by its name
    let is_number = release.starts_with(|sign: char| sign.is_ascii_digit());
    let (version_id, codename) = if is_number { (release, "") } else { ("", release) };
    Some(Distro {
        id: id.to_owned(),
        version_id: version_id.to_owned(),
        codename: codename.to_owned(),
        name: format!("{id} {release}").trim_end().to_owned(),
        ..Distro::default()
    })
}

/// What the purl of a system's package says of the distribution.
fn stated(parts: &[Part]) -> Option<&str> {
    parts.iter().find_map(|part| {
        let (_, qualifiers) = part.purl.split_once('?')?;
        let qualifiers = qualifiers.split('#').next().unwrap_or_default();
        qualifiers.split('&').find_map(|one| one.strip_prefix("distro="))
    })
}

fn layer((layer, index): (BillLayer, u32)) -> LayerSummary {
    LayerSummary {
        index,
        digest: layer.digest.and_then(|text| text.parse().ok()),
        diff_id: layer.diff_id.and_then(|text| text.parse().ok()),
        size: layer.size.unwrap_or_default(),
        history: None,
        created_by: layer.created_by,
        origin: match layer.origin.as_deref() {
            Some("base") => Origin::Base,
            Some("app") => Origin::App,
            _ => Origin::Unknown,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::{apk, dpkg, npm, python};

    #[test]
    fn kinds_are_those_that_collectors_find() {
        for own in [&apk::APK, &dpkg::DEB, &npm::NPM, &python::PYPI] {
            assert_eq!(ecosystem::of(own.id, own.purl_type), Some(own));
        }
        let cases = [
            ("pkg:generic/redis@7", Some("generic")),
            ("pkg:generic/oracle/x@7", Some("generic")),
            ("pkg:generic/wordpress@6", Some("generic")),
            ("pkg:generic/wordpress/plugin/akismet@5.3", Some("wordpress-plugin")),
            ("pkg:generic/wordpress/theme/two@1", Some("wordpress-theme")),
            ("pkg:generic/wordpress/core/wordpress@6", Some("wordpress")),
            ("pkg:generic/opkg/busybox@1?arch=mips", Some("opkg")),
            ("pkg:generic/opkgs/busybox@1", Some("generic")),
            ("pkg:hackage/a@1", Some("hackage")),
            ("pkg:weather/a@1", None),
            ("nonsense", None),
        ];
        for (purl, id) in cases {
            assert_eq!(ecosystem::of_purl(purl).map(|kind| kind.id), id, "{purl}");
        }
    }

    #[test]
    fn types_are_registered_ones() {
        // purl-spec, `purl-types-index.json`, and `ebuild` among its candidates, which other programs write, too
        let registered = [
            "alpm",
            "apk",
            "bitnami",
            "cargo",
            "cocoapods",
            "composer",
            "conan",
            "conda",
            "cpan",
            "cran",
            "deb",
            "ebuild",
            "gem",
            "generic",
            "github",
            "golang",
            "hackage",
            "hex",
            "huggingface",
            "julia",
            "luarocks",
            "maven",
            "npm",
            "nuget",
            "opam",
            "otp",
            "pear",
            "pub",
            "pypi",
            "qpkg",
            "rpm",
            "swid",
            "swift",
            "yocto",
        ];
        let found = super::super::COLLECTORS.iter().filter_map(|collector| collector.about());
        for kind in found.flat_map(|about| about.ecosystems) {
            assert!(registered.contains(&kind.purl_type), "{}", kind.purl_type);
        }
    }

    #[test]
    fn equal_packages_become_one_and_edges_follow() {
        let part = |purl: &str, dependencies: &[usize]| Part {
            purl: purl.into(),
            name: "x".into(),
            dependencies: dependencies.to_vec(),
            ..Part::default()
        };
        let parts = vec![
            part("pkg:npm/c@1", &[1]),
            part("pkg:npm/b@1", &[]),
            Part { owner: Some(3), is_uncounted: true, ..part("pkg:npm/c@1", &[2]) },
            part("pkg:deb/debian/a@1?arch=all&distro=debian-12", &[]),
            part("pkg:brew/y@1", &[]),
        ];
        let made = inventory(Target::default(), Bill { parts, ..Bill::default() });
        let shown: Vec<(&str, &str, &[u32], Option<u32>)> = made
            .packages
            .iter()
            .map(|p| (p.purl.as_str(), p.ecosystem.id, p.dependencies.as_slice(), p.owner))
            .collect();
        assert_eq!(
            shown,
            [
                ("pkg:brew/y@1", "other", &[][..], None),
                ("pkg:deb/debian/a@1?arch=all&distro=debian-12", "deb", &[], None),
                ("pkg:npm/b@1", "npm", &[], None),
                ("pkg:npm/c@1", "npm", &[2, 3], Some(1)),
            ]
        );
        assert_eq!(made.distro.map(|distro| (distro.id, distro.version_id)), Some(("debian".into(), "12".into())));
    }

    #[test]
    fn a_release_without_a_number_goes_by_its_name() {
        let said = |id: &str, version: &str| Some((id.to_owned(), version.to_owned(), String::new()));
        let cases = [
            (said("debian", "12"), "debian-12", ("debian", "12", "")),
            (said("debian", ""), "debian-forky", ("debian", "", "forky")),
            (said("debian", ""), "ubuntu-noble", ("debian", "", "")),
            (None, "debian-forky", ("debian", "", "forky")),
            (None, "opensuse-leap-15.6", ("opensuse-leap", "15.6", "")),
            (None, "arch", ("arch", "", "")),
        ];
        for (distro, qualifier, expected) in cases {
            let purl = format!("pkg:deb/debian/a@1?arch=all&distro={qualifier}");
            let part = Part { purl, name: "a".into(), version: "1".into(), ..Part::default() };
            let subject = Subject { distro, ..Subject::default() };
            let made = inventory(Target::default(), Bill { subject, parts: vec![part], ..Bill::default() });
            let distro = made.distro.expect("one is named");
            assert_eq!((&*distro.id, &*distro.version_id, &*distro.codename), expected, "{qualifier}");
        }
    }
}
