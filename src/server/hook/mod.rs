//! `POST /hooks/NAME`: takes a webhook, and answers once what it says is on the disk.
//!
//! Who sent it is proven before anything of it is read, and who proves nothing leaves no trace in the store. What cannot
//! be read is kept as a dead letter and acknowledged, since senders of the distribution family send a refused event
//! again for ever, and nothing behind it.

mod body;
#[cfg(test)]
pub(super) mod testing;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::Router;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};

use super::auth::{Identity, Keys, Presented, Proof, Refused};
use super::clock::Clock;
use super::config::{Auth, Config, Source};
use super::event::{self, Delivered, Notice, Sender, What};
use super::failpoint::Point;
use super::filing::{Kept, keep, keep_start, wake};
use super::metrics::HOOKS;
use super::state::Server;
use body::{Whole, drop_rest, whole};

/// Bytes of a header field that are kept of it; one that is longer is left out.
pub(super) const KEPT_OF_FIELD: usize = 256;

/// A configured source: who it is, and how it is read.
#[derive(Debug)]
pub struct Hook {
    /// Its name.
    pub name: String,
    /// The registry it speaks of.
    pub registry: String,
    /// That registry's host, and other names it goes by.
    pub hosts: Vec<String>,
    /// Whether it was told that dead letters went to make room for others.
    pub(super) has_dropped: AtomicBool,
    proof: Proof,
    sender: &'static dyn Sender,
}

impl std::fmt::Debug for dyn Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind())
    }
}

impl Hook {
    /// All sources of a configuration, with their secrets read.
    pub fn all(config: &Config) -> Result<BTreeMap<String, Self>> {
        let hook = |source: &Source| {
            let name = source.name.get_ref().clone();
            let wrong = |error: Error| error.at(format!("source `{name}`"));
            let sender = event::of_kind(source.kind.get_ref())
                .ok_or_else(|| wrong(Error::new(ErrorKind::Config, "there is no such kind of sender")))?;
            let registry = config
                .registry(source.registry.get_ref())
                .ok_or_else(|| wrong(Error::new(ErrorKind::Config, "there is no such registry")))?;
            let proof = proof_of(&source.auth, sender).map_err(wrong)?;
            let hosts = std::iter::once(&registry.host).chain(&registry.aliases).cloned().collect();
            let registry = registry.name.get_ref().clone();
            Ok((name.clone(), Self { name, registry, hosts, has_dropped: AtomicBool::new(false), proof, sender }))
        };
        config.sources.iter().map(hook).collect()
    }

    /// The host of its registry, which is asked.
    pub fn host(&self) -> &str {
        self.hosts.first().map_or("", String::as_str)
    }

    /// What a webhook says; where it cannot be read as a whole, that.
    pub(super) fn notices(&self, delivered: &Delivered<'_>) -> Vec<Notice> {
        self.sender.read(delivered).unwrap_or_else(|unreadable| {
            let id = format!("body:{}", Digest::sha256(delivered.body));
            vec![Notice { id, is_unique: true, at: None, what: What::Unreadable(unreadable) }]
        })
    }

    /// The header fields that the sender's reader looks at, as they are kept with what cannot be read.
    pub(super) fn fields(&self, headers: &HeaderMap) -> Option<String> {
        let field = |name: &&'static str| {
            let value = headers.get(*name)?.to_str().ok()?;
            (value.len() <= KEPT_OF_FIELD).then(|| (*name, value.to_owned()))
        };
        let fields: Vec<(&str, String)> = self.sender.fields().iter().filter_map(field).collect();
        if fields.is_empty() { None } else { serde_json::to_string(&fields).ok() }
    }

    /// Those fields, of what was kept.
    pub(super) fn headers(&self, kept: &str) -> HeaderMap {
        let fields: Vec<(String, String)> = serde_json::from_str(kept).unwrap_or_default();
        let field = |name: &&'static str| {
            let (_, value) = fields.iter().find(|(kept, _)| kept == name)?;
            Some((HeaderName::from_static(name), HeaderValue::from_str(value).ok()?))
        };
        self.sender.fields().iter().filter_map(field).collect()
    }

    /// The keys that its proof needs of an identity provider.
    pub fn keys(&self) -> Option<&Arc<Keys>> {
        match &self.proof {
            Proof::Identity(identity) => Some(identity.keys()),
            _ => None,
        }
    }
}

fn proof_of(auth: &Auth, sender: &dyn Sender) -> Result<Proof> {
    let wrong = |what: String| Error::new(ErrorKind::Config, what);
    match auth {
        Auth::None => Ok(Proof::Nothing),
        Auth::Header { name, secret } => Proof::header(name, &secret.read()?).map_err(wrong),
        Auth::Signature { secret } => {
            let form = sender.signature().ok_or_else(|| {
                wrong(format!("`{}` signs nothing", sender.kind()))
                    .help("let it prove itself by `header`, `path` or `basic`")
            })?;
            Proof::signature(form, &secret.read()?).map_err(wrong)
        }
        Auth::Path { secret } => Proof::path(&secret.read()?).map_err(wrong),
        Auth::Basic { username, secret } => Proof::basic(username, &secret.read()?).map_err(wrong),
        Auth::Oidc { audience, email, issuers, .. } => {
            Identity::new(issuers.clone(), audience.clone(), vec![email.clone()], Vec::new(), Arc::new(Keys::default()))
                .map(Proof::Identity)
                .map_err(wrong)
        }
    }
}

/// The routes.
pub fn routes() -> Router<Arc<Server>> {
    Router::new().route("/hooks/{name}", post(plain)).route("/hooks/{name}/{secret}", post(with_secret))
}

async fn plain(State(server): State<Arc<Server>>, Path(name): Path<String>, request: Request) -> Response {
    take(&server, &name, None, request).await
}

async fn with_secret(
    State(server): State<Arc<Server>>,
    Path((name, secret)): Path<(String, String)>,
    request: Request,
) -> Response {
    take(&server, &name, Some(&secret), request).await
}

/// What is answered: a status, and a word that says no more than the sender may know.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    word: &'static str,
    /// Seconds.
    retry_after: Option<u32>,
}

impl Answer {
    const fn new(status: StatusCode, word: &'static str) -> Self {
        Self { status, word, retry_after: None }
    }

    const fn later(word: &'static str) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, word, retry_after: Some(30) }
    }
}

async fn take(server: &Server, name: &str, secret: Option<&str>, request: Request) -> Response {
    let Some(hook) = server.hooks.get(name) else {
        return (StatusCode::NOT_FOUND, "no such hook\n").into_response();
    };
    let answer = if server.is_ending() { Answer::later("ending") } else { read(server, hook, secret, request).await };
    server.metrics.count(HOOKS, &[("source", &hook.name), ("outcome", answer.word)]);
    let mut response = (answer.status, format!("{}\n", answer.word)).into_response();
    if let Some(seconds) = answer.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    // the rest of a body that was not read would be in the way: nobody is to send anything behind it
    if answer.status.is_client_error() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn read(server: &Server, hook: &Hook, secret: Option<&str>, request: Request) -> Answer {
    let (parts, mut body) = request.into_parts();
    let now = Clock::system().timestamp();
    let presented = Presented { headers: &parts.headers, path_token: secret, body: &[], now };
    let refuse = |refused: Refused| {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.to_string());
        tracing::warn!(source = hook.name, why = refused.why, peer, "a webhook was refused");
        if refused.is_transient { Answer::later("later") } else { Answer::new(StatusCode::UNAUTHORIZED, "refused") }
    };
    if let Err(refused) = hook.proof.check_head(&presented) {
        return refuse(refused);
    }
    let is_encoded = |value: &HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"identity");
    if parts.headers.get_all(header::CONTENT_ENCODING).iter().any(is_encoded) {
        return Answer::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "encoded");
    }
    let most = hook.sender.largest_body();
    let (body, _room) = match whole(&mut body, most.to_usize(), &server.bodies).await {
        Ok(Whole::Read(body, room)) => (body, room),
        // who sends it is known: refused, it would be sent again for ever, and nothing behind it
        Ok(Whole::TooLarge(start, _room)) if !hook.proof.is_of_body() => {
            drop_rest(body).await;
            let delivered = Delivered { headers: &parts.headers, body: &start };
            return answer(server, hook, keep_start(server, hook, &delivered, most, server.clock.now()).await).await;
        }
        Ok(Whole::TooLarge(..)) => return Answer::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
        Err(answer) => return answer,
    };
    if Point::Body.reach().await.is_err() {
        return Answer::later("later");
    }
    if hook.proof.is_of_body()
        && let Err(refused) = hook.proof.check(&Presented { body: &body, ..presented })
    {
        return refuse(refused);
    }
    if Point::Auth.reach().await.is_err() {
        return Answer::later("later");
    }
    let now = server.clock.now();
    let delivered = Delivered { headers: &parts.headers, body: &body };
    answer(server, hook, keep(server, hook, &delivered, now).await).await
}

/// What is answered where a webhook was stored, or was not.
async fn answer(server: &Server, hook: &Hook, kept: Result<Kept>) -> Answer {
    match kept {
        Ok(Kept { is_full: true, .. }) => Answer::later("full"),
        Ok(kept) => {
            wake(server, &kept);
            // most are of layers, and of what else no job comes of
            if kept.jobs + kept.dead > 0 {
                let (jobs, dead, event, images) = (kept.jobs, kept.dead, &kept.event, &kept.images);
                tracing::info!(source = hook.name, jobs, dead, event, images, "a webhook was taken");
            } else {
                tracing::debug!(source = hook.name, "a webhook was taken that asks for nothing");
            }
            if Point::Answer.reach().await.is_err() {
                return Answer::later("later");
            }
            Answer::new(StatusCode::ACCEPTED, if kept.dead > 0 { "dead" } else { "taken" })
        }
        Err(error) => {
            tracing::error!(source = hook.name, error = %error, "a webhook could not be stored");
            Answer::later("not-stored")
        }
    }
}

#[cfg(test)]
mod tests;
