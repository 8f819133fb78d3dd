//! Compares the packages of a stored report with other advisories and judges it again, without the image. What else was
//! found there stays as it was found: where a report leaves out what another verdict would need, that is an error.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::advisory::catalogue::Catalogue;
use crate::advisory::vex::{Document, Fitting, Judge};
use crate::advisory::{finding as flaw, matching};
use crate::error::{Error, ErrorKind, Result};
use crate::finding;
use crate::format::sbom;
use crate::image::Target;
use crate::inventory::{Base, Inventory};
use crate::limit::Limits;
use crate::package::bill;
use crate::policy::{Action, PolicySet};
use crate::report::{self, Report, ReportedLayer, SCHEMA, TargetSummary};
use crate::rule::Rule;
use crate::secret;
use crate::size::ByteSize;
use crate::time::Timestamp;

use super::word::kept;
use super::{Record, read, sharing, too_many};

/// By what a stored report is judged.
#[derive(Clone, Copy)]
pub struct By<'a> {
    /// The policies; those of the scan, since findings that a policy ignores are not in its report.
    pub policy: &'a PolicySet,
    /// All rules that findings may name.
    pub rules: &'a [&'static Rule],
    /// The advisories.
    pub catalogue: &'a Catalogue,
    /// From how many hours on they are old.
    pub stale_hours: i64,
    /// The time.
    pub now: Timestamp,
    /// What is said of flaws in images.
    pub vex: &'a [Document],
    /// Limits on reports.
    pub limits: &'a Limits,
}

impl std::fmt::Debug for By<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("By").field("now", &self.now).finish_non_exhaustive()
    }
}

/// Judges the reports of a JSON document of this very version of careen, which errors call `name`; one of another version
/// may lack packages that this one finds.
pub fn rematch(name: &str, document: &[u8], by: &By<'_>) -> Result<Vec<Report>> {
    let several: Several<'_> = serde_json::from_slice(document).map_err(|e| unfit(e.to_string()).at(name))?;
    let parts: Vec<&[u8]> = match &several.reports {
        Some(reports) => reports.iter().map(|report| report.get().as_bytes()).collect(),
        None => vec![document],
    };
    let stored = parts.into_iter().map(|part| Stored::read(name, part, by).map_err(|error| error.at(name)));
    let stored: Vec<Stored> = stored.collect::<Result<_>>()?;
    let records: Vec<&Record> = stored.iter().map(|one| &one.record).collect();
    let policy = sharing(by.policy, &records, by.now.date())?;
    stored.into_iter().map(|one| one.judge(&policy, by)).collect()
}

fn unfit(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, format!("the report cannot be judged again without its image: {}", what.into()))
}

#[derive(Deserialize)]
struct Several<'a> {
    #[serde(borrow)]
    reports: Option<Vec<&'a RawValue>>,
}

/// What reading a report back for its verdict leaves out.
#[derive(Deserialize)]
struct Rest {
    schema: String,
    careen: Tool,
    target: WholeTarget,
    #[serde(default)]
    data: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Tool {
    version: String,
}

#[derive(Deserialize)]
struct WholeTarget {
    reference: String,
    source: String,
    #[serde(default)]
    tags: Vec<String>,
    created: Option<Timestamp>,
    base: Option<Base>,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    entries: u64,
}

/// A report that was read back, compared with the advisories of now.
struct Stored {
    inventory: Inventory,
    record: Record,
    rest: WholeTarget,
    data: BTreeMap<&'static str, Value>,
    unmatched: usize,
}

/// Codes of limitations that say that the report is not all of it, or that another scan may find more.
const UNFIT: &[&str] =
    &["findings-not-listed", "too-many-flaws", "layer-unreadable", "layer-size-mismatch", "layer-digest-mismatch"];

impl Stored {
    fn read(name: &str, bytes: &[u8], by: &By<'_>) -> Result<Self> {
        let rest: Rest = serde_json::from_slice(bytes).map_err(|e| unfit(e.to_string()))?;
        if rest.schema != SCHEMA || rest.careen.version != env!("CARGO_PKG_VERSION") {
            return Err(unfit("another version of careen made it"));
        }
        let Some(reread) = read(name, bytes, by.rules)?.pop() else { return Err(unfit("it holds none")) };
        let mut record = reread.record;
        if let Some(limitation) = record.limitations.iter().find(|limitation| UNFIT.contains(&limitation.code)) {
            return Err(unfit(format!("`{}`", limitation.code)));
        }
        let source = kept(&rest.target.source).ok_or_else(|| too_many(&rest.target.source))?;
        let target = Target { reference: rest.target.reference.clone(), source, ..Target::default() };
        let mut inventory = bill::inventory(target, sbom::read(bytes)?);
        inventory.target.tags.clone_from(&rest.target.tags);
        inventory.created = rest.target.created;
        let sets = rest.data.get("content_sets").cloned().unwrap_or_default();
        inventory.content_sets = serde_json::from_value(sets).unwrap_or_default();

        let flaws = matching::flaws(&inventory, by.catalogue)?;
        let judge = Judge::new(by.vex.to_vec()).as_of(by.now);
        let mut fitting = Fitting::default();
        let found = (&judge, &mut fitting);
        let mut found = flaw::findings(&inventory, &flaws, by.catalogue, found, by.now, by.stale_hours);
        let echo = secret::Echo::default();
        for finding in &mut found {
            secret::mask_finding(finding, &echo);
        }
        finding::tell_apart(&mut found);
        record.findings.retain(|finding| flaw::RULES.iter().all(|rule| rule.id != finding.rule.id));
        record.findings.extend(found);
        record.limitations.retain(|limitation| !limitation.code.starts_with("vex-"));
        record.limitations.extend(judge.notes(&fitting));
        record.limitations.extend(flaw::beyond(&flaws));
        record.limitations.sort();
        if let Some(image) = &mut record.image {
            image.data_hours = flaw::oldest(&flaws, by.catalogue, by.now);
        }
        let word = |(key, value): (String, Value)| Ok((kept(&key).ok_or_else(|| too_many(&key))?, value));
        let mut data: BTreeMap<&'static str, Value> = rest.data.into_iter().map(word).collect::<Result<_>>()?;
        data.insert("advisories", flaw::data(&inventory, &flaws, by.catalogue, by.now));
        Ok(Self { inventory, record, rest: rest.target, data, unmatched: flaws.unmatched.len() })
    }

    fn judge(self, policy: &PolicySet, by: &By<'_>) -> Result<Report> {
        let (mut findings, mut verdict) = self.record.judge(policy, by.now.date())?;
        findings.retain(|judged| judged.action != Action::Ignore);
        findings.iter_mut().for_each(report::mask);
        let mut limitations = self.record.limitations;
        limitations.extend(report::shorten(&mut findings, by.limits.findings_per_rule));
        limitations.sort();
        if self.unmatched > 0 {
            verdict.reason += &report::not_compared(self.unmatched);
        }
        let Inventory { target, distro, layers, packages, removed, .. } = self.inventory;
        let layer = |layer: crate::inventory::LayerSummary| ReportedLayer {
            index: layer.index,
            digest: layer.digest,
            diff_id: layer.diff_id,
            size: ByteSize(layer.size),
            created_by: layer.created_by,
            origin: layer.origin,
        };
        let target = TargetSummary {
            reference: target.reference,
            source: target.source,
            platform: target.platform,
            digest: target.digest,
            config_digest: target.config_digest,
            tags: self.rest.tags,
            distro,
            created: self.rest.created,
            base: self.rest.base.unwrap_or_default(),
            size: ByteSize(self.rest.size),
            entries: self.rest.entries,
            facts: self.record.image.map(|image| image.settings()),
            layers: layers.into_iter().map(layer).collect(),
        };
        let version = env!("CARGO_PKG_VERSION");
        let data = self.data;
        Ok(Report { version, target, verdict, packages, removed, findings, limitations, data, source_date: None })
    }
}
