//! `osv-scanner.toml` (<https://google.github.io/osv-scanner/configuration/>): flaws and packages that are ignored.

use crate::error::Result;

use super::draft::{Day, Draft, Waived};
use super::package::{self, Named};
use super::tree::Node;
use super::{File, Kind, has_toml_key, names};

pub(super) static KIND: Kind = Kind {
    id: "osv-scanner",
    what: "flaws and packages that osv-scanner ignores",
    names: &["osv-scanner.toml"],
    looks: |text| has_toml_key(text, &["IgnoredVulns", "PackageOverrides"]),
    read,
};

fn read(file: &File<'_>, draft: &mut Draft<'_>) -> Result<()> {
    let top = file.toml()?;
    for (key, value) in top.entries() {
        match key.as_str() {
            "IgnoredVulns" => value.items().iter().for_each(|entry| flaw(draft, entry)),
            "PackageOverrides" => value.items().iter().for_each(|entry| package(draft, entry)),
            _ => draft.leave(value.line, key, "it says how osv-scanner works, not what it ignores"),
        }
    }
    Ok(())
}

fn flaw(draft: &mut Draft<'_>, entry: &Node) {
    let Some(id) = entry.text_of("id") else {
        draft.leave(entry.line, "IgnoredVulns", "it has no `id`");
        return;
    };
    if !names::is_flaw(id) {
        draft.leave(entry.line, id, names::NO_FLAW);
        return;
    }
    let flaw = Waived {
        rules: names::rules_of_flaw(id),
        subjects: vec![id.to_owned()],
        reason: entry.text_of("reason").map(ToOwned::to_owned),
        expires: entry.text_of("ignoreUntil").map(Day::before),
        ..Waived::default()
    };
    draft.waive(entry.line, id, flaw);
}

fn package(draft: &mut Draft<'_>, entry: &Node) {
    let line = entry.line;
    let name = entry.text_of("name");
    let shown = name.or_else(|| entry.text_of("ecosystem")).unwrap_or("PackageOverrides");
    if let Some(licence) = entry.get("license") {
        draft.leave(licence.line, shown, "licences of packages have no overrides");
    }
    let ignores_flaws = entry.get("vulnerability").is_some_and(|flaws| flaws.is_set("ignore"));
    if !entry.is_set("ignore") && !ignores_flaws {
        return;
    }
    if entry.get("group").is_some() {
        draft.leave(line, shown, "careen knows no groups of dependencies");
        return;
    }
    let ecosystem = entry.text_of("ecosystem");
    let types = match ecosystem.map(|text| text.split_once(':').map_or(text, |(name, _)| name)) {
        None => &[],
        Some(name) => {
            let Some(types) = package::of_ecosystem(name) else {
                draft.leave(line, shown, "careen does not know the ecosystem");
                return;
            };
            types
        }
    };
    let is_regex = entry.is_set("nameIsRegex");
    let purls = match package::patterns(&Named { types, name, is_regex, version: entry.text_of("version") }) {
        Ok(purls) if !purls.is_empty() => purls,
        Ok(_) => {
            draft.leave(line, shown, "it is about every package");
            return;
        }
        Err(why) => {
            draft.leave(line, shown, why);
            return;
        }
    };
    let rules: &[&str] =
        &["package/malicious", "package/notice", "package/unmaintained", "package/unsound", "package/vulnerable"];
    let waived = Waived {
        rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
        purls,
        reason: entry.text_of("reason").map(ToOwned::to_owned),
        expires: entry.text_of("effectiveUntil").map(Day::before),
        ..Waived::default()
    };
    let is_added = draft.waive(line, shown, waived);
    if is_added && ecosystem.is_some_and(|text| text.contains(':')) {
        draft.differ(line, shown, "the waiver is for all releases of the ecosystem");
    }
}
