//! The flaws of an image: each package is looked up under the names that feeds have for it, and what is found is
//! grouped by flaw, graded, and ranked.
//!
//! Packages of the system are judged by their distribution, by source package and its version. Packages of a language
//! are judged by their own ecosystem; those that a package of the system owns are left to the distribution, if its feed
//! tells of all flaws. What could not be judged is counted, and told: no data is never the same as no flaw.

mod fix;
mod scope;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use crate::error::Result;
use crate::inventory::{Inventory, Package};
use crate::rule::Confidence;

use super::catalogue::{Catalogue, Match, Question};
use super::distro::{self, Coverage, Names};
use super::group::{self, Group};
use super::name::{self, ecosystem};
use super::osv::{is_erratum, is_no_flaw};
use super::record::{Advisory, Posting};
use super::risk::{Epss, Exploited};
use super::severity::{Grade, Voice, grade};

use fix::{fix, kind_of, upgrade};
use scope::{
    Epochs, common_architecture, el_of, is_kernel_image, is_of_kernel, module_label, range_ends, settle_extended,
    settle_paid, vendor_of, version_of,
};

/// Flaws of packages that are told one by one; no real image comes near.
const MOST_FLAWS: usize = 50_000;

/// Ids of one flaw that are looked up for how grave it is.
const MOST_IDS: usize = 100;

/// Repositories of one language besides its own that are asked.
const MOST_REPOSITORIES: usize = 100;

/// What advisories say of an image.
#[derive(Debug, Default)]
pub struct Flaws {
    /// By package in the inventory's order, then by name.
    pub flaws: Vec<Flaw>,
    /// What there are no data for, with how many packages were not judged for it. Sorted by name.
    pub missing: BTreeMap<String, usize>,
    /// Kinds of packages of languages that no feed is known to be about, with how many there are.
    pub without_feed: BTreeMap<&'static str, usize>,
    /// Packages of which a version was not understood.
    pub unmatched: Vec<Unmatched>,
    /// Packages that were looked up.
    pub judged: usize,
    /// Packages left to the distribution, whose package owns them.
    pub left_to_distribution: usize,
    /// Packages of a kernel that is not there: no flaw of it can be used in a container.
    pub without_kernel: usize,
    /// Packages of the system that somebody else than the distribution made.
    pub foreign: usize,
    /// Families that were asked, such as `Debian`.
    pub families: BTreeSet<String>,
    /// What a reader must know of how the distribution was judged.
    pub note: Option<&'static str>,
    /// Flaws beyond those that are told one by one.
    pub beyond: usize,
}

/// A package that could not be compared with what is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmatched {
    /// Index in [`Inventory::packages`].
    pub package: u32,
    /// Why.
    pub reason: String,
    /// The records that may affect it, sorted.
    pub records: Vec<String>,
}

/// What kind of thing is known of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It was made to do harm.
    Malicious,
    /// It has a flaw.
    Vulnerable,
    /// It is unsound: using it in an allowed way may break memory safety.
    Unsound,
    /// Nobody looks after it.
    Unmaintained,
    /// Something else its users should know.
    Notice,
}

/// A flaw of a package.
#[derive(Debug, Clone)]
pub struct Flaw {
    /// Index in [`Inventory::packages`].
    pub package: u32,
    /// What the records say, the same for all packages of one source.
    pub about: Rc<About>,
    /// How sure it is that the package has it.
    pub confidence: Confidence,
    /// Why it is not surer.
    pub doubt: Option<&'static str>,
    /// The lowest version that ends all flaws of the package which some version ends for everybody.
    pub upgrade: Option<Rc<str>>,
}

/// What records say of one flaw for one name and version.
#[derive(Debug, Clone)]
pub struct About {
    /// The ids it goes by, and which records speak of it.
    pub group: Group,
    /// What kind of thing it is.
    pub kind: Kind,
    /// Why the version is affected, by record.
    pub matches: Vec<Match>,
    /// Its records, in the order of the matches.
    pub records: Vec<Advisory>,
    /// The name and the version that were compared.
    pub asked: Question,
    /// The lowest version that ends it.
    pub fixed: Option<String>,
    /// Under what terms that version can be had, where not everybody can have it.
    pub terms: Option<String>,
    /// What the distribution means to do.
    pub status: Option<String>,
    /// How grave it is, if anybody says so.
    pub grade: Option<Grade>,
    /// Whether somebody was seen exploiting it.
    pub exploited: Option<Exploited>,
    /// How likely somebody exploits it soon.
    pub epss: Option<Epss>,
}

/// The families whose data the image's packages are looked up in, with the releases: what must be there to judge it.
pub fn families_of(inventory: &Inventory) -> BTreeSet<String> {
    let system = inventory.distro.as_ref().and_then(distro::family);
    let has_system = inventory.packages.iter().any(|package| package.ecosystem.is_system);
    let counted = inventory.packages.iter().filter(|package| package.is_counted);
    let languages = counted.filter_map(|package| distro::language_family(package.ecosystem.id));
    let vendors = inventory.packages.iter().filter_map(|package| vendor_of(&package.version));
    languages.chain(system.filter(|_| has_system)).chain(vendors).map(str::to_owned).collect()
}

/// Looks up every package that counts.
pub fn flaws(inventory: &Inventory, catalogue: &Catalogue) -> Result<Flaws> {
    let mut matching = Matching::new(inventory, catalogue)?;
    for (index, package) in
        inventory.packages.iter().enumerate().filter(|(_, package)| package.is_counted || package.owner.is_some())
    {
        let Ok(index) = u32::try_from(index) else { break };
        matching.package(index, package)?;
    }
    let mut found = matching.found;
    // all packages of the system are somebody else's: then nobody has judged it
    if found.foreign > 0 && found.foreign == inventory.packages.iter().filter(|package| is_of_a_system(package)).count()
    {
        found.missing.insert("the system's packages, whose makers are not the distribution's".into(), found.foreign);
    }
    Ok(found)
}

fn is_of_a_system(package: &Package) -> bool {
    package.ecosystem.is_system && SYSTEMS.contains(&package.ecosystem.id)
}

struct Matching<'a> {
    inventory: &'a Inventory,
    catalogue: &'a Catalogue,
    /// How the distribution is called, and whether there are data for it.
    system: Option<(Coverage, bool)>,
    /// Answers by what was asked: binary packages of one source ask the same.
    answers: HashMap<Vec<Question>, Rc<Answered>>,
    has_kernel: bool,
    epochs: Epochs,
    /// By family.
    repositories: BTreeMap<&'static str, BTreeSet<String>>,
    found: Flaws,
}

/// What was found for one set of questions.
#[derive(Debug, Default)]
struct Answered {
    flaws: Vec<Rc<About>>,
    /// What was not understood: the reason, and the records.
    unknown: Option<(String, Vec<String>)>,
    /// Whether there are data for any of the questions.
    is_covered: bool,
    /// Ids that the distribution has a record of for the package, whatever the record says.
    known: BTreeSet<String>,
    /// The lowest version that ends all flaws which some version ends for everybody.
    upgrade: Option<Rc<str>>,
}

impl<'a> Matching<'a> {
    fn new(inventory: &'a Inventory, catalogue: &'a Catalogue) -> Result<Self> {
        let mut system = None;
        if let Some(distro) = &inventory.distro
            && let Some(family) = distro::family(distro)
        {
            let known = catalogue.covered_releases(family)?;
            system = distro::coverage(distro, &inventory.content_sets, &known).map(|coverage| {
                let has_data = known.contains("") || coverage.releases.iter().any(|release| known.contains(release));
                (coverage, has_data)
            });
        }
        let has_kernel = inventory.packages.iter().any(is_kernel_image);
        let note = system.as_ref().and_then(|(coverage, _)| coverage.note);
        let found = Flaws { note, ..Flaws::default() };
        let epochs = Epochs::of(&inventory.packages);
        let (answers, repositories) = (HashMap::new(), BTreeMap::new());
        Ok(Self { inventory, catalogue, system, answers, has_kernel, epochs, repositories, found })
    }

    fn package(&mut self, index: u32, package: &Package) -> Result<()> {
        if is_of_a_system(package) { self.of_system(index, package) } else { self.of_language(index, package) }
    }

    fn of_system(&mut self, index: u32, package: &Package) -> Result<()> {
        let vendor = vendor_of(&package.version);
        if self.is_foreign(package) && vendor.is_none() {
            self.found.foreign += 1;
            return Ok(());
        }
        let Some((coverage, _)) = &self.system else {
            let name = match &self.inventory.distro {
                Some(distro) if !distro.name.is_empty() => distro.name.clone(),
                Some(distro) if !distro.id.is_empty() => distro.id.clone(),
                _ => format!("packages of kind {} without a distribution", package.ecosystem.id),
            };
            *self.found.missing.entry(name).or_default() += 1;
            return Ok(());
        };
        if is_of_kernel(package) && !(self.has_kernel && is_kernel_image(package)) {
            self.found.without_kernel += 1;
            return Ok(());
        }
        let questions = self.questions_of_system(coverage, package, vendor);
        let family = vendor.unwrap_or(coverage.family);
        let release = questions.first().map(|question| question.ecosystem.clone()).unwrap_or_default();
        let answered = self.answer(&questions, package)?;
        if answered.is_covered || !answered.flaws.is_empty() {
            self.found.families.insert(family.to_owned());
        }
        if !answered.is_covered {
            *self.found.missing.entry(release).or_default() += 1;
        }
        self.take(index, package, &answered, None);
        Ok(())
    }

    /// What is asked of a package of the system: by its source, and by its own name where records have that.
    fn questions_of_system(&self, coverage: &Coverage, package: &Package, vendor: Option<&str>) -> Vec<Question> {
        let own = (package.name.clone(), package.version.clone());
        let source = match package.source.clone() {
            Some((name, version)) if package.ecosystem.id == "rpm" => {
                self.epochs.source(&name, &version, &package.version).map(|version| (name, version))
            }
            // signed kernels have a source of their own, and records that of what they sign
            Some((name, _)) if name.starts_with("linux-signed") => Some(("linux".to_owned(), own.1.clone())),
            source => source,
        };
        let mut names: Vec<(String, String)> = source.into_iter().collect();
        if (coverage.names == Names::Both || names.is_empty()) && !names.contains(&own) {
            names.push(own);
        }
        let mut questions = Vec::new();
        for release in coverage.releases.iter().chain(&coverage.paid) {
            for (name, version) in &names {
                let ecosystem = match vendor {
                    Some(vendor) => format!("{vendor}:{}:{release}", coverage.family),
                    None => ecosystem(coverage.family, release),
                };
                questions.push(Question { ecosystem, name: name.clone(), version: version.clone() });
            }
        }
        questions
    }

    fn of_language(&mut self, index: u32, package: &Package) -> Result<()> {
        let Some(family) = distro::language_family(package.ecosystem.id) else {
            if package.is_counted {
                *self.found.without_feed.entry(package.ecosystem.id).or_default() += 1;
            }
            return Ok(());
        };
        let owner = package.owner.and_then(|owner| self.inventory.packages.get(owner as usize));
        let mut doubt = None;
        let mut known_to_distribution = BTreeSet::new();
        if let Some(owner) = owner.filter(|owner| !self.is_foreign(owner)) {
            let is_told = match &self.system {
                Some((coverage, true)) => self.catalogue.is_comprehensive(coverage.family),
                _ => false,
            };
            if is_told {
                self.found.left_to_distribution += 1;
                return Ok(());
            }
            if let Some((coverage, true)) = self.system.clone() {
                let questions = self.questions_of_system(&coverage, owner, None);
                known_to_distribution.clone_from(&self.answer(&questions, owner)?.known);
                for id in known_to_distribution.clone() {
                    if let Some(record) = self.catalogue.record(coverage.family, &id)? {
                        known_to_distribution
                            .extend(record.aliases.into_iter().chain(record.upstream).chain(record.related));
                    }
                }
            }
            doubt = Some("the distribution's package owns it, and may have mended it without a new version");
        } else if owner.is_none() && !package.is_counted {
            return Ok(());
        }
        self.found.families.insert(family.to_owned());
        let vendor = vendor_of(&package.version);
        self.found.families.extend(vendor.map(str::to_owned));
        // records of further repositories of the language have these for releases
        let mut releases = BTreeSet::from([String::new()]);
        if vendor.is_none() {
            releases.extend(self.repositories(family)?);
        }
        let version = version_of(package);
        let question = |release: &String| Question {
            ecosystem: match vendor {
                Some(vendor) => format!("{vendor}:{family}"),
                None => ecosystem(family, release),
            },
            name: package.name.clone(),
            version: version.to_owned(),
        };
        let questions: Vec<Question> = releases.iter().map(question).collect();
        let answered = self.answer(&questions, package)?;
        if !answered.is_covered {
            *self.found.missing.entry(family.to_owned()).or_default() += 1;
        }
        if known_to_distribution.is_empty() {
            self.take(index, package, &answered, doubt);
        } else {
            let flaws = answered.flaws.iter().filter(|about| about.group.ids.is_disjoint(&known_to_distribution));
            let flaws = flaws.cloned().collect();
            let (unknown, is_covered) = (answered.unknown.clone(), answered.is_covered);
            let left = Answered { flaws, unknown, is_covered, ..Answered::default() };
            self.take(index, package, &left, doubt);
        }
        Ok(())
    }

    /// The repositories besides its own that a language's records name.
    fn repositories(&mut self, family: &'static str) -> Result<BTreeSet<String>> {
        if let Some(known) = self.repositories.get(family) {
            return Ok(known.clone());
        }
        let mut repositories = BTreeSet::new();
        for source in self.catalogue.sources(family)?.iter() {
            let releases = source.shard.releases().iter().filter(|release| release.starts_with("http"));
            repositories.extend(releases.take(MOST_REPOSITORIES).cloned());
        }
        self.repositories.insert(family, repositories.clone());
        Ok(repositories)
    }

    fn is_foreign(&self, package: &Package) -> bool {
        let (Some(packager), Some(distro)) = (package.packager.as_deref(), &self.inventory.distro) else {
            return false;
        };
        distro.is_foreign(packager)
    }

    fn take(&mut self, index: u32, package: &Package, answered: &Answered, doubt: Option<&'static str>) {
        // a few records without the rest are told, and judge nothing
        self.found.judged += usize::from(answered.is_covered);
        for about in &answered.flaws {
            let is_guess = about.matches.iter().all(|found| {
                let record = about.records.iter().find(|record| record.id == found.posting.id);
                record.is_some_and(|record| record.review.as_deref() == Some("UNREVIEWED"))
            });
            let (confidence, doubt) = if let Some(doubt) = doubt {
                (Confidence::Low, Some(doubt))
            } else if is_guess && about.fixed.is_none() {
                (Confidence::Low, Some("nobody has reviewed the record, and it names no fixed version"))
            } else if package.confidence < Confidence::High {
                (package.confidence, Some("the package itself is a guess"))
            } else {
                (Confidence::High, None)
            };
            if self.found.flaws.len() >= MOST_FLAWS {
                self.found.beyond += 1;
                continue;
            }
            let upgrade = answered.upgrade.clone().filter(|_| about.fixed.is_some() && about.terms.is_none());
            self.found.flaws.push(Flaw { package: index, about: Rc::clone(about), confidence, doubt, upgrade });
        }
        if let Some((reason, records)) = &answered.unknown {
            self.found.unmatched.push(Unmatched { package: index, reason: reason.clone(), records: records.clone() });
        }
    }

    fn answer(&mut self, questions: &[Question], package: &Package) -> Result<Rc<Answered>> {
        // architecture and module decide, too, but are those of the source in nearly all cases
        let module = module_label(package);
        let mut key = questions.to_vec();
        key.push(Question {
            ecosystem: module.clone().unwrap_or_default(),
            name: package.architecture.clone().unwrap_or_default(),
            version: String::new(),
        });
        if let Some(answered) = self.answers.get(&key) {
            return Ok(Rc::clone(answered));
        }
        let mut answered = Answered::default();
        let mut matches = Vec::new();
        let mut clear = BTreeSet::new();
        let mut states: Vec<(Question, Posting)> = Vec::new();
        let mut known_of_customers = BTreeSet::new();
        let mut unknown: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut spoken = BTreeSet::new();
        for question in questions {
            let answer = self.catalogue.ask(question)?;
            answered.is_covered |= answer.is_covered;
            let ids = answer.matches.iter().map(|found| &found.posting.id).chain(&answer.clear);
            spoken.extend(scope::spoken_of_extended(question, ids));
            if scope::is_paid(question) {
                known_of_customers.extend(answer.matches.iter().map(|found| found.posting.id.clone()));
                known_of_customers.extend(answer.clear.iter().cloned());
            }
            answered.known.extend(answer.matches.iter().map(|found| found.posting.id.clone()));
            answered.known.extend(answer.clear.iter().cloned());
            clear.extend(answer.clear);
            for (id, unparsable) in answer.unknown {
                unknown.entry(unparsable.to_string()).or_default().insert(id);
            }
            matches.extend(answer.matches.into_iter().map(|found| (question.clone(), found)));
            states.extend(answer.states.into_iter().map(|posting| (question.clone(), posting)));
        }
        matches.retain(|(question, found)| self.applies(question, &found.posting, module.as_deref(), package));
        states.retain(|(question, posting)| self.applies(question, posting, module.as_deref(), package));
        settle_paid(questions, &mut matches, &known_of_customers);
        settle_extended(&mut matches, &spoken);
        self.describe(&matches, &states, &clear, &mut answered)?;
        answered.upgrade = upgrade(&answered.flaws);
        let mut unknown = unknown.into_iter();
        answered.unknown = unknown.next().map(|(reason, mut records)| {
            records.extend(unknown.flat_map(|(_, records)| records));
            (reason, records.into_iter().collect())
        });
        let answered = Rc::new(answered);
        self.answers.insert(key, Rc::clone(&answered));
        Ok(answered)
    }

    /// Whether a record that affects the version is about this package at all.
    fn applies(&self, question: &Question, posting: &Posting, module: Option<&str>, package: &Package) -> bool {
        let facts = &posting.versions.facts;
        if is_no_flaw(&posting.id) {
            return false;
        }
        if !facts.systems.is_empty() && !facts.systems.iter().any(|system| system == "linux") {
            return false;
        }
        let platform = self.inventory.target.platform.as_ref().map(|platform| platform.architecture.as_str());
        let architecture = package.architecture.as_deref().or(platform);
        if let Some(architecture) = architecture.filter(|_| !facts.architectures.is_empty()) {
            let is_any = matches!(architecture, "all" | "noarch" | "any" | "src");
            let is_it = |limit: &String| common_architecture(limit) == common_architecture(architecture);
            if !is_any && !facts.architectures.iter().any(is_it) {
                return false;
            }
        }
        // builds of a module are compared with builds of the same stream only
        let is_modular = |version: &str| version.contains(".module");
        let installed = is_modular(&question.version);
        let bounds = range_ends(posting);
        if !bounds.is_empty() && bounds.iter().any(|version| is_modular(version)) != installed {
            return false;
        }
        // a record that names no release may still be for another one
        let of_release = el_of(&question.version);
        if of_release.is_some() && bounds.iter().any(|bound| el_of(bound).is_some_and(|el| Some(el) != of_release)) {
            return false;
        }
        if scope::is_mended_in_its_release(&question.version, &bounds) {
            return false;
        }
        match (&facts.module, module) {
            (Some(streams), Some(label)) => streams
                .split(' ')
                .any(|stream| label.strip_prefix(stream).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))),
            _ => true,
        }
    }

    /// Makes one description of each flaw.
    fn describe(
        &self,
        matches: &[(Question, Match)],
        states: &[(Question, Posting)],
        clear: &BTreeSet<String>,
        answered: &mut Answered,
    ) -> Result<()> {
        let mut records = Vec::with_capacity(matches.len());
        for (question, found) in matches {
            let (family, _) = name::split(&question.ecosystem);
            let record = self.catalogue.record_of(&found.feed, family, &found.posting.id)?;
            records.push(record.unwrap_or_else(|| Advisory { id: found.posting.id.clone(), ..Advisory::default() }));
        }
        let borrowed: Vec<&Advisory> = records.iter().collect();
        answered.known.extend(records.iter().flat_map(|record| record.aliases.iter().chain(&record.upstream)).cloned());
        for group in group::group(&borrowed) {
            let members: Vec<usize> = group.members.clone();
            let of_group: Vec<&(Question, Match)> = members.iter().filter_map(|member| matches.get(*member)).collect();
            let own: Vec<&Advisory> = members.iter().filter_map(|member| records.get(*member)).collect();
            let Some((asked, _)) = of_group.first() else { continue };
            // a reviewed record of the same flaw that clears the version goes before one nobody has looked at
            let is_unreviewed = own.iter().all(|record| record.review.as_deref() == Some("UNREVIEWED"));
            if is_unreviewed && group.ids.iter().any(|id| id.starts_with("GHSA-") && clear.contains(id)) {
                continue;
            }
            // what is said of the very package and release that a record is about
            let state = states.iter().find(|(question, posting)| {
                let is_asked = of_group.iter().any(|(asked, _)| asked == question);
                let is_it =
                    group.ids.contains(&posting.id) || group.ids.iter().any(|id| posting.id.ends_with(id.as_str()));
                is_asked && is_it
            });
            let state = state.and_then(|(_, posting)| posting.versions.facts.status.clone());
            if state.as_deref().is_some_and(|state| state.eq_ignore_ascii_case("not affected")) {
                continue;
            }
            let is_system = SYSTEM_FAMILIES.contains(&name::split(&asked.ecosystem).0);
            let fix = fix(&of_group, is_system);
            let grade = self.grade(&group, &of_group, &own, is_system)?;
            let (mut exploited, mut epss) = (None, None);
            for id in group.ids.iter().filter(|id| id.starts_with("CVE-")) {
                exploited = exploited.or(self.catalogue.exploited(id)?);
                let score = self.catalogue.epss(id)?;
                epss = if score.map(|score| score.score) > epss.map(|score: Epss| score.score) { score } else { epss };
            }
            let intent =
                state.or_else(|| of_group.iter().find_map(|(_, found)| found.posting.versions.facts.status.clone()));
            answered.flaws.push(Rc::new(About {
                kind: kind_of(&of_group, &own),
                matches: of_group.iter().map(|(_, found)| found.clone()).collect(),
                records: own.iter().map(|record| (*record).clone()).collect(),
                asked: asked.clone(),
                fixed: fix.as_ref().map(|(version, _)| version.clone()),
                terms: fix.and_then(|(_, terms)| terms),
                status: intent,
                grade,
                exploited,
                epss,
                group,
            }));
        }
        Ok(())
    }

    fn grade(
        &self,
        group: &Group,
        matches: &[&(Question, Match)],
        own: &[&Advisory],
        is_system: bool,
    ) -> Result<Option<Grade>> {
        let mut elsewhere = Vec::new();
        let mut voices: Vec<Voice<'_>> = matches
            .iter()
            .zip(own)
            .map(|((_, found), record)| Voice {
                record,
                versions: Some(&found.posting.versions),
                is_distribution: is_system,
            })
            .collect();
        if let Some(grade) = grade(&voices) {
            return Ok(Some(grade));
        }
        let mut ids: Vec<&String> = group.ids.iter().take(MOST_IDS).collect();
        ids.sort_by_key(|id| (!id.starts_with("GHSA-"), !id.starts_with("CVE-")));
        for family in distro::language_families() {
            let mut names = BTreeSet::new();
            for id in &ids {
                names.insert((*id).clone());
                names.extend(self.catalogue.named(family, id)?.into_iter().take(MOST_IDS));
            }
            for id in names.iter().filter(|id| !id.starts_with("CVE-") && !is_erratum(id)).take(MOST_IDS) {
                elsewhere.extend(self.catalogue.record(family, id)?);
            }
        }
        elsewhere.sort_by_key(|record| (!record.id.starts_with("GHSA-"), !record.id.starts_with("CVE-")));
        voices.clear();
        voices.extend(elsewhere.iter().map(|record| Voice { record, versions: None, is_distribution: false }));
        Ok(grade(&voices))
    }
}

/// Kinds of packages that distributions' advisories are about.
const SYSTEMS: &[&str] = &["alpm", "apk", "deb", "ebuild", "opkg", "rpm"];

/// Families of distributions.
const SYSTEM_FAMILIES: &[&str] = &[
    "AlmaLinux",
    "Alpaquita",
    "Alpine",
    "Amazon Linux",
    "Azure Linux",
    "BellSoft Hardened Containers",
    "Chainguard",
    "Debian",
    "Echo",
    "Mageia",
    "MinimOS",
    "Oracle Linux",
    "Photon OS",
    "Red Hat",
    "Rocky Linux",
    "SUSE",
    "Ubuntu",
    "Wolfi",
    "openEuler",
    "openSUSE",
];
