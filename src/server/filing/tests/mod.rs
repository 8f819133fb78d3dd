//! What is kept of webhooks.

mod order;

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;

use super::super::deliver::plan::plan;
use super::super::event::{Place, What};
use super::super::hook::testing::{Case, DIGEST, SECRET, push};
use super::super::hook::{KEPT_OF_FIELD, routes};
use super::super::queue::{Lane, Leased, Queue as _};
use super::super::result::{self, Finished};
use super::super::store::future;
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
    let gone = push("3", DIGEST, "").replace("\"push\"", "\"delete\"").replace("12:00:00", "12:00:01");
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
    tell("bakery", push("2", DIGEST, "").replace("\"push\"", "\"delete\"").replace("12:00:00", "12:00:01")).await;
    assert_eq!(texts("SELECT source FROM image WHERE deleted IS NULL").await, "shop");
    assert_eq!(texts("SELECT source FROM tag").await, "shop");
    let other = DIGEST.replace('0', "2");
    tell("bakery", push("3", &other, ",\"tag\":\"1.4\"").replace("12:00:00", "12:00:02")).await;
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
        dead_letters: case.server.config.retention.dead_letters,
        actions: Arc::clone(&case.server.actions),
        received: case.server.clock.now(),
        now: case.server.clock.now(),
    };
    let times = std::sync::atomic::AtomicI64::new(1);
    let file = async |what: What, id: &str| {
        let at = Some(Moment(times.fetch_add(1, Ordering::Relaxed)));
        let notice = Notice { id: id.to_owned(), is_unique: true, at, what };
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
    let finished = Finished::Pinned(DIGEST.parse().expect("a digest"), now);
    assert!(result::store(&case.server, &leased, finished).await.expect("stored"));
    end("dead", "scan").await;
    for _ in 0..3 {
        assert_eq!(tell().await, StatusCode::ACCEPTED);
    }
    let scans = "SELECT count(*) FROM job WHERE state = 'queued' AND attempts = 0 AND kind = 'scan'";
    assert_eq!((case.count(scans).await, case.count(jobs).await), (1, 4), "and the tag is asked for once more");
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
    assert_eq!(case.count(jobs).await, 1, "one that waits does for both, and one was a replay");
    let now = case.server.clock.now();
    let leased = case.server.queue.lease(Lane::Quick, 1, Duration::from_mins(1), now).await.expect("leased").remove(0);
    let push = async |at| case.post("/hooks/hub/word-of-the-hub-which-is-long", &[], body(at)).await;
    assert_eq!(push(1_772_323_202).await, StatusCode::ACCEPTED);
    assert_eq!(case.count(jobs).await, 2, "what is asked already may not see it");
    assert!(case.server.queue.retry(&leased, Duration::from_hours(1), "away", now).await.expect("put back"));
    assert_eq!(push(1_772_323_203).await, StatusCode::ACCEPTED);
    assert_eq!(case.count(jobs).await, 2);
    assert_eq!(case.count("SELECT waiting FROM turn").await, 2);
}

/// A push of a tag at a time of the first of March.
fn push_at(id: &str, digest: &str, tag: &str, time: &str) -> String {
    push(id, digest, &format!(",\"tag\":\"{tag}\"")).replace("2026-03-01T12:00:00Z", &format!("2026-03-01T{time}Z"))
}

fn delete_at(id: &str, target: &str, time: &str) -> String {
    format!(
        "{{\"events\":[{{\"id\":\"{id}\",\"timestamp\":\"2026-03-01T{time}Z\",\"action\":\"delete\",\"target\":{{\
         \"repository\":\"shop/api\",{target}}}}}]}}"
    )
}

fn digest(number: u32) -> String {
    format!("sha256:{number:064x}")
}

/// Tags with the ends of their digests, and the images that are not deleted.
async fn there(case: &Case) -> (String, String) {
    let texts = async |query: &'static str| {
        let rows = sqlx::query_scalar::<_, String>(query).fetch_all(case.server.store.readers());
        rows.await.expect("read").join(" ")
    };
    let tags = "SELECT t.name || '=' || substr(i.digest, -1) FROM tag t JOIN image i ON i.id = t.image ORDER BY 1";
    let images = "SELECT substr(digest, -1) FROM image WHERE deleted IS NULL ORDER BY 1";
    (texts(tags).await, texts(images).await)
}

fn pair(tags: &str, images: &str) -> (String, String) {
    (tags.to_owned(), images.to_owned())
}

#[tokio::test]
async fn what_happened_earlier_changes_nothing_of_what_is_known_since() {
    let case = Case::new(100).await;
    let doubts = "SELECT count(*) FROM job WHERE kind = 'pin' AND key LIKE '% doubted %'";
    send(&case, push_at("b", &digest(2), "x", "12:05:00")).await;
    send(&case, push_at("a", &digest(1), "x", "12:00:00")).await;
    assert_eq!(there(&case).await, pair("x=2", "1 2"));
    assert_eq!(case.count("SELECT count(*) FROM job WHERE kind = 'scan'").await, 2, "it is scanned all the same");
    assert_eq!(case.count(doubts).await, 1, "the registry is asked");
    // a deletion is no other
    send(&case, delete_at("c", "\"tag\":\"x\"", "12:04:00")).await;
    send(&case, delete_at("d", &format!("\"digest\":\"{}\"", digest(2)), "12:04:00")).await;
    assert_eq!(there(&case).await, pair("x=2", "1 2"));
    send(&case, delete_at("e", "\"tag\":\"x\"", "12:06:00")).await;
    assert_eq!(there(&case).await, pair("", "1 2"));
    send(&case, push_at("f", &digest(3), "x", "12:05:30")).await;
    assert_eq!(there(&case).await, pair("", "1 2 3"), "the tag is gone since");
    send(&case, push_at("g", &digest(3), "x", "12:07:00")).await;
    assert_eq!(there(&case).await, pair("x=3", "1 2 3"));
    // the deletion of an image of which nothing is known yet
    send(&case, delete_at("h", &format!("\"digest\":\"{}\"", digest(4)), "12:09:00")).await;
    send(&case, push_at("i", &digest(4), "y", "12:08:00")).await;
    assert_eq!(there(&case).await, pair("x=3", "1 2 3"));
    send(&case, push_at("j", &digest(4), "y", "12:10:00")).await;
    assert_eq!(there(&case).await, pair("x=3 y=4", "1 2 3 4"));
    assert_eq!(case.count(doubts).await, 2, "one that waits does for all: of `x`, and of `y`");
}

#[tokio::test]
async fn a_clock_that_is_ahead_holds_no_tag() {
    let case = Case::new(100).await;
    let ahead = push_at("a", &digest(1), "x", "12:00:00").replace("2026-03-01", "2126-03-01");
    assert_eq!(case.send(&ahead).await, StatusCode::ACCEPTED);
    let without = push("b", &digest(2), ",\"tag\":\"x\"").replace("\"timestamp\":\"2026-03-01T12:00:00Z\",", "");
    assert_eq!(case.send(&without).await, StatusCode::ACCEPTED);
    // which of them was later nobody knows but the registry
    assert_eq!(there(&case).await, pair("x=1", "1 2"));
    answer(&case, 2).await;
    assert_eq!(there(&case).await, pair("x=2", "1 2"));
    // five minutes ahead, and the one that was pushed first comes last
    let ahead = |seconds: u64| {
        let at = case.server.clock.now().plus(Duration::from_secs(300 + seconds)).timestamp();
        at.to_string()
    };
    for (number, seconds) in [(4, 10), (3, 0)] {
        let body = push_at(&number.to_string(), &digest(number), "y", "12:00:00");
        let body = body.replace("2026-03-01T12:00:00Z", &ahead(seconds));
        assert_eq!(case.send(&body).await, StatusCode::ACCEPTED);
    }
    assert_eq!(there(&case).await, pair("x=2 y=4", "1 2 3 4"));
    answer(&case, 4).await;
    assert_eq!(there(&case).await, pair("x=2 y=4", "1 2 3 4"));
    assert_eq!(case.count("SELECT count(*) FROM job WHERE kind = 'pin'").await, 2);
}

#[tokio::test]
async fn a_clock_that_was_set_back_asks_once() {
    let case = Case::new(100).await;
    let undated = |id: &str, number| {
        push(id, &digest(number), ",\"tag\":\"x\"").replace("\"timestamp\":\"2026-03-01T12:00:00Z\",", "")
    };
    for number in 1..=2 {
        assert_eq!(case.send(&undated(&number.to_string(), number)).await, StatusCode::ACCEPTED);
    }
    assert_eq!(there(&case).await, pair("x=1", "1 2"));
    let written = case.server.store.write(|connection| {
        Box::pin(async move {
            let later = "UPDATE tag SET heard = heard + 31536000000, since = since + 31536000000";
            sqlx::query(later).execute(&mut *connection).await.map_err(cannot)?;
            let gone = "UPDATE image SET deleted = last_seen + 31536000000";
            Ok(sqlx::query(gone).execute(connection).await.map_err(cannot)?.rows_affected())
        })
    });
    assert_eq!(written.await.expect("written"), 2);
    assert!(future::bring_down(&case.server.store, case.server.clock.now()).await.expect("at the start") > 0);
    answer(&case, 2).await;
    assert_eq!(case.count("SELECT count(*) FROM job WHERE kind = 'pin' AND state = 'queued'").await, 0);
    assert_eq!(case.count("SELECT count(*) FROM tag JOIN image i ON i.id = tag.image AND i.deleted IS NULL").await, 1);
}

/// Sends what is acknowledged.
async fn send(case: &Case, body: String) {
    assert_eq!(case.send(&body).await, StatusCode::ACCEPTED);
}

/// Leases the question that waits.
async fn question(case: &Case) -> (Leased, Moment) {
    let now = case.server.clock.now();
    let mut leased = case.server.queue.lease(Lane::Quick, 2, Duration::from_mins(1), now).await.expect("leased");
    assert_eq!(leased.len(), 1, "one question waits");
    (leased.remove(0), now)
}

/// Has the question that waits answered with an image, after everything that came before.
async fn answer(case: &Case, number: u32) {
    let (leased, _) = question(case).await;
    let asked = case.server.clock.now().plus(Duration::from_millis(1));
    let finished = Finished::Pinned(digest(number).parse().expect("a digest"), asked);
    assert!(result::store(&case.server, &leased, finished).await.expect("stored"));
}

/// Has the registry say to the question that waits, after everything that came before, that it has no such tag.
async fn lost(case: &Case) {
    let (leased, asked) = question(case).await;
    let finished = Finished::Lost(asked.plus(Duration::from_millis(1)));
    assert!(result::store(&case.server, &leased, finished).await.expect("stored"));
}

#[tokio::test]
async fn what_comes_while_a_question_is_under_way_is_newer_than_its_answer() {
    let case = Case::new(100).await;
    send(&case, push_at("a", &digest(1), "x", "12:01:00")).await;
    // asked for, since an older event says other
    send(&case, push_at("b", &digest(2), "x", "12:00:00")).await;
    let (leased, asked) = question(&case).await;
    // the clock of the sender is behind that of careen
    send(&case, push_at("c", &digest(3), "x", "12:02:00")).await;
    assert_eq!(there(&case).await.0, "x=3");
    let finished = Finished::Pinned(digest(1).parse().expect("a digest"), asked);
    assert!(result::store(&case.server, &leased, finished).await.expect("stored"));
    assert_eq!(there(&case).await.0, "x=3", "the answer is older");
    answer(&case, 3).await;
    assert_eq!(there(&case).await.0, "x=3");
    assert_eq!(case.count("SELECT count(*) FROM job WHERE kind = 'pin' AND state <> 'done'").await, 0);
    // what the registry said is changed by its own word alone
    send(&case, push_at("d", &digest(2), "x", "12:03:00")).await;
    let (leased, asked) = question(&case).await;
    // gone and looked up at once
    send(&case, delete_at("e", "\"tag\":\"x\"", "12:04:00")).await;
    assert!(result::store(&case.server, &leased, Finished::Lost(asked)).await.expect("stored"));
    lost(&case).await;
    assert_eq!(there(&case).await.0, "", "the registry has no such tag");
}

#[tokio::test]
async fn of_what_happened_at_one_time_the_registry_is_asked() {
    let case = Case::new(100).await;
    let asked = async |tag: &'static str| {
        let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM job WHERE kind = 'pin' AND tag = ?").bind(tag);
        count.fetch_one(case.server.store.readers()).await.expect("read")
    };
    send(&case, push_at("a", &digest(2), "x", "12:00:00")).await;
    send(&case, push_at("b", &digest(1), "x", "12:00:00")).await;
    assert_eq!((there(&case).await.0.as_str(), asked("x").await), ("x=2", 1));
    send(&case, push_at("c", &digest(2), "y", "12:00:00")).await;
    send(&case, delete_at("d", "\"tag\":\"y\"", "12:00:00")).await;
    assert_eq!((there(&case).await.0.as_str(), asked("y").await), ("x=2 y=2", 1));
    send(&case, delete_at("e", "\"tag\":\"z\"", "12:00:00")).await;
    send(&case, push_at("f", &digest(2), "z", "12:00:00")).await;
    assert_eq!((there(&case).await.0.as_str(), asked("z").await), ("x=2 y=2", 1));
    // an image that was pushed and deleted in one second is not taken from those that are to be scanned
    send(&case, push_at("g", &digest(5), "v", "12:00:00")).await;
    send(&case, delete_at("h", &format!("\"digest\":\"{}\"", digest(5)), "12:00:00")).await;
    assert_eq!(there(&case).await, pair("v=5 x=2 y=2", "1 2 5"));
    assert_eq!(asked("v").await, 1);
    // one image, one answer
    send(&case, push_at("i", &digest(6), "w", "12:00:00")).await;
    send(&case, push_at("j", &digest(6), "w", "12:00:00")).await;
    assert_eq!(asked("w").await, 0);
}

#[tokio::test]
async fn a_tag_that_went_with_its_image_does_not_come_back_as_an_older_one() {
    let of = |number: u32| format!("\"digest\":\"{}\"", digest(number));
    let orders = [["b", "c", "d"], ["b", "d", "c"], ["c", "b", "d"], ["c", "d", "b"], ["d", "b", "c"], ["d", "c", "b"]];
    for order in orders {
        let case = Case::new(100).await;
        for event in order {
            let body = match event {
                "b" => push_at("b", &digest(2), "y", "12:00:00"),
                "c" => push_at("c", &digest(3), "y", "12:01:00"),
                _ => delete_at("d", &of(3), "12:02:00"),
            };
            assert_eq!(case.send(&body).await, StatusCode::ACCEPTED);
        }
        // nothing, or in doubt
        let asked = case.count("SELECT count(*) FROM job WHERE kind = 'pin' AND state = 'queued'").await;
        if asked == 1 {
            lost(&case).await;
        }
        assert_eq!(there(&case).await, pair("", "2"), "{order:?}");
    }
}

#[tokio::test]
async fn an_image_that_was_told_of_as_deleted_goes_with_the_tag_that_the_registry_does_not_have() {
    let case = Case::new(100).await;
    send(&case, push_at("a", &digest(1), "x", "12:00:00")).await;
    send(&case, delete_at("b", &format!("\"digest\":\"{}\"", digest(1)), "12:00:00")).await;
    assert_eq!(there(&case).await, pair("x=1", "1"));
    lost(&case).await;
    assert_eq!(there(&case).await, pair("", ""));
}

#[tokio::test]
async fn a_push_that_meets_the_job_of_the_image_that_was_deleted_is_scanned() {
    let case = Case::new(100).await;
    send(&case, push_at("a", &digest(1), "x", "12:00:00")).await;
    send(&case, delete_at("b", &format!("\"digest\":\"{}\"", digest(1)), "12:01:00")).await;
    let now = case.server.clock.now();
    let mut leased = case.server.queue.lease(Lane::Slow, 1, Duration::from_mins(1), now).await.expect("leased");
    let leased = leased.remove(0);
    assert!(result::is_gone(&case.server, &leased.job).await.expect("asked"));
    send(&case, push_at("c", &digest(1), "x", "12:02:00")).await;
    assert!(result::store(&case.server, &leased, Finished::Gone).await.expect("stored"));
    assert_eq!(case.count("SELECT count(*) FROM job WHERE kind = 'scan' AND state = 'queued'").await, 1);
    assert_eq!(case.count("SELECT waiting FROM turn").await, 1);
    assert!(!result::store(&case.server, &leased, Finished::Gone).await.expect("asked"), "it is nobody's by now");
    // and where nothing came it ends
    send(&case, delete_at("d", &format!("\"digest\":\"{}\"", digest(1)), "12:03:00")).await;
    let mut leased =
        case.server.queue.lease(Lane::Slow, 1, Duration::from_mins(1), case.server.clock.now()).await.expect("leased");
    assert!(result::store(&case.server, &leased.remove(0), Finished::Gone).await.expect("stored"));
    assert_eq!(case.count("SELECT count(*) FROM job WHERE state = 'done' AND key LIKE '% gone %'").await, 1);
}

#[tokio::test]
async fn where_it_cannot_be_asked_what_may_be_newer_the_sender_comes_back() {
    let case = Case::new(2).await;
    let undated = |n: u32| {
        push(&format!("e{n}"), &digest(n), ",\"tag\":\"x\"").replace("\"timestamp\":\"2026-03-01T12:00:00Z\",", "")
    };
    assert_eq!(case.send(&undated(1)).await, StatusCode::ACCEPTED);
    // its scan has room, the question has not
    assert_eq!(case.send(&undated(2)).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(case.count("SELECT count(*) FROM event").await, 1, "all of it or nothing");
    // its time says nothing where the other one is by careen's clock
    let promoted = push_at("promoted", &digest(3), "x", "12:00:00");
    assert_eq!(case.send(&promoted).await, StatusCode::SERVICE_UNAVAILABLE);
    // what is older by one clock is left to the next sweep
    let case = Case::new(2).await;
    assert_eq!(case.send(&push_at("new", &digest(1), "x", "12:05:00")).await, StatusCode::ACCEPTED);
    let old = |n: u32| push_at(&format!("old{n}"), &digest(n), "x", "12:00:00");
    assert_eq!(case.send(&old(2)).await, StatusCode::ACCEPTED);
    assert_eq!(there(&case).await, pair("x=1", "1 2"));
}

#[tokio::test]
async fn a_dead_letter_that_is_put_back_is_as_old_as_it_is() {
    let case = Case::new(100).await;
    let body = |n: u32| {
        push(&format!("e{n}"), &digest(n), ",\"tag\":\"x\"").replace("\"timestamp\":\"2026-03-01T12:00:00Z\",", "")
    };
    let elsewhere = body(1).replace("\"tag\"", "\"url\":\"http://elsewhere.example/v2/shop/api/manifests/x\",\"tag\"");
    assert_eq!(case.send(&elsewhere).await, StatusCode::ACCEPTED);
    assert_eq!(case.count("SELECT count(*) FROM event WHERE state = 'dead'").await, 1);
    assert_eq!(case.send(&body(2)).await, StatusCode::ACCEPTED);
    // what was wrong is mended
    let mended = body(1).into_bytes();
    let early = case.server.clock.now().0 - 60_000;
    let write = case.server.store.write(move |connection| {
        Box::pin(async move {
            let change =
                sqlx::query("UPDATE event SET body = ?, received = ? WHERE state = 'dead'").bind(mended).bind(early);
            Ok(change.execute(connection).await.map_err(cannot)?.rows_affected())
        })
    });
    assert_eq!(write.await.expect("written"), 1);
    let number = case.count("SELECT id FROM event WHERE state = 'dead'").await;
    assert_eq!(again(&case.server, number, "me").await.expect("read again"), Some((2, 0)), "a scan and a question");
    assert_eq!(there(&case).await, pair("x=2", "1 2"));
    let kept = "SELECT count(*) FROM event WHERE sender_id = 'e1' AND state = 'taken' AND received = at AND received < \
                (SELECT received FROM event WHERE sender_id = 'e2')";
    assert_eq!(case.count(kept).await, 1, "it came in when it came in first");
}

#[tokio::test]
async fn what_a_sweep_or_a_question_saw_since_stays() {
    let case = Case::new(100).await;
    let write = async |number: u32, tag: &'static str, at: Moment| {
        let now = case.server.clock.now();
        let written = case.server.store.write(move |connection| {
            Box::pin(async move {
                let digest = digest(number).parse().expect("a digest");
                let sight = Sight {
                    source: "shop",
                    registry: "main",
                    repository: "shop/api",
                    digest: &digest,
                    tag: Some(tag),
                    at,
                    word: Word::Asked,
                };
                images::note(connection, &sight, now).await?;
                images::sweep(connection, "shop", "main", "shop/api", at).await
            })
        });
        written.await.expect("written");
    };
    let now = case.server.clock.now();
    write(2, "x", now).await;
    for (id, tag) in [("a", "x"), ("b", "gone")] {
        assert_eq!(case.send(&push_at(id, &digest(1), tag, "12:00:00")).await, StatusCode::ACCEPTED);
    }
    assert_eq!(there(&case).await, pair("x=2", "1 2"));
    // a question that began before is no newer than what came since
    write(3, "x", now.minus(Duration::from_secs(1))).await;
    assert_eq!(there(&case).await, pair("x=2", "1 2 3"));
    // asked for, the registry has no such tag
    let later = case.server.clock.now();
    let leased = case.server.queue.lease(Lane::Quick, 2, Duration::from_mins(1), later).await.expect("leased");
    let [first, second] = leased.as_slice() else { panic!("two are in doubt") };
    assert!(result::store(&case.server, second, Finished::Lost(now)).await.expect("stored"));
    assert_eq!(there(&case).await.0, "x=2");
    assert!(
        result::store(&case.server, first, Finished::Lost(now.minus(Duration::from_secs(9)))).await.expect("stored")
    );
    assert_eq!(there(&case).await.0, "x=2", "it came since");
}

/// Gives each image a report, and says nothing of it.
async fn judge(case: &Case, number: u32, outcome: &'static str) {
    let write = case.server.store.write(move |connection| {
        Box::pin(async move {
            let report = sqlx::query(
                "INSERT INTO report SELECT 'r' || i.id, i.id, j.id, i.source, ?2, ?1, 0, '', 'v', '{}' FROM image i \
                 JOIN job j ON j.digest = i.digest AND j.source = i.source WHERE i.digest = ?3",
            );
            let report = report.bind(outcome).bind(i64::from(number)).bind(digest(number));
            Ok(report.execute(connection).await.map_err(cannot)?.rows_affected())
        })
    });
    assert_eq!(write.await.expect("written"), 1);
}

#[tokio::test]
async fn a_tag_that_comes_to_an_image_that_was_judged_before_is_told_of_once() {
    let case = Case::new(100).await;
    send(&case, push_at("a", &digest(1), "x", "12:00:00")).await;
    send(&case, push_at("b", &digest(2), "y", "12:00:00")).await;
    judge(&case, 1, "failed").await;
    judge(&case, 2, "passed").await;
    let told = async || {
        let rows =
            "SELECT action || ' ' || report || ' ' || tag || ' ' || coalesce(before, '') FROM delivery ORDER BY id";
        sqlx::query_scalar::<_, String>(rows).fetch_all(case.server.store.readers()).await.expect("read")
    };
    assert!(told().await.is_empty());
    for _ in 0..3 {
        send(&case, push_at("c", &digest(1), "y", "12:01:00")).await;
    }
    assert_eq!(told().await, ["bad r1 y r2", "turn r1 y r2"]);
    // it stays where it is; it goes to one that is as bad; it comes back
    send(&case, push_at("d", &digest(1), "y", "12:02:00")).await;
    assert_eq!(told().await.len(), 2);
    send(&case, push_at("e", &digest(3), "y", "12:03:00")).await;
    assert_eq!(told().await.len(), 2, "its scan will tell");
    // of the move as well, which is none to what it was before
    judge(&case, 3, "failed").await;
    plan_report(&case, "r3").await;
    assert_eq!(told().await.get(2..), Some(["bad r3 y r1".to_owned()].as_slice()));
    send(&case, push_at("f", &digest(1), "y", "12:04:00")).await;
    assert_eq!(told().await.get(3..), Some(["bad r1 y r3".to_owned()].as_slice()), "nothing turned");
    // what is overtaken is no move
    send(&case, push_at("g", &digest(2), "y", "12:00:30")).await;
    assert_eq!(told().await.len(), 4);
}

/// Plans what is to be told of a report.
async fn plan_report(case: &Case, report: &'static str) {
    let (actions, now) = (Arc::clone(&case.server.actions), case.server.clock.now());
    let write = case
        .server
        .store
        .write(move |connection| Box::pin(async move { plan(connection, &actions, report, now).await }));
    write.await.expect("planned");
}

#[tokio::test]
async fn a_move_to_an_image_that_was_not_judged_yet_is_told_of_with_its_report() {
    let case = Case::new(100).await;
    let told = async || {
        let rows = "SELECT action || ' ' || report || ' ' || coalesce(tag, '') || ' ' || coalesce(before, '') \
                    FROM delivery ORDER BY id";
        sqlx::query_scalar::<_, String>(rows).fetch_all(case.server.store.readers()).await.expect("read")
    };
    for (number, tag, outcome) in [(1, "latest", "failed"), (2, "prod", "passed")] {
        send(&case, push_at(tag, &digest(number), tag, "12:00:00")).await;
        judge(&case, number, outcome).await;
    }
    // as CI does: each image gets a tag of its own, and then the one that moves
    send(&case, push_at("a", &digest(3), "c-abc", "12:01:00")).await;
    send(&case, push_at("b", &digest(3), "latest", "12:01:01")).await;
    send(&case, push_at("c", &digest(3), "prod", "12:01:01")).await;
    judge(&case, 3, "passed").await;
    plan_report(&case, "r3").await;
    assert_eq!(told().await, ["turn r3 latest r1"], "`prod` did not turn");
    plan_report(&case, "r3").await;
    assert_eq!(told().await.len(), 1, "once");
    // an image on the way that is not judged yet is passed over, and not told of when something newer was
    send(&case, push_at("d", &digest(4), "c-d", "12:02:00")).await;
    send(&case, push_at("e", &digest(4), "prod", "12:02:01")).await;
    send(&case, push_at("f", &digest(5), "prod", "12:02:02")).await;
    judge(&case, 5, "failed").await;
    plan_report(&case, "r5").await;
    assert_eq!(told().await.get(1..), Some(["bad r5 prod r3", "turn r5 prod r3"].map(str::to_owned).as_slice()));
    judge(&case, 4, "failed").await;
    plan_report(&case, "r4").await;
    assert_eq!(told().await.get(3..), Some(["bad r4  ", "turn r4  "].map(str::to_owned).as_slice()), "of `c-d` alone");
    assert_eq!(case.count("SELECT count(*) FROM move_waiting").await, 0);
}

#[tokio::test]
async fn the_oldest_dead_letters_of_a_source_make_room_for_others() {
    let case = Case::new(100).await;
    assert_eq!(case.post("/hooks/hub/word-of-the-hub-which-is-long", &[], "no JSON").await, StatusCode::ACCEPTED);
    for number in 0..50 {
        assert_eq!(case.send(&format!("no JSON {number}")).await, StatusCode::ACCEPTED);
    }
    assert_eq!(case.count("SELECT count(*) FROM event WHERE source = 'shop'").await, 40);
    assert_eq!(case.count("SELECT count(*) FROM event WHERE source = 'hub'").await, 1, "that of others stays");
    let newest = "SELECT count(*) FROM event WHERE source = 'shop' AND CAST(body AS TEXT) >= 'no JSON 10'";
    assert_eq!(case.count(newest).await, 40);
    let metrics = case.server.metrics.render(&[]);
    assert!(metrics.contains("careen_dead_letters_dropped_total{source=\"shop\"} 10\n"), "{metrics}");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_a_dead_letter_of_who_is_known() {
    let case = Case::new(100).await;
    let mut large = push("1", DIGEST, "").into_bytes();
    large.resize((1 << 20) + 1, b' ');
    for _ in 0..2 {
        let sent = case.post("/hooks/shop", &[("authorization", SECRET)], large.clone()).await;
        assert_eq!(sent, StatusCode::ACCEPTED);
    }
    let letters =
        sqlx::query_as::<_, (i64, String, Vec<u8>)>("SELECT id, reason, body FROM event WHERE state = 'dead'");
    let letters = letters.fetch_all(case.server.store.readers()).await.expect("rows");
    let [(number, reason, body)] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!(reason, "it is larger than 1.0 MiB, and was not read");
    assert!(body.len() == KEPT && large.starts_with(body));
    assert_eq!(again(&case.server, *number, "me").await.expect("asked"), None, "it is not whole");
    assert_eq!(case.post("/hooks/signed", &[], large).await, StatusCode::UNAUTHORIZED);
    let large = vec![b' '; (25 << 20) + 1];
    let signature = ("x-hub-signature-256", "sha256=00");
    assert_eq!(
        case.post("/hooks/signed", &[signature], large).await,
        StatusCode::PAYLOAD_TOO_LARGE,
        "nobody proved it"
    );
}

#[test]
fn the_log_names_what_came_and_no_more_than_a_few() {
    let place = |tag: Option<&str>| Place {
        repository: "shop/api".to_owned(),
        tag: tag.map(str::to_owned),
        digest: tag.is_none().then(|| DIGEST.parse().expect("a digest")),
        claimed_host: None,
    };
    let notice = |what| Notice { id: "e-1".to_owned(), is_unique: true, at: None, what };
    let notices = [notice(What::Pushed(place(Some("1.4")))), notice(What::Deleted(place(None)))];
    assert_eq!(in_words(&notices), ("e-1".to_owned(), format!("shop/api:1.4 shop/api@{DIGEST}")));
    let notices: Vec<Notice> = ["a", "b", "c", "d"].map(|tag| notice(What::Pushed(place(Some(tag))))).into();
    assert_eq!(in_words(&notices).1, "shop/api:a shop/api:b shop/api:c …");
    let hostile = Place { tag: Some(format!("\u{1b}[2J{}", "x".repeat(500))), ..place(None) };
    let words = in_words(&[notice(What::Pushed(hostile))]).1;
    assert!(words.starts_with("shop/api:\\x1b[2Jxxx") && words.len() < 100, "{words}");
    let unreadable = What::Unreadable(Unreadable { reason: "no".to_owned() });
    assert_eq!(in_words(&[notice(unreadable)]), ("e-1".to_owned(), String::new()));
}
