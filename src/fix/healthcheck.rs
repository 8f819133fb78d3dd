//! Gives an image the health check that the policy names.

use serde_json::{Map, Value, json};

use crate::escape::escape;
use crate::rebuild::Edit;
use crate::secret::mask_text;

use super::plan::{Kind, Risk, Safety};
use super::{Draft, Fixer, Job, Proposal};

/// Health checks.
pub(super) static HEALTHCHECK: Fixer = Fixer {
    id: "healthcheck",
    group: "healthcheck",
    title: "Images without a health check",
    rules: &["image/no-healthcheck"],
    does: "Sets `Healthcheck` of an image that has none to what `[fix.healthcheck]` of the policy says.",
    never: "Never makes up a command, and never changes a health check that is there, or that is switched off with `NONE`.",
    plan,
};

fn plan(job: &Job<'_>, draft: &mut Draft<'_>) {
    let Some(config) = job.image.config.as_ref().filter(|config| config.os != "windows") else { return };
    let Some(check) = job.wishes.policy.healthcheck.as_ref().filter(|_| job.is_selected) else { return };
    if config.config.healthcheck.as_ref().is_some_and(|check| !check.test.is_empty()) {
        return;
    }
    let mut value = Map::from_iter([("Test".to_owned(), json!(check.test))]);
    let times = [("Interval", check.interval), ("Timeout", check.timeout), ("StartPeriod", check.start_period)];
    value.extend(times.into_iter().filter_map(|(key, time)| Some((key.to_owned(), json!(time?)))));
    value.extend(check.retries.map(|retries| ("Retries".to_owned(), json!(retries))));
    draft.propose(Proposal {
        kind: Kind::Setting,
        findings: job.findings(HEALTHCHECK.rules).collect(),
        path: "Healthcheck".into(),
        layer: None,
        before: "not set".into(),
        after: escape(mask_text(&check.test.join(" "))),
        safety: Safety::Safe,
        risk: Risk::Medium,
        reason: "`[fix.healthcheck]` of the policy; Docker heeds it, Kubernetes and Podman's OCI images do not".into(),
        is_asked: true,
        edits: vec![Edit::SetConfig { pointer: "/config/Healthcheck".into(), value: Value::Object(value) }],
    });
}

#[cfg(test)]
mod tests {
    use super::super::Wishes;
    use super::super::testing::{image, plan, shown};
    use crate::policy::{FixHealthcheck, FixPolicy};

    #[test]
    fn only_what_the_policy_says_is_set_and_only_where_nothing_is() {
        let check = FixHealthcheck {
            test: vec!["CMD".into(), "/srv/ok".into()],
            interval: Some(30_000_000_000),
            retries: Some(3),
            ..FixHealthcheck::default()
        };
        let with = |healthcheck: Option<FixHealthcheck>| {
            let policy = FixPolicy { healthcheck, ..FixPolicy::default() };
            Wishes { only: vec!["healthcheck"], policy, ..Wishes::default() }
        };
        let cases: [(&str, Option<FixHealthcheck>, &[&str]); 4] = [
            ("{}", None, &[]),
            (
                "{}",
                Some(check.clone()),
                &[
                    r#"healthcheck-1 safe Healthcheck: not set: set /config/Healthcheck {"Interval":30000000000,"Retries":3,"Test":["CMD","/srv/ok"]}"#,
                ],
            ),
            (r#"{"Healthcheck":{"Test":["NONE"]}}"#, Some(check.clone()), &[]),
            (r#"{"Healthcheck":{"Test":["CMD","x"]}}"#, Some(check), &[]),
        ];
        for (config, check, expected) in cases {
            let image = image(&format!(r#"{{"config":{config}}}"#));
            assert_eq!(shown(&plan(&image, &with(check))), expected, "{config}");
        }
    }
}
