//! Names of bases as the patterns of `[base]` know them.

use crate::policy::Glob;

/// Hosts of Docker Hub, which a name may leave away.
const HUB: &[&str] = &["docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"];

/// The name of a base in all forms in which it may be written: with and without what Docker takes for granted, its registry,
/// the folder `library` and the tag `latest`. A digest alone is of any tag, so that what stands for it is empty: a pattern for
/// one tag does not fit it, one for all does. Each form is there with the digest, too, where that is known.
pub(super) struct BaseName {
    /// Without a host; none if it has one that is not Docker Hub's.
    short: Vec<String>,
    /// With the host.
    full: Vec<String>,
}

impl BaseName {
    /// `digest` is what is known of it beside the name.
    pub(super) fn of(name: &str, digest: Option<&str>) -> Self {
        let (stem, pinned) = name.split_once('@').map_or((name, None), |(stem, digest)| (stem, Some(digest)));
        let tag = if pinned.is_some() { "" } else { "latest" };
        let digest = pinned.or(digest);
        let whole = |names: Vec<String>| {
            let has_tag = |name: &str| name.rsplit('/').next().unwrap_or(name).contains(':');
            let tagged = names.iter().filter(|name| !has_tag(name)).map(|name| format!("{name}:{tag}"));
            let names: Vec<String> = names.iter().cloned().chain(tagged).collect();
            let by_digest =
                digest.into_iter().flat_map(|digest| names.iter().map(move |name| format!("{name}@{digest}")));
            names.iter().cloned().chain(by_digest).collect()
        };
        let (host, path) = host_of(stem).map_or((None, stem), |(host, path)| (Some(host), path));
        let host = host.map(str::to_ascii_lowercase);
        if let Some(host) = host.filter(|host| !HUB.contains(&host.as_str())) {
            return Self { short: Vec::new(), full: whole(vec![stem.to_owned(), format!("{host}/{path}")]) };
        }
        let path = path.strip_prefix("library/").unwrap_or(path);
        let mut short = vec![path.to_owned()];
        short.extend((!path.contains('/')).then(|| format!("library/{path}")));
        let full = HUB.iter().flat_map(|host| short.iter().map(move |path| format!("{host}/{path}"))).collect();
        Self { full: whole(full), short: whole(short) }
    }

    /// Whether one of the patterns is for it. One that names no host is for Docker Hub: what it begins with is no host of
    /// somebody else's.
    pub(super) fn is_allowed(&self, patterns: &[Glob]) -> bool {
        patterns.iter().any(|pattern| {
            let full = if is_of_hub(pattern.as_str()) { &[] } else { self.full.as_slice() };
            self.short.iter().chain(full).any(|name| pattern.is_match(name))
        })
    }

    /// Whether one of the patterns, which are in lower case, takes it in some form.
    pub(super) fn is_denied(&self, patterns: &[Glob]) -> bool {
        let names: Vec<String> = self.short.iter().chain(&self.full).map(|name| name.to_lowercase()).collect();
        patterns.iter().any(|pattern| names.iter().any(|name| pattern.is_match(name)))
    }
}

/// The host of a name and what stands behind it: the part before the first slash is one if it has a dot, a port or capital
/// letters, or is `localhost`.
fn host_of(name: &str) -> Option<(&str, &str)> {
    let (first, rest) = name.split_once('/')?;
    let is_host =
        first.contains(['.', ':']) || first == "localhost" || first.contains(|c: char| c.is_ascii_uppercase());
    is_host.then_some((first, rest))
}

/// Whether a pattern names no host, nor leaves open which it is.
fn is_of_hub(pattern: &str) -> bool {
    if pattern.starts_with(['*', '?']) {
        return false;
    }
    match pattern.split_once('/') {
        Some(_) => host_of(pattern).is_none(),
        // `registry.example*`, where `debian:13.*` has a tag
        None => !pattern.split(':').next().unwrap_or(pattern).contains('.'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_names() {
        let is_allowed =
            |pattern: &str, name: &str| BaseName::of(name, None).is_allowed(&[Glob::text(pattern).expect("a pattern")]);
        for (pattern, name, expected) in [
            ("debian:13*", "debian:13.1", true),
            ("debian:13*", "docker.io/library/debian:13.1", true),
            ("debian:13*", "registry.hub.docker.com/library/debian:13", true),
            ("debian:13*", "debian:1337/evil:1", false),
            ("debian*", "debian.evil.example/x:1", false),
            ("debian*", "debian", true),
            ("library/debian:*", "debian", true),
            ("team-*/base:1", "team-a/base:1", true),
            ("team-*/base:1", "team-a.example/base:1", false),
            ("localhost/*", "localhost/x", true),
            ("registry.example*", "registry.example/x:1", true),
            ("registry.example/*", "Registry.Example/x:1", true),
            ("registry.example:5000/x", "registry.example:5000/x:latest", false),
            ("registry.example:5000/x:latest", "registry.example:5000/x", true),
            ("registry-*.example/x:1", "registry-a.example/x:1", true),
            ("*/base:1", "registry.example/base:1", true),
            ("*:13", "registry.example/x:13", true),
            ("?ebian:13", "debian:13", true),
            ("docker.io/*", "org/app:1", true),
            ("docker.io/debian:13", "debian:13", true),
            ("docker.io/*", "registry.example/app:1", false),
        ] {
            assert_eq!(is_allowed(pattern, name), expected, "{pattern} {name}");
        }
        let is_denied = |pattern: &str, name: &str| {
            BaseName::of(name, None).is_denied(&[Glob::caseless(pattern).expect("a pattern")])
        };
        for (pattern, name, expected) in [
            ("docker.io/debian*", "docker.io/library/debian:13", true),
            ("library/debian:*", "debian:13", true),
            ("index.docker.io/*", "debian:13", true),
            ("registry-1.docker.io/*", "debian:13", true),
            ("Debian:*", "debian:13", true),
            ("evil.example/*", "Evil.example/x:1", true),
            ("EVIL.example/*", "evil.example/x:1", true),
            ("*:latest", "registry.example:5000/x", true),
            ("*:latest", "debian@sha256:0", false),
            ("debian:*", "debian@sha256:0", true),
            ("evil.example/*", "good.example/x:1", false),
        ] {
            assert_eq!(is_denied(pattern, name), expected, "{pattern} {name}");
        }
    }
}
