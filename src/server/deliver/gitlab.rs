//! The status of a commit at GitLab ("Commits API", "Set commit pipeline status").

use reqwest::Url;
use serde_json::json;

use crate::error::Result;

use super::super::config::action;
use super::commit::{self, Commit, address, check, commit_of, context, description};
use super::told::Told;
use super::{Action, Adapter, Doing, Outgoing};

const USUAL: &str = "https://gitlab.com/";

/// Groups in groups, and the project.
const MOST_PARTS: usize = 21;

pub(super) struct GitLab;

impl Adapter for GitLab {
    fn kind(&self) -> &'static str {
        "gitlab"
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

    fn target(&self, action: &Action, told: &Told) -> Option<String> {
        commit::target(action, told, USUAL, commit)
    }

    fn prepare(&self, action: &Action, told: &Told) -> Result<Doing> {
        let server = action.url_or(USUAL)?;
        let commit = match commit(&server, action, told) {
            Ok(commit) => commit,
            Err(why) => return Ok(Doing::Nothing(why)),
        };
        // the project's path is one part of the address
        let project = commit.repository.replace('/', "%2F");
        let url = address(&server, &format!("api/v4/projects/{project}/statuses/{}", commit.id))?;
        let mut body = json!({
            // it has no state for what could not be decided
            "state": if told.outcome == "passed" { "success" } else { "failed" },
            "name": context(&action.context, told),
            "description": description(told),
        });
        if let (Some(link), Some(body)) = (&told.link, body.as_object_mut()) {
            body.insert("target_url".to_owned(), json!(link));
        }
        let outgoing =
            Outgoing::post(url, body.to_string().into_bytes()).with_token("private-token", "", action.token()?)?;
        Ok(Doing::Request(Box::new(outgoing)))
    }
}

fn commit(server: &Url, action: &Action, told: &Told) -> Result<Commit, String> {
    commit_of(told, server.host_str().unwrap_or_default(), 2..=MOST_PARTS, &action.repositories)
}
