//! What the bills of materials have in common: names, references, what each format has no field for, and identities
//! that the content alone decides.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::{self, Write};

use serde::Serialize;

use super::json::write_json;
use crate::digest::{Algorithm, Hasher};
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

/// A UUID (RFC 9562, version 8) that what is written decides: the same document has the same one.
pub(super) fn identity(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<String> {
    let mut sink = Sink(Hasher::new(Algorithm::Sha256));
    write(&mut sink)?;
    let digest = sink.0.finish();
    let uuid: String = digest
        .hex()
        .chars()
        .take(32)
        .enumerate()
        .flat_map(|(at, digit)| {
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
        })
        .collect();
    Ok(uuid)
}

/// The identity of a JSON document that has none yet.
pub(super) fn identity_of(document: &impl Serialize) -> io::Result<String> {
    identity(|out| write_json(document, out))
}

struct Sink(Hasher);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn identities_are_uuids_that_the_content_decides() {
        let of = |text: &str| identity(|out| out.write_all(text.as_bytes())).expect("memory can be written");
        let uuid = of("a");
        assert_eq!(uuid, of("a"));
        assert_ne!(uuid, of("b"));
        let parts: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert_eq!(uuid.get(14..15), Some("8"), "the version");
        assert!(matches!(uuid.get(19..20), Some("8" | "9" | "a" | "b")), "the variant");
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

    #[test]
    fn licences_and_proofs_are_read_back_from_every_format() {
        let licences = [
            Licence { declared: "GPL-2+".into(), expression: Some("GPL-2.0-or-later".into()) },
            Licence { declared: "MIT".into(), expression: Some("MIT".into()) },
            Licence { declared: "MIT".into(), expression: None },
            Licence { declared: "BSD, or so".into(), expression: None },
            Licence { declared: "GPL-2+, Expat".into(), expression: Some("GPL-2.0-or-later AND MIT".into()) },
        ];
        let proofs = [Proof::Record, Proof::Name("a-1.jar".into()), Proof::VersionString("v1 of a".into())];
        let mut report = sample::report();
        let package = report.packages[0].clone();
        report.packages = (0..licences.len())
            .map(|at| Package {
                purl: format!("pkg:deb/debian/a@{at}"),
                licence: Some(licences[at].clone()),
                proof: proofs[at % proofs.len()].clone(),
                dependencies: Vec::new(),
                owner: None,
                ..package.clone()
            })
            .collect();
        let reports = [report];
        let formats = super::super::FORMATS.iter().filter(|format| {
            let id = format.id();
            id == "json" || id.starts_with("cyclonedx") || id.starts_with("spdx")
        });
        for format in formats {
            let mut out = Vec::new();
            format.render(&reports, &sample::style(), &mut out).expect("memory can be written");
            let bill = crate::format::sbom::read(&out).expect("what is written is read");
            let back = crate::package::bill::inventory(crate::image::Target::default(), bill).packages;
            for (package, before) in back.iter().zip(&reports[0].packages) {
                assert_eq!(package.licence, before.licence, "{} {}", format.id(), before.purl);
                assert_eq!(package.proof, before.proof, "{} {}", format.id(), before.purl);
            }
        }
    }
}
