//! The CNCF distribution registry, also as `registry:2` and `registry:3` (distribution, "Work with notifications").
//!
//! Its queue is in memory and goes on only after a 2xx or 3xx, so a body that cannot be read must be accepted all the
//! same. Layers are events too, and those of deletions do not say what was deleted.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde::Deserialize;
use serde_json::value::RawValue;

use super::media::{ARTIFACT, BLOB, Kind, kind_of_manifest, reason_of_config, reason_of_layers};
use super::name::{Named, some};
use super::payload::{Few, Notices, Time, entry, parse};
use super::{Delivered, Notice, Sender, Unreadable, What};

pub(super) struct Distribution;

impl Sender for Distribution {
    fn kind(&self) -> &'static str {
        "distribution"
    }

    fn read(&self, request: &Delivered<'_>) -> Result<Vec<Notice>, Unreadable> {
        read(request)
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    events: Few<&'a RawValue>,
}

/// One event; Azure's registry sends the same, without the envelope.
#[derive(Deserialize)]
pub(super) struct Event {
    pub(super) id: Option<String>,
    pub(super) timestamp: Option<Time>,
    pub(super) action: Option<String>,
    pub(super) target: Option<Target>,
    request: Option<Request>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Target {
    media_type: Option<String>,
    digest: Option<String>,
    repository: Option<String>,
    url: Option<String>,
    tag: Option<String>,
    /// What the manifest lists, where `includereferences` is set: configuration and layers, or manifests.
    #[serde(default)]
    references: Few<Reference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    #[serde(default)]
    media_type: String,
}

#[derive(Deserialize)]
struct Request {
    host: Option<String>,
}

pub(super) fn read(request: &Delivered<'_>) -> Result<Vec<Notice>, Unreadable> {
    let envelope: Envelope<'_> = parse(request.body)?;
    let mut notices = Notices::of(request.body);
    for text in envelope.events.entries {
        match entry::<Event>(text) {
            Ok(event) => {
                notices.happened(event.timestamp.as_ref());
                notices.add(event.id.as_deref(), event.what());
            }
            Err(unreadable) => notices.add_nameless(true, What::Unreadable(unreadable)),
        }
    }
    notices.tell_cut(envelope.events.is_cut);
    notices.finish()
}

impl Event {
    fn what(&self) -> What {
        match self.action.as_deref().unwrap_or_default() {
            "push" => self.pushed(),
            "delete" => self.deleted(),
            "pull" => What::Ignored("a pull"),
            "mount" => What::Ignored(BLOB),
            "" => What::Unreadable(Unreadable::new("it names no action")),
            _ => What::Ignored("an action of no concern"),
        }
    }

    pub(super) fn pushed(&self) -> What {
        let Some(target) = &self.target else { return What::Unreadable(Unreadable::new("it names no target")) };
        match target.reason() {
            Some(reason) => What::Ignored(reason),
            None => self.named(target).pushed(),
        }
    }

    pub(super) fn deleted(&self) -> What {
        let Some(target) = &self.target else { return What::Unreadable(Unreadable::new("it names no target")) };
        if some(target.tag.as_deref()).is_none() && some(target.digest.as_deref()).is_none() {
            return What::Ignored("a whole repository was deleted");
        }
        self.named(target).deleted()
    }

    fn named<'a>(&'a self, target: &'a Target) -> Named<'a> {
        let host = self.request.as_ref().and_then(|request| some(request.host.as_deref()));
        Named {
            repository: target.repository.as_deref(),
            tag: target.tag.as_deref(),
            digest: target.digest.as_deref(),
            host: host.or(target.url.as_deref()),
        }
    }
}

impl Target {
    /// Why it is not looked at.
    fn reason(&self) -> Option<&'static str> {
        let media_type = self.media_type.as_deref().unwrap_or_default();
        let kind = kind_of_manifest(media_type);
        // what type the manifest says it is of decides nothing: engines look at its configuration
        if kind == Kind::Artifact {
            return Some(ARTIFACT);
        }
        if kind == Kind::Unknown {
            // `…/v2/NAME/manifests/REFERENCE`, `…/v2/NAME/blobs/DIGEST`
            let part = self.url.as_deref().and_then(|url| url.rsplit('/').nth(1));
            let is_blob = if media_type.is_empty() { part == Some("blobs") } else { part != Some("manifests") };
            return is_blob.then_some(BLOB);
        }
        // the configuration comes first
        let (config, layers) = self.references.entries.split_first()?;
        if kind == Kind::Index || self.references.is_cut {
            return None;
        }
        let layers = layers.iter().map(|layer| layer.media_type.as_str());
        reason_of_layers(layers).or_else(|| reason_of_config(&config.media_type))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn payloads_are_read() {
        check(
            "distribution",
            &[
                (
                    "push.json",
                    &[
                        "asdf-0: ignored: a layer or another blob, not a manifest",
                        "asdf-1: ignored: a layer or another blob, not a manifest",
                        "asdf-2: pushed team/app:1.0@sha256:111111111111 at registry.example:5000",
                    ],
                ),
                ("push-without-tag.json", &["asdf-3: pushed team/app@sha256:222222222222 at registry.example:5000"]),
                ("push-index-v3.json", &["7c1d: pushed team/app:2.0@sha256:333333333333 at registry.example"]),
                (
                    "push-signature.json",
                    &[
                        "s-0: ignored: a signature, attestation or list of what belongs to an image",
                        "s-1: ignored: a signature, attestation or list of what belongs to an image",
                        "s-2: pushed team/app@sha256:888888888888 at registry.example:5000",
                        "s-3: ignored: an artifact that is no image",
                    ],
                ),
                ("pull.json", &["p-0: ignored: a pull"]),
                ("mount.json", &["m-0: ignored: a layer or another blob, not a manifest"]),
                (
                    "delete.json",
                    &[
                        "d-0: deleted team/app@sha256:111111111111 at registry.example:5000",
                        "d-1: deleted team/app:1.0 at registry.example:5000",
                        "d-2: ignored: a whole repository was deleted",
                    ],
                ),
                (
                    "one-bad-among-good.json",
                    &[
                        "g-0: pushed team/app:1.0@sha256:111111111111 at registry.example:5000",
                        "BODY/1: unreadable: in an event a field is missing, doubled or of another type: line 1, column 11",
                        "g-2: unreadable: its repository or tag does not fit the grammar of names",
                        "BODY/3: unreadable: in an event a field is missing, doubled or of another type: line 5, column 18",
                        "g-4: pushed team/app:1.1@sha256:222222222222 at registry.example:5000",
                    ],
                ),
                // by Debian's docker-registry 2.8 and skopeo
                (
                    "recorded-push.json",
                    &[
                        "bc2f5835-fc68-4157-890d-c8b354c2696b: pushed team/app:1.0@sha256:dae77f1cea4a at registry.example:5000",
                    ],
                ),
                (
                    "recorded-delete.json",
                    &[
                        "5d41acd2-76b6-4803-a313-fd48f5cbb37a: deleted team/app@sha256:dae77f1cea4a at registry.example:5000",
                    ],
                ),
                (
                    "recorded-delete-tag.json",
                    &["6ef02d2f-a222-4826-9543-91e4e358012b: deleted team/app:1.0 at registry.example:5000"],
                ),
                ("empty.json", &["BODY/0: ignored: it tells of nothing"]),
                (
                    "not-an-envelope.json",
                    &["unreadable: in the body a field is missing, doubled or of another type: line 6, column 1"],
                ),
            ],
        );
    }

    #[test]
    fn what_lies_beyond_the_cap_is_told() {
        let event = r#"{"id":"x","action":"pull"}"#;
        let body = format!("{{\"events\":[{}]}}", vec![event; 10_001].join(","));
        let notices = super::super::testing::read("distribution", &[], body.as_bytes()).expect("readable");
        assert_eq!(notices.len(), 10_001);
        let last = super::super::testing::words(&notices[10_000].what);
        assert_eq!(last, "unreadable: the body lists more than 10000 things; the rest was not read");
    }
}
