//! Arguments that change with every build, above what could come from the cache.

use std::collections::HashSet;

use super::dependencies::fetch;
use super::facts::quoted;
use super::manager::{Action, request};
use super::{Context, Lint};
use crate::dockerfile::shell::Command;
use crate::dockerfile::{Kind, Span};
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// The cache ends here.
pub(super) static CHANGING_ARGUMENT: Rule = Rule {
    id: "dockerfile/changing-above-stable",
    title: "A value that changes with every build stands above slow instructions",
    severity: Severity::Low,
    why: "A changed argument or variable ends the cache for every `RUN` behind it: a new commit or date \
          installs all packages again.",
    remediation: "Move the line down, below what does not need it; labels and versions go last.",
    references: &["https://docs.docker.com/build/cache/optimize/#order-your-layers"],
    bad: "FROM debian:13\nARG GIT_COMMIT\nRUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*\nLABEL org.opencontainers.image.revision=$GIT_COMMIT\nUSER 65532",
    good: "FROM debian:13\nRUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*\nARG GIT_COMMIT\nLABEL org.opencontainers.image.revision=$GIT_COMMIT\nUSER 65532",
    ..Rule::NEW
};

/// Looks for names of commits, dates and build numbers above an install of the same stage.
pub(super) struct ChangingArgument;

impl Lint for ChangingArgument {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&CHANGING_ARGUMENT] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let mut told = HashSet::new();
        context.handed_down(|changing: &mut Option<(Span, String)>, index, instruction| {
            let names: Vec<(&str, Span)> = match &instruction.kind {
                Kind::Arg(arguments) => arguments.iter().map(|one| (one.name.text.as_str(), one.name.span)).collect(),
                Kind::Env(pairs) => pairs
                    .iter()
                    .filter(|pair| pair.value.text.contains('$'))
                    .map(|pair| (pair.name.text.as_str(), pair.name.span))
                    .collect(),
                _ => Vec::new(),
            };
            if let Some((name, span)) = names.into_iter().find(|(name, _)| changes(name))
                && changing.is_none()
            {
                *changing = Some((span, name.to_owned()));
            }
            if !matches!(instruction.kind, Kind::Run(_)) {
                return;
            }
            let text = context.file.source(instruction.span);
            // what uses the value has to stand behind it
            if changing.as_ref().is_some_and(|(_, name)| text.contains(name.as_str())) {
                *changing = None;
            }
            let calls = context.calls.get(index).map(Vec::as_slice).unwrap_or_default();
            let is_install = |call: &Command| {
                request(call).is_some_and(|request| request.action == Action::Install)
                    || fetch(call).is_some_and(|fetch| fetch.way.is_empty())
            };
            let installs = calls.iter().any(is_install);
            if let Some((span, name)) = changing.take_if(|_| installs)
                && told.insert(span.start)
            {
                let message = format!(
                    "`{}` changes with every build, so that line {} never comes from the cache",
                    quoted(&name),
                    context.line(instruction)
                );
                findings.push(context.finding(&CHANGING_ARGUMENT, span, quoted(&name), message));
            }
        });
    }
}

/// Names whose value is another in every build.
const CHANGING: &[&str] = &[
    "BUILD_DATE",
    "BUILD_TIME",
    "BUILD_TIMESTAMP",
    "BUILD_NUMBER",
    "BUILD_ID",
    "BUILDDATE",
    "BUILDTIME",
    "CACHEBUST",
    "CACHE_BUST",
    "COMMIT",
    "COMMIT_HASH",
    "COMMIT_SHA",
    "GITHUB_SHA",
    "GIT_COMMIT",
    "GIT_HASH",
    "GIT_REF",
    "GIT_REV",
    "GIT_REVISION",
    "GIT_SHA",
    "GIT_TAG",
    "CI_COMMIT_SHA",
    "CI_PIPELINE_ID",
    "REVISION",
    "SOURCE_COMMIT",
    "TIMESTAMP",
    "VCS_REF",
    "VCS_REVISION",
];

fn changes(name: &str) -> bool {
    CHANGING.contains(&name.to_ascii_uppercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &ChangingArgument,
            &[
                (
                    "FROM a\nARG GIT_SHA\nRUN apt-get install -y b\nRUN npm ci\n",
                    &[
                        "low dockerfile/changing-above-stable 2:5-2:12: `GIT_SHA` changes with every build, so that line 3 never comes from the cache",
                    ],
                ),
                (
                    "FROM a AS b\nARG GIT_SHA\nENV V=$GIT_SHA\nFROM b\nRUN npm ci\nFROM b\nRUN npm ci\n",
                    &[
                        "low dockerfile/changing-above-stable 2:5-2:12: `GIT_SHA` changes with every build, so that line 5 never comes from the cache",
                    ],
                ),
                (
                    "FROM a\nARG COMMIT=dev\nRUN go mod download\nRUN go build\n",
                    &[
                        "low dockerfile/changing-above-stable 2:5-2:11: `COMMIT` changes with every build, so that line 3 never comes from the cache",
                    ],
                ),
                ("FROM a\nRUN go mod download\nARG COMMIT\nRUN go build && cargo build\n", &[]),
                ("ARG GIT_SHA\nFROM a\nRUN apt-get install -y b\nARG GIT_SHA\nRUN make\nFROM a\nRUN npm ci\n", &[]),
                ("FROM a\nARG CACHEBUST\nRUN echo $CACHEBUST && npm ci\nARG VERSION\nRUN npm ci\n", &[]),
            ],
        );
    }
}
