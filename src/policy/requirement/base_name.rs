//! Names of bases as the patterns of `[base]` know them.

use crate::policy::Glob;

/// Hosts of Docker Hub, which a name may leave away.
const HUB: &[&str] = &["docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"];

/// The port that a registry has where none is named.
const PORT: &str = ":443";

/// The name of a base in all forms in which it may be written: with and without what Docker takes for granted, its registry,
/// the port of that, the folder `library` and the tag `latest`. A digest alone is of any tag, so that what stands for it is empty:
/// a pattern for one tag does not fit it, one for all does. Each form is there with the digest, too, where that is known.
pub(super) struct BaseName {
    /// Without a host; none if it has one that is not Docker Hub's.
    short: Vec<String>,
    /// With the host.
    full: Vec<String>,
    /// What is named by a digest alone, without it: patterns for `latest` are not for it, those that deny take it all the same.
    bare: Vec<String>,
}

impl BaseName {
    /// `digest` is what is known of it beside the name.
    pub(super) fn of(name: &str, digest: Option<&str>) -> Self {
        let (stem, pinned) = name.split_once('@').map_or((name, None), |(stem, digest)| (stem, Some(digest)));
        let has_tag = stem.rsplit('/').next().unwrap_or(stem).contains(':');
        let is_bare = pinned.is_some() && !has_tag;
        let digest = pinned.or(digest);
        let whole = |names: Vec<String>| -> Vec<String> {
            let forms = names.iter().flat_map(|name| match name.strip_suffix(":latest") {
                Some(untagged) => vec![name.clone(), untagged.to_owned()],
                None if has_tag => vec![name.clone()],
                None if is_bare => vec![name.clone(), format!("{name}:")],
                None => vec![name.clone(), format!("{name}:latest")],
            });
            let forms: Vec<String> = forms.collect();
            let by_digest =
                digest.into_iter().flat_map(|digest| forms.iter().map(move |name| format!("{name}@{digest}")));
            let plain = forms.iter().filter(|name| !is_bare || name.ends_with(':')).cloned();
            plain.chain(by_digest).collect()
        };
        let of = |short: Vec<String>, full: Vec<String>| {
            let bare = if is_bare { short.iter().chain(&full).cloned().collect() } else { Vec::new() };
            Self { short: whole(short), full: whole(full), bare }
        };
        let (host, path) = host_of(stem).map_or((None, stem), |(host, path)| (Some(host), path));
        let host = host.map(str::to_ascii_lowercase);
        let host = host.as_deref().map(|host| host.strip_suffix(PORT).unwrap_or(host));
        if let Some(host) = host.filter(|host| !HUB.contains(host)) {
            let ports: &[&str] = if host.contains(':') { &[""] } else { &["", PORT] };
            let hosts = ports.iter().map(|port| format!("{host}{port}/{path}"));
            return of(Vec::new(), hosts.collect());
        }
        let path = path.strip_prefix("library/").unwrap_or(path);
        let mut short = vec![path.to_owned()];
        short.extend((!path.contains('/')).then(|| format!("library/{path}")));
        let hosts = HUB.iter().flat_map(|host| ["", PORT].map(|port| format!("{host}{port}")));
        let full = hosts.flat_map(|host| short.iter().map(move |path| format!("{host}/{path}")).collect::<Vec<_>>());
        let full = full.collect();
        of(short, full)
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
        let names = self.short.iter().chain(&self.full).chain(&self.bare);
        let names: Vec<String> = names.map(|name| name.to_lowercase()).collect();
        patterns.iter().any(|pattern| names.iter().any(|name| pattern.is_match(name)))
    }
}

/// A pattern with its host in lower case, as hosts of names are compared. Where capital letters alone say that it is one, it
/// stays as it is: else it would be a folder of Docker Hub.
pub(super) fn with_lower_host(pattern: &str) -> String {
    let lower = host_of(pattern).map(|(host, path)| format!("{}/{path}", host.to_ascii_lowercase()));
    lower.filter(|lower| host_of(lower).is_some()).unwrap_or_else(|| pattern.to_owned())
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
            ("registry.example:5000/x", "registry.example:5000/x:latest", true),
            ("registry.example:5000/x:latest", "registry.example:5000/x", true),
            ("registry-*.example/x:1", "registry-a.example/x:1", true),
            ("*/base:1", "registry.example/base:1", true),
            ("*:13", "registry.example/x:13", true),
            ("?ebian:13", "debian:13", true),
            ("docker.io/*", "org/app:1", true),
            ("docker.io/debian:13", "debian:13", true),
            ("docker.io/*", "registry.example/app:1", false),
            // `debian` is `debian:latest`
            ("debian", "debian:latest", true),
            ("debian:latest", "debian", true),
            ("debian", "debian@sha256:0", false),
            ("debian:latest", "debian@sha256:0", false),
            ("debian:*", "debian@sha256:0", true),
            ("debian*", "debian@sha256:0", true),
            ("debian@*", "debian@sha256:0", true),
            ("debian", "debian:13", false),
            ("registry.example/x", "registry.example/x:latest", true),
            ("debian:latest@sha256:0", "debian@sha256:0", false),
            ("debian@sha256:0", "debian:latest@sha256:0", true),
            // a host is the same with its port
            ("registry.example/*", "registry.example:443/x:1", true),
            ("registry.example:443/*", "registry.example/x:1", true),
            ("registry.example/*", "registry.example:5000/x:1", false),
            ("debian:*", "docker.io:443/library/debian:13", true),
        ] {
            assert_eq!(is_allowed(pattern, name), expected, "{pattern} {name}");
        }
        for (pattern, lower) in [
            ("REGISTRY.example/base/*", "registry.example/base/*"),
            ("*.EXAMPLE:443/Base/*", "*.example:443/Base/*"),
            ("REGISTRY/base/*", "REGISTRY/base/*"),
            ("Debian:13", "Debian:13"),
        ] {
            assert_eq!(with_lower_host(pattern), lower);
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
            ("debian", "debian:latest", true),
            ("debian", "docker.io/library/debian:latest", true),
            ("debian", "debian@sha256:0", true),
            ("debian", "debian:13", false),
            ("debian:*", "registry-1.docker.io:443/library/debian:13", true),
            ("evil.example/*", "evil.example:443/x", true),
            ("evil.example:443/*", "evil.example/x", true),
            ("evil.example:5000/*", "evil.example/x", false),
        ] {
            assert_eq!(is_denied(pattern, name), expected, "{pattern} {name}");
        }
    }
}
