//! Pushes to a registry in this process.

use super::super::push::{Attachment, Destination, Pusher, Subject};
use super::*;

/// What was pushed.
#[derive(Debug, Default)]
struct Kept {
    blobs: BTreeMap<String, String>,
    manifests: BTreeMap<String, String>,
    upload: String,
}

type Shared = Arc<Mutex<Kept>>;

/// A registry that keeps what it is given, and can mount `mountable` from any repository.
fn keeping(kept: &Shared, mountable: &str) -> impl Fn(&str, &Seen, usize) -> Reply + Send + Sync + 'static {
    let (kept, mountable) = (Arc::clone(kept), mountable.to_owned());
    move |_, seen, _| {
        let mut kept = kept.lock().expect("no panic");
        let path = seen.path.strip_prefix("/v2/team/app/").unwrap_or_default();
        let upload = |status: u16| reply(status).with("Location", "/v2/team/app/blobs/uploads/1?_state=x%3D");
        match (seen.method.as_str(), path) {
            ("HEAD", path) => {
                let digest = path.trim_start_matches("blobs/");
                reply(if kept.blobs.contains_key(digest) { 200 } else { 404 })
            }
            ("POST", path) if path == format!("blobs/uploads/?mount={mountable}&from=team/base") => reply(201),
            ("POST", path) if path.starts_with("blobs/uploads/") => {
                kept.upload.clear();
                upload(202)
            }
            ("PATCH", "blobs/uploads/1?_state=x%3D") => {
                let range = format!("{}-{}", kept.upload.len(), kept.upload.len() + seen.body.len() - 1);
                assert_eq!(seen.header("content-range"), range);
                kept.upload.push_str(&seen.body);
                upload(202)
            }
            ("PUT", path) if path.starts_with("blobs/uploads/1?_state=x%3D&digest=sha256%3A") => {
                let whole = kept.upload.clone() + &seen.body;
                let digest = path.rsplit_once("%3A").map(|(_, hex)| format!("sha256:{hex}")).expect("a digest");
                if Digest::sha256(whole.as_bytes()).to_string() != digest {
                    return reply(400).body(r#"{"errors":[{"code":"DIGEST_INVALID","message":"no"}]}"#);
                }
                kept.blobs.insert(digest, whole);
                reply(201)
            }
            ("PUT", path) if path.starts_with("manifests/") => {
                let name = path.trim_start_matches("manifests/").to_owned();
                kept.manifests.insert(name, format!("{} {}", seen.header("content-type"), seen.body));
                reply(201)
            }
            ("GET", path) => match kept.manifests.get(path.trim_start_matches("manifests/")) {
                Some(manifest) => reply(200).body(manifest.split_once(' ').expect("a type").1),
                None => reply(404).body(r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#),
            },
            _ => reply(405),
        }
    }
}

fn pusher(server: &Server, from: Option<&str>, access: &Access) -> Pusher {
    let to = Destination::parse(&format!("{}/team/app:2.0", server.authority)).expect("a reference");
    Pusher::with_pace(&to, from, access, quick()).expect("a pusher")
}

fn push(pusher: &Pusher, text: &str, from: Option<&str>) -> Result<bool> {
    let bytes = text.to_owned().into_bytes();
    pusher
        .blob(&Digest::sha256(&bytes), bytes.len() as u64, from, &|| Ok(Box::new(std::io::Cursor::new(bytes.clone()))))
}

fn methods(server: &Server) -> String {
    server.seen().iter().map(|seen| seen.method.clone()).collect::<Vec<_>>().join(" ")
}

#[test]
fn only_what_is_not_there_is_sent() {
    let large = "b".repeat((5 << 20) + 7);
    let exact = "c".repeat(5 << 20);
    let mounted = Digest::sha256(b"mounted").to_string();
    let cases: [(&str, Option<&str>, bool, &str); 7] = [
        ("small", None, true, "HEAD POST PUT"),
        ("there", None, false, "HEAD"),
        ("", None, true, "HEAD POST PUT"),
        (&large, None, true, "HEAD POST PATCH PATCH PUT"),
        (&exact, None, true, "HEAD POST PUT"),
        ("mounted", Some("team/base"), false, "HEAD POST"),
        ("not to be mounted", Some("team/base"), true, "HEAD POST PUT"),
    ];
    for (text, from, is_sent, expected) in cases {
        let kept: Shared = Arc::default();
        let there = Digest::sha256(b"there").to_string();
        kept.lock().expect("no panic").blobs.insert(there, "there".into());
        let server = Server::start(keeping(&kept, &mounted));
        assert_eq!(push(&pusher(&server, from, &Access::default()), text, from).ok(), Some(is_sent), "{expected}");
        assert_eq!(methods(&server), expected);
        if is_sent {
            let digest = Digest::sha256(text.as_bytes()).to_string();
            assert!(kept.lock().expect("no panic").blobs[&digest] == text);
        }
    }
}

#[test]
fn a_token_is_asked_for_that_allows_to_push_and_to_mount() {
    let kept: Shared = Arc::default();
    let inner = keeping(&kept, "");
    let server = Server::start(move |own, seen, nth| {
        if seen.path.starts_with("/token") {
            return reply(200).body(r#"{"token":"a-token-for-pushing"}"#);
        }
        if seen.header("authorization") == "Bearer a-token-for-pushing" {
            return inner(own, seen, nth);
        }
        let challenge = format!(r#"Bearer realm="http://{own}/token",service="s",scope="repository:other:pull""#);
        reply(401).with("WWW-Authenticate", challenge)
    });
    let pusher = pusher(&server, Some("team/base"), &login());
    assert_eq!(push(&pusher, "text", Some("team/base")).ok(), Some(true));
    pusher.manifest("2.0", media_type::OCI_MANIFEST, b"{}").expect("a manifest");
    let tokens: Vec<String> = server.seen().into_iter().map(|seen| seen.path).filter(|p| p.contains("token")).collect();
    assert_eq!(
        tokens,
        ["/token?service=s&scope=repository%3Ateam%2Fapp%3Apull%2Cpush&scope=repository%3Ateam%2Fbase%3Apull"]
    );
    assert_eq!(kept.lock().expect("no panic").manifests["2.0"], format!("{} {{}}", media_type::OCI_MANIFEST));
}

#[test]
fn what_fails_is_named_and_tried_again_where_that_may_help() {
    let kept: Shared = Arc::default();
    let inner = keeping(&kept, "");
    let server = Server::start(move |own, seen, nth| match (seen.method.as_str(), nth) {
        ("PUT", 0) => reply(503),
        _ => inner(own, seen, nth),
    });
    assert_eq!(push(&pusher(&server, None, &Access::default()), "text", None).ok(), Some(true));
    assert_eq!(methods(&server), "HEAD POST PUT HEAD POST PUT");

    let cases: [(Reply, ErrorKind, &str); 5] = [
        (reply(403).body(r#"{"errors":[{"code":"DENIED","message":"no"}]}"#), ErrorKind::Auth, "DENIED"),
        (reply(202), ErrorKind::Network, "where to upload"),
        (reply(202).with("Location", "ftp://x/"), ErrorKind::Network, "where to upload"),
        (reply(202).with("Location", "http://169.254.169.254/"), ErrorKind::Network, "metadata"),
        (reply(404), ErrorKind::NotFound, "404"),
    ];
    for (answer, kind, expected) in cases {
        let server = Server::start(move |_, seen, _| if seen.method == "HEAD" { reply(404) } else { answer.clone() });
        let error = push(&pusher(&server, None, &Access::default()), "text", None).expect_err(expected);
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    for bad in ["r.example.com/a@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "UPPER"] {
        assert!(Destination::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn an_upload_on_another_host_gets_no_credentials() {
    let other = Server::start(|_, _, _| reply(201));
    let place = format!("http://{}/up?a=b", other.authority);
    let server = Server::start(move |_, seen, _| match (seen.header("authorization"), seen.method.as_str()) {
        (BASIC, "HEAD") => reply(404),
        (BASIC, _) => reply(202).with("Location", place.clone()),
        _ => reply(401).with("WWW-Authenticate", r#"Basic realm="test""#),
    });
    assert_eq!(push(&pusher(&server, None, &login()), "text", None).ok(), Some(true));
    let seen = other.seen();
    assert_eq!((seen.len(), seen[0].header("authorization"), seen[0].body.as_str()), (1, "", "text"));
}

#[test]
fn a_document_is_attached_by_the_tag_that_stands_in_for_the_list() {
    let kept: Shared = Arc::default();
    let server = Server::start(keeping(&kept, ""));
    let pusher = pusher(&server, None, &Access::default());
    let digest = Digest::sha256(b"image");
    let subject = Subject { digest: &digest, media_type: media_type::OCI_MANIFEST, size: 5 };
    for bytes in [b"one", b"two", b"one"] {
        let kind = "application/vnd.in-toto+json";
        let annotations = &[("in-toto.io/predicate-type", "https://slsa.dev/provenance/v1")];
        pusher
            .attach(&subject, &Attachment { artifact_type: kind, media_type: kind, annotations, bytes })
            .expect("attached");
    }
    let kept = kept.lock().expect("no panic");
    let list = &kept.manifests[&digest.to_string().replace(':', "-")];
    let list: serde_json::Value = serde_json::from_str(list.split_once(' ').expect("a type").1).expect("JSON");
    let entries = list["manifests"].as_array().expect("a list");
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0]["annotations"]["in-toto.io/predicate-type"], "https://slsa.dev/provenance/v1");
    let manifest = &kept.manifests[entries[1]["digest"].as_str().expect("a digest")];
    assert!(manifest.contains(&format!(r#""digest":"{digest}""#)) && manifest.contains("in-toto"), "{manifest}");
}
