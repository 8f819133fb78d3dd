//! `.trivyignore` (<https://trivy.dev/docs/latest/configuration/filtering/>): an id on each line, and a day at which it
//! ends. An id counts for whatever scanner has it.

use crate::error::Result;

use super::draft::{Day, Draft, Waived};
use super::names::{self, Tool};
use super::{File, Kind, has_lines};

pub(super) static KIND: Kind = Kind {
    id: "trivyignore",
    what: "ids that Trivy ignores",
    names: &[".trivyignore"],
    looks: |text| {
        let is_id = |line: &str| id_of(line).is_none_or(|id| !id.contains([':', '/', '=', '{', '[']));
        let is_telling =
            |line: &str| id_of(line).is_some_and(|id| names::is_flaw(id) || names::is_misconfiguration(id));
        has_lines(text, is_id) && text.lines().any(|line| is_telling(line.trim()))
    },
    read,
};

/// Families of rules that judge what Trivy's scanners of configuration and secrets do.
pub(super) const CONFIGURATION: &[&str] = &["base", "dockerfile", "image", "layer"];
pub(super) const SECRETS: &[&str] = &["secret"];
const BOTH: &[&str] = &["base", "dockerfile", "image", "layer", "secret"];

#[expect(clippy::unnecessary_wraps, reason = "the signature of all readers")]
fn read(file: &File<'_>, draft: &mut Draft<'_>) -> Result<()> {
    let ids = names::keys(file.lines().filter_map(|(_, line)| id_of(line)));
    let tool = Tool { families: BOTH, also_ignored: &ids };
    for (number, line) in file.lines() {
        let Some(id) = id_of(line) else { continue };
        let day = words(line).find_map(|word| word.strip_prefix("exp:")).map(Day::before);
        if let Some(Day::Wrong(text)) = &day {
            draft.leave(number, id, format!("`{text}` is no day, so that Trivy passes over the line too"));
            continue;
        }
        let scope = Waived { expires: day, ..Waived::default() };
        if !draft.waive_rule(number, id, &tool, &scope) {
            waive_other(draft, number, id, scope);
        }
    }
    Ok(())
}

/// What is no rule of careen: a flaw, or something without a counterpart.
pub(super) fn waive_other(draft: &mut Draft<'_>, line: usize, id: &str, scope: Waived) {
    if names::is_misconfiguration(id) {
        draft.leave(line, id, "careen has no rule like it, so that there is nothing to accept");
    } else if names::is_flaw(id) {
        draft.waive(line, id, Waived { rules: names::rules_of_flaw(id), subjects: vec![id.to_owned()], ..scope });
    } else if id.bytes().any(|b| b.is_ascii_lowercase())
        && id.contains('-')
        && !id.bytes().any(|b| b.is_ascii_uppercase())
    {
        draft.leave(
            line,
            id,
            "no kind of secret of careen's is known to be the same; `careen rules --family secret` lists them",
        );
    } else {
        draft.leave(line, id, "it is neither the id of a flaw nor that of a rule; names of licences have no waivers");
    }
}

/// The words of a line, up to a comment.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split('#').next().unwrap_or_default().split_whitespace()
}

fn id_of(line: &str) -> Option<&str> {
    words(line).next()
}
