//! What senders of webhooks say. Each kind of sender is one file here and one line in [`SENDERS`].
//!
//! A payload names a repository and a digest or tag, and nothing more is believed: where the registry is, and who may
//! ask it, stands in the configuration.

mod acr;
mod distribution;
mod docker_hub;
mod ecr;
mod gar;
mod ghcr;
mod gitlab;
mod harbor;
mod jfrog;
mod media;
mod name;
mod nexus;
mod payload;
mod quay;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::fmt;

use axum::http::HeaderMap;

use crate::digest::Digest;
use crate::size::ByteSize;

use super::auth::Form;
use super::clock::Moment;

/// Reads the webhooks of one kind of sender.
pub trait Sender: Sync {
    /// The word in `kind = "…"`.
    fn kind(&self) -> &'static str;

    /// The largest body that is taken.
    fn largest_body(&self) -> ByteSize {
        ByteSize::mib(1)
    }

    /// How it signs where it is given a secret; `None` for senders that cannot.
    fn signature(&self) -> Option<&'static Form> {
        None
    }

    /// Header fields that [`Sender::read`] looks at, in lower case; kept with what cannot be read, so that it can be read
    /// again. None of a proof, which would be kept as well.
    fn fields(&self) -> &'static [&'static str] {
        &[]
    }

    /// What an authenticated request says: one entry for each push, deletion or thing of no concern. Never panics and
    /// takes time linear in the body.
    fn read(&self, request: &Delivered<'_>) -> Result<Vec<Notice>, Unreadable>;
}

/// A request as it came, its body not decoded.
#[derive(Clone, Copy)]
pub struct Delivered<'a> {
    /// The header fields.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}

/// Shows nothing of the secrets that header fields hold.
impl fmt::Debug for Delivered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivered").field("body", &self.body.len()).finish_non_exhaustive()
    }
}

/// One thing that a webhook tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The sender's own id of the event, by which a replay is known; at most 256 bytes of printable ASCII. Where a
    /// sender has none, the digest of the body and the place in it.
    pub id: String,
    /// Whether the id is that of one event. Where it is not, since the sender gives neither an id nor a time, two
    /// pushes of one tag look the same: the same id again is then no replay, and must not be dropped as one.
    pub is_unique: bool,
    /// When it happened, as far as the sender says so.
    pub at: Option<Moment>,
    /// What happened.
    pub what: What,
}

/// What happened in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// An image or index came in.
    Pushed(Place),
    /// It went. In registries on distribution it may have been a layer: a digest that no image is known by.
    Deleted(Place),
    /// Nothing that is scanned; says why.
    Ignored(&'static str),
    /// One event of several that cannot be read; the body is kept as a dead letter for it.
    Unreadable(Unreadable),
}

/// Where in a registry: names that fit the grammar of distribution-spec 1.1, "Pulling manifests".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The repository.
    pub repository: String,
    /// The manifest, if the sender names it.
    pub digest: Option<Digest>,
    /// The tag, if the sender names one. One of both is always there.
    pub tag: Option<String>,
    /// The host that the payload claims, to be compared with the configured one, never to be asked.
    pub claimed_host: Option<String>,
}

/// A body that cannot be read is kept as a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// What is wrong, without words of the body.
    pub reason: String,
}

impl Unreadable {
    fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

/// All kinds, sorted.
pub static SENDERS: &[&dyn Sender] = &[
    &acr::Acr,
    &distribution::Distribution,
    &docker_hub::DockerHub,
    &ecr::Ecr,
    &gar::Gar,
    &ghcr::Ghcr,
    &gitlab::GitLab,
    &harbor::Harbor,
    &jfrog::JFrog,
    &nexus::Nexus,
    &quay::Quay,
];

/// The sender of this kind.
pub fn of_kind(kind: &str) -> Option<&'static dyn Sender> {
    SENDERS.iter().find(|sender| sender.kind() == kind).copied()
}
