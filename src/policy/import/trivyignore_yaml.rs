//! `.trivyignore.yaml` (<https://trivy.dev/docs/latest/configuration/filtering/>, "By finding IDs"): lists of ids for
//! each scanner, with paths, package URLs, a day and a reason.

use std::collections::BTreeSet;

use crate::error::Result;

use super::draft::{Day, Draft, Waived};
use super::names::{self, Key, Tool};
use super::pattern::path_glob;
use super::tree::Node;
use super::trivyignore::{CONFIGURATION, SECRETS, waive_other};
use super::{File, Kind, has_yaml_key, package};

pub(super) static KIND: Kind = Kind {
    id: "trivyignore-yaml",
    what: "findings that Trivy ignores, with paths and reasons",
    names: &[".trivyignore.yaml", ".trivyignore.yml"],
    looks: |text| has_yaml_key(text, &["vulnerabilities", "misconfigurations", "secrets", "licenses"]),
    read,
};

fn read(file: &File<'_>, draft: &mut Draft<'_>) -> Result<()> {
    let top = file.yaml()?;
    if !top.is_table() && !top.items().is_empty() {
        return Err(file.wrong(top.line, "a `.trivyignore.yaml` is a table of lists: `vulnerabilities`, `secrets`, …"));
    }
    for (section, list) in top.entries() {
        let families = match section.as_str() {
            "vulnerabilities" => None,
            "misconfigurations" => Some(CONFIGURATION),
            "secrets" => Some(SECRETS),
            "licenses" => {
                for entry in list.items() {
                    let id = entry.text_of("id").unwrap_or("licenses");
                    draft.leave(entry.line, id, "names of licences have no waivers");
                }
                continue;
            }
            _ => {
                draft.leave(list.line, section, "it is none of Trivy's lists");
                continue;
            }
        };
        let ids = names::keys(list.items().iter().filter_map(|entry| entry.text_of("id")));
        for entry in list.items() {
            add(draft, entry, section, families, &ids);
        }
    }
    Ok(())
}

fn add(draft: &mut Draft<'_>, entry: &Node, section: &str, families: Option<&[&str]>, ids: &BTreeSet<Key>) {
    let line = entry.line;
    let id = entry.text_of("id");
    for (key, value) in entry.entries() {
        if !["id", "paths", "purls", "expired_at", "statement"].contains(&key.as_str()) {
            draft.differ(value.line, key, "the key is none of Trivy's, and was passed over there too");
        }
    }
    let mut scope = Waived {
        reason: entry.text_of("statement").map(ToOwned::to_owned),
        expires: entry.text_of("expired_at").map(Day::before),
        ..Waived::default()
    };
    let name = id.unwrap_or(section);
    if !entry.is_table() {
        draft.leave(line, entry.text().unwrap_or(section), "an entry is a table with an `id`");
        return;
    }
    let mut takes_none = false;
    for path in entry.items_of("paths") {
        let pattern = path.text().unwrap_or_default();
        if section == "secrets" && !takes_slash(pattern) {
            let why = "Trivy names files with secrets by their whole path, so that a pattern without the `/` at its \
                       beginning takes nothing there either";
            draft.leave(path.line, name, format!("`{}`: {why}", crate::escape::escape(pattern)));
            takes_none = true;
            continue;
        }
        match path_glob(pattern) {
            Ok(glob) => scope.paths.push(glob),
            Err(why) => {
                draft.leave(path.line, name, why);
                return;
            }
        }
    }
    for purl in entry.items_of("purls") {
        match package::of_purl(purl.text().unwrap_or_default()) {
            Ok((patterns, has_qualifiers)) => {
                scope.purls.extend(patterns);
                if has_qualifiers {
                    draft.differ(purl.line, name, "the waiver is for all qualifiers of the package URL");
                }
            }
            Err(why) => {
                draft.leave(purl.line, name, why);
                return;
            }
        }
    }
    if takes_none && scope.paths.is_empty() {
        return;
    }
    let Some(id) = id else {
        // newer releases of Trivy take entries without one, for all that lies under the paths
        let all = families.map_or_else(
            || vec!["package/vulnerable".to_owned()],
            |families| families.iter().map(|family| format!("{family}/*")).collect(),
        );
        if scope.paths.is_empty() && scope.purls.is_empty() {
            draft.leave(line, section, "it names neither an `id` nor anything else");
        } else {
            draft.waive(line, section, Waived { rules: all, ..scope });
        }
        return;
    };
    let Some(families) = families else {
        if !names::is_flaw(id) {
            draft.leave(line, id, names::NO_FLAW);
            return;
        }
        let flaw = Waived { rules: names::rules_of_flaw(id), subjects: vec![id.to_owned()], ..scope };
        draft.waive(line, id, flaw);
        return;
    };
    scope.purls.clear();
    if !draft.waive_rule(line, id, &Tool { families, also_ignored: ids }, &scope) {
        if names::is_flaw(id) && !names::is_misconfiguration(id) {
            draft.leave(line, id, format!("under `{section}` it is no rule"));
        } else {
            waive_other(draft, line, id, scope);
        }
    }
}

/// Whether a pattern takes a path that begins with `/`: it says so, or begins with what may be nothing, or anything.
fn takes_slash(pattern: &str) -> bool {
    ["/", "**", "*/", "{", "?", "[", "\\"].iter().any(|start| pattern.starts_with(start))
}
