//! SARIF 2.1.0 (OASIS), as code scanning takes it: one run for each image.
//!
//! Locations are paths inside the image, so no viewer finds the file; layer and build step are
//! told as logical locations and in the message. Numbers in comments are sections of the standard.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::{Value, json};
use serde_sarif::sarif::{
    ArtifactLocation, Invocation, Location as SarifLocation, LogicalLocation, Message, MultiformatMessageString,
    Notification, PhysicalLocation, PropertyBag, Region, ReportingConfiguration, ReportingDescriptor,
    ReportingDescriptorReference, Result as SarifResult, ResultLevel, Run, RunAutomationDetails, Sarif, Suppression,
    Tool, ToolComponent,
};

use super::json::write_json;
use super::sarif_flaw::{rule_id, rule_object};
use super::{Format, Style, clean};
use crate::finding::{Finding, Location, Visibility};
use crate::limitation::Limitation;
use crate::policy::Judged;
use crate::report::{Report, TargetSummary};
use crate::rule::{Confidence, Rule, Severity};
use crate::source::sbom;

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Results in one run; GitHub refuses more.
const MOST_RESULTS: usize = 25_000;

/// Characters of a description or message; GitHub refuses longer descriptions.
const MOST_CHARACTERS: usize = 1_024;

/// Packages whose version is not understood that are named; the rest is counted.
const MOST_UNMATCHED: usize = 1_000;

/// Tags of a rule; GitHub refuses more.
pub(super) const MOST_TAGS: usize = 20;

/// The SARIF format. Named after a log file, which is the standard's word for the whole.
pub(super) struct SarifLog;

impl Format for SarifLog {
    fn id(&self) -> &'static str {
        "sarif"
    }

    fn about(&self) -> &'static str {
        "SARIF 2.1.0, for code scanning"
    }

    fn render(&self, reports: &[Report], _: &Style, out: &mut dyn Write) -> io::Result<()> {
        let log = Sarif::builder()
            .schema(SCHEMA)
            .version(json!("2.1.0"))
            .runs(reports.iter().map(run).collect::<Vec<_>>())
            .build();
        write_json(&log, out)
    }
}

fn run(report: &Report) -> Run {
    let mut rules: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for judged in &report.findings {
        rules.entry(rule_id(&judged.finding)).or_default().push(&judged.finding);
    }
    let ids: Vec<&str> = rules.keys().copied().collect();

    // 3.27.23: suppressions are given for all results of a run or for none
    let any_waived = report.findings.iter().any(|judged| judged.waiver.is_some());
    let mut occurrences = BTreeMap::new();
    let results: Vec<SarifResult> = report
        .findings
        .iter()
        .take(MOST_RESULTS)
        .map(|judged| {
            let mut result = result(judged, report, &ids, &mut occurrences);
            if any_waived {
                result.suppressions = Some(suppressions(judged));
            }
            result
        })
        .collect();

    let mut notifications: Vec<Notification> = report.limitations.iter().map(notification).collect();
    notifications.extend(gaps_of_data(report).iter().map(notification));
    let cut = report.findings.len() - results.len();
    if cut > 0 {
        let what = format!("{cut} of {} findings are left out, the gravest are kept", report.findings.len());
        let limitation = Limitation::note("results-cut", "this SARIF log", what).help("use -f json for all of them");
        notifications.push(notification(&limitation));
    }
    let is_complete = !report.has_gaps();
    let invocation =
        Invocation::builder().execution_successful(is_complete).tool_execution_notifications(notifications).build();

    let driver = ToolComponent::builder()
        .name("careen")
        .version(report.version)
        .semantic_version(report.version)
        .rules(rules.iter().map(|(id, findings)| rule_object(id, findings)).collect::<Vec<_>>())
        .build();
    Run::builder()
        .tool(Tool::builder().driver(driver).build())
        .automation_details(RunAutomationDetails::builder().id(automation_id(&report.target)).build())
        .invocations(vec![invocation])
        .column_kind(json!("unicodeCodePoints"))
        .results(results)
        .properties(target_properties(report))
        .build()
}

/// What packages could not be compared with, as a tool's own trouble: no data, or versions that are not understood.
fn gaps_of_data(report: &Report) -> Vec<Limitation> {
    let mut gaps = Vec::new();
    for judged in report.findings.iter().filter(|judged| judged.finding.rule.is_gap) {
        let Finding { rule, subject, message, .. } = &judged.finding;
        let is_gap = judged.waiver.is_none();
        let limitation = if is_gap { Limitation::gap } else { Limitation::note };
        gaps.push(limitation(rule.id, subject.as_str(), message.as_str()).help(rule.remediation));
    }
    let unmatched = report.data.get("advisories").and_then(|data| data.get("unmatched")?.as_array());
    let unmatched = unmatched.map_or(&[][..], Vec::as_slice);
    for one in unmatched.iter().take(MOST_UNMATCHED) {
        let text = |key: &str| one.get(key).and_then(Value::as_str).unwrap_or_default();
        let what = format!("not compared with all advisories, since a version is not understood: {}", text("reason"));
        gaps.push(Limitation::gap("version-not-understood", text("purl"), what));
    }
    if unmatched.len() > MOST_UNMATCHED {
        let what = format!("{} more were not compared with all advisories", unmatched.len() - MOST_UNMATCHED);
        gaps.push(Limitation::gap("version-not-understood", "packages", what).help("use -f json for all of them"));
    }
    gaps
}

pub(super) fn descriptor(rule: &Rule) -> ReportingDescriptor {
    let text = |text: &str| MultiformatMessageString::builder().text(cut(text)).build();
    // the documentation may be empty in a rule that is being written; the standard wants text
    let or_title = |text: &'static str| if text.is_empty() { rule.title } else { text };
    let (why, remediation) = (or_title(rule.why), or_title(rule.remediation));

    let mut tags = vec!["security".to_owned(), rule.family().to_owned()];
    tags.extend(rule.also.iter().map(|id| (*id).to_owned()));
    tags.truncate(MOST_TAGS);
    let precision = match rule.confidence {
        Confidence::High => "high",
        Confidence::Medium => "medium",
        Confidence::Low => "low",
    };
    let mut properties = BTreeMap::from([("precision".to_owned(), json!(precision))]);
    if let Some(score) = security_severity(rule.severity) {
        properties.insert("security-severity".into(), json!(score));
    }

    let help = MultiformatMessageString::builder()
        .text(format!("{why}\n\n{remediation}"))
        .markdown(help_markdown(rule, why, remediation))
        .build();
    let mut descriptor = ReportingDescriptor::builder()
        .id(rule.id)
        .name(pascal_case(rule.id))
        .short_description(text(rule.title))
        .full_description(text(why))
        .help(help)
        .default_configuration(ReportingConfiguration::builder().level(json!(level(rule.severity))).build())
        .properties(PropertyBag::builder().tags(tags).additional_properties(properties).build())
        .build();
    descriptor.help_uri = rule.references.iter().find(|link| link.starts_with("https://")).map(|link| (*link).into());
    descriptor
}

/// The rule's own words; nothing in it comes from an image.
fn help_markdown(rule: &Rule, why: &str, remediation: &str) -> String {
    let mut text = format!("{why}\n\n**What to do:** {remediation}\n");
    for (heading, example) in [("Breaks the rule", rule.bad), ("Keeps it", rule.good)] {
        if !example.is_empty() {
            let _ = writeln!(text, "\n{heading}:\n\n```\n{}\n```", example.trim_end());
        }
    }
    if !rule.references.is_empty() {
        text.push('\n');
        for link in rule.references {
            let _ = writeln!(text, "- <{link}>");
        }
    }
    text
}

fn result(judged: &Judged, report: &Report, rules: &[&str], occurrences: &mut BTreeMap<String, u32>) -> SarifResult {
    let finding = &judged.finding;
    let id = finding.fingerprint();
    let nth = occurrences.entry(id.clone()).or_insert(0);
    *nth += 1;
    // the only fingerprint GitHub looks at; its upload step numbers equal ones in the same way
    let mut fingerprints =
        BTreeMap::from([("careen/v1".into(), id.clone()), ("primaryLocationLineHash".into(), format!("{id}:{nth}"))]);
    // the same secret anywhere, in any image, has the same
    let secret = finding.evidence.get("secret").and_then(Value::as_str);
    fingerprints.extend(secret.map(|secret| ("careenSecret/v1".into(), clean(secret))));
    let mut result = SarifResult::builder()
        .message(plain(&message(finding, report)))
        .rule_id(clean(rule_id(finding)))
        .level(level(finding.severity))
        .locations(vec![location(finding, report)])
        .partial_fingerprints(fingerprints)
        .properties(result_properties(judged, report))
        .build();
    result.related_locations = made_by(finding).map(|location| vec![location]);
    result.rule_index = rules.binary_search(&rule_id(finding)).ok().and_then(|index| i64::try_from(index).ok());
    result
}

/// The finding's sentence, which viewers show as the title, then where and whether it can be seen.
fn message(finding: &Finding, report: &Report) -> String {
    let mut text = clean(&finding.message);
    if let Some(masked) = finding.evidence.get("masked").and_then(Value::as_str) {
        let masked = clean(masked);
        if !text.contains(&masked) {
            let _ = write!(text, ": {masked}");
        }
    }
    let mut text = cut(&text);
    let mut places = Vec::new();
    match &finding.location {
        Location::Config { key } if !text.contains(&clean(key)) => {
            places.push(format!("configuration, {}", clean(key)));
        }
        Location::History { index, key, .. } if !text.contains(&clean(key)) => {
            places.push(format!("build step {index}, {}", clean(key)));
        }
        Location::Package { purl, .. } => places.push(format!("package {}", clean(purl))),
        _ => {}
    }
    if let Some(index) = layer_of(&finding.location, report) {
        places.push(match instruction(index, report) {
            Some(step) => format!("layer {index}, made by {step}"),
            None => format!("layer {index}"),
        });
    }
    if let Some(hidden) = hidden(finding) {
        places.push(hidden);
    }
    if !places.is_empty() {
        let _ = write!(text, ". Found: {}", places.join("; "));
    }
    cut(&text)
}

fn hidden(finding: &Finding) -> Option<String> {
    let word = match finding.visibility {
        Visibility::Live => return None,
        Visibility::Deleted => "deleted",
        Visibility::Overwritten => "overwritten",
    };
    let place = finding.removed_in_layer.map_or_else(|| "a later layer".to_owned(), |index| format!("layer {index}"));
    Some(format!("{word} in {place}, still shipped"))
}

fn location(finding: &Finding, report: &Report) -> SarifLocation {
    let mut region = None;
    let uri = match &finding.location {
        Location::File { path, lines, .. } => {
            region = lines.map(|(first, last)| lines_region(first, last));
            path_uri(path.as_bytes())
        }
        Location::Package { path, .. } => path_uri(path.as_bytes()),
        Location::Dockerfile { file, start, end } => {
            region = Some(exact_region(*start, *end));
            path_uri(file.trim_start_matches("./").as_bytes())
        }
        // of data nothing in the image is the place, but GitHub refuses a whole log for one result without any
        Location::Image if finding.rule.family() == "data" => path_uri(b""),
        Location::Config { .. } | Location::History { .. } | Location::Image => "config".into(),
    };
    let mut physical =
        PhysicalLocation::builder().artifact_location(ArtifactLocation::builder().uri(uri).build()).build();
    physical.region = region;
    let mut location = SarifLocation::builder().physical_location(physical).build();
    let logical = logical_locations(finding, report);
    if !logical.is_empty() {
        location.logical_locations = Some(logical);
    }
    location
}

/// The instruction of the Dockerfile that made what was found.
fn made_by(finding: &Finding) -> Option<SarifLocation> {
    let number = |key: &str| finding.evidence.get(key).and_then(Value::as_u64);
    let (place, first) = (finding.evidence.get("dockerfile")?.as_str()?, number("dockerfile_line")?);
    let (file, _) = place.rsplit_once(':')?;
    let artifact = ArtifactLocation::builder().uri(path_uri(file.as_bytes())).build();
    let mut physical = PhysicalLocation::builder().artifact_location(artifact).build();
    physical.region = Some(lines_region(first, number("dockerfile_end_line").unwrap_or(first)));
    let mut location = SarifLocation::builder().physical_location(physical).build();
    let word = |key: &str| finding.evidence.get(key).and_then(Value::as_str);
    let is_changed = finding.evidence.get("dockerfile_changed").and_then(Value::as_bool).unwrap_or_default();
    location.message = Some(plain(match word("dockerfile_confidence") {
        _ if is_changed => "made by what stood here; the instruction was changed since",
        Some("high") => "made by this instruction",
        _ => "probably made by this instruction",
    }));
    Some(location)
}

/// Whole lines: from the first column to the end of the last line (3.30.2).
fn lines_region(first: u64, last: u64) -> Region {
    let line = |n: u64| i64::try_from(n.max(1)).unwrap_or(i64::MAX);
    Region::builder().start_line(line(first)).start_column(1).end_line(line(last.max(first))).build()
}

/// From the first character to behind the last one (3.30.6 to 3.30.8).
fn exact_region(start: (u64, u64), end: (u64, u64)) -> Region {
    let number = |n: u64| i64::try_from(n.max(1)).unwrap_or(i64::MAX);
    Region::builder()
        .start_line(number(start.0))
        .start_column(number(start.1))
        .end_line(number(end.0))
        .end_column(number(end.1))
        .build()
}

/// The layer, the build step that made it, and the field or package inside.
fn logical_locations(finding: &Finding, report: &Report) -> Vec<LogicalLocation> {
    let logical = |name: String, qualified: String, kind: &str| {
        LogicalLocation::builder().name(name).fully_qualified_name(qualified).kind(kind).build()
    };
    let mut all = Vec::new();
    if let Some(index) = layer_of(&finding.location, report) {
        let layer = report.target.layers.iter().find(|layer| layer.index == index);
        let name = format!("layer {index}");
        let digest = layer.and_then(|layer| layer.digest.as_ref().or(layer.diff_id.as_ref()));
        let qualified = digest.map_or_else(|| name.clone(), |digest| format!("{name} {digest}"));
        if let Some(step) = instruction(index, report) {
            let qualified_step = format!("{qualified}/{step}");
            all.push(logical(name, qualified, "resource"));
            all.push(logical(step, qualified_step, "declaration"));
        } else {
            all.push(logical(name, qualified, "resource"));
        }
    }
    match &finding.location {
        Location::Config { key } => {
            let key = cut(&clean(key));
            all.push(logical(key.clone(), format!("config/{key}"), "property"));
        }
        Location::History { index, key, .. } => {
            let key = cut(&clean(key));
            all.push(logical(key.clone(), format!("config/history/{index}/{key}"), "property"));
        }
        Location::Package { purl, .. } => {
            let purl = cut(&clean(purl));
            all.push(logical(purl.clone(), purl, "module"));
        }
        Location::File { .. } | Location::Dockerfile { .. } | Location::Image => {}
    }
    all
}

fn layer_of(location: &Location, report: &Report) -> Option<u32> {
    let layer = match location {
        Location::File { layer, .. } | Location::Package { layer, .. } => Some(*layer),
        Location::History { layer, .. } => *layer,
        Location::Config { .. } | Location::Dockerfile { .. } | Location::Image => None,
    };
    // a bill of materials need not say what layers there are
    let is_known = |index: &u32| report.target.layers.iter().any(|layer| layer.index == *index);
    layer.filter(|index| report.target.source != sbom::ID || is_known(index))
}

fn instruction(index: u32, report: &Report) -> Option<String> {
    let layer = report.target.layers.iter().find(|layer| layer.index == index)?;
    Some(cut_to(&clean(layer.created_by.as_deref()?), 200))
}

fn suppressions(judged: &Judged) -> Vec<Suppression> {
    let Some(waiver) = &judged.waiver else { return Vec::new() };
    let mut properties = BTreeMap::from([("place".to_owned(), json!(clean(&waiver.place)))]);
    if let Some(expires) = waiver.expires {
        properties.insert("expires".into(), json!(expires));
    }
    if let Some(owner) = &waiver.owner {
        properties.insert("owner".into(), json!(clean(owner)));
    }
    vec![
        Suppression::builder()
            .kind(json!(if waiver.is_comment { "inSource" } else { "external" }))
            .status(json!("accepted"))
            .justification(cut(&clean(&waiver.reason)))
            .properties(PropertyBag::builder().additional_properties(properties).build())
            .build(),
    ]
}

fn notification(limitation: &Limitation) -> Notification {
    let mut text = format!("{}: {}", clean(&limitation.place), clean(&limitation.what));
    if !limitation.help.is_empty() {
        let _ = write!(text, ". {}", clean(&limitation.help));
    }
    Notification::builder()
        .message(plain(&text))
        .level(json!(if limitation.is_gap { "warning" } else { "note" }))
        .descriptor(ReportingDescriptorReference::builder().id(limitation.code).build())
        .build()
}

fn result_properties(judged: &Judged, report: &Report) -> PropertyBag {
    let finding = &judged.finding;
    let mut properties = BTreeMap::from([
        ("action".to_owned(), json!(judged.action)),
        ("confidence".to_owned(), json!(finding.confidence)),
        ("family".to_owned(), json!(finding.rule.family())),
        ("severity".to_owned(), json!(finding.severity)),
        ("subject".to_owned(), json!(cut(&clean(&finding.subject)))),
        ("visibility".to_owned(), json!(finding.visibility)),
        ("origin".to_owned(), json!(report.target.origin_of(finding))),
    ]);
    if let Some(index) = layer_of(&finding.location, report) {
        properties.insert("layer".into(), json!(index));
        let layer = report.target.layers.iter().find(|layer| layer.index == index);
        if let Some(digest) = layer.and_then(|layer| layer.digest.as_ref()) {
            properties.insert("layerDigest".into(), json!(digest));
        }
    }
    if let Some(index) = finding.removed_in_layer {
        properties.insert("removedInLayer".into(), json!(index));
    }
    if let Some(place) = &judged.decided_at {
        properties.insert("decidedBy".into(), json!(cut(&clean(&judged.decided_by))));
        properties.insert("decidedAt".into(), json!(cut(&clean(place))));
    }
    PropertyBag::builder().additional_properties(properties).build()
}

fn target_properties(report: &Report) -> PropertyBag {
    let target = &report.target;
    let mut properties = BTreeMap::from([
        ("outcome".to_owned(), json!(report.verdict.outcome)),
        ("reference".to_owned(), json!(clean(&target.reference))),
        ("source".to_owned(), json!(target.source)),
    ]);
    for (key, digest) in [("digest", &target.digest), ("configDigest", &target.config_digest)] {
        if let Some(digest) = digest {
            properties.insert(key.into(), json!(digest));
        }
    }
    if let Some(platform) = &target.platform {
        properties.insert("platform".into(), json!(clean(&platform.to_string())));
    }
    if let Some(Value::Object(data)) = report.data.get("advisories") {
        // what is not understood is told package by package in the notifications
        let mut data = data.clone();
        let unmatched = data.get("unmatched").and_then(Value::as_array).map_or(0, Vec::len);
        data.insert("unmatched".into(), json!(unmatched));
        properties.insert("advisories".into(), Value::Object(data));
    }
    PropertyBag::builder().additional_properties(properties).build()
}

/// What the runs over one image's versions have in common: its repository and platform, no tag, no digest.
///
/// GitHub takes the part up to the last `/` as the category, in which a new log replaces the last.
fn automation_id(target: &TargetSummary) -> String {
    let mut id = String::from("careen/");
    id.push_str(&percent_encode(repository(target).as_bytes(), 200));
    if let Some(platform) = &target.platform {
        id.push('/');
        id.push_str(&percent_encode(platform.to_string().as_bytes(), 60));
    }
    id.push('/');
    id
}

/// The repository an image is named after: the reference's, or for a file that of the name it
/// gives the image, or the file's own name.
fn repository(target: &TargetSummary) -> &str {
    let reference = target.reference.strip_prefix(target.source).and_then(|rest| rest.strip_prefix(':'));
    let reference = reference.unwrap_or(&target.reference);
    let is_named = matches!(target.source, "registry" | "docker" | "podman");
    // an OCI layout may name its images by bare tags, such as `latest`
    let named = || target.tags.iter().find(|tag| tag.contains(['/', ':']));
    let repository = if is_named {
        without_version(reference)
    } else if let Some(tag) = named() {
        without_version(tag)
    } else if reference == "-" {
        "stdin"
    } else {
        let name = reference.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        without_endings(without_version(name))
    };
    if matches!(repository, "" | "." | "..") { "image" } else { repository }
}

/// Takes the endings of archives off a file's name; another part after a dot may be all that tells two images apart.
fn without_endings(name: &str) -> &str {
    const ENDINGS: &[&str] =
        &["tar", "gz", "tgz", "zst", "zstd", "tzst", "xz", "txz", "bz2", "tbz2", "oci", "img", "iso", "zip"];
    match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && ENDINGS.contains(&ending) => without_endings(stem),
        _ => name,
    }
}

/// Takes `:tag` and `@digest` off a reference; a port stays.
fn without_version(reference: &str) -> &str {
    let reference = reference.split('@').next().unwrap_or_default();
    match reference.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => reference,
    }
}

/// A relative reference (RFC 3986, 4.2) to a path in the image.
fn path_uri(path: &[u8]) -> String {
    if path.is_empty() { ".".into() } else { percent_encode(path, usize::MAX) }
}

/// Encodes every byte but unreserved characters and `/`; of at most `most` bytes.
fn percent_encode(bytes: &[u8], most: usize) -> String {
    let mut text = String::with_capacity(bytes.len().min(most));
    for byte in bytes.iter().take(most) {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(byte) {
            text.push(char::from(*byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

pub(super) fn level(severity: Severity) -> ResultLevel {
    match severity {
        Severity::Critical | Severity::High => ResultLevel::Error,
        Severity::Medium => ResultLevel::Warning,
        Severity::Low | Severity::Info => ResultLevel::Note,
    }
}

/// The middle of the band GitHub shows under the same word; nothing has none.
pub(super) fn security_severity(severity: Severity) -> Option<&'static str> {
    match severity {
        Severity::Critical => Some("9.5"),
        Severity::High => Some("8.0"),
        Severity::Medium => Some("5.5"),
        Severity::Low => Some("2.0"),
        Severity::Info => None,
    }
}

/// A plain text message, in which links (3.11.6) and placeholders (3.11.5) would be interpreted.
/// Only a text that holds one is changed, since not every viewer undoes it.
fn plain(text: &str) -> Message {
    let mut text = cut(text);
    if text.contains("](") {
        text = text.replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]");
    }
    let is_placeholder = |rest: &str| {
        let end = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        end.len() < rest.len() && end.starts_with('}')
    };
    if text.split('{').skip(1).any(is_placeholder) {
        text = text.replace('{', "{{").replace('}', "}}");
    }
    Message::builder().text(text).build()
}

/// `image/root-user` as `ImageRootUser`.
fn pascal_case(id: &str) -> String {
    id.split(['/', '-'])
        .flat_map(|word| {
            let mut rest = word.chars();
            rest.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(rest)
        })
        .collect()
}

pub(super) fn cut(text: &str) -> String {
    cut_to(text, MOST_CHARACTERS)
}

fn cut_to(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::super::sample;
    use super::*;
    use crate::advisory::finding::NO_ADVISORIES;

    fn render(reports: &[Report]) -> Value {
        let mut out = Vec::new();
        SarifLog.render(reports, &sample::style(), &mut out).expect("memory can be written");
        serde_json::from_slice(&out).expect("JSON")
    }

    /// The standard's schema as the crate of the types carries it, where cargo keeps that crate.
    fn schema() -> Value {
        let run = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).output().expect("cargo runs this test");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).expect("UTF-8")
        };
        let host = run("rustc", &["-vV"]);
        let host = host.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let metadata = run(
            env!("CARGO"),
            &["metadata", "--format-version=1", "--locked", "--filter-platform", host, "--manifest-path", manifest],
        );
        let metadata: Value = serde_json::from_str(&metadata).expect("JSON");
        let packages = metadata["packages"].as_array().expect("a list");
        let package = packages.iter().find(|package| package["name"] == "serde-sarif").expect("a dependency");
        let folder = Path::new(package["manifest_path"].as_str().expect("a path")).parent().expect("a folder");
        let schema = std::fs::read_to_string(folder.join("src/schema.json")).expect("the types are generated from it");
        // the standard's pattern of a language has a bracket too many, which strict engines refuse
        let schema = schema.replace("-[a-zA-Z]{2}]?$", "-[a-zA-Z]{2}$");
        serde_json::from_str(&schema).expect("JSON")
    }

    #[test]
    fn logs_keep_the_schema_of_the_standard() {
        let schema = schema();
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema");
        let reports = [sample::report(), sample::hostile(), sample::empty()];
        let mut logs: Vec<Value> = reports.chunks(1).map(render).collect();
        logs.push(render(&reports));
        for log in logs {
            let errors: Vec<String> =
                validator.iter_errors(&log).map(|error| format!("{}: {error}", error.instance_path())).collect();
            assert!(errors.is_empty(), "{errors:#?}");
        }
    }

    #[test]
    fn results_carry_what_code_scanning_reads() {
        let log = render(&[sample::report()]);
        let run = &log["runs"][0];
        assert_eq!(run["automationDetails"]["id"], "careen/registry.example.com/shop/api/linux/amd64/");
        let rules = run["tool"]["driver"]["rules"].as_array().expect("a list");
        for rule in rules {
            for text in ["shortDescription", "fullDescription", "help"] {
                assert_ne!(rule[text]["text"].as_str().expect("text"), "");
            }
            assert!(rule["properties"]["tags"].as_array().is_some_and(|tags| tags.len() <= MOST_TAGS));
        }
        let results = run["results"].as_array().expect("a list");
        assert_eq!(results.len(), 12);
        for result in results {
            let index = usize::try_from(result["ruleIndex"].as_u64().expect("a number")).expect("small");
            assert_eq!(rules[index]["id"], result["ruleId"]);
            assert_eq!(result["locations"].as_array().map(Vec::len), Some(1));
        }
        insta::assert_json_snapshot!(results[0], @r#"
        {
          "level": "error",
          "locations": [
            {
              "logicalLocations": [
                {
                  "fullyQualifiedName": "layer 2 sha256:fcf0a6c700dd13e274b6fba8deea8dd9b26e4eedde3495717cac8408c9c5177f",
                  "kind": "resource",
                  "name": "layer 2"
                },
                {
                  "fullyQualifiedName": "layer 2 sha256:fcf0a6c700dd13e274b6fba8deea8dd9b26e4eedde3495717cac8408c9c5177f/COPY . /app",
                  "kind": "declaration",
                  "name": "COPY . /app"
                }
              ],
              "physicalLocation": {
                "artifactLocation": {
                  "uri": "app/.env"
                },
                "region": {
                  "endLine": 3,
                  "startColumn": 1,
                  "startLine": 3
                }
              }
            }
          ],
          "message": {
            "text": "holds an AWS access key: AKIA************WXYZ. Found: layer 2, made by COPY . /app; deleted in layer 3, still shipped"
          },
          "partialFingerprints": {
            "careen/v1": "bbc8ce635552913a630362d64338541a",
            "primaryLocationLineHash": "bbc8ce635552913a630362d64338541a:1"
          },
          "properties": {
            "action": "fail",
            "confidence": "high",
            "family": "secret",
            "layer": 2,
            "layerDigest": "sha256:fcf0a6c700dd13e274b6fba8deea8dd9b26e4eedde3495717cac8408c9c5177f",
            "origin": "app",
            "removedInLayer": 3,
            "severity": "critical",
            "subject": "/app/.env",
            "visibility": "deleted"
          },
          "ruleId": "secret/aws-access-key",
          "ruleIndex": 4,
          "suppressions": []
        }
        "#);
        insta::assert_json_snapshot!(results[2]["suppressions"], @r#"
        [
          {
            "justification": "the port is closed by the firewall",
            "kind": "external",
            "properties": {
              "expires": "2027-01-01",
              "owner": "ops",
              "place": "careen.toml:12"
            },
            "status": "accepted"
          }
        ]
        "#);
        insta::assert_json_snapshot!(run["invocations"], @r#"
        [
          {
            "executionSuccessful": false,
            "toolExecutionNotifications": [
              {
                "descriptor": {
                  "id": "layer-truncated"
                },
                "level": "warning",
                "message": {
                  "text": "layer 1: gzip data ends early, after 41.2 MiB. fetch the archive again"
                }
              },
              {
                "descriptor": {
                  "id": "trailing-bytes"
                },
                "level": "note",
                "message": {
                  "text": "layer 2: 512 bytes after the end of the archive"
                }
              }
            ]
          }
        ]
        "#);
        insta::assert_json_snapshot!(rules.last(), @r#"
        {
          "defaultConfiguration": {
            "level": "error"
          },
          "fullDescription": {
            "text": "A secret was passed as a build argument"
          },
          "help": {
            "markdown": "A secret was passed as a build argument\n\n**What to do:** A secret was passed as a build argument\n",
            "text": "A secret was passed as a build argument\n\nA secret was passed as a build argument"
          },
          "id": "secret/build-argument",
          "name": "SecretBuildArgument",
          "properties": {
            "precision": "high",
            "security-severity": "8.0",
            "tags": [
              "security",
              "secret"
            ]
          },
          "shortDescription": {
            "text": "A secret was passed as a build argument"
          }
        }
        "#);
    }

    #[test]
    fn what_was_not_compared_is_told_by_the_run() {
        let mut report = sample::report();
        let unjudged = Finding::new(&NO_ADVISORIES, "Debian:12", Location::Image, "there are none for Debian:12");
        let judged = report.findings.first().expect("the sample has some").clone();
        report.findings = vec![Judged { finding: unjudged, action: crate::policy::Action::Fail, ..judged }];
        report.limitations.clear();
        let source = json!({"feed": "osv", "family": "PyPI", "age_days": 3, "coverage": "comprehensive"});
        let unmatched = json!([{"purl": "pkg:pypi/six@x", "reason": "`x` is no version", "records": ["CVE-1"]}]);
        report
            .data
            .insert("advisories", json!({"sources": [source], "judged": 7, "state": "ab", "unmatched": unmatched}));
        let log = render(&[report]);
        let run = &log["runs"][0];
        assert_eq!(
            run["properties"]["advisories"],
            json!({"sources": [source], "judged": 7, "state": "ab", "unmatched": 1})
        );
        let invocation = &run["invocations"][0];
        assert_eq!(invocation["executionSuccessful"], false);
        let told = invocation["toolExecutionNotifications"].as_array().expect("a list");
        let told: Vec<(&str, &str)> = told
            .iter()
            .filter_map(|one| Some((one["descriptor"]["id"].as_str()?, one["message"]["text"].as_str()?)))
            .collect();
        assert_eq!(told.len(), 2);
        assert_eq!(told[0].0, "data/no-advisories");
        assert!(told[0].1.starts_with("Debian:12: there are none for Debian:12. "), "{told:?}");
        assert_eq!(told[1].0, "version-not-understood");
        assert!(told[1].1.starts_with("pkg:pypi/six@x: not compared") && told[1].1.ends_with("`x` is no version"));
        let location = &run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"];
        assert_eq!(location, &json!({"uri": "."}), "the configuration has no part in it");
    }

    #[test]
    fn too_many_results_are_cut_and_said_so() {
        let mut report = sample::report();
        let last = report.findings.last().expect("the sample has some").clone();
        report.findings.resize(MOST_RESULTS + 5, last);
        let log = render(&[report]);
        let run = &log["runs"][0];
        assert_eq!(run["results"].as_array().map(Vec::len), Some(MOST_RESULTS));
        let told = run["invocations"][0]["toolExecutionNotifications"].as_array().expect("a list");
        let told = told.last().expect("one of them").pointer("/message/text");
        let expected =
            "this SARIF log: 5 of 25005 findings are left out, the gravest are kept. use -f json for all of them";
        assert_eq!(told, Some(&json!(expected)));
        let prints: std::collections::BTreeSet<&str> = run["results"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|result| result.pointer("/partialFingerprints/primaryLocationLineHash")?.as_str())
            .collect();
        assert_eq!(prints.len(), MOST_RESULTS, "equal findings are told apart");
    }

    #[test]
    fn runs_over_versions_of_an_image_share_a_name() {
        let cases = [
            ("registry", "localhost:5000/shop/api:1.4", None, "careen/localhost%3A5000/shop/api/"),
            ("registry", "registry:shop/api@sha256:00", None, "careen/shop/api/"),
            ("docker", "docker:api:1", Some("api:1"), "careen/api/"),
            ("docker-archive", "docker-archive:out/image.tar:api:1", Some("shop/api:1"), "careen/shop/api/"),
            ("docker-archive", "out/image-1.tar", None, "careen/image-1/"),
            ("oci-dir", "out/small.oci", Some("latest"), "careen/small/"),
            ("oci-dir", "out/small.oci", Some("1.0"), "careen/small/"),
            ("oci-archive", "out/small-1.2.oci.tar.gz:1.0", Some("1.0"), "careen/small-1.2/"),
            ("oci-archive", "out/small.oci", Some("localhost/shop:2"), "careen/localhost/shop/"),
            ("oci-dir", "./layout/", None, "careen/layout/"),
            ("oci-archive", "-", None, "careen/stdin/"),
            ("oci-archive", "-", Some("2.0"), "careen/stdin/"),
            ("dir", "dir:/", None, "careen/image/"),
        ];
        for (source, reference, tag, expected) in cases {
            let target = TargetSummary {
                reference: reference.into(),
                source,
                tags: tag.into_iter().map(str::to_owned).collect(),
                ..TargetSummary::default()
            };
            assert_eq!(automation_id(&target), expected);
        }
    }

    #[test]
    fn paths_become_relative_references() {
        let cases: &[(&[u8], &str)] = &[
            (b"app/.env", "app/.env"),
            (b"a b/c:d", "a%20b/c%3Ad"),
            (b"caf\xc3\xa9/\xff%?#", "caf%C3%A9/%FF%25%3F%23"),
            (b"x\n\x1b[2J<script>|", "x%0A%1B%5B2J%3Cscript%3E%7C"),
            (b"", "."),
        ];
        for (path, uri) in cases {
            assert_eq!(path_uri(path), *uri);
        }
    }

    #[test]
    fn messages_hold_no_links_and_no_placeholders() {
        let cases = [
            ("plain [text] and {braces}", "plain [text] and {braces}"),
            ("[y](https://evil.example)", "\\[y\\](https://evil.example)"),
            ("{0} of ${X}", "{{0}} of ${{X}}"),
            ("\\u{202e}", "\\u{202e}"),
        ];
        for (raw, shown) in cases {
            assert_eq!(plain(raw).text.as_deref(), Some(shown));
        }
    }
}
