//! Sets and removes labels and annotations, as flags and policy say.

use std::collections::BTreeMap;

use serde_json::json;

use crate::escape::{escape, pointer_part};
use crate::image::ImageConfig;
use crate::image::config::ContainerConfig;
use crate::rebuild::Edit;
use crate::secret::{mask_text, masked_path, scan_config};

use super::plan::{Kind, Risk, Safety};
use super::{Draft, Fixer, Job, Proposal};

/// Labels and annotations.
pub(super) static LABELS: Fixer = Fixer {
    id: "labels",
    group: "labels",
    title: "Labels and annotations",
    rules: &[],
    does: "Sets the labels that `--set-label` and `[fix.labels] set` name, and removes labels and annotations that \
           `[fix.labels] remove` and `[fix.annotations] remove` fit.",
    never: "Never makes up a value, and never touches the annotations that name the base image, by which other tools find it, \
            or the image itself, by which it is loaded, unless the policy names them without a `*`.",
    plan,
};

/// Begins annotations and labels about the base.
const OF_BASE: &str = "org.opencontainers.image.base.";

/// Annotations that are the names of an image in a layout, by which engines load it.
const NAMES: &[&str] = &["org.opencontainers.image.ref.name", "io.containerd.image.name"];

/// Why they stay.
pub(super) const NAME_REASON: &str = "it is the name of the image, by which it is loaded";

/// What to do instead.
pub(super) const NAME_HINT: &str = "give the image another name before, or with `-o docker-archive:FILE:NAME:TAG`";

/// Whether an annotation is the name of an image.
pub(super) fn is_name(key: &str) -> bool {
    NAMES.contains(&key)
}

fn plan(job: &Job<'_>, draft: &mut Draft<'_>) {
    let (policy, wishes) = (&job.wishes.policy, job.wishes);
    let mut wanted: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    if job.is_selected {
        wanted.extend(
            policy.set_labels.iter().map(|(key, text)| (&**key, (&**text, "`[fix.labels] set` of the policy"))),
        );
    }
    // the flag wins
    wanted.extend(wishes.set_labels.iter().map(|(key, text)| (&**key, (&**text, "asked for with `--set-label`"))));
    let none = BTreeMap::new();
    let labels = job.image.config.as_ref().map_or(&none, |config| &config.config.labels);
    let setting = |path: String, before: String, after: String, reason: &str, edit| Proposal {
        kind: Kind::Setting,
        findings: Vec::new(),
        path,
        layer: None,
        before,
        after,
        safety: Safety::Safe,
        risk: Risk::Low,
        reason: reason.into(),
        is_asked: true,
        edits: vec![edit],
    };
    let shown = |text: &str| escape(mask_text(text));
    if job.image.config.is_some() {
        for (key, (text, reason)) in &wanted {
            if labels.get(*key).is_some_and(|old| old == text) {
                continue;
            }
            if masked_path(key) != *key {
                let hint = "a label can be read by everybody who has the image: give it another name";
                draft.refuse_wish(&format!("Labels.{key}"), "the name is a secret", hint);
                continue;
            }
            if is_secret(key, text) {
                let hint = "a label can be read by everybody who has the image: name another value";
                draft.refuse_wish(&format!("Labels.{key}"), "the value is a secret", hint);
                continue;
            }
            let before = if labels.contains_key(*key) { "set" } else { "not set" }.to_owned();
            let edit = Edit::SetConfig { pointer: pointer(key), value: json!(text) };
            draft.propose(setting(format!("Labels.{}", escape(key)), before, shown(text), reason, edit));
        }
    }
    if !job.is_selected {
        return;
    }
    let is_spared = |key: &str| key.starts_with(OF_BASE) || is_name(key);
    let goes = |patterns: &[crate::policy::Glob], key: &str| {
        patterns.iter().any(|glob| glob.is_match(key) && (glob.is_literal() || !is_spared(key)))
    };
    for key in labels.keys().filter(|key| !wanted.contains_key(key.as_str())) {
        if goes(&policy.remove_labels, key) {
            let edit = Edit::RemoveConfig { pointer: pointer(key) };
            let reason = "`[fix.labels] remove` of the policy";
            draft.propose(setting(format!("Labels.{}", escape(key)), "set".into(), "not set".into(), reason, edit));
        }
    }
    for key in job.image.annotations.keys() {
        if goes(&policy.remove_annotations, key) {
            let edit = Edit::RemoveAnnotation { key: key.clone(), secrets: Vec::new() };
            let reason = "`[fix.annotations] remove` of the policy";
            draft.propose(setting(format!("annotation {}", escape(key)), "set".into(), "not set".into(), reason, edit));
        }
    }
}

/// Whether a scan would find a secret in a label.
fn is_secret(key: &str, text: &str) -> bool {
    let labels = BTreeMap::from([(key.to_owned(), text.to_owned())]);
    let config = ContainerConfig { labels, ..ContainerConfig::default() };
    let (found, _) = scan_config(&ImageConfig { config, ..ImageConfig::default() });
    !found.is_empty() || mask_text(text) != text
}

/// The JSON pointer (RFC 6901) of a label.
pub(super) fn pointer(key: &str) -> String {
    format!("/config/Labels/{}", pointer_part(key))
}

#[cfg(test)]
mod tests {
    use super::super::Wishes;
    use super::super::testing::{image, plan, shown};
    use crate::policy::{FixPolicy, Glob};

    #[test]
    fn no_label_is_made_a_secret() {
        let set_labels = ["x.password", "x.team"].map(|key| (key.to_owned(), ["Tr0ub4dor", "3xK9"].concat())).to_vec();
        let wishes = Wishes { only: vec!["labels"], set_labels, ..Wishes::default() };
        assert_eq!(
            shown(&plan(&image(r#"{"config":{}}"#), &wishes)),
            [
                "labels-1 safe Labels.x.team: not set: set /config/Labels/x.team \"Tr0ub4dor3xK9\"",
                "refused Labels.x.password: the value is a secret",
            ]
        );
    }

    #[test]
    fn labels_follow_flags_then_policy() {
        let mut image = image(
            r#"{"config":{"Labels":{"a/b":"1","team":"x","keep":"1","org.opencontainers.image.base.name":"debian"}}}"#,
        );
        image.annotations.insert("ci.job".into(), "7".into());
        let globs = |texts: &[&str]| texts.iter().map(|text| Glob::text(text).expect("a glob")).collect();
        let policy = FixPolicy {
            remove_labels: globs(&["a*", "team", "org.*"]),
            remove_annotations: globs(&["ci.*"]),
            set_labels: [("keep".into(), "1".into()), ("new".into(), "2".into())].into(),
            ..FixPolicy::default()
        };
        let wishes =
            Wishes { only: vec!["labels"], policy, set_labels: vec![("team".into(), "y".into())], ..Wishes::default() };
        assert_eq!(
            shown(&plan(&image, &wishes)),
            [
                "labels-1 safe Labels.a/b: set: remove /config/Labels/a~1b",
                "labels-2 safe Labels.new: not set: set /config/Labels/new \"2\"",
                "labels-3 safe Labels.team: set: set /config/Labels/team \"y\"",
                "labels-4 safe annotation ci.job: set: unannotate ci.job",
            ]
        );
    }
}
