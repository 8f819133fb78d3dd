//! The JSON report: a contract, described by `docs/formats/report.schema.json`.
//!
//! The types here are its wire form. A field that does not apply is left out. Everything is
//! written as it is walked, so that a long list of packages is never held a second time.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};

use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::ser::{Formatter, PrettyFormatter};

use super::{Format, Style};
use crate::digest::{self, Digest};
use crate::error::Error;
use crate::escape;
use crate::finding::{Location, Visibility};
use crate::image::Platform;
use crate::inventory::{Base, Origin, Package, Proof, State};
use crate::limitation::Limitation;
use crate::path::ImagePath;
use crate::policy::{Action, AppliedWaiver, Deciding, Ignoring, Judged, Outcome, SettingFacts, UsedBaseline, Verdict};
use crate::report::{Report, ReportedLayer, SCHEMA, SCHEMA_OF_SEVERAL, TargetSummary};
use crate::rule::{Confidence, Severity};
use crate::size::ByteSize;
use crate::time::Timestamp;

/// The JSON format: one object for one image; for several, an object that lists theirs.
pub(super) struct Json;

impl Format for Json {
    fn id(&self) -> &'static str {
        "json"
    }

    fn about(&self) -> &'static str {
        "Everything careen knows, for programs; described by a JSON Schema"
    }

    fn render(&self, reports: &[Report], _: &Style, out: &mut dyn Write) -> io::Result<()> {
        match reports {
            [report] => write_json(&WireReport::new(report), out),
            several => {
                let outcome = Outcome::of_several(several.iter().map(|report| report.verdict.outcome));
                let reports = several.iter().map(WireReport::new).collect();
                write_json(&WireReports { schema: SCHEMA_OF_SEVERAL, outcome, reports }, out)
            }
        }
    }
}

/// Writes what `-f json` says when there is no report: the input was refused, or the command could not run.
pub fn render_failure(error: &Error, refused: bool, out: &mut dyn Write) -> io::Result<()> {
    let failure = WireFailure {
        schema: SCHEMA,
        outcome: if refused { "refused" } else { "error" },
        error: WireError {
            kind: error.kind.as_str(),
            message: error.to_string(),
            place: error.place.as_deref(),
            help: error.help.as_deref(),
        },
    };
    write_json(&failure, out)
}

/// Writes `value` indented, with a line feed at the end, and no character in it that steers a terminal.
pub(super) fn write_json(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, out);
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, SafeFormatter(PrettyFormatter::new()));
    value.serialize(&mut serializer)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Indents, and writes characters that steer or hide as `\u` sequences, which say the same.
struct SafeFormatter<'a>(PrettyFormatter<'a>);

impl Formatter for SafeFormatter<'_> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        let mut start = 0;
        for (at, c) in fragment.char_indices() {
            if c == '\x7f' || (!c.is_ascii() && escape::is_hidden(c)) {
                out.write_all(fragment.get(start..at).unwrap_or_default().as_bytes())?;
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
                start = at + c.len_utf8();
            }
        }
        out.write_all(fragment.get(start..).unwrap_or_default().as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

#[derive(Serialize)]
struct WireFailure<'a> {
    schema: &'static str,
    outcome: &'static str,
    error: WireError<'a>,
}

#[derive(Serialize)]
struct WireError<'a> {
    kind: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
}

#[derive(Serialize)]
struct WireReports<'a> {
    schema: &'static str,
    outcome: Outcome,
    reports: Vec<WireReport<'a>>,
}

#[derive(Serialize)]
struct WireReport<'a> {
    schema: &'static str,
    careen: WireTool,
    outcome: Outcome,
    target: WireTarget<'a>,
    verdict: WireVerdict<'a>,
    packages: WirePackages<'a>,
    findings: WireFindings<'a>,
    limitations: &'a [Limitation],
    data: &'a BTreeMap<&'static str, Value>,
}

impl<'a> WireReport<'a> {
    fn new(report: &'a Report) -> Self {
        Self {
            schema: SCHEMA,
            careen: WireTool { version: report.version },
            outcome: report.verdict.outcome,
            target: WireTarget::new(&report.target),
            verdict: WireVerdict::new(&report.verdict),
            packages: WirePackages(report),
            findings: WireFindings(report),
            limitations: &report.limitations,
            data: &report.data,
        }
    }
}

#[derive(Serialize)]
struct WireTool {
    version: &'static str,
}

#[derive(Serialize)]
pub(super) struct WireTarget<'a> {
    reference: &'a str,
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<&'a Platform>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<&'a Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    config_digest: Option<&'a Digest>,
    tags: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    distro: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    distro_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    distro_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<&'a Base>,
    size: ByteSize,
    entries: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    facts: Option<&'a SettingFacts>,
    layers: Vec<WireLayer<'a>>,
}

impl<'a> WireTarget<'a> {
    pub(super) fn new(target: &'a TargetSummary) -> Self {
        Self {
            reference: &target.reference,
            source: target.source,
            platform: target.platform.as_ref(),
            digest: target.digest.as_ref(),
            config_digest: target.config_digest.as_ref(),
            tags: &target.tags,
            distro: target.distro.as_ref().map(|distro| distro.name.as_str()),
            distro_id: target.distro.as_ref().map(|distro| distro.id.as_str()),
            distro_version: target.distro.as_ref().map(|distro| distro.version_id.as_str()).filter(|v| !v.is_empty()),
            created: target.created,
            base: Some(&target.base).filter(|base| **base != Base::default()),
            size: target.size,
            entries: target.entries,
            facts: target.facts.as_ref(),
            layers: target.layers.iter().map(WireLayer::new).collect(),
        }
    }
}

#[derive(Serialize)]
struct WireLayer<'a> {
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<&'a Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    diff_id: Option<&'a Digest>,
    size: ByteSize,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<&'a str>,
    origin: Origin,
}

impl<'a> WireLayer<'a> {
    fn new(layer: &'a ReportedLayer) -> Self {
        Self {
            index: layer.index,
            digest: layer.digest.as_ref(),
            diff_id: layer.diff_id.as_ref(),
            size: layer.size,
            created_by: layer.created_by.as_deref(),
            origin: layer.origin,
        }
    }
}

#[derive(Serialize)]
struct WireVerdict<'a> {
    policies: &'a [String],
    edition: &'static str,
    reason: &'a str,
    failed: usize,
    warned: usize,
    ignored: usize,
    waived: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<&'a UsedBaseline>,
    rules: &'a [Deciding],
    #[serde(skip_serializing_if = "<[Ignoring]>::is_empty")]
    ignored_by: &'a [Ignoring],
}

impl<'a> WireVerdict<'a> {
    fn new(verdict: &'a Verdict) -> Self {
        Self {
            policies: &verdict.policies,
            edition: verdict.edition,
            reason: &verdict.reason,
            failed: verdict.failed,
            warned: verdict.warned,
            ignored: verdict.ignored,
            waived: verdict.waived,
            baseline: verdict.baseline.as_ref(),
            rules: &verdict.rules,
            ignored_by: &verdict.ignored_by,
        }
    }
}

/// Those that are there, then those that were.
struct WirePackages<'a>(&'a Report);

impl Serialize for WirePackages<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Report { packages, removed, .. } = self.0;
        serializer.collect_seq(packages.iter().chain(removed).map(|package| WirePackage::new(package, packages)))
    }
}

#[derive(Serialize)]
struct WirePackage<'a> {
    purl: &'a str,
    name: &'a str,
    version: &'a str,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<WireSource<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    architecture: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    packager: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    licence: Option<WireLicence<'a>>,
    state: State,
    counted: bool,
    confidence: Confidence,
    proof: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha1: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owned_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    removed_in_layer: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dependencies: Vec<&'a str>,
    locations: Vec<WirePackageLocation<'a>>,
}

#[derive(Serialize)]
struct WireSource<'a> {
    name: &'a str,
    version: &'a str,
}

#[derive(Serialize)]
struct WireLicence<'a> {
    declared: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expression: Option<&'a str>,
}

#[derive(Serialize)]
struct WirePackageLocation<'a> {
    path: &'a ImagePath,
    #[serde(skip_serializing_if = "Option::is_none")]
    inside: Option<&'a str>,
    layer: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    live_layer: Option<u32>,
}

impl<'a> WirePackage<'a> {
    fn new(package: &'a Package, all: &'a [Package]) -> Self {
        let purl_of = |index: u32| Some(all.get(usize::try_from(index).ok()?)?.purl.as_str());
        let licence = package.licence.as_ref();
        Self {
            purl: &package.purl,
            name: &package.name,
            version: &package.version,
            r#type: package.ecosystem.id,
            source: package.source.as_ref().map(|(name, version)| WireSource { name, version }),
            architecture: package.architecture.as_deref(),
            packager: package.packager.as_deref(),
            licence: licence
                .map(|licence| WireLicence { declared: &licence.declared, expression: licence.expression.as_deref() }),
            state: package.state,
            counted: package.is_counted,
            confidence: package.confidence,
            proof: match &package.proof {
                Proof::Record => "record",
                Proof::Name(_) => "name",
                Proof::VersionString(_) => "version-string",
            },
            evidence: match &package.proof {
                Proof::Record => None,
                Proof::Name(text) | Proof::VersionString(text) => Some(text),
            },
            sha1: package.sha1.map(|digest| digest::hex(&digest)),
            owned_by: package.owner.and_then(purl_of),
            removed_in_layer: package.removed_in_layer,
            dependencies: package.dependencies.iter().filter_map(|index| purl_of(*index)).collect(),
            locations: package
                .locations
                .iter()
                .map(|place| WirePackageLocation {
                    path: &place.path,
                    inside: place.inside.as_deref(),
                    layer: place.added_by,
                    live_layer: (place.node.layer != place.added_by).then_some(place.node.layer),
                })
                .collect(),
        }
    }
}

struct WireFindings<'a>(&'a Report);

impl Serialize for WireFindings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let target = &self.0.target;
        serializer.collect_seq(
            self.0.findings.iter().map(|judged| WireFinding::new(judged, target.origin_of(&judged.finding))),
        )
    }
}

#[derive(Serialize)]
pub(super) struct WireFinding<'a> {
    id: String,
    rule: &'static str,
    family: &'static str,
    severity: Severity,
    priority: u32,
    confidence: Confidence,
    title: &'static str,
    message: &'a str,
    subject: &'a str,
    location: WireLocation<'a>,
    origin: Origin,
    visibility: Visibility,
    #[serde(skip_serializing_if = "Option::is_none")]
    removed_in_layer: Option<u32>,
    evidence: &'a BTreeMap<&'static str, Value>,
    status: &'static str,
    action: Action,
    decided_by: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiver: Option<WireWaiver<'a>>,
    fixable: bool,
}

impl<'a> WireFinding<'a> {
    pub(super) fn new(judged: &'a Judged, origin: Origin) -> Self {
        let finding = &judged.finding;
        Self {
            id: finding.fingerprint(),
            rule: finding.rule.id,
            family: finding.rule.family(),
            severity: finding.severity,
            priority: finding.weight(),
            confidence: finding.confidence,
            title: finding.rule.title,
            message: &finding.message,
            subject: &finding.subject,
            location: WireLocation::new(&finding.location),
            origin,
            visibility: finding.visibility,
            removed_in_layer: finding.removed_in_layer,
            evidence: &finding.evidence,
            status: if judged.waiver.is_some() { "waived" } else { "open" },
            action: judged.action,
            decided_by: &judged.decided_by,
            decided_at: judged.decided_at.as_deref(),
            note: judged.note.as_deref(),
            waiver: judged.waiver.as_ref().map(WireWaiver::new),
            fixable: finding.is_fixable,
        }
    }
}

#[derive(Serialize)]
struct WireWaiver<'a> {
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<crate::time::Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket: Option<&'a str>,
    place: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    justification: Option<&'a str>,
}

impl<'a> WireWaiver<'a> {
    fn new(waiver: &'a AppliedWaiver) -> Self {
        Self {
            reason: &waiver.reason,
            expires: waiver.expires,
            owner: waiver.owner.as_deref(),
            ticket: waiver.ticket.as_deref(),
            place: &waiver.place,
            status: waiver.status.as_deref(),
            justification: waiver.justification.as_deref(),
        }
    }
}

/// Paths of files begin with `/`, so that `config` is never one.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum WireLocation<'a> {
    File {
        path: &'a ImagePath,
        layer: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        start_line: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        end_line: Option<u64>,
    },
    Config {
        path: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<&'a str>,
    },
    History {
        path: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        layer: Option<u32>,
        key: &'a str,
        history_index: u32,
    },
    Package {
        path: &'a ImagePath,
        layer: u32,
        purl: &'a str,
    },
    Dockerfile {
        path: &'a str,
        start_line: u64,
        start_column: u64,
        end_line: u64,
        end_column: u64,
    },
}

impl<'a> WireLocation<'a> {
    fn new(location: &'a Location) -> Self {
        match location {
            Location::File { path, layer, lines } => Self::File {
                path,
                layer: *layer,
                start_line: lines.map(|(first, _)| first),
                end_line: lines.map(|(_, last)| last),
            },
            Location::Config { key } => Self::Config { path: "config", key: Some(key) },
            Location::History { index, layer, key } => {
                Self::History { path: "config", layer: *layer, key, history_index: *index }
            }
            Location::Package { purl, path, layer } => Self::Package { path, layer: *layer, purl },
            Location::Dockerfile { file, start, end } => Self::Dockerfile {
                path: file,
                start_line: start.0,
                start_column: start.1,
                end_line: end.0,
                end_column: end.1,
            },
            // the configuration speaks for the image as a whole
            Location::Image => Self::Config { path: "config", key: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::sample;
    use super::*;

    fn render(reports: &[Report]) -> Value {
        let mut out = Vec::new();
        Json.render(reports, &sample::style(), &mut out).expect("memory can be written");
        assert!(out.ends_with(b"}\n"), "a text file ends in a line feed");
        serde_json::from_slice(&out).expect("JSON")
    }

    fn check(report: &Value) {
        let schema: Value = serde_json::from_str(include_str!("../../docs/formats/report.schema.json")).expect("JSON");
        let mut schema = schema;
        close(&mut schema);
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema");
        let errors: Vec<String> =
            validator.iter_errors(report).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }

    /// Refuses fields the schema does not name: readers take them, we do not write them.
    fn close(schema: &mut Value) {
        match schema {
            Value::Object(object) => {
                if object.contains_key("properties") {
                    object.insert("additionalProperties".into(), json!(false));
                }
                object.values_mut().for_each(close);
            }
            Value::Array(array) => array.iter_mut().for_each(close),
            _ => {}
        }
    }

    #[test]
    fn reports_keep_their_schema() {
        for report in [sample::report(), sample::hostile(), sample::empty()] {
            check(&render(&[report]));
        }
        let several = render(&[sample::report(), sample::empty()]);
        assert_eq!((&several["schema"], &several["outcome"]), (&json!("careen.reports/1"), &json!("failed")));
        assert_eq!(several["reports"].as_array().map(Vec::len), Some(2));
        check(&several);
    }

    #[test]
    fn several_images_have_the_outcome_of_the_worst() {
        use Outcome::{Failed, Incomplete, Passed};
        for (outcomes, expected) in [
            ([Passed, Passed], "passed"),
            ([Passed, Incomplete], "incomplete"),
            ([Incomplete, Passed], "incomplete"),
            ([Failed, Incomplete], "failed"),
            ([Incomplete, Failed], "failed"),
            ([Passed, Failed], "failed"),
        ] {
            let reports = outcomes.map(|outcome| {
                let mut report = sample::empty();
                report.verdict.outcome = outcome;
                report
            });
            let several = render(&reports);
            assert_eq!(several["outcome"], expected, "{outcomes:?}");
            check(&several);
        }
    }

    #[test]
    fn a_verdict_tells_of_the_baseline() {
        let mut report = sample::report();
        let digest = format!("sha256:{}", "ab".repeat(32));
        let image = crate::policy::baseline::Source {
            reference: "registry.example/shop/api:1.4".into(),
            platform: Some("linux/amd64".into()),
            digest: Some(digest.clone()),
        };
        report.verdict.baseline = Some(UsedBaseline {
            file: "baseline.json".into(),
            made: "2026-05-01".parse().ok(),
            images: vec![image],
            listed: 4,
            known: 3,
        });
        let written = render(&[report]);
        check(&written);
        assert_eq!(
            written["verdict"]["baseline"],
            json!({
                "file": "baseline.json", "made": "2026-05-01", "listed": 4, "known": 3,
                "images": [{"reference": "registry.example/shop/api:1.4", "platform": "linux/amd64", "digest": digest}],
            })
        );
    }

    #[test]
    fn the_schema_refuses_what_is_no_report() {
        let schema: Value = serde_json::from_str(include_str!("../../docs/formats/report.schema.json")).expect("JSON");
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let whole = render(&[sample::report()]);
        for (pointer, wrong) in [
            ("/outcome", json!("fine")),
            ("/schema", json!("careen.report/2")),
            ("/findings/0/location/kind", json!("elsewhere")),
            ("/findings/0/severity", json!("HIGH")),
            ("/findings/0/location/path", json!("app/.env")),
            ("/target/layers/0/digest", json!("sha256:12")),
            ("/packages/0/locations", json!([])),
        ] {
            let mut report = whole.clone();
            *report.pointer_mut(pointer).expect("the sample has it") = wrong;
            assert!(!validator.is_valid(&report), "{pointer}");
        }
    }

    #[test]
    fn failures_keep_the_schema_too() {
        let error = Error::malformed("the archive ends early").at("image.tar").help("fetch it again");
        for (refused, outcome) in [(true, "refused"), (false, "error")] {
            let mut out = Vec::new();
            render_failure(&error, refused, &mut out).expect("memory can be written");
            let value: Value = serde_json::from_slice(&out).expect("JSON");
            check(&value);
            assert_eq!(
                value,
                json!({
                    "schema": "careen.report/1",
                    "outcome": outcome,
                    "error": {
                        "kind": "malformed",
                        "message": "the archive ends early",
                        "place": "image.tar",
                        "help": "fetch it again",
                    }
                })
            );
        }
    }

    #[test]
    fn places_are_where_the_contract_says() {
        let report = render(&[sample::report()]);
        let location = |rule: &str| {
            let findings = report["findings"].as_array().expect("a list");
            findings.iter().find(|finding| finding["rule"] == rule).expect("the sample has it")["location"].clone()
        };
        assert_eq!(
            location("secret/aws-access-key"),
            json!({"kind": "file", "path": "/app/.env", "layer": 2, "start_line": 3, "end_line": 3})
        );
        assert_eq!(location("image/root-user"), json!({"kind": "config", "path": "config", "key": "User"}));
        assert_eq!(
            location("secret/build-argument"),
            json!({"kind": "history", "path": "config", "layer": 1, "key": "NPM_TOKEN", "history_index": 4})
        );
        assert_eq!(location("image/wasted-space"), json!({"kind": "config", "path": "config"}));
        assert_eq!(
            location("package/end-of-life"),
            json!({"kind": "package", "path": "/var/lib/dpkg/status", "layer": 1,
                   "purl": "pkg:deb/debian/openssl@3.0.11-1?arch=amd64&distro=debian-12"})
        );
    }

    #[test]
    fn a_package_is_in_the_layer_that_brought_it() {
        let mut report = sample::report();
        let place = report.packages.first_mut().and_then(|package| package.locations.first_mut()).expect("one");
        (place.added_by, place.node.layer) = (1, 3);
        let path = place.path.to_string();
        let written = render(&[report]);
        assert_eq!(
            written["packages"][0]["locations"][0],
            json!({"path": path, "layer": 1, "live_layer": 3}),
            "the layer of the live file is told where it is another"
        );
        check(&written);
        let place = &render(&[sample::empty(), sample::report()])["reports"][1]["packages"][0]["locations"][0];
        assert!(place.get("added_by").is_none());
    }

    #[test]
    fn findings_have_a_rank_and_data_are_described() {
        let mut report = sample::report();
        for judged in &mut report.findings {
            judged.finding.priority = None;
        }
        report.findings[0].finding.priority = Some(209_500);
        let plain = u64::from(report.findings[1].finding.weight());
        report.data.insert(
            "advisories",
            json!({
                "sources": [{
                    "feed": "osv", "family": "Debian", "source": "https://mirror.example/", "newest": "2026-11-18T01:02:03Z",
                    "confirmed": "2026-11-20T00:00:00Z", "age_days": 1, "records": 40, "coverage": "comprehensive",
                    "licence": "MIT", "attribution": "Debian",
                }],
                "judged": 12, "state": "ab", "left_to_distribution": 1, "without_kernel": 1, "foreign": 1,
                "without_feed": {"conan": 1}, "note": "testing",
                "unmatched": [{"purl": "pkg:pypi/six@x", "reason": "odd", "records": ["CVE-1"]}],
            }),
        );
        let written = render(&[report]);
        let priority = |index: usize| written["findings"][index]["priority"].as_u64();
        assert_eq!((priority(0), priority(1)), (Some(209_500), Some(plain)));
        check(&written);
        let mut wrong = written.clone();
        wrong["data"]["advisories"]["sources"][0]["coverage"] = json!("whole");
        let schema: Value = serde_json::from_str(include_str!("../../docs/formats/report.schema.json")).expect("JSON");
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        assert!(!validator.is_valid(&wrong), "the schema looks into the data");
        let flaw = json!({"$ref": "#/$defs/flaw", "$defs": schema["$defs"]});
        let validator = jsonschema::validator_for(&flaw).expect("a schema");
        assert!(validator.is_valid(
            &json!({"ids": ["CVE-1"], "installed": "1", "compared": {"name": "a", "version": "1"}, "matches": []})
        ));
        assert!(!validator.is_valid(&json!({"ids": "CVE-1"})));
    }

    #[test]
    fn what_hides_is_written_as_a_sequence_and_means_the_same() {
        let text = "a\u{202e}b\u{9b}c\u{7f}d\u{e0041}e\u{1b}\"\\中";
        let mut out = Vec::new();
        write_json(&text, &mut out).expect("memory can be written");
        let written = String::from_utf8(out).expect("UTF-8");
        assert_eq!(written, "\"a\\u202eb\\u009bc\\u007fd\\udb40\\udc41e\\u001b\\\"\\\\中\"\n");
        assert_eq!(serde_json::from_str::<String>(&written).expect("JSON"), text);
    }
}
