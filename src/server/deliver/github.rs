//! The status of a commit at GitHub ("REST API endpoints for commit statuses").

use serde_json::json;

use crate::error::Result;

use super::super::config::action;
use super::commit::{address, check, commit_of, context, description};
use super::told::Told;
use super::{Action, Adapter, Doing, Outgoing};

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
        &["url", "context"]
    }

    fn check(&self, action: &action::Action) -> Result<(), String> {
        check(action)
    }

    fn prepare(&self, action: &Action, told: &Told) -> Result<Doing> {
        let api = action.url_or(USUAL)?;
        // a server of one's own has its interface at `https://HOST/api/v3`
        let host = api.host_str().unwrap_or_default();
        let host = if host == "api.github.com" { "github.com" } else { host };
        let commit = match commit_of(told, host, 2..=2, &action.repositories) {
            Ok(commit) => commit,
            Err(why) => return Ok(Doing::Nothing(why)),
        };
        let url = address(&api, &format!("repos/{}/statuses/{}", commit.repository, commit.id))?;
        let state = match told.outcome.as_str() {
            "passed" => "success",
            "failed" => "failure",
            _ => "error",
        };
        let body = json!({
            "state": state,
            "context": context(&action.context, told),
            "description": description(told),
            "target_url": told.link,
        });
        let outgoing = Outgoing::post(url, body.to_string().into_bytes())
            .with("authorization", &format!("Bearer {}", action.token()?))?
            .with("accept", "application/vnd.github+json")?
            .with("x-github-api-version", "2022-11-28")?;
        Ok(Doing::Request(Box::new(outgoing)))
    }
}
