//! What a target on the command line means: a source, a location in it, and a choice.

use std::path::Path;

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;

use super::form::{magic_of_file, not_an_image};
use super::{Choice, SOURCES, Source};

/// A target in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedTarget {
    /// The id of the source.
    pub source: &'static str,
    /// A path, a reference, or `-`.
    pub location: String,
    /// Which of several images in it.
    pub choice: Choice,
}

/// Sources whose location is a path.
const FILES: &[&str] = &["docker-archive", "oci-archive", "oci-dir"];
/// Sources whose location is a name, taken as it is.
const NAMES: &[&str] = &["docker", "podman", "registry"];

/// Endings by which a target that does not exist is known as a path.
const ENDINGS: &[&str] = &[
    ".tar",
    ".tar.gz",
    ".tgz",
    ".tar.zst",
    ".tzst",
    ".tar.zstd",
    ".tar.xz",
    ".txz",
    ".tar.bz2",
    ".tbz2",
    ".oci",
    ".img",
    ".iso",
    ".zip",
    ".json",
    ".spdx",
    ".xml",
];

/// Takes a target apart.
///
/// What names no registry and seems to be a path is never asked of one: the path would tell a stranger of this
/// machine. In this order: `-`; a word and a colon (`docker-archive:`, `oci-archive:`, `oci-dir:`, `dir:`, `sbom:`,
/// `docker:`, `podman:`, `registry:`); an existing path, sniffed by content, with an image chosen by
/// `PATH:TAG` or `PATH@sha256:…`; what looks like a path, or lies in a folder that exists, is a path that does not
/// exist; otherwise a reference for a registry.
pub fn parse(text: &str) -> Result<ParsedTarget> {
    if text.is_empty() {
        return Err(usage("the target is empty", "name an image, an archive or a folder; `-` is standard input"));
    }
    if let Some(choice) = choice_of(text, "-")? {
        return Ok(ParsedTarget { source: "stream", location: "-".into(), choice });
    }
    if let Some((word, rest)) = text.split_once(':') {
        if let Some(source) = FILES.iter().chain(NAMES).chain(&["dir", "sbom"]).find(|id| **id == word) {
            return with_word(source, rest);
        }
        if let Some(help) = foreign_word(word, rest) {
            return Err(usage(format!("careen has no source `{}`", escape(word)), help));
        }
    }
    if let Some((location, choice)) = split_path(text)? {
        return sniff(location, choice);
    }
    if looks_like_path(text) || is_in_a_folder(text) {
        let help = format!("check the path; if an image in a registry is meant, write `registry:{}`", escape(text));
        return Err(not_there(text).help(help));
    }
    Ok(ParsedTarget { source: "registry", location: text.to_owned(), choice: Choice::Only })
}

fn with_word(source: &'static str, rest: &str) -> Result<ParsedTarget> {
    let names = NAMES.contains(&source);
    let rest = match rest.strip_prefix("//") {
        // in other tools `docker://` is a registry, which would be the opposite of what is meant
        Some(name) if names && source != "registry" => {
            let name = escape(name);
            return Err(usage(
                format!("`{source}://` can mean two things"),
                format!("write `registry:{name}` for a registry, or `{source}:{name}` for the daemon's image"),
            ));
        }
        Some(path) => path,
        None => rest,
    };
    if rest.is_empty() {
        return Err(usage(format!("nothing follows `{source}:`"), format!("write `{source}:` and what to scan")));
    }
    if names || matches!(source, "dir" | "sbom") {
        return Ok(ParsedTarget { source, location: rest.to_owned(), choice: Choice::Only });
    }
    match split_path(rest)? {
        Some((location, choice)) => Ok(ParsedTarget { source, location: location.to_owned(), choice }),
        None => Err(no_such_path(rest)),
    }
}

/// The longest part of `text` that exists, and the choice that follows it.
fn split_path(text: &str) -> Result<Option<(&str, Choice)>> {
    if exists(text) {
        return Ok(Some((text, Choice::Only)));
    }
    for (place, _) in text.match_indices([':', '@']).collect::<Vec<_>>().into_iter().rev() {
        let Some(path) = text.get(..place).filter(|path| !path.is_empty() && exists(path)) else { continue };
        if let Some(choice) = choice_of(text, path)? {
            return Ok(Some((path, choice)));
        }
    }
    Ok(None)
}

/// What follows `location` in `text`; `None` if something else than a choice does.
fn choice_of(text: &str, location: &str) -> Result<Option<Choice>> {
    let Some(rest) = text.strip_prefix(location) else { return Ok(None) };
    if rest.is_empty() {
        return Ok(Some(Choice::Only));
    }
    if let Some(digest) = rest.strip_prefix('@') {
        let digest = digest.parse::<Digest>().map_err(|what| usage(what, "write `FILE@sha256:` and 64 digits"))?;
        return Ok(Some(Choice::Digest(digest)));
    }
    let Some(tag) = rest.strip_prefix(':') else { return Ok(None) };
    // `repo:tag@sha256:…` names by the digest
    if let Some((_, digest)) = tag.split_once("@sha") {
        let digest = format!("sha{digest}")
            .parse::<Digest>()
            .map_err(|what| usage(what, "write `FILE@sha256:` and 64 digits"))?;
        return Ok(Some(Choice::Digest(digest)));
    }
    if tag.is_empty() {
        return Err(usage(format!("no tag follows `{}:`", escape(location)), "leave the colon out, or name a tag"));
    }
    Ok(Some(Choice::Tag(tag.to_owned())))
}

/// Finds the source of something that exists, by its content.
fn sniff(location: &str, choice: Choice) -> Result<ParsedTarget> {
    let path = Path::new(location);
    let of = |source: &dyn Source| ParsedTarget {
        source: source.id(),
        location: location.to_owned(),
        choice: choice.clone(),
    };
    if let Some(source) = SOURCES.iter().find(|source| source.sniffs(path)) {
        return Ok(of(*source));
    }
    if path.is_dir() {
        let shown = escape(location);
        let error =
            Error::malformed(format!("the folder `{shown}` is no OCI layout, and no root file system by its looks"));
        let help = if looks_like_path(location) {
            format!("write `dir:{shown}` to scan it as a root file system all the same")
        } else {
            format!("write `registry:{shown}` for the image of that name, or `dir:{shown}` to scan the folder")
        };
        return Err(error.help(help));
    }
    let found = magic_of_file(path).map_err(|e| e.at(escape(location)))?;
    if found == crate::format::magic::Magic::Tar {
        // opening it gives the reason: no image, cut short, or damaged
        return Ok(ParsedTarget { source: "stream", location: location.to_owned(), choice });
    }
    Err(not_an_image(found).at(escape(location)))
}

fn exists(path: &str) -> bool {
    Path::new(path).symlink_metadata().is_ok()
}

fn looks_like_path(text: &str) -> bool {
    let path = text.split(':').next().unwrap_or(text);
    let path = path.split('@').next().unwrap_or(path);
    ["/", "./", "../", "~"].iter().any(|start| path.starts_with(start))
        || matches!(path, "." | "..")
        || ENDINGS.iter().any(|end| path.to_ascii_lowercase().ends_with(end))
}

/// Whether `text` may be a path that ends somewhere in a folder: its first part is no host of a registry, and is a
/// folder here.
fn is_in_a_folder(text: &str) -> bool {
    let Some((first, _)) = text.split_once('/') else { return false };
    first != "localhost" && !first.contains(['.', ':']) && Path::new(first).is_dir()
}

fn not_there(text: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no file or folder `{}`", escape(text)))
}

fn no_such_path(text: &str) -> Error {
    not_there(text).help("check the path; an image in a registry is named like `registry:example.com/shop/api:1.4`")
}

/// Words of other tools that would read as a repository here.
fn foreign_word(word: &str, rest: &str) -> Option<String> {
    let rest = escape(rest.trim_start_matches("//"));
    let is_path = rest.starts_with(['/', '.']) || exists(rest.split(':').next().unwrap_or_default());
    match word {
        "oci" | "oci-layout" if is_path => Some(format!("write `oci-dir:{rest}`")),
        "containers-storage" => Some(format!("write `podman:{rest}`")),
        "docker-daemon" => Some(format!("write `docker:{rest}`")),
        "http" | "https" => Some(format!("write the reference without it: `{rest}`; `--insecure` allows plain HTTP")),
        "file" => Some(format!("write the path alone: `{rest}`")),
        _ => None,
    }
}

fn usage(message: impl Into<String>, help: impl Into<String>) -> Error {
    Error::new(ErrorKind::Usage, message).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn shown(text: &str) -> String {
        match parse(text) {
            Ok(target) => match target.choice {
                Choice::Only => format!("{} {}", target.source, target.location),
                Choice::Tag(tag) => format!("{} {} tag {tag}", target.source, target.location),
                Choice::Digest(digest) => format!("{} {} digest {}", target.source, target.location, digest.short()),
            },
            Err(error) => format!("{}: {}", error.kind.as_str(), error.message),
        }
    }

    #[test]
    fn paths_that_do_not_exist_are_no_references() {
        type Expected = fn(&str) -> String;
        // tests run in the folder of the sources
        assert!(exists("src/source") && !exists("library"));
        let gone = |text: &str| format!("not-found: there is no file or folder `{text}`");
        let registry = |text: &str| format!("registry {text}");
        let cases: &[(&str, Expected)] = &[
            ("/secret/project", gone),
            ("./app", gone),
            ("../app", gone),
            ("~/app", gone),
            ("build/image.tar", gone),
            ("IMAGE.TAR.GZ", gone),
            ("image.tgz:1.4", gone),
            ("image.tar.zst", gone),
            ("image.oci", gone),
            ("bill.cdx.json", gone),
            ("bill.spdx", gone),
            ("src/gone", gone),
            ("src/source/gone", gone),
            ("src/gone:1.4", gone),
            ("src//gone", gone),
            ("src/gone/further", gone),
            ("library/nginx", registry),
            ("library/nginx:1.27", registry),
            ("nginx", registry),
            ("src", |_| "malformed: the folder `src` is no OCI layout, and no root file system by its looks".into()),
            ("localhost/src", registry),
            ("example.com/src/gone", registry),
            ("host:5000/src/gone", registry),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected(text), "{text}");
        }
        let help = parse("src/gone").expect_err("it is not there").help;
        assert!(help.as_ref().is_some_and(|help| help.contains("`registry:src/gone`")), "{help:?}");
        let named = parse("registry:src/gone").expect("a reference");
        assert_eq!((named.source, named.location.as_str()), ("registry", "src/gone"));
    }

    #[test]
    fn words_paths_and_references_are_told_apart() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
        let layout = at("layout");
        std::fs::create_dir(&layout).expect("writable");
        std::fs::write(at("layout/index.json"), "{}").expect("writable");
        let root = at("root");
        std::fs::create_dir_all(at("root/etc")).expect("writable");
        std::fs::write(at("root/etc/os-release"), "ID=x").expect("writable");
        let (gzip, elf, plain, odd) = (at("image.tar.gz"), at("program"), at("empty"), at("odd:name"));
        std::fs::write(&gzip, b"\x1f\x8b\x08\0").expect("writable");
        std::fs::write(&odd, b"\x1f\x8b\x08\0").expect("writable");
        std::fs::write(&elf, b"\x7fELF\x02").expect("writable");
        std::fs::write(&plain, b"").expect("writable");
        let bill = at("bill.json");
        std::fs::write(&bill, r#"{"bomFormat": "CycloneDX"}"#).expect("writable");
        let sha = format!("sha256:{HEX}");
        let cases = [
            ("-".to_owned(), "stream -".to_owned()),
            ("-:1.4".into(), "stream - tag 1.4".into()),
            ("alpine".into(), "registry alpine".into()),
            ("alpine:3.20".into(), "registry alpine:3.20".into()),
            ("localhost:5000/a/b:1".into(), "registry localhost:5000/a/b:1".into()),
            (format!("alpine@{sha}"), format!("registry alpine@{sha}")),
            ("registry:shop/api:1".into(), "registry shop/api:1".into()),
            ("docker:shop/api:1".into(), "docker shop/api:1".into()),
            ("podman:localhost/x".into(), "podman localhost/x".into()),
            ("docker://alpine".into(), "usage: `docker://` can mean two things".into()),
            (format!("dir:{root}"), format!("dir {root}")),
            (bill.clone(), format!("sbom {bill}")),
            (format!("sbom:{plain}:x"), format!("sbom {plain}:x")),
            (format!("oci-dir:{layout}"), format!("oci-dir {layout}")),
            (format!("oci-dir://{layout}"), format!("oci-dir {layout}")),
            (format!("oci-dir:{layout}:1.4"), format!("oci-dir {layout} tag 1.4")),
            (format!("docker-archive:{gzip}:shop/api:1"), format!("docker-archive {gzip} tag shop/api:1")),
            (format!("{layout}@{sha}"), format!("oci-dir {layout} digest sha256:e3b0c44298fc")),
            (format!("{layout}:shop/api:1@{sha}"), format!("oci-dir {layout} digest sha256:e3b0c44298fc")),
            (layout.clone(), format!("oci-dir {layout}")),
            (root.clone(), format!("dir {root}")),
            (gzip.clone(), format!("stream {gzip}")),
            (odd.clone(), format!("stream {odd}")),
            (format!("{odd}:tag"), format!("stream {odd} tag tag")),
            (elf.clone(), "malformed: this is no image: the file is an ELF program".into()),
            (plain.clone(), "malformed: this is no image: the file is empty".into()),
            (format!("{gzip}@sha256:12"), "usage: a sha256 digest has 64 lower-case hexadecimal digits".into()),
            ("./nothing".into(), "not-found: there is no file or folder `./nothing`".into()),
            ("nothing.tar:tag".into(), "not-found: there is no file or folder `nothing.tar:tag`".into()),
            ("oci-archive:gone".into(), "not-found: there is no file or folder `gone`".into()),
            ("https://example.com/x".into(), "usage: careen has no source `https`".into()),
            ("oci:./x".into(), "usage: careen has no source `oci`".into()),
            ("docker:".into(), "usage: nothing follows `docker:`".into()),
            (String::new(), "usage: the target is empty".into()),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(&text), expected, "{text}");
        }
        assert!(shown(&at("layout").replace("layout", "")).starts_with("malformed: the folder"));
    }
}
