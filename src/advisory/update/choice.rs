//! Which families of which feeds are brought.

use std::collections::BTreeSet;

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::nearest::nearest;
use crate::source::download::Answer;
use crate::version::Scheme;

use super::super::feed::about::about;
use super::super::feed::{FEEDS, Feed, feed};
use super::super::name::{self, CRATES};
use super::super::store::Manifest;
pub(super) use super::super::store::is_family;
use super::Options;
use super::place::{Known, Place, Places, Want};

/// Largest list of ecosystems, in bytes.
const LARGEST_LIST: u64 = 1 << 20;

/// Families of which no image has packages, or whose records all stand in others.
const USELESS: &[&str] =
    &["Android", "CVE", "DWF", "FreeBSD", "GHC", "GIT", "GSD", "Linux", "OSS-Fuzz", "UVI", "VSCode"];

/// Names that people give to ecosystems.
const ALSO: &[(&str, &str)] = &[
    ("alma", "AlmaLinux"),
    ("azurelinux", "Azure Linux"),
    ("cargo", CRATES),
    ("composer", "Packagist"),
    ("crates", CRATES),
    ("gem", "RubyGems"),
    ("golang", "Go"),
    ("rhel", "Red Hat"),
    ("redhat", "Red Hat"),
    ("rocky", "Rocky Linux"),
    ("swift", "SwiftURL"),
];

/// Of what data are brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Of what there are data of already.
    Present,
    /// Of everything that the source has and that images may hold.
    All,
    /// Of these families, or releases of them.
    Families(BTreeSet<String>),
}

/// One family of one feed.
pub(super) struct Task<'a> {
    pub(super) feed: &'static dyn Feed,
    pub(super) family: String,
    /// `feed/family`.
    pub(super) name: String,
    pub(super) places: Places<'a>,
}

/// What is to be done.
pub(super) fn tasks<'a>(
    options: &Options<'a>,
    given: &Places<'a>,
    manifest: &Manifest,
    arriving: &(dyn Fn(u64) + Sync),
) -> Result<Vec<Task<'a>>> {
    let places = |feed: &dyn Feed| match (options.places.is_empty(), feed.id()) {
        (true, id) => Places::new(own_places(id), options.net),
        (false, id) => given.within(about(id).folder.trim_end_matches('/')),
    };
    for id in options.feeds.iter().chain(&options.without) {
        if feed(id).is_none() {
            return Err(unknown("feed", id, FEEDS.iter().map(|feed| feed.id())));
        }
    }
    let osv = feed("osv").ok_or_else(|| Error::new(ErrorKind::Internal, "there is no feed of OSV"))?;
    let listed = || listed(&places(osv), arriving);
    let mut wanted: BTreeSet<(&'static str, String)> = BTreeSet::new();
    match &options.choice {
        Choice::Present => {
            let names = manifest.shards.keys().filter_map(|name| name.split_once('/'));
            wanted.extend(names.filter_map(|(id, family)| Some((feed(id)?.id(), family.to_owned()))));
            if wanted.is_empty() && options.feeds.is_empty() {
                return Err(Error::new(ErrorKind::Usage, "there are no data yet that could be updated")
                    .help("say of what: `--ecosystem Debian`, `--for IMAGE`, or `--all`"));
            }
        }
        Choice::All => {
            let families = listed()?;
            let families = families.into_iter().filter(|family| !USELESS.contains(&family.as_str()));
            wanted.extend(families.map(|family| ("osv", family)));
        }
        Choice::Families(names) => {
            let mut source = None;
            for text in names {
                let mut found = known(text);
                if found.is_none() && has_near(text) {
                    return Err(unknown("ecosystem", text, Scheme::ecosystems()));
                }
                if found.is_none() {
                    let families = match &source {
                        Some(families) => families,
                        None => source.insert(listed()?),
                    };
                    found = families.iter().find(|family| family.eq_ignore_ascii_case(name::split(text).0)).cloned();
                }
                let Some(family) = found else {
                    let families: Vec<&str> = Scheme::ecosystems().collect();
                    let listed = source.iter().flatten().map(String::as_str);
                    return Err(unknown("ecosystem", text, families.into_iter().chain(listed)));
                };
                let others = FEEDS.iter().filter(|feed| feed.families().contains(&family.as_str()));
                let is_of_osv = Scheme::ecosystems().any(|known| known == family)
                    || source.as_ref().is_some_and(|families| families.contains(&family));
                if is_of_osv {
                    wanted.insert(("osv", family.clone()));
                    wanted.extend(
                        others
                            .filter(|feed| options.feeds.iter().any(|id| id == feed.id()))
                            .map(|feed| (feed.id(), family.clone())),
                    );
                } else {
                    wanted.extend(others.map(|feed| (feed.id(), family.clone())));
                }
            }
        }
    }
    let is_chosen = matches!(options.choice, Choice::Families(_));
    for feed in FEEDS {
        let is_risk = matches!(feed.id(), "kev" | "epss");
        let is_asked = options.feeds.iter().any(|id| id == feed.id());
        let has_some = wanted.iter().any(|(id, _)| *id == feed.id());
        if is_risk || is_asked && !(is_chosen && has_some) {
            wanted.extend(feed.families().iter().map(|family| (feed.id(), (*family).to_owned())));
        }
    }
    wanted.retain(|(id, _)| !options.without.iter().any(|without| without == id));
    let tasks = wanted.into_iter().filter_map(|(id, family)| {
        let feed = feed(id)?;
        Some(Task { feed, name: format!("{id}/{family}"), family, places: places(feed) })
    });
    Ok(tasks.collect())
}

/// Where a feed's data are when nobody says otherwise.
fn own_places(id: &str) -> Vec<Place> {
    let of_url = |url: &String| match url.strip_suffix('/') {
        Some(folder) => Place::Web(folder.to_owned()),
        None => Place::File(url.clone()),
    };
    about(id).locations.iter().map(of_url).collect()
}

/// The families that a source says it has.
fn listed(places: &Places<'_>, arriving: &(dyn Fn(u64) + Sync)) -> Result<BTreeSet<String>> {
    let want = Want {
        path: "ecosystems.txt",
        known: &Known::default(),
        most: LARGEST_LIST,
        partial: None,
        is_optional: false,
    };
    let (answer, source) = places.get(&want, arriving)?;
    let Answer::Whole(arrived) = answer else { return Ok(BTreeSet::new()) };
    let text = String::from_utf8_lossy(&arrived.bytes);
    let families: BTreeSet<String> =
        text.lines().map(str::trim).filter(|line| is_family(line)).map(str::to_owned).collect();
    if families.is_empty() {
        return Err(Error::malformed("the source's list of ecosystems names none").at(source));
    }
    Ok(families)
}

/// The family that is meant by a name, or by that of a release, where careen knows it itself.
pub(super) fn known(text: &str) -> Option<String> {
    let (family, _) = name::split(text.trim());
    let feeds = FEEDS.iter().flat_map(|feed| feed.families().iter().copied());
    let is_meant = |known: &&str| known.eq_ignore_ascii_case(family);
    let also = || ALSO.iter().find(|(name, _)| name.eq_ignore_ascii_case(family)).map(|(_, known)| *known);
    Scheme::ecosystems().chain(feeds).find(is_meant).or_else(also).map(str::to_owned)
}

/// Whether a name is a slip of one that careen knows itself, so that no server need be asked.
fn has_near(text: &str) -> bool {
    let family = name::split(text).0.to_lowercase();
    Scheme::ecosystems().any(|known| nearest(&family, [known.to_lowercase().as_str()].into_iter()).is_some())
}

fn unknown<'a>(kind: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let known: BTreeSet<&str> = known.collect();
    let lower = name.to_lowercase();
    let near = nearest(name, known.iter().copied()).or_else(|| {
        known.iter().copied().find(|known| nearest(&lower, [known.to_lowercase().as_str()].into_iter()).is_some())
    });
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("these are known: {}", known.into_iter().collect::<Vec<_>>().join(", ")),
    };
    Error::new(ErrorKind::Usage, format!("there is no {kind} `{}`", escape(name))).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_known_by_many_names_and_hostile_ones_are_none() {
        let cases = [
            ("Debian:12", Some("Debian")),
            ("pypi", Some("PyPI")),
            ("cargo", Some(CRATES)),
            ("golang", Some("Go")),
            ("Linux", None),
            ("Debain", None),
        ];
        for (text, expected) in cases {
            assert_eq!(known(text).as_deref(), expected, "{text}");
        }
        for name in ["Debian", "Azure Linux", CRATES, "npm"] {
            assert!(is_family(name), "{name}");
        }
        for name in ["", "../etc", "a/b", ".git", "[EMPTY]", "Debian:12", "a..b", "a\u{1b}[2J"] {
            assert!(!is_family(name), "{name}");
        }
        let error = unknown("ecosystem", "Debain", Scheme::ecosystems());
        assert_eq!(error.help.as_deref(), Some("did you mean `Debian`?"));
        let error = unknown("ecosystem", "alpin", Scheme::ecosystems());
        assert_eq!(error.help.as_deref(), Some("did you mean `Alpine`?"));
    }
}
