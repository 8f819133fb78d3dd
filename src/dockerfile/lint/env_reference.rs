//! `ENV` that uses a variable it sets itself.

use std::collections::HashSet;

use super::facts::quoted;
use super::{Context, Lint};
use crate::dockerfile::Kind;
use crate::finding::{Finding, Findings};
use crate::rule::{Rule, Severity};

/// A variable used where it is set.
pub(super) static ENV_REFERENCE: Rule = Rule {
    id: "dockerfile/env-reference",
    title: "`ENV` uses a variable that the same instruction sets",
    severity: Severity::High,
    why: "All values of one `ENV` are made of what was set before it. A variable that is first set there is \
          still empty beside it.",
    remediation: "Set the second variable in an `ENV` of its own below.",
    references: &["https://docs.docker.com/reference/dockerfile/#environment-replacement"],
    also: &["DL3044"],
    bad: "FROM debian:13\nENV HOME_DIR=/srv DATA_DIR=$HOME_DIR/data\nUSER 65532",
    good: "FROM debian:13\nENV HOME_DIR=/srv\nENV DATA_DIR=$HOME_DIR/data\nUSER 65532",
    ..Rule::NEW
};

/// Compares the names set with those that are not set before.
pub(super) struct EnvReference;

impl Lint for EnvReference {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&ENV_REFERENCE] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for (index, instruction) in context.instructions() {
            let Kind::Env(pairs) = &instruction.kind else { continue };
            let scope = context.file.scope(index);
            let names: HashSet<&str> = pairs.iter().map(|pair| pair.name.text.as_str()).collect();
            if pairs.len() < 2 {
                continue;
            }
            let mut seen = HashSet::new();
            for pair in pairs {
                let own = pair.name.text.as_str();
                if !seen.insert(own) && pair.value.text.contains(own) && pair.value.text.contains('$') {
                    let own = quoted(own);
                    let message = format!("`{own}` is set twice, and this value does not hold the first one");
                    let finding = context.finding(&ENV_REFERENCE, pair.value.span, own, message);
                    findings.push(Finding { severity: Severity::Medium, ..finding });
                }
                let resolved = scope.resolve(&pair.value);
                let used = resolved.unknown.iter().chain(&resolved.unset).chain(&resolved.defaults);
                for name in used {
                    // what the base image sets may be added to: `PATH=$PATH:/a`; and every base sets a search path
                    if *name != pair.name.text
                        && name != "PATH"
                        && names.contains(name.as_str())
                        && !scope.is_declared(name)
                    {
                        let (name, own) = (quoted(name), quoted(&pair.name.text));
                        let message = format!("`{own}` does not see the value that `{name}` gets in the same `ENV`");
                        findings.push(context.finding(&ENV_REFERENCE, pair.value.span, own, message));
                    }
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
            &EnvReference,
            &[
                (
                    "FROM a\nENV A=b C=$A/d\n",
                    &[
                        "high dockerfile/env-reference 2:11-2:15: `C` does not see the value that `A` gets in the same `ENV`",
                    ],
                ),
                ("FROM a\nENV A=b\nENV A=c C=$A/d\n", &[]),
                ("FROM a\nENV PATH=$PATH:/x B=c\n", &[]),
                ("FROM a\nENV PATH=/b:$PATH C=$PATH\nENV X=1 X=2\n", &[]),
                (
                    "FROM a\nENV PATH=/b:$PATH PATH=/c:${PATH}\n",
                    &[
                        "medium dockerfile/env-reference 2:24-2:34: `PATH` is set twice, and this value does not hold the first one",
                    ],
                ),
                ("FROM a\nENV A=b C='$A'\nENV X=${X:-y}\n", &[]),
            ],
        );
    }
}
