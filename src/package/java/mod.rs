//! Java archives and what is packed into them (JAR File Specification; Maven Archiver): jars, wars and their kin.
//!
//! An archive is named by the record that Maven wrote into it, else by its manifest and its own name. Records of other
//! artifacts in the same archive are shaded copies. Archives inside are read in memory, one budget for all of a file.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod group;
mod manifest;
mod pom;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::collect::{About, Collector, Delivery, Fact, Facts, File, PackageFact, Select};
use crate::digest::sha1;
use crate::format::zip::{Archive, Budget, Entry, ZipError};
use crate::inventory::Proof;
use crate::rule::Confidence;
use crate::size::ByteSize;

use self::manifest::Manifest;
use self::pom::Pom;
use super::ecosystem::MAVEN;
use super::purl;
use super::text::{Complaints, PACKAGES_PER_FILE, PATH, field};

/// Archives inside one another, the file itself not counted. An ear with wars with jars has two.
const DEPTH: usize = 8;

/// Bytes of expanded archives held at once, all of one file together, those that are stored without compression not
/// counted: the fewest and the most that a file is allowed, and how often its own length between the two. Archives
/// in archives hardly shrink, so that real ones are held in little more than the length of the file; of small files
/// made to grow as many are read at once as there are threads.
const HELD: std::ops::RangeInclusive<usize> = 64 << 20..=256 << 20;
const HELD_OF_LENGTH: usize = 2;

/// Bytes of texts kept of one file: names, places, dependencies. The largest real ones have below 1 MiB.
const TEXTS: usize = 64 << 20;

/// Largest `pom.properties`, in bytes; real ones have 200.
const PROPERTIES: usize = 64 << 10;

/// Largest `pom.xml` and manifest, in bytes. Signed archives list each of their files in the manifest.
const DOCUMENT: usize = 16 << 20;

/// Endings of the names of archives that Java programs load.
const ENDINGS: &[&str] = &[".jar", ".war", ".ear", ".par", ".sar", ".jpi", ".hpi", ".nar", ".kar", ".lpkg"];

/// Reads every Java archive.
pub(super) struct Java;

static ABOUT: About = About {
    title: "Java archives",
    ecosystems: &[&MAVEN],
    reads: "Group, artifact, version, licence and dependencies of each artifact from the records of Maven in \
                the archive, with archives in archives to a depth of 8 and copies shaded into others. An archive without \
                such a record is taken for what its manifest and its name say, with low confidence; with medium \
                confidence where it is a well-known artifact and the two agree. SHA-1 of each archive is kept.",
    not_seen: &[
        "archives whose name and manifest give no version",
        "shaded copies whose records were left out",
        "programs unpacked into folders, but for the archives in these",
        "archives under other endings, such as `.zip`, and files of modules (`.jmod`, `jimage`)",
    ],
    references: &[
        "https://docs.oracle.com/en/java/javase/21/docs/specs/jar/jar.html",
        "https://maven.apache.org/shared/maven-archiver/index.html",
        "https://maven.apache.org/pom.html",
    ],
};

impl Collector for Java {
    fn id(&self) -> &'static str {
        "java"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[
            Select::Suffix(".jar"),
            Select::Suffix(".war"),
            Select::Suffix(".ear"),
            Select::Suffix(".par"),
            Select::Suffix(".sar"),
            Select::Suffix(".jpi"),
            Select::Suffix(".hpi"),
            Select::Suffix(".nar"),
            Select::Suffix(".kar"),
            Select::Suffix(".lpkg"),
            Select::Suffix(".JAR"),
            Select::Suffix(".WAR"),
            Select::Suffix(".EAR"),
        ]
    }

    /// The directory of a zip archive stands at its end, and programs with all their libraries in one file reach
    /// some hundreds of MiB.
    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize::mib(512))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        // how a later layer takes an archive away
        if file.bytes.is_empty() {
            return;
        }
        let mut reading = Reading::new(file.bytes.len());
        let name = String::from_utf8_lossy(file.path.file_name());
        reading.archive(file.bytes, &name, "", 0);
        for package in reading.found {
            facts.package(package);
        }
        reading.complaints.push(facts);
        for what in reading.oddities.into_texts() {
            facts.push(Fact::Oddity(what.into()));
        }
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

/// One file while it and the archives in it are read.
struct Reading {
    budget: Budget,
    /// Bytes of expanded archives that may be held besides those that are.
    free: usize,
    texts: usize,
    found: Vec<PackageFact>,
    complaints: Complaints,
    /// What hides no package.
    oddities: Complaints,
    /// Nothing more is read.
    is_over: bool,
}

/// What an entry is.
enum Kind {
    Properties,
    Project,
    Manifest,
    Archive,
    Other,
}

/// Every `pom.xml` by its folder, in the order of the archive: an archive may have several of one name.
type Projects<'a, 'e> = BTreeMap<&'a [u8], VecDeque<&'e Entry<'a>>>;

/// An artifact that an archive has a record of.
struct Record {
    group: String,
    artifact: String,
    version: String,
    pom: Pom,
    /// The entry.
    at: String,
}

impl Reading {
    fn new(length: usize) -> Self {
        Self {
            budget: Budget::for_file(length),
            free: length.saturating_mul(HELD_OF_LENGTH).clamp(*HELD.start(), *HELD.end()),
            texts: TEXTS,
            found: Vec::new(),
            complaints: Complaints::default(),
            oddities: Complaints::default(),
            is_over: false,
        }
    }

    /// Reads the archive `bytes`, called `name`, which is at `place` in the file, or is the file itself. `depth`
    /// archives are around it.
    fn archive(&mut self, bytes: &[u8], name: &str, place: &str, depth: usize) {
        let archive = match Archive::open(bytes, &mut self.budget) {
            Ok(archive) => archive,
            Err(ZipError::NoArchive) => {
                // other programs use some of the endings too; and what Java cannot open hides nothing
                if is_surely_java(name) {
                    let at = if place.is_empty() { String::new() } else { format!("`{}`: ", shown(place)) };
                    self.oddities.add(format!("{at}{}", ZipError::NoArchive));
                }
                return;
            }
            Err(error) => return self.complain(place, "", error),
        };
        self.flaws(&archive, place);
        let (mut properties, mut archives) = (Vec::new(), Vec::new());
        let mut projects: Projects<'_, '_> = BTreeMap::new();
        let mut manifest = None;
        for entry in archive.entries() {
            match kind(entry.name) {
                Kind::Properties => properties.push(entry),
                Kind::Project => projects.entry(folder(entry.name)).or_default().push_back(entry),
                Kind::Manifest => {
                    if manifest.replace(entry).is_some() {
                        let at = join(place, &String::from_utf8_lossy(entry.name));
                        self.oddities.add(format!("`{}` is there more than once; the last one is read", shown(&at)));
                    }
                }
                Kind::Archive => archives.push(entry),
                Kind::Other => {}
            }
        }
        let stem = stem(name);
        let records = self.records(&archive, &properties, projects, stem, place);
        let manifest = manifest.and_then(|entry| self.content(&archive, entry, DOCUMENT, place));
        let manifest = manifest.map(|bytes| Manifest::parse(&bytes)).unwrap_or_default();
        self.list(records, &manifest, name, bytes, place);

        for entry in archives {
            if self.is_over {
                return;
            }
            let inner = String::from_utf8_lossy(entry.name);
            let inner_place = join(place, &inner);
            if depth >= DEPTH {
                let what = format!("archives nest deeper than {DEPTH}; `{}` is not read", shown(&inner_place));
                self.complaints.add(what);
                continue;
            }
            if inner_place.len() > PATH || field(inner_place.as_bytes()).is_none() {
                self.complaints.add(format!("`{}` has an unusable name; it is not read", shown(&inner_place)));
                continue;
            }
            let Some(content) = self.content(&archive, entry, self.free, place) else { continue };
            if content.is_empty() {
                continue;
            }
            let size = if matches!(content, Cow::Owned(_)) { content.len() } else { 0 };
            self.free = self.free.saturating_sub(size);
            let inner_name = inner.rsplit('/').next().unwrap_or(&inner);
            self.archive(&content, inner_name, &inner_place, depth.saturating_add(1));
            self.free = self.free.saturating_add(size);
        }
    }

    /// The artifacts that an archive has records of, each once.
    fn records<'a>(
        &mut self,
        archive: &Archive<'a>,
        properties: &[&Entry<'a>],
        mut projects: Projects<'a, '_>,
        stem: &str,
        place: &str,
    ) -> Vec<Record> {
        let mut poms = Vec::new();
        for entry in properties {
            let Some(content) = self.content(archive, entry, PROPERTIES, place) else { continue };
            let mut pom = pom::parse_properties(&content);
            if let Some(project) = projects.get_mut(folder(entry.name)).and_then(VecDeque::pop_front) {
                pom = pom.complete(self.project(archive, project, place));
            }
            poms.push((pom, entry.name));
        }
        for entry in projects.into_values().flatten() {
            poms.push((self.project(archive, entry, place), entry.name));
        }
        let mut known = BTreeSet::new();
        let mut records = Vec::new();
        for (pom, at) in poms {
            let at = String::from_utf8_lossy(at).into_owned();
            let (group, artifact) = folders(&at);
            let group = pom.group.clone().or(group);
            let artifact = pom.artifact.clone().or(artifact);
            let in_name = || {
                let (name, version) = manifest::split_name(stem);
                version.filter(|_| Some(name) == artifact.as_deref()).map(str::to_owned)
            };
            let version = pom.version.clone().or_else(in_name);
            match (group, artifact, version) {
                (Some(group), Some(artifact), Some(version)) => {
                    if known.insert((group.clone(), artifact.clone(), version.clone())) {
                        records.push(Record { group, artifact, version, pom, at });
                    }
                }
                // other programs have files of this name too
                _ if !at.starts_with("META-INF/maven/") => {}
                _ => {
                    let at = shown(&join(place, &at));
                    self.complaints.add(format!("`{at}` does not give group, artifact and version"));
                }
            }
        }
        records
    }

    fn project<'a>(&mut self, archive: &Archive<'a>, entry: &Entry<'a>, place: &str) -> Pom {
        let Some(content) = self.content(archive, entry, DOCUMENT, place) else { return Pom::default() };
        match pom::parse_project(&content) {
            Ok(pom) => pom,
            Err(what) => {
                let at = join(place, &String::from_utf8_lossy(entry.name));
                self.complaints.add(format!("`{}` is not understood: {what}", shown(&at)));
                Pom::default()
            }
        }
    }

    /// Lists the archive itself and the copies shaded into it.
    fn list(&mut self, records: Vec<Record>, manifest: &Manifest, name: &str, bytes: &[u8], place: &str) {
        let stem = stem(name);
        let own = own_record(&records, stem, manifest);
        let inside = (!place.is_empty()).then(|| place.into());
        // beside copies, only a name with a version tells of an artifact of its own
        if own.is_none()
            && (records.is_empty() || manifest::split_name(stem).1.is_some())
            && let Some(guess) = manifest::guess(stem, manifest)
            && let Some(fact) = purl::fact(&MAVEN, &guess.name, &guess.version)
        {
            self.keep(PackageFact {
                licence: manifest.licence.clone(),
                confidence: Some(guess.confidence),
                proof: Proof::Name(name.into()),
                sha1: Some(sha1(bytes)),
                inside: inside.clone(),
                ..fact
            });
        }
        for (index, record) in records.into_iter().enumerate() {
            let Record { group, artifact, version, pom, at } = record;
            let Some(fact) = purl::fact(&MAVEN, &format!("{group}:{artifact}"), &version) else {
                self.complaints.add(format!("`{}` names no artifact", shown(&join(place, &at))));
                continue;
            };
            let fact = PackageFact { licence: pom.licence, needs: pom.needs, ..fact };
            self.keep(if own == Some(index) {
                let licence = fact.licence.or_else(|| manifest.licence.clone());
                PackageFact { licence, sha1: Some(sha1(bytes)), inside: inside.clone(), ..fact }
            } else {
                // parts of the copy may have been left out
                let inside = Some(join(place, &at).into());
                PackageFact { confidence: Some(Confidence::Medium), inside, ..fact }
            });
        }
    }

    fn keep(&mut self, fact: PackageFact) {
        if self.is_over {
            return;
        }
        let needs = fact.needs.iter().map(|need| need.name.len().saturating_add(64));
        let texts = [fact.name.len(), fact.version.len(), fact.inside.as_ref().map_or(0, |inside| inside.len())];
        let size = needs.chain(texts).fold(512, usize::saturating_add);
        if let Some(rest) = self.texts.checked_sub(size).filter(|_| self.found.len() < PACKAGES_PER_FILE) {
            self.texts = rest;
            self.found.push(fact);
        } else {
            self.is_over = true;
            self.complaints.add("it holds more artifacts than any real one; the rest is not listed".to_owned());
        }
    }

    /// The content of an entry; what is wrong with it is told.
    fn content<'a>(
        &mut self,
        archive: &Archive<'a>,
        entry: &Entry<'a>,
        most: usize,
        place: &str,
    ) -> Option<Cow<'a, [u8]>> {
        if self.is_over {
            return None;
        }
        match archive.read(entry, most, &mut self.budget) {
            Ok(content) => Some(content),
            Err(error) => {
                self.is_over |= error == ZipError::OverBudget;
                self.complain(place, &String::from_utf8_lossy(entry.name), error);
                None
            }
        }
    }

    /// Tells the flaws that may hide a package: those of the archive, and of entries that would be read. Records
    /// and archives that are there twice are read twice, and of manifests it is told.
    fn flaws(&mut self, archive: &Archive<'_>, place: &str) {
        let flaws = archive.flaws();
        let are_doubles = flaws.iter().all(|(_, error)| matches!(error, ZipError::DuplicateName | ZipError::More(_)));
        for (name, error) in flaws.iter().filter(|_| !are_doubles) {
            match name {
                // told when it is read
                Some(_) if *error != ZipError::Truncated => {}
                Some(name) if matches!(kind(name), Kind::Other) => {}
                Some(name) => self.complain(place, &String::from_utf8_lossy(name), *error),
                None => self.complain(place, "", *error),
            }
        }
    }

    fn complain(&mut self, place: &str, entry: &str, error: ZipError) {
        self.is_over |= error == ZipError::OverBudget;
        let at = if entry.is_empty() { place.to_owned() } else { join(place, entry) };
        self.complaints.add(if at.is_empty() { error.to_string() } else { format!("`{}`: {error}", shown(&at)) });
    }
}

/// The record of the archive itself: the one that its name or its manifest fits best, or the only one.
fn own_record(records: &[Record], stem: &str, manifest: &Manifest) -> Option<usize> {
    let (in_name, version_in_name) = manifest::split_name(stem);
    let rank = |record: &Record| {
        let Record { group, artifact, version, .. } = record;
        // some unpack repositories to `group.artifact-version.jar`
        let name = stem.strip_prefix(group.as_str()).and_then(|rest| rest.strip_prefix('.')).unwrap_or(stem);
        let rest = name.strip_prefix(artifact.as_str());
        let rest_of_version = rest.and_then(|rest| rest.strip_prefix('-')?.strip_prefix(version.as_str()));
        if rest_of_version.is_some_and(|rest| rest.is_empty() || rest.starts_with('-')) {
            5
        } else if rest == Some("") {
            4
        } else if manifest.names(artifact) && manifest.version() == Some(version) {
            3
        } else if version_in_name == Some(version) {
            2
        } else {
            u8::from(in_name == artifact)
        }
    };
    // of equals the first
    let best = records.iter().enumerate().rev().max_by_key(|(_, record)| rank(record));
    let (index, record) = best?;
    // an only record names a file that was renamed, but not one that has a version of its own
    (rank(record) > 0 || records.len() == 1 && version_in_name.is_none()).then_some(index)
}

fn kind(name: &[u8]) -> Kind {
    if name.ends_with(b"/pom.properties") {
        return Kind::Properties;
    }
    if name == b"META-INF/MANIFEST.MF" {
        return Kind::Manifest;
    }
    if name.starts_with(b"META-INF/maven/") && name.ends_with(b"/pom.xml") {
        return Kind::Project;
    }
    let has_ending = |ending: &&str| {
        let tail = name.len().checked_sub(ending.len()).and_then(|at| name.get(at..));
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(ending.as_bytes()))
    };
    if ENDINGS.iter().any(has_ending) { Kind::Archive } else { Kind::Other }
}

/// Whether an ending is Java's alone. `.par` is also Perl's, `.nar` also Node's, `.sar` also SAP's.
fn is_surely_java(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".jar", ".war", ".ear", ".jpi", ".hpi"].iter().any(|ending| name.ends_with(ending))
}

/// The name without its ending.
fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// The folder of an entry.
fn folder(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(|b| *b == b'/').unwrap_or_default();
    name.get(..end).unwrap_or_default()
}

/// Group and artifact by the folders that Maven puts a record in: `META-INF/maven/GROUP/ARTIFACT/pom.properties`.
fn folders(at: &str) -> (Option<String>, Option<String>) {
    let parts: Vec<&str> = at.split('/').take(6).collect();
    match *parts {
        ["META-INF", "maven", group, artifact, _] => (field(group.as_bytes()), field(artifact.as_bytes())),
        _ => (None, None),
    }
}

/// The place of an entry of the archive at `place`.
fn join(place: &str, entry: &str) -> String {
    if place.is_empty() { entry.to_owned() } else { format!("{place}!/{entry}") }
}

/// A place for a message: its end says most.
fn shown(place: &str) -> String {
    let skip = place.chars().count().saturating_sub(300);
    place.chars().skip(skip).filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests;
