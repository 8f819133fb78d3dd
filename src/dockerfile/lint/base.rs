//! Names of base images: tags that move, no digest, no name at all.

use super::{Context, Lint};
use std::collections::HashSet;

use super::facts::{quoted, reference};
use crate::dockerfile::{Base, Kind, Resolved, Span};
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// The tag moves from release to release.
pub(super) static FLOATING_BASE: Rule = Rule {
    id: "dockerfile/floating-base",
    title: "The tag of the base image moves to other releases",
    severity: Severity::Low,
    why: "`latest`, `stable` or no tag at all means another image next month: a build of unchanged sources \
          brings another distribution, other packages and other flaws.",
    remediation: "Name a release and its digest, `FROM debian:13@sha256:…`, and let a bot raise both.",
    references: &["https://docs.docker.com/build/building/best-practices/#pin-base-image-versions"],
    also: &["AVD-DS-0001", "DKL-DI-0006", "DL3006", "DL3007", "DS-0001", "DS001"],
    bad: "FROM debian:latest\nUSER 65532",
    good: "FROM debian:13\nUSER 65532",
    ..Rule::NEW
};

/// The base is named without a digest.
pub(super) static UNPINNED_BASE: Rule = Rule {
    id: "dockerfile/unpinned-base",
    title: "The base image is named without a digest",
    severity: Severity::Info,
    is_opt_in: true,
    why: "A tag of a release still moves to its point releases, and whoever may push to the registry may move \
          it anywhere.",
    remediation: "Add the digest, `FROM debian:13@sha256:…`, and let a bot raise it.",
    references: &["https://docs.docker.com/build/building/best-practices/#pin-base-image-versions"],
    bad: "FROM debian:13\nUSER 65532",
    good: "FROM debian:13@sha256:5d5d1c9f0c5a1a7a3c3c6f5b7e9a0d1f2b3c4d5e6f708192a3b4c5d6e7f80910\nUSER 65532",
    ..Rule::NEW
};

/// The name hangs on a variable without default.
pub(super) static NAMELESS_BASE: Rule = Rule {
    id: "dockerfile/base-without-default",
    title: "The base image hangs on a build argument without a default",
    severity: Severity::Low,
    why: "Without `--build-arg` the build stops, and nobody who reads the file can say what it is built on.",
    remediation: "Give the argument a default: `ARG VERSION=13` before the first `FROM`.",
    references: &["https://docs.docker.com/reference/build-checks/invalid-default-arg-in-from/"],
    also: &["InvalidDefaultArgInFrom"],
    bad: "ARG VERSION\nFROM debian:$VERSION\nUSER 65532",
    good: "ARG VERSION=13\nFROM debian:$VERSION\nUSER 65532",
    ..Rule::NEW
};

/// Judges each image once, with defaults of arguments taken.
pub(super) struct BaseName;

impl Lint for BaseName {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&FLOATING_BASE, &UNPINNED_BASE, &NAMELESS_BASE] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let mut told = HashSet::new();
        for (index, instruction) in context.instructions() {
            let Some(own) = instruction.stage else { continue };
            let images: Vec<(Resolved, Span)> = match &instruction.kind {
                Kind::From { image, .. } => match context.file.stages.get(own).map(|stage| &stage.base) {
                    Some(Base::Image(resolved)) => vec![(resolved.clone(), image.span)],
                    _ => Vec::new(),
                },
                Kind::Copy(_) => {
                    let value = instruction.flag("from").and_then(|flag| flag.value.as_ref());
                    let value = value.filter(|value| context.stages_named(&value.text, own).0.is_none());
                    // without tag and host it may be a stage misspelt, which is another lint's
                    let value = value.filter(|value| value.text.contains([':', '/']));
                    value.map(|value| (context.file.scope(index).resolve(value), value.span)).into_iter().collect()
                }
                _ => Vec::new(),
            };
            for (resolved, span) in images {
                if told.insert(resolved.shown.clone()) {
                    judge(context, &resolved, span, findings);
                }
            }
        }
    }
}

/// Tags that name no release.
const FLOATING: &[&str] = &[
    "latest",
    "stable",
    "edge",
    "rolling",
    "nightly",
    "dev",
    "devel",
    "main",
    "master",
    "current",
    "mainline",
    "canary",
    "unstable",
    "experimental",
    "testing",
    "oldstable",
    "next",
    "head",
    "snapshot",
];

fn judge(context: &Context<'_>, resolved: &Resolved, span: Span, findings: &mut Findings) {
    let shown = quoted(&resolved.shown);
    if let Some(name) = resolved.unknown.first() {
        // platform and version of the build tools are the builder's
        if !name.starts_with("BUILD") && !name.starts_with("TARGET") {
            let name = quoted(name);
            let message = format!("`{name}` has no default: without `--build-arg` there is no base image");
            findings.push(context.finding(&NAMELESS_BASE, span, name, message));
        }
        return;
    }
    if resolved.text().is_none_or(str::is_empty) {
        return;
    }
    let (name, tag, has_digest) = reference(&resolved.shown);
    if has_digest {
        return;
    }
    let subject = quoted(name);
    if tag.is_none_or(|tag| tag.is_empty() && !resolved.unset.is_empty()) && !resolved.unset.is_empty() {
        let unset = resolved.unset.first().map(|name| quoted(name)).unwrap_or_default();
        let message = format!("`{unset}` is not set before the first `FROM`, so that `{subject}` has no tag");
        findings.push(context.finding(&NAMELESS_BASE, span, unset, message));
        return;
    }
    let by = match resolved.defaults.first() {
        Some(name) => format!(", by the default of `{}`", quoted(name)),
        None => String::new(),
    };
    match tag {
        None => {
            let message = format!("`{shown}` has no tag, which means `latest`{by}");
            findings.push(context.finding(&FLOATING_BASE, span, &*subject, message));
        }
        Some(tag) if FLOATING.contains(&tag) => {
            let message = format!("the tag `{}` of `{subject}` moves to other releases{by}", quoted(tag));
            findings.push(context.finding(&FLOATING_BASE, span, &*subject, message));
        }
        Some(_) => {}
    }
    findings.push(context.finding(&UNPINNED_BASE, span, subject, format!("`{shown}` is named without a digest")));
}

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &BaseName,
            &[
                (
                    "FROM a\n",
                    &[
                        "low dockerfile/floating-base 1:6-1:7: `a` has no tag, which means `latest`",
                        "info dockerfile/unpinned-base 1:6-1:7: `a` is named without a digest",
                    ],
                ),
                (
                    "ARG V=latest\nFROM h:5000/a:$V\n",
                    &[
                        "low dockerfile/floating-base 2:6-2:17: the tag `latest` of `h:5000/a` moves to other releases, by the default of `V`",
                        "info dockerfile/unpinned-base 2:6-2:17: `h:5000/a:latest` is named without a digest",
                    ],
                ),
                (
                    "ARG V\nFROM a:$V\n",
                    &[
                        "low dockerfile/base-without-default 2:6-2:10: `V` has no default: without `--build-arg` there is no base image",
                    ],
                ),
                (
                    "FROM a:$V\n",
                    &[
                        "low dockerfile/base-without-default 1:6-1:10: `V` is not set before the first `FROM`, so that `a` has no tag",
                    ],
                ),
                ("FROM a:1@sha256:0 AS b\nFROM b\nFROM scratch\nCOPY --from=b /x /y\nCOPY --from=a /x /y\n", &[]),
                (
                    "FROM a@sha256:0\nCOPY --from=c:latest /x /y\n",
                    &[
                        "low dockerfile/floating-base 2:13-2:21: the tag `latest` of `c` moves to other releases",
                        "info dockerfile/unpinned-base 2:13-2:21: `c:latest` is named without a digest",
                    ],
                ),
            ],
        );
    }
}
