//! Which images are judged again, and what is kept of it.

use std::path::Path;

use super::super::clock::Clock;
use super::super::queue::{Lane, Queue as _};
use super::super::store::{Store, future};
use super::*;

async fn server(folder: &Path) -> Arc<Server> {
    let text = format!("data = \"{0}\"\nadvisories = \"{0}/advisories\"\n", folder.display());
    let config = Config::parse("serve.toml", &text, &[], false).expect("a configuration");
    let store = Store::open(&folder.join("careen.db")).await.expect("a store");
    Server::new(config, store, Clock::start()).expect("a server")
}

async fn sql(server: &Server, text: String) {
    let written = server.store.write(move |connection| {
        Box::pin(async move {
            sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(connection).await.map_err(cannot)?;
            Ok(())
        })
    });
    written.await.expect("written");
}

async fn texts(server: &Server, query: &'static str) -> Vec<String> {
    let rows = sqlx::query(query).fetch_all(server.store.readers()).await.expect("read");
    rows.iter().map(|row| row.get(0)).collect()
}

/// Images 1 to `count` with a report each, all of which a tag is but the first.
async fn images(server: &Server, count: usize) {
    let mut text = String::new();
    for number in 1..=count {
        let digest = Digest::sha256(&number.to_be_bytes());
        text.push_str(&format!(
            "INSERT INTO image VALUES ({number}, 'main', 'shop/api', '{digest}', 'shop', 0, 0, NULL, 0, 0); \
             INSERT INTO job (id, key, kind, lane, source, registry, repository, priority, state, created, not_before) \
             VALUES ({number}, 'k{number}', 'scan', 1, 'shop', 'main', 'shop/api', 1, 'done', 0, 0); \
             INSERT INTO report VALUES ('r{number}', {number}, {number}, 'shop', 0, 'failed', 0, '', 'older', '{{}}');"
        ));
        if number > 1 {
            text.push_str(&format!(
                "INSERT INTO tag (registry, repository, name, source, image, moved, since) VALUES ('main', 'shop/api', 't{number}', 'shop', {number}, 0, 0);"
            ));
        }
    }
    sql(server, text).await;
}

#[tokio::test]
async fn tagged_images_are_put_in_once_for_each_state_of_the_data() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(folder.path()).await;
    images(&server, 250).await;
    assert_eq!(look(&server).await.expect("a look"), 249);
    assert_eq!(look(&server).await.expect("a look"), 0);
    // a start anew in the middle puts nothing in twice
    sql(&server, "DELETE FROM setting".to_owned()).await;
    assert_eq!(look(&server).await.expect("a look"), 0);
    let leased = server.queue.lease(Lane::Slow, 1, Duration::from_mins(1), server.clock.now()).await.expect("leased");
    let job = &leased[0].job;
    assert_eq!((job.kind, job.priority, job.tag.as_deref()), (Kind::Rematch, Priority::Low, Some("t2")));
    let version = data_version(&server.config).await.expect("a version");
    let is_current = async || newest(&server, &leased[0]).await.expect("read").expect("one").is_of(&version);
    assert!(!is_current().await);
    sql(&server, format!("UPDATE report SET data_version = '{version}'")).await;
    assert!(is_current().await);
    // other data, where only one report is of an older state
    let data = folder.path().join("advisories");
    std::fs::create_dir(&data).expect("a folder");
    let sum = "0".repeat(64);
    let manifest = format!(
        "{{\"format\": {}, \"shards\": {{\"osv/Debian\": {{\"file\": \"osv/Debian-{}.redb\", \"size\": 1, \"sha256\": \"{sum}\", \
         \"seal\": 0, \"records\": 1, \"packages\": 1, \"source\": \"\", \"newest\": \"\", \"downloaded\": 0}}}}}}",
        crate::advisory::store::FORMAT,
        &sum[..16],
    );
    std::fs::write(data.join("manifest.json"), manifest).expect("written");
    let newer = data_version(&server.config).await.expect("a version");
    assert_ne!(newer, version);
    sql(&server, format!("UPDATE report SET data_version = '{newer}' WHERE id <> 'r7'")).await;
    assert_eq!(look(&server).await.expect("a look"), 1);
}

/// A tag comes to an image, as an event or a sweep tells.
async fn tag(server: &Server, number: usize, name: &'static str) {
    let digest = Digest::sha256(&number.to_be_bytes());
    let now = server.clock.now();
    let seen = server.store.write(move |connection| {
        Box::pin(async move {
            super::super::images::see(connection, "shop", "main", "shop/api", &digest, Some(name), now).await
        })
    });
    seen.await.expect("seen");
}

#[tokio::test]
async fn an_image_that_a_tag_comes_back_to_is_judged_by_the_state_of_now() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(folder.path()).await;
    images(&server, 3).await;
    let open = "SELECT substr(digest, 8, 4) FROM job WHERE kind = 'rematch' AND state <> 'done' ORDER BY id";
    let short = |number: usize| Digest::sha256(&number.to_be_bytes()).hex()[..4].to_owned();
    tag(&server, 1, "early").await;
    assert!(texts(&server, open).await.is_empty(), "what is looked for is not known yet, and a look will find it");
    sql(&server, "DELETE FROM tag WHERE name = 'early'".to_owned()).await;
    assert_eq!(look(&server).await.expect("a look"), 2);
    let version = data_version(&server.config).await.expect("a version");
    let done = format!(
        "UPDATE report SET data_version = '{version}' WHERE image > 1; \
         UPDATE job SET state = 'done' WHERE kind = 'rematch'"
    );
    sql(&server, done).await;
    // the first one had no tag then; it is put in once, however many tags come
    tag(&server, 1, "latest").await;
    assert_eq!(texts(&server, open).await, [short(1)]);
    tag(&server, 1, "stable").await;
    tag(&server, 2, "latest").await;
    tag(&server, 1, "latest").await;
    assert_eq!(texts(&server, open).await, [short(1)], "the second one is judged by what is looked for");
    // one that is dead is raised by a tag that comes, and by nothing else
    sql(&server, "UPDATE job SET state = 'dead' WHERE kind = 'rematch' AND state = 'queued'".to_owned()).await;
    let queued = "SELECT id || '' FROM job WHERE kind = 'rematch' AND state = 'queued'";
    tag(&server, 1, "latest").await;
    assert_eq!(look(&server).await.expect("a look"), 0);
    assert!(texts(&server, queued).await.is_empty());
    tag(&server, 1, "newest").await;
    assert_eq!(texts(&server, queued).await.len(), 1);
}

#[tokio::test]
async fn a_state_that_comes_back_is_judged_by_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(folder.path()).await;
    images(&server, 2).await;
    assert_eq!(look(&server).await.expect("a look"), 1);
    // it was done, and then done for another state; the one of now comes back
    sql(&server, "UPDATE job SET state = 'done'; UPDATE setting SET value = 'other'".to_owned()).await;
    assert_eq!(look(&server).await.expect("a look"), 1);
    assert_eq!(look(&server).await.expect("a look"), 0);
}

#[tokio::test]
async fn a_report_of_a_clock_that_was_ahead_is_followed_by_one_of_now() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(folder.path()).await;
    images(&server, 2).await;
    let now = server.clock.now();
    sql(&server, format!("UPDATE report SET made = {}", now.0 + 86_400_000)).await;
    future::bring_down(&server.store, now).await.expect("at the start");
    assert_eq!(look(&server).await.expect("a look"), 1);
    let version = data_version(&server.config).await.expect("a version");
    let report = format!(
        "UPDATE job SET state = 'done'; INSERT INTO report \
         SELECT 'now', 2, id, 'shop', {}, 'passed', 0, '', '{version}', '{{}}' FROM job WHERE kind = 'rematch'",
        now.0
    );
    sql(&server, report).await;
    let again = server.store.write(move |connection| Box::pin(put_in_if_older(connection, 2, now)));
    again.await.expect("looked at");
    assert!(texts(&server, "SELECT key FROM job WHERE state <> 'done'").await.is_empty(), "it is judged by the newest");
}

#[test]
fn another_policy_is_another_state() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("team.toml");
    std::fs::write(&file, "edition = \"2026\"\n").expect("a file");
    let state = |tables: &str| {
        let source =
            "[[source]]\nname = \"shop\"\nkind = \"distribution\"\nregistry = \"main\"\nauth = { by = \"none\" }\n";
        let registry = "[[registry]]\nname = \"main\"\nhost = \"registry.example\"\n";
        let text = format!("data = \"d\"\n{registry}{source}{tables}");
        state_of(&Config::parse("serve.toml", &text, &["distribution"], true).expect(&text).policies)
    };
    let by_file = format!("[[policy]]\npolicy = [\"{}\"]\n", file.display());
    let first = state(&by_file);
    assert_eq!((state(""), state(&by_file)), ("default".to_owned(), first.clone()));
    assert_ne!(state(&format!("{by_file}repository = \"shop/**\"\n")), first, "for others");
    assert_ne!(state("[[policy]]\npolicy = [\"strict\"]\n"), first, "a preset");
    std::fs::write(&file, "edition = \"2026\"\n# changed\n").expect("a file");
    assert_ne!(state(&by_file), first, "the same file, with other words");
}

#[tokio::test]
async fn a_report_that_says_the_same_is_not_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(folder.path()).await;
    images(&server, 2).await;
    let finding = |report: &str, rule: &str| {
        format!(
            "INSERT INTO finding (report, platform, rule, severity, action, fingerprint, message) \
             VALUES ('{report}', '', '{rule}', 1, 'fail', '{rule}', '');"
        )
    };
    let next = |id: &str, job: u32, more: &str| {
        format!(
            "INSERT INTO job (id, key, kind, lane, source, registry, repository, priority, state, created, not_before) \
             VALUES ({job}, 'k{job}', 'rematch', 1, 'shop', 'main', 'shop/api', 1, 'done', 0, 0); \
             INSERT INTO report VALUES ('{id}', 2, {job}, 'shop', {job}, 'failed', 0, '', 'newer', '{{}}'); {more}"
        )
    };
    sql(&server, finding("r2", "a")).await;
    let drop = async |id: &'static str| {
        let dropped = server.store.write(move |connection| Box::pin(drop_if_same(connection, id)));
        dropped.await.expect("written")
    };
    sql(&server, next("same", 10, &finding("same", "a"))).await;
    assert!(drop("same").await);
    assert_eq!(
        texts(&server, "SELECT id || ' ' || data_version FROM report ORDER BY id").await,
        ["r1 older", "r2 newer"]
    );
    for (job, id, more) in [(11, "more", finding("more", "a") + &finding("more", "b")), (12, "less", String::new())] {
        sql(&server, next(id, job, &more)).await;
        assert!(!drop(id).await, "{id}");
    }
    assert_eq!(texts(&server, "SELECT id FROM report ORDER BY made").await.len(), 4);
}
