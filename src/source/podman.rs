//! Images of Podman on this machine, through `podman system service`.

use std::path::{Path, PathBuf};

use crate::error::Result;

use super::daemon::{self, Daemon};
use super::{Access, Opened, Request, Source};

/// Asks Podman's service for an image; only when it is named.
pub struct Podman;

impl Source for Podman {
    fn id(&self) -> &'static str {
        "podman"
    }

    fn sniffs(&self, _location: &Path) -> bool {
        false
    }

    fn open(&self, request: &Request<'_>) -> Result<Opened> {
        daemon::open(
            request,
            Daemon {
                id: self.id(),
                name: "Podman service",
                sockets: sockets(request.access)?,
                start: "start it with `systemctl --user start podman.socket` or `podman system service`, \
                        or name its socket in `CONTAINER_HOST=unix://…`",
            },
        )
    }
}

/// Where the service listens: the user's socket, then the system's.
fn sockets(access: &Access) -> Result<Vec<PathBuf>> {
    if let Some(address) = &access.container_host {
        return Ok(vec![daemon::socket_of("CONTAINER_HOST", address)?]);
    }
    let user = access.runtime_dir.as_ref().map(|folder| folder.join("podman/podman.sock"));
    Ok(user.into_iter().chain([PathBuf::from("/run/podman/podman.sock")]).collect())
}
