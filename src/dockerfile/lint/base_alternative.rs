//! Smaller variants of the base image.

use super::facts::{library_name, quoted, reference};
use super::{Context, Lint};
use crate::dockerfile::{Base, Kind};
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// A smaller variant is there.
pub(super) static BASE_ALTERNATIVE: Rule = Rule {
    id: "dockerfile/smaller-base",
    title: "The base image has a smaller variant",
    severity: Severity::Info,
    why: "The full variants of language images hold compilers, version control and hundreds of libraries: ten \
          times the size, and most of the flaws a scanner finds.",
    remediation: "Use the smaller variant in the last stage, and build in a stage on the full one where compilers are \
          needed.",
    references: &[
        "https://docs.docker.com/build/building/best-practices/#choose-the-right-base-image",
        "https://docs.docker.com/build/building/multi-stage/",
    ],
    bad: "FROM python:3.13\nUSER 65532",
    good: "FROM python:3.13-slim\nUSER 65532",
    ..Rule::NEW
};

/// Knows the variants of Docker's own library.
pub(super) struct BaseAlternative;

impl Lint for BaseAlternative {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&BASE_ALTERNATIVE] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let Some(last) = context.file.last_stage() else { return };
        let lineage = context.file.lineage(last.index);
        let Some(stage) = lineage.last() else { return };
        let Base::Image(resolved) = &stage.base else { return };
        let Some(text) = resolved.text() else { return };
        let (name, tag, _) = reference(text);
        let Some((name, smaller)) = library_name(name).and_then(|name| {
            let (_, smaller) = VARIANTS.iter().find(|(base, _)| *base == name)?;
            Some((name, smaller))
        }) else {
            return;
        };
        let Some(tag) = tag.filter(|tag| !SMALL.iter().any(|part| tag.contains(part))) else { return };
        let Some(Kind::From { image, .. }) = context.file.instructions_of(stage).first().map(|from| &from.kind) else {
            return;
        };
        // the order of the parts differs from image to image; without the name of a release every image has the tag
        let is_part = |part: &&str| name == "debian" || !RELEASES.contains(part);
        let head = tag.split('-').filter(is_part).collect::<Vec<_>>().join("-");
        if name != "debian" && !head.starts_with(|c: char| c.is_ascii_digit()) {
            return;
        }
        let shown: Vec<String> =
            smaller.iter().map(|variant| format!("`{name}:{}-{variant}`", quoted(&head))).collect();
        let message = format!("`{}` has smaller variants: {}", quoted(text), shown.join(", "));
        findings.push(context.finding(&BASE_ALTERNATIVE, image.span, name, message));
    }
}

/// Images whose plain tags are the full variant, and the endings of the smaller ones.
const VARIANTS: &[(&str, &[&str])] = &[
    ("buildpack-deps", &["curl"]),
    ("debian", &["slim"]),
    ("node", &["slim", "alpine"]),
    ("perl", &["slim"]),
    ("php", &["alpine"]),
    ("pypy", &["slim"]),
    ("python", &["slim", "alpine"]),
    ("ruby", &["slim", "alpine"]),
];

/// Parts of tags that name a small variant already, or another system.
const SMALL: &[&str] = &["slim", "alpine", "curl", "scm", "windows", "nanoserver", "distroless", "apache"];

/// Names of releases of Debian in tags.
const RELEASES: &[&str] = &["buster", "bullseye", "bookworm", "trixie", "forky"];

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &BaseAlternative,
            &[
                (
                    "FROM node:22 AS b\nFROM node:22\n",
                    &[
                        "info dockerfile/smaller-base 2:6-2:13: `node:22` has smaller variants: `node:22-slim`, `node:22-alpine`",
                    ],
                ),
                ("FROM node:22 AS b\nFROM node:22-alpine\n", &[]),
                ("FROM example/node:22\n", &[]),
                ("FROM debian:13-slim\n", &[]),
                (
                    "FROM php:8.4-fpm-bookworm\n",
                    &[
                        "info dockerfile/smaller-base 1:6-1:26: `php:8.4-fpm-bookworm` has smaller variants: `php:8.4-fpm-alpine`",
                    ],
                ),
                ("FROM php:8.4-apache\n", &[]),
                (
                    "ARG V=3.13\nFROM python:$V AS a\nFROM a\n",
                    &[
                        "info dockerfile/smaller-base 2:6-2:15: `python:3.13` has smaller variants: `python:3.13-slim`, `python:3.13-alpine`",
                    ],
                ),
            ],
        );
    }
}
