//! Names that a build gives to folders, repositories and images: `docker buildx build --build-context NAME=VALUE`.
//!
//! Such a name goes before an image of that name, in `FROM`, `COPY --from` and `RUN --mount=from=`
//! (<https://docs.docker.com/reference/cli/docker/buildx/build/#build-context>).

use std::collections::BTreeMap;

/// What a value begins with that is an image.
const IMAGE: &str = "docker-image://";

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Given {
    /// An image, by its name.
    Image(String),
    /// A folder, a repository, a layout.
    Files,
}

/// The names of one build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildContexts(BTreeMap<String, Given>);

impl BuildContexts {
    /// Takes in `NAME=VALUE`; the value may be left out. An error says what is wrong with it.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err("it wants NAME or NAME=VALUE".to_owned());
        }
        let image = value.and_then(|value| value.strip_prefix(IMAGE));
        self.0.insert(known_as(name), image.map_or(Given::Files, |image| Given::Image(image.to_owned())));
        Ok(())
    }

    /// What the build gives for a name.
    pub(super) fn get(&self, name: &str) -> Option<&Given> {
        self.0.get(&known_as(name))
    }
}

/// A name as it is compared: `docker.io/library/alpine:latest` is `alpine`.
fn known_as(name: &str) -> String {
    let name = ["docker.io/library/", "docker.io/"].iter().find_map(|host| name.strip_prefix(host)).unwrap_or(name);
    name.strip_suffix(":latest").unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::super::{BuildContexts, Context, LINTS};
    use super::Given;
    use crate::dockerfile::Dockerfile;

    #[test]
    fn names_are_compared_as_the_builder_does() {
        let mut contexts = BuildContexts::default();
        for text in ["shared", "Assets=../a", "alpine=docker-image://alpine:3.22@sha256:0", "golang:1.25=x"] {
            contexts.add(text).expect("a name");
        }
        for wrong in ["", "=x", "a b=c"] {
            contexts.add(wrong).expect_err("no name");
        }
        assert_eq!(contexts.get("shared"), Some(&Given::Files));
        assert_eq!(contexts.get("assets"), Some(&Given::Files));
        assert_eq!(contexts.get("docker.io/library/alpine:latest"), Some(&Given::Image("alpine:3.22@sha256:0".into())));
        assert_eq!(contexts.get("alpine:3.22"), None);
        assert_eq!(contexts.get("golang:1.25"), Some(&Given::Files));
    }

    #[test]
    fn what_the_build_names_is_no_image() {
        let lines =
            "FROM base\nCOPY --from=shared a /b\nCOPY --from=shraed a /b\nRUN --mount=from=tools,target=/t /t/x\n";
        let found = |names: &[&str], text: &str| {
            let mut contexts = BuildContexts::default();
            for name in names {
                contexts.add(name).expect("a name");
            }
            let file = Dockerfile::parse(text.as_bytes());
            let context = Context::new(&file, "Dockerfile", None, "2026-11-21".parse().expect("a date"));
            let context = context.with_build_contexts(contexts);
            let mut findings = Vec::new();
            for lint in LINTS {
                lint.run(&context, &mut findings);
            }
            let wanted = ["dockerfile/floating-base", "dockerfile/base-not-allowed", "dockerfile/copy-from-unknown"];
            findings.retain(|finding| wanted.contains(&finding.rule.id));
            findings.iter().map(|finding| format!("{} {}", finding.rule.id, finding.message)).collect::<Vec<_>>()
        };
        let all = ["base=docker-image://debian:13@sha256:0", "shared", "shraed", "tools=../tools"];
        assert_eq!(found(&all, lines), ["dockerfile/base-not-allowed `debian:13@sha256:0` is used"]);
        let moving = found(&["base=docker-image://debian:stable", "shared", "shraed", "tools"], lines);
        assert_eq!(
            moving,
            [
                "dockerfile/floating-base the tag `stable` of `debian` moves to other releases",
                "dockerfile/base-not-allowed `debian:stable` is used",
            ]
        );
        // a name that is neither stage nor image known may be one all the same: that is said
        let found = found(&[], "FROM a@sha256:0\nCOPY --from=shared a /b\n");
        assert!(
            found.iter().any(|one| one.ends_with("if the build names it, say so with `--build-context shared`")),
            "{found:?}"
        );
    }
}
