//! `/harbor/api/v1`: Harbor has images scanned here, by its pluggable scanner API, versions 1.1 and 1.2
//! (<https://github.com/goharbor/pluggable-scanner-spec>).
//!
//! What Harbor asks for becomes a job of the queue like any other, so that none is lost. With each request comes what a
//! robot account may pull the image with: it is kept encrypted, for this image alone, until the job ends. Harbor reads
//! `Refresh-After` where the specification's text says `Retry-After`, as a number of 8 bits, so both are sent and small.

mod report;
#[cfg(test)]
mod tests;
mod vault;

use std::path::Path as FilePath;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;
use sqlx::{Row as _, SqliteConnection};

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::format::base64;
use crate::source::Sensitive;
use crate::source::registry::ImageReference;

use super::api::{Asked, Route, of};
use super::auth::{Presented, Proof};
use super::clock::Clock;
use super::config::{self, HarborAuth};
use super::images::{Sight, Tag, Word, note, scan_key};
use super::problem::Problem;
use super::question::{self, Question};
use super::queue::sqlite::enqueue;
use super::queue::{Entered, JobId, Kind, Leased, NewJob, Priority};
use super::random;
use super::result::NO_IMAGE;
use super::state::Server;
use super::store::of_sql;
use super::token::audit;
use super::worker::task;

use vault::Vault;

/// All routes, sorted by path.
pub(super) static ROUTES: &[Route] = &[
    Route { method: "get", path: "/harbor/api/v1/metadata", handler: || get(metadata) },
    Route { method: "post", path: "/harbor/api/v1/scan", handler: || post(scan) },
    Route { method: "get", path: "/harbor/api/v1/scan/{id}/report", handler: || get(fetch) },
];

/// The routes.
pub fn routes() -> Router<Arc<Server>> {
    of(ROUTES)
}

/// Media types of the interface, without their versions.
const METADATA: &str = "application/vnd.scanner.adapter.metadata+json";
const REQUEST: &str = "application/vnd.scanner.adapter.scan.request+json";
const RESPONSE: &str = "application/vnd.scanner.adapter.scan.response+json; version=1.0";
const FAILURE: &str = "application/vnd.scanner.adapter.error+json; version=1.0";
const VULNERABILITIES: &str = "application/vnd.security.vulnerability.report; version=1.1";
const OLD_VULNERABILITIES: &str = "application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.0";
const SBOM: &str = "application/vnd.security.sbom.report+json; version=1.0";

/// Kinds of bills of materials, and the formats in which they are kept.
const SBOM_TYPES: &[(&str, &str)] =
    &[("application/spdx+json", "spdx"), ("application/vnd.cyclonedx+json", "cyclonedx")];

/// Bytes of a request.
const LARGEST: usize = 64 << 10;

/// Seconds after which Harbor asks again: of what runs, and of what waits. It takes up to 127.
const SOON: u8 = 5;
const LATER: u8 = 15;

/// Harbor as it is configured.
#[derive(Debug)]
pub struct Harbor {
    source: String,
    proof: Proof,
    vault: Vault,
}

impl Harbor {
    /// Reads its secrets, and makes the key under which what it lends is kept.
    pub fn open(config: &config::Harbor, data: &FilePath) -> Result<Self> {
        let vault = Vault::open(&data.join("harbor.key"))?;
        Ok(Self { source: config.source.get_ref().clone(), proof: proof(&config.auth)?, vault })
    }
}

/// Reads its secrets, and makes nothing.
pub fn check(config: &config::Harbor) -> Result<()> {
    proof(&config.auth).map(|_| ())
}

fn proof(auth: &HarborAuth) -> Result<Proof> {
    let proof = match auth {
        HarborAuth::Basic { username, secret } => Proof::basic(username, &secret.read()?),
        HarborAuth::Bearer { secret } => {
            let values = secret.read()?.into_iter().map(|token| Sensitive(format!("Bearer {}", token.0)));
            Proof::header("authorization", &values.collect::<Vec<_>>())
        }
        HarborAuth::ApiKey { secret } => Proof::header("x-scanneradapter-api-key", &secret.read()?),
    };
    proof.map_err(|what| Error::new(ErrorKind::Config, what).at("harbor"))
}

/// A request that failed, told as Harbor reads it.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    message: String,
}

fn refused(status: StatusCode, message: impl Into<String>) -> Refusal {
    Refusal { status, message: message.into() }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        // Harbor knows no 503
        let status = match problem.status {
            StatusCode::SERVICE_UNAVAILABLE => StatusCode::INTERNAL_SERVER_ERROR,
            status => status,
        };
        refused(status, problem.detail)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Problem::from(error).into()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "error": { "message": self.message } });
        let mut response = typed(self.status, FAILURE, &body);
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Basic realm=\"careen\", Bearer realm=\"careen\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

fn typed(status: StatusCode, media: &'static str, body: &serde_json::Value) -> Response {
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

/// Harbor, if the request proves that it is.
fn known<'a>(server: &'a Server, headers: &HeaderMap) -> Result<&'a Harbor, Refusal> {
    let harbor = server.harbor.as_ref().ok_or_else(|| refused(StatusCode::NOT_FOUND, "no Harbor is configured"))?;
    let presented = Presented { headers, path_token: None, body: &[], now: Clock::system().timestamp() };
    harbor.proof.check(&presented).map_err(|why| {
        tracing::warn!(why = why.why, "a request in the name of Harbor was refused");
        refused(StatusCode::UNAUTHORIZED, "the credentials of this scanner are others")
    })?;
    Ok(harbor)
}

fn accepts(parts: &Parts, what: &str) -> bool {
    let values = parts.headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let plain = |text: &str| text.replace(' ', "").to_ascii_lowercase();
    values.flat_map(|value| value.split(',')).any(|range| plain(range).starts_with(&plain(what)))
}

async fn metadata(State(server): State<Arc<Server>>, request: Request) -> Result<Response, Refusal> {
    let (parts, _) = request.into_parts();
    known(&server, &parts.headers)?;
    let images = ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];
    let mut properties = serde_json::Map::new();
    properties.insert("harbor.scanner-adapter/scanner-type".to_owned(), json!("os-package-vulnerability"));
    if let Some(updated) = report::data_updated(&server).await {
        properties
            .insert("harbor.scanner-adapter/vulnerability-database-updated-at".to_owned(), json!(updated.to_string()));
    }
    let sbom_types: Vec<&str> = SBOM_TYPES.iter().map(|(media, _)| *media).collect();
    let body = json!({
        "scanner": report::scanner(),
        "capabilities": [
            {
                "type": "vulnerability", "consumes_mime_types": images,
                "produces_mime_types": [VULNERABILITIES, OLD_VULNERABILITIES],
            },
            {
                "type": "sbom", "consumes_mime_types": images, "produces_mime_types": [SBOM],
                "additional_attributes": { "sbom_media_types": sbom_types },
            },
        ],
        "properties": properties,
    });
    let is_old =
        accepts(&parts, &format!("{METADATA};version=1.0")) && !accepts(&parts, &format!("{METADATA};version=1.1"));
    let media = if is_old {
        "application/vnd.scanner.adapter.metadata+json; version=1.0"
    } else {
        "application/vnd.scanner.adapter.metadata+json; version=1.1"
    };
    Ok(typed(StatusCode::OK, media, &body))
}

#[derive(Deserialize)]
struct Wish {
    registry: Lender,
    artifact: Artifact,
    #[serde(default)]
    enabled_capabilities: Option<Vec<Capability>>,
}

#[derive(Deserialize)]
struct Lender {
    url: String,
    #[serde(default, deserialize_with = "sensitive")]
    authorization: Option<Sensitive>,
}

fn sensitive<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Sensitive>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Sensitive))
}

#[derive(Deserialize)]
struct Artifact {
    repository: String,
    digest: String,
    #[serde(default)]
    tag: Option<String>,
}

#[derive(Deserialize)]
struct Capability {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    parameters: Option<Parameters>,
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(default)]
    sbom_media_types: Vec<String>,
}

async fn scan(State(server): State<Arc<Server>>, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let harbor = known(&server, &parts.headers)?;
    let media = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !media.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(REQUEST) {
        return Err(refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("this takes {REQUEST}")));
    }
    let bytes =
        to_bytes(body, LARGEST).await.map_err(|_| refused(StatusCode::BAD_REQUEST, "the request is too large"))?;
    let malformed = |_| refused(StatusCode::BAD_REQUEST, "the request is no JSON that a scan is asked for with");
    let wish: Wish = serde_json::from_slice(&bytes).map_err(malformed)?;
    for capability in wish.enabled_capabilities.iter().flatten() {
        let types = capability.parameters.iter().flat_map(|parameters| &parameters.sbom_media_types);
        match capability.kind.as_str() {
            "vulnerability" => {}
            "sbom" => {
                for media in types {
                    sbom_format(media)?;
                }
            }
            _ => return Err(refused(StatusCode::NOT_IMPLEMENTED, "there is no such capability")),
        }
    }
    let invalid = |what: &str| refused(StatusCode::UNPROCESSABLE_ENTITY, what.to_owned());
    let registry = registry_of(&server.config, &wish.registry.url)
        .ok_or_else(|| invalid("`registry.url` is none of the configured registries"))?;
    let digest: Digest = wish.artifact.digest.parse().map_err(|_| invalid("`artifact.digest` is none"))?;
    let tag = wish.artifact.tag.filter(|tag| !tag.is_empty());
    ImageReference::of_parts(&registry.host, &wish.artifact.repository, tag.as_deref(), Some(&digest))
        .map_err(|_| invalid("`artifact.repository` and its tag make no reference"))?;
    let authorization = wish.registry.authorization.filter(|authorization| !authorization.0.is_empty());
    if authorization.as_ref().is_some_and(|authorization| Lent::read(authorization).is_none()) {
        return Err(invalid("`registry.authorization` is neither Basic nor Bearer"));
    }
    if server.is_ending() {
        return Err(refused(StatusCode::INTERNAL_SERVER_ERROR, "the server is ending"));
    }
    let id = random::id()?;
    let name = registry.name.get_ref();
    let key = format!("{} harbor {id}", scan_key(&harbor.source, name, &wish.artifact.repository, &digest));
    let job = NewJob {
        key,
        kind: Kind::Scan,
        source: harbor.source.clone(),
        registry: name.clone(),
        repository: wish.artifact.repository,
        tag,
        digest: Some(digest),
        priority: Priority::High,
    };
    let seal = |place: &str| authorization.as_ref().map(|lent| harbor.vault.seal(place, lent.0.as_bytes())).transpose();
    let image = job.digest.as_ref().map_or_else(String::new, |digest| image_of(&job, digest));
    let lent = Sealed { of_image: seal(&image)?, of_tag: seal(&tag_of(&job))? };
    if !enter(&server, &id, image, lent, job).await? {
        return Err(refused(StatusCode::INTERNAL_SERVER_ERROR, "the queue is full"));
    }
    server.work.notify_waiters();
    Ok(typed(StatusCode::ACCEPTED, RESPONSE, &json!({ "id": id })))
}

/// What is lent for an image, as it is kept.
fn image_of(job: &NewJob, digest: &Digest) -> String {
    format!("{}/{}@{digest}", job.registry, job.repository)
}

/// The same for the question which image a tag is.
fn tag_of(job: &NewJob) -> String {
    format!("{}/{}:{}", job.registry, job.repository, job.asked_tag())
}

/// What is lent with a request, encrypted for what it is asked with.
struct Sealed {
    of_image: Option<Vec<u8>>,
    of_tag: Option<Vec<u8>>,
}

/// Puts the job in, or joins one of the same image that nobody has begun; false if too many wait. The tag that its request
/// names may be another image by now: where another one is known, the registry is asked.
async fn enter(server: &Server, id: &str, image: String, lent: Sealed, job: NewJob) -> Result<bool> {
    let (id, bounds, now) = (id.to_owned(), server.queue.bounds(), server.clock.now());
    let entered = server.store.write(move |connection| {
        Box::pin(async move {
            let waiting = sqlx::query(
                "SELECT j.id FROM harbor_scan h JOIN job j ON j.id = h.job WHERE h.image = ? AND j.state = 'queued' LIMIT 1",
            );
            let waiting = waiting.bind(&image).fetch_optional(&mut *connection).await.map_err(cannot)?;
            let number: i64 = match waiting {
                Some(row) => row.try_get(0).map_err(cannot)?,
                None => match enqueue(connection, &job, bounds, now).await? {
                    Entered::New(JobId(number)) | Entered::Known(JobId(number)) => {
                        audit(connection, now, "Harbor", "scan", &format!("job {number} {}", job.key)).await?;
                        number
                    }
                    Entered::Full => return Ok(false),
                },
            };
            if let Some(digest) = &job.digest {
                let sight = Sight {
                    source: &job.source,
                    registry: &job.registry,
                    repository: &job.repository,
                    digest,
                    tag: job.tag.as_deref(),
                    at: now,
                    word: Word::Undated,
                };
                if matches!(note(connection, &sight, now).await?.tag, Tag::Doubted { .. }) {
                    let asker = format!("harbor-{id}");
                    // where there is no room, the next sweep or push tells
                    let entered = question::put_in(connection, &Question::of_doubt(&job, &asker), bounds, now).await?;
                    if let (Some(question), Some(sealed)) = (entered, &lent.of_tag) {
                        keep(connection, question, sealed).await?;
                    }
                }
            }
            let noted = sqlx::query("INSERT INTO harbor_scan (id, image, job, created) VALUES (?, ?, ?, ?)");
            let noted = noted.bind(&id).bind(&image).bind(number).bind(now.0);
            noted.execute(&mut *connection).await.map_err(cannot)?;
            if let Some(sealed) = &lent.of_image {
                keep(connection, JobId(number), sealed).await?;
            }
            Ok(true)
        })
    });
    entered.await
}

/// Keeps what is lent for a job until it ends.
async fn keep(connection: &mut SqliteConnection, job: JobId, sealed: &[u8]) -> Result<()> {
    let kept = sqlx::query("INSERT OR REPLACE INTO harbor_credential (job, sealed) VALUES (?, ?)");
    kept.bind(job.0).bind(sealed).execute(connection).await.map_err(cannot)?;
    Ok(())
}

/// The configured registry that this address is: its host word for word, encrypted unless it is configured otherwise, or
/// one of its other names, as Harbor uses inside of its own network.
fn registry_of<'a>(config: &'a config::Config, url: &str) -> Option<&'a config::Registry> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.strip_suffix('/').unwrap_or(rest);
    let host = match scheme {
        "https" => host.strip_suffix(":443").unwrap_or(host),
        "http" => host.strip_suffix(":80").unwrap_or(host),
        _ => return None,
    };
    let default = |host: &str, insecure: bool| {
        let port = if insecure { ":80" } else { ":443" };
        host.strip_suffix(port).unwrap_or(host).to_owned()
    };
    config.registries.iter().find(|registry| {
        let is_same = default(&registry.host, scheme == "http").eq_ignore_ascii_case(host);
        // it is asked at its own host all the same, and encrypted: another name of it says nothing of that
        let is_alias = |alias: &String| default(alias, scheme == "http").eq_ignore_ascii_case(host);
        (is_same && (scheme == "https" || registry.insecure)) || registry.aliases.iter().any(is_alias)
    })
}

fn sbom_format(media: &str) -> Result<&'static str, Refusal> {
    let known = SBOM_TYPES.iter().find(|(known, _)| known.eq_ignore_ascii_case(media));
    known
        .map(|(_, format)| *format)
        .ok_or_else(|| refused(StatusCode::NOT_IMPLEMENTED, "there is no such bill of materials"))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    sbom_media_type: Option<String>,
}

async fn fetch(
    State(server): State<Arc<Server>>,
    Path(id): Path<String>,
    asked: Result<Asked<Wanted>, Problem>,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, _) = request.into_parts();
    known(&server, &parts.headers)?;
    let gone = || refused(StatusCode::NOT_FOUND, "there is no such scan, or no longer");
    if !random::is_id(&id) {
        return Err(gone());
    }
    let asked = asked.map(|Asked(asked)| asked)?;
    let row = sqlx::query(
        "SELECT j.state, j.repository, j.digest, j.tag, j.reason, r.id, r.made FROM harbor_scan h \
         JOIN job j ON j.id = h.job LEFT JOIN report r ON r.job = j.id WHERE h.id = ?",
    );
    let row = row.bind(&id).fetch_optional(server.store.readers()).await.map_err(cannot)?.ok_or_else(gone)?;
    let text = |index: usize| row.try_get::<Option<String>, _>(index).map_err(cannot);
    let state = text(0)?.unwrap_or_default();
    let wait = match state.as_str() {
        "queued" => Some(LATER),
        "leased" => Some(SOON),
        _ => None,
    };
    if let Some(wait) = wait {
        return Ok(not_yet(&id, wait));
    }
    if state == "dead" {
        let reason = text(4)?.unwrap_or_default();
        return Err(refused(StatusCode::INTERNAL_SERVER_ERROR, format!("the scan failed: {reason}")));
    }
    let (Some(report), Some(made)) = (text(5)?, row.try_get::<Option<i64>, _>(6).map_err(cannot)?) else {
        // one that was no image has no report, and never will
        return Err(match text(4)? {
            Some(reason) if reason.starts_with(NO_IMAGE) => refused(StatusCode::INTERNAL_SERVER_ERROR, reason),
            _ => gone(),
        });
    };
    let scanned = report::Scanned {
        report,
        made: super::api::time(made),
        repository: text(1)?.unwrap_or_default(),
        digest: text(2)?.unwrap_or_default(),
        tag: text(3)?,
    };
    let is_any = parts.headers.get(header::ACCEPT).is_none() || accepts(&parts, "*/*");
    if accepts(&parts, "application/vnd.security.sbom.report+json") {
        let media = asked.sbom_media_type.as_deref();
        let media = media.ok_or_else(|| refused(StatusCode::BAD_REQUEST, "this takes `sbom_media_type`"))?;
        let body = scanned.sbom(&server, media, sbom_format(media)?).await?;
        return Ok(typed(StatusCode::OK, SBOM, &body));
    }
    let media = if is_any || accepts(&parts, "application/vnd.security.vulnerability.report") {
        VULNERABILITIES
    } else if accepts(&parts, "application/vnd.scanner.adapter.vuln.report.harbor+json") {
        OLD_VULNERABILITIES
    } else {
        return Err(refused(StatusCode::NOT_ACCEPTABLE, "there is no such report"));
    };
    Ok(typed(StatusCode::OK, media, &scanned.vulnerabilities(&server).await?))
}

/// Tells Harbor to ask again.
fn not_yet(id: &str, seconds: u8) -> Response {
    let place = format!("/harbor/api/v1/scan/{id}/report");
    let mut response = (StatusCode::FOUND, [(header::LOCATION, place)]).into_response();
    for name in [HeaderName::from_static("refresh-after"), header::RETRY_AFTER] {
        response.headers_mut().insert(name, HeaderValue::from(u16::from(seconds)));
    }
    response
}

/// What Harbor lends.
#[derive(Debug, PartialEq, Eq)]
enum Lent {
    Basic(String, String),
    Bearer(String),
}

impl Lent {
    /// Reads the value of an `Authorization` field.
    fn read(value: &Sensitive) -> Option<Self> {
        let (scheme, rest) = value.0.split_once(' ')?;
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("basic") {
            let pair = String::from_utf8(base64::decode(rest.as_bytes())?).ok()?;
            let (name, password) = pair.split_once(':')?;
            return Some(Self::Basic(name.to_owned(), password.to_owned()));
        }
        let is_token = !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_graphic());
        (scheme.eq_ignore_ascii_case("bearer") && is_token).then(|| Self::Bearer(rest.to_owned()))
    }
}

/// Has the registry of a job asked with what Harbor lent for it, in place of what is configured; and without any login where it
/// lent nothing, and careen's own is not for it.
pub(super) async fn lend(server: &Server, leased: &Leased, registry: &mut task::Registry) -> Result<()> {
    let Some(harbor) = &server.harbor else { return Ok(()) };
    let job = &leased.job;
    let row = sqlx::query("SELECT sealed FROM harbor_credential WHERE job = ?").bind(leased.id.0);
    let Some(row) = row.fetch_optional(server.store.readers()).await.map_err(cannot)? else {
        if harbor.source == job.source && !has_own_login(server, harbor, &job.registry) {
            (registry.username, registry.password, registry.token) = (None, None, None);
        }
        return Ok(());
    };
    let sealed: Vec<u8> = row.try_get(0).map_err(cannot)?;
    let place = job.digest.as_ref().map_or_else(|| tag_of(job), |digest| image_of(job, digest));
    let lent = harbor.vault.open_sealed(&place, &sealed)?;
    (registry.username, registry.password, registry.token) = match Lent::read(&lent) {
        Some(Lent::Basic(name, password)) => (Some(name), Some(Sensitive(password)), None),
        Some(Lent::Bearer(token)) => (None, None, Some(Sensitive(token))),
        None => return Err(Error::new(ErrorKind::Internal, "what Harbor lent cannot be read")),
    };
    Ok(())
}

/// Whether careen has a login of its own at a registry that is for Harbor too: there where the source of that name is, or where
/// there is one registry alone. Elsewhere whoever has Harbor's secret could read with it what is others'.
fn has_own_login(server: &Server, harbor: &Harbor, registry: &str) -> bool {
    let config = &server.config;
    let is_for_it = match config.source(&harbor.source) {
        Some(source) => source.registry.get_ref() == registry,
        None => config.registries.len() == 1,
    };
    is_for_it
        && config.registry(registry).is_some_and(|registry| registry.password.is_some() || registry.token.is_some())
}

/// Whether a job judges an image again that only Harbor had scanned, or asks for a tag that Harbor named, by a login that it
/// lent for one scan: where careen has none of its own nothing can be read, and nobody need be alarmed.
pub(super) fn is_of_lent_login(server: &Server, leased: &Leased) -> bool {
    let job = &leased.job;
    let harbor = server.harbor.as_ref().filter(|harbor| harbor.source == job.source);
    let Some(harbor) = harbor.filter(|harbor| !has_own_login(server, harbor, &job.registry)) else { return false };
    match job.kind {
        Kind::Rematch => true,
        // of a push somebody should see that nothing came of it
        Kind::Pin => server.config.source(&harbor.source).is_none(),
        Kind::Scan => false,
    }
}

/// Whether Harbor lent a login for a job that is under way.
pub(super) async fn is_lent(connection: &mut SqliteConnection, job: JobId) -> Result<bool> {
    let lent = sqlx::query("SELECT 1 FROM harbor_credential WHERE job = ?").bind(job.0);
    Ok(lent.fetch_optional(connection).await.map_err(cannot)?.is_some())
}

fn cannot(error: sqlx::Error) -> Error {
    of_sql("cannot read or write scans of Harbor", error)
}
