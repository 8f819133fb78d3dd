//! Baselines: findings that were there before, by fingerprint, so that only what is new fails.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// Version of the file.
pub const SCHEMA: &str = "careen.baseline/1";

/// Most fingerprints of one file.
const MOST: usize = 1_000_000;

/// Findings that were there before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Baseline {
    /// The file as it was named.
    pub name: String,
    fingerprints: BTreeSet<String>,
}

/// One finding, as a baseline lists it: the fingerprint counts, the rest is for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Fingerprint.
    pub id: String,
    /// Id of the rule.
    pub rule: String,
    /// What it is about.
    #[serde(default)]
    pub subject: String,
}

/// A file of a baseline, or a report, of which the same fields are read.
#[derive(Deserialize)]
struct File {
    schema: String,
    #[serde(default)]
    findings: Vec<Known>,
    #[serde(default)]
    reports: Vec<File>,
}

#[derive(Serialize)]
struct Written<'a> {
    schema: &'static str,
    findings: &'a [Known],
}

impl Baseline {
    /// Reads a baseline, or a JSON report of one image or of several.
    pub fn parse(name: &str, text: &[u8]) -> Result<Self> {
        let known = known(name, text)?;
        Ok(Self { name: name.to_owned(), fingerprints: known.into_iter().map(|known| known.id).collect() })
    }

    /// Whether the finding was there before.
    pub fn has(&self, fingerprint: &str) -> bool {
        self.fingerprints.contains(fingerprint)
    }

    /// How many findings it lists.
    pub fn len(&self) -> usize {
        self.fingerprints.len()
    }

    /// Whether it lists none.
    pub fn is_empty(&self) -> bool {
        self.fingerprints.is_empty()
    }
}

/// The findings of a report, or of a baseline, as a baseline lists them: sorted, each once.
pub fn known(name: &str, text: &[u8]) -> Result<Vec<Known>> {
    let wrong = |what: String| {
        Error::new(ErrorKind::Config, what)
            .at(name.to_owned())
            .help("make one with `careen policy baseline report.json`, or name a JSON report")
    };
    let file: File = serde_json::from_slice(text)
        .map_err(|error| wrong(format!("this is no baseline and no JSON report: {error}")))?;
    let mut all = Vec::new();
    let single = [file];
    for file in &single {
        for one in std::iter::once(file).chain(&file.reports) {
            if !matches!(one.schema.as_str(), SCHEMA | "careen.report/1" | "careen.reports/1") {
                return Err(wrong(format!("`{}` is no schema of a baseline", crate::escape::escape(&one.schema))));
            }
            all.extend(one.findings.iter().cloned());
        }
    }
    if all.len() > MOST {
        return Err(wrong(format!("it lists more than {MOST} findings")));
    }
    if let Some(odd) = all.iter().find(|known| !is_fingerprint(&known.id)) {
        return Err(wrong(format!(
            "`{}` is no fingerprint",
            crate::escape::escape(odd.id.chars().take(60).collect::<String>())
        )));
    }
    all.sort_by(|a, b| (&a.rule, &a.subject, &a.id).cmp(&(&b.rule, &b.subject, &b.id)));
    all.dedup_by(|a, b| a.id == b.id);
    Ok(all)
}

/// A baseline that lists these findings, as JSON.
pub fn write(findings: &[Known]) -> String {
    let written = Written { schema: SCHEMA, findings };
    serde_json::to_string_pretty(&written).map(|text| text + "\n").unwrap_or_default()
}

fn is_fingerprint(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}
