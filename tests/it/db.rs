//! `careen db`: bringing advisory data through faults and interruptions, and taking it elsewhere.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use careen::advisory::store::Database;
use serde_json::{Value, json};

use crate::support::run::{Run, careen, command};
use crate::support::server::{Reply, Seen, Server, zip};

/// A record of Debian; its state is in the version that ends it.
fn record(number: usize, state: usize) -> (String, Vec<u8>) {
    let id = format!("DSA-{number}-1");
    let record = json!({
        "id": id, "modified": modified(state), "summary": format!("package-{number} - security update"),
        "upstream": [format!("CVE-2026-{:04}", number + 1000)],
        "affected": [{ "package": { "ecosystem": "Debian:12", "name": format!("package-{number}") },
                       "ranges": [{ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }, { "fixed": format!("1.{state}") }] }] }],
    });
    (format!("{id}.json"), record.to_string().into_bytes())
}

fn modified(state: usize) -> String {
    format!("2026-02-{:02}T00:00:00Z", state + 1)
}

fn archive(count: usize, state: usize) -> Vec<u8> {
    zip(&(0..count).map(|number| record(number, state)).collect::<Vec<_>>())
}

/// A folder in the layout of osv.dev's export.
fn mirror(folder: &Path, archive: &[u8]) {
    fs::create_dir_all(folder.join("Debian")).unwrap();
    fs::write(folder.join("ecosystems.txt"), "Debian\nLinux\n").unwrap();
    fs::write(folder.join("Debian/all.zip"), archive).unwrap();
}

fn update(db: &Path, from: &str, more: &[&str]) -> Run {
    let db = db.to_str().unwrap();
    careen(&[&["db", "update", "--db", db, "--from", from, "-e", "Debian", "--no-kev", "--no-epss"], more].concat())
}

/// A folder of data with 30 records in state 1.
fn filled() -> (tempfile::TempDir, tempfile::TempDir) {
    let (db, source) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    mirror(source.path(), &archive(30, 1));
    let run = update(db.path(), source.path().to_str().unwrap(), &[]);
    assert_eq!(run.code, 0, "{run:?}");
    (db, source)
}

/// Which state of record `number` there is.
fn state(db: &Path, number: usize) -> Option<String> {
    let database = Database::open(db).unwrap();
    let shard = database.shard("osv/Debian").unwrap()?;
    let postings = shard.postings("12", &format!("package-{number}")).unwrap();
    let range = postings.first()?.versions.ranges.first()?.clone();
    Some(format!("{:?}", range.events.last()?))
}

fn is_sound(db: &Path) -> bool {
    let database = Database::open(db).unwrap();
    database.manifest().shards.keys().all(|name| database.verify(name).is_ok())
}

#[test]
fn faults_leave_the_old_data_in_use_and_say_how_to_go_on() {
    fn of_archive(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Server {
        Server::start(move |seen| match seen.path.as_str() {
            "/Debian/all.zip" => reply(),
            _ => Reply::of(404),
        })
    }
    let new = archive(30, 2);
    let mut wrong_crc = new.clone();
    wrong_crc[60] ^= 1;
    let bomb = {
        // says that it expands to more than there may be
        let mut bomb = zip(&[("DSA-1-1.json", vec![b' '; 17 << 20])]);
        bomb.extend([0; 4]);
        bomb
    };
    let with = |body: &[u8]| Reply::file(body);
    let (whole, hashed, cut) = (new.clone(), new.clone(), new.clone());
    let half = new[..new.len() / 2].to_vec();
    let drip = new.clone();
    let listed = new.clone();
    let cases: Vec<(&str, Server, &str)> = vec![
        (
            "hang",
            of_archive(|| Reply { stall: Duration::from_secs(20), cut: Some(0), ..Reply::file(vec![0; 9]) }),
            "does not answer in time",
        ),
        ("error", of_archive(|| Reply::of(503)), "503"),
        ("limited", of_archive(|| Reply::of(429).with("Retry-After", "0")), "429"),
        ("forbidden", of_archive(|| Reply::of(403)), "403"),
        ("cut", of_archive(move || Reply { cut: Some(1000), ..with(&cut) }), "broke off"),
        ("half an archive", of_archive(move || Reply::file(half.clone())), "is damaged"),
        ("crc", of_archive(move || Reply::file(wrong_crc.clone())), "is damaged"),
        ("sum", of_archive(move || Reply::file(hashed.clone()).with("x-goog-hash", "crc32c=AAAAAA==")), "checksum"),
        ("missing", of_archive(|| Reply::of(404)), "404"),
        ("page", of_archive(|| Reply::file("<html>log in</html>")), "cannot be read"),
        ("bomb", of_archive(move || Reply::file(bomb.clone())), "the archive of Debian"),
        ("drip", of_archive(move || Reply { drip: Some(40), ..Reply::file(drip.clone()) }), "next to nothing"),
        ("astray", of_archive(|| Reply::of(302).with("Location", "http://169.254.169.254/all.zip")), "metadata"),
        (
            "fewer than listed",
            Server::start(move |seen| match seen.path.as_str() {
                "/Debian/all.zip" => Reply::file(listed.clone()),
                "/Debian/modified_id.csv" => {
                    Reply::file((0..300).map(|number| format!("{},DSA-{number}-1\n", modified(9))).collect::<String>())
                }
                _ => Reply::of(404),
            }),
            "its list has 300",
        ),
    ];
    let refused = {
        // nobody listens there any more
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let (db, _source) = filled();
    let before = fs::read(db.path().join("manifest.json")).unwrap();
    let mut all: Vec<(&str, String, &str)> =
        cases.iter().map(|(name, server, words)| (*name, server.url.clone(), *words)).collect();
    all.push(("refused", refused, "cannot connect"));
    for (name, url, words) in all {
        let run = update(db.path(), &url, &["--tries", "1", "--timeout", "1"]);
        assert_eq!(run.code, 3, "{name}: {run:?}");
        assert!(run.stderr.contains(words), "{name}: {}", run.stderr);
        assert!(run.stderr.contains("stay in use") && run.stderr.contains("help: "), "{name}: {}", run.stderr);
        assert!(state(db.path(), 7).is_some_and(|state| state.contains("1.1")), "{name}");
        let after = Database::open(db.path()).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&before).unwrap(), json!(after.manifest()), "{name}");
    }
    assert!(is_sound(db.path()));
    // and where there is nothing yet, nothing can be used
    let empty = tempfile::tempdir().unwrap();
    let run = update(&empty.path().join("db"), "http://127.0.0.1:9", &["--tries", "1", "--timeout", "1"]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("there are no data for it yet"), "{}", run.stderr);
    // the same server in order
    let server = of_archive(move || Reply::file(whole.clone()));
    assert_eq!(update(db.path(), &server.url, &[]).code, 0);
    assert!(state(db.path(), 7).is_some_and(|state| state.contains("1.2")));
}

#[test]
fn odd_archives_are_taken_as_far_as_they_go() {
    let (db, source) = filled();
    let mut entries: Vec<(String, Vec<u8>)> = (0..30).map(|number| record(number, 3)).collect();
    entries[4].1 = b"{ no JSON".to_vec();
    entries[5].0 = "../../../outside.json".to_owned();
    mirror(source.path(), &zip(&entries));
    let run = update(db.path(), source.path().to_str().unwrap(), &[]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stderr.contains("refused: DSA-4-1: it is no JSON"), "{}", run.stderr);
    assert_eq!(state(db.path(), 4), None);
    assert!(state(db.path(), 5).is_some(), "records are named by what they say, not by their file");
    assert!(!db.path().parent().unwrap().join("outside.json").exists());
    let many: Vec<(String, Vec<u8>)> =
        (0..100_000).map(|number| (format!("{number}.json"), record(number, 3).1)).collect();
    mirror(source.path(), &zip(&many));
    let run = update(db.path(), source.path().to_str().unwrap(), &[]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stderr.contains("100,000 records"), "{}", run.stderr);
}

#[test]
fn data_that_are_far_less_than_before_are_not_taken() {
    let elsewhere = |count: usize| {
        let of = |number: usize| {
            let (name, bytes) = record(number, 2);
            (name, String::from_utf8(bytes).unwrap().replace("Debian:12", "Alpine:v3.20").into_bytes())
        };
        zip(&(0..count).map(of).collect::<Vec<_>>())
    };
    let withdrawn = |number: usize| {
        let (name, bytes) = record(number, 2);
        let mut record: Value = serde_json::from_slice(&bytes).unwrap();
        record["withdrawn"] = json!("2026-02-03T00:00:00Z");
        (name, record.to_string().into_bytes())
    };
    let broken =
        |number: usize| if number < 40 { (format!("X-{number}.json"), b"{".to_vec()) } else { record(number, 2) };
    let cases = [
        ("tiny", archive(1, 2), "there are 1 records, while there were 30 before"),
        ("withdrawn", zip(&(0..30).map(withdrawn).collect::<Vec<_>>()), "there are 0 records, while there were 30"),
        ("of another family", elsewhere(30), "there are 0 records, while there were 30 before"),
        ("mostly broken", zip(&(0..100).map(broken).collect::<Vec<_>>()), "40 of 100 records cannot be read"),
    ];
    for (name, archive, words) in cases {
        let (db, source) = filled();
        let from = source.path().to_str().unwrap();
        mirror(source.path(), &archive);
        let run = update(db.path(), from, &[]);
        assert!(run.code == 3 && run.stderr.contains(words) && run.stderr.contains("--force"), "{name}: {run:?}");
        assert!(state(db.path(), 7).is_some_and(|state| state.contains("1.1")), "{name}");
        assert_eq!(fs::read_dir(db.path().join("tmp")).unwrap().count(), 0, "{name}");
        assert_eq!(update(db.path(), from, &["--force"]).code, 0, "{name}");
        let text = fs::read_to_string(db.path().join("manifest.json")).unwrap();
        assert_eq!(text.contains("\"refused_count\": 40"), name == "mostly broken", "{name}");
    }
    let new = tempfile::tempdir().unwrap();
    let source = tempfile::tempdir().unwrap();
    mirror(source.path(), &zip(&(0..100).map(broken).collect::<Vec<_>>()));
    assert_eq!(update(new.path(), source.path().to_str().unwrap(), &[]).code, 2, "nor where there is nothing yet");
}

#[test]
fn what_answers_in_place_of_a_server_is_no_news() {
    let (db, _source) = filled();
    for (body, words) in [
        ("<html>log in, please</html>", "names none"),
        ("", "names none"),
        ("2026-01-01T00:00:00Z,DSA-1-1\n", "names 1 records"),
    ] {
        let server = Server::start(move |seen| match seen.path.as_str() {
            "/Debian/modified_id.csv" => Reply::file(body),
            _ => Reply::of(404),
        });
        let run = update(db.path(), &server.url, &["--tries", "1"]);
        assert!(run.code == 3 && run.stderr.contains(words), "{body}: {run:?}");
    }
    // a week after the last whole, nothing is asked with conditions
    let server = Server::start(move |seen| match seen.path.as_str() {
        "/Debian/modified_id.csv" => {
            let list: String = (0..30).map(|number| format!("{},DSA-{number}-1\n", modified(1))).collect();
            Reply::file(list).tagged("\"l\"", seen)
        }
        "/Debian/all.zip" => Reply::file(archive(30, 1)).tagged("\"z\"", seen),
        _ => Reply::of(404),
    });
    assert_eq!(update(db.path(), &server.url, &["--force"]).code, 0);
    assert_eq!(update(db.path(), &server.url, &[]).code, 0);
    assert_eq!(server.paths().len(), 3, "{:?}", server.paths());
    let path = db.path().join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    manifest["shards"]["osv/Debian"]["complete"] = json!("2026-02-01T00:00:00Z");
    fs::write(&path, manifest.to_string()).unwrap();
    let run = update(db.path(), &server.url, &[]);
    assert!(run.code == 0 && run.stderr.contains("30 records"), "{run:?}");
    let conditions: Vec<bool> = server.seen().iter().map(|seen| !seen.header("if-none-match").is_empty()).collect();
    assert_eq!(conditions, [false, false, true, false, false]);
}

#[test]
fn an_export_is_believed_no_more_than_it_can_know() {
    let (db, _source) = filled();
    let away = tempfile::tempdir().unwrap();
    let export = away.path().join("export");
    let (path, from) = (db.path().to_str().unwrap(), export.to_str().unwrap());
    assert_eq!(careen(&["db", "export", "--db", path, "-o", from]).code, 0);
    let list = export.join("manifest.json");
    let sound: Value = serde_json::from_slice(&fs::read(&list).unwrap()).unwrap();
    let import = |manifest: &Value, to: &str| {
        fs::write(&list, manifest.to_string()).unwrap();
        let to = away.path().join(to);
        (careen(&["db", "import", "--db", to.to_str().unwrap(), from]), to)
    };
    let mut future = sound.clone();
    for key in ["fetched", "checked", "complete", "newest"] {
        future["shards"]["osv/Debian"][key] = json!("2999-01-01T00:00:00Z");
    }
    future["shards"]["osv/Debian"]["records"] = json!(99_999);
    future["shards"]["osv/Debian"]["source"] = json!("https://user:secret@mirror.example/Debian/all.zip?token=secret");
    let (run, to) = import(&future, "future");
    assert_eq!(run.code, 0, "{run:?}");
    let text = fs::read_to_string(to.join("manifest.json")).unwrap();
    assert!(!text.contains("2999") && !text.contains("secret") && text.contains("\"records\": 30"), "{text}");
    assert!(text.contains(&modified(1)), "{text}");
    for name in ["tmp/Debian", "lock/Debian", "manifest.json/Debian", "osv/../tmp", "new-feed/Debian", "osv/a:b"] {
        let mut hostile = sound.clone();
        let entry = hostile["shards"].as_object_mut().unwrap().remove("osv/Debian").unwrap();
        hostile["shards"][name] = entry;
        let (run, to) = import(&hostile, "hostile");
        assert!(run.code != 0 && run.stderr.contains("careen does not know"), "{name}: {run:?}");
        assert!(!to.join("manifest.json").exists(), "{name}");
    }
    let (run, to) = import(&sound, "hostile");
    assert!(run.code == 0 && is_sound(&to), "{run:?}");
    // a list that cannot be read is not written over unless that is wanted
    for (text, help) in [("{", "starts anew"), (r#"{"format":9,"shards":{}}"#, "use that careen")] {
        fs::write(db.path().join("manifest.json"), text).unwrap();
        for run in [import_again(db.path(), from), update(db.path(), away.path().to_str().unwrap(), &[])] {
            assert!(run.code == 2 && run.stderr.contains(help), "{text}: {run:?}");
        }
        assert_eq!(fs::read_to_string(db.path().join("manifest.json")).unwrap(), text);
    }
}

fn import_again(db: &Path, export: &str) -> Run {
    careen(&["db", "import", "--db", db.to_str().unwrap(), export])
}

#[test]
fn pipes_are_not_waited_for() {
    let (db, _source) = filled();
    let away = tempfile::tempdir().unwrap();
    let export = away.path().join("export");
    let (path, from) = (db.path().to_str().unwrap(), export.to_str().unwrap());
    assert_eq!(careen(&["db", "export", "--db", path, "-o", from]).code, 0);
    for file in [data_file(&export.join("manifest.json")), "manifest.json".to_owned()] {
        let file = export.join(file);
        fs::remove_file(&file).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&file).status().unwrap();
        assert!(made.success());
        let start = Instant::now();
        let run = import_again(&away.path().join("db"), from);
        assert!(run.code != 0 && start.elapsed() < Duration::from_secs(20), "{run:?}");
    }
}

#[test]
fn own_records_that_are_all_withdrawn_leave_nothing() {
    let (db, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut record = json!({ "id": "OWN-1", "modified": "2026-01-01T00:00:00Z",
        "affected": [{ "package": { "ecosystem": "npm", "name": "left-pad" }, "versions": ["1.0.0"] }] });
    let file = files.path().join("one.json");
    for (withdrawn, left) in [(false, 1), (true, 0)] {
        if withdrawn {
            record["withdrawn"] = json!("2026-01-02T00:00:00Z");
        }
        fs::write(&file, record.to_string()).unwrap();
        assert_eq!(import_again(db.path(), file.to_str().unwrap()).code, 0);
        assert_eq!(Database::open(db.path()).unwrap().manifest().shards.len(), left);
    }
    assert_eq!(fs::read_dir(db.path().join("tmp")).unwrap().count(), 0);
}

#[test]
fn passing_failures_are_overcome_and_broken_files_resumed() {
    let new = archive(200, 2);
    let size = new.len();
    let body = new.clone();
    let server = Server::start(move |seen| match (seen.path.as_str(), seen.nth) {
        ("/Debian/all.zip", 0) => Reply::of(500),
        ("/Debian/all.zip", 1) => Reply::of(429).with("Retry-After", "0"),
        ("/Debian/all.zip", 2) => Reply { cut: Some(size / 2), ..Reply::file(body.clone()).tagged("\"a\"", seen) },
        ("/Debian/all.zip", _) => Reply::file(body.clone()).tagged("\"a\"", seen),
        _ => Reply::of(404),
    });
    let (db, _source) = filled();
    let run = update(db.path(), &server.url, &[]);
    assert_eq!(run.code, 0, "{run:?}");
    let last = server.seen().pop().unwrap();
    assert_eq!((last.header("range"), last.header("if-range")), (format!("bytes={}-", size / 2).as_str(), "\"a\""));
    assert!(state(db.path(), 199).is_some());
    // the same state is not fetched again
    let run = update(db.path(), &server.url, &[]);
    assert!(run.code == 0 && run.stderr.contains("nothing new"), "{run:?}");
    assert_eq!(server.seen().pop().unwrap().header("if-none-match"), "\"a\"");
}

#[test]
fn what_one_run_began_the_next_one_ends() {
    let new = archive(200, 2);
    let size = new.len();
    let (cut, whole) = (new.clone(), new);
    let changed = archive(201, 3);
    let server = Server::start(move |seen| match (seen.path.as_str(), seen.nth) {
        ("/Debian/all.zip", 0) => Reply { cut: Some(size / 3), ..Reply::file(cut.clone()).tagged("\"a\"", seen) },
        ("/Debian/all.zip", 1) => Reply::file(whole.clone()).tagged("\"a\"", seen),
        ("/Debian/all.zip", 2) => Reply { cut: Some(size / 3), ..Reply::file(whole.clone()).tagged("\"b\"", seen) },
        // it changed meanwhile: all of the new, not a part of each
        ("/Debian/all.zip", _) => Reply::file(changed.clone()).tagged("\"c\"", seen),
        _ => Reply::of(404),
    });
    let (db, _source) = filled();
    assert_eq!(update(db.path(), &server.url, &["--tries", "1"]).code, 3);
    let run = update(db.path(), &server.url, &["--tries", "1"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(server.seen()[3].header("range"), format!("bytes={}-", size / 3));
    assert!(state(db.path(), 199).is_some_and(|state| state.contains("1.2")));
    assert_eq!(update(db.path(), &server.url, &["--tries", "1", "--force"]).code, 3);
    let run = update(db.path(), &server.url, &["--tries", "1", "--force"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(state(db.path(), 200).is_some_and(|state| state.contains("1.3")));
    assert_eq!(fs::read_dir(db.path().join("tmp")).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn few_changes_are_fetched_one_by_one() {
    let list = |changed: usize| {
        let newer = (0..changed).map(|number| format!("{},DSA-{number}-1\n", modified(5)));
        newer.chain((changed..400).map(|number| format!("{},DSA-{number}-1\n", modified(1)))).collect::<String>()
    };
    let server = Server::start(move |seen: &Seen| {
        // the third run finds two records newer, the fourth as many as to fetch the whole
        let run = if seen.path == "/Debian/modified_id.csv" { seen.nth } else { 9 };
        match (seen.path.as_str(), run) {
            ("/Debian/modified_id.csv", 0 | 1) => Reply::file(list(0)).tagged("\"0\"", seen),
            ("/Debian/modified_id.csv", 2) => Reply::file(list(2)).tagged("\"2\"", seen),
            ("/Debian/modified_id.csv", _) => Reply::file(list(350)).tagged("\"3\"", seen),
            ("/Debian/all.zip", _) => Reply::file(archive(400, 1)).tagged(&format!("\"z{}\"", seen.nth), seen),
            (path, _) => match path.strip_prefix("/Debian/DSA-").and_then(|rest| rest.strip_suffix("-1.json")) {
                Some(number) => Reply::file(record(number.parse().unwrap(), 5).1),
                None => Reply::of(404),
            },
        }
    });
    let db = tempfile::tempdir().unwrap();
    assert_eq!(update(db.path(), &server.url, &[]).code, 0);
    let run = update(db.path(), &server.url, &[]);
    assert!(run.code == 0 && run.stderr.contains("nothing new"), "{run:?}");
    let run = update(db.path(), &server.url, &[]);
    assert!(run.code == 0 && run.stderr.contains("2 changed of 400 records"), "{run:?}");
    assert!(state(db.path(), 1).is_some_and(|state| state.contains("1.5")));
    assert!(state(db.path(), 2).is_some_and(|state| state.contains("1.1")));
    assert!(is_sound(db.path()));
    let mut single: Vec<String> = server.paths().into_iter().filter(|path| path.contains("/DSA-")).collect();
    single.sort();
    assert_eq!(single, ["/Debian/DSA-0-1.json", "/Debian/DSA-1-1.json"]);
    let run = update(db.path(), &server.url, &[]);
    assert!(run.code == 0 && run.stderr.contains("osv/Debian: 400 records"), "{run:?}");
    assert_eq!(server.paths().iter().filter(|path| path.ends_with("all.zip")).count(), 2);
}

#[test]
fn a_killed_update_leaves_the_old_or_the_new() {
    let (db, source) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let from = source.path().to_str().unwrap().to_owned();
    let archives = [archive(3_000, 1), archive(3_000, 2)];
    let arguments = |db: &Path| {
        let db = db.to_str().unwrap().to_owned();
        ["db", "update", "--db", &db, "--from", &from, "-e", "Debian", "--no-kev", "--no-epss", "--force", "-q"]
            .map(str::to_owned)
    };
    mirror(source.path(), &archives[0]);
    let start = Instant::now();
    assert_eq!(careen(&arguments(db.path())).code, 0);
    let whole = start.elapsed();
    let mut seen = [0, 0];
    let points = 24_u32;
    for point in 0..points {
        mirror(source.path(), &archives[point as usize % 2]);
        let mut child = command(&arguments(db.path())).stdin(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole * (point + 1) / points);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(is_sound(db.path()), "point {point}");
        let states = [0, 1_500, 2_999].map(|number| state(db.path(), number).expect("is there"));
        assert!(states.iter().all(|state| *state == states[0]), "point {point}: half of each: {states:?}");
        seen[usize::from(states[0].contains("1.2"))] += 1;
    }
    assert_eq!(seen[0] + seen[1], points, "{seen:?}");
    // and the next one is not hindered by what the killed left
    mirror(source.path(), &archives[1]);
    assert_eq!(careen(&arguments(db.path())).code, 0);
    assert!(state(db.path(), 7).is_some_and(|state| state.contains("1.2")));
    assert_eq!(fs::read_dir(db.path().join("tmp")).unwrap().count(), 0);
}

#[test]
fn two_updates_at_once_wait_for_each_other() {
    let (db, source) = filled();
    mirror(source.path(), &archive(500, 2));
    let from = source.path().to_str().unwrap();
    let runs: Vec<Run> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..3).map(|_| scope.spawn(|| update(db.path(), from, &["--force"]))).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert!(runs.iter().all(|run| run.code == 0), "{runs:?}");
    assert!(is_sound(db.path()) && state(db.path(), 499).is_some());
}

#[test]
fn a_folder_that_cannot_be_written_is_told_of() {
    let (db, source) = filled();
    let run = update(&db.path().join("manifest.json"), source.path().to_str().unwrap(), &[]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("cannot write to the folder of advisory data"), "{}", run.stderr);
}

#[test]
fn sources_are_tried_in_order_and_ecosystems_known_by_name() {
    let (db, source) = filled();
    mirror(source.path(), &archive(30, 4));
    let path = source.path().to_str().unwrap().to_owned();
    let server = Server::start(|_| Reply::of(500));
    let run = update(db.path(), &server.url, &["--from", &path, "--tries", "1"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(state(db.path(), 3).is_some_and(|state| state.contains("1.4")));
    let db = db.path().to_str().unwrap();
    let cases: &[(&[&str], &str)] = &[
        (&["-e", "Debain"], "did you mean `Debian`?"),
        (&["-e", "Nonsense"], "these are known: AlmaLinux"),
        (&["-e", "Debian", "--feed", "kve"], "did you mean `kev`?"),
        (&["--from", "/nowhere/at/all"], "name a server"),
    ];
    for (arguments, help) in cases {
        let run = careen(&[&["db", "update", "--db", db, "--from", &path], *arguments].concat());
        assert!(run.code == 2 && run.stderr.contains(help), "{arguments:?}: {run:?}");
    }
    let run = careen(&["db", "update", "--db", db, "--from", &path, "--for", "fixtures/demo/demo.tar"]);
    assert!(run.code == 3 && run.stderr.contains("demo.tar needs Debian, PyPI, "), "{run:?}");
    assert!(
        run.stderr.contains("osv/Debian: nothing new") && run.stderr.contains("`--no-epss` leaves it out"),
        "{run:?}"
    );
    let run = careen(&["db", "update", "--db", db, "--from", &path, "--all", "--no-kev", "--no-epss", "--force"]);
    assert!(run.code == 0 && !run.stderr.contains("Linux"), "what no image holds is left out: {run:?}");
}

#[test]
fn status_and_verify_tell_age_and_damage() {
    let (db, source) = filled();
    let path = db.path().to_str().unwrap();
    let run = careen(&["db", "status", "--db", path, "--max-age", "1h"]);
    assert!(
        run.code == 3 && run.stdout.contains("too old: osv/Debian"),
        "a folder is as old as what is in it: {run:?}"
    );
    let run = careen(&["db", "status", "--db", path, "--max-age", "100000d"]);
    assert!(run.code == 0 && run.stdout.contains("osv/Debian") && run.stdout.contains("2026-02-02"), "{run:?}");
    let run = careen(&["db", "status", "--db", path, "-f", "json"]);
    let status: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&status["data"][0]["family"], &status["data"][0]["records"]), (&json!("Debian"), &json!(30)));
    let manifest = db.path().join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let year = status["data"][0]["fetched"].as_str().unwrap()[..4].to_owned();
    fs::write(&manifest, text.replace(&format!("\"{year}-"), "\"2001-")).unwrap();
    let run = careen(&["db", "status", "--db", path, "--max-age", "3d"]);
    assert!(run.code == 3 && run.stdout.contains("too old: osv/Debian"), "{run:?}");
    for more in [&["--max-age", "3d"][..], &[], &["-f", "json"]] {
        let run = careen(&[&["db", "status", "--db", "/nowhere/at/all"], more].concat());
        assert!(run.code == 3, "{run:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().to_str().unwrap();
    let run = careen(&["db", "search", "--db", empty, "RUSTSEC-2020-0071"]);
    assert!(run.code == 0 && run.stdout.contains("from rustsec/"), "what is part of careen is found: {run:?}");
    let run = careen(&["db", "search", "--db", empty, "CVE-2026-999999"]);
    assert!(run.code == 2 && run.stderr.contains("no advisory data"), "{run:?}");
    let run = careen(&["db", "update", "--db", empty]);
    assert!(run.code == 2 && run.stderr.contains("say of what: `--ecosystem Debian`"), "{run:?}");
    assert_eq!(careen(&["db", "verify", "--db", path]).code, 0);
    let file = db.path().join(status["data"][0]["family"].as_str().map(|_| data_file(&manifest)).unwrap());
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    let run = careen(&["db", "verify", "--db", path]);
    assert!(run.code == 3 && run.stdout.contains("--force --ecosystem 'Debian'"), "{run:?}");
    assert_eq!(update(db.path(), source.path().to_str().unwrap(), &["--force"]).code, 0);
    assert_eq!(careen(&["db", "verify", "--db", path]).code, 0, "the command it names mends it");
    fs::write(&manifest, "{").unwrap();
    for command in ["status", "verify"] {
        let run = careen(&["db", command, "--db", path]);
        assert!(run.code == 2 && run.stderr.contains("careen db update"), "{run:?}");
    }
}

fn data_file(manifest: &Path) -> String {
    let manifest: Value = serde_json::from_slice(&fs::read(manifest).unwrap()).unwrap();
    manifest["shards"]["osv/Debian"]["file"].as_str().unwrap().to_owned()
}

#[test]
fn exports_travel_and_leave_out_what_must_not() {
    let (db, source) = filled();
    let (path, away) = (db.path().to_str().unwrap(), tempfile::tempdir().unwrap());
    let at = |name: &str| away.path().join(name).to_str().unwrap().to_owned();
    fs::create_dir(source.path().join("Wolfi")).unwrap();
    let wolfi =
        json!({ "id": "CGA-1", "affected": [{ "package": { "ecosystem": "Wolfi", "name": "a" } }] }).to_string();
    fs::write(source.path().join("Wolfi/all.zip"), zip(&[("CGA-1.json", wolfi)])).unwrap();
    let from = source.path().to_str().unwrap();
    let run = careen(&["db", "update", "--db", path, "--from", from, "-e", "Wolfi", "--no-kev", "--no-epss"]);
    assert_eq!(run.code, 0, "{run:?}");
    for output in ["export.tar.zst", "folder"] {
        let run = careen(&["db", "export", "--db", path, "-o", &at(output)]);
        assert!(run.code == 0 && run.stderr.contains("left out: osv/Wolfi"), "{run:?}");
        let other = at(&format!("{output}-db"));
        let run = careen(&["db", "import", "--db", &other, &at(output)]);
        assert_eq!(run.code, 0, "{run:?}");
        let names: Vec<String> = Database::open(Path::new(&other)).unwrap().manifest().shards.keys().cloned().collect();
        assert_eq!(names, ["osv/Debian"]);
        assert!(is_sound(Path::new(&other)) && state(Path::new(&other), 7).is_some());
    }
    let run = careen(&["db", "export", "--db", path, "-o", &at("all.tar.zst"), "--include-restricted", "-q"]);
    assert!(run.code == 0 && run.stderr.is_empty(), "{run:?}");
    // an export is a source, too
    let run = careen(&["db", "update", "--db", &at("updated"), "--from", &at("folder"), "--all"]);
    assert!(run.code == 0 && state(Path::new(&at("updated")), 7).is_some(), "{run:?}");
    let whole = fs::read(at("all.tar.zst")).unwrap();
    let mut spoilt = whole.clone();
    let middle = spoilt.len() / 2;
    spoilt[middle] ^= 0xff;
    mirror(source.path(), &archive(30, 2));
    assert_eq!(update(db.path(), from, &[]).code, 0);
    for (name, bytes) in [("spoilt", spoilt), ("cut", whole[..middle].to_vec())] {
        fs::write(at(name), bytes).unwrap();
        let run = careen(&["db", "import", "--db", path, &at(name)]);
        assert!(run.code == 3 || run.code == 2, "{name}: {run:?}");
        assert!(run.stderr.contains("cannot import") && run.stderr.contains(" again"), "{name}: {run:?}");
        assert!(is_sound(db.path()) && state(db.path(), 7).is_some());
    }
    let run = careen(&["db", "export", "--db", path, "--oci", &at("layout"), "-e", "Debian"]);
    assert_eq!(run.code, 0, "{run:?}");
    let index: Value = serde_json::from_slice(&fs::read(at("layout/index.json")).unwrap()).unwrap();
    let digest = index["manifests"][0]["digest"].as_str().unwrap().replace(':', "/");
    assert!(Path::new(&at(&format!("layout/blobs/{digest}"))).is_file());
    let run = careen(&["db", "export", "--db", path, "-e", "debian", "--facts"]);
    assert_eq!((run.code, run.stdout.lines().count(), run.stdout.contains("security update")), (0, 30, false));
    assert_eq!(careen(&["db", "export", "--db", path, "-o", &at("none"), "-e", "Debain"]).code, 2);
}

#[test]
fn an_artifact_in_a_registry_is_a_source() {
    let (db, _source) = filled();
    let away = tempfile::tempdir().unwrap();
    let (layout, other) = (away.path().join("layout"), away.path().join("db"));
    let path = db.path().to_str().unwrap();
    assert_eq!(careen(&["db", "export", "--db", path, "--oci", layout.to_str().unwrap()]).code, 0);
    let index: Value = serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
    let manifest = index["manifests"][0]["digest"].as_str().unwrap().replace("sha256:", "");
    let damaged = Arc::new(AtomicBool::new(true));
    let is_damaged = Arc::clone(&damaged);
    let server = Server::start(move |seen| {
        let blob = match seen.path.strip_prefix("/v2/team/advisories/") {
            Some("manifests/1") => manifest.as_str(),
            Some(path) => path.strip_prefix("blobs/sha256:").unwrap_or("none"),
            None => "none",
        };
        match fs::read(layout.join("blobs/sha256").join(blob)) {
            Ok(mut bytes) => {
                // the data, not the documents
                if bytes.len() > 10_000 && is_damaged.load(Ordering::Relaxed) {
                    bytes[5_000] ^= 1;
                }
                Reply::file(bytes).with("Content-Type", "application/vnd.oci.image.manifest.v1+json")
            }
            Err(_) => Reply::of(404),
        }
    });
    let reference = format!("oci:{}/team/advisories:1", server.url.trim_start_matches("http://"));
    let update = || careen(&["db", "update", "--db", other.to_str().unwrap(), "--from", &reference, "--all"]);
    let run = update();
    assert!(run.code == 2 && run.stderr.contains("SHA-256"), "{run:?}");
    damaged.store(false, Ordering::Relaxed);
    let run = update();
    assert_eq!(run.code, 0, "{run:?}");
    assert!(is_sound(&other) && state(&other, 7).is_some());
    let run = update();
    assert!(run.code == 0 && run.stderr.contains("1 without news"), "{run:?}");
}

#[test]
fn files_are_imported_by_what_they_are() {
    let (db, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = db.path().to_str().unwrap();
    let put = |name: &str, bytes: &[u8]| {
        fs::create_dir_all(files.path().join(name).parent().unwrap()).unwrap();
        fs::write(files.path().join(name), bytes).unwrap();
        files.path().join(name).to_str().unwrap().to_owned()
    };
    let archive = put("whatever.bin", &archive(20, 1));
    let own = |id: &str, name: &str| {
        json!({ "id": id, "modified": "2026-01-01T00:00:00Z",
                "affected": [{ "package": { "ecosystem": "npm", "name": name }, "versions": ["1.0.0"] }] })
        .to_string()
    };
    let single = put("one.json", own("OWN-1", "left-pad").as_bytes());
    put("many/a/two.json", own("OWN-2", "right-pad").as_bytes());
    put("many/broken.json", b"[]");
    let many = files.path().join("many").to_str().unwrap().to_owned();
    let kev = put(
        "kev.json",
        br#"{"catalogVersion":"2026.02.01","dateReleased":"2026-02-01T00:00:00Z","count":1,
            "vulnerabilities":[{"cveID":"CVE-2026-1007","dateAdded":"2026-01-31"}]}"#,
    );
    let junk = put("junk.txt", b"hello");
    let run = careen(&["db", "import", "--db", path, &archive, &single, &many, &kev]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stderr.contains("refused: broken.json"), "{}", run.stderr);
    let run = careen(&["db", "import", "--db", path, &junk]);
    assert!(run.code == 2 && run.stderr.contains("does not know what this is"), "{run:?}");
    let search = |wanted: &str| careen(&["db", "search", "--db", path, wanted]);
    let cases = [
        ("dsa-7-1", "Debian:12 package-7: < 1.1"),
        ("CVE-2026-1007", "DSA-7-1"),
        ("CVE-2026-1007", "known to be exploited, listed 2026-01-31"),
        ("left-pad", "OWN-1"),
        ("right-pad", "npm right-pad: 1.0.0"),
        ("pkg:npm/left-pad@1.0.0", "OWN-1"),
        ("pkg:deb/debian/package-7@1.0?distro=debian-12", "DSA-7-1"),
        ("pkg:deb/debian/lib7@1.0?distro=debian-12&upstream=package-7", "DSA-7-1"),
        ("pkg:deb/debian/package-7@1.1?distro=debian-12", "no record affects this version"),
    ];
    for (wanted, expected) in cases {
        let run = search(wanted);
        assert!(run.code == 0 && run.stdout.contains(expected), "{wanted}: {run:?}");
    }
    // a few records of one's own say nothing of other packages
    let refused = [
        ("nothing-at-all", "careen db status"),
        ("pkg:npm/left-pad", "add it behind"),
        ("pkg:npm/left-pad@1.0.1", "there are no data for npm"),
        ("pkg:deb/debian/package-7@x:1$?distro=debian-12", "what affects it cannot be told"),
    ];
    for (wanted, help) in refused {
        let run = search(wanted);
        assert!(run.code == 2 && run.stderr.contains(help), "{wanted}: {run:?}");
    }
    let run = careen(&["db", "search", "--db", path, "-f", "json", "OWN-2"]);
    let record: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&record["id"], &record["from"]), (&json!("OWN-2"), &json!("local/npm")));
}
