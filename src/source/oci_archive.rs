//! OCI layouts in a tar.

use std::path::Path;

use crate::digest::Digest;
use crate::error::Result;

use super::attached::{Attachments, Sought};
use super::form::{self, Form};
use super::raw::Raw;
use super::{Opened, Request, Source};

/// Opens OCI layouts in a tar.
pub struct OciArchive;

impl Source for OciArchive {
    fn id(&self) -> &'static str {
        Form::Oci.id()
    }

    fn sniffs(&self, location: &Path) -> bool {
        form::of_file(location) == Some(Form::Oci)
    }

    fn open(&self, request: &Request<'_>) -> Result<Opened> {
        form::open_file(request, Some(Form::Oci))
    }

    fn raw(&self, request: &Request<'_>) -> Result<Raw> {
        form::raw_file(request, Form::Oci)
    }

    fn attached(&self, request: &Request<'_>, digest: &Digest) -> Result<Attachments> {
        form::attached(request, digest, Sought::Vex, self.id())
    }

    fn provenance(&self, request: &Request<'_>, digest: &Digest) -> Result<Attachments> {
        form::attached(request, digest, Sought::Provenance, self.id())
    }
}
