//! Names of images, compared the way people write them: with or without registry host and tag.

/// How well a stored name fits what was asked for; smaller is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// The same text, or the same after filling in Docker's defaults.
    Name,
    /// What was asked for is the tag of the name.
    Tag,
    /// What was asked for is the end of the name, from a `/` on.
    End,
}

/// How `stored`, such as `docker.io/library/alpine:3.20`, fits `wanted`: the same with or without
/// Docker's default host, folder and tag, `3.20`, or the last parts of a longer name.
pub(super) fn fit(stored: &str, wanted: &str) -> Option<Fit> {
    if stored == wanted {
        return Some(Fit::Name);
    }
    if tag(stored) == Some(wanted) {
        return Some(Fit::Tag);
    }
    if !is_bare_tag(stored) && normal(stored) == normal(wanted) {
        return Some(Fit::Name);
    }
    let end = stored.strip_suffix(wanted).or_else(|| stored.strip_suffix(&format!("{wanted}:latest")));
    end.is_some_and(|head| head.ends_with('/')).then_some(Fit::End)
}

/// The tag of a name: what follows a colon in its last part.
pub fn tag(name: &str) -> Option<&str> {
    let last = name.rsplit('/').next().unwrap_or(name);
    last.split_once(':').map(|(_, tag)| tag)
}

/// OCI layouts often hold the tag alone.
fn is_bare_tag(name: &str) -> bool {
    !name.contains(['/', ':'])
}

/// The name with Docker's defaults filled in: `alpine` is `docker.io/library/alpine:latest`.
pub fn normal(name: &str) -> String {
    let tagged = if tag(name).is_some() { name.to_owned() } else { format!("{name}:latest") };
    let tagged = tagged.strip_prefix("index.docker.io/").map_or(tagged.clone(), |rest| format!("docker.io/{rest}"));
    match tagged.split_once('/') {
        None => format!("docker.io/library/{tagged}"),
        Some(("docker.io", rest)) if !rest.contains('/') => format!("docker.io/library/{rest}"),
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => tagged,
        Some(_) => format!("docker.io/{tagged}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_as_people_write_them() {
        let cases = [
            ("1.0", "1.0", Some(Fit::Name)),
            ("alpine:3.20", "alpine:3.20", Some(Fit::Name)),
            ("docker.io/library/alpine:3.20", "alpine:3.20", Some(Fit::Name)),
            ("alpine:3.20", "docker.io/library/alpine:3.20", Some(Fit::Name)),
            ("alpine:latest", "alpine", Some(Fit::Name)),
            ("shop/api:1.4", "docker.io/shop/api:1.4", Some(Fit::Name)),
            ("alpine:3.20", "3.20", Some(Fit::Tag)),
            ("localhost:5000/shop/api:1.4", "1.4", Some(Fit::Tag)),
            ("registry.example.com/shop/api:1.4", "shop/api:1.4", Some(Fit::End)),
            ("registry.example.com/shop/api:latest", "api", Some(Fit::End)),
            ("registry.example.com/shop/api:1.4", "pi:1.4", None),
            ("alpine:3.20", "alpine:3.2", None),
            ("localhost:5000/api", "5000/api", None),
            ("latest", "latest:latest", None),
        ];
        for (stored, wanted, expected) in cases {
            assert_eq!(fit(stored, wanted), expected, "{stored} for {wanted}");
        }
    }
}
