//! GitLab's container registry, a fork of distribution: `registry['notifications']` in `gitlab.rb`. The webhooks of
//! projects and groups have no event for images.

use super::{Delivered, Notice, Sender, Unreadable, distribution};

pub(super) struct GitLab;

impl Sender for GitLab {
    fn kind(&self) -> &'static str {
        "gitlab"
    }

    fn read(&self, request: &Delivered<'_>) -> Result<Vec<Notice>, Unreadable> {
        distribution::read(request)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn payloads_are_read() {
        check(
            "gitlab",
            &[(
                "push.json",
                &[
                    "5f1a: ignored: a layer or another blob, not a manifest",
                    "6a2b: pushed group/sub/project/app:main@sha256:444444444444 at registry.gitlab.example",
                ],
            )],
        );
    }
}
