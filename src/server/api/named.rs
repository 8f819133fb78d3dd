//! How people name an image in a filter: as pages show it, `main/shop/api`, as it is pulled,
//! `registry.example:5000/shop/api:1.4@sha256:…`, or by its repository alone. `*` stands for anything.

use crate::digest::Digest;
use crate::server::problem::Problem;
use crate::server::state::Server;

use super::glob;

/// What a filter names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    /// The repository as it was written, as a pattern.
    pub(super) repository: Option<String>,
    /// The registry that it begins with, by name, and the pattern behind it.
    pub(super) registry: Option<String>,
    pub(super) within: Option<String>,
    pub(super) tag: Option<String>,
    pub(super) digest: Option<String>,
}

impl Named {
    pub(super) fn read(server: &Server, text: &str) -> Result<Self, Problem> {
        if text.parse::<Digest>().is_ok() {
            return Ok(Self { digest: Some(text.to_owned()), ..Self::default() });
        }
        let (text, digest) = text.split_once('@').map_or((text, None), |(text, digest)| (text, Some(digest)));
        // a colon before the last slash is that of a port
        let folder = text.rfind('/').map_or(0, |at| at + 1);
        let (text, tag) = match text.get(folder..).and_then(|last| last.find(':')) {
            Some(at) => (text.get(..folder + at).unwrap_or_default(), text.get(folder + at + 1..)),
            None => (text, None),
        };
        let mut named = Self {
            repository: Some(glob(text)?),
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
            ..Self::default()
        };
        for registry in &server.config.registries {
            let mut called = std::iter::once(registry.name.get_ref()).chain([&registry.host]).chain(&registry.aliases);
            let within = called.find_map(|name| text.strip_prefix(name.as_str())?.strip_prefix('/'));
            if let Some(within) = within {
                named.registry = Some(registry.name.get_ref().clone());
                named.within = Some(glob(within)?);
                break;
            }
        }
        Ok(named)
    }
}
