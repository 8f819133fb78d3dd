//! What a file is fetched by over HTTP, and what comes of it. Who fetches is `registry::download`.

use std::path::Path;
use std::time::Duration;

/// How patient a download is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Tries of one request, and resumptions without progress.
    pub tries: u32,
    /// Without an answer, or with next to nothing arriving.
    pub stall: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { tries: 4, stall: Duration::from_secs(30) }
    }
}

/// What a server said to tell one state of a file from the next (RFC 9110, 8.8).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validators {
    /// `ETag`, quotes included.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
}

/// A file that is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// Where it is, with `http` or `https`.
    pub url: &'a str,
    /// What is there already.
    pub known: &'a Validators,
    /// Most bytes it may have.
    pub most: u64,
    /// Where the beginning of it is kept if the rest does not come, for another run to go on from.
    pub partial: Option<&'a Path>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is what is there already.
    Unchanged,
    /// It is new.
    Whole(Arrived),
}

/// A file that arrived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrived {
    /// Its content.
    pub bytes: Vec<u8>,
    /// What the server said of its state.
    pub validators: Validators,
    /// Bytes of content that came over the network, those that came twice included.
    pub downloaded: u64,
}
