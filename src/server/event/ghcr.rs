//! GitHub's container registry: the events `registry_package` and `package` (GitHub, "Webhook events and payloads").
//!
//! Each manifest of a multi-platform push is an event of its own, with an empty tag. Names keep the capitals that
//! accounts have, which those of repositories cannot.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde::Deserialize;

use crate::digest::Digest;
use crate::server::auth::{Form, GITHUB};
use crate::size::ByteSize;

use super::media::{ARTIFACT, Kind, kind_of_manifest, reason_of_config, reason_of_layers};
use super::name::{Named, joined, some};
use super::payload::{Few, Notices, Time, parse};
use super::{Delivered, Notice, Sender, Unreadable, What};

pub(super) struct Ghcr;

impl Sender for Ghcr {
    fn kind(&self) -> &'static str {
        "ghcr"
    }

    /// What GitHub caps its payloads at.
    fn largest_body(&self) -> ByteSize {
        ByteSize::mib(25)
    }

    fn signature(&self) -> Option<&'static Form> {
        Some(&GITHUB)
    }

    fn fields(&self) -> &'static [&'static str] {
        &["x-github-delivery", "x-github-event"]
    }

    fn read(&self, request: &Delivered<'_>) -> Result<Vec<Notice>, Unreadable> {
        let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
        if request.body.starts_with(b"payload=") {
            let why = "the body is a form; the content type of the webhook has to be application/json";
            return Err(Unreadable::new(why));
        }
        let mut notices = Notices::of(request.body);
        let id = header("x-github-delivery");
        if !matches!(header("x-github-event"), None | Some("registry_package" | "package")) {
            notices.add(id, What::Ignored("an event of no concern"));
            return notices.finish();
        }
        let body: Body = parse(request.body)?;
        notices.happened(body.package().and_then(|package| package.updated_at.as_ref()));
        notices.add(id, body.what());
        notices.finish()
    }
}

#[derive(Deserialize)]
struct Body {
    action: Option<String>,
    registry_package: Option<Package>,
    package: Option<Package>,
}

#[derive(Deserialize)]
struct Package {
    namespace: Option<String>,
    name: Option<String>,
    /// Of the package; that of its version is not filled in.
    updated_at: Option<Time>,
    ecosystem: Option<String>,
    #[serde(rename = "package_type")]
    kind: Option<String>,
    #[serde(rename = "package_version")]
    version: Option<Version>,
}

#[derive(Deserialize)]
struct Version {
    /// A digest; in the older registry of packages a tag.
    #[serde(rename = "version")]
    name: Option<String>,
    package_url: Option<String>,
    container_metadata: Option<Metadata>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    tag: Option<Tag>,
    manifest: Option<Manifest>,
}

#[derive(Deserialize)]
struct Tag {
    name: Option<String>,
    digest: Option<String>,
}

#[derive(Deserialize)]
struct Manifest {
    digest: Option<String>,
    media_type: Option<String>,
    config: Option<Part>,
    #[serde(default)]
    layers: Few<Part>,
}

#[derive(Deserialize)]
struct Part {
    media_type: Option<String>,
}

impl Body {
    fn package(&self) -> Option<&Package> {
        self.registry_package.as_ref().or(self.package.as_ref())
    }

    fn what(&self) -> What {
        let Some(package) = self.package() else {
            return What::Unreadable(Unreadable::new("it names no package"));
        };
        match self.action.as_deref().unwrap_or_default() {
            "published" | "updated" => package.pushed(),
            "" => What::Unreadable(Unreadable::new("it names no action")),
            _ => What::Ignored("an action of no concern"),
        }
    }
}

impl Package {
    fn pushed(&self) -> What {
        let kinds = [some(self.ecosystem.as_deref()), some(self.kind.as_deref())];
        let is_container = |kind: &str| kind.eq_ignore_ascii_case("container") || kind.eq_ignore_ascii_case("docker");
        if kinds.iter().flatten().next().is_some() && !kinds.into_iter().flatten().any(is_container) {
            return What::Ignored("a package that is no image");
        }
        let Some(version) = &self.version else {
            return What::Unreadable(Unreadable::new("it names no version of the package"));
        };
        if let Some(reason) = version.reason() {
            return What::Ignored(reason);
        }
        let url = some(version.package_url.as_deref());
        let in_url = url.and_then(|url| url.split_once('/')).map(|(_, rest)| split_tag(rest));
        let repository = match in_url {
            Some((repository, _)) => repository.to_ascii_lowercase(),
            None => self.whole_name(),
        };
        let tag = version.tag().or_else(|| in_url.and_then(|(_, tag)| some(Some(tag))));
        let digest = version.digest();
        Named { repository: Some(&repository), tag, digest, host: url }.pushed()
    }

    /// `namespace/name`; a namespace of two parts is the whole name.
    fn whole_name(&self) -> String {
        let whole = some(self.namespace.as_deref()).filter(|namespace| namespace.contains('/'));
        whole
            .map_or_else(|| joined(self.namespace.as_deref(), self.name.as_deref()), str::to_owned)
            .to_ascii_lowercase()
    }
}

impl Version {
    fn metadata(&self) -> (Option<&Tag>, Option<&Manifest>) {
        self.container_metadata.as_ref().map_or((None, None), |held| (held.tag.as_ref(), held.manifest.as_ref()))
    }

    /// Why it is not looked at.
    fn reason(&self) -> Option<&'static str> {
        let manifest = self.metadata().1?;
        if manifest.media_type.as_deref().is_some_and(|kind| kind_of_manifest(kind) == Kind::Artifact) {
            return Some(ARTIFACT);
        }
        let config = manifest.config.as_ref().and_then(|config| config.media_type.as_deref());
        let layers = manifest.layers.entries.iter().map(|layer| layer.media_type.as_deref().unwrap_or_default());
        let of_layers = reason_of_layers(layers).filter(|_| !manifest.layers.is_cut);
        of_layers.or_else(|| reason_of_config(config.unwrap_or_default()))
    }

    fn tag(&self) -> Option<&str> {
        some(self.metadata().0.and_then(|tag| tag.name.as_deref()))
    }

    /// The version is one; where it is not, those of the tag and the manifest are.
    fn digest(&self) -> Option<&str> {
        let (tag, manifest) = self.metadata();
        let places = [
            self.name.as_deref(),
            manifest.and_then(|manifest| manifest.digest.as_deref()),
            tag.and_then(|tag| tag.digest.as_deref()),
        ];
        places.into_iter().flatten().find(|text| text.parse::<Digest>().is_ok())
    }
}

/// `team/app:1.0` in two; the colon may be there without a tag.
fn split_tag(name: &str) -> (&str, &str) {
    let name = name.split('@').next().unwrap_or_default();
    name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).unwrap_or((name, ""))
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn payloads_are_read() {
        check(
            "ghcr",
            &[
                (
                    "registry-package.json",
                    &["72d3162e-cc78: pushed team-example/app:1.0@sha256:999999999999 at ghcr.example"],
                ),
                (
                    "registry-package-child.json",
                    &["72d3162e-cc79: pushed team-example/app@sha256:aaaaaaaaaaaa at ghcr.example"],
                ),
                (
                    "registry-package-attestation.json",
                    &["72d3162e-cc80: ignored: a signature, attestation or list of what belongs to an image"],
                ),
                ("package.json", &["72d3162e-cc81: pushed team-example/tools/app:main@sha256:bbbbbbbbbbbb"]),
                ("package-npm.json", &["72d3162e-cc82: ignored: a package that is no image"]),
                ("ping.json", &["72d3162e-cc83: ignored: an event of no concern"]),
            ],
        );
    }

    #[test]
    fn a_form_is_told_what_to_set() {
        let body = b"payload=%7B%22action%22%3A%22published%22%7D";
        let unreadable = super::super::testing::read("ghcr", &[], body).expect_err("a form");
        assert_eq!(unreadable.reason, "the body is a form; the content type of the webhook has to be application/json");
    }
}
