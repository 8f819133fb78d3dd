//! Searches every file of every layer, and every file inside these.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use crate::collect::{Collector, Delivery, Fact, Facts, File, OVERLAP, SecretFact, Select, View, WINDOW};
use crate::digest::ContentDigests;
use crate::inventory::{Inventory, Secret, SecretPlace};
use crate::limitation::Limitation;
use crate::path::ImagePath;
use crate::rule::{Confidence, Severity};
use crate::size::ByteSize;
use crate::tree::Node;

use super::allow;
use super::container::{self, Member, text};
use super::engine;
use super::file::{self, Fields};
use super::kind;
use super::rule::rule_set;
use super::seen;
use super::shipped::{self, Candidate};

/// The collector of secrets.
pub static COLLECTOR: SecretCollector = SecretCollector;

/// Looks for secrets in every file, whatever its name, and whether or not a later layer hides it.
#[derive(Debug)]
pub struct SecretCollector;

/// Further places of one value that are kept of a window: a note names five.
const REPEATS: usize = 100;

/// Key of the fact that counts the different values a window held beyond its cap.
const BEYOND: &str = "secrets-beyond-cap";

/// As [`BEYOND`], of values that weigh nothing.
const WEIGHTLESS_BEYOND: &str = "weightless-secrets-beyond-cap";

impl Collector for SecretCollector {
    fn id(&self) -> &'static str {
        "secret"
    }

    fn version(&self) -> u32 {
        3
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Everything]
    }

    fn delivery(&self) -> Delivery {
        Delivery::Windows
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        if file.whole.is_none() && file.offset == 0 && file::wants(file.path) {
            facts.limitation(
                Limitation::note(
                    "credential-file-too-large",
                    file.path.to_string(),
                    "too large to be read by its format; it was searched by patterns only",
                )
                .help("look at the file by hand, or make it smaller"),
            );
        }
        let cap = cap(facts.findings_per_file(), file.offset);
        let mut report = Report::new(file, cap, facts);
        report.take(&Member {
            inside: &[],
            kind: kind::of(file.path),
            bytes: file.bytes,
            offset: file.offset,
            lines_before: file.lines_before,
            overlap: file.overlap,
            is_last: file.is_last,
        });
        // programs of zipped Python have no ending of their own
        let is_known = || BEHIND_SCRIPTS.iter().any(|ending| file.path.file_name().ends_with(ending.as_bytes()));
        match file.whole.filter(|whole| file.offset == 0 && container::has_archive_behind(whole)) {
            Some(whole) if !is_known() => report.open(whole),
            _ => report.finish(),
        }
    }

    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        let cap = view.limits.findings_per_file;
        let mut candidates = Vec::new();
        let mut rest = view.facts;
        while let Some(first) = rest.first() {
            let node = first.node;
            let (of_node, after) = rest.split_at(rest.partition_point(|fact| fact.node <= node).max(1));
            rest = after;
            let own = of_node.iter().map(|fact| &*fact.fact);
            let path = view.tree.names_of(node).next().unwrap_or(&view.tree.entry(node).path);
            assemble_node(own, node, path, cap, &mut candidates, inventory);
        }
        shipped::mark(&mut candidates, view.tree, inventory);
        inventory.secrets.extend(candidates.into_iter().map(|candidate| candidate.secret));
    }
}

/// The collector of secrets in files that hold others.
pub static ARCHIVES: SecretArchives = SecretArchives;

/// Looks for secrets in the files that archives, compressed files, packages, databases and git's objects hold. What it
/// finds, [`SecretCollector`] assembles with its own.
#[derive(Debug)]
pub struct SecretArchives;

/// Largest file that is opened. Programs with all their libraries in one archive, and backups, reach some hundreds of MiB.
const LARGEST: ByteSize = ByteSize::mib(512);

/// Endings of archives that may stand behind a script, of any size; under other names small ones are looked for.
const BEHIND_SCRIPTS: [&str; 5] = [".jar", ".war", ".pyz", ".pex", ".zip"];

/// Code of what was not searched inside a file.
const NOT_SEARCHED: &str = "archive-not-searched";

impl Collector for SecretArchives {
    fn id(&self) -> &'static str {
        "secret-archive"
    }

    fn version(&self) -> u32 {
        3
    }

    fn select(&self) -> &'static [Select] {
        &[
            Select::Magic(b"\x1f\x8b\x08"),
            Select::Magic(b"PK\x03\x04"),
            Select::Magic(b"BZh"),
            Select::Magic(b"\xfd7zXZ\0"),
            Select::Magic(b"\x28\xb5\x2f\xfd"),
            Select::MagicAt(1, b"\x2a\x4d\x18"),
            Select::MagicAt(257, b"ustar"),
            Select::Magic(b"!<arch>\ndebian-binary"),
            Select::Magic(b"\xed\xab\xee\xdb"),
            Select::Magic(b"07070"),
            Select::Magic(b"PACK\0\0\0"),
            Select::Magic(b"\x78\x01"),
            Select::Magic(b"\x78\x5e"),
            Select::Magic(b"\x78\x9c"),
            Select::Magic(b"\x78\xda"),
            Select::Magic(b"SQLite format 3\0"),
            // these are told, not opened
            Select::Magic(b"7z\xbc\xaf\x27\x1c"),
            Select::Magic(b"Rar!\x1a\x07"),
            Select::Magic(b"\x04\x22\x4d\x18"),
            Select::Magic(b"hsqs"),
            Select::Magic(b"MSCF\0\0\0\0"),
            Select::Magic(b"LZIP\x01"),
            Select::Magic(b"xar!\0\x1c"),
            // archives behind a script that starts them
            Select::Suffix(BEHIND_SCRIPTS[0]),
            Select::Suffix(BEHIND_SCRIPTS[1]),
            Select::Suffix(BEHIND_SCRIPTS[2]),
            Select::Suffix(BEHIND_SCRIPTS[3]),
            Select::Suffix(BEHIND_SCRIPTS[4]),
        ]
    }

    fn delivery(&self) -> Delivery {
        Delivery::Whole(LARGEST)
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        let cap = facts.findings_per_file();
        Report::new(file, cap, facts).open(file.bytes);
    }

    /// What it found is assembled with what was found in plain files; here it is only told what was too large.
    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        let own = view.facts.iter().filter(|fact| fact.collector == view.collector);
        for fact in own.filter(|fact| matches!(*fact.fact, Fact::TooLarge(_))) {
            let path = &view.tree.entry(fact.node).path;
            let what = format!("larger than the {LARGEST} that are opened; what stands in it in plain was searched");
            inventory.limitations.push(
                Limitation::gap(NOT_SEARCHED, path.to_string(), what).help(
                    "unpack it and scan the folder, or look at it by hand: what is not searched may hold secrets",
                ),
            );
        }
    }
}

/// The path of a file inside another: `app/a.war!lib/b.jar!c.yml`.
fn inside_of(path: &ImagePath, inside: &[u8]) -> ImagePath {
    if inside.is_empty() { path.clone() } else { ImagePath::new(&[path.as_bytes(), inside].join(&b'!')) }
}

/// Turns what is found in one file of a layer into facts.
struct Report<'r> {
    file: &'r File<'r>,
    facts: &'r mut Facts,
    /// Most different values that are kept.
    cap: usize,
    /// Those that are, by the file inside, rule and id.
    ranks: HashMap<(Box<[u8]>, &'static str, String), Rank>,
    /// Where they stand: the gravest first, and of like ones the first in the file.
    kept: BTreeMap<Rank, Vec<SecretFact>>,
    /// Values that were looked at for a place.
    number: usize,
    /// Those that are not kept, each with whether it weighs nothing.
    beyond: HashMap<(&'static str, String), bool>,
    is_exhausted: bool,
    content: Option<Box<ContentDigests>>,
}

impl<'r> Report<'r> {
    fn new(file: &'r File<'r>, cap: usize, facts: &'r mut Facts) -> Self {
        Self {
            file,
            facts,
            cap,
            ranks: HashMap::new(),
            kept: BTreeMap::new(),
            number: 0,
            beyond: HashMap::new(),
            is_exhausted: false,
            content: None,
        }
    }

    /// Searches a file, one inside it, or a window of either.
    fn take(&mut self, member: &Member<'_>) {
        let Member { inside, bytes, .. } = *member;
        let mut fields = Fields::default();
        if let Some(whole) = self.whole_of(member) {
            let name = member.inside.rsplit(|b| *b == b'!').next().filter(|name| !name.is_empty()).map(ImagePath::new);
            fields = file::fields(name.as_ref().unwrap_or(self.file.path), whole, member.offset, bytes.len());
        }
        let (is_cut, has_fields) = (fields.is_cut, fields.is_cut || !fields.found.is_empty());
        let holds_nothing = |searched: &text::Searched| searched.found.is_empty() && !searched.is_exhausted;
        let search = || text::search(bytes, member.kind, fields.found);
        let searched = if has_fields { Some(search()) } else { seen::once(bytes, member.kind, search, holds_nothing) };
        let Some(mut searched) = searched else { return };
        searched.is_exhausted |= is_cut;
        if searched.is_exhausted && !self.is_exhausted {
            self.is_exhausted = true;
            self.facts.limitation(
                Limitation::gap(
                    "secret-search-cut",
                    inside_of(self.file.path, inside).to_string(),
                    "too much of it looks like the beginning of a secret, or is coded; a part was not searched",
                )
                .help("look at the file by hand; nothing but an attack is known to look like this"),
            );
        }
        if searched.found.is_empty() {
            return;
        }
        // Of two windows that overlap, each answers for its half of the overlap: what begins there has
        // at least half an overlap of bytes on either side, so both judge it alike and one reports it.
        let first = member.overlap / 2;
        let end = if member.is_last { bytes.len() } else { bytes.len().saturating_sub(OVERLAP / 2) };
        let (mut counted, mut line) = (0, member.lines_before.saturating_add(1));
        let all = std::mem::take(&mut searched.found);
        let (user, path) = (&rule_set().user, inside_of(self.file.path, inside));
        let is_meant = |found: &engine::Found| {
            (first..end).contains(&found.span.start) && user.holds(found.rule.id, path.as_bytes())
        };
        for found in all.into_iter().filter(is_meant) {
            let value = (inside.into(), found.rule.id, found.id.clone());
            let known = self.ranks.get(&value).copied();
            let Some(rank) = known.or_else(|| self.place_of(&found)) else {
                self.beyond.insert((value.1, value.2), found.severity == Severity::Info);
                continue;
            };
            if self.kept.get(&rank).is_some_and(|places| places.len() > REPEATS) {
                continue;
            }
            self.ranks.insert(value, rank);
            line = line.saturating_add(searched.line_feeds(bytes, counted..found.span.start));
            counted = found.span.start;
            let last = line.saturating_add(searched.line_feeds(bytes, found.span.start..found.span.end));
            let content = self.content_for(&found);
            let by_user = user.note(found.rule.id, &found.id, bytes, &found.span, path.as_bytes());
            let mut notes = allow::noted(found.notes, bytes, &found.span);
            notes.extend(by_user);
            self.kept.entry(rank).or_default().push(SecretFact {
                rule: found.rule,
                severity: found.severity,
                confidence: found.confidence,
                masked: found.masked,
                id: found.id,
                inside: (!inside.is_empty()).then(|| inside.into()),
                offset: member.offset.saturating_add(found.span.start as u64),
                length: found.length as u64,
                coded: found.coded.map(|coded| (member.offset.saturating_add(coded.start as u64), coded.len() as u64)),
                lines: searched.has_lines().then_some((line, last)),
                content,
                notes,
            });
        }
    }

    /// Where a new value stands among those that are kept; the least grave of them gives way to a graver one.
    fn place_of(&mut self, found: &engine::Found) -> Option<Rank> {
        self.number = self.number.saturating_add(1);
        let rank = (weight(found.severity, found.confidence), self.number);
        if self.kept.len() >= self.cap {
            let least = self.kept.last_entry().filter(|least| rank.0 < least.key().0)?;
            if let Some(fact) = least.remove().into_iter().next() {
                let id = (fact.rule.id, fact.id);
                self.beyond.insert(id.clone(), fact.severity == Severity::Info);
                self.ranks.remove(&(fact.inside.unwrap_or_default(), id.0, id.1));
            }
        }
        Some(rank)
    }

    /// All of the file that `member` is, or is a window of, where it is held.
    fn whole_of<'m>(&self, member: &Member<'m>) -> Option<&'m [u8]>
    where
        'r: 'm,
    {
        if member.inside.is_empty() {
            self.file.whole
        } else {
            (member.offset == 0 && member.is_last).then_some(member.bytes)
        }
    }

    /// Digests of the outer file, where they may tell that a package brought it.
    fn content_for(&mut self, found: &engine::Found) -> Option<Box<ContentDigests>> {
        let whole = self.file.whole.filter(|_| found.ships_in_packages)?;
        Some(self.content.get_or_insert_with(|| Box::new(ContentDigests::of(whole))).clone())
    }

    /// Searches what is inside the file, and tells what could not be.
    fn open(mut self, whole: &[u8]) {
        let path = self.file.path;
        let complaints = container::open(whole, path, &mut |member| self.take(member));
        for complaint in complaints {
            let place = inside_of(path, &complaint.inside).to_string();
            self.facts.limitation(if complaint.is_gap {
                Limitation::gap(NOT_SEARCHED, place, complaint.what)
                    .help("unpack it and scan the folder, or look at it by hand: what is not searched may hold secrets")
            } else {
                Limitation::note(NOT_SEARCHED, place, complaint.what)
                    .help("if it matters what is inside, unpack it and look at it by hand")
            });
        }
        self.finish();
    }

    fn finish(self) {
        let mut secrets: Vec<SecretFact> = self.kept.into_values().flatten().collect();
        secrets.sort_by_key(|secret| secret.offset);
        for secret in secrets {
            self.facts.push(Fact::Secret(Box::new(secret)));
        }
        let weightless = self.beyond.values().filter(|is_weightless| **is_weightless).count();
        for (key, count) in [(BEYOND, self.beyond.len().saturating_sub(weightless)), (WEIGHTLESS_BEYOND, weightless)] {
            if count > 0 {
                self.facts.push(Fact::Text { key, text: count.to_string().into() });
            }
        }
    }
}

/// How grave a secret is, the gravest first.
type Weight = (Reverse<Severity>, Reverse<Confidence>);

/// Where a value stands among others of its file: by its weight, then by what came first.
type Rank = (Weight, usize);

fn weight(severity: Severity, confidence: Confidence) -> Weight {
    (Reverse(severity), Reverse(confidence))
}

/// One secret of a file: the file inside that holds it, its rule, its id.
type Which<'a> = (Option<&'a [u8]>, &'a str, &'a str);

/// Gathers the secrets of one file: each value once in each file inside, at its first place.
fn assemble_node<'a>(
    facts: impl Iterator<Item = &'a Fact>,
    node: Node,
    path: &ImagePath,
    cap: usize,
    candidates: &mut Vec<Candidate<'a>>,
    inventory: &mut Inventory,
) {
    // how many, and in how many windows
    let (mut beyond, mut weightless) = ((0_u64, 0_u64), (0_u64, 0_u64));
    let mut places: BTreeMap<Which<'_>, Vec<&SecretFact>> = BTreeMap::new();
    for fact in facts {
        match fact {
            Fact::Secret(secret) => {
                places.entry((secret.inside.as_deref(), secret.rule.id, &secret.id)).or_default().push(secret);
            }
            Fact::Text { key, text } if [BEYOND, WEIGHTLESS_BEYOND].contains(key) => {
                let of_kind = if *key == BEYOND { &mut beyond } else { &mut weightless };
                *of_kind = (of_kind.0.saturating_add(text.parse().unwrap_or(0)), of_kind.1.saturating_add(1));
            }
            _ => {}
        }
    }
    // what an archive holds in plain is seen in its own bytes as well: the file inside is the place
    let inner: HashSet<&str> = places.keys().filter(|(inside, ..)| inside.is_some()).map(|(.., id)| *id).collect();
    places.retain(|(inside, _, id), _| inside.is_some() || !inner.contains(id));
    let mut secrets: Vec<Vec<&SecretFact>> = places.into_values().collect();
    for group in &mut secrets {
        group.sort_by_key(|fact| fact.offset);
    }
    secrets.sort_by_key(|group| {
        group.first().map(|fact| (weight(fact.severity, fact.confidence), fact.inside.as_deref(), fact.offset))
    });
    for group in secrets.split_off(secrets.len().min(cap)) {
        let is_weightless = group.first().is_some_and(|fact| fact.severity == Severity::Info);
        let of_kind = if is_weightless { &mut weightless } else { &mut beyond };
        of_kind.0 = of_kind.0.saturating_add(1);
    }
    secrets.sort_by_key(|group| {
        group.first().map(|fact| (fact.severity == Severity::Info, fact.inside.as_deref(), fact.offset))
    });
    for group in secrets {
        let Some((first, others)) = group.split_first() else { continue };
        let mut notes = first.notes.clone();
        notes.extend(also_at(others));
        let path = inside_of(path, first.inside.as_deref().unwrap_or_default());
        let secret = Secret {
            rule: first.rule,
            severity: first.severity,
            confidence: first.confidence,
            place: SecretPlace::File { node, path, lines: first.lines, offset: first.offset },
            masked: first.masked.clone(),
            id: first.id.clone(),
            length: first.length,
            coded: first.coded,
            notes,
        };
        candidates.push(Candidate { secret, node, content: first.content.as_deref() });
    }
    let count = beyond.0.saturating_add(weightless.0);
    if count > 0 {
        // parts of a large file are counted each for itself
        let how = if beyond.1.max(weightless.1) > 1 { "up to " } else { "" };
        let what = format!("{how}{count} more secrets in this file are counted, not listed");
        let (limitation, help) = if beyond.0 > 0 {
            (
                Limitation::gap(SECRETS_NOT_LISTED, path.to_string(), what),
                "no policy has judged them: `--limit findings-per-file=N` lists more; a file that holds secrets by the \
                 hundred should not be in the image",
            )
        } else {
            (
                Limitation::note(SECRETS_NOT_LISTED, path.to_string(), what),
                "they are of severity info; `--limit findings-per-file=N` lists more",
            )
        };
        inventory.limitations.push(limitation.help(help));
    }
}

/// Code of the limitation that says of a file that it has more secrets than are listed; its place is the file. A gap, unless
/// all of those that are not listed are of severity info.
pub const SECRETS_NOT_LISTED: &str = "secrets-not-listed";

/// Tells where else in the file the same secret is.
fn also_at(others: &[&SecretFact]) -> Option<String> {
    let lines: Vec<String> =
        others.iter().filter_map(|fact| fact.lines).take(5).map(|(line, _)| line.to_string()).collect();
    match (others.len(), lines.len()) {
        (0, _) => None,
        // more may have been there than were kept
        (REPEATS.., _) => Some(format!("at least {} times more in this file", others.len())),
        (1, 0) => Some("once more in this file".into()),
        (count, 0) => Some(format!("{count} times more in this file")),
        (count, shown) if count > shown => {
            Some(format!("also on lines {} and {} more", lines.join(", "), count - shown))
        }
        (1, _) => Some(format!("also on line {}", lines.join(", "))),
        _ => Some(format!("also on lines {}", lines.join(", "))),
    }
}

/// Most secrets kept of one window: a file's cap in its first, ever fewer in later ones, so that a
/// file of any size made of nothing but secrets fits into memory.
fn cap(of_file: usize, offset: u64) -> usize {
    let windows = usize::try_from(offset / (WINDOW as u64 - OVERLAP as u64)).unwrap_or(usize::MAX);
    (of_file / windows.saturating_add(1)).max(16)
}
