//! Flaws of packages as people act on them: by what is to be done, each with what that ends.
//!
//! Findings are by binary package; here those of one source and version stand together, so that a flaw is one line
//! however many packages are built from it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use anstyle::Style as Ansi;
use serde_json::Value;

use super::columns::{cut_end, cut_middle, wrap};
use super::page::{Page, colour_of};
use super::text::{INDENT, SHOWN_OF_A_RULE, details, is_bill};
use super::{Style, clean, count};
use crate::advisory::finding::{MALICIOUS, VULNERABLE};
use crate::advisory::name;
use crate::finding::Location;
use crate::policy::{Action, AppliedWaiver, Judged};
use crate::report::Report;
use crate::rule::Severity;

/// Packages shown; the rest is counted, but for those that are malicious or have a flaw that is exploited.
const SHOWN_UPGRADES: usize = 10;

/// Flaws of packages, by what is to be done about them.
pub(super) fn by_upgrade(flaws: &[&Judged], report: &Report, style: &Style, page: &mut Page<'_>) -> io::Result<()> {
    let upgrades = upgrades(flaws, report);
    let urgent = upgrades.iter().filter(|upgrade| upgrade.flaws.first().is_some_and(Row::is_urgent)).count();
    let most = if style.verbose { upgrades.len() } else { SHOWN_UPGRADES.max(urgent) };
    let width = page.width.saturating_sub(INDENT);
    if upgrades.len() > 1 {
        page.paragraph(&overall(&upgrades), 2)?;
    }
    for upgrade in upgrades.iter().take(most) {
        let gravest = upgrade.flaws.iter().map(|row| row.judged.finding.severity).max().unwrap_or(Severity::Info);
        let severity = page.paint(&format!("{:<8}", gravest.as_str()), colour_of(gravest));
        for (index, line) in wrap(&upgrade.headline(), width).iter().enumerate() {
            let line = page.paint(line, Ansi::new().bold());
            let word = if index == 0 { severity.as_str() } else { "        " };
            page.line(&format!("  {word}  {line}"))?;
        }
        let place = upgrade.place();
        if !place.is_empty() {
            page.line(&format!("{:INDENT$}{}", "", cut_middle(&place, width)))?;
        }
        let urgent = upgrade.flaws.iter().filter(|row| row.is_urgent()).count();
        let rows = if style.verbose { upgrade.flaws.len() } else { SHOWN_OF_A_RULE.max(urgent) };
        for row in upgrade.flaws.iter().take(rows) {
            let severity = format!("{:<8}", row.judged.finding.severity.as_str());
            let severity = page.paint(&severity, colour_of(row.judged.finding.severity));
            let line = cut_end(&row.line(upgrade), width.saturating_sub(10));
            page.line(&format!("{:INDENT$}{severity}  {line}", ""))?;
            if style.verbose {
                details(row.judged, page)?;
            }
        }
        if let Some(rest) = upgrade.flaws.get(rows..).filter(|rest| !rest.is_empty()) {
            let failing = failing(rest.iter());
            page.line(&format!("{:INDENT$}and {} more{failing}, shown with -v", "", rest.len()))?;
        }
    }
    if let Some(rest) = upgrades.get(most..).filter(|rest| !rest.is_empty()) {
        let flaws: usize = rest.iter().map(|upgrade| upgrade.flaws.len()).sum();
        let mendable = rest.iter().filter(|upgrade| upgrade.deed == Deed::Upgrade).count();
        let mendable = if mendable > 0 { format!(", {mendable} of which upgrades mend") } else { String::new() };
        let failing = failing(rest.iter().flat_map(|upgrade| &upgrade.flaws));
        let (flaws, packages) = (count(flaws, "flaw"), count(rest.len(), "more package"));
        let what = format!("and {flaws} in {packages}{mendable}{failing}, shown with -v");
        page.paragraph(&what, INDENT)?;
    }
    Ok(())
}

/// `; 3 of them fail the policy`, if any does.
fn failing<'a>(rows: impl Iterator<Item = &'a Row<'a>>) -> String {
    let failing = rows.filter(|row| row.rank().1 == Action::Fail).count();
    match failing {
        0 => String::new(),
        1 => "; 1 of them fails the policy".to_owned(),
        _ => format!("; {failing} of them fail the policy"),
    }
}

/// What is to be done about flaws.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    /// The package was made to do harm.
    Remove,
    /// A version ends them.
    Upgrade,
    /// Versions that end them are for those who agree to these terms.
    Terms(String),
    /// No version is known to end them.
    Nothing,
}

/// What is to be done about flaws of one package.
#[derive(Debug)]
struct Upgrade<'a> {
    /// What the package is of, such as `Debian:12`.
    ecosystem: String,
    /// Name and version that were compared: of the source package, where there is one.
    package: (String, String),
    /// What is to be done.
    deed: Deed,
    /// Names of the packages that have it.
    packages: BTreeSet<String>,
    /// The files that prove them, with the layer that brought them, as far as that is known.
    places: BTreeSet<(String, Option<u32>)>,
    /// The version that ends all of it; none where each flaw has its own.
    fixed: Option<String>,
    /// The flaws, the first to look at first.
    flaws: Vec<Row<'a>>,
}

/// A flaw, once however many packages have it.
#[derive(Debug)]
struct Row<'a> {
    /// The gravest of its findings.
    judged: &'a Judged,
}

/// Whether findings of this kind are shown by upgrade.
pub(super) fn is_flaw(judged: &Judged) -> bool {
    judged.finding.rule == &VULNERABLE || judged.finding.rule == &MALICIOUS
}

/// Sorts findings by what is to be done: what is urgent comes first, then what can be mended.
fn upgrades<'a>(findings: &[&'a Judged], report: &Report) -> Vec<Upgrade<'a>> {
    let mut upgrades: BTreeMap<(String, String, String, Deed), Upgrade<'a>> = BTreeMap::new();
    let mut rows: BTreeMap<(String, String, String, Deed), BTreeMap<&'a str, Row<'a>>> = BTreeMap::new();
    for judged in findings {
        let evidence = &judged.finding.evidence;
        let compared = |key: &str| evidence.get("compared").and_then(|value| value.get(key)).and_then(Value::as_str);
        let text = |key: &str| evidence.get(key).and_then(Value::as_str);
        let ecosystem = evidence.get("matches").and_then(|matches| matches.get(0)?.get("ecosystem")?.as_str());
        let ecosystem = ecosystem.unwrap_or_default().to_owned();
        let package =
            (compared("name").map(clean).unwrap_or_default(), compared("version").map(clean).unwrap_or_default());
        let deed = match (text("fixed"), text("terms")) {
            _ if judged.finding.rule == &MALICIOUS => Deed::Remove,
            (Some(_), Some(terms)) => Deed::Terms(clean(terms)),
            (Some(_), None) if judged.finding.is_fixable => Deed::Upgrade,
            _ => Deed::Nothing,
        };
        let key = (ecosystem.clone(), package.0.clone(), package.1.clone(), deed.clone());
        let upgrade = upgrades.entry(key.clone()).or_insert_with(|| Upgrade {
            ecosystem,
            package,
            deed,
            packages: BTreeSet::new(),
            places: BTreeSet::new(),
            fixed: None,
            flaws: Vec::new(),
        });
        if let Location::Package { purl, path, layer } = &judged.finding.location {
            upgrade.packages.insert(clean(name_of(purl)));
            // a bill of materials need not say in which file and layer something is
            let is_known = !is_bill(report) || report.target.layers.iter().any(|known| known.index == *layer);
            if !is_bill(report) || !path.is_root() {
                upgrade.places.insert((path.to_string(), is_known.then_some(*layer)));
            }
        } else if let Some(purl) = text("purl") {
            upgrade.packages.insert(clean(name_of(purl)));
        }
        let rows = rows.entry(key).or_default();
        let row = Row { judged };
        let subject = judged.finding.subject.as_str();
        if rows.get(subject).is_none_or(|other| row.rank() > other.rank()) {
            rows.insert(subject, row);
        }
    }
    for (key, rows) in rows {
        let Some(upgrade) = upgrades.get_mut(&key) else { continue };
        upgrade.flaws = rows.into_values().collect();
        // subjects in order stay so among equals
        upgrade.flaws.sort_by_key(|row| std::cmp::Reverse(row.rank()));
        upgrade.fixed = upgrade.common_fix();
    }
    let mut upgrades: Vec<Upgrade<'a>> = upgrades.into_values().collect();
    upgrades.sort_by(|a, b| {
        let rank = |upgrade: &Upgrade<'_>| {
            let (tier, action, weight) = upgrade.flaws.first().map_or((0, Action::Ignore, 0), Row::rank);
            (tier, upgrade.deed != Deed::Nothing, action, weight)
        };
        rank(b).cmp(&rank(a)).then_with(|| a.package.cmp(&b.package)).then_with(|| a.ecosystem.cmp(&b.ecosystem))
    });
    upgrades
}

/// The name in a purl, for people.
fn name_of(purl: &str) -> &str {
    let path = purl.split(['@', '?']).next().unwrap_or(purl);
    path.rsplit('/').next().unwrap_or(path)
}

/// `150 flaws in 41 packages (33 critical, 117 high), 134 of which an upgrade ends`.
fn overall(upgrades: &[Upgrade<'_>]) -> String {
    let rows = || upgrades.iter().flat_map(|upgrade| &upgrade.flaws);
    let packages: BTreeSet<(&str, &(String, String))> =
        upgrades.iter().map(|upgrade| (upgrade.ecosystem.as_str(), &upgrade.package)).collect();
    let mendable = rows().filter(|row| row.judged.finding.is_fixable).count();
    let ended = if mendable > 0 { format!(", {mendable} of which an upgrade ends") } else { String::new() };
    let (flaws, packages) = (count(rows().count(), "flaw"), count(packages.len(), "package"));
    format!("{flaws} in {packages} ({}){ended}", severities(rows()))
}

/// `3 critical, 23 high`.
fn severities<'a, 'r: 'a>(rows: impl Iterator<Item = &'a Row<'r>>) -> String {
    let mut counts: BTreeMap<Severity, usize> = BTreeMap::new();
    for row in rows {
        *counts.entry(row.judged.finding.severity).or_default() += 1;
    }
    let counts = counts.iter().rev();
    counts.map(|(severity, count)| format!("{count} {severity}")).collect::<Vec<_>>().join(", ")
}

impl Upgrade<'_> {
    /// `upgrade openssl 3.0.9-1 to 3.0.11-1: ends 7 flaws (1 critical, 6 high)`.
    fn headline(&self) -> String {
        let (name, version) = &self.package;
        let flaws = count(self.flaws.len(), "flaw");
        let severities = severities(self.flaws.iter());
        match (&self.deed, &self.fixed) {
            (Deed::Remove, _) => format!("remove {name} {version}: it was made to do harm"),
            (Deed::Upgrade, Some(fixed)) => {
                let fixed = self.shown(fixed);
                format!("upgrade {name} {version} to {fixed}: ends {flaws} ({severities})")
            }
            (Deed::Upgrade, None) => format!("upgrade {name} {version}: {flaws}, each with its fix ({severities})"),
            (Deed::Terms(terms), _) => format!("{name} {version}: fixes of {flaws} need {terms} ({severities})"),
            (Deed::Nothing, _) => format!("{name} {version}: nothing is known to end {flaws} ({severities})"),
        }
    }

    /// The version that ends all flaws: the one that was computed for them, or the fix of all if it is the same.
    fn common_fix(&self) -> Option<String> {
        let of = |key: &str| {
            let mut versions = self.flaws.iter().map(|row| row.judged.finding.evidence.get(key)?.as_str());
            let first = versions.next()??;
            versions.all(|version| version == Some(first)).then(|| first.to_owned())
        };
        of("upgrade").filter(|_| self.deed == Deed::Upgrade).or_else(|| of("fixed"))
    }

    /// A version as the package's own is written: Go's begin with `v`, which its advisories leave out.
    fn shown(&self, version: &str) -> String {
        let is_go = name::split(&self.ecosystem).0 == "Go" && self.package.1.starts_with('v');
        let is_bare = version.starts_with(|c: char| c.is_ascii_digit());
        format!("{}{}", if is_go && is_bare { "v" } else { "" }, clean(version))
    }

    /// `libssl3, openssl in /var/lib/dpkg/status, layer 0`.
    fn place(&self) -> String {
        let names: Vec<&str> = self.packages.iter().map(String::as_str).take(4).collect();
        let more = self.packages.len().saturating_sub(names.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let layer = |layer: &Option<u32>| layer.map(|layer| format!(", layer {layer}")).unwrap_or_default();
        let places = self.places.first().map(|(path, of)| format!(" in {}{}", clean(path), layer(of)));
        let others = self.places.len().saturating_sub(1);
        let others = if others > 0 { format!(" and {}", count(others, "other place")) } else { String::new() };
        format!("{}{more}{}{others}", names.join(", "), places.unwrap_or_default())
    }
}

impl Row<'_> {
    /// Tier, what the policy says, and weight; what is accepted comes last.
    fn rank(&self) -> (u32, Action, u32) {
        let weight = self.judged.finding.weight();
        if self.judged.waiver.is_some() {
            return (0, Action::Ignore, weight);
        }
        (self.judged.finding.tier(), self.judged.action, weight)
    }

    /// Whether it is malicious or exploited, and not accepted.
    fn is_urgent(&self) -> bool {
        self.rank().0 > 0
    }

    /// `CVE-2026-1 (fails): CVSS 9.8, exploited, EPSS 0.97`.
    fn line(&self, upgrade: &Upgrade<'_>) -> String {
        let finding = &self.judged.finding;
        let evidence = &finding.evidence;
        let mut parts = Vec::new();
        let fixed = evidence.get("fixed").and_then(Value::as_str).map(|version| upgrade.shown(version));
        match (&upgrade.deed, fixed) {
            (Deed::Terms(terms), Some(fixed)) => parts.push(format!("fix needs {terms}: {fixed}")),
            (Deed::Upgrade, Some(fixed)) if upgrade.fixed.is_none() => parts.push(format!("fixed in {fixed}")),
            _ => {}
        }
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
        for key in ["status", "doubt"] {
            parts.extend(evidence.get(key).and_then(Value::as_str).map(clean));
        }
        let until = |waiver: &AppliedWaiver| waiver.expires.map(|day| format!(" until {day}")).unwrap_or_default();
        let word = match (&self.judged.waiver, self.judged.action) {
            (Some(waiver), _) => match waiver.status.as_deref() {
                Some(status) if !waiver.reason.starts_with(status) => {
                    format!(" (waived{}, {}: {})", until(waiver), clean(status), clean(&waiver.reason))
                }
                _ => format!(" (waived{}: {})", until(waiver), clean(&waiver.reason)),
            },
            (None, Action::Fail) => " (fails)".to_owned(),
            (None, Action::Warn | Action::Info | Action::Ignore) => String::new(),
        };
        let separator = if parts.is_empty() { "" } else { ": " };
        format!("{}{word}{separator}{}", clean(&finding.subject), parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::sample;
    use super::*;
    use crate::finding::Finding;
    use crate::path::ImagePath;
    use crate::policy::AppliedWaiver;

    /// A flaw of `tool 1.0`, in the tier and with the evidence given.
    fn flaw(id: &str, tier: u32, evidence: &Value) -> Judged {
        let path = ImagePath::from("srv/lock");
        let location = Location::Package { purl: "pkg:npm/tool@1.0".into(), path, layer: 0 };
        let rule = if tier == 3 { &MALICIOUS } else { &VULNERABLE };
        let mut finding = Finding::new(rule, id, location, "is affected");
        finding.evidence.insert("compared", json!({"name": "tool", "version": "1.0"}));
        finding.evidence.insert("matches", json!([{"ecosystem": "npm"}]));
        for (key, value) in evidence.as_object().cloned().unwrap_or_default() {
            let known = ["compared", "matches", "fixed", "terms", "upgrade", "rating"];
            let key = known.into_iter().find(|known| *known == key).expect("a known key");
            finding.evidence.insert(key, value);
        }
        finding.priority = Some(crate::finding::priority(tier, finding.severity, None, None));
        finding.is_fixable = evidence.get("fixed").is_some() && evidence.get("terms").is_none();
        Judged {
            finding,
            action: Action::Warn,
            decided_by: "careen:2026".into(),
            decided_at: None,
            note: None,
            help: None,
            waiver: None,
        }
    }

    fn lines(flaws: &[Judged], report: &Report) -> Vec<String> {
        let mut out = Vec::new();
        let flaws: Vec<&Judged> = flaws.iter().collect();
        let mut page = Page { out: &mut out, width: 100, colour: false };
        by_upgrade(&flaws, report, &sample::style(), &mut page).expect("memory can be written");
        let text = String::from_utf8(out).expect("UTF-8");
        text.lines().map(|line| line.trim().to_owned()).collect()
    }

    #[test]
    fn a_headline_says_what_to_do_and_claims_no_more() {
        let go = json!([{"ecosystem": "Go"}]);
        let compared = json!({"name": "tool", "version": "v1.0.0"});
        let cases: [(&[Value], &str, &str); 7] = [
            (
                &[json!({"fixed": "1.1"}), json!({"fixed": "1.1"})],
                "upgrade tool 1.0 to 1.1: ends 2 flaws (2 medium)",
                "CVE-0",
            ),
            (
                &[json!({"fixed": "1.1"}), json!({"fixed": "1.2"})],
                "upgrade tool 1.0: 2 flaws, each with its fix (2 medium)",
                "CVE-0: fixed in 1.1",
            ),
            (
                &[json!({"fixed": "1.1", "upgrade": "1.3"}), json!({"fixed": "1.2", "upgrade": "1.3"})],
                "upgrade tool 1.0 to 1.3: ends 2 flaws (2 medium)",
                "CVE-0",
            ),
            (
                &[json!({"fixed": "1.1~esm1", "terms": "Ubuntu Pro"})],
                "tool 1.0: fixes of 1 flaw need Ubuntu Pro (1 medium)",
                "CVE-0: fix needs Ubuntu Pro: 1.1~esm1",
            ),
            (&[json!({})], "tool 1.0: nothing is known to end 1 flaw (1 medium)", "CVE-0"),
            (
                &[json!({"fixed": "1.2.0", "matches": go, "compared": compared})],
                "upgrade tool v1.0.0 to v1.2.0: ends 1 flaw (1 medium)",
                "CVE-0",
            ),
            (
                &[json!({"fixed": "1.1", "rating": {"said": "CVSS 3.1", "score": 7.5}})],
                "upgrade tool 1.0 to 1.1: ends 1 flaw (1 medium)",
                "CVE-0: CVSS 3.1 7.5",
            ),
        ];
        for (evidence, headline, row) in cases {
            let flaws: Vec<Judged> =
                evidence.iter().enumerate().map(|(n, evidence)| flaw(&format!("CVE-{n}"), 0, evidence)).collect();
            let lines = lines(&flaws, &sample::report());
            assert_eq!(lines[0], format!("medium    {headline}"));
            assert_eq!(lines[1], "tool in /srv/lock, layer 0");
            assert_eq!(lines[2], format!("medium    {row}"));
        }
    }

    #[test]
    fn packages_of_two_ecosystems_are_two_though_their_names_are_one() {
        let other = flaw("CVE-2", 0, &json!({"matches": [{"ecosystem": "PyPI"}], "fixed": "1.1"}));
        let lines = lines(&[flaw("CVE-1", 0, &json!({"fixed": "1.1"})), other], &sample::report());
        assert_eq!(lines.iter().filter(|line| line.contains("ends 1 flaw")).count(), 2, "{lines:#?}");
    }

    #[test]
    fn what_is_urgent_comes_first_and_is_never_folded() {
        let named = |name: &str| json!({"compared": {"name": name, "version": "1"}, "fixed": "2"});
        let unmended = |name: &str| json!({"compared": {"name": name, "version": "1"}});
        let mut flaws: Vec<Judged> = (0..14).map(|n| flaw("CVE-1", 2, &named(&format!("mended-{n}")))).collect();
        flaws.extend((0..3).map(|n| flaw("CVE-2", 0, &named(&format!("plain-{n}")))));
        flaws.push(flaw("CVE-3", 1, &unmended("exploited")));
        flaws.push(flaw("MAL-1", 3, &unmended("evil")));
        for judged in &mut flaws[14..16] {
            judged.action = Action::Fail;
        }
        let shown = lines(&flaws, &sample::report());
        assert_eq!(shown[0], "19 flaws in 19 packages (1 critical, 18 medium), 17 of which an upgrade ends");
        assert_eq!(shown[1], "critical  remove evil 1: it was made to do harm");
        assert!(shown.iter().any(|line| line.contains("exploited 1: nothing is known")), "{shown:#?}");
        let last = "and 3 flaws in 3 more packages, 3 of which upgrades mend; 2 of them fail the policy, shown with -v";
        assert_eq!(shown[shown.len() - 2..].join(" "), last);
        // rows of one package
        let mut flaws: Vec<Judged> = (0..9).map(|n| flaw(&format!("CVE-{n}"), 0, &json!({}))).collect();
        flaws.extend((20..27).map(|n| flaw(&format!("CVE-{n}"), 1, &json!({}))));
        flaws[0].action = Action::Fail;
        let shown = lines(&flaws, &sample::report());
        assert_eq!(shown.iter().filter(|line| line.contains("CVE-2") && line.starts_with("medium")).count(), 7);
        assert_eq!(shown.last().map(String::as_str), Some("and 9 more; 1 of them fails the policy, shown with -v"));
    }

    #[test]
    fn what_is_accepted_says_why_and_comes_last() {
        let waived = |status: Option<&str>, reason: &str| AppliedWaiver {
            reason: reason.into(),
            status: status.map(str::to_owned),
            ..AppliedWaiver::default()
        };
        let cases = [
            (waived(None, "never called"), "(waived: never called)"),
            (waived(Some("not_affected"), "never called"), "(waived, not_affected: never called)"),
            (waived(Some("fixed"), "fixed, says vex.json"), "(waived: fixed, says vex.json)"),
        ];
        for (waiver, expected) in cases {
            let mut accepted = flaw("CVE-1", 2, &json!({"fixed": "2"}));
            accepted.waiver = Some(waiver);
            let lines = lines(&[accepted, flaw("CVE-2", 0, &json!({"fixed": "2"}))], &sample::report());
            assert_eq!(lines[2..], ["medium    CVE-2".to_owned(), format!("medium    CVE-1 {expected}")]);
        }
    }

    #[test]
    fn a_component_of_a_bill_without_a_place_has_none() {
        let mut report = sample::report();
        (report.target.source, report.target.layers) = (crate::source::sbom::ID, Vec::new());
        let mut homeless = flaw("CVE-1", 0, &json!({}));
        let mut placed = homeless.clone();
        homeless.finding.location =
            Location::Package { purl: "pkg:npm/tool@1.0".into(), path: ImagePath::from(""), layer: 0 };
        assert_eq!(lines(&[homeless], &report)[1], "tool");
        placed.finding.evidence.remove("fixed");
        assert_eq!(lines(&[placed], &report)[1], "tool in /srv/lock");
    }
}
