//! What goes and what stays; copies; a disk that is full.

use sqlx::Row as _;

use super::super::config::Span;
use super::super::queue::sqlite::SqliteQueue;
use super::super::queue::{Bounds, Entered, Kind, Lane, NewJob, Priority, Queue as _};
use super::*;
use crate::digest::Digest;

const DAY: i64 = 86_400_000;

fn retention() -> Retention {
    Retention { reports_of_image: 3, ..Retention::default() }
}

async fn store(folder: &Path) -> Store {
    Store::open(&folder.join("careen.db")).await.expect("a store")
}

/// Runs statements on the writer's connection.
async fn sql(store: &Store, text: &str) {
    let text = text.to_owned();
    let written = store.write(move |connection| {
        Box::pin(async move {
            sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(connection).await.map_err(cannot)?;
            Ok(())
        })
    });
    written.await.expect("written");
}

async fn texts(store: &Store, query: &'static str) -> Vec<String> {
    let rows = sqlx::query(query).fetch_all(store.readers()).await.expect("read");
    rows.iter().map(|row| row.get(0)).collect()
}

/// Images 1 (tagged), 2 (no tag, seen today), 3 (no tag, not seen for long), 4 (deleted long ago, tagged all the same).
async fn fill(store: &Store) {
    let mut text = String::new();
    for (image, seen, deleted) in [(1, 0, "NULL"), (2, 200, "NULL"), (3, 5, "NULL"), (4, 5, "6")] {
        text.push_str(&format!(
            "INSERT INTO image VALUES ({image}, 'main', 'shop/api', 'sha256:{image}', 'shop', 0, {}, {deleted}, 0, 0);",
            seen * DAY
        ));
    }
    text.push_str(
        "INSERT INTO tag (registry, repository, name, source, image, moved, since) VALUES ('main', 'shop/api', 'a', 'shop', 1, 0, 0), ('main', 'shop/api', 'b', 'shop', 4, 0, 0);",
    );
    // (id, image, day)
    let reports = [
        (1, 1, 1), // its newest, for all its age
        (2, 2, 195),
        (3, 2, 196),
        (4, 2, 197),
        (5, 2, 198), // four are one too many
        (6, 3, 5),
        (7, 4, 6),
        (8, 2, 90), // old, but it is being told of
    ];
    for (id, image, day) in reports {
        text.push_str(&format!(
            "INSERT INTO job (id, key, kind, lane, source, registry, repository, priority, state, created, not_before, ended) \
             VALUES ({id}, 'k{id}', 'scan', 1, 'shop', 'main', 'shop/api', 1, 'done', 0, 0, {0}); \
             INSERT INTO report VALUES ('r{id}', {image}, {id}, 'shop', {0}, 'passed', 0, '', '', '{{}}'); \
             INSERT INTO finding (report, platform, rule, severity, action, fingerprint, message) \
             VALUES ('r{id}', '', 'x', 1, 'fail', 'f', ''); \
             INSERT INTO document VALUES ('r{id}', 'json', 100000, zeroblob(100000));",
            day * DAY
        ));
    }
    text.push_str(&format!(
        "INSERT INTO delivery (action, report, state, created, not_before, ended) VALUES \
         ('a', 'r8', 'queued', 0, 0, NULL), ('a', 'r5', 'done', 0, 0, {}), ('b', 'r5', 'dead', 0, 0, {0}); \
         INSERT INTO job (id, key, kind, lane, source, registry, repository, priority, state, created, not_before, ended) VALUES \
         (20, 'new', 'pin', 0, 'shop', 'main', 'shop/api', 1, 'done', 0, 0, {1}), \
         (21, 'old', 'pin', 0, 'shop', 'main', 'shop/api', 1, 'done', 0, 0, 0), \
         (22, 'dead', 'pin', 0, 'shop', 'main', 'shop/api', 1, 'dead', 0, 0, {0}), \
         (23, 'waits', 'pin', 0, 'shop', 'main', 'shop/api', 1, 'queued', 0, 0, NULL); \
         INSERT INTO event (source, sender_id, received, state, job) VALUES \
         ('shop', 'new', {1}, 'taken', 20), ('shop', 'old', 0, 'taken', 21), ('shop', 'dead', {0}, 'dead', NULL), \
         ('shop', 'long-dead', 0, 'dead', NULL);",
        180 * DAY,
        199 * DAY
    ));
    sql(store, &text).await;
}

#[tokio::test]
async fn what_is_old_goes_and_the_newest_of_what_is_in_use_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path()).await;
    fill(&store).await;
    let pages =
        async || -> i64 { sqlx::query("PRAGMA page_count").fetch_one(store.readers()).await.expect("read").get(0) };
    let before = pages().await;
    let gone = tidy(&store, &retention(), Moment(200 * DAY)).await.expect("tidied");
    assert_eq!(gone, Gone { reports: 1, images: 2, events: 2, deliveries: 1, jobs: 3 });
    assert_eq!(texts(&store, "SELECT id FROM report ORDER BY id").await, ["r1", "r3", "r4", "r5", "r8"]);
    assert_eq!(texts(&store, "SELECT digest FROM image ORDER BY id").await, ["sha256:1", "sha256:2"]);
    assert_eq!(texts(&store, "SELECT sender_id FROM event ORDER BY id").await, ["new", "dead"]);
    assert_eq!(texts(&store, "SELECT key FROM job WHERE id > 8 ORDER BY id").await, ["new", "dead", "waits"]);
    assert_eq!(texts(&store, "SELECT report || state FROM delivery ORDER BY id").await, ["r8queued", "r5dead"]);
    let strays = "SELECT report FROM finding WHERE report NOT IN (SELECT id FROM report)";
    assert!(texts(&store, strays).await.is_empty());
    assert!(pages().await < before - 60, "what is free was given back: {before} pages, then {}", pages().await);
    let again = tidy(&store, &retention(), Moment(200 * DAY)).await.expect("tidied");
    assert_eq!(again, Gone::default());
}

#[tokio::test]
async fn what_went_with_its_image_is_scanned_when_it_is_pushed_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path()).await;
    let job = |digest: &str| NewJob {
        key: format!("scan shop main/shop/api@{digest}"),
        kind: Kind::Scan,
        source: "shop".to_owned(),
        registry: "main".to_owned(),
        repository: "shop/api".to_owned(),
        tag: None,
        digest: Some(digest.parse().expect("a digest")),
        priority: Priority::High,
    };
    let digests = ["went", "stayed", "dead"].map(|text| Digest::sha256(text.as_bytes()).to_string());
    let mut text = String::new();
    for (number, digest) in digests.iter().enumerate() {
        let (id, state) = (number + 1, if number == 2 { "dead" } else { "done" });
        text.push_str(&format!(
            "INSERT INTO image VALUES ({id}, 'main', 'shop/api', '{digest}', 'shop', 0, {0}, NULL, 0, 0); \
             INSERT INTO job (id, key, kind, lane, source, registry, repository, digest, priority, state, created, not_before, \
             ended) VALUES ({id}, '{1}', 'scan', 1, 'shop', 'main', 'shop/api', '{digest}', 1, '{state}', 0, 0, {0}); \
             INSERT INTO event (source, sender_id, received, state, job) VALUES ('shop', 'e{id}', {0}, 'taken', {id});",
            195 * DAY,
            job(digest).key,
        ));
    }
    text.push_str(&format!(
        "INSERT INTO report VALUES ('r1', 1, 1, 'shop', {0}, 'passed', 0, '', '', '{{}}'), \
         ('r2', 2, 2, 'shop', {0}, 'passed', 0, '', '', '{{}}'); \
         INSERT INTO tag (registry, repository, name, source, image, moved, since) VALUES ('main', 'shop/api', 'a', 'shop', 2, 0, 0);",
        195 * DAY
    ));
    sql(&store, &text).await;
    // reports go sooner than events
    let retention = Retention { reports: Span(Duration::from_hours(24)), ..retention() };
    let gone = tidy(&store, &retention, Moment(200 * DAY)).await.expect("tidied");
    assert_eq!((gone.images, gone.events), (2, 0));
    let queue = SqliteQueue::new(store.clone(), Bounds { all: 10, source: 10 });
    let wanted = digests.iter().map(|digest| job(digest)).collect();
    let entered = queue.enqueue(wanted, Moment(200 * DAY)).await.expect("put in");
    assert!(matches!(entered.as_slice(), [Entered::New(_), Entered::Known(_), Entered::Known(_)]), "{entered:?}");
    assert_eq!(
        texts(&store, "SELECT digest FROM job WHERE state = 'queued' ORDER BY id").await,
        [&*digests[2], &digests[0]]
    );
    let again = queue.enqueue(vec![job(&digests[0])], Moment(200 * DAY)).await.expect("put in");
    assert!(matches!(again.as_slice(), [Entered::Known(_)]), "it waits");
}

#[tokio::test]
async fn a_backup_is_whole_and_private_and_replaces_one_only_when_told_to() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    std::fs::create_dir(&data).expect("a folder");
    let store = store(&data).await;
    fill(&store).await;
    let to = folder.path().join("copy.db");
    std::fs::write(&to, "the one before").expect("written");
    // what is not committed is not in it, and holds nothing up
    let busy = store.clone();
    let writing = tokio::spawn(async move {
        for number in 0..20 {
            sql(&busy, &format!("INSERT INTO setting VALUES ('s{number}', ''), ('t{number}', '')")).await;
        }
    });
    let refused = backup(&data, &to, false).await.expect_err("it is there");
    assert!(refused.help.is_some_and(|help| help.contains("--force")));
    assert_eq!(std::fs::read(&to).expect("there"), b"the one before");
    backup(&data, &to, true).await.expect("a copy");
    writing.await.expect("no panic");
    assert_eq!(std::fs::metadata(&to).expect("there").permissions().mode() & 0o777, 0o600);
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).expect("a list").flatten().map(|one| one.file_name()).collect();
    assert_eq!(names.len(), 2, "nothing else is left: {names:?}");
    backup(&data, &folder.path().join("another.db"), false).await.expect("a copy");
    std::fs::remove_file(folder.path().join("another.db")).expect("it is there");
    let copy = Store::open(&to).await.expect("it opens");
    assert_eq!(texts(&copy, "SELECT id FROM report").await.len(), 8);
    let halves =
        "SELECT name FROM setting WHERE name LIKE 's%' AND 't' || substr(name, 2) NOT IN (SELECT name FROM setting)";
    assert!(texts(&copy, halves).await.is_empty(), "it is of one moment");
    for (data, to) in [(folder.path().join("nothing"), to.clone()), (data.clone(), folder.path().to_owned())] {
        assert!(backup(&data, &to, true).await.is_err());
    }
    let names = std::fs::read_dir(folder.path()).expect("a list").count();
    assert!(names <= 4, "no part of a failed copy is left");
}

#[tokio::test]
async fn what_is_acknowledged_on_a_full_disk_is_there_and_the_rest_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path()).await;
    let queue = SqliteQueue::new(store.clone(), Bounds { all: 100_000, source: 100_000 });
    let job = |number: usize| NewJob {
        key: format!("{number} {}", "x".repeat(900)),
        kind: Kind::Scan,
        source: "shop".to_owned(),
        registry: "main".to_owned(),
        repository: "shop/api".to_owned(),
        tag: None,
        digest: Some(Digest::sha256(&number.to_be_bytes())),
        priority: Priority::High,
    };
    let mut taken = Vec::new();
    let mut refused = 0;
    let mut number = 0;
    // room for no page more, for one, for two, …: each step fails in another place
    for room in 0..16 {
        let pages: i64 = sqlx::query("PRAGMA page_count").fetch_one(store.readers()).await.expect("read").get(0);
        sql(&store, &format!("PRAGMA max_page_count = {}", pages + room)).await;
        for _ in 0..(room * 4 + 6) {
            number += 1;
            match queue.enqueue(vec![job(number)], Moment(0)).await {
                Ok(entered) => {
                    assert!(matches!(entered.as_slice(), [Entered::New(_)]));
                    taken.push(number);
                }
                Err(error) => {
                    refused += 1;
                    assert_eq!(error.kind, ErrorKind::Io);
                    assert!(error.help.is_some_and(|help| help.contains("disk is full")), "it says why");
                }
            }
        }
    }
    assert!(refused > 40, "{refused} were refused, {} taken", taken.len());
    // there is room again, without a new start
    sql(&store, "PRAGMA max_page_count = 1000000").await;
    number += 1;
    queue.enqueue(vec![job(number)], Moment(0)).await.expect("there is room");
    taken.push(number);
    let mut expected: Vec<String> = taken.iter().map(|number| job(*number).key).collect();
    expected.sort();
    let mut found = texts(&store, "SELECT key FROM job").await;
    found.sort();
    assert_eq!(found, expected, "what was acknowledged is there, and nothing else");
    let whole: String = sqlx::query("PRAGMA integrity_check").fetch_one(store.readers()).await.expect("read").get(0);
    assert_eq!(whole, "ok");
    let leased = queue.lease(Lane::Slow, 100_000, Duration::from_mins(1), Moment(0)).await.expect("leased");
    assert_eq!(leased.len(), taken.len(), "and all of it can be done");
}

#[tokio::test]
async fn a_backup_is_never_written_over_the_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    std::fs::create_dir(&data).expect("a folder");
    let store = store(&data).await;
    fill(&store).await;
    let (file, link, home) = (data.join("careen.db"), folder.path().join("hard.db"), folder.path().join("home"));
    std::fs::hard_link(&file, &link).expect("a link");
    std::os::unix::fs::symlink(&data, &home).expect("a link");
    let is_same =
        || std::fs::metadata(&file).and_then(|a| Ok(a.ino() == std::fs::metadata(&link)?.ino())).expect("there");
    let beside = ["careen.db", "careen.db-wal", "careen.db-shm", "careen.db-journal"];
    let goals = beside.iter().flat_map(|name| [data.join(name), home.join(name), data.join(".").join(name)]);
    for to in goals.chain([link.clone()]) {
        for replaces in [false, true] {
            let refused = backup(&data, &to, replaces).await.expect_err("it is the store");
            assert_eq!(
                (refused.kind, refused.message.as_str()),
                (ErrorKind::Usage, "this is the store itself"),
                "{to:?}"
            );
        }
    }
    assert!(is_same() && !data.join("careen.db-journal").exists());
    backup(&data, &data.join("copy.db"), false).await.expect("beside it is fine");
}
