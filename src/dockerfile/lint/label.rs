//! Labels: their keys, and values of those the image specification names.

use super::facts::quoted;
use super::{Context, Lint};
use crate::dockerfile::Kind;
use crate::finding::Findings;
use crate::inventory::Licence;
use crate::rule::{Rule, Severity};

/// A key that breaks the rules for keys.
pub(super) static LABEL_KEY: Rule = Rule {
    id: "dockerfile/label-key",
    title: "The key of a label breaks the rules for keys",
    severity: Severity::Info,
    is_opt_in: true,
    why: "Keys consist of lower-case letters, digits, dots and hyphens and begin and end with a letter or \
          digit; `com.docker.`, `io.docker.` and `org.dockerproject.` are Docker's own. Tools may not find \
          others.",
    remediation: "Write the key like a domain name the other way round, such as `com.example.team`.",
    references: &["https://docs.docker.com/engine/manage-resources/labels/#key-format-recommendations"],
    also: &["DL3048"],
    bad: "FROM debian:13\nLABEL Team=shop\nUSER 65532",
    good: "FROM debian:13\nLABEL com.example.team=shop\nUSER 65532",
    ..Rule::NEW
};

/// A value its key does not allow.
pub(super) static LABEL_VALUE: Rule = Rule {
    id: "dockerfile/label-value",
    title: "The value of a label is not what its key says",
    severity: Severity::Low,
    is_opt_in: true,
    why: "Tools read dates, addresses and versions from the labels of the image specification; what is empty \
          or of another form is lost or misread.",
    remediation: "Give the value the form the specification names, or leave the label out.",
    references: &["https://github.com/opencontainers/image-spec/blob/main/annotations.md"],
    also: &["DL3051", "DL3052", "DL3053", "DL3054"],
    bad: "FROM debian:13\nLABEL org.opencontainers.image.created=yesterday\nUSER 65532",
    good: "FROM debian:13\nLABEL org.opencontainers.image.created=2026-01-31T12:00:00Z\nUSER 65532",
    ..Rule::NEW
};

/// Judges keys and values with variables resolved.
pub(super) struct Label;

impl Lint for Label {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&LABEL_KEY, &LABEL_VALUE] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for (index, instruction) in context.instructions() {
            let Kind::Label(pairs) = &instruction.kind else { continue };
            let scope = context.file.scope(index);
            for pair in pairs {
                let (key, value) = (scope.resolve(&pair.name), scope.resolve(&pair.value));
                let Some(key) = key.text() else { continue };
                let shown = quoted(key);
                if !is_key(key) {
                    let message = format!("`{shown}` is no key that labels should have");
                    findings.push(context.finding(&LABEL_KEY, pair.name.span, &*shown, message));
                }
                if let Some(wanted) = value.text().and_then(|value| wanted(key, value)) {
                    let message = format!("the value of `{shown}` is not {wanted}");
                    findings.push(context.finding(&LABEL_VALUE, pair.value.span, shown, message));
                }
            }
        }
    }
}

fn is_key(key: &str) -> bool {
    let is_end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_inside = |c: char| is_end(c) || matches!(c, '.' | '-' | '_' | '/');
    key.starts_with(is_end)
        && key.ends_with(is_end)
        && key.chars().all(is_inside)
        && !key.contains("..")
        && !key.contains("--")
        && !["com.docker.", "io.docker.", "org.dockerproject."].iter().any(|own| key.starts_with(own))
}

/// What the value of a label of the specification should be and is not.
fn wanted(key: &str, value: &str) -> Option<&'static str> {
    let name = key.strip_prefix("org.opencontainers.image.")?;
    if value.trim().is_empty() {
        return Some("anything at all");
    }
    let (wanted, holds) = match name {
        "created" => ("a time such as `2026-01-31T12:00:00Z`", is_time(value)),
        "licenses" => ("an SPDX expression", Licence::new(value).expression.is_some()),
        "url" | "source" | "documentation" => ("an address", value.contains("://") && !value.contains(' ')),
        _ => return None,
    };
    (!holds).then_some(wanted)
}

/// The form of RFC 3339: every digit in its place.
fn is_time(value: &str) -> bool {
    let form = "0000-00-00T00:00:00";
    let fits = |(sign, c): (char, char)| if sign == '0' { c.is_ascii_digit() } else { sign.eq_ignore_ascii_case(&c) };
    let (Some(head), Some(rest)) = (value.get(..form.len()), value.get(form.len()..)) else { return false };
    let zone = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    form.chars().zip(head.chars()).all(fits)
        && (zone.eq_ignore_ascii_case("z") || (zone.len() == 6 && zone.starts_with(['+', '-'])))
}

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &Label,
            &[
                ("FROM a\nLABEL a.b-c=d maintainer=e org.label-schema.name=f\n", &[]),
                (
                    "FROM a\nLABEL A=b \"x y\"=z com.docker.a=b c.=d\n",
                    &[
                        "info dockerfile/label-key 2:7-2:8: `A` is no key that labels should have",
                        "info dockerfile/label-key 2:11-2:16: `x y` is no key that labels should have",
                        "info dockerfile/label-key 2:19-2:31: `com.docker.a` is no key that labels should have",
                        "info dockerfile/label-key 2:34-2:36: `c.` is no key that labels should have",
                    ],
                ),
                (
                    "FROM a\nARG D\nLABEL org.opencontainers.image.created=$D org.opencontainers.image.url=https://example.com org.opencontainers.image.created=2026-01-31T12:00:00.5+01:00\n",
                    &[],
                ),
                (
                    "FROM a\nLABEL org.opencontainers.image.licenses=\"MIT OR Apache-2.0\"\nLABEL org.opencontainers.image.licenses=\"our own, ask us\"\n",
                    &[
                        "low dockerfile/label-value 3:41-3:58: the value of `org.opencontainers.image.licenses` is not an SPDX expression",
                    ],
                ),
                (
                    "FROM a\nLABEL org.opencontainers.image.url=example org.opencontainers.image.title=\"\"\n",
                    &[
                        "low dockerfile/label-value 2:36-2:43: the value of `org.opencontainers.image.url` is not an address",
                        "low dockerfile/label-value 2:75-2:77: the value of `org.opencontainers.image.title` is not anything at all",
                    ],
                ),
            ],
        );
    }
}
