//! What Harbor is answered, held against `docs/openapi.json`.

use axum::body::Body;
use serde_json::{Value, json};

use super::*;
use crate::server::queue::{Lane, Queue as _};
use crate::server::result::{self, Finished};
use crate::server::testing::{Answer, Bench, document};
use crate::server::work::task_registry;

const CONFIG: &str = "[harbor]\nauth = { by = \"basic\", username = \"harbor\", secret = { file = \"SECRET\" } }\n";
const ROBOT: &str = "Basic cm9ib3QkeDpsb25nLXJvYm90LXNlY3JldA==";

fn request(method: &str, path: &str, media: &str, body: Option<&Value>) -> Request {
    let request = Request::builder().method(method).uri(path);
    // harbor:long-enough-a-secret
    let request = request.header("authorization", "Basic aGFyYm9yOmxvbmctZW5vdWdoLWEtc2VjcmV0");
    let name = if body.is_some() { "content-type" } else { "accept" };
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    request.header(name, media).body(body).expect("a request")
}

fn wish() -> Value {
    json!({
        "registry": { "url": "https://registry.example:5000", "authorization": ROBOT },
        "artifact": { "repository": "shop/api", "digest": Digest::sha256(b"x").to_string(), "tag": "1.0", "mime_type": "application/vnd.oci.image.manifest.v1+json" },
        "enabled_capabilities": [{ "type": "sbom", "produces_mime_types": [SBOM], "parameters": { "sbom_media_types": ["application/spdx+json"] } }],
    })
}

fn check(method: &str, path: &str, answer: &Answer) -> Value {
    let whole: Value = serde_json::from_str(include_str!("../../../docs/openapi.json")).expect("JSON");
    let status = answer.status.as_u16().to_string();
    let media = answer.header("content-type").expect("a type");
    let mut schema = whole["paths"][path][method]["responses"][&status]["content"][media]["schema"].clone();
    assert!(schema.is_object(), "{method} {path} {status} {media}: {}", answer.text());
    schema["components"] = whole["components"].clone();
    let body = answer.json();
    let wrong: Vec<String> =
        jsonschema::validator_for(&schema).expect("a schema").iter_errors(&body).map(|e| e.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}\n{body:#}");
    body
}

const REQUEST_TYPE: &str = "application/vnd.scanner.adapter.scan.request+json; version=1.1";
const SCAN: &str = "/harbor/api/v1/scan";
const REPORT: &str = "/harbor/api/v1/scan/{id}/report";

#[tokio::test]
async fn harbor_proves_who_it_is() {
    let bench = Bench::with(CONFIG).await;
    for path in ["/harbor/api/v1/metadata".to_owned(), format!("{SCAN}/{}/report", random::id().expect("chance"))] {
        for value in ["", "Basic aGFyYm9yOndyb25n", "Bearer long-enough-a-secret"] {
            let mut request = request("GET", &path, "*/*", None);
            request.headers_mut().insert("authorization", value.parse().expect("a value"));
            let answer = bench.ask(routes(), request).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path} {value}");
            assert!(answer.header("www-authenticate").is_some() && answer.json()["error"]["message"].is_string());
        }
    }
    let closed = Bench::new().await;
    let answer = closed.ask(routes(), request("GET", "/harbor/api/v1/metadata", "*/*", None)).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "nobody is Harbor unless one is configured");
    for auth in ["bearer", "api-key"] {
        let config =
            format!("[harbor]\nsource = \"shop\"\nauth = {{ by = \"{auth}\", secret = {{ file = \"SECRET\" }} }}\n");
        let bench = Bench::with(&config).await;
        let mut request = request("GET", "/harbor/api/v1/metadata", "*/*", None);
        let (name, value) = if auth == "bearer" {
            ("authorization", "Bearer long-enough-a-secret")
        } else {
            ("x-scanneradapter-api-key", "long-enough-a-secret")
        };
        request.headers_mut().insert(name, value.parse().expect("a value"));
        assert_eq!(bench.ask(routes(), request).await.status, StatusCode::OK, "{auth}");
    }
}

#[tokio::test]
async fn metadata_are_told_in_the_version_that_is_asked_for() {
    let bench = Bench::with(CONFIG).await;
    let path = "/harbor/api/v1/metadata";
    for (accept, version) in
        [("*/*", "1.1"), (METADATA, "1.1"), ("application/vnd.scanner.adapter.metadata+json; version=1.0", "1.0")]
    {
        let answer = bench.ask(routes(), request("GET", path, accept, None)).await;
        let body = check("get", path, &answer);
        assert_eq!(answer.header("content-type"), Some(&*format!("{METADATA}; version={version}")), "{accept}");
        let kinds: Vec<&str> =
            body["capabilities"].as_array().expect("a list").iter().filter_map(|c| c["type"].as_str()).collect();
        assert_eq!(kinds, ["vulnerability", "sbom"]);
    }
}

#[tokio::test]
async fn a_scan_is_asked_for_waited_for_and_read() {
    let bench = Bench::with(CONFIG).await;
    let server = &bench.server;
    let first = bench.ask(routes(), request("POST", SCAN, REQUEST_TYPE, Some(&wish()))).await;
    let id = check("post", SCAN, &first)["id"].as_str().expect("an id").to_owned();
    assert_eq!(first.status, StatusCode::ACCEPTED);
    let second = bench.ask(routes(), request("POST", SCAN, REQUEST_TYPE, Some(&wish()))).await;
    let other = second.json()["id"].as_str().expect("an id").to_owned();
    let path = format!("{SCAN}/{id}/report");
    let report = async |accept: &str, query: &str| {
        bench.ask(routes(), request("GET", &format!("{path}{query}"), accept, None)).await
    };
    let answer = report(VULNERABILITIES, "").await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::FOUND, Some(&*path)));
    for name in ["refresh-after", "retry-after"] {
        assert!(answer.header(name).expect("a number").parse::<i8>().expect("8 bits") <= 60);
    }
    // the secret of the robot is in no file, and opens for this job alone
    for file in std::fs::read_dir(bench.folder()).expect("a folder").flatten() {
        let bytes = std::fs::read(file.path()).expect("a file");
        for secret in ["cm9ib3QkeDpsb25n", "long-robot-secret"] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{:?}", file.path());
        }
    }
    let leased =
        server.queue.lease(Lane::Slow, 5, std::time::Duration::from_mins(1), server.clock.now()).await.expect("leased");
    assert_eq!(leased.len(), 1, "both are one job");
    let audited = sqlx::query_as::<_, (String, String, String)>("SELECT who, what, subject FROM audit");
    let audited = audited.fetch_all(server.store.readers()).await.expect("the audit");
    let [(who, what, subject)] = audited.as_slice() else { panic!("one line of one job: {audited:?}") };
    assert_eq!((who.as_str(), what.as_str()), ("Harbor", "scan"));
    assert!(
        subject.starts_with(&format!("job {} ", leased[0].id.0)) && subject.contains("main/shop/api@"),
        "{subject}"
    );
    let tagged =
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM tag t JOIN image i ON i.id = t.image WHERE t.name = ?");
    let tagged =
        tagged.bind(wish()["artifact"]["tag"].as_str()).fetch_one(server.store.readers()).await.expect("a count");
    assert_eq!(tagged, 1, "it is judged again with new data, as what a tag is");
    let mut registry = task::Registry::default();
    lend(server, &leased[0], &mut registry).await.expect("lent");
    assert_eq!(registry.username.as_deref(), Some("robot$x"));
    assert_eq!(registry.password.as_ref().map(|password| password.0.as_str()), Some("long-robot-secret"));
    let answer = report(VULNERABILITIES, "").await;
    assert_eq!((answer.status, answer.header("refresh-after")), (StatusCode::FOUND, Some("5")));
    assert!(server.queue.ack(&leased[0], server.clock.now()).await.expect("ended"));
    let mut registry = task::Registry::default();
    lend(server, &leased[0], &mut registry).await.expect("nothing");
    assert!(registry.username.is_none(), "it is gone with the job");
    assert_eq!(report("*/*", "").await.status, StatusCode::NOT_FOUND, "a report that is gone is asked for anew");

    let image = bench.image("harbor", "shop/api", "1.0").await;
    bench.report_of(leased[0].id, image, "harbor", "failed", &document()).await;
    for (accept, media) in
        [("*/*", VULNERABILITIES), (VULNERABILITIES, VULNERABILITIES), (OLD_VULNERABILITIES, OLD_VULNERABILITIES)]
    {
        let answer = report(accept, "").await;
        let body = check("get", REPORT, &answer);
        assert_eq!(answer.header("content-type"), Some(media));
        assert_eq!(
            (body["severity"].as_str(), body["artifact"]["repository"].as_str()),
            (Some("High"), Some("shop/api"))
        );
        let flaws = body["vulnerabilities"].as_array().expect("a list");
        assert_eq!(flaws.len(), 1, "secrets and waste are no flaws of packages");
        assert_eq!(
            (flaws[0]["id"].as_str(), flaws[0]["fix_version"].as_str()),
            (Some("CVE-2021-31542"), Some("2.2.21"))
        );
        assert_eq!(flaws[0]["links"], json!(["https://github.com/advisories/GHSA-rxjp-mfm9-w4wr"]));
        assert_eq!(flaws[0]["preferred_cvss"]["score_v3"], json!(7.5));
    }
    let other = bench.ask(routes(), request("GET", &format!("{SCAN}/{other}/report"), "*/*", None)).await;
    assert_eq!(other.status, StatusCode::OK, "who came second reads the same report");
    let answer = report(SBOM, "?sbom_media_type=application/vnd.cyclonedx%2Bjson").await;
    assert_eq!(check("get", REPORT, &answer)["sbom"]["bomFormat"], "CycloneDX");
    assert_eq!(report(SBOM, "").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(report(SBOM, "?sbom_media_type=text/x").await.status, StatusCode::NOT_IMPLEMENTED);
    assert_eq!(report("text/html", "").await.status, StatusCode::NOT_ACCEPTABLE);
}

#[tokio::test]
async fn an_image_that_only_a_lent_login_reads_is_left_as_it_was_judged() {
    let again = async |front: &str, source: &str, kind: Kind| {
        let bench = Bench::with(front).await;
        bench.job(source, "shop/api", None).await;
        let leased =
            bench.server.queue.lease(Lane::Slow, 1, std::time::Duration::from_mins(1), bench.server.clock.now());
        let mut leased = leased.await.expect("leased").remove(0);
        leased.job.kind = kind;
        is_of_lent_login(&bench.server, &leased)
    };
    assert!(again(CONFIG, "harbor", Kind::Rematch).await);
    assert!(!again(CONFIG, "harbor", Kind::Scan).await, "a scan that somebody waits for");
    assert!(
        !again(CONFIG, "shop", Kind::Rematch).await,
        "one that a webhook told of is read by a login of careen's own"
    );
    assert!(!again("", "harbor", Kind::Rematch).await, "Harbor is configured no more");
}

#[tokio::test]
async fn a_scan_that_failed_says_so_and_one_that_never_was_is_not_there() {
    let bench = Bench::with(CONFIG).await;
    let server = &bench.server;
    let answer = bench.ask(routes(), request("POST", SCAN, REQUEST_TYPE, Some(&wish()))).await;
    let id = answer.json()["id"].as_str().expect("an id").to_owned();
    let leased = server
        .queue
        .lease(Lane::Slow, 1, std::time::Duration::from_mins(1), server.clock.now())
        .await
        .expect("leased")
        .remove(0);
    server.queue.bury(&leased, "no such image", server.clock.now()).await.expect("buried");
    let answer = bench.ask(routes(), request("GET", &format!("{SCAN}/{id}/report"), "*/*", None)).await;
    check("get", REPORT, &answer);
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.text().contains("no such image"));
    for id in [random::id().expect("chance"), "x".to_owned(), "..%2f".to_owned(), "a".repeat(10_000)] {
        let answer = bench.ask(routes(), request("GET", &format!("{SCAN}/{id}/report"), "*/*", None)).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{id}");
    }
}

#[tokio::test]
async fn nothing_is_asked_of_a_registry_that_is_not_configured() {
    let bench = Bench::with(CONFIG).await;
    let cases: &[(&str, Value, StatusCode)] = &[
        ("/registry/url", json!("https://evil.example"), StatusCode::UNPROCESSABLE_ENTITY),
        ("/registry/url", json!("http://registry.example:5000"), StatusCode::UNPROCESSABLE_ENTITY),
        ("/registry/url", json!("https://registry.example:5000@evil.example"), StatusCode::UNPROCESSABLE_ENTITY),
        ("/registry/url", json!("https://registry.example:5000/../evil"), StatusCode::UNPROCESSABLE_ENTITY),
        ("/registry/url", json!("file:///etc/passwd"), StatusCode::UNPROCESSABLE_ENTITY),
        ("/registry/url", json!("https://REGISTRY.example:5000/"), StatusCode::ACCEPTED),
        ("/registry/authorization", json!("Digest x"), StatusCode::UNPROCESSABLE_ENTITY),
        ("/registry/authorization", json!(""), StatusCode::ACCEPTED),
        ("/registry/authorization", json!("Bearer a.b.c"), StatusCode::ACCEPTED),
        ("/artifact/repository", json!("../x"), StatusCode::UNPROCESSABLE_ENTITY),
        ("/artifact/digest", json!("sha256:0"), StatusCode::UNPROCESSABLE_ENTITY),
        ("/artifact/digest", json!(3), StatusCode::BAD_REQUEST),
        ("/enabled_capabilities/0/type", json!("malware"), StatusCode::NOT_IMPLEMENTED),
        ("/enabled_capabilities", json!(null), StatusCode::ACCEPTED),
    ];
    for (place, value, status) in cases {
        let mut wish = wish();
        *wish.pointer_mut(place).expect("a place") = value.clone();
        let answer = bench.ask(routes(), request("POST", SCAN, REQUEST_TYPE, Some(&wish))).await;
        assert_eq!(answer.status, *status, "{place} {value}: {}", answer.text());
        check("post", SCAN, &answer);
    }
    let answer = bench.ask(routes(), request("POST", SCAN, "application/json", Some(&wish()))).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let large = json!({ "registry": "x".repeat(70_000) });
    let answer = bench.ask(routes(), request("POST", SCAN, REQUEST_TYPE, Some(&large))).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

/// A second registry at which careen has a login of its own, and a source of it.
const TWO: &str = "[[registry]]\nname = \"two\"\nhost = \"two.example\"\nusername = \"careen\"\n\
    password = { file = \"SECRET\" }\n[[source]]\nname = \"team\"\nkind = \"distribution\"\nregistry = \"two\"\n\
    auth = { by = \"header\", secret = { file = \"SECRET\" } }\n";

/// Leases the one job of a lane.
async fn leased(server: &Server, lane: Lane) -> Leased {
    let leased = server.queue.lease(lane, 5, std::time::Duration::from_mins(1), server.clock.now()).await;
    let mut leased = leased.expect("leased");
    assert_eq!(leased.len(), 1);
    leased.remove(0)
}

#[tokio::test]
async fn a_login_of_careens_own_is_for_the_registry_of_harbors_source_alone() {
    let user = async |source: &str, host: &str, authorization: Option<&str>| {
        let bench = Bench::with(&format!("{}{TWO}", CONFIG.replace("[harbor]", &format!("[harbor]\n{source}")))).await;
        let mut wish = wish();
        wish["registry"] = json!({ "url": format!("https://{host}"), "authorization": authorization });
        let answer = bench.ask(routes(), request("POST", SCAN, REQUEST_TYPE, Some(&wish))).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
        let leased = leased(&bench.server, Lane::Slow).await;
        let registry = bench.server.config.registry(&leased.job.registry).expect("one");
        let mut registry = task_registry(registry).expect("its login");
        lend(&bench.server, &leased, &mut registry).await.expect("looked up");
        assert_eq!(registry.username.is_some(), registry.password.is_some());
        registry.username
    };
    assert_eq!(user("", "two.example", None).await, None, "no source says that it is Harbor's");
    assert_eq!(user("source = \"shop\"", "two.example", None).await, None, "it is of another source");
    assert_eq!(user("source = \"shop\"", "two.example", Some(ROBOT)).await.as_deref(), Some("robot$x"));
    assert_eq!(user("source = \"team\"", "two.example", None).await.as_deref(), Some("careen"));
}

#[tokio::test]
async fn which_image_a_tag_is_the_registry_is_asked_with_what_harbor_lent() {
    let bench = Bench::with(CONFIG).await;
    let server = &bench.server;
    for image in [b"x", b"y"] {
        let mut wish = wish();
        wish["artifact"]["digest"] = json!(Digest::sha256(image).to_string());
        let answer = bench.ask(routes(), request("POST", SCAN, REQUEST_TYPE, Some(&wish))).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
    }
    let is = async || {
        let is = sqlx::query_scalar::<_, String>("SELECT i.digest FROM tag t JOIN image i ON i.id = t.image");
        is.fetch_one(server.store.readers()).await.expect("one")
    };
    assert_eq!(is().await, Digest::sha256(b"x").to_string(), "the second one may be an older one that comes late");
    let question = leased(server, Lane::Quick).await;
    assert_eq!((question.job.kind, question.job.tag.as_deref()), (Kind::Pin, Some("1.0")));
    assert!(is_of_lent_login(server, &question), "where it is refused nobody is alarmed");
    let mut registry = task::Registry::default();
    lend(server, &question, &mut registry).await.expect("lent");
    assert_eq!(registry.username.as_deref(), Some("robot$x"));
    let asked = server.clock.now().plus(std::time::Duration::from_millis(1));
    let answer = Finished::Pinned(Digest::sha256(b"y"), asked);
    assert!(result::store(server, &question, answer).await.expect("stored"));
    assert_eq!(is().await, Digest::sha256(b"y").to_string());
    let left =
        "SELECT (SELECT count(*) FROM job WHERE kind = 'scan') || ' ' || (SELECT count(*) FROM harbor_credential)";
    let left = sqlx::query_scalar::<_, String>(left).fetch_one(server.store.readers()).await.expect("read");
    assert_eq!(left, "2 2", "Harbor has both scanned itself, and lends for these alone");
}
