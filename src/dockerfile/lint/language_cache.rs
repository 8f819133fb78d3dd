//! Caches of language package managers that stay in a layer.

use super::facts::{deletes, is_mounted};
use super::manager::{Action, Manager, Request, head, request};
use super::{Context, Lint};
use crate::dockerfile::shell::Command;
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// The cache of `pip`.
pub(super) static PIP_CACHE: Rule = Rule {
    id: "dockerfile/pip-cache",
    title: "The cache of `pip` stays in the layer",
    severity: Severity::Low,
    why: "Wheels and downloads are kept a second time beside what was installed of them.",
    remediation: "Write `pip install --no-cache-dir`, set `ENV PIP_NO_CACHE_DIR=1`, or mount `/root/.cache/pip` as a \
          cache.",
    references: &[
        "https://docs.docker.com/build/cache/optimize/#use-cache-mounts",
        "https://pip.pypa.io/en/stable/topics/caching/",
    ],
    also: &["DL3042"],
    bad: "FROM python:3.13-slim\nRUN pip install -r requirements.txt\nUSER 65532",
    good: "FROM python:3.13-slim\nRUN pip install --no-cache-dir -r requirements.txt\nUSER 65532",
    ..Rule::NEW
};

/// The cache of `npm` or `yarn`.
pub(super) static NODE_CACHE: Rule = Rule {
    id: "dockerfile/node-cache",
    title: "The cache of `npm` or `yarn` stays in the layer",
    severity: Severity::Low,
    why: "Each package is kept a second time, packed, beside what was installed of it.",
    remediation: "End the same `RUN` with `npm cache clean --force` or `yarn cache clean`, or mount `/root/.npm` or \
          the folder of `yarn` as a cache.",
    references: &["https://docs.docker.com/build/cache/optimize/#use-cache-mounts"],
    also: &["DL3060"],
    bad: "FROM node:22-slim\nRUN yarn install\nUSER 65532",
    good: "FROM node:22-slim\nRUN yarn install && yarn cache clean\nUSER 65532",
    ..Rule::NEW
};

/// Follows each `RUN` from what fills a cache to what empties it; only stages that ship count.
pub(super) struct LanguageCache;

impl Lint for LanguageCache {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&PIP_CACHE, &NODE_CACHE] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for (index, instruction, calls) in context.shipped_calls() {
            let scope = context.file.scope(index);
            for cache in CACHES {
                let is_mounted = cache.folders.iter().any(|folder| is_mounted(instruction, &scope, folder));
                let is_set_off = cache.switches.iter().any(|name| scope.is_declared(name) || sets(calls, name));
                if is_mounted || is_set_off {
                    continue;
                }
                let mut filled: Option<Request<'_>> = None;
                for call in calls {
                    if cache.folders.iter().any(|folder| deletes(call, &scope, true, folder)) {
                        filled = None;
                    }
                    let Some(request) = request(call).filter(|request| cache.managers.contains(&request.manager))
                    else {
                        continue;
                    };
                    let flag = request.command.flag(cache.flags).is_some();
                    match request.action {
                        Action::Clean => filled = None,
                        Action::Install if !flag && filled.is_none() => filled = Some(request),
                        _ => {}
                    }
                }
                if let Some(request) = filled {
                    let message = format!("`{}` keeps its cache in the layer", request.name);
                    findings.push(context.finding(cache.rule, head(&request), request.name, message));
                }
            }
        }
    }
}

struct Cache {
    managers: &'static [Manager],
    rule: &'static Rule,
    /// Any of them emptied or mounted is enough.
    folders: &'static [&'static str],
    /// Variables that switch it off or put it elsewhere.
    switches: &'static [&'static str],
    flags: &'static [&'static str],
}

static CACHES: &[Cache] = &[
    Cache {
        managers: &[Manager::Pip],
        rule: &PIP_CACHE,
        folders: &["/root/.cache/pip"],
        switches: &["PIP_NO_CACHE_DIR", "PIP_CACHE_DIR"],
        flags: &["--no-cache-dir", "--cache-dir", "--dry-run"],
    },
    Cache {
        managers: &[Manager::Npm],
        rule: &NODE_CACHE,
        folders: &["/root/.npm", "/root/.npm/_cacache"],
        switches: &["NPM_CONFIG_CACHE", "npm_config_cache"],
        flags: &["--cache"],
    },
    Cache {
        managers: &[Manager::Yarn],
        rule: &NODE_CACHE,
        folders: &[
            "/usr/local/share/.cache",
            "/usr/local/share/.cache/yarn",
            "/root/.cache/yarn",
            "/root/.yarn/berry/cache",
            "/root/.yarn",
        ],
        switches: &["YARN_CACHE_FOLDER", "YARN_ENABLE_GLOBAL_CACHE"],
        flags: &["--cache-folder"],
    },
];

/// Whether a command of the script sets a variable, for itself or with `export`.
fn sets(calls: &[Command], name: &str) -> bool {
    let is_it = |text: &str| text.split_once('=').is_some_and(|(left, _)| left == name);
    calls.iter().any(|call| {
        call.assignments
            .iter()
            .chain(call.arguments().iter().filter(|_| call.name() == "export"))
            .any(|word| is_it(&word.text))
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &LanguageCache,
            &[
                (
                    "FROM a\nRUN pip install -r r.txt\n",
                    &["low dockerfile/pip-cache 2:5-2:16: `pip` keeps its cache in the layer"],
                ),
                (
                    "FROM a\nRUN python3 -m pip install b\n",
                    &["low dockerfile/pip-cache 2:5-2:27: `pip` keeps its cache in the layer"],
                ),
                (
                    "FROM a\nENV PIP_NO_CACHE_DIR=1\nRUN pip install b\nFROM a\nRUN PIP_NO_CACHE_DIR=1 pip install b\nRUN export PIP_NO_CACHE_DIR=1 && pip install b\nRUN pip --no-cache-dir install b && pip install --no-cache-dir b\nRUN pip install b && rm -rf ~/.cache\nRUN --mount=type=cache,target=/root/.cache/pip pip install b\nRUN pip install b && pip cache purge\n",
                    &[],
                ),
                (
                    "FROM a\nRUN npm ci\nRUN npm ci && npm cache clean --force\nRUN --mount=type=cache,target=/root/.npm npm ci\n",
                    &["low dockerfile/node-cache 2:5-2:11: `npm` keeps its cache in the layer"],
                ),
                (
                    "FROM a\nRUN yarn --frozen-lockfile\nRUN yarn install && yarn cache clean\nRUN yarn build\n",
                    &["low dockerfile/node-cache 2:5-2:9: `yarn` keeps its cache in the layer"],
                ),
            ],
        );
    }
}
