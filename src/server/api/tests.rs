//! What the API answers, held against `docs/openapi.json`.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::super::harbor;
use super::super::testing::{Answer, Bench, document, get, post};
use super::super::token::Scope;
use super::{ROUTES, Route, routes};
use crate::digest::Digest;

fn description() -> Value {
    serde_json::from_str(include_str!("../../../docs/openapi.json")).expect("JSON")
}

/// Holds an answer against the schema of its status and type.
fn check(method: &str, path: &str, answer: &Answer) -> Value {
    let whole = description();
    let status = answer.status.as_u16().to_string();
    let response = &whole["paths"][path][method]["responses"][&status];
    assert!(response.is_object(), "{method} {path} answers {status}: {}", answer.text());
    let media = answer.header("content-type").expect("a type");
    let schema = &response["content"][media]["schema"];
    assert!(schema.is_object(), "{method} {path} {status} {media}");
    let mut root = schema.clone();
    root["components"] = whole["components"].clone();
    let validator = jsonschema::options().should_validate_formats(true).build(&root).expect("a schema");
    let body = answer.json();
    let wrong: Vec<String> = validator.iter_errors(&body).map(|e| format!("{} {e}", e.instance_path())).collect();
    assert!(wrong.is_empty(), "{method} {path}: {wrong:#?}\n{body:#}");
    body
}

#[test]
fn each_route_is_described_and_nothing_else() {
    let of = |route: &Route| (route.path.to_owned(), route.method.to_owned());
    let here: BTreeSet<_> = ROUTES.iter().chain(harbor::ROUTES).map(of).collect();
    let whole = description();
    let paths = whole["paths"].as_object().expect("paths");
    let described = paths.iter().flat_map(|(path, methods)| {
        methods.as_object().expect("methods").keys().map(move |method| (path.clone(), method.clone()))
    });
    assert_eq!(described.collect::<BTreeSet<_>>(), here);
    assert!(ROUTES.is_sorted_by_key(|route| (route.path, route.method)));
    let mut ids = BTreeSet::new();
    for (path, methods) in paths {
        for operation in methods.as_object().expect("methods").values() {
            assert!(ids.insert(operation["operationId"].as_str().expect("an id")), "{path}");
            let told = operation["parameters"].to_string();
            for part in path.split('/').filter_map(|part| part.strip_prefix('{')) {
                assert!(told.contains(&format!("\"{}\"", part.trim_end_matches('}'))), "{path}");
            }
        }
    }
}

#[tokio::test]
async fn every_route_is_there_and_takes_a_token() {
    let bench = Bench::new().await;
    for route in ROUTES {
        let path = route.path.replace("{id}", "1");
        let method: Method = route.method.to_uppercase().parse().expect("a method");
        let request =
            |method: Method| Request::builder().method(method).uri(&path).body(Body::empty()).expect("a request");
        let answer = bench.ask(routes(), request(method)).await;
        let is_open = matches!(route.path, "/healthz" | "/readyz");
        let expected = if is_open { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        assert_eq!(answer.status, expected, "{}", route.path);
        if !is_open {
            check(route.method, route.path, &answer);
            assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"careen\""));
        }
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let answer = bench.ask(routes(), request(Method::DELETE)).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{}", route.path);
    }
    let token = bench.token("all", Scope::Admin, "*").await;
    let answer = bench.ask(routes(), get("/api/v2/x", &token)).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (StatusCode::NOT_FOUND, Some("application/problem+json"))
    );
}

#[tokio::test]
async fn images_are_listed_by_what_is_asked_for() {
    let bench = Bench::new().await;
    let token = bench.token("all", Scope::Read, "*").await;
    let api = bench.image("shop", "shop/api", "1.0").await;
    let web = bench.image("shop", "shop/web", "2.0").await;
    let bread = bench.image("bakery", "bread", "1.0").await;
    bench.report(api, "shop", "passed", &document()).await;
    bench.report(api, "shop", "failed", &document()).await;
    bench.report(web, "shop", "passed", &json!({})).await;
    let digest = Digest::sha256(b"shop shop/web 2.0");
    let list = async |query: &str| {
        let answer = bench.ask(routes(), get(&format!("/api/v1/images?{query}"), &token)).await;
        let body = check("get", "/api/v1/images", &answer);
        body["items"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|image| image["id"].as_i64().expect("a number"))
            .collect::<Vec<_>>()
    };
    let cases: &[(&str, &[i64])] = &[
        ("", &[bread, web, api]),
        ("repository=shop/*", &[web, api]),
        ("repository=shop%2Fapi", &[api]),
        ("repository=shop/a[p]i", &[]),
        ("tag=1.0", &[bread, api]),
        (&format!("digest={digest}"), &[web]),
        ("outcome=failed", &[api]),
        ("outcome=passed&repository=", &[web]),
        ("outcome=none", &[bread]),
        ("source=bakery", &[bread]),
        ("registry=main&limit=1", &[bread]),
        ("registry=other", &[]),
        ("repository=main/shop/api", &[api]),
        ("repository=main/*", &[bread, web, api]),
        ("repository=registry.example:5000/shop/*", &[web, api]),
        ("repository=registry.example:5000/shop/api:1.0", &[api]),
        ("repository=shop/api:2.0", &[]),
        (&format!("repository=registry.example:5000/shop/web@{digest}"), &[web]),
        (&format!("repository={digest}"), &[web]),
        ("outcome=dead", &[]),
        (&format!("limit=2&after={web}"), &[api]),
    ];
    for (query, expected) in cases {
        assert_eq!(list(query).await, *expected, "{query}");
    }
    let answer = bench.ask(routes(), get("/api/v1/images?limit=2", &token)).await;
    assert_eq!(answer.json()["next"], json!(web));
    let answer = bench.ask(routes(), get(&format!("/api/v1/images/{api}"), &token)).await;
    let image = check("get", "/api/v1/images/{id}", &answer);
    assert_eq!(image["reports"][0]["outcome"], "failed", "the newest first");
    assert_eq!(image["trend"][0]["report"], image["reports"][0]["id"]);
    let pulled = image["reference"].as_str().expect("text");
    assert!(pulled.starts_with("registry.example:5000/shop/api@sha256:"), "{pulled}");
    assert_eq!(image["counts"], json!({ "critical": 1, "high": 1, "low": 1 }));
    for wrong in ["limit=0", "limit=501", "limit=x", "outcome=bad", "tagged=x", "colour=red", "repository=*********"] {
        let answer = bench.ask(routes(), get(&format!("/api/v1/images?{wrong}"), &token)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
        check("get", "/api/v1/images", &answer);
    }
}

#[tokio::test]
async fn reports_come_in_the_format_that_is_asked_for() {
    let bench = Bench::new().await;
    let token = bench.token("all", Scope::Read, "*").await;
    let image = bench.image("shop", "shop/api", "1.0").await;
    let report = bench.report(image, "shop", "failed", &document()).await;
    let path = format!("/api/v1/reports/{report}");
    let accepting = async |accept: &str| {
        let mut request = get(&path, &token);
        request.headers_mut().insert("accept", accept.parse().expect("a value"));
        let answer = bench.ask(routes(), request).await;
        (answer.status.as_u16(), answer.header("content-type").unwrap_or_default().to_owned())
    };
    let (json, cyclonedx) = ("application/json".to_owned(), "application/vnd.cyclonedx+json".to_owned());
    let cases = [
        ("*/*", (200, json.clone())),
        ("text/html, application/json;q=0.5", (200, json.clone())),
        ("application/json;q=0.1, application/vnd.cyclonedx+json", (200, cyclonedx.clone())),
        ("application/vnd.cyclonedx+json;q=0, application/json;q=0.001", (200, json)),
        ("application/sarif+json", (406, "application/problem+json".to_owned())),
        ("image/png", (406, "application/problem+json".to_owned())),
    ];
    for (accept, expected) in cases {
        assert_eq!(accepting(accept).await, expected, "{accept}");
    }
    let answer = bench.ask(routes(), get(&format!("{path}?format=cyclonedx"), &token)).await;
    assert_eq!(
        (answer.json()["bomFormat"].as_str(), answer.header("content-type")),
        (Some("CycloneDX"), Some(&*cyclonedx))
    );
    assert_eq!(bench.ask(routes(), get(&path, &token)).await.json(), document());
    assert_eq!(bench.ask(routes(), get(&format!("{path}?format=exe"), &token)).await.status, StatusCode::BAD_REQUEST);
    let long = "a".repeat(10_000);
    let upper = report.to_uppercase();
    let other = "00000000-0000-4000-8000-000000000000";
    for id in ["..%2F..%2Fcareen.db", "%2e%2e", "a%00b", &long, &upper, other, "1"] {
        let answer = bench.ask(routes(), get(&format!("/api/v1/reports/{id}"), &token)).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{id}");
    }
}

#[tokio::test]
async fn findings_are_searched_in_the_newest_reports() {
    let bench = Bench::new().await;
    let token = bench.token("all", Scope::Read, "*").await;
    let image = bench.image("shop", "shop/api", "1.0").await;
    let old = bench.report(image, "shop", "failed", &document()).await;
    let new = bench.report(image, "shop", "failed", &document()).await;
    let list = async |query: &str| {
        let answer = bench.ask(routes(), get(&format!("/api/v1/findings?{query}"), &token)).await;
        let body = check("get", "/api/v1/findings", &answer);
        body["items"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|f| f["fingerprint"].as_str().expect("text").to_owned())
            .collect::<Vec<_>>()
    };
    let cases: &[(&str, &[&str])] = &[
        ("", &["c3", "b2", "a1"]),
        ("severity=high", &["b2", "a1"]),
        ("rule=secret/*", &["a1"]),
        ("action=warn", &["c3"]),
        ("package=pkg:pypi/django*", &["b2"]),
        ("text=cve-2021-31542", &["b2"]),
        ("image=shop/*&severity=critical", &["a1"]),
        ("image=shop/web", &[]),
        ("image=main/shop/api&rule=secret/*", &["a1"]),
        ("image=registry.example:5000/shop/api:1.0&rule=secret/*", &["a1"]),
        ("image=shop/api:2.0", &[]),
        ("source=bakery", &[]),
    ];
    for (query, expected) in cases {
        assert_eq!(list(query).await, *expected, "{query}");
    }
    assert_eq!(list(&format!("image={image}&limit=1")).await, ["c3"]);
    for report in [old, new] {
        assert_eq!(list(&format!("report={report}")).await.len(), 3);
    }
    for wrong in ["severity=grave", "report=1", "x=1"] {
        let answer = bench.ask(routes(), get(&format!("/api/v1/findings?{wrong}"), &token)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn who_finds_no_room_for_a_report_is_told_to_come_back() {
    let bench = Bench::new().await;
    let token = bench.token("all", Scope::Read, "*").await;
    let image = bench.image("shop", "shop/api", "1.0").await;
    let report = bench.report(image, "shop", "failed", &document()).await;
    let path = format!("/api/v1/reports/{report}");
    let others = bench.server.room(usize::MAX).expect("all of it is free");
    let answer = bench.ask(routes(), get(&path, &token)).await;
    check("get", "/api/v1/reports/{id}", &answer);
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, Some("30")));
    drop(others);
    // each gives back what it took
    for _ in 0..2_000 {
        let answer = bench.ask(routes(), get(&path, &token)).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    assert!(bench.server.room(usize::MAX).is_ok());
}

#[tokio::test]
async fn a_tag_that_moves_takes_its_trend_along() {
    let bench = Bench::new().await;
    let token = bench.token("all", Scope::Read, "*").await;
    let old = bench.image("shop", "shop/api", "1.0").await;
    let other = bench.image("shop", "shop/api", "2.0").await;
    let first = bench.report(old, "shop", "failed", &document()).await;
    let second = bench.report(other, "shop", "passed", &json!({})).await;
    let list = async |path: &str| {
        let answer = bench.ask(routes(), get(path, &token)).await;
        check("get", path.split('?').next().expect("a path"), &answer)["items"].as_array().expect("a list").clone()
    };
    let ids = async |query: &str| {
        let images = list(&format!("/api/v1/images?{query}")).await;
        images.iter().map(|image| image["id"].as_i64().expect("a number")).collect::<Vec<_>>()
    };
    assert_eq!(list("/api/v1/findings").await.len(), 3);
    bench.move_tag(other, "1.0").await;
    let images = list("/api/v1/images").await;
    let trend: Vec<&str> =
        images[0]["trend"].as_array().expect("a trend").iter().filter_map(|mark| mark["report"].as_str()).collect();
    assert_eq!((images.len(), trend), (1, vec![&*second, &*first]), "what `1.0` was is in its trend");
    assert_eq!(list("/api/v1/findings").await.len(), 0, "what was replaced is not listed");
    assert_eq!(list(&format!("/api/v1/findings?image={old}")).await.len(), 3, "but where it is asked for");
    for (query, expected) in
        [("", vec![other]), ("tagged=any", vec![other, old]), ("tagged=yes", vec![other]), ("tagged=no", vec![old])]
    {
        assert_eq!(ids(query).await, expected, "{query}");
    }
    // back to the one before
    bench.move_tag(old, "1.0").await;
    bench.move_tag(other, "1.0").await;
    bench.move_tag(old, "1.0").await;
    let images = list("/api/v1/images?repository=shop/api:1.0").await;
    let outcomes: Vec<&str> =
        images[0]["trend"].as_array().expect("a trend").iter().filter_map(|mark| mark["outcome"].as_str()).collect();
    assert_eq!(outcomes, ["failed", "passed", "failed", "passed", "failed"]);
    assert_eq!(ids("").await, [other, old], "each has a tag");
}

#[tokio::test]
async fn an_index_stands_for_its_parts() {
    let bench = Bench::new().await;
    let token = bench.token("all", Scope::Read, "*").await;
    let index = bench.image("shop", "shop/api", "1.0").await;
    let part = bench.image_without_tag("shop", "shop/api", "part").await;
    let alone = bench.image_without_tag("shop", "shop/api", "alone").await;
    bench.report(index, "shop", "failed", &document()).await;
    bench.report(part, "shop", "failed", &document()).await;
    let ids = async |query: &str| {
        let answer = bench.ask(routes(), get(&format!("/api/v1/images?{query}"), &token)).await;
        let body = check("get", "/api/v1/images", &answer);
        body["items"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|i| i["id"].as_i64().expect("a number"))
            .collect::<Vec<_>>()
    };
    assert_eq!(ids("").await, [alone, part, index]);
    let digest = Digest::sha256(b"shop shop/api part").to_string();
    let mut whole = document();
    whole["summary"] = json!({ "images": [{ "digest": digest }, { "digest": null }, {}] });
    bench.report(index, "shop", "failed", &whole).await;
    assert_eq!(ids("").await, [alone, index], "the index was scanned whole");
    assert_eq!(ids("tagged=any").await, [alone, part, index]);
    assert_eq!(ids(&format!("digest={digest}")).await, [part]);
    let answer = bench.ask(routes(), get("/api/v1/findings", &token)).await;
    assert_eq!(answer.json()["items"].as_array().map(Vec::len), Some(3), "each finding once");
    bench.move_tag(part, "amd64").await;
    assert_eq!(ids("").await, [alone, part, index], "a tag of its own");
}

#[tokio::test]
async fn what_was_given_up_is_told_of_its_image() {
    let bench = Bench::new().await;
    let token = bench.token("s", Scope::Scan, "*").await;
    let image = bench.image("shop", "shop/api", "1.0").await;
    let one = async || {
        let answer = bench.ask(routes(), get(&format!("/api/v1/images/{image}"), &token)).await;
        check("get", "/api/v1/images/{id}", &answer)["scan"].clone()
    };
    assert_eq!(one().await, Value::Null);
    let job = bench.job_of(image, Some(Err("gone"))).await;
    assert_eq!(one().await, json!({ "job": job, "state": "dead", "reason": "gone" }));
    let others = bench.job("bakery", "bread", Some(Err("gone"))).await;
    let answer = bench.ask(routes(), post("/api/v1/jobs/retry?source=shop&text=GONE", &token, &json!({}))).await;
    assert_eq!(check("post", "/api/v1/jobs/retry", &answer), json!({ "count": 1 }));
    assert_eq!(one().await, json!({ "job": job, "state": "queued" }));
    let answer = bench.ask(routes(), get("/api/v1/jobs?state=dead&text=gone", &token)).await;
    assert_eq!(check("get", "/api/v1/jobs", &answer)["items"][0]["id"], json!(others));
    let push = include_bytes!("../../../fixtures/webhooks/distribution/push.json");
    bench.dead_letter("shop", "e1", "an older careen could not read it", push).await;
    bench.dead_letter("shop", "e2", "no JSON", b"{").await;
    let answer = bench.ask(routes(), post("/api/v1/events/retry?text=older", &token, &json!({}))).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    check("post", "/api/v1/events/retry", &answer);
    let answer = bench.ask(routes(), get("/api/v1/events?state=dead&text=JSON", &token)).await;
    assert_eq!(answer.json()["items"].as_array().map(Vec::len), Some(1), "{}", answer.text());
}

#[tokio::test]
async fn dead_letters_that_are_read_again_together_keep_their_order() {
    let bench = Bench::new().await;
    let token = bench.token("s", Scope::Scan, "*").await;
    let mut expected = Vec::new();
    for number in 0..450 {
        let id = format!("n{number:03}");
        let digest = Digest::sha256(id.as_bytes()).to_string();
        let target = json!({ "repository": "shop/api", "digest": digest, "tag": "latest", "mediaType": "application/vnd.oci.image.manifest.v1+json" });
        // one in ten still cannot be read, and is dead again
        let is_bad = number % 10 == 0;
        let body = if is_bad {
            id.clone()
        } else {
            json!({ "events": [{ "id": id, "action": "push", "target": target }] }).to_string()
        };
        bench.dead_letter("shop", &format!("dead {id}"), "no", body.as_bytes()).await;
        if !is_bad {
            expected.push(digest);
        }
    }
    let answer = bench.ask(routes(), post("/api/v1/events/retry", &token, &json!({}))).await;
    assert_eq!(check("post", "/api/v1/events/retry", &answer), json!({ "count": 405 }));
    let kept = sqlx::query_scalar::<_, String>("SELECT digest FROM event WHERE state = 'taken' ORDER BY id");
    assert_eq!(kept.fetch_all(bench.server.store.readers()).await.expect("read"), expected);
    let dead = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM event WHERE state = 'dead'");
    assert_eq!(dead.fetch_one(bench.server.store.readers()).await.expect("read"), 45, "each is looked at once");
}

#[tokio::test]
async fn deliveries_that_were_given_up_are_listed_and_put_back() {
    let action = "[[action]]\nname = \"chat\"\nkind = \"webhook\"\non = [\"failed\"]\nurl = \"https://chat.example/\"\nsecret = { file = \"SECRET\" }\n";
    let bench = Bench::with(action).await;
    let (reader, token) = (bench.token("r", Scope::Read, "*").await, bench.token("s", Scope::Scan, "*").await);
    let baker = bench.token("b", Scope::Scan, "bakery").await;
    let image = bench.image("shop", "shop/api", "1.0").await;
    let report = bench.report(image, "shop", "failed", &document()).await;
    let dead = bench.dead_delivery("chat", &report, "HTTP 403").await;
    let gone = bench.dead_delivery("pager", &report, "HTTP 403").await;
    let list = async |token: &str, query: &str| {
        let answer = bench.ask(routes(), get(&format!("/api/v1/deliveries?{query}"), token)).await;
        let body = check("get", "/api/v1/deliveries", &answer);
        body["items"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|d| d["id"].as_i64().expect("a number"))
            .collect::<Vec<_>>()
    };
    assert_eq!(list(&reader, "state=dead").await, [gone, dead]);
    assert_eq!(list(&reader, "text=404").await, [0; 0]);
    assert_eq!(list(&baker, "").await, [0; 0], "what is anothers");
    let ask = async |token: &str, path: &str| {
        let answer = bench.ask(routes(), post(&format!("/api/v1/deliveries/{path}"), token, &json!({}))).await;
        let described = if path == "retry" { "/api/v1/deliveries/retry" } else { "/api/v1/deliveries/{id}/retry" };
        check("post", described, &answer);
        answer.status
    };
    assert_eq!(ask(&reader, &format!("{dead}/retry")).await, StatusCode::FORBIDDEN);
    assert_eq!(ask(&baker, &format!("{dead}/retry")).await, StatusCode::NOT_FOUND);
    assert_eq!(ask(&token, &format!("{gone}/retry")).await, StatusCode::CONFLICT, "no such action any more");
    assert_eq!(ask(&token, &format!("{dead}/retry")).await, StatusCode::ACCEPTED);
    assert_eq!(ask(&token, &format!("{dead}/retry")).await, StatusCode::CONFLICT, "it waits already");
    assert_eq!(list(&reader, "state=queued").await, [dead]);
    let again = bench.report(image, "shop", "failed", &document()).await;
    let dead = bench.dead_delivery("chat", &again, "HTTP 500").await;
    assert_eq!(ask(&token, "retry").await, StatusCode::ACCEPTED);
    assert!(list(&reader, "state=queued").await.contains(&dead));
    assert_eq!(list(&reader, "state=dead").await, [gone]);
}

#[tokio::test]
async fn the_audit_log_is_read_by_who_may_see_all() {
    let bench = Bench::new().await;
    let admin = bench.token("a", Scope::Admin, "*").await;
    let (reader, shop) = (bench.token("r", Scope::Read, "*").await, bench.token("s", Scope::Admin, "shop").await);
    bench.login(&admin).await;
    let answer = bench.ask(routes(), get("/api/v1/audit?text=LOGIN", &admin)).await;
    let lines = check("get", "/api/v1/audit", &answer);
    assert_eq!((&lines["items"][0]["who"], &lines["items"][0]["what"]), (&json!("a"), &json!("login")));
    for (token, status) in [(reader, StatusCode::FORBIDDEN), (shop, StatusCode::NOT_FOUND)] {
        let answer = bench.ask(routes(), get("/api/v1/audit", &token)).await;
        check("get", "/api/v1/audit", &answer);
        assert_eq!(answer.status, status);
    }
}

#[tokio::test]
async fn what_is_anothers_is_not_there() {
    let bench = Bench::new().await;
    let token = bench.token("baker", Scope::Scan, "bakery").await;
    let own = bench.image("bakery", "bread", "1.0").await;
    let image = bench.image("shop", "shop/api", "1.0").await;
    let report = bench.report(image, "shop", "failed", &document()).await;
    let job = bench.job("shop", "shop/api", Some(Err("gone"))).await;
    let event = bench.dead_letter("shop", "e1", "no JSON", b"{").await;
    for path in [
        format!("/api/v1/images/{image}"),
        format!("/api/v1/reports/{report}"),
        format!("/api/v1/jobs/{job}"),
        "/metrics".to_owned(),
    ] {
        assert_eq!(bench.ask(routes(), get(&path, &token)).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in [format!("/api/v1/jobs/{job}/retry"), format!("/api/v1/events/{event}/retry")] {
        assert_eq!(bench.ask(routes(), post(&path, &token, &json!({}))).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for (path, count) in [("images", 1), ("findings", 0), ("jobs", 0), ("events", 0)] {
        let answer = bench.ask(routes(), get(&format!("/api/v1/{path}"), &token)).await;
        assert_eq!(answer.json()["items"].as_array().map(Vec::len), Some(count), "{path}");
    }
    let wish = json!({ "source": "shop", "repository": "shop/api", "tag": "1.0" });
    assert_eq!(bench.ask(routes(), post("/api/v1/scan", &token, &wish)).await.status, StatusCode::NOT_FOUND);
    // two teams push the same image: each sees its own reports of it
    let theirs = bench.report(own, "shop", "failed", &document()).await;
    let answer = bench.ask(routes(), get(&format!("/api/v1/images/{own}"), &token)).await;
    assert_eq!((answer.status, &answer.json()["reports"]), (StatusCode::OK, &json!([])));
    assert_eq!(
        bench.ask(routes(), get(&format!("/api/v1/reports/{theirs}"), &token)).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn each_token_sees_what_its_source_told_of_an_image_that_both_told_of() {
    let bench = Bench::new().await;
    let digest = Digest::sha256(b"of both");
    let see = async |source: &'static str, tag: &'static str| {
        let (digest, now) = (digest.clone(), bench.server.clock.now());
        let seen = bench.server.store.write(move |connection| {
            Box::pin(async move {
                crate::server::images::see(connection, source, "main", "shop/api", &digest, Some(tag), now).await
            })
        });
        seen.await.expect("an image")
    };
    let (of_shop, of_bakery) = (see("shop", "1.0").await, see("bakery", "1.0").await);
    assert_ne!(of_shop, of_bakery);
    bench.report(of_shop, "shop", "failed", &document()).await;
    bench.report(of_bakery, "bakery", "passed", &json!({})).await;
    bench.job_of(of_bakery, Some(Err("gone"))).await;
    let all = bench.token("all", Scope::Read, "*").await;
    for (source, image, outcome, findings) in [("shop", of_shop, "failed", 3), ("bakery", of_bakery, "passed", 0)] {
        let token = bench.token(source, Scope::Read, source).await;
        let answer = bench.ask(routes(), get("/api/v1/images", &token)).await;
        let list = check("get", "/api/v1/images", &answer)["items"].as_array().expect("a list").clone();
        let [one] = list.as_slice() else { panic!("{list:?}") };
        assert_eq!((one["id"].as_i64(), one["source"].as_str()), (Some(image), Some(source)));
        assert_eq!((one["reports"][0]["outcome"].as_str(), &one["tags"]), (Some(outcome), &json!(["1.0"])));
        assert_eq!(one["trend"].as_array().map(Vec::len), Some(1), "{source}: {one}");
        assert_eq!(one["scan"].is_object(), source == "bakery", "{source}: {one}");
        let answer = bench.ask(routes(), get("/api/v1/findings", &token)).await;
        assert_eq!(answer.json()["items"].as_array().map(Vec::len), Some(findings), "{source}");
        let answer = bench.ask(routes(), get(&format!("/api/v1/images?source={source}"), &all)).await;
        assert_eq!(answer.json()["items"].as_array().map(Vec::len), Some(1), "{source}");
    }
    let answer = bench.ask(routes(), get(&format!("/api/v1/images?digest={digest}"), &all)).await;
    assert_eq!(answer.json()["items"].as_array().map(Vec::len), Some(2), "one of each");
}

#[tokio::test]
async fn scans_are_asked_for_once_unless_told_to() {
    let bench = Bench::new().await;
    let (reader, token) = (bench.token("r", Scope::Read, "*").await, bench.token("s", Scope::Scan, "*").await);
    let digest = Digest::sha256(b"x").to_string();
    let wish = json!({ "source": "shop", "repository": "shop/api", "digest": digest });
    let ask = async |token: &str, wish: &Value| bench.ask(routes(), post("/api/v1/scan", token, wish)).await;
    let answer = ask(&reader, &wish).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    check("post", "/api/v1/scan", &answer);
    let first = ask(&token, &wish).await;
    let job = check("post", "/api/v1/scan", &first)["job"].clone();
    assert_eq!((first.status, first.header("location")), (StatusCode::ACCEPTED, Some(&*format!("/api/v1/jobs/{job}"))));
    assert_eq!(ask(&token, &wish).await.json()["job"], job, "it waits");
    let mut again = wish.clone();
    again["force"] = json!(true);
    assert_ne!(ask(&token, &again).await.json()["job"], job);
    let answer = bench.ask(routes(), get(&format!("/api/v1/jobs/{job}"), &reader)).await;
    assert_eq!(check("get", "/api/v1/jobs/{id}", &answer)["state"], "queued");
    let tagged =
        ask(&token, &json!({ "source": "shop", "repository": "shop/api", "tag": "1.0" })).await.json()["job"].clone();
    let answer = bench.ask(routes(), get(&format!("/api/v1/jobs/{tagged}"), &reader)).await;
    assert_eq!(answer.json()["kind"], "pin");
    let bad = [
        json!({ "source": "shop", "repository": "shop/api" }),
        json!({ "source": "shop", "repository": "../x", "tag": "1" }),
        json!({ "source": "shop", "repository": "evil.example/x@y", "tag": "1" }),
        json!({ "source": "shop", "repository": "shop/api", "tag": "1@sha256:0" }),
        json!({ "source": "shop", "repository": "shop/api", "digest": "sha256:0" }),
        json!({ "source": "shop", "repository": "shop/api", "tag": "1", "host": "evil.example" }),
        json!([]),
    ];
    for wish in bad {
        let answer = ask(&token, &wish).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wish}");
        check("post", "/api/v1/scan", &answer);
    }
    let mut request = post("/api/v1/scan", &token, &wish);
    request.headers_mut().insert("content-type", "text/plain".parse().expect("a value"));
    assert_eq!(bench.ask(routes(), request).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let large = json!({ "source": "x".repeat(70_000) });
    assert_eq!(ask(&token, &large).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn what_failed_is_put_back() {
    let bench = Bench::new().await;
    let (reader, token) = (bench.token("r", Scope::Read, "*").await, bench.token("s", Scope::Scan, "*").await);
    let admin = bench.token("a", Scope::Admin, "*").await;
    let job = bench.job("shop", "shop/api", Some(Err("the registry has no such image"))).await;
    let path = format!("/api/v1/jobs/{job}/retry");
    assert_eq!(bench.ask(routes(), post(&path, &reader, &json!({}))).await.status, StatusCode::FORBIDDEN);
    let answer = bench.ask(routes(), post(&path, &token, &json!({}))).await;
    check("post", "/api/v1/jobs/{id}/retry", &answer);
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let answer = bench.ask(routes(), post(&path, &token, &json!({}))).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "it waits already");
    check("post", "/api/v1/jobs/{id}/retry", &answer);

    let push = include_bytes!("../../../fixtures/webhooks/distribution/push.json");
    let readable = bench.dead_letter("shop", "e1", "an older careen could not read it", push).await;
    let hopeless = bench.dead_letter("shop", "e2", "no JSON", b"{\x1b[2J").await;
    let cut = bench.dead_letter("shop", "e3", "too long", &vec![b'x'; 64 << 10]).await;
    let answer = bench.ask(routes(), get("/api/v1/events?state=dead", &admin)).await;
    let list = check("get", "/api/v1/events", &answer);
    assert_eq!(
        (list["items"][1]["reason"].as_str(), list["items"][1]["body"].as_str()),
        (Some("no JSON"), Some("{\\x1b[2J"))
    );
    let answer = bench.ask(routes(), get("/api/v1/events?state=dead", &token)).await;
    assert!(answer.json()["items"][0]["body"].is_null(), "bodies are for admins");
    for (event, status, what) in [
        (hopeless, StatusCode::ACCEPTED, json!({ "jobs": 0, "dead": 1 })),
        (cut, StatusCode::CONFLICT, Value::Null),
        (hopeless, StatusCode::NOT_FOUND, Value::Null),
    ] {
        let answer = bench.ask(routes(), post(&format!("/api/v1/events/{event}/retry"), &token, &json!({}))).await;
        check("post", "/api/v1/events/{id}/retry", &answer);
        assert_eq!(answer.status, status);
        assert!(what.is_null() || answer.json() == what, "{}", answer.text());
    }
    let answer = bench.ask(routes(), post(&format!("/api/v1/events/{readable}/retry"), &token, &json!({}))).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let audited: Vec<(String, String)> = sqlx::query_as("SELECT who, what FROM audit WHERE who = 's' ORDER BY id")
        .fetch_all(bench.server.store.readers())
        .await
        .expect("the audit");
    let what: Vec<&str> = audited.iter().map(|(_, what)| what.as_str()).collect();
    assert_eq!(what, ["job retry", "event retry", "event retry"]);
}

#[tokio::test]
async fn the_server_tells_how_it_is() {
    let bench = Bench::with("[[policy]]\nsource = \"bak*\"\npolicy = [\"strict\"]\n").await;
    let token = bench.token("all", Scope::Read, "*").await;
    bench.job("shop", "a", None).await;
    bench.dead_letter("shop", "e", "no JSON", b"").await;
    let answer = bench.ask(routes(), get("/metrics", &token)).await;
    for line in
        ["careen_jobs_waiting 1", "careen_events_dead 1", "careen_jobs_oldest_waiting_seconds 0", "careen_images 0"]
    {
        assert!(answer.text().lines().any(|found| found == line), "{line}\n{}", answer.text());
    }
    let answer = bench.ask(routes(), get("/api/v1/policies", &token)).await;
    assert_eq!(check("get", "/api/v1/policies", &answer)["items"].as_array().map(Vec::len), Some(2));
    let shop = bench.token("shop", Scope::Read, "shop").await;
    let answer = bench.ask(routes(), get("/api/v1/policies", &shop)).await;
    assert_eq!(answer.json()["items"].as_array().map(Vec::len), Some(1), "policies of others are theirs");
    bench.server.end();
    let open = |path: &str| Request::get(path).body(Body::empty()).expect("a request");
    assert_eq!(bench.ask(routes(), open("/readyz")).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(bench.ask(routes(), open("/healthz")).await.status, StatusCode::OK);
}
