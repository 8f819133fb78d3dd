//! Azure Container Registry (Microsoft, "Azure Container Registry webhook reference"): one event of distribution's
//! shape, without its envelope.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::distribution::Event;
use super::payload::{Notices, parse};
use super::{Delivered, Notice, Sender, Unreadable, What};

pub(super) struct Acr;

impl Sender for Acr {
    fn kind(&self) -> &'static str {
        "acr"
    }

    fn read(&self, request: &Delivered<'_>) -> Result<Vec<Notice>, Unreadable> {
        let event: Event = parse(request.body)?;
        let what = match event.action.as_deref().unwrap_or_default() {
            // what is in quarantine waits for its scan
            "push" | "quarantine" => event.pushed(),
            "delete" => event.deleted(),
            "ping" => What::Ignored("a trial of the webhook"),
            "chart_push" | "chart_delete" => What::Ignored("a Helm chart"),
            "" => What::Unreadable(Unreadable::new("it names no action")),
            _ => What::Ignored("an action of no concern"),
        };
        let mut notices = Notices::of(request.body);
        notices.happened(event.timestamp.as_ref());
        notices.add(event.id.as_deref(), what);
        notices.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn payloads_are_read() {
        check(
            "acr",
            &[
                ("push.json", &["cb8c3971: pushed team/app:v1@sha256:555555555555 at registry.example"]),
                ("quarantine.json", &["0d799b14: pushed team/app:v2@sha256:666666666666 at registry.example"]),
                ("delete.json", &["afc359ce: deleted team/app@sha256:555555555555 at registry.example"]),
                ("chart-push.json", &["6356e9e0: ignored: a Helm chart"]),
                ("chart-as-artifact.json", &["77aa0b21: ignored: a layer or another blob, not a manifest"]),
                ("ping.json", &["2f1b9f7e: ignored: a trial of the webhook"]),
            ],
        );
    }
}
