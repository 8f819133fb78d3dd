//! Configurations of gitleaks (<https://github.com/gitleaks/gitleaks>, "Configuration"). Rules and allowlists of theirs
//! are patterns over texts, which `--secret-rules` takes as they are; what is left for a policy are rules switched off.

use crate::error::Result;

use super::draft::{Condition, Draft, Gate, Step};
use super::trivyignore::SECRETS;
use super::{File, Kind, has_toml_key};

pub(super) static KIND: Kind = Kind {
    id: "gitleaks",
    what: "rules and allowlists of gitleaks",
    names: &[".gitleaks.toml", "gitleaks.toml"],
    looks: |text| has_toml_key(text, &["allowlist", "allowlists", "extend", "rules"]),
    read,
};

fn read(file: &File<'_>, draft: &mut Draft<'_>) -> Result<()> {
    let top = file.toml()?;
    let named = format!("`--secret-rules {}` takes it as it is", file.name);
    if let Some(extend) = top.get("extend") {
        for disabled in extend.items_of("disabledRules") {
            let id = disabled.text().unwrap_or_default();
            let rules: Vec<String> = draft.index.rules_of(id, SECRETS).into_iter().map(ToOwned::to_owned).collect();
            if rules.is_empty() {
                draft.leave(disabled.line, id, "no kind of secret of careen's is known to be the same");
                continue;
            }
            let gate = Gate {
                step: Step::Ignore,
                name: format!("{id} is off for gitleaks"),
                conditions: vec![("rule", Condition::Words(rules))],
                action: "ignore",
                message: None,
            };
            draft.gate(disabled.line, id, gate);
        }
        for key in ["path", "url"] {
            if let Some(other) = extend.get(key) {
                draft.leave(other.line, key, "it names another file, which was not read: import it too");
            }
        }
    }
    for rule in top.items_of("rules") {
        let id = rule.text_of("id").unwrap_or("a rule without an `id`");
        draft.leave(rule.line, id, &*named);
    }
    for list in ["allowlist", "allowlists"].iter().flat_map(|key| top.items_of(key)) {
        let what = list.text_of("description").unwrap_or("an allowlist");
        for key in ["paths", "regexes", "stopwords"] {
            if let Some(entries) = list.get(key) {
                draft.leave(entries.line, &format!("{what}: {key}"), &*named);
            }
        }
        if let Some(commits) = list.get("commits") {
            draft.leave(commits.line, &format!("{what}: commits"), "images have no commits");
        }
    }
    Ok(())
}
