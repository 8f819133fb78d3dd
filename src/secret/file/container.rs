//! Docker's credentials.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{FileFormat, hit, pair_hit};

/// `~/.docker/config.json`, `.dockercfg` and Podman's `auth.json` ("docker login", containers-auth.json(5)). A helper
/// (`credsStore`) is none of our business.
pub(super) static DOCKER: FileFormat = FileFormat {
    names: &[".dockercfg", ".dockerconfigjson"],
    holds: &["\"auths\""],
    read: |reader| {
        reader.json(|setting| match setting.key() {
            b"auth" => pair_hit("docker-config-auth", setting.value),
            b"identitytoken" | b"registrytoken" => Some(hit("docker-registry-token")),
            b"password" if setting.path.len() >= 2 => Some(hit("docker-config-auth")),
            _ => None,
        });
    },
};
