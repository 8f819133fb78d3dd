//! `[[test]]`: findings or a report, and what a policy must make of them.

pub mod key;

use std::ops::Range;

use serde_json::json;
use toml::de::{DeTable, DeValue};

use self::key::{EXPECT, FINDING, IMAGE, PACKAGE, TEST};
use super::Known;
use super::reader::Reader;
use super::word::{bytes, count, fingerprint, named, number_alone, one_of, origin, text_pattern, time, visibility};
use crate::error::Result;
use crate::finding::{Finding, Location, Visibility};
use crate::inventory::{Attested, Base, Licence, Origin};
use crate::path::ImagePath;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::pattern::Glob;
use crate::policy::selector::{Named, is_rule, is_subject};
use crate::policy::{ConfigFacts, ImageFacts, Outcome, PackageFacts, RULES, Said};
use crate::rule::{Confidence, Place, Rule, Severity};
use crate::time::{Date, Timestamp};

/// Most cases of one file.
const MOST: usize = 1_000;

/// A `[[test]]`.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it is about.
    pub name: String,
    /// Where it is written: file and line.
    pub place: String,
    /// The day on which it plays; else today.
    pub today: Option<Date>,
    /// What is found; layers are numbered by [`ORIGINS`].
    pub findings: Vec<Finding>,
    /// The report that is judged instead, from the folder of the file.
    pub report: Option<Said<String>>,
    /// The image; nothing is asked of it where there is none.
    pub image: Option<ImageFacts>,
    /// What must come of it.
    pub expect: Expect,
}

/// Whose the layers are in which the findings of cases lie: by number.
pub const ORIGINS: [Origin; 2] = [Origin::Base, Origin::App];

/// What must come of a case.
#[derive(Debug, Clone, Default)]
pub struct Expect {
    /// The outcome.
    pub outcome: Option<Outcome>,
    /// What must fail.
    pub fail: Vec<Expected>,
    /// What must be warned of.
    pub warn: Vec<Expected>,
    /// What must be shown only.
    pub info: Option<Vec<Expected>>,
    /// What must be ignored.
    pub ignore: Vec<Expected>,
    /// What waivers must accept.
    pub waived: Vec<Expected>,
    /// Whether nothing else may be.
    pub is_exact: bool,
}

/// Findings that a case names.
#[derive(Debug, Clone)]
pub struct Expected {
    /// As it was written.
    pub text: String,
    who: Who,
}

#[derive(Debug, Clone)]
enum Who {
    Fingerprint(String),
    Named(Named, Option<Glob>),
}

impl Expected {
    /// Whether the finding is meant.
    pub fn takes(&self, finding: &Finding) -> bool {
        match &self.who {
            Who::Fingerprint(print) => *print == finding.fingerprint(),
            Who::Named(named, subject) => {
                named.selects(finding) && subject.as_ref().is_none_or(|subject| is_subject(subject, finding))
            }
        }
    }
}

impl Reader<'_> {
    /// The cases of a file.
    pub(super) fn cases(&mut self, top: &DeTable<'_>) -> Vec<Case> {
        let tables = self.tables(top, "test");
        if let Some((_, span)) = tables.get(MOST) {
            self.wrong.push(Diagnostic::new(span.clone(), format!("there are more than {MOST} tests")));
        }
        tables.into_iter().take(MOST).filter_map(|(table, span)| self.case(table, &span)).collect()
    }

    fn case(&mut self, table: &DeTable<'_>, span: &Range<usize>) -> Option<Case> {
        self.keys(table, &TEST, "a test");
        for (key, help) in [("name", "say what it is about"), ("expect", "such as `expect = { outcome = \"failed\" }`")]
        {
            if !table.contains_key(key) {
                self.missing(span, "a test", key, help);
            }
        }
        if !["findings", "report", "image"].iter().any(|key| table.contains_key(*key)) {
            self.missing(span, "a test", "findings", "or `report`, or `image`: there is nothing to judge");
        }
        let report = self.word(table, "report", filled);
        for key in ["findings", "image"].into_iter().filter(|_| table.contains_key("report")) {
            if let Some(value) = table.get(key) {
                let what = format!("`{key}` beside `report`, which says all that there is");
                self.wrong.push(Diagnostic::new(value.span(), what).help("leave one out"));
            }
        }
        let findings = self.tables(table, "findings");
        let findings = findings.into_iter().filter_map(|(table, span)| self.finding(table, &span)).collect();
        let image = self.table(table, "image").map(|image| self.image(image));
        let expect = self.table(table, "expect").map(|expect| self.expect(expect, span));
        let today = self.case_day(table, "today");
        Some(Case {
            name: self.text(table, "name")?,
            place: self.place(span),
            today,
            findings,
            report,
            image,
            expect: expect?,
        })
    }

    fn case_day(&mut self, table: &DeTable<'_>, key: &str) -> Option<Date> {
        let said = self.said(table, key, |text, span| {
            let day = if text.len() == 10 { text.parse().ok() } else { None };
            day.ok_or_else(|| {
                Diagnostic::new(span, format!("`{key}` must be a day"))
                    .help("write it as year, month, day: `2027-03-31`")
            })
        })?;
        Some(said.value)
    }

    fn timestamp(&mut self, table: &DeTable<'_>, key: &str) -> Option<Timestamp> {
        let day = self.case_day(table, key)?;
        format!("{day}T00:00:00Z").parse().ok()
    }

    fn source(&mut self, table: &DeTable<'_>, key: &str) -> Option<String> {
        Some(self.word(table, key, filled)?.value)
    }

    fn finding(&mut self, table: &DeTable<'_>, span: &Range<usize>) -> Option<Finding> {
        self.keys(table, &FINDING, "a finding of a test");
        if !table.contains_key("rule") {
            self.missing(span, "a finding of a test", "rule", "such as `rule = \"image/root-user\"`");
        }
        let known = self.known;
        let rule = self.word(table, "rule", |id, span| rule_of(id, span, known));
        let severity = self.word(table, "severity", |word, span| {
            one_of(word, span, "severity", &Severity::ALL.map(|severity| (severity.as_str(), severity)))
        });
        let confidence = self.word(table, "confidence", |word, span| {
            one_of(word, span, "confidence", &Confidence::ALL.map(|confidence| (confidence.as_str(), confidence)))
        });
        let visibility = self.word(table, "visibility", visibility);
        let origin = self.word(table, "origin", origin);
        let path = self.source(table, "path");
        let purl = self.word(table, "purl", purl).map(|said| said.value);
        if let (Some(value), Some(rule)) = (table.get("path"), &rule)
            && rule.value.lies_in() == [Place::Image]
        {
            let what = format!("findings of `{}` are about the image as a whole, and have no path", rule.value.id);
            self.wrong.push(Diagnostic::new(value.span(), what).help("leave `path` out"));
        }
        let is_in_layer = purl.is_some() || path.as_ref().is_some_and(|path| path != "config");
        if let Some(value) = table.get("origin").filter(|_| !is_in_layer) {
            let what = "`origin` of what is in no layer";
            self.wrong.push(Diagnostic::new(value.span(), what).help("give the finding a `path` or a `purl`"));
        }
        let ids = self.list(table, "ids", filled);
        let subject = self.source(table, "subject");
        let print = self.word(table, "fingerprint", fingerprint).map(|said| said.value);
        let mut evidence = Vec::new();
        for (key, name) in [("published", "published"), ("ended", "ended")] {
            if let Some(day) = self.case_day(table, key) {
                let day = if key == "published" { format!("{day}T00:00:00Z") } else { day.to_string() };
                evidence.push((name, json!(day)));
            }
        }
        for (key, name, most) in [("cvss", "rating", 10.0), ("epss", "epss", 1.0)] {
            if let Some(score) = self.score(table, key, most) {
                evidence.push((name, json!({ "score": score })));
            }
        }
        if self.boolean(table, "exploited") == Some(true) {
            evidence.push(("exploited", json!({})));
        }
        if !ids.is_empty() {
            evidence.push(("ids", json!(ids)));
        }
        let is_fixable = self.boolean(table, "fixable").unwrap_or(false);

        let rule = rule?.value;
        let subject = subject.or_else(|| ids.first().cloned()).or_else(|| path.clone()).or_else(|| purl.clone());
        let subject = subject.unwrap_or_else(|| "image".into());
        let layer = ORIGINS.iter().position(|known| origin.as_ref().is_some_and(|said| said.value == *known));
        let layer = layer.and_then(|layer| u32::try_from(layer).ok()).unwrap_or(u32::MAX);
        let location = match (purl, path) {
            (Some(purl), path) => {
                Location::Package { purl, path: ImagePath::from(path.unwrap_or_default().as_str()), layer }
            }
            (None, Some(path)) if path == "config" => Location::Config { key: subject.clone() },
            (None, Some(file)) if rule.family() == "dockerfile" => {
                Location::Dockerfile { file, start: (1, 1), end: (1, 1) }
            }
            (None, Some(path)) => Location::File { path: ImagePath::from(path.as_str()), layer, lines: None },
            // as scans find it
            (None, None) if rule.lies_in() == [Place::Config] => Location::Config { key: subject.clone() },
            (None, None) => Location::Image,
        };
        let mut finding = Finding::new(rule, subject, location, rule.title);
        finding.severity = severity.map_or(rule.severity, |said| said.value);
        finding.confidence = confidence.map_or(rule.confidence, |said| said.value);
        finding.visibility = visibility.map_or(Visibility::Live, |said| said.value);
        finding.is_fixable = is_fixable;
        finding.told_fingerprint = print;
        finding.evidence.extend(evidence);
        Some(finding)
    }

    fn score(&mut self, table: &DeTable<'_>, key: &str, most: f64) -> Option<f64> {
        match table.get(key)?.get_ref() {
            DeValue::Integer(_) | DeValue::Float(_) => {
                Some(self.said(table, key, |text, span| number_alone(text, span, key, most))?.value)
            }
            other => {
                let span = table.get(key)?.span();
                self.mistyped(key, "a number", other, span);
                None
            }
        }
    }

    fn image(&mut self, table: &DeTable<'_>) -> ImageFacts {
        self.keys(table, &IMAGE, "`image`");
        let said = |said: Option<Said<u64>>| said.map(|said| said.value);
        let user = self.word(table, "user", |text, _| Ok(text.to_owned())).map(|said| said.value);
        let uid = user.as_deref().and_then(|user| match user.split(':').next() {
            Some("" | "root") => Some(0),
            Some(name) => name.parse().ok(),
            None => None,
        });
        let config = ConfigFacts {
            uid,
            user: user.unwrap_or_default(),
            labels: self.labels(table),
            ports: self.list(table, "ports", filled),
            healthcheck: self.boolean(table, "healthcheck").unwrap_or(false),
            stop_signal: self.source(table, "stop-signal"),
            working_dir: self.source(table, "working-dir").unwrap_or_default(),
        };
        let has_config = ["user", "labels", "ports", "healthcheck", "stop-signal", "working-dir"];
        let attested = ["signature", "provenance", "sbom"].map(|key| self.boolean(table, key));
        let [has_signature, has_provenance, has_bill] = attested.map(|said| said == Some(true));
        let packages = self.tables(table, "packages");
        let packages = packages.into_iter().filter_map(|(table, span)| self.package(table, &span)).collect();
        ImageFacts {
            reference: self.source(table, "reference").unwrap_or_default(),
            tags: self.list(table, "tags", filled),
            platform: self.source(table, "platform"),
            created: self.timestamp(table, "created"),
            size: said(self.said(table, "size", bytes)),
            stored: said(self.said(table, "stored-size", bytes)),
            shipped: said(self.said(table, "shipped-size", bytes)),
            visible: said(self.said(table, "visible-size", bytes)),
            layers: said(self.said(table, "layers", count)).map(|layers| u32::try_from(layers).unwrap_or(u32::MAX)),
            config: has_config.iter().any(|key| table.contains_key(*key)).then_some(config),
            base: Base {
                name: self.source(table, "base"),
                digest: self.source(table, "base-digest"),
                ..Base::default()
            },
            base_created: self.timestamp(table, "base-created"),
            attested: attested.iter().any(Option::is_some).then_some(Attested {
                has_signature,
                has_provenance,
                has_bill,
            }),
            packages,
            lists_packages: table.contains_key("packages"),
            data_hours: self.said(table, "data-age", time).map(|said| said.value.0),
            ..ImageFacts::default()
        }
    }

    fn labels(&mut self, table: &DeTable<'_>) -> std::collections::BTreeMap<String, String> {
        let mut labels = std::collections::BTreeMap::new();
        for (key, value) in self.table(table, "labels").into_iter().flatten() {
            match value.get_ref() {
                DeValue::String(text) => drop(labels.insert(key.get_ref().to_string(), text.to_string())),
                other => self.mistyped(key.get_ref(), "a string", other, value.span()),
            }
        }
        labels
    }

    fn package(&mut self, table: &DeTable<'_>, span: &Range<usize>) -> Option<PackageFacts> {
        self.keys(table, &PACKAGE, "a package of a test");
        if !table.contains_key("purl") {
            self.missing(span, "a package of a test", "purl", "such as `purl = \"pkg:npm/left@1.0.0\"`");
        }
        let licence = self.source(table, "licence");
        let purl = self.word(table, "purl", purl)?.value;
        let ecosystem = purl.trim_start_matches("pkg:").split('/').next().unwrap_or_default().to_owned();
        // as a scan reads it
        let licence = licence.map(|text| match Licence::new(text.as_str()) {
            Licence { expression: None, .. } if ecosystem == "deb" => {
                Licence::of_debian(&text.split(", ").collect::<Vec<_>>())
            }
            licence => licence,
        });
        let is_expression = licence.as_ref().is_some_and(|licence| licence.expression.is_some());
        let licence = licence.map(|licence| licence.expression.unwrap_or(licence.declared));
        Some(PackageFacts { purl, ecosystem, licence, is_expression, is_counted: true, ..PackageFacts::default() })
    }

    fn expect(&mut self, table: &DeTable<'_>, span: &Range<usize>) -> Expect {
        self.keys(table, &EXPECT, "`expect`");
        if table.is_empty() {
            let what = "an empty `expect` holds whatever the policy says";
            self.wrong.push(Diagnostic::new(span.clone(), what).help("such as `expect = { outcome = \"failed\" }`"));
        }
        let known = self.known;
        let mut list = |key: &str| self.list(table, key, |text, span| expected(text, span, known));
        let (fail, warn, ignore, waived) = (list("fail"), list("warn"), list("ignore"), list("waived"));
        let info = list("info");
        Expect {
            fail,
            warn,
            ignore,
            waived,
            info: table.contains_key("info").then_some(info),
            outcome: self
                .word(table, "outcome", |word, span| {
                    let words =
                        [("failed", Outcome::Failed), ("incomplete", Outcome::Incomplete), ("passed", Outcome::Passed)];
                    one_of(word, span, "outcome", &words)
                })
                .map(|said| said.value),
            is_exact: self.boolean(table, "exact").unwrap_or(false),
        }
    }
}

/// Text that is not empty.
pub(super) fn filled(text: &str, span: Range<usize>) -> Result<String, Diagnostic> {
    if text.trim().is_empty() { Err(Diagnostic::new(span, "the text is empty")) } else { Ok(text.to_owned()) }
}

fn purl(text: &str, span: Range<usize>) -> Result<String, Diagnostic> {
    if text.starts_with("pkg:") && text.contains('/') {
        return Ok(text.to_owned());
    }
    Err(Diagnostic::new(span, format!("`{text}` is no package URL")).help("such as `pkg:npm/left@1.0.0`"))
}

/// The rule of this very id.
fn rule_of(id: &str, span: Range<usize>, known: Known<'_>) -> Result<&'static Rule, Diagnostic> {
    let Known::Rules(rules) = known else { return Err(Diagnostic::new(span, "presets have no tests")) };
    let all = || rules.iter().chain(RULES.iter()).copied();
    if let Some(rule) = all().find(|rule| rule.id == id) {
        return Ok(rule);
    }
    // an id of another tool may be that of several rules here
    let glob = text_pattern(id, span.clone())?;
    let meant: Vec<&str> = all().filter(|rule| is_rule(&glob, rule)).map(|rule| rule.id).take(5).collect();
    let unknown = Diagnostic::new(span, format!("there is no rule `{id}`"));
    match (meant.as_slice(), crate::nearest::nearest(id, all().map(|rule| rule.id))) {
        ([], Some(near)) => Err(unknown.help(format!("did you mean `{near}`?"))),
        ([], None) => Err(unknown.help("a finding names its rule by the whole id; `careen rules` lists all rules")),
        (meant, _) => Err(unknown.help(format!("a finding names its rule by the whole id: `{}`", meant.join("`, `")))),
    }
}

/// A fingerprint; or what `match` takes for `rule`, and a pattern over the subject behind a blank.
fn expected(text: &str, span: Range<usize>, known: Known<'_>) -> Result<Expected, Diagnostic> {
    if let Ok(print) = fingerprint(text, span.clone()) {
        return Ok(Expected { text: text.to_owned(), who: Who::Fingerprint(print) });
    }
    let (rule, subject) = match text.split_once(' ') {
        Some((rule, subject)) => (rule, Some(text_pattern(subject.trim(), span.clone())?)),
        None => (text, None),
    };
    Ok(Expected { text: text.to_owned(), who: Who::Named(named(rule, span, known)?, subject) })
}
