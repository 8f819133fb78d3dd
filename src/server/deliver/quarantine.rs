//! A tag on the image that failed, by which those who run images can tell it: the manifest is put once more, under the
//! configured tag. Of several images of a repository the last one has it.

use crate::error::Result;
use crate::reference::is_tag;
use crate::source::Access;
use crate::source::registry::push::{Destination, Pusher};
use crate::source::registry::tags::Repository;

use super::super::config::action::{self, On};
use super::told::Told;
use super::{Action, Adapter, Doing};

pub(super) struct Quarantine;

impl Adapter for Quarantine {
    fn kind(&self) -> &'static str {
        "quarantine"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["tag"]
    }

    fn may_have(&self) -> &'static [&'static str] {
        &[]
    }

    fn check(&self, action: &action::Action) -> Result<(), String> {
        let tag = action.tag.as_deref().unwrap_or_default();
        if !is_tag(tag) {
            return Err("`tag` is no tag: up to 128 letters, digits, `_`, `.` and `-`".to_owned());
        }
        if action.on.get_ref().contains(&On::Passed) {
            return Err("what passed is not to be put apart: take `passed` from `on`".to_owned());
        }
        Ok(())
    }

    fn prepare(&self, action: &Action, told: &Told) -> Result<Doing> {
        // `changed` fits what has passed now, too
        if told.outcome == "passed" {
            return Ok(Doing::Nothing("the image passed".to_owned()));
        }
        if told.tag.as_deref() == Some(action.tag.as_str()) {
            return Ok(Doing::Nothing("the image has the tag".to_owned()));
        }
        let (name, digest) = (format!("{}/{}", told.host, told.repository), told.digest.clone());
        let tag = action.tag.clone();
        Ok(Doing::AtRegistry(Box::new(move |access: &Access| {
            let found = Repository::open(&name, access)?.manifest(&digest)?;
            let to = Destination::parse(&format!("{name}:{tag}"))?;
            Pusher::connect(&to, None, access)?.manifest(&tag, &found.media_type, &found.bytes)
        })))
    }
}
