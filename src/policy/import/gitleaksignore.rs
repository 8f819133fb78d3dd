//! `.gitleaksignore` (<https://github.com/gitleaks/gitleaks>, ".gitleaksignore"): fingerprints of findings, which are
//! `path:rule:line`, or `commit:path:rule:line`.

use crate::error::Result;

use super::draft::{Draft, Waived};
use super::names::{NONE, Tool};
use super::trivyignore::SECRETS;
use super::{File, Kind, has_lines};

pub(super) static KIND: Kind = Kind {
    id: "gitleaksignore",
    what: "findings that gitleaks ignores",
    names: &[".gitleaksignore"],
    looks: |text| has_lines(text, |line| Fingerprint::parse(line).is_some()),
    read,
};

/// Parts of a fingerprint. A path may hold colons, a rule and a line do not.
struct Fingerprint<'a> {
    has_commit: bool,
    path: &'a str,
    rule: &'a str,
}

impl<'a> Fingerprint<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut parts = line.rsplitn(3, ':');
        let (number, rule, path) = (parts.next()?, parts.next()?, parts.next()?);
        let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        let is_commit = |text: &str| (7..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
        let commit = path.split_once(':').filter(|(commit, _)| is_commit(commit));
        let path = commit.map_or(path, |(_, path)| path);
        (is_number && !rule.is_empty() && !path.is_empty()).then_some(Self { has_commit: commit.is_some(), path, rule })
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all readers")]
fn read(file: &File<'_>, draft: &mut Draft<'_>) -> Result<()> {
    let tool = Tool { families: SECRETS, also_ignored: &NONE };
    for (number, line) in file.lines() {
        let Some(found) = Fingerprint::parse(line) else {
            draft.leave(number, line, "it is no fingerprint such as `path:rule:line`");
            continue;
        };
        // a file of a repository lies somewhere in the image, mostly under the folder of the application
        let path = format!("**/{}", literal(found.path.trim_start_matches("./").trim_start_matches('/')));
        let scope = Waived { paths: vec![path], ..Waived::default() };
        let rule = found.rule;
        // what gitleaks does not know the kind of, careen may: any secret of the file
        if rule == "generic-api-key" {
            if draft.waive(number, line, Waived { rules: vec!["secret/*".into()], ..scope }) {
                draft.differ(number, line, "the rule says no kind, so that the waiver accepts any secret of the file");
            }
            continue;
        }
        if draft.waive_rule(number, rule, &tool, &scope) {
            let and = if found.has_commit { ", and images have no commits" } else { "" };
            draft.differ(number, line, format!("the waiver is for the whole file: waivers know no lines{and}"));
        } else {
            let why = "no kind of secret of careen's is known to be the same; a rule of your own comes with \
                       `--secret-rules`, and is `secret/…` then";
            draft.leave(number, line, why);
        }
    }
    Ok(())
}

/// A path as a glob that takes only it.
fn literal(path: &str) -> String {
    path.chars().map(|c| if matches!(c, '*' | '?' | '[') { format!("[{c}]") } else { c.to_string() }).collect()
}
