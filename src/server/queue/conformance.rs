//! What every queue does, whatever it is kept in.

use std::collections::BTreeMap;
use std::time::Duration;

use super::sqlite::SqliteQueue;
use super::*;
use crate::server::store::Store;

const MINUTE: Duration = Duration::from_mins(1);
const NOW: Moment = Moment(1_000_000);

fn job(source: &str, key: &str) -> NewJob {
    NewJob {
        key: key.to_owned(),
        kind: Kind::Scan,
        source: source.to_owned(),
        registry: "hub".to_owned(),
        repository: "shop/api".to_owned(),
        tag: Some("1.4".to_owned()),
        digest: Some(Digest::sha256(key.as_bytes())),
        priority: Priority::High,
    }
}

async fn with_sqlite(bounds: Bounds) -> (tempfile::TempDir, SqliteQueue) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("careen.db")).await.expect("a store");
    (folder, SqliteQueue::new(store, bounds))
}

const WIDE: Bounds = Bounds { all: 1_000, source: 1_000 };

async fn a_job_is_leased_once_and_ends_once(queue: &impl Queue) {
    let entered = queue.enqueue(vec![job("a", "1")], NOW).await.expect("stored");
    assert!(matches!(entered.as_slice(), [Entered::New(_)]));
    let known = queue.enqueue(vec![job("a", "1")], NOW).await.expect("stored");
    assert!(matches!((entered[0], known[0]), (Entered::New(new), Entered::Known(known)) if new == known));
    let leased = queue.lease(Lane::Slow, 5, MINUTE, NOW).await.expect("leased");
    assert_eq!(leased.len(), 1);
    assert_eq!((leased[0].attempts, &leased[0].job), (1, &job("a", "1")));
    assert!(queue.lease(Lane::Slow, 5, MINUTE, NOW).await.expect("leased").is_empty(), "nobody else gets it");
    let known = queue.enqueue(vec![job("a", "1")], NOW).await.expect("stored");
    assert!(matches!(known[0], Entered::Known(_)), "it runs");
    assert!(queue.ack(&leased[0], NOW).await.expect("ended"));
    assert!(!queue.ack(&leased[0], NOW).await.expect("told"), "it ended before");
    assert!(!queue.retry(&leased[0], MINUTE, "late", NOW).await.expect("told"));
    let known = queue.enqueue(vec![job("a", "1")], NOW).await.expect("stored");
    assert!(matches!(known[0], Entered::Known(_)), "it is done");
    assert!(queue.lease(Lane::Slow, 5, MINUTE, NOW.plus(MINUTE * 60)).await.expect("leased").is_empty());
}

async fn a_lease_that_ends_gives_the_job_back(queue: &impl Queue) {
    queue.enqueue(vec![job("a", "1")], NOW).await.expect("stored");
    let first = queue.lease(Lane::Slow, 1, MINUTE, NOW).await.expect("leased").remove(0);
    assert!(queue.heartbeat(&first, MINUTE * 2, NOW).await.expect("held"));
    assert_eq!(queue.expire(NOW.plus(MINUTE)).await.expect("looked"), 0, "it was held for longer");
    assert_eq!(queue.expire(NOW.plus(MINUTE * 2)).await.expect("looked"), 1);
    let second = queue.lease(Lane::Slow, 1, MINUTE, NOW.plus(MINUTE * 2)).await.expect("leased").remove(0);
    assert_eq!(second.attempts, 2);
    assert!(!queue.heartbeat(&first, MINUTE, NOW).await.expect("told"), "the first one lost it");
    assert!(!queue.ack(&first, NOW).await.expect("told"), "and ends nothing");
    assert!(queue.ack(&second, NOW).await.expect("ended"));
}

async fn a_job_that_failed_waits_and_one_that_died_can_be_raised(queue: &impl Queue) {
    queue.enqueue(vec![job("a", "1")], NOW).await.expect("stored");
    let leased = queue.lease(Lane::Slow, 1, MINUTE, NOW).await.expect("leased").remove(0);
    assert!(queue.retry(&leased, MINUTE, "the registry is down", NOW).await.expect("put back"));
    assert!(queue.lease(Lane::Slow, 1, MINUTE, NOW).await.expect("leased").is_empty(), "not before its time");
    let leased = queue.lease(Lane::Slow, 1, MINUTE, NOW.plus(MINUTE)).await.expect("leased").remove(0);
    assert!(queue.bury(&leased, "gone", NOW).await.expect("buried"));
    assert!(queue.lease(Lane::Slow, 1, MINUTE, NOW.plus(MINUTE * 60)).await.expect("leased").is_empty());
    let again = queue.enqueue(vec![job("a", "1")], NOW).await.expect("stored");
    assert!(matches!(again[0], Entered::Known(id) if id == leased.id));
    let leased = queue.lease(Lane::Slow, 1, MINUTE, NOW).await.expect("leased").remove(0);
    assert_eq!(leased.attempts, 1, "counted anew");
}

async fn a_job_that_nobody_tried_counts_no_attempt(queue: &impl Queue) {
    queue.enqueue(vec![job("a", "1")], NOW).await.expect("stored");
    let mut time = NOW;
    for (attempts, tried, reason) in [
        (1, false, None),
        (1, true, Some("a pause")),
        (2, false, Some("no answer")),
        (2, false, Some("no answer")),
        (2, true, Some("no answer")),
    ] {
        let leased = queue.lease(Lane::Slow, 1, MINUTE, time).await.expect("leased").remove(0);
        assert_eq!((leased.attempts, leased.reason.as_deref()), (attempts, reason));
        let kept = if tried {
            queue.retry(&leased, MINUTE, "no answer", time).await
        } else {
            queue.put_off(&leased, MINUTE, "a pause", time).await
        };
        assert!(kept.expect("put back"));
        assert!(queue.lease(Lane::Slow, 1, MINUTE, time).await.expect("leased").is_empty(), "not before its time");
        time = time.plus(MINUTE);
        assert!(!queue.put_off(&leased, MINUTE, "late", time).await.expect("told"), "the lease is over");
    }
}

async fn sources_take_turns_and_urgent_ones_go_first(queue: &impl Queue) {
    let mut jobs: Vec<NewJob> = (0..20).map(|n| job("flood", &format!("f{n}"))).collect();
    queue.enqueue(std::mem::take(&mut jobs), NOW).await.expect("stored");
    let mut urgent = job("calm", "c2");
    urgent.priority = Priority::Urgent;
    queue.enqueue(vec![job("calm", "c0"), job("calm", "c1"), urgent], NOW).await.expect("stored");
    let leased = queue.lease(Lane::Slow, 6, MINUTE, NOW).await.expect("leased");
    let mut of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for leased in &leased {
        of.entry(&leased.job.source).or_default().push(&leased.job.key);
    }
    assert_eq!(of.get("calm").map(Vec::as_slice), Some(&["c2", "c0", "c1"][..]), "{of:?}");
    assert_eq!(of.get("flood").map(Vec::as_slice), Some(&["f0", "f1", "f2"][..]));
    // who was away has no more turns than who was here
    queue.lease(Lane::Slow, 10, MINUTE, NOW).await.expect("leased");
    queue.enqueue(vec![job("late", "l0"), job("late", "l1"), job("late", "l2")], NOW).await.expect("stored");
    let leased = queue.lease(Lane::Slow, 4, MINUTE, NOW).await.expect("leased");
    assert_eq!(leased.iter().filter(|leased| leased.job.source == "late").count(), 2, "{leased:?}");
}

async fn what_fails_holds_up_nothing_that_had_no_turn(queue: &impl Queue) {
    let second = Duration::from_secs(1);
    queue.enqueue((0..4).map(|n| job("a", &format!("bad{n}"))).collect(), NOW).await.expect("stored");
    for leased in queue.lease(Lane::Slow, 4, MINUTE, NOW).await.expect("leased") {
        assert!(queue.retry(&leased, second, "no answer", NOW).await.expect("put back"));
    }
    // all of them are due again when the others come, of the same source and registry
    let later = NOW.plus(second * 30);
    queue.enqueue(vec![job("a", "good0"), job("a", "good1")], later).await.expect("stored");
    let keys = |leased: Vec<Leased>| leased.into_iter().map(|leased| leased.job.key).collect::<Vec<_>>();
    let first = keys(queue.lease(Lane::Slow, 3, MINUTE, later).await.expect("leased"));
    assert_eq!(first, ["good0", "good1", "bad0"]);
    // a day of new ones does not keep what failed from its turn
    let much_later = NOW.plus(MINUTE * 5);
    queue.enqueue((0..9).map(|n| job("a", &format!("new{n}"))).collect(), much_later).await.expect("stored");
    let mut next = keys(queue.lease(Lane::Slow, 3, MINUTE, much_later).await.expect("leased"));
    next.sort_unstable();
    assert_eq!(next, ["bad1", "bad2", "bad3"]);
    // and what is more urgent goes first, however often it failed
    let mut urgent = job("a", "urgent");
    urgent.priority = Priority::Urgent;
    queue.enqueue(vec![urgent], much_later).await.expect("stored");
    let leased = queue.lease(Lane::Slow, 1, MINUTE, much_later).await.expect("leased").remove(0);
    assert!(queue.retry(&leased, Duration::ZERO, "no answer", much_later).await.expect("put back"));
    assert_eq!(keys(queue.lease(Lane::Slow, 1, MINUTE, much_later).await.expect("leased")), ["urgent"]);
}

async fn what_is_too_much_is_refused_and_what_is_known_is_not(queue: &impl Queue) {
    let jobs = (0..4).map(|n| job("a", &n.to_string())).collect();
    let entered = queue.enqueue(jobs, NOW).await.expect("stored");
    assert_eq!(entered.iter().filter(|entered| **entered == Entered::Full).count(), 1, "three of a source");
    let entered = queue.enqueue(vec![job("b", "4"), job("b", "5"), job("b", "6")], NOW).await.expect("stored");
    assert_eq!(entered[2], Entered::Full, "five of all");
    let known = queue.enqueue(vec![job("a", "0")], NOW).await.expect("stored");
    assert!(matches!(known[0], Entered::Known(_)));
    queue.lease(Lane::Slow, 1, MINUTE, NOW).await.expect("leased");
    let entered = queue.enqueue(vec![job("b", "7")], NOW).await.expect("stored");
    assert!(matches!(entered[0], Entered::New(_)), "{entered:?}: what runs does not wait");
}

async fn a_registry_has_no_more_than_its_share(queue: &impl Queue) {
    let of = |source: &str, registry: &str, key: &str| NewJob { registry: registry.to_owned(), ..job(source, key) };
    let mut jobs: Vec<NewJob> = (0..5).map(|n| of("a", "slow", &format!("a{n}"))).collect();
    jobs.push(of("mixed", "slow", "m0"));
    queue.enqueue(jobs, NOW).await.expect("stored");
    let held = queue.lease(Lane::Slow, 9, MINUTE, NOW).await.expect("leased");
    assert_eq!(held.len(), 2, "{held:?}");
    assert!(queue.lease(Lane::Slow, 9, MINUTE, NOW).await.expect("leased").is_empty(), "the last slot is for others");
    queue.enqueue(vec![of("mixed", "quick", "m1"), of("b", "quick", "b0")], NOW).await.expect("stored");
    let others = queue.lease(Lane::Slow, 9, MINUTE, NOW).await.expect("leased");
    assert_eq!(others.iter().filter(|leased| leased.job.registry == "quick").count(), 2, "{others:?}");
    assert!(queue.ack(&held[0], NOW).await.expect("ended"));
    assert_eq!(queue.lease(Lane::Slow, 9, MINUTE, NOW).await.expect("leased").len(), 1, "its share is free again");
}

async fn turns_are_counted_in_time(queue: &impl Queue) {
    let jobs = |source: &str, from: u32, to: u32| (from..to).map(|n| job(source, &format!("{source}{n}"))).collect();
    queue.enqueue(jobs("long", 0, 9), NOW).await.expect("stored");
    queue.enqueue(jobs("short", 0, 9), NOW).await.expect("stored");
    let first = queue.lease(Lane::Slow, 1, MINUTE, NOW).await.expect("leased").remove(0);
    assert_eq!(first.job.source, "long");
    queue.charge(&first, Duration::from_secs(5)).await.expect("counted");
    let sources = |leased: Vec<Leased>| leased.into_iter().map(|leased| leased.job.source).collect::<Vec<_>>();
    let next = sources(queue.lease(Lane::Slow, 7, MINUTE, NOW).await.expect("leased"));
    assert_eq!(next.iter().position(|source| source == "long"), Some(6), "{next:?}");
    // a day alone is no debt that lasts for a day
    queue.charge(&first, Duration::from_hours(24)).await.expect("counted");
    queue.enqueue(jobs("short", 9, 900), NOW).await.expect("stored");
    let next = sources(queue.lease(Lane::Slow, 700, MINUTE, NOW).await.expect("leased"));
    assert!(next.iter().any(|source| source == "long"), "it has its turn again");
}

#[tokio::test]
async fn sqlite_conforms() {
    a_job_is_leased_once_and_ends_once(&with_sqlite(WIDE).await.1).await;
    a_lease_that_ends_gives_the_job_back(&with_sqlite(WIDE).await.1).await;
    a_job_that_failed_waits_and_one_that_died_can_be_raised(&with_sqlite(WIDE).await.1).await;
    a_job_that_nobody_tried_counts_no_attempt(&with_sqlite(WIDE).await.1).await;
    sources_take_turns_and_urgent_ones_go_first(&with_sqlite(WIDE).await.1).await;
    turns_are_counted_in_time(&with_sqlite(WIDE).await.1).await;
    what_fails_holds_up_nothing_that_had_no_turn(&with_sqlite(WIDE).await.1).await;
    let (_folder, queue) = with_sqlite(WIDE).await;
    let shares = Shares::of([("a".to_owned(), "slow".to_owned())].into(), 2, 1, 3);
    a_registry_has_no_more_than_its_share(&queue.shared(shares)).await;
    what_is_too_much_is_refused_and_what_is_known_is_not(&with_sqlite(Bounds { all: 5, source: 3 }).await.1).await;
}

#[tokio::test]
async fn what_was_leased_waits_again_after_a_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("careen.db");
    {
        let queue = SqliteQueue::new(Store::open(&path).await.expect("a store"), WIDE);
        queue.enqueue(vec![job("a", "1"), job("a", "2")], NOW).await.expect("stored");
        queue.lease(Lane::Slow, 1, MINUTE, NOW).await.expect("leased");
    }
    let store = Store::open(&path).await.expect("the same store");
    // the clock was set back by a day, which neither holds the lease nor the job
    let now = NOW.minus(Duration::from_hours(24));
    assert_eq!(sqlite::recover(&store, now).await.expect("freed"), 1);
    let queue = SqliteQueue::new(store, WIDE);
    let leased = queue.lease(Lane::Slow, 5, MINUTE, now.plus(MINUTE * 15)).await.expect("leased");
    assert_eq!(leased.len(), 2);
}

#[test]
fn waits_grow_to_a_cap_and_differ() {
    let whole = |attempts| backoff(attempts, 0).as_secs();
    assert_eq!([whole(1), whole(2), whole(5), whole(11), whole(u32::MAX)], [1, 2, 16, 900, 900]);
    assert_eq!(backoff(2, u32::MAX).as_millis(), 1_000);
}
