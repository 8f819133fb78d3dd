//! Harbor, in its own format and as `CloudEvents` 1.0 (Harbor, "Configure Webhook Notifications").
//!
//! A tag may be a digest, and the host in `resource_url` is whatever Harbor was told that it is called.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde::Deserialize;

use super::name::{Named, joined, some};
use super::payload::{Few, Notices, Time, parse};
use super::{Delivered, Notice, Sender, Unreadable, What};

pub(super) struct Harbor;

impl Sender for Harbor {
    fn kind(&self) -> &'static str {
        "harbor"
    }

    fn read(&self, request: &Delivered<'_>) -> Result<Vec<Notice>, Unreadable> {
        let body: Body = parse(request.body)?;
        let mut notices = Notices::of(request.body);
        // only `CloudEvents` have an id; the other format has the time in it
        let id = if body.specversion.is_some() { body.id.as_deref() } else { None };
        notices.happened(body.occur_at.as_ref().or(body.time.as_ref()));
        let has_time = body.occur_at.is_some() || body.time.is_some();
        let add = |notices: &mut Notices<'_>, what| match some(id) {
            Some(_) => notices.add_part(id, what),
            None => notices.add_nameless(has_time, what),
        };
        let is_push = match body.r#type.as_deref().unwrap_or_default() {
            // a tag that is put on what is there already
            "PUSH_ARTIFACT" | "harbor.artifact.pushed" | "CREATE_TAG" | "harbor.tag.created" => true,
            "DELETE_ARTIFACT" | "harbor.artifact.deleted" => false,
            "" => return Err(Unreadable::new("it names no type of event")),
            _ => {
                add(&mut notices, What::Ignored("an event of no concern"));
                return notices.finish();
            }
        };
        let data = body.event_data.or(body.data).ok_or_else(|| Unreadable::new("it has no data"))?;
        if data.resources.entries.is_empty() {
            return Err(Unreadable::new("it names no artifact"));
        }
        let repository = data.repository.unwrap_or_default();
        let joined = joined(repository.namespace.as_deref(), repository.name.as_deref());
        let full = some(repository.repo_full_name.as_deref()).unwrap_or(&joined);
        for resource in &data.resources.entries {
            let digest = some(resource.digest.as_deref());
            let named = Named {
                repository: Some(full),
                // an artifact goes with all its tags, of which it names one; that a tag goes alone is told to nobody
                tag: resource.tag.as_deref().filter(|_| is_push || digest.is_none()),
                digest,
                host: resource.address.as_deref(),
            };
            add(&mut notices, if is_push { named.pushed() } else { named.deleted() });
        }
        notices.tell_cut(data.resources.is_cut);
        notices.finish()
    }
}

/// Both formats; their fields do not collide.
#[derive(Deserialize)]
struct Body {
    r#type: Option<String>,
    occur_at: Option<Time>,
    event_data: Option<Data>,
    specversion: Option<String>,
    id: Option<String>,
    time: Option<Time>,
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    resources: Few<Resource>,
    repository: Option<Repository>,
}

#[derive(Deserialize)]
struct Resource {
    digest: Option<String>,
    tag: Option<String>,
    #[serde(rename = "resource_url")]
    address: Option<String>,
}

#[derive(Default, Deserialize)]
struct Repository {
    name: Option<String>,
    namespace: Option<String>,
    repo_full_name: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn payloads_are_read() {
        check(
            "harbor",
            &[
                ("push.json", &["BODY/0: pushed team/app:latest@sha256:777777777777 at harbor.example"]),
                (
                    "push-two.json",
                    &[
                        "BODY/0: pushed team/app:1.0@sha256:777777777777 at harbor.example",
                        "BODY/1: pushed team/app@sha256:888888888888 at harbor.example",
                    ],
                ),
                (
                    "push-signature.json",
                    &["BODY/0: ignored: a signature, attestation or list of what belongs to an image"],
                ),
                ("delete.json", &["BODY/0: deleted team/app@sha256:777777777777 at harbor.example"]),
                ("scan-completed.json", &["BODY/0: ignored: an event of no concern"]),
                ("quota.json", &["BODY/0: ignored: an event of no concern"]),
                (
                    "cloudevents-push.json",
                    &["66e18103-ad5a/0: pushed team/app:latest@sha256:777777777777 at harbor.example:8443"],
                ),
                (
                    "cloudevents-tag-is-digest.json",
                    &["4b2f89a6-548d/0: pushed team/sub/app@sha256:888888888888 at harbor.example"],
                ),
                ("cloudevents-pull.json", &["7aa1f0c2-0d11/0: ignored: an event of no concern"]),
                ("push-of-nothing.json", &["unreadable: it names no artifact"]),
            ],
        );
    }
}
