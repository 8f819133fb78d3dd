//! A server for tests: a store in a folder that vanishes, two sources, and what tests put into it.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use serde_json::{Value, json};
use sqlx::Row as _;
use tower::ServiceExt as _;

use crate::digest::Digest;

use super::clock::Clock;
use super::config::Config;
use super::event::SENDERS;
use super::queue::{JobId, Kind, Lane, NewJob, Priority, Queue as _};
use super::state::Server;
use super::store::Store;
use super::store::document::Packed;
use super::token::{self, Scope};
use super::{images, random};

/// A server, and the folder it lives in.
pub(super) struct Bench {
    folder: tempfile::TempDir,
    pub(super) server: Arc<Server>,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }
}

impl Bench {
    pub(super) async fn new() -> Self {
        Self::with("").await
    }

    /// A server with more in front of its configuration: the sources `shop` and `bakery` of the registry `main`.
    pub(super) async fn with(front: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (data, secret) = (folder.path().display(), folder.path().join("secret"));
        std::fs::write(&secret, "long-enough-a-secret\n").expect("a file");
        let source = |name: &str| {
            let auth = format!("auth = {{ by = \"header\", secret = {{ file = \"{}\" }} }}", secret.display());
            format!("[[source]]\nname = \"{name}\"\nkind = \"distribution\"\nregistry = \"main\"\n{auth}\n")
        };
        let (keys, tables): (Vec<&str>, Vec<&str>) = front.split_inclusive('\n').partition({
            let mut is_key = true;
            move |line| {
                is_key &= !line.starts_with('[');
                is_key
            }
        });
        let text = format!(
            "{}data = \"{data}\"\n{}\n[[registry]]\nname = \"main\"\nhost = \"registry.example:5000\"\n{}{}",
            keys.concat(),
            tables.concat().replace("SECRET", &secret.display().to_string()),
            source("shop"),
            source("bakery"),
        );
        let kinds: Vec<&str> = SENDERS.iter().map(|sender| sender.kind()).collect();
        let config = Config::parse("serve.toml", &text, &kinds, false).unwrap_or_else(|e| panic!("{e} {e:?}\n{text}"));
        let store = Store::open(&folder.path().join("careen.db")).await.expect("a store");
        let server = Server::new(config, store, Clock::start()).expect("a server");
        Self { folder, server }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) async fn token(&self, name: &str, scope: Scope, sources: &str) -> String {
        let now = self.server.clock.now();
        token::add(&self.server.store, name, scope, sources, None, now).await.expect("a token").0
    }

    /// The cookie of somebody who logged in with a token.
    pub(super) async fn login(&self, token: &str) -> String {
        let cookie = token::login(&self.server, token, "here").await.expect("read").expect("it is good");
        let (_, value) = cookie.split(';').next().and_then(|pair| pair.split_once('=')).expect("a pair");
        value.to_owned()
    }

    /// A job, which ends as it is told.
    pub(super) async fn job(&self, source: &str, repository: &str, end: Option<Result<(), &str>>) -> i64 {
        let now = self.server.clock.now();
        let key = random::id().expect("chance");
        let job = NewJob {
            digest: Some(Digest::sha256(key.as_bytes())),
            key,
            kind: Kind::Scan,
            source: source.to_owned(),
            registry: "main".to_owned(),
            repository: repository.to_owned(),
            tag: Some("1.0".to_owned()),
            priority: Priority::High,
        };
        let queue = &self.server.queue;
        queue.enqueue(vec![job], now).await.expect("put in");
        if let Some(end) = end {
            let leased =
                queue.lease(Lane::Slow, 1, std::time::Duration::from_mins(1), now).await.expect("leased").remove(0);
            match end {
                Ok(()) => assert!(queue.ack(&leased, now).await.expect("ended")),
                Err(reason) => assert!(queue.bury(&leased, reason, now).await.expect("buried")),
            }
        }
        let newest =
            sqlx::query("SELECT max(id) FROM job").fetch_one(self.server.store.readers()).await.expect("a job");
        newest.get(0)
    }

    /// A job of an image that is there, which ends as it is told.
    pub(super) async fn job_of(&self, image: i64, end: Option<Result<(), &str>>) -> i64 {
        let row = sqlx::query("SELECT source, repository, digest FROM image WHERE id = ?").bind(image);
        let row = row.fetch_one(self.server.store.readers()).await.expect("an image");
        let (source, repository, digest): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        let job = self.job(&source, &repository, end).await;
        let write = self.server.store.write(move |connection| {
            Box::pin(async move {
                let same = sqlx::query("UPDATE job SET digest = ? WHERE id = ?").bind(digest).bind(job);
                same.execute(connection).await.expect("changed");
                Ok(())
            })
        });
        write.await.expect("stored");
        job
    }

    /// An image with a tag.
    pub(super) async fn image(&self, source: &str, repository: &str, tag: &str) -> i64 {
        let (source, repository, tag) = (source.to_owned(), repository.to_owned(), tag.to_owned());
        let now = self.server.clock.now();
        let digest = Digest::sha256(format!("{source} {repository} {tag}").as_bytes());
        let see = self.server.store.write(move |connection| {
            Box::pin(
                async move { images::see(connection, &source, "main", &repository, &digest, Some(&tag), now).await },
            )
        });
        see.await.expect("an image")
    }

    /// An image that no tag ever was.
    pub(super) async fn image_without_tag(&self, source: &str, repository: &str, name: &str) -> i64 {
        let (source, repository) = (source.to_owned(), repository.to_owned());
        let now = self.server.clock.now();
        let digest = Digest::sha256(format!("{source} {repository} {name}").as_bytes());
        let see = self.server.store.write(move |connection| {
            Box::pin(async move { images::see(connection, &source, "main", &repository, &digest, None, now).await })
        });
        see.await.expect("an image")
    }

    /// A delivery that was given up.
    pub(super) async fn dead_delivery(&self, action: &str, report: &str, reason: &str) -> i64 {
        let (action, report, reason) = (action.to_owned(), report.to_owned(), reason.to_owned());
        let now = self.server.clock.now();
        let write = self.server.store.write(move |connection| {
            Box::pin(async move {
                let row = sqlx::query(
                    "INSERT INTO delivery (action, report, state, created, not_before, ended, reason) \
                     VALUES (?, ?, 'dead', ?, ?, ?, ?) RETURNING id",
                );
                let row = row.bind(action).bind(report).bind(now.0).bind(now.0).bind(now.0).bind(reason);
                Ok(row.fetch_one(connection).await.expect("a delivery").get(0))
            })
        });
        write.await.expect("stored")
    }

    /// The tag is this image from now on.
    pub(super) async fn move_tag(&self, image: i64, tag: &str) {
        let tag = tag.to_owned();
        let now = self.server.clock.now();
        let row = sqlx::query("SELECT source, repository, digest FROM image WHERE id = ?").bind(image);
        let row = row.fetch_one(self.server.store.readers()).await.expect("an image");
        let (source, repository, digest): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        let digest: Digest = digest.parse().expect("a digest");
        let see = self.server.store.write(move |connection| {
            Box::pin(
                async move { images::see(connection, &source, "main", &repository, &digest, Some(&tag), now).await },
            )
        });
        assert_eq!(see.await.expect("seen"), image);
    }

    /// A report of an image, made of a job of its own; what its findings say stands in the table too.
    pub(super) async fn report(&self, image: i64, source: &str, outcome: &str, document: &Value) -> String {
        let job = self.job(source, "any", Some(Ok(()))).await;
        self.report_of(JobId(job), image, source, outcome, document).await
    }

    pub(super) async fn report_of(
        &self,
        job: JobId,
        image: i64,
        source: &str,
        outcome: &str,
        document: &Value,
    ) -> String {
        let id = random::id().expect("chance");
        let (report, source, outcome, document) = (id.clone(), source.to_owned(), outcome.to_owned(), document.clone());
        let now = self.server.clock.now();
        let write = self.server.store.write(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO report (id, image, job, source, made, outcome, has_gaps, policy, data_version, summary) \
                     VALUES (?, ?, ?, ?, ?, ?, 0, 'careen:2026', 'd1', ?)",
                )
                .bind(&report)
                .bind(image)
                .bind(job.0)
                .bind(source)
                .bind(now.0)
                .bind(outcome)
                .bind(document.get("summary").map_or_else(|| "{}".to_owned(), Value::to_string))
                .execute(&mut *connection)
                .await
                .expect("a report");
                let documents = [("json", document.to_string()), ("cyclonedx", r#"{"bomFormat":"CycloneDX"}"#.to_owned())];
                for (format, text) in documents {
                    let size = i64::try_from(text.len()).expect("small");
                    let packed = Packed::of(|to| to.write_all(text.as_bytes())).expect("packed");
                    let kept = sqlx::query("INSERT INTO document (report, format, size, body) VALUES (?, ?, ?, ?)");
                    let kept = kept.bind(&report).bind(format).bind(size).bind(packed.body);
                    kept.execute(&mut *connection).await.expect("kept");
                }
                for finding in document["findings"].as_array().into_iter().flatten() {
                    let text = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
                    let severity = ["info", "low", "medium", "high", "critical"].iter().position(|w| *w == text("severity"));
                    sqlx::query(
                        "INSERT INTO finding (report, platform, rule, severity, action, fingerprint, message, path, package, fixed) \
                         VALUES (?, 'linux/amd64', ?, ?, ?, ?, ?, ?, ?, ?)",
                    )
                    .bind(&report)
                    .bind(text("rule"))
                    .bind(i64::try_from(severity.unwrap_or(0)).expect("small"))
                    .bind(text("action"))
                    .bind(text("id"))
                    .bind(text("message"))
                    .bind(finding["location"]["path"].as_str())
                    .bind(finding["location"]["purl"].as_str())
                    .bind(finding["evidence"]["fixed"].as_str())
                    .execute(&mut *connection)
                    .await
                    .expect("a finding");
                }
                Ok(())
            })
        });
        write.await.expect("stored");
        id
    }

    /// A dead letter.
    pub(super) async fn dead_letter(&self, source: &str, sender_id: &str, reason: &str, body: &[u8]) -> i64 {
        let (source, sender_id, reason, body) =
            (source.to_owned(), sender_id.to_owned(), reason.to_owned(), body.to_vec());
        let now = self.server.clock.now();
        let write = self.server.store.write(move |connection| {
            Box::pin(async move {
                let row = sqlx::query(
                    "INSERT INTO event (source, sender_id, received, state, reason, body) VALUES (?, ?, ?, 'dead', ?, ?) \
                     RETURNING id",
                );
                let row = row.bind(source).bind(sender_id).bind(now.0).bind(reason).bind(body);
                Ok(row.fetch_one(connection).await.expect("an event").get(0))
            })
        });
        write.await.expect("stored")
    }

    /// Asks a router.
    pub(super) async fn ask(&self, routes: Router<Arc<Server>>, request: Request<Body>) -> Answer {
        let response =
            super::http::with_fields(routes.with_state(self.server.clone())).oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 64 << 20).await.expect("a body").to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

/// `GET` with a token.
pub(super) fn get(path: &str, token: &str) -> Request<Body> {
    let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
    request.body(Body::empty()).expect("a request")
}

/// `POST` of JSON with a token.
pub(super) fn post(path: &str, token: &str, body: &Value) -> Request<Body> {
    let request = Request::post(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
    let request = request.header(header::CONTENT_TYPE, "application/json");
    request.body(Body::from(body.to_string())).expect("a request")
}

/// A report of an image whose every text tries to break out of what shows it.
pub(super) fn document() -> Value {
    let hostile = "<script>alert(1)</script>\"'{{7*7}}\u{202e}\u{1b}[2J";
    json!({
        "schema": "careen.report/1", "careen": { "version": "0.1.0" }, "outcome": "failed",
        "target": {
            "reference": format!("registry.example:5000/shop/api:{hostile}"), "source": "registry",
            "platform": "linux/amd64", "digest": Digest::sha256(b"").to_string(), "tags": [],
            "distro": format!("Debian {hostile}"), "distro_id": "debian", "distro_version": "12",
            "created": "2026-11-21T08:19:02Z", "size": 533_011_968, "entries": 22_471,
            "facts": { "stored_size": 195_758_130, "visible_size": 515_534_627, "config": { "user": "", "labels": { (hostile): hostile } } },
            "layers": [
                { "index": 0, "size": 180_096_512, "origin": "base", "created_by": "CMD [\"bash\"]" },
                { "index": 1, "size": 343_513_600, "origin": "app", "created_by": format!("RUN echo {hostile}") },
            ],
        },
        "verdict": {
            "policies": ["careen:2026"], "edition": "2026", "reason": format!("2 findings break it {hostile}"),
            "failed": 2, "warned": 1, "ignored": 0, "waived": 0,
            "rules": [{ "rule": "careen:2026 secrets", "place": "careen:2026:14", "action": "fail", "findings": 1, "ids": ["a1"], "remedies": ["revoke it"] }],
        },
        "packages": [{ "purl": "pkg:pypi/django@2.2", "name": format!("Django{hostile}"), "version": "2.2", "type": "pypi", "state": "installed", "locations": [{ "path": hostile, "layer": 1 }] }],
        "findings": [
            { "id": "a1", "rule": "secret/aws-access-key", "family": "secret", "severity": "critical", "title": "A key", "message": format!("a key in {hostile}"), "subject": hostile,
              "location": { "kind": "file", "path": hostile, "layer": 1, "start_line": 3 }, "evidence": { "masked": format!("AKIA****{hostile}") }, "status": "open", "action": "fail", "decided_by": "careen:2026 secrets", "note": "revoke it", "fixable": false },
            { "id": "b2", "rule": "package/vulnerable", "family": "package", "severity": "high", "title": "A package has a known flaw", "message": "Django 2.2 is affected by CVE-2021-31542; 2.2.21 mends it", "subject": "CVE-2021-31542",
              "location": { "kind": "package", "path": "/usr/lib/python3/Django/METADATA", "layer": 1, "purl": "pkg:pypi/django@2.2" },
              "evidence": { "ids": ["CVE-2021-31542", "GHSA-rxjp-mfm9-w4wr"], "installed": "2.2", "compared": { "name": "Django", "version": "2.2" }, "fixed": "2.2.21", "upgrade": "2.2.28", "summary": hostile, "cwes": ["CWE-22"],
                "links": ["https://github.com/advisories/GHSA-rxjp-mfm9-w4wr", "javascript:alert(1)"], "rating": { "said": "CVSS 3.1", "score": 7.5, "source": "NVD", "vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:H/A:N" } },
              "status": "open", "action": "fail", "decided_by": "careen:2026 flaws", "fixable": true },
            { "id": "c3", "rule": "layer/wasted-space", "family": "layer", "severity": "low", "title": "Waste", "message": "12 MiB are hidden", "subject": "/a", "location": { "kind": "file", "path": "/a", "layer": 1 }, "evidence": { "bytes": 12_582_912 }, "status": "open", "action": "warn", "fixable": true },
        ],
        "limitations": [{ "code": "archive-not-searched", "what": format!("cut short {hostile}"), "place": "layer 1", "incomplete": false }],
        "data": { "advisories": { "judged": 1, "sources": [{ "feed": "osv", "family": "PyPI", "source": "local files", "confirmed": "2026-11-21T14:06:40Z", "newest": "2026-04-01T00:00:00Z", "records": 2661, "age_days": 0 }] } },
    })
}
