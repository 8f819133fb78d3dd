//! Lists of tags, and which manifests they are.

use super::super::tags::{Repository, digest_of};
use super::*;

fn repository(server: &Server) -> Repository {
    Repository::with_pace(&format!("{}/team/app", server.authority), &Access::default(), quick()).expect("a repository")
}

#[test]
fn lists_are_read_by_pages_and_hold_tags_alone() {
    let server = Server::start(|_, seen, _| {
        let page = |tags: &str, next: &str| {
            let reply = reply(200).body(format!("{{\"name\":\"team/app\",\"tags\":{tags}}}"));
            if next.is_empty() {
                reply
            } else {
                reply.with("Link", format!("<http://elsewhere.example/x?{next}>; rel=\"next\""))
            }
        };
        match seen.path.as_str() {
            "/v2/team/app/tags/list?n=1000" => page(r#"["1.0","../../x","a b","-x","","1.1"]"#, "last=1.1"),
            "/v2/team/app/tags/list?last=1.1" => page(r#"["1.1","latest"]"#, "last=latest"),
            // for ever the same
            "/v2/team/app/tags/list?last=latest" => page(r#"["latest"]"#, "last=latest"),
            _ => reply(404),
        }
    });
    let found = repository(&server).tags(10_000).expect("a list");
    assert_eq!(found.names, ["1.0", "1.1", "latest"]);
    assert!(found.malformed == 4 && found.are_cut);
    assert_eq!(server.seen().len(), 3, "three pages are asked for, and no more");
    let server = Server::start(|_, seen, _| {
        assert_eq!(seen.path, "/v2/team/app/tags/list?n=2");
        reply(200).body(r#"{"name":"team/app","tags":["1","2","3"]}"#)
    });
    let found = repository(&server).tags(2).expect("a list");
    assert!(found.names == ["1", "2"] && found.are_cut);
    for (body, status, expected) in [
        (r#"{"name":"team/app","tags":null}"#, 200, None),
        (r#"{"name":"team/app"}"#, 200, None),
        ("[]", 200, Some(ErrorKind::Malformed)),
        ("<html>", 200, Some(ErrorKind::Malformed)),
        ("", 404, Some(ErrorKind::NotFound)),
        ("", 401, Some(ErrorKind::Auth)),
    ] {
        let server = Server::start(move |_, _, _| reply(status).body(body));
        let found = repository(&server).tags(10).map(|tags| assert!(tags.names.is_empty() && !tags.are_cut));
        assert_eq!(found.err().map(|error| error.kind), expected, "{body} {status}");
    }
}

#[test]
fn a_tag_is_looked_up_by_its_head_and_read_where_that_says_nothing() {
    const TEXT: &str = r#"{"schemaVersion":2}"#;
    let digest = Digest::sha256(TEXT.as_bytes());
    let other = Digest::sha256(b"other");
    // what `HEAD` answers, how often, and what comes of it
    let with_digest = reply(200).with("Docker-Content-Digest", other.to_string());
    let cases: Vec<(&str, Reply, &Digest, &str)> = vec![
        ("a digest", with_digest.clone(), &other, "HEAD"),
        ("no digest", reply(200), &digest, "HEAD GET"),
        ("a digest that is none", reply(200).with("Docker-Content-Digest", "sha256:x"), &digest, "HEAD GET"),
        ("not allowed", reply(405), &digest, "HEAD GET"),
        ("not there, it says", reply(404), &digest, "HEAD GET"),
        ("a page", with_digest.clone().with("Content-Type", "text/html"), &digest, "HEAD GET"),
        ("a redirect", reply(307).with("Location", "http://169.254.169.254/"), &digest, "HEAD GET"),
    ];
    for (name, head, expected, methods) in cases {
        let server =
            Server::start(move |_, seen, _| if seen.method == "HEAD" { head.clone() } else { reply(200).body(TEXT) });
        assert_eq!(repository(&server).digest("1.0").as_ref().ok(), Some(expected), "{name}");
        let asked: Vec<String> = server.seen().iter().map(|seen| seen.method.clone()).collect();
        assert_eq!(asked.join(" "), methods, "{name}");
        assert!(server.seen().iter().all(|seen| seen.path == "/v2/team/app/manifests/1.0"));
    }
    let server = Server::start(
        move |_, _, nth| if nth == 0 { reply(429).with("Retry-After", "0") } else { with_digest.clone() },
    );
    assert_eq!(repository(&server).digest("1.0").ok(), Some(other));
    assert_eq!(server.seen().len(), 2);
    for wrong in ["", "../x", "a/b", "a b", "-a", &"x".repeat(129)] {
        assert_eq!(repository(&server).digest(wrong).expect_err(wrong).kind, ErrorKind::Usage);
    }
    let gone = Server::start(|_, _, _| reply(404));
    let error = digest_of(&format!("{}/team/app:1.0", gone.authority), &Access::default()).expect_err("it is gone");
    assert_eq!(error.kind, ErrorKind::NotFound);
}

#[test]
fn a_manifest_has_its_digest_and_a_type() {
    let texts = [
        (
            r#"{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json"}"#,
            "docker.distribution.manifest.v2",
        ),
        (r#"{"schemaVersion":2,"manifests":[]}"#, "oci.image.index"),
        (r#"{"schemaVersion":2,"layers":[]}"#, "oci.image.manifest"),
    ];
    for (text, expected) in texts {
        let server = Server::start(move |_, _, _| reply(200).body(text));
        let found = repository(&server).manifest(&Digest::sha256(text.as_bytes())).expect("a manifest");
        assert!(found.bytes == text.as_bytes() && found.media_type.contains(expected), "{}", found.media_type);
        assert!(repository(&server).manifest(&Digest::sha256(b"other")).is_err());
    }
}

#[test]
fn a_question_has_its_time_whatever_the_registry_does() {
    // a body just fast enough to be no drip, and a digest that only the body tells
    let server = Server::start(|_, seen, _| match seen.method.as_str() {
        "HEAD" => reply(200),
        _ => Reply { drip: Duration::from_millis(1), ..reply(200).body(vec![b' '; 1 << 20]) },
    });
    let pace = Pace { question: Duration::from_millis(200), page: Duration::from_millis(300), ..quick() };
    let repository =
        Repository::with_pace(&format!("{}/team/app", server.authority), &Access::default(), pace).expect("open");
    let digest = Digest::sha256(b"");
    for (error, time) in [
        (repository.digest("1.0").expect_err("too slow"), "0.2 s"),
        (repository.tags(10).map(drop).expect_err("too slow"), "0.3 s"),
        (repository.manifest(&digest).map(drop).expect_err("too slow"), "0.3 s"),
    ] {
        assert!(error.message.contains(time) && error.again.is_some(), "{error}");
        assert_eq!(error.kind, ErrorKind::Network);
    }
}
