//! Images of the Docker daemon on this machine.

use std::path::{Path, PathBuf};

use crate::error::Result;

use super::daemon::{self, Daemon};
use super::{Access, Opened, Request, Source};

/// Asks the Docker daemon for an image; only when it is named.
pub struct Docker;

impl Source for Docker {
    fn id(&self) -> &'static str {
        "docker"
    }

    fn sniffs(&self, _location: &Path) -> bool {
        false
    }

    fn open(&self, request: &Request<'_>) -> Result<Opened> {
        daemon::open(
            request,
            Daemon {
                id: self.id(),
                name: "Docker daemon",
                sockets: sockets(request.access)?,
                start: "start it with `systemctl start docker`, or name its socket in `DOCKER_HOST=unix://…`",
            },
        )
    }
}

/// Where the daemon listens: the system's socket, a rootless one, Docker Desktop's.
fn sockets(access: &Access) -> Result<Vec<PathBuf>> {
    if let Some(address) = &access.docker_host {
        return Ok(vec![daemon::socket_of("DOCKER_HOST", address)?]);
    }
    let rootless = access.runtime_dir.as_ref().map(|folder| folder.join("docker.sock"));
    let desktop = access.home.as_ref().map(|home| home.join(".docker/run/docker.sock"));
    Ok([Some(PathBuf::from("/var/run/docker.sock")), rootless, desktop].into_iter().flatten().collect())
}
