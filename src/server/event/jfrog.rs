//! `JFrog` Artifactory, domain `docker` (`JFrog`, "Webhooks: Domain docker"). Old releases send the fields without the
//! `data` around them. `jpd_origin` is what the platform was told that it is called. A push into a virtual repository
//! is told with the key of the local one behind it.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde::Deserialize;

use crate::server::auth::{Form, JFROG};

use super::name::{Named, some};
use super::payload::{Notices, parse};
use super::{Delivered, Notice, Sender, Unreadable, What};

pub(super) struct JFrog;

impl Sender for JFrog {
    fn kind(&self) -> &'static str {
        "jfrog"
    }

    fn signature(&self) -> Option<&'static Form> {
        Some(&JFROG)
    }

    fn read(&self, request: &Delivered<'_>) -> Result<Vec<Notice>, Unreadable> {
        let body: Body = parse(request.body)?;
        let data = match body.data {
            Some(data) => data,
            None => parse(request.body)?,
        };
        let domain = some(body.domain.as_deref());
        let event = some(body.event_type.as_deref()).or(some(data.event_type.as_deref()));
        let mut notices = Notices::of(request.body);
        let what = match (domain, event) {
            (Some(domain), _) if domain != "docker" => What::Ignored("an event of another domain than docker"),
            (_, Some("pushed" | "promoted")) => data.what(true, body.jpd_origin.as_deref()),
            (_, Some("deleted")) => data.what(false, body.jpd_origin.as_deref()),
            (_, Some(_)) => What::Ignored("an event of no concern"),
            (_, None) => What::Unreadable(Unreadable::new("it names no type of event")),
        };
        notices.add_nameless(false, what);
        notices.finish()
    }
}

#[derive(Deserialize)]
struct Body {
    domain: Option<String>,
    event_type: Option<String>,
    data: Option<Data>,
    jpd_origin: Option<String>,
}

#[derive(Deserialize)]
struct Data {
    event_type: Option<String>,
    repo_key: Option<String>,
    image_name: Option<String>,
    tag: Option<String>,
    sha256: Option<String>,
}

impl Data {
    fn what(&self, is_push: bool, origin: Option<&str>) -> What {
        let (Some(key), Some(image)) = (some(self.repo_key.as_deref()), some(self.image_name.as_deref())) else {
            return What::Unreadable(Unreadable::new("it names no repository"));
        };
        let repository = format!("{key}/{image}");
        let digest = some(self.sha256.as_deref()).map(|hex| format!("sha256:{hex}"));
        // the folder of a manifest without a tag
        let tag = some(self.tag.as_deref()).map(|tag| match tag.strip_prefix("sha256__") {
            Some(hex) => format!("sha256:{hex}"),
            None => tag.to_owned(),
        });
        let (tag, digest) = (tag.as_deref(), digest.as_deref());
        let named = Named { repository: Some(&repository), tag, digest, host: origin };
        if is_push { named.pushed() } else { named.deleted() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn payloads_are_read() {
        check(
            "jfrog",
            &[
                (
                    "push.json",
                    &[
                        "BODY/0 (not unique): pushed docker-local/team/app:1.0@sha256:121212121212 at team.jfrog.example",
                    ],
                ),
                ("push-flat.json", &["BODY/0 (not unique): pushed docker-local/team/app:latest@sha256:343434343434"]),
                (
                    "push-by-digest.json",
                    &["BODY/0 (not unique): pushed docker-local/team/app@sha256:565656565656 at team.jfrog.example"],
                ),
                (
                    "promoted.json",
                    &["BODY/0 (not unique): pushed docker-prod/team/app:1.0@sha256:121212121212 at team.jfrog.example"],
                ),
                (
                    "deleted.json",
                    &[
                        "BODY/0 (not unique): deleted docker-local/team/app:1.0@sha256:121212121212 at team.jfrog.example",
                    ],
                ),
                ("artifact-deployed.json", &["BODY/0 (not unique): ignored: an event of another domain than docker"]),
            ],
        );
    }
}
