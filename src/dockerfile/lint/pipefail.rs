//! Pipes whose failures nobody sees.

use super::facts::{MOST_LATER, holder, piped, quoted};
use super::piped_script::{is_download, run_unseen};
use super::{Context, Lint};
use crate::dockerfile::shell::{Command, Connector, Construct};
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// Only the last command of a pipe counts.
pub(super) static PIPEFAIL: Rule = Rule {
    id: "dockerfile/pipefail",
    title: "A failure before a pipe is not seen",
    severity: Severity::Low,
    why: "The shell looks at the last command of a pipe only: a download that breaks off leaves half a file, \
          and the build goes on.",
    remediation: "Begin with `set -o pipefail`, or set `SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]` before; \
          `dash`, the `sh` of Debian and Ubuntu, may not know it.",
    references: &["https://docs.docker.com/build/building/best-practices/#using-pipes"],
    also: &["DL4006"],
    bad: "FROM debian:13\nRUN cat packages.txt | sort > sorted.txt\nUSER 65532",
    good: "FROM debian:13\nSHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN cat packages.txt | sort > sorted.txt\nUSER 65532",
    ..Rule::NEW
};

/// Finds the first command of a `RUN` that may fail before a pipe.
pub(super) struct Pipefail;

impl Lint for Pipefail {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&PIPEFAIL] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for (index, _, calls) in context.calls() {
            let sets = |call: &Command| {
                matches!(call.name(), "set" | "shopt") && call.arguments().iter().any(|word| word.text == "pipefail")
            };
            let until = calls.iter().position(sets).unwrap_or(calls.len());
            let unseen = calls.iter().take(until).enumerate().find(|(nth, call)| {
                let later = calls.get(nth.saturating_add(1)..).unwrap_or_default();
                call.after == Connector::Pipe
                    && !context.has_pipefail(index, call)
                    && !call.words.is_empty()
                    && !is_safe(call)
                    && !is_asked(call, later)
                    && !is_value(call, later)
                    && !is_noticed(call, later)
                    && !is_waved_off(call, later)
                    // the graver of two: another lint tells it
                    && run_unseen(call, later).is_none()
            });
            if let Some((_, call)) = unseen {
                let name = quoted(&call.words.first().map(|word| word.text.clone()).unwrap_or_default());
                let message = format!("a failure of `{name}` is lost in the pipe");
                let span = call.words.first().map_or(call.span, |word| word.span);
                findings.push(context.finding(&PIPEFAIL, span, name, message));
            }
        }
    }
}

/// Commands that do not fail, or only say what is there: `find` and `ldd` fail at a file they cannot read, and with
/// `pipefail` good builds would break.
const SAFE: &[&str] = &[
    ":",
    "apt-mark",
    "arch",
    "basename",
    "command",
    "date",
    "df",
    "dirname",
    "dpkg-query",
    "du",
    "echo",
    "env",
    "find",
    "getconf",
    "getent",
    "hostname",
    "id",
    "ldconfig",
    "ldd",
    "locale",
    "ls",
    "lsb_release",
    "nproc",
    "printenv",
    "printf",
    "ps",
    "pwd",
    "readlink",
    "realpath",
    "scanelf",
    "seq",
    "true",
    "type",
    "uname",
    "which",
    "yes",
];

/// Commands that hand on what they read. That they find nothing is no failure.
const FILTERS: &[&str] = &[
    "awk", "cat", "column", "cut", "egrep", "fgrep", "fold", "gawk", "grep", "head", "mawk", "paste", "rev", "sed",
    "sort", "tac", "tail", "tee", "tr", "uniq", "wc",
];

fn is_safe(call: &Command) -> bool {
    if call.before == Connector::Pipe {
        // what `xargs` runs may fail
        let runs = if call.name() == "xargs" { call.operands().next().map(|word| word.text.as_str()) } else { None };
        if runs.map_or_else(|| FILTERS.contains(&call.name()), |name| SAFE.contains(&name)) {
            return true;
        }
    }
    let installs = &["-i", "--install", "--unpack", "--configure", "-r", "-P", "--purge"];
    SAFE.contains(&call.name()) || call.name() == "dpkg" && call.flag(installs).is_none()
}

/// Whether the pipe is a question: a condition, `! a | b`, `[ "$(a | b)" = c ]`.
fn is_asked(call: &Command, later: &[Command]) -> bool {
    call.is_negated
        || call.is_within(Construct::Condition)
        || call.is_within(Construct::LoopCondition)
        || holder(call, later).is_some_and(|holder| matches!(holder.name(), "[" | "[[" | "test"))
}

/// Whether the pipe makes a value, `$(a | b)`.
///
/// Among the words of a command nobody asks how a substitution ended, with or without `pipefail`. Alone behind `A=` it
/// counts, but what asks the system of itself fails by an empty value, which the next command meets; half a download is no
/// empty value.
fn is_value(call: &Command, later: &[Command]) -> bool {
    holder(call, later).is_some_and(|holder| !holder.words.is_empty() || !is_download(call))
}

/// Whether the end of the pipe fails where nothing comes, or half of it.
fn is_noticed(call: &Command, later: &[Command]) -> bool {
    let Some(last) = piped(call, later).last() else { return false };
    let name = last.name();
    match name {
        "tar" | "bsdtar" | "cpio" | "gunzip" | "unxz" | "bunzip2" | "unzip" | "gpg" | "gpg2" | "apt-key" => true,
        "gzip" | "xz" | "bzip2" | "zstd" => last.flag(&["-d", "--decompress", "--uncompress"]).is_some(),
        // without a line to find they fail; with half of them they do not
        "grep" | "egrep" | "fgrep" | "read" => !is_download(call),
        name => name.ends_with("sum") && last.flag(&["-c", "--check"]).is_some(),
    }
}

/// Whether the author says that the end does not matter: `a | b || true`, `a | b && c || echo none`.
fn is_waved_off(call: &Command, later: &[Command]) -> bool {
    let mut ends = call;
    for next in later.iter().take(MOST_LATER).filter(|next| next.within == call.within) {
        if next.pipeline != ends.pipeline {
            match ends.after {
                Connector::Or => return matches!(next.name(), "true" | ":" | "echo" | "printf"),
                Connector::And => {}
                _ => return false,
            }
        }
        ends = next;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &Pipefail,
            &[
                (
                    "FROM a\nRUN b | c | d && e | f\n",
                    &["low dockerfile/pipefail 2:5-2:6: a failure of `b` is lost in the pipe"],
                ),
                ("FROM a\nSHELL [\"/bin/bash\", \"-eo\", \"pipefail\", \"-c\"]\nRUN b | c\n", &[]),
                (
                    "FROM a\nRUN set -eo pipefail; b | c\nRUN echo b | c\nRUN if b | c; then d; fi\nRUN [ \"$(b | c)\" = d ]\nRUN grep b c | sha256sum -c -\nRUN [\"b\", \"|\", \"c\"]\nRUN bash -o pipefail -c \"x | y\"\n",
                    &[],
                ),
                (
                    "FROM a\nRUN b | c || true\nRUN b | c && d || echo none\nRUN a=\"$(dpkg --print-architecture | awk x)\"; b=$(cat v | tr c d)\nRUN apt-get install $(cat list | tr a b)\nRUN curl https://e.example/i | sh\nRUN curl -L https://e.example/a | tar xz\nRUN find / -name x | xargs rm\nRUN locale -a | grep en\nRUN find / | awk x | sort -u | xargs -r dpkg-query --search | cut -d: -f1 | xargs apt-mark manual\nRUN ! b | grep c\nRUN b | grep -q c\n",
                    &[],
                ),
                (
                    "FROM a\nRUN find / | xargs strip | tee c\n",
                    &["low dockerfile/pipefail 2:14-2:19: a failure of `xargs` is lost in the pipe"],
                ),
                (
                    "FROM a\nRUN b | c || exit 1\n",
                    &["low dockerfile/pipefail 2:5-2:6: a failure of `b` is lost in the pipe"],
                ),
                (
                    "FROM a\nRUN curl https://e.example/i | sh && dpkg -i b | tee c\nRUN curl https://e.example/l | grep a > b\nRUN (b | c) || true; d | e \"$(f)\"; g || true\n",
                    &[
                        "low dockerfile/pipefail 2:38-2:42: a failure of `dpkg` is lost in the pipe",
                        "low dockerfile/pipefail 3:5-3:9: a failure of `curl` is lost in the pipe",
                        "low dockerfile/pipefail 4:6-4:7: a failure of `b` is lost in the pipe",
                    ],
                ),
                (
                    "FROM a\nRUN bash -c \"b | c\"\n",
                    &["low dockerfile/pipefail 2:14-2:15: a failure of `b` is lost in the pipe"],
                ),
                (
                    "FROM a\nRUN V=$(curl x | tail -1) && echo $V\n",
                    &["low dockerfile/pipefail 2:9-2:13: a failure of `curl` is lost in the pipe"],
                ),
            ],
        );
    }
}
