//! Tells others of reports. What is to be told is written in the same step as the report ([`plan`]), and sent until it
//! arrives or is given up ([`run`]). Each kind of receiver is one file here and one line in [`ADAPTERS`].

mod commit;
mod github;
mod github_check;
mod gitlab;
mod http;
pub mod plan;
mod quarantine;
mod referrer;
pub mod run;
mod slack;
pub mod told;
mod webhook;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Url;

use crate::error::{Error, ErrorKind, Result};
use crate::policy::Glob;
use crate::source::{Access, Sensitive};

use super::config::action::{self, On};
use super::config::{Config, SecretPlace};
use super::work::access_of;
pub use http::check_url;
use http::{Client, Outgoing};
use told::Told;

/// Says how one kind of receiver is told.
pub trait Adapter: Sync {
    /// The word in `kind = "…"`.
    fn kind(&self) -> &'static str;

    /// Keys that an action of this kind must have.
    fn needs(&self) -> &'static [&'static str];

    /// Keys that it may have.
    fn may_have(&self) -> &'static [&'static str];

    /// What else is wrong with an action of this kind.
    fn check(&self, _action: &action::Action) -> Result<(), String> {
        Ok(())
    }

    /// What is wrong with its secret, in words that show nothing of it.
    fn check_secret(&self, _secret: &str, _action: &action::Action) -> Result<(), String> {
        Ok(())
    }

    /// Whether it needs reports as documents, in these formats.
    fn documents<'a>(&self, _action: &'a Action) -> &'a [String] {
        &[]
    }

    /// What it sets, where what is told of a newer report takes its place: an older one is not told of behind it.
    fn target(&self, _action: &Action, _told: &Told) -> Option<String> {
        None
    }

    /// What is to be done for one report. Does nothing itself, and is the same for each try.
    fn prepare(&self, action: &Action, told: &Told) -> Result<Doing>;
}

impl std::fmt::Debug for dyn Adapter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind())
    }
}

/// What is to be done.
pub enum Doing {
    /// Nothing; says why.
    Nothing(String),
    /// A request over HTTP.
    Request(Box<Outgoing>),
    /// Something at the image's registry, which blocks.
    AtRegistry(Box<AtRegistry>),
}

/// Something to be done with the credentials of a registry.
type AtRegistry = dyn FnOnce(&Access) -> Result<()> + Send;

/// All kinds, sorted.
pub static ADAPTERS: &[&dyn Adapter] =
    &[&github::GitHub, &gitlab::GitLab, &quarantine::Quarantine, &referrer::Referrer, &slack::Slack, &webhook::Webhook];

/// The adapter of a kind.
pub fn adapter_of(kind: &str) -> Option<&'static dyn Adapter> {
    ADAPTERS.iter().copied().find(|adapter| adapter.kind() == kind)
}

/// A configured action, its secrets read. Shows none of them.
#[derive(Debug)]
pub struct Action {
    /// Its name.
    pub name: String,
    adapter: &'static dyn Adapter,
    on: Vec<On>,
    source: Glob,
    repository: Glob,
    url: Option<Url>,
    secret: Option<Sensitive>,
    token: Option<SecretPlace>,
    allow_private: bool,
    attempts: u32,
    timeout: Duration,
    repositories: Vec<Glob>,
    context: String,
    checks: bool,
    dockerfile: Option<String>,
    formats: Vec<String>,
    tag: String,
    client: Client,
}

/// All actions, and how the registries are asked.
#[derive(Debug, Default)]
pub struct Actions {
    all: Vec<Action>,
    registries: BTreeMap<String, Registry>,
    public_url: Option<String>,
}

#[derive(Debug)]
struct Registry {
    host: String,
    access: Access,
}

impl Actions {
    /// Those of a configuration.
    pub fn open(config: &Config) -> Result<Self> {
        let all = config.actions.iter().map(|action| {
            let place = format!("action `{}`", action.name.get_ref());
            Action::open(action).map_err(|error| error.at(place))
        });
        let registry = |registry: &super::config::Registry| {
            let entry = Registry { host: registry.host.clone(), access: access_of(registry)? };
            Ok((registry.name.get_ref().clone(), entry))
        };
        Ok(Self {
            all: all.collect::<Result<_>>()?,
            registries: config.registries.iter().map(registry).collect::<Result<_>>()?,
            public_url: config.public_url.as_ref().map(|url| url.trim_end_matches('/').to_owned()),
        })
    }

    /// All of them.
    pub fn all(&self) -> &[Action] {
        &self.all
    }

    /// The address of a report's page.
    fn link(&self, report: &str) -> Option<String> {
        self.public_url.as_ref().map(|url| format!("{url}/reports/{report}"))
    }
}

impl Action {
    fn open(action: &action::Action) -> Result<Self> {
        let wrong = |what: String| Error::new(ErrorKind::Config, what);
        let adapter = adapter_of(action.kind.get_ref()).ok_or_else(|| wrong("there is no such kind".into()))?;
        let glob = |text: &String| Glob::path(text).map_err(wrong);
        let secret = action.secret.as_ref().map(SecretPlace::read_one).transpose()?;
        if let Some(secret) = &secret {
            adapter.check_secret(&secret.0, action).map_err(wrong)?;
        }
        // read again for each delivery, and so that nothing begins with one that is not there
        action.token.as_ref().map(SecretPlace::read_one).transpose()?;
        let url = match &action.url {
            Some(url) => Some(check_url(url.get_ref(), action.allow_private).map_err(wrong)?),
            None => None,
        };
        Ok(Self {
            name: action.name.get_ref().clone(),
            adapter,
            on: action.on.get_ref().clone(),
            source: glob(&action.source)?,
            repository: glob(&action.repository)?,
            url,
            secret,
            token: action.token.clone(),
            allow_private: action.allow_private,
            attempts: action.attempts,
            timeout: action.timeout.0,
            repositories: action.repositories.iter().flatten().map(glob).collect::<Result<_>>()?,
            context: action.context.clone().unwrap_or_else(|| "careen".to_owned()),
            checks: action.checks.unwrap_or(false),
            dockerfile: action.dockerfile.clone(),
            formats: action.formats.clone().unwrap_or_default(),
            tag: action.tag.clone().unwrap_or_default(),
            client: Client::new(action.allow_private, action.ca_certificate.as_deref())?,
        })
    }

    /// Whether it is for this source and repository, and for something of what came about.
    fn is_for(&self, source: &str, repository: &str, came_about: &[On]) -> bool {
        self.on.iter().any(|on| came_about.contains(on))
            && self.source.is_match(source)
            && self.repository.is_match(repository)
    }

    /// The address, or that of a well-known service.
    fn url_or(&self, usual: &str) -> Result<Url> {
        match &self.url {
            Some(url) => Ok(url.clone()),
            None => {
                Url::parse(usual).map_err(|_| Error::new(ErrorKind::Internal, "an address of careen's own is none"))
            }
        }
    }

    /// What proves to the receiver who tells, as it is now: some tokens are good for an hour.
    fn token(&self) -> Result<Sensitive> {
        let place = self.token.as_ref().ok_or_else(|| Error::new(ErrorKind::Config, "there is no token"))?;
        place.read_one()
    }

    fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secret.iter().map(|secret| secret.0.as_str())
    }
}
