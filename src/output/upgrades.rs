//! Flaws of packages as people act on them: by upgrade, each with what it ends.
//!
//! Findings are by binary package; here those of one source and version stand together, so that a flaw is one line
//! however many packages are built from it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

use anstyle::Style as Ansi;
use serde_json::Value;

use super::columns::{cut_end, cut_middle, wrap};
use super::page::{Page, colour_of};
use super::text::{INDENT, SHOWN_OF_A_RULE, details};
use super::{Style, clean, count};
use crate::advisory::finding::{MALICIOUS, VULNERABLE};
use crate::advisory::name;
use crate::finding::Location;
use crate::policy::{Action, Judged};
use crate::report::Report;
use crate::rule::Severity;

/// Upgrades shown; the rest is counted.
const SHOWN_UPGRADES: usize = 10;

/// Flaws of packages, by the upgrade that ends them.
pub(super) fn by_upgrade(flaws: &[&Judged], style: &Style, page: &mut Page<'_>) -> io::Result<()> {
    let upgrades = upgrades(flaws);
    let most = if style.verbose { upgrades.len() } else { SHOWN_UPGRADES };
    let width = page.width.saturating_sub(INDENT);
    for upgrade in upgrades.iter().take(most) {
        let gravest = upgrade.flaws.iter().map(|row| row.judged.finding.severity).max().unwrap_or(Severity::Info);
        let severity = page.paint(&format!("{:<8}", gravest.as_str()), colour_of(gravest));
        for (index, line) in wrap(&upgrade.headline(), width).iter().enumerate() {
            let line = page.paint(line, Ansi::new().bold());
            let word = if index == 0 { severity.as_str() } else { "        " };
            page.line(&format!("  {word}  {line}"))?;
        }
        page.line(&format!("{:INDENT$}{}", "", cut_middle(&upgrade.place(), width)))?;
        let rows = if style.verbose { upgrade.flaws.len() } else { SHOWN_OF_A_RULE };
        for row in upgrade.flaws.iter().take(rows) {
            let severity = format!("{:<8}", row.judged.finding.severity.as_str());
            let severity = page.paint(&severity, colour_of(row.judged.finding.severity));
            let line = cut_end(&row.line(), width.saturating_sub(10));
            page.line(&format!("{:INDENT$}{severity}  {line}", ""))?;
            if style.verbose {
                details(row.judged, page)?;
            }
        }
        if upgrade.flaws.len() > rows {
            page.line(&format!("{:INDENT$}and {} more, shown with -v", "", upgrade.flaws.len() - rows))?;
        }
    }
    if upgrades.len() > most {
        let rest = upgrades.get(most..).unwrap_or_default();
        let flaws: usize = rest.iter().map(|upgrade| upgrade.flaws.len()).sum();
        let mendable = rest.iter().filter(|upgrade| upgrade.fixed.is_some()).count();
        let mendable = if mendable > 0 { format!(", {mendable} of which upgrades mend") } else { String::new() };
        page.line(&format!(
            "{:INDENT$}and {} in {}{mendable}, shown with -v",
            "",
            count(flaws, "flaw"),
            count(rest.len(), "more package"),
        ))?;
    }
    Ok(())
}

/// What packages were compared with, and what could not be.
pub(super) fn advisories(report: &Report, style: &Style, page: &mut Page<'_>) -> io::Result<()> {
    let Some(data) = report.data.get("advisories") else { return Ok(()) };
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(clean).unwrap_or_default();
    let sources = data.get("sources").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let source = |source: &Value| {
        let age = match source.get("age_days").and_then(Value::as_i64) {
            Some(..=0) => ", of today".to_owned(),
            Some(1) => ", 1 day old".to_owned(),
            Some(days) => format!(", {days} days old"),
            None => String::new(),
        };
        let coverage = match text(source, "coverage").as_str() {
            "fixes-only" => ", tells only of what is fixed",
            _ => "",
        };
        let embedded = if text(source, "source") == "embedded" { ", embedded" } else { "" };
        format!("{} ({}{embedded}{age}{coverage})", text(source, "family"), text(source, "feed"))
    };
    let parts: Vec<String> = sources.iter().map(source).collect();
    if parts.is_empty() {
        page.line("advisories: none")?;
    } else {
        let first = parts.first().map(|part| format!("advisories: {part}"));
        page.list(&first.into_iter().chain(parts.into_iter().skip(1)).collect::<Vec<_>>(), ", ", 2)?;
    }
    if let Some(note) = data.get("note").and_then(Value::as_str) {
        page.paragraph(&clean(note), 2)?;
    }
    let unmatched = data.get("unmatched").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if !unmatched.is_empty() {
        let what = format!(
            "{} could not be compared with advisories: the version is not understood",
            count(unmatched.len(), "package")
        );
        page.paragraph(&what, 2)?;
        if style.verbose {
            for one in unmatched {
                page.paragraph(&format!("{}: {}", text(one, "purl"), text(one, "reason")), 4)?;
            }
        }
    }
    Ok(())
}

/// What one upgrade of one package ends, or what none ends.
#[derive(Debug)]
struct Upgrade<'a> {
    /// Name and version that were compared: of the source package, where there is one.
    package: (String, String),
    /// Names of the packages that have it.
    packages: BTreeSet<String>,
    /// The files that prove them, with the layer that brought them.
    places: BTreeSet<(String, u32)>,
    /// The version that ends all of it; none where no version is known to.
    fixed: Option<String>,
    /// The flaws, the first to look at first.
    flaws: Vec<Row<'a>>,
}

/// A flaw, once however many packages have it.
#[derive(Debug)]
struct Row<'a> {
    /// The gravest of its findings.
    judged: &'a Judged,
    /// How many packages have it.
    packages: usize,
}

/// Whether findings of this kind are shown by upgrade.
pub(super) fn is_flaw(judged: &Judged) -> bool {
    judged.finding.rule == &VULNERABLE || judged.finding.rule == &MALICIOUS
}

/// Sorts findings into upgrades: what to look at first comes first, what cannot be mended last.
fn upgrades<'a>(findings: &[&'a Judged]) -> Vec<Upgrade<'a>> {
    let mut upgrades: BTreeMap<(String, String, bool), Upgrade<'a>> = BTreeMap::new();
    for judged in findings {
        let evidence = &judged.finding.evidence;
        let compared = |key: &str| evidence.get("compared").and_then(|value| value.get(key)).and_then(Value::as_str);
        let package =
            (compared("name").map(clean).unwrap_or_default(), compared("version").map(clean).unwrap_or_default());
        let fixed = evidence.get("fixed").and_then(Value::as_str).filter(|_| judged.finding.is_fixable);
        let key = (package.0.clone(), package.1.clone(), fixed.is_none());
        let upgrade = upgrades.entry(key).or_insert_with(|| Upgrade {
            package,
            packages: BTreeSet::new(),
            places: BTreeSet::new(),
            fixed: None,
            flaws: Vec::new(),
        });
        if let Location::Package { purl, path, layer } = &judged.finding.location {
            upgrade.packages.insert(clean(name_of(purl)));
            upgrade.places.insert((path.to_string(), *layer));
        }
        if let Some(fixed) = fixed {
            let ecosystem = evidence.get("matches").and_then(|matches| matches.get(0)?.get("ecosystem")?.as_str());
            let is_higher = upgrade.fixed.as_deref().is_none_or(|known| is_above(ecosystem, fixed, known));
            if is_higher {
                upgrade.fixed = Some(fixed.to_owned());
            }
        }
        match upgrade.flaws.iter_mut().find(|row| row.judged.finding.subject == judged.finding.subject) {
            Some(row) => {
                row.packages += 1;
                if (judged.action, judged.finding.weight()) > (row.judged.action, row.judged.finding.weight()) {
                    row.judged = judged;
                }
            }
            None => upgrade.flaws.push(Row { judged, packages: 1 }),
        }
    }
    let mut upgrades: Vec<Upgrade<'a>> = upgrades.into_values().collect();
    let first = |row: &Row<'_>| (row.judged.action, row.judged.finding.weight());
    for upgrade in &mut upgrades {
        upgrade.flaws.sort_by(|a, b| {
            first(b).cmp(&first(a)).then_with(|| a.judged.finding.subject.cmp(&b.judged.finding.subject))
        });
    }
    upgrades.sort_by(|a, b| {
        let weight = |upgrade: &Upgrade<'_>| upgrade.flaws.first().map(first);
        (b.fixed.is_some(), weight(b)).cmp(&(a.fixed.is_some(), weight(a))).then_with(|| a.package.cmp(&b.package))
    });
    upgrades
}

/// The name in a purl, for people.
fn name_of(purl: &str) -> &str {
    let path = purl.split(['@', '?']).next().unwrap_or(purl);
    path.rsplit('/').next().unwrap_or(path)
}

fn is_above(ecosystem: Option<&str>, version: &str, other: &str) -> bool {
    let scheme = ecosystem.and_then(name::scheme);
    scheme.and_then(|scheme| scheme.compare(version, other).ok()) == Some(Ordering::Greater)
}

impl Upgrade<'_> {
    /// `upgrade openssl 3.0.9-1 to 3.0.11-1: ends 7 flaws (1 critical, 6 high)`.
    fn headline(&self) -> String {
        let (name, version) = &self.package;
        let flaws = count(self.flaws.len(), "flaw");
        match &self.fixed {
            Some(fixed) => {
                format!("upgrade {name} {version} to {}: ends {flaws} ({})", clean(fixed), self.severities())
            }
            None => format!("{name} {version}: nothing is known to end {flaws} ({})", self.severities()),
        }
    }

    fn severities(&self) -> String {
        let of = |severity: Severity| {
            let is_it = |row: &&Row<'_>| row.judged.finding.severity == severity;
            (severity, self.flaws.iter().filter(is_it).count())
        };
        let counts = Severity::ALL.iter().rev().map(|severity| of(*severity)).filter(|(_, count)| *count > 0);
        counts.map(|(severity, count)| format!("{count} {severity}")).collect::<Vec<_>>().join(", ")
    }

    /// `libssl3, openssl in /var/lib/dpkg/status, layer 0`.
    fn place(&self) -> String {
        let names: Vec<&str> = self.packages.iter().map(String::as_str).take(4).collect();
        let more = self.packages.len().saturating_sub(names.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let places = self.places.first().map(|(path, layer)| format!(" in {}, layer {layer}", clean(path)));
        let others = self.places.len().saturating_sub(1);
        let others = if others > 0 { format!(" and {}", count(others, "other place")) } else { String::new() };
        format!("{}{more}{}{others}", names.join(", "), places.unwrap_or_default())
    }
}

impl Row<'_> {
    /// `CVE-2026-1: CVSS 9.8, exploited, EPSS 0.97 (fails)`.
    fn line(&self) -> String {
        let finding = &self.judged.finding;
        let evidence = &finding.evidence;
        let mut parts = Vec::new();
        let rating = evidence.get("rating");
        let said = |key: &str| rating.and_then(|rating| rating.get(key));
        match (said("score").and_then(Value::as_f64), said("said").and_then(Value::as_str)) {
            (Some(score), Some(said)) => parts.push(format!("{} {score:.1}", clean(said))),
            (None, Some(said)) => parts.push(clean(said)),
            _ => {}
        }
        if let Some(exploited) = evidence.get("exploited") {
            let ransomware = exploited.get("ransomware").and_then(Value::as_bool).unwrap_or(false);
            parts.push(if ransomware { "exploited, also for extortion".into() } else { "exploited".into() });
        }
        if let Some(score) = evidence.get("epss").and_then(|epss| epss.get("score")?.as_f64()) {
            parts.push(format!("EPSS {score:.2}"));
        }
        for key in ["terms", "status", "doubt"] {
            parts.extend(evidence.get(key).and_then(Value::as_str).map(clean));
        }
        let word = match self.judged.action {
            _ if self.judged.waiver.is_some() => " (waived)",
            Action::Fail => " (fails)",
            Action::Warn | Action::Info | Action::Ignore => "",
        };
        let malicious = if finding.rule == &MALICIOUS { " made to do harm" } else { "" };
        let separator = if parts.is_empty() { "" } else { ": " };
        format!("{}{malicious}{word}{separator}{}", clean(&finding.subject), parts.join(", "))
    }
}
