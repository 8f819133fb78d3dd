//! Quay (Project Quay, "Repository Notifications", event `repo_push`). It signs nothing, names no digest, and gives
//! neither an id nor a time: two pushes of one tag send the same bytes.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::name::{Named, joined, some};
use super::payload::{ENTRIES, Few, Notices, parse};
use super::{Delivered, Notice, Sender, Unreadable, What};

pub(super) struct Quay;

impl Sender for Quay {
    fn kind(&self) -> &'static str {
        "quay"
    }

    fn read(&self, request: &Delivered<'_>) -> Result<Vec<Notice>, Unreadable> {
        let body: Body = parse(request.body)?;
        let joined = joined(body.namespace.as_deref(), body.name.as_deref());
        let repository = some(body.repository.as_deref()).unwrap_or(&joined);
        let mut notices = Notices::of(request.body);
        let (tags, is_cut) = match body.updated_tags {
            Some(Tags::List(few)) => (few.entries, few.is_cut),
            // what the tags lead to are ids of layers, not digests
            Some(Tags::Map(map)) => {
                let is_cut = map.len() > ENTRIES;
                (map.into_keys().take(ENTRIES).collect(), is_cut)
            }
            None => {
                let named = Named { repository: Some(repository), tag: Some("any"), ..Named::default() };
                let what = match named.pushed() {
                    What::Unreadable(unreadable) => What::Unreadable(unreadable),
                    _ => What::Ignored("a notification of something else than a push"),
                };
                notices.add_nameless(false, what);
                return notices.finish();
            }
        };
        for tag in &tags {
            let host = body.docker_url.as_deref();
            let named = Named { repository: Some(repository), tag: Some(tag), digest: None, host };
            notices.add_nameless(false, named.pushed());
        }
        notices.tell_cut(is_cut);
        notices.finish()
    }
}

#[derive(Deserialize)]
struct Body {
    repository: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    docker_url: Option<String>,
    updated_tags: Option<Tags>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Tags {
    List(Few<String>),
    #[expect(clippy::zero_sized_map_values, reason = "a set is no JSON object")]
    Map(BTreeMap<String, IgnoredAny>),
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn payloads_are_read() {
        check(
            "quay",
            &[
                (
                    "push.json",
                    &[
                        "BODY/0 (not unique): pushed team/app:latest at quay.example",
                        "BODY/1 (not unique): pushed team/app:1.0 at quay.example",
                    ],
                ),
                (
                    "push-map.json",
                    &[
                        "BODY/0 (not unique): pushed team/app:1.0 at quay.example",
                        "BODY/1 (not unique): pushed team/app:latest at quay.example",
                    ],
                ),
                ("vulnerability.json", &["BODY/0 (not unique): ignored: a notification of something else than a push"]),
                ("push-of-nothing.json", &["BODY/0: ignored: it tells of nothing"]),
            ],
        );
    }
}
