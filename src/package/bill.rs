//! The inventory that a bill of materials is: packages alone, without the files of an image.

use crate::format::sbom::{Bill, BillLayer, Part, Subject};
use crate::image::Target;
use crate::inventory::{Distro, Ecosystem, Inventory, LayerSummary, Licence, Origin, Package};
use crate::inventory::{PackageLocation, Proof, State};
use crate::path::ImagePath;
use crate::rule::Confidence;
use crate::tree::Node;

use super::purl::{self, Named, named};
use super::{ecosystem, owned, release};

/// What a purl of any other type is.
static OTHER: Ecosystem = Ecosystem { id: "other", purl_type: "generic", is_system: false };

/// Makes the inventory; `target` says what the user asked for.
pub fn inventory(target: Target, bill: Bill) -> Inventory {
    let Bill { subject, mut parts, mut removed, limitations } = bill;
    for part in parts.iter_mut().chain(removed.iter_mut().map(|(part, _)| part)) {
        part.purl = purl::canonical(std::mem::take(&mut part.purl));
    }
    let mut inventory = Inventory { limitations, ..Inventory::default() };
    inventory.distro = distro(&subject, &parts);
    inventory.target = Target {
        platform: subject.platform.clone().or_else(|| platform(&parts)).and_then(|text| text.parse().ok()),
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
    let stated = if part.is_own { None } else { named(&part.purl).filter(|named| *named.ecosystem == *kind) };
    let (name, version) = match &stated {
        Some(stated) => (name(&part, stated), version(&part, stated)),
        None => (part.name.clone(), part.version.clone()),
    };
    let source = source(&part, &version);
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
    let mut package = Package::new(kind, &name, &version, &part.purl, first);
    if !locations.is_empty() {
        package.locations = locations;
    }
    let (of_purl, architecture) = stated.map_or((None, None), |stated| {
        // without a version of its own it has the package's, which the component may state in full
        let of_purl = stated.source.map(|(name, own)| (name, if own == stated.version { version } else { own }));
        (of_purl, stated.architecture)
    });
    package.source = source.or(of_purl);
    package.architecture = part.architecture.or(architecture);
    package.packager = part.packager;
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

/// What an image is built for whose own system packages are all of one architecture.
fn platform(parts: &[Part]) -> Option<String> {
    let mut found = None;
    for part in parts.iter().filter(|part| !part.is_own && part.purl.contains("arch=")) {
        let Some(named) = named(&part.purl).filter(|named| named.ecosystem.is_system) else { continue };
        let architecture = match named.architecture.as_deref().unwrap_or_default() {
            "amd64" | "x86_64" => "amd64",
            "arm64" | "aarch64" => "arm64",
            "i386" | "i586" | "i686" | "x86" => "386",
            "ppc64el" | "ppc64le" => "ppc64le",
            "riscv64" => "riscv64",
            "s390x" => "s390x",
            // of all of them, of one without a plain name, or a key that signs packages
            _ => continue,
        };
        if found.is_some_and(|found| found != architecture) {
            return None;
        }
        found = Some(architecture);
    }
    found.map(|architecture| format!("linux/{architecture}"))
}

/// The name under which the package is looked up: that of the purl, unless the component's own is another spelling of it.
fn name(part: &Part, stated: &Named) -> String {
    let spelt = purl::of_language(stated.ecosystem, &part.name, "").and_then(|purl| named(&purl));
    let is_same = if stated.ecosystem.is_system {
        part.name == stated.name
    } else if let Some((_, subpath)) = part.purl.split_once('#').filter(|_| stated.ecosystem.purl_type == "golang") {
        // Syft has there what follows the third word of a module's path
        let whole = format!("{}/{subpath}", stated.name);
        part.name.eq_ignore_ascii_case(&stated.name) || part.name.eq_ignore_ascii_case(&whole)
    } else {
        spelt.is_some_and(|spelt| spelt.name.eq_ignore_ascii_case(&stated.name))
    };
    if is_same { part.name.clone() } else { stated.name.clone() }
}

/// The version that is compared: the component's, with the epoch that the purl says beside it.
fn version(part: &Part, stated: &Named) -> String {
    let version = if part.version.is_empty() { &stated.version } else { &part.version };
    if stated.ecosystem.purl_type == "golang" && stated.name == "stdlib" {
        // written as the tool calls itself, or as a module's version
        return version.strip_prefix("go").or_else(|| version.strip_prefix('v')).unwrap_or(version).to_owned();
    }
    // no epoch is none; careen's own collector leaves it out, too
    let version =
        &version.strip_prefix("0:").filter(|_| stated.ecosystem.purl_type == "rpm").unwrap_or(version).to_owned();
    match stated.version.split_once(':') {
        Some((epoch, _)) if stated.ecosystem.is_system => purl::with_epoch(epoch, version),
        _ => version.clone(),
    }
}

/// The source package that the component names, with its whole version: that of the package where it names none.
fn source(part: &Part, version: &str) -> Option<(String, String)> {
    let name = part.source_name.clone()?;
    if part.is_own {
        return Some((name, part.source_version.clone().unwrap_or_default()));
    }
    let Some(number) = part.source_version.as_deref().filter(|number| !number.is_empty()) else {
        return Some((name, version.to_owned()));
    };
    let whole = match part.source_release.as_deref() {
        Some(release) if !release.is_empty() => format!("{number}-{release}"),
        _ => number.to_owned(),
    };
    Some((name, purl::with_epoch(part.source_epoch.as_deref().unwrap_or_default(), &whole)))
}

/// What the document says, else what the purl of a system's package says: `distro=debian-12`.
fn distro(subject: &Subject, parts: &[Part]) -> Option<Distro> {
    if let Some((id, version_id, name)) = &subject.distro {
        let stated = stated(parts).and_then(|text| Some(text.strip_prefix(&**id)?.strip_prefix('-')?.to_owned()));
        let codename = stated.filter(|_| version_id.is_empty()).unwrap_or_default();
        return Some(Distro { codename, ..release::distro(id, version_id, name) });
    }
    release::of_qualifier(&stated(parts)?)
}

/// What the purl of a system's package says of the distribution. Some say its release only: the namespace is the rest.
fn stated(parts: &[Part]) -> Option<String> {
    let mut purls = parts.iter().map(|part| part.purl.as_str()).filter(|purl| purl.contains("distro="));
    purls.find_map(|purl| {
        let stated = named(purl).filter(|stated| !stated.distro.is_empty())?;
        let is_bare = stated.distro.starts_with(|sign: char| sign.is_ascii_digit()) && !stated.vendor.is_empty();
        Some(if is_bare { format!("{}-{}", stated.vendor, stated.distro) } else { stated.distro })
    })
}

fn layer((layer, index): (BillLayer, u32)) -> LayerSummary {
    LayerSummary {
        stored: 0,
        index,
        digest: layer.digest.and_then(|text| text.parse().ok()),
        diff_id: layer.diff_id.and_then(|text| text.parse().ok()),
        size: layer.size.unwrap_or_default(),
        media_type: None,
        is_foreign: false,
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
    fn packages_of_other_programs_are_what_their_purls_say() {
        // purl, the component's name and version, and what comes of them
        let cases = [
            ("pkg:npm/%40s/a@1", "a", "1", "@s/a 1"),
            ("pkg:npm/%40s/a@1", "@s/a", "", "@s/a 1"),
            ("pkg:pypi/zope-interface@5", "Zope.Interface", "5", "zope-interface 5"),
            ("pkg:pypi/jinja2@3", "Jinja2", "3", "Jinja2 3"),
            ("pkg:pypi/jinja2@3", "the engine of templates", "3", "jinja2 3"),
            ("pkg:maven/org.a/b@1", "b", "1", "org.a:b 1"),
            ("pkg:composer/symfony/http@6", "http", "6", "symfony/http 6"),
            ("pkg:golang/github.com/A/b@v1", "github.com/A/b", "v1", "github.com/A/b v1"),
            ("pkg:golang/github.com/a/b@v2.1.0#v2", "github.com/a/b/v2", "v2.1.0", "github.com/a/b/v2 v2.1.0"),
            ("pkg:golang/stdlib@1.23.4", "stdlib", "go1.23.4", "stdlib 1.23.4"),
            ("pkg:golang/stdlib@v1.23.4", "stdlib", "v1.23.4", "stdlib 1.23.4"),
            ("pkg:generic/redis@7", "redis", "7", "redis 7"),
            ("pkg:weather/a@1", "A thing", "1", "A thing 1"),
            (
                "pkg:deb/debian/libssl3@3.0-1?arch=amd64&upstream=openssl",
                "libssl3",
                "3.0-1",
                "libssl3 3.0-1 amd64 of openssl 3.0-1",
            ),
            ("pkg:deb/debian/a@0.3-2?arch=all&epoch=1", "a", "1:0.3-2", "a 1:0.3-2 all"),
            ("pkg:deb/debian/a@0.3-2?epoch=1&upstream=b", "a", "0.3-2", "a 1:0.3-2 of b 1:0.3-2"),
            ("pkg:deb/debian/a@2?upstream=b%402.0", "a", "1:2", "a 1:2 of b 2.0"),
            ("pkg:deb/debian/a@2?upstream=b", "a", "1:2", "a 1:2 of b 1:2"),
            (
                "pkg:rpm/rocky/bash@4.4-4.el8_6?arch=x86_64&epoch=0&upstream=bash-4.4-4.el8_6.src.rpm",
                "bash",
                "0:4.4-4.el8_6",
                "bash 4.4-4.el8_6 x86_64 of bash 4.4-4.el8_6",
            ),
            (
                "pkg:rpm/redhat/openssl-libs@3.0-1?arch=x86_64&epoch=1&upstream=openssl-3.0-1.src.rpm",
                "openssl-libs",
                "3.0-1",
                "openssl-libs 1:3.0-1 x86_64 of openssl 1:3.0-1",
            ),
        ];
        for (purl, name, version, expected) in cases {
            let part = Part { purl: purl.into(), name: name.into(), version: version.into(), ..Part::default() };
            let own = package(Part { is_own: true, ..part.clone() });
            assert_eq!((&*own.name, &*own.version, own.source), (name, version, None), "what careen wrote stays");
            let made = package(part);
            let mut shown = format!("{} {}", made.name, made.version);
            shown.extend(made.architecture.iter().map(|architecture| format!(" {architecture}")));
            shown.extend(made.source.iter().map(|(name, version)| format!(" of {name} {version}")));
            assert_eq!(shown, expected, "{purl}");
        }
    }

    #[test]
    fn purls_are_spelt_as_patterns_over_them_are() {
        let cases = [
            ("pkg:npm/@babel/cli@7.0.0", "pkg:npm/%40babel/cli@7.0.0", "npm @babel/cli"),
            ("pkg:npm/%40babel/cli@7.0.0", "pkg:npm/%40babel/cli@7.0.0", "npm @babel/cli"),
            (
                "pkg:golang/github.com/Foo/Bar@v1.0.0",
                "pkg:golang/github.com/foo/Bar@v1.0.0",
                "golang github.com/foo/Bar",
            ),
            ("pkg:golang/github.com/a/b@v1.0.0#c/d", "pkg:golang/github.com/a/b@v1.0.0#c/d", "golang github.com/a/b"),
            (
                "pkg:deb/debian/libattr1@1%3A2.5.1-4?distro=debian-12&arch=amd64",
                "pkg:deb/debian/libattr1@1:2.5.1-4?arch=amd64&distro=debian-12",
                "deb libattr1",
            ),
            ("pkg:deb/debian/libstdc++6@12", "pkg:deb/debian/libstdc%2B%2B6@12", "deb libstdc++6"),
            ("pkg:PyPI/Foo_Bar@1", "pkg:pypi/foo-bar@1", "pypi foo-bar"),
            ("pkg:weather/A_b@1", "pkg:weather/A_b@1", "other x"),
            ("no purl", "no purl", "other x"),
        ];
        for (purl, expected, name) in cases {
            let part = Part { purl: purl.into(), name: "x".into(), version: "1".into(), ..Part::default() };
            let removed = vec![(part.clone(), 0)];
            let made = inventory(Target::default(), Bill { parts: vec![part], removed, ..Bill::default() });
            let [package] = made.packages.as_slice() else { panic!("{purl}") };
            assert_eq!((&*package.purl, &*made.removed[0].purl), (expected, expected));
            assert_eq!(format!("{} {}", package.ecosystem.id, package.name), name, "{purl}");
            assert_eq!(purl::spelt(&package.purl, '\u{1}'), package.purl, "a pattern takes it as it is");
        }
    }

    #[test]
    fn packages_of_one_architecture_tell_the_platform() {
        let cases = [
            (&["deb/debian/a@1?arch=amd64", "deb/debian/b@1?arch=all"][..], Some("linux/amd64")),
            (&["rpm/fedora/a@1?arch=x86_64", "rpm/fedora/b@1?arch=i686"], None),
            (&["apk/alpine/a@1?arch=aarch64", "npm/b@1?arch=x86_64"], Some("linux/arm64")),
            (&["deb/debian/b@1?arch=all", "deb/debian/c@1"], None),
        ];
        for (purls, expected) in cases {
            let part = |purl: &&str| Part { purl: format!("pkg:{purl}"), name: "a".into(), ..Part::default() };
            let parts: Vec<Part> = purls.iter().map(part).collect();
            let own = parts.iter().map(|part| Part { is_own: true, ..part.clone() }).collect();
            let of = |parts| inventory(Target::default(), Bill { parts, ..Bill::default() }).target.platform;
            assert_eq!(of(own), None);
            assert_eq!(of(parts).map(|platform| platform.to_string()).as_deref(), expected, "{purls:?}");
        }
    }

    #[test]
    fn sources_that_are_named_apart_are_put_together() {
        let part = Part {
            purl: "pkg:deb/debian/b@2:2.36-8?arch=all&upstream=other".into(),
            name: "b".into(),
            version: "2:2.36-8".into(),
            source_name: Some("util-linux".into()),
            ..Part::default()
        };
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let cases = [
            ("", "", "", "2:2.36-8"),
            ("2.36", "8", "", "2.36-8"),
            ("2.36", "8", "1", "1:2.36-8"),
            ("2.36", "8", "0", "2.36-8"),
            ("1:2.36-8", "", "", "1:2.36-8"),
        ];
        for (version, release, epoch, expected) in cases {
            let (source_version, source_release, source_epoch) = (some(version), some(release), some(epoch));
            let made = package(Part { source_version, source_release, source_epoch, ..part.clone() });
            assert_eq!(
                made.source,
                Some(("util-linux".to_owned(), expected.to_owned())),
                "{version} {release} {epoch}"
            );
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
            (None, "3.19.1", ("debian", "3.19.1", "")),
            (said("redhat", "9.4"), "redhat-9.4", ("rhel", "9.4", "")),
            (None, "opensuse-tumbleweed", ("opensuse-tumbleweed", "", "")),
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
