//! Laws that all senders keep.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use proptest::prelude::*;
use serde_json::Value;

use super::testing::{folder, payloads};
use super::{Delivered, Notice, SENDERS, Sender, Unreadable, What, of_kind};

/// A word that a payload holds and no reason may.
const PLANTED: &str = "hunter2-planted";

/// Reads, and checks what holds of every answer.
fn read(sender: &dyn Sender, headers: &HeaderMap, body: &[u8]) -> Result<Vec<Notice>, Unreadable> {
    let told = sender.read(&Delivered { headers, body });
    match &told {
        Err(unreadable) => assert!(!unreadable.reason.is_empty() && unreadable.reason.len() < 200),
        Ok(notices) => {
            assert!(!notices.is_empty() && notices.len() <= 10_001, "{}", notices.len());
            for notice in notices {
                assert!(!notice.id.is_empty() && notice.id.len() <= 256);
                assert!(notice.id.bytes().all(|b| b.is_ascii_graphic()), "{:?}", notice.id);
                if let What::Pushed(place) | What::Deleted(place) = &notice.what {
                    assert!(place.tag.is_some() || place.digest.is_some());
                    let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-/".contains(&b);
                    assert!(place.repository.bytes().all(is_name) && !place.repository.contains(".."));
                }
            }
        }
    }
    told
}

#[test]
fn kinds_are_sorted_and_each_has_payloads() {
    assert!(SENDERS.is_sorted_by(|one, other| one.kind() < other.kind()));
    let kinds: BTreeSet<String> = SENDERS.iter().map(|sender| sender.kind().to_owned()).collect();
    let folders = fs::read_dir(folder("")).expect("the folder of payloads").map(|entry| entry.expect("an entry"));
    let folders: BTreeSet<String> = folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    assert_eq!(folders, kinds);
    for sender in SENDERS {
        assert!(of_kind(sender.kind()).is_some());
        let has_push = payloads(sender.kind()).iter().any(|(_, body, headers)| {
            read(*sender, headers, body).is_ok_and(|told| told.iter().any(|it| matches!(it.what, What::Pushed(_))))
        });
        assert!(has_push, "{}", sender.kind());
    }
    assert!(of_kind("docker").is_none());
}

#[test]
fn each_kind_has_its_section_in_the_documentation() {
    let page = include_str!("../../../docs/webhooks.md");
    for sender in SENDERS {
        let kind = sender.kind();
        assert!(page.contains(&format!("| `{kind}` |")), "{kind} has no line in the table of docs/webhooks.md");
        assert!(page.contains(&format!("kind = \"{kind}\"")), "{kind} has no example in docs/webhooks.md");
    }
}

#[test]
fn a_payload_cut_anywhere_is_unreadable() {
    for sender in SENDERS {
        for (name, body, headers) in payloads(sender.kind()) {
            let end = body.trim_ascii_end().len();
            for cut in 0..end {
                let told = read(*sender, &headers, &body[..cut]);
                let is_told = match &told {
                    Err(_) => true,
                    // known by a header field to be of no concern
                    Ok(notices) => notices.iter().all(|notice| matches!(notice.what, What::Ignored(_))),
                };
                assert!(is_told, "{}/{name} cut at {cut}: {told:?}", sender.kind());
            }
        }
    }
}

#[test]
fn every_bit_can_be_flipped() {
    for sender in SENDERS {
        for (_, body, headers) in payloads(sender.kind()) {
            for at in 0..body.len() {
                for bit in 0..8 {
                    let mut body = body.clone();
                    body[at] ^= 1 << bit;
                    let _ = read(*sender, &headers, &body);
                }
            }
        }
    }
}

/// Each value is replaced by one of each other type, and each text by one that may not be quoted.
#[test]
fn wrong_types_do_no_harm_and_are_not_quoted() {
    let others = [
        Value::Null,
        Value::Bool(true),
        Value::from(-1),
        Value::from(1.5e300),
        Value::from(PLANTED),
        Value::from(vec![Value::from(PLANTED)]),
        serde_json::json!({ PLANTED: PLANTED }),
    ];
    for sender in SENDERS {
        for (name, body, headers) in payloads(sender.kind()) {
            let Ok(whole) = serde_json::from_slice::<Value>(&body) else { continue };
            for pointer in pointers(&whole) {
                for other in &others {
                    let mut changed = whole.clone();
                    *changed.pointer_mut(&pointer).expect("a place of it") = other.clone();
                    let told = read(*sender, &headers, &serde_json::to_vec(&changed).expect("JSON"));
                    let reasons = match &told {
                        Err(unreadable) => unreadable.reason.clone(),
                        Ok(notices) => notices
                            .iter()
                            .filter_map(|notice| match &notice.what {
                                What::Unreadable(unreadable) => Some(unreadable.reason.as_str()),
                                What::Ignored(why) => Some(why),
                                What::Pushed(_) | What::Deleted(_) => None,
                            })
                            .collect(),
                    };
                    assert!(!reasons.contains("hunter2"), "{}/{name} at {pointer}: {reasons}", sender.kind());
                }
            }
        }
    }
}

#[test]
fn unknown_fields_do_no_harm() {
    for sender in SENDERS {
        for (name, body, headers) in payloads(sender.kind()) {
            let Ok(whole) = serde_json::from_slice::<Value>(&body) else { continue };
            let before = sender.read(&Delivered { headers: &headers, body: &body });
            let mut changed = whole.clone();
            for pointer in pointers(&whole) {
                if let Some(object) = changed.pointer_mut(&pointer).and_then(Value::as_object_mut) {
                    object.insert("x-unknown".to_owned(), serde_json::json!([{ "deep": [1, null, PLANTED] }]));
                }
            }
            let after =
                sender.read(&Delivered { headers: &headers, body: &serde_json::to_vec(&changed).expect("JSON") });
            let whats = |told: Result<Vec<Notice>, Unreadable>| {
                told.map(|notices| notices.into_iter().map(|notice| notice.what).collect::<Vec<_>>()).ok()
            };
            // places in reasons move, and a map of tags gets one more
            let is_told = |whats: &Option<Vec<What>>| {
                whats.as_ref().is_some_and(|list| list.iter().all(|what| !matches!(what, What::Unreadable(_))))
            };
            let (before, after) = (whats(before), whats(after));
            if is_told(&before) && name != "push-map.json" {
                assert_eq!(before, after, "{}/{name}", sender.kind());
            }
        }
    }
}

/// Pointers of all values within one (RFC 6901), the whole first.
fn pointers(value: &Value) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut inner = |name: String, value: &Value| {
        found.extend(pointers(value).into_iter().map(|rest| format!("/{name}{rest}")));
    };
    match value {
        Value::Array(list) => list.iter().enumerate().for_each(|(at, value)| inner(at.to_string(), value)),
        Value::Object(map) => {
            map.iter().for_each(|(name, value)| inner(name.replace('~', "~0").replace('/', "~1"), value));
        }
        _ => {}
    }
    found
}

#[test]
fn deep_and_wide_bodies_end_soon() {
    let mib = 1 << 20;
    let event = r#"{"id":"1","action":"push","target":{"repository":"a","tag":"b"}}"#;
    let bodies = [
        "[".repeat(mib),
        "{\"events\":".repeat(mib / 10),
        "[[]".repeat(mib / 3),
        format!("{{\"events\":[{}]}}", vec!["{}"; mib / 3].join(",")),
        format!("{{\"events\":[{}]}}", vec![event; mib / event.len()].join(",")),
        format!("{{\"repository\":\"a/b\",\"updated_tags\":[{}]}}", vec!["\"t\""; mib / 4].join(",")),
        format!("{{\"type\":\"PUSH_ARTIFACT\",\"event_data\":{{\"resources\":[{}]}}}}", vec!["{}"; mib / 3].join(",")),
        format!("\"{}\"", "a".repeat(mib)),
        format!("{{\"repository\":\"{}\",\"updated_tags\":[\"{}\"]}}", "a/".repeat(mib / 4), "t".repeat(mib / 2)),
        format!("\"{}", "\\\"".repeat(mib / 2)),
        "1".repeat(mib),
        " ".repeat(mib),
        "\0".repeat(mib),
    ];
    for sender in SENDERS {
        for (at, body) in bodies.iter().enumerate() {
            let start = Instant::now();
            let _ = read(*sender, &HeaderMap::new(), body.as_bytes());
            // generous, for builds without optimisation on a busy machine
            assert!(start.elapsed() < Duration::from_secs(10), "{} and body {at}", sender.kind());
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_to_an_end(
        kind in 0..SENDERS.len(),
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            "[\\[\\]{}\",:a-z0-9 \\\\\\.-]{0,300}".prop_map(String::into_bytes),
        ],
    ) {
        let _ = read(SENDERS[kind], &HeaderMap::new(), &body);
    }

    #[test]
    fn parts_of_payloads_may_be_anywhere(
        kind in 0..SENDERS.len(),
        which in 0_usize..100,
        from in 0_usize..3_000,
        to in 0_usize..3_000,
        bytes in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let payloads = payloads(SENDERS[kind].kind());
        let (_, body, headers) = &payloads[which % payloads.len()];
        let (from, to) = (from % (body.len() + 1), to % (body.len() + 1));
        let (from, to) = (from.min(to), from.max(to));
        let mut changed = body[..from].to_vec();
        changed.extend_from_slice(&bytes);
        changed.extend_from_slice(&body[to..]);
        let _ = read(SENDERS[kind], headers, &changed);
    }
}

#[test]
fn the_fields_that_are_kept_are_all_that_is_looked_at() {
    for sender in SENDERS {
        let fields = sender.fields();
        assert!(fields.iter().all(|name| !name.contains("auth") && !name.contains("signature")), "{fields:?}");
        for (name, body, headers) in payloads(sender.kind()) {
            let kept = headers.iter().filter(|(name, _)| fields.contains(&name.as_str()));
            let kept = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
            let told = read(*sender, &kept, &body);
            assert_eq!(told, read(*sender, &headers, &body), "{}/{name}", sender.kind());
        }
    }
}

#[test]
fn senders_say_when_it_happened() {
    let at = |kind: &str, name: &str| {
        let payloads = payloads(kind);
        let (_, body, headers) = payloads.iter().find(|(other, ..)| other == name).expect("a payload");
        let notices = of_kind(kind).expect(kind).read(&Delivered { headers, body }).expect("readable");
        notices.last().and_then(|notice| notice.at).map(|at| at.timestamp().to_string()).unwrap_or_default()
    };
    for (kind, name, expected) in [
        ("acr", "push.json", "2026-03-01T16:52:01Z"),
        ("distribution", "push.json", "2026-03-01T12:00:00Z"),
        ("docker-hub", "push.json", "2014-12-03T00:22:41Z"),
        ("docker-hub", "push-fraction.json", "2014-12-03T00:22:41Z"),
        ("docker-hub", "push-without-time.json", ""),
        ("ecr", "push.json", "2026-03-01T12:00:00Z"),
        ("gar", "push.json", "2026-03-01T12:00:00Z"),
        ("gar", "push-unwrapped.json", "2026-03-01T12:00:00Z"),
        ("ghcr", "registry-package.json", "2026-03-01T12:00:00Z"),
        ("gitlab", "push.json", "2026-03-01T12:00:00Z"),
        ("harbor", "push.json", "2026-03-01T12:00:00Z"),
        ("harbor", "cloudevents-push.json", "2026-03-01T12:00:00Z"),
        ("jfrog", "push.json", ""),
        ("nexus", "component-created.json", "2026-03-01T12:00:00Z"),
        ("quay", "push.json", ""),
    ] {
        assert_eq!(at(kind, name), expected, "{kind}/{name}");
    }
}

#[test]
fn a_time_that_is_none_is_no_error() {
    for (text, expected) in [
        ("\"2026-03-01T12:00:00.5Z\"", Some(1_772_366_400_500)),
        ("1772366400.5", Some(1_772_366_400_500)),
        ("1772366400.123", Some(1_772_366_400_123)),
        ("1772366400123.7", Some(1_772_366_400_123)),
        ("\"2026-03-01T12:00:00.500+0000\"", Some(1_772_366_400_500)),
        ("1772366400", Some(1_772_366_400_000)),
        ("1772366400500", Some(1_772_366_400_500)),
        ("1.7723664e9", Some(1_772_366_400_000)),
        ("\"yesterday\"", None),
        ("{\"a\": [1]}", None),
        ("[1, 2]", None),
        ("true", None),
        ("-1", None),
        ("\"0001-01-01T00:00:00Z\"", None),
        ("1e300", Some(i64::MAX)),
    ] {
        let body = format!("{{\"events\": [{{\"id\": \"a\", \"timestamp\": {text}, \"action\": \"pull\"}}]}}");
        let notices = super::testing::read("distribution", &[], body.as_bytes()).expect(text);
        assert_eq!(notices[0].at.map(|at| at.0), expected, "{text}");
    }
}
