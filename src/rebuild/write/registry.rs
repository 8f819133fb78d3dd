//! Pushes to a registry (distribution-spec 1.1, "Push"): blobs that it lacks, then manifests by digest, those that
//! others name first. The tag comes last, when all is verified.

use std::io::Read;

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::source::raw::RawKind;
use crate::source::registry::push::{Attachment, Destination, Pusher, Subject};

use super::super::{Bundle, Options};
use super::{Content, Pending, Product, Role};

/// Refuses a digest for a name, and the tag that the image was read from.
pub(super) fn check(reference: &str, bundle: &Bundle, options: &Options<'_>) -> Result<()> {
    let to = Destination::parse(reference)?;
    let RawKind::Registry { host, repository, tag } = &bundle.kind else { return Ok(()) };
    if options.in_place || !to.is_at(host) || to.repository() != repository {
        return Ok(());
    }
    let is_same = if let Some(tag) = tag {
        to.tag() == tag
    } else {
        // read by its digest, which the tag may name
        let there = Pusher::connect(&to, None, options.access)?.manifest_of(to.tag())?;
        let root = bundle.root().ok_or_else(|| Error::new(ErrorKind::Internal, "the image has no digest"))?;
        there.is_some_and(|bytes| Digest::of(root.algorithm(), &bytes) == root)
    };
    if is_same {
        return Err(Error::new(ErrorKind::Usage, "the output is the tag that the image was read from")
            .at(escape(reference))
            .help("name another tag, or allow it with `--in-place`"));
    }
    Ok(())
}

/// An image that is there by digest.
struct PendingTag {
    pusher: Pusher,
    to: Destination,
    root: Digest,
    media_type: String,
    bytes: Vec<u8>,
}

/// Pushes all but the tag.
pub(super) fn write(
    product: &Product,
    reference: &str,
    bundle: &Bundle,
    options: &Options<'_>,
) -> Result<Box<dyn Pending>> {
    let to = Destination::parse(reference)?;
    let mut roots: Vec<&Digest> = product.roots.iter().map(|root| &root.digest).collect();
    roots.dedup();
    let [root] = roots.as_slice() else {
        return Err(
            Error::new(ErrorKind::Usage, "several images cannot share one tag").help("name one image of the input")
        );
    };
    let from = match &bundle.kind {
        RawKind::Registry { host, repository, .. } if to.host() == host && to.repository() != repository => {
            Some(repository.as_str())
        }
        _ => None,
    };
    let pusher = Pusher::connect(&to, from, options.access)?;
    for (digest, part) in product.parts.iter().filter(|(_, part)| part.role == Role::Blob) {
        let open = || -> Result<Box<dyn Read + Send + '_>> {
            match &part.content {
                Content::Bytes(bytes) => Ok(Box::new(bytes.as_slice())),
                Content::Blob(blob) | Content::Layer(blob) => blob.open(),
            }
        };
        pusher.blob(digest, part.size, from, &open)?;
    }
    let root = (*root).clone();
    let mut found = None;
    for digest in &product.order {
        let Some(part) = product.parts.get(digest) else { continue };
        if let (Role::Manifest(kind), Content::Bytes(bytes)) = (&part.role, &part.content) {
            pusher.manifest(&digest.to_string(), kind, bytes)?;
            if *digest == root {
                found = Some((kind.clone(), bytes.clone()));
            }
        }
    }
    let (media_type, bytes) =
        found.ok_or_else(|| Error::new(ErrorKind::Internal, "the image to be pushed is missing"))?;
    Ok(Box::new(PendingTag { pusher, to, root, media_type, bytes }))
}

impl Pending for PendingTag {
    fn target(&self) -> String {
        format!("registry:{}/{}@{}", self.to.host(), self.to.repository(), self.root)
    }

    fn attach(&self, document: &Attachment<'_>) -> Result<bool> {
        let subject = Subject { digest: &self.root, media_type: &self.media_type, size: self.bytes.len() as u64 };
        self.pusher.attach(&subject, document).map(|()| true)
    }

    fn commit(self: Box<Self>) -> Result<()> {
        self.pusher.manifest(self.to.tag(), &self.media_type, &self.bytes)
    }
}
