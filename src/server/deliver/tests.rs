//! Deliveries from a report's rows to a receiver on loopback, with faults on demand.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::Row as _;

use super::super::clock::Clock;
use super::super::config::Config;
use super::super::images::{Sight, Tag, Word, note};
use super::super::log::Level;
use super::super::log::testing::Lines;
use super::super::state::Server;
use super::super::store::Store;
use super::super::store::document::Packed;
use super::super::tests::loopback::Loopback;
use super::*;
use crate::digest::{Digest, hex};

/// Answers each request by the next of `answers`, the last one for ever: a status, header fields and a body; 0 ends the
/// connection without a word.
fn receiver(answers: &[(u16, String, &'static str)]) -> Loopback {
    let answers = answers.to_vec();
    Loopback::start(move |_, nth| {
        let (status, fields, body) = answers.get(nth).or(answers.last()).expect("an answer").clone();
        (status != 0).then(|| (status, fields, body.as_bytes().to_vec()))
    })
}

fn only(status: u16) -> (u16, String, &'static str) {
    (status, String::new(), "")
}

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A server whose secrets are in files of a folder; `actions` is the rest of its configuration.
async fn server(folder: &Path, actions: &str) -> Arc<Server> {
    std::fs::write(folder.join("secret"), "It's a Secret to Everybody\n").expect("written");
    std::fs::write(folder.join("token"), "tok-en-of-the-tests\n").expect("written");
    let text = format!(
        "data = \"{0}\"\npublic-url = \"https://careen.example/\"\n\n[[registry]]\nname = \"main\"\n\
         host = \"registry.example\"\n{actions}",
        folder.display()
    );
    let text = text.replace("SECRET", &format!("{{ file = \"{}\" }}", folder.join("secret").display()));
    let text = text.replace("TOKEN", &format!("{{ file = \"{}\" }}", folder.join("token").display()));
    let config = Config::parse("serve.toml", &text, &[], false).expect("a configuration");
    let store = Store::open(&folder.join("careen.db")).await.expect("a store");
    Server::new(config, store, Clock::start()).expect("a server")
}

/// A report of an image under a tag, as the server stores it: findings are (rule, action).
struct Made<'a> {
    source: &'a str,
    tag: &'a str,
    kind: &'a str,
    outcome: &'a str,
    findings: &'a [(&'a str, &'a str)],
}

async fn report(server: &Arc<Server>, number: i64, made: Made<'static>) -> usize {
    let actions = Arc::clone(&server.actions);
    let now = server.clock.now();
    let write = server.store.write(move |connection| {
        Box::pin(async move {
            let digest = Digest::sha256(made.tag.as_bytes());
            let image = super::super::images::see(connection, made.source, "main", "shop/api", &digest, Some(made.tag), now);
            let image = image.await?;
            sqlx::query(
                "INSERT INTO job (id, key, kind, lane, source, registry, repository, tag, digest, priority, state, created, \
                 not_before) VALUES (?1, ?1, ?2, 1, ?5, 'main', 'shop/api', ?3, ?4, 1, 'done', 0, 0)",
            )
            .bind(number)
            .bind(made.kind)
            .bind(made.tag)
            .bind(digest.to_string())
            .bind(made.source)
            .execute(&mut *connection)
            .await
            .expect("a job");
            let summary = json!({"images": [{"labels": {
                "org.opencontainers.image.source": "https://github.com/shop/api.git",
                "org.opencontainers.image.revision": COMMIT,
            }}]});
            let id = format!("report-{number}");
            sqlx::query(
                "INSERT INTO report (id, image, job, source, made, outcome, has_gaps, policy, data_version, summary) \
                 VALUES (?, ?, ?, ?, ?, ?, 0, '', '', ?)",
            )
            .bind(&id)
            .bind(image)
            .bind(number)
            .bind(made.source)
            .bind(number * 1_000)
            .bind(made.outcome)
            .bind(summary.to_string())
            .execute(&mut *connection)
            .await
            .expect("a report");
            for (rule, action) in made.findings {
                sqlx::query(
                    "INSERT INTO finding (report, platform, rule, severity, action, fingerprint, message) \
                     VALUES (?, 'linux/amd64', ?2, 3, ?3, ?2, '<!here> \u{1b}[2J')",
                )
                .bind(&id)
                .bind(rule)
                .bind(action)
                .execute(&mut *connection)
                .await
                .expect("a finding");
            }
            let document = Packed::of(|to| to.write_all(b"{\"sarif\":true}")).expect("packed").body;
            sqlx::query("INSERT INTO document (report, format, size, body) VALUES (?, 'sarif', 14, ?)")
                .bind(&id)
                .bind(document)
                .execute(&mut *connection)
                .await
                .expect("a document");
            plan::plan(connection, &actions, &id, now).await
        })
    });
    write.await.expect("stored")
}

/// Runs deliveries until none waits that is due within a second, for ten seconds at most.
async fn deliver(server: &Arc<Server>) {
    let running = tokio::spawn(run::run(Arc::clone(server)));
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let due = "SELECT count(*) FROM delivery WHERE state = 'leased' OR (state = 'queued' AND not_before < ?)";
        let due = sqlx::query(due).bind(server.clock.now().0 + 5_000);
        let count: i64 = due.fetch_one(server.store.readers()).await.expect("read").get(0);
        if count == 0 {
            break;
        }
    }
    server.end();
    running.await.expect("no panic");
}

async fn states(server: &Server) -> Vec<(String, String, i64, String)> {
    let rows = sqlx::query("SELECT action, state, attempts, coalesce(reason, '') FROM delivery ORDER BY id");
    let rows = rows.fetch_all(server.store.readers()).await.expect("read");
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
}

const FAILED: Made<'static> = Made {
    source: "shop",
    tag: "1.4",
    kind: "scan",
    outcome: "failed",
    findings: &[("image/root-user", "fail"), ("image/old", "warn"), ("image/waived", "waived")],
};

fn webhook(receiver: &Loopback, more: &str) -> String {
    format!(
        "[[action]]\nname = \"hook\"\nkind = \"webhook\"\non = [\"failed\", \"changed\"]\nallow-private = true\n\
         url = \"http://{}/secret-path\"\nsecret = SECRET\n{more}",
        receiver.address
    )
}

#[tokio::test]
async fn a_webhook_is_signed_and_is_tried_with_the_same_id_until_it_arrives() {
    let receiver = receiver(&[only(503), only(0), only(204)]);
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(folder.path(), &webhook(&receiver, "")).await;
    assert_eq!(report(&server, 1, FAILED).await, 1);
    deliver(&server).await;
    assert_eq!(states(&server).await, [("hook".into(), "done".into(), 3, String::new())]);
    let seen = receiver.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|one| one.method == "POST" && one.path == "/secret-path" && one.body == seen[0].body));
    assert!(seen.iter().all(|one| one.headers["x-careen-delivery"] == seen[0].headers["x-careen-delivery"]));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"It's a Secret to Everybody");
    let expected = format!("sha256={}", hex(ring::hmac::sign(&key, seen[2].body.as_bytes()).as_ref()));
    assert_eq!(seen[2].headers["x-careen-signature-256"], expected);
    let body: Value = serde_json::from_str(&seen[2].body).expect("JSON");
    assert_eq!(body["event"], "failed");
    assert_eq!(body["image"], "registry.example/shop/api:1.4");
    assert_eq!(body["digest"], Digest::sha256(b"1.4").to_string());
    assert_eq!(body["counts"], json!({"high": 2}));
    assert_eq!(body["new_findings"]["count"], 2);
    assert_eq!(body["new_findings"]["listed"].as_array().map(Vec::len), Some(2));
    assert_eq!(body["link"], "https://careen.example/reports/report-1");
    assert_eq!(body["delivery"], seen[0].headers["x-careen-delivery"]);
}

#[tokio::test]
async fn what_is_told_is_what_is_new() {
    let actions = "[[action]]\nname = \"new\"\nkind = \"webhook\"\nurl = \"https://chat.example/\"\non = [\"new-findings\"]\nsecret = SECRET\n\
                   [[action]]\nname = \"turn\"\nkind = \"webhook\"\nurl = \"https://chat.example/\"\non = [\"changed\"]\nsecret = SECRET\n\
                   [[action]]\nname = \"passed\"\nkind = \"webhook\"\nurl = \"https://chat.example/\"\non = [\"passed\"]\nsecret = SECRET\n\
                   [[action]]\nname = \"bad\"\nkind = \"webhook\"\nurl = \"https://chat.example/\"\non = [\"failed\"]\nsecret = SECRET\n\
                   [[action]]\nname = \"other\"\nkind = \"webhook\"\nurl = \"https://chat.example/\"\non = [\"failed\"]\nsecret = SECRET\nrepository = \"web/*\"\n";
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(folder.path(), actions).await;
    let made = |kind, outcome, findings| Made { source: "shop", tag: "1.4", kind, outcome, findings };
    let steps: &[(Made<'static>, &[&str])] = &[
        (made("scan", "passed", &[]), &["passed"]),
        (made("scan", "failed", &[("a", "fail")]), &["new", "turn", "bad"]),
        (made("scan", "failed", &[("a", "fail"), ("i", "info"), ("w", "waived")]), &["bad"]),
        (made("rematch", "failed", &[("a", "fail")]), &[]),
        (made("rematch", "failed", &[("a", "fail"), ("b", "warn")]), &["new", "bad"]),
        (Made { tag: "2.0", ..made("scan", "failed", &[("a", "fail")]) }, &["new", "turn", "bad"]),
        (made("scan", "incomplete", &[]), &["turn"]),
        (made("rematch", "incomplete", &[]), &[]),
    ];
    for (number, (made, expected)) in steps.iter().enumerate() {
        let number = i64::try_from(number).expect("few") + 1;
        let made =
            Made { source: "shop", tag: made.tag, kind: made.kind, outcome: made.outcome, findings: made.findings };
        report(&server, number, made).await;
        let rows =
            sqlx::query("SELECT action FROM delivery WHERE report = ? ORDER BY id").bind(format!("report-{number}"));
        let rows = rows.fetch_all(server.store.readers()).await.expect("read");
        let told: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(told, *expected, "{number}");
    }
}

#[tokio::test]
async fn commits_and_chats_are_told() {
    let receiver = receiver(&[only(204)]);
    let host = &receiver.address;
    let folder = tempfile::tempdir().expect("a folder");
    let address = format!("http://{host}/services/T/B/x");
    std::fs::write(folder.path().join("chat"), &address).expect("written");
    let actions = format!(
        "[[action]]\nname = \"gh\"\nkind = \"github\"\non = [\"failed\"]\nallow-private = true\n\
         url = \"http://api.github.com:1/\"\ntoken = TOKEN\nrepositories = [\"shop/*\"]\n\
         [[action]]\nname = \"foreign\"\nkind = \"github\"\non = [\"failed\"]\ntoken = TOKEN\nrepositories = [\"web/*\"]\n\
         [[action]]\nname = \"gl\"\nkind = \"gitlab\"\non = [\"failed\"]\ntoken = TOKEN\nrepositories = [\"**\"]\n\
         [[action]]\nname = \"chat\"\nkind = \"slack\"\non = [\"failed\"]\nallow-private = true\n\
         secret = {{ file = \"{}\" }}\n",
        folder.path().join("chat").display()
    );
    let server = server(folder.path(), &actions).await;
    report(&server, 1, FAILED).await;
    let mut reader = server.store.readers().acquire().await.expect("a reader");
    let prepared = async |name: &str, reader: &mut sqlx::SqliteConnection| {
        let action = server.actions.all().iter().find(|action| action.name == name).expect("an action");
        let told = Told::read(reader, &server.actions, action, "report-1", None).await.expect("read").expect("there");
        action.adapter.prepare(action, &told).expect("prepared")
    };
    let Doing::Request(request) = prepared("gh", &mut reader).await else { panic!("it is told") };
    assert_eq!(request.url.as_str(), format!("http://api.github.com:1/repos/shop/api/statuses/{COMMIT}"));
    let body: Value = serde_json::from_slice(&request.body).expect("JSON");
    assert_eq!(
        body,
        json!({"state": "failure", "context": "careen/shop/api", "description": "failed: 2 high",
               "target_url": "https://careen.example/reports/report-1"})
    );
    assert_eq!(request.headers["authorization"], "Bearer tok-en-of-the-tests");
    assert!(!format!("{request:?}{:?}", server.actions).contains("tok-en"), "no secret is shown");
    for name in ["foreign", "gl"] {
        assert!(matches!(prepared(name, &mut reader).await, Doing::Nothing(_)), "{name}");
    }
    let Doing::Request(request) = prepared("chat", &mut reader).await else { panic!("it is told") };
    assert_eq!(request.url.as_str(), address);
    let text = String::from_utf8(request.body).expect("text");
    assert!(text.contains("&lt;!here&gt; \\\\x1b[2J") && text.contains("2 high") && !text.contains("<!"), "{text}");
}

#[tokio::test]
async fn a_check_run_tells_of_a_commit_by_the_token_of_now() {
    let folder = tempfile::tempdir().expect("a folder");
    let receiver = receiver(&[(422, String::new(), r#"{"message":"not with ghs-of-the-app"}"#), only(201)]);
    let action = format!(
        "[[action]]\nname = \"gh\"\nkind = \"github\"\non = [\"failed\"]\nallow-private = true\nchecks = true\n\
         dockerfile = \"build/Dockerfile\"\nurl = \"http://{}/\"\ntoken = TOKEN\nrepositories = [\"shop/*\"]\n",
        receiver.address
    );
    let action = action.replace("127.0.0.1", "localhost");
    let server = server(folder.path(), &action).await;
    report(&server, 1, FAILED).await;
    let moved = server.store.write(|connection| {
        Box::pin(async move {
            let moved = sqlx::query("UPDATE report SET summary = replace(summary, 'github.com', 'localhost')");
            Ok(moved.execute(connection).await.expect("moved").rows_affected())
        })
    });
    assert_eq!(moved.await.expect("written"), 1);
    std::fs::write(folder.path().join("token"), "ghs-of-the-app\n").expect("written");
    deliver(&server).await;
    let seen = receiver.seen();
    let (first, last) = (seen.first().expect("a try"), seen.last().expect("a try"));
    assert_eq!((first.path.as_str(), seen.len()), ("/repos/shop/api/check-runs", 2));
    assert_eq!(first.headers["authorization"], "Bearer ghs-of-the-app", "not the one of the start");
    assert_eq!(first.body, last.body);
    let run: Value = serde_json::from_str(&last.body).expect("JSON");
    assert_eq!(
        (&run["head_sha"], &run["status"], &run["conclusion"]),
        (&json!(COMMIT), &json!("completed"), &json!("failure"))
    );
    assert_eq!(
        (&run["name"], &run["details_url"]),
        (&json!("careen/shop/api"), &json!("https://careen.example/reports/report-1"))
    );
    let annotations = run["output"]["annotations"].as_array().expect("some");
    assert_eq!(annotations.len(), 2);
    assert_eq!((&annotations[0]["path"], &annotations[0]["start_line"]), (&json!("build/Dockerfile"), &json!(1)));
    let levels: Vec<&str> = annotations.iter().filter_map(|one| one["annotation_level"].as_str()).collect();
    assert_eq!(levels, ["failure", "warning"]);
    let summary = run["output"]["summary"].as_str().expect("a text");
    assert!(summary.lines().filter(|line| line.contains("<!here>")).all(|line| line.starts_with("    ")), "{summary}");
    assert!(!last.body.contains("\\u001b") && summary.contains("\\x1b[2J"), "{summary}");
    let (_, state, _, reason) = states(&server).await.remove(0);
    assert_eq!((state.as_str(), reason.contains("ghs-of")), ("done", false));
}

#[tokio::test]
async fn the_status_of_a_commit_is_that_of_its_newest_report() {
    let newer = ("done".to_owned(), "a newer report was told of".to_owned());
    let told = ("done".to_owned(), String::new());
    // the first is tried again, is given up, was never tried when the second was told of, is told of in time
    let later = "UPDATE delivery SET not_before = not_before + 1000 WHERE id = 1";
    let cases: [(&[u16], &str, &str, _, usize); 4] = [
        (&[503, 201], "", "", &newer, 2),
        (&[503, 201], "attempts = 1\n", "", &newer, 2),
        (&[201], "", later, &newer, 1),
        (&[201], "", "", &told, 2),
    ];
    for (answers, more, sql, expected, requests) in cases {
        let folder = tempfile::tempdir().expect("a folder");
        let receiver = receiver(&answers.iter().copied().map(only).collect::<Vec<_>>());
        let action = format!(
            "[[action]]\nname = \"gh\"\nkind = \"github\"\non = [\"failed\", \"passed\"]\nallow-private = true\n{more}\
             url = \"http://{}/\"\ntoken = TOKEN\nrepositories = [\"shop/*\"]\n",
            receiver.address.replace("127.0.0.1", "localhost")
        );
        let server = server(folder.path(), &action).await;
        report(&server, 1, Made { outcome: "passed", findings: &[], ..FAILED }).await;
        report(&server, 2, Made { tag: "2.0", ..FAILED }).await;
        let write = server.store.write(move |connection| {
            Box::pin(async move {
                let moved = "UPDATE report SET summary = replace(summary, 'github.com', 'localhost');";
                let text = sqlx::AssertSqlSafe(format!("{moved}{sql}"));
                sqlx::raw_sql(text).execute(connection).await.expect("written");
                Ok(())
            })
        });
        write.await.expect("stored");
        deliver(&server).await;
        let seen = receiver.seen();
        assert_eq!(seen.len(), requests, "{answers:?}");
        assert!(seen.last().is_some_and(|last| last.body.contains("\"failure\"")), "{answers:?}");
        let ended: Vec<_> = states(&server).await.into_iter().map(|(_, state, _, reason)| (state, reason)).collect();
        assert_eq!(ended, [expected.clone(), told.clone()], "{answers:?}");
    }
}

#[test]
fn labels_name_a_commit_only_in_repositories_that_are_allowed() {
    let told = |code: Option<&str>, revision: Option<&str>| Told {
        delivery: String::new(),
        report: String::new(),
        link: None,
        made: crate::time::Timestamp::from_unix(0),
        source: String::new(),
        host: String::new(),
        repository: "shop/api".to_owned(),
        tag: None,
        digest: Digest::sha256(b""),
        outcome: "passed".to_owned(),
        has_gaps: false,
        came_about: Vec::new(),
        before: None,
        counts: Vec::new(),
        new_count: 0,
        new_findings: Vec::new(),
        code: code.map(str::to_owned),
        revision: revision.map(str::to_owned),
        documents: Vec::new(),
    };
    let allowed = [Glob::path("shop/*").expect("a glob")];
    let commit = |code, revision| commit::commit_of(&told(code, revision), "github.com", 2..=2, &allowed);
    let good = commit(Some("https://github.com/shop/api"), Some(COMMIT)).expect("a commit");
    assert_eq!((good.repository.as_str(), good.id.as_str()), ("shop/api", COMMIT));
    for code in [
        "https://github.com/web/api",
        "https://github.com.evil.example/shop/api",
        "https://github.com@evil.example/shop/api",
        "http://github.com/shop/api",
        "https://github.com/shop",
        "https://github.com/shop/api/tree/main",
        "https://github.com/shop/..",
        "https://github.com/shop/%2e%2e%2fweb",
        "https://github.com/shop/a?b",
        "git@github.com:shop/api",
    ] {
        // what stands behind `?` names no repository, and is not sent
        let is_cut = code.ends_with("?b");
        assert_eq!(commit(Some(code), Some(COMMIT)).is_ok(), is_cut, "{code}");
    }
    let (upper, longer, other) = (COMMIT.to_uppercase(), format!("{COMMIT}/../x"), COMMIT.replace('0', "g"));
    for revision in ["", "main", "0123456", upper.as_str(), longer.as_str(), other.as_str()] {
        assert!(commit(Some("https://github.com/shop/api"), Some(revision)).is_err(), "{revision}");
    }
    assert!(commit(None, Some(COMMIT)).is_err() && commit(Some("https://github.com/shop/api"), None).is_err());
}

#[tokio::test]
async fn what_is_refused_is_given_up_and_can_be_raised_again() {
    let receiver = receiver(&[(401, String::new(), r#"{"message": "bad: It's a Secret to Everybody, sir"}"#)]);
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(folder.path(), &webhook(&receiver, "")).await;
    report(&server, 1, FAILED).await;
    deliver(&server).await;
    assert_eq!(states(&server).await, [("hook".into(), "dead".into(), 3, "the receiver answers 401".into())]);
    let now = server.clock.now();
    let raise = |id| server.store.write(move |connection| Box::pin(run::retry(connection, id, now)));
    assert!(raise(1).await.expect("stored"));
    assert!(!raise(1).await.expect("stored"), "it waits already");
    assert_eq!(states(&server).await, [("hook".into(), "queued".into(), 0, String::new())]);
}

#[tokio::test]
async fn nobody_leads_a_delivery_elsewhere() {
    let inner = receiver(&[only(204)]);
    let folder = tempfile::tempdir().expect("a folder");
    // a name of this machine, where that is not allowed; and a redirect to it
    let outer = receiver(&[(307, format!("Location: http://{}/\r\n", inner.address), "")]);
    let port = inner.address.rsplit(':').next().expect("a port");
    let actions = format!(
        "[[action]]\nname = \"name\"\nkind = \"webhook\"\non = [\"failed\"]\nattempts = 1\n\
         url = \"https://localhost:{port}/\"\nsecret = SECRET\n{}",
        webhook(&outer, "attempts = 1\n")
    );
    let server = server(folder.path(), &actions).await;
    report(&server, 1, FAILED).await;
    deliver(&server).await;
    let states = states(&server).await;
    assert!(states.iter().all(|(_, state, ..)| state == "dead"), "{states:?}");
    assert!(states[0].3.contains("address of a local network"), "{states:?}");
    assert!(states[1].3.contains("307; redirects are not followed"), "{states:?}");
    assert_eq!((outer.seen().len(), inner.seen().len()), (1, 0));
}

#[tokio::test]
async fn one_that_was_under_way_is_told_again_and_one_without_an_action_is_given_up() {
    let receiver = receiver(&[only(204)]);
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(folder.path(), &webhook(&receiver, "")).await;
    report(&server, 1, FAILED).await;
    let write = server.store.write(|connection| {
        Box::pin(async move {
            sqlx::raw_sql(
                "UPDATE delivery SET state = 'leased', attempts = 1; \
                 INSERT INTO delivery (action, report, state, created, not_before) VALUES ('old', 'report-1', 'queued', 0, 0)",
            )
            .execute(connection)
            .await
            .expect("written");
            Ok(())
        })
    });
    write.await.expect("stored");
    deliver(&server).await;
    let states = states(&server).await;
    assert_eq!((states[0].1.as_str(), states[0].2), ("done", 2));
    assert_eq!((states[1].1.as_str(), states[1].2), ("dead", 0));
}

#[test]
fn a_chat_whose_secret_is_no_address_is_told_before_anybody_is_to_be_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("chat");
    let text = format!(
        "data = \"{}\"\n[[action]]\nname = \"chat\"\nkind = \"slack\"\non = [\"failed\"]\nsecret = {{ file = \"{}\" }}\n",
        folder.path().display(),
        file.display()
    );
    let config = Config::parse("serve.toml", &text, &[], false).expect("a configuration");
    let opened = |secret: &str| {
        std::fs::write(&file, secret).expect("written");
        Actions::open(&config).map(drop)
    };
    assert!(opened("https://chat.example/services/T/B/x").is_ok());
    for secret in
        ["T0/B0/word-of-the-chat", "http://chat.example/word-of-the-chat", "https://10.0.0.7/word-of-the-chat"]
    {
        let error = opened(secret).expect_err(secret);
        assert_eq!((error.kind, error.place.as_deref()), (ErrorKind::Config, Some("action `chat`")));
        assert!(error.message.contains("incoming webhook") && !format!("{error:?}").contains("word-of"), "{error:?}");
    }
}

#[tokio::test]
async fn what_two_sources_tell_of_one_image_is_told_once() {
    let action = |name: &str, more: &str| {
        format!(
            "[[action]]\nname = \"{name}\"\nkind = \"webhook\"\non = [\"failed\"]\nurl = \"https://chat.example/\"\nsecret = SECRET\n{more}"
        )
    };
    let folder = tempfile::tempdir().expect("a folder");
    let actions = format!("{}{}", action("all", ""), action("second", "source = \"bakery\"\n"));
    let server = server(folder.path(), &actions).await;
    let made = |source, outcome| Made { source, outcome, ..FAILED };
    assert_eq!(report(&server, 1, made("shop", "failed")).await, 1);
    assert_eq!(report(&server, 2, made("bakery", "failed")).await, 1, "only who waits for that source");
    // the policy of the one says something else than that of the other
    assert_eq!(report(&server, 3, Made { tag: "2.0", ..made("shop", "passed") }).await, 0);
    assert_eq!(report(&server, 4, Made { tag: "2.0", ..made("bakery", "failed") }).await, 2);
    let rows = sqlx::query_scalar::<_, String>("SELECT action || ' ' || report FROM delivery ORDER BY id");
    let rows = rows.fetch_all(server.store.readers()).await.expect("read");
    assert_eq!(rows, ["all report-1", "second report-2", "all report-4", "second report-4"]);
}

#[tokio::test]
async fn no_secret_of_the_configuration_is_logged_or_kept() {
    let lines = Lines::default();
    let _heard = lines.hear(Level::Trace);
    let receiver = receiver(&[(500, String::new(), r#"{"message": "It's a Secret to Everybody, chat-path"}"#)]);
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("chat"), format!("http://{}/services/chat-path", receiver.address))
        .expect("written");
    let actions = format!(
        "{}[[action]]\nname = \"chat\"\nkind = \"slack\"\non = [\"failed\"]\nallow-private = true\n\
         secret = {{ file = \"{}\" }}\nattempts = 1\n\
         [[action]]\nname = \"gh\"\nkind = \"github\"\non = [\"failed\"]\nallow-private = true\nattempts = 1\n\
         url = \"http://{}/\"\ntoken = TOKEN\nrepositories = [\"shop/*\"]\n",
        webhook(&receiver, "attempts = 1\n"),
        folder.path().join("chat").display(),
        receiver.address,
    );
    let server = server(folder.path(), &actions).await;
    report(&server, 1, FAILED).await;
    deliver(&server).await;
    let told = format!("{}{:?}{:?}", lines.text(), states(&server).await, server.actions);
    assert!(told.contains("a report was not told of"), "{told}");
    for secret in ["It's a Secret", "Secret to", "tok-en", "chat-path"] {
        assert!(!told.contains(secret), "{secret}: {told}");
    }
}

#[tokio::test]
async fn a_registry_that_wants_to_be_left_alone_is_told_of_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let actions = "[[action]]\nname = \"away\"\nkind = \"quarantine\"\non = [\"failed\"]\ntag = \"bad\"\n";
    let server = server(folder.path(), actions).await;
    let told = async |number: i64| {
        assert_eq!(report(&server, number, Made { tag: "1.4", ..FAILED }).await, 1);
        let leased = match run::lease(&server.store, "away", server.clock.now()).await.expect("looked up") {
            run::Next::Leased(leased) => leased,
            run::Next::Later(_) => panic!("one waits"),
        };
        run::one(&server, server.actions.all().first().expect("one"), leased).await;
    };
    server.pauses.ask("main", Duration::from_mins(10), std::time::Instant::now());
    told(1).await;
    assert_eq!(
        states(&server).await,
        [("away".into(), "queued".into(), 0, "the registry asked for a pause".into())],
        "nobody tried it"
    );
    let waits = "SELECT count(*) FROM delivery WHERE not_before > ?";
    let waits = sqlx::query_scalar::<_, i64>(waits).bind(server.clock.now().0 + 500_000);
    assert_eq!(waits.fetch_one(server.store.readers()).await.expect("read"), 1);
}

/// Has a tag be another image.
async fn move_tag(server: &Arc<Server>, tag: &'static str, to: &'static str) {
    let (actions, now) = (Arc::clone(&server.actions), server.clock.now());
    let moved = server.store.write(move |connection| {
        Box::pin(async move {
            let digest = Digest::sha256(to.as_bytes());
            let sight = Sight {
                source: "shop",
                registry: "main",
                repository: "shop/api",
                digest: &digest,
                tag: Some(tag),
                at: now,
                word: Word::Given,
            };
            let Tag::Moved { from } = note(connection, &sight, now).await?.tag else { panic!("it moves") };
            plan::plan_move(connection, &actions, &sight, from, now).await
        })
    });
    moved.await.expect("stored");
}

#[tokio::test]
async fn an_image_whose_tag_is_another_one_by_now_is_told_of_by_its_digest() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(folder.path(), &webhook(&receiver(&[only(204)]), "")).await;
    report(&server, 1, Made { outcome: "passed", findings: &[], ..FAILED }).await;
    // it moves on before the late one is judged
    report(&server, 2, Made { tag: "next", outcome: "passed", findings: &[], ..FAILED }).await;
    move_tag(&server, "1.4", "next").await;
    report(&server, 3, Made { tag: "late", ..FAILED }).await;
    let written = server.store.write(|connection| {
        Box::pin(async move {
            // put in with the tag that it was then
            let late = sqlx::raw_sql("UPDATE job SET tag = '1.4' WHERE id = 3; DELETE FROM tag WHERE name = 'late'");
            Ok(late.execute(connection).await.expect("changed").rows_affected())
        })
    });
    written.await.expect("stored");
    let mut reader = server.store.readers().acquire().await.expect("a reader");
    let action = server.actions.all().first().expect("one");
    let told = Told::read(&mut reader, &server.actions, action, "report-3", None).await.expect("read");
    let told = told.expect("it is there");
    assert_eq!((&told.tag, &told.before), (&None, &None), "of the tag others are told");
    assert!(told.image().contains("@sha256:"), "{}", told.image());
    drop(reader);
    // what the tag is now is as it was before, whatever came late
    assert_eq!(
        report(&server, 4, Made { tag: "next", kind: "rematch", outcome: "passed", findings: &[], ..FAILED }).await,
        0
    );
}

#[tokio::test]
async fn of_a_tag_that_came_to_an_image_later_its_name_is_told() {
    let receiver = receiver(&[only(204)]);
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(folder.path(), &webhook(&receiver, "")).await;
    report(&server, 1, FAILED).await;
    report(&server, 2, Made { tag: "prod", outcome: "passed", findings: &[], ..FAILED }).await;
    let actions = Arc::clone(&server.actions);
    let now = server.clock.now();
    let moved = server.store.write(move |connection| {
        Box::pin(async move {
            let digest = Digest::sha256(b"1.4");
            let sight = Sight {
                source: "shop",
                registry: "main",
                repository: "shop/api",
                digest: &digest,
                tag: Some("prod"),
                at: now,
                word: Word::Given,
            };
            let Tag::Moved { from } = note(connection, &sight, now).await?.tag else { panic!("it moves") };
            plan::plan_move(connection, &actions, &sight, from, now).await
        })
    });
    assert_eq!(moved.await.expect("stored"), 1);
    deliver(&server).await;
    let bodies: Vec<Value> =
        receiver.seen().iter().map(|seen| serde_json::from_str(&seen.body).expect("JSON")).collect();
    let told: Vec<_> =
        bodies.iter().map(|body| (body["image"].as_str(), body["new_findings"]["count"].as_i64())).collect();
    // what was before is the image that the tag was
    let images = ["registry.example/shop/api:1.4", "registry.example/shop/api:prod"];
    assert_eq!(told, images.map(|image| (Some(image), Some(2))));
    assert_eq!(bodies[1]["digest"], Digest::sha256(b"1.4").to_string());
    assert_ne!(bodies[0]["delivery"], bodies[1]["delivery"]);
}
