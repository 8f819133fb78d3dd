//! `COPY` of what `.dockerignore` leaves out.

use super::facts::quoted;
use super::{Context, Lint};
use crate::dockerfile::Kind;
use crate::dockerfile::ignore::Ignore;
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// It is not sent.
pub(super) static COPY_IGNORED: Rule = Rule {
    id: "dockerfile/copy-ignored",
    title: "What is copied is left out by `.dockerignore`",
    severity: Severity::High,
    why: "The builder is never sent the file, so that the build stops, or goes on without it where a pattern \
          names it.",
    remediation: "Take the file back with a line `!name` in `.dockerignore`, or leave the copy out.",
    references: &[
        "https://docs.docker.com/reference/build-checks/copy-ignored-file/",
        "https://docs.docker.com/build/concepts/context/#dockerignore-files",
    ],
    also: &["CopyIgnoredFile"],
    bad: "# with .dockerignore: .git .env secret\nFROM debian:13\nCOPY secret /srv/\nUSER 65532",
    good: "# with .dockerignore: .git .env\nFROM debian:13\nCOPY server /srv/\nUSER 65532",
    ..Rule::NEW
};

/// Asks the patterns for each source that is a plain name.
pub(super) struct CopyIgnored;

impl Lint for CopyIgnored {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&COPY_IGNORED] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let Some(ignore) = context.surroundings.and_then(|surroundings| surroundings.ignore.as_ref()) else { return };
        for (index, instruction) in context.instructions() {
            let (Kind::Copy(transfer) | Kind::Add(transfer)) = &instruction.kind else { continue };
            if instruction.flag("from").is_some() {
                continue;
            }
            for source in transfer.sources.iter().take(MOST_SOURCES) {
                let resolved = context.file.scope(index).resolve(source);
                let is_plain = |text: &&str| {
                    !text.contains(['*', '?', '['])
                        && !text.contains("://")
                        && !text.starts_with("<<")
                        && !text.starts_with("git@")
                };
                let Some(text) = resolved.text().filter(is_plain) else { continue };
                if leaves_out(ignore, text) {
                    let shown = quoted(text);
                    let message = format!("`{shown}` is left out by `.dockerignore`");
                    findings.push(context.finding(&COPY_IGNORED, source.span, shown, message));
                }
            }
        }
    }
}

/// Whether all of a source that is a plain name stays behind.
pub(super) fn leaves_out(ignore: &Ignore, text: &str) -> bool {
    let path = text.trim_start_matches("./").trim_matches('/');
    !path.is_empty() && path != "." && ignore.excludes(path) && !ignore.takes_back_below(path)
}

/// Sources of one copy that are looked at.
const MOST_SOURCES: usize = 100;

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(&CopyIgnored, &[("FROM a\nCOPY b /c\n", &[])]);
    }

    #[test]
    fn patterns_decide() {
        let run = |text: &str, ignore: &str| super::super::testing::beside(text, Some(ignore), &[], &CopyIgnored);
        assert_eq!(
            run("FROM a\nCOPY ./dist/ b *.c /d/\n", "dist\n*.c\n"),
            ["high dockerfile/copy-ignored 2:6-2:13: `./dist/` is left out by `.dockerignore`"]
        );
        assert_eq!(run("FROM a\nCOPY dist . /d/\nCOPY --from=x node_modules /d\n", "*\n!dist\n"), [""; 0]);
        assert_eq!(run("FROM a\nCOPY dist /d/\n", "dist\n!dist/a\n"), [""; 0]);
    }
}
