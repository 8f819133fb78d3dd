//! Names of images, `host:port/path:tag@digest`, and how firmly one holds an image
//! (distribution-spec, "Pulling manifests").

/// How firmly a name holds one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold<'a> {
    /// By digest.
    Digest,
    /// By the tag of a release, or by a repository that is of one release: `distroless/cc-debian12`.
    Release,
    /// By a tag that moves over releases, or none.
    Floating(Option<&'a str>),
}

/// Code names of releases: a tag that holds one stays with its release.
const CODE_NAMES: &[&str] = &[
    "stretch", "buster", "bullseye", "bookworm", "trixie", "forky", "trusty", "xenial", "bionic", "focal", "jammy",
    "noble", "oracular", "plucky", "questing", "resolute",
];

/// Systems whose release stands in the names of repositories.
///
/// Red Hat's are not among them: `ubi9` without a tag goes on to each of its minor releases, which are the releases there.
const SYSTEMS: &[&str] = &["alpine", "centos", "debian", "el", "fedora", "rocky", "ubuntu"];

/// Says how firmly a name holds an image.
///
/// A tag is one of a release where a part of it is a number or a code name: `3.22`, `bookworm-slim`, `lts-trixie`, `v4`.
/// `stable-slim`, `lts-alpine`, `mainline`, `edge`, `current` and `main` hold none.
pub fn hold_of(name: &str) -> Hold<'_> {
    if let Some((_, digest)) = name.split_once('@')
        && digest.contains(':')
    {
        return Hold::Digest;
    }
    let last = name.rsplit('/').next().unwrap_or(name);
    let (repository, tag) = match last.split_once(':') {
        Some((repository, tag)) => (repository, Some(tag)),
        None => (last, None),
    };
    // the newest, on a release of something else: `latest-jdk21`
    let is_newest = tag.is_some_and(|tag| tag.starts_with("latest-"));
    let is_release = !is_newest && tag.is_some_and(|tag| tag.split(['-', '_', '.']).any(names_release));
    let folders = name.strip_suffix(last).unwrap_or_default();
    let is_of_release = repository.split('-').chain(folders.split('/')).any(is_of_system);
    if is_release || is_of_release { Hold::Release } else { Hold::Floating(tag) }
}

/// Whether an image is one of Windows, by its name.
pub fn is_of_windows(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["windows", "nanoserver", "servercore", "mcr.microsoft.com/dotnet/framework/"]
        .iter()
        .any(|part| name.contains(part))
}

/// Whether a part of a tag is of one release: a number, with or without a name before it, or a code name. Names of
/// machines, such as `x64` and `arm64v8`, say nothing.
fn names_release(part: &str) -> bool {
    const MACHINES: &[&str] = &[
        "386", "amd64", "arm32v5", "arm32v6", "arm32v7", "arm64", "arm64v8", "armv7", "i386", "ppc64le", "riscv64",
        "s390x", "x64", "x86",
    ];
    CODE_NAMES.contains(&part) || part.bytes().any(|byte| byte.is_ascii_digit()) && !MACHINES.contains(&part)
}

/// Whether a part of a repository's name is a system with its release: `debian12`, `ubi9`.
fn is_of_system(part: &str) -> bool {
    let system = part.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    system.len() < part.len() && SYSTEMS.contains(&system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_is_known_by_name() {
        assert!(is_of_windows("mcr.microsoft.com/dotnet/framework/aspnet:4.8"));
        assert!(is_of_windows("mcr.microsoft.com/dotnet/sdk:8.0-NanoServer-ltsc2022"));
        assert!(!is_of_windows("mcr.microsoft.com/dotnet/aspnet:8.0"));
    }

    #[test]
    fn tags_that_name_a_release_are_told_from_those_that_move() {
        for name in [
            "debian",
            "debian:latest",
            "docker.io/library/debian:stable-slim",
            "localhost:5000/app",
            "node:lts",
            "node:lts-alpine",
            "node:current-slim",
            "golang:alpine",
            "nginx:mainline",
            "nginx:stable-alpine",
            "alpine:edge",
            "rust:nightly",
            "registry.example/a:main",
            "registry.example/a:latest-alpine",
            "registry.example/a:latest-amd64",
            "registry.example/a:latest-jdk21",
            "composer",
            "registry.example/java17:nonroot",
            "registry.access.redhat.com/ubi9",
            "registry.example/ubi9/ubi-minimal:latest",
        ] {
            assert!(matches!(hold_of(name), Hold::Floating(_)), "{name}");
        }
        for name in [
            "debian:12",
            "debian:bookworm-slim",
            "localhost:5000/app:1.2",
            "ubuntu:noble",
            "python:3.13-slim",
            "node:lts-bookworm",
            "composer:2",
            "gcr.io/distroless/cc-debian12",
            "gcr.io/distroless/static-debian12:nonroot",
            "registry.example/ubi9/ubi-minimal:9.4",
            "registry.example/a:v4",
        ] {
            assert_eq!(hold_of(name), Hold::Release, "{name}");
        }
        let digest = "0".repeat(64);
        assert_eq!(hold_of(&format!("debian:latest@sha256:{digest}")), Hold::Digest);
        assert_eq!(hold_of("debian@sha512:0"), Hold::Digest);
    }
}
