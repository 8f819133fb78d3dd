//! Python distributions: `.dist-info` and `.egg-info` (`PyPA` core metadata, "Recording installed projects", "Recording
//! the Direct URL Origin of installed distributions").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::HashMap;

use serde::Deserialize;

use crate::collect::{About, Collector, Delivery, Fact, Facts, File, PackageFact, Select, View};
use crate::inventory::{Claimant, Ecosystem, FileClaims, Inventory, Licence, Need};
use crate::path::ImagePath;
use crate::size::ByteSize;

use super::lenient::{Text, json};
use super::purl;
use super::text::{PATH, PATHS_PER_FILE, complain, digest_in_base64, field, header, lines};

/// Distributions of `PyPI`.
pub(super) static PYPI: Ecosystem = Ecosystem { id: "pypi", purl_type: "pypi", is_system: false };

/// Reads the metadata file of each distribution. Where it lies does not matter: any folder may be on `sys.path`.
pub(super) struct Python;

static ABOUT: About = About {
    title: "Python distributions",
    ecosystems: &[&PYPI],
    reads: "Name, version and licence of each distribution from its metadata, wherever it lies; what its `RECORD` says of its files; the \
                repository or archive on the web that it was installed from, where that is no index.",
    not_seen: &["modules copied without their metadata", "programs frozen into one file"],
    references: &["https://packaging.python.org/en/latest/specifications/recording-installed-packages/"],
};

impl Collector for Python {
    fn id(&self) -> &'static str {
        "python"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[
            Select::Suffix(".dist-info/METADATA"),
            Select::Suffix(RECORD),
            Select::Suffix(ORIGIN),
            Select::Suffix(".egg-info/PKG-INFO"),
            Select::Suffix(".egg/EGG-INFO/PKG-INFO"),
            // distutils wrote a single file of this name
            Select::Suffix(".egg-info"),
        ]
    }

    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize(METADATA as u64))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        if file.path.as_bytes().ends_with(RECORD.as_bytes()) {
            let claims = parse_record(file.bytes);
            if !claims.is_empty() {
                facts.push(Fact::Claims(Box::new(claims)));
            }
            return;
        }
        if file.path.as_bytes().ends_with(ORIGIN.as_bytes()) {
            if let Some((key, url)) = origin(file.bytes) {
                facts.push(Fact::Text { key, text: url.into() });
            }
            return;
        }
        if let Some(package) = package(file.bytes, facts) {
            facts.package(package);
        }
    }

    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        let origins = view.live().filter_map(|(path, _, fact)| match fact {
            Fact::Text { key, text } => Some((path.parent(), (*key, &**text))),
            _ => None,
        });
        let origins: HashMap<ImagePath, (&str, &str)> = origins.collect();
        for taken in view.take_packages(self, inventory) {
            let Some(origin) = origins.get(&taken.path.parent()) else { continue };
            let fact = purl::qualified(&PYPI, &taken.fact.name, &taken.fact.version, &[*origin]);
            let package = usize::try_from(taken.index).ok().and_then(|index| inventory.packages.get_mut(index));
            if let (Some(package), Some(purl)) = (package, fact.and_then(|fact| fact.purl)) {
                package.purl = purl;
            }
        }
        for (path, _, fact) in view.live() {
            let Fact::Claims(list) = fact else { continue };
            let (folder, info) = (path.parent().parent(), path.parent());
            // PEP 610: it did not come from an index but from a folder or an address, and may be the image's own
            if view.tree.get(&info.join(b"direct_url.json")).is_some() {
                continue;
            }
            let name = info.file_name().split(|b| *b == b'-').next().unwrap_or_default();
            let Some(name) = field(name) else { continue };
            inventory.claims.add(Claimant::Index, &name, list, &folder, |folder| view.tree.real_folder(folder));
        }
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

/// The distribution that metadata describe; what is wrong with them is told.
pub(super) fn package(bytes: &[u8], facts: &mut Facts) -> Option<PackageFact> {
    match parse(bytes) {
        Ok(Some((package, is_ambiguous))) => {
            if is_ambiguous {
                let name = &package.name;
                complain(facts, format!("the metadata of `{name}` gives name or version twice; the first is taken"));
            }
            return Some(package);
        }
        Ok(None) => {}
        Err(what) => complain(facts, what),
    }
    None
}

/// Largest metadata read, in bytes: they hold the whole README; the largest seen have 400 KiB.
pub(super) const METADATA: usize = 8 << 20;

const RECORD: &str = ".dist-info/RECORD";

const ORIGIN: &str = ".dist-info/direct_url.json";

/// Where a distribution came from that no index gave.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Origin {
    url: Text,
    vcs_info: Option<Repository>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Repository {
    vcs: Text,
    commit_id: Text,
}

/// The qualifier of the purl that says it: `vcs_url` with `git+https://host/path@commit`, or `download_url`. A folder or
/// archive of the machine where the image was built is none.
fn origin(bytes: &[u8]) -> Option<(&'static str, String)> {
    let origin: Origin = json(bytes).ok()?;
    let url = origin.url.0.as_deref().and_then(public)?;
    let part =
        |text: Option<String>| field(text?.as_bytes()).filter(|text| !text.contains(|c: char| c.is_whitespace()));
    match origin.vcs_info {
        Some(repository) => {
            let commit = part(repository.commit_id.0).map(|commit| format!("@{commit}")).unwrap_or_default();
            Some(("vcs_url", format!("{}+{url}{commit}", part(repository.vcs.0)?)))
        }
        None => Some(("download_url", url)),
    }
}

/// An address of the network without what may be secret: credentials, and parameters of signed addresses.
fn public(url: &str) -> Option<String> {
    let url = url.split(['?', '#']).next()?;
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.split_once('/')?;
    let host = authority.rsplit('@').next()?;
    let is_of_network = matches!(scheme, "http" | "https" | "ssh" | "git" | "svn") && !host.is_empty();
    is_of_network.then(|| field(format!("{scheme}://{host}/{path}").as_bytes())).flatten()
}

/// `path,sha256=digest,size`, one line for each file, paths relative to the folder of the `dist-info`
/// (`PyPA` "Recording installed projects"). What was made at installation has no digest.
fn parse_record(bytes: &[u8]) -> FileClaims {
    let mut claims = FileClaims::default();
    for (_, line) in lines(bytes).filter(|(_, line)| line.len() <= PATH).take(PATHS_PER_FILE) {
        let mut fields = line.rsplitn(3, |b| *b == b',');
        let (_, digest, path) = (fields.next(), fields.next(), fields.next());
        let digest = digest.and_then(|digest| digest.strip_prefix(b"sha256=")).and_then(digest_in_base64::<32>);
        if let (Some(digest), Some(path)) = (digest, path) {
            // a path with a comma is quoted; one with a quote is in no wheel
            claims.add(path.strip_prefix(b"\"").and_then(|path| path.strip_suffix(b"\"")).unwrap_or(path), &digest);
        }
    }
    claims
}

/// The headers up to the first empty line, the first of a name counting; what follows is the
/// description. An empty file says nothing: it is how a later layer takes a distribution away.
/// With it, whether name or version stand there again with another value.
fn parse(bytes: &[u8]) -> Result<Option<(PackageFact, bool)>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.trim_ascii().is_empty() {
        return Ok(None);
    }
    let (mut name, mut version, mut licence, mut expression) = (None, None, None, None);
    let mut is_ambiguous = false;
    let mut needs = Vec::new();
    let mut classifiers: Vec<String> = Vec::new();
    for (_, line) in lines(bytes).take_while(|(_, line)| !line.is_empty()) {
        // a line that starts with a blank goes on with the field before: of a licence's whole text
        // the first line is enough
        let Some((key, value)) = header(line).filter(|(key, _)| !key.starts_with(b" ") && !key.starts_with(b"\t"))
        else {
            continue;
        };
        let key = key.to_ascii_lowercase();
        if key == b"requires-dist" && needs.len() < NEEDS {
            needs.extend(requirement(value).map(Need::of));
            continue;
        }
        if key == b"classifier" && classifiers.len() < CLASSIFIERS {
            classifiers.extend(licence_of(value));
            continue;
        }
        let wanted = match key.as_slice() {
            b"name" => &mut name,
            b"version" => &mut version,
            b"license" => &mut licence,
            b"license-expression" => &mut expression,
            _ => continue,
        };
        if wanted.is_none() {
            *wanted = field(value);
        } else if matches!(key.as_slice(), b"name" | b"version") {
            is_ambiguous |= *wanted != field(value);
        }
    }
    let Some(name) = name else { return Err("the metadata names no distribution".to_owned()) };
    let Some(version) = version else { return Err(format!("the metadata of `{name}` has no version")) };
    // setuptools wrote this for "none given"
    let licence = expression.or(licence).filter(|licence| licence != "UNKNOWN");
    // where the field holds the beginning of a whole text, the classifiers say more
    let is_clear = licence.as_ref().is_some_and(|licence| Licence::new(licence.as_str()).expression.is_some());
    let classified = Some(classifiers.join(", ")).filter(|text| {
        !text.is_empty() && !is_clear && (licence.is_none() || Licence::new(text.as_str()).expression.is_some())
    });
    let licence = classified.or(licence);
    let Some(fact) = purl::fact(&PYPI, &name, &version) else {
        return Err(format!("`{name}` is no name of a distribution"));
    };
    // others name it in any spelling
    let provides = vec![normal(&name)];
    Ok(Some((PackageFact { licence, needs, provides, ..fact }, is_ambiguous)))
}

/// Requirements taken of one distribution; the longest real lists have some hundreds.
const NEEDS: usize = 2_000;

/// Licences taken of the classifiers of one distribution.
const CLASSIFIERS: usize = 20;

/// The licence that a classifier names: the last part of `License :: OSI Approved :: MIT License`.
fn licence_of(classifier: &[u8]) -> Option<String> {
    let text = field(classifier)?;
    let last = text.strip_prefix("License :: ")?.rsplit(" :: ").next()?;
    // what it may also say is only of which kind it is
    (last != "OSI Approved").then(|| last.to_owned())
}

/// The name in `requests[socks] (>=2.8.1) ; extra == "http"` (PEP 508), in the spelling that all share.
fn requirement(text: &[u8]) -> Option<String> {
    let end = text.iter().position(|b| !(b.is_ascii_alphanumeric() || b"-_.".contains(b))).unwrap_or(text.len());
    field(text.get(..end)?).map(|name| normal(&name))
}

/// A name as PEP 503 compares it: lower case, runs of `-`, `_` and `.` as one `-`.
fn normal(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if normal.ends_with('-') => {}
            '-' | '_' | '.' => normal.push('-'),
            _ => normal.extend(c.to_lowercase()),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::testing::{Image, assemble, packages};

    #[test]
    fn headers_tell_name_and_version() {
        let cases: &[(&str, Result<Option<&str>, ()>)] = &[
            (
                "Metadata-Version: 2.1\nName: Jinja2\nVersion: 2.10\nLicense: BSD\n\nName: body\n",
                Ok(Some("Jinja2 2.10 BSD")),
            ),
            ("Name: a\r\nVersion: 1\r\n\r\ntext", Ok(Some("a 1 "))),
            ("\u{feff}name: a\nVERSION:1", Ok(Some("a 1 "))),
            ("Name: a\nName: b\nVersion: 1\n", Ok(Some("a 1 "))),
            ("Name: a\nLicense: UNKNOWN\nVersion: 1\n", Ok(Some("a 1 "))),
            (
                "Name: a\nVersion: 1\nClassifier: License :: OSI Approved\nClassifier: License :: OSI Approved :: MIT License\n",
                Ok(Some("a 1 MIT License")),
            ),
            (
                "Name: a\nVersion: 1\nLicense: Copyright (c) 2010\nClassifier: License :: OSI Approved :: MIT License\n",
                Ok(Some("a 1 MIT License")),
            ),
            (
                "Name: a\nVersion: 1\nLicense: BSD\nClassifier: License :: OSI Approved :: BSD License\n",
                Ok(Some("a 1 BSD")),
            ),
            (
                "Name: a\nVersion: 1\nLicense: Apache-2.0\nClassifier: License :: OSI Approved :: MIT License\n",
                Ok(Some("a 1 Apache-2.0")),
            ),
            ("Name: a\nLicense: long\n        Version: 9\nVersion: 1\nLicense-Expression: MIT\n", Ok(Some("a 1 MIT"))),
            ("", Ok(None)),
            (" \n\n", Ok(None)),
            ("Name: a\n\nVersion: 1\n", Err(())),
            ("Version: 1\n", Err(())),
        ];
        for (text, expected) in cases {
            let read = parse(text.as_bytes());
            let read = read.map(|package| {
                package.map(|(p, _)| format!("{} {} {}", p.name, p.version, p.licence.unwrap_or_default()))
            });
            assert_eq!(read.map_err(|_| ()), expected.map(|e| e.map(str::to_owned)), "{text:?}");
        }
    }

    #[test]
    fn the_purl_says_where_it_came_from_if_from_no_index() {
        let cases = [
            (
                r#"{"url":"https://user:secret@host/a/six.git","vcs_info":{"vcs":"git","commit_id":"1234abcd"}}"#,
                "pkg:pypi/six@1.16.0?vcs_url=git%2Bhttps:%2F%2Fhost%2Fa%2Fsix.git%401234abcd",
            ),
            (
                r#"{"url":"https://host/six-1.16.0.whl?token=secret","archive_info":{}}"#,
                "pkg:pypi/six@1.16.0?download_url=https:%2F%2Fhost%2Fsix-1.16.0.whl",
            ),
            (r#"{"url":"file:///src/six","dir_info":{"editable":true}}"#, "pkg:pypi/six@1.16.0"),
            (r#"{"url":7,"vcs_info":[]}"#, "pkg:pypi/six@1.16.0"),
            (r#"{"url":"https://","vcs_info":{}}"#, "pkg:pypi/six@1.16.0"),
            ("{", "pkg:pypi/six@1.16.0"),
        ];
        for (text, expected) in cases {
            let image = Image::new()
                .file("a/six-1.16.0.dist-info/METADATA", "Name: six\nVersion: 1.16.0\n")
                .file("a/six-1.16.0.dist-info/direct_url.json", text);
            let inventory = assemble(&image);
            let purls: Vec<&str> = inventory.packages.iter().map(|package| &*package.purl).collect();
            assert_eq!(purls, [expected], "{text}");
        }
    }

    #[test]
    fn a_name_or_version_given_twice_is_a_gap() {
        for (text, told) in [
            ("Name: a\nName: b\nVersion: 1\n", 1),
            ("Name: a\nVersion: 1\nVersion: 2\n", 1),
            ("Name: a\nVersion: 1\nName: a\n\nName: b\n", 0),
        ] {
            let inventory = assemble(&Image::new().file("a/x.dist-info/METADATA", text));
            assert_eq!(packages(&inventory), ["a 1 /a/x.dist-info/METADATA"]);
            assert_eq!(inventory.limitations.iter().filter(|told| told.is_gap).count(), told, "{text:?}");
        }
    }

    #[test]
    fn distributions_are_found_where_a_live_name_leads() {
        let metadata = "Name: six\nVersion: 1.16.0\n";
        let dist_info = "app/lib/six-1.16.0.dist-info/METADATA";
        let cases: &[(Image, &[&str])] = &[
            (Image::new().file(dist_info, metadata), &["six 1.16.0 /app/lib/six-1.16.0.dist-info/METADATA"]),
            (Image::new().file("a/six.egg-info/PKG-INFO", metadata), &["six 1.16.0 /a/six.egg-info/PKG-INFO"]),
            (Image::new().file("a/six-1.egg-info", metadata), &["six 1.16.0 /a/six-1.egg-info"]),
            (
                Image::new().file("a/six-1.egg/EGG-INFO/PKG-INFO", metadata),
                &["six 1.16.0 /a/six-1.egg/EGG-INFO/PKG-INFO"],
            ),
            (Image::new().file("a/METADATA", metadata).file("a/PKG-INFO", metadata), &[]),
            // overwritten by nothing; its folder replaced by a link
            (Image::new().file(dist_info, metadata).layer().file(dist_info, ""), &[]),
            (Image::new().file(dist_info, metadata).layer().link("app/lib", "/elsewhere"), &[]),
            // only a link says what its folder is
            (
                Image::new().file("deps/six/METADATA", metadata).link("a/six-1.dist-info", "/deps/six"),
                &["six 1.16.0 /a/six-1.dist-info/METADATA"],
            ),
            // uv: linked from a cache that a later layer removes
            (
                Image::new()
                    .file("root/.cache/x", metadata)
                    .hard_link(dist_info, "root/.cache/x")
                    .layer()
                    .file("root/.wh..cache", ""),
                &["six 1.16.0 /app/lib/six-1.16.0.dist-info/METADATA"],
            ),
            (
                Image::new()
                    .file("root/.cache/six.dist-info/METADATA", metadata)
                    .layer()
                    .hard_link(dist_info, "root/.cache/six.dist-info/METADATA")
                    .layer()
                    .file("root/.wh..cache", ""),
                &["six 1.16.0 /app/lib/six-1.16.0.dist-info/METADATA"],
            ),
        ];
        for (image, expected) in cases {
            let inventory = assemble(image);
            assert_eq!(packages(&inventory), *expected, "{image:?}");
            assert_eq!(inventory.limitations, []);
        }
    }
}
