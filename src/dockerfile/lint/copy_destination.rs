//! `COPY` and `ADD` whose target is not what it seems.

use super::facts::{library_name, quoted, reference};
use super::{Context, Lint};
use crate::dockerfile::{Base, Kind};
use crate::finding::{Finding, Findings};
use crate::rule::{Rule, Severity};

/// A relative target without `WORKDIR`.
pub(super) static COPY_RELATIVE: Rule = Rule {
    id: "dockerfile/copy-relative",
    title: "A relative target with no `WORKDIR` before it",
    severity: Severity::Low,
    why: "A relative target starts from the working folder; where the Dockerfile sets none, the base image \
          decides where your files go.",
    remediation: "Set `WORKDIR` first, or copy to an absolute path.",
    references: &[
        "https://docs.docker.com/reference/dockerfile/#copy",
        "https://docs.docker.com/build/building/best-practices/#workdir",
    ],
    also: &["DL3045"],
    bad: "FROM debian:13\nCOPY server bin/\nUSER 65532",
    good: "FROM debian:13\nWORKDIR /app\nCOPY server bin/\nUSER 65532",
    ..Rule::NEW
};

/// Several files, and a target that is no folder.
pub(super) static COPY_SEVERAL: Rule = Rule {
    id: "dockerfile/copy-several",
    title: "Several files are copied to something that is no folder",
    why: "Several sources need a folder as their target, and only a slash at its end says that it is one. Without it \
          some builders stop, and BuildKit writes one file over the other where the target is a file.",
    remediation: "End the target with a slash.",
    references: &["https://docs.docker.com/reference/dockerfile/#copy"],
    also: &["AVD-DS-0011", "DL3021", "DS-0011", "DS011"],
    bad: "FROM debian:13\nCOPY a b /app\nUSER 65532",
    good: "FROM debian:13\nCOPY a b /app/\nUSER 65532",
    ..Rule::NEW
};

/// Judges targets with variables resolved.
pub(super) struct CopyDestination;

impl Lint for CopyDestination {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&COPY_RELATIVE, &COPY_SEVERAL] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        context.handed_down(|has_folder: &mut bool, index, instruction| {
            let transfer = match &instruction.kind {
                Kind::Workdir(_) => {
                    *has_folder = true;
                    return;
                }
                Kind::Copy(transfer) | Kind::Add(transfer) => transfer,
                _ => return,
            };
            let resolved = context.file.scope(index).resolve(&transfer.destination);
            let Some(text) = resolved.text() else { return };
            let (span, shown) = (transfer.destination.span, quoted(text));
            let is_absolute = text.starts_with(['/', '\\']) || text.get(1..2) == Some(":");
            if !is_absolute && !*has_folder && !instruction.stage.is_some_and(|stage| base_has_folder(context, stage)) {
                let message = format!("`{shown}` is relative, and no `WORKDIR` before it says to what");
                findings.push(context.finding(&COPY_RELATIVE, span, &*shown, message));
            }
            if transfer.sources.len() > 1 && !text.ends_with(['/', '\\']) {
                let message = format!("`{shown}` takes {} sources and does not end with `/`", transfer.sources.len());
                let finding = context.finding(&COPY_SEVERAL, span, shown, message);
                // BuildKit knows that these are folders
                let is_folder = matches!(text.rsplit('/').next(), Some("." | ".."));
                let severity = if is_folder { Severity::Low } else { Severity::Medium };
                findings.push(Finding { severity, ..finding });
            }
        });
    }
}

/// Images of Docker's own library that set `WORKDIR`.
const WITH_FOLDER: &[&str] = &[
    "caddy",
    "composer",
    "drupal",
    "flink",
    "ghost",
    "golang",
    "gradle",
    "httpd",
    "jetty",
    "joomla",
    "matomo",
    "mediawiki",
    "neo4j",
    "nextcloud",
    "phpmyadmin",
    "redis",
    "redmine",
    "solr",
    "sonarqube",
    "tomcat",
    "tomee",
    "wordpress",
];

/// Whether the image that a stage stands on is known to set `WORKDIR`.
fn base_has_folder(context: &Context<'_>, stage: usize) -> bool {
    let Some(Base::Image(base)) = context.file.lineage(stage).last().map(|stage| &stage.base) else { return false };
    let (name, tag, _) = reference(&base.shown);
    let Some(name) = library_name(name) else { return false };
    // php for the command line has none
    let is_php = name == "php" && tag.is_some_and(|tag| tag.contains("apache") || tag.contains("fpm"));
    is_php || WITH_FOLDER.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &CopyDestination,
            &[
                (
                    "FROM a\nCOPY b c\n",
                    &["low dockerfile/copy-relative 2:8-2:9: `c` is relative, and no `WORKDIR` before it says to what"],
                ),
                (
                    "FROM a\nCOPY b .\n",
                    &["low dockerfile/copy-relative 2:8-2:9: `.` is relative, and no `WORKDIR` before it says to what"],
                ),
                (
                    "FROM a\nWORKDIR /x\nCOPY b .\nCOPY b c ./\nADD b c .\n",
                    &["low dockerfile/copy-several 5:9-5:10: `.` takes 2 sources and does not end with `/`"],
                ),
                ("FROM docker.io/library/tomcat:11 AS b\nFROM b\nCOPY a.war webapps/\n", &[]),
                ("FROM php:8.4-apache\nCOPY b .\n", &[]),
                (
                    "FROM php:8.4-cli\nCOPY b .\n",
                    &["low dockerfile/copy-relative 2:8-2:9: `.` is relative, and no `WORKDIR` before it says to what"],
                ),
                ("FROM a\nCOPY a b $UNKNOWN\nCOPY [\"a\", \"b\", \"/c/\"]\n", &[]),
                (
                    "FROM a\nENV D=/c\nCOPY a b $D\n",
                    &["medium dockerfile/copy-several 3:10-3:12: `/c` takes 2 sources and does not end with `/`"],
                ),
                (
                    "FROM a\nCOPY <<x <<y /d\n1\nx\n2\ny\n",
                    &["medium dockerfile/copy-several 2:14-2:16: `/d` takes 2 sources and does not end with `/`"],
                ),
            ],
        );
    }
}
