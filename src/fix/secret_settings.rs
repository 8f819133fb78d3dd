//! Takes secrets out of the image's documents: environment, labels, annotations, build steps.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::escape::{escape, pointer_key};
use crate::finding::{Finding, Location};
use crate::image::texts::Text;
use crate::rebuild::{Edit, Span};
use crate::rule::Severity;
use crate::secret::{Needles, TextKind, in_text, is_sought, mask_text};

use super::labels::{NAME_HINT, NAME_REASON, is_name};
use super::plan::{Kind, Risk, Safety};
use super::redact::{is_run, texts};
use super::secrets::ROTATE;
use super::{Draft, Fixer, Job, Proposal};

/// Secrets in documents.
pub(super) static SECRET_SETTINGS: Fixer = Fixer {
    id: "secret-settings",
    group: "secrets",
    title: "Secrets in the configuration and the build steps",
    rules: &[],
    does: "Writes `[REDACTED]` in place of secrets in the texts of build steps, in whichever field a builder keeps them, and \
           takes labels and annotations out whose value is a secret. With a look (`--yes`) variables go whose value is a \
           secret: a container must get them when it starts. A value that one field names is taken out of all other fields.",
    never: "Never changes what the image runs: a secret in the entrypoint, the command or the health check is told.",
    plan,
};

/// Shortest value that is looked for where nothing names it, in bytes.
const SHORTEST_ECHO: usize = 6;

fn plan(job: &Job<'_>, draft: &mut Draft<'_>) {
    let open: Vec<&Finding> = job
        .findings_of("secret")
        .filter(|finding| {
            finding.severity > Severity::Info
                && matches!(finding.location, Location::Config { .. } | Location::History { .. })
        })
        .collect();
    if open.is_empty() {
        return;
    }
    let rules: BTreeSet<&str> = open.iter().map(|finding| finding.rule.id).collect();
    let Some(config) = &job.image.config else { return };
    let arguments: Vec<Vec<(&str, &str)>> = config.history.iter().map(|step| step.arguments()).collect();
    let texts = texts(config);
    let unused: BTreeMap<&str, &Text> = config.unused.texts.iter().map(|text| (text.pointer.as_str(), text)).collect();
    let mut found: BTreeMap<usize, Vec<Range<usize>>> = BTreeMap::new();
    let mut values: BTreeSet<&str> = BTreeSet::new();
    for (place, (pointer, text)) in texts.iter().enumerate() {
        let mut spans = spans_in(pointer, text, &rules, &arguments);
        // as the scan reads what it has no use for
        let named = unused.get(pointer.as_str()).filter(|unused| !unused.name.is_empty());
        spans.extend(named.into_iter().flat_map(|unused| of_setting(&unused.name, text, &rules)));
        values.extend(spans.iter().filter_map(|span| text.get(span.clone())).filter(|value| is_echo(value)));
        found.insert(place, spans);
    }
    // too many of them are told when the plan is carried out
    let needles = Needles::new(values.iter().map(|value| value.as_bytes())).ok();
    for (key, value) in &job.image.annotations {
        let text = format!("{key}={value}");
        let of_value = known(&text, TextKind::Setting(key.len().saturating_add(1)), &rules);
        if !of_value.is_empty() {
            let own =
                at(&open, |location| matches!(location, Location::Config { key: of } if of.contains(key.as_str())));
            if is_name(key) {
                for finding in &own {
                    draft.refuse(finding, NAME_REASON, format!("{NAME_HINT}; {ROTATE}"));
                }
                continue;
            }
            let before = key.len().saturating_add(1);
            let secrets = merged(of_value).into_iter().filter_map(|span| {
                Some(Span { offset: span.start.checked_sub(before)? as u64, length: span.len() as u64 })
            });
            propose(
                draft,
                own,
                &format!("annotation {}", escape(key)),
                Treatment::Gone,
                vec![Edit::RemoveAnnotation { key: key.clone(), secrets: secrets.collect() }],
            );
        }
    }
    for (place, (pointer, text)) in texts.iter().enumerate() {
        let mut spans = found.remove(&place).unwrap_or_default();
        spans.extend(spelled(text, &values, needles.as_ref()));
        let spans = merged(spans);
        if spans.is_empty() {
            continue;
        }
        one(job, draft, &open, (pointer, text, unused.get(pointer.as_str()).copied()), &spans);
    }
}

/// The secrets of one text, by what the text is.
fn spans_in(pointer: &str, text: &str, rules: &BTreeSet<&str>, arguments: &[Vec<(&str, &str)>]) -> Vec<Range<usize>> {
    let parts: Vec<&str> = pointer.split('/').skip(1).collect();
    match parts.as_slice() {
        [_, "Env", _] => {
            let start = text.find('=').map_or(0, |at| at.saturating_add(1));
            known(text, TextKind::Setting(start), rules)
        }
        [_, "Labels", key] => of_setting(&pointer_key(key), text, rules),
        ["history", index, "created_by"] => {
            let mut spans = known(text, TextKind::Script, rules);
            let own = index.parse::<usize>().ok().and_then(|index| arguments.get(index));
            for (name, value) in own.into_iter().flatten() {
                let whole = format!("{name}={value}");
                if !known(&whole, TextKind::Setting(name.len().saturating_add(1)), rules).is_empty() {
                    spans.extend(text.match_indices(*value).map(|(at, value)| at..at.saturating_add(value.len())));
                }
            }
            spans
        }
        ["config" | "container_config", "Cmd" | "Entrypoint" | "Shell" | "Healthcheck", ..] => {
            known(text, TextKind::Command, rules)
        }
        _ => known(text, TextKind::Plain, rules),
    }
}

/// The secrets of a text that has a name.
fn of_setting(name: &str, text: &str, rules: &BTreeSet<&str>) -> Vec<Range<usize>> {
    let whole = format!("{name}={text}");
    let start = name.len().saturating_add(1);
    let spans = known(&whole, TextKind::Setting(start), rules);
    spans.into_iter().map(|span| span.start.saturating_sub(start)..span.end.saturating_sub(start)).collect()
}

/// The secrets of a text that one of these rules knows.
fn known(text: &str, kind: TextKind, rules: &BTreeSet<&str>) -> Vec<Range<usize>> {
    let (written, _) = in_text(text, kind);
    let told = written.into_iter().filter(|one| one.severity > Severity::Info && rules.contains(one.rule.id));
    told.map(|one| one.span).collect()
}

/// Where values stand in a text, as they are and in other spellings; of base64 and hexadecimal the whole word.
pub(super) fn spelled(text: &str, values: &BTreeSet<&str>, needles: Option<&Needles>) -> Vec<Range<usize>> {
    let mut spans: Vec<Range<usize>> = Vec::new();
    for value in values {
        spans.extend(text.match_indices(value).map(|(at, value)| at..at.saturating_add(value.len())));
    }
    let Some(needles) = needles else { return spans };
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(byte);
    needles.spelled_in(text.as_bytes(), &mut |_, found, is_coded| {
        if text.get(found.clone()).is_none() {
            return;
        }
        if !is_coded {
            spans.push(found);
            return;
        }
        let (before, after) = (text.get(..found.start).unwrap_or_default(), text.get(found.end..).unwrap_or_default());
        let head = before.bytes().rev().take_while(is_digit).count();
        let tail = after.bytes().take_while(is_digit).count();
        spans.push(found.start.saturating_sub(head)..found.end.saturating_add(tail));
    });
    spans
}

/// Whether a value is looked for where nothing names it.
fn is_echo(value: &str) -> bool {
    is_sought(value.as_bytes()) || value.len() >= SHORTEST_ECHO && value.bytes().any(|byte| byte.is_ascii_digit())
}

/// Spans in order, those that touch made one.
pub(super) fn merged(mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spans.retain(|span| !span.is_empty());
    spans.sort_by_key(|span| (span.start, span.end));
    let mut all: Vec<Range<usize>> = Vec::with_capacity(spans.len());
    for span in spans {
        match all.last_mut().filter(|last| last.end >= span.start) {
            Some(last) => last.end = last.end.max(span.end),
            None => all.push(span),
        }
    }
    all
}

/// What becomes of a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Treatment {
    Redacted(usize),
    Gone,
    Unset,
}

fn one(
    job: &Job<'_>,
    draft: &mut Draft<'_>,
    open: &[&Finding],
    (pointer, text, unused): (&str, &str, Option<&Text>),
    spans: &[Range<usize>],
) {
    let parts: Vec<&str> = pointer.split('/').skip(1).collect();
    let config = |key: String| at(open, |location| matches!(location, Location::Config { key: of } if *of == key));
    let span = |span: &Range<usize>| Span { offset: span.start as u64, length: span.len() as u64 };
    let redacted = || {
        let spans: Vec<Span> = spans.iter().map(span).collect();
        (Treatment::Redacted(spans.len()), vec![Edit::RedactConfig { pointer: pointer.to_owned(), spans }])
    };
    match parts.as_slice() {
        // the document has a key twice, or the place is not known
        [] => {
            let hint = format!("make the image anew without it; {ROTATE}");
            draft.refuse_wish("configuration", "a secret stands in a place that cannot be named", hint);
        }
        _ if is_run(pointer) && parts.first() == Some(&"config") => {
            let name = parts.get(1).copied().unwrap_or_default();
            let own = config(name.to_owned());
            let reason = format!("`{name}` is what the image runs, and another text would be another command");
            let hint = format!("give the secret to the container when it starts; {ROTATE}");
            match own.as_slice() {
                [] => draft.refuse_wish(name, reason, hint),
                several => several.iter().for_each(|finding| draft.refuse(finding, reason.clone(), hint.clone())),
            }
        }
        ["config", "Env", _] => {
            let name = text.split('=').next().unwrap_or_default();
            let own = config(format!("Env.{name}"));
            // the name must stay what it is, for the variable to be found
            let of_value = |found: &&Range<usize>| found.start > name.len();
            let mut edits = gone(pointer, spans.iter().filter(of_value).map(span));
            edits.push(Edit::RemoveEnv { name: name.to_owned() });
            propose(draft, own, &format!("Env.{}", escape(mask_text(name))), Treatment::Unset, edits);
        }
        ["container_config", "Env", _] => {
            let name = text.split('=').next().unwrap_or_default();
            let is_unset = job.image.config.as_ref().is_some_and(|config| {
                let mut names = config.config.env.iter().map(|pair| pair.split('=').next().unwrap_or_default());
                names.any(|other| other == name)
            });
            // the variable goes from both at once
            if !is_unset {
                let (treatment, edits) = redacted();
                propose(draft, Vec::new(), pointer, treatment, edits);
            }
        }
        ["config", "Labels", key] => {
            let key = pointer_key(key);
            let own = config(format!("Labels.{key}"));
            let path = format!("Labels.{}", escape(mask_text(&key)));
            let mut edits = gone(pointer, spans.iter().map(span));
            edits.push(Edit::RemoveConfig { pointer: pointer.to_owned() });
            propose(draft, own, &path, Treatment::Gone, edits);
        }
        ["history", index, _] => {
            let index = index.parse::<u32>().ok();
            let own =
                at(open, |location| matches!(location, Location::History { index: of, .. } if Some(*of) == index));
            let (treatment, edits) = redacted();
            propose(draft, own, &format!("build step {}", index.unwrap_or_default()), treatment, edits);
        }
        _ => {
            let place = unused.map_or_else(|| parts.join("."), |unused| mask_text(&unused.place));
            let step = unused.and_then(|unused| unused.step);
            let mut own = at(open, |location| match (location, step) {
                (Location::Config { key }, None) => *key == place,
                (Location::History { index, key, .. }, Some(step)) => *index == step && *key == place,
                _ => false,
            });
            // they have one place with those of the name
            if unused.is_some_and(|unused| unused.place != place) {
                let hint = format!("make the image anew without it; {ROTATE}");
                for finding in own.drain(..) {
                    draft.refuse(finding, "it is a name, or stands below one that holds a secret", hint.clone());
                }
            }
            let (treatment, edits) = redacted();
            propose(draft, own, &escape(mask_text(pointer)), treatment, edits);
        }
    }
}

/// What says that these parts of a text are secrets, which goes as a whole then.
fn gone(pointer: &str, spans: impl Iterator<Item = Span>) -> Vec<Edit> {
    let spans: Vec<Span> = spans.collect();
    let is_any = !spans.is_empty();
    is_any.then(|| Edit::RedactConfig { pointer: pointer.to_owned(), spans }).into_iter().collect()
}

fn at<'a>(open: &[&'a Finding], is_it: impl Fn(&Location) -> bool) -> Vec<&'a Finding> {
    open.iter().copied().filter(|finding| is_it(&finding.location)).collect()
}

fn propose(draft: &mut Draft<'_>, findings: Vec<&Finding>, path: &str, treatment: Treatment, edits: Vec<Edit>) {
    let (kind, before, after, safety, risk, reason) = match treatment {
        Treatment::Redacted(count) => {
            let noun = if count == 1 { "place" } else { "places" };
            let before = format!("a secret in {count} {noun}");
            (Kind::Redact, before, "[REDACTED]", Safety::Safe, Risk::Low, "nothing runs it again")
        }
        Treatment::Gone => {
            (Kind::Setting, "a secret".into(), "gone", Safety::Safe, Risk::Low, "a description, which no process reads")
        }
        Treatment::Unset => {
            let reason = "the application may read it: give it the variable when it starts";
            (Kind::Setting, "a secret".into(), "not set", Safety::Review, Risk::High, reason)
        }
    };
    draft.propose(Proposal {
        kind,
        layer: findings.iter().find_map(|finding| finding.layer()),
        findings,
        path: path.to_owned(),
        before,
        after: after.into(),
        safety,
        risk,
        reason: format!("{reason}; {ROTATE}"),
        is_asked: false,
        edits,
    });
}

#[cfg(test)]
mod tests {
    use super::super::testing::{image, shown};
    use super::super::{Wishes, plan_findings};
    use super::*;

    #[test]
    fn each_field_with_a_secret_is_treated_by_what_reads_it() {
        let value = ["kQ7vT2", "xwZm9"].concat();
        let coded = "eD1rUTd2VDJ4d1ptOQ==";
        let escaped: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let config = format!(
            r#"{{"config":{{"Env":["A=1","DB_PASSWORD={value}"],"Labels":{{"db.password":"{value}","team":"x"}},
                "Cmd":["run","--db-password={value}"]}},
                "container_config":{{"Env":["DB_PASSWORD={value}"]}},
                "history":[{{"created_by":"RUN a"}},
                {{"created_by":"RUN |1 DB_PASSWORD={value} /bin/sh -c make # buildkit"}},
                {{"created_by":"RUN /bin/sh -c echo {value} > /tmp/x"}},
                {{"created_by":"RUN echo {coded} | base64 -d"}},
                {{"created_by":"RUN curl {escaped}"}}]}}"#
        );
        let mut image = image(&config);
        let (secrets, _) = crate::secret::scan_config(image.config.as_ref().expect("a configuration"));
        image.secrets = secrets;
        let findings = crate::secret::findings(&image, "2026-11-21".parse().expect("a date"), None);
        let wishes = Wishes { only: vec!["secrets"], ..Wishes::default() };
        let plan = plan_findings(&image, &findings.iter().collect::<Vec<_>>(), &wishes);
        assert_eq!(
            shown(&plan),
            [
                "secret-settings-1 review Env.DB_PASSWORD: a secret: redact /config/Env/1 12+11, unset DB_PASSWORD",
                "secret-settings-2 safe Labels.db.password: a secret: redact /config/Labels/db.password 0+11, remove /config/Labels/db.password",
                "secret-settings-3 safe build step 1: a secret in 1 place: redact /history/1/created_by 19+11",
                "secret-settings-4 safe build step 2: a secret in 1 place: redact /history/2/created_by 20+11",
                "secret-settings-5 safe build step 3: a secret in 1 place: redact /history/3/created_by 9+20",
                "secret-settings-6 safe build step 4: a secret in 1 place: redact /history/4/created_by 9+33",
                "refused Cmd: `Cmd` is what the image runs, and another text would be another command",
            ]
        );
        let json = serde_json::to_string(&plan).expect("JSON");
        assert!(!json.contains(&value), "{json}");
    }

    #[test]
    fn places_that_touch_are_one_for_the_proof_too() {
        let redacted = |spans: &[(u64, u64)]| {
            let mut document = serde_json::json!({"author": "abcdef"});
            let spans = spans.iter().map(|(offset, length)| Span { offset: *offset, length: *length }).collect();
            let edits = crate::rebuild::Edits(vec![Edit::RedactConfig { pointer: "/author".into(), spans }]);
            super::super::verify::edit(&mut document, &edits).map(|()| document["author"].as_str().map(str::to_owned))
        };
        assert_eq!(redacted(&[(0, 3), (2, 2)]), Ok(Some("[REDACTED]ef".into())));
        assert_eq!(redacted(&[(4, 1), (0, 1), (2, 0)]), Ok(Some("[REDACTED]bcd[REDACTED]f".into())));
        assert!(redacted(&[(4, 3)]).is_err());
    }

    #[test]
    fn what_is_redacted_where_nothing_reads_it_is_not_told_as_left() {
        let token = ["gh", "p_aLJFgvsJOFwZ8NvsaGVFyKhiEABXqP0vTy4y"].concat();
        let value = ["kQ7vT2", "xwZm9Lp4s"].concat();
        for config in [
            format!(r#"{{"author":"{token}"}}"#),
            format!(r#"{{"x-note":"see {token}"}}"#),
            format!(r#"{{"x-note":{{"db_password":"{value}"}}}}"#),
        ] {
            let mut image = image(&config);
            image.secrets = crate::secret::scan_config(image.config.as_ref().expect("a configuration")).0;
            let findings = crate::secret::findings(&image, "2026-11-21".parse().expect("a date"), None);
            assert_eq!(findings.len(), 1, "{config}");
            let wishes = Wishes { only: vec!["secrets"], ..Wishes::default() };
            let plan = plan_findings(&image, &findings.iter().collect::<Vec<_>>(), &wishes);
            assert!(plan.refused.is_empty(), "{config}: {plan:?}");
            assert_eq!(plan.actions.len(), 1, "{config}");
            assert_eq!(plan.actions[0].findings, [findings[0].fingerprint()], "{config}");
        }
    }

    #[test]
    fn spans_that_touch_are_one() {
        assert_eq!(merged(vec![5..7, 1..3, 2..4, 4..5, 9..9, 20..21]), [1..7, 20..21]);
        assert_eq!(merged(vec![1..2, 4..6]), [1..2, 4..6]);
    }
}
