//! Writes the policy that an import makes: TOML whose every text is quoted, with the origin of each entry above it.

use crate::escape::is_hidden;

use super::super::DEFAULT_PRESET;
use super::draft::{Condition, Demands, GateEntry, Note, WaiverEntry};
use super::{DAYS, NoteKind, Options};

/// Notes that are written into the policy; the command tells all.
const MOST_NOTES: usize = 200;

/// What the policy is made of.
pub(super) struct Made<'a> {
    pub(super) gates: &'a [GateEntry],
    pub(super) waivers: &'a [WaiverEntry],
    pub(super) demands: &'a Demands,
    pub(super) notes: &'a [Note],
}

/// The policy as text. `files` and what the entries come from are safe to show.
pub(super) fn policy(files: &[String], options: &Options<'_>, made: &Made<'_>) -> String {
    let Made { gates, waivers, demands, notes } = made;
    let mut text = format!("# Made by `careen policy import` on {} of: {}\n", options.today, files.join(", "));
    if waivers.iter().any(|waiver| waiver.is_own_day) {
        text += "# A waiver whose origin names no last day got one: look at it again before then.\n";
    }
    text += "\nedition = \"2026\"\n";
    if !gates.is_empty() || !demands.bases.is_empty() || !demands.labels.is_empty() {
        text += &format!("extends = {} # judges what the rules below say nothing of\n", quoted(DEFAULT_PRESET));
    }
    text += &tables(demands);
    for entry in *gates {
        let gate = &entry.gate;
        let conditions = gate.conditions.iter().map(|(key, condition)| format!("{key} = {}", condition.written()));
        text += &format!("\n# {}\n[[rule]]\nname = {}\n", entry.origin, quoted(&gate.name));
        text += &match conditions.collect::<Vec<_>>().join(", ") {
            all if all.is_empty() => "match = {}\n".to_owned(),
            some => format!("match = {{ {some} }}\n"),
        };
        text += &format!("action = {}\n", quoted(gate.action));
        if let Some(message) = &gate.message {
            text += &format!("message = {}\n", quoted(message));
        }
    }
    for entry in *waivers {
        text += "\n";
        for origin in &entry.origins {
            text += &format!("# {origin}\n");
        }
        text += "[[waiver]]\n";
        let waived = &entry.waived;
        let lists =
            [("rule", &waived.rules), ("subject", &waived.subjects), ("path", &waived.paths), ("purl", &waived.purls)];
        for (key, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            text += &format!("{key} = {}\n", words(list));
        }
        let why = match (entry.is_own_day, options.until) {
            (false, _) => String::new(),
            (true, None) => format!(" # {DAYS} days from the import: the origin names no day"),
            (true, Some(_)) => " # as asked for: the origin names no day".to_owned(),
        };
        text += &format!("reason = {}\nexpires = {}{why}\n", quoted(&entry.reason), entry.expires);
    }
    for (kind, title) in [(NoteKind::Left, "Not carried over"), (NoteKind::Differs, "Not quite the same")] {
        let of_kind = || notes.iter().filter(|note| note.kind == kind);
        let count = of_kind().count();
        if count > 0 {
            text += &format!("\n# {title}: {count}\n");
            for note in of_kind().take(MOST_NOTES) {
                text += &format!("# - {}: `{}`: {}\n", note.place, note.what, note.why);
            }
        }
    }
    text
}

/// `[base]` and `[require]`.
fn tables(demands: &Demands) -> String {
    let mut text = String::new();
    if !demands.bases.is_empty() {
        text += "\n[base]\nallow = [\n";
        for (pattern, origin) in &demands.bases {
            text += &format!("  {}, # {origin}\n", quoted(pattern));
        }
        text += &format!("]\naction = {}\n", quoted(demands.base_action.unwrap_or("fail")));
    }
    if let Some(origin) = &demands.no_comments {
        text += &format!("\n# {origin}\n[waivers]\ndockerfile-comments = false\n");
    }
    if !demands.labels.is_empty() {
        text += &format!("\n[require]\naction = {}\n\n", quoted(demands.label_action.unwrap_or("fail")));
        text += "[require.labels]\n";
        for (label, (form, origin)) in &demands.labels {
            text += &format!("{} = {} # {origin}\n", quoted(label), quoted(form));
        }
    }
    text
}

impl Condition {
    fn written(&self) -> String {
        match self {
            Self::Words(list) => words(list),
            Self::Truth(truth) => truth.to_string(),
        }
    }
}

/// One text, or a list of them.
fn words(list: &[String]) -> String {
    match list {
        [one] => quoted(one),
        list => format!("[{}]", list.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", ")),
    }
}

/// A basic string of TOML, in which nothing steers a terminal or an editor and nothing ends it but its quote.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted += "\\\"",
            '\\' => quoted += "\\\\",
            c if c.is_control() || is_hidden(c) => quoted += &format!("\\U{:08X}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_texts_are_read_back_as_they_were() {
        for text in
            ["", "plain", "a\"b\\c", "x\"\n[[waiver]]\n", "\u{0}\u{7f}\u{9b}\u{202e}\u{feff}", "größe '''", "\\u0022"]
        {
            let line = quoted(text);
            assert!(!line.chars().any(|c| c.is_control() || is_hidden(c)), "{line:?}");
            let table: toml::Table = toml::from_str(&format!("a = {line}")).expect(text);
            assert_eq!(table["a"].as_str(), Some(text));
        }
    }
}
