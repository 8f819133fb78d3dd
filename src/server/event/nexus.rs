//! Sonatype Nexus Repository 3: the webhooks of a repository, for components and assets (Sonatype, "Example Headers And
//! Payloads"). It names neither host nor digest, and one webhook belongs to one repository, which has a host or port of
//! its own.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde::Deserialize;

use crate::server::auth::{Form, NEXUS};

use super::media::BLOB;
use super::name::{Named, some};
use super::payload::{Notices, Time, parse};
use super::{Delivered, Notice, Sender, Unreadable, What};

pub(super) struct Nexus;

impl Sender for Nexus {
    fn kind(&self) -> &'static str {
        "nexus"
    }

    fn signature(&self) -> Option<&'static Form> {
        Some(&NEXUS)
    }

    fn fields(&self) -> &'static [&'static str] {
        &["x-nexus-webhook-delivery", "x-nexus-webhook-id"]
    }

    fn read(&self, request: &Delivered<'_>) -> Result<Vec<Notice>, Unreadable> {
        let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
        let mut notices = Notices::of(request.body);
        let id = header("x-nexus-webhook-delivery");
        let kind = header("x-nexus-webhook-id").map(str::to_ascii_lowercase);
        if !matches!(kind.as_deref(), None | Some("rm:repository:component" | "rm:repository:asset")) {
            notices.add(id, What::Ignored("an event of no concern"));
            return notices.finish();
        }
        let body: Body = parse(request.body)?;
        notices.happened(body.timestamp.as_deref().map(Time::of_text).as_ref());
        match some(id) {
            Some(_) => notices.add(id, body.what()),
            None => notices.add_nameless(some(body.timestamp.as_deref()).is_some(), body.what()),
        }
        notices.finish()
    }
}

#[derive(Deserialize)]
struct Body {
    timestamp: Option<String>,
    action: Option<String>,
    component: Option<Thing>,
    asset: Option<Thing>,
}

#[derive(Deserialize)]
struct Thing {
    format: Option<String>,
    name: Option<String>,
    version: Option<String>,
}

impl Body {
    fn what(&self) -> What {
        let unreadable = |why: &str| What::Unreadable(Unreadable::new(why));
        let (thing, is_asset) = match (&self.component, &self.asset) {
            (Some(component), _) => (component, false),
            (None, Some(asset)) => (asset, true),
            (None, None) => return unreadable("it names neither a component nor an asset"),
        };
        match some(thing.format.as_deref()) {
            Some("docker") => {}
            Some(_) => return What::Ignored("a component that is no image"),
            None => return unreadable("it names no format"),
        }
        let name = some(thing.name.as_deref()).unwrap_or_default();
        let (repository, reference) = if is_asset {
            match manifest_of(name) {
                Some(parts) => parts,
                None => return What::Ignored(BLOB),
            }
        } else {
            (name, some(thing.version.as_deref()).unwrap_or_default())
        };
        let named = Named { repository: Some(repository), tag: Some(reference), ..Named::default() };
        match self.action.as_deref().unwrap_or_default() {
            "CREATED" | "UPDATED" => named.pushed(),
            "DELETED" => named.deleted(),
            "" => unreadable("it names no action"),
            _ => What::Ignored("an action of no concern"),
        }
    }
}

/// Repository and reference in the path of a manifest: `/v2/team/app/manifests/1.0`.
fn manifest_of(path: &str) -> Option<(&str, &str)> {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.strip_prefix("v2/")?.rsplit_once("/manifests/")
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn payloads_are_read() {
        check(
            "nexus",
            &[
                ("component-created.json", &["7f4a6dde: pushed team/app:1.0"]),
                ("component-updated-by-digest.json", &["7f4a6ddf: pushed team/app@sha256:787878787878"]),
                ("component-deleted.json", &["7f4a6de0: deleted team/app:1.0"]),
                ("component-npm.json", &["7f4a6de1: ignored: a component that is no image"]),
                ("asset-manifest.json", &["7f4a6de2: pushed team/app:1.0"]),
                ("asset-blob.json", &["7f4a6de3: ignored: a layer or another blob, not a manifest"]),
                ("audit.json", &["7f4a6de4: ignored: an event of no concern"]),
                ("without-headers.json", &["BODY/0: pushed team/app:1.0"]),
            ],
        );
    }
}
