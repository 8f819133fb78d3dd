//! A registry in this process, with faults on demand, and what careen makes of it.

#![expect(clippy::print_stdout, reason = "a trial shows what it did")]

mod push;
mod tags;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::super::{Access, PlatformChoice, Sensitive};
use super::*;
use crate::image::{Image, Platform};
use crate::limit::Limits;

/// A request as the server saw it.
#[derive(Debug, Clone, Default)]
struct Seen {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// First byte of a `Range`.
    fn from(&self) -> usize {
        let range = self.header("range").trim_start_matches("bytes=").trim_end_matches('-');
        range.parse().unwrap_or(0)
    }
}

/// What the server answers.
#[derive(Debug, Clone, Default)]
struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// Bytes of the body that are sent before the connection is closed.
    cut: Option<usize>,
    /// Sends no `Content-Length`.
    uncounted: bool,
    /// Keeps the connection open in silence after the cut.
    stall: Duration,
    /// Sends the body byte by byte, with so much between them.
    drip: Duration,
}

fn reply(status: u16) -> Reply {
    Reply { status, ..Reply::default() }
}

impl Reply {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

/// A server on loopback, one thread for each connection, which carries one request.
struct Server {
    authority: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<Mutex<usize>>,
}

impl Server {
    /// `handler` gets the server's own host and port, the request, and how often that path was asked before.
    fn start(handler: impl Fn(&str, &Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let authority = listener.local_addr().expect("an address").to_string();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let connections: Arc<Mutex<usize>> = Arc::default();
        let handler = Arc::new(handler);
        let (own, log, count) = (authority.clone(), Arc::clone(&seen), Arc::clone(&connections));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                *count.lock().expect("no panic") += 1;
                let (handler, own, log) = (Arc::clone(&handler), own.clone(), Arc::clone(&log));
                std::thread::spawn(move || serve(stream, &own, &log, handler.as_ref()));
            }
        });
        Self { authority, seen, connections }
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no panic").clone()
    }

    fn count(&self, path: &str) -> usize {
        self.seen().iter().filter(|seen| seen.path.contains(path)).count()
    }

    fn connections(&self) -> usize {
        *self.connections.lock().expect("no panic")
    }
}

fn serve(stream: TcpStream, own: &str, log: &Mutex<Vec<Seen>>, handler: &dyn Fn(&str, &Seen, usize) -> Reply) {
    let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
    let mut writer = stream;
    // a client that tries TLS first
    if reader.fill_buf().is_ok_and(|bytes| bytes.first().is_none_or(|byte| *byte == 0x16)) {
        let _ = writer.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n");
        return;
    }
    let mut seen = Seen::default();
    let mut line = String::new();
    let _ = reader.read_line(&mut line);
    let mut words = line.split(' ').map(str::to_owned);
    seen.method = words.next().unwrap_or_default();
    seen.path = words.next().unwrap_or_default();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).is_err() || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            seen.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    let length: u64 = seen.header("content-length").parse().unwrap_or(0);
    let _ = reader.take(length).read_to_string(&mut seen.body);
    let nth = {
        let mut log = log.lock().expect("no panic");
        let nth = log.iter().filter(|other| other.path == seen.path).count();
        log.push(seen.clone());
        nth
    };
    let reply = handler(own, &seen, nth);
    let mut head = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", reply.status);
    if !reply.uncounted {
        let _ = write!(head, "Content-Length: {}\r\n", reply.body.len());
    }
    for (name, value) in &reply.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head.push_str("\r\n");
    let sent = reply.cut.unwrap_or(reply.body.len());
    let _ = writer.write_all(head.as_bytes());
    if reply.drip.is_zero() {
        let _ = writer.write_all(&reply.body[..sent]);
    } else {
        for byte in &reply.body[..sent] {
            if writer.write_all(&[*byte]).is_err() {
                return;
            }
            std::thread::sleep(reply.drip);
        }
    }
    let _ = writer.flush();
    std::thread::sleep(reply.stall);
}

/// One image: its manifest, its configuration and its only layer, as `team/app:1.0`.
#[derive(Debug, Clone)]
struct Fixture {
    manifest: Vec<u8>,
    config: Vec<u8>,
    layer: Vec<u8>,
}

const MANIFEST: &str = "/v2/team/app/manifests/1.0";

impl Fixture {
    fn new() -> Self {
        let layer: Vec<u8> = (0u32..300_000).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let config = serde_json::json!({
            "os": "linux", "architecture": Platform::host().architecture,
            "rootfs": {"type": "layers", "diff_ids": [Digest::sha256(b"unpacked").to_string()]},
        });
        let config = config.to_string().into_bytes();
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST,
            "config": {"mediaType": media_type::OCI_CONFIG, "digest": Digest::sha256(&config).to_string(), "size": config.len()},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": Digest::sha256(&layer).to_string(), "size": layer.len()}],
        });
        Self { manifest: manifest.to_string().into_bytes(), config, layer }
    }

    fn layer_path(&self) -> String {
        format!("/v2/team/app/blobs/{}", Digest::sha256(&self.layer))
    }

    /// What a registry without faults answers.
    fn answer(&self, seen: &Seen) -> Reply {
        let digest = Digest::sha256(&self.manifest);
        if seen.path == MANIFEST || seen.path == format!("/v2/team/app/manifests/{digest}") {
            return reply(200).with("Docker-Content-Digest", digest.to_string()).body(self.manifest.clone());
        }
        if seen.path == format!("/v2/team/app/blobs/{}", Digest::sha256(&self.config)) {
            return reply(200).body(self.config.clone());
        }
        if seen.path == self.layer_path() {
            return self.layer_from(seen.from());
        }
        reply(404).body(r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest \u001b[2J unknown"}]}"#)
    }

    fn layer_from(&self, from: usize) -> Reply {
        if from == 0 {
            return reply(200).body(self.layer.clone());
        }
        let size = self.layer.len();
        reply(206).with("Content-Range", format!("bytes {from}-{}/{size}", size - 1)).body(&self.layer[from..])
    }
}

fn quick() -> Pace {
    Pace {
        first_wait: Duration::from_millis(1),
        connect: Duration::from_secs(5),
        stall: Duration::from_secs(3),
        ..Pace::default()
    }
}

fn open_reference(location: &str, access: &Access) -> Result<Vec<Image>> {
    open_reference_with(location, access, quick())
}

fn open_reference_with(location: &str, access: &Access, pace: Pace) -> Result<Vec<Image>> {
    let limits = Limits::default();
    let request = Request {
        location,
        choice: Choice::Only,
        platform: PlatformChoice::Host,
        limits: &limits,
        access,
        unwrap: None,
    };
    match open_with_pace(&request, pace)? {
        Opened::Images(images) => Ok(images),
        Opened::Stream(_) | Opened::Bill(..) => panic!("a registry gives images"),
    }
}

fn open(server: &Server, access: &Access) -> Result<Image> {
    Ok(open_reference(&format!("{}/team/app:1.0", server.authority), access)?.remove(0))
}

fn read_layer(image: &Image) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    image.layers[0].blob.open().map_err(std::io::Error::other)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Everything an error could show anywhere.
fn all_of(error: &Error) -> String {
    format!("{error} {error:?}")
}

fn password() -> String {
    ["hunter", "2-and-more"].concat()
}

/// `Basic` and the base64 of `ci:hunter2-and-more`.
const BASIC: &str = "Basic Y2k6aHVudGVyMi1hbmQtbW9yZQ==";

fn login() -> Access {
    Access { username: Some("ci".into()), password: Some(Sensitive(password())), ..Access::default() }
}

#[test]
fn an_image_for_everybody_is_read_without_credentials() {
    let fixture = Fixture::new();
    let expected = fixture.clone();
    let server = Server::start(move |_, seen, _| fixture.answer(seen));
    let image = open(&server, &login()).expect("an image");
    assert_eq!(read_layer(&image).expect("a layer"), expected.layer);
    assert_eq!(read_layer(&image).expect("a layer again"), expected.layer);
    assert_eq!(image.target.source, "registry");
    assert_eq!(image.target.digest, Some(Digest::sha256(&expected.manifest)));
    assert_eq!(image.target.config_digest, Some(Digest::sha256(&expected.config)));
    assert!(server.seen().iter().all(|seen| seen.header("authorization").is_empty()));
    assert!(server.seen()[0].header("accept").contains(media_type::DOCKER_INDEX));
    let pinned = format!("{}/team/app@{}", server.authority, Digest::sha256(&expected.manifest));
    assert_eq!(open_reference(&pinned, &Access::default()).expect("an image").len(), 1);
}

#[test]
fn what_is_not_there_is_named() {
    let fixture = Fixture::new();
    let server = Server::start(move |_, seen, _| fixture.answer(seen));
    let error =
        open_reference(&format!("{}/team/app:2.0", server.authority), &Access::default()).expect_err("no such tag");
    assert_eq!(error.kind, ErrorKind::NotFound);
    let text = all_of(&error);
    for part in ["`2.0`", "team/app", "404", "MANIFEST_UNKNOWN", &server.authority] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!error.message.contains('\u{1b}'), "{text}");
}

/// What becomes of a manifest, where a registry has these documents and blobs as well.
fn kind_of(root: &serde_json::Value, others: &[Vec<u8>]) -> Option<ErrorKind> {
    let root = root.to_string().into_bytes();
    let digest = Digest::sha256(&root);
    let all = others.iter().cloned().chain([root]).map(|bytes| (Digest::sha256(&bytes).to_string(), bytes));
    let all: BTreeMap<String, Vec<u8>> = all.collect();
    let server = Server::start(move |_, seen, _| match all.get(seen.path.rsplit('/').next().unwrap_or_default()) {
        Some(bytes) => reply(200).body(bytes.clone()),
        None => reply(404),
    });
    let opened = open_reference(&format!("{}/team/app@{digest}", server.authority), &Access::default());
    opened.err().map(|error| error.kind)
}

#[test]
fn what_is_no_image_is_told_apart_from_what_may_be_run() {
    use serde_json::json;
    let fixture = Fixture::new();
    let named = |media_type: &str, bytes: &[u8]| json!({"mediaType": media_type, "digest": Digest::sha256(bytes).to_string(), "size": bytes.len()});
    let image: serde_json::Value = serde_json::from_slice(&fixture.manifest).expect("JSON");
    let with = |changes: serde_json::Value| {
        let mut changed = image.clone();
        for (key, value) in changes.as_object().expect("an object") {
            changed[key] = value.clone();
        }
        changed
    };
    let none = named("application/vnd.oci.empty.v1+json", b"{}");
    let chart = named("application/vnd.cncf.helm.config.v1+json", b"{}");
    let subject = named(media_type::OCI_MANIFEST, b"subject");
    let statement = br#"{"_type":"https://in-toto.io/Statement/v0.1"}"#;
    let in_toto = "application/vnd.in-toto+json";
    let entry = |platform: &str, annotations: serde_json::Value| {
        let (os, architecture) = platform.split_once('/').expect("a platform");
        let mut entry = named(media_type::OCI_MANIFEST, &fixture.manifest);
        entry["platform"] = json!({"os": os, "architecture": architecture});
        entry["annotations"] = annotations;
        entry
    };
    let index = |entries: &[serde_json::Value]| json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": entries});
    let here = format!("linux/{}", Platform::host().architecture);
    let attestation = json!({"vnd.docker.reference.type": "attestation-manifest"});
    let old = named("application/vnd.docker.distribution.manifest.v1+prettyjws", b"{}");
    let signed = json!({"layers": [named("application/vnd.dev.cosign.simplesigning.v1+json", statement)]});
    let cases = [
        ("an image", image.clone(), None),
        ("an image that calls itself attached", with(json!({"subject": subject})), None),
        ("a chart", with(json!({"config": chart})), Some(ErrorKind::NoImage)),
        (
            "a report",
            with(json!({"config": none, "artifactType": "x/y", "subject": subject})),
            Some(ErrorKind::NoImage),
        ),
        ("an image that calls itself an artifact", with(json!({"artifactType": "x/y"})), Some(ErrorKind::Malformed)),
        ("statements", with(json!({"layers": [named(in_toto, statement)]})), Some(ErrorKind::NoImage)),
        ("a signature", with(signed), Some(ErrorKind::NoImage)),
        ("files that call themselves statements", with(json!({"layers": [named(in_toto, &fixture.layer)]})), None),
        ("statements alone", index(&[entry("unknown/unknown", attestation.clone())]), Some(ErrorKind::NoImage)),
        ("an image that calls itself a statement", index(&[entry(&here, attestation.clone())]), None),
        ("an image of the old schema 1 alone", index(&[old]), Some(ErrorKind::Malformed)),
        ("an image and its statement", index(&[entry(&here, json!({})), entry("unknown/unknown", attestation)]), None),
    ];
    let others =
        [fixture.manifest.clone(), fixture.config.clone(), fixture.layer.clone(), statement.to_vec(), b"{}".to_vec()];
    for (what, root, expected) in cases {
        assert_eq!(kind_of(&root, &others), expected, "{what}");
    }
}

#[test]
fn a_password_is_sent_when_asked_for_and_then_kept() {
    let fixture = Fixture::new();
    let layer = fixture.layer.clone();
    let server = Server::start(move |_, seen, _| match seen.header("authorization") {
        BASIC => fixture.answer(seen),
        _ => reply(401).with("WWW-Authenticate", r#"Basic realm="test""#),
    });
    let image = open(&server, &login()).expect("an image");
    assert_eq!(read_layer(&image).expect("a layer"), layer);
    assert_eq!(server.seen().iter().filter(|seen| seen.header("authorization").is_empty()).count(), 1);

    let error = open(&server, &Access::default()).expect_err("no login");
    assert_eq!(error.kind, ErrorKind::Auth);
    assert!(error.help.as_deref().is_some_and(|help| help.contains("docker login")), "{error:?}");
}

#[test]
fn a_wrong_password_is_sent_once_and_never_shown() {
    let server = Server::start(|_, seen, _| {
        // a server that repeats what it was sent
        let words =
            format!(r#"{{"errors":[{{"code":"DENIED","message":"you sent {}"}}]}}"#, seen.header("authorization"));
        let status =
            if seen.path.contains("forbidden") && !seen.header("authorization").is_empty() { 403 } else { 401 };
        reply(status).with("WWW-Authenticate", r#"Basic realm="test""#).body(words)
    });
    for path in ["team/app:1.0", "team/forbidden:1.0"] {
        let error = open_reference(&format!("{}/{path}", server.authority), &login()).expect_err("refused");
        assert_eq!(error.kind, ErrorKind::Auth);
        let text = all_of(&error);
        assert!(!text.contains("hunter2") && !text.contains("Y2k6aHVudG"), "{text}");
        assert_eq!(
            server
                .seen()
                .iter()
                .filter(|seen| seen.path.contains(&path[..8]) && !seen.header("authorization").is_empty())
                .count(),
            1
        );
    }
}

#[test]
fn a_token_is_fetched_with_the_password_on_the_same_host() {
    let fixture = Fixture::new();
    let server = Server::start(move |own, seen, _| {
        if seen.path.starts_with("/token") {
            return match seen.header("authorization") {
                BASIC => reply(200).body(r#"{"token":"first-token"}"#),
                _ => reply(401),
            };
        }
        match seen.header("authorization") {
            "Bearer first-token" => fixture.answer(seen),
            _ => reply(401).with(
                "WWW-Authenticate",
                format!(r#"Bearer realm="http://{own}/token",service="s v",scope="repository:team/app:pull,push""#),
            ),
        }
    });
    read_layer(&open(&server, &login()).expect("an image")).expect("a layer");
    let tokens: Vec<Seen> = server.seen().into_iter().filter(|seen| seen.path.starts_with("/token")).collect();
    assert_eq!(tokens.len(), 1);
    assert_eq!(tokens[0].path, "/token?service=s+v&scope=repository%3Ateam%2Fapp%3Apull");
    assert!(
        server
            .seen()
            .iter()
            .all(|seen| !seen.path.starts_with("/v2") || !seen.header("authorization").starts_with("Basic"))
    );
}

#[test]
fn a_token_service_elsewhere_gets_no_credentials() {
    let service = Server::start(|_, _, _| reply(200).body(r#"{"access_token":"other-token"}"#));
    let realm = service.authority.clone();
    let fixture = Fixture::new();
    let server = Server::start(move |_, seen, _| match seen.header("authorization") {
        "Bearer other-token" => fixture.answer(seen),
        _ => reply(401).with("WWW-Authenticate", format!(r#"Bearer realm="http://{realm}/token""#)),
    });
    let error = open(&server, &login()).expect_err("refused");
    assert_eq!((error.kind, service.connections()), (ErrorKind::Auth, 0));
    assert!(error.message.contains(&service.authority) && error.message.contains(&server.authority), "{error}");
    assert!(!all_of(&error).contains("hunter2"));

    // without credentials there is nothing to lose
    open(&server, &Access::default()).expect("an image");
    assert!(service.seen().iter().all(|seen| seen.header("authorization").is_empty()));
    assert_eq!(service.seen().len(), 1);

    let trusted_realms = BTreeMap::from([(server.authority.clone(), vec![service.authority.clone()])]);
    open(&server, &Access { trusted_realms, ..login() }).expect("an image");
    assert_eq!(service.seen()[1].header("authorization"), BASIC);
}

#[test]
fn strange_token_services_are_refused() {
    for (realm, answer) in [
        ("http://169.254.169.254/token", "{}"),
        ("file:///etc/passwd", "{}"),
        ("http://user:pw@OWN/token", "{}"),
        ("not a url", "{}"),
        ("http://OWN/token", "{}"),
        ("http://OWN/token", r#"{"token":""}"#),
        ("http://OWN/token", r#"{"token":"a\r\nX: y"}"#),
        ("http://OWN/token", "no json"),
        ("http://OWN/token", "HUGE"),
    ] {
        let server = Server::start(move |own, seen, _| {
            if seen.path.starts_with("/token") {
                let body = if answer == "HUGE" { vec![b' '; 2 << 20] } else { answer.into() };
                return reply(200).body(body);
            }
            reply(401).with("WWW-Authenticate", format!(r#"Bearer realm="{}""#, realm.replace("OWN", own)))
        });
        let start = Instant::now();
        let error = open(&server, &login()).expect_err(realm);
        assert!(matches!(error.kind, ErrorKind::Auth | ErrorKind::Network | ErrorKind::Limit), "{realm} {error:?}");
        assert!(start.elapsed() < Duration::from_secs(5) && !all_of(&error).contains("hunter2"));
    }
}

#[test]
fn a_given_token_is_used_as_it_is_and_never_shown() {
    let fixture = Fixture::new();
    let server = Server::start(move |_, seen, _| match seen.header("authorization") {
        "Bearer given-token" => fixture.answer(seen),
        _ => reply(401).with("WWW-Authenticate", "Bearer realm=\"http://169.254.169.254/\""),
    });
    let access = |token: &str| Access { registry_token: Some(Sensitive(token.into())), ..Access::default() };
    open(&server, &access("given-token\n")).expect("an image");
    let error = open(&server, &access("wrong-token")).expect_err("refused");
    assert!(error.kind == ErrorKind::Auth && !all_of(&error).contains("wrong-token"), "{error:?}");
    let error = open(&server, &access("two words")).expect_err("no token");
    assert_eq!(error.kind, ErrorKind::Usage);
}

#[test]
fn an_identity_token_is_exchanged_and_renewed_in_mid_pull() {
    let folder = tempfile::tempdir().expect("a folder");
    let fixture = Fixture::new();
    let layer = fixture.layer.clone();
    let layer_path = fixture.layer_path();
    let uses = Mutex::new(0);
    let server = Server::start(move |own, seen, nth| {
        if seen.path == "/token" {
            let is_right = seen.method == "POST"
                && seen.body.contains("grant_type=refresh_token")
                && seen.body.contains("refresh_token=my-identity")
                && seen.body.contains("scope=repository%3Ateam%2Fapp%3Apull");
            let token = format!(r#"{{"access_token":"token-{nth}"}}"#);
            return if is_right { reply(200).body(token) } else { reply(400) };
        }
        let mut uses = uses.lock().expect("no panic");
        // each token serves three requests: the layer's first answer is the last with the first token
        let token = format!("Bearer token-{}", *uses / 3);
        if seen.header("authorization") != token {
            return reply(401).with("WWW-Authenticate", format!(r#"Bearer realm="http://{own}/token",service="r""#));
        }
        *uses += 1;
        let answer = fixture.answer(seen);
        if seen.path == layer_path && seen.from() == 0 { Reply { cut: Some(100_000), ..answer } } else { answer }
    });
    let config = serde_json::json!({"auths": {&server.authority: {"auth": "MDA6", "identitytoken": "my-identity"}}});
    std::fs::write(folder.path().join("config.json"), config.to_string()).expect("a file");
    let access = Access { docker_config: Some(folder.path().into()), ..Access::default() };
    let image = open(&server, &access).expect("an image");
    assert!(read_layer(&image).expect("a layer") == layer);
    assert_eq!(server.count("/token"), 2);
}

#[test]
fn passing_failures_are_tried_again() {
    for (status, header) in [(429, Some("0")), (503, None), (500, None)] {
        let fixture = Fixture::new();
        let server = Server::start(move |_, seen, nth| match header {
            _ if nth >= 2 || seen.path != MANIFEST => fixture.answer(seen),
            Some(seconds) => reply(status).with("Retry-After", seconds),
            None => reply(status),
        });
        open(&server, &Access::default()).expect("an image");
        assert_eq!(server.count(MANIFEST), 3);
    }
    let server = Server::start(|_, _, _| reply(502));
    let error = open(&server, &Access::default()).expect_err("never");
    assert_eq!((error.kind, server.count(MANIFEST)), (ErrorKind::Network, 5));
    assert!(error.message.contains("502") && error.message.contains("tried 5 times"), "{error}");
    let server = Server::start(|_, _, _| reply(400));
    open(&server, &Access::default()).expect_err("no use");
    assert_eq!(server.count(MANIFEST), 1);
}

#[test]
fn a_manifest_that_breaks_off_is_fetched_again() {
    let fixture = Fixture::new();
    let server = Server::start(move |_, seen, nth| {
        let answer = fixture.answer(seen);
        if nth == 0 && seen.path == MANIFEST { Reply { cut: Some(20), ..answer } } else { answer }
    });
    open(&server, &Access::default()).expect("an image");
}

#[test]
fn a_registry_that_cannot_be_reached_is_named() {
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let error = open_reference(&format!("{port}/team/app:1.0"), &Access::default()).expect_err("nobody listens");
    assert!(error.kind == ErrorKind::Network && all_of(&error).contains(&port.to_string()), "{error:?}");
}

#[test]
fn broken_blobs_are_resumed_where_they_stopped() {
    for (name, takes_ranges) in [("with ranges", true), ("ranges ignored", false)] {
        let fixture = Fixture::new();
        let layer = fixture.layer.clone();
        let layer_path = fixture.layer_path();
        let path = layer_path.clone();
        let server = Server::start(move |_, seen, nth| {
            if seen.path != layer_path {
                return fixture.answer(seen);
            }
            let answer = fixture.layer_from(if takes_ranges { seen.from() } else { 0 });
            let cut = if takes_ranges { 60_000 } else { 60_000 * (nth + 1) };
            Reply { cut: Some(cut.min(answer.body.len())), uncounted: nth == 1, ..answer }
        });
        let image = open(&server, &Access::default()).expect("an image");
        assert!(read_layer(&image).expect(name) == layer, "{name}");
        let ranges: Vec<usize> = server.seen().iter().filter(|seen| seen.path == path).map(Seen::from).collect();
        assert_eq!(ranges, [0, 60_000, 120_000, 180_000, 240_000], "{name}");
    }
}

#[test]
fn a_stalled_blob_is_resumed() {
    let fixture = Fixture::new();
    let layer = fixture.layer.clone();
    let path = fixture.layer_path();
    let server = Server::start(move |_, seen, nth| {
        let answer = fixture.answer(seen);
        if seen.path != path || nth > 0 {
            return answer;
        }
        Reply { cut: Some(1_000), stall: Duration::from_secs(20), ..answer }
    });
    let image = open(&server, &Access::default()).expect("an image");
    let start = Instant::now();
    assert!(read_layer(&image).expect("a layer") == layer);
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_body_that_drips_is_given_up_after_as_many_tries_as_any_other() {
    for what in ["manifest", "layer", "error"] {
        let fixture = Fixture::new();
        let dripping = if what == "layer" { fixture.layer_path() } else { MANIFEST.to_owned() };
        let path = dripping.clone();
        let server = Server::start(move |_, seen, _| {
            let mut answer = fixture.answer(seen);
            if seen.path == path {
                answer.drip = Duration::from_millis(10);
                if what == "error" {
                    (answer.status, answer.body) = (500, vec![b'x'; 9_000]);
                }
            }
            answer
        });
        let pace = Pace { attempts: 2, stall: Duration::from_millis(500), ..quick() };
        let opened = open_reference_with(&format!("{}/team/app:1.0", server.authority), &Access::default(), pace);
        let error = match opened.map(|mut images| read_layer(&images.remove(0))) {
            Ok(layer) => layer.expect_err("it does not come").to_string(),
            Err(error) => error.to_string(),
        };
        let expected = if what == "error" { "answers 500" } else { "next to nothing" };
        assert!(error.contains(expected) && error.contains("tried 2 times"), "{what}: {error}");
        assert_eq!(server.seen().iter().filter(|seen| seen.path == dripping).count(), 2, "{what}");
    }
}

#[test]
fn blobs_that_cannot_be_had_end_in_an_error_or_visibly_wrong() {
    type Fault = fn(&Fixture, &Seen, usize) -> Reply;
    let cases: [(&str, Fault, Result<usize, &str>); 6] = [
        ("never a byte", |f, _, _| Reply { cut: Some(0), ..f.layer_from(0) }, Err("broke off")),
        (
            "another part",
            |f, s, n| {
                if n == 0 { Reply { cut: Some(5), ..f.layer_from(0) } } else { f.layer_from(s.from() + 1) }
            },
            Err("another part"),
        ),
        ("gone", |f, _, n| if n == 0 { Reply { cut: Some(5), ..f.layer_from(0) } } else { reply(404) }, Err("404")),
        ("too short", |f, _, _| reply(200).body(&f.layer[..1_000]), Ok(1_000)),
        ("too long", |f, _, _| reply(200).body([f.layer.clone(), vec![0; 900_000]].concat()), Ok(300_000 + 65_536)),
        (
            "shorter at last",
            |f, _, n| {
                if n == 0 { Reply { cut: Some(5), ..f.layer_from(0) } } else { reply(416) }
            },
            Ok(5),
        ),
    ];
    for (name, fault, expected) in cases {
        let fixture = Fixture::new();
        let path = fixture.layer_path();
        let server = Server::start(
            move |_, seen, nth| {
                if seen.path == path { fault(&fixture, seen, nth) } else { fixture.answer(seen) }
            },
        );
        let image = open(&server, &Access::default()).expect("an image");
        match (read_layer(&image), expected) {
            // the end comes with the piece that goes beyond the size
            (Ok(bytes), Ok(most)) => {
                assert!(
                    bytes.len() <= most && (bytes.len() > 300_000 || bytes.len() == most),
                    "{name} {}",
                    bytes.len()
                );
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{name}: {error}"),
            (got, _) => panic!("{name}: {:?}", got.map(|bytes| bytes.len())),
        }
    }
}

#[test]
fn dropping_a_reader_ends_its_download() {
    let fixture = Fixture::new();
    let path = fixture.layer_path();
    let server = Server::start(move |_, seen, _| {
        if seen.path == path { Reply { body: vec![7; 64 << 20], ..reply(200) } } else { fixture.answer(seen) }
    });
    let image = open(&server, &Access::default()).expect("an image");
    let start = Instant::now();
    let mut reader = image.layers[0].blob.open().expect("a layer");
    reader.read_exact(&mut [0; 10]).expect("ten bytes");
    drop(reader);
    drop(image);
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn documents_beyond_their_limits_are_refused_before_they_are_read() {
    for uncounted in [false, true] {
        let server = Server::start(move |_, _, _| Reply { uncounted, ..reply(200).body(vec![b' '; 5 << 20]) });
        let error = open(&server, &Access::default()).expect_err("too large");
        assert_eq!((error.kind, server.count(MANIFEST)), (ErrorKind::Limit, 1), "{error:?}");
    }
}

#[test]
fn changed_documents_are_refused() {
    let other = Digest::sha256(b"other");
    let server = Server::start(move |_, seen, _| {
        let fixture = Fixture::new();
        let manifest = reply(200).body(fixture.manifest.clone());
        match seen.path.as_str() {
            MANIFEST => manifest.with("Docker-Content-Digest", Digest::sha256(b"other").to_string()),
            path if path.contains("/manifests/") => manifest,
            path if path.contains("/blobs/") => reply(200).body(vec![b'x'; fixture.config.len()]),
            _ => reply(404),
        }
    });
    let cases = [":1.0".to_owned(), format!("@{other}"), ":2.0".to_owned()];
    for choice in cases {
        let error = open_reference(&format!("{}/team/app{choice}", server.authority), &Access::default())
            .expect_err("changed on the way");
        assert_eq!(error.kind, ErrorKind::Malformed, "{choice} {error:?}");
    }
}

#[test]
fn redirects_lead_on_without_credentials() {
    let fixture = Fixture::new();
    let layer = fixture.layer.clone();
    let storage = {
        let fixture = fixture.clone();
        Server::start(move |_, seen, _| fixture.layer_from(seen.from()))
    };
    let elsewhere = storage.authority.clone();
    let path = fixture.layer_path();
    let server = Server::start(move |_, seen, _| match seen.header("authorization") {
        BASIC if seen.path == path => reply(307).with("Location", format!("http://{elsewhere}/x?signature=s3cret")),
        BASIC => fixture.answer(seen),
        _ => reply(401).with("WWW-Authenticate", "Basic"),
    });
    let image = open(&server, &login()).expect("an image");
    assert!(read_layer(&image).expect("a layer") == layer);
    assert!(!storage.seen().is_empty() && storage.seen().iter().all(|seen| seen.header("authorization").is_empty()));
}

#[test]
fn redirects_that_lead_astray_are_not_followed() {
    let cases = [
        "/v2/team/app/manifests/1.0",
        "http://169.254.169.254/latest/meta-data/",
        "http://0xa9fea9fe/",
        "http://[::ffff:169.254.169.254]/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "",
        "http://",
    ];
    for location in cases {
        let server = Server::start(move |_, _, _| reply(302).with("Location", location));
        let error = open(&server, &Access::default()).expect_err(location);
        assert_eq!(error.kind, ErrorKind::Network, "{location} {error:?}");
        assert!(server.count(MANIFEST) <= 6, "{location}");
    }
    // an error of the host that was redirected to shows no signature, and asks for no login
    let storage = Server::start(|_, _, _| reply(401).with("WWW-Authenticate", "Basic"));
    let elsewhere = storage.authority.clone();
    let server = Server::start(move |_, _, _| reply(302).with("Location", format!("http://{elsewhere}/x?sig=s3cret")));
    let error = open(&server, &login()).expect_err("refused");
    assert!(error.kind == ErrorKind::Network && !all_of(&error).contains("s3cret"), "{error:?}");
    assert!(storage.seen().iter().all(|seen| seen.header("authorization").is_empty()));
}

#[test]
fn mirrors_are_asked_first_and_get_no_credentials_of_the_host() {
    let fixture = Fixture::new();
    let (first, second) = (fixture.clone(), fixture.clone());
    let dead = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").to_string();
    // the mirror has the documents but not the layer
    let mirror = Server::start(move |_, seen, _| match seen.header("authorization") {
        "" if seen.path.contains("/hub/") => {
            let seen = Seen { path: seen.path.replace("/hub/", "/"), ..seen.clone() };
            if seen.path == first.layer_path() { reply(404) } else { first.answer(&seen) }
        }
        _ => reply(401).with("WWW-Authenticate", "Basic"),
    });
    let server = Server::start(move |_, seen, _| match seen.header("authorization") {
        BASIC => second.answer(seen),
        _ => reply(401).with("WWW-Authenticate", "Basic"),
    });
    let mirrors = BTreeMap::from([(server.authority.clone(), vec![dead, format!("http://{}/hub", mirror.authority)])]);
    let access = Access { mirrors, ..login() };
    let image = open(&server, &access).expect("an image");
    assert_eq!((mirror.seen().len(), server.seen().len()), (2, 0));
    assert!(read_layer(&image).expect("a layer") == fixture.layer);
    assert!(mirror.seen().iter().all(|seen| seen.header("authorization").is_empty()));
}

#[test]
fn the_image_of_this_platform_is_taken_from_an_index() {
    let fixture = Fixture::new();
    let entry = |architecture: &str, bytes: &[u8]| {
        serde_json::json!({
            "mediaType": media_type::OCI_MANIFEST, "digest": Digest::sha256(bytes).to_string(), "size": bytes.len(),
            "platform": {"os": "linux", "architecture": architecture},
        })
    };
    let index = serde_json::json!({
        "schemaVersion": 2, "mediaType": media_type::OCI_INDEX,
        "manifests": [entry("s390x", b"never fetched"), entry(&Platform::host().architecture, &fixture.manifest)],
    });
    let index = index.to_string();
    let digest = Digest::sha256(&fixture.manifest);
    let server = Server::start(move |_, seen, _| match seen.path.as_str() {
        MANIFEST => reply(200).with("Content-Type", media_type::OCI_INDEX).body(index.clone()),
        _ => fixture.answer(seen),
    });
    let image = open(&server, &Access::default()).expect("an image");
    assert_eq!(image.target.digest, Some(digest));
}

/// Reads every layer of a real image and checks it, for trials: the image and a login come from the environment.
#[test]
#[ignore = "needs a registry: CAREEN_TRIAL_IMAGE, CAREEN_TRIAL_USER, CAREEN_TRIAL_PASSWORD"]
fn a_real_registry_serves_what_its_digests_say() {
    let variable = |name: &str| std::env::var(format!("CAREEN_TRIAL_{name}")).ok();
    let location = variable("IMAGE").expect("an image");
    let access = Access {
        username: variable("USER"),
        password: variable("PASSWORD").map(Sensitive),
        insecure: variable("INSECURE").is_some(),
        ca_certificate: variable("CACERT").map(Into::into),
        ..Access::default()
    };
    for image in open_reference(&location, &access).expect("an image") {
        println!("{:?} {:?}", image.target, image.limitations);
        for layer in &image.layers {
            let start = Instant::now();
            let digest = layer.digest.as_ref().expect("a digest");
            let mut reader = crate::digest::HashingReader::new(layer.blob.open().expect("a layer"), digest.algorithm());
            std::io::copy(&mut reader, &mut std::io::sink()).expect("all bytes");
            let (got, size) = reader.finish();
            assert_eq!((&got, Some(size)), (digest, layer.size));
            println!("{got} {size} {:?}", start.elapsed());
        }
    }
}

/// An artifact with one document, and a list of referrers with it.
fn artifact(subject: &Digest, text: &str) -> (Vec<u8>, Vec<u8>) {
    let kind = "application/vnd.openvex+json";
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "artifactType": kind,
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::sha256(b"{}"), "size": 2},
        "layers": [{"mediaType": kind, "digest": Digest::sha256(text.as_bytes()), "size": text.len()}],
        "subject": {"mediaType": media_type::OCI_MANIFEST, "digest": subject, "size": 1},
    });
    let manifest = manifest.to_string().into_bytes();
    let entry = serde_json::json!({"mediaType": media_type::OCI_MANIFEST, "artifactType": kind,
        "digest": Digest::sha256(&manifest), "size": manifest.len()});
    (manifest, serde_json::json!({"schemaVersion": 2, "manifests": [entry]}).to_string().into_bytes())
}

#[test]
fn attached_documents_are_found_in_every_kind_of_registry() {
    let fixture = Fixture::new();
    let image = Digest::sha256(&fixture.manifest);
    let index = serde_json::json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [
        {"mediaType": media_type::OCI_MANIFEST, "digest": image, "size": fixture.manifest.len()}]});
    let index = index.to_string().into_bytes();
    let root = Digest::sha256(&index);
    let att = serde_json::json!({"schemaVersion": 2, "config": {"mediaType": media_type::OCI_CONFIG},
        "layers": [{"mediaType": "application/vnd.dsse.envelope.v1+json", "digest": Digest::sha256(b"by cosign"), "size": 9}]});
    let att = att.to_string().into_bytes();
    let hostile = ["</v2/x?a b>; rel=next", "<http://169.254.169.254/?p=2>; rel=\"prev\"", "no link"];
    // how the registry lists referrers, what is found, whether something is noted
    let cases = [
        ("api", vec!["one", "two", "of the index", "by cosign"], 0),
        ("tag", vec!["one", "of the index", "by cosign"], 0),
        ("none", vec!["by cosign"], 0),
        ("broken", vec!["by cosign"], 2),
        ("liar", vec!["by cosign"], 2),
        ("endless", vec!["one", "of the index", "by cosign"], 2),
    ];
    for (kind, expected, notes) in cases {
        let (image, root, index, att) = (image.clone(), root.clone(), index.clone(), att.clone());
        let (asked, named) = (image.clone(), root.clone());
        let server = Server::start(move |_, seen, nth| {
            let stranger = Digest::sha256(b"stranger");
            let subject = |digest: &Digest| if kind == "liar" { stranger.clone() } else { digest.clone() };
            let made = [
                (artifact(&subject(&image), "one"), "one"),
                (artifact(&subject(&image), "two"), "two"),
                (artifact(&subject(&root), "of the index"), "of the index"),
            ];
            for ((manifest, _), text) in &made {
                if seen.path.ends_with(&format!("/manifests/{}", Digest::sha256(manifest))) {
                    return reply(200).body(manifest.clone());
                }
                if seen.path.ends_with(&format!("/blobs/{}", Digest::sha256(text.as_bytes()))) {
                    return reply(200).body(*text);
                }
            }
            let list = |at: usize| reply(200).body(made[at].0.1.clone());
            let (of_image, of_index) = (format!("/referrers/{image}"), format!("/referrers/{root}"));
            let path = seen.path.strip_prefix("/v2/team/app").unwrap_or_default();
            let tag = |digest: &Digest| format!("/manifests/sha256-{}", digest.hex());
            match kind {
                _ if path == "/manifests/1.0" => reply(200).body(index.clone()),
                _ if path == format!("{}.att", tag(&image)) => reply(200).body(att.clone()),
                _ if path == format!("/blobs/{}", Digest::sha256(b"by cosign")) => reply(200).body("by cosign"),
                "api" if path == of_image => {
                    list(0).with("Link", "</v2/other/app/referrers/x?n=1&last=a%2Fb>; rel=\"next\"")
                }
                "api" if path == format!("{of_image}?n=1&last=a%2Fb") => list(1).with("Link", hostile[nth % 3]),
                "api" | "liar" | "endless" if path == of_index => match kind {
                    "endless" => list(2).with("Link", "<?n=1>; rel=\"next\""),
                    _ => list(2),
                },
                "liar" if path == of_image => list(0),
                "endless" if path.starts_with(&of_image) => list(0).with("Link", "<?n=1>; rel=\"next\""),
                "endless" if path.starts_with(&of_index) => list(2).with("Link", "<?n=1>; rel=\"next\""),
                "tag" if path == tag(&image) => list(0),
                "tag" if path == tag(&root) => list(2),
                "broken" if path.starts_with("/referrers/") => reply(200).body("<html>"),
                _ => reply(404),
            }
        });
        let limits = Limits::default();
        let access = Access::default();
        let location = format!("{}/team/app:1.0", server.authority);
        let request = Request {
            location: &location,
            choice: Choice::Only,
            platform: PlatformChoice::Host,
            limits: &limits,
            access: &access,
            unwrap: None,
        };
        let found = referrers::attached(&request, &asked, quick()).expect(kind);
        let mut texts: Vec<String> =
            found.documents.iter().map(|one| String::from_utf8_lossy(&one.bytes).into_owned()).collect();
        texts.sort();
        let mut expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
        expected.sort();
        assert_eq!(texts, expected, "{kind}: {:?}", found.limitations);
        assert_eq!(found.limitations.len(), notes, "{kind}: {:?}", found.limitations);
        assert_eq!(found.subjects, [asked, named], "{kind}");
        assert!(server.count("/referrers/") <= 32, "{kind}");
    }
}
