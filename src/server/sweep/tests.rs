//! Sweeps over a registry on loopback.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use super::super::clock::Clock;
use super::super::config::Config;
use super::super::queue::{Lane, Queue as _};
use super::super::store::Store;
use super::super::tests::loopback::Loopback;
use super::*;

/// The manifest of which no digest is said: it is read.
const BARE: &str = r#"{"schemaVersion":2}"#;

type Shared = Arc<Mutex<BTreeMap<String, String>>>;

/// A registry whose repository `shop/api` has these tags, each a text that is its manifest. A text of `busy` answers 429
/// once, one of `bare` says no digest, one of `lost` is a tag that is listed and not there; a tag `odd` lets it
/// list none at all, and one `behind` has something in front of the registry say what is not there.
fn registry(tags: &Shared) -> Loopback {
    let tags = Arc::clone(tags);
    let was_busy = Mutex::new(false);
    Loopback::start(move |seen, _| {
        let tags = tags.lock().expect("no panic");
        let path = seen.path.strip_prefix("/v2/shop/api/").unwrap_or_default();
        if let Some(query) = path.strip_prefix("tags/list?") {
            // two at a time
            let last = query.split('&').find_map(|part| part.strip_prefix("last=")).unwrap_or_default();
            let page: Vec<&String> = tags.keys().filter(|name| name.as_str() > last).take(2).collect();
            let link = page.last().filter(|_| page.len() == 2);
            let link = link.map(|last| format!("Link: </v2/shop/api/tags/list?n=2&last={last}>; rel=\"next\"\r\n"));
            let is_odd = tags.contains_key("odd");
            let page = if is_odd { serde_json::Value::Null } else { serde_json::json!(page) };
            let link = link.filter(|_| !is_odd);
            let body = serde_json::json!({"name": "shop/api", "tags": page}).to_string();
            return Some((200, link.unwrap_or_default(), body.into_bytes()));
        }
        let Some(text) = path.strip_prefix("manifests/").and_then(|name| tags.get(name)) else {
            let is_behind = tags.contains_key("behind");
            let word = r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#;
            let word = if is_behind { "default backend - 404" } else { word };
            return Some((404, String::new(), word.into()));
        };
        if text == "busy" && !std::mem::replace(&mut *was_busy.lock().expect("no panic"), true) {
            return Some((429, "Retry-After: 0\r\n".into(), Vec::new()));
        }
        if text == "lost" {
            return Some((404, String::new(), br#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#.to_vec()));
        }
        let text = if text == "bare" { BARE } else { text };
        let digest = Digest::sha256(text.as_bytes());
        let digest = if text == BARE { String::new() } else { format!("Docker-Content-Digest: {digest}\r\n") };
        Some((200, digest, text.as_bytes().to_vec()))
    })
}

async fn server(folder: &Path, registry: &Loopback, more: &str) -> Arc<Server> {
    std::fs::write(folder.join("secret"), "a-secret-of-tests\n").expect("written");
    let text = format!(
        "data = \"{0}\"\n[[registry]]\nname = \"main\"\nhost = \"{1}\"\n[[source]]\nname = \"shop\"\n\
         kind = \"distribution\"\nregistry = \"main\"\nauth = {{ by = \"header\", secret = {{ file = \"{0}/secret\" }} }}\n\
         [[sweep]]\nsource = \"shop\"\nrepositories = [\"gone/away\", \"shop/api\"]\n{more}",
        folder.display(),
        registry.address
    );
    let config = Config::parse("serve.toml", &text, &["distribution"], false).expect("a configuration");
    let store = Store::open(&folder.join("careen.db")).await.expect("a store");
    Server::new(config, store, Clock::start()).expect("a server")
}

async fn jobs(server: &Server) -> Vec<(String, String)> {
    let rows = sqlx::query("SELECT tag, digest FROM job ORDER BY id").fetch_all(server.store.readers()).await;
    rows.expect("read").iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn tags(server: &Server) -> Vec<String> {
    let rows = sqlx::query("SELECT name FROM tag ORDER BY name").fetch_all(server.store.readers()).await;
    rows.expect("read").iter().map(|row| row.get(0)).collect()
}

fn of(list: &[(&str, &str)]) -> BTreeMap<String, String> {
    list.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

async fn again(server: &Arc<Server>) {
    let name = "sweep 0 shop";
    write_place(server, name, &Place::default()).await.expect("written");
    round(server, "main").await.expect("a sweep");
    assert_eq!(read_place(server, name).await.expect("read").next, None, "it came to its end");
}

#[tokio::test]
async fn what_no_webhook_told_is_found_once() {
    let signature = format!("sha256-{}.sig", "0".repeat(64));
    let shared: Shared = Arc::new(Mutex::new(of(&[
        ("1.0", "one"),
        ("1.1", "busy"),
        ("1.2", "bare"),
        ("1.3", "lost"),
        ("latest", "one"),
        (&signature, "signature"),
    ])));
    let registry = registry(&shared);
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(folder.path(), &registry, "").await;
    again(&server).await;
    let digest = |text: &str| Digest::sha256(text.as_bytes()).to_string();
    let expected = [("1.0", "one"), ("1.1", "busy"), ("1.2", BARE)].map(|(tag, text)| (tag.to_owned(), digest(text)));
    assert_eq!(jobs(&server).await, expected);
    assert_eq!(tags(&server).await, ["1.0", "1.1", "1.2", "latest"]);
    // nothing is due, then nothing is new
    let count = registry.seen().len();
    let wait = round(&server, "main").await.expect("a sweep");
    assert!(wait > Duration::from_mins(59) && registry.seen().len() == count);
    again(&server).await;
    assert_eq!(jobs(&server).await.len(), 3);
    // a tag moved, another one went, and a dead job stays dead
    let leased = server.queue.lease(Lane::Slow, 1, Duration::from_mins(1), server.clock.now()).await.expect("leased");
    assert!(server.queue.bury(&leased[0], "no", server.clock.now()).await.expect("buried"));
    *shared.lock().expect("no panic") = of(&[("1.0", "one"), ("latest", "two")]);
    tokio::time::sleep(Duration::from_millis(5)).await;
    again(&server).await;
    assert_eq!(jobs(&server).await.last(), Some(&("latest".to_owned(), digest("two"))));
    assert_eq!(jobs(&server).await.len(), 4);
    assert_eq!(tags(&server).await, ["1.0", "latest"]);
    let dead: i64 = sqlx::query("SELECT count(*) FROM job WHERE state = 'dead'")
        .fetch_one(server.store.readers())
        .await
        .expect("read")
        .get(0);
    assert_eq!(dead, 1);
}

#[tokio::test]
async fn a_sweep_that_was_cut_off_goes_on_where_it_was() {
    let shared: Shared = Arc::new(Mutex::new(of(&[("1.0", "one")])));
    let registry = registry(&shared);
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(folder.path(), &registry, "").await;
    let place = Place { began: server.clock.now().0, next: Some(1) };
    write_place(&server, "sweep 0 shop", &place).await.expect("written");
    round(&server, "main").await.expect("a sweep");
    assert!(registry.seen().iter().all(|seen| seen.path.contains("shop/api")), "what was done is not done again");
    assert_eq!(jobs(&server).await.len(), 1);
}

#[tokio::test]
async fn a_clock_that_was_set_back_holds_no_sweep_up() {
    let shared: Shared = Arc::new(Mutex::new(of(&[("1.0", "one")])));
    let registry = registry(&shared);
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(folder.path(), &registry, "").await;
    let place = Place { began: server.clock.now().plus(Duration::from_hours(24)).0, next: None };
    write_place(&server, "sweep 0 shop", &place).await.expect("written");
    round(&server, "main").await.expect("a sweep");
    assert_eq!(jobs(&server).await.len(), 1);
    let count = registry.seen().len();
    round(&server, "main").await.expect("a sweep");
    assert_eq!(registry.seen().len(), count, "it is not due again");
}

#[tokio::test]
async fn no_more_tags_are_looked_at_than_may_be() {
    let list: BTreeMap<String, String> = (0..40).map(|number| (format!("t{number:02}"), "one".to_owned())).collect();
    let shared: Shared = Arc::new(Mutex::new(list));
    let registry = registry(&shared);
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(folder.path(), &registry, "most-tags = 7\n").await;
    again(&server).await;
    assert_eq!(registry.seen().iter().filter(|seen| seen.method == "HEAD").count(), 7);
    assert_eq!(tags(&server).await.len(), 7);
}

#[tokio::test]
async fn a_tag_that_is_there_and_not_listed_is_kept() {
    let shared: Shared = Arc::new(Mutex::new(of(&[("1.0", "one"), ("1.1", "two")])));
    let registry = registry(&shared);
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(folder.path(), &registry, "").await;
    again(&server).await;
    assert_eq!(tags(&server).await, ["1.0", "1.1"]);
    *shared.lock().expect("no panic") = of(&[("1.0", "one"), ("odd", "one")]);
    tokio::time::sleep(Duration::from_millis(5)).await;
    again(&server).await;
    assert_eq!(tags(&server).await, ["1.0"], "the other one went");
    let swept = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM swept WHERE began > 0");
    assert_eq!(swept.fetch_one(server.store.readers()).await.expect("read"), 1, "the first sweep saw all");
}

#[tokio::test]
async fn a_tag_that_is_listed_without_its_manifest_goes() {
    let shared: Shared = Arc::new(Mutex::new(of(&[("1.0", "one"), ("1.1", "two")])));
    let registry = registry(&shared);
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(folder.path(), &registry, "").await;
    again(&server).await;
    *shared.lock().expect("no panic") = of(&[("1.0", "one"), ("1.1", "lost")]);
    tokio::time::sleep(Duration::from_millis(5)).await;
    again(&server).await;
    assert_eq!(tags(&server).await, ["1.0"]);
}

#[tokio::test]
async fn a_pause_that_a_registry_asks_for_is_one_for_sweeps_too() {
    let shared: Shared = Arc::new(Mutex::new(of(&[("1.0", "one")])));
    let registry = registry(&shared);
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(folder.path(), &registry, "").await;
    // somebody else was told so
    server.pauses.ask("main", Duration::from_secs(1), Instant::now());
    again(&server).await;
    assert_eq!(server.pauses.left("main", Instant::now()), None, "it was waited for");
    assert_eq!(tags(&server).await, ["1.0"]);
    // and others hear of what a sweep is told, which waits no longer once the server ends
    let busy = Loopback::start(|_, _| Some((429, "Retry-After: 60\r\n".into(), Vec::new())));
    let folder = tempfile::tempdir().expect("a folder");
    let server = self::server(folder.path(), &busy, "").await;
    let running = tokio::spawn(run(Arc::clone(&server)));
    let told = async {
        while server.pauses.left("main", Instant::now()).is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), told).await.expect("it was told so");
    let count = busy.seen().len();
    server.end();
    tokio::time::timeout(Duration::from_secs(20), running).await.expect("it ends").expect("no panic");
    assert_eq!(busy.seen().len(), count, "nothing more was asked");
}

#[tokio::test]
async fn a_tag_stays_while_not_the_registry_says_that_it_is_gone() {
    let shared: Shared = Arc::new(Mutex::new(of(&[("1.0", "one"), ("1.1", "two")])));
    let registry = registry(&shared);
    let folder = tempfile::tempdir().expect("a folder");
    let server = server(folder.path(), &registry, "").await;
    again(&server).await;
    *shared.lock().expect("no panic") = of(&[("1.0", "one"), ("behind", "one")]);
    tokio::time::sleep(Duration::from_millis(5)).await;
    again(&server).await;
    assert_eq!(tags(&server).await, ["1.0", "1.1", "behind"]);
    *shared.lock().expect("no panic") = of(&[("1.0", "one")]);
    again(&server).await;
    assert_eq!(tags(&server).await, ["1.0"]);
}

#[tokio::test]
async fn a_registry_that_does_not_answer_holds_up_no_other() {
    let shared: Shared = Arc::new(Mutex::new(of(&[("1.0", "one")])));
    let registry = registry(&shared);
    // whoever asks waits until the test ends
    let (silent, silence) = std::sync::mpsc::channel::<()>();
    let silence = Mutex::new(silence);
    let sick = Loopback::start(move |_, _| {
        let _ = silence.lock().expect("no panic").recv();
        None
    });
    let folder = tempfile::tempdir().expect("a folder");
    let more = format!(
        "[[registry]]\nname = \"other\"\nhost = \"{1}\"\n[[source]]\nname = \"other\"\nkind = \"distribution\"\n\
         registry = \"other\"\nauth = {{ by = \"header\", secret = {{ file = \"{0}/secret\" }} }}\n\
         [[sweep]]\nsource = \"other\"\nrepositories = [\"shop/api\"]\n",
        folder.path().display(),
        registry.address
    );
    let server = server(folder.path(), &sick, &more).await;
    let running = tokio::spawn(run(Arc::clone(&server)));
    let done = async {
        while jobs(&server).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), done).await.expect("the other one was looked through");
    assert_eq!(tags(&server).await, ["1.0"]);
    server.end();
    drop(silent);
    running.abort();
}
