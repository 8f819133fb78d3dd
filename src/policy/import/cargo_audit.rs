//! `audit.toml` of cargo-audit (<https://github.com/rustsec/rustsec>, `cargo-audit/audit.toml.example`).

use crate::error::Result;

use super::draft::{Condition, Draft, Gate, Step, Waived};
use super::tree::Node;
use super::{File, Kind, has_toml_key, names, tree};

pub(super) static KIND: Kind = Kind {
    id: "cargo-audit",
    what: "advisories that cargo-audit ignores, and what it fails on",
    names: &["audit.toml"],
    looks: |text| {
        has_toml_key(text, &["advisories"])
            && tree::toml(text).is_ok_and(|top| {
                let keys = ["ignore", "informational_warnings", "severity_threshold"];
                top.get("advisories").is_some_and(|table| keys.iter().any(|key| table.get(key).is_some()))
            })
    },
    read,
};

/// Kinds of notices of `RustSec`, and the rules that tell them.
const NOTICES: [(&str, &str); 3] =
    [("notice", "package/notice"), ("unmaintained", "package/unmaintained"), ("unsound", "package/unsound")];

/// Of what this is about.
const CRATES: &str = "pkg:cargo/*";

fn read(file: &File<'_>, draft: &mut Draft<'_>) -> Result<()> {
    let top = file.toml()?;
    for (section, table) in top.entries() {
        match section.as_str() {
            "advisories" => advisories(draft, table),
            "output" => output(draft, table),
            "yanked" => draft.leave(table.line, section, "careen does not look whether a package was withdrawn"),
            _ => draft.leave(table.line, section, "it says how cargo-audit works, not what it ignores"),
        }
    }
    Ok(())
}

fn advisories(draft: &mut Draft<'_>, table: &Node) {
    for (key, value) in table.entries() {
        match key.as_str() {
            "ignore" => value.items().iter().for_each(|entry| ignored(draft, entry)),
            "informational_warnings" => {
                let wanted: Vec<&str> = value.items().iter().filter_map(Node::text).collect();
                let rules: Vec<String> = NOTICES
                    .iter()
                    .filter(|(word, _)| !wanted.contains(word))
                    .map(|(_, rule)| (*rule).to_owned())
                    .collect();
                if !rules.is_empty() {
                    let name = "notices that cargo-audit does not warn of";
                    draft.gate(value.line, key, crates(Step::Ignore, name, rules, Vec::new(), "ignore"));
                }
            }
            "severity_threshold" => match severity(value.text().unwrap_or_default()) {
                Some("none") => {}
                Some(least) => {
                    let below = vec![("severity", Condition::Words(vec![format!("<{least}")]))];
                    let rules = vec!["package/vulnerable".to_owned()];
                    let name = format!("flaws below {least} in crates");
                    draft.gate(value.line, key, crates(Step::Ignore, &name, rules, below, "ignore"));
                }
                None => draft.leave(value.line, key, "it is none of `none`, `low`, `medium`, `high`, `critical`"),
            },
            _ => draft.leave(value.line, key, "the key is none of cargo-audit's"),
        }
    }
}

/// An id, or a table with one and a reason.
pub(super) fn ignored(draft: &mut Draft<'_>, entry: &Node) {
    let id = entry.text().or_else(|| entry.text_of("id")).unwrap_or_default();
    let reason = entry.text_of("reason").map(ToOwned::to_owned);
    if names::is_flaw(id) {
        let waived =
            Waived { rules: names::rules_of_flaw(id), subjects: vec![id.to_owned()], reason, ..Waived::default() };
        draft.waive(entry.line, id, waived);
    } else if entry.get("crate").is_some() || id.contains('@') {
        let spec = entry.text_of("crate").unwrap_or(id);
        draft.leave(entry.line, spec, "it is about withdrawn packages, which careen does not look for");
    } else {
        draft.leave(entry.line, id, "it is no id of an advisory");
    }
}

fn output(draft: &mut Draft<'_>, table: &Node) {
    for (key, value) in table.entries() {
        if key != "deny" {
            draft.leave(value.line, key, "it says how cargo-audit shows what it found");
            continue;
        }
        for denied in value.items() {
            let word = denied.text().unwrap_or_default();
            let rules: Vec<String> = NOTICES
                .iter()
                .filter(|(notice, _)| *notice == word || word == "warnings")
                .map(|(_, rule)| (*rule).to_owned())
                .collect();
            if rules.is_empty() {
                draft.leave(denied.line, word, "careen has no rule like it");
            } else {
                let name = format!("{word} that cargo-audit denies");
                draft.gate(denied.line, word, crates(Step::Threshold, &name, rules, Vec::new(), "fail"));
            }
        }
    }
}

/// A rule about crates.
pub(super) fn crates(
    step: Step,
    name: &str,
    rules: Vec<String>,
    more: Vec<(&'static str, Condition)>,
    action: &'static str,
) -> Gate {
    let mut conditions = vec![("rule", Condition::Words(rules)), ("purl", Condition::Words(vec![CRATES.to_owned()]))];
    conditions.extend(more);
    Gate { step, name: name.to_owned(), conditions, action, message: None }
}

/// A severity from which on flaws count; `none` if all do.
pub(super) fn severity(word: &str) -> Option<&'static str> {
    let words = ["none", "low", "medium", "high", "critical"];
    words.into_iter().find(|known| known.eq_ignore_ascii_case(word))
}
