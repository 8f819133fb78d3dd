//! Reads the payloads of `fixtures/webhooks` and says in words what they tell.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::digest::Digest;

use super::{Delivered, Notice, Place, Unreadable, What, of_kind};

pub(super) fn folder(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/webhooks").join(kind)
}

/// The payloads of a kind, by file name.
pub(super) fn payloads(kind: &str) -> Vec<(String, Vec<u8>, HeaderMap)> {
    let mut payloads: Vec<_> = fs::read_dir(folder(kind))
        .unwrap_or_else(|error| panic!("{kind}: {error}"))
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let headers = fs::read_to_string(path.with_extension("headers")).unwrap_or_default();
            (name, fs::read(&path).expect("readable"), headers_of(&headers))
        })
        .collect();
    payloads.sort_by(|one, other| one.0.cmp(&other.0));
    payloads
}

/// Reads a body with header fields of `Name: value`.
pub(super) fn read(kind: &str, headers: &[&str], body: &[u8]) -> Result<Vec<Notice>, Unreadable> {
    let headers = headers_of(&headers.join("\n"));
    of_kind(kind).expect(kind).read(&Delivered { headers: &headers, body })
}

fn headers_of(text: &str) -> HeaderMap {
    let field = |line: &str| {
        let (name, value) = line.split_once(':').expect("a header field");
        let name: HeaderName = name.parse().expect("a name");
        (name, value.trim().parse::<HeaderValue>().expect("a value"))
    };
    text.lines().filter(|line| !line.is_empty()).map(field).collect()
}

/// Compares what all payloads of a kind tell with what is expected: `ID: pushed REPOSITORY:TAG@DIGEST at HOST`.
pub(super) fn check(kind: &str, cases: &[(&str, &[&str])]) {
    let payloads = payloads(kind);
    let names: BTreeSet<&str> = payloads.iter().map(|(name, ..)| name.as_str()).collect();
    let listed: BTreeSet<&str> = cases.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, listed, "each payload of `{kind}` has its line");
    for (name, expected) in cases {
        let (_, body, headers) = payloads.iter().find(|(other, ..)| other == name).expect("listed");
        let told = match of_kind(kind).expect(kind).read(&Delivered { headers, body }) {
            Ok(notices) => notices.iter().map(|notice| line(notice, body)).collect(),
            Err(unreadable) => vec![format!("unreadable: {}", unreadable.reason)],
        };
        assert_eq!(told, *expected, "{kind}/{name}");
    }
}

fn line(notice: &Notice, body: &[u8]) -> String {
    let id = notice.id.replace(&Digest::sha256(body).to_string(), "BODY");
    let note = if notice.is_unique || !id.starts_with("BODY") { "" } else { " (not unique)" };
    format!("{id}{note}: {}", words(&notice.what))
}

pub(super) fn words(what: &What) -> String {
    match what {
        What::Pushed(place) => format!("pushed {}", place_in_words(place)),
        What::Deleted(place) => format!("deleted {}", place_in_words(place)),
        What::Ignored(why) => format!("ignored: {why}"),
        What::Unreadable(unreadable) => format!("unreadable: {}", unreadable.reason),
    }
}

fn place_in_words(place: &Place) -> String {
    let tag = place.tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
    let digest = place.digest.as_ref().map(|digest| format!("@{}", digest.short())).unwrap_or_default();
    let host = place.claimed_host.as_ref().map(|host| format!(" at {host}")).unwrap_or_default();
    format!("{}{tag}{digest}{host}", place.repository)
}
