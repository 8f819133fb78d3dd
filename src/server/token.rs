//! Who may ask the server: holders of tokens, and people whom a proxy in front has let in.
//!
//! A token is 256 random bits, shown once when it is made; the store has its SHA-256 alone. It may do what its scope
//! says, with the sources that its pattern names. People log in to the pages with one, and get a cookie that is good for
//! twelve hours, or until they log out, or until the token is taken back; the token is not in it.

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use serde::Deserialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};
use subtle::ConstantTimeEq as _;

use crate::digest::{hex, sha256_bytes};
use crate::error::{Error, ErrorKind, Result};
use crate::policy::Glob;
use crate::source::Sensitive;

use super::clock::{Clock, Moment};
use super::config::Config;
use super::problem::Problem;
use super::random;
use super::state::Server;
use super::store::{Store, of_sql};

/// With what every token begins, so that scanners of secrets know one.
const PREFIX: &str = "careen_";

/// Bytes of a token as it is written.
const LENGTH: usize = PREFIX.len() + 64;

/// The cookie, where it goes over TLS: browsers then let no other host set it (RFC 6265bis, section 4.1.3.2).
const COOKIE: &str = "__Host-careen";

/// The cookie over plain HTTP on this machine, which cannot have that prefix.
const PLAIN_COOKIE: &str = "careen";

/// Seconds for which a login is good.
const LOGIN_SECONDS: u32 = 12 * 3_600;

/// Logins of one token at once; the oldest end for further ones.
const MOST_LOGINS: i64 = 100;

/// Refused logins that the audit log has of one minute: anybody can try, and none shall fill the disk.
const MOST_REFUSED: i64 = 10;

/// What a token may do; each may also do what the ones before may.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Look.
    #[default]
    Read,
    /// Ask for scans, and put back what failed.
    Scan,
    /// See dead letters as they came, and what is counted of all.
    Admin,
}

impl Scope {
    /// All of them, from the least.
    pub const ALL: [Self; 3] = [Self::Read, Self::Scan, Self::Admin];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Scan => "scan",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Scope {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|scope| scope.as_str() == word);
        found.ok_or_else(|| Error::new(ErrorKind::Usage, "a scope is `read`, `scan` or `admin`"))
    }
}

/// A token as it is listed: nothing of what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its name, which logs and the audit have.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// With which sources, by glob.
    pub sources: String,
    /// When it was made.
    pub created: Moment,
    /// Until when it is good.
    pub expires: Option<Moment>,
    /// When it was taken back.
    pub revoked: Option<Moment>,
}

impl Token {
    /// Whether it is good now.
    pub fn is_good(&self, now: Moment) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|expires| now < expires)
    }
}

/// Makes a token, and returns it: nothing will ever show it again.
pub async fn add(
    store: &Store,
    name: &str,
    scope: Scope,
    sources: &str,
    expires: Option<Moment>,
    now: Moment,
) -> Result<Sensitive> {
    let wrong = |what: &str| Error::new(ErrorKind::Usage, what.to_owned());
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if name.is_empty() || name.len() > 64 || !name.bytes().all(is_plain) {
        return Err(wrong("the name of a token has up to 64 letters, digits, `-`, `_` and `.`"));
    }
    Glob::text(sources).map_err(|what| wrong(&what))?;
    if expires.is_some_and(|expires| expires <= now) {
        return Err(wrong("this token would be past its time at once"));
    }
    let token = Sensitive(format!("{PREFIX}{}", hex(&random::bytes::<32>()?)));
    let digest = sha256_bytes(token.0.as_bytes());
    let (name, sources) = (name.to_owned(), sources.to_owned());
    store
        .write(move |connection| {
            Box::pin(async move {
                let made = sqlx::query(
                    "INSERT INTO token (name, digest, scope, sources, created, expires) VALUES (?, ?, ?, ?, ?, ?) \
                     ON CONFLICT (name) DO NOTHING",
                );
                let made = made.bind(&name).bind(digest.as_slice()).bind(scope.as_str()).bind(&sources).bind(now.0);
                let made =
                    made.bind(expires.map(|expires| expires.0)).execute(&mut *connection).await.map_err(cannot)?;
                if made.rows_affected() == 0 {
                    return Err(Error::new(ErrorKind::Usage, "there is, or was, a token of this name"));
                }
                let subject = format!("{name} {} {sources}", scope.as_str());
                audit(connection, now, "command line", "token add", &subject).await
            })
        })
        .await?;
    Ok(token)
}

/// Takes a token back; false if there is none of that name that was not.
pub async fn revoke(store: &Store, name: &str, now: Moment) -> Result<bool> {
    let name = name.to_owned();
    store
        .write(move |connection| {
            Box::pin(async move {
                let revoked = sqlx::query("UPDATE token SET revoked = ? WHERE name = ? AND revoked IS NULL");
                let revoked = revoked.bind(now.0).bind(&name).execute(&mut *connection).await.map_err(cannot)?;
                if revoked.rows_affected() == 0 {
                    return Ok(false);
                }
                audit(connection, now, "command line", "token revoke", &name).await?;
                Ok(true)
            })
        })
        .await
}

/// All tokens that ever were, by name.
pub async fn list(store: &Store) -> Result<Vec<Token>> {
    let rows = sqlx::query("SELECT digest, name, scope, sources, created, expires, revoked FROM token ORDER BY name");
    let rows = rows.fetch_all(store.readers()).await.map_err(cannot)?;
    rows.iter().map(read_token).collect()
}

fn read_token(row: &SqliteRow) -> Result<Token> {
    let scope: String = row.try_get(2).map_err(cannot)?;
    Ok(Token {
        name: row.try_get(1).map_err(cannot)?,
        scope: scope.parse()?,
        sources: row.try_get(3).map_err(cannot)?,
        created: Moment(row.try_get(4).map_err(cannot)?),
        expires: row.try_get::<Option<i64>, _>(5).map_err(cannot)?.map(Moment),
        revoked: row.try_get::<Option<i64>, _>(6).map_err(cannot)?.map(Moment),
    })
}

/// Notes who changed what.
pub async fn audit(connection: &mut SqliteConnection, now: Moment, who: &str, what: &str, subject: &str) -> Result<()> {
    let noted = sqlx::query("INSERT INTO audit (at, who, what, subject) VALUES (?, ?, ?, ?)");
    noted.bind(now.0).bind(who).bind(what).bind(subject).execute(connection).await.map_err(cannot)?;
    Ok(())
}

/// The good token that this is. What is looked up is a digest, of which nobody can make one that begins as he likes, so
/// that the time of the search tells nothing; the last word is a comparison that takes the same time for all.
async fn find(store: &Store, presented: &str, now: Moment) -> Result<Option<Token>> {
    if presented.len() != LENGTH || !presented.starts_with(PREFIX) {
        return Ok(None);
    }
    let digest = sha256_bytes(presented.as_bytes());
    let row = sqlx::query("SELECT digest, name, scope, sources, created, expires, revoked FROM token WHERE digest = ?");
    let row = row.bind(digest.as_slice()).fetch_optional(store.readers()).await.map_err(cannot)?;
    let Some(row) = row else { return Ok(None) };
    let stored: Vec<u8> = row.try_get(0).map_err(cannot)?;
    let token = read_token(&row)?;
    Ok((bool::from(stored.ct_eq(&digest)) && token.is_good(now)).then_some(token))
}

/// The good token that somebody logged in with.
async fn find_login(store: &Store, presented: &str, now: Moment) -> Result<Option<Token>> {
    if presented.len() != 64 {
        return Ok(None);
    }
    let digest = sha256_bytes(presented.as_bytes());
    let row = sqlx::query(
        "SELECT s.digest, t.name, t.scope, t.sources, t.created, t.expires, t.revoked FROM session s \
         JOIN token t ON t.id = s.token WHERE s.digest = ? AND s.expires > ?",
    );
    let row = row.bind(digest.as_slice()).bind(now.0).fetch_optional(store.readers()).await.map_err(cannot)?;
    let Some(row) = row else { return Ok(None) };
    let token = read_token(&row)?;
    Ok(token.is_good(now).then_some(token))
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Name of the token, or of the person.
    pub who: String,
    /// What may be done.
    pub scope: Scope,
    /// The configured sources that may be seen; `None` for all there ever were.
    sources: Option<Vec<String>>,
    /// Whether a browser says so by itself, and another site may have asked it to.
    is_ambient: bool,
    /// Whether there is a login to end.
    pub is_logged_in: bool,
}

impl Caller {
    /// Whoever the request shows to be; nobody where it shows nothing good.
    pub async fn of(server: &Server, parts: &Parts) -> Result<Option<Self>> {
        let now = Clock::system();
        if let Some(presented) = parts.headers.get(header::AUTHORIZATION) {
            let words = presented.to_str().ok().and_then(|value| value.split_once(' '));
            let token = match words {
                Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                    find(&server.store, token.trim_start(), now).await?
                }
                _ => None,
            };
            return Ok(token.map(|token| Self::holder(&server.config, &token, false)));
        }
        if let Some(presented) = cookie(&parts.headers, cookie_name(&server.config))
            && let Some(token) = find_login(&server.store, presented, now).await?
        {
            return Ok(Some(Self::holder(&server.config, &token, true)));
        }
        Ok(Self::introduced(&server.config, parts))
    }

    fn holder(config: &Config, token: &Token, is_ambient: bool) -> Self {
        let is_all = token.sources.bytes().all(|b| b == b'*');
        let sources = (!is_all).then(|| {
            let glob = Glob::text(&token.sources).ok();
            let names = config.sources.iter().map(|source| source.name.get_ref());
            let names = names.chain(config.harbor.iter().map(|harbor| harbor.source.get_ref()));
            names.filter(|name| glob.as_ref().is_some_and(|glob| glob.is_match(name))).cloned().collect()
        });
        Self { who: token.name.clone(), scope: token.scope, sources, is_ambient, is_logged_in: is_ambient }
    }

    /// Whom a trusted proxy names.
    fn introduced(config: &Config, parts: &Parts) -> Option<Self> {
        let header = config.api.user_header.as_ref()?;
        let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
        if !config.api.trusted_proxies.iter().any(|network| network.contains(peer.ip())) {
            return None;
        }
        let mut values = parts.headers.get_all(header.get_ref().as_str()).iter();
        let (Some(name), None) = (values.next(), values.next()) else { return None };
        let name = name.to_str().ok().map(str::trim).filter(|name| !name.is_empty() && name.len() <= 256)?;
        Some(Self {
            who: format!("user {name}"),
            scope: config.api.user_scope,
            sources: None,
            is_ambient: true,
            is_logged_in: false,
        })
    }

    /// Whether what concerns this source may be seen.
    pub fn sees(&self, source: &str) -> bool {
        self.sources.as_ref().is_none_or(|sources| sources.iter().any(|seen| seen == source))
    }

    /// Whether everything may be seen.
    pub fn sees_all(&self) -> bool {
        self.sources.is_none()
    }

    /// The sources that may be seen as a JSON list, for statements; `None` for all.
    pub fn sources(&self) -> Option<String> {
        self.sources.as_ref().map(|sources| serde_json::json!(sources).to_string())
    }

    /// An error unless that may be done.
    pub fn may(&self, scope: Scope) -> Result<(), Problem> {
        if self.scope >= scope {
            return Ok(());
        }
        Err(Problem::forbidden(format!("this takes a token of the scope `{}`", scope.as_str())))
    }
}

impl FromRequestParts<Arc<Server>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, Problem> {
        let caller = Self::of(server, parts).await?.ok_or_else(|| {
            Problem::new(axum::http::StatusCode::UNAUTHORIZED, "this takes a token: `Authorization: Bearer careen_…`")
        })?;
        if caller.is_ambient && !is_safe(&parts.method) && !is_of_same_origin(&parts.headers) {
            return Err(Problem::forbidden("another site asked for this"));
        }
        Ok(caller)
    }
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether the browser says that a page of ours asks: by `Sec-Fetch-Site`, older ones by `Origin`. One of which neither
/// is known is not believed.
pub(super) fn is_of_same_origin(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => match (origin.split_once("://"), text("host")) {
            (Some((_, origin)), Some(host)) => origin.eq_ignore_ascii_case(host),
            _ => false,
        },
        (None, None) => false,
    }
}

/// Whether the pages go over plain HTTP to this machine alone, where browsers keep no cookie marked `Secure`.
fn is_plain(config: &Config) -> bool {
    let is_behind_tls = config.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    config.tls.is_none() && config.listen.ip().is_loopback() && !is_behind_tls
}

fn cookie_name(config: &Config) -> &'static str {
    if is_plain(config) { PLAIN_COOKIE } else { COOKIE }
}

/// Whether the browser that sends this form drops the cookie that it would get: it asks over plain HTTP and from another
/// machine, as its `Origin` says.
pub(super) fn is_dropped(server: &Server, headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(host) = origin.strip_prefix("http://") else { return false };
    !is_plain(&server.config) && !is_this_machine(host)
}

/// Whether the pages seem to go over plain HTTP to another machine: browsers send `Sec-Fetch-Site` to no such place.
pub(super) fn seems_dropped(server: &Server, headers: &HeaderMap) -> bool {
    let config = &server.config;
    let is_behind_tls = config.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_silent = !headers.contains_key("sec-fetch-site");
    is_silent && config.tls.is_none() && !is_behind_tls && !is_plain(config) && !is_this_machine(host)
}

/// Whether a host, with its port, is the machine that the browser runs on.
fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// `Set-Cookie` for whoever holds this token; `None` if it is not good. Both stand in the audit log, with the address that
/// asked.
pub(super) async fn login(server: &Server, presented: &str, from: &str) -> Result<Option<String>> {
    let now = Clock::system();
    let from = from.to_owned();
    let Some(token) = find(&server.store, presented.trim(), now).await? else {
        tracing::warn!(from, "somebody tried to log in with what is no good token");
        note_refused(server, from, now).await?;
        return Ok(None);
    };
    tracing::info!(token = token.name, from, "somebody logged in");
    let cookie = Sensitive(hex(&random::bytes::<32>()?));
    let digest = sha256_bytes(cookie.0.as_bytes());
    let expires = now.plus(std::time::Duration::from_secs(LOGIN_SECONDS.into()));
    let entered = server.store.write(move |connection| {
        Box::pin(async move {
            let old = sqlx::query("DELETE FROM session WHERE expires <= ?").bind(now.0);
            old.execute(&mut *connection).await.map_err(cannot)?;
            let entered = sqlx::query(
                "INSERT INTO session (digest, token, created, expires) SELECT ?, id, ?, ? FROM token WHERE name = ?",
            );
            let entered = entered.bind(digest.as_slice()).bind(now.0).bind(expires.0).bind(&token.name);
            entered.execute(&mut *connection).await.map_err(cannot)?;
            let many = sqlx::query(
                "DELETE FROM session WHERE digest IN (SELECT s.digest FROM session s JOIN token t ON t.id = s.token \
                 WHERE t.name = ? ORDER BY s.created DESC LIMIT -1 OFFSET ?)",
            );
            many.bind(&token.name).bind(MOST_LOGINS).execute(&mut *connection).await.map_err(cannot)?;
            audit(connection, now, &token.name, "login", &from).await
        })
    });
    entered.await?;
    Ok(Some(set_cookie(&server.config, &cookie.0, LOGIN_SECONDS)))
}

/// Notes a refused login, unless many were noted a moment ago.
async fn note_refused(server: &Server, from: String, now: Moment) -> Result<()> {
    const WHAT: &str = "login refused";
    let since = now.minus(std::time::Duration::from_mins(1)).0;
    let newest = sqlx::query(
        "SELECT count(*) FROM (SELECT at, what FROM audit ORDER BY id DESC LIMIT ?) WHERE what = ? AND at > ?",
    );
    let newest = newest.bind(MOST_REFUSED).bind(WHAT).bind(since).fetch_one(server.store.readers()).await;
    let count: i64 = newest.map_err(cannot)?.try_get(0).map_err(cannot)?;
    if count >= MOST_REFUSED {
        return Ok(());
    }
    server.store.write(move |connection| Box::pin(async move { audit(connection, now, "-", WHAT, &from).await })).await
}

/// Ends the login of whoever asks; `Set-Cookie` that takes the cookie away.
pub(super) async fn logout(server: &Server, headers: &HeaderMap) -> Result<String> {
    if let Some(presented) = cookie(headers, cookie_name(&server.config)) {
        let digest = sha256_bytes(presented.as_bytes());
        let ended = server.store.write(move |connection| {
            Box::pin(async move {
                let ended = sqlx::query("DELETE FROM session WHERE digest = ?").bind(digest.as_slice());
                ended.execute(connection).await.map_err(cannot)?;
                Ok(())
            })
        });
        ended.await?;
    }
    Ok(set_cookie(&server.config, "", 0))
}

fn set_cookie(config: &Config, value: &str, seconds: u32) -> String {
    let secure = if is_plain(config) { "" } else { "; Secure" };
    format!("{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}", cookie_name(config))
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
}

fn cannot(error: sqlx::Error) -> Error {
    of_sql("cannot read or write tokens", error)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;
    use std::time::Duration;

    const HOUR: Duration = Duration::from_hours(1);

    fn parts(headers: &[(&str, &str)]) -> Parts {
        let mut request = axum::http::Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request").into_parts().0
    }

    #[tokio::test]
    async fn a_token_is_shown_once_and_good_until_its_time() {
        let bench = Bench::new().await;
        let (store, now) = (&bench.server.store, bench.server.clock.now());
        let token = add(store, "ci", Scope::Scan, "sh*", Some(now.plus(HOUR)), now).await.expect("made");
        assert_eq!((token.0.len(), format!("{token:?}").contains("careen_")), (LENGTH, false));
        assert!(add(store, "ci", Scope::Read, "*", None, now).await.is_err(), "names are not used again");
        for (name, sources) in [("", "*"), ("a b", "*"), (&*"x".repeat(65), "*"), ("long", &*"x".repeat(600))] {
            assert!(add(store, name, Scope::Read, sources, None, now).await.is_err(), "{name:?}");
        }
        assert!(add(store, "past", Scope::Read, "*", Some(now), now).await.is_err());
        let bytes = std::fs::read(bench.folder().join("careen.db-wal")).expect("the log of the store");
        let raw = token.0.trim_start_matches(PREFIX).as_bytes();
        assert!(!bytes.windows(raw.len()).any(|window| window == raw), "it is nowhere in the store");
        let found = find(store, &token.0, now).await.expect("read").expect("it is good");
        assert_eq!((found.name.as_str(), found.scope, found.sources.as_str()), ("ci", Scope::Scan, "sh*"));
        assert!(find(store, &token.0, now.plus(HOUR)).await.expect("read").is_none(), "past its time");
        for wrong in
            ["", "careen_", &token.0[..LENGTH - 1], &format!("{PREFIX}{}", "0".repeat(64)), &token.0.to_uppercase()]
        {
            assert!(find(store, wrong, now).await.expect("read").is_none(), "{wrong}");
        }
        assert!(revoke(store, "ci", now).await.expect("revoked"));
        assert!(!revoke(store, "ci", now).await.expect("told") && !revoke(store, "no", now).await.expect("told"));
        assert!(find(store, &token.0, now).await.expect("read").is_none(), "taken back");
        assert!(list(store).await.expect("listed").iter().any(|token| token.name == "ci" && token.revoked.is_some()));
        let audited: i64 =
            sqlx::query("SELECT count(*) FROM audit").fetch_one(store.readers()).await.expect("a count").get(0);
        assert_eq!(audited, 2);
    }

    #[tokio::test]
    async fn callers_are_known_by_what_they_show() {
        let bench = Bench::new().await;
        let server = &bench.server;
        let token = bench.token("shop-reader", Scope::Read, "shop").await;
        let of = async |headers: &[(&str, &str)]| Caller::of(server, &parts(headers)).await.expect("read");
        let caller = of(&[("authorization", &format!("bearer {token}"))]).await.expect("known");
        assert!(caller.sees("shop") && !caller.sees("bakery") && !caller.sees_all() && !caller.is_ambient);
        assert!(caller.may(Scope::Read).is_ok() && caller.may(Scope::Scan).is_err());
        let login = bench.login(&token).await;
        let caller = of(&[("cookie", &format!("a=b; careen={login}"))]).await.expect("known");
        assert!(caller.is_ambient && caller.is_logged_in);
        let nobody: &[&[(&str, &str)]] = &[
            &[],
            &[("authorization", "Bearer careen_x")],
            &[("authorization", &token)],
            &[("authorization", "Basic Og=="), ("cookie", &format!("careen={login}"))],
            &[("cookie", &format!("__Host-careen={login}"))],
            &[("cookie", &format!("careen={token}"))],
            &[("x-user", "ann")],
        ];
        for headers in nobody {
            assert!(of(headers).await.is_none(), "{headers:?}");
        }
    }

    #[tokio::test]
    async fn only_a_trusted_proxy_introduces_people() {
        let bench = Bench::with("[api]\nuser-header = \"X-User\"\ntrusted-proxies = [\"127.0.0.1\"]\n").await;
        let from = async |peer: &str, headers: &[(&str, &str)]| {
            let mut parts = parts(headers);
            parts.extensions.insert(ConnectInfo::<SocketAddr>(peer.parse().expect("an address")));
            Caller::of(&bench.server, &parts).await.expect("read").map(|caller| caller.who)
        };
        assert_eq!(from("127.0.0.1:9", &[("x-user", "ann")]).await.as_deref(), Some("user ann"));
        assert_eq!(from("192.0.2.1:9", &[("x-user", "ann")]).await, None);
        assert_eq!(from("127.0.0.1:9", &[("x-user", "ann"), ("x-user", "root")]).await, None, "two names are none");
        assert_eq!(from("127.0.0.1:9", &[("x-user", " ")]).await, None);
    }

    #[test]
    fn other_sites_are_told_apart() {
        let cases: &[(&[(&str, &str)], bool)] = &[
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "same-site"), ("origin", "https://a.example"), ("host", "a.example")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("origin", "http://a.example:8420"), ("host", "a.example:8420")], true),
            (&[("origin", "http://b.example"), ("host", "a.example")], false),
            (&[("origin", "null"), ("host", "null")], false),
            (&[], false),
        ];
        for (headers, expected) in cases {
            assert_eq!(is_of_same_origin(&parts(headers).headers), *expected, "{headers:?}");
        }
    }

    #[tokio::test]
    async fn cookies_are_marked_secure_but_on_this_machine() {
        let bench = Bench::with("").await;
        let token = bench.token("me", Scope::Read, "*").await;
        let cookie = login(&bench.server, &token, "here").await.expect("read").expect("good");
        assert!(!cookie.contains(token.trim_start_matches(PREFIX)), "the token does not stay in the browser");
        assert!(
            cookie.starts_with("careen=") && cookie.contains("HttpOnly; SameSite=Strict") && !cookie.contains("Secure")
        );
        assert!(login(&bench.server, "careen_no", "here").await.expect("read").is_none());
        let bench = Bench::with("public-url = \"https://careen.example\"\n").await;
        let token = bench.token("me", Scope::Read, "*").await;
        let cookie = login(&bench.server, &token, "here").await.expect("read").expect("good");
        assert!(
            cookie.starts_with("__Host-careen=")
                && cookie.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure")
        );
    }

    #[tokio::test]
    async fn a_token_ends_by_the_clock_that_was_set_right_since_the_start() {
        let bench = Bench::new().await;
        let server = &bench.server;
        let text = format!("data = \"{}\"\n", bench.folder().display());
        let config = Config::parse("serve.toml", &text, &[], false).expect("a configuration");
        let server = Server::new(config, server.store.clone(), Clock::behind(2 * HOUR)).expect("a server");
        let then = server.clock.now();
        let past = add(&server.store, "past", Scope::Read, "*", Some(then.plus(HOUR)), then).await.expect("made");
        let good = add(&server.store, "good", Scope::Read, "*", Some(then.plus(3 * HOUR)), then).await.expect("made");
        let is_known = async |token: &Sensitive| {
            let asks = parts(&[("authorization", &format!("Bearer {}", token.0))]);
            Caller::of(&server, &asks).await.expect("read").is_some()
        };
        assert!(!is_known(&past).await && is_known(&good).await);
        assert!(login(&server, &past.0, "here").await.expect("read").is_none());
    }

    #[tokio::test]
    async fn a_login_ends_with_its_token_and_by_logging_out() {
        let bench = Bench::new().await;
        let server = &bench.server;
        let token = bench.token("phone", Scope::Admin, "*").await;
        let (first, second) = (bench.login(&token).await, bench.login(&token).await);
        let header = |login: &str| parts(&[("cookie", &format!("careen={login}"))]);
        let is_known = async |login: &str| Caller::of(server, &header(login)).await.expect("read").is_some();
        assert!(is_known(&first).await && is_known(&second).await);
        let cookie = logout(server, &header(&first).headers).await.expect("ended");
        assert!(cookie.starts_with("careen=; Path=/; Max-Age=0"), "{cookie}");
        assert!(!is_known(&first).await && is_known(&second).await, "the cookie of who logged out is good no more");
        let later = server.clock.now().plus(Duration::from_hours(12));
        assert!(find_login(&server.store, &second, later).await.expect("read").is_none(), "past its time");
        assert!(revoke(&server.store, "phone", server.clock.now()).await.expect("revoked"));
        assert!(!is_known(&second).await, "its token was taken back");
        let bytes = std::fs::read(bench.folder().join("careen.db-wal")).expect("the log of the store");
        assert!(!bytes.windows(second.len()).any(|window| window == second.as_bytes()), "it is nowhere in the store");
    }

    #[tokio::test]
    async fn logins_are_noted_and_refused_ones_fill_nothing() {
        let bench = Bench::new().await;
        let token = bench.token("me", Scope::Read, "*").await;
        bench.login(&token).await;
        for _ in 0..30 {
            assert!(login(&bench.server, "careen_no", "192.0.2.7").await.expect("read").is_none());
        }
        let lines: Vec<(String, String, String)> = sqlx::query_as("SELECT who, what, subject FROM audit ORDER BY id")
            .fetch_all(bench.server.store.readers())
            .await
            .expect("the audit");
        let count = |what: &str| lines.iter().filter(|line| line.1 == what).count();
        assert_eq!((count("login"), count("login refused")), (1, 10), "{lines:?}");
        assert_eq!(lines.last().map(|line| line.2.as_str()), Some("192.0.2.7"));
    }

    #[tokio::test]
    async fn who_comes_over_plain_http_from_elsewhere_is_known() {
        let bench = Bench::with("listen = \"0.0.0.0:8420\"\n").await;
        let cases = [
            ("192.0.2.2:8420", "http://192.0.2.2:8420", None, true),
            ("localhost:8420", "http://localhost:8420", None, false),
            ("[::1]:8420", "http://[::1]:8420", None, false),
            ("careen.example", "https://careen.example", Some(("sec-fetch-site", "none")), false),
        ];
        for (host, origin, further, is_from_elsewhere) in cases {
            let mut fields = vec![("host", host), ("origin", origin)];
            fields.extend(further);
            let headers = parts(&fields).headers;
            assert_eq!(is_dropped(&bench.server, &headers), is_from_elsewhere, "{fields:?}");
            assert_eq!(seems_dropped(&bench.server, &headers), is_from_elsewhere, "{fields:?}");
        }
    }
}
