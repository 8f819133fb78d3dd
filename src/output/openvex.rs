//! What is known and decided about flaws in packages, as an `OpenVEX` document (version 0.2.0,
//! OPENVEX-SPEC.md of <https://github.com/openvex/spec>): findings are `affected`, also accepted ones unless a reason says why they do no harm,
//! and those that VEX documents speak of keep what these say.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use super::bom;
use super::json::write_json;
use super::{Format, Style};
use crate::advisory::vex::reference::{encode, generic, last_part, repository};
use crate::advisory::vex::{JUSTIFICATIONS, Status};
use crate::digest::{Algorithm, Digest};
use crate::finding::Location;
use crate::policy::Judged;
use crate::report::{Report, TargetSummary};

/// The rule whose findings are flaws in packages.
const RULE: &str = "package/vulnerable";
/// The time of a document about images that have none; the format wants one.
const NO_TIME: &str = "1970-01-01T00:00:00Z";

/// Writes statements.
pub(super) struct OpenVex;

impl Format for OpenVex {
    fn id(&self) -> &'static str {
        "openvex"
    }

    fn about(&self) -> &'static str {
        "Statements on vulnerabilities, waivers among them: OpenVEX 0.2.0"
    }

    fn render(&self, reports: &[Report], _: &Style, out: &mut dyn Write) -> io::Result<()> {
        let mut document = Document {
            context: "https://openvex.dev/ns/v0.2.0",
            id: None,
            author: "Unknown Author",
            timestamp: bom::stamp(reports).unwrap_or_else(|| NO_TIME.to_owned()),
            version: 1,
            tooling: format!("careen {}", reports.first().map_or("", |report| report.version)),
            statements: statements(reports),
        };
        document.id = Some(format!("urn:uuid:{}", bom::uuid(&Digest::sha256(&serde_json::to_vec(&document)?))));
        write_json(&document, out)
    }
}

#[derive(Serialize)]
struct Document {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@id", skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// A person or an organisation, of whom a report knows nothing.
    author: &'static str,
    timestamp: String,
    version: u32,
    tooling: String,
    statements: Vec<Statement>,
}

#[derive(Serialize, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Statement {
    vulnerability: Vulnerability,
    products: [Product; 1],
    #[serde(flatten)]
    said: Said,
}

#[derive(Serialize, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Vulnerability {
    name: String,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    aliases: BTreeSet<String>,
}

#[derive(Serialize, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Product {
    #[serde(rename = "@id")]
    id: String,
    identifiers: Identifiers,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    hashes: BTreeMap<&'static str, String>,
    subcomponents: [Part; 1],
}

#[derive(Serialize, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    #[serde(rename = "@id")]
    id: String,
    identifiers: Identifiers,
}

#[derive(Serialize, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Identifiers {
    purl: String,
}

/// The status and what goes with it.
#[derive(Serialize, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Said {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    justification: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    impact_statement: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action_statement: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_notes: Option<String>,
}

/// One statement for each image, flaw and package; where its findings differ, the gravest speaks.
fn statements(reports: &[Report]) -> Vec<Statement> {
    let mut all: BTreeMap<(usize, String, String), (Status, Statement)> = BTreeMap::new();
    for (number, report) in reports.iter().enumerate() {
        for judged in report.findings.iter().filter(|judged| judged.finding.rule.id == RULE) {
            let finding = &judged.finding;
            let stated = finding.evidence.get("purl").and_then(Value::as_str);
            let purl = match (&finding.location, stated) {
                (Location::Package { purl, .. }, _) => purl.as_str(),
                (_, Some(purl)) => purl,
                // without a package it would be about the whole image, which is more than anybody decided
                _ => continue,
            };
            let (status, said) = said(judged);
            let key = (number, finding.subject.clone(), purl.to_owned());
            if all.get(&key).is_some_and(|(other, _)| *other >= status) {
                continue;
            }
            let statement = Statement {
                vulnerability: Vulnerability {
                    name: finding.subject.clone(),
                    aliases: ids(judged).filter(|id| **id != finding.subject).map(str::to_owned).collect(),
                },
                products: [product(&report.target, &bom::clean_purl(purl))],
                said,
            };
            all.insert(key, (status, statement));
        }
    }
    // the same image twice says the same twice
    let statements: BTreeSet<Statement> = all.into_values().map(|(_, statement)| statement).collect();
    statements.into_iter().collect()
}

fn ids(judged: &Judged) -> impl Iterator<Item = &str> {
    let list = judged.finding.evidence.get("ids").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

fn said(judged: &Judged) -> (Status, Said) {
    let words = |status: Status| Said { status: status.as_str(), ..Said::default() };
    if let Some(waiver) = &judged.waiver {
        let reason = Some(waiver.reason.trim());
        // a VEX document accepts it, or else the policy
        if let Some(status) = waiver.status.as_deref().and_then(Status::of) {
            let mut said = words(status);
            if status == Status::NotAffected {
                let label = waiver.justification.as_deref();
                give_reason(&mut said, label, reason.filter(|reason| label != Some(*reason)));
            }
            return (status, said);
        }
        if let Some((label, rest)) = waiver.reason.split_once(':')
            && JUSTIFICATIONS.contains(&label.trim())
        {
            let mut said = words(Status::NotAffected);
            give_reason(&mut said, Some(label.trim()), Some(rest.trim()));
            return (Status::NotAffected, said);
        }
        // a risk that is accepted is there
        let until = waiver.expires.map(|day| format!(" until {day}")).unwrap_or_default();
        let why = reason.filter(|reason| !reason.is_empty()).map(|reason| format!(": {reason}")).unwrap_or_default();
        let action_statement = Some(format!("the risk is accepted{until}{why}"));
        return (Status::Affected, Said { action_statement, ..words(Status::Affected) });
    }
    let evidence = &judged.finding.evidence;
    let vex = |key: &str| evidence.get("vex")?.get(key)?.as_str().filter(|text| !text.is_empty());
    let stated = vex("status").and_then(Status::of);
    if stated == Some(Status::UnderInvestigation) {
        return (Status::UnderInvestigation, words(Status::UnderInvestigation));
    }
    let fixed = evidence.get("fixed").and_then(Value::as_str).filter(|version| !version.is_empty());
    let action = match (fixed, vex("action")) {
        (Some(version), _) => format!("upgrade to {version}"),
        (None, Some(action)) => action.to_owned(),
        (None, None) => "no fixed version is known".to_owned(),
    };
    (Status::Affected, Said { action_statement: Some(action), ..words(Status::Affected) })
}

/// Gives a label if it is one of the format's, else words; never both, since some read only documents with one of them.
fn give_reason(said: &mut Said, label: Option<&str>, words: Option<&str>) {
    let words = words.filter(|words| !words.is_empty()).map(str::to_owned);
    match label {
        Some(label) if JUSTIFICATIONS.contains(&label) => {
            said.justification = Some(label.to_owned());
            said.status_notes = words;
        }
        label => {
            let label = label.map(str::to_owned);
            said.impact_statement = words.or(label).or_else(|| Some("no reason is given".to_owned()));
        }
    }
}

/// The image with one of its packages.
fn product(target: &TargetSummary, purl: &str) -> Product {
    let id = image_purl(target);
    let hashes = target.digest.iter().chain(target.config_digest.iter().filter(|_| target.digest.is_none()));
    let hashes = hashes.map(|digest| {
        let name = match digest.algorithm() {
            Algorithm::Sha256 => "sha-256",
            Algorithm::Sha512 => "sha-512",
        };
        (name, digest.hex().to_owned())
    });
    Product {
        identifiers: Identifiers { purl: id.clone() },
        id,
        hashes: hashes.collect(),
        subcomponents: [Part { id: purl.to_owned(), identifiers: Identifiers { purl: purl.to_owned() } }],
    }
}

/// `pkg:oci/api@sha256%3A…?repository_url=registry.example.com/shop/api`; what is no image is a `pkg:generic`.
fn image_purl(target: &TargetSummary) -> String {
    let written = target.tags.first().map_or(target.reference.as_str(), String::as_str);
    let Some(digest) = target.digest.as_ref().or(target.config_digest.as_ref()) else {
        return generic(written);
    };
    let repository = repository(written);
    let name = last_part(repository).to_lowercase();
    let mut purl = format!("pkg:oci/{}@{}", encode(&name, ""), encode(&digest.to_string(), ""));
    // a path is no repository
    if (!target.tags.is_empty() || target.source == "registry") && repository.contains('/') {
        purl.push_str(&format!("?repository_url={}", encode(repository, "/:")));
    }
    purl
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::sample;
    use super::*;
    use crate::advisory::vex::{Hit, Image, Judge, read};
    use crate::finding::Finding;
    use crate::path::ImagePath;
    use crate::policy::{Action, AppliedWaiver};
    use crate::rule::Rule;

    static VULNERABLE: Rule = Rule { id: RULE, title: "A package has a known flaw", ..Rule::NEW };
    const OPENSSL: &str = "pkg:deb/debian/openssl@3.0.11-1?arch=amd64&distro=debian-12";
    const SIX: &str = "pkg:pypi/six@1.16.0";

    fn flaw(id: &str, purl: &str, evidence: &Value, waiver: Option<&str>) -> Judged {
        let location = Location::Package { purl: purl.into(), path: ImagePath::from("a"), layer: 0 };
        let mut finding = Finding::new(&VULNERABLE, id, location, "has a flaw");
        for (key, value) in evidence.as_object().cloned().unwrap_or_default() {
            let key = ["ids", "fixed", "purl", "vex"].into_iter().find(|known| *known == key).expect("a known key");
            finding.evidence.insert(key, value);
        }
        let of_policy = |reason: &str| AppliedWaiver { reason: reason.into(), ..AppliedWaiver::default() };
        let of_vex = |vex: &Value| {
            let text = |key: &str| vex[key].as_str().map(str::to_owned);
            let status = text("status").filter(|status| Status::of(status).is_some_and(Status::suppresses));
            let reason = text("impact").unwrap_or_default();
            status.map(|status| AppliedWaiver {
                reason,
                status: Some(status),
                justification: text("justification"),
                ..AppliedWaiver::default()
            })
        };
        // the policy's own comes first
        let waiver = waiver.map(of_policy).or_else(|| evidence.get("vex").and_then(of_vex));
        Judged {
            finding,
            action: Action::Warn,
            decided_by: "careen:2026".into(),
            decided_at: None,
            note: None,
            help: None,
            waiver,
        }
    }

    fn with(findings: Vec<Judged>) -> Report {
        let mut report = sample::report();
        report.findings.extend(findings);
        report
    }

    fn rendered(reports: &[Report]) -> Value {
        let mut out = Vec::new();
        OpenVex.render(reports, &sample::style(), &mut out).expect("memory can be written");
        serde_json::from_slice(&out).expect("JSON")
    }

    #[test]
    fn what_is_known_and_decided_is_said() {
        let vex = |status: &str, more: &Value| {
            let mut vex = json!({"status": status, "document": "d", "place": "p"});
            let fields = vex.as_object_mut().expect("an object");
            fields.extend(more.as_object().cloned().unwrap_or_default());
            json!({"vex": vex})
        };
        let cases = [
            (json!({"fixed": "3.0.12"}), None, json!({"status": "affected", "action_statement": "upgrade to 3.0.12"})),
            (json!({}), None, json!({"status": "affected", "action_statement": "no fixed version is known"})),
            (
                json!({}),
                Some("not used: by us"),
                json!({"status": "affected", "action_statement": "the risk is accepted: not used: by us"}),
            ),
            (
                json!({"fixed": "2"}),
                Some("vulnerable_code_not_present: it is compiled without"),
                json!({"status": "not_affected", "justification": "vulnerable_code_not_present", "status_notes": "it is compiled without"}),
            ),
            (
                json!({}),
                Some("component_not_present:"),
                json!({"status": "not_affected", "justification": "component_not_present"}),
            ),
            (
                vex("not_affected", &json!({"justification": "component_not_present", "impact": "gone"})),
                None,
                json!({"status": "not_affected", "justification": "component_not_present", "status_notes": "gone"}),
            ),
            (
                vex(
                    "not_affected",
                    &json!({"justification": "component_not_present", "impact": "component_not_present"}),
                ),
                None,
                json!({"status": "not_affected", "justification": "component_not_present"}),
            ),
            (
                vex("fixed", &json!({})),
                Some("unused"),
                json!({"status": "affected", "action_statement": "the risk is accepted: unused"}),
            ),
            (
                vex("not_affected", &json!({"justification": "code_not_reachable"})),
                None,
                json!({"status": "not_affected", "impact_statement": "code_not_reachable"}),
            ),
            (
                vex("not_affected", &json!({})),
                None,
                json!({"status": "not_affected", "impact_statement": "no reason is given"}),
            ),
            (vex("fixed", &json!({"impact": "x"})), None, json!({"status": "fixed"})),
            (vex("fixed", &json!({"impact": "fixed, says own.json"})), None, json!({"status": "fixed"})),
            (vex("under_investigation", &json!({})), None, json!({"status": "under_investigation"})),
            (
                vex("affected", &json!({"action": "wait"})),
                None,
                json!({"status": "affected", "action_statement": "wait"}),
            ),
            (
                vex("affected", &json!({})),
                Some("unused"),
                json!({"status": "affected", "action_statement": "the risk is accepted: unused"}),
            ),
        ];
        for (evidence, waiver, expected) in cases {
            let report = with(vec![flaw("CVE-1", OPENSSL, &evidence, waiver)]);
            let document = rendered(&[report]);
            let statement = &document["statements"][0];
            for (key, value) in expected.as_object().expect("an object") {
                assert_eq!(&statement[key], value, "{evidence} {waiver:?}");
            }
            let fields = expected.as_object().map_or(0, serde_json::Map::len);
            assert_eq!(statement.as_object().map_or(0, serde_json::Map::len), fields + 2, "{statement}");
        }
    }

    #[test]
    fn the_image_is_the_product_and_the_package_its_part() {
        let ids = json!({"ids": ["GHSA-1", "CVE-1", "CVE-1"]});
        let report = with(vec![flaw("CVE-1", OPENSSL, &ids, None)]);
        let digest = report.target.digest.clone().expect("a digest");
        let statement = rendered(&[report])["statements"][0].take();
        assert_eq!(statement["vulnerability"], json!({"name": "CVE-1", "aliases": ["GHSA-1"]}));
        let purl = format!("pkg:oci/api@sha256%3A{}?repository_url=shop/api", digest.hex());
        assert_eq!(
            statement["products"],
            json!([{"@id": purl, "identifiers": {"purl": purl}, "hashes": {"sha-256": digest.hex()},
                "subcomponents": [{"@id": OPENSSL, "identifiers": {"purl": OPENSSL}}]}])
        );
    }

    #[test]
    fn names_of_images() {
        let digest = Digest::sha256(b"manifest");
        let at = format!("@sha256%3A{}", digest.hex());
        let cases = [
            (
                "registry",
                "registry.example.com:5000/shop/api:1.4",
                true,
                format!("pkg:oci/api{at}?repository_url=registry.example.com:5000/shop/api"),
            ),
            ("registry", "nginx", true, format!("pkg:oci/nginx{at}")),
            ("oci-archive", "build/Image 1.tar", true, format!("pkg:oci/image%201.tar{at}")),
            ("oci-archive", "a/", true, format!("pkg:oci/a{at}")),
            ("dir", "/", false, "pkg:generic/image".to_owned()),
            ("stdin", "-", false, "pkg:generic/-".to_owned()),
        ];
        for (source, reference, has_digest, expected) in cases {
            let digest = has_digest.then(|| digest.clone());
            let target = TargetSummary { reference: reference.into(), source, digest, ..TargetSummary::default() };
            assert_eq!(image_purl(&target), expected);
        }
    }

    #[test]
    fn one_statement_for_each_image_flaw_and_package() {
        let findings = || {
            vec![
                flaw("CVE-1", OPENSSL, &json!({}), Some("unused")),
                flaw("CVE-1", OPENSSL, &json!({}), None),
                flaw("CVE-1", OPENSSL, &json!({}), Some("unused")),
                flaw("CVE-1", SIX, &json!({}), None),
                flaw("CVE-2", SIX, &json!({}), None),
            ]
        };
        let mut other = with(findings());
        other.target.digest = Some(Digest::sha256(b"other"));
        let mut homeless = flaw("CVE-9", SIX, &json!({"purl": SIX}), None);
        homeless.finding.location = Location::Image;
        let of_bill = &rendered(&[with(vec![homeless])])["statements"][0]["products"][0]["subcomponents"];
        assert_eq!(of_bill[0]["@id"], SIX, "a package without a place has its name all the same");
        let document = rendered(&[with(findings()), other, with(findings())]);
        let statements = document["statements"].as_array().expect("a list");
        assert_eq!(statements.len(), 6);
        assert!(statements.iter().all(|statement| statement["status"] == "affected"), "the gravest speaks");
        assert_eq!(
            document,
            rendered(&[with(findings()), {
                let mut other = with(findings());
                other.target.digest = Some(Digest::sha256(b"other"));
                other
            }])
        );
    }

    #[test]
    fn what_is_written_is_read_back() {
        let report = with(vec![
            flaw("CVE-1", OPENSSL, &json!({"ids": ["GHSA-1"]}), Some("vulnerable_code_not_present: so it is")),
            flaw("CVE-2", OPENSSL, &json!({"fixed": "3"}), None),
            flaw("CVE-3", SIX, &json!({"vex": {"status": "fixed"}}), None),
            flaw("CVE-4", SIX, &json!({"vex": {"status": "under_investigation"}}), None),
        ]);
        let (digest, tags) = (report.target.digest.clone(), report.target.tags.clone());
        let document = read(rendered(&[report]).to_string().as_bytes(), "own").expect("it is read");
        assert_eq!(document.complaints.count(), 0);
        assert_eq!(document.timestamp.map(|time| time.to_string()).as_deref(), Some("2026-01-01T00:00:00Z"));
        let judge = Judge::new(vec![document]);
        let image = Image::new(digest, tags.iter().map(String::as_str), Some("amd64"));
        let other = Image::new([Digest::sha256(b"other")], tags.iter().map(String::as_str), None);
        let cases = [
            ("GHSA-1", OPENSSL, Status::NotAffected),
            ("CVE-2", OPENSSL, Status::Affected),
            ("CVE-3", SIX, Status::Fixed),
            ("CVE-4", SIX, Status::UnderInvestigation),
        ];
        for (id, purl, expected) in cases {
            let ids = [id.to_owned()];
            let hit = Hit { ids: &ids, purl, source_purl: None, within: &[], image: &image };
            assert_eq!(judge.of(&hit).map(|judgement| judgement.status()), Some(expected), "{id}");
            assert!(judge.of(&Hit { image: &other, ..hit }).is_none(), "{id}: it is about this image");
        }
    }

    #[test]
    fn a_report_without_flaws_says_nothing() {
        let document = rendered(&[sample::empty()]);
        assert_eq!((&document["statements"], &document["timestamp"]), (&json!([]), &json!(NO_TIME)));
        assert!(document["@id"].as_str().is_some_and(|id| id.starts_with("urn:uuid:")));
    }
}
