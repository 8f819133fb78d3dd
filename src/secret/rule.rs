//! Reads the rule files into rules, once.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, OnceLock};

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::hir::literal::Extractor;
use serde::Deserialize;

use crate::rule::{Confidence, Rule};

use super::anchor::{Anchors, Texts};
use super::charset::Charset;
use super::check::{self, Check};
use super::rule_files::RULE_FILES;
use super::rule_text;
use super::runs;
use super::user::UserSettings;

/// All rules, and the automata over their anchors.
pub(super) struct RuleSet {
    /// Sorted by id.
    pub(super) rules: Vec<SecretRule>,
    /// Anchors looked for in every file, and behind them the words that end keys: looked for in settings and source code.
    anchors: Texts,
    /// How many are looked for everywhere.
    everywhere: usize,
    /// The tables over the first of them, and over all.
    tables: [OnceLock<Anchors>; 2],
    /// Small texts that were searched without such a table.
    small: AtomicUsize,
    /// Which rule judges the credentials in a URL, by scheme; `*` for all others.
    pub(super) schemes: BTreeMap<&'static str, usize>,
    /// Words, in any case, of rules whose pattern is searched for in the whole text.
    pub(super) keywords: Anchors,
    /// Such rules without words.
    pub(super) always: Vec<usize>,
    /// Whether every match by an anchor has a run of text that is told in binary files.
    pub(super) is_for_text: bool,
    /// What a user's files say besides.
    pub(super) user: UserSettings,
}

/// A rule with what it takes to match it.
pub(super) struct SecretRule {
    /// What the user sees.
    pub(super) rule: &'static Rule,
    /// Name of the rule's file: part of a secret's identity.
    pub(super) family: &'static str,
    /// How it is matched.
    pub(super) matcher: Matcher,
    /// Bytes before an anchor where the match may begin.
    pub(super) before: usize,
    /// Most bytes from there to the end of the match.
    pub(super) length: usize,
    /// What may not stand before a match.
    pub(super) left: Charset,
    /// What may not stand after a match.
    pub(super) right: Charset,
    /// Least entropy of the part that is not public, in bits for each byte.
    pub(super) entropy: f64,
    /// What made-up values are told by.
    pub(super) quality: Quality,
    /// Looks at the structure.
    pub(super) check: Option<Check>,
    /// Looks at the structure of what the format of a file finds.
    pub(super) file_check: Option<Check>,
    /// Nothing of the value may be shown.
    pub(super) is_hidden: bool,
    /// Bytes at the start of the value that are public; by default the anchor, where the value starts with it.
    pub(super) shown: Option<usize>,
    /// Packages ship such things as examples and for their tests: in a file that is as its package brought
    /// it the finding counts for less. Never set for tokens that a provider's prefix tells.
    pub(super) ships_in_packages: bool,
    /// Of overlapping matches the one of the highest rank is reported.
    pub(super) rank: u8,
}

/// How a rule is matched at an anchor.
pub(super) enum Matcher {
    /// By a regular expression, in a window round the anchor.
    Pattern {
        source: Source,
        /// Whether the match begins at the anchor itself.
        is_anchored: bool,
        compiled: OnceLock<Option<Regex>>,
    },
    /// As a setting: the anchor ends a key, the value follows.
    Assignment,
    /// As the password in a URL; the anchor is `://`.
    Url,
    /// By the format of the file alone: see `file`.
    File,
    /// By a regular expression, anywhere in a text that has one of the rule's words; the value is its group of
    /// that number, or of 0 the first that matched.
    Text { regex: Regex, group: usize },
}

/// What a pattern is made of; it is put together where it is needed, which of most rules is never.
pub(super) struct Source {
    /// Names of settings whose value it is, if any.
    context: Vec<Text>,
    pattern: Text,
    is_anchored: bool,
}

impl Source {
    /// The regular expression.
    pub(super) fn text(&self) -> String {
        let whole = if self.context.is_empty() {
            Cow::Borrowed(&*self.pattern)
        } else {
            Cow::Owned(in_context(&self.context, &self.pattern))
        };
        if self.is_anchored { ["\\A(?:", &whole, ")"].concat() } else { whole.into_owned() }
    }
}

/// Text of a rule file: of careen's own lent by it, of a user's held.
pub(super) type Text = Cow<'static, str>;

/// What made-up values are told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Quality {
    /// Few signs, runs, words of examples.
    Token,
    /// Variables, templates, common passwords.
    Password,
    /// The check alone decides.
    None,
}

/// A rule file.
#[derive(Default)]
#[cfg_attr(test, derive(Debug, PartialEq, Deserialize), serde(deny_unknown_fields))]
pub(super) struct RawFile {
    pub(super) provider: Text,
    pub(super) variable: Text,
    pub(super) why: Text,
    pub(super) remediation: Text,
    pub(super) references: Vec<Text>,
    pub(super) rule: Vec<RawRule>,
}

/// A rule as its file says it; `docs` tell each key in [`SecretRule`].
#[derive(Default, Deserialize)]
#[cfg_attr(test, derive(Debug, PartialEq))]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of a file format")]
#[serde(deny_unknown_fields)]
pub(super) struct RawRule {
    pub(super) id: Text,
    pub(super) title: Text,
    pub(super) severity: Text,
    pub(super) confidence: Option<Text>,
    #[serde(default)]
    pub(super) anchors: Vec<Text>,
    #[serde(default)]
    pub(super) ignore_case: bool,
    /// The pattern of the whole match; its group `s`, if any, is the value.
    pub(super) pattern: Option<Text>,
    /// Names of settings whose value is the secret; `pattern` is then of the value.
    #[serde(default)]
    pub(super) context: Vec<Text>,
    /// The anchors are last words of keys.
    #[serde(default)]
    pub(super) assignment: bool,
    /// Schemes of URLs.
    #[serde(default)]
    pub(super) schemes: Vec<Text>,
    #[serde(default)]
    pub(super) before: usize,
    pub(super) length: Option<usize>,
    pub(super) left: Option<Charset>,
    pub(super) right: Option<Charset>,
    pub(super) entropy: Option<f64>,
    pub(super) quality: Option<Quality>,
    pub(super) check: Option<Text>,
    /// The check of a rule that only `files` match.
    pub(super) file_check: Option<Text>,
    /// Names of the files whose formats yield such secrets, for people to read.
    #[serde(default)]
    pub(super) files: Vec<Text>,
    #[serde(default)]
    pub(super) hide: bool,
    #[serde(default)]
    pub(super) ships_in_packages: bool,
    pub(super) shown: Option<usize>,
    pub(super) rank: Option<u8>,
    pub(super) variable: Option<Text>,
    pub(super) why: Option<Text>,
    pub(super) remediation: Option<Text>,
    #[serde(default)]
    pub(super) also: Vec<Text>,
    /// Set where the pattern is searched for in the whole text: which of its groups is the value.
    #[serde(default, skip_deserializing)]
    pub(super) group: Option<usize>,
    /// For whoever reads or tests the file.
    #[serde(default)]
    #[cfg_attr(not(test), expect(dead_code, reason = "read by tests, from the files"))]
    pub(super) examples: serde::de::IgnoredAny,
    #[serde(default)]
    #[cfg_attr(not(test), expect(dead_code, reason = "read by tests, from the files"))]
    pub(super) near_misses: serde::de::IgnoredAny,
}

/// Said of every secret.
const ADVICE: &str = "An image that was pushed counts as leaked, and deleting the file in a later layer does not take it out: \
                      revoke the secret first, then build again without it (`RUN --mount=type=secret`), and delete the old tags.";

/// Bytes a compiled pattern may take.
const MOST_COMPILED: usize = 4 << 20;

/// Words a key must have to hold a secret, for rules that go by the provider's name.
const KEY_WORDS: &str = "key|token|secret|password|passwd|pass|pwd|pat|auth|credential|dsn";

static RULE_SET: OnceLock<RuleSet> = OnceLock::new();

/// The rules, sorted by id.
pub static RULES: LazyLock<Vec<&'static Rule>> =
    LazyLock::new(|| rule_set().rules.iter().map(|rule| rule.rule).collect());

/// The rules, loaded at the first call.
pub(super) fn rule_set() -> &'static RuleSet {
    RULE_SET.get_or_init(|| Draft::built_in().finish(UserSettings::default()))
}

/// Makes `set` what every search goes by; false once one has begun.
pub(super) fn install(set: RuleSet) -> bool {
    RULE_SET.set(set).is_ok()
}

/// The rule whose id is `secret/` and `name`.
pub(super) fn by_id(name: &str) -> Option<&'static SecretRule> {
    let rules = &rule_set().rules;
    let order = |rule: &SecretRule| rule.rule.id.strip_prefix("secret/").unwrap_or_default().cmp(name);
    rules.binary_search_by(order).ok().and_then(|index| rules.get(index))
}

/// A rule of what the user sees, with what it takes to match it.
pub(super) fn of(rule: &Rule) -> Option<&'static SecretRule> {
    let rules = &rule_set().rules;
    rules.binary_search_by_key(&rule.id, |known| known.rule.id).ok().and_then(|index| rules.get(index))
}

/// Longest text that is searched without the table over all anchors, and how many of them: then the table pays.
const SMALL: usize = 16 << 10;
const MOST_SMALL: usize = 500;

impl RuleSet {
    /// Tells the rule and the place of each anchor in that part of the bytes until `tell` says that it is enough; words that end keys
    /// too where the bytes are settings.
    pub(super) fn find(
        &self,
        is_settings: bool,
        bytes: &[u8],
        part: Range<usize>,
        mut tell: impl FnMut(usize, Range<usize>) -> bool,
    ) {
        let (count, table) = match (is_settings, &self.tables) {
            (false, [table, _]) => (self.everywhere, table),
            (true, [_, table]) => (self.anchors.len(), table),
        };
        if let Some(anchors) = table.get() {
            return anchors.find(bytes, part, tell);
        }
        if part.len() <= SMALL && self.small.fetch_add(1, Ordering::Relaxed) < MOST_SMALL {
            let (start, bytes) = (part.start, bytes.get(part).unwrap_or_default());
            return self.anchors.narrowed(count, bytes).find(bytes, 0..bytes.len(), |rule, place| {
                tell(rule, start.saturating_add(place.start)..start.saturating_add(place.end))
            });
        }
        let heads = |rule: usize| self.rules.get(rule).map_or(vec![], SecretRule::heads);
        table.get_or_init(|| self.anchors.build(count, heads)).find(bytes, part, tell);
    }
}

impl SecretRule {
    /// The four bytes a match may begin with; none where that is not known, or there are too many.
    fn heads(&self) -> Vec<[u8; 4]> {
        let Matcher::Pattern { source, is_anchored: true, .. } = &self.matcher else { return Vec::new() };
        let parser = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(&source.text());
        let Ok(pattern) = parser else { return Vec::new() };
        let mut extractor = Extractor::new();
        extractor.limit_class(256).limit_literal_len(4).limit_repeat(8).limit_total(1 << 14);
        let heads = extractor.extract(&pattern);
        let literals = heads.literals().unwrap_or_default();
        literals.iter().map(|literal| literal.as_bytes().try_into().ok()).collect::<Option<_>>().unwrap_or_default()
    }

    /// Whether every match has a run of text that is told in binary files.
    fn is_for_text(&self) -> bool {
        let Matcher::Pattern { source, .. } = &self.matcher else { return true };
        let parser = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(&source.text());
        parser.is_ok_and(|pattern| {
            runs::has_only_text(&pattern) && pattern.properties().minimum_len() > Some(runs::LONGEST_MISSED)
        })
    }

    /// The compiled pattern; `None` when the rule has none.
    pub(super) fn regex(&self) -> Option<&Regex> {
        let Matcher::Pattern { source, compiled, .. } = &self.matcher else { return None };
        compiled
            .get_or_init(|| {
                let source = source.text();
                RegexBuilder::new(&source).unicode(false).size_limit(MOST_COMPILED).dfa_size_limit(1 << 20).build().ok()
            })
            .as_ref()
    }
}

/// Rules before their tables are made.
pub(super) struct Draft {
    rules: Vec<SecretRule>,
    everywhere: Vec<Anchor>,
    assignments: Vec<Anchor>,
    schemes: Vec<(&'static str, &'static str)>,
    keywords: Vec<Anchor>,
    /// Whether the rules of careen itself are being added.
    is_built_in: bool,
    /// Whether all of the others are for text.
    is_for_text: bool,
}

/// A text by which a rule is found.
struct Anchor {
    text: Text,
    /// Id of the rule.
    of: &'static str,
    /// Whether its letters match in either case.
    folds: bool,
}

/// What a rule file says for all its rules.
pub(super) struct Defaults<'a> {
    pub(super) family: &'static str,
    pub(super) provider: &'a str,
    pub(super) variable: &'a str,
    pub(super) why: &'a str,
    pub(super) remediation: &'a str,
    pub(super) references: &'static [&'static str],
}

impl Draft {
    /// The rules that come with careen.
    pub(super) fn built_in() -> Self {
        let (rules, everywhere, assignments) = (Vec::new(), Vec::new(), Vec::new());
        let mut draft = Self {
            rules,
            everywhere,
            assignments,
            schemes: Vec::new(),
            keywords: Vec::new(),
            is_built_in: true,
            is_for_text: true,
        };
        for (name, text) in RULE_FILES {
            let file = rule_text::read(text).expect("a test loads every rule file");
            let references = leak_all(file.references);
            let defaults = Defaults {
                family: name,
                provider: &file.provider,
                variable: &file.variable,
                why: &file.why,
                remediation: &file.remediation,
                references: leak(references),
            };
            for raw in file.rule {
                draft.add(raw, &defaults).expect("a test loads every rule");
            }
        }
        draft.is_built_in = false;
        draft
    }

    /// Adds a rule; what is wrong with it if it is none.
    pub(super) fn add(&mut self, raw: RawRule, defaults: &Defaults<'_>) -> Result<&SecretRule, String> {
        let id: &'static str = leak_text(["secret/", &raw.id].concat());
        let anchors = if raw.assignment {
            &mut self.assignments
        } else if raw.group.is_some() {
            &mut self.keywords
        } else {
            &mut self.everywhere
        };
        let folds = raw.ignore_case || raw.assignment || raw.group.is_some();
        anchors.extend(raw.anchors.iter().map(|text| Anchor { text: text.clone(), of: id, folds }));
        let spelled = raw.context.iter().flat_map(|name| spellings(name));
        anchors.extend(spelled.map(|text| Anchor { text: text.into(), of: id, folds: true }));
        self.schemes.extend(raw.schemes.iter().map(|scheme| (leak_text(scheme.clone()), id)));
        let rule = compile(raw, id, defaults)?;
        // a test knows it of those that come with careen
        self.is_for_text &= self.is_built_in || rule.is_for_text();
        self.rules.push(rule);
        self.rules.last().ok_or_else(String::new)
    }

    /// Takes the rule of that id away; whether there was one.
    pub(super) fn remove(&mut self, id: &str) -> bool {
        let before = self.rules.len();
        self.rules.retain(|rule| rule.rule.id != id);
        for list in [&mut self.everywhere, &mut self.assignments, &mut self.keywords] {
            list.retain(|anchor| anchor.of != id);
        }
        self.schemes.retain(|(_, of)| *of != id);
        self.rules.len() < before
    }

    /// The ids, in no order.
    pub(super) fn ids(&self) -> impl Iterator<Item = &'static str> {
        self.rules.iter().map(|rule| rule.rule.id)
    }

    /// Makes the tables.
    pub(super) fn finish(mut self, user: UserSettings) -> RuleSet {
        let mut rules = self.rules;
        rules.sort_by_key(|rule| rule.rule.id);
        let places: HashMap<&str, usize> = rules.iter().enumerate().map(|(at, rule)| (rule.rule.id, at)).collect();
        let index = |id: &str| *places.get(id).expect("each anchor has its rule");
        let schemes = self.schemes.into_iter().map(|(scheme, id)| (scheme, index(id))).collect::<BTreeMap<_, _>>();
        if let Some(any) = schemes.get("*").and_then(|index| rules.get(*index)) {
            self.everywhere.push(Anchor { text: "://".into(), of: any.rule.id, folds: false });
        }
        let has_words: HashSet<&str> = self.keywords.iter().map(|anchor| anchor.of).collect();
        let add = |texts: &mut Texts, anchors: Vec<Anchor>| {
            // those of one rule stand together
            let mut last = ("", 0);
            for Anchor { text, of, folds } in anchors {
                if !std::ptr::eq(last.0, of) {
                    last = (of, index(of));
                }
                texts.add(text, last.1, folds);
            }
        };
        let (mut anchors, mut keywords) = (Texts::default(), Texts::default());
        add(&mut keywords, self.keywords);
        add(&mut anchors, self.everywhere);
        let everywhere = anchors.len();
        add(&mut anchors, self.assignments);
        let heads = |rule: usize| rules.get(rule).map_or(vec![], SecretRule::heads);
        let keywords = keywords.build(keywords.len(), heads);
        let has_words = |rule: &SecretRule| has_words.contains(rule.rule.id);
        let is_always = |rule: &SecretRule| matches!(rule.matcher, Matcher::Text { .. }) && !has_words(rule);
        let always = rules.iter().enumerate().filter(|(_, rule)| is_always(rule)).map(|(index, _)| index).collect();
        RuleSet {
            rules,
            anchors,
            everywhere,
            tables: [OnceLock::new(), OnceLock::new()],
            small: AtomicUsize::new(0),
            schemes,
            keywords,
            always,
            is_for_text: self.is_for_text,
            user,
        }
    }
}

fn compile(raw: RawRule, id: &'static str, defaults: &Defaults<'_>) -> Result<SecretRule, String> {
    let Defaults { family, provider, variable, why, remediation, references } = *defaults;
    let variable = raw.variable.as_deref().unwrap_or(variable);
    let prefix =
        raw.anchors.first().filter(|_| !raw.hide && !raw.assignment && raw.before == 0).map_or("", |anchor| &**anchor);
    let by_context = !raw.context.is_empty();
    let is_file = raw.pattern.is_none() && !raw.files.is_empty();
    let file = raw.files.first().map_or("", |file| &**file);
    let why = raw.why.unwrap_or_else(|| Cow::Owned(why.to_owned()));
    let why = match raw.files.as_slice() {
        [] => why,
        files => {
            let files = files.iter().map(|file| format!("`{file}`")).collect::<Vec<_>>().join(", ");
            format!("{why} Read by its format in {files}.").into()
        }
    };
    let rule = Rule {
        id,
        title: leak_text(raw.title),
        severity: word(&raw.severity)?,
        confidence: match &raw.confidence {
            Some(name) => word(name)?,
            None if by_context || raw.assignment => Confidence::Medium,
            None => Confidence::High,
        },
        why: leak_text(why),
        remediation: leak_text([raw.remediation.as_deref().unwrap_or(remediation), " ", ADVICE].concat()),
        references,
        also: leak(leak_all(raw.also)),
        bad: leak_text(if is_file {
            ["# ", provider, "\nCOPY ", file, " /root/\n"].concat()
        } else {
            ["# ", provider, "\nENV ", variable, "=", prefix, "…\n"].concat()
        }),
        good: leak_text(if is_file {
            ["RUN --mount=type=secret,id=", variable, ",target=/root/", file, " deploy\n"].concat()
        } else {
            ["RUN --mount=type=secret,id=", variable, " deploy --token-file /run/secrets/", variable, "\n"].concat()
        }),
        ..Rule::NEW
    };
    let is_anchored = raw.before == 0;
    let matcher = if raw.assignment {
        Matcher::Assignment
    } else if !raw.schemes.is_empty() {
        Matcher::Url
    } else if is_file {
        Matcher::File
    } else {
        let pattern = raw.pattern.ok_or("it has no `pattern`")?;
        let source = Source { context: raw.context, pattern, is_anchored: is_anchored && raw.group.is_none() };
        if let Some(group) = raw.group {
            Matcher::Text { regex: regex_of(&source.text())?, group }
        } else {
            Matcher::Pattern { source, is_anchored, compiled: OnceLock::new() }
        }
    };
    let is_url = matches!(matcher, Matcher::Url);
    Ok(SecretRule {
        rule: leak(rule),
        family,
        matcher,
        before: raw.before,
        length: raw.length.unwrap_or(320),
        left: raw.left.unwrap_or(if by_context { Charset::None } else { Charset::Word }),
        right: raw.right.unwrap_or(Charset::Base64url),
        entropy: raw.entropy.unwrap_or(if raw.hide { 1.5 } else { 2.5 }),
        quality: raw.quality.unwrap_or(if raw.hide || is_url || raw.assignment {
            Quality::Password
        } else {
            Quality::Token
        }),
        check: raw.check.as_deref().map(check_of).transpose()?,
        file_check: raw.file_check.as_deref().map(check_of).transpose()?,
        is_hidden: raw.hide || raw.assignment || is_url,
        ships_in_packages: raw.ships_in_packages,
        shown: raw.shown.or(if by_context { Some(0) } else { None }),
        rank: raw.rank.unwrap_or(if raw.assignment {
            10
        } else if by_context || is_url {
            20
        } else if is_file {
            28
        } else {
            30
        }),
    })
}
/// Reads a word of severity or confidence.
fn word<T: std::str::FromStr>(name: &str) -> Result<T, String> {
    name.parse().map_err(|_| format!("`{name}` is no word for how grave or how sure it is"))
}

/// A pattern over bytes, of limited size; one that needs to know of Unicode's classes may.
pub(super) fn regex_of(source: &str) -> Result<Regex, String> {
    let build =
        |unicode| RegexBuilder::new(source).unicode(unicode).size_limit(MOST_COMPILED).dfa_size_limit(1 << 20).build();
    build(false).or_else(|_| build(true)).map_err(|error| {
        // the last line says what is wrong; those before it show the pattern, which may hold a secret
        let text = error.to_string();
        text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
    })
}

/// About how many bytes a user's pattern takes once compiled, rounded up; the most that are allowed where it is none.
pub(super) fn compiled_size(source: &str) -> usize {
    let fits = |most: &usize| RegexBuilder::new(source).size_limit(*most).dfa_size_limit(1 << 16).build().is_ok();
    [64 << 10, 256 << 10, 1 << 20].into_iter().find(fits).unwrap_or(MOST_COMPILED)
}

/// The check of that name, which a rule asks for.
fn check_of(name: &str) -> Result<Check, String> {
    check::by_name(name).ok_or_else(|| format!("there is no check `{name}`"))
}

/// The pattern of a setting, in any spelling that [`spellings`] tells: a key that begins with one of `names` and has a word of secrets, then the value.
fn in_context(names: &[Text], value: &str) -> String {
    let is_whole = |name: &str| KEY_WORDS.split('|').any(|word| name.contains(word));
    let (whole, part): (Vec<&Text>, Vec<&Text>) = names.iter().partition(|name| is_whole(name));
    let escaped = |names: &[&Text]| {
        names.iter().map(|name| regex::escape(name).replace('_', "[_.\\-]?")).collect::<Vec<_>>().join("|")
    };
    let mut keys = Vec::new();
    if !whole.is_empty() {
        keys.push(format!("(?:{})", escaped(&whole)));
    }
    if !part.is_empty() {
        keys.push(format!("(?:{})[a-z0-9_.\\-]{{0,24}}?(?:{KEY_WORDS})", escaped(&part)));
    }
    let end = r"(?:[_.\-]?[0-9]{1,4}|[_.\-]?(?:prod|production|live|dev|staging|test|main|value|token|key|id_secret))?";
    // Between key and value: a closing quote or bracket, then a sign or blanks, then an opening quote.
    let separator = r#"(?:\\?["'`\]]{1,2})?(?:[ \t]{0,8}(?:=>|:=|[:=,>])[ \t]{0,8}|[ \t]{1,4})(?:\\?["'`])?(?:(?i:bearer|token|basic) )?"#;
    format!("(?i:(?:{}){end}){separator}(?<s>{value})", keys.join("|"))
}

/// The ways a name is written, in lower case: `co_api_key`, `co.api.key`, `co-api-key`, `coapikey`.
fn spellings(name: &str) -> Vec<String> {
    let lower = name.to_ascii_lowercase();
    let mut all: Vec<String> = ["-", "."].map(|sign| lower.replace('_', sign)).into();
    if lower.split('_').all(|word| !word.is_empty()) {
        all.push(lower.replace('_', ""));
    }
    all.push(lower);
    all.sort();
    all.dedup();
    all
}

pub(super) fn leak<T: ?Sized>(value: impl Into<Box<T>>) -> &'static T {
    Box::leak(value.into())
}

pub(super) fn leak_text(text: impl Into<Text>) -> &'static str {
    match text.into() {
        Cow::Borrowed(text) => text,
        Cow::Owned(text) => leak::<str>(text),
    }
}

fn leak_all(texts: Vec<Text>) -> Vec<&'static str> {
    texts.into_iter().map(leak_text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_are_runs_of_text() {
        let others = rule_set().rules.iter().filter(|rule| !rule.is_for_text()).map(|rule| rule.rule.id);
        // commands and lines of text files: where a binary file has them, it has other text beside them
        let known = [
            "archive-password",
            "client-password",
            "curl-user",
            "database-client-password",
            "driver-source-password",
            "keystore-password",
            "npmrc-auth",
            "pgpass-password",
            "windows-task-password",
        ];
        assert_eq!(others.collect::<Vec<_>>(), known.map(|name| format!("secret/{name}")));
    }

    #[test]
    fn small_texts_are_searched_as_large_ones_are() {
        let set = rule_set();
        let heads = |rule: usize| set.rules.get(rule).map_or(vec![], SecretRule::heads);
        for count in [set.everywhere, set.anchors.len()] {
            let all = set.anchors.build(count, heads);
            // the files hold the examples of all rules, in pieces
            for text in RULE_FILES.iter().flat_map(|(_, text)| text.as_bytes().chunks(1_500)) {
                let found = |anchors: &Anchors| {
                    let mut found = Vec::new();
                    anchors.find(text, 0..text.len(), |rule, span| {
                        found.push((span.start, span.end, rule));
                        true
                    });
                    found.sort_unstable();
                    // by its heads the table over all passes over what begins nothing
                    found.retain(|(start, end, _)| end - start >= 4);
                    found
                };
                assert_eq!(found(&set.anchors.narrowed(count, text)), found(&all), "{}", String::from_utf8_lossy(text));
            }
        }
    }

    #[test]
    fn names_are_written_in_many_ways() {
        assert_eq!(spellings("co_api_key"), ["co-api-key", "co.api.key", "co_api_key", "coapikey"]);
        assert_eq!(spellings("Heroku"), ["heroku"]);
        assert_eq!(spellings("cko_"), ["cko-", "cko.", "cko_"]);
    }
}
