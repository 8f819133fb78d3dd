//! Docker Hub (Docker, "Webhooks"). It signs nothing, so the address has to be one that nobody guesses. It names a tag
//! only, and its `callback_url` is never called.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde::Deserialize;

use super::name::{Named, joined, some};
use super::payload::{Notices, Time, parse};
use super::{Delivered, Notice, Sender, Unreadable};

pub(super) struct DockerHub;

impl Sender for DockerHub {
    fn kind(&self) -> &'static str {
        "docker-hub"
    }

    fn read(&self, request: &Delivered<'_>) -> Result<Vec<Notice>, Unreadable> {
        let body: Body = parse(request.body)?;
        let joined = joined(body.repository.namespace.as_deref(), body.repository.name.as_deref());
        let host = some(body.repository.repo_url.as_deref()).map(registry_of);
        let named = Named {
            repository: some(body.repository.repo_name.as_deref()).or(Some(joined.as_str())),
            tag: body.push_data.tag.as_deref(),
            digest: None,
            host,
        };
        let mut notices = Notices::of(request.body);
        notices.happened(body.push_data.pushed_at.as_ref());
        // the time, a whole number or not, tells two pushes of one tag apart
        notices.add_nameless(body.push_data.pushed_at.is_some(), named.pushed());
        notices.finish()
    }
}

#[derive(Deserialize)]
struct Body {
    push_data: PushData,
    repository: Repository,
}

#[derive(Deserialize)]
struct PushData {
    tag: Option<String>,
    pushed_at: Option<Time>,
}

#[derive(Deserialize)]
struct Repository {
    repo_name: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    repo_url: Option<String>,
}

/// The registry whose pages are at this address.
fn registry_of(address: &str) -> &str {
    const PAGES: &[&str] = &["https://hub.docker.com/", "https://registry.hub.docker.com/", "https://index.docker.io/"];
    if PAGES.iter().any(|pages| address.starts_with(pages)) { "docker.io" } else { address }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn payloads_are_read() {
        check(
            "docker-hub",
            &[
                ("push.json", &["BODY/0: pushed team/app:latest at docker.io"]),
                ("push-fraction.json", &["BODY/0: pushed team/app:1.0 at docker.io"]),
                ("push-without-time.json", &["BODY/0 (not unique): pushed team/app:1.0"]),
                ("push-without-tag.json", &["unreadable: it names neither a tag nor a digest"]),
            ],
        );
    }
}
