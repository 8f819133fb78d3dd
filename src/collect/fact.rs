//! What was learned of a node.

use std::sync::Arc;

use crate::digest::ContentDigests;
use crate::inventory::{Distro, Ecosystem, FileClaims, Group, Need, Proof, State};
use crate::limit::Limits;
use crate::limitation::Limitation;
use crate::path::ImagePath;
use crate::rule::{Confidence, Rule, Severity};
use crate::size::ByteSize;
use crate::tree::{Node, Tree};

/// One thing learned of a node's content.
#[derive(Debug, Clone)]
pub enum Fact {
    /// A package is described there. A database yields one for each of its packages.
    Package(Box<PackageFact>),
    /// A secret is there.
    Secret(Box<SecretFact>),
    /// An `os-release`.
    Distro(Box<Distro>),
    /// Paths that a package owns. `package` is `None` when the file's own name tells it.
    Owns {
        /// Name of the package, with `:architecture` where its manager tells that apart.
        package: Option<String>,
        /// The paths.
        paths: Vec<ImagePath>,
    },
    /// What a list of a package's files says they hold. The file's own name tells the package.
    Claims(Box<FileClaims>),
    /// A line of `passwd`: name, password field, uid, gid, home, shell, line number.
    PasswdLine(Box<crate::inventory::User>),
    /// A line of `shadow`: name, whether the password is empty, line number.
    ShadowLine(Box<(String, bool, u64)>),
    /// A line of `group`.
    GroupLine(Box<Group>),
    /// A line of the system's settings.
    SettingLine(Box<crate::inventory::SettingLine>),
    /// How an executable file begins.
    Start(Box<crate::format::start::Start>),
    /// The file is larger than its collector takes. Told only if the file is live.
    TooLarge(ByteSize),
    /// Something in the file was not understood, so that a package may be missing. Told only if the file is live.
    Gap(Box<str>),
    /// Something in the file is odd, but hides nothing. Told only if the file is live.
    Oddity(Box<str>),
    /// What the whole file holds.
    Digests(Box<ContentDigests>),
    /// A mark of the bytes at this offset, for telling whether files hold the same.
    Content {
        /// Where they stand in the file.
        offset: u64,
        /// The first half of their SHA-256.
        mark: [u8; 16],
    },
    /// A small text a collector wants to see again when it assembles; `key` says what it is.
    Text {
        /// What it is.
        key: &'static str,
        /// The text.
        text: Box<str>,
    },
}

/// A package as one file describes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackageFact {
    /// What kind.
    pub ecosystem: Option<&'static Ecosystem>,
    /// Its purl; packages of a system get theirs when the distribution is known ([`super::Collector::purl`]).
    pub purl: Option<String>,
    /// As its manager spells it.
    pub name: String,
    /// As its manager spells it, epoch included.
    pub version: String,
    /// Name and version of the source package.
    pub source: Option<(String, String)>,
    /// Architecture.
    pub architecture: Option<String>,
    /// Qualifiers of its purl besides architecture and distribution, for packages of a system.
    pub qualifiers: Vec<(&'static str, String)>,
    /// Licence, as declared.
    pub licence: Option<String>,
    /// Whether it is there, or only asked for.
    pub state: State,
    /// How sure that is; high unless said.
    pub confidence: Option<Confidence>,
    /// What proves it.
    pub proof: Proof,
    /// SHA-1 of its archive, for packages that are one file.
    pub sha1: Option<[u8; 20]>,
    /// The member of the file, if that is an archive; see [`crate::inventory::PackageLocation::inside`].
    pub inside: Option<Box<str>>,
    /// Packages it needs.
    pub needs: Vec<Need>,
    /// What it provides besides its name.
    pub provides: Vec<String>,
    /// Mail domain of who packaged it, where the record names no other vendor.
    pub packager: Option<String>,
    /// Paths it owns, where the same file lists them.
    pub owns: Vec<ImagePath>,
    /// What its files hold, where the same file lists that.
    pub claims: FileClaims,
    /// Those of its paths that it gives to another owner than root, or of which it does not say whom it gives them to.
    pub foreign: Vec<ImagePath>,
    /// Those of its paths that it gives the setuid or setgid bit, or of which it does not say which bits it gives them.
    pub privileged: Vec<ImagePath>,
}

/// A secret as one file holds it. It carries no part of the value but what may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFact {
    /// What it is.
    pub rule: &'static Rule,
    /// As judged on the value.
    pub severity: Severity,
    /// As judged on the value.
    pub confidence: Confidence,
    /// The value masked.
    pub masked: String,
    /// A keyed hash of rule and value.
    pub id: String,
    /// The file inside that holds it, where the file holds others: `lib/a.jar!b/c.yml`. Offset and lines are in that.
    pub inside: Option<Box<[u8]>>,
    /// Offset of the value in the file, in bytes.
    pub offset: u64,
    /// Length of the value in bytes.
    pub length: u64,
    /// Offset and length of all the text that says it, where that is coded.
    pub coded: Option<(u64, u64)>,
    /// First and last line, from 1; `None` in binary files.
    pub lines: Option<(u64, u64)>,
    /// What else is known.
    pub notes: Vec<String>,
    /// Of the whole file, for rules whose matches packages ship: tells whether a package brought it so.
    pub content: Option<Box<ContentDigests>>,
}

/// A fact with the node it hangs on and the collector that learned it.
#[derive(Debug, Clone)]
pub struct FactOf {
    /// Where it was learned.
    pub node: Node,
    /// Index of the collector in the registration.
    pub collector: usize,
    /// What was learned; clones share it.
    pub fact: Arc<Fact>,
}

/// Bytes of the names that packages of one file need and provide. A desktop's database has below 40 MiB.
const NEEDS_PER_FILE: usize = 96 << 20;

/// Bytes it takes to keep one such name.
const NEED: usize = 64;

/// Takes what collectors learn.
#[derive(Debug)]
pub struct Facts {
    learned: Vec<FactOf>,
    limitations: Vec<Limitation>,
    current: Option<(Node, usize)>,
    /// Bytes of what packages of the file at hand need and provide.
    needs: usize,
    findings_per_file: usize,
}

impl Default for Facts {
    fn default() -> Self {
        Self::within(&Limits::default())
    }
}

impl Facts {
    /// None yet.
    pub fn within(limits: &Limits) -> Self {
        Self {
            learned: Vec::new(),
            limitations: Vec::new(),
            current: None,
            needs: 0,
            findings_per_file: limits.findings_per_file,
        }
    }

    /// [`Limits::findings_per_file`].
    pub fn findings_per_file(&self) -> usize {
        self.findings_per_file
    }

    /// Says whose facts follow. Called by the pass, before each call of a collector.
    pub fn begin(&mut self, node: Node, collector: usize) {
        self.current = Some((node, collector));
        self.needs = 0;
    }

    /// Adds a fact of the file at hand.
    pub fn push(&mut self, fact: Fact) {
        if let Some((node, collector)) = self.current {
            self.learned.push(FactOf { node, collector, fact: Arc::new(fact) });
        }
    }

    /// Adds a package of the file at hand; without what it needs and provides once that was more than any file says.
    pub fn package(&mut self, mut package: PackageFact) {
        let needs = package
            .needs
            .iter()
            .map(|need| need.name.len().saturating_add(need.version.as_ref().map_or(0, String::len)));
        let names = needs.chain(package.provides.iter().map(String::len));
        let size = names.fold(0_usize, |size, length| size.saturating_add(length).saturating_add(NEED));
        let known = self.needs;
        self.needs = known.saturating_add(size);
        if self.needs > NEEDS_PER_FILE && size > 0 {
            (package.needs, package.provides) = (Vec::new(), Vec::new());
            if known <= NEEDS_PER_FILE {
                let what = "it says more of what packages need than any real file; some dependencies are not known";
                self.push(Fact::Oddity(what.into()));
            }
            self.needs = usize::MAX;
        }
        self.push(Fact::Package(Box::new(package)));
    }

    /// What keeping the facts costs, in the unit of [`Limits::facts`]: four paths or dependencies are as much as a package.
    pub fn cost(&self) -> usize {
        let cost = |fact: &FactOf| match &*fact.fact {
            Fact::Package(package) => {
                [
                    package.needs.len(),
                    package.provides.len(),
                    package.owns.len(),
                    package.foreign.len(),
                    package.privileged.len(),
                ]
                .iter()
                .sum::<usize>()
                    / 4
                    + 1
            }
            Fact::Owns { paths, .. } => paths.len() / 4 + 1,
            // no more than one for each file, and each MiB
            Fact::Content { .. } => 0,
            _ => 1,
        };
        self.learned.iter().map(cost).fold(self.limitations.len(), usize::saturating_add)
    }

    /// Says that something was not understood.
    pub fn limitation(&mut self, limitation: Limitation) {
        self.limitations.push(limitation);
    }

    /// What was learned, in order.
    pub fn facts(&self) -> &[FactOf] {
        &self.learned
    }

    /// What was learned and what was not understood.
    pub fn into_parts(self) -> (Vec<FactOf>, Vec<Limitation>) {
        (self.learned, self.limitations)
    }
}

/// The merged image as a collector sees it when it assembles: its own facts, and the names that lead to them.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The union of the layers.
    pub tree: &'a Tree,
    /// The caps of the scan.
    pub limits: &'a Limits,
    /// All facts of all layers and collectors, by node, then in file order.
    pub facts: &'a [FactOf],
    /// Index of the collector that is asked.
    pub collector: usize,
    /// What the collector selects, by live name.
    pub selected: &'a [(ImagePath, Node)],
}

impl<'a> View<'a> {
    /// The collector's facts of one node, in file order.
    pub fn facts_of(&self, node: Node) -> impl Iterator<Item = &'a Fact> + use<'a> {
        let start = self.facts.partition_point(|fact| fact.node < node);
        let collector = self.collector;
        self.facts[start..]
            .iter()
            .take_while(move |fact| fact.node == node)
            .filter(move |fact| fact.collector == collector)
            .map(|fact| &*fact.fact)
    }

    /// Live names the collector selects (links followed), with the real node and its facts.
    pub fn live(&self) -> impl Iterator<Item = (&'a ImagePath, Node, &'a Fact)> + use<'a> {
        let view = *self;
        view.selected.iter().flat_map(move |(path, node)| view.facts_of(*node).map(move |fact| (path, *node, fact)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_packages_need_is_taken_only_so_far() {
        let mut facts = Facts::default();
        facts.begin(Node { layer: 0, member: 0 }, 0);
        let need = Need { name: "n".repeat(1 << 20), version: None };
        for needs in [60, 60, 1, 0] {
            facts.package(PackageFact { needs: vec![need.clone(); needs], ..PackageFact::default() });
        }
        facts.begin(Node { layer: 0, member: 1 }, 0);
        facts.package(PackageFact { needs: vec![need; 1], ..PackageFact::default() });
        let seen: Vec<Option<usize>> = facts
            .facts()
            .iter()
            .map(|fact| match &*fact.fact {
                Fact::Package(package) => Some(package.needs.len()),
                _ => None,
            })
            .collect();
        assert_eq!(seen, [Some(60), None, Some(0), Some(0), Some(0), Some(1)]);
        assert_eq!(facts.cost(), 1 + 60 / 4 + 5);
    }
}
