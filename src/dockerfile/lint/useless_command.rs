//! Commands that do nothing in a build.

use super::facts::mounts;
use super::{Context, Lint};
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// It does nothing there.
pub(super) static USELESS: Rule = Rule {
    id: "dockerfile/useless-command",
    title: "The command has no effect in a build",
    severity: Severity::Low,
    why: "A layer keeps files, not processes, mounts or machines: what is started ends with its `RUN`, and \
          there is nobody at a terminal.",
    remediation: "Start services by `ENTRYPOINT` or `CMD`, mount with `RUN --mount` or when the container starts, and \
          edit files with `sed` or `COPY`.",
    references: &["https://docs.docker.com/build/building/best-practices/#run"],
    also: &["DL3001"],
    bad: "FROM debian:13\nRUN service nginx start\nUSER 65532",
    good: "FROM debian:13\nCMD [\"nginx\", \"-g\", \"daemon off;\"]\nUSER 65532",
    ..Rule::NEW
};

/// Judges commands by name; a service that later commands of the same `RUN` use is let be.
pub(super) struct Useless;

impl Lint for Useless {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&USELESS] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for (_, instruction, calls) in context.calls() {
            let is_insecure = instruction.flag("security").is_some();
            for (nth, call) in calls.iter().enumerate() {
                let is_last = calls.len() == nth.saturating_add(1);
                let argument = |nth: usize| call.arguments().get(nth).map_or("", |word| word.text.as_str());
                let why = match call.name() {
                    "service" | "rc-service" if is_last && matches!(argument(1), "start" | "restart") => {
                        "ends what it starts with this `RUN`"
                    }
                    "systemctl" if matches!(argument(0), "start" | "restart" | "reload" | "daemon-reload") => {
                        "finds no systemd in a build"
                    }
                    "shutdown" | "reboot" | "halt" | "poweroff" => "has no machine to stop",
                    "vi" | "vim" | "nano" | "emacs" | "less" | "more" | "top" | "htop" | "man" => "wants a terminal",
                    "mount" | "umount" if !is_insecure => "may not mount in a build",
                    "free" | "ifconfig" => "shows the build machine, not the container",
                    "ssh" if !mounts(instruction).any(|mount| mount.contains("type=ssh")) && argument(0) != "-V" => {
                        "has no key in a build; `RUN --mount=type=ssh` gives it one"
                    }
                    _ => continue,
                };
                if let Some(word) = call.words.first() {
                    let message = format!("`{}` {why}", call.name());
                    findings.push(context.finding(&USELESS, word.span, call.name(), message));
                }
            }
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
            &Useless,
            &[
                (
                    "FROM a\nRUN service b start\nRUN service b start && psql c\nRUN systemctl enable b\n",
                    &["low dockerfile/useless-command 2:5-2:12: `service` ends what it starts with this `RUN`"],
                ),
                (
                    "FROM a\nRUN vim x && mount /a /b; ssh h\nRUN apt-get install -y vim ssh mount\nRUN --mount=type=ssh ssh -T git@h\n",
                    &[
                        "low dockerfile/useless-command 2:5-2:8: `vim` wants a terminal",
                        "low dockerfile/useless-command 2:14-2:19: `mount` may not mount in a build",
                        "low dockerfile/useless-command 2:27-2:30: `ssh` has no key in a build; `RUN --mount=type=ssh` gives it one",
                    ],
                ),
            ],
        );
    }
}
