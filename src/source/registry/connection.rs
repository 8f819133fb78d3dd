//! A conversation with one endpoint: requests with authentication, tried again where that may help.

use std::sync::Arc;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LINK, WWW_AUTHENTICATE};
use reqwest::{Method, Response, StatusCode, Url};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::digest::Digest;
use crate::error::{Again, Error, ErrorKind, Result};
use crate::image::manifest::media_type;

use super::super::Access;
use super::address::{Endpoint, describe};
use super::auth::{Authorization, Challenge, answer, auth_error, choose_challenge};
use super::credentials::{self, Credential, Found};
use super::thread::beside;
use super::transport::{Ask, Failure, FailureKind, Transport};

/// Bytes of `WWW-Authenticate` looked at.
const LONGEST_CHALLENGE: usize = 16 * 1024;

/// Pages of one list.
const MOST_PAGES: usize = 16;

/// Longest query of a page's address, in bytes.
const LONGEST_QUERY: usize = 4 * 1024;

/// The pages of a list of referrers.
#[derive(Debug, Default)]
pub(super) struct Pages {
    pub(super) pages: Vec<Vec<u8>>,
    /// Whether there are more than are fetched.
    pub(super) are_cut: bool,
}

/// One endpoint, with what it knows of us.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) transport: Arc<Transport>,
    access: Arc<Access>,
    state: tokio::sync::Mutex<State>,
}

/// How requests prove who asks.
#[derive(Debug)]
struct State {
    auth: Authorization,
    /// Counts changes of `auth`, so that many requests that fail at once renew it once.
    generation: u64,
    /// The credential, once it was needed.
    found: Option<Found>,
}

/// What a manifest is asked by.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted<'a> {
    /// A name that may move.
    Tag(&'a str),
    /// The one of this digest.
    Digest(&'a Digest),
}

/// A request that changes something.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) method: Method,
    pub(super) goal: Goal,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Vec<u8>,
}

/// Where such a request goes.
#[derive(Debug, Clone)]
pub(super) enum Goal {
    /// Below the repository.
    Path(String),
    /// Where the registry said.
    Url(Url),
}

impl Connection {
    /// Nothing is sent until something is asked for.
    pub(super) fn new(endpoint: Endpoint, transport: Arc<Transport>, access: Arc<Access>) -> Result<Self> {
        let flags = credentials::from_flags(&access, &endpoint)?;
        let mut auth = Authorization::Anonymous;
        match &flags {
            Some(Credential::Token(token)) => {
                transport.keep_secret(&token.0);
                auth = Authorization::Bearer(token.clone());
            }
            Some(Credential::Password(_, password)) => transport.keep_secret(&password.0),
            _ => {}
        }
        let found = flags.map(|credential| Found { credential, trouble: None });
        let state = tokio::sync::Mutex::new(State { auth, generation: 0, found });
        Ok(Self { endpoint: Arc::new(endpoint), transport, access, state })
    }

    /// Fetches a manifest or index and verifies its digest, or that which the server says it has.
    pub(super) async fn manifest(&self, wanted: Wanted<'_>, most: u64) -> Result<Vec<u8>> {
        let accept =
            [media_type::OCI_INDEX, media_type::DOCKER_INDEX, media_type::OCI_MANIFEST, media_type::DOCKER_MANIFEST]
                .join(", ");
        let (name, shown) = match wanted {
            Wanted::Tag(tag) => (tag.to_owned(), format!("`{tag}`")),
            Wanted::Digest(digest) => (digest.to_string(), digest.short()),
        };
        let what = format!("the manifest {shown} of `{}`", self.endpoint.repository);
        let (bytes, headers) = self.document(&what, &format!("manifests/{name}"), &accept, most).await?;
        let differs = |said: &str| {
            Error::malformed(format!("{what} does not have the digest {said}"))
                .at(format!("{}/{}", self.endpoint.authority, self.endpoint.repository))
        };
        if let Wanted::Digest(digest) = wanted
            && !digest.matches(&bytes)
        {
            if !is_manifest(&bytes) {
                return Err(self.no_manifest(&what));
            }
            return Err(differs("it is named by").help("the registry, or something between, changed it"));
        }
        let stated = headers.get("docker-content-digest").and_then(|value| value.to_str().ok());
        let stated = stated.and_then(|stated| stated.parse::<Digest>().ok());
        if stated.as_ref().is_some_and(|stated| !stated.matches(&bytes)) {
            return Err(differs("that the registry says it has").help("the registry, or something between, changed it"));
        }
        // what nobody says the digest of has to speak for itself
        if matches!(wanted, Wanted::Tag(_)) && stated.is_none() && !is_manifest(&bytes) {
            return Err(self.no_manifest(&what));
        }
        Ok(bytes)
    }

    /// An answer of 200 that is something else, such as the page of a log-in: what is in front of a registry may go again.
    fn no_manifest(&self, what: &str) -> Error {
        let error =
            Error::new(ErrorKind::Network, format!("cannot fetch {what}: the server answers with something else"));
        let mut error = error.at(format!("{}/{}", self.endpoint.authority, self.endpoint.repository)).help(
            "is it a registry? Something in front of it, such as a log-in or a notice of maintenance, may have answered",
        );
        error.again = Some(Again::SOON);
        error
    }

    /// Fetches the list of referrers of `subject`, all its pages, each of at most `most` bytes.
    ///
    /// No filter is asked for: documents go by many types, and registries may ignore a filter anyway.
    pub(super) async fn referrers(&self, subject: &Digest, most: u64) -> Result<Pages> {
        let what = format!("the referrers of {} of `{}`", subject.short(), self.endpoint.repository);
        let path = format!("referrers/{subject}");
        let mut found = Pages::default();
        let mut next = Some(path.clone());
        while let Some(page) = next {
            if found.pages.len() >= MOST_PAGES {
                found.are_cut = true;
                break;
            }
            let (bytes, headers) = self.document(&what, &page, media_type::OCI_INDEX, most).await?;
            found.pages.push(bytes);
            let link = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok()).find_map(next_query);
            next = link.map(|query| format!("{path}?{query}"));
        }
        Ok(found)
    }

    /// Fetches a page of the list of tags, and says with which query there is another one.
    pub(super) async fn tags(&self, query: &str, most: u64) -> Result<(Vec<u8>, Option<String>)> {
        let what = format!("the tags of `{}`", self.endpoint.repository);
        let (bytes, headers) = self.document(&what, &format!("tags/list?{query}"), "application/json", most).await?;
        let next = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok()).find_map(next_query);
        Ok((bytes, next))
    }

    /// Fetches a small blob whole. Its digest is for the caller to verify.
    pub(super) async fn small_blob(&self, digest: &Digest, most: u64) -> Result<Vec<u8>> {
        let what = format!("the document {} of `{}`", digest.short(), self.endpoint.repository);
        Ok(self.document(&what, &format!("blobs/{digest}"), "", most).await?.0)
    }

    /// Starts fetching a blob from byte `from`.
    pub(super) async fn blob(&self, digest: &Digest, from: u64) -> Result<Response> {
        let what = format!("the blob {} of `{}`", digest.short(), self.endpoint.repository);
        let path = format!("blobs/{digest}");
        let mut failures = 0;
        loop {
            match self.get(&what, &path, "", from).await {
                Ok(response) => return Ok(response),
                Err(failure) => {
                    failures += 1;
                    self.pause(failures, failure).await?;
                }
            }
        }
    }

    /// Fetches something small whole; a body that breaks off is fetched again.
    async fn document(&self, what: &str, path: &str, accept: &str, most: u64) -> Result<(Vec<u8>, HeaderMap)> {
        let mut failures = 0;
        loop {
            match self.try_document(what, path, accept, most).await {
                Ok(document) => return Ok(document),
                Err(failure) => {
                    failures += 1;
                    self.pause(failures, failure).await?;
                }
            }
        }
    }

    async fn try_document(
        &self,
        what: &str,
        path: &str,
        accept: &str,
        most: u64,
    ) -> Result<(Vec<u8>, HeaderMap), Failure> {
        let response = self.get(what, path, accept, 0).await?;
        let headers = response.headers().clone();
        Ok((self.transport.read_capped(what, response, most).await?, headers))
    }

    /// Waits before another try, or gives the failure back where there should be none.
    pub(super) async fn pause(&self, failures: u32, failure: Failure) -> Result<()> {
        let pace = &self.transport.pace;
        if pace.gives_up(failures, failure.kind) {
            let mut error = failure.error;
            if failures > 1 {
                error.message = format!("{} (tried {failures} times)", error.message);
            }
            error.again = match failure.kind {
                // not at once, but later, where the error says so
                FailureKind::Lasting => error.again,
                FailureKind::NoConnection | FailureKind::Slow => Some(Again::SOON),
                FailureKind::Passing(after) => Some(Again::after(after)),
            };
            return Err(error);
        }
        tokio::time::sleep(pace.wait_after(failures, failure.kind.asked())).await;
        Ok(())
    }

    /// Sends one request; a success, or a failure that is described. Authenticates anew when asked to, once.
    async fn get(&self, what: &str, path: &str, accept: &str, from: u64) -> Result<Response, Failure> {
        let mut is_renewed = false;
        loop {
            let (auth, generation) = {
                let state = self.state.lock().await;
                (state.auth.clone(), state.generation)
            };
            let (response, url) = self.send(path, &auth, accept, from).await?;
            let status = response.status();
            if status.is_success() || (from > 0 && status == StatusCode::RANGE_NOT_SATISFIABLE) {
                return Ok(response);
            }
            // a host that was redirected to has no say in how to log in
            let is_own = response.url().origin() == url.origin();
            if status == StatusCode::UNAUTHORIZED && is_own && !is_renewed {
                let challenge = challenge_of(response.headers());
                self.renew(generation, challenge, &url).await?;
                is_renewed = true;
                continue;
            }
            let mut failure = self.transport.refuse(what, response).await;
            if failure.error.kind == ErrorKind::Auth {
                failure = self.explain_refusal(failure, status, is_own).await;
            }
            return Err(failure);
        }
    }

    /// Sends one request that changes something; any status but one that asks for a login is a success.
    pub(super) async fn exchange(&self, what: &str, sending: &Sending) -> Result<Response, Failure> {
        let mut is_renewed = false;
        loop {
            let (auth, generation) = {
                let state = self.state.lock().await;
                (state.auth.clone(), state.generation)
            };
            let (response, url, is_own) = self.exchange_once(what, sending, &auth).await?;
            if response.status() != StatusCode::UNAUTHORIZED || !is_own || is_renewed {
                return Ok(response);
            }
            let challenge = challenge_of(response.headers());
            self.renew(generation, challenge, &url).await?;
            is_renewed = true;
        }
    }

    /// The answer, where it went, and whether that is the registry's own host.
    async fn exchange_once(
        &self,
        what: &str,
        sending: &Sending,
        auth: &Authorization,
    ) -> Result<(Response, Url, bool), Failure> {
        let schemes = self.endpoint.schemes();
        for (place, scheme) in schemes.iter().enumerate() {
            let is_last = place + 1 == schemes.len();
            let (url, is_own) = match &sending.goal {
                Goal::Path(path) => (self.endpoint.url(*scheme, path)?, true),
                Goal::Url(url) => (url.clone(), self.endpoint.owns(url)),
            };
            let auth = if is_own { auth } else { &Authorization::Anonymous };
            match self.transport.exchange(&url, auth, self.endpoint.insecure && is_own, sending).await {
                Ok(response) => {
                    if matches!(sending.goal, Goal::Path(_)) {
                        self.endpoint.settle(*scheme);
                    }
                    return Ok((response, url, is_own));
                }
                Err(failure)
                    if !is_last
                        && (failure.kind == FailureKind::NoConnection || failure.error.kind == ErrorKind::Config) => {}
                Err(failure) => return Err(failure),
            }
        }
        Err(Error::new(ErrorKind::Internal, format!("no scheme to {what}")).into())
    }

    /// Describes an answer that was not hoped for.
    pub(super) async fn refused(&self, doing: &str, response: Response) -> Failure {
        let status = response.status();
        let failure = self.transport.refuse_to(doing, response).await;
        match failure.error.kind {
            ErrorKind::Auth => self.explain_refusal(failure, status, true).await,
            _ => failure,
        }
    }

    /// Sends one request by the first scheme that works.
    async fn send(
        &self,
        path: &str,
        auth: &Authorization,
        accept: &str,
        from: u64,
    ) -> Result<(Response, Url), Failure> {
        let schemes = self.endpoint.schemes();
        for (place, scheme) in schemes.iter().enumerate() {
            let is_last = place + 1 == schemes.len();
            let url = self.endpoint.url(*scheme, path)?;
            let insecure = self.endpoint.insecure;
            let ask = Ask { url: url.clone(), auth, accept, from, form: None, insecure, headers: Vec::new() };
            match self.transport.send(&ask).await {
                Ok(response) => {
                    self.endpoint.settle(*scheme);
                    return Ok((response, url));
                }
                // `Config`: this system has no root certificates, which plain HTTP needs none of
                Err(failure)
                    if !is_last
                        && (failure.kind == FailureKind::NoConnection || failure.error.kind == ErrorKind::Config) => {}
                Err(failure) => return Err(failure),
            }
        }
        Err(Error::new(ErrorKind::Internal, "no scheme to speak to the registry").into())
    }

    /// Answers a challenge, unless another request did so since `generation`.
    async fn renew(&self, generation: u64, challenge: Option<Challenge>, url: &Url) -> Result<(), Failure> {
        let mut state = self.state.lock().await;
        if state.generation != generation {
            return Ok(());
        }
        let found = if let Some(found) = &state.found {
            found.clone()
        } else {
            let found = self.find_credential().await;
            state.found = Some(found.clone());
            found
        };
        let told = |mut error: Error| {
            if let Some(trouble) = &found.trouble {
                error.help = Some(format!("{trouble}; {}", error.help.unwrap_or_default()));
            }
            error
        };
        let Some(challenge) = challenge else {
            return Err(told(auth_error(&self.endpoint, "it does not say how to log in")).into());
        };
        let is_refused = match (&found.credential, &challenge) {
            (Credential::Token(_), _) => true,
            // sending a wrong password again may lock an account
            (_, Challenge::Basic) => matches!(state.auth, Authorization::Basic(..)),
            _ => false,
        };
        if is_refused {
            return Err(auth_error(&self.endpoint, "it refuses the credentials").into());
        }
        let trusted = &self.access.trusted_realms;
        let auth = answer(&challenge, &self.endpoint, &found.credential, trusted, &self.transport, url).await;
        state.auth = auth.map_err(|failure| Failure { error: told(failure.error), kind: failure.kind })?;
        state.generation += 1;
        Ok(())
    }

    /// Looks into configuration files, beside the runtime since a helper program may run for it.
    async fn find_credential(&self) -> Found {
        let access = Arc::clone(&self.access);
        let endpoint = Arc::clone(&self.endpoint);
        let search = beside(move || credentials::from_files(&access, &endpoint, credentials::HELPER_DEADLINE));
        let found = search.await.unwrap_or_default();
        match &found.credential {
            Credential::Password(_, secret) | Credential::Identity(secret) | Credential::Token(secret) => {
                self.transport.keep_secret(&secret.0);
            }
            Credential::None => {}
        }
        found
    }

    async fn explain_refusal(&self, failure: Failure, status: StatusCode, is_own: bool) -> Failure {
        let Failure { error, kind } = failure;
        if !is_own {
            return Failure { error: Error { kind: ErrorKind::Network, ..error }, kind };
        }
        let state = self.state.lock().await;
        let is_anonymous = state.found.as_ref().is_none_or(|found| matches!(found.credential, Credential::None));
        let why = if is_anonymous {
            "; it may not exist, or not be for everybody"
        } else if status == StatusCode::UNAUTHORIZED {
            "; the login is not accepted"
        } else if self.endpoint.scopes.is_empty() {
            "; the login may lack the permission to pull, or the repository may not exist"
        } else {
            "; the login may lack the permission to push"
        };
        let mut explained = auth_error(&self.endpoint, &format!("{}{why}", error.message));
        explained.place = error.place;
        if let Some(trouble) = state.found.as_ref().and_then(|found| found.trouble.as_ref()) {
            explained.help = Some(format!("{trouble}; {}", explained.help.unwrap_or_default()));
        }
        Failure { error: explained, kind }
    }

    /// Where a URL of this endpoint leads, for messages.
    pub(super) fn place(&self, digest: &Digest) -> String {
        let scheme = self.endpoint.schemes().first().copied();
        scheme
            .and_then(|scheme| self.endpoint.url(scheme, &format!("blobs/{digest}")).ok())
            .map_or_else(|| self.endpoint.authority.clone(), |url| describe(&url))
    }
}

/// The query of the next page's address (RFC 8288: `<…?query>; rel="next"`). Host and path of it are not taken from
/// the server: the next page is where this one was.
fn next_query(link: &str) -> Option<String> {
    let (address, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = parameters.split(';').any(|one| matches!(one.trim(), r#"rel="next""# | "rel=next"));
    let query = address.split_once('?')?.1.split('#').next()?;
    let is_sound = query.len() <= LONGEST_QUERY && query.bytes().all(|b| b.is_ascii_graphic());
    (is_next && is_sound).then(|| query.to_owned())
}

/// Whether a text speaks as a manifest or an index, of whatever version and type.
fn is_manifest(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Said {
        schema_version: Option<u64>,
        media_type: Option<String>,
        config: Option<IgnoredAny>,
        layers: Option<Vec<IgnoredAny>>,
        manifests: Option<Vec<IgnoredAny>>,
    }
    serde_json::from_slice::<Said>(bytes).is_ok_and(|said| {
        said.schema_version.is_some()
            || said.manifests.is_some()
            || (said.config.is_some() && said.layers.is_some())
            || said.media_type.is_some_and(|media_type| media_type.starts_with("application/vnd."))
    })
}

fn challenge_of(headers: &HeaderMap) -> Option<Challenge> {
    let texts = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    choose_challenge(texts.filter(|text| text.len() <= LONGEST_CHALLENGE))
}
