//! What conditions may know: the fields of `finding` and `image`, in one table.
//!
//! The table is what names and types are checked against, where values are read, and what
//! `docs/conditions.md` lists.

use std::cell::{Cell, OnceCell};

use super::meter::MOST_STEPS_IN_ALL;
use super::value::{Kind, List, Map, Type, Value};
use crate::finding::{Finding, Location};
use crate::inventory::Origin;
use crate::package;
use crate::policy::ImageFacts;
use crate::time::Timestamp;

/// A finding, as conditions see it. Costs nothing until a field is asked for; what takes work is done once.
#[derive(Debug)]
pub struct FindingObject<'a> {
    finding: &'a Finding,
    origin: Origin,
    ages: Ages,
    fingerprint: OnceCell<String>,
    path: OnceCell<Option<String>>,
    package: OnceCell<Option<Package>>,
}

/// How old a flaw is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ages {
    /// Days since its advisory was published.
    pub advisory: Option<i64>,
    /// Days for which a version that mends it has been there.
    pub fix: Option<i64>,
}

/// An image, as conditions see it; made once for a run, whose steps it counts.
#[derive(Debug)]
pub struct ImageObject<'a> {
    facts: &'a ImageFacts,
    now: Timestamp,
    packages: OnceCell<usize>,
    /// Steps that all conditions of the run may still take.
    pub(super) steps: Cell<u64>,
}

/// What a package URL says.
#[derive(Debug)]
struct Package {
    name: String,
    version: String,
    ecosystem: &'static str,
}

impl<'a> FindingObject<'a> {
    /// The finding, whose layer it is in, and how old it is.
    pub fn new(finding: &'a Finding, origin: Origin, ages: Ages) -> Self {
        Self { finding, origin, ages, fingerprint: OnceCell::new(), path: OnceCell::new(), package: OnceCell::new() }
    }

    fn path(&self) -> Option<&str> {
        let path = self.path.get_or_init(|| match &self.finding.location {
            Location::File { path, .. } | Location::Package { path, .. } => Some(path.to_string()),
            Location::Config { .. } | Location::History { .. } => Some("config".into()),
            Location::Dockerfile { file, .. } => Some(file.clone()),
            Location::Image => None,
        });
        path.as_deref()
    }

    fn key(&self) -> Option<&str> {
        match &self.finding.location {
            Location::Config { key } | Location::History { key, .. } => Some(key),
            Location::File { .. } | Location::Package { .. } | Location::Dockerfile { .. } | Location::Image => None,
        }
    }

    fn purl(&self) -> Option<&str> {
        self.finding.purl()
    }

    fn package(&self) -> Option<&Package> {
        let package = self.package.get_or_init(|| {
            let named = package::named(self.purl()?)?;
            Some(Package { name: named.name, version: named.version, ecosystem: named.ecosystem.id })
        });
        package.as_ref()
    }

    /// A value of the evidence.
    fn proof(&self, key: &str) -> Option<&serde_json::Value> {
        self.finding.evidence.get(key)
    }
}

impl<'a> ImageObject<'a> {
    /// The image at this time, which conditions know as `today`.
    pub fn new(facts: &'a ImageFacts, now: Timestamp) -> Self {
        Self { facts, now, packages: OnceCell::new(), steps: Cell::new(MOST_STEPS_IN_ALL) }
    }

    /// Milliseconds since 1970.
    pub(super) fn now(&self) -> i64 {
        self.now.to_unix().saturating_mul(1_000)
    }
}

/// A row of the table of what conditions may know.
#[derive(Debug)]
pub(super) struct Field {
    /// The variable it is a field of.
    pub(super) object: &'static str,
    /// Its name; with a dot where it is a field of a field.
    pub(super) name: &'static str,
    pub(super) r#type: Type,
    pub(super) meaning: &'static str,
    pub(super) read: Read,
}

/// How a field is read; `None` where it is not known.
#[derive(Debug, Clone, Copy)]
pub(super) enum Read {
    Finding(for<'a> fn(&'a FindingObject<'a>) -> Option<Value<'a>>),
    Image(for<'a> fn(&'a ImageObject<'a>) -> Option<Value<'a>>),
}

/// The variables, with what they are.
pub(super) const VARIABLES: &[&str] = &["finding", "image", "today"];

const fn finding(
    name: &'static str,
    r#type: Type,
    meaning: &'static str,
    read: for<'a> fn(&'a FindingObject<'a>) -> Option<Value<'a>>,
) -> Field {
    Field { object: "finding", name, r#type, meaning, read: Read::Finding(read) }
}

const fn image(
    name: &'static str,
    r#type: Type,
    meaning: &'static str,
    read: for<'a> fn(&'a ImageObject<'a>) -> Option<Value<'a>>,
) -> Field {
    Field { object: "image", name, r#type, meaning, read: Read::Image(read) }
}

const BOOL: Type = Type::of(Kind::Bool);
const INT: Type = Type::of(Kind::Int);
const DOUBLE: Type = Type::of(Kind::Double);
const TEXT: Type = Type::of(Kind::Text);
const TEXTS: Type = Type::list(Kind::Text);
const TIME: Type = Type::of(Kind::Time);

/// Every field, in the order in which the documentation tells of them.
pub(super) static FIELDS: &[Field] = &[
    finding("id", TEXT, "fingerprint, the `id` of the JSON report", |it| {
        text(it.fingerprint.get_or_init(|| it.finding.fingerprint()))
    }),
    finding("rule", TEXT, "id of the rule, such as `image/root-user`", |it| text(it.finding.rule.id)),
    finding("family", TEXT, "part of it before the slash", |it| text(it.finding.rule.family())),
    finding("title", TEXT, "title of the rule", |it| text(it.finding.rule.title)),
    finding("severity", TEXT, "`info`, `low`, `medium`, `high` or `critical`", |it| text(it.finding.severity.as_str())),
    finding("severity_rank", INT, "the same from 0 (`info`) to 4 (`critical`), to compare by", |it| {
        Some(Value::Int(it.finding.severity as i64))
    }),
    finding("confidence", TEXT, "`low`, `medium` or `high`", |it| text(it.finding.confidence.as_str())),
    finding("message", TEXT, "what is wrong, in a sentence", |it| text(&it.finding.message)),
    finding("subject", TEXT, "what it is about: a path, a package URL, an advisory", |it| text(&it.finding.subject)),
    finding("path", TEXT, "the file, as reports show it; `config` for configuration and history", |it| {
        it.path().and_then(text)
    }),
    finding("layer", INT, "number of the layer it is in, from 0", |it| {
        Some(Value::Int(i64::from(it.finding.layer()?)))
    }),
    finding("key", TEXT, "field of the configuration, or name of the build argument", |it| it.key().and_then(text)),
    finding("origin", TEXT, "whose the layer is: `base`, `app` or `unknown`", |it| text(it.origin.as_str())),
    finding("visibility", TEXT, "whether a container sees it: `live`, `deleted` or `overwritten`", |it| {
        text(it.finding.visibility.as_str())
    }),
    finding("purl", TEXT, "package URL", |it| it.purl().and_then(text)),
    finding("package", TEXT, "name of the package, as its manager spells it", |it| text(&it.package()?.name)),
    finding("version", TEXT, "version of the package", |it| text(&it.package()?.version)),
    finding("ecosystem", TEXT, "id of its ecosystem, such as `deb` or `npm`", |it| text(it.package()?.ecosystem)),
    finding("ids", TEXTS, "ids of the flaw: `CVE-…`, `GHSA-…`", |it| {
        Some(Value::List(List::Json(it.proof("ids")?.as_array()?)))
    }),
    finding("fixable", BOOL, "whether a known action mends it", |it| Some(Value::Bool(it.finding.is_fixable))),
    finding("fixed", TEXT, "the version that mends the flaw", |it| text(it.proof("fixed")?.as_str()?)),
    finding("exploited", BOOL, "whether CISA's catalogue lists the flaw as exploited", |it| {
        Some(Value::Bool(it.proof("exploited").is_some()))
    }),
    finding("cvss", DOUBLE, "CVSS score, 0 to 10", |it| {
        Some(Value::Double(it.proof("rating")?.get("score")?.as_f64()?))
    }),
    finding("epss", DOUBLE, "EPSS: how probable it is that somebody uses the flaw in the next 30 days, 0 to 1", |it| {
        Some(Value::Double(it.proof("epss")?.get("score")?.as_f64()?))
    }),
    finding("age_days", INT, "days since the advisory was published", |it| Some(Value::Int(it.ages.advisory?))),
    finding("fix_age_days", INT, "days for which a version that mends the flaw has been there", |it| {
        Some(Value::Int(it.ages.fix?))
    }),
    finding("bytes", INT, "bytes it is about, such as those of a cache", |it| {
        Some(Value::Int(it.proof("bytes")?.as_i64()?))
    }),
    finding(
        "evidence",
        Type::map(Kind::Any),
        "what proves it, as in the JSON report; differs from rule to rule",
        |it| Some(Value::Map(Map::Evidence(&it.finding.evidence))),
    ),
    image("reference", TEXT, "as it was named", |it| text(&it.facts.reference)),
    image("tags", TEXTS, "names that an archive gives it", |it| texts(&it.facts.tags)),
    image("digest", TEXT, "digest of its manifest", |it| text(it.facts.digest.as_deref()?)),
    image("platform", TEXT, "such as `linux/amd64`", |it| text(it.facts.platform.as_deref()?)),
    image("distro.id", TEXT, "its distribution, as `ID` of `os-release`", |it| text(&it.facts.distro.as_ref()?.0)),
    image("distro.version", TEXT, "`VERSION_ID` of it", |it| text(&it.facts.distro.as_ref()?.1)),
    image("created", TIME, "when it was made, as its configuration says", |it| {
        Some(Value::Time(it.facts.created?.to_unix().saturating_mul(1_000)))
    }),
    image("age_days", INT, "days since then", |it| {
        Some(Value::Int(it.now.date().days_since(it.facts.created?.date())))
    }),
    image("size", INT, "uncompressed bytes of its layers", |it| whole(it.facts.size?)),
    image("stored", INT, "bytes of its layers as stored", |it| whole(it.facts.stored?)),
    image("waste", INT, "bytes that are shipped and seen by no container", |it| whole(it.facts.waste()?)),
    image("layers", INT, "how many layers it has", |it| whole(u64::from(it.facts.layers?))),
    image("packages", INT, "how many packages it has", |it| {
        let counted = || it.facts.packages.iter().filter(|package| package.is_counted).count();
        whole(u64::try_from(*it.packages.get_or_init(counted)).ok()?)
    }),
    image("user", TEXT, "`USER`, as written", |it| text(&it.facts.config.as_ref()?.user)),
    image("labels", Type::map(Kind::Text), "its labels", |it| {
        Some(Value::Map(Map::Texts(&it.facts.config.as_ref()?.labels)))
    }),
    image("ports", TEXTS, "ports, such as `80/tcp`", |it| texts(&it.facts.config.as_ref()?.ports)),
    image("healthcheck", BOOL, "whether it has a health check that is not switched off", |it| {
        Some(Value::Bool(it.facts.config.as_ref()?.healthcheck))
    }),
    image("base.name", TEXT, "name of the image it is built on", |it| text(it.facts.base.name.as_deref()?)),
    image("base.digest", TEXT, "its digest, as stated", |it| text(it.facts.base.digest.as_deref()?)),
    image("signature", BOOL, "whether a signature is attached in its registry", |it| {
        Some(Value::Bool(it.facts.attested.as_ref()?.has_signature))
    }),
    image("provenance", BOOL, "whether a statement of how it was built is attached", |it| {
        Some(Value::Bool(it.facts.attested.as_ref()?.has_provenance))
    }),
    image("data_hours", INT, "age of the advisories it was compared with, in hours", |it| {
        Some(Value::Int(it.facts.data_hours?))
    }),
];

impl Field {
    /// The words that it can be, where they are few.
    pub(super) fn words(&self) -> &'static [&'static str] {
        match (self.object, self.name) {
            ("finding", "severity") => &["info", "low", "medium", "high", "critical"],
            ("finding", "confidence") => &["low", "medium", "high"],
            ("finding", "origin") => &["base", "app", "unknown"],
            ("finding", "visibility") => &["live", "deleted", "overwritten"],
            _ => &[],
        }
    }
}

/// The table in Markdown, as `docs/conditions.md` has it.
pub fn fields_in_markdown() -> String {
    let mut page = String::from("| field | type | meaning |\n|---|---|---|\n");
    for Field { object, name, r#type, meaning, .. } in FIELDS {
        page += &format!("| `{object}.{name}` | {} | {meaning} |\n", r#type.name());
    }
    page + "| `today` | timestamp | the day of the scan, at midnight (UTC), or that of `--today` |\n"
}

/// A text; an empty one tells nothing.
fn text(text: &str) -> Option<Value<'_>> {
    (!text.is_empty()).then_some(Value::Text(text))
}

#[expect(clippy::unnecessary_wraps, reason = "what every row of the table gives")]
fn texts(texts: &[String]) -> Option<Value<'_>> {
    Some(Value::List(List::Texts(texts)))
}

#[expect(clippy::unnecessary_wraps, reason = "what every row of the table gives")]
fn whole<'a>(value: u64) -> Option<Value<'a>> {
    Some(Value::Int(i64::try_from(value).unwrap_or(i64::MAX)))
}
