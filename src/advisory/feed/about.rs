//! What is said of each feed in `advisories/feeds.toml`: where it is, under what terms, and how much it tells.

use std::sync::LazyLock;

use serde::Deserialize;

use super::super::name;

/// The feed of records that somebody brought one by one.
pub const LOCAL: &str = "local";

/// What is known of a feed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The feed's id; `own` for the records that are part of careen.
    pub id: String,
    /// Its name for people.
    pub title: String,
    /// Where it is, tried in order: a folder that ends in `/`, or the one file itself.
    pub locations: Vec<String>,
    /// Where a mirror of all feeds keeps its files: empty, or a folder that ends in `/`.
    pub folder: String,
    /// An SPDX expression, or in words.
    pub licence: String,
    /// Whom to name.
    pub attribution: String,
    /// Hours between two states of the source.
    pub refresh_hours: u32,
    /// Whether an export may hold it.
    pub exported: bool,
    /// Its families, sorted by name.
    #[serde(rename = "family")]
    families: Vec<Family>,
}

/// What is known of a feed's data for one family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyAbout {
    /// The family, such as `Debian`.
    pub name: String,
    /// How much the data tell.
    pub coverage: Coverage,
    /// What one does not learn from them.
    pub missing: String,
    /// An SPDX expression, or in words.
    pub licence: String,
    /// Whom to name.
    pub attribution: String,
    /// Whether an export may hold them.
    pub exported: bool,
}

/// How much data tell of a family's packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Coverage {
    /// Flaws without a fix too.
    Comprehensive,
    /// What was fixed; a flaw that nobody fixed is not seen.
    FixesOnly,
    /// Something of flaws or of a few packages; says nothing of the others.
    Facts,
}

impl Coverage {
    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Comprehensive => "comprehensive",
            Self::FixesOnly => "fixes-only",
            Self::Facts => "facts",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Family {
    name: String,
    coverage: Coverage,
    missing: String,
    licence: Option<String>,
    attribution: Option<String>,
    exported: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    feed: Vec<About>,
}

static ALL: LazyLock<Vec<(About, Vec<FamilyAbout>)>> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the text is part of the program, and a test reads it")]
    let file: File = toml::from_str(include_str!("../../../advisories/feeds.toml")).expect("feeds.toml is well-formed");
    let with_families = file.feed.into_iter().map(|about| {
        let families = about.families.iter().map(|family| FamilyAbout {
            name: if family.name == "crates" { name::CRATES.to_owned() } else { family.name.clone() },
            coverage: family.coverage,
            missing: family.missing.clone(),
            licence: family.licence.as_ref().unwrap_or(&about.licence).clone(),
            attribution: family.attribution.as_ref().unwrap_or(&about.attribution).clone(),
            exported: family.exported.unwrap_or(about.exported),
        });
        let families = families.collect();
        (about, families)
    });
    with_families.collect()
});

/// What holds where nothing is said: no more is claimed than is known, and nothing is passed on.
static UNKNOWN: LazyLock<(About, FamilyAbout)> = LazyLock::new(|| {
    let (licence, attribution) = ("not known".to_owned(), "the feed".to_owned());
    let about = About {
        id: String::new(),
        title: "A feed that this careen does not know".into(),
        locations: Vec::new(),
        folder: String::new(),
        licence: licence.clone(),
        attribution: attribution.clone(),
        refresh_hours: 24,
        exported: false,
        families: Vec::new(),
    };
    let family = FamilyAbout {
        name: String::new(),
        coverage: Coverage::FixesOnly,
        missing: "it is not known how much the data tell".into(),
        licence,
        attribution,
        exported: false,
    };
    (about, family)
});

/// Nobody knows how much records tell that somebody brought, nor under what terms they may be passed on.
static BROUGHT: LazyLock<FamilyAbout> = LazyLock::new(|| FamilyAbout {
    name: String::new(),
    coverage: Coverage::Facts,
    missing: "all but the records that were brought".into(),
    licence: "not known".into(),
    attribution: "whoever wrote the records".into(),
    exported: false,
});

/// What is known of all feeds, sorted by id.
pub fn all() -> impl Iterator<Item = &'static About> {
    ALL.iter().map(|(about, _)| about)
}

/// What is known of a feed, by its id.
pub fn about(feed: &str) -> &'static About {
    find(feed).map_or(&UNKNOWN.0, |(about, _)| about)
}

/// What is known of a feed's data for a family.
pub fn family(feed: &str, family: &str) -> &'static FamilyAbout {
    if feed == LOCAL {
        return &BROUGHT;
    }
    families(feed).iter().find(|about| about.name == family).unwrap_or(&UNKNOWN.1)
}

/// The families of a feed that something is known of, in the order of the file.
pub fn families(feed: &str) -> &'static [FamilyAbout] {
    find(feed).map_or(&[], |(_, families)| families.as_slice())
}

fn find(feed: &str) -> Option<&'static (About, Vec<FamilyAbout>)> {
    ALL.iter().find(|(about, _)| about.id == feed)
}

impl About {
    /// The URLs of a file that the feed wants, in the order in which they are tried.
    pub fn urls<'a>(&'a self, path: &'a str) -> impl Iterator<Item = String> + 'a {
        self.locations.iter().map(
            move |location| {
                if location.ends_with('/') { format!("{location}{path}") } else { location.clone() }
            },
        )
    }

    /// Where a mirror of all feeds has a file that the feed wants, from the mirror's root.
    pub fn mirrored(&self, path: &str) -> String {
        format!("{}{path}", self.folder)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::advisory::feed::FEEDS;
    use crate::version::Scheme;

    #[test]
    fn each_feed_is_told_of_once_and_in_order() {
        let told: Vec<&str> = all().map(|about| about.id.as_str()).collect();
        let sorted: BTreeSet<&str> = told.iter().copied().collect();
        assert_eq!(told, sorted.into_iter().collect::<Vec<_>>());
        let feeds: Vec<&str> = FEEDS.iter().map(|feed| feed.id()).collect();
        assert!(feeds.is_sorted());
        let told: Vec<&str> = told.into_iter().filter(|id| *id != "own").collect();
        assert_eq!(told, feeds);
    }

    #[test]
    fn each_family_of_a_feed_is_told_of_and_nothing_is_empty() {
        for feed in FEEDS {
            for name in feed.families() {
                assert_eq!(family(feed.id(), name).name, *name, "{}", feed.id());
            }
        }
        for about in all() {
            assert!(!about.title.is_empty() && !about.licence.is_empty() && !about.attribution.is_empty());
            assert!(about.folder.is_empty() || about.folder.ends_with('/'), "{}", about.id);
            assert!(about.locations.iter().all(|url| url.starts_with("https://")), "{}", about.id);
            let names: Vec<&str> = about.families.iter().map(|family| family.name.as_str()).collect();
            assert!(names.is_sorted() && !names.is_empty(), "{}: {names:?}", about.id);
            for family in families(&about.id) {
                assert!(!family.missing.is_empty() && !family.missing.ends_with('.'), "{}", family.name);
            }
        }
    }

    #[test]
    fn osv_tells_of_every_ecosystem_with_an_order() {
        let known: BTreeSet<&str> = families("osv").iter().map(|family| family.name.as_str()).collect();
        for ecosystem in known.iter().filter(|name| **name != "Root") {
            assert!(Scheme::of_ecosystem(ecosystem).is_some(), "{ecosystem}");
        }
        for ecosystem in Scheme::ecosystems() {
            assert!(known.contains(ecosystem), "{ecosystem}");
        }
    }

    #[test]
    fn what_may_not_be_passed_on_is_not() {
        for (feed, name) in [("osv", "Wolfi"), ("osv", "Chainguard"), ("wolfi", "Wolfi"), ("osv", "No such thing")] {
            assert!(!family(feed, name).exported, "{feed} {name}");
        }
        assert_eq!(family("osv", "Ubuntu").licence, "CC-BY-SA-4.0");
        assert_eq!(family("no-such-feed", "Debian").coverage, Coverage::FixesOnly);
        assert!(family("osv", name::CRATES).exported);
        assert_eq!(family(LOCAL, "npm").coverage, Coverage::Facts);
    }

    #[test]
    fn a_file_has_its_place_at_the_source_and_in_a_mirror() {
        let osv: Vec<String> = about("osv").urls("PyPI/all.zip").collect();
        assert_eq!(osv[0], "https://storage.googleapis.com/osv-vulnerabilities/PyPI/all.zip");
        assert_eq!(about("osv").mirrored("PyPI/all.zip"), "PyPI/all.zip");
        let epss: Vec<String> = about("epss").urls("epss_scores-current.csv.gz").collect();
        assert_eq!(epss, ["https://epss.empiricalsecurity.com/epss_scores-current.csv.gz"]);
        assert_eq!(about("epss").mirrored("epss_scores-current.csv.gz"), "epss/epss_scores-current.csv.gz");
    }
}
