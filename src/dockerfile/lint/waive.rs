//! Comments that accept findings: `# careen:allow rule reason`, and those of other tools, `# hadolint ignore=DL3008`,
//! `# trivy:ignore:DS-0002` and `# checkov:skip=…`, whose rules go by their ids.
//!
//! So goes `BuildKit`'s directive `# check=skip=JSONArgsRecommended`, which is about the whole file.
//!
//! Each is about one instruction: the next one, or the one it stands in. `# hadolint global ignore=…` and checkov's are
//! about the whole file.

use super::Context;
use crate::dockerfile::{Position, Span};
use crate::escape::escape;
use crate::finding::{Findings, Location};
use crate::rule::{Rule, Severity};
use crate::time::Date;

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
    /// First and last place of the instruction it is about; `None` of the whole file.
    about: Option<(Position, Position)>,
    is_own: bool,
    is_used: bool,
}

/// Marks what comments accept, and adds what is to be said of comments that accept nothing.
pub(super) fn apply(context: &Context<'_>, findings: &mut Findings) {
    let mut waivers: Vec<Waiver<'_>> = Vec::new();
    let mut untold = Vec::new();
    for comment in &context.file.comments {
        match read(context, *comment) {
            Ok(found) => waivers.extend(found),
            Err(message) => untold.push((*comment, message)),
        }
    }
    waivers.extend(skipped(context));
    let (mut near, mut global): (Vec<_>, Vec<_>) = waivers.into_iter().partition(|waiver| waiver.about.is_some());
    for finding in findings.iter_mut() {
        let Location::Dockerfile { file, start, .. } = &finding.location else { continue };
        if file != context.name {
            continue;
        }
        let at = Position { line: start.0, column: start.1 };
        // waivers stand in the order of the file, and so do the instructions they are about
        let first = near.partition_point(|waiver| waiver.about.is_some_and(|about| about.1 < at));
        let about = near.iter_mut().skip(first).take_while(|waiver| waiver.about.is_some_and(|about| about.0 <= at));
        let Some(waiver) = about.chain(&mut global).find(|waiver| accepts(&waiver.rules, finding.rule)) else {
            continue;
        };
        waiver.is_used = true;
        let line = context.file.position(waiver.span.start).line;
        finding.evidence.insert("allowed_for", waiver.reason.clone().into());
        finding.evidence.insert("allowed_in", format!("{}:{line}", context.name).into());
    }
    for waiver in near.iter().chain(&global).filter(|waiver| !waiver.is_used) {
        let rules = waiver.rules.join(", ");
        if waiver.is_own {
            let message = format!("no finding of `{}` is at the instruction this comment is about", escape(&rules));
            findings.push(context.finding(&WAIVER, waiver.span, escape(&rules), message));
        } else if let Some(id) = waiver.rules.iter().find(|id| !is_known(id)) {
            let message = format!("no rule here goes by `{}`, so that the comment accepts nothing of it", shown(id));
            findings.push(context.finding(&WAIVER, waiver.span, shown(id), message));
        }
    }
    findings.extend(untold.into_iter().map(|(span, message)| context.finding(&WAIVER, span, "", message)));
}

fn shown(text: &str) -> String {
    escape(text.chars().take(60).collect::<String>())
}

fn accepts(rules: &[&str], rule: &Rule) -> bool {
    rules.iter().any(|id| rule.is_called(id))
}

/// The checks that the directive `check` leaves out: `skip=NAME,NAME;error=true`. Who skips a check that no rule here
/// goes by has nothing to hear of it.
fn skipped<'a>(context: &Context<'a>) -> Option<Waiver<'a>> {
    let directive = context.file.directives.iter().find(|directive| directive.name == "check")?;
    let mut parts = directive.value.text.split(';').filter_map(|part| part.split_once('='));
    let (_, names) = parts.find(|(key, _)| key.trim().eq_ignore_ascii_case("skip"))?;
    let names = listed(names);
    let has_all = names.iter().any(|name| name.eq_ignore_ascii_case("all"));
    let rules = if has_all {
        super::rules().filter(|rule| rule.also.iter().any(|also| is_of_builder(also))).map(|rule| rule.id).collect()
    } else {
        names.into_iter().filter_map(check_of_builder).collect()
    };
    let reason = format!("skipped by `check={}`", shown(&directive.value.text));
    Some(Waiver { span: directive.span, rules, reason, about: None, is_own: false, is_used: true })
}

/// The name of a check as rules have it.
fn check_of_builder(name: &str) -> Option<&'static str> {
    let mut names = super::rules().flat_map(|rule| rule.also.iter().copied());
    names.find(|also| is_of_builder(also) && also.eq_ignore_ascii_case(name))
}

/// Whether an id is the name of one of `BuildKit`'s checks: words without numbers and dashes.
fn is_of_builder(id: &str) -> bool {
    id.bytes().all(|byte| byte.is_ascii_alphabetic()) && id.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// Whether a rule goes by this id, or it is one of `ShellCheck`'s, which hadolint runs and careen does not.
fn is_known(id: &str) -> bool {
    let is_of_shell = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    id.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("SC")) && id.get(2..).is_some_and(is_of_shell)
        || super::rules().any(|rule| rule.is_called(id))
}

fn listed(rules: &str) -> Vec<&str> {
    rules.split(',').map(str::trim).filter(|rule| !rule.is_empty()).collect()
}

fn cut(reason: &str) -> String {
    reason.trim().chars().take(LONGEST_REASON).collect()
}

/// Reads one comment: waivers, none of them, or what is wrong with it.
fn read<'a>(context: &Context<'a>, span: Span) -> Result<Vec<Waiver<'a>>, String> {
    let text = context.file.source(span).trim_start_matches('#').trim();
    let one = |rules: Vec<&'a str>, reason: String, is_own: bool, about: Option<(Position, Position)>| {
        vec![Waiver { span, rules, reason, about, is_own, is_used: false }]
    };
    if let Some(rest) = text.strip_prefix("careen:") {
        let Some(rest) = rest.strip_prefix("allow") else {
            return Err("this comment is not understood: what accepts a finding is `careen:allow RULE REASON`".into());
        };
        let (rules, reason) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
        if rules.is_empty() || reason.trim().is_empty() {
            return Err("this comment accepts nothing: it wants a rule and a reason".into());
        }
        return Ok(next(context, span).map_or_else(Vec::new, |it| one(listed(rules), cut(reason), true, Some(it))));
    }
    if let Some(rest) = text.strip_prefix("hadolint") {
        let rest = rest.trim_start();
        let (is_global, rest) = match rest.strip_prefix("global") {
            Some(rest) => (true, rest.trim_start()),
            None => (false, rest),
        };
        let Some(rest) = rest.strip_prefix("ignore") else { return Ok(Vec::new()) };
        let rules = rest.trim_start().strip_prefix('=').map(|rules| rules.split_once('#').unwrap_or((rules, "")));
        let Some((rules, reason)) = rules.filter(|(rules, _)| !listed(rules).is_empty()) else {
            // prose may begin like this
            let is_meant = rest.trim_start().starts_with('=') || rest.trim_start().starts_with("DL");
            let message = "this comment is not understood: hadolint's form is `hadolint ignore=DL3008,DL3009`";
            return if is_meant { Err(message.into()) } else { Ok(Vec::new()) };
        };
        let reason = match reason.trim() {
            "" => "a comment for hadolint, without a reason".to_owned(),
            reason => cut(reason),
        };
        let about = next(context, span);
        let is_about_nothing = about.is_none() && !is_global;
        let about = about.filter(|_| !is_global);
        return Ok(if is_about_nothing { Vec::new() } else { one(listed(rules), reason, false, about) });
    }
    if text.starts_with("trivy:") || text.starts_with("tfsec:") {
        return trivy(context, span, text);
    }
    for tool in ["checkov:", "bridgecrew:"] {
        let Some(rest) = text.strip_prefix(tool) else { continue };
        // one rule, behind a colon the reason; it holds for the file
        let rest = rest.trim_start().strip_prefix("skip").and_then(|rest| rest.trim_start().strip_prefix('='));
        let (rule, reason) = rest.map(|rest| rest.split_once(':').unwrap_or((rest, ""))).unwrap_or_default();
        if rule.trim().is_empty() {
            return Err(format!("this comment is not understood: the form is `{tool}skip=RULE:REASON`"));
        }
        let reason = match reason.trim() {
            "" => "a comment for checkov, without a reason".to_owned(),
            reason => cut(reason),
        };
        return Ok(one(vec![rule.trim()], reason, false, None));
    }
    Ok(Vec::new())
}

/// Reads `trivy:ignore:ID[:exp:DATE]`, several of them with blanks between; each is about the next instruction.
fn trivy<'a>(context: &Context<'a>, span: Span, text: &'a str) -> Result<Vec<Waiver<'a>>, String> {
    let mut waivers = Vec::new();
    let mut reason = Vec::new();
    for word in text.split_whitespace() {
        let Some(rest) = word.strip_prefix("trivy:").or_else(|| word.strip_prefix("tfsec:")) else {
            reason.push(word.trim_matches('#'));
            continue;
        };
        let mut parts = rest.split(':');
        let (mut id, mut end) = (None, None);
        while let (Some(key), value) = (parts.next(), parts.next()) {
            match (key, value) {
                ("ignore", Some(value)) if !value.is_empty() && !value.contains('[') => id = Some(value),
                ("exp", Some(value)) => {
                    let date: Result<Date, _> = value.parse();
                    end = Some(date.map_err(|_| format!("`{}` in this comment is no date", shown(value)))?);
                }
                // a workspace of another kind of file
                ("ws", Some(_)) => {}
                _ => return Err("this comment is not understood: trivy's form is `trivy:ignore:DS-0002`".into()),
            }
        }
        let Some(id) = id else {
            return Err("this comment is not understood: trivy's form is `trivy:ignore:DS-0002`".into());
        };
        if let Some(end) = end.filter(|end| *end <= context.today) {
            return Err(format!("this comment accepts nothing any more: it ran out on {end}"));
        }
        let Some(about) = next(context, span) else { continue };
        let about = Some(about);
        waivers.push(Waiver { span, rules: vec![id], reason: String::new(), about, is_own: false, is_used: false });
    }
    let reason = reason.join(" ");
    let reason = if reason.trim().is_empty() { "a comment for trivy, without a reason".into() } else { cut(&reason) };
    for waiver in &mut waivers {
        waiver.reason.clone_from(&reason);
    }
    Ok(waivers)
}

/// The instruction that a comment is about: the next one, or the one it stands in.
fn next(context: &Context<'_>, span: Span) -> Option<(Position, Position)> {
    let instructions = &context.file.instructions;
    let next = instructions.get(instructions.partition_point(|one| one.span.end <= span.start))?;
    Some((context.file.position(next.span.start), context.file.position(next.span.end)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::all;

    #[test]
    fn checks_that_the_directive_skips_are_accepted() {
        let text = "FROM a:$V AS b\nCMD c\nADD d e\n";
        for (directive, expected) in [
            ("check=skip=jsonArgsRecommended", "exec-form"),
            ("check=error=true;skip=NoSuch, InvalidDefaultArgInFrom", "base-without-default"),
            ("check=skip=all", "base-without-default exec-form"),
            ("check=skip=DL3020", ""),
            ("check=error=true", ""),
        ] {
            let found = all(&format!("# {directive}\n{text}"));
            assert!(found.iter().any(|finding| finding.rule.id == "dockerfile/add-not-copy"));
            assert!(found.iter().all(|finding| finding.rule.id != "dockerfile/idle-waiver"), "{directive}");
            let mut accepted: Vec<_> = found
                .iter()
                .filter(|finding| finding.evidence.contains_key("allowed_for"))
                .map(|finding| finding.rule.id.trim_start_matches("dockerfile/"))
                .collect();
            accepted.sort_unstable();
            assert_eq!(accepted.join(" "), expected, "{directive}");
        }
    }

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
            (
                "ADD a b\n# hadolint global ignore = DL3020 , SC1 # all are archives\nADD c d",
                &["2 dockerfile/add-not-copy all are archives", "4 dockerfile/add-not-copy all are archives"],
            ),
            (
                "ADD a b\n# hadolint global ignore=DL3020",
                &["2 dockerfile/add-not-copy a comment for hadolint, without a reason"],
            ),
            (
                "#trivy:ignore:AVD-DS-0005\nADD a b\n# trivy:ignore:DS-0005:exp:2026-12-01 an archive\nADD c d\nADD e f",
                &[
                    "3 dockerfile/add-not-copy a comment for trivy, without a reason",
                    "5 dockerfile/add-not-copy an archive",
                    "6 dockerfile/add-not-copy open",
                ],
            ),
            (
                "# trivy:ignore:DS-0005:exp:2026-11-20\nADD a b",
                &["2 dockerfile/idle-waiver open", "3 dockerfile/add-not-copy open"],
            ),
            (
                "# trivy:ignore:DS-0001 trivy:ignore:DS-0005\nADD a b",
                &["3 dockerfile/add-not-copy a comment for trivy, without a reason"],
            ),
            ("# trivy:ignore\nCOPY a b", &["2 dockerfile/idle-waiver open"]),
            ("# trivy:ignore:DS-0005:exp:soon\nCOPY a b", &["2 dockerfile/idle-waiver open"]),
            ("# hadolint ignore=DL9999\nCOPY a b", &["2 dockerfile/idle-waiver open"]),
            ("# hadolint ignore DL3020\nCOPY a b", &["2 dockerfile/idle-waiver open"]),
            ("# hadolint ignore=\nCOPY a b", &["2 dockerfile/idle-waiver open"]),
            ("# hadolint shell=bash\n# hadolint ignored this\nCOPY a b", &[]),
            ("# checkov:skip=CKV_DOCKER_2: no service\nCOPY a b", &["2 dockerfile/idle-waiver open"]),
            ("ADD a b\n# checkov:skip=DL3020: an archive\nCOPY a b", &["2 dockerfile/add-not-copy an archive"]),
            ("# careen:ignore DL3020 x\nCOPY a b", &["2 dockerfile/idle-waiver open"]),
            ("RUN <<EOF\n# careen:allow DL3020 in a script\nEOF\nADD a b", &["5 dockerfile/add-not-copy open"]),
        ];
        for (text, expected) in cases {
            assert_eq!(waived(&format!("FROM a\n{text}\n")), *expected, "{text}");
        }
    }
}
