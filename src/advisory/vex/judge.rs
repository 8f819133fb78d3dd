//! Which statement decides about a flaw in a package of an image.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Value, json};

use super::component::{Component, Image, Product};
use super::purl::Purl;
use super::{Document, Statement, Status};
use crate::finding::Acceptance;
use crate::limitation::Limitation;
use crate::time::Timestamp;

/// How far ahead of the clock a statement may be dated, in seconds: clocks differ, and so do time zones that somebody
/// left out.
const AHEAD: i64 = 24 * 3600;

/// Products that are named of statements that fit nothing.
const NAMED: usize = 5;

/// All documents, arranged by the flaws they are about.
#[derive(Debug, Default)]
pub struct Judge {
    documents: Vec<Document>,
    /// Statements by the names of flaws in small letters, in the order of documents and statements.
    by_id: HashMap<String, Vec<u32>>,
    statements: Vec<Entry>,
    /// The time, if what is dated after it is to be told apart.
    now: Option<Timestamp>,
}

/// The statements that were about some flaw of an image, whether they decided or not.
#[derive(Debug, Default)]
pub struct Fitting(BTreeSet<u32>);

/// A statement and what finds its products.
#[derive(Debug)]
struct Entry {
    document: usize,
    statement: usize,
    /// Products by the packages that they name, or that their parts are.
    by_package: HashMap<String, Vec<Arc<Product>>>,
    /// Products that name no package.
    whole: Vec<Arc<Product>>,
}

/// A flaw in a package, about which statements are sought.
#[derive(Debug, Clone, Copy)]
pub struct Hit<'a> {
    /// All names of the flaw: those of its group of aliases.
    pub ids: &'a [String],
    /// The package.
    pub purl: &'a str,
    /// The source package that it was built of, such as `pkg:deb/debian/openssl@3.0.11-1?arch=source`.
    pub source_purl: Option<&'a str>,
    /// Packages as a part of which alone the image has it, such as the module whose program it is compiled into.
    pub within: &'a [&'a str],
    /// The image.
    pub image: &'a Image,
}

/// What is said of a flaw in a package.
#[derive(Debug, Clone, Copy)]
pub struct Judgement<'a> {
    /// The statement that decides.
    pub statement: &'a Statement,
    /// The document it is from.
    pub document: &'a Document,
}

impl Judge {
    /// Arranges documents; of equal statements, those of later ones decide.
    pub fn new(documents: Vec<Document>) -> Self {
        let mut judge = Self::default();
        for (at, document) in documents.iter().enumerate() {
            for (number, statement) in document.statements.iter().enumerate() {
                let Ok(index) = u32::try_from(judge.statements.len()) else { break };
                let mut ids: Vec<String> = statement.ids.iter().map(|id| folded(id)).collect();
                ids.sort_unstable();
                ids.dedup();
                for id in ids {
                    judge.by_id.entry(id).or_default().push(index);
                }
                judge.statements.push(Entry::new(at, number, statement));
            }
        }
        judge.documents = documents;
        judge
    }

    /// Says what time it is: a statement from the future then gives way to all others.
    #[must_use]
    pub fn as_of(self, now: Timestamp) -> Self {
        Self { now: Some(now), ..self }
    }

    /// Whether there is nothing to judge by.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// The statement that decides about a flaw in a package: the newest of those that apply; of equally old ones
    /// that which names the package rather than the whole image; then the later in order.
    pub fn of(&self, hit: &Hit<'_>) -> Option<Judgement<'_>> {
        self.of_fitting(hit, &mut Fitting::default())
    }

    /// As [`Judge::of`]; notes all statements that apply.
    pub fn of_fitting(&self, hit: &Hit<'_>, fitting: &mut Fitting) -> Option<Judgement<'_>> {
        if self.statements.is_empty() {
            return None;
        }
        let sought = Sought {
            packages: [Some(hit.purl), hit.source_purl].into_iter().flatten().filter_map(Purl::parse).collect(),
            within: hit.within.iter().filter_map(|purl| Purl::parse(purl)).collect(),
            image: hit.image,
        };
        let keys: Vec<String> = sought.packages.iter().chain(&sought.within).map(Purl::key).collect();
        let mut indices: Vec<u32> =
            hit.ids.iter().filter_map(|id| self.by_id.get(&folded(id))).flatten().copied().collect();
        indices.sort_unstable();
        indices.dedup();
        let mut best: Option<(Rank, Judgement<'_>)> = None;
        for index in indices {
            let Some(entry) = usize::try_from(index).ok().and_then(|index| self.statements.get(index)) else {
                continue;
            };
            let Some(document) = self.documents.get(entry.document) else { continue };
            let Some(statement) = document.statements.get(entry.statement) else { continue };
            let Some(aim) = entry.aim(&keys, &sought) else { continue };
            fitting.0.insert(index);
            let rank = (!self.is_ahead(statement), statement.timestamp, aim);
            if best.as_ref().is_none_or(|(other, _)| rank >= *other) {
                best = Some((rank, Judgement { statement, document }));
            }
        }
        best.map(|(_, judgement)| judgement)
    }

    fn is_ahead(&self, statement: &Statement) -> bool {
        let ahead = |time: Timestamp, now: Timestamp| time.to_unix().saturating_sub(now.to_unix()) > AHEAD;
        statement.timestamp.zip(self.now).is_some_and(|(time, now)| ahead(time, now))
    }

    /// What a reader must know of the documents: that statements are dated in the future, and how many were about
    /// none of the flaws that were found.
    pub fn notes(&self, fitting: &Fitting) -> Vec<Limitation> {
        let mut notes = Vec::new();
        for document in &self.documents {
            let mut ahead = document.statements.iter().filter(|statement| self.is_ahead(statement)).peekable();
            let Some(time) = ahead.peek().and_then(|statement| statement.timestamp) else { continue };
            let what = match ahead.count() {
                1 => format!("a statement is dated in the future ({time}): it gives way to all others"),
                count => {
                    format!("{count} statements are dated in the future (one of {time}): they give way to all others")
                }
            };
            let note = Limitation::note("vex-in-the-future", document.place.clone(), what);
            notes.push(note.help("mend the date, or the clock of this machine"));
        }
        let idle: Vec<&Entry> = (0_u32..)
            .zip(&self.statements)
            .filter(|(index, _)| !fitting.0.contains(index))
            .map(|(_, entry)| entry)
            .collect();
        if !idle.is_empty() {
            let of_entry = |entry: &&Entry| self.documents.get(entry.document)?.statements.get(entry.statement);
            let labels = idle.iter().filter_map(of_entry).flat_map(|statement| {
                let id = statement.ids.first().map_or("", String::as_str);
                let labels = statement.products.iter().map(|product| product.component.label.as_str());
                labels.filter(|label| !label.is_empty()).map(move |label| format!("{} in {label}", super::shown(id)))
            });
            let named: Vec<String> = labels.take(NAMED).collect();
            let products = if named.is_empty() { String::new() } else { format!(", such as {}", named.join(", ")) };
            let what =
                format!("{} of {} statements fit no flaw that was found{products}", idle.len(), self.statements.len());
            let help = "nothing is wrong if they are about other products, or flaws that are gone; if not, compare their \
                        products with the purls in the report";
            notes.push(Limitation::note("vex-fits-nothing", "VEX documents", what).help(help));
        }
        notes
    }
}

/// What a product must be, for a statement to apply.
struct Sought<'a> {
    packages: Vec<Purl>,
    within: Vec<Purl>,
    image: &'a Image,
}

/// What decides between statements that apply: that it is not from the future, its time, how closely it aims.
type Rank = (bool, Option<Timestamp>, Aim);

/// How closely a statement aims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Aim {
    /// At everything in a product.
    Whole,
    /// At the package.
    Package,
}

impl Entry {
    fn new(document: usize, number: usize, statement: &Statement) -> Self {
        let mut entry = Self { document, statement: number, by_package: HashMap::new(), whole: Vec::new() };
        for product in &statement.products {
            let components = std::iter::once(&product.component).chain(&product.subcomponents);
            let mut keys: Vec<String> =
                components.flat_map(|one| &one.purls).filter(|purl| !purl.is_image()).map(Purl::key).collect();
            keys.sort_unstable();
            keys.dedup();
            if keys.is_empty() {
                entry.whole.push(Arc::clone(product));
            }
            for key in keys {
                entry.by_package.entry(key).or_default().push(Arc::clone(product));
            }
        }
        entry
    }

    fn aim(&self, keys: &[String], sought: &Sought<'_>) -> Option<Aim> {
        let named = keys.iter().filter_map(|key| self.by_package.get(key)).flatten();
        named.chain(&self.whole).filter_map(|product| sought.aim(product)).max()
    }
}

impl Sought<'_> {
    fn aim(&self, product: &Product) -> Option<Aim> {
        let is_it = |component: &Component| self.packages.iter().any(|package| component.is_package(package));
        let Product { component, subcomponents } = product;
        // whatever its parts, the product is said to be in that state
        if is_it(component) {
            return Some(Aim::Package);
        }
        let is_around =
            component.is_image(self.image) || self.within.iter().any(|package| component.is_package(package));
        match subcomponents.as_slice() {
            _ if !is_around => None,
            [] => Some(Aim::Whole),
            parts => parts.iter().any(is_it).then_some(Aim::Package),
        }
    }
}

impl Judgement<'_> {
    /// What it says.
    pub fn status(&self) -> Status {
        self.statement.status
    }

    /// That which takes a finding out of the verdict; `None` for a status by which it counts.
    pub fn acceptance(&self) -> Option<Acceptance> {
        let Statement { status, justification, impact, .. } = self.statement;
        let Document { author, place, .. } = self.document;
        // that a flaw is mended needs no reason
        let silent = || match status {
            Status::Fixed => format!("fixed, says {place}"),
            _ => "no reason is given".to_owned(),
        };
        status.suppresses().then(|| Acceptance {
            status: status.as_str().to_owned(),
            justification: justification.clone(),
            reason: impact.as_ref().or(justification.as_ref()).cloned().unwrap_or_else(silent),
            place: if author.is_empty() { place.clone() } else { format!("{place} ({})", super::shown(author)) },
        })
    }

    /// What a report keeps of it as a finding's evidence `vex`.
    pub fn evidence(&self) -> Value {
        let Statement { status, justification, impact, action, timestamp, .. } = self.statement;
        let Document { id, author, place, format, .. } = self.document;
        let mut evidence = json!({
            "status": status.as_str(), "document": id, "author": author, "place": place, "format": format.name(),
        });
        if let Some(fields) = evidence.as_object_mut() {
            let given = [("justification", justification), ("impact", impact), ("action", action)];
            for (name, value) in given {
                fields.extend(value.as_ref().map(|value| (name.to_owned(), Value::from(value.as_str()))));
            }
            fields.extend(timestamp.map(|time| ("timestamp".to_owned(), Value::from(time.to_string()))));
        }
        evidence
    }
}

/// A name of a flaw, in whatever letters it is written.
fn folded(id: &str) -> String {
    id.trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    #[test]
    fn the_future_gives_way_and_what_fits_nothing_is_counted() {
        let say = |id: &str, product: &str, status: &str, time: &str| {
            json!({
                "vulnerability": {"name": id}, "products": [{"@id": product}], "status": status, "timestamp": time,
            })
        };
        let judge = |statements: Vec<Value>| {
            let document = json!({
                "@context": "https://openvex.dev/ns/v0.2.0", "@id": "urn:x", "author": "us", "version": 1,
                "timestamp": "2024-01-01T00:00:00Z", "statements": statements,
            });
            let document = read(document.to_string().as_bytes(), "own.json").expect("it is read");
            Judge::new(vec![document]).as_of("2026-08-21T00:00:00Z".parse().expect("a time"))
        };
        let (ids, image) = (["CVE-1".to_owned()], Image::new([], [], None));
        let hit = Hit { ids: &ids, purl: "pkg:npm/a@1", source_purl: None, within: &[], image: &image };
        let (past, soon, far) = ("2026-01-01T00:00:00Z", "2026-08-21T12:00:00Z", "2036-01-01T00:00:00Z");
        let cases = [
            (vec![("fixed", past), ("affected", far)], Status::Fixed, 1),
            (vec![("fixed", far), ("affected", past)], Status::Affected, 1),
            (vec![("fixed", past), ("affected", soon)], Status::Affected, 0),
            (vec![("fixed", far), ("affected", far)], Status::Affected, 1),
        ];
        for (said, expected, notes) in cases {
            let judge = judge(said.iter().map(|(status, time)| say("CVE-1", "pkg:npm/a", status, time)).collect());
            let mut fitting = Fitting::default();
            assert_eq!(judge.of_fitting(&hit, &mut fitting).map(|one| one.status()), Some(expected), "{said:?}");
            let found = judge.notes(&fitting);
            assert_eq!(found.iter().map(|note| note.code).collect::<Vec<_>>(), vec!["vex-in-the-future"; notes]);
        }
        let judge = judge(vec![
            say("CVE-1", "pkg:npm/a", "fixed", past),
            say("CVE-1", "pkg:npm/b", "fixed", past),
            say("CVE-2", "pkg:npm/a", "fixed", past),
        ]);
        let mut fitting = Fitting::default();
        judge.of_fitting(&hit, &mut fitting);
        let notes: Vec<String> = judge.notes(&fitting).into_iter().map(|note| note.what).collect();
        assert_eq!(
            notes,
            ["2 of 3 statements fit no flaw that was found, such as CVE-1 in pkg:npm/b, CVE-2 in pkg:npm/a"]
        );
    }

    #[test]
    fn a_reason_is_given_or_said_to_be_missing() {
        let cases = [
            (json!({"status": "fixed"}), "fixed, says own.json"),
            (json!({"status": "not_affected", "impact_statement": "never called"}), "never called"),
            (json!({"status": "not_affected", "justification": "component_not_present"}), "component_not_present"),
        ];
        for (statement, reason) in cases {
            let mut statement = statement;
            statement["vulnerability"] = json!({"name": "CVE-1"});
            statement["products"] = json!([{"@id": "pkg:npm/a"}]);
            let document = json!({
                "@context": "https://openvex.dev/ns/v0.2.0", "@id": "urn:x", "author": "us", "version": 1,
                "timestamp": "2024-01-01T00:00:00Z", "statements": [statement],
            });
            let judge = Judge::new(vec![read(document.to_string().as_bytes(), "own.json").expect("it is read")]);
            let (ids, image) = (["CVE-1".to_owned()], Image::new([], [], None));
            let hit = Hit { ids: &ids, purl: "pkg:npm/a@1", source_purl: None, within: &[], image: &image };
            let acceptance = judge.of(&hit).and_then(|judgement| judgement.acceptance()).expect("it suppresses");
            assert_eq!(acceptance.reason, reason);
            assert_eq!(acceptance.place, "own.json (us)");
        }
    }
}
