//! The report as referrers of the image in its registry (distribution-spec 1.1, "Referrers"), where tools that know the
//! image's digest find it.

use crate::error::Result;
use crate::source::Access;
use crate::source::registry::push::{Attachment, Destination, Pusher, Subject};
use crate::source::registry::tags::Repository;

use super::super::config::action;
use super::told::Told;
use super::{Action, Adapter, Doing};

/// Formats of reports, with their media types.
const FORMATS: &[(&str, &str)] = &[
    ("cyclonedx", "application/vnd.cyclonedx+json"),
    ("sarif", "application/sarif+json"),
    ("spdx", "application/spdx+json"),
];

pub(super) struct Referrer;

impl Adapter for Referrer {
    fn kind(&self) -> &'static str {
        "referrer"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["formats"]
    }

    fn may_have(&self) -> &'static [&'static str] {
        &[]
    }

    fn check(&self, action: &action::Action) -> Result<(), String> {
        let known: Vec<&str> = FORMATS.iter().map(|(format, _)| *format).collect();
        let formats = action.formats.as_deref().unwrap_or_default();
        match formats.iter().find(|format| !known.contains(&format.as_str())) {
            Some(format) => Err(format!("`{format}` cannot be pushed; there are: {}", known.join(", "))),
            None if formats.is_empty() => Err("`formats` is empty: nothing would be pushed".to_owned()),
            None => Ok(()),
        }
    }

    fn documents<'a>(&self, action: &'a Action) -> &'a [String] {
        &action.formats
    }

    fn prepare(&self, action: &Action, told: &Told) -> Result<Doing> {
        let documents: Vec<(&'static str, Vec<u8>)> = FORMATS
            .iter()
            .filter(|(format, _)| action.formats.iter().any(|wanted| wanted == format))
            .filter_map(|(format, media_type)| {
                let (_, document) = told.documents.iter().find(|(of, _)| of == format)?;
                Some((*media_type, document.clone()))
            })
            .collect();
        if documents.is_empty() {
            return Ok(Doing::Nothing("the report is not kept in these formats".to_owned()));
        }
        let (name, digest) = (format!("{}/{}", told.host, told.repository), told.digest.clone());
        Ok(Doing::AtRegistry(Box::new(move |access: &Access| {
            let found = Repository::open(&name, access)?.manifest(&digest)?;
            let pusher = Pusher::connect(&Destination::parse(&name)?, None, access)?;
            let subject = Subject { digest: &digest, media_type: &found.media_type, size: found.bytes.len() as u64 };
            for (media_type, document) in &documents {
                let attachment =
                    Attachment { artifact_type: media_type, media_type, annotations: &[], bytes: document };
                pusher.attach(&subject, &attachment)?;
            }
            Ok(())
        })))
    }
}
