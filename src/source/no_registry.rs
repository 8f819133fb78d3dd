//! Stands in for the registry source in a build without the `registry` feature.

use std::path::Path;

use crate::error::{Error, ErrorKind, Result};

use super::{Opened, Request, Source};

/// Says that there is no such source.
pub struct RegistrySource;

impl Source for RegistrySource {
    fn id(&self) -> &'static str {
        "registry"
    }

    fn sniffs(&self, _location: &Path) -> bool {
        false
    }

    fn open(&self, request: &Request<'_>) -> Result<Opened> {
        let location = crate::escape::escape(request.location);
        Err(Error::new(
            ErrorKind::Usage,
            format!("cannot fetch `{location}`: this build of careen knows no registries"),
        )
        .help("name a file or folder that exists, or build careen with `--features registry`"))
    }
}

/// Says that nothing can be fetched.
pub mod download {
    use crate::error::{Error, ErrorKind, Result};

    use super::super::Access;
    use super::super::download::{Answer, Patience, Wish};

    /// Fetches nothing.
    #[derive(Debug)]
    pub struct Downloader(());

    impl Downloader {
        /// An error that says what this build can do.
        pub fn new(_: &Access, _: Patience) -> Result<Self> {
            Err(Error::new(ErrorKind::Usage, "this build of careen has no network code")
                .help("name a folder with `--from DIR`, import files with `careen db import`, or build with `--features registry`"))
        }

        /// Never called: there is none of these.
        pub fn get(&self, _: &Wish<'_>, _: &(dyn Fn(u64) + Sync)) -> Result<Answer> {
            Err(Error::new(ErrorKind::Internal, "this build of careen has no network code"))
        }
    }

    /// An address as it may be shown and kept.
    pub fn shown(url: &str) -> String {
        crate::escape::escape(url)
    }
}

/// Says that nothing can be pushed.
pub mod push {
    use std::io::Read;

    use crate::digest::Digest;
    use crate::error::{Error, ErrorKind, Result};

    use super::super::Access;
    pub use super::super::attach::{Attachment, Subject};

    /// Never made.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Destination(());

    /// Never made.
    #[derive(Debug)]
    pub struct Pusher(());

    impl Destination {
        /// An error that says what this build can do.
        pub fn parse(_: &str) -> Result<Self> {
            Err(Error::new(ErrorKind::Usage, "this build of careen knows no registries")
                .help("write a file or a folder, or build careen with `--features registry`"))
        }

        /// Never called: there is none of these.
        pub fn host(&self) -> &'static str {
            ""
        }

        /// Never called: there is none of these.
        pub fn is_at(&self, _: &str) -> bool {
            false
        }

        /// Never called: there is none of these.
        pub fn repository(&self) -> &'static str {
            ""
        }

        /// Never called: there is none of these.
        pub fn tag(&self) -> &'static str {
            ""
        }
    }

    impl Pusher {
        /// Never called: there is no destination.
        pub fn connect(_: &Destination, _: Option<&str>, _: &Access) -> Result<Self> {
            Err(Error::new(ErrorKind::Internal, "this build of careen knows no registries"))
        }

        /// Never called: there is none of these.
        pub fn blob<'a>(
            &self,
            _: &Digest,
            _: u64,
            _: Option<&str>,
            _: &(dyn Fn() -> Result<Box<dyn Read + Send + 'a>> + 'a),
        ) -> Result<bool> {
            Err(Error::new(ErrorKind::Internal, "this build of careen knows no registries"))
        }

        /// Never called: there is none of these.
        pub fn attach(&self, _: &Subject<'_>, _: &Attachment<'_>) -> Result<()> {
            Err(Error::new(ErrorKind::Internal, "this build of careen knows no registries"))
        }

        /// Never called: there is none of these.
        pub fn manifest(&self, _: &str, _: &str, _: &[u8]) -> Result<()> {
            Err(Error::new(ErrorKind::Internal, "this build of careen knows no registries"))
        }

        /// Never called: there is none of these.
        pub fn manifest_of(&self, _: &str) -> Result<Option<Vec<u8>>> {
            Err(Error::new(ErrorKind::Internal, "this build of careen knows no registries"))
        }
    }
}

/// Says that there are no artifacts.
pub mod artifact {
    use std::io::Read;

    use crate::error::{Error, ErrorKind, Result};

    use super::super::Access;

    /// Never made.
    #[derive(Debug)]
    pub struct Artifact(());

    /// Never made.
    #[derive(Debug, Clone)]
    pub struct ArtifactFile {
        /// Its name.
        pub name: String,
        /// Bytes of it.
        pub size: u64,
    }

    impl Artifact {
        /// An error that says what this build can do.
        pub fn open(_: &str, _: &Access) -> Result<Self> {
            Err(Error::new(ErrorKind::Usage, "this build of careen knows no registries")
                .help("import an export with `careen db import FILE`, or build with `--features registry`"))
        }

        /// None.
        pub fn files(&self) -> &[ArtifactFile] {
            &[]
        }

        /// Never called: there is none of these.
        pub fn bytes(&self, _: &ArtifactFile, _: u64) -> Result<Vec<u8>> {
            Err(Error::new(ErrorKind::Internal, "this build of careen knows no registries"))
        }

        /// Never called: there is none of these.
        pub fn read(&self, _: &ArtifactFile) -> Result<Box<dyn Read + Send>> {
            Err(Error::new(ErrorKind::Internal, "this build of careen knows no registries"))
        }
    }
}
