//! What is attached to an image in a registry: by the referrers API (distribution-spec 1.1), by the tags that stand in
//! for it, by cosign's tag for attestations, and in the index that lists the image.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::image::Descriptor;
use crate::image::manifest::Document;
use crate::limit::Limits;
use crate::limitation::Limitation;
use crate::size::ByteSize;

use super::super::Request;
use super::super::attached::{Attachments, Finder, Link, Part, reference_digest, tag_of};
use super::connection::Wanted;
use super::transport::Pace;
use super::{Registry, connect, reference_of, wanted};

/// Finds the documents that are attached to the image of this digest, and to the index that was asked for if the
/// image is listed there.
pub(super) fn attached(request: &Request<'_>, digest: &Digest, pace: Pace) -> Result<Attachments> {
    let reference = reference_of(request)?;
    let registry = connect(&reference, request, pace)?;
    let registry = registry.as_ref();
    let limits = request.limits;
    let most = limits.manifest.bytes();
    let mut subjects = vec![digest.clone()];
    let mut attestations: Vec<Descriptor> = Vec::new();
    let mut trouble = None;
    if reference.digest.as_ref() != Some(digest) {
        match registry.manifest(wanted(&reference), most).map(|bytes| (Digest::sha256(&bytes), bytes)) {
            Ok((own, bytes)) => {
                if let Ok(Document::Index(index)) = Document::parse(&bytes, limits)
                    && index.manifests.iter().any(|descriptor| descriptor.digest == *digest)
                {
                    subjects.push(reference.digest.clone().unwrap_or(own));
                    attestations = index.manifests;
                }
            }
            Err(error) => trouble = Some(error),
        }
    }
    let mut fetch = |part, descriptor: &Descriptor| match part {
        Part::Manifest => registry.manifest(Wanted::Digest(&descriptor.digest), most),
        Part::Blob => registry.small_blob(&descriptor.digest, descriptor.size),
    };
    let mut finder = Finder::new(subjects.clone(), ByteSize(most), &mut fetch);
    if let Some(error) = trouble {
        finder.tell(&error, &reference);
    }
    for subject in &subjects {
        match list(registry, subject, limits) {
            Ok((descriptors, are_cut)) => {
                for descriptor in &descriptors {
                    finder.look(descriptor, Link::Listed);
                }
                if are_cut {
                    let what = "the registry's list of what is attached has too many pages to be read whole";
                    finder.found.limitations.push(Limitation::note("attached-not-read", subject.to_string(), what));
                }
            }
            Err(error) => finder.tell(&error, subject),
        }
        for descriptor in &attestations {
            if reference_digest(descriptor).as_ref() == Some(subject) {
                finder.look(descriptor, Link::Named(subject));
            }
        }
        // what is there under this tag is a signature of cosign's, whatever it says of itself
        if !finder.found.has_signature {
            let tag = format!("{}.sig", tag_of(subject));
            match registry.manifest(Wanted::Tag(&tag), most) {
                Ok(_) => finder.found.has_signature = true,
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) => finder.tell(&error, &tag),
            }
        }
        let tag = format!("{}.att", tag_of(subject));
        let looked =
            registry.manifest(Wanted::Tag(&tag), most).and_then(|bytes| finder.look_into(&bytes, Link::Named(subject)));
        if let Err(error) = looked
            && error.kind != ErrorKind::NotFound
        {
            finder.tell(&error, &tag);
        }
    }
    Ok(finder.found)
}

/// What the registry lists as attached to a manifest; the tag is asked where there is no list. Whether there is more.
fn list(registry: &dyn Registry, subject: &Digest, limits: &Limits) -> Result<(Vec<Descriptor>, bool)> {
    let most = limits.manifest.bytes();
    let by_api = registry.referrers(subject, most).and_then(|found| {
        let mut descriptors = Vec::new();
        for page in &found.pages {
            descriptors.append(&mut entries(page, limits)?);
            if descriptors.len() > limits.descriptors {
                return Err(Error::limit(format!("more than {} things are attached", limits.descriptors)));
            }
        }
        Ok((descriptors, found.are_cut))
    });
    let error = match by_api {
        Ok(found) => return Ok(found),
        Err(error) => error,
    };
    // registries without the list answer in many ways
    match registry.manifest(Wanted::Tag(&tag_of(subject)), most) {
        Ok(bytes) => Ok((entries(&bytes, limits)?, false)),
        Err(other) if other.kind == ErrorKind::NotFound && error.kind == ErrorKind::NotFound => Ok((Vec::new(), false)),
        Err(other) if other.kind == ErrorKind::NotFound => Err(error),
        Err(other) => Err(other),
    }
}

fn entries(bytes: &[u8], limits: &Limits) -> Result<Vec<Descriptor>> {
    match Document::parse(bytes, limits)? {
        Document::Index(index) => Ok(index.manifests),
        Document::Manifest(_) => Err(Error::malformed("the list of what is attached is no index")),
    }
}
