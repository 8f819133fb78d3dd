//! Google Artifact Registry by way of a Pub/Sub push subscription to the topic `gcr` (Google Cloud, "Configure Pub/Sub
//! notifications"). Both `digest` and `tag` are whole references, host and all.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde::Deserialize;

use crate::format::base64;

use super::name::{Named, some};
use super::payload::{Notices, Time, parse};
use super::{Delivered, Notice, Sender, Unreadable, What};

pub(super) struct Gar;

impl Sender for Gar {
    fn kind(&self) -> &'static str {
        "gar"
    }

    fn fields(&self) -> &'static [&'static str] {
        &["x-goog-pubsub-message-id", "x-goog-pubsub-publish-time"]
    }

    fn read(&self, request: &Delivered<'_>) -> Result<Vec<Notice>, Unreadable> {
        let mut notices = Notices::of(request.body);
        let Some(message) = parse::<Body>(request.body)?.message else {
            // "payload unwrapping": the message alone, what Pub/Sub knows of it in header fields
            let change: Change = parse(request.body)?;
            let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
            let id = header("x-goog-pubsub-message-id");
            notices.happened(header("x-goog-pubsub-publish-time").map(Time::of_text).as_ref());
            notices.add(id, change.what());
            return notices.finish();
        };
        let data = some(message.data.as_deref()).ok_or_else(|| Unreadable::new("the message has no data"))?;
        let data = base64::decode(data.as_bytes()).ok_or_else(|| Unreadable::new("the message's data is no base64"))?;
        let change: Change = parse(&data)?;
        let id = some(message.id.as_deref()).or(message.same_id.as_deref());
        notices.happened(message.published.as_ref().or(message.same_time.as_ref()));
        notices.add(id, change.what());
        notices.finish()
    }
}

#[derive(Deserialize)]
struct Body {
    message: Option<Message>,
}

#[derive(Deserialize)]
struct Message {
    data: Option<String>,
    /// Sent under both names at once.
    #[serde(rename = "messageId")]
    id: Option<String>,
    #[serde(rename = "message_id")]
    same_id: Option<String>,
    #[serde(rename = "publishTime")]
    published: Option<Time>,
    #[serde(rename = "publish_time")]
    same_time: Option<Time>,
}

#[derive(Deserialize)]
struct Change {
    action: Option<String>,
    digest: Option<String>,
    tag: Option<String>,
}

impl Change {
    fn what(&self) -> What {
        let unreadable = |why: &str| What::Unreadable(Unreadable::new(why));
        let is_push = match self.action.as_deref().unwrap_or_default() {
            "INSERT" => true,
            "DELETE" => false,
            "" => return unreadable("it names no action"),
            _ => return What::Ignored("an action of no concern"),
        };
        let digest = some(self.digest.as_deref()).map(|text| text.split_once('@').unwrap_or((text, "")));
        let tag = some(self.tag.as_deref()).map(split_tag);
        let (Some((name, _)), both) = (digest.or(tag), digest.zip(tag)) else {
            return unreadable("it names neither a tag nor a digest");
        };
        if both.is_some_and(|(digest, tag)| digest.0 != tag.0) {
            return unreadable("its digest and its tag are of two repositories");
        }
        let Some((host, repository)) = name.split_once('/') else {
            return unreadable("it names no repository");
        };
        let named = Named {
            repository: Some(repository),
            tag: tag.map(|(_, tag)| tag),
            digest: digest.map(|(_, digest)| digest),
            host: Some(host),
        };
        if is_push { named.pushed() } else { named.deleted() }
    }
}

/// A reference without its tag, and the tag; that of a host may have a port.
fn split_tag(text: &str) -> (&str, &str) {
    text.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn payloads_are_read() {
        let host = "europe-docker.pkg.example";
        let at = |what: &str| format!("{what} at {host}");
        check(
            "gar",
            &[
                ("push.json", &[&at("2070443601311540: pushed project/team/app:1.1@sha256:ffffffffffff")]),
                ("push-without-tag.json", &[&at("2070443601311541: pushed project/team/app@sha256:ffffffffffff")]),
                ("push-unwrapped.json", &[&at("2070443601311542: pushed project/team/app:1.1@sha256:ffffffffffff")]),
                ("delete-tag.json", &[&at("2070443601311543: deleted project/team/app:1.1")]),
                ("two-repositories.json", &["unreadable: its digest and its tag are of two repositories"]),
                ("no-data.json", &["unreadable: the message has no data"]),
                ("no-base64.json", &["unreadable: the message's data is no base64"]),
            ],
        );
    }
}
