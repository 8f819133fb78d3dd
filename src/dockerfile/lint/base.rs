//! Names of base images, and of those that files are taken from: tags that move, no digest, no name at all.

use std::collections::HashSet;

use super::facts::{quoted, reference};
use super::images::{images, may_be_context};
use super::{Context, Lint};
use crate::dockerfile::{Kind, Resolved, Span};
use crate::finding::Findings;
use crate::image::reference::{Hold, hold_of};
use crate::rule::{Confidence, Rule, Severity};

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
    also: &["InvalidDefaultArgInFrom", "UndefinedArgInFrom"],
    bad: "ARG VERSION\nFROM debian:$VERSION\nUSER 65532",
    good: "ARG VERSION=13\nFROM debian:$VERSION\nUSER 65532",
    ..Rule::NEW
};

/// Who may be built on is for a policy to say.
pub static NOT_ALLOWED: Rule = Rule {
    id: "dockerfile/base-not-allowed",
    title: "The file names an image that the policy does not allow",
    severity: Severity::Medium,
    is_opt_in: true,
    why: "An image is no better than what it is built on and what is copied into it. Which images are good is for a \
          policy to say: `[base]` with `allow` or `deny` judges what `FROM` names. Without it the rule is off unless a \
          policy names it, and then tells every image.",
    remediation: "Build on one of the images that `[base] allow` names, or ask those who keep the policy for this one. \
          To judge what files are copied from too, let a rule for `dockerfile/base-not-allowed` fail, and after it one \
          for the same, with the names that are allowed as `subject`, ignore.",
    references: &["https://docs.docker.com/scout/policy/#no-unapproved-base-images"],
    also: &["DL3026"],
    bad: "FROM somebody/base:1.2\nUSER 65532",
    good: "FROM scratch\nCOPY server /server\nUSER 65532",
    ..Rule::NEW
};

/// Evidence that something is built on the image, and not only copied from it.
pub const IS_BASE: &str = "is_base";

/// Evidence of the variable in the image's name that is known to the build alone.
pub const UNKNOWN: &str = "unknown";

/// Judges each image once, with defaults of arguments taken.
pub(super) struct BaseName;

impl Lint for BaseName {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&FLOATING_BASE, &UNPINNED_BASE, &NAMELESS_BASE, &NOT_ALLOWED] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let mut told = HashSet::new();
        let mut bases = HashSet::new();
        for (index, instruction) in context.instructions() {
            let is_base = matches!(instruction.kind, Kind::From { .. });
            for (resolved, span) in images(context, index, instruction) {
                let is_new = told.insert(resolved.shown.clone());
                if is_new {
                    let may_be_context = may_be_context(instruction, &resolved.shown);
                    judge(context, &resolved, span, may_be_context, findings);
                }
                // files may be copied from an image before something is built on it
                // what a build copies from an image that it names itself is not built on
                let unknown = resolved.unknown.first().filter(|_| is_base);
                if (is_new || (is_base && !bases.contains(&resolved.shown)))
                    && (is_named(&resolved) || unknown.is_some())
                {
                    let shown = quoted(&resolved.shown);
                    let mut finding = context.finding(&NOT_ALLOWED, span, &*shown, format!("`{shown}` is used"));
                    if let Some(name) = unknown {
                        finding = finding.evidence(UNKNOWN, quoted(name));
                    }
                    findings.push(if is_base { finding.evidence(IS_BASE, true) } else { finding });
                }
                if is_base {
                    bases.insert(resolved.shown);
                }
            }
        }
    }
}

/// Whether it is known what the name is.
fn is_named(resolved: &Resolved) -> bool {
    resolved.unknown.is_empty() && !resolved.text().is_none_or(str::is_empty)
}

fn judge(context: &Context<'_>, resolved: &Resolved, span: Span, may_be_context: bool, findings: &mut Findings) {
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
    if !is_named(resolved) {
        return;
    }
    let (name, tag, _) = reference(&resolved.shown);
    let subject = quoted(name);
    let hold = hold_of(&resolved.shown);
    if hold == Hold::Digest {
        return;
    }
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
    if let Hold::Floating(tag) = hold {
        let message = match tag {
            None if may_be_context => format!(
                "`{shown}` is no stage, and as an image it has no tag; if the build names it, say so with `--build-context {shown}`"
            ),
            None => format!("`{shown}` has no tag, which means `latest`{by}"),
            Some(tag) => format!("the tag `{}` of `{subject}` moves to other releases{by}", quoted(tag)),
        };
        let mut finding = context.finding(&FLOATING_BASE, span, &*subject, message);
        if may_be_context {
            finding.confidence = Confidence::Low;
        }
        findings.push(finding);
    }
    findings.push(context.finding(&UNPINNED_BASE, span, subject, format!("`{shown}` is named without a digest")));
}

#[cfg(test)]
mod tests {
    use super::super::testing::{expect, shown};
    use super::*;

    /// Without what only a policy asks for.
    struct Judged;

    impl Lint for Judged {
        fn rules(&self) -> &'static [&'static Rule] {
            BaseName.rules()
        }

        fn run(&self, context: &Context<'_>, findings: &mut Findings) {
            BaseName.run(context, findings);
            findings.retain(|finding| finding.rule.id != NOT_ALLOWED.id);
        }
    }

    #[test]
    fn images_are_named_for_policies() {
        let named = |line: &str, at: &str, name: &str| {
            (
                format!("FROM scratch\n{line}\n"),
                vec![format!("medium dockerfile/base-not-allowed 2:{at}: `{name}` is used")],
            )
        };
        let digest = "b@sha256:0";
        for (text, expected) in [
            named("FROM b@sha256:0", "6-2:16", digest),
            named("COPY --from=b@sha256:0 /x /y", "13-2:23", digest),
            named("RUN --mount=type=bind,from=b@sha256:0,target=/x ls", "28-2:38", digest),
            ("FROM scratch\nCOPY --from=0 /x /y\n".to_owned(), Vec::new()),
            (
                "ARG B\nFROM e.example/$B\n".to_owned(),
                vec![
                    "low dockerfile/base-without-default 2:6-2:18: `B` has no default: without `--build-arg` there is no base image".into(),
                    "medium dockerfile/base-not-allowed 2:6-2:18: `e.example/${B}` is used".into(),
                ],
            ),
        ] {
            assert_eq!(shown(&BaseName, &text), expected, "{text}");
        }
    }

    #[test]
    fn tags_that_move_are_found_wherever_an_image_is_named() {
        for (name, is_floating) in [
            ("debian:stable-slim", true),
            ("node:lts-alpine", true),
            ("nginx:mainline", true),
            ("rust:nightly", true),
            ("b.example/a:latest-alpine", true),
            ("node:lts-trixie", false),
            ("gcr.io/distroless/cc-debian12", false),
        ] {
            for file in [
                format!("FROM {name}\n"),
                format!("ARG B={name}\nFROM $B\n"),
                format!("FROM scratch\nCOPY --from={name} /x /y\n"),
                format!("FROM scratch\nRUN --mount=from={name},target=/x ls\n"),
                format!("FROM scratch\nONBUILD COPY --from={name} /x /y\n"),
            ] {
                let found = shown(&Judged, &file).iter().any(|found| found.contains(FLOATING_BASE.id));
                assert_eq!(found, is_floating, "{file}");
            }
        }
    }

    #[test]
    fn findings_are_as_expected() {
        expect(
            &Judged,
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
                    "FROM a@sha256:0\nCOPY --from=composer /x /y\nCOPY --from=mycontext /x /y\n",
                    &[
                        "low dockerfile/floating-base 2:13-2:21: `composer` has no tag, which means `latest`",
                        "info dockerfile/unpinned-base 2:13-2:21: `composer` is named without a digest",
                        "low dockerfile/floating-base 3:13-3:22: `mycontext` is no stage, and as an image it has no tag; if the build names it, say so with `--build-context mycontext`",
                        "info dockerfile/unpinned-base 3:13-3:22: `mycontext` is named without a digest",
                    ],
                ),
                ("FROM a@sha256:0\nCOPY --from=mycontext /x /y\nFROM a@sha256:0\n", &[]),
                ("FROM a@sha256:0 AS composer\nFROM composer\nCOPY --from=composer /x /y\n", &[]),
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
