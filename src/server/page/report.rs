//! A report as a page shows it: read from the JSON document, grouped by what mends it, and capped.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::report::SCHEMA_OF_SEVERAL;
use crate::rule::Severity;
use crate::size::ByteSize;

/// Groups, places of one group, and rows of other lists that a page shows.
const MOST_GROUPS: usize = 100;
const MOST_PLACES: usize = 30;
const MOST_ROWS: usize = 100;
/// Packages of one page.
pub(super) const MOST_PACKAGES: usize = 200;

/// Characters of a text.
const LONGEST: usize = 600;

/// What is read of the document. What is missing is empty: a report of another version still shows what it has.
///
/// A page shows packages or findings; of the others it says how many there are at most, and so they are not kept.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "P: Part, F: Part"))]
pub(super) struct Document<P, F> {
    schema: String,
    pub(super) outcome: String,
    target: Target,
    verdict: Verdict,
    packages: P,
    findings: F,
    limitations: Vec<Limitation>,
    /// Those of an index, which has nothing else.
    reports: Vec<Self>,
}

/// What is kept of a list.
pub(super) trait Part: Default + for<'de> Deserialize<'de> + Send + 'static {}

impl Part for Vec<Package> {}
impl Part for Vec<Finding> {}
impl Part for Count {}

/// How many there are of a list.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Count(usize);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counting;

        impl<'de> Visitor<'de> for Counting {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Count, A::Error> {
                let mut count = 0_usize;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    count = count.saturating_add(1);
                }
                Ok(Count(count))
            }
        }

        deserializer.deserialize_seq(Counting)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Target {
    platform: Option<String>,
    digest: String,
    distro: Option<String>,
    created: Option<String>,
    size: u64,
    layers: Vec<Layer>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Layer {
    index: u32,
    size: u64,
    created_by: Option<String>,
    origin: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Verdict {
    policies: Vec<String>,
    reason: String,
    failed: u64,
    warned: u64,
    waived: u64,
    ignored: u64,
    rules: Vec<Deciding>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Deciding {
    rule: String,
    place: Option<String>,
    action: String,
    findings: u64,
    remedies: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Package {
    purl: String,
    name: String,
    version: String,
    r#type: String,
    state: String,
    licence: Option<Licence>,
    locations: Vec<Location>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Licence {
    declared: String,
    expression: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Location {
    path: String,
    key: Option<String>,
    layer: Option<u32>,
    start_line: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Finding {
    rule: String,
    family: String,
    severity: String,
    title: String,
    message: String,
    subject: String,
    location: Location,
    visibility: Option<String>,
    evidence: Evidence,
    status: String,
    action: String,
    decided_by: Option<String>,
    note: Option<String>,
}

/// What is shown of the evidence.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "Value")]
struct Evidence {
    bytes: Option<u64>,
    name: Option<String>,
    installed: Option<String>,
    upgrade: Option<String>,
    is_fixed: bool,
    masked: Option<String>,
    links: Vec<String>,
}

impl From<Value> for Evidence {
    fn from(value: Value) -> Self {
        let text = |value: &Value| value.as_str().map(cut);
        let links = value["links"].as_array().map(Vec::as_slice).unwrap_or_default();
        let links = links.iter().filter_map(Value::as_str);
        // nothing but plain addresses: no scheme that does something
        let links = links.filter(|link| {
            link.starts_with("https://") && link.len() < 300 && link.bytes().all(|b| b.is_ascii_graphic())
        });
        Self {
            bytes: value["bytes"].as_u64(),
            name: text(&value["compared"]["name"]),
            installed: text(&value["installed"]),
            upgrade: text(&value["upgrade"]),
            is_fixed: value["fixed"].is_string(),
            masked: text(&value["masked"]),
            links: links.take(3).map(str::to_owned).collect(),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Limitation {
    code: String,
    what: String,
    place: Option<String>,
    help: Option<String>,
    incomplete: bool,
}

/// The reports of a document, one for each platform.
pub(super) fn read<P: Part, F: Part>(json: impl Read) -> serde_json::Result<Vec<Document<P, F>>> {
    let whole: Document<P, F> = serde_json::from_reader(json)?;
    Ok(if whole.schema == SCHEMA_OF_SEVERAL { whole.reports } else { vec![whole] })
}

/// One report, made for its page.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    pub(super) platform: String,
    distro: String,
    created: Option<String>,
    size: String,
    outcome: String,
    reason: String,
    policies: String,
    failed: u64,
    warned: u64,
    waived: u64,
    ignored: u64,
    groups: Vec<Group>,
    more_groups: usize,
    layers: Vec<ShownLayer>,
    packages: usize,
    decisions: Vec<Decision>,
    gaps: Vec<Unread>,
    more_gaps: usize,
}

/// What the policy makes of a finding, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    Waived,
    Told,
    Warns,
    Fails,
}

/// Findings that the same step mends.
#[derive(Debug, Serialize)]
struct Group {
    title: String,
    remedy: String,
    severity: &'static str,
    action: &'static str,
    findings: usize,
    places: Vec<Spot>,
    more: usize,
    #[serde(skip)]
    rank: (Weight, Severity),
}

#[derive(Debug, Serialize)]
struct Spot {
    rule: String,
    severity: String,
    message: String,
    place: String,
    masked: Option<String>,
    is_hidden: bool,
    decided_by: Option<String>,
    links: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ShownLayer {
    index: u32,
    size: String,
    waste: Option<String>,
    origin: String,
    step: String,
}

#[derive(Debug, Serialize)]
struct Decision {
    rule: String,
    place: Option<String>,
    action: String,
    findings: u64,
    remedies: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Unread {
    code: String,
    what: String,
    place: Option<String>,
    help: Option<String>,
    is_gap: bool,
}

impl<P, F> Document<P, F> {
    /// The platform, or that none is told.
    pub(super) fn platform(&self) -> &str {
        self.target.platform.as_deref().unwrap_or("unknown")
    }

    /// The digest of its manifest; empty where none is told.
    pub(super) fn digest(&self) -> &str {
        &self.target.digest
    }
}

impl Document<Count, Vec<Finding>> {
    /// What its page shows.
    pub(super) fn show(self) -> Shown {
        let platform = self.platform().to_owned();
        let waste = self.waste();
        let layer = |layer: &Layer| {
            let wasted = waste.get(&layer.index).copied().unwrap_or(0).min(layer.size);
            ShownLayer {
                index: layer.index,
                size: ByteSize(layer.size).to_string(),
                waste: (wasted > 0).then(|| ByteSize(wasted).to_string()),
                origin: layer.origin.clone(),
                step: cut(layer.created_by.as_deref().unwrap_or_default()),
            }
        };
        let layers = self.target.layers.iter().take(MOST_ROWS).map(layer).collect();
        let mut groups = groups(&self.findings);
        let more_groups = groups.len().saturating_sub(MOST_GROUPS);
        groups.truncate(MOST_GROUPS);
        let more_gaps = self.limitations.len().saturating_sub(MOST_ROWS);
        let Verdict { policies, reason, failed, warned, waived, ignored, rules } = self.verdict;
        Shown {
            platform,
            distro: self.target.distro.unwrap_or_else(|| "no distribution".to_owned()),
            created: self.target.created,
            size: ByteSize(self.target.size).to_string(),
            outcome: self.outcome,
            reason: cut(&reason),
            policies: policies.join(", "),
            failed,
            warned,
            waived,
            ignored,
            groups,
            more_groups,
            layers,
            packages: self.packages.0,
            decisions: rules
                .into_iter()
                .take(MOST_ROWS)
                .map(|Deciding { rule, place, action, findings, remedies }| Decision {
                    rule,
                    place,
                    action,
                    findings,
                    remedies: remedies.iter().take(5).map(|remedy| cut(remedy)).collect(),
                })
                .collect(),
            gaps: self
                .limitations
                .into_iter()
                .take(MOST_ROWS)
                .map(|Limitation { code, what, place, help, incomplete }| Unread {
                    code,
                    what: cut(&what),
                    place: place.map(|place| cut(&place)),
                    help,
                    is_gap: incomplete,
                })
                .collect(),
            more_gaps,
        }
    }

    /// Bytes that layers hold for nothing, by layer: what the greatest of its findings of one kind come to, since the
    /// kinds may tell of the same files.
    fn waste(&self) -> BTreeMap<u32, u64> {
        let mut by_rule: BTreeMap<(u32, &str), u64> = BTreeMap::new();
        for finding in self.findings.iter().filter(|finding| finding.family == "layer") {
            if let (Some(layer), Some(bytes)) = (finding.location.layer, finding.evidence.bytes) {
                let sum = by_rule.entry((layer, &finding.rule)).or_default();
                *sum = sum.saturating_add(bytes);
            }
        }
        let mut waste: BTreeMap<u32, u64> = BTreeMap::new();
        for ((layer, _), bytes) in by_rule {
            let most = waste.entry(layer).or_default();
            *most = bytes.max(*most);
        }
        waste
    }
}

impl Document<Vec<Package>, Count> {
    /// Packages whose name, version or URL has the words in it, from a place on; with how many there are.
    pub(super) fn packages(&self, words: &str, from: usize) -> (Vec<ShownPackage>, usize) {
        let words = words.to_lowercase();
        let is_meant = |package: &&Package| {
            words.is_empty()
                || package.purl.to_lowercase().contains(&words)
                || package.name.to_lowercase().contains(&words)
        };
        let count = self.packages.iter().filter(is_meant).count();
        let shown = self.packages.iter().filter(is_meant).skip(from).take(MOST_PACKAGES).map(ShownPackage::of);
        (shown.collect(), count)
    }
}

/// A package of the list.
#[derive(Debug, Serialize)]
pub(super) struct ShownPackage {
    name: String,
    version: String,
    kind: String,
    state: String,
    licence: String,
    purl: String,
    place: String,
}

impl ShownPackage {
    fn of(package: &Package) -> Self {
        let licence = package.licence.as_ref();
        let licence = licence.map(|licence| licence.expression.as_ref().unwrap_or(&licence.declared));
        Self {
            name: cut(&package.name),
            version: cut(&package.version),
            kind: package.r#type.clone(),
            state: package.state.clone(),
            licence: cut(licence.map_or("", String::as_str)),
            purl: cut(&package.purl),
            place: package.locations.first().map(place_of).unwrap_or_default(),
        }
    }
}

/// Findings by what mends them, those that fail first, then the gravest.
fn groups(findings: &[Finding]) -> Vec<Group> {
    let remedies: BTreeMap<&str, &str> = crate::scan::rules().iter().map(|rule| (rule.id, rule.remediation)).collect();
    let mut groups: BTreeMap<(String, String, Option<Weight>), Group> = BTreeMap::new();
    for finding in findings {
        let (title, remedy) = mend(finding, &remedies);
        let severity =
            Severity::ALL.into_iter().find(|known| known.as_str() == finding.severity).unwrap_or(Severity::Info);
        let weight = match (finding.status.as_str(), finding.action.as_str()) {
            ("open", "fail") => Weight::Fails,
            ("open", "warn") => Weight::Warns,
            ("open", _) => Weight::Told,
            _ => Weight::Waived,
        };
        let rank = (weight, severity);
        // an upgrade mends the grave flaws and the small ones; of all else what fails stands apart from what does not
        let class = (finding.family != "package").then_some(weight);
        let group = groups.entry((title.clone(), remedy.clone(), class)).or_insert_with(|| Group {
            title,
            remedy,
            severity: severity.as_str(),
            action: "",
            findings: 0,
            places: Vec::new(),
            more: 0,
            rank,
        });
        group.findings += 1;
        group.rank = (group.rank.0.max(weight), group.rank.1.max(severity));
        if group.places.len() < MOST_PLACES {
            group.places.push(Spot::of(finding));
        } else {
            group.more += 1;
        }
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    for group in &mut groups {
        group.severity = group.rank.1.as_str();
        group.action = match group.rank.0 {
            Weight::Fails => "fails",
            Weight::Warns => "warns",
            Weight::Told => "info",
            Weight::Waived => "waived",
        };
    }
    groups.sort_by(|a, b| b.rank.cmp(&a.rank).then(b.findings.cmp(&a.findings)).then(a.title.cmp(&b.title)));
    groups
}

/// What mends a finding: a title for all that the same step mends, and the step.
fn mend(finding: &Finding, remedies: &BTreeMap<&str, &str>) -> (String, String) {
    let Evidence { name, installed, upgrade, is_fixed, .. } = &finding.evidence;
    let remedy = remedies.get(finding.rule.as_str()).copied().unwrap_or_default().to_owned();
    match (finding.family.as_str(), name, installed) {
        ("package", Some(name), Some(version)) if finding.rule == "package/malicious" => {
            (format!("Remove {name} {version}"), remedy)
        }
        ("package", Some(name), Some(version)) => match (upgrade, is_fixed) {
            (Some(upgrade), _) => (format!("Upgrade {name} {version} to {upgrade}"), String::new()),
            (None, true) => (format!("Upgrade {name} {version}: each flaw by its own version"), String::new()),
            (None, false) => ("No version is known that mends these".to_owned(), remedy),
        },
        _ => (cut(&finding.title), remedy),
    }
}

impl Spot {
    fn of(finding: &Finding) -> Self {
        Self {
            rule: finding.rule.clone(),
            severity: finding.severity.clone(),
            message: cut(if finding.message.is_empty() { &finding.subject } else { &finding.message }),
            place: place_of(&finding.location),
            masked: finding.evidence.masked.clone(),
            is_hidden: finding.visibility.as_deref().is_some_and(|visibility| visibility != "live"),
            decided_by: finding.decided_by.clone().or_else(|| finding.note.clone()),
            links: finding.evidence.links.clone(),
        }
    }
}

fn place_of(location: &Location) -> String {
    let mut place = cut(&location.path);
    if let Some(key) = &location.key {
        place = format!("{place} {}", cut(key));
    }
    if let Some(line) = location.start_line {
        place = format!("{place}:{line}");
    }
    match location.layer {
        Some(layer) => format!("{place}, layer {layer}"),
        None => place,
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn overview(json: &[u8]) -> serde_json::Result<Vec<Document<Count, Vec<Finding>>>> {
        read(json)
    }

    #[test]
    fn a_list_that_a_page_does_not_show_is_counted() {
        let document = json!({ "packages": [{ "name": "a" }, { "name": "b" }], "findings": [{ "evidence": null }, { "evidence": 3 }] });
        let text = document.to_string();
        assert_eq!(overview(text.as_bytes()).expect("a report").remove(0).show().packages, 2);
        let listing = read::<Vec<Package>, Count>(text.as_bytes()).expect("a report").remove(0);
        assert_eq!((listing.packages("B", 0).1, listing.findings.0), (1, 2));
        assert!(read::<Count, Count>(&b"{\"packages\": 3}"[..]).is_err());
    }

    #[test]
    fn findings_are_grouped_by_what_mends_them() {
        let flaw = |id: &str, upgrade: Option<&str>, action: &str, status: &str| {
            json!({ "rule": "package/vulnerable", "family": "package", "severity": "high", "subject": id, "status": status, "action": action,
                "evidence": { "compared": { "name": "zlib" }, "installed": "1.0", "upgrade": upgrade } })
        };
        let document = json!({ "findings": [
            flaw("A", Some("1.2"), "warn", "open"), flaw("B", Some("1.2"), "fail", "open"), flaw("C", None, "warn", "open"),
            flaw("D", Some("2.0"), "fail", "waived"),
            { "rule": "image/root-user", "family": "image", "severity": "medium", "title": "Root", "action": "warn", "status": "open" },
            { "rule": "secret/x", "family": "secret", "severity": "critical", "title": "A key", "action": "fail", "status": "open" },
            { "rule": "secret/x", "family": "secret", "severity": "info", "title": "A key", "action": "warn", "status": "open" },
            { "rule": "image/root-user", "family": "image", "severity": "low", "title": "Root", "action": "info", "status": "open" },
        ] });
        let shown = overview(document.to_string().as_bytes()).expect("a report").remove(0).show();
        let groups: Vec<_> = shown.groups.iter().map(|g| (g.title.as_str(), g.findings, g.action)).collect();
        assert_eq!(
            groups,
            [
                ("A key", 1, "fails"),
                ("Upgrade zlib 1.0 to 1.2", 2, "fails"),
                ("No version is known that mends these", 1, "warns"),
                ("Root", 1, "warns"),
                ("A key", 1, "warns"),
                ("Root", 1, "info"),
                ("Upgrade zlib 1.0 to 2.0", 1, "waived"),
            ]
        );
        assert!(shown.groups[3].remedy.contains("USER"), "{:?}", shown.groups[3]);
    }

    #[test]
    fn long_lists_are_cut_and_say_so() {
        let finding = json!({ "rule": "secret/x", "family": "secret", "severity": "low", "title": "A key", "action": "fail", "status": "open" });
        let gap = json!({ "code": "x", "what": "y".repeat(2_000) });
        let document = json!({ "findings": vec![finding; 50], "limitations": vec![gap; 150] });
        let shown = overview(document.to_string().as_bytes()).expect("a report").remove(0).show();
        assert_eq!(
            (shown.groups[0].places.len(), shown.groups[0].more, shown.gaps.len(), shown.more_gaps),
            (30, 20, 100, 50)
        );
        assert_eq!(shown.gaps[0].what.chars().count(), LONGEST + 1);
    }

    #[test]
    fn one_and_several_are_read() {
        let one = json!({ "schema": "careen.report/1", "target": { "platform": "linux/arm64" } });
        assert_eq!(overview(one.to_string().as_bytes()).expect("one")[0].platform(), "linux/arm64");
        let several = json!({ "schema": SCHEMA_OF_SEVERAL, "reports": [one, {}] });
        assert_eq!(overview(several.to_string().as_bytes()).expect("several").len(), 2);
        for bad in ["", "{", "{\"findings\": 3}"] {
            assert!(overview(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
