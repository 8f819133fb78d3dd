//! Takes texts that the user names out of configuration, history, labels and annotations.

use std::collections::{BTreeMap, BTreeSet};

use crate::escape::escape;
use crate::image::ImageConfig;
use crate::rebuild::{Edit, Span};
use crate::secret::{Needles, mask_text};

use super::labels::{NAME_HINT, NAME_REASON, is_name};
use super::plan::{Kind, Risk, Safety};
use super::secret_settings::{merged, spelled};
use super::{Draft, Fixer, Job, Proposal};

/// Texts that the user names.
pub(super) static REDACT: Fixer = Fixer {
    id: "redact",
    group: "",
    title: "Texts in configuration and history",
    rules: &[],
    does: "Writes `[REDACTED]` wherever a text that `--redact` names stands in the configuration, the history, labels and \
           annotations. The plan has places and lengths only, never the text.",
    never: "Never looks into files: `--remove` takes those out. Never changes what the image runs, or where: the entrypoint, the \
            command, the shell, the health check, the working folder; such places are listed.",
    plan,
};

/// Stands in place of what was redacted.
const REDACTED: &str = "[REDACTED]";

/// Most places of one text.
const MOST: usize = 100_000;

fn plan(job: &Job<'_>, draft: &mut Draft<'_>) {
    let Some(config) = &job.image.config else { return };
    let texts = texts(config);
    for (number, wish) in (1u32..).zip(&job.wishes.redact) {
        let needles = Needles::new([wish.text().as_bytes()]).ok();
        let spans = |text: &str| -> Vec<Span> {
            let found = merged(spelled(text, &BTreeSet::from([wish.text()]), needles.as_ref()));
            let span = |range: std::ops::Range<usize>| Span { offset: range.start as u64, length: range.len() as u64 };
            found.into_iter().take(MOST).map(span).collect()
        };
        let mut count = 0usize;
        for (pointer, text) in &texts {
            let spans = spans(text);
            if spans.is_empty() {
                continue;
            }
            count = count.saturating_add(spans.len());
            if pointer.is_empty() {
                let hint = "make the image anew without it";
                draft.refuse_wish("configuration", "the text stands in a place that cannot be named", hint);
                continue;
            }
            if is_run(pointer) {
                let reason = if is_time(pointer) {
                    "it is a time, and no program reads the configuration if it is none"
                } else {
                    "the image runs it, or is chosen by it: another text would be another command"
                };
                let hint = "make the image anew without the text, or give it to the container when it starts";
                draft.refuse_wish(pointer, reason, hint);
                continue;
            }
            let is_setting = pointer.starts_with("/config/Env/");
            let edits = vec![Edit::RedactConfig { pointer: pointer.clone(), spans: spans.clone() }];
            propose(draft, number, pointer, spans.len(), is_setting, edits);
        }
        for (key, value) in &job.image.annotations {
            let spans = spans(value);
            if !spans.is_empty() {
                let found = spans.len();
                count = count.saturating_add(found);
                if is_name(key) {
                    draft.refuse_wish(&format!("annotation {key}"), NAME_REASON, NAME_HINT);
                    continue;
                }
                let edits = vec![Edit::RedactAnnotation { key: key.clone(), spans }];
                propose(draft, number, &format!("annotation {key}"), found, false, edits);
            }
            if key.contains(wish.text()) {
                count = count.saturating_add(1);
                let edits = vec![Edit::RemoveAnnotation { key: key.clone(), secrets: Vec::new() }];
                propose(draft, number, "the key of an annotation", 1, false, edits);
            }
        }
        if config.config.labels.keys().any(|key| key.contains(wish.text())) {
            draft.refuse_wish("Labels", "the text is part of a label's key", "remove the label by `[fix.labels]`");
            count = count.saturating_add(1);
        }
        if count == 0 {
            let reason = format!(
                "the text of `--redact` number {number} stands nowhere in the configuration, nor in the image's annotations"
            );
            let hint =
                "files are not searched: `--remove` takes them out; nor is what a manifest says of single layers";
            draft.refuse_wish("configuration", reason, hint);
        }
    }
}

fn propose(draft: &mut Draft<'_>, number: u32, place: &str, count: usize, is_setting: bool, edits: Vec<Edit>) {
    let noun = if count == 1 { "place" } else { "places" };
    let why = format!("asked for with `--redact`, number {number}");
    let reason = if is_setting { format!("{why}; the application may read it at its start") } else { why };
    draft.propose(Proposal {
        kind: Kind::Redact,
        findings: Vec::new(),
        path: escape(mask_text(place)),
        layer: None,
        before: format!("the text in {count} {noun}"),
        after: REDACTED.into(),
        safety: Safety::Safe,
        risk: if is_setting { Risk::High } else { Risk::Low },
        reason,
        is_asked: true,
        edits,
    });
}

/// Whether a text of the configuration is a time.
fn is_time(pointer: &str) -> bool {
    let parts: Vec<&str> = pointer.split('/').skip(1).collect();
    matches!(parts.as_slice(), ["created"] | ["history", _, "created"])
}

/// Whether a text of the configuration is what the image runs, where it runs, what it is chosen by, or a time.
pub(super) fn is_run(pointer: &str) -> bool {
    let parts: Vec<&str> = pointer.split('/').skip(1).collect();
    if is_time(pointer) {
        return true;
    }
    match parts.as_slice() {
        ["os" | "architecture" | "variant" | "os.version" | "rootfs", ..] => true,
        ["config", field, ..] => {
            ["Cmd", "Entrypoint", "Healthcheck", "OnBuild", "Shell", "StopSignal", "User", "Volumes", "WorkingDir"]
                .contains(field)
        }
        _ => false,
    }
}

/// Every text of the configuration by its JSON pointer; the pointer is empty where it is not known.
pub(super) fn texts(config: &ImageConfig) -> Vec<(String, &str)> {
    let mut texts: Vec<(String, &str)> = Vec::new();
    let container = &config.config;
    let lists = [
        ("Env", &container.env),
        ("Entrypoint", &container.entrypoint),
        ("Cmd", &container.cmd),
        ("OnBuild", &container.on_build),
        ("Shell", &container.shell),
    ];
    for (name, list) in lists {
        texts.extend(list.iter().enumerate().map(|(index, text)| (format!("/config/{name}/{index}"), text.as_str())));
    }
    if let Some(check) = &container.healthcheck {
        let words = check.test.iter().enumerate();
        texts.extend(words.map(|(index, text)| (format!("/config/Healthcheck/Test/{index}"), text.as_str())));
    }
    texts.extend(config.author.as_deref().map(|author| ("/author".to_owned(), author)));
    for (index, entry) in config.history.iter().enumerate() {
        texts.push((format!("/history/{index}/created_by"), &entry.created_by));
        texts.push((format!("/history/{index}/comment"), &entry.comment));
    }
    // a label stands there again, and so does what the builder copied
    let unused = &config.unused.texts;
    texts.extend(unused.iter().map(|text| (text.pointer.clone(), text.text.as_str())));
    // one pointer may be there twice where the document has a key twice: the places of both are not those of one
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (pointer, _) in &texts {
        *counts.entry(pointer.clone()).or_default() += 1;
    }
    for (pointer, _) in &mut texts {
        if counts.get(pointer).is_some_and(|count| *count > 1) {
            pointer.clear();
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::super::testing::{image, plan, shown};
    use super::super::{Redaction, Wishes};

    #[test]
    fn every_place_of_a_text_is_named_and_the_text_is_not() {
        let word = format!("open{}", "sesame");
        let config = format!(
            r#"{{"author":"{word}","config":{{"Env":["A=1","B=x{word}y{word}"],"Labels":{{"l/x":"{word}"}},"Cmd":["{word}"]}},
                "container_config":{{"Env":["B={word}"]}},
                "history":[{{"created_by":"RUN a"}},{{"created_by":"RUN |1 T={word} /bin/sh -c x","comment":"{word}"}}]}}"#
        );
        let mut image = image(&config);
        image.annotations.insert("note".into(), format!("see {word}"));
        let redact = vec![Redaction::new(word.clone()).expect("long"), Redaction::new("nowhere".into()).expect("long")];
        let made = plan(&image, &Wishes { only: vec!["caches"], redact, ..Wishes::default() });
        let lines = shown(&made);
        assert_eq!(
            lines,
            [
                "redact-1 safe /author: the text in 1 place: redact /author 0+10",
                "redact-2 safe /config/Env/1: the text in 2 places: redact /config/Env/1 3+10 14+10",
                "redact-3 safe /config/Labels/l~1x: the text in 1 place: redact /config/Labels/l~1x 0+10",
                "redact-4 safe /container_config/Env/0: the text in 1 place: redact /container_config/Env/0 2+10",
                "redact-5 safe /history/1/comment: the text in 1 place: redact /history/1/comment 0+10",
                "redact-6 safe /history/1/created_by: the text in 1 place: redact /history/1/created_by 9+10",
                "redact-7 safe annotation note: the text in 1 place: redact annotation note 4+10",
                "refused /config/Cmd/0: the image runs it, or is chosen by it: another text would be another command",
                "refused configuration: the text of `--redact` number 2 stands nowhere in the configuration, nor in the image's annotations",
            ]
        );
        let json = serde_json::to_string(&made).expect("JSON");
        assert!(!json.contains(&word), "{json}");
    }
}
