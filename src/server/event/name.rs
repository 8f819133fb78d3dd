//! Names in payloads, held to the grammar of distribution-spec 1.1, "Pulling manifests".
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::digest::Digest;
use crate::source::attached::is_tag_of_attached;
use crate::source::registry::ImageReference;

use super::media::ATTACHED;
use super::{Place, Unreadable, What};

/// Longest host with a port, in bytes: 255 and `:65535`.
const LONGEST_HOST: usize = 261;

/// What a payload calls an image; empty texts are as good as none.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Named<'a> {
    pub(super) repository: Option<&'a str>,
    /// Some senders put the digest here.
    pub(super) tag: Option<&'a str>,
    pub(super) digest: Option<&'a str>,
    /// A host, or an address that begins with one: `https://registry.example/v2/`, `registry.example/team/app:1.0`.
    pub(super) host: Option<&'a str>,
}

impl Named<'_> {
    /// That it was pushed, unless the tag is one of signatures and the like.
    pub(super) fn pushed(&self) -> What {
        match self.place() {
            Ok(place) if place.tag.as_deref().is_some_and(is_tag_of_attached) => What::Ignored(ATTACHED),
            Ok(place) => What::Pushed(place),
            Err(unreadable) => What::Unreadable(unreadable),
        }
    }

    /// That it was deleted.
    pub(super) fn deleted(&self) -> What {
        match self.place() {
            Ok(place) => What::Deleted(place),
            Err(unreadable) => What::Unreadable(unreadable),
        }
    }

    fn place(&self) -> Result<Place, Unreadable> {
        let repository = some(self.repository).ok_or_else(|| Unreadable::new("it names no repository"))?;
        let stated = match some(self.digest) {
            Some(digest) => Some(digest.parse::<Digest>().map_err(|_| Unreadable::new("its digest is none"))?),
            None => None,
        };
        let (tag, in_tag) = match some(self.tag) {
            Some(tag) => match tag.parse::<Digest>() {
                Ok(digest) => (None, Some(digest)),
                Err(_) => (Some(tag), None),
            },
            None => (None, None),
        };
        let digest = match (stated, in_tag) {
            (Some(stated), Some(in_tag)) if stated != in_tag => {
                return Err(Unreadable::new("its tag is a digest, and not the one of its manifest"));
            }
            (stated, in_tag) => stated.or(in_tag),
        };
        if tag.is_none() && digest.is_none() {
            return Err(Unreadable::new("it names neither a tag nor a digest"));
        }
        // the host stands for the configured one, which is not known here
        ImageReference::of_parts("localhost", repository, tag, digest.as_ref())
            .map_err(|_| Unreadable::new("its repository or tag does not fit the grammar of names"))?;
        Ok(Place {
            repository: repository.to_owned(),
            digest,
            tag: tag.map(str::to_owned),
            claimed_host: some(self.host).map(host_of).transpose()?,
        })
    }
}

/// A text that is not empty.
pub(super) fn some(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// `namespace/name`, for payloads without the whole name.
pub(super) fn joined(namespace: Option<&str>, name: Option<&str>) -> String {
    format!("{}/{}", some(namespace).unwrap_or_default(), some(name).unwrap_or_default())
}

/// The host at the beginning of an address, in lower case.
fn host_of(address: &str) -> Result<String, Unreadable> {
    let bare = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://")).unwrap_or(address);
    let host = bare.split('/').next().unwrap_or_default();
    let is_host = !host.is_empty()
        && host.len() <= LONGEST_HOST
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']'));
    if is_host { Ok(host.to_ascii_lowercase()) } else { Err(Unreadable::new("the host it names is none")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_held_to_the_grammar() {
        let digest = Digest::sha256(b"one").to_string();
        let other = Digest::sha256(b"two").to_string();
        let signature = format!("sha256-{}.sig", "0".repeat(64));
        let long = "a".repeat(256);
        let tag = "t".repeat(129);
        let neither = "unreadable: it names neither a tag nor a digest";
        let grammar = "unreadable: its repository or tag does not fit the grammar of names";
        let cases = [
            ("team/app", "1.0", "", "pushed team/app:1.0"),
            ("team/app", "1.0", digest.as_str(), "pushed team/app:1.0@sha256:7692c3ad3540"),
            ("team/app", digest.as_str(), "", "pushed team/app@sha256:7692c3ad3540"),
            ("team/app", digest.as_str(), digest.as_str(), "pushed team/app@sha256:7692c3ad3540"),
            (
                "team/app",
                other.as_str(),
                digest.as_str(),
                "unreadable: its tag is a digest, and not the one of its manifest",
            ),
            (
                "team/app",
                signature.as_str(),
                "",
                "ignored: a signature, attestation or list of what belongs to an image",
            ),
            ("team/app", "", "", neither),
            ("team/app", " ", "", neither),
            ("", "1.0", "", "unreadable: it names no repository"),
            ("team/app", "1.0", "sha256:beef", "unreadable: its digest is none"),
            ("team/app", "1.0", "sha256:../../x", "unreadable: its digest is none"),
            ("Team/App", "1.0", "", grammar),
            ("team/../app", "1.0", "", grammar),
            ("https://evil.example/app", "1.0", "", grammar),
            ("team/app@sha256", "1.0", "", grammar),
            ("team/app", "a b", "", grammar),
            ("team/app", "a\nb", "", grammar),
            ("team/app", "1.0?x=y", "", grammar),
            ("team/app", tag.as_str(), "", grammar),
            (long.as_str(), "1.0", "", grammar),
        ];
        for (repository, tag, digest, expected) in cases {
            let named =
                Named { repository: Some(repository), tag: Some(tag), digest: Some(digest), ..Named::default() };
            assert_eq!(super::super::testing::words(&named.pushed()), expected, "{repository} {tag} {digest}");
        }
    }

    #[test]
    fn hosts_are_taken_off_addresses() {
        for (address, host) in [
            ("registry.example", Some("registry.example")),
            ("Registry.Example:5000/team/app:1.0", Some("registry.example:5000")),
            ("https://registry.example:5000/v2/", Some("registry.example:5000")),
            ("http://[::1]:5000/v2/", Some("[::1]:5000")),
            ("https://user:word@registry.example/", None),
            ("https:///v2/", None),
            ("registry.example\r\nX: y", None),
            ("régistry.example", None),
        ] {
            assert_eq!(host_of(address).ok().as_deref(), host, "{address}");
        }
        assert!(host_of(&"a".repeat(262)).is_err());
    }
}
