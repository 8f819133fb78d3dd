//! Requests to those who are told. Where they go stands in the configuration alone, and is checked again when they go:
//! a name must not lead to a local network, and the address that was checked is the one that is connected to. No
//! redirect is followed, and no proxy asked, which would look the name up once more.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode, Url};

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::source::Sensitive;
use crate::source::registry::{is_metadata_address, is_public};

/// Bytes of an answer that are looked at.
const LARGEST_ANSWER: usize = 16 << 10;

/// Characters of a receiver's own words that are kept.
const WORDS: usize = 200;

/// The longest wait that a receiver may ask for.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// For TCP and TLS together.
const CONNECTING: Duration = Duration::from_secs(5);

/// Bytes of a file of certificates.
const LARGEST_PEM: u64 = 4 << 20;

/// A request, with a body of JSON.
#[derive(Clone)]
pub struct Outgoing {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// What proves who sends, if it is in there.
    token: Option<Sensitive>,
}

impl std::fmt::Debug for Outgoing {
    /// The path and the fields may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing")
            .field("host", &self.url.host_str())
            .field("body", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Outgoing {
    /// A JSON text to be posted.
    pub(super) fn post(url: Url, body: Vec<u8>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self { method: Method::POST, url, headers, body, token: None }
    }

    /// With a header field that proves who sends: a token behind the words `before`.
    pub(super) fn with_token(self, name: &'static str, before: &str, token: Sensitive) -> Result<Self> {
        let outgoing = self.with(name, &format!("{before}{}", token.0))?;
        Ok(Self { token: Some(token), ..outgoing })
    }

    /// With a header field. One that is a secret is marked as such.
    pub(super) fn with(mut self, name: &'static str, value: &str) -> Result<Self> {
        let name = HeaderName::from_static(name);
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            Error::new(ErrorKind::Config, format!("what `{name}` is to carry cannot stand in a header"))
        })?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        Ok(self)
    }
}

/// Why a receiver was not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) reason: String,
    /// Whether the same again is hardly of any use.
    pub(super) is_lasting: bool,
    pub(super) retry_after: Option<Duration>,
}

/// Sends to the receiver of one action.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    allow_private: bool,
}

/// Parses a receiver's address, and refuses what is never contacted.
pub fn check_url(text: &str, allow_private: bool) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "this is no address such as `https://chat.example/hook`".to_owned())?;
    match url.scheme() {
        "https" => {}
        "http" if allow_private => {}
        _ => return Err("an address begins with `https://`, or with `http://` where `allow-private = true`".to_owned()),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an address has no user and no password: put them into a file, as `token` or `secret`".to_owned());
    }
    if let Some(address) = address_of(&url) {
        check_address(address, allow_private)?;
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("the address has no host".to_owned());
    }
    Ok(url)
}

/// The host, where it is a number. The URL's parser has made the odd forms of numbers plain.
fn address_of(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn check_address(address: IpAddr, allow_private: bool) -> Result<(), String> {
    if is_metadata_address(address) {
        return Err("this is a link-local or metadata address, which is never contacted".to_owned());
    }
    if !allow_private && !is_public(address) {
        return Err("this is an address of a local network: if it is meant, set `allow-private = true`".to_owned());
    }
    Ok(())
}

/// The addresses of a name, if none of them is one that may not be contacted: a name that stands for both kinds is
/// somebody's trick.
fn checked(found: Vec<SocketAddr>, allow_private: bool) -> Result<Vec<SocketAddr>, String> {
    for address in &found {
        check_address(address.ip(), allow_private)?;
    }
    Ok(found)
}

#[derive(Debug)]
struct Resolver {
    allow_private: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let found = checked(found, allow_private)?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

impl Client {
    pub(super) fn new(allow_private: bool, roots: Option<&Path>) -> Result<Self> {
        // fails when a provider is set already, which then serves as well
        let _ = rustls::crypto::ring::default_provider().install_default();
        let roots = roots.map(certificates).transpose()?.unwrap_or_default();
        let builder = reqwest::Client::builder()
            .user_agent(concat!("careen/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .http1_only()
            // tries are counted by the queue
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECTING)
            .pool_max_idle_per_host(0)
            .dns_resolver(Arc::new(Resolver { allow_private }))
            .tls_certs_merge(roots);
        let http = builder.build().map_err(|error| {
            Error::new(ErrorKind::Config, format!("cannot set up HTTPS: {}", innermost(&error)))
                .help("install the system's root certificates (`ca-certificates`)")
        })?;
        Ok(Self { http, allow_private })
    }

    /// Sends a request once. `secrets`, and its token, are never shown, even if the receiver repeats them.
    pub(super) async fn send<'a>(
        &self,
        outgoing: &'a Outgoing,
        timeout: Duration,
        secrets: impl Iterator<Item = &'a str>,
    ) -> Result<(), Failed> {
        let lasting = |reason: String| Failed { reason, is_lasting: true, retry_after: None };
        let url = check_url(outgoing.url.as_str(), self.allow_private).map_err(lasting)?;
        let request = self
            .http
            .request(outgoing.method.clone(), url)
            .headers(outgoing.headers.clone())
            .body(outgoing.body.clone())
            .timeout(timeout);
        let response = request.send().await.map_err(|error| failure(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let token = outgoing.token.iter().map(|token| token.0.as_str());
        let retry_after =
            response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let retry_after = retry_after.map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT));
        let passes =
            matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS);
        let is_lasting = !passes && !status.is_server_error();
        let mut reason = format!("the receiver answers {}", status.as_u16());
        if status.is_redirection() {
            reason.push_str("; redirects are not followed");
        } else if let Some(words) = words_of(response, secrets.chain(token)).await {
            reason.push_str(&format!(": {words}"));
        }
        Err(Failed { reason, is_lasting, retry_after })
    }
}

/// What the HTTP library says, without the address, whose path may be a secret.
fn failure(error: &reqwest::Error) -> Failed {
    let what = if error.is_timeout() {
        "the receiver does not answer in time"
    } else if error.is_connect() {
        "cannot connect to the receiver"
    } else {
        "the request failed"
    };
    let reason = format!("{what}: {}", crop(&escape(innermost(error))));
    Failed { reason, is_lasting: false, retry_after: None }
}

fn innermost(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    // the library's own error names the address
    if std::ptr::addr_eq(innermost, error) { String::new() } else { innermost.to_string() }
}

/// What a receiver says in `message` or `error` of a JSON text, fit to be shown.
async fn words_of<'a>(mut response: Response, secrets: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    let answer: serde_json::Value = serde_json::from_slice(&body).ok()?;
    let words = ["message", "error"].iter().find_map(|key| answer.get(key)?.as_str())?;
    // in whatever form it comes back: nothing is said where a part of one is in it
    let tells = secrets.flat_map(parts).any(|part| words.contains(part));
    (!tells).then(|| crop(&escape(words)))
}

/// Stretches of a secret that would give it away.
fn parts(secret: &str) -> impl Iterator<Item = &str> {
    const STRETCH: usize = 6;
    let last = secret.len().saturating_sub(STRETCH);
    (0..=last).filter_map(|at| secret.get(at..(at + STRETCH).min(secret.len()))).filter(|part| !part.is_empty())
}

fn crop(text: &str) -> String {
    match text.char_indices().nth(WORDS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn certificates(path: &Path) -> Result<Vec<reqwest::Certificate>> {
    use io::Read as _;
    let cannot = |error| Error::io("cannot read the root certificates", error).at(path.display().to_string());
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(cannot)?;
    file.take(LARGEST_PEM).read_to_end(&mut bytes).map_err(cannot)?;
    let found = reqwest::Certificate::from_pem_bundle(&bytes).unwrap_or_default();
    if found.is_empty() {
        return Err(
            Error::new(ErrorKind::Config, "there are no certificates in it, in PEM").at(path.display().to_string())
        );
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_no_receivers_are_refused() {
        for refused in [
            "http://chat.example/",
            "ftp://chat.example/",
            "https://127.0.0.1/",
            "https://0177.0.0.1/",
            "https://2130706433/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://192.168.1.1:8443/",
            "https://169.254.169.254/",
            "https://0.0.0.0/",
            "https://user@chat.example/",
            "https://",
            "chat.example",
        ] {
            assert!(check_url(refused, false).is_err(), "{refused}");
        }
        for never in ["http://169.254.169.254/", "https://0xa9fea9fe/", "https://[fd00:ec2::254]/"] {
            assert!(check_url(never, true).is_err(), "{never}");
        }
        assert!(check_url("https://chat.example:8443/a?b=c", false).is_ok());
        assert!(check_url("http://10.0.0.1:8080/", true).is_ok());
    }

    #[test]
    fn a_name_with_one_address_of_each_kind_is_refused() {
        let of = |list: &[&str]| list.iter().map(|one| SocketAddr::new(one.parse().expect(one), 0)).collect::<Vec<_>>();
        assert!(checked(of(&["1.1.1.1", "2606:4700::1"]), false).is_ok());
        assert!(checked(of(&["1.1.1.1", "127.0.0.1"]), false).is_err());
        assert!(checked(of(&["1.1.1.1", "127.0.0.1"]), true).is_ok());
        assert!(checked(of(&["10.0.0.1", "169.254.169.254"]), true).is_err());
    }
}
