//! `deny.toml` of cargo-deny (<https://embarkstudios.github.io/cargo-deny/checks/advisories/cfg.html>).

use crate::error::Result;

use super::cargo_audit::{crates, ignored, severity};
use super::draft::{Condition, Draft, Step};
use super::tree::Node;
use super::{File, Kind, has_toml_key};

pub(super) static KIND: Kind = Kind {
    id: "cargo-deny",
    what: "advisories that cargo-deny ignores",
    names: &["deny.toml", ".deny.toml"],
    looks: |text| has_toml_key(text, &["bans", "licenses", "sources", "graph"]),
    read,
};

fn read(file: &File<'_>, draft: &mut Draft<'_>) -> Result<()> {
    let top = file.toml()?;
    for (section, table) in top.entries() {
        match section.as_str() {
            "advisories" => table.entries().iter().for_each(|(key, value)| advisories(draft, key, value)),
            "licenses" => draft.leave(table.line, section, "what licences are allowed is no waiver"),
            "bans" | "sources" => draft.leave(table.line, section, "it is about how crates are chosen, before a build"),
            _ => draft.leave(table.line, section, "it says how cargo-deny works, not what it ignores"),
        }
    }
    Ok(())
}

fn advisories(draft: &mut Draft<'_>, key: &str, value: &Node) {
    let word = value.text().unwrap_or_default();
    let line = value.line;
    match key {
        "ignore" => value.items().iter().for_each(|entry| ignored(draft, entry)),
        "notice" | "unmaintained" | "unsound" | "vulnerability" => {
            let rule = if key == "vulnerability" { "package/vulnerable" } else { rule_of(key) };
            // words of older releases are levels, those of newer ones whose crates count
            let (step, action) = match word {
                "deny" | "all" => (Step::Threshold, "fail"),
                "warn" => (Step::Threshold, "warn"),
                "allow" | "none" => (Step::Ignore, "ignore"),
                _ => {
                    draft.leave(line, key, "careen does not know which crates are those of the workspace");
                    return;
                }
            };
            let name = format!("cargo-deny: {key} = {word}");
            draft.gate(line, key, crates(step, &name, vec![rule.to_owned()], Vec::new(), action));
        }
        "severity-threshold" => match severity(word) {
            Some("none") => {}
            Some(least) => {
                let below = vec![("severity", Condition::Words(vec![format!("<{least}")]))];
                let rules = vec!["package/vulnerable".to_owned()];
                let name = format!("flaws below {least} in crates");
                draft.gate(line, key, crates(Step::Override, &name, rules, below, "info"));
            }
            None => draft.leave(line, key, "it is none of `none`, `low`, `medium`, `high`, `critical`"),
        },
        "yanked" => draft.leave(line, key, "careen does not look whether a package was withdrawn"),
        "maximum-db-staleness" => {
            draft.leave(line, key, "the rule `data/stale` tells of old data, after a time of its own");
        }
        "unused-ignored-advisory" => {
            draft.leave(line, key, "waivers that accept nothing are told as `policy/waiver-unused`");
        }
        _ => draft.leave(line, key, "it says how cargo-deny works, not what it ignores"),
    }
}

fn rule_of(key: &str) -> &'static str {
    match key {
        "notice" => "package/notice",
        "unmaintained" => "package/unmaintained",
        _ => "package/unsound",
    }
}
