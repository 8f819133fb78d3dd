//! Packages without a version.

use super::facts::{has_ending, quoted};
use super::manager::{Action, Manager, Request, request};
use super::{Context, Lint};
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// Why versions matter, whoever brings the package.
const NEWEST: &str = "Each build takes the newest release of the day: two builds of the same sources differ, and a bad \
                      release is in the image at once.";

/// A Python package.
pub(super) static UNPINNED_PYTHON: Rule = Rule {
    id: "dockerfile/unpinned-python-package",
    title: "A Python package is installed without a version",
    severity: Severity::Low,
    why: NEWEST,
    remediation: "Write `pip install name==1.2.3`, or list versions with hashes in a requirements file.",
    references: &["https://pip.pypa.io/en/stable/topics/repeatable-installs/"],
    also: &["DL3013"],
    bad: "FROM python:3.13-slim\nRUN pip install --no-cache-dir flask\nUSER 65532",
    good: "FROM python:3.13-slim\nRUN pip install --no-cache-dir flask==3.1.2\nUSER 65532",
    ..Rule::NEW
};

/// A Node package.
pub(super) static UNPINNED_NODE: Rule = Rule {
    id: "dockerfile/unpinned-node-package",
    title: "A Node package is installed without a version",
    severity: Severity::Low,
    why: NEWEST,
    remediation: "Write `npm install name@1.2.3`, or install from a lock file with `npm ci`.",
    references: &["https://docs.npmjs.com/cli/commands/npm-install"],
    also: &["DL3016"],
    bad: "FROM node:22-slim\nRUN npm install -g pm2 && npm cache clean --force\nUSER 65532",
    good: "FROM node:22-slim\nRUN npm install -g pm2@6.0.8 && npm cache clean --force\nUSER 65532",
    ..Rule::NEW
};

/// A gem.
pub(super) static UNPINNED_GEM: Rule = Rule {
    id: "dockerfile/unpinned-gem",
    title: "A gem is installed without a version",
    severity: Severity::Low,
    why: NEWEST,
    remediation: "Write `gem install name:1.2.3`, or install from a lock file with `bundle install`.",
    references: &["https://guides.rubygems.org/command-reference/#gem-install"],
    also: &["DL3028"],
    bad: "FROM ruby:3.4-slim\nRUN gem install rails\nUSER 65532",
    good: "FROM ruby:3.4-slim\nRUN gem install rails:8.0.2\nUSER 65532",
    ..Rule::NEW
};

/// A Go program.
pub(super) static UNPINNED_GO: Rule = Rule {
    id: "dockerfile/unpinned-go-package",
    title: "A Go program is installed without a version",
    severity: Severity::Low,
    why: NEWEST,
    remediation: "Write `go install example.com/tool@v1.2.3`.",
    references: &["https://go.dev/ref/mod#go-install"],
    also: &["DL3062"],
    bad: "FROM golang:1.25\nRUN go install example.com/tool@latest\nUSER 65532",
    good: "FROM golang:1.25\nRUN go install example.com/tool@v1.2.3\nUSER 65532",
    ..Rule::NEW
};

/// A package of the system.
pub(super) static UNPINNED_SYSTEM: Rule = Rule {
    id: "dockerfile/unpinned-system-package",
    title: "A system package is installed without a version",
    severity: Severity::Info,
    is_opt_in: true,
    why: "The version depends on the day of the build. A pinned one breaks the build as soon as the mirror \
          drops it, which is why this rule is off unless it is asked for.",
    remediation: "Write `curl=8.14.1-2`, and build against a snapshot of the archive.",
    references: &["https://docs.docker.com/build/building/best-practices/#apt-get"],
    also: &["DL3008", "DL3018", "DL3033", "DL3037", "DL3041"],
    bad: "FROM alpine:3.22\nRUN apk add --no-cache curl\nUSER 65532",
    good: "FROM alpine:3.22\nRUN apk add --no-cache curl=8.14.1-r2\nUSER 65532",
    ..Rule::NEW
};

/// Judges each operand of an install command; what holds an unknown variable is let be.
pub(super) struct Unpinned;

impl Lint for Unpinned {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&UNPINNED_PYTHON, &UNPINNED_NODE, &UNPINNED_GEM, &UNPINNED_GO, &UNPINNED_SYSTEM] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for (index, _, calls) in context.calls() {
            let scope = context.file.scope(index);
            for request in calls.iter().filter_map(request).filter(|request| request.action == Action::Install) {
                let Some((rule, is_pinned)) = judge(&request) else { continue };
                if request.manager == Manager::Pip
                    && (scope.is_declared("PIP_CONSTRAINT") || request.command.flag(&["-c", "--constraint"]).is_some())
                {
                    continue;
                }
                for word in &request.operands {
                    let is_known = word.is_literal || !word.text.contains(['$', '`']);
                    if is_known && !is_pinned(&word.text) {
                        let shown = quoted(&word.text);
                        let message = format!("`{shown}` is installed in whatever version is there");
                        findings.push(context.finding(rule, word.span, shown, message));
                    }
                }
            }
        }
    }
}

type Pinned = fn(&str) -> bool;

/// The rule for a command, and what tells that an operand has its version.
fn judge(request: &Request<'_>) -> Option<(&'static Rule, Pinned)> {
    Some(match request.manager {
        Manager::Pip => (&UNPINNED_PYTHON, pinned_python as Pinned),
        Manager::Npm | Manager::Yarn | Manager::Pnpm if request.verb.text != "ci" => {
            (&UNPINNED_NODE, pinned_node as Pinned)
        }
        Manager::Gem if request.command.flag(&["-v", "--version", "-g", "--file"]).is_none() => {
            (&UNPINNED_GEM, (|text| text.contains(':') || has_ending(text, "gem") || text.contains('/')) as Pinned)
        }
        Manager::Go => (&UNPINNED_GO, pinned_go as Pinned),
        Manager::Apt if request.verb.text == "install" => (
            &UNPINNED_SYSTEM,
            (|text| text.contains(['=', '/']) || text.ends_with(['+', '-', '.']) || has_ending(text, "deb")) as Pinned,
        ),
        Manager::Apk => (
            &UNPINNED_SYSTEM,
            (|text| text.contains(['=', '<', '~', '@', '/']) || text.starts_with(['!', '.']) || has_ending(text, "apk"))
                as Pinned,
        ),
        Manager::Dnf if request.verb.text == "install" => {
            let is_pinned = |text: &str| {
                let has_version = text.match_indices('-').any(|(at, _)| {
                    text.get(at.saturating_add(1)..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
                });
                has_version || text.contains(['/', '@', ':', '*']) || has_ending(text, "rpm")
            };
            (&UNPINNED_SYSTEM, is_pinned as Pinned)
        }
        Manager::Zypper => {
            (&UNPINNED_SYSTEM, (|text| text.contains(['=', '<', '/']) || has_ending(text, "rpm")) as Pinned)
        }
        _ => return None,
    })
}

/// `name==1`, `name~=1`, `name<2`, a file, a folder or an address.
fn pinned_python(text: &str) -> bool {
    let is_file =
        text.starts_with(['.', '/', '~']) || [".whl", ".tar.gz", ".zip", ".txt"].iter().any(|end| text.ends_with(end));
    is_file
        || text.contains("==")
        || text.contains("~=")
        || text.contains('<')
        || text.contains('@')
        || text.contains("://")
        || text.contains('/')
}

/// `name@1`, `@scope/name@1`, a file, a folder or an address; `latest` and other words are no versions.
fn pinned_node(text: &str) -> bool {
    if text.starts_with(['.', '/', '~']) || text.contains("://") || has_ending(text, "tgz") || text.contains(':') {
        return true;
    }
    let name = text.strip_prefix('@').unwrap_or(text);
    match name.split_once('@') {
        Some((_, version)) => version.contains(|c: char| c.is_ascii_digit()),
        // `owner/repository` is fetched from a forge
        None => !text.starts_with('@') && text.contains('/'),
    }
}

/// A package of this module or of the standard library, or one with a version.
fn pinned_go(text: &str) -> bool {
    match text.split_once('@') {
        Some((_, version)) => !matches!(version, "latest" | "upgrade" | "patch" | "master" | "main" | "HEAD"),
        None => {
            text.starts_with(['.', '/'])
                || !text.split('/').next().unwrap_or_default().contains('.')
                || text.ends_with("...")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &Unpinned,
            &[
                (
                    "FROM a\nRUN pip install b c==1 \"d>=2\" e~=3 f[x] ./g h.whl git+https://e.example/i.git $J -r r.txt -U \"k<2\"\n",
                    &[
                        "low dockerfile/unpinned-python-package 2:17-2:18: `b` is installed in whatever version is there",
                        "low dockerfile/unpinned-python-package 2:24-2:30: `d>=2` is installed in whatever version is there",
                        "low dockerfile/unpinned-python-package 2:36-2:40: `f[x]` is installed in whatever version is there",
                    ],
                ),
                ("FROM a\nENV PIP_CONSTRAINT=c.txt\nRUN pip install b\nRUN pip install .\n", &[]),
                (
                    "FROM a\nRUN npm i -g b c@1 @d/e @d/f@^2 ./g h@latest i/j k@$V && npm ci && yarn add l && npm install\n",
                    &[
                        "low dockerfile/unpinned-node-package 2:14-2:15: `b` is installed in whatever version is there",
                        "low dockerfile/unpinned-node-package 2:20-2:24: `@d/e` is installed in whatever version is there",
                        "low dockerfile/unpinned-node-package 2:37-2:45: `h@latest` is installed in whatever version is there",
                        "low dockerfile/unpinned-node-package 2:77-2:78: `l` is installed in whatever version is there",
                    ],
                ),
                (
                    "FROM a\nRUN gem install b c:1 && gem install d -v 1 && gem install e --version=2\n",
                    &["low dockerfile/unpinned-gem 2:17-2:18: `b` is installed in whatever version is there"],
                ),
                (
                    "FROM a\nRUN go install e.example/b@latest && go install e.example/b@v1 ./cmd/c cmd/d && go get -u e.example/f\n",
                    &[
                        "low dockerfile/unpinned-go-package 2:16-2:34: `e.example/b@latest` is installed in whatever version is there",
                        "low dockerfile/unpinned-go-package 2:91-2:102: `e.example/f` is installed in whatever version is there",
                    ],
                ),
                (
                    "FROM a\nRUN apt-get install -y -t x b c=1 ./d.deb && yum install -y e f-1.2 && apk add g h=1\n",
                    &[
                        "info dockerfile/unpinned-system-package 2:29-2:30: `b` is installed in whatever version is there",
                        "info dockerfile/unpinned-system-package 2:61-2:62: `e` is installed in whatever version is there",
                        "info dockerfile/unpinned-system-package 2:80-2:81: `g` is installed in whatever version is there",
                    ],
                ),
            ],
        );
    }
}
