//! Judges without an image: reads JSON reports (`docs/formats/report.schema.json`) back, and tries the cases of policies.
//!
//! What a report leaves out is told, since a verdict over the rest may differ from that of a scan.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub mod case;
mod change;
pub mod rematch;
mod wire;
mod word;

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::finding::{Acceptance, Finding, Location};
use crate::format::sbom::path_of;
use crate::inventory::Origin;
use crate::limitation::Limitation;
use crate::policy::edition::before_edition;
use crate::policy::{self, EvaluateContext, ImageFacts, Judged, Outcome, PackageFacts, PolicySet, Verdict};
use crate::report::{SCHEMA, SCHEMA_OF_SEVERAL};
use crate::rule::Rule;
use crate::time::Date;

pub use change::{Change, Standing, changes, standings};

use wire::{Head, Several, Target, WireFinding, WireLocation, WireReport};
use word::kept;

/// Largest file of reports, in bytes.
pub const LARGEST: u64 = 1 << 30;

/// Source of reports about Dockerfiles, where there is no image of which something could be asked.
const DOCKERFILE: &str = "dockerfile";

/// What there is to judge.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// What was found, without what a policy itself adds.
    pub findings: Vec<Finding>,
    /// The image; `None` where there is none, and then nothing is asked of it.
    pub image: Option<ImageFacts>,
    /// Whether it is about Dockerfiles, and no image.
    pub is_dockerfile: bool,
    /// What was not read.
    pub limitations: Vec<Limitation>,
    /// Whose each layer is; of the others that is unknown.
    pub origins: BTreeMap<u32, Origin>,
    /// The report that it was read from, where policies in Rego are to see it.
    pub document: Option<serde_json::Value>,
}

impl Record {
    /// Judges it as a scan would on that day.
    pub fn judge(&self, policy: &PolicySet, today: Date) -> Result<(Vec<Judged>, Verdict)> {
        let (mut judged, verdict) =
            policy.evaluate(self.findings.clone(), &self.context(&|one| self.origin(one), today))?;
        // a policy serves images, too: their waivers are no matter of a Dockerfile
        judged.retain(|one| !self.is_dockerfile || one.finding.rule.id != policy::WAIVER_UNUSED.id);
        Ok((judged, verdict))
    }

    fn origin(&self, finding: &Finding) -> Origin {
        let of_layer = || finding.layer().and_then(|layer| self.origins.get(&layer).copied());
        finding.origin.or_else(of_layer).unwrap_or(Origin::Unknown)
    }

    fn context<'a>(&'a self, origin: &'a dyn Fn(&Finding) -> Origin, today: Date) -> EvaluateContext<'a> {
        EvaluateContext { limitations: &self.limitations, today, origin, image: self.image.as_ref() }
    }
}

/// A report that was read back.
#[derive(Debug)]
pub struct Reread {
    /// What was scanned, as the report names it.
    pub reference: String,
    /// Its platform.
    pub platform: Option<String>,
    /// What there is to judge.
    pub record: Record,
    /// The outcome that the report tells.
    pub outcome: Outcome,
    /// The reason that it gives for that.
    pub reason: String,
    /// What the policies of the scan made of its findings, by fingerprint.
    pub standings: BTreeMap<String, Standing>,
    /// What the report leaves out, a sentence each: the verdict of a scan may differ.
    pub left_out: Vec<String>,
}

/// The same policies, for records of one image: a waiver that one of its platforms needs is unused on none.
pub fn sharing(set: &PolicySet, records: &[&Record], today: Date) -> Result<PolicySet> {
    if records.len() < 2 {
        return Ok(set.clone());
    }
    let mut used = BTreeSet::new();
    for record in records {
        let origin = |one: &Finding| record.origin(one);
        used.extend(set.used_waivers(record.findings.clone(), &record.context(&origin, today))?);
    }
    Ok(set.clone().with_used(used))
}

/// Reads the reports of a JSON file, which errors call `name`; `rules` are all that findings may name.
pub fn read(name: &str, bytes: &[u8], rules: &[&'static Rule]) -> Result<Vec<Reread>> {
    let wrong = |what: String| {
        Error::new(ErrorKind::Config, what)
            .at(name.to_owned())
            .help("make a report with `careen scan IMAGE -o json=report.json`")
    };
    if bytes.len() as u64 > LARGEST {
        return Err(wrong("the report is larger than 1 GiB".into()));
    }
    let of_json = |error: serde_json::Error| wrong(format!("this is no JSON report: {}", escape(error.to_string())));
    let head: Head = serde_json::from_slice(bytes).map_err(of_json)?;
    let reports = match head.schema.as_str() {
        SCHEMA if matches!(head.outcome.as_str(), "refused" | "error") => {
            return Err(wrong("this is the report of a scan that could not be done: there is nothing to judge".into()));
        }
        SCHEMA => vec![serde_json::from_slice::<WireReport>(bytes).map_err(of_json)?],
        SCHEMA_OF_SEVERAL => serde_json::from_slice::<Several>(bytes).map_err(of_json)?.reports,
        "" => return Err(wrong("this is no JSON report of careen: it has no `schema`".into())),
        other => {
            let other: String = other.chars().take(60).collect();
            return Err(wrong(format!("`{}` is no schema of reports that can be judged", escape(other))));
        }
    };
    if let Some(other) = reports.iter().find(|report| report.schema != SCHEMA) {
        let other: String = other.schema.chars().take(60).collect();
        return Err(wrong(format!("`{}` is no schema of a report that can be judged", escape(other))));
    }
    let reread = |report| reread(report, rules).map_err(|error: Error| error.at(name.to_owned()));
    reports.into_iter().map(reread).collect()
}

fn reread(report: WireReport, rules: &[&'static Rule]) -> Result<Reread> {
    let mut left_out = left_out(&report);
    let WireReport { target, packages, findings, limitations, verdict, outcome, .. } = report;
    let (reference, platform) = (target.reference.clone(), target.platform.clone());
    let origins = target.layers.iter().map(|layer| (layer.index, layer.origin)).collect();
    let is_dockerfile = target.source == DOCKERFILE;
    let image = (!is_dockerfile).then(|| facts(target, packages));
    let (mut standings, mut twice) = (BTreeMap::new(), 0_usize);
    let mut read = Vec::with_capacity(findings.len());
    for wire in findings {
        let rule = rules.iter().find(|rule| rule.id == wire.rule).copied().ok_or_else(|| unknown(&wire.rule))?;
        let standing = Standing::of_wire(&wire, rule);
        twice = twice.saturating_add(usize::from(standings.insert(wire.id.clone(), standing).is_some()));
        // what a policy adds to findings is its own: another one adds other
        if policy::RULES.iter().all(|own| own.id != rule.id) {
            let severity = before_edition(&verdict.edition, rule, wire.severity);
            read.push(Finding { severity, ..finding(wire, rule)? });
        }
    }
    if twice > 0 {
        left_out.push(format!("{twice} of the findings have a fingerprint that another one has, too"));
    }
    let limitations = limitations
        .into_iter()
        .map(|limitation| {
            let code = kept(&limitation.code).ok_or_else(|| too_many(&limitation.code))?;
            let wire::WireLimitation { what, place, help, incomplete, .. } = limitation;
            Ok(Limitation { code, what, place, help, is_gap: incomplete })
        })
        .collect::<Result<_>>()?;
    let record = Record { findings: read, image, is_dockerfile, limitations, origins, document: None };
    Ok(Reread { reference, platform, record, outcome, reason: verdict.reason, standings, left_out })
}

/// What the report says of its own gaps as a list of findings.
fn left_out(report: &WireReport) -> Vec<String> {
    let mut left_out = Vec::new();
    if report.verdict.ignored > 0 {
        let (findings, are) = many(report.verdict.ignored, "finding");
        left_out.push(format!("{findings} that the policy of the scan ignored {are} not in the report"));
    }
    let not_listed = report.limitations.iter().filter(|limitation| limitation.code == "findings-not-listed");
    left_out.extend(not_listed.map(|limitation| escape(&limitation.what)));
    if report.target.facts.is_none() && report.target.source != DOCKERFILE {
        left_out.push("the report does not say how the image is set up: an older careen made it".into());
    }
    left_out
}

/// Rules that are off unless a policy names them, and that this policy names though the report has no finding of them.
pub fn unasked(policy: &PolicySet, reread: &Reread, rules: &[&'static Rule]) -> Vec<String> {
    let is_new = |rule: &&&'static Rule| {
        rule.is_opt_in && policy.asks_for(rule) && reread.standings.values().all(|standing| standing.rule != rule.id)
    };
    let tell = |rule: &&'static Rule| {
        format!("`{}` is off unless a policy names it: the report may lack findings of it", rule.id)
    };
    rules.iter().filter(is_new).map(tell).collect()
}

fn finding(wire: WireFinding, rule: &'static Rule) -> Result<Finding> {
    if wire.id.len() != 32 || !wire.id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Error::new(ErrorKind::Config, format!("`{}` is no fingerprint", shown(&wire.id))));
    }
    let mut evidence = BTreeMap::new();
    for (key, value) in wire.evidence {
        evidence.insert(kept(&key).ok_or_else(|| too_many(&key))?, value);
    }
    let accepted = wire.waiver.and_then(|waiver| {
        let wire::Waiver { reason, place, status, justification } = waiver;
        Some(Acceptance { status: status?, justification, reason, place })
    });
    Ok(Finding {
        severity: wire.severity,
        confidence: wire.confidence,
        visibility: wire.visibility,
        removed_in_layer: wire.removed_in_layer,
        evidence,
        is_fixable: wire.fixable,
        priority: wire.priority,
        accepted,
        origin: wire.origin.filter(|origin| *origin != Origin::Unknown),
        told_fingerprint: Some(wire.id),
        ..Finding::new(rule, wire.subject, location(wire.location), wire.message)
    })
}

fn location(wire: WireLocation) -> Location {
    match wire {
        WireLocation::File { path, layer, start_line, end_line } => {
            Location::File { path: path_of(&path), layer, lines: start_line.zip(end_line.or(start_line)) }
        }
        WireLocation::Config { key: Some(key) } => Location::Config { key },
        WireLocation::Config { key: None } => Location::Image,
        WireLocation::History { layer, key, history_index } => Location::History { index: history_index, layer, key },
        WireLocation::Package { path, layer, purl } => Location::Package { purl, path: path_of(&path), layer },
        WireLocation::Dockerfile { path, start_line, start_column, end_line, end_column } => {
            Location::Dockerfile { file: path, start: (start_line, start_column), end: (end_line, end_column) }
        }
    }
}

/// The image, as policies see it.
fn facts(target: Target, packages: Vec<wire::Package>) -> ImageFacts {
    let settings = target.facts.unwrap_or_default();
    let package = |package: wire::Package| {
        let is_expression = package.licence.as_ref().is_some_and(|licence| licence.expression.is_some());
        let place = package.locations.into_iter().next();
        let (path, layer) = place.map(|place| (place.path, place.layer)).unwrap_or_default();
        PackageFacts {
            purl: package.purl,
            ecosystem: package.r#type,
            licence: package.licence.map(|licence| licence.expression.unwrap_or(licence.declared)),
            is_expression,
            is_counted: package.counted,
            path,
            layer,
        }
    };
    ImageFacts {
        reference: target.reference,
        tags: target.tags,
        digest: target.digest,
        platform: target.platform,
        distro: target.distro_id.map(|id| (id, target.distro_version.unwrap_or_default())),
        created: target.created,
        size: Some(target.size),
        stored: settings.stored_size,
        shipped: settings.shipped_size,
        visible: settings.visible_size,
        // a folder and a bill of materials have neither
        layers: settings.config.is_some().then(|| u32::try_from(target.layers.len()).unwrap_or(u32::MAX)),
        config: settings.config,
        base: target.base.unwrap_or_default(),
        base_created: settings.base_created,
        attested: settings.attested,
        packages: packages.into_iter().filter(|package| package.removed_in_layer.is_none()).map(package).collect(),
        lists_packages: true,
        data_hours: settings.data_hours,
    }
}

fn unknown(rule: &str) -> Error {
    let what = format!("the report names the rule `{}`, which this careen does not have", shown(rule));
    Error::new(ErrorKind::Config, what)
        .help("scan again with this version; rules of your own are named with `--secret-rules`")
}

fn too_many(word: &str) -> Error {
    Error::new(ErrorKind::Config, format!("`{}` is a kind of evidence that no report of careen has", shown(word)))
}

fn shown(text: &str) -> String {
    escape(text.chars().take(60).collect::<String>())
}

fn many(count: usize, noun: &str) -> (String, &'static str) {
    if count == 1 { (format!("1 {noun}"), "is") } else { (format!("{count} {noun}s"), "are") }
}
