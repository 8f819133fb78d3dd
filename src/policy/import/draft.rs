//! What readers of foreign files put together: waivers, rules, and notes on what has no counterpart.

use std::collections::{BTreeMap, BTreeSet};

use crate::escape::escape;
use crate::rule::Rule;
use crate::time::Date;

use super::super::diagnostic::escape_words;
use super::super::pattern::Glob;
use super::{DAYS, Options, names, write};

/// Most waivers and rules of one policy: it could not be read by then, and people could not either.
const MOST: usize = 10_000;

/// Most entries of a list, and characters of a text, that a policy may have.
const LONGEST_LIST: usize = 1_000;
const LONGEST_TEXT: usize = 2_000;

/// What was not carried over, or not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Whether anything of it was carried over.
    pub kind: NoteKind,
    /// File and line, safe to show.
    pub place: String,
    /// What stands there, safe to show.
    pub what: String,
    /// Why it is told.
    pub why: String,
}

/// Whether anything was carried over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoteKind {
    /// No.
    Left,
    /// Yes, but it does not mean quite the same.
    Differs,
}

/// A waiver to be.
#[derive(Debug, Clone, Default)]
pub(super) struct Waived {
    pub(super) rules: Vec<String>,
    pub(super) subjects: Vec<String>,
    pub(super) paths: Vec<String>,
    pub(super) purls: Vec<String>,
    pub(super) reason: Option<String>,
    pub(super) expires: Option<Day>,
}

/// Until when an entry holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Day {
    /// It ends at midnight, or some time, of this day.
    Before(Date),
    /// What stands there is no day.
    Wrong(String),
}

impl Day {
    /// A day, or a point in time, at which an entry ends. What ends in the course of a day ends before it: a policy
    /// knows whole days, and a waiver shall not outlive what it was made of.
    pub(super) fn before(text: &str) -> Self {
        let day = text
            .get(..10)
            .filter(|_| text.len() == 10 || text.get(10..).is_some_and(|rest| rest.starts_with(['T', 't', ' '])));
        day.and_then(|day| day.parse().ok()).map_or_else(|| Self::Wrong(escape(text)), Self::Before)
    }
}

/// A rule to be.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    /// Rules count in this order, those of one step in the order of the files: the last that matches decides.
    pub(super) step: Step,
    pub(super) name: String,
    /// Keys of `match`, each with its words or its truth value.
    pub(super) conditions: Vec<(&'static str, Condition)>,
    /// `fail`, `warn`, `info` or `ignore`.
    pub(super) action: &'static str,
    pub(super) message: Option<String>,
}

/// When a rule counts: thresholds first, then exceptions from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Threshold,
    Override,
    Ignore,
}

#[derive(Debug, Clone)]
pub(super) enum Condition {
    Words(Vec<String>),
    Truth(bool),
}

/// A waiver as it is written.
#[derive(Debug, Clone)]
pub(super) struct WaiverEntry {
    /// Where it comes from, and what stands there.
    pub(super) origins: Vec<String>,
    pub(super) waived: Waived,
    pub(super) reason: String,
    pub(super) expires: Date,
    /// Whether the day is not the file's own.
    pub(super) is_own_day: bool,
}

/// A rule as it is written.
#[derive(Debug, Clone)]
pub(super) struct GateEntry {
    pub(super) origin: String,
    pub(super) gate: Gate,
}

/// Base images and labels that a policy asks for, each with where it comes from.
#[derive(Debug, Default)]
pub(super) struct Demands {
    /// Patterns over names of base images, and what becomes of others.
    pub(super) bases: BTreeMap<String, String>,
    pub(super) base_action: Option<&'static str>,
    /// Forms of values by the names of labels, and what becomes of images without.
    pub(super) labels: BTreeMap<String, (&'static str, String)>,
    pub(super) label_action: Option<&'static str>,
    /// Where it is said that comments accept nothing.
    pub(super) no_comments: Option<String>,
}

/// What comes of all files.
pub(super) struct Draft<'a> {
    options: &'a Options<'a>,
    pub(super) known: &'a [&'static Rule],
    pub(super) index: names::Index,
    /// Name of the file at hand, safe to show.
    file: String,
    waivers: Vec<WaiverEntry>,
    /// Places of waivers by what they select.
    by_selection: BTreeMap<Vec<Vec<String>>, usize>,
    gates: Vec<GateEntry>,
    /// What the rules say, to say each once.
    said: BTreeSet<String>,
    demands: Demands,
    notes: Vec<Note>,
    is_full: bool,
}

impl<'a> Draft<'a> {
    pub(super) fn new(options: &'a Options<'a>, known: &'a [&'static Rule]) -> Self {
        Self {
            options,
            known,
            index: names::Index::of(known),
            file: String::new(),
            waivers: Vec::new(),
            by_selection: BTreeMap::new(),
            gates: Vec::new(),
            said: BTreeSet::new(),
            demands: Demands::default(),
            notes: Vec::new(),
            is_full: false,
        }
    }

    /// What follows is from this file.
    pub(super) fn begin(&mut self, file: &str) {
        file.clone_into(&mut self.file);
    }

    /// Notes that `what` on this line was not carried over.
    pub(super) fn leave(&mut self, line: usize, what: &str, why: impl Into<String>) {
        self.note(NoteKind::Left, line, what, why.into());
    }

    /// Notes that `what` on this line was carried over, and does not mean quite the same.
    pub(super) fn differ(&mut self, line: usize, what: &str, why: impl Into<String>) {
        self.note(NoteKind::Differs, line, what, why.into());
    }

    fn note(&mut self, kind: NoteKind, line: usize, what: &str, why: String) {
        let what = short(what);
        self.notes.push(Note { kind, place: self.place(line), what, why });
    }

    fn place(&self, line: usize) -> String {
        format!("{}:{line}", self.file)
    }

    /// Adds a waiver for `what` on this line. Whether it was added.
    pub(super) fn waive(&mut self, line: usize, what: &str, mut waived: Waived) -> bool {
        let expires = match &waived.expires {
            None => None,
            Some(Day::Before(day)) => Some(day.plus_days(-1)),
            Some(Day::Wrong(text)) => {
                let why = format!("`{text}` is no day");
                self.leave(line, what, why);
                return false;
            }
        };
        if let Some(day) = expires.filter(|day| *day < self.options.today) {
            self.leave(line, what, format!("it accepts nothing since the end of {day}"));
            return false;
        }
        for list in [&mut waived.rules, &mut waived.subjects, &mut waived.paths, &mut waived.purls] {
            list.sort();
            list.dedup();
        }
        if let Some(why) = fault(&waived) {
            self.leave(line, what, why);
            return false;
        }
        if !self.has_room(line, what) {
            return false;
        }
        let place = self.place(line);
        let origin = format!("{place}: {}", short(what));
        let reason = waived.reason.as_deref().and_then(text_for_people);
        let reason = reason.or_else(|| self.options.reason.and_then(text_for_people));
        let reason = reason.unwrap_or_else(|| format!("imported from {place}, which gives none"));
        let own_day = self.options.until.unwrap_or_else(|| self.options.today.plus_days(DAYS));
        let selection = vec![waived.rules.clone(), waived.subjects.clone(), waived.paths.clone(), waived.purls.clone()];
        let (expires, is_own_day) = (expires.unwrap_or(own_day), expires.is_none());
        if let Some(same) = self.by_selection.get(&selection).and_then(|index| self.waivers.get_mut(*index)) {
            // of two for the same the later day counts, as in the other tool, where either accepts
            same.origins.push(origin);
            if expires > same.expires {
                (same.expires, same.is_own_day, same.reason) = (expires, is_own_day, reason);
            }
            return true;
        }
        self.by_selection.insert(selection, self.waivers.len());
        self.waivers.push(WaiverEntry { origins: vec![origin], waived, reason, expires, is_own_day });
        true
    }

    /// Adds a rule for `what` on this line.
    pub(super) fn gate(&mut self, line: usize, what: &str, mut gate: Gate) {
        for (key, condition) in &gate.conditions {
            let Condition::Words(words) = condition else { continue };
            let wrong = if words.is_empty() { Some("there is nothing it could be about".to_owned()) } else { None };
            let wrong = wrong.or_else(|| words.iter().find_map(|word| bad_pattern(word, *key == "path")));
            if let Some(why) = wrong.or_else(|| too_many(words)) {
                self.leave(line, what, why);
                return;
            }
        }
        if self.has_room(line, what)
            && self.said.insert(format!("{:?} {} {:?}", gate.step, gate.action, gate.conditions))
        {
            let origin = format!("{}: {}", self.place(line), short(what));
            gate.name = text_for_people(&gate.name).unwrap_or_else(|| self.place(line));
            gate.message = gate.message.as_deref().and_then(text_for_people);
            self.gates.push(GateEntry { origin, gate });
        }
    }

    /// Allows base images whose names these patterns take; `action` is for the others, and of several the strictest counts.
    pub(super) fn allow_bases(&mut self, line: usize, what: &str, patterns: Vec<String>, action: &'static str) {
        let fault = patterns.iter().find_map(|pattern| bad_pattern(pattern, false)).or_else(|| {
            let count = patterns.len().saturating_add(self.demands.bases.len());
            (count > LONGEST_LIST).then(|| format!("a list of a policy has at most {LONGEST_LIST} entries"))
        });
        if let Some(why) = fault {
            self.leave(line, what, why);
            return;
        }
        let origin = format!("{}: {}", self.place(line), short(what));
        for pattern in patterns {
            self.demands.bases.entry(pattern).or_insert_with(|| origin.clone());
        }
        self.demands.base_action = stricter(self.demands.base_action, action);
    }

    /// Has comments in Dockerfiles accept nothing.
    pub(super) fn refuse_comments(&mut self, line: usize, what: &str) {
        let origin = format!("{}: {}", self.place(line), short(what));
        self.demands.no_comments.get_or_insert(origin);
        self.differ(line, what, "comments of careen's own (`# careen:allow`) accept nothing then, either");
    }

    /// Asks for a label whose value has this form.
    pub(super) fn ask_for_label(&mut self, line: usize, label: &str, form: &'static str, action: &'static str) {
        if label.is_empty() || label.chars().count() > 256 || self.demands.labels.len() >= LONGEST_LIST {
            self.leave(line, label, "its name is empty or too long, or there are too many labels");
            return;
        }
        let origin = format!("{}: {}", self.place(line), short(label));
        if self.demands.labels.get(label).is_some_and(|(other, _)| *other != form) {
            self.leave(line, label, "an earlier line asks for another form");
            return;
        }
        self.demands.labels.entry(label.to_owned()).or_insert((form, origin));
        self.demands.label_action = stricter(self.demands.label_action, action);
    }

    fn has_room(&mut self, line: usize, what: &str) -> bool {
        if self.waivers.len().saturating_add(self.gates.len()) < MOST {
            return true;
        }
        if !self.is_full {
            self.is_full = true;
            self.leave(line, what, format!("it and all that follows is beyond the {MOST} entries of one policy"));
        }
        false
    }

    /// Adds waivers for the rules of careen that are the same as `id` of another tool. Whether there are any.
    pub(super) fn waive_rule(&mut self, line: usize, id: &str, tool: &names::Tool<'_>, scope: &Waived) -> bool {
        let groups = self.index.same_as(id, tool);
        for group in &groups {
            let rules = group.rules.iter().map(|rule| (*rule).to_owned()).collect();
            let subjects = group.subjects.iter().map(|subject| (*subject).to_owned()).collect();
            let is_added = self.waive(line, id, Waived { rules, subjects, ..scope.clone() });
            if is_added && !group.wider.is_empty() {
                let also = group.wider.join("`, `");
                let rules = group.rules.join("`, `");
                self.differ(line, id, format!("`{rules}` is about `{also}` too, so that the waiver accepts more"));
            }
        }
        !groups.is_empty()
    }

    /// The policy as text, how many entries it has, and the notes.
    pub(super) fn finish(mut self, files: &[String]) -> (String, usize, Vec<Note>) {
        self.gates.sort_by_key(|entry| entry.gate.step);
        let demands = self.demands.bases.len().saturating_add(self.demands.labels.len());
        let demands = demands.saturating_add(usize::from(self.demands.no_comments.is_some()));
        let count = self.waivers.len().saturating_add(self.gates.len()).saturating_add(demands);
        let made =
            write::Made { gates: &self.gates, waivers: &self.waivers, demands: &self.demands, notes: &self.notes };
        let text = write::policy(files, self.options, &made);
        (text, count, self.notes)
    }
}

fn stricter(one: Option<&'static str>, other: &'static str) -> Option<&'static str> {
    ["fail", "warn", "info"].into_iter().find(|action| one == Some(*action) || other == *action)
}

/// What keeps a waiver from being one.
fn fault(waived: &Waived) -> Option<String> {
    let patterns = |list: &[String], is_path| list.iter().find_map(|pattern| bad_pattern(pattern, is_path));
    let lists = [&waived.rules, &waived.subjects, &waived.paths, &waived.purls];
    patterns(&waived.paths, true)
        .or_else(|| patterns(&waived.subjects, false))
        .or_else(|| patterns(&waived.purls, false))
        .or_else(|| lists.iter().find_map(|list| too_many(list)))
}

fn bad_pattern(pattern: &str, is_path: bool) -> Option<String> {
    let glob = if is_path { Glob::path(pattern) } else { Glob::text(pattern) };
    glob.err().map(|why| format!("`{}` is no pattern of careen: {why}", short(pattern)))
}

fn too_many(list: &[String]) -> Option<String> {
    (list.len() > LONGEST_LIST).then(|| format!("a list of a policy has at most {LONGEST_LIST} entries"))
}

/// The beginning of what stands in a file, safe to show.
fn short(text: &str) -> String {
    let mut shown: String = text.chars().take(120).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    escape(shown)
}

/// Text on one line that steers nothing, as long as a policy may have it. `None` if nothing is left.
fn text_for_people(text: &str) -> Option<String> {
    let line = escape_words(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    if line.chars().count() <= LONGEST_TEXT {
        return Some(line).filter(|line| !line.is_empty());
    }
    let cut: String = line.chars().take(LONGEST_TEXT.saturating_sub(1)).collect();
    Some(cut + "…")
}
