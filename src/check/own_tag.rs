//! The image's own tag.

use super::{Check, Context};
use crate::escape::escape;
use crate::finding::{Finding, Findings, Location};
use crate::rule::{Place, Rule, Severity};

/// The image is known by a tag that moves.
pub(super) static LATEST_TAG: Rule = Rule {
    id: "image/latest-tag",
    title: "The image's own tag is `latest`",
    severity: Severity::Info,
    is_opt_in: true,
    why: "The next build takes the tag away, so what runs under it can be told, and gone back to, only by its digest. The \
          name is the archive's or the registry's and no part of the image, so the rule is off unless a policy names it.",
    remediation: "Give each build a tag of its own, such as its version or commit, and deploy by that or by digest.",
    references: &["https://kubernetes.io/docs/concepts/containers/images/#image-names"],
    also: &["DKL-DI-0006"],
    bad: "docker build -t shop/api .",
    good: "docker build -t shop/api:1.4.2 .",
    places: &[Place::Image],
    ..Rule::NEW
};

/// Judges the names that the archive or the user gives the image.
pub(super) struct OwnTag;

impl Check for OwnTag {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&LATEST_TAG] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let target = &context.image.target;
        let is_name = matches!(target.source, "registry" | "docker" | "podman");
        let asked = Some(&target.reference).filter(|_| is_name && target.tags.is_empty());
        // a name beside it that stays is what people deploy by
        let mut names = target.tags.iter().chain(asked).peekable();
        if names.peek().is_none() || !names.clone().all(|name| is_latest(name)) {
            return;
        }
        let Some(name) = names.next() else { return };
        let name = escape(name);
        let message = format!("`{name}` is a name that the next build takes");
        findings.push(Finding::new(&LATEST_TAG, name, Location::Image, message));
    }
}

/// Whether the tag is `latest`, or none where no digest is given; a bare word is a tag or a name.
fn is_latest(name: &str) -> bool {
    if name.contains('@') {
        return false;
    }
    let last = name.rsplit('/').next().unwrap_or(name);
    last.split_once(':').map_or(last == "latest" || name.contains('/'), |(_, tag)| tag == "latest")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{image, shown};
    use super::*;

    #[test]
    fn names_are_judged_by_their_tag() {
        let cases: [(&str, &[&str], usize); 9] = [
            ("docker-archive", &["localhost/a:latest"], 1),
            ("docker-archive", &["localhost:5000/a"], 1),
            ("oci-dir", &["latest"], 1),
            ("oci-dir", &["1.2"], 0),
            ("docker-archive", &["a:1.2"], 0),
            ("docker-archive", &["a:latest", "a:1.2"], 0),
            ("docker-archive", &["a/b@sha256:00"], 0),
            ("docker-archive", &[], 0),
            ("registry", &[], 1),
        ];
        for (source, tags, count) in cases {
            let mut image = image("{}");
            image.target.source = source;
            image.target.reference = "registry.example/shop/api".into();
            image.target.tags = tags.iter().map(|tag| (*tag).into()).collect();
            assert_eq!(shown(&OwnTag, &image).len(), count, "{source} {tags:?}");
        }
    }
}
