//! Finds policies by name, file or reference, follows what they extend, and puts them in the order in which they judge.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::diagnostic::Diagnostic;
use super::edition::{DEFAULT_EDITION, Edition};
use super::file::{self, Known, Reading};
use super::inclusion::Comparing;
use super::preset::{DEFAULT_PRESET, Preset, preset, presets};
use super::requirement::waivers::DEFAULT_NEEDS;
use super::{Baseline, Case, FailOn, Policy, PolicySet, Requirements, Said, Scope};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::nearest::nearest;
use crate::owner::refuse_of_others;
use crate::rule::Rule;
use crate::size::ByteSize;
use crate::time::Date;

/// Largest policy file. The largest ignore files in public repositories are under 200 KiB.
const LARGEST: ByteSize = ByteSize::mib(1);

/// How far what is extended may extend others.
const DEEPEST: usize = 8;

/// Most files of one set.
const MOST_FILES: usize = 64;

/// The file of waivers that is looked for beside a policy.
const BESIDE: &str = "waivers.toml";

/// The configuration file, which may hold a policy.
const CONFIGURATION: &str = "careen.toml";

/// What `careen policy check` says of one policy that is in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Its name.
    pub name: String,
    /// What it extends, as written.
    pub extends: Vec<String>,
    /// Number of its rules.
    pub rules: usize,
    /// Number of its waivers.
    pub waivers: usize,
    /// What is allowed but worth a look, a sentence each.
    pub notes: Vec<String>,
}

/// The tests of a file.
#[derive(Debug)]
pub struct Cases {
    /// The tests.
    pub cases: Vec<Case>,
    /// The policies that they try.
    pub set: PolicySet,
    /// The folder from which the tests name reports.
    pub folder: PathBuf,
}

/// Brings the bytes of a policy from a registry, by a reference with a digest; they need not be verified yet.
pub type Fetch<'a> = dyn Fn(&str) -> Result<Vec<u8>> + 'a;

/// Reads policies.
pub struct Loader<'a> {
    /// Rules that they may name besides the policy module's own.
    pub known: &'a [&'static Rule],
    /// Whether errors are coloured.
    pub colour: bool,
    /// Brings policies from registries; `None` where that is not to be.
    pub fetch: Option<&'a Fetch<'a>>,
    /// Files of waivers that are named and added later: one of these that lies beside a policy is not looked for.
    pub waivers: &'a [String],
}

/// Reads the policies named by `words` (files or presets) and sums up each, a file among the presets that are named with it;
/// the first wrong one is an error.
pub fn check(words: &[String], loader: &Loader<'_>, today: Date) -> Result<Vec<Summary>> {
    let mut summaries = Vec::new();
    for (number, word) in words.iter().enumerate() {
        // a file is looked at among the presets that are named with it
        let is_preset = |word: &str| word.starts_with("careen:");
        let is_one = |(other, word): &(usize, &String)| *other == number || is_preset(word);
        let among = words.iter().enumerate().filter(is_one).map(|(_, word)| word.clone()).collect();
        let set = loader.load(&if is_preset(word) { vec![word.clone()] } else { among })?;
        #[cfg(feature = "rego")]
        if let [policy] = set.in_rego() {
            let notes = vec![format!("it judges after the others; alone, `{DEFAULT_PRESET}` judges before it")];
            let (name, rules) = (policy.name.clone(), policy.rules());
            summaries.push(Summary { name, extends: Vec::new(), rules, waivers: 0, notes });
            continue;
        }
        // what its waivers must say was asked above, where what it extends is known
        let policy = loader.read(word, &[])?;
        // waivers judge nothing by themselves; what is wrong with the others is told of them
        let set = if policy.asks_nothing() { loader.load(words).unwrap_or(set) } else { set };
        summaries.push(summary(&policy, &set, loader.known, today));
    }
    Ok(summaries)
}

/// Where a policy comes from, which says what it may extend.
#[derive(Clone)]
enum From {
    /// A file, or a part of one: others are found from its folder.
    Folder(PathBuf),
    /// A registry: it cannot read files of this machine.
    Registry,
    /// It is built in.
    Preset,
}

/// What was read so far.
#[derive(Default)]
struct Loaded {
    policies: Vec<Policy>,
    /// What tells each of them from the others.
    keys: Vec<String>,
    /// What is among them, by what tells one from another.
    seen: BTreeSet<String>,
    /// What is being read, from the one that was given down.
    open: Vec<String>,
    /// What waivers must say.
    needs: Option<Vec<&'static str>>,
    /// What each extends, in the order of its list, as far as it was read.
    extended: BTreeMap<String, Vec<String>>,
    /// Presets that files extend, each once.
    presets: Vec<String>,
    /// Texts of files by their names.
    texts: BTreeMap<String, Option<String>>,
    #[cfg(feature = "rego")]
    in_rego: Vec<super::rego::RegoPolicy>,
}

impl Loaded {
    /// What the waivers of the next policy must say.
    fn needs(&self) -> Vec<&'static str> {
        self.needs.clone().unwrap_or_else(|| DEFAULT_NEEDS.to_vec())
    }

    fn push(&mut self, key: String, policy: Policy) {
        self.seen.insert(key.clone());
        self.keys.push(key);
        self.policies.push(policy);
    }

    /// Puts a policy that is there already where a list has it, behind `named`: one that came in by the list judges after all
    /// that is there. One of the first so many stays below what extends it, and `named` judge before it, with what they extend.
    fn order(&mut self, key: &str, first: usize, named: &[String]) {
        let Some(place) = self.keys.iter().position(|one| one == key) else { return };
        if place >= first {
            self.move_to_end(place);
            return;
        }
        let mut before: BTreeSet<String> = BTreeSet::new();
        let mut open = named.to_vec();
        while let Some(one) = open.pop() {
            if one != key && before.insert(one.clone()) {
                open.extend(self.extended.get(&one).into_iter().flatten().cloned());
            }
        }
        let tail = self.keys.split_off(place).into_iter().zip(self.policies.split_off(place));
        let (earlier, later): (Vec<_>, Vec<_>) = tail.partition(|(one, _)| before.contains(one));
        for (key, policy) in earlier.into_iter().chain(later) {
            self.keys.push(key);
            self.policies.push(policy);
        }
        let needs = self.policies.iter().rev().find_map(|policy| policy.requirements.waivers.needs());
        self.needs = needs.map(<[_]>::to_vec).or_else(|| self.needs.take());
    }

    fn move_to_end(&mut self, place: usize) {
        let (key, policy) = (self.keys.remove(place), self.policies.remove(place));
        if let Some(needs) = policy.requirements.waivers.needs() {
            self.needs = Some(needs.to_vec());
        }
        self.push(key, policy);
    }
}

/// Reads a policy whose waivers must say this, where there is one.
type Read<'a> = dyn Fn(&[&'static str]) -> Result<Option<Policy>> + 'a;

impl Loader<'_> {
    /// The policies named by `words`, each a file or a preset, after those they extend. Without any, or if none has
    /// rules or demands of images, [`DEFAULT_PRESET`] judges too.
    pub fn load(&self, words: &[String]) -> Result<PolicySet> {
        self.load_after(None, words)
    }

    /// As [`Self::load`], after a policy that stands inside another file, given by the file's name and text.
    pub fn load_after(&self, inside: Option<(&str, &str)>, words: &[String]) -> Result<PolicySet> {
        let mut loaded = Loaded::default();
        self.read_all(inside, words, &mut loaded)?;
        let front = loaded.policies.iter().take(loaded.presets.len());
        if !front.clone().all(|policy| loaded.presets.contains(&policy.name)) {
            // presets that files extend judge before all files: only now it is known which
            let mut again = Loaded { texts: std::mem::take(&mut loaded.texts), ..Loaded::default() };
            for preset in &loaded.presets {
                self.follow(preset, &From::Preset, None, 0, &mut again)?;
            }
            self.read_all(inside, words, &mut again)?;
            loaded = again;
        }
        if loaded.policies.iter().all(Policy::asks_nothing) {
            let mut first = Loaded::default();
            self.follow(DEFAULT_PRESET, &From::Preset, None, 0, &mut first)?;
            first.policies.append(&mut loaded.policies);
            loaded.policies = first.policies;
        }
        let set = PolicySet::in_order(loaded.policies);
        #[cfg(feature = "rego")]
        let set = PolicySet { in_rego: loaded.in_rego, ..set };
        Ok(set)
    }

    /// Reads what is named, each after what it extends, and the waivers beside that.
    fn read_all(&self, inside: Option<(&str, &str)>, words: &[String], loaded: &mut Loaded) -> Result<()> {
        let mut named = Vec::new();
        if let Some((name, text)) = inside {
            let read = |needs: &[&'static str]| file::parse_inside(name, text, self.reading(needs));
            let count = loaded.policies.len();
            self.add(&read, name.to_owned(), &From::Folder(folder_of(name)), loaded)?;
            // a configuration file of other matters has no waivers
            if loaded.policies.len() > count {
                named.extend(with_extended(name, loaded));
            }
        }
        for word in words {
            if is_rego(word) {
                add_rego(word, loaded)?;
                continue;
            }
            self.follow(word, &From::Folder(PathBuf::new()), None, 0, loaded)?;
            if is_file(word) {
                named.extend(with_extended(word, loaded));
            }
        }
        for word in named {
            self.beside(&word, loaded)?;
        }
        Ok(())
    }

    /// Adds files of waivers to a set.
    pub fn add_waivers(&self, set: PolicySet, files: &[String]) -> Result<PolicySet> {
        let needs = set.requirements.waivers.needs().unwrap_or(DEFAULT_NEEDS).to_vec();
        let mut policies = set.policies;
        for file in files {
            let waivers = self.waivers(file, &needs);
            policies.push(waivers.map_err(|error| match error.kind {
                // a preset holds rules
                ErrorKind::NotFound => Error { help: Some("name a file that holds `[[waiver]]`".into()), ..error },
                _ => error,
            })?);
        }
        Ok(PolicySet {
            fail_on: set.fail_on,
            baseline: set.baseline,
            #[cfg(feature = "rego")]
            in_rego: set.in_rego,
            ..PolicySet::in_order(policies)
        })
    }

    fn reading<'b>(&'b self, needs: &'b [&'static str]) -> Reading<'b> {
        Reading { known: Known::Rules(self.known), needs, colour: self.colour }
    }

    /// Reads what `word` names, after what that extends. What was read already judges after what was named before it: later
    /// ones win; of the first so many, as [`Loaded::order`] says.
    fn follow(&self, word: &str, from: &From, place: Option<&str>, first: usize, loaded: &mut Loaded) -> Result<()> {
        let at = |error: Error| match place {
            Some(place) if error.place.is_none() => error.at(place.to_owned()),
            _ => error,
        };
        let (key, next) = if word.starts_with("careen:") {
            (word.to_owned(), From::Preset)
        } else if word.starts_with("oci:") {
            (word.to_owned(), From::Registry)
        } else {
            let From::Folder(folder) = from else {
                return Err(at(Error::new(
                    ErrorKind::Config,
                    format!("a policy from a registry cannot extend the file `{}`", escape(word)),
                )
                .help("let it extend presets, or policies in registries by their digest")));
            };
            let path = folder.join(word);
            (identity(&path), From::Folder(path.parent().unwrap_or(Path::new("")).to_path_buf()))
        };
        if loaded.open.contains(&key) {
            let mut round: Vec<String> = loaded.open.iter().map(escape).collect();
            round.push(escape(&key));
            return Err(at(Error::new(
                ErrorKind::Config,
                format!("policies extend each other in a circle: {}", round.join(" → ")),
            )));
        }
        if place.is_some() && word.starts_with("careen:") && !loaded.presets.iter().any(|preset| preset == word) {
            loaded.presets.push(word.to_owned());
        }
        let by = loaded.open.last().cloned();
        let named = by.map(|by| loaded.extended.entry(by).or_default()).map(|list| {
            let named = list.clone();
            list.push(key.clone());
            named
        });
        if loaded.seen.contains(&key) {
            // presets that files extend judge before all files
            let is_front = place.is_some() && word.starts_with("careen:");
            if !is_front {
                loaded.order(&key, first, &named.unwrap_or_default());
            }
            return Ok(());
        }
        if loaded.open.len() > DEEPEST {
            return Err(at(Error::new(
                ErrorKind::Config,
                format!("policies extend each other more than {DEEPEST} deep"),
            )));
        }
        if loaded.policies.len() >= MOST_FILES {
            return Err(at(Error::new(ErrorKind::Config, format!("more than {MOST_FILES} policies are extended"))));
        }
        let name = match (&next, from) {
            (From::Folder(_), From::Folder(folder)) => {
                // of what is extended, `./` says nothing
                let word = if place.is_some() { word.strip_prefix("./").unwrap_or(word) } else { word };
                folder.join(word).to_string_lossy().into_owned()
            }
            _ => word.to_owned(),
        };
        let text = match loaded.texts.get(&name) {
            Some(text) => text.clone(),
            None => self.text(&name).map_err(at)?,
        };
        loaded.texts.insert(name.clone(), text.clone());
        let read = |needs: &[&'static str]| self.parse(&name, text.as_deref(), needs).map(Some).map_err(at);
        self.add(&read, key, &next, loaded)
    }

    /// Adds a policy after what it extends, which may say what its waivers must have; so one with waivers is read twice.
    /// There may be none.
    fn add(&self, read: &Read<'_>, key: String, from: &From, loaded: &mut Loaded) -> Result<()> {
        // of a wrong one, all is told at once
        let Some(policy) = read(&[]).or_else(|_| read(&loaded.needs()))? else { return Ok(()) };
        loaded.open.push(key.clone());
        let first = loaded.policies.len();
        for extended in &policy.extends {
            self.follow(&extended.word, from, Some(&extended.place), first, loaded)?;
        }
        loaded.open.pop();
        let policy = if policy.waivers.is_empty() { Some(policy) } else { read(&loaded.needs())? };
        let Some(policy) = policy else { return Ok(()) };
        if let Some(needs) = policy.requirements.waivers.needs() {
            loaded.needs = Some(needs.to_vec());
        }
        loaded.push(key, policy);
        Ok(())
    }

    /// Adds the waivers that lie beside a policy.
    fn beside(&self, word: &str, loaded: &mut Loaded) -> Result<()> {
        let path = Path::new(word).with_file_name(BESIDE);
        let key = identity(&path);
        // a link that leads nowhere is there, too: who put it there meant something
        let is_missing = std::fs::symlink_metadata(&path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        let is_named = || self.waivers.iter().any(|file| identity(Path::new(file)) == key);
        if is_missing || loaded.seen.contains(&key) || is_named() {
            return Ok(());
        }
        let help = "name it with `--waivers` if it is meant";
        refuse_of_others("the file of waivers beside the policy", help, &path, &folder_of(word))
            .map_err(|error| error.at(escape(&*path.to_string_lossy())))?;
        let waivers = self.waivers(&path.to_string_lossy(), &loaded.needs())?;
        loaded.push(key, waivers);
        Ok(())
    }

    /// Reads a file that may hold waivers only.
    fn waivers(&self, name: &str, needs: &[&'static str]) -> Result<Policy> {
        let mut policy = self.read(name, needs)?;
        if !policy.asks_nothing()
            || !policy.extends.is_empty()
            || policy.has_flags()
            || policy.requirements != Requirements::default()
        {
            return Err(Error::new(ErrorKind::Config, format!("`{}` holds more than waivers", escape(name)))
                .help("put rules and tables into the policy that `-p` names"));
        }
        policy.is_waivers_beside = true;
        Ok(policy)
    }

    /// Reads one policy; what it extends is left alone.
    fn read(&self, word: &str, needs: &[&'static str]) -> Result<Policy> {
        self.parse(word, self.text(word)?.as_deref(), needs)
    }

    /// The text of a policy that is no preset.
    fn text(&self, word: &str) -> Result<Option<String>> {
        if word.starts_with("careen:") {
            return Ok(None);
        }
        match word.strip_prefix("oci:") {
            Some(reference) => self.fetched(reference).map(Some),
            None => text_of(word).map(Some),
        }
    }

    fn parse(&self, word: &str, text: Option<&str>, needs: &[&'static str]) -> Result<Policy> {
        match text {
            Some(text) => self.parse_file(word, text, needs).and_then(|policy| no_tests_alone(word, policy)),
            None => Policy::preset(preset(word).ok_or_else(|| unknown_preset(word))?),
        }
    }

    /// Reads the text of a file: of a configuration file its table `[policy]`.
    fn parse_file(&self, name: &str, text: &str, needs: &[&'static str]) -> Result<Policy> {
        self.parse_own(name, text, needs).map_err(|error| match super::import::recognised(name, text) {
            Some(kind) if !file::is_begun(text) => error.help(kind.instead(&escape(name))),
            _ => error,
        })
    }

    fn parse_own(&self, name: &str, text: &str, needs: &[&'static str]) -> Result<Policy> {
        if !is_configuration(name) {
            return file::parse(name, text, self.reading(needs));
        }
        file::parse_inside(name, text, self.reading(needs))?.ok_or_else(|| {
            Error::new(ErrorKind::Config, format!("`{}` has no table `[policy]`", escape(name))).help(
                "a policy in a configuration file stands under `[policy]`, `[[policy.rule]]`, `[[policy.waiver]]`",
            )
        })
    }

    /// The tests of a file, and the policies that they try: itself, or those that it names.
    pub fn cases(&self, file: &str) -> Result<Cases> {
        let Policy { cases, tries, .. } = self.parse_file(file, &text_of(file)?, &[])?;
        let folder = folder_of(file);
        let words = match tries {
            None => vec![file.to_owned()],
            Some(tries) => {
                let name =
                    |word: String| if is_file(&word) { folder.join(word).to_string_lossy().into_owned() } else { word };
                tries.value.into_iter().map(name).collect()
            }
        };
        if cases.is_empty() {
            return Err(Error::new(ErrorKind::Config, format!("`{}` has no `[[test]]`", escape(file)))
                .help("docs/policy.md shows how to write one"));
        }
        Ok(Cases { cases, set: self.load(&words)?, folder })
    }

    /// A policy from a registry: the digest of the reference must be that of the file itself or of the manifest, which the
    /// one who fetches verifies.
    fn fetched(&self, reference: &str) -> Result<String> {
        let Some(fetch) = self.fetch else {
            return Err(Error::new(
                ErrorKind::Config,
                format!("the policy `oci:{}` is in a registry, which is not asked here", escape(reference)),
            ));
        };
        // what a registry holds in a policy's place is an error of the policy, not of the image
        let bytes = fetch(reference).map_err(|error| Error {
            kind: if error.kind.is_refusal() { ErrorKind::Config } else { error.kind },
            ..error
        })?;
        checked(reference, bytes)
    }
}

/// A policy, unless the file only tries others.
fn no_tests_alone(word: &str, policy: Policy) -> Result<Policy> {
    match &policy.tries {
        None => Ok(policy),
        Some(tries) => {
            let what = format!("`{}` holds tests of policies, and judges nothing", escape(word));
            Err(Error::new(ErrorKind::Config, what)
                .at(tries.place.clone())
                .help("name the policy itself; `careen policy test` takes this file"))
        }
    }
}

/// Whether a word names a file: no preset, and nothing in a registry.
fn is_file(word: &str) -> bool {
    !word.starts_with("careen:") && !word.starts_with("oci:")
}

/// Whether a word names a configuration file, in which policies are one table of several.
fn is_configuration(word: &str) -> bool {
    Path::new(word).file_name().is_some_and(|name| name == CONFIGURATION)
}

/// The folder that a file lies in.
fn folder_of(file: &str) -> PathBuf {
    Path::new(file).parent().unwrap_or(Path::new("")).to_path_buf()
}

/// The policy that was read last, by its name, and where that is a configuration file, the files that it extends, which
/// is how it names them.
fn with_extended(word: &str, loaded: &Loaded) -> Vec<String> {
    let mut names = vec![word.to_owned()];
    if let Some(policy) = loaded.policies.last().filter(|_| is_configuration(word)) {
        let files = policy.extends.iter().filter(|extended| is_file(&extended.word));
        let plain = |file: &super::Extended| file.word.strip_prefix("./").unwrap_or(&file.word).to_owned();
        names.extend(files.map(|file| folder_of(word).join(plain(file)).to_string_lossy().into_owned()));
    }
    names
}

/// What tells a file from others, by whatever name it is read.
fn identity(path: &Path) -> String {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf()).to_string_lossy().into_owned()
}

/// Whether a word names a policy in Rego.
fn is_rego(word: &str) -> bool {
    Path::new(word).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("rego"))
}

/// Adds a policy in Rego, which judges after all others.
#[cfg(feature = "rego")]
fn add_rego(word: &str, loaded: &mut Loaded) -> Result<()> {
    loaded.in_rego.push(super::rego::RegoPolicy::load(word, &text_of(word)?)?);
    Ok(())
}

/// Says that this build cannot ask it.
#[cfg(not(feature = "rego"))]
fn add_rego(word: &str, _: &mut Loaded) -> Result<()> {
    Err(Error::new(ErrorKind::Config, format!("this build of careen cannot read the policy `{}`", escape(word)))
        .help("build it with `--features rego`"))
}

/// The bytes of a policy as text, within the limit.
fn checked(name: &str, bytes: Vec<u8>) -> Result<String> {
    let shown = escape(name);
    let wrong = |message: String| Err(Error::new(ErrorKind::Config, message));
    if bytes.len() as u64 > LARGEST.bytes() {
        return wrong(format!("the policy `{shown}` is larger than {LARGEST}"));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) => {
            wrong(format!("the policy `{shown}` is not UTF-8, from byte {} on", error.utf8_error().valid_up_to()))
        }
    }
}

/// The text of a file within the limit.
fn text_of(path: &str) -> Result<String> {
    let failed = |error| {
        let ids: Vec<&str> = presets().iter().map(|preset| preset.id).collect();
        let word = Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let near = nearest(word, ids.iter().filter_map(|id| id.strip_prefix("careen:")));
        let near = near.map(|near| format!("did you mean `careen:{near}`? ")).unwrap_or_default();
        Error::io(format!("cannot read the policy `{}`", escape(path)), error)
            .help(format!("{near}name a file, or one of {}", ids.join(", ")))
    };
    // a pipe may never end
    if std::fs::metadata(path).is_ok_and(|about| !about.is_file() && !about.is_dir()) {
        return Err(Error::new(ErrorKind::Config, format!("the policy `{}` is no regular file", escape(path))));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(LARGEST.bytes() + 1).read_to_end(&mut bytes).map_err(failed)?;
    checked(path, bytes)
}

/// Whether `extends` takes a word.
pub(super) fn check_extended(word: &str, span: Range<usize>) -> std::result::Result<(), Diagnostic> {
    if is_rego(word) {
        return Err(Diagnostic::new(span, "a policy in Rego cannot be extended")
            .help(format!("name it on the command line, after this one: `-p {word}`")));
    }
    check_word(word, span)
}

/// Whether a word names a policy: a preset, a file, or a reference by digest.
pub(super) fn check_word(word: &str, span: Range<usize>) -> std::result::Result<(), Diagnostic> {
    if word.starts_with("careen:") {
        return preset(word).map(drop).ok_or_else(|| {
            Diagnostic::new(span, format!("there is no preset `{word}`"))
                .suggest(word, presets().iter().map(|preset| preset.id))
        });
    }
    if let Some(reference) = word.strip_prefix("oci:") {
        let digest = reference.split_once('@').map(|(_, digest)| digest.parse::<Digest>());
        return match digest {
            Some(Ok(_)) => Ok(()),
            Some(Err(why)) => Err(Diagnostic::new(span, "the digest of the reference is none").label(why)),
            None => Err(Diagnostic::new(span, "a policy in a registry is named by its digest")
                .help("write `oci:registry.example/policies/base@sha256:…`: a tag may be moved by others")),
        };
    }
    let preset_of = |short: &str| presets().iter().find(|preset| preset.id.strip_prefix("careen:") == Some(short));
    if let Some(preset) = preset_of(word) {
        let message = format!("`{word}` may be a file or a preset");
        return Err(Diagnostic::new(span, message)
            .help(format!("write `{}` for the preset, or `./{word}` for a file", preset.id)));
    }
    match word.split_once(':') {
        Some((scheme, _)) if scheme.len() > 1 && !scheme.contains(['/', '.']) => {
            Err(Diagnostic::new(span, format!("`{scheme}:` is no place for policies"))
                .help("name a preset (`careen:2026`), a file, or `oci:REFERENCE@sha256:…`"))
        }
        _ if word.trim().is_empty() => Err(Diagnostic::new(span, "the name of a file is empty")),
        _ => Ok(()),
    }
}

impl Policy {
    /// Reads a policy from text; errors call it `name`. Ids must be among `known` or the policy module's own.
    pub fn parse(name: &str, source: &str, known: &[&'static Rule], colour: bool) -> Result<Self> {
        file::parse(name, source, Reading { known: Known::Rules(known), needs: DEFAULT_NEEDS, colour })
    }

    /// The policy of a preset. Its ids are taken as they are.
    pub fn preset(preset: &Preset) -> Result<Self> {
        file::parse(preset.id, preset.text, Reading { known: Known::Any, needs: DEFAULT_NEEDS, colour: false })
    }

    /// Whether it has neither rules nor demands of an image: waivers and settings at most, which need another policy. What
    /// it extends may have some.
    pub fn asks_nothing(&self) -> bool {
        self.rules.is_empty() && !self.requirements.ask()
    }

    /// Whether it has settings that stand in no table.
    pub(super) fn has_flags(&self) -> bool {
        self.scope.is_some() || self.honours_inline.is_some() || self.fails_on_new.is_some()
    }
}

impl PolicySet {
    /// The policies named by `words`, none of them in a registry: see [`Loader::load`].
    pub fn load(words: &[String], known: &[&'static Rule], colour: bool) -> Result<Self> {
        Loader { known, colour, fetch: None, waivers: &[] }.load(words)
    }

    /// These policies, after the presets they extend; [`DEFAULT_PRESET`] first if none has rules or demands of
    /// images.
    pub fn of(given: Vec<Policy>) -> Result<Self> {
        let mut words: Vec<&str> =
            given.iter().flat_map(|policy| &policy.extends).map(|extended| extended.word.as_str()).collect();
        // every preset has rules
        if words.is_empty() && given.iter().all(Policy::asks_nothing) {
            words.push(DEFAULT_PRESET);
        }
        let mut policies: Vec<Policy> = Vec::new();
        for word in words {
            if policies.iter().all(|policy| policy.name != word) {
                policies.push(Policy::preset(preset(word).ok_or_else(|| unknown_preset(word))?)?);
            }
        }
        policies.extend(given);
        Ok(Self::in_order(policies))
    }

    fn in_order(policies: Vec<Policy>) -> Self {
        let mut requirements = Requirements::default();
        for (number, policy) in policies.iter().enumerate() {
            requirements.merge(&policy.requirements, number);
        }
        Self {
            policies,
            fail_on: None,
            baseline: None,
            requirements,
            used_elsewhere: BTreeSet::new(),
            #[cfg(feature = "rego")]
            in_rego: Vec::new(),
        }
    }

    /// Adds the rule of `--fail-on`.
    #[must_use]
    pub fn with_fail_on(mut self, fail_on: FailOn) -> Self {
        self.fail_on = Some(fail_on);
        self
    }

    /// Adds what was there before.
    #[must_use]
    pub fn with_baseline(mut self, baseline: Baseline) -> Self {
        self.baseline = Some(baseline);
        self
    }

    /// Takes waivers that another platform of the same image needs, by their places: they are not told as unused.
    #[must_use]
    pub fn with_used(mut self, places: BTreeSet<String>) -> Self {
        self.used_elsewhere = places;
        self
    }

    /// The policies, in the order in which they judge: later ones win.
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// What they ask of the image as a whole: of each key the last value.
    pub fn requirements(&self) -> &Requirements {
        &self.requirements
    }

    /// Whether packages of an image change what they say of it: else nobody need list them.
    pub fn asks_for_packages(&self) -> bool {
        let by_rule = |rule: &super::PolicyRule| {
            !rule.selector.licences.is_empty()
                || rule.unless.as_ref().is_some_and(|unless| !unless.licences.is_empty())
                // a condition that counts them names the image
                || rule.when.as_ref().is_some_and(|when| when.text.contains("image"))
        };
        self.requirements.ask_for_packages() || self.policies.iter().flat_map(|policy| &policy.rules).any(by_rule)
    }

    /// The edition of the last policy that names one.
    pub fn edition(&self) -> &'static Edition {
        let said = self
            .policies
            .iter()
            .rev()
            .filter(|policy| policy.name != DEFAULT_PRESET)
            .find_map(|policy| policy.edition.as_ref());
        said.map_or(DEFAULT_EDITION, |said| said.value)
    }

    /// The same policies, judged as in another edition.
    #[must_use]
    pub fn with_edition(mut self, edition: &'static Edition) -> Self {
        let said = Said { value: edition, place: String::new(), policy: 0 };
        self.policies.push(Policy { edition: Some(said), ..Policy::named("edition".into()) });
        self
    }

    /// Whose findings count, with the policy that says so.
    pub(super) fn scope(&self) -> Option<(&str, &Said<Scope>)> {
        self.policies.iter().rev().find_map(|policy| Some((policy.name.as_str(), policy.scope.as_ref()?)))
    }

    /// What the last policy that says it says of what a baseline lists: `true`, it does not fail.
    pub(super) fn said_of_new(&self) -> Option<&Said<bool>> {
        self.policies.iter().rev().find_map(|policy| policy.fails_on_new.as_ref())
    }

    /// Whether what the baseline lists does not fail.
    pub(super) fn fails_on_new(&self) -> bool {
        self.said_of_new().is_none_or(|said| said.value)
    }

    pub(super) fn fail_on(&self) -> Option<&FailOn> {
        self.fail_on.as_ref()
    }

    pub(super) fn baseline(&self) -> Option<&Baseline> {
        self.baseline.as_ref()
    }

    /// What the verdict lists: the policies that say anything but what they extend, and `--fail-on`.
    pub(super) fn all_names(&self) -> Vec<String> {
        self.names_of(|policy| policy.has_flags() || !policy.waivers.is_empty())
    }

    /// What the sentence of the verdict names: the policies that have rules or tables, and `--fail-on`.
    pub(super) fn names(&self) -> Vec<String> {
        self.names_of(|_| false)
    }

    fn names_of(&self, has_more: impl Fn(&Policy) -> bool) -> Vec<String> {
        let judges =
            |policy: &&Policy| !policy.rules.is_empty() || !policy.requirements.values().is_empty() || has_more(policy);
        let policies = self.policies.iter().filter(judges).map(|policy| policy.name.clone());
        let policies = policies.chain(self.fail_on.iter().map(|fail_on| fail_on.name.clone()));
        #[cfg(feature = "rego")]
        let policies = policies.chain(self.in_rego.iter().map(|policy| policy.name.clone()));
        policies.collect()
    }

    /// The policies in Rego.
    #[cfg(feature = "rego")]
    pub fn in_rego(&self) -> &[super::rego::RegoPolicy] {
        &self.in_rego
    }
}

fn unknown_preset(word: &str) -> Error {
    let ids = || presets().iter().map(|preset| preset.id);
    let help = match nearest(word, ids()) {
        Some(id) => format!("did you mean `{id}`?"),
        None => format!("use one of {}", ids().collect::<Vec<_>>().join(", ")),
    };
    Error::new(ErrorKind::Config, format!("there is no preset `{}`", escape(word))).help(help)
}

fn summary(policy: &Policy, set: &PolicySet, known: &[&'static Rule], today: Date) -> Summary {
    let notes = super::notes::of(policy, set, &Comparing::of(known), today);
    Summary {
        name: policy.name.clone(),
        extends: policy.extends.iter().map(|extended| extended.word.clone()).collect(),
        rules: policy.rules.len(),
        waivers: policy.waivers.len(),
        notes,
    }
}
