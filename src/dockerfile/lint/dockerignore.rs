//! What a copy of the whole context brings along.

use super::facts::quoted;
use super::secret_copied::holds_secret;
use super::{Context, Lint};
use crate::dockerfile::ignore::Ignore;
use crate::dockerfile::{Kind, Word};
use crate::finding::{Finding, Findings};
use crate::rule::{Rule, Severity};
use crate::size::ByteSize;

/// No `.dockerignore`.
pub(super) static CONTEXT_UNFILTERED: Rule = Rule {
    id: "dockerfile/no-dockerignore",
    title: "The whole folder is copied, and no `.dockerignore` leaves anything out",
    severity: Severity::Low,
    why: "Version control, local settings and installed packages go into the image with the sources: bytes, \
          secrets, and a cache that ends with every commit.",
    remediation: "Write a `.dockerignore` with `.git`, `.env*`, `node_modules`, keys and what else the build does not \
          need.",
    references: &["https://docs.docker.com/build/concepts/context/#dockerignore-files"],
    bad: "FROM debian:13\nCOPY . /app\nUSER 65532",
    good: "# with .dockerignore: .git .env node_modules\nFROM debian:13\nCOPY . /app\nUSER 65532",
    ..Rule::NEW
};

/// A file that should stay behind.
pub(super) static CONTEXT_GAP: Rule = Rule {
    id: "dockerfile/dockerignore-gap",
    title: "`.dockerignore` lets something through that the image should not have",
    why: "The whole folder is copied, and this is in it: a secret for everybody who may pull the image, or \
          bytes that nothing there reads and that end the cache whenever they change.",
    remediation: "Add it to `.dockerignore`.",
    references: &["https://docs.docker.com/build/concepts/context/#dockerignore-files"],
    bad: "# with .dockerignore: .git\nFROM debian:13\nCOPY . /app\nUSER 65532",
    good: "# with .dockerignore: .git .env node_modules\nFROM debian:13\nCOPY . /app\nUSER 65532",
    ..Rule::NEW
};

/// Much is sent.
pub(super) static CONTEXT_LARGE: Rule = Rule {
    id: "dockerfile/large-context",
    title: "The folder that is sent to the builder is large",
    severity: Severity::Low,
    why: "Every build reads and hashes the whole folder, and a copy of it makes a layer of that size.",
    remediation: "Leave what the build does not need out with `.dockerignore`.",
    references: &["https://docs.docker.com/build/concepts/context/#dockerignore-files"],
    bad: "# with .dockerignore: .git .env node_modules\nFROM debian:13\nCOPY . /app\nUSER 65532",
    good: "# with .dockerignore: .git .env node_modules data\nFROM debian:13\nCOPY . /app\nUSER 65532",
    ..Rule::NEW
};

/// Compares what lies in the folder with what is left out.
pub(super) struct Dockerignore;

impl Lint for Dockerignore {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&CONTEXT_UNFILTERED, &CONTEXT_GAP, &CONTEXT_LARGE] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let Some(surroundings) = context.surroundings else { return };
        let copied = context.instructions().find_map(|(_, instruction)| match &instruction.kind {
            Kind::Copy(transfer) | Kind::Add(transfer) if instruction.flag("from").is_none() => {
                let is_whole =
                    |source: &&Word| matches!(source.text.as_str(), "." | "./" | "/" | "*" | "./*" | "/." | "./.");
                Some((transfer.sources.iter().find(is_whole)?, context.ships(instruction)))
            }
            _ => None,
        });
        let Some((copied, ships)) = copied else { return };
        // what a stage before the last holds stays in the build cache only
        let gravest = if ships { Severity::Medium } else { Severity::Low };
        let sent =
            |path: &str| surroundings.ignore.as_ref().is_none_or(|ignore| !ignore.excludes(path.trim_end_matches('/')));
        let entries = || surroundings.entries.iter().filter(|(path, _)| sent(path));
        let mut unwanted: Vec<(&str, Kept)> = Vec::new();
        for (path, _) in entries() {
            // what is in a folder that was told is told
            if unwanted.last().is_some_and(|(folder, _)| folder.ends_with('/') && path.starts_with(folder)) {
                continue;
            }
            if let Some(kept) = kept(path) {
                unwanted.push((path, kept));
            }
        }
        if surroundings.ignore.as_ref().is_none_or(Ignore::is_empty) {
            let names: Vec<String> =
                unwanted.iter().take(LISTED).map(|(path, _)| format!("`{}`", quoted(path))).collect();
            let along = if names.is_empty() {
                String::new()
            } else {
                format!("; in it {} {}", if names.len() == 1 { "is" } else { "are" }, names.join(", "))
            };
            let message = format!("the whole folder is copied, and there is no `.dockerignore`{along}");
            let severity = if unwanted.iter().any(|(_, kept)| *kept == Kept::Secret) { gravest } else { Severity::Low };
            let finding = context.finding(&CONTEXT_UNFILTERED, copied.span, ".", message);
            findings.push(Finding { severity, ..finding });
        } else {
            for (path, kept) in unwanted.into_iter().take(LISTED) {
                let (severity, why) = match kept {
                    Kept::Secret => (gravest, "holds secrets"),
                    Kept::Waste => (Severity::Low, "is of no use in the image"),
                    Kept::Cause => (Severity::Info, "ends the cache of this line when it changes"),
                };
                let shown = quoted(path);
                let message = format!("`{shown}` is copied too and {why}; `.dockerignore` does not name it");
                let finding = context.finding(&CONTEXT_GAP, copied.span, shown, message);
                findings.push(Finding { severity, ..finding });
            }
        }
        let mut sizes: Vec<(u64, &str)> =
            entries().filter(|(path, _)| !path.ends_with('/')).map(|(path, size)| (*size, path.as_str())).collect();
        let total = sizes.iter().fold(0_u64, |sum, (size, _)| sum.saturating_add(*size));
        if total >= LARGE.bytes() {
            sizes.sort_unstable_by(|a, b| b.cmp(a));
            let largest: Vec<String> =
                sizes.iter().take(3).map(|(size, path)| format!("`{}` ({})", quoted(path), ByteSize(*size))).collect();
            let message = format!("{} are copied, the largest are {}", ByteSize(total), largest.join(", "));
            findings.push(context.finding(&CONTEXT_LARGE, copied.span, ".", message));
        }
    }
}

/// Bytes from which a context is large.
const LARGE: ByteSize = ByteSize::mib(100);

/// Entries that are told.
const LISTED: usize = 10;

/// Why an entry should stay behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// It holds secrets.
    Secret,
    /// Nothing in the image reads it.
    Waste,
    /// It changes with the build itself.
    Cause,
}

fn kept(path: &str) -> Option<Kept> {
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let is_top = !path.trim_end_matches('/').contains('/');
    match name {
        _ if holds_secret(path) => Some(Kept::Secret),
        ".git" | ".hg" | ".svn" | "node_modules" | "__pycache__" | ".venv" | ".tox" | ".mypy_cache"
        | ".pytest_cache" | ".terraform" | ".DS_Store" => Some(Kept::Waste),
        "Dockerfile" | "Containerfile" | ".dockerignore" if is_top => Some(Kept::Cause),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(&Dockerignore, &[("FROM a\nCOPY . /b\n", &[])]);
    }

    #[test]
    fn what_lies_in_the_folder_decides() {
        let entries = [(".env", 9), (".git/", 0), ("src/main.rs", 5), ("Dockerfile", 5)];
        let run = |ignore: Option<&str>| {
            super::super::testing::beside("FROM a\nCOPY . /b\n", ignore, &entries, &Dockerignore)
        };
        assert_eq!(
            run(None),
            [
                "medium dockerfile/no-dockerignore 2:6-2:7: the whole folder is copied, and there is no `.dockerignore`; in it are `.env`, `.git/`, `Dockerfile`"
            ]
        );
        assert_eq!(
            run(Some("Dockerfile\n*.md\n")),
            [
                "medium dockerfile/dockerignore-gap 2:6-2:7: `.env` is copied too and holds secrets; `.dockerignore` does not name it",
                "low dockerfile/dockerignore-gap 2:6-2:7: `.git/` is copied too and is of no use in the image; `.dockerignore` does not name it",
            ]
        );
        assert_eq!(run(Some("*\n!src\n")), [""; 0]);
    }
}
