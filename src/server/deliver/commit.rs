//! Which commit an image was made of, as its labels say. They are written by whoever made the image, so that a repository
//! must be one of those that the configuration names.

use reqwest::Url;

use crate::error::{Error, ErrorKind, Result};
use crate::policy::Glob;

use super::super::config::action;
use super::Action;
use super::told::Told;

/// A commit in a repository of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Commit {
    /// `shop/api`, or with more groups.
    pub(super) repository: String,
    /// Its id, 40 or 64 hexadecimal digits.
    pub(super) id: String,
}

/// What is wrong with an action that tells of commits.
pub(super) fn check(action: &action::Action) -> Result<(), String> {
    match &action.repositories {
        Some(repositories) if !repositories.is_empty() => Ok(()),
        _ => Err("`repositories` names those that may be told of: without one nothing ever is".to_owned()),
    }
}

/// An address of a service's interface.
pub(super) fn address(service: &Url, path: &str) -> Result<Url> {
    let wrong = |_| Error::new(ErrorKind::Config, "the address makes no address");
    Url::parse(&format!("{}/{path}", service.as_str().trim_end_matches('/'))).map_err(wrong)
}

/// The commit, or why there is none to tell of. `host` is the one of the service's pages.
pub(super) fn commit_of(
    told: &Told,
    host: &str,
    parts: std::ops::RangeInclusive<usize>,
    allowed: &[Glob],
) -> Result<Commit, String> {
    let missing = |label: &str| format!("the image has no label `org.opencontainers.image.{label}`");
    let id = told.revision.as_deref().ok_or_else(|| missing("revision"))?;
    let code = told.code.as_deref().ok_or_else(|| missing("source"))?;
    if !matches!(id.len(), 40 | 64) || !id.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f')) {
        return Err("the image's revision is no id of a commit".to_owned());
    }
    let elsewhere = || "the image's source is no repository of this service".to_owned();
    let url = Url::parse(code).map_err(|_| elsewhere())?;
    let is_there = url.scheme() == "https" && url.host_str() == Some(host) && url.username().is_empty();
    if !is_there || code.len() > 500 {
        return Err(elsewhere());
    }
    let path = url.path().trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let is_sound = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.len() <= 100
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    let names: Vec<&str> = path.split('/').collect();
    if !parts.contains(&names.len()) || !names.iter().all(|part| is_sound(part)) {
        return Err(elsewhere());
    }
    if !allowed.iter().any(|glob| glob.is_match(path)) {
        return Err("the image's source is none of the `repositories` that may be told of".to_owned());
    }
    Ok(Commit { repository: path.to_owned(), id: id.to_owned() })
}

/// The name under which the status stands: with the image's repository in it, so that no image speaks for another one.
pub(super) fn context(context: &str, told: &Told) -> String {
    crop(&format!("{context}/{}", told.repository), 250)
}

/// Names the status of a commit at a service, none of which tells upper from lower case in names. `usual` is its address
/// where the action names none.
pub(super) fn target(
    action: &Action,
    told: &Told,
    usual: &str,
    commit: impl FnOnce(&Url, &Action, &Told) -> Result<Commit, String>,
) -> Option<String> {
    let service = action.url_or(usual).ok()?;
    let Commit { repository, id } = commit(&service, action, told).ok()?;
    let context = context(&action.context, told);
    Some(format!("{} {repository}@{id} {context}", service.host_str()?).to_lowercase())
}

/// A sentence of at most 140 characters, the least that the services take.
pub(super) fn description(told: &Told) -> String {
    let gaps = if told.outcome == "incomplete" { "; not everything could be read" } else { "" };
    crop(&format!("{}: {}{gaps}", told.outcome, told.counted()), 140)
}

pub(super) fn crop(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
