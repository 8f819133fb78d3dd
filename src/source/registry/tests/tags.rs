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
}

#[test]
fn a_tag_is_gone_by_the_word_of_the_registry_alone() {
    let unknown = |code: &str| format!(r#"{{"errors":[{{"code":"{code}","message":"x"}}]}}"#);
    let cases = [
        (unknown("MANIFEST_UNKNOWN"), true),
        (unknown("NAME_UNKNOWN"), true),
        (unknown("NOT_FOUND"), true),
        (unknown("NO_ROUTE"), false),
        (r#"{"errors":[]}"#.to_owned(), false),
        (r#"{"errors":[{"status":404,"message":"Not Found"}]}"#.to_owned(), false),
        ("default backend - 404".to_owned(), false),
        ("<html>404</html>".to_owned(), false),
        (String::new(), false),
    ];
    for (body, is_gone) in cases {
        let answer = body.clone();
        // to `HEAD` there is no body, by which the two look alike
        let server = Server::start(move |_, seen, _| match seen.method.as_str() {
            "HEAD" => reply(404),
            _ => reply(404).body(answer.clone()),
        });
        let reference = format!("{}/team/app:1.0", server.authority);
        let error = digest_of(&reference, &Access::default()).expect_err("there is none");
        assert_eq!((error.kind, error.again.is_none()), (ErrorKind::NotFound, is_gone), "{body}");
        assert_eq!(server.seen().len(), 2, "{body}: later, and not at once");
    }
}

#[test]
fn an_answer_that_is_no_manifest_is_none() {
    let page = reply(200).with("Content-Type", "text/html; charset=utf-8").body("<html>log in here</html>");
    let notice = reply(200).with("Content-Type", "application/json").body(r#"{"error":"maintenance"}"#);
    for answer in [page, notice, reply(200), reply(200).body("[]"), reply(200).body(r#"{"config":{}}"#)] {
        let shown = String::from_utf8_lossy(&answer.body).into_owned();
        let server = Server::start(move |_, _, _| answer.clone());
        let of_tag = repository(&server).digest("1.0").map(drop);
        let of_digest = repository(&server).manifest(&Digest::sha256(b"other")).map(drop);
        let of_scan = open(&server, &Access::default()).map(drop);
        for error in [of_tag, of_digest, of_scan].map(|asked| asked.expect_err(&shown)) {
            assert_eq!((error.kind, error.again.is_some()), (ErrorKind::Network, true), "{shown}: {error}");
            assert!(error.help.is_some_and(|help| help.contains("in front of it")), "{shown}");
        }
    }
    for text in [
        r#"{"schemaVersion":1,"fsLayers":[]}"#,
        r#"{"manifests":[]}"#,
        r#"{"config":{},"layers":[]}"#,
        r#"{"mediaType":"application/vnd.oci.artifact.manifest.v1+json"}"#,
    ] {
        let server =
            Server::start(move |_, seen, _| if seen.method == "HEAD" { reply(405) } else { reply(200).body(text) });
        assert_eq!(repository(&server).digest("1.0").ok(), Some(Digest::sha256(text.as_bytes())), "{text}");
    }
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
