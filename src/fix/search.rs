//! Looks for values in everything of an image: in its documents, and in its layers with all that is packed in their files.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::escape::{escape, pointer_key, pointer_part};
use crate::image::{Blob, Image, Layer};
use crate::limit::Limits;
use crate::pass::Compression;
use crate::pass::decode;
use crate::pass::tar::{TarError, TarReader};
use crate::path::ImagePath;
use crate::secret::{Needles, expanded_name, masked_path, may_hold_files};
use crate::tree::Tree;

/// Largest file of a layer that is looked into for what it holds, in bytes; a scan looks into no larger ones, and says so.
const LARGEST: u64 = 512 << 20;

/// Files of more bytes are looked into one at a time.
const LARGE: u64 = 16 << 20;

/// Bytes of a file that tell whether it holds others.
const HEAD: u64 = 512;

/// Bytes of a block of tar.
const BLOCK: u64 = 512;

/// Bytes that are looked at together.
const WINDOW: usize = 1 << 20;

/// Places of a layer of which each is kept; beyond them each value once for a member.
const MOST_HITS: usize = 100_000;

/// Places in one member's content that are kept: more than what may be blanked in it.
const MOST_OF_MEMBER: usize = 10_001;

/// Places of a layer at all.
const MOST_PLACES: usize = 1_000_000;

/// What stands in place of a name that itself holds a value.
pub(super) const NAMELESS: &str = "(a name that holds it)";

/// Where in a layer a value stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// In what is stored, beside the compressed archive.
    Stored,
    /// In the archive, before or behind its members.
    Beside,
    /// In what stands before a member's content: its names and attributes.
    Head(u32),
    /// In a header before this member that belongs to none: it stays as long as a member follows.
    Shared(u32),
    /// Behind a member's content, in what fills its last block.
    Padding(u32),
    /// In a member's content, from this byte to that.
    Content(u32, u64, u64),
    /// In a file that a member holds, or in an archive in it beside its files.
    Inside(u32, Vec<u8>),
}

impl Place {
    /// The member.
    pub(super) fn member(&self) -> Option<u32> {
        match self {
            Self::Stored | Self::Beside | Self::Shared(_) => None,
            Self::Head(member) | Self::Padding(member) | Self::Content(member, ..) | Self::Inside(member, _) => {
                Some(*member)
            }
        }
    }

    /// The same place of the member that has content and header from now on, where it is one of these. What is packed alone goes
    /// by the name of the file it is in: once `old`, now `new`.
    pub(super) fn of_heir(&self, heir: u32, old: &ImagePath, new: &ImagePath) -> Option<Self> {
        match self {
            Self::Stored | Self::Beside | Self::Shared(_) => None,
            Self::Head(_) => Some(Self::Head(heir)),
            Self::Padding(_) => Some(Self::Padding(heir)),
            Self::Content(_, from, to) => Some(Self::Content(heir, *from, *to)),
            Self::Inside(_, inside) => Some(Self::Inside(heir, renamed(inside, old, new))),
        }
    }

    /// How a person is told of it: the member's path, and the file inside.
    pub(super) fn shown(&self, needles: &Needles, tree: &Tree, layer: usize) -> String {
        if matches!(self, Self::Shared(_)) {
            return "(a header of several files)".into();
        }
        let Some(member) = self.member() else { return "(beside its files)".into() };
        let entry = tree.layers().get(layer).and_then(|members| members.get(member as usize));
        let name =
            |bytes: &[u8], shown: String| if needles.are_in(bytes) { NAMELESS.into() } else { masked_path(&shown) };
        let path = entry.map_or_else(String::new, |entry| name(entry.path.as_bytes(), entry.path.to_string()));
        match self {
            Self::Padding(_) => format!("{path} (behind its end)"),
            Self::Inside(_, inside) => format!("{path}!{}", name(inside, escape(inside))),
            _ => path,
        }
    }
}

/// The way to what is packed in a file that gets another name.
fn renamed(inside: &[u8], old: &ImagePath, new: &ImagePath) -> Vec<u8> {
    let (mut old, mut new) = (old.file_name().to_vec(), new.file_name().to_vec());
    let mut is_alone = true;
    let parts = inside.split(|byte| *byte == b'!').map(|part| {
        (old, new) = (expanded_name(&old), expanded_name(&new));
        is_alone &= *part == *old;
        if is_alone { new.clone() } else { part.to_vec() }
    });
    parts.collect::<Vec<_>>().join(&b'!')
}

/// A value, by its index, and where it stands.
pub(super) type Hit = (Place, usize);

/// What stands in each layer of these images; a layer that several have is looked at once.
#[derive(Default)]
pub(super) struct Layers(BTreeMap<String, BTreeSet<Hit>>);

impl Layers {
    /// Looks at all layers, as many at once as there are threads. What stands in one that is `known` by its digest is taken from
    /// there: whether its bytes have that digest, others see to.
    pub(super) fn search(needles: &Needles, images: &[Image], known: &Self, limits: &Limits) -> Result<Self> {
        let mut layers: BTreeMap<String, &Layer> = BTreeMap::new();
        for (number, image) in images.iter().enumerate() {
            layers.extend(image.layers.iter().map(|layer| (key(number, layer), layer)));
        }
        let large = Mutex::new(());
        let layers: Vec<(String, &Layer)> = layers.into_iter().filter(|_| !needles.is_empty()).collect();
        let search = |(key, layer): (String, &Layer)| {
            let has_digest = layer.digest.is_some() || layer.diff_id.is_some();
            let found = match known.0.get(&key).filter(|_| has_digest) {
                Some(found) => found.clone(),
                None => in_layer(needles, layer, limits, &large)?,
            };
            Ok((key, found))
        };
        let found: Result<BTreeMap<_, _>> = layers.into_par_iter().map(search).collect();
        found.map(Self)
    }

    /// What stands in a layer of the image with this number.
    pub(super) fn of(&self, image: usize, layer: &Layer) -> impl Iterator<Item = &Hit> {
        self.0.get(&key(image, layer)).into_iter().flatten()
    }
}

/// Tells layers apart.
pub(super) fn key(image: usize, layer: &Layer) -> String {
    let known = layer.digest.as_ref().or(layer.diff_id.as_ref());
    known.map_or_else(|| format!("{image}/{}", layer.index), ToString::to_string)
}

/// The values that stand anywhere in a layer.
pub(super) fn in_one(needles: &Needles, layer: &Layer, limits: &Limits) -> Result<BTreeSet<usize>> {
    let found = in_layer(needles, layer, limits, &Mutex::new(()))?;
    Ok(found.into_iter().map(|(_, needle)| needle).collect())
}

fn in_layer(needles: &Needles, layer: &Layer, limits: &Limits, large: &Mutex<()>) -> Result<BTreeSet<Hit>> {
    let kind = layer.media_type.as_deref().unwrap_or_default();
    let is_elsewhere = layer.is_foreign || kind.contains(".nondistributable.") || kind.contains(".foreign.");
    let found = if kind.ends_with("+encrypted") {
        as_stored(needles, layer).map(|has| has.into_iter().map(|needle| (Place::Stored, needle)).collect())
    } else {
        in_archive(needles, layer, limits, large)
    };
    match found {
        // its bytes may lie on another host
        Err(_) if is_elsewhere => Ok(BTreeSet::new()),
        found => found,
    }
}

/// What stands in the blob as it is stored.
fn as_stored(needles: &Needles, layer: &Layer) -> Result<BTreeSet<usize>> {
    let mut found = BTreeSet::new();
    let mut stored = Searching::new(layer.blob.open()?, needles, |_, _, needle| {
        found.insert(needle);
    });
    io::copy(&mut stored, &mut io::sink()).map_err(|e| wrong(layer, e))?;
    stored.look();
    drop(stored);
    Ok(found)
}

fn wrong(layer: &Layer, error: io::Error) -> Error {
    Error::io(format!("cannot read layer {}", layer.index), error)
}

fn in_archive(needles: &Needles, layer: &Layer, limits: &Limits, large: &Mutex<()>) -> Result<BTreeSet<Hit>> {
    let wrong = |e: io::Error| wrong(layer, e);
    let unreadable =
        |error: &TarError| Error::new(ErrorKind::Malformed, format!("layer {} cannot be read: {error}", layer.index));
    let blob: &dyn Blob = &*layer.blob;
    let mut hits = BTreeSet::new();
    let decoder = decode::open(blob.open()?, limits).map_err(wrong)?;
    if decoder.compression() != Compression::None {
        // what stands beside the compressed data
        hits.extend(as_stored(needles, layer)?.into_iter().map(|needle| (Place::Stored, needle)));
    }
    // names, contents, and what follows the end of the archive, as they pass; meanwhile what is packed in its files
    let places = RefCell::new(Places::default());
    let mut archive = Searching::new(decoder, needles, |from, to, needle| places.borrow_mut().add(from, to, needle));
    let mut members = TarReader::new(&mut archive, limits);
    while let Some(entry) = members.next().map_err(|error| unreadable(&error))? {
        let number = places.borrow_mut().begin(members.offset(), members.stored(), members.shared());
        if entry.is_file() && members.stored() > 0 && entry.size <= LARGEST {
            for (inside, needle) in in_file(needles, &entry.path, entry.size, &mut members, large).map_err(wrong)? {
                places.borrow_mut().keep(Place::Inside(number, inside), needle);
            }
        }
    }
    if let Some(error) = members.finish().error {
        return Err(unreadable(&error));
    }
    archive.look();
    drop(archive);
    let found = places.into_inner().finish().ok_or_else(|| {
        let what = format!("what is taken out stands in more than {MOST_PLACES} places of layer {}", layer.index);
        Error::new(ErrorKind::Limit, what).help("`--only`, `--skip` and `[fix] keep` of a policy leave some of it out")
    })?;
    hits.extend(found);
    // a value that the archive has may show in the compressed data, too: it stands there for no other reason
    let explained: BTreeSet<usize> =
        hits.iter().filter(|(place, _)| *place != Place::Stored).map(|(_, needle)| *needle).collect();
    hits.retain(|(place, needle)| *place != Place::Stored || !explained.contains(needle));
    Ok(hits)
}

/// What stands in the files that the current member holds.
fn in_file<R: Read>(
    needles: &Needles,
    path: &ImagePath,
    size: u64,
    members: &mut TarReader<R>,
    large: &Mutex<()>,
) -> io::Result<BTreeSet<(Vec<u8>, usize)>> {
    let mut bytes = Vec::new();
    Read::take(&mut *members, HEAD).read_to_end(&mut bytes)?;
    if !may_hold_files(&bytes) {
        return Ok(BTreeSet::new());
    }
    // what one thread holds, the others need not hold too
    let _turn = (size > LARGE).then(|| large.lock().unwrap_or_else(PoisonError::into_inner));
    bytes.reserve_exact(usize::try_from(size.saturating_sub(HEAD)).unwrap_or_default());
    Read::take(&mut *members, LARGEST).read_to_end(&mut bytes)?;
    Ok(needles.in_files_of(path, &bytes))
}

/// Where values stand in an archive, by its members, while it passes.
#[derive(Default)]
struct Places {
    /// Of the content of each member: first byte and the one behind the last.
    bounds: Vec<(u64, u64)>,
    /// The same of headers that belong to no member.
    shared: Vec<(u64, u64)>,
    /// What stands behind the last member that is known.
    pending: BTreeSet<(u64, u64, usize)>,
    hits: BTreeSet<Hit>,
    /// Kept places in the content of members.
    counts: HashMap<u32, usize>,
    /// Members that have a value.
    known: HashSet<(u32, usize)>,
    is_over: bool,
}

impl Places {
    /// A member begins: its number. `start` is the first byte of its content.
    fn begin(&mut self, start: u64, stored: u64, shared: &[(u64, u64)]) -> u32 {
        let number = u32::try_from(self.bounds.len()).unwrap_or(u32::MAX);
        self.bounds.push((start, start.saturating_add(stored)));
        self.shared.extend(shared);
        let rest = self.pending.split_off(&(self.end(), 0, 0));
        for (from, to, needle) in std::mem::replace(&mut self.pending, rest) {
            self.resolve(from, to, needle);
        }
        number
    }

    /// The end of the last member, its padding counted.
    fn end(&self) -> u64 {
        self.bounds.last().map_or(0, |(_, stop)| stop.next_multiple_of(BLOCK))
    }

    fn add(&mut self, from: u64, to: u64, needle: usize) {
        if from < self.end() {
            self.resolve(from, to, needle);
        } else {
            self.pending.insert((from, to, needle));
        }
    }

    fn resolve(&mut self, start: u64, end: u64, needle: usize) {
        let behind = self.bounds.partition_point(|(begin, _)| *begin <= start);
        let number = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        let own = behind.checked_sub(1).and_then(|place| Some((place, self.bounds.get(place)?)));
        let is_shared = || {
            let before = self.shared.partition_point(|(begin, _)| *begin <= start);
            before.checked_sub(1).and_then(|place| self.shared.get(place)).is_some_and(|(_, stop)| start < *stop)
        };
        let place = match own {
            Some((place, (begin, stop))) if start < *stop => {
                Place::Content(number(place), start.saturating_sub(*begin), end.saturating_sub(*begin))
            }
            Some((place, (_, stop))) if end <= stop.next_multiple_of(BLOCK) => Place::Padding(number(place)),
            _ if behind >= self.bounds.len() => Place::Beside,
            _ if is_shared() => Place::Shared(number(behind)),
            _ => Place::Head(number(behind)),
        };
        self.keep(place, needle);
    }

    fn keep(&mut self, place: Place, needle: usize) {
        if let Place::Content(member, ..) = place {
            let is_first = self.known.insert((member, needle));
            let count = self.counts.entry(member).or_default();
            if !is_first && (*count >= MOST_OF_MEMBER || self.hits.len() >= MOST_HITS) {
                return;
            }
            *count = count.saturating_add(1);
        }
        if self.hits.len() < MOST_PLACES {
            self.hits.insert((place, needle));
        } else {
            self.is_over = true;
        }
    }

    /// All of them; nothing if there are too many.
    fn finish(mut self) -> Option<BTreeSet<Hit>> {
        for (from, to, needle) in std::mem::take(&mut self.pending) {
            self.resolve(from, to, needle);
        }
        (!self.is_over).then_some(self.hits)
    }
}

/// Looks for values in what passes through, and says where each stands: first byte, the one behind the last, and the value. What
/// two windows share is told twice.
struct Searching<'n, R, F> {
    inner: R,
    needles: &'n Needles,
    /// What was not looked at, and before it what the next window shares with the last.
    window: Vec<u8>,
    /// Bytes that passed before the window.
    passed: u64,
    found: F,
}

impl<'n, R: Read, F: FnMut(u64, u64, usize)> Searching<'n, R, F> {
    fn new(inner: R, needles: &'n Needles, found: F) -> Self {
        Self { inner, needles, window: Vec::new(), passed: 0, found }
    }

    /// Looks at what is left.
    fn look(&mut self) {
        let Self { needles, window, passed, found, .. } = self;
        needles.in_bytes(window, &mut |needle, span| {
            let at = |offset: usize| passed.saturating_add(offset as u64);
            found(at(span.start), at(span.end), needle);
        });
        let cut = window.len().saturating_sub(needles.overlap());
        window.drain(..cut);
        *passed = passed.saturating_add(cut as u64);
    }
}

impl<R: Read, F: FnMut(u64, u64, usize)> Read for Searching<'_, R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // whoever reads a large file at once would have its bytes held here, too
        let most = buffer.len().min(WINDOW);
        let buffer = buffer.get_mut(..most).unwrap_or_default();
        let count = self.inner.read(buffer)?;
        self.window.extend_from_slice(buffer.get(..count).unwrap_or_default());
        if self.window.len() >= WINDOW {
            self.look();
        }
        Ok(count)
    }
}

/// Looks at every text of a document, keys too: the pointer (RFC 6901) of each that holds a value, and the value.
pub(super) fn in_texts(needles: &Needles, document: &Value, found: &mut dyn FnMut(&str, usize)) {
    texts(needles, document, "", found);
}

fn texts(needles: &Needles, value: &Value, pointer: &str, found: &mut dyn FnMut(&str, usize)) {
    match value {
        Value::String(text) => needles.in_bytes(text.as_bytes(), &mut |needle, _| found(pointer, needle)),
        Value::Array(list) => {
            for (place, entry) in list.iter().enumerate() {
                texts(needles, entry, &format!("{pointer}/{place}"), found);
            }
        }
        Value::Object(object) => {
            for (key, entry) in object {
                let mut name = pointer_part(key);
                needles.in_bytes(key.as_bytes(), &mut |needle, _| {
                    found(&format!("{pointer}/{NAMELESS}"), needle);
                });
                if needles.are_in(key.as_bytes()) {
                    NAMELESS.clone_into(&mut name);
                }
                texts(needles, entry, &format!("{pointer}/{name}"), found);
            }
        }
        _ => {}
    }
}

/// Where a value stands that a document has, and none of its texts: of a key that stands twice the last counts.
pub(super) const REPEATED: &str = "a key that stands twice";

/// The values that a document has where none of its texts says them: below a key that stands once more, in numbers, or beside
/// its texts where these have none.
pub(super) fn beside_texts(needles: &Needles, bytes: &[u8]) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    if needles.is_empty() {
        return found;
    }
    if let Ok(raw) = serde_json::from_slice::<Raw>(bytes) {
        raw.search(needles, false, &mut found);
    }
    let mut is_text = false;
    let document = serde_json::from_slice(bytes).unwrap_or_default();
    in_texts(needles, &document, &mut |_, _| is_text = true);
    if !is_text {
        needles.in_bytes(bytes, &mut |needle, _| {
            found.insert(needle);
        });
    }
    found
}

/// A document with all that its keys say, however often each stands.
enum Raw {
    Text(String),
    Number(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
    Nothing,
}

impl Raw {
    fn search(&self, needles: &Needles, is_hidden: bool, found: &mut BTreeSet<usize>) {
        let mut look = |text: &str| {
            needles.in_bytes(text.as_bytes(), &mut |needle, _| {
                found.insert(needle);
            });
        };
        match self {
            Self::Text(text) if is_hidden => look(text),
            Self::Number(text) => look(text),
            Self::List(list) => list.iter().for_each(|entry| entry.search(needles, is_hidden, found)),
            Self::Object(entries) => {
                let last: BTreeMap<&str, usize> =
                    entries.iter().enumerate().map(|(place, (key, _))| (key.as_str(), place)).collect();
                for (place, (key, entry)) in entries.iter().enumerate() {
                    let is_hidden = is_hidden || last.get(key.as_str()) != Some(&place);
                    if is_hidden {
                        needles.in_bytes(key.as_bytes(), &mut |needle, _| {
                            found.insert(needle);
                        });
                    }
                    entry.search(needles, is_hidden, found);
                }
            }
            Self::Text(_) | Self::Nothing => {}
        }
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(OfRaw)
    }
}

struct OfRaw;

impl<'de> Visitor<'de> for OfRaw {
    type Value = Raw;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a document")
    }

    fn visit_unit<E>(self) -> std::result::Result<Raw, E> {
        Ok(Raw::Nothing)
    }

    fn visit_bool<E>(self, _: bool) -> std::result::Result<Raw, E> {
        Ok(Raw::Nothing)
    }

    fn visit_u64<E>(self, number: u64) -> std::result::Result<Raw, E> {
        Ok(Raw::Number(number.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> std::result::Result<Raw, E> {
        Ok(Raw::Number(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> std::result::Result<Raw, E> {
        Ok(Raw::Number(number.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> std::result::Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> std::result::Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element()? {
            list.push(entry);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> std::result::Result<Raw, A::Error> {
        let mut object = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            object.push(entry);
        }
        Ok(Raw::Object(object))
    }
}

/// How a person is told of a text of a manifest, an index or `manifest.json`: an annotation by its key, all else by the
/// names of its fields, whatever its place in lists is.
pub(super) fn place(pointer: &str) -> String {
    let parts: Vec<String> = pointer.split('/').skip(1).map(pointer_key).collect();
    let shown = match parts.as_slice() {
        [list, _, holder, key] if list == "layers" && holder == "annotations" => format!("annotation {key} of a layer"),
        [of, holder, key] if of == "config" && holder == "annotations" => {
            format!("annotation {key} of the configuration")
        }
        [.., holder, key] if holder == "annotations" => format!("annotation {key}"),
        parts => {
            let names = parts.iter().filter(|part| part.parse::<u32>().is_err());
            format!("field {}", names.map(String::as_str).collect::<Vec<_>>().join("."))
        }
    };
    masked_path(&escape(shown))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, layered};
    use super::*;
    use crate::format::decompress::crc32;
    use crate::rebuild::layer::testing::Archive;

    #[test]
    fn a_value_is_found_in_each_place_of_a_layer() {
        let value = ["kQ7vT2xw", "Zm9Lp4"].concat();
        let needles = Needles::new([value.as_bytes()]).expect("few");
        let inner = Archive::default().file("in/a.conf", format!("a = {value}\n").as_bytes()).end();
        let blob = Archive::default()
            .file("srv/plain", format!("x\n{value}").as_bytes())
            .file("srv/other", b"nothing")
            .file(&format!("srv/{value}"), b"named")
            .file("srv/a.tar", &inner)
            .end();
        let layer = |blob: Vec<u8>| Layer {
            index: 0,
            media_type: None,
            digest: None,
            size: None,
            diff_id: None,
            history: None,
            is_foreign: false,
            blob: std::sync::Arc::new(blob),
        };
        let limits = Limits::default();
        let found = |layer: &Layer| -> Vec<Place> {
            let hits = in_layer(&needles, layer, &limits, &Mutex::new(())).expect("can be read");
            hits.into_iter().map(|(place, _)| place).collect()
        };
        let inside = Place::Inside(3, b"in/a.conf".to_vec());
        // many places, and one behind them
        let many = format!("{value}\n").repeat(110_000);
        let crowded = Archive::default().file("a", many.as_bytes()).file("b", value.as_bytes()).end();
        let places = found(&layer(crowded));
        assert_eq!(places.last(), Some(&Place::Content(1, 0, value.len() as u64)));
        assert_eq!(places.len(), MOST_OF_MEMBER + 1);
        // the archive lies in the layer uncompressed, so that the value stands in its own bytes too
        let places = found(&layer(blob.clone()));
        assert_eq!(places.len(), 4, "{places:?}");
        assert!(places.contains(&Place::Content(0, 2, 16)) && places.contains(&Place::Head(2)), "{places:?}");
        assert!(places.contains(&inside), "{places:?}");
        // a gzip file of one block that is stored as it is (RFC 1952, RFC 1951)
        let zipped = |name: &str, bytes: &[u8]| {
            let size = u16::try_from(bytes.len()).expect("small");
            let tail = [crc32(bytes).to_le_bytes(), u32::from(size).to_le_bytes()].concat();
            let block = [&[1][..], &size.to_le_bytes(), &(!size).to_le_bytes(), bytes].concat();
            [&b"\x1f\x8b\x08\x08\0\0\0\0\0\x03"[..], name.as_bytes(), b"\0", &block, &tail].concat()
        };
        let clean = Archive::default().file("a", b"b").end();
        assert_eq!(found(&layer(zipped(&value, &clean))), [Place::Stored]);
        // the compressed data show what the archive has
        assert_eq!(found(&layer(zipped("a", &blob))), places);
        let packed = Archive::default().file("srv/a.gz", &zipped("a", value.as_bytes())).end();
        assert!(found(&layer(packed)).contains(&Place::Inside(0, b"a".to_vec())));
        let mut padded = Archive::default().file("a", b"b").file("c", b"d").end();
        padded[600..600 + value.len()].copy_from_slice(value.as_bytes());
        assert_eq!(found(&layer(padded)), [Place::Padding(0)]);
        let behind = [Archive::default().file("a", b"b").end(), value.as_bytes().to_vec()].concat();
        assert_eq!(found(&layer(behind)), [Place::Beside]);
        let tree = layered(vec![vec![file(&format!("srv/{value}"), 5), file("srv/x", 5)]]).tree;
        assert_eq!(Place::Head(0).shown(&needles, &tree, 0), NAMELESS);
        assert_eq!(Place::Inside(1, b"b/c".to_vec()).shown(&needles, &tree, 0), "/srv/x!b/c");
    }

    #[test]
    fn no_more_than_a_window_is_held_of_what_is_read_at_once() {
        let needles = Needles::new([["kQ7vT2xw", "Zm9Lp4"].concat().as_bytes()]).expect("few");
        let bytes = vec![b'a'; 8 * WINDOW];
        let mut searching = Searching::new(bytes.as_slice(), &needles, |_, _, _| {});
        let mut all = vec![0; bytes.len()];
        let (mut read, mut held) = (0, 0);
        while read < all.len() {
            read += searching.read(&mut all[read..]).expect("bytes");
            held = held.max(searching.window.capacity());
        }
        assert!(all == bytes && held <= 4 * WINDOW, "{held}");
    }

    #[test]
    fn texts_of_documents_are_named_by_their_place() {
        let value = ["kQ7vT2xw", "Zm9Lp4"].concat();
        let needles = Needles::new([value.as_bytes()]).expect("few");
        let text =
            format!(r#"{{"config":{{"Cmd":["a","b {value}"],"Labels":{{"k/l":"{value}","{value}":"{value}"}}}}}}"#);
        let mut found = BTreeSet::new();
        in_texts(&needles, &serde_json::from_str(&text).expect("JSON"), &mut |pointer, _| {
            found.insert(pointer.to_owned());
        });
        let found: Vec<String> = found.into_iter().collect();
        let nameless = format!("/config/Labels/{NAMELESS}");
        assert_eq!(found, ["/config/Cmd/1", &nameless, "/config/Labels/k~1l"]);
        let number = "8273645182";
        let needles = Needles::new([value.as_bytes(), number.as_bytes()]).expect("few");
        let beside = |text: &str| beside_texts(&needles, text.as_bytes()).into_iter().collect::<Vec<usize>>();
        assert_eq!(beside(&format!(r#"{{"a":"{value}","b":"x"}}"#)), [0; 0]);
        assert_eq!(beside(&format!(r#"{{"a":"{value}","b":["{value}"],"a":"x"}}"#)), [0]);
        assert_eq!(beside(&format!(r#"{{"c":{{"a":{{"{value}":"y"}},"a":{{"b":1}}}}}}"#)), [0]);
        assert_eq!(beside(&format!(r#"{{"a":"{value}","b":{number}}}"#)), [1]);
        assert_eq!(place("/manifests/0/annotations/a~1b"), "annotation a/b");
        assert_eq!(place("/layers/0/annotations/a~1b"), "annotation a/b of a layer");
        assert_eq!(place("/0/RepoTags/1"), "field RepoTags");
        assert_eq!(place("/manifests/0/urls/3"), "field manifests.urls");
    }

    #[test]
    fn what_is_packed_alone_goes_by_the_name_of_its_file() {
        let heir = |inside: &[u8]| {
            let place = Place::Inside(1, inside.to_vec());
            match place.of_heir(2, &"srv/a.tar.gz".into(), &"opt/b.dat".into()) {
                Some(Place::Inside(2, inside)) => String::from_utf8(inside).expect("UTF-8"),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(heir(b"a.tar"), "b.dat");
        assert_eq!(heir(b"srv/x!y"), "srv/x!y");
        let head = Place::Head(1).of_heir(2, &"a".into(), &"b".into());
        assert_eq!(head, Some(Place::Head(2)));
    }
}
