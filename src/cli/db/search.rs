//! `careen db search`: records by id, by package, or by what affects a version.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use serde_json::{Value, json};

use crate::advisory::catalogue::{Catalogue, Question, Source};
use crate::advisory::distro;
use crate::advisory::embedded;
use crate::advisory::name;
use crate::advisory::osv;
use crate::advisory::record::{Advisory, Affected, Event, Versions};
use crate::advisory::store::Shard;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::inventory::Distro;
use crate::package;

use super::super::advisories::DatabaseArgument;
use super::super::print;
use super::count;
use super::update::no_data;

/// Records that are shown of one search.
const MOST: usize = 500;

#[derive(Debug, Args)]
pub(in crate::cli) struct SearchArguments {
    /// `CVE-2026-1234` or any other id, a package's name, or a purl: what affects exactly that version
    #[arg(value_name = "ID | NAME | PURL")]
    wanted: String,
    /// Only in this ecosystem; repeatable
    #[arg(short, long, value_name = "NAME", value_delimiter = ',')]
    ecosystem: Vec<String>,
    #[command(flatten)]
    place: DatabaseArgument,
    /// text, or json for scripts: an object a line
    #[arg(short, long, default_value = "text", value_parser = ["text", "json"])]
    format: String,
}

/// What was found: records by feed and family.
#[derive(Debug, Default)]
struct Found {
    /// By `feed/family` and id; with what they affect.
    records: BTreeMap<(String, String), Advisory>,
    /// What else is to be said.
    notes: Vec<String>,
    /// Why the version that was asked for could be compared with nothing.
    not_understood: Option<String>,
}

/// Looks for it.
pub(in crate::cli) fn run(arguments: &SearchArguments) -> Result<()> {
    let catalogue = arguments.place.catalogue()?;
    let found = if arguments.wanted.starts_with("pkg:") {
        of_purl(&catalogue, &arguments.wanted)?
    } else {
        let mut found = of_id(&catalogue, arguments)?;
        if found.records.is_empty() {
            found = of_name(&catalogue, arguments)?;
        }
        found
    };
    if found.records.is_empty() && found.notes.is_empty() && found.not_understood.is_none() {
        if catalogue.families().is_empty() {
            return Err(no_data(catalogue.database().folder()));
        }
        return Err(Error::new(ErrorKind::NotFound, format!("no record is about `{}`", escape(&arguments.wanted)))
            .help("`careen db status` lists what data there are"));
    }
    let is_json = arguments.format == "json";
    let mut text = String::new();
    for ((place, _), advisory) in found.records.iter().take(MOST) {
        text += &if is_json { json_of(place, advisory) } else { text_of(place, advisory) };
    }
    if !is_json {
        for note in &found.notes {
            text += &format!("{note}\n");
        }
        if found.records.len() > MOST {
            text += &format!("{} more are not shown\n", count((found.records.len() - MOST) as u64, "record"));
        }
    }
    print(&text)?;
    match found.not_understood {
        Some(why) => Err(Error::new(ErrorKind::Usage, escape(why))
            .help("what affects it cannot be told; records that list exactly this version are shown")),
        None => Ok(()),
    }
}

fn is_wanted(arguments: &SearchArguments, family: &str) -> bool {
    let wanted = &arguments.ecosystem;
    wanted.is_empty() || wanted.iter().any(|wanted| name::split(wanted).0.eq_ignore_ascii_case(family))
}

/// The families there are data for, those that are part of careen included.
fn families(catalogue: &Catalogue) -> BTreeSet<String> {
    let mut families = catalogue.families();
    families.extend(embedded::families().iter().map(|family| (*family).to_owned()));
    families
}

/// Records of an id, and those that name it.
fn of_id(catalogue: &Catalogue, arguments: &SearchArguments) -> Result<Found> {
    let mut found = Found::default();
    for family in families(catalogue).iter().filter(|family| is_wanted(arguments, family)) {
        for Source { feed, shard, .. } in catalogue.sources(family)?.iter() {
            let mut ids = BTreeSet::new();
            for id in [arguments.wanted.clone(), arguments.wanted.to_uppercase()] {
                ids.extend(shard.named(&id)?);
                ids.insert(id);
            }
            let place = format!("{feed}/{family}");
            let mut records = BTreeMap::new();
            for id in ids {
                if let Some(record) = shard.record(&id)? {
                    records.insert(id, record);
                }
            }
            if !records.is_empty() {
                add_affected(shard, family, &mut records)?;
            }
            found.records.extend(records.into_iter().map(|(id, record)| ((place.clone(), id), record)));
        }
    }
    let upper = arguments.wanted.to_uppercase();
    if let Some(exploited) = catalogue.exploited(&upper)? {
        found.notes.push(format!("{upper} is known to be exploited, listed {}", escape(exploited.added)));
    }
    if let Some(epss) = catalogue.epss(&upper)? {
        found.notes.push(format!(
            "{upper} is exploited within 30 days with a likelihood of {:.1} % (EPSS; above {:.1} % of all)",
            epss.score * 100.0,
            epss.percentile * 100.0
        ));
    }
    Ok(found)
}

/// Puts to records what they affect, which stands by package.
fn add_affected(shard: &Shard, family: &str, records: &mut BTreeMap<String, Advisory>) -> Result<()> {
    shard.for_each_package(&mut |release, package, postings| {
        for posting in postings {
            if let Some(record) = records.get_mut(&posting.id) {
                let ecosystem = name::ecosystem(family, release);
                record.affected.push(Affected { ecosystem, name: package.to_owned(), versions: posting.versions });
            }
        }
        Ok(())
    })
}

/// Records about packages of a name.
fn of_name(catalogue: &Catalogue, arguments: &SearchArguments) -> Result<Found> {
    let mut found = Found::default();
    for family in families(catalogue).iter().filter(|family| is_wanted(arguments, family)) {
        for Source { feed, shard, .. } in catalogue.sources(family)?.iter() {
            let place = format!("{feed}/{family}");
            for release in shard.releases() {
                let ecosystem = name::ecosystem(family, release);
                let normal = name::normalise(&ecosystem, &arguments.wanted);
                for posting in shard.postings(release, &normal)? {
                    let key = (place.clone(), posting.id.clone());
                    if !found.records.contains_key(&key) {
                        let Some(record) = shard.record(&posting.id)? else { continue };
                        found.records.insert(key.clone(), record);
                    }
                    if let Some(record) = found.records.get_mut(&key) {
                        let name = normal.clone().into_owned();
                        record.affected.push(Affected {
                            ecosystem: ecosystem.clone(),
                            name,
                            versions: posting.versions,
                        });
                    }
                }
            }
        }
    }
    Ok(found)
}

/// What affects the version that a purl names.
fn of_purl(catalogue: &Catalogue, purl: &str) -> Result<Found> {
    let wrong = |what: &str, help: &str| {
        Err(Error::new(ErrorKind::Usage, format!("`{}` {what}", escape(purl))).help(help.to_owned()))
    };
    let Some(named) = package::named(purl) else {
        return wrong("is no purl that careen knows", "write it as `pkg:deb/debian/openssl@3.0.11-1?distro=debian-12`");
    };
    if named.version.is_empty() {
        return wrong("has no version", "add it behind an `@`, or search by the name");
    }
    let (package, version) = named.source.clone().unwrap_or((named.name.clone(), named.version.clone()));
    let mut questions = Vec::new();
    if let Some(family) = distro::language_family(named.ecosystem.id) {
        questions.push(Question { ecosystem: family.to_owned(), name: named.name, version: named.version });
    } else {
        let Some((id, release)) = named.distro.rsplit_once('-') else {
            return wrong("does not say of which release", "add `?distro=debian-12` or the like");
        };
        let distro = Distro { id: id.to_owned(), version_id: release.to_owned(), ..Distro::default() };
        let Some(family) = distro::coverage(&distro, &BTreeSet::new(), &BTreeSet::new()).map(|known| known.family)
        else {
            return wrong("is of a distribution that no feed is about", "`careen db status` lists what data there are");
        };
        let mut known = BTreeSet::new();
        for Source { shard, .. } in catalogue.sources(family)?.iter() {
            known.extend(shard.releases().iter().cloned());
        }
        let coverage = distro::coverage(&distro, &BTreeSet::new(), &known);
        for release in coverage.iter().flat_map(|coverage| coverage.releases.iter().chain(&coverage.paid)) {
            let mut pairs = vec![(package.clone(), version.clone())];
            pairs.extend((named.name != package).then(|| (named.name.clone(), named.version.clone())));
            questions.extend(pairs.into_iter().map(|(name, version)| Question {
                ecosystem: name::ecosystem(family, release),
                name,
                version,
            }));
        }
    }
    let mut found = Found::default();
    let mut is_covered = false;
    for question in &questions {
        let answer = catalogue.ask(question)?;
        is_covered |= answer.is_covered || !answer.matches.is_empty();
        let (family, _) = name::split(&question.ecosystem);
        let refused = name::scheme(&question.ecosystem).and_then(|scheme| scheme.parse(&question.version).err());
        if let Some(why) = &refused {
            found.not_understood = Some(why.to_string());
        }
        for matched in answer.matches {
            let id = matched.posting.id.clone();
            if osv::is_no_flaw(&id) {
                continue;
            }
            let record =
                catalogue.record(family, &id)?.unwrap_or_else(|| Advisory { id: id.clone(), ..Advisory::default() });
            let entry = found.records.entry((format!("{}/{family}", matched.feed), id)).or_insert(record);
            entry.affected.push(Affected {
                ecosystem: matched.ecosystem,
                name: question.name.clone(),
                versions: matched.posting.versions,
            });
        }
        // one word for all of them is enough where it is the version that was asked for
        for (id, reason) in answer.unknown.into_iter().filter(|_| refused.is_none()) {
            found.notes.push(format!("not compared: {}: {}", escape(&id), escape(reason.to_string())));
        }
    }
    if !is_covered {
        let families: BTreeSet<&str> = questions.iter().map(|question| question.ecosystem.as_str()).collect();
        let families = families.into_iter().collect::<Vec<_>>().join(", ");
        return Err(Error::new(ErrorKind::NotFound, format!("there are no data for {}", escape(&families)))
            .help("fetch them with `careen db update --ecosystem NAME`"));
    }
    if found.records.is_empty() && found.not_understood.is_none() {
        found.notes.push("no record affects this version".to_owned());
    }
    Ok(found)
}

fn json_of(place: &str, advisory: &Advisory) -> String {
    let mut value = osv::facts(advisory);
    if let Value::Object(object) = &mut value {
        object.insert("summary".into(), json!(advisory.summary));
        object.insert("from".into(), json!(place));
    }
    format!("{value}\n")
}

fn text_of(place: &str, advisory: &Advisory) -> String {
    let mut text = escape(&advisory.id);
    if !advisory.summary.is_empty() {
        text += &format!("  {}", escape(&advisory.summary));
    }
    text += &format!("\n  from {}, changed {}\n", escape(place), escape(advisory.modified.get(..10).unwrap_or("?")));
    let others: BTreeSet<&str> =
        advisory.aliases.iter().chain(&advisory.upstream).chain(&advisory.related).map(String::as_str).collect();
    if !others.is_empty() {
        text += &format!("  also {}\n", escape(others.into_iter().collect::<Vec<_>>().join(", ")));
    }
    let mut ratings: Vec<String> = advisory.ratings.iter().map(|rating| escape(&rating.score)).collect();
    ratings.extend(advisory.label.as_deref().map(escape));
    if !ratings.is_empty() {
        text += &format!("  severity {}\n", ratings.join(", "));
    }
    for affected in &advisory.affected {
        let facts = &affected.versions.facts;
        let said: Vec<String> = [&facts.urgency, &facts.status, &facts.informational, &facts.module, &facts.terms]
            .into_iter()
            .flatten()
            .map(escape)
            .collect();
        let said = if said.is_empty() { String::new() } else { format!(" ({})", said.join(", ")) };
        text += &format!(
            "  {} {}: {}{said}\n",
            escape(&affected.ecosystem),
            escape(&affected.name),
            versions_of(&affected.versions)
        );
    }
    for link in advisory.links.iter().take(3) {
        text += &format!("  {}\n", escape(link));
    }
    text
}

/// Ranges as people write them: `>= 1.0, < 1.2.3`.
fn versions_of(versions: &Versions) -> String {
    /// Listed versions that are shown.
    const MOST: usize = 10;
    let mut parts = Vec::new();
    for range in &versions.ranges {
        let events = range.events.iter().filter_map(|event| match event {
            Event::Introduced(version) if version == "0" => None,
            Event::Introduced(version) => Some(format!(">= {}", escape(version))),
            Event::Fixed(version) => Some(format!("< {}", escape(version))),
            Event::LastAffected(version) => Some(format!("<= {}", escape(version))),
            Event::Limit(version) => Some(format!("below {}", escape(version))),
        });
        let events: Vec<String> = events.collect();
        parts.push(if events.is_empty() { "all versions".to_owned() } else { events.join(", ") });
    }
    if !versions.listed.is_empty() {
        let listed: Vec<String> = versions.listed.iter().take(MOST).map(escape).collect();
        let more = versions.listed.len().saturating_sub(MOST);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        parts.push(format!("{}{more}", listed.join(", ")));
    }
    if parts.is_empty() { "versions not stated".to_owned() } else { parts.join("; or ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisory::record::Range;

    #[test]
    fn ranges_read_as_people_write_them() {
        let range = |events: Vec<Event>| Range { is_semantic: false, events };
        let zero = || Event::Introduced("0".into());
        let versions = |ranges, listed: &[&str]| Versions {
            ranges,
            listed: listed.iter().map(|version| (*version).to_owned()).collect(),
            ..Versions::default()
        };
        let cases = [
            (versions(vec![range(vec![zero(), Event::Fixed("1.2".into())])], &[]), "< 1.2"),
            (versions(vec![range(vec![zero()])], &[]), "all versions"),
            (
                versions(vec![range(vec![Event::Introduced("1".into()), Event::LastAffected("2".into())])], &["7"]),
                ">= 1, <= 2; or 7",
            ),
            (versions(vec![], &[]), "versions not stated"),
        ];
        for (versions, expected) in cases {
            assert_eq!(versions_of(&versions), expected);
        }
    }
}
