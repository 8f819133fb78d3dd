//! Lists and caches of the system's package manager that stay in a layer.

use super::facts::{deletes, is_mounted};
use super::manager::{Action, Manager, Request, head, request};
use super::{Context, Lint};
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// Lists of `apt`.
pub(super) static APT_LISTS: Rule = Rule {
    id: "dockerfile/apt-lists",
    title: "The package lists of `apt` stay in the layer",
    severity: Severity::Low,
    why: "They are tens of megabytes, and out of date as soon as the image is built. Deleting them in a later \
          instruction does not take them out of this layer.",
    remediation: "End the same `RUN` with `rm -rf /var/lib/apt/lists/*`, or mount the folder: \
          `--mount=type=cache,target=/var/lib/apt/lists,sharing=locked`.",
    references: &[
        "https://docs.docker.com/build/building/best-practices/#apt-get",
        "https://docs.docker.com/build/cache/optimize/#use-cache-mounts",
    ],
    also: &["DKL-DI-0005", "DL3009"],
    bad: "FROM debian:13\nRUN apt-get update && apt-get install -y curl && rm -rf /tmp/x\nUSER 65532",
    good: "FROM debian:13\nRUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*\nUSER 65532",
    ..Rule::NEW
};

/// The index of `apk`.
pub(super) static APK_CACHE: Rule = Rule {
    id: "dockerfile/apk-cache",
    title: "The index of `apk` stays in the layer",
    severity: Severity::Low,
    why: "The index is some megabytes, and out of date as soon as the image is built. `--no-cache` fetches it \
          into memory and keeps nothing.",
    remediation: "Write `apk add --no-cache`, without `apk update`.",
    references: &[
        "https://github.com/gliderlabs/docker-alpine/blob/master/docs/usage.md",
        "https://docs.docker.com/build/cache/optimize/#use-cache-mounts",
    ],
    also: &["AVD-DS-0025", "DKL-DI-0004", "DL3019", "DS-0025", "DS025"],
    bad: "FROM alpine:3.22\nRUN apk add curl\nUSER 65532",
    good: "FROM alpine:3.22\nRUN apk add --no-cache curl\nUSER 65532",
    ..Rule::NEW
};

/// The cache of `dnf` and `yum`.
pub(super) static DNF_CACHE: Rule = Rule {
    id: "dockerfile/dnf-cache",
    title: "The cache of `dnf` or `yum` stays in the layer",
    severity: Severity::Low,
    why: "Metadata and packages are tens to hundreds of megabytes that nothing in the image reads.",
    remediation: "End the same `RUN` with `dnf clean all`, or mount the cache: \
          `--mount=type=cache,target=/var/cache/dnf`.",
    references: &[
        "https://docs.docker.com/build/building/best-practices/#run",
        "https://docs.docker.com/build/cache/optimize/#use-cache-mounts",
    ],
    also: &[
        "AVD-DS-0015",
        "AVD-DS-0019",
        "AVD-DS-0027",
        "DL3032",
        "DL3040",
        "DS-0015",
        "DS-0019",
        "DS-0027",
        "DS015",
        "DS019",
        "DS027",
    ],
    bad: "FROM fedora:43\nRUN dnf install -y nginx\nUSER 65532",
    good: "FROM fedora:43\nRUN dnf install -y nginx && dnf clean all\nUSER 65532",
    ..Rule::NEW
};

/// The cache of `zypper`.
pub(super) static ZYPPER_CACHE: Rule = Rule {
    id: "dockerfile/zypper-cache",
    title: "The cache of `zypper` stays in the layer",
    severity: Severity::Low,
    why: "Metadata and packages are tens of megabytes that nothing in the image reads.",
    remediation: "End the same `RUN` with `zypper clean --all`, or mount `/var/cache/zypp` as a cache.",
    references: &[
        "https://docs.docker.com/build/building/best-practices/#run",
        "https://docs.docker.com/build/cache/optimize/#use-cache-mounts",
    ],
    also: &["AVD-DS-0020", "DL3036", "DS-0020", "DS020"],
    bad: "FROM opensuse/leap:16.0\nRUN zypper --non-interactive install nginx\nUSER 65532",
    good: "FROM opensuse/leap:16.0\nRUN zypper --non-interactive install nginx && zypper clean --all\nUSER 65532",
    ..Rule::NEW
};

/// Follows each `RUN` from what fills a cache to what empties it; only stages that ship count.
pub(super) struct PackageCache;

impl Lint for PackageCache {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&APT_LISTS, &APK_CACHE, &DNF_CACHE, &ZYPPER_CACHE] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for (index, instruction, calls) in context.shipped_calls() {
            let scope = context.file.scope(index);
            for cache in CACHES {
                let has_braces = context.expands_braces(index) || cache.manager != Manager::Apt;
                let is_mounted = cache.folders.iter().any(|folder| is_mounted(instruction, &scope, folder));
                let mut filled: Option<Request<'_>> = None;
                for call in calls {
                    let empties = |folder: &&str| deletes(call, &scope, has_braces, folder);
                    if cache.folders.iter().any(empties) {
                        filled = None;
                    }
                    let Some(request) = request(call).filter(|request| request.manager == cache.manager) else {
                        continue;
                    };
                    if (cache.cleans)(&request) {
                        filled = None;
                    } else if (cache.fills)(&request) && filled.is_none() {
                        filled = Some(request);
                    }
                }
                if let Some(request) = filled.filter(|_| !is_mounted) {
                    let verb = if request.verb.text == request.name {
                        String::new()
                    } else {
                        format!(" {}", request.verb.text)
                    };
                    let subject = format!("{}{verb}", request.name);
                    let message = format!("`{subject}` leaves {} in the layer", cache.what);
                    let span = head(&request);
                    findings.push(context.finding(cache.rule, span, subject, message));
                }
            }
        }
    }
}

struct Cache {
    manager: Manager,
    rule: &'static Rule,
    what: &'static str,
    /// Any of them emptied or mounted is enough.
    folders: &'static [&'static str],
    fills: fn(&Request<'_>) -> bool,
    cleans: fn(&Request<'_>) -> bool,
}

static CACHES: &[Cache] = &[
    Cache {
        manager: Manager::Apt,
        rule: &APT_LISTS,
        what: "its package lists",
        folders: &["/var/lib/apt/lists"],
        fills: |request| request.action == Action::Update,
        cleans: |request| request.verb.text == "distclean",
    },
    Cache {
        manager: Manager::Apk,
        rule: &APK_CACHE,
        what: "its index",
        folders: &["/var/cache/apk"],
        fills: |request| {
            matches!(request.action, Action::Update | Action::Install | Action::Upgrade)
                // without the network there is no newer index to keep
                && request.command.flag(&["--no-cache", "--no-network"]).is_none()
        },
        cleans: |request| request.action == Action::Clean,
    },
    Cache {
        manager: Manager::Dnf,
        rule: &DNF_CACHE,
        what: "its cache",
        folders: &["/var/cache/dnf", "/var/cache/yum", "/var/cache/libdnf5", "/var/cache/tdnf"],
        fills: |request| matches!(request.action, Action::Update | Action::Install | Action::Upgrade),
        cleans: |request| request.action == Action::Clean,
    },
    Cache {
        manager: Manager::Zypper,
        rule: &ZYPPER_CACHE,
        what: "its cache",
        folders: &["/var/cache/zypp"],
        fills: |request| matches!(request.action, Action::Update | Action::Install | Action::Upgrade),
        cleans: |request| request.action == Action::Clean,
    },
];

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &PackageCache,
            &[
                (
                    "FROM a\nRUN apt-get update && apt-get install -y b && rm -rf /tmp/x\n",
                    &["low dockerfile/apt-lists 2:5-2:19: `apt-get update` leaves its package lists in the layer"],
                ),
                (
                    "FROM a\nRUN apt-get update \\\n  && apt-get install -y b \\\n  && rm -rf /tmp/x /var/lib/apt/lists/*\n",
                    &[],
                ),
                (
                    "FROM a\nRUN <<EOF\nset -e\nsudo apt-get -qq update\napt-get install -y b\nEOF\n",
                    &["low dockerfile/apt-lists 4:6-4:24: `apt-get update` leaves its package lists in the layer"],
                ),
                (
                    "FROM a\nRUN --mount=type=cache,target=/var/lib/apt,sharing=locked apt-get update && apt-get install -y b\n",
                    &[],
                ),
                (
                    "FROM a\nRUN apt-get update && rm -rf /var/lib/{apt,dpkg}\n",
                    &["low dockerfile/apt-lists 2:5-2:19: `apt-get update` leaves its package lists in the layer"],
                ),
                (
                    "FROM a\nENV LISTS=/var/lib/apt/lists\nRUN apt-get update && rm -rf $LISTS/*\nRUN apt-get install -y b\n",
                    &[],
                ),
                ("FROM a AS b\nRUN apt-get update\nFROM a\nCOPY --from=b /x /y\n", &[]),
                (
                    "FROM a AS b\nRUN apt-get update\nFROM b\n",
                    &["low dockerfile/apt-lists 2:5-2:19: `apt-get update` leaves its package lists in the layer"],
                ),
                (
                    "FROM a\nRUN rm -rf /var/lib/apt/lists/* && apt-get update\n",
                    &["low dockerfile/apt-lists 2:36-2:50: `apt-get update` leaves its package lists in the layer"],
                ),
                (
                    "FROM a\nRUN apk add --no-cache b\nRUN apk --no-cache add b\nRUN apk add --no-network c\nRUN apk add b && rm -rf /var/cache/apk/*\n",
                    &[],
                ),
                (
                    "FROM a\nRUN apk update && apk add b\n",
                    &["low dockerfile/apk-cache 2:5-2:15: `apk update` leaves its index in the layer"],
                ),
                (
                    "FROM a\nRUN yum -y install b && yum clean all && rm -rf /var/cache/yum\nRUN microdnf update -y\n",
                    &["low dockerfile/dnf-cache 3:5-3:20: `microdnf update` leaves its cache in the layer"],
                ),
                (
                    "FROM a\nRUN zypper in -y b && zypper cc -a\nRUN zypper ref\n",
                    &["low dockerfile/zypper-cache 3:5-3:15: `zypper ref` leaves its cache in the layer"],
                ),
            ],
        );
    }
}
