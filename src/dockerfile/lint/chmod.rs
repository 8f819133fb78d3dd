//! Files that everybody may write.

use super::facts::quoted;
use super::{Context, Lint};
use crate::dockerfile::Kind;
use crate::dockerfile::shell::Command;
use crate::finding::Findings;
use crate::rule::Rule;

/// Everybody may write.
pub(super) static WORLD_WRITABLE: Rule = Rule {
    id: "dockerfile/world-writable",
    title: "Files are made writable for everybody",
    why: "Any process in the container, whoever it runs as, may then replace programs and settings that others \
          run or read.",
    remediation: "Give the files to the user that needs them, `COPY --chown=1000 …`, and leave the mode at `755` or \
          `644`.",
    references: &["https://docs.docker.com/reference/dockerfile/#copy---chown---chmod"],
    bad: "FROM debian:13\nRUN chmod -R 777 /app\nUSER 65532",
    good: "FROM debian:13\nRUN chmod -R 755 /app\nUSER 65532",
    ..Rule::NEW
};

/// Reads modes, as numbers and as letters; a sticky folder is let be.
pub(super) struct Chmod;

impl Lint for Chmod {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&WORLD_WRITABLE] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for (_, instruction) in context.instructions() {
            let (Kind::Copy(_) | Kind::Add(_)) = &instruction.kind else { continue };
            let value = instruction.flag("chmod").and_then(|flag| flag.value.as_ref());
            if let Some(value) = value.filter(|value| opens(&value.text)) {
                let message = format!("the mode `{}` lets everybody write", quoted(&value.text));
                findings.push(context.finding(&WORLD_WRITABLE, value.span, quoted(&value.text), message));
            }
        }
        for (_, _, calls) in context.calls() {
            for call in calls {
                let mode = match call.name() {
                    "chmod" => call.operands().next().or_else(|| {
                        call.arguments().iter().find(|word| word.text.starts_with('-') && opens(&word.text))
                    }),
                    "install" | "mkdir" => {
                        let words = call.arguments();
                        let at = words.iter().position(|word| matches!(word.text.as_str(), "-m" | "--mode"));
                        at.and_then(|at| words.get(at.saturating_add(1)))
                    }
                    _ => continue,
                };
                if let Some(mode) = mode.filter(|mode| opens(&mode.text) && !is_temporary(call, calls)) {
                    let message = format!("the mode `{}` lets everybody write", quoted(&mode.text));
                    findings.push(context.finding(&WORLD_WRITABLE, mode.span, quoted(&mode.text), message));
                }
            }
        }
    }
}

/// Commands of a `RUN` that are asked what they made.
const MOST_CALLS: usize = 200;

/// Whether all a command changes are folders that `mktemp` made in the same `RUN`: `d=$(mktemp -d); chmod 777 "$d"`.
fn is_temporary(call: &Command, calls: &[Command]) -> bool {
    let is_made = |name: &str| {
        let assigned = calls.iter().take(MOST_CALLS).flat_map(|call| call.assignments.iter().chain(call.arguments()));
        let mut assigned = assigned.filter_map(|word| word.text.split_once('='));
        assigned.any(|(left, right)| left == name && right.contains("mktemp"))
    };
    let mut targets = call.operands().skip(1).peekable();
    targets.peek().is_some()
        && targets.all(|word| {
            let name = word.text.strip_prefix('$').unwrap_or_default();
            is_made(name.trim_start_matches('{').trim_end_matches('}'))
        })
}

/// Whether a mode lets others write: `777`, `0666`, `a+w`, `o=rwx`, `+w` for all; not `1777`.
fn opens(mode: &str) -> bool {
    if !mode.is_empty() && mode.bytes().all(|byte| byte.is_ascii_digit()) {
        let Ok(number) = u32::from_str_radix(mode, 8) else { return false };
        return number & 0o2 != 0 && number & 0o1000 == 0;
    }
    let is_sticky = mode.contains('t');
    mode.split(',').any(|clause| {
        let Some(at) = clause.find(['+', '=']) else { return false };
        let (who, what) = clause.split_at(at);
        // without a letter the umask holds, which leaves others out
        who.chars().all(|c| "ugoa".contains(c)) && who.contains(['o', 'a']) && what.contains('w') && !is_sticky
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &Chmod,
            &[
                (
                    "FROM a\nRUN chmod -R 777 /b && chmod a+rwx c; chmod 0666 d\nCOPY --chmod=0777 e /f\n",
                    &[
                        "medium dockerfile/world-writable 3:14-3:18: the mode `0777` lets everybody write",
                        "medium dockerfile/world-writable 2:14-2:17: the mode `777` lets everybody write",
                        "medium dockerfile/world-writable 2:30-2:35: the mode `a+rwx` lets everybody write",
                        "medium dockerfile/world-writable 2:45-2:49: the mode `0666` lets everybody write",
                    ],
                ),
                (
                    "FROM a\nRUN chmod 1777 /tmp; chmod 755 b; chmod +x c; chmod u+w,o=rx d; chmod o-w e; echo chmod 777; chmod 2775 f\nRUN d=\"$(mktemp -d)\" && chmod 777 \"$d\"\n",
                    &[],
                ),
            ],
        );
    }
}
