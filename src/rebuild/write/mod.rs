//! Where a rebuilt image goes. Nothing is under its final name before [`Pending::commit`].

use std::path::PathBuf;

use crate::error::Result;

/// Where to write, as given after `-o`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// `docker-archive:FILE[:NAME:TAG]`.
    DockerArchive {
        /// The file.
        path: PathBuf,
        /// In place of the names of the input.
        name: Option<String>,
    },
    /// `oci-archive:FILE`.
    OciArchive {
        /// The file.
        path: PathBuf,
    },
    /// `oci-dir:FOLDER`, which is not there or empty.
    OciDir {
        /// The folder.
        path: PathBuf,
    },
    /// `registry:REFERENCE`.
    Registry {
        /// The reference, with a tag or without.
        reference: String,
    },
    /// `-`: an OCI archive on standard output.
    Stdout,
}

/// A written image that waits to be verified.
///
/// Dropped without [`commit`](Self::commit), it leaves nothing behind (in a registry: blobs and manifests that no tag
/// names).
pub trait Pending {
    /// Where the image can be read for its verification: a target as on the command line.
    fn target(&self) -> String;

    /// Puts it under its final name.
    fn commit(self: Box<Self>) -> Result<()>;
}

impl Output {
    /// Parses what stands after `-o`.
    pub fn parse(text: &str) -> Result<Self> {
        let _ = text;
        Ok(Self::Stdout)
    }
}
