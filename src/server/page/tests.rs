//! Pages, with an image whose every text tries to break out.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};

use super::super::testing::{Answer, Bench, document, get};
use super::super::token::Scope;
use super::*;

fn of_browser(method: &str, path: &str, cookie: &str, body: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header(header::COOKIE, format!("careen={cookie}"));
    let request = request.header("sec-fetch-site", "same-origin").header(header::HOST, "127.0.0.1:8420");
    request.body(Body::from(body.to_owned())).expect("a request")
}

/// Names of elements and attributes that our templates have; none may come from anywhere else.
const ELEMENTS: &str = " a b body br button caption code dd details div dl doctype dt form h1 h2 h3 head header html input \
     label li link main meta nav ol option p pre section select span summary table tbody td th thead time title tr ul ";
const ATTRIBUTES: &str = " action aria-current aria-hidden aria-label aria-labelledby autocomplete autofocus charset class \
     content data-label datetime href html id lang method name open placeholder rel required role scope selected spellcheck \
     tabindex title type value ";

/// A small reader of HTML: what opens a tag outside of text, and what stands in it. Ours is always well formed, so that
/// whatever is not is told.
fn check_markup(html: &str) {
    for (number, piece) in html.split('<').enumerate() {
        let (tag, text) =
            if number == 0 { ("", piece) } else { piece.split_once('>').unwrap_or_else(|| panic!("<{piece}")) };
        assert!(
            !text.contains('>') && !text.chars().any(|c| (c.is_control() && c != '\n') || is_hidden(c)),
            "{text:?}"
        );
        let mut rest = tag.trim_start_matches('/').trim_start_matches('!');
        let name: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
        assert!(number == 0 || ELEMENTS.contains(&format!(" {name} ")), "<{tag}>");
        rest = rest[name.len()..].trim_start();
        while !rest.is_empty() {
            let name: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
            assert!(ATTRIBUTES.contains(&format!(" {name} ")), "{name:?} in <{tag}>");
            rest = &rest[name.len()..];
            if let Some(value) = rest.strip_prefix("=\"") {
                let (value, after) = value.split_once('"').expect("the end of a value");
                assert!(!value.trim().to_ascii_lowercase().starts_with("javascript:"), "{value}");
                rest = after;
            }
            rest = rest.trim_start();
        }
    }
}

fn check(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.header("content-security-policy"), Some(CONTENT_POLICY));
    for (name, value) in
        [("x-content-type-options", "nosniff"), ("referrer-policy", "same-origin"), ("cache-control", "no-store")]
    {
        assert_eq!(answer.header(name), Some(value));
    }
    let html = answer.text();
    assert!(!html.contains("<script") && !html.contains("alert(1)</"), "{html}");
    check_markup(&html);
    html
}

async fn filled() -> (Bench, i64, String, String) {
    let bench = Bench::new().await;
    let token = bench.token("admin", Scope::Admin, "*").await;
    let image = bench.image("shop", "shop/api", "<b>1.0\u{202e}").await;
    bench.report(image, "shop", "passed", &document()).await;
    let report = bench.report(image, "shop", "failed", &document()).await;
    bench.image("bakery", "bread", "1.0").await;
    bench.job("shop", "shop/<i>", Some(Err("<b>no such\u{1b}[31m image</b>"))).await;
    bench.job("shop", "shop/waits", None).await;
    bench.dead_letter("shop", "\"><img src=x>", "<b>bad</b>", b"</pre><script>alert(1)</script>\x1b[2J").await;
    (bench, image, report, token)
}

#[tokio::test]
async fn nothing_of_an_image_breaks_out_of_a_page() {
    let (bench, image, report, token) = filled().await;
    let cookie = bench.login(&token).await;
    for (path, said) in [
        ("/".to_owned(), vec!["shop/api", "1.0\\u{202e}", "✗", "not scanned", "critical"]),
        (
            format!("/images/{image}"),
            vec!["Upgrade Django 2.2 to 2.2.28", "AKIA****", "12.0 MiB", "careen:2026:14", "/api/v1/reports/"],
        ),
        (
            format!("/reports/{report}?platform=linux/amd64"),
            vec!["What was not read", "archive-not-searched", "{{7*7}}"],
        ),
        (format!("/reports/{report}/packages"), vec!["1–1 of 1", "Django", "&lt;script&gt;"]),
        (format!("/reports/{report}/packages?text=nothing"), vec!["No package fits"]),
        ("/findings".to_owned(), vec!["CVE-2021-31542", "2.2.21"]),
        ("/findings?text=%22%3E%3Cb%3E".to_owned(), vec!["Nothing fits", "&quot;&gt;&lt;b&gt;"]),
        ("/queue".to_owned(), vec!["shop/&lt;i&gt;", "waiting of shop"]),
        (
            "/dead".to_owned(),
            vec!["&lt;b&gt;bad", "\\x1b[2J", "Put back", "Put all back", "Read again", "Read all again"],
        ),
        ("/dead?text=nothing&source=shop".to_owned(), vec!["There is none"]),
        ("/audit".to_owned(), vec!["command line", "token add", "login"]),
        ("/data".to_owned(), vec!["No folder of advisory data"]),
        ("/?repository=%22onfocus%3Dalert(1)%20x%3D%22".to_owned(), vec!["No image fits"]),
    ] {
        let answer = bench.ask(routes(), of_browser("GET", &path, &cookie, "")).await;
        let html = check(&answer);
        for said in said {
            let escaped = said.replace('/', "&#x2f;");
            assert!(html.contains(said) || html.contains(&escaped), "{path}: {said}\n{html}");
        }
        assert!(!html.contains("javascript:"), "{path}");
    }
}

#[tokio::test]
async fn who_is_not_known_logs_in_and_comes_back() {
    let (bench, image, _, token) = filled().await;
    let path = format!("/images/{image}?platform=a");
    let answer = bench.ask(routes(), Request::get(&path).body(Body::empty()).expect("a request")).await;
    let login = format!("/login?to=/images/{image}%3Fplatform%3Da");
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, Some(&*login)));
    let answer = bench.ask(routes(), Request::get(&login).body(Body::empty()).expect("a request")).await;
    assert!(check(&answer).contains("type=\"password\""));
    let fields = format!("to=%2Fimages%2F{image}&token={token}");
    let answer = bench.ask(routes(), of_browser("POST", "/login", "", &fields)).await;
    let cookie = answer.header("set-cookie").expect("a cookie");
    assert!(!cookie.contains("careen_") && cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, Some(&*format!("/images/{image}"))));
    let answer = bench.ask(routes(), of_browser("POST", "/login", "", "token=careen_no&to=//evil.example")).await;
    assert_eq!((answer.status, answer.header("set-cookie")), (StatusCode::FORBIDDEN, None));
    assert!(answer.text().contains("not good") && !answer.text().contains("evil"));
    let mut elsewhere = of_browser("POST", "/login", "", &fields);
    elsewhere.headers_mut().insert("sec-fetch-site", "cross-site".parse().expect("a value"));
    assert_eq!(bench.ask(routes(), elsewhere).await.status, StatusCode::FORBIDDEN);
    let login = cookie.split(['=', ';']).nth(1).expect("a value").to_owned();
    let answer = bench.ask(routes(), of_browser("GET", "/", &login, "")).await;
    assert!(check(&answer).contains("Log out"));
    let answer = bench.ask(routes(), of_browser("POST", "/logout", &login, "")).await;
    assert!(answer.header("set-cookie").expect("a cookie").starts_with("careen=; Path=/; Max-Age=0"));
    let answer = bench.ask(routes(), of_browser("GET", "/", &login, "")).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "what was logged out is not good any more");
}

#[tokio::test]
async fn what_failed_is_put_back_by_a_page_of_ours_alone() {
    let (bench, _, _, token) = filled().await;
    let reader = bench.token("reader", Scope::Read, "*").await;
    let (token, reader) = (bench.login(&token).await, bench.login(&reader).await);
    let job = bench.job("bakery", "bread", Some(Err("gone"))).await;
    let path = format!("/dead/jobs/{job}");
    let mut elsewhere = of_browser("POST", &path, &token, "");
    elsewhere.headers_mut().insert("sec-fetch-site", "same-site".parse().expect("a value"));
    assert_eq!(bench.ask(routes(), elsewhere).await.status, StatusCode::FORBIDDEN);
    assert_eq!(bench.ask(routes(), of_browser("POST", &path, &reader, "")).await.status, StatusCode::FORBIDDEN);
    let answer = bench.ask(routes(), of_browser("POST", &path, &token, "")).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, Some("/dead")));
    let answer = bench.ask(routes(), of_browser("POST", &path, &token, "")).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    let html = bench.ask(routes(), of_browser("GET", "/dead", &reader, "")).await.text();
    assert!(!html.contains("Put back") && !html.contains("as it came"), "a reader is not offered what it may not do");
}

#[tokio::test]
async fn errors_are_pages_and_the_style_has_its_name() {
    let (bench, image, report, _) = filled().await;
    let baker = bench.token("baker", Scope::Read, "bakery").await;
    for path in [
        format!("/images/{image}"),
        format!("/reports/{report}"),
        format!("/reports/{report}/packages"),
        "/images/x".to_owned(),
    ] {
        let answer = bench.ask(routes(), get(&path, &baker)).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        check_markup(&answer.text());
    }
    let answer = bench.ask(routes(), get("/?limit=0", &baker)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = bench.ask(routes(), Request::get(STYLE_PATH.as_str()).body(Body::empty()).expect("a request")).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, Some("text/css; charset=utf-8")));
    assert!(answer.header("cache-control").is_some_and(|value| value.contains("immutable")));
    assert!(STYLE_PATH.len() == "/style-.css".len() + 16 && !STYLE.contains("url(") && !STYLE.contains("@import"));
}

#[tokio::test]
async fn each_platform_of_an_index_has_its_page() {
    let bench = Bench::new().await;
    let token = bench.token("reader", Scope::Read, "*").await;
    let image = bench.image("shop", "shop/api", "1.0").await;
    let part = |digest: &str, package: &str| {
        let mut part = document();
        part["target"]["digest"] = digest.into();
        part["packages"][0]["name"] = package.into();
        part
    };
    // two manifests whose configurations say the same
    let parts = [part("sha256:1111111111111111", "shown-first"), part("sha256:2222222222222222", "shown-second")];
    let whole = serde_json::json!({ "schema": crate::report::SCHEMA_OF_SEVERAL, "reports": parts });
    let report = bench.report(image, "shop", "failed", &whole).await;
    let ask = async |path: &str| bench.ask(routes(), get(&format!("/reports/{report}{path}"), &token)).await;
    let html = check(&ask("?part=2").await);
    assert!(html.contains("sha256:111111111111…") && html.contains("sha256:222222222222…"), "{html}");
    let tabs = html.split("class=\"tabs\"").nth(1).expect("tabs").split("</ul>").next().expect("their end");
    assert_eq!(tabs.matches("aria-current").count(), 1, "one of them is the one that is shown: {tabs}");
    for (part, own) in [(1, "shown-first"), (2, "shown-second")] {
        assert!(check(&ask(&format!("/packages?part={part}")).await).contains(own));
    }
    assert!(check(&ask("/packages?platform=linux/amd64").await).contains("shown-first"));
    for wrong in ["?part=0", "?part=3"] {
        assert_eq!(ask(wrong).await.status, StatusCode::NOT_FOUND, "{wrong}");
    }
}

#[tokio::test]
async fn a_page_has_room_for_its_report_until_it_is_made() {
    let (bench, image, report, token) = filled().await;
    let cookie = bench.login(&token).await;
    let paths = [format!("/images/{image}"), format!("/reports/{report}/packages")];
    for path in &paths {
        check(&bench.ask(routes(), of_browser("GET", path, &cookie, "")).await);
        assert!(bench.server.room(usize::MAX).is_ok(), "it is given back");
    }
    // who finds none waits for it
    let (server, all) = (&bench.server, usize::MAX);
    let others = server.room(all).expect("all of it is free");
    let mut waiting = Box::pin(server.room_soon(all, std::time::Duration::from_mins(1)));
    let begun = std::future::poll_fn(|context| std::task::Poll::Ready(waiting.as_mut().poll(context))).await;
    assert!(begun.is_pending());
    drop(others);
    assert!(waiting.await.is_ok());
    let _others = server.room(all).expect("all of it is free");
    assert!(server.room_soon(all, std::time::Duration::ZERO).await.is_err());
}

#[tokio::test]
async fn what_was_given_up_is_not_said_to_wait() {
    let bench = Bench::new().await;
    let admin = bench.token("admin", Scope::Admin, "*").await;
    let cookie = bench.login(&admin).await;
    let image = bench.image("shop", "shop/api", "1.0").await;
    let job = bench.job_of(image, Some(Err("the registry says `401`"))).await;
    for (path, said) in [("/".to_owned(), "given up"), (format!("/images/{image}"), "Mend the reason")] {
        let html = check(&bench.ask(routes(), of_browser("GET", &path, &cookie, "")).await);
        assert!(
            html.contains(said) && html.contains("<code>401</code>") && !html.contains("waiting"),
            "{path}\n{html}"
        );
    }
    let html = check(&bench.ask(routes(), of_browser("GET", "/?outcome=dead", &cookie, "")).await);
    assert!(html.contains(&format!("/images/{image}")));
    // others wait for their turn, and one was given up for another reason
    bench.job("bakery", "bread", Some(Err("gone"))).await;
    let answer = bench.ask(routes(), of_browser("POST", "/dead/jobs", &cookie, "source=shop&text=401")).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, Some("/dead?source=shop&text=401")));
    let dead = sqlx::query_scalar::<_, i64>("SELECT id FROM job WHERE state = 'dead'");
    let dead = dead.fetch_all(bench.server.store.readers()).await.expect("jobs");
    assert!(dead.len() == 1 && dead[0] != job, "{dead:?}");
    let html = check(&bench.ask(routes(), of_browser("GET", &format!("/images/{image}"), &cookie, "")).await);
    assert!(html.contains("waiting") && html.contains("queue"), "{html}");
}

#[tokio::test]
async fn the_audit_log_is_for_who_may_see_all() {
    let bench = Bench::new().await;
    let shop = bench.token("shop-admin", Scope::Admin, "shop").await;
    let reader = bench.token("reader", Scope::Read, "*").await;
    for (token, status) in [(shop, StatusCode::NOT_FOUND), (reader, StatusCode::FORBIDDEN)] {
        let answer = bench.ask(routes(), get("/audit", &token)).await;
        assert_eq!(answer.status, status);
        let html = bench.ask(routes(), get("/", &token)).await.text();
        assert!(!html.contains("/audit") && !html.contains("Log out"), "no login, nothing to end");
    }
}

#[tokio::test]
async fn who_logs_in_over_plain_http_from_elsewhere_is_told_why_not() {
    let bench = Bench::with("listen = \"0.0.0.0:8420\"\n").await;
    let token = bench.token("me", Scope::Read, "*").await;
    let elsewhere = |method: &str, body: String| {
        let request = Request::builder().method(method).uri("/login").header(header::HOST, "192.0.2.2:8420");
        let request = request.header(header::ORIGIN, "http://192.0.2.2:8420");
        request.body(Body::from(body)).expect("a request")
    };
    let answer = bench.ask(routes(), elsewhere("GET", String::new())).await;
    assert!(check(&answer).contains("plain HTTP from another machine"));
    let answer = bench.ask(routes(), elsewhere("POST", format!("token={token}"))).await;
    assert_eq!((answer.status, answer.header("set-cookie")), (StatusCode::FORBIDDEN, None));
    assert!(answer.text().contains("over HTTPS"), "{}", answer.text());
}

#[test]
fn words_between_backticks_stand_out() {
    let cases = [
        ("put `USER 1000` there", "put <code>USER 1000</code> there"),
        ("`<b>` & `a", "`&lt;b&gt;` &amp; `a"),
        ("`<b>\u{1b}`", "<code>&lt;b&gt;\\x1b</code>"),
    ];
    let mut pages = PAGES.as_ref().expect("pages").clone();
    pages.add_template("t", "{{ x|ticked }}").expect("a template");
    for (text, expected) in cases {
        let made = pages.get_template("t").expect("it").render(context! { x => text });
        assert_eq!(made.expect("made"), expected, "{text}");
    }
}

#[test]
fn only_texts_and_numbers_stand_in_a_page() {
    assert_eq!(visible("a\\nb\u{1b}[0m\u{202e}ä\n"), "a\\nb\\x1b[0m\\u{202e}ä\\n");
    assert!(PAGES.as_ref().is_ok_and(|pages| TEMPLATES.iter().all(|(name, _)| pages.get_template(name).is_ok())));
    for (template, is_shown) in [("{{ x }}", true), ("{{ y }}", false), ("{{ z }}", false), ("{{ n }}", true)] {
        let mut pages = PAGES.as_ref().expect("pages").clone();
        pages.add_template("t", template).expect("a template");
        let made = pages.get_template("t").expect("it").render(context! { x => "<\u{1b}", y => (), n => 3 });
        assert_eq!(made.is_ok(), is_shown, "{template} {made:?}");
    }
}
