//! Of what comes in another order than it happened in, the registry has the last word.

use super::*;

#[tokio::test]
async fn a_deletion_that_is_older_by_its_sender_takes_no_image_away() {
    let case = Case::new(100).await;
    send(&case, push_at("a", &digest(1), "x", "12:00:50")).await;
    send(&case, delete_at("b", &format!("\"digest\":\"{}\"", digest(1)), "12:00:40")).await;
    answer(&case, 3).await;
    assert_eq!(there(&case).await, pair("x=3", "1 3"));
}

#[tokio::test]
async fn a_tag_that_the_registry_did_not_have_is_asked_for_when_it_is_pushed() {
    let case = Case::new(100).await;
    send(&case, push_at("a", &digest(4), "y", "12:00:10")).await;
    send(&case, delete_at("b", &format!("\"digest\":\"{}\"", digest(3)), "12:00:40")).await;
    send(&case, push_at("c", &digest(3), "y", "12:00:30")).await;
    lost(&case).await;
    send(&case, push_at("d", &digest(2), "y", "12:00:20")).await;
    assert_eq!(there(&case).await.0, "");
    lost(&case).await;
    assert_eq!(there(&case).await.0, "");
}

#[tokio::test]
async fn what_comes_while_the_registry_says_no_is_asked_for_again() {
    let case = Case::new(100).await;
    send(&case, push_at("a", &digest(1), "x", "12:00:30")).await;
    send(&case, push_at("b", &digest(2), "x", "12:00:20")).await;
    let (leased, asked) = question(&case).await;
    send(&case, push_at("c", &digest(1), "x", "12:00:10")).await;
    assert!(result::store(&case.server, &leased, Finished::Lost(asked)).await.expect("stored"));
    assert_eq!(there(&case).await.0, "x=1");
    lost(&case).await;
    assert_eq!(there(&case).await.0, "");
    assert_eq!(case.count("SELECT count(*) FROM job WHERE kind = 'pin' AND state <> 'done'").await, 0);
}

#[tokio::test]
async fn a_push_and_its_deletion_in_one_second_move_no_tag_unasked() {
    let case = Case::new(100).await;
    send(&case, push_at("a", &digest(1), "y", "12:00:00")).await;
    send(&case, delete_at("b", &format!("\"tag\":\"y\",\"digest\":\"{}\"", digest(2)), "12:00:01")).await;
    send(&case, push_at("c", &digest(2), "y", "12:00:01")).await;
    assert_eq!(there(&case).await.0, "y=1");
    lost(&case).await;
    assert_eq!(there(&case).await.0, "");
}

#[tokio::test]
async fn a_deletion_in_doubt_waits_for_room() {
    let case = Case::new(1).await;
    assert_eq!(case.send(&push_at("a", &digest(1), "x", "12:00:00")).await, StatusCode::ACCEPTED);
    let gone = delete_at("b", "\"tag\":\"x\"", "12:00:00");
    assert_eq!(case.send(&gone).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(case.count("SELECT count(*) FROM event").await, 1);
    let now = case.server.clock.now();
    let leased = case.server.queue.lease(Lane::Slow, 1, Duration::from_mins(1), now).await.expect("leased").remove(0);
    assert!(case.server.queue.bury(&leased, "no", now).await.expect("buried"));
    assert_eq!(case.send(&gone).await, StatusCode::ACCEPTED);
    lost(&case).await;
    assert_eq!(there(&case).await.0, "");
}

#[tokio::test]
async fn what_is_told_twice_in_the_same_words_is_asked_for_where_it_is_not_so() {
    let case = Case::new(100).await;
    let waiting = async || case.count("SELECT count(*) FROM job WHERE kind = 'pin' AND state = 'queued'").await;
    send(&case, push_at("a", &digest(1), "x", "12:00:00")).await;
    send(&case, push_at("a", &digest(1), "x", "12:00:00")).await;
    assert_eq!(waiting().await, 0, "it is so");
    send(&case, push_at("b", &digest(2), "x", "12:00:00")).await;
    answer(&case, 2).await;
    // as if it was asked at once
    let at = case.server.store.write(|connection| {
        Box::pin(async move {
            let soon = "UPDATE tag SET since = (SELECT max(at) + 500 FROM event)";
            Ok(sqlx::query(soon).execute(connection).await.map_err(cannot)?.rows_affected())
        })
    });
    assert_eq!(at.await.expect("written"), 1);
    send(&case, push_at("a", &digest(1), "x", "12:00:00")).await;
    answer(&case, 1).await;
    assert_eq!(there(&case).await.0, "x=1");
    // by the word of the registry alone: whose clock is ahead nobody knows
    send(&case, push_at("c", &digest(3), "x", "12:10:00")).await;
    answer(&case, 3).await;
    send(&case, push_at("a", &digest(1), "x", "12:00:00")).await;
    answer(&case, 3).await;
    assert_eq!((there(&case).await.0.as_str(), waiting().await), ("x=3", 0));
    // a replay of long ago, by the word of its sender
    send(&case, push_at("d", &digest(1), "y", "12:00:00")).await;
    send(&case, push_at("e", &digest(2), "y", "12:10:00")).await;
    send(&case, push_at("d", &digest(1), "y", "12:00:00")).await;
    assert_eq!((there(&case).await.0.as_str(), waiting().await), ("x=3 y=2", 0));
    // one whose clock is ahead
    for (id, number) in [("f", 1), ("g", 2), ("f", 1)] {
        send(&case, push_at(id, &digest(number), "z", "12:00:00").replace("2026-03-01", "2126-03-01")).await;
    }
    answer(&case, 1).await;
    assert_eq!(there(&case).await.0, "x=3 y=2 z=1");
}

#[tokio::test]
async fn a_tag_without_a_digest_that_is_told_twice_in_the_same_words_is_asked_for_twice() {
    let case = Case::new(100).await;
    let body = "{\"push_data\":{\"tag\":\"x\",\"pushed_at\":1772323200},\"repository\":{\"repo_name\":\"shop/api\",\
                \"namespace\":\"shop\",\"name\":\"api\"}}";
    for number in 1..=2 {
        let sent = case.post("/hooks/hub/word-of-the-hub-which-is-long", &[], body).await;
        assert_eq!(sent, StatusCode::ACCEPTED);
        answer(&case, number).await;
        assert_eq!(there(&case).await.0, format!("x={number}"));
    }
}

#[tokio::test]
async fn a_tag_that_went_as_another_image_than_it_is_known_as_is_asked_for() {
    let case = Case::new(100).await;
    let gone = |id: &str, number: u32, time: &str| {
        delete_at(id, &format!("\"tag\":\"x\",\"digest\":\"{}\"", digest(number)), time)
    };
    send(&case, push_at("a", &digest(1), "x", "12:00:00")).await;
    send(&case, push_at("b", &digest(2), "y", "12:00:00")).await;
    // what is older than what it is now is over
    for number in [2, 3] {
        send(&case, gone(&format!("old{number}"), number, "11:59:00")).await;
    }
    assert_eq!(case.count("SELECT count(*) FROM job WHERE kind = 'pin'").await, 0);
    // of the one that is known, and of one that never was
    send(&case, gone("c", 2, "12:01:00")).await;
    answer(&case, 1).await;
    assert_eq!(there(&case).await, pair("x=1 y=2", "1 2"));
    send(&case, gone("d", 3, "12:02:00")).await;
    lost(&case).await;
    assert_eq!(there(&case).await.0, "y=2");
}

#[tokio::test]
async fn all_tags_of_an_image_that_may_have_gone_are_asked_for() {
    let case = Case::new(100).await;
    let undated = |body: String| body.replace("\"timestamp\":\"2026-03-01T12:00:00Z\",", "");
    for tag in 0..40 {
        send(&case, undated(push_at(&format!("p{tag}"), &digest(1), &format!("t{tag:02}"), "12:00:00"))).await;
    }
    send(&case, undated(delete_at("gone", &format!("\"digest\":\"{}\"", digest(1)), "12:00:00"))).await;
    let waiting = async || case.count("SELECT count(*) FROM job WHERE kind = 'pin' AND state = 'queued'").await;
    assert_eq!(waiting().await, 32);
    let mut asked = 0;
    while waiting().await > 0 {
        let now = case.server.clock.now();
        let leased =
            case.server.queue.lease(Lane::Quick, 1, Duration::from_mins(1), now).await.expect("leased").remove(0);
        let answered = case.server.clock.now().plus(Duration::from_millis(1));
        // one of them is there still
        let is_there = leased.job.tag.as_deref() == Some("t03");
        let finished = if is_there {
            Finished::Pinned(digest(1).parse().expect("a digest"), answered)
        } else {
            Finished::Lost(answered)
        };
        assert!(result::store(&case.server, &leased, finished).await.expect("stored"));
        asked += 1;
    }
    assert_eq!((asked, there(&case).await), (40, pair("t03=1", "1")));
}

#[tokio::test]
async fn an_image_that_was_told_of_first_as_gone_goes_with_the_tag_that_it_never_was() {
    let case = Case::new(100).await;
    send(&case, delete_at("a", &format!("\"digest\":\"{}\"", digest(1)), "12:00:00")).await;
    send(&case, push_at("b", &digest(1), "y", "12:00:00")).await;
    assert_eq!(there(&case).await, pair("", "1"));
    lost(&case).await;
    assert_eq!(there(&case).await, pair("", ""));
}

#[tokio::test]
async fn an_image_that_somebody_gave_to_be_scanned_goes_by_a_clock_that_is_behind() {
    let case = Case::new(100).await;
    let now = case.server.clock.now();
    let seen = case.server.store.write(move |connection| {
        Box::pin(async move {
            let digest = digest(1).parse().expect("a digest");
            let image = images::see(connection, "shop", "main", "shop/api", &digest, None, now).await?;
            sqlx::raw_sql(
                "INSERT INTO job (key, kind, lane, source, registry, repository, priority, state, created, not_before) \
                 VALUES ('k', 'scan', 1, 'shop', 'main', 'shop/api', 1, 'done', 0, 0); \
                 INSERT INTO report SELECT 'r', i.id, j.id, 'shop', 1, 'passed', 0, '', 'v', '{}' FROM image i, job j",
            )
            .execute(connection)
            .await
            .map_err(cannot)?;
            Ok(image)
        })
    });
    seen.await.expect("seen");
    send(&case, delete_at("a", &format!("\"digest\":\"{}\"", digest(1)), "12:00:00")).await;
    assert_eq!(there(&case).await, pair("", ""));
}
