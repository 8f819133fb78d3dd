//! Findings about packages that advisories affect, and about advisories that are missing.

use serde_json::{Map, Value, json};

use crate::escape::escape;
use crate::finding::{Finding, Location};
use crate::image::Target;
use crate::inventory::{Inventory, Package};
use crate::limitation::Limitation;
use crate::rule::{Rule, Severity};
use crate::time::Timestamp;

use super::catalogue::{Catalogue, Match, Origin};
use super::feed::about;
use super::matching::{About, Flaw, Flaws, Kind};
use super::range::Hit;
use super::record::{Event, Range};
use super::vex::{self, Fitting, Image, Judge};

/// Data are missing.
pub static NO_ADVISORIES: Rule = Rule {
    id: "data/no-advisories",
    title: "There are no advisories to judge packages by",
    severity: Severity::High,
    is_gap: true,
    why: "Packages of a distribution or a language without data were not judged: that nothing was found says nothing \
          about them.",
    remediation: "Fetch the data with `careen db update --for IMAGE`, or bring them with `careen db import FILE`. Where no \
                  feed exists, judge the packages by other means, and say so with a waiver.",
    references: &["https://ossf.github.io/osv-schema/#affectedpackage-field"],
    bad: "careen scan registry.example/app:1   # on a machine that has no data yet",
    good: "careen db update --for registry.example/app:1\ncareen scan registry.example/app:1",
    ..Rule::NEW
};

/// Data are old.
pub static STALE: Rule = Rule {
    id: "data/stale",
    title: "The advisories are old",
    severity: Severity::Low,
    why: "Flaws that became known since are not in the report.",
    remediation: "Run `careen db update` before the scan, or as often as the sources change.",
    references: &[],
    bad: "careen scan IMAGE   # with data that were fetched a month ago",
    good: "careen db update --for IMAGE\ncareen scan IMAGE",
    ..Rule::NEW
};

/// A package that does harm.
pub static MALICIOUS: Rule = Rule {
    id: "package/malicious",
    title: "A package was made to do harm",
    severity: Severity::Critical,
    why: "Whoever ran the package, or only installed it, must take it that its code has run: credentials of that machine \
          may be known to others.",
    remediation: "Remove the package, rebuild without caches, and change every credential that its build or its containers \
                  could read.",
    references: &["https://github.com/ossf/malicious-packages"],
    bad: "npm install event-stream@3.3.6",
    good: "npm install event-stream@4.0.1",
    ..Rule::NEW
};

/// A package with a flaw.
pub static VULNERABLE: Rule = Rule {
    id: "package/vulnerable",
    title: "A package has a known flaw",
    severity: Severity::Medium,
    why: "The flaw is public, and so, mostly, is how to use it.",
    remediation: "Upgrade to the version that the finding names. Where there is none, see whether the flaw can be reached, \
                  and note the answer in a VEX document or a waiver.",
    references: &["https://osv.dev"],
    bad: "FROM debian:12.0",
    good: "FROM debian:12.0\nRUN apt-get update && apt-get upgrade -y && rm -rf /var/lib/apt/lists/*",
    ..Rule::NEW
};

/// A library that is not sound.
pub static UNSOUND: Rule = Rule {
    id: "package/unsound",
    title: "A library is unsound",
    severity: Severity::Low,
    why: "Code that uses the library as it may can break memory safety without a word of `unsafe`.",
    remediation: "Upgrade, or see whether the function that is unsound is used.",
    references: &["https://rustsec.org"],
    bad: "[dependencies]\natty = \"0.2\"",
    good: "# std::io::IsTerminal",
    ..Rule::NEW
};

/// A package nobody looks after.
pub static UNMAINTAINED: Rule = Rule {
    id: "package/unmaintained",
    title: "Nobody looks after a package any more",
    severity: Severity::Info,
    why: "A flaw found in it will stay.",
    remediation: "Move to a successor; the advisory mostly names some.",
    references: &["https://rustsec.org"],
    bad: "[dependencies]\nansi_term = \"0.12\"",
    good: "[dependencies]\nanstyle = \"1\"",
    ..Rule::NEW
};

/// Something else users of a package should know.
pub static NOTICE: Rule = Rule {
    id: "package/notice",
    title: "There is a notice for users of a package",
    severity: Severity::Info,
    why: "It is no flaw, but those who keep the advisories thought that users should know of it.",
    remediation: "Read the advisory.",
    references: &["https://rustsec.org"],
    bad: "a package with a notice",
    good: "a version that the notice is not about",
    ..Rule::NEW
};

/// The rules of this module, sorted by id.
pub static RULES: &[&Rule] = &[&NO_ADVISORIES, &STALE, &MALICIOUS, &NOTICE, &UNMAINTAINED, &UNSOUND, &VULNERABLE];

/// Users of a package that VEX documents are asked about.
const MOST_USERS: usize = 1_000;

/// How old data may be before they are called old, in hours.
pub const STALE_HOURS: i64 = 7 * 24;

/// What an image's flaws are told as, in the order of the inventory; then what is missing.
///
/// What VEX documents say of a flaw goes into its evidence, and takes it out of the verdict where they say that the
/// image does not have it.
pub fn findings(
    inventory: &Inventory,
    flaws: &Flaws,
    catalogue: &Catalogue,
    (vex, fitting): (&Judge, &mut Fitting),
    now: Timestamp,
    stale_hours: i64,
) -> Vec<Finding> {
    let image = image_of(&inventory.target);
    let users = if vex.is_empty() { Vec::new() } else { users_of(inventory) };
    let of_flaw = |flaw: &Flaw| {
        let mut finding = of_flaw(flaw, inventory.packages.get(flaw.package as usize)?);
        if !vex.is_empty() {
            judge(&mut finding, flaw, inventory, (vex, &mut *fitting), &image, &users);
        }
        Some(finding)
    };
    let mut findings: Vec<Finding> = flaws.flaws.iter().filter_map(of_flaw).collect();
    findings.extend(flaws.missing.iter().map(|(what, packages)| {
        let (noun, verb) = if *packages == 1 { ("package", "was") } else { ("packages", "were") };
        let message = format!("there are no advisories for {}: {packages} {noun} {verb} not judged", escape(what));
        Finding::new(&NO_ADVISORIES, what.as_str(), Location::Image, message).evidence("packages", *packages)
    }));
    for origin in catalogue.origins(&flaws.families).into_iter().filter(|_| flaws.judged > 0) {
        let Some(age) = origin.age(now).filter(|age| *age > stale_hours) else { continue };
        let Origin { feed, family, .. } = &origin;
        let days = age / 24;
        let old = if days > 1 { format!("{days} days") } else { format!("{age} hours") };
        let message = format!("the advisories for {} ({}) are {old} old", escape(family), escape(feed));
        let finding = Finding::new(&STALE, format!("{feed}/{family}"), Location::Image, message);
        findings.push(finding.evidence("days", days).evidence("hours", age).evidence("most_hours", stale_hours));
    }
    findings
}

/// The age of the oldest data that packages were compared with, in hours. `None` where there were packages, and none of
/// them was compared with any.
pub fn oldest(flaws: &Flaws, catalogue: &Catalogue, now: Timestamp) -> Option<i64> {
    if flaws.judged == 0 && !(flaws.missing.is_empty() && flaws.without_feed.is_empty()) {
        return None;
    }
    let origins = catalogue.origins(&flaws.families).into_iter().filter(|_| flaws.judged > 0);
    // data that do not say when they were brought are as old as can be
    Some(origins.map(|origin| origin.age(now).unwrap_or(i64::MAX)).max().unwrap_or(0))
}

/// Tells of flaws that are too many to be told one by one.
pub fn beyond(flaws: &Flaws) -> Option<Limitation> {
    (flaws.beyond > 0).then(|| {
        let what = format!("{} more flaws of packages were found, and are not told one by one", flaws.beyond);
        Limitation::gap("too-many-flaws", "advisories", what)
            .help("no real image has as many: look at how its packages are listed")
    })
}

/// The image by the names that VEX documents may have for it.
fn image_of(target: &Target) -> Image {
    let digests = target.indexes.iter().chain(&target.digest).chain(&target.config_digest).cloned();
    let reference = (target.source == "registry").then_some(target.reference.as_str());
    let names = reference.into_iter().chain(target.tags.iter().map(String::as_str));
    let image = Image::new(digests, names, target.platform.as_ref().map(|platform| platform.architecture.as_str()));
    if image.digests.is_empty() {
        image.called(target.tags.first().map_or(&target.reference, |tag| tag))
    } else {
        image
    }
}

/// By package the ones that need it.
fn users_of(inventory: &Inventory) -> Vec<Vec<u32>> {
    let mut users: Vec<Vec<u32>> = vec![Vec::new(); inventory.packages.len()];
    for (index, package) in inventory.packages.iter().enumerate() {
        for needed in &package.dependencies {
            if let (Some(users), Ok(index)) = (users.get_mut(*needed as usize), u32::try_from(index)) {
                users.push(index);
            }
        }
    }
    users
}

/// Adds what VEX documents say of a flaw. It does not count only where they say so of each place the package is in:
/// what holds for a library of one program says nothing of another one.
fn judge(
    finding: &mut Finding,
    flaw: &Flaw,
    inventory: &Inventory,
    (vex, fitting): (&Judge, &mut Fitting),
    image: &Image,
    users: &[Vec<u32>],
) {
    let Some(package) = inventory.packages.get(flaw.package as usize) else { return };
    let mut ids: Vec<String> = flaw.about.group.ids.iter().cloned().collect();
    ids.extend(flaw.about.group.fixed_by.iter().cloned());
    let source = package.source.as_ref().and_then(|(name, version)| source_purl(&package.purl, name, version));
    let owner = package.owner.and_then(|owner| inventory.packages.get(owner as usize));
    let users = users.get(flaw.package as usize).map_or(&[][..], Vec::as_slice);
    let mut judgements = Vec::new();
    for place in &package.locations {
        // a program is where its libraries are
        let is_here = |user: &&Package| user.locations.iter().any(|other| other.path == place.path);
        let programs = users.iter().filter_map(|user| inventory.packages.get(*user as usize)).filter(is_here);
        let within: Vec<&str> = programs.chain(owner).map(|user| user.purl.as_str()).take(MOST_USERS).collect();
        let hit = vex::Hit { ids: &ids, purl: &package.purl, source_purl: source.as_deref(), within: &within, image };
        judgements.push(vex.of_fitting(&hit, fitting));
    }
    if let Some(judgement) = judgements.iter().flatten().next() {
        finding.evidence.insert("vex", judgement.evidence());
        let accepts = |judgement: &Option<vex::Judgement<'_>>| judgement.is_some_and(|one| one.acceptance().is_some());
        finding.accepted = judgement.acceptance().filter(|_| judgements.iter().all(accepts));
    }
}

/// The purl of the source package: `pkg:deb/debian/openssl@3.0.11-1?arch=source`.
fn source_purl(purl: &str, name: &str, version: &str) -> Option<String> {
    let path = purl.split(['@', '?']).next()?;
    let (folder, _) = path.rsplit_once('/')?;
    let plain = |text: &str| text.replace('%', "%25").replace('@', "%40").replace('?', "%3F").replace('#', "%23");
    Some(format!("{folder}/{}@{}?arch=source", plain(name), plain(version)))
}

/// What a report says of the data and of what was not judged by them.
pub fn data(inventory: &Inventory, flaws: &Flaws, catalogue: &Catalogue, now: Timestamp) -> Value {
    let mut sources = Vec::new();
    for origin in catalogue.origins(&flaws.families).into_iter().filter(|_| flaws.judged > 0) {
        let Origin { feed, family, source, newest, confirmed, records } = &origin;
        let about = about::family(feed, family);
        sources.push(json!({
            "feed": feed,
            "family": family,
            "source": source,
            "newest": newest,
            "confirmed": confirmed,
            "age_days": origin.age(now).map(|hours| hours / 24),
            "records": records,
            "coverage": about.coverage.as_str(),
            "licence": about.licence,
            "attribution": about.attribution,
        }));
    }
    let purl = |package: u32| inventory.packages.get(package as usize).map(|package| package.purl.as_str());
    let unmatched: Vec<Value> = flaws
        .unmatched
        .iter()
        .map(|one| json!({ "purl": purl(one.package), "reason": one.reason, "records": one.records }))
        .collect();
    let mut data = json!({
        "sources": sources,
        "judged": flaws.judged,
        "unmatched": unmatched,
    });
    let counts = [
        ("left_to_distribution", flaws.left_to_distribution),
        ("without_kernel", flaws.without_kernel),
        ("foreign", flaws.foreign),
    ];
    if let Some(data) = data.as_object_mut() {
        if !catalogue.database().manifest().shards.is_empty() {
            data.insert("state".into(), json!(catalogue.database().manifest().digest()));
        }
        for (key, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            data.insert(key.into(), json!(count));
        }
        if !flaws.without_feed.is_empty() {
            data.insert("without_feed".into(), json!(flaws.without_feed));
        }
        if let Some(note) = flaws.note {
            data.insert("note".into(), json!(note));
        }
    }
    data
}

fn of_flaw(flaw: &Flaw, package: &Package) -> Finding {
    let about = &*flaw.about;
    let rule = match about.kind {
        Kind::Malicious => &MALICIOUS,
        Kind::Vulnerable => &VULNERABLE,
        Kind::Unsound => &UNSOUND,
        Kind::Unmaintained => &UNMAINTAINED,
        Kind::Notice => &NOTICE,
    };
    let what = format!("{} {}", escape(&package.name), escape(&package.version));
    let name = escape(&about.group.name);
    let message = match about.kind {
        Kind::Malicious => format!("{what} was made to do harm ({name})"),
        Kind::Vulnerable => match (&about.fixed, &about.terms) {
            (Some(fixed), None) => format!("{what} is affected by {name}; {} mends it", escape(fixed)),
            (Some(fixed), Some(terms)) => {
                format!("{what} is affected by {name}; {} mends it ({})", escape(fixed), escape(terms))
            }
            (None, _) => format!("{what} is affected by {name}; no version that mends it is known"),
        },
        Kind::Unsound => format!("{what} is unsound ({name})"),
        Kind::Unmaintained => format!("nobody looks after {what} any more ({name})"),
        Kind::Notice => format!("there is a notice about {what} ({name})"),
    };
    let location = match package.locations.first() {
        Some(place) => {
            Location::Package { purl: package.purl.clone(), path: place.path.clone(), layer: place.added_by }
        }
        None => Location::Image,
    };
    let mut finding = Finding::new(rule, about.group.name.as_str(), location, message);
    finding.confidence = flaw.confidence;
    if about.kind == Kind::Vulnerable {
        finding.severity = about.grade.as_ref().map_or(rule.severity, |grade| grade.severity);
    }
    finding.is_fixable = about.fixed.is_some() && about.terms.is_none();
    finding.priority = Some(priority(about, finding.severity));
    finding.evidence = evidence(flaw, package).into_iter().collect();
    finding
}

fn evidence(flaw: &Flaw, package: &Package) -> Vec<(&'static str, Value)> {
    let about = &*flaw.about;
    let mut evidence = vec![
        ("ids", json!(about.group.ids)),
        ("installed", json!(package.version)),
        ("compared", json!({ "name": about.asked.name, "version": about.asked.version })),
        ("matches", about.matches.iter().map(matched).collect()),
    ];
    if let Some(fixed) = &about.fixed {
        evidence.push(("fixed", json!(fixed)));
    }
    if let Some(upgrade) = &flaw.upgrade {
        evidence.push(("upgrade", json!(&**upgrade)));
    }
    if package.locations.is_empty() {
        // its place would name it, had it one
        evidence.push(("purl", json!(package.purl)));
    }
    let words = [("terms", &about.terms), ("status", &about.status)];
    evidence.extend(words.into_iter().filter_map(|(key, word)| Some((key, json!(word.as_ref()?)))));
    if !about.group.fixed_by.is_empty() {
        evidence.push(("fixed_by", json!(about.group.fixed_by)));
    }
    let mut rating = Map::new();
    match &about.grade {
        Some(grade) => {
            rating.insert("source".into(), json!(grade.source));
            rating.insert("said".into(), json!(grade.said));
            if let (Some(score), Some(vector)) = (grade.score, &grade.vector) {
                rating.insert("score".into(), json!(score));
                rating.insert("vector".into(), json!(vector));
            }
        }
        None => {
            rating.insert("said".into(), json!("not rated; taken for medium"));
        }
    }
    if about.kind == Kind::Vulnerable {
        evidence.push(("rating", Value::Object(rating)));
    }
    if let Some(exploited) = &about.exploited {
        evidence.push(("exploited", json!(exploited)));
    }
    if let Some(epss) = &about.epss {
        evidence.push(("epss", json!({ "score": round(epss.score), "percentile": round(epss.percentile) })));
    }
    if let Some(doubt) = flaw.doubt {
        evidence.push(("doubt", json!(doubt)));
    }
    let summary = about.records.iter().map(|record| record.summary.as_str()).find(|summary| !summary.is_empty());
    evidence.extend(summary.map(|summary| ("summary", json!(escape(summary)))));
    let published = about.records.iter().filter_map(|record| record.published.as_deref()).min();
    evidence.extend(published.map(|published| ("published", json!(published))));
    let mut links: Vec<&String> = about.records.iter().flat_map(|record| &record.links).collect();
    links.dedup();
    links.truncate(5);
    if !links.is_empty() {
        evidence.push(("links", json!(links)));
    }
    let cwes: std::collections::BTreeSet<&String> = about.records.iter().flat_map(|record| &record.cwes).collect();
    if !cwes.is_empty() {
        evidence.push(("cwes", json!(cwes)));
    }
    evidence
}

/// Five digits after the point, as EPSS publishes them.
fn round(value: f32) -> f64 {
    (f64::from(value) * 100_000.0).round() / 100_000.0
}

fn matched(found: &Match) -> Value {
    let mut value = json!({ "id": found.posting.id, "feed": found.feed, "ecosystem": found.ecosystem });
    let because = match found.hit {
        Hit::Listed => "listed".to_owned(),
        Hit::InRange(place) => found.posting.versions.ranges.get(place).map(interval).unwrap_or_default(),
    };
    if let Some(value) = value.as_object_mut() {
        value.insert("because".into(), json!(because));
    }
    value
}

/// `>= 1.0, < 1.2 or >= 2.0, <= 2.3`, from the events in the record's order.
fn interval(range: &Range) -> String {
    let mut parts: Vec<String> = Vec::new();
    for event in &range.events {
        let text = match event {
            Event::Introduced(version) if version == "0" => "any".to_owned(),
            Event::Introduced(version) => format!(">= {version}"),
            Event::Fixed(version) => format!("< {version}"),
            Event::LastAffected(version) => format!("<= {version}"),
            Event::Limit(version) => format!("limit {version}"),
        };
        let ends = !matches!(event, Event::Introduced(_));
        match parts.last_mut() {
            Some(last) if ends && last == "any" => *last = text,
            Some(last) if ends => *last = format!("{last}, {text}"),
            _ => parts.push(text),
        }
    }
    escape(parts.join(" or "))
}

/// What to look at first: malicious packages, what is exploited and can be mended, what is exploited, then the
/// severity, weighed by how likely somebody exploits the flaw. What nobody scored counts as likely as the gravest of
/// its severity mostly are.
fn priority(about: &About, severity: Severity) -> u32 {
    let tier = match (about.kind, &about.exploited, &about.fixed) {
        (Kind::Malicious, ..) => 3,
        (_, Some(_), Some(_)) => 2,
        (_, Some(_), None) => 1,
        _ => 0,
    };
    let score = about.grade.as_ref().and_then(|grade| grade.score);
    let likely = about.epss.map(|epss| f64::from(epss.percentile));
    crate::finding::priority(tier, severity, score, likely)
}
