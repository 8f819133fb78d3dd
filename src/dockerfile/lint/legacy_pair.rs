//! `ENV name value`, the old form.

use super::facts::quoted;
use super::{Context, Lint};
use crate::dockerfile::Kind;
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// No equals sign.
pub(super) static LEGACY_PAIR: Rule = Rule {
    id: "dockerfile/legacy-pair",
    title: "`ENV` or `LABEL` without an equals sign",
    severity: Severity::Info,
    why: "The old form takes the whole rest of the line as one value, quotes, comments and further names \
          included. Docker warns of it and may drop it.",
    remediation: "Write `ENV name=value`.",
    references: &["https://docs.docker.com/reference/build-checks/legacy-key-value-format/"],
    also: &["LegacyKeyValueFormat"],
    bad: "FROM debian:13\nENV LANG C.UTF-8\nUSER 65532",
    good: "FROM debian:13\nENV LANG=C.UTF-8\nUSER 65532",
    ..Rule::NEW
};

/// Tells of each.
pub(super) struct LegacyPair;

impl Lint for LegacyPair {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&LEGACY_PAIR] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for (_, instruction) in context.instructions() {
            let (Kind::Env(pairs) | Kind::Label(pairs)) = &instruction.kind else { continue };
            for pair in pairs.iter().filter(|pair| pair.is_legacy) {
                let name = quoted(&pair.name.text);
                let message = format!("`{name}` stands without an equals sign before its value");
                findings.push(context.finding(&LEGACY_PAIR, pair.name.span.to(pair.value.span), name, message));
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
            &LegacyPair,
            &[(
                "FROM a\nENV B c d\nLABEL e=f\n",
                &["info dockerfile/legacy-pair 2:5-2:10: `B` stands without an equals sign before its value"],
            )],
        );
    }
}
