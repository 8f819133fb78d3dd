//! Comments that accept findings: `# careen:allow rule reason` and `# hadolint ignore=DL3008,SC2086`.
//!
//! Each is about one instruction: the next one, or the one it stands in.

use super::Context;
use crate::dockerfile::{Position, Span};
use crate::escape::escape;
use crate::finding::{Finding, Findings, Location};
use crate::rule::{Rule, Severity};

/// A comment that accepts nothing, or gives no reason.
pub(super) static WAIVER: Rule = Rule {
    id: "dockerfile/idle-waiver",
    title: "A comment in the Dockerfile accepts nothing",
    severity: Severity::Info,
    why: "A comment that accepts findings nobody makes any more would hide the same finding, should it come back. One \
          without a reason accepts nothing at all.",
    remediation: "Delete the comment, or write `# careen:allow <rule> <reason>` right above the instruction it is \
                  about.",
    references: &["https://docs.docker.com/reference/dockerfile/#format"],
    bad: "FROM debian:bookworm\n# careen:allow dockerfile/add-not-copy it is an archive\nRUN make\nUSER 65532",
    good: "FROM debian:bookworm\n# careen:allow dockerfile/add-not-copy the name will change\nADD a.conf /etc/\nUSER 65532",
    ..Rule::NEW
};

/// Most characters of a reason that are kept.
const LONGEST_REASON: usize = 300;

struct Waiver<'a> {
    span: Span,
    /// Ids, ours or other tools'.
    rules: Vec<&'a str>,
    reason: String,
    /// First and last place of the instruction it is about.
    about: (Position, Position),
    is_own: bool,
    is_used: bool,
}

/// Marks what comments accept, and adds what is to be said of comments that accept nothing.
pub(super) fn apply(context: &Context<'_>, findings: &mut Findings) {
    let mut waivers: Vec<Waiver<'_>> = Vec::new();
    for comment in &context.file.comments {
        waivers.extend(read(context, *comment, findings));
    }
    if waivers.is_empty() {
        return;
    }
    for finding in findings.iter_mut() {
        let Location::Dockerfile { start, .. } = &finding.location else { continue };
        let at = Position { line: start.0, column: start.1 };
        // waivers stand in the order of the file, and so do the instructions they are about
        let first = waivers.partition_point(|waiver| waiver.about.1 < at);
        let near = waivers.iter_mut().skip(first).take_while(|waiver| waiver.about.0 <= at);
        let Some(waiver) = near.into_iter().find(|waiver| accepts(&waiver.rules, finding.rule)) else { continue };
        waiver.is_used = true;
        let line = context.file.position(waiver.span.start).line;
        finding.evidence.insert("allowed_for", waiver.reason.clone().into());
        finding.evidence.insert("allowed_in", format!("{}:{line}", context.name).into());
    }
    for waiver in waivers.iter().filter(|waiver| waiver.is_own && !waiver.is_used) {
        let rules = waiver.rules.join(", ");
        let message = format!("no finding of `{}` is at the instruction this comment is about", escape(&rules));
        findings.push(context.finding(&WAIVER, waiver.span, escape(&rules), message));
    }
}

fn accepts(rules: &[&str], rule: &Rule) -> bool {
    rules.iter().any(|id| *id == rule.id || rule.also.iter().any(|also| also.eq_ignore_ascii_case(id)))
}

/// Reads one comment; `None` where it accepts nothing.
fn read<'a>(context: &Context<'a>, span: Span, findings: &mut Vec<Finding>) -> Option<Waiver<'a>> {
    let text = context.file.source(span).trim_start_matches('#').trim();
    let (is_own, rules, reason) = if let Some(rest) = text.strip_prefix("careen:allow") {
        let (rules, reason) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
        if rules.is_empty() || reason.trim().is_empty() {
            let message = "this comment accepts nothing: it wants a rule and a reason";
            findings.push(context.finding(&WAIVER, span, "", message));
            return None;
        }
        (true, rules, reason.trim().chars().take(LONGEST_REASON).collect::<String>())
    } else {
        let rest = text.strip_prefix("hadolint")?.trim_start().strip_prefix("ignore")?;
        let rules = rest.trim_start().strip_prefix('=')?.trim();
        let (rules, reason) = rules.split_once('#').map_or((rules, ""), |(rules, reason)| (rules, reason.trim()));
        let reason = match reason {
            "" => "a comment for hadolint, without a reason".to_owned(),
            reason => reason.chars().take(LONGEST_REASON).collect(),
        };
        (false, rules, reason)
    };
    let rules: Vec<&str> = rules.split(',').map(str::trim).filter(|rule| !rule.is_empty()).collect();
    let instructions = &context.file.instructions;
    let next = instructions.get(instructions.partition_point(|one| one.span.end <= span.start))?;
    let about = (context.file.position(next.span.start), context.file.position(next.span.end));
    Some(Waiver { span, rules, reason, about, is_own, is_used: false })
}

#[cfg(test)]
mod tests {
    use super::super::testing::all;

    #[test]
    fn a_comment_is_about_one_instruction() {
        let waived = |text: &str| -> Vec<String> {
            let show = |finding: &crate::finding::Finding| {
                let line = match &finding.location {
                    crate::finding::Location::Dockerfile { start, .. } => start.0,
                    _ => 0,
                };
                let reason = finding.evidence.get("allowed_for").and_then(|reason| reason.as_str());
                format!("{line} {} {}", finding.rule.id, reason.unwrap_or("open"))
            };
            let watched = ["dockerfile/add-not-copy", "dockerfile/idle-waiver"];
            all(text).iter().filter(|finding| watched.contains(&finding.rule.id)).map(show).collect()
        };
        let cases: &[(&str, &[&str])] = &[
            (
                "# careen:allow dockerfile/add-not-copy so it is\nADD a b\nADD c d",
                &["3 dockerfile/add-not-copy so it is", "4 dockerfile/add-not-copy open"],
            ),
            (
                "#hadolint ignore=SC1, dl3020\n\n# more\nADD a b",
                &["5 dockerfile/add-not-copy a comment for hadolint, without a reason"],
            ),
            ("# careen:allow DL3020 old id\nADD \\\n a b", &["3 dockerfile/add-not-copy old id"]),
            ("ADD a \\\n# careen:allow DL3020 inside\n b", &["2 dockerfile/add-not-copy inside"]),
            ("# careen:allow DL3020\nADD a b", &["2 dockerfile/idle-waiver open", "3 dockerfile/add-not-copy open"]),
            ("# careen:allow DL3020 x\nCOPY a b", &["2 dockerfile/idle-waiver open"]),
            ("# hadolint ignore=DL3020\nCOPY a b", &[]),
            ("# hadolint ignore=DL3020 # it is an archive\nADD a b", &["3 dockerfile/add-not-copy it is an archive"]),
            ("ADD a b\n# careen:allow DL3020 too late", &["2 dockerfile/add-not-copy open"]),
            ("RUN <<EOF\n# careen:allow DL3020 in a script\nEOF\nADD a b", &["5 dockerfile/add-not-copy open"]),
        ];
        for (text, expected) in cases {
            assert_eq!(waived(&format!("FROM a\n{text}\n")), *expected, "{text}");
        }
    }
}
