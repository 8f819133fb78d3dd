//! Reports as Harbor reads them, made of the documents that are kept.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::advisory::finding::NO_ADVISORIES;
use crate::advisory::store::{Entry, Manifest};
use crate::report::SCHEMA_OF_SEVERAL;
use crate::server::state::Server;
use crate::server::store::document;
use crate::time::Timestamp;

use super::{Refusal, refused};

/// Bytes of a document that is read for Harbor.
const LARGEST: usize = 128 << 20;

/// Links of one flaw.
const MOST_LINKS: usize = 20;

/// A scan that is done.
pub(super) struct Scanned {
    pub(super) report: String,
    pub(super) made: String,
    pub(super) repository: String,
    pub(super) digest: String,
    pub(super) tag: Option<String>,
}

/// Who scans.
pub(super) fn scanner() -> Value {
    json!({ "name": "careen", "vendor": "careen", "version": env!("CARGO_PKG_VERSION") })
}

/// Since when it is known that nothing newer is to be had; of the oldest data that are there.
pub(super) async fn data_updated(server: &Server) -> Option<Timestamp> {
    use std::io::Read as _;
    let path = server.config.advisories.as_ref()?.join("manifest.json");
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        std::fs::File::open(path).ok()?.take(16 << 20).read_to_end(&mut bytes).ok()?;
        Manifest::parse(&bytes).ok()?.shards.values().filter_map(Entry::confirmed).min()
    });
    read.await.ok().flatten()
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Document {
    schema: String,
    reports: Vec<Self>,
    findings: Vec<Finding>,
    packages: Vec<Package>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Package {
    purl: String,
    name: String,
    version: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Finding {
    rule: String,
    family: String,
    severity: String,
    message: String,
    subject: String,
    location: Location,
    evidence: Value,
    action: String,
    status: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Location {
    purl: Option<String>,
}

impl Scanned {
    fn artifact(&self) -> Value {
        let mut artifact = json!({ "repository": self.repository, "digest": self.digest });
        if let Some(tag) = &self.tag {
            artifact["tag"] = json!(tag);
        }
        artifact
    }

    async fn document(&self, server: &Server, format: &str) -> Result<Vec<u8>, Refusal> {
        let found = document::get(server.store.readers(), &self.report, format, LARGEST).await?;
        found.ok_or_else(|| refused(StatusCode::NOT_IMPLEMENTED, "the report is not kept in that format, or too large"))
    }

    /// The flaws of packages.
    pub(super) async fn vulnerabilities(&self, server: &Server) -> Result<Value, Refusal> {
        let json = self.document(server, "json").await?;
        let read = tokio::task::spawn_blocking(move || flaws(&json)).await;
        let failed = || refused(StatusCode::INTERNAL_SERVER_ERROR, "the report cannot be read");
        let flaws = read.ok().flatten().ok_or_else(failed)?;
        let gravest = flaws.iter().filter_map(|flaw| rank(flaw["severity"].as_str()?)).max();
        Ok(json!({
            "generated_at": self.made, "artifact": self.artifact(), "scanner": scanner(),
            "severity": gravest.and_then(|rank| SEVERITIES.get(rank)).map_or("Unknown", |(_, word)| word),
            "vulnerabilities": flaws,
        }))
    }

    /// A bill of materials.
    pub(super) async fn sbom(&self, server: &Server, media: &str, format: &str) -> Result<Value, Refusal> {
        let text = self.document(server, format).await?;
        let failed = |_| refused(StatusCode::INTERNAL_SERVER_ERROR, "the bill of materials cannot be read");
        let sbom: Value = serde_json::from_slice(&text).map_err(failed)?;
        Ok(json!({
            "generated_at": self.made, "artifact": self.artifact(), "scanner": scanner(), "vendor_attributes": {},
            "media_type": media, "sbom": sbom,
        }))
    }
}

/// Severities, from the least, and Harbor's words for them.
const SEVERITIES: &[(&str, &str)] =
    &[("info", "Negligible"), ("low", "Low"), ("medium", "Medium"), ("high", "High"), ("critical", "Critical")];

/// How grave Harbor's word is.
fn rank(word: &str) -> Option<usize> {
    SEVERITIES.iter().position(|(_, known)| *known == word)
}

/// Flaws of packages of a report; of several, as for the platforms of an index, those of all.
fn flaws(json: &[u8]) -> Option<Vec<Value>> {
    let whole: Document = serde_json::from_slice(json).ok()?;
    let reports = if whole.schema == SCHEMA_OF_SEVERAL { whole.reports } else { vec![whole] };
    let mut seen = BTreeSet::new();
    let mut flaws = Vec::new();
    for report in &reports {
        // what was not judged stands among the flaws: an empty list would be a clean image
        let is_flaw = |finding: &&Finding| {
            finding.family == "package" && finding.evidence["ids"].is_array() || finding.rule == NO_ADVISORIES.id
        };
        for finding in report.findings.iter().filter(is_flaw) {
            let flaw = flaw(finding, &report.packages);
            let text = |key: &str| flaw[key].as_str().unwrap_or_default().to_owned();
            if seen.insert((text("id"), text("package"), text("version"))) {
                flaws.push(flaw);
            }
        }
    }
    Some(flaws)
}

fn flaw(finding: &Finding, packages: &[Package]) -> Value {
    let evidence = &finding.evidence;
    let ids = evidence["ids"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ids: Vec<&str> = ids.iter().filter_map(Value::as_str).collect();
    let id = ids.iter().find(|id| id.starts_with("CVE-")).or(ids.first()).copied().unwrap_or(&finding.subject);
    let purl = finding.location.purl.as_deref().or_else(|| evidence["purl"].as_str());
    let package = packages.iter().find(|package| Some(package.purl.as_str()) == purl);
    let id = if finding.rule == NO_ADVISORIES.id { NO_ADVISORIES.id } else { id };
    let name = package.map(|package| package.name.as_str()).or_else(|| evidence["compared"]["name"].as_str());
    let version = evidence["installed"].as_str().or_else(|| package.map(|package| package.version.as_str()));
    let links = evidence["links"].as_array().map(Vec::as_slice).unwrap_or_default();
    let links = links
        .iter()
        .filter_map(Value::as_str)
        .filter(|link| link.starts_with("https://") || link.starts_with("http://"));
    let severity = SEVERITIES.iter().find(|(own, _)| *own == finding.severity).map_or("Unknown", |(_, word)| word);
    let description = evidence["summary"].as_str().unwrap_or(&finding.message);
    let mut flaw = json!({
        "id": id, "package": name.unwrap_or_default(), "version": version.unwrap_or_default(),
        "fix_version": evidence["fixed"].as_str().unwrap_or_default(), "severity": severity,
        "description": description, "links": links.take(MOST_LINKS).collect::<Vec<_>>(),
        "cwe_ids": evidence["cwes"].as_array().cloned().unwrap_or_default(),
        "vendor_attributes": { "careen": {
            "rule": finding.rule, "action": finding.action, "status": finding.status, "ids": ids,
            "upgrade": evidence["upgrade"], "epss": evidence["epss"], "exploited": evidence["exploited"],
        } },
    });
    let (score, vector) = (&evidence["rating"]["score"], evidence["rating"]["vector"].as_str().unwrap_or_default());
    if vector.starts_with("CVSS:3") {
        flaw["preferred_cvss"] = json!({ "score_v3": score, "vector_v3": vector });
    } else if vector.starts_with("AV:") {
        flaw["preferred_cvss"] = json!({ "score_v2": score, "vector_v2": vector });
    }
    flaw
}
