//! Scripts that run straight from the network.

use super::facts::{holder, piped, quoted};
use super::{Context, Lint};
use crate::dockerfile::shell::{Command, Word};
use crate::finding::{Finding, Findings};
use crate::rule::{Rule, Severity};

/// Nobody has seen what runs.
pub(super) static PIPED_SCRIPT: Rule = Rule {
    id: "dockerfile/piped-script",
    title: "A script from the network is run unseen",
    why: "Whoever controls the server, or the way to it, runs any command as root in the build, today or in \
          the next one; a transfer that breaks off runs half a script.",
    remediation: "Download a release of it, check its digest with `sha256sum --check`, and then run it; or use a \
          package.",
    references: &["https://docs.docker.com/build/building/best-practices/#add-or-copy"],
    bad: "FROM debian:13\nRUN curl -fsSL https://example.com/install.sh | sh\nUSER 65532",
    good: "FROM debian:13\nADD --checksum=sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae https://example.com/install-1.2.sh /tmp/install.sh\nRUN sh /tmp/install.sh\nUSER 65532",
    ..Rule::NEW
};

/// Looks for `curl … | sh`, `sh <(curl …)`, `sh -c "$(curl …)"` and `eval`.
pub(super) struct PipedScript;

impl Lint for PipedScript {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&PIPED_SCRIPT] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for (_, _, calls) in context.calls() {
            for (nth, call) in calls.iter().enumerate() {
                let later = calls.get(nth.saturating_add(1)..).unwrap_or_default();
                let Some(url) = run_unseen(call, later) else { continue };
                let plain = url.text.starts_with("http://");
                let how = if plain { ", over a connection that anybody on the way may change" } else { "" };
                let message = format!("what `{}` answers is run unseen{how}", quoted(&url.text));
                let finding = context.finding(&PIPED_SCRIPT, url.span, quoted(&url.text), message);
                findings.push(Finding { severity: if plain { Severity::High } else { Severity::Medium }, ..finding });
            }
        }
    }
}

/// The address of a script that a command downloads, where one of the commands `later` runs what comes.
pub(super) fn run_unseen<'c>(call: &'c Command, later: &[Command]) -> Option<&'c Word> {
    let url = address(call)?;
    let is_piped = piped(call, later).any(|next| is_interpreter(next) && reads_input(next));
    let is_held = || {
        holder(call, later).is_some_and(|holder| {
            let takes_script = |word: &Word| ["<(", "$(", "`"].iter().any(|start| word.text.starts_with(start));
            is_interpreter(holder) && holder.arguments().iter().any(takes_script)
                || matches!(holder.name(), "eval" | "source" | ".")
        })
    };
    (is_piped || is_held()).then_some(url)
}

/// Whether a command downloads.
pub(super) fn is_download(call: &Command) -> bool {
    matches!(call.name(), "curl" | "wget" | "fetch" | "aria2c")
}

/// The address a command downloads from, as [`download`], without a scheme, or in a variable: `curl get.example/x`,
/// `wget -O- "$URL"`.
pub(super) fn address(call: &Command) -> Option<&Word> {
    download(call).or_else(|| {
        let variables = || call.operands().filter(|word| word.text.starts_with('$'));
        let named = variables().find(|word| word.text.to_ascii_lowercase().contains("url"));
        let is_host =
            |text: &str| text.split('/').next().is_some_and(|host| host.contains('.') && !host.starts_with('.'));
        let bare = || call.operands().last().filter(|word| is_host(&word.text) && !word.text.contains("://"));
        let found = named.or_else(|| variables().last()).or_else(bare).filter(|_| is_download(call))?;
        (!is_local(&format!("//{}", found.text))).then_some(found)
    })
}

/// The address a command downloads from; none of the own machine.
fn download(call: &Command) -> Option<&Word> {
    if !is_download(call) {
        return None;
    }
    let mut urls = call.arguments().iter().filter(|word| word.text.contains("://") && !word.text.starts_with('-'));
    urls.next().filter(|word| !is_local(&word.text))
}

/// Whether an address is one of the own machine.
pub(super) fn is_local(url: &str) -> bool {
    ["//localhost", "//127.0.0.1", "//[::1]", "//host.docker.internal"].iter().any(|host| url.contains(host))
}

fn is_interpreter(call: &Command) -> bool {
    // a version may stand in a variable: `python${VERSION}`
    let first = call.words.first().map_or("", |word| word.text.as_str());
    let name = first.rsplit('/').next().and_then(|name| name.split('$').next()).unwrap_or_default();
    matches!(name, "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh" | "perl" | "ruby" | "node" | "php")
        || name.starts_with("python")
}

/// Whether it runs what comes through the pipe: no file of its own, and no `-c`.
fn reads_input(call: &Command) -> bool {
    let has_text = call.arguments().iter().any(|word| matches!(word.text.as_str(), "-c" | "-e" | "-m" | "-r"));
    let is_stdin = call.arguments().iter().any(|word| matches!(word.text.as_str(), "-" | "-s" | "/dev/stdin"));
    // what stands behind `php --` is for the script
    let is_behind = call.name() == "php" && call.arguments().first().is_some_and(|word| word.text == "--");
    is_stdin || is_behind || !has_text && call.operands().next().is_none()
}

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &PipedScript,
            &[
                (
                    "FROM a\nRUN curl -fsSL https://e.example/i.sh | bash -s -- -y\n",
                    &["medium dockerfile/piped-script 2:16-2:38: what `https://e.example/i.sh` answers is run unseen"],
                ),
                (
                    "FROM a\nRUN wget -qO- http://e.example/i | sudo -E sh -\n",
                    &[
                        "high dockerfile/piped-script 2:15-2:33: what `http://e.example/i` answers is run unseen, over a connection that anybody on the way may change",
                    ],
                ),
                (
                    "FROM a\nRUN curl https://e.example/i | tee x | python3\n",
                    &["medium dockerfile/piped-script 2:10-2:29: what `https://e.example/i` answers is run unseen"],
                ),
                (
                    "FROM a\nRUN sh -c \"$(curl https://e.example/i)\"\n",
                    &["medium dockerfile/piped-script 2:19-2:38: what `https://e.example/i` answers is run unseen"],
                ),
                (
                    "FROM a\nSHELL [\"/bin/bash\", \"-c\"]\nRUN bash <(curl https://e.example/i)\n",
                    &["medium dockerfile/piped-script 3:17-3:36: what `https://e.example/i` answers is run unseen"],
                ),
                (
                    "FROM a\nRUN curl -fsSL \"$URL\" | bash -s \"$(uname -m)\"\nRUN wget -O - get.e.example/x | sh\nRUN curl https://e.example/i | python${V}\nRUN curl https://e.example/i | php -- --quiet\n",
                    &[
                        "medium dockerfile/piped-script 2:16-2:22: what `$URL` answers is run unseen",
                        "medium dockerfile/piped-script 3:15-3:30: what `get.e.example/x` answers is run unseen",
                        "medium dockerfile/piped-script 4:10-4:29: what `https://e.example/i` answers is run unseen",
                        "medium dockerfile/piped-script 5:10-5:29: what `https://e.example/i` answers is run unseen",
                    ],
                ),
                (
                    "FROM a\nRUN curl https://e.example/i | tar xz\nRUN curl https://e.example/i | python3 -m json.tool\nRUN curl https://e.example/i | python3 x.py\nRUN curl http://localhost/x | sh\nRUN echo \"$(curl https://e.example/i)\"\n",
                    &[],
                ),
            ],
        );
    }
}
