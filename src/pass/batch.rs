//! Files on their way from a reader to the collectors: many small ones, or one window of a large one.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::collect::{Collector, Delivery, Facts, File, Mask, OVERLAP, WINDOW};
use crate::limit::Limits;
use crate::limitation::Limitation;
use crate::path::ImagePath;
use crate::tree::{FileEntry, Node};

use super::pool::Memory;

/// Some files' bytes, one after the other in one buffer.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) buffer: Memory,
    pub(super) files: Vec<BatchFile>,
}

/// One file of a batch, or one window of it.
#[derive(Debug)]
pub(super) struct BatchFile {
    pub(super) node: Node,
    /// The name under which it was selected.
    pub(super) path: ImagePath,
    pub(super) entry: FileEntry,
    /// Which collectors want it.
    pub(super) mask: Mask,
    /// Where its bytes start in the buffer, and how many they are.
    pub(super) start: usize,
    pub(super) length: usize,
    /// Set when the bytes are one window of the file.
    pub(super) window: Option<WindowPlace>,
}

/// Where a window lies in its file.
#[derive(Debug, Clone, Copy)]
pub(super) struct WindowPlace {
    pub(super) offset: u64,
    pub(super) lines_before: u64,
    pub(super) overlap: usize,
    pub(super) is_last: bool,
}

impl Batch {
    /// Shows every file to the collectors that want it.
    pub(super) fn run(&self, collectors: &[&dyn Collector], limits: &Limits) -> Facts {
        let mut facts = Facts::within(limits);
        for file in &self.files {
            let bytes = self.buffer.bytes().get(file.start..file.start + file.length).unwrap_or_default();
            for (index, collector) in collectors.iter().enumerate() {
                if file.mask & (1 << index) != 0 {
                    facts.begin(file.node, index);
                    show(*collector, file, bytes, &mut facts);
                }
            }
        }
        facts
    }
}

fn show(collector: &dyn Collector, file: &BatchFile, bytes: &[u8], facts: &mut Facts) {
    let whole = File {
        node: file.node,
        path: &file.path,
        entry: &file.entry,
        bytes,
        offset: 0,
        lines_before: 0,
        overlap: 0,
        is_last: true,
        whole: Some(bytes),
    };
    match (file.window, collector.delivery()) {
        (Some(place), _) => {
            let WindowPlace { offset, lines_before, overlap, is_last } = place;
            call(collector, &File { offset, lines_before, overlap, is_last, whole: None, ..whole }, facts);
        }
        (None, Delivery::Windows) if bytes.len() > WINDOW => {
            let (mut start, mut lines_before, mut overlap) = (0, 0, 0);
            loop {
                let window = bytes.get(start..bytes.len().min(start + WINDOW)).unwrap_or_default();
                let is_last = start + window.len() == bytes.len();
                call(
                    collector,
                    &File { bytes: window, offset: start as u64, lines_before, overlap, is_last, ..whole },
                    facts,
                );
                if is_last {
                    break;
                }
                let step = WINDOW - OVERLAP;
                lines_before += line_feeds(window.get(..step).unwrap_or_default());
                start += step;
                overlap = OVERLAP;
            }
        }
        (None, _) => call(collector, &whole, facts),
    }
}

/// A panic in a collector costs that file for that collector, and is told.
fn call(collector: &dyn Collector, file: &File<'_>, facts: &mut Facts) {
    if catch_unwind(AssertUnwindSafe(|| collector.collect(file, facts))).is_err() {
        facts.limitation(
            Limitation::gap(
                "collector-failed",
                file.path.to_string(),
                format!("the `{}` collector failed on this file", collector.id()),
            )
            .help("this is a defect in careen: please report it, with the file if you can"),
        );
    }
}

/// Line feeds in `bytes`.
pub(super) fn line_feeds(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}
