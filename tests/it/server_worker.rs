//! Scans by a process of their own, as the server has them done, of images in a registry on loopback.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use careen::digest::Digest;
use careen::error::ErrorKind;
use careen::policy::Outcome as Verdict;
use careen::server::worker::process::{Ended, How, Outcome, Workers};
use careen::server::worker::task::{Cache, Stored, Task};
use careen::source::Sensitive;
use serde_json::Value;

use crate::advisories::{database, fixed};
use crate::support::image::{Built, Packing, Part, Recipe};
use crate::support::layout::{Layout, MANIFEST};
use crate::support::raw::RawTar;
use crate::support::run::{TODAY, command, run};
use crate::support::server::{Reply, Seen, Server};
use crate::support::token;

const USER: &str = "robot";

/// What a handler answers instead of what was asked for.
type Fault = dyn Fn(&Seen) -> Option<Reply> + Send + Sync;

/// A registry that has one image, behind a login.
struct Registry {
    server: Server,
    digest: Digest,
    password: String,
}

impl Registry {
    fn start(image: &Built, fault: impl Fn(&Seen) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let mut layout = Layout::new();
        let manifest = image.put_into(&mut layout, Packing::Gzip);
        let digest: Digest = manifest["digest"].as_str().unwrap().parse().unwrap();
        let blobs: BTreeMap<String, Vec<u8>> = layout
            .into_parts()
            .0
            .into_iter()
            .filter_map(|(name, part)| match part {
                Part::File(bytes) => Some((name.strip_prefix("blobs/sha256/")?.to_owned(), bytes)),
                Part::Link(_) => None,
            })
            .collect();
        // different in each run, so that it can be looked for
        let password = token::github(77);
        let login = format!("Basic {}", login_of(&password));
        let fault: Box<Fault> = Box::new(fault);
        let server = Server::start(move |seen| {
            if let Some(reply) = fault(seen) {
                return reply;
            }
            if seen.header("authorization") != login {
                return Reply::of(401).with("WWW-Authenticate", "Basic realm=\"here\"");
            }
            let blob = seen.path.strip_prefix("/v2/shop/api/").and_then(|path| blobs.get(path.rsplit_once(':')?.1));
            match blob {
                Some(bytes) => Reply::file(bytes.clone()).with("Content-Type", MANIFEST),
                None => Reply::of(404),
            }
        });
        Self { server, digest, password }
    }

    /// What the header of a request shows.
    fn login(&self) -> String {
        login_of(&self.password)
    }

    fn reference(&self) -> String {
        format!("{}/shop/api@{}", self.server.url.trim_start_matches("http://"), self.digest)
    }

    fn task(&self) -> Task {
        let now = format!("{TODAY}T23:59:59Z").parse().unwrap();
        let mut task = Task::new(self.reference(), now);
        task.registry.username = Some(USER.into());
        task.registry.password = Some(Sensitive(self.password.clone()));
        task.registry.tries = Some(1);
        task.jobs = 2;
        task.formats = vec!["json".into()];
        task
    }
}

/// User and password in base64.
fn login_of(password: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes = format!("{USER}:{password}").into_bytes();
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0_usize, |bits, at| bits << 8 | usize::from(chunk.get(at).copied().unwrap_or(0)));
        for digit in 0..4 {
            let is_there = digit <= chunk.len();
            text.push(if is_there { char::from(DIGITS[bits >> (18 - 6 * digit) & 63]) } else { '=' });
        }
    }
    text
}

fn hygiene() -> Built {
    let recipe = Recipe::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/images/n-hygiene.toml"));
    recipe.build()
}

fn workers() -> Workers {
    Workers {
        program: env!("CARGO_BIN_EXE_careen").into(),
        deadline: Duration::from_secs(50),
        ..Workers::new().unwrap()
    }
}

fn scan_by(workers: &Workers, task: &Task) -> Ended {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(workers.run(task))
}

#[track_caller]
fn done(ended: Ended) -> Outcome {
    match ended {
        Ended::Done(outcome) => outcome,
        other => panic!("{other:?}"),
    }
}

/// Whether this kernel has Landlock: found out on a thread, which is all that is held by it.
fn has_landlock() -> bool {
    use landlock::{ABI, Access as _, AccessFs, Ruleset, RulesetAttr as _, RulesetStatus};
    let tried = std::thread::spawn(|| {
        let ruleset = Ruleset::default().handle_access(AccessFs::from_all(ABI::V1)).unwrap().create().unwrap();
        ruleset.restrict_self().unwrap().ruleset
    });
    tried.join().unwrap() != RulesetStatus::NotEnforced
}

#[test]
fn a_worker_finds_what_the_command_finds() {
    let registry = Registry::start(&hygiene(), |_| None);
    let mut task = registry.task();
    task.formats = vec!["sarif".into(), "json".into()];
    let outcome = done(scan_by(&workers(), &task));
    let [(sarif, log), (json, report)] = outcome.reports.as_slice() else { panic!("two reports") };
    let (log, report) = (&log.unpacked().unwrap(), &report.unpacked().unwrap());
    assert_eq!((sarif.as_str(), json.as_str()), ("sarif", "json"));

    let mut scan = command(&["scan", &registry.reference(), "--today", TODAY, "--username", USER, "-f", "json"]);
    scan.env("CAREEN_PASSWORD", &registry.password);
    let by_command = run(scan, &[]);
    assert_eq!(by_command.stdout, String::from_utf8_lossy(report), "{}", by_command.stderr);
    let mut scan = command(&["scan", &registry.reference(), "--today", TODAY, "--username", USER, "-f", "sarif"]);
    scan.env("CAREEN_PASSWORD", &registry.password);
    assert_eq!(run(scan, &[]).stdout, String::from_utf8_lossy(log));

    // the summary says what the report says
    let report: Value = serde_json::from_slice(report).unwrap();
    let [image] = outcome.summary.images.as_slice() else { panic!("one image") };
    let code = match image.outcome {
        Verdict::Passed => 0,
        Verdict::Failed => 1,
        Verdict::Incomplete => 3,
    };
    assert_eq!(by_command.code, code);
    assert_eq!(report["verdict"]["reason"], image.reason.as_str());
    assert_eq!(image.digest, Some(registry.digest.clone()));
    assert_eq!(report["target"]["size"], image.size);
    assert_eq!(report["packages"].as_array().unwrap().len(), image.packages);
    let findings = report["findings"].as_array().unwrap();
    assert!(!findings.is_empty());
    assert_eq!((image.findings.len(), image.left_out), (findings.len(), 0));
    for (row, finding) in image.findings.iter().zip(findings) {
        assert_eq!(finding["id"], row.fingerprint.as_str());
        assert_eq!(finding["rule"], row.rule.as_str());
        assert_eq!(finding["severity"], row.severity.as_str());
        assert_eq!(finding["action"], row.action.as_str());
    }
    assert_eq!(image.counts.iter().map(|count| count.findings).sum::<usize>(), findings.len());
    assert_eq!(outcome.summary.confinement.files, has_landlock());
}

/// An image of Debian with packages, one of them of somebody else, and an entry point that runs as root.
fn debian() -> Built {
    let package = |name: &str, version: &str, of: &str| {
        format!(
            "Package: {name}\nStatus: install ok installed\nMaintainer: A <a@{of}>\nSource: {name}-src\nVersion: {version}\n\
             Architecture: amd64\nDepends: zlib1g\n\n"
        )
    };
    let status = [
        ("openssl", "3.0.11-1", "debian.org"),
        ("zlib1g", "1:1.2.13", "debian.org"),
        ("docker-ce", "5:26", "docker.com"),
    ];
    let status: String = status.iter().map(|(name, version, of)| package(name, version, of)).collect();
    let base =
        RawTar::default().file("etc/os-release", "ID=debian\nVERSION_ID=12\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n");
    let lock = r#"{"lockfileVersion":3,"packages":{"":{"name":"x"},"node_modules/left-pad":{"version":"1.0.0"}}}"#;
    let upper = RawTar::default().file("srv/package-lock.json", lock);
    Built::of(&[base.file("var/lib/dpkg/status", &status).end(), upper.end()])
}

fn text_of(outcome: &Outcome, format: &str) -> String {
    let (_, report) = outcome.reports.iter().find(|(of, _)| of == format).unwrap();
    String::from_utf8(report.unpacked().unwrap()).unwrap()
}

#[test]
fn a_stored_report_is_judged_again_as_the_image_would_be_without_a_registry() {
    let older = database(&[fixed("DEBIAN-CVE-2024-0001", "Debian:12", "openssl-src", "3.0.12-1")]);
    let newer = database(&[
        fixed("DEBIAN-CVE-2024-0001", "Debian:12", "openssl-src", "3.0.10-1"),
        fixed("DEBIAN-CVE-2024-0002", "Debian:12", "zlib1g-src", "1:1.3"),
        fixed("DEBIAN-CVE-2024-0003", "Debian:12", "docker-ce-src", "5:27"),
        fixed("GHSA-aaaa-bbbb-cccc", "npm", "left-pad", "1.1.0"),
    ]);
    for image in [debian(), hygiene()] {
        let registry = Registry::start(&image, |_| None);
        let mut task = registry.task();
        task.formats = careen::output::FORMATS.iter().map(|format| format.id().to_owned()).collect();
        task.stale_hours = Some(1_000_000);
        task.policies = vec!["strict".into()];
        let by = |data: &tempfile::TempDir| Task { advisories: Some(data.path().to_owned()), ..task.clone() };
        let first = done(scan_by(&workers(), &by(&older)));
        let expected = done(scan_by(&workers(), &by(&newer)));
        let asked = registry.server.seen().len();

        let stored = |document: String| Some(Stored { document, policy: first.summary.policy.clone().unwrap() });
        let kept = text_of(&first, "json");
        let again = |data: &tempfile::TempDir, document: String| Task {
            stored: stored(document),
            registry: careen::server::worker::task::Registry::default(),
            ..by(data)
        };
        let same = done(scan_by(&workers(), &again(&older, kept.clone())));
        assert_eq!(same.summary.images, first.summary.images);
        let told = done(scan_by(&workers(), &again(&newer, kept.clone())));
        assert_eq!(told.summary.images, expected.summary.images);
        for format in &task.formats {
            assert_eq!(text_of(&same, format), text_of(&first, format), "{format}");
            assert_eq!(text_of(&told, format), text_of(&expected, format), "{format}");
        }
        assert_eq!(registry.server.seen().len(), asked, "nothing was asked");

        // what does not do is refused, and the image scanned
        let mut other = again(&newer, kept.clone());
        other.policies = vec!["report-only".into()];
        let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
        let of_another = again(&newer, kept.replacen(&version, "\"version\": \"0.0.9\"", 1));
        let cut = again(&newer, kept[..kept.len() / 2].to_owned());
        for (what, task) in [("policy", other), ("another version", of_another), ("without its image", cut)] {
            let ended = scan_by(&workers(), &task);
            let Ended::Refused(failure) = ended else { panic!("{what}: {ended:?}") };
            assert!(failure.message.contains(what) && !failure.is_transient, "{failure:?}");
        }
    }
}

#[test]
fn policies_waivers_and_limits_are_those_of_the_task() {
    let registry = Registry::start(&hygiene(), |_| None);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    };
    let mut task = registry.task();
    task.policies = vec!["report-only".into()];
    assert_eq!(done(scan_by(&workers(), &task)).summary.images[0].outcome, Verdict::Passed);
    task.policies = vec![write("policy.toml", "extends = \"careen:strict\"\n")];
    let strict = done(scan_by(&workers(), &task)).summary.images.remove(0);
    assert_eq!(strict.outcome, Verdict::Failed);
    assert!(strict.policies.iter().any(|name| name == "careen:strict"), "{:?}", strict.policies);
    let waiver = "[[waiver]]\nrule = \"image/machine-id\"\nreason = \"all of it goes in May\"\nexpires = 2026-05-31\n";
    task.waivers = vec![write("waivers.toml", waiver)];
    let accepted = done(scan_by(&workers(), &task)).summary.images.remove(0);
    assert!(accepted.counts.iter().any(|count| count.is_waived && count.findings > 0), "{:?}", accepted.counts);

    let refused = |task: &Task, kind: ErrorKind, said: &str| {
        let ended = scan_by(&workers(), task);
        let Ended::Refused(failure) = ended else { panic!("{said}: {ended:?}") };
        assert_eq!((failure.kind(), failure.is_transient), (kind, false), "{failure:?}");
        assert!(failure.message.contains(said), "{failure:?}");
    };
    task.limits.insert("layers".into(), "0".into());
    refused(&task, ErrorKind::Limit, "layers");
    task.limits = BTreeMap::from([("lairs".into(), "0".into())]);
    refused(&task, ErrorKind::Usage, "no limit `lairs`");
    let wrong = Task { policies: vec![write("wrong.toml", "[[rulez]]\n")], ..registry.task() };
    refused(&wrong, ErrorKind::Config, "rulez");
    let wrong = Task { policies: vec!["gate.rego".into()], ..registry.task() };
    refused(&wrong, ErrorKind::Config, "Rego");
    let wrong = Task { formats: vec!["jason".into()], ..registry.task() };
    refused(&wrong, ErrorKind::Usage, "no format `jason`");
    let wrong = Task { platform: Some("amiga".into()), ..registry.task() };
    refused(&wrong, ErrorKind::Usage, "amiga");
}

#[test]
fn what_a_registry_refuses_is_told_with_when_to_come_again() {
    type Case = (u16, &'static [(&'static str, &'static str)], ErrorKind, bool, Option<u64>);
    let cases: &[Case] = &[
        (404, &[], ErrorKind::NotFound, false, None),
        (401, &[], ErrorKind::Auth, false, None),
        (403, &[], ErrorKind::Auth, false, None),
        (429, &[("Retry-After", "17")], ErrorKind::Network, true, Some(17)),
        (429, &[], ErrorKind::Network, true, None),
        (503, &[("Retry-After", "3")], ErrorKind::Network, true, Some(3)),
    ];
    for (status, headers, kind, is_transient, retry_after) in cases {
        let registry = Registry::start(&hygiene(), move |seen| {
            let (_, said) = seen.header("authorization").split_once(' ')?;
            // what a server repeats of a credential is not shown
            let code = if *status == 404 { "MANIFEST_UNKNOWN" } else { "DENIED" };
            let body = format!("{{\"errors\":[{{\"code\":\"{code}\",\"message\":\"you sent {said}\"}}]}}");
            let mut reply = Reply { status: *status, body: body.into_bytes(), ..Reply::default() };
            for &(name, value) in *headers {
                reply = reply.with(name, value);
            }
            Some(reply)
        });
        let ended = scan_by(&workers(), &registry.task());
        let Ended::Refused(failure) = ended else { panic!("{status}: {ended:?}") };
        assert_eq!((failure.kind(), failure.is_transient), (*kind, *is_transient), "{failure:?}");
        assert_eq!(failure.retry_after().map(|wait| wait.as_secs()), *retry_after, "{failure:?}");
        let shown = format!("{failure:?}");
        assert!(!shown.contains(&registry.password) && !shown.contains(&registry.login()[..20]), "{shown}");
    }
    // nobody is there
    let mut task = Registry::start(&hygiene(), |_| None).task();
    task.reference = format!("127.0.0.1:1/shop/api@{}", Digest::sha256(b""));
    let ended = scan_by(&workers(), &task);
    let Ended::Refused(failure) = ended else { panic!("{ended:?}") };
    assert_eq!(failure.kind(), ErrorKind::Network);
    // another manifest than the one that was asked for
    let registry = Registry::start(&hygiene(), |seen| {
        seen.path.contains("/manifests/").then(|| Reply::file("{\"schemaVersion\":2}").with("Content-Type", MANIFEST))
    });
    let ended = scan_by(&workers(), &registry.task());
    let Ended::Refused(failure) = ended else { panic!("{ended:?}") };
    assert_eq!((failure.kind(), failure.is_transient), (ErrorKind::Malformed, false), "{failure:?}");
}

/// Everything that `/proc` shows of this process's children that are workers.
fn shown_of_workers() -> Vec<u8> {
    let mut shown = Vec::new();
    let own = std::process::id().to_string();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let path = entry.path();
        let stat = fs::read_to_string(path.join("stat")).unwrap_or_default();
        let is_child = stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.split(' ').nth(1) == Some(own.as_str()));
        let line = fs::read(path.join("cmdline")).unwrap_or_default();
        if is_child && line.ends_with(b"\0worker\0") {
            shown.extend(line);
            // where it may not be read, nobody reads it
            shown.extend(fs::read(path.join("environ")).unwrap_or_default());
        }
    }
    shown
}

#[test]
fn no_credential_is_in_arguments_environment_or_output() {
    let seen_of_workers: Arc<Mutex<Vec<u8>>> = Arc::default();
    let log = Arc::clone(&seen_of_workers);
    let registry = Registry::start(&hygiene(), move |_| {
        log.lock().unwrap().extend(shown_of_workers());
        None
    });
    let mut task = registry.task();
    task.fingerprint_key = Some(Sensitive(token::github(78)));
    task.formats = careen::output::FORMATS.iter().map(|format| format.id().to_owned()).collect();
    let folder = tempfile::tempdir().unwrap();
    let mut workers = workers();
    workers.environment.push(("TMPDIR".into(), folder.path().into()));
    let outcome = done(scan_by(&workers, &task));
    let shown = seen_of_workers.lock().unwrap().clone();
    assert!(String::from_utf8_lossy(&shown).contains("worker"), "it was looked at while it ran");
    let texts: Vec<Vec<u8>> = outcome.reports.iter().map(|(_, report)| report.unpacked().unwrap()).collect();
    let summary = serde_json::to_vec(&outcome.summary).unwrap();
    for secret in [&registry.password, &token::github(78), &registry.login()] {
        let part = &secret.as_bytes()[..20];
        for text in texts.iter().map(Vec::as_slice).chain([shown.as_slice(), summary.as_slice()]) {
            assert!(!text.windows(part.len()).any(|window| window == part), "{}", String::from_utf8_lossy(text));
        }
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was written");
}

#[test]
fn a_worker_that_needs_too_much_memory_or_time_ends_alone() {
    let registry = Registry::start(&hygiene(), |_| None);
    let mut task = registry.task();
    for mib in [2, 4, 5, 6] {
        task.caps.memory = mib << 20;
        let ended = scan_by(&workers(), &task);
        let is_told = match &ended {
            Ended::OutOfMemory => true,
            Ended::Crashed(crash) => matches!(crash.how, How::Signal(_) | How::Code(_)),
            // a thread that cannot be started, be it for the network
            Ended::Refused(failure) => failure.message.contains("thread") || failure.kind() == ErrorKind::Internal,
            _ => false,
        };
        assert!(is_told, "{mib} MiB: {ended:?}");
    }
    task.caps.memory = 256 << 20;
    let image = done(scan_by(&workers(), &task)).summary.images.remove(0);
    assert!(!image.has_gaps, "{:?}", image.gaps);

    // one whose registry is slower than the deadline
    let slow = Registry::start(&hygiene(), |seen| {
        seen.path.contains("/blobs/").then(|| Reply { drip: Some(1), ..Reply::file(vec![0; 500]) })
    });
    let hurried = Workers { deadline: Duration::from_secs(2), ..workers() };
    let start = Instant::now();
    assert_eq!(scan_by(&hurried, &slow.task()), Ended::TimedOut);
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[test]
fn a_worker_reaches_the_ports_of_its_registry_alone() {
    let image = hygiene();
    let blobs: BTreeMap<String, Vec<u8>> = image
        .layers
        .iter()
        .map(|layer| crate::support::image::pack(layer, Packing::Gzip))
        .map(|bytes| (Digest::sha256(&bytes).hex().to_owned(), bytes))
        .collect();
    let names: Vec<String> = blobs.keys().cloned().collect();
    let elsewhere = Server::start(move |seen| match seen.path.strip_prefix('/').and_then(|name| blobs.get(name)) {
        Some(bytes) => Reply::file(bytes.clone()),
        None => Reply::of(404),
    });
    let url = elsewhere.url.clone();
    let registry = Registry::start(&image, move |seen| {
        let name = names.iter().find(|name| seen.path.ends_with(name.as_str()))?;
        Some(Reply::of(307).with("Location", format!("{url}/{name}")))
    });
    let mut task = registry.task();
    let outcome = done(scan_by(&workers(), &task));
    let is_held = outcome.summary.confinement.network;
    let image = &outcome.summary.images[0];
    assert_eq!(image.has_gaps, is_held, "{:?}", image.gaps);
    assert_eq!(elsewhere.paths().is_empty(), is_held);
    if is_held {
        assert!(image.is_worth_another_try(), "{:?}", image.gaps);
        task.registry.ports = vec![elsewhere.url.rsplit_once(':').unwrap().1.parse().unwrap()];
        let image = done(scan_by(&workers(), &task)).summary.images.remove(0);
        assert!(!image.has_gaps, "{:?}", image.gaps);
        assert!(!elsewhere.paths().is_empty());
        // a redirect leaves the login behind
        assert!(elsewhere.seen().iter().all(|seen| seen.header("authorization").is_empty()));
    }
}

#[test]
fn layers_are_fetched_once_and_never_believed() {
    let registry = Registry::start(&hygiene(), |_| None);
    let folder = tempfile::tempdir().unwrap();
    let files = || -> Vec<_> { fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect() };
    let mut task = registry.task();
    let plain = done(scan_by(&workers(), &task));
    let layers = plain.summary.images[0].layers;
    task.cache = Some(Cache { folder: folder.path().into(), largest: 1 << 20 });
    let fetched = |task: &Task| {
        let before = registry.server.paths().len();
        let outcome = done(scan_by(&workers(), task));
        let paths = registry.server.paths().split_off(before);
        // the configuration is fetched each time
        let blobs: std::collections::BTreeSet<_> = paths.into_iter().filter(|path| path.contains("/blobs/")).collect();
        (outcome, blobs.len() - 1)
    };
    let (first, count) = fetched(&task);
    assert_eq!((&first, count), (&plain, layers));
    assert_eq!(files().len(), layers);
    let (second, count) = fetched(&task);
    assert_eq!((&second, count), (&plain, 0));

    // a damaged one is fetched anew
    let damaged = files().remove(0);
    let mut bytes = fs::read(&damaged).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&damaged, bytes).unwrap();
    let (third, count) = fetched(&task);
    assert_eq!((&third, count), (&plain, 1));
    assert_eq!(files().len(), layers);

    // what is larger is not kept, and a folder that is not there keeps nothing
    for (name, largest) in [("", 10), ("nowhere", 1 << 20)] {
        let empty = tempfile::tempdir().unwrap();
        task.cache = Some(Cache { folder: empty.path().join(name), largest });
        assert_eq!(fetched(&task), (plain.clone(), layers));
        assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_worker_ends_with_its_server() {
    let registry = Registry::start(&hygiene(), |seen| {
        seen.path.contains("/blobs/").then(|| Reply { stall: Duration::from_mins(1), cut: Some(0), ..Reply::file("x") })
    });
    let task = serde_json::to_vec(&registry.task()).unwrap();
    let mut worker =
        command(&["worker"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    worker.stdin.take().unwrap().write_all(&task).unwrap();
    let start = Instant::now();
    while !registry.server.paths().iter().any(|path| path.contains("/blobs/")) {
        assert!(start.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(worker.stdout.take());
    let start = Instant::now();
    let status = loop {
        if let Some(status) = worker.try_wait().unwrap() {
            break status;
        }
        assert!(start.elapsed() < Duration::from_secs(5), "it goes on for nobody");
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(status.signal(), Some(9));
}

#[test]
fn garbage_for_a_task_is_refused_in_form() {
    for input in [&b""[..], b"{", b"[]", &[0xff; 100], &vec![b'x'; 2 << 20]] {
        let mut worker =
            command(&["worker"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // it need not read all of it
        let _ = worker.stdin.take().unwrap().write_all(input);
        let mut answer = String::new();
        worker.stdout.take().unwrap().read_to_string(&mut answer).unwrap();
        assert!(worker.wait().unwrap().success());
        assert!(answer.starts_with("{\"kind\":\"failure\"") && answer.contains("\"kind\":\"end\""), "{answer}");
    }
    assert!(!run(command(&["--help"]), &[]).stdout.contains("worker"), "no person needs to know it");
}
