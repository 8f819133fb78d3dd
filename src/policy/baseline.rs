//! Baselines: findings that were there before, by fingerprint, so that only what is new fails.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::requirement::{AGEING, LIMIT_EXCEEDED};
use super::selector::is_same_platform;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::finding::Finding;
use crate::time::Date;

/// Version of the file.
pub const SCHEMA: &str = "careen.baseline/1";

/// Most fingerprints of one file.
const MOST: usize = 1_000_000;

/// Most images of one file.
const MOST_IMAGES: usize = 10_000;

/// Characters of an image's reference that a verdict shows.
const LONGEST_SHOWN: usize = 120;

/// Findings that were there before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Baseline {
    /// The file as it was named.
    pub name: String,
    /// The day on which it was made, where it says.
    pub made: Option<Date>,
    /// The images that it was made from, where it says.
    pub images: Vec<Source>,
    /// Findings by their fingerprints.
    findings: BTreeMap<String, Known>,
}

/// One finding, as a baseline lists it: fingerprint and value count, the rest is for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Fingerprint.
    pub id: String,
    /// Id of the rule.
    pub rule: String,
    /// What it is about.
    #[serde(default)]
    pub subject: String,
    /// Of what is over a limit of the policy, how much there was: what grew since is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<u64>,
    /// Platforms on which it was accepted then: there it counts once nothing accepts it any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
}

/// A finding of a baseline or of a report, as it is read.
#[derive(Deserialize)]
struct Entry {
    #[serde(flatten)]
    known: Known,
    status: Option<String>,
    #[serde(default)]
    evidence: Evidence,
}

/// The part of a finding's evidence that baselines keep.
#[derive(Default, Deserialize)]
struct Evidence {
    value: Option<Value>,
}

impl Entry {
    /// What a baseline lists; nothing of what was accepted then, which counts once nothing accepts it any more.
    fn known(&self) -> Option<Known> {
        if self.is_waived() {
            return None;
        }
        let known = self.known.clone();
        let is_measured = known.rule == LIMIT_EXCEEDED.id;
        let measured = self.evidence.value.as_ref().and_then(Value::as_u64).filter(|_| is_measured);
        Some(Known { value: known.value.or(measured), ..known })
    }

    fn is_waived(&self) -> bool {
        self.status.as_deref() == Some("waived")
    }
}

/// An image that a baseline was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// As it was named.
    pub reference: String,
    /// Its platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// Digest of its manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// What a baseline says: the file, as it is written and read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The day on which it was made; older ones have none, nor do reports.
    pub made: Option<Date>,
    /// The images that it was made from; older ones do not say.
    pub images: Vec<Source>,
    /// The findings, sorted, each once.
    pub findings: Vec<Known>,
}

/// A file of a baseline, or a report, of which the same fields are read.
#[derive(Deserialize)]
struct File {
    schema: String,
    made: Option<String>,
    #[serde(default)]
    images: Vec<Source>,
    target: Option<Source>,
    #[serde(default)]
    findings: Vec<Entry>,
    #[serde(default)]
    reports: Vec<File>,
}

#[derive(Serialize)]
struct Written<'a> {
    schema: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    made: Option<Date>,
    images: &'a [Source],
    findings: &'a [Known],
}

impl Baseline {
    /// Reads a baseline, or a JSON report of one image or of several.
    pub fn parse(name: &str, text: &[u8]) -> Result<Self> {
        let Listing { made, images, findings } = Listing::read(name, text)?;
        let findings = findings.into_iter().map(|known| (known.id.clone(), known)).collect();
        Ok(Self { name: name.to_owned(), made, images, findings })
    }

    /// Whether it lists the fingerprint.
    pub fn has(&self, fingerprint: &str) -> bool {
        self.findings.contains_key(fingerprint)
    }

    /// Whether the finding of this fingerprint was there before on this platform, accepted by nothing, and no less of it. What
    /// grows by itself was less.
    pub(super) fn knows(&self, finding: &Finding, fingerprint: &str, platform: Option<&str>) -> bool {
        if AGEING.iter().any(|rule| rule.id == finding.rule.id) {
            return false;
        }
        let Some(known) = self.findings.get(fingerprint) else { return false };
        if known.except.iter().any(|one| is_same_platform(one, platform.unwrap_or_default())) {
            return false;
        }
        let value = finding.evidence.get("value").and_then(Value::as_u64);
        finding.rule.id != LIMIT_EXCEEDED.id
            || known.value.is_some_and(|known| value.is_some_and(|value| value <= known))
    }

    /// How many findings it lists.
    pub fn len(&self) -> usize {
        self.findings.len()
    }

    /// Whether it lists none.
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// Its name, and in parentheses when and of what it was made: `b.json` (2026-05-01, shop/api:1.4).
    pub(super) fn told(&self) -> String {
        let first =
            self.images.first().map(|image| escape(image.reference.chars().take(LONGEST_SHOWN).collect::<String>()));
        let more = self.images.len().saturating_sub(1);
        let images = first.map(|first| if more > 0 { format!("{first} and {more} more") } else { first });
        let about: Vec<String> = self.made.map(|day| day.to_string()).into_iter().chain(images).collect();
        let about = if about.is_empty() { String::new() } else { format!(" ({})", about.join(", ")) };
        format!("`{}`{about}", escape(&self.name))
    }
}

impl Listing {
    /// The findings of a report, or of a baseline.
    pub fn read(name: &str, text: &[u8]) -> Result<Self> {
        let wrong = |what: String| {
            Error::new(ErrorKind::Config, what)
                .at(name.to_owned())
                .help("make one with `careen policy baseline report.json`, or name a JSON report")
        };
        let file: File = serde_json::from_slice(text)
            .map_err(|error| wrong(format!("this is no baseline and no JSON report: {error}")))?;
        let short = |text: &str| escape(text.chars().take(60).collect::<String>());
        let day = |text: &String| text.parse().map_err(|_| wrong(format!("`{}` in `made` is no day", short(text))));
        let mut all = Self { made: file.made.as_ref().map(day).transpose()?, ..Self::default() };
        let mut waived: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let single = [file];
        for file in &single {
            for one in std::iter::once(file).chain(&file.reports) {
                if !matches!(one.schema.as_str(), SCHEMA | "careen.report/1" | "careen.reports/1") {
                    return Err(wrong(format!("`{}` is no schema of a baseline", short(&one.schema))));
                }
                all.images.extend(one.images.iter().chain(&one.target).cloned());
                all.findings.extend(one.findings.iter().filter_map(Entry::known));
                let platform = one.target.as_ref().and_then(|target| target.platform.as_deref()).unwrap_or_default();
                for entry in one.findings.iter().filter(|entry| entry.is_waived()) {
                    waived.entry(&entry.known.id).or_default().insert(platform);
                }
            }
        }
        if all.findings.len() > MOST {
            return Err(wrong(format!("it lists more than {MOST} findings")));
        }
        if all.images.len() > MOST_IMAGES {
            return Err(wrong(format!("it is of more than {MOST_IMAGES} images")));
        }
        if let Some(odd) = all.findings.iter().find(|known| !is_fingerprint(&known.id)) {
            return Err(wrong(format!("`{}` is no fingerprint", short(&odd.id))));
        }
        // of several images, each with a value, the greatest counts
        let order = |known: &Known| {
            (known.rule.clone(), known.subject.clone(), known.id.clone(), std::cmp::Reverse(known.value))
        };
        all.findings.sort_by_cached_key(order);
        all.findings.dedup_by(|later, first| {
            let is_same = later.id == first.id;
            if is_same {
                first.except.append(&mut later.except);
            }
            is_same
        });
        for known in &mut all.findings {
            known.except.extend(waived.get(known.id.as_str()).into_iter().flatten().map(|one| (*one).to_owned()));
            known.except.sort_unstable();
            known.except.dedup();
        }
        Ok(all)
    }

    /// The file of a baseline that says this, as JSON.
    pub fn write(&self) -> String {
        let Self { made, images, findings } = self;
        let written = Written { schema: SCHEMA, made: *made, images, findings };
        serde_json::to_string_pretty(&written).map(|text| text + "\n").unwrap_or_default()
    }
}

fn is_fingerprint(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}
