//! What all kinds of documents come to: packages under references, and edges between these.

use std::collections::{HashMap, HashSet};

use crate::error::Result;
use crate::limitation::Limitation;
use crate::path::ImagePath;

use super::{Bill, BillLayer, PARTS, Part, Place, Subject, too_much, word};

/// Layers of one image; see [`crate::limit::Limits::layers`].
const LAYERS: usize = 4_096;
/// Edges between packages; beyond, they are told as a gap.
const EDGES: usize = 2_000_000;

/// Bytes of the references of all edges. One long reference may have many.
const EDGE_BYTES: usize = 256 << 20;
/// Packages named in the limitation on those without a purl.
const NAMED: usize = 3;

/// Entries that were not understood: how many, and the first of them.
#[derive(Debug, Default)]
pub(super) struct Broken {
    count: usize,
    first: Vec<String>,
}

impl Broken {
    /// Takes note of one by its place in the document, or its package URL.
    pub(super) fn add(&mut self, place: String) {
        self.count = self.count.saturating_add(1);
        if self.first.len() < NAMED {
            self.first.push(place);
        }
    }
}

/// A bill in the making.
#[derive(Debug, Default)]
pub(super) struct Builder {
    bill: Bill,
    references: HashMap<String, usize>,
    edges: Vec<(String, String)>,
    owners: Vec<(usize, String)>,
    nameless: Vec<String>,
    broken: Broken,
    images: usize,
    /// The first of them: name and platform.
    shown: Vec<(String, Option<String>)>,
    lost_edges: bool,
    /// Bytes of the references in `edges`.
    edge_bytes: usize,
}

impl Builder {
    /// What the document is about.
    pub(super) fn subject(&mut self) -> &mut Subject {
        &mut self.bill.subject
    }

    /// An image begins, under these names: what follows is said of it.
    pub(super) fn begin_image(&mut self, names: impl IntoIterator<Item = String>) {
        self.images = self.images.saturating_add(1);
        let start = self.bill.subject.names.len();
        self.bill.subject.names.extend(names);
        if self.images <= NAMED {
            let name = self.bill.subject.names.get(start).cloned();
            self.shown.push((name.unwrap_or_else(|| "without a name".to_owned()), None));
        }
    }

    /// Adds a package under its reference; none if its package URL is broken, which is told.
    pub(super) fn add(&mut self, reference: Option<&str>, mut part: Part) -> Result<Option<usize>> {
        let Some(version) = version_of(&part.purl) else {
            self.add_broken(part.purl);
            return Ok(None);
        };
        if part.version.is_empty() {
            part.version = version;
        }
        let index = self.bill.parts.len();
        if index >= PARTS {
            return Err(too_much(format!("the bill of materials lists more than {PARTS} packages")));
        }
        if let Some(reference) = reference {
            self.references.entry(reference.to_owned()).or_insert(index);
        }
        self.bill.parts.push(part);
        Ok(Some(index))
    }

    /// Adds a package that a layer took away.
    pub(super) fn add_removed(&mut self, part: Part, layer: u32) -> Result<()> {
        if version_of(&part.purl).is_none() {
            self.add_broken(part.purl);
        } else if self.bill.removed.len() >= PARTS {
            return Err(too_much(format!("the report lists more than {PARTS} removed packages")));
        } else {
            self.bill.removed.push((part, layer));
        }
        Ok(())
    }

    /// Takes note of a component that has a version and no purl, so that nothing can be compared with it.
    pub(super) fn add_nameless(&mut self, name: &str, version: &str) {
        self.nameless.push(format!("{name} {version}"));
    }

    /// Takes note of an entry that is none.
    pub(super) fn add_broken(&mut self, place: String) {
        self.broken.add(place);
    }

    /// Takes note of all of these.
    pub(super) fn add_all_broken(&mut self, other: Broken) {
        let Broken { count, first } = other;
        self.broken.count = self.broken.count.saturating_add(count);
        let room = NAMED.saturating_sub(self.broken.first.len());
        self.broken.first.extend(first.into_iter().take(room));
    }

    /// One needs another, by their references.
    pub(super) fn add_edge(&mut self, from: &str, to: &str) {
        let bytes = self.edge_bytes.saturating_add(from.len()).saturating_add(to.len());
        if self.edges.len() < EDGES && bytes <= EDGE_BYTES {
            self.edge_bytes = bytes;
            self.edges.push((from.to_owned(), to.to_owned()));
        } else {
            self.lost_edges = true;
        }
    }

    /// Some edges are known to be missing.
    pub(super) fn cut_edges(&mut self) {
        self.lost_edges = true;
    }

    /// Takes a fact under one of careen's own names for the package at `index`, or under one of other programs' that
    /// means the same.
    pub(super) fn add_fact(&mut self, index: usize, name: &str, value: &str) {
        let Some(part) = self.bill.parts.get_mut(index) else { return };
        let some = || Some(value.to_owned());
        part.is_own |= name.starts_with("careen:");
        match name {
            word::TYPE => part.ecosystem = some(),
            word::STATE => part.is_declared = value == "declared",
            word::COUNTED => part.is_uncounted = value == "false",
            word::CONFIDENCE => part.confidence = some(),
            word::PROOF_NAME => part.proof_name = some(),
            word::PROOF_TEXT => part.proof_text = some(),
            word::ARCHITECTURE => part.architecture = some(),
            word::SOURCE_NAME => part.source_name = some(),
            word::SOURCE_VERSION => part.source_version = some(),
            // what the document's own field says is the expression, or the same text if that means none
            word::LICENCE => {
                let own = part.licence.replace(value.to_owned()).unwrap_or_default();
                part.expression = Some(if own.trim() == value.trim() { String::new() } else { own });
            }
            word::LOCATION => part.places.extend(place(value)),
            word::OWNED_BY => self.owners.push((index, value.to_owned())),
            _ if value.is_empty() || part.is_own => {}
            // Trivy's, and Syft's of dpkg and of apk; that of rpm is a file, which the purl has, too
            "aquasecurity:trivy:SrcName" | "syft:metadata:source" | "syft:metadata:originPackage" => {
                part.source_name = some();
            }
            "aquasecurity:trivy:SrcVersion" | "syft:metadata:sourceVersion" => part.source_version = some(),
            "aquasecurity:trivy:SrcRelease" => part.source_release = some(),
            "aquasecurity:trivy:SrcEpoch" => part.source_epoch = some(),
            _ => {}
        }
    }

    /// Takes what Trivy says of the origin of an SPDX package: `built package from: openssl 1:3.0-2`.
    pub(super) fn add_origin(&mut self, index: usize, origin: &str) {
        let Some(part) = self.bill.parts.get_mut(index).filter(|part| !part.is_own) else { return };
        let words: Vec<&str> = origin.strip_prefix("built package from:").unwrap_or_default().split(' ').collect();
        if let ["", name, version] = words.as_slice() {
            part.source_name = Some((*name).to_owned());
            part.source_version = Some((*version).to_owned());
        }
    }

    /// Adds a file that proves the package at `index`.
    pub(super) fn add_place(&mut self, index: usize, place: Place) {
        if let Some(part) = self.bill.parts.get_mut(index) {
            part.places.push(place);
        }
    }

    /// Takes a fact under one of careen's own names for the image.
    pub(super) fn add_image_fact(&mut self, name: &str, value: &str) {
        let subject = &mut self.bill.subject;
        let some = || Some(value.to_owned());
        match name {
            word::DIGEST => subject.digest = some(),
            word::CONFIG_DIGEST => subject.config_digest = some(),
            word::PLATFORM => {
                subject.platform = some();
                if let Some((_, platform)) = self.shown.last_mut().filter(|_| self.images <= NAMED) {
                    *platform = some();
                }
            }
            word::CREATED => subject.created = some(),
            word::TAG => subject.names.push(value.to_owned()),
            word::GAP => self.bill.limitations.push(stated(value)),
            word::NOTE => self.bill.limitations.push(Limitation { is_gap: false, ..stated(value) }),
            _ => {
                let Some((index, field)) = name.strip_prefix(word::LAYER_PREFIX).and_then(|rest| rest.split_once(':'))
                else {
                    return;
                };
                let Some(index) = index.parse::<usize>().ok().filter(|index| *index < LAYERS) else { return };
                if subject.layers.len() <= index {
                    subject.layers.resize_with(index.saturating_add(1), BillLayer::default);
                }
                let Some(layer) = subject.layers.get_mut(index) else { return };
                match word::LAYER_FIELDS.iter().position(|known| *known == field) {
                    Some(0) => layer.digest = some(),
                    Some(1) => layer.diff_id = some(),
                    Some(2) => layer.size = value.parse().ok(),
                    Some(3) => layer.created_by = some(),
                    Some(4) => layer.origin = some(),
                    _ => {}
                }
            }
        }
    }

    /// Says that the document itself calls its list incomplete, unless it said what is missing.
    pub(super) fn add_incomplete(&mut self) {
        if !self.bill.limitations.iter().any(|limitation| limitation.is_gap) {
            self.bill.limitations.push(stated("the bill of materials says of itself that it is incomplete"));
        }
    }

    /// Adds a limitation as it is.
    pub(super) fn add_limitation(&mut self, limitation: Limitation) {
        self.bill.limitations.push(limitation);
    }

    /// Follows the references.
    pub(super) fn finish(mut self) -> Bill {
        for (from, to) in &self.edges {
            if let (Some(from), Some(to)) = (self.references.get(from), self.references.get(to))
                && from != to
                && let Some(part) = self.bill.parts.get_mut(*from)
            {
                part.dependencies.push(*to);
            }
        }
        for (index, owner) in &self.owners {
            if let Some(part) = self.bill.parts.get_mut(*index) {
                part.owner = self.references.get(owner).copied();
            }
        }
        for part in &mut self.bill.parts {
            part.dependencies.sort_unstable();
            part.dependencies.dedup();
        }
        let limitations = &mut self.bill.limitations;
        if self.images > 1 {
            // layers and digests of one are not those of another
            let Subject { mut names, distro, .. } = std::mem::take(&mut self.bill.subject);
            let mut seen = HashSet::new();
            names.retain(|name| seen.insert(name.clone()));
            let shown = self.shown.iter().map(|(name, platform)| match platform {
                Some(platform) => format!("{name} for {platform}"),
                None => name.clone(),
            });
            let first = shown.collect::<Vec<_>>().join(", ");
            let more = if self.images > NAMED { ", …" } else { "" };
            let what = format!(
                "the bill of materials lists {} images ({first}{more}), which are taken as one with the packages of all; \
                 their layers, digests and distributions are not told apart",
                self.images
            );
            self.bill.subject = Subject { names, distro, ..Subject::default() };
            limitations.push(
                Limitation::gap("sbom-several-images", "", what)
                    .help("write one for each image, as with `--platform OS/ARCH` in place of `all`"),
            );
        }
        if let Some(first) = self.nameless.get(..self.nameless.len().min(NAMED)).filter(|first| !first.is_empty()) {
            let more = if self.nameless.len() > NAMED { ", …" } else { "" };
            let count = self.nameless.len();
            let what = format!("components without a package URL were left out: {count} ({}{more})", first.join(", "));
            limitations.push(
                Limitation::gap("sbom-no-purl", "", what)
                    .help("make the bill of materials with a tool that writes package URLs, or scan the image"),
            );
        }
        let Broken { count, first } = self.broken;
        if count > 0 {
            let more = if count > first.len() { ", …" } else { "" };
            let what = format!("entries that were not understood: {count} ({}{more})", first.join(", "));
            limitations.push(Limitation::gap("sbom-malformed", "", what));
        }
        if self.lost_edges {
            let what = format!("dependencies beyond the first {} were left out", self.edges.len());
            limitations.push(Limitation::note("sbom-dependencies", "", what));
        }
        self.bill
    }
}

fn stated(what: &str) -> Limitation {
    Limitation::gap(word::STATED, "", what).help("make the bill of materials again, or scan the image itself")
}

/// The version in a package URL, empty if it has none (<https://github.com/package-url/purl-spec>); `None` if it is no
/// package URL: it has a type and a name, and every `%` begins an escape.
fn version_of(purl: &str) -> Option<String> {
    let path = purl.strip_prefix("pkg:")?.split(['?', '#']).next()?.trim_start_matches('/');
    let (kind, path) = path.split_once('/')?;
    let mut escapes = purl.split('%');
    escapes.next();
    let is_escape = |rest: &str| rest.get(..2).is_some_and(|two| two.bytes().all(|digit| digit.is_ascii_hexdigit()));
    // a scope is often written with its bare sign, which begins no version
    let is_name = |name: &str| !name.is_empty() && !name.ends_with('/');
    let (name, version) = path.rsplit_once('@').filter(|(name, _)| is_name(name)).unwrap_or((path, ""));
    if kind.is_empty() || !is_name(name) || !escapes.all(is_escape) {
        return None;
    }
    let mut bytes = Vec::with_capacity(version.len());
    let mut parts = version.split('%');
    bytes.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(part.get(2..)?.as_bytes());
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads what [`word::place`] wrote.
fn place(text: &str) -> Option<Place> {
    let (layer, live_layer, path, inside) = word::parse_place(text)?;
    Some(Place { path: path_of(path), inside: inside.map(str::to_owned), layer, live_layer })
}

/// A file of whose layer nothing is said.
pub(super) fn bare_place(text: &str) -> Place {
    let (path, inside) = text.split_once("!/").map_or((text, None), |(path, inside)| (path, Some(inside.to_owned())));
    Place { path: path_of(path), inside, layer: 0, live_layer: 0 }
}

/// The path that was shown as `text`.
pub fn path_of(text: &str) -> ImagePath {
    ImagePath::new(&unescape(text))
}

/// The bytes that [`crate::escape`] shows as `text`; what it would not write stays as it is.
pub(super) fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, from) = rest.split_at(at);
        bytes.extend_from_slice(before.as_bytes());
        rest = if let Some(after) = escaped(from, &mut bytes) {
            after
        } else {
            bytes.push(b'\\');
            from.get(1..).unwrap_or_default()
        };
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

/// Takes one escape from the front; the rest.
fn escaped<'t>(text: &'t str, bytes: &mut Vec<u8>) -> Option<&'t str> {
    let text = text.strip_prefix('\\')?;
    for (letter, byte) in [("n", b'\n'), ("r", b'\r'), ("t", b'\t'), ("\\", b'\\')] {
        if let Some(rest) = text.strip_prefix(letter) {
            bytes.push(byte);
            return Some(rest);
        }
    }
    if let Some(rest) = text.strip_prefix('x') {
        bytes.push(u8::from_str_radix(rest.get(..2)?, 16).ok()?);
        return rest.get(2..);
    }
    let (digits, rest) = text.strip_prefix("u{")?.split_once('}')?;
    let c = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    Some(rest)
}

/// Twenty bytes of hexadecimal digits.
pub(super) fn sha1(hex: &str) -> Option<[u8; 20]> {
    if hex.len() != 40 || !hex.is_ascii() {
        return None;
    }
    let mut digest = [0; 20];
    for (at, byte) in digest.iter_mut().enumerate() {
        let start = at.saturating_mul(2);
        *byte = u8::from_str_radix(hex.get(start..start.saturating_add(2))?, 16).ok()?;
    }
    Some(digest)
}

/// Whether a purl names an image, not a package in one.
pub(super) fn is_image(purl: &str) -> bool {
    purl.starts_with("pkg:oci/") || purl.starts_with("pkg:docker/")
}

/// Takes lines of `name=value`, as careen writes them in comments, to `take`.
pub(super) fn lines(comment: &str, mut take: impl FnMut(&str, &str)) {
    for line in comment.lines().filter(|line| line.starts_with("careen:")) {
        if let Some((name, value)) = line.split_once('=') {
            take(name, &String::from_utf8_lossy(&unescape(value)));
        }
    }
}
