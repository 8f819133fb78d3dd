//! `useradd` with a number that makes a huge file.

use super::facts::quoted;
use super::{Context, Lint};
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// A sparse file as long as the number.
pub(super) static USERADD: Rule = Rule {
    id: "dockerfile/useradd-log",
    title: "`useradd` with a high number writes a huge log",
    severity: Severity::Low,
    why: "`useradd` reserves a record for each number below in `/var/log/lastlog` and `faillog`. The file is \
          sparse on disk, but a layer is a tar archive, which holds all of its zeros.",
    remediation: "Add `--no-log-init`, or use a lower number.",
    references: &["https://docs.docker.com/build/building/best-practices/#user"],
    also: &["DL3046"],
    bad: "FROM debian:13\nRUN useradd --uid 1234567 app\nUSER 65532",
    good: "FROM debian:13\nRUN useradd --no-log-init --uid 1234567 app\nUSER 65532",
    ..Rule::NEW
};

/// Reads the number, with variables resolved.
pub(super) struct Useradd;

impl Lint for Useradd {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&USERADD] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for (index, _, calls) in context.calls() {
            for call in
                calls.iter().filter(|call| call.name() == "useradd" && call.flag(&["-l", "--no-log-init"]).is_none())
            {
                let words = call.arguments();
                let number = words.iter().enumerate().find_map(|(nth, word)| match word.text.as_str() {
                    "-u" | "--uid" => words.get(nth.saturating_add(1)).map(|word| (word, word.text.clone())),
                    text => {
                        let value = text.strip_prefix("--uid=").or_else(|| text.strip_prefix("-u"))?;
                        Some((word, value.to_owned()))
                    }
                });
                let Some((word, text)) = number else { continue };
                let resolved = context.file.scope(index).expand(&text);
                let number = resolved.text().and_then(|text| text.parse::<u64>().ok());
                if number.is_some_and(|number| number >= HIGH) {
                    let message = format!(
                        "`useradd` with the number {} writes a log with a record for each below",
                        quoted(&resolved.shown)
                    );
                    findings.push(context.finding(&USERADD, word.span, "useradd", message));
                }
            }
        }
    }
}

/// Numbers from which it matters: 292 bytes for each below, some 30 MB.
const HIGH: u64 = 100_000;

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &Useradd,
            &[
                (
                    "FROM a\nARG U=200000\nRUN useradd -m -u $U b\n",
                    &[
                        "low dockerfile/useradd-log 3:19-3:21: `useradd` with the number 200000 writes a log with a record for each below",
                    ],
                ),
                (
                    "FROM a\nRUN useradd -u 1000 b; useradd -l -u 200000 c; useradd -lmu 200000 d; adduser -u 200000 e\n",
                    &[],
                ),
                (
                    "FROM a\nRUN useradd --uid=100000 b\n",
                    &[
                        "low dockerfile/useradd-log 2:13-2:25: `useradd` with the number 100000 writes a log with a record for each below",
                    ],
                ),
            ],
        );
    }
}
