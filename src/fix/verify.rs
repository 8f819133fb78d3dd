//! Proves a rebuilt image from what was written: it is what the plan says, and nothing else.
//!
//! All is read again from the output. Digests, sizes and diff IDs are checked while it is scanned, as of any image; here each layer
//! is compared member for member with what its edits make of the old one, the configuration and the merged tree with what the
//! plan says, and what was taken out is looked for everywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read};

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::finding::{Finding, Location};
use crate::image::{Blob, Image};
use crate::inventory::Inventory;
use crate::limit::Limits;
use crate::pass::decode;
use crate::pass::tar::TarReader;
use crate::path::ImagePath;
use crate::policy::{Action as Judgement, Judged};
use crate::rebuild::{Edit, Edits, Excised, RebuiltImage};
use crate::rule::Severity;
use crate::secret::Needles;
use crate::tree::Node;

use super::compare;
use super::plan::ImagePlan;

/// Differences that are told; the rest is counted.
const TOLD: usize = 20;

/// Largest file of a layer that is looked into for what it holds, in bytes.
const LARGEST: u64 = 512 << 20;

/// One image before or after.
pub struct Side<'a> {
    /// What it holds.
    pub inventory: &'a Inventory,
    /// Its layers.
    pub image: &'a Image,
    /// Its findings, judged.
    pub judged: &'a [Judged],
}

/// What is wrong with an output.
#[derive(Debug, Default)]
pub struct Flaws(Vec<String>);

impl Flaws {
    fn add(&mut self, what: impl Into<String>) {
        self.0.push(what.into());
    }

    fn extend(&mut self, all: impl IntoIterator<Item = String>) {
        self.0.extend(all);
    }

    /// Fails if there are any, naming the first.
    pub fn check(mut self) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        self.0.sort();
        self.0.dedup();
        let more = self.0.len().saturating_sub(TOLD);
        self.0.truncate(TOLD);
        let mut what = format!("the rebuilt image is not what was planned: {}", self.0.join("; "));
        if more > 0 {
            what += &format!("; and {more} more");
        }
        Err(Error::new(ErrorKind::Unproven, what).help(
            "nothing was written; leave the action out with `--skip`, and please report it: this is a defect in careen",
        ))
    }
}

/// Compares an image with what the plan makes of the one before.
pub fn image(
    before: &Side<'_>,
    after: &Side<'_>,
    plan: &ImagePlan,
    edits: &Edits,
    rebuilt: &RebuiltImage,
    limits: &Limits,
) -> Result<Flaws> {
    let mut flaws = Flaws::default();
    readable(before, after, &mut flaws);
    layers(before, after, edits, rebuilt, limits, &mut flaws)?;
    names(before, after, edits, &mut flaws);
    findings(before, after, plan, &mut flaws);
    Ok(flaws)
}

/// What could not be read of the output, and could of the input.
fn readable(before: &Side<'_>, after: &Side<'_>, flaws: &mut Flaws) {
    let known: BTreeSet<&str> =
        before.inventory.limitations.iter().filter(|one| one.is_gap).map(|one| one.code).collect();
    for one in after.inventory.limitations.iter().filter(|one| one.is_gap && !known.contains(one.code)) {
        flaws.add(format!("{}: {}", one.place, one.what));
    }
}

/// Layers that stay are the same blobs, others are what their edits say.
fn layers(
    before: &Side<'_>,
    after: &Side<'_>,
    edits: &Edits,
    rebuilt: &RebuiltImage,
    limits: &Limits,
    flaws: &mut Flaws,
) -> Result<()> {
    let mut by_layer: BTreeMap<u32, Vec<&Edit>> = BTreeMap::new();
    for edit in &edits.0 {
        if let Some(member) = edit.member() {
            by_layer.entry(member.layer).or_default().push(edit);
        }
    }
    let has_top = edits.0.iter().any(Edit::is_on_top);
    let kept: Vec<_> = rebuilt.layers.iter().filter(|layer| layer.after.is_some()).collect();
    if kept.len() != after.image.layers.len() || kept.len() != after.inventory.layers.len() {
        flaws.add(format!("it has {} layers where {} are expected", after.image.layers.len(), kept.len()));
        return Ok(());
    }
    let olds = before.inventory.layers.len();
    if rebuilt.layers.len() != olds.saturating_add(usize::from(has_top)) {
        flaws.add(format!("{} layers were made of {olds}", rebuilt.layers.len()));
    }
    for change in rebuilt.layers.iter().filter(|layer| layer.after.is_none()) {
        // only what the edits emptied may be left out
        let is_empty = before.image.layers.get(change.index as usize).is_some_and(|layer| {
            let own = by_layer.get(&change.index).map_or(&[][..], Vec::as_slice);
            !own.is_empty() && compare::layer(&*layer.blob, &empty(), own, limits).is_ok_and(|found| found.is_empty())
        });
        if !is_empty {
            flaws.add(format!("layer {} is missing", change.index));
        }
    }
    for (change, (layer, summary)) in kept.iter().zip(after.image.layers.iter().zip(&after.inventory.layers)) {
        let index = change.index;
        let Some(state) = &change.after else { continue };
        if summary.digest.as_ref() != Some(&state.digest) || summary.diff_id.as_ref() != Some(&state.diff_id) {
            flaws.add(format!("layer {index} was read with another digest than it was written with"));
        }
        let Some(old) = before.image.layers.get(index as usize) else {
            // the layer on top; the tree shows what it does
            if !has_top {
                flaws.add(format!("layer {index} came from nowhere"));
            }
            continue;
        };
        match by_layer.get(&index) {
            Some(edits) => {
                let found = compare::layer(&*old.blob, &*layer.blob, edits, limits)?;
                flaws.extend(found.into_iter().map(|what| format!("layer {index}: {what}")));
            }
            None => {
                let old = before.inventory.layers.get(index as usize).and_then(|layer| layer.diff_id.as_ref());
                if old != summary.diff_id.as_ref() {
                    flaws.add(format!("layer {index} changed, which nothing was planned for"));
                }
            }
        }
    }
    Ok(())
}

/// A layer without members.
fn empty() -> Vec<u8> {
    vec![0; 1_024]
}

/// The merged tree differs only where the plan says so.
fn names(before: &Side<'_>, after: &Side<'_>, edits: &Edits, flaws: &mut Flaws) {
    let (old, new) = (&before.inventory.tree, &after.inventory.tree);
    let mut planned: BTreeSet<ImagePath> = BTreeSet::new();
    for edit in &edits.0 {
        if let Some(member) = edit.member() {
            let node = Node { layer: member.layer, member: member.member };
            let members = old.layers().get(member.layer as usize);
            let Some(entry) = members.and_then(|members| members.get(member.member as usize)) else { continue };
            planned.insert(entry.path.clone());
            planned.insert(old.real_folder(&entry.path.parent()).join(entry.path.file_name()));
            // another name of a file whose header changes
            planned.extend(old.names_of(node).cloned());
        } else if let Edit::AddFile { path, .. } | Edit::AddFolder { path, .. } | Edit::Whiteout { path } = edit {
            planned.insert(path.as_str().into());
        }
    }
    let entry_of = |tree: &crate::tree::Tree, node: Node| {
        let entry = tree.entry(node);
        (entry.kind.clone(), entry.mode, entry.uid, entry.gid, entry.size, entry.mtime)
    };
    let olds: BTreeMap<&ImagePath, Node> = old.names().collect();
    let news: BTreeMap<&ImagePath, Node> = new.names().collect();
    let is_planned = |path: &ImagePath| {
        planned.contains(path)
            || planned.iter().any(|folder| path.is_under(folder.as_bytes()) && !news.contains_key(folder))
    };
    for (path, node) in &olds {
        let differs = match news.get(path) {
            None => true,
            Some(other) => {
                let (a, b) = (entry_of(old, *node), entry_of(new, *other));
                // a link may have become the file
                a != b && old.entry(*node).is_file() == new.entry(*other).is_file()
            }
        };
        if differs && !is_planned(path) {
            let what = if news.contains_key(path) { "changed" } else { "is gone" };
            flaws.add(format!("`{}` {what}, which nothing was planned for", escape(path.to_string())));
        }
    }
    let dropped: BTreeSet<&ImagePath> = olds.keys().copied().collect();
    for path in news.keys().filter(|path| !dropped.contains(*path) && !is_planned(path)) {
        flaws.add(format!("`{}` appeared, which nothing was planned for", escape(path.to_string())));
    }
    // what an edit takes out of the upper layers must not let an older file show
    for edit in &edits.0 {
        let Edit::DropMember { member, .. } = edit else { continue };
        let node = Node { layer: member.layer, member: member.member };
        for name in old.names_of(node) {
            if news.contains_key(name)
                && !edits
                    .0
                    .iter()
                    .any(|edit| matches!(edit, Edit::AddFile { path, .. } if ImagePath::from(path.as_str()) == *name))
            {
                flaws
                    .add(format!("`{}` was taken out, and an older file shows in its place", escape(name.to_string())));
            }
        }
    }
}

/// What the plan mends is found no more, and nothing new is.
fn findings(before: &Side<'_>, after: &Side<'_>, plan: &ImagePlan, flaws: &mut Flaws) {
    let mended: BTreeSet<&str> = plan.active().flat_map(|action| action.findings.iter().map(String::as_str)).collect();
    let mut counts: BTreeMap<(&str, String, String), (i64, &Finding)> = BTreeMap::new();
    let counted = |judged: &&Judged| judged.action != Judgement::Ignore && judged.finding.rule.family() != "policy";
    for judged in before.judged.iter().filter(counted) {
        let finding = &judged.finding;
        let entry = counts.entry(key(finding)).or_insert((0, finding));
        if !mended.contains(finding.fingerprint().as_str()) {
            entry.0 = entry.0.saturating_add(1);
        }
    }
    for judged in after.judged.iter().filter(counted).filter(|judged| judged.finding.severity > Severity::Info) {
        let finding = &judged.finding;
        let left = match counts.get_mut(&key(finding)) {
            Some((left, _)) => {
                *left = left.saturating_sub(1);
                *left
            }
            None => -1,
        };
        if left < 0 {
            let what = if counts.contains_key(&key(finding)) { "is still there" } else { "is new" };
            flaws.add(format!("{}: {} {what}", finding.rule.id, finding.message));
        }
    }
}

/// What a finding is, whatever its layer is.
fn key(finding: &Finding) -> (&'static str, String, String) {
    let place = match &finding.location {
        Location::File { path, .. } => path.to_string(),
        Location::Config { key } => format!("config {key}"),
        Location::History { index, key, .. } => format!("history {index} {key}"),
        Location::Package { purl, path, .. } => format!("{purl} {path}"),
        Location::Dockerfile { file, start, .. } => format!("{file} {start:?}"),
        Location::Image => String::new(),
    };
    (finding.rule.id, finding.subject.clone(), place)
}

/// Looks for what was taken out in everything of the output: its documents, and its layers with all that is packed in them.
/// `documents` are name and bytes.
pub fn absent(
    excised: &[Excised],
    documents: &[(String, Vec<u8>)],
    images: &[&Image],
    limits: &Limits,
) -> Result<Flaws> {
    let mut flaws = Flaws::default();
    let needles = {
        let mut values: Vec<Vec<u8>> = Vec::new();
        for one in excised {
            one.with(|bytes| values.push(bytes.to_vec()));
        }
        let needles = Needles::new(values.iter().map(Vec::as_slice));
        values.iter_mut().for_each(|value| value.fill(0));
        needles
    };
    if needles.is_empty() {
        return Ok(flaws);
    }
    for (name, bytes) in documents {
        needles.in_bytes(bytes, &mut |_, _| {
            flaws.add(format!("`{}` still holds a value that was taken out", escape(name)))
        });
    }
    let mut seen = BTreeSet::new();
    for image in images {
        for layer in &image.layers {
            // one blob may be the layer of several images
            if layer.digest.as_ref().is_some_and(|digest| !seen.insert(digest.clone())) {
                continue;
            }
            in_layer(&needles, layer.index, &*layer.blob, limits, &mut flaws)?;
        }
    }
    Ok(flaws)
}

fn in_layer(needles: &Needles, index: u32, blob: &dyn Blob, limits: &Limits, flaws: &mut Flaws) -> Result<()> {
    let wrong = |e: std::io::Error| Error::io(format!("cannot read layer {index} of the output"), e);
    // the blob as it is stored: what stands beside the compressed data
    let mut has = false;
    search(needles, &mut blob.open()?, &mut has).map_err(wrong)?;
    // the archive: names, contents, and what follows its end
    search(needles, &mut decode::open(blob.open()?, limits).map_err(wrong)?, &mut has).map_err(wrong)?;
    if has {
        flaws.add(format!("layer {index} still holds a value that was taken out"));
    }
    // what is packed in its files
    let decoder = decode::open(blob.open()?, limits).map_err(wrong)?;
    let mut members = TarReader::new(decoder, limits);
    while let Some(entry) = members
        .next()
        .map_err(|e| Error::new(ErrorKind::Malformed, format!("layer {index} of the output cannot be read: {e}")))?
    {
        if !entry.is_file() || members.stored() == 0 {
            continue;
        }
        let mut reader = BufReader::new(&mut members);
        let head = reader.fill_buf().map_err(wrong)?;
        if !crate::secret::may_hold_files(head) {
            continue;
        }
        let mut bytes = Vec::new();
        Read::take(&mut reader, LARGEST.saturating_add(1)).read_to_end(&mut bytes).map_err(wrong)?;
        let path = escape(entry.path.to_string());
        if bytes.len() as u64 > LARGEST {
            flaws.add(format!("`{path}` is too large to be looked into"));
            continue;
        }
        let (hits, _) = needles.in_file(&entry.path, &bytes);
        if let Some(hit) = hits.iter().next() {
            let inside = escape(&hit.inside);
            flaws.add(format!("`{path}` still holds a value that was taken out, in `{inside}`"));
        }
    }
    Ok(())
}

/// Looks through a stream, window by window.
fn search(needles: &Needles, reader: &mut dyn Read, has: &mut bool) -> std::io::Result<()> {
    const WINDOW: usize = 1 << 20;
    let overlap = needles.overlap();
    let mut window = Vec::with_capacity(WINDOW.saturating_add(overlap));
    loop {
        let kept = window.len();
        Read::take(&mut *reader, WINDOW as u64).read_to_end(&mut window)?;
        if window.len() == kept {
            return Ok(());
        }
        needles.in_bytes(&window, &mut |_, _| *has = true);
        let cut = window.len().saturating_sub(overlap);
        window.drain(..cut);
    }
}
