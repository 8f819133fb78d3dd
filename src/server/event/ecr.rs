//! Amazon ECR by way of an `EventBridge` rule and API destination (AWS, "Amazon ECR events and `EventBridge`").
//!
//! The events are sent on a best-effort basis, so the sweep is what makes it whole. The rule must pass the event as it
//! is, without an input transformer. An image that was pushed without a tag has none, or an empty one.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde::Deserialize;

use super::media::{ARTIFACT, Kind, kind_of_manifest, reason_of_config};
use super::name::{Named, some};
use super::payload::{Notices, Time, parse};
use super::{Delivered, Notice, Sender, Unreadable, What};

pub(super) struct Ecr;

impl Sender for Ecr {
    fn kind(&self) -> &'static str {
        "ecr"
    }

    fn read(&self, request: &Delivered<'_>) -> Result<Vec<Notice>, Unreadable> {
        let body: Body = parse(request.body)?;
        let mut notices = Notices::of(request.body);
        notices.happened(body.time.as_ref());
        notices.add(body.id.as_deref(), body.what());
        notices.finish()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Body {
    id: Option<String>,
    time: Option<Time>,
    detail_type: Option<String>,
    account: Option<String>,
    region: Option<String>,
    detail: Option<Detail>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Detail {
    result: Option<String>,
    sync_status: Option<String>,
    action_type: Option<String>,
    repository_name: Option<String>,
    image_digest: Option<String>,
    image_tag: Option<String>,
    manifest_media_type: Option<String>,
    artifact_media_type: Option<String>,
}

impl Body {
    fn what(&self) -> What {
        let unreadable = |why: &str| What::Unreadable(Unreadable::new(why));
        let kind = match self.detail_type.as_deref().unwrap_or_default() {
            kind @ ("ECR Image Action" | "ECR Replication Action" | "ECR Pull Through Cache Action") => kind,
            "" => return unreadable("it names no type of event"),
            _ => return What::Ignored("an event of no concern"),
        };
        let Some(detail) = &self.detail else { return unreadable("it has no detail") };
        let Some(result) = some(detail.result.as_deref()).or(some(detail.sync_status.as_deref())) else {
            return unreadable("it names no result");
        };
        if !result.eq_ignore_ascii_case("success") {
            return What::Ignored("an action that did not succeed");
        }
        let host = self.host();
        let named = Named {
            repository: detail.repository_name.as_deref(),
            tag: detail.image_tag.as_deref(),
            digest: detail.image_digest.as_deref(),
            host: host.as_deref(),
        };
        // an image that came in through a cache has no action
        let action = if kind == "ECR Pull Through Cache Action" { Some("PUSH") } else { detail.action_type.as_deref() };
        match action.unwrap_or_default() {
            "PUSH" | "REPLICATE" => match detail.reason() {
                Some(reason) => What::Ignored(reason),
                None => named.pushed(),
            },
            "DELETE" => named.deleted(),
            "" => unreadable("it names no action"),
            _ => What::Ignored("an action of no concern"),
        }
    }

    /// `123456789012.dkr.ecr.eu-central-1.amazonaws.com`, in China with `.cn` behind it.
    fn host(&self) -> Option<String> {
        let (account, region) = (some(self.account.as_deref())?, some(self.region.as_deref())?);
        let end = if region.starts_with("cn-") { ".cn" } else { "" };
        Some(format!("{account}.dkr.ecr.{region}.amazonaws.com{end}"))
    }
}

impl Detail {
    /// Why it is not looked at.
    fn reason(&self) -> Option<&'static str> {
        match kind_of_manifest(self.manifest_media_type.as_deref().unwrap_or_default()) {
            Kind::Artifact => Some(ARTIFACT),
            Kind::Manifest | Kind::Index | Kind::Unknown => {
                reason_of_config(self.artifact_media_type.as_deref().unwrap_or_default())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn payloads_are_read() {
        let host = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";
        let at = |what: &str| format!("{what} at {host}");
        let china = at("2c1e: pushed team/app:1.0@sha256:cccccccccccc")
            .replace("eu-central-1.amazonaws.com", "cn-north-1.amazonaws.com.cn");
        check(
            "ecr",
            &[
                ("push.json", &[&at("13cde686: pushed team/app:latest@sha256:cccccccccccc")]),
                ("push-without-tag.json", &[&at("13cde687: pushed team/app@sha256:dddddddddddd")]),
                ("push-empty-tag.json", &[&at("fcf0ea66: pushed team/app@sha256:dddddddddddd")]),
                ("push-china.json", &[&china]),
                ("push-failed.json", &["13cde688: ignored: an action that did not succeed"]),
                ("push-chart.json", &["13cde689: ignored: an artifact that is no image"]),
                ("delete.json", &[&at("dd3b46cb: deleted team/app:latest@sha256:cccccccccccc")]),
                ("pull-through.json", &[&at("85fc3613: pushed docker-hub/library/app:3.22@sha256:eeeeeeeeeeee")]),
                ("replication.json", &[&at("c8b133b1: pushed team/app:1.0@sha256:eeeeeeeeeeee")]),
                ("scan.json", &["85fc3614: ignored: an event of no concern"]),
            ],
        );
    }
}
