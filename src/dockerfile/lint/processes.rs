//! Several processes in one container.

use super::facts::quoted;
use super::{Context, Lint};
use crate::dockerfile::Kind;
use crate::dockerfile::shell::Connector;
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// One command starts several.
pub(super) static PROCESSES: Rule = Rule {
    id: "dockerfile/several-processes",
    title: "One command starts several processes",
    severity: Severity::Low,
    why: "The engine watches the first process only: when the one behind it dies, the container goes on \
          without it; signals and logs of it are lost.",
    remediation: "Run one process in a container, and several containers; where they belong together, use an init that \
          watches all.",
    references: &["https://docs.docker.com/engine/containers/multi-service_container/"],
    bad: "FROM debian:13\nUSER 65532\nCMD [\"sh\", \"-c\", \"worker & exec server\"]",
    good: "FROM debian:13\nUSER 65532\nCMD [\"server\"]",
    ..Rule::NEW
};

/// Looks for commands in the background and for services that are started.
pub(super) struct Processes;

impl Lint for Processes {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&PROCESSES] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for (index, instruction) in context.instructions() {
            if !matches!(instruction.kind, Kind::Cmd(_) | Kind::Entrypoint(_)) || !context.ships(instruction) {
                continue;
            }
            let Some(script) = context.script(index) else { continue };
            let started = script.commands.iter().enumerate().find_map(|(nth, command)| {
                let is_last = script.commands.len() == nth.saturating_add(1);
                let argument = command.arguments().get(1).map_or("", |word| word.text.as_str());
                let is_service = command.name() == "service" && argument == "start" && !is_last;
                let is_behind =
                    command.after == Connector::Background && !is_last && !matches!(command.name(), "sleep" | "wait");
                (is_service || is_behind).then_some((command, is_service))
            });
            if let Some((command, is_service)) = started {
                let name = quoted(&command.words.first().map(|word| word.text.clone()).unwrap_or_default());
                let message = if is_service {
                    "a service runs beside the main process, and nobody watches it".to_owned()
                } else {
                    format!("`{name}` runs in the background, and nobody watches it")
                };
                findings.push(context.finding(&PROCESSES, command.span, name, message));
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
            &Processes,
            &[
                (
                    "FROM a\nCMD b -x & c\n",
                    &["low dockerfile/several-processes 2:5-2:9: `b` runs in the background, and nobody watches it"],
                ),
                (
                    "FROM a\nCMD service b start && c\n",
                    &[
                        "low dockerfile/several-processes 2:5-2:20: a service runs beside the main process, and nobody watches it",
                    ],
                ),
                ("FROM a\nCMD a && b\nENTRYPOINT [\"a\", \"&\", \"b\"]\nRUN a & b\n", &[]),
            ],
        );
    }
}
