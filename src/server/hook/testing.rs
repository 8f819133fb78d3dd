//! A server that takes webhooks.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, StatusCode, header};
use sqlx::Row as _;
use tower::ServiceExt as _;

use super::super::clock::Clock;
use super::super::config::Config;
use super::super::event;
use super::super::state::Server;
use super::super::store::Store;
use super::routes;

pub(in crate::server) const SECRET: &str = "word-of-the-shop";
pub(in crate::server) const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000001";

pub(in crate::server) struct Case {
    _folder: tempfile::TempDir,
    pub(in crate::server) server: Arc<Server>,
}

impl Case {
    pub(in crate::server) async fn new(most: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path("shop"), SECRET).expect("a file");
        std::fs::write(path("hub"), "word-of-the-hub-which-is-long").expect("a file");
        let shop = path("shop");
        let text = format!(
            r#"
data = "{0}"
[retention]
dead-letters = 40
[queue]
most-of-source = {most}
[[registry]]
name = "main"
host = "registry.example:5000"
aliases = ["registry.internal.example"]
[[source]]
name = "shop"
kind = "distribution"
registry = "main"
auth = {{ by = "header", secret = {{ file = "{1}" }} }}
[[source]]
name = "hub"
kind = "docker-hub"
registry = "main"
auth = {{ by = "path", secret = {{ file = "{2}" }} }}
[[source]]
name = "signed"
kind = "ghcr"
registry = "main"
auth = {{ by = "signature", secret = {{ file = "{shop}" }} }}
[[action]]
name = "bad"
kind = "webhook"
url = "https://chat.example/"
on = ["failed"]
secret = {{ file = "{shop}" }}
[[action]]
name = "turn"
kind = "webhook"
url = "https://chat.example/"
on = ["changed"]
secret = {{ file = "{shop}" }}
[[source]]
name = "cloud"
kind = "gar"
registry = "main"
auth = {{ by = "header", secret = {{ file = "{shop}" }} }}
"#,
            path("data"),
            shop,
            path("hub"),
        );
        let kinds: Vec<&str> = event::SENDERS.iter().map(|sender| sender.kind()).collect();
        let config = Config::parse("serve.toml", &text, &kinds, false).expect("a configuration");
        let store = Store::open(&folder.path().join("careen.db")).await.expect("a store");
        let server = Server::new(config, store, Clock::start()).expect("a server");
        Self { _folder: folder, server }
    }

    pub(in crate::server) async fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> StatusCode {
        let mut request = Request::builder().method(Method::POST).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).expect("a request");
        let answer = routes().with_state(Arc::clone(&self.server)).oneshot(request).await.expect("an answer");
        assert!(answer.headers().get(header::LOCATION).is_none(), "never a redirect");
        answer.status()
    }

    pub(in crate::server) async fn send(&self, body: &str) -> StatusCode {
        self.post("/hooks/shop", &[("authorization", SECRET)], body.to_owned()).await
    }

    pub(in crate::server) async fn count(&self, query: &'static str) -> i64 {
        let row = sqlx::query(query).fetch_one(self.server.store.readers()).await.expect("a row");
        row.try_get(0).expect("a number")
    }
}

pub(in crate::server) fn push(id: &str, digest: &str, more: &str) -> String {
    format!(
        "{{\"events\":[{{\"id\":\"{id}\",\"timestamp\":\"2026-03-01T12:00:00Z\",\"action\":\"push\",\"target\":{{\
         \"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"{digest}\",\
         \"repository\":\"shop/api\"{more}}}}}]}}"
    )
}
