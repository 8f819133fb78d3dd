//! What the bills of materials have in common: names, references, what each format has no field for, and identities
//! that the images alone decide.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::digest::{Algorithm, Digest, Hasher};
use crate::escape::escape;
use crate::format::sbom::word;
use crate::inventory::{Licence, Origin, Package, Proof, State};
use crate::report::Report;
use crate::rule::Confidence;
use crate::time::Timestamp;

/// Characters of a licence that are a name; beyond, or over several lines, it is a text.
const LICENCE_NAME: usize = 200;

/// One image of a bill of materials.
pub(super) struct Image<'a> {
    /// What is listed.
    pub(super) report: &'a Report,
    /// Its place among the images of the document.
    pub(super) number: usize,
    /// Its name: one it has in the archive or registry, else what the user wrote.
    pub(super) name: &'a str,
    /// Reference of the image in the document.
    pub(super) reference: String,
    /// Reference of its distribution in the document.
    pub(super) system_reference: String,
    /// References of its packages, in the order of [`Report::packages`]; unique in the document.
    pub(super) references: Vec<String>,
}

impl<'a> Image<'a> {
    /// The images of a document.
    pub(super) fn all(reports: &'a [Report]) -> Vec<Self> {
        let is_alone = reports.len() == 1;
        reports
            .iter()
            .enumerate()
            .map(|(number, report)| {
                let prefix = if is_alone { String::new() } else { format!("{number}/") };
                Self {
                    report,
                    number,
                    name: report.target.tags.first().unwrap_or(&report.target.reference),
                    reference: format!("{prefix}image"),
                    system_reference: format!("{prefix}system"),
                    references: references(&report.packages, &prefix),
                }
            })
            .collect()
    }

    /// Packages that no other one needs, and one of each circle that none outside needs: from these all are reached.
    pub(super) fn roots(&self) -> Vec<usize> {
        let packages = &self.report.packages;
        let needed: HashSet<usize> = packages
            .iter()
            .enumerate()
            .flat_map(|(own, package)| package.dependencies.iter().map(move |index| (own, *index as usize)))
            .filter(|(own, index)| own != index)
            .map(|(_, index)| index)
            .collect();
        let mut reached = vec![false; packages.len()];
        let mut roots = Vec::new();
        let free = (0..packages.len()).filter(|index| !needed.contains(index));
        for start in free.chain(0..packages.len()) {
            if reached.get(start).is_none_or(|is_reached| *is_reached) {
                continue;
            }
            roots.push(start);
            let mut waiting = vec![start];
            while let Some(next) = waiting.pop() {
                match reached.get_mut(next) {
                    Some(is_reached) if !*is_reached => *is_reached = true,
                    _ => continue,
                }
                let dependencies = packages.get(next).map_or(&[][..], |package| &package.dependencies);
                waiting.extend(dependencies.iter().map(|index| *index as usize));
            }
        }
        roots.sort_unstable();
        roots
    }

    /// References of the packages that one needs, each once.
    pub(super) fn needs(&self, package: &Package) -> Vec<&str> {
        let needs: BTreeSet<u32> = package.dependencies.iter().copied().collect();
        needs.into_iter().filter_map(|index| self.reference_of(index)).collect()
    }

    /// The reference of the package at an index.
    pub(super) fn reference_of(&self, index: u32) -> Option<&str> {
        self.references.get(usize::try_from(index).ok()?).map(String::as_str)
    }

    /// What stands for its version: the digest of the manifest, or else of the configuration.
    pub(super) fn version(&self) -> Option<String> {
        let target = &self.report.target;
        target.digest.as_ref().or(target.config_digest.as_ref()).map(ToString::to_string)
    }

    /// Whether something was not read.
    pub(super) fn has_gaps(&self) -> bool {
        self.report.limitations.iter().any(|limitation| limitation.is_gap)
    }

    /// What is known of the image besides its name, by the names of [`word`].
    pub(super) fn facts(&self) -> Vec<(String, String)> {
        let target = &self.report.target;
        let mut facts: Vec<(String, String)> = Vec::new();
        let mut add = |name: &str, value: Option<String>| facts.extend(value.map(|value| (name.to_owned(), value)));
        add(word::DIGEST, target.digest.as_ref().map(ToString::to_string));
        add(word::CONFIG_DIGEST, target.config_digest.as_ref().map(ToString::to_string));
        add(word::PLATFORM, target.platform.as_ref().map(ToString::to_string));
        add(word::CREATED, target.created.map(|time| time.to_string()));
        for tag in target.tags.iter().skip(1) {
            add(word::TAG, Some(tag.clone()));
        }
        for layer in &target.layers {
            let origin = match layer.origin {
                Origin::Base => Some("base".to_owned()),
                Origin::App => Some("app".to_owned()),
                Origin::Unknown => None,
            };
            let values = [
                layer.digest.as_ref().map(ToString::to_string),
                layer.diff_id.as_ref().map(ToString::to_string),
                Some(layer.size.bytes().to_string()),
                layer.created_by.clone(),
                origin,
            ];
            for (field, value) in word::LAYER_FIELDS.iter().zip(values) {
                add(&format!("{}{}:{field}", word::LAYER_PREFIX, layer.index), value);
            }
        }
        for limitation in &self.report.limitations {
            let name = if limitation.is_gap { word::GAP } else { word::NOTE };
            let place = if limitation.place.is_empty() { String::new() } else { format!(" {}", limitation.place) };
            let what = match limitation.code {
                word::STATED => limitation.what.clone(),
                code => format!("{code}{place}: {}", limitation.what),
            };
            add(name, Some(what));
        }
        facts
    }

    /// What is known of a package that most formats have no field for, by the names of [`word`].
    pub(super) fn facts_of(&self, package: &Package) -> Vec<(&'static str, String)> {
        let mut facts = Vec::new();
        let mut add = |name: &'static str, value: Option<String>| facts.extend(value.map(|value| (name, value)));
        let ecosystem = package.ecosystem;
        add(word::TYPE, (ecosystem.id != ecosystem.purl_type).then(|| ecosystem.id.to_owned()));
        add(word::STATE, (package.state == State::Declared).then(|| "declared".to_owned()));
        add(word::COUNTED, (!package.is_counted).then(|| "false".to_owned()));
        let confidence = match package.confidence {
            Confidence::High => None,
            Confidence::Medium => Some("medium".to_owned()),
            Confidence::Low => Some("low".to_owned()),
        };
        add(word::CONFIDENCE, confidence);
        match &package.proof {
            Proof::Record => {}
            Proof::Name(text) => add(word::PROOF_NAME, Some(text.to_string())),
            Proof::VersionString(text) => add(word::PROOF_TEXT, Some(text.to_string())),
        }
        add(word::ARCHITECTURE, package.architecture.clone());
        if let Some((name, version)) = &package.source {
            add(word::SOURCE_NAME, Some(name.clone()));
            add(word::SOURCE_VERSION, Some(version.clone()));
        }
        if let Some(licence) = &package.licence
            && match &licence.expression {
                Some(expression) => *expression != licence.declared,
                // read back, it would be taken for what it is not
                None => Licence::new(licence.declared.as_str()).expression.is_some(),
            }
        {
            add(word::LICENCE, Some(licence.declared.clone()));
        }
        for place in &package.locations {
            let path = place.path.to_string();
            let text = word::place(place.added_by, place.node.layer, &path, place.inside.as_deref());
            add(word::LOCATION, Some(text));
        }
        let first = package.locations.first().and_then(|place| {
            let layer = self.report.target.layers.get(usize::try_from(place.added_by).ok()?)?;
            layer.diff_id.as_ref().or(layer.digest.as_ref()).map(ToString::to_string)
        });
        add(word::LAYER, first);
        add(word::OWNED_BY, package.owner.and_then(|owner| self.reference_of(owner)).map(str::to_owned));
        facts
    }
}

/// References made of purls, each made unique.
fn references(packages: &[Package], prefix: &str) -> Vec<String> {
    let mut used = HashSet::new();
    // the last number that was tried for each purl: one document may hold a purl a thousand times
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut references = Vec::with_capacity(packages.len());
    for package in packages {
        let purl = purl(package);
        let mut reference = format!("{prefix}{purl}");
        while !used.insert(reference.clone()) {
            let count = counts.entry(purl.clone()).or_insert(1);
            *count = count.saturating_add(1);
            reference = format!("{prefix}{purl}~{count}");
        }
        references.push(reference);
    }
    references
}

/// The purl, surely without blanks and control characters, which no purl has.
pub(super) fn purl(package: &Package) -> String {
    clean_purl(&package.purl)
}

/// The same of a purl alone.
pub(super) fn clean_purl(purl: &str) -> String {
    let is_odd = |c: char| c.is_whitespace() || c.is_control();
    if !purl.contains(is_odd) {
        return purl.to_owned();
    }
    let mut clean = String::with_capacity(purl.len());
    for c in purl.chars() {
        if is_odd(c) {
            let mut bytes = [0; 4];
            clean.extend(c.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")));
        } else {
            clean.push(c);
        }
    }
    clean
}

/// The time that a document carries, in whole seconds, and within the years that formats can write: what
/// `SOURCE_DATE_EPOCH` says, else when the image was made.
pub(super) fn stamp(reports: &[Report]) -> Option<String> {
    const LAST: i64 = 253_402_300_799; // the end of the year 9999
    let of = |report: &Report| report.source_date.or(report.target.created);
    let time = reports.iter().filter_map(of).max()?;
    Some(Timestamp::from_unix(time.to_unix().clamp(0, LAST)).to_string())
}

/// A short name for the text of a licence: the text itself if it is short.
pub(super) fn licence_name(declared: &str) -> (String, bool) {
    let text = declared.trim();
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(LICENCE_NAME) {
        Some((end, _)) => (format!("{}…", line.get(..end).unwrap_or_default()), false),
        None => (line.to_owned(), line.len() == text.len()),
    }
}

/// `name=value` lines, for formats that have comments but no properties; values on one line.
pub(super) fn lines<N: AsRef<str>>(facts: &[(N, String)]) -> String {
    facts.iter().map(|(name, value)| format!("{}={}", name.as_ref(), escape(value))).collect::<Vec<_>>().join("\n")
}

/// A UUID (RFC 9562, version 8) that the images and the kind of document decide: the same ones have the same,
/// whoever lists them, whenever, and in whatever version of the format.
pub(super) fn identity(kind: &str, reports: &[Report]) -> String {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut add = |text: &str| {
        // with its length, so that no two lists of texts are hashed as one
        hasher.update(text.len().to_string().as_bytes());
        hasher.update(b":");
        hasher.update(text.as_bytes());
    };
    add(kind);
    for report in reports {
        identify(report, &mut add);
    }
    uuid(&hasher.finish())
}

/// A UUID (RFC 9562, version 8) made of a digest.
pub(super) fn uuid(digest: &Digest) -> String {
    let digits = digest.hex().chars().take(32).enumerate();
    let uuid = digits.flat_map(|(at, digit)| {
        let dash = matches!(at, 8 | 12 | 16 | 20).then_some('-');
        let digit = match (at, digit) {
            // version 8, and the variant in two bits
            (12, _) | (16, '0' | '4' | '8' | 'c') => '8',
            (16, '1' | '5' | '9' | 'd') => '9',
            (16, '2' | '6' | 'a' | 'e') => 'a',
            (16, _) => 'b',
            _ => digit,
        };
        dash.into_iter().chain([digit])
    });
    uuid.collect()
}

/// What tells an image from others: the digest of its manifest, or of its configuration, or those of its layers. A
/// folder and a bill of materials may have none of them; they are what they hold.
fn identify(report: &Report, add: &mut impl FnMut(&str)) {
    let target = &report.target;
    let layers = target.layers.iter().filter_map(|layer| layer.diff_id.as_ref().or(layer.digest.as_ref()));
    let layers: Vec<String> = layers.map(ToString::to_string).collect();
    if let Some(digest) = &target.digest {
        add("manifest");
        add(&digest.to_string());
    } else if let Some(digest) = &target.config_digest {
        add("configuration");
        add(&digest.to_string());
    } else if !layers.is_empty() && layers.len() == target.layers.len() {
        add("layers");
        for layer in &layers {
            add(layer);
        }
    } else {
        add("packages");
        for package in &report.packages {
            for text in [&package.purl, &package.name, &package.version] {
                add(text);
            }
        }
    }
    add("end");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::sample;
    use super::*;
    use crate::digest::Digest;
    use crate::inventory::Ecosystem;
    use crate::path::ImagePath;

    /// Renders in a format, by its id.
    fn rendered(id: &str, reports: &[Report]) -> String {
        let format = super::super::FORMATS.iter().find(|format| format.id() == id).expect("a format");
        let mut out = Vec::new();
        format.render(reports, &sample::style(), &mut out).expect("memory can be written");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn identities_are_uuids_that_the_images_decide() {
        type Change = fn(&mut Report);
        let bare: Change = |report| {
            (report.target.digest, report.target.config_digest) = (None, None);
            report.target.layers.clear();
        };
        let unnamed: Change = |report| (report.target.digest, report.target.config_digest) = (None, None);
        let of = |changes: &[Change]| {
            let mut report = sample::report();
            for change in changes {
                change(&mut report);
            }
            identity("cyclonedx", &[report])
        };
        let other_package: Change = |report| report.packages[0].version = "3.0.12".into();
        let other_config: Change = |report| report.target.config_digest = Some(Digest::sha256(b"x"));
        let other_layer: Change = |report| report.target.layers[0].diff_id = Some(Digest::sha256(b"x"));
        let cases: &[(&[Change], Change, bool)] = &[
            (&[], |report| report.version = "9.9.9", true),
            (&[], |report| report.target.reference = "other".into(), true),
            (&[], |report| report.source_date = Some(Timestamp::from_unix(1)), true),
            (&[], |report| report.limitations.clear(), true),
            (&[], other_package, true),
            (&[], other_config, true),
            (&[], |report| report.target.digest = Some(Digest::sha256(b"x")), false),
            (&[|report| report.target.digest = None], other_config, false),
            (&[|report| report.target.digest = None], other_layer, true),
            (&[unnamed], other_layer, false),
            (&[unnamed], other_package, true),
            (&[bare], |report| report.version = "9.9.9", true),
            (&[bare], other_package, false),
        ];
        for (number, (both, change, is_same)) in cases.iter().enumerate() {
            let changed: Vec<Change> = both.iter().chain([change]).copied().collect();
            assert_eq!(of(both) == of(&changed), *is_same, "case {number}");
        }
        let several = |reports: &[Report]| identity("cyclonedx", reports);
        let one = several(&[sample::report()]);
        assert_ne!(one, several(&[sample::report(), sample::empty()]));
        assert_ne!(one, identity("spdx", &[sample::report()]));
        let parts: Vec<usize> = one.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert_eq!(one.get(14..15), Some("8"), "the version");
        assert!(matches!(one.get(19..20), Some("8" | "9" | "a" | "b")), "the variant");
    }

    #[test]
    fn documents_carry_the_identity_of_their_images() {
        let kinds = [
            ("cyclonedx", "cyclonedx"),
            ("cyclonedx-1.5", "cyclonedx"),
            ("cyclonedx-1.7", "cyclonedx"),
            ("spdx", "spdx-2"),
            ("spdx-tv", "spdx-2"),
            ("spdx-3", "spdx-3"),
        ];
        for (id, kind) in kinds {
            let mut later = sample::report();
            later.version = "9.9.9";
            for reports in [vec![sample::report()], vec![later], vec![sample::report(), sample::empty()]] {
                assert!(rendered(id, &reports).contains(&identity(kind, &reports)), "{id}");
            }
        }
    }

    #[test]
    fn every_package_is_reached_from_the_roots() {
        // what each needs, and the roots of that
        let cases: &[(&[&[u32]], &[usize])] = &[
            (&[&[], &[]], &[0, 1]),
            (&[&[1], &[]], &[0]),
            (&[&[1], &[0]], &[0]),
            (&[&[0], &[]], &[0, 1]),
            (&[&[1], &[2], &[1], &[0]], &[3]),
            (&[&[1], &[0], &[3], &[2]], &[0, 2]),
            (&[&[9]], &[0]),
        ];
        for (needs, roots) in cases {
            let mut report = sample::report();
            let package = report.packages[0].clone();
            report.packages =
                needs.iter().map(|needs| Package { dependencies: needs.to_vec(), ..package.clone() }).collect();
            let reports = [report];
            assert_eq!(Image::all(&reports)[0].roots(), *roots, "{needs:?}");
        }
    }

    #[test]
    fn references_are_unique() {
        let mut report = sample::report();
        let mut twin = report.packages[0].clone();
        twin.name = "another".into();
        report.packages.push(twin);
        report.packages[1].purl = format!("{}~2", report.packages[0].purl);
        let reports = [report, sample::report()];
        let images = Image::all(&reports);
        let all: Vec<&String> = images.iter().flat_map(|image| &image.references).collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len(), "{all:?}");
    }

    #[test]
    fn many_packages_of_one_purl_are_numbered_at_once() {
        let mut report = sample::report();
        let package = report.packages[0].clone();
        report.packages = vec![package.clone(); 20_000];
        let started = std::time::Instant::now();
        let references = references(&report.packages, "");
        // the square of it took over a minute in such a build
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
        let last = format!("{}~20000", purl(&package));
        assert_eq!((references.len(), references.last()), (20_000, Some(&last)));
    }

    #[test]
    fn times_are_whole_seconds_of_years_that_can_be_written() {
        let at = |created: Option<i64>, source_date: Option<i64>| {
            let mut report = sample::empty();
            report.target.created = created.map(Timestamp::from_unix);
            report.source_date = source_date.map(Timestamp::from_unix);
            stamp(&[report])
        };
        assert_eq!(at(None, None), None);
        assert_eq!(at(Some(0), None).as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(at(Some(0), Some(60)).as_deref(), Some("1970-01-01T00:01:00Z"));
        assert_eq!(at(Some(i64::MIN), None).as_deref(), Some("1970-01-01T00:00:00Z"));
        let mut report = sample::empty();
        report.target.created = Some("2024-05-01T10:00:00.123456789Z".parse().expect("a time"));
        assert_eq!(stamp(&[report]).as_deref(), Some("2024-05-01T10:00:00Z"));
    }

    /// A report in which every fact of a package is said, in ways that are hard to write.
    fn intricate() -> Report {
        let all = crate::package::COLLECTORS.iter().filter_map(|collector| collector.about());
        let all: Vec<&'static Ecosystem> = all.flat_map(|about| about.ecosystems.iter().copied()).collect();
        let kind = |id: &str, purl: &str| {
            let is_of = |kind: &Ecosystem| purl.starts_with(&format!("pkg:{}/", kind.purl_type));
            *all.iter().find(|kind| kind.id == id && is_of(kind)).expect("a kind")
        };
        let licences = [
            Licence { declared: "GPL-2+".into(), expression: Some("GPL-2.0-or-later".into()) },
            Licence { declared: "MIT".into(), expression: Some("MIT".into()) },
            Licence { declared: "MIT".into(), expression: None },
            Licence { declared: "BSD, or so".into(), expression: None },
            Licence { declared: "GPL-2+, Expat".into(), expression: Some("GPL-2.0-or-later AND MIT".into()) },
            Licence::new("LicenseRef-Public-Domain"),
            Licence::new("LicenseRef-Public-Domain AND MIT"),
            Licence::new("DocumentRef-a:LicenseRef-b"),
            Licence::new(format!(" Copyright: \"me\"\n\tAll rights <text>reserved</text>.\\ {}\n", "x".repeat(300))),
            Licence::new("NONE"),
            Licence::new("NOASSERTION"),
        ];
        let proofs = [Proof::Record, Proof::Name("a-1.jar".into()), Proof::VersionString("v1=\\of \"a\"\n".into())];
        let confidences = [Confidence::High, Confidence::Medium, Confidence::Low];
        let paths: [&[u8]; 4] =
            [b"var/lib/dpkg/status", b"a!/b: c\n, now 3", b"x\\x41\xff\xe2\x80\xae", b"layer 1: a=b <&>"];
        let kinds = [
            ("deb", "bash", "1:5.2-1~a+b", "pkg:deb/debian/bash@1:5.2-1~a%2Bb?arch=amd64&distro=debian-12"),
            ("deb", "a", "", "pkg:deb/debian/a?arch=all&distro=debian-12"),
            ("maven", "g.h:a", "1.0", "pkg:maven/g.h/a@1.0"),
            ("npm", "@s/a", "1.0.0", "pkg:npm/%40s/a@1.0.0"),
            ("golang", "github.com/a/b", "v1.0.0", "pkg:golang/github.com/a/b@v1.0.0"),
            ("opkg", "dropbear", "1-1", "pkg:generic/opkg/dropbear@1-1?distro=debian-12"),
            ("ebuild", "dev-libs/a", "1-r1", "pkg:ebuild/dev-libs/a@1-r1"),
            ("wordpress-plugin", "akismet", "5.3", "pkg:generic/wordpress/plugin/akismet@5.3"),
            ("wordpress", "wordpress", "6.4", "pkg:generic/wordpress@6.4"),
            ("jvm", "openjdk", "21", "pkg:generic/openjdk@21"),
            ("cpan", "A-B", "1", "pkg:generic/A-B@1"),
            ("generic", "redis \u{e4}", "7", "pkg:generic/redis%20%C3%A4@7"),
        ];
        let mut report = sample::report();
        let package = report.packages[0].clone();
        report.packages = (0_u32..)
            .zip(kinds)
            .map(|(number, (id, name, version, purl))| {
                let at = number as usize;
                let place = |number: u32| crate::inventory::PackageLocation {
                    path: ImagePath::new(paths[number as usize % paths.len()]),
                    node: crate::tree::Node { layer: number % 4, member: 0 },
                    added_by: (number % 4).saturating_sub(number % 2),
                    inside: number.is_multiple_of(3).then(|| "lib/b.jar!/c: d, now 2\n".into()),
                };
                let mut locations = vec![place(number), place(number + 1)];
                locations.sort();
                Package {
                    ecosystem: kind(id, purl),
                    name: name.into(),
                    version: version.into(),
                    purl: purl.into(),
                    licence: licences.get(at).cloned(),
                    proof: proofs[at % proofs.len()].clone(),
                    confidence: confidences[(at / 2) % confidences.len()],
                    source: [None, Some(("src".into(), String::new())), Some(("s=\\".into(), "1".into()))][at % 3]
                        .clone(),
                    architecture: [None, Some("amd64".to_owned())][at % 2].clone(),
                    state: if at.is_multiple_of(4) { State::Declared } else { State::Installed },
                    is_counted: !at.is_multiple_of(8),
                    sha1: at.is_multiple_of(2).then_some([7; 20]),
                    dependencies: if number > 2 { vec![0, number - 1] } else { Vec::new() },
                    owner: (number == 5).then_some(0),
                    locations,
                    ..package.clone()
                }
            })
            .collect();
        report.removed = report.packages.split_off(report.packages.len() - 1);
        let gone = &mut report.removed[0];
        (gone.removed_in_layer, gone.dependencies, gone.state) = (Some(3), Vec::new(), State::Installed);
        report.target.tags = vec!["shop/api:1.4".into(), "shop/api:latest".into()];
        report
    }

    /// All that is said of packages, by purl: the formats order them as they like.
    fn told(packages: &[Package]) -> BTreeMap<&str, String> {
        let purl_of = |index: &u32| packages.get(*index as usize).map(|package| package.purl.as_str());
        let of = |package: &Package| {
            let places: Vec<_> = package
                .locations
                .iter()
                .map(|place| (&place.path, place.node.layer, place.added_by, &place.inside))
                .collect();
            let dependencies: BTreeSet<&str> = package.dependencies.iter().filter_map(purl_of).collect();
            let owner = package.owner.as_ref().and_then(purl_of);
            let Package { ecosystem, name, version, source, architecture, licence, state, confidence, .. } = package;
            let Package { is_counted, proof, sha1, removed_in_layer, .. } = package;
            let kind = ecosystem.id;
            format!(
                "{kind:?} {name:?} {version:?}\n{source:?} {architecture:?}\n{licence:?}\n{state:?} {confidence:?} {is_counted} \
                 {proof:?} {sha1:?} {removed_in_layer:?}\n{dependencies:?} {owner:?}\n{places:?}"
            )
        };
        packages.iter().map(|package| (package.purl.as_str(), of(package))).collect()
    }

    #[test]
    fn everything_is_read_back_from_every_format() {
        let reports = [intricate()];
        let report = &reports[0];
        for format in super::super::FORMATS.iter().map(|format| format.id()) {
            if format != "json" && !format.starts_with("cyclonedx") && !format.starts_with("spdx") {
                continue;
            }
            let bill =
                crate::format::sbom::read(rendered(format, &reports).as_bytes()).expect("what is written is read");
            let back = crate::package::bill::inventory(crate::image::Target::default(), bill);
            let (seen, expected) = (told(&back.packages), told(&report.packages));
            assert_eq!(seen.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{format}");
            let pairs = expected.iter().map(|(purl, expected)| (purl, expected, &seen[purl]));
            let wrong: Vec<_> = pairs.filter(|(_, expected, seen)| expected != seen).collect();
            assert!(wrong.is_empty(), "{format}: {wrong:#?}");
            // in a bill of materials they would be taken for packages that are there
            let removed: &[Package] = if format == "json" { &report.removed } else { &[] };
            assert_eq!(told(&back.removed), told(removed), "{format}");
            let target = &report.target;
            let of = |layer: &crate::report::ReportedLayer| {
                let digests = (layer.digest.clone(), layer.diff_id.clone());
                (layer.index, digests, layer.size.bytes(), layer.created_by.clone(), layer.origin)
            };
            let layers: Vec<_> = back
                .layers
                .iter()
                .map(|layer| {
                    let digests = (layer.digest.clone(), layer.diff_id.clone());
                    (layer.index, digests, layer.size, layer.created_by.clone(), layer.origin)
                })
                .collect();
            assert_eq!(layers, target.layers.iter().map(of).collect::<Vec<_>>(), "{format}");
            assert_eq!(back.target.tags, target.tags, "{format}");
            assert_eq!(back.target.platform, target.platform, "{format}");
            assert_eq!(back.target.digest, target.digest, "{format}");
            assert_eq!(back.target.config_digest, target.config_digest, "{format}");
            assert_eq!(back.created, target.created, "{format}");
            let distro = |distro: &Option<crate::inventory::Distro>| {
                let distro = distro.clone().expect("a distribution");
                (distro.id, distro.version_id, distro.name, distro.codename, distro.id_like)
            };
            assert_eq!(distro(&back.distro), distro(&target.distro), "{format}");
        }
    }
}
