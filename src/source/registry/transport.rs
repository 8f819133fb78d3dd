//! HTTP for registries: which client speaks to which host, redirects, retries with back-off, capped bodies.
//!
//! Redirects are followed here and not by the HTTP library, since each step must be judged: no
//! credentials to another origin, no step from HTTPS to HTTP, none to a metadata address.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, LOCATION, RANGE,
    RETRY_AFTER,
};
use reqwest::{Client, Method, Response, StatusCode, Url};
use serde::Deserialize;

use crate::error::{Again, Error, ErrorKind, Result};
use crate::escape::escape;

use super::super::Access;
use super::address::{PROXIES, Resolver, check_destination, crop, describe, is_loopback, is_this_machine};
use super::auth::Authorization;
use super::connection::Sending;
use super::flow::Flow;

/// Redirects followed for one request.
const MOST_REDIRECTS: usize = 5;

/// Largest error document looked at, in bytes.
const ERROR_DOCUMENT: usize = 16 * 1024;

/// Characters of a server's own words that are shown.
const SERVER_WORDS: usize = 200;

/// Longest wait a server may ask for with `Retry-After`.
const LONGEST_ASKED_WAIT: Duration = Duration::from_mins(1);

/// How patient careen is.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    /// Tries of one request, and resumptions of one blob without progress.
    pub(super) attempts: u32,
    /// Tries where no connection comes about at all.
    pub(super) connect_attempts: u32,
    /// Wait after the first failure; doubles with each one.
    pub(super) first_wait: Duration,
    /// Longest wait that is not asked for.
    pub(super) longest_wait: Duration,
    /// Where a server asks for a longer wait, nothing is tried again.
    pub(super) patience: Duration,
    /// For TCP and TLS together.
    pub(super) connect: Duration,
    /// Without a byte arriving; over as long a body has a least rate, see [`Flow`]. There is no limit for a whole download.
    pub(super) stall: Duration,
    /// One question about a tag, with all its tries and redirects.
    pub(super) question: Duration,
    /// The same for what has a body: a page of tags, a manifest.
    pub(super) page: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            attempts: 5,
            connect_attempts: 3,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(20),
            patience: Duration::MAX,
            connect: Duration::from_secs(15),
            stall: Duration::from_secs(30),
            question: Duration::from_secs(30),
            page: Duration::from_mins(2),
        }
    }
}

impl Pace {
    /// As patient as who asks wants it.
    pub(super) fn of(access: &Access) -> Self {
        let pace = Self::default();
        match access.tries {
            // who counts tries comes back by himself
            Some(tries) => Self {
                attempts: tries,
                connect_attempts: tries.min(pace.connect_attempts),
                patience: Duration::from_secs(5),
                ..pace
            },
            None => pace,
        }
    }

    /// Whether there is no further try after so many failures.
    pub(super) fn gives_up(&self, failures: u32, kind: FailureKind) -> bool {
        match kind {
            FailureKind::Lasting => true,
            FailureKind::NoConnection => failures >= self.connect_attempts,
            FailureKind::Slow => failures >= self.attempts,
            FailureKind::Passing(asked) => {
                failures >= self.attempts || asked.is_some_and(|asked| asked > self.patience)
            }
        }
    }

    /// How long to wait after failure number `failure` (from 1): doubling, between half and the whole of it.
    pub(super) fn wait_after(&self, failure: u32, asked: Option<Duration>) -> Duration {
        if let Some(asked) = asked {
            return asked.min(LONGEST_ASKED_WAIT);
        }
        let full = self.first_wait.saturating_mul(1 << failure.saturating_sub(1).min(16)).min(self.longest_wait);
        // a hasher's random keys are all the randomness that jitter needs
        let mut hasher = std::hash::RandomState::new().build_hasher();
        hasher.write_u32(failure);
        let share = u32::try_from(hasher.finish() % 512).unwrap_or(0);
        full.saturating_mul(512 + share) / 1024
    }
}

/// A failure, and whether the same request may do better.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) kind: FailureKind,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// No connection came about: refused, unreachable, or the other side speaks no TLS.
    NoConnection,
    /// Something that may pass; the server may have said when.
    Passing(Option<Duration>),
    /// The answer comes too slowly; what came of it is no progress.
    Slow,
    /// Trying again is no use.
    Lasting,
}

impl FailureKind {
    /// The wait that the server asked for.
    pub(super) fn asked(self) -> Option<Duration> {
        match self {
            Self::Passing(asked) => asked,
            Self::NoConnection | Self::Slow | Self::Lasting => None,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, kind: FailureKind::Lasting }
    }
}

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Ask<'a> {
    pub(super) url: Url,
    pub(super) auth: &'a Authorization,
    /// Media types taken; empty for any.
    pub(super) accept: &'a str,
    /// First byte wanted.
    pub(super) from: u64,
    /// A form to post; such a request follows no redirect.
    pub(super) form: Option<String>,
    /// Whether certificates nobody vouches for are taken from the host of `url`.
    pub(super) insecure: bool,
    /// Further headers, which hold no secret.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

/// The HTTP clients of one source.
#[derive(Debug)]
pub(super) struct Transport {
    pub(super) pace: Pace,
    /// Beside those of the system.
    roots: Vec<reqwest::Certificate>,
    clients: Mutex<BTreeMap<Reach, Client>>,
    /// Credentials in use, never to be shown even if a server repeats them.
    secrets: Mutex<Vec<String>>,
}

/// What a client is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Reach {
    security: Security,
    /// By no proxy.
    is_direct: bool,
    /// Where a server led.
    is_led: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Security {
    Plain,
    Verified,
    Unverified,
}

impl Transport {
    /// Reads the further root certificates of `ca_certificate`, a PEM file.
    pub(super) fn new(ca_certificate: Option<&Path>, pace: Pace) -> Result<Self> {
        // fails when a provider is set already, which then serves as well
        let _ = rustls::crypto::ring::default_provider().install_default();
        let roots = ca_certificate.map(read_certificates).transpose()?.unwrap_or_default();
        Ok(Self { pace, roots, clients: Mutex::default(), secrets: Mutex::default() })
    }

    /// Sends a request, once, following redirects. Any status is a success.
    pub(super) async fn send(&self, ask: &Ask<'_>) -> Result<Response, Failure> {
        let origin = ask.url.origin();
        let from_this_machine = is_this_machine(&ask.url);
        // a proxy, which may be on this machine, looks names up itself
        let has_proxy = PROXIES.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
        let mut url = ask.url.clone();
        let mut is_own = true;
        for _ in 0..=MOST_REDIRECTS {
            check_destination(&url)?;
            // once elsewhere, a way back home gets no credentials either: it was not ours to choose
            is_own &= url.origin() == origin;
            let is_home = url.host() == ask.url.host();
            let client = self.client(&url, ask.insecure && is_home, !is_home && !from_this_machine && !has_proxy)?;
            let mut request = match &ask.form {
                Some(form) => client
                    .post(url.clone())
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(form.clone()),
                None => client.get(url.clone()),
            };
            if !ask.accept.is_empty() {
                request = request.header(ACCEPT, ask.accept);
            }
            if ask.from > 0 {
                request = request.header(RANGE, format!("bytes={}-", ask.from));
            }
            for (name, value) in &ask.headers {
                request = request.header(name, value);
            }
            request = match ask.auth {
                Authorization::Basic(user, password) if is_own => request.basic_auth(user, Some(&password.0)),
                Authorization::Bearer(token) if is_own => request.bearer_auth(&token.0),
                _ => request,
            };
            let request = request.build().map_err(|e| self.failure(&url, &e))?;
            if let Some(header) = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()) {
                self.keep_secret(header.split_once(' ').map_or(header, |(_, secret)| secret));
            }
            let response = client.execute(request).await.map_err(|e| self.failure(&url, &e))?;
            if !is_redirect(response.status()) {
                return Ok(response);
            }
            if ask.form.is_some() {
                return Err(refused_redirect(&url, "a request that holds a credential was redirected"));
            }
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
            let next = url
                .join(location)
                .ok()
                .filter(|next| matches!(next.scheme(), "http" | "https") && next.has_host())
                .filter(|_| !location.is_empty())
                .ok_or_else(|| refused_redirect(&url, "the registry redirects to no valid place"))?;
            if url.scheme() == "https" && next.scheme() == "http" {
                return Err(refused_redirect(&next, "the registry redirects from HTTPS to plain HTTP"));
            }
            if is_this_machine(&next) && !from_this_machine {
                return Err(refused_redirect(&next, "the registry redirects to this very machine"));
            }
            url = next;
        }
        Err(refused_redirect(&ask.url, &format!("the registry redirects more than {MOST_REDIRECTS} times")))
    }

    /// Sends a request that changes something, once. Any status is a success; redirects are not followed.
    pub(super) async fn exchange(
        &self,
        url: &Url,
        auth: &Authorization,
        insecure: bool,
        sending: &Sending,
    ) -> Result<Response, Failure> {
        check_destination(url)?;
        let client = self.client(url, insecure, false)?;
        let mut request = client.request(sending.method.clone(), url.clone());
        for (name, value) in &sending.headers {
            request = request.header(name, value);
        }
        if sending.method != Method::HEAD {
            request = request.header(CONTENT_LENGTH, sending.body.len()).body(sending.body.clone());
        }
        request = match auth {
            Authorization::Basic(user, password) => request.basic_auth(user, Some(&password.0)),
            Authorization::Bearer(token) => request.bearer_auth(&token.0),
            Authorization::Anonymous => request,
        };
        let request = request.build().map_err(|e| self.failure(url, &e))?;
        if let Some(header) = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()) {
            self.keep_secret(header.split_once(' ').map_or(header, |(_, secret)| secret));
        }
        client.execute(request).await.map_err(|e| self.failure(url, &e))
    }

    /// Remembers a credential, so that [`server_words`](Self::server_words) never shows it.
    pub(super) fn keep_secret(&self, secret: &str) {
        // what is shorter is no credential worth hiding, and would black out ordinary words
        if secret.len() < 4 {
            return;
        }
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        if !secrets.iter().any(|known| known == secret) {
            secrets.push(secret.to_owned());
        }
    }

    /// What a server says about itself, fit to be shown: without credentials, escaped, cut.
    pub(super) fn server_words(&self, words: &str) -> String {
        let mut words = words.to_owned();
        for secret in self.secrets.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            words = words.replace(secret.as_str(), "***");
        }
        crop(&escape(words.trim()), SERVER_WORDS)
    }

    /// Turns an answer that is no success into a failure; `what` was asked of the server.
    pub(super) async fn refuse(&self, what: &str, response: Response) -> Failure {
        self.refuse_to(&format!("fetch {what}"), response).await
    }

    /// The same for anything that was to be done.
    pub(super) async fn refuse_to(&self, doing: &str, response: Response) -> Failure {
        let status = response.status();
        let place = describe(response.url());
        let asked = retry_after(response.headers());
        let told = self.told(response).await;
        let words = told.as_ref().map(|(code, message)| self.server_words(&format!("{code}: {message}")));
        let words = words.map_or_else(String::new, |words| format!(" ({words})"));
        let message = format!("cannot {doing}: the server answers {status}{words}");
        let is_own_word = told.is_some_and(|(code, _)| says_unknown(&code));
        let (error_kind, help, kind) = match status {
            StatusCode::NOT_FOUND => {
                let help = if is_own_word {
                    "check the spelling of repository and tag"
                } else {
                    "check the spelling of repository and tag; the answer is not in a registry's form, so that something in \
                     front of it may have given it"
                };
                (ErrorKind::NotFound, help, FailureKind::Lasting)
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (ErrorKind::Auth, "", FailureKind::Lasting),
            StatusCode::TOO_MANY_REQUESTS => (
                ErrorKind::Network,
                "the registry limits how much is fetched; wait, log in, or use a mirror",
                FailureKind::Passing(asked),
            ),
            StatusCode::REQUEST_TIMEOUT => (ErrorKind::Network, "", FailureKind::Passing(asked)),
            status if status.is_server_error() => {
                (ErrorKind::Network, "the registry has a problem; try again later", FailureKind::Passing(asked))
            }
            _ => (ErrorKind::Network, "", FailureKind::Lasting),
        };
        let mut error = Error::new(error_kind, message).at(place);
        if !help.is_empty() {
            error = error.help(help);
        }
        if status == StatusCode::NOT_FOUND && !is_own_word {
            // a load balancer without a backend says so as well: the registry itself is asked later
            error.again = Some(Again::SOON);
        }
        Failure { error, kind }
    }

    /// Reads a body of at most `most` bytes.
    pub(super) async fn read_capped(&self, what: &str, mut response: Response, most: u64) -> Result<Vec<u8>, Failure> {
        let url = response.url().clone();
        let too_large =
            || Error::limit(format!("{what} is larger than {}", crate::size::ByteSize(most))).at(describe(&url));
        if response.content_length().is_some_and(|length| length > most) {
            return Err(too_large().into());
        }
        let (mut body, mut flow) = (Vec::new(), Flow::default());
        while let Some(chunk) = flow.next(self, &mut response).await? {
            let chunk = chunk.as_ref();
            if body.len() as u64 + chunk.len() as u64 > most {
                return Err(too_large().into());
            }
            body.extend_from_slice(chunk);
        }
        Ok(body)
    }

    /// Describes what the HTTP library says, without the URL's query, which may be signed.
    pub(super) fn failure(&self, url: &Url, error: &reqwest::Error) -> Failure {
        let cause = Cause::of(error);
        let kind = match cause {
            Cause::Certificate => FailureKind::Lasting,
            _ if error.is_builder() => FailureKind::Lasting,
            _ if error.is_connect() || cause == Cause::NotTls => FailureKind::NoConnection,
            _ => FailureKind::Passing(None),
        };
        let message = match cause {
            Cause::Certificate => "the server's certificate is not trusted",
            _ if error.is_timeout() => "the server does not answer in time",
            _ if error.is_connect() => "cannot connect to the server",
            _ if error.is_body() || error.is_decode() => "the answer broke off",
            _ => "the request failed",
        };
        let mut innermost: &dyn std::error::Error = error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        let detail = if std::ptr::addr_eq(innermost, error) {
            String::new()
        } else {
            format!(": {}", self.server_words(&innermost.to_string()))
        };
        let help = match cause {
            Cause::Certificate => "name its root with `--cacert FILE`, or take any certificate with `--insecure`",
            Cause::NotTls => "the server seems to speak plain HTTP; allow that with `--insecure`",
            Cause::Other => "check the registry's name, the network and the proxy settings",
        };
        let error = Error::new(ErrorKind::Network, format!("{message}{detail}")).at(describe(url)).help(help);
        Failure { error, kind }
    }

    /// The registry's own error code and message (distribution-spec, Error Codes), if it sent any.
    async fn told(&self, mut response: Response) -> Option<(String, String)> {
        #[derive(Deserialize)]
        struct Document {
            errors: Vec<Entry>,
        }
        #[derive(Deserialize)]
        struct Entry {
            code: String,
            #[serde(default)]
            message: String,
        }
        let (mut body, mut flow) = (Vec::new(), Flow::default());
        while let Ok(Some(chunk)) = flow.next(self, &mut response).await {
            let chunk = chunk.as_ref();
            if body.len() + chunk.len() > ERROR_DOCUMENT {
                return None;
            }
            body.extend_from_slice(chunk);
        }
        let document: Document = serde_json::from_slice(&body).ok()?;
        document.errors.into_iter().next().map(|first| (first.code, first.message))
    }

    /// A client for a URL, to which a server led or not.
    fn client(&self, url: &Url, insecure: bool, is_led: bool) -> Result<Client> {
        let security = match url.scheme() {
            "http" => Security::Plain,
            _ if insecure => Security::Unverified,
            _ => Security::Verified,
        };
        let reach = Reach { security, is_direct: is_loopback(url), is_led };
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&reach) {
            return Ok(client.clone());
        }
        let client = self.build_client(reach)?;
        clients.insert(reach, client.clone());
        Ok(client)
    }

    fn build_client(&self, Reach { security, is_direct, is_led }: Reach) -> Result<Client> {
        let mut builder = Client::builder()
            .user_agent(concat!("careen/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .http1_only()
            // tries are counted here, not below
            .retry(reqwest::retry::never())
            .connect_timeout(self.pace.connect)
            .read_timeout(self.pace.stall)
            .dns_resolver(Arc::new(Resolver { is_led }));
        if is_direct {
            builder = builder.no_proxy();
        }
        builder = match security {
            // reads no root certificates, which takes its time and fails where there are none
            Security::Plain => builder.tls_certs_only([]),
            Security::Unverified => builder.tls_danger_accept_invalid_certs(true),
            Security::Verified => builder.tls_certs_merge(self.roots.clone()),
        };
        builder.build().map_err(|error| {
            let mut innermost: &dyn std::error::Error = &error;
            while let Some(source) = innermost.source() {
                innermost = source;
            }
            Error::new(ErrorKind::Config, format!("cannot set up HTTPS: {innermost}"))
                .help("install the system's root certificates (`ca-certificates`), or name some with `--cacert FILE`")
        })
    }
}

/// Certificates in a PEM file.
pub(super) fn read_certificates(path: &Path) -> Result<Vec<reqwest::Certificate>> {
    /// Largest file of certificates, in bytes; the bundle of a whole system is 230 KiB.
    const LARGEST: u64 = 4 << 20;
    const CANNOT: &str = "cannot read the root certificates of `--cacert`";
    let place = || path.display().to_string();
    let invalid = |what: &str| Error::new(ErrorKind::Config, format!("{CANNOT}: {what}")).at(place());
    let file = std::fs::File::open(path).map_err(|e| Error::io(CANNOT, e).at(place()))?;
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(file, LARGEST + 1), &mut bytes)
        .map_err(|e| Error::io(CANNOT, e).at(place()))?;
    if bytes.len() as u64 > LARGEST {
        return Err(invalid("the file is larger than 4 MiB"));
    }
    let certificates = reqwest::Certificate::from_pem_bundle(&bytes).unwrap_or_default();
    if certificates.is_empty() {
        return Err(invalid("it holds no certificates in PEM form"));
    }
    Ok(certificates)
}

/// What lies beneath an error of the HTTP library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Certificate,
    NotTls,
    Other,
}

impl Cause {
    fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            match error.downcast_ref::<rustls::Error>() {
                Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
                    return Self::Certificate;
                }
                Some(rustls::Error::InvalidMessage(_) | rustls::Error::InappropriateMessage { .. }) => {
                    return Self::NotTls;
                }
                _ => {}
            }
            // an I/O error gives as its source not what it wraps, but what is beneath that
            let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            next = match wrapped {
                Some(wrapped) => Some(wrapped),
                None => error.source(),
            };
        }
        Self::Other
    }
}

/// Whether a code says that something is not there: those of the specification, and `NOT_FOUND`, which Harbor sends.
fn says_unknown(code: &str) -> bool {
    code.ends_with("_UNKNOWN") || matches!(code, "NOT_FOUND" | "NAME_INVALID" | "TAG_INVALID")
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn refused_redirect(url: &Url, message: &str) -> Failure {
    Error::new(ErrorKind::Network, message)
        .at(describe(url))
        .help("careen does not follow such a redirect; ask whoever runs the registry")
        .into()
}

/// The wait a server asks for: seconds, or a date, which is measured against the server's own clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let asked = text(RETRY_AFTER)?.trim();
    if let Ok(seconds) = asked.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let (then, now) = (parse_http_date(asked)?, parse_http_date(text(DATE)?)?);
    Some(Duration::from_secs(u64::try_from(then - now).unwrap_or(0)))
}

/// Seconds since 1970 of an RFC 9110 date such as `Sun, 06 Nov 1994 08:49:37 GMT`.
fn parse_http_date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let parts: Vec<&str> = text.trim().split_ascii_whitespace().collect();
    let [_, day, month, year, time, "GMT"] = parts.as_slice() else { return None };
    let month = MONTHS.iter().position(|name| name == month)? + 1;
    let date = format!("{year:0>4}-{month:02}-{day:0>2}T{time}Z");
    date.parse::<crate::time::Timestamp>().ok().map(crate::time::Timestamp::to_unix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_with_jitter_and_are_capped() {
        let pace = Pace::default();
        for (failure, full) in [(1, 500), (2, 1_000), (3, 2_000), (4, 4_000), (30, 20_000)] {
            let wait = pace.wait_after(failure, None).as_millis();
            assert!((full / 2..=full).contains(&wait), "{failure}: {wait}");
        }
        assert_eq!(pace.wait_after(1, Some(Duration::from_secs(7))), Duration::from_secs(7));
        assert_eq!(pace.wait_after(1, Some(Duration::from_secs(7_000))), LONGEST_ASKED_WAIT);
        // a server's scan waits for nobody who asks for minutes: another image has its turn
        let counted = Pace::of(&Access { tries: Some(2), ..Access::default() });
        let asks = |seconds| FailureKind::Passing(Some(Duration::from_secs(seconds)));
        assert!(!counted.gives_up(1, asks(2)) && counted.gives_up(1, asks(600)) && !pace.gives_up(1, asks(600)));
    }

    #[test]
    fn a_wait_is_asked_for_in_seconds_or_as_a_date() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let cases = [
            (Some("7"), None, Some(7)),
            (Some(" 0 "), None, Some(0)),
            (Some("Sun, 06 Nov 1994 08:50:07 GMT"), Some(date), Some(30)),
            (Some("Sun, 06 Nov 1994 08:40:07 GMT"), Some(date), Some(0)),
            (Some("Sun, 06 Nov 1994 08:50:07 GMT"), None, None),
            (Some("soon"), Some(date), None),
            (Some("-1"), None, None),
            (None, None, None),
        ];
        for (asked, date, expected) in cases {
            let mut headers = HeaderMap::new();
            for (name, value) in [(RETRY_AFTER, asked), (DATE, date)] {
                if let Some(value) = value {
                    headers.insert(name, value.parse().expect("a header"));
                }
            }
            assert_eq!(retry_after(&headers), expected.map(Duration::from_secs), "{asked:?}");
        }
        assert_eq!(parse_http_date("Thu, 01 Jan 1970 00:00:10 GMT"), Some(10));
    }

    #[test]
    fn a_bad_certificate_is_found_however_deep_it_lies() {
        let wrap = |error: rustls::Error| io::Error::other(io::Error::other(error));
        let bad = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let plain = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        assert_eq!(Cause::of(&wrap(bad)), Cause::Certificate);
        assert_eq!(Cause::of(&wrap(plain)), Cause::NotTls);
        assert_eq!(Cause::of(&io::Error::other("reset")), Cause::Other);
    }

    #[test]
    fn servers_cannot_make_careen_show_a_credential_or_steer_a_terminal() {
        let transport = Transport::new(None, Pace::default()).expect("no file is read");
        transport.keep_secret("hunter2");
        assert_eq!(transport.server_words("you sent hunter2\x1b[2J"), "you sent ***\\x1b[2J");
        assert_eq!(transport.server_words(&"x".repeat(1_000)).chars().count(), SERVER_WORDS + 1);
    }
}
