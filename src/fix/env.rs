//! Takes variables out of the image's environment.

use std::collections::BTreeSet;

use crate::escape::escape;
use crate::rebuild::Edit;

use super::plan::{Kind, Risk, Safety};
use super::{Draft, Fixer, Job, Proposal};

/// Variables of the environment.
pub(super) static ENV: Fixer = Fixer {
    id: "env",
    group: "env",
    title: "Variables of the environment",
    rules: &[],
    does: "Takes the variables out of `Env` that `--unset-env` names or `[fix.env] remove` of the policy fits.",
    never: "Never takes `PATH` away because a pattern of the policy fits it, and never shows a value.",
    plan,
};

fn plan(job: &Job<'_>, draft: &mut Draft<'_>) {
    let Some(config) = &job.image.config else { return };
    let names: BTreeSet<&str> =
        config.config.env.iter().map(|pair| pair.split_once('=').map_or(pair.as_str(), |(name, _)| name)).collect();
    for wish in job.wishes.unset_env.iter().filter(|wish| !names.contains(wish.as_str())) {
        draft.refuse_wish(&format!("Env.{}", escape(wish)), "the image has no such variable", "see `docker inspect`");
    }
    for name in names {
        let by_flag = job.wishes.unset_env.iter().any(|wish| wish == name);
        let patterns = &job.wishes.policy.remove_env;
        let by_policy = job.is_selected && name != "PATH" && patterns.iter().any(|glob| glob.is_match(name));
        if !by_flag && !by_policy {
            continue;
        }
        draft.propose(Proposal {
            kind: Kind::Setting,
            findings: Vec::new(),
            path: format!("Env.{}", escape(name)),
            layer: None,
            // its value may be a secret that nobody knows as one
            before: "set".into(),
            after: "not set".into(),
            safety: Safety::Safe,
            risk: Risk::Medium,
            reason: if by_flag { "asked for with `--unset-env`" } else { "`[fix.env] remove` of the policy" }.into(),
            is_asked: true,
            edits: vec![Edit::RemoveEnv { name: name.to_owned() }],
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{image, plan, shown};
    use super::super::{Wishes, plan::Safety};
    use crate::policy::{FixPolicy, Glob};

    #[test]
    fn variables_go_by_flag_and_policy() {
        let image = image(r#"{"config":{"Env":["PATH=/bin","BUILD_ID=7","BUILD_ID=8","PORT=80"]}}"#);
        let policy = FixPolicy { remove_env: vec![Glob::text("*").expect("a glob")], ..FixPolicy::default() };
        let all = Wishes { only: vec!["env"], policy, ..Wishes::default() };
        assert_eq!(
            shown(&plan(&image, &all)),
            ["env-1 safe Env.BUILD_ID: set: unset BUILD_ID", "env-2 safe Env.PORT: set: unset PORT",]
        );
        let flags = vec!["PATH".into(), "GONE".into()];
        let flag = Wishes { only: vec!["caches"], unset_env: flags, ..Wishes::default() };
        let plan = plan(&image, &flag);
        assert_eq!(
            shown(&plan),
            ["env-1 safe Env.PATH: set: unset PATH", "refused Env.GONE: the image has no such variable"]
        );
        assert_eq!(plan.actions[0].safety, Safety::Safe);
    }
}
