//! Streams a blob: a task downloads and resumes, a blocking reader takes from a bounded channel.

use std::io::{self, Read};
use std::sync::Arc;

use reqwest::header::CONTENT_RANGE;
use reqwest::{Response, StatusCode};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::AbortHandle;

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};

use super::Network;
use super::connection::Connection;
use super::flow::{Flow, least};
use super::transport::{Failure, FailureKind};

/// Bytes of one piece.
const PIECE: usize = 64 * 1024;

/// Pieces that wait to be read: with [`PIECE`], 1 MiB for each blob.
const PIECES: usize = 16;

/// Resumptions of one blob, even if each brings a few bytes.
const MOST_RESUMPTIONS: u32 = 1_000;

/// A piece; an empty one is the end, so that a task that vanished is not taken for it.
type Piece = Result<Vec<u8>>;

/// Reads a blob while it is downloaded. Dropping it ends the download.
#[derive(Debug)]
pub(super) struct BlobReader {
    pieces: Receiver<Piece>,
    current: Vec<u8>,
    position: usize,
    is_done: bool,
    task: AbortHandle,
    /// The runtime lives as long as somebody reads.
    _network: Arc<Network>,
}

impl BlobReader {
    /// Waits until the server says that it has the blob. Digest and size are for the reader to check:
    /// bytes come as the server sends them, up to a piece more than `size`.
    pub(super) fn open(network: Arc<Network>, connection: Arc<Connection>, digest: &Digest, size: u64) -> Result<Self> {
        let runtime = network.runtime()?;
        let first = runtime.block_on(connection.blob(digest, 0))?;
        let (sender, pieces) = channel(PIECES);
        let download = Download { connection, digest: digest.clone(), size, delivered: 0, sender };
        let task = runtime.spawn(download.run(first)).abort_handle();
        Ok(Self { pieces, current: Vec::new(), position: 0, is_done: false, task, _network: network })
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.current.len() && !self.is_done && !buffer.is_empty() {
            match self.pieces.blocking_recv() {
                Some(Ok(piece)) => {
                    self.is_done = piece.is_empty();
                    self.current = piece;
                    self.position = 0;
                }
                Some(Err(error)) => return Err(io::Error::other(error)),
                None => return Err(io::Error::other("the download was given up")),
            }
        }
        let rest = self.current.get(self.position..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        self.position += count;
        Ok(count)
    }
}

impl Drop for BlobReader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The downloading half.
struct Download {
    connection: Arc<Connection>,
    digest: Digest,
    size: u64,
    delivered: u64,
    sender: Sender<Piece>,
}

/// Why a download cannot go on.
enum Stop {
    /// Nobody reads any more.
    Unread,
    Failed(Error),
    /// The answer broke off; another request may bring the rest.
    Broken(Failure),
}

impl Download {
    async fn run(mut self, first: Response) {
        let end = match self.download(first).await {
            Ok(()) => Ok(Vec::new()),
            Err(Stop::Unread) => return,
            Err(Stop::Failed(error) | Stop::Broken(Failure { error, .. })) => Err(error),
        };
        // an unread end is no loss
        let _ = self.sender.send(end).await;
    }

    async fn download(&mut self, first: Response) -> Result<(), Stop> {
        let mut response = first;
        let mut failures = 0;
        let mut resumptions = 0;
        loop {
            let before = self.delivered;
            let broken = match self.deliver(response).await {
                Ok(()) => return Ok(()),
                Err(Stop::Broken(failure)) => failure,
                Err(stop) => return Err(stop),
            };
            // a few bytes now and then are no progress
            let is_progress = self.delivered - before >= least(self.connection.transport.pace.stall);
            if is_progress && broken.kind != FailureKind::Slow {
                failures = 0;
            }
            failures += 1;
            resumptions += 1;
            if resumptions > MOST_RESUMPTIONS {
                return Err(Stop::Failed(broken.error));
            }
            self.connection.pause(failures, broken).await.map_err(|error| {
                Stop::Failed(Error {
                    message: format!("the download broke off at byte {}: {}", self.delivered, error.message),
                    ..error
                })
            })?;
            response = self.connection.blob(&self.digest, self.delivered).await.map_err(Stop::Failed)?;
        }
    }

    /// Hands on one answer's bytes, from where the last one stopped.
    async fn deliver(&mut self, mut response: Response) -> Result<(), Stop> {
        let mut skip = match response.status() {
            // the blob is shorter than its descriptor says, which the reader will see
            StatusCode::RANGE_NOT_SATISFIABLE => return Ok(()),
            StatusCode::PARTIAL_CONTENT => {
                if range_start(&response) != Some(self.delivered) {
                    return Err(Stop::Failed(
                        Error::new(
                            ErrorKind::Network,
                            "the registry sends another part of the blob than was asked for",
                        )
                        .at(self.connection.place(&self.digest)),
                    ));
                }
                0
            }
            _ => self.delivered,
        };
        let is_counted = response.content_length().is_some();
        let mut flow = Flow::default();
        while let Some(chunk) = flow.next(&self.connection.transport, &mut response).await.map_err(Stop::Broken)? {
            let chunk = chunk.as_ref();
            let skipped = usize::try_from(skip).unwrap_or(usize::MAX).min(chunk.len());
            skip -= skipped as u64;
            for piece in chunk.get(skipped..).unwrap_or_default().chunks(PIECE) {
                self.sender.send(Ok(piece.to_vec())).await.map_err(|_| Stop::Unread)?;
                self.delivered += piece.len() as u64;
                // one that never ends; the reader knows the size and sees that it is wrong
                if self.delivered > self.size {
                    return Ok(());
                }
            }
        }
        if self.delivered < self.size && !is_counted {
            // without a length, a lost connection looks like an end
            let error = Error::new(ErrorKind::Network, "the answer ends early").at(self.connection.place(&self.digest));
            return Err(Stop::Broken(Failure { error, kind: FailureKind::Passing(None) }));
        }
        Ok(())
    }
}

/// First byte of a `206` answer: `Content-Range: bytes 10-19/20`.
fn range_start(response: &Response) -> Option<u64> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    range.trim().strip_prefix("bytes ")?.split_once('-')?.0.trim().parse().ok()
}
