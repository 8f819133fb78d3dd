//! The pass: every layer read once, in parallel.
//!
//! A reader is a thread that decodes one layer, hashes it and walks its members; it may wait, for
//! input and for the byte budget. It hands the bytes that some collector selects to tasks of a
//! thread pool, small files in batches. Nothing is written to disk.

mod batch;
mod budget;
mod buffer;
mod compression;
pub mod decode;
mod layer;
mod pool;
pub mod tar;

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::collect::{Collector, FactOf, Mask, Selectors};
use crate::digest::{Algorithm, Digest, HashingReader};
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::image::Layer;
use crate::limit::Limits;
use crate::limitation::Limitation;
use crate::path::ImagePath;
use crate::tree::{Members, Node};

use budget::Budget;
use pool::{Memory, Pool};

pub use decode::Compression;

/// Opens whatever compression `reader` has, or none; for archives that are compressed as a whole.
pub fn decompress(reader: Box<dyn Read + Send>, limits: &Limits) -> Result<Box<dyn Read + Send>> {
    let decoder =
        decode::open(reader, limits).map_err(|e| Error::malformed("cannot decompress the archive").because(e))?;
    Ok(Box::new(decoder))
}

/// Told how far a pass has come.
pub trait Progress: Sync {
    /// So many bytes of layers, as stored, were read.
    fn bytes(&self, count: u64);

    /// A layer was read to its end.
    fn layer_done(&self);
}

/// Nobody watches.
impl Progress for () {
    fn bytes(&self, _count: u64) {}
    fn layer_done(&self) {}
}

/// What was learned of one layer.
#[derive(Debug, Clone, Default)]
pub struct LayerFacts {
    /// Its members.
    pub entries: Members,
    /// For each member the collectors that have seen its bytes.
    pub seen: Vec<Mask>,
    /// What collectors learned.
    pub facts: Vec<FactOf>,
    /// Digest of the blob, if it was read to its end.
    pub digest: Option<Digest>,
    /// Digest of the uncompressed tar, if it was read to its end.
    pub diff_id: Option<Digest>,
    /// How the blob is compressed, if it could be read.
    pub compression: Option<Compression>,
    /// Bytes of the blob.
    pub stored: u64,
    /// Bytes of the uncompressed tar.
    pub expanded: u64,
    /// What was not read, places without the layer.
    pub limitations: Vec<Limitation>,
}

/// What passes with the same collectors and limits know of layers, by the digests of their blobs: a later one does not decode
/// again what an earlier one read whole.
#[derive(Debug, Default)]
pub struct Known(Mutex<HashMap<Digest, LayerFacts>>);

/// Facts kept of one file that comes in windows: as many as packages of any other.
const FACTS_OF_WINDOWS: usize = 100_000;

/// Reads layers for a set of collectors.
pub struct Pass<'a> {
    collectors: &'a [&'static dyn Collector],
    selectors: &'a Selectors,
    limits: &'a Limits,
    progress: &'a dyn Progress,
    known: Option<&'a Known>,
    budget: Budget,
    pool: rayon::ThreadPool,
    jobs: usize,
    /// Members and expanded bytes of all layers so far.
    entries: AtomicU64,
    expanded: AtomicU64,
    /// Bytes decompressed of all layers so far.
    decoded: AtomicU64,
    /// Facts of all layers so far.
    facts: AtomicUsize,
    /// Facts of each file that came in windows so far: no window knows of the others.
    of_windows: Mutex<HashMap<Node, usize>>,
    /// Memory between two uses.
    memory: Pool,
}

/// Digests to compute of a layer, and to compare with where they are stated.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stated<'a> {
    /// Of the blob.
    pub digest: Option<&'a Digest>,
    /// Bytes of the blob.
    pub size: Option<u64>,
    /// Of the uncompressed tar.
    pub diff_id: Option<&'a Digest>,
    /// Of the blob.
    pub media_type: Option<&'a str>,
}

impl<'a> Stated<'a> {
    /// What the documents state of `layer`.
    pub fn of(layer: &'a Layer) -> Self {
        Self {
            digest: layer.digest.as_ref(),
            size: layer.size,
            diff_id: layer.diff_id.as_ref(),
            media_type: layer.media_type.as_deref(),
        }
    }
}

/// Members a second look wants, by their index: who wants them, and under which name.
pub type Wanted = HashMap<u32, (Mask, ImagePath)>;

/// Codes of what [`LayerFacts::verify`] finds of a layer that is not what the image says of it.
pub const DAMAGED: [&str; 3] = ["layer-digest-mismatch", "layer-size-mismatch", "layer-diff-id-mismatch"];

/// Whether [`LayerFacts::verify`] finds such a thing, which hangs on what is stated.
fn is_of_statement(limitation: &Limitation) -> bool {
    DAMAGED.contains(&limitation.code) || ["layer-digest-not-checked", "media-type-differs"].contains(&limitation.code)
}

/// More readers than this would hold more memory than they save time.
const MOST_READERS: usize = 32;

impl<'a> Pass<'a> {
    /// A pass with `jobs` readers at most, and as many threads for collectors.
    pub fn new(
        collectors: &'a [&'static dyn Collector],
        selectors: &'a Selectors,
        limits: &'a Limits,
        jobs: usize,
        progress: &'a dyn Progress,
    ) -> Result<Self> {
        let jobs = jobs.clamp(1, MOST_READERS);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(jobs)
            .thread_name(|index| format!("collect-{index}"))
            .build()
            .map_err(|e| Error::new(ErrorKind::Io, "cannot start threads").because(e))?;
        Ok(Self {
            collectors,
            selectors,
            limits,
            progress,
            known: None,
            budget: Budget::new(limits.budget),
            pool,
            jobs,
            entries: AtomicU64::new(0),
            expanded: AtomicU64::new(0),
            decoded: AtomicU64::new(0),
            facts: AtomicUsize::new(0),
            of_windows: Mutex::default(),
            memory: Pool::default(),
        })
    }

    /// Takes what `known` has of a layer whose blob still has its digest, and adds what is read.
    #[must_use]
    pub fn knowing(mut self, known: Option<&'a Known>) -> Self {
        self.known = known;
        self
    }

    /// Whether so many facts more of a file that comes in windows are too many, and if so, whether for the first time.
    fn beyond_windows(&self, node: Node, count: usize) -> Option<bool> {
        if count == 0 {
            return None;
        }
        let mut known = self.of_windows.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.entry(node).or_default();
        let was_beyond = *known > FACTS_OF_WINDOWS;
        *known = known.saturating_add(count);
        (*known > FACTS_OF_WINDOWS).then_some(!was_beyond)
    }

    /// Reads all layers of an image, the largest first, the same blob once.
    pub fn read(&self, layers: &[Layer]) -> Vec<LayerFacts> {
        let (first_of, mut queue) = distinct(layers);
        queue.sort_by_key(|index| std::cmp::Reverse(layers[*index].blob.size()));
        let mut read = self.in_parallel(&queue, |reading, index| {
            let layer = &layers[index];
            if let Some(known) = self.known_of(layer) {
                return reading.sinks.with(index, |facts| *facts = known);
            }
            match layer.blob.open() {
                Ok(mut blob) => reading.layer(index, &mut *blob, &Stated::of(layer)),
                Err(error) => reading.fail(index, &error),
            }
        });
        if let Some(known) = self.known {
            known.learn(read.values());
        }
        let mut facts = Vec::with_capacity(layers.len());
        for (index, first) in first_of.iter().enumerate() {
            let is_last_use = !first_of[index + 1..].contains(first);
            let is_first_use = *first == index;
            if !is_first_use && let Some(repeated) = read.get_mut(first) {
                self.count_again(repeated);
            }
            let of_layer = if is_last_use { read.remove(first) } else { read.get(first).cloned() };
            let mut of_layer = of_layer.unwrap_or_default();
            if !is_first_use {
                // the same bytes may be stated differently
                of_layer.limitations.retain(|limitation| !is_of_statement(limitation));
                of_layer.verify(&Stated::of(&layers[index]));
            }
            facts.push(of_layer.of_layer(index));
        }
        // what comes next needs memory of its own
        self.memory.clear();
        facts
    }

    /// Reads again from `layers` the members that some collector has not seen: `wanted` by layer.
    pub fn read_again(&self, layers: &[Layer], wanted: &HashMap<usize, Wanted>) -> Vec<(usize, LayerFacts)> {
        let mut queue: Vec<usize> = wanted.keys().copied().collect();
        queue.sort_unstable();
        let read = self.in_parallel(&queue, |reading, index| {
            let Some((layer, wanted)) = layers.get(index).zip(wanted.get(&index)) else { return };
            match layer.blob.open() {
                Ok(mut blob) => reading.members(index, &mut *blob, wanted),
                Err(error) => reading.fail(index, &error),
            }
        });
        read.into_iter().map(|(index, facts)| (index, facts.of_layer(index))).collect()
    }

    /// Runs `source` with a reading to which it hands layers one after the other, each under a number of its own.
    pub fn read_stream<T>(
        &self,
        source: impl FnOnce(&mut dyn FnMut(usize, &mut dyn Read)) -> T,
    ) -> (T, std::collections::BTreeMap<usize, LayerFacts>) {
        let sinks = Sinks::default();
        let result = self.pool.in_place_scope(|scope| {
            let reading = layer::Reading { pass: self, scope, sinks: &sinks };
            source(&mut |number, blob| {
                reading.guarded(number, |reading| reading.layer(number, blob, &Stated::default()));
            })
        });
        self.memory.clear();
        (result, sinks.into_facts())
    }

    /// As [`read_again`](Self::read_again), for a stream whose layers come by number.
    pub fn read_stream_again<T>(
        &self,
        wanted: &HashMap<usize, Wanted>,
        source: impl FnOnce(&mut dyn FnMut(usize, &mut dyn Read)) -> T,
    ) -> (T, std::collections::BTreeMap<usize, LayerFacts>) {
        let sinks = Sinks::default();
        let result = self.pool.in_place_scope(|scope| {
            let reading = layer::Reading { pass: self, scope, sinks: &sinks };
            source(&mut |number, blob| {
                if let Some(wanted) = wanted.get(&number) {
                    reading.guarded(number, |reading| reading.members(number, blob, wanted));
                }
            })
        });
        (result, sinks.into_facts())
    }

    fn in_parallel(
        &self,
        queue: &[usize],
        read: impl Fn(&layer::Reading<'_, '_>, usize) + Sync,
    ) -> std::collections::BTreeMap<usize, LayerFacts> {
        let sinks = Sinks::default();
        let next = AtomicUsize::new(0);
        self.pool.in_place_scope(|scope| {
            let work = || {
                while let Some(index) = queue.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let reading = layer::Reading { pass: self, scope, sinks: &sinks };
                    reading.guarded(*index, |reading| read(reading, *index));
                }
            };
            std::thread::scope(|threads| {
                // this thread is one of the readers, so that there is one even if no other can be started
                for _ in 1..self.jobs.min(queue.len()) {
                    if std::thread::Builder::new().spawn_scoped(threads, work).is_err() {
                        break;
                    }
                }
                work();
            });
        });
        sinks.into_facts()
    }

    /// What is known of a layer, if its blob is what its digest says: that is checked each time.
    fn known_of(&self, layer: &Layer) -> Option<LayerFacts> {
        let stated = Stated::of(layer);
        // a plain layer of an archive is its own diff ID
        let digest = stated.digest.or(stated.diff_id)?;
        let mut facts = self.known?.of(digest)?;
        let blob = HashingReader::new(layer.blob.open().ok()?, digest.algorithm());
        if blob.finish_all().ok()? != (digest.clone(), facts.stored) {
            return None;
        }
        self.count_again(&mut facts);
        facts.verify(&stated);
        self.progress.bytes(facts.stored);
        self.progress.layer_done();
        Some(facts)
    }

    /// Counts what is known of a layer for one more use of it; beyond the limits it is forgotten, for
    /// all further uses too.
    fn count_again(&self, repeated: &mut LayerFacts) {
        let entries = repeated.entries.len() as u64;
        let entries = self.entries.fetch_add(entries, Ordering::Relaxed).saturating_add(entries);
        let facts = repeated.facts.len();
        let facts = self.facts.fetch_add(facts, Ordering::Relaxed).saturating_add(facts);
        let has_any = !repeated.entries.is_empty() || !repeated.facts.is_empty();
        if has_any && (entries > self.limits.entries || facts > self.limits.facts) {
            repeated.entries = Members::default();
            repeated.seen.clear();
            repeated.facts.clear();
            let what = format!(
                "the image has more than {} files, or too many facts about them, by repeating a layer; this repetition was left out",
                self.limits.entries
            );
            repeated.limitations.push(
                Limitation::gap("too-many-files", "", what)
                    .help("raise the limit if you trust the image: `--limit entries=N`"),
            );
        }
    }

    /// Empty memory for `size` bytes; what is used is taken from the budget before, or soon.
    fn memory(&self, size: usize) -> Memory {
        self.memory.take(size, self.budget.spare())
    }

    /// Takes memory back, for its next use; what it held is given back to the budget before.
    fn recycle(&self, memory: Memory) {
        self.memory.give(memory, self.budget.spare());
    }
}

impl Known {
    fn of(&self, blob: &Digest) -> Option<LayerFacts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(blob).cloned()
    }

    /// Forgets everything.
    pub fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Adds a layer of which every member is, to the bit, a member of the layer `of`: `kept` names these, in order. `facts` are
    /// what was read of the layer itself. What was learned of those members stands; nothing is added where something was learned
    /// that may be of another member.
    pub fn derive(&self, of: &Digest, mut facts: LayerFacts, kept: &[u32]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(digest), Some(old)) = (facts.digest.clone(), known.get(of)) else { return };
        let is_sound =
            kept.len() == facts.entries.len() && kept.is_sorted_by(|a, b| a < b) && facts.limitations.is_empty();
        let names: HashSet<String> = facts.entries.iter().map(|entry| entry.path.to_string()).collect();
        if !is_sound || !old.limitations.iter().all(|told| names.contains(told.place.as_str())) {
            return;
        }
        let place_of = |node: Node| u32::try_from(kept.binary_search(&node.member).ok()?).ok();
        let seen = kept.iter().map(|member| old.seen.get(*member as usize).copied());
        let Some(seen) = seen.collect::<Option<Vec<Mask>>>() else { return };
        let own = old.facts.iter().filter_map(|fact| {
            let node = Node { member: place_of(fact.node)?, ..fact.node };
            Some(FactOf { node, ..fact.clone() })
        });
        (facts.seen, facts.facts) = (seen, own.collect());
        facts.limitations.clone_from(&old.limitations);
        known.insert(digest, facts);
    }

    /// Adds layers that were read without a gap.
    fn learn<'f>(&self, read: impl Iterator<Item = &'f LayerFacts>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for facts in read.filter(|facts| facts.diff_id.is_some() && facts.limitations.iter().all(|one| !one.is_gap)) {
            let Some(digest) = facts.digest.clone() else { continue };
            known.entry(digest).or_insert_with(|| {
                let mut facts = facts.clone();
                // the same bytes may be stated differently
                facts.limitations.retain(|limitation| !is_of_statement(limitation));
                facts
            });
        }
    }
}

impl LayerFacts {
    /// Says of which layer this is: in nodes, and in places of limitations.
    #[must_use]
    pub fn of_layer(mut self, index: usize) -> Self {
        let layer = u32::try_from(index).unwrap_or(u32::MAX);
        for fact in &mut self.facts {
            fact.node = Node { layer, ..fact.node };
        }
        for limitation in &mut self.limitations {
            let place = format!("layer {index} {}", limitation.place);
            limitation.place = place.trim_end().into();
        }
        self
    }

    /// Says when a media type names another compression than the blob has, or none that is known.
    fn verify_media_type(&mut self, media_type: &str) {
        let Some(compression) = self.compression else { return };
        let stated = match media_type.rsplit_once(['+', '.']).map(|(_, end)| end) {
            Some("gzip") => Some(Compression::Gzip),
            Some("zstd") => Some(Compression::Zstd),
            Some("tar") => Some(Compression::None),
            _ => None,
        };
        if stated != Some(compression) {
            let what = format!("the media type is `{}`, the compression is {}", escape(media_type), compression.name());
            self.limitations.push(Limitation::note("media-type-differs", "", what));
        }
    }

    /// Compares what was computed with what is stated; each difference is a limitation.
    ///
    /// A stream's layers are hashed before anything is known of them, with SHA-256. A digest by
    /// another algorithm cannot be compared then; it is a gap unless the other digest was.
    pub fn verify(&mut self, stated: &Stated<'_>) {
        if let Some(media_type) = stated.media_type {
            self.verify_media_type(media_type);
        }
        let help = "the image was damaged or changed on its way: fetch it again from a source you trust";
        let blob = Comparison::of(stated.digest, self.digest.as_ref());
        let tar = Comparison::of(stated.diff_id, self.diff_id.as_ref());
        let mut not_compared = Vec::new();
        match blob {
            Comparison::Differs(stated, computed) => {
                let what = format!("the blob has the digest {}, not {} as stated", computed.short(), stated.short());
                self.limitations.push(Limitation::gap("layer-digest-mismatch", "", what).help(help));
            }
            Comparison::Impossible(stated) => not_compared.push(("digest", stated)),
            Comparison::Equal | Comparison::Nothing => {}
        }
        if let Some(size) = stated.size
            && self.digest.is_some()
            && size != self.stored
        {
            let what = format!("the blob has {} bytes, not {size} as stated", self.stored);
            self.limitations.push(Limitation::gap("layer-size-mismatch", "", what).help(help));
        }
        match tar {
            Comparison::Differs(stated, computed) => {
                let what = format!(
                    "the uncompressed layer has the digest {}, not the diff ID {} of the configuration",
                    computed.short(),
                    stated.short()
                );
                self.limitations.push(Limitation::gap("layer-diff-id-mismatch", "", what).help(help));
            }
            Comparison::Impossible(stated) => not_compared.push(("diff ID", stated)),
            Comparison::Equal | Comparison::Nothing => {}
        }
        let was_compared = [&blob, &tar].into_iter().any(|one| matches!(one, Comparison::Equal));
        let told = not_compared.into_iter().map(|(which, stated)| {
            let what = format!(
                "the layer was hashed before its {which} {} was known, by another algorithm, so that was not checked",
                stated.short()
            );
            Limitation { is_gap: !was_compared, ..Limitation::note("layer-digest-not-checked", "", what) }
                .help("save the archive to a file, uncompressed, and scan that")
        });
        self.limitations.extend(told);
    }
}

/// What comes of a stated and a computed digest.
#[derive(Clone, Copy)]
enum Comparison<'a> {
    Nothing,
    Equal,
    Differs(&'a Digest, &'a Digest),
    /// The computed one is by another algorithm.
    Impossible(&'a Digest),
}

impl<'a> Comparison<'a> {
    fn of(stated: Option<&'a Digest>, computed: Option<&'a Digest>) -> Self {
        match (stated, computed) {
            (Some(stated), Some(computed)) if stated.algorithm() != computed.algorithm() => Self::Impossible(stated),
            (Some(stated), Some(computed)) if stated != computed => Self::Differs(stated, computed),
            (Some(_), Some(_)) => Self::Equal,
            _ => Self::Nothing,
        }
    }
}

/// Which algorithm to compute so that a stated digest can be compared.
fn algorithm(stated: Option<&Digest>) -> Algorithm {
    stated.map_or(Algorithm::Sha256, Digest::algorithm)
}

/// What makes two blobs of an image the same.
#[derive(PartialEq, Eq, Hash)]
enum Same<'a> {
    Range(u64, u64),
    Digest(&'a Digest, Option<u64>),
}

/// For each layer the first one with the same blob, and the list of these first ones.
fn distinct(layers: &[Layer]) -> (Vec<usize>, Vec<usize>) {
    let mut seen: HashMap<(Same<'_>, Algorithm, Algorithm), usize> = HashMap::new();
    let mut first_of = Vec::with_capacity(layers.len());
    for (index, layer) in layers.iter().enumerate() {
        let same = match (layer.blob.identity(), &layer.digest) {
            (Some((offset, size)), _) => Some(Same::Range(offset, size)),
            (None, Some(digest)) => Some(Same::Digest(digest, layer.size)),
            (None, None) => None,
        };
        // computed digests can be compared with what each layer states if the algorithms are the same
        let first = same.map_or(index, |same| {
            let key = (same, algorithm(layer.digest.as_ref()), algorithm(layer.diff_id.as_ref()));
            *seen.entry(key).or_insert(index)
        });
        first_of.push(first);
    }
    let queue = (0..layers.len()).filter(|index| first_of[*index] == *index).collect();
    (first_of, queue)
}

/// Where readers and tasks put what they learned, by layer.
#[derive(Debug, Default)]
struct Sinks(Mutex<std::collections::BTreeMap<usize, LayerFacts>>);

impl Sinks {
    fn with(&self, layer: usize, change: impl FnOnce(&mut LayerFacts)) {
        change(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(layer).or_default());
    }

    fn into_facts(self) -> std::collections::BTreeMap<usize, LayerFacts> {
        let mut layers = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        for facts in layers.values_mut() {
            // tasks end in any order
            facts.facts.sort_by_key(|fact| fact.node);
            facts.limitations.sort();
        }
        layers
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::collect::Fact;
    use crate::image::Blob;
    use crate::tree::FileEntry;

    use super::*;

    /// Codes of limitations, and whether they are gaps.
    type Told = &'static [(&'static str, bool)];

    #[derive(Debug)]
    struct Counted {
        bytes: Vec<u8>,
        identity: Option<(u64, u64)>,
        opened: Arc<AtomicUsize>,
    }

    impl Blob for Counted {
        fn open(&self) -> Result<Box<dyn Read + Send + '_>> {
            self.opened.fetch_add(1, Ordering::Relaxed);
            Ok(Box::new(self.bytes.as_slice()))
        }

        fn size(&self) -> Option<u64> {
            Some(self.bytes.len() as u64)
        }

        fn identity(&self) -> Option<(u64, u64)> {
            self.identity
        }
    }

    #[test]
    fn a_layer_listed_often_is_read_once_and_counted_each_time() {
        let mut archive = ::tar::Builder::new(Vec::new());
        for name in ["a", "b"] {
            let mut header = ::tar::Header::new_ustar();
            header.set_size(0);
            archive.append_data(&mut header, name, &[][..]).expect("memory can be written");
        }
        let bytes = archive.into_inner().expect("memory can be written");
        let sound = Digest::sha256(&bytes);
        let other = Digest::sha256(b"other");
        let cases = [(None, 1_000_000, 400, 400), (Some((512, 9)), 1_000_000, 1, 400), (Some((512, 9)), 500, 1, 250)];
        for (identity, most, expected_opened, expected_filled) in cases {
            let opened = Arc::new(AtomicUsize::new(0));
            let layers: Vec<Layer> = (0..400)
                .map(|index| Layer {
                    index,
                    media_type: None,
                    digest: None,
                    size: None,
                    diff_id: Some(if index % 2 == 0 { sound.clone() } else { other.clone() }),
                    history: None,
                    is_foreign: false,
                    blob: Arc::new(Counted { bytes: bytes.clone(), identity, opened: Arc::clone(&opened) }),
                })
                .collect();
            let limits = Limits { entries: most, ..Limits::default() };
            let selectors = Selectors::new([]);
            let pass = Pass::new(&[], &selectors, &limits, 2, &()).expect("threads");
            let facts = pass.read(&layers);
            assert_eq!(opened.load(Ordering::Relaxed), expected_opened);
            assert_eq!(facts.iter().filter(|facts| facts.entries.len() == 2).count(), expected_filled);
            for (index, facts) in facts.iter().enumerate() {
                let codes: Vec<_> = facts.limitations.iter().map(|limitation| limitation.code).collect();
                assert_eq!(codes.contains(&"layer-diff-id-mismatch"), index % 2 == 1, "{index}");
                assert_eq!(codes.contains(&"too-many-files"), facts.entries.is_empty(), "{index}");
            }
        }
    }

    #[test]
    fn digests_by_another_algorithm_are_told_not_taken_for_wrong() {
        let digest = |algorithm, text: &str| Digest::of(algorithm, text.as_bytes());
        let right = |algorithm| Some(digest(algorithm, "right"));
        let wrong = |algorithm| Some(digest(algorithm, "wrong"));
        let (short, long) = (Algorithm::Sha256, Algorithm::Sha512);
        let cases: [(Option<Digest>, Option<Digest>, Told); 7] = [
            (right(short), right(short), &[]),
            (None, None, &[]),
            (right(long), right(short), &[("layer-digest-not-checked", false)]),
            (None, right(long), &[("layer-digest-not-checked", true)]),
            (right(long), right(long), &[("layer-digest-not-checked", true), ("layer-digest-not-checked", true)]),
            (right(long), wrong(short), &[("layer-diff-id-mismatch", true), ("layer-digest-not-checked", true)]),
            (wrong(short), right(short), &[("layer-digest-mismatch", true)]),
        ];
        for (blob, tar, expected) in cases {
            let computed = right(short);
            let mut facts = LayerFacts { digest: computed.clone(), diff_id: computed, ..LayerFacts::default() };
            facts.verify(&Stated { digest: blob.as_ref(), diff_id: tar.as_ref(), ..Stated::default() });
            let told: Vec<_> = facts.limitations.iter().map(|told| (told.code, told.is_gap)).collect();
            assert_eq!(told, expected);
        }
    }

    #[test]
    fn a_plain_layer_is_hashed_by_each_algorithm_that_is_stated() {
        let bytes = vec![0; 1024];
        let selectors = Selectors::new([]);
        let limits = Limits::default();
        for (digest, diff_id) in [
            (Algorithm::Sha256, Algorithm::Sha512),
            (Algorithm::Sha512, Algorithm::Sha256),
            (Algorithm::Sha512, Algorithm::Sha512),
        ] {
            let layers = [Layer {
                index: 0,
                media_type: None,
                digest: Some(Digest::of(digest, &bytes)),
                size: Some(1024),
                diff_id: Some(Digest::of(diff_id, &bytes)),
                history: None,
                is_foreign: false,
                blob: Arc::new(Counted { bytes: bytes.clone(), identity: None, opened: Arc::default() }),
            }];
            let facts = Pass::new(&[], &selectors, &limits, 1, &()).expect("threads").read(&layers);
            assert_eq!(facts[0].limitations, []);
            assert_eq!((&facts[0].digest, &facts[0].diff_id), (&layers[0].digest, &layers[0].diff_id));
        }
    }

    #[test]
    fn a_known_layer_is_hashed_and_not_decoded_again() {
        let mut archive = ::tar::Builder::new(Vec::new());
        let mut header = ::tar::Header::new_ustar();
        header.set_size(0);
        archive.append_data(&mut header, "a", &[][..]).expect("memory can be written");
        let bytes = archive.into_inner().expect("memory can be written");
        let digest = Digest::sha256(&bytes);
        let layer = |bytes: &[u8]| Layer {
            index: 0,
            media_type: None,
            digest: Some(digest.clone()),
            size: Some(bytes.len() as u64),
            diff_id: Some(digest.clone()),
            history: None,
            is_foreign: false,
            blob: Arc::new(Counted { bytes: bytes.to_vec(), identity: None, opened: Arc::default() }),
        };
        let (selectors, limits, known) = (Selectors::new([]), Limits::default(), Known::default());
        let read = |layers: &[Layer]| {
            let pass = Pass::new(&[], &selectors, &limits, 1, &()).expect("threads start");
            pass.knowing(Some(&known)).read(layers)
        };
        let first = read(&[layer(&bytes)]);
        assert_eq!(first[0].entries.len(), 1);
        // what is known shows that nothing was decoded
        known.0.lock().expect("no panic").get_mut(&digest).expect("is known").entries = Members::default();
        let again = read(&[layer(&bytes)]);
        assert_eq!((again[0].entries.len(), &again[0].diff_id), (0, &first[0].diff_id));
        // other bytes under the same digest are read, and told
        let other = [&bytes[..], &[0; 512]].concat();
        let told = read(&[layer(&other)]);
        let codes: Vec<_> = told[0].limitations.iter().map(|limitation| limitation.code).collect();
        assert!(codes.contains(&"layer-digest-mismatch"), "{codes:?}");
        assert_eq!(told[0].entries.len(), 1);
    }

    #[test]
    fn a_layer_of_known_members_is_known() {
        let (old, new) = (Digest::sha256(b"old"), Digest::sha256(b"new"));
        let entries = |names: &[&str]| names.iter().map(|name| FileEntry::file(name, 1)).collect::<Members>();
        let fact = |member| FactOf {
            node: Node { layer: 0, member },
            collector: 0,
            fact: Arc::new(Fact::Gap(format!("of {member}").into())),
        };
        let note = |place: &str| Limitation::note("odd", place, "it is odd");
        let derived = |names: &[&str], kept: &[u32], notes: &[&str]| {
            let known = Known::default();
            let facts = LayerFacts {
                entries: entries(&["a", "b", "c", "d"]),
                seen: vec![1, 2, 3, 4],
                facts: vec![fact(0), fact(1), fact(3)],
                limitations: notes.iter().map(|place| note(place)).collect(),
                ..LayerFacts::default()
            };
            known.0.lock().expect("no panic").insert(old.clone(), facts);
            let read = LayerFacts { entries: entries(names), digest: Some(new.clone()), ..LayerFacts::default() };
            known.derive(&old, read, kept);
            known.of(&new).map(|facts| {
                let told = facts.facts.iter().map(|fact| (fact.node.member, format!("{:?}", fact.fact)));
                (facts.seen.clone(), told.collect::<Vec<_>>(), facts.limitations.len())
            })
        };
        let found = derived(&["a", "c", "d"], &[0, 2, 3], &["/d"]).expect("is known");
        let facts = [(0, "Gap(\"of 0\")".to_owned()), (2, "Gap(\"of 3\")".to_owned())];
        assert_eq!(found, (vec![1, 3, 4], facts.to_vec(), 1));
        // told of the layer, or of what may have gone; members out of order, too few, unknown
        for (names, kept, notes) in [
            (&["a", "c"][..], &[0, 2][..], &[""][..]),
            (&["a", "c"], &[0, 2], &["/b"]),
            (&["a", "c"], &[0, 2], &["/b!inner"]),
            (&["c", "a"], &[2, 0], &[]),
            (&["a", "c"], &[0], &[]),
            (&["a", "x"], &[0, 9], &[]),
        ] {
            assert!(derived(names, kept, notes).is_none(), "{names:?} {notes:?}");
        }
    }

    #[test]
    fn windows_of_one_file_share_a_cap() {
        let selectors = Selectors::new([]);
        let limits = Limits::default();
        let pass = Pass::new(&[], &selectors, &limits, 1, &()).expect("threads start");
        let (one, other) = (Node { layer: 0, member: 1 }, Node { layer: 0, member: 2 });
        let seen = [(one, 60_000), (other, 60_000), (one, 60_000), (one, 0), (one, 1), (other, 1)]
            .map(|(node, count)| pass.beyond_windows(node, count));
        assert_eq!(seen, [None, None, Some(true), None, Some(false), None]);
    }
}
