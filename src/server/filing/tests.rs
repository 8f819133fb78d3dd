//! What is kept of webhooks.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;

use super::super::event::{Place, What};
use super::super::hook::testing::{Case, DIGEST, SECRET, push};
use super::super::hook::{KEPT_OF_FIELD, routes};
use super::super::queue::{Lane, Queue as _};
use super::super::result::{self, Finished};
use super::super::testing::Bench;
use super::*;

#[tokio::test]
async fn a_push_becomes_one_job_however_often_it_is_told() {
    let case = Case::new(100).await;
    for _ in 0..50 {
        assert_eq!(case.send(&push("1", DIGEST, ",\"tag\":\"1.4\"")).await, StatusCode::ACCEPTED);
    }
    // another event of the same image
    assert_eq!(case.send(&push("2", DIGEST, ",\"tag\":\"latest\"")).await, StatusCode::ACCEPTED);
    assert_eq!(case.count("SELECT count(*) FROM job").await, 1);
    assert_eq!(case.count("SELECT count(*) FROM event WHERE state = 'taken'").await, 2);
    assert_eq!(case.count("SELECT count(*) FROM tag").await, 2);
    assert_eq!(case.count("SELECT count(*) FROM image").await, 1);
    let gone = push("3", DIGEST, "").replace("\"push\"", "\"delete\"");
    assert_eq!(case.send(&gone).await, StatusCode::ACCEPTED);
    assert_eq!(case.count("SELECT count(*) FROM image WHERE deleted IS NOT NULL").await, 1);
}

#[tokio::test]
async fn each_source_has_images_of_its_own() {
    let bench = Bench::new().await;
    let tell = async |source: &str, body: String| {
        let request = Request::post(format!("/hooks/{source}")).header("authorization", "long-enough-a-secret");
        let answer = bench.ask(routes(), request.body(Body::from(body)).expect("a request")).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
    };
    let texts = async |query: &'static str| {
        let rows = sqlx::query_scalar::<_, String>(query).fetch_all(bench.server.store.readers());
        rows.await.expect("read").join(" ")
    };
    for source in ["shop", "bakery", "shop"] {
        tell(source, push("1", DIGEST, ",\"tag\":\"1.4\"")).await;
    }
    assert_eq!(texts("SELECT source FROM job WHERE kind = 'scan' ORDER BY id").await, "shop bakery");
    assert_eq!(texts("SELECT source FROM tag ORDER BY source").await, "bakery shop");
    // who tells that it went speaks for nobody else
    tell("bakery", push("2", DIGEST, "").replace("\"push\"", "\"delete\"")).await;
    assert_eq!(texts("SELECT source FROM image WHERE deleted IS NULL").await, "shop");
    assert_eq!(texts("SELECT source FROM tag").await, "shop");
    let other = DIGEST.replace('0', "2");
    tell("bakery", push("3", &other, ",\"tag\":\"1.4\"")).await;
    let tags = "SELECT t.source || '=' || substr(i.digest, -2) FROM tag t JOIN image i ON i.id = t.image ORDER BY 1";
    assert_eq!(texts(tags).await, "bakery=21 shop=01");
}

#[tokio::test]
async fn an_image_stays_while_a_tag_is_left() {
    let case = Case::new(10).await;
    let place = |digest: &str, tag: Option<&str>| Place {
        repository: "shop/api".to_owned(),
        tag: tag.map(str::to_owned),
        digest: Some(digest.parse().expect("a digest")),
        claimed_host: None,
    };
    let other = DIGEST.replace('0', "2");
    let filing = || Filing {
        source: "shop".to_owned(),
        registry: "main".to_owned(),
        hosts: Vec::new(),
        body: Vec::new(),
        bounds: case.server.queue.bounds(),
        fields: None,
        now: case.server.clock.now(),
    };
    let file = async |what: What, id: &str| {
        let notice = Notice { id: id.to_owned(), is_unique: true, what };
        let filing = filing();
        let filed = case.server.store.write(move |connection| Box::pin(file_all(connection, vec![notice], filing)));
        filed.await.expect("filed");
    };
    let deleted = async || case.count("SELECT count(*) FROM image WHERE deleted IS NOT NULL").await;
    let tags = async || case.count("SELECT count(*) FROM tag").await;
    file(What::Pushed(place(DIGEST, Some("1"))), "a").await;
    file(What::Pushed(place(DIGEST, Some("prod"))), "b").await;
    file(What::Deleted(place(DIGEST, Some("1"))), "c").await;
    assert_eq!((deleted().await, tags().await), (0, 1), "`prod` is left");
    file(What::Pushed(place(&other, Some("prod"))), "d").await;
    file(What::Deleted(place(DIGEST, Some("prod"))), "e").await;
    assert_eq!((deleted().await, tags().await), (1, 1), "`prod` is another image by now");
    file(What::Deleted(place(&other, None)), "f").await;
    assert_eq!((deleted().await, tags().await), (2, 0), "an image takes its tags along");
}

#[tokio::test]
async fn what_cannot_be_read_or_speaks_of_others_is_a_dead_letter() {
    let case = Case::new(100).await;
    let elsewhere = ",\"url\":\"http://169.254.169.254/v2/shop/api/manifests/x\"";
    let deep = "[".repeat(100_000);
    let bodies = ["", "no JSON", "{\"events\":7}", &deep, &push("4", DIGEST, elsewhere)];
    for body in bodies {
        assert_eq!(case.send(body).await, StatusCode::ACCEPTED, "{}", body.get(..20).unwrap_or(body));
    }
    assert_eq!(case.count("SELECT count(*) FROM event WHERE state = 'dead' AND reason IS NOT NULL").await, 5);
    assert_eq!(case.count("SELECT max(length(body)) FROM event").await, i64::try_from(KEPT).expect("small"));
    let events: Vec<String> =
        (0..20).map(|id| format!("{{\"id\":\"many-{id}\",\"action\":\"push\",\"target\":{{}}}}")).collect();
    assert_eq!(case.send(&format!("{{\"events\":[{}]}}", events.join(","))).await, StatusCode::ACCEPTED);
    let many = "SELECT count(*) * 100 + count(body) FROM event WHERE sender_id LIKE 'many-%' AND state = 'dead'";
    assert_eq!(case.count(many).await, 2_000 + i64::try_from(BODIES).expect("few"));
    assert_eq!(case.count("SELECT count(*) FROM job").await, 0);
    let known = ",\"url\":\"http://registry.internal.example/v2/shop/api/manifests/x\"";
    assert_eq!(case.send(&push("5", DIGEST, known)).await, StatusCode::ACCEPTED);
    assert_eq!(case.count("SELECT count(*) FROM job").await, 1);
}

#[tokio::test]
async fn what_is_sent_again_raises_what_is_dead_and_nothing_else() {
    let case = Case::new(100).await;
    let elsewhere = ",\"tag\":\"1\",\"url\":\"http://elsewhere.example/v2/shop/api/manifests/x\"";
    for _ in 0..3 {
        assert_eq!(case.send(&push("1", DIGEST, elsewhere)).await, StatusCode::ACCEPTED);
    }
    assert_eq!(case.count("SELECT count(*) FROM event WHERE state = 'dead'").await, 1);
    // the sender was mended: the same event can be read now
    for _ in 0..3 {
        assert_eq!(case.send(&push("1", DIGEST, ",\"tag\":\"1\"")).await, StatusCode::ACCEPTED);
    }
    let taken = "SELECT count(*) FROM event WHERE state = 'taken' AND body IS NULL AND reason IS NULL \
                 AND repository = 'shop/api' AND tag = '1' AND digest IS NOT NULL";
    assert_eq!((case.count(taken).await, case.count("SELECT count(*) FROM event").await), (1, 1));
    let waiting = "SELECT count(*) FROM job WHERE state = 'queued' AND attempts = 0";
    let jobs = "SELECT count(*) FROM job";
    assert_eq!((case.count(waiting).await, case.count(jobs).await), (1, 1));
    let end = async |state: &'static str, kind: &'static str| {
        let ended = case.server.store.write(move |connection| {
            Box::pin(async move {
                let end = sqlx::query(
                    "UPDATE job SET state = ?, attempts = 8, ended = 0 WHERE kind = ? AND state = 'queued'",
                );
                let end = end.bind(state).bind(kind).execute(&mut *connection).await.map_err(cannot)?;
                sqlx::query("UPDATE turn SET waiting = 0").execute(connection).await.map_err(cannot)?;
                Ok(end.rows_affected())
            })
        });
        assert_eq!(ended.await.expect("ended"), 1);
    };
    end("dead", "scan").await;
    for _ in 0..3 {
        assert_eq!(case.send(&push("1", DIGEST, ",\"tag\":\"1\"")).await, StatusCode::ACCEPTED);
    }
    assert_eq!((case.count(waiting).await, case.count(jobs).await), (1, 1));
    assert_eq!(case.count("SELECT waiting FROM turn").await, 1, "it was raised once");
    end("done", "scan").await;
    assert_eq!(case.send(&push("1", DIGEST, ",\"tag\":\"1\"")).await, StatusCode::ACCEPTED);
    assert_eq!((case.count(waiting).await, case.count(jobs).await), (0, 1), "what is done stays so");
    // of a tag that was looked up, the scan is raised
    let body = "{\"push_data\":{\"tag\":\"1\",\"pushed_at\":1772323200},\"repository\":{\"repo_name\":\"shop/api\",\
                \"namespace\":\"shop\",\"name\":\"api\"}}";
    let tell = async || case.post("/hooks/hub/word-of-the-hub-which-is-long", &[], body).await;
    assert_eq!(tell().await, StatusCode::ACCEPTED);
    let now = case.server.clock.now();
    let leased = case.server.queue.lease(Lane::Quick, 1, Duration::from_mins(1), now).await.expect("leased").remove(0);
    let finished = Finished::Pinned(DIGEST.parse().expect("a digest"));
    assert!(result::store(&case.server, &leased, finished).await.expect("stored"));
    end("dead", "scan").await;
    for _ in 0..3 {
        assert_eq!(tell().await, StatusCode::ACCEPTED);
    }
    assert_eq!((case.count(waiting).await, case.count(jobs).await), (1, 3));
}

#[tokio::test]
async fn a_dead_one_that_is_sent_again_waits_for_room() {
    let case = Case::new(1).await;
    let digest = DIGEST.replace('0', "2");
    assert_eq!(case.send(&push("1", DIGEST, "")).await, StatusCode::ACCEPTED);
    let now = case.server.clock.now();
    let leased = case.server.queue.lease(Lane::Slow, 1, Duration::from_mins(1), now).await.expect("leased").remove(0);
    assert!(case.server.queue.bury(&leased, "no", now).await.expect("buried"));
    assert_eq!(case.send(&push("2", &digest, "")).await, StatusCode::ACCEPTED);
    assert_eq!(case.send(&push("1", DIGEST, "")).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(case.count("SELECT count(*) FROM job WHERE state = 'dead'").await, 1);
}

#[tokio::test]
async fn what_is_read_again_has_the_fields_that_its_reader_looks_at() {
    let case = Case::new(100).await;
    let body = format!("{{\"action\":\"INSERT\",\"digest\":\"elsewhere.example/shop/api@{DIGEST}\"}}");
    let id = "x-goog-pubsub-message-id";
    let long = "9".repeat(KEPT_OF_FIELD + 1);
    for value in ["17", &long] {
        let fields = [("authorization", SECRET), ("x-more", "not looked at"), (id, value)];
        assert_eq!(case.post("/hooks/cloud", &fields, body.clone()).await, StatusCode::ACCEPTED);
    }
    let letters = "SELECT id, sender_id, fields FROM event WHERE state = 'dead' ORDER BY id";
    let letters = sqlx::query_as::<_, (i64, String, Option<String>)>(letters);
    let letters = letters.fetch_all(case.server.store.readers()).await.expect("rows");
    let [(number, sender, fields), (_, _, of_long)] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!((sender.as_str(), fields.as_deref()), ("17", Some(&*format!("[[\"{id}\",\"17\"]]"))));
    assert_eq!(of_long.as_deref(), None, "it is too long to be kept");
    assert_eq!(again(&case.server, *number, "me").await.expect("read again"), Some((0, 1)));
    assert_eq!(case.count("SELECT count(*) FROM event WHERE sender_id = '17' AND state = 'dead'").await, 1);
    assert_eq!(case.count("SELECT count(*) FROM event").await, 2, "it is known by its id as before");
}

#[tokio::test]
async fn a_tag_without_a_digest_is_looked_up_each_time_it_is_pushed() {
    let case = Case::new(100).await;
    let body = |at: u32| {
        format!(
            "{{\"push_data\":{{\"tag\":\"1.4\",\"pushed_at\":{at}}},\"repository\":{{\"repo_name\":\"shop/api\",\
             \"namespace\":\"shop\",\"name\":\"api\"}}}}"
        )
    };
    for at in [1_772_323_200, 1_772_323_200, 1_772_323_201] {
        let status = case.post("/hooks/hub/word-of-the-hub-which-is-long", &[], body(at)).await;
        assert_eq!(status, StatusCode::ACCEPTED);
    }
    let jobs = "SELECT count(*) FROM job WHERE kind = 'pin' AND tag = '1.4' AND digest IS NULL AND lane = 0";
    assert_eq!(case.count(jobs).await, 2, "one was a replay");
}
