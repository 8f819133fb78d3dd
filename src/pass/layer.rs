//! Reads one layer: decode and hash, walk the members, hand bytes to collectors.

use std::io::{self, BufRead as _, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::collect::{Delivery, Fact, FactOf, HEAD, HELD, Mask, OVERLAP, WINDOW};
use crate::digest::HashingReader;
use crate::error::Error;
use crate::escape::escape;
use crate::limitation::Limitation;
use crate::path::ImagePath;
use crate::size::ByteSize;
use crate::tree::{FileEntry, Node};

use super::batch::{Batch, BatchFile, WindowPlace, line_feeds};
use super::decode::{self, Compression, DecodeError, DecodeErrorKind, Decoder};
use super::pool::Memory;
use super::tar::{TarError, TarErrorKind, TarReader};
use super::{Pass, Progress, Sinks, Stated, Wanted, algorithm};

/// Files of one batch; more would make tasks uneven.
const BATCH_FILES: usize = 256;

/// Code of a layer that asks for more than a limit.
const BEYOND_LIMIT: &str = "layer-beyond-limit";

/// A reader at work: it fills batches, and the scope runs them.
pub(super) struct Reading<'s, 'scope> {
    pub(super) pass: &'scope Pass<'scope>,
    pub(super) scope: &'s rayon::Scope<'scope>,
    pub(super) sinks: &'scope Sinks,
}

impl<'scope> Reading<'_, 'scope> {
    /// Runs `read` for a layer; a panic in a decoder costs the rest of that layer, and is told.
    pub(super) fn guarded(&self, layer: usize, read: impl FnOnce(&Self)) {
        if catch_unwind(AssertUnwindSafe(|| read(self))).is_err() {
            let limitation = Limitation::gap("layer-reader-failed", "", "careen failed on this layer")
                .help("this is a defect in careen: please report it, with the image if you can");
            self.sinks.with(layer, |facts| facts.limitations.push(limitation));
        }
    }

    /// Says that a layer could not be opened.
    pub(super) fn fail(&self, layer: usize, error: &Error) {
        let help = error.help.clone().unwrap_or_default();
        let limitation =
            Limitation::gap("layer-unreadable", "", format!("the layer could not be opened: {error}")).help(help);
        self.sinks.with(layer, |facts| facts.limitations.push(limitation));
    }

    /// Reads one layer whole.
    pub(super) fn layer(&self, layer: usize, blob: &mut (dyn Read + '_), stated: &Stated<'_>) {
        let counting = Counting { inner: blob, progress: self.pass.progress };
        let mut stored = HashingReader::new(counting, algorithm(stated.digest));
        let walked = self.decode(layer, &mut stored, stated);
        // what follows the compressed data belongs to the blob's digest too
        let drained = io::copy(&mut stored, &mut io::sink());
        let (digest, size) = stored.finish();
        self.sinks.with(layer, |facts| {
            facts.stored = size;
            facts.compression = walked.as_ref().ok().map(|(compression, _)| *compression);
            facts.digest = drained.is_ok().then_some(digest);
            match walked {
                Ok((compression, hashed)) if drained.is_ok() => {
                    facts.expanded = if compression == Compression::None { size } else { hashed.1 };
                    // a plain layer is hashed once, unless its two digests are by different algorithms
                    facts.diff_id = hashed.0.or_else(|| facts.digest.clone());
                }
                Ok((_, hashed)) => facts.expanded = hashed.1,
                Err(limitation) => facts.limitations.push(limitation),
            }
            if let Err(error) = &drained
                && facts.limitations.is_empty()
            {
                facts.limitations.push(unreadable("layer-unreadable", &error.to_string()));
            }
            facts.verify(stated);
        });
        self.pass.progress.layer_done();
    }

    /// The compression, and digest and size of the uncompressed tar where the blob's own do not tell them.
    fn decode(
        &self,
        layer: usize,
        blob: impl Read,
        stated: &Stated<'_>,
    ) -> Result<(Compression, (Option<crate::digest::Digest>, u64)), Limitation> {
        let decoder = decode::open(blob, self.pass.limits).map_err(|error| undecodable(&error))?;
        let compression = decoder.compression();
        if compression == Compression::None {
            if algorithm(stated.digest) == algorithm(stated.diff_id) {
                self.walk(layer, decoder)?;
                return Ok((compression, (None, 0)));
            }
            let mut tar = HashingReader::new(decoder, algorithm(stated.diff_id));
            self.walk(layer, &mut tar)?;
            let (digest, size) = tar.finish();
            return Ok((compression, (Some(digest), size)));
        }
        let limit = self.pass.limits.expanded;
        let decoder = Capped { inner: decoder, total: &self.pass.decoded, limit };
        let mut expanded = HashingReader::new(decoder, algorithm(stated.diff_id));
        let walked = self.walk(layer, &mut expanded);
        let (digest, size) = expanded.finish();
        walked.map(|()| (compression, (Some(digest), size)))
    }

    fn walk(&self, layer: usize, tar: impl Read) -> Result<(), Limitation> {
        let mut members = TarReader::new(tar, self.pass.limits);
        let mut filling = Filling::new(self, layer);
        let walked = self.members_of(&mut members, &mut filling);
        filling.finish();
        let finished = members.finish();
        let notes = finished.anomalies.into_iter().map(|anomaly| {
            let place = anomaly.path.map(|path| path.to_string()).unwrap_or_default();
            let help = "readers of archives disagree here: rebuild the layer with a current tool";
            if anomaly.is_gap {
                Limitation::gap(anomaly.code, place, anomaly.what).help(help)
            } else {
                Limitation::note(anomaly.code, place, anomaly.what)
            }
        });
        self.sinks.with(layer, |facts| facts.limitations.extend(notes));
        match finished.error {
            Some(error) => walked.and(Err(unwalkable(&error))),
            None => walked,
        }
    }

    fn members_of<R: Read>(
        &self,
        members: &mut TarReader<R>,
        filling: &mut Filling<'_, '_, 'scope>,
    ) -> Result<(), Limitation> {
        while let Some(entry) = members.next().map_err(|error| unwalkable(&error))? {
            if self.pass.entries.fetch_add(1, Ordering::Relaxed) >= self.pass.limits.entries {
                let what = format!(
                    "the image has more than {} files; the rest of this layer was not read",
                    self.pass.limits.entries
                );
                return Err(Limitation::gap("too-many-files", "", what)
                    .help("raise the limit if you trust the image: `--limit entries=N`"));
            }
            let selectors = self.pass.selectors;
            let mask = if entry.is_file() {
                selectors.by_name(&entry.path)
                    | selectors.everything()
                    | selectors.by_member(&entry)
                    | selectors.by_head(|| head_of(members))
            } else {
                0
            };
            if mask == 0 {
                filling.skip(entry);
            } else {
                let path = entry.path.clone();
                filling.member(members, entry, path, mask)?;
            }
        }
        Ok(())
    }

    /// Reads again those members that `wanted` lists, and stops after the last.
    pub(super) fn members(&self, layer: usize, blob: &mut (dyn Read + '_), wanted: &Wanted) {
        let read = || -> Result<usize, Limitation> {
            let decoder = decode::open(blob, self.pass.limits).map_err(|error| undecodable(&error))?;
            let mut members = TarReader::new(decoder, self.pass.limits);
            let mut filling = Filling::new(self, layer);
            let mut left = wanted.len();
            while left > 0 {
                let entry = members.next().map_err(|error| unwalkable(&error))?;
                let Some(entry) = entry else { break };
                match wanted.get(&filling.next_member()) {
                    Some((mask, path)) => {
                        left -= 1;
                        filling.member(&mut members, entry, path.clone(), *mask)?;
                    }
                    None => filling.skip(entry),
                }
            }
            filling.finish();
            Ok(left)
        };
        match read() {
            Ok(0) => {}
            Ok(_) => self.sinks.with(layer, |facts| {
                facts.limitations.push(unreadable("layer-changed", "it held other files when it was read again"));
            }),
            Err(limitation) => self.sinks.with(layer, |facts| facts.limitations.push(limitation)),
        }
    }
}

fn undecodable(error: &io::Error) -> Limitation {
    let code = match DecodeError::of(error).map(|error| error.kind) {
        Some(DecodeErrorKind::Truncated) => "layer-truncated",
        Some(DecodeErrorKind::Corrupt) => "layer-corrupt",
        Some(DecodeErrorKind::Limit) => BEYOND_LIMIT,
        Some(DecodeErrorKind::Unsupported) => "layer-unsupported",
        None => "layer-unreadable",
    };
    unreadable(code, &error.to_string())
}

fn unwalkable(error: &TarError) -> Limitation {
    if let Some(source) = error.source.as_deref() {
        return undecodable(source);
    }
    let code = match error.kind {
        TarErrorKind::Truncated => "layer-truncated",
        TarErrorKind::Malformed => "layer-malformed",
        TarErrorKind::Limit => BEYOND_LIMIT,
        TarErrorKind::Read => "layer-unreadable",
    };
    unreadable(code, &error.to_string())
}

fn unreadable(code: &'static str, what: &str) -> Limitation {
    let help = if code == BEYOND_LIMIT {
        "if you trust the image, raise the limit with `--limit NAME=VALUE`; `careen scan --help` lists them"
    } else {
        "the layer looks cut short or damaged: fetch the image again, or scan the registry directly"
    };
    Limitation::gap(code, "", escape(what)).help(help)
}

/// Fills batches with members of one layer.
struct Filling<'r, 's, 'scope> {
    reading: &'r Reading<'s, 'scope>,
    layer: usize,
    entries: Vec<FileEntry>,
    seen: Vec<Mask>,
    limitations: Vec<Limitation>,
    facts: Vec<FactOf>,
    batch: Batch,
}

impl<'r, 's, 'scope> Filling<'r, 's, 'scope> {
    fn new(reading: &'r Reading<'s, 'scope>, layer: usize) -> Self {
        Self {
            reading,
            layer,
            entries: Vec::new(),
            seen: Vec::new(),
            limitations: Vec::new(),
            facts: Vec::new(),
            batch: Batch::default(),
        }
    }

    fn next_member(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(u32::MAX)
    }

    fn skip(&mut self, entry: FileEntry) {
        self.entries.push(entry);
        self.seen.push(0);
    }

    /// Takes one member that somebody wants, and as much of its bytes as they want.
    fn member<R: Read>(
        &mut self,
        bytes: &mut TarReader<R>,
        entry: FileEntry,
        path: ImagePath,
        mask: Mask,
    ) -> Result<(), Limitation> {
        let node = Node { layer: 0, member: self.next_member() };
        self.entries.push(entry.clone());
        self.seen.push(mask);
        let pass = self.reading.pass;
        let stored = bytes.stored();
        if pass.expanded.fetch_add(stored, Ordering::Relaxed).saturating_add(stored) > pass.limits.expanded.bytes() {
            pass.expanded.fetch_sub(stored, Ordering::Relaxed);
            let what = format!(
                "the file claims {}, and the image would be larger than {} with it",
                ByteSize(stored),
                pass.limits.expanded
            );
            self.limitations.push(
                Limitation::gap("image-too-large", path.to_string(), what)
                    .help("raise the limit if you trust the image: `--limit expanded=SIZE`"),
            );
            return Ok(());
        }
        let (whole, windows) = self.split(&entry, node, mask);
        let file = BatchFile { node, path, mask: whole | windows, start: 0, length: 0, window: None, entry };
        if file.mask == 0 {
            return Ok(());
        }
        let size = usize::try_from(file.entry.size).unwrap_or(usize::MAX);
        // a sparse file's few bytes would fill a buffer
        if whole == 0 && (size > HELD || size > WINDOW && stored < file.entry.size) {
            self.windows(bytes, &file)
        } else if size > WINDOW {
            self.alone(bytes, file, size, whole == 0)
        } else {
            self.small(bytes, file, size)
        }
    }

    /// Which collectors get the file whole and which in windows; one whose limit it exceeds gets nothing.
    fn split(&mut self, entry: &FileEntry, node: Node, mask: Mask) -> (Mask, Mask) {
        let (mut whole, mut windows) = (0, 0);
        for (index, collector) in self.reading.pass.collectors.iter().enumerate() {
            let bit = 1 << index;
            if mask & bit == 0 {
                continue;
            }
            match collector.delivery() {
                Delivery::Whole(limit) | Delivery::WholeOrNothing(limit) | Delivery::WholeOrWindows(limit)
                    if entry.size <= limit.bytes() =>
                {
                    whole |= bit;
                }
                Delivery::Windows | Delivery::WholeOrWindows(_) => windows |= bit,
                Delivery::WholeOrNothing(_) => {}
                Delivery::Whole(limit) => {
                    self.facts.push(FactOf { node, collector: index, fact: Arc::new(Fact::TooLarge(limit)) });
                }
            }
        }
        (whole, windows)
    }

    /// A file that shares a batch with others.
    fn small(&mut self, bytes: &mut impl Read, mut file: BatchFile, size: usize) -> Result<(), Limitation> {
        let pass = self.reading.pass;
        if self.batch.files.len() >= BATCH_FILES || self.batch.buffer.len() + size > WINDOW {
            self.flush();
        }
        if self.batch.buffer.capacity() == 0 {
            // the first batch of a small layer need not be large
            self.batch.buffer = pass.memory(if self.entries.len() < BATCH_FILES { size } else { WINDOW });
        }
        file.start = self.batch.buffer.len();
        file.length = size;
        read_into(bytes, &mut self.batch.buffer, size, &file.path)?;
        self.batch.files.push(file);
        Ok(())
    }

    /// A large file that somebody wants whole, or that is small enough to be held.
    fn alone(
        &mut self,
        bytes: &mut impl Read,
        mut file: BatchFile,
        size: usize,
        is_windowed: bool,
    ) -> Result<(), Limitation> {
        self.flush();
        self.reading.pass.budget.take(size as u64);
        let mut buffer = self.reading.pass.memory(size);
        // what a larger file left of it counts too
        let taken = size.max(buffer.touched()) as u64;
        self.reading.pass.budget.add(taken.saturating_sub(size as u64));
        let read = read_into(bytes, &mut buffer, size, &file.path);
        if read.is_err() {
            self.reading.pass.budget.give(taken);
            return read;
        }
        if is_windowed && is_blank(buffer.bytes()) {
            self.reading.pass.budget.give(taken);
            self.reading.pass.recycle(buffer);
            return Ok(());
        }
        file.length = size;
        self.reading.spawn(self.layer, Batch { buffer, files: vec![file] }, taken);
        Ok(())
    }

    /// A large file, one window after the other.
    fn windows<R: Read>(&mut self, bytes: &mut TarReader<R>, file: &BatchFile) -> Result<(), Limitation> {
        self.flush();
        let mut left = file.entry.size;
        let mut place = WindowPlace { offset: 0, lines_before: 0, overlap: 0, is_last: false };
        let mut tail: Vec<u8> = Vec::new();
        loop {
            if bytes.hole() > WINDOW as u64 && is_blank(&tail) {
                // a few bytes of a header can claim exabytes of zeros
                let hole = bytes.skip_hole();
                left = left.saturating_sub(hole);
                let end = place.offset + tail.len() as u64 + hole;
                place = WindowPlace {
                    offset: end,
                    lines_before: place.lines_before + line_feeds(&tail),
                    overlap: 0,
                    is_last: false,
                };
                tail.clear();
                if left == 0 {
                    return Ok(());
                }
            }
            let mut buffer = self.reading.pass.memory(WINDOW);
            buffer.extend(&tail);
            let fresh = usize::try_from(left).unwrap_or(usize::MAX).min(WINDOW - buffer.len());
            read_into(bytes, &mut buffer, fresh, &file.path)?;
            left -= fresh as u64;
            place.is_last = left == 0;
            let step = buffer.len().saturating_sub(OVERLAP);
            tail.clear();
            tail.extend_from_slice(buffer.bytes().get(step..).unwrap_or_default());
            let lines = line_feeds(buffer.bytes().get(..step).unwrap_or_default());
            let length = buffer.len();
            let window = BatchFile {
                node: file.node,
                path: file.path.clone(),
                entry: file.entry.clone(),
                mask: file.mask,
                start: 0,
                length,
                window: Some(place),
            };
            if is_blank(buffer.bytes()) {
                // zeros hold nothing anybody looks for, and images of disks are full of them
                self.reading.pass.recycle(buffer);
            } else {
                self.reading.pass.budget.take(WINDOW as u64);
                self.reading.spawn(self.layer, Batch { buffer, files: vec![window] }, WINDOW as u64);
            }
            if place.is_last {
                return Ok(());
            }
            place = WindowPlace {
                offset: place.offset + step as u64,
                lines_before: place.lines_before + lines,
                overlap: OVERLAP,
                is_last: false,
            };
        }
    }

    fn flush(&mut self) {
        if self.batch.files.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        let bytes = batch.buffer.capacity() as u64;
        self.reading.pass.budget.take(bytes);
        self.reading.spawn(self.layer, batch, bytes);
    }

    fn finish(mut self) {
        self.flush();
        self.reading.sinks.with(self.layer, |facts| {
            facts.entries = self.entries.into();
            facts.seen = self.seen;
            facts.limitations.append(&mut self.limitations);
            facts.facts.append(&mut self.facts);
        });
    }
}

impl Reading<'_, '_> {
    /// Runs a batch as a task, or here if the tasks are behind. Gives `taken` back to the budget.
    fn spawn(&self, layer: usize, batch: Batch, taken: u64) {
        let (pass, sinks) = (self.pass, self.sinks);
        let run = move || {
            let learned = batch.run(pass.collectors, pass.limits);
            let count = learned.cost();
            let (mut facts, mut limitations) = learned.into_parts();
            pass.budget.give(taken);
            pass.recycle(batch.buffer);
            if let Some(file) = batch.files.iter().find(|file| file.window.is_some())
                && let Some(is_first) = pass.beyond_windows(file.node, count)
            {
                facts.clear();
                if is_first {
                    let what = "it holds more packages and the like than any real file; the rest was dropped";
                    limitations.push(
                        Limitation::gap("too-many-facts", file.path.to_string(), what)
                            .help("no real file has so many: look at it by hand"),
                    );
                }
            }
            let learned = pass.facts.fetch_add(count, Ordering::Relaxed).saturating_add(count);
            if learned > pass.limits.facts {
                facts.clear();
                limitations.clear();
                let what = format!(
                    "the image has more than {} packages, secrets and the like; the rest was dropped",
                    pass.limits.facts
                );
                limitations.push(
                    Limitation::gap("too-many-facts", "", what).help("no real image has so many: look at it by hand"),
                );
            }
            if !facts.is_empty() || !limitations.is_empty() {
                sinks.with(layer, |layer| {
                    layer.facts.append(&mut facts);
                    layer.limitations.append(&mut limitations);
                });
            }
        };
        if pass.budget.is_strained() {
            run();
        } else {
            self.scope.spawn(move |_| run());
        }
    }
}

/// Appends `size` bytes to `buffer`.
fn read_into(bytes: &mut impl Read, buffer: &mut Memory, size: usize, path: &ImagePath) -> Result<(), Limitation> {
    match buffer.fill(bytes, size) {
        Ok(read) if read == size => Ok(()),
        Ok(read) => {
            Err(unreadable("layer-truncated", &format!("the layer ends after {read} of {size} bytes of {path}")))
        }
        Err(error) => {
            Err(unreadable("layer-unreadable", &format!("the layer could not be read on in {path}: {error}")))
        }
    }
}

/// The first bytes of the member at hand, as many as are buffered, left to be read.
fn head_of<R: Read>(members: &mut TarReader<R>) -> &[u8] {
    // what keeps it from being read is met again, and told, when it is read
    let head = members.fill_buf().unwrap_or_default();
    head.get(..HEAD).unwrap_or(head)
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// Ends in an error when all layers together decode to more than the limit.
struct Capped<'a, R: Read> {
    inner: Decoder<R>,
    total: &'a AtomicU64,
    limit: ByteSize,
}

impl<R: Read> Read for Capped<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let total = self.total.fetch_add(read as u64, Ordering::Relaxed).saturating_add(read as u64);
        if total > self.limit.bytes() {
            let what = format!("the layers of the image together expand to more than {}", self.limit);
            let (kind, compression, after) = (DecodeErrorKind::Limit, self.inner.compression(), self.inner.decoded());
            return Err(DecodeError { kind, compression, what, after }.into());
        }
        Ok(read)
    }
}

/// Reports what is read as progress.
struct Counting<'a, R> {
    inner: R,
    progress: &'a dyn Progress,
}

impl<R: Read> Read for Counting<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.progress.bytes(read as u64);
        Ok(read)
    }
}
