//! The status of a commit at GitHub ("REST API endpoints for commit statuses"), or a check run on it.

use reqwest::Url;
use serde_json::{Value, json};

use crate::error::Result;

use super::super::config::action;
use super::commit::{self, Commit, address, check, commit_of, context, description};
use super::told::Told;
use super::{Action, Adapter, Doing, Outgoing, github_check};

const USUAL: &str = "https://api.github.com/";

pub(super) struct GitHub;

impl Adapter for GitHub {
    fn kind(&self) -> &'static str {
        "github"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["token", "repositories"]
    }

    fn may_have(&self) -> &'static [&'static str] {
        &["url", "context", "checks", "dockerfile"]
    }

    fn check(&self, action: &action::Action) -> Result<(), String> {
        if action.dockerfile.is_some() && action.checks != Some(true) {
            return Err("`dockerfile` goes with `checks = true`: a status stands on no file".to_owned());
        }
        let is_inside = |path: &String| {
            let mut parts = path.split('/');
            path.len() <= 255 && parts.all(|part| !matches!(part, "" | "." | ".."))
        };
        if !action.dockerfile.iter().all(is_inside) {
            return Err("`dockerfile` is a path in the repository of code, such as `build/Dockerfile`".to_owned());
        }
        check(action)
    }

    fn target(&self, action: &Action, told: &Told) -> Option<String> {
        commit::target(action, told, USUAL, commit)
    }

    fn prepare(&self, action: &Action, told: &Told) -> Result<Doing> {
        let api = action.url_or(USUAL)?;
        let commit = match commit(&api, action, told) {
            Ok(commit) => commit,
            Err(why) => return Ok(Doing::Nothing(why)),
        };
        let (path, body) = if action.checks {
            (format!("repos/{}/check-runs", commit.repository), github_check::run(action, told, &commit))
        } else {
            (format!("repos/{}/statuses/{}", commit.repository, commit.id), status(action, told))
        };
        let outgoing = Outgoing::post(address(&api, &path)?, body.to_string().into_bytes())
            .with_token("authorization", "Bearer ", action.token()?)?
            .with("accept", "application/vnd.github+json")?
            .with("x-github-api-version", "2022-11-28")?;
        Ok(Doing::Request(Box::new(outgoing)))
    }
}

fn commit(api: &Url, action: &Action, told: &Told) -> Result<Commit, String> {
    // a server of one's own has its interface at `https://HOST/api/v3`
    let host = api.host_str().unwrap_or_default();
    let host = if host == "api.github.com" { "github.com" } else { host };
    commit_of(told, host, 2..=2, &action.repositories)
}

fn status(action: &Action, told: &Told) -> Value {
    let state = match told.outcome.as_str() {
        "passed" => "success",
        "failed" => "failure",
        _ => "error",
    };
    json!({
        "state": state,
        "context": context(&action.context, told),
        "description": description(told),
        "target_url": told.link,
    })
}
