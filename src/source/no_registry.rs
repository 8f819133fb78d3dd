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
