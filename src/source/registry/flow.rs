//! How fast a body must come. A server that sends a byte now and then never stalls, and would hold careen up for ever.

use std::time::Duration;

use reqwest::Response;
use tokio::time::Instant;

use crate::error::{Error, ErrorKind};

use super::address::describe;
use super::transport::{Failure, FailureKind, Transport};

/// Bytes a second, over the time of a stall, below which a server is taken to hold careen up. No link that images or
/// advisory data are fetched over is as slow: 10 MiB would take three hours.
pub(super) const SLOWEST: u64 = 1024;

/// One body on its way. Time counts while it is waited for, not while what came is worked on.
#[derive(Debug, Default)]
pub(super) struct Flow {
    waited: Duration,
    arrived: u64,
}

impl Flow {
    /// The next bytes, or nothing at the end.
    pub(super) async fn next(
        &mut self,
        transport: &Transport,
        response: &mut Response,
    ) -> Result<Option<impl AsRef<[u8]> + use<>>, Failure> {
        let since = Instant::now();
        let chunk = match response.chunk().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => return Ok(None),
            Err(error) => return Err(transport.failure(response.url(), &error)),
        };
        self.waited = self.waited.saturating_add(since.elapsed());
        self.arrived = self.arrived.saturating_add(chunk.len() as u64);
        let window = transport.pace.stall;
        if self.waited >= window {
            if self.arrived < least(window) {
                let error = Error::new(ErrorKind::Network, "the server sends next to nothing")
                    .at(describe(response.url()))
                    .help("check the network and the proxy settings, or try again later");
                return Err(Failure { error, kind: FailureKind::Slow });
            }
            *self = Self::default();
        }
        Ok(Some(chunk))
    }
}

/// Bytes that must come in such a time.
pub(super) fn least(window: Duration) -> u64 {
    u64::try_from(window.as_millis()).unwrap_or(u64::MAX).saturating_mul(SLOWEST) / 1_000
}
